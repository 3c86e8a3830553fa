//! CLD-03.

use trace::{Facts, cloud::Service};

use super::{Wanted, is_unreachable};
use crate::{
    Confidence, Scope, Severity, Verdict,
    endpoints::{Role, role},
    rule::rule,
    windows::ENDPOINT_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// A computer cannot reach the host where devices join Microsoft Entra and Windows Hello keys are registered.
    /// Setting up a PIN fails; keys that are registered already keep working.
    ///
    /// ## How we know
    ///
    /// A refused connection, an ICMP message, an answer of DNS or a status of the proxy is proven; silence is likely,
    /// and counts when the client repeated its SYN at least twice or ten seconds passed, in a capture without losses.
    /// The name is that of the ClientHello, of CONNECT, or the one for which DNS gave the client this address. The
    /// finding is withdrawn when a handshake with that name succeeds within a minute before or after; in a capture that
    /// ends sooner it is one step less sure. Where the connection opens and the handshake fails, see CLD-11.
    ///
    /// ## What to do
    ///
    /// 1. On the computer: `Test-NetConnection enterpriseregistration.windows.net -Port 443`.
    /// 2. Allow TCP 443 to enterpriseregistration.windows.net in firewall and DNS filter.
    /// 3. Let the proxy be found by SYSTEM, too, and ask no user name for this host: `netsh winhttp show proxy`.
    /// 4. See what the device knows: `dsregcmd /status`.
    ///
    /// ## Sources
    ///
    /// Microsoft: device registration; Windows Hello errors during PIN creation. RFC 9293 §3.5.
    pub static REGISTRATION_UNREACHABLE = {
        code: "CLD-03",
        title: "device registration cannot be reached",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["User Device Registration 204", "User Device Registration 304", "User Device Registration 305", "HelloForBusiness 7510"],
        check: Scope::Service(check),
    };
}

fn check(service: &Service, facts: &Facts) -> Verdict {
    if !matches!(role(&service.name), Some(Role::Registration)) {
        return Verdict::Clear;
    }
    let wanted =
        Wanted { failures: is_unreachable, seconds: ENDPOINT_SECONDS.of(facts), confidence: Confidence::Proven };
    super::check(service, facts, wanted)
}

#[cfg(test)]
mod tests {
    use super::REGISTRATION_UNREACHABLE;
    use crate::{
        Confidence,
        testing::{clear, found},
    };

    #[test]
    fn found_when_the_port_is_refused() {
        let finding = found(
            &REGISTRATION_UNREACHABLE,
            "
            0.000 dns > pc  a-answer enterpriseregistration.windows.net 10.99.0.50
            0.010 pc > web  connect refused port 443
            70  end
        ",
        );
        assert_eq!(finding.packets(), [2]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
    }

    #[test]
    fn less_sure_when_the_capture_ends_before_another_try_could_succeed() {
        let finding = found(
            &REGISTRATION_UNREACHABLE,
            "
            0.000 dns > pc  a-answer enterpriseregistration.windows.net 10.99.0.50
            0.010 pc > web  connect refused port 443
            1  end
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn found_when_there_is_no_such_name() {
        let finding = found(
            &REGISTRATION_UNREACHABLE,
            "0.000 dns > pc a-answer enterpriseregistration.windows.net nxdomain\n70 end",
        );
        assert_eq!(finding.packets(), [1]);
    }

    #[test]
    fn clear_when_another_address_works() {
        clear(
            &REGISTRATION_UNREACHABLE,
            "
            0.000 dns > pc  a-answer enterpriseregistration.windows.net 10.99.0.50
            0.010 pc > web  connect refused port 443
            0.020 pc > proxy  client-hello enterpriseregistration.windows.net
            0.030 proxy > pc  server-hello tls13
            0.040 pc > proxy  data
            70  end
        ",
        );
    }

    #[test]
    fn clear_when_it_is_another_host() {
        clear(
            &REGISTRATION_UNREACHABLE,
            "
            0.000 dns > pc  a-answer www.corp.example 10.99.0.50
            0.010 pc > web  connect refused port 443
            70  end
        ",
        );
    }
}
