//! LOC-04.

use std::net::IpAddr;

use trace::Facts;

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::{LOSSY, ONE_SIDED},
    windows::DNS_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// DNS names a domain controller, and has no address for that name. Computers that draw it from the list lose time,
    /// and find no domain controller where it is the only one.
    ///
    /// ## How we know
    ///
    /// An answer to a question for domain controllers names this host. A question for its address was answered with "no
    /// such name", or without an address, and no other answer in the capture has one. Questions for an address of
    /// version 6 do not count where the name exists. If the client knows the address from elsewhere (a file, its
    /// cache), it does not ask.
    ///
    /// ## What to do
    ///
    /// 1. If the host is there: `ipconfig /registerdns` on it, and restart its service Netlogon.
    /// 2. If it is gone, delete its records, which
    ///    `Get-DnsServerResourceRecord -ZoneName _msdcs.corp.example -RRType Srv` shows, and clean up its metadata in
    ///    Active Directory Sites and Services.
    /// 3. Turn scavenging on for the zone.
    ///
    /// ## Sources
    ///
    /// MS-ADTS 6.3.6.1 (records of domain controllers); RFC 2782. Not seen in a capture.
    pub static ADDRESS_MISSING = {
        code: "LOC-04",
        title: "a domain controller that DNS names has no address",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [0xc000_005e],
        events: ["NETLOGON 5774", "NETLOGON 5781"],
        check: Scope::Device(check),
    };
}

fn check(client: IpAddr, facts: &Facts) -> Verdict {
    let Some((name, without)) = facts.locator.without_address().find(|(_, without)| without.client == client) else {
        return Verdict::Clear;
    };
    let is_over = facts.passed(without.seen.at, DNS_SECONDS.of(facts));
    if !is_over && !facts.finished() {
        return Verdict::Pending;
    }
    // An address may stand in an answer that is missing.
    if facts.visibility.is_one_sided() {
        return Verdict::Unseen(ONE_SIDED);
    }
    if facts.visibility.has_drops() {
        return Verdict::Unseen(LOSSY);
    }
    let (said, value) = if without.rcode == 3 {
        ("the name does not exist", "3 NXDOMAIN")
    } else {
        ("it has no address", "0, without an address")
    };
    let summary = format!("DNS names {name} as a domain controller, and says that {said}");
    Found::new(Confidence::Proven.lowered_unless(is_over), Subject::Host(name.to_owned()), summary)
        .with(Evidence::new(without.seen, "dns.flags.rcode", value, format!("{} answers {client}", without.server)))
        .into()
}

#[cfg(test)]
mod tests {
    use super::ADDRESS_MISSING;
    use crate::{
        Confidence,
        testing::{clear, found, pending, unseen},
    };

    const NAMED: &str = "
        0.000 pc > dns srv _ldap._tcp.dc._msdcs.corp.example
        0.010 dns > pc srv-answer _ldap._tcp.dc._msdcs.corp.example found dc2.corp.example
    ";
    const MISSING: &str = "1.0 dns > pc a-answer dc2.corp.example nxdomain\n";

    #[test]
    fn found_when_the_name_has_no_address() {
        for answer in ["nxdomain", "empty"] {
            let script = format!("{NAMED}1.0 dns > pc a-answer dc2.corp.example {answer}\n30 end");
            let finding = found(&ADDRESS_MISSING, &script);
            assert_eq!((finding.packets(), finding.found.confidence), (vec![3], Confidence::Proven));
        }
    }

    #[test]
    fn clear_when_it_has_one_or_is_no_domain_controller() {
        let there = "2.0 dns > pc a-answer dc2.corp.example 10.99.0.11\n30 end";
        clear(&ADDRESS_MISSING, &format!("{NAMED}{MISSING}{there}"));
        clear(&ADDRESS_MISSING, &format!("{NAMED}{}30 end", MISSING.replace("dc2", "files")));
        clear(&ADDRESS_MISSING, NAMED);
        let truncated = MISSING.replace("nxdomain", "empty truncated");
        clear(&ADDRESS_MISSING, &format!("{NAMED}{truncated}30 end"));
    }

    #[test]
    fn pending_while_another_answer_may_come() {
        pending(&ADDRESS_MISSING, &format!("{NAMED}{MISSING}2 open"));
    }

    #[test]
    fn unseen_when_packets_are_missing() {
        unseen(&ADDRESS_MISSING, &format!("{NAMED}{MISSING}30 dropped"));
    }
}
