//! KEY-10.

use std::collections::BTreeSet;

use trace::{Facts, Logon};

use crate::{
    Confidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{
        account_of,
        refusal::{PkinitRefusal, name, nothing_found},
    },
    windows::REPEATED,
};
use decode::kerberos::ErrorCode;

/// Refusals in which the domain of the key can be the reason. An MIT KDC says 71.
const REFUSED: [ErrorCode; 4] = [
    ErrorCode::C_PRINCIPAL_UNKNOWN,
    ErrorCode::CLIENT_NOT_TRUSTED,
    ErrorCode::INVALID_CERTIFICATE,
    ErrorCode::CLIENT_NAME_MISMATCH,
];

rule! {
    /// ## What happened
    ///
    /// A user's key was made for an account of another domain, and the sign-in with it was refused. Most often the
    /// account was migrated from one domain to another after the PIN was set up: the key on the device still stands for
    /// the old account.
    ///
    /// ## How we know
    ///
    /// The certificate of a refused key has the name that Windows Hello gives, and the security identifier in it is of
    /// another domain than those of three or more keys that were accepted in this realm in the capture, while none of
    /// its own domain was. Identifiers of accounts that live in Microsoft Entra only (S-1-12-1) tell of no domain and
    /// are not compared. An export of the directory (`--directory`) with identifiers of accounts of the realm tells the
    /// domain's, too. It would be wrong where several domains' users sign in through one realm.
    ///
    /// ## What to do
    ///
    /// 1. Compare the identifier in the evidence with the account's:
    ///    `Get-ADUser USER -Properties objectSid,sIDHistory`. If it is in `sIDHistory`, the account was migrated.
    /// 2. Set up the PIN again: `certutil -deletehellocontainer` as the user, then sign out and in.
    /// 3. See that Microsoft Entra Connect synchronises the new account, and not the old one.
    ///
    /// ## Sources
    ///
    /// The certificate of a real Windows Hello key, as published with DSInternals; MS-DTYP 2.4.2.4 (domain and relative
    /// identifier).
    pub static KEY_OF_OTHER_DOMAIN = {
        code: "KEY-10",
        title: "the key was made for an account of another domain",
        severity: Severity::High,
        since: "0.1.0",
        supersedes: ["KEY-01", "KEY-02"],
        errors: [6, 62, 71, 75],
        statuses: [],
        events: ["Security 4768"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let mut unseen = false;
    for refusal in PkinitRefusal::all_in_vain(logon).filter(|refusal| REFUSED.contains(&refusal.code())) {
        let Some(hello) = refusal.self_signed().and_then(|certificate| certificate.hello_name()) else { continue };
        let Some((domain, realm)) = hello.domain_sid().zip(refusal.request.realm.as_ref()) else { continue };
        if let Some(own) = facts.directory.domain_sid(&realm.to_unicode()) {
            if own == domain {
                continue;
            }
            let summary = format!("the key of {} was made for an account of another domain than {realm}", name(logon));
            return Found::new(Confidence::Likely, account_of(logon), summary)
                .with(refusal.answer("the domain controller does not accept the key"))
                .with(refusal.question("x509af.subject", hello.sid.as_str(), "the account that the key was made for"))
                .with(refusal.question("kerberos.realm", own, "the domain of this realm, as its objects were exported"))
                .into();
        }
        let Some(known) = facts.domain_sids.get(&realm.to_unicode().to_lowercase()) else {
            unseen = true;
            continue;
        };
        let usual = known.iter().max_by_key(|(_, keys)| keys.len());
        let Some((usual, _)) =
            usual.filter(|(_, keys): &(&String, &BTreeSet<String>)| keys.len() >= REPEATED.of(facts))
        else {
            unseen = true;
            continue;
        };
        if known.contains_key(domain) {
            continue;
        }
        let summary = format!("the key of {} was made for an account of another domain than {realm}", name(logon));
        return Found::new(Confidence::Likely, account_of(logon), summary)
            .with(refusal.answer("the domain controller does not accept the key"))
            .with(refusal.question("x509af.subject", hello.sid.as_str(), "the account that the key was made for"))
            .with(refusal.question("kerberos.realm", usual.as_str(), "the domain of the keys that are accepted here"))
            .into();
    }
    if unseen {
        return Verdict::Unseen("too few accepted keys tell the identifier of the domain");
    }
    nothing_found(logon, facts, &REFUSED)
}

#[cfg(test)]
mod tests {
    use super::KEY_OF_OTHER_DOMAIN;
    use crate::{
        Confidence, Severity,
        testing::{clear, found, pending, unseen},
    };

    fn hello(sid: &str, user: &str) -> String {
        format!(
            "cn {sid}/8227cfea-af53-4b75-a4e3-ef582a52741e/login.windows.net/383a3889-5bc9-47a3-846c-2b70f0b7fe0e/\
             {user}@corp.example"
        )
    }

    /// So many users with keys of this domain get in, and then alice is refused.
    fn refused(others: usize, sid: &str) -> String {
        let others = (0..others)
            .map(|index| {
                let name = hello(&format!("S-1-5-21-1-2-3-{}", 1200 + index), "user");
                format!(
                    "{index}.000 pc2 > dc as-req user{index} pkinit key K{index} {name} flow {index}\n\
                     {index}.010 dc > pc2 as-rep user{index} ticket T{index} pkinit flow {index}\n"
                )
            })
            .collect::<Vec<String>>()
            .concat();
        format!(
            "{others}10.00 pc > dc as-req alice pkinit key KA {}\n10.01 dc > pc krb-error 75\n",
            hello(sid, "alice")
        )
    }

    #[test]
    fn found_when_the_keys_of_the_realm_are_of_another_domain() {
        let finding = found(&KEY_OF_OTHER_DOMAIN, &refused(3, "S-1-5-21-7-8-9-1104"));
        assert_eq!(finding.packets(), [8, 7, 7]);
        assert_eq!(finding.found.confidence, Confidence::Likely);
        assert_eq!(finding.severity(), Severity::High);
        assert_eq!(finding.found.evidence[2].value, "S-1-5-21-1-2-3");
    }

    #[test]
    fn clear_when_it_is_of_this_domain_or_of_none() {
        clear(&KEY_OF_OTHER_DOMAIN, &refused(3, "S-1-5-21-1-2-3-1104"));
        clear(&KEY_OF_OTHER_DOMAIN, &refused(3, "S-1-12-1-7-8-9-1104"));
    }

    #[test]
    fn an_export_tells_the_domain() {
        let export = "20 export carol sid S-1-5-21-1-2-3-1105";
        let finding = found(&KEY_OF_OTHER_DOMAIN, &format!("{}{export}", refused(0, "S-1-5-21-7-8-9-1104")));
        assert_eq!(finding.packets(), [2, 1, 1]);
        clear(&KEY_OF_OTHER_DOMAIN, &format!("{}{export}", refused(0, "S-1-5-21-1-2-3-1104")));
    }

    #[test]
    fn unseen_when_too_few_keys_tell_the_domain() {
        unseen(&KEY_OF_OTHER_DOMAIN, &refused(2, "S-1-5-21-7-8-9-1104"));
        unseen(&KEY_OF_OTHER_DOMAIN, &refused(0, "S-1-5-21-7-8-9-1104"));
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&KEY_OF_OTHER_DOMAIN, "0.000 pc > dc as-req alice pkinit\n1.000 open");
    }
}
