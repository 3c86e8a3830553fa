//! KEY-02.

use decode::kerberos::ErrorCode;
use trace::{Facts, Logon};

use super::refused_key;
use crate::{
    Scope, Severity, Verdict,
    rule::rule,
    rules::refusal::{name, nothing_found},
};

rule! {
    /// ## What happened
    ///
    /// A user showed the key of Windows Hello, and the domain controller did not find this key in the
    /// directory. As the certificate around the key is signed by the key itself, nothing else speaks for it,
    /// and it is not trusted. Right after a PIN was set up that is normal until the key has travelled from
    /// Microsoft Entra to Active Directory.
    ///
    /// ## How we know
    ///
    /// A request signed with a self-signed certificate was answered with error 62 (KDC_ERR_CLIENT_NOT_TRUSTED).
    /// That the key is not accepted is sure; that it is missing from the directory is likely. If the same key
    /// was accepted anywhere in the 30 minutes before, there is no finding: then domain controllers differ.
    /// Other reasons: the value in the directory has a form that is not read; the domain controller demands
    /// that certificates chain to the NTAuth store (updates from April 2025 on), which no self-signed one does;
    /// it is older than Windows Server 2016. Errors 62 and 75 do not tell reliably whether the key is missing
    /// or belongs to somebody else.
    ///
    /// ## What to do
    ///
    /// 1. See whether the directory has the key, at this domain controller:
    ///    `Get-ADUser USER -Server DC -Properties msDS-KeyCredentialLink`; on a Samba domain controller:
    ///    `ldbsearch -H /var/lib/samba/private/sam.ldb sAMAccountName=USER msDS-KeyCredentialLink`. Compare
    ///    with the key identifier in the evidence.
    /// 2. If it is not there, start a synchronisation on the Entra Connect server, and sign in again after it:
    ///    `Start-ADSyncSyncCycle -PolicyType Delta`.
    /// 3. If another domain controller has it, replicate: `repadmin /syncall /AdeP`, `repadmin /replsummary`.
    /// 4. If keys that worked before are refused since an update, look for KDC events 21 and 45, and install
    ///    the cumulative update of June 2025 or later on all domain controllers (KB5057784).
    /// 5. If neither Entra nor the directory has the key, set up the PIN again:
    ///    `certutil -deletehellocontainer` as the user, then sign out and in.
    ///
    /// ## Sources
    ///
    /// RFC 4556 §3.2.2; MS-PKCA 3.1.5.2.1.4; KB5057784; tests of Samba's KDC. Error 62 for a key that the
    /// directory does not have was seen in captures of Samba, and is reported of Windows; Microsoft documents
    /// 75 (KEY-01).
    pub static UNKNOWN_TO_DIRECTORY = {
        code: "KEY-02",
        title: "the directory does not know the key",
        severity: Severity::Critical,
        since: "0.1.0",
        supersedes: [],
        errors: [62],
        statuses: [],
        events: ["KDC 21", "KDC 45", "Security 4768", "System 8", "Kerberos client 103", "HelloForBusiness 7001"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let Some((refusal, certificate)) = refused_key::first(logon, facts, ErrorCode::CLIENT_NOT_TRUSTED) else {
        return nothing_found(logon, facts, &[ErrorCode::CLIENT_NOT_TRUSTED]);
    };
    let (who, key) = (name(logon), refused_key::words(certificate));
    let summary =
        format!("the domain controller does not trust the {key} of {who}; the directory most likely does not have it");
    let means = "the domain controller does not trust the key";
    refused_key::found(logon, &refusal, certificate, summary, means).into()
}

#[cfg(test)]
mod tests {
    use super::UNKNOWN_TO_DIRECTORY;
    use crate::{
        Confidence, Subject,
        testing::{clear, found, pending, unseen},
    };

    #[test]
    fn found_when_the_kdc_does_not_trust_a_self_signed_key() {
        let finding = found(
            &UNKNOWN_TO_DIRECTORY,
            "
            0.000 pc > dc  as-req bob pkinit key K7
            0.010 dc > pc  krb-error 62
        ",
        );
        assert_eq!(finding.packets(), [2, 1, 1]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert!(finding.found.evidence.iter().any(|piece| piece.value == "K7"));
        assert!(matches!(&finding.found.subject, Subject::Account(account) if account.name == "bob"));
    }

    #[test]
    fn found_even_if_the_key_arrives_later() {
        found(
            &UNKNOWN_TO_DIRECTORY,
            "
            0.000 pc > dc  as-req bob pkinit key K7
            0.010 dc > pc  krb-error 62
            60.00 pc > dc  as-req bob pkinit key K7
            60.01 dc > pc  as-rep bob ticket T1 pkinit
        ",
        );
    }

    #[test]
    fn clear_when_the_same_key_worked_shortly_before() {
        clear(
            &UNKNOWN_TO_DIRECTORY,
            "
            0.000 pc > dc  as-req bob pkinit key K7
            0.010 dc > pc  as-rep bob ticket T1 pkinit
            60.00 pc > dc2 as-req bob pkinit key K7
            60.01 dc2 > pc krb-error 62
        ",
        );
    }

    #[test]
    fn clear_when_the_certificate_was_issued_by_a_ca() {
        clear(
            &UNKNOWN_TO_DIRECTORY,
            "
            0.000 pc > dc  as-req bob pkinit issued C7
            0.010 dc > pc  krb-error 62
        ",
        );
    }

    #[test]
    fn clear_when_no_certificate_shows_whose_key_it_is() {
        clear(
            &UNKNOWN_TO_DIRECTORY,
            "
            0.000 pc > dc  as-req bob pkinit no-certificate
            0.010 dc > pc  krb-error 62
        ",
        );
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &UNKNOWN_TO_DIRECTORY,
            "
            0.000 pc > dc  as-req bob pkinit key K7
            1.000 open
        ",
        );
    }

    #[test]
    fn unseen_without_the_request() {
        unseen(&UNKNOWN_TO_DIRECTORY, "0.010 dc > pc krb-error 62 client bob");
    }

    #[test]
    fn no_finding_when_the_answer_of_the_next_dc_is_hidden() {
        let played = trace::script::play(
            "
            0.000 pc > dc   as-req bob pkinit
            0.004 dc > pc   krb-error 62
            0.100 pc > dc2  as-req bob pkinit
            0.104 dc2 > pc  hole
            30              end
        ",
        );
        let verdicts = crate::testing::verdicts(&UNKNOWN_TO_DIRECTORY, &played);
        assert!(verdicts.into_iter().all(|verdict| verdict.found().is_none()));
    }
}
