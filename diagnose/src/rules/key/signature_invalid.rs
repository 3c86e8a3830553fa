//! KEY-13.

use decode::kerberos::ErrorCode;
use trace::{Facts, Logon};

use crate::{
    Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{
        account_of,
        policy::refusal::{nothing_found, told},
    },
};

rule! {
    /// ## What happened
    ///
    /// The domain controller found that the signature of the request does not come from the key in the request's
    /// certificate. The key in the TPM and the certificate beside it do not belong together, the client computes the
    /// signature in a way the domain controller does not expect, or something on the way changed the request.
    ///
    /// ## How we know
    ///
    /// The domain controller answered a PKINIT request with error 64 (KDC_ERR_INVALID_SIG). The algorithms of the
    /// signature, and whether it verifies by the certificate in the request where that could be tried, are told beside it.
    /// The finding is withdrawn when the client gets a ticket within ten seconds; if the capture ends before, it is
    /// one step less sure.
    ///
    /// ## What to do
    ///
    /// 1. If the signature does not verify here either, make a new key: on the device, signed in as the user,
    ///    `certutil -deletehellocontainer`, sign out and in, and set up Windows Hello again.
    /// 2. If it verifies, the domain controller rejects the algorithms: see the policy "Configure hash algorithms for
    ///    certificate logon" of KDC and client, and update the client if it is not Windows.
    /// 3. If it happens to many clients of one site, look for a device between them and the domain controller that changes
    ///    what passes, and capture at both ends.
    ///
    /// ## Sources
    ///
    /// RFC 4556 §3.2.2; MS-PKCA 3.1.5.
    pub static SIGNATURE_INVALID = {
        code: "KEY-13",
        title: "the domain controller finds the signature of the request invalid",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [64],
        statuses: [],
        events: ["KDC 23", "Security 4768", "Security 4771"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    const CODES: [ErrorCode; 1] = [ErrorCode::INVALID_SIG];
    let Some((refusal, confidence)) = told(logon, facts, &CODES) else { return nothing_found(logon, facts, &CODES) };
    let signed = refusal.pkinit().map(|pkinit| &pkinit.signed);
    let verified = signed.and_then(|signed| signed.signer.as_ref()?.verified);
    let here = match verified {
        Some(true) => "; by the certificate in the request it is valid",
        Some(false) => ", and by the certificate in the request it is",
        None => "",
    };
    let algorithms = signed.map(|signed| {
        let name = |name: &Option<String>| name.clone().unwrap_or_else(|| "unknown".to_owned());
        format!("{}, {}", name(&signed.digest), name(&signed.signature_algorithm))
    });
    let summary = format!("the domain controller finds the signature of the request invalid{here}");
    Found::new(confidence, account_of(logon), summary)
        .with(refusal.answer("the signature is invalid"))
        .with_some(algorithms.map(|algorithms| {
            let means = "hash and signature algorithm of the request";
            refusal.question("cms.signatureAlgorithm_element", algorithms, means)
        }))
        .into()
}

#[cfg(test)]
mod tests {
    use super::SIGNATURE_INVALID;
    use crate::{
        Confidence, Severity,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_the_kdc_says_so() {
        let finding =
            found(&SIGNATURE_INVALID, "0.000 pc > dc as-req alice pkinit\n0.010 dc > pc krb-error 64\n30 end");
        assert_eq!(finding.packets(), [2, 1]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
        assert_eq!(finding.severity(), Severity::High);
    }

    #[test]
    fn less_sure_where_the_capture_ends() {
        let finding = found(&SIGNATURE_INVALID, "0.000 pc > dc as-req alice pkinit\n0.010 dc > pc krb-error 64");
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn clear_when_the_same_request_is_taken_elsewhere_or_refused_for_another_reason() {
        clear(
            &SIGNATURE_INVALID,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  krb-error 64
            0.020 pc > dc2 as-req alice pkinit
            0.030 dc2 > pc as-rep alice ticket T1 pkinit
        ",
        );
        clear(&SIGNATURE_INVALID, "0.000 pc > dc as-req alice pkinit\n0.010 dc > pc krb-error 80\n30 end");
    }

    #[test]
    fn pending_and_unseen_while_the_question_or_the_answer_is_missing() {
        pending(&SIGNATURE_INVALID, "0.000 pc > dc as-req alice pkinit\n1.000 open");
        unseen(&SIGNATURE_INVALID, "0.010 dc > pc krb-error 64 client alice");
    }
}
