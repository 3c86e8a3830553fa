//! LOC-06.

use std::net::IpAddr;

use capture::CaptureTime;
use trace::{Facts, Ping, PingAnswer};

use crate::{Confidence, Evidence, Found, Scope, Severity, Subject, Verdict, rule::rule, windows::PING_WINDOW_SECONDS};

rule! {
    /// ## What happened
    ///
    /// The domain controller answered when the computer asked whether it is there, and said that it is not to be used:
    /// its Netlogon service is paused, which it also is while SYSVOL is not ready; or that it does not know the
    /// account. The computer turns to another domain controller, if there is one.
    ///
    /// ## How we know
    ///
    /// The answer to a netlogon ping had operation code 20 or 24 (paused), or 21 or 25 (user unknown) where the ping
    /// named an account. The domain controller says so itself, so it is proven. Where the same client is told that it
    /// may be used within a minute, the severity of a pause is medium: it was starting. That an account is unknown is
    /// withdrawn when any domain controller knows it for the same client within a minute; of a machine account it is
    /// only possible, as computers ask for those of other domains, too.
    ///
    /// ## What to do
    ///
    /// 1. For a pause, on the domain controller: `nltest /query`, `dcdiag /test:Advertising /test:SysVolCheck`, and
    ///    `Get-SmbShare SYSVOL,NETLOGON`.
    /// 2. If SYSVOL is not shared, see how its replication stands: DFS Replication events 4602, 4612 and 4614,
    ///    `dfsrmig /getglobalstate`. `Resume-Service Netlogon` ends a pause by hand.
    /// 3. For an unknown account, compare the suffix that the user typed with the domain: `Get-ADUser` and
    ///    `Get-ADForest | Select-Object UPNSuffixes`. For an account of another domain, check the trust:
    ///    `nltest /domain_trusts`.
    ///
    /// ## Sources
    ///
    /// MS-ADTS 6.3.1.3 (operation codes), 6.3.3.2 (the answer to a ping), 6.3.5. A minute is our choice. Not seen in a
    /// capture.
    pub static PAUSED = {
        code: "LOC-06",
        title: "the domain controller says that it is paused, or that it does not know the account",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["DFSR 4602", "DFSR 4612", "NETLOGON 5719"],
        check: Scope::Device(check),
    };
}

fn check(client: IpAddr, facts: &Facts) -> Verdict {
    let mut open = false;
    let mut unknown = None;
    for ping in facts.pings.pings_of(client) {
        let Some(answer) = ping.answer() else {
            open = true;
            continue;
        };
        if answer.is_paused() {
            return is_paused(ping, &answer, facts);
        }
        if answer.user_unknown() && (ping.names_user || answer.user.is_some()) && !is_known(ping, &answer, facts) {
            unknown.get_or_insert((ping, answer));
        }
    }
    match unknown {
        Some((ping, answer)) => is_unknown(ping, &answer),
        None if open && !facts.finished() => Verdict::Pending,
        None => Verdict::Clear,
    }
}

/// Whether two answers came within a minute of each other.
fn is_near(one: &PingAnswer<'_>, other: &PingAnswer<'_>, facts: &Facts) -> bool {
    one.seen.at.since(other.seen.at).abs() <= PING_WINDOW_SECONDS.of(facts) * CaptureTime::SECOND
}

fn is_paused(ping: &Ping, answer: &PingAnswer<'_>, facts: &Facts) -> Verdict {
    let mut answers = facts.pings.pings_of(ping.client).filter(|other| other.server == ping.server);
    let serves =
        answers.find_map(|other| other.answer().filter(|other| other.serves() && is_near(answer, other, facts)));
    let summary = "the domain controller tells clients not to use it: its Netlogon service is paused";
    let found = Found::new(Confidence::Proven, Subject::DomainController(ping.server), summary)
        .with(opcode(answer, "paused", "the domain controller says that it is paused"))
        .with(question(ping));
    match serves {
        Some(serves) => {
            let later = opcode(&serves, "serves", "the same domain controller says that it may be used");
            found.with(later).with_severity(Severity::Medium).into()
        }
        None => found.into(),
    }
}

/// Whether any domain controller told this client that it knows the account.
fn is_known(ping: &Ping, answer: &PingAnswer<'_>, facts: &Facts) -> bool {
    let same_user = |other: &PingAnswer<'_>| match (answer.user, other.user) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        _ => true,
    };
    facts.pings.pings_of(ping.client).any(|other| {
        let answered = other.answer().filter(|_| other.names_user);
        answered.is_some_and(|other| other.serves() && is_near(answer, &other, facts) && same_user(&other))
    })
}

fn is_unknown(ping: &Ping, answer: &PingAnswer<'_>) -> Verdict {
    let user = answer.user.unwrap_or("named in the question");
    let confidence = if user.ends_with('$') { Confidence::Possible } else { Confidence::Proven };
    let summary = format!("the domain controller does not know the account {user}");
    Found::new(confidence, Subject::Device(ping.client), summary)
        .with(opcode(answer, "user unknown", "the domain controller says that it does not know the account"))
        .with(question(ping))
        .into()
}

fn opcode(answer: &PingAnswer<'_>, name: &str, means: &str) -> Evidence {
    let code = answer.opcode.unwrap_or_default();
    Evidence::new(answer.seen, "mscldap.netlogon.opcode", format!("{code} {name}"), means)
}

fn question(ping: &Ping) -> Evidence {
    let means = format!("{} asks whether {} may be used", ping.client, ping.server);
    Evidence::new(ping.first(), "mscldap.domain", &*ping.domain, means)
}

#[cfg(test)]
mod tests {
    use super::PAUSED;
    use crate::{
        Confidence, Severity,
        testing::{clear, found, pending},
    };

    #[test]
    fn found_when_it_says_that_it_is_paused() {
        for opcode in [20, 24] {
            let finding = found(
                &PAUSED,
                &format!(
                    "
                    0.000 pc > dc  ping
                    0.001 dc > pc  pong opcode {opcode}
                "
                ),
            );
            assert_eq!(finding.packets(), [2, 1]);
            assert_eq!((finding.found.confidence, finding.severity()), (Confidence::Proven, Severity::High));
        }
    }

    #[test]
    fn less_severe_when_it_serves_soon_after() {
        let finding = found(
            &PAUSED,
            "
            0.000 pc > dc  ping
            0.001 dc > pc  pong opcode 24
            20.00 pc > dc  ping id 2
            20.01 dc > pc  pong id 2
        ",
        );
        assert_eq!(finding.packets(), [2, 1, 4]);
        assert_eq!(finding.severity(), Severity::Medium);
    }

    #[test]
    fn found_when_it_does_not_know_the_account() {
        let finding = found(
            &PAUSED,
            "
            0.000 pc > dc  ping user alice
            0.001 dc > pc  pong opcode 25 user alice
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Proven);
        assert!(finding.found.summary.contains("alice"));
    }

    #[test]
    fn less_sure_of_a_machine_account() {
        let finding = found(
            &PAUSED,
            "
            0.000 pc > dc  ping user PC7$
            0.001 dc > pc  pong opcode 25 user PC7$
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Possible);
    }

    #[test]
    fn clear_when_another_one_knows_the_account() {
        clear(
            &PAUSED,
            "
            0.000 pc > dc   ping user alice
            0.001 dc > pc   pong opcode 25 user alice
            0.100 pc > dc2  ping user alice
            0.101 dc2 > pc  pong opcode 23 user Alice
        ",
        );
    }

    #[test]
    fn clear_when_it_serves() {
        clear(
            &PAUSED,
            "
            0.000 pc > dc  ping
            0.001 dc > pc  pong
        ",
        );
    }

    #[test]
    fn pending_until_it_answers() {
        pending(
            &PAUSED,
            "
            0.000 pc > dc  ping
            0.100          open
        ",
        );
    }
}
