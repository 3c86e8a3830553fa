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
    let mut others: Vec<Seen> = grants(logon, facts)
        .filter(|time| *time != at)
        .filter(|time| {
            let gap = time.since(at).abs();
            gap <= TICKET_RETRY_SECONDS * CaptureTime::SECOND
                && (!apart || gap >= TOGETHER_SECONDS * CaptureTime::SECOND)
        })
        .filter_map(|time| pkinit_reply(facts, time))
        .collect();
    others.sort();
    others.dedup();
    others
}

/// Whether a password was used for the same client name from the same client after `at`: refused, or it got a ticket.
pub(crate) fn password_after(logon: &Logon, facts: &Facts, at: CaptureTime) -> Option<Password> {
    let after = |time: CaptureTime| (1..=PASSWORD_AFTER_TICKET_SECONDS * CaptureTime::SECOND).contains(&time.since(at));
    let asked = logon.requested.as_ref().map(|principal| principal.name.to_lowercase()).unwrap_or_default();
    let wrong = facts.wrong_passwords.get(&(logon.client, asked)).into_iter().flatten().find(|seen| after(seen.at));
    if let Some(seen) = wrong {
        return Some(Password::Refused(*seen));
    }
    // Inside FAST a ticket may be one of PKINIT as well.
    let plain = !facts.armored.contains_key(&logon.client);
    let granted = plain && grants(logon, facts).any(|time| after(time) && pkinit_reply(facts, time).is_none());
    granted.then_some(Password::Accepted)
}

/// When this client got tickets in the name that it asked for.
fn grants<'f>(logon: &Logon, facts: &'f Facts) -> impl Iterator<Item = CaptureTime> + use<'f> {
    let name = logon.requested.as_ref().map(|principal| principal.name.to_lowercase()).unwrap_or_default();
    let client = logon.client;
    let granted = facts.granted.get(&name).into_iter().flatten();
    granted.filter(move |(_, to)| *to == client).map(|(time, _)| *time)
}

/// The reply with a ticket in answer to PKINIT that was seen at this time.
fn pkinit_reply(facts: &Facts, at: CaptureTime) -> Option<Seen> {
    // They are in the order of packets, whose times may differ from it, though not by a minute.
    let slack = TICKET_RETRY_SECONDS * CaptureTime::SECOND;
    facts.domain_controllers.values().find_map(|dc| {
        let from = dc.issued.partition_point(|issuance| at.since(issuance.seen.at) > slack);
        let near = dc.issued.get(from..)?.iter().take_while(|issuance| issuance.seen.at.since(at) <= slack);
        near.map(|issuance| issuance.seen).find(|seen| seen.at == at)
    })
}
