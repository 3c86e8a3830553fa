//! Runs the catalogue over logons and facts, in parallel, and makes one finding of what has one cause.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    panic::{AssertUnwindSafe, catch_unwind},
};

use rayon::prelude::*;
use trace::{Facts, Logon, LogonId};

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
    /// The surest of the findings merged here, with the evidence of all, up to twelve pieces.
    pub found: Found,
}

/// Pieces of evidence kept for one finding: enough to look at, few enough to read.
const MAX_EVIDENCE: usize = 12;

/// Rules that did not answer: a fault of ours in them, by code.
#[derive(Clone, Debug, Default)]
pub struct Failures(pub BTreeMap<&'static str, u64>);

/// Runs every rule. Findings are sorted: worst first, then by code, then by subject.
pub fn diagnose(logons: &[Logon], facts: &Facts) -> (Vec<Diagnosis>, Failures) {
    let mut by_logon: Vec<(LogonId, Vec<Answer>)> =
        logons.par_iter().map(|logon| (logon.id, supersede(run(|scope| logon_check(scope, logon, facts))))).collect();
    by_logon.sort_by_key(|(id, _)| *id);
    let devices = devices(facts);
    let mut others: Vec<Answer> = Vec::new();
    for device in devices {
        others.extend(supersede(run(|scope| match scope {
            Scope::Device(check) => Some(check(device, facts)),
            _ => None,
        })));
    }
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

    let mut failures = Failures::default();
    let mut merged: BTreeMap<(&'static str, Subject), Diagnosis> = BTreeMap::new();
    let answers = by_logon
        .into_iter()
        .flat_map(|(id, answers)| answers.into_iter().map(move |answer| (Some(id), answer)))
        .chain(others.into_iter().map(|answer| (None, answer)));
    for (id, (rule, answer)) in answers {
        let Some(found) = answer else {
            *failures.0.entry(rule.code).or_default() += 1;
            continue;
        };
        merge(&mut merged, rule, id, found);
    }
    let mut findings: Vec<Diagnosis> = merged.into_values().collect();
    findings.sort_by(|one, other| {
        let key = |diagnosis: &Diagnosis| (std::cmp::Reverse(diagnosis.severity), diagnosis.rule.code);
        key(one).cmp(&key(other)).then_with(|| one.found.subject.cmp(&other.found.subject))
    });
    (findings, failures)
}

/// Clients that asked for a domain controller, signed in with a key or by way of Microsoft Entra, wrote keys into the
/// directory, or synchronise it, in order of address.
pub(crate) fn devices(facts: &Facts) -> BTreeSet<IpAddr> {
    let asked = facts.locator.clients().chain(facts.pings.clients()).chain(facts.models.keys().copied());
    let asked = asked.chain(facts.credentials.writers()).chain(facts.synchronisers());
    asked.chain(facts.refused_binds.clients()).collect()
}

/// A rule and what it found; `None` when it failed.
type Answer = (&'static Rule, Option<Found>);

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
    let said: BTreeSet<&str> = answers
        .iter()
        .filter(|(_, found)| found.is_some())
        .flat_map(|(rule, _)| rule.supersedes.iter().copied())
        .collect();
    answers.into_iter().filter(|(rule, _)| !said.contains(rule.code)).collect()
}

fn merge(
    merged: &mut BTreeMap<(&'static str, Subject), Diagnosis>,
    rule: &'static Rule,
    id: Option<LogonId>,
    found: Found,
) {
    let severity = found.severity.unwrap_or(rule.severity);
    match merged.entry((rule.code, found.subject.folded())) {
        std::collections::btree_map::Entry::Vacant(entry) => {
            let mut found = found;
            found.evidence.truncate(MAX_EVIDENCE);
            entry.insert(Diagnosis { rule, severity, logons: id.into_iter().collect(), found });
        }
        std::collections::btree_map::Entry::Occupied(mut entry) => {
            let known = entry.get_mut();
            known.logons.extend(id);
            let mut evidence: Vec<Evidence> = std::mem::take(&mut known.found.evidence);
            for piece in found.evidence {
                if evidence.len() < MAX_EVIDENCE && !evidence.contains(&piece) {
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
