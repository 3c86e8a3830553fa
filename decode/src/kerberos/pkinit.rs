//! PKINIT, RFC 4556 with the extensions of RFC 8070, RFC 8636 and MS-PKCA: what the padata of an AS exchange says.
//!
//! [`request`] reads the value of padata 16, [`reply`] that of padata 17, [`old_request`] and [`reply`] those of
//! Windows 2000 (padata 14 and 15). None of them fails: what cannot be read is named
//! in `stopped`, and the fields before it hold. Keys, nonces of Diffie-Hellman, checksums, tokens and signatures are
//! passed over; that they are there is all that is kept of them, and of a signature and a checksum whether they hold.
//!
//! The first signature of each message is always checked: there are few of them, and one check of an RSA key of 2,048
//! bits costs some 25 µs (`cms` bounds the size). Nothing is said of whether the certificate is to be trusted.

use std::rc::Rc;
use std::sync::Arc;

use serde::Serialize;

use super::KerberosTime;
use crate::cms::{self, Verdict};
use crate::der::{DerError, Element, Reader, Tag};
use crate::x509::{self, Certificate, algorithm};

mod group;
mod output;
mod reply;
mod request;

pub use reply::reply;
pub(super) use request::{certifier, group_of};
pub use request::{old_request, request};

/// PA-PK-AS-REQ, RFC 4556 §3.2.1.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "of most optional fields, all that is kept is that they were there")]
pub struct Request {
    /// It has the form of Windows 2000, before there was an RFC: padata 14 or 15.
    pub draft: bool,
    /// The CMS around the AuthPack.
    pub signed: SignedData,
    /// `PKAuthenticator.nonce`.
    pub nonce: Option<i64>,
    /// `PKAuthenticator.ctime`: the client's clock.
    pub ctime: Option<KerberosTime>,
    /// `PKAuthenticator.cusec`: microseconds of `ctime`.
    pub cusec: Option<i64>,
    /// `PKAuthenticator.paChecksum` is there.
    pub checksum: bool,
    /// Whether `paChecksum` is the SHA-1 of the request's body; `None`: it is absent, or the body is not there whole.
    pub checksum_matches: Option<bool>,
    /// `PKAuthenticator.paChecksum2` is there (MS-PKCA 2.2.3).
    pub checksum2: bool,
    /// Its digest: `sha256`, …, else its object identifier.
    pub checksum2_algorithm: Option<String>,
    /// Whether it is that digest of the request's body; `None`: it cannot be told.
    pub checksum2_matches: Option<bool>,
    /// A freshness token is there (RFC 8070).
    pub freshness_token: bool,
    /// How the reply key is to be agreed on; [`KeyAgreement::UNREAD`] where reading stopped before it could be told.
    pub key_agreement: KeyAgreement,
    /// `clientDHNonce` is there.
    pub client_dh_nonce: bool,
    /// `supportedCMSTypes` as object identifiers; `None` when the field is absent.
    pub supported_cms_types: Option<Vec<String>>,
    /// `supportedKDFs` of RFC 8636 as object identifiers; `None` when the field is absent.
    pub supported_kdfs: Option<Vec<String>>,
    /// Issuers whose certificates the client takes, RFC 4514 names; `ski:` and hex where one is named by its key only.
    pub trusted_certifiers: Vec<String>,
    /// `kdcPkId` is there.
    pub kdc_pk_id: bool,
    /// Where decoding had to stop, as a clause.
    pub stopped: Option<String>,
}

/// PA-PK-AS-REP, RFC 4556 §3.2.3.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// The CMS around the KDC's key (in RSA mode it is inside an enveloped part and stays empty).
    pub signed: SignedData,
    /// Which choice it is.
    pub form: ReplyForm,
    /// `KDCDHKeyInfo.nonce`, which repeats the request's.
    pub nonce: Option<i64>,
    /// `KDCDHKeyInfo.dhKeyExpiration`.
    pub dh_key_expiration: Option<KerberosTime>,
    /// `serverDHNonce` is there.
    pub server_dh_nonce: bool,
    /// `kdf` of RFC 8636, as an object identifier.
    pub kdf: Option<String>,
    /// Bits of the KDC's public value (Diffie-Hellman; whole bytes of one coordinate for a point of a curve). A few
    /// bits less than the group's size is usual.
    pub public_key_bits: Option<u32>,
    /// Where decoding had to stop, as a clause.
    pub stopped: Option<String>,
}

/// The choice of PA-PK-AS-REP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyForm {
    /// `dhInfo`.
    #[default]
    DhInfo,
    /// `encKeyPack`: the reply key encrypted to the client's RSA key.
    EncKeyPack,
}

/// CMS SignedData as PKINIT uses it, RFC 5652 §5.
#[derive(Clone, Debug, Default)]
pub struct SignedData {
    /// Object identifier of the content.
    pub content_type: Option<String>,
    /// The SignedData came without a ContentInfo around it (Windows PKU2U).
    pub bare: bool,
    /// Certificates in the order given. May be empty.
    pub certificates: Vec<Arc<Certificate>>,
    /// Certificates that were there and could not be read, or are not X.509 certificates.
    pub unreadable_certificates: usize,
    /// Digest algorithm of the first signer: `sha1`, `sha256`, …, else its object identifier.
    pub digest: Option<String>,
    /// Signature algorithm of the first signer: `rsa`, `rsa-sha256`, `ecdsa-sha256`, …, else its object identifier.
    pub signature_algorithm: Option<String>,
    /// The first signer. `None`: nobody signed (anonymous PKINIT, RFC 8062 §4).
    pub signer: Option<Signer>,
    /// How many signers there are; the fields above tell of the first.
    pub signers: usize,
}

impl SignedData {
    /// The certificate of the first signer: the one its identifier names, else the only one there is.
    pub fn signer_certificate(&self) -> Option<&Arc<Certificate>> {
        let signer = self.signer.as_ref()?;
        match signer.certificate {
            Some(index) => self.certificates.get(index),
            None => match self.certificates.as_slice() {
                [only] => Some(only),
                _ => None,
            },
        }
    }
}

/// SignerInfo, RFC 5652 §5.3.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Signer {
    /// How the signer is named: by issuer and serial number, or by key identifier.
    pub by_key_identifier: bool,
    /// The issuer named, RFC 4514. MIT clients leave the certificate itself out, and this is all there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The serial number named, hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// The key identifier named, hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_identifier: Option<String>,
    /// Which of the certificates it names; `None` when it names none of them.
    pub certificate: Option<usize>,
    /// Whether the signature is one by the certificate's key over the content; `None`: it cannot be told.
    pub verified: Option<bool>,
    /// Why it does not hold or cannot be told, as a clause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
}

/// How client and KDC agree on the reply key.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum KeyAgreement {
    /// RSA transport: the request has no public value.
    #[default]
    Rsa,
    /// Finite-field Diffie-Hellman.
    Dh {
        /// A known group: `modp-1024` (RFC 2409 group 2), `modp-2048` (RFC 3526 group 14), `modp-4096` (group 16), …;
        /// else `None`.
        group: Option<&'static str>,
        /// Size of the prime in bits.
        bits: u32,
    },
    /// Diffie-Hellman over an elliptic curve.
    Ecdh {
        /// The curve's name, `P-256` …, else its object identifier.
        curve: String,
        /// Size of the field in bits; 0 for a curve we do not know.
        bits: u32,
    },
    /// A public key of another algorithm, by its object identifier; `""` where it could not be read.
    Other(String),
}

impl KeyAgreement {
    /// It could not be told how the key is agreed on.
    pub const UNREAD: Self = Self::Other(String::new());
}

impl SignedData {
    /// Keeps of a CMS message what matters here.
    fn from_cms(raw: &cms::SignedData<'_>, stopped: &mut Option<String>) -> Self {
        let mut signed = Self {
            content_type: raw.content_type.clone(),
            bare: raw.bare,
            unreadable_certificates: raw.other_certificates,
            signers: raw.signers,
            ..Self::default()
        };
        let mut named = None;
        let mut identities = Vec::new();
        for certificate in &raw.certificates {
            match x509::known(certificate.der) {
                Ok(known) => {
                    let index = signed.certificates.len();
                    let identity = &known.identity;
                    if named.is_none() && raw.signer.as_ref().is_some_and(|signer| is_named(identity, signer.sid)) {
                        named = Some(index);
                    }
                    signed.certificates.push(known.certificate);
                    identities.push(known.identity);
                }
                Err(error) => {
                    signed.unreadable_certificates += 1;
                    let place = certificate.offset;
                    cms::stop(stopped, || format!("CMS: certificate at offset {place}: {error}"));
                }
            }
        }
        if let Some(signer) = &raw.signer {
            signed.digest.clone_from(&signer.digest);
            signed.signature_algorithm.clone_from(&signer.signature_algorithm);
            signed.signer = Some(Signer::from_cms(signer.sid, named).checked(raw, &identities));
        }
        signed
    }
}

impl Signer {
    /// With what can be said of its signature, by the key of the certificate it names. Where it names none of them, the
    /// only one there is may be tried, but then a signature that is not by its key may be by another.
    fn checked(mut self, raw: &cms::SignedData<'_>, identities: &[Rc<x509::Identity>]) -> Self {
        let verdict = match (self.certificate.and_then(|index| identities.get(index)), identities) {
            (Some(identity), _) => raw.check(&identity.public_key),
            (None, []) => Verdict::Unknown("the signer's certificate is not in the message"),
            (None, [only]) if raw.check(&only.public_key) == Verdict::Verified => Verdict::Verified,
            (None, _) => Verdict::Unknown("none of the certificates in the message is the signer's"),
        };
        (self.verified, self.reason) = match verdict {
            Verdict::Verified => (Some(true), None),
            Verdict::Wrong(why) => (Some(false), Some(why)),
            Verdict::Unknown(why) => (None, Some(why)),
        };
        self
    }

    fn from_cms(sid: cms::SignerIdentifier<'_>, certificate: Option<usize>) -> Self {
        match sid {
            cms::SignerIdentifier::IssuerAndSerialNumber { issuer, serial } => Self {
                certificate,
                issuer: x509::name::name(issuer).ok().map(|name| name.text),
                serial: Some(x509::serial(serial)),
                ..Self::default()
            },
            cms::SignerIdentifier::SubjectKeyIdentifier(identifier) => Self {
                by_key_identifier: true,
                certificate,
                key_identifier: Some(x509::hex(identifier)),
                ..Self::default()
            },
        }
    }
}

/// Whether a signer's identifier names the certificate of this identity. Names are compared by their bytes.
fn is_named(identity: &x509::Identity, sid: cms::SignerIdentifier<'_>) -> bool {
    match sid {
        cms::SignerIdentifier::IssuerAndSerialNumber { issuer, serial } => {
            *identity.issuer == *issuer && *identity.serial == *serial
        }
        cms::SignerIdentifier::SubjectKeyIdentifier(identifier) => *identity.key_identifier == *identifier,
    }
}

/// KerberosTime ::= GeneralizedTime, RFC 4120 §5.2.3.
fn kerberos_time(element: &Element<'_>) -> Result<KerberosTime, DerError> {
    let time = super::fields::date(element.contents).filter(|_| element.tag == Tag::GENERALIZED_TIME);
    time.ok_or(DerError { offset: element.offset, kind: crate::der::DerErrorKind::Value })
}

/// KDFAlgorithmId ::= SEQUENCE { kdf-id [0] OBJECT IDENTIFIER, … }, RFC 8636 §6.
fn kdf(sequence: &Element<'_>) -> Result<String, DerError> {
    let oid = sequence.reader().expect(Tag::context(0))?.inner_expect(Tag::OBJECT_IDENTIFIER)?;
    Ok(algorithm::oid(oid.contents))
}

/// Reads the content of a CMS message with `read`; errors become a clause that begins with `what`.
fn read_content(
    what: &str,
    content: Option<&[u8]>,
    stopped: &mut Option<String>,
    read: impl FnOnce(Reader<'_>) -> Result<(), DerError>,
) {
    let Some(content) = content else {
        cms::stop(stopped, || format!("{what}: the CMS message has no content"));
        return;
    };
    if let Err(error) = read(Reader::ber(content)) {
        cms::stop(stopped, || format!("{what}: {error}"));
    }
}
