//! DCC-07.

use trace::{Facts, Logon};

use super::shown::{Shown, wire};
use crate::{Confidence, Found, Scope, Severity, Verdict, rule::rule};

rule! {
    /// ## What happened
    ///
    /// The certificate with which the domain controller proves itself does not name the domain. Clients check
    /// that the certificate was issued for the domain they sign in to; one that names the server only does not
    /// show that. Computers joined to Microsoft Entra only refuse it; others may.
    ///
    /// ## How we know
    ///
    /// Among the DNS names in the subject alternative name of the certificate in the domain controller's reply
    /// there is none that equals the realm of the ticket it issued. If the certificate names the
    /// ticket-granting service of that realm in the form that RFC 4556 asks for (id-pkinit-san), clients other
    /// than Windows are content, and the severity is medium. A domain that is known by several names may be
    /// named by another.
    ///
    /// ## What to do
    ///
    /// 1. See what the certificate names: `certutil -v -store my` on the domain controller, under Subject
    ///    Alternative Name.
    /// 2. Enrol from the template Kerberos Authentication, which puts in the server's name, the domain's DNS
    ///    name and its NetBIOS name: publish it, then `certutil -pulse`.
    /// 3. From another CA, request a certificate with these three as DNS names, and the purpose KDC
    ///    Authentication (1.3.6.1.5.2.3.5).
    /// 4. Delete the old certificate, so that the KDC does not choose it.
    ///
    /// ## Sources
    ///
    /// Microsoft: Windows Hello for Business known deployment issues; texts of client events 20 and 107; RFC
    /// 4556 §3.2.4. Seen in captures of Samba with certificates made so.
    pub static DOMAIN_NOT_NAMED = {
        code: "DCC-07",
        title: "the domain controller's certificate does not name the domain",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [0xc000_006d],
        events: ["System 20", "Kerberos client 107"],
        check: Scope::Logon(check),
    };
}

pub(super) fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let shown = match Shown::in_logon(logon, facts) {
        Ok(shown) => shown,
        Err(verdict) => return verdict,
    };
    // Not crealm: an anonymous client's is WELLKNOWN:ANONYMOUS.
    let Some(realm) = shown.reply.ticket.as_ref().and_then(|ticket| ticket.realm.as_ref()) else {
        return Verdict::Unseen("the ticket's realm is not readable");
    };
    let san = &shown.certificate.san;
    if san.dns.iter().any(|name| realm.eq_ignore_case(name.trim_end_matches('.'))) {
        return Verdict::Clear;
    }
    let listed = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let service = format!("krbtgt/{realm}").to_lowercase();
    let names_service = |name: &String| {
        let name = name.to_lowercase();
        name == service || name.strip_prefix(service.as_str()).is_some_and(|rest| rest.starts_with('@'))
    };
    let named_as_kdc = san.pkinit.iter().any(names_service);
    let (severity, besides) = if named_as_kdc {
        (Severity::Medium, ", though it names its ticket-granting service")
    } else {
        (Severity::High, "")
    };
    let mut found = Found::new(
        Confidence::Proven,
        shown.subject(),
        format!("the domain controller's certificate does not have the domain {realm} among its DNS names{besides}"),
    )
    .with_severity(severity)
    .with(shown.field(
        "x509ce.dNSName",
        listed(&san.dns),
        &format!("the DNS names; {} is not among them", wire(&realm.to_unicode())),
    ));
    if !san.pkinit.is_empty() {
        found = found.with(shown.field(
            "pkinit.principalName_element",
            listed(&san.pkinit),
            "the KDC that the certificate names",
        ));
    }
    found.with(shown.which()).into()
}

#[cfg(test)]
mod tests {
    use super::DOMAIN_NOT_NAMED;
    use crate::{
        Confidence, Severity,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_only_the_server_is_named() {
        let finding = found(
            &DOMAIN_NOT_NAMED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit san dc1.corp.example
        ",
        );
        assert_eq!(finding.packets(), [2, 2]);
        assert_eq!(finding.severity(), Severity::High);
        assert_eq!(finding.found.confidence, Confidence::Proven);
        assert_eq!(finding.found.evidence[0].value, "dc1.corp.example");
    }

    #[test]
    fn found_when_nothing_is_named() {
        let finding = found(
            &DOMAIN_NOT_NAMED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit san -
        ",
        );
        assert_eq!(finding.found.evidence[0].value, "none");
    }

    #[test]
    fn medium_when_the_ticket_granting_service_is_named() {
        let finding = found(
            &DOMAIN_NOT_NAMED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit san dc1.corp.example pkinit-san
        ",
        );
        assert_eq!(finding.severity(), Severity::Medium);
    }

    #[test]
    fn clear_when_the_domain_is_named_in_another_case() {
        clear(
            &DOMAIN_NOT_NAMED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit san dc1.corp.example,Corp.Example
        ",
        );
    }

    #[test]
    fn the_realm_is_that_of_the_ticket() {
        clear(
            &DOMAIN_NOT_NAMED,
            "
            0.000 pc > dc  as-req WELLKNOWN/ANONYMOUS pkinit anonymous
            0.010 dc > pc  as-rep WELLKNOWN/ANONYMOUS realm WELLKNOWN:ANONYMOUS ticket T1 pkinit
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &DOMAIN_NOT_NAMED,
            "
            0.000 pc > dc  as-req alice pkinit
            1.000 open
        ",
        );
    }

    #[test]
    fn unseen_when_the_certificate_is_enveloped() {
        unseen(
            &DOMAIN_NOT_NAMED,
            "
            0.000 pc > dc  as-req alice pkinit dh rsa
            0.010 dc > pc  as-rep alice ticket T1 pkinit enveloped
        ",
        );
    }
}
