//! Conversations of each client, damaged at every byte: they end in the right value or in an error of the right kind, and in
//! time; nobody panics, and nothing of them is left.
//!
//! A plain run tries a sample, NETPRIMER_LOAD=1 one in three of all there is. All of it, which takes minutes:
//!
//! ```text
//! NETPRIMER_LOAD=all cargo test --test protocols sweep -- --nocapture
//! ```

mod talks;

use crate::support;

use netprimer::dial::Dial;
use netprimer::fault::{DatagramFault, DatagramProxy, Fault, FaultProxy, Seen};
use netprimer::gather::Gather;
use netprimer::smtp::Unknown;
use netprimer::trace::{Event, Side};
use netprimer::{Error, Result};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use support::{LIMIT, network, note, programs};
use talks::{Golden, Over, golden};

// ---- what goes wrong, and the way on which it does ----

/// What is done to each connection of a conversation, or to each asker's datagrams.
#[derive(Debug, Clone, Copy)]
enum Damage {
    Nothing,
    Bytes(Side, Fault),
    Datagrams(Side, DatagramFault),
}

/// The way from a client to its server: how patient the client is on it, and the proxies that stand there.
struct Way {
    damage: Damage,
    patience: Duration,
    proxies: Mutex<Vec<Box<dyn Send>>>,
    /// How much each side said on one connection, at most, until all was said.
    lengths: Arc<Mutex<[u64; 2]>>,
    said: Arc<AtomicBool>,
    /// Whether damage can be told from another value: not where plain bytes are other bytes.
    tells: bool,
}

impl Way {
    fn new(over: Over, damage: Damage) -> Arc<Way> {
        // In a silence the client's patience is what is tried, and damaged bytes may ask it to wait for what never comes.
        let patience = match damage {
            Damage::Bytes(_, Fault::Stall { .. } | Fault::Flip { .. } | Fault::Drop { .. }) => SHORT,
            // These come, only later or twice.
            Damage::Datagrams(_, DatagramFault::Duplicate(_) | DatagramFault::Delay(_)) => LONG,
            Damage::Datagrams(..) => SHORT,
            _ => LONG,
        };
        let tells = over != Over::Tcp || !matches!(damage, Damage::Bytes(_, Fault::Flip { .. } | Fault::Drop { .. }));
        let (proxies, lengths, said) = (Mutex::default(), Arc::default(), Arc::default());
        Arc::new(Way { damage, patience, proxies, lengths, said, tells })
    }

    /// Where the damaged way to this server begins.
    fn to(&self, server: SocketAddr) -> SocketAddr {
        let proxy = match self.damage {
            Damage::Bytes(Side::Client, fault) => FaultProxy::to(server).up(fault),
            Damage::Bytes(Side::Server, fault) => FaultProxy::to(server).down(fault),
            _ => FaultProxy::to(server),
        };
        let handle = proxy.watch(self.measure()).start().unwrap();
        let addr = handle.addr();
        self.proxies.lock().unwrap().push(Box::new(handle));
        addr
    }

    fn measure(&self) -> impl Fn(&Seen<'_>) + Send + Sync + 'static {
        let (lengths, said) = (Arc::clone(&self.lengths), Arc::clone(&self.said));
        let connections = Mutex::new(HashMap::<u64, [u64; 2]>::new());
        move |seen| {
            if let Event::Bytes(bytes) = seen.event
                && !said.load(Ordering::Relaxed)
            {
                let mut connections = connections.lock().unwrap();
                let length = &mut connections.entry(seen.connection).or_default()[seen.side as usize];
                *length += bytes.len() as u64;
                let most = &mut lengths.lock().unwrap()[seen.side as usize];
                *most = (*most).max(*length);
            }
        }
    }

    /// The same with datagrams too, on the same port.
    fn to_both(&self, server: SocketAddr) -> SocketAddr {
        loop {
            let addr = self.to(server);
            let relay = DatagramProxy::to(server).listen_on(addr);
            let relay = match self.damage {
                Damage::Datagrams(Side::Client, fault) => relay.up(fault),
                Damage::Datagrams(Side::Server, fault) => relay.down(fault),
                _ => relay,
            };
            if let Ok(relay) = relay.watch(self.measure()).start() {
                self.proxies.lock().unwrap().push(Box::new(relay));
                return addr;
            }
        }
    }

    fn dial(&self) -> Dial {
        Dial { connect: self.patience, reply: self.patience, ..Dial::default() }
    }
}

/// For a client that is to lose patience.
const SHORT: Duration = Duration::from_millis(250);
/// For one that is not.
const LONG: Duration = Duration::from_secs(20);
/// So many waits one after the other a conversation may have before it fails.
const WAITS: u32 = 4;
/// And so much later than its patience it may end on a machine that is busy with all the others.
const LATE: Duration = Duration::from_secs(15); // half of what a client waits that was told nothing

// ---- what may come of it ----

/// One conversation with one damage.
struct Trial<'g> {
    golden: &'g Golden,
    damage: Damage,
    /// How many bytes the damaged side says when nothing is wrong.
    whole: u64,
}

impl Trial<'_> {
    fn run(&self) -> std::result::Result<(), String> {
        let way = Way::new(self.golden.over, self.damage);
        let start = Instant::now();
        let result = (self.golden.talk)(&way);
        let took = start.elapsed();
        let passed = *way.lengths.lock().unwrap();
        // Nobody can judge what comes of other bytes; but it comes in time.
        let judged = if way.tells { self.judge(&result, passed) } else { Ok(()) };
        let judged = judged.and_then(|()| {
            let most = match self.damage {
                _ if way.patience == SHORT => SHORT * WAITS,
                Damage::Bytes(_, Fault::Slice(_)) | Damage::Datagrams(..) => LONG * WAITS,
                _ => Duration::ZERO, // nobody waits for what is not there any more
            } + LATE;
            match (self.damage, &result) {
                (Damage::Bytes(_, Fault::Stall { .. }), Err(_)) if took < SHORT => Err("early"),
                _ if took < most => Ok(()),
                _ => Err("late"),
            }
        });
        judged.map_err(|why| {
            format!("{}: {:?} of {}: {why}: {result:?} after {took:?}", self.golden.name, self.damage, self.whole)
        })
    }

    fn judge(&self, result: &Result<String>, passed: [u64; 2]) -> std::result::Result<(), &'static str> {
        let right = match (self.damage, result) {
            (_, Ok(value)) if *value != self.golden.value => return Err("damage looks like another value"),
            (Damage::Nothing | Damage::Bytes(_, Fault::Slice(_)), _) => result.is_ok(),
            (
                Damage::Bytes(side, fault @ (Fault::Cut { after } | Fault::Slam { after } | Fault::Stall { after })),
                Ok(_),
                // A server over TLS that says less than usual (TICKETS) has said all, and nothing was damaged.
            ) => {
                passed[side as usize] < after
                    || self.golden.unmissed.covers(side, fault, self.whole as i64 - after as i64)
            }
            (Damage::Bytes(_, Fault::Cut { .. } | Fault::Slam { .. }), Err(error)) => error_is(error, lost),
            (Damage::Bytes(_, Fault::Stall { .. }), Err(error)) => error_is(error, |e| matches!(e, Error::Timeout(_))),
            // TLS sees it, or nobody misses it; a length that was damaged can also mean a long wait.
            (Damage::Bytes(_, Fault::Flip { .. } | Fault::Drop { .. }), Ok(_)) => true,
            (Damage::Bytes(_, Fault::Flip { .. } | Fault::Drop { .. }), Err(error)) => {
                !matches!(error, Error::Invalid(_) | Error::TooLong(..))
            }
            (Damage::Datagrams(_, DatagramFault::Duplicate(_) | DatagramFault::Delay(_)), _) => result.is_ok(),
            (Damage::Datagrams(_, DatagramFault::Flip { .. }), Ok(_)) => true,
            // Nobody answers to what was asked; or the server says that it does not understand.
            (Damage::Datagrams(_, DatagramFault::Flip { .. }), Err(error)) => {
                matches!(error, Error::Timeout(_) | Error::Protocol(_) | Error::Other(..))
            }
            (Damage::Datagrams(..), Err(error)) => matches!(error, Error::Timeout(_)),
            _ => false,
        };
        if right { Ok(()) } else { Err("not what this damage leads to") }
    }
}

/// A message may have been taken or not; why that is unknown is what counts here.
fn error_is(error: &Error, right: fn(&Error) -> bool) -> bool {
    match error {
        Error::Other(_, cause) => cause.downcast_ref::<Unknown>().is_some_and(|unknown| right(&unknown.0)),
        error => right(error),
    }
}

/// The connection is gone, or the server says that its other one is (`4xx`): another attempt may do better.
fn lost(error: &Error) -> bool {
    error.is_transient() && !matches!(error, Error::Timeout(_))
}

// ---- all of it ----

/// How much is tried.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Share {
    /// A sample, the same each time.
    Sample,
    /// Every so many of all, evenly.
    Some,
    All,
}

/// Of all that can be tried, so much is tried with NETPRIMER_LOAD=1: one in so many.
const ONE_IN: u64 = 3;
/// In what is longer than this not every byte is tried, but so many at most, evenly.
const LONGEST: u64 = 4000;
const OF_LONG: u64 = 1000;

impl Share {
    /// Every so many of the bytes; of a sample, so many in all.
    fn of(self, whole: u64, every: u64, sample: u64) -> Vec<u64> {
        let every = if whole > LONGEST { every * whole.div_ceil(OF_LONG) } else { every };
        match self {
            Share::All => (0..whole).step_by(every as usize).collect(),
            // From another byte on for each fault, so that together they meet more of them.
            Share::Some => (every % ONE_IN..whole).step_by((every * ONE_IN) as usize).collect(),
            Share::Sample => (0..sample).map(|n| (2 * n + 1) * whole / (2 * sample)).collect(),
        }
    }

    fn damages(self, over: Over, lengths: [u64; 2]) -> Vec<(Damage, u64)> {
        let mut damages = Vec::new();
        for side in [Side::Client, Side::Server] {
            let whole = lengths[side as usize];
            match over {
                _ if whole == 0 => {} // an upload: it says nothing there
                Over::Datagrams => {
                    // The answer repeats the question, up to its OPT record. What stands behind, nobody can check.
                    let question = lengths[Side::Client as usize] - if side == Side::Server { OPT } else { 0 };
                    let faults = self.datagrams(question).into_iter();
                    damages.extend(faults.map(|fault| (Damage::Datagrams(side, fault), whole)));
                }
                _ => {
                    let faults = self.bytes(over == Over::Tls, whole).into_iter();
                    damages.extend(faults.map(|fault| (Damage::Bytes(side, fault), whole)));
                }
            }
        }
        damages
    }

    fn datagrams(self, question: u64) -> Vec<DatagramFault> {
        use DatagramFault::{Delay, Drop, Duplicate, Flip, Swap};
        let mut faults = vec![Drop(1), Duplicate(1), Swap(1), Delay(Duration::from_millis(20))];
        let bytes = self.of(question, 1, 4).into_iter();
        faults.extend(bytes.map(|at| Flip { at: at as usize, mask: 1 << (at % 8) }));
        faults
    }

    /// Over TLS a conversation is mostly its handshake, which is long, slow, and the same in all of them: there the rarer faults
    /// are tried at fewer of the bytes.
    fn bytes(self, tls: bool, whole: u64) -> Vec<Fault> {
        let every = |plain, sealed| if tls { sealed } else { plain };
        // A millisecond for each piece: a handshake byte by byte takes seconds.
        let slice = whole.div_ceil(if self == Share::Sample { 100 } else { LONGEST }).max(1);
        let mut faults = vec![Fault::Slice(slice as usize)];
        faults.extend(self.of(whole, 1, 2).into_iter().map(|after| Fault::Cut { after }));
        faults.extend(self.of(whole, every(1, 6), 1).into_iter().map(|after| Fault::Slam { after }));
        faults.extend(self.of(whole, 10, 1).into_iter().map(|after| Fault::Stall { after }));
        // Other plain bytes can name any other place: only in a network of its own they reach nobody.
        if tls || self != Share::Sample {
            let (flips, drops) = (self.of(whole, every(1, 16), 1), self.of(whole, every(1, 17), 1));
            faults.extend(flips.into_iter().map(|at| Fault::Flip { at, mask: 1 << (at % 8) }));
            faults.extend(drops.into_iter().map(|at| Fault::Drop { at }));
        }
        faults
    }
}

/// What came of the trials of one conversation.
#[derive(Default)]
struct Count {
    tried: usize,
    survived: usize,
}

/// So many faults are tried with NETPRIMER_LOAD=1, and with NETPRIMER_LOAD=all, and a few more: over TLS a conversation is not
/// always equally long (TICKETS).
const AT_LEAST_SOME: usize = 36_000;
const AT_LEAST: usize = 100_000;

/// An OPT record without options (RFC 6891 section 6.1.2).
const OPT: u64 = 11;

fn sweep(share: Share, golden: &[Golden]) {
    let start = Instant::now();
    let mut trials = Vec::new();
    for golden in golden {
        let way = Way::new(golden.over, Damage::Nothing);
        let value = (golden.talk)(&way).unwrap_or_else(|error| panic!("{}: {error:?}", golden.name));
        assert_eq!(value, golden.value, "{}", golden.name);
        let lengths = *way.lengths.lock().unwrap();
        let damages = share.damages(golden.over, lengths);
        trials.extend(damages.into_iter().map(|(damage, whole)| Trial { golden, damage, whole }));
    }
    // Those who wait and those who work, mixed.
    let mut order: Vec<usize> = (0..trials.len()).collect();
    order.sort_by_key(|n| (*n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    let mut wrong = Vec::new();
    let gather = Gather { workers: 24, stack: 2 << 20, ..Gather::default() };
    let done = |n: usize, result: Result<std::result::Result<(), String>>| {
        let trial = &trials[order[n]];
        let count = counts.entry(trial.golden.name).or_default();
        count.tried += 1;
        match result {
            Ok(Ok(())) => count.survived += 1,
            Ok(Err(why)) => wrong.push(why),
            Err(panicked) => wrong.push(format!("{}: {:?}: {panicked}", trial.golden.name, trial.damage)),
        }
        true
    };
    gather.each(&order, |_| (), |n: &usize, _| Ok(trials[*n].run()), done).unwrap();
    let line: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {}", count.survived)).collect();
    let (tried, survived) =
        counts.values().fold((0, 0), |(tried, survived), count| (tried + count.tried, survived + count.survived));
    println!("| faults tried and survived: {survived} of {tried} in {:.0?} ({})", start.elapsed(), line.join(", "));
    let least = match share {
        Share::Sample => trials.len(),
        Share::Some => AT_LEAST_SOME,
        Share::All => AT_LEAST,
    };
    wrong.sort();
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(survived >= least, "{survived} faults were survived, and not {least}");
}

/// Threads and descriptors of this process (proc(5)), as soon as they are `right`; nothing where there is no /proc. A thread
/// that has been waited for may be in this list for a moment yet.
fn settled(right: impl Fn(&[usize]) -> bool) -> Vec<usize> {
    let count = |folder| std::fs::read_dir(folder).map(Iterator::count).ok();
    let start = Instant::now();
    loop {
        let now: Vec<usize> = ["/proc/self/task", "/proc/self/fd"].into_iter().filter_map(count).collect();
        if right(&now) || start.elapsed() > LIMIT {
            return now;
        }
        thread::yield_now();
    }
}

/// So many ports, each with five digits (FTP and HTTP write them), and none that a connection of just now still holds (TIME-WAIT,
/// RFC 9293 section 3.6.1): tens of thousands of connections would leave no port to anybody else.
const PORTS: &str = "
    echo 10000 65535 > /proc/sys/net/ipv4/ip_local_port_range
    echo 0 > /proc/sys/net/ipv4/tcp_max_tw_buckets
";

/// In a process of its own: a panic of any thread, and what is left at the end, would be anybody's here. More than a sample is
/// tried in a network of its own, where there is one to be had.
#[test]
fn every_fault_is_survived() {
    const TEST: &str = "every_fault_is_survived";
    match programs::told().as_deref() {
        Some("all") => survive(Share::All),
        Some("some") => survive(Share::Some),
        Some(_) => survive(Share::Sample),
        None => {
            let more = if support::all() { "all" } else { "some" };
            let more = support::load().then(|| network::own(TEST, more, &[], PORTS)).flatten();
            let left = more.unwrap_or_else(|| programs::again(TEST, "sample", |program| Command::new(program)));
            let text = String::from_utf8_lossy(&left.out).into_owned();
            text.lines().filter_map(|line| line.split_once("| ")).for_each(|(_, line)| note(line));
        }
    }
}

fn survive(share: Share) {
    let panics = Arc::new(AtomicUsize::new(0));
    let (count, usual) = (Arc::clone(&panics), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |info| {
        count.fetch_add(1, Ordering::Relaxed);
        usual(info);
    }));
    let (golden, first) = (golden(), settled(|_| true));
    // What is made once for a whole process is there before anything is counted.
    for one in &golden {
        (one.talk)(&Way::new(one.over, Damage::Nothing)).unwrap_or_else(|error| panic!("{}: {error:?}", one.name));
    }
    let before = settled(|now| now.first() == first.first());
    sweep(share, &golden);
    let after = settled(|now| now == before);
    assert_eq!(after, before, "threads and descriptors");
    assert_eq!(panics.load(Ordering::Relaxed), 0);
}
