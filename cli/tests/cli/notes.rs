//! Marks and notes of a session file in reports.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::{
    support::{Run, run, sample},
    validator::Schema,
};

/// A session file about the sample `key-not-in-directory`, with something on another capture and an escape for a
/// terminal.
const NOTES: &str = r#"
[[mark]]
of = "sign-in STARTED 10.99.0.101 bob@CORP.EXAMPLE"
marked = true
note = "he got a new laptop on Monday"

[[mark]]
of = "finding KEY-02 SUBJECT"
note = "ticket 4711\u001b[31m"

[[mark]]
of = "finding DCC-01 dc9.corp.example (10.99.0.19)"
marked = true
"#;

struct Noted {
    _folder: tempfile::TempDir,
    session: PathBuf,
    plain: Value,
}

/// The notes, on what the report says of the sample.
fn noted() -> Noted {
    let plain = run(["read".into(), "--format".into(), "json".into(), sample("key-not-in-directory")]).json();
    let logon = plain["logons"].as_array().unwrap().iter().find(|logon| logon["principal"] == "bob@CORP.EXAMPLE");
    let finding = plain["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == "KEY-02");
    let notes = NOTES
        .replace("STARTED", logon.unwrap()["started"].as_str().unwrap())
        .replace("SUBJECT", finding.unwrap()["subject"].as_str().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let session = folder.path().join("notes.toml");
    fs::write(&session, notes).unwrap();
    Noted { _folder: folder, session, plain }
}

fn read(session: &Path, more: &[&str]) -> Run {
    let session = format!("--session={}", session.display());
    let sample = sample("key-not-in-directory");
    run(["read", &session].into_iter().chain(more.iter().copied()).chain([sample.to_str().unwrap()]))
}

#[test]
fn text_has_each_note_beside_what_it_is_on() {
    let noted = noted();
    let run = read(&noted.session, &[]);
    assert_eq!((run.status, run.stderr.as_str()), (1, ""));
    let (report, end) = run.stdout.split_once("\nNoted, and not in this report\n").expect("the last part");
    assert_eq!(end, "  finding DCC-01 dc9.corp.example (10.99.0.19)\n    marked\n");
    let lines: Vec<&str> = report.lines().collect();
    let place =
        |text: &str| lines.iter().position(|line| line.contains(text)).unwrap_or_else(|| panic!("{text}: {report}"));
    let (logon, first) = (place("bob@CORP.EXAMPLE"), place("KEY-02"));
    let on_logon = place("           marked  he got a new laptop on Monday");
    assert!((logon..first).contains(&on_logon), "{report}");
    let on_finding = place("    note    ticket 4711\\u{1b}[31m");
    assert!((first..place("because packet")).contains(&on_finding), "{report}");
    // Without the notes it is the report as ever.
    let usual = super::support::run(["read".into(), sample("key-not-in-directory")]).stdout;
    let without = lines.iter().enumerate().filter(|(index, _)| ![on_logon, on_finding].contains(index));
    let without: Vec<&str> = without.map(|(_, line)| *line).collect();
    assert_eq!(without, usual.lines().collect::<Vec<_>>());
}

#[test]
fn json_has_each_note_in_what_it_is_on_and_nothing_else_changes() {
    let noted = noted();
    let mut report = read(&noted.session, &["--format", "json"]).json();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/report.schema.json");
    let schema = Schema::new(serde_json::from_slice(&fs::read(path).unwrap()).unwrap());
    assert_eq!(schema.check(&report), Ok(()));
    let mut taken = Vec::new();
    for list in ["logons", "findings"] {
        for it in report[list].as_array_mut().unwrap() {
            let fields = it.as_object_mut().unwrap();
            let about = fields.get("principal").or(fields.get("code")).unwrap().clone();
            let (marked, note) = (fields.remove("marked"), fields.remove("note"));
            if marked.is_some() || note.is_some() {
                taken.push(json!([about, marked, note]));
            }
        }
    }
    assert_eq!(
        taken,
        [
            json!(["bob@CORP.EXAMPLE", true, "he got a new laptop on Monday"]),
            json!(["KEY-02", null, "ticket 4711\\u{1b}[31m"]),
        ]
    );
    let elsewhere = report.as_object_mut().unwrap().remove("noted_elsewhere");
    assert_eq!(elsewhere, Some(json!([{"of": "finding DCC-01 dc9.corp.example (10.99.0.19)", "marked": true}])));
    assert_eq!(report, noted.plain);
}

#[test]
fn notes_on_what_was_not_asked_for_are_at_the_end() {
    let noted = noted();
    let run = read(&noted.session, &["--user", "nobody"]);
    let (_, end) = run.stdout.split_once("\nNoted, and not in this report\n").expect("the last part");
    for note in ["bob@CORP.EXAMPLE\n    marked  he got", "    note    ticket 4711", "DCC-01"] {
        assert!(end.contains(note), "{note:?} is not in: {end}");
    }
}

#[test]
fn a_session_file_is_beside_the_capture_and_has_to_be_there() {
    let noted = noted();
    let capture = noted.session.with_file_name("capture.pcap");
    fs::copy(sample("key-not-in-directory"), &capture).unwrap();
    run(["read".as_ref(), "--session".as_ref(), capture.as_os_str()])
        .assert_refused(&["capture.pcap.session.toml", "No such file"]);
    fs::copy(&noted.session, capture.with_file_name("capture.pcap.session.toml")).unwrap();
    let report = run(["read".as_ref(), "--session".as_ref(), capture.as_os_str()]);
    assert!(report.stdout.contains("he got a new laptop"), "{}", report.stdout);
    run(["read", "--session", "-"]).assert_refused(&["--session=FILE"]);
    fs::write(&noted.session, "x = 1").unwrap();
    let session = format!("--session={}", noted.session.display());
    run(["read", &session, capture.to_str().unwrap()]).assert_refused(&["notes.toml is no session file"]);
}
