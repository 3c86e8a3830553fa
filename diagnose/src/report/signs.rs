//! What single logons show of the deployment: noted while each is looked at, so that nobody goes through all of them
//! again.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use capture::CaptureTime;
use trace::{Facts, Logon, Logons};

use crate::{
    Evidence,
    checklist::{SIGNS, Sign, suffix_of, synchronised},
};

/// Suffixes of names that are kept: those of the first logons.
const MAX_SUFFIXES: usize = 12;

/// What logons show: of each sign the first logon that has it.
#[derive(Clone, Debug)]
pub(crate) struct Signs {
    first: Vec<Option<Evidence>>,
    more: More,
}

/// What more than the first logon tells.
#[derive(Clone, Debug, Default)]
struct More {
    /// Suffixes of the names that users sign in with, each with the number of the first logon and its packet.
    suffixes: BTreeMap<String, (u64, Evidence)>,
    /// When the account of Entra Connect was last seen.
    synchronised: Option<CaptureTime>,
}

impl Default for Signs {
    fn default() -> Self {
        Self { first: vec![None; SIGNS.len()], more: More::default() }
    }
}

impl Signs {
    /// Takes a logon into account. Logons come in order.
    pub(super) fn note(&mut self, logon: &Logon, facts: &Facts) {
        for ((_, shows), first) in SIGNS.iter().zip(&mut self.first) {
            if first.is_none() {
                *first = shows(logon, facts);
            }
        }
        self.more.note(logon);
    }

    /// The packet of the first logon that has this sign.
    pub(crate) fn first(&self, sign: Sign) -> Option<&Evidence> {
        let place = SIGNS.iter().position(|(other, _)| *other == sign)?;
        self.first.get(place)?.as_ref()
    }

    /// Suffixes of the names that users sign in with, in the order of the first logons with them.
    pub(crate) fn suffixes(&self) -> Vec<(String, Evidence)> {
        let mut suffixes: Vec<_> = self.more.suffixes.iter().collect();
        suffixes.sort_by_key(|(_, (id, _))| *id);
        suffixes.into_iter().map(|(suffix, (_, evidence))| (suffix.clone(), evidence.clone())).collect()
    }

    /// When the account of Entra Connect was last seen.
    pub(crate) fn synchronised(&self) -> Option<CaptureTime> {
        self.more.synchronised
    }

    /// Goes on with logons in any order, by several threads.
    pub(super) fn into_watch(self) -> Watch {
        let first = |shown: &Option<Evidence>| AtomicUsize::new(if shown.is_some() { 0 } else { usize::MAX });
        let places = self.first.iter().map(first).collect();
        Watch { places, first: self.first, more: Mutex::new(self.more) }
    }

    /// What logons in order show.
    #[cfg(test)]
    pub(crate) fn of(logons: &[Logon], facts: &Facts) -> Self {
        let mut signs = Self::default();
        for logon in logons {
            signs.note(logon, facts);
        }
        signs
    }
}

impl More {
    fn note(&mut self, logon: &Logon) {
        self.synchronised = self.synchronised.max(synchronised(logon));
        let Some((suffix, evidence)) = suffix_of(logon) else { return };
        self.note_suffix(logon.id.0, suffix, evidence);
    }

    /// The same ones are kept in whatever order they come.
    fn note_suffix(&mut self, id: u64, suffix: String, evidence: Evidence) {
        if self.suffixes.get(&suffix).is_some_and(|(first, _)| *first <= id) {
            return;
        }
        self.suffixes.insert(suffix, (id, evidence));
        if self.suffixes.len() > MAX_SUFFIXES {
            let last = self.suffixes.iter().max_by_key(|(_, (id, _))| *id).map(|(suffix, _)| suffix.clone());
            if let Some(last) = last {
                self.suffixes.remove(&last);
            }
        }
    }
}

/// Which logon is the first to have each sign.
pub(super) struct Watch {
    first: Vec<Option<Evidence>>,
    /// Its number; 0 where that is known already.
    places: Vec<AtomicUsize>,
    more: Mutex<More>,
}

impl Watch {
    pub(super) fn note(&self, logon: &Logon, facts: &Facts) {
        let id = usize::try_from(logon.id.0).unwrap_or(usize::MAX);
        for ((_, shows), place) in SIGNS.iter().zip(&self.places) {
            if id < place.load(Ordering::Relaxed) && shows(logon, facts).is_some() {
                place.fetch_min(id, Ordering::Relaxed);
            }
        }
        let (seen, named) = (synchronised(logon), suffix_of(logon));
        if seen.is_some() || named.is_some() {
            let mut more = self.more.lock().unwrap_or_else(PoisonError::into_inner);
            more.synchronised = more.synchronised.max(seen);
            if let Some((suffix, evidence)) = named {
                more.note_suffix(logon.id.0, suffix, evidence);
            }
        }
    }

    /// What they show.
    pub(super) fn found(self, logons: &Logons, facts: &Facts) -> Signs {
        let Self { mut first, places, more } = self;
        for (((_, shows), first), place) in SIGNS.iter().zip(&mut first).zip(places) {
            if first.is_none() {
                let logon = logons.numbered(place.into_inner());
                *first = logon.and_then(|logon| shows(&logon, facts));
            }
        }
        Signs { first, more: more.into_inner().unwrap_or_else(PoisonError::into_inner) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Evidence, MAX_SUFFIXES, More};

    #[test]
    fn the_suffixes_of_the_first_logons_are_kept_in_whatever_order_they_come() {
        let seen = decode::Seen::in_packet(capture::PacketId::FIRST, capture::CaptureTime(0));
        let noted = |ids: &[u64]| {
            let mut more = More::default();
            for id in ids {
                more.note_suffix(*id, format!("{}.example", id % 20), Evidence::new(seen, "", String::new(), ""));
            }
            more.suffixes.into_iter().map(|(suffix, (id, _))| (suffix, id)).collect::<Vec<_>>()
        };
        let forwards: Vec<u64> = (0..100).collect();
        let backwards: Vec<u64> = (0..100).rev().collect();
        assert_eq!(noted(&forwards), noted(&backwards));
        assert_eq!(noted(&forwards).len(), MAX_SUFFIXES);
    }
}
