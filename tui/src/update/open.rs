//! Going deeper, going back, and going on to neighbours.

use crate::{
    details::{Detail, KEY_IDENTIFIER, certificate_around, certificate_details},
    fields::fields,
    filter::{Field, exactly},
    model::{FindingId, Limits, Model, Pane, Row, Screen, Subject, View, sequence},
    update::list,
    view,
};

/// Opens what is selected.
pub(super) fn open(model: &mut Model) {
    let screen = match model.screens.last() {
        None => match model.selected_row() {
            Some(Row::Logon(place)) => model.logons().get(place).map(|logon| logon_screen(model, logon.id)),
            Some(Row::Finding(index)) => {
                model.findings().get(index).map(|finding| finding_screen(FindingId::of(finding)))
            }
            Some(Row::Group(index)) => return list::open_group(model, index),
            Some(Row::Item(index)) => return open_item(model, index),
            None => None,
        },
        Some(Screen::Logon { id, pane: Pane::Steps, step, .. }) => {
            (list::lengths(model).0 > 0).then_some(Screen::Message { id: *id, step: *step, field: 0 })
        }
        Some(Screen::Logon { pane: Pane::Findings, .. }) => shown_finding(model).map(finding_screen),
        Some(Screen::Finding { .. }) => return open_evidence(model),
        Some(Screen::Message { .. }) => return open_certificate(model),
        Some(Screen::Details { of, .. }) => return list_of(model, &of.clone()),
    };
    if let Some(screen) = screen {
        // From now on the selection stays with what was opened.
        model.list_mut().moved = true;
        model.screens.push(screen);
    }
}

fn finding_screen(finding: FindingId) -> Screen {
    Screen::Finding { finding, scroll: 0, evidence: 0 }
}

/// The certificate that the selected field is of.
fn open_certificate(model: &mut Model) {
    let Some(Screen::Message { id, step, field }) = model.screens.last() else { return };
    let packet = model.logon(*id).and_then(|logon| sequence(logon).get(*step).map(|step| step.packet));
    let fields = view::event_of_message(model).map(|event| fields(&event)).unwrap_or_default();
    match certificate_around(&fields, *field).zip(packet) {
        Some((certificate, packet)) => {
            let lines = certificate_details(certificate);
            model.screens.push(Screen::Details { of: Subject::Certificate { packet, lines }, scroll: 0 });
        }
        None => "no certificate: select one of its lines".clone_into(&mut model.notice),
    }
}

/// The sign-ins with a domain controller or a key.
fn list_of(model: &mut Model, of: &Subject) {
    match of {
        Subject::DomainController(address) => list_logons(model, exactly(Field::Dc, address, false)),
        Subject::Key(id) => list_logons(model, exactly(Field::Key, id, false)),
        Subject::Host(_) => "sign-ins do not say which hosts of the cloud they went by".clone_into(&mut model.notice),
        Subject::Certificate { lines, .. } => {
            let key = lines.iter().find_map(|line| match line {
                Detail::Line(label, text, _) if label == KEY_IDENTIFIER => Some(text.clone()),
                _ => None,
            });
            match key.filter(|key| model.logons().iter().any(|logon| logon.key_id == *key)) {
                Some(key) => list_logons(model, exactly(Field::Key, &key, false)),
                None => "no sign-in was asked for with this key".clone_into(&mut model.notice),
            }
        }
    }
}

/// A domain controller or a key opens in full.
fn open_item(model: &mut Model, index: usize) {
    let Some(snapshot) = model.shown.as_deref() else { return };
    let of = match model.view {
        View::DomainControllers => {
            snapshot.report.domain_controllers.get(index).map(|dc| Subject::DomainController(dc.address.clone()))
        }
        View::Keys => snapshot.keys.get(index).map(|key| Subject::Key(key.id.clone())),
        View::Cloud => return open_host(model, index),
        View::Overview | View::Logons | View::Log => None,
    };
    match of {
        Some(of) => model.screens.push(Screen::Details { of, scroll: 0 }),
        None => "there is no more to it than this line".clone_into(&mut model.notice),
    }
}

/// A host opens the finding about it, or in full where there is none.
fn open_host(model: &mut Model, index: usize) {
    let Some(name) = model.hosts().get(index).map(|host| host.name.clone()) else { return };
    let about = |finding: &&diagnose::FindingReport| {
        finding.subject == name || finding.evidence.iter().any(|evidence| evidence.value == name)
    };
    match model.findings().iter().find(about).map(FindingId::of) {
        Some(finding) => model.screens.push(finding_screen(finding)),
        None => model.screens.push(Screen::Details { of: Subject::Host(name), scroll: 0 }),
    }
}

/// Shows the sign-ins that a filter leaves; esc there shows all of them again.
fn list_logons(model: &mut Model, filter: String) {
    model.screens.clear();
    model.view = View::Logons;
    list::limit(model, |limits| *limits = Limits { filter, ..Limits::default() });
    model.list_mut().selected = 0;
}

/// Opens the message that a piece of evidence is in.
fn open_evidence(model: &mut Model) {
    let Some(Screen::Finding { finding, evidence, .. }) = model.screens.last() else { return };
    let Some(finding) = model.finding(finding) else { return };
    let Some(evidence) = finding.evidence.get(*evidence) else {
        "it has no evidence to open".clone_into(&mut model.notice);
        return;
    };
    let is_it = |step: &diagnose::StepReport| step.packet == evidence.packet && step.file == evidence.file;
    let of = |logon: &&diagnose::LogonReport| {
        // The order of its steps is worked out for the one that has it.
        logon.steps.iter().find(|step| is_it(step))?;
        let step = sequence(logon).iter().position(|step| is_it(step))?;
        Some(Screen::Message { id: logon.id, step, field: 0 })
    };
    // The sign-ins that it is about first: most evidence is there.
    let own = finding.logons.iter().filter_map(|id| model.logon(*id));
    let screen = own.chain(model.logons()).take(MAX_SEARCHED).find_map(|logon| of(&logon));
    let packet = evidence.packet;
    match screen {
        Some(screen) => model.screens.push(screen),
        None => {
            model.notice = format!("packet {packet} is no step of a sign-in; hellotrace events and Wireshark show it");
        }
    }
}

/// Sign-ins in which a packet is looked for: no key may take long.
const MAX_SEARCHED: usize = 20_000;

/// A sign-in as it opens: on its findings where it has any.
fn logon_screen(model: &Model, id: u64) -> Screen {
    let pane = if model.findings_of(id).is_empty() { Pane::Steps } else { Pane::Findings };
    // The first step of the sign-in itself, not the questions before it.
    let step =
        model.logon(id).map_or(0, |logon| sequence(logon).iter().position(|step| step.event.is_some()).unwrap_or(0));
    Screen::Logon { id, pane, step, finding: 0 }
}

/// One step back: out of what is typed, the keys, what is open, or the last limit of a list.
pub(super) fn back(model: &mut Model) {
    if model.prompt.is_some() {
        super::prompt::drop_it(model);
        return;
    }
    if model.help.take().is_some() || model.screens.pop().is_some() {
        return;
    }
    let list = model.list_mut();
    if list.follow {
        list.follow = false;
    } else if !list.trail.is_empty() || list.limits != Limits::default() {
        list::take_back(model);
    }
}

/// From findings to steps and back, or to the next piece of evidence.
pub(super) fn other_pane(model: &mut Model) {
    let pieces = match model.screens.last() {
        Some(Screen::Finding { finding, .. }) => model.finding(finding).map_or(0, |finding| finding.evidence.len()),
        _ => 0,
    };
    match model.screens.last_mut() {
        Some(Screen::Logon { pane, .. }) => {
            *pane = if *pane == Pane::Steps { Pane::Findings } else { Pane::Steps };
        }
        Some(Screen::Finding { evidence, .. }) if pieces > 0 => {
            *evidence = (*evidence + 1) % pieces;
            let line = view::line_of_evidence(model);
            let rows = usize::from(model.size.1).saturating_sub(4).max(1);
            if let Some(Screen::Finding { scroll, .. }) = model.screens.last_mut()
                && (line < *scroll || line >= *scroll + rows)
            {
                *scroll = line.saturating_sub(rows / 2);
            }
        }
        _ => {}
    }
}

/// To the next failure of a list, from a sign-in to the next row's, from a message to the next.
pub(super) fn neighbour(model: &mut Model, by: isize) {
    let (steps, _) = list::lengths(model);
    match model.screens.last_mut() {
        Some(Screen::Message { step, field, .. }) => {
            *step = list::moved(*step, by, steps);
            *field = 0;
            let step = *step;
            // The list of steps below follows.
            for screen in &mut model.screens {
                if let Screen::Logon { step: selected, .. } = screen {
                    *selected = step;
                }
            }
        }
        Some(Screen::Logon { .. }) => {
            // One may be open that the list does not show: then there is no next.
            if go(model, by, |_, row| matches!(row, Row::Logon(_)))
                && let Some(Row::Logon(place)) = model.selected_row()
                && let Some(id) = model.logons().get(place).map(|logon| logon.id)
            {
                model.screens.pop();
                let screen = logon_screen(model, id);
                model.screens.push(screen);
            }
        }
        Some(Screen::Finding { .. } | Screen::Details { .. }) => {}
        None => {
            let found = go(model, by, |model, row| {
                model.shown.as_deref().is_some_and(|snapshot| match row {
                    Row::Logon(_) | Row::Finding(_) => snapshot.is_failure(row),
                    Row::Group(index) => {
                        model.list().groups.get(index).is_some_and(|group| group.outcomes.first() > Some(&0))
                    }
                    Row::Item(index) => view::is_bad(model, index),
                })
            });
            if !found {
                let way = if by > 0 { "below" } else { "above" };
                model.notice = format!("no failure {way}");
            }
        }
    }
}

/// Selects the nearest row of this kind in a direction, if there is one.
fn go(model: &mut Model, by: isize, wanted: impl Fn(&Model, Row) -> bool) -> bool {
    let list = model.list();
    let rows = list.rows.iter().enumerate();
    let target = if by > 0 {
        rows.skip(list.selected + 1).find(|(_, row)| wanted(model, **row))
    } else {
        rows.take(list.selected).rfind(|(_, row)| wanted(model, **row))
    };
    let Some((index, _)) = target else { return false };
    let list = model.list_mut();
    list.selected = index;
    list.moved = true;
    true
}

/// Lists the sign-ins that have the finding shown or selected.
pub(super) fn same(model: &mut Model) {
    if let Some(finding) = shown_finding(model) {
        list_logons(model, format!("code:={}", finding.code));
    }
}

/// The finding that is open, or selected in a sign-in or list.
pub(super) fn shown_finding(model: &Model) -> Option<FindingId> {
    match model.screens.last() {
        Some(Screen::Finding { finding, .. }) => Some(finding.clone()),
        Some(Screen::Logon { id, finding, pane: Pane::Findings, .. }) => {
            model.findings_of(*id).get(*finding).map(|finding| FindingId::of(finding))
        }
        None => match model.selected_row() {
            Some(Row::Finding(index)) => model.findings().get(index).map(FindingId::of),
            _ => None,
        },
        _ => None,
    }
}

/// A click selects; on what is selected it opens.
pub(super) fn click(model: &mut Model, column: u16, row: u16) {
    if model.prompt.is_some() || model.help.is_some() || !model.screens.is_empty() {
        return;
    }
    if let Some(view) = view::tab_at(model, column, row) {
        super::show_view(model, view);
        return;
    }
    let Some(index) = view::row_at(model, row) else { return };
    let list = model.list_mut();
    if list.selected == index {
        open(model);
    } else if index < list.rows.len() {
        list.selected = index;
        list.moved = true;
    }
}
