//! `key_credential`: a value of msDS-KeyCredentialLink, as LDAP has it and as it is inside.

use decode::key_credential::KeyCredential;

use super::check;

/// The input is a value in either form.
pub fn run(bytes: &[u8]) {
    for read in [KeyCredential::from_dn_binary, KeyCredential::from_blob] {
        let (once, again) = (read(bytes), read(bytes));
        assert_eq!(check::shown(&once), check::shown(&again));
        let json = serde_json::to_string(&once).expect("a key credential is JSON");
        assert_eq!(json, serde_json::to_string(&again).expect("a key credential is JSON"));
    }
}
