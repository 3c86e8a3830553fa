//! `hellotrace keys`: every key on the wire and in the directory, and how they fit together.

use std::io::Write;

use diagnose::{KeyReport, KeysReport};
use tui::wrap;

use super::session;
use crate::{
    args::{Format, Keys},
    exit::Status,
    output::{Output, json},
};

/// Reads captures and exports, writes the list.
pub(crate) fn run(arguments: &Keys) -> anyhow::Result<Status> {
    let (session, mut ended) = session(&arguments.files, &arguments.known, &arguments.work)?;
    if session.facts().visibility.packets == 0 && !arguments.files.is_empty() {
        ended?;
        ended = Ok(());
    }
    let report = KeysReport::new(session.facts());
    let inputs: Vec<_> = arguments.files.iter().chain(&arguments.known.directory).cloned().collect();
    let mut output = Output::new(arguments.target.output.as_deref(), &inputs)?;
    match arguments.format {
        Format::Text => write(&report, &mut output)?,
        Format::Json => json::write_report(&report, &mut output)?,
    }
    output.finish()?;
    ended?;
    Ok(if report.has_faults() { Status::Found } else { Status::Clean })
}

/// Characters in a line.
const WIDTH: usize = 80;

/// Writes the list for people: a line a key, and what is wrong with it below.
///
/// ```text
/// DIRECTORY     ACCOUNT            USED                CREATED     KEY
/// not there     bob                2 refused           -           IHF64cVqhFOVh…
/// ```
fn write(report: &KeysReport, output: &mut impl Write) -> anyhow::Result<()> {
    match &report.directory {
        Some(directory) => {
            let newest = match directory.newest.get(..10) {
                Some(day) => format!(", exported on {day} or later"),
                None => String::new(),
            };
            writeln!(output, "directory: {} objects, {} with keys{newest}", directory.objects, directory.with_keys)?;
        }
        None => writeln!(output, "directory: not given (--directory FILE)")?,
    }
    if report.keys.is_empty() {
        writeln!(output, "no key of Windows Hello was used, or is in the directory")?;
        return Ok(());
    }
    writeln!(output, "\n{}", line("DIRECTORY", "ACCOUNT", "USED", "CREATED", "KEY"))?;
    for key in &report.keys {
        let created = key.created.get(..10).unwrap_or("-");
        writeln!(output, "{}", line(key.state.words(), &account(key), &used(key), created, &key.key_id))?;
        for note in notes(key) {
            for (index, text) in wrap(&note, WIDTH - 6).iter().enumerate() {
                writeln!(output, "{}{text}", if index == 0 { "    ! " } else { "      " })?;
            }
        }
    }
    let wrong = report.keys.iter().filter(|key| key.is_fault()).count();
    let count = |count: usize| if count == 1 { "1 key".to_owned() } else { format!("{count} keys") };
    writeln!(output, "\n{}, of which {wrong} want looking after", count(report.keys.len()))?;
    Ok(())
}

fn line(state: &str, account: &str, used: &str, created: &str, key: &str) -> String {
    format!("{:<13} {:<19} {:<20} {created:<11} {}", cut(state, 13), cut(account, 19), cut(used, 20), cut(key, 13))
        .trim_end()
        .to_owned()
}

/// So many characters of a text, the last one `…` where some are left out.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// Whose it is: by the directory, else by its use.
fn account(key: &KeyReport) -> String {
    let used = || key.used.as_ref()?.principals.first().cloned();
    let owner = key.owners.first().map(|owner| owner.account.clone());
    // Where the two differ, who used it; whose it is stands below.
    let name = if key.state == diagnose::KeyState::AnotherUser { used().or(owner) } else { owner.or_else(used) };
    name.unwrap_or_else(|| "-".to_owned())
}

fn used(key: &KeyReport) -> String {
    let Some(used) = &key.used else { return "-".to_owned() };
    let refused: usize = used.refused.values().sum();
    let codes: Vec<String> = used.refused.keys().map(ToString::to_string).collect();
    match (used.granted, refused) {
        (granted, 0) => format!("{granted} accepted"),
        (0, refused) => format!("{refused} refused ({})", codes.join(", ")),
        (granted, refused) => format!("{granted} ok, {refused} refused"),
    }
}

/// What wants to be said of a key beyond its line.
fn notes(key: &KeyReport) -> Vec<String> {
    let mut notes = Vec::new();
    if !key.why.is_empty() {
        notes.push(key.why.clone());
    }
    if key.owners.len() > 1 {
        let owners: Vec<&str> = key.owners.iter().map(|owner| owner.dn.as_str()).collect();
        notes.push(format!("several objects have it: {}", owners.join("; ")));
    }
    if key.roca_weak == Some(true) {
        notes.push("anybody can compute its private key (ROCA); replace it and update the TPM".to_owned());
    }
    notes.extend(key.faults.iter().filter(|fault| **fault != key.why).cloned());
    notes
}
