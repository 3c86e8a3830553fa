//! The commands, one file each.

mod events;
mod explain;
mod generate;
mod live;
mod read;
mod rules;
mod tui;

use std::{
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
};

use anyhow::bail;

use crate::{
    args::{Arguments, Command, Input, Work},
    exit::Status,
};

/// Runs the command that was asked for.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Status> {
    match &arguments.command {
        Command::Read(arguments) => read::run(arguments),
        Command::Tui(arguments) => tui::run(arguments),
        Command::Live(arguments) => live::run(arguments),
        Command::Interfaces => live::interfaces(),
        Command::Events(arguments) => events::run(arguments),
        Command::Explain(arguments) => explain::run(arguments),
        Command::Rules(arguments) => rules::run(arguments),
        Command::Generate(arguments) => generate::run(arguments),
    }
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
