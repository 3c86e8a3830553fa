//! CAP-01.

use trace::Facts;

use crate::{Confidence, Found, Scope, Severity, Subject, Verdict, rule::rule};

rule! {
    /// ## What happened
    ///
    /// The capture holds one direction of the traffic only: what clients send, or what domain controllers answer.
    /// Whatever this program concludes from an answer that did not come is switched off.
    ///
    /// ## How we know
    ///
    /// Of the conversations with a KDC in which both sides certainly spoke, the capture holds only one side for at
    /// least four in five.
    ///
    /// ## What to do
    ///
    /// 1. Mirror both directions: on Cisco switches `monitor session 1 source interface Gi1/0/1 both`.
    /// 2. If the two directions take different ways through the network, capture on the domain controller:
    ///    `pktmon start --capture --pkt-size 0`, then `pktmon etl2pcap PktMon.etl`.
    /// 3. Capture without filters that name only one side, such as `dst port 88`; take `port 88`.
    ///
    /// ## Sources
    ///
    /// The capture. The threshold is our choice.
    pub static ONE_SIDED_CAPTURE = {
        code: "CAP-01",
        title: "the capture holds one direction only",
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
    let visibility = &facts.visibility;
    if visibility.conversations == 0 {
        return Verdict::Unseen("the capture holds no conversation with a domain controller");
    }
    if !visibility.is_one_sided() {
        return Verdict::Clear;
    }
    let summary = format!(
        "the capture holds one side only of {} of {} conversations with domain controllers, so a missing answer proves \
         nothing",
        visibility.one_sided, visibility.conversations
    );
    Found::new(Confidence::Proven, Subject::Capture, summary).into()
}

#[cfg(test)]
mod tests {
    use super::ONE_SIDED_CAPTURE;
    use crate::testing::{clear, found, unseen};

    #[test]
    fn found_when_four_in_five_have_one_side() {
        let finding = found(
            &ONE_SIDED_CAPTURE,
            "
            0.000 pc > dc  connect one-sided bytes 300,0 flow 1
            1.000 pc > dc  connect one-sided bytes 300,0 flow 2
            2.000 pc > dc  connect one-sided bytes 300,0 flow 3
            3.000 pc > dc  connect one-sided bytes 300,0 flow 4
            4.000 pc > dc  connect open bytes 300,400 flow 5
        ",
        );
        assert!(finding.found.summary.contains("4 of 5"));
    }

    #[test]
    fn clear_when_most_have_both() {
        clear(
            &ONE_SIDED_CAPTURE,
            "
            0.000 pc > dc  connect one-sided bytes 300,0 flow 1
            1.000 pc > dc  connect open bytes 300,400 flow 2
        ",
        );
    }

    #[test]
    fn unseen_without_any_conversation() {
        unseen(&ONE_SIDED_CAPTURE, "0.000 pc > dc connect unanswered syns 4");
    }
}
