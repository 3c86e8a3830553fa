//! DCC-15.

use decode::kerberos::ErrorCode;
use trace::{Facts, Logon};

use crate::{
    Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::policy::refusal::{nothing_found, told},
};

rule! {
    /// ## What happened
    ///
    /// The client said from which certification authorities, or in which certificate, it believes a domain controller. This
    /// one has no certificate that fits, or the one it has does not bear its name, and it says so instead of showing it.
    ///
    /// ## How we know
    ///
    /// The domain controller answered a PKINIT request with error 63 (KDC_ERR_KDC_NOT_TRUSTED) or 76
    /// (KDC_ERR_KDC_NAME_MISMATCH). Windows rarely sends them; its clients do not say whom they believe. What the request
    /// says of it is told beside it. The finding is withdrawn when the client gets a ticket within ten seconds; if the
    /// capture ends before, it is one step less sure.
    ///
    /// ## What to do
    ///
    /// 1. Compare the authorities that the client names with the issuer of the domain controller's certificate: on the
    ///    domain controller `certutil -store my`; on a client with MIT Kerberos `pkinit_anchors` in `krb5.conf`.
    /// 2. Issue the domain controller a certificate from one of them, with the template Kerberos Authentication and the
    ///    names of the domain controller and of the domain, or have the client trust the CA that issued it.
    ///
    /// ## Sources
    ///
    /// RFC 4120 §7.5.9; RFC 4556 §3.2.1 (trustedCertifiers, kdcPkId); drafts of PKINIT for the meaning of 63 and 76.
    pub static NOT_THE_ONE_WANTED = {
        code: "DCC-15",
        title: "the domain controller has no certificate that the client would take",
        severity: Severity::Medium,
        since: "0.1.0",
        supersedes: [],
        errors: [63, 76],
        statuses: [],
        events: ["Security 4768"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    const CODES: [ErrorCode; 2] = [ErrorCode::KDC_NOT_TRUSTED, ErrorCode::KDC_NAME_MISMATCH];
    let Some((refusal, confidence)) = told(logon, facts, &CODES) else { return nothing_found(logon, facts, &CODES) };
    let by_name = refusal.code() == ErrorCode::KDC_NAME_MISMATCH;
    let wanted = refusal.pkinit().map(|pkinit| match (pkinit.trusted_certifiers.as_slice(), pkinit.kdc_pk_id) {
        ([], false) => ("pkinit.trustedCertifiers", "none".to_owned()),
        ([], true) => ("pkinit.kdcPkId", "a certificate of the client's choice".to_owned()),
        (certifiers, _) => ("pkinit.trustedCertifiers", certifiers.join("; ")),
    });
    let summary = if by_name {
        "the domain controller says that its certificate does not bear its name"
    } else {
        "the domain controller says that it has no certificate of an issuer that the client would take"
    };
    Found::new(confidence, Subject::DomainController(refusal.kdc()), summary)
        .with(refusal.answer("no certificate to prove itself with to this client"))
        .with_some(wanted.map(|(field, value)| refusal.question(field, value, "whom the client says it believes")))
        .into()
}

#[cfg(test)]
mod tests {
    use super::NOT_THE_ONE_WANTED;
    use crate::{
        Confidence, Severity, Subject,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_no_issuer_suits() {
        let finding = found(
            &NOT_THE_ONE_WANTED,
            "
            0.000 pc > dc  as-req alice pkinit trusts CN=Other
            0.010 dc > pc  krb-error 63
            30    end
        ",
        );
        assert_eq!(finding.packets(), [2, 1]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
        assert_eq!(finding.severity(), Severity::Medium);
        assert!(matches!(finding.found.subject, Subject::DomainController(_)));
        assert_eq!(finding.found.evidence[1].value, "CN=Other");
    }

    #[test]
    fn found_when_the_name_does_not_suit_and_less_sure_where_the_capture_ends() {
        let finding = found(&NOT_THE_ONE_WANTED, "0.000 pc > dc as-req alice pkinit\n0.010 dc > pc krb-error 76");
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert!(finding.found.summary.contains("its name"), "{}", finding.found.summary);
    }

    #[test]
    fn clear_when_the_client_gets_in_after_all() {
        clear(
            &NOT_THE_ONE_WANTED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  krb-error 63
            0.020 pc > dc2 as-req alice pkinit
            0.030 dc2 > pc as-rep alice ticket T1 pkinit
        ",
        );
    }

    #[test]
    fn clear_when_it_is_the_client_that_is_not_trusted() {
        clear(&NOT_THE_ONE_WANTED, "0.000 pc > dc as-req alice pkinit\n0.010 dc > pc krb-error 62\n30 end");
    }

    #[test]
    fn pending_and_unseen_while_the_question_or_the_answer_is_missing() {
        pending(&NOT_THE_ONE_WANTED, "0.000 pc > dc as-req alice pkinit\n1.000 open");
        unseen(&NOT_THE_ONE_WANTED, "0.010 dc > pc krb-error 63 client alice");
    }
}
