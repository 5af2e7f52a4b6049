//! One client of the server: his commands, in their order, until one of the two has enough.
//!
//! ```text
//! C: a line of at most 4 KiB that ends with CRLF       else 500 and the end, or 501
//! S: one reply to each, two to a command with data
//! ```
//!
//! May use: everything but `check`.

use super::data::{Ender, Way};
use super::files::{NOT_THERE, denied};
use super::tree::{Names, facts, shown};
use super::{Shared, Wrong};
use crate::deadline::Deadline;
use crate::error::{Error, Reply, Result};
use crate::ftp::wire::{number, quoted};
use crate::lab::tls::Acceptor;
use crate::reply::write_reply;
use crate::server::Conn;
use crate::stream::{BoxStream, Stream};
use crate::text::{Limits, TextConn};
use crate::trace::{Side, Traced};
use std::fs;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// Bytes of a command line, as vsftpd has it.
const LINE: usize = 4 << 10;
/// A reply is small: a client that does not take it is gone.
const WRITE: Duration = Duration::from_secs(30);
/// Words with which other protocols begin. A page of the web that sends a form to this port (ALPACA) is not answered.
const OF_OTHERS: [&str; 8] = ["GET", "POST", "HEAD", "PUT", "OPTIONS", "CONNECT", "HOST:", "EHLO"];
/// What one may say before the login.
const BEFORE_LOGIN: [&str; 12] =
    ["USER", "PASS", "AUTH", "PBSZ", "PROT", "FEAT", "OPTS", "SYST", "NOOP", "HELP", "QUIT", "ACCT"];
/// What changes something, and is not for guests.
const CHANGES: [&str; 7] = ["STOR", "APPE", "DELE", "MKD", "RMD", "RNFR", "RNTO"];

pub(super) type Answer = std::result::Result<(u16, String), (u16, &'static str)>;

pub(super) struct Session<'a> {
    pub(super) lab: &'a Shared,
    control: TextConn,
    pub(super) peer: SocketAddr,
    pub(super) local: SocketAddr,
    pub(super) ender: Ender,
    // A line that was read while bytes moved, and is still to be answered.
    pending: Option<Vec<u8>>,
    user: Option<String>,
    logged_in: bool,
    pub(super) guest: bool,
    tries: u32,
    secure: bool,
    pub(super) protect: bool,
    pub(super) cwd: Names,
    pub(super) ascii: bool,
    rest: u64,
    rename: Option<PathBuf>,
    pub(super) way: Option<Way>,
    pub(super) epsv_only: bool,
}

enum Next {
    Go,
    Tls(Acceptor),
    End,
}

/// Counts a client of a host for as long as he is here.
struct Counted<'a>(&'a Shared, IpAddr);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let mut hosts = self.0.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = hosts.get_mut(&self.1) {
            *count -= 1;
        }
    }
}

fn watched(lab: &Shared, stream: BoxStream) -> BoxStream {
    match &lab.options.trace {
        Some(sink) => Box::new(Traced::new(stream, Side::Server, Arc::clone(sink))),
        None => stream,
    }
}

fn limits() -> Limits {
    Limits { line: LINE, ..Limits::default() }
}

pub(super) fn talk(conn: Conn, lab: &Shared) -> Result<()> {
    let ender = Ender::default();
    let at_stop = ender.clone();
    conn.on_stop(move || at_stop.end());
    let (peer, local) = (conn.peer, conn.stream.local_addr().map_err(Error::io("see who called"))?);
    let control = TextConn::new(watched(lab, Box::new(conn.stream)), limits());
    let mut session = Session {
        lab,
        control,
        peer,
        local,
        ender,
        pending: None,
        user: None,
        logged_in: false,
        guest: false,
        tries: 0,
        secure: false,
        protect: false,
        cwd: Names::new(),
        ascii: false,
        rest: 0,
        rename: None,
        way: None,
        epsv_only: false,
    };
    let here = {
        let mut hosts = lab.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = hosts.entry(peer.ip()).or_default();
        *count += 1;
        *count
    };
    let _place = Counted(lab, peer.ip());
    if here > lab.options.limits.per_host {
        return session.say(421, "too many clients from your address");
    }
    session.say(220, "netprimer lab: FTP on this machine")?;
    loop {
        match session.turn()? {
            Next::Go => {}
            Next::Tls(acceptor) => session = session.upgrade(&acceptor)?,
            Next::End => break,
        }
    }
    // Closed with something unread the connection would be reset, and a reset destroys the last reply on its way.
    session.control.until(Deadline::after(Duration::from_secs(1)));
    if session.control.stream().finish().is_ok() {
        let _ = io::copy(&mut session.control.reader().take(64 << 10), &mut io::sink());
    }
    Ok(())
}

impl<'a> Session<'a> {
    pub(super) fn say(&mut self, code: u16, text: &str) -> Result<()> {
        self.say_lines(code, vec![text.to_owned()])
    }

    fn say_lines(&mut self, code: u16, lines: Vec<String>) -> Result<()> {
        self.control.until(Deadline::after(WRITE));
        write_reply(&mut self.control.stream(), &Reply { code, lines })
    }

    /// Whether ABOR came while bytes moved. Another line that came is answered after them.
    pub(super) fn aborted(&mut self) -> bool {
        if self.pending.is_some() || (self.control.unread() == 0 && self.control.stream().is_quiet()) {
            return false;
        }
        self.control.until(Deadline::after(Duration::from_secs(1)));
        match self.control.read_line() {
            Ok(line) if plain(&line).trim().eq_ignore_ascii_case("ABOR") => true,
            Ok(line) => {
                self.pending = Some(line);
                false
            }
            Err(_) => true, // he is gone, or speaks nonsense: the next read will say so
        }
    }

    /// One command and its reply.
    fn turn(&mut self) -> Result<Next> {
        let line = match self.pending.take() {
            Some(line) => line,
            None => {
                self.control.until(Deadline::after(self.lab.options.limits.idle));
                match self.control.read_line() {
                    Ok(line) => line,
                    Err(Error::Protocol(_)) => {
                        self.say(501, "a line ends with CRLF and has no CR, LF or NUL inside")?;
                        return Ok(Next::Go);
                    }
                    Err(Error::TooLong(..)) => {
                        self.say(500, "this line is too long")?;
                        return Ok(Next::End);
                    }
                    Err(Error::Timeout(_)) => {
                        self.say(421, "you have been silent for too long")?;
                        return Ok(Next::End);
                    }
                    Err(Error::Closed(_)) => return Ok(Next::End),
                    Err(error) => return Err(error),
                }
            }
        };
        if !self.lab.curtain.pause(Duration::ZERO) {
            self.say(421, "going away")?;
            return Ok(Next::End);
        }
        let line = plain(&line);
        let (verb, argument) = line.split_once(' ').unwrap_or((&line, ""));
        let verb = verb.to_ascii_uppercase();
        if OF_OTHERS.contains(&verb.as_str()) {
            return Ok(Next::End);
        }
        match verb.as_str() {
            "QUIT" => {
                self.say(221, "goodbye")?;
                return Ok(Next::End);
            }
            "AUTH" => return self.auth(argument),
            "PASS" => return self.pass(argument),
            _ => {}
        }
        match self.obey(&verb, argument) {
            Ok((0, _)) => {} // said already
            Ok((code, text)) => self.say_lines(code, text.lines().map(str::to_owned).collect())?,
            Err((code, text)) => self.say(code, text)?,
        }
        Ok(Next::Go)
    }

    fn auth(&mut self, how: &str) -> Result<Next> {
        let Some(acceptor) = self.lab.options.tls.clone().filter(|_| !self.secure) else {
            self.say(502, "no TLS here")?;
            return Ok(Next::Go);
        };
        if !matches!(how.to_ascii_uppercase().as_str(), "TLS" | "TLS-C" | "SSL") {
            self.say(504, "TLS is all that is known here")?;
            return Ok(Next::Go);
        }
        // What was sent behind this line in plain text could be anybody's (CVE-2021-22947 the other way): nobody answers it.
        if self.control.unread() > 0 {
            return Ok(Next::End);
        }
        self.say(234, "go on with TLS")?;
        Ok(Next::Tls(acceptor))
    }

    fn upgrade(self, acceptor: &Acceptor) -> Result<Session<'a>> {
        let mut stream = self.control.into_stream()?;
        stream.unwatch();
        stream.set_deadline(Deadline::after(self.lab.options.limits.accept));
        let control = TextConn::new(watched(self.lab, acceptor.accept(stream)?), limits());
        // Who he said he was, he said in plain text.
        Ok(Session { control, secure: true, user: None, logged_in: false, ..self })
    }

    fn pass(&mut self, password: &str) -> Result<Next> {
        let Some(user) = self.user.take() else {
            self.say(503, "USER first")?;
            return Ok(Next::Go);
        };
        let guest = self.lab.options.anonymous && matches!(user.as_str(), "anonymous" | "ftp");
        if guest || self.lab.options.users.iter().any(|(name, own)| *name == user && own == password) {
            (self.logged_in, self.guest) = (true, guest);
            self.say(230, if guest { "welcome, guest" } else { "welcome" })?;
            return Ok(Next::Go);
        }
        self.tries += 1;
        if !self.lab.curtain.pause(self.lab.options.limits.penalty) || self.tries >= self.lab.options.limits.tries {
            self.say(421, "that was wrong too often")?;
            return Ok(Next::End);
        }
        self.say(530, "wrong name or password")?;
        Ok(Next::Go)
    }

    fn obey(&mut self, verb: &str, argument: &str) -> Answer {
        // The names from before RFC 959 (RFC 1123 section 4.1.3.1) mean the same, and nobody may do more by them.
        let verb = match verb {
            "XCUP" => "CDUP",
            "XCWD" | "XMKD" | "XPWD" | "XRMD" => &verb[1..],
            verb => verb,
        };
        let demands_tls = self.lab.wrong(|wrong| matches!(wrong, Wrong::DemandTls)) && !self.secure;
        if demands_tls && (verb == "USER" || !BEFORE_LOGIN.contains(&verb)) {
            return Err((530, "TLS first: AUTH TLS"));
        }
        if !self.logged_in && !BEFORE_LOGIN.contains(&verb) {
            return Err((530, "USER and PASS first"));
        }
        if self.guest && CHANGES.contains(&verb) {
            return Err((550, "guests change nothing"));
        }
        if argument.is_empty() && CHANGES.contains(&verb) {
            return Err((501, "a name is missing"));
        }
        // Both hold for the very next command only.
        let rename = if verb == "RNTO" { self.rename.take() } else { None };
        self.rename = None;
        let rest = match verb {
            "RETR" | "STOR" => std::mem::take(&mut self.rest),
            "PASV" | "EPSV" | "PORT" | "EPRT" => 0,
            _ => {
                self.rest = 0;
                0
            }
        };
        match verb {
            "USER" => {
                (self.user, self.logged_in) = (Some(argument.to_owned()), false);
                Ok((331, "password?".into()))
            }
            "PBSZ" if self.secure => Ok((200, "PBSZ=0".into())),
            "PROT" if self.secure => match argument.to_ascii_uppercase().as_str() {
                "P" | "C" => {
                    self.protect = argument.eq_ignore_ascii_case("P");
                    Ok((200, "ok".into()))
                }
                _ => Err((504, "P or C")),
            },
            "PBSZ" | "PROT" => Err((503, "AUTH TLS first")),
            "FEAT" => Ok((211, self.features())),
            "OPTS" if argument.to_ascii_uppercase().starts_with("UTF8") => Ok((200, "names are UTF-8 anyway".into())),
            "OPTS" if argument.to_ascii_uppercase().starts_with("MLST") => Ok((200, "MLST OPTS".into())),
            "OPTS" => Err((501, "no such option")),
            "SYST" => Ok((215, "UNIX Type: L8".into())),
            "NOOP" | "ALLO" => Ok((200, "ok".into())),
            "HELP" => Ok((214, "see RFC 959".into())),
            "STAT" if argument.is_empty() => Ok((211, "all is well".into())),
            "TYPE" => match argument.to_ascii_uppercase().as_str() {
                kind @ ("A" | "A N" | "I" | "L 8") => {
                    self.ascii = kind.starts_with('A');
                    Ok((200, "ok".into()))
                }
                _ => Err((504, "A or I")),
            },
            "MODE" if argument.eq_ignore_ascii_case("S") => Ok((200, "ok".into())),
            "STRU" if argument.eq_ignore_ascii_case("F") => Ok((200, "ok".into())),
            "MODE" | "STRU" => Err((504, "streams of bytes only")),
            "PWD" => Ok((257, format!("{} is where you are", quoted(&shown(&self.cwd))))),
            "CWD" => self.change_to(argument),
            "CDUP" => self.change_to(".."),
            "PASV" | "EPSV" => self.passive(verb, argument),
            "PORT" | "EPRT" => self.active(verb, argument),
            "REST" => {
                self.rest = number(argument).ok_or((501, "an offset is a number"))?;
                Ok((350, "and now the file".into()))
            }
            "LIST" | "NLST" | "MLSD" => self.list(verb, argument),
            "MLST" => {
                let place = self.existing(argument)?;
                let what = place.what.as_ref().ok_or(NOT_THERE)?;
                let line = facts(&shown(&place.names), what, !self.guest);
                Ok((250, format!("here it is\n {line}\nthat was it")))
            }
            "RETR" => self.retr(argument, rest),
            "STOR" | "APPE" => self.stor(verb, argument, rest),
            "ABOR" => {
                self.way = None;
                Ok((225, "there was nothing to cut short".into()))
            }
            "SIZE" if self.lab.wrong(|wrong| matches!(wrong, Wrong::NoSize)) => Err((502, "not known here")),
            "SIZE" | "MDTM" => self.ask(verb, argument),
            "DELE" => {
                self.change(argument, |place| if place.is_file() { fs::remove_file(&place.real) } else { denied() })
            }
            "RMD" => self.change(argument, |place| fs::remove_dir(&place.real)),
            "MKD" => {
                let place = self.place(argument)?;
                fs::create_dir(&place.real).map_err(|_| (550, "it cannot be made"))?;
                Ok((257, format!("{} is there", quoted(&shown(&place.names)))))
            }
            "RNFR" => {
                let place = self.existing(argument)?;
                if place.names.is_empty() {
                    return Err((550, "not this one"));
                }
                self.rename = Some(place.real);
                Ok((350, "and the new name?".into()))
            }
            "RNTO" => {
                let from = rename.ok_or((503, "RNFR first"))?;
                let to = self.place(argument)?;
                fs::rename(from, to.real).map_err(|_| (550, "it cannot be renamed"))?;
                Ok((250, "done".into()))
            }
            "ACCT" => Err((202, "no accounts here")),
            _ => Err((502, "not known here")),
        }
    }
}

/// A line of the client as text, without what Telnet puts in (RFC 854: 255 and one byte from 240 on).
fn plain(line: &[u8]) -> String {
    let mut text = Vec::with_capacity(line.len());
    let mut bytes = line.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte == 255 {
            bytes.next_if(|next| *next >= 240);
        } else {
            text.push(byte);
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}
