//! CRLs and OCSP responses, as far as they say how fresh they are and what became of a certificate. RFC 5280 §5.1, RFC
//! 6960 §4.2.1. Nothing is verified here.

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use x509_parser::{prelude::FromDer as _, time::ASN1Time};

use crate::{
    der::{Element, Reader, Tag},
    x509::{name::name, serial, time, timestamp},
};

/// Responses read of one OCSP response; it is asked for one certificate as a rule.
pub const MAX_RESPONSES: usize = 16;

/// A certificate revocation list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Crl {
    /// RFC 4514 name.
    pub issuer: String,
    /// When it was made.
    #[serde(serialize_with = "time")]
    pub this_update: Timestamp,
    /// When the next one is due; it is out of date behind that.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "optional_time")]
    pub next_update: Option<Timestamp>,
}

impl Crl {
    /// Reads the beginning of a CRL; the rest need not be there. `None`: it is none.
    ///
    /// ```text
    /// CertificateList ::= SEQUENCE { tbsCertList SEQUENCE {
    ///     version INTEGER OPTIONAL, signature AlgorithmIdentifier, issuer Name,
    ///     thisUpdate Time, nextUpdate Time OPTIONAL, … }, … }
    /// ```
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let list = lax(&mut Reader::new(bytes), Tag::SEQUENCE)?;
        let mut fields = lax(&mut list.reader(), Tag::SEQUENCE)?.reader();
        fields.optional(Tag::INTEGER).ok()?;
        fields.expect(Tag::SEQUENCE).ok()?;
        let issuer = name(fields.expect(Tag::SEQUENCE).ok()?.whole).ok()?.text;
        let this_update = read_time(&fields.element().ok()?)?;
        let next_update = match fields.peek() {
            Some(UTC_TIME | Tag::GENERALIZED_TIME) => Some(read_time(&fields.element().ok()?)?),
            _ => None,
        };
        Some(Self { issuer, this_update, next_update })
    }
}

/// An OCSP response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ocsp {
    /// Whether the responder could answer at all.
    pub status: OcspStatus,
    /// What it says of certificates: at most [`MAX_RESPONSES`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub responses: Vec<SingleResponse>,
}

/// Whether a responder could answer. RFC 6960 §4.2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OcspStatus(pub u8);

impl OcspStatus {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self.0 {
            0 => "successful",
            1 => "malformedRequest",
            2 => "internalError",
            3 => "tryLater",
            5 => "sigRequired",
            6 => "unauthorized",
            _ => "unknown",
        }
    }
}

impl Serialize for OcspStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// What is said of one certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SingleResponse {
    /// Serial number of the certificate, lower-case hex.
    pub serial: String,
    /// What became of it.
    pub status: CertificateStatus,
    /// When that was known.
    #[serde(serialize_with = "time")]
    pub this_update: Timestamp,
    /// When more will be known; the response is out of date behind that.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "optional_time")]
    pub next_update: Option<Timestamp>,
}

/// What became of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CertificateStatus {
    /// Not revoked.
    Good,
    /// Revoked.
    Revoked,
    /// The responder does not know it.
    Unknown,
}

impl Ocsp {
    /// Reads an OCSP response. `None`: it is none. What of it cannot be read is left out.
    ///
    /// ```text
    /// OCSPResponse ::= SEQUENCE { responseStatus ENUMERATED, responseBytes [0] SEQUENCE {
    ///     responseType OBJECT IDENTIFIER, response OCTET STRING } OPTIONAL }
    /// ```
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = lax(&mut Reader::new(bytes), Tag::SEQUENCE)?.reader();
        let &[status] = fields.expect(ENUMERATED).ok()?.contents else { return None };
        let mut responses = Vec::new();
        // What was read before it broke off stands.
        let _ = Self::basic(&mut fields, &mut responses);
        Some(Self { status: OcspStatus(status), responses })
    }

    /// ```text
    /// BasicOCSPResponse ::= SEQUENCE { tbsResponseData SEQUENCE { version [0] INTEGER OPTIONAL,
    ///     responderID CHOICE { [1] Name, [2] OCTET STRING }, producedAt GeneralizedTime,
    ///     responses SEQUENCE OF SingleResponse, … }, … }
    /// SingleResponse ::= SEQUENCE { certID SEQUENCE { hashAlgorithm, issuerNameHash, issuerKeyHash, serialNumber INTEGER },
    ///     certStatus CHOICE { good [0], revoked [1], unknown [2] },
    ///     thisUpdate GeneralizedTime, nextUpdate [0] GeneralizedTime OPTIONAL, … }
    /// ```
    fn basic(fields: &mut Reader<'_>, responses: &mut Vec<SingleResponse>) -> Option<()> {
        let mut bytes = fields.expect(Tag::context(0)).ok()?.inner_expect(Tag::SEQUENCE).ok()?.reader();
        bytes.expect(Tag::OBJECT_IDENTIFIER).ok()?;
        let basic = Reader::new(bytes.expect(Tag::OCTET_STRING).ok()?.contents).expect(Tag::SEQUENCE).ok()?;
        let mut data = basic.reader().expect(Tag::SEQUENCE).ok()?.reader();
        data.optional(Tag::context(0)).ok()?;
        data.element().ok()?;
        data.expect(Tag::GENERALIZED_TIME).ok()?;
        let mut list = data.expect(Tag::SEQUENCE).ok()?.reader();
        while !list.is_empty() && responses.len() < MAX_RESPONSES {
            let mut single = list.expect(Tag::SEQUENCE).ok()?.reader();
            let mut id = single.expect(Tag::SEQUENCE).ok()?.reader();
            for _ in 0..3 {
                id.element().ok()?;
            }
            let number = id.expect(Tag::INTEGER).ok()?.contents;
            let status = match single.element().ok()?.tag.0 & 0x1f {
                0 => CertificateStatus::Good,
                1 => CertificateStatus::Revoked,
                _ => CertificateStatus::Unknown,
            };
            let this_update = read_time(&single.element().ok()?)?;
            let next_update = match single.optional(Tag::context(0)).ok()? {
                Some(next) => Some(read_time(&next.inner().ok()?)?),
                None => None,
            };
            responses.push(SingleResponse { serial: serial(number), status, this_update, next_update });
        }
        Some(())
    }
}

const ENUMERATED: Tag = Tag(0x0a);
const UTC_TIME: Tag = Tag(0x17);

/// An element that may run past what is there.
fn lax<'a>(reader: &mut Reader<'a>, tag: Tag) -> Option<Element<'a>> {
    reader.lax_element().ok().filter(|element| element.tag == tag)
}

fn read_time(element: &Element<'_>) -> Option<Timestamp> {
    let (_, time) = ASN1Time::from_der(element.whole).ok()?;
    Some(timestamp(time.timestamp()))
}

#[expect(clippy::ref_option, reason = "serde's signature")]
fn optional_time<S: Serializer>(value: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => time(value, serializer),
        None => serializer.serialize_none(),
    }
}
