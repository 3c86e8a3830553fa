//! What is wrong, worst first, and how things are: sign-ins over time, domain controllers, the deployment, the capture.

use diagnose::FindingReport;
use ratatui::text::Line;

use super::{ABOVE_ROWS, Page, counted, raw, styled, table, title, window};
use crate::{
    mark,
    model::{Model, Reading, Row, View},
    snapshot::{HITS, PARTS, Snapshot},
    tables,
    text::{cut, pad, right, width},
};

/// From this width on, findings and the rest stand side by side.
const SIDE_BY_SIDE: usize = 150;
/// Domain controllers shown; all are one key away.
const DOMAIN_CONTROLLERS: usize = 6;
/// Below this height there are findings only.
const MIN_HEIGHT: usize = 14;

pub(super) fn draw(model: &Model, page: &mut Page<'_>) {
    title::draw(model, page);
    let Some(snapshot) = model.shown.as_deref() else {
        page.line(ABOVE_ROWS, Line::from(styled("  Reading ...", page.theme.dim())));
        return;
    };
    let rows = finding_rows(model, page.columns(), page.rows());
    let left = if page.columns() >= SIDE_BY_SIDE { page.columns() * 11 / 20 } else { page.columns() };
    let area = page.area;
    let left_area = ratatui::layout::Rect { width: u16::try_from(left).unwrap_or(area.width), ..area };
    page.within(left_area, |page| findings(model, snapshot, rows, page));
    let below = if left < page.columns() {
        ratatui::layout::Rect {
            x: area.x.saturating_add(left_area.width),
            y: area.y.saturating_add(2),
            width: area.width.saturating_sub(left_area.width),
            height: area.height.saturating_sub(2),
        }
    } else {
        page.split(u16::try_from(ABOVE_ROWS + rows).unwrap_or(u16::MAX)).1
    };
    page.within(below, |page| state(model, snapshot, page));
}

/// Rows for findings.
pub(super) fn finding_rows(model: &Model, columns: usize, rows: usize) -> usize {
    let room = rows.saturating_sub(ABOVE_ROWS);
    if columns >= SIDE_BY_SIDE || rows < MIN_HEIGHT {
        return room;
    }
    // What there is of the rest, and at least a third for what is wrong.
    let rest =
        model.shown.as_deref().map_or(0, |snapshot| 4 + domain_controllers(snapshot) + checklist(snapshot, columns));
    room.saturating_sub(rest).max(room / 3).min(model.list_of(View::Overview).rows.len().max(3))
}

/// Lines of the domain controllers, with rule and heading.
fn domain_controllers(snapshot: &Snapshot) -> usize {
    2 + snapshot.report.domain_controllers.len().clamp(1, DOMAIN_CONTROLLERS)
}

/// Lines of the checklist, with its rule.
fn checklist(snapshot: &Snapshot, columns: usize) -> usize {
    let items = snapshot.report.checklist.len();
    1 + if columns >= 76 { items.div_ceil(2) } else { items }
}

fn findings(model: &Model, snapshot: &Snapshot, rows: usize, page: &mut Page<'_>) {
    let theme = page.theme;
    let list = model.list_of(View::Overview);
    let trend = if page.columns() >= 70 { HITS + 1 } else { 0 };
    let heading = format!("    {}{}{}{}", pad("code", 8), right("sign-ins", 8), " ".repeat(2), pad("trend", trend));
    page.line(2, Line::from(styled(format!("{heading}what is wrong"), theme.dim())));
    let first = window(list.selected, list.rows.len(), rows);
    for (offset, row) in list.rows.iter().skip(first).take(rows).enumerate() {
        let Row::Finding(index) = row else { continue };
        let Some(finding) = snapshot.report.findings.get(*index) else { continue };
        let chosen = first + offset == list.selected;
        let line = finding_line(model, snapshot, (*index, finding), chosen, trend, page);
        if chosen {
            page.selected(ABOVE_ROWS + offset, line);
        } else {
            page.line(ABOVE_ROWS + offset, line);
        }
    }
    if list.rows.is_empty() {
        let text = match model.reading {
            _ if !snapshot.report.findings.is_empty() => "Nothing matches; esc shows everything again.",
            Reading::Going(..) | Reading::Live(..) => "Nothing is wrong so far.",
            _ if snapshot.report.logons.is_empty() => "No sign-in was found, and nothing to report.",
            _ => "Nothing is wrong with what was seen.",
        };
        page.line(ABOVE_ROWS, Line::from(styled(format!("    {text}"), theme.good())));
    }
}

fn finding_line(
    model: &Model,
    snapshot: &Snapshot,
    (index, finding): (usize, &FindingReport),
    chosen: bool,
    trend: usize,
    page: &Page<'_>,
) -> Line<'static> {
    let theme = page.theme;
    let style = theme.severity(finding.severity);
    let hits = if finding.logons.is_empty() { "-".to_owned() } else { finding.logons.len().to_string() };
    let bars = match snapshot.hits.get(index) {
        Some(hits) if trend > 0 => pad(&bars(hits, theme.lines.bars), trend),
        _ => String::new(),
    };
    let marked = model.mark_of_finding(finding).map_or(" ", |mark| if mark.marked { "#" } else { "n" });
    let used = 22 + trend;
    let text = format!("{}: {}", finding.title, finding.subject);
    Line::from(vec![
        raw(if chosen { ">" } else { " " }),
        raw(marked),
        styled(format!("{} {}", mark(finding.severity), pad(finding.code, 8)), style),
        raw(format!("{}  ", right(&hits, 8))),
        styled(bars, theme.dim()),
        styled(cut(&text, page.columns().saturating_sub(used)), style),
    ])
}

/// Counts as bars, each as high as its share of the most.
pub(super) fn bars(counts: &[u32], bars: [&'static str; 9]) -> String {
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    counts
        .iter()
        .map(|count| {
            // What is not nothing is seen.
            let height = (u64::from(*count) * 8).div_ceil(u64::from(most));
            bars.get(usize::try_from(height).unwrap_or(0)).copied().unwrap_or(" ")
        })
        .collect()
}

fn state(model: &Model, snapshot: &Snapshot, page: &mut Page<'_>) {
    let mut row = 0;
    chart(snapshot, &mut row, page);
    let dcs = snapshot.report.domain_controllers.len();
    let left = page.rows().saturating_sub(row);
    if left > 3 {
        let more = if dcs > DOMAIN_CONTROLLERS { format!(", worst of {dcs}: 3 shows all") } else { String::new() };
        page.rule(row, &format!("domain controllers{more}"), false);
        let lines = domain_controllers(snapshot) - 1;
        let (_, below) = page.split(u16::try_from(row + 1).unwrap_or(u16::MAX));
        page.within(below, |page| {
            if dcs == 0 {
                page.line(0, Line::from(styled("  none was seen", page.theme.dim())));
            } else {
                table::part(&tables::table(View::DomainControllers, snapshot), DOMAIN_CONTROLLERS.min(dcs), page);
            }
        });
        row += 1 + lines;
    }
    items(snapshot, &mut row, page);
    let last = page.rows().saturating_sub(1);
    if row <= last {
        page.line(last, capture(model, snapshot, page));
    }
}

/// Sign-ins over time, those that failed above the others.
fn chart(snapshot: &Snapshot, row: &mut usize, page: &mut Page<'_>) {
    let theme = page.theme;
    let columns = page.columns().saturating_sub(14).min(PARTS);
    if page.rows() < 4 || columns == 0 {
        return;
    }
    page.rule(*row, "sign-ins over time", false);
    let sum = |column: usize, outcomes: &[usize]| -> u32 {
        let (from, to) = (column * PARTS / columns, (column + 1) * PARTS / columns);
        let parts = snapshot.timeline.get(from..to.max(from + 1)).unwrap_or_default();
        parts.iter().flat_map(|part| outcomes.iter().filter_map(|outcome| part.get(*outcome))).sum()
    };
    for (offset, name, outcomes, style) in
        [(1, "failed", &[0][..], theme.outcome("failed")), (2, "others", &[1, 2], theme.good())]
    {
        let counts: Vec<u32> = (0..columns).map(|column| sum(column, outcomes)).collect();
        let most = counts.iter().max().copied().unwrap_or(0);
        let label = format!(" {}{} ", pad(name, 7), right(&short(most), 4));
        page.line(
            *row + offset,
            Line::from(vec![styled(label, theme.dim()), styled(bars(&counts, theme.lines.bars), style)]),
        );
    }
    *row += 3;
}

fn short(count: u32) -> String {
    match count {
        0..10_000 => count.to_string(),
        10_000..10_000_000 => format!("{}k", count / 1000),
        _ => format!("{}M", count / 1_000_000),
    }
}

/// What the deployment needs, and whether it was seen to work.
fn items(snapshot: &Snapshot, row: &mut usize, page: &mut Page<'_>) {
    let theme = page.theme;
    let items = &snapshot.report.checklist;
    let room = page.rows().saturating_sub(*row + 2);
    if room == 0 || items.is_empty() {
        return;
    }
    page.rule(*row, "what a deployment needs", false);
    let abreast = if page.columns() >= 76 { 2 } else { 1 };
    let column = page.columns().saturating_sub(2) / abreast;
    for (offset, pair) in items.chunks(abreast).take(room).enumerate() {
        let mut spans = vec![raw(" ")];
        for item in pair {
            let (word, style) = match item.state {
                "working" => ("ok  ", theme.good()),
                "failing" => ("FAIL", theme.outcome("failed")),
                _ => ("?   ", theme.dim()),
            };
            let codes = if item.findings.is_empty() { String::new() } else { format!(" {}", item.findings.join(" ")) };
            spans.push(styled(format!("{word} "), style));
            let text = cut(&format!("{}{codes}", item.item), column.saturating_sub(6));
            spans.push(styled(
                pad(&text, column.saturating_sub(5)),
                if item.state == "not_seen" { theme.dim() } else { style },
            ));
        }
        page.line(*row + 1 + offset, Line::from(spans));
    }
    *row += 1 + items.len().div_ceil(abreast).min(room);
}

/// How good the capture is.
fn capture(model: &Model, snapshot: &Snapshot, page: &Page<'_>) -> Line<'static> {
    let capture = &snapshot.report.capture;
    let gaps: u64 = capture.gaps.iter().filter(|(what, _)| !what.ends_with("encrypted")).map(|(_, count)| count).sum();
    let count = |count: u64, noun: &str| counted(usize::try_from(count).unwrap_or(usize::MAX), noun);
    let mut parts = vec![count(capture.packets, "packet"), format!("{} dropped", capture.losses), count(gaps, "gap")];
    if capture.cut_packets > 0 {
        parts.push(format!("{} cut short", capture.cut_packets));
    }
    if capture.damage > 0 {
        parts.push(count(capture.damage, "damaged place"));
    }
    let shed: u64 = capture.shed.values().map(|shed| shed.packets).sum();
    if shed > 0 {
        parts.push(format!("{shed} not decoded"));
    }
    if capture.one_sided {
        parts.push("one direction only".to_owned());
    }
    if let Reading::Live(packets, dropped) = model.reading {
        parts.push(format!("device: {packets} packets, {dropped} dropped"));
    }
    let doubtful = capture.losses > 0 || shed > 0 || capture.one_sided || capture.damage > 0;
    let style = if doubtful { page.theme.doubtful() } else { page.theme.dim() };
    if let Some(memory) = model.memory {
        parts.push(format!("{} MB of memory", memory.div_ceil(1 << 20)));
    }
    let text = format!(" capture: {}; 6 says what could not be seen", parts.join(", "));
    let text = if width(&text) > page.columns() { format!(" capture: {}", parts.join(", ")) } else { text };
    Line::from(styled(cut(&text, page.columns()), style))
}

#[cfg(test)]
mod tests {
    use super::bars;

    #[test]
    fn the_most_is_full_and_a_single_one_is_seen() {
        let heights = ["0", "1", "2", "3", "4", "5", "6", "7", "8"];
        assert_eq!(bars(&[0, 1, 500, 1000], heights), "0148");
        assert_eq!(bars(&[0, 0], heights), "00");
        assert_eq!(bars(&[u32::MAX], heights), "8");
    }
}
