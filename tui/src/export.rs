//! What is written to files from where the user stands: a list, a finding, the packets of a sign-in.

use std::{fmt::Write as _, sync::Arc};

use diagnose::{FindingReport, LogonReport};

use crate::{
    cloud::CLOUD,
    model::{FindingId, Group, Row, View, sequence},
    request::Packets,
    snapshot::Snapshot,
};

/// Something to be written.
#[derive(Clone, Debug)]
pub struct Export {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) what: What,
    pub(crate) format: Format,
    /// The note on it.
    pub(crate) note: String,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    List(View, Vec<Row>, Vec<Group>),
    Finding(FindingId),
    Logon(u64),
}

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For spreadsheets.
    Csv,
    /// For programs.
    Json,
    /// For people and tickets.
    Markdown,
    /// For Wireshark.
    Pcapng,
}

impl Format {
    /// All, with their names, which are also the ends of file names.
    pub const ALL: [(&'static str, Self); 4] =
        [("csv", Self::Csv), ("json", Self::Json), ("md", Self::Markdown), ("pcapng", Self::Pcapng)];

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, format)| *format == self).map_or("", |(name, _)| name)
    }
}

impl What {
    /// The formats that it can be written in, the usual one first.
    pub(crate) fn formats(&self) -> &'static [Format] {
        match self {
            Self::List(..) => &[Format::Csv, Format::Json],
            Self::Finding(_) => &[Format::Markdown, Format::Json],
            Self::Logon(_) => &[Format::Pcapng, Format::Json],
        }
    }
}

impl Export {
    /// A name for the file.
    pub fn name(&self) -> String {
        let end = self.format.name();
        match &self.what {
            What::List(view, ..) => format!("{}.{end}", view.name()),
            What::Finding(finding) => format!("{}.{end}", finding.code),
            What::Logon(id) => format!("logon-{id}.{end}"),
        }
    }

    /// The packets to be written; `None` where it is text.
    pub fn packets(&self) -> Option<Vec<Packets>> {
        let What::Logon(id) = self.what else { return None };
        if self.format != Format::Pcapng {
            return None;
        }
        let logon = self.logon(id)?;
        Some(sequence(logon).into_iter().map(Packets::of).collect())
    }

    /// The text to be written.
    pub fn text(&self) -> String {
        match (&self.what, self.format) {
            (What::List(_, rows, groups), Format::Csv) => self.csv(rows, groups),
            (What::List(_, rows, groups), _) => self.json(rows, groups),
            (What::Finding(id), Format::Markdown) => self.finding(id).map(|it| self.markdown(it)).unwrap_or_default(),
            (What::Finding(id), _) => self.finding(id).map(to_json).unwrap_or_default(),
            (What::Logon(id), _) => self.logon(*id).map(|logon| to_json(&of_the_report(logon))).unwrap_or_default(),
        }
    }

    fn logon(&self, id: u64) -> Option<&LogonReport> {
        self.snapshot.place(id).and_then(|place| self.snapshot.report.logons.get(place))
    }

    fn finding(&self, id: &FindingId) -> Option<&FindingReport> {
        self.snapshot.report.findings.iter().find(|finding| finding.code == id.code && finding.subject == id.subject)
    }

    fn csv(&self, rows: &[Row], groups: &[Group]) -> String {
        let mut text = String::new();
        let mut line = |cells: &[&str]| {
            let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
            let _ = writeln!(text, "{}\r", cells.join(","));
        };
        let report = &self.snapshot.report;
        let What::List(view, ..) = &self.what else { return text };
        match (view, rows.first()) {
            (View::Logons, Some(Row::Group(_))) => {
                line(&["value", "failed", "undecided", "succeeded"]);
                for group in groups {
                    let [failed, undecided, succeeded] = group.outcomes.map(|count| count.to_string());
                    line(&[&group.value, &failed, &undecided, &succeeded]);
                }
            }
            (View::Logons, _) => {
                line(&[
                    "id",
                    "outcome",
                    "principal",
                    "client",
                    "client_name",
                    "method",
                    "started",
                    "lasted_ms",
                    "kdc",
                    "kdc_name",
                    "key_id",
                    "reached",
                    "findings",
                ]);
                for row in rows {
                    let Row::Logon(place) = row else { continue };
                    let Some(logon) = report.logons.get(*place) else { continue };
                    line(&[
                        &logon.id.to_string(),
                        logon.outcome,
                        logon.principal.as_deref().unwrap_or_default(),
                        &logon.client,
                        &logon.client_name,
                        logon.method,
                        &logon.started,
                        &(logon.lasted / 1_000_000).to_string(),
                        logon.kdc.as_deref().unwrap_or_default(),
                        &logon.kdc_name,
                        &logon.key_id,
                        logon.reached,
                        &logon.findings.join(" "),
                    ]);
                }
            }
            (View::Overview, _) => {
                line(&["code", "severity", "confidence", "title", "subject", "logons", "summary"]);
                for row in rows {
                    let Row::Finding(index) = row else { continue };
                    let Some(finding) = report.findings.get(*index) else { continue };
                    line(&[
                        finding.code,
                        finding.severity.name(),
                        finding.confidence.name(),
                        finding.title,
                        &finding.subject,
                        &finding.logons.len().to_string(),
                        &finding.summary,
                    ]);
                }
            }
            _ => {
                let table = crate::tables::table(*view, &self.snapshot);
                line(&table.titles());
                for row in rows {
                    let Row::Item(index) = row else { continue };
                    let cells: Vec<String> = table.row(*index).into_iter().map(|cell| cell.text).collect();
                    line(&cells.iter().map(String::as_str).collect::<Vec<_>>());
                }
            }
        }
        text
    }

    fn json(&self, rows: &[Row], groups: &[Group]) -> String {
        let report = &self.snapshot.report;
        let values: Vec<serde_json::Value> = rows
            .iter()
            .filter_map(|row| match row {
                Row::Logon(place) => {
                    report.logons.get(*place).and_then(|logon| serde_json::to_value(of_the_report(logon)).ok())
                }
                Row::Finding(index) => {
                    report.findings.get(*index).and_then(|finding| serde_json::to_value(finding).ok())
                }
                Row::Group(index) => groups.get(*index).map(|group| {
                    let [failed, undecided, succeeded] = group.outcomes;
                    serde_json::json!({
                        "value": group.value, "failed": failed, "undecided": undecided, "succeeded": succeeded,
                    })
                }),
                Row::Item(index) => {
                    let What::List(view, ..) = &self.what else { return None };
                    let table = crate::tables::table(*view, &self.snapshot);
                    let cells = table.row(*index).into_iter().map(|cell| serde_json::Value::String(cell.text));
                    let names = table.titles().into_iter().map(str::to_owned);
                    Some(serde_json::Value::Object(names.zip(cells).collect()))
                }
            })
            .collect();
        to_json(&values)
    }

    /// A finding for a ticket.
    fn markdown(&self, finding: &FindingReport) -> String {
        let mut text = format!("# {}: {}\n\n", finding.code, finding.title);
        let _ = writeln!(
            text,
            "Severity {}, {}. About {}. Sign-ins: {}.\n\n{}\n",
            finding.severity.name(),
            finding.confidence.name(),
            finding.subject,
            finding.logons.len(),
            finding.summary
        );
        if !self.note.is_empty() {
            let _ = writeln!(text, "Note: {}\n", self.note);
        }
        if !finding.evidence.is_empty() {
            let _ = writeln!(text, "## Evidence\n");
        }
        for evidence in &finding.evidence {
            let file = evidence.file.as_ref().map(|file| format!(" of {file}")).unwrap_or_default();
            let _ = writeln!(
                text,
                "- packet {}{file}: {} (`{}` = `{}`)",
                evidence.packet,
                evidence.means,
                evidence.field,
                evidence.value.replace('`', "'")
            );
        }
        if !finding.fix.is_empty() {
            let _ = writeln!(text, "\n## What to do\n");
        }
        for (number, fix) in finding.fix.iter().enumerate() {
            let _ = writeln!(text, "{}. {fix}", number + 1);
        }
        let hit: Vec<&LogonReport> = finding.logons.iter().filter_map(|id| self.logon(*id)).take(MAX_HIT).collect();
        if !hit.is_empty() {
            let _ = writeln!(text, "\n## Sign-ins\n\n| at (UTC) | who | client | domain controller | outcome |");
            let _ = writeln!(text, "| --- | --- | --- | --- | --- |");
        }
        for logon in &hit {
            let cell = |text: &str| text.replace('|', "\\|");
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} |",
                logon.started.get(..19).unwrap_or(&logon.started).replace('T', " "),
                cell(logon.principal.as_deref().unwrap_or("-")),
                cell(if logon.client_name.is_empty() { &logon.client } else { &logon.client_name }),
                cell(if logon.kdc_name.is_empty() { logon.kdc.as_deref().unwrap_or("-") } else { &logon.kdc_name }),
                logon.outcome
            );
        }
        if finding.logons.len() > hit.len() {
            let _ = writeln!(text, "\nand {} more.", finding.logons.len() - hit.len());
        }
        text
    }
}

/// Sign-ins named in a finding's text.
const MAX_HIT: usize = 100;

/// A sign-in as machine output has it: without the steps that screens add.
fn of_the_report(logon: &LogonReport) -> LogonReport {
    let mut logon = logon.clone();
    logon.steps.retain(|step| step.kind != CLOUD);
    logon
}

fn to_json<T: serde::Serialize + ?Sized>(value: &T) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

/// A cell of RFC 4180. One that a spreadsheet would take for a formula gets an apostrophe.
fn quoted(cell: &str) -> String {
    let cell = if cell.starts_with(['=', '+', '-', '@']) { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains([',', '"', '\n', '\r', ';']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_cell_is_no_formula() {
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("=cmd|x"), "'=cmd|x");
        assert_eq!(quoted("say \"x\""), "\"say \"\"x\"\"\"");
    }
}
