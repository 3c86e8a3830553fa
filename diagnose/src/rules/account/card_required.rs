//! ACC-07.

use decode::kerberos::{ErrorCode, NtStatus};
use trace::{Facts, Logon};

use super::with_status;
use crate::{Scope, Severity, Verdict, rule::rule};

rule! {
    /// ## What happened
    ///
    /// The account is set to "Smart card is required for interactive logon", and somebody tried the password. That is
    /// what the setting is for: the user is to sign in with Windows Hello or a card.
    ///
    /// ## How we know
    ///
    /// The domain controller answered a request with a password with error 12 (KDC_ERR_POLICY) and the NTSTATUS
    /// 0xC00002FA (STATUS_SMARTCARD_LOGON_REQUIRED), which nothing else has.
    ///
    /// ## What to do
    ///
    /// 1. Let the user sign in with the PIN, face, finger or card. If that fails, see the finding about that.
    /// 2. If something uses the password by itself (a service, a scheduled task, a saved credential), give it an
    ///    account of its own.
    /// 3. If the account is not meant to be so: `Set-ADUser alice -SmartcardLogonRequired $false`, and set a new
    ///    password, as the old one was replaced by a random one.
    ///
    /// ## Sources
    ///
    /// MS-KILE 3.3.5.6.1; MS-ERREF 2.3.1; Samba's tests of AS requests.
    pub static CARD_REQUIRED = {
        code: "ACC-07",
        title: "a password was used where Windows Hello or a smart card is required",
        severity: Severity::Low,
        since: "0.1.0",
        supersedes: [],
        errors: [12],
        statuses: [0xc000_02fa],
        events: ["Security 4768"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let summary = "the account may sign in with Windows Hello or a smart card only, and a password was used";
    with_status(logon, facts, ErrorCode::POLICY, NtStatus::SMARTCARD_LOGON_REQUIRED, summary)
}

#[cfg(test)]
mod tests {
    use super::CARD_REQUIRED;
    use crate::{
        Confidence, Severity,
        testing::{clear, found, pending},
    };

    #[test]
    fn found_when_the_kdc_says_so() {
        let finding =
            found(&CARD_REQUIRED, "0.000 pc > dc as-req alice password\n0.010 dc > pc krb-error 12 status 0xc00002fa");
        assert_eq!(finding.packets(), [2, 2, 1]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
        assert_eq!(finding.severity(), Severity::Low);
    }

    #[test]
    fn clear_when_12_has_another_reason() {
        clear(&CARD_REQUIRED, "0.000 pc > dc as-req alice password\n0.010 dc > pc krb-error 12 status 0xc0000070");
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&CARD_REQUIRED, "0.000 pc > dc as-req alice password\n1.000 open");
    }
}
