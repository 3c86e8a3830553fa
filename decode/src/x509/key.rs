//! Public keys: SubjectPublicKeyInfo, and the key identifiers that the directory knows an RSA key by.
//!
//! A directory value of msDS-KeyCredentialLink names the key by the SHA-256 of its key material. Users' keys are
//! stored as BCRYPT_RSAKEY_BLOB (MS-ADTS 2.2.20.5.1), computers' as the DER of PKCS#1 RSAPublicKey.

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
fn rsa_key(bits: &[u8]) -> Result<RsaKey<'_>, DerError> {
    let whole = Reader::new(bits).expect(Tag::SEQUENCE)?;
    let mut reader = whole.reader();
    let modulus = unsigned(&reader.expect(Tag::INTEGER)?);
    let exponent = unsigned(&reader.expect(Tag::INTEGER)?);
    Ok(RsaKey { modulus, exponent, der: whole.whole })
}

impl RsaKey<'_> {
    /// KeyID of the key as BCRYPT_RSAKEY_BLOB, base64. Every number of the header is little-endian:
    ///
    /// ```text
    /// "RSA1" | bits of the modulus | bytes of the exponent | bytes of the modulus | 0 | 0 | exponent | modulus
    /// ```
    ///
    /// `None` where the key is too large to have such a header.
    pub(crate) fn key_id(&self) -> Option<String> {
        let exponent_bytes = u32::try_from(self.exponent.len()).ok()?;
        let modulus_bytes = u32::try_from(self.modulus.len()).ok()?;
        let mut hash = Sha256::new();
        hash.update(b"RSA1");
        for number in [bit_length(self.modulus), exponent_bytes, modulus_bytes, 0, 0] {
            hash.update(number.to_le_bytes());
        }
        hash.update(self.exponent);
        hash.update(self.modulus);
        Some(base64(&hash.finalize()))
    }

    /// KeyID of the key as PKCS#1 RSAPublicKey, base64.
    pub(crate) fn key_id_pkcs1(&self) -> String {
        base64(&Sha256::digest(self.der))
    }
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
    let zeros = element.contents.iter().take_while(|&&byte| byte == 0).count();
    element.contents.get(zeros..).unwrap_or_default()
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
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let number = (0..3).fold(0_u32, |number, i| (number << 8) | u32::from(group.get(i).copied().unwrap_or(0)));
        for place in 0..4_usize {
            let sextet = (number >> (18 - 6 * place)) & 0x3f;
            let letter = ALPHABET.get(sextet as usize).copied().unwrap_or(b'=');
            text.push(if place <= group.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{base64, bit_length};

    #[test]
    fn base64_as_in_rfc_4648() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
        assert_eq!(base64(&[0xff, 0xfe, 0xfd]), "//79");
    }

    #[test]
    fn bits_are_counted_from_the_first_one() {
        assert_eq!(bit_length(&[]), 0);
        assert_eq!(bit_length(&[1]), 1);
        assert_eq!(bit_length(&[0x80, 0]), 16);
    }
}
