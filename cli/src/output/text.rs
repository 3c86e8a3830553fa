//! The report for people: every sign-in, worst first, with what was found and what to do.
//!
//! ```text
//! FAILED     bob@CORP.EXAMPLE by key trust
//!            10.99.0.101 -> dc1.corp.example (10.99.0.10)
//!            2026-11-22 09:58:49.159 UTC, 3 ms: the proof was shown
//!   ! KEY-02 critical, likely: …
//!     because packet 14, kerberos.error_code 62 …: …
//!     to do   1. …
//! ```

use std::{collections::BTreeMap, io::Write};

use diagnose::{
    CaptureReport, ComparisonReport, FindingReport, LogonReport, LogonReports, Outline, Report, Row, Severity,
    ShedReport, ThresholdReport,
};
use jiff::Timestamp;
use trace::Class;
use tui::{Mark, Marks, mark, outcome_word, wrap};

/// Characters in a line.
const WIDTH: usize = 100;
/// Lines of evidence shown of one finding; a fault that hits everybody has hundreds.
const MOST_EVIDENCE: usize = 6;
/// Where the text of a logon begins.
const INDENT: usize = 11;

/// Writes the whole report, from which `hidden` sign-ins were left out because nobody asked for them, and what was
/// noted.
pub(crate) fn write(
    report: &Report<LogonReports<'_>>,
    hidden: usize,
    marks: &Marks,
    output: &mut impl Write,
) -> anyhow::Result<()> {
    header(report, hidden, output)?;
    let by_code = findings_of(report);
    let mut told = BTreeMap::new();
    for logon in worst_first(report, &by_code).into_iter().filter_map(|row| report.logons.outline(row)) {
        self::logon(&logon, &by_code, &mut told, marks, output)?;
    }
    let rest: Vec<&FindingReport> = report.findings.iter().filter(|finding| finding.logons.is_empty()).collect();
    if !rest.is_empty() {
        writeln!(output, "\nNot about a single sign-in")?;
        for finding in rest {
            self::finding(finding, marks, output)?;
        }
    }
    let elsewhere = marks.elsewhere(report.logons.iter(), &report.findings);
    if !elsewhere.is_empty() {
        writeln!(output, "\nNoted, and not in this report")?;
        for (of, mark) in elsewhere {
            paragraph("  ", "    ", of, output)?;
            self::noted(4, Some(mark), output)?;
        }
    }
    if !report.comparisons.is_empty() {
        writeln!(output, "\nFails here, works there")?;
        for comparison in &report.comparisons {
            self::comparison(comparison, output)?;
        }
    }
    if report.logons.is_empty() && report.findings.is_empty() && hidden == 0 {
        writeln!(output, "\nNo sign-in was found, and nothing to report.")?;
    }
    Ok(())
}

/// Writes one line about a sign-in that has come to rest:
/// `09:58:49 FAILED bob@CORP.EXAMPLE by key trust from … at …: …`. `again` when what was said of it before has changed.
pub(crate) fn line(
    logon: &LogonReport,
    findings: &[&FindingReport],
    again: bool,
    output: &mut impl Write,
) -> std::io::Result<()> {
    let time = logon.started.get(11..19).unwrap_or_default();
    let who = logon.principal.as_deref().unwrap_or("(nobody named)");
    let from = named(&logon.client_name, &logon.client);
    let at = logon.kdc.as_ref().map(|kdc| format!(" at {}", named(&logon.kdc_name, kdc))).unwrap_or_default();
    let again = if again { ", now" } else { "" };
    let what = if findings.is_empty() {
        logon.reached.to_owned()
    } else {
        let told =
            |finding: &&FindingReport| format!("{} {}: {}", finding.code, finding.severity.name(), finding.summary);
        findings.iter().map(told).collect::<Vec<_>>().join("; ")
    };
    let outcome = outcome_word(logon.outcome);
    writeln!(
        output,
        "{time} {outcome:<9} {who} {} from {from}{at} (sign-in {}{again}): {what}",
        method(logon.method),
        logon.id
    )
}

/// A line for each threshold that was set.
pub(crate) fn thresholds(thresholds: &[ThresholdReport], output: &mut impl Write) -> anyhow::Result<()> {
    for ThresholdReport { name, value, default } in thresholds {
        writeln!(output, "threshold set: {name} is {value}, by default {default}")?;
    }
    Ok(())
}

fn header(report: &Report<LogonReports<'_>>, hidden: usize, output: &mut impl Write) -> anyhow::Result<()> {
    let capture = &report.capture;
    let inputs = match capture.inputs.as_slice() {
        [one] => one.clone(),
        many => format!("{} captures", many.len()),
    };
    let span = match (capture.first.is_empty(), capture.packets) {
        (true, _) | (_, 0) => String::new(),
        _ => format!(", {} to {} UTC", minutes(&capture.first), minutes(&capture.last)),
    };
    let copies = match capture.copies {
        0 => String::new(),
        copies => format!(" ({copies} of them copies of others, counted once)"),
    };
    let dropped = match capture.losses {
        0 => String::new(),
        losses => format!(", {losses} more dropped"),
    };
    let thinned = match capture.thinned {
        0 => String::new(),
        thinned => format!(", {thinned} of bulk left out"),
    };
    writeln!(output, "{inputs}: {}{copies}{dropped}{thinned}{span}", counted(capture.packets, "packet"))?;
    if !capture.shed.is_empty() {
        writeln!(output, "not decoded, to keep the limits: {}", shed_line(capture))?;
    }
    thresholds(&report.thresholds, output)?;
    for clock in &capture.clock_offsets {
        writeln!(output, "{}", clock_line(&clock.input, clock.ahead_microseconds, clock.packets))?;
    }
    let mut outcomes: BTreeMap<&str, u64> = BTreeMap::new();
    for logon in report.logons.rows() {
        *outcomes.entry(logon.outcome).or_default() += 1;
    }
    let parts: Vec<String> = ["failed", "undecided", "succeeded"]
        .iter()
        .filter_map(|outcome| outcomes.get(outcome).map(|count| format!("{count} {outcome}")))
        .collect();
    let parts = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
    let hidden = if hidden == 0 { String::new() } else { format!("; {hidden} not asked for") };
    writeln!(output, "{}{parts}{hidden}", counted(report.logons.len() as u64, "sign-in"))?;
    let retired: Vec<String> =
        capture.retired_logons.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    if !retired.is_empty() {
        let count = counted(capture.retired_logons.values().sum(), "earlier sign-in");
        writeln!(output, "{count} only counted, for there are too many: {}", retired.join(", "))?;
    }
    if !capture.limits.is_empty() {
        let limits: Vec<String> = capture.limits.iter().map(|(limit, beyond)| format!("{beyond} {limit}")).collect();
        writeln!(output, "not kept, or no longer, because a limit was reached: {}", limits.join(", "))?;
    }
    Ok(())
}

/// `1200 packets of TLS and HTTP in 5 s, 1 packet of LDAP in 1 s`, in the order in which the classes are left out.
pub(crate) fn shed_line(capture: &CaptureReport) -> String {
    let classes = Class::ORDER.into_iter().filter_map(|class| Some((class, capture.shed.get(class.name())?)));
    let line = |(class, shed): (Class, &ShedReport)| {
        format!("{} of {} in {} s", counted(shed.packets, "packet"), class.words(), shed.seconds)
    };
    classes.map(line).collect::<Vec<_>>().join(", ")
}

/// `dc.pcap: its clock is 5.002000 s ahead, by 812 packets that it shares; its times are put right`.
pub(crate) fn clock_line(input: &str, microseconds: i64, packets: u64) -> String {
    let way = if microseconds < 0 { "behind" } else { "ahead" };
    let (seconds, rest) = (microseconds.unsigned_abs() / 1_000_000, microseconds.unsigned_abs() % 1_000_000);
    format!(
        "{input}: its clock is {seconds}.{rest:06} s {way}, by {packets} packets that it shares; its times are put right"
    )
}

/// Findings by the number of the logon they concern, worst first as in the report.
fn findings_of<L>(report: &Report<L>) -> BTreeMap<u64, Vec<&FindingReport>> {
    let mut by_logon: BTreeMap<u64, Vec<&FindingReport>> = BTreeMap::new();
    for finding in &report.findings {
        for id in &finding.logons {
            by_logon.entry(*id).or_default().push(finding);
        }
    }
    by_logon
}

/// Logons in order of their worst finding, then failures first, then by time.
fn worst_first<'r>(
    report: &'r Report<LogonReports<'_>>,
    findings: &BTreeMap<u64, Vec<&FindingReport>>,
) -> Vec<&'r Row> {
    let mut logons: Vec<&Row> = report.logons.rows().iter().collect();
    let rank = |logon: &Row| {
        let worst = findings.get(&logon.id).and_then(|list| list.iter().map(|finding| finding.severity).max());
        let outcome = match logon.outcome {
            "failed" => 0,
            "undecided" => 1,
            _ => 2,
        };
        // A finding of severity info does not make a logon worse than one without.
        (std::cmp::Reverse(worst.filter(|severity| *severity > Severity::Info)), outcome, logon.began, logon.id)
    };
    logons.sort_by_cached_key(|logon| rank(logon));
    logons
}

fn logon(
    Outline { logon, packets, refusal }: &Outline,
    findings: &BTreeMap<u64, Vec<&FindingReport>>,
    told: &mut BTreeMap<(&'static str, String), u64>,
    marks: &Marks,
    output: &mut impl Write,
) -> anyhow::Result<()> {
    let indent = " ".repeat(INDENT);
    let who = logon.principal.as_deref().unwrap_or("(nobody named)");
    writeln!(
        output,
        "\n{:<INDENT$}{who} {} (sign-in {})",
        outcome_word(logon.outcome),
        method(logon.method),
        logon.id
    )?;
    let client = named(&logon.client_name, &logon.client);
    let kdc = logon.kdc.as_ref().map(|kdc| format!(" -> {}", named(&logon.kdc_name, kdc))).unwrap_or_default();
    writeln!(output, "{indent}{client}{kdc}")?;
    let packets = match packets {
        Some((first, last)) if first != last => format!(" (packets {first} to {last})"),
        Some((only, _)) => format!(" (packet {only})"),
        None => String::new(),
    };
    let what = format!("{} UTC, {}: {}{packets}", milliseconds(&logon.started), took(logon), logon.reached);
    paragraph(&indent, &indent, &what, output)?;
    if let Some((packet, answer)) = refusal {
        paragraph(&indent, &indent, &format!("the answer (packet {packet}): {answer}"), output)?;
    }
    noted(INDENT, marks.on_logon(logon), output)?;
    for finding in findings.get(&logon.id).into_iter().flatten() {
        if let Some(first) = told.get(&(finding.code, finding.subject.clone())) {
            let text = format!("{} {}: see sign-in {first}", finding.code, finding.severity.name());
            writeln!(output, "  {} {text}", mark(finding.severity))?;
        } else {
            told.insert((finding.code, finding.subject.clone()), logon.id);
            self::finding(finding, marks, output)?;
        }
    }
    Ok(())
}

/// What was noted in the screens, if anything was.
fn noted(indent: usize, mark: Option<&Mark>, output: &mut impl Write) -> anyhow::Result<()> {
    let Some(mark) = mark else { return Ok(()) };
    let label = if mark.marked { "marked  " } else { "note    " };
    if mark.note.is_empty() {
        writeln!(output, "{:indent$}{}", "", label.trim_end())?;
        return Ok(());
    }
    paragraph(&format!("{:indent$}{label}", ""), &" ".repeat(indent + label.len()), &mark.note, output)
}

fn finding(finding: &FindingReport, marks: &Marks, output: &mut impl Write) -> anyhow::Result<()> {
    let heading = format!(
        "{} {} {}, {}: {}",
        mark(finding.severity),
        finding.code,
        finding.severity.name(),
        finding.confidence.name(),
        finding.summary
    );
    paragraph("  ", "    ", &heading, output)?;
    let hits = finding.logons.len() as u64 + finding.logons_beyond;
    if hits > 1 {
        writeln!(output, "    hits    {hits} sign-ins; about {}", finding.subject)?;
    } else {
        writeln!(output, "    about   {}", finding.subject)?;
    }
    noted(4, marks.on_finding(finding), output)?;
    let mut label = "because ";
    for evidence in finding.evidence.iter().take(MOST_EVIDENCE) {
        let file = evidence.file.as_ref().map(|file| format!(" of {file}")).unwrap_or_default();
        let value = if evidence.value.is_empty() { String::new() } else { format!(" = {}", evidence.value) };
        let text = format!("packet {}{file}, {}{value}: {}", evidence.packet, evidence.field, evidence.means);
        paragraph(&format!("    {label}"), "              ", &text, output)?;
        label = "        ";
    }
    let more = finding.evidence.len().saturating_sub(MOST_EVIDENCE);
    if more > 0 {
        writeln!(output, "            and {more} more, which `--format json` lists")?;
    }
    let mut label = "to do   ";
    for (number, fix) in finding.fix.iter().enumerate() {
        paragraph(&format!("    {label}{}. ", number + 1), "               ", fix, output)?;
        label = "        ";
    }
    writeln!(output, "    more    hellotrace explain {}", finding.code)?;
    Ok(())
}

/// Writes what fails on one side and works on the other, a line and a packet for each side.
fn comparison(comparison: &ComparisonReport, output: &mut impl Write) -> anyhow::Result<()> {
    paragraph("  ", "    ", &comparison.summary, output)?;
    for (label, side) in [("fails   ", &comparison.fails), ("works   ", &comparison.works)] {
        let example = &side.example;
        let file = example.file.as_ref().map(|file| format!(" of {file}")).unwrap_or_default();
        let text = format!(
            "{}: {} failed, {} succeeded; packet {}{file}, {} = {}: {}",
            side.side, side.failed, side.succeeded, example.packet, example.field, example.value, example.means
        );
        paragraph(&format!("    {label}"), "              ", &text, output)?;
    }
    Ok(())
}

/// Writes `text` wrapped: `first` before the first line, `rest` before the others.
fn paragraph(first: &str, rest: &str, text: &str, output: &mut impl Write) -> anyhow::Result<()> {
    let width = WIDTH.saturating_sub(first.len().max(rest.len()));
    for (index, line) in wrap(text, width).iter().enumerate() {
        writeln!(output, "{}{line}", if index == 0 { first } else { rest })?;
    }
    Ok(())
}

fn method(method: &str) -> &'static str {
    match method {
        "key-trust" => "by key trust",
        "certificate" => "by certificate",
        "password" => "by password",
        "cloud-kerberos" => "by cloud Kerberos trust",
        "anonymous" => "anonymously",
        "hidden" => "inside FAST",
        _ => "by a method not shown",
    }
}

fn named(name: &str, address: &str) -> String {
    if name.is_empty() { address.to_owned() } else { format!("{name} ({address})") }
}

fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// `2026-11-22 09:58:49` of a time in the form of the report.
fn minutes(time: &str) -> String {
    time.get(..19).unwrap_or(time).replace('T', " ")
}

/// `2026-11-22 09:58:49.159`.
fn milliseconds(time: &str) -> String {
    time.get(..23).unwrap_or(time).replace('T', " ")
}

fn took(logon: &LogonReport) -> String {
    let parse = |time: &str| time.parse::<Timestamp>().ok();
    let (Some(started), Some(ended)) = (parse(&logon.started), parse(&logon.ended)) else { return String::new() };
    let milliseconds = ended.as_millisecond() - started.as_millisecond();
    if milliseconds < 10_000 { format!("{milliseconds} ms") } else { format!("{} s", milliseconds / 1000) }
}
