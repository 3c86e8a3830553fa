//! Runs the catalogue over logons and facts, in parallel, and makes one finding of what has one cause.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    panic::{AssertUnwindSafe, catch_unwind},
};

use rayon::prelude::*;
use trace::{Facts, Logon, LogonId, Logons};

use crate::{CATALOGUE, Evidence, Found, Rule, Scope, Severity, Subject, Verdict, endpoints};

/// A finding about one subject, with every logon it concerns.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// The rule.
    pub rule: &'static Rule,
    /// How bad it is.
    pub severity: Severity,
    /// Logons concerned, in order. Empty for what concerns no logon.
    pub logons: Vec<LogonId>,
    /// Further ones, which are not kept.
    pub beyond: u64,
    /// The surest of the findings merged here, with the evidence of all, up to twelve pieces.
    pub found: Found,
}

/// Pieces of evidence kept for one finding: enough to look at, few enough to read.
const MAX_EVIDENCE: usize = 12;

/// Rules that did not answer: a fault of ours in them, by code.
#[derive(Clone, Debug, Default)]
pub struct Failures(pub BTreeMap<&'static str, u64>);

/// Logons that are looked at together: enough to keep all threads busy, few enough that what is found in them takes
/// little room before it is merged.
pub(crate) const TOGETHER: usize = 512;

/// Runs every rule over logons and facts. Findings are sorted: worst first, then by code, then by subject.
pub fn diagnose(logons: &[Logon], facts: &Facts) -> (Vec<Diagnosis>, Failures) {
    let mut findings = Findings::default();
    for logon in logons {
        findings.add(answers(logon, facts), Some(logon.id));
    }
    findings.look_beyond(facts);
    findings.sorted()
}

/// What was found so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    merged: BTreeMap<(&'static str, Subject), Diagnosis>,
    failures: Failures,
    /// Findings that are not kept because there are too many.
    beyond: u64,
}

impl Findings {
    /// Findings kept. An administrator reads some tens; with their evidence, and written for the report, these are some
    /// 20 MB.
    pub(crate) const MAX_FINDINGS: usize = 10_000;

    /// Runs the rules about single logons over all of them, in parallel, and calls `note` for each, in parallel too.
    /// What that returned comes back in the order of the logons.
    pub(crate) fn look_at<T: Send>(
        &mut self,
        logons: &Logons,
        facts: &Facts,
        note: impl Fn(&Logon) -> T + Sync,
    ) -> Vec<T> {
        let mut notes = Vec::with_capacity(logons.len());
        for start in (0..logons.len()).step_by(TOGETHER) {
            let places = start..logons.len().min(start + TOGETHER);
            // Collected in the order of the logons.
            let looked: Vec<_> = places
                .into_par_iter()
                .filter_map(|place| logons.at(place))
                .map(|logon| (logon.id, answers(&logon, facts), note(&logon)))
                .collect();
            for (id, answers, noted) in looked {
                self.add(answers, Some(id));
                notes.push(noted);
            }
        }
        notes
    }

    /// Runs the rules about devices. Of what they find only that is taken which is `wanted`.
    pub(crate) fn look_at_devices(&mut self, facts: &Facts, wanted: impl Fn(&Found) -> bool + Sync) {
        let devices: Vec<IpAddr> = devices(facts).into_iter().collect();
        let found: Vec<Vec<Answer>> = devices
            .into_par_iter()
            .map(|device| {
                let mut answers = supersede(run(|scope| match scope {
                    Scope::Device(check) => Some(check(device, facts)),
                    _ => None,
                }));
                answers.retain(|(_, found)| found.as_ref().is_none_or(&wanted));
                answers
            })
            .collect();
        for answers in found {
            self.add(answers, None);
        }
    }

    /// Runs the rules about all but single logons.
    pub(crate) fn look_beyond(&mut self, facts: &Facts) {
        self.look_at_devices(facts, |_| true);
        let mut others: Vec<Answer> = Vec::new();
        for service in facts.cloud.services().filter(|service| endpoints::matters(service)) {
            others.extend(run(|scope| match scope {
                Scope::Service(check) => Some(check(service, facts)),
                _ => None,
            }));
        }
        for fetch in facts.cloud.fetches() {
            others.extend(run(|scope| match scope {
                Scope::Fetch(check) => Some(check(fetch, facts)),
                _ => None,
            }));
        }
        others.extend(run(|scope| match scope {
            Scope::Capture(check) => Some(check(facts)),
            _ => None,
        }));
        self.add(others, None);
    }

    /// Adds what was found about a logon, or about none.
    pub(crate) fn add(&mut self, answers: Vec<Answer>, id: Option<LogonId>) {
        for (rule, answer) in answers {
            let Some(found) = answer else {
                *self.failures.0.entry(rule.code).or_default() += 1;
                continue;
            };
            let key = (rule.code, found.subject.folded());
            if self.merged.len() >= Self::MAX_FINDINGS && !self.merged.contains_key(&key) {
                self.beyond += 1;
                continue;
            }
            merge(&mut self.merged, key, rule, id, found);
        }
    }

    /// Counts the logons that are `gone` and names them no more.
    pub(crate) fn forget(&mut self, gone: impl Fn(LogonId) -> bool) {
        for diagnosis in self.merged.values_mut() {
            let before = diagnosis.logons.len();
            diagnosis.logons.retain(|id| !gone(*id));
            let left = diagnosis.logons.len();
            // What is found in most logons would keep room for twice as many.
            diagnosis.logons.shrink_to(left + left / 4);
            diagnosis.beyond += (before - left) as u64;
        }
    }

    /// Findings that are not kept.
    pub(crate) fn beyond(&self) -> u64 {
        self.beyond
    }

    /// Worst first, then by code, then by subject.
    pub(crate) fn sorted(self) -> (Vec<Diagnosis>, Failures) {
        let mut findings: Vec<Diagnosis> = self.merged.into_values().collect();
        for diagnosis in &mut findings {
            diagnosis.logons.sort_unstable();
        }
        findings.sort_by(|one, other| {
            let key = |diagnosis: &Diagnosis| (std::cmp::Reverse(diagnosis.severity), diagnosis.rule.code);
            key(one).cmp(&key(other)).then_with(|| one.found.subject.cmp(&other.found.subject))
        });
        (findings, self.failures)
    }
}

/// What the rules about single logons find in this one.
pub(crate) fn answers(logon: &Logon, facts: &Facts) -> Vec<Answer> {
    supersede(run(|scope| logon_check(scope, logon, facts)))
}

/// Clients that asked for a domain controller, signed in with a key or by way of Microsoft Entra, wrote keys into the
/// directory, or synchronise it, in order of address.
pub(crate) fn devices(facts: &Facts) -> BTreeSet<IpAddr> {
    let asked = facts.locator.clients().chain(facts.pings.clients()).chain(facts.models.keys().copied());
    let asked = asked.chain(facts.credentials.writers()).chain(facts.synchronisers());
    asked.chain(facts.refused_binds.clients()).collect()
}

/// A rule and what it found; `None` when it failed.
pub(crate) type Answer = (&'static Rule, Option<Found>);

fn logon_check(scope: Scope, logon: &Logon, facts: &Facts) -> Option<Verdict> {
    match scope {
        Scope::Logon(check) => Some(check(logon, facts)),
        _ => None,
    }
}

/// What the rules found. A panic in one of them is an answer of its own and does not touch the others.
fn run(check: impl Fn(Scope) -> Option<Verdict>) -> Vec<Answer> {
    CATALOGUE
        .iter()
        .filter_map(|rule| match catch_unwind(AssertUnwindSafe(|| check(rule.check))) {
            Ok(verdict) => verdict.and_then(Verdict::found).map(|found| (*rule, Some(found))),
            Err(_) => Some((*rule, None)),
        })
        .collect()
}

/// Leaves out what a more specific finding on the same logon already says.
fn supersede(answers: Vec<Answer>) -> Vec<Answer> {
    if answers.len() < 2 {
        return answers;
    }
    let said: BTreeSet<&str> = answers
        .iter()
        .filter(|(_, found)| found.is_some())
        .flat_map(|(rule, _)| rule.supersedes.iter().copied())
        .collect();
    answers.into_iter().filter(|(rule, _)| !said.contains(rule.code)).collect()
}

fn merge(
    merged: &mut BTreeMap<(&'static str, Subject), Diagnosis>,
    key: (&'static str, Subject),
    rule: &'static Rule,
    id: Option<LogonId>,
    found: Found,
) {
    let severity = found.severity.unwrap_or(rule.severity);
    match merged.entry(key) {
        std::collections::btree_map::Entry::Vacant(entry) => {
            let mut found = found;
            found.evidence.truncate(MAX_EVIDENCE);
            found.evidence.iter_mut().for_each(Evidence::shrink);
            found.evidence.shrink_to_fit();
            found.summary.shrink_to_fit();
            entry.insert(Diagnosis { rule, severity, logons: id.into_iter().collect(), beyond: 0, found });
        }
        std::collections::btree_map::Entry::Occupied(mut entry) => {
            let known = entry.get_mut();
            known.logons.extend(id);
            let mut evidence: Vec<Evidence> = std::mem::take(&mut known.found.evidence);
            for mut piece in found.evidence {
                if evidence.len() < MAX_EVIDENCE && !evidence.contains(&piece) {
                    piece.shrink();
                    evidence.reserve_exact(1);
                    evidence.push(piece);
                }
            }
            // The gravest speaks for all, and of those the surest.
            if (severity, found.confidence) > (known.severity, known.found.confidence) {
                known.severity = severity;
                known.found.confidence = found.confidence;
                known.found.summary = found.summary;
            }
            known.found.evidence = evidence;
        }
    }
}
