//! PKI-08.

use decode::kerberos::ErrorCode;
use trace::{Facts, Logon};

use crate::{
    Confidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{
        account_of,
        policy::refusal_31::{Cause, cause, has_expired, is_early},
        refusal::{PkinitRefusal, name, nothing_found},
    },
};

rule! {
    /// ## What happened
    ///
    /// The user showed a certificate that has expired, and the domain controller refused it. Its renewal did
    /// not come about. Or the certificate is not valid yet: the CA's clock was ahead when it was issued, or it was made
    /// for a later day.
    ///
    /// ## How we know
    ///
    /// The certificate in the request was past its end (notAfter) when the packet was captured, or more than five
    /// minutes before its beginning (notBefore), and the KDC answered with an error about certificates: 62, 70 or 71;
    /// Samba and Heimdal answer 31, which is taken so if the clocks agree. The clock of the capture may be wrong: if by
    /// the KDC's own time, in its error, the certificate is valid, the finding is less sure. The self-signed
    /// certificates of key trust are not judged by 62, 70 and 71: there the directory decides.
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
    /// 5. If the certificate is not valid yet, check the clock of the CA, and issue it anew.
    ///
    /// ## Sources
    ///
    /// RFC 5280 §4.1.2.5; RFC 4556 §3.2.2; MS-ERREF 2.3.1 (STATUS_SMARTCARD_CERT_EXPIRED). Error 31 was seen in
    /// a capture of Samba, 71 of an MIT KDC.
    pub static CLIENT_EXPIRED = {
        code: "PKI-08",
        title: "the client's certificate has expired or is not valid yet",
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
        let confidence = if cause(&refusal, facts) == Some(Cause::CertificateOutOfDate) {
            Confidence::Likely
        } else if CODES.contains(&refusal.code())
            && refusal.issued().is_some()
            && (has_expired(certificate, refusal.answered) || is_early(certificate, refusal.answered, facts))
        {
            Confidence::Proven
        } else {
            continue;
        };
        let (begins, ended) = (certificate.not_before, certificate.not_after);
        let dc_agrees = refusal.error.stime.is_none_or(|stime| !(begins..=ended).contains(&stime.0));
        let doubt = if dc_agrees { "" } else { "; by the KDC's own clock it is valid" };
        let (bound, field, at, means) = if has_expired(certificate, refusal.answered) {
            ("ended on", "x509af.notAfter", ended, "the client's certificate ended before this packet")
        } else {
            ("is not valid before", "x509af.notBefore", begins, "the client's certificate begins after this packet")
        };
        return Found::new(
            confidence.lowered_unless(dc_agrees),
            account_of(logon),
            format!("the KDC refused the certificate of {}, which {bound} {at}{doubt}", name(logon)),
        )
        .with(refusal.answer("the KDC does not take the certificate"))
        .with(refusal.question(field, at.to_string(), means))
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
    fn found_when_the_certificate_is_not_valid_yet() {
        for (error, confidence) in [(71, Confidence::Proven), (31, Confidence::Likely)] {
            let finding = found(
                &CLIENT_EXPIRED,
                &format!("0.000 pc > dc as-req alice pkinit issued C1 made -86400\n0.010 dc > pc krb-error {error}"),
            );
            assert_eq!(finding.found.confidence, confidence);
            assert!(finding.found.summary.contains("is not valid before"), "{}", finding.found.summary);
        }
    }

    #[test]
    fn clear_when_it_begins_within_what_clocks_may_differ() {
        let script = "0.000 pc > dc as-req alice pkinit issued C1 made -200\n0.010 dc > pc krb-error 71";
        clear(&CLIENT_EXPIRED, script);
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
