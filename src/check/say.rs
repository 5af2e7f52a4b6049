//! The part of a conversation that the checker says.
//!
//! May use: of this folder peer, report, talk, wire.

use super::peer::Role;
use super::report::{End, Expected, shown, some};
use super::talk::{Checked, Heard, PATIENCE, Talk};
use super::wire::Wire;
use std::time::{Duration, Instant};

impl Talk {
    /// Sends these bytes: in one piece, or as one datagram.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.send_as(bytes, &some(bytes));
    }

    /// The same in other words: what is another number in each run is named in the report, and what is no text is spoken.
    pub fn send_as(&mut self, bytes: impl AsRef<[u8]>, words: &str) {
        self.say(words);
        self.send_unshown(bytes);
    }

    /// The same, where the bytes would tell a reader little: what they are, the dialogue says by itself ([`Talk::say`]).
    pub fn send_unshown(&mut self, bytes: impl AsRef<[u8]>) {
        self.line().speak(bytes.as_ref());
    }

    /// A remark in the report: what happens, though nobody says it.
    pub fn say(&mut self, words: &str) {
        self.note(self.role.letters().0, words);
    }

    /// The same for what the client does.
    pub fn say_of_client(&mut self, words: &str) {
        self.note('C', words);
    }

    /// Says "no more from me" and goes on listening.
    pub fn half_close(&mut self) {
        self.say("FIN");
        self.line().wire.finish();
    }

    /// Closes the connection.
    pub fn hang_up(&mut self) {
        self.line().spoke = Instant::now();
        self.leave();
    }

    /// The same behind a goodbye: whoever pauses may count from that, so it stays what the checker said last.
    pub fn leave(&mut self) {
        self.say("(hangs up)");
        self.line().wire = Wire::Closed;
    }

    /// Waits until an answer is there and goes away without reading it: closing with unread bytes is a reset
    /// (RFC 2525 section 2.17).
    ///
    /// # Errors
    /// When no answer comes.
    pub fn vanish(&mut self) -> Checked {
        match self.hear(1, PATIENCE, Wire::peek) {
            Heard::Bytes(_) => {
                self.line().wire = Wire::Closed;
                self.say("(goes away without reading the answer)");
                Ok(())
            }
            Heard::Nothing(end) => self.fail(Expected::Answer, Vec::new(), end),
        }
    }

    /// Sends this again and again, every so often, until the time is over, or until the client has ended or sent a datagram, or the
    /// server has said something or hung up: then it is true.
    pub fn drip(&mut self, bytes: &[u8], every: Duration, time: Duration) -> bool {
        self.drip_as(bytes, &shown(bytes), every, time)
    }

    /// The same in other words.
    pub fn drip_as(&mut self, bytes: &[u8], words: &str, every: Duration, time: Duration) -> bool {
        let until = Instant::now() + time;
        let every_ms = every.as_millis();
        self.say(&format!("{words} every {every_ms} ms"));
        let udp = self.line().wire.is_udp();
        while Instant::now() < until {
            let over = match self.role {
                Role::Client if udp => {
                    matches!(self.hear(1, every, Wire::peek), Heard::Bytes(_))
                        || self.end_within(Duration::ZERO).is_some()
                }
                Role::Client => self.end_within(every).is_some(),
                _ => !matches!(self.hear(1, every, Wire::peek), Heard::Nothing(End::Silent(_))),
            };
            if over {
                return true;
            }
            self.send_unshown(bytes);
        }
        false
    }

    /// Somebody else sends a datagram to the client: `X` in the report.
    pub fn stranger(&mut self, bytes: impl AsRef<[u8]>) {
        let bytes = bytes.as_ref();
        self.note('X', &some(bytes));
        if let (Ok(mut stranger), Wire::Udp(_, Some(to))) = (Wire::datagrams(), &self.line().wire) {
            if let Wire::Udp(_, partner) = &mut stranger {
                *partner = Some(*to);
            }
            stranger.send(bytes, PATIENCE);
        }
    }
}
