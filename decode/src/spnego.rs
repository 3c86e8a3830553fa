//! GSS-API tokens with which a client authenticates inside another protocol, and what they carry: Kerberos and NTLM.
//!
//! In: one token, and what carries it. Out: the messages in it, each with its carriage. A token is framed by its
//! mechanism (RFC 2743 §3.1) or not at all, and SPNEGO (RFC 4178, MS-SPNG) may stand around it; every form is told by
//! its first bytes, so no state is needed. What SPNEGO itself negotiates is not told: the messages show what came of
//! it.

#![deny(clippy::indexing_slicing)]

use crate::{
    Carriage, Carrier, Decoded, Gap, GapKind, Message, Protocol,
    decoder::length,
    der::{DerError, Reader, Tag},
    kerberos::{self, UserToUser, decode_user_to_user},
    ntlm,
};

/// Whether bytes begin like a token that [`decode`] knows, for carriers that may carry other mechanisms' tokens, too.
pub fn is_token(bytes: &[u8]) -> bool {
    matches!(Form::of(bytes), Form::Gss | Form::Negotiation | Form::Kerberos | Form::Ntlm | Form::NegoEx)
}

/// Decodes one token and appends the messages in it; what cannot be decoded is appended as a gap.
///
/// Tokens that protect data behind the authentication (RFC 4121 §4.2.6, MS-NLMP 2.2.2.9) hold no message: nothing is
/// appended for them, nor for an empty token.
pub fn decode(token: &[u8], carriage: Carriage, out: &mut Vec<Decoded>) {
    match Form::of(token) {
        Form::Gss => match framed(token) {
            Ok((SPNEGO, inside)) => negotiation(inside, carriage.within(Carrier::Spnego), out),
            Ok((mechanism, inside)) => mechanism_token(mechanism, inside, carriage, out),
            Err(error) => out.push(gap(carriage, Protocol::Spnego, token, error.to_string())),
        },
        Form::Negotiation => negotiation(token, carriage.within(Carrier::Spnego), out),
        _ => bare(token, carriage, out),
    }
}

/// The same for a token in base64, as HTTP's `Negotiate` and `NTLM` carry it. RFC 4559 §4, RFC 4648 §4.
pub fn decode_base64(text: &[u8], carriage: Carriage, out: &mut Vec<Decoded>) {
    match from_base64(text) {
        Some(token) => decode(&token, carriage, out),
        None => out.push(unknown(carriage, text, "a token that is not base64")),
    }
}

/// The bytes of padded base64. `None`: it is none.
fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    let padding = text.iter().rev().take(2).take_while(|&&byte| byte == b'=').count();
    let digits = text.get(..text.len().checked_sub(padding)?)?;
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for quantum in digits.chunks(4) {
        let mut bits = 0_u32;
        for &digit in quantum {
            let value = match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = (bits << 6) | u32::from(value);
        }
        let [_, high, middle, low] = (bits << (6 * (4 - quantum.len()))).to_be_bytes();
        // Two digits hold one byte, three hold two.
        bytes.extend([high, middle, low].into_iter().take(quantum.len() - 1));
    }
    Some(bytes)
}

/// What a token looks like from outside.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Nothing.
    Empty,
    /// Framed by its mechanism.
    Gss,
    /// A NegTokenInit or NegTokenResp without a frame, as in all but the first token of SPNEGO. RFC 4178 §4.2.
    Negotiation,
    /// A Kerberos message without a frame, as in the style of DCE. RFC 4757 §7.1, MS-KILE 3.4.5.1.
    Kerberos,
    /// An NTLM message, which has no frame. MS-NLMP 2.2.1.
    Ntlm,
    /// MS-NEGOEX 2.2.6.
    NegoEx,
    /// It protects data.
    Protection,
    /// None of these.
    Other,
}

impl Form {
    fn of(token: &[u8]) -> Self {
        match token {
            [] => Self::Empty,
            [0x60, ..] => Self::Gss,
            [0xa0 | 0xa1, ..] => Self::Negotiation,
            // A SEQUENCE follows the tag and its length. DIGEST-MD5 begins with `nonce`, too.
            [0x6e | 0x6f | 0x7e, 0x82, _, _, 0x30, ..]
            | [0x6e | 0x6f | 0x7e, 0x81, _, 0x30, ..]
            | [0x6e | 0x6f | 0x7e, ..=0x7f, 0x30, ..] => Self::Kerberos,
            // RFC 4121 §4.2.6: a checksum (04 04), a wrapped message (05 04), an end of the context (04 05). MS-NLMP
            // 2.2.2.9: NTLMSSP_MESSAGE_SIGNATURE.
            [0x04, 0x04 | 0x05, ..] | [0x05, 0x04, ..] | [0x01, 0x00, 0x00, 0x00, ..] => Self::Protection,
            _ if token.starts_with(ntlm::SIGNATURE) => Self::Ntlm,
            _ if token.starts_with(b"NEGOEXTS") => Self::NegoEx,
            _ => Self::Other,
        }
    }
}

/// The mechanism of a token, as the contents of its OBJECT IDENTIFIER, and what is inside the frame.
///
/// ```text
/// InitialContextToken ::= [APPLICATION 0] IMPLICIT SEQUENCE { thisMech OBJECT IDENTIFIER, innerContextToken ANY }
/// ```
/// RFC 2743 §3.1. A frame that promises more than there is is read as far as it goes.
fn framed(token: &[u8]) -> Result<(&[u8], &[u8]), DerError> {
    let mut inside = Reader::new(token).lax_element()?.reader();
    let mechanism = inside.expect(Tag::OBJECT_IDENTIFIER)?;
    Ok((mechanism.contents, inside.rest()))
}

/// A NegTokenInit or a NegTokenResp: in both the token of the mechanism is `[2]`.
///
/// ```text
/// NegotiationToken ::= CHOICE { negTokenInit [0] NegTokenInit, negTokenResp [1] NegTokenResp }
/// NegTokenInit ::= SEQUENCE { mechTypes [0] MechTypeList, reqFlags [1] ContextFlags OPTIONAL,
///                             mechToken [2] OCTET STRING OPTIONAL, mechListMIC [3] OCTET STRING OPTIONAL }
/// NegTokenResp ::= SEQUENCE { negState [0] ENUMERATED OPTIONAL, supportedMech [1] OBJECT IDENTIFIER OPTIONAL,
///                             responseToken [2] OCTET STRING OPTIONAL, mechListMIC [3] OCTET STRING OPTIONAL }
/// ```
/// RFC 4178 §4.2; NegTokenInit2 (MS-SPNG 2.2.1) differs behind `[2]` only.
fn negotiation(bytes: &[u8], carriage: Carriage, out: &mut Vec<Decoded>) {
    let token = match carried(bytes) {
        Ok(token) => token.unwrap_or_default(),
        Err(error) => return out.push(gap(carriage, Protocol::Spnego, bytes, error.to_string())),
    };
    match Form::of(token) {
        Form::Gss => match framed(token) {
            Ok((mechanism, inside)) => mechanism_token(mechanism, inside, carriage, out),
            Err(error) => out.push(gap(carriage, Protocol::Spnego, token, error.to_string())),
        },
        Form::Negotiation => {
            out.push(gap(carriage, Protocol::Spnego, token, "a negotiation inside another one".to_owned()));
        }
        _ => bare(token, carriage, out),
    }
}

/// The token of the mechanism inside a negotiation.
fn carried(bytes: &[u8]) -> Result<Option<&[u8]>, DerError> {
    let choice = Reader::new(bytes).lax_element()?;
    let sequence = choice.reader().lax_element()?;
    let mut fields = sequence.reader();
    while !fields.is_empty() {
        let field = fields.lax_element()?;
        if field.tag == Tag::context(2) {
            let token = field.reader().lax_element()?;
            // What there is of a token says more than that it is cut.
            return if token.contents.is_empty() { token.complete() } else { Ok(token) }
                .map(|token| Some(token.contents));
        }
        field.complete()?;
    }
    sequence.complete().map(|_| None)
}

/// What is inside the frame of this mechanism.
fn mechanism_token(mechanism: &[u8], inside: &[u8], carriage: Carriage, out: &mut Vec<Decoded>) {
    match mechanism {
        KERBEROS | KERBEROS_MICROSOFT | KERBEROS_USER_TO_USER => match inside {
            // AP-REQ, AP-REP, KRB-ERROR. RFC 4121 §4.1.
            [0x01..=0x03, 0x00, message @ ..] => kerberos(message, carriage, out, kerberos::decode),
            // RFC 1964 §1.2: a checksum, a wrapped message, an end of the context.
            [0x01 | 0x02, 0x01, ..] | [0x01, 0x02, ..] => {}
            // draft-swift-win2k-krb-user2user-03 §2: the server's ticket is asked for, and given.
            [0x04, 0x00, message @ ..] => {
                kerberos(message, carriage, out, |bytes| decode_user_to_user(UserToUser::Request, bytes));
            }
            [0x04, 0x01, message @ ..] => {
                kerberos(message, carriage, out, |bytes| decode_user_to_user(UserToUser::Reply, bytes));
            }
            _ => out.push(unknown(carriage, inside, "a Kerberos token of unknown type")),
        },
        NTLM => bare(inside, carriage, out),
        SPNEGO => out.push(unknown(carriage, inside, "a negotiation inside another one")),
        IAKERB => iakerb(inside, carriage.within(Carrier::Iakerb), out),
        NEGOEX => out.push(unknown(carriage, inside, "a token of NegoEx")),
        _ => out.push(unknown(carriage, inside, "a token of an unknown mechanism")),
    }
}

/// What a client asks a KDC through the server, and the answers; then the authentication to the server itself.
///
/// ```text
/// IAKERB-HEADER ::= SEQUENCE { target-realm [1] UTF8String, cookie [2] OCTET STRING OPTIONAL, … }
/// ```
/// A Kerberos message follows it, or nothing where the client asks for the realm. draft-ietf-kitten-iakerb-03 §3.
fn iakerb(inside: &[u8], carriage: Carriage, out: &mut Vec<Decoded>) {
    match inside {
        [0x05, 0x01, proxied @ ..] => {
            let mut reader = Reader::new(proxied);
            match reader.expect(Tag::SEQUENCE) {
                Ok(_) if reader.is_empty() => {}
                Ok(_) => kerberos(reader.rest(), carriage, out, kerberos::decode),
                Err(error) => out.push(gap(carriage, Protocol::Kerberos, proxied, error.to_string())),
            }
        }
        [0x01..=0x03, 0x00, message @ ..] => kerberos(message, carriage, out, kerberos::decode),
        _ => out.push(unknown(carriage, inside, "a token of IAKERB of unknown type")),
    }
}

/// A token without a frame.
fn bare(token: &[u8], carriage: Carriage, out: &mut Vec<Decoded>) {
    match Form::of(token) {
        Form::Empty | Form::Protection => {}
        Form::Kerberos => kerberos(token, carriage, out, kerberos::decode),
        Form::Ntlm => out.push(match ntlm::decode(token) {
            Ok(message) => Decoded { carriage, message: Message::Ntlm(Box::new(message)) },
            Err(error) => gap(carriage, Protocol::Ntlm, token, error.to_string()),
        }),
        Form::NegoEx => out.push(unknown(carriage, token, "a token of NegoEx")),
        Form::Gss | Form::Negotiation | Form::Other => {
            out.push(unknown(carriage, token, "a token of unknown form"));
        }
    }
}

fn kerberos(
    message: &[u8],
    carriage: Carriage,
    out: &mut Vec<Decoded>,
    decode: impl FnOnce(&[u8]) -> Result<kerberos::Message, kerberos::DecodeError>,
) {
    out.push(match decode(message) {
        Ok(message) => Decoded { carriage, message: Message::Kerberos(Box::new(message)) },
        Err(error) => gap(carriage, Protocol::Kerberos, message, error.to_string()),
    });
}

fn unknown(carriage: Carriage, bytes: &[u8], what: &str) -> Decoded {
    gap(carriage, Protocol::Spnego, bytes, what.to_owned())
}

fn gap(carriage: Carriage, protocol: Protocol, bytes: &[u8], detail: String) -> Decoded {
    let gap = Gap { kind: GapKind::Undecodable, protocol, bytes: length(bytes), detail };
    Decoded { carriage, message: Message::Gap(Box::new(gap)) }
}

/// 1.3.6.1.5.5.2, RFC 4178 §3.
const SPNEGO: &[u8] = &[0x2b, 6, 1, 5, 5, 2];
/// 1.2.840.113554.1.2.2, RFC 4121 §1.
const KERBEROS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2];
/// 1.2.840.48018.1.2.2, the same with a bit lost, as Windows 2000 wrote it. MS-SPNG 3.1.5.2.
const KERBEROS_MICROSOFT: &[u8] = &[0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 1, 2, 2];
/// 1.2.840.113554.1.2.2.3, MS-KILE 3.1.5.1.
const KERBEROS_USER_TO_USER: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2, 3];
/// 1.3.6.1.5.2.5, draft-ietf-kitten-iakerb.
const IAKERB: &[u8] = &[0x2b, 6, 1, 5, 2, 5];
/// 1.3.6.1.4.1.311.2.2.10, MS-NLMP 1.9.
const NTLM: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 10];
/// 1.3.6.1.4.1.311.2.2.30, MS-NEGOEX 1.9.
const NEGOEX: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 30];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        IAKERB, KERBEROS, KERBEROS_USER_TO_USER, NEGOEX, NTLM, SPNEGO, decode, decode_base64, from_base64, is_token,
    };
    use crate::{Carriage, Carrier, Message, ntlm};

    /// KRB-ERROR 25 from krbtgt/CORP, as far as it must have fields.
    const KRB_ERROR: [u8; 49] = [
        0x7e, 47, 0x30, 45, 0xa0, 3, 2, 1, 5, 0xa1, 3, 2, 1, 30, 0xa4, 17, 0x18, 15, b'2', b'0', b'2', b'6', b'0',
        b'1', b'0', b'1', b'0', b'0', b'0', b'0', b'0', b'0', b'Z', 0xa5, 3, 2, 1, 7, 0xa6, 3, 2, 1, 25, 0xa9, 4, 0x1b,
        2, b'C', b'O',
    ];
    const NTLM_NEGOTIATE: [u8; 16] = *b"NTLMSSP\0\x01\0\0\0\x02\0\0\0";

    fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
        let mut bytes = vec![tag, u8::try_from(contents.len()).unwrap()];
        if contents.len() >= 0x80 {
            bytes.insert(1, 0x81);
        }
        bytes.extend(contents);
        bytes
    }

    fn gss(mechanism: &[u8], inside: &[u8]) -> Vec<u8> {
        tlv(0x60, &[tlv(6, mechanism).as_slice(), inside].concat())
    }

    fn init(token: &[u8]) -> Vec<u8> {
        let types = tlv(0xa0, &tlv(0x30, &[tlv(6, KERBEROS), tlv(6, NTLM)].concat()));
        let token = tlv(0xa2, &tlv(4, token));
        gss(SPNEGO, &tlv(0xa0, &tlv(0x30, &[types, token].concat())))
    }

    fn response(token: &[u8]) -> Vec<u8> {
        let state = tlv(0xa0, &[0x0a, 1, 1]);
        tlv(0xa1, &tlv(0x30, &[state, tlv(0xa2, &tlv(4, token)), tlv(0xa3, &tlv(4, &[9; 16]))].concat()))
    }

    fn told(token: &[u8]) -> Vec<String> {
        let mut out = Vec::new();
        decode(token, Carriage::from(Carrier::Smb2), &mut out);
        let line = |message: &Message| match message {
            Message::Kerberos(message) => message.name().to_owned(),
            Message::Ntlm(message) => message.kind.name().to_owned(),
            Message::Gap(gap) => format!("{} {}: {}", gap.kind.name(), gap.protocol.name(), gap.detail),
            other => panic!("{other:?}"),
        };
        out.iter().map(|decoded| format!("{:?} {}", decoded.carriage, line(&decoded.message))).collect()
    }

    fn kerberos_token() -> Vec<u8> {
        gss(KERBEROS, &[[3, 0].as_slice(), &KRB_ERROR].concat())
    }

    #[test]
    fn messages_come_out_of_every_form() {
        let spnego = ["[\"smb2\", \"spnego\"] krb-error"];
        assert_eq!(told(&init(&kerberos_token())), spnego);
        assert_eq!(told(&response(&kerberos_token())), spnego);
        assert_eq!(told(&response(&KRB_ERROR)), spnego);
        assert_eq!(told(&kerberos_token()), ["[\"smb2\"] krb-error"]);
        assert_eq!(told(&KRB_ERROR), ["[\"smb2\"] krb-error"]);
        assert_eq!(told(&init(&NTLM_NEGOTIATE)), ["[\"smb2\", \"spnego\"] negotiate"]);
        assert_eq!(told(&NTLM_NEGOTIATE), ["[\"smb2\"] negotiate"]);
        assert_eq!(told(&gss(NTLM, &NTLM_NEGOTIATE)), ["[\"smb2\"] negotiate"]);
        let proxied = [[5, 1].as_slice(), &tlv(0x30, &tlv(0xa1, &tlv(0x0c, b"CORP"))), &KRB_ERROR].concat();
        assert_eq!(told(&init(&gss(IAKERB, &proxied))), ["[\"smb2\", \"spnego\", \"iakerb\"] krb-error"]);
        assert!(told(&gss(IAKERB, &[5, 1, 0x30, 0])).is_empty());
    }

    #[test]
    fn what_is_not_decoded_is_told() {
        let gap = |what: &str| vec![format!("[\"smb2\", \"spnego\"] undecodable {what}")];
        assert_eq!(
            told(&init(&gss(IAKERB, &[9, 9]))),
            ["[\"smb2\", \"spnego\", \"iakerb\"] undecodable spnego: a token of IAKERB of unknown type"]
        );
        assert_eq!(told(&init(&gss(NEGOEX, b"NEGOEXTS"))), gap("spnego: a token of NegoEx"));
        assert_eq!(told(&init(b"NEGOEXTS")), gap("spnego: a token of NegoEx"));
        assert_eq!(told(&init(&init(&KRB_ERROR))), gap("spnego: a negotiation inside another one"));
        assert_eq!(told(&init(&response(&KRB_ERROR))), gap("spnego: a negotiation inside another one"));
        assert_eq!(told(&response(b"?")), gap("spnego: a token of unknown form"));
        assert_eq!(told(b"NTLMSSP\0\x04\0\0\0"), ["[\"smb2\"] undecodable ntlm: an NTLM message of unknown type 4"]);
    }

    #[test]
    fn a_user_s_ticket_is_asked_for_and_given() {
        let name = tlv(0x30, &[tlv(0xa0, &[2, 1, 1]), tlv(0xa1, &tlv(0x30, &tlv(0x1b, b"bob")))].concat());
        let head = |kind: u8| [tlv(0xa0, &[2, 1, 5]), tlv(0xa1, &[2, 1, kind])].concat();
        let realm = tlv(0x1b, b"CORP");
        let asked = [head(16), tlv(0xa2, &name), tlv(0xa3, &realm)].concat();
        let asked = gss(KERBEROS_USER_TO_USER, &[&[4, 0][..], &tlv(0x30, &asked)].concat());
        let sealed = tlv(0x30, &[tlv(0xa0, &[2, 1, 18]), tlv(0xa2, &tlv(4, &[7; 20]))].concat());
        let ticket = [tlv(0xa0, &[2, 1, 5]), tlv(0xa1, &realm), tlv(0xa2, &name), tlv(0xa3, &sealed)].concat();
        let given = [head(17), tlv(0xa2, &tlv(0x61, &tlv(0x30, &ticket)))].concat();
        let given = gss(KERBEROS_USER_TO_USER, &[&[4, 1][..], &tlv(0x30, &given)].concat());
        assert_eq!(told(&init(&asked)), ["[\"smb2\", \"spnego\"] tgt-req"]);
        assert_eq!(told(&response(&given)), ["[\"smb2\", \"spnego\"] tgt-rep"]);
        let json = |token: &[u8]| {
            let mut out = Vec::new();
            decode(token, Carriage::DIRECT, &mut out);
            let Some(Message::Kerberos(message)) = out.pop().map(|decoded| decoded.message) else {
                panic!("{token:?}")
            };
            serde_json::to_value(message).unwrap()
        };
        assert_eq!(json(&asked), serde_json::json!({"realm": "CORP", "sname": "bob", "sname_type": 1}));
        let id = json(&given)["ticket"]["id"].clone();
        assert_eq!(
            json(&given),
            serde_json::json!({"ticket": {"realm": "CORP", "sname": "bob", "etype": 18, "id": id}})
        );
        // Cut anywhere, it is told as far as it goes, or as a gap.
        for end in 20..given.len() {
            assert_eq!(told(&given[..end]).len(), 1, "{end}");
        }
        let odd = gss(KERBEROS_USER_TO_USER, &[4, 0, 0x61, 0]);
        assert_eq!(told(&odd), ["[\"smb2\"] undecodable kerberos: not a Kerberos message: it begins with 0x61"]);
    }

    #[test]
    fn tokens_without_a_message_say_nothing() {
        // A server's hint, the end of a negotiation, tokens that protect data.
        let hint = gss(SPNEGO, &tlv(0xa0, &tlv(0x30, &tlv(0xa0, &tlv(0x30, &tlv(6, KERBEROS))))));
        for token in [&hint[..], &response(&[]), &gss(KERBEROS, &[2, 1, 0x11, 0]), &[5, 4, 0, 0xff], &[1, 0, 0, 0], &[]]
        {
            assert!(told(token).is_empty(), "{token:02x?}");
        }
        assert!(is_token(&hint) && !is_token(&[]) && !is_token(b"nonce=") && !is_token(&[1, 0, 0, 0]));
    }

    #[test]
    fn tokens_in_base64_are_the_same() {
        let told = |text: &[u8]| {
            let mut out = Vec::new();
            decode_base64(text, Carriage::from(Carrier::Http), &mut out);
            out.into_iter().map(|decoded| decoded.message).collect::<Vec<_>>()
        };
        let found = told(b"TlRMTVNTUAABAAAAAgAAAA==");
        assert!(matches!(&found[..], [Message::Ntlm(message)] if message.kind == ntlm::Kind::Negotiate), "{found:?}");
        for text in ["T", "TlR", "TlR.", "T===", "====", "Tl=S"] {
            assert!(matches!(told(text.as_bytes())[..], [Message::Gap(_)]), "{text}");
        }
        assert!(told(b"").is_empty());
        for (text, bytes) in [("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("+/+/", "\u{fb}\u{ff}\u{bf}")] {
            let bytes: Vec<u8> = bytes.chars().map(|character| character as u8).collect();
            assert_eq!(from_base64(text.as_bytes()), Some(bytes), "{text}");
        }
    }

    #[test]
    fn every_truncation_is_told_or_says_where_it_stopped() {
        let token = init(&kerberos_token());
        for end in 1..token.len() {
            let mut out = Vec::new();
            decode(&token[..end], Carriage::DIRECT, &mut out);
            assert!(out.len() <= 1, "{end}");
            match out.first().map(|decoded| &decoded.message) {
                Some(Message::Kerberos(message)) => assert!(message.stopped().is_some(), "{end}"),
                Some(Message::Gap(_)) => {}
                other => panic!("{end}: {other:?}"),
            }
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_no_harm(
            token in prop::collection::vec(any::<u8>(), 0..200),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let mut out = Vec::new();
            decode(&token, Carriage::DIRECT, &mut out);
            decode(&init(&token[..token.len().min(100)]), Carriage::DIRECT, &mut out);
            let mut changed = init(&kerberos_token());
            *at.get_mut(&mut changed) = byte;
            decode(&changed, Carriage::DIRECT, &mut out);
            prop_assert!(out.len() <= 3);
        }
    }
}
