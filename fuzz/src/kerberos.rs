//! `kerberos`: one Kerberos message.

use decode::KDC_PORT;

use super::check;

/// The input is a message without TCP's length before it.
pub fn run(bytes: &[u8]) {
    check::datagram(KDC_PORT, bytes);
}
