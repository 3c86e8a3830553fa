//! How each domain controller is, in the five things that a sign-in with a key needs of it.

use diagnose::{DomainControllerReport, Report, Severity};

/// Seconds that a clock may be off before it is worth a look, and before Kerberos refuses (RFC 4120 §8.2: five
/// minutes).
const CLOCK_DOUBTFUL: f64 = 60.0;
const CLOCK_BAD: f64 = 300.0;
/// Milliseconds for which a user does not notice the slowest twentieth of the answers, and after which a client asks
/// again (Windows: one second over UDP).
const SLOW: f64 = 200.0;
const TOO_SLOW: f64 = 1000.0;

/// What is looked at, in the order of the matrix.
pub(crate) const ASPECTS: [&str; 5] = ["reach", "certificate", "key trust", "clock", "speed"];

/// How a domain controller is in one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Aspect {
    pub(crate) state: State,
    /// A few words: a number, or the code of the finding.
    pub(crate) why: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    Unseen,
    Good,
    Doubtful,
    Bad,
}

/// How a domain controller is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Health {
    /// In the order of [`ASPECTS`].
    pub(crate) aspects: [Aspect; 5],
}

/// Of each domain controller of a report, in its order.
pub(crate) fn healths(report: &Report) -> Vec<Health> {
    let mut key_trust = vec![[0_u64; 3]; report.domain_controllers.len()];
    let place = |address: &str| report.domain_controllers.iter().position(|dc| dc.address == address);
    for logon in report.logons.iter().filter(|logon| logon.method == "key-trust") {
        let Some(place) = logon.kdc.as_deref().and_then(place) else { continue };
        let count =
            key_trust.get_mut(place).and_then(|counts| counts.get_mut(crate::snapshot::place_of(logon.outcome)));
        if let Some(count) = count {
            *count += 1;
        }
    }
    report.domain_controllers.iter().zip(key_trust).map(|(dc, key_trust)| health(report, dc, key_trust)).collect()
}

fn health(report: &Report, dc: &DomainControllerReport, key_trust: [u64; 3]) -> Health {
    let found = |prefixes: &[&str]| found(report, dc, prefixes);
    let reach = found(&["NET-", "LOC-"]).unwrap_or_else(|| {
        let answers = dc.response_ms.is_some();
        if answers { good("answers") } else { unseen() }
    });
    let certificate = found(&["DCC-"]).unwrap_or_else(|| match &dc.certificate {
        Some(certificate) => good(certificate.not_after.to_string().get(..10).unwrap_or_default()),
        None => unseen(),
    });
    let [failed, _, succeeded] = key_trust;
    let trust = match (failed, succeeded) {
        (0, 0) => unseen(),
        (0, good) => self::good(&format!("{good} ok")),
        (bad, 0) => Aspect { state: State::Bad, why: format!("{bad} failed") },
        (bad, good) => Aspect { state: State::Doubtful, why: format!("{bad}/{} bad", bad + good) },
    };
    let clock = found(&["TIM-"]).unwrap_or_else(|| match dc.clock_offset_s {
        Some(offset) => {
            Aspect { state: grade(offset.abs(), CLOCK_DOUBTFUL, CLOCK_BAD), why: format!("{:.1} s", offset + 0.0) }
        }
        None => unseen(),
    });
    let speed = match dc.response_ms {
        Some(times) => Aspect { state: grade(times.p95, SLOW, TOO_SLOW), why: format!("{:.0} ms", times.p95.ceil()) },
        None => unseen(),
    };
    Health { aspects: [reach, certificate, trust, clock, speed] }
}

/// The worst finding about a domain controller in a family.
fn found(report: &Report, dc: &DomainControllerReport, prefixes: &[&str]) -> Option<Aspect> {
    let address = format!("({})", dc.address);
    let finding = report.findings.iter().find(|finding| {
        prefixes.iter().any(|prefix| finding.code.starts_with(prefix))
            && finding.severity >= Severity::Medium
            && (finding.subject == dc.address || finding.subject.ends_with(&address))
    })?;
    let state = if finding.severity >= Severity::High { State::Bad } else { State::Doubtful };
    Some(Aspect { state, why: finding.code.to_owned() })
}

fn grade(value: f64, doubtful: f64, bad: f64) -> State {
    if value >= bad {
        State::Bad
    } else if value >= doubtful {
        State::Doubtful
    } else {
        State::Good
    }
}

fn good(why: &str) -> Aspect {
    Aspect { state: State::Good, why: why.to_owned() }
}

fn unseen() -> Aspect {
    Aspect { state: State::Unseen, why: String::new() }
}

impl State {
    /// As a word, which reads the same without colour.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Unseen => "not seen",
            Self::Good => "ok",
            Self::Doubtful => "look",
            Self::Bad => "BAD",
        }
    }
}
