//! One record for each domain controller: what it says it is, what it signed with, how sign-ins at it came out, and how
//! much of it the capture holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use decode::x509::Certificate;
use serde::{Serialize, Serializer};
use trace::{DomainController, Facts, LogonId, percentile::percentile};

use crate::{Diagnosis, Subject, report::harmless};

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
    /// What these flags mean, in order of their bits.
    pub flag_names: Vec<&'static str>,
    /// The certificate it signed with last, in the form of the events.
    pub certificate: Option<Certificate>,
    /// All certificates that it signed with, in order of first use.
    pub certificates: Vec<CertificateReport>,
    /// Logons by outcome.
    pub logons: BTreeMap<&'static str, u64>,
    /// The same by method.
    pub methods: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// Its clock minus the capture's in seconds: the median; `null` when no error of it was seen.
    pub clock_offset_s: Option<f64>,
    /// Time from request to reply.
    pub response_ms: Option<ResponseTimes>,
    /// Ports that clients tried, in order.
    pub ports: Vec<PortReport>,
    /// How much of its Kerberos the capture holds.
    pub coverage: Coverage,
}

/// A certificate with which a domain controller signed.
#[derive(Clone, Debug, Serialize)]
pub struct CertificateReport {
    /// The certificate, in the form of the events.
    #[serde(serialize_with = "shared")]
    pub certificate: Arc<Certificate>,
    /// Capture time of the first reply with it.
    pub first: String,
    /// Packet of that reply.
    pub first_packet: u64,
    /// Capture time of the last.
    pub last: String,
    /// Packet of that reply.
    pub last_packet: u64,
    /// Replies with it.
    pub replies: u64,
    /// What each rule about certificates says of it, in order of code.
    pub verdicts: Vec<CertificateVerdict>,
}

/// What a rule says of a certificate.
#[derive(Clone, Debug, Serialize)]
pub struct CertificateVerdict {
    /// The rule.
    pub code: &'static str,
    /// `found` or `clear`.
    pub verdict: &'static str,
}

/// A port of a domain controller.
#[derive(Clone, Debug, Serialize)]
pub struct PortReport {
    /// Its number.
    pub port: u16,
    /// `tcp`, or `udp` for netlogon pings.
    pub transport: &'static str,
    /// Clients that it answered.
    pub answered: usize,
    /// Clients that it refused and never answered.
    pub refused: usize,
    /// Clients that it neither answered nor refused.
    pub silent: usize,
}

/// How much of a domain controller's Kerberos the capture holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Coverage {
    /// Requests and answers.
    Both,
    /// Requests only: it did not answer, or the capture does not hold that.
    RequestsOnly,
    /// Answers only.
    RepliesOnly,
    /// Nothing: it was found by DNS or pinged.
    None,
}

impl Coverage {
    /// In a few words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Both => "requests and answers",
            Self::RequestsOnly => "requests, and no answer",
            Self::RepliesOnly => "answers without their requests",
            Self::None => "no Kerberos",
        }
    }
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

/// Locator flags. MS-ADTS 6.3.1.2; from 2012 R2 on, MS-NRPC 2.2.1.2.1.
const FLAGS: [(u32, &str); 17] = [
    (0x1, "primary domain controller"),
    (0x4, "global catalogue"),
    (0x8, "LDAP"),
    (0x10, "directory service"),
    (0x20, "Kerberos"),
    (0x40, "time service"),
    (0x80, "closest site"),
    (0x100, "writable"),
    (0x200, "reliable time service"),
    (0x400, "application partition only"),
    (0x800, "read-only"),
    (0x1000, "writable, 2008 or later"),
    (0x2000, "web services"),
    (0x4000, "2012 or later"),
    (0x8000, "2012 R2 or later"),
    (0x1_0000, "2016 or later"),
    (0x2_0000, "key list"),
];

/// Rules about a domain controller's certificate.
const CERTIFICATE_RULES: [&str; 10] =
    ["DCC-03", "DCC-04", "DCC-05", "DCC-06", "DCC-07", "DCC-08", "DCC-09", "DCC-10", "DCC-11", "DCC-12"];

/// What locator flags mean, in order of their bits.
pub(crate) fn flag_names(flags: u32) -> Vec<&'static str> {
    FLAGS.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name).collect()
}

/// Logons at each domain controller: by method, by outcome.
pub(crate) type OfKdc = BTreeMap<IpAddr, BTreeMap<&'static str, BTreeMap<&'static str, u64>>>;

/// Writes down every domain controller, in order of address.
pub(crate) fn domain_controllers(mut logons: OfKdc, facts: &Facts, faults: &Faults) -> Vec<DomainControllerReport> {
    facts
        .domain_controllers
        .iter()
        .map(|(address, dc)| report(*address, dc, logons.remove(address).unwrap_or_default(), faults, facts))
        .collect()
}

fn report(
    address: IpAddr,
    dc: &DomainController,
    methods: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    faults: &Faults,
    facts: &Facts,
) -> DomainControllerReport {
    let latest = dc.certificates.iter().max_by_key(|seen| seen.last);
    let mut logons: BTreeMap<&'static str, u64> = BTreeMap::new();
    for (outcome, count) in methods.values().flatten() {
        *logons.entry(*outcome).or_default() += count;
    }
    let flags = dc.located.as_ref().and_then(|located| located.flags);
    let asked = !logons.is_empty() || facts.ports.of_server(address).any(|(_, port, _)| port == decode::KDC_PORT);
    let answered = !dc.response_times.is_empty() || !dc.served.is_empty() || dc.clock.is_some();
    let certificates = dc.certificates.iter().map(|seen| CertificateReport {
        certificate: Arc::clone(&seen.certificate),
        first: seen.first.at.to_string(),
        first_packet: seen.first.last.number,
        last: seen.last.at.to_string(),
        last_packet: seen.last.last.number,
        replies: seen.count,
        verdicts: CERTIFICATE_RULES
            .iter()
            .filter(|code| crate::by_code(code).is_some())
            .map(|&code| CertificateVerdict { code, verdict: faults.verdict(address, &seen.certificate, code) })
            .collect(),
    });
    DomainControllerReport {
        address: address.to_string(),
        name: facts.name_of(address).map(harmless).unwrap_or_default(),
        site: dc.located.as_ref().map(|located| harmless(&located.site)).unwrap_or_default(),
        flags,
        flag_names: flags.map(flag_names).unwrap_or_default(),
        certificate: latest.map(|seen| seen.certificate.as_ref().clone()),
        certificates: certificates.collect(),
        logons,
        methods,
        // To the millisecond.
        clock_offset_s: dc.clock_offset().map(|offset| (offset * 1000.0).round() / 1000.0),
        response_ms: response_times(&dc.response_times),
        ports: ports(address, facts),
        coverage: match (asked, answered) {
            (true, true) => Coverage::Both,
            (true, false) => Coverage::RequestsOnly,
            (false, true) => Coverage::RepliesOnly,
            (false, false) => Coverage::None,
        },
    }
}

/// Ports by what clients met there.
fn ports(address: IpAddr, facts: &Facts) -> Vec<PortReport> {
    let mut ports: BTreeMap<(u16, &'static str), PortReport> = BTreeMap::new();
    let mut note = |port: u16, transport: &'static str, opened: bool, refused: bool| {
        let report = ports.entry((port, transport)).or_insert(PortReport {
            port,
            transport,
            answered: 0,
            refused: 0,
            silent: 0,
        });
        match (opened, refused) {
            (true, _) => report.answered += 1,
            (false, true) => report.refused += 1,
            (false, false) => report.silent += 1,
        }
    };
    for (_, port, port_use) in facts.ports.of_server(address) {
        note(port, "tcp", port_use.opened, port_use.refused.is_some());
    }
    let mut pinged: BTreeMap<IpAddr, (bool, bool)> = BTreeMap::new();
    for ping in facts.pings.pings().iter().filter(|ping| ping.server == address) {
        let (answered, refused) = pinged.entry(ping.client).or_default();
        *answered |= ping.answer().is_some();
        *refused |= ping.unreachable.is_some();
    }
    for (answered, refused) in pinged.into_values() {
        note(decode::decoder::LDAP_PORT, "udp", answered, refused);
    }
    ports.into_values().collect()
}

fn shared<S: Serializer>(certificate: &Arc<Certificate>, serializer: S) -> Result<S::Ok, S::Error> {
    certificate.as_ref().serialize(serializer)
}

/// Recognises a certificate among those of one domain controller: the first 16 digits of its thumbprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Print([u8; 16]);

impl Print {
    pub(crate) fn of(certificate: &Certificate) -> Self {
        let mut digits = [0; 16];
        digits.iter_mut().zip(certificate.sha256.bytes()).for_each(|(digit, byte)| *digit = byte);
        Self(digits)
    }
}

/// Which rules found something about which certificate.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// By domain controller and certificate; of a domain controller as a whole without one.
    codes: BTreeSet<(IpAddr, Option<Print>, &'static str)>,
    /// Certificates in logons that the rules looked at.
    judged: BTreeSet<(IpAddr, Print)>,
}

impl Faults {
    /// Certificates told apart: as many as are kept of domain controllers. Of those beyond nothing is said.
    const MAX_JUDGED: usize = Facts::MAX_CERTIFICATES;

    /// The rules looked at a logon at this domain controller, which signed with this certificate.
    pub(crate) fn judge(&mut self, (address, certificate): (IpAddr, Print)) {
        if self.judged.len() < Self::MAX_JUDGED {
            self.judged.insert((address, certificate));
        }
    }

    /// Whether this rule is about the certificate that a domain controller signed with.
    pub(crate) fn is_about(code: &str) -> bool {
        CERTIFICATE_RULES.contains(&code)
    }

    /// A rule found something in a logon at this domain controller, which signed with this certificate.
    pub(crate) fn note(&mut self, address: IpAddr, certificate: Print, code: &'static str) {
        if self.judged.contains(&(address, certificate)) {
            self.codes.insert((address, Some(certificate), code));
        }
    }

    /// Notes what was found. `signer`: which domain controller signed in a logon, and with which certificate.
    pub(crate) fn note_all(&mut self, diagnoses: &[Diagnosis], signer: impl Fn(LogonId) -> Option<(IpAddr, Print)>) {
        for diagnosis in diagnoses.iter().filter(|diagnosis| Self::is_about(diagnosis.rule.code)) {
            let code = diagnosis.rule.code;
            if let (Subject::DomainController(address), true) = (&diagnosis.found.subject, diagnosis.logons.is_empty())
            {
                self.codes.insert((*address, None, code));
            }
            for (address, certificate) in diagnosis.logons.iter().filter_map(|id| signer(*id)) {
                self.note(address, certificate, code);
            }
        }
    }

    fn verdict(&self, address: IpAddr, certificate: &Certificate, code: &'static str) -> &'static str {
        let print = Print::of(certificate);
        if [None, Some(print)].iter().any(|print| self.codes.contains(&(address, *print, code))) {
            "found"
        } else if self.judged.contains(&(address, print)) {
            "clear"
        } else {
            "unseen"
        }
    }
}

fn response_times(microseconds: &[u64]) -> Option<ResponseTimes> {
    let mut times = microseconds.to_vec();
    let mut at = |percent: usize| percentile(&mut times, percent, u64::cmp);
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a response time")]
    let milliseconds = |value: Option<u64>| value.map(|value| value as f64 / 1000.0);
    Some(ResponseTimes { p50: milliseconds(at(50))?, p95: milliseconds(at(95))?, max: milliseconds(at(100))? })
}

#[cfg(test)]
mod tests {
    use trace::script::play;

    use super::{Coverage, DomainControllerReport, Faults, OfKdc, Print, domain_controllers, flag_names};

    fn controllers(script: &str) -> Vec<DomainControllerReport> {
        let played = play(script);
        let (diagnoses, _) = crate::diagnose(played.logons(), played.facts());
        let mut of_kdc = OfKdc::new();
        let mut faults = Faults::default();
        for logon in played.logons() {
            if let Some(signer) = logon.kdc().zip(logon.kdc_certificate().map(|certificate| Print::of(certificate))) {
                faults.judge(signer);
            }
            if let Some(kdc) = logon.kdc() {
                let of_method = of_kdc.entry(kdc).or_default().entry(logon.method.name()).or_default();
                *of_method.entry(logon.outcome().name()).or_default() += 1;
            }
        }
        faults.note_all(&diagnoses, |id| {
            let logon = played.logons().iter().find(|logon| logon.id == id)?;
            Some((logon.kdc()?, Print::of(logon.kdc_certificate()?)))
        });
        domain_controllers(of_kdc, played.facts(), &faults)
    }

    #[test]
    fn a_record_says_what_was_seen_of_a_domain_controller() {
        let list = controllers(
            "
            0.000 pc > dc  ping domain corp.example
            0.001 dc > pc  pong flags 1f3fd host dc1.corp.example site Berlin
            0.002 pc > dc  connect open bytes 900,3000
            0.003 pc > dc  as-req alice pkinit key K1
            0.013 dc > pc  as-rep alice ticket T1 pkinit dc C1 expired
            0.014 pc > dc  connect refused port 445
            0.020 pc2 > dc as-req bob pkinit key K2
            0.040 dc > pc2 as-rep bob ticket T2 pkinit dc C2
            0.050 pc2 > dc tgs-req host/pc2 ticket T2
            0.060 dc > pc2 tgs-rep host/pc2 ticket T3
            ",
        );
        let [dc] = list.as_slice() else { panic!("{list:?}") };
        assert_eq!((dc.name.as_str(), dc.site.as_str(), dc.flags), ("dc1.corp.example", "Berlin", Some(0x1_f3fd)));
        assert!(dc.flag_names.contains(&"2016 or later") && !dc.flag_names.contains(&"key list"));
        assert_eq!(dc.certificates.len(), 2);
        let verdict = |index: usize| {
            dc.certificates[index].verdicts.iter().find(|verdict| verdict.code == "DCC-03").unwrap().verdict
        };
        assert_eq!((verdict(0), verdict(1)), ("found", "clear"));
        assert_eq!(dc.methods["key-trust"]["succeeded"], 2);
        assert!((dc.response_ms.unwrap().max - 20.0).abs() < 0.001);
        let ports: Vec<(u16, &str, usize, usize)> =
            dc.ports.iter().map(|port| (port.port, port.transport, port.answered, port.refused)).collect();
        assert_eq!(ports, [(88, "tcp", 1, 0), (389, "udp", 1, 0), (445, "tcp", 0, 1)]);
        assert_eq!(dc.coverage, Coverage::Both);
    }

    #[test]
    fn what_the_capture_holds_of_it_is_told() {
        let of = |script: &str| controllers(script)[0].coverage;
        assert_eq!(of("0 pc > dc as-req alice\n30 end"), Coverage::RequestsOnly);
        assert_eq!(of("0 pc > dc ping domain corp.example\n0.1 dc > pc pong"), Coverage::None);
    }

    #[test]
    fn unknown_flags_say_nothing() {
        assert!(flag_names(0x8000_0000).is_empty());
        assert_eq!(flag_names(0x801), ["primary domain controller", "read-only"]);
    }
}
