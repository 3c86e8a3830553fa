//! What the capture itself does not show.

pub(crate) mod armored;
pub(crate) mod certificates_hidden;
pub(crate) mod controllers_missing;
pub(crate) mod losses;
pub(crate) mod midway;
pub(crate) mod one_sided;

/// Pieces of evidence for findings about many clients: enough to look at.
const MAX_SHOWN: usize = 8;
