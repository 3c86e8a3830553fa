//! LOC-05.

use std::{collections::BTreeMap, net::IpAddr};

use capture::CaptureTime;
use decode::Seen;
use trace::{Class, Facts, Ping};

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::{LOSSY, ONE_SIDED, REPLY_MISSING},
    windows::{LAST_PINGS, LOCATED_SECONDS, PING_SECONDS, PING_WINDOW_SECONDS, UNANSWERED_PINGS},
};

rule! {
    /// ## What happened
    ///
    /// The computer knows domain controllers by name, asked them whether they are there (the netlogon ping, LDAP over
    /// UDP 389), and got no answer from any. So it takes them for dead and does not sign in there, even if their other
    /// ports can be reached. Mostly a firewall or VPN lets TCP 389 through and not UDP 389.
    ///
    /// ## How we know
    ///
    /// A client sent a netlogon ping to a domain controller at least twice within a minute, nothing came back within
    /// three seconds of the last time nor within the minute after it, and no other domain controller of the domain
    /// answered that client in this time, as computers ask several and take the first. Where an ICMP message says that
    /// the ping did not arrive, it is proven; silence makes it likely, and counts only in a capture of both directions
    /// without losses, when the three seconds are over or the client gave up after four times. It is one step less sure
    /// if the capture ends within the minute, or if the capture holds no answer of any kind to this client. Where the
    /// client reaches a KDC within thirty seconds all the same, from its cache, the severity is medium. A capture
    /// behind a filter next to the domain controller may miss the answers.
    ///
    /// ## What to do
    ///
    /// 1. On the client: `nltest /dsgetdc:corp.example /force`. Test the port with
    ///    `portqry -n dc1.corp.example -p udp -e 389`, which sends a query of LDAP; TCP 389 alone is not enough.
    /// 2. Allow UDP 389 from clients, VPN ranges included, to all domain controllers.
    /// 3. On a domain controller, see that it serves: `Get-Service NTDS,Netlogon`, `dcdiag /test:Advertising`.
    ///
    /// ## Sources
    ///
    /// MS-ADTS 6.3.3 and 6.3.6.2 (how a client picks a domain controller by pings); RFC 1798; texts of the Kerberos
    /// client events 200 and 302. The windows are our choice. Not seen in a capture.
    pub static PING_UNANSWERED = {
        code: "LOC-05",
        title: "the domain controller does not answer the netlogon ping (UDP 389)",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [0xc000_005e],
        events: ["Kerberos client 200", "Kerberos client 302", "NETLOGON 5719"],
        check: Scope::Device(check),
    };
}

/// Pings of one client to one domain controller without an answer, each within a minute of the one before.
struct Run<'f> {
    first: &'f Ping,
    last: Seen,
    times: u32,
    hidden: bool,
    unreachable: Option<Seen>,
}

fn check(client: IpAddr, facts: &Facts) -> Verdict {
    let mut silent: BTreeMap<IpAddr, Run<'_>> = BTreeMap::new();
    let mut ended: Vec<Run<'_>> = Vec::new();
    for ping in facts.pings.pings_of(client) {
        let goes_on = |run: &Run<'_>| ping.first().at.since(run.last.at) <= seconds(PING_WINDOW_SECONDS.of(facts));
        let run = silent.remove(&ping.server);
        let Some(answer) = ping.answer() else {
            let run = match run {
                Some(run) if goes_on(&run) => Run {
                    last: ping.last(),
                    times: run.times.saturating_add(ping.times),
                    hidden: run.hidden || ping.hidden,
                    unreachable: run.unreachable.or(ping.unreachable.as_deref().copied()),
                    ..run
                },
                over => {
                    ended.extend(over);
                    let (times, hidden, unreachable) = (ping.times, ping.hidden, ping.unreachable.as_deref().copied());
                    Run { first: ping, last: ping.last(), times, hidden, unreachable }
                }
            };
            silent.insert(ping.server, run);
            continue;
        };
        // An answer within the minute withdraws it; the pings before that are of another time.
        ended.extend(run.filter(|run| answer.seen.at.since(run.last.at) > seconds(PING_WINDOW_SECONDS.of(facts))));
    }
    ended.extend(silent.into_values());
    ended.sort_by_key(|run| run.first.first());
    let mut verdict = Verdict::Clear;
    for run in &ended {
        match judge(run, &ended, client, facts) {
            Verdict::Clear => {}
            Verdict::Found(found) => return Verdict::Found(found),
            other => verdict = other,
        }
    }
    verdict
}

/// What pings without an answer say.
fn judge(run: &Run<'_>, all: &[Run<'_>], client: IpAddr, facts: &Facts) -> Verdict {
    let undecided = if facts.finished() { Verdict::Clear } else { Verdict::Pending };
    let complete = facts.passed(run.last.at, PING_WINDOW_SECONDS.of(facts));
    if another_answered(run, client, facts) {
        return Verdict::Clear;
    }
    if run.times < UNANSWERED_PINGS.of(facts) && run.unreachable.is_none() {
        // It may be asked again, or answered yet.
        return if complete { Verdict::Clear } else { undecided };
    }
    if run.unreachable.is_none() {
        if run.hidden {
            return Verdict::Unseen(REPLY_MISSING);
        }
        if facts.visibility.is_one_sided() {
            return Verdict::Unseen(ONE_SIDED);
        }
        if facts.visibility.misses(&[Class::Locating]) {
            return Verdict::Unseen(LOSSY);
        }
        if run.times < LAST_PINGS.of(facts) && !facts.passed(run.last.at, PING_SECONDS.of(facts)) {
            return undecided;
        }
    }
    let said = if run.unreachable.is_some() { Confidence::Proven } else { Confidence::Likely };
    let confidence =
        said.lowered_unless(complete).lowered_unless(run.unreachable.is_some() || is_answered_at_all(client, facts));
    let domain = &run.first.domain;
    let same = |other: &&Run<'_>| {
        other.first.server != run.first.server
            && other.first.domain == *domain
            && other.first.first().at.since(run.first.first().at).abs() <= seconds(PING_WINDOW_SECONDS.of(facts))
    };
    let others: Vec<&Run<'_>> = all.iter().filter(same).collect();
    // Where several are silent, it is not the fault of one of them.
    let (subject, who) = if others.is_empty() || domain.is_empty() {
        (Subject::DomainController(run.first.server), "the domain controller does not answer")
    } else {
        (Subject::Domain(domain.to_string()), "none of the domain controllers asked answers")
    };
    let summary = format!("{who} when {client} asks over UDP 389 whether it is there, so the client does not use it");
    let asks = |run: &Run<'_>| {
        let means = format!("{client} asks {} whether it is there, and gets no answer", run.first.server);
        Evidence::new(run.first.first(), "cldap", times(run.times), means)
    };
    let mut found = Found::new(confidence, subject, summary);
    if let Some(unreachable) = run.unreachable {
        found =
            found.with(Evidence::new(unreachable, "icmp.type", "3", "the network says that the ping did not arrive"));
    }
    found = found.with(asks(run));
    if run.last != run.first.first() {
        found = found.with(Evidence::new(run.last, "cldap", "", "the last time that it asks"));
    }
    for other in others {
        found = found.with(asks(other));
    }
    if facts.kerberos_within(client, run.last.at, LOCATED_SECONDS.of(facts)) {
        found = found.with_severity(Severity::Medium);
    }
    found.into()
}

/// Whether any domain controller of the same domain answered this client from a minute before to a minute after.
fn another_answered(run: &Run<'_>, client: IpAddr, facts: &Facts) -> bool {
    facts.pings.pings_of(client).any(|ping| {
        let Some(answer) = ping.answer() else { return false };
        let is_of_domain = ping.domain == run.first.domain || ping.domain.is_empty() || run.first.domain.is_empty();
        let after = answer.seen.at.since(run.last.at);
        let before = run.first.first().at.since(answer.seen.at);
        is_of_domain
            && after <= seconds(PING_WINDOW_SECONDS.of(facts))
            && before <= seconds(PING_WINDOW_SECONDS.of(facts))
    })
}

/// Whether the capture holds any answer to this client: else it may hold one direction only.
fn is_answered_at_all(client: IpAddr, facts: &Facts) -> bool {
    facts.pings.pings_of(client).any(|ping| ping.answer().is_some())
        || facts.locator.lookups_of(client).any(|lookup| lookup.answer().is_some())
        || facts.visibility.conversations > facts.visibility.one_sided
}

fn times(count: u32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn seconds(seconds: i64) -> i64 {
    seconds * CaptureTime::SECOND
}

#[cfg(test)]
mod tests {
    use super::PING_UNANSWERED;
    use crate::{
        Confidence, Severity, Subject,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_the_only_domain_controller_is_silent() {
        let finding = found(
            &PING_UNANSWERED,
            "
            0.000 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
            0.010 dns > pc  srv-answer _ldap._tcp.dc._msdcs.corp.example found
            0.100 pc > dc   ping id 1
            0.500 pc > dc   ping id 2
            90              end
        ",
        );
        assert_eq!(finding.packets(), [3, 4]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert_eq!(finding.severity(), Severity::High);
        assert!(matches!(finding.found.subject, Subject::DomainController(_)));
    }

    #[test]
    fn found_for_the_domain_when_all_are_silent() {
        let finding = found(
            &PING_UNANSWERED,
            "
            0.100 pc > dc   ping id 1
            0.200 pc > dc2  ping id 2
            15.50 pc > dc   ping id 3
            15.60 pc > dc2  ping id 4
            90              end
        ",
        );
        assert_eq!(finding.found.subject, Subject::Domain("corp.example".to_owned()));
        assert_eq!(finding.packets(), [1, 3, 2]);
        assert_eq!(finding.found.confidence, Confidence::Possible, "no answer to this client is in the capture");
    }

    #[test]
    fn proven_when_the_network_says_so() {
        let finding = found(
            &PING_UNANSWERED,
            "
            0.000 pc > dc   ping
            0.001 dc > pc   icmp 3
            90              end
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Proven);
        assert_eq!(finding.packets(), [2, 1]);
    }

    #[test]
    fn less_severe_when_the_client_knows_a_kdc() {
        let finding = found(
            &PING_UNANSWERED,
            "
            0.000 pc > dc   ping id 1
            1.000 pc > dc   ping id 2
            5.000 pc > dc   as-req alice
            5.010 dc > pc   krb-error 25 padata 16,2
            90              end
        ",
        );
        assert_eq!(finding.severity(), Severity::Medium);
    }

    #[test]
    fn less_sure_when_the_capture_ends_within_the_minute() {
        let finding = found(
            &PING_UNANSWERED,
            "
            0.000 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
            0.010 dns > pc  srv-answer _ldap._tcp.dc._msdcs.corp.example found
            0.100 pc > dc   ping id 1
            0.500 pc > dc   ping id 2
            10              end
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Possible);
    }

    #[test]
    fn clear_when_another_domain_controller_answers() {
        clear(
            &PING_UNANSWERED,
            "
            0.000 pc > dc   ping id 1
            0.400 pc > dc2  ping id 2
            0.401 dc2 > pc  pong id 2
            0.800 pc > dc   ping id 3
            90              end
        ",
        );
    }

    #[test]
    fn clear_when_it_answers_late() {
        clear(
            &PING_UNANSWERED,
            "
            0.000 pc > dc   ping id 1
            0.400 pc > dc   ping id 2
            30.00 pc > dc   ping id 3
            30.01 dc > pc   pong id 3
            90              end
        ",
        );
    }

    #[test]
    fn clear_when_it_was_asked_once() {
        clear(
            &PING_UNANSWERED,
            "
            0.000 pc > dc   ping
            90              end
        ",
        );
    }

    #[test]
    fn clear_when_it_has_nothing_to_say_about_the_domain() {
        clear(
            &PING_UNANSWERED,
            "
            0.000 pc > dc   ping domain other.example
            0.001 dc > pc   pong nothing
            90              end
        ",
        );
    }

    #[test]
    fn pending_while_it_may_answer() {
        pending(
            &PING_UNANSWERED,
            "
            0.000 pc > dc   ping id 1
            0.400 pc > dc   ping id 2
            2               open
        ",
        );
    }

    #[test]
    fn unseen_when_the_answer_is_cut_or_packets_are_missing() {
        unseen(
            &PING_UNANSWERED,
            "
            0.000 pc > dc   ping id 1
            0.001 dc > pc   pong-cut
            0.400 pc > dc   ping id 2
            90              end
        ",
        );
        unseen(
            &PING_UNANSWERED,
            "
            0.000 pc > dc   ping id 1
            0.400 pc > dc   ping id 2
            3.000           dropped
            90              end
        ",
        );
    }

    #[test]
    fn unseen_when_one_direction_was_captured() {
        unseen(
            &PING_UNANSWERED,
            "
            0.000 pc > dc   ping id 1
            0.400 pc > dc   ping id 2
            3.000 pc2 > dc  connect one-sided bytes 300,0
            90              end
        ",
        );
    }
}
