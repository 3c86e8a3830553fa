//! Which connections to look at in which second.

use std::collections::{BTreeMap, VecDeque};

use super::table::Id;

/// Connections for which a list of what to look at keeps its room: a second in which more are due is rare.
pub(super) const MAX_SPARE: usize = 16 << 10;

/// Which flows to look at in which second.
///
/// An alarm is not moved when its flow has another packet: when it rings, the flow is asked what it waits for, and the
/// alarm is set again. So a packet costs no work here, and a tick costs what is due.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    by_second: BTreeMap<u64, VecDeque<Id>>,
    /// An empty list, for the next second that has none.
    spare: VecDeque<Id>,
}

impl Alarms {
    pub(super) fn set(&mut self, second: u64, id: Id) {
        self.by_second.entry(second).or_insert_with(|| std::mem::take(&mut self.spare)).push_back(id);
    }

    /// Moves all up to `now` to `due`.
    pub(super) fn take_due(&mut self, now: u64, due: &mut Vec<Id>) {
        while let Some(entry) = self.by_second.first_entry().filter(|entry| *entry.key() <= now) {
            let mut list = entry.remove();
            due.extend(list.drain(..));
            if (self.spare.capacity()..=MAX_SPARE).contains(&list.capacity()) {
                self.spare = list;
            }
        }
    }

    /// Removes and returns the first.
    pub(super) fn take_first(&mut self) -> Option<(u64, Id)> {
        let mut entry = self.by_second.first_entry()?;
        let second = *entry.key();
        let id = entry.get_mut().pop_front();
        if entry.get().is_empty() {
            entry.remove();
        }
        id.map(|id| (second, id))
    }
}
