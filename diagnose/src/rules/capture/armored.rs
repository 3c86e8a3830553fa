//! CAP-03.

use trace::Facts;

use super::MAX_SHOWN;
use crate::{Confidence, Evidence, Found, Scope, Severity, Subject, Verdict, rule::rule};

rule! {
    /// ## What happened
    ///
    /// Clients armor their Kerberos requests (FAST). Certificates, keys and the reasons of refusals travel inside the
    /// armor, encrypted. For these clients only the outer error codes, names and times can be used.
    ///
    /// ## How we know
    ///
    /// AS requests carry pre-authentication data of type 136 (PA-FX-FAST). It says nothing bad about the network:
    /// armoring is a policy, and a good one.
    ///
    /// ## What to do
    ///
    /// 1. For what is hidden, use the domain controllers' Security logs: events 4768 and 4771 name pre-authentication
    ///    type, result and certificate.
    /// 2. Keep armoring on. Only to find a fault on a test computer, set the policy "Kerberos client support for
    ///    claims, compound authentication and Kerberos armoring" to disabled there, run `gpupdate /force`, and capture
    ///    again.
    ///
    /// ## Sources
    ///
    /// RFC 6113 §5.4; MS-KILE 3.1.5.
    pub static ARMORED = {
        code: "CAP-03",
        title: "armoring (FAST) hides how clients sign in",
        severity: Severity::Info,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["Security 4768", "Security 4771"],
        check: Scope::Capture(check),
    };
}

fn check(facts: &Facts) -> Verdict {
    if facts.armored.is_empty() {
        return if facts.unarmored == 0 {
            Verdict::Unseen("the capture holds no first request")
        } else {
            Verdict::Clear
        };
    }
    let requests: u64 = facts.armored.values().map(|(_, count)| count).sum();
    let summary = format!(
        "{} of {} clients armor their requests ({} of {}): keys, certificates and reasons of refusals are hidden",
        facts.armored.len(),
        facts.kerberos_of.len().max(facts.armored.len()),
        requests,
        requests.saturating_add(facts.unarmored),
    );
    let mut found = Found::new(Confidence::Proven, Subject::Capture, summary);
    found.evidence.extend(facts.armored.iter().take(MAX_SHOWN).map(|(client, (seen, count))| {
        let means = format!("{client} armors its requests, {count} in this capture");
        Evidence::new(*seen, "kerberos.padata_type", "136 PA-FX-FAST", means)
    }));
    found.into()
}

#[cfg(test)]
mod tests {
    use super::ARMORED;
    use crate::testing::{clear, found, unseen};

    #[test]
    fn found_with_the_share_of_clients() {
        let finding = found(
            &ARMORED,
            "
            0.000 pc > dc   as-req alice fast
            0.004 dc > pc   krb-error 25 padata 136
            1.000 pc2 > dc  as-req bob
            2.000 pc > dc   as-req alice fast
        ",
        );
        assert_eq!(finding.packets(), [1]);
        assert!(finding.found.summary.starts_with("1 of 2 clients armor their requests (2 of 3)"));
    }

    #[test]
    fn clear_when_nobody_does() {
        clear(&ARMORED, "0.000 pc > dc as-req alice pkinit");
    }

    #[test]
    fn unseen_without_any_first_request() {
        unseen(&ARMORED, "0.000 pc > dc tgs-req cifs/files ticket T1 fast");
    }
}
