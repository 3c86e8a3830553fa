//! NET-03.

use capture::CaptureTime;
use decode::{Closing, Seen, Transport, kerberos::Stage};
use trace::{Class, Exchange, Facts, Logon, Silence};

use super::is_large;
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::{LOSSY, ONE_SIDED, REPLY_MISSING},
};

rule! {
    /// ## What happened
    ///
    /// The domain controller takes the connection on the Kerberos port (TCP 88) and then does not reply to the
    /// request. Clients wait ten seconds and try elsewhere or give up: the sign-in is slow, or fails. The domain
    /// controller may be overloaded, or wait itself: for the holder of the role PDC emulator, a global catalog,
    /// or the revocation list of the user's certificate. A device that inspects traffic may swallow the request,
    /// too; then it is not even acknowledged, or the connection is reset.
    ///
    /// ## How we know
    ///
    /// A complete request over TCP had no reply for ten seconds, or the domain controller closed or reset the
    /// connection instead, and the client got no answer elsewhere in that time, after which it would no longer have
    /// wanted this one. Silence is no proof: where only one direction was captured, or packets are missing from the
    /// capture, the question stays open. It is less sure where some other conversation was captured one way only,
    /// or where the same domain controller answered the same sign-in later: then the network may have failed for a
    /// moment. Where the client closed the connection sooner, but after a second or more, perhaps its user changed
    /// their mind, and the finding is of medium severity; and where the request was sent again and again and not
    /// acknowledged, perhaps it did not arrive (of large packets NET-05 tells that): possible, no more.
    ///
    /// ## What to do
    ///
    /// 1. On the domain controller, look at its load:
    ///    `Get-Counter '\Process(lsass)\% Processor Time','\Security System-Wide Statistics\KDC AS Requests'`.
    /// 2. See whether it finds the others it needs: `nltest /dsgetdc:corp.example /pdc /force`,
    ///    `nltest /dsgetdc:corp.example /gc /force`, `repadmin /showrepl`.
    /// 3. If users with certificates are concerned, see whether it gets the revocation list of their CA:
    ///    `certutil -verify -urlfetch user.cer` on the domain controller, and the log CAPI2.
    /// 4. Record at the domain controller, too, to see whether the request arrives there, and whether a reply leaves: of
    ///    one whose packets are all too large for the way, a capture at the client shows nothing (NET-05).
    ///
    /// ## Sources
    ///
    /// Microsoft's page on the registry values of Kerberos and the KDC (KdcWaitTime); RFC 4120 §7.2.2; text of
    /// Kerberos client event 302. Seen with an MIT KDC that hangs: the
    /// sample `dc-takes-requests-and-stays-silent`.
    pub static NO_REPLY = {
        code: "NET-03",
        title: "the domain controller takes the connection and never replies to the request",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["Kerberos client 302", "KDC 7", "CAPI2 53"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let mut verdict = Verdict::Clear;
    for exchange in logon.exchanges.iter().filter(|exchange| exchange.transport == Transport::Tcp) {
        let Some(asked) = exchange.request.as_deref().map(|event| event.seen) else { continue };
        if exchange.reply.is_some() || is_lost(exchange) || was_answered_elsewhere(logon, asked) {
            continue;
        }
        match unanswered(logon, facts, exchange, asked) {
            Verdict::Clear => {}
            Verdict::Found(found) => return Verdict::Found(found),
            other => verdict = other,
        }
    }
    verdict
}

/// Whether large packets are lost on the way, and not the domain controller's connection: that is NET-05. Or a part of
/// the reply did come.
fn is_lost(exchange: &Exchange) -> bool {
    let reset = matches!(exchange.silence, Silence::Closed { how: Closing::ServerFin | Closing::ServerReset, .. });
    exchange.lost_reply.is_some()
        || exchange.never_delivered().is_some_and(|lost| lost.of_reply || (is_large(lost) && !reset))
}

/// Whether the client got another answer before the time for this one was up: then it no longer waited.
fn was_answered_elsewhere(logon: &Logon, asked: Seen) -> bool {
    let window = 0..Exchange::REPLY_WAIT_SECONDS * CaptureTime::SECOND;
    let mut replies = logon.exchanges.iter().filter_map(|exchange| exchange.reply.as_deref());
    replies.any(|reply| window.contains(&reply.seen.at.since(asked.at)))
}

/// What a request without a reply says.
fn unanswered(logon: &Logon, facts: &Facts, exchange: &Exchange, asked: Seen) -> Verdict {
    let visibility = &facts.visibility;
    let kdc = exchange.kdc.address;
    let answers = facts.domain_controllers.get(&kdc).is_some_and(|dc| !dc.response_times.is_empty());
    if visibility.is_one_sided() || (visibility.one_sided > 0 && !answers) {
        return Verdict::Unseen(ONE_SIDED);
    }
    if visibility.misses(&[Class::Kerberos]) {
        return Verdict::Unseen(LOSSY);
    }
    match exchange.silence {
        Silence::Hidden => return Verdict::Unseen(REPLY_MISSING),
        Silence::Unreachable(_) => return Verdict::Clear,
        Silence::Waiting | Silence::TimedOut | Silence::Closed { .. } => {}
    }
    let last_asked = exchange.repeats.last().copied().unwrap_or(asked);
    let closed = match exchange.silence {
        Silence::Closed { seen, how } => Some(Closed { seen, how, after: seen.at.since(last_asked.at) }),
        _ => None,
    };
    // Nobody can say what the domain controller would have done.
    if closed.as_ref().is_some_and(|closed| !closed.by_kdc() && closed.after < LEAST_PATIENCE) {
        return Verdict::Clear;
    }
    let is_decided = closed.as_ref().is_some_and(|closed| closed.by_kdc() || facts.finished());
    if !is_decided && !facts.passed(last_asked.at, Exchange::REPLY_WAIT_SECONDS) {
        return if facts.finished() { Verdict::Clear } else { Verdict::Pending };
    }
    let replied_later = logon
        .exchanges
        .iter()
        .any(|other| other.kdc.address == kdc && other.reply.as_deref().is_some_and(|reply| reply.seen > asked));
    let others = if answers { "; other requests it does answer" } else { "" };
    let in_haste = closed.as_ref().is_some_and(Closed::in_haste);
    let lost = exchange.never_delivered();
    let what = match (lost, &closed) {
        (_, Some(closed)) if closed.by_kdc() => format!("{} it instead of a reply", closed.words()),
        (Some(lost), _) => format!("did not acknowledge the request, sent {} times or more", lost.sent),
        (None, Some(closed)) if in_haste => format!("did not reply before the client {} it", closed.words()),
        _ => format!("did not reply to the request within {} seconds", Exchange::REPLY_WAIT_SECONDS),
    };
    let summary = format!("the domain controller took the connection and {what}{others}");
    let lost = lost.map(|lost| {
        let means = format!("sent {} times and not acknowledged", lost.sent);
        Evidence::new(lost.seen, "tcp.len", lost.bytes.to_string(), means)
    });
    let kind = if exchange.stage == Stage::As { "10" } else { "12" };
    let next = logon.exchanges.iter().filter_map(|other| other.request.as_deref().map(|event| (other, event.seen)));
    let next = next.filter(|(_, seen)| *seen > asked).min_by_key(|(_, seen)| *seen).map(|(other, seen)| {
        let means = if other.kdc.address == kdc { "the client asks again" } else { "the client turns to another" };
        Evidence::new(seen, "ip.dst", other.kdc.address.to_string(), means)
    });
    let clean = visibility.one_sided == 0 && !replied_later && lost.is_none() && !in_haste;
    let found = Found::new(Confidence::Likely.lowered_unless(clean), Subject::DomainController(kdc), summary);
    let found = if in_haste && lost.is_none() { found.with_severity(Severity::Medium) } else { found };
    found
        .with(Evidence::new(asked, "kerberos.msg_type", kind, format!("{} asks, and no reply comes", logon.client)))
        .with_some(lost)
        .with_some(closed.map(|closed| closed.evidence()))
        .with_some(next)
        .into()
}

/// A client that closes its connection sooner than this, in nanoseconds, has not waited for an answer.
const LEAST_PATIENCE: i64 = CaptureTime::SECOND;

/// The end of a connection on which a request had no reply.
struct Closed {
    seen: Seen,
    how: Closing,
    /// Nanoseconds after the request.
    after: i64,
}

impl Closed {
    fn by_kdc(&self) -> bool {
        matches!(self.how, Closing::ServerFin | Closing::ServerReset)
    }

    /// Whether the client did not wait for as long as clients do.
    fn in_haste(&self) -> bool {
        !self.by_kdc() && self.after < Exchange::REPLY_WAIT_SECONDS * CaptureTime::SECOND
    }

    fn is_reset(&self) -> bool {
        matches!(self.how, Closing::ServerReset | Closing::ClientReset)
    }

    fn words(&self) -> &'static str {
        if self.is_reset() { "reset" } else { "closed" }
    }

    fn evidence(&self) -> Evidence {
        let flag = if self.is_reset() { "RST" } else { "FIN" };
        let who = if self.by_kdc() { "the domain controller" } else { "the client" };
        let milliseconds = self.after / 1_000_000;
        Evidence::new(self.seen, "tcp.flags", flag, format!("{who} ends the connection {milliseconds} ms later"))
    }
}

#[cfg(test)]
mod tests {
    use super::NO_REPLY;
    use crate::{
        Confidence, Severity,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_no_reply_comes() {
        let finding = found(
            &NO_REPLY,
            "
            0.000 pc > dc  as-req alice pkinit
            11             end
        ",
        );
        assert_eq!(finding.packets(), [1]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn found_when_the_client_turns_to_another_domain_controller_then() {
        let finding = found(
            &NO_REPLY,
            "
            0.000 pc > dc  as-req alice pkinit
            10.10 pc > dc2 as-req alice pkinit
            10.12 dc2 > pc as-rep alice ticket T1 pkinit
            12             end
        ",
        );
        assert_eq!(finding.packets(), [1, 2]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn found_when_a_request_for_a_service_has_no_reply() {
        let finding = found(
            &NO_REPLY,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit
            0.020 pc > dc  tgs-req host/pc.corp.example ticket T1
            11             end
        ",
        );
        assert_eq!(finding.packets(), [3]);
        assert!(finding.found.summary.ends_with("other requests it does answer"));
    }

    #[test]
    fn less_sure_when_the_same_domain_controller_answers_later() {
        let finding = found(
            &NO_REPLY,
            "
            0.000 pc > dc  as-req alice pkinit
            11.00 pc > dc  as-req alice pkinit flow 2
            11.01 dc > pc  as-rep alice ticket T1 pkinit flow 2
            12             end
        ",
        );
        assert_eq!(finding.packets(), [1, 2]);
        assert_eq!(finding.found.confidence, Confidence::Possible);
    }

    #[test]
    fn no_more_than_possible_when_the_request_is_not_acknowledged() {
        let finding = found(
            &NO_REPLY,
            "
            0.000 pc > dc  as-req alice pkinit
            2.100 pc > dc  unacknowledged bytes 210 sent 4
            11             end
        ",
        );
        assert_eq!(finding.packets(), [1, 2]);
        assert_eq!(finding.found.confidence, Confidence::Possible);
        assert!(finding.found.summary.contains("not acknowledge"), "{}", finding.found.summary);
    }

    #[test]
    fn found_at_once_when_the_connection_is_reset_instead() {
        let finding = found(
            &NO_REPLY,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 pc > dc  connect open since 1 closed server-reset
        ",
        );
        assert_eq!(finding.packets(), [1, 2]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert!(finding.found.summary.ends_with("and reset it instead of a reply"), "{}", finding.found.summary);
    }

    #[test]
    fn no_more_than_possible_when_the_client_closes_early() {
        let finding = found(
            &NO_REPLY,
            "
            0.000 pc > dc  as-req alice pkinit
            2.000 pc > dc  connect open since 1 closed client-fin
            11             end
        ",
        );
        assert_eq!((finding.found.confidence, finding.severity()), (Confidence::Possible, Severity::Medium));
        assert!(finding.found.summary.ends_with("before the client closed it"), "{}", finding.found.summary);
    }

    #[test]
    fn clear_when_the_client_closes_at_once() {
        clear(
            &NO_REPLY,
            "
            0.000 pc > dc  as-req alice pkinit
            0.053 pc > dc  connect open since 1 closed client-fin
            11             end
        ",
        );
    }

    #[test]
    fn clear_when_a_part_of_the_reply_is_lost() {
        clear(
            &NO_REPLY,
            "
            0.000 pc > dc  as-req alice pkinit
            5.000 pc > dc  connect open since 1 closed client-fin lost 1448 to-client
            30             end
        ",
        );
    }

    #[test]
    fn clear_when_it_is_too_large_for_the_way() {
        clear(
            &NO_REPLY,
            "
            0.000 pc > dc  as-req alice pkinit
            2.100 pc > dc  unacknowledged bytes 1460 sent 4
            11             end
        ",
        );
    }

    #[test]
    fn clear_when_the_reply_is_slow() {
        clear(
            &NO_REPLY,
            "
            0.000 pc > dc  as-req alice pkinit
            9.000 dc > pc  as-rep alice ticket T1 pkinit
            30             end
        ",
        );
    }

    #[test]
    fn clear_when_another_domain_controller_answers_first() {
        clear(
            &NO_REPLY,
            "
            0.000 pc > dc  as-req alice pkinit
            1.000 pc > dc2 as-req alice pkinit
            1.010 dc2 > pc as-rep alice ticket T1 pkinit
            30             end
        ",
        );
    }

    #[test]
    fn clear_when_requests_by_udp_get_no_answer() {
        clear(
            &NO_REPLY,
            "
            0.000 pc > dc  as-req alice udp nonce 1
            1.000 pc > dc  as-req alice udp nonce 1
            30             end
        ",
        );
    }

    #[test]
    fn clear_when_the_capture_ends_too_soon() {
        clear(
            &NO_REPLY,
            "
            0.000 pc > dc  as-req alice pkinit
            9              end
        ",
        );
    }

    #[test]
    fn pending_while_the_reply_may_come() {
        pending(
            &NO_REPLY,
            "
            0.000 pc > dc  as-req alice pkinit
            9              open
        ",
        );
    }

    #[test]
    fn unseen_when_one_direction_was_captured() {
        unseen(
            &NO_REPLY,
            "
            0.000 pc > dc  as-req alice pkinit
            1.000 pc > dc  connect one-sided bytes 300,0
            2.000 pc2 > dc2 connect open bytes 300,300
            30             end
        ",
        );
    }

    #[test]
    fn unseen_when_the_reply_may_be_in_a_hole() {
        unseen(
            &NO_REPLY,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  hole
            30             end
        ",
        );
    }

    #[test]
    fn unseen_when_packets_were_dropped() {
        unseen(
            &NO_REPLY,
            "
            0.000 pc > dc  as-req alice pkinit
            1.000          dropped
            30             end
        ",
        );
    }

    #[test]
    fn what_was_not_decoded_hides_an_answer_of_its_class_only() {
        let script = |class| format!("0.000 pc > dc  as-req alice pkinit\n1.000 shed {class}\n30 end");
        unseen(&NO_REPLY, &script("kerberos"));
        assert_eq!(found(&NO_REPLY, &script("locating")).packets(), found(&NO_REPLY, &script("web")).packets());
    }
}
