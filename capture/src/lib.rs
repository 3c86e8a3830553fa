//! Bytes to packets.
//!
//! A [`Source`] hands out [`Batch`]es of packets in arrival order, whether they come from files, from standard
//! input or from a device. It knows file formats and clocks, and nothing of protocols. Damage in an input never
//! ends a run early and never vanishes: it is reported as [`Damage`] beside the packets that could be read.

mod batch;
mod error;
mod packet;
mod source;

pub use batch::Batch;
pub use error::CaptureError;
pub use packet::{CaptureTime, InputId, LinkType, Packet, PacketId};
pub use source::{Aftermath, Damage, Losses, Position, Progress, Source};
