//! The checker's end of one conversation: a connection, or a socket for datagrams.
//!
//! May use: error, deadline, stream, lab.

use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::lab::ports::{Closed, Filtered};
use crate::stream::{self, Stream, Tcp};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// How often a wait looks whether the other side still runs.
pub(super) const LOOK: Duration = Duration::from_millis(20);
/// No step sends what takes longer, even to somebody who reads byte by byte.
const SENDING: Duration = Duration::from_secs(5);
/// More than any datagram.
const DATAGRAM: usize = 65_536;

/// One end.
#[derive(Debug)]
pub(super) enum Wire {
    Closed,
    /// Where a client is to connect.
    Listening(TcpListener),
    /// A port at which nobody listens.
    Nobody(Closed),
    /// A group of machines: TCP has to refuse it as an error before it sends anything (RFC 9293 section 3.9.2.3, MUST-46).
    Impossible,
    /// An address that answers nothing. All checks of this process share it: it takes about 130 descriptors.
    Silent(Arc<Filtered>),
    Tcp(Tcp),
    /// Our socket, and whom an answer goes to: for a client the server, for a server who asked last.
    Udp(UdpSocket, Option<SocketAddr>),
}

impl Wire {
    pub(super) fn tcp(host: &str, port: u16, deadline: Deadline) -> Result<Wire> {
        stream::connect(host, port, deadline).map(Wire::Tcp)
    }

    pub(super) fn udp(host: &str, port: u16, deadline: Deadline) -> Result<Wire> {
        let addresses = stream::resolve(host, port, deadline)?;
        let server = *addresses.first().ok_or_else(|| Error::Invalid(format!("{host} has no address").into()))?;
        let socket = stream::connect_udp(server).map_err(Error::io(format!("ask {server}")))?;
        Ok(Wire::Udp(socket, Some(server)))
    }

    pub(super) fn listening() -> io::Result<Wire> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?; // std has no accept with a limit
        Ok(Wire::Listening(listener))
    }

    pub(super) fn datagrams() -> io::Result<Wire> {
        Ok(Wire::Udp(UdpSocket::bind("127.0.0.1:0")?, None))
    }

    /// `None` on systems where no address of ours is silent.
    pub(super) fn silent() -> Result<Option<Wire>> {
        static SHARED: Mutex<Weak<Filtered>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = match shared.upgrade() {
            Some(silent) => Some(silent),
            None => Filtered::start(Ipv4Addr::LOCALHOST.into())?.map(Arc::new),
        };
        *shared = silent.as_ref().map(Arc::downgrade).unwrap_or_default();
        Ok(silent.map(Wire::Silent))
    }

    /// Where the other side finds us.
    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        match self {
            Wire::Closed => Err(ErrorKind::NotConnected.into()),
            Wire::Listening(listener) => listener.local_addr(),
            Wire::Nobody(closed) => Ok(closed.addr()),
            Wire::Impossible => Ok((Ipv4Addr::new(224, 0, 0, 1), 9).into()),
            Wire::Silent(silent) => Ok(silent.addr()),
            Wire::Tcp(connection) => connection.socket().local_addr(),
            Wire::Udp(socket, _) => socket.local_addr(),
        }
    }

    pub(super) fn is_udp(&self) -> bool {
        matches!(self, Wire::Udp(..))
    }

    /// The connection of a client that has come by now.
    pub(super) fn accepted(&self) -> io::Result<Option<Wire>> {
        let Wire::Listening(listener) = self else { return Ok(None) };
        match listener.accept() {
            Ok((socket, _)) => {
                socket.set_nonblocking(false)?; // some systems hand it on
                Ok(Some(Wire::Tcp(Tcp::new(socket)?)))
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Sends these bytes: one piece of the stream, or one datagram. A peer that is gone lets this fail; what is expected next
    /// tells what that means.
    pub(super) fn send(&mut self, bytes: &[u8], patience: Duration) {
        let _ = match self {
            Wire::Tcp(connection) => {
                connection.set_deadline(Deadline::after(SENDING));
                connection.set_patience(Some(patience));
                connection.write_all(bytes)
            }
            Wire::Udp(socket, Some(to)) if socket.peer_addr().is_err() => socket.send_to(bytes, *to).map(drop),
            Wire::Udp(socket, _) => socket.send(bytes).map(drop),
            _ => Ok(()),
        };
    }

    /// Says "no more from me" and goes on listening.
    pub(super) fn finish(&mut self) {
        if let Wire::Tcp(connection) = self {
            let _ = connection.finish(); // as in `send`
        }
    }

    /// One look at what has come, of at most `limit` bytes where these are a stream. Of a stream, nothing is its end.
    pub(super) fn read(&mut self, limit: usize) -> io::Result<Vec<u8>> {
        match self {
            Wire::Tcp(connection) => {
                connection.set_deadline(Deadline::NEVER);
                connection.set_patience(Some(LOOK));
                read(limit, |buffer| connection.read(buffer))
            }
            Wire::Udp(socket, partner) => {
                socket.set_read_timeout(Some(LOOK))?;
                read(DATAGRAM, |buffer| {
                    let (n, from) = socket.recv_from(buffer)?;
                    *partner = Some(from);
                    Ok(n)
                })
            }
            _ => Err(ErrorKind::NotConnected.into()),
        }
    }

    /// The same, and leaves it there.
    pub(super) fn peek(&mut self, limit: usize) -> io::Result<Vec<u8>> {
        match self {
            Wire::Tcp(connection) => {
                connection.socket().set_read_timeout(Some(LOOK))?;
                read(limit, |buffer| connection.socket().peek(buffer))
            }
            Wire::Udp(socket, _) => {
                socket.set_read_timeout(Some(LOOK))?;
                read(DATAGRAM, |buffer| socket.peek_from(buffer).map(|(n, _)| n))
            }
            _ => Err(ErrorKind::NotConnected.into()),
        }
    }
}

fn read(limit: usize, from: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; limit];
    let n = from(&mut buffer)?;
    buffer.truncate(n);
    Ok(buffer)
}
