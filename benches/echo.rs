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

use common::servers::{Field, Figures, Load, OURS, Round, Server, Way, descriptor_limit, most_connections, ratios};
use common::{Result, Spread, built, first_line};
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

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
    let most = most_connections();
    let out = &mut io::stdout();
    header(out, &bench, &options)?;

    let mut plan = Vec::new();
    for size in [64, 16 * 1024] {
        plan.extend([1, 100, 1_000].map(|connections| Load { connections, size, way: Way::Kept }));
    }
    plan.push(Load { connections: FRESH_CLIENTS, size: 64, way: Way::Fresh });

    let mut report = Report::default();
    let field = &bench.field;
    writeln!(out, "{:<26}{}", "requests per second", field.names(1))?;
    for load in plan {
        if load.connections > most {
            writeln!(out, "{:<26}skipped: only {most} descriptors here", load.name())?;
            continue;
        }
        let rounds = field.rounds(&load, options.rounds, options.seconds, &mut report.common);
        writeln!(out, "{:<26}{}", load.name(), field.ratios(&rounds))?;
        report.keep(&load, &rounds);
    }
    let connections = options.memory_connections.min(most);
    if connections < options.memory_connections {
        writeln!(out, "({connections} connections instead of {}: descriptors)", options.memory_connections)?;
    }
    let memory = bench.memory(connections, &options, &mut report);
    report.print(out, field, connections, &memory)?;
    report.common.print(out, begin)?;
    Ok(report.common.failures)
}

/// The programs, built and ready to start.
struct Bench {
    field: Field,
    skipped: Vec<String>,
    versions: Vec<String>,
}

impl Bench {
    fn prepare(options: &Options) -> Result<Bench> {
        let generator = built("", "load")?;
        let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers");
        let ours = match &options.server {
            Some(command) => command.split_whitespace().map(str::to_owned).collect(),
            None => [env!("CARGO_BIN_EXE_echo-server"), "127.0.0.1:0", "--max", "10000", "--idle", "120", "--quiet"]
                .map(str::to_owned)
                .to_vec(),
        };
        let mut servers = vec![Server { name: OURS, command: ours }];
        let mut skipped = Vec::new();
        let mut versions = vec![first_line("rustc", &["--version"]).unwrap_or_else(|| "rustc ?".into())];
        match first_line("cc", &["--version"]) {
            None => skipped.push("C threads, C epoll (no C compiler `cc`)".into()),
            Some(version) => {
                versions.push(version);
                for (name, file) in [("C threads", "thread_echo"), ("C epoll", "epoll_echo")] {
                    let program = generator.with_file_name(file);
                    let source = peers.join("c").join(file).with_extension("c");
                    let cc = Command::new("cc").args(["-O2", "-pthread", "-o"]).arg(&program).arg(source).output()?;
                    if cc.status.success() {
                        servers.push(Server { name, command: vec![program.display().to_string(), "0".into()] });
                    } else {
                        let said = String::from_utf8_lossy(&cc.stderr);
                        skipped.push(format!("{name} (cc: {})", said.lines().next().unwrap_or("failed")));
                    }
                }
            }
        }
        match first_line("python3", &["--version"]) {
            None => skipped.push("Python threads, asyncio (no `python3`)".into()),
            Some(version) => {
                versions.push(version);
                for (name, file) in [("Py threads", "threading_echo.py"), ("asyncio", "asyncio_echo.py")] {
                    let script = peers.join("py").join(file).display().to_string();
                    servers.push(Server { name, command: vec!["python3".into(), script, "0".into()] });
                }
            }
        }
        let field = Field::of(generator, servers, &mut skipped)?;
        Ok(Bench { field, skipped, versions })
    }

    /// Many connections open at once: each is answered while the others are coming, and then under load.
    fn memory(&self, connections: usize, options: &Options, report: &mut Report) -> Vec<Round> {
        let load = Load { connections, size: 64, way: Way::Kept };
        // Long enough for each of the connections to be answered a second time.
        self.field.rounds(&load, options.memory_rounds, options.seconds.max(1.0), &mut report.common)
    }
}

/// What is printed after the table.
#[derive(Default)]
struct Report {
    absolute: Vec<String>,
    common: common::Report,
}

impl Report {
    fn keep(&mut self, load: &Load, rounds: &[Round]) {
        let mut goals = Vec::new();
        if load.way == Way::Fresh {
            goals.push(("C epoll", 0.9));
        } else {
            let level = if load.connections < 1_000 { 0.95 } else { 0.9 };
            goals.push(("C threads", level));
            match load.connections {
                100 => goals.push(("Py threads", 1.5)),
                1_000 => goals.push(("Py threads", 2.5)),
                _ => {}
            }
        }
        for (name, goal) in goals {
            if let Some(spread) = Spread::of(ratios(rounds, OURS, name)) {
                let (what, met) = (format!("{} to {name}", load.name()), spread.median >= goal);
                self.common.goal(&what, format!("{:.3}", spread.median), &format!("at least {goal}"), met);
            }
        }
        let median = |pick: fn(&Figures) -> f64| {
            Spread::of(rounds.iter().filter_map(|round| round.get(OURS).map(pick)))
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

    fn print(&mut self, out: &mut impl Write, field: &Field, connections: usize, memory: &[Round]) -> Result<()> {
        writeln!(out, "\n{:<26}{}", format!("{connections} connections"), field.names(0))?;
        type Pick = fn(&Figures) -> Option<f64>;
        let rows: [(&str, Pick); 3] = [
            ("user memory each, KiB", |f| f.rss),
            ("all answered after, ms", |f| Some(f.ready_ms)),
            ("requests per second", |f| Some(f.per_second)),
        ];
        for (name, pick) in rows {
            let cells = field.servers.iter().map(|server| {
                let values = memory.iter().filter_map(|round| round.get(server.name).and_then(pick));
                let digits = usize::from(name.contains("memory"));
                let cell = Spread::of(values).map_or("-".into(), |spread| format!("{:.*}", digits, spread.median));
                format!("{cell:>20}")
            });
            writeln!(out, "{name:<26}{}", cells.collect::<String>().trim_end())?;
        }
        let errors = field.servers.iter().map(|server| {
            let failed = memory.iter().map(|round| round.get(server.name).map_or(1, |figures| figures.errors));
            format!("{:>20}", failed.sum::<usize>())
        });
        writeln!(out, "{:<26}{}", "errors", errors.collect::<String>())?;

        let ours: Vec<&Figures> = memory.iter().filter_map(|round| round.get(OURS)).collect();
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

fn header(out: &mut impl Write, bench: &Bench, options: &Options) -> Result<()> {
    let mut how = vec![
        bench.versions.join("; "),
        format!(
            "{} rounds of {} s for each server and load; ratio ours / theirs: median (middle half of the rounds)",
            options.rounds, options.seconds
        ),
    ];
    if bench.field.shares_a_core() {
        how.push("one connection: client and server on one core; else on all cores".into());
    }
    let limit = descriptor_limit().map_or("unknown here".into(), |limit| limit.to_string());
    how.push(format!("descriptors per process: {limit}"));
    how.extend(options.server.iter().map(|command| format!("\"ours\" is: {command}")));
    common::header(out, "echo over TCP on 127.0.0.1", &how, &bench.skipped)
}
