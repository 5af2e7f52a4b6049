//! A solution of exercise 2.4. Yours may look different: the checker sees only the wire and the result.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// So long one try waits for its answer ...
const WAIT: Duration = Duration::from_millis(300);
/// ... and so many tries each part has.
const TRIES: u32 = 3;
/// No datagram is longer: its length field has 16 bits (RFC 768).
const MORE_THAN_ANY: usize = 65_535;
/// A text may have so many parts: a server that never ends must not fill our memory.
const PARTS: u32 = 1_000;

/// Fetches all parts from the server and returns them as one.
pub fn ask(server: SocketAddr) -> io::Result<Vec<u8>> {
    let socket = UdpSocket::bind(if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
    socket.connect(server)?; // from now on the kernel drops what strangers send
    let mut text = Vec::new();
    for number in 1..=PARTS {
        let part = fetch(&socket, number)?;
        if part.is_empty() {
            return Ok(text);
        }
        text.extend(part);
    }
    Err(io::Error::new(ErrorKind::InvalidData, "this text has no end"))
}

fn fetch(socket: &UdpSocket, number: u32) -> io::Result<Vec<u8>> {
    for _ in 0..TRIES {
        socket.send(number.to_string().as_bytes())?;
        if let Some(part) = answer(socket, number)? {
            return Ok(part);
        }
    }
    Err(ErrorKind::TimedOut.into())
}

/// Waits for the answer to this question, and drops all others. The time of a try is fixed once: what we drop does not
/// stretch it.
fn answer(socket: &UdpSocket, number: u32) -> io::Result<Option<Vec<u8>>> {
    let end = Instant::now() + WAIT;
    let start = format!("{number} ");
    let mut buffer = [0; MORE_THAN_ANY];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        socket.set_read_timeout(Some(left))?;
        match socket.recv(&mut buffer) {
            Ok(n) => {
                if let Some(part) = buffer[..n].strip_prefix(start.as_bytes()) {
                    return Ok(Some(part.to_vec()));
                }
            }
            // Silence is WouldBlock on Unix and TimedOut on Windows: what is left of the time says what to do.
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
            Err(e) => return Err(e),
        }
    }
}
