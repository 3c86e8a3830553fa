//! What each message does to the model. Nothing else changes it.

use crate::{
    Message,
    keys::Action,
    model::{FindingId, Model, Pane, Reading, Row, RowId, Screen, sequence},
    view,
};

/// Takes in what happened.
pub fn update(model: &mut Model, message: Message) {
    match message {
        Message::Act(action) => act(model, action),
        Message::Typed(character) => {
            if !character.is_control() {
                model.limits.filter.push(character);
                refilter(model);
            }
        }
        Message::Resized(columns, rows) => model.size = (columns, rows),
        Message::Progress(read, total) => {
            if matches!(model.reading, Reading::Going(..)) {
                model.reading = Reading::Going(read, total);
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
        Message::Note(note) => model.note = note.chars().filter(|character| !character.is_control()).collect(),
        Message::Report(report) => {
            let selected = selected_id(model).filter(|_| model.moved);
            model.report = Some(report);
            model.worst = model.worst_findings();
            show_rows(model, selected.as_ref());
            keep_screens(model);
        }
        Message::Gone => {
            if matches!(model.reading, Reading::Going(..) | Reading::Live(..)) {
                model.reading = Reading::Failed("reading stopped by a fault in this program".to_owned());
            }
        }
        Message::Ended(why) => model.reading = why.map_or(Reading::Done, Reading::Failed),
    }
    clamp_scroll(model);
}

fn act(model: &mut Model, action: Action) {
    match action {
        Action::Up => step_by(model, -1),
        Action::Down => step_by(model, 1),
        Action::PageUp => step_by(model, -page(model)),
        Action::PageDown => step_by(model, page(model)),
        Action::First => step_by(model, isize::MIN / 2),
        Action::Last => step_by(model, isize::MAX / 2),
        Action::Open => open(model),
        Action::Back => back(model),
        Action::OtherPane => {
            if let Some(Screen::Logon { pane, .. }) = model.screens.last_mut() {
                *pane = if *pane == Pane::Steps { Pane::Findings } else { Pane::Steps };
            }
        }
        Action::Next => neighbour(model, 1),
        Action::Previous => neighbour(model, -1),
        Action::FailuresOnly => {
            model.limits.failures_only = !model.limits.failures_only;
            refilter(model);
        }
        Action::Filter => model.limits.typing = true,
        Action::Same => same(model),
        Action::Keep => model.limits.typing = false,
        Action::Erase => {
            model.limits.filter.pop();
            refilter(model);
        }
        Action::Clear => {
            model.limits.filter.clear();
            refilter(model);
        }
        Action::Help => model.help = Some(0),
        Action::Quit => model.over = true,
    }
}

/// Moves the selection, or scrolls where there is none.
fn step_by(model: &mut Model, by: isize) {
    let lengths = lengths(model);
    if let Some(scroll) = &mut model.help {
        // `clamp_scroll` holds it to what there is.
        *scroll = scroll.saturating_add_signed(by);
        return;
    }
    match model.screens.last_mut() {
        None => {
            model.moved = true;
            model.selected = moved(model.selected, by, model.rows.len());
        }
        Some(Screen::Logon { pane: Pane::Steps, step, .. }) => *step = moved(*step, by, lengths.0),
        Some(Screen::Logon { pane: Pane::Findings, finding, .. }) => *finding = moved(*finding, by, lengths.1),
        Some(Screen::Finding { scroll, .. } | Screen::Step { scroll, .. }) => {
            *scroll = scroll.saturating_add_signed(by);
        }
    }
}

fn moved(from: usize, by: isize, length: usize) -> usize {
    from.saturating_add_signed(by).min(length.saturating_sub(1))
}

/// Lines of a screenful.
fn page(model: &Model) -> isize {
    let (_, rows) = model.size;
    isize::try_from(rows.saturating_sub(8).max(4)).unwrap_or(4)
}

/// Steps and findings of the sign-in that is open.
fn lengths(model: &Model) -> (usize, usize) {
    match model.screens.last() {
        Some(Screen::Logon { id, .. } | Screen::Step { id, .. }) => {
            let steps = model.logon(*id).map_or(0, |logon| sequence(logon).len());
            (steps, model.findings_of(*id).len())
        }
        _ => (0, 0),
    }
}

fn open(model: &mut Model) {
    let screen = match model.screens.last() {
        None => match selected_id(model) {
            Some(RowId::Logon(id)) => Some(logon_screen(model, id)),
            Some(RowId::Finding(finding)) => Some(Screen::Finding { finding, scroll: 0 }),
            None => None,
        },
        Some(Screen::Logon { id, pane: Pane::Steps, step, .. }) => {
            (lengths(model).0 > 0).then_some(Screen::Step { id: *id, step: *step, scroll: 0 })
        }
        Some(Screen::Logon { pane: Pane::Findings, .. }) => {
            shown_finding(model).map(|finding| Screen::Finding { finding, scroll: 0 })
        }
        Some(Screen::Finding { .. } | Screen::Step { .. }) => None,
    };
    if let Some(screen) = screen {
        // From now on the selection stays with what was opened.
        model.moved = true;
        model.screens.push(screen);
    }
}

/// A sign-in as it opens: on its findings where it has any.
fn logon_screen(model: &Model, id: u64) -> Screen {
    let pane = if model.findings_of(id).is_empty() { Pane::Steps } else { Pane::Findings };
    // The first step of the sign-in itself, not the questions before it.
    let step =
        model.logon(id).map_or(0, |logon| sequence(logon).iter().position(|step| step.event.is_some()).unwrap_or(0));
    Screen::Logon { id, pane, step, finding: 0 }
}

fn back(model: &mut Model) {
    if model.help.take().is_some() || model.screens.pop().is_some() {
        return;
    }
    model.limits.typing = false;
    model.limits.failures_only = false;
    model.limits.filter.clear();
    refilter(model);
}

/// From a sign-in to the next row's, from a step to the next step.
fn neighbour(model: &mut Model, by: isize) {
    let (steps, _) = lengths(model);
    if let Some(Screen::Step { step, scroll, .. }) = model.screens.last_mut() {
        *step = moved(*step, by, steps);
        *scroll = 0;
        let step = *step;
        // The list of steps below follows.
        for screen in &mut model.screens {
            if let Screen::Logon { step: selected, .. } = screen {
                *selected = step;
            }
        }
        return;
    }
    let Some(Screen::Logon { .. }) = model.screens.last() else { return };
    let rows = model.rows.iter().enumerate();
    let target = if by > 0 {
        rows.skip(model.selected + 1).find(|(_, row)| matches!(row, Row::Logon(_)))
    } else {
        rows.take(model.selected).rfind(|(_, row)| matches!(row, Row::Logon(_)))
    };
    if let Some((index, _)) = target {
        model.selected = index;
        if let Some(RowId::Logon(id)) = selected_id(model) {
            model.screens.pop();
            model.screens.push(logon_screen(model, id));
        }
    }
}

/// Lists the sign-ins that have the finding shown or selected.
fn same(model: &mut Model) {
    if let Some(finding) = shown_finding(model) {
        model.screens.clear();
        model.limits.failures_only = false;
        finding.code.clone_into(&mut model.limits.filter);
        refilter(model);
    }
}

/// The finding that is open, or selected in a sign-in.
fn shown_finding(model: &Model) -> Option<FindingId> {
    match model.screens.last() {
        Some(Screen::Finding { finding, .. }) => Some(finding.clone()),
        Some(Screen::Logon { id, finding, .. }) => {
            model.findings_of(*id).get(*finding).map(|finding| FindingId::of(finding))
        }
        _ => None,
    }
}

fn selected_id(model: &Model) -> Option<RowId> {
    model.rows.get(model.selected).and_then(|row| model.row_id(*row))
}

/// Shows what the filter leaves. The selection stays with its row if that is still there.
fn refilter(model: &mut Model) {
    let selected = selected_id(model);
    show_rows(model, selected.as_ref());
}

fn show_rows(model: &mut Model, selected: Option<&RowId>) {
    model.rows = model.visible_rows();
    let again = selected.and_then(|id| model.rows.iter().position(|row| model.row_id(*row).as_ref() == Some(id)));
    let last = model.rows.len().saturating_sub(1);
    model.selected = again.unwrap_or(if model.moved { model.selected.min(last) } else { 0 });
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
            Screen::Finding { finding, scroll } => {
                model.finding(&finding).is_some().then_some(Screen::Finding { finding, scroll })
            }
            Screen::Step { id, step, scroll } => {
                model.logon(id).filter(|logon| step < sequence(logon).len()).map(|_| Screen::Step { id, step, scroll })
            }
        };
        let Some(kept) = kept else { break };
        screens.push(kept);
    }
    model.screens = screens;
}

/// Keeps what is scrolled within its text.
fn clamp_scroll(model: &mut Model) {
    let limit = view::scroll_limit(model);
    if let Some(scroll) = &mut model.help {
        *scroll = (*scroll).min(limit);
    } else if let Some(Screen::Finding { scroll, .. } | Screen::Step { scroll, .. }) = model.screens.last_mut() {
        *scroll = (*scroll).min(limit);
    }
}
