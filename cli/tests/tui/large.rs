//! A capture that is large: sign-ins of samples, over and over, each at its own time from its own address.

use std::{
    fs::File,
    io::Write as _,
    path::Path,
    process::Command,
    sync::mpsc::{Receiver, channel},
    thread,
};

use super::{BEFORE, PROGRAM, sample, terminal::Terminal};

/// Enough to be read for seconds, and little enough for every run of the tests.
const MEGABYTES: u64 = 50;
/// Captures of this size are what administrators come with.
const MANY_MEGABYTES: u64 = 1024;

#[test]
fn keys_are_answered_while_a_large_capture_is_read() {
    keys_are_answered_while_it_is_read("large", MEGABYTES);
}

/// `cargo test --release -p cli --test tui -- --ignored`
#[test]
#[ignore = "takes minutes"]
fn keys_are_answered_while_a_capture_of_a_gigabyte_is_read() {
    keys_are_answered_while_it_is_read("gigabyte", MANY_MEGABYTES);
}

/// The capture comes through a pipe, and its last tenth only when all keys were answered: so it is certainly being
/// read.
fn keys_are_answered_while_it_is_read(name: &str, megabytes: u64) {
    let Some(terminal) = Terminal::start(name, 100, 30) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo starts").success());
    terminal.line(&format!("{PROGRAM} tui - < {}; echo ended with $?", pipe.display()));
    let (go_on, gate) = channel();
    let writer = thread::spawn(move || write(&pipe, megabytes, &gate));

    let shows = |texts: &[&str]| {
        terminal.wait_until(&format!("{texts:?}"), |screen| texts.iter().all(|text| screen.contains(text)))
    };
    let is_reading = "reading, ";
    shows(&["what is wrong", "KEY-02", is_reading]);
    terminal.keys(&["2"]);
    shows(&["To do first", "bob@CORP.EXAMPLE", is_reading]);
    terminal.keys(&["/", "u", "s", "e", "r", ":", "a", "l", "i", "c", "e", "Enter"]);
    // A screen may be looked at while it is drawn, so what is no longer there is waited for too.
    terminal.wait_until("only alice", |screen| {
        let is_there = ["user:alice: ", "alice@CORP.EXAMPLE", is_reading].iter().all(|text| screen.contains(text));
        is_there && !screen.contains("bob@")
    });
    terminal.keys(&["Enter"]);
    shows(&["findings (", "dc1", is_reading]);
    terminal.keys(&["Escape"]);
    shows(&["To do first", "user:alice: ", is_reading]);
    terminal.keys(&["Escape"]);
    terminal.wait_until("no filter", |screen| screen.contains("To do first") && !screen.contains("user:alice: "));
    terminal.keys(&["End"]);
    shows(&["To do first", is_reading]);
    terminal.keys(&["?"]);
    shows(&["a screenful up"]);
    terminal.keys(&["Escape"]);
    shows(&["To do first", is_reading]);
    terminal.keys(&["1"]);
    shows(&["what is wrong", is_reading]);

    go_on.send(()).expect("the writer waits");
    let written = writer.join().expect("all is written");
    let packets = format!("{} packets", written.packets);
    let outcomes = format!("{} failed, {} ok", written.failed, written.succeeded);
    terminal.wait_until(&format!("{packets}, {outcomes}"), |screen| {
        screen.contains(&packets) && screen.contains(&outcomes) && !screen.contains(is_reading)
    });
    terminal.keys(&["q"]);
    terminal.wait_for_all(&[BEFORE, "ended with 0"]);
    terminal.is_as_it_was();
}

/// What was written.
struct Written {
    packets: usize,
    failed: u64,
    succeeded: u64,
}

/// Writes to the pipe; the last tenth when it is told to go on.
fn write(pipe: &Path, megabytes: u64, gate: &Receiver<()>) -> Written {
    let mut pipe = File::options().write(true).open(pipe).expect("somebody reads");
    let (header, failing) = records("key-not-in-directory");
    let (_, succeeding) = records("key-trust-success");
    pipe.write_all(&header).expect("it is read");
    let mut written = Written { packets: 0, failed: 0, succeeded: 0 };
    let (mut bytes, mut waits) = (0_u64, true);
    for turn in 0_u32.. {
        if bytes >= megabytes << 20 {
            break;
        }
        if waits && bytes >= (megabytes << 20) / 10 * 9 {
            waits = false;
            if gate.recv().is_err() {
                break;
            }
        }
        let records = if turn % 10 == 0 { &failing } else { &succeeding };
        *(if turn % 10 == 0 { &mut written.failed } else { &mut written.succeeded }) += 1;
        let mut all = Vec::new();
        for record in records {
            let at = all.len();
            all.extend(record);
            let seconds = u32::from_le_bytes(record[..4].try_into().expect("four bytes")) + turn;
            all[at..at + 4].copy_from_slice(&seconds.to_le_bytes());
            // The client's address, as source or destination of IPv4 behind Ethernet.
            for place in [at + 16 + 26, at + 16 + 30] {
                if all.get(place..place + 4) == Some(&[10, 99, 0, 101]) {
                    let [_, high, middle, low] = turn.to_be_bytes();
                    all[place..place + 4].copy_from_slice(&[10, 100 + high, middle, low]);
                }
            }
        }
        written.packets += records.len();
        bytes += all.len() as u64;
        pipe.write_all(&all).expect("it is read");
    }
    written
}

/// A sample's header, and its records: little-endian pcap.
fn records(name: &str) -> (Vec<u8>, Vec<Vec<u8>>) {
    let file = std::fs::read(sample(name)).expect("the sample exists");
    let (header, mut rest) = file.split_at(24);
    let mut records = Vec::new();
    while !rest.is_empty() {
        let size = u32::from_le_bytes(rest[8..12].try_into().expect("four bytes"));
        let (record, others) = rest.split_at(16 + usize::try_from(size).expect("small"));
        records.push(record.to_vec());
        rest = others;
    }
    (header.to_vec(), records)
}
