//! What packets hold that is not read here, by the number that says so.

use std::fmt;

use capture::LinkType;

/// Why a packet was not read down to TCP, UDP or ICMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unread {
    /// Its link type.
    Link(LinkType),
    /// What an Ethernet header, or one that borrows its numbers, says of what follows it.
    EtherType(u16),
    /// What a loopback header says of what follows it: an address family, in network byte order.
    Family(u32),
    /// What a netlink device carried: messages of the kernel, by their family.
    Netlink(u16),
    /// An 802.2 frame, by its destination service access point.
    Llc(u8),
    /// 802.11 data that the radio link encrypts.
    WirelessEncrypted,
    /// 802.11 data in several frames, or several frames in one.
    WirelessAggregated,
    /// 802.11 frames that carry no data.
    WirelessControl,
    /// What a PPP header says of what follows it.
    Ppp(u16),
    /// MPLS with neither IP nor Ethernet under the labels.
    Mpls,
    /// What a GRE header says of what follows it.
    Gre(u16),
    /// What an IP header says of what follows it.
    Ip(u8),
    /// More headers in one another than are looked through.
    TooDeep,
    /// Headers of which the capture kept only the beginning.
    HeadersCut,
    /// Headers that contradict themselves or the packet's length.
    Undecodable,
}

impl Unread {
    /// Whether a sign-in may be inside: unlike in ARP, say.
    pub fn may_hide(self) -> bool {
        match self {
            Self::Link(_)
            | Self::WirelessEncrypted
            | Self::WirelessAggregated
            | Self::Gre(_)
            | Self::Mpls
            | Self::TooDeep => true,
            Self::EtherType(number) => ETHER_TYPES.iter().any(|&(known, _, hides)| known == number && hides),
            Self::Ppp(number) => number == PPP_COMPRESSED,
            Self::Ip(number) => IP_PROTOCOLS.iter().any(|&(known, _, hides)| known == number && hides),
            Self::Family(_)
            | Self::Netlink(_)
            | Self::Llc(_)
            | Self::WirelessControl
            | Self::HeadersCut
            | Self::Undecodable => false,
        }
    }
}

/// `EtherType 0x88e5 (MACsec)`.
impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(link) => write!(f, "link type {}", link.0),
            Self::EtherType(number) => write!(f, "EtherType 0x{number:04x}{}", name(*number, &ETHER_TYPES)),
            Self::Family(number) => write!(f, "address family {number}"),
            Self::Netlink(number) => write!(f, "netlink family {number}"),
            Self::Llc(number) => write!(f, "802.2 service access point 0x{number:02x}"),
            Self::WirelessEncrypted => f.write_str("802.11 data, encrypted"),
            Self::WirelessAggregated => f.write_str("802.11 data, fragmented or aggregated"),
            Self::WirelessControl => f.write_str("802.11 frames without data"),
            Self::Ppp(PPP_COMPRESSED) => f.write_str("PPP protocol 0x00fd (compressed or encrypted)"),
            Self::Ppp(number) => write!(f, "PPP protocol 0x{number:04x}"),
            Self::Mpls => f.write_str("MPLS payload"),
            Self::Gre(number) => write!(f, "GRE protocol 0x{number:04x}"),
            Self::Ip(number) => write!(f, "IP protocol {number}{}", name(*number, &IP_PROTOCOLS)),
            Self::TooDeep => f.write_str("tunnels nested too deep"),
            Self::HeadersCut => f.write_str("headers cut short"),
            Self::Undecodable => f.write_str("headers that contradict themselves"),
        }
    }
}

fn name<N: Copy + PartialEq>(number: N, names: &[(N, &str, bool)]) -> String {
    let found = names.iter().find(|(known, ..)| *known == number);
    found.map_or_else(String::new, |(_, name, _)| format!(" ({name})"))
}

/// Number, name, and whether IP packets may be inside.
const ETHER_TYPES: [(u16, &str, bool); 11] = [
    (0x0806, "ARP", false),
    (0x22f3, "TRILL", true),
    (0x8035, "RARP", false),
    (0x8863, "PPPoE discovery", false),
    (0x8888, "HP switch", false),
    (0x888e, "EAPOL", false),
    (0x88cc, "LLDP", false),
    (0x88e5, "MACsec", true),
    (0x88e7, "provider backbone bridge", true),
    (0x8926, "VN-Tag", true),
    (0x894f, "NSH", true),
];

/// Number, name, and whether IP packets may be inside.
const IP_PROTOCOLS: [(u8, &str, bool); 12] = [
    (2, "IGMP", false),
    (50, "ESP", true),
    (55, "minimal encapsulation", true),
    (88, "EIGRP", false),
    (89, "OSPF", false),
    (97, "EtherIP", true),
    (103, "PIM", false),
    (108, "IPComp", true),
    (112, "VRRP", false),
    (115, "L2TPv3", true),
    (132, "SCTP", false),
    (135, "mobility header", false),
];

/// RFC 1962 §4: a datagram that CCP's partners compressed, or with MPPE encrypted (RFC 3078 §3).
const PPP_COMPRESSED: u16 = 0x00fd;
