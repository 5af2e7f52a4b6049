//! One total time for a piece of work, however many reads it takes.
//!
//! A read timeout alone is no limit: a peer that sends one byte just before each timeout starts the clock anew and holds
//! its caller for ever. A deadline is a point in time, fixed once; before every system call the rest of the time is
//! handed to the kernel.
//!
//! May use: error.

use crate::error::{Error, Phase, Result};
use std::time::{Duration, Instant};

/// A point in time after which the work has failed, or no such point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// This much time from now. A time too long for the clock (hundreds of years) is [`Deadline::NEVER`].
    pub fn after(time: Duration) -> Deadline {
        Deadline(Instant::now().checked_add(time))
    }

    /// Wait as long as it takes. For a server that idles on purpose, and for nothing that a peer decides.
    pub const NEVER: Deadline = Deadline(None);

    /// The rest of the time, `None` for a deadline that never comes.
    ///
    /// # Errors
    /// [`Error::Timeout`] with `phase` once the time is over: a rest of zero never reaches a socket, where it would
    /// mean "no timeout" to the kernel (std refuses it).
    ///
    /// ```
    /// # use netprimer::Deadline;
    /// # use std::time::Duration;
    /// let deadline = Deadline::after(Duration::from_secs(5));
    /// assert!(deadline.left("read the greeting")?.is_some_and(|rest| rest <= Duration::from_secs(5)));
    /// assert!(Deadline::after(Duration::ZERO).left("read the greeting").is_err());
    /// # Ok::<(), netprimer::Error>(())
    /// ```
    pub fn left(self, phase: impl Into<Phase>) -> Result<Option<Duration>> {
        let Some(end) = self.0 else { return Ok(None) };
        match end.checked_duration_since(Instant::now()) {
            Some(rest) if !rest.is_zero() => Ok(Some(rest)),
            _ => Err(Error::Timeout(phase.into())),
        }
    }

    /// Whether the time is over.
    pub fn is_over(self) -> bool {
        self.0.is_some_and(|end| end <= Instant::now())
    }

    /// The earlier of the two: a step of a larger work has its own limit and still ends with the whole.
    pub fn earlier(self, other: Deadline) -> Deadline {
        match (self.0, other.0) {
            (Some(a), Some(b)) => Deadline(Some(a.min(b))),
            (a, b) => Deadline(a.or(b)),
        }
    }
}

impl From<Duration> for Deadline {
    fn from(time: Duration) -> Deadline {
        Deadline::after(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_is_over() {
        let past = Deadline::after(Duration::ZERO);
        assert!(past.is_over());
        assert!(matches!(past.left("wait"), Err(Error::Timeout(phase)) if phase == "wait"));
    }

    #[test]
    fn never_comes_last() {
        let soon = Deadline::after(Duration::from_secs(1));
        assert_eq!(soon.earlier(Deadline::NEVER), soon);
        assert_eq!(Deadline::NEVER.earlier(soon), soon);
        assert_eq!(Deadline::NEVER.earlier(Deadline::NEVER), Deadline::NEVER);
        assert_eq!(Deadline::NEVER.left("wait").ok(), Some(None));
        assert!(!Deadline::NEVER.is_over());
    }

    #[test]
    fn a_step_cannot_outlive_the_whole() {
        let whole = Deadline::after(Duration::from_secs(1));
        assert_eq!(whole.earlier(Deadline::after(Duration::from_secs(9))), whole);
    }

    #[test]
    fn an_endless_duration_is_never() {
        assert_eq!(Deadline::after(Duration::MAX), Deadline::NEVER);
    }
}
