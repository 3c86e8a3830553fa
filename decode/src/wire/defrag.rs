//! IP fragments to whole packets, within limits.
//!
//! In: fragments in arrival order. Out: the payload they make up, when the last of them is there, or, at a tick,
//! gaps for what never came together. Only fragments cost memory, and no more than they brought: what is
//! kept is what was captured, not the length that a header claims.
//!
//! Where fragments overlap, the bytes that came first stay, and where they disagree it is told. Systems differ here
//! (RFC 5722 has them drop the datagram); no honest sender makes such fragments.
//!
//! Sources: RFC 791 §3.2, RFC 8200 §4.5.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, VecDeque},
    net::IpAddr,
};

use capture::{CaptureTime, Packet};
use etherparse::{IpNumber, ip_number};

use super::{
    WireCounters, decoded_as, gap,
    ip::{Fault, Fragment, Ip, extensions},
    transport::{Whole, path},
};
use crate::{Event, GapKind, Path, Protocol, Seen};

/// Datagrams of which some fragments have come.
#[derive(Debug, Default)]
pub(super) struct Defrag {
    /// By the order in which their first fragments came; so gaps come in that order too.
    open: BTreeMap<u64, Partial>,
    /// Key of the next one in `open`.
    next: u64,
    /// Where in `open` a datagram is.
    index: HashMap<Key, u64>,
    /// Those completed last, so that a second copy of their fragments (a mirror port often gives two of each
    /// packet) is not taken for the beginning of a new datagram.
    recent: VecDeque<Partial>,
    /// Given up since the last tick because of our limits.
    given_up: Option<GivenUp>,
}

/// What the fragments of one datagram have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    id: u32,
    /// 0 in IPv6, where only the first fragment's counts and the others' may differ.
    protocol: u8,
}

/// A datagram that is not whole yet.
#[derive(Debug)]
struct Partial {
    key: Key,
    /// By the first fragment; until that is there, by any.
    protocol: IpNumber,
    seen: Seen,
    began: CaptureTime,
    /// Length of the whole payload; known from the last fragment.
    total: Option<u32>,
    /// Without overlap, by where they begin.
    pieces: BTreeMap<u32, Piece>,
    /// Sum of their lengths.
    covered: u32,
    /// Bytes in which fragments disagreed.
    disagreeing: u32,
}

/// Bytes of a datagram.
#[derive(Debug)]
struct Piece {
    /// As sent.
    length: u32,
    /// As far as captured.
    bytes: Box<[u8]>,
}

/// Datagrams given up because of our limits.
#[derive(Debug)]
struct GivenUp {
    seen: Seen,
    datagrams: u64,
    bytes: u64,
}

impl Defrag {
    /// Takes a fragment; answers with the whole payload if it was the last one missing.
    pub(super) fn push<'b>(
        &mut self,
        packet: &Packet<'_>,
        ip: &Ip<'b>,
        fragment: Fragment,
        counters: &mut WireCounters,
        gaps: &mut Vec<Event>,
    ) -> Option<Whole<'b>> {
        let length = u32::try_from(ip.payload.len()).ok().and_then(|held| held.checked_add(ip.missing));
        let end = length.and_then(|length| length.checked_add(fragment.offset));
        let (Some(length), Some(end)) = (length, end) else {
            counters.undecodable += 1;
            return None;
        };
        // Offsets count units of eight bytes, so only the last fragment may end between two.
        if length == 0 || end > MAX_DATAGRAM || (fragment.more && end % 8 != 0) {
            counters.undecodable += 1;
            return None;
        }
        let version_6 = ip.source.is_ipv6();
        let key = Key {
            source: ip.source,
            destination: ip.destination,
            id: fragment.id,
            protocol: if version_6 { 0 } else { ip.protocol.0 },
        };
        counters.fragments += 1;
        let repeated = |partial: &Partial| partial.key == key && partial.holds(fragment.offset, ip.payload);
        if !self.index.contains_key(&key) && self.recent.iter().any(repeated) {
            counters.fragments_repeated += 1;
            return None;
        }
        let order = match self.index.get(&key) {
            Some(&order) => order,
            None => self.open(key, packet, ip.protocol, counters),
        };
        let partial = self.open.get_mut(&order)?;
        partial.seen.last = packet.id;
        partial.seen.at = packet.at;
        if fragment.offset == 0 {
            partial.protocol = ip.protocol;
        }
        partial.insert(fragment, end, ip.payload, counters);
        if partial.pieces.len() > MAX_FRAGMENTS {
            self.give_up(order, packet, counters);
            return None;
        }
        if partial.total != Some(partial.covered) {
            return None;
        }
        let partial = self.close(order)?;
        counters.datagrams_rebuilt += 1;
        let whole = partial.assemble();
        if partial.disagreeing > 0 && partial.matters() {
            gaps.push(gap(
                partial.seen,
                partial.path(),
                GapKind::Undecodable,
                Protocol::Ip,
                u64::from(partial.disagreeing),
                "fragments of one datagram overlap and disagree; what came first was kept",
            ));
        }
        if self.recent.len() >= RECENT_DATAGRAMS {
            self.recent.pop_front();
        }
        self.recent.push_back(partial);
        match whole {
            Ok(whole) => Some(whole),
            Err(Fault::Cut) => {
                counters.headers_cut += 1;
                None
            }
            Err(Fault::Damaged) => {
                counters.undecodable += 1;
                None
            }
        }
    }

    /// Gives up what has waited for [`FRAGMENT_TIMEOUT`].
    pub(super) fn tick(&mut self, now: CaptureTime, counters: &mut WireCounters, gaps: &mut Vec<Event>) {
        self.expire(|partial| now.since(partial.began) >= FRAGMENT_TIMEOUT, counters, gaps);
    }

    /// Gives up everything.
    pub(super) fn finish(&mut self, counters: &mut WireCounters, gaps: &mut Vec<Event>) {
        self.expire(|_| true, counters, gaps);
        self.recent.clear();
    }

    fn expire(&mut self, due: impl Fn(&Partial) -> bool, counters: &mut WireCounters, gaps: &mut Vec<Event>) {
        if let Some(given_up) = self.given_up.take() {
            let detail = format!("{} fragmented datagrams were too many or in too many parts", given_up.datagrams);
            gaps.push(gap(given_up.seen, None, GapKind::LimitReached, Protocol::Ip, given_up.bytes, &detail));
        }
        let due: Vec<u64> = self.open.iter().filter(|(_, partial)| due(partial)).map(|(&order, _)| order).collect();
        for order in due {
            let Some(partial) = self.close(order) else { continue };
            counters.datagrams_incomplete += 1;
            if !partial.matters() {
                continue;
            }
            let missing = partial.total.map_or(0, |total| total.saturating_sub(partial.covered));
            let detail = match partial.total {
                Some(_) => format!("{} bytes came in fragments, the others did not", partial.covered),
                None => format!("{} bytes came in fragments, the last did not", partial.covered),
            };
            gaps.push(gap(partial.seen, partial.path(), GapKind::Missing, Protocol::Ip, u64::from(missing), &detail));
        }
    }

    /// Opens a new datagram. When there are too many, the oldest goes: most fragments follow each other closely.
    fn open(&mut self, key: Key, packet: &Packet<'_>, protocol: IpNumber, counters: &mut WireCounters) -> u64 {
        while let Some((&oldest, _)) =
            self.open.first_key_value().filter(|_| self.open.len() >= MAX_FRAGMENTED_DATAGRAMS)
        {
            self.give_up(oldest, packet, counters);
        }
        let order = self.next;
        self.next += 1;
        let partial = Partial {
            key,
            protocol,
            seen: Seen::in_packet(packet.id, packet.at),
            began: packet.at,
            total: None,
            pieces: BTreeMap::new(),
            covered: 0,
            disagreeing: 0,
        };
        self.open.insert(order, partial);
        self.index.insert(key, order);
        order
    }

    fn give_up(&mut self, order: u64, packet: &Packet<'_>, counters: &mut WireCounters) {
        let Some(partial) = self.close(order) else { return };
        counters.datagrams_given_up += 1;
        let given_up = self.given_up.get_or_insert_with(|| GivenUp {
            seen: Seen::in_packet(packet.id, packet.at),
            datagrams: 0,
            bytes: 0,
        });
        given_up.seen.last = packet.id;
        given_up.seen.at = packet.at;
        given_up.datagrams += 1;
        given_up.bytes += u64::from(partial.covered);
    }

    fn close(&mut self, order: u64) -> Option<Partial> {
        let partial = self.open.remove(&order)?;
        self.index.remove(&partial.key);
        Some(partial)
    }
}

impl Partial {
    /// Whether a fragment that begins at `offset` brought just these bytes.
    fn holds(&self, offset: u32, bytes: &[u8]) -> bool {
        self.pieces.get(&offset).is_some_and(|piece| *piece.bytes == *bytes)
    }

    /// Adds a fragment that ends at `end`, and of which `held` was captured, where nothing is yet.
    fn insert(&mut self, fragment: Fragment, end: u32, held: &[u8], counters: &mut WireCounters) {
        let start = fragment.offset;
        let end = self.bound(fragment, end);
        // Pieces do not overlap, so those that touch this one stand in a row.
        let touched: Vec<(u32, u32)> = (self.pieces.range(..end).rev())
            .map(|(&begin, piece)| (begin, begin.saturating_add(piece.length)))
            .take_while(|&(_, piece_end)| piece_end > start)
            .collect();
        let disagreeing: u32 = touched.iter().map(|&(begin, _)| self.disagreement(begin, start, end, held)).sum();
        self.disagreeing = self.disagreeing.saturating_add(disagreeing);
        let before = self.covered;
        let mut from = start;
        for &(begin, piece_end) in touched.iter().rev() {
            self.add(from, begin, start, held);
            from = from.max(piece_end);
        }
        self.add(from, end, start, held);
        if !touched.is_empty() {
            if self.covered == before && disagreeing == 0 {
                counters.fragments_repeated += 1;
            } else {
                counters.fragments_overlapping += 1;
            }
        }
    }

    /// Learns the length of the whole from a fragment, and answers where that fragment may end.
    ///
    /// A fragment that contradicts what came before is told of, and changes nothing.
    fn bound(&mut self, fragment: Fragment, end: u32) -> u32 {
        let reached = self.pieces.last_key_value().map_or(0, |(&begin, piece)| begin.saturating_add(piece.length));
        match self.total {
            Some(total) => {
                if end > total || (!fragment.more && end < total) {
                    self.disagreeing = self.disagreeing.saturating_add(end.abs_diff(total));
                }
                end.min(total)
            }
            None if fragment.more => end,
            None if reached > end => {
                self.disagreeing = self.disagreeing.saturating_add(reached.saturating_sub(end));
                end
            }
            None => {
                self.total = Some(end);
                end
            }
        }
    }

    /// In how many bytes the piece at `begin` and a fragment's `held`, from `start` up to `end`, differ.
    fn disagreement(&self, begin: u32, start: u32, end: u32, held: &[u8]) -> u32 {
        let Some(piece) = self.pieces.get(&begin) else { return 0 };
        let from = begin.max(start);
        let to = begin.saturating_add(piece.length).min(end);
        let old = between(&piece.bytes, from.saturating_sub(begin), to.saturating_sub(begin));
        let new = between(held, from.saturating_sub(start), to.saturating_sub(start));
        let differing = old.iter().zip(new).filter(|(old, new)| old != new).count();
        u32::try_from(differing).unwrap_or(u32::MAX)
    }

    /// Adds the part between `from` and `to` of a fragment that begins at `start`. Nothing when it is empty.
    fn add(&mut self, from: u32, to: u32, start: u32, held: &[u8]) {
        let Some(length) = to.checked_sub(from).filter(|&length| length > 0) else { return };
        let bytes = between(held, from.saturating_sub(start), to.saturating_sub(start));
        self.pieces.insert(from, Piece { length, bytes: bytes.into() });
        self.covered = self.covered.saturating_add(length);
    }

    /// The payload of the whole, as far as it was captured without a hole.
    fn assemble(&self) -> Result<Whole<'static>, Fault> {
        let mut bytes = Vec::new();
        for piece in self.pieces.values() {
            bytes.extend_from_slice(&piece.bytes);
            if u32::try_from(piece.bytes.len()) != Ok(piece.length) {
                break;
            }
        }
        let missing = self.covered.saturating_sub(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        // Headers that may stand between the fragment header and the transport.
        let (protocol, rest, nested) = extensions(self.key.source.is_ipv6(), self.protocol, &bytes, missing)?;
        if nested.is_some() {
            return Err(Fault::Damaged);
        }
        let headers = bytes.len().saturating_sub(rest.len());
        bytes.drain(..headers);
        Ok(Whole {
            packet: self.seen.last,
            first: self.seen.first,
            at: self.seen.at,
            source: self.key.source,
            destination: self.key.destination,
            protocol,
            payload: Cow::Owned(bytes),
            missing,
        })
    }

    /// From whom to whom; ports 0 when the first fragment did not come.
    fn path(&self) -> Option<Path> {
        let head = self.pieces.get(&0).map(|piece| &*piece.bytes);
        path(self.key.source, self.key.destination, self.protocol, head)
    }

    /// Whether it may have held a message that is decoded. Without the first fragment, any TCP or UDP may.
    fn matters(&self) -> bool {
        let may_carry = matches!(self.protocol, ip_number::TCP | ip_number::UDP);
        may_carry && (!self.pieces.contains_key(&0) || self.path().as_ref().and_then(decoded_as).is_some())
    }
}

/// The bytes from `from` up to `to`, or as many of them as there are.
fn between(bytes: &[u8], from: u32, to: u32) -> &[u8] {
    let place = |offset| usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
    bytes.get(place(from)..place(to)).unwrap_or_default()
}

/// Datagrams in the making at one time. Times [`MAX_DATAGRAM`], it is the memory that hostile fragments can take:
/// 64 MiB. Honest ones are whole within milliseconds, so a busy link has a few dozen.
pub(super) const MAX_FRAGMENTED_DATAGRAMS: usize = 1024;

/// The longest payload that fragments can make up, by the length field of IP.
const MAX_DATAGRAM: u32 = 65_535;

/// Pieces of one datagram. The longest takes 119 fragments where the path carries 576 bytes, the least that IPv4 hosts
/// must accept; four times that leaves room for odd paths.
const MAX_FRAGMENTS: usize = 512;

/// How long a datagram may take, in nanoseconds of capture time: 30 s, as Linux has it (`ipfrag_time`). RFC 8200 §4.5
/// has 60 s.
const FRAGMENT_TIMEOUT: i64 = 30 * CaptureTime::SECOND;

/// Completed datagrams remembered. Copies made by a mirror port come within a few packets.
const RECENT_DATAGRAMS: usize = 64;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use capture::{CaptureTime, LinkType, Packet, PacketId};
    use etherparse::ip_number;

    use super::{Defrag, FRAGMENT_TIMEOUT, MAX_FRAGMENTED_DATAGRAMS, MAX_FRAGMENTS, Whole};
    use crate::{
        Event, Gap, GapKind, Message, Path,
        wire::{
            WireCounters,
            ip::{Fragment, Ip},
        },
    };

    #[derive(Default)]
    struct Bench {
        defrag: Defrag,
        counters: WireCounters,
        gaps: Vec<Event>,
        arrival: u64,
    }

    impl Bench {
        fn push(&mut self, id: u32, offset: u32, more: bool, payload: &[u8], missing: u32) -> Option<Whole<'static>> {
            let number = self.arrival + 1;
            let packet = Packet {
                id: PacketId { arrival: self.arrival, number, ..PacketId::FIRST },
                at: CaptureTime(0),
                link: LinkType::RAW,
                wire_len: 0,
                bytes: &[],
            };
            self.arrival += 1;
            let fragment = Fragment { id, offset, more };
            let ip = Ip {
                source: Ipv4Addr::new(10, 0, 0, 1).into(),
                destination: Ipv4Addr::new(10, 0, 0, 2).into(),
                protocol: ip_number::UDP,
                payload,
                missing,
                fragment: Some(fragment),
            };
            let whole = self.defrag.push(&packet, &ip, fragment, &mut self.counters, &mut self.gaps)?;
            Some(Whole { payload: whole.payload.into_owned().into(), ..whole })
        }

        fn tick(&mut self, now: i64) {
            self.defrag.tick(CaptureTime(now), &mut self.counters, &mut self.gaps);
        }

        fn gap(&self) -> &Gap {
            match self.gaps.as_slice() {
                [Event { message: Message::Gap(gap), .. }] => gap,
                other => panic!("{other:?}"),
            }
        }
    }

    fn route(path: Path) -> String {
        format!("{} > {}", path.source, path.destination)
    }

    /// UDP 49152 → 88 and three more bytes, in three fragments.
    const PARTS: [(u32, bool, [u8; 8], usize); 3] = [
        (0, true, [0xc0, 0, 0, 88, 0, 19, 0, 0], 8),
        (8, true, [1, 2, 3, 4, 5, 6, 7, 8], 8),
        (16, false, [9, 10, 11, 0, 0, 0, 0, 0], 3),
    ];

    #[test]
    fn any_order_gives_the_same_datagram() {
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let mut bench = Bench::default();
            let mut whole = None;
            for index in order {
                let (offset, more, bytes, length) = PARTS[index];
                assert!(whole.is_none());
                whole = bench.push(1, offset, more, &bytes[..length], 0);
            }
            let whole = whole.unwrap();
            assert_eq!(*whole.payload, [0xc0, 0, 0, 88, 0, 19, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
            assert_eq!((whole.first.number, whole.packet.number, whole.missing), (1, 3, 0));
            bench.tick(i64::MAX);
            assert!(bench.gaps.is_empty());
        }
    }

    #[test]
    fn copies_of_fragments_change_nothing() {
        let mut bench = Bench::default();
        let mut wholes = 0;
        for (offset, more, bytes, length) in PARTS {
            wholes += usize::from(bench.push(1, offset, more, &bytes[..length], 0).is_some());
            wholes += usize::from(bench.push(1, offset, more, &bytes[..length], 0).is_some());
        }
        bench.tick(i64::MAX);
        assert_eq!((wholes, bench.counters.fragments_repeated, bench.gaps.len()), (1, 3, 0));
    }

    #[test]
    fn an_identification_used_again_is_a_new_datagram() {
        let mut bench = Bench::default();
        for round in 0..3 {
            assert!(bench.push(1, 0, true, &[round; 8], 0).is_none());
            assert_eq!(*bench.push(1, 8, false, &[round; 4], 0).unwrap().payload, [round; 12]);
        }
    }

    #[test]
    fn overlap_keeps_what_came_first_and_is_told() {
        let mut bench = Bench::default();
        let head = [PARTS[0].2, [2; 8]].concat();
        assert!(bench.push(1, 8, true, &[1; 8], 0).is_none());
        assert!(bench.push(1, 0, true, &head, 0).is_none());
        let whole = bench.push(1, 8, false, &[3; 12], 0).unwrap();
        assert_eq!(*whole.payload, [PARTS[0].2.as_slice(), &[1; 8], &[3; 4]].concat());
        assert_eq!(bench.counters.fragments_overlapping, 2);
        assert_eq!((bench.gap().kind, bench.gap().bytes), (GapKind::Undecodable, 16));
    }

    #[test]
    fn what_the_capture_cut_off_is_missing_from_the_whole() {
        let mut bench = Bench::default();
        assert!(bench.push(1, 0, true, &[1; 16], 0).is_none());
        assert!(bench.push(1, 16, true, &[2; 4], 12).is_none());
        let whole = bench.push(1, 32, false, &[3; 5], 3).unwrap();
        assert_eq!((whole.payload.len(), whole.missing), (20, 20));
    }

    #[test]
    fn what_never_came_is_a_gap_at_the_tick() {
        let mut bench = Bench::default();
        bench.push(1, 0, true, &PARTS[0].2, 0);
        bench.push(1, 16, false, &[1; 3], 0);
        bench.tick(FRAGMENT_TIMEOUT - 1);
        assert!(bench.gaps.is_empty());
        bench.tick(FRAGMENT_TIMEOUT);
        assert_eq!((bench.gap().kind, bench.gap().bytes), (GapKind::Missing, 8));
        assert_eq!(route(bench.gaps[0].path.unwrap()), "10.0.0.1:49152 > 10.0.0.2:88");
        assert_eq!((bench.gaps[0].seen.first.number, bench.gaps[0].seen.last.number), (1, 2));
    }

    #[test]
    fn other_peoples_datagrams_are_only_counted() {
        let mut bench = Bench::default();
        bench.push(1, 0, true, &[0x08, 0x01, 0x08, 0x01, 0, 0, 0, 0], 0);
        bench.tick(i64::MAX);
        assert_eq!((bench.gaps.len(), bench.counters.datagrams_incomplete), (0, 1));
        // But without the first fragment, nobody knows whose it is.
        bench.push(2, 8, true, &[1; 8], 0);
        bench.tick(i64::MAX);
        assert_eq!(bench.gap().kind, GapKind::Missing);
    }

    #[test]
    fn a_flood_stays_within_the_limit_and_is_told_once() {
        let mut bench = Bench::default();
        for id in 0..5000 {
            assert!(bench.push(id, 8, true, &[0; 8], 0).is_none());
            assert!(bench.defrag.open.len() <= MAX_FRAGMENTED_DATAGRAMS);
            assert_eq!(bench.defrag.open.len(), bench.defrag.index.len());
        }
        let limit = u64::try_from(MAX_FRAGMENTED_DATAGRAMS).unwrap();
        assert_eq!(bench.counters.datagrams_given_up, 5000 - limit);
        bench.tick(0);
        assert_eq!((bench.gap().kind, bench.gap().bytes), (GapKind::LimitReached, (5000 - limit) * 8));
    }

    #[test]
    fn too_many_pieces_are_given_up() {
        let mut bench = Bench::default();
        for piece in 0..=u32::try_from(MAX_FRAGMENTS).unwrap() {
            assert!(bench.push(1, piece * 16, true, &[0; 8], 0).is_none());
        }
        assert_eq!((bench.counters.datagrams_given_up, bench.defrag.open.len()), (1, 0));
    }

    #[test]
    fn impossible_fragments_are_counted_not_kept() {
        let mut bench = Bench::default();
        bench.push(1, 65_528, false, &[0; 8], 0);
        bench.push(2, 0, true, &[0; 7], 0);
        bench.push(3, 0, false, &[], 0);
        bench.push(4, 8, true, &[0; 8], u32::MAX);
        assert_eq!((bench.counters.undecodable, bench.defrag.open.len()), (4, 0));
    }

    #[test]
    fn contradicting_ends_never_complete_a_datagram() {
        let mut bench = Bench::default();
        bench.push(1, 0, true, &[0; 16], 0);
        assert!(bench.push(1, 8, false, &[0; 4], 0).is_none());
        bench.tick(i64::MAX);
        assert_eq!(bench.counters.datagrams_incomplete, 1);
    }
}
