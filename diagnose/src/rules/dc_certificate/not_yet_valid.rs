//! DCC-05.

use trace::{Facts, Logon};

use super::shown::Shown;
use crate::{
    Confidence, Found, Scope, Severity, Verdict,
    rule::rule,
    windows::{TICKET_USE_SECONDS, VALIDITY_SLACK_SECONDS},
};

rule! {
    /// ## What happened
    ///
    /// The domain controller granted a sign-in and proved itself with a certificate from the future: it is not
    /// valid yet. Clients have to refuse it. The clock of the CA was ahead when it issued the certificate, or
    /// the domain controller's clock and the clients' are behind now.
    ///
    /// ## How we know
    ///
    /// The beginning (notBefore) of the certificate in the domain controller's reply is more than a minute after
    /// the time of the packet. The clock of the capture may be wrong: if that day has come by the domain
    /// controller's own clock, as its errors tell it, the finding is less sure. It is withdrawn when the client
    /// uses the ticket: then it took the certificate.
    ///
    /// ## What to do
    ///
    /// 1. Compare the clocks of the domain controllers, the CA and a client:
    ///    `w32tm /stripchart /computer:dc1.corp.example /samples:3 /dataonly`.
    /// 2. Set right the one that is off: `w32tm /resync /rediscover`; for the source of the domain's time, the
    ///    holder of the role PDC emulator, `w32tm /query /source`.
    /// 3. If the certificate is from the future by the right time, too, enrol another: `certutil -pulse` on the
    ///    domain controller, then `certutil -v -store my` to see its dates.
    /// 4. Delete the certificate that is not valid yet, and restart the service Kerberos Key Distribution Center
    ///    if it still shows it.
    ///
    /// ## Sources
    ///
    /// RFC 5280 §4.1.2.5; RFC 4556 §3.2.4; text of client event 9. Not seen in a capture.
    pub static CERTIFICATE_NOT_YET_VALID = {
        code: "DCC-05",
        title: "the domain controller shows a certificate that is not valid yet",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: ["DCC-11"],
        errors: [],
        statuses: [],
        events: ["System 9"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let shown = match Shown::in_logon(logon, facts) {
        Ok(shown) => shown,
        Err(verdict) => return verdict,
    };
    let missing = shown.certificate.not_before.as_second() - shown.seen.at.seconds();
    if missing <= VALIDITY_SLACK_SECONDS.of(facts) || logon.ticket_used() {
        return Verdict::Clear;
    }
    // Seconds that fit a Kerberos time are exact in an f64.
    #[expect(clippy::cast_precision_loss, reason = "seconds between two dates of this era")]
    let dc_agrees = shown.clock_offset(facts).is_none_or(|offset| missing as f64 > offset);
    let doubt = if dc_agrees { "" } else { "; by the domain controller's own clock it is valid" };
    let confidence = Confidence::Proven
        .lowered_unless(facts.passed(shown.seen.at, TICKET_USE_SECONDS.of(facts)))
        .lowered_unless(dc_agrees);
    let begins = shown.certificate.not_before;
    Found::new(
        confidence,
        shown.subject(),
        format!("the domain controller proved itself with a certificate that is not valid before {begins}{doubt}"),
    )
    .with(shown.field("x509af.notBefore", begins.to_string(), "the certificate begins after this packet"))
    .with(shown.which())
    .into()
}

#[cfg(test)]
mod tests {
    use super::CERTIFICATE_NOT_YET_VALID;
    use crate::{
        Confidence,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_the_certificate_begins_tomorrow() {
        let finding = found(
            &CERTIFICATE_NOT_YET_VALID,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit early
            40    end
        ",
        );
        assert_eq!(finding.packets(), [2, 2]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
        assert_eq!(finding.found.evidence[0].field, "x509af.notBefore");
    }

    #[test]
    fn less_sure_when_the_client_could_still_use_its_ticket() {
        let finding = found(
            &CERTIFICATE_NOT_YET_VALID,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit early
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn less_sure_when_the_domain_controller_lives_after_that_day() {
        let finding = found(
            &CERTIFICATE_NOT_YET_VALID,
            "
            0.000 pc > dc  as-req alice
            0.010 dc > pc  krb-error 25 padata 16,2 clock 172800
            0.020 pc > dc  as-req alice pkinit
            0.030 dc > pc  as-rep alice ticket T1 pkinit early
            40    end
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert!(finding.found.summary.ends_with("own clock it is valid"));
    }

    #[test]
    fn clear_while_it_is_valid() {
        clear(
            &CERTIFICATE_NOT_YET_VALID,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit
            40    end
        ",
        );
    }

    #[test]
    fn clear_when_the_client_uses_the_ticket() {
        clear(
            &CERTIFICATE_NOT_YET_VALID,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit early
            0.020 pc > dc  tgs-req host/pc.corp.example ticket T1
            0.030 dc > pc  tgs-rep host/pc.corp.example ticket T2
            40    end
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &CERTIFICATE_NOT_YET_VALID,
            "
            0.000 pc > dc  as-req alice pkinit
            1.000 open
        ",
        );
    }

    #[test]
    fn unseen_when_the_certificate_is_enveloped() {
        unseen(
            &CERTIFICATE_NOT_YET_VALID,
            "
            0.000 pc > dc  as-req alice pkinit dh rsa
            0.010 dc > pc  as-rep alice ticket T1 pkinit enveloped
        ",
        );
    }
}
