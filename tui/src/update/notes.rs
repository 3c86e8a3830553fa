//! Marks, notes, and what leaves the program: files and the clipboard.

use std::path::PathBuf;

use crate::{
    details::{Detail, details},
    export::{Export, Format, What},
    fields,
    marks::{MAX_NOTE, Mark, of_finding, of_logon},
    model::{Bytes, Model, Pane, Prompt, PromptKind, Row, Screen, sequence},
    request::Request,
    tables::table,
    update::{list, open},
};

/// What is marked where the user stands, as the session file calls it.
fn subject(model: &Model) -> Option<String> {
    match model.screens.last() {
        Some(Screen::Logon { id, pane: Pane::Steps, .. } | Screen::Message { id, .. }) => {
            model.logon(*id).map(of_logon)
        }
        None => match model.selected_row() {
            Some(Row::Logon(place)) => model.logons().get(place).map(of_logon),
            Some(Row::Finding(index)) => model.findings().get(index).map(of_finding),
            _ => None,
        },
        Some(_) => open::shown_finding(model).and_then(|id| model.finding(&id).map(of_finding)),
    }
}

fn change(model: &mut Model, change: impl FnOnce(&mut Mark)) {
    let Some(of) = subject(model) else {
        "only sign-ins and findings have marks and notes".clone_into(&mut model.notice);
        return;
    };
    model.marks.change(&of, change);
    if model.marks.is_kept() {
        model.requests.push(Request::Save(model.marks.text()));
    } else {
        "kept until the end of the program; --session FILE keeps it".clone_into(&mut model.notice);
    }
    let view = model.view;
    let selected = list::selected_id(model, view);
    list::show_rows(model, view, selected.as_ref());
}

pub(super) fn mark(model: &mut Model) {
    change(model, |mark| mark.marked = !mark.marked);
}

/// Begins to type a note, with what is noted already.
pub(super) fn begin_note(model: &mut Model) {
    match subject(model) {
        Some(of) => {
            let text = model.marks.of(&of).map(|mark| mark.note.clone()).unwrap_or_default();
            model.prompt = Some(Prompt { kind: PromptKind::Note, text, proposal: None });
        }
        None => "only sign-ins and findings have notes".clone_into(&mut model.notice),
    }
}

pub(super) fn keep_note(model: &mut Model, text: &str) {
    let note: String = text.trim().chars().take(MAX_NOTE).collect();
    change(model, |mark| mark.note = note);
}

/// Asks for a file of what is shown.
pub(super) fn export(model: &mut Model, format: Option<Format>, path: Option<PathBuf>) {
    let Some(snapshot) = model.shown.clone() else {
        "there is nothing to write yet".clone_into(&mut model.notice);
        return;
    };
    let (what, note) = match model.screens.last() {
        Some(Screen::Logon { id, .. } | Screen::Message { id, .. }) => (What::Logon(*id), String::new()),
        Some(Screen::Finding { finding, .. }) => {
            let note = model.finding(finding).and_then(|finding| model.mark_of_finding(finding));
            (What::Finding(finding.clone()), note.map(|mark| mark.note.clone()).unwrap_or_default())
        }
        None | Some(Screen::Details { .. }) => {
            (What::List(model.view, model.list().rows.clone(), model.list().groups.clone()), String::new())
        }
    };
    let formats = what.formats();
    let format = match format {
        None => formats.first().copied(),
        Some(format) => Some(format).filter(|format| formats.contains(format)),
    };
    let Some(format) = format else {
        let names: Vec<&str> = formats.iter().map(|format| format.name()).collect();
        model.notice = format!("this can be written as {}", names.join(" or "));
        return;
    };
    model.requests.push(Request::Write(Export { snapshot, what, format, note }, path));
    "writing ...".clone_into(&mut model.notice);
}

/// Copies the selected value.
pub(super) fn copy(model: &mut Model) {
    let text = value(model).filter(|text| !text.is_empty());
    match text {
        Some(text) => {
            model.notice = format!("copied: {text}");
            model.requests.push(Request::Copy(text));
        }
        None => "nothing to copy here".clone_into(&mut model.notice),
    }
}

fn value(model: &Model) -> Option<String> {
    let snapshot = model.shown.as_deref()?;
    match model.screens.last() {
        Some(Screen::Message { id, step, field }) => {
            let event = match &model.bytes {
                Bytes::Here(.., found) => found.event.clone(),
                _ => model.logon(*id).and_then(|logon| sequence(logon).get(*step).and_then(|step| step.event.clone())),
            };
            fields::fields(event?.as_ref()).into_iter().nth(*field).map(|field| field.value)
        }
        Some(Screen::Logon { id, pane: Pane::Steps, step, .. }) => {
            model.logon(*id).and_then(|logon| sequence(logon).get(*step).map(|step| step.summary.clone()))
        }
        Some(Screen::Finding { finding, evidence, .. }) => {
            let finding = model.finding(finding)?;
            finding.evidence.get(*evidence).map(|evidence| evidence.value.clone())
        }
        Some(Screen::Logon { .. }) => {
            open::shown_finding(model).and_then(|id| model.finding(&id).map(|finding| finding.summary.clone()))
        }
        Some(Screen::Details { of, .. }) => {
            let lines = details(model, of).into_iter().map(|detail| match detail {
                Detail::Heading(text) => text,
                Detail::Line(label, text, _) => format!("{label}\t{text}"),
            });
            Some(lines.collect::<Vec<_>>().join("\n"))
        }
        None => match model.selected_row()? {
            Row::Logon(place) => Some(model.list().column.value(snapshot, place)),
            Row::Finding(index) => model.findings().get(index).map(|finding| finding.summary.clone()),
            Row::Group(index) => model.list().groups.get(index).map(|group| group.value.clone()),
            Row::Item(index) => {
                let cells = table(model.view, snapshot).row(index);
                Some(cells.into_iter().map(|cell| cell.text).collect::<Vec<_>>().join("\t"))
            }
        },
    }
}
