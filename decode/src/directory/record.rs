//! An object as an export has it: its attributes by name, and where they stand.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use crate::{
    WireText,
    key_credential::{KeyCredential, is_key_credential_link},
};

/// Attributes that are kept, in lower case: what they are called over LDAP, and what PowerShell calls them.
const KEPT: &[&str] = &[
    "distinguishedname",
    "samaccountname",
    "userprincipalname",
    "objectclass",
    "objectsid",
    "sid",
    "useraccountcontrol",
    "enabled",
    "dnshostname",
    "operatingsystem",
    "operatingsystemversion",
    "whenchanged",
    "whencreated",
    "modified",
    "objectversion",
    "ldapdisplayname",
    "objectguid",
    "msds-deviceid",
];
/// Values kept of one attribute: object classes are a handful.
const MAX_VALUES: usize = 32;

/// An object as an export has it.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// The line on which it begins.
    pub(super) line: u64,
    /// Its distinguished name.
    pub(super) dn: Option<WireText>,
    /// Its key credentials.
    pub(super) keys: Vec<KeyCredential>,
    /// Whether the attribute of keys was exported, with values or without.
    pub(super) has_key_column: bool,
    attributes: Vec<(&'static str, Vec<Vec<u8>>)>,
}

impl Record {
    pub(super) fn new(line: u64) -> Self {
        Self { line, ..Self::default() }
    }

    /// Takes in a value. Names are compared without regard to case; those that nobody asks for are passed over.
    pub(super) fn push(&mut self, name: &str, value: &[u8]) {
        if is_key_credential_link(name.as_bytes()) {
            self.has_key_column = true;
            if !value.is_empty() {
                self.push_key(KeyCredential::from_dn_binary(value));
            }
            return;
        }
        let name = name.split(';').next().unwrap_or(name).trim();
        if name.eq_ignore_ascii_case("dn") || name.eq_ignore_ascii_case("distinguishedName") {
            self.dn.get_or_insert_with(|| WireText::new(value));
            return;
        }
        let Some(kept) = KEPT.iter().find(|kept| kept.eq_ignore_ascii_case(name)) else { return };
        if value.is_empty() {
            return;
        }
        match self.attributes.iter_mut().find(|(known, _)| known == kept) {
            Some((_, values)) if values.len() < MAX_VALUES => values.push(value.to_vec()),
            Some(_) => {}
            None => self.attributes.push((kept, vec![value.to_vec()])),
        }
    }

    /// Takes in a key, unless it is here already.
    pub(super) fn push_key(&mut self, key: KeyCredential) {
        if !self.keys.contains(&key) {
            self.keys.push(key);
        }
    }

    /// The values of an attribute; `name` in lower case.
    pub(super) fn values(&self, name: &str) -> &[Vec<u8>] {
        self.attributes.iter().find(|(known, _)| *known == name).map_or(&[], |(_, values)| values.as_slice())
    }

    /// The first value, as text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.values(name).first().map(|value| String::from_utf8_lossy(value).into_owned())
    }

    /// Whether its export asked for keys.
    pub(super) fn shows_keys(&self) -> bool {
        self.has_key_column || !self.keys.is_empty()
    }

    /// objectVersion, if this is the schema.
    pub(super) fn schema_version(&self) -> Option<u32> {
        let dn = self.dn.as_ref()?.to_unicode().to_lowercase();
        dn.starts_with("cn=schema,cn=configuration,").then(|| self.text("objectversion")?.parse().ok()).flatten()
    }

    /// Whether this is the schema's entry for msDS-KeyCredentialLink.
    pub(super) fn is_key_attribute(&self) -> bool {
        self.values("ldapdisplayname").iter().any(|name| is_key_credential_link(name))
    }

    /// The latest time at which it was changed.
    pub(super) fn newest(&self) -> Option<Timestamp> {
        ["whenchanged", "whencreated", "modified"].iter().filter_map(|name| time(&self.text(name)?)).max()
    }
}

/// A time as LDAP (`20260105120000.0Z`), JSON of PowerShell (`/Date(1767614400000)/`) or RFC 3339 has it. Times in the
/// words of a country are passed over: nothing tells which.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    if let Some(milliseconds) = text.strip_prefix("/Date(").and_then(|rest| rest.strip_suffix(")/")) {
        return Timestamp::from_millisecond(milliseconds.parse().ok()?).ok();
    }
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    let digits = text.split(['.', 'Z']).next()?;
    if digits.len() != 14 || !text.ends_with('Z') {
        return None;
    }
    let number = |from: usize, to: usize| digits.get(from..to)?.parse::<i16>().ok();
    let small = |from: usize| i8::try_from(number(from, from + 2)?).ok();
    let time = DateTime::new(number(0, 4)?, small(4)?, small(6)?, small(8)?, small(10)?, small(12)?, 0).ok()?;
    time.to_zoned(TimeZone::UTC).ok().map(|time| time.timestamp())
}
