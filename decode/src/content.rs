//! Streams that say by their first bytes what they are, over any port: TLS, HTTP, TLS in the tunnel of an HTTP proxy;
//! and, for the Kerberos and NTLM in them, DCE/RPC, SMB, TDS.
//!
//! A connection is decoded so if a payload of it begins with a hello of TLS, the head of HTTP, or a message by which
//! one of the others authenticates ([`begins`]), wherever that is in the connection: TLS may begin late, as after
//! SMTP's STARTTLS. On the ports where TLS and HTTP are at home ([`is_home`]) the streams are put together from the
//! first byte on, so that it does not matter in which order the segments of a hello come; what is found to be something
//! else is dropped at once. Behind the handshake, data is not put together, and with both directions at that point the
//! connection is dropped: bulk costs nothing but its headers.

#![deny(clippy::indexing_slicing)]

use crate::{
    Carriage, Carrier, Decoded, Gap, GapKind, Message, Protocol,
    connection::matters,
    dcerpc::{self, DcerpcStream},
    decoder::{Begins, Decoder, Detail, Framing, Side, length},
    dns,
    http::{self, Heads},
    shard::hash,
    smb::{self, SmbStream},
    tds::{self, TdsStream},
    tls::{self, Records, Start},
    wire::{Segment, Unit},
};

/// Ports of HTTP, HTTPS, LDAP over TLS, proxies, and the global catalogue over TLS. Sorted.
const HOME_PORTS: [u16; 6] = [80, 443, 636, 3128, 3269, 8080];

/// Ports of HTTP and of proxies.
const HTTP_PORTS: [u16; 3] = [80, 3128, 8080];

/// Ports of LDAP over TLS.
const LDAPS_PORTS: [u16; 2] = [636, 3269];

/// Whether TLS or HTTP is expected on connections to this port.
pub fn is_home(port: u16) -> bool {
    HOME_PORTS.contains(&port)
}

/// Who sends a payload that begins what is known by its content; `None` for all others.
///
/// Every packet of a capture is asked about that no port says anything of, so the first byte leaves one of them at
/// most.
pub fn begins(payload: &[u8]) -> Option<Side> {
    match payload.first()? {
        0 => smb::begins(payload),
        5 => dcerpc::begins(payload),
        16 | 18 => tds::begins(payload),
        22 => tls::hello(payload),
        _ => http::head(payload),
    }
}

/// What decodes a connection to this port in which this payload begins something.
pub(crate) fn decoder(server_port: u16, payload: &[u8], detail: Detail) -> Box<dyn Decoder> {
    match payload.first() {
        Some(0) if smb::begins(payload).is_some() => Box::new(SmbStream),
        Some(5) if dcerpc::begins(payload).is_some() => Box::new(DcerpcStream),
        Some(16 | 18) if tds::begins(payload).is_some() => Box::new(TdsStream::default()),
        _ => Box::new(ContentStream::new(server_port, detail)),
    }
}

/// The same of a connection to one of the ports of [`is_home`], where a hello is also recognised whose first segment or
/// record does not even hold its length.
pub fn begins_at_home(payload: &[u8]) -> bool {
    tls::hello(payload).is_some() || http::head(payload).is_some() || is_split_hello(payload)
}

/// Whether these are the first bytes of a client's hello, too few to see its length or in a record too short for that.
fn is_split_hello(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [22, 3, 0..=4, 0, 1..=5, 1, ..]
            | [22]
            | [22, 3]
            | [22, 3, 0..=4]
            | [22, 3, 0..=4, _]
            | [22, 3, 0..=4, _, _]
            | [22, 3, 0..=4, _, _, 1]
            | [22, 3, 0..=4, _, _, 1, 0]
            | [22, 3, 0..=4, _, _, 1, 0, _]
            | [22, 3, 0..=4, _, _, 1, 0, _, _]
            | [22, 3, 0..=4, _, _, 1, 0, _, _, 3]
    )
}

/// Decodes a connection with TLS or HTTP in it.
#[derive(Debug)]
pub struct ContentStream {
    records: Records,
    heads: Heads,
    /// What is expected on its port.
    expected: Protocol,
    /// The port is one of LDAP over TLS, and it was not told yet that TLS hides it.
    hides_ldap: bool,
}

impl ContentStream {
    /// Of a connection to this port, of which so much is handed out.
    pub fn new(server_port: u16, detail: Detail) -> Self {
        Self {
            records: Records::new(detail),
            heads: Heads::default(),
            expected: if HTTP_PORTS.contains(&server_port) { Protocol::Http } else { Protocol::Tls },
            hides_ldap: LDAPS_PORTS.contains(&server_port),
        }
    }
}

impl Decoder for ContentStream {
    fn protocol(&self) -> Protocol {
        match (self.records.has_begun(), self.heads.has_begun()) {
            (true, _) => Protocol::Tls,
            (false, true) => Protocol::Http,
            (false, false) => self.expected,
        }
    }

    fn frame(&self, from: Side, bytes: &[u8]) -> Framing {
        self.reopen(from, bytes, 0)
    }

    fn reopen(&self, from: Side, bytes: &[u8], seen: usize) -> Framing {
        if self.records.is_over(from) {
            return Framing::Done;
        }
        if !self.heads.is_within(from) {
            match tls::start(bytes) {
                Start::Record(length) => return Framing::Message { header: 0, length },
                Start::Unknown => return Framing::More,
                Start::Nothing => {}
            }
        }
        match self.heads.frame(from, bytes, seen) {
            // Neither of both from the start, or another protocol in a tunnel.
            Framing::Lost if self.heads.is_tunnel() || !(self.heads.has_begun() || self.records.has_begun()) => {
                Framing::Done
            }
            framing => framing,
        }
    }

    fn passes(&mut self, from: Side, bytes: &[u8]) {
        self.heads.passes(from, bytes);
    }

    /// A hello, an alert in the clear, the header of data, or the head of HTTP.
    fn begins(&self, from: Side, bytes: &[u8]) -> Begins {
        match tls::start(bytes) {
            _ if from == Side::Client && is_split_hello(bytes) => Begins::Yes,
            Start::Unknown => Begins::Unknown,
            Start::Record(_) if bytes.len() < LONGEST_MARK => Begins::Unknown,
            Start::Record(_) => match bytes {
                [22, ..] if tls::hello(bytes) == Some(from) => Begins::Yes,
                // ChangeCipherSpec, an alert, data; a certificate, a key exchange, a request, or the last of the
                // server's.
                [20, _, _, _, _, 1, ..] | [21, _, _, 0, 2, 1..=2, ..] | [23, ..] | [22, _, _, _, _, 11..=16, 0, ..] => {
                    Begins::Yes
                }
                _ => Begins::No,
            },
            Start::Nothing => Heads::begins(from, bytes),
        }
    }

    fn name(&self, _: Side, bytes: &[u8]) -> &'static str {
        match tls::start(bytes) {
            Start::Record(_) => "a TLS record",
            _ => "the head of an HTTP message",
        }
    }

    fn message(&mut self, from: Side, bytes: &[u8], out: &mut Vec<Decoded>) {
        if self.heads.is_within(from) || tls::start(bytes) == Start::Nothing {
            if let Err(detail) = self.heads.message(from, bytes, out) {
                let (kind, detail) = (GapKind::Undecodable, detail.to_owned());
                out.push(
                    Message::Gap(Box::new(Gap { kind, protocol: Protocol::Http, bytes: length(bytes), detail })).into(),
                );
            }
            return;
        }
        if self.heads.is_tunnel() {
            self.records.carry(Carrier::Http.into());
        }
        self.records.record(from, bytes, out);
        if self.hides_ldap && self.records.is_over(from) {
            self.hides_ldap = false;
            let detail = "LDAP inside TLS from here on".to_owned();
            out.push(
                Message::Gap(Box::new(Gap { kind: GapKind::Encrypted, protocol: Protocol::Ldap, bytes: 0, detail }))
                    .into(),
            );
        }
    }

    fn interrupted(&mut self, from: Side, out: &mut Vec<Decoded>) {
        self.records.interrupted(from, out);
        self.heads.interrupted(from, out);
    }

    fn kept(&self, from: Side) -> usize {
        self.records.kept(from).saturating_add(self.heads.kept(from))
    }

    fn shows_alerts(&self) -> Option<Carriage> {
        self.records.shows_alerts()
    }
}

/// Bytes in which a record is recognised out of step.
const LONGEST_MARK: usize = 11;

/// Which flows to ports without a meaning are worth a look: those in which something has begun
/// that is known by its content.
///
/// It stands before the shards, in order of the packets. A flow that it lets through without need costs a look-up; one
/// that it holds back is lost, and it holds back none that it once let through.
#[derive(Debug)]
pub struct Gate {
    seen: Box<[u64]>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { seen: vec![0; GATE_WORDS].into() }
    }
}

impl Gate {
    /// Whether a shard would do anything with this unit. Most of a domain controller's traffic ends here.
    pub fn wants(&mut self, unit: &Unit<'_>) -> bool {
        match unit {
            Unit::Segment(segment) => {
                let path = &segment.path;
                matters(path.source.port) || matters(path.destination.port) || self.lets_through(segment)
            }
            Unit::Datagram(datagram) => {
                let path = &datagram.path;
                matters(path.source.port) || matters(path.destination.port) || dns::asks_for_service(&datagram.payload)
            }
            Unit::Unreachable { .. } => true,
        }
    }

    fn lets_through(&mut self, segment: &Segment<'_>) -> bool {
        let hash = hash(&segment.path.flow().0);
        let bit = 1 << (hash & 63);
        let Some(word) = usize::try_from(hash >> 6).ok().and_then(|at| self.seen.get_mut(at & (GATE_WORDS - 1))) else {
            return true;
        };
        if *word & bit == 0 && begins(&segment.payload).is_some() {
            *word |= bit;
        }
        *word & bit != 0
    }
}

/// 64 flows a word: a million, in 128 KiB. With as many flows let through as that, two in three others are, too.
const GATE_WORDS: usize = 1 << 14;
