//! The part of a conversation that only clients have: they are started, connect, and come to a result.
//!
//! May use: error, deadline; of this folder peer, report, running, talk, wire.

use super::peer::{Ended, Peer};
use super::report::{End, Expected, shown, some};
use super::running::Running;
use super::talk::{Checked, Line, PATIENCE, Talk};
use super::wire::{LOOK, Wire};
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use std::time::Duration;

/// How long a client may take for its result, once all was said: longer than it may wait for us, so that we hear why it gave up.
const RESULT: Duration = Duration::from_secs(2);

/// Where a client finds the checker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// At a TCP port: [`Talk::accept`] takes the connection.
    Tcp,
    /// At a UDP port.
    Udp,
    /// At a TCP port where nobody listens.
    Nobody,
}

impl Talk {
    /// The learner's client starts and gets an address of ours.
    ///
    /// # Errors
    /// When this machine cannot.
    pub fn start(&mut self, at: At) -> Checked {
        self.fresh();
        self.note('C', "(starts)");
        match self.started(at) {
            Ok((wire, client)) => {
                let number = self.line().number;
                *self.line() = Line { wire, client: Some(client), ..Line::new(number) };
                Ok(())
            }
            Err(error) => {
                let end = End::Refused(error.to_string());
                self.broken = Some(error);
                self.fail(Expected::Connection, Vec::new(), end)
            }
        }
    }

    fn started(&self, at: At) -> Result<(Wire, Running)> {
        let wire = match at {
            At::Tcp => Wire::listening(),
            At::Udp => Wire::datagrams(),
            At::Nobody => Wire::nobody(),
        };
        let wire = wire.map_err(Error::io("take a port of 127.0.0.1"))?;
        let address = wire.address().map_err(Error::io("take a port of 127.0.0.1"))?;
        let client = match &self.peer {
            Peer::Client(ask) => {
                let ask = *ask;
                Running::start(self.role.function(), (), move || ask(address))?
            }
            Peer::Program(command) => Running::program(command, address)?,
            _ => return Err(Error::Invalid("this is no client".into())),
        };
        Ok((wire, client))
    }

    /// Waits for the client to connect.
    ///
    /// # Errors
    /// When it does not.
    pub fn accept(&mut self) -> Checked {
        const TICK: Duration = Duration::from_millis(2);
        let patience = self.patience(PATIENCE);
        let until = Deadline::after(patience);
        loop {
            let over = until.is_over() || self.how_it_ended(TICK).is_some();
            match self.line().wire.accepted() {
                Ok(true) => {
                    self.note('C', "(connects)");
                    return Ok(());
                }
                Ok(false) if !over => {}
                _ => return self.fail(Expected::Connection, Vec::new(), End::Silent(patience)),
            }
        }
    }

    /// The client has to return this.
    ///
    /// # Errors
    /// When it returns something else, fails, or still waits after two seconds.
    pub fn expect_result(&mut self, bytes: impl AsRef<[u8]>) -> Checked {
        let wanted = bytes.as_ref().to_vec();
        let patience = self.patience(RESULT);
        match self.result(patience) {
            Some(Ended::Returned(got)) if got == wanted => Ok(()),
            Some(Ended::Returned(got)) => self.fail(Expected::Result(wanted), got, End::Open),
            Some(_) => self.fail(Expected::Result(wanted), Vec::new(), End::Failed),
            None => self.fail(Expected::Result(wanted), Vec::new(), End::Silent(patience)),
        }
    }

    /// The client has to give an error: counted from its start not before the one time, and before the other.
    ///
    /// # Errors
    /// When it returns an answer, panics, still waits, or gave up too early.
    pub fn expect_error(&mut self, not_before: Duration, within: Duration) -> Checked {
        let patience = self.patience(within);
        let left = patience.saturating_sub(self.line().begun.elapsed());
        match self.result(left.max(LOOK)) {
            Some(Ended::Failed(_)) if self.line().begun.elapsed() >= not_before => Ok(()),
            Some(Ended::Failed(_)) => self.fail(Expected::Nothing, Vec::new(), End::Failed),
            Some(Ended::Returned(got)) => self.fail(Expected::Error, got, End::Open),
            Some(_) => self.fail(Expected::Error, Vec::new(), End::Failed),
            None => self.fail(Expected::Error, Vec::new(), End::Silent(patience)),
        }
    }

    /// The client has to go on waiting for so long.
    ///
    /// # Errors
    /// When it ends.
    pub fn expect_patience(&mut self, time: Duration) -> Checked {
        match self.result(time) {
            None => Ok(()),
            Some(Ended::Returned(got)) => self.fail(Expected::Nothing, got, End::Open),
            Some(_) => self.fail(Expected::Nothing, Vec::new(), End::Failed),
        }
    }

    /// Sends this again and again, every so often, until the client has ended or the time is over.
    pub fn drip(&mut self, bytes: &[u8], every: Duration, time: Duration) {
        let until = Deadline::after(time);
        let every_ms = every.as_millis();
        self.say(&format!("{} every {every_ms} ms", shown(bytes)));
        while !until.is_over() && self.how_it_ended(every).is_none() {
            let whole = self.whole;
            self.line().wire.send(bytes, whole, PATIENCE);
        }
    }

    fn result(&mut self, wait: Duration) -> Option<Ended> {
        let ended = self.how_it_ended(wait).cloned()?;
        match &ended {
            Ended::Returned(answer) => self.note('C', &format!("(returns {})", some(answer))),
            Ended::Failed(_) => self.note('C', "(fails)"),
            Ended::Panicked { .. } => self.note('C', "(panics)"),
        }
        Some(ended)
    }

    /// Somebody else sends a datagram to the client: `X` in the report.
    pub fn stranger(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.note('X', &some(bytes));
        if let (Ok(mut stranger), Wire::Udp(_, Some(to))) = (Wire::datagrams(), &self.line().wire) {
            if let Wire::Udp(_, partner) = &mut stranger {
                *partner = Some(*to);
            }
            stranger.send(bytes, Deadline::NEVER, PATIENCE);
        }
    }
}
