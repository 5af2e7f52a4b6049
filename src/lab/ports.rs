//! Ports for a scanner to find: open ones that speak, and that are silent, a closed one, and a filtered one.
//!
//! ```text
//! open      a server that says a line, one that says a nasty line, one that waits for us
//! closed    our own end of a connection has this port: nobody can listen on it
//! filtered  a listener that never accepts, with its queue full: Linux and macOS leave the next SYN unanswered, as a
//!           firewall would that drops it. Windows refuses it: there is no filtered port there
//! ```
//!
//! RFC 9293 section 3.5 (how connections begin); listen(2) for the queue.
//!
//! May use: error, server.

use crate::error::{Error, Result};
use crate::server::{Handle, Server};
use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// What a mail server says first (RFC 5321 section 4.2).
const POLITE: &str = "220 mail.test ready\r\n";

/// Written as it is, this clears the screen of whoever scans (ECMA-48: ESC `[2J`) and then lies to them.
const NASTY: &str = "\x1b[2Jall ports closed\r\n";

/// A queue that takes more than this has no end that we could wait for. std asks for 128; systems may give half as many more.
const QUEUE: usize = 10_000;

/// A connection on this machine needs microseconds: this long without an answer is silence.
const SILENCE: Duration = Duration::from_millis(200);

/// Ports that stay as they are until this is dropped.
pub struct Ports {
    servers: Vec<Handle>,
    closed: Closed,
    filtered: Option<Filtered>,
}

impl Ports {
    /// Opens them, on ports of the system's choice. `host` is 127.0.0.1 or `::1`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an address that is not loopback; [`Error::Io`] when there are not descriptors enough (about 140), or
    /// no such address.
    ///
    /// ```
    /// use netprimer::{lab::ports::Ports, scan::{Scan, State}};
    /// let lab = Ports::start("127.0.0.1".parse()?)?;
    /// let found = Scan { ports: vec![lab.closed().port()], ..Scan::of(lab.closed().ip()) }.run()?;
    /// assert_eq!(found[0].state, State::Closed);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn start(host: IpAddr) -> Result<Ports> {
        let at = any_port(host)?;
        let speaks = |line: &'static str| {
            Server::bind(at)?
                .start(move |mut conn| conn.stream.write_all(line.as_bytes()).map_err(Error::io("say the first line")))
        };
        let waits = Server::bind(at)?.start(|mut conn| match conn.stream.read(&mut [0; 512]) {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::io("wait for a question")(error)),
        })?;
        Ok(Ports {
            servers: vec![speaks(POLITE)?, speaks(NASTY)?, waits],
            closed: Closed::start(host)?,
            filtered: Filtered::start(host)?,
        })
    }

    /// Somebody listens: one says a line, one a nasty line, one nothing.
    pub fn open(&self) -> Vec<SocketAddr> {
        self.servers.iter().map(Handle::addr).collect()
    }

    /// Nobody listens, and nobody can.
    pub fn closed(&self) -> SocketAddr {
        self.closed.addr()
    }

    /// Nothing answers. `None` on systems that refuse callers when a queue is full.
    pub fn filtered(&self) -> Option<SocketAddr> {
        self.filtered.as_ref().map(Filtered::addr)
    }

    /// All of them: open, closed, filtered.
    pub fn all(&self) -> Vec<SocketAddr> {
        self.open().into_iter().chain([self.closed()]).chain(self.filtered()).collect()
    }
}

/// One line for whoever is to scan them.
impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open: Vec<String> = self.open().iter().map(SocketAddr::to_string).collect();
        write!(f, "lab: open {}; closed {}; ", open.join(", "), self.closed())?;
        match self.filtered() {
            Some(addr) => write!(f, "filtered {addr}"),
            None => f.write_str("none filtered: this system refuses whom it has no room for"),
        }
    }
}

/// An address on which nobody listens, and nobody can while this lives.
#[derive(Debug)]
pub struct Closed {
    // Both ends of a connection and the listener between them: the port of the first is taken, and not by a listener.
    addr: SocketAddr,
    _near: TcpStream,
    _listener: TcpListener,
}

impl Closed {
    /// Takes a port of the system's choice. `host` is 127.0.0.1 or `::1`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an address that is not loopback; [`Error::Io`] when there is no such address.
    ///
    /// ```
    /// use netprimer::lab::ports::Closed;
    /// use std::{io::ErrorKind, net::TcpStream};
    /// let nobody = Closed::start("127.0.0.1".parse()?)?;
    /// let error = TcpStream::connect(nobody.addr()).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn start(host: IpAddr) -> Result<Closed> {
        let at = any_port(host)?;
        let reserve = || {
            let listener = TcpListener::bind(at)?;
            let near = TcpStream::connect(listener.local_addr()?)?;
            Ok(Closed { addr: near.local_addr()?, _near: near, _listener: listener })
        };
        reserve().map_err(Error::io("reserve a port without listening on it"))
    }

    /// Where nobody listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

/// An address that answers nothing while this lives, as behind a firewall that drops each SYN.
#[derive(Debug)]
pub struct Filtered {
    addr: SocketAddr,
    _full: (TcpListener, Vec<TcpStream>),
}

impl Filtered {
    /// Fills the queue of a listener, on a port of the system's choice. `host` is 127.0.0.1 or `::1`. `None` on systems that
    /// refuse callers when a queue is full.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an address that is not loopback; [`Error::Io`] when there are not descriptors enough (about 130), or
    /// no such address.
    ///
    /// ```
    /// use netprimer::lab::ports::Filtered;
    /// use std::{io::ErrorKind, net::TcpStream, time::Duration};
    /// if let Some(silent) = Filtered::start("127.0.0.1".parse()?)? {
    ///     let error = TcpStream::connect_timeout(&silent.addr(), Duration::from_millis(100)).unwrap_err();
    ///     assert_eq!(error.kind(), ErrorKind::TimedOut);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn start(host: IpAddr) -> Result<Option<Filtered>> {
        let tried = || Error::io("fill the queue of a listener");
        let listener = TcpListener::bind(any_port(host)?).map_err(tried())?;
        let addr = listener.local_addr().map_err(tried())?;
        let mut held = Vec::new();
        while held.len() < QUEUE {
            match TcpStream::connect_timeout(&addr, SILENCE) {
                Ok(stream) => held.push(stream),
                Err(error) => match error.kind() {
                    ErrorKind::TimedOut => return Ok(Some(Filtered { addr, _full: (listener, held) })),
                    ErrorKind::ConnectionRefused => return Ok(None),
                    _ => return Err(tried()(error)),
                },
            }
        }
        Ok(None)
    }

    /// Where nothing answers.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

fn any_port(host: IpAddr) -> Result<SocketAddr> {
    match host.is_loopback() {
        true => Ok(SocketAddr::new(host, 0)),
        false => Err(Error::Invalid(format!("{host}: the lab stays on this machine").into())),
    }
}
