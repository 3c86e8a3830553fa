//! NET-04.

use capture::CaptureTime;
use decode::{Transport, kerberos::ErrorCode};
use trace::{Facts, Logon};

use super::{connection_of, is_refused, is_silent};
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::{LOSSY, ONE_SIDED, Refusal, refusals},
    windows::TCP_RETRY_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// The domain controller's answer does not fit a UDP packet, so it told the client to ask again over TCP. PKINIT
    /// answers never fit. The client could not: TCP port 88 is blocked, while UDP port 88 is open.
    ///
    /// ## How we know
    ///
    /// The domain controller answered a request by UDP with error 52 (KRB_ERR_RESPONSE_TOO_BIG), and then the client's
    /// connection to TCP port 88 of the same domain controller was refused (proven) or not answered (likely), or none
    /// was seen within five seconds (possible). Error 52 that the client follows by TCP is routine. A client that turns
    /// to another domain controller outside of this capture looks the same. In a capture of one direction, or with
    /// packets missing, the question stays open.
    ///
    /// ## What to do
    ///
    /// 1. On the client: `Test-NetConnection dc1.corp.example -Port 88`.
    /// 2. Allow TCP 88 wherever UDP 88 is allowed: firewalls, VPN rules, the firewall of the domain controller.
    /// 3. Windows uses TCP from the start unless told otherwise. See whether somebody did:
    ///    `reg query HKLM\SYSTEM\CurrentControlSet\Control\Lsa\Kerberos\Parameters /v MaxPacketSize`; 0 or no value
    ///    means TCP. For MIT clients set `udp_preference_limit = 1` in krb5.conf.
    ///
    /// ## Sources
    ///
    /// RFC 4120 §7.2.1; Microsoft's page on the registry values of Kerberos and the KDC; captures of Samba's KDC.
    pub static UDP_ONLY = {
        code: "NET-04",
        title: "the answer is too big for UDP and TCP does not work",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: ["NET-01", "NET-02"],
        errors: [52],
        statuses: [],
        events: ["Kerberos client 10"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let mut verdict = Verdict::Clear;
    for refusal in refusals(logon, ErrorCode::RESPONSE_TOO_BIG) {
        if refusal.exchange.transport != Transport::Udp {
            continue;
        }
        match after(&refusal, logon, facts) {
            Verdict::Clear => {}
            Verdict::Found(found) => return Verdict::Found(found),
            other => verdict = other,
        }
    }
    verdict
}

/// What came after the client was told to use TCP.
fn after(refusal: &Refusal<'_>, logon: &Logon, facts: &Facts) -> Verdict {
    let (kdc, told) = (refusal.kdc(), refusal.answered);
    let in_time =
        |at: CaptureTime| (0..=TCP_RETRY_SECONDS.of(facts) * CaptureTime::SECOND).contains(&at.since(told.at));
    let found = |confidence, summary: &str, evidence| {
        Found::new(confidence, Subject::DomainController(kdc), summary)
            .with(refusal.answer("the client is to ask again over TCP"))
            .with_some(evidence)
            .into()
    };
    // It did come over TCP, and its request got lost there: that is NET-05.
    if logon.attempts.iter().any(|attempt| attempt.kdc == kdc && attempt.lost_request().is_some()) {
        return Verdict::Clear;
    }
    let attempts = logon.attempts.iter().filter(|attempt| attempt.kdc == kdc);
    let failed: Vec<_> = attempts
        .filter_map(|attempt| connection_of(attempt).map(|connection| (attempt, connection)))
        .filter(|(_, connection)| in_time(connection.began.at))
        .collect();
    if let Some((attempt, _)) = failed.iter().find(|(_, connection)| is_refused(connection, kdc)) {
        let means = "the connection over TCP is refused";
        let evidence = Evidence::new(attempt.event.seen, "tcp.dstport", "88", means);
        let summary =
            "the domain controller's answer does not fit UDP, and it refuses the client's connection over TCP";
        return found(Confidence::Proven, summary, Some(evidence));
    }
    let silent = failed.iter().find(|(_, connection)| is_silent(connection));
    // By the order of packets, however late: two recorders' clocks differ, and TCP that works later works.
    let asked_again = logon.exchanges.iter().any(|exchange| {
        // Where this domain controller stays silent, an answer of another one does not make it good.
        (silent.is_none() || exchange.kdc.address == kdc)
            && exchange.transport == Transport::Tcp
            && exchange.began().is_some_and(|began| began > told)
    });
    if asked_again || (silent.is_none() && !failed.is_empty()) {
        return Verdict::Clear;
    }
    if facts.visibility.is_one_sided() {
        return Verdict::Unseen(ONE_SIDED);
    }
    if facts.visibility.is_lossy() || facts.visibility.kerberos_cut() > 0 {
        return Verdict::Unseen(LOSSY);
    }
    if !facts.passed(told.at, TCP_RETRY_SECONDS.of(facts)) {
        return if facts.finished() { Verdict::Clear } else { Verdict::Pending };
    }
    if let Some((_, connection)) = silent {
        let evidence = Evidence::new(connection.began, "tcp.dstport", "88", "the connection over TCP is not answered");
        let summary = "the domain controller's answer does not fit UDP, and it does not answer the client over TCP";
        return found(Confidence::Likely, summary, Some(evidence));
    }
    let summary = "the domain controller's answer does not fit UDP, and the client did not ask again over TCP: \
                   consistent with a firewall on the client that blocks it";
    found(Confidence::Possible, summary, None)
}

#[cfg(test)]
mod tests {
    use super::UDP_ONLY;
    use crate::{
        Confidence,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_tcp_is_refused() {
        let finding = found(
            &UDP_ONLY,
            "
            0.000 pc > dc  as-req alice pkinit udp
            0.004 dc > pc  krb-error 52 udp
            0.010 pc > dc  connect refused
        ",
        );
        assert_eq!(finding.packets(), [2, 3]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
    }

    #[test]
    fn found_when_tcp_is_not_answered_though_another_dc_helps() {
        let finding = found(
            &UDP_ONLY,
            "
            0.000 pc > dc  as-req alice pkinit udp
            0.004 dc > pc  krb-error 52 udp
            0.010 pc > dc  connect unanswered syns 2
            3.000 pc > dc2 as-req alice pkinit
            3.010 dc2 > pc as-rep alice ticket T1 pkinit
            30             end
        ",
        );
        assert_eq!(finding.packets(), [2, 3]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn clear_when_the_request_is_lost_on_its_way() {
        clear(
            &UDP_ONLY,
            "
            0.000 pc > dc  as-req alice pkinit udp
            0.004 dc > pc  krb-error 52 udp
            0.010 pc > dc  connect open lost 2896 to-server
            30             end
        ",
        );
    }

    #[test]
    fn found_when_the_client_falls_silent() {
        let finding = found(
            &UDP_ONLY,
            "
            0.000 pc > dc  as-req alice pkinit udp
            0.004 dc > pc  krb-error 52 udp
            10             end
        ",
        );
        assert_eq!(finding.packets(), [2]);
        assert_eq!(finding.found.confidence, Confidence::Possible);
    }

    #[test]
    fn clear_when_the_client_asks_again_over_tcp() {
        clear(
            &UDP_ONLY,
            "
            0.000 pc > dc  as-req alice pkinit udp
            0.004 dc > pc  krb-error 52 udp
            0.010 pc > dc  as-req alice pkinit
            0.020 dc > pc  as-rep alice ticket T1 pkinit
            10             end
        ",
        );
    }

    #[test]
    fn clear_when_the_client_turns_to_another_dc_over_tcp() {
        clear(
            &UDP_ONLY,
            "
            0.000 pc > dc  as-req alice pkinit udp
            0.004 dc > pc  krb-error 52 udp
            0.010 pc > dc2 as-req alice pkinit
            0.020 dc2 > pc as-rep alice ticket T1 pkinit
            10             end
        ",
        );
    }

    #[test]
    fn clear_when_a_second_connection_works() {
        clear(
            &UDP_ONLY,
            "
            0.000 pc > dc  as-req alice pkinit udp
            0.004 dc > pc  krb-error 52 udp
            0.010 pc > dc  connect unanswered syns 1
            3.010 pc > dc  as-req alice pkinit flow 2
            3.020 dc > pc  as-rep alice ticket T1 pkinit flow 2
            10             end
        ",
        );
    }

    #[test]
    fn clear_when_the_capture_ends_at_once() {
        clear(
            &UDP_ONLY,
            "
            0.000 pc > dc  as-req alice pkinit udp
            0.004 dc > pc  krb-error 52 udp
        ",
        );
    }

    #[test]
    fn pending_while_the_client_may_ask_again() {
        pending(
            &UDP_ONLY,
            "
            0.000 pc > dc  as-req alice pkinit udp
            0.004 dc > pc  krb-error 52 udp
            1.000          open
        ",
        );
    }

    #[test]
    fn unseen_when_one_direction_was_captured() {
        unseen(
            &UDP_ONLY,
            "
            0.000 dc > pc  krb-error 52 udp
            10             end
        ",
        );
    }

    #[test]
    fn unseen_when_packets_are_missing() {
        unseen(
            &UDP_ONLY,
            "
            0.000 pc > dc  as-req alice pkinit udp
            0.004 dc > pc  krb-error 52 udp
            0.010 dc > pc2 hole
            10             end
        ",
        );
    }

    #[test]
    fn clear_when_the_two_directions_have_clocks_of_their_own() {
        clear(
            &UDP_ONLY,
            "
            0.000 pc > dc  as-req alice password udp
            2.004 dc > pc  krb-error 52 udp
            0.010 pc > dc  as-req alice password
            2.015 dc > pc  as-rep alice ticket T1
            30             end
        ",
        );
    }

    #[test]
    fn unseen_when_the_request_over_tcp_may_be_cut() {
        unseen(
            &UDP_ONLY,
            "
            0.000 pc > dc  as-req alice password udp
            0.004 dc > pc  krb-error 52 udp
            0.010 pc > dc  cut
            30             end
        ",
        );
    }
}
