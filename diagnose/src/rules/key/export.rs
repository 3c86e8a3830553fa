//! What an export of the directory says of a key that was shown on the wire.

use decode::{
    directory::{Object, identifiers},
    key_credential::KeyCredential,
};
use trace::{Facts, KEY_ATTRIBUTE, Logon};

use super::refused_key;
use crate::{
    Evidence,
    rules::refusal::{PkinitRefusal, name},
};
use decode::x509::Certificate;

/// What rules say where the exports do not have the account.
pub(crate) const NO_ACCOUNT: &str = "the exports of the directory do not show this account's keys";

/// What the exports say of a key of an account.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kept<'f> {
    /// There is no export, or the account is not in it, and nobody else has the key.
    Unknown,
    /// The account has it.
    Own(&'f Object, &'f KeyCredential),
    /// Another object has it, and the account, if it is there, has not.
    Elsewhere(&'f Object),
    /// The account is there and does not have it.
    Absent(&'f Object),
}

/// What the exports say of this key of this logon's account.
pub(crate) fn kept<'f>(logon: &Logon, facts: &'f Facts, key_id: &str) -> Kept<'f> {
    if facts.directory.is_empty() || key_id.is_empty() {
        return Kept::Unknown;
    }
    let names = [logon.canonical.as_ref(), logon.requested.as_ref()];
    let own: Vec<&Object> = names
        .into_iter()
        .flatten()
        .flat_map(|principal| facts.directory.of_account(&principal.name, &principal.realm))
        .collect();
    for object in &own {
        if let Some(key) = key_of(object, key_id) {
            return Kept::Own(object, key);
        }
    }
    let Some(object) = own.iter().find(|object| object.keys_shown) else { return Kept::Unknown };
    match facts.directory.with_key(key_id).next() {
        Some(other) => Kept::Elsewhere(other),
        None => Kept::Absent(object),
    }
}

/// The key of this object, by what it is or by what it is called.
pub(crate) fn key_of<'f>(object: &'f Object, key_id: &str) -> Option<&'f KeyCredential> {
    object.keys.iter().find(|key| identifiers(key).any(|id| id == key_id))
}

/// Whether the directory was surely exported at this time, in seconds since 1970, or later.
pub(crate) fn is_newer_than(facts: &Facts, seconds: i64) -> bool {
    facts.directory.newest().is_some_and(|newest| newest.as_second() >= seconds)
}

/// What the exports say as evidence. It stands with the request that shows the key.
pub(crate) fn evidence(refusal: &PkinitRefusal<'_>, kept: Kept<'_>) -> Option<Evidence> {
    let means = match kept {
        Kept::Unknown => return None,
        Kept::Own(object, _) | Kept::Elsewhere(object) => {
            format!("the export of the directory has this key for {}", object.dn)
        }
        Kept::Absent(object) => match object.keys.len() {
            0 => format!("the export of the directory has no key for {}", object.dn),
            1 => format!("the export of the directory has one key for {}, and it is another", object.dn),
            keys => format!("the export of the directory has {keys} keys for {}, and this is none of them", object.dn),
        },
    };
    Some(Evidence::new(refusal.asked, "ldap.type", KEY_ATTRIBUTE, means))
}

/// `the key IHF64…= of bob@CORP.EXAMPLE`.
pub(crate) fn whose(logon: &Logon, certificate: &Certificate) -> String {
    format!("the {} of {}", refused_key::words(certificate), name(logon))
}
