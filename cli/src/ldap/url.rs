//! `ldaps://host:port/base`: RFC 4516 without what comes behind `?`.

use anyhow::bail;

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    /// TLS from the first byte, or after asking for it.
    pub(super) tls_first: bool,
    /// Its name or address; IPv6 without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// Where in the tree to begin.
    pub(super) base: Option<String>,
}

impl Url {
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let parsed = Self::parts(text);
        let Some(url) = parsed else {
            bail!(
                "--ldap {text}: write ldaps://dc1.corp.example, or ldap:// for StartTLS; a port and a base may follow"
            );
        };
        Ok(url)
    }

    fn parts(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let tls_first = match scheme.to_ascii_lowercase().as_str() {
            "ldaps" => true,
            "ldap" => false,
            _ => return None,
        };
        let (authority, base) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = match authority.strip_prefix('[') {
            Some(six) => {
                let (host, port) = six.split_once(']')?;
                (host, port.strip_prefix(':').or(port.is_empty().then_some("")).filter(|_| host.contains(':'))?)
            }
            None => authority.split_once(':').unwrap_or((authority, "")),
        };
        let is_host = !host.is_empty()
            && host.chars().all(|character| character.is_ascii_alphanumeric() || ".-_:%".contains(character));
        let port = match port {
            "" if tls_first => 636,
            "" => 389,
            port => port.parse().ok().filter(|port| *port > 0)?,
        };
        let base = unescaped(base)?;
        let base = Some(base).filter(|base| !base.is_empty());
        is_host.then(|| Self { tls_first, host: host.to_owned(), port, base })
    }

    /// `dc1.corp.example:636`.
    pub(super) fn address(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

/// `%20` and the like as what they stand for. `None`: no UTF-8, or with a `?`, behind which stands what is not taken.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'?' => return None,
            b'%' => {
                let (digits, after) = rest.split_at_checked(2)?;
                bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
                rest = after;
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::Url;

    #[test]
    fn urls_are_taken_apart() {
        let url = |tls_first, host: &str, port, base: Option<&str>| Url {
            tls_first,
            host: host.to_owned(),
            port,
            base: base.map(str::to_owned),
        };
        for (text, wanted) in [
            ("ldaps://dc1.corp.example", url(true, "dc1.corp.example", 636, None)),
            ("LDAP://dc1:3389/", url(false, "dc1", 3389, None)),
            ("ldap://10.0.0.1/DC=corp%20x,DC=example", url(false, "10.0.0.1", 389, Some("DC=corp x,DC=example"))),
            ("ldaps://[fe80::1]:636", url(true, "fe80::1", 636, None)),
        ] {
            assert_eq!(Url::parse(text).expect(text), wanted);
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "dc1.corp.example",
            "http://dc1",
            "ldaps://",
            "ldaps://user:pw@dc1",
            "ldaps://dc1:0",
            "ldaps://dc1:99999",
            "ldaps://dc1/DC=x?sub",
            "ldaps://dc1/%zz",
            "ldaps://dc1/%e9",
            "ldaps://[dc1]",
            "ldaps://[::1]x",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }
}
