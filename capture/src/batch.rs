//! A reusable buffer of a few thousand packets.
//!
//! A source fills it, the tracer reads it, and it goes back to be filled again, so that reading a capture
//! allocates once and not once a packet.

use crate::{CaptureTime, Damage, LinkType, Packet, PacketId};

/// Packets in arrival order, all of one tick of capture time.
#[derive(Debug)]
pub struct Batch {
    bytes: Vec<u8>,
    records: Vec<Record>,
    damage: Vec<Damage>,
    tick: Option<CaptureTime>,
    may_hold_copies: bool,
    most_packets: usize,
}

#[derive(Debug)]
struct Record {
    id: PacketId,
    at: CaptureTime,
    link: LinkType,
    wire_len: u32,
    end: usize,
}

impl Batch {
    /// Packets in a batch unless told otherwise: enough to keep the shards busy between two barriers.
    pub const DEFAULT_PACKETS: usize = 4096;
    /// A batch is full when it holds this many bytes, whatever the number of packets.
    pub const MAX_BYTES: usize = 4 << 20;

    /// An empty batch that is full at `most_packets` (at least 1).
    pub fn new(most_packets: usize) -> Self {
        Self {
            bytes: Vec::new(),
            records: Vec::new(),
            damage: Vec::new(),
            tick: None,
            may_hold_copies: false,
            most_packets: most_packets.max(1),
        }
    }

    /// Forgets its packets and keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
        self.damage.clear();
        self.tick = None;
    }

    /// Appends a copy of `packet`.
    pub fn push(&mut self, packet: &Packet<'_>) {
        self.bytes.extend_from_slice(packet.bytes);
        self.records.push(Record {
            id: packet.id,
            at: packet.at,
            link: packet.link,
            wire_len: packet.wire_len,
            end: self.bytes.len(),
        });
    }

    /// Notes damage met after the packets pushed so far.
    pub fn push_damage(&mut self, damage: Damage) {
        self.damage.push(damage);
    }

    /// Says that capture time passed to `tick` before the first packet of this batch.
    pub fn set_tick(&mut self, tick: CaptureTime) {
        self.tick = Some(tick);
    }

    /// Says whether packets of this source may have been recorded more than once.
    pub fn set_may_hold_copies(&mut self, may_hold_copies: bool) {
        self.may_hold_copies = may_hold_copies;
    }

    /// Whether packets of this source may have been recorded more than once: at several places, on several interfaces,
    /// or at several components of one machine. Once so, it stays so.
    pub fn may_hold_copies(&self) -> bool {
        self.may_hold_copies
    }

    /// Whether it takes no more packets.
    pub fn is_full(&self) -> bool {
        self.records.len() >= self.most_packets || self.bytes.len() >= Self::MAX_BYTES
    }

    /// Its last packet, and when that was captured.
    pub fn last(&self) -> Option<(PacketId, CaptureTime)> {
        self.records.last().map(|record| (record.id, record.at))
    }

    /// Number of packets.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether it holds no packet. It may still carry a tick or damage.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether it says only that nothing came for now, as with [`Progress::Idle`](crate::Progress::Idle).
    pub fn is_idle(&self) -> bool {
        self.is_empty() && self.damage.is_empty() && self.tick.is_none()
    }

    /// The whole tick to which capture time passed before the first packet, if it did.
    pub fn tick(&self) -> Option<CaptureTime> {
        self.tick
    }

    /// Damage met while this batch was filled, in order.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// The packets, in arrival order.
    pub fn packets(&self) -> impl Iterator<Item = Packet<'_>> {
        let mut start = 0;
        self.records.iter().map(move |record| {
            let bytes = self.bytes.get(start..record.end).unwrap_or_default();
            start = record.end;
            Packet { id: record.id, at: record.at, link: record.link, wire_len: record.wire_len, bytes }
        })
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self::new(Self::DEFAULT_PACKETS)
    }
}
