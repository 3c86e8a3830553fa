//! The keys that the PKINIT requests of a logon show.

use decode::{Seen, kerberos::KdcRequest, x509::Certificate};
use trace::{Facts, Logon};

use crate::{Verdict, rules::refusal::still_waiting};

/// The signers' certificates of a logon's PKINIT requests in order, each with its request, and what a rule answers that
/// finds nothing in them.
pub(super) fn certificates<'l>(
    logon: &'l Logon,
    facts: &Facts,
) -> (Vec<(Seen, &'l KdcRequest, &'l Certificate)>, Verdict) {
    let mut certificates = Vec::new();
    let mut unreadable = false;
    for exchange in logon.pkinit_exchanges() {
        let Some((request, event)) = exchange.kdc_request().zip(exchange.request.as_deref()) else { continue };
        let Some(pkinit) = request.pkinit.as_deref() else {
            unreadable = true;
            continue;
        };
        if let Some(certificate) = pkinit.signed.signer_certificate() {
            certificates.push((event.seen, request, certificate.as_ref()));
        }
    }
    let verdict = if unreadable {
        Verdict::Unseen("the PKINIT part of the request could not be read")
    } else {
        still_waiting(logon, facts)
    };
    (certificates, verdict)
}
