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
//! May use: error, stream, trace.

use super::{Plan, Seen, lock};
use crate::error::{Error, Result};
use crate::stream;
use crate::trace::{Event, Side};
use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle, Scope};
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
    /// The byte at this offset of each datagram arrives with these bits turned: what a checksum would have caught (RFC 768
    /// lets a sender leave it out over IPv4). A shorter datagram stays as it is.
    Flip {
        /// Which byte, from 0.
        at: usize,
        /// Which bits: it is combined by exclusive or.
        mask: u8,
    },
    /// The relay waits so long before it sends each datagram on. The order stays.
    Delay(Duration),
}

/// A proxy for datagrams.
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
pub type DatagramProxy = Plan<DatagramFault>;

impl Plan<DatagramFault> {
    /// Takes the address, then serves on threads of its own.
    ///
    /// # Errors
    /// When the upstream address cannot be understood, when the own one cannot be taken, when there is no thread to be had.
    pub fn start(self) -> Result<DatagramRelay> {
        let plan = self.ready()?;
        let bound = UdpSocket::bind(&plan.listen).and_then(|socket| {
            socket.set_read_timeout(Some(TICK))?;
            Ok((socket.local_addr()?, socket))
        });
        let (addr, socket) = bound.map_err(Error::io(format!("listen on {}", plan.listen)))?;
        let relay = Arc::new(Relay { plan, socket, stopped: Mutex::new(false), changed: Condvar::new() });
        let theirs = Arc::clone(&relay);
        let listen = thread::Builder::new().name("datagrams".into()).spawn(move || theirs.listen());
        Ok(DatagramRelay { addr, relay, listen: Some(listen.map_err(Error::not_started("start the proxy"))?) })
    }
}

/// A relay at work. It stops, with all its threads, when it is dropped.
pub struct DatagramRelay {
    addr: SocketAddr,
    relay: Arc<Relay>,
    listen: Option<JoinHandle<()>>,
}

impl DatagramRelay {
    /// Where it waits for datagrams.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Sleeps while the relay serves: until the program is ended.
    pub fn wait(mut self) {
        let _ = self.listen.take().map(JoinHandle::join); // a panic there was reported when it happened
    }
}

impl Drop for DatagramRelay {
    fn drop(&mut self) {
        *lock(&self.relay.stopped) = true;
        self.relay.changed.notify_all();
        let _ = self.listen.take().map(JoinHandle::join);
    }
}

/// How often a thread that waits for a datagram looks whether the relay was stopped: std has no way to wake it.
const TICK: Duration = Duration::from_millis(50);
/// RFC 4787 REQ-5: not less than two minutes.
const IDLE: Duration = Duration::from_secs(120);
/// The largest datagram has 65,507 bytes: into this buffer none is cut.
const BUFFER: usize = 65_536;

struct Relay {
    plan: Arc<Plan<DatagramFault>>,
    socket: UdpSocket,
    stopped: Mutex<bool>,
    changed: Condvar,
}

/// One client, with its socket towards the server.
struct Client {
    number: u64,
    address: SocketAddr,
    began: Instant,
    socket: UdpSocket,
    heard: Mutex<Instant>,
}

/// One direction of one client.
#[derive(Default)]
struct Way {
    count: u64,
    held: Option<Vec<u8>>,
}

impl Relay {
    /// From the clients to the server. The threads for the other direction end before this does.
    fn listen(&self) {
        let mut buffer = vec![0; BUFFER];
        let mut clients: HashMap<SocketAddr, (Arc<Client>, Way)> = HashMap::new();
        let mut number = 0;
        thread::scope(|threads| {
            while !self.stopped() {
                let (n, from) = match self.socket.recv_from(&mut buffer) {
                    Ok(datagram) => datagram,
                    Err(error) => {
                        self.bear(&error);
                        continue;
                    }
                };
                // Who has no thread any more was silent for long.
                clients.retain(|_, (client, _)| Arc::strong_count(client) > 1);
                if !clients.contains_key(&from) && clients.len() < self.plan.places {
                    // Without a descriptor or a thread the datagram is lost, as datagrams may be.
                    if let Ok(client) = self.welcome(threads, number + 1, from) {
                        number += 1;
                        clients.insert(from, (client, Way::default()));
                    }
                }
                if let Some((client, way)) = clients.get_mut(&from) {
                    self.pass(way, client, Side::Client, &buffer[..n]);
                }
            }
        });
    }

    fn welcome<'s>(&'s self, threads: &'s Scope<'s, '_>, number: u64, address: SocketAddr) -> io::Result<Arc<Client>> {
        let socket = stream::connect_udp(self.plan.upstream[0])?;
        socket.set_read_timeout(Some(TICK))?;
        let began = Instant::now();
        let client = Arc::new(Client { number, address, began, socket, heard: Mutex::new(began) });
        let theirs = Arc::clone(&client);
        thread::Builder::new().name("answers".into()).spawn_scoped(threads, move || self.answers(&theirs))?;
        Ok(client)
    }

    /// From the server to one client, until both have been silent for long.
    fn answers(&self, client: &Client) {
        let mut buffer = vec![0; BUFFER];
        let mut way = Way::default();
        while !self.stopped() && lock(&client.heard).elapsed() < IDLE {
            match client.socket.recv(&mut buffer) {
                Ok(n) => self.pass(&mut way, client, Side::Server, &buffer[..n]),
                // ICMP said "port unreachable" (RFC 1122 section 4.1.3.3). Nothing can be told to the client.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    self.tell(client, Side::Server, Event::Lost(&error));
                }
                Err(error) => self.bear(&error),
            }
        }
    }

    fn pass(&self, way: &mut Way, client: &Client, from: Side, datagram: &[u8]) {
        let send = |datagram: &[u8]| {
            self.tell(client, from, Event::Bytes(datagram));
            // What cannot be sent is lost, as datagrams may be.
            let _ = match from {
                Side::Client => client.socket.send(datagram),
                Side::Server => self.socket.send_to(datagram, client.address),
            };
        };
        *lock(&client.heard) = Instant::now();
        way.count += 1;
        let faults = &self.plan.faults[from as usize];
        let mut datagram = datagram.to_vec();
        for fault in faults {
            match *fault {
                DatagramFault::Delay(time) => self.pause(time),
                DatagramFault::Flip { at, mask } => datagram.get_mut(at).into_iter().for_each(|byte| *byte ^= mask),
                _ => {}
            }
        }
        let has = |fault| faults.contains(&fault);
        let earlier = way.held.take();
        if has(DatagramFault::Swap(way.count)) {
            way.held = Some(datagram);
        } else if !has(DatagramFault::Drop(way.count)) {
            send(&datagram);
            if has(DatagramFault::Duplicate(way.count)) {
                send(&datagram);
            }
        }
        if let Some(earlier) = earlier {
            send(&earlier);
        }
    }

    fn tell(&self, client: &Client, side: Side, event: Event<'_>) {
        (self.plan.watcher)(&Seen { connection: client.number, at: client.began.elapsed(), side, event });
    }

    /// A tick without a datagram is over at once; any other error (Windows reports a client that is gone, 10054) is not
    /// allowed to make a loop at full speed.
    fn bear(&self, error: &io::Error) {
        if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) {
            self.pause(TICK);
        }
    }

    /// Waits so long, or until the relay is stopped.
    fn pause(&self, time: Duration) {
        let _ = self.changed.wait_timeout_while(lock(&self.stopped), time, |stopped| !*stopped);
    }

    fn stopped(&self) -> bool {
        *lock(&self.stopped)
    }
}
