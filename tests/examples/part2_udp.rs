//! Lessons 2.3 and 2.4: the UDP server and the UDP client, run as a learner runs them, against each other, against
//! peers that are lossy, silent, strange or gone, and against Python programs that make the usual listing's calls.

use crate::{PROGRAMS, support};
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use support::LIMIT;
use support::programs::{self, Running, address, close};
use support::sockets::{has_ipv6, receive, udp, udp_at};

#[allow(dead_code)]
#[path = "../../examples/02_3_udp_server.rs"]
mod server;

#[allow(dead_code)]
#[path = "../../examples/02_4_udp_client.rs"]
mod client;

const SERVER: &str = "02_3_udp_server";
const CLIENT: &str = "02_4_udp_client";

fn our_server(addr: &str) -> (Running, SocketAddr) {
    serving(PROGRAMS.command(SERVER).arg(addr))
}

fn serving(command: &mut Command) -> (Running, SocketAddr) {
    let server = Running::server(command);
    let addr = server.addr();
    (server, addr)
}

/// Takes 3.5 s at most: so long it waits for its answers.
fn our_client(server: SocketAddr) -> Running {
    Running::start(PROGRAMS.command(CLIENT).arg(server.to_string()))
}

fn run<S: AsRef<OsStr>>(name: &str, args: impl IntoIterator<Item = S>) -> (i32, String, String) {
    PROGRAMS.run(name, args, b"").parts()
}

/// Exit status, stdout and stderr.
fn python(name: &str, port: u16) -> Option<Command> {
    let mut command = programs::python(name)?;
    command.arg(port.to_string());
    Some(command)
}

/// Whether a datagram waits to be read, without waiting for one.
fn has_mail(socket: &UdpSocket) -> bool {
    socket.set_nonblocking(true).unwrap();
    let mail = socket.peek_from(&mut [0; 1]);
    socket.set_nonblocking(false).unwrap();
    match mail {
        Ok(_) => true,
        Err(e) if e.kind() == ErrorKind::WouldBlock => false,
        Err(e) => panic!("{e}"),
    }
}

/// An address where nobody listens, and the sockets that keep it so: a connected socket takes nothing from others, and
/// as long as it lives nobody else gets its port.
fn nobody(ip: &str) -> (SocketAddr, [UdpSocket; 2]) {
    let pair = [udp_at(&format!("{ip}:0")), udp_at(&format!("{ip}:0"))];
    pair[0].connect(pair[1].local_addr().unwrap()).unwrap();
    (pair[0].local_addr().unwrap(), pair)
}

// ---- 2.3: the server ----

#[test]
fn server_and_client_talk_over_both_families() {
    for ip in ["127.0.0.1:0", "[::1]:0"] {
        if ip.starts_with('[') && !has_ipv6("server and client") {
            continue;
        }
        let (server, addr) = our_server(ip);
        let (status, stdout, stderr) = our_client(addr).end().parts();
        assert_eq!((status, stderr.as_str()), (0, ""));
        assert!(stdout.ends_with(&format!("{addr} answered 14 bytes: \"Hello, Client!\"\n")), "{stdout}");
        let line = server.line();
        assert!(line.ends_with("sent 14 bytes: \"Hello, Server!\""), "{line}");
    }
}

#[test]
fn every_datagram_is_one_message_whole_and_answered() {
    let (server, addr) = our_server("127.0.0.1:0");
    // 65,507 is the largest over IPv4: 65,535 less 20 bytes of IP header and 8 of UDP. macOS sends 9,216 at most.
    let largest = if cfg!(target_os = "macos") { 9_216 } else { 65_507 };
    for size in [0, 1, 1_024, 1_025, 1_472, 1_473, largest] {
        let client = udp();
        let datagram = vec![b'a'; size];
        assert_eq!(client.send_to(&datagram, addr).unwrap(), size);
        assert_eq!(receive(&client), (b"Hello, Client!".to_vec(), addr));
        let shown = if size > 60 { format!("\"{}\"...", "a".repeat(60)) } else { format!("\"{}\"", "a".repeat(size)) };
        assert_eq!(server.line(), format!("{} sent {size} bytes: {shown}", client.local_addr().unwrap()));
    }
}

#[test]
fn two_datagrams_stay_two_messages() {
    let (server, addr) = our_server("127.0.0.1:0");
    let client = udp();
    client.send_to(b"one", addr).unwrap();
    client.send_to(b"two", addr).unwrap();
    for text in ["one", "two"] {
        let line = server.line();
        assert!(line.ends_with(&format!("sent 3 bytes: \"{text}\"")), "{line}");
        receive(&client);
    }
}

#[test]
fn bytes_that_are_no_text_neither_stop_the_server_nor_reach_the_terminal() {
    let (server, addr) = our_server("127.0.0.1:0");
    let client = udp();
    for (datagram, shown) in [
        (&b"\xff\xfe"[..], "2 bytes: \"\u{fffd}\u{fffd}\""),
        ("你好".as_bytes(), "6 bytes: \"你好\""),
        (&"你好".as_bytes()[..5], "5 bytes: \"你\u{fffd}\""),
        (b"\x1b[2J\0\r\n", r#"7 bytes: "\u{1b}[2J\0\r\n""#),
    ] {
        client.send_to(datagram, addr).unwrap();
        receive(&client);
        let line = server.line();
        assert!(line.ends_with(shown), "{line}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
    let every: Vec<u8> = (0..=255).collect();
    client.send_to(&every, addr).unwrap();
    receive(&client);
    assert!(!server.line().chars().any(char::is_control));
}

#[test]
fn clients_that_are_gone_do_not_end_the_server() {
    let (server, addr) = our_server("127.0.0.1:0");
    for _ in 0..10 {
        udp().send_to(b"and gone", addr).unwrap();
    }
    for _ in 0..10 {
        assert!(server.line().contains("and gone"));
    }
    assert_eq!(our_client(addr).end().status, 0);
}

#[test]
fn many_clients_get_one_answer_each() {
    let (_server, addr) = our_server("127.0.0.1:0");
    // 100 small datagrams fit into the smallest usual receive buffer, so that none is lost here.
    let clients: Vec<UdpSocket> = (0..100).map(|_| udp()).collect();
    for client in &clients {
        client.send_to(b"Hello, Server!", addr).unwrap();
    }
    for client in &clients {
        assert_eq!(receive(client), (b"Hello, Client!".to_vec(), addr));
        assert!(!has_mail(client));
    }
}

#[test]
fn services_that_answer_anything_get_no_answer() {
    let own: SocketAddr = "127.0.0.1:8888".parse().unwrap();
    for from in ["127.0.0.1", "192.0.2.1", "[2001:db8::1]"] {
        let answered =
            (0..=u16::MAX).filter(|port| server::may_answer(format!("{from}:{port}").parse().unwrap(), own)).count();
        assert_eq!(answered, 65_536 - 6, "all but 0, 7, 13, 17, 19 and 8888");
        for port in [0, 7, 13, 17, 19, 8888] {
            let from = format!("{from}:{port}").parse().unwrap();
            assert!(!server::may_answer(from, own), "{from}");
        }
    }
}

/// Only Linux has all of 127.0.0.0/8 without asking: a second host, so to speak, with the server's own port.
#[cfg(target_os = "linux")]
#[test]
fn a_server_like_us_gets_no_answer() {
    let (server, addr) = our_server("127.0.0.1:0");
    let twin = udp_at(&format!("127.0.0.2:{}", addr.port()));
    twin.send_to(b"Hello, Server!", addr).unwrap();
    assert!(server.line().contains("sent 14 bytes"));
    assert!(server.line().contains("gets no answer"));
    // The server works in order: were there an answer to the twin, it would be here before this one.
    assert_eq!(our_client(addr).end().status, 0);
    assert!(!has_mail(&twin));
}

#[cfg(unix)]
#[test]
fn the_server_ends_with_an_error_when_nobody_reads_its_output() {
    use std::io::{BufRead, BufReader};
    use std::net::Shutdown;
    use std::os::{fd::OwnedFd, unix::net::UnixStream};

    // No pipe: a program that another test begins just now has our end of it too, until it runs. This end is shut for all.
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    ours.set_read_timeout(Some(LIMIT)).unwrap();
    let output = Stdio::from(OwnedFd::from(theirs));
    let (server, _) = Running::unheard(PROGRAMS.command(SERVER).arg("127.0.0.1:0"), output);
    let mut first = String::new();
    BufReader::new(&mut ours).read_line(&mut first).unwrap();
    ours.shutdown(Shutdown::Both).unwrap();
    let addr = address(first.trim_end());
    udp().send_to(b"anybody?", addr).unwrap();
    let (status, _, stderr) = server.end().parts();
    assert_eq!(status, 1, "{stderr}");
    assert!(stderr.starts_with("error: ") && !stderr.contains("panicked"), "{stderr}");
}

// ---- 2.4: the client ----

pub fn a_lost_question_is_asked_again() {
    let server = udp();
    let client = our_client(server.local_addr().unwrap());
    let (first, from) = receive(&server); // lost, as far as the client can tell
    assert_eq!(first, b"Hello, Server!");
    let (second, again) = receive(&server);
    assert_eq!((&second, again), (&first, from), "the same question from the same socket");
    server.send_to("你好".as_bytes(), from).unwrap();
    let (status, stdout, _) = client.end().parts();
    assert_eq!(status, 0);
    let addr = server.local_addr().unwrap();
    assert!(stdout.starts_with(&format!("{addr}: no answer in 500 ms\n")), "{stdout}");
    assert!(stdout.ends_with(&format!("{addr} answered 6 bytes: \"你好\"\n")), "{stdout}");
}

pub fn a_late_answer_to_the_first_try_is_taken_once() {
    let server = udp();
    let client = our_client(server.local_addr().unwrap());
    receive(&server);
    let (_, from) = receive(&server);
    server.send_to(b"to the first", from).unwrap();
    server.send_to(b"to the second", from).unwrap();
    let (status, stdout, _) = client.end().parts();
    assert_eq!(status, 0);
    assert!(stdout.ends_with("answered 12 bytes: \"to the first\"\n"), "{stdout}");
}

#[test]
fn a_strangers_answer_does_not_count() {
    let (server, stranger) = (udp(), udp());
    let client = our_client(server.local_addr().unwrap());
    let (_, from) = receive(&server);
    for _ in 0..3 {
        // Refused by the kernel, which tells the stranger so; what it is told is not our subject.
        let _ = stranger.send_to(b"believe me", from);
    }
    server.send_to(b"Hello, Client!", from).unwrap();
    let (status, stdout, _) = client.end().parts();
    assert_eq!(status, 0);
    assert!(stdout.ends_with("answered 14 bytes: \"Hello, Client!\"\n") && !stdout.contains("believe"), "{stdout}");
}

#[test]
fn answers_of_every_size_and_kind_are_shown_whole_and_safe() {
    let largest = if cfg!(target_os = "macos") { 9_216 } else { 65_507 };
    for (answer, shown) in [
        (Vec::new(), "answered 0 bytes: \"\"\n".to_owned()),
        (b"\xff\x1b[2J".to_vec(), "answered 5 bytes: \"\u{fffd}\\u{1b}[2J\"\n".to_owned()),
        (vec![b'z'; largest], format!("answered {largest} bytes: \"{}\"...\n", "z".repeat(60))),
    ] {
        let server = udp();
        let client = our_client(server.local_addr().unwrap());
        let (_, from) = receive(&server);
        server.send_to(&answer, from).unwrap();
        let (status, stdout, _) = client.end().parts();
        assert_eq!(status, 0);
        assert!(stdout.ends_with(&shown), "{stdout}");
    }
}

/// Not on Windows, which tells an unconnected neighbour's refusal its own way.
#[cfg(unix)]
#[test]
fn nobody_there_is_refused_at_once_and_not_waited_for() {
    for ip in ["127.0.0.1", "[::1]"] {
        if ip.starts_with('[') && !has_ipv6("nobody listens") {
            continue;
        }
        let (addr, _held) = nobody(ip);
        let (status, stdout, stderr) = our_client(addr).end().parts();
        assert_eq!(status, 1);
        assert!(!stdout.contains("1600"), "the waiting did not go to its end: {stdout}");
        assert!(stderr.starts_with(&format!("error: ask {addr}: Connection refused")), "{stderr}");
        assert!(stderr.contains("hint: nobody listens there"), "{stderr}");
    }
}

pub fn a_silent_server_is_given_up_after_three_questions() {
    let server = udp();
    let addr = server.local_addr().unwrap();
    let start = Instant::now();
    let (status, stdout, stderr) = our_client(addr).end().parts();
    assert!(start.elapsed() >= Duration::from_secs(3), "{:?}", start.elapsed());
    assert!(start.elapsed() < LIMIT);
    assert_eq!(status, 1);
    let waits: String = [500, 1_000, 2_000].map(|ms| format!("{addr}: no answer in {ms} ms\n")).concat();
    assert_eq!(stdout, waits);
    assert!(stderr.starts_with(&format!("error: ask {addr}: no answer to 3 datagrams\nhint: ")), "{stderr}");
    for _ in 0..3 {
        assert_eq!(receive(&server).0, b"Hello, Server!");
    }
    assert!(!has_mail(&server));
}

#[test]
fn each_address_of_a_name_is_asked() {
    let server = udp();
    let good = server.local_addr().unwrap();
    let answering = thread::spawn(move || {
        let (_, from) = receive(&server);
        server.send_to(b"here", from).unwrap();
    });
    let (closed, _held) = nobody("127.0.0.1");
    let mut out = Vec::new();
    client::ask_each([closed, good].into_iter(), &mut out).unwrap();
    answering.join().unwrap();
    let out = String::from_utf8(out).unwrap();
    assert!(out.ends_with(&format!("{good} answered 4 bytes: \"here\"\n")), "{out}");

    let error = client::ask_each(std::iter::empty(), &mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn localhost_finds_the_server_in_either_family() {
    let (_server, addr) = our_server("127.0.0.1:0");
    let (status, stdout, stderr) = run(CLIENT, [format!("localhost:{}", addr.port())]);
    assert_eq!(status, 0, "{stdout}{stderr}");
    assert!(stdout.contains("Hello, Client!"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_client_that_was_stopped_goes_on() {
    let server = udp();
    let client = our_client(server.local_addr().unwrap());
    let (_, from) = receive(&server);
    support::programs::stop_and_go_on(client.id());
    server.send_to(b"still here", from).unwrap();
    let (status, stdout, stderr) = client.end().parts();
    assert_eq!(status, 0, "{stdout}{stderr}");
}

#[test]
fn the_client_ends_with_an_error_when_nobody_reads_its_output() {
    let server = udp();
    let mut command = PROGRAMS.command(CLIENT);
    let command = command.arg(server.local_addr().unwrap().to_string());
    let (client, stdout) = Running::unheard(command, Stdio::piped());
    close(stdout);
    let (_, from) = receive(&server);
    server.send_to(b"anybody?", from).unwrap();
    let (status, _, stderr) = client.end().parts();
    assert_eq!(status, 1, "{stderr}");
    assert!(stderr.starts_with("error: ") && !stderr.contains("panicked"), "{stderr}");
}

// ---- both: what people type ----

#[test]
fn wrong_arguments_are_status_2_with_the_usage() {
    let wrong: [&[&str]; 5] = [&["127.0.0.1:99999"], &["127.0.0.1"], &[""], &["nonsense"], &["127.0.0.1:0", "x"]];
    for name in [SERVER, CLIENT] {
        for args in wrong {
            let (status, stdout, stderr) = run(name, args);
            assert_eq!((status, stdout.as_str()), (2, ""), "{name} {args:?}: {stderr}");
            assert!(stderr.starts_with("error: ") && stderr.contains(&format!("usage: {name} [ADDR]")), "{stderr}");
        }
    }
}

#[cfg(unix)]
#[test]
fn an_argument_that_is_no_utf8_is_an_error_not_a_panic() {
    use std::os::unix::ffi::OsStrExt;
    for name in [SERVER, CLIENT] {
        let (status, _, stderr) = run(name, [OsStr::from_bytes(b"\xff:1")]);
        assert_eq!(status, 2, "{stderr}");
        assert!(stderr.contains("an address is text") && !stderr.contains("panicked"), "{stderr}");
    }
}

#[test]
fn a_name_that_cannot_be_is_said_so() {
    // A label has 63 bytes at most (RFC 1035 section 2.3.4): this never leaves the machine.
    let name = format!("{}.test:8888", "a".repeat(64));
    for program in [SERVER, CLIENT] {
        let (status, _, stderr) = run(program, [&name]);
        assert_eq!(status, 1, "{stderr}");
        assert!(stderr.starts_with("error: ") && stderr.contains(&name), "{stderr}");
        assert!(cfg!(windows) || stderr.contains("hint: is the name spelled right?"), "{stderr}");
    }
}

#[test]
fn a_port_in_use_is_said_so() {
    let taken = udp();
    let addr = taken.local_addr().unwrap();
    let (status, stdout, stderr) = run(SERVER, [addr.to_string()]);
    assert_eq!((status, stdout.as_str()), (1, ""));
    assert!(stderr.starts_with(&format!("error: listen on {addr}: ")), "{stderr}");
    assert!(stderr.contains("hint: another program has this port"), "{stderr}");
}

// ---- the usual Python listing ----

#[test]
fn our_server_answers_a_python_client() {
    let (server, addr) = our_server("127.0.0.1:0");
    let Some(mut client) = python("udp_client.py", addr.port()) else { return };
    let (status, stdout, stderr) = programs::run(&mut client, b"").parts();
    assert_eq!((status, stdout.trim_end()), (0, "14 bytes: Hello, Client!"), "{stderr}");
    assert!(server.line().ends_with("sent 14 bytes: \"Hello, Server!\""));
}

#[test]
fn our_client_asks_a_python_server() {
    let Some(mut command) = python("udp_server.py", 0) else { return };
    let (server, addr) = serving(&mut command);
    let (status, stdout, stderr) = our_client(addr).end().parts();
    assert_eq!((status, stderr.as_str()), (0, ""));
    assert!(stdout.ends_with("answered 14 bytes: \"Hello, Client!\"\n"), "{stdout}");
    assert_eq!(server.line(), "14 bytes: Hello, Server!");
}

/// What lesson 2.3 says about the listing: the rest of a long datagram is lost without a word, and a byte that is no
/// text ends the server.
#[test]
fn the_usual_server_cuts_and_dies_where_ours_does_not() {
    let Some(mut command) = python("udp_server.py", 0) else { return };
    let (python, addr) = serving(&mut command);
    let client = udp();
    client.send_to(&[b'a'; 2_000], addr).unwrap();
    receive(&client);
    assert!(python.line().starts_with("1024 bytes: aaa"));
    client.send_to(b"\xff", addr).unwrap();
    let (status, _, stderr) = python.end().parts();
    assert_eq!(status, 1);
    assert!(stderr.contains("UnicodeDecodeError"), "{stderr}");
}

/// What lesson 2.4 says about it: it takes an answer from anybody.
#[test]
fn the_usual_client_believes_a_stranger() {
    let (server, stranger) = (udp(), udp());
    let Some(mut command) = python("udp_client.py", server.local_addr().unwrap().port()) else { return };
    let client = Running::start(&mut command);
    let (_, from) = receive(&server);
    stranger.send_to(b"believe me", ("127.0.0.1", from.port())).unwrap();
    let (status, stdout, stderr) = client.end().parts();
    assert_eq!((status, stdout.trim_end()), (0, "10 bytes: believe me"), "{stderr}");
}
