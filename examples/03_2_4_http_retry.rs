//! HTTP that does not wait for ever and does not give up at once: time limits, and retries with their pauses.
//!
//! On the wire: a SYN without an answer, a request without an answer, a body that drips, and `503 Service Unavailable`
//! with `Retry-After` (RFC 9110 section 10.2.3). What may be sent twice: RFC 9110 section 9.2.2. Without a URL only peers
//! of the lab on this machine are asked.

mod lesson;

use clap::Arg;
use lesson::{Args, Server, flag, pause, seconds, whole};
use netprimer::lab::http::{self as lab, Lab};
use netprimer::lab::ports::Ports;
use netprimer::retry::Policy;
use netprimer::url::Url;
use netprimer::web::{Options, Request, Session};
use netprimer::{Error, Result};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    let url = |text: &str| Url::parse(text).map(|url| url.to_string());
    let page = |text: &str| if text.starts_with('/') { Ok(text.to_owned()) } else { Err("a page begins with /") };
    // What says how to ask has a meaning only where it is said whom.
    let limit =
        |name, help| Arg::new(name).long(name).value_name("SECONDS").value_parser(seconds).requires("asked").help(help);
    let retries = Arg::new("retries").long("retries").value_name("N").value_parser(whole(0u32, None));
    let [target, wire, slow] = lesson::common();
    let args = [
        target
            .value_name("URL")
            .value_parser(url)
            .group("asked")
            .help("Ask for this; without it servers are started here"),
        Arg::new("page")
            .long("page")
            .value_name("PATH")
            .value_parser(page)
            .group("asked")
            .help("Ask our own server for this"),
        flag("post", "POST instead of GET").requires("asked"),
        limit("connect", "Until there is a connection [default: 10]"),
        limit("read", "For each read [default: no such limit]"),
        limit("total", "For everything [default: 30]"),
        limit("backoff", "The factor of the pauses [default: 0.1]").value_parser(pause),
        retries.requires("asked").help("Try again so often [default: 3]"),
        wire,
        slow,
    ];
    lesson::tool("Asks a web server with time limits, and again where that may help.", args, run)
}

fn run(args: &Args) -> Result<()> {
    let chosen = args.target_or(|| lab::start(lab::Options::default()))?;
    let url = match (&chosen.server, args.get_one::<String>("page")) {
        (None, _) => chosen.address,
        (Some(lab), Some(page)) => lab.url(page),
        (Some(lab), None) => return tour(args, lab),
    };
    let time = |name| args.get_one::<Duration>(name).copied();
    let options = options(args);
    let (connect, total) = (time("connect").unwrap_or(options.connect), time("total").unwrap_or(options.total));
    let mut session = Session::with(Options { connect, read: time("read"), total, ..options });
    let backoff_factor = time("backoff").map_or(quick().backoff_factor, |factor| factor.as_secs_f64());
    let retries = args.get_one("retries").copied().unwrap_or(3);
    session.mount("http", Policy { total: retries, backoff_factor, ..usual() }); // https too
    ask(session.request(if args.get_flag("post") { "POST" } else { "GET" }, &url))
}

/// All that this lesson has, asked of peers of the lab.
fn tour(args: &Args, lab: &Lab) -> Result<()> {
    let ports = Ports::start(IpAddr::from(Ipv4Addr::LOCALHOST))?;
    timeouts(args, lab, &ports)?;
    retries(args, lab)?;
    twice(args, lab, &ports)
}

/// Each limit, with a server that makes it bite. The usual Python listing says `timeout=5`, which is the first two.
fn timeouts(args: &Args, lab: &Lab, ports: &Ports) -> Result<()> {
    let short = Duration::from_millis(200);
    match ports.filtered() {
        Some(silent) => {
            println!("connect: nobody answers the SYN; the limit is {} s", short.as_secs_f64());
            let session = Session::with(Options { connect: short, ..options(args) });
            bites(session.get(&format!("http://{silent}/")))?;
        }
        None => println!("connect: this system refuses a SYN for which it has no room"),
    }

    println!("read: the server takes the request and is silent; the limit is {} s", short.as_secs_f64());
    let session = Session::with(Options { read: Some(short), ..options(args) });
    bites(session.get(&lab.url("/silent")))?;

    // A byte each 0.3 s: every read ends in time, far below 2 s, also on a machine that has other things to do. All eight
    // take longer.
    let drip = lab.url("/drip?numbytes=8&duration=2.4&delay=0");
    println!("read: a drip defeats it; the limit is {} s", (10 * short).as_secs_f64());
    let session = Session::with(Options { read: Some(10 * short), ..options(args) });
    ask(session.get(&drip))?;

    println!("total: one time for everything; the limit is {} s", (5 * short).as_secs_f64());
    bites(session.get(&drip).timeout(5 * short))
}

/// The policy of the usual Python listing: `Retry(total=3, backoff_factor=1, status_forcelist=[..])`.
fn usual() -> Policy {
    Policy { total: 3, backoff_factor: 1.0, statuses: vec![429, 500, 502, 503, 504], ..Policy::default() }
}

/// The same, ten times as fast: so that nobody waits for this lesson.
fn quick() -> Policy {
    Policy { backoff_factor: 0.1, ..usual() }
}

/// A server that fails twice, one that says when to come back, and one address that has a policy of its own.
fn retries(args: &Args, lab: &Lab) -> Result<()> {
    for policy in [usual(), quick()] {
        let pauses: Vec<String> = policy.delays().map(|pause| pause.as_secs_f64().to_string()).collect();
        println!("backoff_factor {}: the pauses are {} s", policy.backoff_factor, pauses.join(", "));
    }
    let mut session = Session::with(options(args));
    session.mount("http://", quick());
    session.mount(&lab.url("/status/"), Policy { total: 0, ..quick() });
    println!("retry: the third attempt succeeds");
    ask(session.get(&lab.url("/flaky?fail=2")))?;
    println!("mount: the longest prefix counts");
    ask(session.get(&lab.url("/status/503")))?;

    println!("Retry-After: the server says 1 hour, in seconds and as a date; we wait 0.3 s at most");
    session.mount("http://", Policy { retry_after_max: 0.3, ..quick() });
    ask(session.get(&lab.url("/flaky?fail=1&after=3600")))?;
    ask(session.get(&lab.url("/flaky?fail=1&after=3600&form=date")))
}

/// What may be sent twice.
fn twice(args: &Args, lab: &Lab, ports: &Ports) -> Result<()> {
    let mut session = Session::with(options(args));
    session.mount("http://", Policy { total: 1, ..quick() });
    println!("POST: it may have been done, so nobody sends it again");
    ask(session.post(&lab.url("/flaky?fail=1")))?;
    println!("PUT: twice does the same as once");
    ask(session.put(&lab.url("/flaky?fail=1&key=put")))?;
    println!("POST to nobody: nothing was sent, so it cannot have been done");
    match ask(session.post(&format!("http://{}/", ports.closed()))) {
        Err(error @ Error::Io(..)) => println!("  {error}"),
        other => other?,
    }
    Ok(())
}

/// Sends a request, and tells what came of each attempt and how long all of it took.
fn ask(request: Request<'_>) -> Result<()> {
    let start = Instant::now();
    let (history, body) = match request.send() {
        Ok(mut response) => (response.history().to_vec(), response.bytes()),
        Err(failure) => (failure.history, Err(failure.cause)),
    };
    let ms = start.elapsed().as_secs_f64() * 1e3;
    // The last error is the caller's to tell.
    let told = history.iter().filter(|attempt| attempt.next.is_some() || attempt.outcome.is_ok());
    told.for_each(|attempt| println!("  {attempt}"));
    match &body {
        Ok(bytes) => println!("  {} bytes after {ms:.1} ms", bytes.len()),
        Err(_) => println!("  gave up after {ms:.1} ms"),
    }
    body.map(drop)
}

/// Where the limit ends it, as it should.
fn bites(request: Request<'_>) -> Result<()> {
    match ask(request) {
        Err(error @ Error::Timeout(_)) => println!("  {error}"),
        other => other?,
    }
    Ok(())
}

fn options(args: &Args) -> Options {
    Options { trace: args.wire(), ..Options::default() }
}

impl Server for Lab {
    fn name(&self) -> &str {
        "HTTP server"
    }
    fn addr(&self) -> SocketAddr {
        Lab::addr(self)
    }
}
