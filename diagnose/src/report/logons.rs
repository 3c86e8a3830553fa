//! The logons of a report, each made when it is asked for: a report of many does not hold them a second time.

use std::{collections::BTreeMap, net::IpAddr};

use capture::CaptureTime;
use serde::{Serialize, Serializer};
use trace::{Class, Facts, Logon, LogonId, Logons, Outcome};

use super::{
    DomainControllerReport, LogonReport, Past,
    writer::{CERTIFICATE_FAULTS, Writer, located_until},
};
use crate::{Diagnosis, Severity};

/// Logons by outcome, for each domain controller.
pub(super) type OfKdc = BTreeMap<IpAddr, BTreeMap<&'static str, u64>>;

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

/// Where the rest of it is.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// Among those that were released.
    Past(usize),
    /// Among those that are kept, with its outcome and when its client had looked for a domain controller before.
    Kept(usize, Outcome, Option<CaptureTime>),
}

/// What the whole report needs to know of a logon.
#[derive(Clone, Copy)]
pub(super) struct Sketch {
    id: LogonId,
    client: IpAddr,
    kdc: Option<IpAddr>,
    outcome: Outcome,
    failed_in_silence: bool,
    ticket_used: bool,
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
            kdc: logon.kdc(),
            outcome,
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
            *of_kdc.entry(kdc).or_default().entry(outcome.name()).or_default() += 1;
        }
    }
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
    ) -> Self {
        let (mut codes, mut doubted) = (Vec::new(), Vec::new());
        for diagnosis in diagnoses {
            codes.extend(diagnosis.logons.iter().map(|id| (id.0, diagnosis.rule.code)));
            if casts_doubt(diagnosis.rule.code, diagnosis.severity) {
                doubted.extend(&diagnosis.logons);
            }
        }
        codes.sort_unstable();
        codes.dedup();
        doubted.sort_unstable();
        let mut rows: Vec<Row> =
            past.records().iter().enumerate().map(|(place, record)| of_record(place, record)).collect();
        // The last time at which each client looked for a domain controller for the sake of a logon.
        let mut located = past.located().clone();
        for (place, sketch) in sketches.into_iter().enumerate() {
            let outcome = sketch.outcome(writer.facts(), doubted.binary_search(&sketch.id).is_ok());
            sketch.count(outcome, of_kdc);
            let before = located.insert(sketch.client, sketch.located_until);
            rows.push(Row {
                id: sketch.id.0,
                outcome: outcome.name(),
                began: sketch.began,
                lasted: sketch.lasted,
                place: Place::Kept(place, outcome, before),
            });
        }
        rows.sort_by_key(|row| row.id);
        Self { writer, logons, past, rows, codes }
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
            Place::Past(place) => {
                self.past.records().get(place).map(|record| LogonReport { findings, ..record.clone() })
            }
            Place::Kept(place, outcome, before) => {
                self.logons.at(place).map(|logon| self.writer.logon(&logon, outcome, findings, before))
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

    /// The domain controllers, with their logons by outcome.
    pub(super) fn domain_controllers(&self, mut of_kdc: OfKdc) -> Vec<DomainControllerReport> {
        let known = self.writer.facts().domain_controllers.iter();
        known
            .map(|(address, dc)| {
                let logons = of_kdc.remove(address).unwrap_or_default();
                self.writer.domain_controller(*address, dc, logons)
            })
            .collect()
    }
}

fn of_record(place: usize, record: &LogonReport) -> Row {
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
