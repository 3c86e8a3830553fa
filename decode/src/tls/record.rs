//! Records to messages: where records begin and end, what of them is encrypted, and handshake messages over several.

use super::{Alert, AlertDescription, Body, HandshakeType, Message, Version, handshake};
use crate::{
    Carriage, Decoded, Gap, GapKind, Message as Event, Protocol,
    decoder::{Detail, Side, length},
};

/// The longest handshake message that is decoded. Chains take some ten kilobytes; with post-quantum keys perhaps sixty.
pub const MAX_HANDSHAKE: usize = 128 << 10;

/// The longest record: RFC 5246 §6.2.3.
const MAX_RECORD: u16 = (16 << 10) + 2_048;
/// The longest record in the clear.
const MAX_CLEAR_RECORD: u16 = 16 << 10;
/// The longest alert: two bytes, padded to a cipher's block, an initialisation vector and the longest authentication
/// code.
const MAX_ALERT: u16 = 128;
/// The shortest ChangeCipherSpec that is encrypted, in a handshake inside another: a byte, and a nonce and the shortest
/// authentication code (RFC 6655 §4), or a longer code. The longest is as long as an alert may be.
const MIN_ENCRYPTED: u16 = 1 + 8 + 8;
/// Bytes of a record's header.
const HEADER: usize = 5;
/// Bytes of a handshake message's header.
const HANDSHAKE_HEADER: usize = 4;
/// The shortest hello: version, random, an empty session, and a suite without a list.
const MIN_HELLO: usize = 2 + 32 + 1 + 2;
/// Lengths of a TLS 1.3 record with an alert in it: the alert, its type, and an authentication code. No handshake
/// message is as short; the next longer record is one with an empty Certificate.
const ENCRYPTED_ALERTS: [u16; 2] = [2 + 1 + 8, 2 + 1 + 16];

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// What begins at some place of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Too little to tell.
    Unknown,
    /// A record of so many bytes that is to be decoded, or of one of data its header.
    Record(usize),
    /// None of TLS.
    Nothing,
}

/// Whether a record begins here, RFC 8446 §5.1.
pub fn start(bytes: &[u8]) -> Start {
    let &[kind @ CHANGE_CIPHER_SPEC..=APPLICATION_DATA, ref rest @ ..] = bytes else {
        return if bytes.is_empty() { Start::Unknown } else { Start::Nothing };
    };
    let stated = match rest {
        [] | [3] | [3, 0..=4] | [3, 0..=4, _] => return Start::Unknown,
        &[3, 0..=4, high, low, ..] => u16::from_be_bytes([high, low]),
        _ => return Start::Nothing,
    };
    let fits = match kind {
        CHANGE_CIPHER_SPEC => stated == 1 || (MIN_ENCRYPTED..=MAX_ALERT).contains(&stated),
        ALERT => (2..=MAX_ALERT).contains(&stated),
        HANDSHAKE => (1..=MAX_CLEAR_RECORD).contains(&stated),
        _ => stated <= MAX_RECORD,
    };
    match kind {
        _ if !fits => Start::Nothing,
        APPLICATION_DATA => Start::Record(HEADER),
        _ => Start::Record(HEADER.saturating_add(usize::from(stated))),
    }
}

/// Who sends a payload that begins with a hello; `None` for all others. For streams that are not known to hold TLS.
pub fn hello(bytes: &[u8]) -> Option<Side> {
    let &[HANDSHAKE, 3, 0..=4, r1, r0, kind @ 1..=2, 0, h1, h0, 3 | 0x7f, ..] = bytes else { return None };
    let record = u16::from_be_bytes([r1, r0]);
    let message = u16::from_be_bytes([h1, h0]);
    match kind {
        _ if record > MAX_CLEAR_RECORD || usize::from(message) < MIN_HELLO => None,
        1 => Some(Side::Client),
        _ => Some(Side::Server),
    }
}

/// Whether a payload is nothing but an alert that is encrypted: for connections of which nothing else is looked at.
pub fn is_encrypted_alert(payload: &[u8]) -> bool {
    let &[ALERT, 3, 0..=3, 0, low, ref rest @ ..] = payload else { return false };
    u16::from(low) > 2 && u16::from(low) <= MAX_ALERT && rest.len() == usize::from(low)
}

/// Both directions of a connection.
#[derive(Debug, Default)]
pub struct Records {
    client: Half,
    server: Half,
    /// What the server chose.
    chosen: Option<Version>,
    /// The client may send data before its Finished.
    early_data: bool,
    carriage: Carriage,
    begun: bool,
    detail: Detail,
}

/// One direction.
#[derive(Debug, Default)]
struct Half {
    /// The beginning of a handshake message.
    pending: Vec<u8>,
    /// Bytes of a handshake message that are passed over because it is too long.
    skip: usize,
    /// Bytes were lost: what comes next may be the rest of a message.
    broken: bool,
    /// ChangeCipherSpec was sent.
    encrypted: bool,
    /// Data was sent.
    over: bool,
}

impl Records {
    /// Of a connection of which so much is handed out.
    pub fn new(detail: Detail) -> Self {
        Self { detail, ..Self::default() }
    }

    /// Sets what carries the records that follow.
    pub fn carry(&mut self, carriage: Carriage) {
        self.carriage = carriage;
    }

    /// Whether there was any record.
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    /// Whether what this side sends from here on is data, which is encrypted.
    pub fn is_over(&self, from: Side) -> bool {
        self.half(from).over
    }

    /// Whether alerts of this connection are records of their own even where they are encrypted: TLS 1.2 and older.
    /// The answer is what carries them.
    pub fn shows_alerts(&self) -> Option<Carriage> {
        let shown = self.begun && self.chosen.is_none_or(|version| !version.is_tls13());
        shown.then_some(self.carriage)
    }

    /// Bytes of memory kept of unfinished messages.
    pub fn kept(&self, from: Side) -> usize {
        self.half(from).pending.capacity()
    }

    /// Takes one record as [`start`] frames it, its header included, and appends what it says.
    pub fn record(&mut self, from: Side, record: &[u8], out: &mut Vec<Decoded>) {
        let Some((&[kind, _, _, high, low], body)) = record.split_first_chunk() else { return };
        self.begun = true;
        let tls13 = self.chosen.is_some_and(Version::is_tls13);
        let half = self.half_mut(from);
        match kind {
            // RFC 8446 §5: in TLS 1.3 it means nothing.
            CHANGE_CIPHER_SPEC => half.encrypted |= !tls13,
            ALERT => {
                let alert = match *body {
                    // No cipher makes anything of two bytes.
                    [level, description] => Alert::Clear { level, description: AlertDescription(description) },
                    _ => Alert::Encrypted,
                };
                self.tell(Body::Alert(alert), None, out);
            }
            // Behind ChangeCipherSpec, only an answer to a HelloRetryRequest is not encrypted.
            HANDSHAKE if half.encrypted && hello(record) != Some(from) => {}
            HANDSHAKE => self.handshake(from, body, out),
            APPLICATION_DATA => {
                half.over = true;
                half.pending = Vec::new();
                let bytes = u16::from_be_bytes([high, low]);
                // What TLS 1.3 encrypts is all of this type, and the first of it is the handshake's or an alert.
                let early = from == Side::Client && self.early_data;
                let alert = tls13 && !early && ENCRYPTED_ALERTS.contains(&bytes);
                let body = if alert { Body::Alert(Alert::Encrypted) } else { Body::ApplicationData { bytes } };
                self.tell(body, None, out);
            }
            _ => {}
        }
    }

    /// Bytes of this direction were lost, or it has ended: a message begun is told as a gap.
    pub fn interrupted(&mut self, from: Side, out: &mut Vec<Decoded>) {
        let half = self.half_mut(from);
        half.broken = true;
        half.skip = 0;
        let pending = std::mem::take(&mut half.pending);
        if let Some(&kind) = pending.first() {
            let name = HandshakeType(kind).name().unwrap_or("a handshake message");
            let detail = format!("{name}: only the first {} bytes are there", pending.len());
            out.push(gap(GapKind::Missing, length(&pending), detail));
        }
    }

    fn half(&self, side: Side) -> &Half {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    fn half_mut(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    fn tell(&self, body: Body, stopped: Option<String>, out: &mut Vec<Decoded>) {
        out.push(Decoded { carriage: self.carriage, message: Event::Tls(Box::new(Message { body, stopped })) });
    }

    /// Takes what a record holds of handshake messages.
    fn handshake(&mut self, from: Side, body: &[u8], out: &mut Vec<Decoded>) {
        let half = self.half_mut(from);
        let skipped = half.skip.min(body.len());
        half.skip = half.skip.saturating_sub(skipped);
        let body = body.get(skipped..).unwrap_or_default();
        if half.broken {
            // What follows a hole is taken for the beginning of a message only if that ends where it should.
            let whole = frame(body).is_some_and(|(kind, total)| kind.name().is_some() && total <= body.len());
            if !whole {
                out.extend((!body.is_empty()).then(|| {
                    gap(
                        GapKind::Missing,
                        length(body),
                        "the end of a handshake message whose beginning is lost".to_owned(),
                    )
                }));
                return;
            }
            half.broken = false;
        }
        if half.pending.is_empty() {
            let used = self.messages(from, body, out);
            let rest = body.get(used..).unwrap_or_default();
            self.half_mut(from).pending.extend_from_slice(rest);
            return;
        }
        half.pending.extend_from_slice(body);
        let pending = std::mem::take(&mut half.pending);
        let used = self.messages(from, &pending, out);
        let rest = pending.get(used..).unwrap_or_default();
        self.half_mut(from).pending = rest.to_vec();
    }

    /// Decodes the messages that `bytes` begin with, and returns how many bytes they take.
    fn messages(&mut self, from: Side, bytes: &[u8], out: &mut Vec<Decoded>) -> usize {
        let mut used = 0_usize;
        loop {
            let rest = bytes.get(used..).unwrap_or_default();
            let Some((kind, total)) = frame(rest) else { return used };
            if total > MAX_HANDSHAKE {
                self.half_mut(from).skip = total.saturating_sub(rest.len());
                let name = kind.name().unwrap_or("a handshake message");
                out.push(gap(GapKind::LimitReached, total as u64, format!("{name} of {total} bytes")));
                return bytes.len();
            }
            let Some(message) = rest.get(HANDSHAKE_HEADER..total) else { return used };
            used = used.saturating_add(total);
            let Some((body, stopped)) = handshake::decode(kind, message, self.chosen, self.detail) else {
                out.push(gap(GapKind::Undecodable, total as u64, format!("handshake message of type {}", kind.0)));
                continue;
            };
            match &body {
                Body::ClientHello(hello) => self.early_data = hello.early_data,
                Body::ServerHello(hello) => {
                    self.chosen = Some(hello.chosen());
                    // What was taken for the end of the clear text before the version was known was none.
                    if hello.chosen().is_tls13() {
                        self.client.encrypted = false;
                        self.server.encrypted = false;
                    }
                }
                _ => {}
            }
            self.tell(body, stopped, out);
        }
    }
}

/// Type and length, header included, of the handshake message that begins here.
fn frame(bytes: &[u8]) -> Option<(HandshakeType, usize)> {
    let &[kind, high, middle, low] = bytes.first_chunk()?;
    let length = u32::from_be_bytes([0, high, middle, low]);
    Some((HandshakeType(kind), usize::try_from(length).ok()?.saturating_add(HANDSHAKE_HEADER)))
}

fn gap(kind: GapKind, bytes: u64, detail: String) -> Decoded {
    Event::Gap(Box::new(Gap { kind, protocol: Protocol::Tls, bytes, detail })).into()
}

#[cfg(test)]
mod tests {
    use super::{Start, hello, is_encrypted_alert, start};
    use crate::decoder::Side;

    #[test]
    fn records_are_told_from_other_things() {
        assert_eq!(start(&[22, 3, 1, 2, 0, 1]), Start::Record(517));
        assert_eq!(start(&[23, 3, 3, 64, 0]), Start::Record(5));
        assert_eq!(start(&[20, 3, 3, 0, 1]), Start::Record(6));
        assert_eq!(start(&[20, 3, 3, 0, 48]), Start::Record(53), "encrypted");
        for end in 0..5 {
            assert_eq!(start(&[21, 3, 3, 0, 2][..end]), Start::Unknown, "{end} bytes");
        }
        for other in [b"GET /".as_slice(), &[22, 2, 1, 2, 0], &[22, 3, 5, 2, 0], &[22, 3, 1, 64, 1], &[20, 3, 3, 0, 2]]
        {
            assert_eq!(start(other), Start::Nothing, "{other:?}");
        }
    }

    #[test]
    fn a_hello_is_recognised_by_its_beginning() {
        let client = [22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
        assert_eq!(hello(&client), Some(Side::Client));
        assert_eq!(hello(&[22, 3, 3, 0, 0x7a, 2, 0, 0, 0x76, 3, 3]), Some(Side::Server));
        assert_eq!(hello(&[22, 3, 1, 2, 0, 1, 0, 0, 36, 3, 3]), None, "too short for a hello");
        assert_eq!(hello(&[22, 3, 1, 2, 0, 1, 1, 0, 36, 3, 3]), None, "longer than one is");
        for end in 0..10 {
            assert_eq!(hello(&client[..end]), None);
        }
    }

    #[test]
    fn an_encrypted_alert_fills_its_segment() {
        let mut alert = vec![21, 3, 3, 0, 26];
        alert.resize(31, 9);
        assert!(is_encrypted_alert(&alert));
        assert!(!is_encrypted_alert(&alert[..30]));
        assert!(!is_encrypted_alert(&[21, 3, 3, 0, 2, 1, 0]), "in the clear");
    }
}
