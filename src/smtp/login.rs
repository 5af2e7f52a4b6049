//! The conversation of a login: question and answer in base64, until the server has made up its mind.
//!
//! ```text
//! C: AUTH LOGIN\r\n
//! S: 334 VXNlcm5hbWU6\r\n                  a question
//! C: dXNlcg==\r\n                          its answer, or * to break off
//! ```
//!
//! RFC 4954 section 4.
//!
//! May use: everything up to dial, and its neighbours.

use crate::encode::{base64, parse_base64};
use crate::error::{Error, Result};
use crate::smtp::auth::{Login, Mechanism, Plain};
use crate::smtp::client::Smtp;
use crate::smtp::wire;

/// A server that has asked so often will not stop (LOGIN asks twice).
const CHALLENGES: usize = 5;

impl Smtp {
    /// Logs in by PLAIN or, where that is not offered, LOGIN. A password that is refused is tried once.
    ///
    /// # Errors
    /// [`Error::Invalid`] on a connection without TLS: nothing is sent. Else as [`login_by`](Smtp::login_by).
    pub fn login(&mut self, user: &str, password: &str) -> Result<()> {
        self.for_nobody_else()?;
        self.login_readable_by_anyone(user, password)
    }

    /// [`login`](Smtp::login) also where everybody on the way can read the password, and use it.
    ///
    /// # Errors
    /// As [`login_by`](Smtp::login_by).
    pub fn login_readable_by_anyone(&mut self, user: &str, password: &str) -> Result<()> {
        let (mut plain, mut login) = (Plain { user, password }, Login::new(user, password));
        let offers = |name| self.extensions.has_login(name);
        if offers("LOGIN") && !offers("PLAIN") { self.authenticate(&mut login) } else { self.authenticate(&mut plain) }
    }

    /// Logs in by any other way.
    ///
    /// # Errors
    /// [`Error::Invalid`] on a connection without TLS; [`Error::Protocol`] when the server does not offer this way, or asks
    /// without end or in no base64; [`Error::Reply`] when it refuses.
    pub fn login_by(&mut self, mechanism: &mut dyn Mechanism) -> Result<()> {
        self.for_nobody_else()?;
        self.authenticate(mechanism)
    }

    fn for_nobody_else(&self) -> Result<()> {
        let why = "no password is sent on a connection without TLS, where everybody on the way could read it";
        if self.secure { Ok(()) } else { Err(Error::Invalid(why.into())) }
    }

    fn authenticate(&mut self, mechanism: &mut dyn Mechanism) -> Result<()> {
        let name = mechanism.name().to_owned();
        wire::word(&name)?;
        if !self.extensions.has_login(&name) {
            return Err(Error::Protocol(format!("the server does not offer to log in by {name}").into()));
        }
        let mut line = format!("AUTH {name}");
        let mut start = mechanism.start()?;
        // An empty one is written as "=". One that makes the command too long (RFC 5321 section 4.5.3.1.4: 512 bytes with its
        // CRLF) waits until it is asked for (RFC 4954 section 4).
        if let Some(start) = start.take_if(|start| line.len() + 1 + start.len().div_ceil(3) * 4 <= 510) {
            line += &if start.is_empty() { " =".to_owned() } else { format!(" {}", base64(&start)) };
        }
        let mut reply = self.say(&line, true)?;
        let mut asked = 0;
        while reply.code == 334 {
            asked += 1;
            let answer = match parse_base64(reply.lines[0].trim()) {
                Some(challenge) if asked <= CHALLENGES => start.take().map_or_else(|| mechanism.answer(&challenge), Ok),
                Some(_) => Err(Error::Protocol("the server asks without end for one login".into())),
                None => Err(Error::Protocol("a question of the server is no base64".into())),
            };
            if answer.is_err() {
                self.command("*")?; // breaks the login off, and is answered with 501
            }
            reply = self.say(&base64(&answer?), true)?;
        }
        reply.expect(235).map(drop)
    }
}
