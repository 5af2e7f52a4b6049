//! What is asked: method, address, fields and body, put together step by step and checked before anything is connected.
//!
//! RFC 9110 sections 7 to 9, Basic credentials RFC 7617. May use: error, encode, and head and url of its own folder.

use super::head::{Headers, write_request};
use super::url::{Url, is_secret, shown};
use crate::encode::{base64, form};
use crate::error::{Error, Result};
use std::fmt;

/// Fields that the client writes itself, at most.
const OWN_FIELDS: usize = 6;
/// Bytes that hold the fields of most requests.
const USUAL_HEAD: usize = 256;

/// What is to be done (RFC 9110 section 9.3, PATCH: RFC 5789).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they mean what HTTP means")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Patch,
    Options,
}

impl Method {
    /// As it is written on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
            Method::Patch => "PATCH",
            Method::Options => "OPTIONS",
        }
    }

    /// Whether asking twice does the same as asking once (RFC 9110 section 9.2.2).
    pub fn is_idempotent(self) -> bool {
        !matches!(self, Method::Post | Method::Patch)
    }
}

/// A request to be sent, once or several times. What is wrong with it is said by [`Client::send`](super::Client::send),
/// before it connects.
///
/// ```
/// use netprimer::http::{Method, Request};
/// let search = Request::new(Method::Get, "http://localhost:8080/get").query(&[("name", "你好")]).header("X-Lesson", "3.1");
/// let login = Request::new(Method::Post, "http://localhost:8080/post").form(&[("name", "me"), ("pass", "secret")]);
/// ```
#[derive(Clone)]
pub struct Request {
    pub(super) method: Method,
    url: String,
    query: String,
    // Name, value, and whether it is a secret.
    fields: Vec<(String, String, bool)>,
    basic: Option<(String, String)>,
    body: Option<Vec<u8>>,
}

/// Without fields and body: there may be secrets in them.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} {})", self.method.as_str(), shown(&self.url))
    }
}

impl Request {
    /// A request without body.
    pub fn new(method: Method, url: &str) -> Request {
        let (query, fields) = (String::new(), Vec::new());
        Request { method, url: url.to_owned(), query, fields, basic: None, body: None }
    }

    /// Adds a header field. `Host` and those on the body's length and coding are written by the client itself.
    pub fn header(mut self, name: &str, value: &str) -> Request {
        self.fields.push((name.to_owned(), value.to_owned(), false));
        self
    }

    /// Adds a field with a secret, a key for an API for instance: it is not sent to another origin after a redirect, and
    /// those who watch the wire do not see its value. `Authorization` and `Cookie` are secrets by themselves.
    pub fn secret_header(mut self, name: &str, value: &str) -> Request {
        self.fields.push((name.to_owned(), value.to_owned(), true));
        self
    }

    /// Name and password. Base64 hides nothing: over `http://` everybody on the way can read them.
    pub fn basic_auth(mut self, name: &str, password: &str) -> Request {
        self.basic = Some((name.to_owned(), password.to_owned()));
        self
    }

    /// Adds names and values to the address, after a `?`, with everything in them encoded.
    pub fn query(mut self, fields: &[(&str, &str)]) -> Request {
        self.query.push_str(if self.query.is_empty() || fields.is_empty() { "" } else { "&" });
        self.query.push_str(&form(fields));
        self
    }

    /// Sends names and values as a form in a page does.
    pub fn form(self, fields: &[(&str, &str)]) -> Request {
        self.header("Content-Type", "application/x-www-form-urlencoded").body(form(fields))
    }

    /// The body, as it is. Its `Content-Type` is a header.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Request {
        self.body = Some(body.into());
        self
    }

    /// Checks everything.
    pub(super) fn prepare(&self) -> Result<Call<'_>> {
        let mut url = Url::parse(&self.url)?;
        url.add_query(&self.query);
        let body = self.body.as_deref();
        let mut headers = Headers::with_room(self.fields.len() + OWN_FIELDS, USUAL_HEAD);
        headers.add("Host", url.host_field())?;
        let mut call = Call { method: self.method, url, headers, secret: Vec::new(), body };
        for (name, value, secret) in &self.fields {
            if ["Host", "Content-Length", "Transfer-Encoding"].iter().any(|own| own.eq_ignore_ascii_case(name)) {
                return Err(Error::Invalid(format!("{name} is written by the client itself").into()));
            }
            call.headers.add(name, value)?;
            if *secret {
                call.secret.push(name);
            }
        }
        if let Some((name, password)) = &self.basic {
            // The first colon is where the password begins (RFC 7617 section 2).
            if name.contains(':') || (name.clone() + password).contains(char::is_control) {
                return Err(Error::Invalid(
                    "this name or password cannot be sent: a colon or a control character".into(),
                ));
            }
            call.headers.remove("Authorization");
            call.headers.add("Authorization", &format!("Basic {}", base64(format!("{name}:{password}").as_bytes())))?;
        }
        // "identity": no compression, which we could not undo.
        for (name, value) in [("User-Agent", "netprimer/0.1"), ("Accept", "*/*"), ("Accept-Encoding", "identity")] {
            if call.headers.get(name).is_none() {
                call.headers.push(name, value);
            }
        }
        // A method that usually has a body says so when it has none (RFC 9110 section 8.6).
        let usual = matches!(self.method, Method::Post | Method::Put | Method::Patch);
        if let Some(length) = body.map(<[u8]>::len).or(usual.then_some(0)) {
            call.headers.push("Content-Length", &length.to_string());
        }
        Ok(call)
    }
}

/// A request that was checked, on its way through redirects.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call<'r> {
    pub method: Method,
    pub url: Url,
    pub headers: Headers,
    pub secret: Vec<&'r str>,
    pub body: Option<&'r [u8]>,
}

impl Call<'_> {
    pub fn is_secret(&self, name: &str) -> bool {
        is_secret(name) || self.secret.iter().any(|own| own.eq_ignore_ascii_case(name))
    }

    /// The head as it is written.
    pub fn head(&self) -> Result<String> {
        write_request(self.method.as_str(), self.url.target(), &self.headers)
    }
}
