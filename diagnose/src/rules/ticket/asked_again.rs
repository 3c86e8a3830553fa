//! TKT-09.

use capture::CaptureTime;
use decode::Seen;
use trace::{Facts, Logon, Method};

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{LOSSY, ONE_SIDED, account_of, dc_certificate::retries::other_tickets},
    windows::{LOOP_TICKETS, TICKET_RETRY_SECONDS, TICKET_USE_SECONDS},
};

rule! {
    /// ## What happened
    ///
    /// The client was granted the same user's ticket again and again, and used none. It is in a loop: it gets
    /// what it asks for and cannot do anything with it. Mostly it does not accept the domain controller's
    /// certificate; or it cannot read the reply.
    ///
    /// ## How we know
    ///
    /// Five or more replies to PKINIT with a ticket for the same user at the same client within a minute, and no
    /// request of this client in the whole capture that uses a ticket issued in it, until half a minute after
    /// the last. Several programs that each want a ticket, or a test of the domain controller's load, look the
    /// same. In a capture of one direction, or with packets missing, the question stays open.
    ///
    /// ## What to do
    ///
    /// 1. On the client, see which program asks: in the logs System and Security-Kerberos/Operational the events
    ///    of that time, and `klist sessions`.
    /// 2. Follow the page of DCC-11: check the domain controller's certificate on the client with
    ///    `certutil -verify -urlfetch dc.cer`.
    /// 3. Sign out and restart the client once, to see whether the loop comes back.
    ///
    /// ## Sources
    ///
    /// RFC 4120 §3.1.5 and §3.3.1; RFC 4556 §3.2.4. Not seen in a capture.
    pub static ASKED_AGAIN = {
        code: "TKT-09",
        title: "the client is granted tickets again and again and uses none",
        severity: Severity::Medium,
        since: "0.1.0",
        supersedes: [],
        errors: [],
        statuses: [],
        events: ["Kerberos client 102"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    // What did not arrive cannot be used.
    let delivered = logon.issued().filter(|(exchange, _)| !exchange.lacks_reply());
    let reply = delivered.filter(|(_, reply)| reply.pkinit.is_some());
    let Some(this) = reply.and_then(|(exchange, _)| exchange.reply.as_deref()).map(|event| event.seen) else {
        return Verdict::Clear;
    };
    let used = logon.went_on() || facts.clients_seen_from_the_start.contains(&logon.client);
    if used || logon.method == Method::Anonymous || logon.requested.is_none() {
        return Verdict::Clear;
    }
    let mut tickets = other_tickets(logon, facts, this.at, false);
    tickets.push(this);
    tickets.sort_by_key(|seen| seen.at);
    let Some(last) = tickets.last().copied().filter(|_| is_loop(&tickets, this, facts)) else {
        let open = !facts.finished() && !facts.passed(this.at, TICKET_RETRY_SECONDS.of(facts));
        return if open { Verdict::Pending } else { Verdict::Clear };
    };
    if facts.visibility.is_one_sided() {
        return Verdict::Unseen(ONE_SIDED);
    }
    if facts.visibility.is_lossy() || facts.visibility.kerberos_cut() > 0 {
        return Verdict::Unseen(LOSSY);
    }
    if !facts.passed(last.at, TICKET_USE_SECONDS.of(facts)) {
        return if facts.finished() { Verdict::Clear } else { Verdict::Pending };
    }
    let summary =
        format!("the client was granted {} tickets for this user one after the other and used none", tickets.len());
    let mut found = Found::new(Confidence::Likely, account_of(logon), summary);
    for ticket in tickets {
        found = found.with(Evidence::new(ticket, "kerberos.msg_type", "11", "a ticket that is not used"));
    }
    found.into()
}

/// Whether `this` is one of so many tickets, in order of time, that came within a minute.
fn is_loop(tickets: &[Seen], this: Seen, facts: &Facts) -> bool {
    tickets.windows(LOOP_TICKETS.of(facts)).any(|window| {
        let (Some(first), Some(last)) = (window.first(), window.last()) else { return false };
        window.contains(&this) && last.at.since(first.at) <= TICKET_RETRY_SECONDS.of(facts) * CaptureTime::SECOND
    })
}

#[cfg(test)]
mod tests {
    use super::ASKED_AGAIN;
    use crate::{
        Confidence,
        testing::{clear, found, pending, unseen},
    };

    const FOUR: &str = "
        0.000 pc > dc  as-req alice pkinit
        0.010 dc > pc  as-rep alice ticket T1 pkinit
        0.200 pc > dc  as-req alice pkinit
        0.210 dc > pc  as-rep alice ticket T2 pkinit
        0.400 pc > dc  as-req alice pkinit
        0.410 dc > pc  as-rep alice ticket T3 pkinit
        0.600 pc > dc  as-req alice pkinit
        0.610 dc > pc  as-rep alice ticket T4 pkinit
    ";
    const FIFTH: &str = "
        0.800 pc > dc  as-req alice pkinit
        0.810 dc > pc  as-rep alice ticket T5 pkinit
    ";

    #[test]
    fn found_when_five_tickets_are_not_used() {
        let finding = found(&ASKED_AGAIN, &format!("{FOUR}{FIFTH}\n 40 end"));
        assert_eq!(finding.packets(), [2, 4, 6, 8, 10]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn clear_when_it_goes_on_in_vain() {
        let asked = |number: u32| {
            format!(
                "
                {number}.000 pc > dc  as-req alice pkinit flow {number}
                {number}.010 dc > pc  as-rep alice ticket T{number} pkinit flow {number}
                {number}.020 pc > dc  connect refused flow 1{number}
                "
            )
        };
        clear(&ASKED_AGAIN, &format!("{}\n 40 end", (1..=6).map(asked).collect::<String>()));
    }

    #[test]
    fn clear_when_there_are_four() {
        clear(&ASKED_AGAIN, &format!("{FOUR}\n 40 end"));
    }

    #[test]
    fn clear_when_the_fifth_comes_later() {
        let fifth = "
            70.00 pc > dc  as-req alice pkinit
            70.01 dc > pc  as-rep alice ticket T5 pkinit
        ";
        clear(&ASKED_AGAIN, &format!("{FOUR}{fifth}\n 110 end"));
    }

    #[test]
    fn clear_when_one_of_them_is_used() {
        let used = "
            0.900 pc > dc  tgs-req host/pc.corp.example ticket T5
            0.910 dc > pc  tgs-rep host/pc.corp.example ticket T6
        ";
        clear(&ASKED_AGAIN, &format!("{FOUR}{FIFTH}{used}\n 40 end"));
    }

    #[test]
    fn clear_when_the_capture_ends_too_soon() {
        clear(&ASKED_AGAIN, &format!("{FOUR}{FIFTH}\n 20 end"));
    }

    #[test]
    fn pending_while_one_may_be_used() {
        pending(&ASKED_AGAIN, &format!("{FOUR}{FIFTH}\n 20 open"));
    }

    #[test]
    fn unseen_when_packets_are_missing() {
        unseen(&ASKED_AGAIN, &format!("{FOUR}{FIFTH}\n 1.0 dropped\n 40 end"));
    }
}
