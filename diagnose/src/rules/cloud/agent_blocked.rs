//! CLD-08.

use trace::{Facts, cloud::Service};

use super::{Wanted, is_any};
use crate::{
    Confidence, Scope, Severity, Verdict,
    endpoints::{Role, role},
    rule::rule,
    windows::AGENT_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// A server with an agent of pass-through authentication, of provisioning or of Connect Health cannot reach the
    /// hosts that agent uses. Passwords, which also the set-up of Windows Hello asks for, may then fail in the cloud;
    /// signing in with a key does not need the agent.
    ///
    /// ## How we know
    ///
    /// A connection to a host under msappproxy.net, servicebus.windows.net or adhybridhealth.azure.com did not come
    /// about, or its TLS handshake failed, and none succeeded within a quarter of an hour. Other programs use
    /// servicebus.windows.net, too.
    ///
    /// ## What to do
    ///
    /// 1. See whether such an agent runs on that machine: `Get-Service AzureADConnect*`.
    /// 2. Allow TCP 443 (and 80 for revocation lists) to these domains, without inspection.
    /// 3. See what the agent says: event log Microsoft-AzureADConnect-AuthenticationAgent.
    ///
    /// ## Sources
    ///
    /// Microsoft: ports and addresses of hybrid identity; pass-through authentication quick start.
    pub static AGENT_BLOCKED = {
        code: "CLD-08",
        title: "an agent of Entra cannot reach the cloud",
        severity: Severity::Low,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: [],
        check: Scope::Service(check),
    };
}

fn check(service: &Service, facts: &Facts) -> Verdict {
    if !matches!(role(&service.name), Some(Role::Agent)) {
        return Verdict::Clear;
    }
    let wanted = Wanted { failures: is_any, seconds: AGENT_SECONDS.of(facts), confidence: Confidence::Likely };
    super::check(service, facts, wanted)
}

#[cfg(test)]
mod tests {
    use super::AGENT_BLOCKED;
    use crate::{
        Confidence,
        testing::{clear, found},
    };

    #[test]
    fn found_when_the_port_is_refused() {
        let finding = found(
            &AGENT_BLOCKED,
            "
            0.000 dns > pc  a-answer corp.servicebus.windows.net 10.99.0.50
            0.010 pc > web  connect refused port 443
            4000  end
        ",
        );
        assert_eq!(finding.packets(), [2]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn found_when_the_handshake_is_cut_off() {
        found(
            &AGENT_BLOCKED,
            "
            0.000 pc > web  client-hello corp.servicebus.windows.net
            0.100 pc > web  connect open closed server-reset bytes 500,0 port 443
            4000  end
        ",
        );
    }

    #[test]
    fn clear_when_it_works_later() {
        clear(
            &AGENT_BLOCKED,
            "
            0.000 pc > web  client-hello corp.servicebus.windows.net
            0.100 pc > web  connect open closed server-reset bytes 500,0 port 443
            50.00 pc > web  client-hello corp.servicebus.windows.net
            50.01 web > pc  server-hello tls13
            50.02 pc > web  data
            4000  end
        ",
        );
    }

    #[test]
    fn clear_when_it_is_another_host() {
        clear(
            &AGENT_BLOCKED,
            "
            0.000 pc > web  client-hello www.corp.example
            0.100 pc > web  connect open closed server-reset bytes 500,0 port 443
            4000  end
        ",
        );
    }
}
