//! A connection, whatever carries it: the trait [`Stream`] over TCP ([`Tcp`]) and what wraps it.
//!
//! Nothing of its own travels here: TCP carries bytes in order, in pieces of its own choosing, each direction with an
//! end of its own (the FIN; RFC 9293 sections 3.6 and 3.8). What this file adds to `std::net::TcpStream` is time: every
//! read and write ends by the stream's deadline, however slowly the peer drips, and whatever is layered on top
//! (a trace, TLS, a text protocol) inherits that, because the kernel is told the rest of the time in this one place.
//!
//! May use: error, encode, deadline.

mod invitation;
mod sealed;
mod shared;
mod tls;

pub use crate::error::Cut;
pub use invitation::{Invitation, Revoke};
pub use sealed::close;
#[cfg(feature = "lab")]
pub(crate) use sealed::{Below, Cause, Session, handshake};
pub use tls::{Tls, upgrade};

use crate::deadline::Deadline;
use crate::error::{Error, Result};
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, mpsc};
use std::thread;
use std::time::Duration;

/// A connection to read and write, with a deadline.
///
/// `TlsStream<Box<dyn Stream>>` reads and writes a stream and can be one itself: so TLS, traces and scripted bytes stack
/// in any order without a new type for each pair.
///
/// A signal ends no read and no write: none of them fails with `Interrupted`.
pub trait Stream: Read + Write + Send + fmt::Debug {
    /// From now on every read and write together must be done by then; [`Deadline::NEVER`] lifts the limit.
    /// A read or write after it fails with an [`io::Error`] of kind `TimedOut` (or `WouldBlock`, which
    /// [`Error::io`] folds into [`Error::Timeout`]).
    fn set_deadline(&mut self, deadline: Deadline);

    /// The address of the peer.
    ///
    /// # Errors
    /// When the connection is already gone.
    fn peer_addr(&self) -> io::Result<SocketAddr>;

    /// Our own address on this connection.
    ///
    /// # Errors
    /// When the connection is already gone.
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// Says "no more from me" and leaves the other direction open: FIN over TCP, over TLS a `close_notify` before it.
    ///
    /// # Errors
    /// When the connection is already gone.
    fn finish(&mut self) -> io::Result<()>;

    /// Whether nothing has come that is still to be read: no byte, and no end. Asked without waiting, before a kept connection
    /// is used again: what lies there was sent before our question and is no answer to it.
    fn is_quiet(&mut self) -> bool;

    /// What is written from now on is a secret (`true`) or no longer (`false`): a hint to those who watch this stream.
    fn secret(&mut self, _on: bool) {}

    /// From now on those who watch this stream are told nothing more: a layer above it has watchers of its own.
    fn unwatch(&mut self) {}
}

/// A stream of any kind.
pub type BoxStream = Box<dyn Stream>;

impl<S: Stream + ?Sized> Stream for Box<S> {
    fn set_deadline(&mut self, deadline: Deadline) {
        (**self).set_deadline(deadline);
    }
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        (**self).peer_addr()
    }
    fn local_addr(&self) -> io::Result<SocketAddr> {
        (**self).local_addr()
    }
    fn finish(&mut self) -> io::Result<()> {
        (**self).finish()
    }
    fn is_quiet(&mut self) -> bool {
        (**self).is_quiet()
    }
    fn secret(&mut self, on: bool) {
        (**self).secret(on);
    }
    fn unwatch(&mut self) {
        (**self).unwatch();
    }
}

/// A TCP connection whose reads and writes end in time: by the deadline of the whole, and each after the patience for
/// one, whichever comes first.
pub struct Tcp {
    // Shared, so that another thread can end the connection without a second descriptor for it.
    socket: Arc<TcpStream>,
    deadline: Deadline,
    patience: Option<Duration>,
    // How long a call may wait, as the kernel was told last, for reads and for writes. Shared too.
    told: Arc<Mutex<[Option<Duration>; 2]>>,
}

const READ: usize = 0;
const WRITE: usize = 1;

/// What the kernel was told is not known, or no longer right: this is more than is ever left, so it is told anew.
const UNTOLD: Option<Duration> = Some(Duration::MAX);
/// Whether a socket can be used on after a read or write has timed out. Windows does not promise that (SO_RCVTIMEO there).
const CAN_WAIT_ON: bool = cfg!(unix);
/// A rest of the time up to this is waited for in one go: to wake up once more would not be worth it.
const SHORT: Duration = Duration::from_millis(20);

impl Tcp {
    /// Takes over a connected socket: no delay for small writes (TCP_NODELAY: our protocols write a whole turn at once,
    /// so Nagle's algorithm could only make the peer wait, RFC 896), no deadline and no patience limit yet.
    ///
    /// # Errors
    /// When the connection is already gone.
    pub fn new(socket: TcpStream) -> io::Result<Tcp> {
        socket.set_nodelay(true)?;
        let told = Arc::new(Mutex::new([UNTOLD; 2]));
        Ok(Tcp { socket: Arc::new(socket), deadline: Deadline::NEVER, patience: None, told })
    }

    /// How long one read or one write may wait for the peer, beside the deadline; `None` for no such limit.
    pub fn set_patience(&mut self, each: Option<Duration>) {
        // A timeout of zero would be none, and one without end is none.
        self.patience = each.filter(|time| *time < Duration::MAX).map(|time| time.max(Duration::from_micros(1)));
    }

    /// The socket itself, for what this type does not cover.
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// A way to end this connection from another thread, by `shutdown` on the socket while it still exists: a read that
    /// waits there ends at once. It does not keep the connection open.
    pub fn closer(&self) -> Weak<TcpStream> {
        Arc::downgrade(&self.socket)
    }

    /// Tells the kernel how long one call may wait, and says whether the deadline decides that. Then it is mostly less than what
    /// is left, so that the kernel need not be told anew before each call: who wakes up early waits on.
    fn arm(&mut self, way: usize) -> io::Result<bool> {
        // Without words of our own: the caller knows what it waited for, and Error::io says so.
        let rest = self.deadline.left("").map_err(|_| io::Error::from(ErrorKind::TimedOut))?;
        let mut told = self.told();
        let (wait, by_deadline) = match (rest, self.patience) {
            (None, each) => (each, false),
            (Some(rest), Some(each)) if each <= rest => (Some(each), false),
            (Some(rest), _) => match told[way] {
                Some(told) if CAN_WAIT_ON && told <= rest => (Some(told), true),
                _ if CAN_WAIT_ON && rest > SHORT => (Some(rest / 2), true),
                _ => (Some(rest), true),
            },
        };
        if told[way] != wait {
            match way {
                READ => self.socket.set_read_timeout(wait)?,
                _ => self.socket.set_write_timeout(wait)?,
            }
            told[way] = wait;
        }
        Ok(by_deadline)
    }

    fn told(&self) -> MutexGuard<'_, [Option<Duration>; 2]> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One call that ends in time.
    fn in_time(&mut self, way: usize, mut call: impl FnMut(&TcpStream) -> io::Result<usize>) -> io::Result<usize> {
        loop {
            let by_deadline = self.arm(way)?;
            match call(&self.socket) {
                // It has taken and given nothing (socket(7)), and perhaps there is time left.
                Err(error) if CAN_WAIT_ON && by_deadline && error.kind() == ErrorKind::WouldBlock => {
                    self.told()[way] = UNTOLD;
                }
                // A call that has a timeout ends when the program is stopped and goes on (signal(7)): Ctrl-Z, then fg.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }
}

impl Read for Tcp {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.in_time(READ, |mut socket| socket.read(buffer))
    }
}

impl Write for Tcp {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.in_time(WRITE, |mut socket| socket.write(bytes))
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(()) // TCP has no buffer of ours to empty.
    }
}

impl Stream for Tcp {
    fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = deadline;
    }
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.peer_addr()
    }
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
    fn finish(&mut self) -> io::Result<()> {
        self.socket.shutdown(Shutdown::Write)
    }
    fn is_quiet(&mut self) -> bool {
        let look = self.socket.set_nonblocking(true).and_then(|()| self.socket.peek(&mut [0]));
        let nothing = look.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        self.socket.set_nonblocking(false).is_ok() && nothing
    }
}

impl fmt::Debug for Tcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.socket.peer_addr() {
            Ok(peer) => write!(f, "Tcp({peer})"),
            Err(_) => f.write_str("Tcp(gone)"),
        }
    }
}

/// The addresses of a host, in the system's order (IPv6 and IPv4, RFC 6724), before the deadline.
///
/// An address in numbers needs no lookup; `[::1]` may stand in brackets. The lookup of a name has no timeout in any
/// operating system, so it runs on a thread of its own: if it is late, we go on and that thread ends when the system is
/// done.
///
/// # Errors
/// [`Error::Timeout`]; [`Error::Io`] when the name is unknown or malformed (a label of 64 bytes never leaves this
/// machine, RFC 1035 section 2.3.4); [`Error::Invalid`] for one that is empty or has a space or a control character in it.
pub fn resolve(host: &str, port: u16, deadline: Deadline) -> Result<Vec<SocketAddr>> {
    let phase = format!("look up {}", crate::encode::visible(host.as_bytes()));
    if let Ok(ip) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    if host.is_empty() || host.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Err(Error::Invalid(format!("{phase}: a host name has no spaces and is not empty").into()));
    }
    let (answer, wait) = mpsc::channel();
    let name = host.to_owned();
    thread::Builder::new()
        .name("lookup".into())
        .spawn(move || {
            let found = (name, port).to_socket_addrs().map(Vec::from_iter);
            // The caller may have stopped waiting.
            let _ = answer.send(found);
        })
        .map_err(Error::not_started(phase.clone()))?;
    let found = match deadline.left(phase.clone())? {
        Some(rest) => wait.recv_timeout(rest).map_err(|_| Error::Timeout(phase.clone().into()))?,
        None => wait.recv().map_err(|_| Error::Closed(phase.clone().into()))?,
    };
    let found = found.map_err(Error::io(phase.clone()))?;
    if found.is_empty() { Err(Error::Io(phase.into(), ErrorKind::NotFound.into())) } else { Ok(found) }
}

/// Connects to a host by name or address: each of its addresses in turn, all within one deadline, which also bounds the
/// lookup. An address gets its share of the time that is left, so that a silent first one does not use up the whole.
///
/// The deadline was for connecting: the stream that comes back has none until one is set.
///
/// # Errors
/// The last address's error when none answers, with all addresses that were tried in its text; and those of [`resolve`].
pub fn connect(host: &str, port: u16, deadline: Deadline) -> Result<Tcp> {
    connect_any(&resolve(host, port, deadline)?, deadline)
}

/// [`connect`] to the first of these addresses that answers.
///
/// # Errors
/// The last address's error when none answers, with all of them in its text.
pub fn connect_any(addresses: &[SocketAddr], deadline: Deadline) -> Result<Tcp> {
    let mut phase = "connect to ".to_owned();
    let mut cause = ErrorKind::NotFound.into();
    for (n, address) in addresses.iter().enumerate() {
        phase += &if n > 0 { format!(": {cause}; {address}") } else { address.to_string() };
        match connect_one(address, deadline, addresses.len() - n) {
            Ok(tcp) => return Ok(tcp),
            Err(error) => cause = error,
        }
    }
    Err(Error::io(phase)(cause))
}

fn connect_one(address: &SocketAddr, deadline: Deadline, addresses_left: usize) -> io::Result<Tcp> {
    let socket = match deadline.left("").map_err(|_| io::Error::from(ErrorKind::TimedOut))? {
        Some(rest) => {
            let share = rest / u32::try_from(addresses_left).unwrap_or(u32::MAX);
            TcpStream::connect_timeout(address, share.max(Duration::from_micros(1)))?
        }
        None => TcpStream::connect(address)?,
    };
    // On loopback a port from the range for clients can be given to our own end: TCP then connects it to itself
    // (simultaneous open, RFC 9293 section 3.5). Nobody listens there.
    let own = socket.local_addr()?;
    if own.port() == address.port() && own == socket.peer_addr()? {
        return Err(ErrorKind::ConnectionRefused.into());
    }
    Tcp::new(socket)
}

/// A socket for datagrams to and from this address only, on a port of its own.
///
/// # Errors
/// When there is no socket to be had, or no way to that address.
///
/// ```
/// let server = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// netprimer::stream::connect_udp(server.local_addr()?)?.send(b"hello")?;
/// let (_, client) = server.recv_from(&mut [0; 16])?;
/// assert!(client.ip().is_loopback());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn connect_udp(peer: SocketAddr) -> io::Result<UdpSocket> {
    let own = match peer.ip() {
        ip if ip.is_loopback() => ip, // what is only for this machine stays on it
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((own, 0))?;
    socket.connect(peer)?;
    Ok(socket)
}
