//! Tunnels: packets inside IP packets.
//!
//! In: the payload of a whole IP packet. Out: what is inside it, if it is a tunnel that is looked into: IP in IP and
//! 6in4, GRE with IP, Ethernet, PPP, MPLS or ERSPAN in it, MPLS in IP, VXLAN and GENEVE. Those over UDP are known by
//! their port and by a header that nothing else begins with.
//!
//! Sources: RFC 2003, RFC 4213 §3, RFC 2784, RFC 2890, RFC 2637 §4.1 (PPTP), draft-foschiano-erspan-03, RFC 4023,
//! RFC 7348 §5, RFC 8926 §3.4.

use etherparse::{IpNumber, ip_number};

use super::{
    link::{ETHER_IPV4, ETHER_IPV6, Next, Payload, strip_all},
    unread::Unread,
};

/// What the tunnel in `payload` carries, with whatever the tunnel adds behind it; `None` if it is no tunnel.
#[inline]
pub(super) fn inside(protocol: IpNumber, payload: &[u8]) -> Option<Payload<'_>> {
    match protocol {
        ip_number::UDP => match payload {
            [_, _, high, low, ..] => over_udp(u16::from_be_bytes([*high, *low]), payload),
            _ => None,
        },
        ip_number::IPV4 | ip_number::IPV6 => Some(Payload::Ip(payload)),
        ip_number::GRE => Some(gre(payload)),
        MPLS_IN_IP => Some(strip_all(Next::Mpls, payload)),
        _ => None,
    }
}

#[inline]
fn over_udp(port: u16, payload: &[u8]) -> Option<Payload<'_>> {
    match port {
        VXLAN | VXLAN_LINUX => match payload.get(UDP_HEADER..)? {
            // Flags with only the mark of a valid network identifier, which follows; the rest is reserved.
            [8, 0, 0, 0, _, _, _, 0, frame @ ..] => Some(strip_all(Next::Ethernet, frame)),
            _ => None,
        },
        GENEVE => match payload.get(UDP_HEADER..)? {
            // Version 0, length of the options, flags, EtherType, network identifier, reserved.
            &[options @ 0..0x40, flags, high, low, _, _, _, 0, ref rest @ ..] if flags & GENEVE_RESERVED == 0 => {
                match rest.get(usize::from(options) * 4..) {
                    Some(rest) => Some(strip_all(Next::EtherType(u16::from_be_bytes([high, low])), rest)),
                    None => Some(Payload::Short),
                }
            }
            _ => None,
        },
        _ => None,
    }
}

fn gre(bytes: &[u8]) -> Payload<'_> {
    let Some((&[flags, version, high, low], rest)) = bytes.split_first_chunk::<4>() else { return Payload::Short };
    let protocol = u16::from_be_bytes([high, low]);
    let has = |flag: u8| flags & flag != 0;
    // Fields of four bytes each, present as the flags say. Source routes were never in use (RFC 2784 §2.3).
    let fields = match version & 7 {
        0 if has(GRE_ROUTING) => return Payload::Other(Unread::Gre(protocol)),
        0 => usize::from(has(GRE_CHECKSUM)) + usize::from(has(GRE_KEY)) + usize::from(has(GRE_SEQUENCE)),
        // PPTP: without a sequence number there is no data, only an acknowledgement.
        1 if has(GRE_KEY) && has(GRE_SEQUENCE) => 2 + usize::from(version & PPTP_ACKNOWLEDGEMENT != 0),
        _ => return Payload::Other(Unread::Gre(protocol)),
    };
    let Some(rest) = rest.get(fields * 4..) else { return Payload::Short };
    match protocol {
        ERSPAN => match rest.split_first_chunk::<8>() {
            // Type I has no header of its own and no sequence number.
            _ if !has(GRE_SEQUENCE) => strip_all(Next::Ethernet, rest),
            Some((_, frame)) => strip_all(Next::Ethernet, frame),
            None => Payload::Short,
        },
        ERSPAN_3 => match rest.split_first_chunk::<12>() {
            Some(([.., kind, last], rest)) => erspan_3(*kind, *last, rest),
            None => Payload::Short,
        },
        ETHER_IPV4 | ETHER_IPV6 => Payload::Ip(rest),
        _ => match strip_all(Next::EtherType(protocol), rest) {
            Payload::Other(Unread::EtherType(unread)) if unread == protocol => Payload::Other(Unread::Gre(protocol)),
            payload => payload,
        },
    }
}

/// What follows the header of ERSPAN type III, whose last two bytes say what it mirrors and whether eight more come.
fn erspan_3(kind: u8, last: u8, rest: &[u8]) -> Payload<'_> {
    let more = if last & 1 == 0 { 0 } else { 8 };
    let Some(rest) = rest.get(more..) else { return Payload::Short };
    match kind >> 2 & 0x1f {
        0 => strip_all(Next::Ethernet, rest),
        2 => Payload::Ip(rest),
        _ => Payload::Other(Unread::Gre(ERSPAN_3)),
    }
}

const MPLS_IN_IP: IpNumber = IpNumber(137);
const UDP_HEADER: usize = 8;
const VXLAN: u16 = 4789;
/// What Linux took before the number was assigned, and some still set.
const VXLAN_LINUX: u16 = 8472;
const GENEVE: u16 = 6081;
/// Of the second byte, all but two flags.
const GENEVE_RESERVED: u8 = 0x3f;

const GRE_CHECKSUM: u8 = 0x80;
const GRE_ROUTING: u8 = 0x40;
const GRE_KEY: u8 = 0x20;
const GRE_SEQUENCE: u8 = 0x10;
const PPTP_ACKNOWLEDGEMENT: u8 = 0x80;
const ERSPAN: u16 = 0x88be;
const ERSPAN_3: u16 = 0x22eb;

#[cfg(test)]
mod tests {
    use etherparse::ip_number;

    use super::*;

    const IP: Option<Payload<'_>> = Some(Payload::Ip(&[0x45]));
    const ETHERNET: [u8; 15] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0x45];

    fn over(port: u16, header: &[u8], rest: &[u8]) -> Vec<u8> {
        [&[0xc0, 0, port.to_be_bytes()[0], port.to_be_bytes()[1], 0, 0, 0, 0], header, rest].concat()
    }

    #[test]
    fn ip_in_ip() {
        assert_eq!(inside(ip_number::IPV4, &[0x45]), IP);
        assert_eq!(inside(ip_number::IPV6, &[0x45]), IP);
        assert_eq!(inside(MPLS_IN_IP, &[0, 0, 1, 0, 0x45]), IP);
        assert_eq!(inside(ip_number::TCP, &[0x45]), None);
        assert_eq!(inside(ip_number::ICMP, &[0x45]), None);
    }

    #[test]
    fn gre_with_any_of_its_fields() {
        for bytes in [
            &[0, 0, 8, 0, 0x45][..],
            &[0x80, 0, 0x86, 0xdd, 0, 0, 0, 0, 0x45],
            &[0xb0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x45],
            // PPTP with and without an acknowledgement.
            &[0x30, 1, 0x88, 0x0b, 0, 4, 0, 1, 0, 0, 0, 1, 0, 0x21, 0x45],
            &[0x30, 0x81, 0x88, 0x0b, 0, 4, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xff, 3, 0, 0x21, 0x45],
            // MPLS.
            &[0, 0, 0x88, 0x47, 0, 0, 1, 0, 0x45],
            &[&[0, 0, 0x65, 0x58][..], &ETHERNET].concat(),
        ] {
            assert_eq!(inside(ip_number::GRE, bytes), IP, "{bytes:x?}");
        }
        for (bytes, protocol) in [
            (&[0x40, 0, 8, 0, 0, 0, 0, 0][..], 0x0800),
            (&[0x20, 1, 0x88, 0x0b, 0, 0, 0, 0], 0x880b),
            (&[0, 0, 0x88, 0x3e, 0, 0, 0, 0, 0x45], 0x883e),
            (&[0, 0, 0, 0], 0),
        ] {
            let unread = inside(ip_number::GRE, bytes).unwrap();
            assert!(matches!(unread, Payload::Other(Unread::Gre(number)) if number == protocol) || protocol == 0);
        }
        assert_eq!(inside(ip_number::GRE, &[0x80, 0, 8, 0, 0]), Some(Payload::Short));
    }

    #[test]
    fn mirrored_frames() {
        let one = [&[0, 0, 0x88, 0xbe][..], &ETHERNET].concat();
        let two = [&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 7][..], &[0x10; 8], &ETHERNET].concat();
        let three = |last: u8, kind: u8, more: &[u8], rest: &[u8]| {
            let header = [0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, kind << 2, last];
            [&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 7][..], &header, more, rest].concat()
        };
        for bytes in [one, two, three(0, 0, &[], &ETHERNET), three(1, 0, &[0; 8], &ETHERNET), three(0, 2, &[], &[0x45])]
        {
            assert_eq!(inside(ip_number::GRE, &bytes), IP, "{bytes:x?}");
        }
        assert_eq!(inside(ip_number::GRE, &three(0, 5, &[], &[0])), Some(Payload::Other(Unread::Gre(0x22eb))));
        assert_eq!(inside(ip_number::GRE, &three(1, 0, &[0; 7], &[])), Some(Payload::Short));
    }

    #[test]
    fn frames_over_udp_are_known_by_port_and_header() {
        let vxlan = [8, 0, 0, 0, 0, 0, 7, 0];
        assert_eq!(inside(ip_number::UDP, &over(4789, &vxlan, &ETHERNET)), IP);
        assert_eq!(inside(ip_number::UDP, &over(8472, &vxlan, &ETHERNET)), IP);
        assert_eq!(inside(ip_number::UDP, &over(4790, &vxlan, &ETHERNET)), None);
        assert_eq!(inside(ip_number::UDP, &over(4789, &[8, 1, 0, 0, 0, 0, 7, 0], &ETHERNET)), None);
        let geneve = [2, 0, 0x65, 0x58, 0, 0, 7, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        assert_eq!(inside(ip_number::UDP, &over(6081, &geneve, &ETHERNET)), IP);
        assert_eq!(inside(ip_number::UDP, &over(6081, &[0, 0, 8, 0, 0, 0, 7, 0], &[0x45])), IP);
        assert_eq!(inside(ip_number::UDP, &over(6081, &geneve[..12], &[])), Some(Payload::Short));
        assert_eq!(inside(ip_number::UDP, &over(6081, &[0x40, 0, 8, 0, 0, 0, 7, 0], &[0x45])), None);
        assert_eq!(inside(ip_number::UDP, &over(4789, &[8], &[])), None);
        assert_eq!(inside(ip_number::UDP, &[0]), None);
    }
}
