//! What a lesson wants from a program under test: all that it said, line by line, and the silence after it.

use super::support::programs::{self, Heard};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// A running program. Dropping it ends it, also when a test panics.
pub struct Running(programs::Running);

fn lines(heard: &Heard) -> Vec<String> {
    // What stands behind the last newline is a line for a person, too.
    heard.text().split_terminator('\n').map(|line| line.trim_end_matches('\r').to_owned()).collect()
}

impl Running {
    /// Starts `program`; its stdin is `input` and ends there.
    pub fn start(program: &Path, args: &[String], input: Option<Vec<u8>>) -> Running {
        Running(programs::Running::start(Command::new(program).args(args)).input(&input.unwrap_or_default()))
    }

    /// Starts `program`; its stdin stays open and silent, like a terminal at which nobody types.
    pub fn open(program: &Path, args: &[String]) -> Running {
        Running(programs::Running::start(Command::new(program).args(args)))
    }

    /// What it wrote so far: stdout first, then stderr.
    pub fn said(&self) -> Vec<String> {
        self.0.said(|said| [lines(&said.out), lines(&said.err)].concat())
    }

    /// Waits until it has said a line; the port in it, if that is the first line of a server.
    pub fn port(&self, limit: Duration) -> Option<u16> {
        self.0.within(limit, |said| said.lines() > 0 || said.ended());
        // A netcat that listens says so on stderr: its stdout is for the peer's bytes.
        self.said().first()?.strip_prefix("listening on ")?.rsplit_once(':')?.1.parse().ok()
    }

    /// Hears what it still has to say, until it is silent for so long.
    pub fn settle(&self, quiet: Duration) {
        let length = |said: &programs::Said| said.out.bytes.len() + said.err.bytes.len();
        let (mut before, mut ended) = self.0.said(|said| (length(said), said.ended()));
        while !ended && self.0.within(quiet, |said| length(said) > before || said.ended()) {
            (before, ended) = self.0.said(|said| (length(said), said.ended()));
        }
    }

    /// Waits until the program ends by itself; its exit status. Ends it at the limit.
    pub fn end(&mut self, limit: Duration) -> Result<i32, String> {
        match self.0.status(limit) {
            Some(-1) => Err("it was ended from outside".to_owned()),
            Some(status) => Ok(status),
            None => Err(format!(
                "it did not end within {limit:?}; it said {:?} (a server stands at a T1 prompt)",
                self.said()
            )),
        }
    }

    /// Ends a server once it has said `expected` lines, or after `limit`, and gives all that it said. `quiet`: how long it
    /// must be silent before we believe that there is no line too many.
    pub fn stop(mut self, expected: usize, limit: Duration, quiet: Duration) -> Vec<String> {
        if self.0.within(limit, |said| said.lines() >= expected || said.ended()) {
            self.settle(quiet);
        }
        self.0.kill();
        self.said()
    }
}
