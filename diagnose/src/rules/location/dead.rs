//! LOC-09.

use std::net::IpAddr;

use capture::CaptureTime;
use decode::Seen;
use trace::{Class, DomainController, Facts};

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::{LOSSY, ONE_SIDED, REPLY_MISSING},
    windows::{DEAD_CLIENTS, DEAD_SECONDS, PING_SECONDS},
};

rule! {
    /// ## What happened
    ///
    /// DNS names a domain controller that does not exist any more, or does not run. Every computer that draws it from
    /// the list waits for it before it turns to another, which costs seconds at each sign-in.
    ///
    /// ## How we know
    ///
    /// DNS gave the name of this address as that of a domain controller; at least three clients sent it netlogon pings,
    /// over five minutes or more; and not one packet from it is in the capture, while other domain controllers do
    /// answer pings. That is silence, so it counts only in a capture of both directions without losses. It would be
    /// wrong if the place where the capture was made never sees what this one sends: record at a client, or in the core
    /// of the network.
    ///
    /// ## What to do
    ///
    /// 1. See whether it should be there: `Get-ADDomainController -Filter * | Format-Table Name,IPv4Address,Site`, and
    ///    `Test-NetConnection -ComputerName dc2.corp.example -Port 389`.
    /// 2. If it is gone for good, remove it from Active Directory: delete its computer object in the unit Domain
    ///    Controllers, and its server object in Active Directory Sites and Services (metadata cleanup).
    /// 3. Delete its records in DNS, those in `_msdcs` included:
    ///    `Get-DnsServerResourceRecord -ZoneName _msdcs.corp.example -RRType Srv`.
    ///
    /// ## Sources
    ///
    /// MS-ADTS 6.3.6.2 (clients ping the domain controllers that DNS names, one after another); Microsoft: clean up
    /// Active Directory server metadata. Three clients and five minutes are our choice. Not seen in a capture.
    pub static DEAD_CONTROLLER = {
        code: "LOC-09",
        title: "a domain controller that DNS names never answers",
        severity: Severity::Medium,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["NETLOGON 5774"],
        check: Scope::Device(check),
    };
}

fn check(client: IpAddr, facts: &Facts) -> Verdict {
    let mut verdict = Verdict::Clear;
    let mut seen: Vec<IpAddr> = Vec::new();
    for ping in facts.pings.pings_of(client).filter(|ping| ping.answer().is_none()) {
        if seen.contains(&ping.server) {
            continue;
        }
        seen.push(ping.server);
        let Some(dc) = facts.domain_controllers.get(&ping.server).filter(|dc| !dc.heard) else { continue };
        let Some(name) = facts.locator.name_of(ping.server).filter(|name| facts.locator.is_target(name)) else {
            continue;
        };
        if ping.hidden {
            verdict = Verdict::Unseen(REPLY_MISSING);
            continue;
        }
        match judge(ping.server, name, dc, facts) {
            Verdict::Clear => {}
            Verdict::Found(found) => {
                let means = format!("{client} asks it in vain");
                return found.with(Evidence::new(ping.first(), "ip.dst", ping.server.to_string(), means)).into();
            }
            other => verdict = other,
        }
    }
    verdict
}

/// What the silence of a domain controller says.
fn judge(server: IpAddr, name: &str, dc: &DomainController, facts: &Facts) -> Verdict {
    let Some((first, last)) = dc.sought else { return Verdict::Clear };
    let others = facts.domain_controllers.iter().filter(|(address, _)| **address != server);
    let mut answers = others.filter_map(|(address, other)| Some((*address, other.located.as_ref()?.seen?)));
    let Some((other, answered)) = answers.next() else { return Verdict::Clear };
    let lasts = last.at.since(first.at) >= DEAD_SECONDS.of(facts) * CaptureTime::SECOND;
    if dc.pinged_by.len() < DEAD_CLIENTS.of(facts) || !lasts || !facts.passed(last.at, PING_SECONDS.of(facts)) {
        return if facts.finished() { Verdict::Clear } else { Verdict::Pending };
    }
    if facts.visibility.is_one_sided() {
        return Verdict::Unseen(ONE_SIDED);
    }
    if facts.visibility.misses(&[Class::Locating]) {
        return Verdict::Unseen(LOSSY);
    }
    let minutes = last.at.since(first.at) / CaptureTime::SECOND / 60;
    let summary = format!(
        "DNS names {name} as a domain controller; {} clients asked it over {minutes} minutes, and nothing ever came back",
        count(dc.pinged_by.len())
    );
    let asks = |seen: Seen, means: &str| Evidence::new(seen, "ip.dst", server.to_string(), means);
    let connection = dc.unanswered.map(|seen| asks(seen, "a connection to it that nobody answers"));
    Found::new(Confidence::Likely, Subject::DomainController(server), summary)
        .with(asks(first, "the first netlogon ping to it without an answer"))
        .with(asks(last, "the last"))
        .with_some(connection)
        .with(Evidence::new(answered, "ip.src", other.to_string(), "another domain controller answers"))
        .into()
}

fn count(clients: usize) -> String {
    if clients < DomainController::MAX_CLIENTS { clients.to_string() } else { format!("{clients} or more") }
}

#[cfg(test)]
mod tests {
    use super::DEAD_CONTROLLER;
    use crate::{
        Confidence,
        testing::{clear, found, pending, unseen},
    };

    /// DNS names dc2; dc is there.
    const NAMED: &str = "
        0.000 pc > dns   srv _ldap._tcp.dc._msdcs.corp.example
        0.010 dns > pc   srv-answer _ldap._tcp.dc._msdcs.corp.example found dc2.corp.example
        0.020 dns > pc   a-answer dc2.corp.example 10.99.0.11
        0.030 pc > dc    ping id 1
        0.031 dc > pc    pong id 1
    ";
    const SILENT: &str = "
        1.000 pc > dc2   ping id 2
        100.0 pc2 > dc2  ping id 3
        200.0 pc3 > dc2  ping id 4
        200.5 pc3 > dc2  connect unanswered syns 2
        320.0 pc > dc2   ping id 5
    ";

    #[test]
    fn found_when_nothing_ever_comes_back() {
        let finding = found(&DEAD_CONTROLLER, &format!("{NAMED}{SILENT}\n330 end"));
        assert_eq!(finding.packets(), [6, 10, 9, 5, 6]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert!(finding.found.summary.contains("dc2.corp.example"), "{}", finding.found.summary);
    }

    #[test]
    fn clear_when_it_ever_answers() {
        clear(&DEAD_CONTROLLER, &format!("{NAMED}{SILENT}\n321 dc2 > pc pong id 5\n330 end"));
        clear(&DEAD_CONTROLLER, &format!("{NAMED}{SILENT}\n321 pc > dc2 connect refused\n330 end"));
    }

    #[test]
    fn clear_when_no_other_one_answers() {
        let alone = NAMED.replace("0.031 dc > pc    pong id 1", "");
        clear(&DEAD_CONTROLLER, &format!("{alone}{SILENT}\n330 end"));
    }

    #[test]
    fn clear_when_dns_does_not_name_it() {
        let other = NAMED.replace("found dc2.corp.example", "found dc1.corp.example");
        clear(&DEAD_CONTROLLER, &format!("{other}{SILENT}\n330 end"));
    }

    #[test]
    fn clear_when_it_was_asked_for_a_short_time_or_by_two_clients() {
        clear(&DEAD_CONTROLLER, &format!("{NAMED}{}\n330 end", SILENT.replace("320.0", "220.0")));
        clear(&DEAD_CONTROLLER, &format!("{NAMED}{}\n330 end", SILENT.replace("pc3", "pc2")));
    }

    #[test]
    fn pending_while_it_may_answer() {
        pending(&DEAD_CONTROLLER, &format!("{NAMED}{SILENT}\n321 open"));
    }

    #[test]
    fn unseen_when_packets_are_missing() {
        unseen(&DEAD_CONTROLLER, &format!("{NAMED}{SILENT}\n325 dropped\n330 end"));
    }
}
