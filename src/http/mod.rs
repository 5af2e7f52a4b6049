//! HTTP/1.1 by hand: what a request and its answer are, byte for byte, over TCP and TLS.
//!
//! ```text
//! C: GET /hello HTTP/1.1 …       the head of the request: see `head`
//! S: HTTP/1.1 200 OK …           the head of the answer, after any interim ones
//! S: Hello                       the body, whose end is found in one of four ways: see `body`
//! C: GET /next HTTP/1.1 …        the same connection, if nothing of the last turn is left on it
//! ```
//!
//! RFC 9110 (what it means) and RFC 9112 (how it travels). To read it: `head`, `headers`, `chunked`, `body`, `connection`, `client`. What goes
//! beyond the lesson: `url`, `request`, `redirect`, `download`. Not here, on purpose: compression, cookies, proxies, retries.
//!
//! ```
//! use netprimer::http;
//! # use netprimer::lab::script::{self, Step};
//! # let lab = script::play([Step::HearLine, Step::say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello"), Step::Hold])?;
//! # let url = format!("http://{}/hello", lab.addr());
//! assert_eq!(http::get(&url)?.text()?, "Hello");
//! # Ok::<(), netprimer::Error>(())
//! ```
//!
//! May use: error, encode, deadline, stream, dial.

pub mod chunked;
pub mod head;
pub use crate::url;

mod body;
mod client;
mod connection;
mod download;
mod headers;
mod redirect;
mod request;
mod response;
mod served;

pub use body::{Body, Framing, framing};
pub use client::{Client, Options};
pub use connection::CloseReason;
pub use head::Headers;
pub use request::{Method, Request};
pub use response::{Refused, Response};

use crate::error::Result;

/// Sends GET to an address, once. For several requests to one server a [`Client`] is quicker: it keeps the connection.
///
/// # Errors
/// Those of [`Client::send`].
pub fn get(url: &str) -> Result<Response<'static>> {
    send(&Request::new(Method::Get, url))
}

/// Sends a request, once.
///
/// # Errors
/// Those of [`Client::send`].
pub fn send(request: &Request) -> Result<Response<'static>> {
    Client::new().send_last(request)
}
