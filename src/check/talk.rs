//! The conversation between a checker and what the learner wrote: what is sent, what has to come, and how long we wait.
//!
//! Every wait ends: an answer has one second, "nothing yet" is believed after 150 ms, and after 5 s no wait begins any more.
//! These are times in which the checker had its turn ([`Clock`]); where the wall's clock decides, [`Talk::timed`] sees to it that
//! the machine did not stand still.
//! Nothing sleeps. Where two pieces must arrive apart, the step demands silence between them, and that is checked.
//!
//! May use: error, deadline; of this folder clock, line, peer, report, running, wire.

use super::clock::Clock;
use super::line::Line;
use super::peer::{Ended, Peer, Role};
use super::report::{End, Expected, Failure, Step, shown, some};
use super::running::Running;
use super::wire::Wire;
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

/// How long an answer may take. Loopback needs less than a millisecond, a slow room a hundred.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// What a program needs to start and to end, beside that.
const STARTUP: Duration = Duration::from_secs(4);
/// How long silence must last to be believed: far longer than loopback takes, short enough to wait for several times.
pub(super) const QUIET: Duration = Duration::from_millis(150);
/// Begun after that, no wait is worth it: the other side answers each time in the last moment, or drips. A right one needs
/// a second or two for the whole conversation, and this many times more where the machine has other work. A wait that has
/// begun gets all of its patience, so that a report does not depend on how long the steps before it took.
const WHOLE: Duration = Duration::from_secs(5);
/// The same for a client that is a program of its own: it starts anew for each server that it meets.
const WHOLE_OF_PROGRAMS: Duration = Duration::from_secs(60);
/// Who hung up may be about to end: so long we wait to hear how.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// So many wrong bytes are enough to see what is wrong.
const ENOUGH: usize = 200;
/// Asked again after so long, the same question is no mistake but an answer of ours that took too long.
const AGAIN: Duration = Duration::from_millis(200);

/// How a step went: the first failure ends the conversation.
pub type Checked = std::result::Result<(), Box<Failure>>;

/// A conversation with what the learner wrote. To a server the checker is a client, one after the other or several at once;
/// to a client it is a server.
///
/// In the report `C` is the client and `S` the server, whoever of both is the checker; `C2` is the second of several clients
/// and `S2` what the server says to it.
pub struct Talk {
    pub(super) peer: Peer,
    pub(super) role: Role,
    server: Option<Running>,
    pub(super) clock: Clock,
    /// Whether this machine stood still in one of the steps before, since they are timed.
    pub(super) stood_still: bool,
    whole: Duration,
    pub(super) lines: Vec<Line>,
    pub(super) now: usize,
    pub(super) steps: Vec<Step>,
    /// What the next client is to say.
    pub(super) text: String,
    pub(super) broken: Option<Error>,
    /// Kept, so that it is made once.
    pub(super) silence: Option<Wire>,
}

/// What one wait brought.
pub(super) enum Heard {
    Bytes(Vec<u8>),
    /// Or not a whole answer.
    Nothing(End),
}

impl Talk {
    /// `peer` is where to connect, or what to start for each conversation; `server` is the learner's, if it runs here.
    pub(super) fn new(role: Role, peer: Peer, server: Option<Running>) -> Talk {
        let whole = if matches!(peer, Peer::Program(_)) { WHOLE_OF_PROGRAMS } else { WHOLE };
        let (clock, lines, steps) = (Clock::new(), vec![Line::new(None, Duration::ZERO)], Vec::new());
        let text = String::new();
        let stood_still = false;
        Talk { peer, role, server, clock, stood_still, whole, lines, now: 0, steps, text, broken: None, silence: None }
    }

    /// The steps, and what was wrong with this machine and not with the learner's work.
    pub(super) fn into_parts(self) -> (Vec<Step>, Option<Error>) {
        (self.steps, self.broken)
    }

    /// Begins a step: `title` says what it is about, `heading` which part of the lesson explains it.
    pub fn step(&mut self, title: &'static str, heading: &'static str) -> &mut Step {
        self.stood_still |= self.clock.stood_still();
        self.clock.watch();
        self.steps.push(Step::new(title, heading));
        let last = self.steps.len() - 1;
        &mut self.steps[last]
    }

    /// In the middle of a step: what it means when something else comes from here on. What was said of it before is over.
    pub fn from_here(&mut self) -> &mut Step {
        if self.steps.is_empty() {
            self.step("", "");
        }
        let last = self.steps.len() - 1;
        self.steps[last].forget();
        &mut self.steps[last]
    }

    /// From now on this one of several clients talks, which stay connected side by side.
    pub fn client(&mut self, number: usize) {
        self.lines.retain(|line| line.number.is_some());
        self.now = self.lines.iter().position(|line| line.number == Some(number)).unwrap_or(self.lines.len());
        if self.now == self.lines.len() {
            let begun_at = self.clock.now();
            self.lines.push(Line::new(Some(number), begun_at));
        }
    }

    /// All leave; from now on there is one client again.
    pub fn alone(&mut self) {
        self.lines = vec![Line::new(None, self.clock.now())];
        self.now = 0;
    }

    // ---- with a server ----

    /// A new client connects; the one before, if any, closes its connection.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn connect(&mut self) -> Checked {
        self.fresh();
        self.note('C', "(connects)");
        self.open(Wire::tcp)
    }

    /// A new client with a UDP socket of its own, in place of the one before. Nothing is sent by that.
    ///
    /// # Errors
    /// When there is no way to the server's address.
    pub fn open_udp(&mut self) -> Checked {
        self.fresh();
        self.open(Wire::udp)
    }

    fn open(&mut self, open: fn(&str, u16, Deadline) -> Result<Wire>) -> Checked {
        let Peer::At(host, port) = self.peer.clone() else { return Ok(()) };
        self.line().wire = Wire::Closed; // before the next one comes
        match open(&host, port, Deadline::after(PATIENCE)) {
            Ok(wire) => {
                self.line().wire = wire;
                Ok(())
            }
            Err(error) => self.fail(Expected::Connection, Vec::new(), End::Refused(error.kind().to_string())),
        }
    }

    // ---- what has to come ----

    /// These bytes have to come next: of a stream cut in any way, or else as one datagram.
    ///
    /// # Errors
    /// When others come, or not all of them.
    pub fn expect(&mut self, bytes: impl AsRef<[u8]>) -> Checked {
        let wanted = bytes.as_ref();
        let patience = self.patience(PATIENCE);
        let mut got = Vec::new();
        while got.is_empty() || got.len() < wanted.len() {
            let udp = self.line().wire.is_udp();
            match self.hear((wanted.len() - got.len()).max(1), patience, Wire::read) {
                Heard::Bytes(datagram) if udp => {
                    if self.asks_again(&datagram) && datagram != wanted {
                        continue;
                    }
                    got = datagram;
                    break;
                }
                Heard::Bytes(more) => got.extend(more),
                Heard::Nothing(end) => return self.fail(Expected::Bytes(wanted.to_vec()), got, end),
            }
            if !wanted.starts_with(&got) {
                return self.wrong_bytes(Expected::Bytes(wanted.to_vec()), got);
            }
        }
        if got != wanted {
            return self.fail(Expected::Bytes(wanted.to_vec()), got, End::Open);
        }
        self.heard(&got);
        Ok(())
    }

    /// Whether a client only repeats its last question because our answer took so long.
    fn asks_again(&mut self, question: &[u8]) -> bool {
        let before = self.line().asked.replace((question.to_vec(), Instant::now()));
        self.role == Role::Client && before.is_some_and(|(last, at)| last == question && at.elapsed() >= AGAIN)
    }

    /// Nothing more may come: the answers until now were all. What the end of the connection means is for the next step.
    ///
    /// # Errors
    /// When more comes within 150 ms.
    pub fn expect_no_more(&mut self) -> Checked {
        match self.hear(ENOUGH, QUIET, Wire::read) {
            Heard::Nothing(_) => Ok(()),
            Heard::Bytes(got) => self.wrong_bytes(Expected::NoMore, got),
        }
    }

    /// Nothing may come yet, and the connection stays open.
    ///
    /// # Errors
    /// When something comes within 150 ms.
    pub fn expect_nothing(&mut self) -> Checked {
        match self.hear(ENOUGH, QUIET, Wire::read) {
            Heard::Nothing(End::Silent(_)) => Ok(()),
            Heard::Nothing(end) => self.fail(Expected::Nothing, Vec::new(), end),
            Heard::Bytes(got) => self.wrong_bytes(Expected::Nothing, got),
        }
    }

    /// The other side has to close the connection now. A FIN and a reset are the same here: where bytes of ours are still
    /// on their way, it is chance which of the two we see.
    ///
    /// # Errors
    /// When bytes come, or nothing happens.
    pub fn expect_hang_up(&mut self) -> Checked {
        self.expect_end(Expected::HangUp, "(hangs up)")
    }

    /// The other side has to say that this was all from it. Whether it still listens, what comes next tells.
    ///
    /// # Errors
    /// When bytes come, or nothing happens.
    pub fn expect_half_close(&mut self) -> Checked {
        self.expect_end(Expected::HalfClose, "FIN")
    }

    fn expect_end(&mut self, expected: Expected, words: &str) -> Checked {
        match self.hear(ENOUGH, PATIENCE, Wire::read) {
            Heard::Nothing(End::HungUp) => {
                self.note(self.role.letters().1, words);
                Ok(())
            }
            Heard::Nothing(end) => self.fail(expected, Vec::new(), end),
            Heard::Bytes(got) => self.wrong_bytes(expected, got),
        }
    }

    // ---- below ----

    /// Waits for at most `limit` bytes. Who has ended is not waited for.
    pub(super) fn hear(
        &mut self,
        limit: usize,
        patience: Duration,
        look: fn(&mut Wire, usize) -> io::Result<Vec<u8>>,
    ) -> Heard {
        let begin = self.clock.now();
        if begin >= self.whole {
            return Heard::Nothing(End::Silent(WHOLE)); // also for somebody who never stops to send
        }
        loop {
            // Asked before the look: what was sent before the end is then already here.
            let over = self.clock.now() >= begin + patience || self.how_it_ended(Duration::ZERO).is_some();
            let wire = &mut self.line().wire;
            match look(wire, limit).map_err(|e| e.kind()) {
                Ok(got) if got.is_empty() && !wire.is_udp() => return Heard::Nothing(End::HungUp),
                Ok(got) => return Heard::Bytes(got),
                Err(ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) if !over => {}
                Err(ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {
                    return Heard::Nothing(End::Silent(patience));
                }
                Err(kind) if wire.is_udp() => return Heard::Nothing(End::Refused(kind.to_string())),
                Err(_) => return Heard::Nothing(End::HungUp),
            }
        }
    }

    /// All that follows without a pause belongs to the evidence, however it was cut.
    fn wrong_bytes(&mut self, expected: Expected, mut got: Vec<u8>) -> Checked {
        let until = self.clock.now() + PATIENCE;
        while got.len() < ENOUGH && self.clock.now() < until && !self.line().wire.is_udp() {
            match self.hear(ENOUGH, QUIET, Wire::read) {
                Heard::Bytes(more) => got.extend(more),
                Heard::Nothing(_) => break,
            }
        }
        self.fail(expected, got, End::Open)
    }

    pub(super) fn fail(&mut self, expected: Expected, received: Vec<u8>, end: End) -> Checked {
        let theirs = self.role.letters().1;
        // These have been noted as they came.
        let result = matches!(expected, Expected::Result(_) | Expected::Error);
        let of_client = self.role == Role::Client && expected == Expected::Nothing;
        if !(received.is_empty() || result || of_client || (end == End::Open && matches!(expected, Expected::Other(_))))
        {
            self.note(theirs, &shown(&received));
        }
        if end == End::HungUp {
            self.note(theirs, "(hangs up)");
        }
        // Wrong bytes speak for themselves; who is silent or gone may have ended.
        let wait = match end {
            End::Open | End::Connects => None,
            End::Silent(_) | End::Failed => Some(Duration::ZERO),
            End::HungUp | End::Refused(_) => Some(LAST_WORDS),
        };
        let ended = wait.and_then(|wait| self.end_within(wait)).map(|ended| match ended {
            Ended::Failed(words) => Ended::Failed(self.without_port(&words)),
            Ended::Panicked { words, place } => Ended::Panicked { words: self.without_port(&words), place },
            returned => returned,
        });
        let whose = match (&self.peer, self.role) {
            (Peer::Program(_), _) => "the program",
            (_, Role::Client) => "ask()",
            _ => "serve()",
        };
        Err(Box::new(Failure { expected, received, end, ended, whose, noun: self.role.noun() }))
    }

    pub(super) fn line(&mut self) -> &mut Line {
        &mut self.lines[self.now]
    }

    /// How the server, or the client of this line, has ended. A client that has several lines has one of them for its own.
    pub(super) fn how_it_ended(&mut self, wait: Duration) -> Option<&Ended> {
        let own = self.lines.get(self.now).filter(|line| line.client.is_some()).map(|_| self.now);
        let at = own.or_else(|| self.lines.iter().position(|line| line.client.is_some()));
        let client = at.and_then(|at| self.lines[at].client.as_mut());
        client.or(self.server.as_mut())?.how_it_ended(wait)
    }

    /// A program gets the time that it needs to start.
    pub(super) fn patience(&self, time: Duration) -> Duration {
        if matches!(self.peer, Peer::Program(_)) { time + STARTUP } else { time }
    }

    /// The first of all who are connected now: what was before is over.
    pub(super) fn fresh(&mut self) {
        if let ([_], Some(step)) = (self.lines.as_slice(), self.steps.last_mut()) {
            step.fresh = true;
        }
    }

    /// Notes what the other side said.
    pub(super) fn heard(&mut self, bytes: &[u8]) {
        self.note(self.role.letters().1, &some(bytes));
    }

    /// Why this step fails, whatever else it may say.
    pub(super) fn explain(&mut self, why: &'static str) {
        if let Some(step) = self.steps.last_mut() {
            step.because(why);
        }
    }

    /// Our addresses have other ports in each run: a report says ADDR.
    fn without_port(&self, words: &str) -> String {
        let ours = self.lines.iter().filter_map(|line| line.door.address().or_else(|_| line.wire.address()).ok());
        ours.fold(words.to_owned(), |words, address| words.replace(&address.to_string(), "ADDR"))
    }

    pub(super) fn note(&mut self, letter: char, words: &str) {
        let words = if self.role == Role::Client { self.without_port(words) } else { words.to_owned() };
        let number = self.line().number.map(|number| number.to_string()).unwrap_or_default();
        if let Some(step) = self.steps.last_mut() {
            step.note(&format!("{letter}{number}: {words}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::TcpListener;

    #[test]
    fn no_wait_begins_when_the_whole_time_is_over() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = Peer::At("127.0.0.1".to_owned(), listener.local_addr().unwrap().port());
        let mut talk = Talk::new(Role::Server, peer, None);
        talk.connect().unwrap();
        listener.accept().unwrap().0.write_all(b"5\n").unwrap();
        talk.whole = Duration::ZERO;
        let failure = talk.expect("5\n").unwrap_err();
        assert_eq!((failure.received, failure.end), (Vec::new(), End::Silent(WHOLE)));
    }
}
