//! `smb`: a connection with SMB in it.

use decode::smb::{self, SmbStream};

use super::conversation;

/// The input is what both sides send; see [`conversation::run`].
pub fn run(bytes: &[u8]) {
    conversation::run(bytes, || Box::new(SmbStream));
    let _ = smb::begins(bytes);
}
