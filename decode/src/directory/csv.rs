//! CSV: what `Export-Csv` writes of `Get-ADUser`, `Get-ADObject` and of DSInternals' keys, and `csvde`.
//!
//! The first line names the columns. Keys of an object stand in one field, with `;`, `|`, a blank or a new line between
//! them; whoever exports has to join them, because PowerShell writes the name of a type in place of a list.

use ::csv::{Error, ErrorKind, ReaderBuilder};

use super::{DirectoryError, json::key, record::Record};
use crate::key_credential::is_key_credential_link;

/// What PowerShell writes in place of a list.
const NOT_WRITTEN_OUT: &str = "ADPropertyValueCollection";

/// Reads all objects.
pub(super) fn read(text: &str) -> Result<Vec<Record>, DirectoryError> {
    let mut skipped = 0;
    let mut rest = text;
    // PowerShell may say the type of its objects in front.
    while let Some((line, more)) = rest.split_once('\n')
        && (line.trim().is_empty() || line.starts_with('#'))
    {
        skipped += 1;
        rest = more;
    }
    let header = rest.lines().next().unwrap_or_default();
    if header.trim().is_empty() {
        return Err(DirectoryError::Nothing);
    }
    // Where the comma is the decimal point, the semicolon separates. Outside of names none of the others occurs.
    let delimiter = [b'\t', b';', b','].into_iter().find(|byte| header.as_bytes().contains(byte)).unwrap_or(b',');
    let mut reader = ReaderBuilder::new().delimiter(delimiter).from_reader(rest.as_bytes());
    let headers = reader.headers().map_err(|error| wrong(&error, skipped))?.clone();
    let place = |name: &str| headers.iter().position(|header| header.trim().eq_ignore_ascii_case(name));
    let is_known = ["dn", "DistinguishedName", "Owner", "HolderDN"].iter().any(|name| place(name).is_some());
    if !is_known {
        return Err(DirectoryError::line(skipped + 1, "no column DistinguishedName, DN or Owner"));
    }
    let mut records = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|error| wrong(&error, skipped))?;
        let line = skipped + row.position().map_or(0, ::csv::Position::line);
        let mut record = Record::new(line);
        if let Some(credential) = key(&|name| place(name).and_then(|place| row.get(place)).map(str::to_owned)) {
            record.dn.clone_from(&credential.dn);
            record.push_key(credential);
        }
        for (name, field) in headers.iter().zip(&row) {
            let name = name.trim();
            if is_key_credential_link(name.as_bytes()) && field.contains(NOT_WRITTEN_OUT) {
                return Err(DirectoryError::line(
                    line,
                    "msDS-KeyCredentialLink was not written out: join its values with ';' when exporting, as the guide shows",
                ));
            }
            record.has_key_column |= is_key_credential_link(name.as_bytes());
            for value in values(name, field) {
                record.push(name, value.as_bytes());
            }
        }
        if record.dn.is_none() {
            return Err(DirectoryError::line(line, "an object without DistinguishedName or Owner"));
        }
        records.push(record);
    }
    Ok(records)
}

/// The values in a field: those of the attribute of keys are told by how each begins, all others are one.
pub(super) fn values<'t>(name: &str, field: &'t str) -> Vec<&'t str> {
    if !is_key_credential_link(name.as_bytes()) {
        return vec![field];
    }
    let mut values = Vec::new();
    let mut start = 0;
    for (place, _) in field.match_indices("B:") {
        let before = field.get(..place).unwrap_or_default();
        if place > start && before.ends_with([';', '|', ' ', ',', '\n']) {
            values.push(field.get(start..place).unwrap_or_default());
            start = place;
        }
    }
    values.push(field.get(start..).unwrap_or_default());
    values
        .into_iter()
        .map(|value| value.trim_matches([';', '|', ' ', ',', '\r', '\n']))
        .filter(|value| !value.is_empty())
        .collect()
}

/// An error of the reader, with the line of the file.
fn wrong(error: &Error, skipped: u64) -> DirectoryError {
    let line = skipped + error.position().map_or(1, ::csv::Position::line);
    match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            DirectoryError::line(line, format!("{len} fields where the first line names {expected_len}"))
        }
        _ => DirectoryError::line(line, "not CSV"),
    }
}
