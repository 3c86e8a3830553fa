//! Every format, whole, cut at every byte, and made of nonsense.
//!
//! The captures are built here byte by byte, so that a test shows what it reads. Captures that others published are
//! read as well where they are at hand.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "all of this file is tests")]

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use capture::{
    Aftermath, Batch, CaptureError, CaptureTime, Damage, Files, LinkType, Losses, MAX_PACKET, Progress, Source,
};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use twox_hash::XxHash32;

/// 2026-01-02 03:04:05 UTC.
const SECOND: u64 = 1_767_323_045;

/// A packet as read, without its place in a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Got {
    input: u16,
    number: u64,
    at: i64,
    link: u16,
    wire_len: u32,
    bytes: Vec<u8>,
}

/// What a source gave, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Tick(i64),
    Packet(Got),
    Damage(Damage),
}

#[derive(Debug)]
struct Reading {
    steps: Vec<Step>,
    losses: Losses,
    error: Option<CaptureError>,
}

impl Reading {
    fn packets(&self) -> Vec<Got> {
        self.steps
            .iter()
            .filter_map(|step| if let Step::Packet(got) = step { Some(got.clone()) } else { None })
            .collect()
    }

    fn damage(&self) -> Vec<Damage> {
        self.steps.iter().filter_map(|step| if let Step::Damage(it) = step { Some(it.clone()) } else { None }).collect()
    }

    fn whole(self) -> Vec<Got> {
        assert!(self.error.is_none(), "{:?}", self.error);
        assert_eq!(self.damage(), []);
        self.packets()
    }
}

fn read(mut source: Files, most_packets: usize) -> Reading {
    let mut batch = Batch::new(most_packets);
    let mut reading = Reading { steps: Vec::new(), losses: Losses::default(), error: None };
    let mut arrival = 0;
    loop {
        let progress = match source.fill(&mut batch) {
            Ok(progress) => progress,
            Err(error) => {
                reading.error = Some(error);
                assert_eq!(source.fill(&mut batch).unwrap(), Progress::End);
                assert!(batch.is_empty());
                break;
            }
        };
        assert!(batch.len() <= most_packets);
        let is_bare = batch.is_empty() && batch.damage().is_empty();
        assert!(!is_bare || progress == Progress::End, "a batch of nothing");
        reading.steps.extend(batch.tick().map(|tick| Step::Tick(tick.seconds())));
        for packet in batch.packets() {
            assert_eq!(packet.id.arrival, arrival);
            arrival += 1;
            reading.steps.push(Step::Packet(Got {
                input: packet.id.input.0,
                number: packet.id.number,
                at: packet.at.0,
                link: packet.link.0,
                wire_len: packet.wire_len,
                bytes: packet.bytes.to_vec(),
            }));
        }
        reading.steps.extend(batch.damage().iter().cloned().map(Step::Damage));
        if progress == Progress::End {
            break;
        }
    }
    reading.losses = source.losses();
    reading
}

fn read_bytes(bytes: &[u8]) -> Reading {
    read(Files::from_reader("x", Cursor::new(bytes.to_vec())), 4096)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

const ORDERS: [Order; 2] = [Order::Little, Order::Big];

/// Bytes under construction.
#[derive(Clone)]
struct Builder {
    order: Order,
    bytes: Vec<u8>,
    /// Where each packet ends that was added.
    ends: Vec<usize>,
    /// Where the input may be cut without anyone noticing.
    seams: Vec<usize>,
}

impl Builder {
    fn new(order: Order) -> Self {
        Self { order, bytes: Vec::new(), ends: Vec::new(), seams: Vec::new() }
    }

    fn u16(&self, value: u16) -> [u8; 2] {
        if self.order == Order::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    fn u32(&self, value: u32) -> [u8; 4] {
        if self.order == Order::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    fn u64(&self, value: u64) -> [u8; 8] {
        if self.order == Order::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    fn words(&self, values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|value| self.u32(*value)).collect()
    }

    fn pcap(order: Order, magic: u32, network: u32) -> Self {
        let mut it = Self::new(order);
        it.bytes = [&it.u32(magic)[..], &it.u16(2), &it.u16(4), &it.words(&[0, 0, 65535, network])].concat();
        it.seams.push(it.bytes.len());
        it
    }

    fn record(mut self, seconds: u64, fraction: u32, wire_len: u32, bytes: &[u8]) -> Self {
        let header = self.words(&[u32::try_from(seconds).unwrap(), fraction, length(bytes), wire_len]);
        self.bytes.extend(header);
        self.bytes.extend(bytes);
        self.ends.push(self.bytes.len());
        self.seams.push(self.bytes.len());
        self
    }

    fn snoop(version: u32, datalink: u32) -> Self {
        let mut it = Self::new(Order::Big);
        it.bytes = [&b"snoop\0\0\0"[..], &it.words(&[version, datalink])].concat();
        it.seams.push(it.bytes.len());
        it
    }

    fn snooped(mut self, seconds: u64, microseconds: u32, wire_len: u32, bytes: &[u8], drops: u32) -> Self {
        let whole = 24 + bytes.len().next_multiple_of(4);
        let [whole, seconds] = [whole as u64, seconds].map(|number| u32::try_from(number).unwrap());
        self.bytes.extend(self.words(&[wire_len, length(bytes), whole, drops, seconds, microseconds]));
        self.bytes.extend(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self.ends.push(self.bytes.len());
        self.seams.push(self.bytes.len());
        self
    }

    fn block(mut self, kind: u32, body: &[u8]) -> Self {
        let length = u32::try_from(12 + body.len().next_multiple_of(4)).unwrap();
        self.bytes.extend(self.words(&[kind, length]));
        self.bytes.extend(body);
        self.bytes.extend(vec![0; body.len().next_multiple_of(4) - body.len()]);
        self.bytes.extend(self.u32(length));
        self.seams.push(self.bytes.len());
        self
    }

    fn section(mut self, order: Order) -> Self {
        self.order = order;
        let body = [&self.u32(0x1a2b_3c4d)[..], &self.u16(1), &self.u16(0), &[0xff; 8]].concat();
        self.block(0x0a0d_0d0a, &body)
    }

    fn option(&self, code: u16, value: &[u8]) -> Vec<u8> {
        let mut option = [&self.u16(code)[..], &self.u16(u16::try_from(value.len()).unwrap()), value].concat();
        option.resize(option.len().next_multiple_of(4), 0);
        option
    }

    fn interface(self, link: u16, snaplen: u32, resolution: Option<u8>, offset: Option<i64>) -> Self {
        let mut body = [&self.u16(link)[..], &[0, 0], &self.u32(snaplen)].concat();
        body.extend(self.option(2, b"eth0"));
        body.extend(resolution.map(|resolution| self.option(9, &[resolution])).unwrap_or_default());
        body.extend(offset.map(|offset| self.option(14, &self.u64(offset.cast_unsigned()))).unwrap_or_default());
        body.extend([0; 4]);
        self.block(1, &body)
    }

    fn packet_body(&self, stamp: u64, wire_len: u32, bytes: &[u8]) -> Vec<u8> {
        let [upper, lower] = [stamp >> 32, stamp & 0xffff_ffff].map(|half| u32::try_from(half).unwrap());
        let mut body = self.words(&[upper, lower, length(bytes), wire_len]);
        body.extend(bytes);
        body.resize(body.len().next_multiple_of(4), 0);
        body
    }

    fn enhanced(self, interface: u32, stamp: u64, wire_len: u32, bytes: &[u8]) -> Self {
        let mut body = self.u32(interface).to_vec();
        body.extend(self.packet_body(stamp, wire_len, bytes));
        body.extend(self.option(1, b"a comment"));
        self.block(6, &body).end_of_packet()
    }

    fn obsolete(self, interface: u16, stamp: u64, wire_len: u32, bytes: &[u8]) -> Self {
        let mut body = [self.u16(interface), self.u16(0xffff)].concat();
        body.extend(self.packet_body(stamp, wire_len, bytes));
        self.block(2, &body).end_of_packet()
    }

    fn simple(self, wire_len: u32, bytes: &[u8]) -> Self {
        let body = [&self.u32(wire_len)[..], bytes].concat();
        self.block(3, &body).end_of_packet()
    }

    fn drops(self, interface: u32, by_interface: u64, by_system: u64) -> Self {
        let mut body = self.words(&[interface, 0, 0]);
        body.extend(self.option(4, &self.u64(99)));
        body.extend(self.option(5, &self.u64(by_interface)));
        body.extend(self.option(7, &self.u64(by_system)));
        self.block(5, &body)
    }

    fn end_of_packet(mut self) -> Self {
        self.ends.push(self.bytes.len());
        self
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap()
}

fn nanoseconds(seconds: u64, more: i64) -> i64 {
    CaptureTime(more).plus_seconds(seconds.cast_signed()).0
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

/// Blocks of 64 KiB at most that refer to what stands before them, with all checksums, as `lz4 -BD -BX` makes.
fn lz4(bytes: &[u8]) -> Vec<u8> {
    let sum = |bytes: &[u8]| XxHash32::oneshot(0, bytes);
    let mut header = vec![0b0101_1100, 0x40];
    header.extend((bytes.len() as u64).to_le_bytes());
    let mut frame = vec![0x04, 0x22, 0x4d, 0x18];
    frame.extend(&header);
    frame.push(sum(&header).to_le_bytes()[1]);
    for begin in (0..bytes.len()).step_by(0x1_0000) {
        let end = bytes.len().min(begin + 0x1_0000);
        let before = &bytes[begin.saturating_sub(0x1_0000)..begin];
        let block = lz4_flex::block::compress_with_dict(&bytes[begin..end], before);
        if block.len() < end - begin {
            frame.extend(length(&block).to_le_bytes());
            frame.extend(&block);
            frame.extend(sum(&block).to_le_bytes());
        } else {
            frame.extend((length(&bytes[begin..end]) | 1 << 31).to_le_bytes());
            frame.extend(&bytes[begin..end]);
            frame.extend(sum(&bytes[begin..end]).to_le_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(sum(bytes).to_le_bytes());
    frame
}

/// Of each compression its name, how to pack, and how long what comes behind the last byte of the content is.
type Packer = (&'static str, fn(&[u8]) -> Vec<u8>, usize);
const PACKERS: [Packer; 3] = [("gzip", gzip, 8), ("zstd", zstd, 4), ("lz4", lz4, 8)];

/// A frame that carries nothing for whoever reads the content (RFC 8878 §3.1.2).
const SKIPPABLE: [u8; 11] = [0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;

fn small_pcap(order: Order, magic: u32) -> Builder {
    Builder::pcap(order, magic, 0x1000_0001)
        .record(SECOND, 5, 60, b"first")
        .record(SECOND, 999_999, 6, b"second")
        .record(SECOND + 1, 0, 1500, &[0xab; 40])
}

/// Two sections of different byte order, three interfaces, all kinds of packet blocks, and blocks of no interest.
fn small_pcapng(first: Order, second: Order) -> Builder {
    Builder::new(first)
        .section(first)
        .block(4, &[0; 8])
        .interface(1, 0, None, None)
        .interface(113, 64, Some(9), Some(3600))
        .enhanced(0, SECOND * 1_000_000 + 7, 60, b"one")
        .enhanced(1, SECOND * 1_000_000_000 + 7, 4, b"two!")
        .drops(0, 3, 4)
        .block(0x0000_0bad, &[1; 16])
        .obsolete(1, SECOND * 1_000_000_000 + 8, 5, b"three")
        .simple(6, b"fourth")
        .drops(0, 5, 6)
        .drops(1, 100, 0)
        .section(second)
        .interface(276, 5, Some(0x8a), Some(-1))
        .block(0x8000_1234, b"unknown")
        .enhanced(0, (SECOND << 10) + 512, 9, b"five")
        .simple(1000, b"sixth")
        .drops(0, 0, 1000)
}

fn expected_of_small_pcapng() -> Vec<Got> {
    let hour = SECOND + 3600;
    let got = |number, at, link, wire_len, bytes: &[u8]| {
        let bytes = bytes.to_vec();
        Got { input: 0, number, at, link, wire_len, bytes }
    };
    vec![
        got(1, nanoseconds(SECOND, 7_000), 1, 60, b"one"),
        got(2, nanoseconds(hour, 7), 113, 4, b"two!"),
        // Wireshark shows the custom block as number 3.
        got(4, nanoseconds(hour, 8), 113, 5, b"three"),
        got(5, nanoseconds(hour, 8), 1, 6, b"fourth"),
        got(6, nanoseconds(SECOND - 1, 500_000_000), 276, 9, b"five"),
        got(7, nanoseconds(SECOND - 1, 500_000_000), 276, 1000, b"sixth"),
    ]
}

fn small_captures() -> Vec<(String, Builder)> {
    let mut captures = Vec::new();
    for order in ORDERS {
        for magic in [MICROSECONDS, NANOSECONDS] {
            captures.push((format!("pcap {order:?} {magic:08x}"), small_pcap(order, magic)));
        }
        for second in ORDERS {
            captures.push((format!("pcapng {order:?} {second:?}"), small_pcapng(order, second)));
        }
    }
    captures.push(("snoop".to_owned(), small_snoop()));
    captures
}

fn small_snoop() -> Builder {
    Builder::snoop(2, 4).snooped(SECOND, 5, 60, b"first", 0).snooped(SECOND, 999_999, 6, b"second", 2).snooped(
        SECOND + 1,
        0,
        1500,
        &[0xab; 40],
        3,
    )
}

#[test]
fn snoop_records_and_drops() {
    let reading = read_bytes(&small_snoop().bytes);
    assert_eq!(reading.losses, Losses { by_system: 3, ..Losses::default() });
    let got =
        |number, at, wire_len, bytes: &[u8]| Got { input: 0, number, at, link: 1, wire_len, bytes: bytes.to_vec() };
    let expected = [
        got(1, nanoseconds(SECOND, 5_000), 60, b"first"),
        got(2, nanoseconds(SECOND, 999_999_000), 6, b"second"),
        got(3, nanoseconds(SECOND + 1, 0), 1500, &[0xab; 40]),
    ];
    assert_eq!(reading.whole(), expected);
    for (version, datalink, what) in [
        (3, 4, "it is of version 3 of snoop's format, and only version 2 is known at byte 8"),
        (2, 99, "it holds packets of snoop's data link type 99, which is not known at byte 8"),
    ] {
        let capture = Builder::snoop(version, datalink).snooped(SECOND, 0, 5, b"first", 0);
        let error = read_bytes(&capture.bytes).error.unwrap().to_string();
        assert!(error.contains(what), "{error}");
    }
}

#[test]
fn snoop_goes_on_behind_damage() {
    let capture = small_snoop().snooped(SECOND + 2, 0, 5, b"fifth", 3);
    let second = capture.ends[0];
    let mut bytes = capture.bytes.clone();
    // The length of the second record, and of the packet in it.
    for (at, what) in [
        (second + 11, "a record of 223 bytes claims a packet of 6"),
        (second + 5, "a packet claims 16711686 bytes, more than the 262144 possible"),
    ] {
        bytes[at] ^= 0xff;
        let reading = read_bytes(&bytes);
        let [damage] = &reading.damage()[..] else { panic!("{:?}", reading.damage()) };
        assert_eq!((damage.what.as_str(), damage.offset), (what, second as u64));
        assert_eq!(damage.then, Aftermath::Resumed { skipped: (capture.ends[1] - second) as u64 });
        assert_eq!(
            reading.packets().iter().map(|got| &got.bytes[..]).collect::<Vec<_>>(),
            [b"first", &[0xab; 40][..], b"fifth"]
        );
        bytes[at] ^= 0xff;
    }
}

#[test]
fn pcap_in_every_byte_order_and_unit() {
    for order in ORDERS {
        for (magic, unit) in [(MICROSECONDS, 1000), (NANOSECONDS, 1)] {
            let got = |number, at, wire_len, bytes: &[u8]| {
                let (link, bytes) = (LinkType::ETHERNET.0, bytes.to_vec());
                Got { input: 0, number, at, link, wire_len, bytes }
            };
            let expected = [
                got(1, nanoseconds(SECOND, 5 * unit), 60, b"first"),
                got(2, nanoseconds(SECOND, 999_999 * unit), 6, b"second"),
                got(3, nanoseconds(SECOND + 1, 0), 1500, &[0xab; 40]),
            ];
            assert_eq!(read_bytes(&small_pcap(order, magic).bytes).whole(), expected);
        }
    }
}

#[test]
fn pcap_of_patched_libpcap() {
    for order in ORDERS {
        let record = |it: Builder, bytes: &[u8]| {
            let more = [&[0; 8][..], bytes].concat();
            let header = it.words(&[u32::try_from(SECOND).unwrap(), 1, length(bytes), 60]);
            Builder { bytes: [it.bytes, header, more].concat(), ..it }
        };
        let capture = record(record(Builder::pcap(order, 0xa1b2_cd34, 1), b"first"), b"second");
        let packets = read_bytes(&capture.bytes).whole();
        assert_eq!(packets.iter().map(|got| &got.bytes[..]).collect::<Vec<_>>(), [&b"first"[..], b"second"]);
    }
}

/// A frame that carries IPv4, its addresses and the rest filled with a byte.
fn frame(filled: u8, length: usize) -> Vec<u8> {
    let mut frame = vec![filled; length];
    frame[12..14].copy_from_slice(&[8, 0]);
    frame
}

/// Three frames in records whose headers are longer than usual by `more`.
fn longer_records(order: Order, magic: u32, more: &[u8]) -> (Builder, Vec<Vec<u8>>) {
    let frames = vec![frame(0x0a, 60), frame(0xfe, 1514), frame(0x11, 42)];
    let capture = frames.iter().fold(Builder::pcap(order, magic, 1), |it, frame| {
        let header = it.words(&[u32::try_from(SECOND).unwrap(), 1, length(frame), length(frame)]);
        let mut it = Builder { bytes: [&it.bytes, &header, more, frame].concat(), ..it };
        it.ends.push(it.bytes.len());
        it
    });
    (capture, frames)
}

fn bytes_of(packets: Vec<Got>) -> Vec<Vec<u8>> {
    packets.into_iter().map(|got| got.bytes).collect()
}

#[test]
fn pcap_with_longer_records_is_told_by_its_second() {
    for order in ORDERS {
        // Interface 2, IPv4 in the order of the network and of the machine, a broadcast; for SuSE two processors.
        let interface = Builder::new(order).u32(2);
        let kuznetzov = [&interface[..], &[8, 0, 1, 0]].concat();
        let turned = [&interface[..], &[0, 8, 1, 0]].concat();
        let suse = [&interface[..], &[8, 0, 1, 0, 1, 0, 0, 0]].concat();
        for (magic, more) in [
            (MICROSECONDS, &kuznetzov[..]),
            (MICROSECONDS, &turned),
            (MICROSECONDS, &[0x53, 0x01, 0x99, 0x80]),
            (0xa1b2_cd34, &kuznetzov),
            (0xa1b2_cd34, &suse),
        ] {
            let (capture, frames) = longer_records(order, magic, more);
            assert_eq!(bytes_of(read_bytes(&capture.bytes).whole()), frames, "{order:?} {more:x?}");
            // Nothing more comes behind the empty piece.
            let pieces = capture.bytes.chunks(7).chain([&[][..]]).map(<[u8]>::to_vec).collect();
            let slowly = read(Files::from_reader("x", Pipe(pieces)), 4096);
            assert_eq!(bytes_of(slowly.whole()), frames, "{order:?} {more:x?}, from a pipe");
            // A file of one packet.
            let alone = &capture.bytes[..capture.ends[0]];
            assert_eq!(bytes_of(read_bytes(alone).whole()), frames[..1], "{order:?} {more:x?}");
            for cut in capture.ends[1]..capture.bytes.len() {
                let packets = bytes_of(read_bytes(&capture.bytes[..cut]).packets());
                assert_eq!(packets, frames[..2], "{order:?} {more:x?} cut at {cut}");
            }
        }
    }
}

#[test]
fn usual_pcap_is_not_taken_for_one_with_longer_records() {
    // What stands where a longer record has an interface and types, in packets of a link that has them there, too.
    let odd = [&[0, 0, 0, 2, 8, 0, 1, 0][..], &[0x45; 30]].concat();
    for link in [1, 113, 147] {
        let capture = Builder::pcap(Order::Little, MICROSECONDS, link);
        let capture = capture.record(SECOND, 5, length(&odd), &odd).record(SECOND, 6, length(&odd), &odd);
        assert_eq!(bytes_of(read_bytes(&capture.bytes).whole()), [odd.clone(), odd.clone()]);
    }
}

#[test]
fn pcap_of_other_programs() {
    for order in ORDERS {
        // Ixia: how many bytes follow stands behind the usual header.
        for (magic, unit) in [(0x1c00_01ab, 1000), (0x1c00_01ac, 1)] {
            let mut capture = Builder::pcap(order, magic, 1);
            capture.bytes.extend([9; 4]);
            let packets = read_bytes(&capture.record(SECOND, 5, 60, b"first").bytes).whole();
            assert_eq!((packets[0].at, &packets[0].bytes[..]), (nanoseconds(SECOND, 5 * unit), &b"first"[..]));
        }
        // AIX: version 2.2, Ethernet is 6, and fractions are nanoseconds.
        let mut capture = Builder::pcap(order, MICROSECONDS, 6);
        capture.bytes[6..8].copy_from_slice(&Builder::new(order).u16(2));
        let packets = read_bytes(&capture.record(SECOND, 999_999_999, 60, b"first").bytes).whole();
        assert_eq!((packets[0].at, packets[0].link), (nanoseconds(SECOND, 999_999_999), 1));
        // Up to 2.2 the length on the wire came first; some say 2.3 and do the same.
        for minor in [0, 1, 2, 3] {
            let mut capture = Builder::pcap(order, MICROSECONDS, 1);
            capture.bytes[6..8].copy_from_slice(&Builder::new(order).u16(minor));
            for bytes in [&b"first"[..], b"second"] {
                let header = capture.words(&[u32::try_from(SECOND).unwrap(), 1, 60, length(bytes)]);
                capture.bytes.extend([&header, bytes].concat());
            }
            let packets = read_bytes(&capture.bytes).whole();
            assert_eq!(packets.iter().map(|got| got.wire_len).collect::<Vec<_>>(), [60, 60]);
            assert_eq!(bytes_of(packets), [&b"first"[..], b"second"]);
        }
    }
}

#[test]
fn pcapng_sections_interfaces_and_blocks() {
    for first in ORDERS {
        for second in ORDERS {
            let reading = read_bytes(&small_pcapng(first, second).bytes);
            assert_eq!(reading.losses, Losses { by_interface: 105, by_system: 1006, ..Losses::default() });
            assert_eq!(reading.whole(), expected_of_small_pcapng());
        }
    }
}

#[test]
fn each_format_packed_in_one_and_in_several_frames() {
    for (name, capture) in small_captures() {
        let expected = read_bytes(&capture.bytes).whole();
        for (packer, pack, _) in PACKERS {
            assert_eq!(read_bytes(&pack(&capture.bytes)).whole(), expected, "{name} {packer}");
            for cut in [0, 1, 24, 30, capture.bytes.len()] {
                let (one, two) = capture.bytes.split_at(cut);
                let between = if packer == "gzip" { gzip(&[]) } else { SKIPPABLE.to_vec() };
                let frames = [pack(one), between, pack(two)].concat();
                assert_eq!(read_bytes(&frames).whole(), expected, "{name} {packer}");
            }
        }
    }
}

#[test]
fn packed_captures_of_many_blocks() {
    let mut capture = Builder::pcap(Order::Little, MICROSECONDS, 1);
    for n in 0..4000_u32 {
        // Some blocks become smaller and some do not.
        let mut state = n;
        let mut noise = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if n % 1000 < 500 { 7 } else { state.to_be_bytes()[0] }
        };
        let bytes: Vec<u8> = (0..200).map(&mut noise).collect();
        capture = capture.record(SECOND, n, 200, &bytes);
    }
    let expected = read_bytes(&capture.bytes).whole();
    assert_eq!(expected.len(), 4000);
    for (packer, pack, _) in PACKERS {
        let packed = pack(&capture.bytes);
        assert!(read_bytes(&packed).whole() == expected, "{packer}");
        for cut in [packed.len() / 7, packed.len() / 2, packed.len() - 1] {
            let reading = read_bytes(&packed[..cut]);
            let packets = reading.packets();
            assert!(packets[..] == expected[..packets.len()] && packets.len() > 100, "{packer} cut at {cut}");
            assert_eq!(reading.damage()[0].what, "the compressed data ends too early", "{packer}");
        }
        let mut damaged = packed.clone();
        damaged[packed.len() - 200] ^= 0x40;
        let reading = read_bytes(&damaged);
        assert_eq!(reading.damage().last().unwrap().what, "the compressed data is damaged", "{packer}");
        assert!(reading.packets().len() > 3000, "{packer}");
    }
}

#[test]
fn header_alone_is_a_capture_of_nothing() {
    for (name, capture) in small_captures() {
        assert_eq!(read_bytes(&capture.bytes[..capture.seams[0]]).whole(), [], "{name}");
    }
}

#[test]
fn every_truncation_gives_the_packets_before_it() {
    for (name, capture) in small_captures() {
        let expected = read_bytes(&capture.bytes).whole();
        assert_eq!(expected.len(), capture.ends.len());
        for cut in 0..capture.bytes.len() {
            let reading = read_bytes(&capture.bytes[..cut]);
            let whole = capture.ends.iter().filter(|end| **end <= cut).count();
            assert_eq!(reading.packets(), expected[..whole], "{name} cut at {cut}");
            let damage = reading.damage();
            if capture.seams.contains(&cut) {
                assert!(reading.error.is_none() && damage.is_empty(), "{name} cut at {cut}");
            } else if whole == 0 {
                assert!(damage.is_empty(), "{name} cut at {cut}");
                match reading.error {
                    Some(CaptureError::Empty { .. }) => assert_eq!(cut, 0),
                    Some(CaptureError::NotACapture { .. }) => assert!(cut < 8),
                    Some(CaptureError::NothingReadable { .. }) => {}
                    other => panic!("{name} cut at {cut}: {other:?}"),
                }
            } else {
                let [damage] = &damage[..] else { panic!("{name} cut at {cut}: {damage:?}") };
                assert_eq!(damage.then, Aftermath::Stopped);
                assert_eq!(damage.after.map(|id| id.number), expected[..whole].last().map(|got| got.number));
                let begin = capture.seams.iter().rfind(|seam| **seam < cut).unwrap();
                assert_eq!(damage.offset, *begin as u64, "{name} cut at {cut}");
            }
        }
    }
}

#[test]
fn every_truncation_of_a_packed_capture_is_damage() {
    for ((name, capture), (packer, pack, trailer)) in
        small_captures().into_iter().flat_map(|it| PACKERS.map(|packer| (it.clone(), packer)))
    {
        let expected = read_bytes(&capture.bytes).whole();
        let packed = pack(&capture.bytes);
        for cut in 4..packed.len() {
            let reading = read_bytes(&packed[..cut]);
            let packets = reading.packets();
            assert_eq!(packets, expected[..packets.len()], "{name} {packer} cut at {cut}");
            let damage = reading.damage();
            assert!(reading.error.is_some() != (damage.len() == 1), "{name} {packer} cut at {cut}");
            assert_eq!(reading.error.is_some(), packets.is_empty(), "{name} {packer} cut at {cut}");
        }
        // Only the checksum is missing, and all packets are there.
        let reading = read_bytes(&packed[..packed.len() - trailer]);
        assert_eq!(reading.packets(), expected, "{name} {packer}");
        assert_eq!(reading.damage()[0].what, "the compressed data ends too early");
    }
}

#[test]
fn every_damaged_byte_of_a_packed_capture_is_survived() {
    for (packer, pack, _) in PACKERS {
        let packed = pack(&small_pcapng(Order::Little, Order::Big).bytes);
        for at in 0..packed.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut bytes = packed.clone();
                bytes[at] ^= flip;
                let reading = read_bytes(&bytes);
                assert!(reading.packets().len() < 100, "{packer}");
            }
        }
    }
}

#[test]
fn every_damaged_byte_leaves_the_packets_before_it() {
    for (name, capture) in small_captures() {
        let expected = read_bytes(&capture.bytes).whole();
        for at in 0..capture.bytes.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut bytes = capture.bytes.clone();
                bytes[at] ^= flip;
                let before = capture.ends.iter().filter(|end| **end <= at).count();
                let reading = read_bytes(&bytes);
                if before > 0 {
                    assert_eq!(reading.packets()[..before], expected[..before], "{name} flipped {flip:02x} at {at}");
                }
            }
        }
    }
}

#[test]
fn pcap_goes_on_behind_damage() {
    let packets = [&[1_u8; 60][..], &[2; 61], &[3; 62], &[4; 63], &[5; 64]];
    let numbered = (0_u32..).zip(packets);
    let add = |it: Builder, (index, bytes): (u32, &[u8])| it.record(SECOND, index, length(bytes), bytes);
    for order in ORDERS {
        let capture = numbered.clone().fold(Builder::pcap(order, MICROSECONDS, 1), add);
        let second = capture.ends[1];
        // The length of the third packet becomes nonsense.
        let mut bytes = capture.bytes.clone();
        bytes[second + 8..second + 12].fill(0xee);
        let reading = read_bytes(&bytes);
        let kept: Vec<_> = reading.packets().into_iter().map(|got| got.bytes).collect();
        assert_eq!(kept, [packets[0], packets[1], packets[3], packets[4]]);
        let [damage] = &reading.damage()[..] else { panic!("{reading:?}") };
        assert_eq!(damage.then, Aftermath::Resumed { skipped: 16 + 62 });
        assert_eq!(damage.offset, second as u64);
        assert_eq!(damage.after.map(|id| id.number), Some(2));

        // A stretch of zeros, as a crash leaves behind.
        let (head, tail) = capture.bytes.split_at(second);
        let reading = read_bytes(&[head, &[0; 4096], tail].concat());
        assert_eq!(reading.packets().len(), 5);
        assert_eq!(reading.damage()[0].then, Aftermath::Resumed { skipped: 4096 });
        assert_eq!(reading.damage()[0].what, "there are zeros where a packet should begin");

        // Another capture of another link type behind it.
        let other = Builder::pcap(order, MICROSECONDS, 101).record(SECOND, 9, 60, b"E...");
        let reading = read_bytes(&[&capture.bytes[..], &other.bytes].concat());
        let links: Vec<_> = reading.packets().into_iter().map(|got| got.link).collect();
        assert_eq!(links, [1, 1, 1, 1, 1, 101]);
        assert_eq!(reading.damage()[0].what, "another capture was appended");
    }
}

#[test]
fn pcapng_goes_on_behind_damage() {
    for order in ORDERS {
        let start = || Builder::new(order).section(order).interface(1, 0, None, None).enhanced(0, 1, 3, b"one");
        let check = |broken: Builder, what: &str, skipped: u64| {
            let reading = read_bytes(&broken.enhanced(0, 2, 3, b"two").bytes);
            let kept: Vec<_> = reading.packets().into_iter().map(|got| got.bytes).collect();
            assert_eq!(kept, [b"one", b"two"], "{what}");
            let [damage] = &reading.damage()[..] else { panic!("{reading:?}") };
            assert_eq!((&damage.what[..], damage.then), (what, Aftermath::Resumed { skipped }));
        };
        check(start().enhanced(7, 1, 3, b"bad"), "a packet is of interface 7, which was not described", 52);
        check(start().drops(7, 1, 1), "statistics are of interface 7, which was not described", 60);
        check(start().block(6, &[0; 8]), "a packet block is shorter than its fixed part", 20);
        let body = start().words(&[0, 0, 1, 5000, 5000]);
        check(start().block(6, &body), "a packet claims 5000 bytes in a block of 32 bytes", 32);
        let mut broken = start();
        broken.bytes.extend([0xee; 77]);
        check(broken, "a block claims 4008636142 bytes, more than any holds", 77);
        let mut broken = start().enhanced(0, 1, 3, b"bad");
        let end = broken.bytes.len();
        broken.bytes[end - 4..].fill(0x77);
        check(broken, "a block of 52 bytes does not end with its length", 52);
        let mut broken = start();
        broken.bytes.extend([0; 100]);
        check(broken, "a block claims 0 bytes, fewer than its own frame", 100);
    }
}

#[test]
fn blocks_larger_than_memory_are_passed_over() {
    for order in ORDERS {
        let capture = Builder::new(order).section(order).interface(1, 0, None, None).enhanced(0, 1, 3, b"one");
        let capture = capture.block(10, &vec![0x55; 5 << 20]).enhanced(0, 1, 3, b"two");
        assert_eq!(read_bytes(&capture.bytes).whole().len(), 2);
        let cut = capture.ends[1] - 100;
        let reading = read_bytes(&capture.bytes[..cut]);
        assert_eq!(reading.packets().len(), 1);
        assert_eq!(reading.damage()[0].what, "the file ends in the middle of a block");
        assert_eq!(reading.damage()[0].offset, capture.ends[0] as u64);
    }
}

#[test]
fn a_plausible_block_at_every_turn_costs_no_more_than_reading() {
    // Each eight bytes look like a packet block of almost a mebibyte, and none ends with its length.
    let start =
        Builder::new(Order::Little).section(Order::Little).interface(1, 0, None, None).enhanced(0, 1, 3, b"one");
    let blocks = start.words(&[6, 0x000f_ffec]).repeat(300_000);
    let end = start.bytes.len();
    let mut capture = start;
    capture.bytes.extend(blocks);
    let reading = read_bytes(&capture.bytes);
    assert_eq!(reading.packets().len(), 1);
    assert_eq!(reading.damage()[0].offset, end as u64);
    assert_eq!(reading.damage()[0].then, Aftermath::Stopped);
}

#[test]
fn largest_packet_is_read_and_a_larger_one_is_damage() {
    for (length, is_read) in [(MAX_PACKET, true), (MAX_PACKET + 1, false)] {
        let bytes = vec![7; length];
        let wire_len = u32::try_from(length).unwrap();
        let pcap = Builder::pcap(Order::Little, MICROSECONDS, 1).record(SECOND, 1, wire_len, &bytes);
        let pcap = pcap.record(SECOND, 2, 60, b"next").record(SECOND, 3, 60, b"last");
        let pcapng = Builder::new(Order::Big).section(Order::Big).interface(1, 0, None, None);
        let pcapng = pcapng.enhanced(0, 1, wire_len, &bytes).enhanced(0, 1, 4, b"next").enhanced(0, 1, 4, b"last");
        for capture in [pcap, pcapng] {
            let reading = read_bytes(&capture.bytes);
            assert_eq!(reading.packets().len(), if is_read { 3 } else { 2 });
            assert_eq!(reading.damage().len(), usize::from(!is_read));
        }
    }
}

#[test]
fn lengths_that_contradict_each_other_are_read_as_far_as_they_go() {
    let capture =
        Builder::pcap(Order::Little, MICROSECONDS, 1).record(SECOND, 1, 0, b"first").record(SECOND, 1, 2, b"xyz");
    let packets = read_bytes(&capture.bytes).whole();
    assert_eq!(packets.iter().map(|got| got.wire_len).collect::<Vec<_>>(), [5, 3]);
}

#[test]
fn unusable_inputs_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty.pcap", vec![], " is empty: nothing was captured, or it was not written yet"),
        (
            "text.pcap",
            b"hello\n".to_vec(),
            " is not a capture: it looks like text; hellotrace reads pcap, pcapng and snoop",
        ),
        ("a.zip", b"PK\x03\x04...".to_vec(), "it begins with 50 4b 03 04, a zip archive"),
        ("twice.gz", gzip(b"\x28\xb5\x2f\xfd...."), "zstd-compressed data inside compressed data"),
        ("cut.zst", b"\x28\xb5\x2f\xfd".to_vec(), "nothing in it could be read: the compressed data ends too early"),
        ("cut.lz4", b"\x04\x22\x4d\x18".to_vec(), "nothing in it could be read: the compressed data ends too early"),
        ("trace.ETL", vec![0; 4096], "is an event trace log, not a capture: convert it"),
        ("trace.etl.gz", gzip(&[0; 4096]), "is an event trace log, not a capture: convert it"),
        ("a b.etl", vec![0; 4096], "a b.etl\" --out capture.pcapng`"),
        ("empty.gz", gzip(b""), " is empty"),
        ("text.gz", gzip(b"hello\n"), "it looks like text"),
        ("cut.gz", vec![0x1f, 0x8b, 8, 0], "nothing in it could be read: the compressed data ends too early at byte 0"),
        (
            "cut.pcap",
            small_pcap(Order::Big, MICROSECONDS).bytes[..44].to_vec(),
            "nothing in it could be read: the file ends in the middle of a packet at byte 24",
        ),
        (
            "header.pcap",
            small_pcap(Order::Big, MICROSECONDS).bytes[..20].to_vec(),
            "nothing in it could be read: the file ends in the middle of its header at byte 0",
        ),
        (
            "garbage.pcap",
            [&small_pcap(Order::Little, MICROSECONDS).bytes[..24], &[0xee; 5000]].concat(),
            "nothing in it could be read: a packet claims 4008636142 bytes, more than the 262144 possible at byte 24",
        ),
    ];
    for (name, bytes, expected) in cases {
        std::fs::write(path(name), bytes).unwrap();
        let error = capture::open(&[path(name)]).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(error.contains(name), "{error}");
    }
    let error = capture::open(&[path("missing")]).unwrap_err();
    assert!(matches!(error, CaptureError::Open { .. }), "{error}");
    let empty = tempfile::tempdir().unwrap();
    let error = capture::open(&[empty.path()]).unwrap_err().to_string();
    assert!(error.contains("there is no capture in this folder"), "{error}");
    let error = capture::open(&["-", "-"]).unwrap_err().to_string();
    assert!(error.starts_with("cannot open standard input: it can be read only once"), "{error}");
}

#[test]
fn folder_stands_for_the_captures_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("b.pcap"), timed(&[3, 5])).unwrap();
    std::fs::write(at("a.pcap.gz"), gzip(&timed(&[1, 4]))).unwrap();
    std::fs::write(at("notes.txt"), b"hello\n").unwrap();
    std::fs::write(at(".hidden"), b"hello\n").unwrap();
    std::fs::create_dir(at("c")).unwrap();
    std::fs::write(at("c/inner.pcap"), timed(&[0])).unwrap();
    let source = capture::open(&[folder.path()]).unwrap();
    let [passed_over] = source.passed_over() else { panic!("{:?}", source.passed_over()) };
    assert!(passed_over.to_string().contains("notes.txt is not a capture: it looks like text"), "{passed_over}");
    let names: Vec<_> = source.inputs().iter().map(|name| name.rsplit(['/', '\\']).next().unwrap()).collect();
    assert_eq!(names, ["a.pcap.gz", "b.pcap"]);
    let order: Vec<_> = read(source, 4096).whole().iter().map(|got| (got.input, got.number)).collect();
    assert_eq!(order, [(0, 1), (1, 1), (0, 2), (1, 2)]);
}

#[test]
fn ring_of_more_files_than_may_be_open_is_one_capture() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for file in 0..300_u64 {
        // The last packet of each file is later than the first of the next, as where two interfaces were recorded.
        let times = [file * 100, file * 100 + 50, file * 100 + 110];
        expected.extend(times);
        std::fs::write(folder.path().join(format!("ring_{file:05}.pcap")), timed(&times)).unwrap();
    }
    expected.sort_unstable();
    let source = capture::open(&[folder.path()]).unwrap();
    assert_eq!(source.position().total, Some(300 * timed(&[0, 0, 0]).len() as u64));
    let got = read(source, 7).whole();
    let times: Vec<_> = got.iter().map(|got| (got.at / 1000).cast_unsigned()).collect();
    assert_eq!(times, expected);
    assert!(got.iter().all(|got| (1..=3).contains(&got.number)));
}

/// What a followed source gave until it had nothing more, and whether it ended.
fn what_came(source: &mut Files) -> (Vec<u64>, Vec<Damage>, Progress) {
    let (mut batch, mut numbers, mut damage) = (Batch::default(), Vec::new(), Vec::new());
    loop {
        let progress = source.fill(&mut batch).unwrap();
        numbers.extend(batch.packets().map(|packet| packet.id.number));
        damage.extend(batch.damage().iter().cloned());
        if progress != Progress::More {
            assert!(progress == Progress::End || batch.is_idle());
            return (numbers, damage, progress);
        }
    }
}

#[test]
fn file_that_grows_is_followed_until_it_is_enough() {
    for (name, capture) in small_captures() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("growing");
        let mut file = std::fs::File::create(&path).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let mut source = capture::follow(&[&path], &stop).unwrap();
        assert_eq!(what_came(&mut source), (vec![], vec![], Progress::Idle), "{name}");
        let numbers: Vec<_> = read_bytes(&capture.bytes).whole().iter().map(|got| got.number).collect();
        // Cut in the header, in the middle of the first packet, behind it, and in the middle of the last.
        let cuts = [10, capture.ends[0] - 1, capture.ends[0], capture.ends[2] - 2];
        let mut written = 0;
        let mut seen = Vec::new();
        for cut in cuts {
            file.write_all(&capture.bytes[written..cut]).unwrap();
            written = cut;
            let (more, damage, progress) = what_came(&mut source);
            assert_eq!((damage, progress), (vec![], Progress::Idle), "{name} {cut}");
            seen.extend(more);
            let whole = capture.ends.iter().filter(|end| **end <= cut).count();
            assert_eq!(seen, numbers[..whole], "{name} {cut}");
        }
        stop.store(true, Ordering::Relaxed);
        assert_eq!(what_came(&mut source), (vec![], vec![], Progress::End), "{name}");
    }
}

#[test]
fn followed_files_do_not_wait_for_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["one", "two"].map(|name| folder.path().join(name));
    std::fs::write(&paths[0], b"").unwrap();
    std::fs::write(&paths[1], timed(&[1, 2])).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let mut source = capture::follow(&paths, &stop).unwrap();
    assert_eq!(what_came(&mut source).0, [1, 2]);
    std::fs::write(&paths[0], timed(&[0, 5])).unwrap();
    assert_eq!(what_came(&mut source).0, [1, 2]);
    assert_eq!(what_came(&mut source), (vec![], vec![], Progress::Idle));
}

#[test]
fn followed_file_that_is_no_longer_the_same_ends_there() {
    let small = timed(&[1, 2]);
    let change = |name: &str, change: &dyn Fn(&Path)| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, &small).unwrap();
        let mut source = capture::follow(&[&path], &Arc::default()).unwrap();
        assert_eq!(what_came(&mut source), (vec![1, 2], vec![], Progress::Idle));
        change(&path);
        let (more, damage, progress) = what_came(&mut source);
        assert_eq!((more, progress), (vec![], Progress::End), "{name}");
        let [damage] = &damage[..] else { panic!("{name}: {damage:?}") };
        damage.what.clone()
    };
    let cut = |path: &Path| std::fs::write(path, &small[..30]).unwrap();
    assert_eq!(change("cut", &cut), "the file was cut back while it was followed");
    let remove = |path: &Path| std::fs::remove_file(path).unwrap();
    assert_eq!(change("removed", &remove), "the file was removed while it was followed");
    if cfg!(unix) {
        let replace = |path: &Path| {
            std::fs::write(path.with_extension("new"), timed(&[1, 2, 3])).unwrap();
            std::fs::rename(path.with_extension("new"), path).unwrap();
        };
        assert_eq!(change("replaced", &replace), "another file took its name while it was followed");
    }
}

/// All that comes until something has come and nothing more does: packet numbers, with the names of their inputs.
fn what_came_at_last(source: &mut Files) -> Vec<(String, u64)> {
    let mut batch = Batch::default();
    let mut came = Vec::new();
    let mut idle = 0;
    // Folders are looked into about once a second.
    while idle < 8 {
        let progress = source.fill(&mut batch).unwrap();
        assert!(progress != Progress::End && batch.damage().is_empty(), "{:?}", batch.damage());
        idle = if batch.is_empty() { idle + 1 } else { 0 };
        for packet in batch.packets() {
            let name = Path::new(&source.inputs()[usize::from(packet.id.input.0)]);
            came.push((name.file_name().unwrap().to_str().unwrap().to_owned(), packet.id.number));
        }
    }
    came
}

#[test]
fn files_that_appear_in_a_followed_folder_are_taken_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let came =
        |list: &[(&str, u64)]| list.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect::<Vec<_>>();
    let stop = Arc::new(AtomicBool::new(false));
    let mut source = capture::follow(&[folder.path()], &stop).unwrap();
    assert_eq!(what_came_at_last(&mut source), []);

    // A ring: the next file comes, the first grows once more, a file that is none of ours lies beside them.
    std::fs::write(path("ring0"), timed(&[1, 2])).unwrap();
    std::fs::write(path("notes.txt"), "what was seen on the day when it was recorded").unwrap();
    assert_eq!(what_came_at_last(&mut source), came(&[("ring0", 1), ("ring0", 2)]));
    let longer = timed(&[1, 2, 3]);
    let mut file = std::fs::OpenOptions::new().append(true).open(path("ring0")).unwrap();
    file.write_all(&longer[timed(&[1, 2]).len()..]).unwrap();
    std::fs::write(path("ring1"), timed(&[4])).unwrap();
    assert_eq!(what_came_at_last(&mut source), came(&[("ring0", 3), ("ring1", 1)]));

    // The oldest is taken away, and the next is written over: no damage, and read anew.
    std::fs::remove_file(path("ring0")).unwrap();
    std::fs::write(path("ring1"), &timed(&[5])[..24]).unwrap();
    assert_eq!(what_came_at_last(&mut source), []);
    std::fs::write(path("ring1"), timed(&[5, 6])).unwrap();
    assert_eq!(what_came_at_last(&mut source), came(&[("ring1", 1), ("ring1", 2)]));
    assert_eq!(source.passed_over().len(), 1, "{:?}", source.passed_over());
    stop.store(true, Ordering::Relaxed);
    assert_eq!(what_came(&mut source), (vec![], vec![], Progress::End));
}

#[test]
fn old_files_of_a_followed_folder_are_complete() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let old = gzip(&timed(&[1, 2]));
    std::fs::write(path("old.gz"), old).unwrap();
    let hour_ago = std::fs::metadata(path("old.gz")).unwrap().modified().unwrap() - std::time::Duration::from_hours(1);
    std::fs::File::options().append(true).open(path("old.gz")).unwrap().set_modified(hour_ago).unwrap();
    std::fs::write(path("young"), timed(&[3])).unwrap();
    std::fs::write(path("young.gz"), gzip(&timed(&[3]))).unwrap();
    let mut source = capture::follow(&[folder.path()], &Arc::default()).unwrap();
    let came = what_came_at_last(&mut source);
    assert_eq!(came, [("old.gz".to_owned(), 1), ("old.gz".to_owned(), 2), ("young".to_owned(), 1)]);
    assert!(source.passed_over()[0].to_string().contains("young.gz: it is compressed"), "{:?}", source.passed_over());
}

#[test]
fn what_cannot_be_followed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pcap.gz");
    std::fs::write(&path, gzip(&timed(&[1]))).unwrap();
    let mut source = capture::follow(&[&path], &Arc::default()).unwrap();
    let error = source.fill(&mut Batch::default()).unwrap_err().to_string();
    assert!(error.ends_with("a.pcap.gz: it is compressed, so it cannot be followed"), "{error}");
}

#[test]
fn capture_with_the_name_of_an_event_trace_log_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("really-a-capture.etl");
    let bytes = small_pcap(Order::Little, NANOSECONDS).bytes;
    std::fs::write(&path, &bytes).unwrap();
    let mut source = capture::open(&[&path]).unwrap();
    let mut batch = Batch::default();
    while source.fill(&mut batch).unwrap() != Progress::End {}
    assert_eq!(source.position().read, bytes.len() as u64);
    assert_eq!(source.position().total, Some(bytes.len() as u64));
}

#[test]
fn position_counts_compressed_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pcap.gz");
    let zipped = gzip(&small_pcap(Order::Little, NANOSECONDS).bytes);
    std::fs::write(&path, &zipped).unwrap();
    let mut source = capture::open(&[&path]).unwrap();
    let mut batch = Batch::default();
    while source.fill(&mut batch).unwrap() != Progress::End {}
    assert_eq!(source.position().read, zipped.len() as u64);
}

/// Gives its bytes, then fails.
struct FailingDisk(Cursor<Vec<u8>>);

impl Read for FailingDisk {
    fn read(&mut self, free: &mut [u8]) -> io::Result<usize> {
        match self.0.read(free)? {
            0 => Err(io::Error::other("bad sector")),
            read => Ok(read),
        }
    }
}

#[test]
fn failing_disk_is_an_error_behind_the_packets_before_it() {
    for (name, capture) in small_captures() {
        for cut in 0..capture.bytes.len() {
            let bytes = capture.bytes[..cut].to_vec();
            let reading = read(Files::from_reader("x", FailingDisk(Cursor::new(bytes))), 4096);
            let whole = capture.ends.iter().filter(|end| **end <= cut).count();
            assert_eq!(reading.packets().len(), whole, "{name} failing at {cut}");
            assert_eq!(reading.damage(), []);
            let Some(CaptureError::Read { offset, .. }) = reading.error else { panic!("{name}: {reading:?}") };
            assert_eq!(offset, cut as u64);
        }
    }
}

#[test]
fn disk_that_fails_behind_damage_is_an_error() {
    for (name, capture) in small_captures() {
        let bytes = [&capture.bytes[..], &[0xee; 100]].concat();
        let reading = read(Files::from_reader("x", FailingDisk(Cursor::new(bytes))), 4096);
        assert_eq!(reading.packets().len(), capture.ends.len(), "{name}");
        assert!(matches!(reading.error, Some(CaptureError::Read { .. })), "{name}: {reading:?}");
    }
}

/// Hands out what was written to a pipe at one time, and panics when asked for more than was written.
struct Pipe(Vec<Vec<u8>>);

impl Read for Pipe {
    fn read(&mut self, free: &mut [u8]) -> io::Result<usize> {
        assert!(!self.0.is_empty(), "waited for a pipe with packets in hand");
        let length = self.0[0].len().min(free.len());
        free[..length].copy_from_slice(&self.0[0][..length]);
        self.0[0].drain(..length);
        if self.0[0].is_empty() {
            self.0.remove(0);
        }
        Ok(length)
    }
}

#[test]
fn pipe_is_not_waited_for_while_packets_are_in_hand() {
    for (name, capture) in small_captures() {
        let expected = read_bytes(&capture.bytes).whole();
        // Each write brings one packet and half of what comes next.
        let mut writes = Vec::new();
        let mut start = 0;
        for end in &capture.ends {
            let end = (end + 2).min(capture.bytes.len());
            writes.push(capture.bytes[start..end].to_vec());
            start = end;
        }
        let mut source = Files::from_reader("x", Pipe(writes));
        let mut batch = Batch::default();
        let mut arrived = 0;
        while arrived < expected.len() {
            source.fill(&mut batch).unwrap();
            for packet in batch.packets() {
                assert_eq!(packet.bytes, expected[arrived].bytes, "{name}");
                arrived += 1;
            }
        }
    }
}

/// A capture of packets at these microseconds, each holding its index.
fn timed(microseconds: &[u64]) -> Vec<u8> {
    let start = Builder::pcap(Order::Little, MICROSECONDS, 1);
    let add = |it: Builder, (index, time): (u32, &u64)| {
        let fraction = u32::try_from(time % 1_000_000).unwrap();
        it.record(time / 1_000_000, fraction, 4, &index.to_le_bytes())
    };
    (0_u32..).zip(microseconds).fold(start, add).bytes
}

fn merged(captures: &[Vec<u8>], most_packets: usize) -> Vec<Step> {
    let readers = captures.iter().map(|bytes| ("x", Box::new(Cursor::new(bytes.clone())) as Box<dyn Read + Send>));
    read(Files::from_readers(readers), most_packets).steps
}

#[test]
fn merging_keeps_each_inputs_order_and_prefers_the_first_of_equals() {
    let steps = merged(&[timed(&[10, 30, 20, 40]), timed(&[10, 20, 25, 50])], 100);
    let order: Vec<_> = steps
        .iter()
        .map(|step| if let Step::Packet(got) = step { (got.input, got.at / 1000) } else { panic!("{step:?}") })
        .collect();
    assert_eq!(order, [(0, 10), (1, 10), (1, 20), (1, 25), (0, 30), (0, 20), (0, 40), (1, 50)]);
}

#[test]
fn ticks_stand_before_the_first_packet_of_a_second() {
    let steps = merged(&[timed(&[1_000_000, 1_999_999, 3_000_000, 2_500_000, 3_100_000])], 1);
    let short: Vec<_> = steps
        .iter()
        .map(|step| match step {
            Step::Tick(second) => format!("tick {second}"),
            Step::Packet(got) => format!("packet {}", got.number),
            Step::Damage(damage) => damage.to_string(),
        })
        .collect();
    assert_eq!(short, ["packet 1", "packet 2", "tick 3", "packet 3", "packet 4", "packet 5"]);
}

fn times() -> impl Strategy<Value = Vec<u64>> {
    // Mostly small steps, some back, some wild.
    let step =
        prop_oneof![8 => -1_000_000..3_000_000_i64, 1 => -20_000_000..20_000_000_i64, 1 => 0..4_000_000_000_000_i64];
    prop::collection::vec(step, 0..40).prop_map(|steps| {
        let mut now = 1_767_323_045_000_000_i64;
        steps
            .into_iter()
            .map(|step| {
                // A wild time stands alone; the next packet goes on where the clock was.
                let wild = step.abs() > 20_000_000;
                let at = now + step;
                now = if wild { now } else { at };
                at.cast_unsigned()
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn batch_size_changes_nothing(captures in prop::collection::vec(times(), 1..4), damaged in any::<bool>()) {
        let mut captures: Vec<_> = captures.iter().map(|times| timed(times)).collect();
        if damaged {
            let middle = captures[0].len() / 2;
            captures[0].splice(middle..middle, [0xee; 50]);
        }
        let expected = merged(&captures, 5000);
        for most_packets in [1, 7, 256] {
            prop_assert_eq!(&merged(&captures, most_packets), &expected);
        }
    }

    #[test]
    fn merging_is_in_order_of_time(mut captures in prop::collection::vec(times(), 1..5)) {
        for times in &mut captures {
            times.sort_unstable();
        }
        let bytes: Vec<_> = captures.iter().map(|times| timed(times)).collect();
        let order: Vec<_> = merged(&bytes, 256)
            .iter()
            .filter_map(|step| if let Step::Packet(got) = step { Some((got.at, got.input, got.number)) } else { None })
            .collect();
        prop_assert!(order.is_sorted());
        prop_assert_eq!(order.len(), captures.iter().map(Vec::len).sum::<usize>());
    }

    #[test]
    fn nonsense_behind_each_magic_ends(
        capture in 0..8_usize,
        keep in 0..100_usize,
        nonsense in prop::collection::vec(any::<u8>(), 0..2000),
        zipped in any::<bool>(),
    ) {
        let (_, capture) = small_captures().swap_remove(capture);
        let bytes = [&capture.bytes[..keep.min(capture.bytes.len())], &nonsense].concat();
        read_bytes(&if zipped { gzip(&bytes) } else { bytes });
    }

    #[test]
    fn damaged_gzip_ends(at in 0..4000_usize, with in any::<u8>()) {
        let (_, capture) = small_captures().swap_remove(5);
        let mut zipped = gzip(&capture.bytes);
        let at = at % zipped.len();
        zipped[at] ^= with;
        read_bytes(&zipped);
    }

    #[test]
    fn nonsense_ends(nonsense in prop::collection::vec(any::<u8>(), 0..300)) {
        read_bytes(&nonsense);
        read_bytes(&[&[0x1f, 0x8b, 8], &nonsense[..]].concat());
    }
}

/// Captures that others published, if they lie beside this repository.
fn published() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let folder = std::env::var_os("HELLOTRACE_SHARED").map_or(beside, PathBuf::from).join("captures");
    if !folder.is_dir() {
        println!("skipped: there is no folder {} with published captures", folder.display());
        return None;
    }
    Some(folder)
}

fn files_under(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() { files_under(&path, files) } else { files.push(path) }
    }
}

/// Fifty of the published captures, of all kinds, cut at every 97th byte. Only the small ones: the others differ in
/// nothing but the time it takes.
#[test]
fn truncated_captures_give_packets_and_at_most_one_damage() {
    let Some(folder) = published() else { return };
    let mut files = Vec::new();
    files_under(&folder.join("public"), &mut files);
    let by_kind = |path: &PathBuf| {
        let bytes = std::fs::read(path).unwrap();
        let kind = bytes.first_chunk::<3>().copied()?;
        (bytes.len() < 40_000 && !path.extension()?.eq_ignore_ascii_case("json")).then_some((kind, bytes))
    };
    let mut kinds: BTreeMap<[u8; 3], Vec<Vec<u8>>> = BTreeMap::new();
    for (kind, bytes) in files.iter().filter_map(by_kind) {
        kinds.entry(kind).or_default().push(bytes);
    }
    // One of each kind, then another of each, so that the rare ones are among them.
    let most = kinds.values().map(Vec::len).max().unwrap_or_default();
    let mixed = (0..most).flat_map(|index| kinds.values().filter_map(move |files| files.get(index)));
    let mut cut_files = 0;
    for bytes in mixed.take(50) {
        cut_files += 1;
        let whole = read_bytes(bytes).packets();
        for cut in (0..bytes.len()).step_by(97) {
            let reading = read_bytes(&bytes[..cut]);
            let packets = reading.packets();
            let common = packets.len().min(whole.len());
            // Behind damage of its own, a cut may change what is taken for sound.
            assert!(reading.damage().len() > 1 || packets[..common] == whole[..common], "cut at {cut}");
        }
    }
    println!("{cut_files} captures cut");
}

/// Wireshark's count, where it is installed and reads the file to its end.
fn counted_by_capinfos(path: &Path) -> Option<u64> {
    let output = std::process::Command::new("capinfos").args(["-c", "-M", "-T", "-r"]).arg(path).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().rsplit('\t').next()?.parse().ok())?
}

#[test]
fn packet_counts_agree_with_capinfos() {
    let Some(folder) = published() else { return };
    let mut files = Vec::new();
    files_under(&folder.join("public"), &mut files);
    let mut compared = 0;
    for path in files {
        let (Some(expected), Ok(source)) = (counted_by_capinfos(&path), capture::open(&[&path])) else { continue };
        let reading = read(source, 4096);
        let count = reading.packets().len() as u64;
        compared += 1;
        // capinfos gives up where reading goes on here.
        let is_damaged = !reading.damage().is_empty();
        assert!(count == expected || is_damaged, "{}: {count}, by capinfos {expected}", path.display());
    }
    println!("{compared} captures compared");
}

#[test]
fn published_captures_are_read_to_their_end_or_their_damage() {
    let Some(folder) = published() else { return };
    let mut files = Vec::new();
    for part in ["public", "lab"] {
        if folder.join(part).is_dir() {
            files_under(&folder.join(part), &mut files);
        }
    }
    let manifest = std::fs::read_to_string(folder.join("public/MANIFEST.tsv")).unwrap_or_default();
    let counts: BTreeMap<PathBuf, (u64, bool)> = manifest
        .lines()
        .filter_map(|line| {
            let columns: Vec<_> = line.split('\t').collect();
            let has_custom_blocks = columns.get(10)?.contains("bad");
            Some((folder.join("public").join(columns.first()?), (columns.get(11)?.parse().ok()?, has_custom_blocks)))
        })
        .collect();
    let mut disagreements = 0;
    for path in files {
        let source = match capture::open(&[&path]) {
            Ok(source) => source,
            Err(CaptureError::NotACapture { .. }) if !counts.contains_key(&path) => continue,
            Err(error) => {
                println!("{error}");
                continue;
            }
        };
        let reading = read(source, 4096);
        assert!(reading.error.is_none(), "{}: {:?}", path.display(), reading.error);
        let last = reading.packets().last().map_or(0, |got| got.number);
        let Some((expected, has_custom_blocks)) = counts.get(&path) else { continue };
        if last != *expected {
            disagreements += 1;
            println!("{}: packets up to {last}, published as {expected}", path.display());
            for damage in reading.damage() {
                println!("  {damage}");
            }
        }
        // Behind damage, more may be read here than was published. Less only where custom blocks stand behind the last
        // packet, which the published number counts.
        assert!(last >= *expected || *has_custom_blocks, "{}: {last} packets of {expected}", path.display());
    }
    println!("{disagreements} of {} disagree", counts.len());
}
