//! Faults of tickets: of services nobody knows, or without an encryption type that both sides can do.

use capture::CaptureTime;
use decode::kerberos::{PrincipalName, Ticket};
use trace::{Exchange, Facts, Logon};

use crate::{rules::Refusal, windows::ADJUSTED_SECONDS};

pub(crate) mod asked_again;
pub(crate) mod internal_error;
pub(crate) mod key_version_unknown;
pub(crate) mod no_common_encryption;
pub(crate) mod ntlm_instead;
pub(crate) mod refused_otherwise;
pub(crate) mod revoked;
pub(crate) mod service_unknown;
pub(crate) mod unusable_reply;

/// The ticket that a request uses.
fn presented<'l>(refusal: &Refusal<'l>) -> Option<&'l Ticket> {
    refusal.exchange.kdc_request()?.ap_request.as_ref()?.ticket.as_ref()
}

/// The number that a read-only domain controller, or Microsoft Entra in the place of one, puts into the key version of
/// its tickets (the upper half); 0 for all others. MS-KILE 3.1.5.8.
fn issuer_number(version: i64) -> i64 {
    (version >> 16) & 0xffff
}

/// A key version as evidence, with the number in its upper half apart.
fn version_words(version: i64) -> String {
    match issuer_number(version) {
        0 => version.to_string(),
        number => format!("{} of read-only domain controller {number}", version & 0xffff),
    }
}

/// The service asked for: as the request says, else as the error repeats it.
fn service_of<'l>(refusal: &Refusal<'l>) -> Option<&'l PrincipalName> {
    let asked = refusal.exchange.kdc_request().and_then(|request| request.sname.as_ref());
    asked.or(refusal.error.sname.as_ref())
}

/// Whether a ticket for the same service was issued in this logon shortly after the refusal.
fn issued_after_all(refusal: &Refusal<'_>, logon: &Logon, facts: &Facts) -> bool {
    let Some(service) = service_of(refusal) else { return false };
    let after = 0..=ADJUSTED_SECONDS.of(facts) * CaptureTime::SECOND;
    logon.tgs_exchanges().any(|exchange| {
        let in_time =
            exchange.reply.as_deref().is_some_and(|reply| after.contains(&reply.seen.at.since(refusal.answered.at)));
        in_time && issued_for(exchange).is_some_and(|issued| is_same_service(service, issued))
    })
}

/// The service that a ticket was issued for. A referral to another realm is not a ticket for the service.
fn issued_for(exchange: &Exchange) -> Option<&PrincipalName> {
    let issued = exchange.granted()?.ticket.as_ref()?.sname.as_ref();
    let asked = exchange.kdc_request().and_then(|request| request.sname.as_ref());
    match (asked, issued) {
        (Some(asked), Some(issued)) if issued.is_krbtgt() && !asked.is_krbtgt() => None,
        (asked, issued) => asked.or(issued),
    }
}

/// Whether two names stand for the same service: equal, or one with the short and one with the full name of the host.
fn is_same_service(one: &PrincipalName, other: &PrincipalName) -> bool {
    let (one, other) = (one.to_unicode().to_lowercase(), other.to_unicode().to_lowercase());
    if one == other {
        return true;
    }
    let (Some((class, host)), Some((other_class, other_host))) = (one.split_once('/'), other.split_once('/')) else {
        return false;
    };
    let continues = |short: &str, long: &str| long.strip_prefix(short).is_some_and(|rest| rest.starts_with('.'));
    let short = |host: &str| !host.contains('.');
    class == other_class
        && ((short(host) && continues(host, other_host)) || (short(other_host) && continues(other_host, host)))
}

#[cfg(test)]
mod tests {
    use decode::{WireText, kerberos::PrincipalName};

    use super::is_same_service;

    fn name(text: &str) -> PrincipalName {
        PrincipalName { name_type: 2, components: text.split('/').map(WireText::from).collect() }
    }

    #[test]
    fn short_and_full_names_of_a_host_are_one_service() {
        assert!(is_same_service(&name("cifs/Files"), &name("CIFS/files")));
        assert!(is_same_service(&name("cifs/files"), &name("cifs/files.corp.example")));
        assert!(is_same_service(&name("cifs/files.corp.example"), &name("cifs/files")));
        assert!(!is_same_service(&name("cifs/files"), &name("http/files.corp.example")));
        assert!(!is_same_service(&name("cifs/files"), &name("cifs/files2.corp.example")));
        assert!(!is_same_service(&name("cifs/files.a.example"), &name("cifs/files.b.example")));
        assert!(!is_same_service(&name("files"), &name("files2")));
    }
}
