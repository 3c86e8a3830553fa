//! What the screens remember. `update` alone writes it; everything here only reads.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use diagnose::{FindingReport, LogonReport, Report, Severity, StepReport};

use crate::keys::Place;

/// Everything that is on the screens or can be.
#[derive(Clone, Debug, Default)]
pub struct Model {
    pub(crate) report: Option<Arc<Report>>,
    pub(crate) reading: Reading,
    /// What was last said of the device that is recorded from, until packets come again.
    pub(crate) note: String,
    /// What the list shows, worst first.
    pub(crate) rows: Vec<Row>,
    /// The worst finding of each sign-in, by index into the report's.
    pub(crate) worst: BTreeMap<u64, usize>,
    /// The row that is selected.
    pub(crate) selected: usize,
    /// Whether the selection was moved: then it stays with its row while others come.
    pub(crate) moved: bool,
    pub(crate) limits: Limits,
    /// What is open on top of the list, the last on top.
    pub(crate) screens: Vec<Screen>,
    /// How far the keys are scrolled, while they are shown.
    pub(crate) help: Option<usize>,
    /// Columns and rows of the terminal.
    pub(crate) size: (u16, u16),
    pub(crate) over: bool,
}

/// What the list leaves out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) filter: String,
    /// Whether the filter is being typed.
    pub(crate) typing: bool,
    pub(crate) failures_only: bool,
}

/// How far reading has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// This many bytes, of so many where that is known.
    Going(u64, Option<u64>),
    /// From a device: so many packets, and so many more were dropped.
    Live(u64, u64),
    /// To the end.
    Done,
    /// It ended early, for this reason.
    Failed(String),
}

impl Default for Reading {
    fn default() -> Self {
        Self::Going(0, None)
    }
}

/// A row of the list, by index into the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    /// A sign-in.
    Logon(usize),
    /// A finding that is not about a sign-in.
    Finding(usize),
}

/// What a row is about, whatever its index becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RowId {
    Logon(u64),
    Finding(FindingId),
}

/// A finding, whatever its index becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FindingId {
    pub(crate) code: &'static str,
    pub(crate) subject: String,
}

/// Something open on top of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Screen {
    /// A sign-in: its steps and findings, with the selected one of each.
    Logon { id: u64, pane: Pane, step: usize, finding: usize },
    /// A finding, scrolled by so many lines.
    Finding { finding: FindingId, scroll: usize },
    /// A step of a sign-in, scrolled by so many lines.
    Step { id: u64, step: usize, scroll: usize },
}

/// The part of a sign-in's screen that keys go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pane {
    Steps,
    Findings,
}

impl FindingId {
    pub(crate) fn of(finding: &FindingReport) -> Self {
        Self { code: finding.code, subject: finding.subject.clone() }
    }
}

impl Model {
    /// Nothing read yet, on a terminal of this size.
    pub fn new(columns: u16, rows: u16) -> Self {
        Self { size: (columns, rows), ..Self::default() }
    }

    /// Whether the user has asked to leave.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Where keys go.
    pub(crate) fn place(&self) -> Place {
        if self.help.is_some() {
            return Place::Help;
        }
        match self.screens.last() {
            None if self.limits.typing => Place::Filter,
            None => Place::List,
            Some(Screen::Logon { pane: Pane::Steps, .. }) => Place::Steps,
            Some(Screen::Logon { pane: Pane::Findings, .. }) => Place::Findings,
            Some(Screen::Finding { .. }) => Place::Finding,
            Some(Screen::Step { .. }) => Place::Step,
        }
    }

    /// The sign-ins of the report.
    pub(crate) fn logons(&self) -> &[LogonReport] {
        self.report.as_deref().map(|report| report.logons.as_slice()).unwrap_or_default()
    }

    /// The findings of the report.
    pub(crate) fn findings(&self) -> &[FindingReport] {
        self.report.as_deref().map(|report| report.findings.as_slice()).unwrap_or_default()
    }

    /// A sign-in by its number.
    pub(crate) fn logon(&self, id: u64) -> Option<&LogonReport> {
        let logons = self.logons();
        let found = logons.binary_search_by_key(&id, |logon| logon.id).ok().and_then(|index| logons.get(index));
        found.or_else(|| logons.iter().find(|logon| logon.id == id))
    }

    /// The findings about a sign-in, worst first.
    pub(crate) fn findings_of(&self, id: u64) -> Vec<&FindingReport> {
        self.findings().iter().filter(|finding| finding.logons.contains(&id)).collect()
    }

    /// The worst finding about a sign-in.
    pub(crate) fn worst_of(&self, id: u64) -> Option<&FindingReport> {
        self.worst.get(&id).and_then(|index| self.findings().get(*index))
    }

    /// A finding by what it is.
    pub(crate) fn finding(&self, id: &FindingId) -> Option<&FindingReport> {
        self.findings().iter().find(|finding| finding.code == id.code && finding.subject == id.subject)
    }

    /// The name of a domain controller, else its address.
    pub(crate) fn name_of(&self, address: IpAddr) -> String {
        let text = address.to_string();
        let known = self
            .report
            .as_deref()
            .and_then(|report| report.domain_controllers.iter().find(|dc| dc.address == text && !dc.name.is_empty()));
        known.map_or(text, |dc| dc.name.clone())
    }

    /// What a row is about.
    pub(crate) fn row_id(&self, row: Row) -> Option<RowId> {
        match row {
            Row::Logon(index) => self.logons().get(index).map(|logon| RowId::Logon(logon.id)),
            Row::Finding(index) => self.findings().get(index).map(|finding| RowId::Finding(FindingId::of(finding))),
        }
    }

    /// The findings' worst for each sign-in.
    pub(crate) fn worst_findings(&self) -> BTreeMap<u64, usize> {
        let mut worst = BTreeMap::new();
        for (index, finding) in self.findings().iter().enumerate() {
            for id in &finding.logons {
                worst.entry(*id).or_insert(index);
            }
        }
        worst
    }

    /// The rows that filter and failures-only leave, worst first: by severity, then outcome, then time.
    pub(crate) fn visible_rows(&self) -> Vec<Row> {
        let (wanted, unwanted) = words(&self.limits.filter);
        let shows = |text: &str| {
            wanted.iter().all(|word| text.contains(word)) && !unwanted.iter().any(|word| text.contains(word))
        };
        let filtered = !wanted.is_empty() || !unwanted.is_empty();
        let mut rows: Vec<(Rank<'_>, Row)> = Vec::new();
        for (index, logon) in self.logons().iter().enumerate() {
            let worst = self.worst_of(logon.id).map(|finding| finding.severity);
            let failed = logon.outcome == "failed" || worst >= Some(Severity::High);
            if (failed || !self.limits.failures_only) && (!filtered || shows(&text_of(logon))) {
                let outcome = match logon.outcome {
                    "failed" => 0,
                    "undecided" => 1,
                    _ => 2,
                };
                rows.push((rank(worst, outcome, &logon.started, logon.id), Row::Logon(index)));
            }
        }
        for (index, finding) in self.findings().iter().enumerate().filter(|(_, finding)| finding.logons.is_empty()) {
            let grave = finding.severity >= Severity::High;
            let text = || format!("{} {} {}", finding.code, finding.title, finding.subject).to_lowercase();
            if (grave || !self.limits.failures_only) && (!filtered || shows(&text())) {
                rows.push((rank(Some(finding.severity), 3, "", index as u64), Row::Finding(index)));
            }
        }
        rows.sort_by_key(|(rank, _)| *rank);
        rows.into_iter().map(|(_, row)| row).collect()
    }

    /// Rows without filter and failures-only.
    pub(crate) fn all_rows(&self) -> usize {
        self.logons().len() + self.findings().iter().filter(|finding| finding.logons.is_empty()).count()
    }
}

/// What the filter looks at.
fn text_of(logon: &LogonReport) -> String {
    let mut text = [
        logon.principal.as_deref().unwrap_or_default(),
        &logon.client,
        &logon.client_name,
        logon.kdc.as_deref().unwrap_or_default(),
        &logon.kdc_name,
        logon.outcome,
        logon.method,
        logon.reached,
    ]
    .join(" ");
    let titles: BTreeSet<&str> = logon
        .findings
        .iter()
        .flat_map(|code| [Some(*code), diagnose::by_code(code).map(|rule| rule.title)])
        .flatten()
        .collect();
    for title in titles {
        text.push(' ');
        text.push_str(title);
    }
    text.to_lowercase()
}

/// Where a row belongs: a finding of severity info makes nothing worse.
type Rank<'r> = (Reverse<Option<Severity>>, u8, &'r str, u64);

fn rank(severity: Option<Severity>, outcome: u8, started: &str, id: u64) -> Rank<'_> {
    (Reverse(severity.filter(|severity| *severity > Severity::Info)), outcome, started, id)
}

/// The words that a text has to have, and those it must not have.
fn words(filter: &str) -> (Vec<String>, Vec<String>) {
    let mut wanted = Vec::new();
    let mut unwanted = Vec::new();
    for word in filter.split_whitespace() {
        match word.strip_prefix('!') {
            Some("") => {}
            Some(word) => unwanted.push(word.to_lowercase()),
            None => wanted.push(word.to_lowercase()),
        }
    }
    (wanted, unwanted)
}

/// Everything that happened in a sign-in, in the order of time.
pub(crate) fn sequence(logon: &LogonReport) -> Vec<&StepReport> {
    let mut steps: Vec<&StepReport> = logon.steps.iter().collect();
    steps.sort_by_key(|step| (step.at, step.packet));
    steps
}
