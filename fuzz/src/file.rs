//! `file`: a capture file or a pipe of any bytes.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    io::{Cursor, Read},
};

use capture::{Batch, CaptureTime, Files, LinkType, Losses, MAX_PACKET, Progress, Recorder, Source};

use super::check;

/// The input is the file. However it is delivered and whatever the size of batches, it holds the same, and what was
/// read can be written and read again.
pub fn run(bytes: &[u8]) {
    let whole = read(Cursor::new(bytes.to_vec()), bytes.len(), Batch::DEFAULT_PACKETS);
    let piecemeal = read(Piecemeal(Cursor::new(bytes.to_vec())), bytes.len(), 3);
    assert_eq!(whole, piecemeal);
    recorded(bytes, &whole);
}

/// A pipe that gives a few bytes at a time.
struct Piecemeal(Cursor<Vec<u8>>);

impl Read for Piecemeal {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min(97);
        self.0.read(&mut buffer[..most])
    }
}

/// A packet, its bytes as a hash.
type Packet = (CaptureTime, LinkType, u32, usize, u64);

/// All that a file holds.
#[derive(Debug, Default, PartialEq)]
struct Contents {
    packets: Vec<Packet>,
    /// Damage and ticks with the number of packets before them.
    damage: Vec<(usize, String)>,
    ticks: Vec<(usize, CaptureTime)>,
    losses: Losses,
    error: Option<String>,
}

fn read(input: impl Read + Send + 'static, size: usize, packets_per_batch: usize) -> Contents {
    let mut files = Files::from_reader("input", input);
    let mut batch = Batch::new(packets_per_batch);
    let mut contents = Contents::default();
    let mut number = 0;
    loop {
        let progress = match files.fill(&mut batch) {
            Ok(progress) => progress,
            Err(error) => {
                check::harmless(&error.to_string());
                contents.error = Some(error.to_string());
                break;
            }
        };
        contents.ticks.extend(batch.tick().map(|tick| (contents.packets.len(), tick)));
        for packet in batch.packets() {
            assert_eq!(packet.id.arrival, contents.packets.len() as u64);
            assert!(packet.id.number > number, "numbers rise");
            number = packet.id.number;
            assert!(packet.bytes.len() <= MAX_PACKET);
            contents.packets.push((packet.at, packet.link, packet.wire_len, packet.bytes.len(), hash(packet.bytes)));
        }
        for damage in batch.damage() {
            check::harmless(&damage.to_string());
            contents.damage.push((contents.packets.len(), damage.to_string()));
        }
        assert!(files.position().read <= size as u64, "more was read than there is");
        if progress == Progress::End {
            break;
        }
    }
    contents.losses = files.losses();
    contents
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// Writes the packets as the recorder does, and reads them again.
fn recorded(bytes: &[u8], contents: &Contents) {
    let mut recorder = Recorder::new(Vec::new(), "fuzz").expect("memory can be written");
    let mut interfaces = BTreeMap::new();
    let mut files = Files::from_reader("input", Cursor::new(bytes.to_vec()));
    let mut batch = Batch::default();
    while let Ok(progress) = files.fill(&mut batch) {
        for packet in batch.packets() {
            let interface = *interfaces
                .entry(packet.link)
                .or_insert_with(|| recorder.interface("eth0", packet.link, 0, "").expect("memory can be written"));
            recorder.packet(interface, packet.at, packet.wire_len, packet.bytes).expect("memory can be written");
        }
        if progress == Progress::End {
            break;
        }
    }
    let written = recorder.into_inner();
    let size = written.len();
    let again = read(Cursor::new(written), size, Batch::DEFAULT_PACKETS);
    let expected: Vec<Packet> = contents
        .packets
        .iter()
        .map(|&(at, link, wire_len, kept, hash)| {
            // The recorder's times begin in 1970, and no packet is longer than it was.
            let whole = wire_len.max(u32::try_from(kept).unwrap_or(u32::MAX));
            (at.max(CaptureTime(0)), link, whole, kept, hash)
        })
        .collect();
    assert_eq!(again.packets, expected);
    assert_eq!((again.damage, again.error), (Vec::new(), None));
}
