//! Running the program, and making captures for it.

use std::{
    ffi::OsStr,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::OnceLock,
    thread,
    time::Duration,
};

use serde_json::Value;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_hellotrace");

/// What a run came to.
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    fn of(output: std::process::Output) -> Self {
        Self {
            status: output.status.code().unwrap_or_else(|| panic!("ended by a signal: {output:?}")),
            stdout: String::from_utf8(output.stdout).expect("output is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("messages are UTF-8"),
        }
    }

    /// Standard output as one JSON value.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }

    /// Standard output as JSON values, a line each.
    pub(crate) fn lines(&self) -> Vec<Value> {
        assert!(self.stdout.is_empty() || self.stdout.ends_with('\n'));
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Refused with one sentence, and nothing else.
    #[track_caller]
    pub(crate) fn assert_refused(&self, names: &[&str]) {
        assert_eq!((self.status, self.stdout.as_str()), (2, ""), "{}", self.stderr);
        self.assert_one_line(names);
    }

    /// One line on standard error, which names all these.
    #[track_caller]
    pub(crate) fn assert_one_line(&self, names: &[&str]) {
        assert_eq!(self.stderr.lines().count(), 1, "{}", self.stderr);
        assert!(self.stderr.starts_with("hellotrace: "), "{}", self.stderr);
        for name in names {
            assert!(self.stderr.contains(name), "{name:?} is not in: {}", self.stderr);
        }
    }
}

pub(crate) fn run<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> Run {
    Run::of(Command::new(PROGRAM).args(arguments).stdin(Stdio::null()).output().unwrap())
}

/// With these bytes on standard input, all of which need not be read.
pub(crate) fn run_with_input<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>, input: &[u8]) -> Run {
    let mut child = spawn(arguments);
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Run::of(output)
}

/// Runs it with pipes at all three ends, and so that interrupts reach it.
pub(crate) fn spawn<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> Child {
    let mut command = interruptible();
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// The program as a terminal would start it. What a script starts in the background has interrupts ignored, and hands
/// that down.
fn interruptible() -> Command {
    /// Whether there is an `env` that undoes it: coreutils' does.
    static UNDOES_IT: OnceLock<bool> = OnceLock::new();
    let undoes_it = UNDOES_IT.get_or_init(|| {
        let tried = Command::new("env").args(["--default-signal=INT", "true"]).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    });
    if !undoes_it {
        return Command::new(PROGRAM);
    }
    let mut command = Command::new("env");
    command.args(["--default-signal=INT", PROGRAM]);
    command
}

/// Runs a script; `$1` is the program, the other arguments follow.
pub(crate) fn shell<I: AsRef<OsStr>>(script: &str, arguments: impl IntoIterator<Item = I>) -> std::process::Output {
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", PROGRAM]).args(arguments).stdin(Stdio::null());
    command.output().unwrap()
}

/// Waits for a child that should end at once, and kills it when it does not.
#[track_caller]
pub(crate) fn ends(child: &mut Child) -> ExitStatus {
    let mut ended = None;
    if !comes_true(|| {
        ended = child.try_wait().unwrap();
        ended.is_some()
    }) {
        child.kill().unwrap();
        panic!("it did not end");
    }
    ended.unwrap()
}

/// Waits until something is so, for as long as a slow machine with much else to do may take.
pub(crate) fn comes_true(mut is_so: impl FnMut() -> bool) -> bool {
    (0..2400).any(|_| {
        is_so() || {
            thread::sleep(Duration::from_millis(50));
            false
        }
    })
}

pub(crate) fn sample(name: &str) -> PathBuf {
    samples_folder().join(name).join("capture.pcap")
}

/// All samples, by name.
pub(crate) fn samples() -> Vec<PathBuf> {
    let entries = fs::read_dir(samples_folder()).unwrap().map(|entry| entry.unwrap().path().join("capture.pcap"));
    let mut samples: Vec<PathBuf> = entries.filter(|path| path.exists()).collect();
    samples.sort();
    assert!(samples.len() >= 10, "{samples:?}");
    samples
}

fn samples_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples")
}

/// A pcap file taken apart; the samples are of little-endian order, with Ethernet frames.
pub(crate) struct Pcap {
    pub(crate) header: Vec<u8>,
    pub(crate) packets: Vec<PcapPacket>,
}

pub(crate) struct PcapPacket {
    /// Seconds and their fraction, as in the file.
    pub(crate) time: Vec<u8>,
    pub(crate) wire_len: u32,
    pub(crate) bytes: Vec<u8>,
}

impl Pcap {
    pub(crate) fn read(path: &Path) -> Self {
        let file = fs::read(path).unwrap();
        let (header, mut rest) = file.split_at(24);
        assert_eq!(header[..4], [0xd4, 0xc3, 0xb2, 0xa1]);
        let mut packets = Vec::new();
        while !rest.is_empty() {
            let number = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
            let end = 16 + number(8) as usize;
            packets.push(PcapPacket { time: rest[..8].to_vec(), wire_len: number(12), bytes: rest[16..end].to_vec() });
            rest = &rest[end..];
        }
        Self { header: header.to_vec(), packets }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut file = self.header.clone();
        for packet in &self.packets {
            file.extend(&packet.time);
            file.extend(u32::try_from(packet.bytes.len()).unwrap().to_le_bytes());
            file.extend(packet.wire_len.to_le_bytes());
            file.extend(&packet.bytes);
        }
        file
    }

    /// Puts `new` in the place of every `old`, in packets from or to this UDP port.
    pub(crate) fn replace_in_udp(&mut self, port: u16, old: &[u8], new: &[u8]) -> usize {
        assert_eq!(old.len(), new.len());
        let mut replaced = 0;
        for PcapPacket { bytes, .. } in &mut self.packets {
            // An Ethernet frame with an IPv4 header of 20 bytes and UDP in it.
            let is_udp = bytes[12..15] == [0x08, 0x00, 0x45] && bytes[23] == 17;
            if !is_udp || (bytes[34..36] != port.to_be_bytes() && bytes[36..38] != port.to_be_bytes()) {
                continue;
            }
            let places = bytes.windows(old.len()).enumerate().filter(|(_, window)| *window == old);
            let places: Vec<usize> = places.map(|(place, _)| place).collect();
            for place in places {
                bytes[place..place + new.len()].copy_from_slice(new);
                replaced += 1;
            }
        }
        replaced
    }
}
