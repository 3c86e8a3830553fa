//! Link headers: what a capture puts in front of IP, and what stands between the two.
//!
//! In: the bytes of a packet and its link type, or of what a tunnel carries. Out: the IP packet in it, or why there is
//! none. Whether the IP header then says 4 or 6 is read from the header itself: link layers are wrong about it often
//! enough.
//!
//! Layouts: <https://www.tcpdump.org/linktypes.html>, IEEE 802.1Q, IEEE 802.11 §9.2 and §9.3.2.2, IEEE 802.2, RFC 1661
//! §2, RFC 1662 §3.1, RFC 2516 §4, RFC 3032 §2.1, RFC 4385 §3.

use capture::LinkType;

use super::unread::Unread;

/// What lies under link headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payload<'b> {
    /// An IP packet, with whatever the link adds behind it.
    Ip(&'b [u8]),
    /// Something else: ARP, LLDP, …
    Other(Unread),
    /// More headers than [`MAX_HEADERS`].
    TooDeep,
    /// The bytes end inside a header.
    Short,
    /// A link type that is not read here.
    Unknown,
}

/// What the next bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// What this EtherType says.
    EtherType(u16),
    /// An Ethernet frame.
    Ethernet,
    /// An 802.2 header.
    Llc,
    /// PPP, perhaps in HDLC-like framing.
    Ppp,
    /// A PPPoE header.
    PppoE,
    /// MPLS labels.
    Mpls,
}

/// Strips the link header of one packet.
pub(super) fn strip(link: LinkType, bytes: &[u8]) -> Payload<'_> {
    match link {
        LinkType::ETHERNET => strip_all(Next::Ethernet, bytes),
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
            Some((&family, _)) => Payload::Other(Unread::Family(u32::from_be_bytes(family))),
            None => Payload::Short,
        },
        // Cisco's framing is told from that of PPP where both are read.
        LinkType::PPP | LinkType::PPP_HDLC | LinkType::C_HDLC => strip_all(Next::Ppp, bytes),
        LinkType::PPP_ETHER => strip_all(Next::PppoE, bytes),
        LinkType::IEEE802_11 => wireless(bytes),
        // Version, padding, then the length of the whole radiotap header in the order of x86.
        LinkType::IEEE802_11_RADIOTAP => match bytes {
            [_, _, low, high, ..] => match bytes.get(usize::from(u16::from_le_bytes([*low, *high]))..) {
                Some(frame) => wireless(frame),
                None => Payload::Short,
            },
            _ => Payload::Short,
        },
        // Version, flags, then the length of the header and the link type behind it, in the order of x86.
        LinkType::PPI => match bytes {
            [_, _, low, high, link @ ..] => inner(link, usize::from(u16::from_le_bytes([*low, *high])), bytes),
            _ => Payload::Short,
        },
        // The length of the header, what kind it is, and the link type behind it, in the order of Apple's machines.
        LinkType::PKTAP => match bytes.split_first_chunk::<8>() {
            Some((&[a, b, c, d, ..], link)) => {
                inner(link, usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX), bytes)
            }
            None => Payload::Short,
        },
        LinkType::USER2 if is_of_apple(bytes) => strip(LinkType::PKTAP, bytes),
        LinkType::NFLOG => logged(bytes),
        LinkType::PFLOG => match bytes {
            // Its length, without what fills it up to four bytes, then a family.
            [length, family, ..] if is_ip(u32::from(*family)) => {
                ip_behind(usize::from(*length).next_multiple_of(4), bytes)
            }
            [_, family, ..] => Payload::Other(Unread::Family(u32::from(*family))),
            _ => Payload::Short,
        },
        LinkType::ENC => ip_behind(12, bytes),
        LinkType::IPNET => ip_behind(24, bytes),
        LinkType::IPOIB => match bytes.split_first_chunk::<44>() {
            Some(([.., high, low, _, _], rest)) => strip_all(Next::EtherType(u16::from_be_bytes([*high, *low])), rest),
            None => Payload::Short,
        },
        LinkType::JUNIPER_ETHER => juniper(bytes),
        LinkType::DSA_BROADCOM | LinkType::DSA_MARVELL => typed(ETHERNET_ADDRESSES + 4, bytes),
        LinkType::DSA_MARVELL_TYPED => typed(ETHERNET_ADDRESSES + 8, bytes),
        LinkType::DSA_BROADCOM_PREPENDED => match bytes.get(4..) {
            Some(frame) => strip_all(Next::Ethernet, frame),
            None => Payload::Short,
        },
        _ => Payload::Unknown,
    }
}

/// What lies behind a header of this length that names the link type of the rest: in its next four octets, `link`.
fn inner<'b>(link: &[u8], length: usize, bytes: &'b [u8]) -> Payload<'b> {
    let (Some(&link), Some(rest)) = (link.first_chunk(), bytes.get(length..)) else { return Payload::Short };
    match u16::try_from(u32::from_le_bytes(link)).map(LinkType) {
        // Nobody puts them into one another, and a depth would need a limit.
        Ok(LinkType::PPI | LinkType::PKTAP | LinkType::USER2) | Err(_) => Payload::Unknown,
        Ok(link) => strip(link, rest),
    }
}

/// IP behind so many bytes that say nothing of it.
fn ip_behind(length: usize, bytes: &[u8]) -> Payload<'_> {
    bytes.get(length..).map_or(Payload::Short, Payload::Ip)
}

/// What an EtherType behind so many bytes says.
fn typed(length: usize, bytes: &[u8]) -> Payload<'_> {
    match bytes.get(length..) {
        Some([high, low, rest @ ..]) => strip_all(Next::EtherType(u16::from_be_bytes([*high, *low])), rest),
        Some(_) | None => Payload::Short,
    }
}

/// Whether this begins like Apple's packet metadata, by the length of its header and its kind: one of a packet. Others
/// have the same link type for what is theirs.
fn is_of_apple(bytes: &[u8]) -> bool {
    matches!(bytes, [length, 0, 0, 0, 1, 0, 0, 0, ..] if *length >= PKTAP_HEADER)
}

/// Juniper's: a magic number, flags, and extensions of which the length comes first. Then Ethernet, unless the flags
/// say that there is none of it.
fn juniper(bytes: &[u8]) -> Payload<'_> {
    let Some((&[a, b, c, flags], rest)) = bytes.split_first_chunk::<4>() else { return Payload::Short };
    if [a, b, c] != *b"MGC" {
        return Payload::Unknown;
    }
    let rest = match rest {
        rest if flags & JUNIPER_EXTENDED == 0 => Some(rest),
        [high, low, rest @ ..] => rest.get(usize::from(u16::from_be_bytes([*high, *low]))..),
        _ => None,
    };
    match rest {
        // Four bytes say what it is, and the version of IP says it, too.
        Some(rest) if flags & JUNIPER_BARE != 0 => ip_behind(4, rest),
        Some(rest) => strip_all(Next::Ethernet, rest),
        None => Payload::Short,
    }
}

/// NFLOG: family, version, group, then attributes of length, kind and value, each filled up to four octets. Lengths are
/// in the order of the machine that recorded, of which there are few that are not little-endian: then the first one
/// tells.
fn logged(bytes: &[u8]) -> Payload<'_> {
    let Some(([_, _, _, _], mut rest)) = bytes.split_first_chunk::<4>() else { return Payload::Short };
    let little = rest.first_chunk().is_some_and(|&length| usize::from(u16::from_le_bytes(length)) <= rest.len());
    let number = |octets: [u8; 2]| if little { u16::from_le_bytes(octets) } else { u16::from_be_bytes(octets) };
    for _ in 0..MAX_ATTRIBUTES {
        let Some((&[a, b, c, d], _)) = rest.split_first_chunk::<4>() else { return Payload::Short };
        let (length, kind) = (usize::from(number([a, b])), number([c, d]));
        if kind & 0x7fff == NFLOG_PAYLOAD {
            // Its end may be cut.
            return Payload::Ip(rest.get(4..length).or_else(|| rest.get(4..)).unwrap_or_default());
        }
        match rest.get(length.max(4).next_multiple_of(4)..) {
            Some(behind) => rest = behind,
            None => return Payload::Short,
        }
    }
    Payload::TooDeep
}

/// Strips headers until there is IP, or something that is not read.
pub(super) fn strip_all(mut next: Next, mut bytes: &[u8]) -> Payload<'_> {
    for _ in 0..=MAX_HEADERS {
        let stripped = match next {
            Next::EtherType(ETHER_IPV4 | ETHER_IPV6) => return Payload::Ip(bytes),
            Next::EtherType(number) => ether_type(number, bytes),
            Next::Ethernet => match bytes.split_first_chunk::<14>() {
                Some(([.., high, low], rest)) => Ok((Next::EtherType(u16::from_be_bytes([*high, *low])), rest)),
                None => return Payload::Short,
            },
            Next::Llc => llc(bytes),
            Next::Ppp => ppp(bytes),
            Next::PppoE => pppoe(bytes),
            Next::Mpls => mpls(bytes),
        };
        (next, bytes) = match stripped {
            Ok(stripped) => stripped,
            Err(payload) => return payload,
        };
    }
    Payload::TooDeep
}

/// What follows a cooked header, whose protocol is an EtherType unless the device was none of a network.
fn cooked<'b>(hardware: Option<&[u8; 2]>, protocol: u16, rest: &'b [u8]) -> Payload<'b> {
    if hardware.is_some_and(|&hardware| u16::from_be_bytes(hardware) == ARPHRD_NETLINK) {
        return Payload::Other(Unread::Netlink(protocol));
    }
    strip_all(if protocol == COOKED_LLC { Next::Llc } else { Next::EtherType(protocol) }, rest)
}

/// What a header leads to, or why nothing is read behind it.
type Stripped<'b> = Result<(Next, &'b [u8]), Payload<'b>>;

fn ether_type(number: u16, bytes: &[u8]) -> Stripped<'_> {
    match number {
        ETHER_VLAN | ETHER_PROVIDER | ETHER_PROVIDER_OLD => match bytes.split_first_chunk::<4>() {
            Some((&[_, _, high, low], rest)) => Ok((Next::EtherType(u16::from_be_bytes([high, low])), rest)),
            None => Err(Payload::Short),
        },
        ETHER_VN_TAG => match bytes.split_first_chunk::<6>() {
            Some((&[_, _, _, _, high, low], rest)) => Ok((Next::EtherType(u16::from_be_bytes([high, low])), rest)),
            None => Err(Payload::Short),
        },
        ETHER_MPLS | ETHER_MPLS_UPSTREAM => Ok((Next::Mpls, bytes)),
        ETHER_PPPOE => Ok((Next::PppoE, bytes)),
        ETHER_BRIDGED => Ok((Next::Ethernet, bytes)),
        ETHER_PPP => Ok((Next::Ppp, bytes)),
        // Not a type, but the length of an 802.3 frame.
        0..0x600 => Ok((Next::Llc, bytes)),
        _ => Err(Payload::Other(Unread::EtherType(number))),
    }
}

/// 802.2: of what it can announce, only SNAP leads to IP.
fn llc(bytes: &[u8]) -> Stripped<'_> {
    match bytes {
        // An organisation of 0, or 00-00-f8 (802.1H), means that an EtherType follows.
        [0xaa, 0xaa, 3, 0, 0, 0 | 0xf8, high, low, rest @ ..] => {
            Ok((Next::EtherType(u16::from_be_bytes([*high, *low])), rest))
        }
        [service, _, _, ..] => Err(Payload::Other(Unread::Llc(*service))),
        _ => Err(Payload::Short),
    }
}

/// PPP: address and control unless left out, then the protocol, of which an odd first byte is the last.
fn ppp(bytes: &[u8]) -> Stripped<'_> {
    // Cisco's framing has an EtherType instead.
    if let [0x0f | 0x8f, 0, high, low, rest @ ..] = bytes {
        return Ok((Next::EtherType(u16::from_be_bytes([*high, *low])), rest));
    }
    let bytes = bytes.strip_prefix(&[0xff, 3]).unwrap_or(bytes);
    let (protocol, rest) = match bytes {
        [low, rest @ ..] if low % 2 == 1 => (u16::from(*low), rest),
        [high, low, rest @ ..] => (u16::from_be_bytes([*high, *low]), rest),
        _ => return Err(Payload::Short),
    };
    match protocol {
        PPP_IPV4 => Ok((Next::EtherType(ETHER_IPV4), rest)),
        PPP_IPV6 => Ok((Next::EtherType(ETHER_IPV6), rest)),
        PPP_MPLS => Ok((Next::Mpls, rest)),
        _ => Err(Payload::Other(Unread::Ppp(protocol))),
    }
}

/// PPPoE: version and type 1, code, session, length. Only code 0 carries data.
fn pppoe(bytes: &[u8]) -> Stripped<'_> {
    match bytes.split_first_chunk::<6>() {
        Some(([0x11, 0, ..], rest)) => Ok((Next::Ppp, rest)),
        Some(_) => Err(Payload::Other(Unread::EtherType(ETHER_PPPOE_DISCOVERY))),
        None => Err(Payload::Short),
    }
}

/// MPLS: labels up to the one at the bottom. What is under them nobody says: IP by its version, else, behind a
/// control word, Ethernet.
fn mpls(mut bytes: &[u8]) -> Stripped<'_> {
    for _ in 0..MAX_LABELS {
        let Some((&[_, _, bottom, _], rest)) = bytes.split_first_chunk::<4>() else { return Err(Payload::Short) };
        bytes = rest;
        if bottom & 1 == 0 {
            continue;
        }
        return match bytes.first().map(|first| first >> 4) {
            Some(4 | 6) => Err(Payload::Ip(bytes)),
            Some(0) => match bytes.split_first_chunk::<4>() {
                Some((_, rest)) => Ok((Next::Ethernet, rest)),
                None => Err(Payload::Short),
            },
            Some(_) => Err(Payload::Other(Unread::Mpls)),
            None => Err(Payload::Short),
        };
    }
    Err(Payload::TooDeep)
}

/// 802.11: data frames in the clear, which begin with an 802.2 header behind the MAC header.
fn wireless(bytes: &[u8]) -> Payload<'_> {
    let &[kind, flags, ..] = bytes else { return Payload::Short };
    let (is_data, is_without) = (kind & 0x0c == 0x08, kind & 0x40 != 0);
    if kind & 3 != 0 || !is_data || is_without {
        return Payload::Other(Unread::WirelessControl);
    }
    if flags & WIRELESS_PROTECTED != 0 {
        return Payload::Other(Unread::WirelessEncrypted);
    }
    let has_fourth_address = flags & 3 == 3;
    let has_quality = kind & 0x80 != 0;
    let mut length = if has_fourth_address { 30 } else { 24 };
    let mut is_aggregated = false;
    if has_quality {
        is_aggregated = bytes.get(length).is_some_and(|quality| quality & 0x80 != 0);
        length += if flags & WIRELESS_ORDER == 0 { 2 } else { 6 };
    }
    // The lower four bits number the fragments.
    let is_fragment = flags & WIRELESS_MORE != 0 || bytes.get(22).is_some_and(|sequence| sequence & 0x0f != 0);
    if is_fragment {
        return Payload::Other(Unread::WirelessAggregated);
    }
    if is_aggregated {
        return match bytes.get(length..) {
            Some(frames) => aggregated(frames),
            None => Payload::Short,
        };
    }
    match bytes.get(length..) {
        Some(rest) => strip_all(Next::Llc, rest),
        None => Payload::Short,
    }
}

/// Frames in one: addresses, a length, 802.2, and up to three bytes of filling between two. One alone is read; of
/// several it is told that they are there, since a packet is one unit.
fn aggregated(frames: &[u8]) -> Payload<'_> {
    let Some(([.., high, low], rest)) = frames.split_first_chunk::<14>() else { return Payload::Short };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    let behind = length.saturating_add(14).next_multiple_of(4);
    // A frame check sequence of four bytes may stand behind the last.
    if frames.len() > behind.saturating_add(4) {
        return Payload::Other(Unread::WirelessAggregated);
    }
    strip_all(Next::Llc, rest.get(..length).unwrap_or(rest))
}

/// Whether an address family is one of IP on some system.
fn is_ip(family: u32) -> bool {
    // AF_INET is 2 everywhere. AF_INET6: Linux 10, Windows 23, NetBSD and OpenBSD 24, FreeBSD 28, Darwin 30.
    matches!(family, 2 | 10 | 23 | 24 | 28 | 30)
}

/// Headers looked through up to one of IP. Ethernet, two tags of 802.1ad, PPPoE, PPP and MPLS make six; carriers stack
/// a third tag; the rest is slack.
const MAX_HEADERS: usize = 10;

/// Attributes of NFLOG looked through. The kernel knows some twenty.
const MAX_ATTRIBUTES: usize = 64;

/// Kind of the attribute that holds the packet (NFULA_PAYLOAD).
const NFLOG_PAYLOAD: u16 = 9;

/// Labels of MPLS looked through. Networks in use stack up to about six.
const MAX_LABELS: usize = 16;

pub(super) const ETHER_IPV4: u16 = 0x0800;
pub(super) const ETHER_IPV6: u16 = 0x86dd;
/// Transparent Ethernet bridging: a whole Ethernet frame, in tunnels.
const ETHER_BRIDGED: u16 = 0x6558;
const ETHER_MPLS: u16 = 0x8847;
const ETHER_MPLS_UPSTREAM: u16 = 0x8848;
const ETHER_PPP: u16 = 0x880b;
const ETHER_PPPOE: u16 = 0x8864;
const ETHER_PPPOE_DISCOVERY: u16 = 0x8863;
const ETHER_VLAN: u16 = 0x8100;
const ETHER_PROVIDER: u16 = 0x88a8;
/// Cisco's VN-Tag (802.1BR's forerunner), which names the port of a virtual machine.
const ETHER_VN_TAG: u16 = 0x8926;
/// Stacked tags before 802.1ad.
const ETHER_PROVIDER_OLD: u16 = 0x9100;
/// What a cooked header says where an 802.2 header follows (ETH_P_802_2).
const COOKED_LLC: u16 = 4;
/// Hardware type of netlink devices, whose "protocol" is a netlink family.
const ARPHRD_NETLINK: u16 = 824;

const PPP_IPV4: u16 = 0x0021;
const PPP_IPV6: u16 = 0x0057;
const PPP_MPLS: u16 = 0x0281;

/// Bytes of the two addresses of an Ethernet frame.
const ETHERNET_ADDRESSES: usize = 12;

/// Length of the header of Apple's packet metadata: 108 bytes and, later, more.
const PKTAP_HEADER: u8 = 108;

/// Juniper's flags: extensions follow, and there is no link header.
const JUNIPER_EXTENDED: u8 = 0x80;
const JUNIPER_BARE: u8 = 0x02;

/// Flags of 802.11's frame control.
const WIRELESS_MORE: u8 = 0x04;
const WIRELESS_PROTECTED: u8 = 0x40;
const WIRELESS_ORDER: u8 = 0x80;

#[cfg(test)]
mod tests {
    use capture::LinkType;

    use super::{Payload, Unread, strip};

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
        for (ether_type, unread) in [
            ([0x08, 0x06], Unread::EtherType(0x0806)),
            ([0x00, 0x26], Unread::Llc(0x45)),
            ([0x88, 0xcc], Unread::EtherType(0x88cc)),
        ] {
            let frame = [[0; 12].as_slice(), &ether_type, &[0x45; 40]].concat();
            assert_eq!(strip(LinkType::ETHERNET, &frame), Payload::Other(unread));
        }
    }

    #[test]
    fn cooked_captures() {
        // type 0, hardware 1 (Ethernet), address length 6, address, IPv4.
        let first = [0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 8, 0, 0x45];
        assert_eq!(strip(LinkType::LINUX_SLL, &first), Payload::Ip(&[0x45]));
        let mut netlink = first;
        netlink[2..4].copy_from_slice(&824_u16.to_be_bytes());
        assert_eq!(strip(LinkType::LINUX_SLL, &netlink), Payload::Other(Unread::Netlink(0x0800)));
        // IPv6, reserved, interface 2, hardware 1, type 0, address length 6, address.
        let second = [0x86, 0xdd, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 0x60];
        assert_eq!(strip(LinkType::LINUX_SLL2, &second), Payload::Ip(&[0x60]));
        let mut netlink = second;
        netlink[8..10].copy_from_slice(&824_u16.to_be_bytes());
        assert_eq!(strip(LinkType::LINUX_SLL2, &netlink), Payload::Other(Unread::Netlink(0x86dd)));
    }

    #[test]
    fn loopback_in_either_byte_order() {
        for family in [[2, 0, 0, 0], [0, 0, 0, 2], [30, 0, 0, 0], [0, 0, 0, 24]] {
            let packet = [family.as_slice(), &[0x45]].concat();
            assert_eq!(strip(LinkType::NULL, &packet), Payload::Ip(&[0x45]));
            assert_eq!(strip(LinkType::LOOP, &packet), Payload::Ip(&[0x45]));
        }
        assert_eq!(strip(LinkType::NULL, &[0, 0, 0, 7, 0x45]), Payload::Other(Unread::Family(7)));
        assert_eq!(strip(LinkType::NULL, &[2, 0, 0]), Payload::Short);
    }

    #[test]
    fn raw_ip_and_unknown_links() {
        for number in [101, 12, 14, 228, 229] {
            assert_eq!(strip(LinkType(number), &[0x45]), Payload::Ip(&[0x45]));
        }
        assert_eq!(strip(LinkType(147), &[0x45]), Payload::Unknown);
    }

    const IP: Payload<'_> = Payload::Ip(&[0x45]);

    #[test]
    fn headers_that_name_the_link_type_behind_them() {
        let frame = [[0; 12].as_slice(), &[8, 0, 0x45]].concat();
        // Version, flags, 12 octets in all, Ethernet; one field of no content.
        let ppi = [&[0, 0, 12, 0, 1, 0, 0, 0, 2, 0, 0, 0][..], &frame].concat();
        assert_eq!(strip(LinkType::PPI, &ppi), IP);
        // 16 octets in all, a packet, Ethernet, a flag.
        let tapped = [&[16, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9, 9, 9, 9][..], &frame].concat();
        assert_eq!(strip(LinkType::PKTAP, &tapped), IP);
        for (link, header) in [(LinkType::PPI, 12), (LinkType::PKTAP, 16)] {
            let whole = if link == LinkType::PPI { &ppi } else { &tapped };
            for length in 0..header {
                assert_eq!(strip(link, &whole[..length]), Payload::Short, "{length}");
            }
        }
        let nested = [0, 0, 8, 0, 192, 0, 0, 0].repeat(1000);
        assert_eq!(strip(LinkType::PPI, &nested), Payload::Unknown);
    }

    #[test]
    fn apples_packet_metadata_under_the_number_for_private_use() {
        let mut tapped = vec![0; 108];
        (tapped[0], tapped[4], tapped[8]) = (108, 1, 1);
        tapped.extend([0; 12]);
        tapped.extend([8, 0, 0x45]);
        assert_eq!(strip(LinkType::USER2, &tapped), IP);
        tapped[4] = 2;
        assert_eq!(strip(LinkType::USER2, &tapped), Payload::Unknown);
        // In one another for ever.
        let mut nested = [108, 0, 0, 0, 1, 0, 0, 0, 149, 0, 0, 0].to_vec();
        nested.resize(108, 0);
        assert_eq!(strip(LinkType::USER2, &nested.repeat(1000)), Payload::Unknown);
    }

    /// A header of every link type that has one of a fixed form, and IP behind it.
    #[test]
    fn headers_of_firewalls_switches_and_other_systems() {
        let [addresses, filled] = [[2; 12].as_slice(), &[0; 50]];
        let ethernet = [addresses, &[8, 0]].concat();
        for (link, header) in [
            // 61 bytes without their filling, IPv4.
            (LinkType::PFLOG, [&[61, 2], filled, &filled[..12]].concat()),
            (LinkType::ENC, filled[..12].to_vec()),
            (LinkType::IPNET, filled[..24].to_vec()),
            (LinkType::IPOIB, [&filled[..40], &[8, 0, 0, 0]].concat()),
            (LinkType::DSA_MARVELL, [addresses, &[0xc0, 0x0a, 0, 0, 8, 0]].concat()),
            (LinkType::DSA_BROADCOM, [addresses, &[0, 0, 0, 1, 8, 0]].concat()),
            (LinkType::DSA_MARVELL_TYPED, [addresses, &[0xda, 0xda, 0, 0, 0x40, 8, 0, 0, 8, 0]].concat()),
            (LinkType::DSA_BROADCOM_PREPENDED, [&[0, 0, 0, 1][..], &ethernet].concat()),
            // Incoming; the same with extensions; outgoing, without a link header.
            (LinkType::JUNIPER_ETHER, [b"MGC\x01", &ethernet[..]].concat()),
            (LinkType::JUNIPER_ETHER, [b"MGC\x81\0\x03\x01\x01\x07", &ethernet[..]].concat()),
            (LinkType::JUNIPER_ETHER, b"MGC\x02\0\0\0\x02".to_vec()),
        ] {
            let packet = [&header[..], &[0x45]].concat();
            assert_eq!(strip(link, &packet), IP, "{link:?}");
            for length in 0..header.len() {
                assert_eq!(strip(link, &packet[..length]), Payload::Short, "{link:?} cut at {length}");
            }
        }
        assert_eq!(strip(LinkType::C_HDLC, &[0x0f, 0, 8, 0, 0x45]), IP);
        assert_eq!(strip(LinkType::PFLOG, &[61, 18, 0]), Payload::Other(Unread::Family(18)));
        assert_eq!(strip(LinkType::JUNIPER_ETHER, b"ABCDEF"), Payload::Unknown);
    }

    #[test]
    fn netfilter_logs_hold_a_packet_among_attributes() {
        // IPv4, version 0, group 5; the prefix "ab" with its end and padding; the packet.
        let header = [2, 0, 0, 5];
        let little = [&header[..], &[7, 0, 10, 0, b'a', b'b', 0, 0], &[5, 0, 9, 0, 0x45, 0, 0, 0]].concat();
        assert_eq!(strip(LinkType::NFLOG, &little), IP);
        let big = [&header[..], &[0, 7, 0, 10, b'a', b'b', 0, 0], &[0, 5, 0, 9, 0x45, 0, 0, 0]].concat();
        assert_eq!(strip(LinkType::NFLOG, &big), IP);
        for length in 0..12 {
            assert_eq!(strip(LinkType::NFLOG, &little[..length]), Payload::Short, "{length}");
        }
        let endless = [&header[..], &[4, 0, 1, 0].repeat(100)].concat();
        assert_eq!(strip(LinkType::NFLOG, &endless), Payload::TooDeep);
    }

    #[test]
    fn tags_of_virtual_ports_lead_to_ip() {
        let frame = [[0; 12].as_slice(), &[0x89, 0x26, 0, 0, 0, 7, 0x81, 0, 0, 5, 8, 0, 0x45]].concat();
        assert_eq!(strip(LinkType::ETHERNET, &frame), IP);
        assert_eq!(strip(LinkType::ETHERNET, &frame[..17]), Payload::Short);
    }

    #[test]
    fn snap_leads_to_ip() {
        let frame = [[0; 12].as_slice(), &[0, 9, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0, 0x45]].concat();
        assert_eq!(strip(LinkType::ETHERNET, &frame), IP);
        let cooked = [0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 0, 4, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0, 0x45];
        assert_eq!(strip(LinkType::LINUX_SLL, &cooked), IP);
    }

    #[test]
    fn ppp_in_all_its_framings() {
        for bytes in [
            &[0xff, 3, 0, 0x21, 0x45][..],
            &[0, 0x21, 0x45],
            &[0x21, 0x45],
            &[0xff, 3, 0x21, 0x45],
            &[0, 0x57, 0x45],
            &[0x0f, 0, 8, 0, 0x45],
        ] {
            assert_eq!(strip(LinkType::PPP, bytes), IP, "{bytes:x?}");
            assert_eq!(strip(LinkType::PPP_HDLC, bytes), IP, "{bytes:x?}");
        }
        assert_eq!(strip(LinkType::PPP, &[0xff, 3, 0xc0, 0x21, 1]), Payload::Other(Unread::Ppp(0xc021)));
        assert_eq!(strip(LinkType::PPP, &[0xff, 3, 0]), Payload::Short);
    }

    #[test]
    fn pppoe_sessions_and_not_their_discovery() {
        let session = [0x11, 0, 0, 1, 0, 3, 0, 0x21, 0x45];
        assert_eq!(strip(LinkType::PPP_ETHER, &session), IP);
        let frame = [[0; 12].as_slice(), &[0x81, 0, 0, 5, 0x88, 0x64], &session].concat();
        assert_eq!(strip(LinkType::ETHERNET, &frame), IP);
        let padt = [0x11, 0xa7, 0, 1, 0, 0];
        assert_eq!(strip(LinkType::PPP_ETHER, &padt), Payload::Other(Unread::EtherType(0x8863)));
        assert_eq!(strip(LinkType::PPP_ETHER, &session[..5]), Payload::Short);
    }

    #[test]
    fn mpls_with_ip_or_ethernet_under_the_labels() {
        let under = |labels: &[u8], payload: &[u8]| [[0; 12].as_slice(), &[0x88, 0x47], labels, payload].concat();
        let (top, bottom) = ([0, 1, 0, 64], [0, 2, 1, 64]);
        let labels = [top, top, bottom].concat();
        assert_eq!(strip(LinkType::ETHERNET, &under(&labels, &[0x45])), IP);
        let pseudowire = [&[0, 0, 0, 9][..], &[7; 12], &[0x08, 0, 0x45]].concat();
        assert_eq!(strip(LinkType::ETHERNET, &under(&bottom, &pseudowire)), IP);
        assert_eq!(strip(LinkType::ETHERNET, &under(&bottom, &[0x75])), Payload::Other(Unread::Mpls));
        assert_eq!(strip(LinkType::ETHERNET, &under(&top, &[])), Payload::Short);
        assert_eq!(strip(LinkType::ETHERNET, &under(&top.repeat(50), &[])), Payload::TooDeep);
    }

    #[test]
    fn wireless_frames_in_one() {
        // A data frame with quality of service that says so; then addresses, length, 802.2, IPv4.
        let mut header = [0; 26];
        (header[0], header[1], header[24]) = (0x88, 2, 0x80);
        let inner = [&[2; 12][..], &[0, 9, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0, 0x45]].concat();
        let alone = [&header[..], &inner].concat();
        assert_eq!(strip(LinkType::IEEE802_11, &alone), IP);
        assert_eq!(strip(LinkType::IEEE802_11, &[&alone[..], &[0x11; 4]].concat()), IP, "with a check sequence");
        for length in 26..43 {
            assert_eq!(strip(LinkType::IEEE802_11, &alone[..length]), Payload::Short, "{length}");
        }
        let two = [&alone[..], &[0], &inner].concat();
        assert_eq!(strip(LinkType::IEEE802_11, &two), Payload::Other(Unread::WirelessAggregated));
    }

    #[test]
    fn wireless_data_in_the_clear() {
        let frame = |kind: u8, flags: u8, more: &[u8]| {
            let mut frame = vec![0; 24];
            frame[0] = kind;
            frame[1] = flags;
            frame.extend(more);
            frame.extend([0xaa, 0xaa, 3, 0, 0, 0, 8, 0, 0x45]);
            frame
        };
        let strip = |frame: &[u8]| match strip(LinkType::IEEE802_11, frame) {
            Payload::Ip(bytes) => Payload::Ip(if bytes == [0x45] { &[0x45] } else { &[] }),
            Payload::Other(unread) => Payload::Other(unread),
            other => panic!("{other:?}"),
        };
        assert_eq!(strip(&frame(0x08, 1, &[])), IP);
        assert_eq!(strip(&frame(0x08, 3, &[0; 6])), IP);
        assert_eq!(strip(&frame(0x88, 2, &[0, 0])), IP);
        assert_eq!(strip(&frame(0x88, 0x82, &[0; 6])), IP);
        assert_eq!(strip(&frame(0x08, 0x41, &[])), Payload::Other(Unread::WirelessEncrypted));
        assert_eq!(strip(&frame(0x08, 5, &[])), Payload::Other(Unread::WirelessAggregated));
        for kind in [0x80, 0xd4, 0x48] {
            assert_eq!(strip(&frame(kind, 0, &[])), Payload::Other(Unread::WirelessControl));
        }
        let tapped = [&[0, 0, 9, 0, 1, 2, 3, 4, 5][..], &frame(0x08, 1, &[])].concat();
        assert_eq!(super::strip(LinkType::IEEE802_11_RADIOTAP, &tapped), IP);
        assert_eq!(super::strip(LinkType::IEEE802_11_RADIOTAP, &tapped[..8]), Payload::Short);
    }
}
