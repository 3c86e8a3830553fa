//! A finding: what was found, about whom, and the packets that show it.

use std::net::IpAddr;

use decode::{Seen, WireText};
use trace::Principal;

use crate::{Confidence, Severity};

/// What a rule found.
///
/// Findings of one rule about the same subject are one finding with several logons.
#[derive(Clone, Debug)]
pub struct Found {
    /// How sure it is.
    pub confidence: Confidence,
    /// Where it differs from the rule's.
    pub severity: Option<Severity>,
    /// Whom or what it is about.
    pub subject: Subject,
    /// One sentence in plain words, harmless on a screen.
    pub summary: String,
    /// The packets that show it, the decisive one first. Never empty, except for findings about the capture itself.
    pub evidence: Vec<Evidence>,
}

/// Whom or what a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A domain controller.
    DomainController(IpAddr),
    /// An account.
    Account(Principal),
    /// A client.
    Device(IpAddr),
    /// A domain or realm, by name.
    Domain(String),
    /// A service principal.
    Service(String),
    /// A host, by name.
    Host(String),
    /// The capture.
    Capture,
}

/// A packet, a field in it, and why it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Where.
    pub seen: Seen,
    /// The field, by Wireshark's filter name where there is one.
    pub field: &'static str,
    /// Its value, harmless on a screen.
    pub value: String,
    /// What it means here, as a clause.
    pub means: String,
}

impl Evidence {
    /// A packet that shows `field` with `value`.
    pub fn new(seen: Seen, field: &'static str, value: impl Into<String>, means: impl Into<String>) -> Self {
        let value: String = value.into();
        // Values may quote the wire; escaping twice changes nothing that was already harmless.
        Self { seen, field, value: WireText::from(value.as_str()).to_string(), means: means.into() }
    }

    /// Gives back what its texts do not need, for it is kept.
    pub(crate) fn shrink(&mut self) {
        self.value.shrink_to_fit();
        self.means.shrink_to_fit();
    }
}

impl Subject {
    /// The form under which findings are merged: names are compared without regard to case.
    pub(crate) fn folded(&self) -> Self {
        match self {
            Self::Account(principal) => Self::Account(principal.folded()),
            Self::Domain(name) => Self::Domain(name.to_lowercase()),
            Self::Service(name) => Self::Service(name.to_lowercase()),
            Self::Host(name) => Self::Host(name.to_lowercase()),
            other => other.clone(),
        }
    }
}

impl Found {
    /// A finding about `subject`. Evidence is added with [`Found::with`].
    pub fn new(confidence: Confidence, subject: Subject, summary: impl Into<String>) -> Self {
        let summary: String = summary.into();
        let summary = WireText::from(summary.as_str()).to_string();
        Self { confidence, severity: None, subject, summary, evidence: Vec::new() }
    }

    /// With one more piece of evidence.
    #[must_use]
    pub fn with(mut self, evidence: Evidence) -> Self {
        self.evidence.push(evidence);
        self
    }

    /// With one more piece of evidence, if there is any.
    #[must_use]
    pub fn with_some(mut self, evidence: Option<Evidence>) -> Self {
        self.evidence.extend(evidence);
        self
    }

    /// With a severity of its own.
    #[must_use]
    pub fn with_severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }
}

impl From<Found> for crate::Verdict {
    fn from(found: Found) -> Self {
        Self::Found(Box::new(found))
    }
}
