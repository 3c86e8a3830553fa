//! PKI-11.

use decode::http::CertificateStatus;
use trace::{
    Facts,
    cloud::{Fetch, FetchBody},
};

use super::{named_by_a_dc, question, shows_a_dc_certificate};
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict, endpoints::is_revocation_host, rule::rule,
};

rule! {
    /// ## What happened
    ///
    /// A computer asked an OCSP responder about a certificate, and the responder says that it is revoked or that it
    /// does not know it, or gives no answer to the question.
    ///
    /// ## How we know
    ///
    /// The OCSP response in the HTTP answer has that status. Proven where the serial number, or the responder's
    /// address, is that of a certificate that a domain controller showed; possible where the capture shows no such
    /// certificate, and then an error of the responder counts only if the responder is one for the certificates of
    /// Microsoft Entra. Where it does show one, answers about others are left alone.
    ///
    /// ## What to do
    ///
    /// 1. See which certificate it is, by the serial number in the evidence: `certutil -view -restrict
    ///    "SerialNumber=…"` on the CA.
    /// 2. If it is revoked, enrol a new one for the domain controller: `certutil -pulse`.
    /// 3. If it is unknown, or the responder does not answer, look at its revocation configuration: ocsp.msc.
    ///
    /// ## Sources
    ///
    /// RFC 6960 §2.2, §2.3.
    pub static RESPONDER_CONDEMNS = {
        code: "PKI-11",
        title: "the OCSP responder says revoked or unknown, or does not answer the question",
        severity: Severity::Medium,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["CAPI2 53"],
        check: Scope::Fetch(check),
    };
}

fn check(fetch: &Fetch, facts: &Facts) -> Verdict {
    let (FetchBody::Ocsp(ocsp), Some((seen, _))) = (&fetch.body, fetch.answer) else { return Verdict::Clear };
    let condemned = ocsp.responses.iter().find(|single| single.status != CertificateStatus::Good);
    let (what, evidence) = match condemned {
        Some(single) => {
            let status = match single.status {
                CertificateStatus::Revoked => "revoked",
                _ => "unknown",
            };
            let means = format!("what the responder says of the certificate with serial number {}", single.serial);
            (format!("says {status}"), Evidence::new(seen, "ocsp.certStatus", status, means))
        }
        None if ocsp.status.0 != 0 => {
            let status = ocsp.status.name();
            let means = "the responder does not answer the question";
            (format!("says {status}"), Evidence::new(seen, "ocsp.responseStatus", status, means))
        }
        None => return Verdict::Clear,
    };
    let of_a_dc = condemned.is_some_and(|single| facts.has_kdc_serial(&single.serial));
    let certain = of_a_dc || named_by_a_dc(fetch, facts);
    // Responders of anybody's web site fail to answer now and then.
    let concerns = condemned.is_some() || is_revocation_host(&fetch.host);
    if !certain && (shows_a_dc_certificate(facts) || !concerns) {
        return Verdict::Clear;
    }
    let confidence = if certain { Confidence::Proven } else { Confidence::Possible };
    let summary = format!("the OCSP responder {} {what}", fetch.host);
    Found::new(confidence, Subject::Host(fetch.host.clone()), summary).with(evidence).with_some(question(fetch)).into()
}

#[cfg(test)]
mod tests {
    use super::RESPONDER_CONDEMNS;
    use crate::{
        Confidence,
        testing::{clear, found},
    };

    #[test]
    fn found_when_the_certificate_is_condemned() {
        for status in ["revoked", "unknown", "6"] {
            let script = format!(
                "0.000 pc > web http POST http://ocsp.digicert.com/
                 0.010 web > pc http 200 POST http://ocsp.digicert.com/ ocsp {status}"
            );
            let finding = found(&RESPONDER_CONDEMNS, &script);
            assert_eq!(finding.packets(), [2, 1]);
            assert_eq!(finding.found.confidence, Confidence::Possible);
        }
    }

    #[test]
    fn proven_when_it_is_the_domain_controllers() {
        let finding = found(
            &RESPONDER_CONDEMNS,
            "
            0.000 pc > dc   as-req alice pkinit
            0.010 dc > pc   as-rep alice ticket T1 pkinit ocsp-url http://status.corp.example/ocsp
            0.020 pc > web  http POST http://status.corp.example/ocsp
            0.030 web > pc  http 200 POST http://status.corp.example/ocsp ocsp revoked
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Proven);
    }

    #[test]
    fn clear_when_the_status_is_good() {
        clear(
            &RESPONDER_CONDEMNS,
            "
            0.000 pc > web  http POST http://ocsp.corp.example/
            0.010 web > pc  http 200 POST http://ocsp.corp.example/ ocsp good
        ",
        );
    }

    #[test]
    fn clear_when_the_responder_of_a_web_site_fails() {
        clear(
            &RESPONDER_CONDEMNS,
            "
            0.000 pc > web  http POST http://ocsp.shop.example/
            0.010 web > pc  http 200 POST http://ocsp.shop.example/ ocsp 1
        ",
        );
    }

    #[test]
    fn clear_when_it_is_about_another_certificate() {
        clear(
            &RESPONDER_CONDEMNS,
            "
            0.000 pc > dc   as-req alice pkinit
            0.010 dc > pc   as-rep alice ticket T1 pkinit
            0.020 pc > web  http POST http://ocsp.shop.example/
            0.030 web > pc  http 200 POST http://ocsp.shop.example/ ocsp 6
        ",
        );
    }
}
