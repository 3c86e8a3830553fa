//! ACC-06.

use decode::kerberos::{ErrorCode, ErrorData, NtStatus, PaType, Stage};
use trace::{Facts, Logon};

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{account_of, by_what_is_missing, refusals},
};

rule! {
    /// ## What happened
    ///
    /// The password of the account has expired, or must be changed at the next logon. The domain controller insists on
    /// that even when the user shows a key and no password: a PIN does not get them in. It is common for people who
    /// have signed in with Windows Hello for months and never type their password.
    ///
    /// ## How we know
    ///
    /// The domain controller answered an AS request with error 23 (KDC_ERR_KEY_EXPIRED). To a password, an NTSTATUS in
    /// the error's data says which: 0xC0000071 (expired) or 0xC0000224 (must be changed). To a PKINIT request there is
    /// no status, but a list of pre-authentication data that holds the KDC's PKINIT answer (type 17).
    ///
    /// ## What to do
    ///
    /// 1. Have the user change the password: sign in once with it, on a computer that reaches a domain controller, or
    ///    use self-service password reset with write-back.
    /// 2. See the state:
    ///    `Get-ADUser alice -Properties PasswordExpired,PasswordLastSet,pwdLastSet,PasswordNeverExpires`. A
    ///    `pwdLastSet` of 0 means that the password must be changed.
    /// 3. For people without passwords, set "Smart card is required for interactive logon" and have the domain renew
    ///    the secret by itself (functional level 2016):
    ///    `Set-ADObject (Get-ADDomain).DistinguishedName -Replace @{'msDS-ExpirePasswordsOnSmartCardOnlyAccounts'=$true}`.
    /// 4. Otherwise give them a password policy of their own: `New-ADFineGrainedPasswordPolicy`.
    ///
    /// ## Sources
    ///
    /// RFC 4120 §7.5.9; MS-KILE 2.2.2 and 3.3.5.6.3; Samba's tests of PKINIT; captures of Samba's KDC for passwords.
    pub static PASSWORD_EXPIRED = {
        code: "ACC-06",
        title: "the password has expired or must be changed",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [23],
        statuses: [0xc000_0071, 0xc000_0224],
        events: ["Security 4771"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let to_a_logon = |refusal: &crate::rules::Refusal<'_>| refusal.exchange.stage == Stage::As;
    let Some(refusal) = refusals(logon, ErrorCode::KEY_EXPIRED).find(to_a_logon) else {
        return by_what_is_missing(logon.as_exchanges(), facts);
    };
    let state = match refusal.status() {
        Some(NtStatus::PASSWORD_EXPIRED) => "has expired",
        Some(NtStatus::PASSWORD_MUST_CHANGE) => "must be changed at the next logon",
        _ => "has expired or must be changed",
    };
    let although = if refusal.exchange.is_pkinit() { ", although the user showed a key and no password" } else { "" };
    let summary =
        format!("the domain controller refuses the sign-in because the password of the account {state}{although}");
    let answer_to_key = match &refusal.error.e_data {
        Some(ErrorData::MethodData(list)) if list.iter().any(|data| data.kind == PaType::PK_AS_REP) => {
            let means = "the key was accepted, and the password still stands in the way";
            Some(Evidence::new(refusal.answered, "kerberos.padata_type", PaType::PK_AS_REP.to_string(), means))
        }
        _ => None,
    };
    Found::new(Confidence::Proven, account_of(logon), summary)
        .with(refusal.answer("the domain controller wants the password changed first"))
        .with_some(refusal.status_evidence())
        .with_some(answer_to_key)
        .with_some(refusal.client_evidence())
        .into()
}

#[cfg(test)]
mod tests {
    use super::PASSWORD_EXPIRED;
    use crate::testing::{clear, found, pending};

    #[test]
    fn found_with_the_state_that_the_status_names() {
        let finding = found(
            &PASSWORD_EXPIRED,
            "
            0.000 pc > dc  as-req alice password
            0.004 dc > pc  krb-error 23 status 0xc0000224
        ",
        );
        assert_eq!(finding.packets(), [2, 2, 1]);
        assert!(finding.found.summary.ends_with("must be changed at the next logon"));
    }

    #[test]
    fn found_on_a_key_without_any_status() {
        let finding = found(
            &PASSWORD_EXPIRED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.004 dc > pc  krb-error 23 padata 17
        ",
        );
        assert_eq!(finding.packets(), [2, 2, 1]);
        assert!(finding.found.summary.contains("showed a key"));
    }

    #[test]
    fn clear_when_the_account_expired() {
        clear(
            &PASSWORD_EXPIRED,
            "
            0.000 pc > dc  as-req alice password
            0.004 dc > pc  krb-error 18 status 0xc0000193
        ",
        );
    }

    #[test]
    fn clear_when_the_password_was_wrong() {
        clear(
            &PASSWORD_EXPIRED,
            "
            0.000 pc > dc  as-req alice password
            0.004 dc > pc  krb-error 24 padata 19
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &PASSWORD_EXPIRED,
            "
            0.000 pc > dc  as-req alice password
            1.000          open
        ",
        );
    }
}
