//! Asking a directory server over LDAP: the bytes of requests, and what answers say. RFC 4511, RFC 2696.
//!
//! No socket is opened here: whoever has one sends what [`Request`] makes, cuts the answers apart with [`length_of`],
//! and takes each to [`Answer::read`]. Only what a directory is read with is here, nothing that could change one.
//! Answers come over the wire: nothing in them is trusted, and what cannot be read is an error.

#![deny(clippy::indexing_slicing)]

use jiff::Timestamp;

use super::{Directory, DirectoryError, Object, Record, record};
use crate::{
    WireText,
    der::{DerError, Element, Reader, Tag},
    ldap::{AdError, MAX_LDAP_MESSAGE, ResultCode, START_TLS},
};

/// What a client asks. RFC 4511 §4.2 to §4.14.
#[derive(Clone, Copy)]
pub enum Request<'a> {
    /// Binds with a name and a password. To be sent over TLS only.
    SimpleBind {
        /// A distinguished name, or what else the server takes: Active Directory takes `user@domain` too.
        name: &'a str,
        /// The password. An empty one would make it an anonymous bind (RFC 4513 §5.1.2).
        password: &'a str,
    },
    /// One step of a bind by SASL. RFC 4511 §4.2, RFC 4513 §5.2.1.
    SaslBind {
        /// As it is registered: `GSSAPI` (RFC 4752).
        mechanism: &'a str,
        /// What the mechanism says in this step.
        credentials: &'a [u8],
    },
    /// Asks for TLS. RFC 4511 §4.14.
    StartTls,
    /// Asks for objects.
    Search(Search<'a>),
    /// Says goodbye; there is no answer.
    Unbind,
}

/// Which objects are asked for, and what of them.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// Where to begin; `""` is the server itself.
    pub base: &'a str,
    /// How far to go from there.
    pub scope: SearchScope,
    /// Attributes with a value that an object must have, one of them at least. Empty: all objects.
    pub any_of: &'a [(&'a str, &'a str)],
    /// Attributes to tell.
    pub attributes: &'a [&'a str],
    /// Objects in one page, and what the server gave to go on with; empty at first.
    pub page: Option<(u32, &'a [u8])>,
    /// Seconds the server may take.
    pub seconds: u32,
}

/// RFC 4511 §4.5.1.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchScope {
    /// The object itself.
    Base,
    /// Objects directly below it.
    OneLevel,
    /// It, and all below it.
    Subtree,
}

impl Request<'_> {
    /// The message, which holds the password or the token of a bind.
    pub fn message(&self, id: u32) -> Vec<u8> {
        let (operation, controls) = match self {
            Self::SimpleBind { name, password } => {
                let parts = [integer(3), octets(name.as_bytes()), element(0x80, password.as_bytes())];
                (element(0x60, &parts.concat()), Vec::new())
            }
            Self::SaslBind { mechanism, credentials } => {
                let sasl = [octets(mechanism.as_bytes()), octets(credentials)].concat();
                // The mechanism says who it is: no name besides.
                let parts = [integer(3), octets(b""), element(0xa3, &sasl)];
                (element(0x60, &parts.concat()), Vec::new())
            }
            Self::StartTls => (element(0x77, &element(0x80, START_TLS.as_bytes())), Vec::new()),
            Self::Search(search) => (search.operation(), search.page.map(paged_results).unwrap_or_default()),
            Self::Unbind => (element(0x42, &[]), Vec::new()),
        };
        element(0x30, &[integer(id), operation, controls].concat())
    }
}

impl Search<'_> {
    fn operation(&self) -> Vec<u8> {
        let scope = match self.scope {
            SearchScope::Base => 0,
            SearchScope::OneLevel => 1,
            SearchScope::Subtree => 2,
        };
        let equal =
            |(name, value): &(&str, &str)| element(0xa3, &[octets(name.as_bytes()), octets(value.as_bytes())].concat());
        let filter = match self.any_of {
            [] => element(0x87, b"objectClass"),
            [one] => equal(one),
            several => element(0xa1, &several.iter().map(equal).collect::<Vec<_>>().concat()),
        };
        let attributes: Vec<Vec<u8>> = self.attributes.iter().map(|name| octets(name.as_bytes())).collect();
        let parts = [
            octets(self.base.as_bytes()),
            element(0x0a, &[scope]),
            // Aliases are not followed: Active Directory has none.
            element(0x0a, &[0]),
            // As many objects as there are.
            integer(0),
            integer(self.seconds),
            element(0x01, &[0]),
            filter,
            element(0x30, &attributes.concat()),
        ];
        element(0x63, &parts.concat())
    }
}

/// The control that asks for a page. RFC 2696 §2.
fn paged_results((size, cookie): (u32, &[u8])) -> Vec<u8> {
    let value = element(0x30, &[integer(size), octets(cookie)].concat());
    // Critical: without pages a domain controller stops at a thousand objects.
    let control = [octets(PAGED_RESULTS.as_bytes()), element(0x01, &[0xff]), octets(&value)];
    element(0xa0, &element(0x30, &control.concat()))
}

/// The OID of the control for pages.
const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";

fn octets(value: &[u8]) -> Vec<u8> {
    element(0x04, value)
}

fn integer(value: u32) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    // A leading zero keeps it positive; what is not needed goes.
    let all = [&[0], bytes.as_slice()].concat();
    let needed = all.windows(2).take_while(|pair| matches!(pair, [0, next] if *next < 0x80)).count();
    element(0x02, all.get(needed..).unwrap_or_default())
}

fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
    let length = contents.len();
    let mut bytes = Vec::with_capacity(length + 6);
    bytes.push(tag);
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => bytes.push(short),
        _ => {
            bytes.push(0x84);
            // Requests are far shorter than four gigabytes: a command line is.
            bytes.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        }
    }
    bytes.extend(contents);
    bytes
}

/// Why an answer cannot be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// Not the bytes of an LDAP message.
    #[error("the server answers with what is no LDAP message")]
    NoMessage,
    /// Larger than what any domain controller sends ([`MAX_LDAP_MESSAGE`]).
    #[error("the server answers with a message of more than {} MB", MAX_LDAP_MESSAGE >> 20)]
    TooLarge,
    /// An element of it cannot be read.
    #[error("the server's answer cannot be read: {0}")]
    Unreadable(DerError),
    /// The offer of security layers, by its length. RFC 4752 §3.1.
    #[error("the server's offer of security layers has {0} bytes and not four")]
    LayersUnreadable(usize),
    /// It takes no bind without a security layer besides TLS. RFC 4752 §3.1.
    #[error("the server wants a SASL security layer inside TLS, which is not done")]
    LayerWanted,
}

impl From<DerError> for QueryError {
    fn from(error: DerError) -> Self {
        Self::Unreadable(error)
    }
}

/// Bytes of the message that begins with these: header and contents. `None`: its header is not complete yet; it has six
/// bytes at most.
///
/// # Errors
/// When no LDAP message begins like this, or it is too large.
pub fn length_of(bytes: &[u8]) -> Result<Option<usize>, QueryError> {
    let (length, header) = match bytes {
        [] | [0x30] => return Ok(None),
        [0x30, length, ..] if *length < 0x80 => (usize::from(*length), 2),
        [0x30, count, rest @ ..] if (0x81..=0x84).contains(count) => {
            let count = usize::from(count & 0x7f);
            let Some(length) = rest.get(..count) else { return Ok(None) };
            (length.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)), 2 + count)
        }
        _ => return Err(QueryError::NoMessage),
    };
    if length > MAX_LDAP_MESSAGE { Err(QueryError::TooLarge) } else { Ok(Some(header + length)) }
}

/// What to answer, to be wrapped without encryption, to a server's offer of security layers in the mechanism `GSSAPI`,
/// which was unwrapped before: none, as TLS is one already. RFC 4752 §3.1.
///
/// The offer has a bit for each layer, then the size of the largest message that the server takes under one. That size
/// is not looked at: nothing will be sent under one, and servers state a size where there is nothing to state it for.
///
/// # Errors
/// When it has another length, or "none" is not offered.
pub fn no_security_layer(offer: &[u8]) -> Result<[u8; 4], QueryError> {
    let &[layers, _, _, _] = offer else { return Err(QueryError::LayersUnreadable(offer.len())) };
    if layers & NO_LAYER == 0 {
        return Err(QueryError::LayerWanted);
    }
    // Without a layer nothing can be received under one: size 0. No name to act as follows, so it is the ticket's.
    Ok([NO_LAYER, 0, 0, 0])
}

/// The bit for "no security layer"; 2 is integrity, 4 is encryption. RFC 4752 §3.3.
const NO_LAYER: u8 = 1;

/// What a server answers.
#[derive(Clone, Debug)]
pub enum Answer<'a> {
    /// An object.
    Entry(Entry<'a>),
    /// Another server has more; that is not asked.
    Reference,
    /// The request is done, or was refused.
    Done(Done<'a>),
}

/// How a request ended.
#[derive(Clone, Debug)]
pub struct Done<'a> {
    /// With what.
    pub code: ResultCode,
    /// What to ask the next page with; empty after the last.
    pub cookie: &'a [u8],
    /// What the mechanism of a bind by SASL says (`serverSaslCreds`); empty where it says nothing.
    pub credentials: &'a [u8],
    text: &'a [u8],
}

impl Done<'_> {
    /// Whether all went well.
    pub fn is_success(&self) -> bool {
        self.code == ResultCode::SUCCESS
    }

    /// What the server says of it, for people: `invalidCredentials (49): ERROR_ACCOUNT_DISABLED`.
    pub fn reason(&self) -> String {
        let name = self
            .code
            .name()
            .map_or_else(|| format!("result {}", self.code.0), |name| format!("{name} ({})", self.code.0));
        let told = AdError::parse(self.text).and_then(|error| error.name()).map(str::to_owned);
        let told = told.unwrap_or_else(|| {
            let text = String::from_utf8_lossy(self.text);
            let cut: String = text.trim_end_matches('\0').chars().take(MAX_REASON).collect();
            WireText::from(cut.as_str()).to_string()
        });
        if told.is_empty() { name } else { format!("{name}: {told}") }
    }
}

/// Characters quoted of what a server says.
const MAX_REASON: usize = 200;

/// An object as a server tells it. Its values stay in the message.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    dn: &'a [u8],
    attributes: Vec<(&'a [u8], Vec<&'a [u8]>)>,
}

impl<'a> Answer<'a> {
    /// Reads one message, which must answer request `id`. Other messages are `None`: a server may send what nobody
    /// asked for.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(message: &'a [u8], id: u32) -> Result<Option<Self>, QueryError> {
        let mut reader = Reader::new(message).expect(Tag::SEQUENCE)?.reader();
        let number = reader.expect(Tag::INTEGER)?.integer()?;
        let operation = reader.element()?;
        if number != i64::from(id) {
            // 0: the server ends the connection, and says why. RFC 4511 §4.4.1.
            return if number == 0 { Ok(Some(Self::Done(done(&operation, Reader::new(&[]))?))) } else { Ok(None) };
        }
        Ok(Some(match operation.tag.0 {
            0x64 => Self::Entry(Entry::read(&operation)?),
            0x73 => Self::Reference,
            0x61 | 0x65 | 0x78 => Self::Done(done(&operation, reader)?),
            _ => return Ok(None),
        }))
    }
}

fn done<'a>(operation: &Element<'a>, mut rest: Reader<'a>) -> Result<Done<'a>, QueryError> {
    let mut parts = operation.reader();
    let code = ResultCode(parts.element()?.integer()?);
    parts.expect(Tag::OCTET_STRING)?;
    let text = parts.expect(Tag::OCTET_STRING)?.contents;
    let mut credentials: &[u8] = &[];
    if operation.tag == Tag(0x61) {
        // A referral may come first.
        parts.optional(Tag(0xa3))?;
        credentials = parts.optional(Tag(0x87))?.map_or(credentials, |element| element.contents);
    }
    let mut cookie: &[u8] = &[];
    if let Some(controls) = rest.optional(Tag(0xa0))? {
        let mut controls = controls.reader();
        while !controls.is_empty() {
            let mut control = controls.expect(Tag::SEQUENCE)?.reader();
            let is_pages = control.expect(Tag::OCTET_STRING)?.contents == PAGED_RESULTS.as_bytes();
            control.optional(Tag::BOOLEAN)?;
            if let Some(value) = control.optional(Tag::OCTET_STRING)?.filter(|_| is_pages) {
                let mut value = Reader::new(value.contents).expect(Tag::SEQUENCE)?.reader();
                value.expect(Tag::INTEGER)?;
                cookie = value.expect(Tag::OCTET_STRING)?.contents;
            }
        }
    }
    Ok(Done { code, cookie, credentials, text })
}

impl<'a> Entry<'a> {
    fn read(operation: &Element<'a>) -> Result<Self, QueryError> {
        let mut parts = operation.reader();
        let dn = parts.expect(Tag::OCTET_STRING)?.contents;
        let mut list = parts.expect(Tag::SEQUENCE)?.reader();
        let mut attributes = Vec::new();
        while !list.is_empty() {
            let mut attribute = list.expect(Tag::SEQUENCE)?.reader();
            let name = attribute.expect(Tag::OCTET_STRING)?.contents;
            let mut set = attribute.expect(Tag::SET)?.reader();
            let mut values = Vec::new();
            while !set.is_empty() {
                values.push(set.expect(Tag::OCTET_STRING)?.contents);
            }
            attributes.push((name, values));
        }
        Ok(Self { dn, attributes })
    }

    /// The first value of an attribute, as text.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        let (_, values) = self.attributes.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()))?;
        std::str::from_utf8(values.first()?).ok()
    }

    /// The first value of an attribute, as a time.
    pub fn time(&self, name: &str) -> Option<Timestamp> {
        record::time(self.text(name)?)
    }

    /// Whether the server kept back values of an attribute, of which it has more than it tells at once (MS-ADTS
    /// 3.1.1.3.1.3.3): `member;range=0-1499`.
    pub fn is_cut(&self) -> bool {
        let cut = |name: &[u8]| {
            let range = name.split(|&byte| byte == b';').find(|option| option.starts_with(b"range="));
            range.is_some_and(|range| !range.ends_with(b"-*"))
        };
        self.attributes.iter().any(|(name, _)| cut(name))
    }
}

impl Directory {
    /// Adds an object of a server that was asked for keys: one without any has none. `number` counts the objects.
    ///
    /// # Errors
    /// None in fact: it has a distinguished name.
    pub fn add(&mut self, entry: &Entry<'_>, number: u64) -> Result<(), DirectoryError> {
        let mut record = Record::new(number);
        record.dn = Some(WireText::new(entry.dn));
        record.has_key_column = true;
        for (name, values) in &entry.attributes {
            let name = String::from_utf8_lossy(name);
            for value in values {
                record.push(&name, value);
            }
        }
        if let Some(version) = record.schema_version() {
            self.note_schema(version);
        }
        self.schema_has_keys |= record.is_key_attribute();
        self.newest = self.newest.max(record.newest());
        self.insert(Object::of(record, true)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        Answer, Directory, QueryError, Request, Search, SearchScope, element, integer, length_of, no_security_layer,
        octets,
    };

    fn entry(id: u32, dn: &str, attributes: &[(&str, &[&[u8]])]) -> Vec<u8> {
        let attribute = |(name, values): &(&str, &[&[u8]])| {
            let values: Vec<Vec<u8>> = values.iter().map(|value| octets(value)).collect();
            element(0x30, &[octets(name.as_bytes()), element(0x31, &values.concat())].concat())
        };
        let attributes: Vec<Vec<u8>> = attributes.iter().map(attribute).collect();
        let operation = element(0x64, &[octets(dn.as_bytes()), element(0x30, &attributes.concat())].concat());
        element(0x30, &[integer(id), operation].concat())
    }

    const KEY: &[u8] = b"B:86:0002000020000101010101010101010101010101010101010101010101010101010101010101010101000401:CN=bob,CN=Users,DC=corp,DC=example";
    const ID: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

    #[test]
    fn a_bind_is_as_the_rfc_has_it() {
        let message = Request::SimpleBind { name: "CN=a", password: "pw" }.message(1);
        let wanted = b"\x30\x12\x02\x01\x01\x60\x0d\x02\x01\x03\x04\x04CN=a\x80\x02pw";
        assert_eq!(message, wanted);
        let decoded = crate::ldap::decode(&message).unwrap();
        assert_eq!(decoded.name(), "bindRequest");
    }

    #[test]
    fn a_step_of_a_bind_by_sasl_is_as_the_rfc_has_it_and_so_is_its_answer() {
        let message = Request::SaslBind { mechanism: "GSSAPI", credentials: b"token" }.message(1);
        let wanted = b"\x30\x1b\x02\x01\x01\x60\x16\x02\x01\x03\x04\x00\xa3\x0f\x04\x06GSSAPI\x04\x05token";
        assert_eq!(message, wanted);
        assert_eq!(crate::ldap::decode(&message).unwrap().stopped, None);

        let result = [element(0x0a, &[14]), octets(b""), octets(b"")].concat();
        for (rest, wanted) in [
            (vec![], b"".as_slice()),
            (element(0x87, b"token"), b"token"),
            ([element(0xa3, &octets(b"ldap://dc2")), element(0x87, b"token")].concat(), b"token"),
        ] {
            let operation = element(0x61, &[result.clone(), rest].concat());
            let message = element(0x30, &[integer(7), operation].concat());
            let Some(Answer::Done(done)) = Answer::read(&message, 7).unwrap() else { panic!() };
            assert_eq!((done.code.0, done.credentials, done.is_success()), (14, wanted, false));
        }
    }

    #[test]
    fn no_security_layer_is_chosen_where_it_is_offered() {
        for offer in [b"\x01\0\0\0", b"\x07\0\xff\xff", b"\x03\xff\xff\xff", b"\x01\0\x10\0", b"\xff\0\0\0"] {
            assert_eq!(no_security_layer(offer).unwrap(), [1, 0, 0, 0], "{offer:?}");
        }
        for offer in [b"\0\0\0\0", b"\x06\0\xff\xff", b"\x02\0\xff\xff", b"\xfe\0\0\0"] {
            assert!(matches!(no_security_layer(offer), Err(QueryError::LayerWanted)), "{offer:?}");
        }
        for offer in [b"".as_slice(), b"\x01", b"\x01\0\0", b"\x01\0\0\0\0", &[1; 300]] {
            let error = no_security_layer(offer).unwrap_err();
            assert!(matches!(error, QueryError::LayersUnreadable(length) if length == offer.len()), "{error}");
            assert_eq!(error.to_string().lines().count(), 1);
        }
    }

    #[test]
    fn a_search_is_read_as_it_was_meant() {
        let search = Search {
            base: "DC=corp,DC=example",
            scope: SearchScope::Subtree,
            any_of: &[("objectClass", "user"), ("objectClass", "msDS-Device")],
            attributes: &["objectSid"],
            page: Some((500, b"cookie")),
            seconds: 120,
        };
        let message = Request::Search(search).message(300);
        let decoded = crate::ldap::decode(&message).unwrap();
        assert_eq!((decoded.message_id, decoded.stopped.as_deref()), (Some(300), None));
        let crate::ldap::Operation::SearchRequest(request) = decoded.operation else { panic!("{decoded:?}") };
        assert_eq!(request.filter.as_deref(), Some("(|(objectClass=user)(objectClass=msDS-Device))"));
        assert_eq!((request.base.unwrap().to_unicode().as_str(), request.scope), ("DC=corp,DC=example", Some(2)));
    }

    #[test]
    fn objects_of_a_server_are_those_of_an_export() {
        let message = entry(
            2,
            "CN=bob,CN=Users,DC=corp,DC=example",
            &[
                ("objectClass", &[b"top", b"user"]),
                ("sAMAccountName", &[b"bob"]),
                ("msDS-KeyCredentialLink", &[KEY]),
                ("whenChanged", &[b"20260105120000.0Z"]),
            ],
        );
        let Some(Answer::Entry(found)) = Answer::read(&message, 2).unwrap() else { panic!() };
        assert!(!found.is_cut());
        let mut asked = Directory::default();
        asked.add(&found, 1).unwrap();
        let mut exported = Directory::default();
        let text = format!(
            "dn: CN=bob,CN=Users,DC=corp,DC=example\nobjectClass: top\nobjectClass: user\nsAMAccountName: bob\n\
             msDS-KeyCredentialLink: {}\nwhenChanged: 20260105120000.0Z\n",
            std::str::from_utf8(KEY).unwrap()
        );
        exported.read(text.as_bytes()).unwrap();
        assert_eq!(format!("{:?}", asked.objects()), format!("{:?}", exported.objects()));
        assert_eq!(asked.newest(), exported.newest());
        assert_eq!(asked.with_key(ID).count(), 1);
        assert!(Answer::read(&message, 3).unwrap().is_none());
        let cut = entry(2, "CN=eve", &[("msDS-KeyCredentialLink;range=0-1499", &[KEY])]);
        let Some(Answer::Entry(found)) = Answer::read(&cut, 2).unwrap() else { panic!() };
        assert!(found.is_cut());
    }

    #[test]
    fn the_end_of_a_page_has_its_cookie_and_a_refusal_its_reason() {
        let result = |code: u8, text: &[u8]| [element(0x0a, &[code]), octets(b""), octets(text)].concat();
        let value = element(0x30, &[integer(0), octets(b"next")].concat());
        let control = element(0x30, &[octets(super::PAGED_RESULTS.as_bytes()), octets(&value)].concat());
        let operation = element(0x65, &result(0, b""));
        let message = element(0x30, &[integer(7), operation, element(0xa0, &control)].concat());
        let Some(Answer::Done(done)) = Answer::read(&message, 7).unwrap() else { panic!() };
        assert_eq!((done.code.0, done.cookie), (0, b"next".as_slice()));

        let text = b"80090308: LdapErr: DSID-0C09041C, comment: AcceptSecurityContext error, data 533, v4f7c\0";
        let message = element(0x30, &[integer(7), element(0x61, &result(49, text))].concat());
        let Some(Answer::Done(done)) = Answer::read(&message, 7).unwrap() else { panic!() };
        assert_eq!(done.reason(), "invalidCredentials (49): ERROR_ACCOUNT_DISABLED");
        let message = element(0x30, &[integer(0), element(0x78, &result(52, b"\x1b[2Jbye"))].concat());
        let Some(Answer::Done(done)) = Answer::read(&message, 7).unwrap() else { panic!() };
        assert!(
            done.reason().starts_with("unavailable (52): ") && !done.reason().contains('\x1b'),
            "{}",
            done.reason()
        );
    }

    proptest! {
        #[test]
        fn bytes_never_panic(operation in prop::sample::select(vec![0x61_u8, 0x64, 0x65, 0x78]), bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = length_of(&bytes);
            let _ = Answer::read(&bytes, 1);
            let message = element(0x30, &[integer(1), element(operation, &bytes)].concat());
            if let Ok(Some(Answer::Entry(found))) = Answer::read(&message, 1) {
                Directory::default().add(&found, 1).unwrap();
            }
        }
    }

    #[test]
    fn lengths_are_bounded() {
        assert!(matches!(length_of(b"\x30"), Ok(None)));
        assert!(matches!(length_of(b"\x30\x84\x00\x00"), Ok(None)));
        assert!(matches!(length_of(b"\x30\x84\x00\x00\x00\x05"), Ok(Some(11))));
        assert!(matches!(length_of(b"\x30\x05"), Ok(Some(7))));
        assert!(matches!(length_of(b"\x30\x84\xff\xff\xff\xff"), Err(QueryError::TooLarge)));
        assert!(matches!(length_of(b"\x30\x80"), Err(QueryError::NoMessage)));
        assert!(matches!(length_of(b"HTTP/1.1 400"), Err(QueryError::NoMessage)));
    }

    #[test]
    fn what_breaks_off_or_makes_no_sense_is_an_error_and_no_panic() {
        let message = entry(2, "CN=bob", &[("objectClass", &[b"top"]), ("msDS-KeyCredentialLink", &[KEY])]);
        for end in 0..message.len() {
            assert!(Answer::read(&message[..end], 2).is_err(), "{end}");
        }
        for at in 0..message.len() {
            for flip in [0xff, 0x80, 0x01] {
                let mut other = message.clone();
                other[at] ^= flip;
                if let Ok(Some(Answer::Entry(found))) = Answer::read(&other, 2) {
                    Directory::default().add(&found, 1).unwrap();
                }
            }
        }
    }
}
