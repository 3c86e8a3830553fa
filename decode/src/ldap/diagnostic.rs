//! The text that Active Directory gives with a result, taken apart. Samba writes the same.
//!
//! ```text
//! 8009030C: LdapErr: DSID-0C090569, comment: AcceptSecurityContext error, data 52e, v4563
//! 00002098: SecErr: DSID-03152D2D, problem 4003 (INSUFF_ACCESS_RIGHTS), data 0
//! ```
//! The first number is an error of Windows or an HRESULT (MS-ERREF 2.1, 2.2), the DSID a place in the server's program.
//! Where a bind is refused, `data` is the error of Windows that says why, though the result code is always 49.

use serde::{Serialize, Serializer, ser::SerializeMap as _};

/// What the text says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdError {
    /// The error, of Windows or an HRESULT.
    pub code: u32,
    /// Where in the server's program it arose.
    pub dsid: u32,
    /// More about it.
    pub data: Option<u32>,
    /// It is a bind that is refused, so `data` is an error of its own.
    pub bind: bool,
}

impl AdError {
    /// Takes a text apart. `None`: it is not of this form.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (code, rest) = hex8(text)?;
        let (dsid, rest) = hex8(find(rest.strip_prefix(b": ")?, b"DSID-")?)?;
        let data = find(rest, b", data ").map(|rest| {
            let digits = rest.iter().take_while(|digit| digit.is_ascii_hexdigit()).take(8).count();
            rest.get(..digits).unwrap_or_default()
        });
        let data = data.and_then(|digits| u32::from_str_radix(str::from_utf8(digits).ok()?, 16).ok());
        Some(Self { code, dsid, data, bind: rest.starts_with(b", comment: AcceptSecurityContext error") })
    }

    /// The error that tells most, by its name in MS-ERREF.
    pub fn name(&self) -> Option<&'static str> {
        self.entry().map(|(_, name, _)| name)
    }

    /// The same in plain words: a clause without a full stop.
    pub fn meaning(&self) -> Option<&'static str> {
        self.entry().map(|(_, _, meaning)| meaning)
    }

    fn entry(&self) -> Option<(u32, &'static str, &'static str)> {
        let of = |number: u32| ERRORS.iter().find(|(known, ..)| *known == number).copied();
        self.data.filter(|_| self.bind).and_then(of).or_else(|| of(self.code))
    }
}

/// Machine output: numbers in hex, as the text has them.
impl Serialize for AdError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", &format!("{:08x}", self.code))?;
        map.serialize_entry("dsid", &format!("{:08x}", self.dsid))?;
        if let Some(data) = self.data {
            map.serialize_entry("data", &format!("{data:x}"))?;
        }
        if let Some((_, name, meaning)) = self.entry() {
            map.serialize_entry("name", name)?;
            map.serialize_entry("meaning", meaning)?;
        }
        map.end()
    }
}

/// Eight hex digits at the start, and what follows them.
fn hex8(text: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_at_checked(8).filter(|(digits, _)| digits.iter().all(u8::is_ascii_hexdigit))?;
    Some((u32::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?, rest))
}

/// What follows `mark` in the text.
fn find<'t>(text: &'t [u8], mark: &[u8]) -> Option<&'t [u8]> {
    let at = text.windows(mark.len()).position(|window| window == mark)?;
    text.get(at.checked_add(mark.len())?..)
}

/// Errors by number: those of a refused bind, and others that a sign-in meets. MS-ERREF 2.1.1, 2.2.
const ERRORS: [(u32, &str, &str); 20] = [
    (0x5, "ERROR_ACCESS_DENIED", "access is denied"),
    (0x57, "ERROR_INVALID_PARAMETER", "a parameter of the bind is wrong"),
    (0x4dc, "ERROR_NOT_AUTHENTICATED", "who asks must bind first"),
    (0x525, "ERROR_NO_SUCH_USER", "there is no such user"),
    (0x52e, "ERROR_LOGON_FAILURE", "the user's name or password is wrong"),
    (0x52f, "ERROR_ACCOUNT_RESTRICTION", "a restriction of the account forbids it"),
    (0x530, "ERROR_INVALID_LOGON_HOURS", "outside the account's logon hours"),
    (0x531, "ERROR_INVALID_WORKSTATION", "the account may not log on from this workstation"),
    (0x532, "ERROR_PASSWORD_EXPIRED", "the password has expired"),
    (0x533, "ERROR_ACCOUNT_DISABLED", "the account is disabled"),
    (0x568, "ERROR_TOO_MANY_CONTEXT_IDS", "the account is in too many groups"),
    (0x701, "ERROR_ACCOUNT_EXPIRED", "the account has expired"),
    (0x773, "ERROR_PASSWORD_MUST_CHANGE", "the password must be changed first"),
    (0x775, "ERROR_ACCOUNT_LOCKED_OUT", "the account is locked out"),
    (0x2028, "ERROR_DS_STRONG_AUTH_REQUIRED", "the server wants the connection signed or inside TLS"),
    (0x208d, "ERROR_DS_OBJ_NOT_FOUND", "there is no such object"),
    (0x2098, "ERROR_DS_INSUFF_ACCESS_RIGHTS", "who asks may not do that"),
    (0x8009_0308, "SEC_E_INVALID_TOKEN", "the server does not accept the token"),
    (0x8009_030c, "SEC_E_LOGON_DENIED", "the logon is refused"),
    (0x8009_0346, "SEC_E_BAD_BINDINGS", "the authentication is not bound to this TLS connection"),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{AdError, ERRORS};

    /// As a domain controller of Windows Server 2019 wrote it.
    const REFUSED: &[u8] = b"8009030C: LdapErr: DSID-0C090569, comment: AcceptSecurityContext error, data 52e, v4563\0";

    #[test]
    fn a_refused_bind_says_why() {
        let error = AdError::parse(REFUSED).unwrap();
        assert_eq!(error, AdError { code: 0x8009_030c, dsid: 0x0c09_0569, data: Some(0x52e), bind: true });
        assert_eq!(
            (error.name(), error.meaning()),
            (Some("ERROR_LOGON_FAILURE"), Some("the user's name or password is wrong"))
        );
        let shown = serde_json::to_value(error).unwrap();
        assert_eq!(
            (&shown["code"], &shown["dsid"], &shown["data"]),
            (&"8009030c".into(), &"0c090569".into(), &"52e".into())
        );
    }

    #[test]
    fn other_refusals_are_named_by_their_own_error() {
        let text = b"0000208D: NameErr: DSID-0310028B, problem 2001 (NO_OBJECT), data 0, best match of:\n\t'DC=a'\n\0";
        let error = AdError::parse(text).unwrap();
        assert_eq!((error.data, error.bind, error.name()), (Some(0), false, Some("ERROR_DS_OBJ_NOT_FOUND")));
        let text = b"80090346: LdapErr: DSID-0C090569, comment: AcceptSecurityContext error, data 80090346, v4563";
        assert_eq!(AdError::parse(text).unwrap().name(), Some("SEC_E_BAD_BINDINGS"));
        // An error without a name keeps its number.
        let text = b"00002077: SvcErr: DSID-031907B4, problem 5003 (WILL_NOT_PERFORM), data 525";
        assert_eq!(
            AdError::parse(text).map(|error| (error.code, error.data, error.name())),
            Some((0x2077, Some(0x525), None))
        );
    }

    #[test]
    fn other_texts_are_left_as_they_are() {
        for text in
            ["", "continue", "00000000: Success", "8009030C: LdapErr: DSID-0C09", "SASL(0): successful result: "]
        {
            assert_eq!(AdError::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn every_truncation_says_what_is_there() {
        let whole = AdError::parse(REFUSED).unwrap();
        for end in 0..REFUSED.len() {
            let Some(error) = AdError::parse(&REFUSED[..end]) else { continue };
            assert_eq!((error.code, error.dsid), (whole.code, whole.dsid), "{end}");
        }
        assert!(ERRORS.is_sorted());
    }

    proptest! {
        #[test]
        fn arbitrary_text_does_no_harm(text in prop::collection::vec(any::<u8>(), 0..120), at in any::<prop::sample::Index>()) {
            let _ = AdError::parse(&text);
            let mut changed = REFUSED.to_vec();
            *at.get_mut(&mut changed) = 0xff;
            let _ = AdError::parse(&changed);
        }
    }
}
