//! ACC-08.

use decode::kerberos::{ErrorCode, ErrorData, NtStatus, Stage};
use trace::{Facts, Logon};

use crate::{
    Confidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{Refusal, account_of, by_what_is_missing, refusals, time::adjusted::adjusted},
};

rule! {
    /// ## What happened
    ///
    /// An authentication policy or silo, selective authentication of a trust, or a restriction of the account forbids
    /// this sign-in or this service: the device is not one from which the user may sign in, or the request came without
    /// armor, which such a policy needs to know the device.
    ///
    /// ## How we know
    ///
    /// The domain controller answered with error 12 (KDC_ERR_POLICY) and the NTSTATUS 0xC0000413
    /// (STATUS_AUTHENTICATION_FIREWALL_FAILED) or 0xC000006E (STATUS_ACCOUNT_RESTRICTION): likely. Or it answered a
    /// sign-in with 12 and no NTSTATUS: possible, as KDCs other than Windows refuse many things like this. It is then
    /// withdrawn when the client gets a ticket within ten seconds. Error 12 with 0xC0000070 is ACC-05, as a list of
    /// workstations has the same effect.
    ///
    /// ## What to do
    ///
    /// 1. See which policy and silo the account has:
    ///    `Get-ADUser alice -Properties msDS-AssignedAuthNPolicy,msDS-AssignedAuthNPolicySilo,userAccountControl`.
    /// 2. See whether the device is a member: `Get-ADAuthenticationPolicySilo SILO | Format-List Members`.
    /// 3. If the policy names devices, armor must be on at both ends: policies "Kerberos client support for claims,
    ///    compound authentication and Kerberos armoring" and the KDC's of the same kind.
    /// 4. For a service over a trust with selective authentication, give the user "Allowed to Authenticate" on the
    ///    server's computer account.
    /// 5. Read the KDC operational events 105, 106, 305 and 306 on the domain controller: they name the policy.
    ///
    /// ## Sources
    ///
    /// MS-KILE 3.3.5.6.1, 3.3.5.6.3 and 3.3.5.7; MS-ERREF 2.3.1; Samba's tests of AS requests.
    pub static FORBIDDEN_BY_POLICY = {
        code: "ACC-08",
        title: "an authentication policy or silo forbids the sign-in",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [12],
        statuses: [0xc000_006e, 0xc000_0413],
        events: [
            "KDC operational 105",
            "KDC operational 106",
            "KDC operational 305",
            "KDC operational 306",
            "Security 4768",
        ],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    const NAMED: [NtStatus; 2] = [NtStatus::AUTHENTICATION_FIREWALL_FAILED, NtStatus::ACCOUNT_RESTRICTION];
    let named = refusals(logon, ErrorCode::POLICY)
        .find(|refusal| refusal.status().is_some_and(|status| NAMED.contains(&status)))
        .filter(|refusal| !adjusted(logon, facts, refusal.answered.at));
    let bare = || {
        refusals(logon, ErrorCode::POLICY)
            .find(|refusal| refusal.exchange.stage == Stage::As && says_nothing(refusal))
            .filter(|refusal| !adjusted(logon, facts, refusal.answered.at))
    };
    let (refusal, confidence) = match named {
        Some(refusal) => (refusal, Confidence::Likely),
        None => match bare() {
            Some(refusal) => (refusal, Confidence::Possible),
            None => return by_what_is_missing(logon.exchanges.iter(), facts),
        },
    };
    let summary = match (refusal.exchange.stage, confidence) {
        (Stage::Tgs, _) => "an authentication policy forbids the user this service",
        (Stage::As, Confidence::Possible) => {
            "a policy forbids the sign-in; the domain controller does not say which, and an authentication policy or silo \
             is one that does"
        }
        (Stage::As, _) => "an authentication policy or silo forbids the user to sign in from this device",
    };
    Found::new(confidence, account_of(logon), summary)
        .with(refusal.answer("a policy forbids it"))
        .with_some(refusal.status_evidence())
        .with_some(refusal.client_evidence())
        .into()
}

/// Whether nothing in the answer tells a reason, and nothing hides one.
fn says_nothing(refusal: &Refusal<'_>) -> bool {
    let data = match &refusal.error.e_data {
        None => true,
        Some(ErrorData::Extended { status, .. }) => status.is_none(),
        Some(_) => false,
    };
    data && refusal.text().is_none() && !refusal.is_armored() && refusal.error.stopped.is_none()
}

#[cfg(test)]
mod tests {
    use super::FORBIDDEN_BY_POLICY;
    use crate::{
        Confidence, Severity,
        testing::{clear, found, pending},
    };

    fn refused(request: &str, error: &str) -> String {
        format!("0.000 pc > dc {request}\n0.010 dc > pc krb-error {error}\n30 end")
    }

    #[test]
    fn found_when_a_status_names_it() {
        for status in ["0xc0000413", "0xc000006e"] {
            let finding = found(&FORBIDDEN_BY_POLICY, &refused("as-req alice pkinit", &format!("12 status {status}")));
            assert_eq!(finding.packets(), [2, 2, 1]);
            assert_eq!(finding.found.confidence, Confidence::Likely);
            assert_eq!(finding.severity(), Severity::High);
        }
        let finding = found(&FORBIDDEN_BY_POLICY, &refused("tgs-req cifs/files ticket T9", "12 status 0xc0000413"));
        assert!(finding.found.summary.ends_with("this service"));
    }

    #[test]
    fn possible_without_a_status() {
        let finding = found(&FORBIDDEN_BY_POLICY, &refused("as-req alice pkinit", "12"));
        assert_eq!(finding.found.confidence, Confidence::Possible);
    }

    #[test]
    fn clear_when_another_reason_is_given() {
        for error in ["12 status 0xc00002fa", "12 status 0xc0000070", "12 text NOT_ALLOWED", "18"] {
            clear(&FORBIDDEN_BY_POLICY, &refused("as-req alice pkinit", error));
        }
        clear(&FORBIDDEN_BY_POLICY, &refused("as-req alice fast", "12 padata 136"));
        clear(&FORBIDDEN_BY_POLICY, &refused("tgs-req cifs/files ticket T9", "12"));
    }

    #[test]
    fn clear_when_the_client_gets_in() {
        clear(
            &FORBIDDEN_BY_POLICY,
            "
            0.000 pc > dc as-req alice
            0.010 dc > pc krb-error 12
            1.000 pc > dc as-req alice pkinit
            1.010 dc > pc as-rep alice ticket T1 pkinit
            ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&FORBIDDEN_BY_POLICY, "0.000 pc > dc as-req alice pkinit\n1.000 open");
    }
}
