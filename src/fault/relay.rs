//! One connection through the proxy: two sockets, and a thread for each direction.
//!
//! May use: deadline, stream, trace.

use super::seen::{Passed, Seen, Watch};
use super::{CONNECT, Fault, Shared};
use crate::deadline::Deadline;
use crate::stream;
use crate::trace::Side;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The place of a side in a pair: the client first.
pub(super) fn index(side: Side) -> usize {
    match side {
        Side::Client => 0,
        Side::Server => 1,
    }
}

/// Two joined connections, one to each side.
pub(super) struct Connection {
    number: usize,
    began: Instant,
    client: TcpStream,
    server: stream::Tcp,
    state: Mutex<State>,
    changed: Condvar,
    /// Held while the watchers are told, so that they hear of both directions in one order; apart from the state, so that
    /// a watcher that hangs does not hold up the end.
    telling: Mutex<()>,
}

/// What has happened, by side.
#[derive(Clone, Copy, Default)]
struct State {
    ended: [bool; 2],
    lost: [bool; 2],
    /// Nothing passes any more, and nothing is told.
    over: bool,
    /// Nor is anything read any more.
    closed: bool,
}

/// Between two slices: longer than a waiting peer needs to wake up, unless its machine is busy.
const PACE: Duration = Duration::from_millis(1);

/// For one read. 16 KiB is what a pipe or a TLS record holds: larger pieces gain nothing here.
const BUFFER: usize = 16 << 10;

impl Connection {
    /// Connects to the upstream server. `None` if none of its addresses answers: then the client is dropped, which
    /// closes its connection.
    pub(super) fn open(number: usize, client: TcpStream, shared: &Shared) -> Option<Connection> {
        let began = Instant::now();
        let mut cause = io::Error::from(ErrorKind::NotFound);
        for address in &shared.upstream {
            match stream::connect(&address.ip().to_string(), address.port(), Deadline::after(CONNECT)) {
                Ok(server) => {
                    // Each piece goes on as a piece, whatever Nagle's algorithm would like to collect (RFC 896).
                    client.set_nodelay(true).ok()?;
                    let (state, changed, telling) = Default::default();
                    return Some(Connection { number, began, client, server, state, changed, telling });
                }
                Err(error) => cause = error.into(),
            }
        }
        let passed = Passed::Lost(&cause);
        shared.watch.see(&Seen { connection: number, at: began.elapsed(), side: Side::Server, passed });
        None
    }

    /// Relays until both directions have ended.
    pub(super) fn run(&self, faults: &[Vec<Fault>; 2], watch: &Watch) {
        let way = |from| Way { connection: self, watch, from, faults: &faults[index(from)], done: 0 };
        thread::scope(|both| {
            let down = thread::Builder::new().name("proxy down".into());
            match down.spawn_scoped(both, || way(Side::Server).pump()) {
                Ok(_) => way(Side::Client).pump(),
                Err(_) => self.close(), // no thread for this client
            }
        });
    }

    /// Ends both directions at once and wakes both threads.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.over();
        for side in [Side::Client, Side::Server] {
            let _ = self.socket(side).shutdown(Shutdown::Both); // it may be gone already
        }
    }

    fn socket(&self, side: Side) -> &TcpStream {
        match side {
            Side::Client => &self.client,
            Side::Server => self.server.socket(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn over(&self) {
        self.lock().over = true;
        self.changed.notify_all();
    }

    /// Waits so long, or until the connection is over.
    fn pause(&self, time: Duration) {
        let _ = self.changed.wait_timeout_while(self.lock(), time, |state| !state.over);
    }
}

/// One direction of a connection.
struct Way<'a> {
    connection: &'a Connection,
    watch: &'a Watch,
    from: Side,
    faults: &'a [Fault],
    done: u64,
}

impl Way<'_> {
    /// Moves bytes until this direction has ended, for whatever reason.
    fn pump(mut self) {
        let connection = self.connection;
        let (mut sender, mut receiver) = (connection.socket(self.from), connection.socket(self.from.other()));
        let mut buffer = vec![0; BUFFER];
        loop {
            let most = match self.next() {
                Next::Read(most) => most,
                Next::Drain => break,
                Next::Leave => return,
            };
            let piece = match sender.read(&mut buffer[..most]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    // A reset cannot be passed on (see `Fault::Slam`): for the other side it is an end.
                    if !self.tell(self.from, Passed::Lost(&error)).over {
                        connection.close();
                    }
                    return;
                }
                Ok(0) => {
                    let before = self.tell(self.from, Passed::Fin);
                    return match before {
                        State { over: true, .. } => {}
                        // It had stopped listening before: now nobody is there.
                        State { lost, .. } if lost[index(self.from)] => connection.close(),
                        // The receiver may be gone: then nobody misses the end.
                        State { .. } => drop(receiver.shutdown(Shutdown::Write)),
                    };
                }
                Ok(n) => &mut buffer[..n],
            };
            self.spoil(piece);
            let before = self.tell(self.from, Passed::Bytes(piece));
            if before.over || before.ended[index(self.from)] {
                break; // a cut in the other direction ended this one too
            }
            if let Err(error) = receiver.write_all(piece) {
                let before = self.tell(self.from.other(), Passed::Lost(&error));
                if before.ended[index(self.from.other())] && !before.over {
                    return connection.close();
                }
                break; // what it sent before it went is still on its way, in the other direction
            }
            self.done += piece.len() as u64;
        }
        // Whoever sends to nobody must neither wait for us nor be reset, which could overtake what we sent to it.
        // (Linux lets a sender go on after our `shutdown`, so this loop must look whether it is closed.)
        while !connection.lock().closed && sender.read(&mut buffer).is_ok_and(|n| n > 0) {}
    }

    /// How many bytes the next read may take, so that it ends before the next fault; or what else to do.
    fn next(&self) -> Next {
        let mut most = BUFFER;
        for fault in self.faults {
            let left = match *fault {
                Fault::Slice(n) => n.max(1),
                Fault::Cut { after } | Fault::Stall { after } | Fault::Slam { after } => {
                    usize::try_from(after.saturating_sub(self.done)).unwrap_or(usize::MAX)
                }
                Fault::Delay(_) | Fault::Flip { .. } => continue,
            };
            match (left, fault) {
                (0, Fault::Stall { .. }) => return self.stall(),
                (0, Fault::Slam { .. }) if self.slam() => return Next::Leave,
                (0, Fault::Slam { .. }) => {} // no more bytes: the read will see the end
                (0, _) => return self.cut(),
                (left, _) => most = most.min(left),
            }
        }
        Next::Read(most)
    }

    fn stall(&self) -> Next {
        let connection = self.connection;
        drop(connection.changed.wait_while(connection.lock(), |state| !state.over));
        Next::Leave
    }

    fn cut(&self) -> Next {
        for side in [Side::Client, Side::Server] {
            self.tell(side, Passed::Fin);
        }
        self.connection.over();
        for side in [Side::Client, Side::Server] {
            let _ = self.connection.socket(side).shutdown(Shutdown::Write); // it may be gone already
        }
        Next::Drain
    }

    /// `false` if the sender has nothing more to say.
    fn slam(&self) -> bool {
        let (sender, receiver) = (self.connection.socket(self.from), self.connection.socket(self.from.other()));
        if !sender.peek(&mut [0]).is_ok_and(|n| n > 0) {
            return false;
        }
        self.tell(self.from.other(), Passed::Lost(&ErrorKind::ConnectionReset.into()));
        self.connection.over();
        // Wakes the other thread. The sender's socket is not shut down: it would see an end before the reset, which the
        // system sends when both threads have let go of this socket and of the byte that lies unread in it.
        let _ = receiver.shutdown(Shutdown::Both);
        true
    }

    /// The faults that change a piece or hold it up.
    fn spoil(&self, piece: &mut [u8]) {
        for fault in self.faults {
            match *fault {
                Fault::Delay(time) => self.connection.pause(time),
                Fault::Slice(_) if self.done > 0 => self.connection.pause(PACE),
                Fault::Flip { at, mask } => {
                    let here = at.checked_sub(self.done).and_then(|offset| usize::try_from(offset).ok());
                    if let Some(byte) = here.and_then(|offset| piece.get_mut(offset)) {
                        *byte ^= mask;
                    }
                }
                _ => {}
            }
        }
    }

    /// Tells the watchers, unless it is over or they know. What had happened before.
    fn tell(&self, side: Side, passed: Passed<'_>) -> State {
        let Connection { number, began, .. } = *self.connection;
        let _order = self.connection.telling.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.connection.lock();
        let before = *state;
        match passed {
            Passed::Bytes(_) => {}
            Passed::Fin => state.ended[index(side)] = true,
            Passed::Lost(_) => state.lost[index(side)] = true,
        }
        drop(state);
        let known = match passed {
            Passed::Bytes(_) | Passed::Fin => before.ended[index(side)],
            Passed::Lost(_) => before.lost[index(side)],
        };
        if !known && !before.over {
            self.watch.see(&Seen { connection: number, at: began.elapsed(), side, passed });
        }
        before
    }
}

/// What a direction does next.
enum Next {
    /// It takes at most so many bytes from its sender.
    Read(usize),
    /// Nothing goes on any more: it throws away what still comes.
    Drain,
    /// It does not even read any more.
    Leave,
}
