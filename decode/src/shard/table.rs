//! The connections of a shard by their keys.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::hash_table::{Entry, HashTable};

use super::Flow;
use crate::FlowKey;

/// What an alarm keeps of a key: the hash of it, a fifth of its room. Two keys may have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id(u64);

/// Connections by key.
///
/// Each is in a box, which holds its key too, so that a place of the table is one pointer: the table has up to twice as
/// many places as connections, and the fewer lines of memory it takes, the faster a packet finds its connection.
#[derive(Debug, Default)]
pub(super) struct Table {
    flows: HashTable<Box<Flow>>,
    hasher: RandomState,
}

impl Table {
    pub(super) fn id(&self, key: &FlowKey) -> Id {
        Id(self.hasher.hash_one(key))
    }

    pub(super) fn len(&self) -> usize {
        self.flows.len()
    }

    /// Whether this one is there. `id` is that of the key, as in what follows.
    pub(super) fn contains(&self, id: Id, key: &FlowKey) -> bool {
        self.flows.find(id.0, |flow| flow.key == *key).is_some()
    }

    pub(super) fn get_mut(&mut self, id: Id, key: &FlowKey) -> Option<&mut Flow> {
        self.flows.find_mut(id.0, |flow| flow.key == *key).map(Box::as_mut)
    }

    pub(super) fn entry(&mut self, id: Id, key: &FlowKey) -> Entry<'_, Box<Flow>> {
        let hasher = &self.hasher;
        self.flows.entry(id.0, |flow| flow.key == *key, |flow| hasher.hash_one(flow.key))
    }

    /// All of this id, which is nearly always one or none.
    pub(super) fn of_id(&self, id: Id) -> impl Iterator<Item = &Flow> {
        self.flows.iter_hash(id.0).map(Box::as_ref).filter(move |flow| self.id(&flow.key) == id)
    }

    /// Takes one out.
    pub(super) fn remove(&mut self, id: Id, key: &FlowKey) -> Option<Box<Flow>> {
        let entry = self.flows.find_entry(id.0, |flow| flow.key == *key).ok()?;
        Some(entry.remove().0)
    }

    /// Takes all out, in the order of their keys.
    #[expect(clippy::vec_box, reason = "they are in boxes already: sorting moves pointers")]
    pub(super) fn take_all(&mut self) -> Vec<Box<Flow>> {
        let mut flows: Vec<Box<Flow>> = std::mem::take(&mut self.flows).into_iter().collect();
        flows.sort_unstable_by_key(|flow| flow.key);
        flows
    }
}
