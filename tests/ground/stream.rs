//! A connection below all protocols: that every wait ends, and the two ends.

use netprimer::stream::{Stream, Tcp, close, connect, connect_any, resolve};
use netprimer::{Deadline, Error};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
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
    for host in ["", "a b", "a\0b", "a\r\nb", "\u{1b}[2J"] {
        let error = resolve(host, 1, Deadline::NEVER).unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{host:?}");
        assert!(!error.to_string().contains(char::is_control), "{host:?} reaches the terminal as it is");
    }
}

#[test]
fn no_time_left_is_told_with_the_address_too() {
    let address = "127.0.0.1:9".parse().unwrap();
    let error = connect_any(&[address], Deadline::after(Duration::ZERO)).unwrap_err();
    assert!(matches!(&error, Error::Timeout(phase) if phase == "connect to 127.0.0.1:9"), "{error:?}");
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

#[test]
fn a_drip_does_not_outlive_the_deadline() {
    let (mut ours, mut peer) = pair();
    let drip = thread::spawn(move || {
        let timer = mpsc::channel::<()>().1; // never hears anything: a clock that ticks
        while peer.write_all(b".").is_ok() {
            let _ = timer.recv_timeout(Duration::from_millis(20));
        }
    });
    let start = Instant::now();
    ours.set_deadline(Deadline::after(Duration::from_millis(300)));
    let error = loop {
        match ours.read(&mut [0; 1]) {
            Ok(n) => assert_eq!(n, 1),
            Err(error) => break Error::io("read")(error),
        }
    };
    assert!(matches!(error, Error::Timeout(_)), "{error:?}");
    assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
    drop(ours);
    drip.join().unwrap();
}

#[test]
fn a_reader_that_never_reads_does_not_hold_the_writer() {
    let (mut ours, _peer) = pair();
    ours.set_deadline(Deadline::after(Duration::from_millis(200)));
    let error = Error::io("write")(ours.write_all(&vec![0; 64 << 20]).unwrap_err());
    assert!(matches!(error, Error::Timeout(_)), "{error:?}");
}

#[test]
fn patience_is_for_one_read_and_can_be_lifted() {
    let (mut ours, mut peer) = pair();
    ours.set_patience(Some(Duration::from_millis(50)));
    assert!(ours.read(&mut [0; 1]).is_err());
    ours.set_patience(Some(Duration::ZERO));
    ours.set_deadline(Duration::from_secs(20).into());
    let start = Instant::now();
    assert!(ours.read(&mut [0; 1]).is_err());
    assert!(start.elapsed() < Duration::from_secs(10), "none is no patience without end");
    ours.set_deadline(Duration::from_millis(50).into());
    assert!(ours.read(&mut [0; 1]).is_err());
    let writer = later(&peer, Duration::from_millis(300));
    ours.set_deadline(Deadline::NEVER);
    ours.set_patience(Some(Duration::MAX));
    assert_eq!(ours.read(&mut [0; 1]).unwrap(), 1, "all the patience there is outlives what the kernel was told last");
    writer.join().unwrap();
    ours.set_patience(None);
    peer.write_all(b"x").unwrap();
    assert_eq!(ours.read(&mut [0; 1]).unwrap(), 1);
}

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

// ---- the two ends ----

#[test]
fn another_thread_can_end_a_read_that_waits() {
    let (mut ours, _peer) = pair();
    let closer = ours.closer();
    let reader = thread::spawn(move || ours.read(&mut [0; 1]).map(|n| (n, ours)));
    closer.upgrade().unwrap().shutdown(Shutdown::Both).unwrap();
    let (n, ours) = reader.join().unwrap().unwrap();
    assert_eq!(n, 0);
    drop(ours);
    assert!(closer.upgrade().is_none(), "a closer alone keeps nothing open");
}

#[test]
fn late_words_up_to_the_limit_are_dropped() {
    for (more, sound) in [(0, true), (1, false)] {
        let (mut ours, mut peer) = pair();
        ours.set_deadline(Duration::from_secs(20).into());
        let talks = thread::spawn(move || drop(peer.write_all(&vec![b'x'; (1 << 20) + more])));
        assert_eq!(close(ours).is_ok(), sound, "1 MiB and {more}");
        talks.join().unwrap();
    }
}

#[test]
fn half_a_close_leaves_the_way_back_open() {
    let (mut ours, mut peer) = pair();
    ours.finish().unwrap();
    assert_eq!(peer.read(&mut [0; 1]).unwrap(), 0);
    peer.write_all(b"still here").unwrap();
    drop(peer);
    let mut text = String::new();
    ours.read_to_string(&mut text).unwrap();
    assert_eq!(text, "still here");
}
