//! NET-02.

use std::net::IpAddr;

use decode::{Message, Refusal};
use trace::{Attempt, Facts, Logon};

use super::{connection_of, is_refused, refuses};
use crate::{Confidence, Evidence, Found, Scope, Severity, Subject, Verdict, rule::rule};

rule! {
    /// ## What happened
    ///
    /// A client was told that it may not talk to the Kerberos port (88) of this address. The machine is up and no KDC
    /// listens there, or a firewall rejects the packets and says so.
    ///
    /// ## How we know
    ///
    /// A SYN to port 88 was answered with RST, or a packet to it with an ICMP message: port unreachable (IPv4 code 3,
    /// IPv6 code 4) or forbidden by an administrator (IPv4 codes 9, 10 and 13, IPv6 code 1). That a host or network
    /// cannot be reached is no refusal. A firewall can send the RST in the server's name; then its time to live differs
    /// from the server's other packets. Where the same domain controller answered this client in the same logon all the
    /// same, for instance by the other transport, the severity is medium.
    ///
    /// ## What to do
    ///
    /// 1. On the client: `Test-NetConnection dc1.corp.example -Port 88`, and check that the name leads to a domain
    ///    controller: `nltest /dsgetdc:corp.example /kdc /force`.
    /// 2. On the domain controller: `Get-Service kdc,netlogon`, and if need be `Start-Service kdc`. KDC operational
    ///    event 301 and Service Control Manager events 7036 and 7024 say when and why it stopped.
    /// 3. If the service runs, find the firewall that rejects: compare the time to live of the refusing packet with
    ///    others of the domain controller, or capture on both sides.
    /// 4. If the address belongs to no domain controller any more, remove its SRV and A records from DNS.
    ///
    /// ## Sources
    ///
    /// RFC 9293 §3.10.7.1; RFC 792; RFC 1812 §5.2.7.1; RFC 4443 §3.1; captures of closed and filtered ports.
    pub static PORT_REFUSED = {
        code: "NET-02",
        title: "the Kerberos port of the domain controller refuses connections",
        severity: Severity::Critical,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [0xc000_005e],
        events: ["KDC operational 301", "Service Control Manager 7036", "Service Control Manager 7024", "Kerberos client 302"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    for attempt in &logon.attempts {
        let Some((how, evidence)) = refusal(attempt, logon.client) else { continue };
        let others =
            logon.attempts.iter().filter(|other| other.kdc == attempt.kdc && other.event.seen > attempt.event.seen);
        let others = others.filter_map(|other| refusal(other, logon.client)).map(|(_, evidence)| evidence);
        let refused = attempt.event.seen;
        let answered = logon.exchanges.iter().any(|exchange| {
            exchange.kdc.address == attempt.kdc && exchange.reply.as_deref().is_some_and(|reply| reply.seen > refused)
        });
        let summary = format!("the Kerberos port of the domain controller refuses the client: {how}");
        let found = Found::new(Confidence::Proven, Subject::DomainController(attempt.kdc), summary).with(evidence);
        let found = others.fold(found, Found::with);
        return if answered { found.with_severity(Severity::Medium).into() } else { found.into() };
    }
    let open = logon.exchanges.iter().any(|exchange| exchange.reply.is_none());
    if open && !facts.finished() { Verdict::Pending } else { Verdict::Clear }
}

/// How an attempt was refused, if it was, and the packet that shows it.
fn refusal(attempt: &Attempt, client: IpAddr) -> Option<(&'static str, Evidence)> {
    let seen = attempt.event.seen;
    let (code, transport) = match &attempt.event.message {
        Message::Unreachable(unreachable) => {
            (refuses(unreachable.code, attempt.kdc).then_some(unreachable.code)?, "UDP")
        }
        _ => match connection_of(attempt).filter(|connection| is_refused(connection, attempt.kdc))?.refused? {
            Refusal::Icmp(code) => (code, "TCP"),
            Refusal::Reset => {
                let means = format!("answers the request of {client} for a connection");
                return Some(("its answer is RST", Evidence::new(seen, "tcp.flags.reset", "1", means)));
            }
        },
    };
    let (field, port) = match attempt.kdc {
        IpAddr::V4(_) => ("icmp.code", 3),
        IpAddr::V6(_) => ("icmpv6.code", 4),
    };
    let how = if code == port {
        "an ICMP message says that nobody listens there"
    } else {
        "an ICMP message says that a rule forbids it"
    };
    let means = format!("in answer to {client}, by {transport}");
    Some((how, Evidence::new(seen, field, code.to_string(), means)))
}

#[cfg(test)]
mod tests {
    use super::PORT_REFUSED;
    use crate::{
        Severity,
        testing::{clear, found, pending},
    };

    #[test]
    fn found_when_the_answer_is_a_reset() {
        let finding = found(
            &PORT_REFUSED,
            "
            0.000 pc > dc  connect refused syns 3
        ",
        );
        assert_eq!(finding.packets(), [1]);
        assert_eq!(finding.severity(), Severity::Critical);
    }

    #[test]
    fn found_when_a_rule_forbids_the_connection() {
        let finding = found(
            &PORT_REFUSED,
            "
            0.000 pc > dc  connect refused icmp 13
        ",
        );
        assert!(finding.found.summary.contains("a rule forbids"));
    }

    #[test]
    fn found_when_nobody_listens_for_udp() {
        let finding = found(
            &PORT_REFUSED,
            "
            0.000 pc > dc  as-req alice udp
            0.001 dc > pc  icmp 3
        ",
        );
        assert_eq!(finding.packets(), [2]);
        assert!(finding.found.summary.contains("nobody listens"));
    }

    #[test]
    fn less_severe_when_the_other_transport_works() {
        let finding = found(
            &PORT_REFUSED,
            "
            0.000 pc > dc  as-req alice udp
            0.001 dc > pc  icmp 3
            0.010 pc > dc  as-req alice
            0.014 dc > pc  krb-error 25 padata 16,2
        ",
        );
        assert_eq!(finding.severity(), Severity::Medium);
    }

    #[test]
    fn clear_when_the_host_cannot_be_reached() {
        clear(
            &PORT_REFUSED,
            "
            0.000 pc > dc  as-req alice udp
            0.001 dc > pc  icmp 1
            5.000 pc2 > dc connect refused icmp 1
        ",
        );
    }

    #[test]
    fn clear_when_nothing_comes_back() {
        clear(
            &PORT_REFUSED,
            "
            0.000 pc > dc  connect unanswered syns 4
            30             end
        ",
        );
    }

    #[test]
    fn pending_until_something_comes_back() {
        pending(
            &PORT_REFUSED,
            "
            0.000 pc > dc  as-req alice udp
            0.500          open
        ",
        );
    }
}
