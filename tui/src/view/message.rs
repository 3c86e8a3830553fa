//! A message: what was found in it, its fields, and its bytes with those of the selected field lit.

use std::{ops::Range, sync::Arc};

use decode::Event;
use diagnose::{LogonReport, StepReport};
use ratatui::text::Line;

use super::{MAX_TEXT, Page, both_ends, clock, raw, styled, window};
use crate::{
    bytes::Found,
    fields::{Field, fields},
    mark,
    model::{Bytes, Model, Screen, sequence},
    text::{cut, fold, pad},
};

/// Columns for the names of fields.
const NAMES: usize = 24;
/// Lines for what the findings say of it.
const SHOWS: usize = 6;
/// Columns of the bytes, eight or sixteen abreast: place, two digits each, characters.
const EIGHT: usize = 6 + 8 * 3 + 1 + 8;
const SIXTEEN: usize = 6 + 16 * 3 + 1 + 16;
/// The width from which on there are sixteen.
const WIDE: usize = 116;
/// The width below which there are no bytes.
const NARROW: usize = 70;

/// The message that is open, from the report or from the capture.
pub(crate) fn event(model: &Model) -> Option<Arc<Event>> {
    let Some(Screen::Message { id, step, .. }) = model.screens.last() else { return None };
    match &model.bytes {
        Bytes::Here(of, at, found) if (of, at) == (id, step) && found.event.is_some() => found.event.clone(),
        _ => sequence(model.logon(*id)?).get(*step)?.event.clone(),
    }
}

/// How many fields the message that is open has; 0 where none is.
pub(crate) fn fields_of_message(model: &Model) -> usize {
    event(model).map_or(0, |event| fields(&event).len())
}

/// In how many places of the bytes the selected field can be, where that is more than one.
pub(super) fn possible_places(model: &Model) -> Option<usize> {
    match (model.screens.last(), &model.bytes) {
        (Some(Screen::Message { id, step, field }), Bytes::Here(of, at, found)) if (of, at) == (id, step) => {
            found.fields.get(*field).map(Vec::len).filter(|places| *places > 1)
        }
        _ => None,
    }
}

pub(super) fn draw(model: &Model, id: u64, index: usize, selected: usize, page: &mut Page<'_>) {
    let Some(logon) = model.logon(id) else { return };
    let steps = sequence(logon);
    let Some(step) = steps.get(index) else { return };
    let above = above(model, logon, step, (index, steps.len()), page);
    let rows = above.len().min(page.rows() / 2);
    for (row, line) in above.into_iter().take(rows).enumerate() {
        page.line(row, line);
    }
    let (_, body) = page.split(u16::try_from(rows).unwrap_or(u16::MAX));
    let fields = event(model).map(|event| fields(&event)).unwrap_or_default();
    page.within(body, |page| {
        let found = match &model.bytes {
            Bytes::Here(of, at, found) if (*of, *at) == (id, index) => Ok(found),
            Bytes::Failed(of, at, why) if (*of, *at) == (id, index) => Err(why.as_str()),
            _ => Err("looking for its bytes ..."),
        };
        let bytes = if page.columns() >= WIDE { SIXTEEN } else { EIGHT };
        if page.columns() < NARROW {
            self::tree(&fields, selected, "message", page);
            return;
        }
        match found {
            Ok(found) if !found.bytes.is_empty() => {
                let tree = page.columns() - bytes - 1;
                let area = page.area;
                let left = ratatui::layout::Rect { width: u16::try_from(tree).unwrap_or(0), ..area };
                let right = ratatui::layout::Rect {
                    x: area.x + left.width + 1,
                    width: area.width.saturating_sub(left.width + 1),
                    ..area
                };
                page.within(left, |page| self::tree(&fields, selected, "message", page));
                page.within(right, |page| hex(found, selected, bytes == SIXTEEN, page));
            }
            Ok(_) => self::tree(&fields, selected, "message; it has no bytes of its own", page),
            Err(why) => self::tree(&fields, selected, &format!("message; {why}"), page),
        }
    });
}

/// Who said what to whom, and what findings say of it.
fn above(
    model: &Model,
    logon: &LogonReport,
    step: &StepReport,
    (index, count): (usize, usize),
    page: &Page<'_>,
) -> Vec<Line<'static>> {
    let theme = page.theme;
    let columns = page.columns().saturating_sub(2);
    let mut lines = Vec::new();
    let file = step.file.as_ref().map(|file| format!(" of {file}")).unwrap_or_default();
    let heading = format!("{} in packet {}{file}", step.kind, step.packet);
    let (left, right) = both_ends(&heading, &format!("step {} of {count}", index + 1), columns);
    lines.push(Line::from(vec![raw(" "), styled(left, theme.heading()), styled(right, theme.dim())]));
    let between = step
        .between
        .map(|(from, to)| format!(", {} -> {}", model.name_of(from), model.name_of(to)))
        .unwrap_or_default();
    let when = format!(" {} UTC{between}", clock(&step.at.to_string(), 0, 26));
    lines.push(Line::from(styled(cut(&when, columns), theme.dim())));
    for line in fold(&step.summary, columns.min(MAX_TEXT)) {
        lines.push(Line::from(format!(" {line}")));
    }
    let mut shows = 0;
    for finding in model.findings_of(logon.id) {
        for evidence in finding.evidence.iter().filter(|it| it.packet == step.packet && it.file == step.file) {
            if shows < SHOWS {
                let text = format!(" {} {}: {}", mark(finding.severity), finding.code, evidence.means);
                lines.push(Line::from(styled(cut(&text, columns), theme.severity(finding.severity))));
            }
            shows += 1;
        }
    }
    if shows > SHOWS {
        lines.push(Line::from(styled(format!("   and {} more", shows - SHOWS), theme.dim())));
    }
    lines
}

/// The fields, the selected one in full at the end.
fn tree(fields: &[Field], selected: usize, title: &str, page: &mut Page<'_>) {
    let theme = page.theme;
    page.rule(0, title, true);
    let selected = selected.min(fields.len().saturating_sub(1));
    let names = NAMES.min(page.columns() / 2);
    let values = page.columns().saturating_sub(names + 1);
    let value = fields.get(selected).map(|field| field.value.as_str()).unwrap_or_default();
    // What is cut off in its line stands in full below.
    let mut whole =
        if crate::text::width(value) > values { fold(value, page.columns().saturating_sub(2)) } else { Vec::new() };
    whole.truncate(page.rows() / 3);
    let rows = page.rows().saturating_sub(1 + if whole.is_empty() { 0 } else { whole.len() + 1 });
    let first = window(selected, fields.len(), rows);
    for (offset, field) in fields.iter().skip(first).take(rows).enumerate() {
        let chosen = first + offset == selected;
        let name = format!("{}{}{}", if chosen { ">" } else { " " }, "  ".repeat(field.depth), field.name);
        let line =
            Line::from(vec![styled(format!("{} ", pad(&name, names)), theme.dim()), raw(cut(&field.value, values))]);
        if chosen {
            page.selected(1 + offset, line);
        } else {
            page.line(1 + offset, line);
        }
    }
    if fields.is_empty() {
        let text = " hellotrace events prints this message in full";
        page.line(1, Line::from(styled(cut(text, page.columns()), theme.dim())));
    }
    if !whole.is_empty() {
        page.rule(1 + rows, "", false);
        for (offset, line) in whole.into_iter().enumerate() {
            page.line(2 + rows + offset, Line::from(format!(" {line}")));
        }
    }
}

/// The bytes, with those of the selected field in sight and lit.
fn hex(found: &Found, selected: usize, wide: bool, page: &mut Page<'_>) {
    let theme = page.theme;
    let abreast = if wide { 16 } else { 8 };
    let blank = found.bytes.iter().filter(|byte| byte.is_none()).count();
    let lit: &[Range<usize>] = found.fields.get(selected).map(Vec::as_slice).unwrap_or_default();
    let title = match (lit, blank) {
        ([one], _) => format!("bytes {} to {}", one.start, one.end.saturating_sub(1)),
        ([], 0) => format!("{} bytes", found.bytes.len() + found.beyond),
        ([], _) => format!("{} bytes, {blank} blank", found.bytes.len() + found.beyond),
        (several, _) => format!("in one of {} places", several.len()),
    };
    page.rule(0, &title, false);
    let rows = page.rows().saturating_sub(1);
    let first = window(lit.first().map_or(0, |lit| lit.start) / abreast, found.bytes.len().div_ceil(abreast), rows);
    // What is only possible looks other than what is known.
    let shine = if lit.len() > 1 { theme.lit() } else { theme.selected() };
    for (offset, line) in found.bytes.chunks(abreast).skip(first).take(rows).enumerate() {
        let start = (first + offset) * abreast;
        let mut spans = vec![styled(format!("{start:05x} "), theme.dim())];
        let is_lit = |at: usize| lit.iter().any(|lit| lit.contains(&(start + at)));
        let style = |at: usize| if is_lit(at) { shine } else { ratatui::style::Style::new() };
        for at in 0..abreast {
            match line.get(at) {
                Some(Some(byte)) => spans.push(styled(format!("{byte:02x}"), style(at))),
                Some(None) => spans.push(styled("..", theme.dim())),
                None => spans.push(raw("  ")),
            }
            let joined = at + 1 < abreast
                && lit.iter().any(|lit| lit.contains(&(start + at)) && lit.contains(&(start + at + 1)));
            spans.push(if joined { styled(" ", shine) } else { raw(" ") });
        }
        spans.push(raw(" "));
        for (at, byte) in line.iter().enumerate() {
            let character = match byte {
                Some(byte @ 0x20..=0x7e) => char::from(*byte),
                Some(_) => '.',
                None => ' ',
            };
            spans.push(styled(character.to_string(), style(at)));
        }
        page.line(1 + offset, Line::from(spans));
    }
}
