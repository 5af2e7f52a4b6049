//! What passes through a proxy, for those who watch: one value for each piece, and the line that `tap` prints for it.
//!
//! May use: encode, trace.

use crate::encode::visible;
use crate::trace::{self, Event, Side, Sink, Transcript};
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// One thing that passed, told just before it goes on.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Which connection (for datagrams: which client), from 1.
    pub connection: usize,
    /// How long after the connection began.
    pub at: Duration,
    /// Who sent it; of [`Passed::Lost`], who is gone.
    pub side: Side,
    /// What it was.
    pub passed: Passed<'a>,
}

/// What passed.
#[derive(Debug, Clone, Copy)]
pub enum Passed<'a> {
    /// One piece as the proxy received it and sends it on, or one datagram.
    Bytes(&'a [u8]),
    /// The end of what this side sends.
    Fin,
    /// This side is not there, or went without an end: a reset, a refused connection.
    Lost(&'a io::Error),
}

impl Seen<'_> {
    /// Lines for a terminal, at most 76 columns wide unless a number is very large: the number of the connection if it is
    /// not the first, the time, the direction, the length, and the bytes, as [`visible`] text or as a hexdump.
    ///
    /// ```
    /// use netprimer::{fault::{Passed, Seen}, trace::Side};
    /// # use std::time::Duration;
    /// let (at, passed) = (Duration::from_micros(1234), Passed::Bytes(b"Hi\n"));
    /// let mut seen = Seen { connection: 1, at, side: Side::Client, passed };
    /// assert_eq!(seen.show(false), "    1.2 ms  C -> S      3 bytes  Hi\\n\n");
    /// seen.passed = Passed::Fin;
    /// assert_eq!(seen.show(false), "    1.2 ms  C -> S  FIN\n");
    /// ```
    pub fn show(&self, hex: bool) -> String {
        let number = if self.connection > 1 { format!("#{} ", self.connection) } else { String::new() };
        let (from, to) = (self.side.letter(), self.side.other().letter());
        let start = format!("{number}{:>7.1} ms  {from} -> {to}", self.at.as_secs_f64() * 1e3);
        match self.passed {
            Passed::Fin => format!("{start}  FIN\n"),
            Passed::Lost(error) if is_reset(error) => format!("{start}  reset\n"),
            Passed::Lost(error) => format!("{start}  gone: {}\n", visible(error.to_string().as_bytes())),
            Passed::Bytes(bytes) => {
                let start = format!("{start}  {:>5} byte{}", bytes.len(), if bytes.len() == 1 { " " } else { "s" });
                match hex {
                    true if bytes.is_empty() => format!("{start}\n"),
                    true => format!("{start}\n{}", trace::hexdump(bytes)),
                    false => beside(&start, bytes),
                }
            }
        }
    }
}

/// The text in a column of its own, a new line after each line end.
fn beside(start: &str, bytes: &[u8]) -> String {
    let mut shown = start.to_owned();
    let mut indent = String::from("  ");
    let width = trace::COLUMNS.saturating_sub(start.len() + 2).max(16);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        for part in trace::wrap(&visible(line), width) {
            shown.extend([indent.as_str(), &part, "\n"]);
            indent = " ".repeat(start.len() + 2);
        }
    }
    if bytes.is_empty() {
        shown.push('\n');
    }
    shown
}

/// A peer that reset the connection shows itself to our read as a reset, to our write as a broken pipe.
fn is_reset(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe)
}

type Watcher = Box<dyn Fn(&Seen<'_>) + Send + Sync>;

/// All who watch one proxy.
#[derive(Default)]
pub(super) struct Watch {
    watchers: Vec<Watcher>,
    kept: Option<Mutex<Vec<Transcript>>>,
}

impl Watch {
    pub(super) fn add(&mut self, watcher: impl Fn(&Seen<'_>) + Send + Sync + 'static) {
        self.watchers.push(Box::new(watcher));
    }

    pub(super) fn sink(&mut self, sink: Arc<dyn Sink>) {
        self.add(move |seen| tell(sink.as_ref(), seen));
    }

    pub(super) fn keep(&mut self) {
        self.kept = Some(Mutex::default());
    }

    pub(super) fn see(&self, seen: &Seen<'_>) {
        if let Some(kept) = &self.kept {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            // A connection that has said nothing yet leaves an empty transcript, so that the numbers stay right.
            let needed = kept.len().max(seen.connection);
            kept.resize_with(needed, Transcript::new);
            tell(&kept[seen.connection - 1], seen);
        }
        self.watchers.iter().for_each(|watcher| watcher(seen));
    }

    pub(super) fn transcripts(&self) -> Vec<Transcript> {
        self.kept.as_ref().map_or_else(Vec::new, |kept| kept.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// A sink knows no resets: an end that did not come is one that is missing in the transcript.
fn tell(sink: &dyn Sink, seen: &Seen<'_>) {
    match seen.passed {
        Passed::Bytes(bytes) => sink.event(seen.side, Event::Bytes(bytes)),
        Passed::Fin => sink.event(seen.side, Event::Fin),
        Passed::Lost(_) => {}
    }
}
