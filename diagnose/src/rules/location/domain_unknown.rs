//! LOC-01.

use std::net::IpAddr;

use trace::{Facts, Lookup};

use super::{found_elsewhere, lookups_of, positive};
use crate::{Confidence, Evidence, Found, Scope, Severity, Subject, Verdict, rule::rule, windows::LOCATED_SECONDS};

rule! {
    /// ## What happened
    ///
    /// The computer asked DNS where the domain controllers are and was told that there is no such name. Without that it
    /// never tries Kerberos: no Windows Hello sign-in reaches the domain, and only cached logons work. Mostly the
    /// computer asks the wrong DNS server, such as a public resolver or that of a home router beside a VPN.
    ///
    /// ## How we know
    ///
    /// A locator question without a site (SRV records of `dc._msdcs`, or of `_kerberos`) was answered with rcode 3
    /// (NXDOMAIN). The finding is withdrawn when the client gets a domain controller's name for the same domain from
    /// any server within ten seconds, or talks to a KDC within thirty; if the capture ends before, it is one step less
    /// sure. That a site has no domain controllers of its own is normal and not a finding. A domain that is misspelt or
    /// long gone looks the same, and questions over HTTPS are not in sight.
    ///
    /// ## What to do
    ///
    /// 1. On the client: `nslookup -type=SRV _ldap._tcp.dc._msdcs.corp.example`, then the same with the address of a
    ///    domain controller as last word. If only the second works, the client asks the wrong server:
    ///    `Get-DnsClientServerAddress`.
    /// 2. Give clients the DNS servers of Active Directory: DHCP, the VPN profile, and NRPT rules for the domain and
    ///    its `_msdcs` part (`Get-DnsClientNrptPolicy`).
    /// 3. If no server knows the name, have a domain controller register again: `nltest /dsregdns`, and check that the
    ///    zone `_msdcs.corp.example` exists: `Get-DnsServerZone`.
    /// 4. Test the whole way: `nltest /dsgetdc:corp.example /force`.
    ///
    /// ## Sources
    ///
    /// MS-ADTS 6.3.6.1 (how a client locates a domain controller); RFC 1035 §4.1.1; RFC 2782; text of the Kerberos
    /// client event
    /// 200. The windows are our choice.
    pub static DOMAIN_UNKNOWN = {
        code: "LOC-01",
        title: "the domain cannot be found in DNS",
        severity: Severity::Critical,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [0xc000_005e],
        events: ["Kerberos client 200", "NETLOGON 5719", "HelloForBusiness 7001"],
        check: Scope::Device(check),
    };
}

/// RFC 1035 §4.1.1: the name does not exist.
const NAME_ERROR: u8 = 3;

fn check(client: IpAddr, facts: &Facts) -> Verdict {
    let mut open = false;
    for lookup in lookups_of(facts, client) {
        let Some(answer) = lookup.answer() else {
            open = true;
            continue;
        };
        if lookup.is_of_site() || answer.rcode != NAME_ERROR {
            continue;
        }
        let at = answer.seen.at;
        if found_elsewhere(facts, client, lookup.domain(), at)
            || facts.kerberos_within(client, at, LOCATED_SECONDS.of(facts))
        {
            continue;
        }
        let confidence = Confidence::Proven.lowered_unless(facts.passed(at, LOCATED_SECONDS.of(facts)));
        let server = lookup.server;
        let authority = if answer.authoritative { "with authority" } else { "without authority for the name" };
        let means = format!("{server} answers, {authority}, that the name does not exist");
        let sought = format!("{client} looks for a domain controller");
        let question = Evidence::new(lookup.first_asked(), "dns.qry.name", lookup.name().to_string(), sought);
        let summary = "DNS says that the domain does not exist, so the computer cannot find a domain controller";
        return Found::new(confidence, Subject::Domain(lookup.domain().to_owned()), summary)
            .with(Evidence::new(answer.seen, "dns.flags.rcode", "3 NXDOMAIN", means))
            .with(question)
            .with_some(known_to_another(lookup, facts))
            .into();
    }
    if open && !facts.finished() { Verdict::Pending } else { Verdict::Clear }
}

/// Another DNS server that does know the domain: the domain is there, and this client asks the wrong server.
fn known_to_another(lookup: &Lookup, facts: &Facts) -> Option<Evidence> {
    let lookups = facts.locator.lookups().iter();
    let mut others = lookups.filter(|other| other.domain() == lookup.domain() && other.server != lookup.server);
    let (server, answer) = others.find_map(|other| positive(other).map(|answer| (other.server, answer)))?;
    let means = format!("another DNS server, {server}, does know the domain");
    Some(Evidence::new(answer.seen, "dns.flags.rcode", "0", means))
}

#[cfg(test)]
mod tests {
    use super::DOMAIN_UNKNOWN;
    use crate::{
        Confidence,
        testing::{clear, found, pending},
    };

    #[test]
    fn found_when_the_name_does_not_exist() {
        let finding = found(
            &DOMAIN_UNKNOWN,
            "
            0.000 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
            0.010 dns > pc  srv-answer _ldap._tcp.dc._msdcs.corp.example nxdomain
            40              end
        ",
        );
        assert_eq!(finding.packets(), [2, 1]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
        assert_eq!(finding.found.subject, crate::Subject::Domain("corp.example".to_owned()));
    }

    #[test]
    fn shows_that_another_server_knows_the_domain() {
        let finding = found(
            &DOMAIN_UNKNOWN,
            "
            0.000 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
            0.010 dns > pc  srv-answer _ldap._tcp.dc._msdcs.corp.example nxdomain
            1.000 pc2 > dc  srv _ldap._tcp.dc._msdcs.corp.example
            1.010 dc > pc2  srv-answer _ldap._tcp.dc._msdcs.corp.example found
            40              end
        ",
        );
        assert_eq!(finding.packets(), [2, 1, 4]);
    }

    #[test]
    fn less_sure_when_the_capture_ends_early() {
        let finding = found(
            &DOMAIN_UNKNOWN,
            "
            0.000 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
            0.010 dns > pc  srv-answer _ldap._tcp.dc._msdcs.corp.example nxdomain
            5               end
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn clear_when_only_the_site_has_no_domain_controller() {
        clear(
            &DOMAIN_UNKNOWN,
            "
            0.000 pc > dns  srv _ldap._tcp.paris._sites.dc._msdcs.corp.example
            0.010 dns > pc  srv-answer _ldap._tcp.paris._sites.dc._msdcs.corp.example nxdomain
            40              end
        ",
        );
    }

    #[test]
    fn clear_when_another_server_helps() {
        clear(
            &DOMAIN_UNKNOWN,
            "
            0.000 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
            0.010 dns > pc  srv-answer _ldap._tcp.dc._msdcs.corp.example nxdomain
            1.000 pc > dc   srv _ldap._tcp.dc._msdcs.corp.example
            1.010 dc > pc   srv-answer _ldap._tcp.dc._msdcs.corp.example found
            40              end
        ",
        );
    }

    #[test]
    fn clear_when_the_client_talks_to_a_kdc_all_the_same() {
        clear(
            &DOMAIN_UNKNOWN,
            "
            0.000 pc > dns  srv _ldap._tcp.dc._msdcs.old.example
            0.010 dns > pc  srv-answer _ldap._tcp.dc._msdcs.old.example nxdomain
            20.00 pc > dc   as-req alice
            20.01 dc > pc   krb-error 25 padata 16,2
            60              end
        ",
        );
    }

    #[test]
    fn pending_until_dns_answers() {
        pending(
            &DOMAIN_UNKNOWN,
            "
            0.000 pc > dns  srv _ldap._tcp.dc._msdcs.corp.example
            0.500           open
        ",
        );
    }
}
