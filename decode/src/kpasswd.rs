//! The protocol in which a password is changed, as far as it shows who asks and how that ends. RFC 3244 §2.
//!
//! ```text
//! message length, version, length of the AP-REQ or AP-REP (16 bits each); that message; a KRB-PRIV or KRB-ERROR
//! ```
//! Over UDP as it stands, over TCP behind its length in 32 bits. The new password is in the KRB-PRIV, which is sealed.

#![deny(clippy::indexing_slicing)]

use crate::{
    Carriage, Carrier, Decoded, Gap, GapKind, Message, Protocol,
    decoder::{Begins, Decoder, Framing, Side, length},
    kerberos,
};

/// The shortest message, and the longest: its length is one of 16 bits.
const LEAST: u32 = 6;
const MAX_MESSAGE: u32 = 0xffff;

/// Bytes before the AP-REQ.
const HEADER: usize = 6;

/// Bytes before a message over TCP.
const FRAME: usize = 4;

/// Decodes a connection to the port of password changes.
#[derive(Debug, Default)]
pub struct KpasswdStream;

/// Decodes one message without the length that TCP needs: the Kerberos messages in it, or a gap.
pub fn decode(bytes: &[u8], out: &mut Vec<Decoded>) {
    decode_within(Carriage::DIRECT, bytes, out);
}

/// The same of a message that something else carries.
pub(crate) fn decode_within(carriage: Carriage, bytes: &[u8], out: &mut Vec<Decoded>) {
    let Some((ticket, rest)) = parts(bytes) else {
        let detail = "its lengths do not fit".to_owned();
        let gap = Gap { kind: GapKind::Undecodable, protocol: Protocol::Kpasswd, bytes: length(bytes), detail };
        return out.push(Decoded { carriage, message: Message::Gap(Box::new(gap)) });
    };
    // A refusal has no AP-REP, a server's first answer may have nothing behind it.
    for message in [ticket, rest].into_iter().filter(|message| !message.is_empty()) {
        out.push(Decoded {
            carriage: carriage.within(Carrier::Kpasswd),
            message: match kerberos::decode(message) {
                Ok(message) => Message::Kerberos(Box::new(message)),
                Err(error) => Message::Gap(Box::new(Gap {
                    kind: GapKind::Undecodable,
                    protocol: Protocol::Kerberos,
                    bytes: length(message),
                    detail: error.to_string(),
                })),
            },
        });
    }
}

/// The AP-REQ or AP-REP, and what is behind it. `None`: the lengths do not fit.
fn parts(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[l1, l0, v1, v0, a1, a0], body) = bytes.split_first_chunk::<HEADER>()?;
    let fits = usize::from(u16::from_be_bytes([l1, l0])) == bytes.len() && is_version(v1, v0);
    body.split_at_checked(usize::from(u16::from_be_bytes([a1, a0]))).filter(|_| fits)
}

/// 1: a change of one's own password, and all answers (draft-ietf-cat-kerb-chg-password-02). 0xff80: RFC 3244.
fn is_version(high: u8, low: u8) -> bool {
    matches!([high, low], [0, 1] | [0xff, 0x80])
}

impl Decoder for KpasswdStream {
    fn protocol(&self) -> Protocol {
        Protocol::Kpasswd
    }

    fn frame(&self, _: Side, bytes: &[u8]) -> Framing {
        let Some((stated, body)) = bytes.split_first_chunk::<FRAME>() else { return Framing::More };
        let stated = u32::from_be_bytes(*stated);
        match body {
            _ if !(LEAST..=MAX_MESSAGE).contains(&stated) => Framing::Lost,
            &[l1, l0, v1, v0, ..] if u32::from(u16::from_be_bytes([l1, l0])) == stated && is_version(v1, v0) => {
                Framing::Message { header: FRAME, length: usize::from(u16::from_be_bytes([l1, l0])) }
            }
            [_, _, _, _, ..] => Framing::Lost,
            _ => Framing::More,
        }
    }

    /// The two lengths agree, and the version is one.
    fn begins(&self, from: Side, bytes: &[u8]) -> Begins {
        match self.frame(from, bytes) {
            Framing::Message { .. } => Begins::Yes,
            Framing::More => Begins::Unknown,
            _ => Begins::No,
        }
    }

    fn name(&self, from: Side, _: &[u8]) -> &'static str {
        match from {
            Side::Client => "a change of a password",
            Side::Server => "the answer to a change of a password",
        }
    }

    fn message(&mut self, _: Side, bytes: &[u8], out: &mut Vec<Decoded>) {
        decode(bytes, out);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{KpasswdStream, decode};
    use crate::{
        Message,
        decoder::{Begins, Decoder, Framing, Side},
    };

    const AP_REQ: &[u8] = include_bytes!("../tests/data/kerberos/ap_req.bin");
    const AP_REP: &[u8] = include_bytes!("../tests/data/kerberos/ap_rep.bin");
    const REFUSED: &[u8] = include_bytes!("../tests/data/kerberos/krb_error_62.bin");
    /// pvno 5, msg-type 21, and what is sealed.
    const KRB_PRIV: &[u8] = &[
        0x75, 26, 0x30, 24, 0xa0, 3, 2, 1, 5, 0xa1, 3, 2, 1, 21, 0xa3, 12, 0x30, 10, 0xa0, 3, 2, 1, 18, 0xa2, 3, 4, 1,
        0x5a,
    ];

    fn message(version: u16, ticket: &[u8], rest: &[u8]) -> Vec<u8> {
        let total = u16::try_from(6 + ticket.len() + rest.len()).unwrap().to_be_bytes();
        let size = u16::try_from(ticket.len()).unwrap().to_be_bytes();
        [&total, &version.to_be_bytes(), &size, ticket, rest].concat()
    }

    fn told(bytes: &[u8]) -> Vec<String> {
        let mut out = Vec::new();
        decode(bytes, &mut out);
        let line = |message: &Message| match message {
            Message::Kerberos(message) => message.name().to_owned(),
            Message::Gap(gap) => format!("{} {}", gap.protocol.name(), gap.detail),
            other => panic!("{other:?}"),
        };
        out.iter().map(|decoded| format!("{:?} {}", decoded.carriage, line(&decoded.message))).collect()
    }

    #[test]
    fn who_asks_and_how_it_ends_is_told() {
        let asked = ["[\"kpasswd\"] ap-req", "[\"kpasswd\"] krb-priv"];
        for version in [1, 0xff80] {
            assert_eq!(told(&message(version, AP_REQ, KRB_PRIV)), asked);
        }
        assert_eq!(told(&message(1, AP_REP, KRB_PRIV)), ["[\"kpasswd\"] ap-rep", "[\"kpasswd\"] krb-priv"]);
        assert_eq!(told(&message(1, &[], REFUSED)), ["[\"kpasswd\"] krb-error"]);
    }

    #[test]
    fn every_truncation_is_told() {
        let whole = message(0xff80, AP_REQ, KRB_PRIV);
        for end in 0..whole.len() {
            assert_eq!(told(&whole[..end]), ["[] kpasswd its lengths do not fit"], "{end}");
        }
        assert_eq!(told(&message(2, AP_REQ, KRB_PRIV)), ["[] kpasswd its lengths do not fit"]);
    }

    #[test]
    fn over_tcp_it_is_framed_by_its_length() {
        let whole = message(0xff80, AP_REQ, KRB_PRIV);
        let framed = [&u32::try_from(whole.len()).unwrap().to_be_bytes(), whole.as_slice()].concat();
        assert_eq!(KpasswdStream.frame(Side::Client, &framed), Framing::Message { header: 4, length: whole.len() });
        for end in 0..8 {
            assert_eq!(KpasswdStream.frame(Side::Client, &framed[..end]), Framing::More, "{end} bytes");
        }
        for at in 1..framed.len() {
            assert_ne!(KpasswdStream.begins(Side::Client, &framed[at..]), Begins::Yes, "at {at}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_no_harm(
            bytes in prop::collection::vec(any::<u8>(), 0..60),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let mut changed = message(1, AP_REP, KRB_PRIV);
            *at.get_mut(&mut changed) = byte;
            for bytes in [&bytes, &changed] {
                prop_assert!(!told(bytes).is_empty());
                let _ = (KpasswdStream.frame(Side::Client, bytes), KpasswdStream.begins(Side::Server, bytes));
            }
        }
    }
}
