//! Logons to findings.
//!
//! The [`catalogue`] lists the rules, each in a file of its own with its page and its tests. [`diagnose`] runs them
//! over logons and facts, and [`Report`] is the result: an immutable snapshot for screens and writers.
//! [`Session`] runs the whole way from a source of packets to reports.

mod catalogue;
mod diagnose;
mod finding;
mod rule;
mod rules;
#[cfg(test)]
mod testing;
mod windows;

pub use catalogue::{CATALOGUE, by_code, by_error, by_event, by_status};
pub use diagnose::{Diagnosis, diagnose};
pub use finding::{Evidence, Found, Subject};
pub use rule::{Confidence, Page, Rule, Scope, Severity, Verdict};
