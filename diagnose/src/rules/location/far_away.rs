//! LOC-08.

use capture::CaptureTime;
use trace::{Facts, Logon, Ping};

use super::incapable::flags_evidence;
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    windows::{CLOSER_SECONDS, LOCATED_SECONDS},
};

rule! {
    /// ## What happened
    ///
    /// A computer signed in at a domain controller that is not in its site, and no nearer one answered it. Active
    /// Directory does not know the computer's subnet, or has no domain controller there. Sign-ins are slow, and the
    /// domain controller may be one that lacks the right certificate or has not got the key yet.
    ///
    /// ## How we know
    ///
    /// The domain controller's answer to the computer's netlogon ping, in the 30 seconds before it signed in there,
    /// lacks the flag 0x80 (DS_CLOSEST_FLAG), and no other domain controller answered this computer with that flag
    /// within ten seconds. A site without a domain controller of its own, on purpose, looks the same. The names of the
    /// two sites in the answer are not held against each other: where they differ and the flag is set, the domain
    /// controller says that it serves the computer's site as well, as configured.
    ///
    /// ## What to do
    ///
    /// 1. On the computer: `nltest /dsgetsite` and `nltest /dsgetdc:corp.example`.
    /// 2. Look for its address in Active Directory Sites and Services, under Subnets:
    ///    `Get-ADReplicationSubnet -Filter *`. The file netlogon.log of the domain controllers lists addresses that no
    ///    subnet holds.
    /// 3. Add the subnet to its site. If the site has no domain controller, see which site covers it.
    ///
    /// ## Sources
    ///
    /// MS-ADTS 6.3.1.2 (DS_CLOSEST_FLAG), 6.3.1.9. Not seen in a capture.
    pub static FAR_AWAY = {
        code: "LOC-08",
        title: "the domain controller is not in the computer's site",
        severity: Severity::Medium,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["NETLOGON 5807"],
        check: Scope::Logon(check),
    };
}

/// DS_CLOSEST_FLAG, MS-ADTS 6.3.1.2.
const CLOSEST: u32 = 0x80;

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let Some((exchange, _)) = logon.issued() else { return Verdict::Clear };
    let (Some(began), kdc) = (exchange.began(), exchange.kdc.address) else { return Verdict::Clear };
    let answered = |ping: &&Ping| ping.answer().is_some_and(|answer| answer.flags.is_some());
    let before =
        |ping: &&Ping| (0..=LOCATED_SECONDS.of(facts) * CaptureTime::SECOND).contains(&began.at.since(ping.last().at));
    let mut pings = facts.pings.pings_of(logon.client).rev().filter(answered);
    let Some(ping) = pings.find(|ping| ping.server == kdc && before(ping)) else {
        return Verdict::Unseen("the capture does not show how the computer found this domain controller");
    };
    let flags = |ping: &Ping| ping.answer().and_then(|answer| answer.flags).unwrap_or(0);
    let is_close = |other: &Ping| {
        let apart = other.last().at.since(ping.last().at).abs();
        apart <= CLOSER_SECONDS.of(facts) * CaptureTime::SECOND && flags(other) & CLOSEST != 0
    };
    if facts.pings.pings_of(logon.client).any(is_close) {
        return Verdict::Clear;
    }
    if !facts.passed(ping.last().at, CLOSER_SECONDS.of(facts)) && !facts.finished() {
        return Verdict::Pending;
    }
    let Some(answer) = ping.answer() else { return Verdict::Clear };
    let located = facts.domain_controllers.get(&kdc).and_then(|dc| dc.located.as_ref());
    let site = located.map(|located| located.site.as_str()).filter(|site| !site.is_empty());
    let site = site.map(|site| format!(", in the site {site},")).unwrap_or_default();
    let summary = format!("{} signed in at a domain controller{site} that is not the closest", logon.client);
    Found::new(Confidence::Likely, Subject::Device(logon.client), summary)
        .with(flags_evidence(answer.seen, flags(ping), "flag 0x80 (closest site) is missing in the answer to its ping"))
        .with(Evidence::new(began, "ip.dst", kdc.to_string(), "and there it signs in"))
        .into()
}

#[cfg(test)]
mod tests {
    use super::FAR_AWAY;
    use crate::{
        Confidence,
        testing::{clear, found, pending, unseen},
    };

    const SIGN_IN: &str = "
        1.000 pc > dc as-req alice pkinit
        1.010 dc > pc as-rep alice ticket T1 pkinit
    ";

    fn ping(machine: &str, flags: &str) -> String {
        format!("0.0 pc > {machine} ping domain corp.example\n0.1 {machine} > pc pong flags {flags} site Oslo\n")
    }

    #[test]
    fn found_when_it_is_not_the_closest() {
        let finding = found(&FAR_AWAY, &format!("{}{SIGN_IN}30 end", ping("dc", "1f37d")));
        assert_eq!((finding.packets(), finding.found.confidence), (vec![2, 3], Confidence::Likely));
        assert!(finding.found.summary.contains("the site Oslo"), "{}", finding.found.summary);
    }

    #[test]
    fn clear_when_it_is_or_when_a_close_one_answered() {
        clear(&FAR_AWAY, &format!("{}{SIGN_IN}30 end", ping("dc", "1f3fd")));
        clear(&FAR_AWAY, &format!("{}{}{SIGN_IN}30 end", ping("dc2", "1f3fd"), ping("dc", "1f37d")));
    }

    #[test]
    fn pending_while_a_close_one_may_answer() {
        pending(&FAR_AWAY, &format!("{}{SIGN_IN}2 open", ping("dc", "1f37d")));
    }

    #[test]
    fn unseen_without_the_ping() {
        unseen(&FAR_AWAY, SIGN_IN);
        unseen(&FAR_AWAY, &format!("{}{}", ping("dc", "1f37d"), SIGN_IN.replace("1.0", "60.0")));
    }
}
