//! One client and one server in conversation, as the checker holds them.
//!
//! May use: of this folder running, talk, wire.

use super::running::Running;
use super::talk::PATIENCE;
use super::wire::Wire;
use std::io;
use std::time::{Duration, Instant};

/// One client and one server in conversation.
pub(super) struct Line {
    /// None where there is one client only.
    pub(super) number: Option<usize>,
    /// Where a client connects.
    pub(super) door: Wire,
    /// A connection that has come there, and was not taken yet.
    pub(super) waiting: Option<Wire>,
    pub(super) wire: Wire,
    /// When the checker last began to say something, or hung up.
    pub(super) spoke: Instant,
    /// The learner's client at work.
    pub(super) client: Option<Running>,
    pub(super) begun: Instant,
    /// The same on the checker's clock.
    pub(super) begun_at: Duration,
    /// The last datagram that came.
    pub(super) asked: Option<(Vec<u8>, Instant)>,
}

impl Line {
    pub(super) fn new(number: Option<usize>, begun_at: Duration) -> Line {
        let now = Instant::now();
        let (door, wire) = (Wire::Closed, Wire::Closed);
        Line { number, door, waiting: None, wire, spoke: now, client: None, begun: now, begun_at, asked: None }
    }

    /// Sends these bytes.
    pub(super) fn speak(&mut self, bytes: &[u8]) {
        self.spoke = Instant::now();
        self.wire.send(bytes, PATIENCE);
    }

    /// Whether a connection has come by now. It waits until it is taken.
    pub(super) fn has_come(&mut self) -> io::Result<bool> {
        if self.waiting.is_none() {
            self.waiting = self.door.accepted()?;
        }
        Ok(self.waiting.is_some())
    }
}
