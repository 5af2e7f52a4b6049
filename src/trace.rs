//! The wire made visible: a stream that shows everything that passes, for the learner's eyes, a test's assertion or a
//! bug report.
//!
//! ```text
//! C: USER anonymous\r\n                                      the client wrote this
//! S: 331 tell me your mail address\r\n                       the server answered
//! C: PASS ***                                                a secret passed here
//! C: FIN                                                     no more from the client
//! ```
//!
//! One wrapper at the stream serves every protocol above it. What it saw goes to a [`Sink`]; the one that remembers is
//! a [`Transcript`]. Bytes are shown through [`visible`], so that nothing sent by a stranger reaches the terminal as it is.
//!
//! May use: encode, deadline, stream.

mod live;

pub use live::{Live, Numbers};

use crate::deadline::Deadline;
use crate::encode::visible;
use crate::stream::Stream;
use std::fmt::{self, Write as _};
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The one that connected.
    Client,
    /// The one that listened.
    Server,
}

impl Side {
    /// The letter in a transcript: `C` or `S`.
    pub fn letter(self) -> char {
        match self {
            Side::Client => 'C',
            Side::Server => 'S',
        }
    }

    /// The one at the other end.
    pub fn other(self) -> Side {
        match self {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        }
    }
}

/// What passed on the wire.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// One read or one write, as the system gave or took it: where one ends says nothing about the message.
    Bytes(&'a [u8]),
    /// Bytes that are not for other eyes: how many.
    Secret(usize),
    /// The end of what this side sends.
    Fin,
    /// This side is not there, or went without an end: a reset, a refused connection.
    Lost(&'a io::Error),
}

/// Takes what a [`Traced`] stream saw, at once and in order.
pub trait Sink: Send + Sync {
    /// `side` is who sent it.
    fn event(&self, side: Side, event: Event<'_>);

    /// Whoever is told of several connections at once may want to tell them apart: the sink for the one between `ends` (our
    /// address and the peer's), if it has one of its own. Over TLS, and after STARTTLS, it is asked again for the same ends.
    fn connection(&self, _ends: [SocketAddr; 2]) -> Option<Arc<dyn Sink>> {
        None
    }
}

/// A stream that tells a [`Sink`] what passes.
pub struct Traced<S> {
    inner: S,
    we_are: Side,
    sink: Arc<dyn Sink>,
    secret: bool,
    finished: bool,
    ended: bool,
    silent: bool,
}

impl<S: Stream> Traced<S> {
    /// Watches `inner`, whose near end is `we_are`.
    pub fn new(inner: S, we_are: Side, sink: Arc<dyn Sink>) -> Traced<S> {
        let ends = inner.local_addr().and_then(|ours| Ok([ours, inner.peer_addr()?]));
        let sink = ends.ok().and_then(|ends| sink.connection(ends)).unwrap_or(sink);
        Traced { inner, we_are, sink, secret: false, finished: false, ended: false, silent: false }
    }

    /// The stream itself, watched no longer.
    pub fn into_inner(self) -> S {
        self.inner
    }

    fn tell(&self, side: Side, event: Event<'_>) {
        if !self.silent {
            self.sink.event(side, event);
        }
    }

    /// A reset is told once, as an end is. Time that ran out is none: the peer may still be there.
    fn reset(&mut self, error: &io::Error) {
        if is_reset(error) && !self.ended {
            self.ended = true;
            self.tell(self.we_are.other(), Event::Lost(error));
        }
    }
}

impl<S: Stream> Read for Traced<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer).inspect_err(|error| self.reset(error))?;
        let peer = self.we_are.other();
        match n {
            0 if buffer.is_empty() || self.ended => {}
            0 => {
                self.ended = true;
                self.tell(peer, Event::Fin);
            }
            n => self.tell(peer, Event::Bytes(&buffer[..n])),
        }
        Ok(n)
    }
}

impl<S: Stream> Write for Traced<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(bytes).inspect_err(|error| self.reset(error))?;
        match self.secret {
            _ if n == 0 => {}
            true => self.tell(self.we_are, Event::Secret(n)),
            false => self.tell(self.we_are, Event::Bytes(&bytes[..n])),
        }
        Ok(n)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<S: Stream> Stream for Traced<S> {
    fn set_deadline(&mut self, deadline: Deadline) {
        self.inner.set_deadline(deadline);
    }
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.inner.peer_addr()
    }
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
    fn finish(&mut self) -> io::Result<()> {
        self.inner.finish()?;
        if !std::mem::replace(&mut self.finished, true) {
            self.tell(self.we_are, Event::Fin);
        }
        Ok(())
    }
    fn is_quiet(&mut self) -> bool {
        self.inner.is_quiet()
    }
    fn secret(&mut self, on: bool) {
        self.secret = on;
        self.inner.secret(on);
    }
    fn unwatch(&mut self) {
        self.silent = true;
        self.inner.unwatch();
    }
}

impl<S: fmt::Debug> fmt::Debug for Traced<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Traced({:?})", self.inner)
    }
}

/// A [`Sink`] that remembers. Clones share one memory: give one away, keep one to ask.
///
/// ```
/// use netprimer::trace::{Event, Side, Sink, Transcript};
/// let transcript = Transcript::new();
/// transcript.event(Side::Client, Event::Bytes(b"GET / HT"));
/// transcript.event(Side::Client, Event::Bytes(b"TP/1.0\r\n"));
/// transcript.event(Side::Server, Event::Fin);
/// assert_eq!(transcript.sent_by(Side::Client), b"GET / HTTP/1.0\r\n");
/// assert_eq!(transcript.to_string(), "C: GET / HTTP/1.0\\r\\n\nS: FIN\n");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Transcript(Arc<Mutex<Vec<Entry>>>);

/// One piece of a [`Transcript`].
#[derive(Debug, Clone)]
pub struct Entry {
    /// Who sent it.
    pub side: Side,
    /// What it was.
    pub what: What,
    /// When it passed here.
    pub at: Instant,
}

/// An [`Event`] that can be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The bytes of one read or write, or of a whole turn.
    Bytes(Vec<u8>),
    /// So many bytes that are not shown.
    Secret(usize),
    /// The end of what this side sends.
    Fin,
    /// This side is not there, or went without an end, in words.
    Lost(String),
}

impl Transcript {
    /// An empty one.
    pub fn new() -> Transcript {
        Transcript::default()
    }

    /// Every piece as it passed.
    pub fn pieces(&self) -> Vec<Entry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The turns of the conversation: neighbouring pieces of one side joined, because where TCP cuts is chance.
    pub fn turns(&self) -> Vec<Entry> {
        let mut turns: Vec<Entry> = Vec::new();
        for piece in self.pieces() {
            match (turns.last_mut(), &piece.what) {
                (Some(Entry { side, what: What::Bytes(all), .. }), What::Bytes(more)) if *side == piece.side => {
                    all.extend_from_slice(more);
                }
                (Some(Entry { side, what: What::Secret(all), .. }), What::Secret(more)) if *side == piece.side => {
                    *all += more;
                }
                _ => turns.push(piece),
            }
        }
        turns
    }

    /// All bytes of one side in one piece, secrets left out.
    pub fn sent_by(&self, side: Side) -> Vec<u8> {
        let of_side = self.pieces().into_iter().filter(|piece| piece.side == side);
        of_side
            .filter_map(|piece| if let What::Bytes(bytes) = piece.what { Some(bytes) } else { None })
            .flatten()
            .collect()
    }
}

impl Sink for Transcript {
    fn event(&self, side: Side, event: Event<'_>) {
        let what = match event {
            Event::Bytes(bytes) => What::Bytes(bytes.to_vec()),
            Event::Secret(n) => What::Secret(n),
            Event::Fin => What::Fin,
            Event::Lost(error) => What::Lost(lost(error)),
        };
        let entry = Entry { side, what, at: Instant::now() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.turns().iter().try_for_each(|turn| match &turn.what {
            What::Bytes(bytes) => f.write_str(&show(turn.side, Event::Bytes(bytes))),
            What::Secret(n) => f.write_str(&show(turn.side, Event::Secret(*n))),
            What::Fin => f.write_str(&show(turn.side, Event::Fin)),
            What::Lost(text) => writeln!(f, "{}: {text}", turn.side.letter()),
        })
    }
}

/// No line of a trace is wider: it fits a terminal of 80 columns and a projector.
const COLUMNS: usize = 76;

/// One event as lines of at most 76 columns, each begun by who sent it: text line by line with its line ends visible, anything
/// else as a hexdump.
pub fn show(side: Side, event: Event<'_>) -> String {
    named("", side, event)
}

fn named(name: &str, side: Side, event: Event<'_>) -> String {
    let start = format!("{name}{}: ", side.letter());
    match event {
        Event::Fin => format!("{start}FIN\n"),
        Event::Lost(error) => format!("{start}{}\n", lost(error)),
        Event::Secret(_) => format!("{start}***\n"), // the number of bytes would tell the length of a password
        Event::Bytes(bytes) if is_text(bytes) => beside(&start, &start, bytes),
        Event::Bytes(bytes) => hexdump(bytes).lines().map(|line| format!("{start}{line}\n")).collect(),
    }
}

/// Text beside what stands before its first line and before the others; a new line after each line end.
pub(crate) fn beside(first: &str, others: &str, text: &[u8]) -> String {
    let width = COLUMNS.saturating_sub(first.len()).max(16);
    let lines = text.split_inclusive(|byte| *byte == b'\n').flat_map(|line| wrap(&visible(line), width));
    lines.enumerate().map(|(n, line)| format!("{}{line}\n", if n == 0 { first } else { others })).collect()
}

/// A peer that reset the connection shows itself to our read as a reset, to our write as a broken pipe.
fn is_reset(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe)
}

/// How a side went, in words.
pub(crate) fn lost(error: &io::Error) -> String {
    if is_reset(error) { "reset".to_owned() } else { format!("gone: {}", visible(error.to_string().as_bytes())) }
}

/// Text that reads well as it is: UTF-8 without control characters other than line ends and tabs.
fn is_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| !text.chars().any(|c| c.is_control() && !"\r\n\t".contains(c)))
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for c in text.chars() {
        // Chinese, Japanese and Korean characters take two columns; counting all above them so is safe.
        let columns = if c < '\u{1100}' { 1 } else { 2 };
        if used + columns > width {
            lines.push(String::new());
            used = 0;
        }
        used += columns;
        if let Some(line) = lines.last_mut() {
            line.push(c);
        }
    }
    lines
}

/// Bytes in rows of sixteen under a ruler, with their text beside them; what is no printable ASCII shows as a dot.
///
/// ```
/// let dump = netprimer::trace::hexdump("Hi 你!\r\n".as_bytes());
/// let lines: Vec<&str> = dump.lines().collect();
/// assert_eq!(lines[0], "      0  1  2  3  4  5  6  7   8  9  a  b  c  d  e  f");
/// assert_eq!(lines[1], "0000  48 69 20 e4 bd a0 21 0d  0a                       Hi ...!..");
/// ```
pub fn hexdump(bytes: &[u8]) -> String {
    let mut dump = String::from("      0  1  2  3  4  5  6  7   8  9  a  b  c  d  e  f\n");
    for (row, bytes) in bytes.chunks(16).enumerate() {
        let mut hex = String::new();
        for (column, byte) in bytes.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{}{byte:02x} ", if column == 8 { " " } else { "" });
        }
        let printable = |byte: &u8| if (0x20..0x7f).contains(byte) { char::from(*byte) } else { '.' };
        let text: String = bytes.iter().map(printable).collect();
        let _ = writeln!(dump, "{:04x}  {hex:<49} {text}", row * 16);
    }
    dump
}
