//! TKT-03.

use decode::kerberos::{EncryptionType, ErrorCode, ErrorData, PaType, Stage};
use trace::{Facts, Logon};

use super::{issued_after_all, service_of};
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Subject, Verdict,
    rule::rule,
    rules::{Refusal, account_of, by_what_is_missing, refusals, time::adjusted::adjusted},
    windows::ADJUSTED_SECONDS,
};

rule! {
    /// ## What happened
    ///
    /// Client, account and domain controller have no encryption type in common, so no ticket can be made. It shows up
    /// when one side gave up RC4 and the other has nothing else: an account whose password is older than the domain's
    /// AES support has no AES keys, or an old server or a policy allows RC4 only.
    ///
    /// ## How we know
    ///
    /// The domain controller answered with error 14 (KDC_ERR_ETYPE_NOSUPP). The finding is withdrawn when this
    /// client gets the ticket within ten seconds, since clients try again with other types; if the capture ends before,
    /// it is one step less sure. The evidence shows what the client offered; types that are obsolete are marked
    /// as weak. To a PKINIT request with RSA encryption, the error can also mean that the list lacks
    /// des-ede3-cbc-Env-OID (15).
    ///
    /// ## What to do
    ///
    /// 1. See what the account allows: `Get-ADUser alice -Properties msDS-SupportedEncryptionTypes,PasswordLastSet`;
    ///    for a service look at the account that has its name (`setspn -Q cifs/files.corp.example`). 24 means AES, 4
    ///    means RC4, none the default.
    /// 2. If it lacks AES: `Set-ADUser alice -KerberosEncryptionType AES128,AES256`.
    /// 3. If the password is older than the domain functional level 2008, change it (twice), so that AES keys are made;
    ///    for a computer `Reset-ComputerMachinePassword`.
    /// 4. Compare the policy "Network security: Configure encryption types allowed for Kerberos" on client, server and
    ///    domain controller: `gpresult /h report.html`. KDC events 14, 16, 26 and 27 on the domain controller name both
    ///    lists.
    ///
    /// ## Sources
    ///
    /// RFC 4120 §3.1.3 and §7.5.9; RFC 8429; MS-KILE 3.1.5.2; MS-PKCA 3.1.5; texts of the KDC events; captures of
    /// Samba's KDC.
    pub static NO_COMMON_ENCRYPTION = {
        code: "TKT-03",
        title: "client and domain controller have no encryption type in common",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: [],
        errors: [14],
        statuses: [0xc000_02fd],
        events: ["KDC 14", "KDC 16", "KDC 26", "KDC 27", "KDC operational 307", "Security 4769"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    for refusal in refusals(logon, ErrorCode::ETYPE_NOSUPP) {
        let at = refusal.answered.at;
        let is_logon = refusal.exchange.stage == Stage::As;
        let succeeded = if is_logon { adjusted(logon, facts, at) } else { issued_after_all(&refusal, logon, facts) };
        if succeeded {
            continue;
        }
        let service = service_of(&refusal).filter(|_| !is_logon);
        let subject = service.map_or_else(|| account_of(logon), |service| Subject::Service(service.to_unicode()));
        let confidence = Confidence::Proven.lowered_unless(facts.passed(at, ADJUSTED_SECONDS.of(facts)));
        let what = if service.is_some() { "the service" } else { "the account" };
        let summary = format!("the domain controller has no encryption type for {what} that the client offers as well");
        return Found::new(confidence, subject, summary)
            .with(refusal.answer("no encryption type in common"))
            .with_some(offered(&refusal))
            .with_some(hint(&refusal))
            .into();
    }
    by_what_is_missing(logon.exchanges.iter(), facts)
}

/// What the client offered.
fn offered(refusal: &Refusal<'_>) -> Option<Evidence> {
    let request = refusal.exchange.request.as_deref()?;
    let etypes = &refusal.exchange.kdc_request()?.etypes;
    let shown = |etype: &EncryptionType| if etype.is_weak() { format!("{etype} (weak)") } else { etype.to_string() };
    let list: Vec<String> = etypes.iter().map(shown).collect();
    let means = if !etypes.is_empty() && etypes.iter().all(|etype| etype.is_weak()) {
        "the client offers nothing but obsolete types"
    } else {
        "what the client offers"
    };
    Some(Evidence::new(request.seen, "kerberos.ENCTYPE", list.join(", "), means))
}

/// That the error brings the KDC's own list. Its value is not decoded.
fn hint(refusal: &Refusal<'_>) -> Option<Evidence> {
    let Some(ErrorData::MethodData(list)) = &refusal.error.e_data else { return None };
    let hint = list.iter().find(|data| matches!(data.kind, PaType::ETYPE_INFO | PaType::ETYPE_INFO2))?;
    Some(Evidence::new(
        refusal.answered,
        "kerberos.padata_type",
        hint.kind.to_string(),
        "holds the types the account has keys for",
    ))
}

#[cfg(test)]
mod tests {
    use super::NO_COMMON_ENCRYPTION;
    use crate::{
        Confidence, Subject,
        testing::{clear, found, pending},
    };

    #[test]
    fn found_at_sign_in_with_what_the_client_offers() {
        let finding = found(
            &NO_COMMON_ENCRYPTION,
            "
            0.000 pc > dc  as-req alice password etypes 23,3
            0.004 dc > pc  krb-error 14 padata 19
            20             end
        ",
        );
        assert_eq!(finding.packets(), [2, 1, 2]);
        assert_eq!(finding.found.confidence, Confidence::Proven);
        assert!(matches!(&finding.found.subject, Subject::Account(account) if account.name == "alice"));
        assert!(finding.found.evidence.iter().any(|evidence| evidence.means.contains("obsolete")));
    }

    #[test]
    fn found_for_a_service() {
        let finding = found(
            &NO_COMMON_ENCRYPTION,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit
            1.000 pc > dc  tgs-req cifs/nas ticket T1
            1.004 dc > pc  krb-error 14
            20             end
        ",
        );
        assert_eq!(finding.found.subject, Subject::Service("cifs/nas".to_owned()));
    }

    #[test]
    fn less_sure_when_the_capture_ends_early() {
        let finding = found(
            &NO_COMMON_ENCRYPTION,
            "
            0.000 pc > dc  as-req alice password
            0.004 dc > pc  krb-error 14
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Likely);
    }

    #[test]
    fn clear_when_other_types_do() {
        clear(
            &NO_COMMON_ENCRYPTION,
            "
            0.000 pc > dc  as-req alice password etypes 18
            0.004 dc > pc  krb-error 14
            0.010 pc > dc  as-req alice password etypes 18,23
            0.014 dc > pc  as-rep alice ticket T1
            20             end
        ",
        );
    }

    #[test]
    fn found_when_the_user_gets_in_elsewhere() {
        let finding = found(
            &NO_COMMON_ENCRYPTION,
            "
            0.000 pc > dc  as-req alice password etypes 18
            0.004 dc > pc  krb-error 14
            0.010 pc2 > dc as-req alice password etypes 18,23
            0.014 dc > pc2 as-rep alice ticket T1
            20             end
        ",
        );
        assert_eq!(finding.found.confidence, Confidence::Proven);
    }

    #[test]
    fn clear_when_an_option_was_refused() {
        clear(
            &NO_COMMON_ENCRYPTION,
            "
            0.000 pc > dc  as-req alice pkinit
            0.010 dc > pc  as-rep alice ticket T1 pkinit
            1.000 pc > dc  tgs-req krbtgt/CORP.EXAMPLE ticket T1
            1.004 dc > pc  krb-error 13 status 0xc00000bb
            20             end
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &NO_COMMON_ENCRYPTION,
            "
            1.000 pc > dc  tgs-req cifs/nas ticket T9
            1.500          open
        ",
        );
    }
}
