//! The checkers of the exercises: each talks to a program as a peer does, byte by byte, and says what is wrong with it.
//!
//! A checker sees only the wire, so it checks a program in any language. The starter of an exercise hands its function
//! to [`main`]: then it runs on a thread of the same process, and a panic or an early return is reported as such.
//!
//! An exercise has one file here: the contract in bytes and the dialogue, in the order of difficulty, each step with
//! what the usual mistakes look like on the wire. A new one needs that file, a row in [`EXERCISES`], the starter
//! `examples/NAME.rs`, the solution `examples/solutions/NAME.rs` and its wrong answers in `tests/wrong/NAME/`.
//!
//! May use: everything in src.

pub mod ex02_1;
mod peer;
mod report;
mod talk;

pub use peer::{Ended, Peer, Serve};
pub use report::{Failure, Report, Step};
pub use talk::{Checked, Talk};

use crate::error::{self, Error, Result};
use peer::Running;
use std::io::{self, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

/// The headings of a lesson that a report points to.
pub const ON_THE_WIRE: &str = "On the wire";
/// See [`ON_THE_WIRE`].
pub const THE_CODE: &str = "The code";
/// See [`ON_THE_WIRE`].
pub const WHEN_IT_GOES_WRONG: &str = "When it goes wrong";
/// See [`ON_THE_WIRE`]. The contract: what is the exercise's own rule stands there.
pub const THE_EXERCISE: &str = "Exercise";

/// Every exercise, in the order of the lessons.
pub const EXERCISES: &[Exercise] = &[ex02_1::EXERCISE];

/// One exercise: what its checker says and knows.
#[derive(Debug, Clone, Copy)]
pub struct Exercise {
    /// `ex02_1`: the name of its example and of its files.
    pub name: &'static str,
    /// The lesson it belongs to, `02_1_tcp_server`.
    pub lesson: &'static str,
    /// The lesson after it.
    pub next: &'static str,
    /// What is to be written, in one line.
    pub task: &'static str,
    /// From where to look to almost there.
    pub hints: [&'static str; 3],
    /// What the checker sends and expects.
    pub dialogue: fn(&mut Talk) -> Checked,
}

/// The exercise of this name.
pub fn find(name: &str) -> Option<&'static Exercise> {
    EXERCISES.iter().find(|exercise| exercise.name == name)
}

/// Puts the checker to a program: for about a second, and for at most seven whatever the program does.
///
/// # Errors
/// When the checker itself cannot work: no port or no thread is left on this machine. What the program does wrong is no
/// error but in the report.
///
/// ```
/// use netprimer::check::{self, Peer, ex02_1};
/// use std::{io, net::TcpListener};
///
/// fn serve(_listener: TcpListener) -> io::Result<()> {
///     todo!("accept, read, answer")
/// }
///
/// let report = check::check(&ex02_1::EXERCISE, &Peer::Server(serve))?;
/// assert!(!report.passed());
/// assert!(report.to_string().contains("serve() panicked: not yet implemented: accept, read, answer"));
/// # Ok::<(), netprimer::Error>(())
/// ```
pub fn check(exercise: &Exercise, peer: &Peer) -> Result<Report> {
    let mut talk = match peer {
        Peer::At(host, port) => Talk::new(host, *port, None),
        Peer::Server(serve) => {
            let listener = TcpListener::bind("127.0.0.1:0").map_err(Error::io("listen on 127.0.0.1:0"))?;
            let port = listener.local_addr().map_err(Error::io("listen on 127.0.0.1:0"))?.port();
            Talk::new("127.0.0.1", port, Some(Running::start(*serve, listener)?))
        }
    };
    let failure = (exercise.dialogue)(&mut talk).err();
    Ok(Report::new(exercise, &talk.into_steps(), failure.as_deref()))
}

/// What the `main` of a starter does: check (no argument), `hint [1|2|3]`, or `serve [ADDR]` to play with it.
pub fn main(exercise: &Exercise, serve: Serve) -> ExitCode {
    let args: Vec<String> = env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        [] => check(exercise, &Peer::Server(serve)).map(|report| verdict(&report)),
        ["hint"] => Ok(show_hint(exercise, next_hint(&hints_shown(exercise)))),
        ["hint", number @ ("1" | "2" | "3")] => Ok(show_hint(exercise, number.parse().unwrap_or(1))),
        ["serve"] => play(serve, "127.0.0.1:8888"),
        ["serve", address] => play(serve, address),
        _ => Err(Error::Invalid(format!("usage: {} [hint [1|2|3] | serve [ADDR]]", exercise.name).into())),
    };
    done.unwrap_or_else(|error| error::finish(Err(error)))
}

/// Prints a report; the exit status is 0 for passed and 1 for failed.
pub fn verdict(report: &Report) -> ExitCode {
    print(&report.to_string());
    if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Nobody may be left to read it: a closed stdout changes no verdict.
fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// Lets any client talk to the learner's server.
fn play(serve: Serve, address: &str) -> Result<ExitCode> {
    let listener = TcpListener::bind(address).map_err(Error::io(format!("listen on {address}")))?;
    let bound = listener.local_addr().map_err(Error::io("listen"))?;
    print(&format!("listening on {bound}\ntalk to it: cargo run --example nc -- {bound}\n"));
    let ended = Running::start(serve, listener)?.wait();
    if let Ended::Panicked { place, .. } = &ended {
        return Err(Error::Other(place.clone().into(), ended.to_string().into()));
    }
    Err(Error::Io(ended.to_string().into(), io::Error::other("a server goes on, client after client")))
}

fn show_hint(exercise: &Exercise, number: usize) -> ExitCode {
    let name = exercise.name;
    let hint = number.checked_sub(1).and_then(|n| exercise.hints.get(n));
    let next = match number < exercise.hints.len() {
        true => format!("One more: cargo run --example {name} -- hint"),
        false => format!("That was the last. Again: -- hint 1. A solution: examples/solutions/{name}.rs"),
    };
    print(&(report::wrap(&format!("hint {number}"), 8, hint.unwrap_or(&"")) + "\n" + &report::wrap("", 0, &next)));
    ExitCode::SUCCESS
}

/// Where the number of the last hint is kept: a file beside the program in `target`, which `cargo clean` forgets.
fn hints_shown(exercise: &Exercise) -> PathBuf {
    let program = env::current_exe().unwrap_or_else(|_| PathBuf::from(exercise.name));
    program.with_file_name(format!("{}.hints", exercise.name))
}

/// The number of the next hint; after the last it stays there. A file that cannot be read or written is no obstacle: then
/// it is the first.
fn next_hint(shown: &Path) -> usize {
    let last = fs::read_to_string(shown).ok().and_then(|text| text.trim().parse::<usize>().ok());
    let next = last.unwrap_or(0).saturating_add(1).clamp(1, 3);
    let _ = fs::write(shown, next.to_string());
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_come_one_after_the_other_and_stay_at_the_last() {
        let file = env::temp_dir().join(format!("netprimer-hints-{}", std::process::id()));
        assert_eq!([1, 2, 3, 3].map(|_| next_hint(&file)), [1, 2, 3, 3]);
        for nonsense in ["", "99", "-1", "18446744073709551615", "two"] {
            fs::write(&file, nonsense).unwrap();
            assert!((1..=3).contains(&next_hint(&file)), "{nonsense}");
        }
        fs::remove_file(&file).unwrap();
        assert_eq!(next_hint(&file.join("no such folder")), 1);
    }
}
