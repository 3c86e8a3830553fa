//! DCC-06.

use trace::{Facts, Logon};

use super::shown::Shown;
use crate::{Confidence, Found, Scope, Severity, Verdict, rule::rule};

/// id-pkinit-KPKdc, RFC 4556 §3.2.4: KDC Authentication.
const KDC_AUTHENTICATION: &str = "1.3.6.1.5.2.3.5";

rule! {
    /// ## What happened
    ///
    /// The certificate with which the domain controller proves itself does not say that it is one of a KDC: the
    /// purpose KDC Authentication is missing. Computers that are joined to Microsoft Entra only, and those with
    /// strict KDC validation, refuse it. Computers that belong to the domain may take it.
    ///
    /// ## How we know
    ///
    /// The extended key usage of the certificate in the domain controller's reply does not hold
    /// 1.3.6.1.5.2.3.5, or there is none. That is a fact of the certificate; whether this client minds cannot
    /// be said from the certificate. Where the client used its ticket, it took the certificate all the same,
    /// and the summary says so.
    ///
    /// ## What to do
    ///
    /// 1. On the domain controller, list its certificates: `certutil -v -store my`. One from the template
    ///    Domain Controller or Domain Controller Authentication is too old a kind.
    /// 2. Publish the template Kerberos Authentication, or a copy that has the purpose KDC Authentication, and
    ///    let it supersede the two older ones (tab Superseded Templates).
    /// 3. Enrol: `certutil -pulse` on each domain controller.
    /// 4. Delete the old certificates; with both there, the KDC may go on choosing the old one. Restart the
    ///    service Kerberos Key Distribution Center if it does.
    ///
    /// ## Sources
    ///
    /// RFC 4556 §3.2.4; Microsoft: Entra-joined single sign-on with Windows Hello for Business, notes on the
    /// domain controller certificate template; texts of KDC event 32 and client events 19 and 106. Public
    /// captures show Windows domain controllers with such certificates in 2022 and 2025.
    pub static WITHOUT_KDC_PURPOSE = {
        code: "DCC-06",
        title: "the domain controller's certificate lacks the purpose KDC Authentication",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["KDC 32", "System 19", "Kerberos client 106"],
        check: Scope::Logon(check),
    };
}

pub(super) fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let shown = match Shown::in_logon(logon, facts) {
        Ok(shown) => shown,
        Err(verdict) => return verdict,
    };
    let purposes = shown.certificate.eku.as_deref();
    if purposes.is_some_and(|purposes| purposes.iter().any(|oid| oid == KDC_AUTHENTICATION)) {
        return Verdict::Clear;
    }
    let effect = if logon.ticket_used() { "; this client took it all the same" } else { "" };
    let purposes = purposes.map_or_else(|| "absent".to_owned(), |purposes| purposes.join(", "));
    let mut found = Found::new(
        Confidence::Proven,
        shown.subject(),
        format!(
            "the domain controller's certificate lacks the purpose KDC Authentication; computers joined to Entra only \
             refuse it{effect}"
        ),
    )
    .with(shown.field("x509ce.KeyPurposeId", purposes, "its purposes; 1.3.6.1.5.2.3.5 is not among them"));
    if let Some(template) = &shown.certificate.template {
        let kind = if template.name.is_empty() { &template.oid } else { &template.name };
        found = found.with(shown.field("x509ce.id", kind.as_str(), "the template it was made from"));
    }
    found.with(shown.which()).into()
}

#[cfg(test)]
mod tests {
    use super::WITHOUT_KDC_PURPOSE;
    use crate::{
        Confidence,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_the_purpose_is_missing() {
        let finding = found(
            &WITHOUT_KDC_PURPOSE,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit no-eku
        ",
        );
        assert_eq!(finding.packets(), [2, 2]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
    }

    #[test]
    fn found_as_well_when_this_client_does_not_mind() {
        let finding = found(
            &WITHOUT_KDC_PURPOSE,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit no-eku
            0.020 pc > dc  tgs-req host/pc.corp.example ticket T1
        ",
        );
        assert!(finding.found.summary.contains("all the same"), "{}", finding.found.summary);
    }

    #[test]
    fn clear_when_it_is_there() {
        clear(
            &WITHOUT_KDC_PURPOSE,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit
        ",
        );
    }

    #[test]
    fn clear_when_the_logon_showed_no_certificate() {
        clear(
            &WITHOUT_KDC_PURPOSE,
            "
            0.000 pc > dc  as-req alice password
            0.010 dc > pc  as-rep alice ticket T1
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &WITHOUT_KDC_PURPOSE,
            "
            0.000 pc > dc  as-req alice pkinit
            1.000 open
        ",
        );
    }

    #[test]
    fn unseen_when_the_certificate_is_enveloped() {
        unseen(
            &WITHOUT_KDC_PURPOSE,
            "
            0.000 pc > dc  as-req alice pkinit dh rsa
            0.010 dc > pc  as-rep alice ticket T1 pkinit enveloped
        ",
        );
    }
}
