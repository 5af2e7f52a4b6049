//! WebSocket without peers of others: handshakes and frames made by hand, those that lie, those that are slow, and the end.

use crate::support;

use netprimer::dial::Dial;
use netprimer::lab::script::{self, Step};
use netprimer::lab::tls::{self, Acceptor, Certificate};
use netprimer::lab::ws::{self, Lab, Options};
use netprimer::retry::Policy;
use netprimer::server::Server;
use netprimer::trace::{Side, Transcript};
use netprimer::websocket::{self, CloseCode, Hub, Limits, Link, Message, Origins, Reconnect, Refused, Serve, Slow};
use netprimer::{Deadline, Error};
use std::collections::HashSet;
use std::error::Error as _;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use support::LIMIT;
use support::programs;
use support::sockets::dial;

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

fn lab_with(serve: Serve) -> Lab {
    ws::start(Options { serve, ..Options::default() }).unwrap()
}

fn limited(limits: Limits) -> Serve {
    Serve { limits, ..Serve::default() }
}

/// Short waits, for tests that want to see the end of one.
fn quick() -> Limits {
    Limits { close: Duration::from_millis(300), ..Limits::default() }
}

fn request(addr: SocketAddr, more: &str) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: {addr}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: {KEY}\r\n{more}\r\n"
    )
}

/// What the server answers to these bytes, until it closes; only the head if that is a 101.
fn answer(addr: SocketAddr, bytes: &[u8]) -> String {
    let mut tcp = dial(addr);
    // One who is refused in the middle of his head may find the connection closed.
    let _ = tcp.write_all(bytes);
    let mut text = Vec::new();
    let mut byte = [0];
    while tcp.read(&mut byte).is_ok_and(|n| n == 1) {
        text.push(byte[0]);
        if text.starts_with(b"HTTP/1.1 101") && text.ends_with(b"\r\n\r\n") {
            break;
        }
    }
    String::from_utf8(text).unwrap()
}

fn status(answer: &str) -> u16 {
    answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest[..3].parse().ok()).unwrap_or_else(|| panic!("{answer:?}"))
}

/// A connection whose handshake is done, for frames by hand.
fn raw(addr: SocketAddr) -> TcpStream {
    let mut tcp = dial(addr);
    tcp.set_nodelay(true).unwrap();
    tcp.write_all(request(addr, "").as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        tcp.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101 "));
    tcp
}

/// A server by hand whose handshake is done.
fn shaken(listener: &TcpListener) -> TcpStream {
    shaken_with(listener, "")
}

/// The same, with more fields in its answer.
fn shaken_with(listener: &TcpListener, more: &str) -> TcpStream {
    let mut tcp = listener.accept().unwrap().0;
    tcp.set_read_timeout(Some(LIMIT)).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        tcp.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let text = String::from_utf8(head).unwrap();
    let key = text.split("Sec-WebSocket-Key: ").nth(1).unwrap().split("\r\n").next().unwrap();
    let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n{more}\r\n"
    );
    tcp.write_all(answer.as_bytes()).unwrap();
    tcp
}

/// A frame as a client sends it: masked, with the shortest length. `first` is FIN, the reserved bits and the opcode.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        n @ 0..=125 => bytes.push(0x80 | n as u8),
        n @ 126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    bytes.extend_from_slice(&mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

/// The beginning of a frame that says it is this long.
fn header(first: u8, length: u64) -> Vec<u8> {
    [&[first, 0x80 | 127][..], &length.to_be_bytes(), &[1, 2, 3, 4]].concat()
}

/// The next frame from the server: its first byte and its payload.
fn next(tcp: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut two = [0; 2];
    tcp.read_exact(&mut two).unwrap();
    let mut length = u64::from(two[1]); // a server masks nothing
    if length >= 126 {
        let mut more = vec![0; if length == 126 { 2 } else { 8 }];
        tcp.read_exact(&mut more).unwrap();
        length = more.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    }
    let mut payload = vec![0; length as usize];
    tcp.read_exact(&mut payload).unwrap();
    (two[0], payload)
}

/// The code of the Close that comes, after which the server ends; 0 for a Close without one.
fn closed_with(tcp: &mut TcpStream) -> u16 {
    loop {
        match next(tcp) {
            (0x88, payload) => {
                assert_eq!(tcp.read(&mut [0]).unwrap_or(0), 0, "nothing comes after a Close");
                return payload.first_chunk().map_or(0, |code| u16::from_be_bytes(*code));
            }
            (0x8a | 0x81 | 0x82, _) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn echoes(addr: SocketAddr) {
    let mut socket = websocket::connect(&format!("ws://{addr}/")).unwrap();
    socket.send("你好".into()).unwrap();
    assert_eq!(websocket::receive(&mut socket).unwrap().unwrap().to_string(), "你好");
}

// ---- the handshake ----

#[test]
fn a_handshake_in_pieces_or_cut() {
    let lab = lab_with(Serve::default());
    let whole = request(lab.addr(), "");
    let mut tcp = dial(lab.addr());
    tcp.set_nodelay(true).unwrap();
    for byte in whole.bytes() {
        tcp.write_all(&[byte]).unwrap();
    }
    tcp.write_all(&frame(0x81, b"slowly")).unwrap();
    let mut text = vec![0; 4096];
    let mut come = 0;
    while !text[..come].ends_with(b"\x81\x06slowly") {
        let n = tcp.read(&mut text[come..]).unwrap();
        assert!(n > 0);
        come += n;
    }
    assert!(text.starts_with(b"HTTP/1.1 101 Switching Protocols\r\n"));
    for end in 0..whole.len() {
        let mut tcp = dial(lab.addr());
        tcp.write_all(&whole.as_bytes()[..end]).unwrap();
        tcp.shutdown(Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        tcp.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"", "nobody is answered who has not asked: {end}");
    }
    // Frames in the segment of the handshake are not lost.
    let mut tcp = dial(lab.addr());
    tcp.write_all(&[whole.as_bytes(), &frame(0x81, b"early"), &frame(0x88, b"\x03\xe8")].concat()).unwrap();
    let mut all = Vec::new();
    tcp.read_to_end(&mut all).unwrap();
    assert!(all.ends_with(b"\r\n\r\n\x81\x05early\x88\x02\x03\xe8"), "{all:?}");
    echoes(lab.addr());
    assert_eq!(lab.running().server().totals().panics, 0);
}

#[test]
fn a_bad_handshake_is_answered() {
    let lab = lab_with(Serve::default());
    let addr = lab.addr();
    let good = request(addr, "");
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replace(from, to)
    };
    let key = format!("Sec-WebSocket-Key: {KEY}\r\n");
    let many: String = (0..130).map(|n| format!("X-{n}: 1\r\n")).collect();
    let cases = [
        ("no key", with(&key, ""), 400),
        ("a short key", with(KEY, "c2hvcnQ="), 400),
        ("a key that is no base64", with(KEY, "dGhlIHNhbXBsZSBub25jZ!!!"), 400),
        ("two keys", with(&key, &format!("{key}{key}")), 400),
        ("an old version", with("Version: 13", "Version: 8"), 426),
        ("no version", with("Sec-WebSocket-Version: 13\r\n", ""), 400),
        ("another protocol", with("Upgrade: websocket", "Upgrade: h2c"), 426),
        ("no Connection", with("Connection: Upgrade\r\n", ""), 400),
        ("no Host", with(&format!("Host: {addr}\r\n"), ""), 400),
        ("two Hosts", with("Host:", "Host: other.example\r\nHost:"), 400),
        ("POST", with("GET", "POST"), 405),
        ("HTTP/1.0", with("HTTP/1.1", "HTTP/1.0"), 400),
        ("no HTTP", "\u{1}\u{2}\r\n\r\n".to_owned(), 400),
        ("TLS where there is none", "\u{16}\u{3}\u{1}\u{2}".to_owned(), 400),
        ("nothing here", "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 404),
        ("130 fields", with("\r\n\r\n", &format!("\r\n{many}\r\n")), 431),
        ("a head of 70 kB", with("\r\n\r\n", &format!("\r\nX: {}\r\n\r\n", "x".repeat(70_000))), 431),
        ("the good one", good.clone(), 101),
    ];
    for (what, bytes, code) in cases {
        let answer = answer(addr, bytes.as_bytes());
        assert_eq!(status(&answer), code, "{what}: {answer}");
        if code != 101 {
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("\r\nContent-Length: {}", body.len())), "{what}: {answer}");
            assert!(head.contains("\r\nConnection: close"), "{what}: {answer}");
            // RFC 9110 section 7.8: who sends Upgrade names it in Connection.
            assert_eq!(head.contains("\r\nConnection: upgrade\r\nUpgrade: "), code == 426, "{what}: {answer}");
        }
        assert_eq!(answer.contains("Sec-WebSocket-Version: 13\r\n"), code == 426, "{what}: {answer}");
        assert_eq!(answer.contains("Allow: GET, HEAD\r\n"), code == 405, "{what}: {answer}");
    }
    echoes(addr);
}

#[test]
fn the_page() {
    let lab = lab_with(Serve::default());
    let get = answer(lab.addr(), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    let (head, body) = get.split_once("\r\n\r\n").unwrap();
    assert_eq!((status(&get), body), (200, websocket::PAGE));
    assert!(head.contains("Content-Type: text/html; charset=utf-8") && head.contains("default-src 'none'"), "{head}");
    let asked = answer(lab.addr(), b"HEAD /?a=b HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(asked, format!("{head}\r\n\r\n"));
    // It needs nothing that is not in it.
    let elsewhere = ["http://", "https://", "src=", "@import", "url(", "fetch(", "innerHTML"];
    assert!(!elsewhere.iter().any(|word| body.contains(word)));
    let without = lab_with(Serve { page: None, ..Serve::default() });
    assert_eq!(status(&answer(without.addr(), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")), 404);
}

#[test]
fn whose_pages_may_connect() {
    let listed = Origins::OwnAnd(vec!["https://chat.example".into()]);
    let own = lab_with(Serve::default());
    let others = lab_with(Serve { origins: listed, without_origin: false, ..Serve::default() });
    let all = lab_with(Serve { origins: Origins::AnyPage, ..Serve::default() });
    let named = |lab: &Lab, host: &str, origin: &str| {
        let text = request(lab.addr(), &format!("Origin: {origin}\r\n"));
        status(&answer(lab.addr(), text.replace(&lab.addr().to_string(), host).as_bytes()))
    };
    for (host, origin, codes) in [
        ("127.0.0.1:8765", "http://127.0.0.1:8765", [101, 101, 101]),
        ("localhost:8765", "http://localhost:8765", [101, 101, 101]),
        ("[::1]:8765", "http://[::1]:8765", [101, 101, 101]),
        ("127.0.0.1:8765", "http://evil.example", [403, 403, 101]),
        ("127.0.0.1:8765", "http://127.0.0.1:8888", [403, 403, 101]),
        ("127.0.0.1:8765", "http://localhost:8765", [403, 403, 101]),
        ("127.0.0.1:8765", "null", [403, 403, 101]),
        ("127.0.0.1:8765", "http://127.0.0.1:8765.evil.example", [403, 403, 101]),
        // A name that its owner lets lead to this machine: to the browser it is one origin.
        ("evil.example:8765", "http://evil.example:8765", [403, 403, 101]),
        ("127.0.0.1:8765", "https://chat.example", [403, 101, 101]),
    ] {
        let found = [&own, &others, &all].map(|lab| named(lab, host, origin));
        assert_eq!(found, codes, "{origin} at {host}");
    }
    // Programs say no Origin.
    let found = [&own, &others, &all].map(|lab| status(&answer(lab.addr(), request(lab.addr(), "").as_bytes())));
    assert_eq!(found, [101, 403, 101]);
}

pub fn a_handshake_that_does_not_end() {
    let serve = Serve { handshake: Duration::from_millis(400), ..Serve::default() };
    let lab = lab_with(serve);
    let addr = lab.addr();
    let start = Instant::now();
    let silent = thread::spawn(move || answer(addr, b""));
    let half = thread::spawn(move || answer(addr, b"GET / HTTP/1.1\r\nHost: x\r\n"));
    let lines = thread::spawn(move || answer(addr, b"GET / HTTP/1.1\nHost: x\n\n"));
    let dripping = thread::spawn(move || {
        let mut tcp = dial(addr);
        let (_never, clock) = channel::<()>();
        while tcp.write_all(b"x").is_ok() && start.elapsed() < LIMIT {
            let _ = clock.recv_timeout(Duration::from_millis(20));
        }
        start.elapsed()
    });
    for waits in [silent, half, lines] {
        assert_eq!(status(&waits.join().unwrap()), 408);
    }
    assert!(dripping.join().unwrap() < LIMIT, "the deadline is for the whole head");
    assert!(start.elapsed() >= Duration::from_millis(400));
    echoes(addr);
}

// ---- frames that must not be ----

#[test]
fn what_is_no_websocket_gets_the_right_code() {
    let lab = lab_with(Serve::default());
    let addr = lab.addr();
    let mut other = websocket::connect(&lab.url("/")).unwrap();
    let close = |code: u16| frame(0x88, &code.to_be_bytes());
    let fragments = |first: &[u8], second: &[u8]| [frame(0x01, first), frame(0x80, second)].concat();
    let unmasked = b"\x81\x02hi".to_vec();
    let mut endless = frame(0x02, &[0; 1024]);
    (0..1024).for_each(|_| endless.extend(frame(0x00, &[0; 1024])));
    let mut cases = vec![
        ("one byte too much", header(0x82, (1 << 20) + 1), 1009),
        ("2^40 bytes", header(0x82, 1 << 40), 1009),
        ("2^62 bytes", header(0x81, 1 << 62), 1009),
        ("2^63 bytes", header(0x81, 1 << 63), 1009),
        ("fragments without end", endless, 1009),
        ("no mask", unmasked, 1002),
        ("reserved bit 1", frame(0xc1, b"x"), 1002),
        ("reserved bit 2", frame(0xa1, b"x"), 1002),
        ("reserved bit 3", frame(0x91, b"x"), 1002),
        ("opcode 3", frame(0x83, b"x"), 1002),
        ("opcode 11", frame(0x8b, b"x"), 1002),
        ("a ping in fragments", frame(0x09, b"x"), 1002),
        ("a ping of 126 bytes", frame(0x89, &[0; 126]), 1002),
        ("a Close of 126 bytes", frame(0x88, &[b'x'; 126]), 1002),
        ("a continuation of nothing", frame(0x80, b"x"), 1002),
        ("a text inside a text", [frame(0x01, b"x"), frame(0x81, b"y")].concat(), 1002),
        ("not UTF-8", frame(0x81, b"\xc3\x28"), 1007),
        ("half a character", frame(0x81, b"\xe4\xbd"), 1007),
        ("a surrogate", frame(0x81, b"\xed\xa0\x80"), 1007),
        ("not UTF-8 across fragments", fragments(b"\xe4\xbd", b"\x28"), 1007),
        ("half a character at the end of fragments", fragments(b"\xe4", b"\xbd"), 1007),
        ("a Close with half a code", frame(0x88, b"\x03"), 1002),
        ("a Close with a reason that is not UTF-8", frame(0x88, b"\x03\xe8\xc3\x28"), 1007),
        ("a Close without a code", frame(0x88, b""), 0),
    ];
    for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
        cases.push(("a Close with a code that must not be sent", close(code), 1002));
    }
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999] {
        cases.push(("a good Close", close(code), code));
    }
    for (what, bytes, code) in cases {
        let mut tcp = raw(addr);
        tcp.write_all(&bytes).unwrap();
        assert_eq!(closed_with(&mut tcp), code, "{what}");
        // Who was there before notices nothing.
        other.send("still here".into()).unwrap();
        assert_eq!(other.read().unwrap().to_string(), "still here");
    }
    // What is right in small pieces, with a ping in the middle.
    let mut tcp = raw(addr);
    for byte in [frame(0x01, b"\xe4\xbd"), frame(0x89, b"?"), frame(0x80, b"\xa0")].concat() {
        tcp.write_all(&[byte]).unwrap();
    }
    assert_eq!((next(&mut tcp), next(&mut tcp)), ((0x8a, b"?".to_vec()), (0x81, "你".into())));
    // The longest that may be.
    tcp.write_all(&frame(0x82, &vec![7; 1 << 20])).unwrap();
    assert!(next(&mut tcp) == (0x82, vec![7; 1 << 20]));
    assert_eq!(lab.running().server().totals().panics, 0);
}

pub fn fragments_that_are_empty() {
    let lab = lab_with(limited(Limits { message: 1024, ..Limits::default() }));
    let mut tcp = raw(lab.addr());
    let mut bytes = frame(0x01, b"");
    (0..10_000).for_each(|_| bytes.extend(frame(0x00, b"")));
    bytes.extend(frame(0x80, b"end"));
    tcp.write_all(&bytes).unwrap();
    assert_eq!(next(&mut tcp), (0x81, b"end".to_vec()));
    let mut writer = tcp.try_clone().unwrap();
    let endless = thread::spawn(move || {
        let more = frame(0x00, b"").repeat(1000);
        writer.write_all(&frame(0x01, b"")).unwrap();
        while writer.write_all(&more).is_ok() {}
    });
    assert_eq!(closed_with(&mut tcp), 1009);
    drop(tcp);
    endless.join().unwrap();

    let lab = lab_with(Serve::default());
    let mut tcp = raw(lab.addr());
    let mut bytes = frame(0x01, b"");
    (0..200_000).for_each(|_| bytes.extend(frame(0x00, b"")));
    bytes.extend(frame(0x80, b"end"));
    tcp.write_all(&bytes).unwrap();
    assert_eq!(next(&mut tcp), (0x81, b"end".to_vec()));
}

#[test]
fn many_messages_are_no_long_one() {
    let limits = Limits { message: 1000, ..Limits::default() };
    let lab = lab_with(limited(limits));
    let options = websocket::Options { limits, ..Default::default() };
    let mut socket = websocket::connect_with(&lab.url("/"), &options).unwrap();
    for n in 0..600 {
        socket.send("x".repeat(1000).into()).unwrap();
        // Both ways to read, in turns.
        let message =
            if n % 300 == 0 { websocket::receive(&mut socket).unwrap().unwrap() } else { socket.read().unwrap() };
        assert_eq!(message.len(), 1000);
    }
    let error = Error::from(socket.send("x".repeat(10_000).into()).unwrap_err());
    assert!(matches!(error, Error::Invalid(_)), "{error:?}");
}

/// Short messages are read in one way, longer ones in another, and several may come at once.
#[test]
fn messages_of_all_lengths_around_the_buffers() {
    for (buffer, acceptor) in
        [(1, None), (1500, None), (4096, None), (4096, Some(Acceptor::new(Certificate::Good).unwrap()))]
    {
        let limits = Limits { buffer, ..Limits::default() };
        let lab = ws::start(Options { tls: acceptor, serve: limited(limits), ..Options::default() }).unwrap();
        let options = websocket::Options { limits, ..patient(LIMIT) };
        let mut socket = websocket::connect_with(&lab.url("/"), &options).unwrap();
        let around = [0usize, 1_024, 1_500, 2_048, 2_524, 4_096, 5_120, 9_216];
        let lengths = around.iter().flat_map(|length| (length.saturating_sub(16)..length + 2).step_by(2));
        let messages: Vec<String> =
            lengths.map(|length| ('a'..='z').cycle().skip(length % 26).take(length).collect()).collect();
        for some in messages.chunks(5) {
            // All leave before the first is read.
            some.iter().for_each(|text| socket.write(text.as_str().into()).unwrap());
            socket.flush().unwrap();
            for text in some {
                assert!(
                    websocket::receive(&mut socket).unwrap() == Some(text.as_str().into()),
                    "{} {buffer}",
                    text.len()
                );
            }
        }
    }
}

#[test]
fn a_refusal_shows_its_first_line_if_it_has_words() {
    for (body, shown) in
        [("not today\nnor ever", "refused with status 403: not today"), ("{\n}\n", "refused with status 403")]
    {
        assert_eq!(Refused { status: 403, body: body.into() }.to_string(), shown);
    }
}

// ---- those who are slow, silent or too eager ----

/// A server whose handler gives its errors away.
fn tells(
    limits: Limits,
    handler: fn(&mut websocket::Client) -> netprimer::Result<()>,
) -> (websocket::Running, Receiver<Error>) {
    let (say, errors) = channel();
    let say = Mutex::new(say);
    let running = websocket::serve(Server::bind("127.0.0.1:0").unwrap(), limited(limits), move |client| {
        handler(client).inspect_err(|error| {
            let copy = match error {
                Error::Timeout(phase) => Error::Timeout(phase.clone()),
                Error::Closed(phase) => Error::Closed(phase.clone()),
                other => Error::Protocol(other.to_string().into()),
            };
            say.lock().unwrap().send(copy).unwrap();
        })
    });
    (running.unwrap(), errors)
}

fn echo(client: &mut websocket::Client) -> netprimer::Result<()> {
    while let Some(message) = client.receive()? {
        client.send(message)?;
    }
    Ok(())
}

pub fn a_peer_that_answers_no_ping_is_dead() {
    let pings = Limits { ping_after: Some(Duration::from_millis(100)), pong_within: LIMIT, ..quick() };
    let (running, errors) = tells(Limits { pong_within: Duration::from_millis(150), ..pings }, echo);
    let mut tcp = raw(running.addr());
    assert_eq!(next(&mut tcp), (0x89, vec![]));
    let error = errors.recv_timeout(LIMIT).unwrap();
    assert!(matches!(&error, Error::Timeout(phase) if phase.contains("pong")), "{error:?}");
    assert_eq!(closed_with(&mut tcp), 1011);
    // Who answers lives on, though he never says anything: before his pong there is no further ping.
    let (running, _errors) = tells(pings, echo);
    let mut alive = websocket::connect(&format!("ws://{}/", running.addr())).unwrap();
    let answers = thread::spawn(move || (0..4).all(|_| matches!(alive.read(), Ok(Message::Ping(_)))));
    let mut tcp = raw(running.addr());
    for _ in 0..4 {
        assert_eq!(next(&mut tcp), (0x89, vec![]));
        tcp.write_all(&frame(0x8a, b"")).unwrap();
    }
    assert!(answers.join().unwrap());
    let _ = running.stop(LIMIT);
}

#[test]
fn our_client_notices_a_dead_server() {
    let limits =
        Limits { ping_after: Some(Duration::from_millis(50)), pong_within: Duration::from_millis(150), ..quick() };
    let options = websocket::Options { limits, ..Default::default() };
    let (listener, addr) = support::sockets::listen();
    let silent = thread::spawn(move || {
        let mut tcp = shaken(&listener);
        let mut ping = [0; 6];
        tcp.read_exact(&mut ping).unwrap();
        let _ = tcp.read_to_end(&mut Vec::new());
        ping
    });
    let mut socket = websocket::connect_with(&format!("ws://{addr}/"), &options).unwrap();
    let error = websocket::receive(&mut socket).unwrap_err();
    assert!(matches!(&error, Error::Timeout(phase) if phase.contains("pong")), "{error:?}");
    drop(socket);
    assert_eq!(silent.join().unwrap()[..2], [0x89, 0x80], "a client's ping is masked too");
}

pub fn a_handshake_is_not_pinged() {
    let pings =
        Limits { ping_after: Some(Duration::from_millis(20)), pong_within: Duration::from_millis(20), ..quick() };
    let lab = lab_with(limited(pings));
    let mut tcp = dial(lab.addr());
    tcp.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(tcp.read(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock), "he has not even asked");
    tcp.set_read_timeout(Some(LIMIT)).unwrap();
    tcp.write_all(request(lab.addr(), "").as_bytes()).unwrap();
    let mut first = [0; 12];
    tcp.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 101");
}

pub fn who_looks_in_often_pings_too() {
    let limits =
        Limits { ping_after: Some(Duration::from_millis(100)), pong_within: Duration::from_millis(100), ..quick() };
    let (listener, addr) = support::sockets::listen();
    let silent = thread::spawn(move || {
        let mut tcp = shaken(&listener);
        let mut ping = [0; 2];
        tcp.read_exact(&mut ping).map(|()| ping).unwrap_or_default()
    });
    let options = websocket::Options { limits, ..Default::default() };
    let mut socket = websocket::connect_with(&format!("ws://{addr}/"), &options).unwrap();
    let start = Instant::now();
    // Each look is shorter than the time between two looks at the clock.
    while start.elapsed() < LIMIT {
        socket.get_mut().set_deadline(Deadline::after(Duration::from_millis(5)));
        match websocket::receive(&mut socket) {
            Err(Error::Timeout(phase)) if phase.contains("message") => {}
            Err(_) => break,
            other => panic!("{other:?}"),
        }
    }
    drop(socket);
    assert_eq!(silent.join().unwrap(), [0x89, 0x80]);
}

pub fn too_many_pings() {
    let lab = lab_with(Serve::default());
    let mut tcp = raw(lab.addr());
    let mut writer = tcp.try_clone().unwrap();
    let pings = frame(0x89, b"?").repeat(500);
    let flood = thread::spawn(move || while writer.write_all(&pings).is_ok() {});
    assert_eq!(closed_with(&mut tcp), 1008);
    drop(tcp);
    flood.join().unwrap();
    echoes(lab.addr());
}

pub fn one_who_does_not_read_is_not_waited_for_for_ever() {
    let limits = Limits { write: Duration::from_millis(300), pings: u32::MAX, ..quick() };
    let (running, errors) = tells(limits, |client| {
        loop {
            if client.receive()?.is_none() {
                return Ok(());
            }
            client.send(vec![0; 1 << 20])?;
        }
    });
    // Neither our messages nor our pongs.
    for bytes in [frame(0x82, b"more").repeat(100), frame(0x89, &[b'p'; 125]).repeat(200_000)] {
        let mut tcp = raw(running.addr());
        let mut eager = tcp.try_clone().unwrap();
        let writer = thread::spawn(move || drop(eager.write_all(&bytes)));
        let error = errors.recv_timeout(LIMIT).unwrap();
        assert!(matches!(&error, Error::Timeout(phase) if phase.contains("does not read")), "{error:?}");
        let _ = tcp.shutdown(Shutdown::Both);
        writer.join().unwrap();
        let _ = tcp.read(&mut [0]);
    }
}

/// In a copy of this program, because the memory of a process is measured.
#[test]
fn memory_is_bounded_whoever_comes() {
    const EACH: usize = 4; // clients of a kind
    const MOST: u64 = 256; // KiB for one client: four times the longest message, so its thread and what grows by doubling too
    const FLOOD: usize = 8 << 20;
    const TEST: &str = "memory_is_bounded_whoever_comes";
    if !cfg!(target_os = "linux") {
        return;
    }
    if programs::told().is_none() {
        programs::again(TEST, "", |program| Command::new(program));
        return;
    }
    let limits = Limits { message: 64 << 10, write: Duration::from_millis(300), ..quick() };
    let lab = lab_with(limited(limits));
    let addr = lab.addr();
    let piece = vec![b'x'; 16 << 10];
    let frames = |first, payload: &[u8]| frame(first, payload).repeat((64 << 10) / (payload.len() + 6));
    // What each begins with, and then sends again and again without ever reading.
    let kinds = [
        ("a message without end", frame(0x01, b""), frames(0x00, &piece)),
        ("fragments without content", frame(0x01, b""), frames(0x00, b"")),
        ("a frame that says it has 4 GiB", header(0x82, 1 << 32), piece.clone()),
        ("nearly all of a message", [header(0x82, 64 << 10), vec![b'x'; (64 << 10) - 1]].concat(), Vec::new()),
        ("pings", Vec::new(), frames(0x89, &piece[..125])),
        ("messages whose echo is not read", Vec::new(), frames(0x82, &piece)),
    ];
    echoes(addr);
    let before = support::most_memory();
    thread::scope(|scope| {
        for (_, begin, more) in kinds.iter().flat_map(|kind| [kind; EACH]) {
            scope.spawn(move || {
                let mut tcp = raw(addr);
                // Most are cut off before they have sent it all.
                let mut sent = tcp.write_all(begin).map(|()| begin.len());
                while sent.as_ref().is_ok_and(|sent| *sent < FLOOD) && !more.is_empty() {
                    sent = sent.and_then(|sent| tcp.write_all(more).map(|()| sent + more.len()));
                }
                let _ = tcp.shutdown(Shutdown::Write);
                while tcp.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {}
            });
        }
    });
    let each = (support::most_memory() - before) / (kinds.len() * EACH) as u64;
    assert!(each <= MOST, "{each} KiB for each of {:?}", kinds.map(|(name, ..)| name));
    echoes(addr);
}

#[test]
fn a_slow_member_does_not_hold_the_others() {
    for slow in [Slow::Cut, Slow::Skip] {
        let hub = Hub::new(16, slow);
        let theirs = hub.clone();
        let limits = Limits { write: 2 * LIMIT, ..quick() };
        let running = websocket::serve(Server::bind("127.0.0.1:0").unwrap(), limited(limits), move |client| {
            let _seat = theirs.join(&client.socket)?;
            client.send("joined")?;
            echo(client)
        });
        let running = running.unwrap();
        let url = format!("ws://{}/", running.addr());
        let lazy = websocket::connect(&url).unwrap();
        let mut good: Vec<_> = (0..3).map(|_| websocket::connect(&url).unwrap()).collect();
        good.iter_mut().for_each(|socket| assert_eq!(socket.read().unwrap().to_string(), "joined"));
        while hub.members() < 4 {
            thread::yield_now();
        }
        // More than the buffers of the kernel and the queue take.
        let start = Instant::now();
        for n in 0..200u32 {
            let reached = hub.send(Message::binary([&n.to_be_bytes()[..], &vec![0; 200_000]].concat()));
            assert!(reached >= 3);
            for socket in &mut good {
                let Message::Binary(bytes) = socket.read().unwrap() else { panic!("no bytes") };
                assert_eq!(bytes[..4], n.to_be_bytes());
            }
        }
        assert!(start.elapsed() < LIMIT, "nobody waited for the slow one: {:?}", start.elapsed());
        assert_eq!(hub.members(), if slow == Slow::Cut { 3 } else { 4 });
        drop(lazy);
        drop(good);
        assert_eq!(running.stop(LIMIT).stuck, 0);
        assert_eq!(hub.members(), 0);
    }
}

// ---- the end ----

pub fn stop_tells_everybody() {
    for acceptor in [None, Some(Acceptor::new(Certificate::Good).unwrap())] {
        let dial = Dial { tls: Some(tls::trust().unwrap()), ..Dial::default() };
        let options = websocket::Options { dial, ..Default::default() };
        let lab = ws::start(Options { tls: acceptor, ..Options::default() }).unwrap();
        let sockets: Vec<_> = (0..10)
            .map(|n| websocket::connect_with(&lab.url(if n % 2 == 0 { "/" } else { "/chat" }), &options).unwrap())
            .collect();
        let listeners: Vec<_> = sockets
            .into_iter()
            .map(|mut socket| {
                thread::spawn(move || match socket.read().unwrap() {
                    Message::Close(Some(frame)) => {
                        let _ = socket.flush();
                        u16::from(frame.code)
                    }
                    other => panic!("{other:?}"),
                })
            })
            .collect();
        while lab.running().clients() < 10 {
            thread::yield_now();
        }
        let _silent = std::net::TcpStream::connect(lab.addr()).unwrap();
        let start = Instant::now();
        let drained = lab.stop(LIMIT);
        assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
        assert_eq!((drained.forced, drained.stuck), (0, 0), "{drained:?}");
        assert!(listeners.into_iter().all(|listener| listener.join().unwrap() == 1001));
        assert!(websocket::connect_with(&lab.url("/"), &options).is_err());
    }
}

pub fn stop_waits_for_nobody_who_does_not_read() {
    // Who reads has this time to answer our Close.
    let limits = Limits { close: Duration::from_secs(3), ..Limits::default() };
    let (running, errors) = tells(limits, |client| {
        loop {
            client.send(vec![0; 1 << 20])?;
        }
    });
    let _lazy = raw(running.addr());
    let mut good = websocket::connect(&format!("ws://{}/", running.addr())).unwrap();
    let reader = thread::spawn(move || {
        loop {
            match good.read() {
                Ok(Message::Close(Some(frame))) => return u16::from(frame.code),
                Ok(_) => {}
                Err(error) => panic!("{error}"),
            }
        }
    });
    while running.clients() < 2 {
        thread::yield_now();
    }
    let start = Instant::now();
    let drained = running.stop(LIMIT);
    assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
    assert_eq!(drained.stuck, 0, "{drained:?}");
    assert_eq!(reader.join().unwrap(), 1001);
    assert_eq!(errors.iter().take(2).count(), 2);
}

#[test]
fn what_a_handler_leaves() {
    let running =
        websocket::serve(Server::bind("127.0.0.1:0").unwrap(), limited(quick()), |client| match client.path() {
            "/done" => Ok(()),
            "/panic" => panic!("on purpose"),
            "/error" => Err(Error::Invalid("something else".into())),
            "/disk" => Err(Error::Io("read /home/ann/notes".into(), ErrorKind::NotFound.into())),
            "/behind" => Err(Error::Closed("ask the data base".into())),
            "/raw" => loop {
                client.socket.read()?;
            },
            _ => {
                assert_eq!(client.request.uri().query(), Some("name=x"));
                assert_eq!(client.request.headers().get("x-name").unwrap(), "learner");
                client.send(format!("{} {}", client.number, client.peer.ip()))?;
                websocket::close(&mut client.socket, CloseCode::Library(4321), "再见").map(drop)
            }
        });
    let running = running.unwrap();
    let options = websocket::Options { headers: vec![("X-Name".into(), "learner".into())], ..Default::default() };
    let connect = |path: &str| websocket::connect_with(&format!("ws://{}{path}", running.addr()), &options).unwrap();
    let mistakes = ["/panic", "/error", "/disk", "/behind"].map(|path| (path, 1011, "the server made a mistake"));
    for (path, code, reason) in [("/done", 1000, "")].into_iter().chain(mistakes) {
        let Message::Close(Some(frame)) = connect(path).read().unwrap() else { panic!("no Close") };
        assert_eq!((u16::from(frame.code), frame.reason.as_str()), (code, reason), "{path}");
    }
    let mut socket = connect("/own?name=x");
    assert_eq!(socket.read().unwrap().to_string(), "6 127.0.0.1");
    let Message::Close(Some(theirs)) = socket.read().unwrap() else { panic!("no Close") };
    assert_eq!((u16::from(theirs.code), theirs.reason.as_str()), (4321, "再见"));
    // The same codes for a handler that reads by itself.
    for (bytes, code) in [(frame(0x81, b"\xff"), 1007), (header(0x81, 1 << 30), 1009), (frame(0x83, b""), 1002)] {
        let mut tcp = dial(running.addr());
        tcp.write_all(request(running.addr(), "").replace("GET /", "GET /raw").as_bytes()).unwrap();
        let mut head = [0; 129];
        tcp.read_exact(&mut head).unwrap();
        assert!(head.ends_with(b"\r\n\r\n"), "{}", String::from_utf8_lossy(&head));
        tcp.write_all(&bytes).unwrap();
        assert_eq!(closed_with(&mut tcp), code);
    }
    let _ = running.stop(LIMIT); // then all of them are counted
    assert_eq!(running.server().totals().panics, 1);
}

/// Neither one who stays nor one who goes on talking is waited for longer than `Limits::close`.
pub fn who_stays_after_the_end_is_left() {
    let lab = lab_with(limited(quick()));
    let (mut stays, mut talks) = (raw(lab.addr()), raw(lab.addr()));
    while lab.running().clients() < 2 {
        thread::yield_now();
    }
    let start = Instant::now();
    stays.write_all(b"\x81\x02hi").unwrap(); // without a mask
    talks.write_all(&frame(0x88, b"\x03\xe8")).unwrap();
    let mut eager = talks.try_clone().unwrap();
    let talk = thread::spawn(move || while eager.write_all(&frame(0x82, &[0; 1000])).is_ok() {});
    assert_eq!((closed_with(&mut stays), closed_with(&mut talks)), (1002, 1000));
    talk.join().unwrap();
    while lab.running().server().active() > 0 {
        assert!(start.elapsed() < LIMIT, "somebody is still waited for");
        thread::yield_now();
    }
    assert!(start.elapsed() >= quick().close && start.elapsed() < LIMIT, "{:?}", start.elapsed());
}

#[test]
fn a_close_that_is_not_answered() {
    let (running, errors) =
        tells(quick(), |client| websocket::close(&mut client.socket, CloseCode::Normal, "").map(drop));
    let mut tcp = raw(running.addr());
    assert_eq!(next(&mut tcp), (0x88, vec![0x03, 0xe8]));
    let error = errors.recv_timeout(LIMIT).unwrap();
    assert!(matches!(error, Error::Timeout(_)), "{error:?}");
    let mut socket = websocket::connect(&format!("ws://{}/", running.addr())).unwrap();
    for (code, reason) in [(CloseCode::Abnormal, ""), (CloseCode::Bad(999), ""), (CloseCode::Normal, &*"x".repeat(124))]
    {
        assert!(matches!(websocket::close(&mut socket, code, reason), Err(Error::Invalid(_))));
    }
    let mut other = websocket::sender(&socket);
    assert!(matches!(other.close(CloseCode::Normal, &"x".repeat(124)), Err(Error::Invalid(_))));
    assert!(matches!(other.close(CloseCode::Status, ""), Err(Error::Invalid(_))));
    websocket::close(&mut socket, CloseCode::Normal, &"x".repeat(123)).unwrap();
}

/// The memory of a connection (TIME_WAIT) is for who ends it first, and has room at the server (RFC 6455 section 7.1.1).
#[test]
fn the_server_ends_first() {
    for we_begin in [true, false] {
        let (listener, addr) = support::sockets::listen();
        let server = thread::spawn(move || {
            let mut tcp = shaken(&listener);
            tcp.write_all(b"\x88\x02\x03\xe8").unwrap();
            tcp.read_exact(&mut [0; 8]).unwrap(); // the client's
            tcp.set_read_timeout(Some(Duration::from_millis(150))).unwrap();
            tcp.read(&mut [0]).map_err(|error| error.kind())
        });
        let mut socket = websocket::connect(&format!("ws://{addr}/")).unwrap();
        if we_begin {
            websocket::close(&mut socket, CloseCode::Normal, "").unwrap().unwrap();
        } else {
            assert_eq!(websocket::receive(&mut socket).unwrap(), None);
        }
        assert_eq!(server.join().unwrap(), Err(ErrorKind::WouldBlock), "the client did not wait");
    }
}

// ---- two directions at once ----

pub fn many_send_while_one_reads() {
    for acceptor in [None, Some(Acceptor::new(Certificate::Good).unwrap())] {
        let lab = ws::start(Options { tls: acceptor, ..Options::default() }).unwrap();
        let dial = Dial { tls: Some(tls::trust().unwrap()), ..Dial::default() };
        let limits = Limits { ping_after: Some(Duration::from_millis(20)), ..Limits::default() };
        let options = websocket::Options { dial, limits, ..Default::default() };
        let mut socket = websocket::connect_with(&lab.url("/"), &options).unwrap();
        let writers: Vec<_> = (0..3u8)
            .map(|who| {
                let mut sender = websocket::sender(&socket).clone();
                thread::spawn(move || (0..20).try_for_each(|_| sender.send(vec![who; 300_000])))
            })
            .collect();
        let mut counts = [0; 3];
        while counts.iter().sum::<i32>() < 60 {
            let Some(Message::Binary(bytes)) = websocket::receive(&mut socket).unwrap() else { panic!("no bytes") };
            assert!(bytes.len() == 300_000 && bytes.iter().all(|byte| *byte == bytes[0]), "frames are mixed");
            counts[usize::from(bytes[0])] += 1;
        }
        writers.into_iter().for_each(|writer| writer.join().unwrap().unwrap());
        // Who waits for a message does not hold who sends.
        let mut sender = websocket::sender(&socket);
        let reader = thread::spawn(move || (websocket::receive(&mut socket).unwrap(), socket));
        sender.send("over and out").unwrap();
        let (message, mut socket) = reader.join().unwrap();
        assert_eq!(message.unwrap().to_string(), "over and out");
        sender.close(CloseCode::Away, "bye").unwrap();
        assert!(sender.send("too late").is_err());
        assert!(socket.send("too late".into()).is_err());
        assert_eq!(websocket::receive(&mut socket).unwrap(), None);
    }
}

/// As many pings as are allowed, and then a message, again and again.
#[test]
fn a_message_between_does_not_allow_more_pings() {
    let lab = lab_with(limited(Limits { pings: 10, ..quick() }));
    let mut tcp = raw(lab.addr());
    let turn = [frame(0x89, b"?").repeat(9), frame(0x81, b"!")].concat();
    tcp.write_all(&[turn.repeat(50), frame(0x88, b"\x03\xe8")].concat()).unwrap();
    assert_eq!(closed_with(&mut tcp), 1008);
}

/// They belong to no message, and have a limit of their own.
#[test]
fn pings_are_not_counted_as_a_message() {
    let lab = lab_with(limited(Limits { message: 1, pings: u32::MAX, ..quick() }));
    let mut tcp = raw(lab.addr());
    tcp.write_all(&[frame(0x89, &[b'?'; 125]).repeat(600), frame(0x81, b"x"), frame(0x88, b"\x03\xe8")].concat())
        .unwrap();
    assert_eq!(closed_with(&mut tcp), 1000);
}

#[test]
fn no_limit_is_a_limit_too() {
    let limits = Limits { message: usize::MAX, ..Limits::default() };
    let lab = lab_with(limited(limits));
    let options = websocket::Options { limits, ..Default::default() };
    let mut socket = websocket::connect_with(&lab.url("/"), &options).unwrap();
    socket.send(vec![7; 100_000].into()).unwrap();
    assert_eq!(websocket::receive(&mut socket).unwrap().unwrap().len(), 100_000);
}

/// What did not fit while another thread could send is sent when none can any more.
#[test]
fn a_pong_that_was_late_is_sent_when_there_is_room() {
    let (listener, addr) = support::sockets::listen();
    let (full, go) = channel();
    let peer = thread::spawn(move || {
        let mut tcp = shaken(&listener);
        go.recv().unwrap();
        let (mut all, mut bytes) = (Vec::new(), [0; 65536]);
        tcp.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
        while let Ok(n @ 1..) = tcp.read(&mut bytes) {
            all.extend_from_slice(&bytes[..n]);
            if all.len() % 131 == 6 && all[all.len() - 6..].starts_with(&[0x8a, 0x80]) {
                break; // the last one has no payload
            }
        }
        tcp.write_all(b"\x81\x04done").unwrap();
        all.len() % 131
    });
    let options = websocket::Options { limits: quick(), ..Default::default() };
    let mut socket = websocket::connect_with(&format!("ws://{addr}/"), &options).unwrap();
    let sender = websocket::sender(&socket);
    let mut waits = 0;
    while waits < 10 {
        let start = Instant::now();
        socket.send(Message::Pong(vec![0; 125].into())).unwrap();
        waits = if start.elapsed() < Duration::from_millis(1) { 0 } else { waits + 1 }; // nothing more fits
    }
    socket.send(Message::Pong(Vec::new().into())).unwrap();
    drop(sender);
    full.send(()).unwrap();
    assert_eq!(socket.read().unwrap().to_string(), "done");
    assert_eq!(peer.join().unwrap(), 6);
}

#[test]
fn a_deadline_for_one_message() {
    let lab = lab_with(Serve::default());
    let mut socket = websocket::connect(&lab.url("/")).unwrap();
    let start = Instant::now();
    socket.get_mut().set_deadline(Deadline::after(Duration::from_millis(150)));
    let error = websocket::receive(&mut socket).unwrap_err();
    assert!(matches!(error, Error::Timeout(_)), "{error:?}");
    assert!((Duration::from_millis(150)..LIMIT).contains(&start.elapsed()));
    socket.get_mut().set_deadline(Deadline::NEVER);
    socket.send("still here".into()).unwrap();
    assert_eq!(websocket::receive(&mut socket).unwrap().unwrap().to_string(), "still here");
}

#[test]
fn no_mask_is_like_another() {
    let wire = Transcript::new();
    let lab = lab_with(Serve::default());
    let dial = Dial { trace: Some(Arc::new(wire.clone())), ..Dial::default() };
    let options = websocket::Options { dial, ..Default::default() };
    let mut socket = websocket::connect_with(&lab.url("/"), &options).unwrap();
    for _ in 0..1000 {
        socket.send("same".into()).unwrap();
        socket.read().unwrap();
    }
    let sent = wire.sent_by(Side::Client);
    let head = sent.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let masks: HashSet<&[u8]> = sent[head..].chunks(10).map(|frame| &frame[2..6]).collect();
    assert!(sent[head..].len() == 10_000 && masks.len() > 990, "{} different masks", masks.len());
}

#[test]
fn a_login_leaves_no_trace_of_itself() {
    let running = websocket::serve(Server::bind("127.0.0.1:0").unwrap(), Serve::default(), |client| {
        let field = |name: &str| client.request.headers().get(name).unwrap().to_str().unwrap().to_owned();
        let all = ["authorization", "x-name", "cookie"].map(field).join(", ");
        client.send(format!("{} bytes", all.len()))
    });
    let (running, wire) = (running.unwrap(), Transcript::new());
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let headers = vec![field("Authorization", "Bearer sesame"), field("X-Name", "me"), field("Cookie", "sid=sesame")];
    let dial = Dial { trace: Some(Arc::new(wire.clone())), ..Dial::default() };
    let options = websocket::Options { dial, headers, ..Default::default() };
    let mut socket = websocket::connect_with(&format!("ws://{}/", running.addr()), &options).unwrap();
    assert_eq!(socket.read().unwrap().to_string(), "29 bytes");
    let shown = wire.to_string();
    assert!(!shown.contains("sesame") && shown.to_lowercase().contains("authorization: \nc: ***"), "{shown}");
}

// ---- servers that lie to our client ----

fn patient(connect: Duration) -> websocket::Options {
    let dial = Dial { connect, tls: Some(tls::trust().unwrap()), ..Dial::default() };
    websocket::Options { dial, limits: quick(), ..Default::default() }
}

#[test]
fn what_a_server_may_answer() {
    let start = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
    let accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"; // for another key
    type Judge = fn(&Error) -> bool;
    let protocol: Judge = |error| matches!(error, Error::Protocol(_));
    let closed: Judge = |error| matches!(error, Error::Closed(_));
    let timeout: Judge = |error| matches!(error, Error::Timeout(_));
    let cases: [(String, Judge, bool); 9] = [
        (format!("{start}{accept}\r\n"), protocol, false),
        (format!("{start}\r\n"), protocol, false),
        (format!("{}\r\n", start.replace("Upgrade: websocket\r\n", "")), protocol, false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi".into(), |error| is_refused(error, 200), false),
        ("HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\n\r\n".into(), |error| is_refused(error, 302), false),
        ("220 this is FTP\r\n\r\n".into(), protocol, false),
        (
            format!("HTTP/1.1 101 x\r\nX: {}", "x".repeat(20_000)),
            |error| matches!(error, Error::TooLong(_, 16_384)),
            false,
        ),
        (start.into(), closed, false),
        (String::new(), timeout, true),
    ];
    thread::scope(|scope| {
        for (text, judge, hold) in cases {
            scope.spawn(move || {
                let last = if hold { Step::Hold } else { Step::Finish };
                let peer = script::play([Step::HearLine, Step::say(&text), last, Step::Hold]).unwrap();
                let options = patient(if hold { Duration::from_millis(300) } else { LIMIT });
                let error = websocket::connect_with(&format!("ws://{}/", peer.addr()), &options).unwrap_err();
                assert!(judge(&error), "{text:?}: {error:?}");
            });
        }
        // Neither one byte now and then, nor a TLS server that says nothing, outlives the deadline; and nothing panics.
        scope.spawn(|| {
            let drip = Step::Drip(vec![b'x'; 1000], Duration::from_millis(20));
            let peer = script::play([Step::HearLine, drip]).unwrap();
            let options = patient(Duration::from_millis(300));
            let error = websocket::connect_with(&format!("ws://{}/", peer.addr()), &options).unwrap_err();
            assert!(timeout(&error), "{error:?}");
        });
        scope.spawn(|| {
            let peer = script::play([Step::Hold]).unwrap();
            let options = patient(Duration::from_millis(300));
            let error = websocket::connect_with(&format!("wss://{}/", peer.addr()), &options).unwrap_err();
            assert!(timeout(&error), "{error:?}");
        });
    });
}

/// RFC 6455 section 4.1, step 5: an extension that was not asked for.
#[test]
fn an_extension_that_nobody_asked_for() {
    let (listener, addr) = support::sockets::listen();
    let peer = thread::spawn(move || shaken_with(&listener, "Sec-WebSocket-Extensions: permessage-deflate\r\n"));
    let error = websocket::connect_with(&format!("ws://{addr}/"), &patient(LIMIT)).unwrap_err();
    assert!(matches!(&error, Error::Protocol(text) if text.contains("extension")), "{error:?}");
    drop(peer.join().unwrap());
}

fn is_refused(error: &Error, status: u16) -> bool {
    error.source().and_then(|cause| cause.downcast_ref::<Refused>()).is_some_and(|refused| refused.status == status)
}

#[test]
fn addresses_that_cannot_be() {
    for url in [
        "http://127.0.0.1/",
        "127.0.0.1:8765",
        "ws://",
        "ws://a b/",
        "ws://127.0.0.1:99999/",
        "ws://127.0.0.1/#part",
        "ws://name:secret@127.0.0.1/",
        "ws://127.0.0.1/a b",
        "ws://127.0.0.1/\r\nX: y",
    ] {
        let error = websocket::connect(url).unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{url:?}: {error:?}");
    }
    // The time for all of it begins before the lookup of the name.
    let late = websocket::connect_with("ws://localhost:1/", &patient(Duration::from_nanos(1))).unwrap_err();
    assert!(matches!(late, Error::Timeout(_)), "{late:?}");
    let ours = [("Host", "other.example"), ("sec-websocket-key", KEY)]; // they would be dropped without a word
    for (name, value) in [("X\r\nY", "1"), ("X", "1\r\nY: 2"), ("", "1")].into_iter().chain(ours) {
        let options = websocket::Options { headers: vec![(name.into(), value.into())], ..Default::default() };
        let error = websocket::connect_with("ws://127.0.0.1:1/", &options).unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{name:?}: {error:?}");
    }
    for protocol in ["", "a b", "a,b", "你好"] {
        let options = websocket::Options { protocols: vec![protocol.into()], ..Default::default() };
        let error = websocket::connect_with("ws://127.0.0.1:1/", &options).unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{protocol:?}: {error:?}");
    }
}

/// The time for connecting is also that for sending the head, however long it is.
#[test]
fn a_long_head_to_a_server_that_does_not_read() {
    let (listener, addr) = support::sockets::listen();
    let headers = vec![("X-Long".into(), "x".repeat(8 << 20))];
    let options = websocket::Options { headers, ..patient(Duration::from_secs(1)) };
    let start = Instant::now();
    let error = websocket::connect_with(&format!("ws://{addr}/"), &options).unwrap_err();
    assert!(matches!(error, Error::Timeout(_)), "{error:?}");
    assert!(start.elapsed() < options.limits.write / 2, "{:?}", start.elapsed());
    drop(listener);
}

#[test]
fn certificates_that_must_be_refused() {
    let options = patient(LIMIT);
    for certificate in Certificate::ALL {
        let acceptor = Acceptor::new(certificate).unwrap();
        let lab = ws::start(Options { tls: Some(acceptor), ..Options::default() }).unwrap();
        let url = format!("wss://localhost:{}/", lab.addr().port());
        match websocket::connect_with(&url, &options) {
            Ok(mut socket) => {
                assert_eq!(certificate, Certificate::Good);
                socket.send("你好".into()).unwrap();
                assert_eq!(socket.read().unwrap().to_string(), "你好");
                websocket::close(&mut socket, CloseCode::Normal, "").unwrap();
            }
            Err(error) => assert!(certificate != Certificate::Good && matches!(error, Error::Other(..)), "{error:?}"),
        }
        let nobody = websocket::connect(&url);
        assert!(nobody.is_err(), "this system does not trust the lab");
    }
}

// ---- coming back ----

#[test]
fn coming_back() {
    let (addr, held) = support::sockets::closed_port();
    let policy = Policy { total: 3, backoff_factor: 0.005, ..Policy::default() };
    let mut events = Vec::new();
    let mut link = Reconnect::new(&format!("ws://{addr}/")).policy(policy.clone()).on_event(|event| match event {
        Link::Waiting(number, pause, why) => {
            let refused = matches!(why, Some(Error::Io(_, cause)) if cause.kind() == ErrorKind::ConnectionRefused);
            events.push((number, pause.as_millis(), refused));
        }
        other => panic!("{other:?}"),
    });
    assert!(matches!(link.connect(), Err(Error::Io(..))));
    drop(link);
    assert_eq!(events, [(2, 0, true), (3, 10, true), (4, 20, true)]);
    drop(held);

    // A refusal that will not change is not asked again.
    let lab = lab_with(Serve { without_origin: false, ..Serve::default() });
    let told = |event: Link<'_>| panic!("{event:?}");
    let error = Reconnect::new(&lab.url("/")).policy(policy.clone()).on_event(told).connect().unwrap_err();
    assert!(is_refused(&error, 403), "{error:?}");

    // One that is there, goes, and comes again at the same place.
    let lab = lab_with(Serve::default());
    let (addr, mut texts) = (lab.addr(), Vec::new());
    let policy = Policy { total: 100, backoff_factor: 0.005, backoff_max: 0.01, ..Policy::default() };
    let (say, waits) = channel();
    let starter = thread::spawn(move || {
        waits.recv_timeout(LIMIT).unwrap();
        ws::start(Options { port: addr.port(), ..Options::default() }).unwrap()
    });
    let mut link = Reconnect::new(&lab.url("/")).policy(policy).on_event(|event| {
        if matches!(event, Link::Waiting(3, ..)) {
            say.send(()).unwrap();
        }
        texts.push(event.to_string());
    });
    let mut socket = link.connect().unwrap();
    let _ = lab.stop(Duration::ZERO);
    drop(lab);
    while websocket::receive(&mut socket).is_ok_and(|message| message.is_some()) {}
    let mut socket = link.connect().unwrap();
    socket.send("again".into()).unwrap();
    assert_eq!(socket.read().unwrap().to_string(), "again");
    drop(link);
    assert_eq!((texts[0].as_str(), texts[1].as_str()), ("connected", "attempt 2 in 0.0 s"));
    assert!(texts.last().unwrap().starts_with("connected, after "), "{texts:?}");
    let _again = starter.join().unwrap();
}
