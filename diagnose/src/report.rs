//! The report: everything the program has to say about a capture, as one immutable value.
//!
//! Field names are those of `docs/report.schema.json`; scripts read them. Text in it is harmless on a screen.

mod comparisons;
mod logons;
mod past;
mod records;
mod signs;
mod writer;

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use capture::CaptureTime;
use decode::Event;
use serde::{Serialize, Serializer};
use trace::{Facts, Logons};

pub use self::{
    comparisons::{ComparisonReport, SideReport},
    logons::{LogonReports, Outline, Row},
};
use self::{
    logons::{Sketch, note_faults},
    writer::Writer,
};
pub(crate) use self::{
    past::{Known, Past},
    signs::Signs,
    writer::harmless,
};
use crate::{
    KeysReport, Severity, ThresholdReport, checklist, controllers::DomainControllerReport, thresholds::changed,
};

/// The version of this report's form.
const SCHEMA: &str = "hellotrace.report/1";

/// Everything said about a capture. The logons are all there, or made when they are asked for ([`LogonReports`]).
#[derive(Clone, Debug, Serialize)]
pub struct Report<L = Vec<LogonReport>> {
    /// `hellotrace.report/1`.
    pub schema: &'static str,
    /// What was read.
    pub capture: CaptureReport,
    /// Attempts to sign in, in the order in which they began.
    pub logons: L,
    /// What was found, worst first.
    pub findings: Vec<FindingReport>,
    /// Domain controllers, by address.
    pub domain_controllers: Vec<DomainControllerReport>,
    /// Prerequisites of the deployment, as far as the capture shows them.
    pub checklist: Vec<ChecklistItem>,
    /// What fails on one side and works on the other.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub comparisons: Vec<ComparisonReport>,
    /// Thresholds of the rules that the user set to something else than the catalogue's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<ThresholdReport>,
    /// Hosts of the cloud, those with failures first. For screens only.
    #[serde(skip)]
    pub hosts: Vec<crate::HostReport>,
}

/// What was read.
#[derive(Clone, Debug, Serialize)]
pub struct CaptureReport {
    /// The inputs by name.
    pub inputs: Vec<String>,
    /// Packets.
    pub packets: u64,
    /// Those of them that were copies of others, recorded at another place, and count in nothing else.
    pub copies: u64,
    /// How the clocks of the inputs differ; empty where it cannot be told.
    pub clock_offsets: Vec<ClockReport>,
    /// Bytes of packets, as captured.
    pub bytes: u64,
    /// Capture time of the first packet; `""` without packets.
    pub first: String,
    /// Latest capture time; `""` without packets.
    pub last: String,
    /// Decoded messages by protocol.
    pub messages: BTreeMap<&'static str, u64>,
    /// Packets that the recorder says it dropped.
    pub losses: u64,
    /// Packets that the recorder left out on purpose: bulk on web and SMB ports.
    #[serde(skip_serializing_if = "is_no_number")]
    pub thinned: u64,
    /// How often the interface was away while it was recorded from.
    #[serde(skip_serializing_if = "is_no_number")]
    pub interruptions: u64,
    /// What this program did not decode to keep its limits, by class.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub shed: BTreeMap<&'static str, ShedReport>,
    /// Things that were not decoded, by `protocol.reason`.
    pub gaps: BTreeMap<String, u64>,
    /// Places where an input is damaged.
    pub damage: u64,
    /// Packets of which only the beginning was kept.
    pub cut_packets: u64,
    /// Whether only one direction was captured.
    pub one_sided: bool,
    /// Packets of link types that cannot be read, by link type.
    pub unread_links: BTreeMap<u16, u64>,
    /// Packets that were not read down to TCP, UDP or ICMP, by what was in the way.
    pub unread: BTreeMap<String, u64>,
    /// Sign-ins that are only counted, by outcome: beyond a number of them the oldest are, those that succeeded first.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub retired_logons: BTreeMap<&'static str, u64>,
    /// Limits that were reached, and how much was not kept, or no longer, because of each.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<&'static str, u64>,
    /// Rules that failed by a fault of this program, by code.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub rule_failures: BTreeMap<&'static str, u64>,
}

/// What was not decoded of one class of packets, so that `--max-memory` and `--max-cpu` are kept.
#[derive(Clone, Debug, Serialize)]
pub struct ShedReport {
    /// Packets.
    pub packets: u64,
    /// Seconds of capture time in which the class was left out.
    pub seconds: u64,
    /// Capture time of the first of them.
    pub first: String,
    /// The latest of theirs.
    pub last: String,
}

/// How the clock of an input differs from that of the first. All times are by the first one's clock.
#[derive(Clone, Debug, Serialize)]
pub struct ClockReport {
    /// The input by name.
    pub input: String,
    /// Microseconds that it is ahead; negative where it is behind.
    pub ahead_microseconds: i64,
    /// Packets in both by which this was found.
    pub packets: u64,
}

/// An attempt to sign in.
#[derive(Clone, Debug, Serialize)]
pub struct LogonReport {
    /// Its number.
    pub id: u64,
    /// The client's address.
    pub client: String,
    /// The client's name; `""` when the capture does not tell it.
    pub client_name: String,
    /// `name@REALM`, as the KDC calls it, else as the client does.
    pub principal: Option<String>,
    /// `key-trust`, `certificate`, `password`, `cloud-kerberos`, `anonymous`, `hidden` or `unknown`.
    pub method: &'static str,
    /// `succeeded`, `failed` or `undecided`.
    pub outcome: &'static str,
    /// How far it came, in words.
    pub reached: &'static str,
    /// Capture time of its first packet.
    pub started: String,
    /// Capture time of its last packet.
    pub ended: String,
    /// The domain controller's address; `null` when none was asked.
    pub kdc: Option<String>,
    /// The domain controller's name; `""` when the capture does not tell it.
    pub kdc_name: String,
    /// Identifier of the PKINIT key; `""` when there is none.
    pub key_id: String,
    /// What happened, in the order of the wire: how the client found a domain controller, its exchanges with KDCs, and
    /// the sessions that it opened with services.
    pub steps: Vec<StepReport>,
    /// Exchanges that are not among the steps because there are too many.
    #[serde(skip_serializing_if = "is_zero")]
    pub exchanges_beyond: u32,
    /// Codes of its findings, sorted.
    pub findings: Vec<&'static str>,
    /// Capture time of its first packet. For screens only.
    #[serde(skip)]
    pub began: CaptureTime,
    /// Nanoseconds from its first packet to its last. For screens only.
    #[serde(skip)]
    pub lasted: i64,
}

/// A step of a logon.
#[derive(Clone, Debug, Serialize)]
pub struct StepReport {
    /// Number of the packet that completed it.
    pub packet: u64,
    /// The input, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Capture time.
    #[serde(rename = "time", serialize_with = "as_text")]
    pub at: CaptureTime,
    /// Kind of message: `as-req`, `krb-error`, `connection`, ….
    pub kind: &'static str,
    /// One line for a person.
    pub summary: String,
    /// Whether client and time alone say that it belongs to this logon.
    #[serde(skip_serializing_if = "is_false")]
    pub inferred: bool,
    /// Who sent it to whom. For screens only.
    #[serde(skip)]
    pub between: Option<(IpAddr, IpAddr)>,
    /// The decoded message behind it. It holds text from the wire: whoever shows it makes that harmless. For screens
    /// only.
    #[serde(skip)]
    pub event: Option<Arc<Event>>,
}

/// A finding.
#[derive(Clone, Debug, Serialize)]
pub struct FindingReport {
    /// Its code.
    pub code: &'static str,
    /// The fault, as a clause.
    pub title: &'static str,
    /// `critical`, `high`, `medium`, `low` or `info`.
    pub severity: Severity,
    /// `proven`, `likely` or `possible`.
    pub confidence: crate::Confidence,
    /// Logons concerned, by number.
    pub logons: Vec<u64>,
    /// Further ones, which are only counted.
    #[serde(skip_serializing_if = "is_no_number")]
    pub logons_beyond: u64,
    /// Whom or what it is about.
    pub subject: String,
    /// One sentence.
    pub summary: String,
    /// Packets that show it, the decisive one first.
    pub evidence: Vec<EvidenceReport>,
    /// What to do, step by step.
    pub fix: &'static [String],
}

/// A packet that shows a finding.
#[derive(Clone, Debug, Serialize)]
pub struct EvidenceReport {
    /// Its number.
    pub packet: u64,
    /// The input, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The field, by Wireshark's name where there is one.
    pub field: &'static str,
    /// Its value.
    pub value: String,
    /// What it means here.
    pub means: String,
}

/// A prerequisite of the deployment.
#[derive(Clone, Debug, Serialize)]
pub struct ChecklistItem {
    /// What has to work.
    pub item: &'static str,
    /// `working`, `failing` or `not_seen`.
    pub state: &'static str,
    /// What else is to be said: which server, since when, how often; `""` where nothing is.
    pub note: String,
    /// Packets that show it.
    pub evidence: Vec<EvidenceReport>,
    /// Codes of the findings about it, sorted.
    pub findings: Vec<&'static str>,
}

impl<'s> Report<LogonReports<'s>> {
    /// Runs the catalogue and writes down the result. `past` is what was said of logons that were released.
    pub(crate) fn new(inputs: &'s [String], logons: &'s Logons, facts: &'s Facts, past: &'s Past) -> Self {
        Self::going_on(past.known().clone(), inputs, logons, facts, past)
    }

    /// The same, from what is `known` of logons that were released: what `past` has, or what was taken from it.
    pub(crate) fn going_on(
        known: Known,
        inputs: &'s [String],
        logons: &'s Logons,
        facts: &'s Facts,
        past: &'s Past,
    ) -> Self {
        let Known { mut findings, mut of_kdc, mut tallies, mut faults, signs } = known;
        let signs = signs.into_watch();
        let sketches = findings.look_at(logons, facts, |logon| {
            signs.note(logon, facts);
            Sketch::of(logon)
        });
        findings.look_beyond(facts);
        let findings_beyond = findings.beyond();
        let (diagnoses, failures) = findings.sorted();
        let signs = signs.found(logons, facts);
        let writer = Writer::new(inputs, facts);
        let items = checklist::items(&signs, facts, &diagnoses);
        let checklist = items.into_iter().map(|item| writer.item(item)).collect();
        note_faults(&mut faults, &diagnoses, &sketches);
        let reports = LogonReports::new(writer, logons, past, sketches, &diagnoses, &mut of_kdc, &mut tallies);
        let limits = past::limits(logons, facts, findings_beyond, tallies.beyond());
        let capture = reports.capture(&failures, limits);
        let comparisons = reports.comparisons(&tallies);
        let domain_controllers = reports.domain_controllers(of_kdc, &faults);
        // Last: they are taken apart for it, and not held twice.
        let findings = diagnoses.into_iter().map(|diagnosis| reports.finding(diagnosis)).collect();
        let hosts = crate::hosts::hosts(facts);
        let thresholds = changed(facts);
        Self {
            schema: SCHEMA,
            capture,
            logons: reports,
            findings,
            domain_controllers,
            checklist,
            comparisons,
            thresholds,
            hosts,
        }
    }

    /// Every key that was used or is in an export of the directory. Takes as long as these are large.
    pub fn keys(&self) -> KeysReport {
        KeysReport::new(self.logons.facts())
    }

    /// The same with all logons made.
    pub fn collected(self) -> Report {
        let logons = self.logons.iter().collect();
        self.with(logons)
    }

    /// The same without the logons.
    pub fn summed_up(self) -> Report<()> {
        self.with(())
    }

    fn with<L>(self, logons: L) -> Report<L> {
        let Self {
            schema,
            capture,
            logons: _,
            findings,
            domain_controllers,
            checklist,
            comparisons,
            thresholds,
            hosts,
        } = self;
        Report { schema, capture, logons, findings, domain_controllers, checklist, comparisons, thresholds, hosts }
    }
}

impl<L> Report<L> {
    /// Whether anything of severity medium or worse was found: what the exit status says.
    pub fn has_faults(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity >= Severity::Medium)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn as_text<S: Serializer>(time: &CaptureTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_no_number(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}
