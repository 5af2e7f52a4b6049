//! The second connection: how it comes about, and how a transfer begins and ends.
//!
//! ```text
//! C: EPSV            S: 229 ... (|||40000|)      C connects there
//! C: RETR a          S: 150 here it comes        over TLS: the handshake, with the same name in the certificate
//!                    S: the bytes; the end
//!                    S: 226 that was all         only this says that it was all
//!
//! C: ABOR            S: 426 cut short            a transfer that we give up: its own reply,
//!                    S: 226 done                 and the reply to ABOR
//! C: NOOP            S: 200 yes                  in case that one of them was missing
//! ```
//!
//! RFC 959 sections 3 and 5, RFC 2428, RFC 4217 section 7.
//!
//! May use: error, deadline, stream, trace, reply, and its own folder.

use super::client::Ftp;
use super::{Mode, Type, active, wire};
use crate::deadline::Deadline;
use crate::error::{Error, Reply, Result};
use crate::stream::{self, BoxStream, Cut, Invitation, Stream, Tcp};
use crate::trace::{Side, Traced};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use std::{error, fmt, io};

/// How long the server has to answer when we give a transfer up. After it the control connection counts as lost.
const SETTLE: Duration = Duration::from_secs(2);
/// For the rest of a reply that has begun to come, when the caller's time is over.
const MOMENT: Duration = Duration::from_millis(100);

/// A data connection before the command that needs it.
pub(super) enum Way {
    /// We have connected.
    Passive(Tcp),
    /// The server will.
    Active(Invitation),
}

/// A transfer that has begun: while it lives there can be no other command. Dropped before its end, it is given up.
#[derive(Debug)]
pub(super) struct Transfer<'f> {
    pub(super) ftp: &'f mut Ftp,
    data: Option<BoxStream>,
    /// How many bytes the server said it would send.
    pub(super) announced: Option<u64>,
    ended: bool,
}

impl Ftp {
    /// Opens a data connection and sends the command that uses it.
    ///
    /// # Errors
    /// [`Error::Reply`] when the server refuses; what prevents the data connection.
    pub(super) fn begin(&mut self, command: &str, kind: Type, offset: u64) -> Result<Transfer<'_>> {
        let whole = Deadline::after(self.options.transfer);
        self.put_in_force(kind)?;
        let way = match self.options.mode {
            Mode::Passive => Way::Passive(self.passive(whole)?),
            Mode::Active => Way::Active(active::invite(self)?),
        };
        if offset > 0 {
            self.command(&format!("REST {offset}"))?.expect(350)?;
        }
        let reply = self.ask(command, 1)?;
        if reply.code / 100 != 1 {
            return Err(self.refusal(reply));
        }
        let mut transfer = Transfer { announced: wire::announced(&reply), ftp: self, data: None, ended: false };
        match transfer.open(way, whole) {
            Ok(data) => transfer.data = Some(data),
            Err(error) => return Err(transfer.fail(error)),
        }
        Ok(transfer)
    }

    /// Asks for a port and connects to it: EPSV first, PASV where the server does not know that.
    fn passive(&mut self, whole: Deadline) -> Result<Tcp> {
        let phase = "open a data connection";
        let control = self.peer;
        let (host, port) = match self.extended_port(control.ip())? {
            Some(port) => (control.ip(), port),
            None => {
                let (named, port) = wire::parse_pasv(&self.ask("PASV", 227)?.expect(227)?)?;
                (if self.options.trust_pasv_host { named.into() } else { control.ip() }, port)
            }
        };
        // A server that any user can start has its data ports above 1023 as well; below are services of others.
        if port < 1024 && control.port() >= 1024 {
            return Err(Error::Protocol(format!("{phase}: the server sends us to the reserved port {port}").into()));
        }
        let soon = Deadline::after(self.options.dial.connect).earlier(whole);
        stream::connect_any(&[SocketAddr::new(host, port)], soon)
    }

    /// The port of EPSV, or nothing where only PASV will do.
    fn extended_port(&mut self, control: IpAddr) -> Result<Option<u16>> {
        let can_pasv = control.to_canonical().is_ipv4();
        if can_pasv && (self.no_epsv || self.options.trust_pasv_host) {
            return Ok(None);
        }
        let reply = self.ask("EPSV", 229)?;
        if reply.code / 100 == 5 && can_pasv {
            self.no_epsv = true;
            return Ok(None);
        }
        wire::parse_epsv(&reply.expect(229)?).map(Some)
    }

    /// The time for the last reply to an upload: what lies in the buffers on the way has still to arrive.
    fn after_data(&self) -> Deadline {
        Deadline::after(self.options.dial.reply.max(self.options.data))
    }

    /// A refusal, and what to do about the one that no setting of ours can change.
    pub(super) fn refusal(&self, reply: Reply) -> Error {
        let text = reply.lines.join(" ").to_ascii_lowercase();
        let about_reuse = ["reuse", "resum"].iter().any(|word| text.contains(word));
        if self.is_secure() && matches!(reply.code, 425 | 450 | 522) && about_reuse {
            return Error::Other("open a data connection over TLS".into(), Box::new(SessionReuse(reply)));
        }
        Error::Reply(Box::new(reply))
    }
}

impl Transfer<'_> {
    fn open(&self, way: Way, whole: Deadline) -> Result<BoxStream> {
        let options = &self.ftp.options;
        let mut tcp = match way {
            Way::Passive(tcp) => tcp,
            Way::Active(invitation) => invitation.accept(Deadline::after(options.dial.connect).earlier(whole))?,
        };
        tcp.set_patience(Some(options.data));
        let mut data: BoxStream = Box::new(tcp);
        if let Some(tls) = &self.ftp.tls {
            data.set_deadline(Deadline::after(options.dial.connect).earlier(whole));
            data = stream::upgrade(data, &self.ftp.host, tls)?;
        }
        data.set_deadline(whole);
        if let Some(sink) = &options.data_trace {
            data = Box::new(Traced::new(data, Side::Client, sink.clone()));
        }
        Ok(data)
    }

    /// Some of what comes; 0 at the end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.data {
            Some(data) => data.read(buffer),
            None => Ok(0),
        }
    }

    pub(super) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.data {
            Some(data) => data.write_all(bytes),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// After the end was read: what the server says to it.
    pub(super) fn received(&mut self) -> Result<()> {
        self.ended = true;
        drop(self.data.take());
        self.last_word(Deadline::after(self.ftp.options.dial.reply))
    }

    /// After the last byte was written. Over TLS we wait until the server has ended too: closed with session tickets unread the
    /// connection would be reset, and a reset destroys what is on its way (RFC 4217 section 7 is silent about it).
    pub(super) fn sent(mut self) -> Result<()> {
        let Some(mut data) = self.data.take() else { return self.last_word(self.ftp.after_data()) };
        self.ended = true;
        let closed = if self.ftp.is_secure() {
            data.set_deadline(self.ftp.after_data());
            stream::close(data)
        } else {
            data.finish().map_err(Error::io("end the data connection"))
        };
        match closed {
            // He may keep his end open until he has said that all is well, and that counts.
            Ok(()) | Err(Error::Timeout(_)) => self.last_word(self.ftp.after_data()),
            Err(error) => Err(self.lost(error)),
        }
    }

    fn last_word(&mut self, deadline: Deadline) -> Result<()> {
        self.ftp.control.until(deadline);
        let reply = self.ftp.reply()?;
        if reply.code / 100 == 2 { Ok(()) } else { Err(self.ftp.refusal(reply)) }
    }

    /// Ends it after an error of the data connection. Where the server says why, that is the error.
    pub(super) fn fail(mut self, error: Error) -> Error {
        match error {
            Error::Timeout(_) if !self.ftp.spoke() => {
                self.give_up();
                error
            }
            error => self.lost(error),
        }
    }

    /// The server has left the data connection, so its reply is on its way; where the time is over, it is here already.
    fn lost(&mut self, error: Error) -> Error {
        self.ended = true;
        drop(self.data.take());
        let most = if matches!(error, Error::Timeout(_)) { MOMENT } else { SETTLE };
        self.ftp.control.until(Deadline::after(self.ftp.options.dial.reply.min(most)));
        match self.ftp.reply() {
            Ok(reply) if reply.code / 100 == 2 => error,
            Ok(reply) => match (error, self.ftp.refusal(reply)) {
                // That we do not trust his certificate is nothing that he could say.
                (own @ Error::Other(..), Error::Reply(_)) => own,
                (_, theirs) => theirs,
            },
            Err(Error::Reply(goodbye)) => Error::Reply(goodbye),
            Err(_) => error, // and `unusable` says why
        }
    }

    /// Ends it because we want to: nothing more is read or written.
    pub(super) fn give_up(&mut self) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        // Before the end of the data connection, which alone would mean "that was the whole file" in an upload.
        let asked = self.ftp.control.until(Deadline::after(self.ftp.options.dial.reply.min(SETTLE))).write_line("ABOR");
        drop(self.data.take());
        if let Err(error) = asked {
            self.ftp.unusable = Some(error.to_string());
        }
        self.ftp.given_up = true;
    }
}

impl Ftp {
    /// What the server says to a transfer that was given up: heard before the next command, so that giving up waits for nobody.
    pub(super) fn settle(&mut self) {
        if std::mem::take(&mut self.given_up) && self.unusable.is_none() {
            self.control.until(Deadline::after(self.options.dial.reply.min(SETTLE)));
            if self.reply().is_ok() {
                self.catch_up();
            }
        }
    }

    /// One reply to the transfer and one to ABOR are to come (RFC 959 section 4.1.3), but not every server gives both: NOOP has
    /// a reply that is neither, so behind it all is in order again. Each error makes the connection unusable.
    fn catch_up(&mut self) {
        if let Err(error) = self.control.write_line("NOOP") {
            self.unusable = Some(error.to_string());
        }
        for _ in 0..3 {
            match self.reply() {
                Ok(reply) if reply.code == 200 => return,
                Ok(_) => {}
                Err(_) => return,
            }
        }
        self.unusable = Some("after a transfer that was given up NOOP had no reply".into());
    }
}

impl Drop for Transfer<'_> {
    fn drop(&mut self) {
        self.give_up();
    }
}

/// A data connection ended without the mark that TLS has for the end.
pub(super) fn cut_or(phase: &'static str) -> impl FnOnce(io::Error) -> Error {
    move |error| if Cut::is(&error) { Error::Closed(phase.into()) } else { Error::io(phase)(error) }
}

/// The server wants each data connection to resume the TLS session of the control connection, and no session can be resumed with
/// native-tls: found as the source of [`Error::Other`], with the server's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionReuse(pub Reply);

impl fmt::Display for SessionReuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the server wants TLS sessions to be resumed, which this library cannot do: let it be set otherwise \
             (vsftpd: require_ssl_reuse=NO), or use a program that can, such as curl. It said: {}",
            self.0
        )
    }
}

impl error::Error for SessionReuse {}
