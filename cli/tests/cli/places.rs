//! Several captures, and captures that hold packets more than once: each packet counts once, by one clock.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::support::{Pcap, run, sample};

const SAMPLE: &str = "key-not-in-directory";

/// Nanoseconds since 1970 of a packet of the samples, which count microseconds.
fn nanoseconds(time: &[u8]) -> u64 {
    let number = |at: usize| u64::from(u32::from_le_bytes(time[at..at + 4].try_into().unwrap()));
    number(0) * 1_000_000_000 + number(4) * 1000
}

/// A pcapng block.
fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let length = u32::try_from(body.len() + 12).unwrap().to_le_bytes();
    [&kind.to_le_bytes()[..], &length, &body, &length].concat()
}

/// pcapng as the tools of Windows write it, which name no application: each packet at so many components, 20 µs apart.
/// What the card would fill in differs, and so does the time to live.
fn components(capture: &Pcap, copies: u64, interfaces: u32) -> Vec<u8> {
    let mut file = block(0x0a0d_0d0a, &[&[0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0][..], &[0xff; 8]].concat());
    for _ in 0..interfaces {
        // Ethernet, and times in nanoseconds.
        file.extend(block(1, &[1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0]));
    }
    let mut packets = Vec::new();
    for packet in &capture.packets {
        for copy in 0..copies {
            packets.push((nanoseconds(&packet.time) + copy * 20_000, copy, packet));
        }
    }
    packets.sort_by_key(|(at, ..)| *at);
    for (at, copy, packet) in packets {
        let mut bytes = packet.bytes.clone();
        if copy > 0 && bytes[12..14] == [8, 0] {
            bytes[22] -= 1;
            bytes[24] ^= 0xff;
        }
        let length = u32::try_from(bytes.len()).unwrap().to_le_bytes();
        let interface = u32::try_from(copy).unwrap() % interfaces;
        let (upper, lower) = (u32::try_from(at >> 32).unwrap(), u32::try_from(at & 0xffff_ffff).unwrap());
        let fixed = [interface, upper, lower].map(u32::to_le_bytes).concat();
        file.extend(block(6, &[&fixed, &length[..], &packet.wire_len.to_le_bytes(), &bytes].concat()));
    }
    file
}

/// The capture with all times later, and those of packets from `late` once more.
fn elsewhere(capture: &Pcap, milliseconds: u64, late: [u8; 4], way: u64) -> Vec<u8> {
    let mut file = capture.header.clone();
    let mut packets: Vec<_> = capture
        .packets
        .iter()
        .map(|packet| {
            let is_late = packet.bytes[12..14] == [8, 0] && packet.bytes[26..30] == late;
            let microseconds = if is_late { way } else { 0 };
            (nanoseconds(&packet.time) / 1000 + milliseconds * 1000 + microseconds, packet)
        })
        .collect();
    packets.sort_by_key(|(at, _)| *at);
    for (at, packet) in packets {
        let length = u32::try_from(packet.bytes.len()).unwrap();
        let time = [at / 1_000_000, at % 1_000_000].map(|part| u32::try_from(part).unwrap());
        file.extend([time[0], time[1], length, packet.wire_len].map(u32::to_le_bytes).concat());
        file.extend(&packet.bytes);
    }
    file
}

fn report(paths: &[PathBuf]) -> Value {
    let paths = paths.iter().map(|path| path.to_str().unwrap());
    run(["read", "--format", "json"].into_iter().chain(paths)).json()
}

/// What must not depend on how often a packet was recorded.
fn essence(report: &Value) -> Value {
    let messages = report["capture"]["messages"].clone();
    let step = |step: &Value| step["kind"].clone();
    let logon = |logon: &Value| {
        let steps: Value = logon["steps"].as_array().unwrap().iter().map(step).collect();
        serde_json::json!([logon["client"], logon["outcome"], logon["method"], logon["findings"], steps])
    };
    let logons: Value = report["logons"].as_array().unwrap().iter().map(logon).collect();
    serde_json::json!([messages, logons])
}

fn written(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_packet_seen_at_several_components_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let capture = Pcap::read(&sample(SAMPLE));
    let expected = report(&[sample(SAMPLE)]);
    let packets = capture.packets.len() as u64;
    for (copies, interfaces) in [(3, 1), (4, 3)] {
        let path = written(folder.path(), "pktmon.pcapng", &components(&capture, copies, interfaces));
        let found = report(&[path]);
        assert_eq!(found["capture"]["packets"], packets * copies);
        // ARP and the like are not looked at.
        let counted = found["capture"]["copies"].as_u64().unwrap();
        let not_ip: u64 = found["capture"]["unread"].as_object().unwrap().values().map(|it| it.as_u64().unwrap()).sum();
        assert_eq!(counted + not_ip / copies * (copies - 1), packets * (copies - 1), "{interfaces}");
        assert_eq!(essence(&found), essence(&expected), "{interfaces}");
    }
}

#[test]
fn two_places_are_one_capture_by_one_clock() {
    let folder = tempfile::tempdir().unwrap();
    let here = sample(SAMPLE);
    let capture = Pcap::read(&here);
    // Packets to the controller come there 4 ms later, and its answers were there 4 ms before.
    let there = written(folder.path(), "dc.pcap", &elsewhere(&capture, 65_000, [10, 99, 0, 101], 4000));
    let expected = report(std::slice::from_ref(&here));
    let found = report(&[here.clone(), there.clone()]);
    assert_eq!(essence(&found), essence(&expected));
    let capture = &found["capture"];
    assert!(capture["copies"].as_u64().unwrap() * 2 > capture["packets"].as_u64().unwrap() * 9 / 10, "{capture}");
    let [clock] = &capture["clock_offsets"].as_array().unwrap()[..] else { panic!("{capture}") };
    assert_eq!(clock["input"], there.to_str().unwrap());
    let ahead = clock["ahead_microseconds"].as_i64().unwrap();
    assert!((65_000_000..=65_004_000).contains(&ahead), "{ahead}");
    assert_eq!(
        (&capture["first"], found["logons"].as_array().unwrap().len()),
        (&expected["capture"]["first"], expected["logons"].as_array().unwrap().len())
    );
    let text = run(["read", here.to_str().unwrap(), there.to_str().unwrap()]).stdout;
    assert!(text.contains("copies of others, counted once"), "{text}");
    assert!(text.contains("its clock is 65.00"), "{text}");
    let events = run(["events", here.to_str().unwrap(), there.to_str().unwrap()]);
    events.assert_one_line(&[there.to_str().unwrap(), "its clock is 65.00", "its times are put right"]);
    assert_eq!(events.lines().last().unwrap()["copies"], capture["copies"]);
}

#[test]
fn captures_one_after_another_share_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let whole = Pcap::read(&sample(SAMPLE));
    let middle = whole.packets.len() / 2;
    let part = |range: std::ops::Range<usize>| {
        let mut file = whole.header.clone();
        for packet in &whole.packets[range] {
            let length = u32::try_from(packet.bytes.len()).unwrap();
            file.extend([&packet.time[..], &length.to_le_bytes(), &packet.wire_len.to_le_bytes()].concat());
            file.extend(&packet.bytes);
        }
        file
    };
    written(folder.path(), "ring_00001.pcap", &part(0..middle));
    written(folder.path(), "ring_00002.pcap", &part(middle..whole.packets.len()));
    written(folder.path(), "readme.txt", b"a note\n");
    let folder = folder.path().to_str().unwrap();
    let found = run(["read", "--format", "json", folder]);
    found.assert_one_line(&["passed over: ", "readme.txt is not a capture: it looks like text"]);
    let found = found.json();
    assert_eq!(essence(&found), essence(&report(&[sample(SAMPLE)])));
    assert_eq!(found["capture"]["copies"], 0);
    assert_eq!(found["capture"]["clock_offsets"], serde_json::json!([]));
}
