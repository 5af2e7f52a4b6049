//! Who may come in, and what the others are told: a page, or a proper answer of HTTP.
//!
//! ```text
//! GET / without Upgrade           200, the page
//! another path without Upgrade    404
//! POST …                          405
//! Sec-WebSocket-Version: 8        426, with the version we speak (RFC 6455 section 4.4)
//! no key, or a bad one; TLS       400
//! a page of somebody else         403 (section 10.2)
//! a head of more than 16 KiB      431; one that does not end in time: 408
//! ```
//!
//! A browser sends cookies of this server with every handshake, whichever page began it, and no rule of the browser keeps that page
//! from reading the answers. So a server looks at `Origin`: the browser says there whose page it is.
//!
//! May use: dial.

use super::serve::Serve;
use crate::dial::Target;
use tungstenite::error::{Error, ProtocolError};
use tungstenite::handshake::machine::TryParse;
use tungstenite::handshake::server::{Request, Response, create_response};
use tungstenite::http::header::{HOST, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION};
use tungstenite::http::{HeaderValue, StatusCode};

/// A page that talks to the server it came from: one file, nothing from elsewhere.
pub const PAGE: &str = include_str!("page.html");

/// What a page may do: its own script and style, and connections to where it came from.
const PAGE_FIELDS: &str = "Content-Type: text/html; charset=utf-8\r\n\
    Content-Security-Policy: default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n\
    X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nCache-Control: no-store\r\n";

/// Whose pages may connect. Programs send no `Origin`, or any they like: this protects the users of browsers, it keeps no program
/// out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    /// Pages that came from here: `Origin` names the same host and port as `Host`, and the host is an address or `localhost`. A
    /// name would not do: whoever owns one can let it lead to this machine (DNS rebinding).
    Own,
    /// Pages from here and of these origins, each written as a browser does: `https://chat.example`.
    OwnAnd(Vec<String>),
    /// Every page of the world, in the name of whoever looks at it.
    AnyPage,
}

impl Origins {
    fn allow(&self, origin: &str, host: &str) -> bool {
        let own = || {
            let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
            authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host)) && is_here(host)
        };
        match self {
            Origins::Own => own(),
            Origins::OwnAnd(others) => own() || others.iter().any(|other| other.eq_ignore_ascii_case(origin)),
            Origins::AnyPage => true,
        }
    }
}

/// Whether a host with its port is an address in numbers, or this machine's own name for itself.
fn is_here(host: &str) -> bool {
    let own = |name: &str| name.eq_ignore_ascii_case("localhost") || name.parse::<std::net::IpAddr>().is_ok();
    Target::parse(host, 80).is_ok_and(|target| own(target.host()))
}

/// An answer that is not 101, ready to be sent.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    head: usize,
    pub(super) bytes: Vec<u8>,
}

impl Answer {
    fn new(status: u16, fields: &str, body: &str) -> Answer {
        let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default();
        let head = format!(
            "HTTP/1.1 {status} {reason}\r\nConnection: close\r\n{fields}Content-Length: {}\r\n\r\n",
            body.len()
        );
        Answer { status, head: head.len(), bytes: (head + body).into_bytes() }
    }

    /// A refusal, with the reason in plain words.
    pub(super) fn refusal(status: u16, why: &str) -> Answer {
        let more = match status {
            405 => "Allow: GET, HEAD\r\n",
            426 => "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
            _ => "",
        };
        let fields = format!("{more}Content-Type: text/plain; charset=utf-8\r\n");
        Answer::new(status, &fields, &format!("{why}\n"))
    }
}

/// Looks at a whole head: a WebSocket to be, with the answer to it, or an answer and the end.
pub(super) fn look(head: &[u8], serve: &Serve) -> Result<(Request, Response), Answer> {
    let refusal = |status, why: &str| Err(Answer::refusal(status, why));
    let first = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let method = first.split(|byte| *byte == b' ').next().unwrap_or_default();
    // tungstenite knows GET only.
    let is_head = method == b"HEAD";
    let as_get = [b"GET", head.get(4..).unwrap_or_default()].concat();
    let request = match Request::try_parse(if is_head { &as_get } else { head }) {
        Ok(Some((_, request))) => request,
        Err(Error::Protocol(ProtocolError::WrongHttpMethod)) => return refusal(405, "here you can only GET"),
        Err(Error::Protocol(ProtocolError::WrongHttpVersion)) => return refusal(400, "HTTP/1.1 is needed"),
        Err(Error::Capacity(_)) => return refusal(431, "too many header fields"),
        Ok(None) | Err(_) => return refusal(400, "this is no request of HTTP/1.1"),
    };
    let fields = request.headers();
    let once = |name| {
        let mut all = fields.get_all(name).iter();
        match (all.next(), all.next()) {
            (first, None) => first.map_or(Ok(None), |value: &HeaderValue| value.to_str().map(Some).map_err(|_| ())),
            _ => Err(()),
        }
    };
    // A field that stands there twice can be read in two ways.
    let (Ok(Some(host)), Ok(origin), Ok(_), Ok(version)) =
        (once(HOST), once(ORIGIN), once(SEC_WEBSOCKET_KEY), once(SEC_WEBSOCKET_VERSION))
    else {
        return refusal(400, "Host must stand there once, Origin, Sec-WebSocket-Key and -Version at most once");
    };
    if is_head || !fields.contains_key("upgrade") {
        let page = serve.page.as_deref().filter(|_| request.uri().path() == "/");
        let mut answer = match page {
            Some(html) => Answer::new(200, PAGE_FIELDS, html),
            None => Answer::refusal(404, "there is nothing here but a WebSocket: connect with ws://"),
        };
        answer.bytes.truncate(if is_head { answer.head } else { usize::MAX });
        return Err(answer);
    }
    let response = match create_response(&request) {
        Ok(response) => response,
        Err(_) if version.is_some_and(|version| version != "13") => return refusal(426, "we speak version 13"),
        Err(Error::Protocol(ProtocolError::MissingUpgradeWebSocketHeader)) => {
            return refusal(426, "the only protocol to upgrade to is websocket");
        }
        Err(error) => return refusal(400, &format!("this is no WebSocket handshake: {error}")),
    };
    match origin {
        None if !serve.without_origin => return refusal(403, "only pages in a browser may connect: Origin is missing"),
        Some(origin) if !serve.origins.allow(origin, host) => {
            return refusal(403, "pages from there may not connect here");
        }
        _ => {}
    }
    let response = choose(&request, response, &serve.protocols);
    Ok((request, response))
}

/// The first of our subprotocols that was offered.
fn choose(request: &Request, mut response: Response, ours: &[String]) -> Response {
    let offered = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|list| list.to_str().ok());
    let offered: Vec<&str> = offered.flat_map(|list| list.split(',')).map(str::trim).collect();
    let chosen = ours.iter().find(|own| offered.contains(&own.as_str()));
    if let Some(Ok(value)) = chosen.map(|own| HeaderValue::from_str(own)) {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, value);
    }
    response
}
