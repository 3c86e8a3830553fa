//! Kerberos and NTLM in HTTP's authentication: the tokens behind `Negotiate` and its like. RFC 4559 §4, MS-NTHT 2.2.
//!
//! A header lists what a server takes, `Negotiate, NTLM, Basic realm="a, b"`, or has the credentials of a client. Of
//! schemes with a token the token is decoded and not kept; other schemes' credentials are not looked at.

use crate::{Carrier, Decoded, spnego};

/// Tokens read of one head. Who takes part in an authentication sends one, and a proxy's perhaps another.
const MAX_TOKENS: usize = 8;

/// Schemes whose tokens are those of the GSS-API, in base64; `Kerberos` is WS-Management's.
const SCHEMES: [&[u8]; 3] = [b"Negotiate", b"NTLM", b"Kerberos"];

/// Decodes the tokens in headers of these names.
pub(super) fn tokens(headers: &[httparse::Header<'_>], names: [&str; 2], out: &mut Vec<Decoded>) {
    let chosen = headers.iter().filter(|header| names.iter().any(|known| header.name.eq_ignore_ascii_case(known)));
    for credentials in chosen.flat_map(|header| challenges(header.value)).filter_map(token).take(MAX_TOKENS) {
        spnego::decode_base64(credentials, Carrier::Http.into(), out);
    }
}

/// The parts of a list, which commas separate that are not inside of quotes.
fn challenges(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    value.split(move |&byte| {
        let inside = quoted;
        quoted ^= byte == b'"' && !escaped;
        escaped = inside && byte == b'\\' && !escaped;
        byte == b',' && !inside
    })
}

/// The token behind a scheme that has one.
fn token(challenge: &[u8]) -> Option<&[u8]> {
    let challenge = challenge.trim_ascii();
    let end = challenge.iter().position(u8::is_ascii_whitespace)?;
    let (scheme, token) = challenge.split_at_checked(end)?;
    let known = SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known));
    known.then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::{super::CHALLENGES, tokens};
    use crate::Message;

    fn told(values: &[&str]) -> Vec<String> {
        let headers: Vec<httparse::Header<'_>> = values
            .iter()
            .map(|value| httparse::Header { name: "www-authenticate", value: value.as_bytes() })
            .chain([httparse::Header { name: "Authorization", value: b"Negotiate TlRMTVNTUAABAAAAAgAAAA==" }])
            .collect();
        let mut out = Vec::new();
        tokens(&headers, CHALLENGES, &mut out);
        let line = |message: &Message| match message {
            Message::Ntlm(message) => message.kind.name().to_owned(),
            Message::Gap(gap) => gap.detail.clone(),
            other => panic!("{other:?}"),
        };
        out.iter().map(|decoded| format!("{:?} {}", decoded.carriage, line(&decoded.message))).collect()
    }

    const NEGOTIATE: &str = "TlRMTVNTUAABAAAAAgAAAA==";

    #[test]
    fn tokens_are_found_among_several_schemes() {
        let found = ["[\"http\"] negotiate"];
        assert_eq!(told(&[&format!("Negotiate {NEGOTIATE}")]), found);
        assert_eq!(told(&["Basic realm=\"a\"", &format!("nTLM   {NEGOTIATE} ")]), found);
        assert_eq!(
            told(&[&format!("Basic realm=\"a, Negotiate \\\", x\", Kerberos {NEGOTIATE}, Digest nonce=\"b\"")]),
            found
        );
        assert_eq!(
            told(&[&format!("Digest qop=\"auth\", Negotiate {NEGOTIATE}"), &format!("NTLM {NEGOTIATE}")]).len(),
            2
        );
    }

    #[test]
    fn schemes_without_a_token_and_other_credentials_say_nothing() {
        assert!(
            told(&["Negotiate", "NTLM", "Basic dXNlcjpwYXNzd29yZA==", "Bearer abc", "", ",,", "Negotiate,NTLM"])
                .is_empty()
        );
        assert_eq!(told(&["Negotiate dXNl*"]), ["[\"http\"] a token that is not base64"]);
    }

    #[test]
    fn no_more_tokens_are_read_than_make_sense() {
        let many = vec![format!("NTLM {NEGOTIATE}"); 100].join(", ");
        assert_eq!(told(&[&many]).len(), super::MAX_TOKENS);
    }
}
