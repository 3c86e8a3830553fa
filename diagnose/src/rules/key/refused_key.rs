//! What the rules about a refused key have in common.

use decode::{kerberos::ErrorCode, x509::Certificate};
use trace::{Facts, Logon};

use crate::{
    Confidence, Evidence, Found,
    rules::{account_of, refusal::PkinitRefusal},
    windows::SYNC_SECONDS,
};

/// The first refusal of a self-signed key with this error, unless the same key was accepted anywhere shortly before.
pub(super) fn first<'l>(
    logon: &'l Logon,
    facts: &Facts,
    code: ErrorCode,
) -> Option<(PkinitRefusal<'l>, &'l Certificate)> {
    PkinitRefusal::all_in_vain(logon).filter(|refusal| refusal.code() == code).find_map(|refusal| {
        let certificate = refusal.self_signed()?;
        let used = facts.keys.get(&certificate.key_id);
        let worked = used.is_some_and(|key| key.granted_before(refusal.answered.at, SYNC_SECONDS.of(facts)));
        (!worked).then_some((refusal, certificate.as_ref()))
    })
}

/// A key for a sentence: its identifier, where it has one.
pub(super) fn words(certificate: &Certificate) -> String {
    match certificate.key_id.as_str() {
        "" => "key".to_owned(),
        key_id => format!("key {key_id}"),
    }
}

/// The key in the request, and whom its certificate names.
pub(super) fn evidence(refusal: &PkinitRefusal<'_>, certificate: &Certificate) -> [Evidence; 2] {
    let (key, means) = if certificate.key_id.is_empty() {
        (certificate.key.algorithm.as_str(), "the client's key; it is not RSA and has no key identifier")
    } else {
        (certificate.key_id.as_str(), "the client's key identifier; compare with msDS-KeyCredentialLink of the account")
    };
    [
        refusal.question("x509af.subjectPublicKeyInfo_element", key, means),
        refusal.question("x509af.subject", certificate.subject.as_str(), "whom the key's certificate names"),
    ]
}

/// The finding that the key of this refusal is not accepted: `means` says what the answer means.
pub(super) fn found(
    logon: &Logon,
    refusal: &PkinitRefusal<'_>,
    certificate: &Certificate,
    summary: String,
    means: &str,
) -> Found {
    let found = Found::new(Confidence::Likely, account_of(logon), summary).with(refusal.answer(means));
    evidence(refusal, certificate).into_iter().fold(found, Found::with)
}
