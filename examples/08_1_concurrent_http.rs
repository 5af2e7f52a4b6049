//! Many pages at once, on threads: what Python's asyncio does with tasks, in plain code that waits.
//!
//! On the wire: the same requests as ever (RFC 9112), but on several connections side by side: on each one answer comes
//! after the other. Without a URL only servers of the lab on this machine are asked.

mod lesson;

use clap::Arg;
use lesson::{Args, Server, seconds};
use netprimer::gather::Gather;
use netprimer::lab::http::{self as lab, Lab};
use netprimer::url::Url;
use netprimer::web::{Options, Session};
use netprimer::{Error, Result};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

/// For one page, from the lookup of the name to its last byte: about as long as a person waits for it.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let url = |text: &str| Url::parse(text).map(|url| url.to_string());
    // The lab serves 256 connections at once; a few are for others.
    let count =
        |name, help| Arg::new(name).long(name).value_name("N").value_parser(lesson::whole(1u16, Some(200))).help(help);
    let [target, wire, slow] = lesson::common();
    let args = [
        target
            .value_name("URL")
            .value_parser(url)
            .num_args(0..)
            .help("Fetch these; without any a server is started here"),
        count("at-once", "How many at once, at most [default: 5]"),
        count("pages", "How many pages of our own server are timed [default: 20]").conflicts_with("TARGET"),
        Arg::new("timeout")
            .long("timeout")
            .value_name("SECONDS")
            .value_parser(seconds)
            .help("For each page [default: 10]"),
        wire,
        slow,
    ];
    lesson::tool("Fetches many pages at once.", args, run)
}

fn run(args: &Args) -> Result<()> {
    let count = |name, default| args.get_one::<u16>(name).map_or(default, |n| usize::from(*n));
    let total = args.get_one("timeout").copied().unwrap_or(PATIENCE);
    // One for all threads: it keeps their connections.
    let session = Session::with(Options { total, trace: args.wire(), ..Options::default() });
    let at_once = count("at-once", 5);
    match args.target_or(|| lab::start(lab::Options::default()))?.server {
        None => {
            let urls: Vec<String> = args.get_many("TARGET").into_iter().flatten().cloned().collect();
            match show(&session, &urls, at_once)? {
                0 => Ok(()),
                bad => Err(Error::Other("fetch all pages".into(), format!("{bad} of {} failed", urls.len()).into())),
            }
        }
        Some(lab) => {
            // The first is the slowest, and still the first; two that fail harm nobody.
            let pages = ["/delay/0.2", "/encoding/gbk", "/wrong/cut", "/status/404", "/encoding/utf8"];
            show(&session, &pages.map(|page| lab.url(page)), at_once)?;
            compare(&session, &vec![lab.url("/delay/0.05"); count("pages", 20)], at_once)
        }
    }
}

/// `async def fetch(session, url)` of the usual Python listing. Here the thread waits, and only this one.
fn fetch(session: &Session, url: &str) -> Result<String> {
    session.get(url).send()?.error_for_status()?.text()
}

/// Fetches all, and prints the first hundred characters of each in the order of the addresses. Says how many failed.
fn show(session: &Session, urls: &[String], at_once: usize) -> Result<usize> {
    let mut bad = 0;
    for (url, result) in urls.iter().zip(limited(session, urls, at_once)?) {
        match result {
            Ok(text) => println!("{url}: {}", start_of(&text)),
            Err(error) => {
                println!("{url}: error: {error}");
                bad += 1;
            }
        }
    }
    Ok(bad)
}

/// Python's `result[:100]`: characters. A stranger's control characters must not command our terminal.
fn start_of(text: &str) -> String {
    let shown = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().take(100).map(shown).collect()
}

/// Each page waits for the one before it.
fn serial(session: &Session, urls: &[String]) -> Vec<Result<String>> {
    urls.iter().map(|url| fetch(session, url)).collect()
}

/// A thread for each page: `create_task` is `spawn`, `await task` is `join`.
fn threads(session: &Session, urls: &[String]) -> Vec<Result<String>> {
    let panicked = |_| Err(Error::Other("fetch a page".into(), "its thread panicked".into()));
    thread::scope(|scope| {
        let tasks: Vec<_> = urls.iter().map(|url| scope.spawn(|| fetch(session, url))).collect();
        tasks.into_iter().map(|task| task.join().unwrap_or_else(panicked)).collect()
    })
}

/// A few threads, and each takes the next page as soon as it is done with one: `gather` with a semaphore.
fn limited(session: &Session, urls: &[String], at_once: usize) -> Result<Vec<Result<String>>> {
    let gather = Gather { workers: at_once, ..Gather::default() };
    gather.run(urls, |url, _| fetch(session, url))
}

/// The three ways side by side.
fn compare(session: &Session, urls: &[String], at_once: usize) -> Result<()> {
    println!("{} pages, for each of which the server takes 50 ms:", urls.len());
    let alone = timed("one after another", None, || Ok(serial(session, urls)))?;
    timed(&format!("at most {at_once} at once"), Some(alone), || limited(session, urls, at_once))?;
    timed("a thread for each", Some(alone), || Ok(threads(session, urls)))?;
    Ok(())
}

/// Says how long it took, and how much memory this process had at most so far, the server in it included.
fn timed(name: &str, alone: Option<Duration>, work: impl FnOnce() -> Result<Vec<Result<String>>>) -> Result<Duration> {
    let start = Instant::now();
    work()?.into_iter().collect::<Result<Vec<String>>>()?;
    let time = start.elapsed();
    let faster = alone.map(|alone| format!(", {:.1} times as fast", alone.as_secs_f64() / time.as_secs_f64()));
    let memory = peak().map_or("memory not known on this system".to_owned(), |mib| format!("{mib:.1} MiB at most"));
    println!("  {name}: {:.1} ms{}; {memory}", time.as_secs_f64() * 1e3, faster.unwrap_or_default());
    Ok(time)
}

/// The most memory that this process ever had, in MiB: Linux tells it (proc(5), `VmHWM`, in kB), std has no call for it.
fn peak() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<f64>().ok()? / 1024.0)
}

impl Server for Lab {
    fn name(&self) -> &str {
        "HTTP server"
    }
    fn addr(&self) -> SocketAddr {
        Lab::addr(self)
    }
}
