//! Where something was seen, in less than half the room of a [`Seen`]: for what is kept by the hundred thousand.

use std::num::NonZeroU64;

use capture::{CaptureTime, InputId, PacketId};
use decode::Seen;

/// The packet in which something was seen. Where it took several, the last: the one that machine output names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    arrival: u64,
    /// The packet's number, and in the lowest 16 bits its input. Numbers count from 1, and no capture has 2⁴⁸ packets.
    number: NonZeroU64,
    at: CaptureTime,
}

impl From<Seen> for Spot {
    fn from(seen: Seen) -> Self {
        let number = (seen.last.number << 16) | u64::from(seen.last.input.0);
        let number = NonZeroU64::new(number).unwrap_or(NonZeroU64::MIN);
        Self { arrival: seen.last.arrival, number, at: seen.at }
    }
}

impl From<Spot> for Seen {
    fn from(spot: Spot) -> Self {
        let [low, high, ..] = spot.number.get().to_le_bytes();
        let input = InputId(u16::from_le_bytes([low, high]));
        let packet = PacketId { arrival: spot.arrival, input, number: spot.number.get() >> 16 };
        Self::in_packet(packet, spot.at)
    }
}

impl Spot {
    /// Capture time.
    pub fn at(self) -> CaptureTime {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use capture::{CaptureTime, InputId, PacketId};
    use decode::Seen;

    use super::Spot;

    #[test]
    fn a_spot_is_the_last_packet_and_small() {
        let packet = PacketId { arrival: 70_000, input: InputId(65_535), number: 66_000 };
        let seen = Seen::in_packet(packet, CaptureTime(-5));
        assert_eq!(Seen::from(Spot::from(seen)), seen);
        let first = PacketId { arrival: 69_990, number: 65_990, ..packet };
        assert_eq!(Seen::from(Spot::from(Seen { first, ..seen })), seen);
        assert_eq!((size_of::<Option<Spot>>(), size_of::<Seen>()), (24, 56));
    }
}
