//! POL-03.

use decode::kerberos::{ErrorCode, ErrorData};
use trace::{Facts, Logon};

use crate::{
    Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::refusal::{PkinitRefusal, nothing_found, told},
};

/// TD-CMS-DIGEST-ALGORITHMS, RFC 8636 §4: the digests that the KDC takes.
const TD_CMS_DIGEST_ALGORITHMS: i32 = 111;

rule! {
    /// ## What happened
    ///
    /// The domain controller does not take the hash algorithm with which the client's certificate or its request
    /// is signed. Mostly SHA-1 was switched off by policy on one side, and the other still uses it. The user cannot
    /// sign in with a key or card from this client.
    ///
    /// ## How we know
    ///
    /// The domain controller answered with error 78 (KDC_ERR_DIGEST_IN_CERT_NOT_ACCEPTED: the certificate) or 80
    /// (KDC_ERR_DIGEST_IN_SIGNED_DATA_NOT_ACCEPTED: the request), often with a list of what it would take. The
    /// algorithms in the request are told beside it. The finding is withdrawn when the client gets a ticket within
    /// ten seconds: it may use another algorithm by itself; if the capture ends before, it is one step less sure.
    ///
    /// ## What to do
    ///
    /// 1. Compare the policies: on the domain controllers Computer Configuration, Administrative Templates, System,
    ///    KDC, "Configure hash algorithms for certificate logon"; on clients the setting of the same name under
    ///    Kerberos. Let both allow SHA-256.
    /// 2. If it is the certificate (78): keys of Windows Hello come in a certificate that Windows signs with SHA-1.
    ///    Set SHA-1 to "Audited" in the policy until another sign-in was tried out with it switched off.
    /// 3. If it is the request (80), update the client.
    ///
    /// ## Sources
    ///
    /// RFC 4556 §3.2.3; RFC 8636 §4; MS-PKCA (product behaviour); texts of the KDC operational events 309 and 310
    /// and of the client's 205 to 208; the certificate of a real Windows Hello key, as published with DSInternals.
    pub static DIGEST_REFUSED = {
        code: "POL-03",
        title: "the domain controller does not take the client's hash algorithm",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [78, 80],
        statuses: [],
        events: [
            "KDC operational 309",
            "KDC operational 310",
            "Kerberos client 205",
            "Kerberos client 206",
            "Kerberos client 207",
            "Kerberos client 208",
        ],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    const CODES: [ErrorCode; 2] =
        [ErrorCode::DIGEST_IN_CERT_NOT_ACCEPTED, ErrorCode::DIGEST_IN_SIGNED_DATA_NOT_ACCEPTED];
    let Some((refusal, confidence)) = told(logon, facts, &CODES) else { return nothing_found(logon, facts, &CODES) };
    let of_certificate = refusal.code() == ErrorCode::DIGEST_IN_CERT_NOT_ACCEPTED;
    let what = if of_certificate { "certificate" } else { "request" };
    let algorithm = if of_certificate { certificate_digest(&refusal) } else { request_digest(&refusal) };
    let signed = algorithm.as_ref().map(|(_, name)| format!(", signed with {name}")).unwrap_or_default();
    let listed = matches!(&refusal.error.e_data,
        Some(ErrorData::TypedData(kinds)) if kinds.contains(&TD_CMS_DIGEST_ALGORITHMS));
    let summary = format!("the domain controller does not take the hash algorithm of the client's {what}{signed}");
    Found::new(confidence, Subject::Device(logon.client), summary)
        .with(refusal.answer("the hash algorithm is not accepted"))
        .with_some(algorithm.map(|(field, name)| refusal.question(field, name, "the algorithm that the client used")))
        .with_some(listed.then(|| {
            let kind = format!("{TD_CMS_DIGEST_ALGORITHMS} TD-CMS-DIGEST-ALGORITHMS");
            Evidence::new(refusal.answered, "kerberos.e_data", kind, "the domain controller lists what it would take")
        }))
        .into()
}

fn certificate_digest(refusal: &PkinitRefusal<'_>) -> Option<(&'static str, String)> {
    let algorithm = &refusal.certificate()?.signature_algorithm;
    Some(("x509af.algorithm.id", algorithm.clone()))
}

fn request_digest(refusal: &PkinitRefusal<'_>) -> Option<(&'static str, String)> {
    let algorithm = refusal.pkinit()?.signed.digest.as_ref()?;
    Some(("cms.digestAlgorithm_element", algorithm.clone()))
}

#[cfg(test)]
mod tests {
    use super::DIGEST_REFUSED;
    use crate::{
        Confidence, Severity,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_the_certificate_is_signed_with_sha_1() {
        let finding = found(
            &DIGEST_REFUSED,
            "
            0.000 pc > dc  as-req alice pkinit key K1 signature rsa-sha1
            0.010 dc > pc  krb-error 78 typed 111
            30    end
        ",
        );
        assert_eq!(finding.packets(), [2, 1, 2]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
        assert_eq!(finding.severity(), Severity::High);
        assert!(finding.found.summary.ends_with("certificate, signed with rsa-sha1"), "{}", finding.found.summary);
    }

    #[test]
    fn found_when_it_is_the_request_and_less_sure_where_the_capture_ends() {
        let finding = found(&DIGEST_REFUSED, "0.000 pc > dc as-req alice pkinit\n0.010 dc > pc krb-error 80");
        assert_eq!(finding.packets(), [2, 1]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert!(finding.found.summary.ends_with("request, signed with sha256"), "{}", finding.found.summary);
    }

    #[test]
    fn clear_when_the_client_uses_another_by_itself() {
        clear(
            &DIGEST_REFUSED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  krb-error 80 typed 111
            0.020 pc > dc  as-req alice pkinit
            0.030 dc > pc  as-rep alice ticket T1 pkinit
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&DIGEST_REFUSED, "0.000 pc > dc as-req alice pkinit\n1.000 open");
    }

    #[test]
    fn unseen_without_the_request() {
        unseen(&DIGEST_REFUSED, "0.010 dc > pc krb-error 78 client alice");
    }
}
