//! Certificates and the server's side of TLS from OpenSSL, on which native-tls stands here anyway: it accepts with TLS 1.3,
//! which native-tls does not.
//!
//! What travels, and what stands in each certificate, is said in `tls.rs` above this file.
//!
//! May use: stream.

use super::{DAY, LAB_NAME, Plan, STRANGER_NAME, Signer, Version};
use crate::stream::{Below, Cause, Session};
use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{HandshakeError, SslAcceptor, SslMethod, SslOptions, SslStream, SslVersion};
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName, SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509Name};
use std::io;
use std::net::IpAddr;
use std::result::Result;
use std::time::{SystemTime, UNIX_EPOCH};

/// The key of everybody and the certificate of the lab's authority.
pub(super) struct Maker {
    key: PKey<Private>,
    certificate: X509,
}

/// Accepts TLS with one certificate.
#[derive(Clone)]
pub(super) struct Accepts(SslAcceptor);

impl Accepts {
    pub(super) fn accept(&self, below: Below) -> Result<SslStream<Below>, Cause> {
        self.0.accept(below).map_err(|failed| match failed {
            HandshakeError::SetupFailure(cause) => cause.into(),
            HandshakeError::Failure(at) | HandshakeError::WouldBlock(at) => at.into_error().into(),
        })
    }
}

impl Session for SslStream<Below> {
    fn below(&self) -> &Below {
        self.get_ref()
    }
    fn below_mut(&mut self) -> &mut Below {
        self.get_mut()
    }
    fn has_unpacked(&self) -> bool {
        self.ssl().pending() > 0
    }
    fn close_notify(&mut self) -> io::Result<()> {
        let sent = self.shutdown().map(|_sent_or_both| ());
        sent.map_err(|error| error.into_io_error().unwrap_or_else(io::Error::other))
    }
}

impl Maker {
    pub(super) fn new() -> Result<Maker, Cause> {
        let key = PKey::from_rsa(Rsa::generate(2048)?)?;
        let (lab, now) = (name(LAB_NAME)?, SystemTime::now());
        let mut ca = blank(&key, &lab, &lab, now - DAY, now + DAY * 365)?;
        ca.append_extension(BasicConstraints::new().critical().ca().build()?)?;
        ca.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
        let id = SubjectKeyIdentifier::new().build(&ca.x509v3_context(None, None))?;
        ca.append_extension(id)?;
        ca.sign(&key, MessageDigest::sha256())?;
        Ok(Maker { key, certificate: ca.build() })
    }

    /// The authority's certificate as PEM.
    pub(super) fn authority(&self) -> Result<String, Cause> {
        Ok(String::from_utf8(self.certificate.to_pem()?)?)
    }

    pub(super) fn acceptor(&self, plan: &Plan, only: Option<Version>, tickets: bool) -> Result<Accepts, Cause> {
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
        acceptor.set_private_key(&self.key)?;
        let leaf = self.leaf(plan)?;
        acceptor.set_certificate(&leaf)?;
        if !tickets {
            acceptor.set_num_tickets(0)?;
        }
        if let Some(version) = only {
            if version == Version::V1_1 {
                acceptor.clear_options(SslOptions::NO_TLSV1_1);
                // Its ciphers rest on SHA-1, which OpenSSL leaves out unless told so.
                acceptor.set_cipher_list("DEFAULT:@SECLEVEL=0")?;
            }
            let version = match version {
                Version::V1_1 => SslVersion::TLS1_1,
                Version::V1_2 => SslVersion::TLS1_2,
                Version::V1_3 => SslVersion::TLS1_3,
            };
            acceptor.set_min_proto_version(Some(version))?;
            acceptor.set_max_proto_version(Some(version))?;
        }
        Ok(Accepts(acceptor.build()))
    }

    fn leaf(&self, plan: &Plan) -> Result<X509, Cause> {
        let owner = name(plan.owner)?;
        let issuer = match plan.signer {
            Signer::Lab => name(LAB_NAME)?,
            Signer::Stranger => name(STRANGER_NAME)?,
            Signer::Itself => name(plan.owner)?,
        };
        let mut leaf = blank(&self.key, &owner, &issuer, plan.from, plan.until)?;
        leaf.append_extension(BasicConstraints::new().critical().build()?)?;
        leaf.append_extension(KeyUsage::new().critical().digital_signature().key_encipherment().build()?)?;
        leaf.append_extension(ExtendedKeyUsage::new().server_auth().build()?)?;
        // Python 3.13 wants both identifiers (RFC 5280 sections 4.2.1.1 and 4.2.1.2); the key is the same everywhere.
        let id = SubjectKeyIdentifier::new().build(&leaf.x509v3_context(None, None))?;
        leaf.append_extension(id)?;
        let id =
            AuthorityKeyIdentifier::new().keyid(true).build(&leaf.x509v3_context(Some(&self.certificate), None))?;
        leaf.append_extension(id)?;
        if !plan.names.is_empty() {
            let mut names = SubjectAlternativeName::new();
            for name in plan.names {
                match name.parse::<IpAddr>() {
                    Ok(_) => names.ip(name),
                    Err(_) => names.dns(name),
                };
            }
            let names = names.build(&leaf.x509v3_context(None, None))?;
            leaf.append_extension(names)?;
        }
        leaf.sign(&self.key, MessageDigest::sha256())?;
        Ok(leaf.build())
    }
}

fn name(common: &str) -> Result<X509Name, Cause> {
    let mut name = X509Name::builder()?;
    name.append_entry_by_text("CN", common)?;
    Ok(name.build())
}

/// A certificate without extensions, not signed yet.
fn blank(
    key: &PKey<Private>,
    owner: &X509Name,
    issuer: &X509Name,
    from: SystemTime,
    until: SystemTime,
) -> Result<X509Builder, Cause> {
    let time = |at: SystemTime| -> Result<Asn1Time, Cause> {
        Ok(Asn1Time::from_unix(at.duration_since(UNIX_EPOCH)?.as_secs().try_into()?)?)
    };
    let mut blank = X509::builder()?;
    blank.set_version(2)?; // counted from 0: version 3
    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::ONE, false)?;
    let serial = serial.to_asn1_integer()?;
    blank.set_serial_number(&serial)?;
    blank.set_subject_name(owner)?;
    blank.set_issuer_name(issuer)?;
    blank.set_pubkey(key)?;
    let (from, until) = (time(from)?, time(until)?);
    blank.set_not_before(&from)?;
    blank.set_not_after(&until)?;
    Ok(blank)
}
