//! What is asked, put together step by step and checked before anything is connected.
//!
//! RFC 9110 sections 7 to 9, Basic credentials RFC 7617. May use: error, encode, url.

use super::connector::LINE;
use super::{Form, Response, Result, Session};
use crate::encode::{base64, form};
use crate::error::{self, Error};
use crate::url::{Url, is_secret, shown};
use std::fmt::{self, Display};
use std::time::Duration;
use ureq::http::{self, HeaderName, HeaderValue, header};

/// The time that one request has, all attempts included; kept in the request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Total(pub Duration);

/// A request of a [`Session`]. What is wrong with it is said by [`send`](Request::send), before it connects.
pub struct Request<'s> {
    session: &'s Session,
    url: String,
    query: String,
    // The first thing that was wrong stays.
    made: error::Result<http::Request<Vec<u8>>>,
}

/// Without fields and body: there may be secrets in them.
impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.made {
            Ok(request) => write!(f, "Request({} {})", request.method(), shown(&self.url)),
            Err(error) => write!(f, "Request({error})"),
        }
    }
}

impl<'s> Request<'s> {
    pub(super) fn new(session: &'s Session, method: &str, url: &str) -> Request<'s> {
        let made = http::Request::builder().method(method).body(Vec::new());
        let made = made.map_err(|_| Error::Invalid(format!("\"{}\" is no method", method.escape_debug()).into()));
        Request { session, url: url.to_owned(), query: String::new(), made }
    }

    fn with(mut self, change: impl FnOnce(&mut http::Request<Vec<u8>>) -> error::Result<()>) -> Self {
        self.made = self.made.and_then(|mut request| change(&mut request).map(|()| request));
        self
    }

    /// Adds a name and a value to the address, after a `?`, with everything in them encoded.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query += if self.query.is_empty() { "" } else { "&" };
        self.query += &form(&[(name, value)]);
        self
    }

    /// Sets a header field, in place of the session's.
    pub fn header(self, name: &str, value: &str) -> Self {
        self.with(|request| set(request.headers_mut(), name, value, false))
    }

    /// Sets a field with a secret, a key for an API for instance: it does not go to another origin after a redirect, and those
    /// who watch the wire do not see its value. `Authorization` and `Cookie` are secrets by themselves.
    pub fn secret_header(self, name: &str, value: &str) -> Self {
        self.with(|request| set(request.headers_mut(), name, value, true))
    }

    /// Name and password. Base64 hides nothing: over `http://` everybody on the way can read them.
    pub fn basic_auth(self, name: &str, password: &str) -> Self {
        // The first colon is where the password begins (RFC 7617 section 2).
        if name.contains(':') || (name.to_owned() + password).contains(char::is_control) {
            let why = "this name or password cannot be sent: a colon or a control character";
            return self.with(|_| Err(Error::Invalid(why.into())));
        }
        self.secret_header("Authorization", &format!("Basic {}", base64(format!("{name}:{password}").as_bytes())))
    }

    /// Sends names and values as a form in a page does.
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        self.header("Content-Type", "application/x-www-form-urlencoded").body(form(fields))
    }

    /// Sends what shows itself as JSON, a `serde_json::Value` for instance (`&json!({"name": "me"})`).
    pub fn json(self, value: &impl Display) -> Self {
        self.header("Content-Type", "application/json").body(value.to_string())
    }

    /// Sends fields and files.
    pub fn multipart(self, form: &Form) -> Self {
        let encoded = form.encode();
        self.with(|request| {
            let (kind, bytes) = encoded?;
            *request.body_mut() = bytes;
            set(request.headers_mut(), "Content-Type", &kind, false)
        })
    }

    /// The body, as it is. It stays in memory, so that it can be sent again. Its `Content-Type` is a header.
    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        self.with(|request| {
            *request.body_mut() = body;
            Ok(())
        })
    }

    /// The time for all of it, from the first lookup to the last byte of the body, in place of
    /// [`Options::total`](super::Options::total).
    pub fn timeout(self, total: Duration) -> Self {
        self.with(|request| {
            request.extensions_mut().insert(Total(total));
            Ok(())
        })
    }

    /// Sends it: see [`Session::send`].
    ///
    /// # Errors
    /// Those of [`Session::send`].
    pub fn send(self) -> Result<Response> {
        let request = self.made?;
        let mut url = Url::parse(&self.url)?;
        url.add_query(&self.query);
        self.session.send_to(url, request)
    }
}

/// An address as ureq takes it.
pub(super) fn uri(url: &Url) -> error::Result<http::Uri> {
    let bad = |why| Error::Invalid(format!("\"{url}\": {why}").into());
    let host = url.server().host();
    // ureq panics where its package for cookies does not take a host for one.
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let number = last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x");
    if number && host.parse::<std::net::Ipv4Addr>().is_err() {
        return Err(bad("this address in numbers is none"));
    }
    if host.starts_with("xn--") || host.contains(".xn--") {
        return Err(bad("names of hosts beyond ASCII are not known here"));
    }
    if url.target().len() > LINE {
        return Err(Error::Invalid(format!("{}: path and query are longer than {LINE} bytes", url.server()).into()));
    }
    http::Uri::try_from(url.to_string()).map_err(|_| bad("ureq does not take this address"))
}

/// Sets a field, or says why it cannot be one: a CR or LF would begin a field, or a request, of its own (CVE-2019-9740).
pub(super) fn set(headers: &mut http::HeaderMap, name: &str, value: &str, secret: bool) -> error::Result<()> {
    let shown = name.escape_debug();
    let key = HeaderName::try_from(name)
        .map_err(|_| Error::Invalid(format!("\"{shown}\" is no name for a header field").into()))?;
    written_by_ureq(&key)?;
    let mut field = HeaderValue::from_str(value)
        .map_err(|_| Error::Invalid(format!("the value of {shown} has a control character inside").into()))?;
    field.set_sensitive(secret || is_secret(key.as_str()));
    headers.insert(key, field);
    Ok(())
}

/// Refuses a field that must agree with the address or the body: ureq writes those.
pub(super) fn written_by_ureq(name: &HeaderName) -> error::Result<()> {
    match [header::HOST, header::CONTENT_LENGTH, header::TRANSFER_ENCODING].contains(name) {
        true => Err(Error::Invalid(format!("{name} is written by ureq itself").into())),
        false => Ok(()),
    }
}
