//! The subjects of key-trust certificates: what Windows writes into the only common name of the certificate that it
//! makes for a Windows Hello key.

use serde::{Serialize, Serializer};

use super::Certificate;

/// The parts of a user's key-trust common name: `SID/GUID/authority/tenant/UPN`.
///
/// The SID is the account's in the directory, so it names the user even where the request's client name does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HelloName {
    /// `S-1-5-21-…` with four more parts, or `S-1-12-1-…` of an account that lives in Entra ID.
    pub sid: String,
    /// A GUID whose meaning is not documented.
    pub guid: String,
    /// Who vouches for the account: `login.windows.net`.
    pub authority: String,
    /// The Entra tenant's GUID.
    pub tenant: String,
    /// The user principal name.
    pub upn: String,
}

impl Certificate {
    /// The parts of the subject where it is a user's key-trust certificate; `None` for any other subject.
    pub fn hello_name(&self) -> Option<HelloName> {
        HelloName::parse(self.common_name.as_deref()?)
    }

    /// Whether the subject's common name is a SID and nothing else, as in a computer's key-trust certificate.
    pub fn is_sid_name(&self) -> bool {
        self.common_name.as_deref().is_some_and(is_sid)
    }
}

impl HelloName {
    /// Takes a common name apart. `None` where it is not of this form.
    pub fn parse(common_name: &str) -> Option<Self> {
        let mut parts = common_name.splitn(5, '/');
        let mut next = || parts.next().map(str::to_owned);
        let (sid, guid, authority, tenant, upn) = (next()?, next()?, next()?, next()?, next()?);
        let is_host = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-')
        };
        let is_upn =
            |text: &str| text.rsplit_once('@').is_some_and(|(user, domain)| !user.is_empty() && !domain.is_empty());
        let fits = is_sid(&sid) && is_guid(&guid) && is_host(&authority) && is_guid(&tenant) && is_upn(&upn);
        fits.then_some(Self { sid, guid, authority, tenant, upn })
    }

    /// The SID without its last part: the domain's. `None` for an account that lives in Entra ID, whose SID tells of no
    /// domain.
    pub fn domain_sid(&self) -> Option<&str> {
        self.sid.starts_with("S-1-5-21-").then(|| self.sid.rsplit_once('-')).flatten().map(|(domain, _)| domain)
    }
}

/// Whether a common name is not a user's of key trust.
#[expect(clippy::ref_option, reason = "serde gives a reference to the field")]
pub(super) fn is_other(common_name: &Option<String>) -> bool {
    common_name.as_deref().and_then(HelloName::parse).is_none()
}

/// A common name as its parts.
#[expect(clippy::ref_option, reason = "serde gives a reference to the field")]
pub(super) fn parts<S: Serializer>(common_name: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    common_name.as_deref().and_then(HelloName::parse).serialize(serializer)
}

/// `S-1-5-21-` or `S-1-12-1-` and four numbers.
fn is_sid(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("S-1-5-21-").or_else(|| text.strip_prefix("S-1-12-1-")) else { return false };
    let is_number = |part: &str| !part.is_empty() && part.len() <= 10 && part.bytes().all(|b| b.is_ascii_digit());
    rest.split('-').count() == 4 && rest.split('-').all(is_number)
}

/// 36 lower-case hex digits and hyphens in the places of a GUID.
fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(place, b)| match place {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_digit() || (b'a'..=b'f').contains(&b),
        })
}

#[cfg(test)]
mod tests {
    use super::{HelloName, is_sid};

    const NAME: &str = "S-1-5-21-2894489847-1136428447-2143098874-1106/8227cfea-af53-4b75-a4e3-ef582a52741e/\
        login.windows.net/383a3889-5bc9-47a3-846c-2b70f0b7fe0e/admin@contoso.com";

    #[test]
    fn takes_the_name_of_a_real_certificate_apart() {
        let name = HelloName::parse(NAME).unwrap();
        assert_eq!(name.sid, "S-1-5-21-2894489847-1136428447-2143098874-1106");
        assert_eq!(name.guid, "8227cfea-af53-4b75-a4e3-ef582a52741e");
        assert_eq!(name.authority, "login.windows.net");
        assert_eq!(name.tenant, "383a3889-5bc9-47a3-846c-2b70f0b7fe0e");
        assert_eq!(name.upn, "admin@contoso.com");
        assert_eq!(name.domain_sid(), Some("S-1-5-21-2894489847-1136428447-2143098874"));
    }

    #[test]
    fn names_of_another_form_are_none() {
        for other in [
            "",
            "alice@corp.example",
            "S-1-5-21-1-2-3-1106",
            &NAME.replace("S-1-5-21", "S-1-5-32"),
            &NAME.replace("-1106", ""),
            &NAME.replace("8227cfea", "8227cfeg"),
            &NAME.replace("admin@", "@"),
            &NAME.replace("login.windows.net", ""),
        ] {
            assert_eq!(HelloName::parse(other), None, "{other}");
        }
        let of_entra = HelloName::parse(&NAME.replace("S-1-5-21", "S-1-12-1")).unwrap();
        assert_eq!(of_entra.domain_sid(), None);
    }

    #[test]
    fn a_sid_alone_is_a_computers_name() {
        assert!(is_sid("S-1-5-21-1004336348-1177238915-682003330-1105"));
        assert!(!is_sid("S-1-5-21-1-2-3"));
        assert!(!is_sid("S-1-5-21-1-2-3-4-5"));
        assert!(!is_sid("S-1-5-21-1-2-3-99999999999"));
        assert!(!is_sid(NAME));
    }
}
