//! The client's side of the conversation: one turn after the other, each with a deadline, every reply looked at.
//!
//! ```text
//! S: 220 mail.example ready\r\n            the server speaks first
//! C: EHLO localhost\r\n                    who we are
//! S: 250-mail.example\r\n                  what it can do
//!    250 STARTTLS\r\n
//! C: STARTTLS\r\n                          from here on TLS, or nothing
//! S: 220 go ahead\r\n
//! ```
//!
//! RFC 5321 sections 3.1, 3.2 and 4.1.1; RFC 3207.
//!
//! May use: everything up to dial, and its neighbours.

use crate::deadline::Deadline;
use crate::dial::{Dial, Target};
use crate::error::{Error, Reply, Result};
use crate::reply::read_coded_reply;
use crate::smtp::wire::{self, Extensions};
use crate::stream::Tls;
use crate::text::{Limits, TextConn};
use std::time::Duration;

/// Longer replies than RFC 5321 section 4.5.3.1.5 has (510), and no endless ones.
const LIMITS: Limits = Limits { line: 2048, lines: 256, block: 0 };
/// How to connect.
#[derive(Debug, Clone)]
pub struct Options {
    /// Times and the wire view; and with `tls`, TLS from the first byte (port 465, RFC 8314).
    pub dial: Dial,
    /// What must happen on a connection that did not begin with TLS. By default TLS, trusting what this system trusts.
    pub starttls: StartTls,
    /// Who we are, for EHLO. Default `localhost`: nothing about this machine.
    pub name: String,
    /// How long the message and its reply may take. Default 10 minutes (RFC 5321 section 4.5.3.2.6): the server may look for
    /// viruses before it answers, and who gives up too early sends twice.
    pub taking: Duration,
}

/// What must happen on a connection that did not begin with TLS.
#[derive(Debug, Clone)]
pub enum StartTls {
    /// TLS must begin before anything else, or the connection fails; whom it trusts.
    Required(Tls),
    /// Everything stays as readable as a postcard, for everybody on the way, and nobody knows who answers.
    ReadableByAnyone,
}

impl Default for Options {
    fn default() -> Options {
        let starttls = StartTls::Required(Tls::system());
        Options { dial: Dial::default(), starttls, name: "localhost".into(), taking: Duration::from_secs(600) }
    }
}

/// A connection to a mail server.
///
/// ```
/// use netprimer::lab::{smtp as lab, tls};
/// use netprimer::smtp::{MessageBuilder, Options, Smtp, StartTls};
///
/// let server = lab::start(lab::Options::default())?;
/// let options = Options { starttls: StartTls::Required(tls::trust()?), ..Options::default() };
/// let mut smtp = Smtp::connect(&server.addr().into(), &options)?;
/// smtp.login("user", "password")?;
///
/// let message = MessageBuilder::new().from("sender@example.com").to("receiver@example.com").subject("测试").text_body("你好");
/// let sent = smtp.send(&message)?;
/// assert!(sent.refused.is_empty());
/// smtp.quit()?;
/// assert_eq!(server.inbox()[0].subject(), "测试");
/// # Ok::<(), netprimer::Error>(())
/// ```
#[derive(Debug)]
pub struct Smtp {
    // None once the connection is of no use any more: after QUIT, 421, an error in the middle of a turn.
    pub(super) conn: Option<TextConn>,
    greeting: Reply,
    pub(super) extensions: Extensions,
    pub(super) secure: bool,
    pub(super) options: Options,
}

impl Smtp {
    /// Connects, hears the greeting, says EHLO, begins TLS, and says EHLO again.
    ///
    /// # Errors
    /// Those of [`Dial::open`] and [`Dial::upgrade`]; [`Error::Reply`] when the server does not want us; [`Error::Protocol`]
    /// when TLS is required and not offered, or when somebody spoke before it began: in no such case anything else was said.
    pub fn connect(target: &Target, options: &Options) -> Result<Smtp> {
        wire::word(&options.name)?;
        let conn = TextConn::new(options.dial.open(target)?, LIMITS);
        let secure = options.dial.tls.is_some();
        let nothing = Reply { code: 220, lines: Vec::new() };
        let (options, extensions) = (options.clone(), Extensions::default());
        let mut smtp = Smtp { conn: Some(conn), greeting: nothing, extensions, secure, options };
        smtp.greeting = smtp.read_by(Deadline::after(smtp.options.dial.reply))?.expect(220)?;
        match smtp.options.starttls.clone() {
            StartTls::Required(tls) if !secure => {
                smtp.ehlo()?.expect(2)?;
                smtp.start_tls(target, &tls)?;
                smtp.hello()?;
            }
            _ => smtp.hello()?,
        }
        Ok(smtp)
    }

    fn ehlo(&mut self) -> Result<Reply> {
        let reply = self.command(&format!("EHLO {}", self.options.name))?;
        self.extensions = if reply.code / 100 == 2 { Extensions::of(&reply) } else { Extensions::default() };
        Ok(reply)
    }

    /// EHLO, and HELO for servers from before 1995 (RFC 5321 section 3.2).
    fn hello(&mut self) -> Result<()> {
        let reply = self.ehlo()?;
        let reply = if reply.code / 100 == 5 { self.command(&format!("HELO {}", self.options.name))? } else { reply };
        reply.expect(2).map(drop)
    }

    fn start_tls(&mut self, target: &Target, tls: &Tls) -> Result<()> {
        if !self.extensions.has("STARTTLS") {
            let text = "the server does not offer STARTTLS, and TLS is required: nothing was sent in the clear";
            return Err(Error::Protocol(text.into()));
        }
        self.command("STARTTLS")?.expect(220)?;
        // All that was said before may be a stranger's (RFC 3207 section 4.2).
        self.extensions = Extensions::default();
        let Some(conn) = self.conn.take() else { return Err(gone()) };
        let stream = self.options.dial.upgrade(conn.into_stream()?, target.host(), tls)?;
        self.conn = Some(TextConn::new(stream, LIMITS));
        self.secure = true;
        Ok(())
    }

    /// How the server greeted.
    pub fn greeting(&self) -> &Reply {
        &self.greeting
    }

    /// What the server offers; after TLS began, only what it said since.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// Whether TLS protects this connection.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// RSET: forgets a message that was begun.
    ///
    /// # Errors
    /// [`Error::Reply`], and those of [`command`](Smtp::command).
    pub fn reset(&mut self) -> Result<()> {
        self.command("RSET")?.expect(2).map(drop)
    }

    /// NOOP: is the server still there?
    ///
    /// # Errors
    /// As [`reset`](Smtp::reset).
    pub fn noop(&mut self) -> Result<()> {
        self.command("NOOP")?.expect(2).map(drop)
    }

    /// QUIT: says goodbye. What was sent is sent, also without it.
    ///
    /// # Errors
    /// As [`reset`](Smtp::reset).
    pub fn quit(mut self) -> Result<()> {
        self.command("QUIT")?.expect(221)?;
        // He closes first; what he leaves unsaid does not matter any more.
        self.conn.take().and_then(|mut conn| conn.stream().finish().ok());
        Ok(())
    }

    /// Sends any command and reads its reply: `VRFY user`, `MAIL FROM:<a@example.com>`. Behind DATA comes
    /// [`data`](Smtp::data).
    ///
    /// # Errors
    /// [`Error::Invalid`] for CR, LF or NUL in the line. All others lose the connection: [`Error::Reply`] for 421, with which a
    /// server leaves; [`Error::Protocol`] when it spoke unasked; [`Error::Timeout`], [`Error::Closed`], [`Error::TooLong`] and
    /// [`Error::Io`].
    pub fn command(&mut self, line: &str) -> Result<Reply> {
        self.say(line, false)
    }

    /// [`command`](Smtp::command) with a line that those who watch are not shown.
    pub(super) fn say(&mut self, line: &str, secret: bool) -> Result<Reply> {
        if line.contains(['\r', '\n', '\0']) {
            return Err(Error::Invalid("a command has a CR, LF or NUL inside: it would be two commands".into()));
        }
        let turn = Deadline::after(self.options.dial.reply);
        self.conn.iter_mut().for_each(|conn| conn.stream().secret(secret));
        let sent = self.write(format!("{line}\r\n").as_bytes(), turn);
        self.conn.iter_mut().for_each(|conn| conn.stream().secret(false));
        sent.and_then(|()| self.read_by(turn))
    }

    pub(super) fn write(&mut self, bytes: &[u8], deadline: Deadline) -> Result<()> {
        self.with_conn(deadline, |conn| match conn.unread() {
            // Who closes the connection while we write may have said why.
            0 => conn.stream().write_all(bytes).map_err(|lost| match read_coded_reply(conn.reader(), &LIMITS) {
                Ok(reply) if reply.code >= 400 => Error::Reply(Box::new(reply)),
                _ => Error::io("send to the mail server")(lost),
            }),
            _ => match read_coded_reply(conn.reader(), &LIMITS) {
                Ok(goodbye) if goodbye.code == 421 => Err(Error::Reply(Box::new(goodbye))),
                _ => Err(Error::Protocol("the server spoke before it was asked".into())),
            },
        })
    }

    pub(super) fn read_by(&mut self, deadline: Deadline) -> Result<Reply> {
        let reply = self.with_conn(deadline, |conn| read_coded_reply(conn.reader(), &LIMITS))?;
        if reply.code != 421 {
            return Ok(reply);
        }
        self.conn = None; // the server closes (RFC 5321 section 3.8)
        Err(Error::Reply(Box::new(reply)))
    }

    /// After an error in here nobody knows which reply belongs to which command: that was the connection's last turn.
    fn with_conn<T>(&mut self, deadline: Deadline, work: impl FnOnce(&mut TextConn) -> Result<T>) -> Result<T> {
        let conn = self.conn.as_mut().ok_or_else(gone)?;
        work(conn.until(deadline)).inspect_err(|_| self.conn = None)
    }
}

pub(super) fn gone() -> Error {
    Error::Closed("talk to the mail server".into())
}
