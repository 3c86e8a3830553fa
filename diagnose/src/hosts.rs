//! How clients got on with the hosts that a sign-in by way of the cloud depends on, one entry for each name.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use decode::Seen;
use trace::{
    Facts,
    cloud::{Failure, Service},
};

use crate::report::harmless;

/// Clients named for one host; the others are counted.
const MAX_CLIENTS: usize = 50;
/// Hosts told of, those with failures first: as many as anybody looks through.
const MAX_HOSTS: usize = 5000;
/// Contacts told of one host: some for each of as many clients as a site has.
const MAX_CONTACTS: usize = 10_000;

/// A host, and how clients got on with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostReport {
    /// Its name in lower case, or its address where there is none.
    pub name: String,
    /// Addresses of the clients, sorted; the first fifty.
    pub clients: Vec<String>,
    /// How many clients there are.
    pub client_count: usize,
    /// TLS handshakes that both sides finished.
    pub worked: u64,
    /// What went wrong, and how often, the most frequent first.
    pub failures: Vec<(String, u64)>,
    /// TLS versions chosen.
    pub versions: Vec<String>,
    /// Issuer of the certificate it showed last; `""` when none was seen.
    pub issuer: String,
    /// When that certificate ends; `""` when none was seen.
    pub not_after: String,
    /// Connections to it that a proxy was asked for.
    pub by_proxy: bool,
    /// The last status of a KDC proxy under this name.
    pub kdc_proxy: Option<u16>,
    /// Of each client the first and the last time that it worked, and some of the times that it did not.
    pub contacts: Vec<HostContact>,
}

/// A time that a client turned to a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostContact {
    /// Who did.
    pub client: IpAddr,
    /// Where it arrived, or who answered for it; `None` where that is not kept.
    pub server: Option<IpAddr>,
    /// What shows how it came out.
    pub seen: Seen,
    /// What went wrong; `None` where the handshake was finished.
    pub failure: Option<String>,
}

/// Every host, those with failures first, then by name.
pub(crate) fn hosts(facts: &Facts) -> Vec<HostReport> {
    let mut by_name: BTreeMap<&str, Vec<&Service>> = BTreeMap::new();
    for service in facts.cloud.services() {
        by_name.entry(&service.name).or_default().push(service);
    }
    let mut hosts: Vec<HostReport> = by_name.into_iter().map(|(name, services)| host(name, &services)).collect();
    hosts.sort_by_key(|host| host.failures.is_empty());
    hosts.truncate(MAX_HOSTS);
    hosts
}

fn host(name: &str, services: &[&Service]) -> HostReport {
    let clients: BTreeSet<_> = services.iter().map(|service| service.client).collect();
    let mut failures: BTreeMap<Failure, u64> = BTreeMap::new();
    for (failure, found) in services.iter().flat_map(|service| &service.failures) {
        *failures.entry(*failure).or_default() += found.count;
    }
    let mut failures: Vec<(String, u64)> =
        failures.into_iter().map(|(failure, count)| (words(failure), count)).collect();
    failures.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let versions: BTreeSet<String> =
        services.iter().flat_map(|service| service.versions.keys()).map(|version| number(version.0)).collect();
    let shown = services.iter().flat_map(|service| &service.certificates).max_by_key(|shown| shown.times.last);
    HostReport {
        name: harmless(name),
        client_count: clients.len(),
        clients: clients.iter().take(MAX_CLIENTS).map(ToString::to_string).collect(),
        worked: services.iter().filter_map(|service| service.worked).map(|tally| tally.count).sum(),
        failures,
        versions: versions.into_iter().collect(),
        issuer: shown.map(|shown| harmless(&shown.certificate.issuer)).unwrap_or_default(),
        not_after: shown.map(|shown| shown.certificate.not_after.to_string()).unwrap_or_default(),
        contacts: services.iter().flat_map(|service| contacts(service)).take(MAX_CONTACTS).collect(),
        by_proxy: services.iter().flat_map(|service| service.instances()).any(|(_, instance)| instance.tunnelled),
        kdc_proxy: services.iter().filter_map(|service| service.kdc_proxy).max_by_key(|(seen, _)| *seen).map(|it| it.1),
    }
}

fn contacts(service: &Service) -> Vec<HostContact> {
    let contact = |seen, server, failure| HostContact { client: service.client, server, seen, failure };
    let mut contacts: Vec<HostContact> = service
        .instances()
        .map(|(failure, it)| contact(it.seen, Some(it.server.address), Some(words(failure))))
        .collect();
    if let Some(worked) = service.worked {
        contacts.push(contact(worked.first, None, None));
        if worked.last != worked.first {
            contacts.push(contact(worked.last, None, None));
        }
    }
    contacts
}

fn words(failure: Failure) -> String {
    match failure {
        Failure::Name(3) => "DNS: no such name".to_owned(),
        Failure::Name(code) => format!("DNS error {code}"),
        Failure::Refused => "connection refused".to_owned(),
        Failure::Unreachable(code) => format!("unreachable (ICMP {code})"),
        Failure::Unanswered => "no answer to the connection".to_owned(),
        Failure::Proxy(status) => format!("proxy answers {status}"),
        Failure::Closed => "closed at the ClientHello".to_owned(),
        Failure::Silent => "no answer to the ClientHello".to_owned(),
        Failure::NotTls => "answers something other than TLS".to_owned(),
        Failure::Alert { of_server: true, description } => format!("TLS alert {description} of the server"),
        Failure::Alert { of_server: false, description } => format!("TLS alert {description} of the client"),
        Failure::HiddenAlert => "TLS alert of the client, encrypted".to_owned(),
        Failure::BrokenOff => "handshake broken off".to_owned(),
    }
}

/// `1.2` of 0x0303 (RFC 8446 §4.1.2).
fn number(version: u16) -> String {
    match version {
        0x0301..=0x0304 => format!("1.{}", version - 0x0301),
        other => format!("{other:04x}"),
    }
}
