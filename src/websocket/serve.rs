//! The server: a handshake in time, a handler for each client, a Close with the right code at its end, and 1001 to all when we stop.
//!
//! RFC 6455 sections 4.2 (the server's handshake), 7.1.1 (the server closes TCP first) and 7.4.1 (1001: going away).
//!
//! May use: error, deadline, stream, server.

use super::door::{self, Answer, Origins, PAGE};
use super::head;
use super::line::Line;
use super::sender::{Sender, sender};
use super::writer::{Writer, locked};
use super::{Limits, Socket, close_code, receive};
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::server::{Conn, Drained, Handle, Server};
use crate::stream::{BoxStream, Tcp};
use crate::trace::Sink;
use std::borrow::Cow;
use std::collections::HashMap;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use tungstenite::Message;
use tungstenite::handshake::server::{Request, write_response};
use tungstenite::protocol::Role;
use tungstenite::protocol::frame::coding::CloseCode;

/// Wraps TLS around a connection that was accepted.
pub type Seal = Arc<dyn Fn(Tcp) -> Result<BoxStream> + Send + Sync>;

/// How to serve.
#[derive(Clone)]
pub struct Serve {
    /// What a client may take.
    pub limits: Limits,
    /// A handshake must be over after so long, TLS included. Default 10 s.
    pub handshake: Duration,
    /// Whose pages may connect. Default [`Origins::Own`].
    pub origins: Origins,
    /// Whether a client without `Origin` may connect: programs send none, browsers always do. Default true.
    pub without_origin: bool,
    /// Subprotocols that we speak, the dearest first. Default none.
    pub protocols: Vec<String>,
    /// What a browser gets that asks for `/`. Default [`PAGE`]; `None` for no page.
    pub page: Option<Cow<'static, str>>,
    /// TLS for `wss://`. Default `None`.
    pub seal: Option<Seal>,
    /// Who watches the wire (over TLS: the plaintext), if anybody.
    pub trace: Option<Arc<dyn Sink>>,
}

impl Default for Serve {
    fn default() -> Serve {
        Serve {
            limits: Limits::default(),
            handshake: Duration::from_secs(10),
            origins: Origins::Own,
            without_origin: true,
            protocols: Vec::new(),
            page: Some(Cow::Borrowed(PAGE)),
            seal: None,
            trace: None,
        }
    }
}

/// A client whose handshake is done.
#[derive(Debug)]
pub struct Client {
    /// tungstenite's WebSocket, to read from and to send to.
    pub socket: Socket,
    /// Who it is.
    pub peer: SocketAddr,
    /// What it asked for: `request.uri()` with path and query, `request.headers()`.
    pub request: Request,
    /// The subprotocol that was agreed on.
    pub protocol: Option<String>,
    /// Which connection of this server it is, from 1.
    pub number: u64,
}

impl Client {
    /// The next text or binary message; `None` when the client has closed. See [`receive`].
    ///
    /// # Errors
    /// Those of [`receive`].
    pub fn receive(&mut self) -> Result<Option<Message>> {
        receive(&mut self.socket)
    }

    /// Sends a message.
    ///
    /// # Errors
    /// [`Error::Timeout`] when the client does not read for `Limits::write`; [`Error::Io`] when it is gone, or closed by us.
    pub fn send(&mut self, message: impl Into<Message>) -> Result<()> {
        Ok(self.socket.send(message.into())?)
    }

    /// A way to send to this client from another thread.
    pub fn sender(&self) -> Sender {
        sender(&self.socket)
    }

    /// The path it asked for, `/chat`.
    pub fn path(&self) -> &str {
        self.request.uri().path()
    }
}

/// Who is here, for the moment when we stop.
#[derive(Default)]
struct Guests {
    stopping: bool,
    here: HashMap<u64, Guest>,
}

enum Guest {
    /// In the handshake. Browsers connect in advance and then say nothing for a while.
    Knocking(Weak<TcpStream>),
    In(Weak<Writer>),
}

impl Guest {
    /// Who is in is told; who still knocks just goes.
    fn writer(&self) -> Option<Arc<Writer>> {
        match self {
            Guest::In(writer) => writer.upgrade(),
            Guest::Knocking(socket) => {
                let _ = socket.upgrade().map(|socket| socket.shutdown(Shutdown::Both));
                None
            }
        }
    }
}

/// A server that runs. Dropping it stops it without grace.
pub struct Running {
    server: Handle,
    guests: Arc<Mutex<Guests>>,
}

/// Serves WebSocket clients, and a page to browsers: each client is given to `handler` on a thread of its own. When it returns,
/// the client gets a Close: 1000 after `Ok`, after an error the code that fits it ([`close_code`]), 1011 after any other and a panic.
///
/// The idle and the total time of `server` are not used: a client may be silent and stay as long as it answers pings.
///
/// # Errors
/// Those of [`Server::start`].
///
/// ```
/// use netprimer::{server::Server, websocket};
/// let server = Server::bind("127.0.0.1:0")?;
/// let running = websocket::serve(server, Default::default(), |client| {
///     while let Some(message) = client.receive()? {
///         client.send(format!("the server heard: {message}"))?;
///     }
///     Ok(())
/// })?;
///
/// let mut socket = websocket::connect(&format!("ws://{}/", running.addr()))?;
/// socket.send("你好".into())?;
/// assert_eq!(socket.read()?.to_string(), "the server heard: 你好");
/// websocket::close(&mut socket, websocket::CloseCode::Normal, "bye")?;
/// # Ok::<(), netprimer::Error>(())
/// ```
pub fn serve(
    server: Server,
    options: Serve,
    handler: impl Fn(&mut Client) -> Result<()> + Send + Sync + 'static,
) -> Result<Running> {
    let guests = Arc::<Mutex<Guests>>::default();
    let ours = Arc::clone(&guests);
    let server = server.idle(None).start(move |conn| welcome(conn, &options, &ours, &handler))?;
    Ok(Running { server, guests })
}

/// One connection, from its first byte to its last.
fn welcome(
    conn: Conn,
    options: &Serve,
    guests: &Mutex<Guests>,
    handler: &impl Fn(&mut Client) -> Result<()>,
) -> Result<()> {
    let (peer, number) = (conn.peer, conn.number);
    let deadline = Deadline::after(options.handshake);
    let _leaves = Leaves(guests, number);
    let mut list = locked(guests);
    if list.stopping {
        return Ok(());
    }
    list.here.insert(number, Guest::Knocking(conn.stream.closer()));
    drop(list);
    let (trace, seal) = (options.trace.as_ref(), options.seal.as_deref());
    let mut line = Line::new(conn.stream, Role::Server, options.limits, trace, deadline, seal)?;
    let (head, rest) = match head::read(&mut line, "read the handshake") {
        Ok(read) => read,
        Err(error) => {
            match &error {
                Error::TooLong(..) => refuse(line, &Answer::refusal(431, "a head has at most 16 KiB here")),
                Error::Timeout(_) => refuse(line, &Answer::refusal(408, "the head did not come in time")),
                Error::Protocol(_) => refuse(line, &Answer::refusal(400, "this is TLS, and here is none: use ws://")),
                _ => {}
            }
            return Err(error);
        }
    };
    let (request, response) = match door::look(&head, options) {
        Ok(found) => found,
        Err(answer) => {
            refuse(line, &answer);
            let bad = || Error::Protocol(format!("a request that was answered with {}", answer.status).into());
            return if answer.status < 400 { Ok(()) } else { Err(bad()) };
        }
    };
    let protocol = response.headers().get("sec-websocket-protocol").and_then(|name| Some(name.to_str().ok()?.into()));
    let mut bytes = Vec::new();
    write_response(&mut bytes, &response)?;
    // Under the lock, so that stop finds everybody either outside or in; a head fits into the buffer of a new connection.
    let mut list = locked(guests);
    if list.stopping {
        return Ok(());
    }
    line.writer().write_head(&bytes, deadline).map_err(Error::io("answer the handshake"))?;
    list.here.insert(number, Guest::In(Arc::downgrade(line.writer())));
    drop(list);
    line.set_deadline(Deadline::NEVER);
    line.open = true;
    let socket = Socket::from_partially_read(line, rest, Role::Server, Some(options.limits.config()));
    let mut client = Client { socket, peer, request, protocol, number };
    match catch_unwind(AssertUnwindSafe(|| handler(&mut client))) {
        Ok(result) => {
            see_out(&mut client.socket, &result);
            result
        }
        Err(panic) => {
            see_out(&mut client.socket, &Err(Error::Other("serve".into(), "a panic".into())));
            resume_unwind(panic)
        }
    }
}

/// Takes a client off the list, however it left.
struct Leaves<'a>(&'a Mutex<Guests>, u64);

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        locked(self.0).here.remove(&self.1);
    }
}

fn refuse(mut line: Line, answer: &Answer) {
    let _ = line.writer().write_head(&answer.bytes, Deadline::NEVER); // the caller may be gone
    super::see_off(&mut line, false);
}

/// The end of a conversation that the handler has left, if it is not over yet.
fn see_out(socket: &mut Socket, result: &Result<()>) {
    match result {
        _ if !socket.can_write() => {}
        // Somebody else has sent our Close: his answer, or what else is on its way, is read before the connection ends.
        _ if socket.get_ref().is_over() => super::see_off(socket.get_mut(), false),
        Ok(()) => drop(super::close(socket, CloseCode::Normal, "")),
        // It may be the handler's own, in words that are for us; and where nobody is left, this is told to nobody.
        Err(error) => match close_code(error).unwrap_or(CloseCode::Error) {
            CloseCode::Error => super::fail(socket, CloseCode::Error, "the server made a mistake"),
            code => super::fail(socket, code, &error.to_string()),
        },
    }
}

impl Running {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// How many clients are connected, those in their handshake not counted.
    pub fn clients(&self) -> usize {
        locked(&self.guests).here.values().filter(|guest| matches!(guest, Guest::In(_))).count()
    }

    /// The server below, for its counts.
    pub fn server(&self) -> &Handle {
        &self.server
    }

    /// Ends the service: no caller is accepted any more, and every client gets a Close with 1001 (going away). Who answers it has
    /// `grace` to do so; then what is left is cut.
    pub fn stop(&self, grace: Duration) -> Drained {
        let mut list = locked(&self.guests);
        list.stopping = true;
        let guests: Vec<Arc<Writer>> = list.here.values().filter_map(Guest::writer).collect();
        drop(list);
        // A client who does not read is told by the thread that waits for him, and nobody is kept waiting here.
        guests.into_iter().for_each(|writer| writer.close(CloseCode::Away, "the server stops"));
        self.server.stop(grace)
    }
}
