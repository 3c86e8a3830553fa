//! PKI-02.

use trace::{Facts, Logon};

use crate::{
    Confidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::dc_certificate::{rejected, shown::Shown},
};

rule! {
    /// ## What happened
    ///
    /// The domain controller's certificate says how to check it for revocation only by LDAP, or not at all. Computers
    /// that are not members of the domain (joined to Microsoft Entra only) cannot ask the directory before they have
    /// signed in, so the check fails there. Members of the domain are not concerned.
    ///
    /// ## How we know
    ///
    /// The CRL distribution points of the certificate in the reply have no HTTP address, and its authority information
    /// access names no OCSP responder. That is certain. Whether it does harm is not: the severity is high where the
    /// client, seen with no computer account of the domain, did not use its ticket and tried again (DCC-11).
    ///
    /// ## What to do
    ///
    /// 1. On the issuing CA, add an HTTP address as CRL distribution point that clients reach without signing in:
    ///    `certutil -getreg CA\CRLPublicationURLs`, or the properties of the CA, Extensions.
    /// 2. Publish the list there: `certutil -CRL`.
    /// 3. Enrol the domain controllers' certificates anew: the address is in each certificate. `certutil -pulse`.
    ///
    /// ## Sources
    ///
    /// Microsoft: Windows Hello for Business for Entra-joined devices (CRL distribution point); RFC 5280 §4.2.1.13,
    /// §4.2.2.1.
    pub static ONLY_LDAP = {
        code: "PKI-02",
        title: "the domain controller's certificate names no HTTP address for revocation",
        severity: Severity::Medium,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["Kerberos client 102"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let shown = match Shown::in_logon(logon, facts) {
        Ok(shown) => shown,
        Err(verdict) => return verdict,
    };
    let certificate = shown.certificate;
    let by_http = |url: &String| {
        let url = url.to_lowercase();
        url.starts_with("http://") || url.starts_with("https://")
    };
    if certificate.crl_urls.iter().chain(&certificate.ocsp_urls).any(by_http) || certificate.stopped.is_some() {
        return Verdict::Clear;
    }
    let urls = certificate.crl_urls.join(", ");
    let how = if urls.is_empty() { "nowhere" } else { "only in the directory" };
    let summary = format!("by its certificate, the domain controller can be checked for revocation {how}");
    let stopped = rejected::check(logon, facts).found().is_some() && !is_member(logon, facts);
    let severity = if stopped { Severity::High } else { Severity::Medium };
    Found::new(Confidence::Proven, shown.subject(), summary)
        .with(shown.field("x509ce.CRLDistPointsSyntax", urls, "where the certificate says its revocation list is"))
        .with(shown.which())
        .with_severity(severity)
        .into()
}

/// Whether a computer account got a ticket from the client's address.
fn is_member(logon: &Logon, facts: &Facts) -> bool {
    facts.is_computer(logon.client)
}

#[cfg(test)]
mod tests {
    use super::ONLY_LDAP;
    use crate::{
        Confidence, Severity,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_only_the_directory_is_named() {
        let finding = found(
            &ONLY_LDAP,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit cdp ldap:///CN=Lab
            0.020 pc > dc  tgs-req host/pc.corp.example ticket T1
        ",
        );
        assert_eq!(finding.packets(), [2, 2]);
        assert_eq!((finding.found.confidence, finding.severity()), (Confidence::Proven, Severity::Medium));
    }

    #[test]
    fn severe_when_a_client_that_is_no_member_stops_there() {
        let finding = found(
            &ONLY_LDAP,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit cdp -
            20.00 pc > dc  as-req alice pkinit
            20.01 dc > pc  as-rep alice ticket T2 pkinit cdp -
            60  end
        ",
        );
        assert_eq!(finding.severity(), Severity::High);
    }

    #[test]
    fn no_more_than_medium_when_the_ticket_is_not_used_and_that_is_all() {
        let finding = found(
            &ONLY_LDAP,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit cdp -
            60  end
        ",
        );
        assert_eq!(finding.severity(), Severity::Medium);
    }

    #[test]
    fn no_more_than_medium_for_a_member() {
        let finding = found(
            &ONLY_LDAP,
            "
            0.000 pc > dc  as-req pc$ password
            0.010 dc > pc  as-rep pc$ ticket T9
            1.000 pc > dc  as-req alice pkinit
            1.010 dc > pc  as-rep alice ticket T1 pkinit cdp -
            20.00 pc > dc  as-req alice pkinit
            20.01 dc > pc  as-rep alice ticket T2 pkinit cdp -
            60  end
        ",
        );
        assert_eq!(finding.severity(), Severity::Medium);
    }

    #[test]
    fn clear_when_http_or_ocsp_is_named() {
        for way in ["cdp ldap:///CN=Lab,http://pki.corp.example/corp.crl", "cdp - ocsp-url http://ocsp.corp.example/"] {
            let script =
                format!("0.000 pc > dc as-req alice pkinit\n0.010 dc > pc as-rep alice ticket T1 pkinit {way}");
            clear(&ONLY_LDAP, &script);
        }
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&ONLY_LDAP, "0.000 pc > dc as-req alice pkinit\n1 open");
    }

    #[test]
    fn unseen_when_the_certificate_is_enveloped() {
        unseen(
            &ONLY_LDAP,
            "
            0.000 pc > dc  as-req alice pkinit dh rsa
            0.010 dc > pc  as-rep alice ticket T1 pkinit enveloped
        ",
        );
    }
}
