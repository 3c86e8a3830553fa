//! CLD-02.

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
    /// A computer cannot reach a host where users and devices sign in to Microsoft Entra. Without it there is no
    /// primary refresh token and no cloud ticket, and Windows Hello cannot be set up. Signing in on site with a key
    /// that is already registered does not need it.
    ///
    /// ## How we know
    ///
    /// A refused connection, an ICMP message, an answer of DNS or a status of the proxy is proven; silence is likely,
    /// and counts when the client repeated its SYN at least twice or ten seconds passed, in a capture without losses.
    /// The name is that of the ClientHello, of CONNECT, or the one for which DNS gave the client this address. The
    /// finding is withdrawn when a handshake with that name succeeds within a minute before or after, over another
    /// address for instance; in a capture that ends sooner it is one step less sure. Where the connection opens and the
    /// handshake fails, see CLD-11.
    ///
    /// ## What to do
    ///
    /// 1. On the computer: `Test-NetConnection login.microsoftonline.com -Port 443` and `Resolve-DnsName
    ///    login.microsoftonline.com`.
    /// 2. Allow TCP 443 to the hosts of Microsoft Entra in firewall and DNS filter.
    /// 3. If there is a proxy, let it be found in the context of the computer, too: `netsh winhttp show proxy`, WPAD.
    /// 4. Run Microsoft's script Test-DeviceRegConnectivity as SYSTEM.
    ///
    /// ## Sources
    ///
    /// Microsoft: how to plan a hybrid join, which lists these hosts; RFC 9293 §3.5; RFC 1035 §4.1.1. A refused
    /// connection was seen in a capture.
    pub static LOGIN_UNREACHABLE = {
        code: "CLD-02",
        title: "sign-in to Microsoft Entra cannot be reached",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["AAD 1081", "AAD 1084", "AAD 1088"],
        check: Scope::Service(check),
    };
}

fn check(service: &Service, facts: &Facts) -> Verdict {
    if !matches!(role(&service.name), Some(Role::Login | Role::DeviceLogin | Role::SeamlessSignOn)) {
        return Verdict::Clear;
    }
    let wanted =
        Wanted { failures: is_unreachable, seconds: ENDPOINT_SECONDS.of(facts), confidence: Confidence::Proven };
    super::check(service, facts, wanted)
}

#[cfg(test)]
mod tests {
    use super::LOGIN_UNREACHABLE;
    use crate::{
        Confidence,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_the_port_is_refused() {
        let finding = found(
            &LOGIN_UNREACHABLE,
            "
            0.000 dns > pc  a-answer login.microsoftonline.com 10.99.0.50
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
            &LOGIN_UNREACHABLE,
            "
            0.000 dns > pc  a-answer login.microsoftonline.com 10.99.0.50
            0.010 pc > web  connect refused port 443
            1  end
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn found_when_there_is_no_such_name() {
        let finding = found(&LOGIN_UNREACHABLE, "0.000 dns > pc a-answer login.microsoftonline.com nxdomain\n70 end");
        assert_eq!(finding.packets(), [1]);
    }

    #[test]
    fn clear_when_another_address_works() {
        clear(
            &LOGIN_UNREACHABLE,
            "
            0.000 dns > pc  a-answer login.microsoftonline.com 10.99.0.50
            0.010 pc > web  connect refused port 443
            0.020 pc > proxy  client-hello login.microsoftonline.com
            0.030 proxy > pc  server-hello tls13
            0.040 pc > proxy  data
            70  end
        ",
        );
    }

    #[test]
    fn clear_when_it_is_another_host() {
        clear(
            &LOGIN_UNREACHABLE,
            "
            0.000 dns > pc  a-answer www.corp.example 10.99.0.50
            0.010 pc > web  connect refused port 443
            70  end
        ",
        );
    }

    #[test]
    fn found_when_nothing_answers() {
        let finding = found(
            &LOGIN_UNREACHABLE,
            "
            0.000 dns > pc  a-answer login.microsoftonline.com 10.99.0.50
            0.010 pc > web  connect unanswered syns 4 port 443
            70  end
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn unseen_when_only_one_syn_is_there() {
        unseen(
            &LOGIN_UNREACHABLE,
            "
            0.000 dns > pc  a-answer login.microsoftonline.com 10.99.0.50
            0.010 pc > web  connect unanswered port 443
            70  end
        ",
        );
    }

    #[test]
    fn pending_while_an_answer_may_come() {
        pending(
            &LOGIN_UNREACHABLE,
            "
            0.000 dns > pc  a-answer login.microsoftonline.com 10.99.0.50
            0.010 pc > web  connect unanswered syns 2 port 443
            5  open
        ",
        );
    }

    #[test]
    fn unseen_when_packets_are_missing() {
        unseen(
            &LOGIN_UNREACHABLE,
            "
            0.000 dns > pc  a-answer login.microsoftonline.com 10.99.0.50
            0.010 pc > web  connect unanswered syns 4 port 443
            20  dropped
            70  end
        ",
        );
    }

    #[test]
    fn unseen_when_tls_was_not_decoded() {
        let tried = "0.000 dns > pc  a-answer login.microsoftonline.com 10.99.0.50\n\
                     0.010 pc > web  connect unanswered syns 4 port 443";
        unseen(&LOGIN_UNREACHABLE, &format!("{tried}\n20 shed web\n70 end"));
        found(&LOGIN_UNREACHABLE, &format!("{tried}\n20 shed smb\n70 end"));
    }

    #[test]
    fn clear_when_dns_has_an_address_of_the_other_kind() {
        clear(
            &LOGIN_UNREACHABLE,
            "
            0.000 dns > pc  a-answer login.microsoftonline.com 10.99.0.50
            0.010 dns > pc  a-answer login.microsoftonline.com nxdomain
            70  end
        ",
        );
    }

    #[test]
    fn found_when_the_proxy_cannot_reach_it() {
        let finding = found(
            &LOGIN_UNREACHABLE,
            "
            0.000 pc > proxy  http CONNECT login.microsoftonline.com:443 port 3128
            0.010 proxy > pc  http 502 CONNECT login.microsoftonline.com:443 port 3128
            70  end
        ",
        );
        assert_eq!(finding.packets(), [2, 1]);
    }
}
