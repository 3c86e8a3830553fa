//! What a stream or a datagram is decoded with.
//!
//! A [`Decoder`] is asked two things: where a message begins and ends ([`Decoder::frame`], [`Decoder::begins`]), and
//! what a whole one says ([`Decoder::message`]). It never sees sequence numbers, holes or packets: [`crate::stream`]
//! hands it whole messages and remembers where they were. Kerberos, DNS and LDAP are decoded by server port: nothing
//! else offers them, but for questions of DNS for a service. What is at home anywhere is decoded by content:
//! [`crate::content`].

use crate::{
    Carriage, Carrier, Decoded, Gap, GapKind, Message, Protocol,
    dcerpc::DcerpcStream,
    dns, kerberos,
    kpasswd::{self, KpasswdStream},
    ldap::{self, LdapStream},
    smb::SmbStream,
    spnego,
    wire::Datagram,
};

/// The larger of two messages is refused; reaching the limit is told as a gap, and the stream goes on behind it.
///
/// Windows issues tickets of up to 64 KiB (MaxTokenSize 65535) and a request holds at most a few certificates more.
pub const MAX_KERBEROS_MESSAGE: usize = 1 << 20;

/// Bytes within which a decoder must recognise the beginning of a message.
///
/// Kerberos needs 11 (length, tag, longest DER length, inner tag), DNS 14, LDAP 38 (three tags, three lengths of nine
/// octets, a number of eight), SMB 18, DCE/RPC 16, TDS 16.
pub const MAX_HEADER: usize = 64;

/// Bytes within which a message that is [`Framing::Open`] must end: twice what servers take for the head of an HTTP
/// request (16 KiB with IIS), which holds a ticket of the largest size in Base64.
pub const MAX_OPEN: usize = 32 << 10;

/// Port of Kerberos, UDP and TCP.
pub const KERBEROS_PORT: u16 = 88;

/// Port of DNS, UDP and TCP.
pub const DNS_PORT: u16 = 53;

/// Port of LDAP over TCP, and over UDP.
pub const LDAP_PORT: u16 = 389;

/// Port of the global catalogue: LDAP over TCP.
pub const GLOBAL_CATALOGUE_PORT: u16 = 3268;

/// Port of DCE/RPC's endpoint mapper, where Windows activates remote objects, too. Services behind it have ports of
/// their own, which are not known here.
pub const ENDPOINT_MAPPER_PORT: u16 = 135;

/// Port of password changes, UDP and TCP.
pub const KPASSWD_PORT: u16 = 464;

/// Port of SMB over TCP.
pub const SMB_PORT: u16 = 445;

/// Who of the two sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Who opened the connection.
    Client,
    /// Who was called.
    Server,
}

impl Side {
    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// What a stream that is in step holds at the place where a message begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Too little to tell. Never the answer to [`MAX_HEADER`] bytes or more.
    More,
    /// A message: `length` bytes that follow `header` bytes of framing. They need not be there yet.
    Message {
        /// Bytes of framing before the message.
        header: usize,
        /// Bytes of the message.
        length: usize,
    },
    /// A message begins here, and only its end tells its length: what there is is kept, up to [`MAX_OPEN`], and
    /// [`Decoder::reopen`] is asked when there is more.
    Open,
    /// A message that is larger than our limit.
    TooLong {
        /// Bytes to pass over, framing included.
        total: u64,
    },
    /// Bytes that are not decoded, such as a body or a message of no interest. They are not kept and not told, and it
    /// does not matter whether they are there.
    Pass {
        /// Bytes to pass over, framing included.
        total: u64,
    },
    /// Nothing of this direction is to be decoded any more, nor told of.
    Done,
    /// No message begins here: the stream is out of step.
    Lost,
}

/// Whether a message begins at some place of a stream that is out of step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// It does, as far as its header can show.
    Yes,
    /// It does not.
    No,
    /// Too little to tell. Taken for `No` where [`MAX_HEADER`] bytes or more were shown.
    Unknown,
}

/// Turns the bytes of one connection into messages.
pub trait Decoder: Send {
    /// What it decodes.
    fn protocol(&self) -> Protocol;

    /// Where the message at the start of `bytes` ends. `bytes` is never empty.
    fn frame(&self, from: Side, bytes: &[u8]) -> Framing;

    /// Whether a message begins at the start of `bytes`, asked while the stream is out of step.
    ///
    /// It should be hard to satisfy by accident: what it takes for a header decides how much is read as one message.
    fn begins(&self, from: Side, bytes: &[u8]) -> Begins;

    /// How many bytes at the start of `bytes` cannot begin a message: those that [`Decoder::begins`] need not be asked
    /// about.
    ///
    /// For decoders whose streams are large and mostly passed over.
    fn barren(&self, bytes: &[u8]) -> usize {
        let _ = bytes;
        0
    }

    /// What to call a message of which only the beginning is there, framing included: `AS-REQ`.
    fn name(&self, from: Side, bytes: &[u8]) -> &'static str;

    /// Decodes one whole message, framing excluded, and appends what it says. What it cannot decode it appends as a
    /// gap.
    fn message(&mut self, from: Side, bytes: &[u8], out: &mut Vec<Decoded>);

    /// As [`Decoder::frame`], for a message that was [`Framing::Open`] when `seen` of these bytes were there.
    fn reopen(&self, from: Side, bytes: &[u8], seen: usize) -> Framing {
        let _ = seen;
        self.frame(from, bytes)
    }

    /// Told when what [`Decoder::frame`] answered with [`Framing::Pass`] to these bytes is passed over.
    fn passes(&mut self, from: Side, bytes: &[u8]) {
        let _ = (from, bytes);
    }

    /// Told when bytes of one direction were lost, or when it has ended, for decoders that remember something from
    /// message to message. What then cannot be completed is appended as it stands, or as a gap.
    fn interrupted(&mut self, from: Side, out: &mut Vec<Decoded>) {
        let _ = (from, out);
    }

    /// Asked when nothing more of a connection is put together: whether TLS is in it that shows its alerts all the
    /// same, and what carries it.
    fn shows_alerts(&self) -> Option<Carriage> {
        None
    }

    /// Bytes of memory kept of one direction's unfinished messages.
    fn kept(&self, from: Side) -> usize {
        let _ = from;
        0
    }

    /// Takes what was counted and not appended since the last call: nothing, unless [`Detail::SignIns`] was asked for.
    fn take_counted(&mut self) -> Counted {
        Counted::default()
    }
}

/// Which messages are handed out, and with how much of what they say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// All.
    #[default]
    Every,
    /// Those that can tell something of a sign-in. Most of what a domain controller answers are searches and the
    /// addresses of hosts: they are looked at and counted, and not taken apart. TLS is told without fingerprints.
    SignIns,
}

/// Messages that were counted and not handed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Of DNS.
    pub dns: u64,
    /// Of LDAP.
    pub ldap: u64,
    /// SASL buffers of LDAP that cannot be read.
    pub sealed: u64,
}

impl Counted {
    /// Adds `more`.
    pub fn add(&mut self, more: Self) {
        self.dns = self.dns.saturating_add(more.dns);
        self.ldap = self.ldap.saturating_add(more.ldap);
        self.sealed = self.sealed.saturating_add(more.sealed);
    }
}

/// Decodes one whole message; the error is a clause without text from the wire.
pub type Decode = fn(&[u8]) -> Result<Message, String>;

/// The functions that decode messages.
#[derive(Clone, Copy, Debug)]
pub struct Decoders {
    /// One Kerberos message.
    pub kerberos: Decode,
    /// One DNS message.
    pub dns: Decode,
    /// Which messages are handed out.
    pub detail: Detail,
}

impl Default for Decoders {
    fn default() -> Self {
        Self {
            kerberos: |bytes| match kerberos::decode(bytes) {
                Ok(message) => Ok(Message::Kerberos(Box::new(message))),
                Err(error) => Err(error.to_string()),
            },
            dns: |bytes| match dns::decode(bytes) {
                Ok(message) => Ok(Message::Dns(Box::new(message))),
                Err(error) => Err(error.to_string()),
            },
            detail: Detail::Every,
        }
    }
}

impl Decoders {
    /// What decodes TCP connections to this port. `None`: such streams are not put together.
    pub fn stream(&self, server_port: u16) -> Option<Box<dyn Decoder>> {
        match server_port {
            KERBEROS_PORT => Some(Box::new(KerberosStream { decode: self.kerberos })),
            DNS_PORT => Some(Box::new(DnsStream { decode: self.dns })),
            LDAP_PORT | GLOBAL_CATALOGUE_PORT => Some(Box::new(LdapStream::new(self.detail))),
            KPASSWD_PORT => Some(Box::new(KpasswdStream)),
            SMB_PORT => Some(Box::new(SmbStream)),
            ENDPOINT_MAPPER_PORT => Some(Box::new(DcerpcStream)),
            _ => None,
        }
    }

    /// Whether a datagram is one that is counted and not handed out. Who asks for the address of a host asks a server.
    pub(crate) fn only_counts(&self, datagram: &Datagram<'_>) -> bool {
        self.detail == Detail::SignIns
            && datagram.path.destination.port == DNS_PORT
            && datagram.cut == 0
            && dns::is_plain_question(&datagram.payload)
    }

    /// Appends what a UDP datagram says: nothing where none of its ports is one that we decode.
    ///
    /// Where both ports are, the destination decides. A datagram that was cut short is not decoded in part, because
    /// its later fields would look absent when they were only not captured.
    pub fn datagram(&self, datagram: &Datagram<'_>, out: &mut Vec<Decoded>) {
        let protocol =
            [datagram.path.destination.port, datagram.path.source.port].into_iter().find_map(|port| match port {
                KERBEROS_PORT => Some(Protocol::Kerberos),
                DNS_PORT => Some(Protocol::Dns),
                LDAP_PORT => Some(Protocol::Cldap),
                KPASSWD_PORT => Some(Protocol::Kpasswd),
                _ => None,
            });
        let bytes = datagram.payload.as_ref();
        let Some(protocol) = protocol.or_else(|| dns::asks_for_service(bytes).then_some(Protocol::Dns)) else { return };
        if datagram.cut == 0 {
            return match protocol {
                Protocol::Kerberos => out.push(decoded(protocol, bytes, self.kerberos).into()),
                Protocol::Cldap => cldap(bytes, out),
                Protocol::Kpasswd => kpasswd::decode(bytes, out),
                _ => dns_message(bytes, self.dns, out),
            };
        }
        let name = match protocol {
            Protocol::Kerberos => bytes.first().and_then(|&tag| kerberos_name(tag)).unwrap_or("a Kerberos message"),
            Protocol::Cldap => "a CLDAP message",
            Protocol::Kpasswd => "a change of a password",
            _ => "a DNS message",
        };
        let total = length(bytes).saturating_add(u64::from(datagram.cut));
        let detail = format!("{name} cut short in the capture: {} of {total} bytes", bytes.len());
        out.push(Message::Gap(Box::new(Gap { kind: GapKind::CutShort, protocol, bytes: total, detail })).into());
    }
}

/// The message, or a gap that says why there is none.
fn decoded(protocol: Protocol, bytes: &[u8], decode: Decode) -> Message {
    decode(bytes).unwrap_or_else(|detail| {
        Message::Gap(Box::new(Gap { kind: GapKind::Undecodable, protocol, bytes: length(bytes), detail }))
    })
}

/// A DNS message, and what its key exchange carries.
fn dns_message(bytes: &[u8], decode: Decode, out: &mut Vec<Decoded>) {
    let message = decoded(Protocol::Dns, bytes, decode);
    let token = if let Message::Dns(message) = &message { dns::key_exchange(bytes, message) } else { None };
    out.push(message.into());
    if let Some(token) = token {
        spnego::decode(token, Carrier::Dns.into(), out);
    }
}

/// A CLDAP datagram: an object found and the end of the search come together. MS-ADTS 3.1.1.3.1.7.
fn cldap(bytes: &[u8], out: &mut Vec<Decoded>) {
    let (messages, error) = ldap::decode_all(bytes);
    out.extend(messages.into_iter().map(|message| Message::Cldap(Box::new(message)).into()));
    if let Some(error) = error {
        let (kind, protocol, detail) = (GapKind::Undecodable, Protocol::Cldap, error.to_string());
        out.push(Message::Gap(Box::new(Gap { kind, protocol, bytes: length(bytes), detail })).into());
    }
}

/// Kerberos over TCP, RFC 4120 §7.2.2: each message after its length, four octets, the most significant bit 0.
struct KerberosStream {
    decode: Decode,
}

impl KerberosStream {
    const HEADER: usize = 4;
}

impl Decoder for KerberosStream {
    fn protocol(&self) -> Protocol {
        Protocol::Kerberos
    }

    fn frame(&self, _: Side, bytes: &[u8]) -> Framing {
        let Some((stated, body)) = bytes.split_first_chunk::<{ Self::HEADER }>() else {
            return Framing::More;
        };
        let Some(&tag) = body.first() else {
            return Framing::More;
        };
        let stated = u32::from_be_bytes(*stated);
        // The most significant bit announces an extension (RFC 5021), which no KDC or client here sends.
        if stated & 0x8000_0000 != 0 || stated < 2 || kerberos_name(tag).is_none() {
            return Framing::Lost;
        }
        match usize::try_from(stated) {
            Ok(length) if length <= MAX_KERBEROS_MESSAGE => Framing::Message { header: Self::HEADER, length },
            _ => Framing::TooLong { total: u64::from(stated).saturating_add(4) },
        }
    }

    /// The length, the tag, the DER length and the tag inside must agree: `[APPLICATION n] SEQUENCE` that ends where
    /// the message does.
    fn begins(&self, _: Side, bytes: &[u8]) -> Begins {
        // Almost every byte of a cipher text fails here already: the limit leaves only 0 for the first octet.
        if bytes.first().is_some_and(|&octet| octet != 0) {
            return Begins::No;
        }
        let Some((stated, body)) = bytes.split_first_chunk::<{ Self::HEADER }>() else {
            return Begins::Unknown;
        };
        let stated = u64::from(u32::from_be_bytes(*stated));
        if stated > MAX_KERBEROS_MESSAGE as u64 {
            return Begins::No;
        }
        let Some((&tag, after_tag)) = body.split_first() else {
            return Begins::Unknown;
        };
        if kerberos_name(tag).is_none() {
            return Begins::No;
        }
        let Some((&first, after_first)) = after_tag.split_first() else {
            return Begins::Unknown;
        };
        let octets = if first < 0x80 { 0 } else { usize::from(first & 0x7f) };
        if first == 0x80 || octets > 4 {
            return Begins::No;
        }
        let Some((long, inside)) = after_first.split_at_checked(octets) else {
            return Begins::Unknown;
        };
        let contents =
            if first < 0x80 { u64::from(first) } else { long.iter().fold(0, |sum, &o| (sum << 8) | u64::from(o)) };
        if contents.saturating_add(2).saturating_add(octets as u64) != stated {
            return Begins::No;
        }
        match inside.first() {
            None => Begins::Unknown,
            Some(0x30) => Begins::Yes,
            Some(_) => Begins::No,
        }
    }

    fn name(&self, _: Side, bytes: &[u8]) -> &'static str {
        bytes.get(Self::HEADER).and_then(|&tag| kerberos_name(tag)).unwrap_or("a Kerberos message")
    }

    fn message(&mut self, _: Side, bytes: &[u8], out: &mut Vec<Decoded>) {
        out.push(decoded(Protocol::Kerberos, bytes, self.decode).into());
    }
}

/// DNS over TCP, RFC 1035 §4.2.2: each message after its length, two octets.
struct DnsStream {
    decode: Decode,
}

impl DnsStream {
    const HEADER: usize = 2;
    /// Octets of a DNS header, RFC 1035 §4.1.1: no message is shorter.
    const LEAST: usize = 12;
}

impl Decoder for DnsStream {
    fn protocol(&self) -> Protocol {
        Protocol::Dns
    }

    fn frame(&self, _: Side, bytes: &[u8]) -> Framing {
        let Some((stated, _)) = bytes.split_first_chunk::<{ Self::HEADER }>() else {
            return Framing::More;
        };
        let length = usize::from(u16::from_be_bytes(*stated));
        if length < Self::LEAST { Framing::Lost } else { Framing::Message { header: Self::HEADER, length } }
    }

    /// A query or an answer with counts that fit its length: a question takes at least 5 octets, a record 11.
    fn begins(&self, _: Side, bytes: &[u8]) -> Begins {
        let Some(&[l1, l0, _, _, f1, f0, q1, q0, a1, a0, n1, n0, r1, r0]) = bytes.first_chunk::<14>() else {
            return Begins::Unknown;
        };
        let number = |high, low| u32::from(u16::from_be_bytes([high, low]));
        let (stated, flags, questions) = (number(l1, l0), number(f1, f0), number(q1, q0));
        let (answers, others) = (number(a1, a0), number(n1, n0).saturating_add(number(r1, r0)));
        let response = flags & 0x8000 != 0;
        let query = flags & 0x7800 == 0 && flags & 0x0040 == 0;
        let asked = questions == 1 || (questions == 0 && response && answers > 0);
        let records = answers.saturating_add(others).saturating_mul(11);
        let fits = questions.saturating_mul(5).saturating_add(records).saturating_add(12) <= stated;
        if query && asked && fits && (response || answers == 0) { Begins::Yes } else { Begins::No }
    }

    fn name(&self, _: Side, _: &[u8]) -> &'static str {
        "a DNS message"
    }

    fn message(&mut self, _: Side, bytes: &[u8], out: &mut Vec<Decoded>) {
        dns_message(bytes, self.decode, out);
    }
}

/// The Kerberos message that begins with this octet, RFC 4120 §5.10.
fn kerberos_name(tag: u8) -> Option<&'static str> {
    Some(match tag {
        0x6a => "AS-REQ",
        0x6b => "AS-REP",
        0x6c => "TGS-REQ",
        0x6d => "TGS-REP",
        0x6e => "AP-REQ",
        0x6f => "AP-REP",
        0x74 => "KRB-SAFE",
        0x75 => "KRB-PRIV",
        0x76 => "KRB-CRED",
        0x7e => "KRB-ERROR",
        _ => return None,
    })
}

/// Length in the type that gaps count in.
pub(crate) fn length(bytes: &[u8]) -> u64 {
    bytes.len() as u64
}

#[cfg(test)]
mod tests {
    use std::{borrow::Cow, net::IpAddr};

    use capture::{CaptureTime, PacketId};

    use super::{Begins, Decoders, Framing, MAX_KERBEROS_MESSAGE, Side};
    use crate::{Endpoint, GapKind, Message, Path, Transport, wire::Datagram};

    fn kerberos(length: usize, tag: u8) -> Vec<u8> {
        let mut bytes = u32::try_from(length + 4).unwrap().to_be_bytes().to_vec();
        bytes.extend([tag, 0x82]);
        bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        bytes.push(0x30);
        bytes.resize(length + 8, 0);
        bytes
    }

    #[test]
    fn a_kerberos_header_is_recognised_at_its_place_only() {
        let decoder = Decoders::default().stream(88).unwrap();
        let bytes = kerberos(300, 0x6a);
        assert_eq!(decoder.begins(Side::Client, &bytes), Begins::Yes);
        for at in 1..bytes.len() - 9 {
            assert_ne!(decoder.begins(Side::Client, &bytes[at..]), Begins::Yes, "at {at}");
        }
        for end in 0..9 {
            assert_eq!(decoder.begins(Side::Client, &bytes[..end]), Begins::Unknown, "{end} bytes");
        }
    }

    #[test]
    fn kerberos_frames_by_its_length_and_refuses_other_protocols() {
        let decoder = Decoders::default().stream(88).unwrap();
        assert_eq!(decoder.frame(Side::Client, b"GET / HTTP/1.1"), Framing::Lost);
        assert_eq!(decoder.frame(Side::Client, &[0, 0, 1]), Framing::More);
        assert_eq!(decoder.frame(Side::Client, &[0, 0, 1, 0, 0x6a]), Framing::Message { header: 4, length: 256 });
        assert_eq!(decoder.frame(Side::Client, &[0x80, 0, 1, 0, 0x6a]), Framing::Lost);
        let over = u32::try_from(MAX_KERBEROS_MESSAGE + 1).unwrap().to_be_bytes();
        let framing = decoder.frame(Side::Client, &[over[0], over[1], over[2], over[3], 0x6a]);
        assert_eq!(framing, Framing::TooLong { total: MAX_KERBEROS_MESSAGE as u64 + 5 });
    }

    #[test]
    fn dns_begins_where_counts_fit_the_length() {
        let decoder = Decoders::default().stream(53).unwrap();
        let query = [0, 17, 0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 33, 0, 1];
        assert_eq!(decoder.begins(Side::Client, &query), Begins::Yes);
        assert_eq!(decoder.begins(Side::Client, &query[..13]), Begins::Unknown);
        let mut crowded = query;
        crowded[9] = 3;
        assert_eq!(decoder.begins(Side::Client, &crowded), Begins::No);
        assert_eq!(decoder.frame(Side::Client, &[0, 11]), Framing::Lost);
    }

    #[test]
    fn a_cut_datagram_says_what_was_cut() {
        let end = |port| Endpoint { address: IpAddr::from([10, 0, 0, 1]), port };
        let mut datagram = Datagram {
            packet: PacketId::FIRST,
            first: PacketId::FIRST,
            at: CaptureTime(0),
            path: Path { transport: Transport::Udp, source: end(50000), destination: end(88) },
            payload: Cow::Borrowed(&[0x6a, 0x82]),
            cut: 1000,
        };
        let mut messages = Vec::new();
        Decoders::default().datagram(&datagram, &mut messages);
        let Some(Message::Gap(gap)) = messages.pop().map(|decoded| decoded.message) else { panic!("no gap") };
        assert_eq!((gap.kind, gap.bytes), (GapKind::CutShort, 1002));
        assert_eq!(gap.detail, "AS-REQ cut short in the capture: 2 of 1002 bytes");
        datagram.path.destination = end(123);
        Decoders::default().datagram(&datagram, &mut messages);
        assert!(messages.is_empty());
    }
}
