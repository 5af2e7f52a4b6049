//! What all lessons have in common: arguments, target, wire view. (The quiet end is tested with `nc` and `tap`.)

#[path = "../../examples/lesson/mod.rs"]
mod lesson;

use clap::Arg;
use lesson::{Args, Server, Slow};
use netprimer::trace::{Event, Side, Sink, Transcript};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn args(words: &[&str]) -> Result<Args, String> {
    let words = ["program"].iter().chain(words);
    lesson::read("About.", lesson::common(), words).map_err(|answer| answer.to_string())
}

struct Clock(TcpListener);

impl Server for Clock {
    fn name(&self) -> &str {
        "clock"
    }
    fn addr(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }
}

fn clock() -> netprimer::Result<Clock> {
    TcpListener::bind("127.0.0.1:0").map(Clock).map_err(netprimer::Error::io("start the clock"))
}

#[test]
fn a_target_that_was_typed_starts_no_server() {
    let target = args(&["example.test:21"]).unwrap().target_or::<Clock>(|| panic!("nobody asked for it")).unwrap();
    assert_eq!(target.address, "example.test:21");
    assert!(target.server.is_none());
}

#[test]
fn without_a_target_a_server_lives_as_long_as_it_is_needed() {
    let target = args(&[]).unwrap().target_or(clock).unwrap();
    let addr = target.server.as_ref().unwrap().addr();
    assert_eq!(target.address, addr.to_string());
    assert!(std::net::TcpStream::connect(addr).is_ok());
    drop(target);
    assert!(std::net::TcpStream::connect(addr).is_err());
    let failed = args(&[]).unwrap().target_or::<Clock>(|| Err(netprimer::Error::Invalid("no".into())));
    assert_eq!(failed.err().unwrap().to_string(), "no");
}

#[test]
fn the_wire_is_shown_when_asked_for() {
    assert!(args(&[]).unwrap().wire().is_none());
    for asked in ["--wire", "--slow", "--slow=0.5"] {
        assert!(args(&[asked]).unwrap().wire().is_some(), "{asked}");
    }
    // Its number stands behind `=`, so that a target can follow.
    let both = args(&["--slow", "example.test:21"]).unwrap();
    assert_eq!(both.target_or(clock).unwrap().address, "example.test:21");
}

#[test]
fn a_slow_conversation_waits_before_each_turn() {
    let transcript = Transcript::new();
    let pause = Duration::from_millis(40);
    let slow = Slow::new(Arc::new(transcript.clone()), pause);
    let start = Instant::now();
    for (side, text) in [(Side::Client, "a"), (Side::Client, "b"), (Side::Server, "c"), (Side::Client, "d")] {
        slow.event(side, Event::Bytes(text.as_bytes()));
    }
    assert!(start.elapsed() >= 3 * pause, "{:?}", start.elapsed());
    let at: Vec<Instant> = transcript.pieces().iter().map(|piece| piece.at).collect();
    assert!(at[2] - at[1] >= pause && at[3] - at[2] >= pause, "the pause comes before the turn is shown");
    assert_eq!(transcript.to_string(), "C: ab\nS: c\nC: d\n");
}

#[test]
fn the_pauses_of_a_slow_conversation_use_up_no_limit_but_one_that_was_typed() {
    let limit = |words: &[&str]| {
        let option = |name| Arg::new(name).long(name).value_parser(lesson::seconds);
        let own = [option("timeout").default_value("10"), option("total"), option("connect")];
        let args =
            lesson::read("About.", own.into_iter().chain(lesson::common()), [&["program"], words].concat()).unwrap();
        let given = ["timeout", "total", "connect"].map(|name| args.get_one(name).map(Duration::as_secs));
        (given, args.patience(Duration::from_secs(2)).as_secs())
    };
    assert_eq!(limit(&["--wire"]), ([Some(10), None, None], 2));
    assert_eq!(limit(&["--slow=3"]), ([Some(600), Some(600), None], 600));
    assert_eq!(limit(&["--slow", "--timeout", "4", "--total=5"]).0, [Some(4), Some(5), None]);
}

#[test]
fn wrong_words_are_answered_with_the_usage() {
    for words in [&["--nonsense"][..], &["a:1", "b:2"], &["--slow=often"], &["--slow=-1"], &["--slow=1e400"]] {
        let answer = args(words).err().expect("these are wrong");
        assert!(answer.starts_with("error: "), "{answer}");
    }
    let seconds = lesson::common().into_iter().chain([lesson::number("after", "N", "")]);
    let answer = lesson::read("About.", seconds, ["program", "--after", "-1"]).err().expect("a wrong number");
    assert!(answer.to_string().contains("'-1' for '--after <N>': a whole number from 0 on is wanted here"), "{answer}");
    let help = args(&["--help"]).err().expect("the help instead");
    assert!(help.starts_with("About.") && help.contains("--wire") && help.contains("[TARGET]"), "{help}");
}

#[test]
fn an_address_without_a_port_has_that_of_the_socket_lessons() {
    for (text, shown) in [("127.0.0.1:0", "127.0.0.1:0"), ("localhost", "localhost:8888"), ("::1", "[::1]:8888")] {
        assert_eq!(lesson::address(text).unwrap().to_string(), shown);
    }
    for wrong in ["", ":", ":80", "a:", "a:-1", "a:65536", "a:http", "[::1", "[]:1", "a:b:1"] {
        assert!(lesson::address(wrong).is_err(), "{wrong:?}");
    }
}
