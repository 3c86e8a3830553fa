//! What a rule is: a fault, how sure its page is, and a pure function that looks for it.

use std::{collections::BTreeMap, fmt, net::IpAddr, sync::LazyLock};

use serde::Serialize;
use trace::{
    Facts, Logon,
    cloud::{Fetch, Service},
};

use crate::{CATALOGUE, Found};

/// How bad a fault is for the users it hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Info,
    /// A nuisance.
    Low,
    /// Degraded, or soon to fail.
    Medium,
    /// A group of users or certain clients cannot sign in.
    High,
    /// Users cannot sign in; a whole domain controller or site is concerned.
    Critical,
}

impl Severity {
    /// The name in machine output and on screens.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// How sure a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Consistent with what was seen; other causes are as well.
    Possible,
    /// What was seen hardly leaves another cause.
    Likely,
    /// The wire says it in so many words.
    Proven,
}

impl Confidence {
    /// The name in machine output and on screens.
    pub fn name(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Likely => "likely",
            Self::Proven => "proven",
        }
    }

    /// One step less sure.
    #[must_use]
    pub fn lowered(self) -> Self {
        match self {
            Self::Proven => Self::Likely,
            Self::Likely | Self::Possible => Self::Possible,
        }
    }

    /// One step less sure unless `holds`.
    #[must_use]
    pub fn lowered_unless(self, holds: bool) -> Self {
        if holds { self } else { self.lowered() }
    }
}

/// What a rule answers.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// The fault is not there.
    Clear,
    /// What would decide it may still come.
    Pending,
    /// This capture cannot show it, and why.
    Unseen(&'static str),
    /// The fault is there.
    Found(Box<Found>),
}

impl Verdict {
    /// The finding, if it is one.
    pub fn found(self) -> Option<Found> {
        match self {
            Self::Found(found) => Some(*found),
            Self::Clear | Self::Pending | Self::Unseen(_) => None,
        }
    }
}

/// What a rule looks at, with the function that looks.
#[derive(Clone, Copy)]
pub enum Scope {
    /// One logon.
    Logon(fn(&Logon, &Facts) -> Verdict),
    /// One client that looked for a domain controller, whether or not it found one, or that signed in with a key or by
    /// way of Microsoft Entra.
    Device(fn(IpAddr, &Facts) -> Verdict),
    /// How one client got on with one host that a sign-in depends on.
    Service(fn(&Service, &Facts) -> Verdict),
    /// One CRL or OCSP response that a client asked for.
    Fetch(fn(&Fetch, &Facts) -> Verdict),
    /// The capture.
    Capture(fn(&Facts) -> Verdict),
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Logon(_) => "Logon",
            Self::Device(_) => "Device",
            Self::Service(_) => "Service",
            Self::Fetch(_) => "Fetch",
            Self::Capture(_) => "Capture",
        })
    }
}

/// A rule of the catalogue.
#[derive(Debug)]
pub struct Rule {
    /// Its code, never reused: `DCC-01`.
    pub code: &'static str,
    /// The fault, as a clause: `the domain controller cannot do PKINIT`.
    pub title: &'static str,
    /// How bad it is, unless the finding says otherwise.
    pub severity: Severity,
    /// The version that brought it.
    pub since: &'static str,
    /// Its page, in Markdown, from its doc comment.
    pub page: &'static str,
    /// Codes that say no more than this one when both are found on one logon, or about one device.
    pub supersedes: &'static [&'static str],
    /// Kerberos error codes that lead here.
    pub errors: &'static [i32],
    /// NTSTATUS values that lead here.
    pub statuses: &'static [u32],
    /// Windows events to look at, as `log id`: `KDC 19`.
    pub events: &'static [&'static str],
    /// What it looks at, and how.
    pub check: Scope,
}

/// A rule's page, taken apart.
#[derive(Clone, Copy, Debug)]
pub struct Page(&'static str);

impl Page {
    /// The headings every page has, in order.
    pub const HEADINGS: [&'static str; 4] = ["## What happened", "## How we know", "## What to do", "## Sources"];

    /// The text under a heading, without it. Empty when there is none.
    pub fn section(self, heading: &str) -> String {
        let lines = self.0.lines().map(|line| line.strip_prefix(' ').unwrap_or(line));
        let mut section: Vec<&str> = Vec::new();
        let mut inside = false;
        for line in lines {
            if line.starts_with("## ") {
                inside = line.trim_end() == heading;
            } else if inside {
                section.push(line);
            }
        }
        section.join("\n").trim().to_owned()
    }

    /// The steps under `## What to do`, each on one line, without its number.
    pub fn fixes(self) -> Vec<String> {
        let mut fixes: Vec<String> = Vec::new();
        for line in self.section("## What to do").lines() {
            let text = line.trim();
            let numbered = text.split_once(". ").filter(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()));
            match (numbered, fixes.last_mut()) {
                (Some((_, step)), _) => fixes.push(step.to_owned()),
                (None, Some(last)) if !text.is_empty() => {
                    last.push(' ');
                    last.push_str(text);
                }
                _ => {}
            }
        }
        fixes
    }
}

impl Rule {
    /// Its page, taken apart.
    pub fn page(&self) -> Page {
        Page(self.page)
    }

    /// As [`Page::fixes`], taken apart once for all findings.
    pub fn fixes(&self) -> &'static [String] {
        static ALL: LazyLock<BTreeMap<&str, Vec<String>>> =
            LazyLock::new(|| CATALOGUE.iter().map(|rule| (rule.code, rule.page().fixes())).collect());
        ALL.get(self.code).map(Vec::as_slice).unwrap_or_default()
    }

    /// The page as Markdown with its title, and the events and codes that lead here. Ends with a newline.
    pub fn markdown(&self) -> String {
        use fmt::Write as _;
        let mut text =
            format!("# {}: {}\n\nSeverity: {}. Since {}.\n", self.code, self.title, self.severity.name(), self.since);
        for heading in Page::HEADINGS {
            let _ = write!(text, "\n{heading}\n\n{}\n", self.page().section(heading));
        }
        let list = |items: Vec<String>| items.join(", ");
        if !self.errors.is_empty() {
            let names = self.errors.iter().map(|code| decode::kerberos::ErrorCode(*code).to_string()).collect();
            let _ = write!(text, "\nKerberos errors: {}.\n", list(names));
        }
        if !self.statuses.is_empty() {
            let names = self.statuses.iter().map(|status| decode::kerberos::NtStatus(*status).to_string()).collect();
            let _ = write!(text, "\nStatus codes: {}.\n", list(names));
        }
        if !self.events.is_empty() {
            let names = self.events.iter().map(|event| (*event).to_owned()).collect();
            let _ = write!(text, "\nWindows events to look at: {}.\n", list(names));
        }
        text
    }
}

/// Declares a rule. Its doc comment is its page: the headings of [`Page::HEADINGS`], in order.
macro_rules! rule {
    (
        $(#[doc = $page:expr])+
        pub static $name:ident = {
            code: $code:expr,
            title: $title:expr,
            severity: $severity:expr,
            since: $since:expr,
            supersedes: $supersedes:expr,
            errors: $errors:expr,
            statuses: $statuses:expr,
            events: $events:expr,
            check: $check:expr $(,)?
        };
    ) => {
        $(#[doc = $page])+
        pub(crate) static $name: $crate::rule::Rule = $crate::rule::Rule {
            code: $code,
            title: $title,
            severity: $severity,
            since: $since,
            page: concat!($($page, "\n"),+),
            supersedes: &$supersedes,
            errors: &$errors,
            statuses: &$statuses,
            events: &$events,
            check: $check,
        };
    };
}

pub(crate) use rule;
