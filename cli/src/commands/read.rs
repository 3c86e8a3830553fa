//! `hellotrace read`: captures in, a report out.

use anyhow::Context as _;
use capture::{CaptureTime, Source as _};
use decode::{WireText, wire::Unread};
use diagnose::{LogonReports, Report, Session, Severity};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use trace::Governor;
use tui::Marks;

use super::{known, open, session_file, settings, tell_passed_over};
use crate::{
    args::{Format, Read},
    exit::{Status, complain},
    meter::Processes,
    output::{Output, json, noted::Noted, progress::Bar, text},
};

/// Reads, filters, writes.
pub(crate) fn run(arguments: &Read) -> anyhow::Result<Status> {
    let settings = settings(&arguments.input)?;
    let since = arguments.since.as_deref().map(Since::parse).transpose()?;
    let session_file = session_file::path(arguments.session.as_deref(), &arguments.input.files)?;
    let marks = session_file.as_deref().map(session_file::read).transpose()?.unwrap_or_default();
    let (mut source, clocks) = open(&arguments.input.files, arguments.input.follow)?;
    let told = source.passed_over().len();
    let bar = Bar::new(source.position());
    let mut session = Session::new(settings);
    session.note_clocks(clocks);
    session.keep_logons(arguments.limits.max_logons as usize);
    if let Some(megabytes) = arguments.max_memory {
        let meter = Processes::new(None).context("--max-memory cannot be kept here")?;
        let limits = trace::Limits { memory: Some(megabytes << 20), cpu: None };
        session.govern(Governor::new(limits, Box::new(meter), Box::new(|sentence| complain(&sentence))));
    }
    known::note(&arguments.known, &mut session)?;
    let ended = session.run(&mut source, arguments.input.work.batch as usize, |position| bar.at(position));
    bar.done();
    tell_passed_over(&source, told);
    warn(&session);
    let mut report = session.last_report();
    if report.capture.packets == 0 {
        // Nothing could be read: then there is nothing to report on.
        ended?;
        return write(&report, 0, &marks, arguments);
    }
    let all = report.logons.len();
    filter(&mut report, arguments, since)?;
    let status = write(&report, all - report.logons.len(), &marks, arguments)?;
    // The program ends soon: to take many small pieces apart first would be a part of its work.
    std::mem::forget(report);
    std::mem::forget(session);
    // The report of what could be read is out; now the failure to read on decides the exit status.
    ended?;
    Ok(status)
}

/// Writes the report, from which `hidden` sign-ins were left out, with what was noted.
fn write(report: &Report<LogonReports<'_>>, hidden: usize, marks: &Marks, arguments: &Read) -> anyhow::Result<Status> {
    let mut output = Output::new(arguments.target.output.as_deref(), &arguments.input.files)?;
    match arguments.format {
        Format::Text => text::write(report, hidden, marks, &mut output)?,
        Format::Json => json::write_report(&Noted { report, marks }, &mut output)?,
    }
    output.finish()?;
    Ok(if report.has_faults() { Status::Found } else { Status::Clean })
}

/// Says on standard error what is wrong with the inputs, a line each.
pub(super) fn warn(session: &Session) {
    let visibility = &session.facts().visibility;
    for damage in &visibility.damages {
        complain(&damage.to_string());
    }
    let more = visibility.damage.saturating_sub(visibility.damages.len() as u64);
    if more > 0 {
        complain(&format!("{more} more places are damaged"));
    }
    for (link, packets) in &visibility.unread_links {
        complain(&format!(
            "{packets} packets have link type {link}, which hellotrace cannot read; convert them to Ethernet or raw IP"
        ));
    }
    for (unread, packets) in &visibility.unread {
        if unread.may_hide() && !matches!(unread, Unread::Link(_)) {
            complain(&format!("{packets} packets hold {unread}, into which hellotrace cannot look"));
        }
    }
    if let Some(cut_at) = visibility.cut_at.filter(|_| visibility.kerberos_cut() > 0) {
        complain(&format!(
            "packets are cut at {cut_at} bytes, so PKINIT cannot be read; record whole packets (`dumpcap -s 0`, `tcpdump -s 0`)"
        ));
    }
}

/// Leaves in the report what was asked for. Findings stay with the logons they concern; those about no logon stay.
fn filter(report: &mut Report<LogonReports<'_>>, arguments: &Read, since: Option<Since>) -> anyhow::Result<()> {
    let from = since.map(|since| since.at(&report.capture.last)).transpose()?;
    let grave: Vec<&'static str> = report
        .findings
        .iter()
        .filter(|finding| finding.severity >= Severity::High)
        .map(|finding| finding.code)
        .collect();
    let user = arguments.user.as_deref().map(|user| WireText::from(user).to_string().to_lowercase());
    if !arguments.failed && user.is_none() && from.is_none() {
        return Ok(());
    }
    report.logons.retain(|logon| {
        let failed = logon.outcome == "failed" || logon.findings.iter().any(|code| grave.contains(code));
        let is_user = |user: &String| logon.principal.as_ref().is_some_and(|name| name.to_lowercase().contains(user));
        (!arguments.failed || failed)
            && user.as_ref().is_none_or(is_user)
            && from.as_ref().is_none_or(|from| logon.started >= *from)
    });
    let kept: Vec<u64> = report.logons.rows().iter().map(|logon| logon.id).collect();
    report.findings.retain_mut(|finding| {
        let about_logons = !finding.logons.is_empty();
        finding.logons.retain(|id| kept.binary_search(id).is_ok());
        !about_logons || !finding.logons.is_empty()
    });
    Ok(())
}

/// From when on.
enum Since {
    Time(CaptureTime),
    BeforeEnd(i64),
}

impl Since {
    fn parse(text: &str) -> anyhow::Result<Self> {
        let unit = text.chars().last().and_then(|unit| match unit {
            's' => Some(1),
            'm' => Some(60),
            'h' => Some(3600),
            'd' => Some(86_400),
            _ => None,
        });
        if let Some(seconds) = unit
            && let Some(count) = text.get(..text.len() - 1).and_then(|count| count.parse::<u32>().ok())
        {
            return Ok(Self::BeforeEnd(i64::from(count) * seconds));
        }
        let timestamp = text.parse::<Timestamp>().or_else(|_| {
            text.parse::<DateTime>().and_then(|time| time.to_zoned(TimeZone::UTC)).map(|time| time.timestamp())
        });
        let timestamp = timestamp.ok().with_context(|| {
            format!("--since {text}: not a time; write 2026-01-31T08:00:00Z, \"2026-01-31 08:00\" (UTC), or 15m, 2h, 1d before the end")
        })?;
        let nanoseconds = i64::try_from(timestamp.as_nanosecond()).context("--since: that time is out of range")?;
        Ok(Self::Time(CaptureTime(nanoseconds)))
    }

    /// The time in the form of the report. Times in that form sort as text.
    fn at(&self, end: &str) -> anyhow::Result<String> {
        match self {
            Self::Time(time) => Ok(time.to_string()),
            Self::BeforeEnd(_) if end.is_empty() => Ok(String::new()),
            Self::BeforeEnd(seconds) => {
                let end = end.parse::<Timestamp>()?;
                let nanoseconds = i64::try_from(end.as_nanosecond())?;
                Ok(CaptureTime(nanoseconds).plus_seconds(-seconds).to_string())
            }
        }
    }
}
