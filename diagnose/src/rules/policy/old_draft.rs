//! POL-09.

use decode::kerberos::{ErrorCode, PaType};
use trace::{Exchange, Facts, Logon};

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::{by_what_is_missing, time::adjusted::adjusted},
};

rule! {
    /// ## What happened
    ///
    /// The client signs in with PKINIT as it was before the standard (padata 14 or 15). Such clients are very old,
    /// or third-party programs set to work with Windows 2000. Domain controllers of today may refuse them.
    ///
    /// ## How we know
    ///
    /// A request has pre-authentication data of type 14 or 15 and none of type 16; or it has both, was answered with an
    /// error, and the client got no ticket within ten seconds: clients that send both forms to be on the safe side are
    /// no fault, and neither are those that try the old one after the new. Type 15 in the domain controller's list of
    /// what it takes says nothing.
    ///
    /// ## What to do
    ///
    /// 1. Update the Kerberos client.
    /// 2. On Heimdal clients remove `pkinit_win2k` and `win2k_pkinit` from `krb5.conf`.
    ///
    /// ## Sources
    ///
    /// MS-PKCA 3.1.5.2 (a request with both forms is answered with error 60); RFC 4556; draft 9 of PKINIT.
    pub static OLD_DRAFT = {
        code: "POL-09",
        title: "the client uses an old draft of PKINIT",
        severity: Severity::Low,
        since: "0.1.0",
        supersedes: ["TKT-08"],
        errors: [60],
        statuses: [],
        events: [],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    for exchange in logon.as_exchanges() {
        let Some((kind, request)) = old_form(exchange).zip(exchange.request.as_deref()) else { continue };
        let both = exchange.is_pkinit();
        if !both && logon.pkinit_exchanges().next().is_some() {
            continue;
        }
        let refused = exchange.error().filter(|_| !exchange.is_intermediate()).zip(exchange.reply.as_deref());
        let refused = refused.filter(|(_, reply)| !adjusted(logon, facts, reply.seen.at));
        if both && refused.is_none() {
            continue;
        }
        let summary = if both {
            "the client sends an old draft of PKINIT beside the standard, and was refused"
        } else {
            "the client signs in with an old draft of PKINIT"
        };
        return Found::new(Confidence::Proven, Subject::Device(exchange.client.address), summary)
            .with(Evidence::new(
                request.seen,
                "kerberos.padata_type",
                kind.to_string(),
                "PKINIT as an early draft had it",
            ))
            .with_some(refused.map(|(error, reply)| {
                let means = if error.code == ErrorCode::GENERIC {
                    "so Windows answers a request with both forms"
                } else {
                    "the answer to it"
                };
                Evidence::new(reply.seen, "kerberos.error_code", error.code.to_string(), means)
            }))
            .into();
    }
    let of_both = logon.as_exchanges().filter(|exchange| old_form(exchange).is_some());
    by_what_is_missing(of_both, facts)
}

/// The old form that a request has.
pub(crate) fn old_form(exchange: &Exchange) -> Option<PaType> {
    let request = exchange.kdc_request()?;
    [PaType::PK_AS_REQ_OLD, PaType::PK_AS_REP_OLD].into_iter().find(|kind| request.has(*kind))
}

#[cfg(test)]
mod tests {
    use super::OLD_DRAFT;
    use crate::{
        Severity,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_whether_or_not_it_works() {
        for answer in ["as-rep alice ticket T1", "krb-error 16"] {
            let finding =
                found(&OLD_DRAFT, &format!("0.000 pc > dc as-req alice old-pkinit\n0.010 dc > pc {answer}\n30 end"));
            assert_eq!(finding.packets().first(), Some(&1));
            assert_eq!(finding.severity(), Severity::Low);
        }
    }

    #[test]
    fn found_once_when_both_forms_are_refused() {
        let script = "0.000 pc > dc as-req alice pkinit issued C1 old-pkinit\n0.010 dc > pc krb-error 60\n40 end";
        assert_eq!(found(&OLD_DRAFT, script).packets(), [1, 2]);
        let played = trace::script::play(script);
        let (findings, _) = crate::diagnose(played.logons(), played.facts());
        let codes: Vec<&str> = findings.iter().map(|finding| finding.rule.code).collect();
        assert_eq!(codes, ["POL-09"]);
    }

    #[test]
    fn clear_when_both_are_sent_and_it_works() {
        clear(
            &OLD_DRAFT,
            "
            0.000 pc > dc as-req alice
            0.010 dc > pc krb-error 25 padata 16,15
            0.100 pc > dc as-req alice pkinit old-pkinit
            0.110 dc > pc as-rep alice ticket T1 pkinit
            ",
        );
    }

    #[test]
    fn clear_when_the_old_form_is_tried_after_the_new() {
        clear(
            &OLD_DRAFT,
            "
            0.000 pc > dc as-req alice pkinit
            0.010 dc > pc krb-error 25 padata 2
            0.100 pc > dc as-req alice old-pkinit
            0.110 dc > pc krb-error 25 padata 2
            ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&OLD_DRAFT, "0.000 pc > dc as-req alice pkinit old-pkinit\n1.000 open");
    }

    #[test]
    fn unseen_in_one_direction() {
        unseen(
            &OLD_DRAFT,
            "
            0.000 pc > dc as-req alice pkinit old-pkinit
            20.00 pc > dc connect one-sided bytes 900,0
            ",
        );
    }
}
