//! PKI-04.

use trace::{Facts, cloud::Fetch};

use super::{fetched, question};
use crate::{Confidence, Evidence, Found, Scope, Severity, Subject, Verdict, rule::rule};

rule! {
    /// ## What happened
    ///
    /// A computer asks for a delta revocation list and is told that there is none. Its name ends in a plus sign, which
    /// IIS refuses unless told otherwise; the base list works.
    ///
    /// ## How we know
    ///
    /// A GET for a path that ends in `+.crl` was answered with status 404. IIS has 404.11 for this in its log, which
    /// the answer does not carry, so the file may also just be missing.
    ///
    /// ## What to do
    ///
    /// 1. On the web server, allow it for that site: `appcmd set config "Default Web Site/CertEnroll"
    ///    -section:system.webServer/security/requestFiltering -allowDoubleEscaping:true`.
    /// 2. If the file is missing, publish it: `certutil -CRL delta`, or switch delta lists off on the CA.
    ///
    /// ## Sources
    ///
    /// Microsoft: Windows Hello for Business for Entra-joined devices (double escaping); RFC 5280 §5.2.6.
    pub static DELTA_BLOCKED = {
        code: "PKI-04",
        title: "the web server does not give out delta revocation lists",
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
    let Some((seen, 404)) = fetch.answer else { return Verdict::Clear };
    if !fetch.path.to_lowercase().ends_with("+.crl") || fetched(fetch, facts) {
        return Verdict::Clear;
    }
    let summary = format!("the delta revocation list at http://{} is not given out", fetch.address());
    Found::new(Confidence::Proven, Subject::Host(fetch.host.clone()), summary)
        .with(Evidence::new(seen, "http.response.code", "404", "there is no such file, or its name is refused"))
        .with_some(question(fetch))
        .into()
}

#[cfg(test)]
mod tests {
    use super::DELTA_BLOCKED;
    use crate::{
        Confidence,
        testing::{clear, found},
    };

    #[test]
    fn found_when_the_delta_list_is_refused() {
        let finding = found(
            &DELTA_BLOCKED,
            "
            0.000 pc > web  http GET http://pki.corp.example/corp+.crl
            0.010 web > pc  http 404 GET http://pki.corp.example/corp+.crl
        ",
        );
        assert_eq!(finding.packets(), [2, 1]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
    }

    #[test]
    fn clear_when_it_is_another_list_or_another_status() {
        clear(
            &DELTA_BLOCKED,
            "
            0.000 web > pc  http 404 GET http://pki.corp.example/corp.crl
            0.010 web > pc  http 200 GET http://pki.corp.example/corp+.crl crl 86400
            0.020 web > pc  http 503 GET http://pki.corp.example/other+.crl
        ",
        );
    }
}
