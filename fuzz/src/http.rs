//! `http`: a connection with HTTP in it, and what it tunnels.

use decode::{
    content::{self, ContentStream},
    decoder::Detail,
};

use super::conversation;

/// The input is what both sides send; see [`conversation::run`].
pub fn run(bytes: &[u8]) {
    conversation::run(bytes, || Box::new(ContentStream::new(80, Detail::Every)));
    let _ = content::begins_at_home(bytes);
}
