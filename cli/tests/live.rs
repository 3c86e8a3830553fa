//! Live capture between network namespaces that the tests make themselves: packets of samples are sent at one end of a
//! veth pair, and `hellotrace live` records at the other.
//!
//! Needs root, `ip`, and `hellotrace-capture` beside `hellotrace` (`cargo build -p capture --features live`). Where one
//! of them is missing, these tests say so and pass.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "all of this is tests")]

#[path = "tui/terminal.rs"]
mod terminal;

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    os::{fd::AsRawFd as _, unix::fs::PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use nix::{
    ifaddrs::getifaddrs,
    sched::{CloneFlags, setns},
    sys::{
        signal::{Signal, kill},
        socket::{AddressFamily, MsgFlags, SockFlag, SockType, sendto, socket},
    },
    unistd::Pid,
};
use serde_json::Value;

use terminal::{BEFORE, Terminal};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hellotrace");

/// Two namespaces, joined by a wire. Both are gone when it goes out of scope.
struct Wire {
    sender: String,
    recorder: String,
}

impl Wire {
    /// `None`, and a word of why, where there cannot be one.
    fn lay() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if !Path::new(PROGRAM).with_file_name("hellotrace-capture").exists() {
            println!("skipped: hellotrace-capture is not built (cargo build -p capture --features live)");
            return None;
        }
        let id = format!("{}x{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let wire = Self { sender: format!("hts{id}"), recorder: format!("htr{id}") };
        let made = ip(&["netns", "add", &wire.sender]) && ip(&["netns", "add", &wire.recorder]) && wire.connect();
        if !made {
            println!("skipped: network namespaces cannot be made here (needs root and iproute2)");
            return None;
        }
        Some(wire)
    }

    fn connect(&self) -> bool {
        let (sender, recorder) = (self.sender.as_str(), self.recorder.as_str());
        // Samples hold frames as large as a network card that does the cutting hands them over.
        ip(&[
            "-n", sender, "link", "add", "s0", "mtu", "65535", "type", "veth", "peer", "name", "r0", "netns", recorder,
        ]) && ip(&["-n", recorder, "link", "set", "r0", "mtu", "65535", "up"])
            && ip(&["-n", sender, "link", "set", "s0", "up"])
    }

    /// Whether what is sent arrives.
    fn is_up(&self) -> bool {
        let shown = Command::new("ip").args(["-n", &self.sender, "-o", "link", "show", "s0"]).output().unwrap();
        String::from_utf8_lossy(&shown.stdout).contains(" state UP ")
    }

    /// Sends these frames, one after the other.
    fn send(&self, frames: &[Vec<u8>]) {
        self.send_each(|send| frames.iter().for_each(|frame| send(frame)));
    }

    /// Runs `work` with a way to send a frame.
    fn send_each(&self, work: impl FnOnce(&mut dyn FnMut(&[u8])) + Send) {
        // The kernel drops without a word what is sent before it knows that both ends are up, up to a second later.
        wait("the wire", || self.is_up());
        thread::scope(|scope| {
            // A namespace belongs to a thread.
            let sent = scope.spawn(|| {
                let namespace = File::open(Path::new("/run/netns").join(&self.sender)).unwrap();
                setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
                let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None).unwrap();
                let address = getifaddrs().unwrap().find_map(|interface| {
                    let address = interface.address.filter(|_| interface.interface_name == "s0")?;
                    address.as_link_addr().copied()
                });
                let address = address.unwrap();
                work(&mut |frame| {
                    let sent = sendto(socket.as_raw_fd(), frame, &address, MsgFlags::empty()).unwrap();
                    assert_eq!(sent, frame.len());
                });
            });
            sent.join().unwrap();
        });
    }

    /// Runs the program at the recording end.
    fn run(&self, arguments: &[&str]) -> Child {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.recorder, PROGRAM]).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        // A test that failed may have left some running.
        for process in recorders(&self.recorder) {
            let _ = kill(Pid::from_raw(process.parse().unwrap()), Signal::SIGKILL);
        }
        for name in [&self.sender, &self.recorder] {
            // It may not have come to that.
            let _ = Command::new("ip").args(["netns", "del", name]).stderr(Stdio::null()).status();
        }
    }
}

fn ip(arguments: &[&str]) -> bool {
    let status = Command::new("ip").args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// A folder that whoever is root no longer can write to.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    folder
}

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples").join(name).join("capture.pcap")
}

fn frames(name: &str) -> Vec<Vec<u8>> {
    frames_of(&sample(name))
}

/// The frames of a capture: little-endian pcap, Ethernet.
fn frames_of(path: &Path) -> Vec<Vec<u8>> {
    let file = fs::read(path).unwrap();
    let (header, mut rest) = file.split_at(24);
    assert_eq!((&header[..4], header[20]), (&[0xd4, 0xc3, 0xb2, 0xa1][..], 1));
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let end = 16 + u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        frames.push(rest[16..end].to_vec());
        rest = &rest[end..];
    }
    frames
}

/// Waits until something is so, for as long as a slow machine may take.
#[track_caller]
fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..2400 {
        if is_so() {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("waited in vain for {what}");
}

/// What is read from a pipe, from another thread: whoever is not heard waits at some point.
struct Heard {
    text: Arc<Mutex<String>>,
    listener: thread::JoinHandle<()>,
}

impl Heard {
    fn from(pipe: impl std::io::Read + Send + 'static) -> Self {
        let text = Arc::<Mutex<String>>::default();
        let heard = Arc::clone(&text);
        let listener = thread::spawn(move || {
            let mut lines = BufReader::new(pipe);
            let mut line = String::new();
            while lines.read_line(&mut line).unwrap() > 0 {
                heard.lock().unwrap().push_str(&std::mem::take(&mut line));
            }
        });
        Self { text, listener }
    }

    fn has(&self, text: &str) -> bool {
        self.text.lock().unwrap().contains(text)
    }

    fn whole(self) -> String {
        self.listener.join().unwrap();
        std::mem::take(&mut *self.text.lock().unwrap())
    }
}

/// What a run said: status, standard output, standard error.
#[track_caller]
fn end(mut child: Child) -> (i32, String, String) {
    let said = listen(&mut child);
    end_of(child, said)
}

/// What a child says on standard output and on standard error.
type Said = (Heard, Heard);

/// Takes in what it says from now on.
fn listen(child: &mut Child) -> Said {
    (Heard::from(child.stdout.take().unwrap()), Heard::from(child.stderr.take().unwrap()))
}

#[track_caller]
fn end_of(mut child: Child, (out, errors): Said) -> (i32, String, String) {
    let mut status = None;
    wait("the end of the program", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    (status.unwrap().code().unwrap(), out.whole(), errors.whole())
}

fn tell(child: &Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
}

fn report(arguments: &[&str]) -> Value {
    let output = Command::new(PROGRAM).args(["read", "--format", "json"]).args(arguments).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What recordings in this folder hold by now: a number of a report's `capture`.
fn recorded(folder: &Path, field: &str) -> u64 {
    let output = Command::new(PROGRAM).args(["read", "--format", "json"]).arg(folder).output().unwrap();
    // Nothing can be read of a file that has just been begun.
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    report["capture"][field].as_u64().unwrap_or(0)
}

/// Who signed in how, with what result.
fn logons(report: &Value) -> Vec<(String, String, String)> {
    let text = |logon: &Value, field: &str| logon[field].as_str().unwrap_or_default().to_owned();
    let logons = report["logons"].as_array().unwrap().iter();
    let mut logons: Vec<_> =
        logons.map(|logon| (text(logon, "principal"), text(logon, "method"), text(logon, "outcome"))).collect();
    logons.sort();
    logons
}

/// Processes that record from an interface in this namespace.
fn recorders(namespace: &str) -> Vec<String> {
    let output = Command::new("ip").args(["netns", "pids", namespace]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Whether the device is open: its rights are given up only then.
fn records(namespace: &str) -> bool {
    recorders(namespace).iter().any(|process| status_line(process, "Seccomp:") == "2")
}

/// The line of `/proc/PID/status` with this name.
fn status_line(process: &str, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
}

#[test]
fn what_is_seen_live_is_what_the_recording_says() {
    for name in ["key-trust-success", "key-not-in-directory", "key-trust-udp-to-tcp", "password-after-refused-key"] {
        let Some(wire) = Wire::lay() else { return };
        let folder = folder();
        let recording = folder.path().join("live.pcapng");
        let path = recording.to_str().unwrap();
        let arguments = ["live", "-i", "r0", "--format", "json", "--write", path, "--min-free", "0"];
        let child = wire.run(&arguments);
        wait("the recording", || recording.exists());
        wire.send(&frames(name));
        let sent = frames(name).len() as u64;
        wait("the packets", || recorded(folder.path(), "packets") == sent);
        // For the counters to be written once more without packets; nothing depends on it.
        thread::sleep(Duration::from_millis(1500));
        tell(&child, Signal::SIGTERM);
        let (status, out, errors) = end(child);
        let live: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{errors}"));

        let mut read = report(&[path]);
        assert_eq!(live["capture"]["inputs"][0], "r0");
        read["capture"]["inputs"] = live["capture"]["inputs"].clone();
        assert_eq!(live, read, "{name}: live and the recording say the same");
        assert_eq!(live["capture"]["losses"], 0);
        let offline = report(&[sample(name).to_str().unwrap()]);
        assert_eq!(logons(&live), logons(&offline), "{name}: all its sign-ins are found");
        let has_faults = live["findings"]
            .as_array()
            .unwrap()
            .iter()
            .any(|finding| ["medium", "high", "critical"].contains(&finding["severity"].as_str().unwrap()));
        assert_eq!(status, i32::from(has_faults), "{errors}");
    }
}

#[test]
fn sign_ins_are_told_as_they_settle_and_the_report_follows() {
    let Some(wire) = Wire::lay() else { return };
    let mut child = wire.run(&["live", "-i", "r0"]);
    let said = listen(&mut child);
    wait("the recorder", || records(&wire.recorder));
    wire.send(&frames("key-not-in-directory"));
    wait("the line of the sign-in", || said.0.has("KEY-02"));
    tell(&child, Signal::SIGTERM);
    let (status, out, errors) = end_of(child, said);
    assert_eq!((status, errors.as_str()), (1, ""), "{out}");
    let (lines, report) = out.split_once("\n\n").unwrap_or_else(|| panic!("no line before the report: {out}"));
    let line = lines.lines().find(|line| line.contains("KEY-02")).unwrap_or_else(|| panic!("{out}"));
    assert!(line.contains("FAILED") && line.contains("bob@CORP.EXAMPLE"), "{line}");
    assert!(report.contains("to do") && report.contains("KEY-02"), "{out}");
}

#[test]
fn screens_show_sign_ins_as_they_are_recorded() {
    let Some(wire) = Wire::lay() else { return };
    let Some(terminal) = Terminal::start("live", 100, 30) else { return };
    terminal.line(&format!("ip netns exec {} {PROGRAM} tui -i r0; echo ended with $?", wire.recorder));
    wait("the recorder", || records(&wire.recorder));
    terminal.wait_for("live, 0 packets");
    let sample = frames("key-not-in-directory");
    wire.send(&sample);
    terminal.wait_for_all(&["KEY-02", &format!("live, {} packets", sample.len())]);
    terminal.keys(&["2"]);
    terminal.wait_for_all(&["FAILED", "bob@CORP.EXAMPLE"]);
    terminal.keys(&["q"]);
    terminal.wait_for_all(&[BEFORE, "ended with 0"]);
    terminal.is_as_it_was();
    wait("the recorder's end", || recorders(&wire.recorder).is_empty());
}

#[test]
fn a_duration_ends_it() {
    let Some(wire) = Wire::lay() else { return };
    let (status, out, errors) = end(wire.run(&["live", "-i", "r0", "--duration", "1"]));
    assert_eq!((status, errors.as_str()), (0, ""), "{out}");
    assert!(out.contains("0 packets"), "{out}");
}

#[test]
fn nobody_who_reads_packets_has_rights() {
    let Some(wire) = Wire::lay() else { return };
    let child = wire.run(&["live", "-i", "r0"]);
    let mut processes = Vec::new();
    wait("the recorder to be without rights", || {
        processes = recorders(&wire.recorder);
        // hellotrace, the one that waits for the interface, and the one that records.
        processes.len() == 3 && processes.iter().filter(|it| status_line(it, "Seccomp:") == "2").count() == 1
    });
    let recording = processes.iter().find(|it| status_line(it, "Seccomp:") == "2").unwrap();
    let analyzer = child.id().to_string();
    for process in [recording, &analyzer] {
        for set in ["CapPrm:", "CapEff:", "CapInh:", "CapAmb:"] {
            let held = u64::from_str_radix(&status_line(process, set), 16).unwrap();
            assert_eq!(held, 0, "{set} of {process}");
        }
        assert!(!status_line(process, "Uid:").split_whitespace().any(|uid| uid == "0"), "{process} is root");
        assert!(!status_line(process, "Groups:").split_whitespace().any(|group| group == "0"), "{process}");
    }
    assert_eq!(status_line(recording, "NoNewPrivs:"), "1");
    tell(&child, Signal::SIGINT);
    let (status, out, errors) = end(child);
    assert_eq!((status, errors.as_str()), (0, ""));
    assert!(out.contains("0 packets"), "{out}");
    assert_eq!(recorders(&wire.recorder), [""; 0], "something was left behind");
}

#[test]
fn an_interface_that_goes_down_or_away_is_waited_for() {
    let Some(wire) = Wire::lay() else { return };
    let folder = folder();
    let first = folder.path().join("live.pcapng");
    let path = first.to_str().unwrap();
    let mut child = wire.run(&["live", "-i", "r0", "--format", "json", "--write", path, "--min-free", "0"]);
    let said = listen(&mut child);
    wait("the recording", || first.exists());
    let sample = frames("key-not-in-directory");
    assert!(ip(&["-n", &wire.recorder, "link", "set", "r0", "down"]));
    // It is told with what comes next; the recording holds it before.
    wait("it to be noticed", || recorded(folder.path(), "interruptions") == 1);
    assert!(ip(&["-n", &wire.recorder, "link", "set", "r0", "up"]));
    let (before, rest) = sample.split_at(10);
    wire.send(before);
    wait("the first packets", || recorded(folder.path(), "packets") == 10);
    wait("word that it is up", || said.1.has("r0 is up again"));
    assert!(ip(&["-n", &wire.recorder, "link", "del", "r0"]));
    wait("the recorder's end", || recorders(&wire.recorder).len() == 2);
    assert!(wire.connect());
    wait("the next recording", || fs::read_dir(folder.path()).unwrap().count() == 2);
    wire.send(rest);
    wait("the other packets", || recorded(folder.path(), "packets") == sample.len() as u64);
    tell(&child, Signal::SIGTERM);
    let (_, out, errors) = end_of(child, said);
    let live: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{errors}"));
    for said in ["r0 is down", "r0 is up again", "waiting for r0", "r0 is there again"] {
        assert!(errors.contains(said), "{said:?} is not in: {errors}");
    }
    assert_eq!(live["capture"]["packets"], sample.len(), "{errors}");
    assert_eq!(live["capture"]["interruptions"], 2, "silence counts for nothing");
    let mut files: Vec<PathBuf> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let files: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
    let read = report(&files);
    for field in ["packets", "interruptions", "losses", "messages"] {
        assert_eq!(read["capture"][field], live["capture"][field], "{field}");
    }
    assert_eq!(logons(&read), logons(&live));
}

#[test]
fn a_hangup_begins_the_next_file_and_a_count_ends_it() {
    let Some(wire) = Wire::lay() else { return };
    let folder = folder();
    let first = folder.path().join("live.pcapng");
    let path = first.to_str().unwrap();
    let sample = frames("key-not-in-directory");
    let count = sample.len().to_string();
    let arguments = ["live", "-i", "r0", "--format", "json", "--write", path, "--min-free", "0", "--count", &count];
    let child = wire.run(&arguments);
    wait("the recording", || first.exists());
    let (before, rest) = sample.split_at(10);
    wire.send(before);
    wait("the first packets", || recorded(folder.path(), "packets") == 10);
    tell(&child, Signal::SIGHUP);
    wait("the next file", || fs::read_dir(folder.path()).unwrap().count() == 2);
    wire.send(rest);
    let (status, out, errors) = end(child);
    assert_eq!((status, errors.as_str()), (1, ""));
    let live: Value = serde_json::from_str(&out).unwrap();
    let mut files: Vec<PathBuf> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let files: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
    let read = report(&files);
    assert_eq!(read["capture"]["packets"], sample.len());
    assert_eq!(logons(&read), logons(&live));
}

/// A small disk of its own; gone when it goes out of scope.
struct Disk(tempfile::TempDir);

impl Disk {
    fn mount(size: &str) -> Option<Self> {
        let folder = folder();
        let options = format!("size={size},mode=777");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path()).status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(folder))
    }

    fn recordings(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|it| it == "pcapng")).collect();
        files.sort();
        files
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_stops_the_recording_until_there_is_room_and_nothing_else() {
    let Some(wire) = Wire::lay() else { return };
    let Some(disk) = Disk::mount("2m") else {
        println!("skipped: nothing can be mounted here");
        return;
    };
    let filler = disk.0.path().join("filler");
    fs::write(&filler, vec![0; 1500 << 10]).unwrap();
    let path = disk.0.path().join("live.pcapng");
    let arguments = ["live", "-i", "r0", "--format", "json", "--min-free", "0", "--write", path.to_str().unwrap()];
    let mut child = wire.run(&arguments);
    let said = listen(&mut child);
    wait("the recording", || path.exists());
    let sample = frames("key-trust-success");
    let mut sent = 0;
    wait("the disk to be full", || {
        wire.send(&sample);
        sent += sample.len() as u64;
        disk.recordings().iter().map(|file| fs::metadata(file).unwrap().len()).sum::<u64>() > 500_000
    });
    // Some tries in vain.
    thread::sleep(Duration::from_millis(3500));
    assert_eq!(disk.recordings().len(), 1, "files of nothing were left behind");
    fs::remove_file(&filler).unwrap();
    wait("the next recording", || disk.recordings().len() == 2);
    wire.send(&sample);
    sent += sample.len() as u64;
    thread::sleep(Duration::from_millis(1500));
    tell(&child, Signal::SIGTERM);
    let (_, out, errors) = end_of(child, said);
    let live: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{errors}"));
    assert_eq!(errors.matches("recording pauses: cannot write").count(), 1, "{errors}");
    assert_eq!(live["capture"]["packets"].as_u64(), Some(sent), "{errors}");
    assert_eq!(live["capture"]["losses"], 0);
    let files = disk.recordings();
    let read = &report(&files.iter().map(|file| file.to_str().unwrap()).collect::<Vec<_>>())["capture"];
    let (packets, lost) = (read["packets"].as_u64().unwrap(), read["losses"].as_u64().unwrap());
    assert!(lost > 0 && packets > sample.len() as u64, "{read}");
    // Of the packets that were on their way to the disk when it was full, some may be on it.
    assert!((sent..sent + 2000).contains(&(packets + lost)), "{packets} and {lost} of {sent}");
}

#[test]
fn the_filter_keeps_every_port_that_is_decoded() {
    let Some(wire) = Wire::lay() else { return };
    let (status, out, errors) = end(wire.run(&["live", "--print-filter"]));
    assert_eq!((status, errors.as_str()), (0, ""));
    let words: Vec<&str> = out.split_whitespace().collect();
    // SMB over NetBIOS and SQL Server are known by their content.
    for port in decode::connection::MATTERING_PORTS.into_iter().chain([139, 1433]) {
        assert!(words.windows(2).any(|pair| pair == ["port", &port.to_string()]), "{port} is not in: {out}");
    }
}

#[test]
fn a_limit_is_kept_by_decoding_less_and_that_is_told() {
    let Some(wire) = Wire::lay() else { return };
    let mut child = wire.run(&["live", "-i", "r0", "--format", "json", "--max-cpu", "1", "--max-memory", "1024"]);
    let said = listen(&mut child);
    wait("the recorder", || records(&wire.recorder));
    let mut mix = Mix::new();
    wire.send_each(|send| {
        // Until it is told and for some seconds more, during which something is left out.
        let mut more = 300;
        for turn in 0..12_000_u16 {
            if said.1.has("not decoded from here on") {
                more -= 1;
            }
            if more == 0 {
                break;
            }
            // Connections that are new, so that none of it is bulk behind their beginning.
            for frame in &mut mix.bulk {
                frame[34..36].copy_from_slice(&(10_000 + turn).to_be_bytes());
            }
            (0..400).for_each(|_| send(mix.next()));
            thread::sleep(Duration::from_millis(10));
        }
    });
    tell(&child, Signal::SIGTERM);
    let (_, out, errors) = end_of(child, said);
    let live: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{errors}"));
    let (first, _) = errors.split_once('\n').unwrap_or_else(|| panic!("nothing was told: {errors}"));
    assert!(first.starts_with("hellotrace: in use: ") && first.contains(" % of a processor, of 1 %"), "{first}");
    assert!(first.ends_with("not decoded from here on: TLS and HTTP"), "{first}");
    let capture = &live["capture"];
    let web = &capture["shed"]["web"];
    assert!(web["packets"].as_u64().unwrap() > 0 && web["seconds"].as_u64().unwrap() > 0, "{capture}");
    assert!(live["findings"].as_array().unwrap().iter().any(|finding| finding["code"] == "CAP-02"), "{capture}");
}

#[test]
fn what_cannot_be_recorded_from_is_said_in_a_sentence() {
    let Some(wire) = Wire::lay() else { return };
    let (status, out, errors) = end(wire.run(&["live", "-i", "nosuch0"]));
    assert_eq!((status, out.as_str(), errors.lines().count()), (2, "", 1), "{errors}");
    assert!(errors.contains("cannot record from nosuch0"), "{errors}");
    let (status, out, errors) = end(wire.run(&["live", "-i", "r0", "--filter", "no such word"]));
    assert_eq!((status, out.as_str(), errors.lines().count()), (2, "", 1), "{errors}");
    assert!(errors.contains("cannot use the filter"), "{errors}");
    let (status, out, errors) = end(wire.run(&["live", "-i", "r0", "--write", "/proc/nothing/live.pcapng"]));
    assert_eq!((status, out.as_str(), errors.lines().count()), (2, "", 1), "{errors}");
    assert!(errors.contains("cannot write /proc/nothing/live.pcapng"), "{errors}");
    // Without rights: what is missing, and how to grant it.
    let mut command = Command::new("setpriv");
    let unprivileged = ["--reuid", "65534", "--regid", "65534", "--clear-groups", PROGRAM, "live", "-i", "lo"];
    command.args(unprivileged).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    match command.spawn() {
        Ok(child) => {
            let (status, out, errors) = end(child);
            if errors.contains("Permission denied") && !errors.contains("setcap") {
                println!("skipped: the program lies where nobody may run it");
                return;
            }
            assert_eq!((status, out.as_str(), errors.lines().count()), (2, "", 1), "{errors}");
            assert!(errors.contains("setcap cap_net_raw,cap_net_admin+ep"), "{errors}");
        }
        Err(error) => println!("skipped: cannot run setpriv: {error}"),
    }
}

/// Packets a second that are sent under load, and for how many seconds.
const RATE: u64 = 50_000;
const SECONDS: u64 = 60;

/// Nine in ten frames are bulk on 443, in 64 connections; the tenth is the next of a sample, which a client of another
/// address goes through each time.
struct Mix {
    sample: Vec<Vec<u8>>,
    frame: Vec<u8>,
    bulk: Vec<Vec<u8>>,
    next: usize,
}

impl Mix {
    fn new() -> Self {
        let bulk = |connection: u16| {
            let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
            frame.extend(1040_u16.to_be_bytes());
            frame.extend([0, 0, 0x40, 0, 64, 6, 0, 0, 10, 99, 1, 1, 10, 99, 1, 2]);
            frame.extend((40_000 + connection).to_be_bytes());
            frame.extend(443_u16.to_be_bytes());
            frame.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 1, 0, 0, 0, 0, 0]);
            frame.resize(frame.len() + 1000, 0x17);
            frame
        };
        Self { sample: frames("key-trust-success"), frame: Vec::new(), bulk: (0..64).map(bulk).collect(), next: 0 }
    }

    fn next(&mut self) -> &[u8] {
        self.next += 1;
        if !self.next.is_multiple_of(10) {
            return &self.bulk[self.next % self.bulk.len()];
        }
        let turn = self.next / 10;
        let [.., high, low] = u32::try_from(turn / self.sample.len()).unwrap().to_be_bytes();
        self.frame.clone_from(&self.sample[turn % self.sample.len()]);
        // Source and destination in IPv4 behind Ethernet.
        for at in [26, 30] {
            if self.frame[at..at + 4] == [10, 99, 0, 101] {
                self.frame[at..at + 4].copy_from_slice(&[10, 100, high, low]);
            }
        }
        &self.frame
    }
}

/// A capture that is sent over and over, each time with other addresses, as if there were other clients and servers.
struct Replay {
    capture: Vec<Vec<u8>>,
    frame: Vec<u8>,
    next: usize,
}

impl Replay {
    fn next(&mut self) -> &[u8] {
        let [.., turn] = (self.next / self.capture.len()).to_be_bytes();
        self.frame.clone_from(&self.capture[self.next % self.capture.len()]);
        // The second octet of source and destination in IPv4 behind Ethernet.
        if self.frame.get(12..14) == Some(&[8, 0]) {
            self.frame[27] ^= turn;
            self.frame[31] ^= turn;
        }
        self.next += 1;
        &self.frame
    }
}

/// What is sent under load: the capture that `HELLOTRACE_REPLAY` names, else the mix.
enum Load {
    Mix(Mix),
    Replay(Replay),
}

impl Load {
    fn new() -> Self {
        match replayed() {
            Some(path) => Self::Replay(Replay { capture: frames_of(&path), frame: Vec::new(), next: 0 }),
            None => Self::Mix(Mix::new()),
        }
    }

    fn next(&mut self) -> &[u8] {
        match self {
            Self::Mix(mix) => mix.next(),
            Self::Replay(replay) => replay.next(),
        }
    }
}

fn replayed() -> Option<PathBuf> {
    std::env::var_os("HELLOTRACE_REPLAY").map(PathBuf::from)
}

/// Sends the load at the rate; answers the frames sent.
#[expect(clippy::disallowed_methods, reason = "a rate is kept by the clock on the wall")]
fn load(wire: &Wire) -> u64 {
    let mut sent = 0;
    wire.send_each(|send| {
        let mut mix = Load::new();
        let begin = std::time::Instant::now();
        while begin.elapsed() < Duration::from_secs(SECONDS) {
            let due = u64::try_from(begin.elapsed().as_micros()).unwrap() * RATE / 1_000_000;
            while sent < due {
                send(mix.next());
                sent += 1;
            }
            thread::sleep(Duration::from_micros(500));
        }
    });
    sent
}

/// Without a filter, what the two ends say to each other unasked (IPv6 looks for neighbours and routers) is recorded,
/// too.
#[track_caller]
fn all_accounted_for(found: u64, sent: u64) {
    assert!((sent..sent + 100).contains(&found), "{found} of {sent}");
}

/// Seconds of processor time, and the most MB of memory, of these processes.
fn used(processes: &[String]) -> Vec<(f64, u64)> {
    let of = |process: &String| {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
        let fields: Vec<u64> = stat.rsplit(')').next().unwrap().split(' ').map(|it| it.parse().unwrap_or(0)).collect();
        // utime and stime, in hundredths: proc(5).
        let hundredths = u32::try_from(fields[12] + fields[13]).unwrap();
        let peak = status_line(process, "VmHWM:").trim_end_matches(" kB").parse::<u64>().unwrap();
        (f64::from(hundredths) / 100.0, peak >> 10)
    };
    processes.iter().map(of).collect()
}

/// `cargo test --release -p cli --test live -- --ignored --nocapture`, with the recorder built in release too. With
/// `HELLOTRACE_REPLAY=FILE` (little-endian pcap, Ethernet) that is sent instead of the mix.
#[test]
#[ignore = "takes minutes, and measures: docs/performance.md"]
fn under_load_every_packet_is_accounted_for() {
    let Some(wire) = Wire::lay() else { return };
    let folder = folder();
    let first = folder.path().join("live.pcapng");
    let path = first.to_str().unwrap();
    let mut arguments = vec!["live", "-i", "r0", "--format", "json", "--write", path, "--min-free", "0"];
    if replayed().is_some() {
        // What the built-in filter leaves out is not counted by anyone.
        arguments.push("--filter=");
    }
    let mut child = wire.run(&arguments);
    let said = listen(&mut child);
    wait("the recording", || first.exists());
    let sent = load(&wire);
    thread::sleep(Duration::from_secs(2));
    let processes = recorders(&wire.recorder);
    let ours = used(&processes);
    tell(&child, Signal::SIGTERM);
    let (_, out, errors) = end_of(child, said);
    let live: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{errors}"));
    let number = |field: &str| live["capture"][field].as_u64().unwrap_or(0);
    let (packets, thinned, losses) = (number("packets"), number("thinned"), number("losses"));
    println!(
        "sent {sent}: {packets} kept, {thinned} of bulk left out, {losses} dropped; {} sign-ins",
        live["logons"].as_array().unwrap().len()
    );
    println!("processor seconds and MB of hellotrace, the one that waits, the recorder: {ours:?}");
    all_accounted_for(packets + thinned + losses, sent);

    // The same for who only records.
    let other = folder.path().join("tcpdump.pcap");
    let mut command = Command::new("ip");
    let recording = ["tcpdump", "-i", "r0", "-s", "0", "-B", "65536", "-Z", "root", "-w"];
    command.args(["netns", "exec", &wire.recorder]).args(recording).arg(&other);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    thread::sleep(Duration::from_secs(2));
    if !other.exists() {
        println!("tcpdump is not here to compare with: {}", end(child).2);
        return;
    }
    let sent = load(&wire);
    thread::sleep(Duration::from_secs(2));
    let others = used(&recorders(&wire.recorder));
    tell(&child, Signal::SIGINT);
    let (_, _, said) = end(child);
    println!("sent {sent} to tcpdump: {others:?}; {said}");
}

/// What a limit costs: `HELLOTRACE_MAX_CPU` and `HELLOTRACE_MAX_MEMORY` are those of `live`, and must be too low for
/// the load.
#[test]
#[ignore = "takes minutes, and measures: docs/performance.md"]
fn under_load_and_a_limit_classes_go_in_order_and_kerberos_stays() {
    let limits = [("--max-cpu", "HELLOTRACE_MAX_CPU"), ("--max-memory", "HELLOTRACE_MAX_MEMORY")];
    let limits: Vec<String> = limits
        .into_iter()
        .filter_map(|(option, name)| Some([option.to_owned(), std::env::var(name).ok()?]))
        .flatten()
        .collect();
    if limits.is_empty() {
        println!("skipped: no limit is given");
        return;
    }
    let Some(wire) = Wire::lay() else { return };
    let folder = folder();
    let first = folder.path().join("live.pcapng");
    let path = first.to_str().unwrap();
    let mut arguments = vec!["live", "-i", "r0", "--format", "json", "--write", path, "--min-free", "0", "--filter="];
    arguments.extend(limits.iter().map(String::as_str));
    let mut child = wire.run(&arguments);
    let said = listen(&mut child);
    wait("the recording", || first.exists());
    let sent = load(&wire);
    thread::sleep(Duration::from_secs(2));
    let ours = used(&recorders(&wire.recorder));
    tell(&child, Signal::SIGTERM);
    let (_, out, errors) = end_of(child, said);
    let live: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{errors}"));
    let (capture, read) = (&live["capture"], report(&[path]));
    let told: Vec<&str> = errors.lines().filter(|line| line.starts_with("hellotrace: in use: ")).collect();
    println!(
        "sent {sent}: {} kept, {} dropped; not decoded: {}",
        capture["packets"], capture["losses"], capture["shed"]
    );
    println!("{limits:?}; processor seconds and MB of hellotrace, the one that waits, the recorder: {ours:?}");
    println!("{}", told.join("\n"));
    let kerberos = [capture, &read["capture"]].map(|capture| capture["messages"]["kerberos"].as_u64().unwrap_or(0));
    let sign_ins = [&live, &read].map(|report| logons(report).len());
    println!("Kerberos messages live and in the recording: {kerberos:?}; sign-ins: {sign_ins:?}");
    all_accounted_for(capture["packets"].as_u64().unwrap() + capture["losses"].as_u64().unwrap(), sent);
    let shed = capture["shed"].as_object().expect("the limit is too high for this load: nothing was left out");
    assert!(!told.is_empty() && live["findings"].as_array().unwrap().iter().any(|finding| finding["code"] == "CAP-02"));
    // Each step leaves out what the steps before did, and is told from the first on.
    let order = ["TLS and HTTP", "SMB and RPC", "LDAP", "DNS and LDAP pings", "Kerberos"];
    for line in &told {
        let classes = line.rsplit(": ").next().unwrap();
        let is_prefix = (0..=order.len()).any(|length| classes == order[..length].join(", "));
        assert!(is_prefix || line.ends_with("all is decoded again"), "{line}");
    }
    if !shed.contains_key("kerberos") {
        assert_eq!(logons(&live), logons(&read), "sign-ins that the limit cost");
    }
}
