//! A finding in full: what, why, and what to do.

use diagnose::FindingReport;
use ratatui::text::Line;

use super::{MAX_TEXT, counted, raw, styled};
use crate::{Theme, mark, text::fold};

pub(super) fn lines(finding: &FindingReport, theme: Theme, columns: usize) -> Vec<Line<'static>> {
    let columns = columns.saturating_sub(2).min(MAX_TEXT);
    let mut text = Text { lines: Vec::new(), columns };
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
    text.blank();
    text.paragraph("", &finding.summary);
    if !finding.evidence.is_empty() {
        text.blank();
        text.push(Line::from(styled(" Because", theme.heading())));
    }
    for evidence in &finding.evidence {
        let file = evidence.file.as_ref().map(|file| format!(" of {file}")).unwrap_or_default();
        let value = if evidence.value.is_empty() { String::new() } else { format!(" = {}", evidence.value) };
        text.paragraph("  - ", &format!("packet {}{file}: {}", evidence.packet, evidence.means));
        for line in fold(&format!("{}{value}", evidence.field), columns.saturating_sub(4)) {
            text.push(Line::from(styled(format!("     {line}"), theme.dim())));
        }
    }
    if !finding.fix.is_empty() {
        text.blank();
        text.push(Line::from(styled(" To do", theme.heading())));
    }
    for (number, fix) in finding.fix.iter().enumerate() {
        text.paragraph(&format!("  {}. ", number + 1), fix);
    }
    text.blank();
    text.push(Line::from(styled(format!(" More: hellotrace explain {}", finding.code), theme.dim())));
    text.lines
}

/// Lines, as they come.
struct Text {
    lines: Vec<Line<'static>>,
    columns: usize,
}

impl Text {
    fn push(&mut self, line: Line<'static>) {
        self.lines.push(line);
    }

    fn blank(&mut self) {
        self.lines.push(Line::default());
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
