//! A search filter as text. RFC 4511 §4.5.1.7, RFC 4515.

use rasn_ldap::{Filter, MatchingRuleAssertion, SubstringChoice, SubstringFilter};

/// A filter nested deeper is shown as `(…)` from there on. Programs nest a handful deep.
pub const MAX_FILTER_DEPTH: usize = 24;

/// A filter of more bytes is not read. `rasn` makes some hundred bytes of each of its smallest parts, which are 2.
pub const MAX_FILTER: usize = 65_536;

/// Bytes of text kept of a filter; each byte of a value can take three.
pub const MAX_FILTER_TEXT: usize = 16_384;

/// What stands for what is not shown.
const UNREAD: &str = "(…)";

/// The text of the filter that `element` is, tag and length included.
///
/// Values that are not text are written as hex throughout, those of password attributes as `…`.
pub(super) fn text(element: &[u8]) -> String {
    if element.len() > MAX_FILTER {
        return UNREAD.to_owned();
    }
    // Its limit on depth is 128, far beyond what is shown here and far below what a stack holds.
    let Ok(filter) = rasn::ber::decode::<Filter>(element) else { return UNREAD.to_owned() };
    let mut writer = Writer { text: String::new() };
    writer.filter(&filter, 0);
    writer.text
}

struct Writer {
    text: String,
}

impl Writer {
    fn filter(&mut self, filter: &Filter, depth: usize) {
        if depth >= MAX_FILTER_DEPTH || self.text.len() >= MAX_FILTER_TEXT {
            self.text.push_str(UNREAD);
            return;
        }
        let inside = depth.saturating_add(1);
        self.text.push('(');
        match filter {
            Filter::And(filters) => self.list('&', filters.iter(), inside),
            Filter::Or(filters) => self.list('|', filters.iter(), inside),
            Filter::Not(filter) => self.list('!', std::iter::once(filter.as_ref()), inside),
            Filter::EqualityMatch(assertion) => self.pair(&assertion.attribute_desc, "=", &assertion.assertion_value),
            Filter::GreaterOrEqual(assertion) => self.pair(&assertion.attribute_desc, ">=", &assertion.assertion_value),
            Filter::LessOrEqual(assertion) => self.pair(&assertion.attribute_desc, "<=", &assertion.assertion_value),
            Filter::ApproxMatch(assertion) => self.pair(&assertion.attribute_desc, "~=", &assertion.assertion_value),
            Filter::Substrings(substrings) => self.substrings(substrings),
            Filter::Present(attribute) => {
                self.name(attribute);
                self.text.push_str("=*");
            }
            Filter::ExtensibleMatch(assertion) => self.extensible(assertion),
            _ => self.text.push('…'),
        }
        self.text.push(')');
    }

    fn list<'f>(&mut self, operator: char, filters: impl Iterator<Item = &'f Filter>, depth: usize) {
        self.text.push(operator);
        for filter in filters {
            self.filter(filter, depth);
            if self.text.len() >= MAX_FILTER_TEXT {
                break;
            }
        }
    }

    fn pair(&mut self, attribute: &str, operator: &str, value: &[u8]) {
        self.name(attribute);
        self.text.push_str(operator);
        self.value(attribute, value);
    }

    fn substrings(&mut self, filter: &SubstringFilter) {
        let attribute = &filter.r#type;
        self.name(attribute);
        self.text.push('=');
        let mut starred = false;
        for part in &filter.substrings {
            let (before, value, after) = match part {
                SubstringChoice::Initial(value) => (false, value, true),
                SubstringChoice::Any(value) => (true, value, true),
                SubstringChoice::Final(value) => (true, value, false),
                _ => continue,
            };
            if before && !starred {
                self.text.push('*');
            }
            self.value(attribute, value);
            if after {
                self.text.push('*');
            }
            starred = after;
            if self.text.len() >= MAX_FILTER_TEXT {
                break;
            }
        }
    }

    fn extensible(&mut self, assertion: &MatchingRuleAssertion) {
        let attribute = assertion.r#type.as_ref().map_or("", |name| name.as_str());
        self.name(attribute);
        if assertion.dn_attributes {
            self.text.push_str(":dn");
        }
        if let Some(rule) = &assertion.matching_rule {
            self.text.push(':');
            self.name(rule);
        }
        self.text.push_str(":=");
        self.value(attribute, &assertion.match_value);
    }

    /// The name of an attribute or rule: what could be taken for more than a name is escaped as in a value.
    fn name(&mut self, name: &str) {
        for character in name.chars() {
            if character.is_ascii_alphanumeric() || matches!(character, '-' | '.' | ';' | '_') {
                self.text.push(character);
            } else {
                let mut bytes = [0; 4];
                self.hex(character.encode_utf8(&mut bytes).as_bytes());
            }
            if self.text.len() >= MAX_FILTER_TEXT {
                self.text.push('…');
                return;
            }
        }
    }

    fn value(&mut self, attribute: &str, value: &[u8]) {
        let secret = attribute.split(';').next().is_some_and(is_secret);
        let room = MAX_FILTER_TEXT.saturating_sub(self.text.len());
        if secret {
            self.text.push('…');
            return;
        }
        let Some(value) = value.get(..room.min(value.len())).filter(|shown| shown.len() == value.len()) else {
            self.text.push('…');
            return;
        };
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
        use std::fmt::Write as _;
        for byte in bytes {
            let _ = write!(self.text, "\\{byte:02x}");
        }
    }
}

/// Whether an attribute holds a password or what is as good as one. MS-ADA1 to MS-ADA3, MS-ADTS 3.1.1.4.4, LAPS.
fn is_secret(attribute: &str) -> bool {
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
    SECRETS.iter().any(|secret| secret.eq_ignore_ascii_case(attribute)) || SECRET_OIDS.contains(&attribute)
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
        assert_eq!(super::text(&bomb), "(…)");
        let wide = Filter::Or((0..10_000).map(|_| Filter::Present("cn".into())).collect::<Vec<_>>().into());
        assert!(shown(&wide).len() < MAX_FILTER_TEXT + 64);
        assert_eq!(super::text(&[0xa0, 5, 1]), "(…)");
    }
}
