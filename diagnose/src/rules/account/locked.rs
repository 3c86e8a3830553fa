//! ACC-03.

use std::{
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr},
};

use capture::CaptureTime;
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
    /// The account is locked out: somebody or something sent too many wrong passwords for it. A locked account is
    /// locked for Windows Hello as well, so a right PIN does not help.
    ///
    /// ## How we know
    ///
    /// The domain controller answered with error 18 (KDC_ERR_CLIENT_REVOKED) and the NTSTATUS 0xC0000234
    /// (STATUS_ACCOUNT_LOCKED_OUT). Where the capture holds wrong passwords for the same name before (error 24), the
    /// evidence lists the addresses they came from. They are compared by name without the realm. Wrong passwords at
    /// other domain controllers, or by NTLM and LDAP, are not in sight.
    ///
    /// ## What to do
    ///
    /// 1. Find the source of the wrong passwords: the addresses in the evidence, and Security event 4740 on the domain
    ///    controller that holds the PDC emulator (`netdom query fsmo`). It names the computer.
    /// 2. There, look for an old password: saved credentials (`cmdkey /list`), mapped drives, services, scheduled
    ///    tasks, phones and mail clients.
    /// 3. When the source is found: `Unlock-ADAccount -Identity alice`. Before that it locks again.
    /// 4. See the state at every domain controller:
    ///    `Get-ADUser alice -Server dc1 -Properties LockedOut,badPwdCount,lockoutTime`.
    ///
    /// ## Sources
    ///
    /// MS-KILE 2.2.2 and 3.3.5.6.3; MS-ERREF 2.3.1; Samba's tests of the lock-out and captures of its KDC.
    pub static ACCOUNT_LOCKED = {
        code: "ACC-03",
        title: "the account is locked out",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: ["ACC-09", "ACC-12"],
        errors: [18],
        statuses: [0xc000_0234],
        events: ["Security 4740", "Security 4768", "Security 4771"],
        check: Scope::Logon(check),
    };
}

/// Sources of wrong passwords that the summary names; the evidence has them all.
const SOURCES_NAMED: usize = 3;

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let locked = |refusal: &crate::rules::Refusal<'_>| refusal.status() == Some(NtStatus::ACCOUNT_LOCKED_OUT);
    let Some(refusal) = refusals(logon, ErrorCode::CLIENT_REVOKED).find(locked) else {
        return by_what_is_missing(logon.as_exchanges(), facts);
    };
    let sources = wrong_passwords(logon, facts, refusal.answered.at);
    let mut summary = String::from("the domain controller refuses the sign-in because the account is locked out");
    for (index, (source, _)) in sources.iter().take(SOURCES_NAMED).enumerate() {
        let before = if index == 0 { "; wrong passwords came before from" } else { " and" };
        let _ = write!(summary, "{before} {source}");
    }
    let mut found = Found::new(Confidence::Proven, account_of(logon), summary)
        .with(refusal.answer("the domain controller refuses the account"))
        .with_some(refusal.status_evidence())
        .with_some(refusal.client_evidence());
    found.evidence.extend(sources.into_iter().map(|(_, evidence)| evidence));
    found.into()
}

/// Where wrong passwords for this account came from before `until`, each with the last of them.
fn wrong_passwords(logon: &Logon, facts: &Facts, until: CaptureTime) -> Vec<(IpAddr, Evidence)> {
    let mut names: Vec<String> = [&logon.requested, &logon.canonical]
        .into_iter()
        .flatten()
        .map(|principal| principal.name.to_lowercase())
        .collect();
    names.dedup();
    let mut sources = Vec::new();
    for name in names {
        let lowest = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let of_name =
            facts.wrong_passwords.range((name.clone(), lowest)..).take_while(|((other, _), _)| *other == name);
        for ((_, client), times) in of_name {
            let count = times.partition_point(|seen| seen.at <= until);
            if let Some(&last) = count.checked_sub(1).and_then(|last| times.get(last)) {
                let means = format!("wrong passwords from {client}, this one the last of {count}");
                let code = ErrorCode::PREAUTH_FAILED.to_string();
                sources.push((*client, Evidence::new(last, "kerberos.error_code", code, means)));
            }
        }
    }
    sources
}

#[cfg(test)]
mod tests {
    use super::ACCOUNT_LOCKED;
    use crate::testing::{clear, found, pending};

    #[test]
    fn found_with_the_sources_of_wrong_passwords() {
        let finding = found(
            &ACCOUNT_LOCKED,
            "
            0.000 pc2 > dc  as-req Alice password
            0.004 dc > pc2  krb-error 24
            1.000 pc2 > dc  as-req Alice password
            1.004 dc > pc2  krb-error 24
            5.000 pc > dc   as-req alice pkinit
            5.004 dc > pc   krb-error 18 status 0xc0000234
            9.000 pc3 > dc  as-req alice password
            9.004 dc > pc3  krb-error 24
        ",
        );
        assert_eq!(finding.packets(), [6, 6, 5, 4]);
        assert!(finding.found.summary.ends_with("came before from 10.99.0.22"), "{}", finding.found.summary);
    }

    #[test]
    fn found_without_any_wrong_password_in_sight() {
        let finding = found(
            &ACCOUNT_LOCKED,
            "
            5.000 pc > dc   as-req alice pkinit
            5.004 dc > pc   krb-error 18 status 0xc0000234
        ",
        );
        assert_eq!(finding.packets(), [2, 2, 1]);
    }

    #[test]
    fn clear_when_there_are_wrong_passwords_only() {
        clear(
            &ACCOUNT_LOCKED,
            "
            0.000 pc > dc  as-req alice password
            0.004 dc > pc  krb-error 24
            1.000 pc > dc  as-req alice password
            1.004 dc > pc  krb-error 18 status 0xc0000072
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &ACCOUNT_LOCKED,
            "
            0.000 pc > dc  as-req alice password
            1.000          open
        ",
        );
    }
}
