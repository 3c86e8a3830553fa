//! The last line: the keys that matter here, or what is typed, what came of the last key, and how far reading has come.

use ratatui::text::Line;

use super::{Page, message::possible_places, raw, styled};
use crate::{
    keys::{Action, Key},
    model::{Model, PromptKind, Reading},
    text::{cut, right, width},
    update::proposals,
};

pub(super) fn draw(model: &Model, scroll_limit: usize, page: &mut Page<'_>) {
    let theme = page.theme;
    let columns = page.columns();
    let state = state(model, scroll_limit);
    let mut spans = vec![raw(" ")];
    let mut used = 1;
    let place = model.place();
    if let Some(prompt) = &model.prompt {
        let sign = match prompt.kind {
            PromptKind::Filter => "/",
            PromptKind::Command => ":",
            PromptKind::Note => "note: ",
        };
        // Its end is where one types.
        let room = columns.saturating_sub(width(sign) + 8);
        let over = width(&prompt.text).saturating_sub(room);
        let shown: String = prompt.text.chars().skip(over).collect();
        let typed = format!("{sign}{shown}_  ");
        used += width(&typed);
        let fault = (prompt.kind == PromptKind::Filter).then_some(model.list().fault.as_deref()).flatten();
        spans.push(styled(typed, if fault.is_some() { theme.outcome("failed") } else { theme.strong() }));
        let aside = match fault {
            Some(fault) => Some((format!("not yet: {fault}"), theme.outcome("failed"))),
            None if prompt.kind == PromptKind::Command || prompt.proposal.is_some() => {
                let typed = prompt.proposal.as_ref().map_or(prompt.text.as_str(), |(typed, _)| typed.as_str());
                let all = proposals(prompt.kind, typed);
                (!all.is_empty()).then(|| (all.join("  "), theme.dim()))
            }
            None => None,
        };
        if let Some((text, style)) = aside {
            spans.push(styled(cut(&text, columns.saturating_sub(used)), style));
            page.line(0, Line::from(spans));
            return;
        }
    } else if !model.notice.is_empty() {
        spans.push(styled(cut(&model.notice, columns.saturating_sub(2)), theme.strong()));
        page.line(0, Line::from(spans));
        return;
    }
    let room = columns.saturating_sub(if state.is_empty() { 1 } else { width(&state) + 2 });
    let mut hints: Vec<(Action, String, &str)> = model
        .settings
        .keys
        .all()
        .filter(|(binding, keys)| binding.places.contains(&place) && !keys.is_empty())
        .filter_map(|(binding, keys)| {
            binding.hint.zip(keys.first()).map(|(hint, key)| (binding.action, Key::name(*key), hint))
        })
        .collect();
    let one = |(_, name, hint): &(Action, String, &str)| width(name) + width(hint) + 3;
    // The way to all keys stays whatever else has to go: the last in the table first.
    while used + hints.iter().map(one).sum::<usize>() > room + 2 && hints.len() > 1 {
        let Some(index) = hints.iter().rposition(|(action, ..)| !matches!(action, Action::Help | Action::Back)) else {
            break;
        };
        hints.remove(index);
    }
    for hint in hints {
        used += one(&hint);
        let (_, name, hint) = hint;
        spans.push(styled(name, theme.heading()));
        spans.push(raw(format!(" {hint}  ")));
    }
    let style = if matches!(model.reading, Reading::Failed(_)) { theme.outcome("failed") } else { theme.dim() };
    let state = cut(&state, columns.saturating_sub(used + 1));
    spans.push(styled(right(&state, columns.saturating_sub(used + 1)), style));
    page.line(0, Line::from(spans));
}

fn state(model: &Model, scroll_limit: usize) -> String {
    if let Some(places) = possible_places(model) {
        return format!("ambiguous: {places} places hold this value");
    }
    match &model.reading {
        Reading::Failed(_) => "read in part".to_owned(),
        Reading::Going(read, Some(total)) if *total > 0 => {
            let percent = (u128::from(*read) * 100 / u128::from(*total)).min(100);
            let rate = model.rate >> 20;
            match total.saturating_sub(*read).checked_div(model.rate) {
                Some(seconds) if rate > 0 => format!("reading {percent} %, {rate} MB/s, {seconds} s left"),
                _ => format!("reading {percent} %"),
            }
        }
        Reading::Live(..) | Reading::Going(0, _) if !model.note.is_empty() => model.note.clone(),
        Reading::Live(packets, 0) => format!("live, {packets} packets"),
        Reading::Live(packets, dropped) => format!("live, {packets} packets, {dropped} dropped"),
        Reading::Going(0, _) => "reading".to_owned(),
        Reading::Going(read, _) => format!("reading, {} MB", read >> 20),
        Reading::Done if scroll_limit > 0 => "more: up, down".to_owned(),
        Reading::Done => String::new(),
    }
}
