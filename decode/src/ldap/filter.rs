//! A search filter as text. RFC 4511 §4.5.1.7, RFC 4515.

use crate::der::{DerError, DerErrorKind, Element, Reader, Tag};

/// A filter nested deeper is shown as `(…)` from there on. Programs nest a handful deep.
pub const MAX_FILTER_DEPTH: usize = 24;

/// A filter of more bytes is not read.
pub const MAX_FILTER: usize = 65_536;

/// Bytes of text kept of a filter; each byte of a value can take three.
pub const MAX_FILTER_TEXT: usize = 16_384;

/// What stands for what is not shown.
const UNREAD: &str = "(…)";

/// The text of the filter that `element` is, tag and length included. One that cannot be read is `(…)`.
///
/// Values that are not text are written as hex throughout, those of password attributes as `…`.
///
/// ```text
/// Filter ::= CHOICE {
///     and [0] SET OF Filter, or [1] SET OF Filter, not [2] Filter, equalityMatch [3] AttributeValueAssertion,
///     substrings [4] SubstringFilter, greaterOrEqual [5] AttributeValueAssertion, lessOrEqual [6] AttributeValueAssertion,
///     present [7] AttributeDescription, approxMatch [8] AttributeValueAssertion, extensibleMatch [9] MatchingRuleAssertion }
/// AttributeValueAssertion ::= SEQUENCE { attributeDesc AttributeDescription, assertionValue OCTET STRING }
/// SubstringFilter ::= SEQUENCE { type AttributeDescription, substrings SEQUENCE OF CHOICE {
///     initial [0] AssertionValue, any [1] AssertionValue, final [2] AssertionValue } }
/// MatchingRuleAssertion ::= SEQUENCE {
///     matchingRule [1] MatchingRuleId OPTIONAL, type [2] AttributeDescription OPTIONAL,
///     matchValue [3] AssertionValue, dnAttributes [4] BOOLEAN DEFAULT FALSE }
/// ```
pub(super) fn text(element: &[u8]) -> String {
    if element.len() > MAX_FILTER {
        return UNREAD.to_owned();
    }
    // Operators and brackets take no more than the tags and lengths in their place.
    let mut writer = Writer { text: String::with_capacity(element.len().min(MAX_FILTER_TEXT)) };
    match Reader::new(element).element().and_then(|filter| writer.filter(&filter, 0)) {
        Ok(()) => writer.text,
        Err(_) => UNREAD.to_owned(),
    }
}

struct Writer {
    text: String,
}

impl Writer {
    fn filter(&mut self, filter: &Element<'_>, depth: usize) -> Result<(), DerError> {
        if depth >= MAX_FILTER_DEPTH || self.text.len() >= MAX_FILTER_TEXT {
            self.text.push_str(UNREAD);
            return Ok(());
        }
        let inside = depth.saturating_add(1);
        self.text.push('(');
        match filter.tag.0 {
            0xa0 => self.list('&', filter, inside)?,
            0xa1 => self.list('|', filter, inside)?,
            0xa2 => {
                let mut reader = filter.reader();
                self.text.push('!');
                self.filter(&reader.element()?, inside)?;
                end(&reader)?;
            }
            0xa3 => self.pair("=", filter)?,
            0xa4 => self.substrings(filter)?,
            0xa5 => self.pair(">=", filter)?,
            0xa6 => self.pair("<=", filter)?,
            0x87 => {
                self.name(filter.contents);
                self.text.push_str("=*");
            }
            0xa8 => self.pair("~=", filter)?,
            0xa9 => self.extensible(filter)?,
            _ => return Err(DerError { offset: filter.offset, kind: DerErrorKind::Tag }),
        }
        self.text.push(')');
        Ok(())
    }

    fn list(&mut self, operator: char, filters: &Element<'_>, depth: usize) -> Result<(), DerError> {
        self.text.push(operator);
        let mut reader = filters.reader();
        while !reader.is_empty() && self.text.len() < MAX_FILTER_TEXT {
            self.filter(&reader.element()?, depth)?;
        }
        Ok(())
    }

    fn pair(&mut self, operator: &str, assertion: &Element<'_>) -> Result<(), DerError> {
        let mut reader = assertion.reader();
        let attribute = reader.expect(Tag::OCTET_STRING)?.contents;
        let value = reader.expect(Tag::OCTET_STRING)?.contents;
        self.name(attribute);
        self.text.push_str(operator);
        self.value(attribute, value);
        end(&reader)
    }

    fn substrings(&mut self, filter: &Element<'_>) -> Result<(), DerError> {
        let mut reader = filter.reader();
        let attribute = reader.expect(Tag::OCTET_STRING)?.contents;
        let mut parts = reader.expect(Tag::SEQUENCE)?.reader();
        self.name(attribute);
        self.text.push('=');
        let mut starred = false;
        while !parts.is_empty() && self.text.len() < MAX_FILTER_TEXT {
            let part = parts.element()?;
            let (before, after) = match part.tag.0 {
                0x80 => (false, true),
                0x81 => (true, true),
                0x82 => (true, false),
                _ => return Err(DerError { offset: part.offset, kind: DerErrorKind::Tag }),
            };
            if before && !starred {
                self.text.push('*');
            }
            self.value(attribute, part.contents);
            if after {
                self.text.push('*');
            }
            starred = after;
        }
        end(&reader)
    }

    fn extensible(&mut self, assertion: &Element<'_>) -> Result<(), DerError> {
        let mut reader = assertion.reader();
        let rule = reader.optional(Tag::context_primitive(1))?;
        let attribute = reader.optional(Tag::context_primitive(2))?.map_or(&[][..], |attribute| attribute.contents);
        let value = reader.expect(Tag::context_primitive(3))?.contents;
        let of_names = reader.optional(Tag::context_primitive(4))?.is_some_and(|flag| flag.contents != [0]);
        self.name(attribute);
        if of_names {
            self.text.push_str(":dn");
        }
        if let Some(rule) = rule {
            self.text.push(':');
            self.name(rule.contents);
        }
        self.text.push_str(":=");
        self.value(attribute, value);
        end(&reader)
    }

    /// The name of an attribute or rule: what could be taken for more than a name is escaped as in a value.
    fn name(&mut self, name: &[u8]) {
        for &byte in name {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b';' | b'_') {
                self.text.push(char::from(byte));
            } else {
                self.hex(&[byte]);
            }
            if self.text.len() >= MAX_FILTER_TEXT {
                self.text.push('…');
                return;
            }
        }
    }

    fn value(&mut self, attribute: &[u8], value: &[u8]) {
        let secret = attribute.split(|&byte| byte == b';').next().is_some_and(is_secret);
        let room = MAX_FILTER_TEXT.saturating_sub(self.text.len());
        if secret || value.len() > room {
            self.text.push('…');
            return;
        }
        // Nearly all, numbers and identifiers aside.
        let plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'*' | b'(' | b')' | b'\\');
        if let (true, Ok(text)) = (value.iter().all(plain), std::str::from_utf8(value)) {
            self.text.push_str(text);
            return;
        }
        match std::str::from_utf8(value).ok().filter(|text| !text.chars().any(crate::text::is_harmful)) {
            Some(text) => {
                for character in text.chars() {
                    match character {
                        '*' | '(' | ')' | '\\' => self.hex(&[u8::try_from(character).unwrap_or_default()]),
                        plain => self.text.push(plain),
                    }
                }
            }
            None => self.hex(value),
        }
    }

    fn hex(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.text.push('\\');
            for nibble in [byte >> 4, byte & 0x0f] {
                self.text.push(char::from_digit(u32::from(nibble), 16).unwrap_or_default());
            }
        }
    }
}

/// Whether an attribute holds a password or what is as good as one. MS-ADA1 to MS-ADA3, MS-ADTS 3.1.1.4.4, LAPS.
fn is_secret(attribute: &[u8]) -> bool {
    const SECRETS: [&str; 17] = [
        "currentValue",
        "dBCSPwd",
        "initialAuthIncoming",
        "initialAuthOutgoing",
        "lmPwdHistory",
        "ms-Mcs-AdmPwd",
        "msDS-ExecuteScriptPassword",
        "msDS-ManagedPassword",
        "msLAPS-EncryptedPassword",
        "msLAPS-EncryptedPasswordHistory",
        "msLAPS-Password",
        "ntPwdHistory",
        "priorValue",
        "supplementalCredentials",
        "unicodePwd",
        "unixUserPassword",
        "userPassword",
    ];
    // By number, too: descriptions may be OIDs (RFC 4512 §2.5).
    const SECRET_OIDS: [&str; 2] = ["1.2.840.113556.1.4.90", "2.5.4.35"];
    SECRETS.iter().any(|secret| secret.as_bytes().eq_ignore_ascii_case(attribute))
        || SECRET_OIDS.iter().any(|secret| secret.as_bytes() == attribute)
}

/// An error where something follows that no filter has.
fn end(reader: &Reader<'_>) -> Result<(), DerError> {
    if reader.is_empty() { Ok(()) } else { Err(DerError { offset: reader.offset(), kind: DerErrorKind::Tag }) }
}

#[cfg(test)]
mod tests {
    use rasn_ldap::{AttributeValueAssertion, Filter, MatchingRuleAssertion, SubstringChoice, SubstringFilter};

    use super::{MAX_FILTER_DEPTH, MAX_FILTER_TEXT, text};

    fn shown(filter: &Filter) -> String {
        text(&rasn::ber::encode(filter).unwrap())
    }

    fn equal(attribute: &str, value: &[u8]) -> Filter {
        Filter::EqualityMatch(AttributeValueAssertion::new(attribute.into(), value.to_vec().into()))
    }

    #[test]
    fn filters_are_written_as_rfc_4515_says() {
        let host = equal("Host", b"a*(b)\\");
        let version = equal("NtVer", &[0x16, 0, 0, 0x20]);
        assert_eq!(shown(&host), "(Host=a\\2a\\28b\\29\\5c)");
        assert_eq!(shown(&version), "(NtVer=\\16\\00\\00\\20)");
        // In the order of the wire.
        assert_eq!(text(&[0xa1, 6, 0x87, 1, b'b', 0x87, 1, b'a']), "(|(b=*)(a=*))");
        assert_eq!(shown(&Filter::Not(Box::new(Filter::Present("cn".into())))), "(!(cn=*))");
        let parts = [b"a".as_slice(), b"b", b"c"].map(|part| rasn::types::OctetString::from(part.to_vec()));
        let [first, middle, last] = parts;
        let parts = vec![SubstringChoice::Initial(first), SubstringChoice::Any(middle), SubstringChoice::Final(last)];
        assert_eq!(shown(&Filter::Substrings(SubstringFilter::new("cn".into(), parts))), "(cn=a*b*c)");
        let middle = vec![SubstringChoice::Any(b"b".to_vec().into())];
        assert_eq!(shown(&Filter::Substrings(SubstringFilter::new("cn".into(), middle))), "(cn=*b*)");
        let rule = MatchingRuleAssertion::new(
            Some("1.2.840.113556.1.4.803".into()),
            Some("userAccountControl".into()),
            b"2".to_vec().into(),
            false,
        );
        let text = shown(&Filter::ExtensibleMatch(rule));
        assert_eq!(text, "(userAccountControl:1.2.840.113556.1.4.803:=2)");
        assert_eq!(shown(&Filter::And(vec![].into())), "(&)");
    }

    #[test]
    fn passwords_in_filters_are_not_shown() {
        assert_eq!(shown(&equal("UserPassword", b"secret")), "(UserPassword=…)");
        assert_eq!(shown(&equal("unicodePwd;binary", b"secret")), "(unicodePwd;binary=…)");
        assert_eq!(shown(&equal("2.5.4.35", b"secret")), "(2.5.4.35=…)");
    }

    #[test]
    fn deep_and_long_filters_are_cut() {
        let deep = (0..60).fold(equal("cn", b"x"), |filter, _| Filter::Not(Box::new(filter)));
        let text = shown(&deep);
        assert!(text.contains("(…)") && text.len() < 100, "{text}");
        assert_eq!(text.matches("(!").count(), MAX_FILTER_DEPTH);
        let bomb = (0..10_000).fold(vec![0x87, 1, b'a'], |inside, _| {
            let mut whole = vec![0xa2, 0x83];
            whole.extend(&u32::try_from(inside.len()).unwrap().to_be_bytes()[1..]);
            whole.extend(inside);
            whole
        });
        assert_eq!(super::text(&bomb).matches("(!").count(), MAX_FILTER_DEPTH);
        let wide = Filter::Or((0..10_000).map(|_| Filter::Present("cn".into())).collect::<Vec<_>>().into());
        assert!(shown(&wide).len() < MAX_FILTER_TEXT + 64);
        assert_eq!(super::text(&[0xa0, 5, 1]), "(…)");
    }

    #[test]
    fn what_is_no_filter_is_not_shown_in_part() {
        for odd in [
            // A second filter in a negation, a third value of a pair, a part of an unknown kind, an unknown choice.
            &[0xa2, 6, 0x87, 1, b'a', 0x87, 1, b'b'][..],
            &[0xa3, 9, 4, 1, b'a', 4, 1, b'b', 4, 1, b'c'],
            &[0xa4, 8, 4, 1, b'a', 0x30, 3, 0x84, 1, b'b'],
            &[0xaa, 0],
            &[0xa1, 5, 0x87, 1, b'a', 0xaa, 0],
            &[],
        ] {
            assert_eq!(text(odd), "(…)", "{odd:02x?}");
        }
        // A name that is not text.
        assert_eq!(text(&[0x87, 3, b'a', 0xff, b'=']), "(a\\ff\\3d=*)");
    }
}
