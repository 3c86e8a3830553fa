//! `hellotrace tui`: captures in, screens out.

use std::{
    io::{IsTerminal as _, stdout},
    sync::Arc,
    thread,
};

use ::tui::{Message, Theme};
use anyhow::{Context as _, bail};
use capture::Source;
use crossbeam_channel::{Sender, unbounded};
use diagnose::{Report, Session};

use super::{known, live, open, settings_for};
use crate::{
    args::Tui,
    exit::{Status, complain},
};

/// Reads in a thread while the screens show what has been read.
pub(crate) fn run(arguments: &Tui) -> anyhow::Result<Status> {
    if !stdout().is_terminal() {
        bail!("standard output is not a terminal; `hellotrace read` writes a report anywhere");
    }
    let (sender, messages) = unbounded();
    let packets_per_batch = arguments.work.batch as usize;
    let reader = thread::Builder::new().name("read".to_owned());
    // Not waited for: whoever quits while it reads has seen enough.
    let reading = if let Some(device) = &arguments.device {
        let (mut source, notes) = live::start(device)?;
        let settings = settings_for(&[], &arguments.work)?;
        let screen = sender.clone();
        let governor = live::governor(device, &source, {
            let screen = sender.clone();
            move |sentence| {
                let _ = screen.send(Message::Note(sentence));
            }
        })?;
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
        reader.spawn(move || watch(&mut source, session, packets_per_batch, &sender))
    } else {
        let settings = settings_for(&arguments.files, &arguments.work)?;
        let (mut source, clocks) = open(&arguments.files, arguments.follow)?;
        let mut session = Session::new(settings);
        session.note_clocks(clocks);
        session.keep_logons(arguments.limits.max_logons as usize);
        known::note(&arguments.known, &mut session)?;
        reader.spawn(move || read(&mut source, session, packets_per_batch, &sender))
    };
    reading.context("no thread to read in")?;
    let left = ::tui::run(messages, Theme::from_environment()).context("the terminal")?;
    for fault in left.faults {
        complain(&format!("a fault in this program: {fault}"));
    }
    match left.unread {
        Some(why) => bail!("{why}"),
        None => Ok(Status::Clean),
    }
}

/// Sends what there is to know, until it is all known. That nobody listens any more is the program's end.
fn read(source: &mut dyn Source, mut session: Session, packets_per_batch: usize, sender: &Sender<Message>) {
    let send = |message| {
        let _ = sender.send(message);
    };
    let ended = session.run_watched(
        source,
        packets_per_batch,
        |position| send(Message::Progress(position.read, position.total)),
        |report| send(Message::Report(Arc::new(report))),
    );
    send(Message::Report(Arc::new(session.report().collected())));
    send(Message::Ended(ended.err().map(|error| error.to_string())));
}

/// The same from a device, for as long as it is recorded from.
fn watch(source: &mut dyn Source, mut session: Session, packets_per_batch: usize, sender: &Sender<Message>) {
    let send = |message| {
        let _ = sender.send(message);
    };
    let live = |report: Report| {
        send(Message::Live(report.capture.packets, report.capture.losses));
        send(Message::Report(Arc::new(report)));
    };
    let ended = session.run_live(source, packets_per_batch, |report, _| live(report.collected()));
    live(session.report().collected());
    send(Message::Ended(ended.err().map(|error| error.to_string())));
}
