//! The same packets give the same report, to the byte: for any number of shards, and wherever batches end.

use std::{fs, path::PathBuf};

use diagnose::Session;
use trace::Settings;

const SHARDS: [usize; 4] = [1, 2, 3, 8];
const BATCHES: [usize; 4] = [1, 7, 256, 5_000];

fn report(path: &PathBuf, shards: usize, packets_per_batch: usize) -> String {
    let mut source = capture::open(&[path]).expect("the sample can be opened");
    let mut session = Session::new(Settings { shards });
    session.run(&mut source, packets_per_batch, |_| {}).expect("the sample can be read");
    serde_json::to_string_pretty(&session.report()).expect("a report is JSON")
}

fn samples() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../samples");
    let entries = fs::read_dir(folder).expect("samples exist");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("readable").path().join("capture.pcap"))
        .filter(|path| path.exists())
        .collect();
    paths.sort();
    assert!(paths.len() >= 10, "{} samples", paths.len());
    paths
}

#[test]
fn every_sample_reads_the_same_however_it_is_divided() {
    for path in samples() {
        let once = report(&path, 1, 5_000);
        assert!(once.contains("hellotrace.report/1"));
        for shards in SHARDS {
            for packets_per_batch in BATCHES {
                let again = report(&path, shards, packets_per_batch);
                assert!(once == again, "{}: {shards} shards, batches of {packets_per_batch}", path.display());
            }
        }
    }
}

/// Other people's captures, where they are at hand: they step back in time, lose packets and mix everything.
#[test]
fn published_captures_read_the_same_however_they_are_divided() {
    let folder = std::env::var("HELLOTRACE_SHARED")
        .map_or_else(|_| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")), PathBuf::from);
    let Ok(entries) = fs::read_dir(folder.join("captures/public/zeek")) else {
        println!("skipped: no published captures beside the project");
        return;
    };
    let mut count = 0;
    for entry in entries {
        let path = entry.expect("readable").path();
        let readable = path.extension().is_some_and(|extension| extension == "pcap" || extension == "pcapng");
        if !readable || capture::open(&[&path]).is_err() {
            continue;
        }
        let once = report(&path, 1, 5_000);
        for (shards, packets_per_batch) in [(2, 1), (3, 7), (8, 256)] {
            let again = report(&path, shards, packets_per_batch);
            assert!(once == again, "{}: {shards} shards, batches of {packets_per_batch}", path.display());
        }
        count += 1;
    }
    println!("{count} published captures");
}
