//! Distinguished names as RFC 4514 writes them.
//!
//! The last of the encoded parts comes first; what RFC 4514 §2.4 asks to escape is escaped, and so is, by the same
//! section's `\XX` of its UTF-8 octets, every character that could harm a terminal. Types without a short name are
//! written `1.2.3=#<hex of the encoded value>`.

use std::fmt::Write as _;

use super::{algorithm, hex};
use crate::der::{DerError, DerErrorKind, Element, Reader, Tag};
use crate::text::{WireText, is_harmful};

/// Parts of a name that are read. Real ones have fewer than ten.
const MAX_NAME_PARTS: usize = 64;

/// A name, read.
pub(crate) struct Name {
    /// RFC 4514 text.
    pub(crate) text: String,
    /// The only common name; `None` where there is none, or more than one.
    pub(crate) common_name: Option<String>,
}

/// Reads the DER of a Name, RFC 5280 §4.1.2.4:
///
/// ```text
/// Name ::= SEQUENCE OF RelativeDistinguishedName
/// RelativeDistinguishedName ::= SET SIZE (1..MAX) OF SEQUENCE { type OBJECT IDENTIFIER, value ANY }
/// ```
pub(crate) fn name(der: &[u8]) -> Result<Name, DerError> {
    let sequence = Reader::new(der).expect(Tag::SEQUENCE)?;
    let mut parts = Vec::new();
    let mut common_names = Vec::new();
    let mut reader = sequence.reader();
    while !reader.is_empty() {
        let set = reader.expect(Tag::SET)?;
        let mut values = set.reader();
        let mut text = String::new();
        while !values.is_empty() {
            let mut attribute = values.expect(Tag::SEQUENCE)?.reader();
            let oid = algorithm::oid(attribute.expect(Tag::OBJECT_IDENTIFIER)?.contents);
            let value = attribute.element()?;
            if !text.is_empty() {
                text.push('+');
            }
            write_attribute(&mut text, &oid, &value);
            if oid == "2.5.4.3" {
                common_names.push(plain(&value));
            }
        }
        if parts.len() >= MAX_NAME_PARTS {
            return Err(DerError { offset: set.offset, kind: DerErrorKind::Limit });
        }
        parts.push(text);
    }
    parts.reverse();
    let common_name = if common_names.len() == 1 { common_names.pop().flatten() } else { None };
    Ok(Name { text: parts.join(","), common_name })
}

/// RFC 4514 §3's names, and those that other tools print for the types seen beside them.
fn short_name(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "2.5.4.3" => "CN",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.6" => "C",
        "2.5.4.9" => "STREET",
        "0.9.2342.19200300.100.1.25" => "DC",
        "0.9.2342.19200300.100.1.1" => "UID",
        "2.5.4.4" => "SN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.12" => "title",
        "2.5.4.41" => "name",
        "2.5.4.42" => "GN",
        "1.2.840.113549.1.9.1" => "emailAddress",
        _ => return None,
    })
}

fn write_attribute(text: &mut String, oid: &str, value: &Element<'_>) {
    if let (Some(short), Some(harmless)) = (short_name(oid), harmless(value)) {
        text.push_str(short);
        text.push('=');
        text.push_str(harmless);
        return;
    }
    let units = units(value);
    match (short_name(oid), units) {
        (Some(short), Some(units)) => {
            text.push_str(short);
            text.push('=');
            write_escaped(text, &units);
        }
        (short, _) => {
            let _ = write!(text, "{}=#{}", short.unwrap_or(oid), hex(value.whole));
        }
    }
}

/// A character, or a byte that is none.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Character(char),
    Byte(u8),
}

/// The text of a string in which nothing has to be escaped, as of nearly all.
fn harmless<'a>(value: &Element<'a>) -> Option<&'a str> {
    let plain = |byte: &u8| {
        matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'#' | b'+' | b',' | b';' | b'<' | b'>' | b'\\')
    };
    let outer_space = value.contents.first() == Some(&b' ') || value.contents.last() == Some(&b' ');
    let string = matches!(value.tag.0, 0x0c | 0x12 | 0x13 | 0x14 | 0x16 | 0x1a | 0x1b);
    if string && !outer_space && value.contents.iter().all(plain) {
        std::str::from_utf8(value.contents).ok()
    } else {
        None
    }
}

/// A string's characters by the kind of string it is; `None` where it is no string.
fn units(value: &Element<'_>) -> Option<Vec<Unit>> {
    let bytes = value.contents;
    Some(match value.tag.0 {
        // UTF8String, NumericString, PrintableString, IA5String, VisibleString, GeneralString: what is not UTF-8 in
        // them has no meaning we could know.
        0x0c | 0x12 | 0x13 | 0x16 | 0x1a | 0x1b => bytes
            .utf8_chunks()
            .flat_map(|chunk| {
                let valid = chunk.valid().chars().map(Unit::Character);
                valid.chain(chunk.invalid().iter().map(|&byte| Unit::Byte(byte)))
            })
            .collect(),
        // TeletexString: everyone who still writes it means Latin-1.
        0x14 => bytes.iter().map(|&byte| Unit::Character(char::from(byte))).collect(),
        // UniversalString.
        0x1c => bytes
            .chunks(4)
            .map(|four| {
                let number = four.iter().fold(0_u32, |number, &byte| (number << 8) | u32::from(byte));
                Unit::Character(char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER))
            })
            .collect(),
        // BMPString, in which Windows writes surrogate pairs as well.
        0x1e => {
            let pairs =
                bytes.chunks(2).map(|two| two.iter().fold(0_u16, |number, &byte| (number << 8) | u16::from(byte)));
            char::decode_utf16(pairs)
                .map(|character| Unit::Character(character.unwrap_or(char::REPLACEMENT_CHARACTER)))
                .collect()
        }
        _ => return None,
    })
}

/// RFC 4514 §2.4.
fn write_escaped(text: &mut String, units: &[Unit]) {
    let last = units.len().saturating_sub(1);
    for (place, &unit) in units.iter().enumerate() {
        match unit {
            Unit::Character(character) if is_harmful(character) || character == '\0' => {
                let mut utf8 = [0; 4];
                for byte in character.encode_utf8(&mut utf8).bytes() {
                    let _ = write!(text, "\\{byte:02X}");
                }
            }
            Unit::Character(character) => {
                let special = matches!(character, '"' | '+' | ',' | ';' | '<' | '>' | '\\');
                let outer_space = character == ' ' && (place == 0 || place == last);
                let first_sharp = character == '#' && place == 0;
                if special || outer_space || first_sharp {
                    text.push('\\');
                }
                text.push(character);
            }
            Unit::Byte(byte) => {
                let _ = write!(text, "\\{byte:02X}");
            }
        }
    }
}

/// A string's text for a person: nothing but what could harm a terminal is escaped. `None` where it is no string.
pub(crate) fn plain(value: &Element<'_>) -> Option<String> {
    if let Some(harmless) = harmless(value) {
        return Some(harmless.to_owned());
    }
    let mut text = Vec::new();
    for unit in units(value)? {
        match unit {
            Unit::Character(character) => text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            Unit::Byte(byte) => text.push(byte),
        }
    }
    Some(WireText::new(&text).to_string())
}

#[cfg(test)]
mod tests {
    use super::name;

    /// A name of one part with one value.
    fn one(oid: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
        let wrap = |tag: u8, contents: &[u8]| {
            let mut bytes = vec![tag, u8::try_from(contents.len()).unwrap()];
            bytes.extend_from_slice(contents);
            bytes
        };
        let attribute = [wrap(6, oid), wrap(tag, value)].concat();
        wrap(0x30, &wrap(0x31, &wrap(0x30, &attribute)))
    }

    const CN: &[u8] = &[0x55, 4, 3];

    fn text(tag: u8, value: &[u8]) -> String {
        name(&one(CN, tag, value)).unwrap().text
    }

    #[test]
    fn escapes_as_rfc_4514_asks() {
        assert_eq!(text(0x0c, b"James \"Jim\" Smith, III"), "CN=James \\\"Jim\\\" Smith\\, III");
        assert_eq!(text(0x0c, b"Before\rAfter"), "CN=Before\\0DAfter");
        assert_eq!(text(0x0c, b"#1 a+b<c>;\\ "), "CN=\\#1 a\\+b\\<c\\>\\;\\\\\\ ");
        assert_eq!(text(0x0c, b" "), "CN=\\ ");
        assert_eq!(text(0x0c, b"a\0b"), "CN=a\\00b");
        assert_eq!(text(0x0c, "Lu\u{10d}i\u{107}".as_bytes()), "CN=Lučić");
    }

    #[test]
    fn text_of_every_string_type_becomes_unicode() {
        assert_eq!(text(0x1e, &[0, b'J', 0, 0xfc]), "CN=Jü");
        assert_eq!(text(0x1e, &[0xd8, 0x3d, 0xde, 0x00]), "CN=\u{1f600}");
        assert_eq!(text(0x1e, &[0xd8, 0x3d, 0]), "CN=\u{fffd}\\00");
        assert_eq!(text(0x14, &[b'J', 0xfc]), "CN=Jü");
        assert_eq!(text(0x1c, &[0, 0, 0, 0xfc]), "CN=ü");
        assert_eq!(text(0x13, &[b'a', 0xfc]), "CN=a\\FC");
    }

    #[test]
    fn nothing_reaches_a_terminal_that_could_harm_it() {
        assert_eq!(text(0x0c, "a\u{1b}[2J\u{202e}b".as_bytes()), "CN=a\\1B[2J\\E2\\80\\AEb");
        assert_eq!(name(&one(CN, 0x0c, b"a\x1bb")).unwrap().common_name.unwrap(), "a\\u{1b}b");
    }

    #[test]
    fn what_has_no_name_or_is_no_text_is_written_in_hex() {
        assert_eq!(name(&one(&[0x2a, 3], 4, b"Hi")).unwrap().text, "1.2.3=#04024869");
        assert_eq!(text(2, &[5]), "CN=#020105");
    }

    #[test]
    fn the_last_part_comes_first() {
        // RFC 4514 §4: OU=Sales + CN=J.  Smith, then DC=example, DC=net, in the order of encoding reversed.
        let dc = [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25];
        let strip = |bytes: Vec<u8>| bytes[2..].to_vec();
        let mut multi = strip(strip(one(&[0x55, 4, 11], 0x0c, b"Sales")));
        multi.extend(strip(strip(one(CN, 0x0c, b"J.  Smith"))));
        let mut multi_set = vec![0x31, u8::try_from(multi.len()).unwrap()];
        multi_set.extend(multi);
        let body = [strip(one(&dc, 0x16, b"net")), strip(one(&dc, 0x16, b"example")), multi_set].concat();
        let mut all = vec![0x30, u8::try_from(body.len()).unwrap()];
        all.extend(body);
        assert_eq!(name(&all).unwrap().text, "OU=Sales+CN=J.  Smith,DC=example,DC=net");
    }

    #[test]
    fn an_empty_name_is_empty_text() {
        assert_eq!(name(&[0x30, 0]).unwrap().text, "");
        assert!(name(&[0x30, 0]).unwrap().common_name.is_none());
        assert!(name(&[0x30, 3, 0x31]).is_err());
    }
}
