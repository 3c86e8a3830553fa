//! DCC-16.

use trace::{Facts, Logon};

use super::shown::Shown;
use crate::{Confidence, Evidence, Found, Scope, Severity, Verdict, rule::rule};

rule! {
    /// ## What happened
    ///
    /// The domain controller has several certificates, and uses one for LDAP over TLS and another for signing in with a
    /// key. That may be meant. It helps to know which there are when one of them is at fault.
    ///
    /// ## How we know
    ///
    /// The certificate that the domain controller showed on port 636, 3269, or behind StartTLS, in TLS 1.2 or older, is
    /// not the one in its reply to PKINIT.
    ///
    /// ## What to do
    ///
    /// 1. On the domain controller, see which certificates there are and for what: `certutil -store my`.
    /// 2. If the one for LDAP is the newer and better one, let the KDC take it: `certutil -pulse`, or restart the
    ///    service KDC; see that the CA is in NTAuth.
    /// 3. Remove certificates from templates that have been replaced.
    ///
    /// ## Sources
    ///
    /// RFC 4556 §3.2.3.1; Microsoft: how domain controllers choose their certificate.
    pub static DIRECTORY_DIFFERS = {
        code: "DCC-16",
        title: "the domain controller shows another certificate for LDAP than for PKINIT",
        severity: Severity::Info,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["KDC 29", "KDC 120"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let shown = match Shown::in_logon(logon, facts) {
        Ok(shown) => shown,
        Err(verdict) => return verdict,
    };
    let list = facts.cloud.directory_certificates(shown.kdc());
    if list.is_empty() || list.iter().any(|other| other.certificate.sha256 == shown.certificate.sha256) {
        return Verdict::Clear;
    }
    let Some(other) = list.last() else { return Verdict::Clear };
    let summary = "for LDAP over TLS the domain controller shows another certificate than for signing in with a key";
    let means = format!("the certificate on port {}", other.server.port);
    Found::new(Confidence::Proven, shown.subject(), summary)
        .with(shown.which())
        .with(Evidence::new(other.times.first, "x509af.serialNumber", other.certificate.serial.as_str(), means))
        .into()
}

#[cfg(test)]
mod tests {
    use super::DIRECTORY_DIFFERS;
    use crate::testing::{clear, found};

    const SIGNED_IN: &str = "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit
        ";

    #[test]
    fn found_when_the_two_differ() {
        let script = format!(
            "{SIGNED_IN}
            1.000 pc > dc  client-hello port 636
            1.010 dc > pc  server-hello tls12 port 636
            1.010 dc > pc  certificate dc1.corp.example port 636"
        );
        let finding = found(&DIRECTORY_DIFFERS, &script);
        assert_eq!(finding.packets(), [2, 5]);
    }

    #[test]
    fn clear_when_another_service_shows_another_certificate() {
        let script = format!(
            "{SIGNED_IN}
            1.000 pc > dc  client-hello port 443
            1.010 dc > pc  server-hello tls12 port 443
            1.010 dc > pc  certificate dc1.corp.example port 443"
        );
        clear(&DIRECTORY_DIFFERS, &script);
    }

    #[test]
    fn clear_when_ldap_is_not_seen() {
        clear(&DIRECTORY_DIFFERS, SIGNED_IN);
    }
}
