//! What came of a request: ureq's response, how it was got, and ureq's errors in our words.
//!
//! May use: error, encode, retry, url.

use super::connector::Lost;
use crate::encode::visible;
use crate::error::{self, Error};
use crate::url::Url;
use std::fmt;
use std::io::Read;
use std::ops::{Deref, DerefMut};
use std::time::Duration;
use ureq::Body;
use ureq::http::{self, HeaderMap};

/// Memory for a body before any of it has come; beyond that it grows with what comes, whatever was declared.
const FIRST: u64 = 64 << 10;

/// What [`Session::send`](super::Session::send) returns.
pub type Result<T> = std::result::Result<T, Failure>;

/// One request as it was sent, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// GET, POST …
    pub method: String,
    /// Where to.
    pub url: String,
    /// The status of the answer, or why there was none.
    pub outcome: std::result::Result<u16, String>,
    /// Why it was not the last: what came next, and after which pause. `None` for the last.
    pub next: Option<Next>,
}

/// Why another attempt followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A redirect to this address.
    Redirect(String),
    /// A retry after this pause.
    Retry(Duration),
    /// The connection had been closed while it was kept, so the request went out once more on a new one. No retry counts that.
    Replay,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} -> ", self.method, self.url)?;
        match &self.outcome {
            Ok(status) => write!(f, "{status}")?,
            Err(why) => f.write_str(why)?,
        }
        match &self.next {
            None => Ok(()),
            Some(Next::Redirect(url)) => write!(f, ", redirected to {url}"),
            Some(Next::Retry(pause)) => write!(f, ", again after {} s", pause.as_secs_f64()),
            Some(Next::Replay) => f.write_str(", again on a new connection"),
        }
    }
}

/// An answer: ureq's own ([`ureq::http::Response`] of [`ureq::Body`], to which it dereferences), with its history. Its status
/// is data: a 404 is no error.
#[derive(Debug)]
pub struct Response {
    pub(super) inner: http::Response<Body>,
    pub(super) url: Url,
    pub(super) history: Vec<Attempt>,
    pub(super) limit: u64,
    // What a failure has left of the body is not the body.
    pub(super) taken: bool,
}

impl Deref for Response {
    type Target = http::Response<Body>;
    fn deref(&self) -> &http::Response<Body> {
        &self.inner
    }
}

impl DerefMut for Response {
    fn deref_mut(&mut self) -> &mut http::Response<Body> {
        &mut self.inner
    }
}

impl Response {
    /// Where it came from, after all redirects.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Every request that was sent for it, this one last.
    pub fn history(&self) -> &[Attempt] {
        &self.history
    }

    /// ureq's response alone.
    pub fn into_inner(self) -> http::Response<Body> {
        self.inner
    }

    /// The body as bytes, decompressed. (ureq turns `text/…` in a known charset into UTF-8 here, too.)
    ///
    /// # Errors
    /// [`Error::TooLong`] beyond the limit (10 MiB unless [`Options::body`](super::Options::body) says otherwise, counted after
    /// decompression), [`Error::Closed`] and [`Error::Protocol`] for a body that is cut or damaged, [`Error::Timeout`];
    /// [`Error::Invalid`] for the second call: the body has passed, whole or not.
    pub fn bytes(&mut self) -> error::Result<Vec<u8>> {
        // What the fields say is about another answer (RFC 9110 sections 9.3.2 and 15.4.5).
        let asked_for_head = self.history.last().is_some_and(|last| last.method == "HEAD");
        if asked_for_head || matches!(self.inner.status().as_u16(), 204 | 304) {
            return Ok(Vec::new());
        }
        if let Some(coding) =
            text(self.headers(), "content-encoding").filter(|own| !own.eq_ignore_ascii_case("identity"))
        {
            let shown = visible(coding.as_bytes());
            let why = format!("read the body of {}: it is compressed as \"{shown}\", which nobody asked for", self.url);
            return Err(Error::Protocol(why.into()));
        }
        if std::mem::replace(&mut self.taken, true) {
            return Err(Error::Invalid(format!("read the body of {}: it was taken before", self.url).into()));
        }
        let expected = self.inner.body().content_length().unwrap_or(0).min(self.limit).min(FIRST);
        let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0));
        let read = self.inner.body_mut().with_config().limit(self.limit).reader().read_to_end(&mut bytes);
        read.map_err(|error| ours(error.into(), &format!("read the body of {}", self.url)))?;
        Ok(bytes)
    }

    /// The body as text, in the charset that its `Content-Type` names or else the page itself (`<meta charset=…>`); UTF-8
    /// where nobody says. What cannot be decoded becomes `U+FFFD`.
    ///
    /// # Errors
    /// Those of [`bytes`](Response::bytes).
    pub fn text(&mut self) -> error::Result<String> {
        let kind = text(self.headers(), "content-type").unwrap_or_default().to_owned();
        let named = charset(&kind);
        let bytes = self.bytes()?;
        // ureq decodes only text/…, and only a name that stands there without quotes and in small letters.
        let done = kind.starts_with("text/") && named.is_some() && self.body().charset() == named.as_deref();
        let label = if done { None } else { named.or_else(|| meta(&kind, &bytes)) };
        let Some(label) = label else { return Ok(String::from_utf8_lossy(&bytes).into_owned()) };
        let mut again = Body::builder().mime_type("text/plain").charset(label).data(bytes);
        again.with_config().lossy_utf8(true).read_to_string().map_err(|error| ours(error, "decode the text"))
    }

    /// An error where the status is one: 400 and above.
    ///
    /// # Errors
    /// A [`Failure`] with the status and the history.
    pub fn error_for_status(self) -> Result<Response> {
        match self.inner.status() {
            status if status.as_u16() < 400 => Ok(self),
            status => {
                let cause = Error::Other(
                    format!("ask for {}", self.url).into(),
                    format!("the server answered {status}").into(),
                );
                Err(Failure { cause, history: self.history })
            }
        }
    }
}

pub(super) fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// `text/html; charset="GBK"` says GBK.
fn charset(kind: &str) -> Option<String> {
    let parts = kind.split(';').skip(1).filter_map(|part| part.split_once('='));
    let mut named = parts.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    named.next().map(|(_, value)| value.trim().trim_matches('"').to_owned()).filter(|value| !value.is_empty())
}

/// `<meta charset="gbk">` in the first 1024 bytes of a page (WHATWG HTML, section "Determining the character encoding").
fn meta(kind: &str, page: &[u8]) -> Option<String> {
    let start = String::from_utf8_lossy(&page[..page.len().min(1024)]).to_ascii_lowercase();
    let tag = &start[start.find("<meta").filter(|_| kind.contains("html"))?..];
    let value = tag.split_once("charset=")?.1.trim_start_matches(['"', '\'']);
    let end = value.find(|c: char| !c.is_ascii_alphanumeric() && !"-_:.".contains(c)).unwrap_or(value.len());
    Some(value[..end].to_owned()).filter(|label| !label.is_empty())
}

/// Why there is no answer, and what was tried.
#[derive(Debug)]
pub struct Failure {
    /// What went wrong in the end.
    pub cause: Error,
    /// Every request that was sent; empty when it could not be.
    pub history: Vec<Attempt>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)?;
        let tries = self.history.len();
        if tries > 1 { write!(f, " (attempt {tries} of {tries})") } else { Ok(()) }
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

impl From<Error> for Failure {
    fn from(cause: Error) -> Failure {
        Failure { cause, history: Vec::new() }
    }
}

/// The cause alone.
impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        failure.cause
    }
}

/// The cause alone, for code that must speak `std::io`.
impl From<Failure> for std::io::Error {
    fn from(failure: Failure) -> std::io::Error {
        failure.cause.into()
    }
}

/// ureq's error in our words: so [`Error::is_transient`] answers for it, too.
pub(super) fn ours(error: ureq::Error, phase: &str) -> Error {
    let said = |error: &ureq::Error| format!("{phase}: {}", visible(error.to_string().as_bytes())).into();
    match error {
        ureq::Error::Other(cause) => match cause.downcast::<Lost>() {
            Ok(lost) => {
                let (Lost::Unreached(cause) | Lost::Stale(cause)) = *lost;
                cause
            }
            Err(cause) => Error::Other(phase.to_owned().into(), cause),
        },
        ureq::Error::Io(cause) => Error::io(phase.to_owned())(cause),
        // What ureq calls global is the option `total`.
        ureq::Error::Timeout(ureq::Timeout::Global) => Error::Timeout(format!("{phase} (limit: total)").into()),
        ureq::Error::Timeout(which) => Error::Timeout(format!("{phase} (limit: {which})").into()),
        ureq::Error::BodyExceedsLimit(limit) => {
            Error::TooLong(phase.to_owned().into(), usize::try_from(limit).unwrap_or(usize::MAX))
        }
        ureq::Error::LargeResponseHeader(_, limit) => Error::TooLong(format!("{phase}: the head").into(), limit),
        ureq::Error::Http(_) | ureq::Error::BadUri(_) | ureq::Error::CookieValue(_) => Error::Invalid(said(&error)),
        ureq::Error::Protocol(_) | ureq::Error::Decompress(..) => Error::Protocol(said(&error)),
        // Nothing more came, and chunks were still to come.
        ureq::Error::BodyStalled => Error::Closed(phase.to_owned().into()),
        error => Error::Other(phase.to_owned().into(), Box::new(error)),
    }
}
