//! ACC-02.

use decode::kerberos::{ErrorCode, NtStatus};
use trace::{Facts, Logon};

use super::with_status;
use crate::{Scope, Severity, Verdict, rule::rule};

rule! {
    /// ## What happened
    ///
    /// The account exists and is disabled in Active Directory. No way of signing in works for it, Windows Hello
    /// included. Microsoft Entra ID may still show it as enabled: it learns of the change with the next
    /// synchronisation.
    ///
    /// ## How we know
    ///
    /// The domain controller answered with error 18 (KDC_ERR_CLIENT_REVOKED) and the NTSTATUS 0xC0000072
    /// (STATUS_ACCOUNT_DISABLED) in the error's data. Nothing else has this status. Where armoring hides the status, or
    /// a KDC sends none, the finding is ACC-09.
    ///
    /// ## What to do
    ///
    /// 1. Look at the account: `Get-ADUser alice -Properties Enabled,whenChanged` (for a computer `Get-ADComputer`).
    /// 2. If it was disabled by mistake: `Enable-ADAccount -Identity alice`, on a domain controller of the user's site,
    ///    or replicate afterwards with `repadmin /syncall /AdeP`.
    /// 3. Find out who disabled it: Security event 4725 on the domain controllers.
    /// 4. If it is meant to be disabled, stop what still uses it: the client address is in the evidence.
    ///
    /// ## Sources
    ///
    /// MS-KILE 2.2.1, 2.2.2 and 3.3.5.6.3; MS-ERREF 2.3.1; Samba's tests of AS requests and captures of its KDC.
    pub static ACCOUNT_DISABLED = {
        code: "ACC-02",
        title: "the account is disabled",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: ["ACC-09"],
        errors: [18],
        statuses: [0xc000_0072],
        events: ["Security 4768", "Security 4725"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let summary = "the domain controller refuses the sign-in because the account is disabled";
    with_status(logon, facts, ErrorCode::CLIENT_REVOKED, NtStatus::ACCOUNT_DISABLED, summary)
}

#[cfg(test)]
mod tests {
    use super::ACCOUNT_DISABLED;
    use crate::{
        Confidence,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_the_status_says_so() {
        let finding = found(
            &ACCOUNT_DISABLED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.004 dc > pc  krb-error 18 status 0xc0000072
        ",
        );
        assert_eq!(finding.packets(), [2, 2, 1]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
    }

    #[test]
    fn found_for_a_ticket_that_was_issued_before() {
        let finding = found(
            &ACCOUNT_DISABLED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.004 dc > pc  as-rep alice ticket T1 pkinit
            9.000 pc > dc  tgs-req cifs/files ticket T1
            9.004 dc > pc  krb-error 18 status 0xc0000072
        ",
        );
        assert_eq!(finding.packets(), [4, 4]);
    }

    #[test]
    fn clear_when_the_status_is_another_or_none() {
        clear(
            &ACCOUNT_DISABLED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.004 dc > pc  krb-error 18 status 0xc0000234
            5.000 pc > dc  as-req bob pkinit
            5.004 dc > pc  krb-error 18
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &ACCOUNT_DISABLED,
            "
            0.000 pc > dc  as-req alice pkinit
            1.000          open
        ",
        );
    }

    #[test]
    fn unseen_when_the_reply_is_in_a_hole() {
        unseen(
            &ACCOUNT_DISABLED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.004 dc > pc  hole
            20             end
        ",
        );
    }
}
