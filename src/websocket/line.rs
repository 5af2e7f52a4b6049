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
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError, Weak};
use std::time::{Duration, Instant};
use tungstenite::protocol::Role;

/// How often who waits looks at the clock: the finest of its limits, and a second at most.
const TICK: Duration = Duration::from_secs(1);
/// How long who reads holds a TLS session in which others write, when nothing comes after all.
const GLANCE: Duration = Duration::from_millis(1);

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
    stream: Mutex<Speaking>,
    /// When our Close was sent: after it nothing is (section 5.5.1).
    closing: OnceLock<Instant>,
    socket: Weak<TcpStream>,
    role: Role,
    limits: Limits,
}

struct Speaking {
    stream: BoxStream,
    /// Over TLS the time of a write is set for each, because reads have theirs on the same stream; else it is the patience.
    sealed: bool,
    limit: Duration,
    /// A frame was cut off in the middle: what came next would be taken for its rest.
    broken: bool,
    finished: bool,
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
        let stream = Mutex::new(Speaking {
            stream,
            sealed: seal.is_some(),
            limit: limits.write,
            broken: false,
            finished: false,
        });
        let mouth = Arc::new(Mouth { stream, closing: OnceLock::new(), socket, role, limits });
        Ok(Line::of(ear, mouth))
    }

    fn of(ear: Ear, mouth: Arc<Mouth>) -> Line {
        let limits = mouth.limits;
        Line { ear, mouth, limits, deadline: Deadline::NEVER, heard: Instant::now(), pinged: None, budget: None }
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
        let mut speaking = self.mouth.lock();
        if std::mem::replace(&mut speaking.finished, true) {
            return Err(ErrorKind::BrokenPipe.into());
        }
        speaking.stream.set_deadline(Deadline::after(self.limits.close));
        speaking.stream.finish()
    }

    fn hear(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let tick = self.limits.tick();
        let below = match &mut self.ear {
            Ear::Open(stream) => return stream.read(buffer),
            Ear::Deaf => return Err(ErrorKind::Unsupported.into()),
            Ear::Sealed(below) => below,
        };
        let alone = Arc::strong_count(&self.mouth) == 1;
        let mut speaking = self.mouth.lock();
        speaking.stream.set_deadline(self.deadline.earlier(Deadline::after(if alone { tick } else { GLANCE })));
        let read = speaking.stream.read(buffer);
        drop(speaking);
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
                self.mouth.say(&self.mouth.ping())
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
        self.mouth.say(frame)?;
        Ok(frame.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(()) // Nothing is kept back.
    }
}

impl Mouth {
    fn lock(&self) -> MutexGuard<'_, Speaking> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes that are no frame: the handshake.
    pub(super) fn say_head(&self, head: &[u8]) -> io::Result<()> {
        self.lock().whole(head, None)
    }

    fn say(&self, frame: &[u8]) -> io::Result<()> {
        self.say_on(&mut self.lock(), frame, None)
    }

    fn say_on(&self, speaking: &mut Speaking, frame: &[u8], sooner: Option<Duration>) -> io::Result<()> {
        let opcode = frame.first().map_or(0, |byte| byte & 0x0f);
        match self.closing.get() {
            // The one who reads does not know that another has closed: its pong or second Close is no more wanted.
            Some(_) if opcode >= 8 => return Ok(()),
            Some(_) => {
                return Err(io::Error::new(ErrorKind::BrokenPipe, "our Close is sent, and nothing comes after it"));
            }
            None if opcode == 8 => drop(self.closing.set(Instant::now())),
            None => {}
        }
        speaking.whole(frame, sooner)
    }

    /// A ping without a payload. The client's is masked like all it sends (section 5.3), though there is nothing to mask.
    fn ping(&self) -> Vec<u8> {
        self.control(9, &[])
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

    /// Sends a Close from outside, if nobody is writing just now: whether somebody is.
    pub(super) fn try_close(&self, code: u16, reason: &str, limit: Duration) -> bool {
        match self.stream.try_lock() {
            Ok(mut speaking) => self.close_on(&mut speaking, code, reason, limit),
            Err(TryLockError::Poisoned(poisoned)) => self.close_on(&mut poisoned.into_inner(), code, reason, limit),
            Err(TryLockError::WouldBlock) => return true,
        }
        false
    }

    /// Sends a Close from outside, when it is our turn.
    pub(super) fn close(&self, code: u16, reason: &str, limit: Duration) {
        self.close_on(&mut self.lock(), code, reason, limit);
    }

    fn close_on(&self, speaking: &mut Speaking, code: u16, reason: &str, limit: Duration) {
        let payload = [&code.to_be_bytes(), reason.as_bytes()].concat();
        // He may be gone, or not read: then this was worth a try.
        let _ = self.say_on(speaking, &self.control(8, &payload), Some(limit));
    }

    /// Ends the connection at once, for a peer with whom there is no speaking.
    pub(super) fn cut(&self) {
        let _ = self.socket.upgrade().map(|socket| socket.shutdown(Shutdown::Both));
    }
}

impl Speaking {
    /// Writes all of it, in the usual time for a frame or sooner.
    fn whole(&mut self, bytes: &[u8], sooner: Option<Duration>) -> io::Result<()> {
        if self.broken || self.finished {
            return Err(io::Error::new(
                ErrorKind::BrokenPipe,
                "nothing more can be sent: our end is sent, or a frame was cut off",
            ));
        }
        let done = self.write(bytes, sooner);
        self.broken = done.is_err();
        done.map_err(|error| if is_late(&error) { late("send a frame: the other side does not read") } else { error })
    }

    fn write(&mut self, bytes: &[u8], sooner: Option<Duration>) -> io::Result<()> {
        let mut rest = bytes;
        if !self.sealed && sooner.is_none() {
            // Nearly always the kernel takes it all, and no clock is needed.
            match self.stream.write(bytes) {
                Ok(n) if n == bytes.len() => return Ok(()),
                Ok(n) => rest = &bytes[n..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.stream.set_deadline(Deadline::after(sooner.unwrap_or(self.limit)));
        let done = self.stream.write_all(rest).and_then(|()| self.stream.flush());
        self.stream.set_deadline(Deadline::NEVER);
        done
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
