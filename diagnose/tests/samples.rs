//! Every sample is read and its report held against its `expect.toml`: what must be said, and what must not.
//!
//! The form of that file is described in `CONTRIBUTING.md`. Fields that it does not name are not looked at.

use std::{fs, path::Path};

use diagnose::{FindingReport, LogonReport, LogonReports, Report, Row, Session};
use serde::Deserialize;
use trace::Settings;

datatest_stable::harness! {
    { test = sample, root = "../samples", pattern = r"expect\.toml$" },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    #[serde(default)]
    logon: Vec<ExpectedLogon>,
    capture: ExpectedCapture,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedLogon {
    client: String,
    principal: Option<String>,
    method: Option<String>,
    outcome: String,
    kdc: Option<String>,
    #[serde(default)]
    steps: Vec<String>,
    #[serde(default)]
    finding: Vec<ExpectedFinding>,
    #[serde(default)]
    not: Vec<Unwanted>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedFinding {
    code: String,
    confidence: Option<String>,
    #[serde(default)]
    packets: Vec<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unwanted {
    code: String,
    why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedCapture {
    packets: u64,
    #[serde(default)]
    findings: Vec<String>,
    #[serde(default)]
    not: Vec<String>,
    #[serde(default)]
    other_logons: bool,
    #[serde(default)]
    crafted: bool,
}

fn sample(path: &Path) -> datatest_stable::Result<()> {
    let expected: Expected = toml::from_str(&fs::read_to_string(path)?)?;
    let mut source = capture::open(&[path.with_file_name("capture.pcap")])?;
    let mut session = Session::new(Settings::default());
    session.run(&mut source, capture::Batch::DEFAULT_PACKETS, |_| {})?;
    let report = session.report();
    let torn = report.logons.rows().iter().filter(|row| !outline_agrees(&report.logons, row));
    let mut torn: Vec<String> = torn.map(|row| format!("the outline of sign-in {} differs from it", row.id)).collect();
    let report = report.collected();
    let mut faults = faults(&expected, &report);
    faults.append(&mut torn);
    let readme = fs::read_to_string(path.with_file_name("README.md"))?;
    if readme.contains("*crafted*") != expected.capture.crafted {
        faults.push("expect.toml and README.md do not agree on whether the sample is crafted".to_owned());
    }
    if faults.is_empty() {
        return Ok(());
    }
    Err(format!("{}\nthe report says:\n{}", faults.join("\n"), outline(&report)).into())
}

/// Whether the outline of a logon is the logon without its steps.
fn outline_agrees(logons: &LogonReports<'_>, row: &Row) -> bool {
    let (Some(whole), Some(outline)) = (logons.get(row), logons.outline(row)) else { return false };
    let mut own = whole.steps.iter().filter(|step| !step.inferred).map(|step| step.packet);
    let packets = own.next().map(|first| (first, own.next_back().unwrap_or(first)));
    let unexplained = whole.outcome == "failed" && whole.findings.is_empty();
    let last = whole.steps.iter().rfind(|step| !step.inferred).filter(|last| unexplained && last.kind == "krb-error");
    let refusal = last.map(|step| (step.packet, step.summary.clone()));
    let bare = LogonReport { steps: Vec::new(), ..whole };
    (packets, refusal) == (outline.packets, outline.refusal) && format!("{bare:?}") == format!("{:?}", outline.logon)
}

/// What the report does not say, or should not.
fn faults(expected: &Expected, report: &Report) -> Vec<String> {
    let mut faults = Vec::new();
    let mut free: Vec<&LogonReport> = report.logons.iter().collect();
    for wanted in &expected.logon {
        if let Some(index) = free.iter().position(|logon| misfit(wanted, logon, report).is_none()) {
            free.remove(index);
        } else {
            let reasons: Vec<String> = free.iter().filter_map(|logon| misfit(wanted, logon, report)).collect();
            let who = wanted.principal.as_deref().unwrap_or("?");
            let what = format!("no logon of {who} from {}, {}", wanted.client, wanted.outcome);
            faults.push(format!("{what}: {}", reasons.join("; ")));
        }
    }
    // Where a wanted logon is missing, the one that should have been it is told with its reason.
    if !expected.capture.other_logons && faults.is_empty() {
        faults.extend(free.iter().map(|logon| format!("logon {} was not expected", logon.id)));
    }
    if expected.capture.packets != report.capture.packets {
        faults.push(format!("{} packets, not {}", report.capture.packets, expected.capture.packets));
    }
    let found = |code: &&String| report.findings.iter().any(|finding| finding.code == **code);
    let (wanted, unwanted) = (&expected.capture.findings, &expected.capture.not);
    faults.extend(wanted.iter().filter(|code| !found(code)).map(|code| format!("{code} was not found")));
    faults.extend(unwanted.iter().filter(found).map(|code| format!("{code} was found")));
    faults
}

/// Why a logon is not the one wanted; `None` when it is.
fn misfit(wanted: &ExpectedLogon, logon: &LogonReport, report: &Report) -> Option<String> {
    let differs =
        |what: &str, wanted: &str, is: &str| (wanted != is).then(|| format!("logon {}: {what} {is}", logon.id));
    let principal = logon.principal.as_deref().unwrap_or("");
    let kdc = logon.kdc.as_deref().unwrap_or("");
    differs("client", &wanted.client, &logon.client)
        .or_else(|| differs("outcome", &wanted.outcome, logon.outcome))
        .or_else(|| wanted.principal.as_deref().and_then(|wanted| differs("principal", wanted, principal)))
        .or_else(|| wanted.method.as_deref().and_then(|wanted| differs("method", wanted, logon.method)))
        .or_else(|| wanted.kdc.as_deref().and_then(|wanted| differs("kdc", wanted, kdc)))
        .or_else(|| {
            let mut kinds = logon.steps.iter().map(|step| step.kind);
            let missing = wanted.steps.iter().find(|wanted| !kinds.any(|kind| kind == *wanted))?;
            Some(format!("logon {}: no further step {missing}", logon.id))
        })
        .or_else(|| wanted.finding.iter().find_map(|wanted| finding_misfit(wanted, logon, report)))
        .or_else(|| {
            let unwanted = wanted.not.iter().find(|unwanted| logon.findings.contains(&unwanted.code.as_str()))?;
            Some(format!("logon {}: {} was found, although {}", logon.id, unwanted.code, unwanted.why))
        })
}

fn finding_misfit(wanted: &ExpectedFinding, logon: &LogonReport, report: &Report) -> Option<String> {
    let is_it = |finding: &&FindingReport| finding.code == wanted.code && finding.logons.contains(&logon.id);
    let Some(finding) = report.findings.iter().find(is_it) else {
        return Some(format!("logon {}: {} was not found", logon.id, wanted.code));
    };
    if let Some(confidence) = wanted.confidence.as_deref().filter(|wanted| *wanted != finding.confidence.name()) {
        return Some(format!("{} is {}, not {confidence}", wanted.code, finding.confidence.name()));
    }
    let shown: Vec<u64> = finding.evidence.iter().map(|evidence| evidence.packet).collect();
    let missing = wanted.packets.iter().find(|packet| !shown.contains(packet))?;
    Some(format!("{}: packet {missing} is not in evidence, {shown:?} are", wanted.code))
}

fn outline(report: &Report) -> String {
    let logons = report.logons.iter().map(|logon| {
        let who = logon.principal.as_deref().unwrap_or("-");
        let steps: Vec<String> = logon.steps.iter().map(|step| format!("{}:{}", step.packet, step.kind)).collect();
        let steps = steps.join(" ");
        format!("  {} {} {who} {} {} {:?} {steps}", logon.id, logon.client, logon.method, logon.outcome, logon.findings)
    });
    let findings = report.findings.iter().map(|finding| {
        let packets: Vec<u64> = finding.evidence.iter().map(|evidence| evidence.packet).collect();
        format!("  {} {} {} {packets:?}", finding.code, finding.confidence.name(), finding.summary)
    });
    logons.chain(findings).collect::<Vec<String>>().join("\n")
}
