//! Whether a client that was told what to change did so by itself: its clock, its parameters.

use capture::CaptureTime;
use trace::{Facts, Logon};

use crate::windows::ADJUSTED_SECONDS;

/// Whether this client got a ticket for the same name, or with the same ticket, right after a refusal at `at`.
pub(crate) fn adjusted(logon: &Logon, facts: &Facts, at: CaptureTime) -> bool {
    let right_after =
        |time: CaptureTime| (0..=ADJUSTED_SECONDS.of(facts) * CaptureTime::SECOND).contains(&time.since(at));
    let got_in = logon.principal().is_some_and(|principal| {
        // Another machine on which the same user gets in shows nothing about this one.
        facts.grants_near(&principal.name, at, 0, ADJUSTED_SECONDS.of(facts)).any(|(_, client)| client == logon.client)
    });
    let served = logon.tgs_exchanges().filter(|exchange| exchange.granted().is_some());
    got_in || served.filter_map(|exchange| exchange.reply.as_deref()).any(|reply| right_after(reply.seen.at))
}
