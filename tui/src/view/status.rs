//! The last line: the keys that matter here, or the filter while it is typed, and how far reading has come.

use ratatui::text::Line;

use super::{Page, raw, styled};
use crate::{
    keys::{Action, BINDINGS, Place},
    model::{Model, Reading},
    text::{cut, right, width},
};

pub(super) fn draw(model: &Model, scroll_limit: usize, page: &mut Page<'_>) {
    let theme = page.theme;
    let columns = page.columns();
    let state = state(model, scroll_limit);
    let mut spans = vec![raw(" ")];
    let mut used = 1;
    let place = model.place();
    if place == Place::Filter {
        let typed = format!("/{}_  ", model.limits.filter);
        used += width(&typed);
        spans.push(styled(typed, theme.strong()));
    }
    let room = columns.saturating_sub(if state.is_empty() { 1 } else { width(&state) + 2 });
    let mut hints: Vec<(Action, &str, &str)> = BINDINGS
        .iter()
        .filter(|binding| binding.places.contains(&place))
        .filter_map(|binding| binding.hint.map(|hint| (binding.action, binding.name, hint)))
        .collect();
    let length = |hints: &[(Action, &str, &str)]| -> usize {
        hints.iter().map(|(_, name, hint)| width(name) + width(hint) + 3).sum()
    };
    // The way to all keys stays whatever else has to go: the longest first.
    while used + length(&hints) > room + 2 && hints.len() > 1 {
        let longest = hints
            .iter()
            .enumerate()
            .filter(|(_, (action, ..))| *action != Action::Help)
            .max_by_key(|(_, hint)| length(&[**hint]));
        let Some((index, _)) = longest else { break };
        hints.remove(index);
    }
    for (_, name, hint) in hints {
        used += width(name) + width(hint) + 3;
        spans.push(styled(name, theme.heading()));
        spans.push(raw(format!(" {hint}  ")));
    }
    let style = if matches!(model.reading, Reading::Failed(_)) { theme.outcome("failed") } else { theme.dim() };
    let state = cut(&state, columns.saturating_sub(used + 1));
    spans.push(styled(right(&state, columns.saturating_sub(used + 1)), style));
    page.line(0, Line::from(spans));
}

fn state(model: &Model, scroll_limit: usize) -> String {
    match &model.reading {
        Reading::Failed(_) => "read in part".to_owned(),
        Reading::Going(read, Some(total)) if *total > 0 => format!("reading {} %", (read * 100 / total).min(100)),
        Reading::Live(..) | Reading::Going(0, _) if !model.note.is_empty() => model.note.clone(),
        Reading::Live(packets, 0) => format!("live, {packets} packets"),
        Reading::Live(packets, dropped) => format!("live, {packets} packets, {dropped} dropped"),
        Reading::Going(0, _) => "reading".to_owned(),
        Reading::Going(read, _) => format!("reading, {} MB", read >> 20),
        Reading::Done if scroll_limit > 0 => "more: up, down".to_owned(),
        Reading::Done => String::new(),
    }
}
