//! What the server says: the head, and the body in one of the ways a body can end.
//!
//! ```text
//! HTTP/1.1 200 OK\r\n                             the status line
//! Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n
//! Content-Type: application/json\r\n
//! Content-Length: 2\r\n                           or Transfer-Encoding: chunked, or nothing and a close
//! \r\n
//! {}
//! ```
//!
//! RFC 9112 sections 4, 6 and 7; RFC 9110 sections 6.6.1 (Date) and 15 (status).
//!
//! May use: error, encode, deadline, stream, http.

use crate::deadline::Deadline;
use crate::encode::http_date;
use crate::error::{Error, Result};
use crate::http::head::{Headers, write_response};
use crate::lab::pause::Curtain;
use crate::stream::Stream;
use serde_json::Value;
use std::borrow::Cow;
use std::io::Read;
use std::time::{Duration, SystemTime};

/// A request that is not answered as asked: the status, and why in plain words.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) u16, pub(super) Cow<'static, str>);

/// What a page gives.
pub(super) type Page = std::result::Result<Answer, Refusal>;

/// A refusal of what cannot be understood.
pub(super) fn bad(why: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal(400, why.into())
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Headers,
    pub(super) body: Body,
}

#[derive(Debug)]
pub(super) enum Body {
    Whole(Vec<u8>),
    /// After this time for the first byte of the head, these pieces, each after a time of its own.
    Slow(Ending, Duration, Vec<(Duration, Vec<u8>)>),
    /// These bytes as they are, head and all, and then the end of the connection: marked as TLS wants it, or not.
    Raw(Vec<u8>, End),
    /// Nothing at all.
    Silence,
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It does not: the next request may come.
    Not,
    /// With our FIN, over TLS with a `close_notify` before it.
    Marked,
    /// Over TLS without a `close_notify`: so it looks when somebody cuts the connection.
    Cut,
}

/// How the client knows where the body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Length,
    Chunked,
    Close,
}

/// What the request says about the form of its answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    pub(super) head_only: bool,
    pub(super) minor: u8,
    pub(super) close: bool,
}

impl Answer {
    pub(super) fn new(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Answer {
        Answer { status, headers: Headers::new(), body: Body::Whole(body.into()) }.with("Content-Type", kind)
    }

    /// The lab shows JSON as its model does: sorted, indented by two, and a line end behind it. What is too long for a
    /// reader has no indentation: a million zeros, deeply nested, would become a hundred million spaces.
    pub(super) fn json(value: &Value) -> Answer {
        const READABLE: usize = 16 << 10;
        let dense = value.to_string();
        let text = if dense.len() <= READABLE { format!("{value:#}\n") } else { dense + "\n" };
        Answer::new(200, "application/json", text)
    }

    pub(super) fn text(status: u16, text: &str) -> Answer {
        Answer::new(status, "text/plain; charset=utf-8", format!("{text}\n"))
    }

    pub(super) fn bare(status: u16) -> Answer {
        Answer { status, headers: Headers::new(), body: Body::Whole(Vec::new()) }
    }

    pub(super) fn raw(bytes: impl Into<Vec<u8>>, end: End) -> Answer {
        Answer { body: Body::Raw(bytes.into(), end), ..Answer::bare(200) }
    }

    /// Adds a field of our own words. What came from the client goes through [`Answer::echo`].
    pub(super) fn with(mut self, name: &str, value: &str) -> Answer {
        if self.headers.add(name, value).is_err() {
            // Only a mistake in this module comes here; an answer with a hole in it must not go out.
            self.status = 500;
        }
        self
    }

    /// Adds a field with something of the client's inside.
    ///
    /// # Errors
    /// A [`Refusal`] for whatever would end the field early: a CR or LF in it would let him write the rest of the answer
    /// (response splitting).
    pub(super) fn echo(mut self, name: &str, value: &str) -> Page {
        match self.headers.add(name, value) {
            Ok(()) if value.is_ascii() => Ok(self),
            Ok(()) => Err(bad("a header field is ASCII (RFC 9110 section 5.5)")),
            Err(error) => Err(bad(error.to_string())),
        }
    }

    /// Sends it, and says how the connection is to end.
    pub(super) fn send(self, stream: &mut dyn Stream, form: Form, curtain: &Curtain, write: Duration) -> Result<End> {
        let phase = "send the answer";
        let (ending, wait, pieces) = match self.body {
            Body::Whole(body) => (Ending::Length, Duration::ZERO, vec![(Duration::ZERO, body)]),
            Body::Slow(Ending::Chunked, wait, pieces) if form.minor == 0 => (Ending::Close, wait, pieces),
            Body::Slow(ending, wait, pieces) => (ending, wait, pieces),
            Body::Raw(bytes, end) => {
                stream.set_deadline(Deadline::after(write));
                stream.write_all(&bytes).map_err(Error::io(phase))?;
                return Ok(end);
            }
            Body::Silence => {
                // Whatever else comes is read and forgotten, so that its end is seen.
                stream.set_deadline(Deadline::after(write));
                while stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {}
                return Ok(End::Marked);
            }
        };
        let close = form.close || ending == Ending::Close;
        let mut headers = Headers::new();
        headers.add("Date", &http_date(SystemTime::now()))?;
        headers.add("Server", "netprimer-lab")?;
        for (name, value) in self.headers.iter() {
            headers.add(name, value)?;
        }
        // A client must not look for a body after these (RFC 9110 sections 15.3.5 and 15.4.5).
        let without_body = matches!(self.status, 204 | 304);
        match ending {
            _ if without_body => {}
            Ending::Length => {
                let length: usize = pieces.iter().map(|(_, bytes)| bytes.len()).sum();
                headers.add("Content-Length", &length.to_string())?;
            }
            Ending::Chunked => headers.add("Transfer-Encoding", "chunked")?,
            Ending::Close => {}
        }
        headers.add("Connection", if close { "close" } else { "keep-alive" })?;
        let mut bytes = write_response(self.status, reason(self.status), &headers)?.into_bytes();
        let pauses: Duration = pieces.iter().map(|(pause, _)| *pause).sum();
        stream.set_deadline(Deadline::after(write.saturating_add(wait + pauses)));
        if !curtain.pause(wait) {
            return Ok(End::Marked);
        }
        let pieces = if form.head_only || without_body { Vec::new() } else { pieces };
        let chunked = ending == Ending::Chunked && !form.head_only && !without_body;
        for (pause, piece) in pieces {
            if !pause.is_zero() {
                // What was said so far is not held back by the pause.
                stream.write_all(&bytes).map_err(Error::io(phase))?;
                bytes.clear();
                if !curtain.pause(pause) {
                    return Ok(End::Marked);
                }
            }
            match chunked {
                true if piece.is_empty() => {} // an empty chunk is the last one
                true => {
                    bytes.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
                    bytes.extend_from_slice(&piece);
                    bytes.extend_from_slice(b"\r\n");
                }
                false => bytes.extend_from_slice(&piece),
            }
        }
        if chunked {
            bytes.extend_from_slice(b"0\r\n\r\n");
        }
        stream.write_all(&bytes).map_err(Error::io(phase))?;
        Ok(if close { End::Marked } else { End::Not })
    }
}

impl From<Refusal> for Answer {
    fn from(Refusal(status, why): Refusal) -> Answer {
        Answer::text(status, &format!("{status} {}: {why}", reason(status)))
    }
}

/// Ends the connection so that the client hears our last words: closing with unread bytes would reset it, and the reset
/// can overtake the answer (RFC 9112 section 9.6). So he is told that no more comes, and what he still sends is read and
/// forgotten, but not for long and not without end.
pub(super) fn see_off(stream: &mut dyn Stream) {
    /// Time enough for a body on its way. Python's clients look for an answer only after they have sent all of it, so
    /// that there is room for some of the larger ones.
    const LAST: Duration = Duration::from_secs(2);
    const MOST: u64 = 64 << 20;
    stream.set_deadline(Deadline::after(LAST));
    if stream.finish().is_ok() {
        let _ = std::io::copy(&mut stream.take(MOST), &mut std::io::sink());
    }
}

/// The status in words (RFC 9110 section 15, RFC 6585), and the teapot that httpbin serves (RFC 2324).
pub(super) fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        418 => "I'm a teapot",
        422 => "Unprocessable Content",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        511 => "Network Authentication Required",
        _ => "Unknown",
    }
}
