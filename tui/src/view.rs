//! The model drawn. Nothing here changes anything, and only what is visible is drawn.

mod details;
mod finding;
mod help;
mod logon;
mod logons;
mod message;
mod overview;
mod sequence;
mod status;
mod table;
mod title;

use ratatui::{
    Frame,
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
    widgets::Widget as _,
};

use crate::{
    Theme,
    health::State,
    model::{Model, Screen, View},
    text::{cut, pad, width},
};

pub(crate) use message::{event as event_of_message, fields_of_message};
pub(crate) use table::visible;
pub(crate) use title::tab_at;

/// Lines of text are not made longer than this: longer ones are hard to read.
const MAX_TEXT: usize = 100;
/// Rows of a list's title and of its headings.
const ABOVE_ROWS: usize = 3;

/// Draws the screen that is on top.
pub fn draw(model: &Model, frame: &mut Frame<'_>) {
    let area = frame.area();
    if area.width == 0 || area.height == 0 {
        return;
    }
    let theme = model.theme;
    let mut page = Page { theme, area, buffer: frame.buffer_mut() };
    let body = page.area.height.saturating_sub(1);
    let (main, last) = page.split(body);
    page.area = main;
    if model.help.is_some() {
        page.scrolled(help::lines(model, theme, usize::from(main.width)), scroll(model));
    } else {
        match model.screens.last() {
            None => match model.view {
                View::Overview => overview::draw(model, &mut page),
                View::Logons => logons::draw(model, &mut page),
                _ => table::draw(model, &mut page),
            },
            Some(screen) => {
                title::path(model, &mut page);
                let (_, below) = page.split(1);
                page.within(below, |page| match screen {
                    Screen::Logon { id, pane, step, finding } => {
                        logon::draw(model, *id, *pane, (*step, *finding), page);
                    }
                    Screen::Finding { .. } | Screen::Details { .. } => {
                        let lines = text_lines(model, theme, page.columns());
                        page.scrolled(lines, scroll(model));
                    }
                    Screen::Message { id, step, field } => message::draw(model, *id, *step, *field, page),
                });
            }
        }
    }
    page.area = last;
    status::draw(model, scroll_limit(model), &mut page);
}

/// How far the text on top can be scrolled; 0 where nothing scrolls.
pub(crate) fn scroll_limit(model: &Model) -> usize {
    let (columns, rows) = model.size;
    let rows = usize::from(rows.saturating_sub(1));
    if model.help.is_some() {
        return help::lines(model, model.theme, usize::from(columns)).len().saturating_sub(rows);
    }
    text_lines(model, model.theme, usize::from(columns)).len().saturating_sub(rows.saturating_sub(1))
}

fn scroll(model: &Model) -> usize {
    let scrolled = match (model.help, model.screens.last()) {
        (Some(scroll), _) => scroll,
        (None, Some(Screen::Finding { scroll, .. } | Screen::Details { scroll, .. })) => *scroll,
        (None, _) => 0,
    };
    scrolled.min(scroll_limit(model))
}

/// The whole text of the finding or the details that are open; empty where none are.
fn text_lines(model: &Model, theme: Theme, columns: usize) -> Vec<Line<'static>> {
    match model.screens.last() {
        Some(Screen::Finding { finding, evidence, .. }) => model
            .finding(finding)
            .map(|finding| finding::lines(model, finding, *evidence, theme, columns).0)
            .unwrap_or_default(),
        Some(Screen::Details { of, .. }) => details::lines(model, of, theme, columns),
        _ => Vec::new(),
    }
}

/// The line of the selected piece of evidence in that text.
pub(crate) fn line_of_evidence(model: &Model) -> usize {
    match model.screens.last() {
        Some(Screen::Finding { finding, evidence, .. }) => model
            .finding(finding)
            .map_or(0, |finding| finding::lines(model, finding, *evidence, model.theme, usize::from(model.size.0)).1),
        _ => 0,
    }
}

/// The row of the list that is drawn in this line of the terminal.
pub(crate) fn row_at(model: &Model, line: u16) -> Option<usize> {
    let offset = usize::from(line).checked_sub(ABOVE_ROWS)?;
    let body = usize::from(model.size.1.saturating_sub(1));
    let rows = match model.view {
        View::Overview => overview::finding_rows(model, usize::from(model.size.0), body),
        View::Logons => logons::table_rows(model, body),
        _ => body.saturating_sub(ABOVE_ROWS),
    };
    let list = model.list();
    let index = window(list.selected, list.rows.len(), rows) + offset;
    (offset < rows && index < list.rows.len()).then_some(index)
}

/// Whether a row of a table says that something is wrong.
pub(crate) fn is_bad(model: &Model, index: usize) -> bool {
    model.shown.as_deref().is_some_and(|snapshot| {
        let cells = crate::tables::table(model.view, snapshot).row(index);
        cells.iter().any(|cell| cell.state == State::Bad)
    })
}

/// A part of the screen to draw on, line by line.
struct Page<'b> {
    theme: Theme,
    area: Rect,
    buffer: &'b mut Buffer,
}

impl Page<'_> {
    fn columns(&self) -> usize {
        usize::from(self.area.width)
    }

    fn rows(&self) -> usize {
        usize::from(self.area.height)
    }

    /// Draws a line; outside of the area nothing.
    fn line(&mut self, row: usize, line: Line<'_>) {
        if row < self.rows() {
            // Fits: it is smaller than the height.
            let y = self.area.y.saturating_add(u16::try_from(row).unwrap_or(u16::MAX));
            line.render(Rect { y, height: 1, ..self.area }, self.buffer);
        }
    }

    /// Draws a line that is highlighted over its whole width.
    fn selected(&mut self, row: usize, line: Line<'_>) {
        if row < self.rows() {
            self.line(row, line);
            let y = self.area.y.saturating_add(u16::try_from(row).unwrap_or(u16::MAX));
            self.buffer.set_style(Rect { y, height: 1, ..self.area }, self.theme.selected());
        }
    }

    /// Draws a rule with a title in it.
    fn rule(&mut self, row: usize, title: &str, strong: bool) {
        let theme = self.theme;
        let rule = theme.lines.rule;
        let title = cut(title, self.columns().saturating_sub(6));
        let rest = self.columns().saturating_sub(width(&title) + 4);
        let style = if strong { theme.heading() } else { theme.dim() };
        let spans = if title.is_empty() {
            vec![Span::styled(rule.repeat(self.columns()), theme.dim())]
        } else {
            vec![
                Span::styled(rule.repeat(2), theme.dim()),
                Span::styled(format!(" {title} "), style),
                Span::styled(rule.repeat(rest), theme.dim()),
            ]
        };
        self.line(row, Line::from(spans));
    }

    /// Draws the lines that are visible when the first `scroll` are not.
    fn scrolled(&mut self, lines: Vec<Line<'static>>, scroll: usize) {
        let rows = self.rows();
        for (row, line) in lines.into_iter().skip(scroll).take(rows).enumerate() {
            self.line(row, line);
        }
    }

    /// The area's first `rows` rows, and the rest.
    fn split(&self, rows: u16) -> (Rect, Rect) {
        let rows = rows.min(self.area.height);
        let rest =
            Rect { y: self.area.y.saturating_add(rows), height: self.area.height.saturating_sub(rows), ..self.area };
        (Rect { height: rows, ..self.area }, rest)
    }

    /// Draws on a part of the area.
    fn within(&mut self, area: Rect, draw: impl FnOnce(&mut Page<'_>)) {
        draw(&mut Page { theme: self.theme, area: area.intersection(self.area), buffer: self.buffer });
    }
}

/// The first item to show so that the selected one is in the middle, as far as that is possible.
fn window(selected: usize, items: usize, rows: usize) -> usize {
    selected.saturating_sub(rows / 2).min(items.saturating_sub(rows))
}

/// Text at the left and at the right end of a line. The left one yields.
fn both_ends(left: &str, right: &str, columns: usize) -> (String, String) {
    let right = if width(right) + 12 > columns { String::new() } else { right.to_owned() };
    if right.is_empty() {
        return (pad(left, columns), right);
    }
    let room = columns.saturating_sub(width(&right));
    (pad(&cut(left, room.saturating_sub(1)), room), right)
}

fn styled(text: impl Into<String>, style: Style) -> Span<'static> {
    Span::styled(text.into(), style)
}

fn raw(text: impl Into<String>) -> Span<'static> {
    Span::raw(text.into())
}

/// How somebody proves who they are, behind a name.
fn by(method: &str) -> String {
    match method {
        "anonymous" => "anonymously".to_owned(),
        "hidden" => "inside FAST".to_owned(),
        "unknown" => "by a method not shown".to_owned(),
        known => format!("by {}", self::method(known)),
    }
}

/// The same for a column.
fn method(method: &str) -> &'static str {
    match method {
        "key-trust" => "key trust",
        "certificate" => "certificate",
        "password" => "password",
        "cloud-kerberos" => "cloud trust",
        "anonymous" => "anonymous",
        "hidden" => "inside FAST",
        _ => "not shown",
    }
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// A duration for a person.
fn duration(nanoseconds: i64) -> String {
    let milliseconds = nanoseconds / 1_000_000;
    match milliseconds {
        0 => format!("{} µs", nanoseconds / 1000),
        1..10_000 => format!("{milliseconds} ms"),
        10_000..600_000 => format!("{} s", milliseconds / 1000),
        _ => format!("{} min", milliseconds / 60_000),
    }
}

/// `2026-11-22 09:58:49.159` of a time in the form of the report, as many characters of it as asked for.
fn clock(time: &str, from: usize, to: usize) -> String {
    time.get(from..to).unwrap_or(time).replace('T', " ")
}

fn named(name: &str, address: &str) -> String {
    if name.is_empty() { address.to_owned() } else { format!("{name} ({address})") }
}
