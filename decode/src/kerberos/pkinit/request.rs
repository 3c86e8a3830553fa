//! PA-PK-AS-REQ: what the client says of itself, and how it wants to agree on a key.

use super::{KeyAgreement, Request, SignedData, group, kdf, kerberos_time, read_content};
use crate::cms::{self, digest, stop};
use crate::der::{DerError, DerErrorKind, Element, Reader, Tag};
use crate::x509::{algorithm, hex, key, name};

/// Content type of an AuthPack: its object identifier and what that is called.
const AUTH_DATA: (&str, &str) = ("1.3.6.1.5.2.3.1", "id-pkinit-authData");

/// As [`AUTH_DATA`], of the draft: PKCS #7's own.
const DATA: (&str, &str) = ("1.2.840.113549.1.7.1", "id-data");

/// Entries read of a list: certifiers, CMS types, key derivations. Clients with a whole trust store name some dozens.
const MAX_LIST: usize = 128;

/// Reads a PA-PK-AS-REQ, the value of padata 16. RFC 4556 §3.2.1:
///
/// ```text
/// PA-PK-AS-REQ ::= SEQUENCE {
///   signedAuthPack    [0] IMPLICIT OCTET STRING,
///   trustedCertifiers [1] SEQUENCE OF ExternalPrincipalIdentifier OPTIONAL,
///   kdcPkId           [2] IMPLICIT OCTET STRING OPTIONAL }
/// ```
///
/// It never fails: `stopped` says what could not be read. `body` is the request's KDC-REQ-BODY, from its tag on, which
/// the checksums are over; `None` where it is not there as a whole.
pub fn request(value: &[u8], body: Option<&[u8]>) -> Request {
    let mut request = Request { key_agreement: KeyAgreement::UNREAD, ..Request::default() };
    if let Err(error) = read(value, body, &mut request) {
        stop(&mut request.stopped, || format!("PA-PK-AS-REQ: {error}"));
    }
    request
}

fn read(value: &[u8], body: Option<&[u8]>, request: &mut Request) -> Result<(), DerError> {
    let mut reader = Reader::ber(value).expect(Tag::SEQUENCE)?.reader();
    while !reader.is_empty() {
        let field = reader.element()?;
        match number(&field) {
            Some(0) => read_signed_auth_pack(&cms::octets(&field)?, AUTH_DATA, request, |authenticator, request| {
                read_authenticator(authenticator, body, request)
            }),
            Some(1) => read_trusted_certifiers(&field, request, certifier)?,
            Some(2) => request.kdc_pk_id = true,
            _ => {}
        }
    }
    Ok(())
}

/// Reads the value of padata 15, or 14, of a request: PKINIT as Windows 2000 and XP had it, after the ninth draft.
///
/// ```text
/// PA-PK-AS-REQ ::= SEQUENCE {
///   signedAuthPack    [0] IMPLICIT OCTET STRING,
///   trustedCertifiers [2] SEQUENCE OF TrustedCA OPTIONAL,
///   kdcCert           [3] IMPLICIT OCTET STRING OPTIONAL,
///   encryptionCert    [4] IMPLICIT OCTET STRING OPTIONAL }
/// ```
///
/// It never fails: `stopped` says what could not be read.
///
/// Source: MS-PKCA 2.2.1, which has the first field only; the others as Heimdal reads them.
pub fn old_request(value: &[u8]) -> Request {
    let mut request = Request { draft: true, key_agreement: KeyAgreement::UNREAD, ..Request::default() };
    if let Err(error) = read_old(value, &mut request) {
        stop(&mut request.stopped, || format!("PA-PK-AS-REQ of the draft: {error}"));
    }
    request
}

fn read_old(value: &[u8], request: &mut Request) -> Result<(), DerError> {
    let mut reader = Reader::ber(value).expect(Tag::SEQUENCE)?.reader();
    while !reader.is_empty() {
        let field = reader.element()?;
        match number(&field) {
            Some(0) => read_signed_auth_pack(&cms::octets(&field)?, DATA, request, read_old_authenticator),
            Some(2) => read_trusted_certifiers(&field, request, trusted_ca)?,
            Some(3) => request.kdc_pk_id = true,
            _ => {}
        }
    }
    Ok(())
}

/// The number of a context-specific tag, primitive or constructed.
fn number(element: &Element<'_>) -> Option<u8> {
    (element.tag.0 & 0xc0 == 0x80).then_some(element.tag.0 & 0x1f)
}

/// Reads the CMS and the AuthPack in it, whose content type is to be the one of this identifier and name.
fn read_signed_auth_pack(
    bytes: &[u8],
    (content_type, called): (&str, &str),
    request: &mut Request,
    authenticator: impl FnOnce(&Element<'_>, &mut Request) -> Result<(), DerError>,
) {
    let raw = cms::signed_data(bytes);
    let mut stopped = raw.stopped.clone();
    request.signed = SignedData::from_cms(&raw, &mut stopped);
    if let Some(other) = raw.content_type.as_deref().filter(|&oid| oid != content_type) {
        stop(&mut stopped, || format!("CMS: content type {other} is not {called}"));
    }
    // No content after a fault that has its own clause is no second fault.
    if raw.content.is_some() || stopped.is_none() {
        read_content("AuthPack", raw.content.as_deref(), &mut stopped, |reader| {
            read_auth_pack(reader, request, authenticator)
        });
    }
    if request.stopped.is_none() {
        request.stopped = stopped;
    }
}

/// RFC 4556 §3.2.1, RFC 8636 §6:
///
/// ```text
/// AuthPack ::= SEQUENCE {
///   pkAuthenticator   [0] PKAuthenticator,
///   clientPublicValue [1] SubjectPublicKeyInfo OPTIONAL,
///   supportedCMSTypes [2] SEQUENCE OF AlgorithmIdentifier OPTIONAL,
///   clientDHNonce     [3] DHNonce OPTIONAL,
///   supportedKDFs     [4] SEQUENCE OF KDFAlgorithmId OPTIONAL }
/// ```
fn read_auth_pack(
    mut outer: Reader<'_>,
    request: &mut Request,
    authenticator: impl FnOnce(&Element<'_>, &mut Request) -> Result<(), DerError>,
) -> Result<(), DerError> {
    let mut reader = outer.expect(Tag::SEQUENCE)?.reader();
    authenticator(&reader.expect(Tag::context(0))?.inner_expect(Tag::SEQUENCE)?, request)?;
    match reader.optional(Tag::context(1))? {
        Some(public) => request.key_agreement = key_agreement(&public.inner_expect(Tag::SEQUENCE)?)?,
        None => request.key_agreement = KeyAgreement::Rsa,
    }
    if let Some(types) = reader.optional(Tag::context(2))? {
        request.supported_cms_types = Some(list(&types, cms::algorithm_oid)?);
    }
    request.client_dh_nonce = reader.optional(Tag::context(3))?.is_some();
    if let Some(kdfs) = reader.optional(Tag::context(4))? {
        request.supported_kdfs = Some(list(&kdfs, kdf)?);
    }
    Ok(())
}

/// RFC 4556 §3.2.1, RFC 8070 §4, MS-PKCA 2.2.3:
///
/// ```text
/// PKAuthenticator ::= SEQUENCE {
///   cusec [0] INTEGER, ctime [1] KerberosTime, nonce [2] INTEGER, paChecksum [3] OCTET STRING OPTIONAL,
///   freshnessToken [4] OCTET STRING OPTIONAL, paChecksum2 [5] PAChecksum2 OPTIONAL }
/// ```
///
/// `paChecksum` is the SHA-1 of the body.
fn read_authenticator(sequence: &Element<'_>, body: Option<&[u8]>, request: &mut Request) -> Result<(), DerError> {
    let mut reader = sequence.reader();
    while !reader.is_empty() {
        let field = reader.element()?;
        match number(&field) {
            Some(0) => request.cusec = Some(field.inner_expect(Tag::INTEGER)?.integer()?),
            Some(1) => request.ctime = Some(kerberos_time(&field.inner()?)?),
            Some(2) => request.nonce = Some(field.inner_expect(Tag::INTEGER)?.integer()?),
            Some(3) => {
                request.checksum = true;
                let stated = field.inner_expect(Tag::OCTET_STRING)?.contents;
                request.checksum_matches = matches("sha1", stated, body);
            }
            Some(4) => request.freshness_token = true,
            Some(5) => {
                request.checksum2 = true;
                read_second_checksum(&field.inner_expect(Tag::SEQUENCE)?, body, request)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// MS-PKCA 2.2.3:
///
/// ```text
/// PAChecksum2 ::= SEQUENCE { checksum [0] OCTET STRING, algorithmIdentifier [1] AlgorithmIdentifier }
/// ```
fn read_second_checksum(sequence: &Element<'_>, body: Option<&[u8]>, request: &mut Request) -> Result<(), DerError> {
    let mut reader = sequence.reader();
    let stated = reader.expect(Tag::context(0))?.inner_expect(Tag::OCTET_STRING)?.contents;
    let oid = cms::algorithm_oid(&reader.expect(Tag::context(1))?.inner_expect(Tag::SEQUENCE)?)?;
    let name = algorithm::digest(&oid);
    request.checksum2_matches = matches(name, stated, body);
    request.checksum2_algorithm = Some(name.to_owned());
    Ok(())
}

/// Whether `stated` is the digest of the body; `None` where the body is not there, or the digest is of another kind.
fn matches(name: &str, stated: &[u8], body: Option<&[u8]>) -> Option<bool> {
    Some(digest(name, body?)? == stated)
}

/// MS-PKCA 2.2.1:
///
/// ```text
/// PKAuthenticator ::= SEQUENCE {
///   kdc-name [0] PrincipalName, kdc-realm [1] Realm, cusec [2] INTEGER, ctime [3] KerberosTime, nonce [4] INTEGER }
/// ```
fn read_old_authenticator(sequence: &Element<'_>, request: &mut Request) -> Result<(), DerError> {
    let mut reader = sequence.reader();
    while !reader.is_empty() {
        let field = reader.element()?;
        match number(&field) {
            Some(2) => request.cusec = Some(field.inner_expect(Tag::INTEGER)?.integer()?),
            Some(3) => request.ctime = Some(kerberos_time(&field.inner()?)?),
            Some(4) => request.nonce = Some(field.inner_expect(Tag::INTEGER)?.integer()?),
            _ => {}
        }
    }
    Ok(())
}

/// The entries of a SEQUENCE OF SEQUENCE under an EXPLICIT tag, at most [`MAX_LIST`].
fn list<T>(tagged: &Element<'_>, read: impl Fn(&Element<'_>) -> Result<T, DerError>) -> Result<Vec<T>, DerError> {
    let mut entries = Vec::new();
    let mut reader = tagged.inner_expect(Tag::SEQUENCE)?.reader();
    while !reader.is_empty() {
        let entry = reader.expect(Tag::SEQUENCE)?;
        if entries.len() >= MAX_LIST {
            return Err(DerError { offset: entry.offset, kind: DerErrorKind::Limit });
        }
        entries.push(read(&entry)?);
    }
    Ok(entries)
}

/// The kind and size of `clientPublicValue`.
///
/// ```text
/// dhpublicnumber (RFC 3279 §2.3.3):  DomainParameters ::= SEQUENCE { p INTEGER, g INTEGER, q INTEGER, … }
/// dhKeyAgreement (PKCS #3):          DHParameter ::= SEQUENCE { prime INTEGER, base INTEGER, … }
/// ecPublicKey (RFC 5480 §2.1.1):     ECParameters ::= CHOICE { namedCurve OBJECT IDENTIFIER, … }
/// ```
fn key_agreement(sequence: &Element<'_>) -> Result<KeyAgreement, DerError> {
    let info = key::key_info(sequence)?;
    group_of(info.oid, info.parameters)
}

/// The group that an algorithm and its parameters name.
pub(in crate::kerberos) fn group_of(oid: String, parameters: Option<Element<'_>>) -> Result<KeyAgreement, DerError> {
    match (oid.as_str(), parameters) {
        ("1.2.840.10046.2.1" | "1.2.840.113549.1.3.1", Some(parameters)) => {
            let prime = parameters.inner_expect(Tag::INTEGER)?;
            let prime = key::unsigned(&prime);
            Ok(KeyAgreement::Dh { group: group::name(prime), bits: key::bit_length(prime) })
        }
        ("1.2.840.10045.2.1", Some(named)) if named.tag == Tag::OBJECT_IDENTIFIER => {
            let oid = algorithm::oid(named.contents);
            let (curve, bits) = algorithm::curve(&oid);
            Ok(KeyAgreement::Ecdh { curve: curve.to_owned(), bits })
        }
        ("1.2.840.10045.2.1", _) => Ok(KeyAgreement::Ecdh { curve: "explicit".to_owned(), bits: 0 }),
        _ => Ok(KeyAgreement::Other(oid)),
    }
}

fn read_trusted_certifiers(
    tagged: &Element<'_>,
    request: &mut Request,
    read: impl Fn(&Element<'_>) -> Result<Option<String>, DerError>,
) -> Result<(), DerError> {
    let mut reader = tagged.inner_expect(Tag::SEQUENCE)?.reader();
    while !reader.is_empty() {
        let entry = reader.element()?;
        if request.trusted_certifiers.len() >= MAX_LIST {
            stop(&mut request.stopped, || format!("trustedCertifiers: more than {MAX_LIST}"));
            break;
        }
        match read(&entry) {
            Ok(Some(certifier)) => request.trusted_certifiers.push(certifier),
            Ok(None) => {}
            Err(error) => stop(&mut request.stopped, || format!("trustedCertifiers: {error}")),
        }
    }
    Ok(())
}

/// The best name for a certifier: its own, else its certificate's issuer, else its key.
///
/// ```text
/// ExternalPrincipalIdentifier ::= SEQUENCE {           -- each holds the DER of:
///   subjectName           [0] IMPLICIT OCTET STRING OPTIONAL,  -- Name
///   issuerAndSerialNumber [1] IMPLICIT OCTET STRING OPTIONAL,  -- IssuerAndSerialNumber
///   subjectKeyIdentifier  [2] IMPLICIT OCTET STRING OPTIONAL } -- OCTET STRING
/// ```
///
/// Of a self-signed authority the issuer is the name itself; Heimdal sends nothing but that.
pub(in crate::kerberos) fn certifier(sequence: &Element<'_>) -> Result<Option<String>, DerError> {
    if sequence.tag != Tag::SEQUENCE {
        return Err(DerError { offset: sequence.offset, kind: DerErrorKind::Tag });
    }
    let (mut subject, mut issuer, mut key_identifier) = (None, None, None);
    let mut reader = sequence.reader();
    while !reader.is_empty() {
        let field = reader.element()?;
        let bytes = cms::octets(&field)?;
        match number(&field) {
            Some(0) => subject = Some(name::name(&bytes)?.text),
            Some(1) => {
                let identifier = Reader::ber(&bytes).expect(Tag::SEQUENCE)?;
                issuer = Some(name::name(cms::issuer_and_serial(&identifier)?.0)?.text);
            }
            Some(2) => {
                // The DER of an OCTET STRING; where [2] was EXPLICIT its value is already out.
                let inner = Reader::new(&bytes).expect(Tag::OCTET_STRING).ok();
                key_identifier = Some(format!("ski:{}", hex(inner.map_or(&*bytes, |inner| inner.contents))));
            }
            _ => {}
        }
    }
    Ok(subject.or(issuer).or(key_identifier))
}

/// The name of a certifier as the draft has it.
///
/// ```text
/// TrustedCA ::= CHOICE { caName [1] Name, issuerAndSerial [2] IssuerAndSerialNumber }
/// ```
fn trusted_ca(choice: &Element<'_>) -> Result<Option<String>, DerError> {
    let inner = choice.inner_expect(Tag::SEQUENCE);
    Ok(match number(choice) {
        Some(1) => Some(name::name(inner?.whole)?.text),
        Some(2) => Some(name::name(cms::issuer_and_serial(&inner?)?.0)?.text),
        _ => None,
    })
}
