//! The laboratory's certificates, good and bad, and the server's side of TLS.
//!
//! What travels is TLS 1.2 or 1.3 (RFC 5246, RFC 8446) with certificates by RFC 5280. They are made when they are first
//! needed, by an authority that lives as long as this process: nothing is stored that could be stolen or run out. One RSA
//! key serves for all of them, because finding a key takes longer than everything else, and because the TLS of macOS and
//! of Windows takes no other kind from us.
//!
//! May use: error, deadline, stream.

use crate::error::{Error, Result};
use crate::stream::{Below, BoxStream, Cause, Session, Stream, Tls, handshake};
use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{HandshakeError, ShutdownResult, SslAcceptor, SslMethod, SslOptions, SslStream, SslVersion};
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName, SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509Name};
use std::fmt;
use std::io;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

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

/// The authority, its key, and the clock at which they were made.
struct Authority {
    key: PKey<Private>,
    certificate: X509,
    now: i64,
}

static LAB: LazyLock<Result<Authority>> = LazyLock::new(|| Authority::new().map_err(wrong));
static TRUST: LazyLock<Result<Tls>> = LazyLock::new(|| Tls::trusting(&ca_pem()?));

const DAY: i64 = 24 * 60 * 60;

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
/// [`Error::Other`] when OpenSSL cannot make a key.
pub fn ca_pem() -> Result<String> {
    let lab = LAB.as_ref().map_err(again)?;
    String::from_utf8(lab.certificate.to_pem().map_err(wrong)?).map_err(wrong)
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
    inner: SslAcceptor,
    shows: Certificate,
}

impl Acceptor {
    /// Shows this certificate and speaks TLS 1.2 and 1.3.
    ///
    /// # Errors
    /// [`Error::Other`] when OpenSSL cannot make it.
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
        Acceptor::with(certificate, None)
    }

    /// Shows this certificate and speaks this version only.
    ///
    /// # Errors
    /// Those of [`Acceptor::new`].
    pub fn only(certificate: Certificate, version: Version) -> Result<Acceptor> {
        Acceptor::with(certificate, Some(version))
    }

    fn with(certificate: Certificate, only: Option<Version>) -> Result<Acceptor> {
        let lab = LAB.as_ref().map_err(again)?;
        let inner = lab.acceptor(certificate, only).map_err(wrong)?;
        Ok(Acceptor { inner, shows: certificate })
    }

    /// Shakes hands with a client on `stream`, within its deadline, and gives the stream on which plaintext is read and
    /// written. It behaves as the client's in [`stream::upgrade`](crate::stream::upgrade): the end must be marked on both
    /// sides, so a server that has said all calls `finish` or [`stream::close`](crate::stream::close).
    ///
    /// # Errors
    /// [`Error::Other`] when the client does not speak TLS or refuses the certificate; [`Error::Timeout`],
    /// [`Error::Closed`], [`Error::Io`].
    pub fn accept(&self, stream: impl Stream + 'static) -> Result<BoxStream> {
        handshake(Box::new(stream), "TLS handshake with the client", |below| {
            self.inner.accept(below).map_err(|failed| match failed {
                HandshakeError::SetupFailure(cause) => cause.into(),
                HandshakeError::Failure(at) | HandshakeError::WouldBlock(at) => at.into_error().into(),
            })
        })
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Acceptor({:?})", self.shows)
    }
}

impl Session for SslStream<Below> {
    fn below(&self) -> &Below {
        self.get_ref()
    }
    fn below_mut(&mut self) -> &mut Below {
        self.get_mut()
    }
    fn close_notify(&mut self) -> io::Result<()> {
        match self.shutdown() {
            Ok(ShutdownResult::Sent | ShutdownResult::Received) => Ok(()),
            Err(error) => Err(error.into_io_error().unwrap_or_else(io::Error::other)),
        }
    }
}

impl Authority {
    fn new() -> std::result::Result<Authority, Cause> {
        let key = PKey::from_rsa(Rsa::generate(2048)?)?;
        let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
        let name = name("netprimer lab authority")?;
        let mut ca = blank(&key, &name, &name, now - DAY, now + 365 * DAY)?;
        ca.append_extension(BasicConstraints::new().critical().ca().build()?)?;
        ca.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
        let id = SubjectKeyIdentifier::new().build(&ca.x509v3_context(None, None))?;
        ca.append_extension(id)?;
        ca.sign(&key, MessageDigest::sha256())?;
        Ok(Authority { key, certificate: ca.build(), now })
    }

    fn acceptor(
        &self,
        certificate: Certificate,
        only: Option<Version>,
    ) -> std::result::Result<SslAcceptor, ErrorStack> {
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
        acceptor.set_private_key(&self.key)?;
        let leaf = self.leaf(certificate)?;
        acceptor.set_certificate(&leaf)?;
        if let Some(version) = only {
            let version = match version {
                Version::V1_1 => SslVersion::TLS1_1,
                Version::V1_2 => SslVersion::TLS1_2,
                Version::V1_3 => SslVersion::TLS1_3,
            };
            if only == Some(Version::V1_1) {
                acceptor.clear_options(SslOptions::NO_TLSV1_1);
                // Its ciphers rest on SHA-1, which OpenSSL leaves out unless told so.
                acceptor.set_cipher_list("DEFAULT:@SECLEVEL=0")?;
            }
            acceptor.set_min_proto_version(Some(version))?;
            acceptor.set_max_proto_version(Some(version))?;
        }
        Ok(acceptor.build())
    }

    fn leaf(&self, certificate: Certificate) -> std::result::Result<X509, ErrorStack> {
        let (from, until) = match certificate {
            Certificate::Expired => (self.now - 30 * DAY, self.now - DAY),
            Certificate::NotYetValid => (self.now + DAY, self.now + 30 * DAY),
            _ => (self.now - DAY, self.now + 30 * DAY),
        };
        let owner = name(if certificate == Certificate::WrongHost { "other.example" } else { "localhost" })?;
        let stranger = name("an authority that nobody knows")?;
        let issuer = match certificate {
            Certificate::SelfSigned => &owner,
            Certificate::UnknownAuthority => &stranger,
            _ => self.certificate.subject_name(),
        };
        let mut leaf = blank(&self.key, &owner, issuer, from, until)?;
        leaf.append_extension(BasicConstraints::new().critical().build()?)?;
        leaf.append_extension(KeyUsage::new().critical().digital_signature().key_encipherment().build()?)?;
        leaf.append_extension(ExtendedKeyUsage::new().server_auth().build()?)?;
        // Python 3.13 wants both identifiers (RFC 5280 sections 4.2.1.1 and 4.2.1.2); the key is the same everywhere.
        let id = SubjectKeyIdentifier::new().build(&leaf.x509v3_context(None, None))?;
        leaf.append_extension(id)?;
        let id =
            AuthorityKeyIdentifier::new().keyid(true).build(&leaf.x509v3_context(Some(&self.certificate), None))?;
        leaf.append_extension(id)?;
        let mut names = SubjectAlternativeName::new();
        match certificate {
            Certificate::WrongHost => names.dns("other.example"),
            _ => names.dns("localhost").ip("127.0.0.1").ip("::1"),
        };
        if certificate != Certificate::CommonName {
            let names = names.build(&leaf.x509v3_context(None, None))?;
            leaf.append_extension(names)?;
        }
        leaf.sign(&self.key, MessageDigest::sha256())?;
        Ok(leaf.build())
    }
}

fn name(common: &str) -> std::result::Result<X509Name, ErrorStack> {
    let mut name = X509Name::builder()?;
    name.append_entry_by_text("CN", common)?;
    Ok(name.build())
}

/// A certificate without extensions, not signed yet.
fn blank(
    key: &PKey<Private>,
    owner: &X509Name,
    issuer: &openssl::x509::X509NameRef,
    from: i64,
    until: i64,
) -> std::result::Result<X509Builder, ErrorStack> {
    let mut blank = X509::builder()?;
    blank.set_version(2)?; // counted from 0: version 3
    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::ONE, false)?;
    let serial = serial.to_asn1_integer()?;
    blank.set_serial_number(&serial)?;
    blank.set_subject_name(owner)?;
    blank.set_issuer_name(issuer)?;
    blank.set_pubkey(key)?;
    let from = Asn1Time::from_unix(from)?;
    blank.set_not_before(&from)?;
    let until = Asn1Time::from_unix(until)?;
    blank.set_not_after(&until)?;
    Ok(blank)
}
