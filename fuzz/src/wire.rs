//! `wire`: frames of any link type, one after the other, so that fragments can meet.

use capture::{CaptureTime, InputId, LinkType, Packet, PacketId};
use decode::wire::{Unit, Wire, WireCounters};

use super::{check, input::Input};

/// Link types by their number in an input; the last is one that is not read.
pub(crate) const LINKS: [LinkType; 24] = [
    LinkType::ETHERNET,
    LinkType::NULL,
    LinkType::RAW,
    LinkType::RAW_BSD,
    LinkType::LOOP,
    LinkType::LINUX_SLL,
    LinkType::LINUX_SLL2,
    LinkType::IPV4,
    LinkType::IPV6,
    LinkType::C_HDLC,
    LinkType::PPP_ETHER,
    LinkType::IEEE802_11,
    LinkType::IEEE802_11_RADIOTAP,
    LinkType::PPI,
    LinkType::PKTAP,
    LinkType::USER2,
    LinkType::NFLOG,
    LinkType::PFLOG,
    LinkType::IPOIB,
    LinkType::JUNIPER_ETHER,
    LinkType::DSA_BROADCOM_PREPENDED,
    LinkType::DSA_MARVELL,
    LinkType::DSA_MARVELL_TYPED,
    LinkType(147),
];

/// The input is a series of frames: the place of its link type in `LINKS`, seconds since the frame before, bytes that
/// the snap length cut off, its length as two bytes, and the frame.
pub fn run(bytes: &[u8]) {
    assert_eq!(read(bytes), read(bytes));
}

/// A frame as [`run`] reads it.
pub(crate) fn written(link: LinkType, seconds: u8, frame: &[u8]) -> Vec<u8> {
    let place = LINKS.iter().position(|known| *known == link).unwrap_or(LINKS.len() - 1);
    let size = u16::try_from(frame.len()).unwrap_or(u16::MAX);
    let head = [u8::try_from(place).unwrap_or_default(), seconds, 0];
    [&head, &size.to_le_bytes()[..], &frame[..usize::from(size)]].concat()
}

fn read(bytes: &[u8]) -> (Vec<String>, WireCounters) {
    let mut input = Input(bytes);
    let mut wire = Wire::new();
    let mut told = Vec::new();
    let (mut second, mut number) = (1_700_000_000, 0);
    while !input.is_empty() {
        let link = LINKS[usize::from(input.u8()) % LINKS.len()];
        let (seconds, cut) = (i64::from(input.u8()), u32::from(input.u8()));
        let size = usize::from(input.u16());
        let frame = input.bytes(size);
        let mut gaps = Vec::new();
        if seconds > 0 {
            second += seconds;
            wire.tick(CaptureTime(0).plus_seconds(second), &mut gaps);
            told.extend(gaps.iter().map(check::line));
            gaps.clear();
        }
        let at = CaptureTime(0).plus_seconds(second);
        let id = PacketId { arrival: number, input: InputId(0), number: number + 1 };
        number += 1;
        let wire_len = u32::try_from(frame.len()).unwrap_or(u32::MAX).saturating_add(cut);
        let unit = wire.packet(&Packet { id, at, link, wire_len, bytes: frame }, &mut gaps);
        assert!(gaps.len() <= 1, "more than one gap of a packet");
        for gap in &gaps {
            told.push(check::line(gap));
        }
        if let Some(unit) = unit {
            unit_holds(&unit, id);
            told.push(check::shown(&unit));
        }
        assert_eq!(accounted(wire.counters()), wire.counters().packets + wire.counters().datagrams_rebuilt);
    }
    assert_eq!(wire.counters().packets, number);
    let mut gaps = Vec::new();
    wire.finish(&mut gaps);
    told.extend(gaps.iter().map(check::line));
    (told, wire.counters().clone())
}

fn unit_holds(unit: &Unit<'_>, id: PacketId) {
    let (packet, first, path, payload) = match unit {
        Unit::Segment(segment) => (segment.packet, segment.packet, segment.path, segment.payload.len()),
        Unit::Datagram(datagram) => (datagram.packet, datagram.first, datagram.path, datagram.payload.len()),
        Unit::Unreachable { packet, path, .. } => (*packet, *packet, *path, 0),
    };
    assert_eq!(packet, id);
    assert!(first <= packet);
    assert!(payload <= 0xffff, "more than an IP packet holds");
    let back = decode::Path { source: path.destination, destination: path.source, ..path };
    assert_eq!(path.flow().0, back.flow().0);
}

/// Each packet is in one of these, and a datagram put together from fragments once more.
fn accounted(counters: &WireCounters) -> u64 {
    counters.units
        + counters.unknown_links.values().sum::<u64>()
        + counters.not_ip
        + counters.headers_cut
        + counters.undecodable
        + counters.other_transports
        + counters.too_deep
        + counters.copies
        + counters.fragments
}
