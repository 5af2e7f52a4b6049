//! A body in chunks: for a sender that does not know the length when it begins. No sockets here.
//!
//! ```text
//! 5\r\n                 the size of a chunk, in hexadecimal; after a semicolon an extension may follow
//! Hello\r\n             its data, and a line end that does not count
//! 0\r\n                 a chunk of nothing: the last
//! Checked: yes\r\n      fields after the body, if any (trailers; checked and dropped here)
//! \r\n                  an empty line ends it all
//! ```
//!
//! RFC 9112 section 7.1. Strict, because whoever counts differently sees another request inside the data.
//!
//! May use: error, and head of its own folder.

use super::head::{field, wrong};
use crate::error::{Error, Result};

/// Bytes of a line with a size: 16 digits, and extensions, which nobody uses and some attackers stretch (RFC 9112 section 7.1.1).
const SIZE_LINE: usize = 4 << 10;
/// Bytes and number of the fields after the body.
const TRAILERS: (usize, usize) = (16 << 10, 64);

/// The chunk that ends a body, without trailers.
pub const LAST: &[u8] = b"0\r\n\r\n";

/// One chunk with this data, ready to be sent. No data gives no chunk: a chunk of nothing would be the [`LAST`].
///
/// ```
/// assert_eq!(netprimer::http::chunked::chunk(b"Hello"), b"5\r\nHello\r\n");
/// ```
pub fn chunk(data: &[u8]) -> Vec<u8> {
    match data {
        [] => Vec::new(),
        data => [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat(),
    }
}

/// Takes a body out of its chunks.
///
/// ```
/// let mut dechunker = netprimer::http::chunked::Dechunker::default();
/// let mut data = [0; 64];
/// let (used, got) = dechunker.feed(b"5\r\nHello\r\n0\r\n\r\nHTTP/1.1 200 OK", &mut data)?;
/// assert_eq!((used, &data[..got], dechunker.is_done()), (15, &b"Hello"[..], true));
/// # Ok::<(), netprimer::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Dechunker {
    next: Next,
    line: Vec<u8>,
    // Bytes and number of the trailers so far.
    trailers: (usize, usize),
}

/// What must come next.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Next {
    #[default]
    Size,
    Data(u64),
    DataEnd,
    Trailer,
    Nothing,
}

impl Dechunker {
    /// Whether the body is complete: nothing more is taken.
    pub fn is_done(&self) -> bool {
        self.next == Next::Nothing
    }

    /// Takes bytes of the wire and puts data into `output`: how many were taken, and how many put. It stops when either
    /// is used up, or when the body is complete: what follows belongs to the next answer.
    ///
    /// # Errors
    /// [`Error::Protocol`] for a size that is no hexadecimal number of 64 bits, a line that does not end with CRLF, data longer
    /// than its size, a trailer that is no field; [`Error::TooLong`] past a limit. After an error it must not be fed again.
    pub fn feed(&mut self, input: &[u8], output: &mut [u8]) -> Result<(usize, usize)> {
        let (mut used, mut got) = (0, 0);
        while used < input.len() && !self.is_done() {
            let rest = &input[used..];
            if let Next::Data(left) = self.next {
                let room = rest.len().min(output.len() - got);
                let n = usize::try_from(left).map_or(room, |left| left.min(room));
                if n == 0 {
                    break;
                }
                output[got..got + n].copy_from_slice(&rest[..n]);
                (used, got) = (used + n, got + n);
                self.next = if left == n as u64 { Next::DataEnd } else { Next::Data(left - n as u64) };
                continue;
            }
            let end = rest.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            let piece = &rest[..end.unwrap_or(rest.len())];
            self.check_room(piece)?;
            self.line.extend_from_slice(piece);
            used += piece.len();
            if self.next == Next::DataEnd && !b"\r\n".starts_with(&self.line) {
                return Err(wrong("a chunk is longer than its size says", piece));
            }
            if end.is_some() {
                self.end_line()?;
            }
        }
        Ok((used, got))
    }

    fn check_room(&self, piece: &[u8]) -> Result<()> {
        let length = self.line.len() + piece.len();
        match self.next {
            Next::Size if length > SIZE_LINE => Err(Error::TooLong("read the size of a chunk".into(), SIZE_LINE)),
            Next::Trailer if self.trailers.0 + length > TRAILERS.0 => {
                Err(Error::TooLong("read the fields after the body".into(), TRAILERS.0))
            }
            _ => Ok(()),
        }
    }

    fn end_line(&mut self) -> Result<()> {
        let line = std::mem::take(&mut self.line);
        let bad = || wrong("a line between chunks ends with LF alone", &line);
        self.next = match (self.next, line.strip_suffix(b"\r\n").ok_or_else(bad)?) {
            (Next::Size, text) => match size(text)? {
                0 => Next::Trailer,
                n => Next::Data(n),
            },
            (Next::DataEnd, _) => Next::Size, // CRLF alone: all else was refused above
            (_, []) => Next::Nothing,
            (_, text) => {
                field(text)?;
                self.trailers = (self.trailers.0 + line.len(), self.trailers.1 + 1);
                if self.trailers.1 > TRAILERS.1 {
                    return Err(Error::TooLong("count the fields after the body".into(), TRAILERS.1));
                }
                Next::Trailer
            }
        };
        Ok(())
    }
}

/// The number at the start of a line with a size.
fn size(line: &[u8]) -> Result<u64> {
    let bad = || wrong("this is no size of a chunk", line);
    let semicolon = line.iter().position(|byte| *byte == b';');
    let digits = semicolon.map_or(line, |at| line[..at].trim_ascii_end());
    if digits.is_empty() || line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return Err(bad());
    }
    digits.iter().try_fold(0u64, |size, byte| {
        let digit = char::from(*byte).to_digit(16).ok_or_else(bad)?;
        Ok(size.checked_mul(16).ok_or_else(bad)? | u64::from(digit))
    })
}
