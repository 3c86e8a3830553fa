//! DCC-15.

use decode::kerberos::ErrorCode;
use trace::{Facts, Logon};

use crate::{
    Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::refusal::{nothing_found, told},
};

/// KDC_ERROR_KDC_NOT_TRUSTED and KDC_ERR_KDC_NAME_MISMATCH.
const NOT_WANTED: [ErrorCode; 2] = [ErrorCode::KDC_NOT_TRUSTED, ErrorCode::KDC_NAME_MISMATCH];

rule! {
    /// ## What happened
    ///
    /// The client said which certificate, or of which CA, it accepts from the KDC, and the KDC has none of these. So
    /// the KDC refused to answer with one that the client would not take. Windows rarely sends this; other KDCs and
    /// smart card software may.
    ///
    /// ## How we know
    ///
    /// A PKINIT request was answered with error 63 (KDC_ERROR_KDC_NOT_TRUSTED) or 76 (KDC_ERR_KDC_NAME_MISMATCH). The
    /// KDC says so itself, so it is proven, and less sure only where the client may still get in by itself.
    ///
    /// ## What to do
    ///
    /// 1. See in the evidence which CAs the client names (trustedCertifiers), and compare with the issuer of the domain
    ///    controller's certificate: `certutil -store my` there.
    /// 2. Correct the client: in MIT Kerberos `pkinit_anchors` and `pkinit_kdc_hostname`, in smart card software its
    ///    list of trusted domain controllers.
    /// 3. Or enrol a certificate of a CA that the clients know.
    ///
    /// ## Sources
    ///
    /// RFC 4556 §3.1.3, §3.2.1 (trustedCertifiers, kdcPkId); RFC 4120 §7.5.9. Not seen in a capture.
    pub static NOT_THE_ONE_WANTED = {
        code: "DCC-15",
        title: "the KDC has no certificate that the client accepts",
        severity: Severity::Medium,
        since: "0.1.0",
        supersedes: [],
        errors: [63, 76],
        statuses: [],
        events: [],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let Some((refusal, confidence)) = told(logon, facts, &NOT_WANTED) else {
        return nothing_found(logon, facts, &NOT_WANTED);
    };
    let wanted = refusal.pkinit().map(|pkinit| pkinit.trusted_certifiers.clone()).unwrap_or_default();
    let which = if refusal.pkinit().is_some_and(|pkinit| pkinit.kdc_pk_id) {
        "the client names one certificate that it wants (kdcPkId)"
    } else {
        "the issuers whose certificates the client takes"
    };
    let value = if wanted.is_empty() { "none named".to_owned() } else { wanted.join("; ") };
    Found::new(
        confidence,
        Subject::DomainController(refusal.kdc()),
        "the domain controller has no certificate of those that the client says it accepts",
    )
    .with(refusal.answer("the KDC has no such certificate"))
    .with(refusal.question("pkinit.trustedCertifiers", value, which))
    .into()
}

#[cfg(test)]
mod tests {
    use super::NOT_THE_ONE_WANTED;
    use crate::{
        Confidence,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_for_both_codes() {
        for code in [63, 76] {
            let script =
                format!("0.0 pc > dc as-req alice pkinit trusts CN=Other_CA\n0.1 dc > pc krb-error {code}\n30 end");
            let finding = found(&NOT_THE_ONE_WANTED, &script);
            assert_eq!((finding.packets(), finding.found.confidence), (vec![2, 1], Confidence::Proven));
            assert_eq!(finding.found.evidence[1].value, "CN=Other CA");
        }
    }

    #[test]
    fn clear_of_other_errors_and_when_the_client_gets_in() {
        clear(&NOT_THE_ONE_WANTED, "0.0 pc > dc as-req alice pkinit\n0.1 dc > pc krb-error 62\n30 end");
        clear(
            &NOT_THE_ONE_WANTED,
            "0.0 pc > dc as-req alice pkinit\n0.1 dc > pc krb-error 63\n0.2 pc > dc as-req alice pkinit\n0.3 dc > pc as-rep alice ticket T1 pkinit",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&NOT_THE_ONE_WANTED, "0.0 pc > dc as-req alice pkinit\n1 open");
    }

    #[test]
    fn unseen_without_the_request() {
        unseen(&NOT_THE_ONE_WANTED, "0.1 dc > pc krb-error 63 client alice");
    }
}
