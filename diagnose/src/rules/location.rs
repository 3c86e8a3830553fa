//! Faults in finding a domain controller, by DNS and by netlogon pings.

use std::net::IpAddr;

use capture::CaptureTime;
use trace::{Facts, Lookup, LookupAnswer};

use crate::windows::OTHER_DNS_SECONDS;

pub(crate) mod address_missing;
pub(crate) mod dead;
pub(crate) mod dns_fails;
pub(crate) mod domain_unknown;
pub(crate) mod far_away;
pub(crate) mod incapable;
pub(crate) mod paused;
pub(crate) mod ping_unanswered;
pub(crate) mod without_key_list;
pub(crate) mod wrong_resolver;

/// The locator questions of a client, in order.
fn lookups_of(facts: &Facts, client: IpAddr) -> impl Iterator<Item = &Lookup> {
    facts.locator.lookups_of(client)
}

/// The answer, where it names a domain controller.
fn positive(lookup: &Lookup) -> Option<LookupAnswer> {
    lookup.answer().filter(|answer| answer.rcode == 0 && answer.services > 0)
}

/// Whether the client got the name of a domain controller of this domain from any server shortly before or after.
fn found_elsewhere(facts: &Facts, client: IpAddr, domain: &str, at: CaptureTime) -> bool {
    lookups_of(facts, client)
        .filter(|lookup| lookup.domain() == domain)
        .filter_map(positive)
        .any(|answer| answer.seen.at.since(at).abs() <= OTHER_DNS_SECONDS.of(facts) * CaptureTime::SECOND)
}
