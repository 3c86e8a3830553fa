//! A report as JSON with the marks and notes of a session file, each in the sign-in or the finding that it is on.

use std::cell::RefCell;

use diagnose::{
    CaptureReport, ChecklistItem, ComparisonReport, DomainControllerReport, FindingReport, LogonReports, Report,
    ThresholdReport,
};
use serde::{Serialize, Serializer};
use tui::{Mark, Marks};

/// A report and what was noted. Where nothing was, it is the report and no more.
pub(crate) struct Noted<'r, 's> {
    pub(crate) report: &'r Report<LogonReports<'s>>,
    pub(crate) marks: &'r Marks,
}

impl Serialize for Noted<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { report, marks } = *self;
        if marks.is_empty() {
            return report.serialize(serializer);
        }
        let Report {
            schema,
            capture,
            logons,
            findings,
            domain_controllers,
            checklist,
            comparisons,
            thresholds,
            hosts: _,
        } = report;
        let findings = findings.iter().map(|finding| With::new(finding, marks.on_finding(finding))).collect();
        let logons_noted = Each(RefCell::new(Some(logons.iter().map(|logon| {
            let mark = marks.on_logon(&logon);
            With::new(logon, mark)
        }))));
        let elsewhere = marks.elsewhere(logons.iter(), &report.findings);
        let elsewhere = elsewhere.into_iter().map(|(of, mark)| With::new(Of { of }, Some(mark))).collect();
        Whole {
            schema,
            capture,
            logons: logons_noted,
            findings,
            domain_controllers,
            checklist,
            comparisons,
            thresholds,
            elsewhere,
        }
        .serialize(serializer)
    }
}

/// The fields of a report, in its order.
#[derive(Serialize)]
struct Whole<'r, L> {
    schema: &'static str,
    capture: &'r CaptureReport,
    logons: L,
    findings: Vec<With<'r, &'r FindingReport>>,
    domain_controllers: &'r [DomainControllerReport],
    checklist: &'r [ChecklistItem],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    comparisons: &'r [ComparisonReport],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    thresholds: &'r [ThresholdReport],
    #[serde(rename = "noted_elsewhere", skip_serializing_if = "Vec::is_empty")]
    elsewhere: Vec<With<'r, Of<'r>>>,
}

/// Something and what was noted on it.
#[derive(Serialize)]
struct With<'m, T> {
    #[serde(flatten)]
    it: T,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    marked: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    note: &'m str,
}

impl<'m, T> With<'m, T> {
    fn new(it: T, mark: Option<&'m Mark>) -> Self {
        Self { it, marked: mark.is_some_and(|mark| mark.marked), note: mark.map_or("", |mark| &mark.note) }
    }
}

/// What the session file calls it.
#[derive(Serialize)]
struct Of<'m> {
    of: &'m str,
}

/// Sign-ins that are made while they are written: there may be too many to hold.
struct Each<I>(RefCell<Option<I>>);

impl<I: Iterator<Item: Serialize>> Serialize for Each<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.take().into_iter().flatten())
    }
}
