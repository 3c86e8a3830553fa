//! SYN-05.

use capture::CaptureTime;
use trace::{Facts, Logon, SYNC_ACCOUNT};

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::{LOSSY, ONE_SIDED},
    windows::{STOPPED_SECONDS, SYNC_SECONDS},
};

rule! {
    /// ## What happened
    ///
    /// The server that synchronises with Microsoft Entra has not been heard of for more than three of its cycles, while
    /// the domain controllers work on. New keys do not arrive as long as it stands still.
    ///
    /// ## How we know
    ///
    /// A client that got tickets as `MSOL_…` sent nothing more to any domain controller in the capture for 90 minutes:
    /// no request for a ticket, no ticket shown. Meanwhile, in the last half hour, domain controllers served others,
    /// and no other client got tickets as `MSOL_…`. That is silence, so it counts only in a capture of both directions
    /// without losses; and it is wrong where the server turned to a domain controller outside of the capture.
    ///
    /// ## What to do
    ///
    /// 1. On the server: `Get-Service ADSync` and `Get-ADSyncScheduler` (SyncCycleEnabled, StagingModeEnabled,
    ///    NextSyncCycleStartTimeInUTC).
    /// 2. Start it: `Start-Service ADSync`, `Set-ADSyncScheduler -SyncCycleEnabled $true`, then
    ///    `Start-ADSyncSyncCycle -PolicyType Delta`.
    /// 3. If it runs, see which domain controller it uses: the connector's properties, or a capture on the server.
    ///
    /// ## Sources
    ///
    /// Microsoft: Entra Connect scheduler (every 30 minutes). 90 minutes are our choice. Not seen in a capture.
    pub static STOPPED = {
        code: "SYN-05",
        title: "the server of Entra Connect has not been heard of for long",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["ADSync 6100"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let is_connector = logon.principal().is_some_and(|name| name.name.to_lowercase().starts_with(SYNC_ACCOUNT));
    let reply = logon.issued().and_then(|(exchange, _)| exchange.reply.as_deref());
    let Some(reply) = reply.filter(|_| is_connector) else { return Verdict::Clear };
    let last = last_heard(logon, facts);
    // A server takes over from another, or it is the same that came back.
    let accounts = facts.granted.range(SYNC_ACCOUNT.to_owned()..);
    let mut accounts = accounts.take_while(|(name, _)| name.starts_with(SYNC_ACCOUNT));
    if accounts.any(|(_, grants)| grants.iter().any(|(at, _)| *at > last)) {
        return Verdict::Clear;
    }
    if !facts.passed(last, STOPPED_SECONDS.of(facts)) {
        return if facts.finished() { Verdict::Clear } else { Verdict::Pending };
    }
    if facts.visibility.is_one_sided() {
        return Verdict::Unseen(ONE_SIDED);
    }
    if facts.visibility.has_drops() {
        return Verdict::Unseen(LOSSY);
    }
    let Some(now) = facts.visibility.now else { return Verdict::Clear };
    let lately = now.plus_seconds(-SYNC_SECONDS.of(facts));
    if !facts.domain_controllers.values().any(|dc| dc.served_within(lately, SYNC_SECONDS.of(facts))) {
        return Verdict::Unseen("the capture shows no domain controller at work since");
    }
    let minutes = now.since(last) / CaptureTime::SECOND / 60;
    let summary = format!("{}, which synchronised, has not been heard of for {minutes} minutes", logon.client);
    let account = logon.principal().map(ToString::to_string).unwrap_or_default();
    Found::new(Confidence::Likely, Subject::Device(logon.client), summary)
        .with(Evidence::new(
            reply.seen,
            "kerberos.CNameString",
            account,
            "its last ticket for the account of Entra Connect",
        ))
        .into()
}

/// When this client last sent anything to a KDC or showed a ticket.
fn last_heard(logon: &Logon, facts: &Facts) -> CaptureTime {
    let asked = facts.kerberos_of.get(&logon.client).and_then(|times| times.last()).copied();
    let shown = facts.tickets_shown.iter().filter(|((client, _), _)| *client == logon.client);
    let shown = shown.filter_map(|(_, times)| times.last().copied()).max();
    [asked, shown].into_iter().flatten().max().unwrap_or(logon.ended.at).max(logon.ended.at)
}

#[cfg(test)]
mod tests {
    use super::STOPPED;
    use crate::testing::{clear, found, pending, unseen};

    const KNOWN: &str = "
        0.0 pc3 > dc as-req MSOL_0a password
        0.1 dc > pc3 as-rep MSOL_0a ticket T1
    ";
    const OTHERS: &str = "
        5500.0 pc > dc as-req alice password
        5500.1 dc > pc as-rep alice ticket T2
        5600.0 end
    ";

    #[test]
    fn found_after_three_cycles() {
        let finding = found(&STOPPED, &format!("{KNOWN}{OTHERS}"));
        assert_eq!(finding.packets(), [2]);
        assert!(finding.found.summary.ends_with("for 93 minutes"), "{}", finding.found.summary);
    }

    #[test]
    fn clear_when_it_or_another_is_heard_or_the_capture_is_short() {
        clear(&STOPPED, &format!("{KNOWN}1800 pc3 > dc ap-req ticket T3\n{OTHERS}"));
        let other = "1800.0 pc2 > dc as-req MSOL_0b password\n1800.1 dc > pc2 as-rep MSOL_0b ticket T4\n";
        clear(&STOPPED, &format!("{KNOWN}{other}{OTHERS}"));
        clear(&STOPPED, &format!("{KNOWN}{}", OTHERS.replace("55", "30").replace("56", "31")));
        clear(&STOPPED, &format!("{}{OTHERS}", KNOWN.replace("MSOL_0a", "carol")));
    }

    #[test]
    fn pending_while_it_may_come() {
        pending(&STOPPED, &format!("{KNOWN}60 open"));
    }

    #[test]
    fn unseen_when_nothing_else_was_captured_or_packets_are_missing() {
        unseen(&STOPPED, &format!("{KNOWN}6000 end"));
        unseen(&STOPPED, &format!("{KNOWN}{}", OTHERS.replace("end", "dropped")));
    }
}
