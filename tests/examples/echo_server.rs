//! The program `echo-server`: its arguments and its output, and that clients which nobody here wrote (Python's socket
//! module, socat, ncat) get back what they sent.

use crate::support;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
#[cfg(target_os = "linux")]
use std::process::Command;
use std::process::Stdio;
use std::time::{Duration, Instant};
use support::echo::{PROGRAMS, ask, echo_server};
use support::programs::{self, Left, Running, address, close, first_line, python, tool, works};
use support::sockets::dial;
use support::{LIMIT, note, uninterrupted};

/// Bytes of every value, in no order that a text protocol would survive.
fn binary(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 11) as u8
    };
    (0..length).map(|_| byte()).collect()
}

fn run(args: &[&str]) -> (i32, String, String) {
    let left = PROGRAMS.run("echo-server", args, b"");
    (left.status, String::from_utf8(left.out).unwrap(), left.err)
}

/// Reads the end, which the server's is.
fn assert_end(client: &mut TcpStream) {
    assert_eq!(uninterrupted(|| client.read(&mut [0; 1])).unwrap(), 0);
}

#[test]
fn help_is_no_failure() {
    let (status, out, err) = run(&["--help"]);
    assert_eq!((status, err.as_str()), (0, ""));
    assert!(out.starts_with("usage: echo-server [ADDR]"), "{out}");
    assert!(out.contains("127.0.0.1:8888 if not given"), "who types no address is reached by nobody else: {out}");
}

#[test]
fn wrong_arguments_are_status_2_with_the_usage() {
    let wrong: [&[&str]; 12] = [
        &["--nonsense"],
        &["-x"],
        &["--max"],
        &["--max", "0"],
        &["--max", "10001"],
        &["--max", "-1"],
        &["--max", "many"],
        &["--idle", "0"],
        &["--idle", "99999999999999999999"],
        &["127.0.0.1:0", "127.0.0.1:0"],
        &["127.0.0.1:99999"],
        &["nonsense"],
    ];
    for args in wrong {
        let (status, out, err) = run(args);
        assert_eq!((status, out.as_str()), (2, ""), "{args:?}: {err}");
        assert!(err.starts_with("error: ") && err.contains("usage: "), "{args:?}: {err}");
        assert!(!err.contains("panicked"), "{args:?}: {err}");
    }
}

#[test]
fn a_taken_port_is_status_1_with_a_hint() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let (status, _, err) = run(&[&addr]);
    assert_eq!(status, 1);
    assert!(err.starts_with(&format!("error: listen on {addr}: ")) && err.contains("hint: "), "{err}");
}

#[test]
fn each_client_gets_a_line_unless_it_is_quiet() {
    let server = Running::server(&mut echo_server(&[]));
    let mut client = server.dial();
    ask(&mut client).unwrap();
    let addr = client.local_addr().unwrap();
    drop(client);
    let line = server.line();
    assert!(line.starts_with(&format!("{addr}: 6 bytes in ")) && line.ends_with(", ended by the client"), "{line}");

    let mut quiet = Running::server(&mut echo_server(&["--quiet"]));
    for _ in 0..10 {
        let mut client = quiet.dial();
        ask(&mut client).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_end(&mut client);
    }
    quiet.kill();
    assert_eq!(quiet.lines(), [""; 0]);
}

#[test]
fn over_ipv6_too() {
    let server = Running::server(PROGRAMS.command("echo-server").arg("[::1]:0"));
    assert!(server.addr().is_ipv6());
    ask(&mut server.dial()).unwrap();
}

/// Ctrl-Z and fg, or the lid of a laptop: a read with a timeout is interrupted by that (signal(7)).
#[test]
#[cfg(target_os = "linux")]
fn stopped_and_continued_it_keeps_its_clients() {
    let server = Running::server(&mut echo_server(&[]));
    let mut client = server.dial();
    ask(&mut client).unwrap();
    let signal = |name: &str| {
        let kill = format!("kill -{name} {}", server.id());
        assert_eq!(programs::run(Command::new("sh").args(["-c", &kill]), b"").status, 0, "{kill}");
    };
    for _ in 0..3 {
        signal("STOP");
        let start = Instant::now();
        while !stands_still(server.id()) {
            assert!(start.elapsed() < LIMIT);
            std::thread::yield_now();
        }
        signal("CONT");
        ask(&mut client).unwrap();
    }
}

/// Whether all its threads stand still (proc_pid_stat(5): the state is behind the name, which stands in brackets).
#[cfg(target_os = "linux")]
fn stands_still(id: u32) -> bool {
    std::fs::read_dir(format!("/proc/{id}/task")).unwrap().all(|task| {
        let stat = std::fs::read_to_string(task.unwrap().path().join("stat")).unwrap();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
    })
}

#[test]
fn a_closed_stdin_or_stdout_is_no_reason_to_stop() {
    let (server, stdout) = Running::unheard(&mut echo_server(&[]), Stdio::piped());
    let mut server = server.input(b"");
    let (first, stdout) = first_line(stdout.unwrap());
    close(stdout);
    for _ in 0..20 {
        // Each ends with a line that cannot be written.
        let mut client = dial(address(&first));
        ask(&mut client).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_end(&mut client);
    }
    assert!(server.is_running(), "it serves on");
}

pub fn a_pipe_that_nobody_reads_does_not_hold_the_clients() {
    // The pipe holds about 64 KiB, which is 1,000 lines; then the printer sleeps, and the clients are served on.
    let (_server, stdout) = Running::unheard(&mut echo_server(&[]), Stdio::piped());
    let (first, _stdout) = first_line(stdout.unwrap());
    for _ in 0..4_000 {
        let mut client = dial(address(&first));
        ask(&mut client).unwrap();
    }
}

pub fn the_idle_time_is_kept_also_after_a_large_message() {
    let server = Running::server(&mut echo_server(&["--idle", "2"]));
    let message = binary(20_000);
    let mut client = server.dial();
    client.write_all(&message).unwrap();
    let mut answer = vec![0; message.len()];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(answer, message);
    let start = Instant::now();
    assert_end(&mut client);
    // The server's clock began a moment before ours.
    assert!(start.elapsed() > Duration::from_millis(1_500), "{:?}", start.elapsed());
    let line = server.line();
    assert!(line.contains("20000 bytes") && line.ends_with("nothing moved for too long"), "{line}");
}

#[test]
fn python_gets_back_what_it_sent() {
    let server = Running::server(&mut echo_server(&[]));
    let port = server.addr().port().to_string();
    for way in ["whole", "half_close", "bytes", "narrow", "reset"] {
        let Some(mut client) = python("echo_client.py") else { return };
        let Left { status, out, err } = programs::run(client.args([&port, way]), b"");
        assert_eq!((status, out.as_slice()), (0, &b"ok\n"[..]), "{way}: {err}");
        let line = server.line();
        let expected = if way == "reset" { "reset by the client" } else { "ended by the client" };
        assert!(line.ends_with(expected), "{way}: {line}");
    }
}

#[test]
fn a_thousand_python_clients_at_once() {
    let Some(mut clients) = python("echo_many.py") else { return };
    let server = Running::server(&mut echo_server(&["--quiet"]));
    let start = Instant::now();
    let left = programs::run(clients.args([&server.addr().port().to_string(), "1000"]), b"");
    let out = String::from_utf8(left.out).unwrap();
    assert_eq!(left.status, 0, "{}", left.err);
    note(&format!("Python: {} ({:.1?} in all)", out.trim(), start.elapsed()));
    assert!(out.starts_with("1000 clients at once"), "{out}");
}

#[test]
fn on_a_terminal_enter_stops_it() {
    let Some(mut python3) = tool("python3") else { return };
    let Some(mut terminal) = python("echo_terminal.py") else { return };
    if !works(python3.args(["-c", "import pty"]), "a terminal of Python's") {
        return;
    }
    let left = programs::run(terminal.arg(PROGRAMS.path("echo-server")), b"");
    let out = left.text();
    assert_eq!(left.status, 0, "{out}");
    assert!(out.contains("stopping; still connected: 1; seconds to finish: 5"), "{out}");
    assert!(
        out.contains("finished: 1, cut off: 0, stuck: 0; clients in all: 1, at once: 1, ended with an error: 0"),
        "{out}"
    );
}

#[test]
fn socat_and_ncat_get_back_what_they_sent() {
    let server = Running::server(&mut echo_server(&[]));
    let message = binary(100_000);
    let port = server.addr().port().to_string();
    // Both end their writing side when their input is over, and read on.
    let socat = ["-t", "30", "-", &format!("TCP:127.0.0.1:{port}")];
    let ncat = ["127.0.0.1", &port];
    for (program, args) in [("socat", &socat[..]), ("ncat", &ncat[..])] {
        let Some(mut client) = tool(program) else { continue };
        let Left { status, out, err } = programs::run(client.args(args), &message);
        assert_eq!(status, 0, "{program}: {err}");
        assert!(out == message, "{program}: {} bytes came back of {}", out.len(), message.len());
        let line = server.line();
        assert!(line.contains(": 100000 bytes in ") && line.ends_with("ended by the client"), "{line}");
    }
}
