//! A blocking server for a protocol over TCP: one thread for each connection, with a limit on everything a stranger can
//! take.
//!
//! What travels is the handler's business. This module decides who is served, for how long, and how it all ends.
//! Workers wait in `accept` themselves, so that a short connection changes threads nowhere.
//!
//! ```text
//!   callers ──> the kernel's queue (128 in std; a caller past it tries again after a second)
//!                    │
//!                    v
//!   ┌──────────> accept
//!   │                ├─ all places taken, and a line to refuse with: say it, close ──> back to accept
//!   │                ├─ I was the last one in accept: start a worker for this caller ─> back to accept
//!   │                │     (no thread to be had: this caller is turned away)
//!   │                v
//!   │          handler(Conn) ──> returns, fails or panics: the place is free
//!   │                │
//!   └── few others wait in accept ──┴── enough others do ──> the thread ends
//! ```
//!
//! With all places taken and no line to refuse with, the last one serves too, and nobody is in accept until one of them
//! comes back.
//!
//! | who sleeps | where | woken by |
//! |---|---|---|
//! | a worker without a caller | `accept` | a caller; stop, which shuts the listening socket |
//! | a worker that may not accept now (no descriptors left) | the condition `changed`, 5 ms to 1 s | the clock; the end of another connection; stop |
//! | a handler | `read` or `write` | the peer; the idle or total limit; stop, which shuts the connection after the grace (and does what the handler gave to `on_stop`) |
//! | the thread that says goodbye to refused callers | `recv` or `read` | a refused caller; his five seconds are over; stop |
//! | whoever called stop | the condition `changed` | the last worker to end; the grace is over |
//!
//! A caller who finds all places taken waits in the kernel's queue: no thread of ours sleeps for him.
//!
//! May use: error, deadline, stream, encode.

mod crew;
mod door;
mod goodbye;
#[cfg(test)]
mod tests;

use crate::error::{Error, Result};
use crate::stream::Tcp;
use crew::{Crew, OnStop, Options};
use door::Door;
use std::net::{Shutdown, SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, io};

/// The most places a server can have. A thread of Rust takes four mappings of memory on Linux and a process has 65,530
/// of them (`vm.max_map_count`): at about 16,000 threads the process is aborted, and nothing could catch that.
pub const MOST_PLACES: usize = 10_000;

/// How long stop waits for handlers whose connection it has shut, before it calls them stuck.
const AFTER_FORCE: Duration = Duration::from_secs(1);

/// A socket that listens, and the rules for those who come.
///
/// ```
/// use netprimer::{Error, server::Server};
/// use std::io::{Read, Write};
/// use std::net::TcpStream;
/// use std::time::Duration;
///
/// let server = Server::bind("127.0.0.1:0")?.places(100).idle(Some(Duration::from_secs(10)));
/// let handle = server.start(|mut conn| {
///     let mut name = String::new();
///     conn.stream.read_to_string(&mut name).map_err(Error::io("read the name"))?;
///     conn.stream.write_all(format!("Hello, {name}!").as_bytes()).map_err(Error::io("send the answer"))
/// })?;
///
/// let mut client = TcpStream::connect(handle.addr())?;
/// client.write_all("你好".as_bytes())?;
/// client.shutdown(std::net::Shutdown::Write)?;
/// assert_eq!(std::io::read_to_string(&client)?, "Hello, 你好!");
/// assert_eq!(handle.stop(Duration::from_secs(5)).stuck, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a server serves nobody before `start`"]
pub struct Server {
    listener: TcpListener,
    addr: SocketAddr,
    options: Options,
}

impl Server {
    /// Listens: from here on the port is known and callers are queued. Port 0 takes any that is free.
    ///
    /// The address decides who can come: `127.0.0.1` and `[::1]` only programs of this machine.
    ///
    /// # Errors
    /// [`Error::Io`] when the port is taken or reserved, or the address is malformed or not this machine's.
    pub fn bind(addr: impl ToSocketAddrs + fmt::Display) -> Result<Server> {
        let bound = TcpListener::bind(&addr).and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (addr, listener) = bound.map_err(Error::io(format!("listen on {addr}")))?;
        Ok(Server { listener, addr, options: Options::default() })
    }

    /// The address it listens on, with the real port.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How many connections are served at once: 256 unless said otherwise, at most [`MOST_PLACES`]. Callers past it
    /// wait in the kernel's queue, unless [`refuse_with`](Server::refuse_with) is set.
    pub fn places(mut self, places: usize) -> Server {
        self.options.places = places;
        self
    }

    /// Tells callers past the limit this line and closes, instead of letting them wait: `"421 too many\r\n"`. It is
    /// sent as it is, so it suits protocols in which the server speaks first.
    pub fn refuse_with(mut self, line: impl Into<String>) -> Server {
        self.options.refuse = Some(line.into());
        self
    }

    /// How long one read or one write may wait for the peer: 30 s unless said otherwise. After it the handler gets a
    /// timeout, which [`Error::io`] folds into [`Error::Timeout`]. `None` lets a silent peer keep its place for ever.
    pub fn idle(mut self, each: Option<Duration>) -> Server {
        self.options.idle = each;
        self
    }

    /// How long a whole connection may last, however busy it is: no limit unless said otherwise. It is what ends a peer
    /// who sends one byte just before each idle time is over.
    pub fn total(mut self, whole: Option<Duration>) -> Server {
        self.options.total = whole;
        self
    }

    /// The size in bytes of a worker's stack: 256 KiB unless said otherwise. Memory is taken only where it is touched.
    pub fn stack(mut self, bytes: usize) -> Server {
        self.options.stack = bytes;
        self
    }

    /// Calls `observer` with what happens. It runs on the worker's thread: let it be quick.
    pub fn on_event(mut self, observer: impl Fn(Event<'_>) + Send + Sync + 'static) -> Server {
        self.options.observer = Some(Box::new(observer));
        self
    }

    /// Begins to serve: every connection is given to `handler` on a thread of its own. The connection is closed when
    /// the handler drops it, at its end at the latest; a handler that panics ends its connection only.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a number of places that cannot be; [`Error::Io`] when not even one thread can be had.
    pub fn start(self, handler: impl Fn(Conn) -> Result<()> + Send + Sync + 'static) -> Result<Handle> {
        if !(1..=MOST_PLACES).contains(&self.options.places) {
            return Err(Error::Invalid(format!("a server has 1 to {MOST_PLACES} places").into()));
        }
        let listener = Arc::new(self.listener);
        let door = Door::new(Arc::clone(&listener)).map_err(Error::io("keep a hand on the listening socket"))?;
        let crew = Crew::new(Arc::downgrade(&listener), self.options, Box::new(handler));
        let handle = Handle { crew, addr: self.addr, door: Mutex::new(Some(door)) };
        handle.crew.begin().map_err(Error::not_started("start the first worker"))?;
        Ok(handle)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({})", self.addr)
    }
}

/// One connection, given to the handler.
#[derive(Debug)]
pub struct Conn {
    /// To read from and write to; the server's limits are set.
    pub stream: Tcp,
    /// Who called.
    pub peer: SocketAddr,
    /// Which connection of this server it is, from 1. One that was turned away for want of a thread leaves a gap.
    pub number: u64,
    crew: Arc<Crew>,
}

impl Conn {
    /// Whether the server is to stop: a handler that serves many requests on one connection asks between two of them.
    pub fn stopping(&self) -> bool {
        self.crew.stopping()
    }

    /// What stop is to do when the grace is over, just before it shuts this connection: for a handler that waits for
    /// something else too, a second connection for instance. Let it be quick. Of several calls the last one counts; when
    /// that moment has passed, it is done at once.
    pub fn on_stop(&self, act: impl FnOnce() + Send + 'static) {
        let act: OnStop = Box::new(act);
        let mut state = self.crew.lock();
        if state.forced {
            drop(state);
            return act();
        }
        let _before = state.open.get_mut(&self.number).and_then(|open| open.on_stop.replace(act));
        drop(state); // then what was set before
    }
}

/// What happens in a server, for a log or a test.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A caller got a place; the handler is called next.
    Accepted(SocketAddr),
    /// The handler returned, with this; its place is free.
    Ended(SocketAddr, &'a Result<()>),
    /// The handler panicked, with this message; its place is free.
    Panicked(SocketAddr, &'a str),
    /// All places were taken: the caller was told so and turned away.
    Refused(SocketAddr),
    /// The system gave no thread and nobody else waited for callers: this one was turned away.
    NoThread(SocketAddr, &'a io::Error),
    /// Callers could not be accepted: the error, and how often since it was last told. Told once a second at most.
    AcceptFailed(&'a io::Error, u64),
}

/// Counts since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Callers who got a place.
    pub accepted: u64,
    /// Of those, how many are being served now.
    pub active: usize,
    /// The most that were served at the same time.
    pub peak: usize,
    /// Handlers that returned an error.
    pub failed: u64,
    /// Handlers that panicked.
    pub panics: u64,
    /// Callers who were told that all places were taken.
    pub refused: u64,
    /// Callers who were turned away because the system gave no thread.
    pub no_thread: u64,
    /// Failed attempts to accept a caller.
    pub accept_errors: u64,
}

/// How the connections ended that were open when the server was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "`stuck` counts handlers that still run"]
pub struct Drained {
    /// Ended by themselves within the grace.
    pub finished: usize,
    /// Ended after their connection was shut.
    pub forced: usize,
    /// Still running a second later: their code waits for something else than the connection. A thread cannot be ended
    /// from outside; these go on until the process ends.
    pub stuck: usize,
}

/// A server that runs. Dropping it stops it without grace.
pub struct Handle {
    crew: Arc<Crew>,
    addr: SocketAddr,
    // The one strong hold on the listening socket besides those of the workers in accept; gone once we stop.
    door: Mutex<Option<Door>>,
}

impl Handle {
    /// The address it listens on, with the real port.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How many connections are being served now.
    pub fn active(&self) -> usize {
        self.crew.lock().open.len()
    }

    /// All counts at one moment.
    pub fn totals(&self) -> Totals {
        let state = self.crew.lock();
        let active = state.open.len();
        Totals { active, peak: state.totals.peak.max(active), ..state.totals }
    }

    /// Ends the service. No caller is accepted any more and the port is free; handlers get `grace` to end by
    /// themselves, then their connections are shut in both directions, so that a read or write that waits returns; one
    /// second later it is over.
    pub fn stop(&self, grace: Duration) -> Drained {
        let (busy, waiting) = self.crew.dismiss();
        let door = self.door.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(door) = door {
            door.shut(self.addr, waiting);
        }
        let mut state = self.wait_for_workers(grace);
        state.forced = true;
        let forced = state.open.len();
        let left: Vec<_> = state.open.values_mut().map(|open| (open.socket.upgrade(), open.on_stop.take())).collect();
        drop(state);
        for (socket, act) in left {
            act.into_iter().for_each(|act| act());
            // Whoever is gone already needs no shutdown.
            let _ = socket.map(|socket| socket.shutdown(Shutdown::Both));
        }
        let mut state = self.wait_for_workers(AFTER_FORCE);
        state.stopped = true;
        let stuck = state.open.len();
        drop(state);
        self.crew.changed.notify_all();
        Drained { finished: busy.saturating_sub(forced), forced: forced.saturating_sub(stuck), stuck }
    }

    /// Sleeps until another thread has stopped the server.
    pub fn wait(&self) {
        let running = |state: &mut crew::State| !state.stopped;
        drop(self.crew.changed.wait_while(self.crew.lock(), running).unwrap_or_else(PoisonError::into_inner));
    }

    fn wait_for_workers(&self, most: Duration) -> MutexGuard<'_, crew::State> {
        let wait = self.crew.changed.wait_timeout_while(self.crew.lock(), most, |state| state.alive > 0);
        wait.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if !self.crew.lock().stopped {
            let _ = self.stop(Duration::ZERO);
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({}, {:?})", self.addr, self.totals())
    }
}
