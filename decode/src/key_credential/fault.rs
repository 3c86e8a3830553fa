//! What can be wrong with a key credential, and where.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{EntryId, MAX_BLOB, MAX_DN, MAX_ENTRIES, MAX_KEY_ID};

/// Something that is not as MS-ADTS 2.2.20 has it. Offsets are in bytes: of the text for what concerns DN-Binary, of
/// the blob for the rest, where they are those of the entry's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The text is not `B:<digits>:<hex>:<distinguished name>`.
    NotDnBinary {
        /// Where it departs from that.
        offset: usize,
    },
    /// There are not as many hex digits as the text says.
    HexCount {
        /// As it says; `None`: no number.
        stated: Option<usize>,
        /// As there are.
        found: usize,
    },
    /// There is no hex digit where one must be, or their number is odd.
    NotHex {
        /// Where.
        offset: usize,
    },
    /// The name is longer than what is kept of it.
    LongDn {
        /// Its bytes.
        bytes: usize,
    },
    /// The blob is larger than what is read.
    LongBlob {
        /// Its bytes.
        bytes: usize,
    },
    /// The blob ends before its version does.
    NoVersion {
        /// Its bytes.
        bytes: usize,
    },
    /// Another version than 0x200; the entries are read as if it were that.
    Version(u32),
    /// The blob ends in the header of an entry.
    CutHeader {
        /// Where.
        offset: usize,
    },
    /// The blob ends in the value of an entry.
    CutValue {
        /// Which.
        entry: EntryId,
        /// Where.
        offset: usize,
        /// Bytes it should have.
        stated: u16,
        /// Bytes there are.
        found: usize,
    },
    /// More entries than are read.
    Limit {
        /// Where those begin that are not.
        offset: usize,
    },
    /// An entry stands behind one with a higher identifier.
    Order {
        /// Which.
        entry: EntryId,
        /// Where.
        offset: usize,
    },
    /// An entry is there a second time; the first holds.
    Repeated {
        /// Which.
        entry: EntryId,
        /// Where.
        offset: usize,
    },
    /// A value of a length that this entry cannot have.
    Length {
        /// Which.
        entry: EntryId,
        /// Where.
        offset: usize,
        /// Bytes it has.
        bytes: usize,
    },
    /// An entry is absent that all must have.
    Missing(EntryId),
    /// KeyID names another key than the one that is there.
    KeyId {
        /// Where KeyID is.
        offset: usize,
    },
    /// KeyHash is not that of the entries behind it.
    KeyHash {
        /// Where KeyHash is.
        offset: usize,
    },
    /// The key cannot be read, or not wholly.
    Material {
        /// Where KeyMaterial is.
        offset: usize,
        /// Why, as a clause.
        reason: &'static str,
    },
    /// CustomKeyInformation is not of version 1.
    CustomVersion {
        /// Of which it is.
        version: u8,
        /// Where.
        offset: usize,
    },
    /// A number that is no time.
    Time {
        /// Which.
        entry: EntryId,
        /// Where.
        offset: usize,
    },
    /// A time in the form of Entra ID though the key says it was registered in Active Directory.
    TimeForm {
        /// Which.
        entry: EntryId,
        /// Where.
        offset: usize,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotDnBinary { offset } => write!(f, "not B:<digits>:<hex>:<name> from offset {offset} on"),
            Self::HexCount { stated: Some(stated), found } => write!(f, "{found} hex digits where {stated} are stated"),
            Self::HexCount { stated: None, found } => write!(f, "{found} hex digits, and their number is not stated"),
            Self::NotHex { offset } => write!(f, "no pair of hex digits at offset {offset} of the text"),
            Self::LongDn { bytes } => write!(f, "of {bytes} bytes of name {MAX_DN} are kept"),
            Self::LongBlob { bytes } => write!(f, "{bytes} bytes are more than the {MAX_BLOB} that are read"),
            Self::NoVersion { bytes } => write!(f, "{bytes} bytes are too few for a version"),
            Self::Version(version) => write!(f, "version {version:#x} instead of 0x200"),
            Self::CutHeader { offset } => write!(f, "ends in the header of the entry at offset {offset}"),
            Self::CutValue { entry, offset, stated, found } => {
                write!(f, "{} at offset {offset} should have {stated} bytes and has {found}", Named(entry))
            }
            Self::Limit { offset } => write!(f, "more than {MAX_ENTRIES} entries; not read from offset {offset} on"),
            Self::Order { entry, offset } => write!(f, "{} at offset {offset} is out of order", Named(entry)),
            Self::Repeated { entry, offset } => write!(f, "{} at offset {offset} is there again", Named(entry)),
            Self::Length { entry: entry @ EntryId::KEY_ID, offset, bytes } if bytes > MAX_KEY_ID => {
                write!(f, "{} at offset {offset} has {bytes} bytes and is not kept", Named(entry))
            }
            Self::Length { entry, offset, bytes } => {
                write!(f, "{} at offset {offset} cannot have {bytes} bytes", Named(entry))
            }
            Self::Missing(entry) => write!(f, "no {}", Named(entry)),
            Self::KeyId { offset } => write!(f, "KeyID at offset {offset} is not that of the key"),
            Self::KeyHash { offset } => write!(f, "KeyHash at offset {offset} is not that of the entries behind it"),
            Self::Material { offset, reason } => write!(f, "KeyMaterial at offset {offset}: {reason}"),
            Self::CustomVersion { version, offset } => {
                write!(f, "CustomKeyInformation at offset {offset} is of version {version} instead of 1")
            }
            Self::Time { entry, offset } => write!(f, "{} at offset {offset} is no time", Named(entry)),
            Self::TimeForm { entry, offset } => {
                write!(f, "{} at offset {offset} is a DateTime where AD has a FILETIME", Named(entry))
            }
        }
    }
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An entry by its name, else its number.
struct Named(EntryId);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "entry {}", self.0.0),
        }
    }
}
