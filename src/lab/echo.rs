//! An echo server to practise on (RFC 862), over TCP and UDP on one port: what comes goes back.
//!
//! ```text
//! TCP   C -> S  any bytes         S -> C  the same bytes; the client's FIN, then ours
//! UDP   C -> S  a datagram        S -> C  the same datagram
//! ```
//!
//! On a real network this is no service to leave running: with a forged sender, two echo servers for UDP talk to each other for
//! ever (CVE-1999-0103). This one is reached from this machine only.
//!
//! May use: error, server, stream, trace, and of the lab: pause, udp.

use crate::error::{Error, Result};
use crate::lab::pause::{Curtain, CurtainFalls};
use crate::lab::udp;
use crate::server::{Conn, Drained, Handle};
use crate::stream::Stream;
use crate::trace::{Event, Side, Sink, Traced};
use std::fmt;
use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// A client may be silent for so long, as in lesson 2.5.
const IDLE: Duration = Duration::from_secs(60);
/// Above the largest datagram of IPv4, which has 65,507 bytes.
const DATAGRAM: usize = 65_535;

/// How the server is to be.
#[derive(Clone, Default)]
pub struct Options {
    /// The port on 127.0.0.1, for both; 0, the default, takes any that is free.
    pub port: u16,
    /// Who watches the wire, if anybody.
    pub trace: Option<Arc<dyn Sink>>,
}

/// A server that runs. Dropping it stops it.
pub struct Lab {
    tcp: Handle,
    datagrams: Arc<Datagrams>,
    thread: Option<thread::JoinHandle<()>>,
}

/// Starts a server on 127.0.0.1.
///
/// # Errors
/// [`Error::Io`] when the port is taken or no thread can be made.
///
/// ```
/// use netprimer::lab::echo;
/// use std::net::UdpSocket;
/// let lab = echo::start(echo::Options::default())?;
/// let socket = UdpSocket::bind("127.0.0.1:0")?;
/// socket.send_to("你好".as_bytes(), lab.addr())?;
/// let mut answer = [0; 16];
/// let (n, from) = socket.recv_from(&mut answer)?;
/// assert_eq!((&answer[..n], from), ("你好".as_bytes(), lab.addr()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn start(options: Options) -> Result<Lab> {
    let (server, socket) = udp::bind_both(options.port)?;
    let trace = options.trace.clone();
    let tcp = server.idle(Some(IDLE)).start(move |conn| echo(conn, trace.as_ref()))?;
    let (curtain, count) = (Curtain::default(), AtomicU64::default());
    let datagrams = Arc::new(Datagrams { socket, trace: options.trace, curtain, count });
    let shared = Arc::clone(&datagrams);
    let thread = thread::Builder::new().name("lab echo".into()).spawn(move || shared.serve());
    let thread = thread.map_err(Error::not_started("start a thread for UDP"))?;
    Ok(Lab { tcp, datagrams, thread: Some(thread) })
}

fn echo(conn: Conn, trace: Option<&Arc<dyn Sink>>) -> Result<()> {
    let mut stream: Box<dyn Stream> = match trace {
        Some(sink) => Box::new(Traced::new(conn.stream, Side::Server, Arc::clone(sink))),
        None => Box::new(conn.stream),
    };
    let mut buffer = vec![0; 16 << 10];
    loop {
        match stream.read(&mut buffer).map_err(Error::io("wait for the client"))? {
            0 => return stream.finish().map_err(Error::io("end our side")),
            n => stream.write_all(&buffer[..n]).map_err(Error::io("send it back"))?,
        }
    }
}

struct Datagrams {
    socket: UdpSocket,
    trace: Option<Arc<dyn Sink>>,
    curtain: Curtain,
    count: AtomicU64,
}

impl Datagrams {
    fn serve(&self) {
        let mut buffer = vec![0; DATAGRAM];
        while self.curtain.pause(Duration::ZERO) {
            let Ok((n, peer)) = self.socket.recv_from(&mut buffer) else {
                // On Windows it tells of clients that are gone. Whatever it was, not in a busy loop.
                self.curtain.pause(Duration::from_millis(5));
                continue;
            };
            if !self.curtain.pause(Duration::ZERO) {
                return; // it was the one that wakes us
            }
            self.count.fetch_add(1, Ordering::Relaxed);
            self.show(Side::Client, &buffer[..n]);
            // Whoever has gone away needs no answer.
            if self.socket.send_to(&buffer[..n], peer).is_ok() {
                self.show(Side::Server, &buffer[..n]);
            }
        }
    }

    fn show(&self, side: Side, bytes: &[u8]) {
        if let Some(sink) = &self.trace {
            sink.event(side, Event::Bytes(bytes));
        }
    }
}

impl Lab {
    /// Where it listens, for TCP and UDP.
    pub fn addr(&self) -> SocketAddr {
        self.tcp.addr()
    }

    /// The server for TCP below, for its counts.
    pub fn server(&self) -> &Handle {
        &self.tcp
    }

    /// How many datagrams came.
    pub fn datagrams(&self) -> u64 {
        self.datagrams.count.load(Ordering::Relaxed)
    }

    /// Ends it, and says how its connections ended.
    pub fn stop(self, grace: Duration) -> Drained {
        self.tcp.stop(grace)
    }
}

impl fmt::Debug for Lab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lab(echo {})", self.addr())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        drop(CurtainFalls(self.datagrams.curtain.clone()));
        udp::wake(self.addr());
        self.thread.take().map(thread::JoinHandle::join);
    }
}
