//! DNS, as far as it locates domain controllers and names hosts: questions, SRV, A, AAAA, CNAME and PTR answers. RFC
//! 1035, RFC 2782.
//!
//! In: the bytes of one message, without the length that precedes it in TCP. Out: a [`Message`]. Unknown types and
//! classes survive; the counts of the header are checked against the bytes and drive no allocation; what is not DNS
//! is refused rather than misread, since other things use port 53 too.

#![deny(clippy::indexing_slicing)]

mod locator;
mod name;

use std::{fmt, net::IpAddr};

use serde::Serialize;

use crate::WireText;

pub use locator::{Locator, LocatorService};

/// The longest message, by the length field of DNS over TCP.
pub const MAX_MESSAGE: usize = 65_535;

/// A DNS message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Query or response.
    #[serde(skip)]
    pub response: bool,
    /// What is asked: 0 a query, 4 a notification, 5 an update (whose zone is then the question).
    #[serde(skip)]
    pub opcode: u8,
    /// Transaction identifier.
    pub id: u16,
    /// Response code; absent in a query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rcode: Option<u8>,
    /// Authoritative answer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub authoritative: bool,
    /// Truncated: the client is to ask again over TCP.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// Questions.
    pub questions: Vec<Question>,
    /// SRV records of the answer section.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub srv: Vec<Service>,
    /// A and AAAA records of the answer and additional sections.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Address>,
    /// CNAME records of the answer section, in order: each owner is an alias of its target.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cname: Vec<Target>,
    /// PTR records of the answer section: the names of addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ptr: Vec<Target>,
    /// Answer records of other types, counted.
    #[serde(skip)]
    pub other_answers: u16,
    /// Where reading had to stop, as a clause; what is here was before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Question {
    /// The name, without the final dot.
    pub name: WireText,
    /// Its type: 1 A, 28 AAAA, 33 SRV, …
    #[serde(rename = "type")]
    pub kind: u16,
}

/// An SRV record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Service {
    /// Owner.
    pub name: WireText,
    /// Lower is tried first.
    pub priority: u16,
    /// Share among equals.
    pub weight: u16,
    /// Port.
    pub port: u16,
    /// The host.
    pub target: WireText,
}

/// An A or AAAA record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Address {
    /// Owner.
    pub name: WireText,
    /// The address.
    pub address: IpAddr,
}

/// A record whose data is a name: CNAME or PTR.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Target {
    /// Owner.
    pub name: WireText,
    /// What it leads to.
    pub target: WireText,
}

impl Message {
    /// The first question that asks for domain controllers, and what it asks for.
    pub fn locator(&self) -> Option<Locator> {
        self.questions.iter().filter(|question| question.kind == kind::SRV).find_map(|question| {
            // An update's "question" is its zone.
            if self.opcode == OPCODE_QUERY { Locator::of(&question.name) } else { None }
        })
    }
}

/// Where and why reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DnsError {
    /// Offset in the message, in bytes.
    pub offset: usize,
    /// Why.
    pub kind: DnsErrorKind,
}

/// Why reading stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsErrorKind {
    /// The bytes end before what the header announces.
    Truncated,
    /// The header is not one of DNS.
    Header,
    /// A label is of an unknown form.
    Label,
    /// A compression pointer goes forwards, or there are too many.
    Pointer,
    /// A name is longer than 255 bytes.
    NameTooLong,
    /// A record's data contradicts its length.
    Data,
    /// The names are longer than our limit, all together.
    Limit,
}

impl fmt::Display for DnsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            DnsErrorKind::Truncated => "the message ends early",
            DnsErrorKind::Header => "the header is not one of DNS",
            DnsErrorKind::Label => "a label is of an unknown form",
            DnsErrorKind::Pointer => "a compression pointer leads nowhere",
            DnsErrorKind::NameTooLong => "a name is longer than 255 bytes",
            DnsErrorKind::Data => "a record's data contradicts its length",
            DnsErrorKind::Limit => "its names are longer than our limit",
        };
        write!(f, "{what} at offset {}", self.offset)
    }
}

impl std::error::Error for DnsError {}

/// Reads one message. Bytes behind it are ignored.
///
/// A response that says it was truncated keeps what there is of it. A message that breaks off behind its first question
/// keeps what came before, and `stopped` says where. Records of the authority section are stepped over, as are those of
/// the additional section that hold no address (EDNS, signatures).
///
/// # Errors
/// When it is not DNS, when not even one question can be read, and when its names exceed our limit.
pub fn decode(bytes: &[u8]) -> Result<Message, DnsError> {
    let fail = |offset, kind| DnsError { offset, kind };
    let Some((header, _)) = bytes.split_first_chunk::<HEADER>() else {
        return Err(fail(bytes.len(), DnsErrorKind::Truncated));
    };
    let &[id1, id0, high, low, questions @ .., an1, an0, ns1, ns0, ar1, ar0] = header;
    let [questions, answers, authorities, additionals] =
        [questions, [an1, an0], [ns1, ns0], [ar1, ar0]].map(u16::from_be_bytes);
    let mut message = Message {
        response: high & 0x80 != 0,
        opcode: (high >> 3) & 0x0f,
        id: u16::from_be_bytes([id1, id0]),
        authoritative: high & 0x84 == 0x84,
        truncated: high & 0x02 != 0,
        rcode: (high & 0x80 != 0).then_some(low & 0x0f),
        questions: Vec::new(),
        srv: Vec::new(),
        addresses: Vec::new(),
        cname: Vec::new(),
        ptr: Vec::new(),
        other_answers: 0,
        stopped: None,
    };
    let known = matches!(message.opcode, OPCODE_QUERY | OPCODE_NOTIFY | OPCODE_UPDATE);
    let records = [answers, authorities, additionals].map(usize::from).into_iter().sum::<usize>();
    // A query asks something (cookies alone, RFC 7873 §5.4, ride in an additional record), and has no answers.
    let empty = !message.response && questions == 0 && records == 0;
    let answered = !message.response && message.opcode == OPCODE_QUERY && answers > 0;
    if empty {
        return Err(fail(2, DnsErrorKind::Header));
    }
    let mut reader = Reader { bytes, offset: HEADER, text: 0 };
    let read = if known && !answered {
        reader.sections(&mut message, questions, [answers, authorities, additionals])
    } else {
        // What it asks can be told if it is one question; the rest is not what the header says.
        let asked = if questions == 1 { reader.sections(&mut message, 1, [0; 3]) } else { Err(DnsErrorKind::Header) };
        message.questions.retain(|question| !question.name.as_bytes().is_empty());
        asked.and(Err(DnsErrorKind::Header))
    };
    match read {
        Err(DnsErrorKind::Truncated) if message.truncated => Ok(message),
        Err(kind) if kind != DnsErrorKind::Limit && !message.questions.is_empty() => {
            message.stopped = Some(fail(reader.offset, kind).to_string());
            Ok(message)
        }
        Err(kind) => Err(fail(reader.offset, kind)),
        Ok(()) => Ok(message),
    }
}

/// Whether this is a question that [`decode`] can read, and neither one for the domain controllers of a domain nor a
/// key exchange: what hosts ask all day. `false` where only reading it in full can tell.
pub fn is_plain_question(bytes: &[u8]) -> bool {
    // A query, one question, no answers, at most what EDNS adds.
    let Some(([_, _, flags, _, 0, 1, 0, 0, 0, 0, 0, extra @ 0..=1], mut rest)) = bytes.split_first_chunk::<HEADER>()
    else {
        return false;
    };
    if flags & 0xf8 != OPCODE_QUERY << 3 {
        return false;
    }
    let mut left = name::MAX_NAME;
    loop {
        let Some((&length @ 0..=0x3f, label)) = rest.split_first() else { return false };
        let (Some(after), Some(less)) =
            (label.get(usize::from(length)..), left.checked_sub(usize::from(length).saturating_add(1)))
        else {
            return false;
        };
        (rest, left) = (after, less);
        if length == 0 {
            break;
        }
    }
    let Some((&[high, low, _, _], rest)) = rest.split_first_chunk() else { return false };
    if matches!(u16::from_be_bytes([high, low]), kind::SRV | kind::TKEY) {
        return false;
    }
    match (extra, rest) {
        (0, _) => true,
        (_, &[0, 0, OPT, _, _, _, _, _, _, high, low, ref data @ ..]) => {
            data.len() >= usize::from(u16::from_be_bytes([high, low]))
        }
        _ => false,
    }
}

/// Whether these bytes are a question for a service (RFC 2782), or the answer to one: for datagrams to ports that are
/// not DNS's. Resolvers beside others have ports of their own.
///
/// Recursion is desired, as nobody asks who spreads questions to all; there is one question, and its name begins with
/// `_`.
pub fn asks_for_service(bytes: &[u8]) -> bool {
    match bytes {
        [_, _, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0 | 1, 2..=0x3f, b'_', ..] => true,
        [_, _, high, low, 0, 1, 0, _, 0, _, 0, _, 2..=0x3f, b'_', ..] => high & 0xf9 == 0x81 && low & 0x40 == 0,
        _ => false,
    }
}

/// The token of a key exchange, RFC 3645 §3.1: what `bytes`, from which `message` was read, negotiate by GSS-API.
///
/// ```text
/// TKEY: algorithm (a name), inception, expiration (32 bits each), mode, error, key size (16 bits each), key, …
/// ```
/// RFC 2930 §2.
pub fn key_exchange<'a>(bytes: &'a [u8], message: &Message) -> Option<&'a [u8]> {
    const GSS_API: u16 = 3;
    // The question says that it is one, so other messages need no second reading.
    if message.questions.first()?.kind != kind::TKEY {
        return None;
    }
    let [questions, answers, authorities, additionals] = words(bytes, 4).ok()?;
    let mut offset = HEADER;
    for _ in 0..questions {
        offset = name::skip(bytes, offset).ok()?.saturating_add(4);
    }
    for _ in 0..[answers, authorities, additionals].map(usize::from).into_iter().sum::<usize>() {
        let fields = name::skip(bytes, offset).ok()?;
        let [kind, _, _, _, length] = words(bytes, fields).ok()?;
        let start = fields.saturating_add(10);
        offset = start.saturating_add(usize::from(length));
        if kind == kind::TKEY {
            let sizes = name::skip(bytes, start).ok()?.saturating_add(8);
            let [mode, _, size] = words(bytes, sizes).ok()?;
            let key = sizes.saturating_add(6);
            let token = bytes.get(key..key.saturating_add(usize::from(size)))?;
            return (mode == GSS_API && key.saturating_add(token.len()) <= offset).then_some(token);
        }
    }
    None
}

/// Reads on through a message.
struct Reader<'a> {
    bytes: &'a [u8],
    /// Of the question or record being read.
    offset: usize,
    /// Bytes of names kept so far.
    text: usize,
}

impl Reader<'_> {
    fn sections(&mut self, message: &mut Message, questions: u16, records: [u16; 3]) -> Result<(), DnsErrorKind> {
        for _ in 0..questions {
            let (name, after) = self.name(self.offset)?;
            let [kind, _class] = words(self.bytes, after)?;
            self.offset = after.saturating_add(4);
            message.questions.push(Question { name, kind });
        }
        for (section, count) in [Section::Answer, Section::Authority, Section::Additional].into_iter().zip(records) {
            for _ in 0..count {
                self.record(message, section)?;
            }
        }
        Ok(())
    }

    fn record(&mut self, message: &mut Message, section: Section) -> Result<(), DnsErrorKind> {
        let owner = self.offset;
        let fields = name::skip(self.bytes, owner)?;
        let [kind, class, _, _, length] = words(self.bytes, fields)?;
        let start = fields.saturating_add(10);
        let end = start.saturating_add(usize::from(length));
        let data = self.bytes.get(start..end).ok_or(DnsErrorKind::Truncated)?;
        // What an update lists are conditions and changes (RFC 2136 §2.4, §2.5), not answers.
        let internet = class == CLASS_INTERNET && message.opcode == OPCODE_QUERY;
        match (section, kind) {
            (Section::Answer, kind::SRV) if internet => {
                let [priority, weight, port] = words(data, 0).map_err(|_| DnsErrorKind::Data)?;
                let (target, after) = self.name(start.saturating_add(6))?;
                if after > end {
                    return Err(DnsErrorKind::Data);
                }
                let (name, _) = self.name(owner)?;
                message.srv.push(Service { name, priority, weight, port, target });
            }
            (Section::Answer | Section::Additional, kind::A | kind::AAAA) if internet => {
                let address = match (kind, <[u8; 4]>::try_from(data), <[u8; 16]>::try_from(data)) {
                    (kind::A, Ok(octets), _) => IpAddr::from(octets),
                    (kind::AAAA, _, Ok(octets)) => IpAddr::from(octets),
                    _ => return Err(DnsErrorKind::Data),
                };
                let (name, _) = self.name(owner)?;
                message.addresses.push(Address { name, address });
            }
            (Section::Answer, kind::CNAME | kind::PTR) if internet => {
                let (target, after) = self.name(start)?;
                if after > end {
                    return Err(DnsErrorKind::Data);
                }
                let (name, _) = self.name(owner)?;
                let targets = if kind == kind::CNAME { &mut message.cname } else { &mut message.ptr };
                targets.push(Target { name, target });
            }
            (Section::Answer, _) => message.other_answers = message.other_answers.saturating_add(1),
            _ => {}
        }
        self.offset = end;
        Ok(())
    }

    fn name(&mut self, offset: usize) -> Result<(WireText, usize), DnsErrorKind> {
        let (name, after) = name::read(self.bytes, offset)?;
        self.text = self.text.saturating_add(name.as_bytes().len());
        if self.text > MAX_TEXT { Err(DnsErrorKind::Limit) } else { Ok((name, after)) }
    }
}

/// Which part of a message a record is in.
#[derive(Clone, Copy)]
enum Section {
    Answer,
    Authority,
    Additional,
}

/// Numbers of 16 bits, one after another from `offset` on.
fn words<const N: usize>(bytes: &[u8], offset: usize) -> Result<[u16; N], DnsErrorKind> {
    let mut pairs = bytes.get(offset..).unwrap_or_default().iter();
    let mut words = [0; N];
    for word in &mut words {
        let (Some(&high), Some(&low)) = (pairs.next(), pairs.next()) else { return Err(DnsErrorKind::Truncated) };
        *word = u16::from_be_bytes([high, low]);
    }
    Ok(words)
}

/// Record types by number.
mod kind {
    pub(super) const A: u16 = 1;
    pub(super) const CNAME: u16 = 5;
    pub(super) const PTR: u16 = 12;
    pub(super) const AAAA: u16 = 28;
    pub(super) const SRV: u16 = 33;
    pub(super) const TKEY: u16 = 249;
}

/// Record type of EDNS, RFC 6891 §6.1.2: its lower octet.
const OPT: u8 = 41;

/// Class IN.
const CLASS_INTERNET: u16 = 1;

const OPCODE_QUERY: u8 = 0;
/// RFC 1996.
const OPCODE_NOTIFY: u8 = 4;
/// RFC 2136.
const OPCODE_UPDATE: u8 = 5;

/// Length of the header.
const HEADER: usize = 12;

/// Pointers followed in one name. A name has at most 127 labels, and compressors make a handful of pointers; without a
/// limit, a message of pointers could be read in quadratic time.
const MAX_POINTERS: usize = 16;

/// Bytes of names kept of one message. Compression lets a message of 64 KiB name 2.8 MB. The SRV answer of a very large
/// domain, 1,600 controllers in a full message, comes to 200 KB.
const MAX_TEXT: usize = 524_288;
