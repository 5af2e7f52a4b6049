//! The body of an answer, and the four ways to find its end (RFC 9112 section 6.3).
//!
//! ```text
//! none          the answer to HEAD; 1xx, 204, 304
//! a length      Content-Length: 5            Hello
//! chunks        Transfer-Encoding: chunked   5 Hello 0
//! the close     neither                      Hello FIN
//! ```
//!
//! May use: error, deadline, stream, and head, chunked, request and connection of its own folder.

use super::chunked::Dechunker;
use super::connection::{CloseReason, Connection, READ};
use super::head::ResponseHead;
use super::request::Method;
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::stream::Stream;
use std::io::{self, Read};
use std::time::Duration;

/// So much of a body that nobody wants is read to save its connection, and so long: beyond that a new one is cheaper.
const DRAIN: (u64, Duration) = (64 << 10, Duration::from_millis(100));
/// Memory for a body before any of it has come; beyond that it grows with what comes, whatever was declared.
const FIRST: u64 = 64 << 10;

/// How the end of a body is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// There is none, whatever the fields say.
    None,
    /// The head says how many bytes.
    Length(u64),
    /// Each chunk says its size.
    Chunked,
    /// When the server closes.
    UntilClose,
}

/// How the body of this answer to a request with this method ends.
///
/// # Errors
/// [`Error::Protocol`] where the head leaves it open: a length that is no single number, a transfer coding other than
/// `chunked`, chunks from HTTP/1.0, which has none (RFC 9112 section 6.1).
pub fn framing(method: Method, head: &ResponseHead) -> Result<Framing> {
    if method == Method::Head || matches!(head.status, 100..=199 | 204 | 304) {
        return Ok(Framing::None);
    }
    match (head.headers.is_chunked()?, head.headers.content_length()?) {
        (true, _) if head.minor == 0 => Err(Error::Protocol("chunks in an answer of HTTP/1.0".into())),
        (true, _) => Ok(Framing::Chunked),
        (false, Some(length)) => Ok(Framing::Length(length)),
        (false, None) => Ok(Framing::UntilClose),
    }
}

/// A body to be read. It borrows its connection, so the compiler lets nobody ask again before it is read or dropped:
///
/// ```compile_fail,E0499
/// # fn two(url: &str) -> netprimer::Result<()> {
/// let mut client = netprimer::http::Client::new();
/// let first = client.get(url)?;
/// let second = client.get(url)?; // its answer would come after the body of the first
/// first.text()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Body<'c> {
    conn: Lent<'c>,
    framing: Framing,
    rest: Rest,
    // Why the connection must close after it.
    after: Option<CloseReason>,
    limit: u64,
}

/// A connection of a client that will be used again, or of nobody else.
#[derive(Debug)]
pub(super) enum Lent<'c> {
    Borrowed(&'c mut Connection),
    Owned(Box<Connection>),
}

impl Lent<'_> {
    fn get(&mut self) -> &mut Connection {
        match self {
            Lent::Borrowed(conn) => conn,
            Lent::Owned(conn) => conn,
        }
    }
}

#[derive(Debug)]
enum Rest {
    Length(u64),
    Chunks(Dechunker),
    UntilClose,
    Nothing,
    Failed,
}

impl<'c> Body<'c> {
    pub(super) fn new(conn: Lent<'c>, framing: Framing, after: Option<CloseReason>, limit: u64) -> Body<'c> {
        let rest = match framing {
            Framing::None => Rest::Length(0),
            Framing::Length(length) => Rest::Length(length),
            Framing::Chunked => Rest::Chunks(Dechunker::default()),
            Framing::UntilClose => Rest::UntilClose,
        };
        let mut body = Body { conn, framing, rest, after, limit };
        // Also for a body that is forgotten: its bytes must not be taken for the next answer.
        body.conn.get().closing = after.or(Some(CloseReason::BodyNotRead));
        if matches!(body.rest, Rest::Length(0)) {
            body.end();
        }
        body
    }

    /// How its end is found.
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// How long it is, where the head says so.
    pub fn length(&self) -> Option<u64> {
        match self.framing {
            Framing::None => Some(0),
            Framing::Length(length) => Some(length),
            _ => None,
        }
    }

    /// Whether its end, once read, is sure to be the end. It is not where the server just closes on plain TCP: nobody can tell
    /// that from a broken line. (TLS marks the close.)
    pub fn is_certain(&mut self) -> bool {
        self.framing != Framing::UntilClose || self.conn.get().marks_its_end()
    }

    /// The whole body.
    ///
    /// # Errors
    /// [`Error::TooLong`] past the limit of the client's options; [`Error::Closed`] when the body is cut short, over TLS also
    /// [`Error::Io`]; [`Error::Timeout`]; [`Error::Protocol`] for chunks that are none.
    pub fn bytes(mut self) -> Result<Vec<u8>> {
        let limit = self.limit;
        let too_long = || Error::TooLong("read the body".into(), usize::try_from(limit).unwrap_or(usize::MAX));
        let declared = self.length().unwrap_or(0);
        if declared > limit {
            return Err(too_long());
        }
        let mut bytes = Vec::with_capacity(usize::try_from(declared.min(FIRST)).unwrap_or(0));
        let most = limit.saturating_add(1);
        self.by_ref().take(most).read_to_end(&mut bytes).map_err(Error::io("read the body"))?;
        if bytes.len() as u64 == most { Err(too_long()) } else { Ok(bytes) }
    }

    fn end(&mut self) {
        self.rest = Rest::Nothing;
        let surplus = !self.conn.get().unread().is_empty();
        self.conn.get().closing = self.after.or(surplus.then_some(CloseReason::Surplus));
    }

    fn read_some(&mut self, out: &mut [u8]) -> Result<usize> {
        let phase = "read the body";
        let conn = self.conn.get();
        let (got, over) = match &mut self.rest {
            _ if out.is_empty() => (0, false),
            Rest::Nothing => (0, false),
            Rest::Failed => return Err(Error::Closed("read the body further, after an error".into())),
            Rest::UntilClose => {
                let n = conn.read(out).map_err(Error::io(phase))?;
                (n, n == 0)
            }
            Rest::Length(left) => {
                // The end of it by way of the buffer: what comes with it and is too much is seen there.
                if conn.unread().is_empty() && *left <= READ as u64 {
                    conn.fill().map_err(Error::io(phase))?;
                }
                let most = usize::try_from(*left).map_or(out.len(), |left| left.min(out.len()));
                let n = conn.read(&mut out[..most]).map_err(Error::io(phase))?;
                *left -= n as u64;
                if n == 0 {
                    return Err(Error::Closed(format!("read the body, {left} bytes before its end").into()));
                }
                (n, *left == 0)
            }
            Rest::Chunks(chunks) => loop {
                if conn.unread().is_empty() && conn.fill().map_err(Error::io(phase))? == 0 {
                    return Err(Error::Closed("read the body, before its last chunk".into()));
                }
                let (used, got) = chunks.feed(conn.unread(), out)?;
                conn.take(used);
                if got > 0 || chunks.is_done() {
                    break (got, chunks.is_done());
                }
            },
        };
        if over {
            self.end();
        }
        Ok(got)
    }
}

/// Errors come out as [`io::Error`] with ours inside, which [`Error::io`] finds again. An end that comes too early is an error.
impl Read for Body<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.read_some(out);
        if read.is_err() {
            self.rest = Rest::Failed;
            self.conn.get().closing = Some(CloseReason::Failed);
        }
        Ok(read?)
    }
}

/// What was not read is read now if it is little, so that the connection can be used again.
impl Drop for Body<'_> {
    fn drop(&mut self) {
        let much = self.length().is_some_and(|length| length > DRAIN.0);
        if self.after.is_none() && !much && matches!(self.rest, Rest::Length(_) | Rest::Chunks(_)) {
            let conn = self.conn.get();
            conn.stream.set_deadline(conn.deadline.earlier(Deadline::after(DRAIN.1)));
            // If it fails, that is put down as the reason to close.
            let _ = io::copy(&mut self.take(DRAIN.0), &mut io::sink());
        }
    }
}
