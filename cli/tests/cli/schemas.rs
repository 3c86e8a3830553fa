//! Machine output is what `docs/report.schema.json` and `docs/events.schema.json` say, in every sample.

use std::{fs, path::Path};

use serde_json::{Value, json};

use super::{
    support::{Pcap, run, run_with_input, sample, samples},
    validator::Schema,
};

pub(crate) fn schema(name: &str) -> Schema {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    Schema::new(serde_json::from_slice(&fs::read(path).unwrap()).unwrap())
}

#[test]
fn every_report_is_as_the_schema_says() {
    let schema = schema("report.schema.json");
    let mut inputs: Vec<Vec<_>> = samples().into_iter().map(|sample| vec![sample]).collect();
    inputs.push(samples());
    for files in inputs {
        let arguments = ["read", "--format", "json"].map(Into::into);
        let report = run(arguments.into_iter().chain(files.clone())).json();
        assert_eq!(schema.check(&report), Ok(()), "{files:?}");
    }
}

#[test]
fn parts_of_the_report_are_the_report_s() {
    for (command, part) in [("dcs", "domain_controllers"), ("checklist", "checklist")] {
        let of = |words: &[&str]| run(words.iter().map(Into::into).chain(samples())).json();
        let (whole, alone) = (of(&["read", "--format", "json"]), of(&[command, "--format", "json"]));
        assert_eq!(alone["schema"], format!("hellotrace.{command}/1"));
        assert_eq!(alone[part], whole[part]);
        assert!(!alone[part].as_array().unwrap().is_empty());
        let text = run([command.into()].into_iter().chain(samples())).stdout;
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
}

#[test]
fn every_list_of_keys_is_as_the_schema_says() {
    let schema = schema("keys.schema.json");
    let export = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/directory.ldif");
    let mut inputs: Vec<Vec<_>> = samples().into_iter().map(|sample| vec![sample]).collect();
    inputs.push(samples());
    inputs.push(vec!["--directory".into(), export.clone()]);
    inputs.push(samples().into_iter().chain(["--directory".into(), export]).collect());
    for files in inputs {
        let list = run(["keys", "--format", "json"].map(Into::into).into_iter().chain(files.clone())).json();
        assert_eq!(schema.check(&list), Ok(()), "{files:?}");
    }
}

#[test]
fn every_event_is_as_the_schema_says() {
    let schema = schema("events.schema.json");
    let mut inputs: Vec<Vec<_>> = samples().into_iter().map(|sample| vec![sample]).collect();
    inputs.push(samples());
    for files in inputs {
        for event in run(std::iter::once("events".into()).chain(files.clone())).lines() {
            assert_eq!(schema.check(&event), Ok(()), "{files:?}: {event}");
        }
    }
}

#[test]
fn what_damage_leaves_is_as_the_schemas_say() {
    let whole = Pcap::read(&sample("key-trust-success"));
    let mut inputs = Vec::new();
    for size in [24, 64, 96, 128] {
        let mut cut = Pcap { header: whole.header.clone(), packets: Vec::new() };
        for packet in Pcap::read(&sample("key-trust-success")).packets {
            let bytes = packet.bytes.get(..size).unwrap_or(&packet.bytes).to_vec();
            cut.packets.push(super::support::PcapPacket { bytes, ..packet });
        }
        inputs.push(cut.bytes());
    }
    for length in (500..whole.bytes().len()).step_by(4001) {
        inputs.push(whole.bytes()[..length].to_vec());
    }
    // One packet in three is missing.
    for first in 0..3 {
        let mut holes = Pcap::read(&sample("key-trust-success"));
        let mut number = 0;
        holes.packets.retain(|_| {
            number += 1;
            number % 3 != first
        });
        inputs.push(holes.bytes());
    }
    let (events, report) = (schema("events.schema.json"), schema("report.schema.json"));
    let mut gaps = 0;
    for input in inputs {
        assert_eq!(report.check(&run_with_input(["read", "--format", "json", "-"], &input).json()), Ok(()));
        for event in run_with_input(["events", "-"], &input).lines() {
            assert_eq!(events.check(&event), Ok(()), "{event}");
            gaps += usize::from(event.get("gap").is_some());
        }
    }
    assert!(gaps > 20, "{gaps}");
}

#[test]
fn wrong_reports_are_refused() {
    let schema = schema("report.schema.json");
    let good =
        run(["read".into(), "--format".into(), "json".into(), sample("dc-certificate-missing-not-offered")]).json();
    assert_eq!(schema.check(&good), Ok(()));
    let spoil = |pointer: &str, value: Value| {
        let mut report = good.clone();
        *report.pointer_mut(pointer).unwrap() = value;
        let refused = schema.check(&report);
        assert!(refused.as_ref().is_err_and(|why| why.contains(pointer)), "{pointer}: {refused:?}");
    };
    spoil("/schema", json!("hellotrace.report/2"));
    spoil("/capture/packets", json!("26"));
    spoil("/capture/packets", json!(-1));
    spoil("/capture/packets", json!(1.5));
    spoil("/capture/first", json!("2026-11-22 10:21:28"));
    spoil("/capture/gaps", json!({"kerberos.missing": "1"}));
    spoil("/logons/0/method", json!("key_trust"));
    spoil("/logons/0/kdc", json!(7));
    spoil("/logons/0/steps/0/packet", json!(0));
    spoil("/findings/0/severity", json!("CRITICAL"));
    spoil("/findings/0/code", json!("DCC-1"));
    spoil("/findings/0/fix", json!("do it"));
    let mut more = good.clone();
    more["logons"][0]["password"] = json!("secret");
    assert!(schema.check(&more).is_err());
    let mut less = good.clone();
    less["logons"][0].as_object_mut().unwrap().remove("outcome");
    assert!(schema.check(&less).is_err());
}

#[test]
fn wrong_events_are_refused() {
    let schema = schema("events.schema.json");
    let events = run(["events".into(), sample("key-trust-success")]).lines();
    let good = events.iter().find(|event| event["message"] == "as-req").unwrap();
    assert_eq!(schema.check(good), Ok(()));
    for (name, value) in [
        ("packet", json!("11")),
        ("message", json!("as_req")),
        ("protocol", json!("krb")),
        ("transport", json!("sctp")),
        ("src_port", json!(65_536)),
        ("kdc_options", json!("0x40000000")),
        ("cipher", json!("00")),
        ("time", json!("2026-11-22T09:56:36Z")),
        ("pkinit", json!({})),
    ] {
        let mut event = good.clone();
        event[name] = value;
        assert!(schema.check(&event).is_err(), "{event}");
    }
    for name in ["packet", "time", "src", "dst", "transport", "protocol", "message", "carried_by"] {
        let mut event = good.clone();
        event.as_object_mut().unwrap().remove(name);
        assert!(schema.check(&event).is_err(), "without {name}");
    }
}
