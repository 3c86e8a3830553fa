//! POL-01.

use capture::CaptureTime;
use decode::{
    Seen,
    kerberos::{ErrorCode, ErrorData, PaType},
};
use trace::{Facts, Logon};

use crate::{
    Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::refusal::{PkinitRefusal, name, nothing_found, told},
};

rule! {
    /// ## What happened
    ///
    /// The domain controller had handed out a token to prove that the key is used just now, and it came back too
    /// late. Somebody was slow to enter the PIN, the card or its reader was, or the token came from a domain
    /// controller whose clock differs. The next try begins with a new token and mostly works.
    ///
    /// ## How we know
    ///
    /// A PKINIT request with a freshness token was answered with error 90 (KDC_ERR_PREAUTH_EXPIRED). Where the
    /// answer that handed the token out is in the same sign-in, its age is told. The finding is withdrawn when the
    /// client gets a ticket within ten seconds, as Windows asks again by itself; if the capture ends before, it is
    /// one step less sure. Error 90 to a request without such a token is about something else.
    ///
    /// ## What to do
    ///
    /// 1. Let the user try again. If that works, there is nothing to do.
    /// 2. If it happens often, compare the clocks of the domain controllers: `w32tm /monitor`.
    /// 3. See which proof is demanded: Computer Configuration, Administrative Templates, System, KDC, "KDC support
    ///    for PKInit Freshness Extension".
    ///
    /// ## Sources
    ///
    /// RFC 8070 §2.4; RFC 6113 (the error's name); Samba's tests of freshness tokens.
    pub static FRESHNESS_EXPIRED = {
        code: "POL-01",
        title: "the freshness token was too old",
        severity: Severity::Low,
        since: "0.1.0",
        supersedes: [],
        errors: [90],
        statuses: [],
        events: ["Security 4768"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    const CODES: [ErrorCode; 1] = [ErrorCode::PREAUTH_EXPIRED];
    let with_token = |refusal: &PkinitRefusal<'_>| refusal.pkinit().is_some_and(|pkinit| pkinit.freshness_token);
    let Some((refusal, confidence)) = told(logon, facts, &CODES).filter(|(refusal, _)| with_token(refusal)) else {
        return nothing_found(logon, facts, &CODES);
    };
    let handed_out = handed_out(logon, refusal.asked);
    let age =
        handed_out.map(|seen| format!(", {:.1} s old", seconds(refusal.asked.at.since(seen.at)))).unwrap_or_default();
    let summary = format!("the freshness token with which {} signs in was too old for the KDC{age}", name(logon));
    Found::new(confidence, Subject::Device(logon.client), summary)
        .with(refusal.answer("the token is too old"))
        .with(refusal.question("kerberos.padata_type", "16", "a PKINIT request with a freshness token"))
        .with_some(
            handed_out.map(|seen| Evidence::new(seen, "kerberos.padata_type", "150", "here a token was handed out")),
        )
        .into()
}

/// The last answer before `asked` that hands out a token.
fn handed_out(logon: &Logon, asked: Seen) -> Option<Seen> {
    let answers = logon.as_exchanges().filter(|exchange| {
        exchange.error().is_some_and(|error| {
            matches!(&error.e_data,
                Some(ErrorData::MethodData(list)) if list.iter().any(|data| data.kind == PaType::AS_FRESHNESS))
        })
    });
    answers.filter_map(|exchange| exchange.reply.as_deref()).map(|event| event.seen).filter(|seen| *seen < asked).max()
}

#[expect(clippy::cast_precision_loss, reason = "a time between two packets, shown with one decimal")]
fn seconds(nanoseconds: i64) -> f64 {
    nanoseconds as f64 / CaptureTime::SECOND as f64
}

#[cfg(test)]
mod tests {
    use super::FRESHNESS_EXPIRED;
    use crate::{
        Confidence, Severity,
        testing::{clear, found, pending, unseen},
    };

    const EXPIRED: &str = "
        0.000 pc > dc  as-req alice
        0.010 dc > pc  krb-error 25 padata 16,150
        25.00 pc > dc  as-req alice pkinit key K1 freshness
        25.01 dc > pc  krb-error 90
    ";

    #[test]
    fn found_with_the_age_of_the_token() {
        let finding = found(&FRESHNESS_EXPIRED, &format!("{EXPIRED}\n 60 end"));
        assert_eq!(finding.packets(), [4, 3, 2]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
        assert_eq!(finding.severity(), Severity::Low);
        assert!(finding.found.summary.ends_with("25.0 s old"), "{}", finding.found.summary);
    }

    #[test]
    fn less_sure_where_the_capture_ends() {
        assert_eq!(found(&FRESHNESS_EXPIRED, EXPIRED).found.confidence, Confidence::Likely);
    }

    #[test]
    fn clear_when_the_client_asks_again() {
        clear(
            &FRESHNESS_EXPIRED,
            &format!(
                "{EXPIRED}
                26.00 pc > dc  as-req alice pkinit key K1 freshness
                26.01 dc > pc  as-rep alice ticket T1 pkinit
                60 end
                "
            ),
        );
    }

    #[test]
    fn clear_when_there_was_no_token() {
        clear(
            &FRESHNESS_EXPIRED,
            "
            0.000 pc > dc  as-req alice pkinit key K1
            0.010 dc > pc  krb-error 90
            1.000 pc > dc  as-req bob fast
            1.010 dc > pc  krb-error 90
            60 end
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&FRESHNESS_EXPIRED, "0.000 pc > dc as-req alice pkinit freshness\n 1.000 open");
    }

    #[test]
    fn unseen_without_the_request() {
        unseen(&FRESHNESS_EXPIRED, "0.010 dc > pc krb-error 90 client alice");
    }
}
