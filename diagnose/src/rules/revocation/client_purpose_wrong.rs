//! PKI-10.

use decode::kerberos::ErrorCode;
use trace::{Facts, Logon};

use crate::{
    Confidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{
        account_of,
        refusal::{PkinitRefusal, name, nothing_found},
    },
};

rule! {
    /// ## What happened
    ///
    /// The certificate that the user showed is not made for signing in: its purposes (extended key usage) do
    /// not include one that the domain controller accepts.
    ///
    /// ## How we know
    ///
    /// The domain controller answered with error 77 (KDC_ERR_INCONSISTENT_KEY_PURPOSE). Windows takes Smart
    /// Card Logon (1.3.6.1.4.1.311.20.2.2), Client Authentication (1.3.6.1.5.5.7.3.2) and PKINIT Client
    /// Authentication (1.3.6.1.5.2.3.4); MIT takes the last, and the first where it is allowed.
    ///
    /// ## What to do
    ///
    /// 1. Compare the purposes in the evidence with these.
    /// 2. Add the missing one to the template (tab Extensions, Application Policies) and enrol again:
    ///    `certreq -enroll -user TEMPLATE`.
    /// 3. If the client chose the wrong one of several certificates, delete it or name the right one.
    /// 4. On MIT KDCs, `pkinit_eku_checking = scAllow` in `kdc.conf` takes Smart Card Logon as well.
    ///
    /// ## Sources
    ///
    /// RFC 4556 §3.2.2; MS-PKCA 3.1.5; MIT Kerberos documentation, kdc.conf. Error 77 was seen in our lab, of
    /// an MIT KDC.
    pub static CLIENT_PURPOSE_WRONG = {
        code: "PKI-10",
        title: "the client's certificate is not made for signing in",
        severity: Severity::Medium,
        since: "0.1.0",
        supersedes: [],
        errors: [77],
        statuses: [],
        events: ["KDC 21"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let codes = [ErrorCode::INCONSISTENT_KEY_PURPOSE];
    let Some(refusal) = PkinitRefusal::all_in_vain(logon).find(|refusal| codes.contains(&refusal.code())) else {
        return nothing_found(logon, facts, &codes);
    };
    let purposes = refusal.certificate().map(|certificate| {
        let purposes = certificate.eku.as_ref().map_or_else(|| "absent".to_owned(), |purposes| purposes.join(", "));
        refusal.question("x509ce.KeyPurposeId", purposes, "the purposes of the client's certificate")
    });
    Found::new(
        Confidence::Proven,
        account_of(logon),
        format!("the certificate of {} is not made for signing in", name(logon)),
    )
    .with(refusal.answer("the purpose of the certificate is wrong"))
    .with_some(purposes)
    .into()
}

#[cfg(test)]
mod tests {
    use super::CLIENT_PURPOSE_WRONG;
    use crate::{
        Confidence,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_the_kdc_says_so() {
        let finding = found(
            &CLIENT_PURPOSE_WRONG,
            "
            0.000 pc > dc  as-req alice pkinit issued C1 eku 1.3.6.1.5.5.7.3.4
            0.010 dc > pc  krb-error 77
        ",
        );
        assert_eq!(finding.packets(), [2, 1]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
        assert_eq!(finding.found.evidence[1].value, "1.3.6.1.5.5.7.3.4");
    }

    #[test]
    fn clear_when_such_a_certificate_is_granted() {
        clear(
            &CLIENT_PURPOSE_WRONG,
            "
            0.000 pc > dc  as-req alice pkinit issued C1 eku 1.3.6.1.5.5.7.3.4
            0.010 dc > pc  as-rep alice ticket T1 pkinit
        ",
        );
    }

    #[test]
    fn clear_when_the_error_is_another() {
        clear(
            &CLIENT_PURPOSE_WRONG,
            "
            0.000 pc > dc  as-req alice pkinit issued C1 eku 1.3.6.1.5.5.7.3.4
            0.010 dc > pc  krb-error 70
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &CLIENT_PURPOSE_WRONG,
            "
            0.000 pc > dc  as-req alice pkinit issued C1
            1.000 open
        ",
        );
    }

    #[test]
    fn unseen_without_the_request() {
        unseen(&CLIENT_PURPOSE_WRONG, "0.010 dc > pc krb-error 77 client alice");
    }
}
