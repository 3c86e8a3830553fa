//! KeyMaterial: the public key, in one of the forms that are found in directories. MS-ADTS 2.2.20.5.
//!
//! Users' keys are a BCRYPT_RSAKEY_BLOB, computers' a PKCS#1 RSAPublicKey, keys of TPMs a PCP_KEY_BLOB_WIN8, security
//! keys JSON; Samba writes SubjectPublicKeyInfo, which Windows does not read. The first bytes tell them apart.

use serde::Serialize;

use super::fido::{self, Fido};
use crate::{
    der::{Reader, Tag},
    x509::{
        PublicKey, is_roca_weak,
        key::{bcrypt_key_id, bit_length, key_info, rsa_key, trimmed},
    },
};

/// A key as it is stored. The key itself is not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyMaterial {
    /// How it is written.
    pub form: MaterialForm,
    /// Bytes it takes.
    pub bytes: usize,
    /// Algorithm and size; `None` where they cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PublicKey>,
    /// RSA keys: the KeyID that this key has as BCRYPT_RSAKEY_BLOB, whatever form it has here; a certificate with the
    /// same key has it as its `key_id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bcrypt_key_id: Option<String>,
    /// RSA keys: whether the private key can be computed from the public one (ROCA, CVE-2017-15361).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roca_weak: Option<bool>,
    /// What is said of a security key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fido: Option<Box<Fido>>,
}

/// How a key is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaterialForm {
    /// BCRYPT_RSAKEY_BLOB, "RSA1": what Windows reads for users.
    Bcrypt,
    /// RSAPublicKey of PKCS#1 in DER: what Windows reads for computers.
    Pkcs1,
    /// SubjectPublicKeyInfo in DER: what Samba writes.
    Spki,
    /// PCP_KEY_BLOB_WIN8, "PCPM": a key with what its TPM needs to load it.
    Tpm,
    /// JSON of a security key.
    Fido,
    /// None of these.
    Unknown,
}

impl KeyMaterial {
    /// Reads KeyMaterial. Second: the identifier of a security key's credential; third: what is wrong with it.
    pub(super) fn read(bytes: &[u8]) -> (Self, Option<Vec<u8>>, Option<&'static str>) {
        let mut material = Self {
            form: MaterialForm::Unknown,
            bytes: bytes.len(),
            key: None,
            bcrypt_key_id: None,
            roca_weak: None,
            fido: None,
        };
        let mut credential_id = None;
        let fault = match bytes {
            [b'R', b'S', b'A', b'1', rest @ ..] => {
                material.form = MaterialForm::Bcrypt;
                material.bcrypt(rest)
            }
            [b'P', b'C', b'P', b'M', ..] => {
                material.form = MaterialForm::Tpm;
                tpm(bytes)
                    .map(|(modulus, exponent)| material.rsa(modulus, &exponent.to_be_bytes()))
                    .is_none()
                    .then_some("no RSA key of TPM 2.0 in the blob")
            }
            [0x30, ..] => material.der(bytes),
            [b'{', ..] => {
                material.form = MaterialForm::Fido;
                let (read, fault) = fido::read(bytes);
                material.key = read.key;
                material.fido = Some(Box::new(read.fido));
                credential_id = read.credential_id;
                fault
            }
            _ => Some("of no known form"),
        };
        (material, credential_id, fault)
    }

    fn rsa(&mut self, modulus: &[u8], exponent: &[u8]) {
        let (modulus, exponent) = (trimmed(modulus), trimmed(exponent));
        self.key = Some(PublicKey { algorithm: "rsa".to_owned(), bits: bit_length(modulus) });
        self.bcrypt_key_id = bcrypt_key_id(modulus, exponent);
        self.roca_weak = Some(is_roca_weak(modulus));
    }

    /// BCRYPT_RSAKEY_BLOB behind its magic: bits, bytes of exponent, modulus, two primes that a public key has not;
    /// then exponent and modulus.
    fn bcrypt(&mut self, rest: &[u8]) -> Option<&'static str> {
        let short = Some("the key is cut short");
        let Some((header, body)) = rest.split_first_chunk::<20>() else { return short };
        let mut numbers =
            header.chunks_exact(4).map(|number| u32::from_le_bytes(number.try_into().unwrap_or_default()));
        let (bits, exponent, modulus) = (numbers.next(), numbers.next(), numbers.next());
        let size = |number: Option<u32>| number.and_then(|number| usize::try_from(number).ok());
        let (Some(exponent), Some(modulus)) = (size(exponent), size(modulus)) else { return short };
        let Some((exponent, body)) = body.split_at_checked(exponent) else { return short };
        let Some((modulus, behind)) = body.split_at_checked(modulus) else { return short };
        self.rsa(modulus, exponent);
        if !behind.is_empty() || numbers.any(|prime| prime != 0) {
            return Some("more than a public key");
        }
        (bits != Some(bit_length(trimmed(modulus)))).then_some("its size is not the one stated")
    }

    /// RSAPublicKey begins with a number, SubjectPublicKeyInfo with the algorithm.
    fn der(&mut self, bytes: &[u8]) -> Option<&'static str> {
        let mut reader = Reader::new(bytes);
        let Ok(whole) = reader.element() else { return Some("the key is cut short") };
        if whole.reader().peek() == Some(Tag::INTEGER) {
            self.form = MaterialForm::Pkcs1;
            let Ok(rsa) = rsa_key(bytes) else { return Some("not an RSAPublicKey") };
            self.rsa(rsa.modulus, rsa.exponent);
        } else {
            let Ok(info) = key_info(&whole) else { return Some("of no known form") };
            self.form = MaterialForm::Spki;
            match &info.rsa {
                Some(rsa) => self.rsa(rsa.modulus, rsa.exponent),
                None => self.key = Some(info.key),
            }
        }
        (!reader.is_empty()).then_some("more than a public key")
    }
}

/// Modulus and exponent of an RSA key of TPM 2.0.
///
/// ```text
/// PCP_KEY_BLOB_WIN8 ::= "PCPM", its length, type (2: TPM 2.0), … (u32, little-endian), TPM2B_PUBLIC, …
/// TPMT_PUBLIC       ::= type (1: RSA), nameAlg (u16), objectAttributes (u32), authPolicy (u16 length and bytes),
///                       symmetric, scheme, keyBits (u16), exponent (u32), modulus (u16 length and bytes)
/// ```
/// TPM 2.0 library, part 2, 12.2.4, in big-endian; `symmetric` and `scheme` are NULL or have parameters.
fn tpm(blob: &[u8]) -> Option<(&[u8], u32)> {
    let little = |at: usize| {
        let number = blob.get(at..at.checked_add(4)?)?;
        number.try_into().ok().map(u32::from_le_bytes)
    };
    if little(8)? != TPM_2_0 {
        return None;
    }
    let mut rest = blob.get(usize::try_from(little(4)?).ok()?..)?;
    let mut take = |count: usize| {
        let (taken, after) = rest.split_at_checked(count)?;
        rest = after;
        Some(taken)
    };
    let number = |bytes: &[u8]| bytes.try_into().ok().map(u16::from_be_bytes);
    take(2)?;
    if number(take(2)?)? != TPM_ALG_RSA {
        return None;
    }
    take(6)?;
    let policy = number(take(2)?)?;
    take(usize::from(policy))?;
    if number(take(2)?)? != TPM_ALG_NULL {
        take(4)?;
    }
    if !matches!(number(take(2)?)?, TPM_ALG_NULL | TPM_ALG_RSAES) {
        take(2)?;
    }
    take(2)?;
    let exponent = take(4)?.try_into().ok().map(u32::from_be_bytes)?;
    let modulus = number(take(2)?)?;
    let modulus = take(usize::from(modulus))?;
    Some((modulus, if exponent == 0 { 65_537 } else { exponent }))
}

/// Type of a PCP_KEY_BLOB_WIN8.
const TPM_2_0: u32 = 2;
/// An object of RSA.
const TPM_ALG_RSA: u16 = 1;
/// No algorithm.
const TPM_ALG_NULL: u16 = 0x10;
/// The one scheme without a digest.
const TPM_ALG_RSAES: u16 = 0x15;
