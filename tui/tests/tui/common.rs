//! Screens without a terminal, and reports of samples.

use std::{path::PathBuf, sync::Arc};

use diagnose::{Report, Session};
use ratatui::{
    Terminal,
    backend::TestBackend,
    crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers},
    style::Style,
};
use tui::{Marks, Message, Model, Palette, Settings, Snapshot, Theme, draw, message_of, update};

/// The screens on a terminal in memory.
pub(crate) struct Screens {
    pub(crate) model: Model,
    terminal: Terminal<TestBackend>,
}

impl Screens {
    pub(crate) fn new(columns: u16, rows: u16) -> Self {
        Self::with(columns, rows, Theme::new(Palette::Plain, true))
    }

    pub(crate) fn with(columns: u16, rows: u16, theme: Theme) -> Self {
        let terminal = Terminal::new(TestBackend::new(columns, rows)).expect("memory is a terminal");
        let model = Model::new(columns, rows).with(Settings::default(), theme, Marks::default());
        Self { model, terminal }
    }

    /// A report arrives, and reading is over.
    pub(crate) fn show(&mut self, report: Report) {
        update(&mut self.model, Message::Report(Arc::new(Snapshot::new(report))));
        update(&mut self.model, Message::Ended(None));
    }

    /// The same, of samples and an export of the directory.
    pub(crate) fn show_with_directory(&mut self, samples: &[&str], export: &str) {
        let mut directory = decode::directory::Directory::default();
        directory.read(export.as_bytes()).expect("an export can be read");
        let session = session_of(samples, 4096, Some(directory), |_| {});
        let report = session.report();
        let keys = report.keys();
        let snapshot = Snapshot::new(report.collected()).with_keys(keys);
        update(&mut self.model, Message::Report(Arc::new(snapshot)));
        update(&mut self.model, Message::Ended(None));
    }

    /// Presses keys: a character, or the name of a key.
    pub(crate) fn press(&mut self, keys: &[&str]) {
        for key in keys {
            let event = Event::Key(event(key));
            if let Some(message) = message_of(&self.model, &event) {
                update(&mut self.model, message);
            }
        }
    }

    /// Every cell with its style.
    pub(crate) fn styles(&mut self) -> Vec<(String, Style)> {
        self.text();
        let buffer = self.terminal.backend().buffer();
        buffer.content().iter().map(|cell| (cell.symbol().to_owned(), cell.style())).collect()
    }

    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        self.terminal.backend_mut().resize(columns, rows);
        if let Some(message) = message_of(&self.model, &Event::Resize(columns, rows)) {
            update(&mut self.model, message);
        }
    }

    /// What is on the screen, without blanks at the ends of lines.
    pub(crate) fn text(&mut self) -> String {
        self.terminal.draw(|frame| draw(&self.model, frame)).expect("memory can be drawn on");
        let buffer = self.terminal.backend().buffer();
        let mut text = String::new();
        for y in 0..buffer.area.height {
            let line: String = (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect();
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

fn event(key: &str) -> KeyEvent {
    let code = match key {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "backspace" => KeyCode::Backspace,
        "home" => KeyCode::Home,
        "end" => KeyCode::End,
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "left" => KeyCode::Left,
        "right" => KeyCode::Right,
        "page up" => KeyCode::PageUp,
        "page down" => KeyCode::PageDown,
        "ctrl-c" => return KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL),
        "ctrl-x" => return KeyEvent::new(KeyCode::Char('x'), KeyModifiers::CONTROL),
        "ctrl-u" => return KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL),
        character => KeyCode::Char(character.chars().next().expect("a character")),
    };
    KeyEvent::new(code, KeyModifiers::NONE)
}

/// What `hellotrace` says about these samples, read together. Their names stand for their paths.
pub(crate) fn report_of(samples: &[&str]) -> Report {
    let mut report = session(samples, 4096, |_| {}).report().collected();
    report.capture.inputs = samples.iter().map(|name| format!("{name}.pcap")).collect();
    report
}

/// Reads samples and hands out the reports on the way.
pub(crate) fn session(samples: &[&str], packets_per_batch: usize, publish: impl FnMut(Report)) -> Session {
    session_of(samples, packets_per_batch, None, publish)
}

fn session_of(
    samples: &[&str],
    packets_per_batch: usize,
    directory: Option<decode::directory::Directory>,
    mut publish: impl FnMut(Report),
) -> Session {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../samples"));
    let paths: Vec<PathBuf> = samples.iter().map(|name| folder.join(name).join("capture.pcap")).collect();
    let mut source = capture::open(&paths).expect("the samples exist");
    let mut session = Session::new(trace::Settings { shards: 2 });
    if let Some(directory) = directory {
        session.note_directory(directory);
    }
    session
        .run_watched(&mut source, packets_per_batch, |_| {}, |report| publish(report.collected()))
        .expect("the samples can be read");
    session
}
