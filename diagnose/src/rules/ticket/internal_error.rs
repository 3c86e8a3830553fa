//! TKT-08.

use decode::kerberos::{ErrorCode, PaType, Stage};
use trace::{Facts, Logon};

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::{Refusal, by_what_is_missing, policy::old_draft::old_form, refusals, time::adjusted::adjusted},
    windows::DC_RECOVERS_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// The domain controller could not work on the request, for a reason of its own: it did not reach a global catalog,
    /// the PDC emulator or its database, or ran into an error inside.
    ///
    /// ## How we know
    ///
    /// It answered with error 29 (KDC_ERR_SVC_UNAVAILABLE), or with 60 (KRB_ERR_GENERIC), which is likely and medium
    /// only, as it stands for whatever has no code of its own; its text, where it has one, is told beside it. The
    /// finding is withdrawn when this domain controller issues a ticket to anyone, or the client gets one, within half
    /// a minute after; if the capture ends before, it is one step less sure. It is not taken from answers to requests
    /// in another user's name, to armored ones (POL-07), and to ones that mix two forms of PKINIT (POL-09); nor is 60
    /// from answers to requests with a ticket, which may be about the ticket (TKT-05), or to ones that name no user or
    /// no service.
    ///
    /// ## What to do
    ///
    /// 1. Read the System and Directory Service logs of the domain controller at that time.
    /// 2. Test it: `dcdiag /s:DC`, `nltest /dsgetdc:corp.example /gc /force`, `repadmin /replsummary`.
    /// 3. If it is out of order, take it out of DNS until it is mended (`nltest /dsderegdns:DC.corp.example`).
    ///
    /// ## Sources
    ///
    /// RFC 4120 §7.5.9; MS-PKCA 3.1.5.2; text of the KDC event 7.
    pub static INTERNAL_ERROR = {
        code: "TKT-08",
        title: "the domain controller has a problem of its own",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [29, 60],
        statuses: [0xc000_00dc, 0xc000_00e5, 0xc000_0192],
        events: ["KDC 7"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let codes = [ErrorCode::SVC_UNAVAILABLE, ErrorCode::GENERIC];
    let mut refused = codes.iter().flat_map(|code| refusals(logon, *code));
    let Some(refusal) = refused.find(|refusal| is_its_own(refusal) && !recovers(refusal, logon, facts)) else {
        return by_what_is_missing(logon.exchanges.iter(), facts);
    };
    let said = refusal.error.code == ErrorCode::SVC_UNAVAILABLE;
    let summary = if said {
        "the domain controller says that a service it needs is not available"
    } else {
        "the domain controller answers with an error that has no code of its own"
    };
    let confidence = if said { Confidence::Proven } else { Confidence::Likely };
    let severity = if said { Severity::High } else { Severity::Medium };
    Found::new(
        confidence.lowered_unless(facts.passed(refusal.answered.at, DC_RECOVERS_SECONDS.of(facts))),
        Subject::DomainController(refusal.kdc()),
        summary,
    )
    .with_severity(severity)
    .with(refusal.answer("the domain controller cannot work on the request"))
    .with_some(refusal.status_evidence())
    .with_some(
        refusal
            .text()
            .map(|text| Evidence::new(refusal.answered, "kerberos.e_text", text.to_string(), "what it says about it")),
    )
    .into()
}

/// Whether the error is not about what was asked.
fn is_its_own(refusal: &Refusal<'_>) -> bool {
    let mixed = old_form(refusal.exchange).is_some();
    // Of a request with a ticket, MIT KDCs say so when they cannot open the ticket.
    let of_ticket = refusal.error.code == ErrorCode::GENERIC && refusal.exchange.stage == Stage::Tgs;
    let armored = refusal.is_armored()
        || refusal.exchange.kdc_request().is_some_and(|request| request.has(PaType::FX_FAST_ARMOR));
    // Of a request that lacks what it must have, or that is not there, 60 may say just that.
    let complete = refusal.error.code != ErrorCode::GENERIC
        || refusal.exchange.kdc_request().is_some_and(|request| request.sname.is_some() && request.cname.is_some());
    !mixed && !armored && !of_ticket && complete
}

/// Whether the domain controller issues tickets right after, or the client gets one elsewhere.
fn recovers(refusal: &Refusal<'_>, logon: &Logon, facts: &Facts) -> bool {
    let at = refusal.answered.at;
    let dc = facts.domain_controllers.get(&refusal.kdc());
    dc.is_some_and(|dc| dc.served_within(at, DC_RECOVERS_SECONDS.of(facts))) || adjusted(logon, facts, at)
}

#[cfg(test)]
mod tests {
    use super::INTERNAL_ERROR;
    use crate::{
        Confidence, Severity, Subject,
        testing::{clear, found, pending},
    };

    #[test]
    fn found_when_a_service_is_not_available() {
        let finding = found(&INTERNAL_ERROR, "0.000 pc > dc as-req alice pkinit\n0.010 dc > pc krb-error 29\n40 end");
        assert_eq!(finding.packets(), [2]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
        assert_eq!(finding.severity(), Severity::High);
        assert_eq!(finding.found.subject, Subject::DomainController([10, 99, 0, 10].into()));
    }

    #[test]
    fn less_sure_of_60_and_at_the_end() {
        let script = "0.000 pc > dc as-req alice pkinit\n0.010 dc > pc krb-error 60 text out_of_memory";
        let finding = found(&INTERNAL_ERROR, script);
        assert_eq!(finding.packets(), [2, 2]);
        assert_eq!((finding.found.confidence, finding.severity()), (Confidence::Possible, Severity::Medium));
        assert_eq!(finding.found.evidence[1].value, "out of memory");
    }

    #[test]
    fn clear_when_it_serves_others_right_after() {
        clear(
            &INTERNAL_ERROR,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  krb-error 60
            20.00 pc2 > dc as-req bob password
            20.01 dc > pc2 as-rep bob ticket T2
            60    end
            ",
        );
    }

    #[test]
    fn clear_when_the_request_is_armored_or_in_another_name() {
        clear(&INTERNAL_ERROR, "0.000 pc > dc as-req alice fast\n0.010 dc > pc krb-error 60\n40 end");
        clear(&INTERNAL_ERROR, "0.000 pc > dc tgs-req host/pc ticket T9 for-user\n0.010 dc > pc krb-error 60\n40 end");
    }

    #[test]
    fn clear_when_60_may_be_about_the_ticket() {
        clear(&INTERNAL_ERROR, "0.000 pc > dc tgs-req cifs/files ticket T9\n0.010 dc > pc krb-error 60\n40 end");
        found(&INTERNAL_ERROR, "0.000 pc > dc tgs-req cifs/files ticket T9\n0.010 dc > pc krb-error 29\n40 end");
    }

    #[test]
    fn clear_when_60_answers_what_is_not_there() {
        clear(&INTERNAL_ERROR, "0.010 dc > pc krb-error 60 client alice\n40 end");
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&INTERNAL_ERROR, "0.000 pc > dc as-req alice pkinit\n1.000 open");
    }
}
