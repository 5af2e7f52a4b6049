//! Lesson 9 as a learner meets it: five stations, one or all, each of which shows what its lesson says.

use crate::{PROGRAMS, support};
use std::process::Stdio;
use std::thread;
use support::programs::{Running, close, first_line};

/// What a station prints behind `broken:` and behind `right:`.
fn station(name: &str) -> (String, String) {
    let (status, out, err) = PROGRAMS.run("09_best_practices", [name], b"").parts();
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    assert!(out.starts_with(&format!("== {name}: ")) && out.matches("== ").count() == 1, "{out}");
    let (broken, right) = out.split_once("broken:\n").unwrap().1.split_once("right:\n").unwrap();
    (broken.to_owned(), right.to_owned())
}

/// The milliseconds that something took: the last in a text.
fn ms(line: &str) -> f64 {
    let words: Vec<&str> = line.split_whitespace().collect();
    words[words.iter().rposition(|word| *word == "ms").unwrap() - 1].parse().unwrap()
}

pub fn each_error_gets_its_own_answer() {
    let (broken, right) = station("errors");
    assert_eq!(broken, "  8 times \"it did not work\", after 16 attempts\n");
    let lines: Vec<&str> = right.lines().collect();
    let expected = [
        ("nobody listens       2 x  connect to 127.0.0.1:", "try again later;"),
        ("it is silent         2 x  read a line: no answer in time", "nobody knows whether"),
        ("it leaves early      2 x  read a line: the other side closed", "throw away the half"),
        ("it never stops       1 x  read a line: longer than the limit of 512", "give up:"),
        ("it speaks nonsense   1 x  \"Hello!\" is no reply", "report it"),
        ("it says: not now     2 x  the server said: 421 come back later", "try again later: the server"),
        ("it says: no          1 x  the server said: 554 no service here", "do not try again"),
        ("it is well, we err   1 x  a line to send has a CR, LF or NUL inside", "nothing was sent"),
    ];
    assert_eq!(lines.len(), 2 * expected.len(), "{right}");
    for (pair, (error, advice)) in lines.chunks(2).zip(expected) {
        assert!(pair[0].starts_with(&format!("  {error}")), "{right}");
        assert!(pair[1].trim().starts_with("-> ") && pair[1].contains(advice), "{right}");
    }
}

pub fn a_drip_defeats_the_limit_for_each_read() {
    let (broken, right) = station("timeouts");
    assert!(broken.starts_with("  1 s for each read: 11 bytes after "), "{broken}");
    // Ten pauses of 120 ms lie between eleven bytes.
    assert!(ms(&broken) >= 1_200.0, "{broken}");
    assert!(right.starts_with("  1 s for the whole: timed out after "), "{right}");
    assert!(ms(&right) >= 999.0, "{right}");
}

#[test]
fn a_pool_saves_the_handshakes() {
    // The quickest of three that run at once, because this machine may have other work.
    let outs = thread::scope(|scope| [0; 3].map(|_| scope.spawn(|| station("pool"))).map(|one| one.join().unwrap()));
    for (broken, right) in &outs {
        assert!(broken.starts_with("  60 questions, 60 connections: "), "{broken}");
        assert!(right.starts_with("  60 questions, 3 connections: "), "{right}");
    }
    let quickest = |times: [f64; 3]| times.into_iter().fold(f64::INFINITY, f64::min);
    let kept = quickest(outs.each_ref().map(|(_, right)| ms(right)));
    assert!(kept < quickest(outs.each_ref().map(|(broken, _)| ms(broken))), "{outs:?}");
}

pub fn threads_help_until_the_server_is_full() {
    let (broken, right) = station("concurrency");
    assert!(broken.contains("  no page at all (read the body, 500 bytes before its end"), "{broken}");
    // 23 pages of 20 ms each; eight at once are three rounds.
    let serial = ms(broken.lines().next().unwrap());
    assert!(serial >= 23.0 * 20.0, "{broken}");
    let lines: Vec<&str> = right.lines().collect();
    for (line, workers) in lines.iter().zip([2, 4, 8, 24]) {
        assert!(line.starts_with(&format!("  {workers:>2} threads: 23 pages, 1 error: ")), "{line}");
    }
    // No number of threads makes the server faster than its eight places.
    assert!(ms(lines[2]) >= 60.0 && ms(lines[3]) >= 60.0, "{right}");
    assert!(ms(lines[2]) < serial, "{right}");
    assert!(lines.len() == 5 && lines[4].starts_with("  to start and end 100 threads: "), "{right}");
}

#[test]
fn what_a_stranger_sends_is_stopped() {
    let (broken, right) = station("security");
    assert!(broken.starts_with("  injection: the server saw X-Admin: yes\n  no limit: 1"), "{broken}");
    let expected = "  injection: the value of X-Note has a control character inside
  requests that the server saw: 0
  limit: read the body: longer than the limit of 100
  Good certificate: believed; requests that the server saw: 1
  Expired certificate: refused; requests that the server saw: 0
  NotYetValid certificate: refused; requests that the server saw: 0
  WrongHost certificate: refused; requests that the server saw: 0
  SelfSigned certificate: refused; requests that the server saw: 0
  UnknownAuthority certificate: refused; requests that the server saw: 0
  CommonName certificate: refused; requests that the server saw: 0
";
    assert_eq!(right, expected);
}

/// The stations that were run.
fn names(out: &str) -> Vec<&str> {
    out.lines().filter_map(|line| line.strip_prefix("== ")?.split(':').next()).collect()
}

pub fn without_a_name_all_are_run() {
    let (status, out, err) = PROGRAMS.run("09_best_practices", [""; 0], b"").parts();
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    assert_eq!(names(&out), ["errors", "timeouts", "pool", "concurrency", "security"]);
    assert!(!out.contains('\x1b') && out.lines().all(|line| line.len() <= 110), "{out}");
}

pub fn the_wire_of_some() {
    let (_, out, err) = PROGRAMS.run("09_best_practices", ["--wire", "security", "timeouts"], b"").parts();
    assert_eq!(names(&out), ["timeouts", "security"]);
    assert!(err.contains("C: X-Note: hello\\r\\n\nC: X-Admin: yes\\r\\n\n"), "{err}");
    assert!(err.starts_with("S: 2") && err.contains("\nS: FIN"), "{err}");
}

#[test]
fn wrong_arguments_and_a_closed_output() {
    for wrong in ["speed", "--fast", "127.0.0.1:8888"] {
        let (status, out, err) = PROGRAMS.run("09_best_practices", [wrong], b"").parts();
        assert_eq!((status, out.as_str()), (2, ""));
        assert!(err.starts_with("error: ") && err.contains(wrong), "{err}");
    }
    let mut command = PROGRAMS.command("09_best_practices");
    let (program, stdout) = Running::unheard(command.args(["pool", "security"]), Stdio::piped());
    let (line, reader) = first_line(stdout.unwrap());
    assert!(line.starts_with("== pool: "), "{line}");
    close(reader);
    let left = program.end();
    assert_eq!((left.status, left.err.as_str()), (0, ""));
}
