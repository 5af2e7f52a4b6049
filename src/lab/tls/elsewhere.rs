//! Certificates and the server's side of TLS where there is no OpenSSL: keys from `rsa`, certificates from `rcgen`, and
//! native-tls accepts, with TLS 1.2.
//!
//! What travels, and what stands in each certificate, is said in `tls.rs` above this file.
//!
//! May use: stream.

use super::{DAY, LAB_NAME, Plan, STRANGER_NAME, Signer, Version};
use crate::stream::{Below, Cause, Session};
use native_tls::{HandshakeError, Identity, Protocol, TlsAcceptor};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyUsagePurpose,
    PKCS_RSA_SHA256, PublicKeyData, SerialNumber, SignatureAlgorithm, SigningKey, date_time_ymd,
};
use rsa::pkcs1::EncodeRsaPublicKey;
use rsa::pkcs8::{EncodePrivateKey, LineEnding};
use rsa::rand_core::{OsRng, RngCore};
use rsa::sha2::{Digest, Sha256};
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use std::result::Result;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The key of everybody and the certificate of the lab's authority.
pub(super) struct Maker {
    key: Key,
    certificate: rcgen::Certificate,
}

/// An RSA key as `rcgen` wants it.
struct Key {
    private: RsaPrivateKey,
    public: Vec<u8>,
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }
    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

impl SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signed = self.private.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message));
        signed.map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

/// Accepts TLS with one certificate.
#[derive(Clone)]
pub(super) struct Accepts(TlsAcceptor);

impl Accepts {
    pub(super) fn accept(&self, below: Below) -> Result<impl Session + 'static, Cause> {
        self.0.accept(below).map_err(|failed| match failed {
            HandshakeError::Failure(cause) => cause.into(),
            HandshakeError::WouldBlock(_) => Cause::from("interrupted"),
        })
    }
}

impl Maker {
    pub(super) fn new() -> Result<Maker, Cause> {
        let private = RsaPrivateKey::new(&mut OsRng, 2048)?;
        let public = private.to_public_key().to_pkcs1_der()?.into_vec();
        let key = Key { private, public };
        let certificate = key.authority(LAB_NAME)?.self_signed(&key)?;
        Ok(Maker { key, certificate })
    }

    /// The authority's certificate as PEM.
    pub(super) fn authority(&self) -> Result<String, Cause> {
        Ok(self.certificate.pem())
    }

    // With 1.2 at most a ticket comes within the handshake, so nobody can leave one unread.
    pub(super) fn acceptor(&self, plan: &Plan, only: Option<Version>, _tickets: bool) -> Result<Accepts, Cause> {
        let version = match only {
            Some(Version::V1_3) => return Err("the TLS of this system accepts with 1.2 at most".into()),
            Some(Version::V1_1) => Protocol::Tlsv11,
            Some(Version::V1_2) | None => Protocol::Tlsv12,
        };
        let private = self.key.private.to_pkcs8_pem(LineEnding::LF)?;
        let identity = Identity::from_pkcs8(self.leaf(plan)?.pem().as_bytes(), private.as_bytes())?;
        let mut acceptor = TlsAcceptor::builder(identity);
        acceptor.min_protocol_version(Some(version)).max_protocol_version(Some(version));
        Ok(Accepts(acceptor.build()?))
    }

    fn leaf(&self, plan: &Plan) -> Result<rcgen::Certificate, Cause> {
        let names: Vec<String> = plan.names.iter().map(|name| (*name).to_owned()).collect();
        let mut leaf = self.key.blank(plan.owner, names)?;
        let start = date_time_ymd(1970, 1, 1);
        (leaf.not_before, leaf.not_after) = (start + since_1970(plan.from)?, start + since_1970(plan.until)?);
        leaf.is_ca = IsCa::ExplicitNoCa;
        leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.use_authority_key_identifier_extension = true;
        let signer = match plan.signer {
            Signer::Lab => self.key.authority(LAB_NAME)?,
            Signer::Stranger => self.key.authority(STRANGER_NAME)?,
            Signer::Itself => return Ok(leaf.self_signed(&self.key)?),
        };
        Ok(leaf.signed_by(&self.key, &Issuer::from_params(&signer, &self.key))?)
    }
}

impl Key {
    fn authority(&self, owner: &str) -> Result<CertificateParams, Cause> {
        let mut authority = self.blank(owner, Vec::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Ok(authority)
    }

    /// What all of our certificates have.
    fn blank(&self, owner: &str, names: Vec<String>) -> Result<CertificateParams, Cause> {
        let mut blank = CertificateParams::new(names)?;
        blank.distinguished_name = rcgen::DistinguishedName::new();
        blank.distinguished_name.push(DnType::CommonName, owner);
        let mut serial = [0; 16];
        OsRng.fill_bytes(&mut serial);
        serial[0] = serial[0] & 0x3f | 0x40; // positive, and of one length (RFC 5280 section 4.1.2.2)
        blank.serial_number = Some(SerialNumber::from_slice(&serial));
        // A hash of the key, as RFC 7093 section 2 shortens it.
        blank.key_identifier_method = KeyIdMethod::PreSpecified(Sha256::digest(&self.public)[..20].to_vec());
        let (now, start) = (SystemTime::now(), date_time_ymd(1970, 1, 1));
        (blank.not_before, blank.not_after) = (start + since_1970(now - DAY)?, start + since_1970(now + DAY * 365)?);
        Ok(blank)
    }
}

/// The packages count in different types from the same moment.
fn since_1970(at: SystemTime) -> Result<Duration, Cause> {
    Ok(at.duration_since(UNIX_EPOCH)?)
}
