//! Numbers of a key credential and their names. MS-ADTS 2.2.20.5, 2.2.20.6; numbers that it does not have are named as
//! DSInternals does.

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

/// Identifier of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub u8);

impl EntryId {
    /// Names the key.
    pub const KEY_ID: Self = Self(1);
    /// SHA-256 of what follows.
    pub const KEY_HASH: Self = Self(2);
    /// The key.
    pub const KEY_MATERIAL: Self = Self(3);
    /// What for.
    pub const KEY_USAGE: Self = Self(4);
    /// Where it was registered.
    pub const KEY_SOURCE: Self = Self(5);
    /// Of which device.
    pub const DEVICE_ID: Self = Self(6);
    /// Flags and the like.
    pub const CUSTOM_KEY_INFORMATION: Self = Self(7);
    /// When last used.
    pub const LAST_LOGON: Self = Self(8);
    /// When made.
    pub const CREATION_TIME: Self = Self(9);

    /// Its name in MS-ADTS.
    pub fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            1 => "KeyID",
            2 => "KeyHash",
            3 => "KeyMaterial",
            4 => "KeyUsage",
            5 => "KeySource",
            6 => "DeviceId",
            7 => "CustomKeyInformation",
            8 => "KeyApproximateLastLogonTimeStamp",
            9 => "KeyCreationTime",
            _ => return None,
        })
    }
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyUsage(pub u8);

impl KeyUsage {
    /// Windows Hello for Business (next generation credential), of users and computers.
    pub const NGC: Self = Self(1);
    /// A security key.
    pub const FIDO: Self = Self(7);
    /// File encryption.
    pub const FEK: Self = Self(8);

    /// Its name, without `KEY_USAGE_`.
    pub fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "admin",
            1 => "NGC",
            2 => "STK",
            3 => "BitLocker recovery",
            4 => "other",
            7 => "FIDO",
            8 => "FEK",
            _ => return None,
        })
    }
}

/// Where a key was registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeySource(pub u8);

impl KeySource {
    /// Active Directory: AD FS, a computer for itself, or an administrator's tool.
    pub const AD: Self = Self(0);
    /// Entra ID, from where Entra Connect writes it.
    pub const ENTRA_ID: Self = Self(1);

    /// Its name.
    pub fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "AD",
            1 => "Entra ID",
            _ => return None,
        })
    }
}

/// `"usage": 1, "usage_name": "NGC"`; without a name where there is none.
impl Serialize for KeyUsage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("KeyUsage", 2)?;
        fields.serialize_field("usage", &self.0)?;
        match self.name() {
            Some(name) => fields.serialize_field("usage_name", name)?,
            None => fields.skip_field("usage_name")?,
        }
        fields.end()
    }
}

/// `"source": 0, "source_name": "AD"`; without a name where there is none.
impl Serialize for KeySource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("KeySource", 2)?;
        fields.serialize_field("source", &self.0)?;
        match self.name() {
            Some(name) => fields.serialize_field("source_name", name)?,
            None => fields.skip_field("source_name")?,
        }
        fields.end()
    }
}
