//! NET-08.

use trace::{Facts, cloud::Service};

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::cloud::{Wanted, check as failing, is_any},
    windows::ENDPOINT_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// Clients outside get to Kerberos through a gateway by HTTPS (KDC proxy), and the gateway does not pass their
    /// requests on. Kerberos does not even begin.
    ///
    /// ## How we know
    ///
    /// An HTTP answer to a request for /KdcProxy, in a capture behind the place where TLS ends, has another status than
    /// 200; or connections to a name that was seen to serve it do not come about. It counts where the client has no way
    /// to a KDC on port 88. Encrypted, the path cannot be seen, so a gateway is known only where the capture shows such
    /// an answer.
    ///
    /// ## What to do
    ///
    /// 1. On the gateway: `Get-Service KPSSVC`, `netsh http show urlacl url=https://+:443/KdcProxy`.
    /// 2. See that its certificate is valid, and that clients reach the revocation list: they check it unless told not
    ///    to.
    /// 3. See that the gateway itself finds a domain controller: `nltest /dsgetdc:corp.example /kdc`.
    ///
    /// ## Sources
    ///
    /// MS-KKDCP 2.2, 3.2.5; texts of the Kerberos client events 108 and 109.
    pub static KDC_PROXY_FAILS = {
        code: "NET-08",
        title: "the KDC proxy refuses or cannot be reached",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["Kerberos client 108", "Kerberos client 109"],
        check: Scope::Service(check),
    };
}

fn check(service: &Service, facts: &Facts) -> Verdict {
    let Some((seen, status)) = service.kdc_proxy else { return Verdict::Clear };
    if facts.kerberos_of.contains_key(&service.client) {
        return Verdict::Clear;
    }
    if status != 200 {
        let name = &service.name;
        let summary = format!("the KDC proxy {name} answers with status {status}");
        let means = "the KDC proxy does not pass the request on";
        return Found::new(Confidence::Likely, Subject::Host(name.clone()), summary)
            .with(Evidence::new(seen, "http.response.code", status.to_string(), means))
            .into();
    }
    failing(
        service,
        facts,
        Wanted { failures: is_any, seconds: ENDPOINT_SECONDS.of(facts), confidence: Confidence::Likely },
    )
}

#[cfg(test)]
mod tests {
    use super::KDC_PROXY_FAILS;
    use crate::testing::{clear, found};

    #[test]
    fn found_when_the_gateway_answers_with_an_error() {
        let finding = found(
            &KDC_PROXY_FAILS,
            "
            0.000 pc > web  http POST http://gateway.corp.example/KdcProxy
            0.010 web > pc  http 503 POST http://gateway.corp.example/KdcProxy
        ",
        );
        assert_eq!(finding.packets(), [2]);
    }

    #[test]
    fn found_when_a_known_gateway_is_not_reached() {
        found(
            &KDC_PROXY_FAILS,
            "
            0.000 web > pc  http 200 POST http://gateway.corp.example/KdcProxy
            99.00 dns > pc  a-answer gateway.corp.example 10.99.0.50
            99.01 pc > web  connect refused port 443
            200  end
        ",
        );
    }

    #[test]
    fn clear_when_it_works() {
        clear(&KDC_PROXY_FAILS, "0.000 web > pc http 200 POST http://gateway.corp.example/KdcProxy");
    }

    #[test]
    fn clear_when_the_client_reaches_a_kdc() {
        clear(
            &KDC_PROXY_FAILS,
            "
            0.000 web > pc  http 503 POST http://gateway.corp.example/KdcProxy
            1.000 pc > dc   as-req alice
        ",
        );
    }
}
