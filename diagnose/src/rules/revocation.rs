//! PKI: certificates that a CA issued to users and domain controllers, and whether they still hold.

use capture::CaptureTime;
use trace::{Facts, cloud::Fetch};

use crate::{Evidence, windows::REVOCATION_SECONDS};

pub(crate) mod client_chain_untrusted;
pub(crate) mod client_expired;
pub(crate) mod client_purpose_wrong;
pub(crate) mod client_revoked;
pub(crate) mod client_unchecked;
pub(crate) mod delta_blocked;
pub(crate) mod list_out_of_date;
pub(crate) mod list_unavailable;
pub(crate) mod mapping_weak;
pub(crate) mod only_ldap;
pub(crate) mod responder_condemns;

/// Whether the capture shows the certificate of any domain controller.
fn shows_a_dc_certificate(facts: &Facts) -> bool {
    facts.domain_controllers.values().any(|dc| !dc.certificates.is_empty())
}

/// Whether a certificate that a domain controller showed names this address for its revocation. Of what was not reached
/// only the host is known, and of what is asked of a responder only the beginning.
fn named_by_a_dc(fetch: &Fetch, facts: &Facts) -> bool {
    if !facts.has_kdc_revocation_host(&fetch.host) {
        return false;
    }
    let address = fetch.address();
    let mut certificates = facts.domain_controllers.values().flat_map(|dc| &dc.certificates);
    certificates.any(|seen| {
        let names = |url: &String, whole: bool| {
            let Some(rest) = url.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("http://")).and(url.get(7..))
            else {
                return false;
            };
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = host.split(':').next().unwrap_or_default().to_lowercase();
            let url = format!("{host}{path}");
            if fetch.path.is_empty() {
                host == fetch.host
            } else if whole {
                url == address
            } else {
                address.starts_with(url.trim_end_matches('/'))
            }
        };
        seen.certificate.crl_urls.iter().any(|url| names(url, true))
            || seen.certificate.ocsp_urls.iter().any(|url| names(url, false))
    })
}

/// Whether the client got the same within a minute before or after.
fn fetched(fetch: &Fetch, facts: &Facts) -> bool {
    let Some(at) = fetch.seen().map(|seen| seen.at) else { return false };
    let obtained = facts.cloud.obtained(fetch.client, &fetch.address());
    obtained.is_some_and(|time| time.since(at).abs() <= REVOCATION_SECONDS.of(facts) * CaptureTime::SECOND)
}

/// The request as evidence.
fn question(fetch: &Fetch) -> Option<Evidence> {
    let means = format!("{} asks {} for it", fetch.client, fetch.server);
    Some(Evidence::new(fetch.asked?, "http.request.full_uri", format!("http://{}", fetch.address()), means))
}
