//! Which packets the kernel hands on: what the decoders can read, in VLANs and tunnels too.
//!
//! A filter by port alone would lose what has no ports: later fragments, and refusals that ICMP carries. And it would
//! not see into a tag or a tunnel. Tags are followed in the kernel; tunnels are kept whole here, and `select` leaves
//! out what in them is none of ours.

use pcap::{Activated, Active, Capture};

/// DNS, Kerberos, LDAP and its secure and global catalogue ports, password change, SMB also over NetBIOS, RPC's
/// endpoint mapper, SQL Server, the web and its proxies: all that is decoded by its port, which a test of
/// `hellotrace live` checks, and where what is decoded by its content usually is. RPC's services and named instances of
/// SQL Server have ports that they are given when they start, among those of clients: no filter can name them without
/// keeping all of those.
pub(crate) const PORTS: [u16; 15] = [53, 88, 389, 464, 636, 3268, 3269, 445, 139, 135, 1433, 80, 443, 3128, 8080];

/// Tags in front of IP that are followed: one of a VLAN, and one of a provider around it.
const TAGS: usize = 2;

/// What a sign-in uses, as a pcap-filter(7) expression for packets without tags.
///
/// The ports; later fragments of IPv4, and all fragments of IPv6; ICMP unreachable, and for IPv6 also "too big";
/// tunnels: IP in IP, GRE (also ERSPAN of a mirror port), VXLAN on its two ports, GENEVE.
fn plain() -> String {
    let ports: Vec<_> = PORTS.iter().map(|port| format!("port {port}")).collect();
    format!(
        "{} or (ip[6:2] & 0x1fff != 0) or ip6[6] == 44 or icmp[0] == 3 or (ip6[6] == 58 and ip6[40] <= 2) \
         or ip proto 4 or ip proto 41 or ip proto 47 or ip6 proto 4 or ip6 proto 41 or ip6 proto 47 \
         or udp port 4789 or udp port 8472 or udp port 6081",
        ports.join(" or ")
    )
}

/// The same where frames name what they carry: PPPoE and MPLS as well.
fn framed() -> String {
    format!("{} or ether proto 0x8864 or ether proto 0x8847 or ether proto 0x8848", plain())
}

/// The built-in filter, for Ethernet and whatever else has tags.
///
/// `vlan` shifts all that follows it by a tag, so each deeper level stands behind it.
pub(crate) fn built_in() -> String {
    let framed = framed();
    (0..TAGS).fold(framed.clone(), |inner, _| format!("{framed} or (vlan and ({inner}))"))
}

/// The filters to try on a device, the fullest first: not all links have tags, or a field for what they carry.
fn attempts() -> [String; 3] {
    [built_in(), framed(), plain()]
}

/// Installs the chosen filter, or the built-in one, and answers its text. The error is a sentence.
pub(crate) fn install(device: &mut Capture<Active>, chosen: Option<&str>) -> Result<String, String> {
    if let Some(filter) = chosen.map(str::trim) {
        if !filter.is_empty() {
            let wrong = |error| format!("cannot use the filter {filter:?}: {}", super::words(&error));
            device.filter(filter, true).map_err(wrong)?;
        }
        return Ok(filter.to_owned());
    }
    let text = first_that_compiles(device)?;
    let wrong = |error| format!("this link cannot be filtered: {}; try --filter ''", super::words(&error));
    device.filter(&text, true).map_err(wrong)?;
    Ok(text)
}

fn first_that_compiles<T: Activated + ?Sized>(device: &Capture<T>) -> Result<String, String> {
    let mut why = String::new();
    for text in attempts() {
        match device.compile(&text, true) {
            Ok(_) => return Ok(text),
            Err(error) => why = super::words(&error),
        }
    }
    Err(format!("this link cannot be filtered: {why}; try --filter ''"))
}

#[cfg(test)]
mod tests {
    use pcap::{BpfProgram, Linktype};

    use super::*;

    const CLIENT: [u8; 4] = [10, 0, 0, 21];
    const KDC: [u8; 4] = [10, 0, 0, 10];

    fn program(link: i32) -> BpfProgram {
        let device = Capture::dead(Linktype(link)).unwrap();
        device.compile(&first_that_compiles(&device).unwrap(), true).unwrap()
    }

    fn ethernet(kind: u16, rest: &[u8]) -> Vec<u8> {
        let mut frame = vec![2; 12];
        frame.extend(kind.to_be_bytes());
        frame.extend(rest);
        frame
    }

    fn tag(kind: u16, frame: &[u8]) -> Vec<u8> {
        let mut tagged = frame[..12].to_vec();
        tagged.extend(kind.to_be_bytes());
        tagged.extend([0, 5]);
        tagged.extend(&frame[12..]);
        tagged
    }

    /// An IPv4 packet; `fragment` is its flags and offset.
    fn ipv4(protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x45, 0];
        packet.extend(u16::try_from(20 + payload.len()).unwrap().to_be_bytes());
        packet.extend([0, 7]);
        packet.extend(fragment.to_be_bytes());
        packet.extend([64, protocol, 0, 0]);
        packet.extend(CLIENT);
        packet.extend(KDC);
        packet.extend(payload);
        packet
    }

    fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x60, 0, 0, 0];
        packet.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
        packet.extend([next, 64]);
        packet.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        packet.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
        packet.extend(payload);
        packet
    }

    /// A UDP datagram, or the first 20 bytes of a TCP segment.
    fn ports(source: u16, destination: u16) -> Vec<u8> {
        let mut header = source.to_be_bytes().to_vec();
        header.extend(destination.to_be_bytes());
        header.extend([0, 28, 0, 0]);
        header.extend([0; 32]);
        header
    }

    #[test]
    fn each_port_is_kept_both_ways_and_others_are_not() {
        let program = program(1);
        for port in PORTS {
            for protocol in [6, 17] {
                for (source, destination) in [(50_000, port), (port, 50_000)] {
                    let payload = ports(source, destination);
                    assert!(program.filter(&ethernet(0x0800, &ipv4(protocol, 0x4000, &payload))), "{port}");
                    assert!(program.filter(&ethernet(0x86dd, &ipv6(protocol, &payload))), "{port}");
                }
            }
        }
        for port in [22, 87, 89, 3389, 5985] {
            assert!(!program.filter(&ethernet(0x0800, &ipv4(6, 0, &ports(50_000, port)))), "{port}");
            assert!(!program.filter(&tag(0x8100, &ethernet(0x0800, &ipv4(6, 0, &ports(50_000, port))))), "{port}");
        }
        assert!(!program.filter(&ethernet(0x0806, &[0; 46])), "ARP");
    }

    #[test]
    fn a_fragmented_as_req_survives() {
        // 2,000 bytes of request over UDP, in fragments as a link of 1,500 makes them: only the first has ports.
        let mut datagram = ports(50_000, 88);
        datagram.resize(2008, 0x6a);
        let first = ipv4(17, 0x2000, &datagram[..1480]);
        let second = ipv4(17, 1480 / 8, &datagram[1480..]);
        let mut header = vec![17, 0];
        header.extend((1480_u16 + 1).to_be_bytes());
        header.extend([0, 0, 0, 9]);
        header.extend(&datagram[1480..]);
        let third = ipv6(44, &header);
        for link in [1, 113, 276, 12, 0, 108] {
            let program = program(link);
            let frame = |kind: u16, packet: &[u8]| {
                let front = match link {
                    1 => ethernet(kind, &[]),
                    113 => [&[0; 14][..], &kind.to_be_bytes()].concat(),
                    276 => [&kind.to_be_bytes()[..], &[0; 18]].concat(),
                    0 if kind == 0x86dd => 10_u32.to_ne_bytes().to_vec(),
                    0 => 2_u32.to_ne_bytes().to_vec(),
                    108 if kind == 0x86dd => 10_u32.to_be_bytes().to_vec(),
                    108 => 2_u32.to_be_bytes().to_vec(),
                    _ => Vec::new(),
                };
                [&front, packet].concat()
            };
            for packet in [&first, &second] {
                assert!(program.filter(&frame(0x0800, packet)), "link type {link}");
            }
            assert!(program.filter(&frame(0x86dd, &third)), "link type {link}");
            assert!(!program.filter(&frame(0x0800, &ipv4(17, 0, &ports(50_000, 123)))), "link type {link}");
        }
        let program = program(1);
        for packet in [&first, &second] {
            let frame = ethernet(0x0800, packet);
            assert!(program.filter(&tag(0x8100, &frame)), "in a VLAN");
            assert!(program.filter(&tag(0x88a8, &tag(0x8100, &frame))), "in two");
        }
    }

    #[test]
    fn refusals_tags_and_tunnels_are_kept() {
        let program = program(1);
        let request = ipv4(6, 0, &ports(50_000, 88));
        let frame = ethernet(0x0800, &request);
        let gre = |kind: u16, inner: &[u8]| [&[0, 0][..], &kind.to_be_bytes(), inner].concat();
        let vxlan = |port: u16| [&ports(40_000, port)[..8], &[8, 0, 0, 0, 0, 0, 1, 0], &frame].concat();
        let unreachable = [&[3, 3, 0, 0, 0, 0, 0, 0][..], &request].concat();
        let kept = [
            ipv4(1, 0, &unreachable),
            ipv4(4, 0, &request),
            ipv4(41, 0, &ipv6(17, &ports(50_000, 88))),
            ipv4(47, 0, &gre(0x0800, &request)),
            ipv4(47, 0, &gre(0x88be, &frame)),
            ipv4(17, 0, &vxlan(4789)),
            ipv4(17, 0, &vxlan(8472)),
            ipv4(17, 0, &vxlan(6081)),
        ];
        for packet in &kept {
            let frame = ethernet(0x0800, packet);
            assert!(program.filter(&frame), "{packet:02x?}");
            assert!(program.filter(&tag(0x8100, &frame)), "{packet:02x?}");
            assert!(program.filter(&tag(0x88a8, &tag(0x8100, &frame))), "{packet:02x?}");
        }
        assert!(program.filter(&ethernet(0x86dd, &ipv6(58, &[1, 4, 0, 0]))));
        assert!(program.filter(&ethernet(0x86dd, &ipv6(58, &[2, 0, 0, 0]))));
        assert!(!program.filter(&ethernet(0x86dd, &ipv6(58, &[128, 0, 0, 0]))), "echo");
        assert!(!program.filter(&ethernet(0x0800, &ipv4(1, 0, &[8, 0, 0, 0]))), "echo");
        assert!(program.filter(&ethernet(0x8864, &[&[0x11, 0, 0, 1, 0, 62, 0, 0x21][..], &request].concat())));
        assert!(program.filter(&ethernet(0x8847, &[&[0, 1, 0x41, 64][..], &request].concat())));
        assert!(program.filter(&tag(0x8100, &frame)) && program.filter(&tag(0x88a8, &tag(0x8100, &frame))));
    }
}
