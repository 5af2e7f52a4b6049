//! The connection under a WebSocket: whole frames, written by whoever has one; pings where it is silent; an end to every wait.
//!
//! Two copies of a socket that write without this lock mix their frames as soon as one of them does not fit into the kernel's
//! buffer at once. A pong and the answer to a Close are written by who reads (RFC 6455 sections 5.5.1, 5.5.2), so even one
//! reader and one writer are two writers.
//!
//! May use: error, deadline, stream, trace.

use super::Limits;
use super::mouth::{GLANCE, Mouth, is_control, is_late, late, locked};
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::stream::{BoxStream, Stream, Tcp};
use crate::trace::{Side, Sink, Traced};
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tungstenite::protocol::{CloseFrame, Role};

/// How often who waits looks at the clock: the finest of its limits, and a second at most.
const TICK: Duration = Duration::from_secs(1);
/// What a [`Socket`](super::Socket) reads from and writes to.
pub struct Line {
    ear: Ear,
    mouth: Arc<Mouth>,
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

impl Line {
    /// Takes over a connection; `seal` makes TLS of it, if there is to be any. All that until a new deadline is set must be done by
    /// this one.
    pub(super) fn new(
        mut tcp: Tcp,
        role: Role,
        limits: Limits,
        trace: Option<&Arc<dyn Sink>>,
        deadline: Deadline,
        seal: Option<&(impl Fn(Tcp) -> Result<BoxStream> + ?Sized)>,
    ) -> Result<Line> {
        let side = if role == Role::Client { Side::Client } else { Side::Server };
        let traced = |stream: BoxStream| -> BoxStream {
            match trace {
                Some(sink) => Box::new(Traced::new(stream, side, Arc::clone(sink))),
                None => stream,
            }
        };
        let socket = tcp.closer();
        let mut other = tcp.share();
        other.set_patience(Some(limits.tick()));
        let (ear, stream) = match seal {
            Some(seal) => {
                tcp.set_patience(None);
                tcp.set_deadline(deadline);
                (Ear::Sealed(other), traced(seal(tcp)?))
            }
            None => {
                tcp.set_deadline(Deadline::NEVER);
                tcp.set_patience(Some(limits.write));
                (Ear::Open(traced(Box::new(other))), traced(Box::new(tcp)))
            }
        };
        let mouth = Mouth::new(stream, seal.is_some(), socket, role, limits);
        let mut line = Line::of(ear, Arc::new(mouth));
        line.set_deadline(deadline);
        Ok(line)
    }

    fn of(ear: Ear, mouth: Arc<Mouth>) -> Line {
        let (deadline, heard) = (Deadline::NEVER, Instant::now());
        Line { ear, mouth, deadline, heard, pinged: None, budget: None, parting: None }
    }

    /// Another one that writes to the same connection.
    pub(super) fn mouth_only(&self) -> Line {
        Line::of(Ear::Deaf, Arc::clone(&self.mouth))
    }

    pub(super) fn mouth(&self) -> &Arc<Mouth> {
        &self.mouth
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

    /// Whether the bytes of the next message are counted: with empty fragments it can be endless and never large.
    pub(super) fn count_bytes(&mut self, on: bool) {
        self.budget = on.then_some(16 * self.mouth.limits.message as u64 + (64 << 10));
    }

    /// The address of the peer.
    ///
    /// # Errors
    /// When the connection is already gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.mouth.socket.upgrade().ok_or_else(|| ErrorKind::NotConnected.into()).and_then(|socket| socket.peer_addr())
    }

    /// Ends what we send. Fails when the connection is gone, or this was done before.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.mouth.finish()
    }

    fn is_shared(&self) -> bool {
        Arc::strong_count(&self.mouth) > 1
    }

    fn hear(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let below = match &mut self.ear {
            Ear::Open(stream) => return stream.read(buffer),
            Ear::Deaf => return Err(ErrorKind::Unsupported.into()),
            Ear::Sealed(below) => below,
        };
        let alone = Arc::strong_count(&self.mouth) == 1;
        let most = if alone { self.mouth.limits.tick() } else { GLANCE };
        self.mouth.readers.fetch_add(1, Ordering::Relaxed);
        let mut stream = locked(&self.mouth.stream);
        self.mouth.readers.fetch_sub(1, Ordering::Relaxed);
        stream.set_deadline(self.deadline.earlier(Deadline::after(most)));
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
            let over = since.elapsed() >= self.mouth.limits.close;
            return if over { Err(late("wait for the other side's Close")) } else { Ok(()) };
        }
        let Some(ping_after) = self.mouth.limits.ping_after else { return Ok(()) };
        match self.pinged {
            Some(pinged) if pinged.elapsed() >= self.mouth.limits.pong_within => {
                Err(late("wait for the pong to our ping"))
            }
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
                    if let Some(rest) = &mut self.budget {
                        let most = self.mouth.limits.message;
                        let too_long = || Error::TooLong("read the frames of one message".into(), most);
                        *rest = rest.checked_sub(n as u64).ok_or_else(too_long)?;
                    }
                    return Ok(n);
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

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Line({:?})", self.peer_addr())
    }
}
