//! CAP-06.

use std::net::IpAddr;

use trace::Facts;

use super::MAX_SHOWN;
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::{LOSSY, ONE_SIDED},
};

rule! {
    /// ## What happened
    ///
    /// Most clients use tickets that they got before the capture began. How they signed in is not in it, so faults of
    /// their sign-ins cannot be found.
    ///
    /// ## How we know
    ///
    /// For more than half of the clients that ask for service tickets, the ticket they show was never issued within the
    /// capture. In a capture of one direction or with Kerberos messages cut short, the answers are missing for another
    /// reason, and the question stays open.
    ///
    /// ## What to do
    ///
    /// 1. Start the capture first, then have the user lock and unlock the computer, or sign out and in.
    /// 2. Or throw the tickets away, so that new ones are asked for: `klist purge`, for the computer account
    ///    `klist -li 0x3e7 purge`.
    ///
    /// ## Sources
    ///
    /// The capture. The threshold is our choice.
    pub static STARTED_MIDWAY = {
        code: "CAP-06",
        title: "the capture began after most clients had signed in",
        severity: Severity::Info,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: [],
        check: Scope::Capture(check),
    };
}

fn check(facts: &Facts) -> Verdict {
    let midway = &facts.clients_seen_midway;
    let from_the_start =
        facts.clients_seen_from_the_start.iter().filter(|&client| !midway.contains_key(client)).count();
    let clients = midway.len() + from_the_start;
    if midway.len() * 2 <= clients {
        return Verdict::Clear;
    }
    if facts.visibility.is_one_sided() {
        return Verdict::Unseen(ONE_SIDED);
    }
    if facts.visibility.kerberos_cut() > 0 {
        return Verdict::Unseen(LOSSY);
    }
    let summary = format!(
        "{} of {clients} clients use tickets that they got before the capture began, so their sign-ins are not in it",
        midway.len()
    );
    let mut found = Found::new(Confidence::Proven, Subject::Capture, summary);
    let evidence = |(client, seen): (&IpAddr, &decode::Seen)| {
        let means = format!("{client} uses a ticket whose issue was not captured");
        Evidence::new(*seen, "kerberos.msg_type", "12", means)
    };
    found.evidence.extend(midway.iter().take(MAX_SHOWN).map(evidence));
    found.into()
}

#[cfg(test)]
mod tests {
    use super::STARTED_MIDWAY;
    use crate::testing::{clear, found, unseen};

    #[test]
    fn found_when_most_tickets_come_from_before() {
        let finding = found(
            &STARTED_MIDWAY,
            "
            0.000 pc > dc   tgs-req cifs/files ticket T8
            1.000 pc2 > dc  tgs-req cifs/files ticket T9
            2.000 pc3 > dc  as-req carol pkinit
            2.010 dc > pc3  as-rep carol ticket T1 pkinit
            2.020 pc3 > dc  tgs-req cifs/files ticket T1
        ",
        );
        assert_eq!(finding.packets(), [1, 2]);
        assert!(finding.found.summary.starts_with("2 of 3 clients"));
    }

    #[test]
    fn clear_when_it_is_half_of_them() {
        clear(
            &STARTED_MIDWAY,
            "
            0.000 pc > dc   tgs-req cifs/files ticket T8
            2.000 pc3 > dc  as-req carol pkinit
            2.010 dc > pc3  as-rep carol ticket T1 pkinit
            2.020 pc3 > dc  tgs-req cifs/files ticket T1
        ",
        );
    }

    #[test]
    fn unseen_when_one_direction_was_captured() {
        unseen(
            &STARTED_MIDWAY,
            "
            0.000 pc > dc   tgs-req cifs/files ticket T8
            1.000 pc > dc   connect one-sided bytes 300,0
        ",
        );
    }
}
