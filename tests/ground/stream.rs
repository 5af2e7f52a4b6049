//! A connection below all protocols: what the unit tests beside it have no room for.

use netprimer::stream::{Stream, Tcp, connect, resolve};
use netprimer::{Deadline, Error};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

fn pair() -> (Tcp, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let ours = connect("127.0.0.1", port, Duration::from_secs(5).into()).unwrap();
    (ours, listener.accept().unwrap().0)
}

// ---- connecting ----

#[test]
fn a_closed_port_is_refused_and_named() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = connect("127.0.0.1", port, Duration::from_secs(5).into()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
}

#[test]
fn names_that_cannot_be_are_refused_without_a_packet() {
    let label = format!("{}.test", "a".repeat(64));
    for host in [label.as_str(), "a..b"] {
        let error = resolve(host, 1, Duration::from_secs(5).into()).unwrap_err();
        assert!(error.to_string().starts_with(&format!("look up {host}")), "{error}");
    }
    for host in ["", "a b", "a\0b", "a\r\nb"] {
        assert!(matches!(resolve(host, 1, Deadline::NEVER), Err(Error::Invalid(_))), "{host:?}");
    }
}

#[test]
fn numbers_need_no_lookup() {
    let six: SocketAddr = "[::1]:9".parse().unwrap();
    assert_eq!(resolve("::1", 9, Deadline::after(Duration::ZERO)).unwrap(), [six]);
    assert_eq!(resolve("[::1]", 9, Deadline::after(Duration::ZERO)).unwrap(), [six]);
}

#[test]
fn localhost_is_tried_address_by_address() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let tcp = connect("localhost", port, Duration::from_secs(5).into()).unwrap();
    assert_eq!(tcp.peer_addr().unwrap().port(), port);
}

#[test]
fn a_full_backlog_is_a_timeout() {
    // Linux leaves a SYN unanswered when the queue is full, as a firewall that drops would.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let deadline = Duration::from_millis(300);
    let mut held = Vec::new();
    let error = loop {
        match connect("127.0.0.1", port, deadline.into()) {
            Ok(tcp) => held.push(tcp),
            Err(error) => break error,
        }
        assert!(held.len() < 10_000, "this backlog has no end");
    };
    assert!(cfg!(not(target_os = "linux")) || matches!(error, Error::Timeout(_)), "{error:?}");
}

// ---- time ----

/// How long this took, and that it ended because the time was over.
fn timed(call: impl FnOnce() -> io::Result<()>) -> Duration {
    let start = Instant::now();
    let error = Error::io("wait")(call().unwrap_err());
    assert!(matches!(&error, Error::Timeout(phase) if phase == "wait"), "who waited says what for: {error:?}");
    start.elapsed()
}

/// Writes a byte after this time.
fn later(peer: &TcpStream, time: Duration) -> thread::JoinHandle<()> {
    let mut peer = peer.try_clone().unwrap();
    let timer = mpsc::channel::<()>().1; // never hears anything: a clock
    thread::spawn(move || {
        let _ = timer.recv_timeout(time);
        peer.write_all(b"x").unwrap();
    })
}

pub fn each_deadline_counts_whatever_the_one_before_was() {
    const LONG: Duration = Duration::from_secs(100);
    const SHORT: Duration = Duration::from_millis(150);
    const MUCH: Duration = Duration::from_secs(20); // less than half of LONG, and room for a busy machine
    let (mut ours, mut peer) = pair();
    let mut byte = [0];
    peer.write_all(b"x").unwrap();
    ours.set_deadline(LONG.into());
    ours.read_exact(&mut byte).unwrap();

    ours.set_deadline(SHORT.into());
    let took = timed(|| ours.read_exact(&mut byte));
    assert!((SHORT..MUCH).contains(&took), "a short one after a long one: {took:?}");
    assert!(timed(|| ours.read_exact(&mut byte)) < MUCH, "it is over, and stays so");

    for deadline in [LONG.into(), Deadline::NEVER] {
        ours.set_deadline(deadline);
        let late = later(&peer, 3 * SHORT);
        ours.read_exact(&mut byte).expect("there was time");
        late.join().unwrap();
    }

    ours.set_deadline(LONG.into());
    ours.set_patience(Some(SHORT));
    let took = timed(|| ours.read_exact(&mut byte));
    assert!((SHORT..MUCH).contains(&took), "each read has its patience: {took:?}");
    ours.set_deadline((3 * SHORT).into());
    ours.set_patience(Some(LONG));
    let took = timed(|| ours.read_exact(&mut byte));
    assert!((3 * SHORT..MUCH).contains(&took), "patience is longer than the deadline: {took:?}");

    ours.set_patience(None);
    ours.set_deadline(LONG.into());
    ours.write_all(b"x").unwrap();
    ours.set_deadline(SHORT.into());
    let took = timed(|| ours.write_all(&vec![0; 64 << 20]));
    assert!((SHORT..MUCH).contains(&took), "a write: {took:?}");
}

// ---- what lies there ----

#[test]
fn what_has_come_unasked_is_noticed() {
    let (mut ours, mut peer) = pair();
    ours.set_deadline(Duration::from_secs(5).into());
    assert!(ours.is_quiet());
    peer.write_all(b"x").unwrap();
    assert_eq!(ours.socket().peek(&mut [0]).unwrap(), 1, "waits until it is here");
    assert!(!ours.is_quiet());
    assert_eq!(ours.read(&mut [0; 9]).unwrap(), 1);
    assert!(ours.is_quiet());
    drop(peer);
    assert_eq!(ours.socket().peek(&mut [0]).unwrap(), 0);
    assert!(!ours.is_quiet(), "an end is no answer either");
}
