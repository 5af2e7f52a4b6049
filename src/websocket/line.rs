//! The connection under a WebSocket: whole frames, written by whoever has one; pings where it is silent; an end to every wait.
//!
//! Two copies of a socket that write without this lock mix their frames as soon as one of them does not fit into the kernel's
//! buffer at once. A pong and the answer to a Close are written by who reads (RFC 6455 sections 5.5.1, 5.5.2), so even one
//! reader and one writer are two writers.
//!
//! May use: error, deadline, stream, trace.

use super::Limits;
use super::writer::{GLANCE, Writer, is_control, is_late, late, locked};
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::stream::{BoxStream, Stream, Tcp};
use crate::trace::{Side, Sink, Traced};
use std::io::{self, Cursor, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use std::{fmt, mem};
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::{CloseFrame, Role};

/// How often who waits looks at the clock: so that no limit is exceeded by more than its tenth, and once a second at least.
const TICK: Duration = Duration::from_secs(1);
/// So many bytes tungstenite asks for at once, and fills with zeros before.
pub(super) const SHORT: usize = 1 << 10;

/// What a [`Socket`](super::Socket) reads from and writes to.
pub struct Line {
    reader: Reader,
    writer: Arc<Writer>,
    pub(super) deadline: Deadline,
    ahead: Cursor<Vec<u8>>,
    /// Whether the last read filled its buffer: then more has come.
    more: bool,
    /// When the first tick without a byte was over.
    silent: Option<Instant>,
    pinged: Option<Instant>,
    pub(super) open: bool, // the handshake is over: pings may go
    pings: (Instant, u32), // since when those that come are counted, and how many came
    /// How many bytes may come before the next whole message, where somebody counts.
    budget: Option<u64>,
    /// The other side's Close.
    pub(super) parting: Option<CloseFrame>,
}

/// How it reads.
enum Reader {
    /// Over TCP reading needs no lock: it is a stream of its own.
    Open(BoxStream),
    /// A TLS session is one thing for both directions. Who waits for it waits below, where no lock is needed.
    Sealed(Tcp),
    /// It only writes.
    None,
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
        tcp.set_patience(None);
        tcp.set_deadline(deadline);
        let (reader, stream) = match seal {
            Some(seal) => (Reader::Sealed(other), traced(seal(tcp)?)),
            None => (Reader::Open(traced(Box::new(other))), traced(Box::new(tcp))),
        };
        let writer = Writer::new(stream, seal.is_some(), socket, role, limits);
        let mut line = Line::of(reader, Arc::new(writer));
        line.set_deadline(deadline);
        Ok(line)
    }

    fn of(reader: Reader, writer: Arc<Writer>) -> Line {
        let (deadline, ahead, more) = (Deadline::NEVER, Cursor::default(), false);
        let (open, pings, silent, pinged, budget, parting) = (false, (Instant::now(), 0), None, None, None, None);
        Line { reader, writer, deadline, ahead, more, silent, pinged, open, pings, budget, parting }
    }

    /// Another one that writes to the same connection.
    pub(super) fn write_only(&self) -> Line {
        Line::of(Reader::None, Arc::clone(&self.writer))
    }

    pub(super) fn writer(&self) -> &Arc<Writer> {
        &self.writer
    }

    /// Every read must be done by then; [`Deadline::NEVER`] lifts the limit. A read that is late gives an error of kind
    /// `TimedOut`, and can be tried again: what had come of a message is kept.
    pub fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = deadline;
        if let Reader::Open(stream) = &mut self.reader {
            stream.set_deadline(deadline);
        }
    }

    /// Whether our Close is sent, by whomever, or nothing can be sent any more.
    pub(super) fn is_over(&self) -> bool {
        self.writer.closing.get().is_some()
    }

    /// Whether the bytes of the next message are counted: with empty fragments it can be endless and never large.
    pub(super) fn count_bytes(&mut self, on: bool) {
        self.budget = on.then_some((self.writer.limits.message as u64).saturating_mul(16).saturating_add(64 << 10));
    }

    /// Whether a ping that came was one too many. Its bytes are not those of a message.
    pub(super) fn is_too_many(&mut self, payload: &[u8]) -> bool {
        self.budget = self.budget.map(|rest| rest.saturating_add(6 + payload.len() as u64));
        if self.pings.0.elapsed() >= Duration::from_secs(1) {
            self.pings = (Instant::now(), 0);
        }
        self.pings.1 += 1;
        self.pings.1 > self.writer.limits.pings
    }

    /// The address of the peer.
    ///
    /// # Errors
    /// When the connection is already gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.writer.socket.upgrade().ok_or_else(|| ErrorKind::NotConnected.into()).and_then(|socket| socket.peer_addr())
    }

    /// What is short goes straight to who asks. Where that was not all, more is read ahead.
    fn read_some(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ahead.position() < self.ahead.get_ref().len() as u64 {
            return self.ahead.read(buffer);
        }
        if !mem::take(&mut self.more) {
            let n = self.fetch(buffer)?;
            self.more = n == buffer.len();
            return Ok(n);
        }
        let mut ahead = vec![0; self.writer.limits.buffer.max(SHORT)];
        let n = self.fetch(&mut ahead)?;
        self.more = n == ahead.len();
        ahead.truncate(n);
        self.ahead = Cursor::new(ahead);
        self.ahead.read(buffer)
    }

    fn fetch(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let below = match &mut self.reader {
            Reader::Open(stream) => return stream.read(buffer),
            Reader::None => return Err(ErrorKind::Unsupported.into()),
            Reader::Sealed(below) => below,
        };
        let alone = Arc::strong_count(&self.writer) == 1;
        let most = if alone { self.writer.limits.tick() } else { GLANCE };
        self.writer.readers.fetch_add(1, Ordering::Relaxed);
        let mut stream = locked(&self.writer.stream);
        self.writer.readers.fetch_sub(1, Ordering::Relaxed);
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
    pub(super) fn drain(&mut self) {
        let again = |error: &io::Error| is_late(error) || error.kind() == ErrorKind::Interrupted;
        while self.fetch(&mut [0; 4096]).map_or_else(|e| again(&e), |n| n > 0) && !self.deadline.is_over() {
            let _ = self.writer.catch_up(); // our Close may be among what was left for later
        }
    }

    /// What is to be done after a while of silence.
    fn waited(&mut self) -> io::Result<()> {
        let limits = self.writer.limits;
        // Also where the deadline is over: who looks in often and briefly sees no other silence.
        if let Some(ping_after) = limits.ping_after.filter(|_| self.open && !self.is_over()) {
            let silent = self.silent.get_or_insert_with(Instant::now).elapsed() + limits.tick();
            match self.pinged {
                Some(when) if when.elapsed() >= limits.pong_within => {
                    return Err(late("wait for the pong to our ping"));
                }
                None if silent >= ping_after => {
                    self.pinged = Some(Instant::now());
                    self.budget = self.budget.map(|rest| rest.saturating_add(6 + 125)); // the pong
                    self.writer.tell(Frame::ping(Vec::new()))?;
                }
                _ => {}
            }
        }
        let phase = if self.is_over() { "wait for the other side's Close" } else { "wait for a message" };
        if self.deadline.is_over() { Err(late(phase)) } else { Ok(()) }
    }
}

impl Limits {
    fn tick(&self) -> Duration {
        let pings = self.ping_after.map_or(self.pong_within, |after| after.min(self.pong_within));
        TICK.min(pings / 10).min(self.close / 2).max(Duration::from_millis(1))
    }
}

impl Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.writer.catch_up()?; // also with what others left who are gone
            if let Some(since) = self.writer.closing.get() {
                let left = self.writer.limits.close.saturating_sub(since.elapsed()); // also where he talks on
                self.set_deadline(self.deadline.earlier(left.into()));
            }
            match self.read_some(buffer) {
                Ok(n) => {
                    (self.silent, self.pinged) = (None, None);
                    if let Some(rest) = &mut self.budget {
                        let too_long =
                            || Error::TooLong("read the frames of one message".into(), self.writer.limits.message);
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
        if is_control(frame) && Arc::strong_count(&self.writer) > 1 && !matches!(self.reader, Reader::None) {
            self.writer.write_soon(frame.to_vec())?;
        } else {
            self.writer.write_frame(frame)?;
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
