//! `tds`: a connection to SQL Server.

use decode::tds::{self, TdsStream};

use super::conversation;

/// The input is what both sides send; see [`conversation::run`].
pub fn run(bytes: &[u8]) {
    conversation::run(bytes, || Box::new(TdsStream::default()));
    let _ = tds::begins(bytes);
}
