//! TKT-10.

use decode::kerberos::{ErrorCode, NtStatus, Stage};
use trace::{Facts, Logon};

use super::service_of;
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::{Refusal, account_of, by_what_is_missing, refusals, time::adjusted::adjusted},
    windows::ADJUSTED_SECONDS,
};

/// Errors of a KDC for which no other rule is made: they end a sign-in, and their names say why as far as it can be
/// seen.
const CODES: [i32; 38] = [
    2, 3, 4, 5, 9, 10, 11, 15, 17, 19, 21, 22, 26, 28, 35, 36, 38, 39, 40, 41, 42, 43, 45, 46, 47, 49, 50, 51, 61, 67,
    82, 83, 84, 85, 86, 92, 94, 95,
];

/// Statuses that other rules read out of error 12.
const POLICIES: [NtStatus; 4] = [
    NtStatus::INVALID_WORKSTATION,
    NtStatus::SMARTCARD_LOGON_REQUIRED,
    NtStatus::AUTHENTICATION_FIREWALL_FAILED,
    NtStatus::ACCOUNT_RESTRICTION,
];

/// Errors that other rules read of an AS exchange, or that are ordinary for a service: where a partial ticket is to be
/// exchanged for a full one, they end the sign-in.
const OF_PARTIAL_TICKETS: [ErrorCode; 5] = [
    ErrorCode::C_PRINCIPAL_UNKNOWN,
    ErrorCode::POLICY,
    ErrorCode::BADOPTION,
    ErrorCode::TKT_EXPIRED,
    ErrorCode::TKT_NYV,
];

rule! {
    /// ## What happened
    ///
    /// The domain controller refused a request for a reason that is rare where people sign in with Windows Hello: a
    /// service's account has expired, a request asks for what the domain controller does not know, an account has no
    /// key. The evidence names the error and, where the domain controller gives one, the status.
    ///
    /// ## How we know
    ///
    /// The domain controller answered with an error for which no other finding is made, with 12 (KDC_ERR_POLICY) and a
    /// status that no other finding reads, or to a request for a service ticket with 31 (KRB_AP_ERR_BAD_INTEGRITY) or
    /// 41 (KRB_AP_ERR_MODIFIED) where the key version of the ticket does not explain it (TKT-05), with 6
    /// (KDC_ERR_C_PRINCIPAL_UNKNOWN), or with 12 and no status; or inside armor (FAST) with 12, whose status is hidden;
    /// or, where a partial ticket of Microsoft Entra was to be exchanged for a full one, with 6, 12, 13, 32 or 33; and
    /// the client got no ticket within ten seconds. If the capture ends before, the finding is one step less sure.
    ///
    /// ## What to do
    ///
    /// 1. Read what the error means: `hellotrace explain 19`, with the number in the evidence.
    /// 2. For errors about a service (2, 19, 22), look at its account:
    ///    `Get-ADObject -LDAPFilter "(servicePrincipalName=cifs/files.corp.example)" -Properties *`.
    /// 3. For 9 (no key) and 15 (unknown checksum), compare the encryption types of account and client:
    ///    `Get-ADUser alice -Properties msDS-SupportedEncryptionTypes`; setting a new password makes keys of all types.
    /// 4. For 11 (never valid), compare the clocks of the client and the domain controller: `w32tm /stripchart
    ///    /computer:dc1`.
    /// 5. For 6 and 12, see whether the account was deleted or disabled since it signed in:
    ///    `Get-ADUser alice -Properties Enabled,whenChanged`.
    /// 6. For the rest, look at the Security log of the domain controller at that time: event 4768 for a sign-in, 4769
    ///    for a service ticket, with the error as result code.
    ///
    /// ## Sources
    ///
    /// RFC 4120 §7.5.9; RFC 6113 §5.3; RFC 8636 §4; MS-KILE 2.2.1 and 3.3.5. 12 and 6 to requests for service tickets
    /// were seen in captures of Samba, of accounts that were disabled and deleted since they signed in.
    pub static REFUSED_OTHERWISE = {
        code: "TKT-10",
        title: "the domain controller refuses the request with a rare error",
        severity: Severity::Medium,
        since: "0.1.0",
        supersedes: [],
        errors: [
            2, 3, 4, 5, 9, 10, 11, 12, 15, 17, 19, 21, 22, 26, 28, 31, 35, 36, 38, 39, 40, 41, 42, 43, 45, 46, 47, 49, 50,
            51, 61, 67, 82, 83, 84, 85, 86, 92, 94, 95, 100,
        ],
        statuses: [
            0xc000_0001, 0xc000_000d, 0xc000_0022, 0xc000_006c, 0xc000_00df, 0xc000_015b, 0xc000_018a, 0xc000_018b,
            0xc000_018c, 0xc000_018d, 0xc000_0190, 0xc000_0198, 0xc000_0199, 0xc000_019b, 0xc000_0250, 0xc000_02f3,
            0xc000_02f4, 0xc000_02f5, 0xc000_02f6, 0xc000_02f8, 0xc000_02fb, 0xc000_02fc, 0xc000_0322, 0xc000_0351,
            0xc000_0388,
        ],
        events: ["Security 4768", "Security 4769"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let codes: Vec<ErrorCode> = logon
        .exchanges
        .iter()
        .filter_map(|exchange| Some(exchange.error()?.code))
        .filter(|code| is_rare(*code))
        .collect();
    let mut sometimes = OF_PARTIAL_TICKETS.to_vec();
    sometimes.push(ErrorCode::BAD_INTEGRITY);
    let mut rare = codes.into_iter().chain(sometimes).flat_map(|code| refusals(logon, code)).filter(|refusal| {
        match refusal.error.code {
            code if OF_PARTIAL_TICKETS.contains(&code) && refusal.exchange.asks_for_full_ticket() => true,
            // Of an account that was barred since it signed in, Samba says no more than this; armor hides the status.
            ErrorCode::POLICY if refusal.status().is_none() => {
                refusal.exchange.stage == Stage::Tgs || refusal.error.is_armored()
            }
            ErrorCode::POLICY => has_rare_status(refusal),
            ErrorCode::BAD_INTEGRITY | ErrorCode::C_PRINCIPAL_UNKNOWN => refusal.exchange.stage == Stage::Tgs,
            code => is_rare(code),
        }
    });
    let Some(refusal) = rare.find(|refusal| !adjusted(logon, facts, refusal.answered.at)) else {
        return by_what_is_missing(logon.exchanges.iter(), facts);
    };
    let partial = refusal.exchange.asks_for_full_ticket();
    let service = service_of(&refusal).filter(|_| refusal.exchange.stage == Stage::Tgs && !partial);
    let asked = service.zip(refusal.exchange.request.as_deref()).map(|(service, request)| {
        Evidence::new(request.seen, "kerberos.SNameString", service.to_string(), "the service asked for")
    });
    let subject = service.map_or_else(|| account_of(logon), |service| Subject::Service(service.to_unicode()));
    let code = refusal.error.code;
    let why = refusal.status().and_then(NtStatus::meaning).or_else(|| code.meaning());
    let why = why.unwrap_or("no specification that we know of gives this number a meaning");
    let what = match (partial, service.is_some()) {
        (true, _) => "the partial ticket of Microsoft Entra",
        (false, true) => "a ticket for the service",
        (false, false) => "the sign-in",
    };
    let summary = format!("the domain controller refuses {what} with error {code}: {why}");
    let confidence = Confidence::Proven.lowered_unless(facts.passed(refusal.answered.at, ADJUSTED_SECONDS.of(facts)));
    Found::new(confidence, subject, summary)
        .with(refusal.answer(code.meaning().unwrap_or("an error without a name")))
        .with_some(refusal.status_evidence())
        .with_some(refusal.text().map(|text| {
            Evidence::new(refusal.answered, "kerberos.e_text", text.to_string(), "what the domain controller adds")
        }))
        .with_some(asked)
        .with_some(refusal.client_evidence())
        .into()
}

/// Whether an error is one of those that this rule is for, or has no name.
fn is_rare(code: ErrorCode) -> bool {
    CODES.contains(&code.0) || code == ErrorCode::NO_ACCEPTABLE_KDF || code.name().is_none()
}

/// Whether error 12 gives a status that no other rule reads.
fn has_rare_status(refusal: &Refusal<'_>) -> bool {
    refusal.status().is_some_and(|status| !POLICIES.contains(&status))
}

#[cfg(test)]
mod tests {
    use super::REFUSED_OTHERWISE;
    use crate::{
        Confidence, Severity, Subject,
        testing::{clear, found, pending},
    };

    #[test]
    fn found_with_what_the_error_means() {
        let finding = found(&REFUSED_OTHERWISE, "0.000 pc > dc as-req alice pkinit\n0.010 dc > pc krb-error 9\n30 end");
        assert_eq!(finding.packets(), [2, 1]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
        assert_eq!(finding.severity(), Severity::Medium);
        assert!(finding.found.summary.ends_with("9 KDC_ERR_NULL_KEY: the account has no key"));
    }

    #[test]
    fn found_for_a_service_and_less_sure_at_the_end() {
        let finding =
            found(&REFUSED_OTHERWISE, "0.000 pc > dc tgs-req cifs/files ticket T9\n0.010 dc > pc krb-error 19");
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert_eq!(finding.found.subject, Subject::Service("cifs/files".to_owned()));
        assert_eq!(finding.packets(), [2, 1]);
    }

    #[test]
    fn found_for_a_number_without_a_name() {
        let finding = found(&REFUSED_OTHERWISE, "0.000 pc > dc as-req alice\n0.010 dc > pc krb-error 127\n30 end");
        assert!(finding.found.summary.contains("no specification"), "{}", finding.found.summary);
    }

    #[test]
    fn found_for_a_policy_whose_status_nobody_else_reads() {
        let finding = found(
            &REFUSED_OTHERWISE,
            "0.000 pc > dc as-req alice password\n0.010 dc > pc krb-error 12 status 0xc000015b\n30 end",
        );
        assert_eq!(finding.packets(), [2, 2, 1]);
    }

    #[test]
    fn found_for_a_partial_ticket_that_is_to_be_exchanged() {
        for code in [6, 12, 13, 32, 33] {
            let script = format!(
                "0.000 pc > dc tgs-req krbtgt/CORP.EXAMPLE ticket T9 partial\n0.010 dc > pc krb-error {code}\n30 end"
            );
            let finding = found(&REFUSED_OTHERWISE, &script);
            assert_eq!(finding.packets(), [2]);
            assert!(
                finding.found.summary.contains("the partial ticket of Microsoft Entra"),
                "{}",
                finding.found.summary
            );
            for other in [script.replace("krbtgt/CORP.EXAMPLE", "cifs/files"), script.replace("partial", "")] {
                if code > 12 {
                    clear(&REFUSED_OTHERWISE, &other);
                } else {
                    let finding = found(&REFUSED_OTHERWISE, &other);
                    assert!(!finding.found.summary.contains("partial"), "{}", finding.found.summary);
                }
            }
        }
    }

    #[test]
    fn found_when_the_account_is_barred_or_gone_since_it_signed_in() {
        for error in ["12 padata 136", "6 padata 136", "12", "6"] {
            let script = format!(
                "
                0.000 pc > dc  as-req alice pkinit
                0.010 dc > pc  as-rep alice ticket T1 pkinit
                9.000 pc > dc  tgs-req cifs/files ticket T1 fast
                9.010 dc > pc  krb-error {error}
                30 end
                "
            );
            let finding = found(&REFUSED_OTHERWISE, &script);
            assert_eq!((finding.packets(), finding.severity()), (vec![4, 3], Severity::Medium));
            // What is asked for in the name of another account is about that one.
            clear(&REFUSED_OTHERWISE, &script.replace("T1 fast", "T1 for-user"));
        }
        // A policy that armor hides.
        found(&REFUSED_OTHERWISE, "0.000 pc > dc as-req alice fast\n0.010 dc > pc krb-error 12 padata 136\n30 end");
        let script = "0.000 pc > dc tgs-req cifs/files ticket T9\n0.010 dc > pc krb-error 12 status 0xc0000413\n30 end";
        clear(&REFUSED_OTHERWISE, script);
    }

    #[test]
    fn clear_where_another_rule_reads_it_or_nothing_is_wrong() {
        for error in ["12 status 0xc0000070", "12", "13 status 0xc00000bb", "25", "27", "60", "16"] {
            clear(
                &REFUSED_OTHERWISE,
                &format!("0.000 pc > dc as-req alice pkinit\n0.010 dc > pc krb-error {error}\n30 end"),
            );
        }
    }

    #[test]
    fn clear_when_the_client_gets_in() {
        clear(
            &REFUSED_OTHERWISE,
            "
            0.000 pc > dc as-req alice pkinit
            0.010 dc > pc krb-error 28
            1.000 pc > dc as-req alice pkinit
            1.010 dc > pc as-rep alice ticket T1 pkinit
            ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&REFUSED_OTHERWISE, "0.000 pc > dc as-req alice pkinit\n1.000 open");
    }
}
