//! Counts what passes on the wire, for a line that says how much it was.
//!
//! A program says `#[path = "lesson/tally.rs"] mod tally;` beside `mod lesson`.

use netprimer::trace::{Event, Side, Sink};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Counts what passes, and shows it to who watches.
pub struct Tally {
    count: Arc<Mutex<Count>>,
    /// Who watches, if anybody.
    pub watch: Option<Arc<dyn Sink>>,
}

/// What passed.
#[derive(Clone, Copy, Default)]
pub struct Count {
    /// Bytes of the client.
    pub sent: usize,
    /// Bytes of the server.
    pub got: usize,
    /// A turn is what one side sends until the other speaks.
    pub turns: usize,
    last: Option<Side>,
}

impl Tally {
    /// Has counted nothing.
    pub fn new(watch: Option<Arc<dyn Sink>>) -> Tally {
        Tally { count: Arc::default(), watch }
    }

    /// What passed so far.
    pub fn count(&self) -> Count {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts what another has counted.
    pub fn add(&self, other: &Count) {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        count.sent += other.sent;
        count.got += other.got;
        count.turns += other.turns;
    }
}

impl Sink for Tally {
    fn event(&self, side: Side, event: Event<'_>) {
        let bytes = match event {
            Event::Bytes(bytes) => bytes.len(),
            Event::Secret(bytes) => bytes,
            Event::Fin | Event::Lost(_) => 0,
        };
        if bytes > 0 {
            let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
            count.turns += usize::from(count.last.replace(side) != Some(side));
            match side {
                Side::Client => count.sent += bytes,
                Side::Server => count.got += bytes,
            }
        }
        if let Some(watch) = &self.watch {
            watch.event(side, event);
        }
    }

    /// One count for all of them; who watches may tell them apart.
    fn connection(&self, ends: [SocketAddr; 2]) -> Option<Arc<dyn Sink>> {
        let watch = Some(self.watch.as_ref()?.connection(ends)?);
        Some(Arc::new(Tally { count: self.count.clone(), watch }))
    }
}
