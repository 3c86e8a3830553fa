//! Public keys: SubjectPublicKeyInfo, and the key identifiers that the directory knows an RSA key by.
//!
//! A directory value of msDS-KeyCredentialLink names the key by the SHA-256 of its key material. Users' keys are
//! stored as BCRYPT_RSAKEY_BLOB (MS-ADTS 2.2.20.5.1), computers' as the DER of PKCS#1 RSAPublicKey.

use data_encoding::BASE64;
use sha2::{Digest as _, Sha256};

use super::{PublicKey, algorithm};
use crate::der::{DerError, Element, Reader, Tag};

/// What a SubjectPublicKeyInfo says.
pub(crate) struct KeyInfo<'a> {
    /// Algorithm and size.
    pub(crate) key: PublicKey,
    /// The algorithm's object identifier.
    pub(crate) oid: String,
    /// The algorithm's parameters.
    pub(crate) parameters: Option<Element<'a>>,
    /// The key itself, without the count of unused bits.
    pub(crate) bits: &'a [u8],
    /// The numbers of an RSA key.
    pub(crate) rsa: Option<RsaKey<'a>>,
}

/// An RSA public key, its numbers big-endian without leading zeros.
pub(crate) struct RsaKey<'a> {
    pub(crate) modulus: &'a [u8],
    pub(crate) exponent: &'a [u8],
    /// The whole RSAPublicKey.
    der: &'a [u8],
}

/// Reads a SubjectPublicKeyInfo, RFC 5280 §4.1:
///
/// ```text
/// SubjectPublicKeyInfo ::= SEQUENCE { algorithm AlgorithmIdentifier, subjectPublicKey BIT STRING }
/// AlgorithmIdentifier  ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL }
/// ```
///
/// A key that does not fit its algorithm has size 0.
pub(crate) fn key_info<'a>(sequence: &Element<'a>) -> Result<KeyInfo<'a>, DerError> {
    let mut reader = sequence.reader();
    let mut algorithm_reader = reader.expect(Tag::SEQUENCE)?.reader();
    let oid = algorithm::oid(algorithm_reader.expect(Tag::OBJECT_IDENTIFIER)?.contents);
    let parameters = if algorithm_reader.is_empty() { None } else { Some(algorithm_reader.element()?) };
    let bits = bit_string(&reader.expect(Tag::BIT_STRING)?);
    let rsa = match oid.as_str() {
        "1.2.840.113549.1.1.1" | "1.2.840.113549.1.1.10" => rsa_key(bits).ok(),
        _ => None,
    };
    let (name, size) = match oid.as_str() {
        "1.2.840.113549.1.1.1" => ("rsa", rsa.as_ref().map_or(0, |key| bit_length(key.modulus))),
        "1.2.840.113549.1.1.10" => ("rsa-pss", rsa.as_ref().map_or(0, |key| bit_length(key.modulus))),
        "1.2.840.10045.2.1" => {
            ("ec", parameters.as_ref().map_or(0, |named| algorithm::curve(&algorithm::oid(named.contents)).1))
        }
        "1.2.840.10040.4.1" => ("dsa", parameters.as_ref().map_or(0, first_integer_bits)),
        "1.3.101.112" => ("ed25519", 256),
        "1.3.101.113" => ("ed448", 456),
        other => (other, 0),
    };
    let key = PublicKey { algorithm: name.to_owned(), bits: size };
    Ok(KeyInfo { key, oid, parameters, bits, rsa })
}

/// RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }, RFC 8017 appendix A.1.1.
pub(crate) fn rsa_key(bits: &[u8]) -> Result<RsaKey<'_>, DerError> {
    let whole = Reader::new(bits).expect(Tag::SEQUENCE)?;
    let mut reader = whole.reader();
    let modulus = unsigned(&reader.expect(Tag::INTEGER)?);
    let exponent = unsigned(&reader.expect(Tag::INTEGER)?);
    Ok(RsaKey { modulus, exponent, der: whole.whole })
}

impl RsaKey<'_> {
    /// KeyID of the key as BCRYPT_RSAKEY_BLOB, base64; `None` where the key is too large to have such a header.
    pub(crate) fn key_id(&self) -> Option<String> {
        bcrypt_key_id(self.modulus, self.exponent)
    }

    /// KeyID of the key as PKCS#1 RSAPublicKey, base64.
    pub(crate) fn key_id_pkcs1(&self) -> String {
        base64(&Sha256::digest(self.der))
    }
}

/// KeyID of an RSA key as BCRYPT_RSAKEY_BLOB, base64. Its numbers are big-endian without leading zeros; every number of
/// the header is little-endian:
///
/// ```text
/// "RSA1" | bits of the modulus | bytes of the exponent | bytes of the modulus | 0 | 0 | exponent | modulus
/// ```
///
/// `None` where the key is too large to have such a header.
pub(crate) fn bcrypt_key_id(modulus: &[u8], exponent: &[u8]) -> Option<String> {
    let exponent_bytes = u32::try_from(exponent.len()).ok()?;
    let modulus_bytes = u32::try_from(modulus.len()).ok()?;
    let mut hash = Sha256::new();
    hash.update(b"RSA1");
    for number in [bit_length(modulus), exponent_bytes, modulus_bytes, 0, 0] {
        hash.update(number.to_le_bytes());
    }
    hash.update(exponent);
    hash.update(modulus);
    Some(base64(&hash.finalize()))
}

/// The first INTEGER of a SEQUENCE (the prime of DSA and Diffie-Hellman parameters), in bits; 0 where there is none.
fn first_integer_bits(sequence: &Element<'_>) -> u32 {
    sequence.inner_expect(Tag::INTEGER).map_or(0, |prime| bit_length(unsigned(&prime)))
}

/// The bytes of a BIT STRING, without the count of unused bits.
pub(crate) fn bit_string<'a>(element: &Element<'a>) -> &'a [u8] {
    element.contents.get(1..).unwrap_or_default()
}

/// An INTEGER's bytes without leading zeros. Negative numbers keep their two's complement.
pub(crate) fn unsigned<'a>(element: &Element<'a>) -> &'a [u8] {
    trimmed(element.contents)
}

/// A big-endian number without its leading zero bytes.
pub(crate) fn trimmed(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// Bits of a big-endian number without leading zero bytes.
pub(crate) fn bit_length(number: &[u8]) -> u32 {
    let Some(first) = number.first() else { return 0 };
    u32::try_from(number.len())
        .ok()
        .and_then(|bytes| bytes.checked_mul(8))
        .map_or(0, |bits| bits - first.leading_zeros())
}

/// Base64 with padding, RFC 4648 §4.
pub(crate) fn base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::bit_length;

    #[test]
    fn bits_are_counted_from_the_first_one() {
        assert_eq!(bit_length(&[]), 0);
        assert_eq!(bit_length(&[1]), 1);
        assert_eq!(bit_length(&[0x80, 0]), 16);
    }
}
