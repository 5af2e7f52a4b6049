//! One end of a TLS session as a [`Stream`], whichever package made it and whichever side it is: how it begins, how it
//! ends, and what its errors mean.
//!
//! What travels is described in `tls.rs` beside this file. Here it matters that a FIN alone proves nothing: anybody on the
//! way can send one and so cut off what he does not like (a truncation attack). Most TLS packages report it like a clean
//! end; here it is an error ([`Cut`]).
//!
//! May use: error, deadline.

use super::{BoxStream, Stream};
use crate::deadline::Deadline;
use crate::error::{Cut, Error, Result};
use native_tls::TlsStream;
use std::borrow::Cow;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{error, fmt, result, thread};

/// The longest that dropping a stream takes, and only where the peer has stopped reading.
const GOODBYE: Duration = Duration::from_millis(10);

/// What [`finish`](Stream::finish) leaves to be read at most in [`close`]: session tickets and late words, no download.
const LATE_WORDS: u64 = 1 << 20;

/// Ends what we send and waits until the peer has ended too, dropping what he still says (1 MiB at most, within the
/// deadline). After an upload this is the way to close, over TCP and TLS: a socket closed with unread bytes (TLS 1.3
/// session tickets, RFC 8446 section 4.6.1) is reset, and a reset can destroy what is still on its way to him.
///
/// Whether the peer's own end is marked does not matter here: what counts went the other way.
///
/// # Errors
/// [`Error::Io`] for a reset: what was sent last may be lost; [`Error::Timeout`] when he does not end in time;
/// [`Error::TooLong`] when he does not stop talking.
pub fn close(mut stream: impl Stream) -> Result<()> {
    let phase = "close the connection";
    stream.finish().map_err(Error::io(phase))?;
    match io::copy(&mut (&mut stream).take(LATE_WORDS + 1), &mut io::sink()) {
        Ok(n) if n > LATE_WORDS => Err(Error::TooLong("read what came after our end".into(), LATE_WORDS as usize)),
        Ok(_) => Ok(()),
        Err(error) if Cut::is(&error) => Ok(()),
        Err(error) => Err(Error::io(phase)(error)),
    }
}

/// What [`upgrade`](super::upgrade) says of a certificate without a list of names.
pub(super) const NO_NAMES: &str = "no subjectAltName";

/// A failure of TLS itself: a sentence for people, and what the TLS package said.
#[derive(Debug)]
struct Fault(Cow<'static, str>, Cause);

pub(crate) type Cause = Box<dyn error::Error + Send + Sync>;

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl error::Error for Fault {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(self.1.as_ref())
    }
}

/// The words of OpenSSL and what they mean; what fits none, and what other systems say, is shown as it is. The first that
/// fits counts: some contain others.
const MEANINGS: [(&str, &str); 23] = [
    ("certificate has expired", "its certificate has expired"),
    ("certificate is not yet valid", "its certificate is not valid yet: is the clock of this machine right?"),
    ("hostname mismatch", "its certificate was made for another name: is this the right host?"),
    ("IP address mismatch", "its certificate was made for another address or for a name only: ask for it by its name"),
    (NO_NAMES, "its certificate names no host (only its owner, in the common name)"),
    ("in certificate chain", "its certificate comes from an authority that is not trusted here"),
    ("self-signed certificate", "its certificate is self-signed: nobody vouches for it"),
    ("self signed certificate", "its certificate is self-signed: nobody vouches for it"),
    ("issuer certificate", "its certificate comes from an authority that is not trusted here"),
    ("unable to verify the first", "its certificate comes from an authority that is not trusted here"),
    ("certificate verify failed", "its certificate is not trusted here"),
    ("wrong version number", "what came is not TLS: does this port speak TLS?"),
    ("http request", "what came is plain HTTP, not TLS"),
    ("packet length too long", "what came is not TLS: does this port speak TLS?"),
    ("alert protocol version", "no version of TLS that both sides speak: we take 1.2 and 1.3"),
    ("unsupported protocol", "no version of TLS that both sides speak: we take 1.2 and 1.3"),
    ("handshake failure", "no cipher that both sides speak"),
    ("no shared cipher", "no cipher that both sides speak"),
    ("alert unknown ca", "the other side does not trust our certificate: it does not know its authority"),
    ("alert certificate required", "the other side wants a certificate of ours"),
    ("alert bad certificate", "the other side does not take our certificate"),
    ("alert certificate", "the other side does not take our certificate"),
    ("bad record mac", "a record was changed on its way"),
];

fn fault(cause: Cause) -> (bool, Fault) {
    let text = cause.to_string();
    match MEANINGS.iter().find(|(word, _)| text.contains(word)) {
        Some((_, meaning)) => (true, Fault((*meaning).into(), cause)),
        None => (false, Fault(text.into(), cause)),
    }
}

/// What TLS reads from and writes to: the stream below, with every end an error, because the end of TLS comes from within
/// (a TLS package reads its close_notify and asks no further).
pub(crate) struct Below {
    stream: BoxStream,
    // In the handshake the package keeps the stream when it fails, so what happened is put down here too.
    failed: Option<Arc<Mutex<Option<io::Error>>>>,
}

impl Below {
    fn seen<T>(&self, error: io::Error) -> io::Result<T> {
        // This name of a timeout says "ask again"; after any other error no TLS package lets us go on (SSL_get_error(3)).
        let kind = if error.kind() == ErrorKind::TimedOut { ErrorKind::WouldBlock } else { error.kind() };
        if let Some(failed) = &self.failed {
            *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            return Err(kind.into());
        }
        Err(if kind == ErrorKind::WouldBlock { kind.into() } else { error })
    }
}

impl Read for Below {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.stream.read(buffer) {
            Ok(0) if !buffer.is_empty() => self.seen(io::Error::new(ErrorKind::InvalidData, Cut)),
            Ok(n) => Ok(n),
            Err(error) => self.seen(error),
        }
    }
}

impl Write for Below {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes).or_else(|error| self.seen(error))
    }
    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// One end of a TLS session, whichever package made it.
pub(crate) trait Session: Read + Write + Send {
    fn below(&self) -> &Below;
    fn below_mut(&mut self) -> &mut Below;
    /// Whether bytes of a record were read from below and wait here, unpacked.
    fn has_unpacked(&self) -> bool;
    /// Sends `close_notify`, and does not wait for the peer's.
    fn close_notify(&mut self) -> io::Result<()>;
}

impl Session for TlsStream<Below> {
    fn below(&self) -> &Below {
        self.get_ref()
    }
    fn below_mut(&mut self) -> &mut Below {
        self.get_mut()
    }
    fn has_unpacked(&self) -> bool {
        self.buffered_read_size().is_ok_and(|size| size > 0)
    }
    fn close_notify(&mut self) -> io::Result<()> {
        self.shutdown()
    }
}

/// Shakes hands as `start` does it, for either side, and says in our words why not.
pub(crate) fn handshake<S: Session + 'static>(
    stream: BoxStream,
    phase: &str,
    start: impl FnOnce(Below) -> result::Result<S, Cause>,
) -> Result<BoxStream> {
    let failed = Arc::new(Mutex::new(None));
    match start(Below { stream, failed: Some(Arc::clone(&failed)) }) {
        Ok(mut session) => {
            session.below_mut().failed = None;
            Ok(Box::new(Sealed { session, finished: false, speaking: false, broken: false }))
        }
        Err(cause) => {
            let phase = phase.to_owned();
            let below = failed.lock().unwrap_or_else(PoisonError::into_inner).take();
            // A failure with a meaning comes first: after it, sending the alert may have failed too.
            Err(match (fault(cause), below) {
                ((false, _), Some(error)) if Cut::is(&error) => Error::Closed(phase.into()),
                ((false, _), Some(error)) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => Error::Timeout(phase.into()),
                    _ => Error::io(phase)(error),
                },
                ((_, fault), _) => Error::Other(phase.into(), Box::new(fault)),
            })
        }
    }
}

/// A TLS session as a [`Stream`].
struct Sealed<S: Session> {
    session: S,
    finished: bool,
    // We wrote last: what we had to say may not be complete.
    speaking: bool,
    broken: bool,
}

impl<S: Session> Sealed<S> {
    fn failed(&mut self, error: io::Error) -> io::Error {
        match error.kind() {
            ErrorKind::WouldBlock => error,
            ErrorKind::Other => {
                self.broken = true;
                match error.into_inner() {
                    Some(cause) => io::Error::new(ErrorKind::InvalidData, fault(cause).1),
                    None => ErrorKind::InvalidData.into(),
                }
            }
            _ => {
                self.broken = true;
                error
            }
        }
    }
}

impl<S: Session> Read for Sealed<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        match self.session.read(buffer) {
            Ok(n) => {
                self.speaking = false;
                Ok(n)
            }
            Err(error) => Err(self.failed(error)),
        }
    }
}

impl<S: Session> Write for Sealed<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.finished {
            return Err(ErrorKind::BrokenPipe.into()); // as TCP answers after its FIN
        }
        self.speaking = true;
        self.session.write(bytes).map_err(|error| self.failed(error))
    }
    fn flush(&mut self) -> io::Result<()> {
        self.session.flush()
    }
}

impl<S: Session> Stream for Sealed<S> {
    fn set_deadline(&mut self, deadline: Deadline) {
        self.session.below_mut().stream.set_deadline(deadline);
    }
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.session.below().stream.peer_addr()
    }
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.session.below().stream.local_addr()
    }
    fn finish(&mut self) -> io::Result<()> {
        if self.finished {
            return Ok(());
        }
        self.session.close_notify().map_err(|error| self.failed(error))?;
        self.finished = true;
        self.session.below_mut().stream.finish()
    }
    fn is_quiet(&mut self) -> bool {
        // Below may be a record that waits to be read, or the end.
        !self.session.has_unpacked() && self.session.below_mut().stream.is_quiet()
    }
    fn secret(&mut self, on: bool) {
        self.session.below_mut().stream.secret(on);
    }
    fn unwatch(&mut self) {
        self.session.below_mut().stream.unwatch();
    }
}

impl<S: Session> Drop for Sealed<S> {
    fn drop(&mut self) {
        if !(self.finished || self.speaking || self.broken || thread::panicking()) {
            self.set_deadline(Deadline::after(GOODBYE));
            let _ = self.session.close_notify(); // he may be gone already
        }
    }
}

impl<S: Session> fmt::Debug for Sealed<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tls({:?})", self.session.below().stream)
    }
}
