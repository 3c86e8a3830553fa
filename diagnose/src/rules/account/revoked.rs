//! ACC-09.

use decode::kerberos::{ErrorCode, NtStatus};
use trace::{Facts, Logon};

use crate::{
    Confidence, Evidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{account_of, by_what_is_missing, refusals},
};

rule! {
    /// ## What happened
    ///
    /// The domain controller refuses the account, and the capture does not show why. It is disabled, locked out,
    /// expired, or outside its logon hours.
    ///
    /// ## How we know
    ///
    /// The domain controller answered with error 18 (KDC_ERR_CLIENT_REVOKED) without an NTSTATUS that names the reason.
    /// A Windows KDC sends one; armoring (FAST) hides it. An MIT KDC sends none: its text CLIENT LOCKED OUT stands for
    /// every principal that may have no tickets, whether an administrator or a lock-out saw to that.
    ///
    /// ## What to do
    ///
    /// 1. Look at the account: `Get-ADUser alice -Properties Enabled,LockedOut,AccountExpirationDate,logonHours`; at an
    ///    MIT KDC `kadmin.local getprinc alice`.
    /// 2. In the domain controller's Security log, event 4768 with result code 0x12 has the time; 4740 tells of a
    ///    lock-out, 4725 of a disabled account.
    /// 3. Mend what you find there; see ACC-02 (disabled), ACC-03 (locked), ACC-04 (expired), ACC-05 (hours).
    ///
    /// ## Sources
    ///
    /// RFC 4120 §7.5.9; RFC 6113 §5.4.3; MS-KILE 3.3.5.6.3; source of the MIT KDC (`validate_as_request`) and captures
    /// of it.
    pub static ACCOUNT_REVOKED = {
        code: "ACC-09",
        title: "the account is refused and the reason is hidden",
        severity: Severity::Medium,
        since: "0.1.0",
        supersedes: [],
        errors: [18],
        statuses: [],
        events: ["Security 4768", "Security 4740", "Security 4725"],
        check: Scope::Logon(check),
    };
}

/// Reasons that have a rule of their own.
const NAMED: [NtStatus; 4] = [
    NtStatus::ACCOUNT_DISABLED,
    NtStatus::ACCOUNT_LOCKED_OUT,
    NtStatus::ACCOUNT_EXPIRED,
    NtStatus::INVALID_LOGON_HOURS,
];

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let unnamed = |refusal: &crate::rules::Refusal<'_>| refusal.status().is_none_or(|status| !NAMED.contains(&status));
    let Some(refusal) = refusals(logon, ErrorCode::CLIENT_REVOKED).find(unnamed) else {
        return by_what_is_missing(logon.as_exchanges(), facts);
    };
    let reason = if let Some(status) = refusal.status() {
        format!("it gives the status {status}")
    } else if refusal.is_armored() {
        String::from("armoring (FAST) hides the reason")
    } else if let Some(text) = refusal.text() {
        format!("it says \"{text}\" and no more")
    } else {
        String::from("it gives no reason")
    };
    let text = refusal.text().map(|text| {
        Evidence::new(refusal.answered, "kerberos.e_text", text.to_string(), "what the domain controller adds")
    });
    let armor = refusal.exchange.request.as_deref().filter(|_| refusal.is_armored()).map(|request| {
        Evidence::new(request.seen, "kerberos.padata_type", "136 PA-FX-FAST", "the exchange is armored")
    });
    let summary = format!(
        "the domain controller refuses the account as disabled, locked out, expired or outside its hours; {reason}"
    );
    Found::new(Confidence::Proven, account_of(logon), summary)
        .with(refusal.answer("the domain controller refuses the account"))
        .with_some(refusal.status_evidence())
        .with_some(text)
        .with_some(armor)
        .with_some(refusal.client_evidence())
        .into()
}

#[cfg(test)]
mod tests {
    use super::ACCOUNT_REVOKED;
    use crate::testing::{clear, found, pending};

    #[test]
    fn found_when_armoring_hides_the_reason() {
        let finding = found(
            &ACCOUNT_REVOKED,
            "
            0.000 pc > dc  as-req alice fast
            0.004 dc > pc  krb-error 18 padata 136
        ",
        );
        assert_eq!(finding.packets(), [2, 1, 1]);
        assert!(finding.found.summary.contains("FAST"));
    }

    #[test]
    fn found_with_the_text_of_a_kdc_that_sends_no_status() {
        let finding = found(
            &ACCOUNT_REVOKED,
            "
            0.000 pc > dc  as-req alice
            0.004 dc > pc  krb-error 18 text CLIENT_LOCKED_OUT
        ",
        );
        assert!(
            finding.found.summary.ends_with("it says \"CLIENT LOCKED OUT\" and no more"),
            "{}",
            finding.found.summary
        );
    }

    #[test]
    fn found_with_a_status_that_no_other_rule_names() {
        let finding = found(
            &ACCOUNT_REVOKED,
            "
            0.000 pc > dc  as-req alice
            0.004 dc > pc  krb-error 18 status 0xc000006e
        ",
        );
        assert!(finding.found.summary.contains("STATUS_ACCOUNT_RESTRICTION"));
    }

    #[test]
    fn clear_when_the_status_names_the_reason() {
        clear(
            &ACCOUNT_REVOKED,
            "
            0.000 pc > dc  as-req alice
            0.004 dc > pc  krb-error 18 status 0xc0000072
            1.000 pc > dc  as-req bob
            1.004 dc > pc  krb-error 6
        ",
        );
    }

    #[test]
    fn clear_when_it_is_about_somebody_whom_a_service_acts_for() {
        clear(
            &ACCOUNT_REVOKED,
            "
            0.000 pc > dc  as-req web$ password
            0.004 dc > pc  as-rep web$ ticket T1
            1.000 pc > dc  tgs-req web$ ticket T1 for-user
            1.004 dc > pc  krb-error 18
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &ACCOUNT_REVOKED,
            "
            0.000 pc > dc  as-req alice fast
            1.000          open
        ",
        );
    }
}
