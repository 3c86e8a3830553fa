//! A finding in full: what, why, how it could be wrong, what to do, and who else is hit.

use diagnose::{Confidence, FindingReport};
use ratatui::text::Line;

use super::{MAX_TEXT, clock, counted, raw, styled};
use crate::{Theme, mark, model::Model, text::fold};

/// Sign-ins that are named; `s` lists all.
const MAX_HIT: usize = 8;
/// Pieces of evidence shown before somebody asks for more: what to do is to be near.
const PIECES: usize = 3;

/// The lines, and which of them the selected piece of evidence is on.
pub(super) fn lines(
    model: &Model,
    finding: &FindingReport,
    selected: usize,
    theme: Theme,
    columns: usize,
) -> (Vec<Line<'static>>, usize) {
    let columns = columns.saturating_sub(2).min(MAX_TEXT);
    let mut text = Text { lines: Vec::new(), columns, theme };
    let mut line_of_evidence = 0;
    let heading = format!("{} {}  {}", mark(finding.severity), finding.code, finding.title);
    for line in fold(&heading, columns) {
        text.push(Line::from(styled(format!(" {line}"), theme.severity(finding.severity))));
    }
    let hits = match finding.logons.len() {
        0 => "not about a single sign-in".to_owned(),
        count => counted(count, "sign-in"),
    };
    let about =
        format!("{}, {}; {hits}; about {}", finding.severity.name(), finding.confidence.name(), finding.subject);
    for line in fold(&about, columns) {
        text.push(Line::from(styled(format!(" {line}"), theme.dim())));
    }
    if let Some(mark) = model.mark_of_finding(finding) {
        let marked = if mark.marked { "# marked. " } else { "" };
        text.paragraph("", &format!("{marked}{}", mark.note));
    }
    text.blank();
    text.paragraph("", &finding.summary);
    if !finding.evidence.is_empty() {
        text.heading("Because (tab selects, enter opens the message)");
    }
    let pieces = if selected < PIECES { PIECES } else { finding.evidence.len() };
    for (index, evidence) in finding.evidence.iter().enumerate().take(pieces) {
        let file = evidence.file.as_ref().map(|file| format!(" of {file}")).unwrap_or_default();
        let value = if evidence.value.is_empty() { String::new() } else { format!(" = {}", evidence.value) };
        let first = text.lines.len();
        let sign = if index == selected { "> - " } else { "  - " };
        text.paragraph(sign, &format!("packet {}{file}: {}", evidence.packet, evidence.means));
        if index == selected {
            line_of_evidence = first;
            for line in text.lines.iter_mut().skip(first) {
                *line = std::mem::take(line).style(theme.strong());
            }
        }
        for line in fold(&format!("{}{value}", evidence.field), columns.saturating_sub(4)) {
            text.push(Line::from(styled(format!("     {line}"), theme.dim())));
        }
    }
    if finding.evidence.len() > pieces {
        text.paragraph("  ", &format!("and {} more pieces of evidence: tab", finding.evidence.len() - pieces));
    }
    if !finding.fix.is_empty() {
        text.heading("To do");
    }
    for (number, fix) in finding.fix.iter().enumerate() {
        text.paragraph(&format!("  {}. ", number + 1), fix);
    }
    let rule = diagnose::by_code(finding.code);
    if let Some(rule) = rule {
        let sure = match finding.confidence {
            Confidence::Proven => "The packets say it in so many words.",
            Confidence::Likely => "What was seen hardly leaves another cause.",
            Confidence::Possible => "What was seen fits this; other causes fit as well.",
        };
        text.heading("How sure this is, and how it could be wrong");
        text.paragraph("  ", sure);
        for paragraph in rule.page().section("## How we know").split("\n\n") {
            text.paragraph("  ", paragraph);
        }
        if !rule.events.is_empty() {
            text.heading("Windows events to look at");
            text.paragraph("  ", &rule.events.join(", "));
        }
    }
    if !finding.logons.is_empty() {
        text.heading("Who is hit (s lists them all)");
    }
    for logon in finding.logons.iter().filter_map(|id| model.logon(*id)).take(MAX_HIT) {
        let client = if logon.client_name.is_empty() { &logon.client } else { &logon.client_name };
        let who = logon.principal.as_deref().unwrap_or("(nobody named)");
        text.paragraph("  - ", &format!("{} {who} at {client}: {}", clock(&logon.started, 11, 19), logon.outcome));
    }
    if finding.logons.len() > MAX_HIT {
        text.paragraph("  ", &format!("and {} more", finding.logons.len() - MAX_HIT));
    }
    text.blank();
    text.push(Line::from(styled(format!(" More: hellotrace explain {}", finding.code), theme.dim())));
    (text.lines, line_of_evidence)
}

/// Lines, as they come.
struct Text {
    lines: Vec<Line<'static>>,
    columns: usize,
    theme: Theme,
}

impl Text {
    fn push(&mut self, line: Line<'static>) {
        self.lines.push(line);
    }

    fn blank(&mut self) {
        self.lines.push(Line::default());
    }

    fn heading(&mut self, text: &str) {
        self.blank();
        self.push(Line::from(styled(format!(" {text}"), self.theme.heading())));
    }

    /// Text behind a label, its further lines below it.
    fn paragraph(&mut self, label: &str, text: &str) {
        let indent = label.len().max(1);
        for (index, line) in fold(text, (self.columns + 1).saturating_sub(indent)).into_iter().enumerate() {
            let before = if index == 0 && !label.is_empty() { label.to_owned() } else { " ".repeat(indent) };
            self.lines.push(Line::from(raw(format!("{before}{line}"))));
        }
    }
}
