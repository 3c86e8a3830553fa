//! Inputs to begin with, cut out of the samples and the golden messages when they are asked for, so that none is kept.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
};

use capture::{Batch, CaptureTime, LinkType, Progress, Recorder, Source};
use decode::{
    FlowKey, cms,
    decoder::{DNS_PORT, Decoders, KERBEROS_PORT, LDAP_PORT, SMB_PORT},
    der::{Element, Reader, Tag},
    shard::{Config, Shard},
    wire::{Segment, Unit, Wire},
};

use super::{
    conversation,
    stream::{self, FROM_SERVER, SHUFFLED, SYN},
    wire,
};

/// Inputs by their target.
pub type Seeds = BTreeSet<(&'static str, Vec<u8>)>;

/// Packets in the files that are made for `file`: small ones are mutated to more effect.
const PACKETS_OF_A_FILE: usize = 12;

/// Makes the seeds of all targets from the project at `root`.
pub fn of_the_project(root: &Path) -> Seeds {
    let mut seeds = Seeds::new();
    let (samples, goldens) = (root.join("samples"), root.join("decode/tests/data"));
    for sample in entries(&samples) {
        for capture in entries(&sample).iter().filter(|path| has_extension(path, &["pcap", "pcapng", "gz"])) {
            seeds.insert(("capture", contents(capture)));
            of_a_capture(capture, &mut seeds);
        }
    }
    for (folder, target) in [("smb", "smb"), ("tls", "tls"), ("tls", "http")] {
        for client in entries(&goldens.join(folder)) {
            let server = client.to_string_lossy().replace("_client.bin", "_server.bin");
            if Path::new(&server) != client && has_extension(&client, &["bin"]) && Path::new(&server).is_file() {
                let sides = [contents(&client), contents(Path::new(&server))];
                for size in [100, 1460] {
                    let pieces = |by_server: bool| {
                        let pieces = sides[usize::from(by_server)].chunks(size);
                        pieces.flat_map(move |piece| conversation::written(by_server, piece)).collect::<Vec<u8>>()
                    };
                    seeds.insert((target, [pieces(false), pieces(true)].concat()));
                }
            }
        }
    }
    for values in entries(&goldens.join("key_credential")).iter().filter(|path| has_extension(path, &["txt"])) {
        key_credentials(&contents(values), &mut seeds);
    }
    ntlm_messages(&mut seeds);
    for (folder, target) in [("kerberos", "kerberos"), ("ldap", "ldap"), ("pkinit", "pkinit"), ("cms", "pkinit")] {
        for golden in entries(&goldens.join(folder)).iter().filter(|path| has_extension(path, &["bin"])) {
            message(target, &contents(golden), &mut seeds);
        }
    }
    for answer in entries(&goldens.join("ldap")).iter().filter(|path| has_extension(path, &["bin"])) {
        seeds.insert(("directory", contents(answer)));
    }
    for export in entries(&root.join("cli/tests/data")) {
        let export = contents(&export);
        for quarter in 1..=4 {
            let part = export.get(..export.len() * quarter / 4).unwrap_or(&export);
            seeds.insert(("directory", part.to_vec()));
        }
    }
    for golden in entries(&goldens).iter().filter(|path| has_extension(path, &["bin"])) {
        seeds.insert(("wire", wire::written(LinkType::ETHERNET, 0, &contents(golden))));
    }
    seeds
}

/// A packet of a sample.
struct Frame {
    at: CaptureTime,
    link: LinkType,
    wire_len: u32,
    bytes: Vec<u8>,
}

/// Messages that the shard of [`of_a_capture`] found; its decoders are plain functions and have no other place for
/// them.
static MESSAGES: Mutex<Vec<(&str, Vec<u8>)>> = Mutex::new(Vec::new());

fn of_a_capture(path: &Path, seeds: &mut Seeds) {
    let mut source = capture::open(&[path]).expect("the sample can be opened");
    let decoders = Decoders {
        kerberos: |bytes| {
            MESSAGES.lock().expect("one thread").push(("kerberos", bytes.to_vec()));
            Err(String::new())
        },
        dns: |bytes| {
            MESSAGES.lock().expect("one thread").push(("dns", bytes.to_vec()));
            Err(String::new())
        },
        ..Decoders::default()
    };
    let (mut wire, mut shard) = (Wire::new(), Shard::new(Config { decoders, ..Config::for_shards(1) }));
    let (mut batch, mut events) = (Batch::default(), Vec::new());
    let (mut frames, mut fragments) = (Vec::new(), Vec::new());
    let mut flows: BTreeMap<FlowKey, (Vec<usize>, Connection)> = BTreeMap::new();
    loop {
        let progress = source.fill(&mut batch).expect("the sample can be read");
        for packet in batch.packets() {
            let seed = wire::written(packet.link, 0, packet.bytes);
            let fragments_before = wire.counters().fragments;
            let unit = wire.packet(&packet, &mut events);
            if wire.counters().fragments > fragments_before {
                fragments.extend_from_slice(&seed);
            }
            seeds.insert(("wire", seed));
            if packet.link == LinkType::ETHERNET && frames.len() < 2 {
                in_other_links(packet.bytes, seeds);
            }
            if let Some(key) = unit.as_ref().and_then(Unit::flow) {
                let (places, segments) = flows.entry(key).or_default();
                places.push(frames.len());
                if let Some(Unit::Segment(segment)) = &unit {
                    segments.segment(segment);
                    if !segment.payload.is_empty() && [key.low.port, key.high.port].contains(&LDAP_PORT) {
                        message("ldap", &segment.payload, seeds);
                    }
                }
            }
            if let Some(Unit::Datagram(datagram)) = &unit
                && [datagram.path.source.port, datagram.path.destination.port].contains(&LDAP_PORT)
            {
                message("ldap", &datagram.payload, seeds);
            }
            if let Some(unit) = unit {
                shard.push(&unit, &mut events);
            }
            let (at, link, wire_len) = (packet.at, packet.link, packet.wire_len);
            frames.push(Frame { at, link, wire_len, bytes: packet.bytes.to_vec() });
        }
        if progress == Progress::End {
            break;
        }
    }
    for (target, bytes) in std::mem::take(&mut *MESSAGES.lock().expect("one thread")) {
        message(target, &bytes, seeds);
    }
    if !fragments.is_empty() {
        seeds.insert(("wire", fragments));
    }
    for (key, (places, segments)) in flows {
        let ports = [key.low.port, key.high.port];
        for (target, known) in [("smb", SMB_PORT), ("http", 80), ("http", 8080), ("tls", 443)] {
            if ports.contains(&known) && !segments.pieces.is_empty() {
                seeds.insert((target, segments.pieces.clone()));
            }
        }
        if let Some(port) = stream::PORTS.iter().position(|port| [key.low.port, key.high.port].contains(port)) {
            seeds.insert(("stream", [vec![u8::try_from(port).unwrap_or_default()], segments.written].concat()));
            seeds.insert(("capture", pcap(places.iter().map(|&place| &frames[place]), false, 0xa1b2_c3d4, &[])));
        }
    }
    of_a_file(&frames[..frames.len().min(PACKETS_OF_A_FILE)], seeds);
}

/// A TCP connection as `stream` reads it.
#[derive(Default)]
struct Connection {
    written: Vec<u8>,
    /// The same as `conversation` reads it.
    pieces: Vec<u8>,
    /// The sequence numbers of the first data byte of client and server.
    first: [Option<u32>; 2],
}

impl Connection {
    fn segment(&mut self, segment: &Segment<'_>) {
        let by_server = stream::PORTS.contains(&segment.path.source.port);
        let (own, peer) = (usize::from(by_server), usize::from(!by_server));
        let syn = u32::from(segment.flags & SYN != 0);
        let first = *self.first[own].get_or_insert(segment.sequence.wrapping_add(syn));
        let sequence = segment.sequence.wrapping_sub(first);
        let acknowledged =
            segment.acknowledgement.map(|number| number.wrapping_sub(*self.first[peer].get_or_insert(number)));
        let numbers = (segment.flags, sequence, acknowledged.unwrap_or_default());
        self.written.extend(stream::written(by_server, numbers, &segment.payload));
        if !segment.payload.is_empty() {
            self.pieces.extend(conversation::written(by_server, &segment.payload));
        }
    }
}

/// A message, and what it gives for other targets.
fn message(target: &'static str, bytes: &[u8], seeds: &mut Seeds) {
    if !seeds.insert((target, bytes.to_vec())) {
        return;
    }
    let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
    let (port, framed) = match target {
        "kerberos" => (KERBEROS_PORT, [&size, bytes].concat()),
        "dns" => (DNS_PORT, [&size[2..], bytes].concat()),
        "ldap" => (LDAP_PORT, bytes.to_vec()),
        _ => {
            for certificate in cms::signed_data(bytes).certificates {
                seeds.insert((target, certificate.der.to_vec()));
            }
            return;
        }
    };
    if target == "kerberos" {
        if let [0x6e | 0x6f | 0x7e, ..] = bytes {
            carried(bytes, seeds);
        }
        proxied(&framed, seeds);
        pkinit_values(&mut Reader::new(bytes), seeds);
    }
    let place = stream::PORTS.iter().position(|known| *known == port).unwrap_or_default();
    let pieces: [(u16, u16); 3] = [(30, 200), (0, 3), (120, 1400)];
    let head = |side| vec![u8::try_from(place).unwrap_or_default() | SHUFFLED | side, 3];
    for side in [0, FROM_SERVER] {
        let mut input = head(side);
        for (start, size) in pieces {
            input.extend([start.to_le_bytes(), size.to_le_bytes()].concat());
        }
        // Twice, so that one message follows another.
        input.extend([framed.clone(), framed.clone()].concat());
        seeds.insert(("stream", input));
    }
}

/// A message that proves who somebody is, in what carries such messages.
fn carried(message: &[u8], seeds: &mut Seeds) {
    const MECHANISM: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2, 1, 0];
    const SPNEGO: &[u8] = &[6, 6, 0x2b, 6, 1, 5, 5, 2];
    let framed = wrapped(0x60, &[MECHANISM, message].concat());
    let token = wrapped(0xa2, &wrapped(4, &framed));
    let init = wrapped(0x60, &[SPNEGO, &wrapped(0xa0, &wrapped(0x30, &token))].concat());
    let response = wrapped(0xa1, &wrapped(0x30, &wrapped(0xa2, &wrapped(4, message))));
    for token in [message, &framed[..], &init[..], &response[..]] {
        seeds.insert(("spnego", token.to_vec()));
        let Ok(size) = u16::try_from(token.len()) else { continue };
        let Ok(total) = u16::try_from(token.len() + 24) else { continue };
        for (kind, by_server) in [(11_u8, false), (12, true), (14, false)] {
            let header =
                [&[5, 0, kind, 3, 0x10, 0, 0, 0][..], &total.to_le_bytes(), &size.to_le_bytes(), &[1, 0, 0, 0]];
            let bind = [&header.concat()[..], &[9, 6, 0, 0, 0, 0, 0, 0], token].concat();
            seeds.insert(("dcerpc", conversation::written(by_server, &bind)));
        }
        let packet = |kind: u8, body: &[u8]| {
            let total = u16::try_from(body.len() + 8).unwrap_or(u16::MAX).to_be_bytes();
            [&[kind, 1, total[0], total[1], 0, 0, 1, 0], body].concat()
        };
        let answer = [&[0xed][..], &size.to_le_bytes(), token].concat();
        let both = [
            conversation::written(false, &packet(18, &[0, 0, 6, 0, 6, 0xff, 9, 0, 0, 0, 0, 0])),
            conversation::written(false, &packet(17, token)),
            conversation::written(true, &packet(4, &answer)),
        ];
        seeds.insert(("tds", both.concat()));
    }
    for version in [[0, 1], [0xff, 0x80]] {
        let size = |length: usize| u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
        for (ticket, rest) in [(message, &[][..]), (&[], message)] {
            let lengths = [size(6 + ticket.len() + rest.len()), version, size(ticket.len())].concat();
            seeds.insert(("kpasswd", [&lengths[..], ticket, rest].concat()));
        }
    }
}

/// A message behind its length, as a KDC proxy passes it on, both ways. MS-KKDCP 2.2.2.
fn proxied(framed: &[u8], seeds: &mut Seeds) {
    let body = wrapped(0x30, &wrapped(0xa0, &wrapped(4, framed)));
    let lines = ["POST /KdcProxy HTTP/1.1", "HTTP/1.1 200 OK\r\nContent-Type: application/kerberos"];
    let both = [false, true].into_iter().zip(lines).flat_map(|(by_server, line)| {
        let head = format!("{line}\r\nContent-Length: {}\r\n\r\n", body.len());
        conversation::written(by_server, &[head.as_bytes(), &body].concat())
    });
    seeds.insert(("http", both.collect()));
}

/// Behind its tag and a length of two octets.
fn wrapped(tag: u8, contents: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(contents.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&[tag, 0x82, high, low], contents].concat()
}

/// The three messages of NTLM, with names in either encoding. MS-NLMP 2.2.1.
fn ntlm_messages(seeds: &mut Seeds) {
    let shapes: [(u32, usize, usize, &[usize]); 3] =
        [(1, 32, 12, &[16, 24]), (2, 48, 20, &[12, 40]), (3, 64, 60, &[28, 36, 44])];
    for (number, header, flags_at, places) in shapes {
        for (flags, value) in
            [(0x0080_3001_u32, "C\0O\0R\0P\0"), (0x0080_3002, "CORP"), (0, ""), (u32::MAX, "\u{1}\0\u{2}\0a\0")]
        {
            let mut bytes = [&b"NTLMSSP\0"[..], &number.to_le_bytes()].concat();
            bytes.resize(header, 0);
            bytes[flags_at..flags_at + 4].copy_from_slice(&flags.to_le_bytes());
            for &place in places {
                let size = u16::try_from(value.len()).unwrap_or_default().to_le_bytes();
                let offset = u32::try_from(bytes.len()).unwrap_or_default().to_le_bytes();
                bytes[place..place + 8].copy_from_slice(&[size, size, [offset[0], offset[1]], [0, 0]].concat());
                bytes.extend(value.as_bytes());
            }
            seeds.insert(("ntlm", bytes));
        }
    }
}

/// The values in a file with one a line, and what is inside of them.
fn key_credentials(text: &[u8], seeds: &mut Seeds) {
    for line in text.split(|&byte| byte == b'\n').filter(|line| line.starts_with(b"B:")) {
        seeds.insert(("key_credential", line.to_vec()));
        let hex = line.split(|&byte| byte == b':').nth(2).unwrap_or_default();
        let digit =
            |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).unwrap_or_default();
        let blob: Vec<u8> = hex.as_chunks().0.iter().map(|[high, low]| digit(*high) << 4 | digit(*low)).collect();
        // Cut at some of its entries, too.
        for end in (blob.len() / 4..=blob.len()).step_by((blob.len() / 4).max(1)) {
            seeds.insert(("key_credential", blob[..end].to_vec()));
        }
    }
}

/// The values of padata 16 and 17, wherever they are.
fn pkinit_values(reader: &mut Reader<'_>, seeds: &mut Seeds) {
    while let Ok(element) = reader.element() {
        if let Some(value) = pkinit_value(&element) {
            message("pkinit", value, seeds);
        } else if element.tag.0 & 0x20 != 0 {
            pkinit_values(&mut element.reader(), seeds);
        }
    }
}

/// RFC 4120 §5.2.7: PA-DATA ::= SEQUENCE { padata-type [1] Int32, padata-value [2] OCTET STRING }
fn pkinit_value<'a>(element: &Element<'a>) -> Option<&'a [u8]> {
    let mut reader = element.reader();
    let kind = reader.expect(Tag::context(1)).ok()?.inner_expect(Tag::INTEGER).ok()?.integer().ok()?;
    let value = reader.expect(Tag::context(2)).ok()?.inner_expect(Tag::OCTET_STRING).ok()?;
    [16, 17].contains(&kind).then_some(value.contents)
}

/// An Ethernet frame as other links have it.
fn in_other_links(frame: &[u8], seeds: &mut Seeds) {
    let (Some((addresses, typed)), Some(ip)) = (frame.split_at_checked(12), frame.get(14..)) else { return };
    let mut apple = [0; 108];
    (apple[0], apple[4], apple[8]) = (108, 1, 1);
    let snap = [&[0xaa, 0xaa, 3, 0, 0, 0], typed].concat();
    let length = u16::try_from(snap.len()).unwrap_or_default().to_be_bytes();
    let mut wireless = [0; 26];
    (wireless[0], wireless[24]) = (0x88, 0x80);
    for (link, written) in [
        (LinkType::USER2, [&apple[..], frame].concat()),
        (LinkType::PKTAP, [&apple[..], frame].concat()),
        (LinkType::PFLOG, [&[61, 2][..], &[0; 62], ip].concat()),
        (LinkType::IPOIB, [&[0; 40][..], &[8, 0, 0, 0], ip].concat()),
        (LinkType::JUNIPER_ETHER, [b"MGC\x81\0\x03\x01\x01\x07", frame].concat()),
        (LinkType::DSA_MARVELL, [addresses, &[0x40, 8, 0, 0], typed].concat()),
        (LinkType::DSA_MARVELL_TYPED, [addresses, &[0xda, 0xda, 0, 0, 0x40, 8, 0, 0], typed].concat()),
        (LinkType::DSA_BROADCOM_PREPENDED, [&[0, 0, 0, 1], frame].concat()),
        (LinkType::IEEE802_11, [&wireless[..], addresses, &length, &snap].concat()),
    ] {
        seeds.insert(("wire", wire::written(link, 0, &written)));
    }
}

/// The same packets in every form of file.
fn of_a_file(frames: &[Frame], seeds: &mut Seeds) {
    for (big_endian, nanoseconds) in [(false, false), (false, true), (true, false), (true, true)] {
        let magic = if nanoseconds { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
        seeds.insert(("file", pcap(frames.iter(), big_endian, magic, &[])));
    }
    // Records of patched libpcaps and of Nokia.
    for (magic, more) in [
        (0xa1b2_c3d4, &[2, 0, 0, 0, 8, 0, 0, 0][..]),
        (0xa1b2_c3d4, &[0x53, 1, 0x99, 0x80]),
        (0xa1b2_cd34, &[2, 0, 0, 0, 8, 0, 0, 0]),
        (0xa1b2_cd34, &[2, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0]),
    ] {
        seeds.insert(("file", pcap(frames.iter().take(3), false, magic, more)));
    }
    let plain = pcap(frames.iter().take(2), false, 0xa1b2_c3d4, &[]);
    let zipped = gzip(&plain);
    // Cut, damaged, and with something behind it.
    seeds.insert(("file", zipped[..zipped.len() / 2].to_vec()));
    seeds.insert(("file", [&zipped[..], &zipped].concat()));
    seeds.insert(("file", [&zipped[..], b"no member"].concat()));
    let mut damaged = zipped.clone();
    damaged[zipped.len() / 2] ^= 1;
    seeds.insert(("file", damaged));
    seeds.insert(("file", zipped));
    seeds.insert(("file", plain[..plain.len().saturating_sub(5)].to_vec()));
    let mut recorder = Recorder::new(Vec::new(), "seeds").expect("memory can be written");
    let link = frames.first().map_or(LinkType::ETHERNET, |frame| frame.link);
    let interface = recorder.interface("eth0", link, 65_535, "port 88").expect("memory can be written");
    for Frame { at, wire_len, bytes, .. } in frames {
        recorder.packet(interface, *at, *wire_len, bytes).expect("memory can be written");
    }
    let last = frames.last().map_or(CaptureTime(0), |frame| frame.at);
    recorder.statistics(interface, last, 12, capture::Losses::default()).expect("memory can be written");
    seeds.insert(("file", recorder.into_inner()));
}

/// <https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html>, with `more` behind the header of each record.
fn pcap<'f>(frames: impl Iterator<Item = &'f Frame>, big_endian: bool, magic: u32, more: &[u8]) -> Vec<u8> {
    let u32_of = |number: u32| if big_endian { number.to_be_bytes() } else { number.to_le_bytes() };
    let u16_of = |number: u16| if big_endian { number.to_be_bytes() } else { number.to_le_bytes() };
    let mut frames = frames.peekable();
    let link = frames.peek().map_or(LinkType::ETHERNET, |frame| frame.link);
    let version = [u16_of(2), u16_of(4)].concat();
    let mut file = [&u32_of(magic)[..], &version, &[0; 8], &u32_of(65_535), &u32_of(link.0.into())].concat();
    for Frame { at, wire_len, bytes, .. } in frames {
        let fraction = at.0.rem_euclid(CaptureTime::SECOND) / if magic == 0xa1b2_3c4d { 1 } else { 1000 };
        let size = u32::try_from(bytes.len()).unwrap_or_default();
        for number in [at.seconds(), fraction].map(|number| u32::try_from(number).unwrap_or_default()) {
            file.extend(u32_of(number));
        }
        file.extend([u32_of(size), u32_of(*wire_len)].concat());
        file.extend(more);
        file.extend(bytes);
    }
    file
}

/// RFC 1952, one member, with one stored block of RFC 1951. `bytes` are at most 65,535.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let crc = !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    });
    let size = u16::try_from(bytes.len()).expect("a small file");
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1];
    let sizes = [size.to_le_bytes(), (!size).to_le_bytes()].concat();
    [&head[..], &sizes, bytes, &crc.to_le_bytes(), &u32::from(size).to_le_bytes()].concat()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    paths
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension().and_then(|extension| extension.to_str()).is_some_and(|extension| extensions.contains(&extension))
}

fn contents(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
