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

mod common;

use common::{Folder, Report, Result, Spread, command, first_line, isolated, output};
use netprimer::scan::{Scan, State};
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

const USAGE: &str = "usage: cargo bench --bench scan -- [--quick] [--rounds N]";

/// What a scan of 1,023 silent ports with a timeout of 1 s may take.
const FILTERED_GOAL: f64 = 1.06;

/// A scan that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--one-scan", last, wanted] => common::finish(one_scan(last, wanted).map(|()| 0)),
        ["--inside", rounds] => common::finish(rounds.parse().map_err(Into::into).and_then(|n| measure(n, None))),
        _ => common::main(USAGE, |args| common::only_rounds(args, 9), outside),
    }
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

/// Enters a network of its own where that is allowed, and measures there.
fn outside(rounds: usize) -> Result<usize> {
    let folder = Folder::new("scan")?;
    let words = match isolated(&folder.0) {
        Ok(words) => words,
        Err(e) => return measure(rounds, Some(format!("{e}: other programs' ports are scanned too"))),
    };
    let this = std::env::current_exe()?.display().to_string();
    let status = command(&words, [this.as_str(), "--inside", &rounds.to_string()]).status()?;
    if status.success() { Ok(0) } else { Err("the measurement failed".into()) }
}

/// A program that scans.
struct Scanner {
    name: &'static str,
    command: Vec<String>,
}

impl Scanner {
    fn new<'a>(name: &'static str, command: impl IntoIterator<Item = &'a str>) -> Scanner {
        Scanner { name, command: command.into_iter().map(str::to_owned).collect() }
    }

    fn seconds(&self) -> Result<f64> {
        let start = Instant::now();
        output(&mut command(&self.command, []), LIMIT)?;
        Ok(start.elapsed().as_secs_f64())
    }
}

fn measure(rounds: usize, outside: Option<String>) -> Result<usize> {
    let begin = Instant::now();
    let out = &mut io::stdout();
    let (nmap, python) = (first_line("nmap", &["--version"]), first_line("python3", &["--version"]));
    let firewall = outside.is_none() && first_line("iptables", &["-L", "-n"]).is_some();
    let mut skipped = Vec::from_iter(outside);
    for (there, what) in [
        (nmap.is_some(), "nmap (not installed)"),
        (python.is_some(), "Python (no `python3`)"),
        (firewall, "filtered ports (no network of our own, or no `iptables`)"),
    ] {
        if !there {
            skipped.push(what.into());
        }
    }
    let mut how = Vec::from_iter(nmap.iter().chain(&python).cloned());
    how.push(format!("{rounds} rounds; ratio theirs / ours in time: median (middle half of the rounds)"));
    common::header(out, "port scan of 127.0.0.1", &how, &skipped)?;
    writeln!(out, "{:<26}{:>12}{:>22}{:>22}", "", "ours, s", "nmap -sT", "Python")?;

    let this = std::env::current_exe()?.display().to_string();
    let listing = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/scan.py");
    let ours = |last, state| Scanner::new("ours", [this.as_str(), "--one-scan", last, state]);
    let mut report = Report::default();
    for last in ["1023", "65535"] {
        let range = format!("1-{last}");
        let mut scanners = vec![ours(last, "closed")];
        if nmap.is_some() {
            scanners.push(Scanner::new("nmap", ["nmap", "-sT", "-Pn", "-n", "-p", &range, "127.0.0.1"]));
        }
        if python.is_some() {
            scanners.push(Scanner::new("Python", ["python3", listing, "127.0.0.1", "1", last]));
        }
        let name = format!("closed, 1 to {last}");
        let times = race(&scanners, rounds, &mut report);
        row(out, &name, &scanners, &times)?;
        if nmap.is_some() {
            // In about half of its runs over all ports nmap pauses for a second. A median would be one kind of run or the
            // other by chance, so the goal is judged by what all rounds took together.
            let whole = times.iter().filter_map(|round| Some((round[0]?, round[1]?)));
            let (ours, theirs) = whole.fold((0.0, 0.0), |(ours, theirs), round| (ours + round.0, theirs + round.1));
            let ratio = theirs / ours;
            report.goal(&format!("{name}: nmap, all rounds"), format!("{ratio:.1}"), "at least 3", ratio >= 3.0);
        }
    }
    if firewall {
        let mut rule = Command::new("iptables");
        output(rule.args(["-A", "INPUT", "-p", "tcp", "--dport", "1:1023", "-j", "DROP"]), LIMIT)?;
        let scanners = [ours("1023", "filtered")];
        let times = race(&scanners, rounds.min(5), &mut report);
        row(out, "filtered, 1 to 1023", &scanners, &times)?;
        if let Some(Spread { median, .. }) = Spread::of(times.iter().filter_map(|round| round[0])) {
            let goal = format!("at most {FILTERED_GOAL}");
            let what = "filtered, 1 to 1023: seconds, 1 is ideal";
            report.goal(what, format!("{median:.3}"), &goal, median <= FILTERED_GOAL);
        }
        writeln!(out, "(the Python loop would take 1,023 s: one port after another)")?;
    }
    report.print(out, begin)?;
    Ok(report.complaints.len())
}

/// All scanners, round by round: the times of each.
fn race(scanners: &[Scanner], rounds: usize, report: &mut Report) -> Vec<Vec<Option<f64>>> {
    common::rounds(rounds, scanners.len(), |number, at| {
        let name = scanners[at].name;
        scanners[at].seconds().map_err(|e| report.complaints.push(format!("{name}, round {}: {e}", number + 1))).ok()
    })
}

fn row(out: &mut impl Write, name: &str, scanners: &[Scanner], times: &[Vec<Option<f64>>]) -> Result<()> {
    let ours = Spread::of(times.iter().filter_map(|round| round[0]));
    let ours = ours.map_or("-".into(), |ours| format!("{:.3}", ours.median));
    let mut line = format!("{name:<26}{ours:>12}");
    for wanted in ["nmap", "Python"] {
        let at = scanners.iter().position(|scanner| scanner.name == wanted);
        let ratios = at.and_then(|at| Spread::of(times.iter().filter_map(|round| Some(round[at]? / round[0]?))));
        line += &format!("{:>22}", Spread::cell(ratios));
    }
    Ok(writeln!(out, "{line}")?)
}
