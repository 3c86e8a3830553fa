//! SMB over TCP: how sessions are set up, and the Kerberos and NTLM in it. MS-SMB2 2.2.5 and 2.2.6, MS-SMB 2.2.4.6.
//!
//! Of all commands only SESSION_SETUP is read. Its requests are told by the tokens they carry; its responses, which say
//! with which status the server answers, are told as well. All else, encrypted messages and what files hold, is passed
//! over by its length alone: nothing of it is kept, and nothing is said where it is missing. What a negotiation holds
//! is passed over, too: the server's hint (MS-SPNG 2.2.1) names mechanisms, and the session set-up shows which was
//! taken.

#![deny(clippy::indexing_slicing)]

use serde::{Serialize, Serializer};

use crate::{
    Carriage, Carrier, Decoded, Gap, GapKind, Message, Protocol, WireText,
    decoder::{Begins, Decoder, Framing, MAX_HEADER, Side, length},
    kerberos::NtStatus,
    ntlm, spnego,
};

/// The largest session set-up that is read. The length of its token is one of 16 bits, and Windows issues none larger.
pub const MAX_SESSION_SETUP: u64 = 128 << 10;

/// Messages of one compound that are looked at: Windows' clients send up to five.
pub const MAX_COMPOUND: usize = 16;

/// A server's answer to a SESSION_SETUP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSetup {
    /// Of which protocol.
    pub version: Version,
    /// With which status. `None`: an SMB 1 server answers with a code of DOS.
    pub status: Option<NtStatus>,
    /// The session, where it is one of SMB 2; 0 where there is none.
    pub session_id: Option<u64>,
}

/// SMB 1 or what followed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// SMB 1, also known as CIFS.
    Smb1,
    /// SMB 2 and 3.
    Smb2,
}

impl Version {
    fn protocol(self) -> Protocol {
        match self {
            Self::Smb1 => Protocol::Smb,
            Self::Smb2 => Protocol::Smb2,
        }
    }

    fn carriage(self) -> Carriage {
        match self {
            Self::Smb1 => Carrier::Smb.into(),
            Self::Smb2 => Carrier::Smb2.into(),
        }
    }
}

impl SessionSetup {
    /// The protocol it is of.
    pub fn protocol(&self) -> Protocol {
        self.version.protocol()
    }

    /// Name of its status, MS-ERREF 2.3.1.
    pub fn status_name(&self) -> Option<&'static str> {
        let status = self.status?;
        Some(match status.0 {
            0x0000_0000 => "STATUS_SUCCESS",
            0x0000_0103 => "STATUS_PENDING",
            0xc000_0016 => "STATUS_MORE_PROCESSING_REQUIRED",
            0xc000_009a => "STATUS_INSUFFICIENT_RESOURCES",
            0xc000_0203 => "STATUS_USER_SESSION_DELETED",
            0xc000_035c => "STATUS_NETWORK_SESSION_EXPIRED",
            _ => return status.name(),
        })
    }
}

/// Machine output: status as in `0xc000006d`, session as 16 hex digits.
impl Serialize for SessionSetup {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap as _;
        let mut map = serializer.serialize_map(None)?;
        if let Some(status) = self.status {
            map.serialize_entry("nt_status", &format!("0x{:08x}", status.0))?;
        }
        if let Some(name) = self.status_name() {
            map.serialize_entry("nt_status_name", name)?;
        }
        if let Some(session) = self.session_id {
            map.serialize_entry("session_id", &format!("{session:016x}"))?;
        }
        map.end()
    }
}

/// Decodes a connection to the SMB port, or one to another port that carries SMB.
#[derive(Debug, Default)]
pub struct SmbStream;

/// Bytes before each message: a zero, and the length of what follows. MS-SMB2 2.1, RFC 1002 §4.3.1.
const FRAME: usize = 4;

/// What begins at some place of a stream.
enum Start {
    /// Too little to tell.
    Unknown,
    /// A message of so many bytes, framing included, and whether it is a session set-up.
    Unit(Command, u64),
    /// None of what we know.
    Nothing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Command {
    SessionSetup,
    Other,
}

fn start(bytes: &[u8]) -> Start {
    // A session message; session request and its answers, keep-alive: RFC 1002 §4.3.1.
    let [kind @ (0 | 0x81..=0x85), after @ ..] = bytes else { return Start::Nothing };
    let Some((&[high, middle, low], smb)) = after.split_first_chunk() else { return Start::Unknown };
    let stated = u32::from_be_bytes([0, high, middle, low]);
    let unit = |command| Start::Unit(command, u64::from(stated).saturating_add(FRAME as u64));
    if *kind != 0 {
        // None holds more than two names.
        return if stated < 128 { unit(Command::Other) } else { Start::Nothing };
    }
    match smb {
        _ if stated == 0 => unit(Command::Other),
        // MS-SMB2 2.2.1: its structure size is 64, then come credits and status, then the command.
        [0xfe, b'S', b'M', b'B', 64, 0, _, _, _, _, _, _, low, high, ..] if stated > 64 => {
            match u16::from_le_bytes([*low, *high]) {
                1 => unit(Command::SessionSetup),
                0..=0x13 => unit(Command::Other),
                _ => Start::Nothing,
            }
        }
        // MS-CIFS 2.2.3.1: the command follows at once. The shortest has no words and no bytes.
        [0xff, b'S', b'M', b'B', command, ..] if stated >= 35 => {
            unit(if *command == 0x73 { Command::SessionSetup } else { Command::Other })
        }
        // Encrypted or compressed, MS-SMB2 2.2.41 and 2.2.42.
        [0xfc | 0xfd, b'S', b'M', b'B', ..] if stated > 16 => unit(Command::Other),
        _ if may_begin(smb) => Start::Unknown,
        _ => Start::Nothing,
    }
}

/// Who sends a payload that begins with a negotiation or a session set-up; `None` for all others. For streams that are
/// not known to hold SMB: it is offered over NetBIOS (RFC 1001), too.
pub fn begins(payload: &[u8]) -> Option<Side> {
    const RESPONSE: u8 = 0x80;
    let &[0, _, _, _, ref smb @ ..] = payload else { return None };
    let Start::Unit(_, total) = start(payload) else { return None };
    let by_server = match smb {
        [0xff, _, _, _, 0x72 | 0x73, _, _, _, _, flags, ..] => flags & RESPONSE != 0,
        [0xfe, _, _, _, _, _, _, _, _, _, _, _, 0 | 1, 0, _, _, flags, ..] => flags & 1 != 0,
        _ => return None,
    };
    let from = if by_server { Side::Server } else { Side::Client };
    (total <= MAX_SESSION_SETUP).then_some(from)
}

/// Whether these are the first bytes of an SMB header, and too few to tell the command.
fn may_begin(smb: &[u8]) -> bool {
    let fits = |at: usize, byte: u8| match at {
        0 => matches!(byte, 0xfc..=0xff),
        1 => byte == b'S',
        2 => byte == b'M',
        3 => byte == b'B',
        4 => byte == 64,
        5 => byte == 0,
        _ => true,
    };
    let needed = match smb.first() {
        Some(0xfe) | None => 14,
        Some(0xff) => 5,
        Some(_) => 4,
    };
    smb.len() < needed && smb.iter().enumerate().all(|(at, &byte)| fits(at, byte))
}

impl Decoder for SmbStream {
    fn protocol(&self) -> Protocol {
        Protocol::Smb2
    }

    fn frame(&self, _: Side, bytes: &[u8]) -> Framing {
        match start(bytes) {
            Start::Unknown => Framing::More,
            Start::Nothing => Framing::Lost,
            Start::Unit(Command::Other, total) => Framing::Pass { total },
            Start::Unit(Command::SessionSetup, total) if total > MAX_SESSION_SETUP => Framing::TooLong { total },
            Start::Unit(Command::SessionSetup, total) => {
                let length = usize::try_from(total).unwrap_or(usize::MAX).saturating_sub(FRAME);
                Framing::Message { header: FRAME, length }
            }
        }
    }

    /// A length with an SMB header behind it; keep-alives are too short to be sure of.
    fn begins(&self, _: Side, bytes: &[u8]) -> Begins {
        match bytes {
            [0x81..=0x85, ..] | [0, 0, 0, 0, ..] => return Begins::No,
            _ => {}
        }
        match start(bytes) {
            Start::Unknown => Begins::Unknown,
            Start::Unit(..) => Begins::Yes,
            Start::Nothing => Begins::No,
        }
    }

    fn barren(&self, bytes: &[u8]) -> usize {
        // Where the magic number of a header would be.
        let Some(body) = bytes.get(FRAME..).filter(|_| bytes.len() > MAX_HEADER) else { return 0 };
        let found = body.windows(4).position(|window| matches!(window, [0xfc..=0xff, b'S', b'M', b'B']));
        // It may begin within the last bytes.
        found.unwrap_or(body.len().saturating_sub(3))
    }

    fn name(&self, _: Side, _: &[u8]) -> &'static str {
        "an SMB session set-up"
    }

    fn message(&mut self, _: Side, bytes: &[u8], out: &mut Vec<Decoded>) {
        let (version, told) = match bytes.first() {
            Some(0xfe) => (Version::Smb2, smb2(bytes, out)),
            _ => (Version::Smb1, smb1(bytes, out)),
        };
        if told.is_none() {
            let (kind, detail) = (GapKind::Undecodable, "a session set-up whose token is not where it says".to_owned());
            let gap = Gap { kind, protocol: version.protocol(), bytes: length(bytes), detail };
            out.push(Message::Gap(Box::new(gap)).into());
        }
    }
}

/// Tells the status of a response, and what its token or that of a request holds.
fn tell(setup: Option<SessionSetup>, version: Version, token: &[u8], out: &mut Vec<Decoded>) {
    if let Some(setup) = setup {
        out.push(Message::Smb(Box::new(setup)).into());
    }
    spnego::decode(token, version.carriage(), out);
}

/// A message of SMB 2, or several in a compound. `None`: a session set-up in it could not be read.
///
/// Header, MS-SMB2 2.2.1.2: status at 8, command at 12, flags at 16, offset of the next message at 20, session at 40.
fn smb2(bytes: &[u8], out: &mut Vec<Decoded>) -> Option<()> {
    const HEADER: usize = 64;
    const SESSION_SETUP: u16 = 1;
    let mut rest = bytes;
    for _ in 0..MAX_COMPOUND {
        let (header, body) = rest.split_first_chunk::<HEADER>()?;
        let is_response = number32(header, 16)? & 1 != 0;
        let next = usize::try_from(number32(header, 20)?).ok()?;
        if number16(header, 12)? == SESSION_SETUP {
            let message = if next == 0 { rest } else { rest.get(..next)? };
            let version = Version::Smb2;
            // Offset and length of the token stand behind what a request has more: MS-SMB2 2.2.5, 2.2.6.
            let place = if is_response { 4 } else { 12 };
            let setup = is_response.then_some(SessionSetup {
                version,
                status: number32(header, 8).map(NtStatus),
                session_id: header.get(40..)?.first_chunk().map(|id| u64::from_le_bytes(*id)),
            });
            let token = || {
                let (offset, length) = (usize::from(number16(body, place)?), usize::from(number16(body, place + 2)?));
                if length == 0 { Some(&[][..]) } else { message.get(offset..offset.checked_add(length)?) }
            };
            let token = token();
            tell(setup, version, token.unwrap_or_default(), out);
            token?;
        }
        if next == 0 {
            break;
        }
        rest = rest.get(next..).filter(|_| next >= HEADER)?;
    }
    Some(())
}

/// A message of SMB 1. `None`: it could not be read.
///
/// Header, MS-CIFS 2.2.3.1: status at 5, flags at 9, second flags at 10, and at 32 the number of words that follow;
/// then the number of bytes, and those. With extended security they begin with the token (MS-SMB 2.2.4.6), which has 12
/// words in a request and 4 in a response; in other forms there is none. Without it a request answers the challenge of
/// the negotiation itself ([`challenged`]).
fn smb1(bytes: &[u8], out: &mut Vec<Decoded>) -> Option<()> {
    const RESPONSE: u8 = 0x80;
    const NT_STATUS: u16 = 0x4000;
    let version = Version::Smb1;
    let is_response = bytes.get(9)? & RESPONSE != 0;
    let has_status = number16(bytes, 10)? & NT_STATUS != 0;
    let status = number32(bytes, 5).filter(|_| has_status).map(NtStatus);
    let setup = is_response.then_some(SessionSetup { version, status, session_id: None });
    let token = || {
        let words = usize::from(*bytes.get(32)?);
        // Behind AndX command and offset: where in the words the length of the token is.
        let place = match (is_response, words) {
            (false, 12) => 33 + 14,
            (true, 4) => 33 + 6,
            _ => return Some(&[][..]),
        };
        let length = usize::from(number16(bytes, place)?);
        let start = 33_usize.saturating_add(words.saturating_mul(2)).saturating_add(2);
        bytes.get(start..start.checked_add(length)?)
    };
    let token = token();
    tell(setup, version, token.unwrap_or_default(), out);
    if !is_response && bytes.get(32) == Some(&13) {
        out.extend(challenged(bytes));
    }
    token.map(|_| ())
}

/// Who answers a challenge in a session set-up without extended security, as the NTLM message that it stands for.
/// `None`: it is no answer to one, but a password in clear or nobody's, or it cannot be read.
///
/// Behind 13 words, among them at 14 and 16 the lengths of the two answers, those answers; then at an even place, if
/// text is in UTF-16, account and domain, each with a zero behind it. MS-CIFS 2.2.4.53.1.
fn challenged(bytes: &[u8]) -> Option<Decoded> {
    const UNICODE: u16 = 0x8000;
    const WORDS: usize = 33;
    /// DES three times over a challenge, the shortest answer. MS-NLMP 3.3.1.
    const ANSWER: usize = 24;
    let answers = [number16(bytes, WORDS + 14)?, number16(bytes, WORDS + 16)?].map(usize::from);
    let start = (WORDS + 26 + 2_usize).checked_add(answers.iter().sum())?;
    if answers.into_iter().max() < Some(ANSWER) {
        return None;
    }
    let is_unicode = number16(bytes, 10)? & UNICODE != 0;
    let mut rest = bytes.get(if is_unicode { start.next_multiple_of(2) } else { start }..)?;
    let mut text = || {
        let unit = if is_unicode { 2 } else { 1 };
        let end = rest.chunks_exact(unit).position(|unit| unit.iter().all(|&byte| byte == 0))?.checked_mul(unit)?;
        let (text, after) = rest.split_at_checked(end)?;
        rest = after.get(unit..)?;
        let text = text.get(..ntlm::MAX_NAME).unwrap_or(text);
        let units: Vec<u16> = text.as_chunks().0.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
        Some(if is_unicode { WireText::from(String::from_utf16_lossy(&units).as_str()) } else { WireText::new(text) })
    };
    let (user, domain) = (text()?, text()?);
    let message = ntlm::Message {
        kind: ntlm::Kind::Authenticate,
        domain: Some(domain),
        user: Some(user),
        workstation: None,
        target_name: None,
        server: ntlm::Server::default(),
        stopped: None,
    };
    Some(Decoded { carriage: Version::Smb1.carriage(), message: Message::Ntlm(Box::new(message)) })
}

fn number16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|number| u16::from_le_bytes(*number))
}

fn number32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|number| u32::from_le_bytes(*number))
}
