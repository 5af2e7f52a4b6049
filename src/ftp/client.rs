//! The control connection: greeting, login, commands, and TLS.
//!
//! ```text
//! S: 220 ready                              C: AUTH TLS     S: 234 go on     (then the TLS handshake, RFC 4217 section 4)
//! C: USER anna    S: 331 password?          C: PBSZ 0       S: 200 ok        (a relic: no buffer, RFC 4217 section 9)
//! C: PASS ...     S: 230 come in            C: PROT P       S: 200 ok        (data connections over TLS too)
//! ```
//!
//! A command is one line, and a reply comes to each: who loses count takes every reply for that of another command. So whatever
//! breaks the order makes this connection unusable, and every later command says so.
//!
//! May use: error, deadline, stream, text, reply, dial, and its own folder.

use super::{Options, Type, wire};
use crate::deadline::Deadline;
use crate::dial::Target;
use crate::error::{Error, Reply, Result};
use crate::stream::Tls;
use crate::text::TextConn;
use std::net::SocketAddr;

/// What a guest gives as the password (RFC 1635 wants an address of mail; servers take anything).
const GUEST: &str = "anonymous@";

/// A client of an FTP server.
#[derive(Debug)]
pub struct Ftp {
    pub(super) control: TextConn,
    pub(super) options: Options,
    /// What the user called the server: the name that its certificates must have.
    pub(super) host: String,
    /// Where the control connection goes.
    pub(super) peer: SocketAddr,
    /// The data connections are TLS too, with this trust.
    pub(super) tls: Option<Tls>,
    greeting: Reply,
    /// Why this connection can be used no longer.
    pub(super) unusable: Option<String>,
    /// What the server says to a transfer that was given up is still to be heard.
    pub(super) given_up: bool,
    pub(super) wanted: Type,
    in_force: Option<Type>,
    // What the server has told us it does not know is not asked again.
    pub(super) no_epsv: bool,
    pub(super) no_size: bool,
}

impl Ftp {
    /// Connects and hears the greeting, with the default options.
    ///
    /// # Errors
    /// Those of [`Ftp::connect_with`].
    pub fn connect(target: impl Into<Target>) -> Result<Ftp> {
        Ftp::connect_with(target, Options::default())
    }

    /// Connects and hears the greeting.
    ///
    /// # Errors
    /// Those of [`Dial::open`](crate::dial::Dial::open) and [`read_reply`](crate::reply::read_reply); [`Error::Reply`] when the server
    /// refuses; [`Error::Invalid`] when the options ask for TLS from the first byte.
    pub fn connect_with(target: impl Into<Target>, options: Options) -> Result<Ftp> {
        if options.dial.tls.is_some() {
            let why = "FTP begins in plain text: leave `dial.tls` empty and call `secure` after `connect`";
            return Err(Error::Invalid(why.into()));
        }
        let target = target.into();
        let stream = options.dial.open(&target)?;
        let peer = stream.peer_addr().map_err(Error::io("connect"))?;
        let mut ftp = Ftp {
            control: TextConn::new(stream, options.limits),
            options,
            host: target.host().to_owned(),
            peer,
            tls: None,
            greeting: Reply { code: 220, lines: vec![String::new()] },
            unusable: None,
            given_up: false,
            wanted: Type::Image,
            in_force: None,
            no_epsv: false,
            no_size: false,
        };
        ftp.greeting = ftp.reply()?;
        if ftp.greeting.code == 120 {
            ftp.greeting = ftp.reply()?; // "ready in so many minutes", and now it is (RFC 959 section 5.4)
        }
        ftp.greeting = ftp.greeting.clone().expect(2)?;
        Ok(ftp)
    }

    /// What the server said first.
    pub fn greeting(&self) -> &Reply {
        &self.greeting
    }

    /// Begins TLS, for this connection and for every data connection. Call it before `login`: without it name, password and files
    /// can be read on the way. There is no going on in plain text if it fails, so that nobody on the way can talk us out of it.
    ///
    /// # Errors
    /// [`Error::Reply`] when the server does not know or want it; [`Error::Protocol`] when it said something that should have come
    /// after TLS (CVE-2021-22947), or let us in before (CVE-2021-22946); those of [`stream::upgrade`](crate::stream::upgrade).
    pub fn secure(mut self, tls: &Tls) -> Result<Ftp> {
        if self.greeting.code != 220 {
            let code = self.greeting.code;
            return Err(Error::Protocol(
                format!("a greeting with {code} leaves no room for TLS before the login").into(),
            ));
        }
        self.command("AUTH TLS")?.expect(234)?;
        let stream = self.options.dial.upgrade(self.control.into_stream()?, &self.host, tls)?;
        let control = TextConn::new(stream, self.options.limits);
        let mut ftp = Ftp { control, tls: Some(tls.clone()), ..self };
        ftp.command("PBSZ 0")?.expect(2)?;
        ftp.command("PROT P")?.expect(2)?;
        Ok(ftp)
    }

    /// Whether the commands are encrypted, and the files.
    pub fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Says who we are. The password is never shown to those who watch the wire; without [`Ftp::secure`] everybody on the way sees it.
    ///
    /// # Errors
    /// [`Error::Reply`] when the server does not let us in (530), or wants an account besides (332).
    pub fn login(&mut self, user: &str, password: &str) -> Result<Reply> {
        let reply = self.command(&format!("USER {user}"))?;
        if reply.code != 331 {
            return reply.expect(2); // some ask for no password
        }
        self.send(&format!("PASS {password}"))?;
        self.reply()?.expect(2)
    }

    /// Says that we are nobody in particular, as many public servers allow.
    ///
    /// # Errors
    /// Those of [`Ftp::login`].
    pub fn login_anonymous(&mut self) -> Result<Reply> {
        self.login("anonymous", GUEST)
    }

    /// Sends any command and gives its reply, whatever it says; PASS and ACCT are not shown to those who watch. For those with data there are [`Ftp::lines`], [`Ftp::retr`] and
    /// [`Ftp::stor`].
    ///
    /// # Errors
    /// [`Error::Invalid`] for a line with CR, LF or NUL in it, before anything is sent; [`Error::Reply`] for 421, with which a server
    /// leaves; those of [`TextConn::read_reply`], after which this connection is unusable, and [`Error::Closed`] once it is.
    pub fn command(&mut self, line: &str) -> Result<Reply> {
        self.settle();
        if self.unusable.is_none() && self.spoke() {
            return Err(self.stray(line));
        }
        self.send(line)?;
        self.reply()
    }

    /// A command whose reply begins with `want` as that of no other command does: 229, 227, the 1xx before data. A reply that was
    /// not asked for is noticed by that, so it is not looked for before: those are three system calls, twice for each file.
    ///
    /// # Errors
    /// Those of [`Ftp::command`]; [`Error::Protocol`] for what is neither that reply nor a refusal, after which this connection is
    /// unusable.
    pub(super) fn ask(&mut self, line: &str, want: u16) -> Result<Reply> {
        self.send(line)?;
        let reply = self.reply()?;
        if matches!(reply.code / 100, 4 | 5) {
            return Ok(reply);
        }
        reply.expect(want).map_err(|error| match error {
            Error::Reply(reply) => self.lost_count(format!("the server said {} to {:.8}", reply.code, verb(line))),
            other => other,
        })
    }

    /// Why no further command can be sent, if that is so: a reply that did not come, came twice or made no sense, or the server's
    /// goodbye. Connect anew then. What became of a transfer that was given up shows with the next command.
    pub fn unusable(&self) -> Option<&str> {
        self.unusable.as_deref()
    }

    /// Which type the next transfers have: [`Type::Image`] unless said otherwise.
    pub fn set_type(&mut self, wanted: Type) {
        self.wanted = wanted;
    }

    /// The folder that names without a `/` in front are looked up in.
    ///
    /// # Errors
    /// Those of [`Ftp::command`]; [`Error::Protocol`] when no name comes.
    pub fn pwd(&mut self) -> Result<String> {
        wire::parse_quoted(&self.command("PWD")?.expect(257)?)
    }

    /// Goes into a folder; `..` is the one above.
    ///
    /// # Errors
    /// Those of [`Ftp::command`]; [`Error::Reply`] when there is none.
    pub fn cwd(&mut self, path: &str) -> Result<()> {
        let line = if path == ".." { "CDUP".to_owned() } else { with("CWD", path)? };
        self.command(&line)?.expect(2)?;
        Ok(())
    }

    /// Says goodbye and hears it.
    ///
    /// # Errors
    /// Those of [`Ftp::command`]; the connection is closed in any case.
    pub fn quit(mut self) -> Result<()> {
        self.command("QUIT")?.expect(2)?;
        let _ = self.control.stream().finish(); // the server may have gone already
        Ok(())
    }

    pub(super) fn send(&mut self, line: &str) -> Result<()> {
        self.settle();
        let verb = verb(line);
        if let Some(why) = &self.unusable {
            return Err(Error::Closed(
                format!("send {verb:.8} on a connection that is of no use any more ({why})").into(),
            ));
        }
        self.control.until(Deadline::after(self.options.dial.reply));
        if self.control.unread() > 0 {
            return Err(self.stray(line));
        }
        // Said by hand, too.
        let one_of = |verbs: [&str; 2]| verbs.iter().any(|own| verb.eq_ignore_ascii_case(own));
        if one_of(["TYPE", "REIN"]) {
            self.in_force = None;
        }
        let secret = one_of(["PASS", "ACCT"]);
        let sent = if secret { self.control.write_secret(line) } else { self.control.write_line(line) };
        if let Err(error) = &sent
            && !matches!(error, Error::Invalid(_))
        {
            self.unusable = Some(error.to_string());
        }
        sent
    }

    /// Takes what the server said before this command. Nobody asked for it: taken for the reply, it would put all that follow in
    /// the wrong place.
    fn stray(&mut self, line: &str) -> Error {
        self.control.until(Deadline::after(self.options.dial.reply));
        match self.reply() {
            Ok(stray) => self.lost_count(format!("the server spoke before {:.8} was sent: {stray:.80}", verb(line))),
            Err(error) => error, // 421 is one already
        }
    }

    fn lost_count(&mut self, what: String) -> Error {
        let error = Error::Protocol(what.into());
        self.unusable = Some(error.to_string());
        error
    }

    /// Whether something lies there to be read.
    pub(super) fn spoke(&mut self) -> bool {
        // Over TLS what waits may be no reply but a session ticket (RFC 8446 section 4.6.1): only plain bytes can be asked for.
        self.control.unread() > 0 || (self.tls.is_none() && !self.control.stream().is_quiet())
    }

    /// The next reply, by the deadline of this connection.
    pub(super) fn reply(&mut self) -> Result<Reply> {
        let reply = self.control.read_reply().inspect_err(|error| self.unusable = Some(error.to_string()))?;
        if reply.code == 421 {
            self.unusable = Some(reply.to_string());
            return Err(Error::Reply(Box::new(reply)));
        }
        Ok(reply)
    }

    /// Tells the server the type, if it is another than before.
    pub(super) fn put_in_force(&mut self, wanted: Type) -> Result<()> {
        if self.in_force != Some(wanted) {
            self.command(if wanted == Type::Image { "TYPE I" } else { "TYPE A" })?.expect(2)?;
            self.in_force = Some(wanted);
        }
        Ok(())
    }
}

fn verb(line: &str) -> &str {
    line.split(' ').next().unwrap_or_default()
}

/// A command with its argument.
///
/// # Errors
/// [`Error::Invalid`] when the argument is empty, or has a CR, LF or NUL in it: it would be two commands to the server.
pub(super) fn with(command: &str, argument: &str) -> Result<String> {
    if argument.is_empty() || argument.contains(['\r', '\n', '\0']) {
        let argument = crate::encode::visible(argument.as_bytes());
        return Err(Error::Invalid(format!("{command}: \"{argument:.80}\" cannot be the name of a file").into()));
    }
    Ok(format!("{command} {argument}"))
}
