//! TDS, in which clients log in to SQL Server, as far as it authenticates: the Kerberos and NTLM of a login, and the
//! TLS that hides it where one does. MS-TDS 2.2.
//!
//! In: the packets of both directions, up to where the server has answered the login. Behind that nothing is looked at.
//! Messages of several packets are put together here. Of a login only its token is read: not the user's name, not the
//! password, which is hardly hidden.

#![deny(clippy::indexing_slicing)]

use crate::{
    Carriage, Carrier, Decoded, Gap, GapKind, Message, Protocol,
    decoder::{Begins, Decoder, Framing, Side, length},
    spnego,
    tls::{self, Records},
};

/// The longest message that is put together: MS-TDS 2.2.6.4 gives a login 128 KiB.
pub const MAX_MESSAGE: usize = 128 << 10;

/// Decodes a connection to SQL Server.
#[derive(Debug, Default)]
pub struct TdsStream {
    client: Half,
    server: Half,
    /// TLS inside of negotiations, and behind them.
    records: Records,
}

/// One direction.
#[derive(Debug, Default)]
struct Half {
    /// The packets so far of a message, without their headers.
    pending: Vec<u8>,
    /// The message is one that is not read any more.
    dropped: bool,
}

/// Bytes of a packet's header. MS-TDS 2.2.3.1.
const HEADER: usize = 8;

/// Kinds of messages. MS-TDS 2.2.3.1.1.
const ANSWER: u8 = 4;
const FEDERATED: u8 = 8;
const LOGIN: u8 = 16;
const SSPI: u8 = 17;
const PRELOGIN: u8 = 18;

/// The token of a server's answer that holds one of an authentication. MS-TDS 2.2.7.22.
const SSPI_TOKEN: u8 = 0xed;
/// The token in which a server says where to go for one. MS-TDS 2.2.7.12.
const FEDERATED_TOKEN: u8 = 0xee;

/// What is done with a packet.
enum Content {
    Wanted,
    Passed,
}

/// What the header of a packet says.
struct Header {
    kind: u8,
    /// Bytes of the whole packet.
    total: u16,
    /// It ends its message.
    last: bool,
}

impl Header {
    /// The one at the start of `bytes`. `Ok(None)`: too little to tell. `Err`: there is none.
    fn read(bytes: &[u8]) -> Result<Option<Self>, ()> {
        let fits = |(at, &byte): (usize, &u8)| match at {
            0 => matches!(byte, 1..=18),
            // Bits of the status: the end, to be ignored, notification, two of resetting.
            1 => byte & 0xe0 == 0,
            2 => byte < 0x80,
            // The window is not in use.
            7 => byte == 0,
            _ => true,
        };
        if !bytes.iter().take(HEADER).enumerate().all(fits) {
            return Err(());
        }
        let Some(&[kind, status, high, low, ..]) = bytes.first_chunk::<HEADER>() else { return Ok(None) };
        let total = u16::from_be_bytes([high, low]);
        let header = Self { kind, total, last: status & 1 != 0 };
        if usize::from(total) < HEADER { Err(()) } else { Ok(Some(header)) }
    }
}

/// Who sends a payload that begins a connection's negotiation or its login; `None` for all others. For streams that are
/// not known to hold TDS: instances of SQL Server have any port.
///
/// A negotiation begins with its version at a place behind the options (MS-TDS 2.2.6.5), a login with its length and a
/// version of TDS that has integrated authentication (2.2.6.4).
pub fn begins(payload: &[u8]) -> Option<Side> {
    let header = Header::read(payload).ok()??;
    let stated = usize::from(header.total).checked_sub(HEADER)?;
    let body = payload.get(HEADER..)?;
    let known = match header.kind {
        PRELOGIN => match body {
            &[0, 0, place, 0, 6, 1..=4, _, _, ..] => header.last && stated > usize::from(place),
            _ => false,
        },
        LOGIN => {
            let (size, version) = body.split_first_chunk()?;
            let login = usize::try_from(u32::from_le_bytes(*size)).ok()?;
            let fits = if header.last { stated == login } else { login <= MAX_MESSAGE };
            fits && login >= LEAST_LOGIN && matches!(version, [0..=4, 0, 0 | 9 | 10 | 11, 0x70..=0x74, ..])
        }
        _ => false,
    };
    known.then_some(Side::Client)
}

impl TdsStream {
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

    /// What a message holds.
    fn decode(&mut self, kind: u8, from: Side, body: &[u8], out: &mut Vec<Decoded>) {
        match (kind, body) {
            (LOGIN, _) => match login(body) {
                Some(token) => spnego::decode(token, Carrier::Tds.into(), out),
                None => out.push(gap(GapKind::Undecodable, body, "a login whose token is not where it says")),
            },
            (SSPI, _) => spnego::decode(body, Carrier::Tds.into(), out),
            (ANSWER, &[SSPI_TOKEN, low, high, ref token @ ..]) => {
                let size = usize::from(u16::from_le_bytes([low, high]));
                match token.get(..size) {
                    Some(token) => spnego::decode(token, Carrier::Tds.into(), out),
                    None => out.push(gap(GapKind::Undecodable, body, "a token that is longer than its message")),
                }
            }
            (PRELOGIN | ANSWER, _) => self.tunnelled(from, body, out),
            _ => {}
        }
    }

    /// TLS inside of a negotiation, which has as many records in a message as it likes; nothing where it is none.
    fn tunnelled(&mut self, from: Side, body: &[u8], out: &mut Vec<Decoded>) {
        self.records.carry(Carrier::Tds.into());
        let mut rest = body;
        while let Some((record, after)) = record(rest).and_then(|total| rest.split_at_checked(total)) {
            self.records.record(from, record, out);
            rest = after;
        }
    }
}

impl Decoder for TdsStream {
    fn protocol(&self) -> Protocol {
        Protocol::Tds
    }

    fn frame(&self, from: Side, bytes: &[u8]) -> Framing {
        // The login itself may be a record of TLS. If another one follows, all that follows is.
        if let [20..=23, ..] = bytes {
            return match (record(bytes), tls::start(bytes)) {
                (Some(_), _) if self.records.is_over(from) => Framing::Done,
                (Some(length), _) => Framing::Message { header: 0, length },
                (None, tls::Start::Unknown) => Framing::More,
                (None, _) => Framing::Lost,
            };
        }
        let header = match Header::read(bytes) {
            Err(()) => return Framing::Lost,
            Ok(None) => return Framing::More,
            Ok(Some(header)) => header,
        };
        let begins = match (from, header.kind, bytes.get(HEADER)) {
            _ if !self.half(from).pending.is_empty() => Content::Wanted,
            (_, LOGIN | SSPI | PRELOGIN, _) | (Side::Server, ANSWER, Some(&(SSPI_TOKEN | 20..=23))) => Content::Wanted,
            (Side::Server, ANSWER, None) if usize::from(header.total) > HEADER => return Framing::More,
            // The answer to a negotiation begins with its version.
            (Side::Client, FEDERATED, _) | (Side::Server, ANSWER, None | Some(&(0 | FEDERATED_TOKEN))) => {
                Content::Passed
            }
            // It asks for data, so it has been let in; or it is told that it was, or why not.
            (Side::Client, ..) | (Side::Server, ANSWER, _) => return Framing::Done,
            (Side::Server, ..) => return Framing::Lost,
        };
        match begins {
            Content::Wanted => Framing::Message { header: 0, length: usize::from(header.total) },
            Content::Passed => Framing::Pass { total: u64::from(header.total) },
        }
    }

    /// A negotiation, a login, a token of an authentication, or a record of data.
    fn begins(&self, from: Side, bytes: &[u8]) -> Begins {
        let header = match (bytes, Header::read(bytes)) {
            ([23, ..], _) => {
                return match tls::start(bytes) {
                    tls::Start::Unknown => Begins::Unknown,
                    tls::Start::Record(_) => Begins::Yes,
                    tls::Start::Nothing => Begins::No,
                };
            }
            (_, Err(())) => return Begins::No,
            (_, Ok(None)) => return Begins::Unknown,
            (_, Ok(Some(header))) => header,
        };
        let body = bytes.get(HEADER..).unwrap_or_default();
        let wanted = HEADER.min(usize::from(header.total).saturating_sub(HEADER));
        match (from, header.kind, body) {
            _ if body.len() < wanted => Begins::Unknown,
            (_, SSPI, token) if spnego::is_token(token) => Begins::Yes,
            (Side::Server, ANSWER, [SSPI_TOKEN, _, _, token @ ..]) if spnego::is_token(token) => Begins::Yes,
            (Side::Client, ..) if begins(bytes) == Some(from) => Begins::Yes,
            _ => Begins::No,
        }
    }

    fn name(&self, _: Side, bytes: &[u8]) -> &'static str {
        match bytes.first() {
            Some(&LOGIN) => "a login",
            Some(&PRELOGIN) => "a negotiation",
            Some(20..=23) => "a TLS record",
            _ => "a token of a login",
        }
    }

    fn message(&mut self, from: Side, bytes: &[u8], out: &mut Vec<Decoded>) {
        if let [20..=23, ..] = bytes {
            self.records.carry(Carriage::DIRECT);
            // What follows the handshake is told once, with the first data.
            if bytes.first() == Some(&23) {
                self.records.record(from, bytes, out);
            }
            return;
        }
        let Ok(Some(header)) = Header::read(bytes) else { return };
        let body = bytes.get(HEADER..).unwrap_or_default();
        let half = self.half_mut(from);
        if half.pending.len().saturating_add(body.len()) > MAX_MESSAGE {
            half.pending = Vec::new();
            if !std::mem::replace(&mut half.dropped, true) {
                out.push(gap(GapKind::LimitReached, body, "a login is longer than one can be"));
            }
        }
        match (header.last, half.dropped) {
            (last, true) => half.dropped = !last,
            (true, false) if half.pending.is_empty() => self.decode(header.kind, from, body, out),
            (true, false) => {
                let mut whole = std::mem::take(&mut half.pending);
                whole.extend_from_slice(body);
                self.decode(header.kind, from, &whole, out);
            }
            (false, false) => half.pending.extend_from_slice(body),
        }
    }

    fn interrupted(&mut self, from: Side, out: &mut Vec<Decoded>) {
        let half = self.half_mut(from);
        half.dropped = false;
        let pending = std::mem::take(&mut half.pending);
        if !pending.is_empty() {
            out.push(gap(GapKind::Missing, &pending, "only the first packets of a login are there"));
        }
        self.records.interrupted(from, out);
    }

    fn kept(&self, from: Side) -> usize {
        self.half(from).pending.capacity().saturating_add(self.records.kept(from))
    }
}

/// Length of the TLS record that begins here, its header included. `None`: none does, or it cannot be told.
fn record(bytes: &[u8]) -> Option<usize> {
    let &[20..=23, 3, 0..=4, high, low, ..] = bytes else { return None };
    match tls::start(bytes) {
        tls::Start::Record(_) => Some(usize::from(u16::from_be_bytes([high, low])).saturating_add(5)),
        tls::Start::Unknown | tls::Start::Nothing => None,
    }
}

/// Bytes before the names of a login. MS-TDS 2.2.6.4.
const LEAST_LOGIN: usize = 94;

/// The token of a login: its place at 78, its length at 80 or, where that is 65,535, at 90. Empty: it names a user and
/// has a password. `None`: it lies outside of the message.
fn login(body: &[u8]) -> Option<&[u8]> {
    let number = |at: usize| body.get(at..)?.first_chunk().map(|bytes| usize::from(u16::from_le_bytes(*bytes)));
    let (place, short) = (number(78)?, number(80)?);
    let long = body.get(90..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))?;
    let size = if short == usize::from(u16::MAX) && long > 0 { usize::try_from(long).ok()? } else { short };
    if size == 0 { Some(&[]) } else { body.get(place..place.checked_add(size)?) }
}

fn gap(kind: GapKind, bytes: &[u8], detail: &str) -> Decoded {
    let gap = Gap { kind, protocol: Protocol::Tds, bytes: length(bytes), detail: detail.to_owned() };
    Message::Gap(Box::new(gap)).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{MAX_MESSAGE, TdsStream, begins};
    use crate::{
        Message,
        decoder::{Begins, Decoder, Framing, Side},
    };

    const NEGOTIATE: &[u8] = b"NTLMSSP\0\x01\0\0\0\x02\0\0\0";

    fn packet(kind: u8, last: bool, body: &[u8]) -> Vec<u8> {
        let [high, low] = u16::try_from(8 + body.len()).unwrap().to_be_bytes();
        [&[kind, u8::from(last), high, low, 0, 0, 1, 0], body].concat()
    }

    /// A login with this token, and with a user and a password that must not be told.
    fn login(token: &[u8]) -> Vec<u8> {
        let mut body = vec![0; 94];
        body[4..8].copy_from_slice(&[4, 0, 0, 0x74]);
        body.extend(b"s\0e\0c\0r\0e\0t\0");
        let place = u16::try_from(body.len()).unwrap().to_le_bytes();
        body[78..80].copy_from_slice(&place);
        body[80..82].copy_from_slice(&u16::try_from(token.len()).unwrap().to_le_bytes());
        body.extend(token);
        let size = u32::try_from(body.len()).unwrap().to_le_bytes();
        body[..4].copy_from_slice(&size);
        body
    }

    fn prelogin() -> Vec<u8> {
        packet(18, true, &[0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xff, 9, 0, 0, 0, 0, 0, 2])
    }

    /// What the packets of one side say, one after another as they are framed.
    fn told(from: Side, packets: &[Vec<u8>]) -> Vec<String> {
        let (mut stream, mut out) = (TdsStream::default(), Vec::new());
        for packet in packets {
            match stream.frame(from, packet) {
                Framing::Message { header: 0, length } => stream.message(from, &packet[..length], &mut out),
                framing => {
                    assert!(matches!(framing, Framing::Pass { total } if total == packet.len() as u64), "{framing:?}");
                }
            }
        }
        stream.interrupted(from, &mut out);
        assert_eq!(stream.kept(from), 0);
        let line = |message: &Message| match message {
            Message::Ntlm(message) => message.kind.name().to_owned(),
            Message::Tls(message) => message.name().to_owned(),
            Message::Gap(gap) => format!("{} {}: {}", gap.protocol.name(), gap.kind.name(), gap.detail),
            other => panic!("{other:?}"),
        };
        let shown = format!("{out:?}");
        assert!(!shown.contains("secret") && !shown.contains("s\\0e"), "{shown}");
        out.iter().map(|decoded| format!("{:?} {}", decoded.carriage, line(&decoded.message))).collect()
    }

    const FOUND: [&str; 1] = ["[\"tds\"] negotiate"];

    #[test]
    fn tokens_of_logins_and_their_answers_are_read() {
        assert_eq!(told(Side::Client, &[prelogin(), packet(16, true, &login(NEGOTIATE))]), FOUND);
        assert_eq!(told(Side::Client, &[packet(17, true, NEGOTIATE)]), FOUND);
        let answer = [&[0xed, 16, 0], NEGOTIATE].concat();
        assert_eq!(told(Side::Server, &[packet(4, true, &[0, 0, 1]), packet(4, true, &answer)]), FOUND);
        // A user with a password.
        assert!(told(Side::Client, &[packet(16, true, &login(&[]))]).is_empty());
    }

    #[test]
    fn messages_are_put_together_from_packets() {
        let login = login(NEGOTIATE);
        for at in 1..login.len() {
            let packets = [packet(16, false, &login[..at]), packet(16, true, &login[at..])];
            assert_eq!(told(Side::Client, &packets), FOUND, "{at}");
            let lost = ["[] tds missing: only the first packets of a login are there"];
            assert_eq!(told(Side::Client, &packets[..1]), lost, "{at}");
        }
        let many = vec![packet(16, false, &vec![0; 32_000]); MAX_MESSAGE / 32_000 + 3];
        assert_eq!(told(Side::Client, &many), ["[] tds limit_reached: a login is longer than one can be"]);
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let whole = login(NEGOTIATE);
        for end in 0..whole.len() {
            let told = told(Side::Client, &[packet(16, true, &whole[..end])]);
            assert_eq!(told, ["[] tds undecodable: a login whose token is not where it says"], "{end}");
        }
        let answer = [&[0xed, 17, 0], NEGOTIATE].concat();
        let told = told(Side::Server, &[packet(4, true, &answer)]);
        assert_eq!(told, ["[] tds undecodable: a token that is longer than its message"]);
    }

    #[test]
    fn behind_the_login_nothing_is_looked_at() {
        let stream = TdsStream::default();
        for kind in [1, 3, 7, 14] {
            assert_eq!(stream.frame(Side::Client, &packet(kind, true, b"select 1")), Framing::Done, "{kind}");
        }
        assert_eq!(stream.frame(Side::Server, &packet(4, true, &[0xe3, 1, 0, 0])), Framing::Done);
        assert_eq!(stream.frame(Side::Client, b"GET / HTTP/1.1"), Framing::Lost);
    }

    #[test]
    fn tls_inside_a_negotiation_is_read_and_what_it_hides_is_told() {
        let alert = [21, 3, 3, 0, 2, 2, 40];
        assert_eq!(
            told(Side::Server, &[packet(18, true, &[alert, alert].concat())]),
            ["[\"tds\"] alert", "[\"tds\"] alert"]
        );
        let sealed = [23, 3, 3, 0, 3, 1, 2, 3].to_vec();
        assert_eq!(told(Side::Client, &[prelogin(), sealed.clone()]), ["[] application_data"]);
        let mut stream = TdsStream::default();
        stream.message(Side::Client, &sealed, &mut Vec::new());
        assert_eq!(stream.frame(Side::Client, &sealed), Framing::Done);
    }

    #[test]
    fn a_connection_is_known_by_its_beginning() {
        let login = packet(16, true, &login(NEGOTIATE));
        for whole in [prelogin(), login.clone()] {
            assert_eq!(begins(&whole), Some(Side::Client));
            assert_eq!(TdsStream::default().begins(Side::Client, &whole), Begins::Yes);
            for end in 0..16 {
                assert_eq!(begins(&whole[..end]), None, "{end} bytes");
            }
            for at in 1..whole.len() {
                assert_eq!(begins(&whole[at..]), None, "at {at}");
            }
        }
        // Another length, another version.
        for (at, value) in [(3, 9), (8, 1), (14, 1), (15, 0x6f)] {
            let mut other = login.clone();
            other[at] = value;
            assert_eq!(begins(&other), None, "{at}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_no_harm(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        ) {
            let mut changed = packet(16, true, &login(NEGOTIATE));
            for (at, value) in changes {
                *at.get_mut(&mut changed) = value;
            }
            for side in [Side::Client, Side::Server] {
                for bytes in [&bytes, &changed] {
                    let mut stream = TdsStream::default();
                    let _ = (stream.frame(side, bytes), stream.begins(side, bytes), begins(bytes));
                    stream.message(side, bytes, &mut Vec::new());
                    stream.interrupted(side, &mut Vec::new());
                }
            }
        }
    }
}
