//! One connection, one turn after the other: a request, and the head of its answer.
//!
//! RFC 9112 section 9; interim answers (1xx) RFC 9110 section 15.2. May use: error, deadline, stream, dial, and head, url, request and body of its own folder.

use super::body::{Framing, framing};
use super::head::{Limits, ResponseHead, parse_response, wrong};
use super::request::Call;
use super::url::{Url, write_head};
use crate::deadline::Deadline;
use crate::dial::Dial;
use crate::error::{Error, Result};
use crate::stream::{BoxStream, Stream};
use std::io::{self, Read, Write};

/// A body up to this size travels in one write with its head: one system call, and mostly one packet less.
const SMALL_BODY: usize = 16 << 10;
/// One read of a head or of chunks: most heads fit whole.
pub(super) const READ: usize = 8 << 10;
/// Interim answers before the real one: honest servers send one or two (CVE-2021-3737 was one that never stopped).
const INTERIM: usize = 8;

/// Why a connection does not carry another request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// There is none yet.
    NotOpened,
    /// Our request said `Connection: close`.
    WeAsked,
    /// The server said so, or speaks HTTP/1.0.
    TheyAsked,
    /// The body ended by closing.
    BodyHasNoEnd,
    /// The body was dropped unread, and was too long or too slow to be read for nothing.
    BodyNotRead,
    /// More bytes came than the answer had: nobody asked for them.
    Surplus,
    /// The head had both a length and chunks, as a smuggled answer would (RFC 9112 section 6.1).
    TwoLengths,
    /// A turn failed.
    Failed,
}

/// What is known once the head of an answer has come.
pub(super) struct Turn {
    pub head: ResponseHead,
    pub framing: Framing,
    /// Why the connection must close after the body.
    pub after: Option<CloseReason>,
}

/// A connection to one origin.
#[derive(Debug)]
pub(super) struct Connection {
    pub stream: BoxStream,
    url: Url,
    // What came and is not taken yet stands from `at` to `end`.
    buffer: Vec<u8>,
    at: usize,
    end: usize,
    /// Whether a byte of this turn's answer came.
    pub heard: bool,
    pub closing: Option<CloseReason>,
    /// That of this turn, up to the last byte of its body.
    pub deadline: Deadline,
}

impl Connection {
    pub fn open(url: &Url, dial: &Dial, deadline: Deadline) -> Result<Connection> {
        let rest = deadline.left(format!("connect to {}", url.server()))?;
        let tls = url.is_https().then(|| dial.tls.clone().unwrap_or_default());
        let connect = rest.map_or(dial.connect, |rest| rest.min(dial.connect));
        let stream = Dial { connect, tls, ..dial.clone() }.open(url.server())?;
        let (url, buffer) = (url.clone(), Vec::new());
        Ok(Connection { stream, url, buffer, at: 0, end: 0, heard: false, closing: None, deadline })
    }

    /// Whether it can carry a request to there. One on which something has come since the last turn cannot: it is the
    /// server's goodbye, or an answer that nobody asked for.
    pub fn serves(&mut self, url: &Url) -> bool {
        self.closing.is_none() && self.url.same_origin(url) && self.stream.is_quiet()
    }

    /// Whether only the server can have ended what ends: TLS marks it.
    pub fn marks_its_end(&self) -> bool {
        self.url.is_https()
    }

    /// One request and the head of its answer. `limits.head` shrinks by what was read.
    pub fn turn(&mut self, call: &Call<'_>, limits: &mut Limits, deadline: Deadline) -> Result<Turn> {
        let request = call.head()?;
        self.stream.set_deadline(deadline);
        self.deadline = deadline;
        (self.heard, self.closing) = (false, Some(CloseReason::Failed)); // until this turn is over
        let sent = self.send(request, call);
        let sent = sent.map_err(|error| Error::io(format!("send the request to {}", self.url.server()))(error));
        let head = match (sent.as_ref(), self.read_head(limits)) {
            (Ok(()), head) => head?,
            // Who refuses a long body may answer and close before all of it has come (RFC 9112 section 9.5).
            (Err(_), Ok(head)) => head,
            (Err(_), Err(unread)) => return Err(sent.err().unwrap_or(unread)),
        };
        let framing = framing(call.method, &head)?;
        let after = match framing {
            _ if sent.is_err() => Some(CloseReason::Failed),
            _ if call.headers.lists("Connection", "close") => Some(CloseReason::WeAsked),
            _ if head.minor == 0 || head.headers.lists("Connection", "close") => Some(CloseReason::TheyAsked),
            Framing::UntilClose => Some(CloseReason::BodyHasNoEnd),
            Framing::Chunked if head.headers.get("Content-Length").is_some() => Some(CloseReason::TwoLengths),
            _ => None,
        };
        Ok(Turn { head, framing, after })
    }

    fn send(&mut self, head: String, call: &Call) -> io::Result<()> {
        let mut bytes = head.into_bytes();
        let (small, large) = call.body.unwrap_or_default().split_at(match call.body {
            Some(body) if body.len() <= SMALL_BODY => body.len(),
            _ => 0,
        });
        bytes.extend_from_slice(small);
        write_head(&mut *self.stream, &bytes, &|name| call.is_secret(name))?;
        self.stream.write_all(large)?;
        self.stream.flush()
    }

    fn read_head(&mut self, limits: &mut Limits) -> Result<ResponseHead> {
        let mut interim = 0;
        let mut come = !self.unread().is_empty();
        loop {
            // A head ends with a line's end, so without one there is nothing new to find.
            match if come { parse_response(self.unread(), limits)? } else { None } {
                Some((head, used)) => {
                    self.take(used);
                    limits.head -= used;
                    match head.status {
                        101 => return Err(wrong("the server switches protocols and nobody asked", b"101")),
                        100..200 if interim == INTERIM => {
                            return Err(Error::TooLong("count interim answers".into(), INTERIM));
                        }
                        100..200 => interim += 1,
                        _ => return Ok(head),
                    }
                }
                None => {
                    let before = self.unread().len();
                    let filled = self.fill();
                    let phase = || format!("read the answer of {}", self.url.server());
                    if filled.map_err(|error| Error::io(phase())(error))? == 0 {
                        return Err(Error::Closed(phase().into()));
                    }
                    come = self.unread()[before..].contains(&b'\n') || self.unread().len() > limits.head;
                }
            }
        }
    }

    pub fn unread(&self) -> &[u8] {
        &self.buffer[self.at..self.end]
    }

    pub fn take(&mut self, n: usize) {
        self.at += n;
    }

    /// Reads more behind what is unread: how many bytes, 0 at the end.
    pub fn fill(&mut self) -> io::Result<usize> {
        self.buffer.copy_within(self.at..self.end, 0);
        (self.at, self.end) = (0, self.end - self.at);
        if self.buffer.len() < self.end + READ {
            self.buffer.resize(self.end + READ, 0);
        }
        let n = self.stream.read(&mut self.buffer[self.end..])?;
        self.end += n;
        self.heard |= n > 0;
        Ok(n)
    }
}

/// What is left in the buffer, then the stream itself without a copy between.
impl Read for Connection {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.unread().len().min(out.len()) {
            0 => self.stream.read(out),
            n => {
                out[..n].copy_from_slice(&self.unread()[..n]);
                self.take(n);
                Ok(n)
            }
        }
    }
}
