//! Cryptographic Message Syntax, RFC 5652: who signed what, and with which certificates.
//!
//! A walker over the original bytes: certificates come out as slices with their offsets, so that hashes over them and
//! evidence about them hold. It takes the BER that CMS allows, SignedData without its ContentInfo (Windows PKU2U), and
//! the key identifier as Heimdal tags it. [`SignedData::check`] says whether the first signature holds for a key;
//! whether that key's certificate is to be trusted is nothing that is asked here.

use std::borrow::Cow;
use std::fmt;

pub(crate) mod costly;
mod signature;

pub use signature::Verdict;
pub(crate) use signature::digest;

use crate::der::{DerError, DerErrorKind, Element, Reader, Tag};
use crate::x509::algorithm;

/// Certificates taken out of one message. A chain has two to five.
pub const MAX_CERTIFICATES: usize = 32;

/// id-signedData.
pub const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";

/// id-envelopedData.
pub const ENVELOPED_DATA: &str = "1.2.840.113549.1.7.3";

/// SignedData, RFC 5652 §5.1, as far as it could be read.
#[derive(Clone, Default)]
pub struct SignedData<'a> {
    /// It came without a ContentInfo around it.
    pub bare: bool,
    /// `eContentType` as an object identifier.
    pub content_type: Option<String>,
    /// `eContent`, put together where it came in pieces. `None`: detached, or not reached.
    pub content: Option<Cow<'a, [u8]>>,
    /// `content` is not inside an OCTET STRING, as in PKCS #7 (RFC 2315 §7), where its tag and length are not signed.
    pub unwrapped: bool,
    /// The certificates' original bytes, in the order given; at most [`MAX_CERTIFICATES`].
    pub certificates: Vec<RawCertificate<'a>>,
    /// Entries of `certificates` that are something else, such as attribute certificates.
    pub other_certificates: usize,
    /// The first SignerInfo.
    pub signer: Option<SignerInfo<'a>>,
    /// How many SignerInfos there are.
    pub signers: usize,
    /// Where reading had to stop, as a clause; what was read before it holds.
    pub stopped: Option<String>,
}

/// Without the content, which may hold tokens.
impl fmt::Debug for SignedData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedData")
            .field("content_type", &self.content_type)
            .field("content_bytes", &self.content.as_ref().map(|content| content.len()))
            .field("certificates", &self.certificates.len())
            .field("signer", &self.signer)
            .field("stopped", &self.stopped)
            .finish_non_exhaustive()
    }
}

/// One certificate in a SignedData.
#[derive(Clone, Copy, Debug)]
pub struct RawCertificate<'a> {
    /// Its bytes.
    pub der: &'a [u8],
    /// Where they begin in the CMS message.
    pub offset: usize,
}

/// SignerInfo, RFC 5652 §5.3.
#[derive(Clone)]
pub struct SignerInfo<'a> {
    /// Who signed.
    pub sid: SignerIdentifier<'a>,
    /// Digest algorithm: `sha1`, `sha256`, …, else its object identifier.
    pub digest: Option<String>,
    /// Signature algorithm: `rsa`, `rsa-sha256`, …, else its object identifier.
    pub signature_algorithm: Option<String>,
    /// Parameters of the signature algorithm.
    parameters: Option<Element<'a>>,
    /// `signedAttrs`, under its tag.
    signed_attributes: Option<Element<'a>>,
    /// The signature; `None` where reading stopped before it.
    signature: Option<&'a [u8]>,
}

/// Without the signature and what it is over.
impl fmt::Debug for SignerInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignerInfo")
            .field("sid", &self.sid)
            .field("digest", &self.digest)
            .field("signature_algorithm", &self.signature_algorithm)
            .finish_non_exhaustive()
    }
}

/// How a SignerInfo names its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignerIdentifier<'a> {
    /// `issuerAndSerialNumber`.
    IssuerAndSerialNumber {
        /// The issuer's name, DER.
        issuer: &'a [u8],
        /// The serial number's bytes.
        serial: &'a [u8],
    },
    /// `subjectKeyIdentifier`.
    SubjectKeyIdentifier(&'a [u8]),
}

/// An OCTET STRING in pieces.
const CONSTRUCTED_OCTET_STRING: Tag = Tag(0x24);

/// The content type of a ContentInfo, as an object identifier. `None` where it is none.
pub fn content_type(bytes: &[u8]) -> Option<String> {
    let oid = Reader::ber(bytes).expect(Tag::SEQUENCE).ok()?.inner_expect(Tag::OBJECT_IDENTIFIER).ok()?;
    Some(algorithm::oid(oid.contents))
}

/// Reads a ContentInfo that holds a SignedData, or a SignedData alone.
pub fn signed_data(bytes: &[u8]) -> SignedData<'_> {
    let mut signed = SignedData::default();
    if let Err(error) = read_content_info(bytes, &mut signed) {
        stop(&mut signed.stopped, || format!("CMS: {error}"));
    }
    signed
}

/// RFC 5652 §3:
///
/// ```text
/// ContentInfo ::= SEQUENCE { contentType OBJECT IDENTIFIER, content [0] EXPLICIT ANY }
/// ```
fn read_content_info<'a>(bytes: &'a [u8], signed: &mut SignedData<'a>) -> Result<(), DerError> {
    let outer = Reader::ber(bytes).expect(Tag::SEQUENCE)?;
    let mut reader = outer.reader();
    if reader.peek() == Some(Tag::INTEGER) {
        signed.bare = true;
        return read_signed_data(&outer, signed);
    }
    let content_type = reader.expect(Tag::OBJECT_IDENTIFIER)?;
    let oid = algorithm::oid(content_type.contents);
    if oid != SIGNED_DATA {
        stop(&mut signed.stopped, || format!("CMS: content type {oid} is not signedData"));
        return Ok(());
    }
    let sequence = reader.expect(Tag::context(0))?.inner_expect(Tag::SEQUENCE)?;
    read_signed_data(&sequence, signed)
}

/// RFC 5652 §5.1:
///
/// ```text
/// SignedData ::= SEQUENCE {
///   version CMSVersion, digestAlgorithms SET OF AlgorithmIdentifier, encapContentInfo EncapsulatedContentInfo,
///   certificates [0] IMPLICIT SET OF CertificateChoices OPTIONAL, crls [1] IMPLICIT SET OPTIONAL,
///   signerInfos SET OF SignerInfo }
/// EncapsulatedContentInfo ::= SEQUENCE {
///   eContentType OBJECT IDENTIFIER, eContent [0] EXPLICIT OCTET STRING OPTIONAL }
/// ```
fn read_signed_data<'a>(sequence: &Element<'a>, signed: &mut SignedData<'a>) -> Result<(), DerError> {
    let mut reader = sequence.reader();
    reader.expect(Tag::INTEGER)?;
    reader.expect(Tag::SET)?;
    let mut encapsulated = reader.expect(Tag::SEQUENCE)?.reader();
    signed.content_type = Some(algorithm::oid(encapsulated.expect(Tag::OBJECT_IDENTIFIER)?.contents));
    if let Some(content) = encapsulated.optional(Tag::context(0))? {
        signed.content = Some(octets(&content)?);
        signed.unwrapped = !matches!(content.reader().peek(), Some(Tag::OCTET_STRING | CONSTRUCTED_OCTET_STRING));
    }
    if let Some(set) = reader.optional(Tag::context(0))? {
        read_certificates(&set, signed)?;
    }
    reader.optional(Tag::context(1))?;
    let mut signers = reader.expect(Tag::SET)?.reader();
    while !signers.is_empty() {
        let info = signers.expect(Tag::SEQUENCE)?;
        signed.signers += 1;
        if signed.signers == 1 {
            read_signer(&info, signed)?;
        }
    }
    Ok(())
}

fn read_certificates<'a>(set: &Element<'a>, signed: &mut SignedData<'a>) -> Result<(), DerError> {
    let mut reader = set.reader();
    while !reader.is_empty() {
        let choice = reader.element()?;
        if choice.tag != Tag::SEQUENCE {
            signed.other_certificates += 1;
        } else if signed.certificates.len() < MAX_CERTIFICATES {
            signed.certificates.push(RawCertificate { der: choice.whole, offset: choice.offset });
        } else {
            stop(&mut signed.stopped, || format!("CMS: more than {MAX_CERTIFICATES} certificates"));
            break;
        }
    }
    Ok(())
}

/// RFC 5652 §5.3:
///
/// ```text
/// SignerInfo ::= SEQUENCE {
///   version CMSVersion, sid SignerIdentifier, digestAlgorithm AlgorithmIdentifier,
///   signedAttrs [0] IMPLICIT SET OPTIONAL, signatureAlgorithm AlgorithmIdentifier, signature OCTET STRING,
///   unsignedAttrs [1] IMPLICIT SET OPTIONAL }
/// SignerIdentifier ::= CHOICE {
///   issuerAndSerialNumber SEQUENCE { issuer Name, serialNumber INTEGER },
///   subjectKeyIdentifier [0] IMPLICIT OCTET STRING }
/// ```
///
/// Heimdal, and with it every Samba domain controller, tags the key identifier EXPLICIT: `a0 16 04 14 …`.
fn read_signer<'a>(sequence: &Element<'a>, signed: &mut SignedData<'a>) -> Result<(), DerError> {
    let mut reader = sequence.reader();
    reader.expect(Tag::INTEGER)?;
    let identifier = reader.element()?;
    let sid = match identifier.tag.0 {
        0x30 => {
            let (issuer, serial) = issuer_and_serial(&identifier)?;
            SignerIdentifier::IssuerAndSerialNumber { issuer, serial }
        }
        0x80 => SignerIdentifier::SubjectKeyIdentifier(identifier.contents),
        0xa0 => SignerIdentifier::SubjectKeyIdentifier(identifier.inner_expect(Tag::OCTET_STRING)?.contents),
        _ => return Err(DerError { offset: identifier.offset, kind: DerErrorKind::Tag }),
    };
    let info = signed.signer.insert(SignerInfo {
        sid,
        digest: None,
        signature_algorithm: None,
        parameters: None,
        signed_attributes: None,
        signature: None,
    });
    let digest = algorithm_oid(&reader.expect(Tag::SEQUENCE)?)?;
    info.digest = Some(algorithm::digest(&digest).to_owned());
    info.signed_attributes = reader.optional(Tag::context(0))?;
    let mut signature = reader.expect(Tag::SEQUENCE)?.reader();
    let oid = algorithm::oid(signature.expect(Tag::OBJECT_IDENTIFIER)?.contents);
    info.signature_algorithm = Some(algorithm::signature(&oid).to_owned());
    info.parameters = if signature.is_empty() { None } else { Some(signature.element()?) };
    info.signature = Some(reader.expect(Tag::OCTET_STRING)?.contents);
    Ok(())
}

/// The two parts of an IssuerAndSerialNumber: the name's DER, the number's bytes.
pub(crate) fn issuer_and_serial<'a>(sequence: &Element<'a>) -> Result<(&'a [u8], &'a [u8]), DerError> {
    let mut reader = sequence.reader();
    let issuer = reader.expect(Tag::SEQUENCE)?.whole;
    Ok((issuer, reader.expect(Tag::INTEGER)?.contents))
}

/// The object identifier of an AlgorithmIdentifier.
pub(crate) fn algorithm_oid(sequence: &Element<'_>) -> Result<String, DerError> {
    Ok(algorithm::oid(sequence.inner_expect(Tag::OBJECT_IDENTIFIER)?.contents))
}

/// The bytes that a tagged OCTET STRING carries, however it is tagged: IMPLICIT, EXPLICIT, or in pieces (X.690 §8.7.3);
/// what is inside when it is no OCTET STRING, as PKCS #7 allowed.
///
/// ```text
/// 80 LL bytes        a0 LL 04 LL bytes        a0 LL 24 LL (04 LL bytes)*        a0 LL bytes
/// ```
pub(crate) fn octets<'a>(tagged: &Element<'a>) -> Result<Cow<'a, [u8]>, DerError> {
    if tagged.tag.0 & 0x20 == 0 {
        return Ok(Cow::Borrowed(tagged.contents));
    }
    let mut reader = tagged.reader();
    let first = match reader.peek() {
        Some(Tag::OCTET_STRING) => reader.element()?,
        Some(CONSTRUCTED_OCTET_STRING) => {
            reader = reader.element()?.reader();
            if reader.is_empty() {
                return Ok(Cow::Borrowed(&[]));
            }
            reader.expect(Tag::OCTET_STRING)?
        }
        _ => return Ok(Cow::Borrowed(tagged.contents)),
    };
    let mut whole = Cow::Borrowed(first.contents);
    while !reader.is_empty() {
        whole.to_mut().extend_from_slice(reader.expect(Tag::OCTET_STRING)?.contents);
    }
    Ok(whole)
}

/// Notes why reading stopped, unless something before it was noted.
pub(crate) fn stop(stopped: &mut Option<String>, why: impl FnOnce() -> String) {
    stopped.get_or_insert_with(why);
}
