//! The conversation between a checker and a server: what is sent, what has to come, and how long we wait for it.
//!
//! Every wait ends: an answer has one second, "nothing yet" is believed after 150 ms, and after 5 s no wait begins any more.
//! Nothing sleeps. Where two pieces must arrive apart, the step demands silence between them, and that is checked.
//!
//! May use: deadline, stream; of this folder peer, report.

use super::peer::Running;
use super::report::{End, Expected, Failure, Step, shown};
use crate::deadline::Deadline;
use crate::stream::{self, Stream, Tcp};
use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

/// How long an answer may take. Loopback needs less than a millisecond, a slow room a hundred.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long silence must last to be believed: far longer than loopback takes, short enough to wait for several times.
const QUIET: Duration = Duration::from_millis(150);
/// Begun after that, no wait is worth it: a server answers each time in the last moment, or drips. A right one needs
/// half a second for the whole conversation, and this many times more where the machine has other work. A wait that has
/// begun gets all of its patience, so that a report does not depend on how long the steps before it took.
const WHOLE: Duration = Duration::from_secs(5);
/// A server that hung up may be about to end: so long we wait to hear how.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// How often a wait looks whether the server still runs.
const LOOK: Duration = Duration::from_millis(20);
/// So many wrong bytes are enough to see what is wrong.
const ENOUGH: usize = 200;

/// How a step went: the first failure ends the conversation.
pub type Checked = Result<(), Box<Failure>>;

/// A conversation with a server: the checker is its client, one connection after the other.
pub struct Talk {
    host: String,
    port: u16,
    running: Option<Running>,
    whole: Deadline,
    client: Option<Tcp>,
    steps: Vec<Step>,
}

/// What one wait brought.
enum Heard {
    Bytes(Vec<u8>),
    /// Or not a whole answer.
    Nothing(End),
}

impl Talk {
    pub(super) fn new(host: &str, port: u16, running: Option<Running>) -> Talk {
        let whole = Deadline::after(WHOLE);
        Talk { host: host.to_owned(), port, running, whole, client: None, steps: Vec::new() }
    }

    pub(super) fn into_steps(self) -> Vec<Step> {
        self.steps
    }

    /// Begins a step: `title` says what it is about, `heading` which part of the lesson explains it.
    pub fn step(&mut self, title: &'static str, heading: &'static str) -> &mut Step {
        self.steps.push(Step::new(title, heading));
        let last = self.steps.len() - 1;
        &mut self.steps[last]
    }

    /// A new client connects; the one before, if any, closes its connection.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn connect(&mut self) -> Checked {
        self.client = None;
        self.note("C: (connects)");
        match stream::connect(&self.host, self.port, self.whole.earlier(Deadline::after(PATIENCE))) {
            Ok(client) => {
                self.client = Some(client);
                Ok(())
            }
            Err(error) => self.fail(Expected::Connection, Vec::new(), End::Refused(error.kind().to_string())),
        }
    }

    /// Sends these bytes in one piece.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.note(&format!("C: {}", shown(bytes)));
        if let Some(client) = &mut self.client {
            client.set_deadline(self.whole);
            client.set_patience(Some(PATIENCE));
            // A server that hung up lets this fail; what is expected next tells what that means.
            let _ = client.write_all(bytes);
        }
    }

    /// Says "no more from me" and goes on listening.
    pub fn half_close(&mut self) {
        self.note("C: FIN");
        if let Some(client) = &mut self.client {
            let _ = client.finish(); // as in `send`
        }
    }

    /// Waits until an answer is there and goes away without reading it: closing with unread bytes is a reset
    /// (RFC 2525 section 2.17).
    ///
    /// # Errors
    /// When no answer comes.
    pub fn vanish(&mut self) -> Checked {
        match self.hear(1, PATIENCE, peek) {
            Heard::Bytes(_) => {
                self.client = None;
                self.note("C: (goes away without reading the answer)");
                Ok(())
            }
            Heard::Nothing(end) => self.fail(Expected::Answer, Vec::new(), end),
        }
    }

    /// These bytes have to come next, cut in any way.
    ///
    /// # Errors
    /// When others come, or not all of them.
    pub fn expect(&mut self, bytes: impl AsRef<[u8]>) -> Checked {
        let wanted = bytes.as_ref();
        let mut got = Vec::new();
        while got.len() < wanted.len() {
            match self.hear(wanted.len() - got.len(), PATIENCE, Tcp::read) {
                Heard::Bytes(more) => got.extend(more),
                Heard::Nothing(end) => return self.fail(Expected::Bytes(wanted.to_vec()), got, end),
            }
            if !wanted.starts_with(&got) {
                return self.wrong_bytes(Expected::Bytes(wanted.to_vec()), got);
            }
        }
        self.note(&format!("S: {}", shown(&got)));
        Ok(())
    }

    /// Nothing more may come: the answers until now were all. What the end of the connection means is for the next step.
    ///
    /// # Errors
    /// When more comes within 150 ms.
    pub fn expect_no_more(&mut self) -> Checked {
        match self.hear(ENOUGH, QUIET, Tcp::read) {
            Heard::Nothing(_) => Ok(()),
            Heard::Bytes(got) => self.wrong_bytes(Expected::NoMore, got),
        }
    }

    /// Nothing may come yet, and the connection stays open.
    ///
    /// # Errors
    /// When something comes within 150 ms.
    pub fn expect_nothing(&mut self) -> Checked {
        match self.hear(ENOUGH, QUIET, Tcp::read) {
            Heard::Nothing(End::Silent(_)) => Ok(()),
            Heard::Nothing(end) => self.fail(Expected::Nothing, Vec::new(), end),
            Heard::Bytes(got) => self.wrong_bytes(Expected::Nothing, got),
        }
    }

    /// The server has to close the connection now. A FIN and a reset are the same here: where bytes of ours are still
    /// on their way, it is chance which of the two we see.
    ///
    /// # Errors
    /// When bytes come, or nothing happens.
    pub fn expect_hang_up(&mut self) -> Checked {
        match self.hear(ENOUGH, PATIENCE, Tcp::read) {
            Heard::Nothing(End::HungUp) => {
                self.note("S: (hangs up)");
                Ok(())
            }
            Heard::Nothing(end) => self.fail(Expected::HangUp, Vec::new(), end),
            Heard::Bytes(got) => self.wrong_bytes(Expected::HangUp, got),
        }
    }

    /// Waits for at most `limit` bytes. A server that has ended is not waited for.
    fn hear(&mut self, limit: usize, patience: Duration, read: fn(&mut Tcp, &mut [u8]) -> io::Result<usize>) -> Heard {
        if self.whole.is_over() {
            return Heard::Nothing(End::Silent(WHOLE)); // also for a server that never stops to send
        }
        let until = Deadline::after(patience);
        let Some(client) = &mut self.client else { return Heard::Nothing(End::HungUp) };
        client.set_deadline(Deadline::NEVER);
        client.set_patience(Some(LOOK));
        let mut buffer = vec![0; limit];
        loop {
            // Asked before the read: what the server sent before it ended is then already here.
            let over =
                until.is_over() || self.running.as_mut().is_some_and(|r| r.how_it_ended(Duration::ZERO).is_some());
            match read(client, &mut buffer).map_err(|e| e.kind()) {
                Ok(0) => return Heard::Nothing(End::HungUp),
                Ok(n) => {
                    buffer.truncate(n);
                    return Heard::Bytes(buffer);
                }
                Err(ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) if !over => {}
                Err(ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {
                    return Heard::Nothing(End::Silent(patience));
                }
                Err(_) => return Heard::Nothing(End::HungUp),
            }
        }
    }

    /// All that follows without a pause belongs to the evidence, however it was cut.
    fn wrong_bytes(&mut self, expected: Expected, mut got: Vec<u8>) -> Checked {
        let until = Deadline::after(PATIENCE);
        while got.len() < ENOUGH && !until.is_over() {
            match self.hear(ENOUGH, QUIET, Tcp::read) {
                Heard::Bytes(more) => got.extend(more),
                Heard::Nothing(_) => break,
            }
        }
        self.fail(expected, got, End::Open)
    }

    fn fail(&mut self, expected: Expected, received: Vec<u8>, end: End) -> Checked {
        if !received.is_empty() {
            self.note(&format!("S: {}", shown(&received)));
        }
        if end == End::HungUp {
            self.note("S: (hangs up)");
        }
        // Wrong bytes speak for themselves; a server that is silent or gone may have ended.
        let wait = match end {
            End::Open => None,
            End::Silent(_) => Some(Duration::ZERO),
            End::HungUp | End::Refused(_) => Some(LAST_WORDS),
        };
        let ended = wait.and_then(|wait| self.running.as_mut()?.how_it_ended(wait).cloned());
        Err(Box::new(Failure { expected, received, end, ended }))
    }

    fn note(&mut self, line: &str) {
        if let Some(step) = self.steps.last_mut() {
            step.note(line);
        }
    }
}

/// A look at what is there, which leaves it there.
fn peek(client: &mut Tcp, buffer: &mut [u8]) -> io::Result<usize> {
    client.socket().set_read_timeout(Some(LOOK))?;
    client.socket().peek(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn no_wait_begins_when_the_whole_time_is_over() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut talk = Talk::new("127.0.0.1", listener.local_addr().unwrap().port(), None);
        talk.connect().unwrap();
        listener.accept().unwrap().0.write_all(b"5\n").unwrap();
        talk.whole = Deadline::after(Duration::ZERO);
        let failure = talk.expect("5\n").unwrap_err();
        assert_eq!((failure.received, failure.end), (Vec::new(), End::Silent(WHOLE)));
    }
}
