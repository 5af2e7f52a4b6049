//! Which ports of a host have somebody behind them: a TCP connect scan.
//!
//! ```text
//! C -> S  SYN      S -> C  SYN ACK     somebody listens           open
//! C -> S  SYN      S -> C  RST         nobody does                closed
//! C -> S  SYN      (silence)           a firewall, or no host     filtered
//! C -> S  SYN      ICMP unreachable    a router says why not      unreachable
//! ```
//!
//! RFC 9293 section 3.5; the ICMP messages are those of RFC 1122 section 3.2.2.1. A full connection is made and closed: no
//! raw sockets, no privileges, and whoever is scanned can see it. Scanning what is not yours can be a crime, so everything
//! but this machine's own loopback addresses needs [`Scan::i_may_scan_this`].
//!
//! May use: error, deadline, encode, stream.

use crate::deadline::Deadline;
use crate::error::{Error, Result};
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// What is known of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// A connection came about.
    Open,
    /// The host refused: it is there, and nobody listens.
    Closed,
    /// Nothing came back in time.
    Filtered,
    /// Something on the way, or this machine, said that it cannot be reached; the kind says why.
    Unreachable(ErrorKind),
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            State::Open => f.pad("open"),
            State::Closed => f.pad("closed"),
            State::Filtered => f.pad("filtered"),
            State::Unreachable(why) => f.pad(&format!("unreachable ({why})")),
        }
    }
}

/// One port that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Host and port.
    pub addr: SocketAddr,
    /// What was found.
    pub state: State,
    /// What an open port said by itself, at most 256 bytes; empty where it waited for us, or nobody asked for banners.
    /// A stranger wrote it: show it through [`crate::encode::visible`].
    pub banner: Vec<u8>,
}

/// What to scan, and how.
///
/// ```
/// use netprimer::scan::{Scan, State};
/// # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
/// # let port = listener.local_addr()?.port();
/// let scan = Scan { ports: vec![port], ..Scan::of("127.0.0.1".parse()?) };
/// let found = scan.run()?;
/// assert_eq!(found[0].state, State::Open);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Scan {
    /// The addresses; each is scanned on all ports.
    pub hosts: Vec<IpAddr>,
    /// The ports: see [`ports`]. 1 to 1023 by default, where services with a name of their own live (RFC 6335).
    pub ports: Vec<u16>,
    /// How long one port may be silent before it is called filtered. Default 1 s.
    pub timeout: Duration,
    /// How many ports are tried at once. Default 1,023 on loopback, 64 elsewhere.
    pub workers: usize,
    /// How many ports are begun each second at most, 0 for no limit. Default 0 on loopback, 100 elsewhere: what a host
    /// under scan hardly notices.
    pub rate: u32,
    /// Wait so long for an open port to say something first. Default: do not.
    pub banner: Option<Duration>,
    /// The owner of these hosts allows it. Without this only loopback addresses are scanned.
    pub i_may_scan_this: bool,
}

/// Of a banner we keep no more bytes.
const BANNER: usize = 256;

/// More threads than this are not started: near 16,000 a process of Rust is aborted on Linux (four memory maps a thread,
/// and a process has 65,530).
pub const MOST_WORKERS: usize = 10_000;

/// After running out of descriptors or local ports, with nobody else to wait for.
const PAUSE: Duration = Duration::from_millis(20);

/// How often running out is borne without a single port getting through in between: with the pause, 10 s.
const PATIENCE: usize = 500;

impl Scan {
    /// A scan of one host with the defaults for where it is.
    pub fn of(host: IpAddr) -> Scan {
        let near = host.is_loopback();
        Scan {
            hosts: vec![host],
            ports: (1..1024).collect(),
            timeout: Duration::from_secs(1),
            workers: if near { 1023 } else { 64 },
            rate: if near { 0 } else { 100 },
            banner: None,
            i_may_scan_this: false,
        }
    }

    /// Scans, and gives all ports in the order of the hosts and of the ports: the same in every run.
    ///
    /// # Errors
    /// Those of [`Scan::each`].
    pub fn run(&self) -> Result<Vec<Port>> {
        let mut found = vec![None; self.hosts.len() * self.ports.len()];
        self.numbered(|number, port| found[number] = Some(port))?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Scans, and gives each port as soon as it is known, to the calling thread.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a host that is not this machine's own without [`Scan::i_may_scan_this`], port 0, no workers or more
    /// than [`MOST_WORKERS`]; [`Error::Io`] when not one thread can be had, or descriptors or local ports stay used up for
    /// 10 s. A port that could not be tried is never called closed: it is tried again, or the scan fails.
    pub fn each(&self, mut found: impl FnMut(Port)) -> Result<()> {
        self.numbered(|_, port| found(port))
    }

    fn numbered(&self, mut found: impl FnMut(usize, Port)) -> Result<()> {
        self.check()?;
        let work = Work::new(self);
        let (say, hear) = mpsc::channel();
        thread::scope(|scope| {
            let mut workers = 0;
            // While we start threads, those that run already work: closed ports are done before many are needed.
            while workers < self.workers && work.next.load(Ordering::Relaxed) < work.total {
                let (work, say) = (&work, say.clone());
                work.count(1);
                let builder = thread::Builder::new().name("scan".into()).stack_size(64 << 10);
                match builder.spawn_scoped(scope, move || work.work(&say)) {
                    Ok(_) => workers += 1,
                    Err(cause) => {
                        work.count(-1);
                        if workers == 0 {
                            return Err(Error::Io("start a thread".into(), cause));
                        }
                        break; // fewer will do
                    }
                }
                while let Ok((number, port)) = hear.try_recv() {
                    found(number, port);
                }
            }
            drop(say);
            for (number, port) in hear {
                found(number, port);
            }
            match work.lock().failed.take() {
                Some(cause) => Err(Error::Io("try a port".into(), cause)),
                None => Ok(()),
            }
        })
    }

    fn check(&self) -> Result<()> {
        let bad = |why: String| Err(Error::Invalid(why.into()));
        if let Some(far) = self.hosts.iter().find(|host| !host.is_loopback() && !self.i_may_scan_this) {
            return bad(format!("{far} is not this machine: scan only what you may, and say so"));
        }
        if self.ports.contains(&0) {
            return bad("port 0 is no port: the scan begins at 1".to_owned());
        }
        if !(1..=MOST_WORKERS).contains(&self.workers) {
            return bad(format!("{} workers are not between 1 and {MOST_WORKERS}", self.workers));
        }
        Ok(())
    }
}

/// Reads a list of ports as people write it: `22,80,1000-2000`, `-` for all. Sorted, each once.
///
/// # Errors
/// [`Error::Invalid`] for what is no list of ports, a port that is 0 or above 65535, and a range that runs backwards.
///
/// ```
/// use netprimer::scan::ports;
/// assert_eq!(ports("80,22,80,1000-1002")?, [22, 80, 1000, 1001, 1002]);
/// assert!(ports("2000-1000").is_err() && ports("0").is_err() && ports("65536").is_err() && ports("").is_err());
/// # Ok::<(), netprimer::Error>(())
/// ```
pub fn ports(list: &str) -> Result<Vec<u16>> {
    let bad = |part: &str| {
        let part = crate::encode::visible(part.as_bytes());
        Error::Invalid(format!("\"{part}\" is no port from 1 to 65535 and no range such as 1-1023").into())
    };
    let port = |text: &str| match text.trim().parse::<u16>() {
        Ok(port @ 1..) if !text.contains('+') => Ok(port),
        _ => Err(bad(text)),
    };
    let mut ports = Vec::new();
    for part in list.split(',') {
        match part.trim() {
            "-" => ports.extend(1..=u16::MAX),
            part => match part.split_once('-') {
                None => ports.push(port(part)?),
                Some((first, last)) => match (port(first)?, port(last)?) {
                    (first, last) if first <= last => ports.extend(first..=last),
                    _ => return Err(bad(part)),
                },
            },
        }
    }
    ports.sort_unstable();
    ports.dedup();
    Ok(ports)
}

/// What the workers share.
struct Work<'a> {
    scan: &'a Scan,
    total: usize,
    next: AtomicUsize,
    shared: Mutex<Shared>,
    changed: Condvar,
}

#[derive(Default)]
struct Shared {
    /// Ports that could not be tried yet, because something had run out.
    again: VecDeque<usize>,
    /// How many workers run.
    running: usize,
    /// How often something ran out since the last port that got through.
    ran_out: usize,
    failed: Option<io::Error>,
    /// When the next port may be begun.
    slot: Option<Instant>,
}

impl Work<'_> {
    fn new(scan: &Scan) -> Work<'_> {
        let total = scan.hosts.len() * scan.ports.len();
        Work { scan, total, next: AtomicUsize::new(0), shared: Mutex::default(), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, change: isize) {
        let mut shared = self.lock();
        shared.running = shared.running.saturating_add_signed(change);
        drop(shared);
        self.changed.notify_all();
    }

    fn work(&self, say: &mpsc::Sender<(usize, Port)>) {
        while let Some(number) = self.take() {
            self.keep_to_the_rate();
            let addr = self.addr(number);
            match probe(addr, self.scan) {
                Ok(port) => {
                    let _ = say.send((number, port));
                    self.lock().ran_out = 0;
                }
                Err(cause) => {
                    if !self.step_back(number, cause) {
                        return; // counted off already
                    }
                }
            }
        }
        self.count(-1);
    }

    fn addr(&self, number: usize) -> SocketAddr {
        let each = self.scan.ports.len();
        SocketAddr::new(self.scan.hosts[number / each], self.scan.ports[number % each])
    }

    /// The next port to try. A port that was put back is not forgotten: whoever put it back runs until it is done.
    fn take(&self) -> Option<usize> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if number < self.total {
            return Some(number);
        }
        let mut shared = self.lock();
        if shared.failed.is_some() { None } else { shared.again.pop_front() }
    }

    /// Something ran out: the port is put back, and this worker ends if others go on, so that they need less. The last
    /// one pauses and goes on. False when this worker is to end.
    fn step_back(&self, number: usize, cause: io::Error) -> bool {
        let mut shared = self.lock();
        shared.again.push_back(number);
        shared.ran_out += 1;
        if shared.ran_out > PATIENCE + self.scan.workers {
            shared.failed.get_or_insert(cause);
        }
        if shared.failed.is_some() || shared.running > 1 {
            shared.running -= 1;
            self.changed.notify_all();
            return false;
        }
        drop(self.changed.wait_timeout(shared, PAUSE));
        true
    }

    /// Waits for its turn where there is a limit on how many ports are begun each second.
    fn keep_to_the_rate(&self) {
        let Some(gap) = Duration::from_secs(1).checked_div(self.scan.rate) else { return };
        let mut shared = self.lock();
        let now = Instant::now();
        let mine = shared.slot.unwrap_or(now).max(now);
        shared.slot = Some(mine + gap);
        drop(shared);
        thread::sleep(mine - now); // the pause is what a polite rate is
    }
}

/// Tries one port. An error means that it could not be tried: this machine ran out of something.
fn probe(addr: SocketAddr, scan: &Scan) -> io::Result<Port> {
    let found = |state, banner| Ok(Port { addr, state, banner });
    match TcpStream::connect_timeout(&addr, scan.timeout) {
        // TCP can connect a port of ours to itself when it is chosen for our end too (RFC 9293 section 3.5: simultaneous
        // open). Nobody listens there.
        Ok(stream) if stream.local_addr()? == addr => found(State::Closed, Vec::new()),
        Ok(stream) => found(State::Open, scan.banner.map_or_else(Vec::new, |wait| banner(&stream, wait))),
        Err(error) => match error.kind() {
            ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => found(State::Closed, Vec::new()),
            ErrorKind::TimedOut | ErrorKind::WouldBlock => found(State::Filtered, Vec::new()),
            ErrorKind::AddrNotAvailable | ErrorKind::AddrInUse | ErrorKind::Interrupted => Err(error),
            _ if ran_out(&error) => Err(error),
            kind => found(State::Unreachable(kind), Vec::new()),
        },
    }
}

/// Descriptors or memory for sockets: the numbers of ENOMEM, ENFILE, EMFILE, EAGAIN and ENOBUFS on Linux, macOS and Windows, since
/// std has no kinds for most of them.
fn ran_out(error: &io::Error) -> bool {
    let codes: &[i32] = if cfg!(windows) { &[10024, 10055] } else { &[11, 12, 23, 24, 35, 55, 105] };
    error.kind() == ErrorKind::OutOfMemory || error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

/// What an open port says by itself, within the time and the limit, up to the end of its first line.
fn banner(mut stream: &TcpStream, wait: Duration) -> Vec<u8> {
    let deadline = Deadline::after(wait);
    let mut banner = Vec::new();
    let mut piece = [0; BANNER];
    while banner.len() < BANNER && !banner.contains(&b'\n') {
        let Ok(left) = deadline.left("read a banner") else { break };
        let read = stream.set_read_timeout(left).and_then(|()| stream.read(&mut piece[banner.len()..]));
        match read {
            Ok(n @ 1..) => banner.extend_from_slice(&piece[banner.len()..][..n]),
            _ => break, // silence, an end or a reset: what came is the banner
        }
    }
    banner
}
