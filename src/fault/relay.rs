//! One connection through the proxy: two sockets, and a thread for each direction.
//!
//! May use: error, deadline, stream, encode, trace, server.

use super::{Fault, Plan, Seen};
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::server::Conn;
use crate::stream::{self, Tcp};
use crate::trace::{Event, Side};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use std::{mem, thread};

/// For the connection to the upstream server: it stands beside us, or does not answer at all.
const CONNECT: Duration = Duration::from_secs(5);

/// Between two slices: longer than a waiting peer needs to wake up, unless its machine is busy.
const PACE: Duration = Duration::from_millis(1);

/// For one read. 16 KiB is what a pipe or a TLS record holds: larger pieces gain nothing here.
const BUFFER: usize = 16 << 10;

/// Serves one client, until both directions have ended.
pub(super) fn relay(conn: Conn, plan: &Arc<Plan<Fault>>) -> Result<()> {
    let began = Instant::now();
    let server = stream::connect_any(&plan.upstream, Deadline::after(CONNECT)).map_err(|error| {
        let cause = io::Error::from(error);
        let (side, event) = (Side::Server, Event::Lost(&cause));
        (plan.watcher)(&Seen { connection: conn.number, at: began.elapsed(), side, event });
        Error::io("connect to the server")(cause)
    })?;
    let (plan, state, changed, telling) = (Arc::clone(plan), Mutex::default(), Condvar::new(), Mutex::new(()));
    let connection = Arc::new(Connection { plan, began, conn, server, state, changed, telling });
    // Weak: nothing but this function keeps the sockets open, or a reset could not be made (see `slam`).
    let stopped = Arc::downgrade(&connection);
    connection.conn.on_stop(move || stopped.upgrade().iter().for_each(|connection| connection.close()));
    thread::scope(|both| {
        let way = |from| Way { connection: &connection, from, done: 0 };
        let down = thread::Builder::new().name("proxy down".into());
        down.spawn_scoped(both, move || way(Side::Server).pump()).map_err(Error::not_started("start the way back"))?;
        way(Side::Client).pump();
        Ok(())
    })
}

/// Two joined connections, one to each side.
struct Connection {
    plan: Arc<Plan<Fault>>,
    began: Instant,
    conn: Conn,
    server: Tcp,
    state: Mutex<State>,
    changed: Condvar,
    /// Held while the watcher is told, so that it hears of both directions in one order; apart from the state, so that
    /// a watcher that hangs does not hold up the end.
    telling: Mutex<()>,
}

/// What has happened, by side.
#[derive(Default)]
struct State {
    /// It sends no more.
    ended: [bool; 2],
    /// It takes no more.
    lost: [bool; 2],
    /// Nothing passes any more, and nothing is told.
    over: bool,
    /// Nor is anything read any more.
    closed: bool,
}

impl Connection {
    fn socket(&self, side: Side) -> &TcpStream {
        match side {
            Side::Client => self.conn.stream.socket(),
            Side::Server => self.server.socket(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        super::lock(&self.state)
    }

    fn over(&self) {
        self.lock().over = true;
        self.changed.notify_all();
    }

    /// Ends both directions at once and wakes both threads.
    fn close(&self) {
        self.lock().closed = true;
        self.over();
        self.shut(Shutdown::Both);
    }

    fn shut(&self, how: Shutdown) {
        for side in [Side::Client, Side::Server] {
            let _ = self.socket(side).shutdown(how); // it may be gone already
        }
    }

    /// Closes if this side neither sends nor takes any more. Whether it did.
    fn leave(&self, side: Side) -> bool {
        let state = self.lock();
        let gone = state.ended[side as usize] && state.lost[side as usize] && !state.over;
        drop(state);
        if gone {
            self.close();
        }
        gone
    }

    /// Waits so long, or until the connection is over.
    fn pause(&self, time: Duration) {
        let _ = self.changed.wait_timeout_while(self.lock(), time, |state| !state.over);
    }

    /// Tells the watcher, unless it is over or known. Whether it was told.
    fn tell(&self, side: Side, event: Event<'_>) -> bool {
        let _order = super::lock(&self.telling);
        let mut state = self.lock();
        let known = match event {
            Event::Bytes(_) | Event::Secret(_) => state.ended[side as usize],
            Event::Fin => mem::replace(&mut state.ended[side as usize], true),
            Event::Lost(_) => mem::replace(&mut state.lost[side as usize], true),
        };
        let told = !known && !state.over;
        drop(state);
        if told {
            (self.plan.watcher)(&Seen { connection: self.conn.number, at: self.began.elapsed(), side, event });
        }
        told
    }
}

/// One direction of a connection.
struct Way<'a> {
    connection: &'a Connection,
    from: Side,
    done: u64,
}

impl Way<'_> {
    /// Moves bytes until this direction has ended, for whatever reason.
    fn pump(mut self) {
        let (connection, to) = (self.connection, self.from.other());
        let (mut sender, mut receiver) = (connection.socket(self.from), connection.socket(to));
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
                    connection.tell(self.from, Event::Lost(&error));
                    connection.lock().ended[self.from as usize] = true;
                    connection.leave(self.from);
                    return;
                }
                Ok(0) => {
                    if connection.tell(self.from, Event::Fin) && !connection.leave(self.from) {
                        let _ = receiver.shutdown(Shutdown::Write); // if it is gone, nobody misses the end
                    }
                    return;
                }
                Ok(n) => &mut buffer[..n],
            };
            if self.faults().contains(&Fault::Drop { at: self.done }) {
                self.done += piece.len() as u64;
                continue;
            }
            self.spoil(piece);
            if !connection.tell(self.from, Event::Bytes(piece)) {
                break; // a cut in the other direction ended this one too
            }
            if let Err(error) = receiver.write_all(piece) {
                connection.tell(to, Event::Lost(&error));
                if connection.leave(to) {
                    return;
                }
                break; // what it sent before it went is still on its way, in the other direction
            }
            self.done += piece.len() as u64;
        }
        // Whoever sends to nobody must neither wait for us nor be reset, which could overtake what we sent to it.
        // (Linux lets a sender go on after our `shutdown`, so this loop must look whether it is closed.)
        while !connection.lock().closed && sender.read(&mut buffer).is_ok_and(|n| n > 0) {}
    }

    fn faults(&self) -> &[Fault] {
        &self.connection.plan.faults[self.from as usize]
    }

    /// How many bytes the next read may take, so that it ends before the next fault; or what else to do.
    fn next(&self) -> Next {
        let mut most = BUFFER;
        for fault in self.faults() {
            let left = match *fault {
                Fault::Slice(n) => n.max(1),
                Fault::Cut { after } | Fault::Stall { after } | Fault::Slam { after } => {
                    usize::try_from(after.saturating_sub(self.done)).unwrap_or(usize::MAX)
                }
                // It is read alone, so that it can be left out.
                Fault::Drop { at } if at >= self.done => usize::try_from(at - self.done).unwrap_or(usize::MAX).max(1),
                Fault::Delay(_) | Fault::Flip { .. } | Fault::Drop { .. } => continue,
            };
            match (left, fault) {
                (0, Fault::Stall { .. }) => {
                    self.connection.pause(Duration::MAX);
                    return Next::Leave;
                }
                (0, Fault::Slam { .. }) if self.slam() => return Next::Leave,
                (0, Fault::Slam { .. }) => {} // no more bytes: the read will see the end
                (0, _) => return self.cut(),
                (left, _) => most = most.min(left),
            }
        }
        Next::Read(most)
    }

    fn cut(&self) -> Next {
        let connection = self.connection;
        for side in [Side::Client, Side::Server] {
            connection.tell(side, Event::Fin);
        }
        connection.over();
        connection.shut(Shutdown::Write);
        Next::Drain
    }

    /// `false` if the sender has nothing more to say.
    fn slam(&self) -> bool {
        let (sender, receiver) = (self.connection.socket(self.from), self.connection.socket(self.from.other()));
        if !sender.peek(&mut [0]).is_ok_and(|n| n > 0) {
            return false;
        }
        self.connection.tell(self.from.other(), Event::Lost(&ErrorKind::ConnectionReset.into()));
        self.connection.over();
        // Wakes the other thread. The sender's socket is not shut down: it would see an end before the reset, which the
        // system sends when both threads have let go of this socket and of the byte that lies unread in it.
        let _ = receiver.shutdown(Shutdown::Both);
        true
    }

    /// The faults that change a piece or hold it up.
    fn spoil(&self, piece: &mut [u8]) {
        for fault in self.faults() {
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
