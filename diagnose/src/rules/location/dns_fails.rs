//! LOC-02.

use std::net::IpAddr;

use trace::{Class, Facts, Lookup};

use super::{found_elsewhere, lookups_of};
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::{LOSSY, ONE_SIDED, REPLY_MISSING},
    windows::{DNS_SECONDS, LAST_QUESTIONS, LOCATED_SECONDS, OTHER_DNS_SECONDS, UNANSWERED_QUESTIONS},
};

rule! {
    /// ## What happened
    ///
    /// The computer asked DNS where the domain controllers are, and the server stays silent, or says that it cannot or
    /// will not answer. So the computer learns no domain controller's name.
    ///
    /// ## How we know
    ///
    /// A locator question (SRV records of `dc._msdcs`, or of `_kerberos`) was answered with rcode 2 (SERVFAIL) or 5
    /// (REFUSED), which is proven; or it was asked at least twice and no answer came within five seconds of the last
    /// time, which is likely. The finding is withdrawn when another server names a domain controller within ten
    /// seconds. Silence counts only in a capture of both directions without losses, and when the time is over or the
    /// client gave up after three questions. Where the client reaches a KDC within thirty seconds all the same, from
    /// its cache, the severity is medium.
    ///
    /// ## What to do
    ///
    /// 1. On the client: `Resolve-DnsName -Type SRV _ldap._tcp.dc._msdcs.corp.example -Server 192.0.2.53`, with the
    ///    address of the server in the evidence.
    /// 2. If nothing comes back, allow UDP 53 and TCP 53 from the client to that server, and see that the service runs
    ///    there: `Get-Service DNS`.
    /// 3. For SERVFAIL, look at that server's forwarders: `Get-DnsServerForwarder` and
    ///    `Get-DnsServerZone | ? ZoneType -eq Forwarder`. A conditional forwarder for the domain must lead to domain
    ///    controllers.
    /// 4. For REFUSED, let that server answer recursive questions of the client, or give the client another server.
    ///
    /// ## Sources
    ///
    /// MS-ADTS 6.3.6.1 (how a client locates a domain controller); RFC 1035 §4.1.1; text of the Kerberos client event
    /// 200. The windows are our choice.
    pub static DNS_FAILS = {
        code: "LOC-02",
        title: "the DNS server does not answer questions for domain controllers",
        severity: Severity::Critical,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [0xc000_005e],
        events: ["Kerberos client 200", "DNS Client 1014"],
        check: Scope::Device(check),
    };
}

/// RFC 1035 §4.1.1: the server was unable to process the question.
const SERVER_FAILURE: u8 = 2;
/// RFC 1035 §4.1.1: the server refuses to answer.
const REFUSED: u8 = 5;

fn check(client: IpAddr, facts: &Facts) -> Verdict {
    let mut verdict = Verdict::Clear;
    for lookup in lookups_of(facts, client) {
        let of_this = if lookup.answer().is_some() { answered(lookup, facts) } else { silent(lookup, facts) };
        match of_this {
            Verdict::Clear => {}
            Verdict::Found(found) => return Verdict::Found(found),
            other => verdict = other,
        }
    }
    verdict
}

/// A question that came back without an answer to it.
fn answered(lookup: &Lookup, facts: &Facts) -> Verdict {
    let Some(answer) = lookup.answer() else { return Verdict::Clear };
    let code = match answer.rcode {
        SERVER_FAILURE => "2 SERVFAIL",
        REFUSED => "5 REFUSED",
        _ => return Verdict::Clear,
    };
    let at = answer.seen.at;
    if found_elsewhere(facts, lookup.client, lookup.domain(), at) {
        return Verdict::Clear;
    }
    let confidence = Confidence::Proven.lowered_unless(facts.passed(at, OTHER_DNS_SECONDS.of(facts)));
    let refuses = if answer.rcode == REFUSED { "refuses to answer" } else { "is unable to answer" };
    let summary = format!("the DNS server {refuses} where the domain controllers are");
    let means = format!("{} {refuses}", lookup.server);
    let found = Found::new(confidence, Subject::Domain(lookup.domain().to_owned()), summary).with(Evidence::new(
        answer.seen,
        "dns.flags.rcode",
        code,
        means,
    ));
    finish(found, lookup, facts)
}

/// A question that nothing came back for.
fn silent(lookup: &Lookup, facts: &Facts) -> Verdict {
    let last = lookup.last_asked();
    let undecided = if facts.finished() { Verdict::Clear } else { Verdict::Pending };
    if lookup.times() < UNANSWERED_QUESTIONS.of(facts) {
        // It may be asked again, or answered yet.
        return if facts.passed(last.at, OTHER_DNS_SECONDS.of(facts)) { Verdict::Clear } else { undecided };
    }
    if found_elsewhere(facts, lookup.client, lookup.domain(), last.at) {
        return Verdict::Clear;
    }
    if facts.visibility.is_one_sided() {
        return Verdict::Unseen(ONE_SIDED);
    }
    if facts.visibility.misses(&[Class::Locating]) {
        return Verdict::Unseen(LOSSY);
    }
    if lookup.hidden {
        return Verdict::Unseen(REPLY_MISSING);
    }
    let gave_up = lookup.times() >= LAST_QUESTIONS.of(facts);
    if !gave_up && !facts.passed(last.at, DNS_SECONDS.of(facts)) {
        return undecided;
    }
    let confidence = Confidence::Likely.lowered_unless(facts.passed(last.at, OTHER_DNS_SECONDS.of(facts)));
    let times = lookup.times();
    let summary =
        format!("the DNS server was asked {times} times where the domain controllers are, and no answer came");
    finish(Found::new(confidence, Subject::Domain(lookup.domain().to_owned()), summary), lookup, facts)
}

/// Adds the questions, and how much it mattered.
fn finish(mut found: Found, lookup: &Lookup, facts: &Facts) -> Verdict {
    found.evidence.extend(lookup.asked().map(|asked| {
        let means = format!("{} asks {} for a domain controller", lookup.client, lookup.server);
        Evidence::new(asked, "dns.qry.name", lookup.name().to_string(), means)
    }));
    if facts.kerberos_within(lookup.client, lookup.first_asked().at, LOCATED_SECONDS.of(facts)) {
        found = found.with_severity(Severity::Medium);
    }
    found.into()
}

#[cfg(test)]
mod tests {
    use super::DNS_FAILS;
    use crate::{
        Confidence, Severity,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_the_server_cannot_answer() {
        let finding = found(
            &DNS_FAILS,
            "
            0.000 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
            0.010 dns > pc  srv-answer _ldap._tcp.dc._msdcs.corp.example servfail
            20              end
        ",
        );
        assert_eq!(finding.packets(), [2, 1]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
        assert_eq!(finding.severity(), Severity::Critical);
    }

    #[test]
    fn found_when_the_server_stays_silent() {
        let finding = found(
            &DNS_FAILS,
            "
            0.000 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
            2.000 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
            20              end
        ",
        );
        assert_eq!(finding.packets(), [1, 2]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn found_when_the_client_gave_up_before_the_capture_ends() {
        let finding = found(
            &DNS_FAILS,
            "
            0.000 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
            1.000 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
            3.000 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
            5               end
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Possible);
    }

    #[test]
    fn less_severe_when_the_client_knows_a_kdc() {
        let finding = found(
            &DNS_FAILS,
            "
            0.000 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
            0.010 dns > pc  srv-answer _ldap._tcp.dc._msdcs.corp.example refused
            1.000 pc > dc   as-req alice
            1.004 dc > pc   krb-error 25 padata 16,2
            20              end
        ",
        );
        assert_eq!(finding.severity(), Severity::Medium);
    }

    #[test]
    fn clear_when_another_server_helps() {
        clear(
            &DNS_FAILS,
            "
            0.000 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
            1.000 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
            2.000 pc > dc   srv _ldap._tcp.dc._msdcs.corp.example
            2.010 dc > pc   srv-answer _ldap._tcp.dc._msdcs.corp.example found
            20              end
        ",
        );
    }

    #[test]
    fn clear_when_it_was_asked_once() {
        clear(
            &DNS_FAILS,
            "
            0.000 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
            20              end
        ",
        );
    }

    #[test]
    fn clear_when_the_capture_ends_too_soon() {
        clear(
            &DNS_FAILS,
            "
            0.000 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
            2.000 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
            4               end
        ",
        );
    }

    #[test]
    fn pending_while_the_server_may_answer() {
        pending(
            &DNS_FAILS,
            "
            0.000 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
            2.000 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
            4               open
        ",
        );
    }

    #[test]
    fn unseen_when_one_direction_was_captured() {
        unseen(
            &DNS_FAILS,
            "
            0.000 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
            2.000 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
            3.000 pc2 > dc  connect one-sided bytes 300,0
            20              end
        ",
        );
    }

    #[test]
    fn unseen_when_packets_are_missing() {
        unseen(
            &DNS_FAILS,
            "
            0.000 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
            2.000 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
            3.000           dropped
            20              end
        ",
        );
    }

    #[test]
    fn unseen_when_dns_was_not_decoded() {
        let asked = "pc > dns  srv _ldap._tcp.dc._msdcs.corp.example";
        let script = |class| format!("0.000 {asked}\n2.000 {asked}\n3.000 shed {class}\n20 end");
        unseen(&DNS_FAILS, &script("locating"));
        found(&DNS_FAILS, &script("ldap"));
    }

    #[test]
    fn unseen_when_the_answers_are_cut() {
        unseen(
            &DNS_FAILS,
            "
            0.000 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
            0.010 dns > pc  dns-cut
            2.000 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
            2.010 dns > pc  dns-cut
            20              end
        ",
        );
    }
}
