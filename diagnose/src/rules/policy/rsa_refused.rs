//! POL-06.

use decode::kerberos::{EncryptionType, ErrorCode, pkinit::KeyAgreement};
use trace::{Facts, Logon};

use crate::{
    Confidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::refusal::{PkinitRefusal, nothing_found, told},
};

/// des-ede3-cbc-Env-OID, RFC 4556 §3.1.1: with it a client says that it can read a reply in RSA mode.
const DES_EDE3_CBC_ENV: EncryptionType = EncryptionType(15);

rule! {
    /// ## What happened
    ///
    /// The client wants the old form of PKINIT, in which the domain controller encrypts the reply to the client's
    /// RSA key in place of agreeing on one (Diffie-Hellman). Domain controllers that were updated in 2021 or later
    /// refuse it unless the client also names triple DES, or altogether.
    ///
    /// ## How we know
    ///
    /// The domain controller answered with error 81 (KDC_ERR_PUBLIC_KEY_ENCRYPTION_NOT_SUPPORTED): proven. Or it
    /// answered with 14 (KDC_ERR_ETYPE_NOSUPP) to a request that has no public value for Diffie-Hellman and does not
    /// list encryption type 15: likely, as the same answer also comes where the account has no fitting type. The
    /// finding is withdrawn when the client gets a ticket within ten seconds; if the capture ends before, it is one
    /// step less sure.
    ///
    /// ## What to do
    ///
    /// 1. Update the client, or let it use Diffie-Hellman (MIT: `pkinit_dh_min_bits = 2048`; Heimdal: no
    ///    `pkinit_use_rsa`; printers and scanners: new firmware).
    /// 2. See on the domain controllers which clients ask like this: KDC operational events 307 and 308.
    ///
    /// ## Sources
    ///
    /// RFC 4556 §3.1.4 and §3.2.3.2; MS-PKCA (product behaviour); Microsoft KB5005391 on CVE-2021-33764; texts of
    /// the events 307 and 308.
    pub static RSA_REFUSED = {
        code: "POL-06",
        title: "the domain controller does not do PKINIT with RSA encryption",
        severity: Severity::Medium,
        since: "0.1.0",
        supersedes: ["TKT-03"],
        errors: [14, 81],
        statuses: [],
        events: ["KDC operational 307", "KDC operational 308"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    const CODES: [ErrorCode; 2] = [ErrorCode::PUBLIC_KEY_ENCRYPTION_NOT_SUPPORTED, ErrorCode::ETYPE_NOSUPP];
    let Some((refusal, confidence)) = told(logon, facts, &CODES) else { return nothing_found(logon, facts, &CODES) };
    let said = refusal.code() == ErrorCode::PUBLIC_KEY_ENCRYPTION_NOT_SUPPORTED;
    if !said && !asks_in_vain(&refusal) {
        return nothing_found(logon, facts, &CODES);
    }
    let summary = "the domain controller refused a request for the old form of PKINIT, in which the reply is encrypted \
                   to the client's RSA key";
    let confidence = if said { confidence } else { confidence.min(Confidence::Likely) };
    Found::new(confidence, Subject::Device(logon.client), summary)
        .with(refusal.answer("this form is not supported"))
        .with(refusal.question("kerberos.padata_type", "16", "a PKINIT request"))
        .with_some((!said).then(|| {
            let etypes: Vec<String> = refusal.request.etypes.iter().map(ToString::to_string).collect();
            refusal.question("kerberos.ENCTYPE", etypes.join(", "), "without type 15, and no Diffie-Hellman value")
        }))
        .into()
}

/// Whether the request is for RSA mode and does not name the encryption type that goes with it.
fn asks_in_vain(refusal: &PkinitRefusal<'_>) -> bool {
    let rsa =
        refusal.pkinit().is_some_and(|pkinit| pkinit.stopped.is_none() && pkinit.key_agreement == KeyAgreement::Rsa);
    rsa && !refusal.request.etypes.is_empty() && !refusal.request.etypes.contains(&DES_EDE3_CBC_ENV)
}

#[cfg(test)]
mod tests {
    use super::RSA_REFUSED;
    use crate::{
        Confidence, Severity,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_the_kdc_says_so() {
        let finding =
            found(&RSA_REFUSED, "0.000 pc > dc as-req alice pkinit dh rsa\n0.010 dc > pc krb-error 81\n30 end");
        assert_eq!(finding.packets(), [2, 1]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
        assert_eq!(finding.severity(), Severity::Medium);
    }

    #[test]
    fn found_when_14_answers_a_request_without_triple_des() {
        let script = "0.000 pc > dc as-req alice pkinit dh rsa etypes 18,17\n0.010 dc > pc krb-error 14\n30 end";
        let finding = found(&RSA_REFUSED, script);
        assert_eq!(finding.packets(), [2, 1, 1]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
        let played = trace::script::play(script);
        let (findings, _) = crate::diagnose(played.logons(), played.facts());
        assert!(findings.iter().all(|finding| finding.rule.code != "TKT-03"));
    }

    #[test]
    fn clear_when_14_has_another_reason() {
        for request in ["dh rsa etypes 18,17,15", "dh modp-2048 etypes 18,17"] {
            let script = format!("0.000 pc > dc as-req alice pkinit {request}\n0.010 dc > pc krb-error 14\n30 end");
            clear(&RSA_REFUSED, &script);
        }
    }

    #[test]
    fn clear_when_the_client_agrees_on_a_key_then() {
        clear(
            &RSA_REFUSED,
            "
            0.000 pc > dc  as-req alice pkinit dh rsa
            0.010 dc > pc  krb-error 81
            0.020 pc > dc  as-req alice pkinit
            0.030 dc > pc  as-rep alice ticket T1 pkinit
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&RSA_REFUSED, "0.000 pc > dc as-req alice pkinit dh rsa\n1.000 open");
    }

    #[test]
    fn unseen_without_the_request() {
        unseen(&RSA_REFUSED, "0.010 dc > pc krb-error 81 client alice");
    }
}
