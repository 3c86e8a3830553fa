//! Where output goes: `-o`, full disks, folders that may not be written, links and devices.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::support::{run, sample, shell};

/// Names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_file_gets_what_standard_output_would() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    for command in [&["read"][..], &["read", "--format", "json"], &["events"]] {
        let capture = sample("account-disabled").display().to_string();
        let shown = run(command.iter().copied().chain([capture.as_str()]));
        // The second time there is one already.
        for _ in 0..2 {
            let written = run(command.iter().copied().chain(["-o", path.to_str().unwrap(), capture.as_str()]));
            assert_eq!((written.status, written.stdout.as_str(), written.stderr.as_str()), (shown.status, "", ""));
            assert_eq!(fs::read_to_string(&path).unwrap(), shown.stdout);
            assert_eq!(names(folder.path()), ["out"]);
        }
    }
}

#[test]
fn a_folder_that_does_not_exist_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing/report.txt");
    for command in ["read", "events"] {
        let run = run([command.as_ref(), sample("account-disabled").as_os_str(), "-o".as_ref(), path.as_os_str()]);
        run.assert_refused(&["cannot write", path.to_str().unwrap(), "No such file"]);
        assert!(!run.stderr.contains(".hellotrace-"), "{}", run.stderr);
    }
    let run = run(["read".as_ref(), sample("account-disabled").as_os_str(), "-o".as_ref(), folder.path().as_os_str()]);
    run.assert_refused(&["cannot write", "directory"]);
}

#[test]
fn a_capture_is_not_overwritten_by_its_report() {
    let folder = tempfile::tempdir().unwrap();
    let (capture, link) = (folder.path().join("a.pcap"), folder.path().join("link"));
    fs::copy(sample("account-disabled"), &capture).unwrap();
    let mut targets = vec![capture.clone(), folder.path().join("./a.pcap")];
    if cfg!(unix) && shell("ln -s a.pcap \"$2\"", [&link]).status.success() {
        targets.push(link);
    }
    for target in targets {
        for command in ["read", "events"] {
            let run = run([command.as_ref(), capture.as_os_str(), "-o".as_ref(), target.as_os_str()]);
            run.assert_refused(&["cannot write", "one of the captures"]);
        }
    }
    assert_eq!(fs::read(&capture).unwrap(), fs::read(sample("account-disabled")).unwrap());
}

#[test]
#[cfg(unix)]
fn behind_a_link_the_file_is_replaced_and_keeps_its_permissions() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("file"), folder.path().join("link"));
    fs::write(&file, "earlier").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    symlink("file", &link).unwrap();
    run(["read".as_ref(), sample("account-disabled").as_os_str(), "-o".as_ref(), link.as_os_str()]);
    assert!(link.is_symlink());
    assert!(fs::read_to_string(&file).unwrap().contains("frank@CORP.EXAMPLE"));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(names(folder.path()), ["file", "link"]);
}

#[test]
#[cfg(unix)]
fn a_pipe_as_output_stays_a_pipe() {
    use std::os::unix::fs::FileTypeExt as _;
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let script = "mkfifo \"$3\" && { cat \"$3\" & \"$1\" read -o \"$3\" \"$2\"; wait; }";
    let output = shell(script, [&sample("account-disabled"), &pipe]);
    assert!(String::from_utf8(output.stdout).unwrap().contains("frank@CORP.EXAMPLE"));
    assert!(fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
    assert_eq!(names(folder.path()), ["pipe"]);
}

#[test]
fn a_full_disk_behind_standard_output_is_told() {
    if !Path::new("/dev/full").exists() {
        println!("skipped: there is no /dev/full here");
        return;
    }
    let capture = sample("account-disabled").display().to_string();
    for command in ["read", "read --format json", "events", "rules", "explain dcc-01"] {
        let files = if command.starts_with("read") || command == "events" { "\"$2\"" } else { "" };
        let output = shell(&format!("\"$1\" {command} {files} > /dev/full"), [&capture]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{command}");
        assert_eq!(stderr.lines().count(), 1, "{command}: {stderr}");
        assert!(stderr.contains("cannot write the output: No space left"), "{command}: {stderr}");
    }
}

/// Runs the program in a folder of its own where a file may have 1,024 bytes at most.
fn in_a_narrow_place(command: &str, files: &[PathBuf]) -> (std::process::Output, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("report"), "earlier").unwrap();
    // Ignored, the signal for such files becomes an error, as a full disk gives one.
    let script = format!(
        "cd \"$2\" && trap '' XFSZ && ulimit -f 1 && program=$1 && shift 2 && exec \"$program\" {command} \"$@\""
    );
    let arguments = std::iter::once(folder.path().to_owned()).chain(files.iter().cloned());
    (shell(&script, arguments), folder)
}

#[test]
#[cfg(unix)]
fn a_file_that_could_not_be_finished_leaves_the_earlier_one_alone() {
    let files = [sample("key-arrives-late")];
    for command in ["events -o report", "events -o new", "read --format json -o report", "read --format json -o new"] {
        let (output, folder) = in_a_narrow_place(command, &files);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &[][..]), "{command}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{command}: {stderr}");
        assert!(stderr.starts_with("hellotrace: cannot write "), "{command}: {stderr}");
        assert_eq!(names(folder.path()), ["report"], "{command}");
        assert_eq!(fs::read_to_string(folder.path().join("report")).unwrap(), "earlier");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_leaves_the_earlier_file_alone() {
    let folder = tempfile::tempdir().unwrap();
    // A small disk of our own, that nobody else sees and that is gone with the shell.
    let script = "exec unshare --user --map-root-user --mount sh -c '
        mount -t tmpfs -o size=16k none \"$2\" || exit 77
        cd \"$2\" && printf earlier > report
        \"$1\" events -o report \"$3\"; echo \"status $?\"
        cat report; echo; ls -A' sh \"$@\"";
    let output = shell(script, [folder.path(), &sample("key-arrives-late")]);
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    if !output.status.success() {
        println!("skipped: cannot mount a disk here: {stderr}");
        return;
    }
    assert_eq!(stdout, "status 2\nearlier\nreport\n");
    assert_eq!(stderr, "hellotrace: cannot write report: No space left on device (os error 28)\n");
}

#[test]
#[cfg(unix)]
fn a_folder_that_may_not_be_written_gets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let script =
        "chmod 755 \"$2\" && exec setpriv --reuid=65534 --clear-groups \"$1\" events -o \"$2/report\" - < \"$3\"";
    let output = shell(script, [folder.path(), &sample("account-disabled")]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    if !stderr.starts_with("hellotrace: ") {
        println!("skipped: cannot run the program as nobody: {stderr}");
        return;
    }
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &[][..]));
    assert!(stderr.contains("cannot write") && stderr.contains("Permission denied"), "{stderr}");
    assert_eq!(names(folder.path()), [""; 0]);
}
