//! An answer: its status, its fields, and its body as bytes, text or an error.
//!
//! RFC 9110 sections 6 and 15. May use: error, encode, and head, url and body of its own folder.

use super::body::{Body, Framing};
use super::head::{Headers, wrong};
use super::url::Url;
use crate::encode::visible;
use crate::error::{Error, Result};
use std::fmt;

/// An answer. Its status is data: a 404 is no error until [`Response::error_for_status`] is asked.
#[derive(Debug)]
pub struct Response<'c> {
    /// 200 for "here it is", 404 for "not here": RFC 9110 section 15.
    pub status: u16,
    /// The status in words.
    pub reason: String,
    /// The header fields.
    pub headers: Headers,
    /// Where it came from, after all redirects.
    pub url: Url,
    /// How many redirects were followed.
    pub redirects: usize,
    /// The body, still on its way.
    pub body: Body<'c>,
}

/// A status of 400 or more, as the error of [`Response::error_for_status`]; found again as the source of [`Error::Other`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The status.
    pub status: u16,
    /// The status in words.
    pub reason: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server answered {} {}", self.status, visible(self.reason.as_bytes()))
    }
}

impl std::error::Error for Refused {}

impl Response<'_> {
    /// The body as text, which must be UTF-8.
    ///
    /// # Errors
    /// Those of [`Body::bytes`]; [`Error::Protocol`] for other text and for a body that is compressed, though we asked for
    /// none that is.
    pub fn text(self) -> Result<String> {
        let coding = self.headers.get("Content-Encoding").filter(|own| !own.eq_ignore_ascii_case("identity"));
        // Where there is no body, the fields are about another answer.
        if let Some(coding) = coding.filter(|_| self.body.framing() != Framing::None) {
            return Err(wrong("the body is not text but compressed", coding.as_bytes()));
        }
        String::from_utf8(self.body.bytes()?).map_err(|_| Error::Protocol("the body is no UTF-8 text".into()))
    }

    /// The body: see [`Body::bytes`].
    ///
    /// # Errors
    /// Those of [`Body::bytes`].
    pub fn bytes(self) -> Result<Vec<u8>> {
        self.body.bytes()
    }

    /// An error where the status is one: 400 to 599 and above.
    ///
    /// # Errors
    /// [`Error::Other`] with a [`Refused`].
    pub fn error_for_status(self) -> Result<Self> {
        match self.status {
            ..400 => Ok(self),
            status => {
                let refused = Refused { status, reason: self.reason };
                Err(Error::Other(format!("ask for {}", self.url).into(), Box::new(refused)))
            }
        }
    }
}
