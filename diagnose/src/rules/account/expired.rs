//! ACC-04.

use decode::kerberos::{ErrorCode, NtStatus, Stage};
use trace::{Facts, Logon};

use super::with_status;
use crate::{
    Confidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{account_of, refusals},
};

rule! {
    /// ## What happened
    ///
    /// The account has an end date (accountExpires), and that date has passed. It is the account that has expired, not
    /// its password. Microsoft Entra ID does not take this date over, so the user may still get in there.
    ///
    /// ## How we know
    ///
    /// The domain controller answered with error 18 (KDC_ERR_CLIENT_REVOKED) and the NTSTATUS 0xC0000193
    /// (STATUS_ACCOUNT_EXPIRED). Nothing else has this status. Where armoring hides the status, or a KDC sends none,
    /// the finding is ACC-09. MIT KDCs answer with error 1 (KDC_ERR_NAME_EXP) instead.
    ///
    /// ## What to do
    ///
    /// 1. Look at the date: `Get-ADUser alice -Properties AccountExpirationDate`.
    /// 2. Extend it: `Set-ADAccountExpiration -Identity alice -DateTime 2027-12-31`, or remove it:
    ///    `Clear-ADAccountExpiration -Identity alice`.
    /// 3. See who else is near the end: `Search-ADAccount -AccountExpiring -TimeSpan 14.00:00:00`.
    ///
    /// ## Sources
    ///
    /// MS-KILE 2.2.2 and 3.3.5.6.3; MS-ERREF 2.3.1; Samba's tests of AS requests and captures of its KDC.
    pub static ACCOUNT_EXPIRED = {
        code: "ACC-04",
        title: "the account has expired",
        severity: Severity::Medium,
        since: "0.1.0",
        supersedes: ["ACC-09"],
        errors: [1, 18],
        statuses: [0xc000_0193],
        events: ["Security 4768"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let summary = "the domain controller refuses the sign-in because the account's end date has passed";
    if let Some(refusal) = refusals(logon, ErrorCode::NAME_EXP).find(|refusal| refusal.exchange.stage == Stage::As) {
        return Found::new(Confidence::Proven, account_of(logon), summary)
            .with(refusal.answer("the account has expired"))
            .with_some(refusal.client_evidence())
            .into();
    }
    with_status(logon, facts, ErrorCode::CLIENT_REVOKED, NtStatus::ACCOUNT_EXPIRED, summary)
}

#[cfg(test)]
mod tests {
    use super::ACCOUNT_EXPIRED;
    use crate::testing::{clear, found, pending};

    #[test]
    fn found_when_the_status_says_so() {
        let finding = found(
            &ACCOUNT_EXPIRED,
            "
            0.000 pc > dc  as-req alice
            0.004 dc > pc  krb-error 18 status 0xc0000193
        ",
        );
        assert_eq!(finding.packets(), [2, 2, 1]);
    }

    #[test]
    fn found_when_the_kdc_has_an_error_of_its_own_for_it() {
        let finding = found(&ACCOUNT_EXPIRED, "0.000 pc > dc as-req alice\n0.004 dc > pc krb-error 1");
        assert_eq!(finding.packets(), [2, 1]);
    }

    #[test]
    fn clear_when_it_is_the_password_that_expired() {
        clear(
            &ACCOUNT_EXPIRED,
            "
            0.000 pc > dc  as-req alice password
            0.004 dc > pc  krb-error 23 status 0xc0000071
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &ACCOUNT_EXPIRED,
            "
            0.000 pc > dc  as-req alice
            1.000          open
        ",
        );
    }
}
