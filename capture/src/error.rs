//! Why an input could not be read at all.
//!
//! Each variant's text is the one sentence its user gets: what, where, why, and what to do. The error of the system
//! that is the reason stands in that sentence, so it is not given as a `source` to be told once more.

use std::io;

/// What makes reading an input impossible.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The input could not be opened.
    #[error("cannot open {name}: {why}")]
    Open {
        /// The input as the user gave it.
        name: String,
        /// Why.
        why: io::Error,
    },
    /// Reading failed after the input was opened.
    #[error("cannot read {name} at byte {offset}: {why}")]
    Read {
        /// The input as the user gave it.
        name: String,
        /// Offset where it failed, in bytes.
        offset: u64,
        /// Why.
        why: io::Error,
    },
    /// Recording from a device came to an end that nobody asked for.
    #[error("{why}")]
    Recorder {
        /// What the recorder said, as a clause.
        why: String,
    },
    /// The input has no bytes.
    #[error("{name} is empty: nothing was captured, or it was not written yet")]
    Empty {
        /// The input as the user gave it.
        name: String,
    },
    /// The first bytes are of no format we read.
    #[error(
        "{name} is not a capture: {looks_like}; hellotrace reads pcap, pcapng and snoop, also packed with gzip, zstd or lz4"
    )]
    NotACapture {
        /// The input as the user gave it.
        name: String,
        /// What the first bytes look like, as a clause.
        looks_like: String,
    },
    /// An event trace log of Windows, which needs converting.
    #[error(
        "{name} is an event trace log, not a capture: convert it on Windows with `pktmon etl2pcap {} --out capture.pcapng`",
        quoted(name)
    )]
    EventTraceLog {
        /// The input as the user gave it.
        name: String,
    },
    /// The input has a capture's header, and not one packet in it could be read.
    #[error("{name}: nothing in it could be read: {what} at byte {offset}")]
    NothingReadable {
        /// The input as the user gave it.
        name: String,
        /// What is wrong, as a clause.
        what: String,
        /// Where, in bytes.
        offset: u64,
    },
}

/// `name` as a command line on Windows takes it.
fn quoted(name: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '\\' | '/' | ':');
    if name.chars().all(is_plain) { name.to_owned() } else { format!("\"{name}\"") }
}
