//! LDAP over TCP: messages one after another, SASL buffers behind a bind, TLS behind StartTLS.
//!
//! Which of the three comes next is told by its first octet: a message begins with 0x30, the length of a SASL buffer
//! with 0 (none is larger than our limit), a TLS record with its type. So a stream that was joined in its middle, and
//! one whose bind brought no security layer, need no other care. Only a SASL buffer of an unknown mechanism needs to
//! have had its bind seen.

use super::{
    Authentication, MAX_LDAP_MESSAGE, Message, Operation, Protection, SaslBuffer,
    read::{self, Header, Purpose},
    sasl,
};
use crate::{
    Carriage, Carrier, Decoded, Gap, GapKind, Message as Event, Protocol,
    decoder::{Begins, Counted, Decoder, Detail, Framing, Side, length},
    der::Reader,
    spnego,
    tls::{self, Records},
};

/// Decodes a connection to the LDAP port, or to that of the global catalogue.
#[derive(Debug, Default)]
pub struct LdapStream {
    /// A bind was tried that can bring a security layer.
    layered: bool,
    /// TLS behind StartTLS, which hides the rest.
    records: Records,
    detail: Detail,
    /// Keys were asked for, so that answers to searches may hold some, or say that there are none.
    asks_for_keys: bool,
    /// What was not handed out.
    counted: Counted,
}

/// What begins at some place of a stream.
enum Start {
    /// Too little to tell.
    Unknown,
    /// So many bytes, framing included.
    Unit(Kind, u64),
    /// None of what we know.
    Nothing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Message,
    Buffer,
    Record,
}

impl LdapStream {
    /// Of a connection of which so much is handed out.
    pub fn new(detail: Detail) -> Self {
        Self { records: Records::new(detail), detail, ..Self::default() }
    }

    /// Whether the message that `bytes` begin with tells nothing of sign-ins. If so, it is counted.
    fn is_only_counted(&mut self, bytes: &[u8]) -> bool {
        if self.detail == Detail::Every {
            return false;
        }
        let purpose = read::purpose(bytes);
        self.asks_for_keys |= purpose == Purpose::AsksForKeys;
        let only = purpose == Purpose::Other || (purpose == Purpose::Answer && !self.asks_for_keys);
        self.counted.ldap = self.counted.ldap.saturating_add(u64::from(only));
        only
    }

    fn start(&self, bytes: &[u8]) -> Start {
        match bytes.first() {
            None => Start::Unknown,
            Some(0x30) => match read::lengths(bytes, 0x30) {
                Ok(Some((total, inside))) => match (inside.first(), total.whole()) {
                    (None, _) => Start::Unknown,
                    (Some(0x02), Some(whole)) => Start::Unit(Kind::Message, whole),
                    _ => Start::Nothing,
                },
                Ok(None) => Start::Unknown,
                Err(_) => Start::Nothing,
            },
            Some(0x00) => {
                let Some((stated, _)) = bytes.split_first_chunk() else { return Start::Unknown };
                let stated = u32::from_be_bytes(*stated);
                let known = if self.layered && stated > 0 { Some(true) } else { holds_known_token(bytes) };
                match known {
                    _ if stated == 0 => Start::Nothing,
                    Some(true) => Start::Unit(Kind::Buffer, u64::from(stated).saturating_add(4)),
                    Some(false) => Start::Nothing,
                    None => Start::Unknown,
                }
            }
            Some(_) => match tls::start(bytes) {
                tls::Start::Unknown => Start::Unknown,
                tls::Start::Record(length) => Start::Unit(Kind::Record, length as u64),
                tls::Start::Nothing => Start::Nothing,
            },
        }
    }

    fn decode(&mut self, bytes: &[u8], out: &mut Vec<Decoded>) {
        if self.is_only_counted(bytes) {
            return;
        }
        match read::decode(bytes) {
            Ok(message) => {
                let mut carries = matches!(message.operation, Operation::BindResponse(_));
                if let Operation::BindRequest(bind) = &message.operation {
                    carries = !matches!(bind.authentication, None | Some(Authentication::Simple { .. }));
                    self.layered |= carries;
                }
                out.push(Event::Ldap(Box::new(message)).into());
                // Other mechanisms' credentials, and the names in the same place of an answer, are none of these
                // tokens.
                if carries && let Some(token) = read::credentials(bytes).filter(|token| spnego::is_token(token)) {
                    spnego::decode(token, Carrier::Ldap.into(), out);
                }
            }
            Err(error) => out.push(gap(GapKind::Undecodable, length(bytes), error.to_string())),
        }
    }

    /// A SASL buffer, and the messages in it where they can be read.
    fn buffer(&mut self, bytes: &[u8], out: &mut Vec<Decoded>) {
        let token = bytes.get(4..).unwrap_or_default();
        let held = sasl::clear(token);
        if self.detail == Detail::SignIns {
            match held {
                Some(held) => self.held(&held, out),
                None => self.counted.sealed = self.counted.sealed.saturating_add(1),
            }
            return;
        }
        let (messages, error) = held.as_deref().map(read::decode_all).unwrap_or_default();
        // Padding may follow the last message.
        let stopped = error.filter(|_| messages.is_empty()).map(|error| error.to_string());
        let protection = if held.is_some() { Protection::Signed } else { Protection::Sealed };
        let operation = Operation::Sasl(SaslBuffer { length: token.len(), protection });
        let buffer = Message { message_id: None, operation, stopped };
        out.push(Event::Ldap(Box::new(buffer)).into());
        for message in messages {
            out.push(Decoded { carriage: Carrier::Sasl.into(), message: Event::Ldap(Box::new(message)) });
        }
    }

    /// The messages of a SASL buffer, of which those are appended that can tell something of sign-ins.
    fn held(&mut self, held: &[u8], out: &mut Vec<Decoded>) {
        // The buffer itself.
        self.counted.ldap = self.counted.ldap.saturating_add(1);
        let mut reader = Reader::new(held);
        while !reader.is_empty() {
            if self.is_only_counted(reader.rest()) {
                if reader.element().is_err() {
                    return;
                }
                continue;
            }
            let Ok(message) = read::next(&mut reader) else { return };
            out.push(Decoded { carriage: Carrier::Sasl.into(), message: Event::Ldap(Box::new(message)) });
        }
    }
}

impl Decoder for LdapStream {
    fn protocol(&self) -> Protocol {
        Protocol::Ldap
    }

    fn frame(&self, from: Side, bytes: &[u8]) -> Framing {
        if self.records.is_over(from) {
            return Framing::Done;
        }
        match self.start(bytes) {
            Start::Unknown => Framing::More,
            Start::Nothing => Framing::Lost,
            Start::Unit(_, total) => match usize::try_from(total) {
                Ok(length) if length <= MAX_LDAP_MESSAGE => Framing::Message { header: 0, length },
                _ => Framing::TooLong { total },
            },
        }
    }

    /// A message: its lengths agree with one another, its number is one, its operation is one of RFC 4511. A SASL
    /// buffer: its token begins like one of Windows' mechanisms. A TLS record: its header.
    fn begins(&self, _: Side, bytes: &[u8]) -> Begins {
        let kind = match self.start(bytes) {
            Start::Unknown => return Begins::Unknown,
            Start::Unit(kind, total) if total <= MAX_LDAP_MESSAGE as u64 => kind,
            Start::Unit(..) | Start::Nothing => return Begins::No,
        };
        match kind {
            Kind::Record => Begins::Yes,
            Kind::Buffer => match holds_known_token(bytes) {
                Some(true) => Begins::Yes,
                Some(false) => Begins::No,
                None => Begins::Unknown,
            },
            Kind::Message => match read::header(bytes) {
                Ok(Some(Header { operation, rest })) if rest != 1 && operation_name(operation).is_some() => Begins::Yes,
                Ok(None) => Begins::Unknown,
                Ok(Some(_)) | Err(_) => Begins::No,
            },
        }
    }

    fn name(&self, _: Side, bytes: &[u8]) -> &'static str {
        match bytes.first() {
            Some(0x30) => match read::header(bytes) {
                Ok(Some(header)) => operation_name(header.operation).unwrap_or("an LDAP message"),
                _ => "an LDAP message",
            },
            Some(0x00) => "a SASL buffer",
            _ => "a TLS record",
        }
    }

    fn message(&mut self, from: Side, bytes: &[u8], out: &mut Vec<Decoded>) {
        match bytes.first() {
            Some(0x30) => self.decode(bytes, out),
            Some(0x00) => self.buffer(bytes, out),
            _ => {
                if !self.records.has_begun() {
                    out.push(gap(GapKind::Encrypted, length(bytes), "TLS from here on".to_owned()));
                    self.records.carry(Carrier::Ldap.into());
                }
                self.records.record(from, bytes, out);
            }
        }
    }

    fn interrupted(&mut self, from: Side, out: &mut Vec<Decoded>) {
        self.records.interrupted(from, out);
    }

    fn kept(&self, from: Side) -> usize {
        self.records.kept(from)
    }

    fn shows_alerts(&self) -> Option<Carriage> {
        self.records.shows_alerts()
    }

    fn take_counted(&mut self) -> Counted {
        std::mem::take(&mut self.counted)
    }
}

/// Whether a SASL buffer begins with a token like those of the mechanisms of Windows. `None`: too little to tell. What
/// is behind the buffer is none of it: a token of one byte is known by no four.
fn holds_known_token(bytes: &[u8]) -> Option<bool> {
    let (stated, behind) = bytes.split_first_chunk()?;
    let stated = usize::try_from(u32::from_be_bytes(*stated)).unwrap_or(usize::MAX);
    match behind.get(..stated) {
        Some(token) => Some(sasl::is_known_token(token) == Some(true)),
        None => sasl::is_known_token(behind),
    }
}

fn gap(kind: GapKind, bytes: u64, detail: String) -> Decoded {
    Event::Gap(Box::new(Gap { kind, protocol: Protocol::Ldap, bytes, detail })).into()
}

/// The operation with this identifier octet, RFC 4511 §4.1.1.
fn operation_name(tag: u8) -> Option<&'static str> {
    Some(match tag {
        0x60 => "bindRequest",
        0x61 => "bindResponse",
        0x42 => "unbindRequest",
        0x63 => "searchRequest",
        0x64 => "searchResEntry",
        0x65 => "searchResDone",
        0x66 => "modifyRequest",
        0x67 => "modifyResponse",
        0x68 => "addRequest",
        0x69 => "addResponse",
        0x4a => "delRequest",
        0x6b => "delResponse",
        0x6c => "modDNRequest",
        0x6d => "modDNResponse",
        0x6e => "compareRequest",
        0x6f => "compareResponse",
        0x50 => "abandonRequest",
        0x73 => "searchResRef",
        0x77 => "extendedReq",
        0x78 => "extendedResp",
        0x79 => "intermediateResponse",
        _ => return None,
    })
}
