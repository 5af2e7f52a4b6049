//! The clock of a check: it counts the time in which the checker had its turn.
//!
//! On a machine with other work the checker and what it checks stand still again and again, for longer than loopback ever takes. Who
//! is given a second gets a second of turns: so nobody is blamed for a machine that was busy elsewhere. And where the wall's clock
//! decides, as with a pause that must be kept, the longest such lull says whether a verdict proves anything.
//!
//! May use: of this folder peer, talk, wire.

use super::peer::Ended;
use super::talk::{Checked, Talk};
use super::wire::LOOK;
use std::time::{Duration, Instant};

/// A wait looks every [`LOOK`]. Twice as much is a turn, however long it took: the rest went to others.
const TURN: Duration = LOOK.saturating_mul(2);
/// Longer than that nothing was seen: in this time a read timeout of a tenth of a second may have run out unnoticed.
const LULL: Duration = LOOK.saturating_mul(3);

/// So long what proves nothing is done again, on a machine that stands still again and again. Even where that is every half second,
/// the one or two seconds that a step may take are left alone sooner or later.
pub(super) const IN_DOUBT: Duration = Duration::from_secs(20);

#[derive(Debug)]
pub(super) struct Clock {
    counted: Duration,
    seen: Instant,
    longest: Duration,
    begun: Instant,
}

impl Clock {
    pub(super) fn new() -> Clock {
        let now = Instant::now();
        Clock { counted: Duration::ZERO, seen: now, longest: Duration::ZERO, begun: now }
    }

    /// What it counted until now. To be asked at least every [`LOOK`].
    pub(super) fn now(&mut self) -> Duration {
        let now = Instant::now();
        let gap = now - self.seen;
        self.seen = now;
        self.counted += gap.min(TURN);
        self.longest = self.longest.max(gap);
        self.counted
    }

    /// Forgets the lulls until now.
    pub(super) fn watch(&mut self) {
        self.now();
        self.longest = Duration::ZERO;
    }

    /// Whether the checker stood still since then.
    pub(super) fn stood_still(&mut self) -> bool {
        self.now();
        self.longest >= LULL
    }
}

impl Talk {
    /// Steps in which the wall's clock decides, from a new client on. Where this machine stood still for a while meanwhile, their
    /// verdict proves nothing, good or bad, and they are done once more. After twenty seconds the last one holds.
    ///
    /// # Errors
    /// As the steps.
    pub fn timed(&mut self, steps: impl Fn(&mut Talk) -> Checked) -> Checked {
        let before = self.steps.len();
        while self.clock.begun.elapsed() < IN_DOUBT {
            self.clock.watch();
            self.stood_still = false;
            let begun = self.clock.now();
            let done = steps(self);
            if !(self.stood_still || self.clock.stood_still()) {
                return done;
            }
            self.whole += self.clock.now() - begun; // what proves nothing costs nothing
            self.steps.truncate(before);
            self.alone();
        }
        steps(self)
    }

    /// How the server or the client ends, if it does so within this time of turns.
    pub(super) fn end_within(&mut self, patience: Duration) -> Option<Ended> {
        let until = self.clock.now() + patience;
        loop {
            let left = until.saturating_sub(self.clock.now());
            let ended = self.how_it_ended(left.min(LOOK)).cloned();
            if ended.is_some() || left.is_zero() {
                return ended;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lull_is_noticed_and_counts_as_a_turn() {
        let mut clock = Clock::new();
        clock.seen -= Duration::from_secs(10);
        assert!(clock.now() < TURN + LOOK);
        assert!(clock.stood_still());
        clock.watch();
        clock.longest = LULL - Duration::from_millis(1);
        clock.seen = Instant::now();
        assert!(clock.now() >= TURN);
    }
}
