//! Connecting again after a connection is lost: with pauses that grow, differ by chance, and are told.
//!
//! RFC 6455 section 7.2.3: when a server is started anew, all its clients are without a connection at the same moment.
//!
//! May use: error, deadline, retry.

use super::client::{Options, connect_with};
use super::{Socket, is_transient};
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::retry::{self, Policy};
use std::fmt;
use std::time::{Duration, Instant};

/// A connection that lasted so long was a good one: after it counting begins anew.
const STEADY: Duration = Duration::from_secs(5);

/// What happens while a [`Reconnect`] is at work.
#[derive(Debug)]
pub enum Link<'a> {
    /// There is a connection, after so many attempts since the last good one.
    Connected(u32),
    /// The next attempt comes after this pause: its number, the pause, and why the last one failed. No reason is given for a
    /// connection that was there and did not last.
    Waiting(u32, Duration, Option<&'a Error>),
}

impl fmt::Display for Link<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Link::Connected(1) => f.write_str("connected"),
            Link::Connected(attempts) => write!(f, "connected, after {attempts} attempts"),
            Link::Waiting(number, pause, why) => {
                write!(f, "attempt {number} in {:.1} s", pause.as_secs_f64())?;
                why.map_or(Ok(()), |why| write!(f, ": {why}"))
            }
        }
    }
}

/// Connects to one address as often as it is needed.
pub struct Reconnect<'a> {
    url: String,
    options: Options,
    policy: Policy,
    tell: Box<dyn FnMut(Link<'_>) + 'a>,
    failures: u32,
    connected: Option<Instant>,
}

impl<'a> Reconnect<'a> {
    /// To this address. It tries for ever: at once, then after 0.5, 1, 2, 4 … seconds, 30 at most, each with up to half a second
    /// more by chance.
    pub fn new(url: &str) -> Reconnect<'a> {
        let policy = Policy {
            total: u32::MAX,
            backoff_factor: 0.25,
            backoff_max: 30.0,
            backoff_jitter: 0.5,
            ..Policy::default()
        };
        let (url, options) = (url.to_owned(), Options::default());
        Reconnect { url, options, policy, tell: Box::new(|_| {}), failures: 0, connected: None }
    }

    /// Connects as these say.
    pub fn options(mut self, options: Options) -> Reconnect<'a> {
        self.options = options;
        self
    }

    /// How often, and with which pauses. `total` counts the attempts that fail in a row.
    pub fn policy(mut self, policy: Policy) -> Reconnect<'a> {
        self.policy = policy;
        self
    }

    /// Calls `tell` with what happens, before each pause and after each success.
    pub fn on_event(mut self, tell: impl FnMut(Link<'_>) + 'a) -> Reconnect<'a> {
        self.tell = Box::new(tell);
        self
    }

    /// The next connection, when there is one. What was said on the last one is lost: log in again, subscribe again, and ask for
    /// what was missed.
    ///
    /// # Errors
    /// The last attempt's, when the policy is used up, or when it will not go better next time ([`is_transient`]): a refusal
    /// with 403 or 404, a certificate that is not trusted.
    ///
    /// ```
    /// # let lab = netprimer::lab::ws::start(Default::default())?;
    /// # let url = lab.url("/");
    /// use netprimer::websocket::{self, Reconnect};
    /// let mut link = Reconnect::new(&url).on_event(|event| eprintln!("{event}"));
    /// for turn in 1..=2 {
    ///     let mut socket = link.connect()?;
    ///     socket.send(format!("turn {turn}").into())?;
    ///     assert_eq!(socket.read()?.to_string(), format!("turn {turn}"));
    /// }
    /// # Ok::<(), netprimer::Error>(())
    /// ```
    pub fn connect(&mut self) -> Result<Socket> {
        match self.connected.take() {
            Some(since) if since.elapsed() >= STEADY => self.failures = 0,
            Some(_) => self.wait(None)?,
            None => {}
        }
        loop {
            let dial = self.options.dial.by(self.policy.deadline);
            match dial.and_then(|dial| connect_with(&self.url, &Options { dial, ..self.options.clone() })) {
                Ok(socket) => {
                    self.connected = Some(Instant::now());
                    (self.tell)(Link::Connected(self.failures + 1));
                    return Ok(socket);
                }
                Err(error) if is_transient(&error) => self.wait(Some(error))?,
                Err(error) => return Err(error),
            }
        }
    }

    /// The pause before the next attempt.
    fn wait(&mut self, error: Option<Error>) -> Result<()> {
        let pause = self.policy.delays().nth(self.failures as usize);
        let Some(pause) = pause.and_then(|pause| self.policy.fitting(pause, Deadline::NEVER)) else {
            return Err(error.unwrap_or(Error::Closed("connect again: the connections do not last".into())));
        };
        self.failures += 1;
        (self.tell)(Link::Waiting(self.failures + 1, pause, error.as_ref()));
        retry::pause(pause);
        Ok(())
    }
}
