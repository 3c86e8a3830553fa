//! Runs that end before they are through: a reader that has enough, and a person who does not want to wait.

#![cfg(unix)]

use std::{
    fs,
    io::{Read as _, Write as _},
    path::Path,
    process::Child,
    thread,
    time::Duration,
};

use super::support::{comes_true, ends, run, sample, samples, shell, spawn};

fn stderr_of(child: &mut Child) -> String {
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let files: Vec<String> = samples().iter().map(|path| path.display().to_string()).collect();
    let capture = files.join("' '");
    for command in ["events", "read", "read --format json"] {
        let output = for_nobody(&format!("{command} '{capture}'"));
        // One of the samples has its packets cut short, which is said.
        let told = String::from_utf8(output.stderr).unwrap();
        let told: Vec<&str> = told.lines().filter(|line| !line.contains("packets are cut at 200 bytes")).collect();
        assert_eq!(told, ["status 0"], "{command}");
    }
    for command in ["rules", "explain dcc-01", "--help"] {
        let output = for_nobody(command);
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "status 0\n", "{command}");
    }
}

/// Runs it when whoever was to read its output has closed it, and tells its status.
fn for_nobody(command: &str) -> std::process::Output {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "{{ until [ -e \"$2\" ]; do sleep 0.05; done; \"$1\" {command}; echo \"status $?\" >&2; }} | {{ exec <&-; : >\"$2\"; }}"
    );
    shell(&script, [folder.path().join("closed")])
}

#[test]
fn a_reader_that_takes_one_line_gets_it() {
    let output = shell("\"$1\" events \"$2\" | head -n 1", [sample("key-arrives-late")]);
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(line["packet"], 1);
}

#[test]
fn a_closed_pipe_ends_reading_though_the_input_goes_on() {
    let mut child = spawn(["events", "-"]);
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    let capture = fs::read(sample("key-arrives-late")).unwrap();
    let (header, packets) = capture.split_at(24);
    stdin.write_all(header).unwrap();
    // 80 KB each time: what is under way when the reader is missed is far less than all of them.
    let refused = (0..500).any(|_| stdin.write_all(packets).is_err());
    assert!(refused, "it reads on for nobody");
    assert_eq!(ends(&mut child).code(), Some(0));
    assert_eq!(stderr_of(&mut child), "");
}

#[test]
fn an_interrupted_run_leaves_no_file_under_its_final_name() {
    let capture = fs::read(sample("key-arrives-late")).unwrap();
    for command in ["events", "read"] {
        let folder = tempfile::tempdir().unwrap();
        let (new, earlier) = (folder.path().join("new"), folder.path().join("earlier"));
        fs::write(&earlier, "earlier").unwrap();
        for path in [&new, &earlier] {
            let mut child = spawn([command, "-o", path.to_str().unwrap(), "-"]);
            let mut stdin = child.stdin.take().unwrap();
            // More than a pipe holds (64 KiB on Linux): once all is written it reads, and then waits for more.
            stdin.write_all(&capture[..capture.len() - 100]).unwrap();
            // The report's file is begun at the end of reading, that of events before.
            assert!(command == "read" || comes_true(|| takes_interrupts(child.id())), "it does not begin its output");
            assert!(child.try_wait().unwrap().is_none());
            if ignores_interrupts(child.id()) {
                println!("skipped: whoever started the tests has interrupts ignored");
                child.kill().unwrap();
                ends(&mut child);
                return;
            }
            assert!(shell("kill -INT \"$2\"", [child.id().to_string()]).status.success());
            assert_ne!(ends(&mut child).code(), Some(0));
            assert_eq!(stderr_of(&mut child), "");
            drop(stdin);
        }
        assert!(!new.exists());
        assert_eq!(fs::read_to_string(&earlier).unwrap(), "earlier");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "something unfinished was left behind");
    }
}

/// Where no `env` undoes it, jobs that a script starts in the background inherit this.
fn ignores_interrupts(process: u32) -> bool {
    has_interrupts(process, "SigIgn:").unwrap_or(false)
}

/// Whether the program has said what is to become of its unfinished file.
fn takes_interrupts(process: u32) -> bool {
    has_interrupts(process, "SigCgt:").unwrap_or_else(|| {
        thread::sleep(Duration::from_secs(3));
        true
    })
}

/// Whether SIGINT is in this set of `/proc/PID/status`; `None` where there is no such file.
fn has_interrupts(process: u32, set: &str) -> Option<bool> {
    let status = fs::read_to_string(Path::new("/proc").join(process.to_string()).join("status")).ok()?;
    let mask = status.lines().find_map(|line| line.strip_prefix(set))?;
    Some(u64::from_str_radix(mask.trim(), 16).ok()? & 0b10 != 0)
}

#[test]
fn a_terminal_or_none_makes_no_difference() {
    let usual = run(["read".as_ref(), sample("account-disabled").as_os_str()]).stdout;
    for settings in ["TERM=dumb", "LANG=C LC_ALL=C", "NO_COLOR=1", "COLUMNS=40", "-i"] {
        let output = shell(&format!("exec env {settings} \"$1\" read \"$2\""), [sample("account-disabled")]);
        assert_eq!(String::from_utf8(output.stdout).unwrap(), usual, "{settings}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{settings}");
    }
}

#[test]
fn a_capture_that_grows_is_followed_until_an_interrupt() {
    let whole = fs::read(sample("key-arrives-late")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("growing.pcap");
    for command in ["read", "events"] {
        fs::write(&path, &whole[..10_000]).unwrap();
        let mut child = spawn([command, "--follow", path.to_str().unwrap()]);
        assert!(comes_true(|| has_read(&child, &path)), "{command} does not read");
        if ignores_interrupts(child.id()) {
            println!("skipped: whoever started the tests has interrupts ignored");
            child.kill().unwrap();
            ends(&mut child);
            return;
        }
        let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(&whole[10_000..]).unwrap();
        assert!(comes_true(|| has_read(&child, &path)), "{command} does not read what was added");
        assert!(child.try_wait().unwrap().is_none(), "{command} ended though the file may grow");
        assert!(shell("kill -INT \"$2\"", [child.id().to_string()]).status.success());
        let mut output = child.stdout.take().unwrap();
        let reader = thread::spawn(move || {
            let mut text = String::new();
            output.read_to_string(&mut text).unwrap();
            text
        });
        let status = ends(&mut child).code();
        let text = reader.join().unwrap();
        let expected = run([command, sample("key-arrives-late").to_str().unwrap()]);
        assert_eq!(status, Some(expected.status), "{command}");
        let is_about_file = |line: &&str| !line.contains("capture.pcap") && !line.contains("growing.pcap");
        let lines = |text: &str| text.lines().filter(is_about_file).map(str::to_owned).collect::<Vec<_>>();
        let told = |text: &str| if command == "read" { lines(text) } else { vec![text.lines().count().to_string()] };
        assert_eq!(told(&text), told(&expected.stdout), "{command}");
    }
}

/// Whether a process has read this file to its end: it says so where there is `/proc`, and elsewhere gets some time.
fn has_read(child: &Child, path: &Path) -> bool {
    let process = Path::new("/proc").join(child.id().to_string());
    let Ok(open) = fs::read_dir(process.join("fd")) else {
        thread::sleep(Duration::from_secs(3));
        return true;
    };
    let (size, path) = (fs::metadata(path).unwrap().len(), path.canonicalize().unwrap());
    open.map_while(Result::ok).filter(|entry| fs::read_link(entry.path()).is_ok_and(|link| link == path)).any(|entry| {
        let told = fs::read_to_string(process.join("fdinfo").join(entry.file_name())).unwrap_or_default();
        let position = told.lines().find_map(|line| line.strip_prefix("pos:"));
        position.and_then(|position| position.trim().parse::<u64>().ok()) == Some(size)
    })
}
