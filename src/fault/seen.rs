//! What passes through a proxy, for those who watch: one value for each piece, and the line that `tap` prints for it.
//!
//! May use: trace.

use crate::trace::{self, Event, Side};
use std::time::Duration;

/// One thing that passed, told just before it goes on.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Which connection (for datagrams: which client), from 1.
    pub connection: u64,
    /// How long after the connection began.
    pub at: Duration,
    /// Who sent it; of [`Event::Lost`], who is gone.
    pub side: Side,
    /// What it was: one piece as the proxy received it and sends it on, or one datagram; an end; a loss.
    pub event: Event<'a>,
}

impl Seen<'_> {
    /// Lines for a terminal, at most 76 columns wide unless a number is very large: the number of the connection if it is
    /// not the first, the time, the direction, the length, and the bytes, as [`visible`](crate::encode::visible) text or as a hexdump.
    ///
    /// ```
    /// use netprimer::{fault::Seen, trace::{Event, Side}};
    /// # use std::time::Duration;
    /// let (at, event) = (Duration::from_micros(1234), Event::Bytes(b"Hi\n"));
    /// let mut seen = Seen { connection: 1, at, side: Side::Client, event };
    /// assert_eq!(seen.show(false), "    1.2 ms  C -> S      3 bytes  Hi\\n\n");
    /// seen.event = Event::Fin;
    /// assert_eq!(seen.show(false), "    1.2 ms  C -> S  FIN\n");
    /// ```
    pub fn show(&self, hex: bool) -> String {
        let number = if self.connection > 1 { format!("#{} ", self.connection) } else { String::new() };
        let (from, to) = (self.side.letter(), self.side.other().letter());
        let start = format!("{number}{:>7.1} ms  {from} -> {to}", self.at.as_secs_f64() * 1e3);
        match self.event {
            Event::Fin => format!("{start}  FIN\n"),
            Event::Lost(error) => format!("{start}  {}\n", trace::lost(error)),
            Event::Secret(_) => format!("{start}  ***\n"),
            Event::Bytes(bytes) => {
                let start = format!("{start}  {:>5} byte{}", bytes.len(), if bytes.len() == 1 { " " } else { "s" });
                match hex {
                    _ if bytes.is_empty() => format!("{start}\n"),
                    true => format!("{start}\n{}", trace::hexdump(bytes)),
                    false => trace::beside(&format!("{start}  "), &" ".repeat(start.len() + 2), bytes),
                }
            }
        }
    }
}
