//! What comes: one request after another from one connection, each within its limits of bytes and of time.
//!
//! ```text
//! POST /post HTTP/1.1\r\n              a target of at most 8 KiB, else 414
//! Host: 127.0.0.1:8080\r\n             at most 100 fields and 64 KiB, else 431; the whole head within ten seconds, else 408
//! Content-Length: 7\r\n                or chunks, never both; at most as much as the limit says, else 413
//! \r\n
//! n=1&m=2                              at least 500 bytes a second, else 408
//! ```
//!
//! RFC 9112 sections 2.2, 3.2, 6.1 to 6.3 and 11.2; RFC 9110 section 10.1.1 (Expect). Whatever two servers could read in
//! two ways is refused with 400, and the connection ends: what comes behind it might be part of it.
//!
//! May use: error, deadline, stream, http.

use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::http::chunked::Dechunker;
use crate::http::head::{self, RequestHead, parse_request};
use crate::lab::http::answer::{Refusal, bad};
use crate::lab::http::{Limits, Request};
use crate::stream::{BoxStream, Stream};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Bytes of a target (RFC 9112 section 3 asks for 8,000 at least).
const TARGET: usize = 8 << 10;
/// The longest method, the two spaces and the version that stand around it.
const AROUND_TARGET: usize = 32;
/// The first byte of a record that begins TLS (RFC 8446 section 5.1); no method begins with it.
const TLS_HANDSHAKE: u8 = 0x16;

/// A connection, and what came on it that nobody has read.
pub(super) struct Incoming {
    pub(super) stream: BoxStream,
    buffer: Vec<u8>,
    peer: SocketAddr,
    connection: u64,
}

pub(super) enum Next {
    Request(Box<Request>),
    /// Not what we take: why, and whether the answer has no body (HEAD). Then comes the end.
    Refused {
        refusal: Refusal,
        head_only: bool,
    },
    /// Nobody wants anything any more.
    End,
}

/// Why no request came of it.
enum Stop {
    Refuse(Refusal),
    End,
    Broken(Error),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Stop {
        Stop::Refuse(refusal)
    }
}

enum Framing {
    Length(usize),
    Chunked,
}

impl Incoming {
    pub(super) fn new(stream: BoxStream, peer: SocketAddr, connection: u64) -> Incoming {
        Incoming { stream, buffer: Vec::new(), peer, connection }
    }

    /// The next request, whole.
    ///
    /// # Errors
    /// Only when the connection is broken: whatever the client does wrong is a refusal.
    pub(super) fn next(&mut self, limits: &Limits) -> Result<Next> {
        let mut head_only = false;
        match self.request(limits, &mut head_only) {
            Ok(request) => Ok(Next::Request(Box::new(request))),
            Err(Stop::Refuse(refusal)) => Ok(Next::Refused { refusal, head_only }),
            Err(Stop::End) => Ok(Next::End),
            Err(Stop::Broken(error)) => Err(error),
        }
    }

    fn request(&mut self, limits: &Limits, head_only: &mut bool) -> std::result::Result<Request, Stop> {
        let head = self.head(limits)?;
        *head_only = head.method == "HEAD";
        check(&head)?;
        let framing = framing(&head)?;
        if matches!(framing, Framing::Length(length) if length > limits.body) {
            return Err(too_large(limits).into());
        }
        if let Some(expected) = head.headers.get("Expect") {
            if !expected.eq_ignore_ascii_case("100-continue") {
                return Err(Refusal(417, "only 100-continue can be expected here".into()).into());
            }
            // Not to those who have sent the body already, and not to HTTP/1.0 (RFC 9110 section 10.1.1).
            if head.minor > 0 && self.buffer.is_empty() && !matches!(framing, Framing::Length(0)) {
                self.stream.set_deadline(Deadline::after(limits.write));
                self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").map_err(broken)?;
            }
        }
        let body = match framing {
            Framing::Length(length) => self.counted(length, limits)?,
            Framing::Chunked => self.chunks(limits)?,
        };
        Ok(Request { head, body, peer: self.peer, connection: self.connection })
    }

    fn head(&mut self, limits: &Limits) -> std::result::Result<RequestHead, Stop> {
        if self.buffer.is_empty() {
            self.stream.set_deadline(Deadline::after(limits.idle));
            match self.more() {
                Ok(0) => return Err(Stop::End),
                Ok(_) => {}
                // Silence between two requests is no mistake.
                Err(Stop::Refuse(_)) => return Err(Stop::End),
                Err(stop) => return Err(stop),
            }
        }
        // It would wait for an answer of TLS, and we for a line end.
        if self.buffer.first() == Some(&TLS_HANDSHAKE) {
            return Err(bad("this is TLS, and here is none: ask with http://").into());
        }
        // One time for all of it: a client that sends a byte now and then must not hold its place.
        self.stream.set_deadline(Deadline::after(limits.head));
        let most = head::Limits::default();
        let long_target = || Refusal(414, format!("a target has at most {TARGET} bytes here").into());
        // Where the line begins that has not ended yet, and how far we have looked for its end. So whoever sends single
        // bytes does not have all of them looked through each time.
        let (mut line, mut seen, mut forgiven) = (0, 0, false);
        loop {
            // One empty line before a request is forgiven (RFC 9112 section 2.2): old clients sent it after a body.
            if !forgiven && self.buffer.starts_with(b"\r\n") {
                self.buffer.drain(..2);
                (line, seen, forgiven) = (0, 0, true);
            }
            let end = self.buffer[seen..].iter().rposition(|byte| *byte == b'\n').map(|at| seen + at);
            line = end.map_or(line, |end| end + 1);
            if line == 0 && self.buffer.len() > TARGET + AROUND_TARGET {
                return Err(long_target().into());
            }
            if end.is_some() || self.buffer.len() - line > most.line || self.buffer.len() > most.head {
                if self.buffer.iter().take_while(|byte| **byte != b'\n').count() > TARGET + AROUND_TARGET {
                    return Err(long_target().into());
                }
                match parse_request(&self.buffer, &most) {
                    Ok(Some((head, _))) if head.target.len() > TARGET => return Err(long_target().into()),
                    Ok(Some((head, used))) => {
                        self.buffer.drain(..used);
                        return Ok(head);
                    }
                    Ok(None) => {}
                    Err(Error::TooLong(what, limit)) => {
                        return Err(Refusal(431, format!("{what}: the limit is {limit}").into()).into());
                    }
                    Err(error) => return Err(bad(error.to_string()).into()),
                }
            }
            seen = self.buffer.len();
            if self.more()? == 0 {
                return match seen {
                    0 => Err(Stop::End),
                    _ => Err(bad("the connection ended in the middle of the head").into()),
                };
            }
        }
    }

    fn counted(&mut self, length: usize, limits: &Limits) -> std::result::Result<Vec<u8>, Stop> {
        let start = Instant::now();
        let mut received = 0;
        // The memory grows with what comes, not with what was announced.
        while self.buffer.len() < length {
            received += self.body_bytes(start, received, limits)?;
        }
        let rest = self.buffer.split_off(length);
        Ok(std::mem::replace(&mut self.buffer, rest))
    }

    fn chunks(&mut self, limits: &Limits) -> std::result::Result<Vec<u8>, Stop> {
        let start = Instant::now();
        let mut wire = 0;
        let (mut body, mut dechunker) = (Vec::new(), Dechunker::default());
        let mut piece = vec![0; 16 << 10];
        loop {
            let (used, got) = match dechunker.feed(&self.buffer, &mut piece) {
                Ok(counts) => counts,
                Err(error) => return Err(bad(error.to_string()).into()),
            };
            self.buffer.drain(..used);
            wire += used;
            body.extend_from_slice(&piece[..got]);
            // The wrapping counts too: a byte to a chunk would be six times the body. Fields may stand behind it.
            if body.len() > limits.body || wire > limits.body.saturating_mul(8).saturating_add(piece.len()) {
                return Err(too_large(limits).into());
            }
            if dechunker.is_done() {
                return Ok(body);
            }
            if self.buffer.is_empty() {
                self.body_bytes(start, wire, limits)?;
            }
        }
    }

    /// More of a body, in the time that so many bytes may take.
    fn body_bytes(&mut self, start: Instant, received: usize, limits: &Limits) -> std::result::Result<usize, Stop> {
        let earned = Duration::from_secs_f64(received as f64 / f64::from(limits.body_rate.max(1)));
        self.stream
            .set_deadline(Deadline::after(limits.body_grace.saturating_add(earned).saturating_sub(start.elapsed())));
        match self.more()? {
            0 => Err(bad("the connection ended in the middle of the body").into()),
            n => Ok(n),
        }
    }

    /// Whatever comes next; 0 at the end of it.
    fn more(&mut self) -> std::result::Result<usize, Stop> {
        let mut piece = [0; 16 << 10];
        let n = self.stream.read(&mut piece).map_err(broken)?;
        self.buffer.extend_from_slice(&piece[..n]);
        Ok(n)
    }
}

fn broken(error: std::io::Error) -> Stop {
    match Error::io("read a request")(error) {
        Error::Timeout(_) => Stop::Refuse(Refusal(408, "this took too long".into())),
        // A client that is gone needs no answer, and its going is no failure of ours.
        error if error.is_transient() => Stop::End,
        error => Stop::Broken(error),
    }
}

fn too_large(limits: &Limits) -> Refusal {
    Refusal(413, format!("a body has at most {} bytes here", limits.body).into())
}

/// What the parser leaves to the server (RFC 9112 section 3.2).
fn check(head: &RequestHead) -> std::result::Result<(), Refusal> {
    let hosts: Vec<&str> = head.headers.all("Host").collect();
    match hosts.as_slice() {
        [] if head.minor == 0 => {}
        [host] if host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]%~".contains(&byte)) => {}
        [_] => return Err(bad("this Host is no name or address")),
        [] => return Err(bad("a request of HTTP/1.1 has a Host field")),
        _ => return Err(bad("a request has one Host field, not several")),
    }
    if head.target.contains('#') {
        return Err(bad("a fragment stays with the client (RFC 9110 section 4.2.5)"));
    }
    Ok(())
}

/// Where the body ends (RFC 9112 section 6.3).
fn framing(head: &RequestHead) -> std::result::Result<Framing, Refusal> {
    let why = |error: Error| bad(error.to_string());
    let length = head.headers.content_length().map_err(why)?;
    match (head.headers.is_chunked().map_err(why)?, length) {
        (true, Some(_)) => Err(bad("both Transfer-Encoding and Content-Length: where does this body end?")),
        (true, None) if head.minor == 0 => Err(bad("HTTP/1.0 knows no Transfer-Encoding")),
        (true, None) => Ok(Framing::Chunked),
        (false, length) => Ok(Framing::Length(usize::try_from(length.unwrap_or(0)).unwrap_or(usize::MAX))),
    }
}
