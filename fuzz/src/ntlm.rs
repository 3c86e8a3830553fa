//! `ntlm`: one NTLM message.

use decode::ntlm;

use super::check;

/// The input is a message.
pub fn run(bytes: &[u8]) {
    let (once, again) = (ntlm::decode(bytes), ntlm::decode(bytes));
    assert_eq!(once, again);
    check::shown(&once);
    if let Ok(message) = once {
        serde_json::to_string(&message).expect("a message is JSON");
    }
}
