//! What a KDC proxy passes on between clients and domain controllers, where the capture was made behind the place where
//! TLS ends. MS-KKDCP.

use crate::{
    Carriage, Carrier, Decoded, Gap, GapKind, Message,
    Protocol::{self, Http, Kerberos},
    der::{Reader, Tag},
    kerberos, kpasswd,
};

/// Whether a request for this target goes to a KDC proxy: its path is fixed, in any case of letters. MS-KKDCP 2.1.
pub(super) fn is_target(target: &[u8]) -> bool {
    let path = target.split(|&byte| byte == b'?').next().unwrap_or_default();
    path.to_ascii_lowercase().ends_with(b"/kdcproxy")
}

/// Appends the message in a body: one of Kerberos or of a change of a password, or a gap.
pub(super) fn decode(body: &[u8], out: &mut Vec<Decoded>) {
    let carriage = Carriage::from(Carrier::Http).within(Carrier::KdcProxy);
    let gap = |protocol: Protocol, bytes: &[u8], detail: String| {
        let bytes = bytes.len() as u64;
        Message::Gap(Box::new(Gap { kind: GapKind::Undecodable, protocol, bytes, detail }))
    };
    let message = match passed_on(body) {
        // All messages of Kerberos have an APPLICATION tag.
        Some(message @ [0x60..=0x7f, ..]) => match kerberos::decode(message) {
            Ok(message) => Message::Kerberos(Box::new(message)),
            Err(error) => gap(Kerberos, message, error.to_string()),
        },
        Some(message) => return kpasswd::decode_within(carriage, message, out),
        None => gap(Http, body, "the body is no whole KDC-PROXY-MESSAGE".to_owned()),
    };
    out.push(Decoded { carriage, message });
}

/// The message that a proxy passes on, in either direction. `None`: the body is of another form, or not there in full.
///
/// ```text
/// KDC-PROXY-MESSAGE ::= SEQUENCE {
///     kerb-message   [0] OCTET STRING, -- with the length of RFC 4120 §7.2.2 before it
///     target-domain  [1] Realm OPTIONAL,
///     dclocator-hint [2] INTEGER OPTIONAL }
/// ```
///
/// MS-KKDCP 2.2.2.
fn passed_on(body: &[u8]) -> Option<&[u8]> {
    let mut fields = Reader::new(body).expect(Tag::SEQUENCE).ok()?.reader();
    let framed = fields.expect(Tag::context(0)).ok()?.inner_expect(Tag::OCTET_STRING).ok()?.contents;
    let (length, message) = framed.split_first_chunk::<4>()?;
    (usize::try_from(u32::from_be_bytes(*length)).ok()? == message.len()).then_some(message)
}
