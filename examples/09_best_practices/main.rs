//! Best practices: five stations, each first the broken way, then the right way, with what it costs.
//!
//! On the wire: what each station names in its first lines. All of it stays on this machine: the servers are the lab's, in
//! this process.

#[path = "../lesson/mod.rs"]
mod lesson;

mod concurrency;
mod errors;
mod pool;
mod security;
mod timeouts;

use clap::{Arg, builder::PossibleValuesParser};
use lesson::Args;
use netprimer::Result;
use std::process::ExitCode;
use std::time::Instant;

/// One practice.
struct Station {
    name: &'static str,
    question: &'static str,
    broken: fn(&Args) -> Result<()>,
    right: fn(&Args) -> Result<()>,
}

const STATIONS: [Station; 5] = [
    Station {
        name: "errors",
        question: "what went wrong, and what is to be done about it?",
        broken: errors::broken,
        right: errors::right,
    },
    Station { name: "timeouts", question: "when is it enough?", broken: timeouts::broken, right: timeouts::right },
    Station {
        name: "pool",
        question: "why connect again for each question?",
        broken: pool::broken,
        right: pool::right,
    },
    Station {
        name: "concurrency",
        question: "how many at once?",
        broken: concurrency::broken,
        right: concurrency::right,
    },
    Station { name: "security", question: "what may a stranger do?", broken: security::broken, right: security::right },
];

fn main() -> ExitCode {
    let names = PossibleValuesParser::new(STATIONS.map(|station| station.name));
    let [_, wire, slow] = lesson::common();
    let stations = Arg::new("STATION").num_args(0..).value_parser(names).help("Only these, instead of all");
    lesson::tool("Five best practices: first the broken way, then the right one.", [stations, wire, slow], run)
}

fn run(args: &Args) -> Result<()> {
    let asked: Vec<&String> = args.get_many("STATION").into_iter().flatten().collect();
    for station in STATIONS.iter().filter(|own| asked.is_empty() || asked.iter().any(|name| *name == own.name)) {
        println!("== {}: {}", station.name, station.question);
        println!("broken:");
        (station.broken)(args)?;
        println!("right:");
        (station.right)(args)?;
    }
    Ok(())
}

/// Milliseconds since then, as they are printed.
fn ms(since: Instant) -> String {
    format!("{:.1} ms", since.elapsed().as_secs_f64() * 1e3)
}
