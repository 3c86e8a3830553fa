//! Exports of a directory, and the list of keys.

use std::{ffi::OsString, fs, path::PathBuf};

use serde_json::Value;

use super::support::{run, sample};

const EXPORTS: [&str; 4] = ["directory.ldif", "directory.csv", "directory.json", "dsinternals.txt"];

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn arguments(words: &[&str], files: &[PathBuf]) -> Vec<OsString> {
    words.iter().map(Into::into).chain(files.iter().map(Into::into)).collect()
}

/// State by account, as the list has it.
fn states(report: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name = |key: &Value| {
        let owner = text(&key["owners"][0]["account"]);
        if owner.is_empty() { text(&key["used"]["principals"][0]) } else { owner }
    };
    report["keys"].as_array().unwrap().iter().map(|key| (name(key), text(&key["state"]))).collect()
}

#[test]
fn every_form_of_export_says_the_same() {
    for export in EXPORTS {
        let files = [sample("key-trust-success"), sample("key-not-in-directory"), "--directory".into(), data(export)];
        let list = run(arguments(&["keys", "--format", "json"], &files));
        let pair = |name: &str, state: &str| (name.to_owned(), state.to_owned());
        let report = list.json();
        assert_eq!(
            states(&report),
            [pair("bob", "not_in_directory"), pair("alice", "this_user"), pair("bob", "never_used")],
            "{export}: {report}"
        );
        assert_eq!((list.status, list.stderr.as_str()), (1, ""), "{export}");
    }
}

#[test]
fn keys_of_an_export_are_listed_without_a_capture() {
    let list = run(arguments(&["keys", "--directory"], &[data("directory.ldif")]));
    assert_eq!(list.status, 0, "{}", list.stderr);
    assert!(list.stdout.starts_with("directory: 5 objects, 2 with keys, exported on 2026-01-05 or later\n"));
    assert!(list.stdout.lines().all(|line| line.chars().count() <= 80), "{}", list.stdout);
    assert_eq!(list.stdout.matches("never used").count(), 2, "{}", list.stdout);
}

#[test]
fn the_report_rests_on_the_export() {
    for export in EXPORTS {
        let files = [sample("key-not-in-directory"), "--directory".into(), data(export)];
        let report = run(arguments(&["read", "--format", "json"], &files)).json();
        let codes: Vec<&str> =
            report["findings"].as_array().unwrap().iter().filter_map(|finding| finding["code"].as_str()).collect();
        assert!(codes.contains(&"KEY-03"), "{export}: {codes:?}");
        assert!(!codes.contains(&"KEY-01") && !codes.contains(&"KEY-02"), "{codes:?}");
    }
}

#[test]
fn an_export_that_cannot_be_read_is_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("users.ldif");
    fs::write(&broken, "dn: CN=bob,DC=corp,DC=example\nsAMAccountName:: \u{1b}[31m\n").unwrap();
    let capture = sample("key-trust-success");
    run(arguments(&["read"], &[capture.clone(), "--directory".into(), broken.clone()])).assert_refused(&[
        "users.ldif",
        "line 2",
        "not base64",
    ]);
    run(arguments(&["keys", "--directory"], &[folder.path().join("none.csv")])).assert_refused(&["none.csv"]);
    run(arguments(&["keys", "--directory"], &[capture])).assert_refused(&["not text"]);
    assert_eq!(run(["keys"].map(OsString::from)).status, 2);
}

#[test]
fn names_in_an_export_cannot_harm_a_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("evil.ldif");
    let ldif = fs::read_to_string(data("directory.ldif"))
        .unwrap()
        .replace("sAMAccountName: bob", "sAMAccountName: b\u{1b}]0;x\u{7}");
    fs::write(&path, ldif).unwrap();
    for format in ["text", "json"] {
        let list = run(arguments(&["keys", "--format", format, "--directory"], std::slice::from_ref(&path)));
        assert!(!list.stdout.contains('\u{1b}') && !list.stdout.contains('\u{7}'), "{}", list.stdout);
    }
}
