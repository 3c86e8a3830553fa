//! `spnego`: one token of the GSS-API, as it stands and in base64.

use decode::{Carriage, Carrier, Decoded, spnego};

use super::check;

/// The input is a token.
pub fn run(bytes: &[u8]) {
    let decode = |decode: fn(&[u8], Carriage, &mut Vec<Decoded>)| {
        let mut found = Vec::new();
        decode(bytes, Carrier::Smb2.into(), &mut found);
        assert!(found.len() <= 1, "a token holds one message at most");
        found.into_iter().map(check::decoded).collect::<Vec<_>>()
    };
    assert_eq!(decode(spnego::decode), decode(spnego::decode));
    assert_eq!(decode(spnego::decode_base64), decode(spnego::decode_base64));
    let _ = spnego::is_token(bytes);
}
