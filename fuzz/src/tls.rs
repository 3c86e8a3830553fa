//! `tls`: a connection with TLS in it.

use decode::content::{self, ContentStream};

use super::conversation;

/// The input is what both sides send; see [`conversation::run`].
pub fn run(bytes: &[u8]) {
    conversation::run(bytes, || Box::new(ContentStream::new(443)));
    let _ = content::begins(bytes);
}
