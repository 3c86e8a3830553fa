//! TCP reassembly, one direction at a time: segments in any order to bytes in order, bounded in memory.
//!
//! In: the segments of one direction, and what the peer acknowledged. Out: through `messages` the events of whole
//! messages, and gaps. Sequence numbers are unwrapped to 64-bit offsets, so a connection may carry any amount.
//!
//! What a segment brings is used at once where it is next in order, without a copy. Otherwise it is held, by offset,
//! until what is before it comes. Of bytes that came twice the first are used; differing ones are counted and told.
//!
//! A hole is waited for as long as it may still be filled:
//!
//! - Bytes the snap length cut off will not come: that hole is passed at once.
//! - Bytes that the peer has acknowledged had arrived, so the capture lost them, or shows them late: it is usual that
//!   the two directions of a mirror port or of two capture queues are a few packets out of step. Such a hole is passed
//!   [`PATIENCE`] packets of the connection after the acknowledgement. The packet at which that happens is the one that
//!   the gap, and what is thereby completed, is `seen` in; it is the packet that decided it, not the acknowledgement.
//! - Any other hole is passed at a tick ([`crate::shard::HOLE_TIMEOUT`]), at the end, or when a limit is reached. Where
//!   the peer asked for what is in it, by acknowledging only what is before it when it had what is behind it, the hole
//!   was on the wire already ([`NotReceived`]).
//!
//! A stream whose SYN was not seen begins with its first segment that begins a message, or with the earliest segment
//! held when the same patience has run out.

use std::{collections::BTreeMap, ops::Bound};

use capture::PacketId;

use crate::{
    GapKind, NotReceived,
    connection::Mark,
    decoder::{Begins, length},
};

mod duplex;
mod messages;

pub use duplex::{Duplex, Out};
pub use messages::{End, Hole, Scratch, Sink};

use messages::Messages;

/// Packets of a connection that may still bring what was acknowledged before they came.
///
/// As many as TCP itself takes for reordering before it believes in a loss (RFC 5681 §3.2: three duplicates).
pub const PATIENCE: u8 = 3;

/// Bytes held out of order in one direction: as much as one message may take.
pub const MAX_HELD_BYTES: usize = 1 << 20;

/// Segments held out of order in one direction. A window of 1 MiB holds 720 of the usual size; the rest is room for
/// small ones, at some 128 bytes of our own for each.
pub const MAX_HELD_SEGMENTS: usize = 32_768;

/// How far ahead of what is there an acknowledgement is believed: the largest window there is (RFC 7323 §2.3).
const MAX_AHEAD: u64 = 1 << 30;

/// Our own cost of a held segment: its place in the tree and its allocation, roughly.
const HELD_COST: usize = 128;

/// Offset of the first byte. Not 0, so that what belongs before it has an offset, too.
const ORIGIN: u64 = 1 << 32;

/// One direction of a TCP connection.
#[derive(Debug)]
pub struct Stream {
    /// The sequence number at `ORIGIN`; `None` while nothing was seen.
    origin: Option<u32>,
    /// Offset at which the stream begins for us.
    begin: u64,
    /// Offset of the byte that is next in order.
    next: u64,
    phase: Phase,
    held: BTreeMap<u64, Held>,
    held_bytes: usize,
    /// Offset up to which the peer acknowledged.
    acknowledged: u64,
    /// Offset of the FIN, which is also the end of the data.
    fin: Option<u64>,
    patience: u8,
    /// The last hole that the peer asked for, with the offset where it begins. Most connections have none.
    asked_for: Option<Box<AskedFor>>,
    tally: Tally,
    messages: Messages,
}

/// What is counted on the way, and told at the end where it is a fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Bytes that the capture does not hold although there is something behind them or the peer acknowledged them.
    pub missing: u64,
    /// Bytes sent again with another content.
    pub conflicting: u64,
    /// Bytes outside of the stream: before its beginning or after its end.
    pub stray: u64,
}

/// A hole that the peer asked for.
#[derive(Clone, Copy, Debug)]
struct AskedFor {
    from: u64,
    /// Where it did so last.
    seen: Mark,
    /// How long the hole was when it was passed and nobody waited for it any more.
    passed: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Where it begins is not known yet; everything is held.
    Joining,
    /// Bytes are passed on in order.
    Running,
    /// The end was reached.
    Ended,
    /// Nothing of it is decoded any more.
    Retired,
}

#[derive(Debug)]
struct Held {
    bytes: Box<[u8]>,
    /// Bytes that follow and were cut off by the snap length.
    cut: u32,
    packet: PacketId,
}

/// How to say that so many bytes are outside of a stream.
pub fn out_of_place(bytes: u64) -> String {
    format!("{bytes} bytes came before the stream began or after it ended")
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            origin: None,
            begin: ORIGIN,
            next: ORIGIN,
            phase: Phase::Joining,
            held: BTreeMap::new(),
            held_bytes: 0,
            acknowledged: 0,
            fin: None,
            patience: PATIENCE,
            asked_for: None,
            tally: Tally::default(),
            messages: Messages::from_the_middle(),
        }
    }
}

impl Stream {
    /// Says with which sequence number the data begins: the one after the SYN. Later calls have no effect.
    pub fn open(&mut self, first: u32, sink: &mut Sink<'_>) {
        if self.phase != Phase::Joining {
            return;
        }
        self.origin.get_or_insert(first);
        let Some(begin) = self.offset(first) else { return };
        self.start(begin, Messages::from_the_beginning(), sink);
    }

    /// Takes a segment: `payload` from `sequence` on, and then `cut` bytes that the snap length cut off.
    pub fn segment(&mut self, sequence: u32, payload: &[u8], cut: u32, sink: &mut Sink<'_>) {
        if (payload.is_empty() && cut == 0) || self.phase == Phase::Retired {
            return;
        }
        self.origin.get_or_insert(sequence);
        let Some(start) = self.offset(sequence) else {
            self.stray(length(payload));
            return;
        };
        let end = start.saturating_add(length(payload));
        let cut_end = end.saturating_add(u64::from(cut));
        if self.phase == Phase::Joining {
            self.make_room(payload.len(), sink);
        }
        if self.phase == Phase::Joining {
            self.hold(start, payload, cut, sink.packet);
            let first = self.held.first_key_value().map(|(&offset, held)| (offset, &held.bytes));
            if let Some((offset, bytes)) = first
                && sink.decoder.begins(sink.side, bytes) == Begins::Yes
            {
                self.start(offset, Messages::from_the_middle(), sink);
            }
            return;
        }
        // A keep-alive repeats the byte before the next one, which may be the SYN.
        if start.saturating_add(1) < self.begin || (self.phase == Phase::Ended && cut_end > self.next) {
            let within = self.begin.saturating_sub(start).min(length(payload));
            self.stray(if self.phase == Phase::Ended { cut_end.saturating_sub(self.next) } else { within });
        }
        if self.is_over() || cut_end <= self.next {
            return;
        }
        if start > self.next {
            self.make_room(payload.len(), sink);
            while start > self.next && start <= self.acknowledged_data() && !self.is_over() {
                self.pass_hole(Hole::Missing, start, sink);
            }
        }
        if self.is_over() || cut_end <= self.next {
            return;
        }
        if start > self.next {
            self.hold(start, payload, cut, sink.packet);
        } else {
            self.in_order(start, payload, cut_end, sink);
        }
    }

    /// Takes the FIN, whose sequence number is `sequence`.
    pub fn fin(&mut self, sequence: u32, sink: &mut Sink<'_>) {
        if self.fin.is_none() {
            self.fin = self.offset(sequence).filter(|&fin| fin >= self.next);
        }
        self.end_at_fin(sink);
    }

    /// Takes an acknowledgement number of the peer, seen here.
    pub fn acknowledge(&mut self, number: u32, seen: Mark) {
        let Some(offset) = self.offset(number).filter(|_| self.phase == Phase::Running) else { return };
        if offset > self.acknowledged && offset.saturating_sub(self.next) <= MAX_AHEAD {
            self.acknowledged = offset;
        }
        if offset == self.next && self.has_hole() && self.asked_for.as_ref().is_none_or(|asked| asked.passed.is_none())
        {
            self.asked_for = Some(Box::new(AskedFor { from: offset, seen, passed: None }));
        }
    }

    /// Whether something is behind what is next and not there.
    fn has_hole(&self) -> bool {
        !self.held.is_empty() || self.fin.is_some_and(|fin| fin > self.next)
    }

    /// The hole at which it waits, where the peer asked for it and did not get it as far as its acknowledgements show:
    /// where the peer said so, and how long it is.
    fn hole_of_peer(&self) -> Option<(Mark, u64)> {
        let asked = self.asked_for.as_ref().filter(|asked| asked.passed.is_none() && asked.from == self.next)?;
        let stop = self.first_held().or(self.fin)?;
        let waits = self.phase == Phase::Running && self.acknowledged_data() <= self.next && stop > self.next;
        waits.then(|| (asked.seen, stop.saturating_sub(self.next)))
    }

    /// What the peer did not receive, of this stream.
    pub fn not_received(&self) -> Option<NotReceived> {
        let asked = self.asked_for.as_ref()?;
        let (seen, bytes) = match asked.passed {
            Some(bytes) => (asked.seen, bytes),
            None => self.hole_of_peer()?,
        };
        Some(NotReceived { seen: seen.into(), bytes, after: asked.from.saturating_sub(self.begin) })
    }

    /// To be called once for each packet of the connection: passes holes that were waited for long enough.
    pub fn lose_patience(&mut self, sink: &mut Sink<'_>) {
        if !self.waits_in_vain() {
            self.patience = PATIENCE;
        } else if let Some(left) = self.patience.checked_sub(1) {
            self.patience = left;
        } else {
            while self.waits_in_vain() {
                self.pass_hole(Hole::Missing, self.acknowledged_data(), sink);
            }
            self.patience = PATIENCE;
        }
    }

    /// Passes all holes.
    pub fn pass_holes(&mut self, why: Hole, sink: &mut Sink<'_>) {
        while !self.held.is_empty() && !self.is_over() {
            self.pass_hole(why, u64::MAX, sink);
        }
        if self.waits_in_vain() {
            self.pass_hole(why, self.acknowledged_data(), sink);
        } else if let Some(fin) = self.fin.filter(|_| self.hole_of_peer().is_some()) {
            self.pass_hole(why, fin, sink);
        }
    }

    /// Ends it: what is held is passed on, and what is unfinished or was out of place is told.
    pub fn finish(&mut self, sink: &mut Sink<'_>) {
        self.pass_holes(Hole::Missing, sink);
        if !matches!(self.phase, Phase::Ended | Phase::Retired) {
            self.end(End::Unseen, sink);
        }
        let Tally { stray, conflicting, .. } = self.tally;
        if stray > 0 {
            sink.gap(sink.packet, GapKind::Undecodable, stray, out_of_place(stray));
        }
        if conflicting > 0 {
            let detail = format!("{conflicting} bytes were sent again with another content; the first were used");
            sink.gap(sink.packet, GapKind::Undecodable, conflicting, detail);
        }
        self.tally = Tally { stray: 0, conflicting: 0, ..self.tally };
    }

    /// Gives up what it holds, because all streams together hold too much.
    pub fn shed(&mut self, sink: &mut Sink<'_>) {
        self.pass_holes(Hole::GivenUp, sink);
        self.messages.shed(sink);
    }

    /// Whether nothing can come of it any more: it has ended, or none of it is decoded from here on.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Ended | Phase::Retired)
    }

    /// Whether none of it is decoded from here on.
    pub fn is_retired(&self) -> bool {
        self.phase == Phase::Retired
    }

    /// Whether it is not known yet where it begins.
    pub fn is_joining(&self) -> bool {
        self.phase == Phase::Joining
    }

    /// To be called in place of [`Stream::lose_patience`] where nothing is waited for in vain.
    pub fn be_patient(&mut self) {
        self.patience = PATIENCE;
    }

    /// Whether it waits for something.
    pub fn is_waiting(&self) -> bool {
        !self.held.is_empty() || self.waits_in_vain()
    }

    /// What was counted so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Bytes of memory it holds beyond its own size.
    pub fn footprint(&self) -> usize {
        let held = self.held.len().saturating_mul(HELD_COST).saturating_add(self.held_bytes);
        held.saturating_add(self.messages.footprint())
    }

    /// The offset nearest to `next` that has this sequence number.
    fn offset(&self, sequence: u32) -> Option<u64> {
        let origin = self.origin?;
        // Truncation is the point: sequence numbers are offsets modulo 2³².
        #[expect(clippy::cast_possible_truncation)]
        let next = origin.wrapping_add(self.next.wrapping_sub(ORIGIN) as u32);
        self.next.checked_add_signed(i64::from(sequence.wrapping_sub(next).cast_signed()))
    }

    fn start(&mut self, begin: u64, messages: Messages, sink: &mut Sink<'_>) {
        self.begin = begin;
        self.next = begin;
        self.messages = messages;
        self.phase = Phase::Running;
        self.release(&Incoming::NONE, sink);
        self.end_at_fin(sink);
    }

    /// Passes on a segment that begins at or before `next`, in turns with what was held before it came.
    fn in_order(&mut self, start: u64, payload: &[u8], cut_end: u64, sink: &mut Sink<'_>) {
        let incoming = Incoming { start, payload };
        let end = incoming.end();
        while self.next < cut_end {
            let stop = self.first_held().map_or(cut_end, |held| held.min(cut_end));
            if self.next >= stop {
                self.release_first(&incoming, sink);
            } else if self.next < end {
                let stop = stop.min(end);
                let piece = incoming.between(self.next, stop);
                self.next = stop;
                self.messages.feed(piece, sink.packet, sink);
            } else {
                let cut = stop.saturating_sub(self.next);
                self.next = stop;
                self.messages.hole(cut, Hole::Cut, sink);
            }
        }
        self.release(&incoming, sink);
        self.end_at_fin(sink);
    }

    /// Passes on what is held and now in order.
    fn release(&mut self, incoming: &Incoming<'_>, sink: &mut Sink<'_>) {
        while self.first_held().is_some_and(|offset| offset <= self.next) {
            self.release_first(incoming, sink);
        }
    }

    fn release_first(&mut self, incoming: &Incoming<'_>, sink: &mut Sink<'_>) {
        let Some((offset, held)) = self.held.pop_first() else { return };
        self.held_bytes = self.held_bytes.saturating_sub(held.bytes.len());
        self.tally.conflicting = self.tally.conflicting.saturating_add(incoming.differing(offset, &held.bytes));
        let own = Incoming { start: offset, payload: &held.bytes };
        let end = own.end();
        if end > self.next {
            let fresh = own.between(self.next, end);
            self.next = end;
            self.messages.feed(fresh, held.packet, sink);
        }
        let cut_end = end.saturating_add(u64::from(held.cut));
        let cut_end = self.first_held().map_or(cut_end, |next| next.min(cut_end));
        if let Some(cut) = cut_end.checked_sub(self.next).filter(|_| held.cut > 0) {
            self.next = cut_end;
            self.messages.hole(cut, Hole::Cut, sink);
        }
    }

    /// Holds the parts of a segment that are not held yet.
    fn hold(&mut self, start: u64, payload: &[u8], cut: u32, packet: PacketId) {
        let incoming = Incoming { start, payload };
        let end = incoming.end();
        let mut at = start;
        while at < end {
            if let Some((&offset, held)) = self.held.range(..=at).next_back() {
                let covered = offset.saturating_add(length(&held.bytes));
                if covered > at {
                    let differing = incoming.differing(offset, &held.bytes);
                    self.tally.conflicting = self.tally.conflicting.saturating_add(differing);
                    at = covered;
                    continue;
                }
            }
            let after = (Bound::Excluded(at), Bound::Unbounded);
            let stop = self.held.range(after).next().map_or(end, |(&offset, _)| offset.min(end));
            let bytes: Box<[u8]> = incoming.between(at, stop).into();
            self.held_bytes = self.held_bytes.saturating_add(bytes.len());
            self.held.insert(at, Held { bytes, cut: if stop == end { cut } else { 0 }, packet });
            at = stop;
        }
        if payload.is_empty() {
            self.held.entry(start).or_insert_with(|| Held { bytes: Box::default(), cut, packet });
        }
    }

    /// Passes holes until another segment can be held.
    fn make_room(&mut self, size: usize, sink: &mut Sink<'_>) {
        while !self.held.is_empty()
            && !self.is_over()
            && (self.held.len() >= MAX_HELD_SEGMENTS || self.held_bytes.saturating_add(size) > MAX_HELD_BYTES)
        {
            self.pass_hole(Hole::GivenUp, u64::MAX, sink);
        }
    }

    /// Passes the first hole, up to `limit` at most.
    fn pass_hole(&mut self, why: Hole, limit: u64, sink: &mut Sink<'_>) {
        if self.phase == Phase::Joining {
            if let Some(first) = self.first_held() {
                self.start(first, Messages::from_the_middle(), sink);
            }
            return;
        }
        let stop = self.first_held().unwrap_or(limit).min(limit);
        let of_peer = self.hole_of_peer().filter(|_| why == Hole::Missing);
        if let Some(size) = stop.checked_sub(self.next) {
            self.next = stop;
            if let (Some(_), Some(asked)) = (of_peer, &mut self.asked_for) {
                asked.passed = Some(size);
                self.messages.hole(size, Hole::NotReceived, sink);
            } else {
                self.tally.missing = self.tally.missing.saturating_add(size);
                self.messages.hole(size, why, sink);
            }
        }
        self.release(&Incoming::NONE, sink);
        self.end_at_fin(sink);
    }

    fn end_at_fin(&mut self, sink: &mut Sink<'_>) {
        if self.messages.is_done() {
            self.phase = Phase::Retired;
            self.held = BTreeMap::new();
            self.held_bytes = 0;
            self.tally.stray = 0;
        }
        if self.phase == Phase::Running && self.fin.is_some_and(|fin| self.next >= fin) {
            self.end(End::Fin, sink);
        }
    }

    fn end(&mut self, end: End, sink: &mut Sink<'_>) {
        self.messages.end(end, sink);
        self.phase = Phase::Ended;
        let held = self.held_bytes as u64;
        self.stray(held);
        self.held = BTreeMap::new();
        self.held_bytes = 0;
    }

    fn stray(&mut self, bytes: u64) {
        self.tally.stray = self.tally.stray.saturating_add(bytes);
    }

    fn first_held(&self) -> Option<u64> {
        self.held.first_key_value().map(|(&offset, _)| offset)
    }

    /// Offset up to which the peer acknowledged data.
    fn acknowledged_data(&self) -> u64 {
        self.fin.map_or(self.acknowledged, |fin| fin.min(self.acknowledged))
    }

    /// Whether it waits for what is not expected to come any more.
    pub(super) fn waits_in_vain(&self) -> bool {
        match self.phase {
            Phase::Joining => !self.held.is_empty(),
            Phase::Running => match self.acknowledged_data().checked_sub(self.next) {
                None | Some(0) => false,
                // One more than the data is what a FIN takes, and it may be the FIN that is missing.
                Some(1) => self.fin.is_some() || !self.held.is_empty(),
                Some(_) => true,
            },
            Phase::Ended | Phase::Retired => false,
        }
    }
}

/// A segment's bytes by offset.
struct Incoming<'a> {
    start: u64,
    payload: &'a [u8],
}

impl<'a> Incoming<'a> {
    const NONE: Incoming<'static> = Incoming { start: 0, payload: &[] };

    fn end(&self) -> u64 {
        self.start.saturating_add(length(self.payload))
    }

    /// The bytes from offset `from` to offset `to`, as far as it has them.
    fn between(&self, from: u64, to: u64) -> &'a [u8] {
        let place = |offset: u64| {
            usize::try_from(offset.saturating_sub(self.start))
                .map_or(self.payload.len(), |at| at.min(self.payload.len()))
        };
        self.payload.get(place(from)..place(to)).unwrap_or_default()
    }

    /// Bytes that differ from `other`, which begins at `offset`, where the two overlap.
    fn differing(&self, offset: u64, other: &[u8]) -> u64 {
        let other = Incoming { start: offset, payload: other };
        let (from, to) = (self.start.max(other.start), self.end().min(other.end()));
        if from >= to {
            return 0;
        }
        let pairs = self.between(from, to).iter().zip(other.between(from, to));
        pairs.filter(|(a, b)| a != b).count() as u64
    }
}
