//! NTLM: who authenticates to whom, by the names in its three messages. MS-NLMP.
//!
//! In: the bytes of one message, which another protocol carries. Out: a [`Message`]. What proves the password (the
//! challenge, the responses, the session key) is passed over and never kept: it can be attacked off line.

#![deny(clippy::indexing_slicing)]

use std::fmt;

use serde::Serialize;

use crate::WireText;

/// What every message begins with. MS-NLMP 2.2.1.
pub const SIGNATURE: &[u8; 8] = b"NTLMSSP\0";

/// Bytes of a name on the wire that are read. Directory names have up to 256 characters (MS-ADTS), DNS names 255
/// octets.
pub const MAX_NAME: usize = 1024;

/// Entries of a challenge's target information that are looked at. MS-NLMP 2.2.2.1 has eleven.
pub const MAX_TARGET_INFO: usize = 32;

/// One message. A name is absent where the message has no place for it, and empty where it leaves it empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Which of the three.
    #[serde(skip)]
    pub kind: Kind,
    /// Of a NEGOTIATE the client computer's domain, of an AUTHENTICATE that of the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<WireText>,
    /// Of an AUTHENTICATE: the user; empty for an anonymous one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<WireText>,
    /// The client's NetBIOS name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workstation: Option<WireText>,
    /// Of a CHALLENGE: the server's domain, or its own name where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_name: Option<WireText>,
    /// Of a CHALLENGE: what the server says about itself.
    #[serde(flatten)]
    pub server: Server,
    /// What could not be read first, as a clause; every other field holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

/// Names of a server, from the target information of its CHALLENGE. MS-NLMP 2.2.2.1.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Server {
    /// Its NetBIOS name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub netbios_host: Option<WireText>,
    /// NetBIOS name of its domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub netbios_domain: Option<WireText>,
    /// Its DNS name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_host: Option<WireText>,
    /// DNS name of its domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_domain: Option<WireText>,
    /// DNS name of its forest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_forest: Option<WireText>,
}

/// Which message of the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// What the client can do. MS-NLMP 2.2.1.1.
    Negotiate,
    /// The server's answer. MS-NLMP 2.2.1.2.
    Challenge,
    /// Who the client is. MS-NLMP 2.2.1.3.
    Authenticate,
}

impl Kind {
    /// The name that machine output gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Negotiate => "negotiate",
            Self::Challenge => "challenge",
            Self::Authenticate => "authenticate",
        }
    }
}

/// Why bytes are not taken for a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// They do not begin like one.
    Signature,
    /// They end before the names' places are told.
    Truncated,
    /// There is no message of this type.
    Type(u32),
}

/// A clause without text from the wire.
impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signature => f.write_str("not an NTLM message"),
            Self::Truncated => f.write_str("an NTLM message that ends inside its header"),
            Self::Type(number) => write!(f, "an NTLM message of unknown type {number}"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Decodes one message. Bytes behind it do no harm.
///
/// # Errors
/// When `bytes` are no NTLM message, or end before the places of its names.
pub fn decode(bytes: &[u8]) -> Result<Message, DecodeError> {
    let body = bytes.strip_prefix(SIGNATURE).ok_or(DecodeError::Signature)?;
    let kind = match body.first_chunk().map(|number| u32::from_le_bytes(*number)) {
        Some(1) => Kind::Negotiate,
        Some(2) => Kind::Challenge,
        Some(3) => Kind::Authenticate,
        Some(number) => return Err(DecodeError::Type(number)),
        None => return Err(DecodeError::Truncated),
    };
    let mut message = Message {
        kind,
        domain: None,
        user: None,
        workstation: None,
        target_name: None,
        server: Server::default(),
        stopped: None,
    };
    let mut fields = Fields { bytes, stopped: None };
    match kind {
        Kind::Negotiate => fields.negotiate(&mut message),
        Kind::Challenge => fields.challenge(&mut message)?,
        Kind::Authenticate => fields.authenticate(&mut message)?,
    }
    message.stopped = fields.stopped.map(str::to_owned);
    Ok(message)
}

/// Names are UTF-16.
const UNICODE: u32 = 0x0000_0001;
/// A NEGOTIATE has a domain.
const DOMAIN_SUPPLIED: u32 = 0x0000_1000;
/// A NEGOTIATE has a workstation.
const WORKSTATION_SUPPLIED: u32 = 0x0000_2000;
/// A CHALLENGE has target information.
const TARGET_INFO: u32 = 0x0080_0000;

/// How a name is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    /// UTF-16, little-endian.
    Unicode,
    /// In some code page of the client.
    Oem,
}

impl Encoding {
    fn of(flags: u32) -> Self {
        if flags & UNICODE == 0 { Self::Oem } else { Self::Unicode }
    }
}

/// Reads what the header of a message points to.
struct Fields<'a> {
    bytes: &'a [u8],
    /// What could not be read first.
    stopped: Option<&'static str>,
}

impl<'a> Fields<'a> {
    /// Offsets: flags 12, domain 16, workstation 24. Clients may leave all of them out.
    fn negotiate(&mut self, message: &mut Message) {
        let flags = self.number(12).unwrap_or(0);
        if flags & DOMAIN_SUPPLIED != 0 {
            message.domain = self.name(16, Encoding::Oem);
        }
        if flags & WORKSTATION_SUPPLIED != 0 {
            message.workstation = self.name(24, Encoding::Oem);
        }
    }

    /// Offsets: target name 12, flags 20, challenge 24, target information 40.
    fn challenge(&mut self, message: &mut Message) -> Result<(), DecodeError> {
        let flags = self.number(20).ok_or(DecodeError::Truncated)?;
        message.target_name = self.name(12, Encoding::of(flags));
        if flags & TARGET_INFO != 0
            && let Some(information) = self.place(40)
        {
            self.target_info(information, &mut message.server);
        }
        Ok(())
    }

    /// AV_PAIRs: identifier, length, value; always in UTF-16.
    fn target_info(&mut self, information: &'a [u8], server: &mut Server) {
        let mut rest = information;
        for _ in 0..MAX_TARGET_INFO {
            let Some((&[id0, id1, length0, length1], after)) = rest.split_first_chunk() else { break };
            let length = usize::from(u16::from_le_bytes([length0, length1]));
            let Some((value, after)) = after.split_at_checked(length) else { break };
            rest = after;
            let name = match u16::from_le_bytes([id0, id1]) {
                0 => return,
                1 => &mut server.netbios_host,
                2 => &mut server.netbios_domain,
                3 => &mut server.dns_host,
                4 => &mut server.dns_domain,
                5 => &mut server.dns_forest,
                _ => continue,
            };
            *name = Some(self.text(value, Encoding::Unicode));
        }
        self.stop("the target information does not end where it should");
    }

    /// Offsets: responses 12 and 20, domain 28, user 36, workstation 44, session key 52, flags 60.
    fn authenticate(&mut self, message: &mut Message) -> Result<(), DecodeError> {
        if self.bytes.len() < 52 {
            return Err(DecodeError::Truncated);
        }
        // The oldest clients have no flags: what they name lies where the flags would be. They write UTF-16.
        let taken = [12, 20, 28, 36, 44].into_iter().any(|place| {
            let length = self.number(place).unwrap_or(0) & 0xffff;
            length > 0 && self.number(place.saturating_add(4)).is_some_and(|offset| offset < 64)
        });
        let flags = self.number(60).filter(|_| !taken).unwrap_or(UNICODE);
        let encoding = Encoding::of(flags);
        message.domain = self.name(28, encoding);
        message.user = self.name(36, encoding);
        message.workstation = self.name(44, encoding);
        Ok(())
    }

    fn number(&self, at: usize) -> Option<u32> {
        self.bytes.get(at..)?.first_chunk().map(|number| u32::from_le_bytes(*number))
    }

    /// The bytes that a length, a size and an offset at this place of the header point to.
    fn place(&mut self, at: usize) -> Option<&'a [u8]> {
        let found =
            self.bytes.get(at..).and_then(<[u8]>::first_chunk::<8>).and_then(|&[l0, l1, _, _, o0, o1, o2, o3]| {
                let length = usize::from(u16::from_le_bytes([l0, l1]));
                let offset = usize::try_from(u32::from_le_bytes([o0, o1, o2, o3])).ok()?;
                // Nothing is said about the offset of what is empty.
                if length == 0 { Some(&[][..]) } else { self.bytes.get(offset..offset.checked_add(length)?) }
            });
        if found.is_none() {
            self.stop("a name lies outside of the message");
        }
        found
    }

    fn name(&mut self, at: usize, encoding: Encoding) -> Option<WireText> {
        let bytes = self.place(at)?;
        Some(self.text(bytes, encoding))
    }

    fn text(&mut self, bytes: &[u8], encoding: Encoding) -> WireText {
        let kept = bytes.get(..MAX_NAME).unwrap_or(bytes);
        if kept.len() < bytes.len() {
            self.stop("a name is longer than is read");
        }
        match encoding {
            Encoding::Oem => WireText::new(kept),
            Encoding::Unicode => {
                let (pairs, _) = kept.as_chunks();
                let units: Vec<u16> = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
                WireText::from(String::from_utf16_lossy(&units).as_str())
            }
        }
    }

    fn stop(&mut self, why: &'static str) {
        self.stopped.get_or_insert(why);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{DecodeError, Kind, SIGNATURE, decode};

    /// A message with what its header points to, each in `(place, bytes)`, and its flags.
    fn message(number: u32, header: usize, flags: (usize, u32), fields: &[(usize, &[u8])]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend(number.to_le_bytes());
        bytes.resize(header, 0);
        bytes[flags.0..flags.0 + 4].copy_from_slice(&flags.1.to_le_bytes());
        for (place, value) in fields {
            let (length, offset) = (u16::try_from(value.len()).unwrap(), u32::try_from(bytes.len()).unwrap());
            bytes[*place..place + 2].copy_from_slice(&length.to_le_bytes());
            bytes[place + 2..place + 4].copy_from_slice(&length.to_le_bytes());
            bytes[place + 4..place + 8].copy_from_slice(&offset.to_le_bytes());
            bytes.extend(*value);
        }
        bytes
    }

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn authenticate() -> Vec<u8> {
        let (domain, user, workstation) = (utf16("CORP"), utf16("josé"), utf16("PC01"));
        let proof = [0x5a; 60];
        let fields: [(usize, &[u8]); 6] =
            [(28, &domain), (36, &user), (44, &workstation), (12, &proof[..24]), (20, &proof), (52, &proof[..16])];
        message(3, 88, (60, 0xe288_8215), &fields)
    }

    fn challenge() -> Vec<u8> {
        let mut information = Vec::new();
        for (id, text) in [(2_u16, "CORP"), (1, "DC01"), (4, "corp.example"), (3, "dc01.corp.example"), (7, "1234")] {
            let value = utf16(text);
            information.extend(id.to_le_bytes());
            information.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
            information.extend(value);
        }
        information.extend([0; 4]);
        let mut bytes = message(2, 56, (20, 0xe289_8215), &[(12, &utf16("CORP")), (40, &information)]);
        bytes[24..32].copy_from_slice(&[0xc4; 8]);
        bytes
    }

    fn json(bytes: &[u8]) -> serde_json::Value {
        serde_json::to_value(decode(bytes).unwrap()).unwrap()
    }

    #[test]
    fn names_are_told_and_proofs_are_not() {
        assert_eq!(json(&authenticate()), serde_json::json!({"domain": "CORP", "user": "josé", "workstation": "PC01"}));
        assert_eq!(
            json(&challenge()),
            serde_json::json!({
                "target_name": "CORP", "netbios_host": "DC01", "netbios_domain": "CORP",
                "dns_host": "dc01.corp.example", "dns_domain": "corp.example",
            })
        );
        for bytes in [authenticate(), challenge()] {
            let message = decode(&bytes).unwrap();
            let shown = format!("{message:?} {}", json(&bytes));
            for secret in ["5a5a", "90, 90", "ZZ", "c4c4", "196, 196"] {
                assert!(!shown.contains(secret), "{shown}");
            }
        }
    }

    #[test]
    fn a_negotiate_names_the_client_where_it_says_so() {
        let bytes = message(1, 32, (12, 0x3002), &[(16, b"CORP"), (24, b"PC01")]);
        assert_eq!(json(&bytes), serde_json::json!({"domain": "CORP", "workstation": "PC01"}));
        let silent = message(1, 32, (12, 0x0002), &[(16, b"CORP"), (24, b"PC01")]);
        assert_eq!(json(&silent), serde_json::json!({}));
        assert_eq!(decode(&bytes[..12]).map(|message| message.kind), Ok(Kind::Negotiate));
    }

    #[test]
    fn names_in_a_code_page_are_kept_as_they_are() {
        let bytes = message(3, 64, (60, 0x0202), &[(28, b"CORP"), (36, b"bob"), (44, b"PC01")]);
        assert_eq!(json(&bytes)["user"], "bob");
        // Without flags: the names begin where they would be.
        let old = message(3, 52, (12, 0), &[(28, &utf16("CORP")), (36, &utf16("bob")), (44, b"")]);
        assert_eq!(json(&old), serde_json::json!({"domain": "CORP", "user": "bob", "workstation": ""}));
    }

    #[test]
    fn every_truncation_says_what_is_lost() {
        for bytes in [authenticate(), challenge()] {
            let whole = decode(&bytes).unwrap();
            for end in 0..bytes.len() {
                let Ok(cut) = decode(&bytes[..end]) else { continue };
                assert!(cut.stopped.is_some() || cut == whole, "{end}: {cut:?}");
            }
        }
        assert_eq!(decode(b"NTLMSSP\0\x03\0\0\0").unwrap_err(), DecodeError::Truncated);
        assert_eq!(decode(b"NTLMSSP\0\x09\0\0\0").unwrap_err(), DecodeError::Type(9));
        assert_eq!(decode(b"NTLM").unwrap_err(), DecodeError::Signature);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_no_harm(kind in 1_u32..5, rest in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = SIGNATURE.to_vec();
            bytes.extend(kind.to_le_bytes());
            bytes.extend(rest);
            let _ = decode(&bytes);
        }
    }
}
