//! Trying again: how often, after which pauses, and what for.
//!
//! The words and the numbers are those of Python's urllib3 `Retry`, so that what a learner knows from there holds here: the
//! first retry comes at once, the pauses before the next ones are `backoff_factor` times 2, 4, 8 … seconds, and none is
//! longer than `backoff_max`. Only what may go better next time is tried again ([`Error::is_transient`]), and only where
//! asking twice does no harm: that is for the caller to know, and for HTTP its method tells.
//!
//! May use: error, encode, deadline.

use crate::deadline::Deadline;
use crate::encode::parse_http_date;
use crate::error::{Error, Result};
use std::hash::{BuildHasher, RandomState};
use std::thread;
use std::time::{Duration, SystemTime};

/// The methods for which asking twice does the same as asking once (RFC 9110 section 9.2.2).
pub const IDEMPOTENT: [&str; 6] = ["DELETE", "GET", "HEAD", "OPTIONS", "PUT", "TRACE"];

/// With these a server may say in `Retry-After` when to come back, and is believed also where `statuses` does not name them.
const COME_BACK: [u16; 3] = [413, 429, 503];

/// How often and how patiently to try again.
///
/// ```
/// use netprimer::retry::Policy;
/// use std::time::Duration;
/// let policy = Policy { total: 4, backoff_factor: 1.0, ..Policy::default() };
/// let seconds: Vec<u64> = policy.delays().map(|pause| pause.as_secs()).collect();
/// assert_eq!(seconds, [0, 2, 4, 8]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// How many times to try again after the first attempt. Default 3.
    pub total: u32,
    /// Seconds that double from pause to pause. Default 0: no pauses.
    pub backoff_factor: f64,
    /// No pause is longer without its jitter, in seconds. Default 120, urllib3's.
    pub backoff_max: f64,
    /// Up to so many seconds more, also before the first, by chance, so that many clients do not come back together. Default 0.
    pub backoff_jitter: f64,
    /// By when the last attempt must have begun: a pause that does not end before is not begun. What ends an attempt is its own limit.
    pub deadline: Deadline,
    /// Answers of HTTP with these statuses are tried again (urllib3: `status_forcelist`). Default none.
    pub statuses: Vec<u16>,
    /// Requests of HTTP with these methods may be sent twice. Default [`IDEMPOTENT`], without POST and PATCH.
    pub allowed_methods: Vec<&'static str>,
    /// Whether `Retry-After` in an answer replaces our own pause. Default true.
    pub respect_retry_after: bool,
    /// No server can make us wait longer, in seconds. Default 60; urllib3's is six hours.
    pub retry_after_max: f64,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            total: 3,
            backoff_factor: 0.0,
            backoff_max: 120.0,
            backoff_jitter: 0.0,
            deadline: Deadline::NEVER,
            statuses: Vec::new(),
            allowed_methods: IDEMPOTENT.to_vec(),
            respect_retry_after: true,
            retry_after_max: 60.0,
        }
    }
}

impl Policy {
    /// The pause before each retry, without the jitter.
    pub fn delays(&self) -> impl Iterator<Item = Duration> + use<> {
        let (factor, most) = (self.backoff_factor, self.backoff_max);
        (0..self.total).map(move |retry| match retry {
            0 => Duration::ZERO,
            n => seconds(factor * 2f64.powf(f64::from(n))).min(seconds(most)),
        })
    }

    /// Whether a request with this method may be sent twice.
    pub fn allows(&self, method: &str) -> bool {
        self.allowed_methods.contains(&method)
    }

    /// Whether an answer of HTTP is worth another try.
    pub fn wants(&self, method: &str, status: u16, retry_after: Option<Duration>) -> bool {
        let told = retry_after.is_some() && COME_BACK.contains(&status);
        self.allows(method) && (told || self.statuses.contains(&status))
    }

    /// The pause that a `Retry-After` asks for: seconds or a date (RFC 9110 section 10.2.3), capped. `None` for anything
    /// else, and where it is not respected.
    pub fn retry_after(&self, value: &str, now: SystemTime) -> Option<Duration> {
        let value = value.trim();
        let asked = match value.bytes().all(|byte| byte.is_ascii_digit()) && !value.is_empty() {
            true => value.parse().map_or(Duration::MAX, Duration::from_secs), // more digits than fit are a long time
            false => parse_http_date(value)?.duration_since(now).unwrap_or(Duration::ZERO),
        };
        self.respect_retry_after.then(|| asked.min(seconds(self.retry_after_max)))
    }

    /// This pause with its jitter, or `None` where it does not end before the deadline, ours or another.
    pub fn fitting(&self, pause: Duration, deadline: Deadline) -> Option<Duration> {
        let pause = pause.saturating_add(seconds(self.backoff_jitter * chance()));
        match self.deadline.earlier(deadline).left("try again") {
            Ok(rest) if rest.is_none_or(|rest| rest > pause) => Some(pause),
            _ => None,
        }
    }
}

/// A number of seconds that may be nonsense (negative, not a number): that is no time then. More than fit are a long time.
fn seconds(number: f64) -> Duration {
    Duration::try_from_secs_f64(number).unwrap_or(if number > 0.0 { Duration::MAX } else { Duration::ZERO })
}

/// A number from 0 to 1. Good enough to spread clients over time, not for secrets: std draws the keys of its hash maps at
/// random and has no other random numbers.
fn chance() -> f64 {
    RandomState::new().hash_one(()) as f64 / u64::MAX as f64
}

/// Waits: what a pause is unless a test has another clock.
pub fn pause(time: Duration) {
    thread::sleep(time);
}

/// Runs `attempt` until it succeeds, fails in a way that will not change, or the policy is used up. It is told the number of
/// this attempt, from 1.
///
/// # Errors
/// The last attempt's.
///
/// ```
/// use netprimer::{Error, retry::{Policy, retry}};
/// let greeting = retry(&Policy::default(), |attempt| match attempt {
///     1 | 2 => Err(Error::Timeout("read the greeting".into())),
///     _ => Ok("220 ready"),
/// })?;
/// assert_eq!(greeting, "220 ready");
/// # Ok::<(), Error>(())
/// ```
pub fn retry<T>(policy: &Policy, attempt: impl FnMut(u32) -> Result<T>) -> Result<T> {
    retry_with(policy, Error::is_transient, pause, attempt)
}

/// [`retry`] for other errors and another clock: `again` says whether an error may go better next time, `pause` waits.
///
/// # Errors
/// The last attempt's.
pub fn retry_with<T, E>(
    policy: &Policy,
    again: impl Fn(&E) -> bool,
    mut pause: impl FnMut(Duration),
    mut attempt: impl FnMut(u32) -> std::result::Result<T, E>,
) -> std::result::Result<T, E> {
    let mut number = 1;
    for delay in policy.delays() {
        let error = match attempt(number) {
            Err(error) if again(&error) => error,
            done => return done,
        };
        let Some(delay) = policy.fitting(delay, Deadline::NEVER) else { return Err(error) };
        if !delay.is_zero() {
            pause(delay);
        }
        number += 1;
    }
    attempt(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(policy: &Policy, succeeds_at: u32) -> (Result<u32>, Vec<Duration>, u32) {
        let (mut pauses, mut attempts) = (Vec::new(), 0);
        let result = retry_with(
            policy,
            Error::is_transient,
            |pause| pauses.push(pause),
            |number| {
                attempts += 1;
                assert_eq!(number, attempts);
                if number >= succeeds_at { Ok(number) } else { Err(Error::Timeout("try".into())) }
            },
        );
        (result, pauses, attempts)
    }

    #[test]
    fn the_pauses_are_those_of_urllib3() {
        let policy = Policy { total: 8, backoff_factor: 2.0, ..Policy::default() };
        let (result, pauses, attempts) = run(&policy, u32::MAX);
        assert!(matches!(result, Err(Error::Timeout(_))));
        assert_eq!(attempts, 9);
        let seconds: Vec<u64> = pauses.iter().map(Duration::as_secs).collect();
        assert_eq!(seconds, [4, 8, 16, 32, 64, 120, 120], "the first retry comes without a pause");
    }

    #[test]
    fn success_ends_it() {
        let (result, pauses, attempts) = run(&Policy { backoff_factor: 1.0, ..Policy::default() }, 3);
        assert_eq!((result.unwrap(), attempts, pauses), (3, 3, vec![Duration::from_secs(2)]));
    }

    #[test]
    fn what_will_not_change_is_asked_once() {
        let mut attempts = 0;
        let result: Result<()> = retry(&Policy::default(), |_| {
            attempts += 1;
            Err(Error::Invalid("no".into()))
        });
        assert!(result.is_err());
        assert_eq!(attempts, 1);
    }

    #[test]
    fn a_total_of_zero_is_one_attempt() {
        assert_eq!(run(&Policy { total: 0, ..Policy::default() }, u32::MAX).2, 1);
    }

    #[test]
    fn a_pause_that_outlives_the_deadline_is_not_begun() {
        let deadline = Deadline::after(Duration::from_secs(60));
        let policy = Policy { total: 9, backoff_factor: 100.0, deadline, ..Policy::default() };
        let (result, pauses, attempts) = run(&policy, u32::MAX);
        assert!(result.is_err());
        assert_eq!((attempts, pauses.len()), (2, 0));
        let over = Policy { deadline: Deadline::after(Duration::ZERO), ..policy };
        assert_eq!(run(&over, u32::MAX).2, 1);
    }

    #[test]
    fn jitter_only_adds_and_differs() {
        let policy = Policy { total: 50, backoff_jitter: 1.0, ..Policy::default() };
        let (_, pauses, _) = run(&policy, u32::MAX);
        assert!(pauses.iter().all(|pause| *pause <= Duration::from_secs(1)));
        assert!(pauses.iter().any(|pause| *pause != pauses[0]), "{pauses:?}");
    }

    #[test]
    fn without_end_is_no_nonsense() {
        let endless = Policy { retry_after_max: f64::INFINITY, backoff_jitter: f64::MAX, ..Policy::default() };
        assert_eq!(endless.retry_after("5", SystemTime::now()), Some(Duration::from_secs(5)));
        assert!(endless.fitting(Duration::MAX, Deadline::after(Duration::from_secs(60))).is_none());
    }

    #[test]
    fn nonsense_is_no_pause() {
        for (backoff_factor, backoff_max) in [f64::NAN, -1.0].into_iter().zip([120.0, f64::INFINITY]) {
            let policy = Policy { backoff_factor, backoff_max, ..Policy::default() };
            assert!(policy.delays().all(|pause| pause.is_zero()), "{backoff_factor}");
        }
        let endless = Policy { total: 5000, backoff_factor: f64::INFINITY, ..Policy::default() };
        assert_eq!(endless.delays().max(), Some(Duration::from_secs(120)));
    }
}
