//! CAP-05.

use std::{collections::BTreeMap, net::IpAddr};

use decode::{KDC_PORT, Seen};
use trace::{DomainController, Facts};

use crate::{Confidence, Evidence, Found, Scope, Severity, Subject, Verdict, rule::rule};

rule! {
    /// ## What happened
    ///
    /// There are more domain controllers than the capture holds Kerberos of. What a client did not do at the ones in
    /// the capture it may have done at another, so findings from absence are less sure.
    ///
    /// ## How we know
    ///
    /// An answer to a netlogon ping, or DNS, names a domain controller whose address neither asked nor answered on port
    /// 88 in this capture, while others did. On a capture of one client this is usual: it uses one domain controller.
    ///
    /// ## What to do
    ///
    /// 1. For comparisons, record on all domain controllers of the site at once, and read the captures together.
    /// 2. Or record at the client: there is all that it does.
    ///
    /// ## Sources
    ///
    /// What this program needs. Seen in captures of a lab.
    pub static CONTROLLERS_MISSING = {
        code: "CAP-05",
        title: "the capture covers only some domain controllers",
        severity: Severity::Info,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: [],
        check: Scope::Capture(check),
    };
}

/// Domain controllers named in the summary.
const MOST_NAMED: usize = 5;

fn check(facts: &Facts) -> Verdict {
    let (here, silent): (Vec<_>, Vec<_>) =
        facts.domain_controllers.iter().partition(|(address, dc)| speaks(**address, dc, facts));
    let mut missing: BTreeMap<IpAddr, Option<Seen>> = silent
        .into_iter()
        .filter_map(|(address, dc)| dc.located.as_ref().map(|located| (*address, located.seen)))
        .collect();
    for (address, _) in facts.locator.target_addresses() {
        if !here.iter().any(|(known, _)| **known == address) {
            missing.entry(address).or_default();
        }
    }
    // The same machine under another address is there.
    let name = |address: IpAddr| facts.name_of(address).map(str::to_lowercase);
    let present: Vec<String> = here.iter().filter_map(|(address, _)| name(**address)).collect();
    missing.retain(|address, _| name(*address).is_none_or(|name| !present.contains(&name)));
    if here.is_empty() || missing.is_empty() {
        return if facts.finished() { Verdict::Clear } else { Verdict::Pending };
    }
    let words =
        |address: &IpAddr| name(*address).map_or_else(|| address.to_string(), |name| format!("{name} ({address})"));
    let list: Vec<String> = missing.keys().take(MOST_NAMED).map(words).collect();
    let more = match missing.len().saturating_sub(list.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let summary = format!("Kerberos of these domain controllers is not in the capture: {}{more}", list.join(", "));
    let mut found = Found::new(Confidence::Proven, Subject::Capture, summary);
    for (address, seen) in missing {
        let means = "a domain controller that answers a netlogon ping, and of which there is no Kerberos";
        found = found.with_some(seen.map(|seen| Evidence::new(seen, "ip.src", address.to_string(), means)));
    }
    found.into()
}

/// Whether anything to or from its port 88 is in the capture.
fn speaks(address: IpAddr, dc: &DomainController, facts: &Facts) -> bool {
    let answered = !dc.response_times.is_empty() || !dc.served.is_empty() || dc.clock.is_some();
    answered || dc.unanswered.is_some() || facts.ports.of_server(address).any(|(_, port, _)| port == KDC_PORT)
}

#[cfg(test)]
mod tests {
    use super::CONTROLLERS_MISSING;
    use crate::testing::{clear, found, pending};

    const HERE: &str = "
        0.0 pc > dc as-req alice pkinit
        0.1 dc > pc as-rep alice ticket T1 pkinit
    ";
    const PING: &str = "
        0.2 pc > dc2 ping domain corp.example
        0.3 dc2 > pc pong host dc2.corp.example
    ";

    #[test]
    fn found_when_a_ping_or_dns_names_another() {
        let finding = found(&CONTROLLERS_MISSING, &format!("{HERE}{PING}"));
        assert_eq!(finding.packets(), [4]);
        assert!(finding.found.summary.ends_with("dc2.corp.example (10.99.0.11)"), "{}", finding.found.summary);
        let dns = "
            0.2 dns > pc srv-answer _ldap._tcp.dc._msdcs.corp.example found dc3.corp.example
            0.3 dns > pc a-answer dc3.corp.example 10.99.0.12
        ";
        found(&CONTROLLERS_MISSING, &format!("{HERE}{dns}"));
    }

    #[test]
    fn clear_when_all_are_there_or_none_is() {
        clear(&CONTROLLERS_MISSING, &format!("{HERE}{}", PING.replace("dc2", "dc")));
        clear(&CONTROLLERS_MISSING, PING);
        let there = "1.0 pc > dc2 as-req alice pkinit\n1.1 dc2 > pc krb-error 62";
        clear(&CONTROLLERS_MISSING, &format!("{HERE}{PING}{there}"));
    }

    #[test]
    fn pending_while_more_may_come() {
        pending(&CONTROLLERS_MISSING, &format!("{HERE}1 open"));
    }
}
