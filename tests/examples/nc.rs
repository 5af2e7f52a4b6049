//! `nc`: exact bytes both ways, ends that are ends, and errors that help.

use crate::{PROGRAMS, support};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::thread::{self, JoinHandle};
use support::programs::{self, Left, Running, first_line, tool, with_threads};
use support::sockets::{has_ipv6, limited, listen, receive, udp};
use support::uninterrupted;

fn nc(args: &[&str]) -> Running {
    Running::start(PROGRAMS.command("nc").args(args))
}

fn run(args: &[&str], input: &[u8]) -> Left {
    PROGRAMS.run("nc", args, input)
}

/// `nc -l` on a free port.
fn listening(options: &[&str]) -> (Running, SocketAddr) {
    let program = Running::start(PROGRAMS.command("nc").arg("-l").args(options).arg("127.0.0.1:0"));
    let addr = program.addr();
    (program, addr)
}

/// A server for one client.
fn serve<T: Send + 'static>(answer: impl FnOnce(TcpStream) -> T + Send + 'static) -> (String, JoinHandle<T>) {
    let (listener, addr) = listen();
    (addr.to_string(), thread::spawn(move || answer(limited(listener.accept().unwrap().0))))
}

fn succeeded(left: Left) -> Vec<u8> {
    assert_eq!((left.status, left.err.as_str()), (0, ""));
    left.out
}

fn every_byte(times: usize) -> Vec<u8> {
    (0..=255).cycle().take(256 * times).collect()
}

#[test]
fn the_answer_arrives_after_the_input_has_ended() {
    let (addr, server) = serve(|mut client| {
        let mut question = Vec::new();
        client.read_to_end(&mut question).unwrap(); // the half-close
        client.write_all(&question).unwrap();
        question
    });
    let bytes = every_byte(400); // 100 kB, with every byte there is
    assert_eq!(succeeded(run(&[&addr], &bytes)), bytes);
    assert_eq!(server.join().unwrap(), bytes);
}

#[test]
fn a_long_stream_passes_in_both_directions_at_once_in_little_memory() {
    const TOTAL: usize = 32 << 20;
    let (addr, server) = serve(|mut client| {
        let mut back = client.try_clone().unwrap();
        // Echoes while it reads: a program that first reads all of its input would fill both buffers and stop.
        std::io::copy(&mut client, &mut back).unwrap()
    });
    let (mut program, stdout) = Running::unheard(PROGRAMS.command("nc").arg(&addr), Stdio::piped());
    let (mut stdin, mut stdout) = (program.stdin(), stdout.unwrap());
    let writer = thread::spawn(move || {
        let block = every_byte(256);
        (0..TOTAL / block.len()).for_each(|_| stdin.write_all(&block).unwrap());
        stdin // still open, so that the program can be looked at
    });
    let (mut got, mut buffer) = (0, vec![0; 64 << 10]);
    while got < TOTAL {
        let n = stdout.read(&mut buffer).unwrap();
        assert!(n > 0, "ended after {got} bytes");
        assert!(buffer[..n].iter().enumerate().all(|(i, byte)| *byte == (got + i) as u8), "a wrong byte after {got}");
        got += n;
    }
    let stdin = writer.join().unwrap();
    if let Ok(status) = std::fs::read_to_string(format!("/proc/{}/status", program.id())) {
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let peak: usize = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(peak < 16 << 10, "{peak} kB for a stream of 32 MiB");
    }
    drop(stdin);
    assert_eq!(stdout.read(&mut buffer).unwrap(), 0);
    assert_eq!(program.end().status, 0);
    assert_eq!(server.join().unwrap(), TOTAL as u64);
}

#[test]
fn two_of_them_talk_in_both_directions() {
    let (listener, addr) = listening(&[]);
    let bytes = every_byte(100);
    let listener = listener.input(b"from the listener\n");
    assert_eq!(succeeded(run(&[&addr.to_string()], &bytes)), b"from the listener\n");
    let left = listener.end();
    assert_eq!(left.status, 0, "{}", left.err);
    assert_eq!(left.err, format!("listening on {addr}\n"), "nothing else goes to stderr");
    assert_eq!(left.out, bytes, "exact bytes on stdout");
}

/// The listener's input ends at once; what the other side has to say must arrive all the same.
#[test]
fn an_early_end_of_the_peer_is_not_ours() {
    let (listener, addr) = listening(&[]);
    let listener = listener.input(b"");
    let mut client = nc(&[&addr.to_string()]);
    client.type_in("late, ");
    listener.shows("late, ");
    client.type_in("but here\n");
    succeeded(client.input(b"").end());
    assert_eq!(listener.end().out, b"late, but here\n");
}

#[test]
fn a_line_goes_out_when_it_is_typed() {
    let (mut listener, addr) = listening(&[]);
    let mut client = nc(&[&addr.to_string()]);
    for turn in 0..3 {
        client.type_in(&format!("question {turn}\n"));
        listener.shows(&format!("question {turn}\n"));
        listener.type_in(&format!("answer {turn}\n"));
        client.shows(&format!("answer {turn}\n"));
    }
    let _listener = listener.input(b""); // both inputs end, so both programs do
    assert_eq!(succeeded(client.input(b"").end()), b"answer 0\nanswer 1\nanswer 2\n");
}

#[test]
fn hex_and_crlf() {
    let (addr, server) = serve(|mut client| {
        let mut got = Vec::new();
        client.read_to_end(&mut got).unwrap();
        client.write_all(b"Hi \xe4\xbd\xa0\x1b\n").unwrap();
        got
    });
    let shown = String::from_utf8(succeeded(run(&["--hex", "--crlf", &addr], b"a\nb\r\n\n\r"))).unwrap();
    assert_eq!(server.join().unwrap(), b"a\r\nb\r\n\r\n\r");
    assert!(shown.contains("\n0000  48 69 20 e4 bd a0 1b 0a "), "{shown}");
}

#[test]
fn datagrams_both_ways() {
    let server = udp();
    let addr = server.local_addr().unwrap().to_string();
    let client = nc(&["-u", "--wait", "0.5", &addr]).input("你好".as_bytes());
    let (datagram, from) = receive(&server);
    assert_eq!(datagram, "你好".as_bytes());
    server.send_to(b"", from).unwrap(); // an empty datagram is no end
    server.send_to(b"one\n", from).unwrap();
    server.send_to(b"two\n", from).unwrap();
    assert_eq!(succeeded(client.end()), b"one\ntwo\n");
}

#[test]
fn two_of_them_exchange_datagrams() {
    let (mut listener, addr) = listening(&["-u", "--wait", "0.3"]);
    let mut client = nc(&["-u", "--wait", "0.3", &addr.to_string()]);
    client.type_in("question\n");
    listener.shows("question\n");
    listener.type_in("answer\n");
    client.shows("answer\n");
    let (client, listener) = (client.input(b""), listener.input(b""));
    assert_eq!(succeeded(client.end()), b"answer\n");
    assert_eq!((listener.end().status), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn datagrams_go_on_after_a_stop() {
    let server = udp();
    let addr = server.local_addr().unwrap().to_string();
    let mut client = nc(&["-u", "--wait", "0.3", &addr]);
    client.type_in("one\n");
    let (_, from) = receive(&server);
    support::programs::stop_and_go_on(client.id());
    client.type_in("two\n");
    assert_eq!(receive(&server).0, b"two\n");
    server.send_to(b"still here\n", from).unwrap();
    client.shows("still here\n");
    assert_eq!(succeeded(client.input(b"").end()), b"still here\n");
}

#[test]
fn an_ipv6_address_stands_in_brackets() {
    if !has_ipv6("an_ipv6_address_stands_in_brackets") {
        return;
    }
    let listener = TcpListener::bind("[::1]:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let server = thread::spawn(move || listener.accept().unwrap().0.write_all(b"six").unwrap());
    assert_eq!(succeeded(run(&[&addr], b"")), b"six");
    server.join().unwrap();
}

#[test]
fn nobody_there_is_an_error_with_a_hint() {
    let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let refused = run(&[&addr], b"hello");
    refused.is_error(1, &format!("error: connect to {addr}: "));
    assert!(refused.err.contains("hint: nobody listens there"), "{}", refused.err);
    if cfg!(target_os = "linux") {
        run(&["-u", "--wait", "5", &addr], b"hello").is_error(1, "hint: nobody listens there");
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = run(&["-l", &listener.local_addr().unwrap().to_string()], b"");
    busy.is_error(1, "hint: another program has this port");
    let label = format!("{}.test:80", "a".repeat(64));
    run(&[&label], b"").is_error(1, "error: look up aaaa");
}

#[test]
fn no_thread_to_be_had_is_an_error() {
    let (_listener, addr) = listen();
    let Some(mut command) = with_threads(1, &PROGRAMS.path("nc")) else { return };
    programs::run(command.arg(addr.to_string()), b"").is_error(1, "Resource temporarily unavailable");
    programs::run(command.arg("-u"), b"").is_error(1, "Resource temporarily unavailable");
}

#[test]
fn a_reset_is_an_error_even_while_the_input_is_open() {
    let (addr, server) = serve(|client| {
        uninterrupted(|| client.peek(&mut [0])).unwrap();
        drop(client); // with unread bytes: a reset
    });
    let mut client = nc(&[&addr]);
    client.type_in("unread");
    server.join().unwrap();
    client.end().is_error(1, "hint: the other side dropped the connection");
}

const NOT_DELIVERED: &str = "the other side has closed the connection: what was sent after that was not delivered\n";

/// A server that says goodbye and closes: what is sent after that meets nobody. With both ends of the connection.
fn closed() -> (Running, SocketAddr, SocketAddr) {
    let (addr, server) = serve(|mut client| {
        client.write_all(b"bye\n").unwrap();
        client.peer_addr().unwrap()
    });
    let program = nc(&[&addr]);
    let ours = server.join().unwrap();
    program.shows("bye\n");
    (program, ours, addr.parse().unwrap())
}

#[test]
fn what_is_sent_after_the_other_side_has_closed_is_named_and_no_error() {
    let (program, ..) = closed();
    // More than the system would keep for somebody who reads later, so that a send fails for certain.
    let left = program.input(&vec![b'x'; 16 << 20]).end();
    assert_eq!((left.status, left.err.as_str(), left.out.as_slice()), (0, NOT_DELIVERED, &b"bye\n"[..]));
}

/// The input ends later: then it is the FIN that meets nobody.
#[cfg(target_os = "linux")]
#[test]
fn a_fin_after_the_other_side_has_closed_is_no_error() {
    let (mut program, ours, there) = closed();
    program.type_in("too late\n");
    let ports = [ours, there].map(|addr| format!(":{:04X} ", addr.port()));
    let known = |table: String| table.lines().any(|line| ports.iter().all(|port| line.contains(port)));
    let start = std::time::Instant::now();
    // The reset has come back when the system does not know the connection any more (proc(5), /proc/net/tcp).
    while known(std::fs::read_to_string("/proc/net/tcp").unwrap()) {
        assert!(start.elapsed() < support::LIMIT, "no reset in time");
        thread::yield_now();
    }
    let left = program.input(b"").end();
    assert_eq!((left.status, left.err.as_str(), left.out.as_slice()), (0, NOT_DELIVERED, &b"bye\n"[..]));
}

#[test]
fn a_close_without_anything_sent_after_it_goes_unmentioned() {
    let (program, ..) = closed();
    assert_eq!(succeeded(program.input(b"").end()), b"bye\n");
}

#[test]
fn wrong_arguments_give_two() {
    for (args, text) in [
        (&["127.0.0.1:99999"][..], "65535"),
        (&["127.0.0.1:"], "a port is a number"),
        (&["[::1:80"], "a bracket is not closed"),
        (&[], "Usage: nc"),
        (&["a:1", "b:2"], "Usage: nc"),
        (&["--wait", "soon", "a:1"], "not a number of seconds"),
        (&["--wait", "-1", "a:1"], "not a number of seconds from 0 on"),
        (&["--nonsense"], "Usage: nc"),
    ] {
        run(args, b"").is_error(2, text);
    }
    let help = run(&["--help"], b"");
    assert_eq!((help.status, help.err.as_str()), (0, ""));
}

#[cfg(unix)]
#[test]
fn arguments_that_are_no_text_give_two() {
    use std::os::unix::ffi::OsStrExt;
    PROGRAMS.run("nc", [std::ffi::OsStr::from_bytes(b"\xff\xfe:80")], b"").is_error(2, "UTF-8");
}

#[test]
fn a_closed_output_ends_it_quietly() {
    let (addr, server) = serve(|mut client| while client.write_all(&[b'\n'; 4096]).is_ok() {});
    let (program, out) = Running::unheard(PROGRAMS.command("nc").arg(&addr), Stdio::piped());
    drop(first_line(out.unwrap())); // `| head -1`: and here the reader goes
    server.join().unwrap();
    let left = program.end();
    assert_eq!((left.status, left.err.as_str()), (0, ""));
}

#[cfg(unix)]
#[test]
fn a_closed_input_is_an_empty_one_and_a_full_disk_an_error() {
    let shell = |files: &str, addr: &str| {
        let limit = format!("exec {files}");
        programs::run(programs::under(&limit, &PROGRAMS.path("nc")).arg(addr), b"")
    };
    let answer = |mut client: TcpStream| {
        assert_eq!(uninterrupted(|| client.read(&mut [0])).unwrap(), 0);
        client.write_all(b"still here").unwrap();
    };
    let (addr, server) = serve(answer);
    assert_eq!(succeeded(shell("<&-", &addr)), b"still here");
    server.join().unwrap();
    if cfg!(target_os = "linux") {
        let (addr, server) = serve(answer);
        shell("</dev/null >/dev/full", &addr).is_error(1, "error: write the output: ");
        server.join().unwrap();
    }
}

/// An echo server for one client, as others write it.
const PYTHON_ECHO: &str = "\
import socket, sys
server = socket.create_server(('127.0.0.1', 0))
print('listening on 127.0.0.1:%d' % server.getsockname()[1], flush=True)
peer, _ = server.accept()
while piece := peer.recv(1000):
    peer.sendall(piece)
peer.close()
";

#[test]
fn it_talks_to_python() {
    let Some(mut python) = tool("python3") else { return };
    let server = Running::server(python.args(["-c", PYTHON_ECHO]));
    let bytes = every_byte(100);
    assert_eq!(succeeded(run(&[&server.addr().to_string()], &bytes)), bytes);
    assert_eq!(server.end().status, 0);
}

#[test]
fn it_talks_to_socat() {
    let Some(mut socat) = tool("socat") else { return };
    let (listener, addr) = listening(&[]);
    let listener = listener.input(b"from nc\n");
    let client = programs::run(socat.args(["-t", "20", "-", &format!("TCP:{addr}")]), &every_byte(100));
    assert_eq!((client.status, client.out.as_slice()), (0, &b"from nc\n"[..]));
    assert_eq!(listener.end().out, every_byte(100));

    let (listener, addr) = listening(&["-u", "--wait", "0.3"]);
    let Some(mut socat) = tool("socat") else { return };
    let mut client = Running::start(socat.args(["-t", "0.3", "-", &format!("UDP:{addr}")]));
    client.type_in("a datagram\n");
    listener.shows("a datagram\n");
    assert_eq!(client.input(b"").end().status, 0);
    assert_eq!(listener.input(b"").end().out, b"a datagram\n");
}

#[test]
fn it_talks_to_ncat() {
    let Some(mut ncat) = tool("ncat") else { return };
    let (listener, addr) = listening(&[]);
    let listener = listener.input(b"from nc\n");
    let port = addr.port().to_string();
    let client = programs::run(ncat.args(["127.0.0.1", &port]), &every_byte(100));
    assert_eq!((client.status, client.out.as_slice()), (0, &b"from nc\n"[..]));
    assert_eq!(listener.end().out, every_byte(100));
}
