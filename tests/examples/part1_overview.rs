//! The tour, as the first thing that a reader of this project runs.

use crate::{PROGRAMS, support};
use std::fs;
use std::panic::catch_unwind;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;
use support::network::{self, NAMES};
use support::programs::{Running, close, first_line, run, told, tool};

/// One line of the tour.
#[derive(Debug)]
struct Line<'o> {
    name: &'o str,
    sent: usize,
    got: usize,
    turns: usize,
    /// What came of it, and the lesson.
    came: String,
}

fn lines(out: &str) -> Vec<Line<'_>> {
    let line = |line: &'_ str| -> Option<(usize, usize, usize, String)> {
        let (sent, rest) = line.split_once(" B")?;
        let (got, rest) = rest.split_once(" B")?;
        let words: Vec<&str> = rest.split_whitespace().collect();
        let (turns, [came @ .., _, "ms"]) = words.split_first()? else { return None };
        Some((
            sent.split_whitespace().last()?.parse().ok()?,
            got.trim().parse().ok()?,
            turns.parse().ok()?,
            came.join(" "),
        ))
    };
    let rows: Vec<&str> = out.lines().collect();
    let rows = rows[1..rows.len() - 2].iter().map(|row| {
        let (sent, got, turns, came) = line(row).unwrap_or_else(|| panic!("{row:?} in {out}"));
        Line { name: row.split(' ').next().unwrap(), sent, got, turns, came }
    });
    rows.collect()
}

/// The milliseconds that all of it took.
fn total(out: &str) -> f64 {
    let (_, rest) = out.rsplit_once("all on this machine, in ").unwrap();
    let (ms, rest) = rest.split_once(" ms; to read: lessons/01_overview.md\n").unwrap();
    assert_eq!(rest, "how to use them well: lesson 9; all of them in one program: lesson 10\n");
    ms.parse().unwrap()
}

/// How many times longer than alone a thread of ours needs that works all the time, from now until `done`: what other work
/// this machine has. Linux tells each thread how long it had a processor, in nanoseconds, in the first number of its
/// schedstat (proc(5)).
fn slowness(done: &AtomicBool) -> f64 {
    let worked = || {
        let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    };
    let (Some(before), start) = (worked(), Instant::now()) else { return 1.0 };
    while !done.load(Ordering::Relaxed) {
        std::hint::spin_loop();
    }
    worked().map_or(1.0, |now| start.elapsed().as_secs_f64() * 1e9 / (now - before).max(1.0)).max(1.0)
}

/// Seconds of a machine that has nothing else to do.
#[test]
fn every_protocol_once_in_less_than_three_seconds() {
    LazyLock::force(&PROGRAMS);
    let done = AtomicBool::new(false);
    let ((status, out, err), slowness) = thread::scope(|scope| {
        let slowness = scope.spawn(|| slowness(&done));
        let left = catch_unwind(|| PROGRAMS.run("01_overview", [""; 0], b"").parts());
        done.store(true, Ordering::Relaxed);
        (left.unwrap(), slowness.join().unwrap())
    });
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    assert!(!out.contains('\x1b') && out.lines().all(|line| line.chars().count() <= 76), "{out}");
    let lines = lines(&out);
    let seen: Vec<(&str, &str)> = lines.iter().map(|line| (line.name, line.came.as_str())).collect();
    let wanted = [
        ("tcp", "the bytes came back 2.1"),
        ("udp", "the datagram came back 2.3"),
        ("http", "200, 258 bytes of JSON 3.1"),
        ("web", "200 OK, over TLS 3.2"),
        ("websocket", "the message came back 4.1"),
        ("ftp", "a file, there and back 5"),
        ("smtp", "inbox: from the tour 6"),
        ("dns", "93.184.216.34 7.1"),
        ("scan", "8 open, 1 closed 7.2"),
        ("many", "10 pages at once 8.1"),
    ];
    assert_eq!(seen, wanted);
    // An echo sends as much as it got; a scan says nothing; ten pages are ten conversations of two turns.
    let numbers: Vec<_> = lines.iter().map(|line| (line.sent, line.got, line.turns)).collect();
    assert_eq!((numbers[0], numbers[1], numbers[8], numbers[9].2), ((14, 14, 2), (14, 14, 2), (0, 0, 0), 20));
    assert!(numbers[..8].iter().all(|(sent, got, turns)| *sent > 0 && *got > 0 && *turns >= 2), "{numbers:?}");
    let took = total(&out);
    assert!(took / slowness < 3_000.0, "{took} ms on a machine that was {slowness:.1} times slower than alone");
}

/// What the line says is what the wire shows.
#[test]
fn the_wire_of_some_stops() {
    let (status, out, err) = PROGRAMS.run("01_overview", ["--wire", "tcp", "smtp", "ftp"], b"").parts();
    assert_eq!(status, 0, "{out}{err}");
    let names: Vec<&str> = lines(&out).iter().map(|line| line.name).collect();
    assert_eq!(names, ["tcp", "ftp", "smtp"], "in the order of the course");
    assert!(err.starts_with("== tcp\nC: Hello, Server!\nC: FIN\nS: Hello, Server!\nS: FIN\n== ftp\nS: 220 "), "{err}");
    assert!(err.contains("\nC: STOR hello.txt\\r\\n\n") && err.contains("\nC: STARTTLS\\r\\n\n"), "{err}");
    assert!(err.contains("\nC: ***\n") && !err.contains("password\\r"), "{err}");
    assert!(err.lines().all(|line| line.chars().count() <= 76), "{err}");
}

#[test]
fn wrong_arguments_and_a_closed_output() {
    for wrong in ["gopher", "--fast", "127.0.0.1:8888"] {
        let (status, out, err) = PROGRAMS.run("01_overview", [wrong], b"").parts();
        assert_eq!((status, out.as_str()), (2, ""));
        assert!(err.starts_with("error: ") && err.contains(wrong), "{err}");
    }
    let (status, out, _) = PROGRAMS.run("01_overview", ["--help"], b"").parts();
    assert!(status == 0 && out.contains("websocket") && out.contains("--wire"), "{out}");

    let (program, stdout) = Running::unheard(&mut PROGRAMS.command("01_overview"), Stdio::piped());
    let (line, reader) = first_line(stdout.unwrap());
    assert!(line.trim().starts_with("sent "), "{line}");
    close(reader);
    let left = program.end();
    assert_eq!((left.status, left.err.as_str()), (0, ""));
}

/// `script` of util-linux gives a program a terminal.
#[test]
fn a_terminal_sees_the_names_in_bold() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let Some(mut script) = tool("script") else { return };
    let program = format!("{} udp", PROGRAMS.path("01_overview").display());
    script.env_remove("NO_COLOR").env("TERM", "xterm");
    let (status, out, _) = run(script.args(["-qec", &program, "/dev/null"]), b"").parts();
    assert!(status == 0 && out.contains("\x1b[1mudp       \x1b[0m    14 B"), "{out:?}");
}

/// In a network with nothing but this machine.
#[test]
fn it_needs_nobody_else() {
    if let Some(program) = told() {
        let (status, out, err) = run(&mut Command::new(program), b"").parts();
        assert_eq!((status, err.as_str()), (0, ""), "{out}");
        return;
    }
    let program = PROGRAMS.path("01_overview");
    let done = network::own("it_needs_nobody_else", program.to_str().unwrap(), &NAMES, "");
    assert!(done.is_none_or(|left| left.status == 0));
}
