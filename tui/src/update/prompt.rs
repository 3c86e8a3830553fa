//! What is typed: filters, commands and notes, with what tab proposes.

use std::path::PathBuf;

use crate::{
    columns::Column,
    export::Format,
    filter::Field,
    keys::{Action, BINDINGS},
    marks::MAX_NOTE,
    model::{Model, Prompt, PromptKind, Screen, View},
    tables::table,
    theme::Palette,
    update::{list, notes},
};

/// Characters that are taken of what is typed or pasted.
pub(super) const MAX_TYPED: usize = MAX_NOTE;

pub(super) fn begin_filter(model: &mut Model) {
    list::remember(model);
    let text = model.list().limits.filter.clone();
    model.prompt = Some(Prompt { kind: PromptKind::Filter, text, proposal: None });
}

pub(super) fn begin_command(model: &mut Model) {
    model.prompt = Some(Prompt { kind: PromptKind::Command, ..Prompt::default() });
}

pub(super) fn typed(model: &mut Model, character: char) {
    change(model, |text| {
        if !decode::text::is_harmful(character) && text.chars().count() < MAX_TYPED {
            text.push(character);
        }
    });
}

pub(super) fn erase(model: &mut Model) {
    change(model, |text| {
        text.pop();
    });
}

pub(super) fn clear(model: &mut Model) {
    change(model, String::clear);
}

fn change(model: &mut Model, change: impl FnOnce(&mut String)) {
    let Some(prompt) = &mut model.prompt else { return };
    change(&mut prompt.text);
    prompt.proposal = None;
    show_filter(model);
}

/// A filter works while it is typed.
fn show_filter(model: &mut Model) {
    if let Some(Prompt { kind: PromptKind::Filter, text, .. }) = &model.prompt {
        let text = text.clone();
        model.list_mut().limits.filter = text;
        list::refilter(model);
    }
}

/// Leaves what is typed; a filter is dropped.
pub(super) fn drop_it(model: &mut Model) {
    if let Some(Prompt { kind: PromptKind::Filter, .. }) = model.prompt.take() {
        let list = model.list_mut();
        list.trail.pop();
        list.limits.filter.clear();
        list.fault = None;
        list::refilter(model);
    }
}

/// Keeps a filter, does a command, keeps a note.
pub(super) fn keep(model: &mut Model) {
    let Some(prompt) = model.prompt.take() else { return };
    match prompt.kind {
        PromptKind::Filter => {
            let list = model.list_mut();
            if let Some(fault) = list.fault.take() {
                // What is shown stays what the last good filter leaves.
                model.notice = fault;
            } else if list.trail.last() == Some(&list.limits) {
                list.trail.pop();
            }
        }
        PromptKind::Note => notes::keep_note(model, &prompt.text),
        PromptKind::Command => command(model, prompt.text.trim()),
    }
}

/// Does a command: the name of a key's action, or one of these with a value.
fn command(model: &mut Model, text: &str) {
    let (name, value) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let value = value.trim();
    match (name, value) {
        ("", _) => {}
        ("sort", title) if table_column(model, title).is_some() => {
            model.screens.clear();
            let column = table_column(model, title);
            list::sort_table(model, column);
        }
        ("sort" | "group", column) if !column.is_empty() => match Column::named(column) {
            Some(column) => {
                super::show_view(model, View::Logons);
                if name == "sort" { list::sort(model, Some(column)) } else { list::group(model, Some(column)) }
            }
            None => model.notice = unknown(column, Column::ALL.iter().map(|(name, _)| *name)),
        },
        ("filter", filter) if !filter.is_empty() => {
            model.screens.clear();
            list::limit(model, |limits| filter.clone_into(&mut limits.filter));
            if let Some(fault) = model.list_mut().fault.take() {
                list::take_back(model);
                model.notice = fault;
            }
        }
        ("theme", palette) if !palette.is_empty() => match Palette::named(palette) {
            Some(palette) => model.theme = model.theme.with(palette),
            None => model.notice = unknown(palette, Palette::ALL.iter().map(|(name, _)| *name)),
        },
        ("export", rest) if !rest.is_empty() => {
            let (format, path) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            match Format::ALL.iter().find(|(name, _)| *name == format) {
                Some((_, format)) => {
                    let path = Some(path.trim()).filter(|path| !path.is_empty()).map(PathBuf::from);
                    notes::export(model, Some(*format), path);
                }
                None => model.notice = unknown(format, Format::ALL.iter().map(|(name, _)| *name)),
            }
        }
        ("note", text) if !text.is_empty() => notes::keep_note(model, text),
        ("logon", id) if !id.is_empty() => match id.parse().ok().filter(|id| model.logon(*id).is_some()) {
            Some(id) => {
                super::show_view(model, View::Logons);
                model.screens.push(Screen::Logon { id, pane: crate::model::Pane::Findings, step: 0, finding: 0 });
            }
            None => model.notice = format!("there is no sign-in {id}"),
        },
        (_, "") => match BINDINGS.iter().find(|binding| binding.name == name && is_command(binding.action)) {
            Some(binding) => run(model, binding.action, binding.places),
            None => model.notice = format!("no command is called {name}; tab proposes some"),
        },
        _ => model.notice = format!("{name} takes no value like that; ? shows the keys, tab the commands"),
    }
}

/// Does what a key would do, where that key works.
fn run(model: &mut Model, action: Action, places: &[crate::keys::Place]) {
    let here = BINDINGS.iter().any(|binding| binding.action == action && binding.places.contains(&model.place()));
    if here {
        super::act(model, action);
    } else {
        let places: Vec<&str> = places.iter().map(|place| place.name()).collect();
        model.notice = format!("that works in {}", places.join(", "));
    }
}

/// Whether it means something without a key: what is typed with keys does not.
fn is_command(action: Action) -> bool {
    !matches!(action, Action::Keep | Action::Erase | Action::Clear | Action::Complete)
}

fn unknown<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> String {
    format!("{name} is not one of {}", known.collect::<Vec<_>>().join(", "))
}

/// The column of this title in the table that is shown, if that is not of sign-ins.
fn table_column(model: &Model, title: &str) -> Option<usize> {
    let titles = table(model.view, model.shown.as_deref()?).titles();
    titles.iter().position(|known| known.eq_ignore_ascii_case(title))
}

/// The next proposal for what is typed.
pub(super) fn complete(model: &mut Model) {
    let Some(prompt) = &model.prompt else { return };
    let (typed, next) = prompt.proposal.clone().unwrap_or_else(|| (prompt.text.clone(), 0));
    let all = proposals(prompt.kind, &typed);
    if all.is_empty() {
        return;
    }
    let text = all.get(next % all.len()).cloned().unwrap_or_default();
    if let Some(prompt) = &mut model.prompt {
        prompt.text = text;
        prompt.proposal = Some((typed, next + 1));
    }
    show_filter(model);
}

/// Everything that what is typed can become.
pub(crate) fn proposals(kind: PromptKind, typed: &str) -> Vec<String> {
    match kind {
        PromptKind::Note => Vec::new(),
        PromptKind::Filter => {
            let start = typed.rfind(char::is_whitespace).map_or(0, |at| at + 1);
            let (before, word) = typed.split_at(start);
            let (not, word) = word.strip_prefix('!').map_or(("", word), |word| ("!", word));
            let names = Field::ALL.iter().map(|(name, _)| *name).chain(["since", "until", "longer"]);
            let values = |field: &str| -> &'static [&'static str] {
                match field {
                    "outcome" => &["failed", "undecided", "succeeded"],
                    "method" => &["key-trust", "certificate", "password", "cloud-kerberos", "anonymous", "hidden"],
                    "severity" => &["critical", "high", "medium", "low", "info"],
                    "marked" => &["yes", "no"],
                    _ => &[],
                }
            };
            match word.split_once(':') {
                Some((field, value)) => values(field)
                    .iter()
                    .filter(|known| known.starts_with(value))
                    .map(|known| format!("{before}{not}{field}:{known}"))
                    .collect(),
                None => {
                    names.filter(|name| name.starts_with(word)).map(|name| format!("{before}{not}{name}:")).collect()
                }
            }
        }
        PromptKind::Command => {
            let with = |name: &str, values: &mut dyn Iterator<Item = &'static str>| -> Vec<String> {
                values.map(|value| format!("{name} {value}")).collect()
            };
            let mut all: Vec<String> =
                BINDINGS.iter().filter(|binding| is_command(binding.action)).map(|it| it.name.to_owned()).collect();
            all.push("logon".to_owned());
            all.extend(with("sort", &mut Column::ALL.iter().map(|(name, _)| *name)));
            all.extend(with("group", &mut Column::ALL.iter().map(|(name, _)| *name)));
            all.extend(with("theme", &mut Palette::ALL.iter().map(|(name, _)| *name)));
            all.extend(with("export", &mut Format::ALL.iter().map(|(name, _)| *name)));
            all.retain(|command| command.starts_with(typed.trim_start()));
            all.sort_unstable();
            all.dedup();
            all
        }
    }
}
