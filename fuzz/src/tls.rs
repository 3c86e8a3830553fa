//! `tls`: a connection with TLS in it.

use decode::{
    content::{self, ContentStream},
    decoder::Detail,
};

use super::conversation;

/// The input is what both sides send; see [`conversation::run`].
pub fn run(bytes: &[u8]) {
    conversation::run(bytes, || Box::new(ContentStream::new(443, Detail::Every)));
    let _ = content::begins(bytes);
}
