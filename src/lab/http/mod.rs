//! A web server to practise on, over HTTP and HTTPS, whose answers have the shape that httpbin's users know.
//!
//! ```text
//! GET /get?key1=value1 HTTP/1.1\r\n          {
//! Host: 127.0.0.1:8080\r\n                      "args": {"key1": "value1"},
//! \r\n                                          "headers": {"Host": "127.0.0.1:8080"},
//!                                               "origin": "127.0.0.1",
//!                                               "url": "http://127.0.0.1:8080/get?key1=value1"
//!                                            }
//! ```
//!
//! `/` lists what there is. HTTP/1.1 with keep-alive (RFC 9112), one request after another on each connection. Strict with
//! what could be read in two ways, limited in bytes and in time, and wrong only where an address says so (`/wrong/cut`):
//! anything wilder is a [`script`](crate::lab::script).
//!
//! May use: everything up to http, and of the lab: tls.

mod answer;
mod body;
mod incoming;
mod pages;
mod routes;
mod wrong;

use crate::deadline::Deadline;
use crate::error::Result;
use crate::http::head::RequestHead;
use crate::lab::pause::{Curtain, CurtainFalls};
use crate::lab::tls::Acceptor;
use crate::server::{Conn, Drained, Handle, Server};
use crate::stream::{BoxStream, Stream};
use crate::trace::{Side, Sink, Traced};
use answer::{Answer, End, Form, see_off};
use incoming::{Incoming, Next};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::{Shutdown, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How much of what came is kept to be asked for: requests, and bytes of all their heads and bodies.
const KEPT: (usize, usize) = (10_000, 16 << 20);

/// How the server is to be.
#[derive(Clone)]
pub struct Options {
    /// The port on 127.0.0.1; 0, the default, takes any that is free.
    pub port: u16,
    /// How many connections are served at once: 256, as [`Server::places`].
    pub places: usize,
    /// HTTPS with the certificate of this acceptor; `None`, the default, is plain HTTP.
    pub tls: Option<Acceptor>,
    /// Who watches the wire (over TLS: the plaintext), if anybody.
    pub trace: Option<Arc<dyn Sink>>,
    /// What a client may take.
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Options {
        Options { port: 0, places: 256, tls: None, trace: None, limits: Limits::default() }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Options({} places, {:?}, {:?})", self.places, self.tls, self.limits)
    }
}

/// What one client may take of time and memory. The size of a head is fixed: 8 KiB for the target, 100 fields, 64 KiB in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A connection may be silent for so long between two requests. Default 15 s.
    pub idle: Duration,
    /// A whole head, from its first byte on. Default 10 s, as Go's authors advise (`ReadHeaderTimeout`).
    pub head: Duration,
    /// A body may take so long, and then one second more for each [`body_rate`](Limits::body_rate) bytes that came. Default 10 s.
    pub body_grace: Duration,
    /// Bytes a second. Default 500, as Postfix has it (`smtpd_min_data_rate`).
    pub body_rate: u32,
    /// An answer, besides the pauses that it makes itself. Default 30 s.
    pub write: Duration,
    /// Bytes of a body. Default 1 MiB, as nginx has it (`client_max_body_size`).
    pub body: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        let seconds = Duration::from_secs;
        Limits {
            idle: seconds(15),
            head: seconds(10),
            body_grace: seconds(10),
            body_rate: 500,
            write: seconds(30),
            body: 1 << 20,
        }
    }
}

/// A request that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its first line and its fields.
    pub head: RequestHead,
    /// Its body, out of its chunks if it came in some.
    pub body: Vec<u8>,
    /// Who sent it.
    pub peer: SocketAddr,
    /// On which connection, counted from 0: two requests with the same number shared one.
    pub connection: u64,
}

impl Request {
    fn size(&self) -> usize {
        let fields: usize = self.head.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.head.target.len() + fields + self.body.len()
    }
}

/// A server that runs. Dropping it stops it.
pub struct Lab {
    // Before the server, so that an answer that waits ends before the server is stopped.
    curtain: CurtainFalls,
    server: Handle,
    shared: Arc<Shared>,
}

struct Shared {
    options: Options,
    addr: SocketAddr,
    curtain: Curtain,
    connections: AtomicU64,
    came: Mutex<Came>,
    // How often `/flaky` has failed, by key.
    failures: Mutex<HashMap<String, u64>>,
}

#[derive(Default)]
struct Came {
    requests: VecDeque<Request>,
    bytes: usize,
}

/// Starts a server on 127.0.0.1.
///
/// # Errors
/// Those of [`Server::bind`] and [`Server::start`].
///
/// ```
/// use netprimer::lab::http;
/// use std::io::{Read, Write};
/// let lab = http::start(http::Options::default())?;
/// let mut client = std::net::TcpStream::connect(lab.addr())?;
/// client.write_all(b"GET /status/418 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
/// let mut answer = String::new();
/// client.read_to_string(&mut answer)?;
/// assert!(answer.starts_with("HTTP/1.1 418 I'm a teapot\r\n"), "{answer}");
/// assert_eq!(lab.requests()[0].head.target, "/status/418");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn start(options: Options) -> Result<Lab> {
    // Every wait has a deadline of its own here, which knows what is being waited for.
    let server = Server::bind(format!("127.0.0.1:{}", options.port))?.places(options.places).idle(None);
    let shared = Arc::new(Shared {
        options,
        addr: server.addr(),
        curtain: Curtain::default(),
        connections: AtomicU64::new(0),
        came: Mutex::default(),
        failures: Mutex::default(),
    });
    let stage = Arc::clone(&shared);
    let server = server.start(move |conn| talk(conn, &stage))?;
    Ok(Lab { curtain: CurtainFalls(shared.curtain.clone()), server, shared })
}

impl Lab {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// The address of a page: `lab.url("/get")` is `http://127.0.0.1:40123/get`, or begins with `https`.
    pub fn url(&self, path: &str) -> String {
        self.shared.url(path)
    }

    /// What came so far: the last 10,000 requests, and fewer where they are large. One that was refused is not
    /// among them.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.came().requests.iter().cloned().collect()
    }

    /// The server below, for its counts.
    pub fn server(&self) -> &Handle {
        &self.server
    }

    /// Ends it, and says how its connections ended.
    pub fn stop(self, grace: Duration) -> Drained {
        let Lab { curtain, server, .. } = self;
        drop(curtain);
        server.stop(grace)
    }
}

impl fmt::Debug for Lab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lab({})", self.url("/"))
    }
}

impl Shared {
    fn scheme(&self) -> &'static str {
        if self.options.tls.is_some() { "https" } else { "http" }
    }

    fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme(), self.addr)
    }

    fn came(&self) -> MutexGuard<'_, Came> {
        self.came.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, request: &Request) {
        let mut came = self.came();
        came.bytes += request.size();
        came.requests.push_back(request.clone());
        while came.requests.len() > KEPT.0 || came.bytes > KEPT.1 {
            let Some(oldest) = came.requests.pop_front() else { return };
            came.bytes -= oldest.size();
        }
    }
}

/// One connection: its requests in their order, until one of the two sides has enough.
fn talk(conn: Conn, lab: &Shared) -> Result<()> {
    let limits = &lab.options.limits;
    let closer = conn.stream.closer();
    let mut stream: BoxStream = Box::new(conn.stream);
    if let Some(tls) = &lab.options.tls {
        stream.set_deadline(Deadline::after(limits.head));
        stream = tls.accept(stream)?;
    }
    if let Some(sink) = &lab.options.trace {
        stream = Box::new(Traced::new(stream, Side::Server, Arc::clone(sink)));
    }
    let mut incoming = Incoming::new(stream, conn.peer, lab.connections.fetch_add(1, Ordering::Relaxed));
    loop {
        let (answer, form) = match incoming.next(limits)? {
            Next::Request(request) => {
                lab.keep(&request);
                let RequestHead { method, minor, headers, .. } = &request.head;
                let close = *minor == 0 || headers.lists("Connection", "close") || !lab.curtain.pause(Duration::ZERO);
                let form = Form { head_only: method == "HEAD", minor: *minor, close };
                (routes::answer(&request, lab), form)
            }
            // What stands behind a request that we could not read is no request any more.
            Next::Refused { refusal, head_only } => (Answer::from(refusal), Form { head_only, minor: 1, close: true }),
            Next::End => {
                // He may be gone.
                let _ = incoming.stream.finish();
                return Ok(());
            }
        };
        match answer.send(&mut incoming.stream, form, &lab.curtain, limits.write)? {
            End::Not => {}
            End::Marked => {
                see_off(&mut incoming.stream);
                return Ok(());
            }
            End::Cut => {
                if let Some(socket) = closer.upgrade() {
                    // Below TLS, which therefore cannot say goodbye any more.
                    let _ = socket.shutdown(Shutdown::Both);
                }
                return Ok(());
            }
        }
    }
}
