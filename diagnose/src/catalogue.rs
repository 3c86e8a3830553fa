//! The one list of rules, in the order of their codes, and the ways to look them up.

use crate::{Rule, rules};

/// Every rule, sorted by code.
pub static CATALOGUE: &[&Rule] = &[
    &rules::account::unknown::ACCOUNT_UNKNOWN,
    &rules::account::disabled::ACCOUNT_DISABLED,
    &rules::account::locked::ACCOUNT_LOCKED,
    &rules::account::expired::ACCOUNT_EXPIRED,
    &rules::account::restricted::ACCOUNT_RESTRICTED,
    &rules::account::password_expired::PASSWORD_EXPIRED,
    &rules::account::revoked::ACCOUNT_REVOKED,
    &rules::account::wrong_password::WRONG_PASSWORD,
    &rules::capture::one_sided::ONE_SIDED_CAPTURE,
    &rules::capture::losses::LOSSY_CAPTURE,
    &rules::capture::armored::ARMORED,
    &rules::capture::midway::STARTED_MIDWAY,
    &rules::dc_certificate::missing::CERTIFICATE_MISSING,
    &rules::location::domain_unknown::DOMAIN_UNKNOWN,
    &rules::location::dns_fails::DNS_FAILS,
    &rules::network::unanswered::PORT_UNANSWERED,
    &rules::network::refused::PORT_REFUSED,
    &rules::network::udp_only::UDP_ONLY,
    &rules::ticket::service_unknown::SERVICE_UNKNOWN,
    &rules::ticket::no_common_encryption::NO_COMMON_ENCRYPTION,
];

/// The rule with this code, whatever its case.
pub fn by_code(code: &str) -> Option<&'static Rule> {
    CATALOGUE.iter().copied().find(|rule| rule.code.eq_ignore_ascii_case(code))
}

/// Rules that a Kerberos error code leads to.
pub fn by_error(code: i32) -> Vec<&'static Rule> {
    CATALOGUE.iter().copied().filter(|rule| rule.errors.contains(&code)).collect()
}

/// Rules that an NTSTATUS leads to.
pub fn by_status(status: u32) -> Vec<&'static Rule> {
    CATALOGUE.iter().copied().filter(|rule| rule.statuses.contains(&status)).collect()
}

/// Rules that name a Windows event of this number.
pub fn by_event(id: u32) -> Vec<&'static Rule> {
    let names_it = |event: &&str| event.rsplit_once(' ').is_some_and(|(_, number)| number == id.to_string());
    CATALOGUE.iter().copied().filter(|rule| rule.events.iter().any(names_it)).collect()
}
