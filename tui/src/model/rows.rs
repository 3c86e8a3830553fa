//! The rows of each list: what filter, window and failures-only leave, in the order asked for.

use diagnose::{DomainControllerReport, FindingReport, HostReport};

use super::{FindingId, Group, List, Model, Row, RowId, View};
use crate::{
    columns::Column,
    filter::{Field, Filterable},
    limits::Limit,
    snapshot::{KeyUse, Snapshot},
    tables::table,
};

impl Model {
    /// The rows of a view as its list asks for them, and its groups.
    pub(crate) fn rows_of(&self, view: View) -> (Vec<Row>, Vec<Group>) {
        let Some(snapshot) = self.shown.as_deref() else { return (Vec::new(), Vec::new()) };
        let list = self.list_of(view);
        let mut places = match view {
            View::Logons => return self.logon_rows(snapshot, list),
            View::Overview => {
                let rows = (0..snapshot.report.findings.len()).map(Row::Finding);
                return (rows.filter(|row| self.shows(snapshot, list, *row)).collect(), Vec::new());
            }
            View::DomainControllers => items(&snapshot.report.domain_controllers, list, |_| true),
            View::Keys => items(&snapshot.keys, list, KeyUse::is_bad),
            View::Cloud => items(&snapshot.report.hosts, list, |host| !host.failures.is_empty()),
            View::Log => items(&snapshot.limits, list, |_| true),
        };
        if let Some(column) = list.table_sort {
            let table = table(view, snapshot);
            places.sort_by_cached_key(|place| table.rank(*place, column));
        }
        if list.reversed {
            places.reverse();
        }
        (places.into_iter().map(Row::Item).collect(), Vec::new())
    }

    fn logon_rows(&self, snapshot: &Snapshot, list: &List) -> (Vec<Row>, Vec<Group>) {
        let kept = snapshot.index.kept(snapshot, &self.marks, &list.limits, &list.filter);
        if let Some(column) = list.limits.group {
            let groups = groups(snapshot, &kept, column);
            return ((0..groups.len()).map(Row::Group).collect(), groups);
        }
        let alone = |row: &Row| matches!(row, Row::Finding(_)) && self.shows(snapshot, list, *row);
        let mut rows: Vec<Row> = if list.sort == Column::Finding {
            let is_kept = |row: &Row| match row {
                Row::Logon(place) => kept.get(*place).copied().unwrap_or(false),
                other => alone(other),
            };
            snapshot.worst_first.iter().filter(|row| is_kept(row)).copied().collect()
        } else {
            let places = snapshot.index.in_order(list.sort, &kept, &snapshot.report.logons);
            let rows = places.into_iter().map(|place| Row::Logon(place as usize));
            rows.chain(snapshot.worst_first.iter().filter(|row| alone(row)).copied()).collect()
        };
        if list.reversed {
            rows.reverse();
        }
        (rows, Vec::new())
    }

    /// Whether the limits of a list leave a finding.
    fn shows(&self, snapshot: &Snapshot, list: &List, row: Row) -> bool {
        let Row::Finding(index) = row else { return true };
        (!list.limits.failures_only || snapshot.is_failure(row))
            && list.limits.window.is_none()
            && snapshot
                .report
                .findings
                .get(index)
                .is_some_and(|finding| list.filter.is_empty() || list.filter.shows(&OfFinding { model: self, finding }))
    }

    /// What a row of a view is about.
    pub(crate) fn row_id(&self, view: View, row: Row) -> Option<RowId> {
        let snapshot = self.shown.as_deref()?;
        let report = &snapshot.report;
        match row {
            Row::Logon(place) => report.logons.get(place).map(|logon| RowId::Logon(logon.id)),
            Row::Finding(index) => report.findings.get(index).map(|finding| RowId::Finding(FindingId::of(finding))),
            Row::Group(index) => self.list_of(view).groups.get(index).map(|group| RowId::Named(group.value.clone())),
            Row::Item(index) => match view {
                View::DomainControllers => report.domain_controllers.get(index).map(|dc| dc.address.clone()),
                View::Keys => snapshot.keys.get(index).map(|key| key.id.clone()),
                View::Cloud => report.hosts.get(index).map(|host| host.name.clone()),
                View::Log => snapshot.limits.get(index).map(|limit| limit.what.clone()),
                View::Overview | View::Logons => None,
            }
            .map(RowId::Named),
        }
    }

    /// Rows of a view with nothing left out.
    pub(crate) fn all_rows(&self, view: View) -> usize {
        let Some(snapshot) = self.shown.as_deref() else { return 0 };
        match view {
            View::Overview => snapshot.report.findings.len(),
            View::Logons => snapshot.all_rows(),
            View::DomainControllers => snapshot.report.domain_controllers.len(),
            View::Keys => snapshot.keys.len(),
            View::Cloud => snapshot.report.hosts.len(),
            View::Log => snapshot.limits.len(),
        }
    }
}

fn items<T: Filterable>(all: &[T], list: &List, fails: impl Fn(&T) -> bool) -> Vec<usize> {
    let shown = all
        .iter()
        .enumerate()
        .filter(|(_, item)| (!list.limits.failures_only || fails(item)) && list.filter.shows(*item));
    shown.map(|(index, _)| index).collect()
}

/// The sign-ins that are kept by the values in a column: those with most failures first, times as they are.
fn groups(snapshot: &Snapshot, kept: &[bool], column: Column) -> Vec<Group> {
    let mut groups = snapshot.index.groups(snapshot, kept, column);
    if column != Column::Time {
        groups.sort_by_key(|group| {
            (std::cmp::Reverse(group.outcomes.first().copied()), group.worst.unwrap_or(usize::MAX))
        });
    }
    groups
}

struct OfFinding<'m> {
    model: &'m Model,
    finding: &'m FindingReport,
}

impl Filterable for OfFinding<'_> {
    fn any(&self, field: Field, is: &mut dyn FnMut(&str) -> bool) -> bool {
        match field {
            Field::Code => is(self.finding.code),
            Field::Severity => is(self.finding.severity.name()),
            Field::User | Field::Client | Field::Dc | Field::Host => is(&self.finding.subject),
            Field::Note => self.model.mark_of_finding(self.finding).is_some_and(|mark| is(&mark.note)),
            Field::Marked => is(yes(self.model.mark_of_finding(self.finding).is_some_and(|mark| mark.marked))),
            Field::Method | Field::Outcome | Field::Key | Field::Site => false,
        }
    }

    fn text(&self, is: &mut dyn FnMut(&str) -> bool, codes: &[&'static str]) -> bool {
        codes.contains(&self.finding.code)
            || is(&self.finding.subject)
            || is(&self.finding.summary)
            || is(self.finding.title)
            || self.any(Field::Note, is)
    }

    fn began(&self) -> Option<&str> {
        None
    }

    fn took(&self) -> Option<i64> {
        None
    }
}

impl Filterable for DomainControllerReport {
    fn any(&self, field: Field, is: &mut dyn FnMut(&str) -> bool) -> bool {
        match field {
            Field::Dc | Field::Host => is(&self.name) || is(&self.address),
            Field::Site => is(&self.site),
            _ => false,
        }
    }

    fn text(&self, is: &mut dyn FnMut(&str) -> bool, _: &[&'static str]) -> bool {
        is(&self.name)
            || is(&self.address)
            || is(&self.site)
            || self.certificate.as_ref().is_some_and(|certificate| is(&certificate.subject) || is(&certificate.issuer))
    }

    fn began(&self) -> Option<&str> {
        None
    }

    fn took(&self) -> Option<i64> {
        None
    }
}

impl Filterable for KeyUse {
    fn any(&self, field: Field, is: &mut dyn FnMut(&str) -> bool) -> bool {
        match field {
            Field::Key => is(&self.id),
            Field::User => {
                let owners = self.known.iter().flat_map(|known| &known.owners);
                self.users.iter().chain(owners.map(|owner| &owner.account)).any(|user| is(user))
            }
            Field::Client => {
                self.devices.iter().chain(self.known.iter().map(|known| &known.device)).any(|device| is(device))
            }
            Field::Method => is(self.method),
            Field::Code => self.codes.iter().any(|code| is(code)),
            _ => false,
        }
    }

    fn text(&self, is: &mut dyn FnMut(&str) -> bool, codes: &[&'static str]) -> bool {
        [Field::Key, Field::User, Field::Client, Field::Method].iter().any(|field| self.any(*field, is))
            || self.codes.iter().any(|code| codes.contains(code))
            || self.known.as_ref().is_some_and(|known| is(known.state.words()) || is(&known.usage))
    }

    fn began(&self) -> Option<&str> {
        Some(&self.last)
    }

    fn took(&self) -> Option<i64> {
        None
    }
}

impl Filterable for HostReport {
    fn any(&self, field: Field, is: &mut dyn FnMut(&str) -> bool) -> bool {
        match field {
            Field::Host => is(&self.name),
            Field::Client => self.clients.iter().any(|client| is(client)),
            Field::Outcome => is(if self.failures.is_empty() { "succeeded" } else { "failed" }),
            _ => false,
        }
    }

    fn text(&self, is: &mut dyn FnMut(&str) -> bool, _: &[&'static str]) -> bool {
        self.any(Field::Host, is)
            || self.any(Field::Client, is)
            || self.failures.iter().any(|(what, _)| is(what))
            || is(&self.issuer)
    }

    fn began(&self) -> Option<&str> {
        None
    }

    fn took(&self) -> Option<i64> {
        None
    }
}

impl Filterable for Limit {
    fn any(&self, _: Field, _: &mut dyn FnMut(&str) -> bool) -> bool {
        false
    }

    fn text(&self, is: &mut dyn FnMut(&str) -> bool, _: &[&'static str]) -> bool {
        is(self.kind) || is(&self.what) || is(self.means)
    }

    fn began(&self) -> Option<&str> {
        None
    }

    fn took(&self) -> Option<i64> {
        None
    }
}

fn yes(it: bool) -> &'static str {
    if it { "yes" } else { "no" }
}
