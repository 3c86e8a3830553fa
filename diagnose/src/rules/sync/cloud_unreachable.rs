//! SYN-06.

use trace::{Facts, cloud::Service};

use crate::{
    Confidence, Scope, Severity, Verdict,
    endpoints::{Role, role},
    rule::rule,
    rules::cloud::{Wanted, check as failing, is_any},
    windows::AGENT_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// The server with Entra Connect cannot reach the service that it synchronises with. Nothing is read from Microsoft
    /// Entra, so new Windows Hello keys do not come into the directory, and users who have just set up a PIN cannot
    /// sign in with it on site.
    ///
    /// ## How we know
    ///
    /// A name of that service (adminwebservice, provisioningapi, or one that ends in -anchor or
    /// -relay.microsoftonline.com) does not resolve, a connection to it does not come about, the proxy refuses the
    /// tunnel for its own reasons, or the TLS handshake fails, and none succeeds within a quarter of an hour.
    ///
    /// ## What to do
    ///
    /// 1. On the server: `Test-NetConnection adminwebservice.microsoftonline.com -Port 443`.
    /// 2. Let firewall and proxy pass it for the account of the service, without inspection; see the proxy in
    ///    machine.config.
    /// 3. See that TLS 1.2 is switched on for .NET: SchUseStrongCrypto.
    /// 4. Start a cycle: `Start-ADSyncSyncCycle -PolicyType Delta`, and see events 6012 and 106.
    ///
    /// ## Sources
    ///
    /// Microsoft: ports and addresses of hybrid identity; troubleshooting connectivity of Entra Connect.
    pub static CLOUD_UNREACHABLE = {
        code: "SYN-06",
        title: "the server with Entra Connect cannot reach the cloud",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["ADSync 6012", "ADSync 106"],
        check: Scope::Service(check),
    };
}

fn check(service: &Service, facts: &Facts) -> Verdict {
    if role(&service.name) != Some(Role::Sync) {
        return Verdict::Clear;
    }
    failing(
        service,
        facts,
        Wanted { failures: is_any, seconds: AGENT_SECONDS.of(facts), confidence: Confidence::Proven },
    )
}

#[cfg(test)]
mod tests {
    use super::CLOUD_UNREACHABLE;
    use crate::{
        Confidence,
        testing::{clear, found},
    };

    #[test]
    fn found_when_the_port_is_refused() {
        let finding = found(
            &CLOUD_UNREACHABLE,
            "
            0.000 dns > pc  a-answer adminwebservice.microsoftonline.com 10.99.0.50
            0.010 pc > web  connect refused port 443
            1000  end
        ",
        );
        assert_eq!(finding.packets(), [2]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
    }

    #[test]
    fn found_when_the_handshake_fails() {
        found(
            &CLOUD_UNREACHABLE,
            "
            0.000 pc > web  client-hello corp-relay.microsoftonline.com
            0.010 web > pc  alert 40
            1000  end
        ",
        );
    }

    #[test]
    fn clear_when_it_works_some_minutes_later() {
        clear(
            &CLOUD_UNREACHABLE,
            "
            0.000 pc > web  client-hello adminwebservice.microsoftonline.com
            0.010 web > pc  alert 40
            300.0 pc > web  client-hello adminwebservice.microsoftonline.com
            300.1 web > pc  server-hello tls13
            300.2 pc > web  data
            2000  end
        ",
        );
    }

    #[test]
    fn clear_when_it_is_another_host() {
        clear(
            &CLOUD_UNREACHABLE,
            "
            0.000 dns > pc  a-answer login.microsoftonline.com 10.99.0.50
            0.010 pc > web  connect refused port 443
            1000  end
        ",
        );
    }
}
