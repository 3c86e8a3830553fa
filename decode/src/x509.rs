//! X.509 certificates: the fields that decide whether a logon is accepted. RFC 5280, MS-WCCE 2.2.2.7.7, RFC 4556 §3.2.2.

use jiff::Timestamp;
use serde::Serialize;

/// A certificate's fields that matter here. Field names are those of machine output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// RFC 4514 name; `""` when empty.
    pub subject: String,
    /// RFC 4514 name.
    pub issuer: String,
    /// Serial number, lower-case hex.
    pub serial: String,
    /// Start of validity.
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
    /// RSA keys: base64 of the SHA-256 of the key as BCRYPT_RSAKEY_BLOB: the KeyID of MS-ADTS 2.2.20.6. `""` for others.
    pub key_id: String,
    /// RSA keys: the modulus, hex without leading zeros. `""` for others.
    pub modulus: String,
    /// HTTP and LDAP addresses of the CRL.
    pub crl_urls: Vec<String>,
    /// Addresses of OCSP responders.
    pub ocsp_urls: Vec<String>,
    /// The subject's common name, where the subject has exactly one.
    #[serde(skip)]
    pub common_name: Option<String>,
}

/// A certificate's public key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PublicKey {
    /// `rsa`, `ec`, `dsa`, `ed25519`, else the object identifier.
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
}

/// Certificate template of AD CS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Template {
    /// Name, from the version 1 extension (1.3.6.1.4.1.311.20.2), or known for the object identifier's last arcs; `""` if unknown.
    pub name: String,
    /// Object identifier, from the version 2 extension (1.3.6.1.4.1.311.21.7); `""` if absent.
    pub oid: String,
}

fn time<S: serde::Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.9}"))
}
