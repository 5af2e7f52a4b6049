//! The client: one deadline for name, TCP, TLS and handshake together, and then a WebSocket of tungstenite's own.
//!
//! RFC 6455 section 4.1. tungstenite's own `connect` has no limit of time, hides why it could not connect, and panics where a
//! TLS server is silent and the socket has a timeout.
//!
//! May use: error, deadline, stream, dial, url.

use super::head;
use super::line::Line;
use super::{Limits, Refused, Socket};
use crate::deadline::Deadline;
use crate::dial::Dial;
use crate::encode::visible;
use crate::error::{Error, Result};
use crate::stream;
use crate::url::Url;
use std::io::{Cursor, Read};
use tungstenite::client::{ClientRequestBuilder, IntoClientRequest};
use tungstenite::handshake::HandshakeError;
use tungstenite::handshake::client::{Request, Response, generate_request};
use tungstenite::protocol::Role;

/// So many bytes of the reason why we are refused are read.
const REASON: usize = 1024;

/// How to connect.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How to connect. `dial.connect` is the time for the lookup, TCP, TLS and the handshake together; `dial.tls` says whom
    /// `wss://` trusts; unless it is set, whom this system trusts. `dial.reply` is not used: a WebSocket may be silent.
    pub dial: Dial,
    /// What the other side may take, and how long it may be silent.
    pub limits: Limits,
    /// Fields that are added to the handshake, `Origin` or `Authorization` for instance; of a login and of cookies no trace shows the value.
    pub headers: Vec<(String, String)>,
    /// Subprotocols that are offered, the dearest first (section 1.9). The server must choose one of them, if there are any.
    pub protocols: Vec<String>,
}

/// Connects to `ws://host/path` or `wss://host/path`.
///
/// # Errors
/// Those of [`connect_with`].
///
/// ```
/// # let lab = netprimer::lab::ws::start(Default::default())?;
/// # let url = lab.url("/");
/// use netprimer::websocket;
/// let mut socket = websocket::connect(&url)?;
/// socket.send("Hello, Server!".into())?;
/// println!("received: {}", socket.read()?);
/// socket.close(None)?;
/// # Ok::<(), netprimer::Error>(())
/// ```
pub fn connect(url: &str) -> Result<Socket> {
    connect_with(url, &Options::default())
}

/// Connects as these options say.
///
/// # Errors
/// [`Error::Invalid`] for an address or a field that cannot be, before anything is connected; [`Error::Timeout`] when it is not
/// done in time, and those of [`stream::connect`] and [`stream::upgrade`]; [`Error::Other`] with [`Refused`](super::Refused)
/// inside when the server answers with something else than 101; [`Error::Protocol`] for a 101 that does not fit our key.
pub fn connect_with(url: &str, options: &Options) -> Result<Socket> {
    connect_and_see(url, options).map(|(socket, _)| socket)
}

/// [`connect_with`], and the server's answer: its fields, and the subprotocol it chose.
///
/// # Errors
/// Those of [`connect_with`].
pub fn connect_and_see(url: &str, options: &Options) -> Result<(Socket, Response)> {
    let deadline = Deadline::after(options.dial.connect);
    let (url, request) = prepare(url, options)?;
    let server = url.server();
    let tcp = stream::connect(server.host(), server.port(), deadline)?;
    let tls = options.dial.tls.clone().unwrap_or_default();
    let seal = |tcp| stream::upgrade(Box::new(tcp), server.host(), &tls);
    let seal = url.is_https().then_some(&seal);
    let mut line = Line::new(tcp, Role::Client, options.limits, options.dial.trace.as_ref(), deadline, seal)?;

    let phase = format!("WebSocket handshake with {server}");
    let (ours, _) = generate_request(request.clone())?;
    line.writer().write_head(&ours, deadline).map_err(Error::io(phase.clone()))?;
    let (theirs, rest) = head::read(&mut line, &phase)?;
    let response = check(request, [ours, theirs].concat(), &phase, |length| reason(&mut line, &rest, length))?;
    line.set_deadline(Deadline::NEVER);
    line.open = true;
    Ok((Socket::from_partially_read(line, rest, Role::Client, Some(options.limits.config())), response))
}

/// The address, and the request for it with a new key.
fn prepare(address: &str, options: &Options) -> Result<(Url, Request)> {
    let bad = |why: &str| Error::Invalid(format!("\"{}\": {why}", visible(address.as_bytes())).into());
    let (scheme, http) = match address.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("ws") => ("ws", format!("http://{rest}")),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("wss") => ("wss", format!("https://{rest}")),
        _ => return Err(bad("a WebSocket address begins with ws:// or wss://")),
    };
    if address.contains('#') {
        return Err(bad("a WebSocket address has no fragment (RFC 6455 section 3)"));
    }
    let url = Url::parse(&http).map_err(|error| Error::Invalid(error.to_string().replacen("http", "ws", 1).into()))?;
    let uri = format!("{scheme}://{}{}", url.host_field(), url.target());
    let uri = uri.parse().map_err(|_| bad("this is no address"))?;
    // tungstenite would drop such a field without a word, and send such a name.
    let own = |name: &str| name.starts_with("sec-websocket-") || ["host", "connection", "upgrade"].contains(&name);
    let token = |name: &String| tungstenite::http::HeaderName::try_from(name).is_ok();
    if options.headers.iter().any(|(name, _)| own(&name.to_ascii_lowercase())) || !options.protocols.iter().all(token) {
        return Err(bad("a field of the handshake is ours, or a subprotocol no token (RFC 6455 section 4.1)"));
    }
    let mut request = ClientRequestBuilder::new(uri);
    for (name, value) in &options.headers {
        request = request.with_header(name, value);
    }
    for protocol in &options.protocols {
        request = request.with_sub_protocol(protocol);
    }
    let wrong = |error: tungstenite::Error| Error::Invalid(format!("the fields of the handshake: {error}").into());
    Ok((url, request.into_client_request().map_err(wrong)?))
}

/// Lets tungstenite compare the server's answer with what was asked, in a conversation that is over: it writes its request over ours,
/// which is the same, and reads the answer behind it.
fn check(request: Request, said: Vec<u8>, phase: &str, reason: impl FnOnce(usize) -> String) -> Result<Response> {
    match tungstenite::client(request, Cursor::new(said)) {
        Ok((_, response)) if response.headers().contains_key("sec-websocket-extensions") => {
            Err(Error::Protocol(format!("{phase}: an extension that we did not offer (RFC 6455 section 4.1)").into()))
        }
        Ok((_, response)) => Ok(response),
        Err(HandshakeError::Failure(tungstenite::Error::Http(response))) => {
            let length = response.headers().get("content-length").and_then(|value| value.to_str().ok()?.parse().ok());
            let refused = Refused { status: response.status().as_u16(), body: reason(length.unwrap_or(0)) };
            Err(Error::Other(phase.to_owned().into(), Box::new(refused)))
        }
        Err(HandshakeError::Failure(error)) => Err(Error::Protocol(format!("{phase}: {error}").into())),
        Err(HandshakeError::Interrupted(_)) => Err(Error::Protocol(format!("{phase}: half an answer").into())),
    }
}

/// The beginning of the body, which often comes in a segment of its own.
fn reason(line: &mut Line, rest: &[u8], length: usize) -> String {
    let mut body = rest.to_vec();
    let more = length.min(REASON).saturating_sub(body.len()) as u64;
    let _ = line.take(more).read_to_end(&mut body); // what came until it failed is good enough
    String::from_utf8_lossy(&body[..body.len().min(REASON)]).into_owned()
}
