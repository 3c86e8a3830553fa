//! Logons to findings.
//!
//! The [`CATALOGUE`] lists the rules, each in a file of its own with its page and its tests. [`diagnose`] runs them
//! over logons and facts, and [`Report`] is the result: an immutable snapshot for screens and writers.
//! [`Session`] runs the whole way from a source of packets to reports.

mod catalogue;
mod checklist;
mod clocks;
mod codes;
mod controllers;
mod diagnose;
#[cfg(test)]
mod do_not_conclude;
mod endpoints;
mod finding;
mod hosts;
mod keys;
mod report;
mod rule;
mod rules;
mod session;
mod summary;
#[cfg(test)]
mod testing;
mod thresholds;
mod windows;

pub use catalogue::{CATALOGUE, by_code, by_error, by_event, by_status};
pub use clocks::clock_offsets;
pub use codes::{normal_error, normal_status};
pub use controllers::{
    CertificateReport, CertificateVerdict, Coverage, DomainControllerReport, PortReport, ResponseTimes,
};
pub use diagnose::{Diagnosis, diagnose};
pub use finding::{Evidence, Found, Subject};
pub use hosts::{HostContact, HostReport};
pub use keys::{DirectoryReport, KeyReport, KeyState, KeysReport, OwnerReport, UseReport};
pub use report::{
    CaptureReport, ChecklistItem, ClockReport, ComparisonReport, EvidenceReport, FindingReport, LogonReport,
    LogonReports, Outline, Report, Row, ShedReport, SideReport, StepReport,
};
pub use rule::{Confidence, Page, Rule, Scope, Severity, Verdict};
pub use session::{ReadError, Session, SoFar, read_all};
pub use thresholds::{MAX_THRESHOLDS, ThresholdReport, Thresholds};
