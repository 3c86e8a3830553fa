//! Reads messages in place. RFC 4511 §4, in BER as §5.1 restricts it.
//!
//! ```text
//! LDAPMessage ::= SEQUENCE { messageID MessageID, protocolOp CHOICE { … }, controls [0] Controls OPTIONAL }
//! ```

use super::{
    Authentication, BindRequest, Change, ChangeKind, Entry, Message, Names, Netlogon, Operation, Outcome, ResultCode,
    SearchRequest, filter, keys,
};
use crate::{
    WireText,
    der::{DerError, DerErrorKind, Element, Reader, Tag},
    key_credential::is_key_credential_link,
};

/// Names of attributes kept of one message. The largest classes of Active Directory have some 400.
pub const MAX_ATTRIBUTES: usize = 1024;

/// Bytes kept of any text of a message. Distinguished names stay far below.
pub const MAX_TEXT: usize = 16_384;

/// Reads one message. Bytes behind it are ignored.
///
/// # Errors
/// When it is not an LDAP message with a number and an operation.
pub fn decode(bytes: &[u8]) -> Result<Message, DerError> {
    next(&mut Reader::new(bytes))
}

/// Reads the messages that follow one another in a datagram or a SASL buffer.
///
/// With an error come the messages before it.
pub fn decode_all(bytes: &[u8]) -> (Vec<Message>, Option<DerError>) {
    let mut reader = Reader::new(bytes);
    let mut messages = Vec::new();
    while !reader.is_empty() {
        match next(&mut reader) {
            Ok(message) => messages.push(message),
            Err(error) => return (messages, Some(error)),
        }
    }
    (messages, None)
}

/// Reads the message that comes next.
pub(super) fn next(reader: &mut Reader<'_>) -> Result<Message, DerError> {
    let mut inside = reader.expect(Tag::SEQUENCE)?.reader();
    let message_id = inside.expect(Tag::INTEGER)?.integer().ok();
    let element = inside.lax_element()?;
    let mut fields = Fields { reader: element.reader(), cut: false };
    let (operation, ending) = fields.operation(&element);
    let stopped = match ending.and_then(|()| element.complete().map(drop)) {
        Err(error) => Some(error.to_string()),
        Ok(()) if fields.cut => Some("more or longer names than are kept".to_owned()),
        Ok(()) if keys_left_out(&operation) > 0 => {
            Some(format!("{} more key credentials than are kept", keys_left_out(&operation)))
        }
        Ok(()) => None,
    };
    Ok(Message { message_id, operation, stopped })
}

/// Reads the fields of an operation one after another.
struct Fields<'a> {
    reader: Reader<'a>,
    /// A limit was reached.
    cut: bool,
}

impl<'a> Fields<'a> {
    /// What could be read of the operation, and how its reading ended.
    fn operation(&mut self, element: &Element<'a>) -> (Operation, Result<(), DerError>) {
        let mut ending = Ok(());
        let operation = match element.tag.0 {
            0x60 => Operation::BindRequest(kept(&mut ending, |bind| self.bind(bind))),
            0x61 => Operation::BindResponse(kept(&mut ending, |outcome| self.outcome(outcome))),
            0x42 => Operation::UnbindRequest,
            0x63 => Operation::SearchRequest(Box::new(kept(&mut ending, |search| self.search(search)))),
            0x64 => Operation::SearchResultEntry(kept(&mut ending, |entry| self.entry(entry))),
            0x65 => Operation::SearchResultDone(kept(&mut ending, |outcome| self.outcome(outcome))),
            0x73 => Operation::SearchResultReference,
            0x66 => Operation::ModifyRequest(kept(&mut ending, |change| self.modify(change))),
            0x67 => Operation::ModifyResponse(kept(&mut ending, |outcome| self.outcome(outcome))),
            0x68 => Operation::AddRequest(kept(&mut ending, |change| self.add(change))),
            0x69 => Operation::AddResponse(kept(&mut ending, |outcome| self.outcome(outcome))),
            0x4a => Operation::DelRequest(Change { dn: Some(self.text(element)), ..Change::default() }),
            0x6b => Operation::DelResponse(kept(&mut ending, |outcome| self.outcome(outcome))),
            0x6c => Operation::ModifyDnRequest(kept(&mut ending, |change: &mut Change| self.dn(&mut change.dn))),
            0x6d => Operation::ModifyDnResponse(kept(&mut ending, |outcome| self.outcome(outcome))),
            0x6e => Operation::CompareRequest(kept(&mut ending, |change| self.compare(change))),
            0x6f => Operation::CompareResponse(kept(&mut ending, |outcome| self.outcome(outcome))),
            0x50 => Operation::AbandonRequest,
            0x77 => Operation::ExtendedRequest { oid: kept(&mut ending, |oid| self.oid(oid, NAME_IN_REQUEST)) },
            0x78 => {
                let outcome = kept(&mut ending, |outcome| self.outcome(outcome));
                let mut oid = None;
                if ending.is_ok() {
                    ending = self.oid(&mut oid, NAME_IN_RESPONSE);
                }
                Operation::ExtendedResponse { outcome, oid }
            }
            0x79 => Operation::IntermediateResponse { oid: kept(&mut ending, |oid| self.oid(oid, NAME_IN_REQUEST)) },
            tag => Operation::Unknown(tag),
        };
        (operation, ending)
    }

    /// ```text
    /// BindRequest ::= [APPLICATION 0] SEQUENCE { version INTEGER, name LDAPDN, authentication AuthenticationChoice }
    /// AuthenticationChoice ::= CHOICE { simple [0] OCTET STRING, sasl [3] SaslCredentials, … }
    /// SaslCredentials ::= SEQUENCE { mechanism LDAPString, credentials OCTET STRING OPTIONAL }
    /// ```
    /// MS-ADTS 5.1.1.1.3 adds `[9]`, `[10]` and `[11]`, of primitive or constructed form.
    fn bind(&mut self, bind: &mut BindRequest) -> Result<(), DerError> {
        bind.version = Some(self.reader.expect(Tag::INTEGER)?.integer()?);
        self.dn(&mut bind.bind_dn)?;
        // Of the credentials nothing but their tag is needed, so they may be cut.
        let choice = self.reader.lax_element()?;
        bind.authentication = Some(match choice.tag.0 {
            0x80 | 0xa0 => Authentication::Simple { password: !choice.contents.is_empty() || choice.missing > 0 },
            0xa3 => {
                let mechanism = choice.reader().expect(Tag::OCTET_STRING)?;
                Authentication::Sasl(self.text(&mechanism))
            }
            tag @ (0x89..=0x8b | 0xa9..=0xab) => Authentication::Sicily(tag & 0x1f),
            tag => Authentication::Other(tag),
        });
        choice.complete().map(drop)
    }

    /// ```text
    /// LDAPResult ::= SEQUENCE { resultCode ENUMERATED, matchedDN LDAPDN, diagnosticMessage LDAPString,
    ///                           referral [3] Referral OPTIONAL }
    /// ```
    fn outcome(&mut self, outcome: &mut Outcome) -> Result<(), DerError> {
        outcome.code = Some(ResultCode(self.reader.expect(ENUMERATED)?.integer()?));
        // In answer to a Sicily bind it holds the server's token.
        self.reader.expect(Tag::OCTET_STRING)?;
        self.dn(&mut outcome.diagnostic)
    }

    /// ```text
    /// SearchRequest ::= [APPLICATION 3] SEQUENCE { baseObject LDAPDN, scope ENUMERATED, derefAliases ENUMERATED,
    ///     sizeLimit INTEGER, timeLimit INTEGER, typesOnly BOOLEAN, filter Filter, attributes SEQUENCE OF LDAPString }
    /// ```
    fn search(&mut self, search: &mut SearchRequest) -> Result<(), DerError> {
        self.dn(&mut search.base)?;
        search.scope = Some(self.reader.expect(ENUMERATED)?.integer()?);
        self.reader.expect(ENUMERATED)?;
        self.reader.expect(Tag::INTEGER)?;
        self.reader.expect(Tag::INTEGER)?;
        self.reader.expect(Tag::BOOLEAN)?;
        search.filter = Some(filter::text(self.reader.element()?.whole));
        let mut names = self.reader.expect(Tag::SEQUENCE)?.reader();
        while !names.is_empty() {
            let name = names.expect(Tag::OCTET_STRING)?;
            self.keep(&mut search.attributes, &name);
        }
        Ok(())
    }

    /// ```text
    /// SearchResultEntry ::= [APPLICATION 4] SEQUENCE { objectName LDAPDN, attributes SEQUENCE OF PartialAttribute }
    /// PartialAttribute ::= SEQUENCE { type LDAPString, vals SET OF OCTET STRING }
    /// ```
    fn entry(&mut self, entry: &mut Entry) -> Result<(), DerError> {
        self.dn(&mut entry.dn)?;
        let mut attributes = self.reader.expect(Tag::SEQUENCE)?.reader();
        while !attributes.is_empty() {
            let mut attribute = attributes.expect(Tag::SEQUENCE)?.reader();
            let name = attribute.expect(Tag::OCTET_STRING)?;
            self.keep(&mut entry.attributes, &name);
            if entry.netlogon.is_none() && name.contents.eq_ignore_ascii_case(b"netlogon") {
                let value = attribute.expect(Tag::SET)?.reader().optional(Tag::OCTET_STRING)?;
                entry.netlogon = value.and_then(|value| Netlogon::read(value.contents)).map(Box::new);
            } else if is_key_credential_link(name.contents) {
                keys::read(&mut attribute, None, &mut entry.keys)?;
            }
        }
        Ok(())
    }

    /// ```text
    /// ModifyRequest ::= [APPLICATION 6] SEQUENCE { object LDAPDN,
    ///     changes SEQUENCE OF SEQUENCE { operation ENUMERATED, modification PartialAttribute } }
    /// ```
    fn modify(&mut self, change: &mut Change) -> Result<(), DerError> {
        self.dn(&mut change.dn)?;
        let mut changes = self.reader.expect(Tag::SEQUENCE)?.reader();
        while !changes.is_empty() {
            let mut fields = changes.expect(Tag::SEQUENCE)?.reader();
            let kind = fields.expect(ENUMERATED)?;
            let mut modification = fields.expect(Tag::SEQUENCE)?.reader();
            let name = modification.expect(Tag::OCTET_STRING)?;
            self.keep(&mut change.attributes, &name);
            if is_key_credential_link(name.contents) {
                keys::read(&mut modification, Some(ChangeKind(kind.integer()?)), &mut change.keys)?;
            }
        }
        Ok(())
    }

    /// ```text
    /// AddRequest ::= [APPLICATION 8] SEQUENCE { entry LDAPDN, attributes SEQUENCE OF PartialAttribute }
    /// ```
    fn add(&mut self, change: &mut Change) -> Result<(), DerError> {
        self.dn(&mut change.dn)?;
        let mut attributes = self.reader.expect(Tag::SEQUENCE)?.reader();
        while !attributes.is_empty() {
            let mut attribute = attributes.expect(Tag::SEQUENCE)?.reader();
            let name = attribute.expect(Tag::OCTET_STRING)?;
            self.keep(&mut change.attributes, &name);
            if is_key_credential_link(name.contents) {
                keys::read(&mut attribute, None, &mut change.keys)?;
            }
        }
        Ok(())
    }

    /// ```text
    /// CompareRequest ::= [APPLICATION 14] SEQUENCE { entry LDAPDN,
    ///     ava SEQUENCE { attributeDesc LDAPString, assertionValue OCTET STRING } }
    /// ```
    fn compare(&mut self, change: &mut Change) -> Result<(), DerError> {
        self.dn(&mut change.dn)?;
        let name = self.reader.expect(Tag::SEQUENCE)?.inner_expect(Tag::OCTET_STRING)?;
        self.keep(&mut change.attributes, &name);
        Ok(())
    }

    /// The name of an extended operation, behind what else there may be.
    fn oid(&mut self, oid: &mut Option<WireText>, tag: Tag) -> Result<(), DerError> {
        while !self.reader.is_empty() {
            let element = self.reader.lax_element()?;
            if element.tag == tag {
                *oid = Some(self.text(&element));
                return element.complete().map(drop);
            }
        }
        Ok(())
    }

    /// A name or text that is next.
    fn dn(&mut self, field: &mut Option<WireText>) -> Result<(), DerError> {
        let element = self.reader.expect(Tag::OCTET_STRING)?;
        *field = Some(self.text(&element));
        Ok(())
    }

    fn keep(&mut self, names: &mut Names, name: &Element<'_>) {
        if names.len() < MAX_ATTRIBUTES {
            names.push(self.bounded(name));
        } else {
            self.cut = true;
        }
    }

    fn text(&mut self, element: &Element<'_>) -> WireText {
        WireText::new(self.bounded(element))
    }

    fn bounded<'e>(&mut self, element: &Element<'e>) -> &'e [u8] {
        let kept = element.contents.get(..MAX_TEXT).unwrap_or(element.contents);
        self.cut |= kept.len() < element.contents.len();
        kept
    }
}

/// What a message is good for where only sign-ins matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It opens a session, has to do with keys, or only reading it in full can tell.
    SignIns,
    /// It asks for keys.
    AsksForKeys,
    /// It answers a search, and holds no keys.
    Answer,
    /// For nothing.
    Other,
}

/// What the message that `bytes` begin with is good for, without taking it apart.
pub(super) fn purpose(bytes: &[u8]) -> Purpose {
    let operation = || {
        let mut inside = Reader::new(bytes).expect(Tag::SEQUENCE)?.reader();
        inside.expect(Tag::INTEGER)?;
        inside.lax_element()
    };
    // What is no message is a gap, and what breaks off is told with where it does.
    let Ok(operation) = operation() else { return Purpose::SignIns };
    match operation.tag.0 {
        0x60 | 0x61 | 0x66..=0x69 => Purpose::SignIns,
        0x63 => match searches_for_keys(&operation) {
            Ok(true) => Purpose::AsksForKeys,
            Ok(false) => Purpose::Other,
            Err(_) => Purpose::SignIns,
        },
        0x64 => match has_keys(&operation) {
            Ok(false) => Purpose::Answer,
            _ => Purpose::SignIns,
        },
        0x65 => Purpose::Answer,
        _ => Purpose::Other,
    }
}

/// Whether a search wants keys, as [`Fields::search`] reads it.
fn searches_for_keys(search: &Element<'_>) -> Result<bool, DerError> {
    let mut fields = search.complete()?.reader();
    for tag in [Tag::OCTET_STRING, ENUMERATED, ENUMERATED, Tag::INTEGER, Tag::INTEGER, Tag::BOOLEAN] {
        fields.expect(tag)?;
    }
    fields.element()?;
    let mut names = fields.expect(Tag::SEQUENCE)?.reader();
    while !names.is_empty() {
        if is_key_credential_link(names.expect(Tag::OCTET_STRING)?.contents) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether an entry has an attribute for keys, as [`Fields::entry`] reads it.
fn has_keys(entry: &Element<'_>) -> Result<bool, DerError> {
    let mut fields = entry.complete()?.reader();
    fields.expect(Tag::OCTET_STRING)?;
    let mut attributes = fields.expect(Tag::SEQUENCE)?.reader();
    while !attributes.is_empty() {
        let mut attribute = attributes.expect(Tag::SEQUENCE)?.reader();
        if is_key_credential_link(attribute.expect(Tag::OCTET_STRING)?.contents) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What a message carries of an authentication: the credentials of a SASL or Sicily bind, or the server's in answer.
///
/// ```text
/// BindResponse ::= [APPLICATION 1] SEQUENCE { COMPONENTS OF LDAPResult, serverSaslCreds [7] OCTET STRING OPTIONAL }
/// ```
/// The answer to a Sicily bind has them in place of `matchedDN`. MS-ADTS 5.1.1.1.3.
pub(super) fn credentials(bytes: &[u8]) -> Option<&[u8]> {
    let mut inside = Reader::new(bytes).expect(Tag::SEQUENCE).ok()?.reader();
    inside.expect(Tag::INTEGER).ok()?;
    let operation = inside.lax_element().ok()?;
    let mut fields = operation.reader();
    match operation.tag.0 {
        0x60 => {
            fields.expect(Tag::INTEGER).ok()?;
            fields.expect(Tag::OCTET_STRING).ok()?;
            let choice = fields.lax_element().ok()?;
            match choice.tag.0 {
                0xa3 => {
                    let mut sasl = choice.reader();
                    sasl.expect(Tag::OCTET_STRING).ok()?;
                    let credentials = sasl.lax_element().ok()?;
                    (credentials.tag == Tag::OCTET_STRING).then_some(credentials.contents)
                }
                0x8a | 0x8b | 0xaa | 0xab => Some(choice.contents),
                _ => None,
            }
        }
        0x61 => {
            fields.expect(ENUMERATED).ok()?;
            let matched = fields.expect(Tag::OCTET_STRING).ok()?;
            while let Ok(field) = fields.lax_element() {
                if field.tag == SERVER_CREDENTIALS {
                    return Some(field.contents);
                }
            }
            Some(matched.contents)
        }
        _ => None,
    }
}

/// Key credentials that were passed over.
fn keys_left_out(operation: &Operation) -> usize {
    let keys = match operation {
        Operation::SearchResultEntry(entry) => &entry.keys,
        Operation::ModifyRequest(change) | Operation::AddRequest(change) => &change.keys,
        _ => return 0,
    };
    keys.as_ref().map_or(0, |keys| keys.left_out)
}

/// What `fill` puts in, however it ends.
fn kept<T: Default>(ending: &mut Result<(), DerError>, fill: impl FnOnce(&mut T) -> Result<(), DerError>) -> T {
    let mut fields = T::default();
    *ending = fill(&mut fields);
    fields
}

/// The operation of a message that begins with `bytes`, and how the message is framed. `Ok(None)`: too little to tell.
///
/// # Errors
/// When no LDAP message begins here.
pub(super) fn header(bytes: &[u8]) -> Result<Option<Header>, DerErrorKind> {
    let Some((total, inside)) = lengths(bytes, 0x30)? else { return Ok(None) };
    let Some((id, operation)) = lengths(inside, 0x02)? else { return Ok(None) };
    let fits = matches!(id.contents, 1..=8) && id.whole().is_some_and(|id| id < total.contents);
    if !fits {
        return Err(DerErrorKind::Value);
    }
    let operation = operation.get(usize::try_from(id.contents).unwrap_or(usize::MAX)..).unwrap_or_default();
    let Some(&tag) = operation.first() else { return Ok(None) };
    let Some((body, _)) = lengths(operation, tag)? else { return Ok(None) };
    let used = id.whole().zip(body.whole()).and_then(|(id, body)| id.checked_add(body));
    // What may follow are controls, of at least two bytes.
    let left = used.and_then(|used| total.contents.checked_sub(used)).ok_or(DerErrorKind::Truncated)?;
    Ok(Some(Header { operation: tag, rest: left }))
}

/// What the beginning of a message shows.
pub(super) struct Header {
    /// Identifier octet of the operation.
    pub(super) operation: u8,
    /// Bytes behind the operation, for controls.
    pub(super) rest: u64,
}

/// Bytes that an element's tag and length take, and those of its contents.
#[derive(Clone, Copy)]
pub(super) struct Lengths {
    /// Bytes of tag and length.
    pub(super) header: usize,
    /// Bytes of the contents.
    pub(super) contents: u64,
}

impl Lengths {
    pub(super) fn whole(self) -> Option<u64> {
        self.contents.checked_add(self.header as u64)
    }
}

/// Reads the tag, which must be `tag`, and the length at the start of `bytes`; answers with what follows, too.
/// `Ok(None)`: too little to tell.
pub(super) fn lengths(bytes: &[u8], tag: u8) -> Result<Option<(Lengths, &[u8])>, DerErrorKind> {
    let Some((&found, after)) = bytes.split_first() else { return Ok(None) };
    if found != tag || tag & 0x1f == 0x1f {
        return Err(DerErrorKind::Tag);
    }
    let Some((&first, after)) = after.split_first() else { return Ok(None) };
    if first < 0x80 {
        return Ok(Some((Lengths { header: 2, contents: u64::from(first) }, after)));
    }
    let octets = usize::from(first & 0x7f);
    // Active Directory writes lengths in four octets where fewer would do; none needs more.
    if !(1..=8).contains(&octets) {
        return Err(DerErrorKind::Length);
    }
    let Some((long, after)) = after.split_at_checked(octets) else { return Ok(None) };
    let contents = long.iter().fold(0, |sum: u64, &octet| (sum << 8) | u64::from(octet));
    Ok(Some((Lengths { header: octets.saturating_add(2), contents }, after)))
}

/// `serverSaslCreds` of a bind response.
const SERVER_CREDENTIALS: Tag = Tag::context_primitive(7);
/// ENUMERATED.
const ENUMERATED: Tag = Tag(0x0a);
/// `requestName`, and `responseName` of an intermediate response.
const NAME_IN_REQUEST: Tag = Tag::context_primitive(0);
/// `responseName` of an extended response.
const NAME_IN_RESPONSE: Tag = Tag::context_primitive(10);
