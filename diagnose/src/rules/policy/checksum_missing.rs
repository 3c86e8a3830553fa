//! POL-04.

use decode::kerberos::ErrorCode;
use trace::{Facts, Logon};

use crate::{
    Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::refusal::{nothing_found, told},
};

rule! {
    /// ## What happened
    ///
    /// The domain controller wants a checksum in PKINIT requests that this client does not send. Windows Server
    /// 2025 asks for one with SHA-256 or better (paChecksum2), which older versions of MIT, Heimdal, Java and other
    /// clients do not know.
    ///
    /// ## How we know
    ///
    /// The domain controller answered with error 79 (KDC_ERR_PA_CHECKSUM_MUST_BE_INCLUDED). Which checksums the
    /// request has is told beside it. The finding is withdrawn when the client gets a ticket within ten seconds; if
    /// the capture ends before, it is one step less sure.
    ///
    /// ## What to do
    ///
    /// 1. Update the Kerberos client to a version that sends paChecksum2 (MIT Kerberos 1.22 or later).
    /// 2. Until then, let the client use a domain controller of an earlier version of Windows Server.
    ///
    /// ## Sources
    ///
    /// RFC 4556 §3.2.3; MS-PKCA 2.2.3 (paChecksum2); MIT Kerberos, pull request 1411.
    pub static CHECKSUM_MISSING = {
        code: "POL-04",
        title: "the domain controller wants a checksum that the client does not send",
        severity: Severity::Medium,
        since: "0.1.0",
        supersedes: [],
        errors: [79],
        statuses: [],
        events: ["Security 4768"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    const CODES: [ErrorCode; 1] = [ErrorCode::PA_CHECKSUM_MUST_BE_INCLUDED];
    let Some((refusal, confidence)) = told(logon, facts, &CODES) else { return nothing_found(logon, facts, &CODES) };
    let sent = refusal.pkinit().map(|pkinit| match (pkinit.checksum, pkinit.checksum2) {
        (_, true) => "paChecksum2",
        (true, false) => "paChecksum only",
        (false, false) => "no checksum",
    });
    let words = sent.map(|sent| format!("; the request has {sent}")).unwrap_or_default();
    let summary = format!("the domain controller wants a checksum that this client does not send{words}");
    Found::new(confidence, Subject::Device(logon.client), summary)
        .with(refusal.answer("the checksum is missing"))
        .with_some(sent.map(|sent| refusal.question("pkinit.paChecksum", sent, "what the client sent")))
        .into()
}

#[cfg(test)]
mod tests {
    use super::CHECKSUM_MISSING;
    use crate::{
        Confidence, Severity,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_the_kdc_says_so() {
        let finding = found(&CHECKSUM_MISSING, "0.000 pc > dc as-req alice pkinit\n0.010 dc > pc krb-error 79\n30 end");
        assert_eq!(finding.packets(), [2, 1]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
        assert_eq!(finding.severity(), Severity::Medium);
        assert!(finding.found.summary.ends_with("paChecksum only"), "{}", finding.found.summary);
    }

    #[test]
    fn clear_when_the_client_adds_it() {
        clear(
            &CHECKSUM_MISSING,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  krb-error 79
            0.020 pc > dc  as-req alice pkinit
            0.030 dc > pc  as-rep alice ticket T1 pkinit
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&CHECKSUM_MISSING, "0.000 pc > dc as-req alice pkinit\n1.000 open");
    }

    #[test]
    fn unseen_without_the_request() {
        unseen(&CHECKSUM_MISSING, "0.010 dc > pc krb-error 79 client alice");
    }
}
