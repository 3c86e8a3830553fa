//! Domain controllers, keys, hosts, limits: tables of what the report says of each.

use ratatui::text::Line;

use super::{ABOVE_ROWS, Page, pad, raw, styled, title, window};
use crate::{
    health::State,
    model::{List, Model, Reading, Row, View},
    tables::{Cell, Table, table},
    text::cut,
};

pub(super) fn draw(model: &Model, page: &mut Page<'_>) {
    title::draw(model, page);
    let Some(snapshot) = model.shown.as_deref() else {
        page.line(ABOVE_ROWS, Line::from(styled("  Reading ...", page.theme.dim())));
        return;
    };
    let table = table(model.view, snapshot);
    let rows = page.rows().saturating_sub(ABOVE_ROWS);
    let list = model.list();
    page.line(2, heading(&table, Some(list), page));
    let first = window(list.selected, list.rows.len(), rows);
    for (offset, row) in list.rows.iter().skip(first).take(rows).enumerate() {
        let Row::Item(index) = row else { continue };
        let chosen = first + offset == list.selected;
        let line = line(&table, *index, chosen, page);
        if chosen {
            page.selected(ABOVE_ROWS + offset, line);
        } else {
            page.line(ABOVE_ROWS + offset, line);
        }
    }
    if list.rows.is_empty() {
        page.line(ABOVE_ROWS + 1, Line::from(styled(format!("  {}", nothing(model)), page.theme.dim())));
    }
}

/// The table's lines in a part of another screen: as many as fit.
pub(super) fn part(table: &Table<'_>, rows: usize, page: &mut Page<'_>) {
    let line = heading(table, None, page);
    page.line(0, line);
    for index in 0..rows.min(page.rows().saturating_sub(1)) {
        let line = line_of(table, index, "  ", page);
        page.line(1 + index, line);
    }
}

fn nothing(model: &Model) -> &'static str {
    if model.all_rows(model.view) > 0 {
        return "Nothing matches; esc shows everything again.";
    }
    let is_done = matches!(model.reading, Reading::Done | Reading::Failed(_));
    match (model.view, is_done) {
        (View::DomainControllers, true) => "No domain controller was seen.",
        (View::DomainControllers, false) => "No domain controller so far.",
        (View::Keys, true) => "No sign-in used a key or a certificate.",
        (View::Keys, false) => "No key so far.",
        (View::Cloud, true) => "No host of the cloud was asked for.",
        (View::Cloud, false) => "No host of the cloud so far.",
        (_, true) => "Everything was seen and understood.",
        (_, false) => "Nothing was missed so far.",
    }
}

/// The widths of the columns; 0 for those that there is no room for.
fn widths(table: &Table<'_>, columns: usize) -> Vec<usize> {
    let shown = |from: &usize| columns >= *from;
    let shape = table.shape();
    let used: usize = shape.iter().filter(|(_, _, from)| shown(from)).map(|(_, width, _)| *width).sum();
    let spare = columns.saturating_sub(used + 2);
    let first = if shape.last().is_some_and(|(_, _, from)| !shown(from)) { spare } else { 0 };
    shape
        .iter()
        .enumerate()
        .map(|(index, (_, width, from))| match (shown(from), *width) {
            (false, _) => 0,
            (true, 0) => spare,
            // Where the last column is left out, the first has its room.
            (true, width) if index == 0 => width + first,
            (true, width) => width,
        })
        .collect()
}

/// The places of the columns that there is room for.
pub(crate) fn visible(model: &Model) -> Vec<usize> {
    let Some(snapshot) = model.shown.as_deref() else { return Vec::new() };
    let widths = widths(&table(model.view, snapshot), usize::from(model.size.0));
    widths.iter().enumerate().filter(|(_, width)| **width > 0).map(|(place, _)| place).collect()
}

/// The names of the columns. Of a list that keys go to, the selected one is lit, the one sorted by has an arrow.
fn heading(table: &Table<'_>, list: Option<&List>, page: &Page<'_>) -> Line<'static> {
    let theme = page.theme;
    let mut spans = vec![raw("  ")];
    for (place, ((title, ..), width)) in table.shape().iter().zip(widths(table, page.columns())).enumerate() {
        let sorted = match list {
            Some(list) if list.table_sort == Some(place) && list.reversed => " ^",
            Some(list) if list.table_sort == Some(place) => " v",
            _ => "",
        };
        // The way it sorts is seen also where its name is not in full.
        let room = width.saturating_sub(1 + sorted.len());
        let (text, style) = if list.is_some_and(|list| list.table_column == place) {
            (format!("{}{sorted}", cut(&format!("[{title}]"), room)), theme.lit())
        } else {
            (format!("{}{sorted}", cut(title, room)), theme.dim())
        };
        let text = cut(&text, width);
        let gap = width.saturating_sub(crate::text::width(&text));
        spans.push(styled(text, style));
        spans.push(raw(" ".repeat(gap)));
    }
    Line::from(spans)
}

fn line(table: &Table<'_>, index: usize, chosen: bool, page: &Page<'_>) -> Line<'static> {
    line_of(table, index, if chosen { "> " } else { "  " }, page)
}

fn line_of(table: &Table<'_>, index: usize, before: &'static str, page: &Page<'_>) -> Line<'static> {
    let mut spans = vec![raw(before)];
    for (Cell { text, state }, width) in table.row(index).into_iter().zip(widths(table, page.columns())) {
        let style = if state == State::Unseen && text == State::Unseen.word() {
            page.theme.dim()
        } else {
            page.theme.state(state)
        };
        spans.push(styled(pad(&cut(&text, width.saturating_sub(1)), width), style));
    }
    Line::from(spans)
}
