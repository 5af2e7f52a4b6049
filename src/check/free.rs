//! The part of a conversation where the other side may choose its bytes: a head with its own order of fields, a question with
//! a random number. The dialogue hears it whole and judges it by itself.
//!
//! May use: of this folder report, talk, wire.

use super::report::{End, Expected, Failure};
use super::talk::{Checked, Heard, PATIENCE, Talk};
use super::wire::Wire;

/// No head and no line of an exercise is longer.
const LONGEST: usize = 8_192;

impl Talk {
    /// What comes up to these bytes and with them, at most 8 KiB; over UDP the next datagram, whatever its end. `what` says
    /// in the report what had to come.
    ///
    /// # Errors
    /// When it does not come whole.
    pub fn hear_until(&mut self, end: &[u8], what: &str) -> Result<Vec<u8>, Box<Failure>> {
        let got = self.hear_while(what, |got| !got.ends_with(end) && got.len() < LONGEST)?;
        self.heard(&got);
        Ok(got)
    }

    /// So many bytes; over UDP the next datagram, whatever its length.
    ///
    /// # Errors
    /// When it does not come whole.
    pub fn hear_exactly(&mut self, bytes: usize, what: &str) -> Result<Vec<u8>, Box<Failure>> {
        let got = self.hear_unshown(bytes, what)?;
        self.heard(&got);
        Ok(got)
    }

    /// The same, where the bytes would tell a reader little: what they are, the dialogue says by itself ([`Talk::say_of_client`]).
    ///
    /// # Errors
    /// As there.
    pub fn hear_unshown(&mut self, bytes: usize, what: &str) -> Result<Vec<u8>, Box<Failure>> {
        self.hear_while(what, |got| got.len() < bytes)
    }

    fn hear_while(&mut self, what: &str, more: impl Fn(&[u8]) -> bool) -> Result<Vec<u8>, Box<Failure>> {
        let patience = self.patience(PATIENCE);
        let mut got = Vec::new();
        while more(&got) {
            // Byte by byte: what stands behind it is for the next step.
            match self.hear(1, patience, Wire::read) {
                Heard::Bytes(bytes) => got.extend(bytes),
                Heard::Nothing(end) => {
                    let failed = self.fail(Expected::Other(what.to_owned()), got, end);
                    return failed.map(|()| Vec::new());
                }
            }
            if self.line().wire.is_udp() {
                break;
            }
        }
        Ok(got)
    }

    /// These bytes have to come, or the end without them: where bytes of ours are not read, the reset may overtake the answer.
    ///
    /// # Errors
    /// When others come, or nothing happens.
    pub fn expect_unless_reset(&mut self, bytes: impl AsRef<[u8]>) -> Checked {
        match self.hear(1, PATIENCE, Wire::peek) {
            Heard::Bytes(_) => {
                self.expect(bytes)?;
                self.expect_hang_up()
            }
            Heard::Nothing(End::HungUp) => Ok(()),
            Heard::Nothing(end) => self.fail(Expected::Bytes(bytes.as_ref().to_vec()), Vec::new(), end),
        }
    }

    /// What came is not what had to come, and this is why.
    ///
    /// # Errors
    /// Always.
    pub fn refuse(&mut self, expected: &str, received: &[u8], why: &'static str) -> Checked {
        self.explain(why);
        self.fail(Expected::Other(expected.to_owned()), received.to_vec(), End::Open)
    }

    /// The same, where the step may know better why: this holds when none of its clues fits.
    ///
    /// # Errors
    /// Always.
    pub fn differs(&mut self, expected: &str, received: &[u8], otherwise: &'static str) -> Checked {
        if let Some(step) = self.steps.last_mut() {
            step.if_received("", otherwise);
        }
        self.fail(Expected::Other(expected.to_owned()), received.to_vec(), End::Open)
    }
}
