//! How fast is the echo server? Our `echo-server` against four others, each built from source here: C with a thread for
//! each connection, C with epoll, Python's `socketserver` with threads, Python's `asyncio`.
//!
//! ```text
//! cargo bench --bench echo                         about five minutes
//! cargo bench --bench echo -- --quick              under a minute, coarse
//! cargo bench --bench echo -- --rounds 21 --seconds 1
//! cargo bench --bench echo -- --server 'python3 my_echo.py 0'    any program in the place of ours
//! ```
//!
//! Absolute figures change from hour to hour and from machine to machine; ratios change less. So each round runs all
//! servers one after another under the same load, a ratio is taken inside a round, and the table shows the median of
//! all rounds with the quartiles. `benches/README.md` says how to read it.

mod common;

use common::{Process, Result, Spread, built, command, first_line, one_core};
use std::collections::HashMap;
use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// More connects under way than this would overflow the accept queue of std's listener (128), and a lost SYN is
/// repeated after a second.
const IN_FLIGHT: usize = 64;

/// What a process needs beside its connections: the standard streams, the listener, epoll, /proc.
const OWN_DESCRIPTORS: usize = 50;

/// Clients of the row "fresh connections": enough to keep two cores busy.
const FRESH_CLIENTS: usize = 8;

const USAGE: &str =
    "usage: cargo bench --bench echo -- [--quick] [--rounds N] [--seconds S] [--connections N] [--server COMMAND]";

fn main() -> ExitCode {
    common::main(USAGE, Options::parse, run)
}

struct Options {
    rounds: usize,
    seconds: f64,
    memory_connections: usize,
    memory_rounds: usize,
    server: Option<String>,
}

impl Options {
    fn parse(args: Vec<String>) -> Result<Options> {
        let mut options =
            Options { rounds: 9, seconds: 0.5, memory_connections: 10_000, memory_rounds: 3, server: None };
        common::options(args, |name, value| {
            match name {
                "--quick" => (options.rounds, options.seconds, options.memory_rounds) = (3, 0.15, 1),
                "--rounds" => options.rounds = value()?.parse::<usize>()?.max(1),
                "--seconds" => options.seconds = value()?.parse()?,
                "--connections" => options.memory_connections = value()?.parse()?,
                "--server" => options.server = Some(value()?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(options)
    }
}

fn run(options: Options) -> Result<usize> {
    let begin = Instant::now();
    let bench = Bench::prepare(&options)?;
    let limit = descriptor_limit();
    let most = limit.map_or(usize::MAX, |limit| limit.saturating_sub(OWN_DESCRIPTORS));
    let out = &mut io::stdout();
    header(out, &bench, &options, limit)?;

    let mut plan = Vec::new();
    for size in [64, 16 * 1024] {
        plan.extend([1, 100, 1_000].map(|connections| Load { connections, size, fresh: false }));
    }
    plan.push(Load { connections: FRESH_CLIENTS, size: 64, fresh: true });

    let mut report = Report::default();
    writeln!(out, "{}", format!("{:<26}{}", "requests per second", columns(&bench.servers[1..])).trim_end())?;
    for load in plan {
        if load.connections > most {
            writeln!(out, "{:<26}skipped: only {most} descriptors here", load.name())?;
            continue;
        }
        let rounds = bench.rounds(&load, &options, &mut report);
        writeln!(out, "{}", format!("{:<26}{}", load.name(), ratios(&rounds, &bench.servers)).trim_end())?;
        report.keep(&load, &rounds);
    }
    let connections = options.memory_connections.min(most);
    if connections < options.memory_connections {
        writeln!(out, "({connections} connections instead of {}: descriptors)", options.memory_connections)?;
    }
    let memory = bench.memory(connections, &options, &mut report);
    report.print(out, &bench.servers, connections, &memory)?;
    report.common.print(out, begin)?;
    Ok(report.errors)
}

/// One kind of load.
struct Load {
    connections: usize,
    size: usize,
    fresh: bool,
}

impl Load {
    fn name(&self) -> String {
        let size = if self.size < 1024 { format!("{} B", self.size) } else { format!("{} KiB", self.size / 1024) };
        match self.connections {
            n if self.fresh => format!("{size}, fresh, {n} clients"),
            1 => format!("{size}, 1 connection"),
            n => format!("{size}, {n} connections"),
        }
    }

    /// Client and server of a single connection take turns.
    fn one_core(&self) -> bool {
        self.connections == 1
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Peer {
    Ours,
    CThreads,
    CEpoll,
    PyThreads,
    PyAsyncio,
}

struct Server {
    peer: Peer,
    name: &'static str,
    command: Vec<String>,
}

/// The programs, built and ready to start.
struct Bench {
    load: PathBuf,
    servers: Vec<Server>,
    skipped: Vec<String>,
    versions: Vec<String>,
    one_core: Vec<String>,
}

impl Bench {
    fn prepare(options: &Options) -> Result<Bench> {
        let load = built("", "load")?;
        let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers");
        let ours = match &options.server {
            Some(command) => command.split_whitespace().map(str::to_owned).collect(),
            None => [env!("CARGO_BIN_EXE_echo-server"), "127.0.0.1:0", "--max", "10000", "--idle", "120", "--quiet"]
                .map(str::to_owned)
                .to_vec(),
        };
        let mut bench = Bench {
            load,
            servers: vec![Server { peer: Peer::Ours, name: "ours", command: ours }],
            skipped: Vec::new(),
            versions: vec![first_line("rustc", &["--version"]).unwrap_or_else(|| "rustc ?".into())],
            one_core: one_core(),
        };
        match first_line("cc", &["--version"]) {
            None => bench.skipped.push("C threads, C epoll (no C compiler `cc`)".into()),
            Some(version) => {
                bench.versions.push(version);
                for (peer, name, file) in
                    [(Peer::CThreads, "C threads", "thread_echo"), (Peer::CEpoll, "C epoll", "epoll_echo")]
                {
                    let program = bench.load.with_file_name(file);
                    let source = peers.join("c").join(file).with_extension("c");
                    let cc = Command::new("cc").args(["-O2", "-pthread", "-o"]).arg(&program).arg(source).output()?;
                    if cc.status.success() {
                        let command = vec![program.display().to_string(), "0".into()];
                        bench.servers.push(Server { peer, name, command });
                    } else {
                        let said = String::from_utf8_lossy(&cc.stderr);
                        bench.skipped.push(format!("{name} (cc: {})", said.lines().next().unwrap_or("failed")));
                    }
                }
            }
        }
        match first_line("python3", &["--version"]) {
            None => bench.skipped.push("Python threads, asyncio (no `python3`)".into()),
            Some(version) => {
                bench.versions.push(version);
                for (peer, name, file) in [
                    (Peer::PyThreads, "Py threads", "threading_echo.py"),
                    (Peer::PyAsyncio, "asyncio", "asyncio_echo.py"),
                ] {
                    let script = peers.join("py").join(file).display().to_string();
                    bench.servers.push(Server { peer, name, command: vec!["python3".into(), script, "0".into()] });
                }
            }
        }
        if bench.one_core.is_empty() {
            bench.skipped.push("one core for the rows with one connection (no `taskset`): they will vary".into());
        }
        Running::start(&[], &bench.servers[0].command).map_err(|e| format!("our server does not start: {e}"))?;
        for server in bench.servers.split_off(1) {
            match Running::start(&[], &server.command) {
                Ok(_) => bench.servers.push(server),
                Err(e) => bench.skipped.push(format!("{} (does not start: {e})", server.name)),
            }
        }
        Ok(bench)
    }

    /// All servers under one load, round by round; each round begins with another server.
    fn rounds(&self, load: &Load, options: &Options, report: &mut Report) -> Vec<Round> {
        let measured = common::rounds(options.rounds, self.servers.len(), |_, at| {
            let server = &self.servers[at];
            match self.measure(server, load, options.seconds) {
                Ok(figures) => {
                    report.note(server, &load.name(), figures.errors);
                    Some((server.peer, figures))
                }
                Err(e) => {
                    report.note_failed(server, &load.name(), &*e);
                    None
                }
            }
        });
        measured.into_iter().map(|round| round.into_iter().flatten().collect()).collect()
    }

    /// Many connections open at once: each is answered while the others are coming, and then under load.
    fn memory(&self, connections: usize, options: &Options, report: &mut Report) -> Vec<Round> {
        let load = Load { connections, size: 64, fresh: false };
        // Long enough for each of the connections to be answered a second time.
        let seconds = options.seconds.max(1.0);
        let short = Options { rounds: options.memory_rounds, seconds, server: None, ..*options };
        self.rounds(&load, &short, report)
    }

    fn measure(&self, server: &Server, load: &Load, seconds: f64) -> Result<Figures> {
        let cores = if load.one_core() { &self.one_core[..] } else { &[] };
        let running = Running::start(cores, &server.command)?;
        let mut command = vec![
            self.load.display().to_string(),
            "--addr".into(),
            running.addr.clone(),
            "--pid".into(),
            running.process.0.id().to_string(),
        ];
        let numbers = [
            ("--connections", load.connections.to_string()),
            ("--size", load.size.to_string()),
            ("--seconds", seconds.to_string()),
            ("--in-flight", IN_FLIGHT.to_string()),
        ];
        command.extend(numbers.into_iter().flat_map(|(name, value)| [name.to_owned(), value]));
        if load.fresh {
            command.push("--fresh".into());
        }
        let mut generator = spawn(cores, &command)?;
        let text = generator.first_line(Duration::from_secs(60).mul_f64(1.0 + seconds))?;
        Figures::parse(&text).ok_or_else(|| format!("the load generator said {text:?}").into())
    }
}

type Round = HashMap<Peer, Figures>;

/// What the load generator counted, and what /proc said about the server.
#[derive(Clone, Copy, Default)]
struct Figures {
    per_second: f64,
    errors: usize,
    ready_ms: f64,
    p99_us: f64,
    cpu_us: f64,
    /// User memory that each open connection added, KiB.
    rss: Option<f64>,
}

impl Figures {
    fn parse(line: &str) -> Option<Figures> {
        let fields: HashMap<&str, &str> = line.split_whitespace().filter_map(|field| field.split_once('=')).collect();
        let number = |name: &str| fields.get(name)?.parse::<f64>().ok();
        let (before, idle, ready) = (number("rss_before_kib")?, number("rss_idle_kib")?, number("ready")?);
        Some(Figures {
            per_second: number("per_second")?,
            errors: fields.get("errors")?.parse().ok()?,
            ready_ms: number("ready_ms")?,
            p99_us: number("p99_us")?,
            cpu_us: number("cpu_us")?,
            rss: (before > 0.0 && ready > 0.0).then(|| (idle - before) / ready),
        })
    }
}

/// Starts a program with as many descriptors as the system lets it have, which std cannot ask for but a shell can.
fn spawn(cores: &[String], program: &[String]) -> Result<Process> {
    let raise = r#"ulimit -n "$(ulimit -Hn)" 2>/dev/null; exec "$@""#;
    let shell = ["sh", "-c", raise, "sh"].map(String::from);
    Process::start(&mut command(&shell, cores.iter().chain(program).map(String::as_str)))
}

/// A server that listens.
struct Running {
    process: Process,
    addr: String,
}

impl Running {
    fn start(cores: &[String], program: &[String]) -> Result<Running> {
        let mut process = spawn(cores, program)?;
        let line = process.first_line(Duration::from_secs(10))?;
        let addr = line.strip_prefix("listening on ").ok_or_else(|| format!("it began with {line:?}"))?.to_owned();
        Ok(Running { process, addr })
    }
}

/// What is printed after the table.
#[derive(Default)]
struct Report {
    errors: usize,
    absolute: Vec<String>,
    common: common::Report,
}

impl Report {
    fn note(&mut self, server: &Server, load: &str, errors: usize) {
        if errors > 0 {
            self.errors += errors;
            self.common.complaints.push(format!("{}, {load}: {errors} connections failed", server.name));
        }
    }

    fn note_failed(&mut self, server: &Server, load: &str, error: &dyn Error) {
        self.errors += 1;
        self.common.complaints.push(format!("{}, {load}: {error}", server.name));
    }

    fn keep(&mut self, load: &Load, rounds: &[Round]) {
        let mut goals = Vec::new();
        if load.fresh {
            goals.push((Peer::CEpoll, "C epoll", 0.9));
        } else {
            let level = if load.connections < 1_000 { 0.95 } else { 0.9 };
            goals.push((Peer::CThreads, "C threads", level));
            match load.connections {
                100 => goals.push((Peer::PyThreads, "Py threads", 1.5)),
                1_000 => goals.push((Peer::PyThreads, "Py threads", 2.5)),
                _ => {}
            }
        }
        for (peer, name, goal) in goals {
            if let Some(spread) = Spread::of(ratios_to(rounds, peer)) {
                let (what, met) = (format!("{} to {name}", load.name()), spread.median >= goal);
                self.common.goal(&what, format!("{:.3}", spread.median), &format!("at least {goal}"), met);
            }
        }
        let median = |pick: fn(&Figures) -> f64| {
            Spread::of(rounds.iter().filter_map(|round| round.get(&Peer::Ours).map(pick)))
                .map_or(f64::NAN, |spread| spread.median)
        };
        self.absolute.push(format!(
            "{:<26}{:>12.0}{:>14.1}{:>14.1}",
            load.name(),
            median(|f| f.per_second),
            median(|f| f.cpu_us),
            median(|f| f.p99_us)
        ));
    }

    fn print(&mut self, out: &mut impl Write, servers: &[Server], connections: usize, memory: &[Round]) -> Result<()> {
        writeln!(out, "\n{:<26}{}", format!("{connections} connections"), columns(servers))?;
        type Pick = fn(&Figures) -> Option<f64>;
        let rows: [(&str, Pick); 3] = [
            ("user memory each, KiB", |f| f.rss),
            ("all answered after, ms", |f| Some(f.ready_ms)),
            ("requests per second", |f| Some(f.per_second)),
        ];
        for (name, pick) in rows {
            let cells = servers.iter().map(|server| {
                let values = memory.iter().filter_map(|round| round.get(&server.peer).and_then(pick));
                let digits = usize::from(name.contains("memory"));
                let cell = Spread::of(values).map_or("-".into(), |spread| format!("{:.*}", digits, spread.median));
                format!("{cell:>20}")
            });
            writeln!(out, "{name:<26}{}", cells.collect::<String>().trim_end())?;
        }
        let errors = servers.iter().map(|server| {
            let failed = memory.iter().map(|round| round.get(&server.peer).map_or(1, |figures| figures.errors));
            format!("{:>20}", failed.sum::<usize>())
        });
        writeln!(out, "{:<26}{}", "errors", errors.collect::<String>())?;

        let ours: Vec<&Figures> = memory.iter().filter_map(|round| round.get(&Peer::Ours)).collect();
        if let Some(spread) = Spread::of(ours.iter().filter_map(|figures| figures.rss)) {
            let what = format!("user memory, {connections} connections");
            self.common.goal(&what, format!("{:.1}", spread.median), "at most 16 KiB", spread.median <= 16.0);
        }
        let failed = ours.iter().map(|figures| figures.errors).sum::<usize>() + (memory.len() - ours.len());
        self.common.goal(&format!("errors, {connections} connections"), failed.to_string(), "none", failed == 0);

        writeln!(out, "\n{:<26}{:>12}{:>14}{:>14}", "ours, absolute", "requests/s", "CPU us each", "99 % in us")?;
        for line in &self.absolute {
            writeln!(out, "{line}")?;
        }
        Ok(())
    }
}

fn ratios_to(rounds: &[Round], peer: Peer) -> Vec<f64> {
    let ratio = |round: &Round| Some(round.get(&Peer::Ours)?.per_second / round.get(&peer)?.per_second);
    rounds.iter().filter_map(ratio).filter(|ratio| ratio.is_finite()).collect()
}

fn ratios(rounds: &[Round], servers: &[Server]) -> String {
    let cell = |server: &Server| Spread::cell(Spread::of(ratios_to(rounds, server.peer)));
    servers[1..].iter().map(|server| format!("{:>20}", cell(server))).collect()
}

fn columns(servers: &[Server]) -> String {
    servers.iter().map(|server| format!("{:>20}", server.name)).collect()
}

fn header(out: &mut impl Write, bench: &Bench, options: &Options, limit: Option<usize>) -> Result<()> {
    let mut how = vec![
        bench.versions.join("; "),
        format!(
            "{} rounds of {} s for each server and load; ratio ours / theirs: median (middle half of the rounds)",
            options.rounds, options.seconds
        ),
    ];
    if !bench.one_core.is_empty() {
        how.push("one connection: client and server on one core; else on all cores".into());
    }
    let limit = limit.map_or("unknown here".into(), |limit| limit.to_string());
    how.push(format!("descriptors per process: {limit}"));
    how.extend(options.server.iter().map(|command| format!("\"ours\" is: {command}")));
    common::header(out, "echo over TCP on 127.0.0.1", &how, &bench.skipped)
}

/// How many descriptors a process can have here, after it has asked for all it may have.
fn descriptor_limit() -> Option<usize> {
    first_line("sh", &["-c", "ulimit -Hn"])?.parse().ok()
}
