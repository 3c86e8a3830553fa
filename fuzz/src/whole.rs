//! `capture`: a whole capture to events and to a report, as the program reads it.

use std::io::Cursor;

use capture::{Batch, Files, Progress, Source};
use diagnose::Session;
use trace::{Decoding, Settings};

use super::{check, json, text};

/// The input is the file. However the work is divided, the events and both forms of the report are the same.
pub fn run(bytes: &[u8]) {
    assert_eq!(events(bytes, 1, Batch::DEFAULT_PACKETS), events(bytes, 3, 7));
    let [json, summary, text] = report(bytes, 1, Batch::DEFAULT_PACKETS);
    for written in [&json, &summary, &text] {
        check::harmless(written);
    }
    for line in [&json, &summary] {
        let value: serde_json::Value = serde_json::from_str(line).expect("what is written can be read");
        assert!(value.is_object());
    }
    assert_eq!([json, summary, text], report(bytes, 3, 7));
}

fn events(bytes: &[u8], shards: usize, packets_per_batch: usize) -> Vec<(String, String)> {
    let mut files = Files::from_reader("input", Cursor::new(bytes.to_vec()));
    let mut decoding = Decoding::new(Settings { shards });
    let mut batch = Batch::new(packets_per_batch);
    let (mut events, mut told) = (Vec::new(), Vec::new());
    while let Ok(progress) = files.fill(&mut batch) {
        decoding.push(&batch, &mut events);
        told.extend(events.drain(..).map(|event| check::told(&event)));
        if progress == Progress::End {
            break;
        }
    }
    decoding.finish(&mut events);
    told.extend(events.iter().map(check::told));
    told
}

/// The report as JSON, the last line of the events, and the report as text.
fn report(bytes: &[u8], shards: usize, packets_per_batch: usize) -> [String; 3] {
    let mut files = Files::from_reader("input", Cursor::new(bytes.to_vec()));
    let mut session = Session::new(Settings { shards });
    if let Err(error) = session.run(&mut files, packets_per_batch, |_| {}) {
        check::harmless(&error.to_string());
    }
    let report = session.report();
    let mut written = [Vec::new(), Vec::new(), Vec::new()];
    let [as_json, last_line, as_text] = &mut written;
    json::write_report(&report, as_json).expect("a report is JSON");
    json::write_line(&json::Summary::new(&session.facts().visibility), last_line).expect("a summary is JSON");
    text::write(&report, 0, &tui::Marks::default(), as_text).expect("a report is text");
    written.map(|bytes| String::from_utf8(bytes).expect("what is written is UTF-8"))
}
