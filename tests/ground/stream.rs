//! A connection below all protocols: what the unit tests beside it have no room for.

use netprimer::Error;
use netprimer::stream::{Stream, connect};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

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

#[test]
fn what_has_come_unasked_is_noticed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut ours = connect("127.0.0.1", port, Duration::from_secs(5).into()).unwrap();
    let mut peer = listener.accept().unwrap().0;
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
