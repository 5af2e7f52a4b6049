//! The conversation as it happens. Where there are several connections, each from the second on has a number:
//!
//! ```text
//! C: GET /one HTTP/1.1\r\n
//! #2 C: GET /two HTTP/1.1\r\n
//! ```
//!
//! May use: its own folder.

use super::{Event, Side, Sink, named};
use std::collections::HashMap;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Numbers the connections of one program, for a [`Sink`] that shows several.
#[derive(Debug, Clone, Default)]
pub struct Numbers(Arc<Mutex<HashMap<[SocketAddr; 2], usize>>>);

impl Numbers {
    /// What stands before the lines of this connection: nothing for the first, `#2 ` for the second.
    ///
    /// ```
    /// let numbers = netprimer::trace::Numbers::default();
    /// let ends = |port: u16| [([127, 0, 0, 1], port).into(), ([127, 0, 0, 1], 80).into()];
    /// assert_eq!([4711, 4712, 4711].map(|port| numbers.mark(ends(port))), ["", "#2 ", ""]);
    /// ```
    pub fn mark(&self, ends: [SocketAddr; 2]) -> String {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = known.len() + 1;
        match known.entry(ends).or_insert(next) {
            1 => String::new(),
            number => format!("#{number} "),
        }
    }
}

/// A [`Sink`] that writes each event at once, to stderr for instance: the conversation as it happens. From the second
/// connection on, each line begins with its number: `#2 C: GET / HTTP/1.1\r\n`.
#[derive(Debug)]
pub struct Live<W> {
    name: String,
    out: Arc<Mutex<W>>,
    numbers: Numbers,
}

impl<W: Write + Send> Live<W> {
    /// Writes to `out`. What cannot be written is dropped: watching must not end the conversation.
    pub fn new(out: W) -> Live<W> {
        Live::named("", out)
    }

    /// The same with `name` before each line: where one conversation has several connections, they are told apart.
    pub fn named(name: &str, out: W) -> Live<W> {
        Live { name: name.to_owned(), out: Arc::new(Mutex::new(out)), numbers: Numbers::default() }
    }
}

impl<W: Write + Send + 'static> Sink for Live<W> {
    fn event(&self, side: Side, event: Event<'_>) {
        let text = named(&self.name, side, event);
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    fn connection(&self, ends: [SocketAddr; 2]) -> Option<Arc<dyn Sink>> {
        let name = self.name.clone() + &self.numbers.mark(ends);
        Some(Arc::new(Live { name, out: self.out.clone(), numbers: self.numbers.clone() }))
    }
}
