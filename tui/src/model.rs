//! What the screens remember. `update` alone writes it; everything here only reads.

mod rows;

use std::{net::IpAddr, sync::Arc};

use diagnose::{FindingReport, HostReport, LogonReport, Report, StepReport};

use crate::{
    Settings, Theme,
    bytes::Found,
    columns::Column,
    details::Detail,
    filter::{Clock, Filter},
    keys::Place,
    marks::{Mark, Marks, of_finding, of_logon},
    request::Request,
    snapshot::Snapshot,
};

/// Everything that is on the screens or can be.
#[derive(Debug, Default)]
pub struct Model {
    pub(crate) shown: Option<Arc<Snapshot>>,
    /// What has come since the screens were frozen.
    pub(crate) waiting: Option<Arc<Snapshot>>,
    pub(crate) frozen: bool,
    pub(crate) reading: Reading,
    /// Bytes a second, as they are read.
    pub(crate) rate: u64,
    /// Bytes that this program has in memory, where that was told.
    pub(crate) memory: Option<u64>,
    /// What was last said of the device that is recorded from, until packets come again.
    pub(crate) note: String,
    /// What came of the last key, until the next one.
    pub(crate) notice: String,
    pub(crate) view: View,
    lists: [List; View::ALL.len()],
    /// What is open on top of the list, the last on top.
    pub(crate) screens: Vec<Screen>,
    /// How far the keys are scrolled, while they are shown.
    pub(crate) help: Option<usize>,
    pub(crate) prompt: Option<Prompt>,
    /// Columns and rows of the terminal.
    pub(crate) size: (u16, u16),
    pub(crate) over: bool,
    pub(crate) settings: Settings,
    pub(crate) theme: Theme,
    pub(crate) marks: Marks,
    /// The bytes of the message that is open.
    pub(crate) bytes: Bytes,
    /// What others are to do.
    pub(crate) requests: Vec<Request>,
    /// What is not shown any more. Whoever draws gives it away to be freed: that takes long.
    pub(crate) discarded: Vec<Arc<Snapshot>>,
}

/// What the screens show of a capture at the lowest level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum View {
    /// What is wrong, and how things are.
    #[default]
    Overview,
    /// Every sign-in.
    Logons,
    /// Domain controllers.
    DomainControllers,
    /// Keys with users and devices.
    Keys,
    /// Hosts of the cloud.
    Cloud,
    /// What could not be seen or done.
    Log,
}

impl View {
    /// All, in the order of their keys.
    pub const ALL: [Self; 6] =
        [Self::Overview, Self::Logons, Self::DomainControllers, Self::Keys, Self::Cloud, Self::Log];

    /// What commands and settings call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Logons => "logons",
            Self::DomainControllers => "dcs",
            Self::Keys => "keys",
            Self::Cloud => "cloud",
            Self::Log => "log",
        }
    }

    /// The view of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|view| view.name() == name)
    }
}

/// A list: what it leaves out, how it is ordered, and where in it the user is.
#[derive(Clone, Debug, Default)]
pub(crate) struct List {
    pub(crate) rows: Vec<Row>,
    pub(crate) groups: Vec<Group>,
    pub(crate) selected: usize,
    /// Whether the selection was moved: then it stays with its row while others come.
    pub(crate) moved: bool,
    pub(crate) limits: Limits,
    /// The last filter that could be read, and what is wrong with the one that is typed.
    pub(crate) filter: Filter,
    pub(crate) fault: Option<String>,
    /// Limits before these.
    pub(crate) trail: Vec<Limits>,
    pub(crate) sort: Column,
    pub(crate) reversed: bool,
    /// The column that keys go to.
    pub(crate) column: Column,
    /// The same of tables that are not of sign-ins, by the column's place: what they are sorted by, if not as they
    /// come, and where keys go.
    pub(crate) table_sort: Option<usize>,
    pub(crate) table_column: usize,
    pub(crate) follow: bool,
}

/// What a list leaves out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) filter: String,
    pub(crate) failures_only: bool,
    pub(crate) group: Option<Column>,
    /// Sign-ins that began from one capture time to another, in nanoseconds.
    pub(crate) window: Option<(i64, i64)>,
}

/// Rows with the same value in a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) value: String,
    pub(crate) outcomes: [usize; 3],
    /// The worst finding's place in the report.
    pub(crate) worst: Option<usize>,
}

/// Something that is typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Prompt {
    pub(crate) kind: PromptKind,
    pub(crate) text: String,
    /// What tab proposes next, and for what it was typed.
    pub(crate) proposal: Option<(String, usize)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum PromptKind {
    #[default]
    Filter,
    Command,
    Note,
}

/// The bytes of a message.
#[derive(Clone, Debug, Default)]
pub(crate) enum Bytes {
    /// Nobody asked.
    #[default]
    None,
    /// They are looked for, for this step of this sign-in.
    Wanted(u64, usize),
    /// They are here.
    Here(u64, usize, Arc<Found>),
    /// They cannot be had, and why.
    Failed(u64, usize, String),
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

/// A row of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Row {
    /// A sign-in, by its place in the report.
    Logon(usize),
    /// A finding, by its place in the report.
    Finding(usize),
    /// A group of sign-ins, by its place in the list.
    Group(usize),
    /// A domain controller, key, host or limit, by its place.
    Item(usize),
}

/// What a row is about, whatever its place becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RowId {
    Logon(u64),
    Finding(FindingId),
    Named(String),
}

/// A finding, whatever its place becomes.
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
    /// A finding, scrolled by so many lines, with the selected piece of evidence.
    Finding { finding: FindingId, scroll: usize, evidence: usize },
    /// A message of a sign-in, with the selected field.
    Message { id: u64, step: usize, field: usize },
    /// All that is known of one thing, scrolled by so many lines.
    Details { of: Subject, scroll: usize },
}

/// What is told of in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    /// A domain controller, by its address.
    DomainController(String),
    /// A key, by its identifier.
    Key(String),
    /// A host, by its name.
    Host(String),
    /// A certificate of a message, as it was when it was opened: the message is read again for each look at it.
    Certificate { packet: u64, lines: Vec<Detail> },
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

    /// The same with settings and marks.
    #[must_use]
    pub fn with(self, settings: Settings, theme: Theme, marks: Marks) -> Self {
        let view = settings.start;
        Self { view, settings, theme, marks, ..self }
    }

    /// Whether the user has asked to leave.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Where keys go.
    pub(crate) fn place(&self) -> Place {
        match &self.prompt {
            Some(Prompt { kind: PromptKind::Filter, .. }) => return Place::Filter,
            Some(_) => return Place::Prompt,
            None => {}
        }
        if self.help.is_some() {
            return Place::Help;
        }
        match self.screens.last() {
            None if self.view == View::Logons => Place::Logons,
            None if self.view == View::Overview => Place::Overview,
            None => Place::Table,
            Some(Screen::Logon { pane: Pane::Steps, .. }) => Place::Steps,
            Some(Screen::Logon { pane: Pane::Findings, .. }) => Place::Findings,
            Some(Screen::Finding { .. }) => Place::Finding,
            Some(Screen::Message { .. }) => Place::Message,
            Some(Screen::Details { .. }) => Place::Details,
        }
    }

    /// The list of a view.
    pub(crate) fn list_of(&self, view: View) -> &List {
        let [overview, logons, domain_controllers, keys, cloud, log] = &self.lists;
        match view {
            View::Overview => overview,
            View::Logons => logons,
            View::DomainControllers => domain_controllers,
            View::Keys => keys,
            View::Cloud => cloud,
            View::Log => log,
        }
    }

    pub(crate) fn list_of_mut(&mut self, view: View) -> &mut List {
        let [overview, logons, domain_controllers, keys, cloud, log] = &mut self.lists;
        match view {
            View::Overview => overview,
            View::Logons => logons,
            View::DomainControllers => domain_controllers,
            View::Keys => keys,
            View::Cloud => cloud,
            View::Log => log,
        }
    }

    /// The list of the view that is shown.
    pub(crate) fn list(&self) -> &List {
        self.list_of(self.view)
    }

    pub(crate) fn list_mut(&mut self) -> &mut List {
        self.list_of_mut(self.view)
    }

    pub(crate) fn report(&self) -> Option<&Report> {
        self.shown.as_deref().map(|snapshot| &snapshot.report)
    }

    /// The sign-ins of the report.
    pub(crate) fn logons(&self) -> &[LogonReport] {
        self.report().map(|report| report.logons.as_slice()).unwrap_or_default()
    }

    /// The findings of the report.
    pub(crate) fn findings(&self) -> &[FindingReport] {
        self.report().map(|report| report.findings.as_slice()).unwrap_or_default()
    }

    /// The hosts of the report.
    pub(crate) fn hosts(&self) -> &[HostReport] {
        self.report().map(|report| report.hosts.as_slice()).unwrap_or_default()
    }

    /// A sign-in by its number.
    pub(crate) fn logon(&self, id: u64) -> Option<&LogonReport> {
        let snapshot = self.shown.as_deref()?;
        snapshot.place(id).and_then(|place| snapshot.report.logons.get(place))
    }

    /// The findings about a sign-in, worst first.
    pub(crate) fn findings_of(&self, id: u64) -> Vec<&FindingReport> {
        let Some(logon) = self.logon(id) else { return Vec::new() };
        let about = |finding: &&FindingReport| {
            logon.findings.contains(&finding.code)
                && (finding.logons.binary_search(&id).is_ok() || finding.logons.contains(&id))
        };
        self.findings().iter().filter(about).collect()
    }

    /// A finding by what it is.
    pub(crate) fn finding(&self, id: &FindingId) -> Option<&FindingReport> {
        self.findings().iter().find(|finding| finding.code == id.code && finding.subject == id.subject)
    }

    /// The name of a domain controller, else its address.
    pub(crate) fn name_of(&self, address: IpAddr) -> String {
        let text = address.to_string();
        let known = self
            .report()
            .and_then(|report| report.domain_controllers.iter().find(|dc| dc.address == text && !dc.name.is_empty()));
        known.map_or(text, |dc| dc.name.clone())
    }

    /// The mark of a sign-in or finding.
    pub(crate) fn mark_of_logon(&self, logon: &LogonReport) -> Option<&Mark> {
        (!self.marks.is_empty()).then(|| self.marks.of(&of_logon(logon))).flatten()
    }

    pub(crate) fn mark_of_finding(&self, finding: &FindingReport) -> Option<&Mark> {
        (!self.marks.is_empty()).then(|| self.marks.of(&of_finding(finding))).flatten()
    }

    /// The row that is selected in the list shown.
    pub(crate) fn selected_row(&self) -> Option<Row> {
        self.list().rows.get(self.list().selected).copied()
    }

    /// What times in filters count from.
    pub(crate) fn clock(&self) -> Clock {
        let latest = self.report().map(|report| report.capture.last.clone()).unwrap_or_default();
        Clock { day: latest.get(..10).unwrap_or_default().to_owned(), latest }
    }

    /// The columns of the list of sign-ins that fit into this width, in their order.
    pub(crate) fn columns(&self, width: usize) -> Vec<Column> {
        let wide: &[Column] = match width {
            0..60 => &[Column::Outcome, Column::User, Column::Finding],
            60..100 => &[Column::Outcome, Column::User, Column::Time, Column::Finding],
            100..130 => &[Column::Outcome, Column::User, Column::Method, Column::Time, Column::Dc, Column::Finding],
            _ => &[
                Column::Outcome,
                Column::User,
                Column::Client,
                Column::Method,
                Column::Time,
                Column::Dc,
                Column::Took,
                Column::Finding,
            ],
        };
        match &self.settings.columns {
            Some(columns) => columns.clone(),
            None => wide.to_vec(),
        }
    }
}

/// Everything that happened in a sign-in, in the order of time.
pub(crate) fn sequence(logon: &LogonReport) -> Vec<&StepReport> {
    let mut steps: Vec<&StepReport> = logon.steps.iter().collect();
    steps.sort_by_key(|step| (step.at, step.packet));
    steps
}
