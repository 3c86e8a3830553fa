//! NET-05.

use std::net::IpAddr;

use decode::{Closing, KDC_PORT, Message, NotReceived, Seen, Transport, kerberos::Stage};
use trace::{Class, Exchange, Facts, Logon, Silence, Undelivered};

use super::{asks_again, is_large};
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::{LOSSY, ONE_SIDED, REPLY_MISSING},
};

rule! {
    /// ## What happened
    ///
    /// A request with a key or a certificate is too large for one packet, and so is the reply to it. Over TCP they fill
    /// packets of the greatest size, and a tunnel on the way (a VPN, mostly) takes smaller ones only and does not say
    /// so: the connection opens, and what is sent on it does not arrive. Over UDP they are sent in fragments, and a
    /// device on the way drops those. Signing in with a password works meanwhile: its messages are small. Windows uses
    /// TCP for such requests unless somebody set MaxPacketSize.
    ///
    /// ## How we know
    ///
    /// Over TCP, bytes of the request or of the reply came four times or more in packets of 1,200 bytes or more,
    /// and were never acknowledged, though the other side did acknowledge what was before: so it shows in a capture on
    /// the sender's side of the fault, of a request at the client. Or the receiver got the end of a message and
    /// still acknowledged only what was before some other part of it, which is not in the capture either: so it shows
    /// on the receiver's side, of a request at the domain controller. That is possible, no more: a way that broke at
    /// that moment, or a packet filter behind the recorder, looks the same. Over UDP, the same AS-REQ came in
    /// several packets at least twice. Nothing answered within ten seconds, or the client gave up before, or the
    /// ticket was not used. That is silence: it counts only in a capture of both directions without losses. A
    /// domain controller that drops the request for another reason looks the same.
    ///
    /// ## What to do
    ///
    /// 1. Find the largest packet that gets through: `ping -f -l 1372 dc01` with other numbers, to and fro. Lower the
    ///    MTU of the VPN to that and 28 bytes more, or let it adjust the MSS of TCP.
    /// 2. Let ICMP "fragmentation needed" (type 3, code 4; in IPv6 type 2) through every firewall on the way.
    /// 3. If it came over UDP, let the client use TCP: `udp_preference_limit = 1` in krb5.conf; on Windows,
    ///    MaxPacketSize = 1 in the registry key Lsa, Kerberos, Parameters, or delete the value. Firewalls drop
    ///    fragments by default.
    ///
    /// ## Sources
    ///
    /// RFC 4120 §7.2.1; RFC 2923 §2.1 (black holes of path MTU discovery); Microsoft: force Kerberos to use TCP
    /// instead of UDP. Over TCP, the samples `large-packets-lost`, `large-request-lost` and `large-reply-lost`. Over
    /// UDP not seen in a capture.
    pub static LARGE_MESSAGES_LOST = {
        code: "NET-05",
        title: "large Kerberos messages are lost on the way",
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
    let lost = logon.exchanges.iter().find_map(|exchange| {
        let lost = exchange.never_delivered().filter(|&lost| is_large(lost))?;
        // A ticket that is used has arrived, or another did.
        let arrived = lost.of_reply && exchange.stage == Stage::As && logon.ticket_used();
        (!arrived).then_some((exchange, lost))
    });
    if let Some((exchange, lost)) = lost {
        return not_acknowledged(facts, exchange, lost);
    }
    if let Some(hole) = Hole::of_request(logon).or_else(|| Hole::of_reply(logon)) {
        return hole.verdict(logon, facts);
    }
    fragments(logon, facts)
}

/// A part of a message that did not arrive, though what follows it did.
struct Hole<'l> {
    lost: NotReceived,
    kdc: IpAddr,
    of_reply: bool,
    shown: Evidence,
    exchange: Option<&'l Exchange>,
}

impl<'l> Hole<'l> {
    /// Of a request, on a connection on which none arrived.
    fn of_request(logon: &'l Logon) -> Option<Self> {
        let attempts = logon.attempts.iter().filter_map(|attempt| Some((attempt, attempt.lost_request()?)));
        let (attempt, lost) =
            attempts.into_iter().find(|(attempt, lost)| !went_well_later(logon, attempt.kdc, lost.seen))?;
        let Message::Connection(connection) = &attempt.event.message else { return None };
        let means = format!("{} opens a connection for its request", logon.client);
        let shown = Evidence::new(connection.began, "tcp.dstport", KDC_PORT.to_string(), means);
        Some(Self { lost, kdc: attempt.kdc, of_reply: false, shown, exchange: None })
    }

    /// Of a reply.
    fn of_reply(logon: &'l Logon) -> Option<Self> {
        logon.exchanges.iter().find_map(|exchange| {
            let lost = exchange.lost_reply.filter(|_| exchange.reply.is_none())?;
            if went_well_later(logon, exchange.kdc.address, lost.seen) {
                return None;
            }
            let kind = if exchange.stage == Stage::As { "10" } else { "12" };
            let means = "the request, to which a part of the reply does not arrive";
            let shown = Evidence::new(exchange.began()?, "kerberos.msg_type", kind, means);
            Some(Self { lost, kdc: exchange.kdc.address, of_reply: true, shown, exchange: Some(exchange) })
        })
    }

    fn verdict(self, logon: &Logon, facts: &Facts) -> Verdict {
        if facts.visibility.misses(&[Class::Kerberos]) {
            return Verdict::Unseen(LOSSY);
        }
        if self.exchange.is_some_and(|exchange| exchange.silence == Silence::Hidden) {
            return Verdict::Unseen(REPLY_MISSING);
        }
        let (whose, to, asks) = if self.of_reply {
            ("reply", "the client", logon.client.to_string())
        } else {
            ("request", "the domain controller", "the domain controller".to_owned())
        };
        let bytes = self.lost.bytes;
        let summary = format!(
            "{bytes} bytes of the {whose} did not reach {to} over TCP, though what follows them did: large packets may \
             be lost on the way"
        );
        Found::new(Confidence::Possible, Subject::DomainController(self.kdc), summary)
            .with(asks_again(self.lost, &asks))
            .with(self.shown)
            .into()
    }
}

/// Whether a request to this domain controller that came later over TCP was answered.
fn went_well_later(logon: &Logon, kdc: IpAddr, seen: Seen) -> bool {
    let answered = logon.exchanges.iter().filter(|exchange| exchange.reply.is_some());
    let mut over_tcp = answered.filter(|exchange| exchange.transport == Transport::Tcp && exchange.kdc.address == kdc);
    over_tcp.any(|exchange| exchange.began().is_some_and(|began| began > seen))
}

/// What large bytes over TCP say that were not acknowledged.
fn not_acknowledged(facts: &Facts, exchange: &Exchange, lost: Undelivered) -> Verdict {
    if facts.visibility.is_one_sided() {
        return Verdict::Unseen(ONE_SIDED);
    }
    if facts.visibility.misses(&[Class::Kerberos]) {
        return Verdict::Unseen(LOSSY);
    }
    let is_decided = match exchange.silence {
        Silence::Hidden if exchange.reply.is_none() => return Verdict::Unseen(REPLY_MISSING),
        // That is NET-03.
        Silence::Closed { how: Closing::ServerFin | Closing::ServerReset, .. } if !lost.of_reply => {
            return Verdict::Clear;
        }
        Silence::Closed { .. } => true,
        _ => false,
    };
    if !is_decided && !facts.passed(lost.seen.at, Exchange::REPLY_WAIT_SECONDS) {
        return if facts.finished() { Verdict::Clear } else { Verdict::Pending };
    }
    let (whose, message, kind) = match (lost.of_reply, exchange.stage) {
        (false, Stage::As) => ("request", &exchange.request, "10"),
        (false, Stage::Tgs) => ("request", &exchange.request, "12"),
        (true, _) if exchange.error().is_some() => ("reply", &exchange.reply, "30"),
        (true, Stage::As) => ("reply", &exchange.reply, "11"),
        (true, Stage::Tgs) => ("reply", &exchange.reply, "13"),
    };
    let Undelivered { seen, bytes, sent, .. } = lost;
    let summary = format!(
        "{bytes} bytes of the {whose} were sent {sent} times or more over TCP and not acknowledged: large packets \
         may be lost on the way"
    );
    let message = message.as_deref().map(|message| {
        Evidence::new(message.seen, "kerberos.msg_type", kind, format!("the {whose}, complete in this packet"))
    });
    Found::new(Confidence::Possible, Subject::DomainController(exchange.kdc.address), summary)
        .with(Evidence::new(seen, "tcp.len", bytes.to_string(), format!("sent {sent} times and not acknowledged")))
        .with_some(message)
        .into()
}

/// What requests over UDP say that came in fragments.
fn fragments(logon: &Logon, facts: &Facts) -> Verdict {
    for exchange in logon.as_exchanges().filter(|exchange| exchange.transport == Transport::Udp) {
        let in_parts = exchange.request.as_deref().filter(|request| request.seen.first != request.seen.last);
        let Some(request) = in_parts.filter(|_| exchange.reply.is_none() && exchange.repeat_count > 0) else {
            continue;
        };
        if facts.visibility.is_one_sided() {
            return Verdict::Unseen(ONE_SIDED);
        }
        if facts.visibility.misses(&[Class::Kerberos]) {
            return Verdict::Unseen(LOSSY);
        }
        match exchange.silence {
            Silence::Hidden => return Verdict::Unseen(REPLY_MISSING),
            Silence::Unreachable(_) => continue,
            Silence::Waiting | Silence::TimedOut | Silence::Closed { .. } => {}
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
    use super::LARGE_MESSAGES_LOST;
    use crate::{
        Confidence,
        testing::{clear, found, pending, unseen},
    };

    fn asked(how: &str) -> String {
        format!("0.0 pc > dc as-req alice pkinit nonce 7 {how}\n1.0 pc > dc as-req alice pkinit nonce 7 {how}\n")
    }

    #[test]
    fn found_when_fragments_are_sent_twice_in_vain() {
        let finding = found(&LARGE_MESSAGES_LOST, &format!("{}30 end", asked("udp fragments")));
        assert_eq!(finding.packets(), [1, 2]);
        assert!(finding.found.summary.contains("2 times"), "{}", finding.found.summary);
    }

    #[test]
    fn found_when_a_request_or_a_reply_over_tcp_is_not_acknowledged() {
        let request = "0.0 pc > dc as-req alice pkinit\n2.1 pc > dc unacknowledged bytes 1460 sent 4\n30 end";
        let finding = found(&LARGE_MESSAGES_LOST, request);
        assert_eq!(finding.packets(), [2, 1]);
        assert!(finding.found.summary.starts_with("1460 bytes of the request"), "{}", finding.found.summary);
        let finding = found(&LARGE_MESSAGES_LOST, &format!("{REPLY}30 end"));
        assert_eq!(finding.packets(), [3, 2]);
        assert!(finding.found.summary.starts_with("1460 bytes of the reply"), "{}", finding.found.summary);
    }

    const REPLY: &str = "
        0.0 pc > dc as-req alice pkinit
        0.1 dc > pc as-rep alice ticket T1 pkinit
        2.1 dc > pc unacknowledged bytes 1460 sent 4
    ";

    #[test]
    fn found_when_a_part_of_the_request_does_not_reach_the_domain_controller() {
        let lost = "0.0 pc > dc connect open lost 2896 to-server";
        let finding = found(&LARGE_MESSAGES_LOST, lost);
        assert_eq!((finding.packets(), finding.found.confidence), (vec![1, 1], Confidence::Possible));
        assert!(finding.found.summary.starts_with("2896 bytes of the request did not"), "{}", finding.found.summary);
        let asked = "2.0 pc > dc as-req alice pkinit flow 2";
        found(&LARGE_MESSAGES_LOST, &format!("{lost}\n{asked}\n30 end"));
        clear(&LARGE_MESSAGES_LOST, &format!("{lost}\n{asked}\n2.1 dc > pc as-rep alice ticket T1 pkinit flow 2"));
        unseen(&LARGE_MESSAGES_LOST, &format!("{lost}\n30 dropped"));
    }

    #[test]
    fn found_when_a_part_of_the_reply_does_not_reach_the_client() {
        let lost = "0.0 pc > dc as-req alice pkinit\n5.0 pc > dc connect open since 1 lost 1448 to-client";
        let finding = found(&LARGE_MESSAGES_LOST, lost);
        assert_eq!((finding.packets(), finding.found.confidence), (vec![2, 1], Confidence::Possible));
        assert!(finding.found.summary.starts_with("1448 bytes of the reply did not"), "{}", finding.found.summary);
        let ticket = "0.0 pc > dc as-req alice pkinit flow 2\n0.1 dc > pc as-rep alice ticket T1 pkinit flow 2";
        let lost_too = "0.2 pc > dc tgs-req cifs/a ticket T1\n5.0 pc > dc connect open since 3 lost 1448 to-client";
        let again = "6.0 pc > dc tgs-req cifs/a ticket T1 flow 3\n6.1 dc > pc tgs-rep cifs/a ticket T2 flow 3";
        found(&LARGE_MESSAGES_LOST, &format!("{ticket}\n{lost_too}"));
        clear(&LARGE_MESSAGES_LOST, &format!("{ticket}\n{lost_too}\n{again}"));
        unseen(&LARGE_MESSAGES_LOST, &format!("{lost}\n30 dropped"));
    }

    #[test]
    fn clear_when_it_arrives_in_the_end() {
        clear(&LARGE_MESSAGES_LOST, &format!("{REPLY}3.0 pc > dc tgs-req cifs/files ticket T1 flow 2\n30 end"));
        let request = "0.0 pc > dc as-req alice pkinit\n2.1 pc > dc unacknowledged bytes 1460 sent 4";
        clear(&LARGE_MESSAGES_LOST, &format!("{request}\n2.5 dc > pc as-rep alice ticket T1 pkinit\n30 end"));
    }

    #[test]
    fn clear_when_it_is_acknowledged_after_all() {
        clear(&LARGE_MESSAGES_LOST, &format!("{REPLY}4.5 dc > pc unacknowledged bytes 1460 sent 4 at-last\n30 end"));
        let request = "0.0 pc > dc as-req alice pkinit\n2.1 pc > dc unacknowledged bytes 1460 sent 4";
        clear(
            &LARGE_MESSAGES_LOST,
            &format!("{request}\n4.5 pc > dc unacknowledged bytes 1460 sent 4 at-last\n30 end"),
        );
    }

    #[test]
    fn found_at_once_when_the_client_gives_up_and_clear_when_the_kdc_resets() {
        let request = "0.0 pc > dc as-req alice pkinit\n2.1 pc > dc unacknowledged bytes 1460 sent 4";
        found(&LARGE_MESSAGES_LOST, &format!("{request}\n4 pc > dc connect open since 1 ago 4 closed client-reset"));
        clear(&LARGE_MESSAGES_LOST, &format!("{request}\n4 pc > dc connect open since 1 ago 4 closed server-reset"));
    }

    #[test]
    fn clear_when_what_is_not_acknowledged_is_small() {
        let request = "0.0 pc > dc as-req alice\n2.1 pc > dc unacknowledged bytes 210 sent 4\n30 end";
        clear(&LARGE_MESSAGES_LOST, request);
    }

    #[test]
    fn pending_or_unseen_over_tcp() {
        let request = "0.0 pc > dc as-req alice pkinit\n2.1 pc > dc unacknowledged bytes 1460 sent 4\n";
        pending(&LARGE_MESSAGES_LOST, &format!("{request}5 open"));
        unseen(&LARGE_MESSAGES_LOST, &format!("{request}30 dropped"));
    }

    #[test]
    fn clear_when_it_is_answered_small_or_by_tcp() {
        clear(&LARGE_MESSAGES_LOST, &format!("{}1.1 dc > pc krb-error 62 udp\n30 end", asked("udp fragments")));
        clear(&LARGE_MESSAGES_LOST, &format!("{}30 end", asked("udp")));
        clear(&LARGE_MESSAGES_LOST, &format!("{}30 end", asked("fragments")));
    }

    #[test]
    fn pending_until_its_time_is_up() {
        pending(&LARGE_MESSAGES_LOST, &format!("{}2 open", asked("udp fragments")));
    }

    #[test]
    fn unseen_when_packets_are_missing() {
        unseen(&LARGE_MESSAGES_LOST, &format!("{}30 dropped", asked("udp fragments")));
    }
}
