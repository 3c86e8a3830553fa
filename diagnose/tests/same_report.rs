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

/// A minute of sign-ins that are alike, again and again: of nearly all only a number remains.
#[test]
fn what_retires_is_the_same_however_the_packets_are_divided() {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/../samples/key-trust-success/capture.pcap");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("many.pcap");
    fs::write(&path, again(&fs::read(sample).expect("the sample is there"), 40, 60)).expect("it can be written");
    let report = |shards, packets_per_batch| {
        let mut source = capture::open(&[&path]).expect("it can be opened");
        let mut session = Session::new(Settings { shards });
        session.keep_logons(16);
        session.run(&mut source, packets_per_batch, |_| {}).expect("it can be read");
        serde_json::to_value(session.report()).expect("a report is JSON")
    };
    let once = report(1, 5_000);
    let listed = once["logons"].as_array().expect("a list").len() as u64;
    let retired = once["capture"]["retired_logons"]["succeeded"].as_u64().expect("some retire");
    assert!(listed <= 20 && retired >= 20, "{listed} listed, {retired} retired");
    let of_dcs: u64 = once["domain_controllers"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|dc| dc["logons"]["succeeded"].as_u64())
        .sum();
    assert!(of_dcs >= retired, "{of_dcs}");
    for (shards, packets_per_batch) in [(2, 1), (3, 7), (8, 256)] {
        assert_eq!(once, report(shards, packets_per_batch), "{shards} shards, batches of {packets_per_batch}");
    }
}

/// The packets of a capture (pcap, microseconds) again and again, each time so many seconds later and with other ports.
fn again(capture: &[u8], times: u32, seconds: u32) -> Vec<u8> {
    let (header, packets) = capture.split_at(24);
    let is_swapped = header.starts_with(&[0xa1]);
    let number = |bytes: &[u8]| {
        let bytes: [u8; 4] = bytes.try_into().expect("four bytes");
        if is_swapped { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    };
    let mut all = header.to_vec();
    for time in 0..times {
        let mut rest = packets;
        while let Some((head, tail)) = rest.split_at_checked(16) {
            let length = number(&head[8..12]) as usize;
            let at = number(&head[..4]) + time * seconds;
            all.extend(if is_swapped { at.to_be_bytes() } else { at.to_le_bytes() });
            all.extend(&head[4..]);
            all.extend(&tail[..length]);
            rest = &tail[length..];
        }
    }
    all
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
