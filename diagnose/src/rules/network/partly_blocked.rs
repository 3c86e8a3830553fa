//! NET-06.

use decode::Seen;
use trace::{Facts, Logon, PortUse};

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::{LOSSY, ONE_SIDED},
    windows::{UNANSWERED_SECONDS, UNANSWERED_SYNS},
};

rule! {
    /// ## What happened
    ///
    /// A computer got its ticket from a domain controller, and cannot reach other ports of it. So the sign-in works,
    /// and what comes after hangs or fails: group policy, scripts, a change of password, enrolment of certificates.
    ///
    /// ## How we know
    ///
    /// After a ticket was granted, the client asked this domain controller for a connection to port 389, 445, 135 or
    /// 464 (or 3268, if it says that it is a global catalogue), and got none anywhere in the capture: it was refused
    /// (proven), or nobody answered three SYNs over two seconds or more (likely; not in a capture with losses or of one
    /// direction).
    ///
    /// ## What to do
    ///
    /// 1. Test from the client: `Test-NetConnection -ComputerName dc1.corp.example -Port 389`, and so on.
    /// 2. Open towards all domain controllers: 53, 88, 135, 389, 445, 464, 3268 and 49152 to 65535 by TCP; 53, 88, 389
    ///    and 464 by UDP as well.
    /// 3. If only some clients are concerned, look at the VPN's rules, or the host's firewall.
    ///
    /// ## Sources
    ///
    /// Microsoft: service overview and network port requirements for Windows. Not seen in a capture.
    pub static PARTLY_BLOCKED = {
        code: "NET-06",
        title: "the domain controller grants tickets, and other ports of it are blocked",
        severity: Severity::Medium,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["GroupPolicy 1055", "GroupPolicy 1058", "GroupPolicy 1129"],
        check: Scope::Logon(check),
    };
}

/// What a computer of the domain needs besides Kerberos.
const NEEDED: [(u16, &str); 5] =
    [(135, "RPC"), (389, "LDAP"), (445, "SMB"), (464, "changes of passwords"), (3268, "the global catalogue")];
/// DS_GC_FLAG, MS-ADTS 6.3.1.2.
const GLOBAL_CATALOGUE: u32 = 0x4;

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let Some((exchange, _)) = logon.issued() else { return Verdict::Clear };
    let (Some(reply), kdc) = (exchange.reply.as_deref(), exchange.kdc.address) else { return Verdict::Clear };
    let flags = facts.domain_controllers.get(&kdc).and_then(|dc| dc.located.as_ref()?.flags).unwrap_or(0);
    let mut blocked: Vec<(&str, u16, Seen, bool)> = Vec::new();
    for (port, name) in NEEDED {
        let tried = facts.ports.between(logon.client, kdc, port).filter(|used| !used.opened);
        let is_offered = port != 3268 || flags & GLOBAL_CATALOGUE != 0;
        if let Some((seen, refused)) = tried.filter(|_| is_offered).and_then(|port| blocked_at(&port, facts))
            && seen.at >= reply.seen.at
        {
            blocked.push((name, port, seen, refused));
        }
    }
    if blocked.is_empty() {
        return Verdict::Clear;
    }
    let said = blocked.iter().any(|(.., refused)| *refused);
    if !said && facts.visibility.is_one_sided() {
        return Verdict::Unseen(ONE_SIDED);
    }
    if !said && facts.visibility.has_drops() {
        return Verdict::Unseen(LOSSY);
    }
    let names: Vec<String> = blocked.iter().map(|(name, port, ..)| format!("{port} ({name})")).collect();
    let summary = format!("{} gets tickets from {kdc}, and does not reach its port {}", logon.client, names.join(", "));
    let confidence = if said { Confidence::Proven } else { Confidence::Likely };
    let mut found = Found::new(confidence, Subject::Device(logon.client), summary);
    for (name, port, seen, refused) in blocked {
        let means = format!("{name}: {}", if refused { "the connection is refused" } else { "nobody answers" });
        found = found.with(Evidence::new(seen, "tcp.dstport", port.to_string(), means));
    }
    found
        .with(Evidence::new(reply.seen, "kerberos.msg_type", "11", "the same domain controller grants a ticket"))
        .into()
}

/// Where a port was not reached, and whether somebody said so.
fn blocked_at(port: &PortUse, facts: &Facts) -> Option<(Seen, bool)> {
    let silent = port
        .unanswered
        .filter(|tried| tried.syns >= UNANSWERED_SYNS.of(facts) && tried.seconds >= UNANSWERED_SECONDS.of(facts));
    port.refused.map(|seen| (seen, true)).or(silent.map(|tried| (tried.seen, false)))
}

#[cfg(test)]
mod tests {
    use super::PARTLY_BLOCKED;
    use crate::{
        Confidence, Subject,
        testing::{clear, found, unseen},
    };

    const SIGN_IN: &str = "
        0.000 pc > dc as-req alice pkinit
        0.010 dc > pc as-rep alice ticket T1 pkinit
    ";
    const REFUSED: &str = "1.0 pc > dc connect refused port 445\n";
    const SILENT: &str = "9.0 pc > dc connect unanswered syns 3 port 389\n";

    #[test]
    fn proven_when_it_is_refused() {
        let finding = found(&PARTLY_BLOCKED, &format!("{SIGN_IN}{REFUSED}"));
        assert_eq!((finding.packets(), finding.found.confidence), (vec![3, 2], Confidence::Proven));
        assert_eq!(finding.found.subject, Subject::Device([10, 99, 0, 21].into()));
    }

    #[test]
    fn likely_when_nobody_answers() {
        let finding = found(&PARTLY_BLOCKED, &format!("{SIGN_IN}{SILENT}40 end"));
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert!(finding.found.summary.ends_with("port 389 (LDAP)"), "{}", finding.found.summary);
    }

    #[test]
    fn clear_when_it_opens_or_is_another_machine_or_no_global_catalogue() {
        clear(&PARTLY_BLOCKED, &format!("{SIGN_IN}{REFUSED}2.0 pc > dc connect open port 445"));
        clear(&PARTLY_BLOCKED, &format!("{SIGN_IN}{}", REFUSED.replace("dc", "dc2")));
        clear(&PARTLY_BLOCKED, &format!("{SIGN_IN}{}", REFUSED.replace("445", "3268")));
        clear(&PARTLY_BLOCKED, &format!("{SIGN_IN}{}40 end", SILENT.replace("syns 3", "syns 1")));
    }

    #[test]
    fn unseen_when_packets_are_missing() {
        unseen(&PARTLY_BLOCKED, &format!("{SIGN_IN}{SILENT}40 dropped"));
    }
}
