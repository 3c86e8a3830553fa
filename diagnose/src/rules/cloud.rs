//! CLD: what a computer needs of Microsoft Entra and does not reach, by what is not encrypted of it.
//!
//! Here is how a conversation that came to nothing is told, in the same words for all hosts.

use decode::tls::AlertDescription;
use trace::{
    Class, Facts,
    cloud::{Failure, Instance, Service},
};

use super::{LOSSY, REPLY_MISSING};
use crate::{
    Confidence, Evidence, Found, Subject, Verdict,
    windows::{CONNECT_SECONDS, HANDSHAKE_GAVE_UP_SECONDS, HANDSHAKE_SECONDS, UNANSWERED_SECONDS, UNANSWERED_SYNS},
};

pub(crate) mod agent_blocked;
pub(crate) mod attestation_blocked;
pub(crate) mod certificate_unfit;
pub(crate) mod device_login_fails;
pub(crate) mod federation_fails;
pub(crate) mod handshake_fails;
pub(crate) mod inspected;
pub(crate) mod login_unreachable;
pub(crate) mod management_blocked;
pub(crate) mod models_mixed;
pub(crate) mod proxy_refuses;
pub(crate) mod registration_unreachable;

/// What a rule about a host looks for.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    /// Which failures.
    pub(crate) failures: fn(Failure) -> bool,
    /// A success this many seconds before or after makes a failure nothing.
    pub(crate) seconds: i64,
    /// How sure it is at best.
    pub(crate) confidence: Confidence,
}

/// Name, address or port were not reached, or a proxy could not.
fn is_unreachable(failure: Failure) -> bool {
    match failure {
        Failure::Name(_) | Failure::Refused | Failure::Unreachable(_) | Failure::Unanswered => true,
        Failure::Proxy(status) => matches!(status, 500..=599),
        _ => false,
    }
}

/// The server, or what stands in its place, did not go along with the handshake.
fn is_handshake(failure: Failure) -> bool {
    matches!(failure, Failure::Closed | Failure::Silent | Failure::NotTls)
        || matches!(failure, Failure::Alert { of_server: true, description } if !is_about_a_certificate(description))
}

/// Either.
pub(crate) fn is_any(failure: Failure) -> bool {
    is_unreachable(failure) || is_handshake(failure)
}

/// Alerts about the other side's certificate, RFC 8446 §6.2.
fn is_about_a_certificate(description: u8) -> bool {
    matches!(description, 41..=46 | 48 | 116)
}

/// The first of a service's failures that is one wanted, and stands.
pub(crate) fn check(service: &Service, facts: &Facts, wanted: Wanted) -> Verdict {
    let mut verdict = Verdict::Clear;
    for (failure, instance) in service.instances().filter(|(failure, _)| (wanted.failures)(*failure)) {
        if instance.worked_within(wanted.seconds) {
            continue;
        }
        match stands(failure, instance, facts) {
            Verdict::Clear => return found(service, failure, instance, facts, wanted).into(),
            other => verdict = other,
        }
    }
    verdict
}

/// Clear where a failure counts, else why it does not. Where something was said, it does.
fn stands(failure: Failure, instance: &Instance, facts: &Facts) -> Verdict {
    let over = match failure {
        Failure::Unanswered => {
            let tried =
                instance.syns >= UNANSWERED_SYNS.of(facts) && instance.seconds_tried >= UNANSWERED_SECONDS.of(facts);
            tried || (instance.syns > 1 && facts.passed(instance.asked.at, CONNECT_SECONDS.of(facts)))
        }
        Failure::Silent => {
            (instance.gave_up && instance.seconds_tried >= HANDSHAKE_GAVE_UP_SECONDS.of(facts))
                || (!instance.gave_up && facts.passed(instance.asked.at, HANDSHAKE_SECONDS.of(facts)))
        }
        // Part of an answer that the capture does not hold may have been it.
        Failure::Closed | Failure::NotTls | Failure::BrokenOff if instance.hidden => {
            return Verdict::Unseen(REPLY_MISSING);
        }
        _ => return Verdict::Clear,
    };
    if facts.visibility.misses(&[Class::Web]) {
        Verdict::Unseen(LOSSY)
    } else if instance.hidden {
        Verdict::Unseen(REPLY_MISSING)
    } else if over {
        Verdict::Clear
    } else if facts.finished() || instance.gave_up {
        // Undecided, which is none.
        Verdict::Unseen("the capture ends before it is clear that no answer comes")
    } else {
        Verdict::Pending
    }
}

fn found(service: &Service, failure: Failure, instance: &Instance, facts: &Facts, wanted: Wanted) -> Found {
    let said = !matches!(failure, Failure::Silent | Failure::Unanswered);
    let best = if said { Confidence::Proven } else { Confidence::Likely };
    let confidence = best.min(wanted.confidence).lowered_unless(facts.passed(instance.seen.at, wanted.seconds));
    let name = &service.name;
    let mut found = Found::new(confidence, Subject::Host(name.clone()), format!("{name}: {}", words(failure)));
    found.evidence = evidence(service, failure, instance);
    found
}

/// Why there is no connection to the host of a revocation list, in words and as evidence; else why that does not count.
pub(crate) fn no_connection(
    failure: Failure,
    instance: &Instance,
    facts: &Facts,
) -> Result<(String, Evidence), Verdict> {
    match stands(failure, instance, facts) {
        Verdict::Clear => {
            let (field, value) = field(failure, instance);
            Ok((words(failure), Evidence::new(instance.seen, field, value, words(failure))))
        }
        other => Err(other),
    }
}

/// What happened, as a clause.
fn words(failure: Failure) -> String {
    match failure {
        Failure::Name(3) => "DNS knows no such name".to_owned(),
        Failure::Name(code) => format!("DNS cannot or will not answer for the name (code {code})"),
        Failure::Refused => "the connection is refused".to_owned(),
        Failure::Unreachable(code) => format!("the network says that the host cannot be reached (ICMP code {code})"),
        Failure::Unanswered => "nothing answers the request for a connection".to_owned(),
        Failure::Proxy(status) => format!("the proxy answers the request for a tunnel with status {status}"),
        Failure::Closed => "the connection is closed in answer to the ClientHello".to_owned(),
        Failure::Silent => "nothing answers the ClientHello".to_owned(),
        Failure::NotTls => "what answers the ClientHello is not TLS".to_owned(),
        Failure::Alert { of_server, description } => {
            let who = if of_server { "server" } else { "client" };
            format!("the {who} ends the handshake with alert {}", alert(description))
        }
        Failure::HiddenAlert => "the client ends the handshake with an alert that is encrypted".to_owned(),
        Failure::BrokenOff => "the connection ends within the handshake".to_owned(),
    }
}

fn alert(description: u8) -> String {
    let name = AlertDescription(description).name().unwrap_or("unknown");
    format!("{description} {name}")
}

/// The packets of a failure, the decisive one first.
fn evidence(service: &Service, failure: Failure, instance: &Instance) -> Vec<Evidence> {
    let (client, server) = (service.client, instance.server);
    let (field, value) = field(failure, instance);
    let mut evidence = vec![Evidence::new(instance.seen, field, value, words(failure))];
    if instance.asked.last != instance.seen.last {
        let (field, value, means) = match failure {
            Failure::Refused | Failure::Unreachable(_) | Failure::Unanswered => {
                ("tcp.flags.syn", "1", format!("{client} asks {server} for a connection"))
            }
            Failure::Proxy(_) => {
                ("http.request.method", "CONNECT", format!("{client} asks the proxy {server} for a tunnel"))
            }
            _ => ("tls.handshake.type", "1", format!("{client} begins the handshake with {server}")),
        };
        evidence.push(Evidence::new(instance.asked, field, value, means));
    }
    evidence
}

/// The field that shows a failure, and its value.
fn field(failure: Failure, instance: &Instance) -> (&'static str, String) {
    match failure {
        Failure::Name(code) => ("dns.flags.rcode", code.to_string()),
        Failure::Refused => ("tcp.flags.reset", "1".to_owned()),
        Failure::Unreachable(code) => ("icmp.code", code.to_string()),
        Failure::Unanswered => ("tcp.flags.syn", "1".to_owned()),
        Failure::Proxy(status) => ("http.response.code", status.to_string()),
        Failure::NotTls => ("tcp.payload", "no TLS record".to_owned()),
        Failure::Closed | Failure::Silent | Failure::BrokenOff => ("tcp.connection", format!("to {}", instance.server)),
        Failure::Alert { description, .. } => ("tls.alert_message.desc", alert(description)),
        Failure::HiddenAlert => ("tls.record.content_type", "23".to_owned()),
    }
}
