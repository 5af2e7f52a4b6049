//! The scripted peer keeps to its script and notices a client that does not.

use crate::support;
use netprimer::Error;
use netprimer::lab::script::{Step, play};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Instant;
use support::LIMIT;
use support::sockets::dial;

fn read_all(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_dialogue_goes_as_written() {
    let peer = play([
        Step::say("220 ready\r\n"),
        Step::hear("NOOP\r\n"),
        Step::say("250 ok\r\n"),
        Step::HearLine,
        Step::Finish,
        Step::HearEnd,
    ])
    .unwrap();
    let mut client = dial(peer.addr());
    for piece in ["NO", "OP\r", "\nwhatever", "\n"] {
        client.write_all(piece.as_bytes()).unwrap();
    }
    assert_eq!(read_all(&mut client), "220 ready\r\n250 ok\r\n");
    client.shutdown(Shutdown::Write).unwrap();
    drop(client);
    let wire = peer.wire();
    peer.verdict().unwrap();
    assert!(wire.to_string().ends_with("S: FIN\nC: FIN\n"), "{wire}");
}

#[test]
fn the_first_wrong_byte_is_named() {
    let peer = play([Step::hear("USER me\r\n")]).unwrap();
    let mut client = dial(peer.addr());
    client.write_all(b"USER you\r\n").unwrap();
    let _ = client.read(&mut [0; 1]);
    let error = peer.verdict().unwrap_err().to_string();
    assert!(error.contains("step 1") && error.contains("they differ at byte 5"), "{error}");
}

#[test]
fn a_client_that_leaves_early_is_noticed() {
    let peer = play([Step::say("hello\r\n"), Step::hear("QUIT\r\n")]).unwrap();
    let mut client = dial(peer.addr());
    client.write_all(b"QU").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&mut client), "hello\r\n");
    let error = peer.verdict().unwrap_err().to_string();
    assert!(error.contains("step 2") && error.contains("heard \"QU\""), "{error}");
}

#[test]
fn more_than_was_asked_for_is_noticed() {
    let peer = play([Step::hear("A"), Step::HearEnd]).unwrap();
    let mut client = dial(peer.addr());
    client.write_all(b"AB").unwrap();
    let _ = client.read(&mut [0; 1]);
    assert!(matches!(peer.verdict(), Err(Error::Protocol(_))));
}

#[test]
fn nobody_is_an_error_too() {
    assert!(matches!(play([Step::Hold]).unwrap().verdict(), Err(Error::Invalid(_))));
}

#[test]
fn a_drip_comes_in_pieces_and_ends_with_the_script() {
    let peer = play([Step::Drip(b"slow".to_vec(), 2 * LIMIT)]).unwrap();
    let mut client = dial(peer.addr());
    assert_eq!(client.read(&mut [0; 16]).unwrap(), 1);
    let start = Instant::now();
    drop(peer);
    assert!(start.elapsed() < LIMIT, "a script that waits ends when it is dropped");
}

#[test]
fn a_slam_with_unread_bytes_is_a_reset() {
    let peer = play([Step::hear("first"), Step::say("go"), Step::hear("x"), Step::Slam]).unwrap();
    let mut client = dial(peer.addr());
    client.write_all(b"first").unwrap();
    client.read_exact(&mut [0; 2]).unwrap();
    client.write_all(b"x and more that nobody reads").unwrap();
    // Where the unread bytes came before the close, the peer's system answers with a reset.
    let kind = client.read(&mut [0; 1]).map_err(|error| error.kind());
    assert!(matches!(kind, Err(ErrorKind::ConnectionReset)), "{kind:?}");
    peer.verdict().unwrap();
}

#[test]
fn everyone_who_calls_gets_the_same_play() {
    let peer = play([Step::say("hi")]).unwrap();
    for _ in 0..3 {
        assert_eq!(read_all(&mut dial(peer.addr())), "hi");
    }
    peer.verdict().unwrap();
}
