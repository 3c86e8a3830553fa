//! The list of sign-ins, and what is to know about the selected one.

use diagnose::{FindingReport, LogonReport};
use ratatui::text::{Line, Span};

use super::{ABOVE_ROWS, MAX_TEXT, Page, by, clock, duration, method, named, raw, styled, title, window};
use crate::{
    columns::Column,
    mark,
    marks::Mark,
    model::{Group, Model, Reading, Row, View},
    outcome_word,
    snapshot::Snapshot,
    text::{cut, fold, pad, right},
};

/// Rows of the preview, its rule included.
const PREVIEW: usize = 8;
/// Columns of a code with the number of others.
const CODE: usize = 9;
/// Below this height there is no preview.
const MIN_HEIGHT: usize = 16;

/// Rows of the table on so many lines.
pub(super) fn table_rows(model: &Model, rows: usize) -> usize {
    let preview = if rows >= MIN_HEIGHT && !model.list_of(View::Logons).rows.is_empty() { PREVIEW } else { 0 };
    rows.saturating_sub(ABOVE_ROWS + preview)
}

pub(super) fn draw(model: &Model, page: &mut Page<'_>) {
    title::draw(model, page);
    let list = model.list_of(View::Logons);
    let rows = table_rows(model, page.rows());
    let Some(snapshot) = model.shown.as_deref().filter(|_| !list.rows.is_empty()) else {
        page.line(4, Line::from(styled(format!("  {}", nothing(model)), page.theme.dim())));
        return;
    };
    let columns = Columns::of(page.columns(), model, snapshot);
    page.line(2, if list.limits.group.is_some() { group_heading(page) } else { columns.heading(page) });
    let first = window(list.selected, list.rows.len(), rows);
    for (offset, row) in list.rows.iter().skip(first).take(rows).enumerate() {
        let chosen = first + offset == list.selected;
        let line = columns.row(snapshot, *row, chosen, page);
        if chosen {
            page.selected(ABOVE_ROWS + offset, line);
        } else {
            page.line(ABOVE_ROWS + offset, line);
        }
    }
    let used = ABOVE_ROWS + rows;
    if page.rows() > used {
        let (_, below) = page.split(u16::try_from(used).unwrap_or(u16::MAX));
        page.within(below, |page| preview(model, snapshot, page));
    }
}

fn nothing(model: &Model) -> &'static str {
    let all = model.all_rows(View::Logons);
    match (&model.shown, &model.reading) {
        (_, Reading::Failed(_)) if all == 0 => "Nothing could be read.",
        (None, _) => "Reading ...",
        (Some(_), Reading::Going(..) | Reading::Live(..)) if all == 0 => "No sign-in so far.",
        (Some(_), _) if all == 0 => "No sign-in was found, and nothing to report.",
        (Some(_), _) => "Nothing matches; esc takes back the last limit.",
    }
}

/// The columns with their widths; 0 for those that there is no room for.
struct Columns<'m> {
    model: &'m Model,
    widths: Vec<(Column, usize)>,
    with_date: bool,
}

impl<'m> Columns<'m> {
    fn of(width: usize, model: &'m Model, snapshot: &Snapshot) -> Self {
        let capture = &snapshot.report.capture;
        let with_date = capture.first.get(..10) != capture.last.get(..10);
        let columns = model.columns(width);
        let fixed = |column: Column| match column {
            Column::Outcome => 10,
            Column::Client | Column::Dc => 20,
            Column::Method => 12,
            Column::Time if with_date => 15,
            Column::Time | Column::Took => 9,
            Column::User | Column::Finding => 0,
        };
        // Two columns at the left, two for sign and mark.
        let used: usize = columns.iter().map(|column| fixed(*column)).sum::<usize>() + 5;
        let rest = width.saturating_sub(used);
        let has = |column| columns.contains(&column);
        // A name is wanted in full; the finding takes what is left. Where it is narrow, the finding is its code.
        let name = match (has(Column::User), has(Column::Finding)) {
            (false, _) => 0,
            (true, false) => rest,
            (true, true) if width < 60 => rest.saturating_sub(CODE),
            (true, true) => {
                (snapshot.longest_user.max(12) + 2).min(rest / 2 + 2).min(if width < 140 { 30 } else { 40 })
            }
        };
        let widths = columns
            .into_iter()
            .map(|column| match column {
                Column::User => (column, name),
                Column::Finding => (column, rest.saturating_sub(name)),
                other => (other, fixed(other)),
            })
            .collect();
        Self { model, widths, with_date }
    }

    /// The names of the columns: the one that keys go to is lit, the one sorted by has an arrow.
    fn heading(&self, page: &Page<'_>) -> Line<'static> {
        let theme = page.theme;
        let list = self.model.list_of(View::Logons);
        let mut spans = vec![raw("    ")];
        for (column, width) in &self.widths {
            let sorted = if list.sort == *column { if list.reversed { " ^" } else { " v" } } else { "" };
            let (text, style) = if list.column == *column {
                (format!("[{}]{sorted}", column.title()), theme.lit())
            } else {
                (format!("{}{sorted}", column.title()), theme.dim())
            };
            let text = cut(&text, width.saturating_sub(1));
            let gap = width.saturating_sub(crate::text::width(&text));
            spans.push(styled(text, style));
            spans.push(raw(" ".repeat(gap)));
        }
        Line::from(spans)
    }

    fn row(&self, snapshot: &Snapshot, row: Row, selected: bool, page: &Page<'_>) -> Line<'static> {
        let report = &snapshot.report;
        let line = match row {
            Row::Logon(place) => {
                report.logons.get(place).map(|logon| self.logon(snapshot, place, logon, selected, page))
            }
            Row::Finding(index) => report.findings.get(index).map(|finding| self.finding(finding, selected, page)),
            Row::Group(index) => {
                let list = self.model.list_of(View::Logons);
                list.groups.get(index).map(|group| group_line(snapshot, group, selected, page))
            }
            Row::Item(_) => None,
        };
        line.unwrap_or_default()
    }

    fn before(selected: bool, mark: Option<&Mark>) -> Span<'static> {
        let sign = match mark {
            Some(mark) if mark.marked => "#",
            Some(_) => "n",
            None => " ",
        };
        raw(format!("{}{sign}", if selected { ">" } else { " " }))
    }

    fn logon(
        &self,
        snapshot: &Snapshot,
        place: usize,
        logon: &LogonReport,
        selected: bool,
        page: &Page<'_>,
    ) -> Line<'static> {
        let theme = page.theme;
        let finding = snapshot.worst(place);
        let style = finding.map(|finding| theme.severity(finding.severity)).unwrap_or_default();
        let sign = finding.map_or(' ', |finding| mark(finding.severity));
        let mut spans =
            vec![Self::before(selected, self.model.mark_of_logon(logon)), styled(format!("{sign} "), style)];
        let cell = |text: &str, width: usize| column(text, width);
        for (column, width) in &self.widths {
            let width = *width;
            let span = match column {
                Column::Outcome => styled(cell(outcome_word(logon.outcome), width), theme.outcome(logon.outcome)),
                Column::User => raw(cell(logon.principal.as_deref().unwrap_or("(nobody named)"), width)),
                Column::Client => {
                    raw(cell(if logon.client_name.is_empty() { &logon.client } else { &logon.client_name }, width))
                }
                Column::Method => raw(cell(method(logon.method), width)),
                Column::Time => raw(cell(&clock(&logon.started, if self.with_date { 5 } else { 11 }, 19), width)),
                Column::Dc => {
                    let address = logon.kdc.as_deref().unwrap_or_default();
                    raw(cell(if logon.kdc_name.is_empty() { address } else { &logon.kdc_name }, width))
                }
                Column::Took => raw(format!("{} ", right(&duration(logon.lasted), width.saturating_sub(1)))),
                Column::Finding => {
                    let more = logon.findings.len().saturating_sub(1);
                    let more = if more > 0 { format!(" +{more}") } else { String::new() };
                    let text = finding.map(|finding| format!("{}{more} {}", finding.code, finding.title));
                    styled(cell(&text.unwrap_or_default(), width + 1), style)
                }
            };
            spans.push(span);
        }
        Line::from(spans)
    }

    fn finding(&self, finding: &FindingReport, selected: bool, page: &Page<'_>) -> Line<'static> {
        let style = page.theme.severity(finding.severity);
        let mut spans = vec![
            Self::before(selected, self.model.mark_of_finding(finding)),
            styled(format!("{} ", mark(finding.severity)), style),
        ];
        for (name, width) in &self.widths {
            spans.push(match name {
                Column::Outcome => raw(pad("-", *width)),
                Column::User => raw(column(&finding.subject, *width)),
                Column::Finding => styled(cut(&format!("{} {}", finding.code, finding.title), *width), style),
                _ => raw(" ".repeat(*width)),
            });
        }
        Line::from(spans)
    }
}

/// Columns for the counts of a group.
const COUNTS: usize = 11;

fn group_heading(page: &Page<'_>) -> Line<'static> {
    let counts: String = ["failed", "undecided", "succeeded"].iter().map(|name| right(name, COUNTS)).collect();
    Line::from(styled(format!("    {}{counts}  worst finding", pad("group", group_width(page))), page.theme.dim()))
}

fn group_width(page: &Page<'_>) -> usize {
    page.columns().saturating_sub(4 + 3 * COUNTS).min(40).saturating_sub(4)
}

fn group_line(snapshot: &Snapshot, group: &Group, selected: bool, page: &Page<'_>) -> Line<'static> {
    let theme = page.theme;
    let worst = group.worst.and_then(|index| snapshot.report.findings.get(index));
    let style = worst.map(|finding| theme.severity(finding.severity)).unwrap_or_default();
    let name = match diagnose::by_code(&group.value) {
        Some(rule) => format!("{} {}", rule.code, rule.title),
        None if group.value.is_empty() => "-".to_owned(),
        None => group.value.replace('T', if group.value.len() == 16 { " " } else { "T" }),
    };
    let width = group_width(page);
    let [failed, undecided, succeeded] = group.outcomes;
    let count = |count: usize, style| {
        let text = if count == 0 { String::new() } else { count.to_string() };
        styled(right(&text, COUNTS), style)
    };
    let text = worst.map(|finding| format!("  {} {}", finding.code, finding.title)).unwrap_or_default();
    Line::from(vec![
        raw(if selected { ">   " } else { "    " }),
        raw(column(&name, width)),
        count(failed, theme.outcome("failed")),
        count(undecided, theme.outcome("undecided")),
        count(succeeded, theme.outcome("succeeded")),
        styled(cut(&text, page.columns().saturating_sub(4 + width + 3 * COUNTS)), style),
    ])
}

/// Text in a column, with a blank behind it.
fn column(text: &str, width: usize) -> String {
    pad(&cut(text, width.saturating_sub(1)), width)
}

/// The selected row in a few lines: enough to know what is wrong without opening it.
fn preview(model: &Model, snapshot: &Snapshot, page: &mut Page<'_>) {
    let theme = page.theme;
    let columns = page.columns().saturating_sub(2).min(MAX_TEXT);
    let Some(row) = model.selected_row() else { return };
    let mut lines: Vec<Line<'static>> = Vec::new();
    let finding = match row {
        Row::Logon(index) => {
            let Some(logon) = model.logons().get(index) else { return };
            page.rule(0, &format!("sign-in {}, {}", logon.id, by(logon.method)), false);
            let kdc = logon.kdc.as_ref().map(|kdc| format!(" -> {}", named(&logon.kdc_name, kdc))).unwrap_or_default();
            let text = format!(
                "{}{kdc}, {}: {}",
                named(&logon.client_name, &logon.client),
                duration(logon.lasted),
                logon.reached
            );
            lines.extend(fold(&text, columns).into_iter().map(|line| Line::from(format!(" {line}"))));
            if let Some(mark) = model.mark_of_logon(logon).filter(|mark| !mark.note.is_empty()) {
                lines.push(Line::from(styled(cut(&format!(" note: {}", mark.note), columns), theme.strong())));
            }
            snapshot.worst(index)
        }
        Row::Finding(index) => {
            page.rule(0, "not about a single sign-in", false);
            model.findings().get(index)
        }
        Row::Group(index) => {
            page.rule(0, "a group: enter shows its sign-ins", false);
            model.list().groups.get(index).and_then(|group| group.worst).and_then(|index| model.findings().get(index))
        }
        Row::Item(_) => None,
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
