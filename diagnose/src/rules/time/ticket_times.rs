//! TIM-04.

use capture::CaptureTime;
use decode::{
    Seen,
    kerberos::{ErrorCode, KdcRequest, TicketId},
};
use trace::{Exchange, Facts, Logon};

use super::adjusted::adjusted;
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::by_what_is_missing,
    windows::{ADJUSTED_SECONDS, FRESH_TICKET_SECONDS},
};

rule! {
    /// ## What happened
    ///
    /// A domain controller issued a ticket, and another one called it not yet valid, or expired, only minutes later.
    /// The clocks of the two differ. Users get in and then reach nothing that the second domain controller is asked
    /// for.
    ///
    /// ## How we know
    ///
    /// Error 33 (KRB_AP_ERR_TKT_NYV) or 32 (KRB_AP_ERR_TKT_EXPIRED) answered a request with a ticket whose issue, by
    /// another domain controller less than ten minutes before, is in the capture: the same ticket, byte for byte. Error
    /// 32 to an older ticket is normal, and so it is to a ticket that was asked for a shorter time. Domain controllers
    /// send the NTSTATUS 0xC0000133 with both, which says nothing more. The finding is withdrawn when the client gets a
    /// ticket within ten seconds; if the capture ends before, it is one step less sure.
    ///
    /// ## What to do
    ///
    /// 1. Compare the domain controllers: `w32tm /monitor`.
    /// 2. On the one whose clock is off: `w32tm /query /source`, then `w32tm /resync /rediscover`.
    /// 3. If it is a virtual machine, switch off the host's time synchronisation for it.
    ///
    /// ## Sources
    ///
    /// RFC 4120 §3.3.3 and §7.5.9; a published capture of a Windows KDC (0xC0000133 with error 32 to an old ticket).
    pub static TICKET_TIMES = {
        code: "TIM-04",
        title: "a fresh ticket is not yet valid, or expired, for another domain controller",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [32, 33],
        statuses: [0xc000_0133],
        events: ["System 5"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let mut unseen = false;
    for exchange in logon.tgs_exchanges() {
        let Some((error, reply)) = exchange.error().zip(exchange.reply.as_deref()) else { continue };
        let early = error.code == ErrorCode::TKT_NYV;
        if !early && error.code != ErrorCode::TKT_EXPIRED {
            continue;
        }
        let Some((by, issued, asked)) = presented(exchange).and_then(|ticket| issue_of(logon, ticket)) else {
            // An expired ticket is the usual thing, wherever it came from.
            unseen |= early;
            continue;
        };
        let age = reply.seen.at.since(issued.at);
        let same = by.kdc.address == exchange.kdc.address
            || facts
                .name_of(by.kdc.address)
                .zip(facts.name_of(exchange.kdc.address))
                .is_some_and(|(one, two)| one.eq_ignore_ascii_case(two));
        let fresh = (0..FRESH_TICKET_SECONDS.of(facts) * CaptureTime::SECOND).contains(&age);
        let short = !early && ends_by(asked, reply.seen);
        if same || !fresh || short || adjusted(logon, facts, reply.seen.at) {
            continue;
        }
        let what = if early { "not yet valid" } else { "expired" };
        let summary = format!(
            "{} calls a ticket {what} that {} issued {} s before: their clocks differ",
            exchange.kdc.address,
            by.kdc.address,
            age / CaptureTime::SECOND
        );
        let confidence = if early { Confidence::Proven } else { Confidence::Likely };
        return Found::new(
            confidence.lowered_unless(facts.passed(reply.seen.at, ADJUSTED_SECONDS.of(facts))),
            Subject::DomainController(exchange.kdc.address),
            summary,
        )
        .with(Evidence::new(reply.seen, "kerberos.error_code", error.code.to_string(), format!("the ticket is {what}")))
        .with(Evidence::new(issued, "kerberos.msg_type", "11", "here the ticket was issued"))
        .with_some(
            exchange
                .request
                .as_deref()
                .map(|request| Evidence::new(request.seen, "kerberos.msg_type", "12", "here it was used")),
        )
        .into();
    }
    if unseen {
        return Verdict::Unseen("the capture does not show when the ticket was issued");
    }
    by_what_is_missing(logon.tgs_exchanges(), facts)
}

/// The ticket that a request uses.
fn presented(exchange: &Exchange) -> Option<TicketId> {
    exchange.kdc_request()?.ap_request.as_ref()?.ticket.as_ref()?.id
}

/// Where a ticket was issued, and what had been asked for.
fn issue_of(logon: &Logon, ticket: TicketId) -> Option<(&Exchange, Seen, Option<&KdcRequest>)> {
    logon.exchanges.iter().find_map(|exchange| {
        let issued = exchange.granted()?.ticket.as_ref()?.id? == ticket;
        issued.then_some((exchange, exchange.reply.as_deref()?.seen, exchange.kdc_request()))
    })
}

/// Whether a ticket asked for with this request was to end before this packet.
fn ends_by(request: Option<&KdcRequest>, seen: Seen) -> bool {
    // 1970 stands for "as long as possible".
    let till = request.and_then(|request| request.till).filter(|till| till.seconds() > 0);
    till.is_some_and(|till| till.seconds() <= seen.at.seconds())
}

#[cfg(test)]
mod tests {
    use super::TICKET_TIMES;
    use crate::{
        Confidence, Severity, Subject,
        testing::{clear, found, pending, unseen},
    };

    fn used(till: &str, second: &str, at: u32, error: &str) -> String {
        format!(
            "
            0.000 pc > dc  as-req alice pkinit {till}
            0.010 dc > pc  as-rep alice ticket T1 pkinit
            {at}.000 pc > {second} tgs-req host/srv ticket T1
            {at}.010 {second} > pc krb-error {error}
            {} end
            ",
            at + 30
        )
    }

    #[test]
    fn found_when_another_domain_controller_is_behind() {
        let finding = found(&TICKET_TIMES, &used("", "dc2", 5, "33"));
        assert_eq!(finding.packets(), [4, 2, 3]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
        assert_eq!(finding.severity(), Severity::High);
        assert_eq!(finding.found.subject, Subject::DomainController([10, 99, 0, 11].into()));
    }

    #[test]
    fn found_when_it_is_ahead() {
        let finding = found(&TICKET_TIMES, &used("till 36000", "dc2", 5, "32 status 0xc0000133"));
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn clear_when_the_ticket_is_old_or_was_asked_for_a_short_time() {
        clear(&TICKET_TIMES, &used("", "dc2", 601, "32 status 0xc0000133"));
        clear(&TICKET_TIMES, &used("till 60", "dc2", 70, "32"));
    }

    #[test]
    fn clear_when_one_domain_controller_does_both() {
        clear(&TICKET_TIMES, &used("", "dc", 5, "33"));
    }

    #[test]
    fn clear_when_the_client_gets_a_new_ticket() {
        let script = used("", "dc2", 5, "33").replace(
            "35 end",
            "6.000 pc > dc2 as-req alice pkinit\n6.010 dc2 > pc as-rep alice ticket T2 pkinit\n35 end",
        );
        clear(&TICKET_TIMES, &script);
    }

    #[test]
    fn unseen_when_the_issue_is_not_in_the_capture() {
        unseen(&TICKET_TIMES, "0.000 pc > dc2 tgs-req host/srv ticket T9\n0.010 dc2 > pc krb-error 33");
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&TICKET_TIMES, "0.000 pc > dc tgs-req host/srv ticket T9\n1.000 open");
    }
}
