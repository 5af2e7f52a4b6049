//! A WebSocket server to practise on: an echo, a chat, news, and a page for the browser on the same port.
//!
//! ```text
//! ws://127.0.0.1:8765/         every message comes back as it was
//! ws://127.0.0.1:8765/chat     every message goes to all who are here
//! http://127.0.0.1:8765/       the page
//! ```
//!
//! RFC 6455. Anything that lies is a [`script`](crate::lab::script).
//!
//! May use: everything up to websocket, and of the lab: tls.

use crate::error::Result;
use crate::lab::tls::Acceptor;
use crate::server::{Drained, Server};
use crate::trace::Sink;
use crate::websocket::{self, Client, Running, Serve};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How the server is to be.
#[derive(Clone, Default)]
pub struct Options {
    /// The port on 127.0.0.1; 0, the default, takes any that is free.
    pub port: u16,
    /// `wss://` with the certificate of this acceptor; `None`, the default, is `ws://`.
    pub tls: Option<Acceptor>,
    /// Who watches the wire (over TLS: the plaintext), if anybody.
    pub trace: Option<Arc<dyn Sink>>,
    /// Everything else. Its `seal` and its `trace` are replaced by the two above.
    pub serve: Serve,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Options({:?}, {:?})", self.tls, self.serve)
    }
}

/// A server that runs. Dropping it stops it.
pub struct Lab {
    running: Running,
    scheme: &'static str,
}

/// Starts a server on 127.0.0.1.
///
/// # Errors
/// Those of [`Server::bind`] and [`websocket::serve`].
///
/// ```
/// use netprimer::{lab, websocket};
/// let lab = lab::ws::start(Default::default())?;
/// let mut socket = websocket::connect(&lab.url("/"))?;
/// socket.send("Hello, Server!".into())?;
/// assert_eq!(socket.read()?.to_string(), "Hello, Server!");
/// # Ok::<(), netprimer::Error>(())
/// ```
pub fn start(options: Options) -> Result<Lab> {
    let Options { port, tls, trace, mut serve } = options;
    let scheme = if tls.is_some() { "wss" } else { "ws" };
    serve.trace = trace;
    serve.seal = tls.map(|tls| -> websocket::Seal { Arc::new(move |tcp| tls.accept(tcp)) });
    let server = Server::bind(format!("127.0.0.1:{port}"))?;
    let running = websocket::serve(server, serve, echo)?;
    Ok(Lab { running, scheme })
}

fn echo(client: &mut Client) -> Result<()> {
    while let Some(message) = client.receive()? {
        client.send(message)?;
    }
    Ok(())
}

impl Lab {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.running.addr()
    }

    /// The address of a path: `lab.url("/chat")` is `ws://127.0.0.1:40123/chat`, or begins with `wss`.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.addr())
    }

    /// The server below, for its counts.
    pub fn running(&self) -> &Running {
        &self.running
    }

    /// Ends it with a Close to everybody, and says how the connections ended.
    pub fn stop(&self, grace: Duration) -> Drained {
        self.running.stop(grace)
    }
}

impl fmt::Debug for Lab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lab({})", self.url("/"))
    }
}
