//! A step in full: who said what to whom, what was found in it, and the fields of the message.

use diagnose::LogonReport;
use ratatui::text::Line;

use super::{MAX_TEXT, clock, raw, styled};
use crate::{
    Theme, fields, mark,
    model::{Model, sequence},
    text::{fold, pad},
};

/// Columns for the names of fields.
const NAMES: usize = 26;

pub(super) fn lines(
    model: &Model,
    logon: &LogonReport,
    index: usize,
    theme: Theme,
    columns: usize,
) -> Vec<Line<'static>> {
    let columns = columns.saturating_sub(2).min(MAX_TEXT);
    let steps = sequence(logon);
    let Some(step) = steps.get(index) else { return Vec::new() };
    let mut lines = Vec::new();
    let file = step.file.as_ref().map(|file| format!(" of {file}")).unwrap_or_default();
    let heading = format!("{} in packet {}{file}", step.kind, step.packet);
    let place = format!("step {} of {}", index + 1, steps.len());
    let (left, right) = super::both_ends(&heading, &place, columns);
    lines.push(Line::from(vec![raw(" "), styled(left, theme.heading()), styled(right, theme.dim())]));
    let between = step
        .between
        .map(|(from, to)| format!(", {} -> {}", model.name_of(from), model.name_of(to)))
        .unwrap_or_default();
    for line in fold(&format!("{} UTC{between}", clock(&step.at.to_string(), 0, 26)), columns) {
        lines.push(Line::from(styled(format!(" {line}"), theme.dim())));
    }
    lines.push(Line::default());
    for line in fold(&step.summary, columns) {
        lines.push(Line::from(format!(" {line}")));
    }
    let mut shown = false;
    for finding in model.findings_of(logon.id) {
        let here = finding.evidence.iter().filter(|it| it.packet == step.packet && it.file == step.file);
        for evidence in here {
            if !shown {
                lines.push(Line::default());
                lines.push(Line::from(styled(" Shows", theme.heading())));
                shown = true;
            }
            let text = format!("{} {}: {}", mark(finding.severity), finding.code, evidence.means);
            for line in fold(&text, columns.saturating_sub(1)) {
                lines.push(Line::from(styled(format!("  {line}"), theme.severity(finding.severity))));
            }
        }
    }
    lines.push(Line::default());
    if let Some(event) = &step.event {
        lines.push(Line::from(styled(" Message", theme.heading())));
        let names = NAMES.min(columns / 2);
        for field in fields::fields(event) {
            let name = format!("{}{}", "  ".repeat(field.depth), field.name);
            let values = fold(&field.value, columns.saturating_sub(names + 2));
            for (number, value) in values.into_iter().enumerate() {
                let name = if number == 0 { pad(&name, names) } else { " ".repeat(names) };
                lines.push(Line::from(vec![styled(format!("  {name} "), theme.dim()), raw(value)]));
            }
        }
    } else {
        lines.push(Line::from(styled(" hellotrace events prints this message in full", theme.dim())));
    }
    lines
}
