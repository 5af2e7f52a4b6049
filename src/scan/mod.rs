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

mod probe;

use crate::error::{Error, Result};
use probe::probe;
use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
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
    /// The addresses, at most [`MOST_HOSTS`]; each is scanned on all ports.
    pub hosts: Vec<IpAddr>,
    /// The ports: see [`ports`]. 1 to 1023 by default, the system ports of RFC 6335 section 6.
    pub ports: Vec<u16>,
    /// How long one port may be silent before it is called filtered, at least 1 ms. Default 1 s on loopback, 2 s elsewhere, and
    /// 3 s on Windows, which asks a closed port again and again for 2 s before it says that it was refused.
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

/// One scan takes no more hosts: as many as a network of 24 bits has addresses.
pub const MOST_HOSTS: usize = 256;

/// More threads than this are not started: near 16,000 a process of Rust is aborted on Linux (four memory maps a thread,
/// and a process has 65,530).
pub const MOST_WORKERS: usize = 10_000;

/// A worker keeps little on its stack, and std and the system a little more.
const STACK: usize = 32 << 10;

/// Between two attempts when descriptors or local ports have run out and no port of ours holds one that it will give back.
const PAUSE: Duration = Duration::from_millis(20);

/// How long that is borne.
const PATIENCE: Duration = Duration::from_secs(3);

impl Scan {
    /// A scan of one host with the defaults for where it is.
    pub fn of(host: IpAddr) -> Scan {
        Scan::of_all(vec![host])
    }

    /// A scan of several hosts: at full speed where all are this machine's own, politely where one is not.
    pub fn of_all(hosts: Vec<IpAddr>) -> Scan {
        let near = hosts.iter().all(is_near);
        let seconds = if near { 1 } else { 2 };
        Scan {
            ports: (1..1024).collect(),
            timeout: Duration::from_secs(if cfg!(windows) { 3 } else { seconds }),
            workers: if near { 1023 } else { 64 },
            rate: if near { 0 } else { 100 },
            banner: None,
            i_may_scan_this: false,
            hosts,
        }
    }

    /// Scans, and gives all ports in the order of the hosts and of the ports: the same in every run.
    ///
    /// # Errors
    /// Those of [`Scan::check`]; [`Error::Io`] when not one thread can be had, or descriptors or local ports stay used up
    /// for 3 s. A port that could not be tried is never called closed: it is tried again, or the scan fails.
    pub fn run(&self) -> Result<Vec<Port>> {
        self.run_with(|_| {})
    }

    /// As [`Scan::run`], and tells of each port as soon as it is known, on the calling thread.
    ///
    /// # Errors
    /// Those of [`Scan::run`].
    pub fn run_with(&self, mut known: impl FnMut(&Port)) -> Result<Vec<Port>> {
        self.check()?;
        let mut all = vec![None; self.hosts.len() * self.ports.len()];
        let mut found = |(number, port): (usize, Port)| {
            known(&port);
            all[number] = Some(port);
        };
        let work = Work::new(self);
        let (say, hear) = mpsc::channel();
        thread::scope(|scope| {
            // While we start threads, those that run already work: closed ports are done before many are needed.
            for started in 0..self.workers {
                if !work.wants_more_workers() {
                    break;
                }
                let (work, say) = (&work, say.clone());
                let worker = thread::Builder::new().name("scan".into()).stack_size(STACK);
                match worker.spawn_scoped(scope, move || work.work(&say)) {
                    Ok(_) => {}
                    Err(cause) if started == 0 => return Err(Error::not_started("start a thread")(cause)),
                    Err(_) => break, // fewer will do
                }
                hear.try_iter().for_each(&mut found);
            }
            drop(say);
            hear.into_iter().for_each(&mut found);
            work.lock().failed.take().map_or(Ok(()), |cause| Err(Error::Io("try a port".into(), cause)))
        })?;
        Ok(all.into_iter().flatten().collect())
    }

    /// Whether this can be scanned: what [`Scan::run`] asks before it tries anything.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a host that is not this machine's own without [`Scan::i_may_scan_this`], more than [`MOST_HOSTS`]
    /// hosts, port 0, a timeout below 1 ms, no workers or more than [`MOST_WORKERS`].
    pub fn check(&self) -> Result<()> {
        let bad = |why: String| Err(Error::Invalid(why.into()));
        if let Some(far) = self.hosts.iter().find(|host| !is_near(host) && !self.i_may_scan_this) {
            let yours = "scan only what is yours or what its owner allows, and say so";
            return bad(format!("{far} is no loopback address: {yours}"));
        }
        if self.hosts.len() > MOST_HOSTS {
            return bad(format!("{} hosts are more than {MOST_HOSTS}", self.hosts.len()));
        }
        if self.ports.contains(&0) {
            return bad("port 0 is no port: the first is 1".to_owned());
        }
        if self.timeout < Duration::from_millis(1) {
            return bad("a timeout below 1 ms leaves no time to answer".to_owned());
        }
        if !(1..=MOST_WORKERS).contains(&self.workers) {
            return bad(format!("{} workers are not between 1 and {MOST_WORKERS}", self.workers));
        }
        Ok(())
    }
}

/// 127.0.0.0/8 and ::1 (RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.3) never leave this machine.
fn is_near(host: &IpAddr) -> bool {
    host.to_canonical().is_loopback()
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
    // One mark for each port: however long the list is, this is all the memory it takes.
    let mut wanted = vec![false; 1 << 16];
    for part in list.split(',').map(str::trim) {
        let (first, last) = if part == "-" { ("1", "65535") } else { part.split_once('-').unwrap_or((part, part)) };
        match (port(first), port(last)) {
            (Some(first), Some(last)) if first <= last => wanted[first..=last].fill(true),
            _ => {
                let shown: String = part.chars().take(40).collect();
                let shown = crate::encode::visible(shown.as_bytes());
                let why = format!("\"{shown}\" is no port from 1 to 65535 and no range such as 1-1023");
                return Err(Error::Invalid(why.into()));
            }
        }
    }
    Ok((0..=u16::MAX).filter(|port| wanted[usize::from(*port)]).collect())
}

fn port(text: &str) -> Option<usize> {
    let text = text.trim();
    // `parse` alone would take "+1".
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse::<u16>().ok().filter(|port| digits && *port > 0).map(usize::from)
}

/// What the workers share.
struct Work<'a> {
    scan: &'a Scan,
    total: usize,
    next: AtomicUsize,
    shared: Mutex<Shared>,
    changed: Condvar,
    /// When the next port may be begun, where there is a rate.
    slot: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct Shared {
    /// How many ports are being tried at this moment.
    trying: usize,
    /// Whether descriptors, memory or local ports have ever run out: then some workers wait for others.
    short: bool,
    /// Since when no port has got through because of that.
    stuck: Option<Instant>,
    /// Why the scan cannot go on.
    failed: Option<io::Error>,
}

impl Work<'_> {
    fn new(scan: &Scan) -> Work<'_> {
        let total = scan.hosts.len() * scan.ports.len();
        let (next, shared, changed) = (AtomicUsize::new(0), Mutex::default(), Condvar::new());
        Work { scan, total, next, shared, changed, slot: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wants_more_workers(&self) -> bool {
        self.next.load(Ordering::Relaxed) < self.total && !self.lock().short
    }

    fn work(&self, say: &mpsc::Sender<(usize, Port)>) {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.total {
                return;
            }
            self.keep_to_the_rate();
            let (host, port) = (number / self.scan.ports.len(), number % self.scan.ports.len());
            let Some(port) = self.find_out(SocketAddr::new(self.scan.hosts[host], self.scan.ports[port])) else {
                return;
            };
            if say.send((number, port)).is_err() {
                self.lock().failed = Some(ErrorKind::BrokenPipe.into()); // nobody wants to know any more
                return;
            }
        }
    }

    /// Tries a port until it could be tried: it stays with its worker, so none is ever lost. `None` when the scan failed.
    fn find_out(&self, addr: SocketAddr) -> Option<Port> {
        let mut shared = self.lock();
        while shared.failed.is_none() {
            shared.trying += 1;
            drop(shared);
            let tried = probe(addr, self.scan);
            shared = self.lock();
            shared.trying -= 1;
            let cause = match tried {
                Ok(port) => {
                    shared.stuck = None;
                    if shared.short {
                        self.changed.notify_one(); // a descriptor is free again
                    }
                    return Some(port);
                }
                Err(cause) => cause,
            };
            shared.short = true;
            let stuck = shared.stuck.get_or_insert_with(Instant::now).elapsed();
            if shared.trying > 0 {
                // Whoever ends wakes one of us.
                shared = self.changed.wait(shared).unwrap_or_else(PoisonError::into_inner);
            } else if stuck < PATIENCE {
                // Others on this machine took what there is.
                shared = self.changed.wait_timeout(shared, PAUSE).unwrap_or_else(PoisonError::into_inner).0;
            } else {
                shared.failed = Some(cause);
            }
        }
        self.changed.notify_all(); // all who wait are to see it, whoever it was that failed
        None
    }

    /// Waits for its turn, where there is a rate. One worker sleeps and the others wait for it: so all end soon if the scan does.
    fn keep_to_the_rate(&self) {
        let Some(gap) = Duration::from_secs(1).checked_div(self.scan.rate) else { return };
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        if self.lock().failed.is_some() {
            return;
        }
        let now = Instant::now();
        let mine = slot.unwrap_or(now).max(now);
        *slot = Some(mine + gap);
        thread::sleep(mine - now); // the pause is what a polite rate is
    }
}
