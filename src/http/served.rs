//! The server's half of `head`: the head of a request parsed, that of an answer written. No sockets here.
//!
//! RFC 9112 sections 3 and 4. The client has no use for it; the lab's server has. May use: error, encode, and head of its own folder.

use super::head::{Headers, Limits, is_token, is_value, minor, parse, text, wrong};
use crate::encode::visible;
use crate::error::{Error, Result};

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
/// Those of [`parse_response`](super::head::parse_response).
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
    Ok(Some((RequestHead { method: text(method).into(), target: text(target).into(), minor, headers }, used)))
}
