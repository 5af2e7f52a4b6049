//! A WebSocket server to practise on: an echo, a chat, news, and a page for the browser on the same port.
//!
//! ```text
//! ws://127.0.0.1:8765/         every message comes back as it was
//! ws://127.0.0.1:8765/chat     every message goes to all who are here
//! ws://127.0.0.1:8765/news     after the first message: five messages, one every 100 ms, then a Close with 1000
//! http://127.0.0.1:8765/       the page
//! ```
//!
//! RFC 6455. Anything that lies is a [`script`](crate::lab::script).
//!
//! May use: everything up to websocket, and of the lab: pause, tls.

use crate::error::Result;
use crate::lab::pause::{Curtain, CurtainFalls};
use crate::lab::tls::Acceptor;
use crate::server::{Drained, Server};
use crate::trace::Sink;
use crate::websocket::{self, Client, CloseCode, Hub, Running, Serve};
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
        write!(f, "Options({:?}, {:?})", self.tls, self.serve.limits)
    }
}

/// A server that runs. Dropping it stops it.
pub struct Lab {
    // Before the server, so that news that wait end before the server is stopped.
    _curtain: CurtainFalls,
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
    let (hub, curtain) = (Hub::default(), Curtain::default());
    let pauses = curtain.clone();
    let running = websocket::serve(server, serve, move |client| match client.path() {
        "/chat" => chat(client, &hub),
        "/news" => news(client, &pauses),
        _ => echo(client),
    })?;
    Ok(Lab { _curtain: CurtainFalls(curtain), running, scheme })
}

fn echo(client: &mut Client) -> Result<()> {
    while let Some(message) = client.receive()? {
        client.send(message)?;
    }
    Ok(())
}

fn chat(client: &mut Client, hub: &Hub) -> Result<()> {
    let _seat = hub.join(&client.socket)?;
    while let Some(message) = client.receive()? {
        hub.send(message);
    }
    Ok(())
}

fn news(client: &mut Client, pauses: &Curtain) -> Result<()> {
    if client.receive()?.is_none() {
        return Ok(());
    }
    for number in 1..=5 {
        if !pauses.pause(Duration::from_millis(100)) {
            return Ok(());
        }
        client.send(format!("news {number} of 5"))?;
    }
    websocket::close(&mut client.socket, CloseCode::Normal, "that was all").map(drop)
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
