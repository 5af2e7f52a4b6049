//! "It is over there": where a redirect leads, and what goes along.
//!
//! RFC 9110 section 15.4. A redirect is the server's wish, and the server may be a stranger's: it chooses neither another kind
//! of address, nor who gets our secrets, nor how often we follow.
//!
//! May use: error, and head, url and request of its own folder.

use super::head::{Headers, ResponseHead, wrong};
use super::request::{Call, Method};
use crate::error::{Error, Result};

/// What to ask next, or `None` where this answer is no redirect.
pub(super) fn next<'r>(call: &Call<'r>, head: &ResponseHead, https_to_http: bool) -> Result<Option<Call<'r>>> {
    if !matches!(head.status, 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let mut places = head.headers.all("Location");
    let (Some(location), None) = (places.next(), places.next()) else {
        return Err(wrong("a redirect names no place, or several", head.status.to_string().as_bytes()));
    };
    let url =
        call.url.join(location).map_err(|error| Error::Protocol(format!("a redirect leads to {error}").into()))?;
    if call.url.is_https() && !url.is_https() && !https_to_http {
        return Err(wrong("a redirect leads from https to http, where everybody can listen", location.as_bytes()));
    }
    let mut next = Call { url, ..call.clone() };
    // 303 says "see there"; for POST all clients take 301 and 302 for it, and RFC 9110 allows it. 307 and 308 repeat all.
    let see = match head.status {
        301 | 302 => call.method == Method::Post,
        status => status == 303 && call.method != Method::Head,
    };
    if see {
        (next.method, next.body) = (Method::Get, None);
    }
    let stays = |name: &str| {
        let about_body = name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("content-"));
        let replaced = name.eq_ignore_ascii_case("Host") || (see && about_body);
        !replaced && (next.url.same_origin(&call.url) || !call.is_secret(name))
    };
    // From the last call, not from the first: what was taken away on the way does not come back.
    let mut headers = Headers::new();
    headers.add("Host", next.url.host_field())?;
    for (name, value) in call.headers.iter().filter(|(name, _)| stays(name)) {
        headers.add(name, value)?;
    }
    next.headers = headers;
    Ok(Some(next))
}
