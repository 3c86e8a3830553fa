//! Copies of packets: the same packet recorded at several places, each to be counted once.
//!
//! In: IP packets in arrival order. Out: whether one was seen before. It was if all is equal that its way does not
//! change: addresses, identification, transport header and data, but not time to live or checksums, which routers and
//! network cards rewrite. A second copy from the same input counts only if it came at once, as from the components of
//! one machine that a packet passes through (pktmon) or from several interfaces: what is sent again comes later.

use std::{
    collections::{HashMap, VecDeque},
    hash::{DefaultHasher, Hasher},
};

use capture::{CaptureTime, InputId, PacketId};
use etherparse::ip_number;

use super::ip::Ip;

/// Packets seen of late.
#[derive(Debug, Default)]
pub(super) struct Copies {
    seen: HashMap<u64, Seen>,
    /// Their fingerprints and times, oldest first.
    order: VecDeque<(u64, CaptureTime)>,
}

/// A packet, and where it was first seen in each input.
#[derive(Clone, Copy, Debug)]
struct Seen {
    at: CaptureTime,
    places: [Option<(InputId, CaptureTime)>; PLACES],
}

impl Copies {
    /// Whether the packet with this fingerprint is a copy of one seen before.
    pub(super) fn is_copy(&mut self, fingerprint: u64, packet: PacketId, at: CaptureTime) -> bool {
        self.forget(at);
        let here = Some((packet.input, at));
        match self.seen.get_mut(&fingerprint) {
            Some(seen) if at.since(seen.at).abs() <= APART => {
                match seen.places.iter_mut().find(|place| place.is_none_or(|(input, _)| input == packet.input)) {
                    Some(Some((_, first))) if at.since(*first).abs() <= AT_ONCE => return true,
                    // Sent again.
                    Some(Some(_)) => {}
                    Some(place) => {
                        *place = here;
                        return true;
                    }
                    None => return true,
                }
            }
            _ => {}
        }
        let mut places = [None; PLACES];
        if let Some(first) = places.first_mut() {
            *first = here;
        }
        self.seen.insert(fingerprint, Seen { at, places });
        self.order.push_back((fingerprint, at));
        false
    }

    fn forget(&mut self, now: CaptureTime) {
        while let Some(&(fingerprint, at)) = self.order.front() {
            if now.since(at) <= APART && self.order.len() < MAX_REMEMBERED {
                break;
            }
            self.order.pop_front();
            if self.seen.get(&fingerprint).is_some_and(|seen| seen.at == at) {
                self.seen.remove(&fingerprint);
            }
        }
    }
}

/// A number for what stays the same of an IP packet on its way, wherever it is recorded. `bytes` begin with its header.
pub(super) fn fingerprint(bytes: &[u8], ip: &Ip<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    match (ip.source, ip.destination) {
        (std::net::IpAddr::V4(source), std::net::IpAddr::V4(destination)) => {
            hasher.write(&source.octets());
            hasher.write(&destination.octets());
            hasher.write(bytes.get(4..6).unwrap_or_default());
        }
        (source, destination) => {
            for address in [source, destination] {
                if let std::net::IpAddr::V6(address) = address {
                    hasher.write(&address.octets());
                }
            }
        }
    }
    let fragment = ip.fragment.map_or(0, |fragment| u64::from(fragment.id) << 32 | u64::from(fragment.offset));
    hasher.write_u64(fragment);
    hasher.write_u8(ip.protocol.0);
    hasher.write_usize(ip.payload.len().saturating_add(usize::try_from(ip.missing).unwrap_or(usize::MAX)));
    let checksum = match ip.protocol {
        _ if ip.fragment.is_some_and(|fragment| fragment.offset > 0) => 0,
        ip_number::TCP => 16,
        ip_number::UDP => 6,
        _ => 0,
    };
    let start = ip.payload.get(..COMPARED).unwrap_or(ip.payload);
    if checksum == 0 {
        hasher.write(start);
    } else {
        hasher.write(start.get(..checksum).unwrap_or(start));
        hasher.write(start.get(checksum + 2..).unwrap_or_default());
    }
    hasher.finish()
}

/// Inputs of which it is known that they hold a packet. Of more, all others are taken for copies.
const PLACES: usize = 4;

/// How far apart the copies of one packet in two inputs may be, in nanoseconds of capture time, once their clocks are
/// aligned: the longest way through a network.
const APART: i64 = 2 * CaptureTime::SECOND;

/// How far apart copies in one input may be. What passes a machine's network stack takes a fraction of this; nothing is
/// sent again so soon (RFC 6298 §2.4 has a second, Linux 200 ms, tail loss probes 10 ms).
const AT_ONCE: i64 = 2_000_000;

/// Packets remembered: two seconds of 100,000 a second.
const MAX_REMEMBERED: usize = 200_000;

/// Bytes of an IP packet's payload compared. Headers and what distinguishes messages stand in them.
const COMPARED: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ip;

    fn id(input: u16) -> PacketId {
        PacketId { input: InputId(input), ..PacketId::FIRST }
    }

    const MS: i64 = 1_000_000;

    #[test]
    fn each_input_may_hold_a_packet_once_and_its_copies_at_once() {
        let mut copies = Copies::default();
        let mut is_copy = |input, milliseconds: i64| copies.is_copy(7, id(input), CaptureTime(milliseconds * MS));
        assert!(!is_copy(0, 0));
        assert!(is_copy(0, 1));
        assert!(is_copy(1, 30));
        assert!(is_copy(1, 31));
        // Sent again, and that too is recorded twice.
        assert!(!is_copy(0, 1000));
        assert!(is_copy(1, 1030));
        assert!(!is_copy(1, 9000));
    }

    #[test]
    fn memory_is_bounded() {
        let mut copies = Copies::default();
        for n in 0..MAX_REMEMBERED as u64 + 1000 {
            assert!(!copies.is_copy(n, id(0), CaptureTime(0)));
        }
        assert!(copies.order.len() <= MAX_REMEMBERED && copies.seen.len() <= MAX_REMEMBERED);
        assert!(!copies.is_copy(u64::MAX, id(0), CaptureTime(APART + 1)));
        assert_eq!(copies.seen.len(), 1);
    }

    #[test]
    fn only_what_the_way_changes_is_left_out() {
        let mut bytes = vec![0x45, 0, 0, 32, 0x12, 0x34, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        bytes.extend([0xc0, 0, 0, 88, 0, 12, 0xaa, 0xaa, 1, 2, 3, 4]);
        let print = |bytes: &[u8]| fingerprint(bytes, &ip::read(bytes, bytes.len()).unwrap());
        let original = print(&bytes);
        // Time to live, header checksum, UDP checksum.
        for at in [8, 10, 11, 26, 27] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(print(&changed), original, "{at}");
        }
        for at in [4, 5, 12, 19, 21, 23, 28, 31] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_ne!(print(&changed), original, "{at}");
        }
    }
}
