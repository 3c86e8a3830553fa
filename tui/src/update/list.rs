//! Lists: moving in them, what they leave out, and their order.

use crate::{
    columns::Column,
    filter::Filter,
    model::{Limits, Model, Pane, Row, RowId, Screen, View, sequence},
    tables::table,
    view,
};

/// Limits that esc can take back.
const MAX_TRAIL: usize = 100;
/// Widths of the time window, in nanoseconds.
const WINDOWS: [i64; 4] = [3_600_000_000_000, 600_000_000_000, 60_000_000_000, 10_000_000_000];

/// Moves the selection, or scrolls where there is none.
pub(super) fn step_by(model: &mut Model, by: isize) {
    if let Some(scroll) = &mut model.help {
        // `clamp_scroll` holds it to what there is.
        *scroll = scroll.saturating_add_signed(by);
        return;
    }
    let lengths = lengths(model);
    match model.screens.last_mut() {
        None => {
            let list = model.list_mut();
            list.moved = true;
            list.follow = list.follow && by > 0;
            list.selected = moved(list.selected, by, list.rows.len());
        }
        Some(Screen::Logon { pane: Pane::Steps, step, .. }) => *step = moved(*step, by, lengths.0),
        Some(Screen::Logon { pane: Pane::Findings, finding, .. }) => *finding = moved(*finding, by, lengths.1),
        Some(Screen::Finding { scroll, .. } | Screen::Details { scroll, .. }) => {
            *scroll = scroll.saturating_add_signed(by);
        }
        Some(Screen::Message { field, .. }) => *field = field.saturating_add_signed(by),
    }
}

pub(super) fn moved(from: usize, by: isize, length: usize) -> usize {
    from.saturating_add_signed(by).min(length.saturating_sub(1))
}

/// Steps and findings of the sign-in that is open.
pub(super) fn lengths(model: &Model) -> (usize, usize) {
    match model.screens.last() {
        Some(Screen::Logon { id, .. } | Screen::Message { id, .. }) => {
            (model.logon(*id).map_or(0, |logon| sequence(logon).len()), model.findings_of(*id).len())
        }
        _ => (0, 0),
    }
}

pub(super) fn selected_id(model: &Model, view: View) -> Option<RowId> {
    let list = model.list_of(view);
    list.rows.get(list.selected).and_then(|row| model.row_id(view, *row))
}

/// Shows what is left of a list. The selection goes where `selected` is, if that is still there.
pub(super) fn show_rows(model: &mut Model, view: View, selected: Option<&RowId>) {
    let (rows, groups) = model.rows_of(view);
    let list = model.list_of_mut(view);
    list.rows = rows;
    list.groups = groups;
    let again = selected.and_then(|id| {
        let rows = &model.list_of(view).rows;
        if let RowId::Logon(id) = id {
            let row = Row::Logon(model.shown.as_deref()?.place(*id)?);
            return rows.iter().position(|known| *known == row);
        }
        rows.iter().position(|row| model.row_id(view, *row).as_ref() == Some(id))
    });
    let list = model.list_of_mut(view);
    let end = list.rows.len().saturating_sub(1);
    list.selected = match again {
        _ if list.follow => end,
        Some(again) => again,
        None if list.moved => list.selected.min(end),
        None => 0,
    };
}

/// Shows the list again after its limits changed. The selection stays with its row if that is still there.
pub(super) fn refilter(model: &mut Model) {
    let view = model.view;
    let selected = selected_id(model, view);
    let clock = model.clock();
    let list = model.list_mut();
    match Filter::parse(&list.limits.filter, &clock) {
        Ok(filter) => {
            list.filter = filter;
            list.fault = None;
        }
        // The last good one stays.
        Err(fault) => list.fault = Some(fault.0),
    }
    show_rows(model, view, selected.as_ref());
}

/// Remembers the limits for esc.
pub(super) fn remember(model: &mut Model) {
    let list = model.list_mut();
    if list.trail.len() >= MAX_TRAIL {
        list.trail.remove(0);
    }
    list.trail.push(list.limits.clone());
}

/// Changes the limits; esc takes it back.
pub(super) fn limit(model: &mut Model, change: impl FnOnce(&mut Limits)) {
    remember(model);
    change(&mut model.list_mut().limits);
    refilter(model);
}

/// Takes back the last change of the limits.
pub(super) fn take_back(model: &mut Model) {
    let list = model.list_mut();
    let before = list.trail.pop().unwrap_or_default();
    list.limits = before;
    refilter(model);
}

pub(super) fn column_by(model: &mut Model, by: isize) {
    if model.view != View::Logons {
        let columns = view::visible(model);
        let list = model.list_mut();
        let at = columns.iter().rposition(|column| *column <= list.table_column).unwrap_or(0);
        list.table_column = columns.get(moved(at, by, columns.len())).copied().unwrap_or(0);
        return;
    }
    let columns = model.columns(usize::from(model.size.0));
    let list = model.list_mut();
    let at = columns.iter().position(|column| *column == list.column);
    let at = moved(at.unwrap_or(columns.len().saturating_sub(1)), by, columns.len());
    if let Some(column) = columns.get(at) {
        list.column = *column;
    }
}

/// Sorts a table that is not of sign-ins by a column, else by the selected one; the other way round if it is already.
pub(super) fn sort_table(model: &mut Model, column: Option<usize>) {
    let (view, Some(snapshot)) = (model.view, model.shown.as_deref()) else { return };
    let titles = table(view, snapshot).titles();
    let selected = selected_id(model, view);
    let list = model.list_mut();
    let column = column.unwrap_or(list.table_column);
    list.reversed = list.table_sort == Some(column) && !list.reversed;
    list.table_sort = Some(column);
    let way = if list.reversed { ", the other way round" } else { "" };
    model.notice = format!("sorted by {}{way}", titles.get(column).unwrap_or(&""));
    show_rows(model, view, selected.as_ref());
}

/// Sorts the sign-ins by a column, else by the selected one; the other way round if they are already.
pub(super) fn sort(model: &mut Model, column: Option<Column>) {
    let list = model.list_of_mut(View::Logons);
    let column = column.unwrap_or(list.column);
    list.reversed = list.sort == column && !list.reversed;
    list.sort = column;
    list.follow = false;
    let way = if list.reversed { ", the other way round" } else { "" };
    model.notice = match column {
        Column::Finding => format!("worst first{way}"),
        Column::Took => format!("longest first{way}"),
        other => format!("sorted by {}{way}", other.title()),
    };
    let selected = selected_id(model, View::Logons);
    show_rows(model, View::Logons, selected.as_ref());
}

/// Groups the sign-ins by a column, else by the selected one; not any more if they are already.
pub(super) fn group(model: &mut Model, column: Option<Column>) {
    let list = model.list();
    let column = column.unwrap_or(list.column);
    if list.limits.group == Some(column) {
        take_back(model);
    } else {
        limit(model, |limits| limits.group = Some(column));
        let list = model.list_mut();
        list.selected = 0;
    }
}

/// Shows only the rows of the selected group.
pub(super) fn open_group(model: &mut Model, index: usize) {
    let list = model.list();
    let (Some(column), Some(group)) = (list.limits.group, list.groups.get(index)) else { return };
    let term = column.term(&group.value, false);
    // Of a group of minutes, that minute only.
    let until = if column == Column::Time { format!(" until:{}:60", group.value) } else { String::new() };
    limit(model, |limits| {
        limits.group = None;
        add_term(&mut limits.filter, &format!("{term}{until}"));
    });
    model.list_mut().selected = 0;
}

/// Shows only rows, or no rows, with what the selected cell holds.
pub(super) fn like(model: &mut Model, unwanted: bool) {
    let list = model.list();
    let value = match (model.selected_row(), model.shown.as_deref()) {
        (Some(Row::Logon(place)), Some(snapshot)) => Some((list.column, list.column.value(snapshot, place))),
        (Some(Row::Group(index)), _) => {
            list.groups.get(index).zip(list.limits.group).map(|(group, column)| (column, group.value.clone()))
        }
        (Some(Row::Finding(index)), Some(snapshot)) => {
            snapshot.report.findings.get(index).map(|finding| (Column::Finding, finding.code.to_owned()))
        }
        _ => None,
    };
    let Some((column, value)) = value else {
        "nothing is selected".clone_into(&mut model.notice);
        return;
    };
    let term = column.term(&value, unwanted);
    limit(model, |limits| add_term(&mut limits.filter, &term));
    model.notice = term;
}

fn add_term(filter: &mut String, term: &str) {
    if !filter.split_whitespace().any(|known| known == term) {
        if !filter.is_empty() && !filter.ends_with(' ') {
            filter.push(' ');
        }
        filter.push_str(term);
    }
}

/// A shorter time, around the selected sign-in.
pub(super) fn narrow(model: &mut Model) {
    let width = model.list().limits.window.map_or(i64::MAX, |(from, to)| to.saturating_sub(from));
    let Some(width) = WINDOWS.into_iter().find(|window| *window < width) else {
        "no shorter time".clone_into(&mut model.notice);
        return;
    };
    set_window(model, width);
}

/// A longer time, at last all.
pub(super) fn widen(model: &mut Model) {
    let Some((from, to)) = model.list().limits.window else {
        "all times are shown".clone_into(&mut model.notice);
        return;
    };
    match WINDOWS.into_iter().rev().find(|window| *window > to.saturating_sub(from)) {
        Some(width) => set_window(model, width),
        None => limit(model, |limits| limits.window = None),
    }
}

fn set_window(model: &mut Model, width: i64) {
    let at = match model.selected_row() {
        Some(Row::Logon(place)) => model.logons().get(place).map(|logon| logon.began.0),
        _ => model.list().limits.window.map(|(from, to)| from.midpoint(to)),
    };
    let Some(at) = at else {
        "select a sign-in: the time around it is shown".clone_into(&mut model.notice);
        return;
    };
    let from = at.saturating_sub(width / 2);
    limit(model, |limits| limits.window = Some((from, from.saturating_add(width))));
}

/// Half a window before or after.
pub(super) fn shift(model: &mut Model, by: i64) {
    let Some((from, to)) = model.list().limits.window else {
        "all times are shown; w shows the time around the selected sign-in".clone_into(&mut model.notice);
        return;
    };
    let half = to.saturating_sub(from) / 2 * by;
    model.list_mut().limits.window = Some((from.saturating_add(half), to.saturating_add(half)));
    refilter(model);
}

/// Stays with the newest sign-in, or not any more.
pub(super) fn follow(model: &mut Model) {
    let list = model.list_of_mut(View::Logons);
    list.follow = !list.follow;
    if list.follow {
        list.sort = Column::Time;
        list.reversed = false;
        list.limits.group = None;
    }
    show_rows(model, View::Logons, None);
}
