//! Is this machine ready for the course? What is not as it should be is named, with what mends it.
//!
//! On the wire: a few bytes from this machine to itself, over TCP, UDP and TLS. Nothing leaves it.

mod lesson;

use clap::{Arg, builder::PossibleValuesParser};
use netprimer::lab::ready::{CHECKS, Check, Finding, State};
use netprimer::{Error, Result};
use std::process::ExitCode;

fn main() -> ExitCode {
    let names = PossibleValuesParser::new(CHECKS.map(|check| check.name));
    let checks = Arg::new("CHECK").num_args(0..).value_parser(names).help("Only these, instead of all");
    lesson::tool("Tells whether this machine is ready for the course.", [checks], run)
}

fn run(args: &lesson::Args) -> Result<()> {
    let asked: Vec<&String> = args.get_many("CHECK").into_iter().flatten().collect();
    let wanted = |check: &&Check| asked.is_empty() || asked.iter().any(|name| *name == check.name);
    let mut found = Vec::new();
    for check in CHECKS.iter().filter(wanted) {
        let finding = check.run();
        show(check.name, &finding);
        found.push(finding.state);
    }
    verdict(&found)
}

/// One line for what was seen, and one for what mends it.
fn show(name: &str, finding: &Finding) {
    println!("{}  {name:<9}  {}", coloured(finding.state), finding.saw);
    if !finding.mend.is_empty() {
        println!("{:17}-> {}", "", finding.mend);
    }
}

/// The colour repeats what the word says.
fn coloured(state: State) -> String {
    let colour = match state {
        State::Good => 32, // green
        State::Note => 33, // yellow
        State::Bad => 31,  // red
    };
    lesson::painted(&state.to_string(), colour)
}

/// The last line, and the exit status: 1 when something stops a lesson.
fn verdict(found: &[State]) -> Result<()> {
    let count = |state| found.iter().filter(|own| **own == state).count();
    match count(State::Bad) {
        0 => {
            println!("this machine is ready: {} good, {} to note", count(State::Good), count(State::Note));
            Ok(())
        }
        stops => {
            let saw = format!("{stops} of {} stop a lesson: mend the first one, then start this again", found.len());
            Err(Error::Other("check this machine".into(), saw.into()))
        }
    }
}
