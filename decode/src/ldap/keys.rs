//! Key credentials of a message: values of msDS-KeyCredentialLink that are found, added or taken away.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::{
    der::{DerError, Reader, Tag},
    key_credential::KeyCredential,
};

/// The key credentials of one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// In order, at most [`MAX_KEYS`]; empty where only all of them are taken away.
    pub values: Vec<KeyValue>,
    /// All values are taken away: a change that deletes the attribute, or replaces its values by those here, if any.
    pub all_removed: bool,
    /// How many there are beyond those that are kept.
    pub left_out: usize,
}

/// A key credential in a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyValue {
    /// What a modification does with it; `None` in other messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<ChangeKind>,
    /// What it says.
    #[serde(flatten)]
    pub credential: KeyCredential,
}

/// What a modification does. RFC 4511 §4.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeKind(pub i64);

impl ChangeKind {
    /// The values are added.
    pub const ADD: Self = Self(0);
    /// The values are taken away; without any, all of them.
    pub const DELETE: Self = Self(1);
    /// These values take the place of all there are.
    pub const REPLACE: Self = Self(2);
}

/// `add`, `delete`, `replace`, else the number.
impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ADD => f.write_str("add"),
            Self::DELETE => f.write_str("delete"),
            Self::REPLACE => f.write_str("replace"),
            Self(other) => other.fmt(f),
        }
    }
}

impl Serialize for ChangeKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads what follows the name of msDS-KeyCredentialLink in a PartialAttribute. With an error, what came before it is
/// in `keys`.
pub(super) fn read(
    attribute: &mut Reader<'_>,
    change: Option<ChangeKind>,
    keys: &mut Option<Box<Keys>>,
) -> Result<(), DerError> {
    let mut values = attribute.expect(Tag::SET)?.reader();
    let all = match change {
        Some(ChangeKind::DELETE) => values.is_empty(),
        Some(ChangeKind::REPLACE) => true,
        _ => false,
    };
    // A search for names only, or a right to see the attribute and none to see its values.
    if values.is_empty() && !all {
        return Ok(());
    }
    let keys = keys.get_or_insert_default();
    keys.all_removed |= all;
    while !values.is_empty() {
        let value = values.expect(Tag::OCTET_STRING)?;
        if keys.values.len() < MAX_KEYS {
            keys.values.push(KeyValue { change, credential: KeyCredential::from_dn_binary(value.contents) });
        } else {
            keys.left_out = keys.left_out.saturating_add(1);
        }
    }
    Ok(())
}

/// Key credentials kept of one message. A user has one for each device, a computer one; the most that were reported of
/// one object are some dozens, of devices long gone.
pub const MAX_KEYS: usize = 256;
