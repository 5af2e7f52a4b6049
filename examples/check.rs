//! The exercises: what is done, and the same checkers for any program in any language.
//!
//! ```text
//! cargo run --example check                                  lists all exercises with what is done
//! cargo run --example check -- --csv > mine.csv              the same as a table to hand in (RFC 4180)
//! cargo run --example check -- --all                         either, and exit status 1 until all are done
//! cargo run --example check -- ex02_1 127.0.0.1:9000         checks the server that listens there
//! cargo run --example check -- ex02_2 -- python3 mine.py     checks a client: it runs this once for each server that it plays
//! ```
//!
//! A client gets the address of its server as the last argument. It writes the answer to stdout and nothing else, and ends
//! with status 0; where there is no right answer, with another one.
//!
//! What is done is found out by running each exercise as you would, through cargo, so that what you see is what you wrote.

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Command, value_parser};
use netprimer::check::{self, EXERCISES, Exercise, Peer, Role};
use netprimer::{Error, Result};
use std::env;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::process::{self, ExitCode, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// A check takes a second, or a few; cargo may have to build the exercise first, on a slow machine.
const LIMIT: Duration = Duration::from_secs(120);

fn main() -> ExitCode {
    let args = match arguments().try_get_matches() {
        Ok(args) => args,
        Err(e) => {
            // As nobody else sees what was printed, a failure of it changes nothing.
            let _ = e.print();
            if e.kind() == ErrorKind::UnknownArgument {
                let hint = "hint: a client is a program, and -- stands before it: check -- ex02_2 -- python3 mine.py";
                let _ = writeln!(io::stderr(), "{hint}");
            }
            return ExitCode::from(if e.use_stderr() { 2 } else { 0 });
        }
    };
    let name = args.get_one::<String>("EXERCISE").and_then(|name| check::find(name));
    let program: Vec<OsString> = args.get_many("COMMAND").into_iter().flatten().cloned().collect();
    let done = match (name, args.get_one::<String>("ADDR")) {
        (Some(exercise), address) => one(exercise, address.map(String::as_str), program),
        _ => all(args.get_flag("csv"), args.get_flag("all")).map_err(Error::io("write to stdout")),
    };
    done.unwrap_or_else(|error| netprimer::finish(Err(error)))
}

fn arguments() -> Command {
    let names = EXERCISES.iter().map(|exercise| exercise.name);
    Command::new("check")
        .about("Lists the exercises with what is done, or checks one program in any language.")
        .arg(Arg::new("EXERCISE").value_parser(Vec::from_iter(names)).help("the exercise to check"))
        .arg(Arg::new("ADDR").help("where the program listens, HOST:PORT: yours, or a neighbour's who agreed"))
        .arg(
            Arg::new("COMMAND")
                .value_parser(value_parser!(OsString))
                .num_args(1..)
                .last(true)
                .requires("EXERCISE")
                .conflicts_with("ADDR")
                .help("a client and its arguments; the address of its server comes behind them"),
        )
        .arg(
            Arg::new("all")
                .long("all")
                .action(ArgAction::SetTrue)
                .conflicts_with("EXERCISE")
                .help("ends with exit status 1 until all exercises are done; the list itself stays the same"),
        )
        .arg(
            Arg::new("csv")
                .long("csv")
                .action(ArgAction::SetTrue)
                .conflicts_with("EXERCISE")
                .help("writes the list as a table to hand in"),
        )
}

fn one(exercise: &Exercise, address: Option<&str>, program: Vec<OsString>) -> Result<ExitCode> {
    let usage = match exercise.role {
        Role::Client => "-- COMMAND [ARGUMENT ...]",
        _ => "HOST:PORT",
    };
    let wrong = |what: &str| Error::Invalid(format!("{what}\nusage: check {} {usage}", exercise.name).into());
    let peer = match (exercise.role, address) {
        (Role::Client, None) if !program.is_empty() => Peer::Program(program),
        (Role::Client, _) => return Err(wrong("this exercise asks for a client: name the program to run")),
        (_, None) => return Err(wrong("this exercise asks for a server: name the address where it listens")),
        (_, Some(address)) => {
            let parts = address.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
            let (host, port) = parts.ok_or_else(|| wrong(&format!("no address HOST:PORT: {address}")))?;
            Peer::At(host.to_owned(), port)
        }
    };
    Ok(check::verdict(&check::check(exercise, &peer)?))
}

/// Lists what is done; where all are demanded, it fails until they are.
fn all(csv: bool, demanded: bool) -> io::Result<ExitCode> {
    let mut out = io::stdout();
    if csv {
        write!(out, "exercise,lesson,state,detail\r\n")?;
    }
    let mut to_do = Vec::new();
    for exercise in EXERCISES {
        let (state, detail) = state(exercise);
        if state != "done" {
            to_do.push(exercise.name);
        }
        match csv {
            true => write!(out, "{},{},{state},{}\r\n", exercise.name, exercise.lesson, quoted(&detail))?,
            false => writeln!(
                out,
                "{:<8}  {state:<9}  {}",
                exercise.name,
                if detail.is_empty() { exercise.task } else { &detail }
            )?,
        }
    }
    if !csv {
        let lesson = EXERCISES.last().map_or("README", |exercise| exercise.next);
        let next = match to_do.first() {
            Some(name) => format!("cargo run --example {name}"),
            None => format!("lessons/{lesson}.md"),
        };
        writeln!(out, "\n{} of {} done. Next: {next}", EXERCISES.len() - to_do.len(), EXERCISES.len())?;
    }
    if !demanded {
        return Ok(ExitCode::SUCCESS);
    }
    let (status, why) = match to_do.as_slice() {
        [] => (0, "all are done".to_owned()),
        names => (1, format!("not done yet: {}", names.join(", "))),
    };
    writeln!(io::stderr(), "exit status {status}: {why} (--all)")?;
    Ok(ExitCode::from(status))
}

/// A field of a table: quoted, and a quote in it doubled (RFC 4180 section 2).
fn quoted(field: &str) -> String {
    format!("\"{}\"", field.replace('"', "\"\""))
}

/// What one exercise has come to, by running it.
fn state(exercise: &Exercise) -> (&'static str, String) {
    let (status, report) = match run(exercise.name) {
        Ok(Some(done)) => done,
        Ok(None) => return ("stuck", format!("no end within {} s", LIMIT.as_secs())),
        Err(e) => return ("unknown", format!("cargo does not run: {e}")),
    };
    let verdict = report.lines().last().unwrap_or_default();
    match status {
        // A status is believed with its verdict alone: any program can end with 0.
        Some(0) if verdict.starts_with(&format!("{} passed: ", exercise.name)) => ("done", String::new()),
        Some(0) => ("begun", "no verdict: the program ended before the check".to_owned()),
        Some(1) if report.contains("not yet implemented") => ("to do", String::new()),
        Some(1) => ("begun", verdict.to_owned()),
        _ => ("broken", format!("does not compile: cargo run --example {}", exercise.name)),
    }
}

/// Runs the exercise as the learner does. `None` after the limit.
fn run(name: &str) -> io::Result<Option<(Option<i32>, String)>> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut child = process::Command::new(cargo)
        .args(["run", "-q", "--example", name])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let (tell, read) = mpsc::channel();
    if let Some(mut stdout) = child.stdout.take() {
        thread::spawn(move || {
            let mut report = Vec::new();
            let _ = stdout.read_to_end(&mut report);
            let _ = tell.send(report);
        });
    }
    match read.recv_timeout(LIMIT) {
        Ok(report) => Ok(Some((child.wait()?.code(), String::from_utf8_lossy(&report).into_owned()))),
        Err(_) => {
            let _ = child.kill();
            child.wait().map(|_| None)
        }
    }
}
