//! Units to events: connections, TCP reassembly, and what is decoded in it.

#[path = "support.rs"]
mod support;

use std::hint::black_box;

use decode::{
    decoder::{Decoders, Detail},
    shard::{Config, Shard},
};
use divan::{Bencher, counter::ItemsCount};

fn main() {
    divan::main();
}

/// Kerberos and DNS are put together, and not decoded.
#[divan::bench]
fn put_together(bencher: Bencher<'_, '_>) {
    let nothing = |_: &[u8]| Err(String::new());
    run(bencher, Decoders { kerberos: nothing, dns: nothing, detail: Detail::SignIns });
}

/// What `hellotrace read` and `live` do.
#[divan::bench]
fn sign_ins(bencher: Bencher<'_, '_>) {
    run(bencher, Decoders { detail: Detail::SignIns, ..Decoders::default() });
}

/// What `hellotrace events` does.
#[divan::bench]
fn every_message(bencher: Bencher<'_, '_>) {
    run(bencher, Decoders::default());
}

fn run(bencher: Bencher<'_, '_>, decoders: Decoders) {
    let batches = support::batches("five-workstations");
    let units = support::units(&batches);
    bencher.counter(ItemsCount::new(units.len())).with_inputs(|| units.clone()).bench_local_values(|units| {
        let mut shard = Shard::new(Config { decoders, ..Config::for_shards(1) });
        let mut events = Vec::new();
        for unit in units {
            shard.push(&unit, &mut events);
            black_box(&events);
            events.clear();
        }
        shard.finish(&mut events);
        black_box(events)
    });
}
