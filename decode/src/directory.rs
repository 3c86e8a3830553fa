//! What an export of a directory says: users, computers and domain controllers with their key credentials, and the
//! schema.
//!
//! In: a file as `ldifde`, `ldapsearch`, `Get-ADUser`, `Get-ADObject` or DSInternals write it, as LDIF, CSV, JSON or a
//! list of `name : value`. Out: a [`Directory`] that finds objects by key and by account. What is an object's is kept;
//! values that no rule asks for are passed over. An export is typed by a person and read once: the first line that
//! cannot be read ends it, with its number.

use std::{borrow::Cow, collections::BTreeMap, io, io::Read};

use jiff::Timestamp;

use crate::{WireText, key_credential::KeyCredential};

mod csv;
mod json;
mod ldif;
mod list;
mod object;
mod query;
mod record;

pub use object::{Class, Object};
pub use query::{Answer, Done, Entry, QueryError, Request, Search, SearchScope, length_of, no_security_layer};
use record::Record;

/// Why an export cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DirectoryError {
    /// The file cannot be read.
    #[error("{0}")]
    Read(#[from] io::Error),
    /// It is larger than [`MAX_FILE`].
    #[error("larger than {} MB: export users, computers and domain controllers with the attributes of the guide only", MAX_FILE >> 20)]
    TooLarge,
    /// A line says what cannot be understood. Lines count from 1.
    #[error("line {line}: {why}")]
    Line {
        /// Its number.
        line: u64,
        /// What is wrong, as a clause.
        why: Cow<'static, str>,
    },
    /// There is no object in it.
    #[error("no object of a directory in it: neither LDIF, CSV, JSON nor a list of `name : value`")]
    Nothing,
}

impl DirectoryError {
    fn line(line: u64, why: impl Into<Cow<'static, str>>) -> Self {
        Self::Line { line, why: why.into() }
    }
}

/// What exports of a directory say.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    objects: Vec<Object>,
    /// Places of objects by key identifier: as it is stored, and as a certificate of the key has it.
    by_key: BTreeMap<String, Vec<usize>>,
    /// Places of objects by name of the account, in lower case: the sAMAccountName alone, and the userPrincipalName.
    by_name: BTreeMap<String, Vec<usize>>,
    /// Places of objects by distinguished name in lower case.
    by_dn: BTreeMap<String, usize>,
    /// Objects that were not kept.
    beyond: u64,
    /// The latest time that any object or key tells: the directory was read then or later.
    newest: Option<Timestamp>,
    /// objectVersion of the schema.
    schema_version: Option<u32>,
    /// Whether the schema was seen to have msDS-KeyCredentialLink.
    schema_has_keys: bool,
}

impl Directory {
    /// Reads one export and adds what it says.
    ///
    /// # Errors
    /// When the file cannot be read, is too large, or a line of it cannot be understood. Then nothing is added.
    pub fn read(&mut self, from: impl Read) -> Result<(), DirectoryError> {
        let mut bytes = Vec::new();
        from.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > MAX_FILE {
            return Err(DirectoryError::TooLarge);
        }
        let text = text(&bytes)?;
        let records = match form(&text) {
            Form::Json => json::read(&text)?,
            Form::Ldif => ldif::read(&text)?,
            Form::List => list::read(&text)?,
            Form::Csv => csv::read(&text)?,
        };
        self.take(records)
    }

    /// Whether nothing was read.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.schema_version.is_none() && !self.schema_has_keys
    }

    /// The objects, in the order in which they were read.
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// Objects beyond [`MAX_OBJECTS`].
    pub fn beyond(&self) -> u64 {
        self.beyond
    }

    /// The latest time that anything in it tells: it was exported then or later.
    pub fn newest(&self) -> Option<Timestamp> {
        self.newest
    }

    /// objectVersion of the schema, if it was exported: 87 is Windows Server 2016.
    pub fn schema_version(&self) -> Option<u32> {
        self.schema_version
    }

    /// Whether the schema is known to have msDS-KeyCredentialLink: it was exported, or an object has a value.
    pub fn schema_has_keys(&self) -> bool {
        self.schema_has_keys || !self.by_key.is_empty()
    }

    /// Objects that have this key: the `key_id` of a certificate, or as it is stored.
    pub fn with_key(&self, key_id: &str) -> impl Iterator<Item = &Object> {
        self.by_key.get(key_id).into_iter().flatten().filter_map(|&place| self.objects.get(place))
    }

    /// Objects of this account. Name and realm are those of a Kerberos principal, whatever their case.
    pub fn of_account(&self, name: &str, realm: &str) -> impl Iterator<Item = &Object> {
        let (name, realm) = (name.to_lowercase(), realm.to_lowercase());
        let (local, suffix) =
            name.split_once('@').map_or((name.as_str(), realm.as_str()), |(local, suffix)| (local, suffix));
        let full = format!("{local}@{suffix}");
        let mut places: Vec<usize> = self.by_name.get(&full).into_iter().flatten().copied().collect();
        let in_domain = |place: &&usize| self.objects.get(**place).is_some_and(|object| object.is_in_domain(suffix));
        places.extend(self.by_name.get(local).into_iter().flatten().filter(in_domain));
        places.sort_unstable();
        places.dedup();
        places.into_iter().filter_map(|place| self.objects.get(place))
    }

    /// The identifier of a domain, as its objects tell it; `realm` is its DNS or NetBIOS name, whatever its case.
    pub fn domain_sid(&self, realm: &str) -> Option<&str> {
        let realm = realm.to_lowercase();
        self.objects.iter().filter(|object| object.is_in_domain(&realm)).find_map(Object::domain_sid)
    }

    fn take(&mut self, records: Vec<Record>) -> Result<(), DirectoryError> {
        if records.is_empty() {
            return Err(DirectoryError::Nothing);
        }
        // An object without the attribute has no key only where the export asked for it.
        let shown = records.iter().any(Record::shows_keys);
        for record in records {
            if let Some(version) = record.schema_version() {
                self.schema_version = Some(version);
            }
            self.schema_has_keys |= record.is_key_attribute();
            self.newest = self.newest.max(record.newest());
            self.insert(Object::of(record, shown)?);
        }
        Ok(())
    }

    /// Notes that the directory was read at this time or later.
    pub fn note_newest(&mut self, time: Timestamp) {
        self.newest = self.newest.max(Some(time));
    }

    /// Notes objectVersion of the schema.
    pub fn note_schema(&mut self, version: u32) {
        self.schema_version = Some(version);
    }

    /// Adds an object, or what it says of one that is here already.
    pub fn insert(&mut self, object: Object) {
        let folded = object.dn.to_unicode().to_lowercase();
        let place = match self.by_dn.get(&folded) {
            Some(&place) => place,
            None if self.objects.len() >= MAX_OBJECTS => {
                self.beyond += 1;
                return;
            }
            None => {
                let place = self.objects.len();
                self.objects.push(Object { line: object.line, class: object.class, ..Object::new(object.dn.clone()) });
                self.by_dn.insert(folded, place);
                place
            }
        };
        for name in object.names() {
            let places = self.by_name.entry(name).or_default();
            if !places.contains(&place) {
                places.push(place);
            }
        }
        for key in &object.keys {
            if let Some(crate::key_credential::KeyTime::At(created)) = key.created {
                self.newest = self.newest.max(Some(created));
            }
            for id in identifiers(key) {
                let places = self.by_key.entry(id.to_owned()).or_default();
                if !places.contains(&place) {
                    places.push(place);
                }
            }
        }
        if let Some(known) = self.objects.get_mut(place) {
            known.merge(object);
        }
    }
}

/// The identifiers by which a key may be known: as a certificate of it has it, and as it is stored.
pub fn identifiers(key: &KeyCredential) -> impl Iterator<Item = &str> {
    let computed = key.material.as_ref().and_then(|material| material.bcrypt_key_id.as_deref());
    [computed, key.key_id.as_deref()].into_iter().flatten()
}

/// How an export is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Ldif,
    List,
    Csv,
}

/// How an export is written, by how it begins.
fn form(text: &str) -> Form {
    let start = text.trim_start();
    if start.starts_with(['{', '[']) {
        return Form::Json;
    }
    // `#` begins a comment in LDIF; of CSV, PowerShell says the type there.
    let first = start
        .lines()
        .map(str::trim_end)
        .find(|line| !line.is_empty() && (!line.starts_with('#') || line.starts_with("#TYPE")));
    let Some(first) = first else { return Form::Ldif };
    let begins = |name: &str| first.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    if begins("dn:") || begins("version:") {
        Form::Ldif
    } else if list::is_line(first) {
        Form::List
    } else {
        Form::Csv
    }
}

/// The file as text: UTF-8 with or without a mark, or UTF-16, which PowerShell writes.
fn text(bytes: &[u8]) -> Result<Cow<'_, str>, DirectoryError> {
    let wide = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = rest.chunks_exact(2).map(|pair| unit(pair.try_into().unwrap_or_default()));
        char::decode_utf16(units).map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>()
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => Ok(wide(rest, u16::from_le_bytes).into()),
        [0xfe, 0xff, rest @ ..] => Ok(wide(rest, u16::from_be_bytes).into()),
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest),
        all => utf8(all),
    }
}

fn utf8(bytes: &[u8]) -> Result<Cow<'_, str>, DirectoryError> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(text.into()),
        Ok(text) => Err(DirectoryError::line(line_at(text.as_bytes(), text.find('\0').unwrap_or(0)), "not text")),
        // Names in an old code page; the keys are ASCII.
        Err(error) if !bytes.contains(&0) => {
            let _ = error;
            Ok(String::from_utf8_lossy(bytes))
        }
        Err(error) => Err(DirectoryError::line(line_at(bytes, error.valid_up_to()), "not text")),
    }
}

/// The number of the line that this byte is on.
fn line_at(bytes: &[u8], place: usize) -> u64 {
    let before = bytes.get(..place).unwrap_or(bytes);
    before.split(|&byte| byte == b'\n').count() as u64
}

/// Text of a file as it may be shown.
fn shown(text: &str) -> String {
    let cut: String = text.chars().take(MAX_SHOWN).collect();
    WireText::from(cut.as_str()).to_string()
}

/// Largest export that is read: the users and computers of half a million accounts with a key each have some 600 MB.
pub const MAX_FILE: usize = 1 << 30;
/// Objects kept. Directories beyond this are split by whoever exports them.
pub const MAX_OBJECTS: usize = 500_000;
/// Characters of a file that an error quotes.
const MAX_SHOWN: usize = 60;

#[cfg(test)]
mod tests {
    use super::{Class, Directory};

    const KEY: &str = "B:86:0002000020000101010101010101010101010101010101010101010101010101010101010101010101000401:CN=bob,CN=Users,DC=corp,DC=example";
    const ID: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

    fn read(text: &str) -> Directory {
        let mut directory = Directory::default();
        directory.read(text.as_bytes()).unwrap();
        directory
    }

    fn error(text: &str) -> String {
        Directory::default().read(text.as_bytes()).unwrap_err().to_string()
    }

    /// The account that has the key, and whether bob is found by name.
    fn holders(directory: &Directory) -> Vec<String> {
        assert_eq!(directory.of_account("Bob", "CORP.EXAMPLE").count(), 1, "{directory:?}");
        assert_eq!(directory.of_account("bob", "OTHER.EXAMPLE").count(), 0);
        directory.with_key(ID).map(|object| object.dn.to_string()).collect()
    }

    #[test]
    fn ldif_is_read_with_folded_lines_and_base64() {
        let (first, rest) = KEY.split_at(40);
        let text = format!(
            "version: 1\n# users\n\ndn: CN=bob,CN=Users,DC=corp,DC=example\nobjectClass: top\nobjectClass: user\n\
             sAMAccountName:: Ym9i\nuserPrincipalName: b.jones@corp.example\nwhenChanged: 20260105120000.0Z\n\
             msDS-KeyCredentialLink: {first}\n {rest}\n\ndn: CN=eve,CN=Users,DC=corp,DC=example\nsAMAccountName: eve\n"
        );
        let directory = read(&text);
        assert_eq!(holders(&directory), ["CN=bob,CN=Users,DC=corp,DC=example"]);
        assert_eq!(directory.of_account("b.jones@corp.example", "CORP.EXAMPLE").count(), 1);
        let eve = directory.of_account("eve", "CORP.EXAMPLE").next().unwrap();
        assert!(eve.keys.is_empty() && eve.keys_shown);
        assert_eq!(directory.newest().unwrap().to_string(), "2026-01-05T12:00:00Z");
    }

    #[test]
    fn records_without_a_blank_line_between_them_are_apart() {
        let directory = read(&format!(
            "dn: CN=eve,DC=corp,DC=example\nsAMAccountName: eve\ndn: CN=bob,DC=corp,DC=example\nsAMAccountName: bob\nmsDS-KeyCredentialLink: {KEY}\n"
        ));
        assert_eq!(directory.objects().len(), 2);
        assert_eq!(holders(&directory), ["CN=bob,DC=corp,DC=example"]);
    }

    #[test]
    fn csv_of_powershell_is_read() {
        for separator in [',', ';', '\t'] {
            let text = format!(
                "#TYPE Selected.Microsoft.ActiveDirectory.Management.ADUser\r\n\"DistinguishedName\",\"SamAccountName\",\"msDS-KeyCredentialLink\"\r\n\"CN=bob,CN=Users,DC=corp,DC=example\",\"bob\",\"{KEY};{KEY}\"\r\n"
            );
            let text = text.replace("\",\"", &format!("\"{separator}\""));
            let directory = read(&text);
            assert_eq!(holders(&directory).len(), 1);
            assert_eq!(directory.objects()[0].keys.len(), 1, "the same value twice is one key");
        }
    }

    #[test]
    fn json_of_powershell_is_read() {
        let object = format!(
            r#"{{"DistinguishedName":"CN=bob,CN=Users,DC=corp,DC=example","SamAccountName":"bob","SID":{{"Value":"S-1-5-21-1-2-3-1104"}},"msDS-KeyCredentialLink":["{KEY}"],"ObjectClass":"user"}}"#
        );
        for text in [
            object.clone(),
            format!("[{object}]"),
            object.replace(&format!("[\"{KEY}\"]"), &format!("{{\"value\":[\"{KEY}\"],\"Count\":1}}")),
        ] {
            let directory = read(&text);
            assert_eq!(holders(&directory).len(), 1, "{text}");
            assert_eq!(directory.objects()[0].sid.as_deref(), Some("S-1-5-21-1-2-3-1104"));
        }
    }

    #[test]
    fn what_dsinternals_writes_is_read() {
        let list = format!(
            "\nUsage      : NGC\nSource     : AzureAD\nDeviceId   : 1966d4da-14da-4581-a7a7-5e8e07e93ad9\nIdentifier : {ID}\nOwner      : CN=bob,CN=Users,DC=corp,DC=example\n"
        );
        let table = format!(
            "Usage,Source,DeviceId,Identifier,Owner\nNGC,AzureAD,1966d4da-14da-4581-a7a7-5e8e07e93ad9,{ID},\"CN=bob,CN=Users,DC=corp,DC=example\"\n"
        );
        let json = format!(
            r#"{{"DistinguishedName":"CN=bob,CN=Users,DC=corp,DC=example","KeyCredentials":[{{"Usage":1,"Identifier":"{ID}","DeviceId":"1966d4da-14da-4581-a7a7-5e8e07e93ad9","CreationTime":"\/Date(1767614400000)\/"}}]}}"#
        );
        for text in [list, table, json] {
            let directory = read(&text);
            let holder = directory.with_key(ID).next().unwrap_or_else(|| panic!("{text}"));
            assert_eq!(holder.dn.to_string(), "CN=bob,CN=Users,DC=corp,DC=example");
            let key = &holder.keys[0];
            assert_eq!(key.usage.and_then(crate::key_credential::KeyUsage::name), Some("NGC"), "{text}");
            assert_eq!(key.device_id.unwrap().to_string(), "1966d4da-14da-4581-a7a7-5e8e07e93ad9");
        }
    }

    #[test]
    fn an_identifier_that_is_none_is_shown_without_harm() {
        let list = "Identifier : AB\u{b}CD\nOwner      : CN=bob,DC=corp,DC=example\n";
        let directory = read(list);
        let key = directory.objects()[0].keys[0].to_string();
        assert!(key.contains("AB") && key.contains("CD") && !key.chars().any(crate::text::is_harmful), "{key:?}");
    }

    #[test]
    fn classes_and_the_schema_are_told() {
        let directory = read(
            "dn: CN=DC1,OU=Domain Controllers,DC=corp,DC=example\nobjectClass: computer\nsAMAccountName: DC1$\nuserAccountControl: 532480\ndNSHostName: dc1.corp.example\noperatingSystem: Windows Server 2012 R2 Standard\n\ndn: CN=Schema,CN=Configuration,DC=corp,DC=example\nobjectVersion: 69\n",
        );
        assert_eq!(directory.objects()[0].class, Class::DomainController);
        assert_eq!((directory.schema_version(), directory.schema_has_keys()), (Some(69), false));
        assert!(read("dn: CN=ms-DS-Key-Credential-Link,CN=Schema,CN=Configuration,DC=x\nlDAPDisplayName: msDS-KeyCredentialLink\n").schema_has_keys());
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_line() {
        for (text, said) in [
            ("dn: CN=a,DC=x\nnonsense\n", "line 2: neither"),
            ("dn: CN=a,DC=x\nsAMAccountName:: !!\n", "line 2: sAMAccountName is not base64"),
            ("dn: CN=a,DC=x\nchangetype: modify\n", "line 2: a list of changes"),
            ("version: 1\n continued\n\nsAMAccountName: bob\n", "line 4: no dn"),
            ("dn: CN=a,DC=x\njpegPhoto:< file:///etc/passwd\n", "line 2: jpegPhoto is in another file"),
            ("{\"DistinguishedName\": \n oops", "line 2: not JSON"),
            ("[1]", "line 1: not an object"),
            ("{\"Name\":\"bob\"}", "line 1: an object without DistinguishedName"),
            (
                "DistinguishedName,msDS-KeyCredentialLink\n\"CN=a,DC=x\",Microsoft.ActiveDirectory.Management.ADPropertyValueCollection\n",
                "line 2: msDS-KeyCredentialLink was not written out",
            ),
            ("DistinguishedName,Name\n\"CN=a,DC=x\",a,b\n", "line 2: "),
            ("Name,Age\nbob,7\n", "line 1: no column DistinguishedName"),
            ("", "no object"),
            ("\u{feff}", "no object"),
        ] {
            let message = error(text);
            assert!(message.starts_with(said), "{text:?}: {message}");
            assert!(!message.contains('\n'), "{message}");
        }
        assert!(
            Directory::default()
                .read(&[0xd4, 0xc3, 0xb2, 0xa1, 0, 0][..])
                .unwrap_err()
                .to_string()
                .contains("not text")
        );
    }

    #[test]
    fn sixteen_bit_text_is_read() {
        let text = format!("dn: CN=bob,DC=corp,DC=example\r\nsAMAccountName: bob\r\nmsDS-KeyCredentialLink: {KEY}\r\n");
        let mut bytes = vec![0xff, 0xfe];
        bytes.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
        let mut directory = Directory::default();
        directory.read(bytes.as_slice()).unwrap();
        assert_eq!(holders(&directory).len(), 1);
    }

    #[test]
    fn an_object_of_two_exports_is_one() {
        let mut directory =
            read(&format!("dn: CN=bob,DC=corp,DC=example\nsAMAccountName: bob\nmsDS-KeyCredentialLink: {KEY}\n"));
        directory
            .read("DistinguishedName,objectSid\n\"CN=Bob,DC=corp,DC=example\",S-1-5-21-1-2-3-1104\n".as_bytes())
            .unwrap();
        assert_eq!(directory.objects().len(), 1);
        assert_eq!(directory.objects()[0].sid.as_deref(), Some("S-1-5-21-1-2-3-1104"));
        assert_eq!(directory.objects()[0].keys.len(), 1);
    }

    mod any {
        use proptest::prelude::*;

        use super::Directory;

        proptest! {
            #[test]
            fn bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
                let _ = Directory::default().read(bytes.as_slice());
            }

            #[test]
            fn text_never_panics(text in "(dn: |DistinguishedName|[,;:{}\\[\\]\"\n ]|msDS-KeyCredentialLink|B:|[0-9a-f]{2}|Identifier){0,40}") {
                let _ = Directory::default().read(text.as_bytes());
            }
        }
    }
}
