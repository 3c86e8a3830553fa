//! From what was found to what is written.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use capture::CaptureTime;
use decode::{Seen, WireText};
use trace::{ClockOffset, Facts, Logon, Lookup, Outcome, Ping, Service, Session, Shed, Step, Visibility};

use super::{
    CaptureReport, ChecklistItem, ClockReport, EvidenceReport, FindingReport, LogonReport, ShedReport, StepReport,
};
use crate::{Diagnosis, Subject, checklist::Item, diagnose::Failures};

/// Seconds before a logon in which a client looks for the domain controller that it will ask.
pub(super) const LOOKED_UP_WITHIN: i64 = 30;
/// Questions to DNS shown with a logon, and as many netlogon pings.
const MAX_LOOKUPS: usize = 12;

/// Faults of a KDC certificate for which a client may refuse it: with one of them of severity high or critical, an
/// issued ticket that was never seen in use is no success.
pub(super) const CERTIFICATE_FAULTS: [&str; 6] = ["DCC-03", "DCC-05", "DCC-06", "DCC-07", "DCC-10", "DCC-11"];

fn shed_report(shed: &Shed) -> ShedReport {
    let (first, last) = (shed.first.to_string(), shed.last.to_string());
    ShedReport { packets: shed.packets, seconds: shed.seconds, first, last }
}

/// What could not be decoded, by protocol and kind. Kinds that machine output does not tell apart are counted together.
fn gaps(visibility: &Visibility) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for ((protocol, kind), count) in &visibility.gaps {
        *counts.entry(format!("{}.{}", protocol.name(), kind.name())).or_default() += count;
    }
    counts
}

/// Turns what was found into what is written.
pub(super) struct Writer<'r> {
    inputs: &'r [String],
    facts: &'r Facts,
}

impl<'r> Writer<'r> {
    pub(super) fn new(inputs: &'r [String], facts: &'r Facts) -> Self {
        Self { inputs, facts }
    }

    pub(super) fn facts(&self) -> &'r Facts {
        self.facts
    }

    pub(super) fn capture(
        &self,
        failures: &Failures,
        retired: &BTreeMap<&'static str, u64>,
        limits: BTreeMap<&'static str, u64>,
    ) -> CaptureReport {
        let visibility = &self.facts.visibility;
        let time = |time: Option<CaptureTime>| time.map(|time| time.to_string()).unwrap_or_default();
        CaptureReport {
            inputs: self.inputs.iter().map(|input| harmless(input)).collect(),
            packets: visibility.packets,
            copies: visibility.copies,
            clock_offsets: visibility.clocks.iter().map(|clock| self.clock(clock)).collect(),
            bytes: visibility.bytes,
            first: time(visibility.first),
            last: time(visibility.last),
            messages: visibility
                .messages
                .iter()
                .filter(|(_, count)| **count > 0)
                .map(|(protocol, count)| (protocol.name(), *count))
                .collect(),
            losses: visibility.losses.dropped(),
            thinned: visibility.losses.thinned,
            interruptions: visibility.losses.interruptions,
            shed: visibility.shed.iter().map(|(class, shed)| (class.name(), shed_report(shed))).collect(),
            gaps: gaps(visibility),
            damage: visibility.damage,
            cut_packets: visibility.cut_packets,
            one_sided: visibility.is_one_sided(),
            unread_links: visibility.unread_links.clone(),
            unread: visibility.unread.iter().map(|(unread, count)| (unread.to_string(), *count)).collect(),
            retired_logons: retired.clone(),
            limits,
            rule_failures: failures.0.clone(),
        }
    }

    fn clock(&self, clock: &ClockOffset) -> ClockReport {
        let name = self.inputs.get(usize::from(clock.input)).map(|name| harmless(name));
        ClockReport { input: name.unwrap_or_default(), ahead_microseconds: clock.ahead / 1000, packets: clock.packets }
    }

    pub(super) fn logon(
        &self,
        logon: &Logon,
        outcome: Outcome,
        findings: Vec<&'static str>,
        before: Option<CaptureTime>,
    ) -> LogonReport {
        LogonReport { steps: self.steps(logon, before), ..self.without_steps(logon, outcome, findings) }
    }

    /// The same without its steps, which are most of the work.
    pub(super) fn without_steps(&self, logon: &Logon, outcome: Outcome, findings: Vec<&'static str>) -> LogonReport {
        let kdc = logon.kdc();
        LogonReport {
            id: logon.id.0,
            client: logon.client.to_string(),
            client_name: self.name(logon.client),
            principal: logon.principal().map(ToString::to_string),
            method: logon.method.name(),
            outcome: outcome.name(),
            reached: logon.reached().words(),
            started: logon.began.at.to_string(),
            ended: logon.ended.at.to_string(),
            kdc: kdc.map(|kdc| kdc.to_string()),
            kdc_name: kdc.map(|kdc| self.name(kdc)).unwrap_or_default(),
            key_id: logon.client_certificate().map(|certificate| certificate.key_id.clone()).unwrap_or_default(),
            steps: Vec::new(),
            exchanges_beyond: logon.exchanges_beyond,
            findings,
            began: logon.began.at,
            lasted: logon.ended.at.since(logon.began.at),
        }
    }

    /// Everything that belongs to a logon, in the order of the wire.
    ///
    /// What it takes to find a domain controller belongs to the client's next logon: `before` is how long the one
    /// before it looked for one.
    fn steps(&self, logon: &Logon, before: Option<CaptureTime>) -> Vec<StepReport> {
        let own = logon.steps();
        let mut steps: Vec<(Seen, StepReport)> = Vec::with_capacity(own.len());
        let since = logon.began.at.plus_seconds(-LOOKED_UP_WITHIN);
        let since = before.map_or(since, |before| since.max(CaptureTime(before.0.saturating_add(1))));
        let located = (since, located_until(logon));
        for lookup in self.facts.locator.lookups_near(logon.client, located, MAX_LOOKUPS) {
            self.lookup(lookup, &mut steps);
        }
        for ping in self.facts.pings.pings_near(logon.client, located, MAX_LOOKUPS) {
            self.ping(ping, &mut steps);
        }
        steps.extend(own.iter().map(|step| (step.seen, self.step(step, logon))));
        for session in &logon.sessions {
            self.session(session, logon.client, &mut steps);
        }
        steps.sort_by_key(|(seen, _)| *seen);
        // Not collected in place: reports are kept, and the room for the places would stay with them.
        let mut in_order = Vec::with_capacity(steps.len());
        in_order.extend(steps.into_iter().map(|(_, step)| step));
        in_order
    }

    /// A step of which no message is kept.
    fn step_at(&self, seen: Seen, kind: &'static str, mut summary: String, between: (IpAddr, IpAddr)) -> StepReport {
        summary.shrink_to_fit();
        StepReport {
            packet: seen.last.number,
            file: self.file(seen),
            at: seen.at,
            kind,
            summary,
            inferred: true,
            between: Some(between),
            event: None,
        }
    }

    /// A question to DNS, and its answer if it has one.
    fn lookup(&self, lookup: &Lookup, steps: &mut Vec<(Seen, StepReport)>) {
        let seen = lookup.first_asked();
        let summary = format!("asks for {}{}", lookup.name(), times(lookup.times()));
        steps.push((seen, self.step_at(seen, "dns-query", summary, (lookup.client, lookup.server))));
        if let Some(answer) = lookup.answer() {
            let summary = match (answer.rcode, answer.services) {
                (0, 1) => "1 domain controller".to_owned(),
                (0, count) => format!("{count} domain controllers"),
                (3, _) => "no such name".to_owned(),
                (rcode, _) => format!("DNS error {rcode}"),
            };
            let step = self.step_at(answer.seen, "dns-response", summary, (lookup.server, lookup.client));
            steps.push((answer.seen, step));
        }
    }

    /// A netlogon ping, and its answer if it has one.
    fn ping(&self, ping: &Ping, steps: &mut Vec<(Seen, StepReport)>) {
        let of = if ping.domain.is_empty() { String::new() } else { format!(" of {}", harmless(&ping.domain)) };
        let times = times(usize::try_from(ping.times).unwrap_or(usize::MAX));
        let summary = format!("asks whether a domain controller{of} is there{times}");
        steps.push((ping.first(), self.step_at(ping.first(), "ldap-ping", summary, (ping.client, ping.server))));
        if let Some(answer) = ping.answer() {
            let step = self.step_at(
                answer.seen,
                "ldap-ping-response",
                crate::summary::ping_answer(&answer),
                (ping.server, ping.client),
            );
            steps.push((answer.seen, step));
        }
    }

    /// A session with a service, and the answer if it has one.
    fn session(&self, session: &Session, client: IpAddr, steps: &mut Vec<(Seen, StepReport)>) {
        let server = session.server.address;
        let (asks, answers) = match session.service {
            Service::Ldap => ("ldap-bind", "ldap-bind-response"),
            Service::Smb => ("smb-session", "smb-session-response"),
        };
        let step = |seen, kind, summary, between| {
            let step = self.step_at(seen, kind, summary, between);
            (seen, StepReport { inferred: !session.certain, ..step })
        };
        steps.push(step(session.opened, asks, crate::summary::session(session), (client, server)));
        if let Some((seen, answer)) = session.answer {
            steps.push(step(seen, answers, crate::summary::session_answer(answer), (server, client)));
        }
    }

    fn step(&self, step: &Step, logon: &Logon) -> StepReport {
        StepReport {
            packet: step.seen.last.number,
            file: self.file(step.seen),
            at: step.seen.at,
            kind: step.kind.name(),
            summary: crate::summary::step(step, logon),
            inferred: false,
            between: step.event.path.map(|path| (path.source.address, path.destination.address)),
            event: Some(Arc::clone(&step.event)),
        }
    }

    pub(super) fn finding(&self, diagnosis: Diagnosis) -> FindingReport {
        FindingReport {
            code: diagnosis.rule.code,
            title: diagnosis.rule.title,
            severity: diagnosis.severity,
            confidence: diagnosis.found.confidence,
            logons: diagnosis.logons.iter().map(|id| id.0).collect(),
            logons_beyond: diagnosis.beyond,
            subject: self.subject(&diagnosis.found.subject),
            summary: diagnosis.found.summary,
            evidence: diagnosis.found.evidence.into_iter().map(|evidence| self.evidence(evidence)).collect(),
            fix: diagnosis.rule.fixes(),
        }
    }

    pub(super) fn evidence(&self, evidence: crate::Evidence) -> EvidenceReport {
        EvidenceReport {
            packet: evidence.seen.last.number,
            file: self.file(evidence.seen),
            field: evidence.field,
            value: evidence.value,
            means: evidence.means,
        }
    }

    pub(super) fn item(&self, item: Item) -> ChecklistItem {
        ChecklistItem {
            item: item.what,
            state: item.state,
            note: harmless(&item.note),
            evidence: item.evidence.into_iter().map(|evidence| self.evidence(evidence)).collect(),
            findings: item.findings,
        }
    }

    fn subject(&self, subject: &Subject) -> String {
        match subject {
            Subject::DomainController(address) | Subject::Device(address) => match self.name(*address) {
                name if name.is_empty() => address.to_string(),
                name => format!("{name} ({address})"),
            },
            Subject::Account(principal) => principal.to_string(),
            Subject::Domain(name) | Subject::Service(name) | Subject::Host(name) => harmless(name),
            Subject::Capture => String::from("the capture"),
        }
    }

    /// The name of a machine, else its address.
    pub(super) fn machine(&self, address: IpAddr) -> String {
        Some(self.name(address)).filter(|name| !name.is_empty()).unwrap_or_else(|| address.to_string())
    }

    fn name(&self, address: IpAddr) -> String {
        self.facts.name_of(address).map(harmless).unwrap_or_default()
    }

    fn file(&self, seen: Seen) -> Option<String> {
        (self.inputs.len() > 1)
            .then(|| self.inputs.get(usize::from(seen.last.input.0)).map(|name| harmless(name)))
            .flatten()
    }
}

/// When a client looks for a domain controller for a logon's sake, at the latest: until it has its ticket.
pub(super) fn located_until(logon: &Logon) -> CaptureTime {
    let issued = logon.issued().and_then(|(exchange, _)| exchange.reply.as_deref());
    issued.map_or(logon.ended.at, |reply| reply.seen.at)
}

/// How often something was asked, if more than once.
fn times(count: usize) -> String {
    if count > 1 { format!(", {count} times") } else { String::new() }
}

pub(crate) fn harmless(text: &str) -> String {
    WireText::from(text).to_string()
}
