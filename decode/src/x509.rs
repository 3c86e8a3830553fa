//! X.509 certificates: the fields that decide whether a logon is accepted. RFC 5280, MS-WCCE 2.2.2.7.7, RFC 4556
//! §3.2.2.
//!
//! [`Certificate::parse`] takes the bytes as they were on the wire. x509-parser reads the frame of the certificate and
//! says whether it is one; names, keys and extensions are read by the modules below, from the original bytes, so that
//! an odd extension costs that extension and not the certificate. Nothing is verified here. All text is harmless on a
//! terminal.

use std::{cell::RefCell, collections::HashMap, fmt, rc::Rc, sync::Arc};

use data_encoding::HEXLOWER;
use foldhash::fast::RandomState;
use jiff::Timestamp;
use serde::Serialize;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use x509_parser::certificate::X509CertificateParser;
use x509_parser::nom::{self, Parser as _};

use crate::der::{DerError, Reader};

pub(crate) mod algorithm;
mod extension;
mod hello;
pub(crate) mod key;
pub(crate) mod name;
mod roca;

pub use hello::HelloName;
pub use roca::is_roca_weak;

/// A certificate's fields that matter here. Field names are those of machine output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// RFC 4514 name; `""` when empty.
    pub subject: String,
    /// RFC 4514 name.
    pub issuer: String,
    /// Serial number, lower-case hex.
    pub serial: String,
    /// Start of validity. A year that cannot be written in four digits is the last that can.
    #[serde(serialize_with = "time")]
    pub not_before: Timestamp,
    /// End of validity.
    #[serde(serialize_with = "time")]
    pub not_after: Timestamp,
    /// Public key.
    pub key: PublicKey,
    /// `rsa-sha256`, `ecdsa-sha384`, …, else the object identifier.
    pub signature_algorithm: String,
    /// Extended key usages as object identifiers; `None` when the extension is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eku: Option<Vec<String>>,
    /// Key usage bits as named by RFC 5280 §4.2.1.3 (`digitalSignature`, …); `None` when the extension is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_usage: Option<Vec<&'static str>>,
    /// Subject alternative names.
    pub san: AlternativeNames,
    /// Certificate template, version 1 (name) or 2 (object identifier).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<Template>,
    /// The account's SID, from szOID_NTDS_CA_SECURITY_EXT (1.3.6.1.4.1.311.25.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// Subject and issuer are the same name. (Whether the signature is its own is not checked here.)
    pub self_signed: bool,
    /// Thumbprint: SHA-256 of the certificate, hex.
    pub sha256: String,
    /// RSA keys: base64 of the SHA-256 of the key as BCRYPT_RSAKEY_BLOB: the KeyID of MS-ADTS 2.2.20.6. `""` for
    /// others.
    pub key_id: String,
    /// RSA keys: the modulus, hex without leading zeros. `""` for others.
    pub modulus: String,
    /// HTTP and LDAP addresses of the CRL.
    pub crl_urls: Vec<String>,
    /// Addresses of OCSP responders.
    pub ocsp_urls: Vec<String>,
    /// Addresses of the issuer's certificate.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ca_urls: Vec<String>,
    /// RSA keys: base64 of the SHA-256 of the key as PKCS#1 RSAPublicKey, the KeyID that computers' keys are stored
    /// under. `""` for others.
    pub key_id_pkcs1: String,
    /// Base64 of the SHA-256 of the whole SubjectPublicKeyInfo: the KeyID of keys stored in that form, which Samba
    /// takes and Windows does not.
    pub key_id_spki: String,
    /// subjectKeyIdentifier, hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_key_id: Option<String>,
    /// keyIdentifier of authorityKeyIdentifier, hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority_key_id: Option<String>,
    /// The subject's common name, where the subject has exactly one. Written as its parts, where it is that of a user's
    /// key-trust certificate.
    #[serde(rename = "hello_name", skip_serializing_if = "hello::is_other", serialize_with = "hello::parts")]
    pub common_name: Option<String>,
    /// What of the certificate could not be read, as a clause; its fields are then as if it were absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

/// A certificate's public key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PublicKey {
    /// `rsa`, `rsa-pss`, `ec`, `dsa`, `ed25519`, `ed448`, else the object identifier.
    pub algorithm: String,
    /// Size in bits; 0 where it cannot be told.
    pub bits: u32,
}

/// Subject alternative names by kind. Empty lists where there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AlternativeNames {
    /// dNSName.
    pub dns: Vec<String>,
    /// otherName 1.3.6.1.4.1.311.20.2.3: user principal names.
    pub upn: Vec<String>,
    /// otherName id-pkinit-san: `krbtgt/REALM@REALM`.
    pub pkinit: Vec<String>,
    /// uniformResourceIdentifier.
    pub uri: Vec<String>,
    /// rfc822Name.
    pub email: Vec<String>,
    /// Object identifiers of the other names of other types, such as 1.3.6.1.4.1.311.25.1 of a domain controller's
    /// GUID.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other: Vec<String>,
}

/// Certificate template of AD CS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Template {
    /// Name, from the version 1 extension (1.3.6.1.4.1.311.20.2), or known for the object identifier's last arcs; `""`
    /// if unknown.
    pub name: String,
    /// Object identifier, from the version 2 extension (1.3.6.1.4.1.311.21.7); `""` if absent.
    pub oid: String,
}

/// Why bytes are not taken for a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateError {
    /// More bytes than any certificate here has.
    TooLarge {
        /// How many there are.
        bytes: usize,
    },
    /// Not a certificate: x509-parser's reason.
    Malformed(String),
    /// A name or the key in it cannot be read.
    Der(DerError),
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes } => write!(f, "{bytes} bytes are too many for a certificate"),
            Self::Malformed(reason) => write!(f, "not a certificate: {reason}"),
            Self::Der(error) => write!(f, "a name or the key of the certificate cannot be read: {error}"),
        }
    }
}

impl std::error::Error for CertificateError {}

impl From<DerError> for CertificateError {
    fn from(error: DerError) -> Self {
        Self::Der(error)
    }
}

/// What a CMS signer can call a certificate by, and the key that its signature is checked with.
#[derive(Debug)]
pub(crate) struct Identity {
    /// The issuer's name, DER.
    pub(crate) issuer: Box<[u8]>,
    /// The serial number's bytes.
    pub(crate) serial: Box<[u8]>,
    /// The key identifier: the extension's, else what RFC 5280 §4.2.1.2 would put there (SHA-1 of the key's bits).
    pub(crate) key_identifier: Box<[u8]>,
    /// Its SubjectPublicKeyInfo.
    pub(crate) public_key: Box<[u8]>,
}

impl Certificate {
    /// Reads one certificate. Bytes after it are ignored.
    ///
    /// What an extension does not tell because it is damaged is named in `stopped`.
    ///
    /// # Errors
    /// When it is larger than 64 KiB, or is no certificate.
    pub fn parse(der: &[u8]) -> Result<Self, CertificateError> {
        Self::parse_with_identity(der).map(|(certificate, _)| certificate)
    }

    /// As [`Certificate::parse`], with what a signer can call it by.
    fn parse_with_identity(der: &[u8]) -> Result<(Self, Identity), CertificateError> {
        if der.len() > MAX_CERTIFICATE_BYTES {
            return Err(CertificateError::TooLarge { bytes: der.len() });
        }
        let mut parser = X509CertificateParser::new().with_deep_parse_extensions(false);
        let (_, x509) = parser.parse(der).map_err(|error| match error {
            nom::Err::Error(error) | nom::Err::Failure(error) => CertificateError::Malformed(error.to_string()),
            nom::Err::Incomplete(_) => CertificateError::Malformed("it ends early".to_owned()),
        })?;
        let tbs = &x509.tbs_certificate;
        let (issuer, subject) = (tbs.issuer.as_raw(), tbs.subject.as_raw());
        let subject_name = name::name(subject)?;
        let key_info = key::key_info(&Reader::new(tbs.subject_pki.raw).element()?)?;
        let signature = algorithm::oid(x509.signature_algorithm.algorithm.as_bytes());
        let mut certificate = Self {
            subject: subject_name.text,
            issuer: name::name(issuer)?.text,
            serial: serial(tbs.raw_serial()),
            not_before: timestamp(tbs.validity.not_before.timestamp()),
            not_after: timestamp(tbs.validity.not_after.timestamp()),
            key: key_info.key,
            signature_algorithm: algorithm::signature(&signature).to_owned(),
            eku: None,
            key_usage: None,
            san: AlternativeNames::default(),
            template: None,
            sid: None,
            self_signed: issuer == subject,
            sha256: hex(&Sha256::digest(x509.as_raw())),
            key_id: key_info.rsa.as_ref().and_then(key::RsaKey::key_id).unwrap_or_default(),
            modulus: key_info.rsa.as_ref().map_or_else(String::new, |rsa| hex(rsa.modulus)),
            crl_urls: Vec::new(),
            ocsp_urls: Vec::new(),
            ca_urls: Vec::new(),
            key_id_pkcs1: key_info.rsa.as_ref().map_or_else(String::new, key::RsaKey::key_id_pkcs1),
            key_id_spki: key::base64(&Sha256::digest(tbs.subject_pki.raw)),
            subject_key_id: None,
            authority_key_id: None,
            common_name: subject_name.common_name,
            stopped: None,
        };
        let mut key_identifier = None;
        for (place, extension) in tbs.extensions().iter().enumerate() {
            if place >= MAX_EXTENSIONS {
                certificate.stopped.get_or_insert_with(|| format!("more than {MAX_EXTENSIONS} extensions"));
                break;
            }
            let oid = algorithm::oid(extension.oid.as_bytes());
            extension::apply(&mut certificate, &oid, extension.value);
            if oid == "2.5.29.14" {
                key_identifier = extension::subject_key_id(extension.value).ok().map(<[u8]>::to_vec);
            }
        }
        let key_identifier = key_identifier.unwrap_or_else(|| Sha1::digest(key_info.bits).to_vec());
        let identity = Identity {
            issuer: issuer.into(),
            serial: tbs.raw_serial().into(),
            key_identifier: key_identifier.into(),
            public_key: tbs.subject_pki.raw.into(),
        };
        Ok((certificate, identity))
    }
}

/// A certificate that was read, shared by all who come upon the same bytes.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) certificate: Arc<Certificate>,
    pub(crate) identity: Rc<Identity>,
}

/// Certificates that each thread remembers: of servers and authorities there are few, shown again and again. When there
/// are more they are all forgotten, which costs time and nothing else.
const MAX_KNOWN: usize = 256;

/// Bytes of a certificate that is remembered: with [`MAX_KNOWN`] of them, a megabyte a thread.
const MAX_KNOWN_BYTES: usize = 4096;

thread_local! {
    static KNOWN: RefCell<HashMap<Box<[u8]>, Known, RandomState>> = RefCell::default();
}

/// As [`Certificate::parse`], for certificates that are likely to have come before: what was read then is shared, which
/// saves the time to read it and the memory to keep it with every message.
///
/// # Errors
/// As [`Certificate::parse`].
pub(crate) fn known(der: &[u8]) -> Result<Known, CertificateError> {
    if let Some(known) = KNOWN.with_borrow(|known| known.get(der).cloned()) {
        return Ok(known);
    }
    let (certificate, identity) = Certificate::parse_with_identity(der)?;
    let known = Known { certificate: Arc::new(certificate), identity: Rc::new(identity) };
    if der.len() <= MAX_KNOWN_BYTES {
        KNOWN.with_borrow_mut(|all| {
            if all.len() >= MAX_KNOWN {
                all.clear();
            }
            all.insert(der.into(), known.clone());
        });
    }
    Ok(known)
}

/// A serial number in hex, two digits a byte, without the zero byte that only keeps it positive.
pub(crate) fn serial(bytes: &[u8]) -> String {
    match bytes {
        [0, rest @ ..] if !rest.is_empty() => hex(rest),
        bytes => hex(bytes),
    }
}

/// Seconds since 1970 as a time; the last or first that can be written where they are beyond it. (Certificates without
/// an end have 9999-12-31T23:59:59Z, a day more than that.)
pub(crate) fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// In RFC 3339 with nanoseconds.
pub(crate) fn time<S: serde::Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.9}"))
}

/// Real certificates have one to four kilobytes; those with a post-quantum key perhaps twenty.
const MAX_CERTIFICATE_BYTES: usize = 65_536;

/// Real certificates have about ten.
const MAX_EXTENSIONS: usize = 128;
