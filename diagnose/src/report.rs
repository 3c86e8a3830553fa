//! The report: everything the program has to say about a capture, as one immutable value.
//!
//! Field names are those of `docs/report.schema.json`; scripts read them. Text in it is harmless on a screen.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use capture::CaptureTime;
use decode::{Event, Message, Seen, WireText, kerberos, x509::Certificate};
use serde::{Serialize, Serializer};
use trace::{
    ClockOffset, DomainController, Facts, Logon, LogonId, Lookup, Method, Outcome, Ping, Service, Session, Step,
};

use crate::{Diagnosis, Severity, Subject, diagnose, diagnose::Failures};

/// The version of this report's form.
const SCHEMA: &str = "hellotrace.report/1";

/// Everything said about a capture.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// `hellotrace.report/1`.
    pub schema: &'static str,
    /// What was read.
    pub capture: CaptureReport,
    /// Attempts to sign in, in the order in which they began.
    pub logons: Vec<LogonReport>,
    /// What was found, worst first.
    pub findings: Vec<FindingReport>,
    /// Domain controllers, by address.
    pub domain_controllers: Vec<DomainControllerReport>,
    /// Prerequisites of the deployment, as far as the capture shows them.
    pub checklist: Vec<ChecklistItem>,
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
    /// Rules that failed by a fault of this program, by code.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub rule_failures: BTreeMap<&'static str, u64>,
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
    /// What happened, in the order of the wire: how the client found a domain controller, its exchanges with KDCs, and the
    /// sessions that it opened with services.
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
    /// Whom or what it is about.
    pub subject: String,
    /// One sentence.
    pub summary: String,
    /// Packets that show it, the decisive one first.
    pub evidence: Vec<EvidenceReport>,
    /// What to do, step by step.
    pub fix: Vec<String>,
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

/// A domain controller.
#[derive(Clone, Debug, Serialize)]
pub struct DomainControllerReport {
    /// Its address.
    pub address: String,
    /// Its name; `""` when the capture does not tell it.
    pub name: String,
    /// Its site, as it says in answer to a netlogon ping; `""` when none was seen.
    pub site: String,
    /// Its locator flags, as it says there; `null` when none was seen.
    pub flags: Option<u32>,
    /// The certificate it signed with last, in the form of the events.
    pub certificate: Option<Certificate>,
    /// Logons by outcome.
    pub logons: BTreeMap<&'static str, u64>,
    /// Its clock minus the capture's in seconds: the median; `null` when no error of it was seen.
    pub clock_offset_s: Option<f64>,
    /// Time from request to reply.
    pub response_ms: Option<ResponseTimes>,
}

/// Time from request to reply in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ResponseTimes {
    /// Half of the replies came within this time.
    pub p50: f64,
    /// 95 % of them.
    pub p95: f64,
    /// The slowest.
    pub max: f64,
}

/// A prerequisite of the deployment.
#[derive(Clone, Debug, Serialize)]
pub struct ChecklistItem {
    /// What has to work.
    pub item: &'static str,
    /// `working`, `failing` or `not_seen`.
    pub state: &'static str,
    /// Packets that show it.
    pub evidence: Vec<EvidenceReport>,
    /// Codes of the findings about it, sorted.
    pub findings: Vec<&'static str>,
}

/// Seconds before a logon in which a client looks for the domain controller that it will ask.
const LOOKED_UP_WITHIN: i64 = 30;
/// Questions to DNS shown with a logon, and as many netlogon pings.
const MAX_LOOKUPS: usize = 12;

/// Faults of a KDC certificate for which a client may refuse it: with one of them of severity high or critical, an issued
/// ticket that was never seen in use is no success.
const CERTIFICATE_FAULTS: [&str; 6] = ["DCC-03", "DCC-05", "DCC-06", "DCC-07", "DCC-10", "DCC-11"];

impl Report {
    /// Runs the catalogue and writes down the result.
    pub fn new(inputs: &[String], logons: &[Logon], facts: &Facts) -> Self {
        let (diagnoses, failures) = diagnose(logons, facts);
        let mut lookups: BTreeMap<IpAddr, Vec<&Lookup>> = BTreeMap::new();
        for lookup in facts.locator.lookups() {
            lookups.entry(lookup.client).or_default().push(lookup);
        }
        let mut pings: BTreeMap<IpAddr, Vec<&Ping>> = BTreeMap::new();
        for ping in facts.pings.pings() {
            pings.entry(ping.client).or_default().push(ping);
        }
        let writer = Writer { inputs, facts, lookups, pings };
        let mut codes: BTreeMap<LogonId, BTreeSet<&'static str>> = BTreeMap::new();
        let mut doubted: BTreeSet<LogonId> = BTreeSet::new();
        for diagnosis in &diagnoses {
            for id in &diagnosis.logons {
                codes.entry(*id).or_default().insert(diagnosis.rule.code);
                if CERTIFICATE_FAULTS.contains(&diagnosis.rule.code) && diagnosis.severity >= Severity::High {
                    doubted.insert(*id);
                }
            }
        }
        let outcomes: Vec<Outcome> =
            logons.iter().map(|logon| outcome(logon, facts, doubted.contains(&logon.id))).collect();
        // The last time at which each client looked for a domain controller for the sake of a logon.
        let mut located: BTreeMap<IpAddr, CaptureTime> = BTreeMap::new();
        let logon_reports = logons
            .iter()
            .zip(&outcomes)
            .map(|(logon, outcome)| {
                let codes = codes.get(&logon.id).map(|codes| codes.iter().copied().collect()).unwrap_or_default();
                let before = located.insert(logon.client, located_until(logon));
                writer.logon(logon, *outcome, codes, before)
            })
            .collect();
        let mut of_kdc: BTreeMap<IpAddr, BTreeMap<&'static str, u64>> = BTreeMap::new();
        for (logon, outcome) in logons.iter().zip(&outcomes) {
            if let Some(kdc) = logon.kdc() {
                *of_kdc.entry(kdc).or_default().entry(outcome.name()).or_default() += 1;
            }
        }
        Self {
            schema: SCHEMA,
            capture: writer.capture(&failures),
            logons: logon_reports,
            findings: diagnoses.iter().map(|diagnosis| writer.finding(diagnosis)).collect(),
            domain_controllers: facts
                .domain_controllers
                .iter()
                .map(|(address, dc)| writer.domain_controller(*address, dc, of_kdc.remove(address).unwrap_or_default()))
                .collect(),
            checklist: writer.checklist(logons, &diagnoses),
            hosts: crate::hosts::hosts(facts),
        }
    }

    /// Whether anything of severity medium or worse was found: what the exit status says.
    pub fn has_faults(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity >= Severity::Medium)
    }
}

fn outcome(logon: &Logon, facts: &Facts, certificate_doubted: bool) -> Outcome {
    let visibility = &facts.visibility;
    match logon.outcome() {
        // The answer may be among what the capture does not hold.
        Outcome::Failed if logon.failed_in_silence() && (visibility.is_one_sided() || visibility.has_drops()) => {
            Outcome::Undecided
        }
        Outcome::Succeeded if certificate_doubted && !logon.ticket_used() => Outcome::Undecided,
        other => other,
    }
}

/// Turns what was found into what is written.
struct Writer<'r> {
    inputs: &'r [String],
    facts: &'r Facts,
    /// Those of each client, in the order in which they were first asked.
    lookups: BTreeMap<IpAddr, Vec<&'r Lookup>>,
    /// As `lookups`.
    pings: BTreeMap<IpAddr, Vec<&'r Ping>>,
}

impl Writer<'_> {
    fn capture(&self, failures: &Failures) -> CaptureReport {
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
            gaps: visibility
                .gaps
                .iter()
                .map(|((protocol, kind), count)| (format!("{}.{}", protocol.name(), kind.name()), *count))
                .collect(),
            damage: visibility.damage,
            cut_packets: visibility.cut_packets,
            one_sided: visibility.is_one_sided(),
            unread_links: visibility.unread_links.clone(),
            unread: visibility.unread.iter().map(|(unread, count)| (unread.to_string(), *count)).collect(),
            rule_failures: failures.0.clone(),
        }
    }

    fn clock(&self, clock: &ClockOffset) -> ClockReport {
        let name = self.inputs.get(usize::from(clock.input)).map(|name| harmless(name));
        ClockReport { input: name.unwrap_or_default(), ahead_microseconds: clock.ahead / 1000, packets: clock.packets }
    }

    fn logon(
        &self,
        logon: &Logon,
        outcome: Outcome,
        findings: Vec<&'static str>,
        before: Option<CaptureTime>,
    ) -> LogonReport {
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
            steps: self.steps(logon, before),
            exchanges_beyond: logon.exchanges_beyond,
            findings,
            began: logon.began.at,
            lasted: logon.ended.at.since(logon.began.at),
        }
    }

    /// Everything that belongs to a logon, in the order of the wire.
    ///
    /// What it takes to find a domain controller belongs to the client's next logon: `before` is how long the one before it
    /// looked for one.
    fn steps(&self, logon: &Logon, before: Option<CaptureTime>) -> Vec<StepReport> {
        let own = logon.steps();
        let mut steps: Vec<(Seen, StepReport)> = Vec::with_capacity(own.len());
        let since = logon.began.at.plus_seconds(-LOOKED_UP_WITHIN);
        let since = before.map_or(since, |before| since.max(CaptureTime(before.0.saturating_add(1))));
        let located = (since, located_until(logon));
        for lookup in near(self.lookups.get(&logon.client), located, |lookup| lookup.asked.first().map(|seen| seen.at))
        {
            self.lookup(lookup, &mut steps);
        }
        for ping in near(self.pings.get(&logon.client), located, |ping| Some(ping.first.at)) {
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
        if let Some(&seen) = lookup.asked.first() {
            let summary = format!("asks for {}{}", lookup.name, times(lookup.asked.len()));
            steps.push((seen, self.step_at(seen, "dns-query", summary, (lookup.client, lookup.server))));
        }
        if let Some(answer) = &lookup.answer {
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
        steps.push((ping.first, self.step_at(ping.first, "ldap-ping", summary, (ping.client, ping.server))));
        if let Some(answer) = &ping.answer {
            let step = self.step_at(
                answer.seen,
                "ldap-ping-response",
                crate::summary::ping_answer(answer),
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

    fn finding(&self, diagnosis: &Diagnosis) -> FindingReport {
        FindingReport {
            code: diagnosis.rule.code,
            title: diagnosis.rule.title,
            severity: diagnosis.severity,
            confidence: diagnosis.found.confidence,
            logons: diagnosis.logons.iter().map(|id| id.0).collect(),
            subject: self.subject(&diagnosis.found.subject),
            summary: diagnosis.found.summary.clone(),
            evidence: diagnosis.found.evidence.iter().map(|evidence| self.evidence(evidence)).collect(),
            fix: diagnosis.rule.page().fixes(),
        }
    }

    fn evidence(&self, evidence: &crate::Evidence) -> EvidenceReport {
        EvidenceReport {
            packet: evidence.seen.last.number,
            file: self.file(evidence.seen),
            field: evidence.field,
            value: evidence.value.clone(),
            means: evidence.means.clone(),
        }
    }

    fn domain_controller(
        &self,
        address: IpAddr,
        dc: &DomainController,
        logons: BTreeMap<&'static str, u64>,
    ) -> DomainControllerReport {
        let latest = dc.certificates.iter().max_by_key(|seen| seen.last);
        DomainControllerReport {
            address: address.to_string(),
            name: self.name(address),
            site: dc.located.as_ref().map(|located| harmless(&located.site)).unwrap_or_default(),
            flags: dc.located.as_ref().and_then(|located| located.flags),
            certificate: latest.map(|seen| seen.certificate.as_ref().clone()),
            logons,
            // To the millisecond.
            clock_offset_s: dc.clock_offset().map(|offset| (offset * 1000.0).round() / 1000.0),
            response_ms: response_times(&dc.response_times),
        }
    }

    fn checklist(&self, logons: &[Logon], diagnoses: &[Diagnosis]) -> Vec<ChecklistItem> {
        CHECKLIST
            .iter()
            .map(|(item, prefixes, shows)| {
                let findings: BTreeSet<&'static str> = diagnoses
                    .iter()
                    .filter(|diagnosis| diagnosis.severity >= Severity::Medium)
                    .map(|diagnosis| diagnosis.rule.code)
                    .filter(|code| prefixes.iter().any(|prefix| code.starts_with(prefix)))
                    .collect();
                let evidence: Vec<EvidenceReport> = if findings.is_empty() {
                    logons.iter().find_map(shows).map(|evidence| self.evidence(&evidence)).into_iter().collect()
                } else {
                    diagnoses
                        .iter()
                        .filter(|diagnosis| findings.contains(diagnosis.rule.code))
                        .filter_map(|diagnosis| diagnosis.found.evidence.first())
                        .map(|evidence| self.evidence(evidence))
                        .collect()
                };
                let state = match (findings.is_empty(), evidence.is_empty()) {
                    (false, _) => "failing",
                    (true, false) => "working",
                    (true, true) => "not_seen",
                };
                ChecklistItem { item, state, evidence, findings: findings.into_iter().collect() }
            })
            .collect()
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

    fn name(&self, address: IpAddr) -> String {
        self.facts.name_of(address).map(harmless).unwrap_or_default()
    }

    fn file(&self, seen: Seen) -> Option<String> {
        (self.inputs.len() > 1)
            .then(|| self.inputs.get(usize::from(seen.last.input.0)).map(|name| harmless(name)))
            .flatten()
    }
}

/// What a client asked in this time, of a list in the order of time: the last few.
fn near<'r, T>(
    list: Option<&Vec<&'r T>>,
    (since, until): (CaptureTime, CaptureTime),
    asked: impl Fn(&T) -> Option<CaptureTime>,
) -> impl Iterator<Item = &'r T> {
    let list = list.map(Vec::as_slice).unwrap_or_default();
    let end = list.partition_point(|item| asked(item) <= Some(until));
    let before = list.get(..end).unwrap_or_default();
    let start = before.partition_point(|item| asked(item) < Some(since)).max(end.saturating_sub(MAX_LOOKUPS));
    before.get(start..).unwrap_or_default().iter().copied()
}

/// When a client looks for a domain controller for a logon's sake, at the latest: until it has its ticket.
fn located_until(logon: &Logon) -> CaptureTime {
    let issued = logon.issued().and_then(|(exchange, _)| exchange.reply.as_deref());
    issued.map_or(logon.ended.at, |reply| reply.seen.at)
}

/// How often something was asked, if more than once.
fn times(count: usize) -> String {
    if count > 1 { format!(", {count} times") } else { String::new() }
}

/// A prerequisite: its name, the families and codes that speak of it, and what in a logon shows that it works.
type Prerequisite = (&'static str, &'static [&'static str], fn(&Logon) -> Option<crate::Evidence>);

const CHECKLIST: &[Prerequisite] = &[
    ("clients find a domain controller in DNS", &["LOC-01", "LOC-02"], |_| None),
    ("domain controllers answer on port 88", &["NET-"], |logon| {
        let exchange = logon.as_exchanges().find(|exchange| exchange.reply.is_some())?;
        let event = exchange.reply.as_deref()?;
        let means = "a domain controller answered";
        Some(crate::Evidence::new(event.seen, "kerberos.msg_type", reply_kind(&event.message), means))
    }),
    ("clocks agree within five minutes", &["TIM-"], |logon| {
        let (exchange, _) = logon.issued()?;
        let event = exchange.reply.as_deref()?;
        let means = "a ticket was issued, so the clocks agree well enough";
        Some(crate::Evidence::new(event.seen, "kerberos.msg_type", reply_kind(&event.message), means))
    }),
    ("domain controllers have a certificate for PKINIT that clients accept", &["DCC-"], |logon| {
        let certificate = logon.kdc_certificate()?;
        let (exchange, _) = logon.issued()?;
        let event = exchange.reply.as_deref()?;
        let means = "a domain controller signed with this certificate, and the ticket was used";
        logon
            .ticket_used()
            .then(|| crate::Evidence::new(event.seen, "x509sat.printableString", certificate.subject.clone(), means))
    }),
    ("keys of users are in the directory", &["KEY-0", "KEY-18", "KEY-19", "KEY-20"], |logon| {
        let (exchange, _) = logon.issued().filter(|_| logon.method == Method::KeyTrust)?;
        let event = exchange.reply.as_deref()?;
        Some(crate::Evidence::new(event.seen, "kerberos.padata_type", "17", "a key was accepted"))
    }),
    (
        "computers reach Microsoft Entra",
        &["CLD-01", "CLD-02", "CLD-03", "CLD-04", "CLD-06", "CLD-11", "CLD-12", "SYN-06"],
        |_| None,
    ),
    ("revocation lists can be fetched", &["PKI-01", "PKI-03", "PKI-04", "PKI-11"], |_| None),
    ("accounts may sign in", &["ACC-"], |logon| {
        let (exchange, _) = logon.issued()?;
        let event = exchange.reply.as_deref()?;
        Some(crate::Evidence::new(event.seen, "kerberos.msg_type", reply_kind(&event.message), "an account got in"))
    }),
];

fn reply_kind(message: &Message) -> String {
    match message {
        Message::Kerberos(message) => match message.as_ref() {
            kerberos::Message::KdcReply(reply) if reply.stage == kerberos::Stage::Tgs => "13".to_owned(),
            kerberos::Message::KdcReply(_) => "11".to_owned(),
            _ => "30".to_owned(),
        },
        _ => String::new(),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn as_text<S: Serializer>(time: &CaptureTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

pub(crate) fn harmless(text: &str) -> String {
    WireText::from(text).to_string()
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

fn response_times(microseconds: &[u64]) -> Option<ResponseTimes> {
    let mut sorted = microseconds.to_vec();
    sorted.sort_unstable();
    let at = |percent: usize| sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied();
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a response time")]
    let milliseconds = |value: Option<u64>| value.map(|value| value as f64 / 1000.0);
    Some(ResponseTimes {
        p50: milliseconds(at(50))?,
        p95: milliseconds(at(95))?,
        max: milliseconds(sorted.last().copied())?,
    })
}
