//! KEY-13.

use decode::kerberos::ErrorCode;
use trace::{Facts, Logon};

use crate::{
    Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{
        account_of,
        refusal::{name, nothing_found, told},
    },
};

rule! {
    /// ## What happened
    ///
    /// The signature of a PKINIT request does not fit the certificate in it: the private key that signed is another
    /// one, or the request was changed on its way. Most often the TPM or its driver is at fault.
    ///
    /// ## How we know
    ///
    /// The request was answered with error 64 (KDC_ERR_INVALID_SIG). The KDC says so itself. The signature is not
    /// checked anew here. A device on the way that changes packets, or a damaged packet, would look the same.
    ///
    /// ## What to do
    ///
    /// 1. See whether it is one computer or many: one points at its TPM, many at a device on the way.
    /// 2. On the computer: `Get-Tpm`, the logs TPM-WMI and Microsoft-Windows-TPM, and an update of the TPM's firmware.
    /// 3. Set up the PIN again: `certutil -deletehellocontainer` as the user, then sign out and in.
    ///
    /// ## Sources
    ///
    /// RFC 4556 §3.2.2; RFC 4120 §7.5.9. Not seen in a capture.
    pub static SIGNATURE_INVALID = {
        code: "KEY-13",
        title: "the signature of the request is invalid",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [64],
        statuses: [],
        events: ["TPM-WMI 1796", "HelloForBusiness 7001"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let Some((refusal, confidence)) = told(logon, facts, &[ErrorCode::INVALID_SIG]) else {
        return nothing_found(logon, facts, &[ErrorCode::INVALID_SIG]);
    };
    let signed = refusal.pkinit().map(|pkinit| &pkinit.signed);
    let text = |part: Option<&str>| part.unwrap_or("not stated").to_owned();
    let digest = text(signed.and_then(|signed| signed.digest.as_deref()));
    let algorithm = text(signed.and_then(|signed| signed.signature_algorithm.as_deref()));
    let summary = format!("the signature in the request of {} does not fit its certificate", name(logon));
    let key = refusal.certificate().map(|certificate| {
        let means = "the key of the certificate in the request";
        refusal.question("x509af.subjectPublicKeyInfo_element", certificate.key_id.as_str(), means)
    });
    Found::new(confidence, account_of(logon), summary)
        .with(refusal.answer("the domain controller finds the signature invalid"))
        .with(refusal.question("cms.digestAlgorithm", digest, "the digest that was signed"))
        .with(refusal.question("cms.signatureAlgorithm", algorithm, "how it was signed"))
        .with_some(key)
        .into()
}

#[cfg(test)]
mod tests {
    use super::SIGNATURE_INVALID;
    use crate::{
        Confidence,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_the_kdc_says_so() {
        let finding =
            found(&SIGNATURE_INVALID, "0.0 pc > dc as-req alice pkinit key K1\n0.1 dc > pc krb-error 64\n30 end");
        assert_eq!(finding.packets(), [2, 1, 1, 1]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
        assert_eq!(finding.found.evidence[1].value, "sha256");
    }

    #[test]
    fn less_sure_at_the_end_of_the_capture() {
        let finding = found(&SIGNATURE_INVALID, "0.0 pc > dc as-req alice pkinit key K1\n0.1 dc > pc krb-error 64");
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn clear_of_other_errors() {
        clear(&SIGNATURE_INVALID, "0.0 pc > dc as-req alice pkinit\n0.1 dc > pc krb-error 62\n30 end");
        clear(&SIGNATURE_INVALID, "0.0 pc > dc as-req alice password\n0.1 dc > pc krb-error 64\n30 end");
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&SIGNATURE_INVALID, "0.0 pc > dc as-req alice pkinit\n1 open");
    }

    #[test]
    fn unseen_without_the_request() {
        unseen(&SIGNATURE_INVALID, "0.1 dc > pc krb-error 64 client alice");
    }
}
