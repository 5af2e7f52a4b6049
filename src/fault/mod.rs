//! A proxy that spoils a conversation on purpose, and shows it: what a network does rarely, done always and at the same
//! byte.
//!
//! ```text
//! client  ->  [ proxy: Slice(1), Cut { after: 6 }, ... ]  ->  server
//!         <-                                              <-
//! ```
//!
//! [`FaultProxy`] relays TCP: bytes in order, each direction with an end of its own, so a half-close goes through it
//! (FIN per direction, RFC 9293 section 3.6). [`DatagramProxy`] relays UDP: whole datagrams (RFC 768). Faults are counted
//! in bytes or datagrams and never drawn by dice: what failed once fails again, and a test can sweep every offset.
//!
//! One thing does not pass: a reset. std cannot make one at will (see [`Fault::Slam`]), so when one side resets its
//! connection, the other side sees an end; who watches the proxy sees the reset.
//!
//! May use: error, deadline, stream, encode, trace, server.

mod datagram;
mod relay;
mod seen;

pub use datagram::{DatagramFault, DatagramProxy, DatagramRelay};
pub use seen::Seen;

use crate::error::{Error, Result};
use crate::server::{Handle, Server};
use crate::trace::Side;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What goes wrong in one direction. Offsets count that direction's bytes from 0, for each connection anew.
///
/// Of several faults of one kind in one direction the smallest counts; delays add up, flips and drops all happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The proxy waits so long before it sends each piece on. The order stays.
    Delay(Duration),
    /// Pieces of at most so many bytes (0 counts as 1). A millisecond lies between two, and Nagle's algorithm is off:
    /// a peer that waits in `read` gets each for itself. One that is late finds several at once, as on any network; add
    /// a [`Fault::Delay`] to make that unlikely.
    Slice(usize),
    /// The byte at this offset arrives with these bits turned.
    Flip {
        /// Which byte, from 0.
        at: u64,
        /// Which bits: it is combined by exclusive or, so 0 changes nothing.
        mask: u8,
    },
    /// The byte at this offset does not arrive; those behind it do. Who watches is not told of it.
    Drop {
        /// Which byte, from 0.
        at: u64,
    },
    /// After so many bytes the connection ends: FIN to both sides. What they still send is thrown away.
    Cut {
        /// How many bytes arrive.
        after: u64,
    },
    /// After so many bytes nothing more arrives, not even the end: the connection stays open, until the proxy stops or
    /// one side resets it. The proxy reads no further, so a sender fills its buffers and then waits.
    Stall {
        /// How many bytes arrive.
        after: u64,
    },
    /// After so many bytes the sender's next byte is answered by a reset (RST, RFC 9293 section 3.10.7). Nothing happens
    /// to a sender that says no more: std can make a reset in one way only, by closing a socket in which bytes lie
    /// unread (setting SO_LINGER is not stable), so there must be such a byte.
    Slam {
        /// How many bytes arrive before.
        after: u64,
    },
}

/// A proxy for TCP connections.
///
/// ```
/// use netprimer::fault::{Fault, FaultProxy};
/// use std::io::{Read, Write};
/// use std::net::{TcpListener, TcpStream};
///
/// let server = TcpListener::bind("127.0.0.1:0")?;
/// let proxy = FaultProxy::to(server.local_addr()?).down(Fault::Cut { after: 5 }).start()?;
///
/// let mut client = TcpStream::connect(proxy.addr())?;
/// server.accept()?.0.write_all(b"220 mail.test ready\r\n")?;
/// let mut greeting = String::new();
/// client.read_to_string(&mut greeting)?;
/// assert_eq!(greeting, "220 m");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type FaultProxy = Plan<Fault>;

/// A proxy to be: where it leads and what goes wrong on the way. It listens once `start` has returned.
pub struct Plan<F> {
    upstream: Vec<SocketAddr>,
    /// Why there is none, if there is none.
    wrong: io::Error,
    listen: String,
    places: usize,
    faults: [Vec<F>; 2],
    watcher: Box<dyn Fn(&Seen<'_>) + Send + Sync>,
}

impl<F> Plan<F> {
    /// Leads to this server. Where it has several addresses, TCP tries each in turn; for datagrams the first one counts,
    /// because nothing tells whether a datagram arrived. An address that cannot be understood is reported by `start`. (A
    /// name is looked up here and now, without a time limit: [`crate::stream::resolve`] has one, and what it returns can
    /// be given as `&addresses[..]`.)
    pub fn to(upstream: impl ToSocketAddrs) -> Plan<F> {
        let (upstream, wrong) = match upstream.to_socket_addrs() {
            Ok(addresses) => (addresses.collect(), ErrorKind::NotFound.into()),
            Err(error) => (vec![], error),
        };
        let (listen, faults) = ("127.0.0.1:0".to_owned(), [vec![], vec![]]);
        Plan { upstream, wrong, listen, places: 256, faults, watcher: Box::new(|_| {}) }
    }

    /// Listens there instead of on any free port of 127.0.0.1.
    pub fn listen_on(mut self, address: impl ToString) -> Plan<F> {
        self.listen = address.to_string();
        self
    }

    /// This happens to what clients send up to the server.
    pub fn up(mut self, fault: F) -> Plan<F> {
        self.faults[Side::Client as usize].push(fault);
        self
    }

    /// This happens to what the server sends down.
    pub fn down(mut self, fault: F) -> Plan<F> {
        self.faults[Side::Server as usize].push(fault);
        self
    }

    /// At most so many connections at once (or clients, for datagrams): 256 unless said otherwise, as a server of ours
    /// has. A further connection waits in the system's queue, a further client's datagrams are lost.
    pub fn places(mut self, places: usize) -> Plan<F> {
        self.places = places;
        self
    }

    /// Tells `watcher` all that passes, before it goes on: so an answer never stands before its question. The proxy waits
    /// for it, and cannot know what is a password: everything is told. Of several calls the last one counts.
    pub fn watch(mut self, watcher: impl Fn(&Seen<'_>) + Send + Sync + 'static) -> Plan<F> {
        self.watcher = Box::new(watcher);
        self
    }

    fn ready(self) -> Result<Arc<Plan<F>>> {
        match self.upstream.is_empty() {
            true => Err(Error::io("look up the server behind the proxy")(self.wrong)),
            false => Ok(Arc::new(self)),
        }
    }
}

impl Plan<Fault> {
    /// Listens, then serves on threads of its own, until [`Handle::stop`] or the end of the handle. After the grace all
    /// connections end, the stalled ones too; stuck are those whose watcher hangs, or whose upstream server is silent to
    /// a connection attempt.
    ///
    /// # Errors
    /// When the upstream address cannot be understood, when it is not possible to listen, when there is no thread to be
    /// had. (An upstream server that is not there is no error here: the client's connection is closed.)
    pub fn start(self) -> Result<Handle> {
        let plan = self.ready()?;
        let server = Server::bind(plan.listen.as_str())?.places(plan.places);
        server.start(move |conn| relay::relay(conn, &plan))
    }
}

/// What stands behind these locks is whole at every step, so a poisoned one is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
