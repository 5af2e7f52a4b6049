//! Lessons 4.1, 4.2 and 8.2 as a learner meets them: the server with its page, the client, the chat that comes back, peers that
//! are silent or lie; and the view of frames.

#[path = "../../examples/lesson/frames.rs"]
mod frames;

use crate::{PROGRAMS, support};
use frames::{Frame, Wire, from_base64};
use netprimer::encode::base64;
use netprimer::lab::script::{self, Step};
use netprimer::lab::ws;
use netprimer::trace::{Event, Side, Sink};
use netprimer::websocket::{self, Message, Options, derive_accept_key};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;
use support::LIMIT;
use support::programs::{Left, Running, close, first_line, python, python_with, run, tool, works};
use support::sockets::{closed_port, dial, limited, listen};

const SERVER: &str = "04_1_websocket_server";
const CLIENT: &str = "04_2_websocket_client";
const CHAT: &str = "08_2_concurrent_websocket";

fn server(args: &[&str]) -> (Running, SocketAddr) {
    let running = Running::server(PROGRAMS.command(SERVER).arg("127.0.0.1:0").args(args));
    let addr = running.addr();
    assert_eq!(running.line(), format!("a page for your browser: http://{addr}/"));
    (running, addr)
}

/// What a program prints when all goes well.
fn prints(program: &str, args: &[&str], input: &str) -> String {
    let left = PROGRAMS.run(program, args, input.as_bytes());
    assert_eq!((left.status, left.err.as_str()), (0, ""), "{program} {args:?}: {}", left.text());
    String::from_utf8(left.out).unwrap()
}

/// A line without the address with which it begins.
fn behind_address(line: &str) -> &str {
    line.split_once(' ').unwrap().1
}

/// A server that shakes hands properly and then does what it likes. Its thread ends with the last connection.
fn peer(visits: usize, talk: impl Fn(usize, tungstenite::WebSocket<TcpStream>) + Send + 'static) -> String {
    let (listener, addr) = listen();
    thread::spawn(move || {
        for visit in 0..visits {
            talk(visit, tungstenite::accept(limited(listener.accept().unwrap().0)).unwrap());
        }
    });
    format!("ws://{addr}/")
}

/// Answers the handshake, sends these bytes, and waits for the client to leave.
fn raw(bytes: &'static [u8]) -> String {
    peer(1, move |_, mut socket| {
        socket.get_mut().write_all(bytes).unwrap();
        let _ = socket.get_mut().read_to_end(&mut Vec::new());
    })
}

// ---- 4.1 ----

#[test]
fn the_server_answers_and_says_who_came() {
    let (running, addr) = server(&[]);
    let mut socket = websocket::connect(&format!("ws://{addr}/some/path")).unwrap();
    for (message, answer) in [
        (Message::text("你好"), Message::text("the server heard: 你好")),
        (Message::binary(vec![0, 255]), Message::binary(vec![0, 255])),
        (Message::text("\u{1b}[2J\u{7}"), Message::text("the server heard: \u{1b}[2J\u{7}")),
    ] {
        socket.send(message).unwrap();
        assert_eq!(websocket::receive(&mut socket).unwrap(), Some(answer));
    }
    websocket::close(&mut socket, websocket::CloseCode::Library(4000), "再见").unwrap();
    let said: Vec<String> = (0..5).map(|_| running.line()).collect();
    let said: Vec<&str> = said.iter().map(|line| behind_address(line)).collect();
    let connected = "connected, asking for /some/path";
    assert_eq!(said[..3], [connected, "sent 6 bytes: \"你好\"", "sent 2 bytes, not text"]);
    assert!(said[3].starts_with("sent 5 bytes: \"") && !said[3].contains('\u{1b}'), "{said:?}");
    assert_eq!(said[4], "left: 4000 \"再见\"");

    drop(websocket::connect(&format!("ws://{addr}/")).unwrap()); // without a Close
    assert_eq!(behind_address(&running.line()), "connected, asking for /");
    let left = running.line();
    assert!(behind_address(&left).starts_with("left: WebSocket"), "{left}");
}

/// The usual Python client, against the example.
#[test]
fn the_usual_python_client_is_answered() {
    let Some(mut python) = python_with("websockets", "ws_client.py") else { return };
    let (running, addr) = server(&[]);
    let left = run(python.args([&format!("ws://{addr}"), "once"]), b"");
    assert_eq!((left.status, left.text().as_str()), (0, "received: the server heard: Hello, Server!\n"));
    let said: Vec<String> = (0..3).map(|_| running.line()).collect();
    assert_eq!(behind_address(&said[1]), "sent 14 bytes: \"Hello, Server!\"");
    assert_eq!(behind_address(&said[2]), "left: 1000 \"\"");
}

#[test]
fn in_the_chat_all_hear_all() {
    let (_running, addr) = server(&[]);
    let url = format!("ws://{addr}/chat");
    let [mut one, mut two] = [(); 2].map(|()| websocket::connect(&url).unwrap());
    // Who hears what he said himself has a seat.
    for (socket, name) in [(&mut one, "one"), (&mut two, "two")] {
        socket.send(name.into()).unwrap();
        while websocket::receive(socket).unwrap() != Some(name.into()) {}
    }
    one.send("hello, two".into()).unwrap();
    assert_eq!(websocket::receive(&mut two).unwrap(), Some("hello, two".into()));
}

#[test]
fn the_page_is_served_and_pages_of_others_stay_outside() {
    let (_running, addr) = server(&["--origin", "https://chat.example"]);
    let ask = |path: &str, fields: &str| {
        let mut stream = dial(addr);
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {addr}\r\n{fields}\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let page = ask("/", "");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.contains("new WebSocket(") && page.ends_with("</html>\n"));
    assert!(!page.contains("src=") && !page.contains("https://"), "the page loads nothing else");
    assert!(ask("/nothing", "").starts_with("HTTP/1.1 404 "));

    let from = |origin: &str| {
        let headers = vec![("Origin".to_owned(), origin.to_owned())];
        let url = format!("ws://{addr}/");
        websocket::connect_with(&url, &Options { headers, ..Options::default() }).map_err(|error| error.to_string())
    };
    assert!(from("http://evil.example").unwrap_err().contains("refused with status 403"));
    assert!(from("https://chat.example.evil.example").is_err());
    for welcome in [format!("http://{addr}"), "https://chat.example".to_owned()] {
        from(&welcome).unwrap();
    }
}

pub fn on_a_terminal_enter_stops_it() {
    let Some(mut python3) = tool("python3") else { return };
    let Some(mut terminal) = python("ws_terminal.py") else { return };
    if !works(python3.args(["-c", "import pty"]), "a terminal of Python's") {
        return;
    }
    let left = run(terminal.arg(PROGRAMS.path(SERVER)), b"");
    let out = left.text();
    assert_eq!(left.status, 0, "{out}");
    assert!(out.contains("left: 1001 \"the server stops\""), "{out}");
    let totals = "finished: 1, cut off: 0, stuck: 0; connections in all: 1, at once: 1, ended with an error: 0";
    assert!(out.contains(totals), "{out}");
}

// ---- 4.2 ----

#[test]
fn the_client_speaks_listens_asks_and_closes() {
    let (_running, addr) = server(&[]);
    let url = format!("ws://{addr}/");
    let out = prints(CLIENT, &[&url, "--text", "你好"], "");
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(
        lines[..3],
        [
            &format!("connected to {url}: 101 Switching Protocols"),
            "sent 6 bytes: \"你好\"",
            "received 24 bytes: \"the server heard: 你好\""
        ]
    );
    assert!(lines[3].starts_with("pong after ") && lines[3].ends_with(" ms"), "{out}");
    assert_eq!(lines[4..], ["closed with 1000 \"bye\"; the server answered 1000 \"bye\""]);

    // What the server says between a ping and its pong is heard too, and who closes is named.
    let url = peer(1, |_, mut socket| {
        let message = socket.read().unwrap();
        socket.send(message).unwrap();
        socket.send("by the way".into()).unwrap();
        while socket.read().is_ok() {}
    });
    let out = prints(CLIENT, &[&url], "");
    assert!(out.contains("\nreceived 10 bytes: \"by the way\"\npong after "), "{out}");
}

/// The wire is what it is, and what is computed from it is right.
#[test]
fn the_frames_are_shown_bit_by_bit() {
    let left = PROGRAMS.run(CLIENT, ["--wire", "--text", "Hello, Server!"], b"");
    assert_eq!(left.status, 0, "{}", left.err);
    let err = &left.err;
    let behind = |start: &str| {
        let line = err.lines().find_map(|line| line.strip_prefix(start));
        line.unwrap_or_else(|| panic!("no {start:?} in {err}")).trim_end_matches("\\r\\n")
    };
    let key = behind("C: Sec-WebSocket-Key: ");
    let accept = behind("S: sec-websocket-accept: ");
    assert_eq!(accept, derive_accept_key(key.as_bytes()));
    assert!(err.contains(&format!("\n   {key} + 258EAFA5-E914-47DA-95CA-C5AB0DC85B11\n")), "{err}");
    let bytes =
        |hex: &str| hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).unwrap()).collect::<Vec<_>>();
    assert_eq!(base64(&bytes(behind("   SHA-1:  "))), accept);
    assert_eq!(behind("   base64: "), format!("{accept}  as the server says"));

    let rows = err.lines().filter_map(|line| line.strip_prefix("C: ")?.split_once(" ^ "));
    let mut said = Vec::new();
    for (sent, rest) in rows.filter(|(sent, _)| !sent.starts_with("sent")) {
        let (mask, payload) = rest.split_once(" = ").unwrap();
        let payload = bytes(&payload[..11]);
        let unmasked: Vec<u8> = bytes(sent).iter().zip(bytes(mask)).map(|(byte, mask)| byte ^ mask).collect();
        assert_eq!(unmasked, payload, "{err}");
        said.extend(payload);
    }
    assert_eq!(said, b"Hello, Server!are you there?\x03\xe8bye");
    for row in [
        "C: 1 0 0 0 0 0 0 1  1 0 0 0 1 1 1 0  text, 14 bytes, masked",
        "S: 48 65 6c 6c 6f 2c 20 53 65 72 76 65 72 21  Hello, Server!",
        "S: 1 0 0 0 1 0 1 0  0 0 0 0 1 1 1 0  pong, 14 bytes",
        "S: 1 0 0 0 1 0 0 0  0 0 0 0 0 1 0 1  close, 5 bytes",
        "S: FIN",
    ] {
        assert!(err.lines().any(|line| line == row), "no {row:?} in {err}");
    }
    assert!(err.lines().all(|line| line.len() <= 76), "{err}");
}

#[test]
fn all_three_forms_of_the_length_are_shown() {
    thread::scope(|scope| {
        for (size, bits, more) in [
            (0_u64, "1 0 0 0 0 0 0 0", None),
            (125, "1 1 1 1 1 1 0 1", None),
            (126, "1 1 1 1 1 1 1 0", Some("00 7e  the length, in 2 more bytes")),
            (65_535, "1 1 1 1 1 1 1 0", Some("ff ff  the length, in 2 more bytes")),
            (65_536, "1 1 1 1 1 1 1 1", Some("00 00 00 00 00 01 00 00  the length, in 8 more bytes")),
        ] {
            scope.spawn(move || {
                let left = PROGRAMS.run(CLIENT, ["--wire", "--size", &size.to_string()], b"");
                assert_eq!(left.status, 0, "{}", left.err);
                let bits = format!("C: 1 0 0 0 0 0 0 1  {bits}  text, {size} bytes, masked\n");
                assert!(left.err.contains(&bits), "{bits} in {}", left.err);
                assert_eq!(left.err.matches(", in ").count(), if more.is_some() { 2 } else { 0 }, "{}", left.err);
                assert!(more.is_none_or(|more| left.err.contains(&format!("S: {more}\n"))), "{}", left.err);
                let rest = size.saturating_sub(16);
                assert_eq!(left.err.matches(&format!(": and {rest} more\n")).count(), if rest > 0 { 2 } else { 0 });
                assert!(left.text().contains(&format!("received {size} bytes: ")), "{}", left.text());
            });
        }
    });
}

/// Where TCP cuts is chance, and the view does not show it.
#[test]
fn the_view_is_the_same_for_pieces_of_any_size() {
    #[derive(Clone, Default)]
    struct Shown(Arc<Mutex<Vec<u8>>>);
    impl Write for Shown {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    let head = format!("GET / HTTP/1.1\r\nSec-WebSocket-Key: {key}\r\n\r\n");
    let masked = |first: u8, payload: &[u8]| {
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        let sent = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
        [&[first, 0x80 | payload.len() as u8], &mask[..]].concat().into_iter().chain(sent).collect::<Vec<u8>>()
    };
    let long = [&[0x82, 126, 0x01, 0x00][..], &[b'x'; 256]].concat();
    let client = [head.into_bytes(), masked(0x01, b"Hel"), masked(0x80, b"lo"), masked(0x88, b"")].concat();
    let accept = derive_accept_key(key.as_bytes());
    let answer = format!("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: {accept}\r\n\r\n");
    let server = [answer.into_bytes(), long, vec![0x8a, 0, 0x88, 2, 3, 0xe9]].concat();

    let view = |size: usize| {
        let shown = Shown::default();
        let wire = Wire::new(shown.clone());
        for (side, bytes) in [(Side::Client, &client), (Side::Server, &server)] {
            bytes.chunks(size).for_each(|piece| wire.event(side, Event::Bytes(piece)));
            wire.event(side, Event::Fin);
        }
        String::from_utf8(shown.0.lock().unwrap().clone()).unwrap()
    };
    let whole = view(usize::MAX);
    for row in [
        "C: 0 0 0 0 0 0 0 1  1 0 0 0 0 0 1 1  text, 3 bytes, masked\n",
        "C: 1 0 0 0 0 0 0 0  1 0 0 0 0 0 1 0  continuation, 2 bytes, masked\n",
        "C: 37 fa 21 3d  the mask, and nothing to be masked\n",
        "S: 01 00  the length, in 2 more bytes\n",
        "S: and 240 more\n",
        "S: 1 0 0 0 1 0 0 0  0 0 0 0 0 0 1 0  close, 2 bytes\n",
        "   SHA-1:  b3 7a 4f 2c c0 62 4f 16 90 f6 46 06 cf 38 59 45 b2 be c4 ea\n",
    ] {
        assert!(whole.contains(row), "{row} in {whole}");
    }
    for size in [1, 2, 3, 7, 64, 130] {
        assert_eq!(view(size), whole, "in pieces of {size}");
    }
    // Two connections at once are two views, each of which two may share.
    let shown = Shown::default();
    let wire = Wire::new(shown.clone());
    let of = |port: u16| wire.connection([([127, 0, 0, 1], port).into(), ([127, 0, 0, 1], 80).into()]).unwrap();
    for piece in [&[0x81_u8][..], &[2], b"Hi"] {
        [1, 2].iter().for_each(|port| of(*port).event(Side::Server, Event::Bytes(piece)));
    }
    let text = String::from_utf8(shown.0.lock().unwrap().clone()).unwrap();
    let (first, second): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with("S: "));
    assert!(first[1].ends_with("text, 2 bytes"), "{text}");
    assert_eq!(second, first.iter().map(|line| format!("#2 {line}")).collect::<Vec<_>>());
    // A secret in a head is a part of it, also behind the key and as the last field.
    let shown = Shown::default();
    let wire = Wire::new(shown.clone());
    let start = format!("GET / HTTP/1.1\r\nSec-WebSocket-Key: {key}\r\nAuthorization: ");
    for event in [Event::Bytes(start.as_bytes()), Event::Secret(9), Event::Bytes(b"\r\n"), Event::Bytes(&[0x81, 0])] {
        wire.event(Side::Client, event);
    }
    wire.event(Side::Server, Event::Bytes(&server));
    let text = String::from_utf8(shown.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("C: Authorization: ***\\r\\n\nC: \\r\\n\n"), "{text}");
    assert!(text.contains("as the server says") && text.contains("text, 0 bytes"), "{text}");
    // Half a frame at the end is shown as bytes.
    let shown = Shown::default();
    let wire = Wire::new(shown.clone());
    wire.event(Side::Server, Event::Bytes(&[0x81, 5, b'H']));
    wire.event(Side::Server, Event::Fin);
    let text = String::from_utf8(shown.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("S: 0000  81 05 48") && text.ends_with("S: FIN\n"), "{text}");

    let words = |bytes: &[u8]| Frame::read(bytes).unwrap().0.words();
    assert_eq!(words(&masked(0x81, "你好".as_bytes())), "text \"你好\", masked");
    assert_eq!(words(&[0x88, 6, 3, 0xe8, b'b', b'y', b'e', b'!']), "close 1000 \"bye!\"");
    assert_eq!(words(&[0x09, 0]), "ping, to be continued");
    for text in ["", "a", "ab", "abc", "\0\u{7f}~~"] {
        assert_eq!(from_base64(&base64(text.as_bytes())), text.as_bytes());
    }
}

#[test]
fn who_does_not_answer_or_lies_is_named() {
    let (closed, _held) = closed_port();
    let closed = format!("ws://{closed}/");
    let script = |steps: Vec<Step>| script::play(steps).unwrap();
    let head = || vec![Step::HearLine; 7]; // request line, five fields, the empty line
    let answering =
        |text: &str| script(head().into_iter().chain([Step::say(text), Step::Finish, Step::HearEnd]).collect());
    let peers = [
        script(vec![Step::Hold]),
        answering("HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nnope\n"),
        answering(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        ),
        answering("220 mail.test ready\r\n\r\n"),
        answering("HTTP/1.1 101 Swit"),
    ];
    let urls: Vec<String> = peers.iter().map(|peer| format!("ws://{}/", peer.addr())).collect();
    let silent_later = peer(1, |_, mut socket| while socket.read().is_ok() {});
    let no_pong = peer(1, |_, mut socket| {
        let message = socket.read().unwrap();
        socket.send(message).unwrap();
        let _ = socket.get_mut().read_to_end(&mut Vec::new());
    });
    let busy = peer(1, |_, mut socket| {
        let code = tungstenite::protocol::frame::coding::CloseCode::Again;
        socket.close(Some(tungstenite::protocol::CloseFrame { code, reason: "later".into() })).unwrap();
        while socket.read().is_ok() {}
    });
    let cases = [
        (closed.as_str(), "connect to 127.0.0.1:"),
        (&urls[0], "WebSocket handshake with 127.0.0.1:"),
        (&urls[1], "refused with status 404: nope"),
        (&urls[2], "WebSocket handshake with 127.0.0.1:"),
        (&urls[3], "WebSocket handshake with 127.0.0.1:"),
        (&urls[4], "WebSocket handshake with 127.0.0.1:"),
        (&silent_later, "no answer in time"),
        (&no_pong, "no answer in time"),
        (&busy, "wait for the answer: the server closed with 1013 \"later\""),
        (&raw(&[0x82, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), "1048576"),
        (&raw(&[0x81, 0x82, 1, 2, 3, 4, 0, 0]), "WebSocket: "), // masked, by a server
        (&raw(&[0x83, 0]), "WebSocket: "),                      // an opcode that nobody knows
        (&raw(&[0x81, 2, 0xff, 0xff]), "WebSocket"),            // no UTF-8
    ];
    let urls = &urls;
    thread::scope(|scope| {
        for (url, says) in cases {
            scope.spawn(move || {
                let begin = Instant::now();
                // Nobody waits long for the silent ones.
                let patience = if says == "no answer in time" || url == urls[0] { "0.3" } else { "10" };
                PROGRAMS.run(CLIENT, [url, "--timeout", patience], b"").is_error(1, says);
                assert!(begin.elapsed() < LIMIT, "{url}");
            });
        }
        // The chat comes back a few times, and then says why not.
        scope.spawn(|| {
            let left = PROGRAMS.run(CHAT, [&closed, "--attempts", "1"], b"");
            left.is_error(1, "connect to 127.0.0.1:");
            assert!(left.text().starts_with("  attempt 2 in 0."), "{}", left.text());
        });
        scope.spawn(|| PROGRAMS.run(CHAT, [urls[1].as_str()], b"").is_error(1, "refused with status 404"));
    });
}

// ---- 8.2 ----

#[test]
fn the_chat_sends_what_is_typed_and_shows_what_comes() {
    let (running, addr) = server(&[]);
    let out = prints(CHAT, &[&format!("ws://{addr}/")], "one\n你好\n");
    let lines: Vec<&str> = out.lines().collect();
    let received =
        ["  received 21 bytes: \"the server heard: one\"", "  received 24 bytes: \"the server heard: 你好\""];
    assert_eq!(lines, ["  connected", received[0], received[1], "  closed: 1000 \"bye\""]);
    let said: Vec<String> = (0..4).map(|_| running.line()).collect();
    assert_eq!(behind_address(&said[3]), "left: 1000 \"bye\"");
}

pub fn a_lost_connection_is_made_anew_and_a_proper_end_is_one() {
    let url = peer(3, |visit, mut socket| {
        socket.send(format!("visit {visit}").into()).unwrap();
        match visit {
            0 => {} // dropped without a Close
            1 => {
                let code = tungstenite::protocol::frame::coding::CloseCode::Away;
                socket.close(Some(tungstenite::protocol::CloseFrame { code, reason: "stopping".into() })).unwrap();
                while socket.read().is_ok() {}
            }
            _ => {
                assert_eq!(socket.read().unwrap(), Message::text("still here?"));
                let code = tungstenite::protocol::frame::coding::CloseCode::Normal;
                socket.close(Some(tungstenite::protocol::CloseFrame { code, reason: "done".into() })).unwrap();
                while socket.read().is_ok() {}
            }
        }
    });
    let mut chat = Running::start(PROGRAMS.command(CHAT).arg(&url));
    chat.shows("\"visit 2\"");
    chat.type_in("still here?\n");
    let left: Left = chat.end();
    assert_eq!(left.status, 0, "{}", left.text());
    let out = left.text();
    let mut at = 0;
    for part in [
        "  connected\n  received 7 bytes: \"visit 0\"\n  lost: WebSocket",
        "\n  attempt 2 in 0.",
        "\n  connected, after 2 attempts\n  received 7 bytes: \"visit 1\"\n  closed: 1001 \"stopping\"\n  attempt 3 in ",
        "\n  connected, after 3 attempts\n  received 7 bytes: \"visit 2\"\n  closed: 1000 \"done\"\n",
    ] {
        at += out[at..].find(part).unwrap_or_else(|| panic!("no {part:?} behind {at} in {out}")) + part.len();
    }
    assert_eq!(at, out.len());
}

/// The input may end while there is no connection: then the next one is closed at once.
#[test]
fn the_chat_ends_with_its_input_also_without_a_connection() {
    let url = peer(2, |visit, mut socket| {
        if visit == 1 {
            while socket.read().is_ok() {}
        }
    });
    let mut chat = Running::start(PROGRAMS.command(CHAT).arg(&url));
    chat.shows("  lost: WebSocket");
    drop(chat.stdin());
    let left = chat.end();
    assert_eq!((left.status, left.err.as_str()), (0, ""), "{}", left.text());
    assert!(left.text().contains("\n  connected, after 2 attempts\n"), "{}", left.text());
}

pub fn the_tour_hears_every_piece_of_news_once() {
    let out = prints(CHAT, &[], "");
    let news = |text: &str| (1..=5).map(|n| text.matches(&format!("\"news {n} of 5\"")).count()).collect::<Vec<_>>();
    let (first, second) = out.split_once("\nconnect again:\n").unwrap();
    assert_eq!((news(first), news(second)), (vec![1; 5], vec![1; 5]), "{out}");
    assert!(first.contains("\n  closed: 1000 \"that was all\"\n"), "{out}");
    assert!(first.contains("  1000 messages, 10000000 bytes in each direction, in "), "{out}");
    assert!(second.contains("  closed: 1012 \"back soon\"\n  attempt 3 in 0.1 s\n"), "{out}");
}

// ---- all three ----

#[test]
fn wrong_arguments_are_status_2() {
    for program in [CLIENT, CHAT] {
        for (args, says) in [
            (&["http://127.0.0.1/"][..], "ws://"),
            (&["127.0.0.1:8765"], "ws://"),
            (&["ws://"], "\"ws://\": "),
            (&["ws://127.0.0.1:99999/"], "99999"),
            (&["ws://127.0.0.1/#part"], "fragment"),
            (&["--nonsense"], "unexpected argument"),
            (&["--slow=soon"], "not a number of seconds"),
        ] {
            PROGRAMS.run(program, args, b"").is_error(2, says);
        }
        let left = PROGRAMS.run(program, ["ws://127.0.0.1/#part"], b"");
        assert_eq!(left.text().lines().count(), 1, "the usage of another program: {}", left.text());
        let left = PROGRAMS.run(program, ["--help"], b"");
        assert!(left.status == 0 && left.err.is_empty() && left.text().contains("[URL]"), "{}", left.text());
    }
    for (program, args, says) in [
        (CLIENT, &["--size", "1048577"][..], "1048577"),
        (CLIENT, &["--size", "1", "--text", "x"], "cannot be used with"),
        (CHAT, &["--attempts", "0"], "0"),
        (SERVER, &["nonsense"], "nonsense"),
        (SERVER, &["127.0.0.1:99999"], "99999"),
        (SERVER, &["127.0.0.1:0", "127.0.0.1:0"], "unexpected argument"),
    ] {
        PROGRAMS.run(program, args, b"").is_error(2, says);
    }
    let taken = listen();
    PROGRAMS.run(SERVER, [taken.1.to_string()], b"").is_error(1, &format!("listen on {}", taken.1));
}

#[test]
fn a_closed_output_ends_it_quietly() {
    for (name, args) in [(CLIENT, &["--size", "5"][..]), (CHAT, &[]), (SERVER, &["127.0.0.1:0"])] {
        let (program, stdout) = Running::unheard(PROGRAMS.command(name).args(args), Stdio::piped());
        let (line, reader) = first_line(stdout.unwrap());
        close(reader);
        if let Some(addr) = line.strip_prefix("listening on ") {
            // Its next line is about this client, who may hear nothing any more.
            drop(websocket::connect(&format!("ws://{addr}/")));
        }
        let left = program.end();
        assert!(left.status == 0 && !left.err.contains("panicked"), "{name}: {}: {}", left.status, left.err);
    }
}

pub fn the_labs_server_is_one_for_the_client_too() {
    let lab = ws::start(ws::Options::default()).unwrap();
    let out = prints(CHAT, &[&lab.url("/news")], "please\n");
    assert!(out.contains("\"news 1 of 5\""), "{out}");
    assert_eq!(lab.running().server().totals().panics, 0);
}
