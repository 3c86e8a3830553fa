//! `hellotrace dcs`: one record for each domain controller.

use std::io::Write;

use diagnose::{DomainControllerReport, Report, ThresholdReport};
use serde::Serialize;
use tui::wrap;

use super::part;
use crate::{
    args::{Format, Part},
    exit::Status,
    output::{Output, json, text},
};

/// The version of this output's form.
const SCHEMA: &str = "hellotrace.dcs/1";
/// Characters in a line.
const WIDTH: usize = 80;
/// Where the text of a line begins.
const INDENT: usize = 15;

#[derive(Serialize)]
struct Document<'r> {
    schema: &'static str,
    domain_controllers: &'r [DomainControllerReport],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    thresholds: &'r [ThresholdReport],
}

/// Reads and writes.
pub(crate) fn run(arguments: &Part) -> anyhow::Result<Status> {
    let (report, ended) = part(arguments)?;
    let mut output = Output::new(arguments.target.output.as_deref(), &arguments.files)?;
    match arguments.format {
        Format::Text => write(&report, &mut output)?,
        Format::Json => {
            let (domain_controllers, thresholds) = (&report.domain_controllers, &report.thresholds);
            let document = Document { schema: SCHEMA, domain_controllers, thresholds };
            json::write_report(&document, &mut output)?;
        }
    }
    output.finish()?;
    ended?;
    let faulty = report
        .domain_controllers
        .iter()
        .flat_map(|dc| &dc.certificates)
        .flat_map(|certificate| &certificate.verdicts)
        .any(|verdict| verdict.verdict == "found");
    Ok(if faulty { Status::Found } else { Status::Clean })
}

/// ```text
/// dc1.corp.example (10.99.0.10)
///   site         Default-First-Site-Name
///   flags        0x1f3fd: primary domain controller, …
/// ```
fn write(report: &Report<()>, output: &mut impl Write) -> anyhow::Result<()> {
    text::thresholds(&report.thresholds, output)?;
    if report.domain_controllers.is_empty() {
        writeln!(output, "no domain controller was seen")?;
    }
    for (index, dc) in report.domain_controllers.iter().enumerate() {
        if index > 0 {
            writeln!(output)?;
        }
        controller(dc, output)?;
    }
    Ok(())
}

fn controller(dc: &DomainControllerReport, output: &mut impl Write) -> anyhow::Result<()> {
    if dc.name.is_empty() {
        writeln!(output, "{}", dc.address)?;
    } else {
        writeln!(output, "{} ({})", dc.name, dc.address)?;
    }
    if !dc.site.is_empty() {
        line("site", &dc.site, output)?;
    }
    if let Some(flags) = dc.flags {
        line("flags", &format!("{flags:#x}: {}", dc.flag_names.join(", ")), output)?;
    }
    for (index, seen) in dc.certificates.iter().enumerate() {
        let of = &seen.certificate;
        let what =
            if of.subject.is_empty() { of.san.dns.first().map_or("no name", String::as_str) } else { &of.subject };
        let faults: Vec<&str> =
            seen.verdicts.iter().filter(|verdict| verdict.verdict == "found").map(|verdict| verdict.code).collect();
        let verdict = match (faults.is_empty(), seen.verdicts.iter().all(|verdict| verdict.verdict == "unseen")) {
            (false, _) => format!("see {}", faults.join(", ")),
            (true, true) => "no sign-in with it to judge it by".to_owned(),
            (true, false) => "no fault found".to_owned(),
        };
        let text = format!(
            "{}, serial {}, until {}, in {}, packet {} to {}: {verdict}",
            decode::WireText::from(what),
            of.serial,
            day(&of.not_after.to_string()),
            counted(seen.replies, "reply", "replies"),
            seen.first_packet,
            seen.last_packet,
        );
        line(if index == 0 { "certificate" } else { "" }, &text, output)?;
    }
    for (index, (method, outcomes)) in dc.methods.iter().enumerate() {
        let counts: Vec<String> = outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
        line(if index == 0 { "sign-ins" } else { "" }, &format!("{method}: {}", counts.join(", ")), output)?;
    }
    if let Some(times) = dc.response_ms {
        let text = format!("p50 {:.1} ms, p95 {:.1} ms, slowest {:.1} ms", times.p50, times.p95, times.max);
        line("response", &text, output)?;
    }
    if let Some(offset) = dc.clock_offset_s {
        line("clock", &format!("{offset:+.3} s against the capture's"), output)?;
    }
    let ports: Vec<String> = dc
        .ports
        .iter()
        .map(|port| {
            let said = match (port.answered, port.refused, port.silent) {
                (0, 0, _) => "silent".to_owned(),
                (0, _, 0) => "refused".to_owned(),
                (_, 0, 0) => "answers".to_owned(),
                (answered, refused, silent) => {
                    format!("answers {answered}, refuses {refused}, silent to {silent} clients")
                }
            };
            format!("{}/{} {said}", port.port, port.transport)
        })
        .collect();
    if !ports.is_empty() {
        line("ports", &ports.join("; "), output)?;
    }
    line("captured", dc.coverage.words(), output)
}

fn line(label: &str, text: &str, output: &mut impl Write) -> anyhow::Result<()> {
    for (index, part) in wrap(text, WIDTH - INDENT).iter().enumerate() {
        let label = if index == 0 { label } else { "" };
        writeln!(output, "  {label:<12} {part}")?;
    }
    Ok(())
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// `2026-11-22` of a time.
fn day(time: &str) -> &str {
    time.get(..10).unwrap_or(time)
}
