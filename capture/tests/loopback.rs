//! Records its own packets on the loopback interface; skips aloud without the rights to do so.

#![cfg(feature = "live")]

use std::io::Cursor;
use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::time::Duration;

use capture::{Batch, Files, Progress, Source};

#[test]
fn own_packets_are_recorded_and_others_are_not() {
    let [kept, other] = [0, 1].map(|_| UdpSocket::bind("127.0.0.1:0").unwrap());
    let filter = format!("udp dst port {}", kept.local_addr().unwrap().port());
    let recorder = Command::new(env!("CARGO_BIN_EXE_hellotrace-capture"))
        .args(["-i", "lo", "--count", "3", "--duration", "120", "--filter", &filter])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    // The recorder takes a while to open the device and says nothing then, so packets are sent until it has enough.
    let waiting = std::thread::spawn(move || recorder.wait_with_output().unwrap());
    while !waiting.is_finished() {
        sender.send_to(b"not this", other.local_addr().unwrap()).unwrap();
        sender.send_to(b"but this", kept.local_addr().unwrap()).unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = waiting.join().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    if errors.contains("rights") || errors.contains("No such device") {
        println!("skipped: {errors}");
        return;
    }
    assert!(output.status.success(), "{errors}");
    let mut source = Files::from_reader("recorded", Cursor::new(output.stdout));
    let mut batch = Batch::default();
    let mut packets = 0;
    loop {
        let progress = source.fill(&mut batch).unwrap();
        assert_eq!(batch.damage(), []);
        for packet in batch.packets() {
            assert!(packet.bytes.ends_with(b"but this"));
            packets += 1;
        }
        if progress == Progress::End {
            break;
        }
    }
    assert_eq!(packets, 3);
}
