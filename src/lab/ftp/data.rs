//! The data connection of the server: who may have it, and what moves on it.
//!
//! ```text
//! PASV, EPSV     we listen on one port for one caller, who must come from the client's address
//! PORT, EPRT     we connect, to the client's own address only and to no reserved port (RFC 2577 section 3)
//! ```
//!
//! While bytes move, the control connection is looked at: ABOR may come.
//!
//! May use: everything but `check`.

use super::session::Session;
use super::{Shared, Wrong};
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::stream::{self, BoxStream, Invitation, Revoke, Stream, Tcp};
use crate::trace::{Side, Traced};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

const PIECE: usize = 64 << 10;
/// Between two looks at the control connection.
const LOOK: Duration = Duration::from_millis(200);

/// How the next data connection comes about.
pub(super) enum Way {
    Passive(Invitation),
    Active(SocketAddr),
}

/// Why a transfer ended before its end: the reply to give.
pub(super) enum Stop {
    Say(u16, &'static str),
    /// ABOR came: 426 for the transfer, 226 for the command.
    Aborted,
}

/// What stop is to end, set anew for each data connection.
#[derive(Clone, Default)]
pub(super) struct Ender(Arc<Mutex<(Option<Revoke>, Weak<TcpStream>)>>);

impl Ender {
    pub(super) fn end(&self) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(revoke) = open.0.take() {
            revoke.revoke();
        }
        let _ = open.1.upgrade().map(|socket| socket.shutdown(Shutdown::Both));
    }

    pub(super) fn invited(&self, invitation: &Invitation) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0 = Some(invitation.revoker());
    }

    fn opened(&self, tcp: &Tcp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1 = tcp.closer();
    }
}

/// A data connection that is open.
pub(super) struct Data {
    stream: BoxStream,
    closer: Weak<TcpStream>,
    moved: u64,
}

impl Way {
    /// # Errors
    /// When nobody comes, or nobody is there.
    pub(super) fn open(self, lab: &Shared, protect: bool, ender: &Ender) -> Result<Data> {
        let deadline = Deadline::after(lab.options.limits.accept);
        let mut tcp = match self {
            Way::Passive(invitation) => invitation.accept(deadline)?,
            Way::Active(addr) => stream::connect_any(&[addr], deadline)?,
        };
        ender.opened(&tcp);
        let closer = tcp.closer();
        tcp.set_deadline(deadline);
        if lab.wrong(|wrong| matches!(wrong, Wrong::DemandReuse)) && protect {
            // As vsftpd: it shakes hands, then sees that no session was resumed.
            let acceptor = lab.options.tls.as_ref().ok_or(Error::Closed("no TLS".into()))?;
            drop(acceptor.accept(tcp));
            return Err(Error::Closed("session reuse required".into()));
        }
        let mut stream: BoxStream = match &lab.options.tls {
            Some(acceptor) if protect => acceptor.accept(tcp)?,
            _ => Box::new(tcp),
        };
        if let Some(sink) = &lab.options.data_trace {
            stream = Box::new(Traced::new(stream, Side::Server, Arc::clone(sink)));
        }
        Ok(Data { stream, closer, moved: 0 })
    }
}

/// A wait was over, and nothing had come.
fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

impl Data {
    /// Sends all that `from` has, then the end.
    pub(super) fn send(mut self, from: &mut dyn Read, session: &mut Session<'_>) -> std::result::Result<(), Stop> {
        let mut piece = vec![0; PIECE];
        loop {
            let n = from.read(&mut piece).map_err(|_| Stop::Say(451, "the file cannot be read"))?;
            if n == 0 {
                self.stream.set_deadline(Deadline::after(session.lab.options.limits.stall));
                return self.stream.finish().map_err(|_| Stop::Say(426, "the data connection broke"));
            }
            self.send_piece(&piece[..n], session)?;
        }
    }

    fn send_piece(&mut self, bytes: &[u8], session: &mut Session<'_>) -> std::result::Result<(), Stop> {
        let lab = session.lab;
        for wrong in &lab.options.wrong {
            let (Wrong::CutAfter(most) | Wrong::StallAfter(most)) = *wrong else { continue };
            let room = usize::try_from(most - self.moved.min(most)).unwrap_or(usize::MAX);
            if room < bytes.len() {
                self.write(&bytes[..room], session)?;
                if matches!(wrong, Wrong::StallAfter(_)) {
                    while !session.aborted() {
                        if !lab.curtain.pause(LOOK) {
                            return Err(Stop::Say(421, "going away"));
                        }
                    }
                    return Err(Stop::Aborted);
                }
                if let Some(socket) = self.closer.upgrade() {
                    let _ = socket.shutdown(Shutdown::Both); // below TLS, which cannot say goodbye any more
                }
                return Err(Stop::Say(226, "transfer complete"));
            }
        }
        self.write(bytes, session)
    }

    fn write(&mut self, mut bytes: &[u8], session: &mut Session<'_>) -> std::result::Result<(), Stop> {
        let mut since = Instant::now();
        while !bytes.is_empty() {
            self.stream.set_deadline(Deadline::after(LOOK));
            match self.stream.write(bytes) {
                Ok(n) => {
                    bytes = &bytes[n..];
                    self.moved += n as u64;
                    since = Instant::now();
                }
                Err(error) if is_late(&error) && since.elapsed() < session.lab.options.limits.stall => {}
                Err(error) if is_late(&error) => return Err(Stop::Say(426, "the data connection stood still")),
                Err(_) if session.aborted() => return Err(Stop::Aborted),
                Err(_) => return Err(Stop::Say(426, "the data connection broke")),
            }
            if session.aborted() {
                return Err(Stop::Aborted);
            }
        }
        Ok(())
    }

    /// Reads all that comes until the end into `into`, which is told the end as nothing.
    pub(super) fn receive(
        mut self,
        into: &mut dyn FnMut(&[u8]) -> io::Result<()>,
        session: &mut Session<'_>,
    ) -> std::result::Result<(), Stop> {
        let mut piece = vec![0; PIECE];
        let mut since = Instant::now();
        loop {
            self.stream.set_deadline(Deadline::after(LOOK));
            match self.stream.read(&mut piece) {
                // The end of the connection could be that of the file, or that of patience: ABOR comes before the latter.
                Ok(0) if session.aborted() => return Err(Stop::Aborted),
                Ok(0) => return into(&[]).map_err(|_| Stop::Say(452, "there is no room for it")),
                Ok(n) => {
                    into(&piece[..n]).map_err(|_| Stop::Say(452, "there is no room for it"))?;
                    since = Instant::now();
                }
                Err(error) if is_late(&error) && since.elapsed() < session.lab.options.limits.stall => {
                    if session.aborted() {
                        return Err(Stop::Aborted);
                    }
                }
                Err(error) if is_late(&error) => return Err(Stop::Say(426, "the data connection stood still")),
                Err(_) if session.aborted() => return Err(Stop::Aborted),
                Err(_) => return Err(Stop::Say(426, "the data connection was cut")),
            }
        }
    }
}
