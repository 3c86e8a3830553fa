//! PKI-05.

use capture::CaptureTime;
use decode::kerberos::ErrorCode;
use trace::{Facts, Logon, cloud::Fetch};

use super::{fetched, question};
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{
        account_of,
        refusal::{PkinitRefusal, name, nothing_found},
    },
    windows::DC_REVOCATION_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// The user showed a certificate that a CA issued (a smart card, or Windows Hello with certificate trust), and the
    /// domain controller could not find out whether it is revoked. Key trust is not concerned.
    ///
    /// ## How we know
    ///
    /// The domain controller answered with error 73 (status unknown) or 74 (status not available): proven. Or it
    /// answered with 62 (not trusted), and within half a minute before or after it had asked for a revocation list or
    /// an OCSP response in vain, which is likely.
    ///
    /// ## What to do
    ///
    /// 1. On the domain controller: `certutil -verify -urlfetch user.cer` with the user's certificate.
    /// 2. Let domain controllers reach the addresses of the lists, by HTTP through a proxy or directly: `netsh winhttp
    ///    show proxy`.
    /// 3. Publish a new list if it is out of date: `certutil -CRL` on the CA.
    ///
    /// ## Sources
    ///
    /// RFC 4556 §3.2.2; MS-PKCA 3.1.5.2; MS-ERREF 2.3.1 (STATUS_REVOCATION_OFFLINE_C).
    pub static CLIENT_UNCHECKED = {
        code: "PKI-05",
        title: "the domain controller cannot check whether the client's certificate is revoked",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: ["PKI-07"],
        errors: [62, 73, 74],
        statuses: [0xc000_038b],
        events: ["KDC 21"],
        check: Scope::Logon(check),
    };
}

const CODES: [ErrorCode; 3] =
    [ErrorCode::REVOCATION_STATUS_UNKNOWN, ErrorCode::REVOCATION_STATUS_UNAVAILABLE, ErrorCode::CLIENT_NOT_TRUSTED];

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    for refusal in PkinitRefusal::all_in_vain(logon).filter(|refusal| CODES.contains(&refusal.code())) {
        let Some(certificate) = refusal.issued() else { continue };
        let in_vain = asked_in_vain(&refusal, facts);
        let said = refusal.code() != ErrorCode::CLIENT_NOT_TRUSTED;
        if !said && in_vain.is_none() {
            continue;
        }
        let confidence = if said { Confidence::Proven } else { Confidence::Likely };
        let summary =
            format!("the domain controller cannot check whether the certificate of {} is revoked", name(logon));
        let mut found = Found::new(confidence, account_of(logon), summary)
            .with(refusal.answer("the domain controller refuses the certificate"))
            .with(refusal.question(
                "x509af.issuer",
                certificate.issuer.as_str(),
                "who issued the client's certificate",
            ));
        if let Some(fetch) = in_vain {
            let answer = fetch.answer.map(|(seen, status)| {
                Evidence::new(seen, "http.response.code", status.to_string(), "the domain controller asks in vain")
            });
            found = found.with_some(answer).with_some(question(fetch));
        }
        return found.into();
    }
    nothing_found(logon, facts, &CODES)
}

/// What the domain controller asked for in vain about the time of a refusal.
fn asked_in_vain<'f>(refusal: &PkinitRefusal<'_>, facts: &'f Facts) -> Option<&'f Fetch> {
    facts.cloud.fetches().iter().filter(|fetch| fetch.client == refusal.kdc()).find(|fetch| {
        let failed = fetch.answer.is_some_and(|(_, status)| status >= 400) || fetch.failure.is_some();
        let near = fetch.seen().is_some_and(|seen| {
            seen.at.since(refusal.answered.at).abs() <= DC_REVOCATION_SECONDS.of(facts) * CaptureTime::SECOND
        });
        failed && near && !fetched(fetch, facts)
    })
}

#[cfg(test)]
mod tests {
    use super::CLIENT_UNCHECKED;
    use crate::{
        Confidence,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_the_status_is_unknown_or_not_available() {
        for code in [73, 74] {
            let script = format!("0.000 pc > dc as-req alice pkinit issued C1\n0.010 dc > pc krb-error {code}");
            let finding = found(&CLIENT_UNCHECKED, &script);
            assert_eq!(finding.packets(), [2, 1]);
            assert_eq!(finding.found.confidence, Confidence::Proven);
        }
    }

    #[test]
    fn likely_when_the_list_was_asked_for_in_vain() {
        let finding = found(
            &CLIENT_UNCHECKED,
            "
            0.000 pc > dc   as-req alice pkinit issued C1
            0.010 pc3 > web http GET http://pki.corp.example/corp.crl
            0.020 web > dc  http 404 GET http://pki.corp.example/corp.crl
            0.030 dc > pc   krb-error 62
        ",
        );
        assert_eq!(finding.packets(), [4, 1, 3]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn clear_when_62_comes_without_such_a_question() {
        clear(&CLIENT_UNCHECKED, "0.000 pc > dc as-req alice pkinit issued C1\n0.010 dc > pc krb-error 62");
    }

    #[test]
    fn clear_when_the_certificate_is_self_signed() {
        clear(&CLIENT_UNCHECKED, "0.000 pc > dc as-req alice pkinit\n0.010 dc > pc krb-error 74");
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&CLIENT_UNCHECKED, "0.000 pc > dc as-req alice pkinit issued C1\n1 open");
    }

    #[test]
    fn unseen_without_the_request() {
        unseen(&CLIENT_UNCHECKED, "0.010 dc > pc krb-error 74 client alice");
    }
}
