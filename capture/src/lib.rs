//! Bytes to packets.
//!
//! A [`Source`] hands out [`Batch`]es of packets in arrival order, whether they come from files, from standard
//! input or from a device. It knows file formats and clocks, and nothing of protocols. Damage in an input never
//! ends a run early and never vanishes: it is reported as [`Damage`] beside the packets that could be read.
//!
//! ```
//! use capture::{Batch, CaptureError, Progress, Source};
//!
//! fn count(paths: &[&str]) -> Result<usize, CaptureError> {
//!     let mut source = capture::open(paths)?;
//!     let mut batch = Batch::default();
//!     let mut packets = 0;
//!     loop {
//!         let progress = source.fill(&mut batch)?;
//!         packets += batch.len();
//!         for damage in batch.damage() {
//!             println!("{damage}");
//!         }
//!         if progress == Progress::End {
//!             return Ok(packets);
//!         }
//!     }
//! }
//!
//! let error = count(&["no-such-file.pcap"]).unwrap_err();
//! assert!(error.to_string().starts_with("cannot open no-such-file.pcap"));
//! ```

mod batch;
mod error;
mod file;
mod live;
mod merge;
mod packet;
mod record;
#[cfg(unix)]
pub mod rights;
mod source;
mod tick;

pub use batch::Batch;
pub use error::CaptureError;
pub use file::MAX_PACKET;
pub use live::{Live, Orders};
pub use merge::{Files, follow, open};
pub use packet::{CaptureTime, InputId, LinkType, Packet, PacketId};
pub use record::Recorder;
pub use source::{Aftermath, Damage, Losses, Position, Progress, Source};
