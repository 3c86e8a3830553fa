//! Machine output: the `pkinit` object of an AS-REQ and of an AS-REP.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::{KeyAgreement, Reply, ReplyForm, Request, SignedData, Signer};
use crate::x509::Certificate;

/// What request and reply have in common. Everything that the message does not have is left out, but `signer`, whose
/// `null` says that nobody signed.
#[derive(Serialize)]
struct Signed<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: &'a Option<String>,
    bare: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: &'a Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature_algorithm: &'a Option<String>,
    certificates: &'a [Arc<Certificate>],
    unreadable_certificates: usize,
    signer: &'a Option<Signer>,
    signers: usize,
}

impl<'a> From<&'a SignedData> for Signed<'a> {
    fn from(signed: &'a SignedData) -> Self {
        Self {
            content_type: &signed.content_type,
            bare: signed.bare,
            digest: &signed.digest,
            signature_algorithm: &signed.signature_algorithm,
            certificates: &signed.certificates,
            unreadable_certificates: signed.unreadable_certificates,
            signer: &signed.signer,
            signers: signed.signers,
        }
    }
}

impl Serialize for Request {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[expect(clippy::struct_excessive_bools, reason = "machine output says of each field whether it was there")]
        struct View<'a> {
            #[serde(skip_serializing_if = "std::ops::Not::not")]
            draft: bool,
            #[serde(flatten)]
            signed: Signed<'a>,
            #[serde(skip_serializing_if = "Option::is_none")]
            nonce: Option<i64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            ctime: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            cusec: Option<i64>,
            checksum: bool,
            #[serde(skip_serializing_if = "Option::is_none")]
            checksum_matches: Option<bool>,
            checksum2: bool,
            #[serde(skip_serializing_if = "Option::is_none")]
            checksum2_algorithm: &'a Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            checksum2_matches: Option<bool>,
            freshness_token: bool,
            key_agreement: &'a KeyAgreement,
            client_dh_nonce: bool,
            #[serde(skip_serializing_if = "Option::is_none")]
            supported_cms_types: &'a Option<Vec<String>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            supported_kdfs: &'a Option<Vec<String>>,
            trusted_certifiers: &'a [String],
            kdc_pk_id: bool,
            #[serde(skip_serializing_if = "Option::is_none")]
            stopped: &'a Option<String>,
        }
        let view = View {
            draft: self.draft,
            signed: Signed::from(&self.signed),
            nonce: self.nonce,
            ctime: self.ctime.map(|time| time.to_string()),
            cusec: self.cusec,
            checksum: self.checksum,
            checksum_matches: self.checksum_matches,
            checksum2: self.checksum2,
            checksum2_algorithm: &self.checksum2_algorithm,
            checksum2_matches: self.checksum2_matches,
            freshness_token: self.freshness_token,
            key_agreement: &self.key_agreement,
            client_dh_nonce: self.client_dh_nonce,
            supported_cms_types: &self.supported_cms_types,
            supported_kdfs: &self.supported_kdfs,
            trusted_certifiers: &self.trusted_certifiers,
            kdc_pk_id: self.kdc_pk_id,
            stopped: &self.stopped,
        };
        view.serialize(serializer)
    }
}

impl Serialize for Reply {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct View<'a> {
            form: ReplyForm,
            #[serde(flatten)]
            signed: Signed<'a>,
            #[serde(skip_serializing_if = "Option::is_none")]
            nonce: Option<i64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            dh_key_expiration: Option<String>,
            server_dh_nonce: bool,
            #[serde(skip_serializing_if = "Option::is_none")]
            kdf: &'a Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            public_key_bits: Option<u32>,
            #[serde(skip_serializing_if = "Option::is_none")]
            stopped: &'a Option<String>,
        }
        let view = View {
            form: self.form,
            signed: Signed::from(&self.signed),
            nonce: self.nonce,
            dh_key_expiration: self.dh_key_expiration.map(|time| time.to_string()),
            server_dh_nonce: self.server_dh_nonce,
            kdf: &self.kdf,
            public_key_bits: self.public_key_bits,
            stopped: &self.stopped,
        };
        view.serialize(serializer)
    }
}

/// `{"kind": "dh", "group": "modp-2048", "bits": 2048}`; `group` is null for one that is not known, and a key of
/// another algorithm has its object identifier for its kind. Null where it could not be read.
impl Serialize for KeyAgreement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Sized<'a> {
            kind: &'static str,
            group: Option<&'a str>,
            bits: u32,
        }
        #[derive(Serialize)]
        struct Kind<'a> {
            kind: &'a str,
        }
        match self {
            Self::Rsa => Kind { kind: "rsa" }.serialize(serializer),
            Self::Dh { group, bits } => Sized { kind: "dh", group: *group, bits: *bits }.serialize(serializer),
            Self::Ecdh { curve, bits } => Sized { kind: "ecdh", group: Some(curve), bits: *bits }.serialize(serializer),
            Self::Other(oid) if oid.is_empty() => serializer.serialize_none(),
            Self::Other(oid) => Kind { kind: oid }.serialize(serializer),
        }
    }
}
