//! `read` and `events` where all is well: forms, several inputs, filters, exit statuses, and that the work's division
//! does not matter.

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde_json::{Value, json};

use super::{
    schemas::schema,
    support::{run, run_with_input, sample, samples, shell},
};

fn read(arguments: &[&str], files: &[PathBuf]) -> Value {
    let arguments: Vec<PathBuf> = ["read", "--format", "json"].iter().chain(arguments).map(PathBuf::from).collect();
    run(arguments.iter().chain(files)).json()
}

fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value[name].as_array().unwrap()
}

#[test]
fn the_text_tells_who_where_when_and_how_it_ended() {
    let run = run(["read".into(), sample("account-disabled")]);
    assert_eq!(run.stderr, "");
    assert!(run.stdout.contains("1 sign-in: 1 failed"), "{}", run.stdout);
    assert!(run.stdout.contains("FAILED     frank@CORP.EXAMPLE by key trust"), "{}", run.stdout);
    assert!(run.stdout.contains("10.99.0.101 -> dc1.corp.example (10.99.0.10)"), "{}", run.stdout);
    assert!(run.stdout.contains("2026-11-22 09:59:23.046 UTC"), "{}", run.stdout);
}

#[test]
fn the_text_has_the_answer_where_no_finding_says_why() {
    let run = run(["read".into(), sample("dc-clock-behind")]);
    assert!(run.stdout.contains("           the answer (packet 4): error 37 KRB_AP_ERR_SKEW: "), "{}", run.stdout);
    assert_eq!(run.stdout.matches("the answer (").count(), 3, "{}", run.stdout);
}

#[test]
fn no_line_of_text_is_wider_than_a_hundred_columns() {
    for sample in samples() {
        let name = sample.display().to_string();
        let run = run(["read".into(), sample]);
        // A word longer than that, such as the subject of a certificate, has a line of its own.
        for line in run.stdout.lines().filter(|line| !line.contains(&name) && line.trim_start().contains(' ')) {
            assert!(line.chars().count() <= 100, "{line}");
        }
    }
}

#[test]
fn failures_come_before_successes() {
    let run = run(["read".into(), sample("key-trust-success"), sample("account-disabled")]);
    let failed = run.stdout.find("FAILED").unwrap();
    assert!(failed < run.stdout.find("succeeded  ").unwrap(), "{}", run.stdout);
}

#[test]
fn the_report_names_what_the_text_shows() {
    let report = read(&[], &[sample("account-disabled")]);
    assert_eq!(report["schema"], "hellotrace.report/1");
    assert_eq!(report["capture"]["packets"], 18);
    let [logon] = list(&report, "logons") else { panic!("{report}") };
    assert_eq!(logon["principal"], "frank@CORP.EXAMPLE");
    assert_eq!((&logon["method"], &logon["outcome"]), (&"key-trust".into(), &"failed".into()));
    assert_eq!((&logon["client"], &logon["kdc"]), (&"10.99.0.101".into(), &"10.99.0.10".into()));
    assert_eq!(logon["started"], "2026-11-22T09:59:23.046383000Z");
}

#[test]
fn thresholds_that_are_set_change_what_is_found_and_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("thresholds.toml");
    fs::write(&path, "drift-seconds = 3600\nsync-seconds = 1800\n").unwrap();
    let late = sample("client-clock-drifts");
    let with: Vec<PathBuf> = vec!["--thresholds".into(), path.clone()];
    let found = |report: &Value| list(report, "findings").iter().any(|finding| finding["code"] == "TIM-02");
    let report = read(&[], std::slice::from_ref(&late));
    assert!(found(&report) && report.get("thresholds").is_none(), "{report}");
    let given: Vec<PathBuf> = with.iter().cloned().chain([late.clone()]).collect();
    let report = read(&[], &given);
    assert!(!found(&report), "{report}");
    assert_eq!(report["thresholds"], json!([{"name": "drift-seconds", "value": 3600, "default": 120}]));
    assert_eq!(schema("report.schema.json").check(&report), Ok(()));
    for command in ["read", "dcs", "checklist"] {
        let text = run([command.into()].into_iter().chain(given.clone())).stdout;
        assert!(text.contains("threshold set: drift-seconds is 3600, by default 120\n"), "{text}");
        let json = run([command, "--format", "json"].map(Into::into).into_iter().chain(given.clone())).json();
        assert_eq!(json["thresholds"], report["thresholds"], "{command}");
        let json = run([command, "--format", "json"].map(Into::into).into_iter().chain([late.clone()])).json();
        assert!(json.get("thresholds").is_none(), "{command}");
    }

    fs::write(&path, "# too much\nsync-seconds = 1e9\n").unwrap();
    let refused = run(["read".into(), late].into_iter().chain(with));
    refused.assert_refused(&["thresholds.toml: line 2: sync-seconds must be a whole number from 1 to 2592000"]);
}

#[test]
fn several_files_are_told_apart() {
    let (first, second) = (sample("key-trust-success"), sample("account-disabled"));
    let names: BTreeSet<String> = [&first, &second].iter().map(|path| path.display().to_string()).collect();
    let report = read(&[], &[first.clone(), second.clone()]);
    assert_eq!(list(&report["capture"], "inputs").len(), 2);
    let steps = list(&report, "logons").iter().flat_map(|logon| list(logon, "steps"));
    let evidence = list(&report, "findings").iter().chain(list(&report, "checklist"));
    let evidence = evidence.flat_map(|finding| list(finding, "evidence"));
    let mut files = BTreeSet::new();
    for place in steps.chain(evidence) {
        files.insert(place["file"].as_str().unwrap_or_else(|| panic!("{place} has no file")).to_owned());
    }
    assert_eq!(files, names);

    let events = run(["events".into(), first, second]).lines();
    let (summary, events) = events.split_last().unwrap();
    assert_eq!(summary["packets"], 229);
    let files: BTreeSet<String> = events.iter().map(|event| event["file"].as_str().unwrap().to_owned()).collect();
    assert_eq!(files, names);
}

#[test]
fn one_file_alone_is_not_named_at_every_step() {
    let report = read(&[], &[sample("account-disabled")]);
    assert!(list(&list(&report, "logons")[0], "steps").iter().all(|step| step.get("file").is_none()));
    let events = run(["events".into(), sample("account-disabled")]).lines();
    assert!(events.iter().all(|event| event.get("file").is_none()));
}

#[test]
fn standard_input_reads_as_a_file_does() {
    let path = sample("password-success");
    let name = path.display().to_string();
    for arguments in [&["read"][..], &["read", "--format", "json"], &["events"]] {
        let from_file = run(arguments.iter().copied().chain([name.as_str()]));
        let from_pipe = run_with_input(arguments.iter().copied().chain(["-"]), &fs::read(&path).unwrap());
        assert_eq!(from_file.status, from_pipe.status);
        assert_eq!(from_file.stdout.replace(&name, "standard input"), from_pipe.stdout);
        assert_eq!(from_pipe.stderr, "");
    }
}

#[test]
fn a_gzipped_capture_reads_as_the_plain_one() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, zipped) = (sample("key-trust-success"), folder.path().join("capture.pcap.gz"));
    let made = shell("gzip -c < \"$2\" > \"$3\"", [&plain, &zipped]);
    if !made.status.success() {
        println!("skipped: there is no gzip here");
        return;
    }
    let (plain_name, zipped_name) = (plain.display().to_string(), zipped.display().to_string());
    for arguments in [&["read"][..], &["read", "--format", "json"], &["events"]] {
        let from_plain = run(arguments.iter().copied().chain([plain_name.as_str()]));
        let from_zipped = run(arguments.iter().copied().chain([zipped_name.as_str()]));
        assert_eq!(from_plain.stdout.replace(&plain_name, &zipped_name), from_zipped.stdout);
        assert_eq!((from_plain.status, from_zipped.stderr.as_str()), (from_zipped.status, ""));
    }
}

#[test]
fn threads_and_batches_do_not_change_a_byte() {
    let files = [sample("key-trust-success"), sample("key-arrives-late"), sample("account-locked")];
    for arguments in [&["read"][..], &["read", "--format", "json"], &["events"]] {
        let run = |division: &[&str]| {
            let arguments: Vec<PathBuf> = arguments.iter().chain(division).map(PathBuf::from).collect();
            let run = run(arguments.iter().chain(&files));
            assert_eq!(run.stderr, "");
            run.stdout
        };
        let usual = run(&[]);
        assert!(!usual.is_empty());
        for threads in ["1", "2"] {
            for batch in ["1", "7"] {
                assert_eq!(run(&["--threads", threads, "--batch", batch]), usual, "{threads} threads, {batch} a batch");
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_limit_on_memory_that_is_not_reached_changes_nothing() {
    let sample = sample("key-trust-success").display().to_string();
    let limited = run(["read", "--format", "json", "--max-memory", "1048576", &sample]);
    assert_eq!((limited.stdout, limited.stderr.as_str()), (run(["read", "--format", "json", &sample]).stdout, ""));
}

#[test]
fn failed_keeps_failures_and_drops_successes() {
    let report = read(&["--failed"], &[sample("account-disabled"), sample("key-trust-udp-to-tcp")]);
    let [logon] = list(&report, "logons") else { panic!("{report}") };
    assert_eq!(logon["principal"], "frank@CORP.EXAMPLE");
    let text = run(["read".into(), "--failed".into(), sample("key-trust-udp-to-tcp")]).stdout;
    assert!(text.contains("0 sign-ins; 1 not asked for"), "{text}");
    assert!(!text.contains("No sign-in was found"), "{text}");
}

#[test]
fn user_keeps_part_of_a_name_in_any_case() {
    let files = [sample("account-disabled"), sample("key-trust-success")];
    for user in ["frank", "FRANK@corp", "rank"] {
        let report = read(&["--user", user], &files);
        let [logon] = list(&report, "logons") else { panic!("{user}: {report}") };
        assert_eq!(logon["principal"], "frank@CORP.EXAMPLE");
    }
    assert_eq!(list(&read(&["--user", "nobody"], &files), "logons").len(), 0);
}

#[test]
fn since_keeps_what_began_at_or_after_a_time() {
    let files = [sample("account-locked")];
    for (since, kept) in [
        ("2026-11-22T10:19:26Z", 2),
        ("2026-11-22 10:19:26", 2),
        ("2026-11-22T12:19:26+02:00", 2),
        ("2026-11-22", 5),
        ("2026-11-23", 0),
        ("1d", 5),
        ("0s", 0),
    ] {
        assert_eq!(list(&read(&["--since", since], &files), "logons").len(), kept, "{since}");
    }
}

#[test]
fn what_filters_leave_holds_together() {
    for arguments in [&["--failed"][..], &["--user", "alice"], &["--since", "1s"]] {
        let report = read(arguments, &samples());
        let kept: BTreeSet<u64> = list(&report, "logons").iter().map(|logon| logon["id"].as_u64().unwrap()).collect();
        for finding in list(&report, "findings") {
            let logons: Vec<u64> = list(finding, "logons").iter().map(|id| id.as_u64().unwrap()).collect();
            assert!(logons.iter().all(|id| kept.contains(id)), "{arguments:?}: {finding}");
        }
        for logon in list(&report, "logons") {
            for code in list(logon, "findings") {
                let told =
                    |finding: &&Value| finding["code"] == *code && list(finding, "logons").contains(&logon["id"]);
                assert!(list(&report, "findings").iter().any(|finding| told(&finding)), "{arguments:?}: {code}");
            }
        }
    }
}

#[test]
fn read_ends_with_1_when_something_was_found() {
    for sample in samples() {
        let run = run(["read".into(), "--format".into(), "json".into(), sample.clone()]);
        let is_fault = |finding: &Value| !["info", "low"].contains(&finding["severity"].as_str().unwrap());
        let found = list(&run.json(), "findings").iter().any(is_fault);
        assert_eq!(run.status, i32::from(found), "{}", sample.display());
    }
    assert_eq!(run(["read".into(), sample("key-trust-udp-to-tcp")]).status, 0);
    assert_eq!(run(["read".into(), sample("dc-certificate-missing-not-offered")]).status, 1);
}

#[test]
fn events_end_with_0_when_no_damage_was_met() {
    for sample in samples() {
        assert_eq!(run(["events".into(), sample.clone()]).status, 0, "{}", sample.display());
    }
}

#[test]
fn events_come_in_the_order_of_their_packets_and_the_summary_comes_last() {
    for sample in samples() {
        let run = run(["events".into(), sample.clone()]);
        let lines = run.lines();
        let (summary, events) = lines.split_last().unwrap();
        assert_eq!((&summary["protocol"], &summary["message"]), (&"capture".into(), &"summary".into()));
        assert!(events.iter().all(|event| event["message"] != "summary"));
        // What became of a connection, or of the end of its stream, may be known long after its last packet.
        let messages = events.iter().filter(|event| event["protocol"] != "tcp" && event["gap"].is_null());
        let packets: Vec<u64> = messages.map(|event| event["packet"].as_u64().unwrap()).collect();
        let late = packets.windows(2).find(|pair| pair[0] > pair[1]);
        assert_eq!(late, None, "{}", sample.display());
        assert!(packets.last() <= summary["packets"].as_u64().as_ref());
    }
}

#[test]
fn the_report_counts_the_events() {
    let path = sample("key-arrives-late");
    let report = read(&[], std::slice::from_ref(&path));
    let events = run(["events".into(), path]).lines();
    for (protocol, count) in report["capture"]["messages"].as_object().unwrap() {
        let events = events.iter().filter(|event| event["protocol"] == **protocol && event.get("gap").is_none());
        assert_eq!(count.as_u64().unwrap(), events.count() as u64, "{protocol}");
    }
}

#[test]
fn a_capture_without_packets_is_reported_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quiet.pcap");
    fs::write(&path, &fs::read(sample("key-trust-success")).unwrap()[..24]).unwrap();
    let text = run(["read".into(), path.clone()]);
    assert_eq!((text.status, text.stderr.as_str()), (0, ""));
    assert!(text.stdout.contains("0 packets"), "{}", text.stdout);
    let events = run(["events".into(), path]).lines();
    assert_eq!((events.len(), &events[0]["first"]), (1, &"".into()));
}
