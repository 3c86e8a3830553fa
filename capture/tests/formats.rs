//! Every format, whole, cut at every byte, and made of nonsense.
//!
//! The captures are built here byte by byte, so that a test shows what it reads. Captures that others published are
//! read as well where they are at hand.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "all of this file is tests")]

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Write};
use std::path::{Path, PathBuf};

use capture::{
    Aftermath, Batch, CaptureError, CaptureTime, Damage, Files, LinkType, Losses, MAX_PACKET, Progress, Source,
};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

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
    captures
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
fn gzip_of_each_format_and_several_members() {
    for (name, capture) in small_captures() {
        let expected = read_bytes(&capture.bytes).whole();
        assert_eq!(read_bytes(&gzip(&capture.bytes)).whole(), expected, "{name}");
        for cut in [0, 1, 24, 30, capture.bytes.len()] {
            let (one, two) = capture.bytes.split_at(cut);
            let members = [gzip(one), gzip(&[]), gzip(two)].concat();
            assert_eq!(read_bytes(&members).whole(), expected, "{name}");
        }
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
                    Some(CaptureError::NotACapture { .. }) => assert!(cut < 4),
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
fn every_truncation_of_gzip_is_damage() {
    for (name, capture) in small_captures() {
        let expected = read_bytes(&capture.bytes).whole();
        let zipped = gzip(&capture.bytes);
        for cut in 3..zipped.len() {
            let reading = read_bytes(&zipped[..cut]);
            let packets = reading.packets();
            assert_eq!(packets, expected[..packets.len()], "{name} cut at {cut}");
            let damage = reading.damage();
            assert!(reading.error.is_some() != (damage.len() == 1), "{name} cut at {cut}");
            assert_eq!(reading.error.is_some(), packets.is_empty(), "{name} cut at {cut}");
        }
        // Only the checksum is missing, and all packets are there.
        let reading = read_bytes(&zipped[..zipped.len() - 8]);
        assert_eq!(reading.packets(), expected, "{name}");
        assert_eq!(reading.damage()[0].what, "the compressed data ends too early");
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
        ("text.pcap", b"hello\n".to_vec(), " is not a capture: it looks like text; hellotrace reads pcap and pcapng"),
        ("a.zip", b"PK\x03\x04...".to_vec(), "it begins with 50 4b 03 04, a zip archive"),
        ("a.pcap.zst", b"\x28\xb5\x2f\xfd....".to_vec(), "zstd-compressed data"),
        ("trace.ETL", vec![0; 4096], "is an event trace log, not a capture: convert it"),
        ("trace.etl.gz", gzip(&[0; 4096]), "is an event trace log, not a capture: convert it"),
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
    let error = capture::open(&[folder.path()]).unwrap_err().to_string();
    assert!(error.contains("it is a directory"), "{error}");
    let error = capture::open(&["-", "-"]).unwrap_err().to_string();
    assert!(error.starts_with("cannot open standard input: it can be read only once"), "{error}");
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
