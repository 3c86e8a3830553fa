//! Transport headers: TCP, UDP, and the ICMP messages that say a packet did not arrive.
//!
//! In: the payload of a whole IP packet, borrowed from its batch or put together from fragments. Out: a [`Unit`].
//! Checksums are not verified, as in [`super::ip`], and for the same reason.
//!
//! Sources: RFC 9293 §3.1, RFC 768, RFC 792, RFC 4443 §3.1.

use std::{borrow::Cow, net::IpAddr};

use capture::{CaptureTime, PacketId};
use etherparse::{IpNumber, TcpHeaderSlice, UdpHeaderSlice, ip_number};

use super::{
    Datagram, Segment, Unit,
    ip::{self, Fault},
};
use crate::{Endpoint, Path, Transport, Unreachable};

/// The payload of an IP packet that is whole, and where it came from.
#[derive(Clone, Debug)]
pub(super) struct Whole<'b> {
    /// The packet that completed it, and the first seen of it.
    pub(super) packet: PacketId,
    pub(super) first: PacketId,
    pub(super) at: CaptureTime,
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: IpNumber,
    pub(super) payload: Cow<'b, [u8]>,
    /// Bytes behind `payload` that were sent and are not held.
    pub(super) missing: u32,
}

/// What a payload turned out to be.
#[derive(Clone, Debug)]
pub(super) enum Found<'b> {
    Unit(Unit<'b>),
    /// A transport that is not read here, or an ICMP message of no interest.
    Other,
    /// Not readable; the path if the ports could be.
    Faulty(Fault, Option<Path>),
}

/// Reads the transport header of `whole`.
pub(super) fn read(whole: Whole<'_>) -> Found<'_> {
    match whole.protocol {
        ip_number::TCP => tcp(whole),
        ip_number::UDP => udp(whole),
        ip_number::ICMP => icmp(&whole, ICMP_UNREACHABLE),
        ip_number::IPV6_ICMP => icmp(&whole, ICMPV6_UNREACHABLE),
        _ => Found::Other,
    }
}

/// From whom to whom, as far as the first bytes of a payload tell. Ports are 0 where the transport has none, or where
/// `start`, the payload's first bytes, is `None`. The whole is `None` for transports not read here, and where
/// `start` is too short for ports.
pub(super) fn path(source: IpAddr, destination: IpAddr, protocol: IpNumber, start: Option<&[u8]>) -> Option<Path> {
    let transport = match protocol {
        ip_number::TCP => Transport::Tcp,
        ip_number::UDP => Transport::Udp,
        ip_number::ICMP | ip_number::IPV6_ICMP => Transport::Icmp,
        _ => return None,
    };
    let (from, to) = match (transport, start) {
        (Transport::Icmp, _) | (_, None) => (0, 0),
        (_, Some(start)) => {
            let &[s1, s0, d1, d0] = start.first_chunk::<4>()?;
            (u16::from_be_bytes([s1, s0]), u16::from_be_bytes([d1, d0]))
        }
    };
    Some(Path {
        transport,
        source: Endpoint { address: source, port: from },
        destination: Endpoint { address: destination, port: to },
    })
}

fn tcp(whole: Whole<'_>) -> Found<'_> {
    let sent = sent(&whole);
    let Some(path) = path(whole.source, whole.destination, whole.protocol, Some(&whole.payload)) else {
        return Found::Faulty(fault(&whole), None);
    };
    // The fixed part is enough: when the options were cut off, what the segment did is still told.
    let Some(mut fixed) = whole.payload.first_chunk::<TCP_FIXED>().copied() else {
        return Found::Faulty(fault(&whole), Some(path));
    };
    let [.., offset, flags, _, _, _, _, _, _] = &mut fixed;
    let (header, flags) = (usize::from(*offset >> 4) * 4, *flags);
    // etherparse wants all the options that the offset promises.
    *offset = 0x50;
    let Ok(fields) = TcpHeaderSlice::from_slice(&fixed) else {
        return Found::Faulty(Fault::Damaged, Some(path));
    };
    let Some(sent) = sent.checked_sub(header).filter(|_| header >= TCP_FIXED) else {
        return Found::Faulty(Fault::Damaged, Some(path));
    };
    let (sequence, acknowledgement) = (fields.sequence_number(), fields.acknowledgment_number());
    let payload = part(whole.payload, header, usize::MAX);
    Found::Unit(Unit::Segment(Segment {
        packet: whole.packet,
        at: whole.at,
        path,
        sequence,
        acknowledgement: (flags & TCP_ACK != 0).then_some(acknowledgement),
        flags,
        cut: cut(sent, &payload),
        payload,
    }))
}

fn udp(whole: Whole<'_>) -> Found<'_> {
    let sent = sent(&whole);
    let Some(path) = path(whole.source, whole.destination, whole.protocol, Some(&whole.payload)) else {
        return Found::Faulty(fault(&whole), None);
    };
    let Ok(header) = UdpHeaderSlice::from_slice(&whole.payload) else {
        return Found::Faulty(fault(&whole), Some(path));
    };
    // A length of 0 is a jumbogram's (RFC 2675) or a card's to fill in; one past the packet is nobody's. Both
    // mean: what the IP packet holds.
    let length = match usize::from(header.length()) {
        length if (UDP_HEADER..=sent).contains(&length) => length,
        _ => sent,
    };
    let payload = part(whole.payload, UDP_HEADER, length);
    Found::Unit(Unit::Datagram(Datagram {
        packet: whole.packet,
        first: whole.first,
        at: whole.at,
        path,
        cut: cut(length.saturating_sub(UDP_HEADER), &payload),
        payload,
    }))
}

fn icmp<'b>(whole: &Whole<'b>, unreachable: u8) -> Found<'b> {
    let Some((&[icmp_type, code, ..], quoted)) = whole.payload.split_first_chunk::<8>() else {
        return Found::Faulty(fault(whole), None);
    };
    if icmp_type != unreachable {
        return Found::Other;
    }
    let Some(path) = path(whole.source, whole.destination, whole.protocol, None) else {
        return Found::Other;
    };
    Found::Unit(Unit::Unreachable {
        packet: whole.packet,
        at: whole.at,
        path,
        unreachable: Unreachable { icmp_type, code, about: about(quoted) },
    })
}

/// Between whom the packet quoted by an ICMP message went, in its own direction.
fn about(quoted: &[u8]) -> Option<Path> {
    let ip = ip::read(quoted, quoted.len()).ok()?;
    // Of a later fragment, the first bytes are not ports.
    if ip.fragment.is_some_and(|fragment| fragment.offset > 0) {
        return None;
    }
    path(ip.source, ip.destination, ip.protocol, Some(ip.payload))
}

/// How long the payload was on the wire.
fn sent(whole: &Whole<'_>) -> usize {
    whole.payload.len().saturating_add(usize::try_from(whole.missing).unwrap_or(usize::MAX))
}

/// Payload bytes sent and not held.
fn cut(sent: usize, held: &[u8]) -> u32 {
    u32::try_from(sent.saturating_sub(held.len())).unwrap_or(u32::MAX)
}

/// Why a header is not all there.
fn fault(whole: &Whole<'_>) -> Fault {
    if whole.missing > 0 { Fault::Cut } else { Fault::Damaged }
}

/// The bytes from `start` up to `end`, or as many of them as there are.
fn part(bytes: Cow<'_, [u8]>, start: usize, end: usize) -> Cow<'_, [u8]> {
    match bytes {
        Cow::Borrowed(bytes) => {
            let bytes = bytes.get(..end).unwrap_or(bytes);
            Cow::Borrowed(bytes.get(start..).unwrap_or_default())
        }
        Cow::Owned(mut bytes) => {
            bytes.truncate(end);
            bytes.drain(..start.min(bytes.len()));
            Cow::Owned(bytes)
        }
    }
}

/// Length of a TCP header without options.
const TCP_FIXED: usize = 20;
/// The ACK flag.
const TCP_ACK: u8 = 0x10;
/// Length of a UDP header.
const UDP_HEADER: usize = 8;
/// Destination unreachable, RFC 792.
const ICMP_UNREACHABLE: u8 = 3;
/// Destination unreachable, RFC 4443 §3.1.
const ICMPV6_UNREACHABLE: u8 = 1;

#[cfg(test)]
mod tests {
    use std::{borrow::Cow, net::Ipv4Addr};

    use capture::{CaptureTime, PacketId};
    use etherparse::{IpNumber, ip_number};

    use super::{Found, Whole, read};
    use crate::{
        Path,
        wire::{Datagram, Segment, Unit, ip::Fault},
    };

    fn whole(protocol: IpNumber, payload: &[u8], missing: u32) -> Whole<'_> {
        Whole {
            packet: PacketId::FIRST,
            first: PacketId::FIRST,
            at: CaptureTime(0),
            source: Ipv4Addr::new(10, 0, 0, 1).into(),
            destination: Ipv4Addr::new(10, 0, 0, 2).into(),
            protocol,
            payload: Cow::Borrowed(payload),
            missing,
        }
    }

    fn route(path: Path) -> String {
        format!("{} > {}", path.source, path.destination)
    }

    fn segment(payload: &[u8], missing: u32) -> Segment<'_> {
        match read(whole(ip_number::TCP, payload, missing)) {
            Found::Unit(Unit::Segment(segment)) => segment,
            other => panic!("{other:?}"),
        }
    }

    fn datagram(payload: &[u8], missing: u32) -> Datagram<'_> {
        match read(whole(ip_number::UDP, payload, missing)) {
            Found::Unit(Unit::Datagram(datagram)) => datagram,
            other => panic!("{other:?}"),
        }
    }

    /// Port 49152 → 88, sequence 1, acknowledgement 2, 24 bytes of header, PSH ACK, then "abc".
    const TCP: [u8; 27] =
        [0xc0, 0, 0, 88, 0, 0, 0, 1, 0, 0, 0, 2, 0x60, 0x18, 1, 0, 0, 0, 0, 0, 1, 1, 1, 0, b'a', b'b', b'c'];

    #[test]
    fn tcp_segment() {
        let segment = segment(&TCP, 0);
        assert_eq!(route(segment.path), "10.0.0.1:49152 > 10.0.0.2:88");
        assert_eq!((segment.sequence, segment.acknowledgement, segment.flags), (1, Some(2), 0x18));
        assert_eq!((segment.payload.as_ref(), segment.cut), (b"abc".as_slice(), 0));
    }

    #[test]
    fn every_cut_of_a_tcp_segment_says_what_is_missing() {
        for end in 0..TCP.len() {
            let missing = u32::try_from(TCP.len() - end).unwrap();
            match read(whole(ip_number::TCP, &TCP[..end], missing)) {
                Found::Unit(Unit::Segment(segment)) => {
                    assert!(end >= 20);
                    assert_eq!(segment.payload.len() + segment.cut as usize, 3);
                }
                Found::Faulty(Fault::Cut, path) => assert_eq!(path.is_some(), end >= 4, "{end}"),
                other => panic!("{end}: {other:?}"),
            }
            if end < 24 {
                assert!(matches!(read(whole(ip_number::TCP, &TCP[..end], 0)), Found::Faulty(Fault::Damaged, _)));
            }
        }
    }

    #[test]
    fn tcp_data_offset_is_checked() {
        let mut damaged = TCP;
        for offset in [0x00, 0x40, 0xf0] {
            damaged[12] = offset;
            assert!(matches!(read(whole(ip_number::TCP, &damaged, 0)), Found::Faulty(Fault::Damaged, Some(_))));
        }
    }

    #[test]
    fn udp_length_rules_unless_it_cannot() {
        let with_length = |length: u8| [0xc0, 0, 0, 53, 0, length, 0, 0, 1, 2, 3, 4];
        for (length, held) in [(10, 2), (12, 4), (8, 0), (0, 4), (7, 4), (200, 4)] {
            let bytes = with_length(length);
            let datagram = datagram(&bytes, 0);
            assert_eq!((datagram.payload.len(), datagram.cut), (held, 0), "{length}");
        }
        // 4 of 14 bytes held.
        assert_eq!(datagram(&with_length(22), 10).cut, 10);
        assert_eq!(datagram(&with_length(20), 10).cut, 8);
        assert!(matches!(
            read(whole(ip_number::UDP, &with_length(22)[..7], 15)),
            Found::Faulty(Fault::Cut, Some(Path { .. }))
        ));
    }

    #[test]
    fn unreachable_names_the_flow_that_failed() {
        let mut bytes = vec![3, 3, 0, 0, 0, 0, 0, 0];
        // The quoted packet: UDP 10.0.0.2:88 → 10.0.0.1:49152, its first eight bytes of payload.
        bytes.extend([0x45, 0, 0, 200, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1]);
        bytes.extend([0, 88, 0xc0, 0, 0, 180, 0, 0]);
        let about = |bytes: &[u8]| match read(whole(ip_number::ICMP, bytes, 0)) {
            Found::Unit(Unit::Unreachable { unreachable, path, .. }) => {
                assert_eq!((unreachable.icmp_type, unreachable.code), (3, 3));
                assert_eq!(route(path), "10.0.0.1:0 > 10.0.0.2:0");
                unreachable.about
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(route(about(&bytes).unwrap()), "10.0.0.2:88 > 10.0.0.1:49152");
        assert_eq!(about(&bytes[..31]), None);
        assert_eq!(about(&bytes[..8]), None);
        // A later fragment has no ports.
        bytes[8 + 7] = 1;
        assert_eq!(about(&bytes), None);
        assert!(matches!(read(whole(ip_number::ICMP, &[8, 0, 0, 0, 0, 0, 0, 0], 0)), Found::Other));
    }
}
