//! Servers of several authors under the load of `peers/src/load.rs`, one after another in each round, and the ratios.

use super::{Process, Report, Result, Spread, command, first_line, one_core, rounds};
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;

/// The name of the server that the others are compared with. It stands first.
pub const OURS: &str = "ours";

/// More connects under way than this would overflow the accept queue of std's listener (128), and a lost SYN is
/// repeated after a second.
const IN_FLIGHT: usize = 64;

/// What a process needs beside its connections: the standard streams, the listener, epoll, /proc.
const OWN_DESCRIPTORS: usize = 50;

/// One kind of load.
pub struct Load {
    pub connections: usize,
    pub size: usize,
    pub way: Way,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The same connections over TCP.
    Kept,
    /// A connection for each message.
    Fresh,
    /// The same connections, with a handshake and frames.
    WebSocket,
}

impl Load {
    pub fn name(&self) -> String {
        let size = if self.size < 1024 { format!("{} B", self.size) } else { format!("{} KiB", self.size / 1024) };
        match self.connections {
            n if self.way == Way::Fresh => format!("{size}, fresh, {n} clients"),
            1 => format!("{size}, 1 connection"),
            n => format!("{size}, {n} connections"),
        }
    }

    /// Client and server of a single connection take turns.
    fn one_core(&self) -> bool {
        self.connections == 1
    }
}

/// A program whose first line is `listening on 127.0.0.1:PORT`.
pub struct Server {
    pub name: &'static str,
    pub command: Vec<String>,
}

/// Those who are compared, and who loads them.
pub struct Field {
    generator: PathBuf,
    pub servers: Vec<Server>,
    one_core: Vec<String>,
}

/// What each server did in one round.
pub type Round = HashMap<&'static str, Figures>;

impl Field {
    /// Those of these servers that start here. The first must.
    pub fn of(generator: PathBuf, servers: Vec<Server>, skipped: &mut Vec<String>) -> Result<Field> {
        let mut field = Field { generator, servers: Vec::new(), one_core: one_core() };
        if !field.shares_a_core() {
            skipped.push("one core for the rows with one connection (no `taskset`): they will vary".into());
        }
        for server in servers {
            match Running::start(&[], &server.command) {
                Ok(_) => field.servers.push(server),
                Err(e) if field.servers.is_empty() => return Err(format!("our server does not start: {e}").into()),
                Err(e) => skipped.push(format!("{} (does not start: {e})", server.name)),
            }
        }
        Ok(field)
    }

    /// Whether client and server are put on one core where there is one connection.
    pub fn shares_a_core(&self) -> bool {
        !self.one_core.is_empty()
    }

    /// All servers under one load, round by round; each round begins with another server.
    pub fn rounds(&self, load: &Load, count: usize, seconds: f64, report: &mut Report) -> Vec<Round> {
        let measured = rounds(count, self.servers.len(), |_, at| {
            let name = self.servers[at].name;
            match self.measure(&self.servers[at], load, seconds) {
                Ok(figures) => {
                    if figures.errors > 0 {
                        report.failures += figures.errors;
                        let failed = figures.errors;
                        report.complaints.push(format!("{name}, {}: {failed} connections failed", load.name()));
                    }
                    Some((name, figures))
                }
                Err(e) => {
                    report.failures += 1;
                    report.complaints.push(format!("{name}, {}: {e}", load.name()));
                    None
                }
            }
        });
        measured.into_iter().map(|round| round.into_iter().flatten().collect()).collect()
    }

    fn measure(&self, server: &Server, load: &Load, seconds: f64) -> Result<Figures> {
        let cores = if load.one_core() { &self.one_core[..] } else { &[] };
        let running = Running::start(cores, &server.command)?;
        let mut command = vec![
            self.generator.display().to_string(),
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
        match load.way {
            Way::Kept => {}
            Way::Fresh => command.push("--fresh".into()),
            Way::WebSocket => command.push("--websocket".into()),
        }
        let mut generator = spawn(cores, &command)?;
        let text = generator.first_line(Duration::from_secs(60).mul_f64(1.0 + seconds))?;
        let figures = Figures::parse(&text, load.connections);
        figures.ok_or_else(|| format!("the load generator said {text:?}").into())
    }

    /// The names above the columns, from this server on.
    pub fn names(&self, from: usize) -> String {
        self.servers[from..].iter().map(|server| format!("{:>20}", server.name)).collect()
    }

    /// A cell for each of the others: how much more we answered.
    pub fn ratios(&self, rounds: &[Round]) -> String {
        self.ratios_of(OURS, rounds)
    }

    /// The same for another server than ours.
    pub fn ratios_of(&self, own: &str, rounds: &[Round]) -> String {
        self.cells(|name| ratios(rounds, own, name))
    }

    /// A cell for each of the others: how much more of its processor's time its server took for an answer.
    pub fn cpu_ratios(&self, rounds: &[Round]) -> String {
        self.cells(|name| each(rounds, OURS, name, |ours, theirs| theirs.cpu_us / ours.cpu_us))
    }

    fn cells(&self, ratios: impl Fn(&str) -> Vec<f64>) -> String {
        let cell = |server: &Server| Spread::cell(Spread::of(ratios(server.name)));
        self.servers[1..].iter().map(|server| format!("{:>20}", cell(server))).collect()
    }
}

/// What `own` answered divided by what `name` did, in each round where both were measured.
pub fn ratios(rounds: &[Round], own: &str, name: &str) -> Vec<f64> {
    each(rounds, own, name, |ours, theirs| ours.per_second / theirs.per_second)
}

fn each(rounds: &[Round], own: &str, name: &str, ratio: fn(&Figures, &Figures) -> f64) -> Vec<f64> {
    let ratio = |round: &Round| Some(ratio(round.get(own)?, round.get(name)?));
    rounds.iter().filter_map(ratio).filter(|ratio| ratio.is_finite()).collect()
}

/// What the load generator counted, and what /proc said about the server.
#[derive(Clone, Copy, Default)]
pub struct Figures {
    pub per_second: f64,
    pub errors: usize,
    pub ready_ms: f64,
    pub p99_us: f64,
    pub cpu_us: f64,
    /// User memory that each open connection added, KiB.
    pub rss: Option<f64>,
    /// User memory of the whole process after the load, divided by the connections, KiB.
    pub rss_whole: Option<f64>,
}

impl Figures {
    fn parse(line: &str, connections: usize) -> Option<Figures> {
        let fields: HashMap<&str, &str> = line.split_whitespace().filter_map(|field| field.split_once('=')).collect();
        let number = |name: &str| fields.get(name)?.parse::<f64>().ok();
        let (before, idle, ready) = (number("rss_before_kib")?, number("rss_idle_kib")?, number("ready")?);
        let after = number("rss_after_kib")?;
        Some(Figures {
            per_second: number("per_second")?,
            errors: fields.get("errors")?.parse().ok()?,
            ready_ms: number("ready_ms")?,
            p99_us: number("p99_us")?,
            cpu_us: number("cpu_us")?,
            rss: (before > 0.0 && ready > 0.0).then(|| (idle - before) / ready),
            rss_whole: (after > 0.0).then(|| after / connections as f64),
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

/// How many descriptors a process can have here, after it has asked for all it may have.
pub fn descriptor_limit() -> Option<usize> {
    first_line("sh", &["-c", "ulimit -Hn"])?.parse().ok()
}

/// How many connections it can have then.
pub fn most_connections() -> usize {
    descriptor_limit().map_or(usize::MAX, |limit| limit.saturating_sub(OWN_DESCRIPTORS))
}
