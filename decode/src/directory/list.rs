//! A list of `name : value`, a blank line between objects: what PowerShell shows of objects (`Format-List`), among them
//! the key credentials of DSInternals.

use super::{DirectoryError, json::key, record::Record, shown};

/// Characters of the longest name of a property: lines with more before the colon are something else.
const MAX_NAME: usize = 64;

/// Whether a line has this form.
pub(super) fn is_line(line: &str) -> bool {
    split(line).is_some()
}

fn split(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(" :")?;
    let name = name.trim_end();
    let is_name = name.len() <= MAX_NAME
        && !name.is_empty()
        && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '-' || character == '_');
    is_name.then(|| (name, value.trim()))
}

/// Reads all objects.
pub(super) fn read(text: &str) -> Result<Vec<Record>, DirectoryError> {
    let mut records = Vec::new();
    let mut block: Vec<(String, String)> = Vec::new();
    let mut began = 1;
    for (line, number) in text.lines().zip(1..).chain([("", u64::MAX)]) {
        let line = line.trim_end();
        if line.trim().is_empty() {
            if !block.is_empty() {
                records.push(object(began, &block)?);
                block.clear();
            }
        } else if line.starts_with(' ') {
            // Long values go on below, in the column of the value.
            let Some((_, value)) = block.last_mut() else {
                return Err(DirectoryError::line(number, format!("it goes on with nothing: {}", shown(line))));
            };
            value.push_str(line.trim_start());
        } else {
            let Some((name, value)) = split(line) else {
                return Err(DirectoryError::line(number, format!("not `name : value`: {}", shown(line))));
            };
            if block.is_empty() {
                began = number;
            }
            block.push((name.to_owned(), value.to_owned()));
        }
    }
    Ok(records)
}

fn object(line: u64, block: &[(String, String)]) -> Result<Record, DirectoryError> {
    let mut record = Record::new(line);
    let of =
        |name: &str| block.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str());
    if let Some(credential) = key(&|name| of(name).map(str::to_owned)) {
        if let Some(owner) = credential.dn.clone() {
            record.dn = Some(owner);
        }
        record.push_key(credential);
    }
    for (name, value) in block {
        let value = value.strip_prefix('{').and_then(|value| value.strip_suffix('}')).unwrap_or(value);
        for value in super::csv::values(name, value) {
            record.push(name, value.as_bytes());
        }
    }
    if record.dn.is_none() {
        return Err(DirectoryError::line(line, "an object without DistinguishedName or Owner"));
    }
    Ok(record)
}
