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
//! request hide inside another (request smuggling, RFC 9112 section 11.2). Both sides use it: the client, and the lab's server.
//!
//! May use: error, encode.

use crate::encode::visible;
use crate::error::{Error, Result};
use std::fmt;

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

/// The fields of a head in their order. Names are compared without regard to case (RFC 9110 section 5.1), and one name may
/// stand there several times.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// No fields.
    pub fn new() -> Headers {
        Headers::default()
    }

    /// The value of the first field with this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The values of all fields with this name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.iter().filter(move |(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Every field, name and value.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Adds a field.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that is no token, and a value with a CR, LF, NUL or another control character: it would
    /// begin a field, or a request, of its own (CVE-2019-9740, CVE-2020-26116).
    pub fn add(&mut self, name: &str, value: &str) -> Result<()> {
        let shown = visible(name.as_bytes());
        if !is_token(name.as_bytes()) {
            return Err(Error::Invalid(format!("\"{shown}\" is no name for a header field").into()));
        }
        if !is_value(value.as_bytes()) {
            return Err(Error::Invalid(format!("the value of {shown} has a control character inside").into()));
        }
        self.0.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
        Ok(())
    }

    /// Takes every field with this name away.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(own, _)| !own.eq_ignore_ascii_case(name));
    }

    /// Whether a list such as `Connection: keep-alive, upgrade` names `word`.
    pub fn lists(&self, name: &str, word: &str) -> bool {
        self.all(name).any(|list| list.split(',').any(|own| own.trim_matches([' ', '\t']).eq_ignore_ascii_case(word)))
    }

    /// What `Content-Length` says.
    ///
    /// # Errors
    /// [`Error::Protocol`] unless it is one number of digits alone that fits 64 bits. The same number twice is allowed
    /// (RFC 9112 section 6.3, rule 5); two numbers are two ends of one body.
    pub fn content_length(&self) -> Result<Option<u64>> {
        let mut length = None;
        for text in self.all("Content-Length") {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()); // `parse` would take "+2"
            match text.parse() {
                Ok(number) if digits && length.is_none_or(|before| before == number) => length = Some(number),
                _ => return Err(wrong("this Content-Length is no single number", text.as_bytes())),
            }
        }
        Ok(length)
    }

    /// Whether the body comes in chunks.
    ///
    /// # Errors
    /// [`Error::Protocol`] for every transfer coding but a single `chunked`: we know no other, and so not where such a body
    /// ends (RFC 9112 section 6.1).
    pub fn is_chunked(&self) -> Result<bool> {
        let mut codings = self.all("Transfer-Encoding");
        match (codings.next(), codings.next()) {
            (None, _) => Ok(false),
            (Some(one), None) if one.eq_ignore_ascii_case("chunked") => Ok(true),
            (Some(first), _) => Err(wrong("this transfer coding is not known here", first.as_bytes())),
        }
    }
}

/// Each field as a line, with its CRLF.
impl fmt::Display for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|(name, value)| write!(f, "{name}: {value}\r\n"))
    }
}

/// The head of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHead {
    /// `GET`, `POST` … in capitals: methods are compared with regard to case.
    pub method: String,
    /// What is asked for: path and query, `/hello?name=x`.
    pub target: String,
    /// The y of `HTTP/1.y`.
    pub minor: u8,
    /// The fields.
    pub headers: Headers,
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
    Ok(format!("{method} {target} HTTP/1.1\r\n{headers}\r\n"))
}

/// Writes the head of an answer (HTTP/1.1), with the empty line.
///
/// # Errors
/// [`Error::Invalid`] for a status that has not three digits, and a reason with a control character inside.
pub fn write_response(status: u16, reason: &str, headers: &Headers) -> Result<String> {
    match (100..1000).contains(&status) && is_value(reason.as_bytes()) {
        true => Ok(format!("HTTP/1.1 {status} {reason}\r\n{headers}\r\n")),
        false => Err(Error::Invalid(format!("{status} \"{}\" is no status", visible(reason.as_bytes())).into())),
    }
}

/// Parses the head of a request at the start of `bytes`: the head and how many bytes it took, or `None` when its end has
/// not come yet.
///
/// # Errors
/// [`Error::Protocol`] for what RFC 9112 does not allow: a line that ends with LF alone, a CR or another control character
/// inside, a folded line, a space before the colon, a first line of the wrong shape. [`Error::TooLong`] past a limit,
/// also before the end has come.
///
/// ```
/// use netprimer::http::head::{Limits, parse_request};
/// let wire = b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\nwhat follows";
/// let (head, used) = parse_request(wire, &Limits::default())?.ok_or("not yet")?;
/// assert_eq!((head.method.as_str(), head.target.as_str(), head.headers.get("host")), ("GET", "/hello", Some("localhost")));
/// assert_eq!(&wire[used..], b"what follows");
/// assert_eq!(parse_request(&wire[..30], &Limits::default())?, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn parse_request(bytes: &[u8], limits: &Limits) -> Result<Option<(RequestHead, usize)>> {
    let Some((first, headers, used)) = parse(bytes, limits)? else { return Ok(None) };
    let bad = || wrong("this is no request line", first);
    let mut parts = first.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(bad());
    };
    let graphic = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_graphic);
    if !is_token(method) || !graphic(target) {
        return Err(bad());
    }
    let minor = minor(version).ok_or_else(bad)?;
    Ok(Some((RequestHead { method: text(method), target: text(target), minor, headers }, used)))
}

/// Parses the head of an answer at the start of `bytes`, as [`parse_request`] does that of a request. The space before a
/// missing reason may be missing too, as some servers have it.
///
/// # Errors
/// Those of [`parse_request`].
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
    Ok(Some((ResponseHead { status, reason: text(reason), minor, headers }, used)))
}

/// The first line, the fields, and how many bytes they took.
fn parse<'b>(bytes: &'b [u8], limits: &Limits) -> Result<Option<(&'b [u8], Headers, usize)>> {
    // First the end, so that a head that comes in pieces is not parsed again and again; the limits hold before it has come.
    let mut lines = Vec::new();
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
    let fields = fields.iter().map(|line| field(line)).collect::<Result<_>>()?;
    Ok(Some((first, Headers(fields), at)))
}

/// One field from its line.
pub(super) fn field(line: &[u8]) -> Result<(String, String)> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(wrong("a folded header line (RFC 9112 section 5.2)", line));
    }
    let colon = line.iter().position(|byte| *byte == b':');
    let (name, value) = line.split_at(colon.ok_or_else(|| wrong("a header line without a colon", line))?);
    match is_token(name) && is_value(value) {
        true => Ok((text(name), text(value[1..].trim_ascii()))),
        false => Err(wrong("a space or a control character where a header field has none", line)),
    }
}

/// A token (RFC 9110 section 5.6.2): letters, digits and some signs, at least one.
fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

/// No control character but the tab (RFC 9110 section 5.5).
fn is_value(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| !byte.is_ascii_control() || *byte == b'\t')
}

fn minor(version: &[u8]) -> Option<u8> {
    match version.strip_prefix(b"HTTP/1.")? {
        [digit @ b'0'..=b'9'] => Some(digit - b'0'),
        _ => None,
    }
}

/// UTF-8 where it is that, else each byte as the character of its number: ISO 8859-1, what fields were once written in.
fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap_or_else(|_| bytes.iter().copied().map(char::from).collect())
}

/// What is wrong, and the first bytes of where.
pub(super) fn wrong(what: &str, at: &[u8]) -> Error {
    Error::Protocol(format!("{what}: \"{}\"", visible(&at[..at.len().min(60)])).into())
}
