//! What a client does that got a ticket by PKINIT and does not use it.

use capture::CaptureTime;
use decode::Seen;
use trace::{Facts, Logon};

use crate::windows::{PASSWORD_AFTER_TICKET_SECONDS, TICKET_RETRY_SECONDS, TOGETHER_SECONDS};

/// What became of a password.
pub(crate) enum Password {
    /// It was wrong: the KDC's answer.
    Refused(Seen),
    /// It got a ticket.
    Accepted,
}

/// Other PKINIT replies with a ticket for the same client and client name up to `TICKET_RETRY_SECONDS` before or after
/// `at`, in order. With `apart`, those of the same moment are left out.
pub(crate) fn other_tickets(logon: &Logon, facts: &Facts, at: CaptureTime, apart: bool) -> Vec<Seen> {
    let window = (TICKET_RETRY_SECONDS.of(facts), TICKET_RETRY_SECONDS.of(facts));
    let mut others: Vec<Seen> = facts
        .granted_to(&asked_as(logon), logon.client, at, window)
        .filter(|time| *time != at)
        .filter(|time| !apart || time.since(at).abs() >= TOGETHER_SECONDS.of(facts) * CaptureTime::SECOND)
        .filter_map(|time| pkinit_reply(facts, time))
        .collect();
    others.sort();
    others.dedup();
    others
}

/// Whether a password was used for the same client name from the same client after `at`: refused, or it got a ticket.
pub(crate) fn password_after(logon: &Logon, facts: &Facts, at: CaptureTime) -> Option<Password> {
    let asked = asked_as(logon);
    if let Some(seen) = facts.wrong_password_after(&asked, logon.client, at, PASSWORD_AFTER_TICKET_SECONDS.of(facts)) {
        return Some(Password::Refused(seen));
    }
    // Inside FAST a ticket may be one of PKINIT as well.
    let plain = !facts.armored.contains_key(&logon.client);
    let mut after = facts.granted_to(&asked, logon.client, at, (0, PASSWORD_AFTER_TICKET_SECONDS.of(facts)));
    let granted = plain && after.any(|time| time > at && pkinit_reply(facts, time).is_none());
    granted.then_some(Password::Accepted)
}

/// The name that a logon's client asked for.
fn asked_as(logon: &Logon) -> String {
    logon.requested.as_ref().map(|principal| principal.name.to_lowercase()).unwrap_or_default()
}

/// The reply with a ticket in answer to PKINIT that was seen at this time.
fn pkinit_reply(facts: &Facts, at: CaptureTime) -> Option<Seen> {
    facts.domain_controllers.values().find_map(|dc| dc.issued_near(at, 0).map(|issuance| issuance.seen).next())
}
