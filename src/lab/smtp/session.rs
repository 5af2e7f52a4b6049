//! One connection of the mail server: its commands in their order, each answered once.
//!
//! ```text
//! EHLO ─> [STARTTLS ─> EHLO] ─> [AUTH] ─> MAIL ─> RCPT (1 to 100) ─> DATA ─> text ─> .
//!                                          ^                                         │
//!                                          └─────────────── RSET, or the next ───────┘
//! ```
//!
//! RFC 5321 section 4.1.4 (order), 4.5.3.1 (limits); RFC 3207; RFC 4954. Answers leave together once no further command lies
//! whole in the buffer (RFC 2920 section 3.2).
//!
//! May use: everything up to smtp.

use super::{Shared, Tls, Wrong};
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::smtp::wire;
use crate::stream::{self, BoxStream};
use crate::text::{Limits, TextConn};
use std::io::{BufRead, Read};
use std::sync::PoisonError;
use std::time::Duration;

/// A command and its CRLF are at most so long; Postfix has the same (`line_length_limit`).
pub(super) const COMMAND: usize = 2048;

/// What comes after a command.
pub(super) enum Next {
    Command,
    StartTls,
    End,
    Cut,
}

/// What came in place of a line.
pub(super) enum Line {
    Good(Vec<u8>),
    /// It ended with LF alone, or has a CR inside.
    Bare,
    Nul,
    TooLong,
    Gone,
}

pub(super) struct Session<'a> {
    pub(super) conn: TextConn,
    pub(super) lab: &'a Shared,
    pub(super) secure: bool,
    pub(super) hello: Option<String>,
    pub(super) extended: bool,
    pub(super) user: Option<String>,
    pub(super) from: Option<String>,
    pub(super) to: Vec<String>,
    utf8: bool,
    errors: usize,
    pub(super) junk: usize,
    out: Vec<u8>,
}

impl<'a> Session<'a> {
    pub(super) fn new(stream: BoxStream, lab: &'a Shared, secure: bool) -> Session<'a> {
        let conn = TextConn::new(stream, Limits::default());
        let (hello, user, from, to, out) = (None, None, None, Vec::new(), Vec::new());
        let (extended, utf8, errors, junk) = (false, false, 0, 0);
        Session { conn, lab, secure, hello, extended, user, from, to, utf8, errors, junk, out }
    }

    pub(super) fn greet(&mut self) -> Result<()> {
        let greets = |wrong: &'a Wrong| if let Wrong::Greets(line) = wrong { Some(line.as_str()) } else { None };
        let greeting = self.lab.options.wrong.iter().find_map(greets).unwrap_or("220 localhost ESMTP, for practice");
        self.say(greeting);
        self.flush()
    }

    /// The stream, to put TLS on it. What the client said too early is dropped: it was not protected (RFC 3207 section 4.2).
    pub(super) fn into_stream(mut self) -> Result<BoxStream> {
        let early = self.conn.unread();
        self.conn.reader().consume(early);
        self.conn.into_stream()
    }

    /// Says what is still to be said, and lets the client hear it.
    pub(super) fn end(mut self) -> Result<()> {
        self.flush()?;
        self.conn.until(Deadline::after(Duration::from_secs(2)));
        stream::close(self.into_stream()?)
    }

    pub(super) fn say(&mut self, line: &str) {
        self.out.extend_from_slice(line.as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        let out = std::mem::take(&mut self.out);
        let drips = self.lab.options.wrong.iter().find_map(|wrong| match wrong {
            Wrong::Drips(pause) => Some(*pause),
            _ => None,
        });
        self.conn.until(Deadline::after(self.lab.options.limits.command));
        let pieces = out.chunks(if drips.is_some() { 1 } else { out.len().max(1) });
        for piece in pieces {
            self.conn.stream().write_all(piece).map_err(Error::io("send a reply"))?;
            if drips.is_some_and(|pause| !self.lab.curtain.pause(pause)) {
                break;
            }
        }
        Ok(())
    }

    /// Reads a line of at most so many bytes, its CRLF included.
    pub(super) fn line(&mut self, limit: usize) -> Result<Line> {
        let mut line = Vec::new();
        let mut reader = self.conn.reader().take(limit as u64);
        reader.read_until(b'\n', &mut line).map_err(Error::io("read a line"))?;
        Ok(match line.as_slice() {
            [text @ .., b'\r', b'\n'] if text.contains(&0) => Line::Nul,
            [text @ .., b'\r', b'\n'] if !text.contains(&b'\r') => Line::Good(text.to_vec()),
            [.., b'\n'] => Line::Bare,
            _ if line.len() == limit => Line::TooLong,
            _ => Line::Gone,
        })
    }

    /// Hears a command, answers it, and says what comes after it.
    pub(super) fn next(&mut self, stopping: impl Fn() -> bool) -> Result<Next> {
        // Of a command that lies there in part nothing more may ever come.
        let whole = self.conn.unread() > 0 && self.conn.reader().fill_buf().is_ok_and(|rest| rest.contains(&b'\n'));
        if !whole || self.out.len() > 1 << 16 {
            self.flush()?;
            if stopping() {
                self.say("421 4.3.2 closing");
                return Ok(Next::End);
            }
        }
        self.conn.until(Deadline::after(self.lab.options.limits.command));
        let line = match self.line(COMMAND) {
            Ok(Line::Good(line)) => String::from_utf8(line).unwrap_or_else(|_| "\u{fffd}".into()),
            Ok(Line::Gone) => return Ok(Next::Cut),
            Ok(Line::Nul) => {
                self.say("501 5.5.2 a command has no NUL inside");
                return Ok(self.failed());
            }
            Ok(Line::Bare) => return Ok(self.last("500 5.5.2 a line ends with CR LF, and has neither inside")),
            Ok(Line::TooLong) => return Ok(self.last("500 5.5.2 a command is shorter")),
            Err(Error::Timeout(_)) => return Ok(self.last("421 4.4.2 you said nothing for too long")),
            Err(error) => return Err(error),
        };
        let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let (verb, rest) = (verb.to_ascii_uppercase(), rest.trim());
        match self.wrong(&verb) {
            Some(next) => next,
            None => self.command(&verb, rest),
        }
    }

    /// What is done instead, where the server is wrong at this command.
    pub(super) fn wrong(&mut self, verb: &str) -> Option<Result<Next>> {
        let lab = self.lab;
        let found = lab.options.wrong.iter().find(|wrong| match wrong {
            Wrong::Answers(own, _) | Wrong::CutsAt(own) | Wrong::SilentAt(own) => own == verb,
            _ => false,
        });
        match found? {
            Wrong::Answers(_, line) => {
                self.say(line);
                Some(Ok(if line.starts_with("421") { Next::End } else { Next::Command }))
            }
            Wrong::CutsAt(_) => Some(self.flush().map(|()| Next::Cut)),
            _ => {
                let flushed = self.flush();
                // Until the client leaves, or the server is stopped.
                while flushed.is_ok() && matches!(self.line(COMMAND), Ok(Line::Good(_))) {}
                Some(flushed.map(|()| Next::Cut))
            }
        }
    }

    pub(super) fn last(&mut self, line: &str) -> Next {
        self.say(line);
        Next::End
    }

    /// Counts what failed: who only guesses has had enough at some point.
    pub(super) fn failed(&mut self) -> Next {
        self.errors += 1;
        match self.errors < self.lab.options.limits.errors {
            true => Next::Command,
            false => self.last("421 4.7.0 too many errors"),
        }
    }

    fn command(&mut self, verb: &str, rest: &str) -> Result<Next> {
        if verb == "STARTTLS" && self.offers("STARTTLS") && rest.is_empty() {
            self.say("220 2.0.0 go ahead");
            for wrong in &self.lab.options.wrong {
                if let Wrong::InjectsAfterStartTls(text) = wrong {
                    self.out.extend_from_slice(text.as_bytes());
                }
            }
            self.flush()?;
            return Ok(Next::StartTls);
        }
        let answer = match verb {
            "EHLO" | "HELO" if rest.is_empty() => "501 5.5.4 who are you?",
            "EHLO" | "HELO" => {
                self.begin(verb == "EHLO", rest);
                return Ok(Next::Command);
            }
            "NOOP" | "RSET" | "VRFY" | "HELP" => {
                self.junk += 1;
                if self.junk > self.lab.options.limits.junk {
                    return Ok(self.last("421 4.7.0 enough of that"));
                }
                match verb {
                    "VRFY" => "252 2.5.0 send it and see",
                    "HELP" => "214 2.0.0 RFC 5321 says it all",
                    "RSET" => {
                        self.forget();
                        "250 2.0.0 OK"
                    }
                    _ => "250 2.0.0 OK",
                }
            }
            "QUIT" => return Ok(self.last("221 2.0.0 bye")),
            // A browser that was lured here (cross-protocol scripting): what it says next could be commands.
            "GET" | "POST" | "PUT" | "HEAD" | "CONNECT" | "OPTIONS" | "HOST:" => {
                return Ok(self.last("421 4.7.0 this is no web server"));
            }
            "STARTTLS" if !rest.is_empty() => "501 5.5.4 STARTTLS stands alone",
            "STARTTLS" => "503 5.5.1 not offered here and now",
            "AUTH" => return self.auth(rest),
            "MAIL" => self.mail(rest),
            "RCPT" => self.rcpt(rest),
            "DATA" if !rest.is_empty() => "501 5.5.4 DATA stands alone",
            "DATA" if self.from.is_none() => "503 5.5.1 MAIL comes first",
            "DATA" if self.to.is_empty() => "503 5.5.1 RCPT comes first",
            "DATA" => return self.data(),
            _ => "500 5.5.2 no such command",
        };
        self.say(answer);
        let refused = answer.starts_with(['4', '5']);
        Ok(if refused { self.failed() } else { Next::Command })
    }

    pub(super) fn forget(&mut self) {
        (self.from, self.to, self.utf8) = (None, Vec::new(), false);
    }

    pub(super) fn offers(&self, keyword: &str) -> bool {
        !self.lab.is(&Wrong::Hides(keyword.into()))
            && match keyword {
                "STARTTLS" => !self.secure && matches!(self.lab.options.tls, Tls::Offered(_)),
                "AUTH" => self.secure || self.lab.options.login_readable_by_anyone,
                _ => true,
            }
    }

    fn begin(&mut self, extended: bool, name: &str) {
        self.forget();
        (self.hello, self.extended) = (Some(name.to_owned()), extended);
        let mut lines = vec!["localhost".to_owned()];
        if extended {
            let size = format!("SIZE {}", self.lab.options.limits.size);
            let all =
                ["PIPELINING", &size, "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "STARTTLS", "AUTH PLAIN LOGIN"];
            let offered = all.iter().filter(|line| self.offers(line.split(' ').next().unwrap_or_default()));
            lines.extend(offered.map(|line| (*line).to_owned()));
        }
        let last = lines.len() - 1;
        for (n, line) in lines.iter().enumerate() {
            self.say(&format!("250{}{line}", if n < last { '-' } else { ' ' }));
        }
    }

    fn mail(&mut self, rest: &str) -> &'static str {
        let limits = &self.lab.options.limits;
        match () {
            () if self.hello.is_none() => return "503 5.5.1 EHLO comes first",
            () if self.from.is_some() => return "503 5.5.1 one message after the other",
            () if self.lab.options.login_required && self.user.is_none() => return "530 5.7.0 log in first",
            () => {}
        }
        let Some((address, parameters)) = path(rest, "FROM:") else { return "501 5.5.4 MAIL FROM:<address>" };
        let mut utf8 = false;
        for parameter in parameters.split_whitespace() {
            let (keyword, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match (keyword.to_ascii_uppercase().as_str(), value.to_ascii_uppercase().as_str()) {
                _ if !self.extended => return "555 5.5.4 no parameters after HELO",
                ("SIZE", size) if self.offers("SIZE") => match size.parse::<u64>() {
                    Ok(size) if size <= limits.size as u64 => {}
                    Ok(_) => return "552 5.3.4 too large",
                    Err(_) => return "501 5.5.4 a size is a number",
                },
                ("BODY", "7BIT" | "8BITMIME") if self.offers("8BITMIME") => {}
                ("SMTPUTF8", "") if self.offers("SMTPUTF8") => utf8 = true,
                ("AUTH", _) if self.offers("AUTH") => {}
                _ => return "555 5.5.4 no such parameter",
            }
        }
        if !address.is_empty() {
            if !address.is_ascii() && !utf8 {
                return "553 5.6.7 such an address needs SMTPUTF8";
            }
            if wire::mailbox(address).is_err() {
                return "501 5.1.7 no such address can be";
            }
        }
        (self.from, self.utf8) = (Some(address.to_owned()), utf8);
        "250 2.1.0 OK"
    }

    fn rcpt(&mut self, rest: &str) -> &'static str {
        let Some((address, parameters)) = path(rest, "TO:") else { return "501 5.5.4 RCPT TO:<address>" };
        let refuses =
            |wrong: &Wrong| matches!(wrong, Wrong::RefusesRecipients(all) if all.iter().any(|one| one == address));
        let first = || self.lab.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(address.to_owned());
        match () {
            () if self.from.is_none() => "503 5.5.1 MAIL comes first",
            () if !parameters.is_empty() => "555 5.5.4 no such parameter",
            () if !address.is_ascii() && !self.utf8 => "553 5.6.7 such an address needs SMTPUTF8",
            () if wire::mailbox(address).is_err() => "501 5.1.3 no such address can be",
            () if self.to.len() >= self.lab.options.limits.recipients => "452 4.5.3 too many recipients",
            () if self.lab.options.wrong.iter().any(refuses) => "550 5.1.1 no such user",
            () if self.lab.is(&Wrong::Greylists) && first() => "450 4.7.1 come back in a minute",
            () => {
                self.to.push(address.to_owned());
                "250 2.1.5 OK"
            }
        }
    }
}

/// The address between `<` and `>`, and what stands behind.
fn path<'t>(rest: &'t str, prefix: &str) -> Option<(&'t str, &'t str)> {
    let start = rest.get(..prefix.len()).filter(|start| start.eq_ignore_ascii_case(prefix))?;
    let rest = rest[start.len()..].trim_start().strip_prefix('<')?;
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in rest.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '>' if !quoted => return Some((&rest[..at], rest[at + 1..].trim())),
            _ => {}
        }
    }
    None
}
