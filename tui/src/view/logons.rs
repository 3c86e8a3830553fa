//! The list of sign-ins, worst first, and what is to know about the selected one.

use std::collections::BTreeMap;

use diagnose::{FindingReport, LogonReport};
use ratatui::text::Line;

use super::{MAX_TEXT, Page, both_ends, by, clock, counted, duration, method, named, raw, styled, window};
use crate::{
    mark,
    model::{Model, Reading, Row},
    outcome_word,
    text::{cut, fold, pad},
};

/// Rows of the preview, its rule included.
const PREVIEW: usize = 8;
/// Columns of a code with the number of others.
const CODE: usize = 9;
/// Below this height there is no preview.
const MIN_HEIGHT: usize = 16;

pub(super) fn draw(model: &Model, page: &mut Page<'_>) {
    title(model, page);
    let preview = if page.rows() >= MIN_HEIGHT && !model.rows.is_empty() { PREVIEW } else { 0 };
    let table = page.rows().saturating_sub(2 + preview);
    let columns = Columns::of(page.columns(), model);
    page.line(2, Line::from(styled(columns.heading(), page.theme.dim())));
    let rows = table.saturating_sub(1);
    let first = window(model.selected, model.rows.len(), rows);
    for (offset, row) in model.rows.iter().skip(first).take(rows).enumerate() {
        let line = columns.row(model, *row, first + offset == model.selected, page);
        if first + offset == model.selected {
            page.selected(3 + offset, line);
        } else {
            page.line(3 + offset, line);
        }
    }
    if model.rows.is_empty() {
        page.line(4, Line::from(styled(format!("  {}", nothing(model)), page.theme.dim())));
    }
    if preview > 0 {
        let (_, below) = page.split(u16::try_from(page.rows() - preview).unwrap_or(u16::MAX));
        page.within(below, |page| self::preview(model, page));
    }
}

fn nothing(model: &Model) -> &'static str {
    match (&model.report, &model.reading) {
        (_, Reading::Failed(_)) if model.all_rows() == 0 => "Nothing could be read.",
        (None, _) => "Reading ...",
        (Some(_), Reading::Going(..) | Reading::Live(..)) if model.all_rows() == 0 => "No sign-in so far.",
        (Some(_), _) if model.all_rows() == 0 => "No sign-in was found, and nothing to report.",
        (Some(_), _) => "Nothing matches; esc shows everything again.",
    }
}

/// Two lines: what was read, and what of it is shown.
fn title(model: &Model, page: &mut Page<'_>) {
    let theme = page.theme;
    let columns = page.columns().saturating_sub(2);
    let Some(report) = model.report.as_deref() else {
        page.line(0, Line::from(styled(" hellotrace", theme.heading())));
        return;
    };
    let capture = &report.capture;
    let inputs = match capture.inputs.as_slice() {
        [one] => one.clone(),
        many => format!("{} captures", many.len()),
    };
    let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
    for logon in &report.logons {
        *outcomes.entry(logon.outcome).or_default() += 1;
    }
    let counts: Vec<String> = ["failed", "undecided", "succeeded"]
        .iter()
        .filter_map(|outcome| outcomes.get(outcome).map(|count| format!("{count} {outcome}")))
        .collect();
    let (left, right) = both_ends(&inputs, &counts.join(", "), columns);
    page.line(0, Line::from(vec![raw(" "), styled(left, theme.heading()), styled(right, theme.strong())]));

    let span = if capture.first.is_empty() {
        String::new()
    } else {
        let same_day = capture.first.get(..10) == capture.last.get(..10);
        let to = clock(&capture.last, if same_day { 11 } else { 0 }, 19);
        format!(", {} to {to} UTC", clock(&capture.first, 0, 19))
    };
    let packets = counted(usize::try_from(capture.packets).unwrap_or(usize::MAX), "packet");
    let limits: Vec<&str> = [
        model.limits.failures_only.then_some("failures only"),
        (!model.limits.filter.is_empty()).then_some(model.limits.filter.as_str()),
    ]
    .into_iter()
    .flatten()
    .collect();
    let shown = if limits.is_empty() {
        String::new()
    } else {
        format!("{}: {} of {}", limits.join(", "), model.rows.len(), model.all_rows())
    };
    if let Reading::Failed(why) = &model.reading {
        page.line(1, Line::from(styled(format!(" {}", cut(why, columns)), theme.outcome("failed"))));
        return;
    }
    let (left, right) = both_ends(&format!("{packets}{span}"), &cut(&shown, columns / 2), columns);
    page.line(1, Line::from(vec![raw(" "), styled(left, theme.dim()), styled(right, theme.strong())]));
}

/// The widths of the table's columns; 0 for those that there is no room for.
struct Columns {
    outcome: usize,
    who: usize,
    method: usize,
    time: usize,
    kdc: usize,
    finding: usize,
    with_date: bool,
}

impl Columns {
    fn of(width: usize, model: &Model) -> Self {
        let with_date = model
            .report
            .as_deref()
            .is_some_and(|report| report.capture.first.get(..10) != report.capture.last.get(..10));
        let outcome = 10;
        let time = if width < 60 {
            0
        } else if with_date {
            15
        } else {
            9
        };
        let method = if width < 100 { 0 } else { 12 };
        let kdc = if width < 110 { 0 } else { 20 };
        // Two columns at the left, and a blank between columns is in their widths.
        let rest = width.saturating_sub(5 + outcome + time + method + kdc);
        // A name is wanted in full; the finding takes what is left.
        let longest =
            model.logons().iter().filter_map(|logon| logon.principal.as_deref()).map(crate::text::width).max();
        // Where it is narrow, the finding is its code.
        let who = if width < 60 {
            rest.saturating_sub(CODE)
        } else {
            (longest.unwrap_or(0).max(12) + 2).min(rest / 2 + 2).min(if width < 140 { 30 } else { 40 })
        };
        let finding = rest.saturating_sub(who);
        Self { outcome, who, method, time, kdc, finding, with_date }
    }

    fn heading(&self) -> String {
        let mut heading = format!("    {}{}", pad("outcome", self.outcome), pad("who", self.who));
        for (name, width) in [("by", self.method), ("at", self.time), ("where", self.kdc), ("finding", self.finding)] {
            heading.push_str(&pad(name, width));
        }
        heading
    }

    fn row(&self, model: &Model, row: Row, selected: bool, page: &Page<'_>) -> Line<'static> {
        match row {
            Row::Logon(index) => {
                model.logons().get(index).map(|logon| self.logon(model, logon, selected, page)).unwrap_or_default()
            }
            Row::Finding(index) => {
                model.findings().get(index).map(|finding| self.finding(finding, selected, page)).unwrap_or_default()
            }
        }
    }

    fn logon(&self, model: &Model, logon: &LogonReport, selected: bool, page: &Page<'_>) -> Line<'static> {
        let theme = page.theme;
        let finding = model.worst_of(logon.id);
        let sign = finding.map_or(' ', |finding| mark(finding.severity));
        let style = finding.map(|finding| theme.severity(finding.severity)).unwrap_or_default();
        let who = logon.principal.as_deref().unwrap_or("(nobody named)");
        let time = clock(&logon.started, if self.with_date { 5 } else { 11 }, 19);
        let kdc =
            if logon.kdc_name.is_empty() { logon.kdc.clone().unwrap_or_default() } else { logon.kdc_name.clone() };
        let more = logon.findings.len().saturating_sub(1);
        let more = if more > 0 { format!(" +{more}") } else { String::new() };
        let finding = finding.map(|finding| format!("{}{more} {}", finding.code, finding.title)).unwrap_or_default();
        Line::from(vec![
            raw(if selected { "> " } else { "  " }),
            styled(format!("{sign} "), style),
            styled(pad(outcome_word(logon.outcome), self.outcome), theme.outcome(logon.outcome)),
            raw(column(who, self.who)),
            raw(column(method(logon.method), self.method)),
            raw(column(&time, self.time)),
            raw(column(&kdc, self.kdc)),
            styled(cut(&finding, self.finding), style),
        ])
    }

    fn finding(&self, finding: &FindingReport, selected: bool, page: &Page<'_>) -> Line<'static> {
        let style = page.theme.severity(finding.severity);
        Line::from(vec![
            raw(if selected { "> " } else { "  " }),
            styled(format!("{} ", mark(finding.severity)), style),
            raw(pad("-", self.outcome)),
            raw(column(&finding.subject, self.who)),
            raw(" ".repeat(self.method + self.time + self.kdc)),
            styled(cut(&format!("{} {}", finding.code, finding.title), self.finding), style),
        ])
    }
}

/// Text in a column, with a blank behind it.
fn column(text: &str, width: usize) -> String {
    pad(&cut(text, width.saturating_sub(1)), width)
}

/// The selected row in a few lines: enough to know what is wrong without opening it.
fn preview(model: &Model, page: &mut Page<'_>) {
    let theme = page.theme;
    let columns = page.columns().saturating_sub(2).min(MAX_TEXT);
    let Some(row) = model.rows.get(model.selected) else { return };
    let mut lines: Vec<Line<'static>> = Vec::new();
    let finding = match row {
        Row::Logon(index) => {
            let Some(logon) = model.logons().get(*index) else { return };
            page.rule(0, &format!("sign-in {}, {}", logon.id, by(logon.method)), false);
            let kdc = logon.kdc.as_ref().map(|kdc| format!(" -> {}", named(&logon.kdc_name, kdc))).unwrap_or_default();
            let text = format!(
                "{}{kdc}, {}: {}",
                named(&logon.client_name, &logon.client),
                duration(logon.lasted),
                logon.reached
            );
            lines.extend(fold(&text, columns).into_iter().map(|line| Line::from(format!(" {line}"))));
            model.worst_of(logon.id)
        }
        Row::Finding(index) => {
            page.rule(0, "not about a single sign-in", false);
            model.findings().get(*index)
        }
    };
    if let Some(finding) = finding {
        let heading = format!(
            "{} {} {}, {}: {}",
            mark(finding.severity),
            finding.code,
            finding.severity.name(),
            finding.confidence.name(),
            finding.summary
        );
        let style = theme.severity(finding.severity);
        lines.extend(fold(&heading, columns).into_iter().map(|line| Line::from(styled(format!(" {line}"), style))));
        if let Some(fix) = finding.fix.first() {
            let mut first = fold(&format!("To do first: {fix}"), columns);
            let room = page.rows().saturating_sub(1 + lines.len()).max(1);
            // What is left out is one key away, and it shows that something is.
            if first.len() > room {
                first.truncate(room);
                if let Some(last) = first.last_mut() {
                    *last = cut(&format!("{last} ..."), columns);
                }
            }
            lines.extend(first.into_iter().map(|line| Line::from(format!(" {line}"))));
        }
    } else {
        lines.push(Line::from(styled(" Nothing found about it.", theme.dim())));
    }
    for (row, line) in lines.into_iter().enumerate() {
        page.line(row + 1, line);
    }
}
