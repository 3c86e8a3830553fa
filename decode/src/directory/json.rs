//! JSON: what `ConvertTo-Json` writes of `Get-ADUser`, `Get-ADObject` and of DSInternals' accounts and keys.
//!
//! Objects alone or in a list; a list of values may stand inside `{"value": […]}`, a SID inside `{"Value": "S-1-…"}`.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{DirectoryError, csv, record, record::Record, shown};
use crate::{
    WireText,
    key_credential::{KeyCredential, KeySource, KeyTime, KeyUsage, is_key_credential_link},
    ldap::Guid,
};

/// Reads all objects.
pub(super) fn read(text: &str) -> Result<Vec<Record>, DirectoryError> {
    let value: Value = serde_json::from_str(text)
        .map_err(|error| DirectoryError::line(error.line() as u64, "not JSON, or nested too deeply"))?;
    let list = match value {
        Value::Array(list) => list,
        one => vec![one],
    };
    list.into_iter().zip(1_u64..).map(|(value, number)| object(&value, number)).collect()
}

/// JSON has no lines of its own once it is read: the number is the object's among all.
fn object(value: &Value, number: u64) -> Result<Record, DirectoryError> {
    let Value::Object(fields) = value else {
        return Err(DirectoryError::line(1, format!("not an object, number {number} of the list")));
    };
    let mut record = Record::new(number);
    if let Some(credential) = credential(fields) {
        record.dn.clone_from(&credential.dn);
        record.push_key(credential);
    }
    for (name, value) in fields {
        if name.eq_ignore_ascii_case("KeyCredentials") {
            record.has_key_column = true;
            for field in list(value).iter().filter_map(|value| value.as_object()) {
                if let Some(credential) = credential(field) {
                    record.push_key(credential);
                }
            }
            continue;
        }
        record.has_key_column |= is_key_credential_link(name.as_bytes());
        for value in list(value) {
            if let Some(text) = text(value) {
                for value in csv::values(name, &text) {
                    record.push(name, value.as_bytes());
                }
            }
        }
    }
    if record.dn.is_none() {
        let said =
            fields.get("Name").and_then(Value::as_str).map(|name| format!(": {}", shown(name))).unwrap_or_default();
        return Err(DirectoryError::line(
            1,
            format!("an object without DistinguishedName or Owner, number {number} of the list{said}"),
        ));
    }
    Ok(record)
}

/// The values of a field: itself, those of a list, or those of a list that PowerShell wraps.
fn list(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(list) => list.iter().collect(),
        Value::Object(fields) => match fields.get("value").or_else(|| fields.get("Value")) {
            Some(Value::Array(list)) => list.iter().collect(),
            Some(one) => vec![one],
            None => Vec::new(),
        },
        one => vec![one],
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn credential(fields: &Map<String, Value>) -> Option<KeyCredential> {
    key(&|name| {
        let (_, value) = fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        text(list(value).first().copied()?)
    })
}

/// A key credential as DSInternals takes it apart, by its properties; `None` without an identifier.
pub(super) fn key(of: &dyn Fn(&str) -> Option<String>) -> Option<KeyCredential> {
    let identifier =
        of("Identifier").or_else(|| of("KeyIdentifier")).filter(|id| !id.is_empty() && id.len() <= MAX_IDENTIFIER)?;
    let owner = of("Owner").or_else(|| of("HolderDN")).or_else(|| of("DistinguishedName"));
    let created = of("CreationTime").or_else(|| of("Created")).and_then(|text| record::time(&text));
    Some(KeyCredential {
        dn: owner.filter(|owner| !owner.is_empty()).map(|owner| WireText::from(owner.as_str())),
        // What is no base64 is of no key, but is shown.
        key_id: Some(WireText::from(identifier.as_str()).to_string()),
        usage: of("Usage").and_then(|text| usage(&text)),
        source: of("Source").and_then(|text| source(&text)),
        device_id: of("DeviceId").and_then(|text| guid(&text)),
        created: created.filter(|time| *time > Timestamp::UNIX_EPOCH).map(KeyTime::At),
        ..KeyCredential::default()
    })
}

fn usage(text: &str) -> Option<KeyUsage> {
    (0..=u8::MAX)
        .map(KeyUsage)
        .find(|usage| usage.name().is_some_and(|name| name.eq_ignore_ascii_case(text)))
        .or_else(|| text.parse().ok().map(KeyUsage))
}

fn source(text: &str) -> Option<KeySource> {
    match text.to_ascii_lowercase().as_str() {
        "ad" | "activedirectory" => Some(KeySource::AD),
        "azuread" | "entra" => Some(KeySource(1)),
        other => other.parse().ok().map(KeySource),
    }
}

/// `1966d4da-14da-4581-a7a7-5e8e07e93ad9`, of which the first three groups are stored with the lowest byte first.
pub(super) fn guid(text: &str) -> Option<Guid> {
    let hex: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let mut bytes: [u8; 16] = data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok()?.try_into().ok()?;
    for group in [0..4, 4..6, 6..8] {
        bytes.get_mut(group)?.reverse();
    }
    Some(Guid(bytes))
}

/// Characters of the longest identifier: that of a security key in base64.
const MAX_IDENTIFIER: usize = 1400;
