//! Logons of which nothing can change any more: what was found in them stays, they themselves retire.
//!
//! With more than [`Past::MAX_LOGONS`] logons the oldest are released. The rules look at them for the last time, with
//! what is known by then. Of those that succeeded a number remains; of the others what the report says of them, until
//! there are too many of these, too. What was known beyond single logons is kept for as long as a logon that is still
//! open needs it.

use std::{collections::BTreeMap, net::IpAddr};

use capture::CaptureTime;
use rayon::prelude::*;
use trace::{Facts, Grouper, LogonId, Logons, Outcome, Released};

use super::{
    Signs,
    comparisons::{REJECTED, Tallies},
    logons::{Sketch, casts_doubt},
    records::Records,
    writer::{LOOKED_UP_WITHIN, Writer},
};
use crate::{
    Severity,
    controllers::{Faults, OfKdc},
    diagnose::{Findings, TOGETHER, answers},
};

/// What remains of logons that were released.
#[derive(Debug)]
pub(crate) struct Past {
    /// Logons told in full.
    most: usize,
    /// Times that some were released.
    lots: usize,
    known: Known,
    /// Those that are told in full, in the order in which they began; without their findings, which `findings` has.
    records: Records,
    /// The others, by outcome.
    retired: BTreeMap<&'static str, u64>,
    /// When each client last looked for a domain controller for the sake of one of them.
    located: BTreeMap<IpAddr, CaptureTime>,
}

/// What was found in logons that were released, and counts of them: what a report goes on from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(super) findings: Findings,
    pub(super) of_kdc: OfKdc,
    pub(super) tallies: Tallies,
    pub(super) faults: Faults,
    pub(super) signs: Signs,
}

impl Default for Past {
    fn default() -> Self {
        Self {
            most: Self::MAX_LOGONS,
            lots: 0,
            known: Known::default(),
            records: Records::default(),
            retired: BTreeMap::new(),
            located: BTreeMap::new(),
        }
    }
}

impl Past {
    /// Logons told in full, unless told otherwise. A person reads some hundreds, and a script that wants more can read
    /// the capture in pieces; at half a KiB each, a day's worth of a large site takes some 50 MB.
    pub(crate) const MAX_LOGONS: usize = 100_000;
    /// A sixteenth of them is released at a time: it costs a look at all that are kept.
    const LOTS: usize = 16;
    /// With every so many of these what nobody needs is forgotten: that costs a look at all devices.
    const LOTS_TO_FORGET: usize = 4;
    /// A logon to which something happened within this many seconds is not released: it may go on, or be answered
    /// again.
    const REST_SECONDS: i64 = 120;
    /// What happened this many seconds before the oldest logon is forgotten: rules look back no further, but for keys.
    const LOOK_BACK_SECONDS: i64 = 3600;

    /// Tells no more than so many logons in full.
    pub(crate) fn keep(&mut self, logons: usize) {
        self.most = logons.min(Logons::MAX_KEPT / 2);
    }

    /// Capture time has passed to `now`: releases what there are too many of.
    pub(crate) fn make_room(&mut self, grouper: &mut Grouper, now: CaptureTime, inputs: &[String]) {
        let kept = grouper.logons().len() + self.records.len();
        let Some(beyond) = kept.checked_sub(self.most).filter(|beyond| *beyond > 0) else { return };
        let released = grouper.release(beyond + self.most / Self::LOTS, now, Self::REST_SECONDS);
        let facts = grouper.facts();
        let writer = Writer::new(inputs, facts);
        let look = |released: &Released| {
            let logon = released.open()?.into_owned();
            let (sketch, answers) = (Sketch::of(&logon), answers(&logon, facts));
            Some((logon, sketch, answers))
        };
        let mut gone = Vec::new();
        // Not all are open at once.
        let looked = released.chunks(TOGETHER).flat_map(|some| some.par_iter().filter_map(look).collect::<Vec<_>>());
        for (logon, sketch, answers) in looked {
            let logon = &logon;
            let found = || answers.iter().filter_map(|(rule, found)| Some((rule, found.as_ref()?)));
            let severity = |(rule, found): (&&crate::Rule, &crate::Found)| found.severity.unwrap_or(rule.severity);
            let doubted = found().any(|(rule, found)| casts_doubt(rule.code, severity((rule, found))));
            let is_grave = found().map(severity).any(|severity| severity >= Severity::High);
            let outcome = sketch.outcome(facts, doubted);
            sketch.count(outcome, &mut self.known.of_kdc);
            let rejected = found().any(|(rule, _)| rule.code == REJECTED);
            self.known.tallies.note(&sketch, outcome, rejected);
            self.known.signs.note(logon, facts);
            if let Some((kdc, certificate)) = sketch.signer() {
                self.known.faults.judge((kdc, certificate));
                for (rule, _) in found().filter(|(rule, _)| Faults::is_about(rule.code)) {
                    self.known.faults.note(kdc, certificate, rule.code);
                }
            }
            let before = self.located.insert(logon.client, sketch.located_until);
            if outcome != Outcome::Succeeded || is_grave {
                self.records.push(&writer.logon(logon, outcome, Vec::new(), before));
            } else {
                gone.push(logon.id);
                *self.retired.entry(outcome.name()).or_default() += 1;
            }
            self.known.findings.add(answers, Some(logon.id));
        }
        self.records.sort();
        self.retire(&mut gone);
        gone.sort_unstable();
        self.known.findings.forget(|id| gone.binary_search(&id).is_ok());
        self.lots += 1;
        if self.lots.is_multiple_of(Self::LOTS_TO_FORGET) {
            self.forget(grouper);
        }
    }

    /// Counts the oldest of those told in full where there are too many: those that failed last.
    fn retire(&mut self, gone: &mut Vec<LogonId>) {
        // The latest always have a place.
        let most = self.most / 4 * 3;
        for is_failed in [false, true] {
            let mut beyond = self.records.len().saturating_sub(most);
            self.records.retain(|record| {
                let goes = beyond > 0 && (record.outcome == Outcome::Failed.name()) == is_failed;
                if goes {
                    beyond -= 1;
                    gone.push(LogonId(record.id));
                    *self.retired.entry(record.outcome).or_default() += 1;
                }
                !goes
            });
        }
    }

    /// Forgets what no logon that is kept needs. What rests on it alone is found now.
    fn forget(&mut self, grouper: &mut Grouper) {
        let Some(oldest) = grouper.logons().oldest() else { return };
        let before = oldest.plus_seconds(-Self::LOOK_BACK_SECONDS);
        self.known.findings.look_at_devices(grouper.facts(), |found| {
            !found.evidence.is_empty() && found.evidence.iter().all(|evidence| evidence.seen.at < before)
        });
        grouper.forget(before);
        let looked = oldest.plus_seconds(-LOOKED_UP_WITHIN);
        self.located.retain(|_, until| *until >= looked);
    }

    pub(super) fn known(&self) -> &Known {
        &self.known
    }

    /// Takes what was found, and does not copy it: only the last report may.
    pub(crate) fn take_known(&mut self) -> Known {
        std::mem::take(&mut self.known)
    }

    pub(super) fn records(&self) -> &Records {
        &self.records
    }

    pub(super) fn retired(&self) -> &BTreeMap<&'static str, u64> {
        &self.retired
    }

    pub(super) fn located(&self) -> &BTreeMap<IpAddr, CaptureTime> {
        &self.located
    }
}

/// Limits that were reached, and how much is beyond each.
pub(super) fn limits(logons: &Logons, facts: &Facts, findings: u64, compared: u64) -> BTreeMap<&'static str, u64> {
    let own = [("logons", logons.beyond()), ("findings", findings), ("compared_users", compared)];
    own.into_iter().chain(facts.limits()).filter(|(_, beyond)| *beyond > 0).collect()
}
