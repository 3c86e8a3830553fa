//! KEY-12.

use decode::{
    kerberos::ErrorCode,
    key_credential::{KeyCredential, MaterialForm},
    x509::Certificate,
};
use trace::{Facts, Logon};

use super::{
    directory::{self, NO_IDENTIFIER, NOT_READ},
    export::{self, Kept},
    refused_key,
};
use crate::{
    Confidence, Evidence, Found, Scope, Severity, Verdict,
    rule::rule,
    rules::{
        account_of,
        refusal::{PkinitRefusal, name, nothing_found},
    },
};

rule! {
    /// ## What happened
    ///
    /// The directory has the user's key of Windows Hello, but in a value that Windows domain controllers do not read: a
    /// tool other than Windows or Microsoft Entra wrote it. So the key is refused as if it were not there.
    ///
    /// ## How we know
    ///
    /// A request with a self-signed certificate was refused with error 62 (KDC_ERR_CLIENT_NOT_TRUSTED), after LDAP that
    /// is not encrypted had shown a value of msDS-KeyCredentialLink with this key in which something is wrong: the key
    /// is not written as BCRYPT_RSAKEY_BLOB (or RSAPublicKey, for a computer), its KeyID is not the SHA-256 of the key,
    /// or its KeyHash is not that of what follows. An export of the directory (`--directory`) with such a value does as
    /// well. There is no finding if any domain controller accepted the key. That this is the reason is likely: domain
    /// controllers do not say why they refuse.
    ///
    /// ## What to do
    ///
    /// 1. Find the value: `Get-ADUser USER -Properties msDS-KeyCredentialLink`, and remove it.
    /// 2. Set up the PIN again, so that Windows writes the key: `certutil -deletehellocontainer` as the user, then sign
    ///    out and in.
    /// 3. If you did not write it yourself, find out who did: security event 5136 on the domain controllers. A key that
    ///    someone else wrote lets them sign in as the user.
    ///
    /// ## Sources
    ///
    /// MS-ADTS 2.2.20.5 and 2.2.20.6; reports of tools that write such values. Keys written as SubjectPublicKeyInfo
    /// were seen in captures of Samba, which accepts them.
    pub static MALFORMED = {
        code: "KEY-12",
        title: "the key's value in the directory is malformed",
        severity: Severity::Medium,
        since: "0.1.0",
        supersedes: ["KEY-02", "KEY-04"],
        errors: [62],
        statuses: [],
        events: ["Security 5136"],
        check: Scope::Logon(check),
    };
}

fn check(logon: &Logon, facts: &Facts) -> Verdict {
    let Some((refusal, certificate)) = refused_key::first(logon, facts, ErrorCode::CLIENT_NOT_TRUSTED) else {
        return nothing_found(logon, facts, &[ErrorCode::CLIENT_NOT_TRUSTED]);
    };
    let key_id = certificate.key_id.as_str();
    if key_id.is_empty() {
        return Verdict::Unseen(NO_IDENTIFIER);
    }
    let Some(held) = directory::held(logon, facts, &refusal, key_id) else {
        return by_export(logon, facts, &refusal, certificate);
    };
    let is_machine = logon.principal().is_some_and(trace::Principal::is_machine);
    let Some((field, wrong)) = held.shown.value.and_then(|value| wrong(value, is_machine)) else {
        return Verdict::Clear;
    };
    if facts.keys.get(key_id).is_some_and(|key| !key.granted.is_empty()) {
        return Verdict::Clear;
    }
    let confidence = Confidence::Likely.lowered_unless(held.tie.is_some());
    let summary = format!(
        "the directory has the {} of {} in a value that is malformed: {wrong}",
        refused_key::words(certificate),
        name(logon)
    );
    let means = format!("the value of {}: {wrong}", held.object.dn);
    let found = Found::new(confidence, account_of(logon), summary)
        .with(refusal.answer("the domain controller does not trust the key"))
        .with(Evidence::new(held.shown.seen, "ldap.type", field, means));
    refused_key::evidence(&refusal, certificate).into_iter().fold(found, Found::with).into()
}

/// What an export of the directory says where LDAP in clear says nothing.
fn by_export(logon: &Logon, facts: &Facts, refusal: &PkinitRefusal<'_>, certificate: &Certificate) -> Verdict {
    let kept = export::kept(logon, facts, &certificate.key_id);
    let Kept::Own(object, key) = kept else {
        return if matches!(kept, Kept::Unknown) { Verdict::Unseen(NOT_READ) } else { Verdict::Clear };
    };
    let is_machine = logon.principal().is_some_and(trace::Principal::is_machine);
    let Some((field, wrong)) = wrong(key, is_machine) else { return Verdict::Clear };
    if facts.keys.get(&certificate.key_id).is_some_and(|key| !key.granted.is_empty()) {
        return Verdict::Clear;
    }
    let key = export::whose(logon, certificate);
    let summary = format!("the directory has {key} in a value that is malformed: {wrong}");
    let means = format!("the value of {} in the export: {wrong}", object.dn);
    let found = Found::new(Confidence::Likely, account_of(logon), summary)
        .with(refusal.answer("the domain controller does not trust the key"))
        .with(Evidence::new(refusal.asked, "ldap.type", field, means));
    refused_key::evidence(refusal, certificate).into_iter().fold(found, Found::with).into()
}

/// What is wrong with a value so that Windows does not read it: the entry, and a clause.
pub(crate) fn wrong(value: &KeyCredential, is_machine: bool) -> Option<(&'static str, &'static str)> {
    let form = value.material.as_ref().map(|material| material.form);
    match form {
        Some(MaterialForm::Spki) => Some(("KeyMaterial", "the key is written as SubjectPublicKeyInfo")),
        Some(MaterialForm::Pkcs1) if !is_machine => Some(("KeyMaterial", "the key is written as RSAPublicKey")),
        _ if value.key_id_matches == Some(false) => Some(("KeyID", "its KeyID is not that of the key")),
        _ if value.key_hash_matches == Some(false) => Some(("KeyHash", "its KeyHash is not that of what follows")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::MALFORMED;
    use crate::testing::{clear, found, pending, unseen};

    fn script(how: &str) -> String {
        format!(
            "
            1.000 dc > pc3 entry CN=bob,CN=Users,DC=corp,DC=example keys K1 {how}
            10.00 pc > dc  as-req bob pkinit key K1
            10.01 dc > pc  krb-error 62
            "
        )
    }

    #[test]
    fn found_for_each_thing_that_can_be_wrong() {
        for (how, word) in [("spki", "SubjectPublicKeyInfo"), ("bad-id", "KeyID"), ("bad-hash", "KeyHash")] {
            let finding = found(&MALFORMED, &script(how));
            assert_eq!(finding.packets(), [3, 1, 2, 2]);
            assert!(finding.found.summary.contains(word), "{}", finding.found.summary);
        }
    }

    #[test]
    fn it_says_more_than_that_the_key_is_there() {
        let played = trace::script::play(&script("spki"));
        let (findings, _) = crate::diagnose(played.logons(), played.facts());
        let codes: Vec<&str> = findings.iter().map(|finding| finding.rule.code).collect();
        assert_eq!(codes, ["KEY-16", "KEY-12"]);
    }

    #[test]
    fn clear_of_a_sound_value_and_of_one_that_is_accepted() {
        clear(&MALFORMED, &script(""));
        let later = "
            20.00 pc > dc  as-req bob pkinit key K1
            20.01 dc > pc  as-rep bob ticket T1 pkinit
        ";
        clear(&MALFORMED, &format!("{}{later}", script("spki")));
    }

    #[test]
    fn unseen_without_the_value() {
        unseen(&MALFORMED, &script("spki").replace("keys K1", "keys K2"));
    }

    #[test]
    fn an_export_takes_the_place_of_a_read() {
        let refused = script("").lines().skip(2).collect::<Vec<_>>().join("\n");
        for how in ["spki", "bad-id", "bad-hash"] {
            let finding = found(&MALFORMED, &format!("{refused}20 export bob keys K1 {how}"));
            assert_eq!(finding.packets(), [2, 1, 1, 1]);
        }
        clear(&MALFORMED, &format!("{refused}20 export bob keys K1"));
        clear(&MALFORMED, &format!("{refused}20 export bob keys K2 spki"));
    }

    #[test]
    fn pending_until_the_kdc_answers() {
        pending(&MALFORMED, "0.000 pc > dc as-req bob pkinit key K1\n1.000 open");
    }
}
