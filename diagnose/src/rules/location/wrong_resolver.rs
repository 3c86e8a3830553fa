//! LOC-03.

use std::net::IpAddr;

use trace::{Facts, Lookup};

use super::{found_elsewhere, lookups_of, positive};
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    windows::{LOCATED_SECONDS, OTHER_DNS_SECONDS},
};

rule! {
    /// ## What happened
    ///
    /// A computer asked a DNS server for the domain controllers of a domain that this server cannot know: a public one,
    /// or one that is not of Active Directory. It said that there is no such name. So it goes where a VPN does not send
    /// questions about the domain to the domain's own servers, or where somebody entered a public server by hand.
    ///
    /// ## How we know
    ///
    /// A question for a domain controller was answered with "no such name" and without authority, by a server that is
    /// one of the well-known public ones, or while another server in the capture answered for this domain with
    /// authority. No server gave the client a good answer within ten seconds, and it did not turn to Kerberos: clients
    /// with several networks ask several servers at once, and one good answer is enough.
    ///
    /// ## What to do
    ///
    /// 1. On the computer: `Get-DnsClientServerAddress` and `Get-DnsClientNrptPolicy`. Each network must have the
    ///    domain's servers, or a rule for the domain and `_msdcs` that names them.
    /// 2. For a VPN, set the DNS suffix and a rule for the domain (NRPT) in its profile.
    /// 3. Take public servers out of the DHCP scope of the domain's computers.
    /// 4. Test: `nslookup -type=SRV _ldap._tcp.dc._msdcs.corp.example`.
    ///
    /// ## Sources
    ///
    /// MS-ADTS 6.3.6; RFC 1035 §4.1.1 (AA, RCODE 3); the addresses that public resolvers publish. Not seen in a
    /// capture.
    pub static WRONG_RESOLVER = {
        code: "LOC-03",
        title: "the domain is asked for at a DNS server that cannot know it",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: ["LOC-01"],
        errors: [],
        statuses: [0xc000_005e],
        events: ["Kerberos client 200"],
        check: Scope::Device(check),
    };
}

/// Public resolvers: Google, Cloudflare, Quad9, OpenDNS.
const PUBLIC: [&str; 16] = [
    "8.8.8.8",
    "8.8.4.4",
    "1.1.1.1",
    "1.0.0.1",
    "9.9.9.9",
    "149.112.112.112",
    "208.67.222.222",
    "208.67.220.220",
    "2001:4860:4860::8888",
    "2001:4860:4860::8844",
    "2606:4700:4700::1111",
    "2606:4700:4700::1001",
    "2620:fe::fe",
    "2620:fe::9",
    "2620:119:35::35",
    "2620:119:53::53",
];
/// RFC 1035 §4.1.1: the name does not exist.
const NAME_ERROR: u8 = 3;

fn check(client: IpAddr, facts: &Facts) -> Verdict {
    let mut open = false;
    for lookup in lookups_of(facts, client) {
        let Some(answer) = lookup.answer() else {
            open = true;
            continue;
        };
        if lookup.is_of_site() || answer.rcode != NAME_ERROR || answer.authoritative {
            continue;
        }
        let at = answer.seen.at;
        let knows = knows_it(lookup, facts);
        let is_public = PUBLIC.iter().any(|address| address.parse() == Ok(lookup.server));
        if (!is_public && knows.is_none())
            || found_elsewhere(facts, client, lookup.domain(), at)
            || facts.kerberos_within(client, at, LOCATED_SECONDS.of(facts))
        {
            continue;
        }
        let is_over = facts.passed(at, OTHER_DNS_SECONDS.of(facts));
        if !is_over && !facts.finished() {
            return Verdict::Pending;
        }
        let kind = if is_public { "a public DNS server" } else { "a DNS server that does not know the domain" };
        let summary = format!("{client} asks {}, {kind}, for the domain controllers of the domain", lookup.server);
        let means = format!("{} answers, without authority for it, that the name does not exist", lookup.server);
        let sought = format!("{client} looks for a domain controller");
        let question = Evidence::new(lookup.first_asked(), "dns.qry.name", lookup.name().to_string(), sought);
        let confidence = Confidence::Likely.lowered_unless(is_over);
        return Found::new(confidence, Subject::Domain(lookup.domain().to_owned()), summary)
            .with(Evidence::new(answer.seen, "dns.flags.rcode", "3 NXDOMAIN", means))
            .with(question)
            .with_some(knows)
            .into();
    }
    if open && !facts.finished() { Verdict::Pending } else { Verdict::Clear }
}

/// Another server that answered for this domain with authority.
fn knows_it(lookup: &Lookup, facts: &Facts) -> Option<Evidence> {
    let others = facts.locator.lookups().iter();
    let mut others =
        others.filter(|other| other.domain().eq_ignore_ascii_case(lookup.domain()) && other.server != lookup.server);
    let (server, answer) = others.find_map(|other| {
        let answer = positive(other).filter(|answer| answer.authoritative)?;
        Some((other.server, answer))
    })?;
    Some(Evidence::new(answer.seen, "dns.flags.authoritative", "1", format!("{server} has authority for the domain")))
}

#[cfg(test)]
mod tests {
    use super::WRONG_RESOLVER;
    use crate::testing::{clear, found, pending};

    const NAME: &str = "_ldap._tcp.dc._msdcs.corp.example";

    fn asked(server: &str, answer: &str) -> String {
        format!("0.0 pc > {server} srv {NAME}\n0.1 {server} > pc srv-answer {NAME} {answer}\n")
    }

    #[test]
    fn found_at_a_public_server() {
        let finding = found(&WRONG_RESOLVER, &format!("{}40 end", asked("public", "nxdomain not-authoritative")));
        assert_eq!(finding.packets(), [2, 1]);
        assert!(finding.found.summary.contains("8.8.8.8, a public"), "{}", finding.found.summary);
    }

    #[test]
    fn found_when_another_server_has_authority() {
        let script = format!(
            "0.0 pc2 > dns srv {NAME}\n0.1 dns > pc2 srv-answer {NAME} found\n{}40 end",
            asked("web", "nxdomain not-authoritative").replace("0.", "1.")
        );
        assert_eq!(found(&WRONG_RESOLVER, &script).packets(), [4, 3, 2]);
    }

    #[test]
    fn it_takes_the_place_of_the_less_specific_finding() {
        let played = trace::script::play(&format!("{}40 end", asked("public", "nxdomain not-authoritative")));
        let (findings, _) = crate::diagnose(played.logons(), played.facts());
        let codes: Vec<&str> = findings.iter().map(|finding| finding.rule.code).collect();
        assert_eq!(codes, ["LOC-03"]);
    }

    #[test]
    fn clear_when_it_has_authority_or_a_good_answer_comes() {
        clear(&WRONG_RESOLVER, &asked("dns", "nxdomain"));
        clear(&WRONG_RESOLVER, &asked("dns", "nxdomain not-authoritative"));
        let public = asked("public", "nxdomain not-authoritative");
        let other = format!("1.0 pc > dns srv {NAME}\n1.1 dns > pc srv-answer {NAME} found\n40 end");
        clear(&WRONG_RESOLVER, &format!("{public}{other}"));
        let kerberos = "5.0 pc > dc as-req alice\n5.1 dc > pc krb-error 25\n40 end";
        clear(&WRONG_RESOLVER, &format!("{public}{kerberos}"));
    }

    #[test]
    fn pending_until_the_server_answers() {
        pending(&WRONG_RESOLVER, &format!("0.0 pc > public srv {NAME}\n1 open"));
    }
}
