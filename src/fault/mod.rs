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
//! May use: error, encode, deadline, stream, trace.

mod datagram;
mod relay;
mod seen;

pub use datagram::{DatagramFault, DatagramProxy, DatagramRelay, datagrams_with};
pub use seen::{Passed, Seen};

use crate::error::{Error, Result};
use crate::trace::{Side, Sink, Transcript};
use relay::Connection;
use seen::Watch;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What goes wrong in one direction. Offsets count that direction's bytes from 0, for each connection anew.
///
/// Of several faults of one kind in one direction the smallest counts; delays add up, flips all happen.
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

/// Where a proxy listens unless it is told otherwise.
const ANY_PORT: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));
/// How many connections at once, or how many clients of a [`DatagramProxy`]: as many as a server of ours has places.
const LIMIT: usize = 256;
/// For the connection to the upstream server: it stands beside us, or does not answer at all.
const CONNECT: Duration = Duration::from_secs(5);
/// How long [`Proxy::stop`] waits for its threads.
const STOP: Duration = Duration::from_secs(2);

/// A proxy to be: where it leads and what goes wrong on the way. It listens once [`FaultProxy::start`] has returned.
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
pub struct FaultProxy {
    upstream: io::Result<Vec<SocketAddr>>,
    listen: io::Result<Vec<SocketAddr>>,
    faults: [Vec<Fault>; 2],
    limit: usize,
    watch: Watch,
}

impl FaultProxy {
    /// Leads to this server; where it has several addresses, each is tried in turn. An address that cannot be understood
    /// is reported by [`FaultProxy::start`]. (A name is looked up here and now, without a time limit:
    /// [`crate::stream::resolve`] has one, and what it returns can be given as `&addresses[..]`.)
    pub fn to(upstream: impl ToSocketAddrs) -> FaultProxy {
        let upstream = upstream.to_socket_addrs().map(Vec::from_iter);
        let faults = [vec![], vec![]];
        FaultProxy { upstream, listen: Ok(vec![ANY_PORT]), faults, limit: LIMIT, watch: Watch::default() }
    }

    /// Listens there instead of on any free port of 127.0.0.1.
    pub fn listen_on(mut self, address: impl ToSocketAddrs) -> FaultProxy {
        self.listen = address.to_socket_addrs().map(Vec::from_iter);
        self
    }

    /// This happens to what the client sends up to the server.
    pub fn up(mut self, fault: Fault) -> FaultProxy {
        self.faults[relay::index(Side::Client)].push(fault);
        self
    }

    /// This happens to what the server sends down to the client.
    pub fn down(mut self, fault: Fault) -> FaultProxy {
        self.faults[relay::index(Side::Server)].push(fault);
        self
    }

    /// At most so many connections at once (256 unless set, at least 1): a further client waits in the system's queue.
    pub fn limit(mut self, connections: usize) -> FaultProxy {
        self.limit = connections.max(1);
        self
    }

    /// Tells `sink` all that passes, of all connections, as it leaves the proxy. It is told before the bytes go on, so an
    /// answer never stands before its question. The proxy cannot know what is a password: everything is told.
    pub fn sink(mut self, sink: Arc<dyn Sink>) -> FaultProxy {
        self.watch.sink(sink);
        self
    }

    /// Tells `watcher` all that passes with its connection and time; otherwise like [`FaultProxy::sink`]. The proxy waits
    /// for it.
    pub fn watch(mut self, watcher: impl Fn(&Seen<'_>) + Send + Sync + 'static) -> FaultProxy {
        self.watch.add(watcher);
        self
    }

    /// Keeps all that passes, each connection for itself, for [`Proxy::transcripts`]. The memory is never given back
    /// before the proxy ends: this is for tests.
    pub fn keep(mut self) -> FaultProxy {
        self.watch.keep();
        self
    }

    /// Listens, then serves on threads of its own.
    ///
    /// # Errors
    /// When the upstream address cannot be understood, when it is not possible to listen, when there is no thread to be
    /// had. (An upstream server that is not there is no error here: the client's connection is closed.)
    pub fn start(self) -> Result<Proxy> {
        let upstream = self.upstream.map_err(Error::io("look up the server behind the proxy"))?;
        let listen = self.listen.map_err(Error::io("look up the address to listen on"))?;
        let listener = TcpListener::bind(&listen[..]).map_err(Error::io(listening(&listen)))?;
        let addr = listener.local_addr().map_err(Error::io(listening(&listen)))?;
        let faults = self.faults;
        let shared = Arc::new(Shared { upstream, faults, limit: self.limit, watch: self.watch, ..Shared::default() });
        let theirs = Arc::clone(&shared);
        let accept = thread::Builder::new().name("proxy".into()).spawn(move || theirs.accept(&listener));
        Ok(Proxy { addr, shared, accept: Some(accept.map_err(Error::io("start the proxy"))?) })
    }
}

/// The phase, for an error: `listen on 127.0.0.1:8889`.
fn listening(addresses: &[SocketAddr]) -> String {
    let all: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
    format!("listen on {}", all.join(" or "))
}

impl fmt::Debug for FaultProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultProxy").field("upstream", &self.upstream).field("faults", &self.faults).finish()
    }
}

/// A proxy at work. It stops when it is dropped.
pub struct Proxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
    accept: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How many connections are open now.
    pub fn open(&self) -> usize {
        self.shared.lock().open
    }

    /// What passed, by connection, in the order in which they were accepted; nothing without [`FaultProxy::keep`].
    pub fn transcripts(&self) -> Vec<Transcript> {
        self.shared.watch.transcripts()
    }

    /// Ends all connections and waits for all threads, at most two seconds. How many are then still not done (0, if no
    /// watcher hangs and no upstream server is silent to a connection attempt).
    pub fn stop(mut self) -> usize {
        self.end()
    }

    /// Serves until the program is ended: for a program that is only a proxy.
    pub fn serve(mut self) {
        if let Some(accept) = self.accept.take() {
            let _ = accept.join(); // a panic there was reported when it happened
        }
    }

    fn end(&mut self) -> usize {
        let mut live = self.shared.lock();
        live.stopped = true;
        let connections = std::mem::take(&mut live.connections);
        drop(live);
        self.shared.changed.notify_all();
        connections.iter().filter_map(Weak::upgrade).for_each(|connection| connection.close());
        let wait = self.shared.changed.wait_timeout_while(self.shared.lock(), STOP, |live| live.open > 0);
        let stuck = wait.unwrap_or_else(PoisonError::into_inner).0.open;
        if let Some(accept) = self.accept.take() {
            // `accept` has no timeout: a connection of our own wakes it. Refused means that it has ended already.
            match TcpStream::connect_timeout(&self.addr, CONNECT) {
                Err(error) if error.kind() != ErrorKind::ConnectionRefused => {}
                _ => drop(accept.join()), // a panic there was reported when it happened
            }
        }
        stuck
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if self.accept.is_some() {
            self.end();
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({} for {:?})", self.addr, self.shared.upstream)
    }
}

/// What all threads of one proxy have in common.
#[derive(Default)]
struct Shared {
    upstream: Vec<SocketAddr>,
    faults: [Vec<Fault>; 2],
    limit: usize,
    watch: Watch,
    live: Mutex<Live>,
    changed: Condvar,
}

#[derive(Default)]
struct Live {
    stopped: bool,
    open: usize,
    // Weak: the registry keeps no connection open, or none could be ended by closing it.
    connections: Vec<Weak<Connection>>,
}

/// One of the limited connections; the place is free again when this is dropped, whatever happened.
struct Place(Arc<Shared>);

impl Place {
    fn take(shared: &Arc<Shared>) -> Place {
        shared.lock().open += 1;
        Place(Arc::clone(shared))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut live = self.0.lock();
        live.open -= 1;
        live.connections.retain(|connection| connection.strong_count() > 0);
        drop(live);
        self.0.changed.notify_all();
    }
}

/// After a failed `accept`; doubled each time, up to a second.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        let mut number = 0;
        let mut pause = FIRST_PAUSE;
        while self.has_place() {
            match listener.accept() {
                Ok(_) if self.lock().stopped => {}
                Ok((client, _)) => {
                    number += 1;
                    pause = FIRST_PAUSE;
                    let place = Place::take(self);
                    let serve = move || place.0.relay(number, client);
                    // Without a thread this one client is dropped, with its place; the others go on.
                    let _ = thread::Builder::new().name(format!("proxy {number}")).spawn(serve);
                }
                // A client that was gone before we took it says nothing about the next one.
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => {}
                // No descriptors left, most likely: without a pause this would be a loop at full speed.
                Err(_) => {
                    let _ = self.changed.wait_timeout_while(self.lock(), pause, |live| !live.stopped);
                    pause = (pause * 2).min(Duration::from_secs(1));
                }
            }
        }
    }

    /// Waits for a free place. `false` when the proxy is stopped.
    fn has_place(&self) -> bool {
        let full = |live: &mut Live| live.open >= self.limit && !live.stopped;
        let live = self.changed.wait_while(self.lock(), full).unwrap_or_else(PoisonError::into_inner);
        !live.stopped
    }

    fn relay(&self, number: usize, client: TcpStream) {
        let Some(connection) = Connection::open(number, client, self) else { return };
        let connection = Arc::new(connection);
        let mut live = self.lock();
        if live.stopped {
            return;
        }
        live.connections.push(Arc::downgrade(&connection));
        drop(live);
        connection.run(&self.faults, &self.watch);
    }
}
