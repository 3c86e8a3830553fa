//! `dns`: one DNS message.

use decode::{decoder::DNS_PORT, dns};

use super::check;

/// The input is a message without TCP's length before it.
pub fn run(bytes: &[u8]) {
    check::datagram(DNS_PORT, bytes);
    if let Ok(message) = dns::decode(bytes) {
        check::shown(&message.locator());
    }
}
