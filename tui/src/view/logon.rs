//! A sign-in: its steps as a sequence between client, DNS and domain controllers, and its findings.

use diagnose::{FindingReport, LogonReport};
use ratatui::text::Line;

use super::{
    MAX_TEXT, Page, both_ends, by, clock, duration, named, raw,
    sequence::{Lanes, NARROW, drawn},
    styled, window,
};
use crate::{
    mark,
    model::{Model, Pane, Row, sequence},
    outcome_word,
    text::{cut, fold, width},
};

/// Rows below which only the pane that keys go to is shown.
const MIN_BOTH: usize = 11;
/// Lines of the selected finding's summary.
const SUMMARY: usize = 3;
/// Lines of the selected step's summary, and the rows of the pane that make room for it.
const WHOLE: usize = 2;
const MIN_FOR_WHOLE: usize = 9;
pub(super) fn draw(model: &Model, id: u64, focus: Pane, selected: (usize, usize), page: &mut Page<'_>) {
    let Some(logon) = model.logon(id) else { return };
    let above = title(model, logon, page);
    let findings = model.findings_of(id);
    let (_, body) = page.split(u16::try_from(above).unwrap_or(u16::MAX));
    let rows = usize::from(body.height);
    let (selected_step, selected_finding) = selected;
    page.within(body, |page| {
        if rows < MIN_BOTH {
            match focus {
                Pane::Steps => steps(model, logon, true, selected_step, page),
                Pane::Findings => self::findings(&findings, true, selected_finding, page),
            }
            return;
        }
        let wanted = 1 + findings.len().clamp(1, 6) + if findings.is_empty() { 0 } else { SUMMARY + 1 };
        let below = wanted.min(rows / 2);
        let (upper, lower) = page.split(u16::try_from(rows - below).unwrap_or(u16::MAX));
        page.within(upper, |page| steps(model, logon, focus == Pane::Steps, selected_step, page));
        page.within(lower, |page| self::findings(&findings, focus == Pane::Findings, selected_finding, page));
    });
}

/// Who, between whom, when. Returns how many rows it took.
fn title(model: &Model, logon: &LogonReport, page: &mut Page<'_>) -> usize {
    let theme = page.theme;
    let columns = page.columns().saturating_sub(2);
    let list = model.list();
    let is_logon = |row: &&Row| matches!(row, Row::Logon(_));
    let logons = list.rows.iter().filter(is_logon).count();
    let place = list.rows.iter().take(list.selected + 1).filter(is_logon).count();
    let row = if logons > 0 { format!(", row {place} of {logons}") } else { String::new() };
    let who = logon.principal.as_deref().unwrap_or("(nobody named)");
    let outcome = outcome_word(logon.outcome);
    let (left, right) = both_ends(
        &format!("{who} {}", by(logon.method)),
        &format!("sign-in {}{row}", logon.id),
        columns.saturating_sub(width(outcome) + 1),
    );
    page.line(
        0,
        Line::from(vec![
            raw(" "),
            styled(format!("{outcome} "), theme.outcome(logon.outcome)),
            styled(left, theme.strong()),
            styled(right, theme.dim()),
        ]),
    );
    if page.rows() < MIN_BOTH {
        return 1;
    }
    let kdc = logon.kdc.as_ref().map(|kdc| format!(" -> {}", named(&logon.kdc_name, kdc))).unwrap_or_default();
    let between = format!("{}{kdc}", named(&logon.client_name, &logon.client));
    page.line(1, Line::from(format!(" {}", cut(&between, columns))));
    let when = format!("{} UTC, {}: {}", clock(&logon.started, 0, 23), duration(logon.lasted), logon.reached);
    page.line(2, Line::from(styled(format!(" {}", cut(&when, columns)), theme.dim())));
    3
}

fn steps(model: &Model, logon: &LogonReport, focused: bool, selected: usize, page: &mut Page<'_>) {
    let theme = page.theme;
    let steps = sequence(logon);
    let beyond = if logon.exchanges_beyond > 0 {
        format!(", {} more exchanges not kept", logon.exchanges_beyond)
    } else {
        String::new()
    };
    page.rule(0, &format!("steps ({}){beyond}", steps.len()), focused);
    let lanes = Lanes::of(model, logon, &steps, page.columns());
    page.line(1, Line::from(styled(lanes.heading(), theme.dim())));
    let selected = selected.min(steps.len().saturating_sub(1));
    let mut rows = page.rows().saturating_sub(2);
    // The selected step in full, where its line is too short for it.
    if focused
        && rows >= MIN_FOR_WHOLE
        && let Some(step) = steps.get(selected)
    {
        rows -= WHOLE + 1;
        let whole = fold(&step.summary, page.columns().saturating_sub(5).min(MAX_TEXT));
        for (offset, line) in whole.into_iter().take(WHOLE).enumerate() {
            page.line(
                3 + rows.min(drawn(&steps, logon).len()) + offset,
                Line::from(styled(format!("    {line}"), theme.dim())),
            );
        }
    }
    // What should have followed and did not is drawn below what it should have answered.
    let drawn = drawn(&steps, logon);
    let at = drawn.iter().position(|line| line.step == selected && !line.missing).unwrap_or(0);
    let first = window(at, drawn.len(), rows);
    for (offset, line) in drawn.iter().skip(first).take(rows).enumerate() {
        let Some(step) = steps.get(line.step) else { continue };
        if line.missing {
            page.line(2 + offset, lanes.missing(step, theme, page.columns()));
            continue;
        }
        let chosen = focused && line.step == selected;
        let before = line.step.checked_sub(1).and_then(|before| steps.get(before));
        let text = lanes.step(logon, step, before.copied(), line.note, chosen, theme, page.columns());
        if chosen {
            page.selected(2 + offset, text);
        } else {
            page.line(2 + offset, text);
        }
    }
}

fn findings(findings: &[&FindingReport], focused: bool, selected: usize, page: &mut Page<'_>) {
    let theme = page.theme;
    page.rule(0, &format!("findings ({})", findings.len()), focused);
    if findings.is_empty() {
        page.line(1, Line::from(styled("  Nothing found about this sign-in.", theme.dim())));
        return;
    }
    let summary = if page.rows() > 2 + SUMMARY { SUMMARY } else { 0 };
    let rows = page.rows().saturating_sub(1 + summary);
    let selected = selected.min(findings.len() - 1);
    let first = window(selected, findings.len(), rows);
    let mut next = 1;
    for (offset, finding) in findings.iter().skip(first).take(rows).enumerate() {
        let chosen = focused && first + offset == selected;
        let columns = page.columns().saturating_sub(12);
        let certainty = if page.columns() < NARROW {
            String::new()
        } else {
            format!("{}, {}: ", finding.severity.name(), finding.confidence.name())
        };
        let style = theme.severity(finding.severity);
        let line = Line::from(vec![
            raw(if chosen { "> " } else { "  " }),
            styled(format!("{} {} ", mark(finding.severity), finding.code), style),
            styled(cut(&format!("{certainty}{}", finding.title), columns), style),
        ]);
        if chosen {
            page.selected(1 + offset, line);
        } else {
            page.line(1 + offset, line);
        }
        next = 2 + offset;
    }
    if summary > 0
        && let Some(finding) = findings.get(selected)
    {
        let columns = page.columns().saturating_sub(5).min(MAX_TEXT);
        for (offset, line) in fold(&finding.summary, columns).into_iter().enumerate() {
            page.line(next + offset, Line::from(format!("    {line}")));
        }
    }
}
