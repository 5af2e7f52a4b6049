//! A solution of exercise 2.3. Yours may look different: the checker sees only the wire.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Write};
use std::net::UdpSocket;

/// No datagram is longer: its length field has 16 bits (RFC 768).
const MORE_THAN_ANY: usize = 65_535;
/// Anybody can invent senders. When so many are known, all are forgotten: better than a memory that strangers fill.
const SENDERS: usize = 10_000;

/// Answers every datagram of every sender with its number and its length, and never returns.
pub fn serve(socket: UdpSocket) -> io::Result<()> {
    let mut numbers = HashMap::new();
    let mut buffer = [0; MORE_THAN_ANY];
    loop {
        let (n, from) = match socket.recv_from(&mut buffer) {
            Ok(arrived) => arrived,
            // On Windows: an earlier answer found its client gone. That is not about this datagram.
            Err(e) if matches!(e.kind(), ErrorKind::ConnectionReset | ErrorKind::Interrupted) => continue,
            Err(e) => return Err(e),
        };
        if buffer[..n].starts_with(b"=") {
            continue; // an answer: two servers that answer answers never stop
        }
        if numbers.len() >= SENDERS {
            numbers.clear();
        }
        let number = numbers.entry(from).or_insert(0_u64);
        *number += 1;
        // One client that cannot be reached is no reason to leave the others.
        if let Err(e) = socket.send_to(format!("={number} {n}").as_bytes(), from) {
            let _ = writeln!(io::stderr(), "{from} cannot be answered: {e}");
        }
    }
}
