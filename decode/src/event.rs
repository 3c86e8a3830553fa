//! An event: one decoded message, or one thing that could not be decoded, and where it was on the wire.

use capture::{CaptureTime, PacketId};

use crate::{Carriage, Direction, Endpoint, FlowKey, Message, Transport};

/// Where an event was seen.
///
/// Ordered by the packet that completed the message: that order does not depend on how packets were batched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seen {
    /// The packet that completed the message.
    pub last: PacketId,
    /// The packet in which it began; the same as `last` where one packet held it all.
    pub first: PacketId,
    /// Capture time of `last`.
    pub at: CaptureTime,
}

impl Seen {
    /// Seen in a single packet.
    pub fn in_packet(packet: PacketId, at: CaptureTime) -> Self {
        Self { last: packet, first: packet, at }
    }
}

/// Innermost addresses and ports, in the direction the message travelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    /// What carried it.
    pub transport: Transport,
    /// Who sent it.
    pub source: Endpoint,
    /// To whom.
    pub destination: Endpoint,
}

impl Path {
    /// The conversation this belongs to, and the direction along it.
    pub fn flow(&self) -> (FlowKey, Direction) {
        FlowKey::of(self.transport, self.source, self.destination)
    }
}

/// One decoded message, or what stands for something that was not decoded.
#[derive(Clone, Debug)]
pub struct Event {
    /// Where on the wire.
    pub seen: Seen,
    /// Between whom. `None` for what concerns the capture itself.
    pub path: Option<Path>,
    /// What it came in.
    pub carriage: Carriage,
    /// What it says.
    pub message: Message,
}

impl Event {
    /// An event that the transport itself carries, or that stands below it.
    pub fn direct(seen: Seen, path: Option<Path>, message: Message) -> Self {
        Self { seen, path, carriage: Carriage::DIRECT, message }
    }
}

/// What a decoder makes of bytes: an event whose place on the wire is not known to it.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// What it came in.
    pub carriage: Carriage,
    /// What it says.
    pub message: Message,
}

impl From<Message> for Decoded {
    fn from(message: Message) -> Self {
        Self { carriage: Carriage::DIRECT, message }
    }
}
