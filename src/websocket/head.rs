//! The heads of the handshake: read with a limit and a deadline, before a frame is thought of.
//!
//! ```text
//! C: GET /chat HTTP/1.1\r\n
//!    Host: 127.0.0.1:8765\r\n
//!    Connection: Upgrade\r\n
//!    Upgrade: websocket\r\n
//!    Sec-WebSocket-Version: 13\r\n
//!    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n          16 random bytes in base64
//!    \r\n
//! S: HTTP/1.1 101 Switching Protocols\r\n
//!    Connection: Upgrade\r\n
//!    Upgrade: websocket\r\n
//!    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n   base64(SHA-1(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
//!    \r\n
//!    frames follow, perhaps in the same segment
//! ```
//!
//! RFC 6455 section 4. tungstenite reads a head too, but without a deadline and in 64 reads at most.
//!
//! May use: error.

use super::line::Line;
use crate::error::{Error, Result};
use std::io::{ErrorKind, Read};

/// No head is longer: browsers send about 500 bytes, and cookies 4 KiB each (RFC 6265 section 6.1).
const HEAD: usize = 16 << 10;
/// The first byte of a record that begins TLS (RFC 8446 section 5.1); neither a method nor a version begins with it.
const TLS_HANDSHAKE: u8 = 0x16;

/// Reads until the empty line: the head, and what came behind it.
pub(super) fn read(line: &mut Line, phase: &str) -> Result<(Vec<u8>, Vec<u8>)> {
    let (mut head, mut buffer) = (Vec::new(), [0; 2048]);
    while head.len() <= HEAD {
        let n = match line.read(&mut buffer) {
            Ok(0) => return Err(Error::Closed(phase.to_owned().into())),
            // Line has words of its own for it.
            Err(error) if error.kind() == ErrorKind::TimedOut => return Err(Error::Timeout(phase.to_owned().into())),
            read => read.map_err(Error::io(phase.to_owned()))?,
        };
        let from = head.len().saturating_sub(3); // the end may lie across two reads
        head.extend_from_slice(&buffer[..n]);
        // It would wait for an answer of TLS, and we for an empty line.
        if head[0] == TLS_HANDSHAKE {
            return Err(Error::Protocol(format!("{phase}: this is TLS, and here is none").into()));
        }
        let end = head[from..].windows(4).position(|four| four == b"\r\n\r\n").map(|at| from + at + 4);
        if let Some(end) = end.filter(|end| *end <= HEAD) {
            let rest = head.split_off(end);
            return Ok((head, rest));
        }
    }
    Err(Error::TooLong(phase.to_owned().into(), HEAD))
}
