//! How fast is the port scanner? Ours against `nmap -sT` and against a Python program with the usual listing's calls.
//!
//! ```text
//! cargo bench --bench scan                         about two minutes
//! cargo bench --bench scan -- --quick              half a minute, coarse
//! cargo bench --bench scan -- --rounds 21
//! ```
//!
//! Everything happens on 127.0.0.1 in a network namespace that the bench makes for itself: no other program is there, so
//! all ports are closed, and a firewall of its own can drop packets. Absolute figures change from machine to machine;
//! ratios change less. So each round runs all programs one after another, each as a process of its own; a ratio is taken
//! inside a round, and the table shows the median of all rounds with the quartiles.

use netprimer::scan::{Scan, State};
use std::error::Error;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const USAGE: &str = "usage: cargo bench --bench scan -- [--quick] [--rounds N]";

/// What a scan of 1,023 silent ports with a timeout of 1 s may take.
const FILTERED_GOAL: f64 = 1.06;

fn main() -> ExitCode {
    // `cargo test --all-targets` runs this program too, but only `cargo bench` says so.
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let Some(at) = args.iter().position(|arg| arg == "--bench") else { return ExitCode::SUCCESS };
    args.remove(at);
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["--one-scan", last, wanted] => one_scan(last, wanted),
        ["--inside", rounds] => number(rounds).and_then(|rounds| measure(rounds, true)),
        [] => outside(9),
        ["--quick"] => outside(3),
        ["--rounds", rounds] => number(rounds).and_then(outside),
        _ => Err(USAGE.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            let _ = writeln!(io::stderr(), "error: {e}");
            ExitCode::from(if e.to_string() == USAGE { 2 } else { 1 })
        }
    }
}

fn number(text: &str) -> Result<usize> {
    text.parse().ok().filter(|n| *n > 0).ok_or_else(|| USAGE.into())
}

/// One scan by ours, as a process of its own: what nmap and Python are, too.
fn one_scan(last: &str, wanted: &str) -> Result<()> {
    let ports = (1..=last.parse()?).collect();
    let found = Scan { ports, ..Scan::of(Ipv4Addr::LOCALHOST.into()) }.run()?;
    let state = if wanted == "closed" { State::Closed } else { State::Filtered };
    let others = found.iter().filter(|port| port.state != state).count();
    // Outside a namespace a few ports of this machine are open.
    if others * 50 > found.len() { Err(format!("{others} ports are not {wanted}").into()) } else { Ok(()) }
}

/// Enters a namespace where that is allowed, and measures there.
fn outside(rounds: usize) -> Result<()> {
    let enter = ["-rn", "sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""];
    if !works(Command::new("unshare").args(enter).arg("true")) {
        return measure(rounds, false);
    }
    let inside = ["--bench", "--inside", &rounds.to_string()].map(str::to_owned);
    let status = Command::new("unshare").args(enter).arg(std::env::current_exe()?).args(inside).status()?;
    if status.success() { Ok(()) } else { Err("the measurement failed".into()) }
}

fn works(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).output().is_ok_and(|output| output.status.success())
}

/// A program that scans.
struct Scanner {
    name: &'static str,
    command: Vec<String>,
}

impl Scanner {
    fn new(name: &'static str, command: &[&str]) -> Scanner {
        Scanner { name, command: command.iter().map(|word| (*word).to_owned()).collect() }
    }

    fn run(&self) -> Result<f64> {
        let start = Instant::now();
        let output = Command::new(&self.command[0]).args(&self.command[1..]).stdin(Stdio::null()).output()?;
        let took = start.elapsed().as_secs_f64();
        match output.status.success() {
            true => Ok(took),
            false => Err(format!("{}: {}", self.name, String::from_utf8_lossy(&output.stderr).trim()).into()),
        }
    }
}

fn measure(rounds: usize, namespace: bool) -> Result<()> {
    let begin = Instant::now();
    let out = &mut io::stdout();
    let (nmap, python) =
        (works(Command::new("nmap").arg("--version")), works(Command::new("python3").arg("--version")));
    let firewall = namespace && works(Command::new("iptables").args(["-L", "-n"]));
    writeln!(out, "port scan of 127.0.0.1, {rounds} rounds; load average {}", load().as_deref().unwrap_or("unknown"))?;
    for (there, what) in [
        (nmap, "nmap (not installed)"),
        (python, "Python (no `python3`)"),
        (namespace, "a namespace of its own (`unshare -rn`, `ip`): other programs' ports are scanned too"),
        (firewall, "filtered ports (no namespace, or no `iptables`)"),
    ] {
        if !there {
            writeln!(out, "skipped: {what}")?;
        }
    }
    writeln!(out, "\n{:<26}{:>10}  {:<24}{:<24}", "seconds", "ours", "nmap -sT", "Python")?;

    let ours = std::env::current_exe()?.display().to_string();
    let listing = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/scan.py");
    let mut goals = Vec::new();
    for last in ["1023", "65535"] {
        let range = format!("1-{last}");
        let mut scanners = vec![Scanner::new("ours", &[&ours, "--bench", "--one-scan", last, "closed"])];
        if nmap {
            scanners.push(Scanner::new("nmap", &["nmap", "-sT", "-Pn", "-n", "-p", &range, "127.0.0.1"]));
        }
        if python {
            scanners.push(Scanner::new("Python", &["python3", listing, "127.0.0.1", "1", last]));
        }
        let times = race(&scanners, rounds)?;
        row(out, &format!("closed, 1 to {last}"), &scanners, &times)?;
        if nmap {
            // In about half of its runs over all ports nmap pauses for a second. A median would be one kind of run or the
            // other by chance, so the goal is judged by what all rounds took together.
            let ratio = times[1].iter().sum::<f64>() / times[0].iter().sum::<f64>();
            let goal = format!("closed, 1 to {last}: all rounds together {ratio:.1} times as fast as nmap -sT; goal 3");
            goals.push((ratio >= 3.0, goal));
        }
    }
    if firewall {
        let drop = ["-A", "INPUT", "-p", "tcp", "--dport", "1:1023", "-j", "DROP"];
        if !works(Command::new("iptables").args(drop)) {
            return Err("iptables takes no rule".into());
        }
        let scanners = [Scanner::new("ours", &[&ours, "--bench", "--one-scan", "1023", "filtered"])];
        let times = race(&scanners, rounds.min(5))?;
        row(out, "filtered, 1 to 1023", &scanners, &times)?;
        let took = quartiles(times[0].clone())[1];
        let goal = format!("filtered, 1 to 1023: {took:.3} s, the ideal is 1 s; goal {FILTERED_GOAL} s");
        goals.push((took <= FILTERED_GOAL, goal));
        writeln!(out, "(the Python loop would take 1,023 s: one port after another)")?;
    }
    writeln!(out)?;
    for (met, goal) in goals {
        writeln!(out, "{} {goal}", if met { "met:   " } else { "MISSED:" })?;
    }
    writeln!(out, "took {:.0} s", begin.elapsed().as_secs_f64())?;
    Ok(())
}

fn load() -> Option<String> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next().map(str::to_owned)
}

/// All scanners, round by round; each round begins with another one. Gives the times of each.
fn race(scanners: &[Scanner], rounds: usize) -> Result<Vec<Vec<f64>>> {
    let mut times = vec![Vec::new(); scanners.len()];
    for round in 0..rounds {
        for turn in 0..scanners.len() {
            let n = (round + turn) % scanners.len();
            times[n].push(scanners[n].run()?);
        }
    }
    Ok(times)
}

/// How many times as long as ours this one took, in each round: the quartiles.
fn ratios(times: &[Vec<f64>], n: usize) -> [f64; 3] {
    quartiles(times[n].iter().zip(&times[0]).map(|(other, ours)| other / ours).collect())
}

fn quartiles(mut all: Vec<f64>) -> [f64; 3] {
    all.sort_by(f64::total_cmp);
    let last = all.len() - 1;
    [last / 4, last / 2, last * 3 / 4].map(|n| all[n])
}

fn row(out: &mut impl Write, name: &str, scanners: &[Scanner], times: &[Vec<f64>]) -> Result<()> {
    let mut line = format!("{name:<26}{:>10.3}  ", quartiles(times[0].clone())[1]);
    for wanted in ["nmap", "Python"] {
        let cell = scanners.iter().position(|scanner| scanner.name == wanted).map_or("-".to_owned(), |n| {
            let [low, median, high] = ratios(times, n);
            format!("{:.2} s, x {median:.1} ({low:.1}-{high:.1})", quartiles(times[n].clone())[1])
        });
        line += &format!("{cell:<24}");
    }
    writeln!(out, "{}", line.trim_end())?;
    Ok(())
}
