//! KEY-19.

use decode::kerberos::ErrorCode;
use trace::{Facts, Logon};

use crate::{
    Confidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{
        account_of,
        dc_certificate::chain_unverifiable::OWN_CHAIN,
        policy::refusal_31::{Cause, cause, certificate_left_out},
        refusal::{PkinitRefusal, name, nothing_found},
    },
};

rule! {
    /// ## What happened
    ///
    /// The client signed its request, but did not send the certificate that belongs to the signature; or it found no
    /// key that may sign, and sent neither. The KDC cannot tell whose key it is, and refuses.
    ///
    /// ## How we know
    ///
    /// The signed part of the request holds an empty set of certificates, with a signature or without, and the KDC
    /// answered with error 31 (Samba, Heimdal), 24 or 71 (MIT). A request that could not be read to its end is not
    /// judged, nor one of the anonymous principal, which nobody signs. Clock skew, if the request shows it, is found
    /// instead.
    ///
    /// ## What to do
    ///
    /// 1. See what the client was given as trusted roots. MIT's `kinit` leaves out a self-signed certificate
    ///    that is among its own anchors (`X509_anchors`, `pkinit_anchors`): take the user's certificate out of
    ///    that list.
    /// 2. Or put the key into a certificate that a CA issued, even a small one of your own: MIT sends that.
    /// 3. Check that the identity names both parts: `kinit -X X509_user_identity=FILE:user.pem,user.key USER`.
    /// 4. If there is no signature either, look at the certificate: `openssl x509 -in user.pem -noout -text`. Heimdal's
    ///    `kinit` signs with RSA keys only, and only where the key usage has digitalSignature; else it sends an
    ///    unsigned request, and reports a wrong password.
    ///
    /// ## Sources
    ///
    /// RFC 4556 §3.2.1; RFC 5652 §5.1; RFC 8062 §4.1. Seen in captures of MIT's client with Samba (31) and MIT (24)
    /// as KDC, and unsigned of Heimdal's client with Samba.
    pub static CERTIFICATE_LEFT_OUT = {
        code: "KEY-19",
        title: "the request carries no certificate",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: ["KEY-20", "POL-11"],
        errors: [24, 31, 71],
        statuses: [],
        events: [],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    for refusal in PkinitRefusal::all_in_vain(logon) {
        let left_out = match refusal.code() {
            ErrorCode::BAD_INTEGRITY => cause(&refusal, facts) == Some(Cause::CertificateLeftOut),
            ErrorCode::PREAUTH_FAILED => certificate_left_out(&refusal) && !refusal.says(OWN_CHAIN),
            ErrorCode::INVALID_CERTIFICATE => certificate_left_out(&refusal),
            _ => false,
        };
        if !left_out {
            continue;
        }
        let who = name(logon);
        let signed = refusal.pkinit().is_some_and(|pkinit| pkinit.signed.signer.is_some());
        let what =
            if signed { "is signed but carries no certificate" } else { "carries neither signature nor certificate" };
        return Found::new(
            Confidence::Likely,
            account_of(logon),
            format!("the request of {who} {what}, so the KDC cannot tell whose key it is"),
        )
        .with(refusal.answer("the KDC refuses the request"))
        .with(refusal.question("cms.certificates", "0", "the signed part holds no certificate"))
        .into();
    }
    nothing_found(logon, facts, &[ErrorCode::INVALID_CERTIFICATE])
}

#[cfg(test)]
mod tests {
    use super::CERTIFICATE_LEFT_OUT;
    use crate::{
        Confidence,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_for_each_error_that_kdcs_answer() {
        for code in [31, 24, 71] {
            let finding = found(
                &CERTIFICATE_LEFT_OUT,
                &format!("0.000 pc > dc as-req alice pkinit no-certificate\n0.010 dc > pc krb-error {code}"),
            );
            assert_eq!(finding.packets(), [2, 1]);
            assert_eq!(finding.found.confidence, Confidence::Likely);
        }
    }

    #[test]
    fn clear_when_a_certificate_is_there() {
        clear(
            &CERTIFICATE_LEFT_OUT,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  krb-error 24
        ",
        );
    }

    #[test]
    fn found_when_nobody_signed_for_somebody() {
        let finding =
            found(&CERTIFICATE_LEFT_OUT, "0.000 pc > dc as-req alice pkinit anonymous\n0.010 dc > pc krb-error 31");
        assert!(finding.found.summary.contains("neither signature"), "{}", finding.found.summary);
    }

    #[test]
    fn clear_when_the_client_is_anonymous() {
        clear(
            &CERTIFICATE_LEFT_OUT,
            "
            0.000 pc > dc  as-req WELLKNOWN/ANONYMOUS pkinit anonymous
            0.010 dc > pc  krb-error 31
        ",
        );
    }

    #[test]
    fn clear_when_the_kdc_speaks_of_its_own_certificate() {
        clear(
            &CERTIFICATE_LEFT_OUT,
            "
            0.000 pc > dc  as-req alice pkinit no-certificate
            0.010 dc > pc  krb-error 24 verbatim KDC_RETURN_PADATA
        ",
        );
    }

    #[test]
    fn clear_when_the_clock_is_the_cause() {
        clear(
            &CERTIFICATE_LEFT_OUT,
            "
            0.000 pc > dc  as-req alice pkinit no-certificate clock 7200
            0.010 dc > pc  krb-error 31
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &CERTIFICATE_LEFT_OUT,
            "
            0.000 pc > dc  as-req alice pkinit no-certificate
            1.000 open
        ",
        );
    }

    #[test]
    fn unseen_without_the_request() {
        unseen(&CERTIFICATE_LEFT_OUT, "0.010 dc > pc krb-error 71 client alice");
    }
}
