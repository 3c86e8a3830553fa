//! POL-02.

use decode::kerberos::{ErrorCode, ErrorData, PaType};
use trace::{Facts, Logon};

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::refusal::{PkinitRefusal, name, nothing_found},
    windows::UNANSWERED_FRESHNESS,
};

rule! {
    /// ## What happened
    ///
    /// The domain controller wants proof that the key was used just now (a freshness token), and the client does
    /// not send one. The policy "KDC support for PKInit Freshness Extension" is set to "Required", which shuts
    /// out clients that do not know it.
    ///
    /// ## How we know
    ///
    /// Twice or more, a PKINIT request without a freshness token was answered with error 25
    /// (KDC_ERR_PREAUTH_REQUIRED) and a token to use (padata 150), and no request of this sign-in carries one:
    /// likely. Or such a request was answered with error 24 (KDC_ERR_PREAUTH_FAILED) without a text, as Samba
    /// does where freshness is required: possible only, as 24 has other causes. It is not taken so where a
    /// password was shown, where the request has no certificate, or where the sign-in got its ticket in the end.
    /// One answer with 25 is no finding: a client that knows the token asks again with it.
    ///
    /// ## What to do
    ///
    /// 1. See the policy on the domain controllers: Computer Configuration, Administrative Templates, System,
    ///    KDC, "KDC support for PKInit Freshness Extension". Set it to "Supported".
    /// 2. Run `gpupdate /force` on the domain controllers, and sign in again.
    /// 3. Only set it to "Required" once all clients are Windows 10 or Windows Server 2016 or later.
    ///
    /// ## Sources
    ///
    /// RFC 8070; MS-PKCA (product behaviour: the freshness extension since Windows 10 and Windows Server 2016).
    /// Error 24 to a client without a token was seen with Samba.
    pub static FRESHNESS_UNSUPPORTED = {
        code: "POL-02",
        title: "a freshness token is required, and the client sends none",
        severity: Severity::Medium,
        since: "0.1.0",
        supersedes: [],
        errors: [24, 25],
        statuses: [],
        events: ["Security 4768", "Security 4771"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    const CODES: [ErrorCode; 2] = [ErrorCode::PREAUTH_REQUIRED, ErrorCode::PREAUTH_FAILED];
    let has_token = |refusal: &PkinitRefusal<'_>| refusal.pkinit().is_none_or(|pkinit| pkinit.freshness_token);
    let refusals: Vec<PkinitRefusal<'_>> =
        PkinitRefusal::all_in_vain(logon).filter(|refusal| CODES.contains(&refusal.code())).collect();
    let sent = logon.pkinit_exchanges().filter_map(|exchange| exchange.kdc_request()?.pkinit.as_deref());
    if refusals.is_empty() || refusals.iter().any(has_token) || sent.into_iter().any(|pkinit| pkinit.freshness_token) {
        return nothing_found(logon, facts, &CODES);
    }
    let subject = Subject::Device(logon.client);
    let offers: Vec<&PkinitRefusal<'_>> = refusals.iter().filter(|refusal| offers_token(refusal)).collect();
    if let [first, .., last] = offers[..]
        && offers.len() >= UNANSWERED_FRESHNESS.of(facts)
    {
        let summary =
            format!("the KDC wants a freshness token, which the client does not send: {} cannot sign in", name(logon));
        return Found::new(Confidence::Likely, subject, summary)
            .with(last.answer("the KDC still asks for proof"))
            .with(Evidence::new(last.answered, "kerberos.padata_type", "150", "it hands out a freshness token again"))
            .with(last.question("kerberos.padata_type", "16", "the client asked without the token"))
            .with(first.answer("the KDC had asked before"))
            .into();
    }
    let refused = refusals.iter().find(|refusal| {
        refusal.code() == ErrorCode::PREAUTH_FAILED
            && refusal.certificate().is_some()
            && refusal.error.e_text.as_ref().is_none_or(decode::WireText::is_empty)
    });
    let Some(refused) = refused else { return nothing_found(logon, facts, &CODES) };
    let summary = format!(
        "the KDC refuses the proof of {}, which carries no freshness token; this is consistent with a KDC that \
         requires one",
        name(logon)
    );
    Found::new(Confidence::Possible, subject, summary)
        .with(refused.answer("the KDC does not take the proof, and does not say why"))
        .with(refused.question("kerberos.padata_type", "16", "a PKINIT request without a freshness token"))
        .into()
}

/// Whether the KDC asks for proof and hands out a freshness token.
fn offers_token(refusal: &PkinitRefusal<'_>) -> bool {
    refusal.code() == ErrorCode::PREAUTH_REQUIRED
        && matches!(&refusal.error.e_data,
            Some(ErrorData::MethodData(list)) if list.iter().any(|data| data.kind == PaType::AS_FRESHNESS))
}

#[cfg(test)]
mod tests {
    use super::FRESHNESS_UNSUPPORTED;
    use crate::{
        Confidence, Severity, Subject,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_the_client_never_sends_the_token() {
        let finding = found(
            &FRESHNESS_UNSUPPORTED,
            "
            0.000 pc > dc  as-req alice pkinit key K1
            0.010 dc > pc  krb-error 25 padata 16,150
            0.100 pc > dc  as-req alice pkinit key K1
            0.110 dc > pc  krb-error 25 padata 16,150
        ",
        );
        assert_eq!(finding.packets(), [4, 4, 3, 2]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert_eq!(finding.severity(), Severity::Medium);
        assert_eq!(finding.found.subject, Subject::Device([10, 99, 0, 21].into()));
    }

    #[test]
    fn possible_when_24_has_no_text() {
        let finding = found(
            &FRESHNESS_UNSUPPORTED,
            "
            0.000 pc > dc  as-req alice pkinit issued C1
            0.010 dc > pc  krb-error 24
        ",
        );
        assert_eq!(finding.packets(), [2, 1]);
        assert_eq!(finding.found.confidence, Confidence::Possible);
    }

    #[test]
    fn clear_when_the_client_asks_again_with_the_token() {
        for answer in ["as-rep alice ticket T1 pkinit", "krb-error 62", "krb-error 24"] {
            let script = format!(
                "
                0.000 pc > dc  as-req alice pkinit key K1
                0.010 dc > pc  krb-error 25 padata 16,150
                0.100 pc > dc  as-req alice pkinit key K1 freshness
                0.110 dc > pc  {answer}
                "
            );
            clear(&FRESHNESS_UNSUPPORTED, &script);
        }
    }

    #[test]
    fn clear_when_the_kdc_asked_once_or_for_something_else() {
        clear(
            &FRESHNESS_UNSUPPORTED,
            "
            0.000 pc > dc  as-req alice pkinit key K1
            0.010 dc > pc  krb-error 25 padata 16,150
        ",
        );
        clear(
            &FRESHNESS_UNSUPPORTED,
            "
            0.000 pc > dc  as-req alice pkinit key K1
            0.010 dc > pc  krb-error 25 padata 2,19
            0.100 pc > dc  as-req alice pkinit key K1
            0.110 dc > pc  krb-error 25 padata 2,19
        ",
        );
    }

    #[test]
    fn clear_when_24_answers_a_password_or_has_another_reason() {
        for (request, error) in [
            ("alice password", "24"),
            ("alice pkinit key K1 password", "24"),
            ("alice pkinit key K1", "24 verbatim KDC_RETURN_PADATA"),
            ("alice pkinit no-certificate", "24"),
            ("alice pkinit key K1 freshness", "24"),
        ] {
            let script = format!("0.000 pc > dc as-req {request}\n0.010 dc > pc krb-error {error}");
            clear(&FRESHNESS_UNSUPPORTED, &script);
        }
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &FRESHNESS_UNSUPPORTED,
            "
            0.000 pc > dc  as-req alice pkinit key K1
            1.000 open
        ",
        );
    }

    #[test]
    fn unseen_when_the_request_cannot_be_read() {
        unseen(
            &FRESHNESS_UNSUPPORTED,
            "
            0.000 pc > dc  as-req alice pkinit unreadable
            0.010 dc > pc  krb-error 24
        ",
        );
    }
}
