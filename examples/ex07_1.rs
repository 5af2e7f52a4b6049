//! Exercise 7.1: read a name of DNS, follow its pointers, and refuse a circle (lessons/07_1_dns.md). 15 to 30 minutes.
//!
//! ```text
//! C: 12 34 01 00 00 01 00 00 00 00 00 00  3 w w w 7 e x a m p l e 4 t e s t 0  00 05 00 01
//!                           which alias has www.example.test?
//! S: 12 34 81 80 00 01 00 01 00 00 00 00  3 w w w 7 e x a m p l e 4 t e s t 0  00 05 00 01
//!    c0 0c  00 05 00 01 00 00 00 3c 00 06  3 a p i c0 10
//!                           www.example.test (pointer to byte 12) has the alias api + what stands at byte 16
//! ```
//!
//! The result is the target of the last alias, as text: `api.example.test`. All but reading a name is written already.
//!
//! A byte from 1 to 63 is the length of a label, 0 ends the name, and 192 or more begins a pointer: two bytes, whose lower
//! fourteen bits say at which byte of the message the name goes on. A pointer must lead back, to before the place where the
//! labels began that were read just now. A name has at most 255 bytes with all its lengths and the 0; as text that is 253.
//! What is cut, too long, reserved, or leads elsewhere is an error, and never a panic.
//!
//! ```text
//! cargo run --example ex07_1                checks your client
//! cargo run --example ex07_1 -- hint        gives the next hint of three
//! cargo run --example ex07_1 -- run [ADDR]  asks a name server at 127.0.0.1:8888, or at ADDR; the lesson has one to try
//! ```

use netprimer::check::{self, Peer, ex07_1};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::time::Duration;

/// The name that begins at byte `start`, and the place behind it: where the message goes on.
#[allow(unused_variables)] // until you use them
fn name(message: &[u8], start: usize) -> io::Result<(Vec<u8>, usize)> {
    todo!("labels to the 0, or on where a pointer leads")
}

/// The header: an id, the flags (recursion desired), one question, and nothing else. The question: which alias has
/// www.example.test? (A real client draws each id at random, and compares it: see the lesson.)
const QUESTION: &[u8] =
    b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x04test\x00\x00\x05\x00\x01";
/// A reply without EDNS is no longer (RFC 1035 section 4.2.1).
const LONGEST: usize = 512;

/// Asks the name server and returns the target of the last alias in its reply.
fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let socket = UdpSocket::bind(if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    socket.send(QUESTION)?;
    let mut reply = [0; LONGEST];
    let n = socket.recv(&mut reply)?;
    last_target(&reply[..n])
}

/// Walks through a reply, from name to name (RFC 1035 section 4.1).
fn last_target(message: &[u8]) -> io::Result<Vec<u8>> {
    let aliases = number(message, 6)?;
    let (mut target, mut at) = name(message, 12)?; // the question, behind the header
    at += 4; // its type and its class
    for _ in 0..aliases {
        let (_, behind) = name(message, at)?; // the owner, then type, class and TTL: 8 bytes
        let length = number(message, behind + 8)?;
        (target, _) = name(message, behind + 10)?;
        at = behind + 10 + length;
    }
    Ok(target)
}

/// Two bytes, the upper one first.
fn number(message: &[u8], at: usize) -> io::Result<usize> {
    let bytes = message.get(at..).and_then(|rest| rest.first_chunk()).ok_or(ErrorKind::InvalidData)?;
    Ok(usize::from(u16::from_be_bytes(*bytes)))
}

fn main() -> ExitCode {
    check::main(&ex07_1::EXERCISE, &Peer::Client(ask))
}
