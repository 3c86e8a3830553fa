//! SASL buffers: what a security layer makes of LDAP messages. RFC 4422 §3.7, RFC 4752 §3.1.
//!
//! Four octets of length, then the mechanism's token. Whether a token is sealed is told by itself where it is one of
//! Kerberos; of others it is taken for sealed when what it holds does not begin an LDAP message.

use std::borrow::Cow;

use super::read::header;

/// Whether a token begins like those of the mechanisms of Windows. `None`: too little to tell.
pub(super) fn is_known_token(token: &[u8]) -> Option<bool> {
    const SHAPES: [&[u8]; 2] = [
        // RFC 4121 §4.2.6.2.
        &[0x05, 0x04],
        // NTLMSSP_MESSAGE_SIGNATURE, MS-NLMP 2.2.2.9.
        &[0x01, 0x00, 0x00, 0x00],
    ];
    let shapes = SHAPES.into_iter().any(|shape| token.starts_with(shape));
    if shapes || old_wrap(token).is_some() {
        return Some(true);
    }
    let more =
        SHAPES.into_iter().any(|shape| shape.starts_with(token)) || (token.first() == Some(&0x60) && token.len() < 17);
    (!more).then_some(false)
}

/// What a token holds in clear. `None`: it is sealed, or protected in a way that we do not know.
pub(super) fn clear(token: &[u8]) -> Option<Cow<'_, [u8]>> {
    let held = if token.starts_with(&[0x05, 0x04]) {
        rfc4121(token)?
    } else if let Some(body) = old_wrap(token) {
        Cow::Borrowed(rfc1964(body)?)
    } else if token.starts_with(&[0x01, 0x00, 0x00, 0x00]) {
        Cow::Borrowed(token.get(NTLM_SIGNATURE..)?)
    } else {
        // DIGEST-MD5 (RFC 2831 §2.3) and SRP put their checksums behind the message.
        Cow::Borrowed(token)
    };
    // Some seal without saying so; a message of LDAP at the right place is hardly an accident.
    header(&held).is_ok_and(|header| header.is_some()).then_some(held)
}

/// A wrap token of RFC 4121 §4.2.6.2: identifier, flags, filler, EC, RRC, sequence number; then the message and its
/// checksum of EC bytes, both rotated to the right by RRC (§4.2.5).
fn rfc4121(token: &[u8]) -> Option<Cow<'_, [u8]>> {
    const SEALED: u8 = 0x02;
    let (&[_, _, flags, 0xff, ec1, ec0, rrc1, rrc0, _, _, _, _, _, _, _, _], rotated) = token.split_first_chunk()?
    else {
        return None;
    };
    if flags & SEALED != 0 {
        return None;
    }
    let checksum = usize::from(u16::from_be_bytes([ec1, ec0]));
    let rotation = usize::from(u16::from_be_bytes([rrc1, rrc0])).checked_rem(rotated.len())?;
    let length = rotated.len().checked_sub(checksum)?;
    let (end, start) = rotated.split_at_checked(rotation)?;
    if let Some(message) = start.get(..length) {
        return Some(Cow::Borrowed(message));
    }
    let mut whole = [start, end].concat();
    whole.truncate(length);
    Some(Cow::Owned(whole))
}

/// What follows the mechanism in a wrap token of RFC 1964 §1.2.2, from its identifier on.
fn old_wrap(token: &[u8]) -> Option<&[u8]> {
    if token.first() != Some(&0x60) {
        return None;
    }
    let (_, inside) = super::read::lengths(token, 0x60).ok()??;
    inside.strip_prefix(KERBEROS_OLD.as_slice()).filter(|body| body.starts_with(&[0x02, 0x01]))
}

/// Identifier, signature algorithm, sealing algorithm, filler, sequence number, checksum; then eight random bytes
/// before the message, and padding behind it. RFC 1964 §1.2.2, RFC 4757 §7.3.
fn rfc1964(body: &[u8]) -> Option<&[u8]> {
    const NOT_SEALED: [u8; 2] = [0xff, 0xff];
    (body.get(4..6)? == NOT_SEALED).then(|| body.get(8 + 8 + 8 + 8..))?
}

/// The mechanism Kerberos (1.2.840.113554.1.2.2), as it stands in a token.
const KERBEROS_OLD: [u8; 11] = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02];

/// Bytes of an NTLM signature.
const NTLM_SIGNATURE: usize = 16;

#[cfg(test)]
mod tests {
    use super::{clear, is_known_token};

    /// unbindRequest, message 3.
    const UNBIND: [u8; 7] = [0x30, 5, 2, 1, 3, 0x42, 0];

    fn wrapped(flags: u8, checksum: u8, rotation: u8, data: &[u8]) -> Vec<u8> {
        let mut token = vec![5, 4, flags, 0xff, 0, checksum, 0, rotation, 0, 0, 0, 0, 0, 0, 0, 1];
        token.extend(data);
        token
    }

    #[test]
    fn what_is_signed_is_read_at_any_rotation() {
        let mut data = UNBIND.to_vec();
        data.extend([0xcc; 12]);
        for rotation in 0..40_u8 {
            let mut rotated = data.clone();
            rotated.rotate_right(usize::from(rotation) % data.len());
            let token = wrapped(1, 12, rotation, &rotated);
            assert_eq!(clear(&token).as_deref(), Some(&UNBIND[..]), "rotated by {rotation}");
            assert!(clear(&wrapped(3, 12, rotation, &rotated)).is_none());
        }
    }

    #[test]
    fn older_tokens_say_whether_they_are_sealed() {
        let mut token =
            vec![0x60, 52, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2, 2, 1, 0x11, 0, 0xff, 0xff, 0xff, 0xff];
        token.extend([7; 24]);
        token.extend(UNBIND);
        token.push(1);
        assert!(clear(&token).is_some_and(|message| message.starts_with(&UNBIND)));
        assert_eq!(is_known_token(&token), Some(true));
        token[17] = 0x10;
        token[18] = 0;
        assert!(clear(&token).is_none());
    }

    #[test]
    fn ntlm_is_clear_where_a_message_stands_behind_the_signature() {
        let mut token = vec![1, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9, 0, 0, 0, 0];
        token.extend(UNBIND);
        assert_eq!(clear(&token).as_deref(), Some(&UNBIND[..]));
        token[16] = 0x77;
        assert!(clear(&token).is_none());
        assert_eq!(is_known_token(&token), Some(true));
        assert_eq!(is_known_token(&token[..3]), None);
        assert_eq!(is_known_token(&[9, 9]), Some(false));
    }

    #[test]
    fn truncated_tokens_hold_nothing() {
        let token = wrapped(1, 12, 12, &[0; 24]);
        for end in 0..token.len() {
            assert!(clear(&token[..end]).is_none(), "{end}");
        }
    }
}
