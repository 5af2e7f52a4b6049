//! "It is over there": where a redirect leads, and what goes along.
//!
//! RFC 9110 section 15.4. A redirect is the server's wish, and the server may be a stranger's: it chooses neither another kind
//! of address, nor who gets our secrets, nor how often we follow.
//!
//! May use: error, deadline, url.

use super::Session;
use super::connector::done_by;
use super::request::uri;
use crate::deadline::Deadline;
use crate::error::{self, Error};
use crate::url::{Url, is_secret};
use std::fmt;
use std::time::Duration;
use ureq::Body;
use ureq::http::{self, HeaderName, HeaderValue, Method, header};

impl Session {
    /// Where an answer sends us, if it is a redirect (RFC 9110 section 15.4).
    pub(super) fn place(&self, url: &Url, response: &http::Response<Body>) -> error::Result<Option<Url>> {
        if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(None);
        }
        let places: Vec<_> = response.headers().get_all(header::LOCATION).iter().collect();
        let [place] = places[..] else {
            return Err(Error::Protocol("a redirect names no place, or several".into()));
        };
        let leads = |why: &dyn fmt::Display| Error::Protocol(format!("a redirect leads to {why}").into());
        let place = place.to_str().map_err(|_| leads(&"an address that is not ASCII"))?;
        let next = url.join(place).and_then(|next| uri(&next).map(|_| next)).map_err(|error| leads(&error))?;
        if url.is_https() && !next.is_https() && !self.options.dangerously_follow_https_to_http {
            return Err(leads(&format!("{next}, from https to http, where everybody can listen")));
        }
        Ok(Some(next))
    }
}

/// Makes of a request the one that a redirect asks for.
pub(super) fn follow(request: &mut http::Request<Vec<u8>>, from: &Url, to: &Url, status: u16) {
    // 303 says "see there"; for POST all clients take 301 and 302 for it, and RFC 9110 allows it. 307 and 308 repeat all.
    let see = match status {
        301 | 302 => request.method() == Method::POST,
        status => status == 303 && request.method() != Method::HEAD,
    };
    if see {
        *request.method_mut() = Method::GET;
        request.body_mut().clear();
    }
    let secret = |name: &HeaderName, value: &HeaderValue| value.is_sensitive() || is_secret(name.as_str());
    let gone = |name: &HeaderName, value: &HeaderValue| {
        (see && name.as_str().starts_with("content-")) || (!from.same_origin(to) && secret(name, value))
    };
    // What is taken away on the way does not come back.
    let names: Vec<_> =
        request.headers().iter().filter(|(name, value)| gone(name, value)).map(|(name, _)| name.clone()).collect();
    for name in names {
        request.headers_mut().remove(name);
    }
}

/// Reads a short body to its end, so that the connection can be kept: as short, and for as long, as by hand. A compressed one is
/// not worth it, or a bomb.
pub(super) fn finish_reading(mut response: http::Response<Body>) {
    const SHORT: (u64, Duration) = (64 << 10, Duration::from_millis(100));
    if response.body().content_length().is_some_and(|length| length <= SHORT.0) {
        let mut body = response.body_mut().as_reader();
        let _ = done_by(Deadline::after(SHORT.1), || std::io::copy(&mut body, &mut std::io::sink()));
    }
}
