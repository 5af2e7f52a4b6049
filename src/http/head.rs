//! The head of a message: its first line and its fields, written and parsed. No sockets here.
//!
//! ```text
//! GET /hello?name=%E4%BD%A0 HTTP/1.1\r\n      a request begins with method, target and version
//! Host: localhost:8080\r\n                    a field: name, colon, value
//! \r\n                                        an empty line ends the head
//!
//! HTTP/1.1 200 OK\r\n                         an answer begins with version, status and reason
//! Content-Length: 5\r\n
//! \r\n
//! ```
//!
//! RFC 9112 sections 2 to 6, RFC 9110 section 5. Strict on purpose: two programs that read one head in two ways let a
//! request hide inside another (request smuggling, RFC 9112 section 11.2). The server's half stands in `served`.
//!
//! May use: error, encode.

use crate::encode::visible;
use crate::error::{Error, Result};
use std::borrow::Cow;

pub use super::headers::Headers;
pub use super::served::{RequestHead, parse_request, write_response};

/// Most heads have fewer lines.
const USUAL: usize = 16;

/// How much of a peer's head we take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole head. Default 64 KiB, as CPython's http.client allows for one line and ureq for all.
    pub head: usize,
    /// Bytes of one line without its CRLF. Default 16 KiB: cookies and long links stay below 8.
    pub line: usize,
    /// How many fields. Default 100, CPython's `_MAXHEADERS`.
    pub fields: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { head: 64 << 10, line: 16 << 10, fields: 100 }
    }
}

/// The head of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseHead {
    /// 100 to 999; the first digit says how it went (RFC 9110 section 15).
    pub status: u16,
    /// The status in words, for people only.
    pub reason: String,
    /// The y of `HTTP/1.y`.
    pub minor: u8,
    /// The fields.
    pub headers: Headers,
}

/// Writes the head of a request (HTTP/1.1), with the empty line.
///
/// # Errors
/// [`Error::Invalid`] for a method that is no token, and a target that is empty or has a space, a control character or a
/// byte beyond ASCII inside.
pub fn write_request(method: &str, target: &str, headers: &Headers) -> Result<String> {
    if !is_token(method.as_bytes()) {
        return Err(Error::Invalid(format!("\"{}\" is no method", visible(method.as_bytes())).into()));
    }
    if target.is_empty() || !target.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::Invalid(format!("\"{}\" cannot be asked for", visible(target.as_bytes())).into()));
    }
    Ok([method, " ", target, " HTTP/1.1\r\n", headers.as_lines(), "\r\n"].concat())
}

/// Parses the head of an answer at the start of `bytes`: the head and how many bytes it took, or `None` when its end has
/// not come yet. Where there is no reason, the space before it may be missing too, as some servers have it.
///
/// # Errors
/// [`Error::Protocol`] for what RFC 9112 does not allow: a line that ends with LF alone, a CR or another control character
/// inside, a folded line, a space before the colon, a first line of the wrong shape. [`Error::TooLong`] past a limit,
/// also before the end has come.
///
/// ```
/// use netprimer::http::head::{Limits, parse_response};
/// let wire = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello";
/// let (head, used) = parse_response(wire, &Limits::default())?.ok_or("not yet")?;
/// assert_eq!((head.status, head.headers.get("content-length")), (200, Some("5")));
/// assert_eq!(&wire[used..], b"Hello");
/// assert_eq!(parse_response(&wire[..30], &Limits::default())?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn parse_response(bytes: &[u8], limits: &Limits) -> Result<Option<(ResponseHead, usize)>> {
    let Some((first, headers, used)) = parse(bytes, limits)? else { return Ok(None) };
    let bad = || wrong("this is no status line", first);
    let (version, rest) = first.split_at_checked(8).ok_or_else(bad)?;
    let (status, reason) = match rest {
        [b' ', a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', reason @ ..] => {
            ([*a, *b, *c].iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0')), reason)
        }
        _ => return Err(bad()),
    };
    let reason = match reason {
        [] => reason,
        [b' ', words @ ..] if is_value(words) => words,
        _ => return Err(bad()),
    };
    let minor = minor(version).ok_or_else(bad)?;
    Ok(Some((ResponseHead { status, reason: text(reason).into(), minor, headers }, used)))
}

/// The first line, the fields, and how many bytes they took.
pub(super) fn parse<'b>(bytes: &'b [u8], limits: &Limits) -> Result<Option<(&'b [u8], Headers, usize)>> {
    // First the end, so that a head that comes in pieces is not parsed again and again; the limits hold before it has come.
    let mut lines = Vec::with_capacity(USUAL);
    let mut at = 0;
    loop {
        let rest = &bytes[at..];
        let end = rest.iter().position(|byte| *byte == b'\n');
        let line = end.map_or(rest, |end| &rest[..end]);
        at += end.map_or(line.len(), |end| end + 1);
        if at > limits.head {
            return Err(Error::TooLong("read the head".into(), limits.head));
        }
        if line.strip_suffix(b"\r").unwrap_or(line).len() > limits.line {
            return Err(Error::TooLong("read a line of the head".into(), limits.line));
        }
        if end.is_none() {
            return Ok(None);
        }
        match line.strip_suffix(b"\r") {
            None => return Err(wrong("a line of the head ends with LF alone", line)),
            Some([]) => break,
            Some(_) if lines.len() > limits.fields => {
                return Err(Error::TooLong("count the header fields".into(), limits.fields));
            }
            Some(line) => lines.push(line),
        }
    }
    let (first, fields) = lines.split_first().ok_or_else(|| wrong("the head has no first line", b""))?;
    let mut headers = Headers::with_room(fields.len(), at);
    for line in fields {
        let colon = field(line)?;
        let line = text(line);
        headers.push(&line[..colon], line[colon + 1..].trim_ascii());
    }
    Ok(Some((first, headers, at)))
}

/// Checks the line of a field, and says where its colon stands.
pub(super) fn field(line: &[u8]) -> Result<usize> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(wrong("a folded header line (RFC 9112 section 5.2)", line));
    }
    let colon = line.iter().position(|byte| *byte == b':');
    let colon = colon.ok_or_else(|| wrong("a header line without a colon", line))?;
    match is_token(&line[..colon]) && is_value(line) {
        true => Ok(colon),
        false => Err(wrong("a space or a control character where a header field has none", line)),
    }
}

/// A token (RFC 9110 section 5.6.2): letters, digits and some signs, at least one.
pub(super) fn is_token(bytes: &[u8]) -> bool {
    let sign = |byte: &u8| matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~');
    !bytes.is_empty() && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || sign(byte))
}

/// No control character but the tab (RFC 9110 section 5.5).
pub(super) fn is_value(bytes: &[u8]) -> bool {
    // All are looked at, with no early end: so the compiler takes many at once.
    bytes.iter().fold(true, |good, byte| good & (!byte.is_ascii_control() | (*byte == b'\t')))
}

pub(super) fn minor(version: &[u8]) -> Option<u8> {
    match version.strip_prefix(b"HTTP/1.")? {
        [digit @ b'0'..=b'9'] => Some(digit - b'0'),
        _ => None,
    }
}

/// UTF-8 where it is that, else each byte as the character of its number: ISO 8859-1, what fields were once written in.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| bytes.iter().copied().map(char::from).collect(), Cow::Borrowed)
}

/// What is wrong, and the first bytes of where.
pub(super) fn wrong(what: &str, at: &[u8]) -> Error {
    Error::Protocol(format!("{what}: \"{}\"", visible(&at[..at.len().min(60)])).into())
}
