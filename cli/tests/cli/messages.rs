//! Inputs and arguments that cannot be used: one sentence each, exit status 2, and nothing on standard output.

use std::{fs, path::PathBuf};

use super::support::{PROGRAM, run, run_with_input, sample, shell};

/// Both commands refuse the file, and the sentence names it and all these.
#[track_caller]
fn assert_both_refuse(file: &std::path::Path, says: &[&str]) {
    for command in ["read", "events"] {
        let run = run([command.as_ref(), file.as_os_str()]);
        run.assert_refused(&[&file.display().to_string()]);
        run.assert_one_line(says);
        // The rest of the command line does not save it.
        super::support::run([command.as_ref(), sample("password-success").as_os_str(), file.as_os_str()])
            .assert_refused(says);
    }
}

fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

#[test]
fn a_missing_file() {
    let folder = tempfile::tempdir().unwrap();
    assert_both_refuse(&folder.path().join("missing.pcap"), &["No such file"]);
}

#[test]
fn a_reason_is_told_once() {
    let run = run(["read", "missing.pcap"]);
    assert_eq!(run.stderr.matches("No such file").count(), 1, "{}", run.stderr);
}

#[test]
fn a_folder_without_a_capture() {
    assert_both_refuse(tempfile::tempdir().unwrap().path(), &["there is no capture in this folder"]);
}

#[test]
fn a_text_file() {
    let (_folder, path) = file("notes.pcap", b"10:04 the user could not sign in\n");
    assert_both_refuse(&path, &["not a capture", "text"]);
}

#[test]
fn an_empty_file() {
    let (_folder, path) = file("empty.pcap", b"");
    assert_both_refuse(&path, &["empty"]);
}

#[test]
fn an_event_trace_log() {
    let (_folder, path) = file("hello.etl", &[0; 4096]);
    assert_both_refuse(&path, &["pktmon etl2pcap"]);
}

#[test]
fn a_zip_archive() {
    let (_folder, path) = file("captures.zip", b"PK\x03\x04\x14\0\0\0\x08\0and so on");
    assert_both_refuse(&path, &["not a capture", "zip"]);
}

#[test]
fn a_capture_cut_before_its_first_packet() {
    let (_folder, path) = file("cut.pcap", &fs::read(sample("key-trust-success")).unwrap()[..30]);
    assert_both_refuse(&path, &["nothing in it could be read", "byte 24"]);
}

#[test]
fn standard_input_that_is_no_capture() {
    for command in [&["read", "-"][..], &["read", "--format", "json", "-"], &["events", "-"]] {
        run_with_input(command.iter().copied(), b"").assert_refused(&["standard input", "empty"]);
        run_with_input(command.iter().copied(), b"hello\n").assert_refused(&["standard input", "text"]);
        run_with_input(command.iter().copied(), &[0; 24]).assert_refused(&["standard input"]);
    }
}

#[test]
fn standard_input_named_twice() {
    run(["read", "-", "-"]).assert_refused(&["standard input", "only once"]);
}

#[test]
fn standard_input_that_is_a_terminal() {
    // util-linux's `script` gives it one.
    let output = shell("timeout 120 script -qec \"'$1' read -\" /dev/null", [""; 0]);
    let text = String::from_utf8(output.stdout).unwrap();
    if !text.contains("hellotrace") {
        println!("skipped: no terminal can be had here: {text}");
        return;
    }
    assert!(text.contains("hellotrace: standard input is a terminal"), "{text}");
}

#[test]
fn standard_input_that_is_closed() {
    let output = shell("\"$1\" read - <&-", [""; 0]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &[][..]), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn a_file_that_may_not_be_read() {
    let (folder, path) = file("secret.pcap", b"x");
    // Root may read everything: run as nobody, who must be let into the folder and shown a program.
    let script = "chmod 755 \"$2\" && chmod 0 \"$3\" && exec setpriv --reuid=65534 --clear-groups \"$1\" read \"$3\"";
    let output = shell(script, [folder.path(), &path]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    if !stderr.starts_with("hellotrace: ") {
        println!("skipped: cannot run {PROGRAM} as nobody: {stderr}");
        return;
    }
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &[][..]));
    assert!(stderr.contains("secret.pcap: Permission denied"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn reading_needs_no_privileges() {
    // `/dev/stdin` and a relative path, so that nobody needs no more than the program itself.
    let script = "exec setpriv --reuid=65534 --clear-groups \"$1\" read - < \"$2\"";
    let output = shell(script, [sample("key-trust-udp-to-tcp")]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    if !stderr.is_empty() {
        println!("skipped: cannot run {PROGRAM} as nobody: {stderr}");
        return;
    }
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stdout).unwrap().contains("alice@CORP.EXAMPLE"));
}

#[test]
fn times_that_are_none() {
    for since in ["yesterday", "", "15x", "m", "99999999999d", "2026-13-01", "9999999999"] {
        let run = run(["read".into(), "--since".into(), PathBuf::from(since), sample("password-success")]);
        run.assert_refused(&[&format!("--since {since}"), "not a time"]);
    }
}

#[test]
fn arguments_that_are_none() {
    for arguments in [
        &["read"][..],
        &["events"],
        &["explain"],
        &["read", "--threads", "0", "a.pcap"],
        &["read", "--threads", "many", "a.pcap"],
        &["read", "--max-logons", "0", "a.pcap"],
        &["read", "--batch", "0", "a.pcap"],
        &["read", "--format", "xml", "a.pcap"],
        &["read", "--user"],
        &["reed", "a.pcap"],
        &[],
    ] {
        let run = run(arguments);
        assert_eq!((run.status, run.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(run.stderr.contains("--help") || run.stderr.contains("Usage: "), "{arguments:?}: {}", run.stderr);
    }
}

#[test]
fn help_is_no_error_and_fits_a_hundred_columns() {
    for arguments in [&["--help"][..], &["-h"], &["read", "--help"], &["events", "--help"], &["help", "explain"]] {
        let run = run(arguments);
        assert_eq!((run.status, run.stderr.as_str()), (0, ""), "{arguments:?}");
        assert!(run.stdout.contains("Usage: hellotrace"), "{}", run.stdout);
        assert!(run.stdout.lines().all(|line| line.chars().count() <= 100), "{}", run.stdout);
    }
}
