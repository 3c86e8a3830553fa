//! What differs between operating systems. All calls that only Unix has are in [`unix`], and nowhere else.

#[cfg(not(unix))]
mod other;
#[cfg(unix)]
mod unix;

use std::time::{SystemTime, UNIX_EPOCH};

use capture::CaptureTime;
#[cfg(not(unix))]
pub(crate) use other::*;
#[cfg(unix)]
pub(crate) use unix::*;

/// The time of day, for the names of files.
#[expect(clippy::disallowed_methods, reason = "when a file was begun is not the packets' time")]
pub(crate) fn wall_clock() -> CaptureTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_nanos());
    CaptureTime(since.ok().and_then(|since| i64::try_from(since).ok()).unwrap_or_default())
}
