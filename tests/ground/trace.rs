//! What a trace shows, and what it must never show.

use netprimer::stream::{self, BoxStream, Stream, Tcp};
use netprimer::trace::{Event, Live, Side, Sink, Traced, Transcript, show};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn watched() -> (Traced<Tcp>, TcpStream, Transcript) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let transcript = Transcript::new();
    let ours = stream::connect("127.0.0.1", port, Duration::from_secs(5).into()).unwrap();
    (Traced::new(ours, Side::Client, Arc::new(transcript.clone())), listener.accept().unwrap().0, transcript)
}

#[test]
fn both_directions_and_both_ends_are_seen() {
    let (mut ours, mut peer, transcript) = watched();
    ours.write_all(b"hello\r\n").unwrap();
    ours.finish().unwrap();
    ours.finish().unwrap(); // changes nothing
    peer.read_to_end(&mut Vec::new()).unwrap(); // closing with unread bytes would be a reset
    peer.write_all("你好".as_bytes()).unwrap();
    drop(peer);
    let mut answer = String::new();
    ours.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "你好");
    assert_eq!(ours.read(&mut [0; 8]).unwrap(), 0, "an end that is read twice is still one end");
    assert_eq!(transcript.to_string(), "C: hello\\r\\n\nC: FIN\nS: 你好\nS: FIN\n");
}

#[test]
fn a_reset_is_seen_once_and_time_that_ran_out_is_none() {
    let (mut ours, mut peer, transcript) = watched();
    ours.set_deadline(Duration::from_millis(10).into());
    assert!(ours.read(&mut [0; 1]).is_err());
    assert_eq!(transcript.to_string(), "");
    ours.set_deadline(Duration::from_secs(5).into());
    ours.write_all(b"unread").unwrap();
    peer.read_exact(&mut [0; 1]).unwrap();
    drop(peer); // with unread bytes: a reset
    assert!(ours.read(&mut [0; 1]).is_err());
    assert!(ours.write(b"x").is_err());
    assert_eq!(transcript.to_string(), "C: unread\nS: reset\n");
}

#[test]
fn a_secret_leaves_no_trace_of_itself() {
    let (mut ours, _peer, transcript) = watched();
    ours.write_all(b"USER me\r\n").unwrap();
    ours.secret(true);
    ours.write_all(b"PASS hunter2\r\n").unwrap();
    ours.secret(false);
    ours.write_all(b"NOOP\r\n").unwrap();
    assert_eq!(transcript.to_string(), "C: USER me\\r\\n\nC: ***\nC: NOOP\\r\\n\n");
    assert!(!format!("{transcript:?} {ours:?}").contains("hunter2"));
    assert_eq!(transcript.sent_by(Side::Client), b"USER me\r\nNOOP\r\n");
}

#[test]
fn a_trace_above_and_below_a_box_see_the_same() {
    let (below, mut peer, low) = watched();
    let high = Transcript::new();
    let boxed: BoxStream = Box::new(below);
    let mut above = Traced::new(boxed, Side::Client, Arc::new(high.clone()));
    above.write_all(b"abc").unwrap();
    assert_eq!(peer.read(&mut [0; 8]).unwrap(), 3);
    assert_eq!(low.to_string(), high.to_string());
}

#[test]
fn pieces_are_kept_and_turns_are_joined() {
    let transcript = Transcript::new();
    for piece in ["a", "b"] {
        transcript.event(Side::Server, Event::Bytes(piece.as_bytes()));
    }
    transcript.event(Side::Client, Event::Bytes(b"c"));
    assert_eq!(transcript.pieces().len(), 3);
    assert_eq!(transcript.turns().len(), 2);
    assert_eq!(transcript.to_string(), "S: ab\nC: c\n");
}

#[test]
fn no_line_is_wider_than_a_terminal() {
    let mut all: Vec<u8> = (0..=255).collect();
    all.resize(70_000, b'x');
    for bytes in [all.as_slice(), &[b'a'; 200], "好".repeat(80).as_bytes()] {
        let shown = show(Side::Client, Event::Bytes(bytes));
        let columns = |line: &str| line.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum::<usize>();
        assert!(shown.lines().all(|line| columns(line) <= 76), "{shown}");
    }
}

#[test]
fn a_live_trace_shows_an_escape_sequence_as_bytes() {
    let shown = show(Side::Server, Event::Bytes(b"\x1b[2J"));
    assert!(shown.contains("1b 5b 32 4a") && !shown.contains('\x1b'), "{shown}");
}

/// What is written here can be read by the test.
#[derive(Clone, Default)]
struct Shown(Arc<Mutex<Vec<u8>>>);

impl Write for Shown {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn connections_are_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (shown, addr) = (Shown::default(), listener.local_addr().unwrap());
    let sink: Arc<dyn Sink> = Arc::new(Live::named("data ", shown.clone()));
    let tcp = || stream::connect("127.0.0.1", addr.port(), Duration::from_secs(5).into()).unwrap();
    let (mut first, mut second) = (tcp(), Traced::new(tcp(), Side::Client, sink.clone()));
    // Two who share a connection, as a reader and a writer do, or one who watches above its TLS.
    let mut shared = Traced::new(first.share(), Side::Client, sink.clone());
    let _later = Traced::new(tcp(), Side::Client, sink.clone());
    second.write_all(b"a\n").unwrap();
    shared.write_all(b"b\n").unwrap();
    first.set_deadline(Duration::from_secs(5).into());
    Traced::new(first, Side::Client, sink).write_all(b"c\n").unwrap();
    second.write_all(b"d\n").unwrap();
    let text = String::from_utf8(shown.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text, "data C: a\\n\ndata #2 C: b\\n\ndata #2 C: c\\n\ndata C: d\\n\n");
}
