//! `hellotrace checklist`: what a deployment of key trust needs, and whether the captures show that it works.

use std::io::Write;

use diagnose::{ChecklistItem, Report, ThresholdReport};
use serde::Serialize;
use tui::wrap;

use super::part;
use crate::{
    args::{Format, Part},
    exit::Status,
    output::{Output, json, text},
};

/// The version of this output's form.
const SCHEMA: &str = "hellotrace.checklist/1";
/// Characters in a line.
const WIDTH: usize = 80;
/// Where the text of an item begins.
const INDENT: usize = 10;
/// Characters shown of the name of a file.
const LONGEST_NAME: usize = 40;
/// Packets shown of an item.
const MOST_EVIDENCE: usize = 3;

#[derive(Serialize)]
struct Document<'r> {
    schema: &'static str,
    checklist: &'r [ChecklistItem],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    thresholds: &'r [ThresholdReport],
}

/// Reads, goes through the list, writes.
pub(crate) fn run(arguments: &Part) -> anyhow::Result<Status> {
    let (report, ended) = part(arguments)?;
    let mut output = Output::new(arguments.target.output.as_deref(), &arguments.files)?;
    match arguments.format {
        Format::Text => write(&report, &mut output)?,
        Format::Json => {
            let (checklist, thresholds) = (&report.checklist, &report.thresholds);
            json::write_report(&Document { schema: SCHEMA, checklist, thresholds }, &mut output)?;
        }
    }
    output.finish()?;
    ended?;
    let fails = report.checklist.iter().any(|item| item.state == "failing");
    Ok(if fails { Status::Found } else { Status::Clean })
}

/// ```text
/// working   domain controllers answer on port 88
///           packet 14: a domain controller answered
/// ```
fn write(report: &Report<()>, output: &mut impl Write) -> anyhow::Result<()> {
    text::thresholds(&report.thresholds, output)?;
    for item in &report.checklist {
        paragraph(&format!("{:<INDENT$}", word(item.state)), item.item, output)?;
        let indent = " ".repeat(INDENT);
        if !item.findings.is_empty() {
            paragraph(&indent, &format!("see {}", item.findings.join(", ")), output)?;
        }
        if !item.note.is_empty() {
            paragraph(&indent, &item.note, output)?;
        }
        for evidence in item.evidence.iter().take(MOST_EVIDENCE) {
            let file = evidence.file.as_ref().map(|file| format!(" of {}", end(file))).unwrap_or_default();
            paragraph(&indent, &format!("packet {}{file}: {}", evidence.packet, evidence.means), output)?;
        }
    }
    let count = |state: &str| report.checklist.iter().filter(|item| item.state == state).count();
    let (working, failing, unseen) = (count("working"), count("failing"), count("not_seen"));
    writeln!(output, "\n{working} working, {failing} failing, {unseen} not seen in this capture")?;
    Ok(())
}

/// The end of a file's name, where it is too long for a line.
fn end(file: &str) -> String {
    let length = file.chars().count();
    if length <= LONGEST_NAME {
        return file.to_owned();
    }
    ['…'].into_iter().chain(file.chars().skip(length - LONGEST_NAME + 1)).collect()
}

fn word(state: &str) -> &'static str {
    match state {
        "working" => "working",
        "failing" => "FAILING",
        _ => "not seen",
    }
}

fn paragraph(first: &str, text: &str, output: &mut impl Write) -> anyhow::Result<()> {
    for (index, line) in wrap(text, WIDTH - INDENT).iter().enumerate() {
        let before = if index == 0 { first.to_owned() } else { " ".repeat(INDENT) };
        writeln!(output, "{before}{line}")?;
    }
    Ok(())
}
