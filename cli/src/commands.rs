//! The commands, one file each.

mod checklist;
mod dcs;
mod events;
mod explain;
mod generate;
mod keys;
mod known;
mod live;
mod read;
mod rules;
mod session_file;
mod tui;

use std::{
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
};

use anyhow::bail;
use capture::Source as _;
use diagnose::{Report, Session};
use trace::ClockOffset;

use crate::{
    args::{Arguments, Command, Input, Known, Part, Work},
    exit::{Status, complain},
    interrupt,
    output::progress::Bar,
};

/// Runs the command that was asked for.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Status> {
    match &arguments.command {
        Command::Read(arguments) => read::run(arguments),
        Command::Tui(arguments) => tui::run(arguments),
        Command::Live(arguments) => live::run(arguments),
        Command::Interfaces => live::interfaces(),
        Command::Checklist(arguments) => checklist::run(arguments),
        Command::Dcs(arguments) => dcs::run(arguments),
        Command::Keys(arguments) => keys::run(arguments),
        Command::Events(arguments) => events::run(arguments),
        Command::Explain(arguments) => explain::run(arguments),
        Command::Rules(arguments) => rules::run(arguments),
        Command::Generate(arguments) => generate::run(arguments),
    }
}

/// Opens the captures and aligns their clocks, which is told too. What a folder holds besides captures is told.
fn open(files: &[PathBuf], follow: bool) -> anyhow::Result<(capture::Files, Vec<ClockOffset>)> {
    if follow {
        let files = capture::follow(files, &interrupt::stop())?;
        tell_passed_over(&files, 0);
        return Ok((files, Vec::new()));
    }
    let mut files = capture::open(files)?;
    tell_passed_over(&files, 0);
    let clocks = files.paths().map(|paths| diagnose::clock_offsets(&paths)).unwrap_or_default();
    let mut ahead = vec![0; files.inputs().len()];
    for clock in &clocks {
        if let Some(ahead) = ahead.get_mut(usize::from(clock.input)) {
            *ahead = clock.ahead;
        }
    }
    files.align_clocks(ahead);
    Ok((files, clocks))
}

/// Says which files of folders are not read, all but those that were `told`.
fn tell_passed_over(files: &capture::Files, told: usize) {
    for error in files.passed_over().iter().skip(told) {
        complain(&format!("passed over: {error}"));
    }
}

/// Reads captures to their end, and what is known besides. How reading ended comes beside what was read.
fn session(
    files: &[PathBuf],
    known: &Known,
    work: &Work,
) -> anyhow::Result<(Session, Result<(), diagnose::ReadError>)> {
    let mut session = Session::new(settings_for(files, work)?);
    known::note(known, &mut session)?;
    if files.is_empty() {
        return Ok((session, Ok(())));
    }
    let (mut source, clocks) = open(files, false)?;
    let bar = Bar::new(source.position());
    session.note_clocks(clocks);
    let ended = session.run(&mut source, work.batch as usize, |position| bar.at(position));
    bar.done();
    read::warn(&session);
    Ok((session, ended))
}

/// The same for a part of the report: what could be read of it, unless that is nothing.
fn part(arguments: &Part) -> anyhow::Result<(Report<()>, Result<(), diagnose::ReadError>)> {
    let (session, ended) = session(&arguments.files, &arguments.known, &arguments.work)?;
    if session.facts().visibility.packets == 0 {
        ended?;
        return Ok((session.report().summed_up(), Ok(())));
    }
    Ok((session.report().summed_up(), ended))
}

/// Sets up the threads and says how the work is divided among them. Refuses to wait for a capture to be typed.
fn settings(input: &Input) -> anyhow::Result<trace::Settings> {
    settings_for(&input.files, &input.work)
}

/// The same, for inputs that are not there or come another way.
fn settings_for(files: &[PathBuf], work: &Work) -> anyhow::Result<trace::Settings> {
    if files.iter().any(|file| file == Path::new("-")) && io::stdin().is_terminal() {
        bail!("standard input is a terminal: pipe a capture into it, or name a file");
    }
    if let Some(threads) = work.threads {
        rayon::ThreadPoolBuilder::new().num_threads(usize::from(threads)).build_global()?;
    }
    Ok(trace::Settings::default())
}
