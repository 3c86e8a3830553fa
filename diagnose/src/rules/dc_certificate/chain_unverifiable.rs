//! DCC-17.

use decode::kerberos::ErrorCode;
use trace::{Facts, Logon};

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::refusal::{PkinitRefusal, still_waiting},
};

/// What an MIT KDC says when it accepted the client and could not make its own part of the reply.
pub(crate) const OWN_CHAIN: &str = "KDC_RETURN_PADATA";

rule! {
    /// ## What happened
    ///
    /// The KDC accepted the client's certificate and then could not prove itself: it does not find the way from
    /// its own certificate to a root it trusts. Nobody can sign in with a key or certificate at this KDC.
    ///
    /// ## How we know
    ///
    /// An MIT KDC answered a PKINIT request with error 24 and the text KDC_RETURN_PADATA: it failed while it
    /// made its part of the reply, after the client was accepted. Its log gives the reason, mostly
    /// `Failed to verify own certificate`. Other faults in making the reply may lead to the same text. Error 24
    /// to a password is something else (ACC-12).
    ///
    /// ## What to do
    ///
    /// 1. Read the KDC's log at that time; it says which certificate of the chain it misses.
    /// 2. Try it: `openssl verify -CAfile anchors.pem -untrusted intermediates.pem kdc.pem`.
    /// 3. Put the certificates of the issuing CAs into `pkinit_anchors` (roots) and `pkinit_pool`
    ///    (intermediates) of `kdc.conf`, and restart `krb5kdc`.
    ///
    /// ## Sources
    ///
    /// Source of the MIT KDC; MIT Kerberos documentation, kdc.conf, PKINIT options. Seen in a capture of MIT
    /// 1.21.
    pub static CHAIN_UNVERIFIABLE = {
        code: "DCC-17",
        title: "the KDC cannot verify its own certificate chain",
        severity: Severity::Critical,
        since: "0.1.0",
        supersedes: ["KEY-19", "KEY-20"],
        errors: [24],
        statuses: [],
        events: [],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let said = |refusal: &PkinitRefusal<'_>| refusal.code() == ErrorCode::PREAUTH_FAILED && refusal.says(OWN_CHAIN);
    let Some(refusal) = PkinitRefusal::all(logon).find(said) else { return still_waiting(logon, facts) };
    Found::new(
        Confidence::Likely,
        Subject::DomainController(refusal.kdc()),
        "the KDC accepted the client but could not prove itself; most likely it cannot verify its own chain",
    )
    .with(refusal.answer("the KDC cannot answer"))
    .with(Evidence::new(refusal.answered, "kerberos.e_text", OWN_CHAIN, "it failed at its own part of the reply"))
    .with(refusal.question("kerberos.padata_type", "16", "the client offered PKINIT"))
    .into()
}

#[cfg(test)]
mod tests {
    use super::CHAIN_UNVERIFIABLE;
    use crate::{
        Confidence,
        testing::{clear, found, pending},
    };

    #[test]
    fn found_when_the_kdc_fails_at_its_own_part() {
        let finding = found(
            &CHAIN_UNVERIFIABLE,
            "
            0.000 pc > dc  as-req alice pkinit issued C1
            0.010 dc > pc  krb-error 24 verbatim KDC_RETURN_PADATA
        ",
        );
        assert_eq!(finding.packets(), [2, 2, 1]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn clear_when_24_answers_a_password() {
        clear(
            &CHAIN_UNVERIFIABLE,
            "
            0.000 pc > dc  as-req alice password
            0.010 dc > pc  krb-error 24 verbatim KDC_RETURN_PADATA
        ",
        );
    }

    #[test]
    fn clear_when_the_text_is_another() {
        clear(
            &CHAIN_UNVERIFIABLE,
            "
            0.000 pc > dc  as-req alice pkinit issued C1
            0.010 dc > pc  krb-error 24 verbatim PREAUTH_FAILED
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &CHAIN_UNVERIFIABLE,
            "
            0.000 pc > dc  as-req alice pkinit issued C1
            1.000 open
        ",
        );
    }
}
