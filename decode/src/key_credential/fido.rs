//! KeyMaterial of a security key: JSON with what WebAuthn calls authenticator data. MS-ADTS 2.2.20.5.2.
//!
//! ```text
//! {"version": 1, "authData": base64, "x5c": [base64 of certificates], "displayName": text}
//! authData ::= SHA-256 of the relying party's name, flags (u8), counter (u32), attested credential data, extensions
//! attested credential data ::= AAGUID (16 bytes), length (u16), credential identifier, public key (COSE)
//! ```
//! WebAuthn level 2 §6.1, §6.5.1, big-endian; COSE: RFC 9053 §7. Nothing is verified.

use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use crate::{
    WireText,
    x509::{Certificate, PublicKey, hex},
};

/// What is said of a security key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Fido {
    /// As its user calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<WireText>,
    /// The authenticator's model, as a GUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aaguid: Option<String>,
    /// Subjects of the certificates with which its maker vouches for it, RFC 4514.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attestation: Vec<String>,
}

/// What the JSON holds.
#[derive(Default)]
pub(super) struct Read {
    pub(super) fido: Fido,
    pub(super) key: Option<PublicKey>,
    pub(super) credential_id: Option<Vec<u8>>,
}

/// Reads the JSON; second, what is wrong with it.
pub(super) fn read(json: &[u8]) -> (Read, Option<&'static str>) {
    let mut read = Read::default();
    let Ok(material) = serde_json::from_slice::<Json>(json) else {
        return (read, Some("the JSON of a security key cannot be read"));
    };
    read.fido.display_name = material.display_name.as_deref().map(|name| WireText::new(name.as_bytes()));
    let mut fault = None;
    for certificate in material.x5c.iter().flatten().take(MAX_CERTIFICATES) {
        let der = BASE64.decode(certificate.as_bytes()).ok();
        match der.and_then(|der| Certificate::parse(&der).ok()) {
            Some(certificate) => read.fido.attestation.push(certificate.subject),
            None => fault = Some("an attestation certificate cannot be read"),
        }
    }
    if material.x5c.is_some_and(|x5c| x5c.len() > MAX_CERTIFICATES) {
        fault = Some("more attestation certificates than are read");
    }
    let data = material.auth_data.and_then(|data| BASE64.decode(data.as_bytes()).ok());
    if data.and_then(|data| authenticator_data(&data, &mut read)).is_none() {
        fault = Some("the authenticator data of a security key cannot be read");
    }
    (read, fault)
}

#[derive(Deserialize)]
struct Json {
    #[serde(rename = "authData")]
    auth_data: Option<String>,
    x5c: Option<Vec<String>>,
    #[serde(rename = "displayName")]
    display_name: Option<String>,
}

fn authenticator_data(data: &[u8], read: &mut Read) -> Option<()> {
    let (_relying_party, rest) = data.split_first_chunk::<32>()?;
    let (&[flags, ..], rest) = rest.split_first_chunk::<5>()?;
    if flags & ATTESTED_CREDENTIAL_DATA == 0 {
        return None;
    }
    let (aaguid, rest) = rest.split_first_chunk::<16>()?;
    // Unlike the GUIDs of a directory, this one is written as it is read.
    let groups = [0..4, 4..6, 6..8, 8..10, 10..16].map(|group| hex(aaguid.get(group).unwrap_or_default()));
    read.fido.aaguid = Some(groups.join("-"));
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (credential_id, key) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    read.credential_id = Some(credential_id.to_vec());
    read.key = Some(cose_key(key)?);
    Some(())
}

/// Algorithm and size of a COSE key: a map from small numbers to numbers and bytes.
fn cose_key(mut rest: &[u8]) -> Option<PublicKey> {
    let (MAP, entries) = head(&mut rest)? else { return None };
    let (mut kind, mut curve, mut modulus_bytes) = (None, None, None);
    for _ in 0..entries.min(MAX_COSE_ENTRIES) {
        let label = head(&mut rest)?;
        let (major, value) = head(&mut rest)?;
        if matches!(major, BYTES | TEXT) {
            rest = rest.get(usize::try_from(value).ok()?..)?;
        }
        match (label, major) {
            ((UNSIGNED, 1), UNSIGNED) => kind = Some(value),
            // -1 is the curve of an elliptic key and the modulus of an RSA key.
            ((NEGATIVE, 0), UNSIGNED) => curve = Some(value),
            ((NEGATIVE, 0), BYTES) => modulus_bytes = Some(value),
            ((UNSIGNED | NEGATIVE, _), UNSIGNED | NEGATIVE | BYTES | TEXT | SIMPLE) => {}
            _ => return None,
        }
    }
    let (algorithm, bits) = match (kind?, curve) {
        (1, Some(6)) => ("ed25519", 256),
        (1, Some(7)) => ("ed448", 456),
        (2, Some(1)) => ("ec", 256),
        (2, Some(2)) => ("ec", 384),
        (2, Some(3)) => ("ec", 521),
        (2, _) => ("ec", 0),
        (3, _) => ("rsa", u32::try_from(modulus_bytes?).ok()?.checked_mul(8)?),
        _ => return None,
    };
    Some(PublicKey { algorithm: algorithm.to_owned(), bits })
}

/// Reads the head of a CBOR item, RFC 8949 §3: its major type and its number. Indefinite lengths, which COSE keys must
/// not have here (CTAP 2 §6), are refused.
fn head(rest: &mut &[u8]) -> Option<(u8, u64)> {
    let (&first, mut after) = rest.split_first()?;
    let width = match first & 0x1f {
        0..=23 => 0,
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        _ => return None,
    };
    let mut number = u64::from(first & 0x1f);
    if width > 0 {
        let (bytes, behind) = after.split_at_checked(width)?;
        number = bytes.iter().fold(0, |number, &byte| (number << 8) | u64::from(byte));
        after = behind;
    }
    *rest = after;
    Some((first >> 5, number))
}

/// Flag AT: the credential follows.
const ATTESTED_CREDENTIAL_DATA: u8 = 0x40;
/// Chains of attestation are two or three certificates long.
const MAX_CERTIFICATES: usize = 8;
/// COSE keys have five entries at most.
const MAX_COSE_ENTRIES: u64 = 16;

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const MAP: u8 = 5;
const SIMPLE: u8 = 7;
