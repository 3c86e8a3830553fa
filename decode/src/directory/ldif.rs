//! LDIF, RFC 2849: what `ldifde`, `ldapsearch` and `ldbsearch` write.
//!
//! ```text
//! dn: CN=bob,CN=Users,DC=corp,DC=example
//! sAMAccountName: bob
//! msDS-KeyCredentialLink: B:828:0002…:CN=bob,CN=Users,DC=corp,DC=example
//! ```
//! A line that begins with a blank goes on with the one before it; two colons introduce base64.

use data_encoding::BASE64;

use super::{DirectoryError, record::Record, shown};

/// What `ldapsearch` says about the search itself, behind the objects.
const ABOUT_THE_SEARCH: [&str; 8] =
    ["search", "result", "ref", "version", "control", "pagedresults", "matcheddn", "text"];

/// Reads all records.
pub(super) fn read(text: &str) -> Result<Vec<Record>, DirectoryError> {
    let mut records: Vec<Record> = Vec::new();
    let mut open = false;
    let mut lines = text.lines().zip(1..).peekable();
    while let Some((first, number)) = lines.next() {
        let mut line = first.trim_end_matches('\r').to_owned();
        while let Some((more, _)) = lines.next_if(|(next, _)| next.starts_with(' ')) {
            line.push_str(more.get(1..).unwrap_or_default().trim_end_matches('\r'));
        }
        if line.trim().is_empty() {
            open = false;
            continue;
        }
        if line.starts_with('#') {
            continue;
        }
        let Some((name, rest)) = line.split_once(':') else {
            return Err(DirectoryError::line(
                number,
                format!("neither an attribute with a value nor a comment: {}", shown(&line)),
            ));
        };
        let name = name.trim();
        let value = value(name, rest, number)?;
        if name.eq_ignore_ascii_case("dn") {
            records.push(Record::new(number));
            open = true;
        } else if name.eq_ignore_ascii_case("changetype") && !value.eq_ignore_ascii_case(b"add") {
            return Err(DirectoryError::line(number, "a list of changes, not of objects"));
        }
        match records.last_mut().filter(|_| open) {
            Some(record) => record.push(name, &value),
            None if ABOUT_THE_SEARCH.iter().any(|known| known.eq_ignore_ascii_case(name)) => {}
            None => return Err(DirectoryError::line(number, format!("no dn before {}", shown(name)))),
        }
    }
    Ok(records)
}

fn value(name: &str, rest: &str, number: u64) -> Result<Vec<u8>, DirectoryError> {
    if let Some(encoded) = rest.strip_prefix(':') {
        let encoded: String = encoded.chars().filter(|character| !character.is_whitespace()).collect();
        return BASE64
            .decode(encoded.as_bytes())
            .map_err(|_| DirectoryError::line(number, format!("{} is not base64", shown(name))));
    }
    if rest.starts_with('<') {
        return Err(DirectoryError::line(number, format!("{} is in another file, which is not read", shown(name))));
    }
    Ok(rest.trim_start_matches(' ').as_bytes().to_vec())
}
