//! POL-05.

use decode::kerberos::{ErrorCode, ErrorData};
use trace::{Facts, Logon};

use super::refusal_31::{Cause, agreement_words, cause};
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::{
        refusal::{PkinitRefusal, nothing_found},
        time::adjusted::adjusted,
    },
    windows::ADJUSTED_SECONDS,
};

/// TD-DH-PARAMETERS, RFC 4556 §3.1.3: the groups that the KDC takes.
const TD_DH_PARAMETERS: i32 = 109;

rule! {
    /// ## What happened
    ///
    /// To agree on a key, the client proposed a Diffie-Hellman group, and the domain controller does not take
    /// it: the group is too small for its policy, or it does not know it. The user cannot sign in with a key
    /// from this client.
    ///
    /// ## How we know
    ///
    /// The domain controller answered with error 65 (KDC_ERR_DH_KEY_PARAMETERS_NOT_ACCEPTED), often with a list
    /// of what it would take. Samba and Heimdal answer 31 instead; then the finding rests on the request, which
    /// proposes an elliptic curve or a group that nobody knows, and nothing else about it is wrong. It is
    /// withdrawn when the client gets a ticket within ten seconds: it may try another group by itself. That
    /// this domain controller granted the same proposal to anyone in this capture rules the second form out.
    ///
    /// ## What to do
    ///
    /// 1. Update the client, or let it propose 2048 bits (group 14), which nearly every KDC takes.
    /// 2. On MIT and Heimdal clients look for a setting that asks for something else: `pkinit_dh_min_bits` in
    ///    `krb5.conf`; set it to 2048.
    /// 3. On MIT, Heimdal and Samba KDCs see what is demanded: `pkinit_dh_min_bits` (MIT, Heimdal) in
    ///    `kdc.conf` or `krb5.conf`; 2048 is a good value.
    ///
    /// ## Sources
    ///
    /// RFC 4556 §3.1.3 and §3.2.1; RFC 5349 (elliptic curves). Error 65 with its list was seen in captures of
    /// an MIT KDC, 31 in captures of Samba, for a proposal of fewer bits than demanded and for elliptic curves.
    pub static GROUP_REFUSED = {
        code: "POL-05",
        title: "the domain controller does not take the client's Diffie-Hellman group",
        severity: Severity::Medium,
        since: "0.1.0",
        supersedes: ["KEY-20", "POL-11"],
        errors: [31, 65],
        statuses: [],
        events: [],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    for refusal in PkinitRefusal::all(logon) {
        let Some(confidence) = sureness(&refusal, facts) else { continue };
        if adjusted(logon, facts, refusal.answered.at) {
            continue;
        }
        let proposed = refusal.pkinit().map(|pkinit| agreement_words(&pkinit.key_agreement));
        let summary = match (&proposed, confidence) {
            (Some(proposed), Confidence::Proven) => format!("the domain controller does not take {proposed}"),
            (None, Confidence::Proven) => "the domain controller does not take the client's parameters".to_owned(),
            (proposed, _) => format!(
                "the domain controller refused a request with {}, which it most likely does not know",
                proposed.as_deref().unwrap_or("an unusual group"),
            ),
        };
        let offered =
            matches!(&refusal.error.e_data, Some(ErrorData::TypedData(kinds)) if kinds.contains(&TD_DH_PARAMETERS));
        // Error 31 tells the client nothing that it could change by itself.
        let told = refusal.code() == ErrorCode::DH_KEY_PARAMETERS_NOT_ACCEPTED;
        return Found::new(
            confidence.lowered_unless(!told || facts.passed(refusal.answered.at, ADJUSTED_SECONDS.of(facts))),
            Subject::Device(logon.client),
            summary,
        )
        .with(refusal.answer("the domain controller does not take these parameters"))
        .with_some(
            proposed.map(|proposed| {
                refusal.question("pkinit.clientPublicValue_element", proposed, "what the client proposed")
            }),
        )
        .with_some(offered.then(|| {
            let kind = format!("{TD_DH_PARAMETERS} TD-DH-PARAMETERS");
            Evidence::new(refusal.answered, "kerberos.e_data", kind, "the domain controller lists what it would take")
        }))
        .into();
    }
    nothing_found(logon, facts, &[ErrorCode::DH_KEY_PARAMETERS_NOT_ACCEPTED])
}

/// How sure the answer makes us; `None` when it does not speak of this fault.
fn sureness(refusal: &PkinitRefusal<'_>, facts: &Facts) -> Option<Confidence> {
    if refusal.code() == ErrorCode::DH_KEY_PARAMETERS_NOT_ACCEPTED {
        return Some(Confidence::Proven);
    }
    (cause(refusal, facts)? == Cause::UnknownGroup).then_some(Confidence::Likely)
}

#[cfg(test)]
mod tests {
    use super::GROUP_REFUSED;
    use crate::{
        Confidence,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_the_kdc_says_so() {
        let finding = found(
            &GROUP_REFUSED,
            "
            0.000 pc > dc  as-req alice pkinit issued C1 dh modp-1024
            0.010 dc > pc  krb-error 65 typed 109
            30    end
        ",
        );
        assert_eq!(finding.packets(), [2, 1, 2]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
        assert!(finding.found.summary.contains("1024-bit"), "{}", finding.found.summary);
    }

    #[test]
    fn less_sure_when_the_capture_ends_before_the_client_could_try_again() {
        let finding = found(
            &GROUP_REFUSED,
            "
            0.000 pc > dc  as-req alice pkinit dh modp-1024
            0.010 dc > pc  krb-error 65
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn found_when_31_answers_an_elliptic_curve() {
        let finding = found(
            &GROUP_REFUSED,
            "
            0.000 pc > dc  as-req alice pkinit issued C1 dh ecdh
            0.010 dc > pc  krb-error 31
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn clear_when_the_client_proposes_another_group_by_itself() {
        clear(
            &GROUP_REFUSED,
            "
            0.000 pc > dc  as-req alice pkinit dh modp-1024
            0.010 dc > pc  krb-error 65 typed 109
            0.020 pc > dc  as-req alice pkinit dh modp-2048
            0.030 dc > pc  as-rep alice ticket T1 pkinit
        ",
        );
    }

    #[test]
    fn clear_when_31_answers_a_group_that_every_kdc_knows() {
        clear(
            &GROUP_REFUSED,
            "
            0.000 pc > dc  as-req alice pkinit dh modp-2048
            0.010 dc > pc  krb-error 31
        ",
        );
    }

    #[test]
    fn clear_when_the_same_kdc_took_the_curve_from_another() {
        clear(
            &GROUP_REFUSED,
            "
            0.000 pc2 > dc as-req bob pkinit key K2 dh ecdh
            0.010 dc > pc2 as-rep bob ticket T2 pkinit
            5.000 pc > dc  as-req alice pkinit dh ecdh
            5.010 dc > pc  krb-error 31
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &GROUP_REFUSED,
            "
            0.000 pc > dc  as-req alice pkinit dh ecdh
            1.000 open
        ",
        );
    }

    #[test]
    fn unseen_without_the_request() {
        unseen(
            &GROUP_REFUSED,
            "
            0.010 dc > pc  krb-error 65 client alice
        ",
        );
    }
}
