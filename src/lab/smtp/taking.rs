//! What a client of the mail server says that is no command: a message, the answers of a login.
//!
//! ```text
//! 354 go ahead                     the message, line by line, until a line that is one dot
//! 334 VXNlcm5hbWU6                 a question of the login; its answer in base64, or * to break off
//! ```
//!
//! RFC 5321 sections 4.1.1.4 and 4.5.2; RFC 4954 section 4.
//!
//! May use: everything up to smtp.

use super::session::{COMMAND, Line, Next, Session};
use super::{Mail, Wrong};
use crate::deadline::Deadline;
use crate::encode::{base64, parse_base64};
use crate::error::{Error, Result};
use crate::smtp::wire::LONGEST_LINE;

const TOO_LONG: &str = "500 5.5.2 a line has at most 998 bytes";

impl Session<'_> {
    pub(super) fn data(&mut self) -> Result<Next> {
        self.say("354 end with a dot on a line of its own");
        self.flush()?;
        let limits = self.lab.options.limits;
        self.conn.until(Deadline::after(limits.message));
        let (mut bytes, mut came) = (Vec::new(), 0);
        loop {
            // A line, a doubled dot, and CRLF.
            let line = match self.line(LONGEST_LINE + 3) {
                Ok(Line::Good(line)) => line,
                Ok(Line::Gone) => return Ok(Next::Cut),
                Ok(Line::Nul) => return Ok(self.last("550 5.6.0 a message has no NUL inside")),
                Ok(Line::Bare) => return Ok(self.last("550 5.6.0 a line ends with CR LF, and has neither inside")),
                Ok(Line::TooLong) => return Ok(self.last(TOO_LONG)),
                Err(Error::Timeout(_)) => return Ok(self.last("421 4.4.2 the message took too long")),
                Err(error) => return Err(error),
            };
            let text = match line.as_slice() {
                b"." => break,
                [b'.', rest @ ..] => rest,
                all => all,
            };
            if text.len() > LONGEST_LINE {
                return Ok(self.last(TOO_LONG));
            }
            came += text.len() + 2;
            match came {
                // Heard to its end, so that the client hears the answer; but not for ever.
                _ if came > limits.size.saturating_mul(4) => return Ok(self.last("552 5.3.4 far too large")),
                _ if came > limits.size => bytes.clear(),
                _ => {
                    bytes.extend_from_slice(text);
                    bytes.extend_from_slice(b"\r\n");
                }
            }
        }
        let (from, to) = (self.from.take().unwrap_or_default(), std::mem::take(&mut self.to));
        self.forget();
        if let Some(next) = self.wrong(".") {
            return next;
        }
        if came > limits.size {
            self.say("552 5.3.4 too large");
            return Ok(self.failed());
        }
        let (user, secure) = (self.user.clone(), self.secure);
        self.lab.keep(Mail { from, to, user, secure, bytes });
        self.junk = 0;
        self.say("250 2.6.0 taken");
        Ok(Next::Command)
    }

    pub(super) fn auth(&mut self, rest: &str) -> Result<Next> {
        let (mechanism, initial) = rest.split_once(' ').unwrap_or((rest, ""));
        let refused = match () {
            () if self.lab.is(&Wrong::Hides("AUTH".into())) => "500 5.5.2 no such command",
            () if !self.offers("AUTH") => "538 5.7.11 only over TLS",
            () if self.hello.is_none() || !self.extended => "503 5.5.1 EHLO comes first",
            () if self.user.is_some() || self.from.is_some() => "503 5.5.1 not now",
            () => "",
        };
        if !refused.is_empty() {
            self.say(refused);
            return Ok(self.failed());
        }
        while self.lab.is(&Wrong::AsksForEver) {
            if self.ask("again")?.is_none() {
                self.say("501 5.7.0 broken off");
                return Ok(self.failed());
            }
        }
        let initial = (!initial.is_empty()).then(|| parse_base64(initial.trim_start_matches('=')).unwrap_or_default());
        let pair = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => {
                let all = if initial.is_some() { initial } else { self.ask("")? };
                all.and_then(|all| {
                    let all = String::from_utf8(all).ok()?;
                    let [_, user, password] = all.split('\0').collect::<Vec<_>>()[..] else { return None };
                    Some((user.to_owned(), password.to_owned()))
                })
            }
            "LOGIN" => {
                let user = if initial.is_some() { initial } else { self.ask("Username:")? };
                let password = if user.is_some() { self.ask("Password:")? } else { None };
                let text = |bytes: Option<Vec<u8>>| String::from_utf8(bytes?).ok();
                text(user).zip(text(password))
            }
            _ => {
                self.say("504 5.5.4 PLAIN or LOGIN");
                return Ok(self.failed());
            }
        };
        match pair {
            Some(pair) if self.lab.options.users.contains(&pair) => {
                self.user = Some(pair.0);
                self.say("235 2.7.0 welcome");
                Ok(Next::Command)
            }
            Some(_) => {
                self.say("535 5.7.8 wrong user or password");
                Ok(self.failed())
            }
            None => {
                self.say("501 5.5.2 that was no answer");
                Ok(self.failed())
            }
        }
    }

    /// Asks a question of a login. `None` when the client breaks off, or answers in no base64.
    fn ask(&mut self, question: &str) -> Result<Option<Vec<u8>>> {
        self.say(&format!("334 {}", base64(question.as_bytes())));
        self.flush()?;
        match self.line(COMMAND)? {
            Line::Good(line) => Ok(std::str::from_utf8(&line).ok().and_then(parse_base64)),
            Line::Gone => Err(Error::Closed("read an answer of the login".into())),
            _ => Ok(None),
        }
    }
}
