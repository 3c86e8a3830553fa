//! PKINIT, RFC 4556 with the extensions of RFC 8070, RFC 8636 and MS-PKCA: what the padata of an AS exchange says.

use std::sync::Arc;

use super::KerberosTime;
use crate::x509::Certificate;

/// Reads PA-PK-AS-REQ.
pub fn request(_value: &[u8]) -> Request {
    Request::default()
}

/// Reads PA-PK-AS-REP.
pub fn reply(_value: &[u8]) -> Reply {
    Reply::default()
}

impl serde::Serialize for Request {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde::ser::SerializeMap::end(serializer.serialize_map(Some(0))?)
    }
}

impl serde::Serialize for Reply {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde::ser::SerializeMap::end(serializer.serialize_map(Some(0))?)
    }
}

/// PA-PK-AS-REQ, RFC 4556 §3.2.1.
#[derive(Clone, Debug, Default)]
pub struct Request {
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
    /// `PKAuthenticator.paChecksum2` is there (MS-PKCA 2.2.3).
    pub checksum2: bool,
    /// A freshness token is there (RFC 8070).
    pub freshness_token: bool,
    /// How the reply key is to be agreed on.
    pub key_agreement: KeyAgreement,
    /// `clientDHNonce` is there.
    pub client_dh_nonce: bool,
    /// `supportedCMSTypes` as object identifiers; `None` when the field is absent.
    pub supported_cms_types: Option<Vec<String>>,
    /// Issuers whose certificates the client takes, RFC 4514 names.
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
    /// Bits of the KDC's public value (Diffie-Hellman).
    pub public_key_bits: Option<u32>,
    /// Where decoding had to stop, as a clause.
    pub stopped: Option<String>,
}

/// The choice of PA-PK-AS-REP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
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
    /// Digest algorithm of the first signer: `sha1`, `sha256`, …, else its object identifier.
    pub digest: Option<String>,
    /// Signature algorithm of the first signer: `rsa`, `rsa-sha256`, `ecdsa-sha256`, …, else its object identifier.
    pub signature_algorithm: Option<String>,
    /// The first signer. `None`: nobody signed (anonymous PKINIT, RFC 8062 §4).
    pub signer: Option<Signer>,
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
#[derive(Clone, Debug, Default)]
pub struct Signer {
    /// How the signer is named: by issuer and serial number, or by key identifier.
    pub by_key_identifier: bool,
    /// Which of the certificates it names; `None` when it names none of them.
    pub certificate: Option<usize>,
    /// Whether the signature holds; `None`: not checked, or cannot be told.
    pub verified: Option<bool>,
}

/// How client and KDC agree on the reply key.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum KeyAgreement {
    /// RSA transport: the request has no public value.
    #[default]
    Rsa,
    /// Finite-field Diffie-Hellman.
    Dh {
        /// A known group: `modp-1024` (RFC 2409 group 2), `modp-2048` (RFC 3526 group 14), `modp-4096` (group 16), …; else `None`.
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
    /// A public key of another algorithm, by its object identifier.
    Other(String),
}
