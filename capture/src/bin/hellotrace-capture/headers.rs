//! As much of the headers as it takes to find a packet's ports, through tags and tunnels.
//!
//! This is no decoder: it reads lengths and ports, keeps nothing, and whatever it does not understand it calls unknown,
//! which is then kept.

use std::net::IpAddr;

use capture::LinkType;

/// What a packet is, as far as choosing goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// A whole TCP segment or UDP datagram, or the beginning of one that the snap length cut.
    Flow(Flow),
    /// A packet inside a tunnel that has no ports and is neither fragment nor ICMP.
    OtherInTunnel,
    /// Anything else: fragments, ICMP, what could not be read.
    Unknown,
}

/// A packet with ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flow {
    /// Both ends, the lower first, so that it is the same in both directions.
    pub(crate) ends: [(IpAddr, u16); 2],
    /// 6 or 17.
    pub(crate) protocol: u8,
    /// SYN without ACK: a connection begins.
    pub(crate) begins: bool,
    /// SYN, FIN or RST: a connection begins or ends.
    pub(crate) marks: bool,
    /// Bytes behind the TCP or UDP header.
    pub(crate) payload: u32,
    /// Whether it travels inside a tunnel.
    pub(crate) tunnelled: bool,
}

/// Looks at a packet.
pub(crate) fn look(link: LinkType, bytes: &[u8]) -> Look {
    let found = match link {
        LinkType::ETHERNET => frame(bytes, 0),
        LinkType::LINUX_SLL => half(bytes, 14).and_then(|kind| carried(kind, bytes.get(16..)?, 0)),
        LinkType::LINUX_SLL2 => half(bytes, 0).and_then(|kind| carried(kind, bytes.get(20..)?, 0)),
        LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 => ip(bytes, 0),
        LinkType::NULL | LinkType::LOOP => bytes.get(4..).and_then(|packet| ip(packet, 0)),
        _ => None,
    };
    found.unwrap_or(Look::Unknown)
}

fn frame(bytes: &[u8], depth: u8) -> Option<Look> {
    carried(half(bytes, 12)?, bytes.get(14..)?, depth)
}

/// What follows an EtherType.
fn carried(mut kind: u16, mut bytes: &[u8], depth: u8) -> Option<Look> {
    for _ in 0..=MAX_TAGS {
        match kind {
            0x0800 | 0x86dd => return ip(bytes, depth),
            0x8100 | 0x88a8 | 0x9100 => {
                kind = half(bytes, 2)?;
                bytes = bytes.get(4..)?;
            }
            // PPPoE: six bytes, then the protocol of PPP: IPv4 or IPv6.
            0x8864 => return matches!(half(bytes, 6)?, 0x21 | 0x57).then(|| ip(bytes.get(8..)?, depth)).flatten(),
            0x8847 | 0x8848 => return mpls(bytes, depth),
            _ => return Some(none_of_ours(depth)),
        }
    }
    None
}

fn mpls(mut bytes: &[u8], depth: u8) -> Option<Look> {
    for _ in 0..MAX_LABELS {
        let is_last = bytes.get(2)? & 1 == 1;
        bytes = bytes.get(4..)?;
        if is_last {
            // Anything but IP is a frame with or without a control word: not followed.
            return matches!(bytes.first()? >> 4, 4 | 6).then(|| ip(bytes, depth)).flatten();
        }
    }
    None
}

fn ip(bytes: &[u8], depth: u8) -> Option<Look> {
    if depth > MAX_DEPTH {
        return None;
    }
    match bytes.first()? >> 4 {
        4 => {
            let header = usize::from(bytes.first()? & 15) * 4;
            if half(bytes, 6)? & 0x3fff != 0 {
                return Some(Look::Unknown);
            }
            let length = usize::from(half(bytes, 2)?);
            let ends = (address::<4>(bytes, 12)?, address::<4>(bytes, 16)?);
            // A length of 0 is left to the network card to fill in; and what it says may be more than was kept.
            let declared = if length == 0 { bytes.len() } else { length }.checked_sub(header)?;
            above(*bytes.get(9)?, bytes.get(header..)?, declared, ends, depth)
        }
        6 => {
            let ends = (address::<16>(bytes, 8)?, address::<16>(bytes, 24)?);
            let mut declared = usize::from(half(bytes, 4)?);
            let (mut next, mut rest) = (*bytes.get(6)?, bytes.get(40..)?);
            for _ in 0..MAX_EXTENSIONS {
                match next {
                    0 | 43 | 60 => {
                        let length = (usize::from(*rest.get(1)?) + 1) * 8;
                        next = *rest.first()?;
                        rest = rest.get(length..)?;
                        declared = declared.checked_sub(length)?;
                    }
                    44 => return Some(Look::Unknown),
                    _ => return above(next, rest, declared, ends, depth),
                }
            }
            None
        }
        _ => None,
    }
}

/// What follows an IP header: `declared` bytes, of which `bytes` were kept.
fn above(protocol: u8, bytes: &[u8], declared: usize, ends: (IpAddr, IpAddr), depth: u8) -> Option<Look> {
    match protocol {
        6 | 17 => {
            let (source, destination) = (half(bytes, 0)?, half(bytes, 2)?);
            if protocol == 17
                && let Some(look) = udp_tunnel(destination, bytes.get(8..)?, depth)
            {
                return Some(look);
            }
            let flags = if protocol == 6 { *bytes.get(13)? } else { 0 };
            let header = if protocol == 6 { usize::from(bytes.get(12)? >> 4) * 4 } else { 8 };
            let (one, other) = ((ends.0, source), (ends.1, destination));
            Some(Look::Flow(Flow {
                ends: if one <= other { [one, other] } else { [other, one] },
                protocol,
                begins: flags & 0x12 == 0x02,
                marks: flags & 0x07 != 0,
                payload: u32::try_from(declared.saturating_sub(header)).unwrap_or(u32::MAX),
                tunnelled: depth > 0,
            }))
        }
        4 | 41 => ip(bytes, depth + 1),
        47 => gre(bytes, depth),
        1 | 58 => Some(Look::Unknown),
        _ => Some(none_of_ours(depth)),
    }
}

/// VXLAN (RFC 7348) and GENEVE (RFC 8926); `None` for anything else.
fn udp_tunnel(port: u16, bytes: &[u8], depth: u8) -> Option<Look> {
    match port {
        4789 | 8472 => frame(bytes.get(8..)?, depth + 1),
        6081 => {
            let options = usize::from(bytes.first()? & 0x3f) * 4;
            match half(bytes, 2)? {
                0x6558 => frame(bytes.get(8 + options..)?, depth + 1),
                kind => carried(kind, bytes.get(8 + options..)?, depth + 1),
            }
        }
        _ => None,
    }
}

/// GRE (RFC 2784, RFC 2890), also as ERSPAN uses it.
fn gre(bytes: &[u8], depth: u8) -> Option<Look> {
    let flags = half(bytes, 0)?;
    if flags & 0x0007 != 0 {
        return None;
    }
    let words = 1 + (flags >> 15) + (flags >> 13 & 1) + (flags >> 12 & 1);
    let inner = bytes.get(usize::from(words) * 4..)?;
    match half(bytes, 2)? {
        0x6558 => frame(inner, depth + 1),
        // ERSPAN: the first type has no header of its own and no sequence number, the second one of eight bytes.
        0x88be if flags & 0x1000 == 0 => frame(inner, depth + 1),
        0x88be => frame(inner.get(8..)?, depth + 1),
        // The third type: twelve bytes, and eight more where the last bit says so.
        0x22eb => frame(inner.get(12 + usize::from(inner.get(11)? & 1) * 8..)?, depth + 1),
        kind => carried(kind, inner, depth + 1),
    }
}

/// Outside of tunnels the kernel's filter has chosen already.
fn none_of_ours(depth: u8) -> Look {
    if depth > 0 { Look::OtherInTunnel } else { Look::Unknown }
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn address<const N: usize>(bytes: &[u8], at: usize) -> Option<IpAddr>
where
    IpAddr: From<[u8; N]>,
{
    Some(IpAddr::from(*bytes.get(at..)?.first_chunk::<N>()?))
}

/// Tags are two at most in practice.
const MAX_TAGS: u8 = 3;
/// Labels of MPLS: three or four in practice.
const MAX_LABELS: u8 = 8;
/// Extension headers of IPv6 in front of ports.
const MAX_EXTENSIONS: u8 = 8;
/// Tunnels within tunnels: a mirror port's around an overlay's, and one more.
const MAX_DEPTH: u8 = 3;
