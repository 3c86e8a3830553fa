//! What each message does to the model. Nothing else changes it.

mod list;
mod notes;
mod open;
mod prompt;
#[cfg(test)]
mod random;

use std::sync::Arc;

pub(crate) use prompt::proposals;

use crate::{
    Message,
    details::details,
    keys::Action,
    model::{Bytes, Model, Reading, Screen, View, sequence},
    request::Request,
    snapshot::Snapshot,
    theme::Palette,
    view,
};

/// Takes in what happened.
pub fn update(model: &mut Model, message: Message) {
    match message {
        Message::Act(action) => {
            model.notice.clear();
            act(model, action);
        }
        Message::Typed(character) => prompt::typed(model, character),
        Message::Pasted(text) => {
            for character in text.chars().take(prompt::MAX_TYPED) {
                prompt::typed(model, character);
            }
        }
        Message::Clicked(column, row) => open::click(model, column, row),
        Message::Scrolled(lines) => list::step_by(model, isize::from(lines)),
        Message::Resized(columns, rows) => model.size = (columns, rows),
        Message::Progress(read, total, rate) => {
            if matches!(model.reading, Reading::Going(..)) {
                model.reading = Reading::Going(read, total);
                model.rate = rate;
            }
        }
        Message::Live(packets, dropped) => {
            if matches!(model.reading, Reading::Going(..) | Reading::Live(..)) {
                if model.reading != Reading::Live(packets, dropped) {
                    model.note.clear();
                }
                model.reading = Reading::Live(packets, dropped);
            }
        }
        Message::Memory(bytes) => model.memory = Some(bytes),
        Message::Note(note) => model.note = harmless(&note),
        Message::Told(notice) => model.notice = harmless(&notice),
        Message::Report(snapshot) => {
            if model.frozen {
                let before = model.waiting.replace(snapshot);
                model.discarded.extend(before);
            } else {
                show(model, snapshot);
            }
        }
        Message::Bytes((id, step), result) => {
            if matches!(model.bytes, Bytes::Wanted(of, at) if (of, at) == (id, step)) {
                model.bytes = match result {
                    Ok(found) => Bytes::Here(id, step, found),
                    Err(why) => Bytes::Failed(id, step, harmless(&why)),
                };
            }
        }
        Message::Gone => {
            if matches!(model.reading, Reading::Going(..) | Reading::Live(..)) {
                model.reading = Reading::Failed("reading stopped by a fault in this program".to_owned());
            }
        }
        Message::Ended(why) => model.reading = why.map_or(Reading::Done, |why| Reading::Failed(harmless(&why))),
    }
    ask_for_bytes(model);
    clamp_scroll(model);
}

fn act(model: &mut Model, action: Action) {
    match action {
        Action::Up => list::step_by(model, -1),
        Action::Down => list::step_by(model, 1),
        Action::PageUp => list::step_by(model, -page(model)),
        Action::PageDown => list::step_by(model, page(model)),
        Action::First => list::step_by(model, isize::MIN / 2),
        Action::Last => list::step_by(model, isize::MAX / 2),
        Action::Left => list::column_by(model, -1),
        Action::Right => list::column_by(model, 1),
        Action::Open => open::open(model),
        Action::Back => open::back(model),
        Action::OtherPane => open::other_pane(model),
        Action::Next => open::neighbour(model, 1),
        Action::Previous => open::neighbour(model, -1),
        Action::Show(view) => show_view(model, view),
        Action::FailuresOnly => list::limit(model, |limits| limits.failures_only = !limits.failures_only),
        Action::Sort if model.view == View::Logons => list::sort(model, None),
        Action::Sort => list::sort_table(model, None),
        Action::Group => list::group(model, None),
        Action::OnlyLike => list::like(model, false),
        Action::NotLike => list::like(model, true),
        Action::Narrow => list::narrow(model),
        Action::Widen => list::widen(model),
        Action::Earlier => list::shift(model, -1),
        Action::Later => list::shift(model, 1),
        Action::Freeze => freeze(model),
        Action::Follow => list::follow(model),
        Action::Mark => notes::mark(model),
        Action::Note => notes::begin_note(model),
        Action::Filter => prompt::begin_filter(model),
        Action::Command => prompt::begin_command(model),
        Action::Same => open::same(model),
        Action::Export => notes::export(model, None, None),
        Action::Copy => notes::copy(model),
        Action::Keep => prompt::keep(model),
        Action::Erase => prompt::erase(model),
        Action::Clear => prompt::clear(model),
        Action::Complete => prompt::complete(model),
        Action::Theme => next_theme(model),
        Action::Cancel => cancel(model),
        Action::Help => model.help = Some(0),
        Action::Quit => model.over = true,
    }
}

/// Shows a newer report. What is selected and open stays so, as far as it is still there.
fn show(model: &mut Model, snapshot: Arc<Snapshot>) {
    let selected: Vec<_> = View::ALL.into_iter().map(|view| (view, list::selected_id(model, view))).collect();
    let before = model.shown.replace(snapshot);
    model.discarded.extend(before);
    for (view, selected) in selected {
        let selected = selected.filter(|_| model.list_of(view).moved);
        list::show_rows(model, view, selected.as_ref());
    }
    keep_screens(model);
}

fn show_view(model: &mut Model, view: View) {
    model.screens.clear();
    model.help = None;
    model.view = view;
}

fn freeze(model: &mut Model) {
    model.frozen = !model.frozen;
    if let Some(snapshot) = model.waiting.take().filter(|_| !model.frozen) {
        show(model, snapshot);
    }
}

fn next_theme(model: &mut Model) {
    let at = Palette::ALL.iter().position(|(_, palette)| *palette == model.theme.palette()).unwrap_or(0);
    if let Some((name, palette)) = Palette::ALL.get((at + 1) % Palette::ALL.len()) {
        model.theme = model.theme.with(*palette);
        model.notice = format!("theme {name}");
    }
}

fn cancel(model: &mut Model) {
    if matches!(model.reading, Reading::Going(..) | Reading::Live(..)) {
        model.requests.push(Request::Cancel);
        "reading is being stopped; what was read stays".clone_into(&mut model.notice);
    } else {
        "nothing is being read".clone_into(&mut model.notice);
    }
}

/// Lines of a screenful.
fn page(model: &Model) -> isize {
    let (_, rows) = model.size;
    isize::try_from(rows.saturating_sub(8).max(4)).unwrap_or(4)
}

/// Closes what the report no longer has, with everything on top of it, and keeps selections within what there is.
fn keep_screens(model: &mut Model) {
    let mut screens = Vec::new();
    for screen in std::mem::take(&mut model.screens) {
        let kept = match screen {
            Screen::Logon { id, pane, step, finding } => model.logon(id).map(|logon| Screen::Logon {
                id,
                pane,
                step: step.min(sequence(logon).len().saturating_sub(1)),
                finding: finding.min(model.findings_of(id).len().saturating_sub(1)),
            }),
            Screen::Finding { finding, scroll, evidence } => model.finding(&finding).map(|report| {
                let evidence = evidence.min(report.evidence.len().saturating_sub(1));
                Screen::Finding { finding: finding.clone(), scroll, evidence }
            }),
            Screen::Message { id, step, field } => model
                .logon(id)
                .filter(|logon| step < sequence(logon).len())
                .map(|_| Screen::Message { id, step, field }),
            Screen::Details { of, scroll } => {
                let is_there = !details(model, &of).is_empty();
                is_there.then_some(Screen::Details { of, scroll })
            }
        };
        let Some(kept) = kept else { break };
        screens.push(kept);
    }
    model.screens = screens;
}

/// Asks for the bytes of the message that is open, once.
fn ask_for_bytes(model: &mut Model) {
    let Some(Screen::Message { id, step, .. }) = model.screens.last() else {
        model.bytes = Bytes::None;
        return;
    };
    let (id, step) = (*id, *step);
    let known = match &model.bytes {
        Bytes::None => None,
        Bytes::Wanted(id, step) | Bytes::Here(id, step, _) | Bytes::Failed(id, step, _) => Some((*id, *step)),
    };
    if known == Some((id, step)) {
        return;
    }
    let wanted = model.logon(id).and_then(|logon| sequence(logon).get(step).map(|step| (*step).clone()));
    if let Some(wanted) = wanted {
        model.bytes = Bytes::Wanted(id, step);
        model.requests.push(Request::Bytes(crate::request::Wanted {
            step: (id, step),
            packets: crate::request::Packets::of(&wanted),
            event: wanted.event,
        }));
    }
}

/// Keeps what is scrolled within its text.
fn clamp_scroll(model: &mut Model) {
    let limit = view::scroll_limit(model);
    let fields = view::fields_of_message(model);
    if let Some(scroll) = &mut model.help {
        *scroll = (*scroll).min(limit);
        return;
    }
    match model.screens.last_mut() {
        Some(Screen::Finding { scroll, .. } | Screen::Details { scroll, .. }) => *scroll = (*scroll).min(limit),
        Some(Screen::Message { field, .. }) => *field = (*field).min(fields.saturating_sub(1)),
        _ => {}
    }
}

fn harmless(text: &str) -> String {
    decode::WireText::from(text).to_string()
}
