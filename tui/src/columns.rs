//! The columns of the list of sign-ins: what stands in them, and how they sort.

use std::borrow::Cow;

use diagnose::LogonReport;

use crate::{
    filter::{Field, exactly},
    snapshot::Snapshot,
};

/// A column of the list of sign-ins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Column {
    Outcome,
    User,
    Client,
    Method,
    Time,
    Dc,
    Took,
    /// The worst finding. Sorting by it is the order of the list as it opens: worst first.
    #[default]
    Finding,
}

impl Column {
    /// All, with the names that settings and commands use.
    pub(crate) const ALL: [(&'static str, Self); 8] = [
        ("outcome", Self::Outcome),
        ("user", Self::User),
        ("client", Self::Client),
        ("method", Self::Method),
        ("time", Self::Time),
        ("dc", Self::Dc),
        ("took", Self::Took),
        ("finding", Self::Finding),
    ];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, column)| *column)
    }

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, column)| *column == self).map_or("", |(name, _)| name)
    }

    /// What stands above it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::User => "who",
            Self::Method => "by",
            Self::Time => "at",
            Self::Dc => "where",
            other => other.name(),
        }
    }

    /// The values that rows are grouped by: of findings each.
    pub(crate) fn groups(self, logon: &LogonReport) -> Vec<Cow<'_, str>> {
        match self {
            Self::Finding if logon.findings.is_empty() => vec![Cow::Borrowed("")],
            Self::Finding => logon.findings.iter().map(|code| Cow::Borrowed(*code)).collect(),
            // To the minute.
            Self::Time => vec![Cow::Borrowed(logon.started.get(..16).unwrap_or(&logon.started))],
            Self::Took => vec![Cow::Borrowed(magnitude(logon.lasted))],
            Self::Outcome => vec![Cow::Borrowed(logon.outcome)],
            Self::User => vec![Cow::Borrowed(logon.principal.as_deref().unwrap_or_default())],
            Self::Client => vec![Cow::Borrowed(logon.client.as_str())],
            Self::Method => vec![Cow::Borrowed(logon.method)],
            Self::Dc => vec![Cow::Borrowed(logon.kdc.as_deref().unwrap_or_default())],
        }
    }

    /// The filter that shows only what is in such a group.
    pub(crate) fn term(self, value: &str, unwanted: bool) -> String {
        let not = if unwanted { "!" } else { "" };
        match self {
            Self::Time if unwanted => format!("until:{value}"),
            Self::Time => format!("since:{value}"),
            Self::Took => format!("{}longer:{value}", if unwanted { "!" } else { "" }),
            Self::Outcome => exactly(Field::Outcome, value, unwanted),
            Self::User => exactly(Field::User, value, unwanted),
            Self::Client => exactly(Field::Client, value, unwanted),
            Self::Method => exactly(Field::Method, value, unwanted),
            Self::Dc => exactly(Field::Dc, value, unwanted),
            Self::Finding if value.is_empty() => format!("{}code:*", if unwanted { "" } else { "!" }),
            Self::Finding => format!("{not}code:={value}"),
        }
    }

    /// What a sign-in has in it, as [`Column::term`] takes it.
    pub(crate) fn value(self, snapshot: &Snapshot, place: usize) -> String {
        let Some(logon) = snapshot.report.logons.get(place) else { return String::new() };
        match self {
            Self::Finding => snapshot.worst(place).map(|finding| finding.code.to_owned()).unwrap_or_default(),
            Self::Time => logon.started.get(..23).unwrap_or(&logon.started).to_owned(),
            Self::Took => format!("{}ms", (logon.lasted / 1_000_000 - 1).max(0)),
            other => other.groups(logon).first().map(|value| value.clone().into_owned()).unwrap_or_default(),
        }
    }
}

/// The longest of these that a duration exceeds.
fn magnitude(nanoseconds: i64) -> &'static str {
    [(60_000, "1m"), (10_000, "10s"), (1_000, "1s"), (100, "100ms"), (10, "10ms")]
        .iter()
        .find(|(milliseconds, _)| nanoseconds > milliseconds * 1_000_000)
        .map_or("0ms", |(_, name)| name)
}
