//! Captures that are damaged or incomplete: what is there is read, what is not is told.

use std::fs;

use super::support::{Pcap, run, run_with_input, sample};

/// A capture that breaks off in the middle of its 122nd packet.
fn broken_off() -> Vec<u8> {
    let whole = Pcap::read(&sample("key-trust-success"));
    let before: usize = 24 + whole.packets[..121].iter().map(|packet| 16 + packet.bytes.len()).sum::<usize>();
    let mut file = whole.bytes();
    file.truncate(before + 16 + whole.packets[121].bytes.len() / 2);
    file
}

#[test]
fn a_capture_cut_in_the_middle_is_read_up_to_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.pcap");
    fs::write(&path, broken_off()).unwrap();
    let path = path.to_str().unwrap();

    let text = run(["read", path]);
    assert!([0, 1].contains(&text.status));
    text.assert_one_line(&[path, "in the middle of a packet", "byte ", "after packet 121", "was read"]);
    assert!(text.stdout.contains("alice@CORP.EXAMPLE by key trust"), "{}", text.stdout);

    let report = run(["read", "--format", "json", path]);
    report.assert_one_line(&[path]);
    assert_eq!((&report.json()["capture"]["packets"], &report.json()["capture"]["damage"]), (&121.into(), &1.into()));
}

#[test]
fn events_of_a_capture_cut_in_the_middle_end_with_the_damage_and_1() {
    let events = run_with_input(["events", "-"], &broken_off());
    assert_eq!(events.status, 1);
    events.assert_one_line(&["standard input", "in the middle of a packet", "after packet 121"]);
    let lines = events.lines();
    let damages: Vec<_> = lines.iter().filter(|line| line["message"] == "damage").collect();
    let [damage] = damages.as_slice() else { panic!("{damages:?}") };
    assert_eq!((&damage["protocol"], &damage["gap"]), (&"capture".into(), &"undecodable".into()));
    assert_eq!(damage["packet"], 121);
    let summary = lines.last().unwrap();
    assert_eq!((&summary["packets"], &summary["damage"]), (&121.into(), &1.into()));
}

#[test]
fn what_comes_before_damage_reads_as_without_it() {
    let whole = run_with_input(["events", "-"], &fs::read(sample("key-trust-success")).unwrap()).lines();
    let broken = run_with_input(["events", "-"], &broken_off()).lines();
    let before = |lines: &[serde_json::Value]| -> Vec<serde_json::Value> {
        // Connections are told when they end, which the damage moves.
        lines.iter().filter(|line| line["packet"].as_u64() <= Some(121) && line.get("gap").is_none()).cloned().collect()
    };
    let messages = |lines: &[serde_json::Value]| -> Vec<serde_json::Value> {
        before(lines)
            .into_iter()
            .filter(|line| ["kerberos", "dns"].map(Into::into).contains(&line["protocol"]))
            .collect()
    };
    assert!(!messages(&whole).is_empty());
    assert_eq!(messages(&whole), messages(&broken));
}

#[test]
fn packets_cut_at_96_bytes_are_told_to_hide_pkinit() {
    let mut cut = Pcap::read(&sample("key-trust-success"));
    for packet in &mut cut.packets {
        packet.bytes.truncate(96);
    }
    let text = run_with_input(["read", "-"], &cut.bytes());
    assert!([0, 1].contains(&text.status));
    text.assert_one_line(&["96 bytes", "PKINIT cannot be read", "-s 0"]);

    let report = run_with_input(["read", "--format", "json", "-"], &cut.bytes()).json();
    assert!(report["capture"]["cut_packets"].as_u64() > Some(0));
    assert!(report["capture"]["gaps"]["kerberos.cut_short"].as_u64() > Some(0), "{}", report["capture"]);

    let events = run_with_input(["events", "-"], &cut.bytes());
    assert!(events.lines().iter().any(|line| line["protocol"] == "kerberos" && line["gap"] == "cut_short"));
}

#[test]
fn a_link_type_that_cannot_be_read_is_told() {
    let mut foreign = Pcap::read(&sample("key-trust-success"));
    foreign.header[20..24].copy_from_slice(&147_u32.to_le_bytes());
    let text = run_with_input(["read", "-"], &foreign.bytes());
    text.assert_one_line(&["211 packets", "link type 147"]);
}
