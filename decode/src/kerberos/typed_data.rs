//! What the values of typed data in a KRB-ERROR say: what a KDC wants of PKINIT, or did not want.
//!
//! RFC 4556 §3.2.2 and RFC 8636 §4. They stand in TYPED-DATA, and with some KDCs in METHOD-DATA under the same numbers.

use super::fields::Faults;
use super::pkinit::{KeyAgreement, certifier, group_of};
use super::{PaType, TypedValues};
use crate::cms;
use crate::der::{DerError, DerErrorKind, Element, Reader, Tag};
use crate::x509::algorithm;

/// Entries of one list. A KDC that names its whole trust store names some dozens.
const MAX_ENTRIES: usize = 128;

/// Whether values of this type are read.
pub(super) fn is_read(kind: PaType) -> bool {
    matches!(
        kind,
        PaType::TD_TRUSTED_CERTIFIERS
            | PaType::TD_INVALID_CERTIFICATES
            | PaType::TD_DH_PARAMETERS
            | PaType::TD_CMS_DIGEST_ALGORITHMS
            | PaType::TD_CERT_DIGEST_ALGORITHMS
    )
}

/// Adds what the value of one entry says. Values of other types change nothing.
///
/// ```text
/// TD-TRUSTED-CERTIFIERS    ::= SEQUENCE OF ExternalPrincipalIdentifier   -- 104
/// TD-INVALID-CERTIFICATES  ::= SEQUENCE OF ExternalPrincipalIdentifier   -- 105
/// TD-DH-PARAMETERS         ::= SEQUENCE OF AlgorithmIdentifier           -- 109
/// TD-CMS-DIGEST-ALGORITHMS ::= SEQUENCE OF AlgorithmIdentifier           -- 111
/// TD-CERT-DIGEST-ALGORITHMS ::= SEQUENCE {                               -- 112
///     allowedAlgorithms [0] SEQUENCE OF AlgorithmIdentifier, rejectedAlgorithm [1] AlgorithmIdentifier OPTIONAL }
/// ```
pub(super) fn read(values: &mut TypedValues, kind: PaType, value: &Element<'_>, faults: &mut Faults) {
    let mut reader = Reader::at(value.contents, value.reader().offset());
    let name = kind.name().unwrap_or("e-data");
    let outcome = match kind {
        PaType::TD_TRUSTED_CERTIFIERS => certifiers(&mut reader, &mut values.trusted_certifiers),
        PaType::TD_INVALID_CERTIFICATES => certifiers(&mut reader, &mut values.invalid_certificates),
        PaType::TD_DH_PARAMETERS => groups(&mut reader, &mut values.dh_parameters),
        PaType::TD_CMS_DIGEST_ALGORITHMS => digests(&mut reader, &mut values.digests),
        PaType::TD_CERT_DIGEST_ALGORITHMS => reader
            .expect(Tag::SEQUENCE)
            .and_then(|sequence| sequence.inner_expect(Tag::context(0)))
            .and_then(|allowed| digests(&mut allowed.reader(), &mut values.certificate_digests)),
        _ => Ok(()),
    };
    faults.keep(name, outcome);
}

/// Calls `read` with every entry of the list that comes next.
fn each<'a>(
    reader: &mut Reader<'a>,
    mut read: impl FnMut(&Element<'a>) -> Result<(), DerError>,
) -> Result<(), DerError> {
    let mut entries = reader.expect(Tag::SEQUENCE)?.reader();
    let mut left = MAX_ENTRIES;
    while !entries.is_empty() {
        let entry = entries.expect(Tag::SEQUENCE)?;
        left = left.checked_sub(1).ok_or(DerError { offset: entry.offset, kind: DerErrorKind::Limit })?;
        read(&entry)?;
    }
    Ok(())
}

fn certifiers(reader: &mut Reader<'_>, names: &mut Vec<String>) -> Result<(), DerError> {
    each(reader, |entry| {
        names.extend(certifier(entry)?);
        Ok(())
    })
}

fn groups(reader: &mut Reader<'_>, groups: &mut Vec<KeyAgreement>) -> Result<(), DerError> {
    each(reader, |entry| {
        let mut fields = entry.reader();
        let oid = algorithm::oid(fields.expect(Tag::OBJECT_IDENTIFIER)?.contents);
        let parameters = if fields.is_empty() { None } else { Some(fields.element()?) };
        groups.push(group_of(oid, parameters)?);
        Ok(())
    })
}

/// A digest's name; KDCs list signature algorithms here as well, which keep theirs.
fn digests(reader: &mut Reader<'_>, names: &mut Vec<String>) -> Result<(), DerError> {
    each(reader, |entry| {
        let oid = cms::algorithm_oid(entry)?;
        names.push(algorithm::signature(algorithm::digest(&oid)).to_owned());
        Ok(())
    })
}
