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
//! May use: error, encode, deadline.

use super::BoxStream;
use super::sealed::{Cause, NO_NAMES, handshake};
use crate::error::{Error, Result};
use native_tls::{Certificate, HandshakeError, Protocol, TlsConnector};
use std::fmt;
use std::net::IpAddr;
use std::sync::LazyLock;

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
/// be sure that he got the last bytes, use [`close`](super::close).
///
/// # Errors
/// [`Error::Other`] with a sentence on what is wrong with the certificate or the peer, and the cause as its source;
/// [`Error::Timeout`], [`Error::Closed`] and [`Error::Io`] when the connection fails in the handshake; [`Error::Invalid`] for
/// a host that cannot be one.
///
/// ```
/// use netprimer::dial::Dial;
/// use netprimer::lab::script::{self, Step};
/// use netprimer::{lab::tls, stream};
/// use std::io::{Read, Write};
///
/// // A mail server that begins TLS when it is asked to (RFC 3207).
/// let certificate = tls::Certificate::Good;
/// let steps = [Step::hear("STARTTLS\r\n"), Step::say("220 go\r\n"), Step::StartTls(certificate), Step::say("250 safe\r\n")];
/// let peer = script::play(steps)?;
///
/// let mut stream = Dial::default().open(&peer.addr().into())?;
/// stream.write_all(b"STARTTLS\r\n")?;
/// stream.read_exact(&mut [0; 8])?;
/// let mut stream = stream::upgrade(stream, "localhost", &tls::trust()?)?;
/// let mut text = String::new();
/// stream.read_to_string(&mut text)?;
/// assert_eq!(text, "250 safe\r\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
/// into the owner's common name, which is no host name and must not be taken for one (RFC 9525 section 2). This does not see
/// a list that has names of other kinds only.
fn names_hosts(der: &[u8]) -> bool {
    der.windows(5).any(|part| part == [0x06, 0x03, 0x55, 0x1d, 0x11])
}
