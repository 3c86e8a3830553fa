//! How fast captures are read: a sample's packets over and over, from memory, as pcap and as pcapng.

use std::{hint::black_box, io::Cursor, path::Path};

use capture::{Batch, Files, LinkType, Progress, Recorder, Source, open};
use divan::{
    Bencher,
    counter::{BytesCount, ItemsCount},
};

/// Times that the sample's packets are repeated: enough that what is read leaves the processor's second-level cache.
const TIMES: usize = 16;

/// Bytes of the header of a pcap file.
const FILE_HEADER: usize = 24;

fn main() {
    divan::main();
}

#[divan::bench]
fn pcap(bencher: Bencher<'_, '_>) {
    let sample = std::fs::read(sample()).expect("the sample can be read");
    let (header, records) = sample.split_at(FILE_HEADER);
    read(bencher, &[header, &records.repeat(TIMES)].concat());
}

#[divan::bench]
fn pcapng(bencher: Bencher<'_, '_>) {
    let mut recorder = Recorder::new(Vec::new(), "bench").expect("memory can be written");
    recorder.interface("bench", LinkType::ETHERNET, 0, "").expect("memory can be written");
    let mut batch = Batch::default();
    for _ in 0..TIMES {
        let mut source = open(&[sample()]).expect("the sample can be opened");
        let mut progress = Progress::More;
        while progress != Progress::End {
            progress = source.fill(&mut batch).expect("the sample can be read");
            for packet in batch.packets() {
                recorder.packet(0, packet.at, packet.wire_len, packet.bytes).expect("memory can be written");
            }
        }
    }
    read(bencher, &recorder.into_inner());
}

fn sample() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/five-workstations/capture.pcap"))
}

fn read(bencher: Bencher<'_, '_>, bytes: &[u8]) {
    let mut batch = Batch::default();
    let packets = packets(bytes, &mut batch);
    bencher
        .counter(BytesCount::new(bytes.len()))
        .counter(ItemsCount::new(packets))
        .with_inputs(|| bytes.to_vec())
        .bench_local_values(|bytes| black_box(packets_of(Cursor::new(bytes), &mut batch)));
}

fn packets(bytes: &[u8], batch: &mut Batch) -> usize {
    packets_of(Cursor::new(bytes.to_vec()), batch)
}

fn packets_of(bytes: Cursor<Vec<u8>>, batch: &mut Batch) -> usize {
    let mut source = Files::from_reader("bench", bytes);
    let mut packets = 0;
    loop {
        let progress = source.fill(batch).expect("memory can be read");
        packets += batch.len();
        if progress == Progress::End {
            return packets;
        }
    }
}
