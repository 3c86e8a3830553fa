//! `hellotrace tui`: captures in, screens out.

mod files;
mod packets;

use std::{
    io::{IsTerminal as _, stdout},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Instant,
};

use ::tui::{Action, Marks, Message, Model, Request, Snapshot, Theme};
use anyhow::{Context as _, bail};
use capture::{Batch, CaptureError, Losses, Position, Progress, Source};
use crossbeam_channel::{Receiver, Sender, unbounded};
use diagnose::{LogonReports, Report, Session};

use super::{known, live, open, session_file, settings_for};
use crate::{
    args::Tui,
    exit::{Status, complain},
    meter, signals,
};

/// Bytes between two accounts of progress: drawing must not slow reading down.
const EVERY: u64 = 4 << 20;

/// Reads in a thread while the screens show what has been read.
pub(crate) fn run(arguments: &Tui) -> anyhow::Result<Status> {
    if !stdout().is_terminal() {
        bail!("standard output is not a terminal; `hellotrace read` writes a report anywhere");
    }
    let settings = files::settings(arguments.settings.as_deref())?;
    let session_file = session_file::path(arguments.session.as_deref(), &arguments.files)?;
    let marks = session_file.as_deref().map_or_else(|| Ok(Marks::default()), session_file::begin)?;
    let (sender, messages) = unbounded();
    let packets_per_batch = arguments.work.batch as usize;
    let reader = thread::Builder::new().name("read".to_owned());
    let stop = Arc::new(AtomicBool::new(false));
    // Not waited for: whoever quits while it reads has seen enough.
    let reading = if let Some(device) = &arguments.device {
        let (source, notes) = live::start(device)?;
        let settings = settings_for(&[], &arguments.work)?;
        let screen = sender.clone();
        let governor = live::governor(device, &source, {
            let screen = sender.clone();
            move |sentence| {
                let _ = screen.send(Message::Note(sentence));
            }
        })?;
        let mut source = Stoppable { source, stop: Arc::clone(&stop) };
        let mut session = Session::new(settings);
        session.keep_logons(arguments.limits.max_logons as usize);
        known::note(&arguments.known, &mut session)?;
        if let Some(governor) = governor {
            session.govern(governor);
        }
        thread::Builder::new().name("notes".to_owned()).spawn(move || {
            for note in notes {
                let _ = screen.send(Message::Note(note));
            }
        })?;
        let sender = sender.clone();
        reader.spawn(move || watch(&mut source, session, packets_per_batch, &sender))
    } else {
        let settings = settings_for(&arguments.files, &arguments.work)?;
        let (source, clocks) = open(&arguments.files, arguments.follow)?;
        let mut source = Stoppable { source, stop: Arc::clone(&stop) };
        let mut session = Session::new(settings);
        session.note_clocks(clocks);
        session.keep_logons(arguments.limits.max_logons as usize);
        known::note(&arguments.known, &mut session)?;
        let sender = sender.clone();
        reader.spawn(move || read(&mut source, session, packets_per_batch, &sender))
    };
    reading.context("no thread to read in")?;
    let (requests, to_do) = unbounded();
    let worker = Worker { captures: arguments.files.clone(), session_file, stop };
    let teller = sender.clone();
    thread::Builder::new().name("work".to_owned()).spawn(move || worker.run(&to_do, &teller))?;
    // The terminal is given back on the way out. Where the system has no such signals, nothing can ask for it.
    let _ = signals::listen(move |_| {
        let _ = sender.send(Message::Act(Action::Quit));
    });
    let theme = settings.theme(Theme::from_environment());
    let left =
        ::tui::run(Model::new(0, 0).with(settings, theme, marks), messages, &requests).context("the terminal")?;
    for fault in left.faults {
        complain(&format!("a fault in this program: {fault}"));
    }
    match left.unread {
        Some(why) => bail!("{why}"),
        None => Ok(Status::Clean),
    }
}

/// Sends what there is to know, until it is all known. That nobody listens any more is the program's end.
#[expect(clippy::disallowed_methods, reason = "how fast reading goes is not the packets' time")]
fn read(source: &mut dyn Source, mut session: Session, packets_per_batch: usize, sender: &Sender<Message>) {
    let send = |message| {
        let _ = sender.send(message);
    };
    let begun = Instant::now();
    let mut told = 0;
    let ended = session.run_watched(
        source,
        packets_per_batch,
        |position| {
            if position.read >= told + EVERY {
                told = position.read;
                let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
                let rate = position.read.saturating_mul(1000) / milliseconds;
                send(Message::Progress(position.read, position.total, rate));
            }
        },
        |report| show(report, sender),
    );
    show(session.report(), sender);
    send(Message::Ended(ended.err().map(|error| error.to_string())));
}

/// The same from a device, for as long as it is recorded from.
fn watch(source: &mut dyn Source, mut session: Session, packets_per_batch: usize, sender: &Sender<Message>) {
    let send = |message| {
        let _ = sender.send(message);
    };
    let live = |report: Report<LogonReports<'_>>| {
        send(Message::Live(report.capture.packets, report.capture.losses));
        show(report, sender);
    };
    let ended = session.run_live(source, packets_per_batch, |report, _| live(report));
    live(session.report());
    send(Message::Ended(ended.err().map(|error| error.to_string())));
}

/// Sends a report, and what this program takes of memory with it.
fn show(report: Report<LogonReports<'_>>, sender: &Sender<Message>) {
    let keys = report.keys();
    let snapshot = Snapshot::new(report.collected()).with_keys(keys);
    let _ = sender.send(Message::Report(Arc::new(snapshot)));
    if let Some(memory) = meter::memory() {
        let _ = sender.send(Message::Memory(memory));
    }
}

/// A source that can be told to end.
struct Stoppable<S> {
    source: S,
    stop: Arc<AtomicBool>,
}

impl<S: Source> Source for Stoppable<S> {
    fn fill(&mut self, batch: &mut Batch) -> Result<Progress, CaptureError> {
        let progress = self.source.fill(batch)?;
        Ok(if self.stop.load(Ordering::Relaxed) { Progress::End } else { progress })
    }

    fn inputs(&self) -> &[String] {
        self.source.inputs()
    }

    fn position(&self) -> Position {
        self.source.position()
    }

    fn losses(&self) -> Losses {
        self.source.losses()
    }
}

/// Does what the screens ask for.
struct Worker {
    captures: Vec<PathBuf>,
    session_file: Option<PathBuf>,
    stop: Arc<AtomicBool>,
}

impl Worker {
    fn run(&self, requests: &Receiver<Request>, sender: &Sender<Message>) {
        for request in requests {
            let message = match request {
                Request::Bytes(wanted) => {
                    Some(Message::Bytes(wanted.step, packets::bytes(&self.captures, &wanted).map(Arc::new)))
                }
                Request::Write(export, path) => {
                    let written = files::write(&self.captures, &export, path.as_deref());
                    Some(Message::Told(written.unwrap_or_else(|error| format!("not written: {error:#}"))))
                }
                Request::Save(text) => {
                    let saved = self.session_file.as_deref().map_or(Ok(()), |file| session_file::save(file, &text));
                    saved.err().map(|error| Message::Told(format!("not kept: {error:#}")))
                }
                Request::Cancel => {
                    self.stop.store(true, Ordering::Relaxed);
                    None
                }
                // Done where the terminal is.
                Request::Copy(_) => None,
            };
            if let Some(message) = message {
                let _ = sender.send(message);
            }
        }
    }
}
