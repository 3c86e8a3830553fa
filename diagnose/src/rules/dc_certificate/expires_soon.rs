//! DCC-04.

use trace::{Facts, Logon};

use super::shown::Shown;
use crate::{
    Confidence, Found, Scope, Severity, Verdict,
    rule::rule,
    windows::{EXPIRES_DAYS, EXPIRES_SOON_DAYS, LONG_LIFE_DAYS, NOT_RENEWED_DAYS},
};

rule! {
    /// ## What happened
    ///
    /// The domain controller's certificate ends soon. From that day on, nobody can sign in with a key at this domain
    /// controller. Autoenrolment should have renewed it by now: a template renews six weeks before the end, unless told
    /// otherwise.
    ///
    /// ## How we know
    ///
    /// The end (notAfter) of the certificate in the domain controller's reply is less than 30 days after the packet
    /// (less than 7 days: the finding is of severity high), or less than 40 days if the certificate is valid for 300
    /// days or more. The certificate says so itself. It is no fault where certificates are renewed by hand, shortly
    /// before the end.
    ///
    /// ## What to do
    ///
    /// 1. Renew it now, on the domain controller: `certutil -pulse`, then `certutil -store my`.
    /// 2. If no new one comes, find out why: the log CertificateServicesClient-AutoEnrollment, the template's
    ///    permissions (Read, Enroll and Autoenroll for the domain controllers), whether a CA still issues it, and
    ///    whether the CA can be reached (`certutil -ping`).
    /// 3. Delete the old one once the new one is there, and see in a capture that the new one is shown.
    ///
    /// ## Sources
    ///
    /// MS-CRTD 2.3 (pKIOverlapPeriod, six weeks in the built-in templates). The numbers of days are our choice.
    pub static EXPIRES_SOON = {
        code: "DCC-04",
        title: "the domain controller's certificate ends soon",
        severity: Severity::Medium,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["AutoEnrollment 13", "AutoEnrollment 82"],
        check: Scope::Logon(check),
    };
}

const DAY: i64 = 86_400;

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let shown = match Shown::in_logon(logon, facts) {
        Ok(shown) => shown,
        Err(verdict) => return verdict,
    };
    let (from, to) = (shown.certificate.not_before.as_second(), shown.certificate.not_after.as_second());
    let left = to.saturating_sub(shown.seen.at.seconds());
    let is_long = to.saturating_sub(from) >= LONG_LIFE_DAYS.of(facts) * DAY;
    let limit = if is_long { NOT_RENEWED_DAYS.of(facts) } else { EXPIRES_DAYS.of(facts) };
    // What has ended is another finding.
    if left <= 0 || left >= limit * DAY {
        return Verdict::Clear;
    }
    let days = left / DAY;
    let when = if days == 1 { "in a day".to_owned() } else { format!("in {days} days") };
    let found =
        Found::new(Confidence::Proven, shown.subject(), format!("the domain controller's certificate ends {when}"))
            .with(shown.field("x509af.notAfter", shown.certificate.not_after.to_string(), "the end of the certificate"))
            .with(shown.which());
    if days < EXPIRES_SOON_DAYS.of(facts) { found.with_severity(Severity::High) } else { found }.into()
}

#[cfg(test)]
mod tests {
    use super::EXPIRES_SOON;
    use crate::{
        Severity,
        testing::{clear, found, pending, unseen},
    };

    fn issued(how: &str) -> String {
        format!("0.0 pc > dc as-req alice pkinit\n0.1 dc > pc as-rep alice ticket T1 pkinit {how}")
    }

    #[test]
    fn found_before_the_end() {
        for (how, severity) in [
            ("expires 39 began 300", Severity::Medium),
            ("expires 29 began 30", Severity::Medium),
            ("expires 6 began 300", Severity::High),
            ("expires 1", Severity::High),
        ] {
            let finding = found(&EXPIRES_SOON, &issued(how));
            assert_eq!((finding.packets(), finding.severity()), (vec![2, 2], severity), "{how}");
        }
    }

    #[test]
    fn clear_while_there_is_time_and_when_it_has_ended() {
        for how in ["", "expires 41 began 300", "expires 31 began 30", "expired"] {
            clear(&EXPIRES_SOON, &issued(how));
        }
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&EXPIRES_SOON, "0.0 pc > dc as-req alice pkinit\n1 open");
    }

    #[test]
    fn unseen_when_the_certificate_is_enveloped() {
        unseen(&EXPIRES_SOON, &issued("enveloped"));
    }
}
