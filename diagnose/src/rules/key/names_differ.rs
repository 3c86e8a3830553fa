//! KEY-09.

use decode::{
    kerberos::{ErrorCode, PrincipalName},
    x509::Certificate,
};
use trace::{Facts, Logon};

use super::account_mismatch::IMPERSONATION;
use crate::{
    Confidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{
        account_of,
        refusal::{PkinitRefusal, name, nothing_found},
    },
};

/// Refusals in which the names can be the reason.
const REFUSED: [ErrorCode; 2] = [ErrorCode::CLIENT_NAME_MISMATCH, ErrorCode::C_PRINCIPAL_UNKNOWN];

rule! {
    /// ## What happened
    ///
    /// A user signed in with a key whose certificate names another user principal name than the one signed in
    /// with, and was refused. Most often the user was renamed, or the suffix of the name changed, after the PIN
    /// was set up: the certificate on the device keeps the old name. It can also be the key of somebody else.
    ///
    /// ## How we know
    ///
    /// A request with a self-signed certificate was answered with error 75 (KDC_ERR_CLIENT_NAME_MISMATCH) or 6
    /// (KDC_ERR_C_PRINCIPAL_UNKNOWN), and none of the names in the certificate (the last part of the subject
    /// that Windows Hello gives, the alternative names) is the one in the request. Only names of the same kind
    /// are compared: where the request has a short account name, which may differ from the user principal name
    /// rightly, there is no finding unless the KDC's text says that the certificate may not stand for this
    /// account. That the names differ is sure; that this is why the sign-in was refused is likely. For
    /// certificates that a CA issued, PKI-09 says the same.
    ///
    /// ## What to do
    ///
    /// 1. Compare the account's names with those in the evidence:
    ///    `Get-ADUser USER -Properties userPrincipalName,objectSid`; in Microsoft Entra, see that the user
    ///    principal name is the same.
    /// 2. If the name was changed only in one of the two, mend that, and synchronise:
    ///    `Start-ADSyncSyncCycle -PolicyType Delta`.
    /// 3. If the account has a new name, set up the PIN again: `certutil -deletehellocontainer` as the user,
    ///    then sign out and in.
    /// 4. If the certificate names another person, see who uses this device.
    ///
    /// ## Sources
    ///
    /// MS-PKCA 3.1.5.2.1.4; RFC 4556 §3.2.2; the certificate of a real Windows Hello key, as published with
    /// DSInternals. Error 75 with its text was seen in captures of Samba.
    pub static NAMES_DIFFER = {
        code: "KEY-09",
        title: "the key's certificate names another user than the one who signs in",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: ["KEY-01", "KEY-04"],
        errors: [6, 75],
        statuses: [0xc000_02f9],
        events: ["Security 4768"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    for refusal in PkinitRefusal::all_in_vain(logon).filter(|refusal| REFUSED.contains(&refusal.code())) {
        let Some((certificate, client)) = refusal.self_signed().zip(refusal.request.cname.as_ref()) else { continue };
        let names = names(certificate);
        let told = refusal.says(IMPERSONATION);
        if names.is_empty() || !names.iter().all(|named| differs(named, client, told)) {
            continue;
        }
        let names = names.join(", ");
        let summary = format!("the certificate of the key names {names}, and the sign-in is for {}", name(logon));
        let means = if told {
            "the domain controller says that this certificate may not stand for this account"
        } else {
            "the domain controller does not bring the two together"
        };
        return Found::new(Confidence::Likely, account_of(logon), summary)
            .with(refusal.answer(means))
            .with(refusal.question("x509af.subject", names, "whom the key's certificate names"))
            .with(refusal.question("kerberos.CNameString", client.to_string(), "whom the request names"))
            .into();
    }
    nothing_found(logon, facts, &REFUSED)
}

/// The users that a certificate names, each once.
fn names(certificate: &Certificate) -> Vec<String> {
    let san = &certificate.san;
    let mut names: Vec<String> = certificate.hello_name().map(|hello| hello.upn).into_iter().collect();
    for name in san.upn.iter().chain(&san.pkinit) {
        if !names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            names.push(name.clone());
        }
    }
    names
}

/// Whether a name in a certificate is another than the client's. Short names differ only where the KDC `told` us so:
/// account name and user principal name need not have anything in common.
fn differs(named: &str, client: &PrincipalName, told: bool) -> bool {
    let client = client.to_unicode().to_lowercase();
    let named = named.to_lowercase();
    if client.contains('@') {
        return named != client;
    }
    told && named.rsplit_once('@').map_or(named.as_str(), |(user, _)| user) != client
}

#[cfg(test)]
mod tests {
    use super::NAMES_DIFFER;
    use crate::{
        Confidence, Severity, Subject,
        testing::{clear, found, pending, unseen},
    };

    /// A name as Windows Hello gives it.
    const HELLO: &str = "cn S-1-5-21-1-2-3-1104/8227cfea-af53-4b75-a4e3-ef582a52741e/login.windows.net/\
        383a3889-5bc9-47a3-846c-2b70f0b7fe0e/alice@corp.example";

    fn refused(client: &str, certificate: &str, error: &str) -> String {
        format!(
            "
            0.000 pc > dc  as-req {client} pkinit key K1 {certificate}
            0.010 dc > pc  krb-error {error}
            "
        )
    }

    #[test]
    fn found_when_the_user_was_renamed() {
        for error in ["75", "6"] {
            let finding = found(&NAMES_DIFFER, &refused("alice.new@corp.example", HELLO, error));
            assert_eq!(finding.packets(), [2, 1, 1]);
            assert_eq!(finding.found.confidence, Confidence::Likely);
            assert_eq!(finding.severity(), Severity::High);
            assert_eq!(finding.found.evidence[1].value, "alice@corp.example");
            assert_eq!(finding.found.evidence[2].value, "alice.new@corp.example");
            assert!(
                matches!(&finding.found.subject, Subject::Account(account) if account.name.starts_with("alice.new"))
            );
        }
    }

    #[test]
    fn found_when_the_suffix_changed() {
        found(&NAMES_DIFFER, &refused("alice@corp2.example", HELLO, "75"));
    }

    #[test]
    fn found_when_the_kdc_says_so_of_short_names() {
        let error = "75 text PKINIT_certificate_not_allowed_to_impersonate_principal";
        found(&NAMES_DIFFER, &refused("mia", "upn heidi@corp.example", error));
    }

    #[test]
    fn clear_when_the_names_agree() {
        clear(&NAMES_DIFFER, &refused("Alice@CORP.example", HELLO, "75"));
        clear(&NAMES_DIFFER, &refused("alice.new@corp.example", &format!("{HELLO} upn alice.new@corp.example"), "75"));
    }

    #[test]
    fn clear_when_names_of_different_kinds_are_no_reason() {
        clear(&NAMES_DIFFER, &refused("asmith", HELLO, "75"));
    }

    #[test]
    fn clear_when_the_certificate_names_nobody_or_a_ca_issued_it() {
        clear(&NAMES_DIFFER, &refused("alice.new@corp.example", "cn key", "75"));
        clear(&NAMES_DIFFER, &refused("mia@corp.example", "issued C1 upn heidi@corp.example", "75"));
    }

    #[test]
    fn clear_when_it_was_refused_for_something_else() {
        clear(&NAMES_DIFFER, &refused("alice.new@corp.example", HELLO, "18"));
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(
            &NAMES_DIFFER,
            "
            0.000 pc > dc  as-req alice pkinit key K1
            1.000 open
        ",
        );
    }

    #[test]
    fn unseen_without_the_request() {
        unseen(&NAMES_DIFFER, "0.010 dc > pc krb-error 75 client alice");
    }
}
