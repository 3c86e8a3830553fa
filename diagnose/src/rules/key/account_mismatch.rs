//! KEY-01.

use decode::kerberos::ErrorCode;
use trace::{Facts, Logon};

use super::refused_key;
use crate::{
    Scope, Severity, Verdict,
    rule::rule,
    rules::refusal::{name, nothing_found},
};

/// What Samba and Heimdal say when the certificate names another account.
pub(super) const IMPERSONATION: &str = "not allowed to impersonate";

rule! {
    /// ## What happened
    ///
    /// A user showed the key of Windows Hello, and the domain controller found nothing that ties this key to
    /// this account. Right after a PIN was set up that is normal: the key has to travel from Microsoft Entra to
    /// Active Directory first, which takes up to 30 minutes and sometimes more. Later it means that the key
    /// never arrived, arrived at another domain controller only, was deleted, or that the certificate around
    /// the key names somebody else.
    ///
    /// ## How we know
    ///
    /// A request signed with a self-signed certificate was answered with error 75
    /// (KDC_ERR_CLIENT_NAME_MISMATCH). Key and account do not match for this domain controller: that is sure.
    /// That a missing synchronisation is the reason is likely. If the same key was accepted anywhere in the 30
    /// minutes before, there is no finding: then domain controllers differ. Samba and Heimdal add a text when
    /// the certificate's own name is the reason; the summary says so. It may also be a user who was renamed, or
    /// a domain controller with Windows Server 2019 before build 17763.316, which refuses every such key.
    ///
    /// ## What to do
    ///
    /// 1. See whether the directory has the key, at this domain controller:
    ///    `Get-ADUser USER -Server DC -Properties msDS-KeyCredentialLink`. Compare with the key identifier in
    ///    the evidence.
    /// 2. If it is not there, start a synchronisation on the Entra Connect server, and sign in again after it:
    ///    `Start-ADSyncSyncCycle -PolicyType Delta`.
    /// 3. If another domain controller has it, replicate: `repadmin /syncall /AdeP`, `repadmin /replsummary`.
    /// 4. If no key of any new user arrives, check that the connector's account (`MSOL_…`, or a member of Key
    ///    Admins) may write msDS-KeyCredentialLink.
    /// 5. If the key is there, compare the user principal name with the one in the certificate; after a change
    ///    of name, set up the PIN again: `certutil -deletehellocontainer` as the user, then sign out and in.
    ///
    /// ## Sources
    ///
    /// Microsoft: Windows Hello for Business known deployment issues; MS-PKCA 3.1.5.2.1.4; RFC 4556 §3.2.2.
    /// Error 75 was seen in captures of Samba, MIT and Heimdal KDCs for a certificate of another name, and not
    /// of Windows.
    pub static ACCOUNT_MISMATCH = {
        code: "KEY-01",
        title: "the key does not belong to the account, as the domain controller sees it",
        severity: Severity::Critical,
        since: "0.1.0",
        supersedes: [],
        errors: [75],
        statuses: [0xc000_02f9],
        events: ["Security 4768", "HelloForBusiness 7001"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let Some((refusal, certificate)) = refused_key::first(logon, facts, ErrorCode::CLIENT_NAME_MISMATCH) else {
        return nothing_found(logon, facts, &[ErrorCode::CLIENT_NAME_MISMATCH]);
    };
    let (who, key) = (name(logon), refused_key::words(certificate));
    let (summary, means) = if refusal.says(IMPERSONATION) {
        let summary =
            format!("the certificate of the {key} names another account than {who}, says the domain controller");
        (summary, "the certificate does not name the account")
    } else {
        let summary = format!(
            "the domain controller does not find the {key} with the account {who}; it is probably not synchronised yet"
        );
        (summary, "key and account do not match")
    };
    refused_key::found(logon, &refusal, certificate, summary, means).into()
}

#[cfg(test)]
mod tests {
    use super::ACCOUNT_MISMATCH;
    use crate::{
        Confidence, Subject,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_the_kdc_knows_no_such_key_of_the_account() {
        let finding = found(
            &ACCOUNT_MISMATCH,
            "
            0.000 pc > dc  as-req alice pkinit key K1
            0.010 dc > pc  krb-error 75
        ",
        );
        assert_eq!(finding.packets(), [2, 1, 1]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert!(finding.found.summary.contains("K1") && finding.found.summary.contains("alice@CORP.EXAMPLE"));
        assert!(matches!(&finding.found.subject, Subject::Account(account) if account.name == "alice"));
    }

    #[test]
    fn the_summary_says_when_the_certificate_names_another() {
        let finding = found(
            &ACCOUNT_MISMATCH,
            "
            0.000 pc > dc  as-req mia pkinit key K1 upn heidi@corp.example
            0.010 dc > pc  krb-error 75 text PKINIT_certificate_not_allowed_to_impersonate_principal
        ",
        );
        assert!(finding.found.summary.contains("names another account"), "{}", finding.found.summary);
    }

    #[test]
    fn clear_when_the_same_key_worked_shortly_before() {
        clear(
            &ACCOUNT_MISMATCH,
            "
            0.000 pc > dc  as-req alice pkinit key K1
            0.010 dc > pc  as-rep alice ticket T1 pkinit
            600.0 pc > dc2 as-req alice pkinit key K1
            600.1 dc2 > pc krb-error 75
        ",
        );
    }

    #[test]
    fn found_when_the_same_key_worked_long_before() {
        found(
            &ACCOUNT_MISMATCH,
            "
            0.000 pc > dc  as-req alice pkinit key K1
            0.010 dc > pc  as-rep alice ticket T1 pkinit
            1900  pc > dc  as-req alice pkinit key K1
            1900.1 dc > pc krb-error 75
        ",
        );
    }

    #[test]
    fn clear_when_another_domain_controller_takes_the_key_at_once() {
        clear(
            &ACCOUNT_MISMATCH,
            "
            0.000 pc > dc  as-req alice pkinit key K1
            0.010 dc > pc  krb-error 75
            0.100 pc > dc2 as-req alice pkinit key K1
            0.110 dc2 > pc as-rep alice ticket T1 pkinit
        ",
        );
    }

    #[test]
    fn clear_when_the_certificate_was_issued_by_a_ca() {
        clear(
            &ACCOUNT_MISMATCH,
            "
            0.000 pc > dc  as-req alice pkinit issued C1
            0.010 dc > pc  krb-error 75
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &ACCOUNT_MISMATCH,
            "
            0.000 pc > dc  as-req alice pkinit key K1
            1.000 open
        ",
        );
    }

    #[test]
    fn unseen_without_the_request() {
        unseen(&ACCOUNT_MISMATCH, "0.010 dc > pc krb-error 75 client alice");
    }
}
