//! The proxy for datagrams: each is a message of its own (RFC 768), so what goes wrong goes wrong with a whole one: it is
//! lost, comes twice, late, or after its successor.
//!
//! ```text
//! client :50001  ->  [ relay :40123 | :50002 ]  ->  server :8888
//! ```
//!
//! Each client gets a socket of its own towards the server, connected, so that only the server's answers come back. The
//! place of a client that is silent, with its server, for two minutes is given up, as a router does (RFC 4787 REQ-5).
//!
//! May use: error, trace.

use super::seen::{Passed, Seen, Watch};
use super::{ANY_PORT, LIMIT, listening, relay::index};
use crate::error::{Error, Result};
use crate::trace::{Side, Sink, Transcript};
use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What goes wrong in one direction. Datagrams are counted from 1, for each client and direction by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatagramFault {
    /// The n-th is lost.
    Drop(u64),
    /// The n-th arrives twice.
    Duplicate(u64),
    /// The n-th arrives after the next one; without a next one, never.
    Swap(u64),
    /// The relay waits so long before it sends each datagram on. The order stays.
    Delay(Duration),
}

/// A relay for datagrams to be; what [`super::FaultProxy`] is for TCP.
///
/// ```
/// use netprimer::fault::{DatagramFault, DatagramProxy};
/// use std::net::UdpSocket;
///
/// let server = UdpSocket::bind("127.0.0.1:0")?;
/// let relay = DatagramProxy::to(server.local_addr()?).up(DatagramFault::Drop(1)).start()?;
///
/// let client = UdpSocket::bind("127.0.0.1:0")?;
/// client.send_to(b"lost", relay.addr())?;
/// client.send_to(b"sent again", relay.addr())?;
/// let mut buffer = [0; 64];
/// let (n, _) = server.recv_from(&mut buffer)?;
/// assert_eq!(&buffer[..n], b"sent again");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct DatagramProxy {
    upstream: io::Result<Vec<SocketAddr>>,
    listen: io::Result<Vec<SocketAddr>>,
    faults: [Vec<DatagramFault>; 2],
    watch: Watch,
}

impl DatagramProxy {
    /// Leads to this server; of several addresses the first one counts, because nothing tells whether a datagram arrived.
    pub fn to(upstream: impl ToSocketAddrs) -> DatagramProxy {
        let upstream = upstream.to_socket_addrs().map(Vec::from_iter);
        DatagramProxy { upstream, listen: Ok(vec![ANY_PORT]), faults: [vec![], vec![]], watch: Watch::default() }
    }

    /// Waits for datagrams there instead of on any free port of 127.0.0.1.
    pub fn listen_on(mut self, address: impl ToSocketAddrs) -> DatagramProxy {
        self.listen = address.to_socket_addrs().map(Vec::from_iter);
        self
    }

    /// This happens to what clients send up to the server.
    pub fn up(mut self, fault: DatagramFault) -> DatagramProxy {
        self.faults[index(Side::Client)].push(fault);
        self
    }

    /// This happens to what the server sends down.
    pub fn down(mut self, fault: DatagramFault) -> DatagramProxy {
        self.faults[index(Side::Server)].push(fault);
        self
    }

    /// Tells `sink` each datagram before it goes on. A sink that joins pieces must be asked for the pieces
    /// ([`Transcript::pieces`]): datagrams are messages.
    pub fn sink(mut self, sink: Arc<dyn Sink>) -> DatagramProxy {
        self.watch.sink(sink);
        self
    }

    /// Tells `watcher` each datagram with its client and time.
    pub fn watch(mut self, watcher: impl Fn(&Seen<'_>) + Send + Sync + 'static) -> DatagramProxy {
        self.watch.add(watcher);
        self
    }

    /// Keeps all that passes, each client for itself, for [`DatagramRelay::transcripts`].
    pub fn keep(mut self) -> DatagramProxy {
        self.watch.keep();
        self
    }

    /// Takes the address, then serves on threads of its own.
    ///
    /// # Errors
    /// When the upstream address cannot be understood, when the own one cannot be taken, when there is no thread to be had.
    pub fn start(self) -> Result<DatagramRelay> {
        let phase = "look up the server behind the proxy";
        let upstream = self.upstream.map_err(Error::io(phase))?;
        let upstream = *upstream.first().ok_or(Error::Io(phase.into(), ErrorKind::NotFound.into()))?;
        let listen = self.listen.map_err(Error::io("look up the address to listen on"))?;
        let socket = UdpSocket::bind(&listen[..]).map_err(Error::io(listening(&listen)))?;
        socket.set_read_timeout(Some(TICK)).map_err(Error::io(listening(&listen)))?;
        let addr = socket.local_addr().map_err(Error::io(listening(&listen)))?;
        let (faults, watch) = (self.faults, self.watch);
        let (live, changed) = Default::default();
        let shared = Arc::new(Shared { upstream, socket, faults, watch, live, changed });
        let theirs = Arc::clone(&shared);
        let listen = thread::Builder::new().name("datagrams".into()).spawn(move || theirs.listen());
        Ok(DatagramRelay { addr, shared, listen: Some(listen.map_err(Error::io("start the proxy"))?) })
    }
}

/// A relay at work. It stops when it is dropped.
pub struct DatagramRelay {
    addr: SocketAddr,
    shared: Arc<Shared>,
    listen: Option<JoinHandle<()>>,
}

impl DatagramRelay {
    /// Where it waits for datagrams.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What passed, by client, in the order of their first datagrams; nothing without [`DatagramProxy::keep`].
    pub fn transcripts(&self) -> Vec<Transcript> {
        self.shared.watch.transcripts()
    }

    /// Serves until the program is ended.
    pub fn serve(mut self) {
        if let Some(listen) = self.listen.take() {
            let _ = listen.join(); // a panic there was reported when it happened
        }
    }
}

impl Drop for DatagramRelay {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.changed.notify_all();
        let _ = self.listen.take().map(JoinHandle::join);
        let wait = self.shared.changed.wait_timeout_while(self.shared.lock(), super::STOP, |live| live.threads > 0);
        drop(wait);
    }
}

/// How often a thread that waits for a datagram looks whether the relay was stopped: std has no way to wake it.
const TICK: Duration = Duration::from_millis(50);
/// RFC 4787 REQ-5: not less than two minutes.
const IDLE: Duration = Duration::from_secs(120);
/// The largest datagram has 65,507 bytes: into this buffer none is cut.
const BUFFER: usize = 65_536;

struct Shared {
    upstream: SocketAddr,
    socket: UdpSocket,
    faults: [Vec<DatagramFault>; 2],
    watch: Watch,
    live: Mutex<Live>,
    changed: Condvar,
}

#[derive(Default)]
struct Live {
    stopped: bool,
    threads: usize,
    number: usize,
    clients: HashMap<SocketAddr, Arc<Client>>,
}

/// A socket for datagrams to and from this address only (a connected one), on a port of its own.
///
/// # Errors
/// When there is no socket to be had, or no way to that address.
///
/// ```
/// use netprimer::fault::datagrams_with;
/// let server = std::net::UdpSocket::bind("127.0.0.1:0")?;
/// datagrams_with(server.local_addr()?)?.send(b"hello")?;
/// let (_, client) = server.recv_from(&mut [0; 16])?;
/// assert!(client.ip().is_loopback());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn datagrams_with(peer: SocketAddr) -> io::Result<UdpSocket> {
    let own = match peer.ip() {
        ip if ip.is_loopback() => ip, // what is only for this machine stays on it
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((own, 0))?;
    socket.connect(peer)?;
    Ok(socket)
}

/// One client, with its socket towards the server.
struct Client {
    number: usize,
    address: SocketAddr,
    began: Instant,
    socket: UdpSocket,
    heard: Mutex<Instant>,
    up: Mutex<Way>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From the clients to the server.
    fn listen(self: &Arc<Self>) {
        let mut buffer = vec![0; BUFFER];
        while !self.lock().stopped {
            match self.socket.recv_from(&mut buffer) {
                // Over the limit, or without a descriptor or a thread: lost, as datagrams may be.
                Ok((n, from)) => {
                    if let Ok(client) = self.client(from) {
                        *client.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
                        let mut way = client.up.lock().unwrap_or_else(PoisonError::into_inner);
                        self.pass(&mut way, &client, Side::Client, &buffer[..n]);
                    }
                }
                Err(error) => self.wait_after(&error),
            }
        }
    }

    fn client(self: &Arc<Self>, address: SocketAddr) -> io::Result<Arc<Client>> {
        let mut live = self.lock();
        if let Some(client) = live.clients.get(&address) {
            return Ok(Arc::clone(client));
        }
        if live.clients.len() >= LIMIT {
            return Err(ErrorKind::QuotaExceeded.into());
        }
        let socket = datagrams_with(self.upstream)?;
        socket.set_read_timeout(Some(TICK))?;
        let began = Instant::now();
        let (number, heard, up) = (live.number + 1, Mutex::new(began), Mutex::default());
        let client = Arc::new(Client { number, address, began, socket, heard, up });
        let (shared, theirs) = (Arc::clone(self), Arc::clone(&client));
        thread::Builder::new().name(format!("datagrams {}", client.number)).spawn(move || {
            shared.answers(&theirs);
            let mut live = shared.lock();
            live.clients.remove(&theirs.address);
            live.threads -= 1;
            shared.changed.notify_all();
        })?;
        live.number += 1;
        live.threads += 1;
        live.clients.insert(address, Arc::clone(&client));
        Ok(client)
    }

    /// From the server to one client, until both have been silent for long.
    fn answers(&self, client: &Client) {
        let mut buffer = vec![0; BUFFER];
        let mut way = Way::default();
        while !self.lock().stopped {
            match client.socket.recv(&mut buffer) {
                Ok(n) => {
                    *client.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
                    self.pass(&mut way, client, Side::Server, &buffer[..n]);
                }
                // ICMP said "port unreachable" (RFC 1122 section 4.1.3.3). Nothing can be told to the client.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    self.see(client, Side::Server, Passed::Lost(&error));
                }
                Err(error) => self.wait_after(&error),
            }
            if client.heard.lock().unwrap_or_else(PoisonError::into_inner).elapsed() > IDLE {
                return;
            }
        }
    }

    fn pass(&self, way: &mut Way, client: &Client, from: Side, datagram: &[u8]) {
        let send = |datagram: &[u8]| {
            self.see(client, from, Passed::Bytes(datagram));
            // What cannot be sent is lost, as datagrams may be.
            let _ = match from {
                Side::Client => client.socket.send(datagram),
                Side::Server => self.socket.send_to(datagram, client.address),
            };
        };
        way.count += 1;
        let has = |fault| self.faults[index(from)].contains(&fault);
        for fault in &self.faults[index(from)] {
            if let DatagramFault::Delay(time) = *fault {
                let _ = self.changed.wait_timeout_while(self.lock(), time, |live| !live.stopped);
            }
        }
        let earlier = way.held.take();
        if has(DatagramFault::Swap(way.count)) {
            way.held = Some(datagram.to_vec());
        } else if !has(DatagramFault::Drop(way.count)) {
            send(datagram);
            if has(DatagramFault::Duplicate(way.count)) {
                send(datagram);
            }
        }
        if let Some(earlier) = earlier {
            send(&earlier);
        }
    }

    fn see(&self, client: &Client, side: Side, passed: Passed<'_>) {
        self.watch.see(&Seen { connection: client.number, at: client.began.elapsed(), side, passed });
    }

    /// A tick without a datagram is over at once; any other error (Windows reports a client that is gone, 10054) is not
    /// allowed to make a loop at full speed.
    fn wait_after(&self, error: &io::Error) {
        if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) {
            let _ = self.changed.wait_timeout_while(self.lock(), TICK, |live| !live.stopped);
        }
    }
}

/// One direction of one client.
#[derive(Default)]
struct Way {
    count: u64,
    held: Option<Vec<u8>>,
}
