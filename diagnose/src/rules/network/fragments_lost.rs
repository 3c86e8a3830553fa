//! NET-05.

use decode::Transport;
use trace::{Exchange, Facts, Logon, Silence};

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::{LOSSY, ONE_SIDED, REPLY_MISSING},
};

rule! {
    /// ## What happened
    ///
    /// A request with a key is too large for one packet. The client sent it over UDP, in fragments, again and again,
    /// and no answer came: a device on the way drops fragments. Windows uses TCP for such requests, so this hits other
    /// clients, and Windows where somebody set MaxPacketSize.
    ///
    /// ## How we know
    ///
    /// The same AS-REQ came over UDP in several packets at least twice, and nothing answered within ten seconds. That
    /// is silence: it counts only in a capture of both directions without losses. A domain controller that drops the
    /// request for another reason looks the same.
    ///
    /// ## What to do
    ///
    /// 1. Let the client use TCP: `udp_preference_limit = 1` in krb5.conf; on Windows, MaxPacketSize = 1 in the
    ///    registry key Lsa, Kerberos, Parameters, or delete the value.
    /// 2. Find the device that drops fragments: firewalls do so by default, tunnels with a small MTU do it silently.
    ///
    /// ## Sources
    ///
    /// RFC 4120 §7.2.1; Microsoft: force Kerberos to use TCP instead of UDP. Not seen in a capture.
    pub static FRAGMENTS_LOST = {
        code: "NET-05",
        title: "large requests over UDP get no answer",
        severity: Severity::Medium,
        since: "0.1.0",
        supersedes: ["NET-03"],
        errors: [],
        statuses: [],
        events: ["System Kerberos 10"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    for exchange in logon.as_exchanges().filter(|exchange| exchange.transport == Transport::Udp) {
        let in_parts = exchange.request.as_deref().filter(|request| request.seen.first != request.seen.last);
        let Some(request) = in_parts.filter(|_| exchange.reply.is_none() && exchange.repeat_count > 0) else {
            continue;
        };
        if facts.visibility.is_one_sided() {
            return Verdict::Unseen(ONE_SIDED);
        }
        if facts.visibility.has_drops() {
            return Verdict::Unseen(LOSSY);
        }
        match exchange.silence {
            Silence::Hidden => return Verdict::Unseen(REPLY_MISSING),
            Silence::Unreachable(_) => continue,
            Silence::Waiting | Silence::TimedOut => {}
        }
        let last = exchange.repeats.last().copied().unwrap_or(request.seen);
        if !facts.passed(last.at, Exchange::REPLY_WAIT_SECONDS) {
            return if facts.finished() { Verdict::Clear } else { Verdict::Pending };
        }
        let times = exchange.repeat_count.saturating_add(1);
        let summary =
            format!("{} sent a request in several packets over UDP {times} times, and no answer came", logon.client);
        let evidence = |seen, means: &str| Evidence::new(seen, "ip.fragment", "several packets", means);
        return Found::new(Confidence::Likely, Subject::DomainController(exchange.kdc.address), summary)
            .with(evidence(request.seen, "the request, put together from its fragments"))
            .with(evidence(last, "the same again"))
            .into();
    }
    Verdict::Clear
}

#[cfg(test)]
mod tests {
    use super::FRAGMENTS_LOST;
    use crate::testing::{clear, found, pending, unseen};

    fn asked(how: &str) -> String {
        format!("0.0 pc > dc as-req alice pkinit nonce 7 {how}\n1.0 pc > dc as-req alice pkinit nonce 7 {how}\n")
    }

    #[test]
    fn found_when_fragments_are_sent_twice_in_vain() {
        let finding = found(&FRAGMENTS_LOST, &format!("{}30 end", asked("udp fragments")));
        assert_eq!(finding.packets(), [1, 2]);
        assert!(finding.found.summary.contains("2 times"), "{}", finding.found.summary);
    }

    #[test]
    fn clear_when_it_is_answered_small_or_by_tcp() {
        clear(&FRAGMENTS_LOST, &format!("{}1.1 dc > pc krb-error 62 udp\n30 end", asked("udp fragments")));
        clear(&FRAGMENTS_LOST, &format!("{}30 end", asked("udp")));
        clear(&FRAGMENTS_LOST, &format!("{}30 end", asked("fragments")));
    }

    #[test]
    fn pending_until_its_time_is_up() {
        pending(&FRAGMENTS_LOST, &format!("{}2 open", asked("udp fragments")));
    }

    #[test]
    fn unseen_when_packets_are_missing() {
        unseen(&FRAGMENTS_LOST, &format!("{}30 dropped", asked("udp fragments")));
    }
}
