//! Samples of many users: what each workstation's script did, line by line in `actions.tsv`, must be in the report.
//!
//! A line wants a sign-in of that user, from that client, at that time, by one of the methods, with that outcome and
//! one of the findings (none listed: none that is critical or high). Nothing at that time may have the other outcome.

use std::{fs, path::Path};

use diagnose::{LogonReport, Report, Session, Severity};
use trace::Settings;

datatest_stable::harness! {
    { test = actions, root = "../samples", pattern = r"actions\.tsv$" },
}

/// The scripts' clocks and the recorder's are one; a second is for what happens before and after the tool they time.
const TOLERANCE_SECONDS: f64 = 1.0;

struct Action<'t> {
    from: f64,
    until: f64,
    client: &'t str,
    user: &'t str,
    methods: Vec<&'t str>,
    outcome: &'t str,
    codes: Vec<&'t str>,
}

impl<'t> Action<'t> {
    fn read(line: &'t str) -> Option<Self> {
        let columns: Vec<&str> = line.split('\t').collect();
        let [from, until, client, user, methods, outcome, codes] = columns.as_slice() else { return None };
        Some(Self {
            from: from.parse::<f64>().ok()? - TOLERANCE_SECONDS,
            until: until.parse::<f64>().ok()? + TOLERANCE_SECONDS,
            client,
            user,
            methods: methods.split(' ').collect(),
            outcome,
            codes: codes.split_whitespace().collect(),
        })
    }

    /// Whether a logon is of this user on this client at this time, and came to an end.
    fn may_be(&self, logon: &LogonReport) -> bool {
        let seconds = logon.started.parse::<jiff::Timestamp>().expect("a time").as_duration().as_secs_f64();
        let user = logon.principal.as_deref().and_then(|name| name.split('@').next()).unwrap_or_default();
        logon.client == self.client
            && user.eq_ignore_ascii_case(self.user)
            && (self.from..=self.until).contains(&seconds)
            && matches!(logon.outcome, "succeeded" | "failed")
    }

    fn is(&self, logon: &LogonReport, report: &Report) -> bool {
        let explained = if self.codes.is_empty() {
            !logon.findings.iter().any(|code| *code != NOT_BY_HELLO && is_grave(code, report))
        } else {
            logon.findings.iter().any(|code| self.codes.contains(code))
        };
        logon.outcome == self.outcome && self.methods.contains(&logon.method) && explained
    }
}

/// The lab's keys come from openssl, which KEY-16 says of each of them.
const NOT_BY_HELLO: &str = "KEY-16";

fn is_grave(code: &str, report: &Report) -> bool {
    let severity = report.findings.iter().find(|finding| finding.code == code).map(|finding| finding.severity);
    matches!(severity, Some(Severity::Critical | Severity::High))
}

fn actions(path: &Path) -> datatest_stable::Result<()> {
    let text = fs::read_to_string(path)?;
    let mut source = capture::open(&[path.with_file_name("capture.pcap")])?;
    let mut session = Session::new(Settings::default());
    session.run(&mut source, capture::Batch::DEFAULT_PACKETS, |_| {})?;
    let report = session.report().collected();
    let mut faults = Vec::new();
    let mut count = 0;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let action = Action::read(line).ok_or_else(|| format!("not seven columns: {line}"))?;
        count += 1;
        let near: Vec<&LogonReport> = report.logons.iter().filter(|logon| action.may_be(logon)).collect();
        let agrees = near.iter().any(|logon| action.is(logon, &report));
        if !agrees || near.iter().any(|logon| logon.outcome != action.outcome) {
            let seen = near.iter().map(|logon| format!("{} {} {:?}", logon.method, logon.outcome, logon.findings));
            faults.push(format!("{line}\n  the report has {:?}", seen.collect::<Vec<_>>()));
        }
    }
    if faults.is_empty() && count > 0 {
        return Ok(());
    }
    Err(format!("{} of {count} actions are not as they were:\n{}", faults.len(), faults.join("\n")).into())
}
