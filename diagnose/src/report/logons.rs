//! The logons of a report, each made when it is asked for: a report of many does not hold them a second time.

use std::{collections::BTreeMap, net::IpAddr};

use capture::CaptureTime;
use serde::{Serialize, Serializer};
use trace::{Class, Facts, Logon, LogonId, Logons, Method, Outcome, StepKind};

use super::{
    CaptureReport, FindingReport, LogonReport, Past,
    comparisons::{ComparisonReport, Decision, REJECTED, Tallies},
    records::Record,
    writer::{CERTIFICATE_FAULTS, Writer, located_until},
};
use crate::{
    Diagnosis, Severity,
    controllers::{self, DomainControllerReport, Faults, OfKdc, Print},
    diagnose::Failures,
    summary,
};

/// The logons of a report, in the order in which they began.
pub struct LogonReports<'s> {
    writer: Writer<'s>,
    logons: &'s Logons,
    past: &'s Past,
    rows: Vec<Row>,
    /// Findings by logon: number and code, sorted.
    codes: Vec<(u64, &'static str)>,
}

/// A logon of a report, in short.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its number.
    pub id: u64,
    /// `succeeded`, `failed` or `undecided`.
    pub outcome: &'static str,
    /// Capture time of its first packet.
    pub began: CaptureTime,
    /// Nanoseconds from its first packet to its last.
    pub lasted: i64,
    place: Place,
}

/// A logon without its steps.
#[derive(Clone, Debug)]
pub struct Outline {
    /// All but the steps.
    pub logon: LogonReport,
    /// Numbers of the packets of its first and its last message. `None`: it has none.
    pub packets: Option<(u64, u64)>,
    /// Where it failed and no finding says why, what the domain controller answered: the number of the packet, and a
    /// line.
    pub refusal: Option<(u64, String)>,
}

/// The answer with which it was refused, in a line.
fn refusal(logon: &Logon) -> Option<(u64, String)> {
    let reply = logon.refusal()?.0.reply.as_deref()?.seen;
    let step = logon.steps().into_iter().find(|step| step.kind == StepKind::Error && step.seen == reply)?;
    Some((reply.last.number, summary::step(&step, logon)))
}

/// Where the rest of it is.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// Among those that were released.
    Past(usize),
    /// Among those that are kept, with its outcome and when its client had looked for a domain controller before.
    Kept(usize, Outcome, Option<CaptureTime>),
}

/// What the whole report needs to know of a logon.
#[derive(Clone)]
pub(super) struct Sketch {
    id: LogonId,
    client: IpAddr,
    /// `name@REALM` in lower case; empty where nobody is named.
    pub(super) user: Box<str>,
    pub(super) method: Method,
    pub(super) kdc: Option<IpAddr>,
    /// With what it signed.
    pub(super) certificate: Option<Print>,
    outcome: Outcome,
    pub(super) decision: Decision,
    failed_in_silence: bool,
    pub(super) ticket_used: bool,
    began: CaptureTime,
    lasted: i64,
    pub(super) located_until: CaptureTime,
}

impl Sketch {
    pub(super) fn of(logon: &Logon) -> Self {
        let outcome = logon.outcome();
        Self {
            id: logon.id,
            client: logon.client,
            user: logon.principal().map(|user| user.folded().to_unicode()).unwrap_or_default().into_boxed_str(),
            method: logon.method,
            kdc: logon.kdc(),
            certificate: logon.kdc_certificate().map(|certificate| Print::of(certificate)),
            outcome,
            decision: Decision::of(logon, outcome),
            failed_in_silence: outcome == Outcome::Failed && logon.failed_in_silence(),
            ticket_used: outcome == Outcome::Succeeded && logon.ticket_used(),
            began: logon.began.at,
            lasted: logon.ended.at.since(logon.began.at),
            located_until: located_until(logon),
        }
    }

    /// How it came out. `doubted`: the certificate of the domain controller is one that a client may refuse.
    pub(super) fn outcome(&self, facts: &Facts, doubted: bool) -> Outcome {
        let visibility = &facts.visibility;
        match self.outcome {
            // The answer may be among what the capture does not hold.
            Outcome::Failed
                if self.failed_in_silence && (visibility.is_one_sided() || visibility.misses(&[Class::Kerberos])) =>
            {
                Outcome::Undecided
            }
            Outcome::Succeeded if doubted && !self.ticket_used => Outcome::Undecided,
            other => other,
        }
    }

    /// Counts it with its domain controller.
    pub(super) fn count(&self, outcome: Outcome, of_kdc: &mut OfKdc) {
        if let Some(kdc) = self.kdc {
            let of_method = of_kdc.entry(kdc).or_default().entry(self.method.name()).or_default();
            *of_method.entry(outcome.name()).or_default() += 1;
        }
    }

    /// Which domain controller signed, and with which certificate.
    pub(super) fn signer(&self) -> Option<(IpAddr, Print)> {
        self.kdc.zip(self.certificate)
    }
}

/// Notes which of the certificates of domain controllers the findings are about.
pub(super) fn note_faults(faults: &mut Faults, diagnoses: &[Diagnosis], sketches: &[Sketch]) {
    let mut signers: Vec<(LogonId, (IpAddr, Print))> =
        sketches.iter().filter_map(|sketch| Some((sketch.id, sketch.signer()?))).collect();
    signers.sort_unstable_by_key(|(id, _)| *id);
    for (_, signer) in &signers {
        faults.judge(*signer);
    }
    faults.note_all(diagnoses, |id| {
        let place = signers.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        signers.get(place).map(|(_, signer)| *signer)
    });
}

/// Whether a finding makes it doubtful that clients take a ticket.
pub(super) fn casts_doubt(code: &str, severity: Severity) -> bool {
    CERTIFICATE_FAULTS.contains(&code) && severity >= Severity::High
}

impl<'s> LogonReports<'s> {
    pub(super) fn new(
        writer: Writer<'s>,
        logons: &'s Logons,
        past: &'s Past,
        sketches: Vec<Sketch>,
        diagnoses: &[Diagnosis],
        of_kdc: &mut OfKdc,
        tallies: &mut Tallies,
    ) -> Self {
        let concerned = diagnoses.iter().map(|diagnosis| diagnosis.logons.len()).sum();
        let (mut codes, mut doubted) = (Vec::with_capacity(concerned), Vec::new());
        for diagnosis in diagnoses {
            codes.extend(diagnosis.logons.iter().map(|id| (id.0, diagnosis.rule.code)));
            if casts_doubt(diagnosis.rule.code, diagnosis.severity) {
                doubted.extend(&diagnosis.logons);
            }
        }
        codes.sort_unstable();
        codes.dedup();
        doubted.sort_unstable();
        // Of 100,000 rows, which would take twice the room if they grew.
        let mut rows: Vec<Row> = Vec::with_capacity(past.records().len() + sketches.len());
        rows.extend(past.records().as_slice().iter().enumerate().map(|(place, record)| of_record(place, record)));
        // The last time at which each client looked for a domain controller for the sake of a logon.
        let mut located = past.located().clone();
        for (place, sketch) in sketches.into_iter().enumerate() {
            let outcome = sketch.outcome(writer.facts(), doubted.binary_search(&sketch.id).is_ok());
            sketch.count(outcome, of_kdc);
            let rejected = codes.binary_search(&(sketch.id.0, REJECTED)).is_ok();
            tallies.note(&sketch, outcome, rejected);
            let before = located.insert(sketch.client, sketch.located_until);
            rows.push(Row {
                id: sketch.id.0,
                outcome: outcome.name(),
                began: sketch.began,
                lasted: sketch.lasted,
                place: Place::Kept(place, outcome, before),
            });
        }
        rows.sort_unstable_by_key(|row| row.id);
        Self { writer, logons, past, rows, codes }
    }

    /// What they were found by.
    pub(super) fn facts(&self) -> &'s Facts {
        self.writer.facts()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// All in short.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Codes of the findings on a logon, by its number; sorted.
    pub fn codes_of(&self, id: u64) -> impl Iterator<Item = &'static str> {
        let start = self.codes.partition_point(|(other, _)| *other < id);
        self.codes
            .get(start..)
            .unwrap_or_default()
            .iter()
            .take_while(move |(other, _)| *other == id)
            .map(|(_, code)| *code)
    }

    /// One of them, made of its row. `None` cannot be with a row of this report.
    pub fn get(&self, row: &Row) -> Option<LogonReport> {
        let findings = self.codes_of(row.id).collect();
        match row.place {
            Place::Past(place) => self.past.records().open(place, findings),
            Place::Kept(place, outcome, before) => {
                self.logons.at(place).map(|logon| self.writer.logon(&logon, outcome, findings, before))
            }
        }
    }

    /// One of them without its steps, which costs a third. `None` cannot be with a row of this report.
    pub fn outline(&self, row: &Row) -> Option<Outline> {
        match row.place {
            Place::Past(_) => {
                let mut logon = self.get(row)?;
                let steps = std::mem::take(&mut logon.steps);
                let mut own = steps.iter().filter(|step| !step.inferred).map(|step| step.packet);
                let packets = own.next().map(|first| (first, own.next_back().unwrap_or(first)));
                let failed = logon.outcome == Outcome::Failed.name() && logon.findings.is_empty();
                let last = steps.into_iter().rfind(|step| !step.inferred);
                let error = last.filter(|last| failed && last.kind == StepKind::Error.name());
                let refusal = error.map(|step| (step.packet, step.summary));
                Some(Outline { logon, packets, refusal })
            }
            Place::Kept(place, outcome, _) => {
                let findings: Vec<&'static str> = self.codes_of(row.id).collect();
                let logon = self.logons.at(place)?;
                let packets = logon.first_and_last().map(|(first, last)| (first.last.number, last.last.number));
                let unexplained = outcome == Outcome::Failed && findings.is_empty();
                let refusal = if unexplained { refusal(&logon) } else { None };
                Some(Outline { logon: self.writer.without_steps(&logon, outcome, findings), packets, refusal })
            }
        }
    }

    /// All, one after the other.
    pub fn iter(&self) -> impl Iterator<Item = LogonReport> {
        self.rows.iter().filter_map(|row| self.get(row))
    }

    /// Leaves out those for which `wanted` does not hold.
    pub fn retain(&mut self, mut wanted: impl FnMut(&LogonReport) -> bool) {
        let mut rows = std::mem::take(&mut self.rows);
        rows.retain(|row| self.get(row).is_some_and(|logon| wanted(&logon)));
        self.rows = rows;
    }

    /// What was read.
    pub(super) fn capture(&self, failures: &Failures, limits: BTreeMap<&'static str, u64>) -> CaptureReport {
        self.writer.capture(failures, self.past.retired(), limits)
    }

    /// A finding as the report has it.
    pub(super) fn finding(&self, diagnosis: Diagnosis) -> FindingReport {
        self.writer.finding(diagnosis)
    }

    /// What fails on one side and works on the other.
    pub(super) fn comparisons(&self, tallies: &Tallies) -> Vec<ComparisonReport> {
        tallies.compared(&self.writer)
    }

    /// The domain controllers, with their logons by method and outcome.
    pub(super) fn domain_controllers(&self, of_kdc: OfKdc, faults: &Faults) -> Vec<DomainControllerReport> {
        controllers::domain_controllers(of_kdc, self.writer.facts(), faults)
    }
}

fn of_record(place: usize, record: &Record) -> Row {
    Row {
        id: record.id,
        outcome: record.outcome,
        began: record.began,
        lasted: record.lasted,
        place: Place::Past(place),
    }
}

impl Serialize for LogonReports<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}
