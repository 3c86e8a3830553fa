//! Packets to units: link, IP, TCP and UDP headers, and whether a unit is worth a look.

#[path = "support.rs"]
mod support;

use std::hint::black_box;

use capture::Batch;
use decode::{content::Gate, shard::shard_of, wire::Wire};
use divan::{Bencher, counter::ItemsCount};

fn main() {
    divan::main();
}

/// All packets of a sample, 340 bytes each on average.
#[divan::bench]
fn units(bencher: Bencher<'_, '_>) {
    let batches = support::batches("five-workstations");
    let packets: usize = batches.iter().map(Batch::len).sum();
    let mut gate = Gate::default();
    bencher.counter(ItemsCount::new(packets)).bench_local(|| {
        let (mut wire, mut gaps) = (Wire::new(), Vec::new());
        for packet in batches.iter().flat_map(Batch::packets) {
            let unit = wire.packet(black_box(&packet), &mut gaps).filter(|unit| gate.wants(unit));
            black_box(unit.and_then(|unit| unit.flow()).map(|flow| shard_of(&flow, 2)));
        }
    });
}
