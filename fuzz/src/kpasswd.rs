//! `kpasswd`: one change of a password, or its answer.

use decode::decoder::KPASSWD_PORT;

use super::check;

/// The input is a message without TCP's length before it.
pub fn run(bytes: &[u8]) {
    check::datagram(KPASSWD_PORT, bytes);
}
