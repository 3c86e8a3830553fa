//! CLD-06.

use trace::{
    Facts,
    cloud::{Failure, Service},
};

use super::evidence;
use crate::{Confidence, Found, Scope, Severity, Subject, Verdict, endpoints, rule::rule, windows::ENDPOINT_SECONDS};
use capture::CaptureTime;

rule! {
    /// ## What happened
    ///
    /// The proxy refuses the tunnel to a host that a join or a sign-in needs. Joining and getting a primary refresh
    /// token run as the computer, which has no user name for the proxy.
    ///
    /// ## How we know
    ///
    /// A CONNECT with the name of the host was answered with status 407 (authentication required) or 403 (forbidden),
    /// and none with success within a minute by the same client. A first 407 is an ordinary step where the client then
    /// authenticates; so in a capture that ends sooner the finding is one step less sure.
    ///
    /// ## What to do
    ///
    /// 1. Let the proxy pass login.microsoftonline.com, device.login.microsoftonline.com,
    ///    enterpriseregistration.windows.net and autologon.microsoftazuread-sso.com without authentication and
    ///    inspection.
    /// 2. Tell the computer's own services the proxy: WPAD, or `netsh winhttp set proxy`; see `netsh winhttp show
    ///    proxy`.
    /// 3. Run Microsoft's script Test-DeviceRegConnectivity as SYSTEM.
    ///
    /// ## Sources
    ///
    /// RFC 9110 §15.5.4, §15.5.8; Microsoft: how to plan a hybrid join (outbound proxy). A 403 was seen in a capture.
    pub static PROXY_REFUSES = {
        code: "CLD-06",
        title: "the proxy does not let computers through to Microsoft Entra",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["User Device Registration 304", "User Device Registration 305"],
        check: Scope::Service(check),
    };
}

fn check(service: &Service, facts: &Facts) -> Verdict {
    if endpoints::role(&service.name).is_none() {
        return Verdict::Clear;
    }
    let refusals = service.instances().filter(|(failure, _)| matches!(failure, Failure::Proxy(403 | 407)));
    for (failure, instance) in refusals {
        let later =
            |after: CaptureTime| after.since(instance.asked.at) <= ENDPOINT_SECONDS.of(facts) * CaptureTime::SECOND;
        if instance.worked_after.is_some_and(later) {
            continue;
        }
        let confidence = Confidence::Proven.lowered_unless(facts.passed(instance.seen.at, ENDPOINT_SECONDS.of(facts)));
        let name = &service.name;
        let why = match failure {
            Failure::Proxy(407) => "wants a user name first, and none was given that it takes",
            _ => "forbids it",
        };
        let summary = format!("{}: the proxy is asked for a tunnel to {name} and {why}", service.client);
        let mut found = Found::new(confidence, Subject::Host(name.clone()), summary);
        found.evidence = evidence(service, failure, instance);
        return found.into();
    }
    Verdict::Clear
}

#[cfg(test)]
mod tests {
    use super::PROXY_REFUSES;
    use crate::{
        Confidence,
        testing::{clear, found},
    };

    #[test]
    fn found_when_the_proxy_forbids_it() {
        let finding = found(
            &PROXY_REFUSES,
            "
            0.000 pc > proxy  http CONNECT device.login.microsoftonline.com:443 port 3128
            0.010 proxy > pc  http 403 CONNECT device.login.microsoftonline.com:443 port 3128
            70  end
        ",
        );
        assert_eq!(finding.packets(), [2, 1]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
    }

    #[test]
    fn found_when_nobody_authenticates() {
        let finding = found(
            &PROXY_REFUSES,
            "
            0.000 pc > proxy  http CONNECT login.microsoftonline.com:443 port 8080
            0.010 proxy > pc  http 407 CONNECT login.microsoftonline.com:443 port 8080
            1  end
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn clear_when_the_client_authenticates() {
        clear(
            &PROXY_REFUSES,
            "
            0.000 pc > proxy  http CONNECT login.microsoftonline.com:443 port 8080
            0.010 proxy > pc  http 407 CONNECT login.microsoftonline.com:443 port 8080
            0.020 pc > proxy  http CONNECT login.microsoftonline.com:443 port 8080
            0.030 proxy > pc  http 200 CONNECT login.microsoftonline.com:443 port 8080
            70  end
        ",
        );
    }

    #[test]
    fn clear_when_it_is_another_host() {
        clear(
            &PROXY_REFUSES,
            "
            0.000 pc > proxy  http CONNECT www.corp.example:443 port 8080
            0.010 proxy > pc  http 403 CONNECT www.corp.example:443 port 8080
            70  end
        ",
        );
    }
}
