//! Marks and notes on sign-ins and findings, and the session file that keeps them. Screens make them, reports repeat
//! them.

use std::collections::{BTreeMap, BTreeSet};

use diagnose::{FindingReport, LogonReport};
use serde::{Deserialize, Serialize};

/// Characters of a note: a thought, not a document.
pub(crate) const MAX_NOTE: usize = 500;
/// Bytes of a session file that is read: a hundred thousand marks.
pub const MAX_FILE: u64 = 32 << 20;

/// Marks and notes, by what they are about. What that is does not depend on where in a list it stands, so they are
/// found again when the capture is read again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    marks: BTreeMap<String, Mark>,
    /// Whether there is a file that keeps them.
    kept: bool,
}

/// A mark, a note or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Whether there is a mark.
    pub marked: bool,
    /// The note, harmless on a terminal; `""` without one.
    pub note: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    mark: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    of: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    marked: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    note: String,
}

impl Marks {
    /// Marks that a file keeps, and what it holds so far; `""` for a file that is not there yet.
    ///
    /// # Errors
    /// When the text is no session file: why.
    pub fn read(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        let harmless = |text: &str| decode::WireText::from(text).to_string();
        let mut marks = BTreeMap::new();
        for entry in file.mark {
            let note = harmless(&entry.note).chars().take(MAX_NOTE).collect();
            marks.insert(harmless(&entry.of), Mark { marked: entry.marked, note });
        }
        Ok(Self { marks, kept: true })
    }

    /// What is said of a sign-in, if anything is.
    pub fn on_logon(&self, logon: &LogonReport) -> Option<&Mark> {
        if self.is_empty() { None } else { self.of(&of_logon(logon)) }
    }

    /// What is said of a finding, if anything is.
    pub fn on_finding(&self, finding: &FindingReport) -> Option<&Mark> {
        if self.is_empty() { None } else { self.of(&of_finding(finding)) }
    }

    /// Those on sign-ins and findings that are not among these, with what they are on as the file calls it.
    pub fn elsewhere(
        &self,
        logons: impl IntoIterator<Item = LogonReport>,
        findings: &[FindingReport],
    ) -> Vec<(&str, &Mark)> {
        if self.is_empty() {
            return Vec::new();
        }
        let mut here: BTreeSet<String> = findings.iter().map(of_finding).collect();
        here.extend(logons.into_iter().map(|logon| of_logon(&logon)).filter(|of| self.of(of).is_some()));
        self.marks.iter().filter(|(of, _)| !here.contains(*of)).map(|(of, mark)| (of.as_str(), mark)).collect()
    }

    /// As the file holds them.
    pub(crate) fn text(&self) -> String {
        let mark = self
            .marks
            .iter()
            .map(|(of, mark)| Entry { of: of.clone(), marked: mark.marked, note: mark.note.clone() })
            .collect();
        toml::to_string(&File { mark }).unwrap_or_default()
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.kept
    }

    /// Whether nothing is marked or noted.
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    pub(crate) fn of(&self, of: &str) -> Option<&Mark> {
        self.marks.get(of)
    }

    /// Those of sign-ins: by time, client and name as [`of_logon`] writes them.
    pub(crate) fn of_logons(&self) -> impl Iterator<Item = (&str, &Mark)> {
        self.marks.iter().filter_map(|(of, mark)| of.strip_prefix(MARK).map(|of| (of, mark)))
    }

    /// Changes one; what is neither marked nor noted is forgotten.
    pub(crate) fn change(&mut self, of: &str, change: impl FnOnce(&mut Mark)) {
        let mark = self.marks.entry(of.to_owned()).or_default();
        change(mark);
        if *mark == Mark::default() {
            self.marks.remove(of);
        }
    }
}

/// What the name of a sign-in in the file begins with.
pub(crate) const MARK: &str = "sign-in ";

/// What a sign-in is called in the file.
pub(crate) fn of_logon(logon: &LogonReport) -> String {
    format!("{MARK}{} {} {}", logon.started, logon.client, logon.principal.as_deref().unwrap_or("-"))
}

/// What a finding is called in the file.
pub(crate) fn of_finding(finding: &FindingReport) -> String {
    format!("finding {} {}", finding.code, finding.subject)
}

#[cfg(test)]
mod tests {
    use super::Marks;

    #[test]
    fn what_was_noted_is_there_again() {
        let mut marks = Marks::read("").expect("an empty file");
        marks.change("sign-in 1", |mark| mark.note = "called \"her\"\nback".to_owned());
        marks.change("finding KEY-02", |mark| mark.marked = true);
        marks.change("sign-in 2", |mark| mark.marked = false);
        let mut again = Marks::read(&marks.text()).expect("what was written can be read");
        assert_eq!(again.of("finding KEY-02"), marks.of("finding KEY-02"));
        assert_eq!(again.of("sign-in 2"), None);
        // A line break is escaped when it is read, as all that a terminal would obey.
        assert_eq!(again.of("sign-in 1").map(|mark| mark.note.as_str()), Some("called \"her\"\\u{a}back"));
        again.change("finding KEY-02", |mark| mark.marked = false);
        assert_eq!(again.of("finding KEY-02"), None);
    }

    #[test]
    fn another_file_is_not_taken_for_one() {
        assert!(Marks::read("[package]\nname = \"x\"").is_err());
        assert!(Marks::read("\0").is_err());
    }
}
