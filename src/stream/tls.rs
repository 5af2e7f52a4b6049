//! TLS over any stream: what passes can be read by the two ends only, the server has proved its name, and the end is marked.
//!
//! ```text
//! C -> S  ClientHello: versions, ciphers, the host's name (SNI, RFC 6066 section 3)
//! S -> C  ServerHello, the certificate, the proof that its key is his, Finished      (RFC 8446 section 2; 1.2: RFC 5246 section 7.3)
//! C -> S  Finished
//!  both   records: type 17, version 03 03, length (2 bytes, at most 16 KiB of text), ciphertext
//!  both   close_notify ("that was all", RFC 8446 section 6.1), then FIN
//! ```
//!
//! A FIN alone proves nothing: anybody on the way can send one and so cut off what he does not like (a truncation attack).
//! Most TLS packages report it like a clean end; here it is an error ([`Cut`]).
//!
//! May use: error, encode, deadline.

use super::{BoxStream, Stream};
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use native_tls::{Certificate, HandshakeError, Protocol, TlsConnector, TlsStream};
use std::borrow::Cow;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;
use std::{error, fmt, result, thread};

/// The longest that dropping a stream takes, and only where the peer has stopped reading.
const GOODBYE: Duration = Duration::from_millis(10);

/// What [`finish`](Stream::finish) leaves to be read at most in [`close`]: session tickets and late words, no download.
const LATE_WORDS: u64 = 1 << 20;

/// Who is trusted to vouch for a server. TLS 1.2 at least (RFC 8996), always with the host's name checked; there is no way
/// to turn that off. Cheap to clone.
#[derive(Clone, Default)]
pub struct Tls {
    // None: the connector for the system's authorities, made when it is first needed.
    own: Option<TlsConnector>,
}

/// Reading the system's list of authorities takes some 50 ms, so a process does it once.
static SYSTEM: LazyLock<native_tls::Result<TlsConnector>> = LazyLock::new(|| connector(&[]));

fn connector(only: &[Certificate]) -> native_tls::Result<TlsConnector> {
    let mut builder = TlsConnector::builder();
    builder.min_protocol_version(Some(Protocol::Tlsv12)).disable_built_in_roots(!only.is_empty());
    for authority in only {
        builder.add_root_certificate(authority.clone());
    }
    builder.build()
}

impl Tls {
    /// Trusts the authorities that this system trusts.
    pub fn system() -> Tls {
        Tls::default()
    }

    /// Trusts only these authorities (one or more certificates as PEM): those of a laboratory or of a company. It costs as
    /// much as reading the system's list, so keep it and clone it.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a text without a certificate; [`Error::Other`] for one that cannot be read.
    pub fn trusting(pem: &str) -> Result<Tls> {
        let other = |e: native_tls::Error| Error::Other("read the authorities to trust".into(), Box::new(e));
        let authorities = Certificate::stack_from_pem(pem.as_bytes()).map_err(other)?;
        if authorities.is_empty() {
            return Err(Error::Invalid("read the authorities to trust: there is no certificate in this text".into()));
        }
        Ok(Tls { own: Some(connector(&authorities).map_err(other)?) })
    }

    fn connector(&self) -> Result<&TlsConnector> {
        let Some(own) = &self.own else {
            return SYSTEM
                .as_ref()
                .map_err(|e| Error::Other("read the system's authorities".into(), e.to_string().into()));
        };
        Ok(own)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.own.is_some() { "Tls(trusts its own list)" } else { "Tls(trusts what the system trusts)" })
    }
}

/// The client's side of TLS: shakes hands over `stream` and gives the stream on which plaintext is written and read.
///
/// `host` is what the user asked for, a name or an address: it is sent (names only) and must stand in the certificate,
/// whatever address it was looked up to. The deadline of `stream` holds for the whole handshake and afterwards.
///
/// Dropping the result while we were the last to write sends nothing, so that the peer cannot take a half for the whole;
/// after a read it says goodbye with a `close_notify`, if the system takes it within 10 ms. Neither waits for the peer: to
/// be sure that he got the last bytes, use [`close`].
///
/// # Errors
/// [`Error::Other`] with a sentence on what is wrong with the certificate or the peer, and the cause as its source;
/// [`Error::Timeout`], [`Error::Closed`] and [`Error::Io`] when the connection fails in the handshake; [`Error::Invalid`] for
/// a host that cannot be one.
pub fn upgrade(stream: BoxStream, host: &str, tls: &Tls) -> Result<BoxStream> {
    let phase = format!("TLS handshake with {}", crate::encode::visible(host.as_bytes()));
    // SNI has neither the dot that ends a full name (RFC 6066 section 3) nor brackets; certificates have not either.
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let name = name.strip_suffix('.').unwrap_or(name);
    // An empty name would not be checked at all.
    if name.is_empty() || name.len() > 253 || name.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Err(Error::Invalid(format!("{phase}: this cannot be the name of a host").into()));
    }
    let connector = tls.connector()?;
    handshake(stream, &phase, |below| {
        let session = connector.connect(name, below).map_err(|failed| match failed {
            HandshakeError::Failure(cause) => cause.into(),
            HandshakeError::WouldBlock(_) => Cause::from("interrupted"),
        })?;
        match session.peer_certificate()?.map(|certificate| certificate.to_der()).transpose()? {
            Some(der) if name.parse::<IpAddr>().is_err() && !names_hosts(&der) => Err(NO_NAMES.into()),
            _ => Ok(session),
        }
    })
}

/// Whether a certificate has the list of names (subjectAltName, object identifier 2.5.29.17). Without one some systems look
/// into the owner's common name, which is no host name and must not be taken for one (RFC 9525 section 2).
fn names_hosts(der: &[u8]) -> bool {
    der.windows(5).any(|part| part == [0x06, 0x03, 0x55, 0x1d, 0x11])
}

const NO_NAMES: &str = "no subjectAltName";

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
    match io::copy(&mut (&mut stream).take(LATE_WORDS), &mut io::sink()) {
        Ok(LATE_WORDS) => Err(Error::TooLong("read what came after our end".into(), LATE_WORDS as usize)),
        Ok(_) => Ok(()),
        Err(error) if Cut::is(&error) => Ok(()),
        Err(error) => Err(Error::io(phase)(error)),
    }
}

/// What a read gives as the [`io::Error`] of kind `InvalidData` when the connection ended and the peer's `close_notify` had
/// not come: somebody, the peer or anybody else, cut it off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut;

impl Cut {
    /// Whether this error says so.
    pub fn is(error: &io::Error) -> bool {
        error.get_ref().is_some_and(|inner| inner.is::<Cut>())
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cut off: TLS marks its end (close_notify) and this had none, so something may be missing")
    }
}

impl error::Error for Cut {}

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

/// The words of OpenSSL and what they mean. The first that fits counts: some contain others.
const MEANINGS: [(&str, &str); 22] = [
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
    ("certificate", "the other side does not take our certificate"),
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
        // A timeout under this name can be followed by another try; under the other the package would give up for good.
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
        loop {
            match self.stream.read(buffer) {
                Ok(0) if !buffer.is_empty() => return self.seen(io::Error::new(ErrorKind::InvalidData, Cut)),
                Ok(n) => return Ok(n),
                Err(error) if error.kind() == ErrorKind::Interrupted => {} // a signal must not end the session
                Err(error) => return self.seen(error),
            }
        }
    }
}

impl Write for Below {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.stream.write(bytes) {
                Ok(n) => return Ok(n),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return self.seen(error),
            }
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// One end of a TLS session, whichever package made it.
pub(crate) trait Session: Read + Write + Send {
    fn below(&self) -> &Below;
    fn below_mut(&mut self) -> &mut Below;
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
            ErrorKind::WouldBlock => return error,
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
    fn finish(&mut self) -> io::Result<()> {
        if !self.finished {
            self.session.close_notify().map_err(|error| self.failed(error))?;
            self.finished = true;
        }
        self.session.below_mut().stream.finish()
    }
    fn secret(&mut self, on: bool) {
        self.session.below_mut().stream.secret(on);
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
