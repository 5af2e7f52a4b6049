//! Writing to one connection from many places: a whole frame each, and never a wait for who reads.
//!
//! RFC 6455 sections 5.4 and 5.5. May use: error, deadline, stream, url.

use super::Limits;
use crate::deadline::Deadline;
use crate::error::Error;
use crate::stream::{BoxStream, Stream};
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};
use std::{mem, thread};
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role};

/// How long who reads holds a TLS session in which others write, when nothing comes after all.
pub(super) const GLANCE: Duration = Duration::from_millis(1);
/// How long who writes holds it, when it does not go on.
const PIECE: Duration = Duration::from_millis(5);

/// Writes to one connection, for all who want to.
pub(super) struct Writer {
    /// Whose turn it is: held for a whole frame.
    turn: Mutex<Turn>,
    /// Held for one call, because over TLS who reads needs it too.
    pub(super) stream: Mutex<BoxStream>,
    sealed: bool,
    /// Those who want to read a TLS session while somebody writes.
    pub(super) readers: AtomicUsize,
    /// Control frames of those who must not wait for their turn: the next one who has it sends them.
    later: Mutex<VecDeque<Vec<u8>>>,
    /// Whether something may be left, there or of a frame.
    left: AtomicBool,
    /// When our Close was sent: after it nothing is (section 5.5.1).
    pub(super) closing: OnceLock<Instant>,
    pub(super) socket: Weak<TcpStream>,
    pub(super) role: Role,
    pub(super) limits: Limits,
}

#[derive(Default)]
struct Turn {
    /// What is left of a frame that could not be sent at once.
    rest: Vec<u8>,
    /// A frame was cut off in the middle: what came next would be taken for its rest.
    broken: bool,
    finished: bool,
}

/// How long a frame may take.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Time {
    Usual,
    Within(Duration),
    /// What cannot go at once goes later: for who reads. If he waited to be read while the other side waits for us to read, neither
    /// would ever go on.
    Glance,
}

pub(super) fn late(phase: &'static str) -> io::Error {
    Error::Timeout(phase.into()).into()
}

pub(super) fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Nobody panics while he holds one of our locks, so a poisoned one is as good as any.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn is_control(frame: &[u8]) -> bool {
    frame.first().is_some_and(|byte| byte & 8 != 0)
}

impl Writer {
    pub(super) fn new(stream: BoxStream, sealed: bool, socket: Weak<TcpStream>, role: Role, limits: Limits) -> Writer {
        let (stream, readers, closing) = (Mutex::new(stream), AtomicUsize::new(0), OnceLock::new());
        let (turn, later, left) = (Mutex::default(), Mutex::default(), AtomicBool::new(false));
        Writer { turn, stream, sealed, readers, later, left, closing, socket, role, limits }
    }

    /// Ends what we send, behind what was left for later. Fails when this was done before.
    pub(super) fn finish(&self) -> io::Result<()> {
        let mut turn = locked(&self.turn);
        let _ = self.clear(&mut turn, Time::Within(self.limits.close)); // the end comes all the same
        if mem::replace(&mut turn.finished, true) {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let mut stream = locked(&self.stream);
        stream.set_deadline(Deadline::after(self.limits.close));
        stream.finish()
    }

    /// Bytes that are no frame: the handshake.
    pub(super) fn write_head(&self, head: &[u8], deadline: Deadline) -> io::Result<()> {
        let mut stream = locked(&self.stream);
        stream.set_deadline(deadline.earlier(self.limits.write.into()));
        crate::url::write_head(&mut **stream, head, &crate::url::is_secret)
    }

    /// Sends a frame when it is our turn.
    pub(super) fn write_frame(&self, frame: &[u8]) -> io::Result<()> {
        self.write_in_turn(&mut locked(&self.turn), frame, Time::Usual)?;
        self.catch_up() // with what others left while it was our turn
    }

    /// Sends a control frame without waiting for anybody: at once, or by the next who has the turn.
    pub(super) fn write_soon(&self, frame: Vec<u8>) -> io::Result<()> {
        let mut later = locked(&self.later);
        // Of several pongs the last one is enough (section 5.5.3), and so is of pings.
        later.retain(|waiting| waiting[0] != frame[0]);
        later.push_back(frame);
        drop(later);
        self.left.store(true, Ordering::SeqCst);
        self.catch_up()
    }

    /// Sends what was left for later, as far as that can be done at once.
    pub(super) fn catch_up(&self) -> io::Result<()> {
        while self.left.load(Ordering::SeqCst)
            && let Ok(mut turn) = self.turn.try_lock() // who has it does this at his end
            && self.clear(&mut turn, Time::Glance)?
        {}
        Ok(())
    }

    /// Says whether nothing is left.
    fn clear(&self, turn: &mut Turn, time: Time) -> io::Result<bool> {
        self.left.store(false, Ordering::SeqCst); // before we look: what comes afterwards says so itself
        self.whole(turn, &[], time)?;
        // As long as there is a rest the others wait in the queue, where a new pong takes the place of an old one.
        while turn.rest.is_empty() {
            let next = locked(&self.later).pop_front();
            let Some(frame) = next else { break };
            self.write_in_turn(turn, &frame, time)?;
        }
        self.left.fetch_or(!turn.rest.is_empty(), Ordering::SeqCst);
        Ok(turn.rest.is_empty())
    }

    fn write_in_turn(&self, turn: &mut Turn, frame: &[u8], time: Time) -> io::Result<()> {
        match self.closing.get() {
            // The one who reads does not know that another has closed: its pong or second Close is no more wanted.
            Some(_) if is_control(frame) => return Ok(()),
            Some(_) => {
                return Err(io::Error::new(ErrorKind::BrokenPipe, "our Close is sent, and nothing comes after it"));
            }
            None if frame.first().is_some_and(|byte| byte & 0x0f == 8) => drop(self.closing.set(Instant::now())),
            None => {}
        }
        self.whole(turn, frame, time)
    }

    /// Writes all of it, after what was left before.
    fn whole(&self, turn: &mut Turn, bytes: &[u8], time: Time) -> io::Result<()> {
        if turn.rest.is_empty() && bytes.is_empty() {
            return Ok(());
        }
        if turn.broken || turn.finished {
            return Err(io::Error::new(ErrorKind::BrokenPipe, "our end is sent, or a frame was cut off"));
        }
        let mut before = mem::take(&mut turn.rest);
        let all = if before.is_empty() {
            bytes
        } else {
            before.extend_from_slice(bytes);
            &before
        };
        match self.write(all, time) {
            Ok(n) => {
                turn.rest = all[n..].to_vec();
                Ok(())
            }
            Err(error) => {
                turn.broken = true;
                Err(if is_late(&error) { late("send a frame: the other side does not read") } else { error })
            }
        }
    }

    /// How much it wrote: all of it, unless it was to be done at once.
    fn write(&self, bytes: &[u8], time: Time) -> io::Result<usize> {
        let limit = match time {
            Time::Usual => self.limits.write,
            Time::Within(limit) => limit,
            Time::Glance => GLANCE,
        };
        let (mut until, mut done) = (None, 0);
        while done < bytes.len() {
            let mut stream = locked(&self.stream);
            let until = *until.get_or_insert_with(|| Deadline::after(limit)); // who reads a TLS session may hold it longer
            // Over TLS who reads must come in between.
            stream.set_deadline(if self.sealed { until.earlier(Deadline::after(PIECE)) } else { until });
            let wrote = stream.write(&bytes[done..]);
            drop(stream);
            match wrote {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => done += n,
                Err(error) if !is_late(&error) => return Err(error),
                Err(_) if time == Time::Glance => break,
                Err(error) if until.is_over() => return Err(error),
                Err(_) => {}
            }
            while self.sealed && done < bytes.len() && self.readers.load(Ordering::Relaxed) > 0 {
                thread::yield_now();
            }
        }
        Ok(done)
    }

    /// Sends a control frame of ours without waiting for anybody. tungstenite would mask it, but has no way to do so for others.
    pub(super) fn tell(&self, mut frame: Frame) -> io::Result<()> {
        if self.role == Role::Client {
            frame.header_mut().mask = Some((RandomState::new().hash_one(()) as u32).to_be_bytes());
        }
        let mut bytes = Vec::new();
        frame.format(&mut bytes).map_err(io::Error::other)?;
        self.write_soon(bytes)
    }

    /// Sends a Close from outside. He may be gone: then this was worth a try.
    pub(super) fn close(&self, code: CloseCode, reason: &str) {
        let _ = self.tell(Frame::close(Some(CloseFrame { code, reason: reason.into() })));
    }

    /// Ends the connection at once, for a peer with whom there is no speaking.
    pub(super) fn cut(&self) {
        let _ = self.socket.upgrade().map(|socket| socket.shutdown(Shutdown::Both));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Tcp;
    use std::io::Read;
    use std::net::TcpListener;

    /// Who reads a TLS session holds it for a while: what is sent meanwhile goes when he lets go, and not when he looks again.
    #[test]
    fn a_glance_begins_when_the_session_is_free() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let tcp = Tcp::new(listener.accept().unwrap().0).unwrap();
        let socket = tcp.closer();
        let writer = Writer::new(Box::new(tcp), true, socket, Role::Server, Limits::default());
        thread::scope(|scope| {
            let held = locked(&writer.stream);
            let closing = scope.spawn(|| writer.close(CloseCode::Away, ""));
            while writer.closing.get().is_none() {
                thread::yield_now(); // it waits for the session next
            }
            let past = Deadline::after(GLANCE * 5);
            while !past.is_over() {
                thread::yield_now();
            }
            drop(held);
            closing.join().unwrap();
        });
        let mut close = [0; 4];
        peer.read_exact(&mut close).unwrap();
        assert_eq!(&close, b"\x88\x02\x03\xe9");
    }
}
