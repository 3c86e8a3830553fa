//! A report with what the screens need of it, worked out once. It is made where the report is, behind the screens, so
//! that a key never waits for a hundred thousand sign-ins.

use std::{cmp::Reverse, collections::BTreeMap};

use diagnose::{DirectoryReport, FindingReport, KeyReport, KeysReport, LogonReport, Report, Severity};

use crate::{
    cloud::add_cloud,
    health::{Health, healths},
    index::Index,
    limits::{Limit, limits},
    model::Row,
    text::width,
};

/// Parts of the capture's time that charts are made of; a chart adds up as many of them as its columns need.
pub(crate) const PARTS: usize = 240;
/// Parts of the capture's time in the trend of a finding.
pub(crate) const HITS: usize = 16;

/// A report, ready to be shown.
#[derive(Debug)]
pub struct Snapshot {
    pub(crate) report: Report,
    /// The worst finding of each sign-in, by their places in the report; `NONE` where there is none.
    worst: Vec<u32>,
    /// Findings that are not about a sign-in.
    alone: Vec<usize>,
    /// Sign-ins that failed, are undecided, succeeded.
    pub(crate) outcomes: [usize; 3],
    /// Columns of the longest user's name.
    pub(crate) longest_user: usize,
    /// Every row of the list, worst first: by severity, then outcome, then time.
    pub(crate) worst_first: Vec<Row>,
    /// Sign-ins by time, those that failed, are undecided, succeeded.
    pub(crate) timeline: Vec<[u32; 3]>,
    /// The sign-ins of each finding by time.
    pub(crate) hits: Vec<[u32; HITS]>,
    pub(crate) keys: Vec<KeyUse>,
    /// What the exports of the directory hold, where one was given.
    pub(crate) directory: Option<DirectoryReport>,
    pub(crate) health: Vec<Health>,
    pub(crate) limits: Vec<Limit>,
    /// What filters and orders go by.
    pub(crate) index: Index,
}

/// No finding.
const NONE: u32 = u32::MAX;

/// A key as it was used, and as the directory has it.
#[derive(Clone, Debug)]
pub(crate) struct KeyUse {
    pub(crate) id: String,
    pub(crate) method: &'static str,
    /// With it, by number of sign-ins.
    pub(crate) users: Vec<String>,
    pub(crate) devices: Vec<String>,
    pub(crate) outcomes: [usize; 3],
    /// Codes of findings about the sign-ins with it, those of keys first.
    pub(crate) codes: Vec<&'static str>,
    pub(crate) last: String,
    /// What the directory says of it, where an export was given.
    pub(crate) known: Option<Box<KeyReport>>,
}

impl KeyUse {
    /// Whether somebody should look after it.
    pub(crate) fn is_bad(&self) -> bool {
        self.outcomes.first() > Some(&0) || self.known.as_ref().is_some_and(|known| known.is_fault())
    }
}

/// The place of an outcome in counts.
pub(crate) fn place_of(outcome: &str) -> usize {
    match outcome {
        "failed" => 0,
        "undecided" => 1,
        _ => 2,
    }
}

impl Snapshot {
    /// Works it out. Takes as long as the report is large.
    pub fn new(mut report: Report) -> Self {
        add_cloud(&mut report);
        let mut worst = vec![NONE; report.logons.len()];
        let mut alone = Vec::new();
        let first = report.logons.iter().map(|logon| logon.began.0).min().unwrap_or(0);
        let last = report.logons.iter().map(|logon| logon.began.0).max().unwrap_or(0);
        let part = |logon: &LogonReport, parts: usize| part_of(logon.began.0, first, last, parts);
        let mut hits = vec![[0; HITS]; report.findings.len()];
        for (index, (finding, hits)) in report.findings.iter().zip(&mut hits).enumerate() {
            if finding.logons.is_empty() {
                alone.push(index);
            }
            for id in &finding.logons {
                let Some(place) = place_of_logon(&report.logons, *id) else { continue };
                if let Some(worst) = worst.get_mut(place).filter(|worst| **worst == NONE) {
                    *worst = u32::try_from(index).unwrap_or(NONE);
                }
                if let Some(count) = report.logons.get(place).and_then(|logon| hits.get_mut(part(logon, HITS))) {
                    *count += 1;
                }
            }
        }
        let mut outcomes = [0; 3];
        let mut timeline = vec![[0; 3]; PARTS];
        let mut longest_user = 0;
        for logon in &report.logons {
            let outcome = place_of(logon.outcome);
            if let Some(count) = outcomes.get_mut(outcome) {
                *count += 1;
            }
            if let Some(count) = timeline.get_mut(part(logon, PARTS)).and_then(|counts| counts.get_mut(outcome)) {
                *count += 1;
            }
            longest_user = longest_user.max(logon.principal.as_deref().map_or(0, width));
        }
        let worst_first = worst_first(&report, &worst, &alone);
        let keys = keys(&report.logons);
        let health = healths(&report);
        let limits = limits(&report);
        let places = worst_first.iter().filter_map(|row| if let Row::Logon(place) = row { Some(*place) } else { None });
        let index = Index::new(&report.logons, places);
        Self {
            report,
            worst,
            alone,
            outcomes,
            longest_user,
            worst_first,
            timeline,
            hits,
            keys,
            directory: None,
            health,
            limits,
            index,
        }
    }

    /// The same with what exports of the directory say of keys.
    #[must_use]
    pub fn with_keys(mut self, keys: KeysReport) -> Self {
        if keys.directory.is_none() {
            return self;
        }
        self.directory = keys.directory;
        let places: BTreeMap<String, usize> = self.keys.iter().map(|key| key.id.clone()).zip(0..).collect();
        for known in keys.keys {
            let used = places.get(&known.key_id).and_then(|place| self.keys.get_mut(*place));
            match used {
                Some(used) => used.known = Some(Box::new(known)),
                None => self.keys.push(KeyUse {
                    id: known.key_id.clone(),
                    method: "",
                    users: Vec::new(),
                    devices: Vec::new(),
                    outcomes: [0; 3],
                    codes: Vec::new(),
                    last: String::new(),
                    known: Some(Box::new(known)),
                }),
            }
        }
        // Those that want looking after, then those in use; else as they came.
        self.keys.sort_by_key(|key| (!key.is_bad(), key.users.is_empty()));
        self
    }

    /// The place of a sign-in in the report.
    pub(crate) fn place(&self, id: u64) -> Option<usize> {
        place_of_logon(&self.report.logons, id)
    }

    /// The worst finding about the sign-in at this place, by its place in the report.
    pub(crate) fn worst_index(&self, place: usize) -> Option<usize> {
        self.worst.get(place).filter(|worst| **worst != NONE).map(|worst| *worst as usize)
    }

    /// The same.
    pub(crate) fn worst(&self, place: usize) -> Option<&FindingReport> {
        self.worst_index(place).and_then(|index| self.report.findings.get(index))
    }

    /// Whether a sign-in failed, or has a finding that says that others will.
    pub(crate) fn is_failure(&self, row: Row) -> bool {
        match row {
            Row::Logon(place) => {
                self.report.logons.get(place).is_some_and(|logon| logon.outcome == "failed")
                    || self.worst(place).is_some_and(|finding| finding.severity >= Severity::High)
            }
            Row::Finding(index) => {
                self.report.findings.get(index).is_some_and(|finding| finding.severity >= Severity::High)
            }
            Row::Group(_) | Row::Item(_) => true,
        }
    }

    /// Rows of the list of sign-ins, with nothing left out.
    pub(crate) fn all_rows(&self) -> usize {
        self.report.logons.len() + self.alone.len()
    }
}

/// Where in so many equal parts a time lies. Nothing steps through the time between.
fn part_of(time: i64, first: i64, last: i64, parts: usize) -> usize {
    let span = i128::from(last) - i128::from(first) + 1;
    let place = (i128::from(time) - i128::from(first)) * i128::try_from(parts).unwrap_or(1) / span.max(1);
    usize::try_from(place).unwrap_or(0).min(parts.saturating_sub(1))
}

fn place_of_logon(logons: &[LogonReport], id: u64) -> Option<usize> {
    logons.binary_search_by_key(&id, |logon| logon.id).ok()
}

fn worst_first(report: &Report, worst: &[u32], alone: &[usize]) -> Vec<Row> {
    // A finding of severity info makes nothing worse.
    let rank = |severity: Option<Severity>| Reverse(severity.filter(|severity| *severity > Severity::Info));
    let mut rows: Vec<_> = report
        .logons
        .iter()
        .zip(worst)
        .enumerate()
        .map(|(place, (logon, worst))| {
            let severity = report.findings.get(*worst as usize).map(|finding| finding.severity);
            ((rank(severity), place_of(logon.outcome), logon.began.0, logon.id), Row::Logon(place))
        })
        .collect();
    rows.extend(alone.iter().filter_map(|index| {
        let finding = report.findings.get(*index)?;
        Some(((rank(Some(finding.severity)), 3, 0, *index as u64), Row::Finding(*index)))
    }));
    rows.sort_unstable_by_key(|(rank, _)| *rank);
    rows.into_iter().map(|(_, row)| row).collect()
}

fn keys(logons: &[LogonReport]) -> Vec<KeyUse> {
    let mut keys: BTreeMap<&str, Vec<&LogonReport>> = BTreeMap::new();
    for logon in logons.iter().filter(|logon| !logon.key_id.is_empty()) {
        keys.entry(&logon.key_id).or_default().push(logon);
    }
    let mut uses: Vec<KeyUse> = keys
        .into_iter()
        .map(|(id, logons)| {
            let mut outcomes = [0; 3];
            for logon in &logons {
                if let Some(count) = outcomes.get_mut(place_of(logon.outcome)) {
                    *count += 1;
                }
            }
            let mut codes: Vec<&'static str> = logons.iter().flat_map(|logon| logon.findings.iter().copied()).collect();
            codes.sort_unstable_by_key(|code| (!code.starts_with("KEY-"), *code));
            codes.dedup();
            KeyUse {
                id: id.to_owned(),
                method: logons.last().map_or("", |logon| logon.method),
                users: by_count(logons.iter().filter_map(|logon| logon.principal.as_deref())),
                devices: by_count(logons.iter().map(|logon| {
                    if logon.client_name.is_empty() { logon.client.as_str() } else { logon.client_name.as_str() }
                })),
                outcomes,
                codes,
                last: logons.last().map(|logon| logon.started.clone()).unwrap_or_default(),
                known: None,
            }
        })
        .collect();
    uses.sort_by(|one, other| {
        let rank = |key: &KeyUse| (Reverse(key.outcomes.first().copied().unwrap_or(0) > 0), Reverse(key.users.len()));
        rank(one).cmp(&rank(other)).then_with(|| one.users.cmp(&other.users))
    });
    uses
}

/// Each once, the most frequent first.
fn by_count<'n>(names: impl Iterator<Item = &'n str>) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    let mut names: Vec<(&str, usize)> = counts.into_iter().collect();
    names.sort_by_key(|(_, count)| Reverse(*count));
    names.into_iter().map(|(name, _)| name.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::{by_count, part_of};

    #[test]
    fn empty_time_costs_nothing() {
        assert_eq!(part_of(0, 0, i64::MAX, 240), 0);
        assert_eq!(part_of(i64::MAX, i64::MIN, i64::MAX, 240), 239);
        assert_eq!(part_of(5, 5, 5, 240), 0);
    }

    #[test]
    fn the_most_frequent_is_first() {
        assert_eq!(by_count(["b", "a", "b"].into_iter()), ["b", "a"]);
    }
}
