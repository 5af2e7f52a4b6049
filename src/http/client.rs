//! The client: keeps a connection, follows redirects, and has one deadline for all of it.
//!
//! May use: error, deadline, dial, and its own folder.

use super::body::{Body, Lent};
use super::connection::{CloseReason, Connection, Turn};
use super::head::Limits;
use super::redirect;
use super::request::{Call, Method, Request};
use super::response::Response;
use super::url::Url;
use crate::deadline::Deadline;
use crate::dial::Dial;
use crate::error::{Error, Result};

/// How a client works.
#[derive(Debug, Clone)]
pub struct Options {
    /// How to connect. `dial.reply` is the time for everything from [`Client::send`] to the last byte of the body: lookup,
    /// connection, TLS, redirects. `dial.tls` says whom `https://` trusts; unless it is set, whom this system trusts.
    pub dial: Dial,
    /// How much of a head is taken; interim answers and redirects count together.
    pub limits: Limits,
    /// Bytes of a body that [`Response::text`] and [`Response::bytes`] take. Default 10 MiB, as ureq has it.
    pub body: u64,
    /// How many redirects are followed. Default 10, as in Python's urllib. With 0 a redirect is an answer like any other.
    pub redirects: usize,
    /// Follow a redirect from `https://` to `http://`, where everybody on the way can read and change what passes.
    pub dangerously_follow_https_to_http: bool,
}

impl Default for Options {
    fn default() -> Options {
        let (dial, limits) = (Dial::default(), Limits::default());
        Options { dial, limits, body: 10 << 20, redirects: 10, dangerously_follow_https_to_http: false }
    }
}

/// Sends requests, one after the other, and keeps the connection of the last for the next.
#[derive(Debug, Default)]
pub struct Client {
    options: Options,
    kept: Option<Connection>,
}

/// The last turn of a request, where it led, and after how many redirects.
struct Last {
    turn: Turn,
    url: Url,
    redirects: usize,
}

impl Client {
    /// A client with the default options.
    pub fn new() -> Client {
        Client::default()
    }

    /// A client with these options.
    pub fn with(options: Options) -> Client {
        Client { options, kept: None }
    }

    /// Sends GET to an address.
    ///
    /// # Errors
    /// Those of [`Client::send`].
    pub fn get(&mut self, url: &str) -> Result<Response<'_>> {
        self.send(&Request::new(Method::Get, url))
    }

    /// Sends a request, follows redirects, and gives the answer once its head has come. The body borrows the connection: read
    /// or drop it before the next request.
    ///
    /// A connection that was kept may be closed by the server just when we write to it. If it dies without a word, and
    /// asking twice does no harm (all but POST and PATCH), the request is sent once more on a new one (RFC 9112 section 9.3.1).
    ///
    /// # Errors
    /// [`Error::Invalid`] for a request that cannot be sent, before anything is connected; those of [`Dial::open`];
    /// [`Error::Timeout`], [`Error::Closed`] and [`Error::Io`] on the way; [`Error::Protocol`] for an answer that is not HTTP/1.1
    /// or can be read in two ways, and for a redirect to where we do not go or in a circle; [`Error::TooLong`] past a limit.
    pub fn send(&mut self, request: &Request) -> Result<Response<'_>> {
        let answer = self.answer(request)?;
        let conn = self.kept.as_mut().ok_or(Error::Closed("read the body".into()))?;
        Ok(answer.with(Lent::Borrowed(conn), self.options.body))
    }

    /// [`Client::send`], once: the answer takes the connection along.
    ///
    /// # Errors
    /// Those of [`Client::send`].
    pub fn send_last(mut self, request: &Request) -> Result<Response<'static>> {
        let answer = self.answer(&request.clone().header("Connection", "close"))?;
        let conn = self.kept.take().ok_or(Error::Closed("read the body".into()))?;
        Ok(answer.with(Lent::Owned(Box::new(conn)), self.options.body))
    }

    /// Whether the next request to the same origin travels on the same connection, and why not.
    ///
    /// # Errors
    /// The reason why it does not.
    pub fn reusable(&self) -> std::result::Result<(), CloseReason> {
        match &self.kept {
            None => Err(CloseReason::NotOpened),
            Some(conn) => conn.closing.map_or(Ok(()), Err),
        }
    }

    fn answer(&mut self, request: &Request) -> Result<Last> {
        let deadline = Deadline::after(self.options.dial.reply);
        let mut limits = self.options.limits;
        let mut call = request.prepare()?;
        let mut seen = Vec::new();
        loop {
            let turn = self.exchange(&call, &mut limits, deadline)?;
            let next = match self.options.redirects {
                0 => None,
                _ => redirect::next(&call, &turn.head, self.options.dangerously_follow_https_to_http)?,
            };
            let Some(next) = next else {
                return Ok(Last { turn, url: call.url, redirects: seen.len() });
            };
            if let Some(conn) = &mut self.kept {
                // Nobody reads the body of a redirect.
                drop(Body::new(Lent::Borrowed(conn), turn.framing, turn.after, 0));
            }
            seen.push(call);
            if seen.contains(&next) {
                return Err(Error::Protocol(format!("the redirects go in a circle, back to {}", next.url).into()));
            }
            if seen.len() > self.options.redirects {
                return Err(Error::TooLong("follow redirects".into(), self.options.redirects));
            }
            call = next;
        }
    }

    /// One turn, on the connection that was kept if it serves, else on a new one.
    fn exchange(&mut self, call: &Call<'_>, limits: &mut Limits, deadline: Deadline) -> Result<Turn> {
        self.kept = self.kept.take().and_then(|mut conn| conn.serves(&call.url).then_some(conn));
        if let Some(conn) = &mut self.kept {
            match conn.turn(call, limits, deadline) {
                Err(error) if !conn.heard && call.method.is_idempotent() && !matches!(error, Error::Timeout(_)) => {}
                done => return done,
            }
        }
        self.kept = None; // closed before the next is opened
        let conn = self.kept.insert(Connection::open(&call.url, &self.options.dial, deadline)?);
        conn.turn(call, limits, deadline)
    }
}

impl Last {
    fn with(self, conn: Lent<'_>, limit: u64) -> Response<'_> {
        let Last { turn: Turn { head, framing, after }, url, redirects } = self;
        let body = Body::new(conn, framing, after, limit);
        Response { status: head.status, reason: head.reason, headers: head.headers, url, redirects, body }
    }
}
