//! PKI-08.

use decode::kerberos::ErrorCode;
use trace::{Facts, Logon};

use crate::{
    Confidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{
        account_of,
        policy::refusal_31::{Cause, cause, has_expired},
        refusal::{PkinitRefusal, name, nothing_found},
    },
};

rule! {
    /// ## What happened
    ///
    /// The user showed a certificate that has expired, and the domain controller refused it. Its renewal did
    /// not come about.
    ///
    /// ## How we know
    ///
    /// The certificate in the request was past its end (notAfter) when the packet was captured, and the KDC
    /// answered with an error about certificates: 62, 70 or 71; Samba and Heimdal answer 31, which is taken so
    /// if the clocks agree. The clock of the capture may be wrong: if the KDC's own time, in its error, is
    /// before that end, the finding is less sure. The self-signed certificates of key trust are not judged by
    /// 62, 70 and 71: there the directory decides.
    ///
    /// ## What to do
    ///
    /// 1. On the client, look at the certificate: `certutil -user -v -store my`.
    /// 2. Renew it: `certreq -enroll -user -cert SERIAL renew`, or start autoenrolment:
    ///    `certutil -user -pulse`.
    /// 3. Look for why the renewal failed: events of CertificateServicesClient-AutoEnrollment on the client,
    ///    failed requests at the CA (`certutil -view -restrict "Disposition=30"`), and the registration
    ///    authority (AD FS or NDES) that issues for Windows Hello.
    /// 4. If the card cannot renew, issue a new one.
    ///
    /// ## Sources
    ///
    /// RFC 5280 §4.1.2.5; RFC 4556 §3.2.2; MS-ERREF 2.3.1 (STATUS_SMARTCARD_CERT_EXPIRED). Error 31 was seen in
    /// a capture of Samba, 71 of an MIT KDC.
    pub static CLIENT_EXPIRED = {
        code: "PKI-08",
        title: "the client's certificate has expired",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: ["KEY-20", "PKI-07", "POL-11"],
        errors: [31, 62, 70, 71],
        statuses: [0xc000_038d],
        events: ["KDC 21"],
        check: Scope::Logon(check),
    };
}

const CODES: [ErrorCode; 3] =
    [ErrorCode::CLIENT_NOT_TRUSTED, ErrorCode::CANT_VERIFY_CERTIFICATE, ErrorCode::INVALID_CERTIFICATE];

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    for refusal in PkinitRefusal::all_in_vain(logon) {
        let Some(certificate) = refusal.certificate() else { continue };
        let confidence = if cause(&refusal, facts) == Some(Cause::CertificateExpired) {
            Confidence::Likely
        } else if CODES.contains(&refusal.code())
            && refusal.issued().is_some()
            && has_expired(certificate, refusal.answered)
        {
            Confidence::Proven
        } else {
            continue;
        };
        let ended = certificate.not_after;
        let dc_agrees = refusal.error.stime.is_none_or(|stime| ended < stime.0);
        let doubt = if dc_agrees { "" } else { "; by the KDC's own clock it is still valid" };
        return Found::new(
            confidence.lowered_unless(dc_agrees),
            account_of(logon),
            format!("the KDC refused the certificate of {}, which ended on {ended}{doubt}", name(logon)),
        )
        .with(refusal.answer("the KDC does not take the certificate"))
        .with(refusal.question(
            "x509af.notAfter",
            ended.to_string(),
            "the client's certificate ended before this packet",
        ))
        .with(refusal.question("x509af.serialNumber", certificate.serial.as_str(), "its serial number"))
        .into();
    }
    nothing_found(logon, facts, &CODES)
}

#[cfg(test)]
mod tests {
    use super::CLIENT_EXPIRED;
    use crate::{
        Confidence,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_an_expired_certificate_is_called_invalid() {
        let finding = found(
            &CLIENT_EXPIRED,
            "
            0.000 pc > dc  as-req alice pkinit issued C1 expired
            0.010 dc > pc  krb-error 71
        ",
        );
        assert_eq!(finding.packets(), [2, 1, 1]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
    }

    #[test]
    fn likely_when_31_answers_it() {
        let finding = found(
            &CLIENT_EXPIRED,
            "
            0.000 pc > dc  as-req alice pkinit issued C1 expired
            0.010 dc > pc  krb-error 31
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn less_sure_when_the_kdc_lives_before_that_day() {
        let finding = found(
            &CLIENT_EXPIRED,
            "
            0.000 pc > dc  as-req alice pkinit issued C1 expired
            0.010 dc > pc  krb-error 71 clock -172800
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn clear_when_an_expired_certificate_is_granted() {
        clear(
            &CLIENT_EXPIRED,
            "
            0.000 pc > dc  as-req alice pkinit issued C1 expired
            0.010 dc > pc  as-rep alice ticket T1 pkinit
        ",
        );
    }

    #[test]
    fn clear_when_the_certificate_is_valid() {
        clear(
            &CLIENT_EXPIRED,
            "
            0.000 pc > dc  as-req alice pkinit issued C1
            0.010 dc > pc  krb-error 71
        ",
        );
    }

    #[test]
    fn clear_when_the_error_is_about_something_else() {
        clear(
            &CLIENT_EXPIRED,
            "
            0.000 pc > dc  as-req alice pkinit issued C1 expired
            0.010 dc > pc  krb-error 18 status 0xc0000072
        ",
        );
    }

    #[test]
    fn clear_when_a_self_signed_one_is_looked_up_in_the_directory() {
        clear(
            &CLIENT_EXPIRED,
            "
            0.000 pc > dc  as-req alice pkinit expired
            0.010 dc > pc  krb-error 62
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &CLIENT_EXPIRED,
            "
            0.000 pc > dc  as-req alice pkinit issued C1 expired
            1.000 open
        ",
        );
    }

    #[test]
    fn unseen_without_the_request() {
        unseen(&CLIENT_EXPIRED, "0.010 dc > pc krb-error 71 client alice");
    }
}
