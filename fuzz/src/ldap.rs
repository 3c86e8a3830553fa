//! `ldap`: LDAP messages, and the value of a netlogon answer.

use decode::{
    decoder::LDAP_PORT,
    ldap::{self, Netlogon},
};

use super::check;

/// The input is one message or several.
pub fn run(bytes: &[u8]) {
    check::datagram(LDAP_PORT, bytes);
    check::shown(&ldap::decode(bytes));
    check::shown(&Netlogon::read(bytes));
}
