//! DCC-03.

use trace::{Facts, Logon};

use super::shown::Shown;
use crate::{Confidence, Found, Scope, Severity, Verdict, rule::rule, windows::TICKET_USE_SECONDS};

rule! {
    /// ## What happened
    ///
    /// The domain controller granted a sign-in and proved itself with a certificate that has expired. Clients
    /// have to refuse it. The user sees a general failure, and nobody gets in with Windows Hello or a smart
    /// card there.
    ///
    /// ## How we know
    ///
    /// The certificate in the domain controller's reply was past its end (notAfter) when the packet was
    /// captured. The clock of the capture may be wrong: if the domain controller's own clock, as its errors
    /// tell it, is before that end, the finding is less sure. It is withdrawn when the client uses the ticket:
    /// then it took the certificate.
    ///
    /// ## What to do
    ///
    /// 1. On the domain controller, look at what it has: `certutil -dcinfo verify` and `certutil -store my`.
    /// 2. Renew by autoenrolment: `certutil -pulse`, then see whether a new certificate came:
    ///    `certutil -store my`.
    /// 3. If none came, look for why: the policy Certificate Services Client - Auto-Enrollment, the right
    ///    Autoenroll on the template Kerberos Authentication, and whether the CA answers:
    ///    `certutil -ping -config "CAHOST\CANAME"`.
    /// 4. Delete the expired certificate, and restart the service Kerberos Key Distribution Center if it still
    ///    shows it.
    ///
    /// ## Sources
    ///
    /// RFC 5280 §4.1.2.5; RFC 4556 §3.2.4; MS-ERREF 2.3.1 (STATUS_KDC_CERT_EXPIRED); texts of the KDC events 20
    /// and 120. Seen in a capture of Samba; whether Windows shows an expired certificate or none (then DCC-01)
    /// is not known.
    pub static CERTIFICATE_EXPIRED = {
        code: "DCC-03",
        title: "the domain controller shows an expired certificate",
        severity: Severity::Critical,
        since: "0.1.0",
        supersedes: ["DCC-11"],
        errors: [],
        statuses: [0xc000_0320, 0xc000_040e],
        events: ["KDC 20", "KDC operational 120", "System 9", "Kerberos client 102"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let shown = match Shown::in_logon(logon, facts) {
        Ok(shown) => shown,
        Err(verdict) => return verdict,
    };
    let ended = shown.certificate.not_after.as_second();
    let now = shown.seen.at.seconds();
    if ended >= now || logon.ticket_used() {
        return Verdict::Clear;
    }
    // Seconds that fit a Kerberos time are exact in an f64.
    #[expect(clippy::cast_precision_loss, reason = "seconds between two dates of this era")]
    let past_for = (now - ended) as f64;
    let dc_agrees = shown.clock_offset(facts).is_none_or(|offset| past_for + offset > 0.0);
    let doubt = if dc_agrees { "" } else { "; by the domain controller's own clock it is still valid" };
    let confidence = Confidence::Proven
        .lowered_unless(facts.passed(shown.seen.at, TICKET_USE_SECONDS.of(facts)))
        .lowered_unless(dc_agrees);
    Found::new(
        confidence,
        shown.subject(),
        format!(
            "the domain controller proved itself with a certificate that ended on {}{doubt}",
            shown.certificate.not_after
        ),
    )
    .with(shown.field(
        "x509af.notAfter",
        shown.certificate.not_after.to_string(),
        "the certificate ended before this packet",
    ))
    .with(shown.which())
    .into()
}

#[cfg(test)]
mod tests {
    use super::CERTIFICATE_EXPIRED;
    use crate::{
        Confidence,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_the_certificate_has_ended() {
        let finding = found(
            &CERTIFICATE_EXPIRED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit expired
            40    end
        ",
        );
        assert_eq!(finding.packets(), [2, 2]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
        assert_eq!(finding.found.evidence[0].field, "x509af.notAfter");
    }

    #[test]
    fn less_sure_when_the_client_could_still_use_its_ticket() {
        let finding = found(
            &CERTIFICATE_EXPIRED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit expired
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn less_sure_when_the_domain_controller_lives_before_that_day() {
        let finding = found(
            &CERTIFICATE_EXPIRED,
            "
            0.000 pc > dc  as-req alice
            0.010 dc > pc  krb-error 25 padata 16,2 clock -172800
            0.020 pc > dc  as-req alice pkinit
            0.030 dc > pc  as-rep alice ticket T1 pkinit expired
            40    end
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn clear_while_it_is_valid() {
        clear(
            &CERTIFICATE_EXPIRED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit
        ",
        );
    }

    #[test]
    fn clear_when_the_client_uses_the_ticket() {
        clear(
            &CERTIFICATE_EXPIRED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit expired
            0.020 pc > dc  tgs-req host/pc.corp.example ticket T1
            0.030 dc > pc  tgs-rep host/pc.corp.example ticket T2
        ",
        );
    }

    #[test]
    fn clear_when_only_the_clients_certificate_has_ended() {
        clear(
            &CERTIFICATE_EXPIRED,
            "
            0.000 pc > dc  as-req alice pkinit issued C1 expired
            0.010 dc > pc  as-rep alice ticket T1 pkinit
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &CERTIFICATE_EXPIRED,
            "
            0.000 pc > dc  as-req alice pkinit
            1.000 open
        ",
        );
    }

    #[test]
    fn unseen_when_the_certificate_is_enveloped() {
        unseen(
            &CERTIFICATE_EXPIRED,
            "
            0.000 pc > dc  as-req alice pkinit dh rsa
            0.010 dc > pc  as-rep alice ticket T1 pkinit enveloped
        ",
        );
    }
}
