//! How fast is a lookup? Our resolver against dnspython, the C library's (through Rust's std and through Python) and hickory;
//! all ask one nsd on this machine, one question after the other.
//!
//! ```text
//! cargo bench --bench dns                          under a minute, once all is built
//! cargo bench --bench dns -- --quick               a few seconds, coarse
//! cargo bench --bench dns -- --rounds 31 --lookups 20000
//! NETPRIMER_PYTHON=venv/bin/python cargo bench --bench dns        a Python that has dnspython
//! ```
//!
//! What the C library asks, `resolv.conf` says: so all of this runs in a network and a view of the files of its own, where
//! the kernel allows that. Absolute figures change from hour to hour; so each round runs everybody once, a ratio is taken
//! inside a round, and the table shows the median of all rounds with the middle half of them.

mod common;

use common::{Folder, Process, Report, Result, Spread, command, first_line, isolated, one_core};
use netprimer::dns::{Kind, Lookup, Resolver};
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, ToSocketAddrs, UdpSocket};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Names in the zone, each with an IPv4 and an IPv6 address.
const NAMES: usize = 1_000;
/// The slow ones get fewer lookups, so that all take about as long.
const SLOWER: usize = 10;
/// A run that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(60);

const USAGE: &str = "usage: cargo bench --bench dns -- [--quick] [--rounds N] [--lookups N]";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.split_first() {
        Some((first, rest)) if first == "--lookup" => common::finish(lookups(rest).map(|()| 0)),
        _ => common::main(USAGE, Options::parse, run),
    }
}

struct Options {
    rounds: usize,
    lookups: usize,
}

impl Options {
    fn parse(args: Vec<String>) -> Result<Options> {
        let mut options = Options { rounds: 15, lookups: 5_000 };
        common::options(args, |name, value| {
            match name {
                "--quick" => options = Options { rounds: 3, lookups: 1_000 },
                "--rounds" => options.rounds = value()?.parse::<usize>()?.max(1),
                "--lookups" => options.lookups = value()?.parse::<usize>()?.max(SLOWER),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(options)
    }
}

/// `--lookup WAY ADDR NAMES LOOKUPS`: this program as one of those who ask; it prints what the others print.
fn lookups(args: &[String]) -> Result<()> {
    let [way, server, names, lookups] = args else { return Err("a lookup has a way, a server and two numbers".into()) };
    let (names, lookups): (usize, usize) = (names.parse()?, lookups.parse()?);
    let resolver = Resolver::at(server.parse()?);
    let addresses = |name: &str| -> Result<usize> {
        Ok(match way.as_str() {
            "A" => match resolver.lookup(name, Kind::A)? {
                Lookup::Found(records) => records.len(),
                _ => 0,
            },
            "A+AAAA" => resolver.addresses(name)?.len(),
            _ => (name, 80).to_socket_addrs()?.count(),
        })
    };
    addresses("n0.bench.test.")?;
    let (start, mut answers) = (Instant::now(), 0);
    for n in 0..lookups {
        answers += addresses(&format!("n{}.bench.test.", n % names))?;
    }
    Ok(writeln!(io::stdout(), "seconds={} answers={answers}", start.elapsed().as_secs_f64())?)
}

/// One who asks.
struct Asker {
    name: &'static str,
    asks: &'static str,
    command: Vec<String>,
    /// Lookups of a round are divided by this.
    slower: usize,
    /// Answers to each lookup.
    answers: usize,
}

fn run(options: Options) -> Result<usize> {
    let begin = Instant::now();
    let folder = Folder::new("dns")?;
    let mut skipped = Vec::new();
    let (server, inside) = start_nsd(&folder.0, &mut skipped)?;
    let askers = askers(&server, inside, &mut skipped)?;
    let out = &mut io::stdout();
    header(out, &options, &skipped)?;

    let mut report = Report::default();
    let rounds = common::rounds(options.rounds, askers.len(), |number, at| {
        let seconds = seconds_each(&server, &askers[at], options.lookups);
        seconds.map_err(|e| report.complaints.push(format!("{}, round {}: {e}", askers[at].name, number + 1))).ok()
    });
    table(out, &askers, &rounds, &mut report)?;
    report.print(out, begin)?;
    Ok(report.complaints.len())
}

/// The name server, and the words before a command that reaches it.
struct Server {
    process: Process,
    addr: SocketAddr,
    reach: Vec<String>,
}

/// Starts nsd, on port 53 of a network of its own where that is allowed (then the second value is true).
fn start_nsd(folder: &Path, skipped: &mut Vec<String>) -> Result<(Server, bool)> {
    for (file, text) in [
        ("resolv.conf", "nameserver 127.0.0.1\n"),
        ("hosts", "127.0.0.1 localhost\n"),
        ("nsswitch.conf", "hosts: files dns\n"),
    ] {
        fs::write(folder.join(file), text)?;
    }
    let isolated = match isolated(folder) {
        Ok(_) if first_line("nsenter", &["--version"]).is_none() => Err("there is no nsenter".into()),
        words => words,
    };
    if let Err(e) = &isolated {
        skipped.push(format!("the C library's ({e})"));
    }
    let inside = isolated.is_ok();
    let port = if inside { 53 } else { free_port()? };
    fs::write(folder.join("bench.test"), zone())?;
    fs::write(folder.join("conf"), configuration(&folder.display().to_string(), port))?;
    let nsd = ["nsd", "/usr/sbin/nsd"].into_iter().find(|name| Command::new(name).arg("-v").output().is_ok());
    let nsd = nsd.ok_or("there is no nsd: install the package `nsd`")?;
    let log = File::create(folder.join("log"))?;
    let mut words = isolated.unwrap_or_default();
    words.extend(one_core());
    let process = command(&words, [nsd, "-d", "-c", &folder.join("conf").display().to_string()])
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()?;
    let pid = process.id().to_string();
    let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut server = Server { process: Process(process), addr, reach: Vec::new() };
    if inside {
        server.reach = ["nsenter", "-t", &pid, "-U", "-n", "-m", "--preserve-credentials"].map(String::from).into();
    }
    server.reach.extend(one_core());
    // Its first answer is the only sign that it is ready.
    let ready = ours(&server, "A", "own", 1)?;
    let start = Instant::now();
    while seconds_each(&server, &ready, 1).is_err() {
        if server.process.0.try_wait()?.is_some() || start.elapsed() > LIMIT {
            return Err(format!("nsd does not start: {}", fs::read_to_string(folder.join("log"))?).into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok((server, inside))
}

fn free_port() -> Result<u16> {
    for _ in 0..64 {
        let addr = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        if UdpSocket::bind(addr).is_ok() {
            return Ok(addr.port());
        }
    }
    Err("no port is free for both TCP and UDP".into())
}

fn zone() -> String {
    let mut text =
        String::from("bench.test. 300 IN SOA ns.bench.test. hostmaster.bench.test. 1 7200 900 1209600 300\n");
    text += "bench.test. 300 IN NS ns.bench.test.\nns.bench.test. 300 IN A 127.0.0.1\n";
    for n in 0..NAMES {
        let four: IpAddr = [192, 0, 2, (n % 256) as u8].into();
        text += &format!("n{n}.bench.test. 300 IN A {four}\nn{n}.bench.test. 300 IN AAAA 2001:db8::{n:x}\n");
    }
    text
}

/// nsd's rate limit would answer a busy asker with TC or not at all.
fn configuration(here: &str, port: u16) -> String {
    format!(
        "server:\n  ip-address: 127.0.0.1\n  port: {port}\n  username: \"\"\n  chroot: \"\"\n  zonesdir: \"{here}\"\n  \
         database: \"\"\n  pidfile: \"{here}/pid\"\n  xfrdfile: \"{here}/xfrd\"\n  xfrdir: \"{here}\"\n  \
         zonelistfile: \"{here}/list\"\n  server-count: 1\n  rrl-ratelimit: 0\nremote-control:\n  control-enable: no\n\
         zone:\n  name: \"bench.test\"\n  zonefile: \"bench.test\"\n"
    )
}

/// This program as one who asks.
fn ours(server: &Server, way: &'static str, name: &'static str, answers: usize) -> Result<Asker> {
    let this = std::env::current_exe()?.display().to_string();
    let command = [this.as_str(), "--lookup", way, &server.addr.to_string()].map(String::from).into();
    Ok(Asker { name, asks: if answers == 1 { "A" } else { "A, AAAA" }, command, slower: 1, answers })
}

/// All who ask; ours are the first two.
fn askers(server: &Server, inside: bool, skipped: &mut Vec<String>) -> Result<Vec<Asker>> {
    let mut askers = vec![ours(server, "A", "ours", 1)?, ours(server, "A+AAAA", "ours", 2)?];
    match common::built("dns", "hickory") {
        Ok(program) => {
            let command = vec![program.display().to_string(), server.addr.to_string()];
            askers.push(Asker { name: "hickory", asks: "A", command, slower: 1, answers: 1 });
        }
        Err(e) => skipped.push(format!("hickory ({e})")),
    }
    if inside {
        askers.push(ours(server, "std", "getaddrinfo (std)", 2)?);
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/py/dns_lookup.py").display().to_string();
    let python = |python: &str, way: &str| {
        [python, &script, way, &server.addr.ip().to_string(), &server.addr.port().to_string()]
            .map(String::from)
            .to_vec()
    };
    if inside && first_line("python3", &["--version"]).is_some() {
        let command = python("python3", "gethostbyname");
        askers.push(Asker { name: "gethostbyname (Python)", asks: "A", command, slower: 1, answers: 1 });
    } else if inside {
        skipped.push("gethostbyname (no `python3`)".into());
    }
    let named = std::env::var("NETPRIMER_PYTHON").ok();
    let known = named.iter().map(String::as_str).chain(["python3", "/usr/bin/python3"]);
    match known
        .into_iter()
        .find(|python| first_line(python, &["-c", "import dns.resolver, dns.version; print(1)"]).is_some())
    {
        Some(found) => {
            let command = python(found, "dnspython");
            askers.push(Asker { name: "dnspython", asks: "A", command, slower: SLOWER, answers: 1 });
        }
        None => skipped.push("dnspython (no Python has it: name one in NETPRIMER_PYTHON)".into()),
    }
    Ok(askers)
}

/// One run: seconds for each lookup.
fn seconds_each(server: &Server, asker: &Asker, lookups: usize) -> Result<f64> {
    let lookups = (lookups / asker.slower).max(1);
    let mut words = server.reach.clone();
    words.extend(asker.command.iter().cloned());
    let numbers = [NAMES.to_string(), lookups.to_string()];
    let said = common::output(&mut command(&words, numbers.iter().map(String::as_str)), LIMIT)?;
    let field = |name: &str| said.split_whitespace().find_map(|word| word.strip_prefix(name)?.parse::<f64>().ok());
    let (Some(seconds), Some(answers)) = (field("seconds="), field("answers=")) else {
        return Err(format!("it said {said:?}").into());
    };
    if answers != (lookups * asker.answers) as f64 {
        return Err(format!("{answers} answers to {lookups} lookups").into());
    }
    Ok(seconds / lookups as f64)
}

fn table(out: &mut impl Write, askers: &[Asker], rounds: &[Vec<Option<f64>>], report: &mut Report) -> Result<()> {
    let ratio =
        |theirs: usize, ours: usize| Spread::of(rounds.iter().filter_map(|round| Some(round[theirs]? / round[ours]?)));
    writeln!(out, "{:<26}{:<10}{:>12}{:>22}{:>22}", "", "asks", "us each", "ours, A", "ours, A and AAAA")?;
    for (n, asker) in askers.iter().enumerate() {
        let each = Spread::of(rounds.iter().filter_map(|round| round[n]));
        let each = each.map_or("-".into(), |spread| format!("{:.1}", spread.median * 1e6));
        let (a, both) = (Spread::cell(ratio(n, 0)), Spread::cell(ratio(n, 1)));
        writeln!(out, "{:<26}{:<10}{each:>12}{a:>22}{both:>22}", asker.name, asker.asks)?;
    }
    for (name, goal) in [("dnspython", 20.0), ("getaddrinfo (std)", 2.0), ("hickory", 1.8)] {
        let spread = askers.iter().position(|asker| asker.name == name).and_then(|n| ratio(n, 0));
        let Some(Spread { median, .. }) = spread else { continue };
        let what = format!("{name} against ours, A");
        report.goal(&what, format!("{median:.2}"), &format!("at least {goal}"), median >= goal);
    }
    Ok(())
}

fn header(out: &mut impl Write, options: &Options, skipped: &[String]) -> Result<()> {
    let mut how = vec![format!(
        "{} rounds of {} lookups (dnspython {}); ratio theirs / ours in time: median (middle half of the rounds)",
        options.rounds,
        options.lookups,
        options.lookups / SLOWER
    )];
    if !one_core().is_empty() {
        how.push("who asks and the server share one core".into());
    }
    common::header(out, "DNS on 127.0.0.1, one question after the other", &how, skipped)
}
