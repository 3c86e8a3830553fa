//! `dcerpc`: a connection with DCE/RPC in it.

use decode::dcerpc::{self, DcerpcStream};

use super::conversation;

/// The input is what both sides send; see [`conversation::run`].
pub fn run(bytes: &[u8]) {
    conversation::run(bytes, || Box::new(DcerpcStream));
    let _ = dcerpc::begins(bytes);
}
