//! Whatever is pressed in whatever order: nothing panics, and the model stays in order.

use std::{path::PathBuf, sync::Arc};

use ratatui::{
    Terminal,
    backend::TestBackend,
    crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind},
};

use super::update;
use crate::{
    Found, Message, Model, Request, Snapshot,
    details::details,
    draw,
    keys::{BINDINGS, Key},
    message_of,
    model::{Row, Screen, View, sequence},
};

/// Keys of one run, as many as a day of work.
const KEYS: usize = 10_000;

fn snapshot(samples: &[&str]) -> Arc<Snapshot> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../samples"));
    let paths: Vec<PathBuf> = samples.iter().map(|name| folder.join(name).join("capture.pcap")).collect();
    let mut source = capture::open(&paths).expect("the samples exist");
    let mut session = diagnose::Session::new(trace::Settings { shards: 1 });
    session.run_watched(&mut source, 4096, |_| {}, |_| {}).expect("the samples can be read");
    Arc::new(Snapshot::new(session.report().collected()))
}

/// Numbers that look like chance and are the same in every run (xorshift64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).expect("below a usize")
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }
}

fn event(key: Key) -> Event {
    Event::Key(match key {
        Key::Plain(code) => KeyEvent::new(code, KeyModifiers::NONE),
        Key::Ctrl(character) => KeyEvent::new(KeyCode::Char(character), KeyModifiers::CONTROL),
    })
}

fn check(model: &Model, when: &str) {
    for view in View::ALL {
        let list = model.list_of(view);
        assert!(list.selected < list.rows.len().max(1), "{when}: {view:?}");
        assert!(list.rows.len() <= model.all_rows(view).max(list.groups.len()), "{when}: {view:?}");
        assert!(list.rows.iter().all(|row| model.row_id(view, *row).is_some()), "{when}: a row of nothing in {view:?}");
        let grouped = list.rows.iter().any(|row| matches!(row, Row::Group(_)));
        assert!(!grouped || list.limits.group.is_some(), "{when}: groups of nothing");
        assert!(list.trail.len() <= 100, "{when}: the trail grows");
    }
    for screen in &model.screens {
        match screen {
            Screen::Logon { id, step, finding, .. } => {
                let logon = model.logon(*id).expect(when);
                assert!(*step < sequence(logon).len().max(1), "{when}: a step of nothing");
                assert!(*finding < model.findings_of(*id).len().max(1), "{when}: a finding of nothing");
            }
            Screen::Finding { finding, evidence, .. } => {
                let finding = model.finding(finding).expect(when);
                assert!(*evidence < finding.evidence.len().max(1), "{when}: evidence of nothing");
            }
            Screen::Message { id, step, .. } => {
                assert!(*step < sequence(model.logon(*id).expect(when)).len(), "{when}: a message of nothing");
            }
            Screen::Details { of, .. } => assert!(!details(model, of).is_empty(), "{when}: details of nothing"),
        }
    }
}

#[test]
fn no_keys_break_the_screens() {
    let many = snapshot(&[
        "account-disabled",
        "clock-skew",
        "dns-no-answer",
        "fail-over-to-second-dc",
        "key-not-in-directory",
        "key-trust-success",
        "proxy-refuses-sign-in",
    ]);
    let reports = [many, snapshot(&["password-success"]), snapshot(&["packets-cut-short"])];
    let keys: Vec<Key> = BINDINGS.iter().flat_map(|binding| binding.keys.iter().copied()).collect();
    let letters: Vec<char> = "abcdeklost:!*=\"10-. ".chars().collect();
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let mut model = Model::new(80, 24);
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).expect("memory is a terminal");
    for number in 0..KEYS {
        let what = chance.below(100);
        let event = match what {
            0..78 => event(chance.of(&keys)),
            78..94 => event(Key::Plain(KeyCode::Char(chance.of(&letters)))),
            94..97 => {
                let (column, row) = (chance.below(80), chance.below(24));
                Event::Mouse(MouseEvent {
                    kind: chance.of(&[
                        MouseEventKind::Down(MouseButton::Left),
                        MouseEventKind::Down(MouseButton::Right),
                        MouseEventKind::ScrollDown,
                        MouseEventKind::ScrollUp,
                    ]),
                    column: u16::try_from(column).expect("small"),
                    row: u16::try_from(row).expect("small"),
                    modifiers: KeyModifiers::NONE,
                })
            }
            97 => Event::Resize(chance.of(&[0, 1, 40, 80, 120, 200]), chance.of(&[0, 1, 5, 10, 24, 50])),
            98 => Event::Paste("user:al\u{1b}[31m\u{202e}ice \"x".to_owned()),
            _ => {
                update(&mut model, Message::Report(chance.of(&reports)));
                continue;
            }
        };
        let when = format!("key {number}, {event:?}");
        if let Some(message) = message_of(&model, &event) {
            update(&mut model, message);
        }
        check(&model, &when);
        for request in std::mem::take(&mut model.requests) {
            if let Request::Bytes(wanted) = request {
                let found = if chance.below(4) == 0 {
                    Err("no".to_owned())
                } else {
                    Ok(Found::new(wanted.event, b"0\x03\x02\x01\x05"))
                };
                update(&mut model, Message::Bytes(wanted.step, found.map(Arc::new)));
            } else if let Request::Write(export, _) = request {
                assert!(!export.name().is_empty(), "{when}");
                export.text();
            }
        }
        model.discarded.clear();
        if number % 16 == 0 {
            let (columns, rows) = model.size;
            terminal.backend_mut().resize(columns, rows);
            terminal.draw(|frame| draw(&model, frame)).expect("memory can be drawn on");
        }
    }
}
