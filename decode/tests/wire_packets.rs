//! Packets through [`Wire`]: recorded ones under every link type, cut at every length, and arbitrary bytes.

#![allow(clippy::indexing_slicing, reason = "tests")]

use std::path::{Path as FilePath, PathBuf};

use capture::{CaptureTime, InputId, LinkType, Packet, PacketId};
use decode::{
    Event, GapKind, Message, Path,
    wire::{self, Unit, Unread, Wire, WireCounters},
};
use proptest::prelude::{ProptestConfig, any, prop, prop_assert, prop_assert_eq, proptest};

const TCP_SYN: &[u8] = include_bytes!("data/wire_tcp_syn.bin");
const TCP_DATA: &[u8] = include_bytes!("data/wire_tcp_data.bin");
const DNS_QUERY: &[u8] = include_bytes!("data/wire_dns_srv_query.bin");
const ICMP: &[u8] = include_bytes!("data/wire_icmp_unreachable.bin");
const FRAGMENTS: [&[u8]; 3] = [
    include_bytes!("data/wire_fragment_1.bin"),
    include_bytes!("data/wire_fragment_2.bin"),
    include_bytes!("data/wire_fragment_3.bin"),
];

const LINKS: [LinkType; 16] = [
    LinkType::ETHERNET,
    LinkType::LINUX_SLL,
    LinkType::LINUX_SLL2,
    LinkType::RAW,
    LinkType::RAW_BSD,
    LinkType::RAW_OPENBSD,
    LinkType::IPV4,
    LinkType::IPV6,
    LinkType::NULL,
    LinkType::LOOP,
    LinkType::PPP,
    LinkType::PPP_HDLC,
    LinkType::PPP_ETHER,
    LinkType::IEEE802_11,
    LinkType::IEEE802_11_RADIOTAP,
    LinkType(147),
];

/// A link header that announces IPv4.
fn header(link: LinkType) -> Vec<u8> {
    match link {
        LinkType::ETHERNET => [[0; 12].as_slice(), &[0x81, 0, 0, 7, 0x08, 0x00]].concat(),
        LinkType::LINUX_SLL => vec![0, 0, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0, 0x08, 0x00],
        LinkType::LINUX_SLL2 => vec![0x08, 0x00, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 1, 2, 3, 4, 5, 6, 0, 0],
        LinkType::NULL => vec![2, 0, 0, 0],
        LinkType::LOOP => vec![0, 0, 0, 2],
        LinkType::PPP | LinkType::PPP_HDLC => vec![0xff, 3, 0, 0x21],
        LinkType::PPP_ETHER => vec![0x11, 0, 0, 1, 0, 0, 0, 0x21],
        LinkType::IEEE802_11 => [&[8, 1][..], &[0; 22], &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0]].concat(),
        LinkType::IEEE802_11_RADIOTAP => [&[0, 0, 8, 0, 0, 0, 0, 0][..], &header(LinkType::IEEE802_11)].concat(),
        _ => Vec::new(),
    }
}

/// Pushes packets one after another, numbered as they come.
#[derive(Default)]
struct Feed {
    wire: Wire,
    gaps: Vec<Event>,
    arrival: u64,
}

impl Feed {
    fn push<'b>(&mut self, link: LinkType, bytes: &'b [u8], wire_len: usize) -> Option<Unit<'b>> {
        let id = PacketId { arrival: self.arrival, input: InputId(0), number: self.arrival + 1 };
        self.arrival += 1;
        let wire_len = u32::try_from(wire_len).expect("small");
        self.wire.packet(&Packet { id, at: CaptureTime(0), link, wire_len, bytes }, &mut self.gaps)
    }
}

fn route(path: &Path) -> String {
    format!("{} > {}", path.source, path.destination)
}

/// Who, how many payload bytes are held, how many were sent.
fn summary(unit: &Unit<'_>) -> (String, usize, usize) {
    let (path, held, cut) = match unit {
        Unit::Segment(segment) => (&segment.path, segment.payload.len(), segment.cut),
        Unit::Datagram(datagram) => (&datagram.path, datagram.payload.len(), datagram.cut),
        Unit::Unreachable { path, .. } => (path, 0, 0),
    };
    (route(path), held, held + cut as usize)
}

/// Each packet is in just one counter.
fn accounted(counters: &WireCounters) -> bool {
    counters.packets + counters.datagrams_rebuilt
        == counters.units
            + counters.copies
            + counters.unknown_links.values().sum::<u64>()
            + counters.not_ip
            + counters.too_deep
            + counters.headers_cut
            + counters.undecodable
            + counters.other_transports
            + counters.fragments
}

#[test]
fn recorded_packets_under_every_link_type() {
    for link in LINKS {
        for (frame, expected) in [
            (TCP_SYN, ("10.99.0.101:49486 > 10.99.0.10:88", 0)),
            (TCP_DATA, ("10.99.0.10:88 > 10.99.0.101:49500", 445)),
            (DNS_QUERY, ("10.99.0.101:45113 > 10.99.0.10:53", 78)),
            (ICMP, ("10.99.0.10:0 > 10.99.0.101:0", 0)),
        ] {
            let bytes = [header(link), frame[14..].to_vec()].concat();
            let mut feed = Feed::default();
            let unit = feed.push(link, &bytes, bytes.len());
            if link == LinkType(147) {
                assert!(unit.is_none());
                assert_eq!(feed.wire.counters().unknown_links.get(&link), Some(&1));
                continue;
            }
            let (path, held, sent) = summary(&unit.unwrap());
            assert_eq!(
                (path.split(' ').next_back(), held, sent),
                (expected.0.split(' ').next_back(), expected.1, expected.1)
            );
        }
    }
}

/// An IPv4 packet from 10.0.0.1 to 10.0.0.2.
fn ipv4(protocol: u8, id: u16, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let total = u16::try_from(20 + payload.len()).expect("small");
    let words = [total, id, fragment].map(u16::to_be_bytes);
    [&[0x45, 0], &words.concat()[..], &[64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2], payload].concat()
}

/// What an Ethernet frame with [`TCP_DATA`] in it looks like in each kind of tunnel.
fn tunnels() -> Vec<(&'static str, Vec<u8>)> {
    let (frame, packet) = (TCP_DATA, &TCP_DATA[14..]);
    let udp = |port: u16, header: &[u8]| {
        let length = u16::try_from(8 + header.len() + frame.len()).expect("small").to_be_bytes();
        ipv4(17, 1, 0, &[&[0xc0, 0], &port.to_be_bytes()[..], &length, &[0, 0], header, frame].concat())
    };
    let gre = |header: &[u8], inside: &[u8]| ipv4(47, 1, 0, &[header, inside].concat());
    vec![
        ("IP in IP", ipv4(4, 1, 0, packet)),
        ("GRE", gre(&[0, 0, 8, 0], packet)),
        ("GRE with Ethernet", gre(&[0x20, 0, 0x65, 0x58, 0, 0, 0, 1], frame)),
        ("ERSPAN", gre(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 0, 0, 0, 0, 0, 0, 0], frame)),
        ("VXLAN", udp(4789, &[8, 0, 0, 0, 0, 0, 7, 0])),
        ("GENEVE", udp(6081, &[0, 0, 0x65, 0x58, 0, 0, 7, 0])),
    ]
}

#[test]
fn packets_in_tunnels_and_in_tunnels_in_tunnels() {
    let expected = ("10.99.0.10:88 > 10.99.0.101:49500".to_owned(), 445, 445);
    for (name, bytes) in tunnels() {
        let mut feed = Feed::default();
        let unit = feed.push(LinkType::RAW, &bytes, bytes.len());
        assert_eq!(summary(&unit.unwrap()), expected, "{name}");
        let mut nested = bytes;
        for depth in 2..=6 {
            nested = ipv4(4, 1, 0, &nested);
            let unit = feed.push(LinkType::RAW, &nested, nested.len()).map(|unit| summary(&unit));
            // Four are looked through.
            assert_eq!(unit, (depth <= 4).then(|| expected.clone()), "{name} {depth}");
        }
        let counters = feed.wire.counters();
        assert_eq!((counters.too_deep, counters.unread.get(&Unread::TooDeep)), (2, Some(&2)));
        assert!(accounted(counters), "{name}");
    }
}

#[test]
fn every_cut_of_a_packet_in_a_tunnel_tells_what_is_missing() {
    for (name, bytes) in tunnels() {
        for end in 0..bytes.len() {
            let mut feed = Feed::default();
            if let Some(unit) = feed.push(LinkType::RAW, &bytes[..end], bytes.len()) {
                let (path, held, sent) = summary(&unit);
                // Before the tunnel's own header is whole, the outer datagram is what there is.
                let is_outer = path.starts_with("10.0.0.1");
                assert!(is_outer && end < 36 || !is_outer && sent == 445 && held < 445, "{name} {end}");
            }
            let counters = feed.wire.counters();
            assert!(accounted(counters) && counters.undecodable == 0, "{name} {end}: {counters:?}");
        }
    }
}

#[test]
fn fragments_of_a_tunnel_and_inside_one() {
    for (name, bytes) in tunnels() {
        let (protocol, payload) = (bytes[9], &bytes[20..]);
        let parts = [ipv4(protocol, 9, 0x2000, &payload[..160]), ipv4(protocol, 9, 20, &payload[160..])];
        let mut feed = Feed::default();
        // Each fragment of the tunnel in another tunnel.
        let wrapped = parts.map(|part| ipv4(4, 1, 0, &part));
        assert!(feed.push(LinkType::RAW, &wrapped[0], wrapped[0].len()).is_none(), "{name}");
        let unit = feed.push(LinkType::RAW, &wrapped[1], wrapped[1].len()).unwrap();
        assert_eq!(summary(&unit), ("10.99.0.10:88 > 10.99.0.101:49500".to_owned(), 445, 445), "{name}");
        assert!(accounted(feed.wire.counters()), "{name}");
    }
}

#[test]
fn packets_that_others_may_be_just_like_have_no_fingerprint() {
    let of = |link: LinkType, bytes: &[u8]| {
        let wire_len = u32::try_from(bytes.len()).expect("small");
        wire::fingerprint(&Packet { id: PacketId::FIRST, at: CaptureTime(0), link, wire_len, bytes })
    };
    for frame in [TCP_SYN, TCP_DATA, DNS_QUERY] {
        let (number, is_up) = of(LinkType::ETHERNET, frame).expect("it has one");
        assert_eq!(of(LinkType::RAW, &frame[14..]), Some((number, is_up)));
    }
    assert_eq!(of(LinkType::ETHERNET, ICMP), None);
    let mut heartbeat = DNS_QUERY[14..].to_vec();
    heartbeat[22..24].copy_from_slice(&4000_u16.to_be_bytes());
    assert_eq!(of(LinkType::RAW, &heartbeat), None);
    // An acknowledgement without data, and a keep-alive with one byte.
    let header = usize::from(TCP_DATA[14 + 20 + 12] >> 4) * 4;
    for length in [0, 1] {
        let segment = ipv4(6, 1, 0, &TCP_DATA[34..34 + header + length]);
        assert_eq!(of(LinkType::RAW, &segment), None, "{length}");
    }
}

#[test]
fn what_is_not_read_is_counted_by_what_it_says_it_is() {
    let mut feed = Feed::default();
    let ethernet = |high: u8, low: u8| [[0; 12].as_slice(), &[high, low], &[0; 46]].concat();
    for bytes in [ethernet(0x08, 0x06), ethernet(0x08, 0x06), ethernet(0x88, 0xe5), ethernet(0x00, 0x26)] {
        assert!(feed.push(LinkType::ETHERNET, &bytes, bytes.len()).is_none());
    }
    for bytes in [ipv4(50, 1, 0, &[0; 20]), ipv4(47, 1, 0, &[0, 0, 0x88, 0x3e]), ipv4(1, 1, 0, &[8; 8])] {
        assert!(feed.push(LinkType::RAW, &bytes, bytes.len()).is_none());
    }
    assert!(feed.push(LinkType(147), &[0; 10], 10).is_none());
    let counters = feed.wire.counters();
    let told: Vec<_> =
        counters.unread.iter().map(|(unread, count)| (unread.to_string(), *count, unread.may_hide())).collect();
    let expected = [
        ("link type 147", 1, true),
        ("EtherType 0x0806 (ARP)", 2, false),
        ("EtherType 0x88e5 (MACsec)", 1, true),
        ("802.2 service access point 0x00", 1, false),
        ("GRE protocol 0x883e", 1, true),
        ("IP protocol 50 (ESP)", 1, true),
    ];
    assert_eq!(told, expected.map(|(name, count, hides)| (name.to_owned(), count, hides)));
    assert!(accounted(counters));
    // Echo requests are understood, and of no interest.
    assert_eq!(counters.other_transports, 2);
}

#[test]
fn every_cut_of_every_packet_tells_what_is_missing() {
    for link in LINKS {
        for frame in [TCP_SYN, TCP_DATA, DNS_QUERY, ICMP] {
            let bytes = [header(link), frame[14..].to_vec()].concat();
            let whole = Feed::default().push(link, &bytes, bytes.len()).map(|unit| summary(&unit));
            for end in 0..bytes.len() {
                let mut feed = Feed::default();
                if let Some(unit) = feed.push(link, &bytes[..end], bytes.len()) {
                    let (path, _, sent) = summary(&unit);
                    assert_eq!(Some((path, sent)), whole.clone().map(|(path, _, sent)| (path, sent)), "{end}");
                }
                let counters = feed.wire.counters();
                assert_eq!((counters.packets, counters.cut, counters.undecodable), (1, 1, 0));
                assert!(accounted(counters), "{counters:?}");
                // The same bytes in a file that says this is all there was: the packet is taken at its word.
                let mut feed = Feed::default();
                if let Some(unit) = feed.push(link, &bytes[..end], end) {
                    let (path, _, sent) = summary(&unit);
                    assert_eq!(Some((path, sent)), whole.clone().map(|(path, _, sent)| (path, sent)), "{end}");
                }
                assert!(accounted(feed.wire.counters()));
                assert_eq!(feed.wire.counters().cut, 0);
            }
        }
    }
}

#[test]
fn a_cut_header_of_a_decoded_protocol_is_a_gap() {
    let mut feed = Feed::default();
    assert!(feed.push(LinkType::ETHERNET, &TCP_SYN[..14 + 20 + 8], TCP_SYN.len()).is_none());
    let [Event { path: Some(path), message: Message::Gap(gap), .. }] = feed.gaps.as_slice() else {
        panic!("{:?}", feed.gaps);
    };
    assert_eq!((gap.kind, gap.bytes), (GapKind::CutShort, 32));
    assert_eq!(path.destination.port, 88);
}

#[test]
fn unreachable_is_about_the_packet_it_quotes() {
    let Some(Unit::Unreachable { unreachable, path, .. }) = Feed::default().push(LinkType::ETHERNET, ICMP, ICMP.len())
    else {
        panic!();
    };
    assert_eq!((unreachable.icmp_type, unreachable.code), (3, 3));
    assert_eq!(route(&path), "10.99.0.10:0 > 10.99.0.101:0");
    assert_eq!(route(&unreachable.about.unwrap()), "10.99.0.101:58304 > 10.99.0.10:88");
}

#[test]
fn recorded_fragments_in_any_order() {
    let mut payloads = Vec::new();
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut feed = Feed::default();
        let mut units = order.map(|index| feed.push(LinkType::ETHERNET, FRAGMENTS[index], FRAGMENTS[index].len()));
        let Some(Unit::Datagram(datagram)) = units[2].take() else { panic!("{units:?}") };
        assert!(units.iter().all(Option::is_none));
        assert_eq!((datagram.first.number, datagram.packet.number, datagram.cut), (1, 3, 0));
        assert_eq!(route(&datagram.path), "10.99.0.101:51650 > 10.99.0.10:88");
        payloads.push(datagram.payload.into_owned());
        feed.wire.finish(&mut feed.gaps);
        assert!(feed.gaps.is_empty() && accounted(feed.wire.counters()));
    }
    assert_eq!(payloads[0].len(), 1480 + 1480 + 300 - 8);
    assert!(payloads.iter().all(|payload| *payload == payloads[0]));
    // AS-REQ: [APPLICATION 10].
    assert_eq!(payloads[0][0], 0x6a);
}

#[test]
fn a_lost_fragment_is_a_gap_at_the_end() {
    let mut feed = Feed::default();
    feed.push(LinkType::ETHERNET, FRAGMENTS[0], FRAGMENTS[0].len());
    feed.push(LinkType::ETHERNET, FRAGMENTS[2], FRAGMENTS[2].len());
    feed.wire.tick(CaptureTime(1), &mut feed.gaps);
    assert!(feed.gaps.is_empty());
    feed.wire.finish(&mut feed.gaps);
    let [Event { path: Some(path), message: Message::Gap(gap), seen, .. }] = feed.gaps.as_slice() else {
        panic!("{:?}", feed.gaps);
    };
    assert_eq!((gap.kind, gap.bytes, seen.first.number, seen.last.number), (GapKind::Missing, 1480, 1, 2));
    assert_eq!(path.destination.port, 88);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic_and_are_all_accounted_for(
        packets in prop::collection::vec((0..LINKS.len(), prop::collection::vec(any::<u8>(), 0..200), 0..400_usize), 1..8),
    ) {
        let mut feed = Feed::default();
        for (link, bytes, wire_len) in &packets {
            // Half of the time behind a header that leads somewhere.
            let bytes = if wire_len % 2 == 0 { [header(LINKS[*link]), bytes.clone()].concat() } else { bytes.clone() };
            feed.push(LINKS[*link], &bytes, *wire_len);
        }
        feed.wire.finish(&mut feed.gaps);
        prop_assert!(accounted(feed.wire.counters()), "{:?}", feed.wire.counters());
    }

    #[test]
    fn damaged_packets_never_panic_and_never_hold_more_than_came(
        which in 0..7_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        end in any::<prop::sample::Index>(),
        wire_len in any::<u32>(),
    ) {
        let mut bytes = [TCP_SYN, TCP_DATA, DNS_QUERY, ICMP, FRAGMENTS[0], FRAGMENTS[1], FRAGMENTS[2]][which].to_vec();
        for (at, value) in changes {
            // Headers are where it matters.
            let at = at.index(70);
            bytes[at] = value;
        }
        let mut feed = Feed::default();
        for wire_len in [bytes.len(), wire_len as usize] {
            let end = end.index(bytes.len() + 1);
            if let Some(unit) = feed.push(LinkType::ETHERNET, &bytes[..end], wire_len) {
                prop_assert!(summary(&unit).1 <= end);
            }
        }
        prop_assert!(accounted(feed.wire.counters()), "{:?}", feed.wire.counters());
    }

    #[test]
    fn fragments_of_any_cut_and_order_give_what_was_sent(
        payload in prop::collection::vec(any::<u8>(), 16..600),
        cuts in prop::collection::vec(1..40_usize, 0..6),
        seed in prop::collection::vec(any::<u16>(), 8),
        version_6 in any::<bool>(),
    ) {
        let length = u16::try_from(payload.len() + 8).unwrap().to_be_bytes();
        let sent = [[0xc0, 0, 0, 88, length[0], length[1], 0, 0].as_slice(), &payload].concat();
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut * 8).filter(|&cut| cut < sent.len()).collect();
        ends.extend([sent.len()]);
        ends.sort_unstable();
        ends.dedup();
        let mut begin = 0;
        let mut fragments = Vec::new();
        for (index, end) in ends.into_iter().enumerate() {
            let offset = u16::try_from(begin).unwrap();
            fragments.push((seed[index], fragment(version_6, offset, end < sent.len(), &sent[begin..end])));
            begin = end;
        }
        fragments.sort();
        let mut feed = Feed::default();
        let mut got = None;
        for (_, bytes) in &fragments {
            prop_assert!(got.is_none());
            got = feed.push(LinkType::RAW, bytes, bytes.len());
        }
        let Some(Unit::Datagram(datagram)) = got else { panic!("{got:?}") };
        prop_assert_eq!(datagram.payload.as_ref(), payload.as_slice());
        prop_assert_eq!(datagram.cut, 0);
    }
}

/// An IP fragment of a UDP datagram; whole where it is first and last.
fn fragment(version_6: bool, offset: u16, more: bool, bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("small");
    if version_6 {
        let [l1, l0] = (length + 8).to_be_bytes();
        let [o1, o0] = (offset | u16::from(more)).to_be_bytes();
        let mut packet = vec![0x60, 0, 0, 0, l1, l0, 44, 64];
        packet.extend([0x20; 32]);
        packet.extend([17, 0, o1, o0, 0, 0, 0, 9]);
        packet.extend(bytes);
        return packet;
    }
    let [l1, l0] = (length + 20).to_be_bytes();
    let [o1, o0] = ((offset / 8) | (u16::from(more) << 13)).to_be_bytes();
    let mut packet = vec![0x45, 0, l1, l0, 0, 9, o1, o0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    packet.extend(bytes);
    packet
}

/// Where the shared captures are, if they are.
fn shared() -> Option<PathBuf> {
    let path = std::env::var_os("HELLOTRACE_SHARED")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")), PathBuf::from);
    path.join("captures").is_dir().then_some(path)
}

fn captures(folder: &FilePath, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            captures(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "pcap" || extension == "cap") {
            found.push(path);
        }
    }
}

/// The packets of a classic pcap file, as far as it is whole. The link type is 0xffff for other files.
fn walk(file: &[u8], mut take: impl FnMut(LinkType, usize, &[u8])) {
    let Some(header) = file.get(..24) else { return };
    let little = match header[..4] {
        [0xd4, 0xc3, 0xb2, 0xa1] | [0x4d, 0x3c, 0xb2, 0xa1] => true,
        [0xa1, 0xb2, 0xc3, 0xd4] | [0xa1, 0xb2, 0x3c, 0x4d] => false,
        _ => return,
    };
    let number = |bytes: &[u8]| {
        let bytes = <[u8; 4]>::try_from(bytes).expect("four bytes");
        if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }
    };
    let link = LinkType(u16::try_from(number(&header[20..24]) & 0xffff).expect("masked"));
    let mut rest = &file[24..];
    while let Some((record, after)) = rest.split_at_checked(16) {
        let Some((bytes, next)) = after.split_at_checked(number(&record[8..12]) as usize) else { return };
        take(link, number(&record[12..16]) as usize, bytes);
        rest = next;
    }
}

#[test]
fn shared_captures_are_all_accounted_for() {
    let Some(shared) = shared() else {
        println!("skipped: no shared captures here (set HELLOTRACE_SHARED)");
        return;
    };
    let mut files = Vec::new();
    captures(&shared.join("captures"), &mut files);
    files.sort();
    let (mut packets, mut units) = (0, 0);
    for path in &files {
        let mut feed = Feed::default();
        let file = std::fs::read(path).unwrap();
        walk(&file, |link, wire_len, bytes| {
            let whole = feed.push(link, bytes, wire_len).map(|unit| summary(&unit));
            // What a shorter snap length leaves must tell of the same payload.
            let (Some((route, held, sent)), [.., _]) = (whole, bytes) else { return };
            for end in [60, 80, 128, bytes.len().saturating_sub(1)] {
                let Some(short) = bytes.get(..end) else { continue };
                if let Some(unit) = Feed::default().push(link, short, wire_len) {
                    let (short_route, short_held, short_sent) = summary(&unit);
                    // Cut before its own header is whole, a tunnel over UDP is a datagram like others.
                    if [":4789", ":6081"].iter().any(|port| short_route.ends_with(port) && !route.ends_with(port)) {
                        continue;
                    }
                    assert_eq!((short_route, short_sent), (route.clone(), sent), "{} {end}", path.display());
                    assert!(short_held <= held);
                }
            }
        });
        feed.wire.finish(&mut feed.gaps);
        let counters = feed.wire.counters();
        assert!(accounted(counters), "{}: {counters:?}", path.display());
        packets += counters.packets;
        units += counters.units;
    }
    println!("{} files, {packets} packets, {units} units", files.len());
    assert!(units > 0 && units <= packets);
}
