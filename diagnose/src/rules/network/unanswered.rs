//! NET-01.

use trace::{Class, Facts, Logon};

use super::{connection_of, is_silent};
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::{LOSSY, ONE_SIDED},
    windows::{CONNECT_SECONDS, UNANSWERED_SECONDS, UNANSWERED_SYNS},
};

rule! {
    /// ## What happened
    ///
    /// A client knocks at the Kerberos port of a domain controller (TCP 88), several times, and nothing comes back. A
    /// firewall or a VPN rule drops the packets, or no machine has that address any more. No sign-in that needs this
    /// domain controller works for that client.
    ///
    /// ## How we know
    ///
    /// The client sent a SYN and repeated it at least twice, ten seconds passed or the client gave up, and the domain
    /// controller sent neither SYN-ACK nor RST, and nobody an ICMP message. Silence is no proof: where only one
    /// direction was captured, or packets are missing from the capture, the question stays open. Requests by UDP
    /// without an answer are not enough, since clients try UDP, TCP and other domain controllers side by side.
    ///
    /// ## What to do
    ///
    /// 1. On the client: `Test-NetConnection dc1.corp.example -Port 88`. Try from another network, too.
    /// 2. Allow TCP 88 (and UDP 88) from all clients, VPN ranges included, to all domain controllers of the domain.
    /// 3. On the domain controller, see that the service listens and the local firewall lets it:
    ///    `Get-NetTCPConnection -LocalPort 88 -State Listen`,
    ///    `Get-NetFirewallRule -DisplayGroup 'Kerberos Key Distribution Center'`.
    /// 4. If the domain controller is gone for good, remove it from DNS and from Active Directory (`ntdsutil`, metadata
    ///    cleanup), so that no client is sent there.
    ///
    /// ## Sources
    ///
    /// RFC 9293 §3.10; RFC 4120 §7.2; Microsoft's list of ports for Active Directory; texts of the Kerberos client
    /// events 200 and 302.
    pub static PORT_UNANSWERED = {
        code: "NET-01",
        title: "the domain controller does not answer on the Kerberos port",
        severity: Severity::Critical,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [0xc000_005e],
        events: ["Kerberos client 200", "Kerberos client 302", "HelloForBusiness 7001"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let mut open = false;
    for attempt in &logon.attempts {
        let Some(connection) = connection_of(attempt) else { continue };
        let tried =
            connection.syns >= UNANSWERED_SYNS.of(facts) && attempt.seconds_tried() >= UNANSWERED_SECONDS.of(facts);
        if !is_silent(connection) || !tried {
            continue;
        }
        if facts.visibility.is_one_sided() {
            return Verdict::Unseen(ONE_SIDED);
        }
        if facts.visibility.misses(&[Class::Kerberos]) {
            return Verdict::Unseen(LOSSY);
        }
        let gave_up = attempt.gave_up();
        if !gave_up && !facts.passed(connection.began.at, CONNECT_SECONDS.of(facts)) {
            open = true;
            continue;
        }
        let answers_others = facts.domain_controllers.get(&attempt.kdc).is_some_and(|dc| !dc.response_times.is_empty());
        let others = if answers_others { "; other requests it does answer" } else { "" };
        let summary = format!(
            "a connection to the Kerberos port of the domain controller was tried {} times and nothing came back{others}",
            connection.syns
        );
        let client = logon.client;
        let again = connection.last_syn.filter(|last| last.last != connection.began.last).map(|last| {
            Evidence::new(last, "tcp.analysis.retransmission", connection.syns.to_string(), "the last of so many tries")
        });
        return Found::new(Confidence::Likely, Subject::DomainController(attempt.kdc), summary)
            .with(Evidence::new(
                connection.began,
                "tcp.flags.syn",
                "1",
                format!("{client} asks for a connection in vain"),
            ))
            .with_some(again)
            .into();
    }
    if open && !facts.finished() { Verdict::Pending } else { Verdict::Clear }
}

#[cfg(test)]
mod tests {
    use super::PORT_UNANSWERED;
    use crate::{
        Confidence,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_three_tries_meet_silence() {
        let finding = found(
            &PORT_UNANSWERED,
            "
            0.000 pc > dc  connect unanswered syns 3
            11             end
        ",
        );
        assert_eq!(finding.packets(), [1]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn found_when_the_client_gives_up_before_the_capture_ends() {
        let finding = found(
            &PORT_UNANSWERED,
            "
            0.000 pc > dc  connect unanswered syns 4
            8              end
        ",
        );
        assert_eq!(finding.packets(), [1]);
    }

    #[test]
    fn found_although_the_dc_answers_another() {
        let finding = found(
            &PORT_UNANSWERED,
            "
            0.000 pc > dc   connect unanswered syns 3
            1.000 pc2 > dc  as-req bob
            1.004 dc > pc2  krb-error 25 padata 16,2
            30              end
        ",
        );
        assert!(finding.found.summary.ends_with("other requests it does answer"));
    }

    #[test]
    fn clear_when_it_was_tried_twice_only() {
        clear(
            &PORT_UNANSWERED,
            "
            0.000 pc > dc  connect unanswered syns 2
            30             end
        ",
        );
    }

    #[test]
    fn clear_when_a_mirror_doubles_two_tries() {
        clear(
            &PORT_UNANSWERED,
            "
            0.000 pc > dc  connect unanswered syns 4 within 1
            30             end
        ",
        );
    }

    #[test]
    fn clear_when_the_capture_ends_too_soon() {
        clear(
            &PORT_UNANSWERED,
            "
            0.000 pc > dc  connect unanswered syns 3
            5              end
        ",
        );
    }

    #[test]
    fn clear_when_requests_by_udp_get_no_answer() {
        clear(
            &PORT_UNANSWERED,
            "
            0.000 pc > dc  as-req alice udp nonce 1
            1.000 pc > dc  as-req alice udp nonce 1
            3.000 pc > dc  as-req alice udp nonce 1
            7.000 pc > dc  as-req alice udp nonce 1
            60             end
        ",
        );
    }

    #[test]
    fn clear_when_the_connection_is_refused() {
        clear(
            &PORT_UNANSWERED,
            "
            0.000 pc > dc  connect refused syns 3
            30             end
        ",
        );
    }

    #[test]
    fn pending_while_an_answer_may_come() {
        pending(
            &PORT_UNANSWERED,
            "
            0.000 pc > dc  connect unanswered syns 3
            5              open
        ",
        );
    }

    #[test]
    fn unseen_when_one_direction_was_captured() {
        unseen(
            &PORT_UNANSWERED,
            "
            0.000 pc2 > dc connect one-sided bytes 300,0
            1.000 pc > dc  connect unanswered syns 4
            30             end
        ",
        );
    }

    #[test]
    fn unseen_when_packets_are_missing() {
        unseen(
            &PORT_UNANSWERED,
            "
            0.000          dropped
            1.000 pc > dc  connect unanswered syns 4
            30             end
        ",
        );
    }

    #[test]
    fn found_although_another_flow_has_a_hole() {
        let finding = found(
            &PORT_UNANSWERED,
            "
            0.000 dc > pc2 hole
            1.000 pc > dc  connect unanswered syns 4
            30             end
        ",
        );
        assert_eq!(finding.packets(), [2]);
    }
}
