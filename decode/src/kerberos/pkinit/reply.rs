//! PA-PK-AS-REP: the KDC's certificate, and its half of the key agreement.

use super::{Reply, ReplyForm, SignedData, kdf, kerberos_time, read_content};
use crate::cms::{self, stop};
use crate::der::{DerError, DerErrorKind, Element, Reader, Tag};
use crate::x509::key;

/// id-pkinit-DHKeyData.
const DH_KEY_DATA: &str = "1.3.6.1.5.2.3.2";

/// Reads a PA-PK-AS-REP, the value of padata 17. RFC 4556 §3.2.3:
///
/// ```text
/// PA-PK-AS-REP ::= CHOICE { dhInfo [0] DHRepInfo, encKeyPack [1] IMPLICIT OCTET STRING }
/// ```
///
/// It never fails: `stopped` says what could not be read. The inside of `encKeyPack` is encrypted, which is no reason
/// to stop. The form of Windows 2000 (a CMS message right under `[0]` or `[1]`) is read as well.
pub fn reply(value: &[u8]) -> Reply {
    let mut reply = Reply::default();
    if let Err(error) = read(value, &mut reply) {
        stop(&mut reply.stopped, || format!("PA-PK-AS-REP: {error}"));
    }
    reply
}

fn read(value: &[u8], reply: &mut Reply) -> Result<(), DerError> {
    let choice = Reader::ber(value).element()?;
    match choice.tag.0 {
        0xa0 => {
            let inside = choice.inner()?;
            let first = inside.reader().peek();
            if inside.tag == Tag::SEQUENCE && first.is_some_and(|tag| tag.0 & 0xc0 == 0x80) {
                read_dh_info(&inside, reply)
            } else {
                read_dh_signed_data(&cms::octets(&choice)?, reply);
                Ok(())
            }
        }
        0x80 => {
            read_dh_signed_data(choice.contents, reply);
            Ok(())
        }
        0x81 | 0xa1 => {
            reply.form = ReplyForm::EncKeyPack;
            let found = cms::content_type(&cms::octets(&choice)?);
            if found.as_deref() != Some(cms::ENVELOPED_DATA) {
                let found = found.unwrap_or_else(|| "none that can be read".to_owned());
                stop(&mut reply.stopped, || format!("encKeyPack: content type is not envelopedData: {found}"));
            }
            Ok(())
        }
        _ => Err(DerError { offset: choice.offset, kind: DerErrorKind::Tag }),
    }
}

/// RFC 4556 §3.2.3.1, RFC 8636 §6:
///
/// ```text
/// DHRepInfo ::= SEQUENCE {
///   dhSignedData [0] IMPLICIT OCTET STRING, serverDHNonce [1] DHNonce OPTIONAL, kdf [2] KDFAlgorithmId OPTIONAL }
/// ```
fn read_dh_info(sequence: &Element<'_>, reply: &mut Reply) -> Result<(), DerError> {
    let mut reader = sequence.reader();
    while !reader.is_empty() {
        let field = reader.element()?;
        match field.tag.0 {
            0x80 | 0xa0 => read_dh_signed_data(&cms::octets(&field)?, reply),
            0x81 | 0xa1 => reply.server_dh_nonce = true,
            0xa2 => reply.kdf = Some(kdf(&field.inner_expect(Tag::SEQUENCE)?)?),
            _ => {}
        }
    }
    Ok(())
}

fn read_dh_signed_data(bytes: &[u8], reply: &mut Reply) {
    let raw = cms::signed_data(bytes);
    let mut stopped = raw.stopped.clone();
    reply.signed = SignedData::from_cms(&raw, &mut stopped);
    if let Some(other) = raw.content_type.as_deref().filter(|&oid| oid != DH_KEY_DATA) {
        stop(&mut stopped, || format!("CMS: content type {other} is not id-pkinit-DHKeyData"));
    }
    if raw.content.is_some() || stopped.is_none() {
        read_content("KDCDHKeyInfo", raw.content.as_deref(), &mut stopped, |reader| read_key_info(reader, reply));
    }
    if reply.stopped.is_none() {
        reply.stopped = stopped;
    }
}

/// RFC 4556 §3.2.3.1:
///
/// ```text
/// KDCDHKeyInfo ::= SEQUENCE {
///   subjectPublicKey [0] BIT STRING, nonce [1] INTEGER, dhKeyExpiration [2] KerberosTime OPTIONAL }
/// ```
fn read_key_info(mut outer: Reader<'_>, reply: &mut Reply) -> Result<(), DerError> {
    let mut reader = outer.expect(Tag::SEQUENCE)?.reader();
    let public_key = reader.expect(Tag::context(0))?.inner_expect(Tag::BIT_STRING)?;
    reply.public_key_bits = public_value_bits(key::bit_string(&public_key));
    reply.nonce = Some(reader.expect(Tag::context(1))?.inner_expect(Tag::INTEGER)?.integer()?);
    if let Some(expiration) = reader.optional(Tag::context(2))? {
        reply.dh_key_expiration = Some(kerberos_time(&expiration.inner()?)?);
    }
    Ok(())
}

/// The size of a public value: an INTEGER (RFC 3279 §2.3.3), or a point of a curve (SEC 1 §2.3.3), `04 | x | y` or
/// `02 | x`, `03 | x`.
fn public_value_bits(bits: &[u8]) -> Option<u32> {
    let integer = Reader::new(bits).expect(Tag::INTEGER).ok().filter(|integer| integer.whole.len() == bits.len());
    if let Some(integer) = integer {
        return Some(key::bit_length(key::unsigned(&integer)));
    }
    let (form, coordinates) = bits.split_first()?;
    let bytes = match form {
        4 if coordinates.len().is_multiple_of(2) => coordinates.len() / 2,
        2 | 3 => coordinates.len(),
        _ => return None,
    };
    u32::try_from(bytes).ok()?.checked_mul(8)
}

#[cfg(test)]
mod tests {
    use super::public_value_bits;

    #[test]
    fn public_values_of_every_kind_have_a_size() {
        assert_eq!(public_value_bits(&[2, 3, 0, 0xff, 0xff]), Some(16));
        assert_eq!(public_value_bits(&[&[4_u8][..], &[9; 64]].concat()), Some(256));
        assert_eq!(public_value_bits(&[&[3_u8][..], &[9; 48]].concat()), Some(384));
        assert_eq!(public_value_bits(&[4, 9, 9, 9]), None);
        assert_eq!(public_value_bits(&[]), None);
    }
}
