//! The checkers of the exercises: each talks to a program as a peer does, byte by byte, and says what is wrong with it.
//!
//! A checker sees only the wire, and of a client its result, so it checks a program in any language. The starter of an
//! exercise hands its function to [`main`]: then it runs on a thread of the same process, and a panic or an early return is
//! reported as such. To a server the checker is a client; to a client it is a server that behaves, cuts, waits or lies.
//!
//! An exercise has one file here: the contract in bytes and the dialogue, in the order of difficulty, each step with
//! what the usual mistakes look like on the wire. A new one needs that file and its row in [`EXERCISES`]; the starter
//! `examples/NAME.rs`, the solution `examples/solutions/NAME.rs`, its wrong answers in `tests/wrong/NAME/`, the two Python
//! programs `tests/python/NAME_right.py` and `NAME_wrong.py`, the lesson's *Exercise*, and its row in `tests/exercises.rs`.
//!
//! | the learner writes | a dialogue does |
//! |---|---|
//! | a server | [`Talk::connect`], [`Talk::send`], [`Talk::expect`]; [`Talk::client`] for several at once |
//! | a UDP server | [`Talk::open_udp`], and the same |
//! | a client | [`Talk::start`], [`Talk::accept`], and the same from the other side; at last [`Talk::expect_result`] or [`Talk::expect_error`] |
//! | a client that has a text to say | [`Talk::start_with`] |
//! | a client of several servers or connections | [`Talk::start_all`], [`Talk::accept_at`], [`Talk::expect_nobody`], [`Talk::listen`] |
//! | a client of the web | [`Talk::hear_request`], [`Talk::answer`], [`Talk::expect_pause`], [`Talk::expect_no_request`] |
//! | a client that sends WebSocket frames | [`Talk::hear_frame`], [`Talk::expect_frame`], [`Talk::send_frame`] |
//! | what may choose its bytes | [`Talk::hear_until`], [`Talk::hear_exactly`], and [`Talk::refuse`] or [`Talk::differs`] for what is wrong with them |
//!
//! May use: everything in src.

mod apart;
mod client;
mod clock;
pub mod ex02_1;
pub mod ex02_2;
pub mod ex02_3;
pub mod ex02_4;
pub mod ex02_5;
pub mod ex03_1;
pub mod ex03_2_1;
pub mod ex03_2_2;
pub mod ex03_2_3;
pub mod ex03_2_4;
pub mod ex04_1;
pub mod ex04_2;
pub mod ex05;
pub mod ex06;
pub mod ex07_1;
pub mod ex07_2;
pub mod ex08_1;
pub mod ex08_2;
pub mod ex09;
mod frames;
mod free;
mod http;
mod line;
mod peer;
mod report;
mod running;
mod say;
mod talk;
mod wire;

pub use client::At;
pub use frames::Frame;
pub use http::Asked;
pub use peer::{Ask, AskAll, AskWith, Ended, Peer, Role, Serve, ServeUdp};
pub use report::{Failure, Report, Step};
pub use talk::{Checked, Talk};

use crate::error::{self, Error, Result};
use running::Running;
use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
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
pub const EXERCISES: &[Exercise] = &[
    ex02_1::EXERCISE,
    ex02_2::EXERCISE,
    ex02_3::EXERCISE,
    ex02_4::EXERCISE,
    ex02_5::EXERCISE,
    ex03_1::EXERCISE,
    ex03_2_1::EXERCISE,
    ex03_2_2::EXERCISE,
    ex03_2_3::EXERCISE,
    ex03_2_4::EXERCISE,
    ex04_1::EXERCISE,
    ex04_2::EXERCISE,
    ex05::EXERCISE,
    ex06::EXERCISE,
    ex07_1::EXERCISE,
    ex07_2::EXERCISE,
    ex08_1::EXERCISE,
    ex08_2::EXERCISE,
    ex09::EXERCISE,
];

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
    /// What the learner writes.
    pub role: Role,
    /// From where to look to almost there.
    pub hints: [&'static str; 3],
    /// What the checker sends and expects.
    pub dialogue: fn(&mut Talk) -> Checked,
}

/// The exercise of this name.
pub fn find(name: &str) -> Option<&'static Exercise> {
    EXERCISES.iter().find(|exercise| exercise.name == name)
}

/// Puts the checker to a program: for a second or two, and for at most seven whatever a server or a function does. (A client
/// that is a program of its own is started anew for each server that it meets: for at most a minute.)
///
/// These are seconds in which it had its turn. Where the machine stood still in the step that failed, nobody knows whose fault it
/// was, and the check is done again, for twenty seconds, which may make a minute of it.
///
/// # Errors
/// When the checker itself cannot work: no port, no thread or no such program on this machine, or one that is no answer to
/// this exercise, a client for a server. What the program does wrong is no error but in the report.
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
    if !peer.fits(exercise.role) {
        return Err(Error::Invalid(format!("{} asks for a {}", exercise.name, exercise.role.noun()).into()));
    }
    let begun = Instant::now();
    loop {
        let (at, server) = match peer {
            Peer::Server(_) | Peer::UdpServer(_) => {
                let (running, address) = started(peer, "127.0.0.1:0")?;
                (Peer::At(address.ip().to_string(), address.port()), Some(running))
            }
            _ => (peer.clone(), None),
        };
        let mut talk = Talk::new(exercise.role, at, server);
        let failure = (exercise.dialogue)(&mut talk).err();
        let doubtful = failure.is_some() && talk.clock.stood_still();
        let (steps, broken) = talk.into_parts();
        if let Some(error) = broken {
            return Err(error);
        }
        if !doubtful || begun.elapsed() >= clock::IN_DOUBT {
            return Ok(Report::new(exercise, &steps, failure.as_deref()));
        }
    }
}

/// The learner's server at work at this address.
fn started(server: &Peer, address: &str) -> Result<(Running, SocketAddr)> {
    let tried = || Error::io(format!("listen on {address}"));
    match server {
        Peer::UdpServer(serve) => {
            let (socket, serve) = (UdpSocket::bind(address).map_err(tried())?, *serve);
            let (bound, ours) = (socket.local_addr().map_err(tried())?, socket.try_clone().map_err(tried())?);
            Ok((Running::start("serve", ours, move || serve(socket).map(|()| Vec::new()))?, bound))
        }
        Peer::Server(serve) => {
            let (listener, serve) = (TcpListener::bind(address).map_err(tried())?, *serve);
            let (bound, ours) = (listener.local_addr().map_err(tried())?, listener.try_clone().map_err(tried())?);
            Ok((Running::start("serve", ours, move || serve(listener).map(|()| Vec::new()))?, bound))
        }
        _ => Err(Error::Invalid("this is no server".into())),
    }
}

/// What the `main` of a starter does: check (no argument), `hint [1|2|3]`, or to play with it `serve [ADDR]` for a server
/// and `run [ADDR]` for a client. `here` checks as well, and in this very process, as a debugger wants it.
pub fn main(exercise: &Exercise, peer: &Peer) -> ExitCode {
    const AT: &str = "127.0.0.1:8888";
    let args: Vec<String> = env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let verb = if exercise.role == Role::Client { "run" } else { "serve" };
    let of_all = matches!(peer, Peer::ClientOfAll(_));
    let done = match args.as_slice() {
        [] => match apart::command() {
            Ok(mut itself) => apart::check(exercise, &mut itself, &mut io::stdout()).map(status),
            Err(_) => check(exercise, peer).map(|report| verdict(&report)),
        },
        [apart::HERE] => check(exercise, peer).map(|report| verdict(&report)),
        [apart::HERE, whom] => {
            let done = check(exercise, peer);
            let could_not = |_: &Error| format!("{} failed: the check itself could not run\n", exercise.name);
            let told = apart::tell(whom, &done.as_ref().map_or_else(could_not, Report::to_string));
            done.and_then(|report| told.map(|()| status(report.passed())))
        }
        ["hint"] => Ok(show_hint(exercise, next_hint(&hints_shown(exercise)))),
        ["hint", number @ ("1" | "2" | "3")] => Ok(show_hint(exercise, number.parse().unwrap_or(1))),
        ["help" | "-h" | "--help"] => {
            print(&format!("{}\n", usage(exercise, verb, of_all)));
            Ok(ExitCode::SUCCESS)
        }
        [word] if *word == verb => play(peer, AT, &[AT]),
        [word, address, more @ ..] if *word == verb && (more.is_empty() || of_all) => play(peer, address, &args[1..]),
        unknown => Err(Error::Invalid(format!("not understood: {}", unknown.join(" ")).into())),
    };
    done.unwrap_or_else(|error| match error.kind() {
        ErrorKind::InvalidInput => {
            let text = format!("{error}\n{}", usage(exercise, verb, of_all));
            error::finish(Err(Error::Invalid(text.into())))
        }
        _ => error::finish(Err(error)),
    })
}

/// All that a starter can do.
fn usage(exercise: &Exercise, verb: &str, of_all: bool) -> String {
    let name = exercise.name;
    let address = if of_all { "[ADDR ...]" } else { "[ADDR]" };
    let play = format!("{verb} {address}");
    format!(
        "usage: {name}  (no argument: checks what you wrote)\n       \
         {name} {:<16}  gives the next hint, or that one\n       \
         {name} {play:<16}  lets you play; an address is HOST:PORT, as 127.0.0.1:8888",
        "hint [1|2|3]"
    )
}

/// Prints a report; the exit status is 0 for passed and 1 for failed.
pub fn verdict(report: &Report) -> ExitCode {
    print(&report.to_string());
    status(report.passed())
}

fn status(passed: bool) -> ExitCode {
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Nobody may be left to read it: a closed stdout changes no verdict.
fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// Lets any client talk to the learner's server, or the learner's client to any server or servers.
fn play(peer: &Peer, address: &str, all: &[&str]) -> Result<ExitCode> {
    let wrong = |name: &'static str, ended: Ended| match &ended {
        Ended::Panicked { place, .. } => Error::Other(place.clone().into(), format!("{name} {ended}").into()),
        Ended::Failed(why) => Error::Io(name.into(), io::Error::other(why.clone())),
        Ended::Returned(_) => {
            Error::Io(format!("{name} returned").into(), io::Error::other("a server goes on, client after client"))
        }
    };
    let client = match peer {
        Peer::Client(ask) => {
            let (ask, server) = (*ask, looked_up(address)?);
            Some(Running::start("ask", (), move || ask(server))?)
        }
        Peer::ClientWith(ask) => {
            let (ask, server, text) = (*ask, looked_up(address)?, io::read_to_string(io::stdin()));
            let text = text.map_err(Error::io("read the text from stdin"))?;
            Some(Running::start("ask", (), move || ask(server, &text))?)
        }
        Peer::ClientOfAll(ask) => {
            let (ask, servers) = (*ask, all.iter().map(|address| looked_up(address)).collect::<Result<Vec<_>>>()?);
            Some(Running::start("ask", (), move || ask(&servers))?)
        }
        _ => None,
    };
    if let Some(client) = client {
        return match client.wait() {
            Ended::Returned(answer) => {
                print(&format!("ask() returned {} bytes: {}\n", answer.len(), report::shown(&answer)));
                Ok(ExitCode::SUCCESS)
            }
            ended => Err(wrong("ask()", ended)),
        };
    }
    let (running, bound) = started(peer, address)?;
    let udp = if matches!(peer, Peer::UdpServer(_)) { "--udp " } else { "" };
    print(&format!("listening on {bound}\ntalk to it: cargo run --example nc -- {udp}{bound}\n"));
    Err(wrong("serve()", running.wait()))
}

fn looked_up(address: &str) -> Result<SocketAddr> {
    let mut addresses = address.to_socket_addrs().map_err(Error::io(format!("look up {address}")))?;
    addresses.next().ok_or_else(|| Error::Invalid(format!("{address} has no address").into()))
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
