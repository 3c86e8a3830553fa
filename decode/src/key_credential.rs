//! Key credentials: the values of msDS-KeyCredentialLink, which say whose sign-in key is which. MS-ADTS 2.2.20.
//!
//! In: a value as a directory writes it (DN-Binary) or its binary part. Out: a [`KeyCredential`] with all that could be
//! read and every [`Fault`]; a value is never refused, because one that a tool has written wrongly is what an
//! administrator looks for. Both hashes are computed anew. Of the key nothing is kept but its size and its hashes.

#![deny(clippy::indexing_slicing)]

use std::fmt;

use data_encoding::HEXLOWER_PERMISSIVE;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::{WireText, ldap::Guid, x509::key::base64};

mod fault;
mod fido;
mod material;
mod numbers;
mod time;

pub use fault::Fault;
pub use fido::Fido;
pub use material::{KeyMaterial, MaterialForm};
pub use numbers::{EntryId, KeySource, KeyUsage};
pub use time::KeyTime;

/// Whether an attribute of this name holds key credentials: msDS-KeyCredentialLink in whatever case, or its object
/// identifier; with options (`;range=0-99`) or without.
pub fn is_key_credential_link(attribute: &[u8]) -> bool {
    // Most names are shorter: they cost one comparison.
    attribute.len() >= NAME.len()
        && attribute
            .split(|&byte| byte == b';')
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(NAME) || name == OBJECT_IDENTIFIER)
}

/// A key credential, as far as it could be read. Field names are those of machine output.
///
/// ```text
/// KEYCREDENTIALLINK_BLOB  ::= version (u32), entries, sorted by identifier        MS-ADTS 2.2.20.2
/// KEYCREDENTIALLINK_ENTRY ::= length of the value (u16), identifier (u8), value   MS-ADTS 2.2.20.3
/// ```
/// Numbers are little-endian.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KeyCredential {
    /// Distinguished name of the object that holds it; `None` where only the blob was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dn: Option<WireText>,
    /// Of the blob; 0x200 is the only one in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// KeyID as it is stored, base64. Compare it with the `key_id` of a certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Whether KeyID is the SHA-256 of the key material, or the credential's identifier in FIDO's. `None`: one is
    /// absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id_matches: Option<bool>,
    /// Whether KeyHash is the SHA-256 of all entries behind it. `None`: there is no KeyHash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_hash_matches: Option<bool>,
    /// The key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub material: Option<KeyMaterial>,
    /// What it is for.
    #[serde(flatten)]
    pub usage: Option<KeyUsage>,
    /// Where it was registered.
    #[serde(flatten)]
    pub source: Option<KeySource>,
    /// Object identifier of the device; all zeros with keys that belong to none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_id: Option<Guid>,
    /// What else is said of the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_key_information: Option<CustomKeyInformation>,
    /// About when it was last used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_logon: Option<KeyTime>,
    /// About when it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<KeyTime>,
    /// Entries that MS-ADTS does not have, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown_entries: Vec<UnknownEntry>,
    /// All that is wrong, in the order it was found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
}

/// CUSTOM_KEY_INFORMATION, MS-ADTS 2.2.20.4. It may end after any field; those behind are then absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CustomKeyInformation {
    /// Always 1.
    pub version: u8,
    /// 0x1: reserved for attestation; 0x2: the key was made without multi-factor authentication.
    pub flags: u8,
    /// 0 none, 1 operating system volume, 2 fixed data volume, 3 removable data volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_type: Option<u8>,
    /// 1: the device can be notified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supports_notification: Option<u8>,
    /// Version of the file encryption key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fek_key_version: Option<u8>,
    /// 0 unknown, 1 weak, 2 normal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_strength: Option<u8>,
}

impl CustomKeyInformation {
    /// Whether the key was registered by someone who had shown one factor only (CUSTOMKEYINFO_FLAGS_MFA_NOT_USED).
    pub fn mfa_not_used(&self) -> bool {
        self.flags & 0x2 != 0
    }
}

/// An entry that MS-ADTS does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct UnknownEntry {
    /// Its number.
    pub identifier: u8,
    /// Bytes of its value.
    pub bytes: u16,
}

impl KeyCredential {
    /// Reads a value in the text form of DN-Binary, MS-ADTS 3.1.1.2.2.2.3: `B:<digits>:<hex>:<distinguished name>`.
    pub fn from_dn_binary(text: &[u8]) -> Self {
        let mut credential = Self::default();
        let Some(rest) = text.strip_prefix(b"B:") else {
            credential.faults.push(Fault::NotDnBinary { offset: 0 });
            return credential;
        };
        let Some((count, rest)) = split_at_colon(rest) else {
            credential.faults.push(Fault::NotDnBinary { offset: 2 });
            return credential;
        };
        let offset = text.len().saturating_sub(rest.len());
        let hex = if let Some((hex, dn)) = split_at_colon(rest) {
            let kept = dn.get(..MAX_DN).unwrap_or(dn);
            if kept.len() < dn.len() {
                credential.faults.push(Fault::LongDn { bytes: dn.len() });
            }
            credential.dn = Some(WireText::new(kept));
            hex
        } else {
            credential.faults.push(Fault::NotDnBinary { offset: text.len() });
            rest
        };
        let stated = std::str::from_utf8(count).ok().and_then(|count| count.parse().ok());
        if stated != Some(hex.len()) {
            credential.faults.push(Fault::HexCount { stated, found: hex.len() });
        }
        if hex.len() / 2 > MAX_BLOB {
            credential.faults.push(Fault::LongBlob { bytes: hex.len() / 2 });
            return credential;
        }
        let (blob, wrong) = pairs(hex);
        if let Some(wrong) = wrong {
            credential.faults.push(Fault::NotHex { offset: offset.saturating_add(wrong) });
        }
        credential.read(&blob);
        credential
    }

    /// Reads the binary part alone.
    pub fn from_blob(blob: &[u8]) -> Self {
        let mut credential = Self::default();
        if blob.len() > MAX_BLOB {
            credential.faults.push(Fault::LongBlob { bytes: blob.len() });
        } else {
            credential.read(blob);
        }
        credential
    }

    fn read(&mut self, blob: &[u8]) {
        let Some((version, mut rest)) = blob.split_first_chunk() else {
            self.faults.push(Fault::NoVersion { bytes: blob.len() });
            return;
        };
        let version = u32::from_le_bytes(*version);
        self.version = Some(version);
        if version != VERSION_2 {
            self.faults.push(Fault::Version(version));
        }
        let mut found = Found::default();
        let mut offset = 4;
        for count in 0.. {
            if rest.is_empty() {
                break;
            }
            if count == MAX_ENTRIES {
                self.faults.push(Fault::Limit { offset });
                break;
            }
            let Some((&[low, high, identifier], body)) = rest.split_first_chunk() else {
                self.faults.push(Fault::CutHeader { offset });
                break;
            };
            let (entry, length) = (EntryId(identifier), u16::from_le_bytes([low, high]));
            let Some((value, after)) = body.split_at_checked(usize::from(length)) else {
                self.faults.push(Fault::CutValue { entry, offset, stated: length, found: body.len() });
                break;
            };
            self.entry(&mut found, Entry { identifier: entry, offset, value, after });
            offset = blob.len().saturating_sub(after.len());
            rest = after;
        }
        self.conclude(&found);
    }

    fn entry<'a>(&mut self, found: &mut Found<'a>, Entry { identifier: entry, offset, value, after }: Entry<'a>) {
        if entry < found.highest {
            self.faults.push(Fault::Order { entry, offset });
        }
        found.highest = found.highest.max(entry);
        let Some(seen) = entry.name().and_then(|_| found.seen.get_mut(usize::from(entry.0))) else {
            let bytes = u16::try_from(value.len()).unwrap_or(u16::MAX);
            self.unknown_entries.push(UnknownEntry { identifier: entry.0, bytes });
            return;
        };
        if std::mem::replace(seen, true) {
            self.faults.push(Fault::Repeated { entry, offset });
            return;
        }
        let fits = match (entry, value) {
            (EntryId::KEY_ID, id) => {
                found.key_id = Some((id, offset));
                self.key_id = (id.len() <= MAX_KEY_ID).then(|| base64(id));
                true
            }
            (EntryId::KEY_HASH, hash) if hash.len() == 32 => {
                let matches = Sha256::digest(after).as_slice() == hash;
                self.key_hash_matches = Some(matches);
                if !matches {
                    self.faults.push(Fault::KeyHash { offset });
                }
                true
            }
            (EntryId::KEY_MATERIAL, material) => {
                found.material = Some((material, offset));
                true
            }
            (EntryId::KEY_USAGE, &[usage]) => {
                self.usage = Some(KeyUsage(usage));
                true
            }
            (EntryId::KEY_SOURCE, &[source]) => {
                self.source = Some(KeySource(source));
                true
            }
            (EntryId::DEVICE_ID, id) => {
                self.device_id = id.try_into().ok().map(Guid);
                self.device_id.is_some()
            }
            (EntryId::CUSTOM_KEY_INFORMATION, &[version, flags, ref more @ ..]) => {
                let at = |place: usize| more.get(place).copied();
                self.custom_key_information = Some(CustomKeyInformation {
                    version,
                    flags,
                    volume_type: at(0),
                    supports_notification: at(1),
                    fek_key_version: at(2),
                    key_strength: at(3),
                });
                if version != 1 {
                    self.faults.push(Fault::CustomVersion { version, offset });
                }
                true
            }
            (EntryId::LAST_LOGON | EntryId::CREATION_TIME, time) => match time.try_into() {
                Ok(time) => {
                    found.times.push((entry, offset, u64::from_le_bytes(time)));
                    true
                }
                Err(_) => false,
            },
            _ => false,
        };
        if !fits {
            self.faults.push(Fault::Length { entry, offset, bytes: value.len() });
        }
    }

    /// What needs more than one entry.
    fn conclude(&mut self, found: &Found<'_>) {
        let mut credential_id = None;
        if let Some((bytes, offset)) = found.material {
            let (material, id, fault) = KeyMaterial::read(bytes);
            credential_id = id;
            if let Some(reason) = fault {
                self.faults.push(Fault::Material { offset, reason });
            }
            self.material = Some(material);
        }
        let is_fido = self.material.as_ref().is_some_and(|material| material.form == MaterialForm::Fido);
        if let Some((id, offset)) = found.key_id {
            if (id.len() != 32 && !is_fido) || self.key_id.is_none() {
                self.faults.push(Fault::Length { entry: EntryId::KEY_ID, offset, bytes: id.len() });
            }
            let matches = match (found.material, credential_id) {
                (_, Some(credential_id)) => Some(credential_id == id),
                // Without an identifier of its own in it, nothing can be said about a FIDO key's.
                (Some((material, _)), None) if !is_fido => Some(Sha256::digest(material).as_slice() == id),
                _ => None,
            };
            self.key_id_matches = matches;
            if matches == Some(false) {
                self.faults.push(Fault::KeyId { offset });
            }
        }
        for &(entry, offset, value) in &found.times {
            let (time, as_date_time) = KeyTime::read(value);
            if time.is_none() {
                self.faults.push(Fault::Time { entry, offset });
            } else if as_date_time && self.source == Some(KeySource::AD) {
                self.faults.push(Fault::TimeForm { entry, offset });
            }
            if entry == EntryId::LAST_LOGON {
                self.last_logon = time;
            } else {
                self.created = time;
            }
        }
        for entry in [EntryId::KEY_ID, EntryId::KEY_MATERIAL, EntryId::KEY_USAGE] {
            if found.seen.get(usize::from(entry.0)) != Some(&true) {
                self.faults.push(Fault::Missing(entry));
            }
        }
    }
}

/// On one line, harmless on a terminal: `NGC key IHF64…= of CN=mia,…, rsa 2048, created 2018-06-13T22:32:38Z`.
impl fmt::Display for KeyCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.usage {
            Some(usage) => match usage.name() {
                Some(name) => write!(f, "{name} key")?,
                None => write!(f, "key of usage {}", usage.0)?,
            },
            None => f.write_str("key")?,
        }
        f.write_str(" ")?;
        f.write_str(self.key_id.as_deref().unwrap_or("without KeyID"))?;
        if let Some(dn) = &self.dn {
            write!(f, " of {dn}")?;
        }
        if let Some(key) = self.material.as_ref().and_then(|material| material.key.as_ref()) {
            write!(f, ", {} {}", key.algorithm, key.bits)?;
        }
        if let Some(created) = self.created {
            write!(f, ", created {created}")?;
        }
        self.faults.iter().try_for_each(|fault| write!(f, "; {fault}"))
    }
}

/// An entry and where it stands.
struct Entry<'a> {
    identifier: EntryId,
    /// Of its header, in the blob.
    offset: usize,
    value: &'a [u8],
    /// All entries behind it.
    after: &'a [u8],
}

/// What entries leave for when all are known.
#[derive(Default)]
struct Found<'a> {
    highest: EntryId,
    /// By identifier.
    seen: [bool; 10],
    key_id: Option<(&'a [u8], usize)>,
    material: Option<(&'a [u8], usize)>,
    times: Vec<(EntryId, usize, u64)>,
}

/// The bytes that pairs of hex digits stand for, up to the first that does not, and where that is.
fn pairs(hex: &[u8]) -> (Vec<u8>, Option<usize>) {
    let even = hex.get(..hex.len() & !1).unwrap_or_default();
    match HEXLOWER_PERMISSIVE.decode(even) {
        Ok(bytes) => (bytes, (even.len() < hex.len()).then_some(even.len())),
        Err(error) => {
            let good = even.get(..error.position & !1).unwrap_or_default();
            (HEXLOWER_PERMISSIVE.decode(good).unwrap_or_default(), Some(error.position))
        }
    }
}

fn split_at_colon(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = text.iter().position(|&byte| byte == b':')?;
    let (before, rest) = text.split_at_checked(colon)?;
    Some((before, rest.get(1..)?))
}

/// The attribute's lDAPDisplayName. MS-ADA2 2.358.
const NAME: &[u8] = b"msDS-KeyCredentialLink";
/// The attribute's object identifier, by which LDAP may name it, too. RFC 4512 §2.5.
const OBJECT_IDENTIFIER: &[u8] = b"1.2.840.113556.1.4.2328";
/// KEY_CREDENTIAL_LINK_VERSION_2.
const VERSION_2: u32 = 0x200;
/// Largest blob that is read. Sign-in keys have some 400 bytes, FIDO's 1,400; certificates may add some thousands.
pub const MAX_BLOB: usize = 65_536;
/// Bytes kept of the name of an object. Those of a directory stay far below.
pub const MAX_DN: usize = 16_384;
/// Entries read of one blob. MS-ADTS has nine.
pub const MAX_ENTRIES: usize = 64;
/// Bytes of the longest KeyID that is kept: the longest credential identifier of WebAuthn.
pub const MAX_KEY_ID: usize = 1023;
