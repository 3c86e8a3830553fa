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
    &rules::account::card_required::CARD_REQUIRED,
    &rules::account::forbidden_by_policy::FORBIDDEN_BY_POLICY,
    &rules::account::revoked::ACCOUNT_REVOKED,
    &rules::account::elsewhere::OF_ANOTHER_DOMAIN,
    &rules::account::name_not_unique::NAME_NOT_UNIQUE,
    &rules::account::wrong_password::WRONG_PASSWORD,
    &rules::capture::one_sided::ONE_SIDED_CAPTURE,
    &rules::capture::losses::LOSSY_CAPTURE,
    &rules::capture::armored::ARMORED,
    &rules::capture::certificates_hidden::CERTIFICATES_HIDDEN,
    &rules::capture::controllers_missing::CONTROLLERS_MISSING,
    &rules::capture::midway::STARTED_MIDWAY,
    &rules::cloud::inspected::INSPECTED,
    &rules::cloud::login_unreachable::LOGIN_UNREACHABLE,
    &rules::cloud::registration_unreachable::REGISTRATION_UNREACHABLE,
    &rules::cloud::device_login_fails::DEVICE_LOGIN_FAILS,
    &rules::cloud::federation_fails::FEDERATION_FAILS,
    &rules::cloud::proxy_refuses::PROXY_REFUSES,
    &rules::cloud::models_mixed::MODELS_MIXED,
    &rules::cloud::agent_blocked::AGENT_BLOCKED,
    &rules::cloud::attestation_blocked::ATTESTATION_BLOCKED,
    &rules::cloud::management_blocked::MANAGEMENT_BLOCKED,
    &rules::cloud::handshake_fails::HANDSHAKE_FAILS,
    &rules::cloud::certificate_unfit::CERTIFICATE_UNFIT,
    &rules::dc_certificate::missing::CERTIFICATE_MISSING,
    &rules::dc_certificate::at_some_only::AT_SOME_ONLY,
    &rules::dc_certificate::expired::CERTIFICATE_EXPIRED,
    &rules::dc_certificate::expires_soon::EXPIRES_SOON,
    &rules::dc_certificate::not_yet_valid::CERTIFICATE_NOT_YET_VALID,
    &rules::dc_certificate::without_kdc_purpose::WITHOUT_KDC_PURPOSE,
    &rules::dc_certificate::domain_not_named::DOMAIN_NOT_NAMED,
    &rules::dc_certificate::old_template::OLD_TEMPLATE,
    &rules::dc_certificate::weak::CERTIFICATE_WEAK,
    &rules::dc_certificate::issuer_untrusted::ISSUER_UNTRUSTED,
    &rules::dc_certificate::rejected::CERTIFICATE_REJECTED,
    &rules::dc_certificate::refused_by_entra_joined::REFUSED_BY_ENTRA_JOINED,
    &rules::dc_certificate::changed::CERTIFICATE_CHANGED,
    &rules::dc_certificate::kinds_differ::KINDS_DIFFER,
    &rules::dc_certificate::not_the_one_wanted::NOT_THE_ONE_WANTED,
    &rules::dc_certificate::directory_differs::DIRECTORY_DIFFERS,
    &rules::dc_certificate::chain_unverifiable::CHAIN_UNVERIFIABLE,
    &rules::key::account_mismatch::ACCOUNT_MISMATCH,
    &rules::key::unknown_to_directory::UNKNOWN_TO_DIRECTORY,
    &rules::key::absent::ABSENT,
    &rules::key::present::PRESENT,
    &rules::key::works_elsewhere::WORKS_ELSEWHERE,
    &rules::key::refused_by_one::REFUSED_BY_ONE,
    &rules::key::refused_since::REFUSED_SINCE,
    &rules::key::lost::LOST,
    &rules::key::names_differ::NAMES_DIFFER,
    &rules::key::of_other_domain::KEY_OF_OTHER_DOMAIN,
    &rules::key::shared::KEY_SHARED,
    &rules::key::malformed::MALFORMED,
    &rules::key::signature_invalid::SIGNATURE_INVALID,
    &rules::key::of_unusual_kind::KEY_OF_UNUSUAL_KIND,
    &rules::key::weak_tpm::KEY_OF_WEAK_TPM,
    &rules::key::not_made_by_hello::NOT_MADE_BY_HELLO,
    &rules::key::new_key::NEW_KEY,
    &rules::key::without_digital_signature::WITHOUT_DIGITAL_SIGNATURE,
    &rules::key::certificate_left_out::CERTIFICATE_LEFT_OUT,
    &rules::key::trust_unsupported::TRUST_UNSUPPORTED,
    &rules::location::domain_unknown::DOMAIN_UNKNOWN,
    &rules::location::dns_fails::DNS_FAILS,
    &rules::location::wrong_resolver::WRONG_RESOLVER,
    &rules::location::address_missing::ADDRESS_MISSING,
    &rules::location::ping_unanswered::PING_UNANSWERED,
    &rules::location::paused::PAUSED,
    &rules::location::incapable::INCAPABLE,
    &rules::location::far_away::FAR_AWAY,
    &rules::location::dead::DEAD_CONTROLLER,
    &rules::location::without_key_list::WITHOUT_KEY_LIST,
    &rules::network::unanswered::PORT_UNANSWERED,
    &rules::network::refused::PORT_REFUSED,
    &rules::network::no_reply::NO_REPLY,
    &rules::network::udp_only::UDP_ONLY,
    &rules::network::large_messages_lost::LARGE_MESSAGES_LOST,
    &rules::network::partly_blocked::PARTLY_BLOCKED,
    &rules::network::only_the_cloud::ONLY_THE_CLOUD,
    &rules::network::kdc_proxy_fails::KDC_PROXY_FAILS,
    &rules::network::slow::SLOW,
    &rules::network::hops::HOPS,
    &rules::revocation::list_unavailable::LIST_UNAVAILABLE,
    &rules::revocation::only_ldap::ONLY_LDAP,
    &rules::revocation::list_out_of_date::LIST_OUT_OF_DATE,
    &rules::revocation::delta_blocked::DELTA_BLOCKED,
    &rules::revocation::client_unchecked::CLIENT_UNCHECKED,
    &rules::revocation::client_revoked::CLIENT_REVOKED,
    &rules::revocation::client_chain_untrusted::CLIENT_CHAIN_UNTRUSTED,
    &rules::revocation::client_expired::CLIENT_EXPIRED,
    &rules::revocation::mapping_weak::MAPPING_WEAK,
    &rules::revocation::client_purpose_wrong::CLIENT_PURPOSE_WRONG,
    &rules::revocation::responder_condemns::RESPONDER_CONDEMNS,
    &rules::policy::freshness_expired::FRESHNESS_EXPIRED,
    &rules::policy::freshness_unsupported::FRESHNESS_UNSUPPORTED,
    &rules::policy::digest_refused::DIGEST_REFUSED,
    &rules::policy::checksum_missing::CHECKSUM_MISSING,
    &rules::policy::group_refused::GROUP_REFUSED,
    &rules::policy::rsa_refused::RSA_REFUSED,
    &rules::policy::armor_refused::ARMOR_REFUSED,
    &rules::policy::password_after_refusal::PASSWORD_AFTER_REFUSAL,
    &rules::policy::old_draft::OLD_DRAFT,
    &rules::policy::desktop_missing::DESKTOP_MISSING,
    &rules::policy::refused_without_cause::REFUSED_WITHOUT_CAUSE,
    &rules::sync::not_arriving::NOT_ARRIVING,
    &rules::sync::key_on_its_way::KEY_ON_ITS_WAY,
    &rules::sync::connector_refused::CONNECTOR_REFUSED,
    &rules::sync::write_refused::WRITE_REFUSED,
    &rules::sync::stopped::STOPPED,
    &rules::sync::cloud_unreachable::CLOUD_UNREACHABLE,
    &rules::sync::keys_lost::KEYS_LOST,
    &rules::sync::schema_too_old::SCHEMA_TOO_OLD,
    &rules::time::skew::CLOCK_SKEW,
    &rules::time::drift::CLOCK_DRIFTS,
    &rules::time::dc_differs::DC_CLOCK_DIFFERS,
    &rules::time::ticket_times::TICKET_TIMES,
    &rules::time::replay::REPLAY,
    &rules::ticket::service_unknown::SERVICE_UNKNOWN,
    &rules::ticket::no_common_encryption::NO_COMMON_ENCRYPTION,
    &rules::ticket::revoked::TICKET_REVOKED,
    &rules::ticket::key_version_unknown::KEY_VERSION_UNKNOWN,
    &rules::ticket::ntlm_instead::NTLM_INSTEAD,
    &rules::ticket::unusable_reply::UNUSABLE_REPLY,
    &rules::ticket::internal_error::INTERNAL_ERROR,
    &rules::ticket::asked_again::ASKED_AGAIN,
    &rules::ticket::refused_otherwise::REFUSED_OTHERWISE,
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

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::{CATALOGUE, by_code, by_error, by_event, by_status};
    use crate::{Page, Rule, Scope, Severity};

    /// Codes given out by family, used and yet to be used, each family from 1.
    const GIVEN: [(&str, u32); 12] = [
        ("ACC", 12),
        ("CAP", 6),
        ("CLD", 12),
        ("DCC", 17),
        ("KEY", 20),
        ("LOC", 10),
        ("NET", 10),
        ("PKI", 11),
        ("POL", 11),
        ("SYN", 8),
        ("TIM", 5),
        ("TKT", 10),
    ];

    fn is_given(code: &str) -> bool {
        let Some((family, number)) = code.split_once('-') else { return false };
        let in_family = |&(given, last): &(&str, u32)| {
            given == family && number.len() == 2 && number.parse().is_ok_and(|number| (1..=last).contains(&number))
        };
        GIVEN.iter().any(in_family)
    }

    #[test]
    fn codes_are_unique_sorted_and_given_out() {
        assert!(CATALOGUE.is_sorted_by(|one, other| one.code < other.code));
        for rule in CATALOGUE {
            assert!(is_given(rule.code), "{}", rule.code);
        }
        assert!(!is_given("DCC-1") && !is_given("DCC-00") && !is_given("DCC-18") && !is_given("XYZ-01"));
    }

    #[test]
    fn every_page_has_its_headings_in_order_with_text() {
        for rule in CATALOGUE {
            let headings: Vec<&str> = rule.page.lines().map(str::trim).filter(|line| line.starts_with('#')).collect();
            assert_eq!(headings, Page::HEADINGS, "{}", rule.code);
            for heading in Page::HEADINGS {
                assert!(!rule.page().section(heading).is_empty(), "{}: {heading}", rule.code);
            }
        }
    }

    #[test]
    fn every_page_says_what_to_do_in_numbered_steps() {
        for rule in CATALOGUE.iter().filter(|rule| rule.severity >= Severity::Low) {
            let fixes = rule.page().fixes();
            assert!(!fixes.is_empty(), "{}", rule.code);
            assert!(fixes.iter().all(|fix| fix.ends_with('.')), "{}: {fixes:?}", rule.code);
            let numbers = rule.page().section("## What to do");
            let numbers = numbers.lines().filter_map(|line| line.split_once(". ")?.0.parse::<usize>().ok());
            assert!(numbers.eq(1..=fixes.len()), "{}", rule.code);
        }
    }

    #[test]
    fn titles_are_clauses() {
        for rule in CATALOGUE {
            assert!(rule.title.starts_with(|first: char| first.is_lowercase()), "{}", rule.title);
            assert!(!rule.title.ends_with('.') && !rule.title.contains('\n'), "{}", rule.title);
        }
    }

    #[test]
    fn supersedes_names_other_codes_that_are_given_out() {
        for rule in CATALOGUE {
            for code in rule.supersedes {
                assert!(is_given(code) && *code != rule.code, "{}: {code}", rule.code);
                let back = by_code(code).is_some_and(|other| other.supersedes.contains(&rule.code));
                assert!(!back, "{} and {code} leave out each other", rule.code);
                // Only findings on the same logon, or about the same device, are compared.
                let scope = |rule: &Rule| std::mem::discriminant(&rule.check);
                let same = by_code(code).is_none_or(|other| scope(other) == scope(rule));
                assert!(same && matches!(rule.check, Scope::Logon(_) | Scope::Device(_)), "{}", rule.code);
            }
        }
    }

    #[test]
    fn codes_statuses_and_events_lead_to_rules() {
        for rule in CATALOGUE {
            for &error in rule.errors {
                assert!(decode::kerberos::ErrorCode(error).name().is_some(), "{}: {error}", rule.code);
                assert!(by_error(error).iter().any(|found| found.code == rule.code));
            }
            for &status in rule.statuses {
                assert!(decode::kerberos::NtStatus(status).name().is_some(), "{}: {status:#x}", rule.code);
                assert!(by_status(status).iter().any(|found| found.code == rule.code));
            }
            for event in rule.events {
                let id = event.rsplit_once(' ').and_then(|(_, id)| id.parse().ok());
                let id = id.unwrap_or_else(|| panic!("{}: no number in {event}", rule.code));
                assert!(by_event(id).iter().any(|found| found.code == rule.code));
            }
        }
        assert_eq!(by_code("acc-02").map(|rule| rule.code), Some("ACC-02"));
        assert_eq!(by_status(0xc000_0072).iter().map(|rule| rule.code).collect::<Vec<_>>(), ["ACC-02"]);
        assert!(by_event(4).is_empty(), "an event is found by its whole number");
    }

    #[test]
    fn every_rule_that_is_written_is_listed() {
        fn count(folder: &Path, declared: &mut usize) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    count(&path, declared);
                } else {
                    *declared +=
                        fs::read_to_string(&path).unwrap().lines().filter(|line| line.starts_with("rule! {")).count();
                }
            }
        }
        let mut declared = 0;
        count(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/rules"), &mut declared);
        assert_eq!(declared, CATALOGUE.len());
    }
}
