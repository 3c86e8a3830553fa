//! Link headers: what a capture puts in front of IP.
//!
//! In: the bytes of a packet and its link type. Out: the IP packet in it, or why there is none. Whether the IP
//! header then says 4 or 6 is read from the header itself: link layers are wrong about it often enough.
//!
//! Layouts: <https://www.tcpdump.org/linktypes.html>, IEEE 802.1Q.

use capture::LinkType;

/// What lies under a link header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payload<'b> {
    /// An IP packet, with whatever the link adds behind it.
    Ip(&'b [u8]),
    /// Something else: ARP, LLDP, 802.3 frames, …
    Other,
    /// More tags than [`MAX_TAGS`].
    TooDeep,
    /// The bytes end inside the link header.
    Short,
    /// A link type that is not read here.
    Unknown,
}

/// Strips the link header of one packet.
pub(super) fn strip(link: LinkType, bytes: &[u8]) -> Payload<'_> {
    match link {
        LinkType::ETHERNET => match bytes.split_first_chunk::<14>() {
            Some(([.., high, low], rest)) => tagged(u16::from_be_bytes([*high, *low]), rest),
            None => Payload::Short,
        },
        LinkType::LINUX_SLL => match bytes.split_first_chunk::<16>() {
            Some(([_, _, hardware @ .., high, low], rest)) => {
                cooked(hardware.first_chunk(), u16::from_be_bytes([*high, *low]), rest)
            }
            None => Payload::Short,
        },
        LinkType::LINUX_SLL2 => match bytes.split_first_chunk::<20>() {
            Some(([high, low, _, _, _, _, _, _, hardware @ ..], rest)) => {
                cooked(hardware.first_chunk(), u16::from_be_bytes([*high, *low]), rest)
            }
            None => Payload::Short,
        },
        LinkType::RAW | LinkType::RAW_BSD | LinkType::RAW_OPENBSD | LinkType::IPV4 | LinkType::IPV6 => {
            Payload::Ip(bytes)
        }
        LinkType::NULL | LinkType::LOOP => match bytes.split_first_chunk::<4>() {
            // The recording machine's byte order is not known here, and no family is one of IP in both.
            Some((&family, rest))
                if [u32::from_le_bytes(family), u32::from_be_bytes(family)].into_iter().any(is_ip) =>
            {
                Payload::Ip(rest)
            }
            Some(_) => Payload::Other,
            None => Payload::Short,
        },
        _ => Payload::Unknown,
    }
}

/// What follows a cooked header, whose protocol is an EtherType unless the device was none of a network.
fn cooked<'b>(hardware: Option<&[u8; 2]>, protocol: u16, rest: &'b [u8]) -> Payload<'b> {
    if hardware.is_some_and(|&hardware| u16::from_be_bytes(hardware) == ARPHRD_NETLINK) {
        return Payload::Other;
    }
    tagged(protocol, rest)
}

/// What follows an EtherType, behind any tags.
fn tagged(mut ether_type: u16, mut bytes: &[u8]) -> Payload<'_> {
    for _ in 0..=MAX_TAGS {
        match ether_type {
            ETHER_IPV4 | ETHER_IPV6 => return Payload::Ip(bytes),
            ETHER_VLAN | ETHER_PROVIDER | ETHER_PROVIDER_OLD => match bytes.split_first_chunk::<4>() {
                Some((&[_, _, high, low], rest)) => {
                    ether_type = u16::from_be_bytes([high, low]);
                    bytes = rest;
                }
                None => return Payload::Short,
            },
            // Below 0x600 it is an 802.3 length, and IP does not travel in those.
            _ => return Payload::Other,
        }
    }
    Payload::TooDeep
}

/// Whether an address family is one of IP on some system.
fn is_ip(family: u32) -> bool {
    // AF_INET is 2 everywhere. AF_INET6: Linux 10, Windows 23, NetBSD and OpenBSD 24, FreeBSD 28, Darwin 30.
    matches!(family, 2 | 10 | 23 | 24 | 28 | 30)
}

/// Tags of 802.1Q and 802.1ad looked through. Two are standard, carriers stack a third; the rest is slack.
const MAX_TAGS: usize = 4;

const ETHER_IPV4: u16 = 0x0800;
const ETHER_IPV6: u16 = 0x86dd;
const ETHER_VLAN: u16 = 0x8100;
const ETHER_PROVIDER: u16 = 0x88a8;
/// Stacked tags before 802.1ad.
const ETHER_PROVIDER_OLD: u16 = 0x9100;
/// Hardware type of netlink devices, whose "protocol" is a netlink family.
const ARPHRD_NETLINK: u16 = 824;

#[cfg(test)]
mod tests {
    use capture::LinkType;

    use super::{Payload, strip};

    #[test]
    fn ethernet_with_and_without_tags() {
        let mut frame = vec![0; 12];
        frame.extend([0x08, 0x00, 0x45]);
        assert_eq!(strip(LinkType::ETHERNET, &frame), Payload::Ip(&[0x45]));
        let mut frame = vec![0; 12];
        // 802.1ad, 802.1Q, IPv6.
        frame.extend([0x88, 0xa8, 0, 1, 0x81, 0, 0, 2, 0x86, 0xdd, 0x60]);
        assert_eq!(strip(LinkType::ETHERNET, &frame), Payload::Ip(&[0x60]));
        assert_eq!(strip(LinkType::ETHERNET, &frame[..19]), Payload::Short);
    }

    #[test]
    fn tags_without_end_are_given_up() {
        let mut frame = vec![0; 12];
        frame.extend([0x81, 0, 0, 1].repeat(100));
        assert_eq!(strip(LinkType::ETHERNET, &frame), Payload::TooDeep);
    }

    #[test]
    fn other_ethernet_frames_are_not_ip() {
        for ether_type in [[0x08, 0x06], [0x00, 0x26], [0x88, 0xcc]] {
            let frame = [[0; 12].as_slice(), &ether_type, &[0x45; 40]].concat();
            assert_eq!(strip(LinkType::ETHERNET, &frame), Payload::Other);
        }
    }

    #[test]
    fn cooked_captures() {
        // type 0, hardware 1 (Ethernet), address length 6, address, IPv4.
        let first = [0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 8, 0, 0x45];
        assert_eq!(strip(LinkType::LINUX_SLL, &first), Payload::Ip(&[0x45]));
        let mut netlink = first;
        netlink[2..4].copy_from_slice(&824_u16.to_be_bytes());
        assert_eq!(strip(LinkType::LINUX_SLL, &netlink), Payload::Other);
        // IPv6, reserved, interface 2, hardware 1, type 0, address length 6, address.
        let second = [0x86, 0xdd, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 0x60];
        assert_eq!(strip(LinkType::LINUX_SLL2, &second), Payload::Ip(&[0x60]));
        let mut netlink = second;
        netlink[8..10].copy_from_slice(&824_u16.to_be_bytes());
        assert_eq!(strip(LinkType::LINUX_SLL2, &netlink), Payload::Other);
    }

    #[test]
    fn loopback_in_either_byte_order() {
        for family in [[2, 0, 0, 0], [0, 0, 0, 2], [30, 0, 0, 0], [0, 0, 0, 24]] {
            let packet = [family.as_slice(), &[0x45]].concat();
            assert_eq!(strip(LinkType::NULL, &packet), Payload::Ip(&[0x45]));
            assert_eq!(strip(LinkType::LOOP, &packet), Payload::Ip(&[0x45]));
        }
        assert_eq!(strip(LinkType::NULL, &[7, 0, 0, 0, 0x45]), Payload::Other);
        assert_eq!(strip(LinkType::NULL, &[2, 0, 0]), Payload::Short);
    }

    #[test]
    fn raw_ip_and_unknown_links() {
        for number in [101, 12, 14, 228, 229] {
            assert_eq!(strip(LinkType(number), &[0x45]), Payload::Ip(&[0x45]));
        }
        assert_eq!(strip(LinkType(127), &[0x45]), Payload::Unknown);
    }
}
