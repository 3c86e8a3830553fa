//! What the benches decode: packets of the samples.

use std::path::PathBuf;

use capture::{Batch, Progress, Source, open};
use decode::wire::{Unit, Wire};

/// All packets of a sample.
pub(crate) fn batches(sample: &str) -> Vec<Batch> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "samples", sample, "capture.pcap"].iter().collect();
    let mut source = open(&[path]).expect("the sample can be opened");
    let mut batches = Vec::new();
    loop {
        let mut batch = Batch::default();
        let progress = source.fill(&mut batch).expect("the sample can be read");
        batches.push(batch);
        if progress == Progress::End {
            return batches;
        }
    }
}

/// The units of those packets.
#[allow(dead_code, reason = "not every bench wants them")]
pub(crate) fn units(batches: &[Batch]) -> Vec<Unit<'_>> {
    let (mut wire, mut gaps) = (Wire::new(), Vec::new());
    let packets = batches.iter().flat_map(Batch::packets);
    packets.filter_map(|packet| wire.packet(&packet, &mut gaps)).collect()
}
