//! ACC-05.

use decode::kerberos::{ErrorCode, NtStatus};
use trace::{Facts, Logon};

use crate::{
    Confidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{account_of, by_what_is_missing, refusals},
};

rule! {
    /// ## What happened
    ///
    /// The account is good, and a limit on it forbids this sign-in: it is outside the hours the account may log on in,
    /// or the computer is not on the account's list of workstations.
    ///
    /// ## How we know
    ///
    /// Hours: error 18 (KDC_ERR_CLIENT_REVOKED) with the NTSTATUS 0xC000006F (STATUS_INVALID_LOGON_HOURS), which
    /// nothing else has. Workstation: error 12 (KDC_ERR_POLICY) with 0xC0000070 (STATUS_INVALID_WORKSTATION). Domain
    /// controllers answer the latter also when an authentication policy or silo forbids the device, so it is not
    /// proven.
    ///
    /// ## What to do
    ///
    /// 1. Look at the limits: `Get-ADUser alice -Properties LogonWorkstations,logonHours,msDS-AssignedAuthNPolicy`.
    /// 2. For hours, use the button Logon Hours in Active Directory Users and Computers; they are kept in UTC.
    /// 3. For workstations, add the computer by its NetBIOS name, or remove the list:
    ///    `Set-ADUser alice -LogonWorkstations $null`. Who uses remote desktops needs the client on the list, too.
    /// 4. If neither limit is set, it is an authentication policy: KDC operational events 105 and 106 on the domain
    ///    controller name it.
    ///
    /// ## Sources
    ///
    /// MS-KILE 2.2.2 and 3.3.5.6.3; MS-ERREF 2.3.1; Samba's tests of AS requests. Error 12 with 0xC0000070 is in a
    /// published capture of a Windows KDC, caused by an authentication policy; for a list of workstations it is
    /// presumed.
    pub static ACCOUNT_RESTRICTED = {
        code: "ACC-05",
        title: "the account may not sign in at this time or from this computer",
        severity: Severity::Medium,
        since: "0.1.0",
        supersedes: ["ACC-09"],
        errors: [12, 18],
        statuses: [0xc000_006f, 0xc000_0070],
        events: ["Security 4768", "Security 4625", "KDC operational 105", "KDC operational 106"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let restrictions = [
        (
            ErrorCode::CLIENT_REVOKED,
            NtStatus::INVALID_LOGON_HOURS,
            Confidence::Proven,
            "the domain controller refuses the sign-in because it is outside the account's logon hours",
        ),
        (
            ErrorCode::POLICY,
            NtStatus::INVALID_WORKSTATION,
            Confidence::Likely,
            "the domain controller refuses the sign-in because the account may not use this computer: its list of \
             workstations or an authentication policy forbids it",
        ),
    ];
    for (code, status, confidence, summary) in restrictions {
        if let Some(refusal) = refusals(logon, code).find(|refusal| refusal.status() == Some(status)) {
            return Found::new(confidence, account_of(logon), summary)
                .with(refusal.answer("the domain controller refuses the account here and now"))
                .with_some(refusal.status_evidence())
                .with_some(refusal.client_evidence())
                .into();
        }
    }
    by_what_is_missing(logon.as_exchanges(), facts)
}

#[cfg(test)]
mod tests {
    use super::ACCOUNT_RESTRICTED;
    use crate::{
        Confidence,
        testing::{clear, found, pending},
    };

    #[test]
    fn found_outside_of_the_logon_hours() {
        let finding = found(
            &ACCOUNT_RESTRICTED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.004 dc > pc  krb-error 18 status 0xc000006f
        ",
        );
        assert_eq!(finding.packets(), [2, 2, 1]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
    }

    #[test]
    fn only_likely_from_a_workstation_that_may_not_be() {
        let finding = found(
            &ACCOUNT_RESTRICTED,
            "
            0.000 pc > dc  as-req alice pkinit
            0.004 dc > pc  krb-error 12 status 0xc0000070
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn clear_when_the_status_comes_with_another_code() {
        clear(
            &ACCOUNT_RESTRICTED,
            "
            0.000 pc > dc  as-req alice password
            0.004 dc > pc  krb-error 12 status 0xc00002fa
            5.000 pc > dc  as-req bob password
            5.004 dc > pc  krb-error 12
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &ACCOUNT_RESTRICTED,
            "
            0.000 pc > dc  as-req alice pkinit
            1.000          open
        ",
        );
    }
}
