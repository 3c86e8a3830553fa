//! Packets to units: link headers, tags, IP, fragments, TCP, UDP and ICMP.
//!
//! In: packets in arrival order, on one thread. Out: [`Unit`]s that say which flow they belong to, so that the
//! shard of that flow can take them on. Fragments are put together here, before sharding, because they have no ports.

use std::borrow::Cow;

use capture::{CaptureTime, PacketId};

use crate::{FlowKey, Path, Unreachable};

/// What a packet holds for a flow.
#[derive(Clone, Debug)]
pub enum Unit<'b> {
    /// A TCP segment.
    Segment(Segment<'b>),
    /// A UDP datagram.
    Datagram(Datagram<'b>),
    /// An ICMP message saying that a packet of this flow did not arrive.
    Unreachable {
        /// Which packet carried it.
        packet: PacketId,
        /// When.
        at: CaptureTime,
        /// From whom to whom the ICMP message itself went.
        path: Path,
        /// What it says.
        unreachable: Unreachable,
    },
}

/// A TCP segment.
#[derive(Clone, Debug)]
pub struct Segment<'b> {
    /// The packet (of a fragmented one, the fragment that completed it).
    pub packet: PacketId,
    /// Capture time of `packet`.
    pub at: CaptureTime,
    /// Source and destination.
    pub path: Path,
    /// Sequence number of the first payload byte, or of the SYN.
    pub sequence: u32,
    /// Acknowledgement number, where the ACK flag is set.
    pub acknowledgement: Option<u32>,
    /// The flags octet: FIN 1, SYN 2, RST 4, PSH 8, ACK 16.
    pub flags: u8,
    /// Payload as far as captured.
    pub payload: Cow<'b, [u8]>,
    /// Payload bytes that were on the wire and that the snap length cut off.
    pub cut: u32,
}

/// A UDP datagram.
#[derive(Clone, Debug)]
pub struct Datagram<'b> {
    /// The packet (of a fragmented one, the fragment that completed it).
    pub packet: PacketId,
    /// The packet with the first fragment seen; equal to `packet` where there was only one.
    pub first: PacketId,
    /// Capture time of `packet`.
    pub at: CaptureTime,
    /// Source and destination.
    pub path: Path,
    /// Payload as far as captured.
    pub payload: Cow<'b, [u8]>,
    /// Payload bytes that were on the wire and that the snap length cut off.
    pub cut: u32,
}

impl Unit<'_> {
    /// The flow whose shard must see it. `None`: an ICMP message that quotes too little to tell.
    pub fn flow(&self) -> Option<FlowKey> {
        match self {
            Self::Segment(segment) => Some(segment.path.flow().0),
            Self::Datagram(datagram) => Some(datagram.path.flow().0),
            Self::Unreachable { unreachable, .. } => unreachable.about.map(|path| path.flow().0),
        }
    }
}
