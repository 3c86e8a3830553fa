//! The first lines: where one is, what was read, and what of it is shown.

use ratatui::text::Line;

use super::{Page, both_ends, clock, counted, raw, styled};
use crate::{
    model::{Model, Reading, Screen, Subject, View},
    text::{cut, width},
};

/// What the views are called at the top.
const TABS: [(View, &str); 6] = [
    (View::Overview, "1 overview"),
    (View::Logons, "2 sign-ins"),
    (View::DomainControllers, "3 DCs"),
    (View::Keys, "4 keys"),
    (View::Cloud, "5 cloud"),
    (View::Log, "6 log"),
];

/// Two lines above a list.
pub(super) fn draw(model: &Model, page: &mut Page<'_>) {
    let theme = page.theme;
    let mut spans = vec![raw(" ")];
    let mut used = 1;
    for (view, name) in TABS {
        let style = if view == model.view { theme.heading().patch(theme.lit()) } else { theme.dim() };
        spans.push(styled(name, style));
        spans.push(raw(" "));
        used += width(name) + 1;
    }
    let [failed, undecided, succeeded] = model.shown.as_deref().map(|it| it.outcomes).unwrap_or_default();
    let counts: Vec<String> = [(failed, "failed"), (undecided, "undecided"), (succeeded, "ok")]
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let counts = counts.join(", ");
    let room = page.columns().saturating_sub(used + 1);
    if width(&counts) <= room {
        spans.push(raw(" ".repeat(room - width(&counts))));
        spans.push(styled(counts, if failed > 0 { theme.outcome("failed") } else { theme.strong() }));
    }
    page.line(0, Line::from(spans));
    page.line(1, capture(model, page));
}

/// What was read, and what is left out of the list.
fn capture(model: &Model, page: &Page<'_>) -> Line<'static> {
    let theme = page.theme;
    let columns = page.columns().saturating_sub(2);
    if let Reading::Failed(why) = &model.reading {
        return Line::from(styled(format!(" {}", cut(why, columns)), theme.outcome("failed")));
    }
    let Some(report) = model.report() else { return Line::from(styled(" hellotrace", theme.heading())) };
    let capture = &report.capture;
    let inputs = match capture.inputs.as_slice() {
        [one] => one.rsplit(['/', '\\']).next().unwrap_or(one).to_owned(),
        many => format!("{} captures", many.len()),
    };
    let span = if capture.first.is_empty() {
        String::new()
    } else {
        let same_day = capture.first.get(..10) == capture.last.get(..10);
        let to = clock(&capture.last, if same_day { 11 } else { 0 }, 19);
        format!(", {} to {to} UTC", clock(&capture.first, 0, 19))
    };
    let packets = counted(usize::try_from(capture.packets).unwrap_or(usize::MAX), "packet");
    let shown = shown(model);
    let (left, right) = both_ends(&format!("{inputs}: {packets}{span}"), &cut(&shown, columns / 2), columns);
    Line::from(vec![raw(" "), styled(left, theme.dim()), styled(right, theme.strong())])
}

/// What the list leaves out; empty where it shows all.
fn shown(model: &Model) -> String {
    let list = model.list();
    let mut limits: Vec<String> = Vec::new();
    if model.frozen {
        limits.push(if model.waiting.is_some() { "frozen, more has come" } else { "frozen" }.to_owned());
    }
    if list.follow {
        limits.push("following".to_owned());
    }
    if let Some((from, to)) = list.limits.window {
        limits.push(duration(to - from));
    }
    if list.limits.failures_only {
        limits.push("failures only".to_owned());
    }
    if let Some(column) = list.limits.group {
        limits.push(format!("by {}", column.title()));
    }
    if !list.limits.filter.trim().is_empty() {
        limits.push(list.limits.filter.trim().to_owned());
    }
    if limits.is_empty() {
        return String::new();
    }
    format!("{}: {} of {}", limits.join(", "), list.rows.len(), model.all_rows(model.view))
}

fn duration(nanoseconds: i64) -> String {
    match nanoseconds / 1_000_000_000 {
        3600.. => "1 h around".to_owned(),
        seconds @ 60.. => format!("{} min around", seconds / 60),
        seconds => format!("{seconds} s around"),
    }
}

/// Where one is, above what is open: each part is one esc further back.
pub(super) fn path(model: &Model, page: &mut Page<'_>) {
    let theme = page.theme;
    let mut parts =
        vec![TABS.iter().find(|(view, _)| *view == model.view).map_or("", |(_, name)| &name[2..]).to_owned()];
    for screen in &model.screens {
        parts.push(match screen {
            Screen::Logon { id, .. } => model.logon(*id).map_or_else(String::new, |logon| {
                format!("{} {}", logon.principal.as_deref().unwrap_or("sign-in"), clock(&logon.started, 11, 19))
            }),
            Screen::Finding { finding, .. } => finding.code.to_owned(),
            Screen::Details { of, .. } => match of {
                Subject::DomainController(name) | Subject::Host(name) => name.clone(),
                Subject::Key(id) => format!("key {id}"),
                Subject::Certificate { .. } => "certificate".to_owned(),
            },
            Screen::Message { id, step, .. } => {
                let packet =
                    model.logon(*id).and_then(|logon| crate::model::sequence(logon).get(*step).map(|step| step.packet));
                packet.map_or_else(String::new, |packet| format!("packet {packet}"))
            }
        });
    }
    let path = cut(&parts.join(theme.lines.path), page.columns().saturating_sub(2));
    page.line(0, Line::from(styled(format!(" {path}"), theme.dim())));
}

/// The view whose name is in this place of the terminal.
pub(crate) fn tab_at(model: &Model, column: u16, row: u16) -> Option<View> {
    if row != 0 || !model.screens.is_empty() {
        return None;
    }
    let mut end = 1;
    for (view, name) in TABS {
        let start = end;
        end += width(name) + 1;
        if (start..end).contains(&usize::from(column)) {
            return Some(view);
        }
    }
    None
}
