//! `tap`: what a learner sees of a conversation.

use crate::{PROGRAMS, support};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use support::programs::{Left, Running, address, first_line};
use support::sockets::{dial, limited, listen as server, receive, udp};
use support::uninterrupted;

fn tap(options: &[&str], target: SocketAddr) -> (Running, SocketAddr) {
    let program = Running::server(PROGRAMS.command("tap").args(options).args(["127.0.0.1:0", &target.to_string()]));
    let addr = program.addr();
    (program, addr)
}

/// `tap` where it does not get to listening.
fn run(args: &[&str]) -> Left {
    PROGRAMS.run("tap", args, b"")
}

/// A client connected through `tap`, and its server.
fn through(tap: SocketAddr, listener: &TcpListener) -> (TcpStream, TcpStream) {
    let client = dial(tap);
    let server = limited(listener.accept().unwrap().0);
    for socket in [&client, &server] {
        socket.set_nodelay(true).unwrap();
    }
    (client, server)
}

fn expect(from: &mut TcpStream, text: &[u8]) {
    let mut got = vec![0; text.len()];
    from.read_exact(&mut got).unwrap();
    assert_eq!(got, text);
}

/// The lines without their times, which differ each time.
fn lines(shown: &str) -> Vec<String> {
    let timeless = |line: &str| line.split_once(" ms  ").map_or(line, |(_, rest)| rest).to_owned();
    shown.lines().skip(1).map(timeless).collect()
}

#[test]
fn a_conversation_is_shown_piece_by_piece_with_its_ends() {
    let (listener, addr) = server();
    let (program, at) = tap(&[], addr);
    let (mut client, mut server) = through(at, &listener);
    for piece in ["Hello, ", "Server!\n"] {
        client.write_all(piece.as_bytes()).unwrap();
        expect(&mut server, piece.as_bytes());
    }
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(uninterrupted(|| server.read(&mut [0])).unwrap(), 0);
    server.write_all("你好\r\nbye\r\n".as_bytes()).unwrap();
    drop(server);
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "你好\r\nbye\r\n");
    let shown = program.shows("S -> C  FIN\n");
    assert!(shown.starts_with(&format!("listening on {at} for {addr}\n")), "{shown}");
    let column = " ".repeat(33);
    assert_eq!(
        lines(&shown),
        [
            "C -> S      7 bytes  Hello, ",
            "C -> S      8 bytes  Server!\\n",
            "C -> S  FIN",
            "S -> C     13 bytes  你好\\r\\n",
            &format!("{column}bye\\r\\n"),
            "S -> C  FIN"
        ]
    );
    // A time in milliseconds with one digit begins each event.
    let time = shown.lines().nth(1).unwrap().split_once(" ms").unwrap().0.trim().to_owned();
    assert!(time.split_once('.').is_some_and(|(ms, digit)| ms.parse::<u64>().is_ok() && digit.len() == 1), "{time:?}");
}

#[test]
fn what_a_stranger_sends_cannot_move_the_cursor() {
    let (listener, addr) = server();
    let (program, at) = tap(&[], addr);
    let (_client, mut server) = through(at, &listener);
    let hostile: Vec<u8> = (0..=255).chain(*b"\x1b[2J\x1b]0;title\x07\r").chain("\u{202e}".bytes()).collect();
    server.write_all(&hostile).unwrap();
    server.shutdown(Shutdown::Write).unwrap();
    let shown = program.shows("S -> C  FIN\n");
    let joined = shown.replace(&format!("\n{}", " ".repeat(33)), ""); // the wrapped lines in one
    assert!(joined.contains(r"\x1b[2J\x1b]0;title\x07\r\xe2\x80\xae"), "{shown}");
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
    assert!(shown.lines().all(|line| line.chars().count() <= 76), "{shown}");
}

#[test]
fn hex_shows_the_bytes_under_a_ruler() {
    let (listener, addr) = server();
    let (program, at) = tap(&["--hex"], addr);
    let (_client, mut server) = through(at, &listener);
    server.write_all(&[0, 1, 0xff]).unwrap();
    server.shutdown(Shutdown::Write).unwrap();
    let shown = program.shows("S -> C  FIN\n");
    assert!(shown.contains("\n0000  00 01 ff "), "{shown}");
}

#[test]
fn connections_are_numbered_from_the_second_on_and_a_reset_is_shown() {
    let (listener, addr) = server();
    let (program, at) = tap(&[], addr);
    let (mut first, mut server1) = through(at, &listener);
    let (mut second, mut server2) = through(at, &listener);
    first.write_all(b"one").unwrap();
    expect(&mut server1, b"one");
    second.write_all(b"two").unwrap();
    expect(&mut server2, b"two");
    server2.write_all(b"unread").unwrap();
    uninterrupted(|| second.peek(&mut [0])).unwrap();
    drop(second); // with unread bytes: a reset
    let shown = program.shows("reset\n");
    let of_second = |line: &&str| line.starts_with("#2 ");
    assert_eq!(shown.lines().filter(of_second).count(), 3, "{shown}");
    assert!(shown.lines().last().unwrap().ends_with("C -> S  reset"), "{shown}");
}

#[test]
fn faults_happen_where_they_were_asked_for() {
    let (listener, addr) = server();
    let (program, at) = tap(&["--slice", "2", "--delay", "5", "--cut", "5", "--from", "server"], addr);
    let (mut client, mut server) = through(at, &listener);
    client.write_all(b"question").unwrap();
    expect(&mut server, b"question");
    server.write_all(b"answer").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "answe");
    let shown = program.shows("S -> C  FIN\n");
    let pieces = [
        "C -> S      8 bytes  question",
        "S -> C      2 bytes  an",
        "S -> C      2 bytes  sw",
        "S -> C      1 byte   e",
    ];
    assert_eq!(lines(&shown)[..4], pieces);

    let (program, at) = tap(&["--stall", "3"], addr);
    let (mut client, mut server) = through(at, &listener);
    client.write_all(b"question").unwrap();
    expect(&mut server, b"que");
    program.shows("C -> S      3 bytes  que\n");
    server.set_read_timeout(Some(std::time::Duration::from_millis(50))).unwrap();
    assert!(server.read(&mut [0]).is_err());
}

#[test]
fn datagrams_are_shown_and_the_named_one_is_lost() {
    let (server, client) = (udp(), udp());
    let (program, at) = tap(&["--udp", "--drop", "1", "--from", "client"], server.local_addr().unwrap());
    client.connect(at).unwrap();
    client.send(b"lost").unwrap();
    client.send(b"again").unwrap();
    let (datagram, from) = receive(&server);
    assert_eq!(datagram, b"again");
    server.send_to(b"", from).unwrap();
    assert_eq!(receive(&client).0, b"");
    let shown = program.shows("0 bytes\n");
    assert_eq!(lines(&shown), ["C -> S      5 bytes  again", "S -> C      0 bytes"]);
}

#[test]
fn a_target_that_is_not_there_is_shown_and_tap_lives_on() {
    let (listener, addr) = server();
    drop(listener);
    let (program, at) = tap(&[], addr);
    for _ in 0..2 {
        let mut client = dial(at);
        assert!(matches!(uninterrupted(|| client.read(&mut [0])), Ok(0) | Err(_)));
    }
    let shown = program.shows("#2 ");
    assert!(shown.contains("S -> C  gone: connect to 127.0.0.1:"), "{shown}");
}

#[test]
fn wrong_arguments_give_two_and_the_usage() {
    for (args, text) in [
        (&["127.0.0.1:99999"][..], "65535"),
        (&["nonsense:"], "a port is a number"),
        (&["--slice", "x"], "invalid value"),
        (&["--slice", "0"], "a whole number from 1 on"),
        (&["--udp", "--cut", "3"], "Usage: tap"),
        (&["--drop", "3"], "--udp"),
        (&["--nonsense"], "Usage: tap"),
        (&["a:1", "b:2", "c:3"], "Usage: tap"),
    ] {
        run(args).is_error(2, text);
    }
    let (_listener, addr) = server();
    let busy = run(&[&addr.to_string(), "127.0.0.1:1"]);
    busy.is_error(1, &format!("error: listen on {addr}: "));
    assert!(busy.err.contains("hint: another program has this port"), "{}", busy.err);
    let help = run(&["--help"]);
    assert_eq!(help.status, 0);
    assert!(String::from_utf8_lossy(&help.out).contains("cannot know which bytes are a password"));
}

#[test]
fn a_closed_output_ends_tap_quietly() {
    let (listener, addr) = server();
    let mut command = PROGRAMS.command("tap");
    command.args(["127.0.0.1:0", &addr.to_string()]);
    let (program, out) = Running::unheard(&mut command, Stdio::piped());
    let (first, out) = first_line(out.unwrap());
    let at = address(&first);
    drop(out); // `| head -1`
    let (mut client, mut server) = through(at, &listener);
    // The first piece that nobody can read any more ends the program, and with it both connections. It may not be the very
    // first one: a program that another test is just starting holds all our pipes open for a moment.
    while client.write_all(b"x").is_ok() && uninterrupted(|| server.read(&mut [0; 2])).is_ok_and(|n| n > 0) {}
    let left = program.end();
    assert_eq!((left.status, left.err.as_str()), (0, ""));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error_and_no_panic() {
    let full = std::fs::File::create("/dev/full").unwrap();
    let mut command = PROGRAMS.command("tap");
    let (program, _) = Running::unheard(command.args(["127.0.0.1:0", "127.0.0.1:1"]), full.into());
    program.end().is_error(1, "error: write the output: ");
}
