//! The connection under a WebSocket: whole frames, written by whoever has one; pings where it is silent; an end to every wait.
//!
//! ```text
//! thread A ── read ───────────────┐
//! thread B ── send ── [a frame] ──┤ one lock, held for a whole frame
//! thread C ── send ── [a frame] ──┘
//! ```
//!
//! Two copies of a socket that write without this lock mix their frames as soon as one of them does not fit into the kernel's
//! buffer at once. A pong and the answer to a Close are written by who reads (RFC 6455 sections 5.5.1, 5.5.2), so even one
//! reader and one writer are two writers.
//!
//! May use: error, deadline, stream, trace.

use super::Limits;
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::stream::{BoxStream, Stream, Tcp};
use crate::trace::{Side, Sink, Traced};
use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError, Weak};
use std::time::{Duration, Instant};
use std::{fmt, mem, thread};
use tungstenite::protocol::{CloseFrame, Role};

/// How often who waits looks at the clock: the finest of its limits, and a second at most.
const TICK: Duration = Duration::from_secs(1);
/// How long who reads holds a TLS session in which others write, when nothing comes after all.
const GLANCE: Duration = Duration::from_millis(1);
/// How long who writes holds it, when it does not go on.
const PIECE: Duration = Duration::from_millis(5);

/// What a [`Socket`](super::Socket) reads from and writes to.
pub struct Line {
    ear: Ear,
    mouth: Arc<Mouth>,
    limits: Limits,
    deadline: Deadline,
    heard: Instant,
    pinged: Option<Instant>,
    /// How many bytes may come before the next whole message, where somebody counts.
    budget: Option<u64>,
    /// The other side's Close.
    pub(super) parting: Option<CloseFrame>,
}

/// How it reads.
enum Ear {
    /// Over TCP reading needs no lock: it is a stream of its own.
    Open(BoxStream),
    /// A TLS session is one thing for both directions. Who waits for it waits below, where no lock is needed.
    Sealed(Tcp),
    /// It only writes.
    Deaf,
}

/// How it writes: one for all who do.
pub(super) struct Mouth {
    /// Whose turn it is: held for a whole frame.
    turn: Mutex<Turn>,
    /// Held for one call, because over TLS who reads needs it too.
    stream: Mutex<BoxStream>,
    sealed: bool,
    /// Those who want to read a TLS session while somebody writes.
    readers: AtomicUsize,
    /// Control frames of those who must not wait for their turn: the next one who has it sends them.
    later: Mutex<VecDeque<Vec<u8>>>,
    /// When our Close was sent: after it nothing is (section 5.5.1).
    closing: OnceLock<Instant>,
    socket: Weak<TcpStream>,
    role: Role,
    limits: Limits,
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

fn late(phase: &'static str) -> io::Error {
    Error::Timeout(phase.into()).into()
}

fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

impl Line {
    /// Takes over a connection; `seal` makes TLS of it, if there is to be any.
    pub(super) fn new(
        mut tcp: Tcp,
        role: Role,
        limits: Limits,
        trace: Option<&Arc<dyn Sink>>,
        seal: Option<&dyn Fn(Tcp) -> Result<BoxStream>>,
    ) -> Result<Line> {
        let side = if role == Role::Client { Side::Client } else { Side::Server };
        let traced = |stream: BoxStream| -> BoxStream {
            match trace {
                Some(sink) => Box::new(Traced::new(stream, side, Arc::clone(sink))),
                None => stream,
            }
        };
        let socket = tcp.closer();
        tcp.set_deadline(Deadline::NEVER);
        let mut other = tcp.share();
        other.set_patience(Some(limits.tick()));
        let (ear, stream) = match seal {
            Some(seal) => {
                tcp.set_patience(None);
                (Ear::Sealed(other), traced(seal(tcp)?))
            }
            None => {
                tcp.set_patience(Some(limits.write));
                (Ear::Open(traced(Box::new(other))), traced(Box::new(tcp)))
            }
        };
        let mouth = Mouth {
            turn: Mutex::default(),
            stream: Mutex::new(stream),
            sealed: seal.is_some(),
            readers: AtomicUsize::new(0),
            later: Mutex::default(),
            closing: OnceLock::new(),
            socket,
            role,
            limits,
        };
        Ok(Line::of(ear, Arc::new(mouth)))
    }

    fn of(ear: Ear, mouth: Arc<Mouth>) -> Line {
        let limits = mouth.limits;
        let (deadline, heard) = (Deadline::NEVER, Instant::now());
        Line { ear, mouth, limits, deadline, heard, pinged: None, budget: None, parting: None }
    }

    /// Another one that writes to the same connection.
    pub(super) fn mouth_only(&self) -> Line {
        Line::of(Ear::Deaf, Arc::clone(&self.mouth))
    }

    pub(super) fn mouth(&self) -> &Arc<Mouth> {
        &self.mouth
    }

    pub(super) fn role(&self) -> Role {
        self.mouth.role
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// Every read must be done by then; [`Deadline::NEVER`] lifts the limit. A read that is late gives an error of kind
    /// `TimedOut`, and can be tried again: what had come of a message is kept.
    pub fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = deadline;
        if let Ear::Open(stream) = &mut self.ear {
            stream.set_deadline(deadline);
        }
    }

    /// Whether our Close is sent, by whomever, or nothing can be sent any more.
    pub(super) fn is_over(&self) -> bool {
        self.mouth.closing.get().is_some()
    }

    /// The next message may take so many bytes with all its frames, and pings between them: a fragment may be empty, so that a
    /// message can be endless without ever being large.
    pub(super) fn expect_message(&mut self) {
        self.budget = Some(16 * self.limits.message as u64 + (64 << 10));
    }

    /// The address of the peer.
    ///
    /// # Errors
    /// When the connection is already gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.mouth.socket.upgrade().ok_or_else(|| ErrorKind::NotConnected.into()).and_then(|socket| socket.peer_addr())
    }

    /// Ends what we send.
    ///
    /// # Errors
    /// When the connection is gone, or this was done before.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        let mut turn = locked(&self.mouth.turn);
        let _ = self.mouth.clear(&mut turn, Time::Within(self.limits.close)); // the end comes all the same
        if mem::replace(&mut turn.finished, true) {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let mut stream = locked(&self.mouth.stream);
        stream.set_deadline(Deadline::after(self.limits.close));
        stream.finish()
    }

    fn is_shared(&self) -> bool {
        Arc::strong_count(&self.mouth) > 1
    }

    fn hear(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let tick = self.limits.tick();
        let below = match &mut self.ear {
            Ear::Open(stream) => return stream.read(buffer),
            Ear::Deaf => return Err(ErrorKind::Unsupported.into()),
            Ear::Sealed(below) => below,
        };
        let alone = Arc::strong_count(&self.mouth) == 1;
        self.mouth.readers.fetch_add(1, Ordering::Relaxed);
        let mut stream = locked(&self.mouth.stream);
        self.mouth.readers.fetch_sub(1, Ordering::Relaxed);
        stream.set_deadline(self.deadline.earlier(Deadline::after(if alone { tick } else { GLANCE })));
        let read = stream.read(buffer);
        drop(stream);
        match read {
            Err(error) if is_late(&error) && !alone => {
                below.set_deadline(self.deadline);
                below.wait_readable()?;
                Err(ErrorKind::Interrupted.into()) // now there is something: read again
            }
            read => read,
        }
    }

    /// Reads what nobody wants any more: without pings, until the end or the deadline.
    pub(super) fn hear_rest(&mut self, bin: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.hear(bin) {
                _ if self.deadline.is_over() => return Err(late("wait for the end")),
                Err(error) if is_late(&error) || error.kind() == ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }

    /// What is to be done after a while of silence.
    fn waited(&mut self) -> io::Result<()> {
        if self.deadline.is_over() {
            return Err(late("wait for a message"));
        }
        if let Some(since) = self.mouth.closing.get() {
            return match since.elapsed() < self.limits.close {
                true => Ok(()),
                false => Err(late("wait for the other side's Close")),
            };
        }
        let Some(ping_after) = self.limits.ping_after else { return Ok(()) };
        match self.pinged {
            Some(pinged) if pinged.elapsed() >= self.limits.pong_within => Err(late("wait for the pong to our ping")),
            None if self.heard.elapsed() >= ping_after => {
                self.pinged = Some(Instant::now());
                self.mouth.say_soon(self.mouth.control(9, &[]))
            }
            _ => Ok(()),
        }
    }
}

impl Limits {
    fn tick(&self) -> Duration {
        let all = [self.ping_after.unwrap_or(TICK), self.pong_within, self.close];
        all.into_iter().fold(TICK, Duration::min).max(Duration::from_millis(1))
    }
}

impl Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.is_shared() {
                self.mouth.catch_up()?;
            }
            match self.hear(buffer) {
                Ok(n) => {
                    (self.heard, self.pinged) = (Instant::now(), None);
                    return match &mut self.budget {
                        Some(rest) if *rest < n as u64 => {
                            Err(Error::TooLong("read the frames of one message".into(), self.limits.message).into())
                        }
                        Some(rest) => {
                            *rest -= n as u64;
                            Ok(n)
                        }
                        None => Ok(n),
                    };
                }
                Err(error) if is_late(&error) => self.waited()?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Write for Line {
    /// Writes all of it or breaks: tungstenite gives a whole frame to one write.
    fn write(&mut self, frame: &[u8]) -> io::Result<usize> {
        match &self.ear {
            Ear::Open(_) | Ear::Sealed(_) if is_control(frame) && self.is_shared() => {
                self.mouth.say_soon(frame.to_vec())?
            }
            _ => self.mouth.say(frame)?,
        }
        Ok(frame.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(()) // Nothing is kept back.
    }
}

/// Nobody panics while he holds one of our locks, so a poisoned one is as good as any.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_control(frame: &[u8]) -> bool {
    frame.first().is_some_and(|byte| byte & 8 != 0)
}

impl Mouth {
    /// Bytes that are no frame: the handshake.
    pub(super) fn say_head(&self, head: &[u8]) -> io::Result<()> {
        self.whole(&mut locked(&self.turn), head, Time::Usual)
    }

    /// Sends a frame when it is our turn.
    fn say(&self, frame: &[u8]) -> io::Result<()> {
        let mut turn = locked(&self.turn);
        let said = self.say_on(&mut turn, frame, Time::Usual).and_then(|()| self.clear(&mut turn, Time::Usual));
        drop(turn);
        // What was put there after we looked for the last time, and before we gave our turn back.
        said.and_then(|()| self.catch_up())
    }

    /// Sends a control frame without waiting for anybody: at once, or by the next who has the turn.
    fn say_soon(&self, frame: Vec<u8>) -> io::Result<()> {
        let mut later = locked(&self.later);
        // Of several pongs the last one is enough (section 5.5.3), and so is of pings.
        later.retain(|waiting| waiting[0] != frame[0]);
        later.push_back(frame);
        drop(later);
        self.catch_up()
    }

    /// Sends what was left for later, as far as that can be done at once.
    fn catch_up(&self) -> io::Result<()> {
        match self.turn.try_lock() {
            Ok(mut turn) => self.clear(&mut turn, Time::Glance),
            Err(TryLockError::Poisoned(poisoned)) => self.clear(&mut poisoned.into_inner(), Time::Glance),
            Err(TryLockError::WouldBlock) => Ok(()), // who has it does this at his end
        }
    }

    fn clear(&self, turn: &mut Turn, time: Time) -> io::Result<()> {
        if !turn.rest.is_empty() {
            self.whole(turn, &[], time)?;
        }
        loop {
            let next = locked(&self.later).pop_front();
            let Some(frame) = next else { return Ok(()) };
            self.say_on(turn, &frame, time)?;
        }
    }

    fn say_on(&self, turn: &mut Turn, frame: &[u8], time: Time) -> io::Result<()> {
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
        if turn.broken || turn.finished {
            let why = "nothing more can be sent: our end is sent, or a frame was cut off";
            return Err(io::Error::new(ErrorKind::BrokenPipe, why));
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
        // Nearly always the kernel takes it all, and no clock is needed: the stream's patience is the usual time for a frame.
        let mut quick = time == Time::Usual && !self.sealed;
        let until = match time {
            _ if quick => Deadline::NEVER,
            Time::Usual => Deadline::after(self.limits.write),
            Time::Within(limit) => Deadline::after(limit),
            Time::Glance => Deadline::after(GLANCE),
        };
        let (mut done, mut until) = (0, until);
        while done < bytes.len() {
            let mut stream = locked(&self.stream);
            // Over TLS who reads must come in between.
            stream.set_deadline(if self.sealed { until.earlier(Deadline::after(PIECE)) } else { until });
            let wrote = stream.write(&bytes[done..]);
            if !self.sealed && !quick {
                stream.set_deadline(Deadline::NEVER);
            }
            drop(stream);
            match wrote {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => done += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if !is_late(&error) => return Err(error),
                Err(_) if time == Time::Glance => break,
                Err(error) if quick || until.is_over() => return Err(error),
                Err(_) => {}
            }
            if mem::take(&mut quick) && done < bytes.len() {
                until = Deadline::after(self.limits.write);
            }
            while self.sealed && done < bytes.len() && self.readers.load(Ordering::Relaxed) > 0 {
                thread::yield_now();
            }
        }
        Ok(done)
    }

    fn control(&self, opcode: u8, payload: &[u8]) -> Vec<u8> {
        let length = payload.len().min(125) as u8;
        let payload = &payload[..usize::from(length)];
        let mut frame = vec![0x80 | opcode, length];
        match self.role {
            Role::Server => frame.extend_from_slice(payload),
            Role::Client => {
                let mask = (RandomState::new().hash_one(()) as u32).to_be_bytes();
                frame[1] |= 0x80;
                frame.extend_from_slice(&mask);
                frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
            }
        }
        frame
    }

    /// Sends a Close from outside, without waiting for anybody.
    pub(super) fn close(&self, code: u16, reason: &str) {
        let payload = [&code.to_be_bytes(), reason.as_bytes()].concat();
        // He may be gone: then this was worth a try.
        let _ = self.say_soon(self.control(8, &payload));
    }

    /// Ends the connection at once, for a peer with whom there is no speaking.
    pub(super) fn cut(&self) {
        let _ = self.socket.upgrade().map(|socket| socket.shutdown(Shutdown::Both));
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.ear {
            Ear::Open(_) => "open",
            Ear::Sealed(_) => "over TLS",
            Ear::Deaf => "for writing",
        };
        match self.peer_addr() {
            Ok(peer) => write!(f, "Line({kind}, {peer})"),
            Err(_) => write!(f, "Line({kind}, gone)"),
        }
    }
}
