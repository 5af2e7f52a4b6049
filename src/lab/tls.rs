//! The laboratory's certificates, good and bad, and the server's side of TLS.
//!
//! What travels is TLS 1.2 or 1.3 (RFC 5246, RFC 8446) with certificates by RFC 5280. They are made when they are first
//! needed, by an authority that lives as long as this process: nothing is stored that could be stolen or run out. One RSA
//! key serves for all of them, because finding a key takes longer than everything else, and because the TLS of macOS and
//! of Windows takes no other kind from us.
//!
//! May use: error, deadline, stream.

use crate::error::{Error, Result};
use crate::stream::{BoxStream, Cause, Stream, Tls, handshake};
use std::fmt;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

// One function and one type of two makers: what they make is decided here, how is their business.
#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod linux;

#[cfg(not(target_os = "linux"))]
use elsewhere::{Accepts, Maker};
#[cfg(target_os = "linux")]
use linux::{Accepts, Maker};

/// Which certificate a lab server shows. All but the first must be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    /// For localhost, 127.0.0.1 and ::1, from the lab's authority.
    Good,
    /// It was good until yesterday.
    Expired,
    /// It will be good from tomorrow on.
    NotYetValid,
    /// For another host, `other.example`.
    WrongHost,
    /// Signed by nobody but itself.
    SelfSigned,
    /// From an authority that nobody knows.
    UnknownAuthority,
    /// With the host in the common name of its owner only, as was usual before RFC 2818.
    CommonName,
}

impl Certificate {
    /// All of them, the good one first.
    pub const ALL: [Certificate; 7] = [
        Certificate::Good,
        Certificate::Expired,
        Certificate::NotYetValid,
        Certificate::WrongHost,
        Certificate::SelfSigned,
        Certificate::UnknownAuthority,
        Certificate::CommonName,
    ];
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// TLS 1.1, which no client takes any more (RFC 8996).
    V1_1,
    /// TLS 1.2 (RFC 5246).
    V1_2,
    /// TLS 1.3 (RFC 8446).
    V1_3,
}

/// Who signs a certificate. The key is the same for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signer {
    Lab,
    Stranger,
    Itself,
}

/// What stands in a certificate.
struct Plan {
    owner: &'static str,
    names: &'static [&'static str],
    signer: Signer,
    from: SystemTime,
    until: SystemTime,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const LAB_NAME: &str = "netprimer lab authority";
const STRANGER_NAME: &str = "an authority that nobody knows";

impl Certificate {
    fn plan(self) -> Plan {
        let now = SystemTime::now();
        // A day on either side, for clocks that differ.
        let (from, until) = match self {
            Certificate::Expired => (now - DAY * 30, now - DAY),
            Certificate::NotYetValid => (now + DAY, now + DAY * 30),
            _ => (now - DAY, now + DAY * 30),
        };
        let signer = match self {
            Certificate::SelfSigned => Signer::Itself,
            Certificate::UnknownAuthority => Signer::Stranger,
            _ => Signer::Lab,
        };
        let owner = if self == Certificate::WrongHost { "other.example" } else { "localhost" };
        let names: &[&str] = match self {
            Certificate::WrongHost => &["other.example"],
            Certificate::CommonName => &[],
            _ => &["localhost", "127.0.0.1", "::1"],
        };
        Plan { owner, names, signer, from, until }
    }
}

static LAB: LazyLock<Result<Maker>> = LazyLock::new(|| Maker::new().map_err(wrong));
static TRUST: LazyLock<Result<Tls>> = LazyLock::new(|| Tls::trusting(&ca_pem()?));

fn wrong(cause: impl Into<Cause>) -> Error {
    Error::Other("make the lab's certificates".into(), cause.into())
}

/// An error that was kept, given out again.
fn again(error: &Error) -> Error {
    wrong(error.to_string())
}

/// The certificate of the lab's authority as PEM, for who is to trust the lab: a file for `curl --cacert`, Python's
/// `ssl.create_default_context(cadata=..)`, [`Tls::trusting`]. Another process has another one.
///
/// # Errors
/// [`Error::Other`] when no key can be made.
pub fn ca_pem() -> Result<String> {
    LAB.as_ref().map_err(again)?.authority().map_err(wrong)
}

/// For clients: trusts the lab's authority and nobody else. Made once, then cheap.
///
/// # Errors
/// Those of [`ca_pem`].
pub fn trust() -> Result<Tls> {
    TRUST.as_ref().map(Tls::clone).map_err(again)
}

/// The server's side of TLS. Cheap to clone.
#[derive(Clone)]
pub struct Acceptor {
    inner: Accepts,
    shows: Certificate,
}

impl Acceptor {
    /// Shows this certificate and speaks TLS 1.2, and on Linux 1.3 too.
    ///
    /// # Errors
    /// [`Error::Other`] when it cannot be made.
    ///
    /// ```
    /// use netprimer::dial::{Dial, Target};
    /// use netprimer::lab::tls::{self, Acceptor, Certificate};
    /// use netprimer::{Error, server::Server, stream};
    /// use std::io::{Read, Write};
    ///
    /// let acceptor = Acceptor::new(Certificate::Good)?;
    /// let server = Server::bind("127.0.0.1:0")?.start(move |conn| {
    ///     let mut stream = acceptor.accept(conn.stream)?;
    ///     stream.write_all(b"Hello, TLS!").map_err(Error::io("greet"))?;
    ///     stream::close(stream)
    /// })?;
    ///
    /// let dial = Dial { tls: Some(tls::trust()?), ..Dial::default() };
    /// let mut stream = dial.open(&Target::parse("localhost", server.addr().port())?)?;
    /// let mut text = String::new();
    /// stream.read_to_string(&mut text)?;
    /// assert_eq!(text, "Hello, TLS!");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(certificate: Certificate) -> Result<Acceptor> {
        Acceptor::with(certificate, None, true)
    }

    /// Shows this certificate and speaks this version only.
    ///
    /// # Errors
    /// Those of [`Acceptor::new`], and where this system cannot accept with that version: 1.3 on other systems than Linux.
    pub fn only(certificate: Certificate, version: Version) -> Result<Acceptor> {
        Acceptor::with(certificate, Some(version), true)
    }

    /// As [`Acceptor::new`], but in TLS 1.3 it gives no tickets with which a session could be resumed (RFC 8446 section 4.6.1): for
    /// clients who close without having read them, and so reset what they sent last.
    ///
    /// # Errors
    /// Those of [`Acceptor::new`].
    pub fn without_tickets(certificate: Certificate) -> Result<Acceptor> {
        Acceptor::with(certificate, None, false)
    }

    fn with(certificate: Certificate, only: Option<Version>, tickets: bool) -> Result<Acceptor> {
        let lab = LAB.as_ref().map_err(again)?;
        let inner = lab.acceptor(&certificate.plan(), only, tickets).map_err(wrong)?;
        Ok(Acceptor { inner, shows: certificate })
    }

    /// Shakes hands with a client on `stream`, within its deadline, and gives the stream on which plaintext is read and
    /// written. It behaves as the client's in [`stream::upgrade`](crate::stream::upgrade): the end must be marked on both
    /// sides, so a server that has said all calls `finish` if it has read the client's end, and
    /// [`stream::close`](crate::stream::close) if not.
    ///
    /// # Errors
    /// [`Error::Other`] when the client does not speak TLS or refuses the certificate; [`Error::Timeout`],
    /// [`Error::Closed`], [`Error::Io`].
    pub fn accept(&self, stream: impl Stream + 'static) -> Result<BoxStream> {
        handshake(Box::new(stream), "TLS handshake with the client", |below| self.inner.accept(below))
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Acceptor({:?})", self.shows)
    }
}
