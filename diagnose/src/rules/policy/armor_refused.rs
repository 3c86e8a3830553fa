//! POL-07.

use decode::kerberos::{ErrorCode, ErrorData, PaType};
use trace::{Exchange, Facts, Logon};

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::{by_what_is_missing, time::adjusted::adjusted},
    windows::{ADJUSTED_SECONDS, UNANSWERED_ARMOR},
};

/// What an armored request is refused with by a KDC that does not take the armor.
const REFUSED: [ErrorCode; 3] = [ErrorCode::PREAUTH_FAILED, ErrorCode::GENERIC, ErrorCode::POLICY];

rule! {
    /// ## What happened
    ///
    /// The client protects its sign-in with armor (FAST, with the computer's ticket), and the domain controller
    /// does not take it: it does not know an option that the client insists on, or it cannot open the armor. Mostly
    /// the policies about claims and armoring differ between clients and domain controllers, or not all domain
    /// controllers have them.
    ///
    /// ## How we know
    ///
    /// The domain controller answered with error 93 (KDC_ERR_UNKNOWN_CRITICAL_FAST_OPTIONS). Or two or more armored
    /// requests of one sign-in were answered with 24 (KDC_ERR_PREAUTH_FAILED), 60 (KRB_ERR_GENERIC) or 12
    /// (KDC_ERR_POLICY) without armor: a domain controller that opened the armor answers inside it, and so does one
    /// that refuses the password in it. The finding is withdrawn when the client gets a ticket within ten seconds,
    /// as clients that may do without armor do then; if the capture ends before, it is one step less sure.
    ///
    /// ## What to do
    ///
    /// 1. Compare the policies: on the domain controllers Computer Configuration, Administrative Templates, System,
    ///    KDC, "KDC support for claims, compound authentication and Kerberos armoring"; on clients, under Kerberos,
    ///    "Kerberos client support for claims, compound authentication and Kerberos armoring".
    /// 2. Set the KDCs' policy to "Supported" on all domain controllers of the domain before any client insists on
    ///    armor ("Fail authentication requests when Kerberos armoring is not available").
    /// 3. Look at the System log of the domain controller: KDC events 33 and 34 say why armor was not applied.
    ///
    /// ## Sources
    ///
    /// RFC 6113 §5.4.2 and §5.4.4; MS-KILE 3.3.5.6; texts of the KDC events 33 and 34.
    pub static ARMOR_REFUSED = {
        code: "POL-07",
        title: "the domain controller does not take the armor of the request",
        severity: Severity::Medium,
        since: "0.1.0",
        supersedes: ["TKT-08", "ACC-08"],
        errors: [12, 24, 60, 93],
        statuses: [],
        events: ["KDC 33", "KDC 34"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let said = logon.exchanges.iter().filter(|exchange| {
        exchange.error().is_some_and(|error| error.code == ErrorCode::UNKNOWN_CRITICAL_FAST_OPTIONS)
    });
    let unarmored: Vec<&Exchange> = logon.as_exchanges().filter(|exchange| refused_without_armor(exchange)).collect();
    let refused = if unarmored.len() >= UNANSWERED_ARMOR.of(facts) { unarmored } else { Vec::new() };
    for exchange in said.chain(refused) {
        let Some((error, reply)) = exchange.error().zip(exchange.reply.as_deref()) else { continue };
        if adjusted(logon, facts, reply.seen.at) {
            continue;
        }
        let is_option = error.code == ErrorCode::UNKNOWN_CRITICAL_FAST_OPTIONS;
        let (summary, means) = if is_option {
            ("the domain controller does not know an option of armor (FAST) that the client insists on", "it says so")
        } else {
            ("the domain controller refuses armored requests without opening the armor", "an answer outside of armor")
        };
        let confidence = Confidence::Likely.lowered_unless(facts.passed(reply.seen.at, ADJUSTED_SECONDS.of(facts)));
        return Found::new(confidence, Subject::Device(exchange.client.address), summary)
            .with(Evidence::new(reply.seen, "kerberos.error_code", error.code.to_string(), means))
            .with_some(
                exchange.request.as_deref().map(|request| {
                    Evidence::new(request.seen, "kerberos.padata_type", "136", "the request is armored")
                }),
            )
            .into();
    }
    by_what_is_missing(logon.as_exchanges().filter(|exchange| is_armored(exchange)), facts)
}

fn is_armored(exchange: &Exchange) -> bool {
    exchange.kdc_request().is_some_and(|request| request.has(PaType::FX_FAST))
}

/// Whether an armored request was refused by an answer without armor.
fn refused_without_armor(exchange: &Exchange) -> bool {
    is_armored(exchange)
        && exchange.error().is_some_and(|error| {
            // What cannot be read may be armor.
            let unread = matches!(&error.e_data, Some(ErrorData::Unknown(_))) || error.stopped.is_some();
            REFUSED.contains(&error.code) && !error.is_armored() && !unread
        })
}

#[cfg(test)]
mod tests {
    use super::ARMOR_REFUSED;
    use crate::{
        Confidence, Severity,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_an_option_is_not_known() {
        let finding = found(&ARMOR_REFUSED, "0.000 pc > dc as-req alice fast\n0.010 dc > pc krb-error 93\n30 end");
        assert_eq!(finding.packets(), [2, 1]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert_eq!(finding.severity(), Severity::Medium);
    }

    #[test]
    fn found_when_two_domain_controllers_do_not_open_it() {
        let finding = found(
            &ARMOR_REFUSED,
            "
            0.000 pc > dc  as-req alice fast
            0.010 dc > pc  krb-error 60
            0.100 pc > dc2 as-req alice fast
            0.110 dc2 > pc krb-error 60
            ",
        );
        assert_eq!(finding.packets(), [2, 1]);
        assert_eq!(finding.found.confidence, Confidence::Possible);
    }

    #[test]
    fn clear_when_the_answer_is_inside_armor() {
        clear(
            &ARMOR_REFUSED,
            "
            0.000 pc > dc  as-req alice fast
            0.010 dc > pc  krb-error 24 padata 136
            0.100 pc > dc2 as-req alice fast
            0.110 dc2 > pc krb-error 24 padata 136
            30 end
            ",
        );
    }

    #[test]
    fn clear_when_the_client_goes_on_without() {
        clear(
            &ARMOR_REFUSED,
            "
            0.000 pc > dc  as-req alice fast
            0.010 dc > pc  krb-error 93
            1.000 pc > dc  as-req alice pkinit
            1.010 dc > pc  as-rep alice ticket T1 pkinit
            ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&ARMOR_REFUSED, "0.000 pc > dc as-req alice fast\n1.000 open");
    }

    #[test]
    fn unseen_in_one_direction() {
        unseen(&ARMOR_REFUSED, "0.000 pc > dc as-req alice fast\n20.00 pc > dc connect one-sided bytes 900,0");
    }
}
