//! The program `echo-server`: its arguments and its output, and that clients which nobody here wrote (Python's socket
//! module, socat, ncat) get back what they sent.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod running;

use running::{ECHO_SERVER, LIMIT, Running, echo_server, finish, have, note};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

fn ask(client: &mut TcpStream) -> io::Result<()> {
    client.write_all("你好".as_bytes())?;
    let mut answer = [0; 6];
    client.read_exact(&mut answer)?;
    assert_eq!(answer, "你好".as_bytes());
    Ok(())
}

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

fn python(script: &str) -> Command {
    let mut command = Command::new("python3");
    command.arg(format!("{}/tests/python/{script}", env!("CARGO_MANIFEST_DIR")));
    command
}

#[test]
fn help_is_no_failure() {
    let (status, out, err) = finish(Command::new(ECHO_SERVER).arg("--help"), b"");
    let out = String::from_utf8(out).unwrap();
    assert_eq!((status, err.as_str()), (Some(0), ""));
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
        let (status, out, err) = finish(Command::new(ECHO_SERVER).args(args), b"");
        assert_eq!((status, out.as_slice()), (Some(2), &b""[..]), "{args:?}: {err}");
        assert!(err.starts_with("error: ") && err.contains("usage: "), "{args:?}: {err}");
        assert!(!err.contains("panicked"), "{args:?}: {err}");
    }
}

#[test]
fn a_taken_port_is_status_1_with_a_hint() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let (status, _, err) = finish(Command::new(ECHO_SERVER).arg(&addr), b"");
    assert_eq!(status, Some(1));
    assert!(err.starts_with(&format!("error: listen on {addr}: ")) && err.contains("hint: "), "{err}");
}

#[test]
fn each_client_gets_a_line_unless_it_is_quiet() {
    let server = Running::start(echo_server(&[]).stdin(Stdio::null()));
    let mut client = server.client();
    ask(&mut client).unwrap();
    let addr = client.local_addr().unwrap();
    drop(client);
    let line = server.line();
    assert!(line.starts_with(&format!("{addr}: 6 bytes in ")) && line.ends_with(", ended by the client"), "{line}");

    let mut quiet = Running::start(echo_server(&["--quiet"]).stdin(Stdio::null()));
    for _ in 0..10 {
        let mut client = quiet.client();
        ask(&mut client).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
    }
    quiet.kill();
    assert_eq!(quiet.lines(), [""; 0]);
}

#[test]
fn over_ipv6_too() {
    let server = Running::start(Command::new(ECHO_SERVER).arg("[::1]:0").stdin(Stdio::null()));
    assert!(server.addr.is_ipv6());
    ask(&mut server.client()).unwrap();
}

#[test]
fn a_closed_stdin_or_stdout_is_no_reason_to_stop() {
    let mut command = echo_server(&[]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdin.take());
    let mut first = Vec::new();
    let mut stdout = child.stdout.take().unwrap();
    let mut byte = [0; 1];
    while !first.ends_with(b"\n") && stdout.read(&mut byte).unwrap() == 1 {
        first.push(byte[0]);
    }
    drop(stdout);
    let first = String::from_utf8(first).unwrap();
    let addr = first.strip_prefix("listening on ").unwrap().trim().parse().unwrap();
    for _ in 0..20 {
        // Each ends with a line that cannot be written.
        let mut client = TcpStream::connect_timeout(&addr, LIMIT).unwrap();
        client.set_read_timeout(Some(LIMIT)).unwrap();
        ask(&mut client).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
    }
    assert!(child.try_wait().unwrap().is_none(), "it serves on");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_pipe_that_nobody_reads_does_not_hold_the_clients() {
    // The pipe holds about 64 KiB, which is 1,000 lines; then the printer sleeps, and the clients are served on.
    let mut child = echo_server(&[]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let stdout = child.stdout.as_mut().unwrap();
    let (mut first, mut byte) = (Vec::new(), [0; 1]);
    while !first.ends_with(b"\n") && stdout.read(&mut byte).unwrap() == 1 {
        first.push(byte[0]);
    }
    let first = String::from_utf8(first).unwrap();
    let addr = first.strip_prefix("listening on ").unwrap().trim().parse().unwrap();
    for _ in 0..4_000 {
        let mut client = TcpStream::connect_timeout(&addr, LIMIT).unwrap();
        client.set_read_timeout(Some(LIMIT)).unwrap();
        ask(&mut client).unwrap();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn the_idle_time_is_kept_also_after_a_large_message() {
    let server = Running::start(echo_server(&["--idle", "2"]).stdin(Stdio::null()));
    let message = binary(20_000);
    let mut client = server.client();
    client.write_all(&message).unwrap();
    let mut answer = vec![0; message.len()];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(answer, message);
    let start = Instant::now();
    assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
    // The server's clock began a moment before ours.
    assert!(start.elapsed() > Duration::from_millis(1_500), "{:?}", start.elapsed());
    let line = server.line();
    assert!(line.contains("20000 bytes") && line.ends_with("nothing moved for too long"), "{line}");
}

#[test]
fn python_gets_back_what_it_sent() {
    if !have("python3", &["--version"]) {
        return;
    }
    let server = Running::start(echo_server(&[]).stdin(Stdio::null()));
    let port = server.addr.port().to_string();
    for way in ["whole", "half_close", "bytes", "narrow", "reset"] {
        let (status, out, err) = finish(python("echo_client.py").args([&port, way]), b"");
        assert_eq!((status, out.as_slice()), (Some(0), &b"ok\n"[..]), "{way}: {err}");
        let line = server.line();
        let expected = if way == "reset" { "reset by the client" } else { "ended by the client" };
        assert!(line.ends_with(expected), "{way}: {line}");
    }
}

#[test]
fn a_thousand_python_clients_at_once() {
    if !have("python3", &["--version"]) {
        return;
    }
    let server = Running::start(echo_server(&["--quiet"]).stdin(Stdio::null()));
    let start = Instant::now();
    let (status, out, err) = finish(python("echo_many.py").args([&server.addr.port().to_string(), "1000"]), b"");
    let out = String::from_utf8(out).unwrap();
    assert_eq!(status, Some(0), "{err}");
    note(&format!("Python: {} ({:.1?} in all)", out.trim(), start.elapsed()));
    assert!(out.starts_with("1000 clients at once"), "{out}");
}

#[test]
fn on_a_terminal_enter_stops_it() {
    if !have("python3", &["-c", "import pty"]) {
        return;
    }
    let (status, out, err) = finish(python("echo_terminal.py").arg(ECHO_SERVER), b"");
    let out = String::from_utf8_lossy(&out);
    assert_eq!(status, Some(0), "{out}{err}");
    assert!(out.contains("stopping: 1 clients have 5 s to finish"), "{out}");
    assert!(out.contains("1 finished, 0 cut off, 0 stuck; in all 2 clients, 1 at once at most, 0 ended with"), "{out}");
}

#[test]
fn socat_and_ncat_get_back_what_they_sent() {
    let server = Running::start(echo_server(&[]).stdin(Stdio::null()));
    let message = binary(100_000);
    let port = server.addr.port().to_string();
    // Both end their writing side when their input is over, and read on.
    let socat = ["-t", "30", "-", &format!("TCP:127.0.0.1:{port}")];
    let ncat = ["127.0.0.1", &port];
    for (program, probe, args) in [("socat", "-V", &socat[..]), ("ncat", "--version", &ncat[..])] {
        if !have(program, &[probe]) {
            continue;
        }
        let (status, out, err) = finish(Command::new(program).args(args), &message);
        assert_eq!(status, Some(0), "{program}: {err}");
        assert!(out == message, "{program}: {} bytes came back of {}", out.len(), message.len());
        let line = server.line();
        assert!(line.contains(": 100000 bytes in ") && line.ends_with("ended by the client"), "{line}");
    }
}
