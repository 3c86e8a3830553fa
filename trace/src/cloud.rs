//! What became of conversations over TLS and HTTP: who could reach whom by name, where it broke off, and what came of
//! asking whether a certificate is revoked.
//!
//! In: events in one order. Out: a [`Service`] for each client and name, in which what went wrong is kept apart from
//! how it went wrong ([`Failure`]) and which times it happened ([`Instance`]); and a [`Fetch`] for each time a CRL or
//! an OCSP response was asked for. A conversation is followed from its hello until it is known to work or has ended.
//! What a failure means, and whether a success soon after makes it nothing, is for whoever reads this.
//!
//! A name is the first of these that there is: the server name in the hello, the host of CONNECT, the name that the
//! client was given this address for by DNS. Without any, it is the address.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use capture::CaptureTime;
use decode::{
    Closing, Connection, Endpoint, Event, FlowKey, Message, Path, Refusal, Seen, WireText, dns, http,
    tls::{self, Alert, Body, Version},
    x509::Certificate,
};

use crate::hashed::{HashMap, HashSet};

mod fetch;
mod service;

pub use fetch::{Fetch, FetchBody};
pub use service::{Failure, Failures, Instance, Service, Shown, Tally};

use fetch::gives_out_lists;
use service::show;

/// HTTP, where CRLs and OCSP responders are.
const HTTP_PORT: u16 = 80;
/// HTTPS.
const HTTPS_PORT: u16 = 443;
/// LDAP, LDAP over TLS, and the global catalogue without and with TLS.
const LDAP_PORTS: [u16; 4] = [389, 636, 3268, 3269];

/// What is known of conversations over TLS and HTTP.
#[derive(Debug, Default)]
pub struct Cloud {
    /// Which names are of interest. `None`: all.
    watch: Option<fn(&str) -> bool>,
    services: BTreeMap<(IpAddr, String), Service>,
    fetches: Vec<Fetch>,
    /// When a client last got a CRL or an OCSP response from an address.
    obtained: BTreeMap<(IpAddr, String), CaptureTime>,
    /// Certificates shown on the ports of LDAP, by server.
    directory: BTreeMap<IpAddr, Vec<Shown>>,
    beyond: u64,
    /// Conversations that are not decided.
    open: HashMap<FlowKey, Conversation>,
    /// The name by which a client was given an address.
    resolved: HashMap<(IpAddr, IpAddr), String>,
    /// Names under which a KDC proxy answered.
    kdc_proxies: HashSet<String>,
    /// Certificates by thumbprint: the same few are shown over and over.
    certificates: HashMap<String, Arc<Certificate>>,
    /// Addresses of CRLs and OCSP responders in certificates that were seen, without scheme.
    revocation_addresses: HashSet<String>,
    /// The hosts of those.
    revocation_hosts: HashSet<String>,
}

/// A conversation that is not decided.
#[derive(Debug)]
struct Conversation {
    client: Endpoint,
    server: Endpoint,
    name: Option<String>,
    /// CONNECT was asked for, and the tunnel is there or not.
    tunnelled: bool,
    /// The CONNECT.
    asked: Option<Seen>,
    hello: Option<Seen>,
    chosen: Option<Version>,
    /// The server sent something after the hello that is not TLS.
    not_tls: Option<Seen>,
    client_certificate: Option<(Seen, bool)>,
    hidden: bool,
    /// The server sent something of TLS.
    spoke_tls: bool,
    /// The CRL or OCSP response that is waited for, by index.
    fetch: Option<usize>,
}

impl Cloud {
    /// Services kept: clients times the names each of them asks for.
    pub const MAX_SERVICES: usize = 100_000;
    /// Fetches kept, the first ones: clients fetch a list once in its lifetime, which is hours or days. Further ones
    /// are counted.
    pub const MAX_FETCHES: usize = 5_000;
    /// Conversations followed at once. Most are decided within a second.
    pub const MAX_OPEN: usize = 100_000;
    /// Names of addresses that are remembered. When there are more, all are forgotten: those in use come again.
    pub const MAX_RESOLVED: usize = 100_000;
    /// Certificates, addresses in them, and names of KDC proxies that are remembered.
    pub const MAX_CERTIFICATES: usize = 20_000;
    /// Servers on the ports of LDAP whose certificates are kept: more domain controllers than any forest has.
    pub const MAX_DIRECTORIES: usize = 20_000;

    /// How clients got on with names, by client and name.
    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.services.values()
    }

    /// How one client got on with every name.
    pub fn services_of(&self, client: IpAddr) -> impl Iterator<Item = &Service> {
        self.services
            .range((client, String::new())..)
            .map(|(_, service)| service)
            .take_while(move |service| service.client == client)
    }

    /// How a client got on with a name, which is in lower case.
    pub fn service(&self, client: IpAddr, name: &str) -> Option<&Service> {
        self.services.get(&(client, name.to_owned()))
    }

    /// Certificates that a server showed on the ports of LDAP.
    pub fn directory_certificates(&self, server: IpAddr) -> &[Shown] {
        self.directory.get(&server).map(Vec::as_slice).unwrap_or_default()
    }

    /// What was not kept because of our limits.
    pub fn beyond(&self) -> u64 {
        self.beyond
    }

    /// From now on keeps services of these names only: of all that a network talks to, little is of interest. Names of
    /// KDC proxies are besides.
    pub(crate) fn watch(&mut self, names: fn(&str) -> bool) {
        self.watch = Some(names);
    }

    fn watches(&self, name: &str) -> bool {
        self.watch.is_none_or(|watch| watch(name)) || self.kdc_proxies.contains(name)
    }

    /// Takes in an event of TLS or HTTP.
    pub(crate) fn push(&mut self, event: &Event) {
        let Some(path) = event.path else { return };
        match &event.message {
            Message::Tls(message) => self.tls(message, event.seen, path),
            Message::Http(message) => self.http(message, event.seen, path),
            _ => {}
        }
    }

    /// Takes in an answer of DNS: a name that there is not, or an address for one.
    pub(crate) fn dns(&mut self, event: &Event) {
        const A: u16 = 1;
        const AAAA: u16 = 28;
        let (Message::Dns(message), Some(path)) = (&event.message, event.path) else { return };
        let Some(question) = message.questions.first().filter(|_| message.response) else { return };
        if message.opcode != 0 || !matches!(question.kind, A | AAAA) {
            return;
        }
        let client = path.destination.address;
        match message.rcode.unwrap_or(0) {
            0 => self.resolved(client, &question.name, message, event.seen),
            code => {
                let name = named(&question.name);
                let instance = Instance::new(event.seen, event.seen, path.source);
                if self.revocation_hosts.contains(&name) {
                    self.no_connection(client, &name, Failure::Name(code), instance);
                }
                self.fail(client, name, Failure::Name(code), instance);
            }
        }
    }

    fn resolved(&mut self, client: IpAddr, name: &WireText, message: &dns::Message, seen: Seen) {
        if message.addresses.is_empty() {
            return;
        }
        let name = named(name);
        if !self.watches(&name) && !self.revocation_hosts.contains(&name) && !gives_out_lists(&name) {
            return;
        }
        if let Some(service) = self.service_mut(client, name.clone()) {
            service.resolved = Some(seen.at);
            service.works_again(seen.at, |failure| matches!(failure, Failure::Name(_)));
        }
        if self.resolved.len() >= Self::MAX_RESOLVED {
            self.resolved.clear();
        }
        for address in &message.addresses {
            self.resolved.insert((client, address.address), name.clone());
        }
    }

    /// Something on this path was not decoded.
    pub(crate) fn hole(&mut self, path: Path) {
        if let Some(conversation) = self.open.get_mut(&path.flow().0) {
            conversation.hidden = true;
        }
    }

    fn tls(&mut self, message: &tls::Message, seen: Seen, path: Path) {
        let (flow, _) = path.flow();
        if let Body::ClientHello(hello) = &message.body {
            self.client_hello(hello, seen, path);
            return;
        }
        let Some(conversation) = self.open.get_mut(&flow) else { return };
        let of_server = path.source == conversation.server;
        conversation.spoke_tls |= of_server;
        match &message.body {
            Body::ServerHello(hello) => {
                conversation.chosen = Some(hello.chosen());
                let (client, chosen) = (conversation.client.address, hello.chosen());
                let name = self.name_of(&flow);
                if !hello.hello_retry_request
                    && let Some(service) = self.service_mut(client, name)
                {
                    service.versions.entry(chosen).and_modify(|tally| tally.add(seen)).or_insert(Tally::new(seen));
                }
            }
            Body::Certificate(chain) if of_server => self.shown(chain, seen, flow),
            Body::Certificate(chain) => conversation.client_certificate = Some((seen, chain.is_empty())),
            Body::Alert(Alert::Clear { level, description }) => {
                self.alert(*level, description.0, of_server, seen, flow);
            }
            Body::Alert(Alert::Encrypted) => {
                let tls13 = conversation.chosen.is_some_and(Version::is_tls13);
                match (tls13, of_server) {
                    // In place of its Finished: the handshake was not to the client's liking.
                    (true, false) => self.end(flow, Failure::HiddenAlert, seen),
                    // Behind its Finished: the handshake was.
                    (false, false) => self.works(flow, seen),
                    // It may have closed what worked, and it may have refused the client's certificate.
                    (_, true) => {}
                }
            }
            Body::ApplicationData { .. } => {
                let tls13 = conversation.chosen.is_some_and(Version::is_tls13);
                // What a server encrypts in TLS 1.3 begins in the middle of the handshake; a client's ends it. Before
                // that version a client may send what the server never answers.
                if conversation.chosen.is_some() && tls13 != of_server {
                    self.works(flow, seen);
                }
            }
            Body::ClientHello(_) | Body::CertificateRequest(_) | Body::CertificateStatus(_) | Body::Other(_) => {}
        }
    }

    fn client_hello(&mut self, hello: &tls::ClientHello, seen: Seen, path: Path) {
        let (flow, _) = path.flow();
        let sni = hello.sni.as_ref().filter(|name| !name.is_empty()).map(named);
        let ends = (path.source.address, path.destination.address);
        let name = sni.as_ref().or_else(|| self.resolved.get(&ends));
        let of_interest = name.is_some_and(|name| self.watches(name)) || LDAP_PORTS.contains(&path.destination.port);
        if !of_interest && !self.open.contains_key(&flow) {
            return;
        }
        let Some(conversation) = self.conversation(path) else { return };
        // The second one answers a HelloRetryRequest.
        if conversation.hello.is_none() || conversation.chosen.is_none() {
            conversation.hello = Some(seen);
        }
        if sni.is_some() {
            conversation.name = sni;
        }
    }

    fn alert(&mut self, level: u8, description: u8, of_server: bool, seen: Seen, flow: FlowKey) {
        const FATAL: u8 = 2;
        const USER_CANCELED: u8 = 90;
        let Some(conversation) = self.open.get_mut(&flow) else { return };
        if level != FATAL || description == 0 || description == USER_CANCELED {
            return;
        }
        // A client that complains before there is a ServerHello complains of what came instead, which tells more.
        if of_server || conversation.chosen.is_some() {
            self.end(flow, Failure::Alert { of_server, description }, seen);
        }
    }

    fn shown(&mut self, chain: &[Arc<Certificate>], seen: Seen, flow: FlowKey) {
        let (Some(leaf), Some(conversation)) = (chain.first(), self.open.get(&flow)) else { return };
        let (client, server) = (conversation.client.address, conversation.server);
        let name = self.name_of(&flow);
        let of_directory = LDAP_PORTS.contains(&server.port);
        if !of_directory && !self.watches(&name) {
            return;
        }
        let certificate = self.remembered(leaf);
        if of_directory {
            if self.directory.len() < Self::MAX_DIRECTORIES || self.directory.contains_key(&server.address) {
                show(self.directory.entry(server.address).or_default(), &certificate, server, seen);
            } else {
                self.beyond = self.beyond.saturating_add(1);
            }
        }
        let Some(service) = self.service_mut(client, name) else { return };
        show(&mut service.certificates, &certificate, server, seen);
    }

    /// The same certificate as one seen before, or a new one.
    fn remembered(&mut self, leaf: &Arc<Certificate>) -> Arc<Certificate> {
        if let Some(known) = self.certificates.get(&leaf.sha256) {
            return Arc::clone(known);
        }
        self.learn(leaf);
        let certificate = Arc::clone(leaf);
        if self.certificates.len() < Self::MAX_CERTIFICATES {
            self.certificates.insert(leaf.sha256.clone(), Arc::clone(&certificate));
        }
        certificate
    }

    fn http(&mut self, message: &http::Message, seen: Seen, path: Path) {
        let (flow, _) = path.flow();
        let connect = message.method.as_ref().is_some_and(|method| method.as_bytes() == b"CONNECT");
        let Some(status) = message.status else {
            if connect {
                self.connect(message, seen, path);
            } else {
                self.ask(message, seen, path);
            }
            return;
        };
        if let Some(conversation) = self.open.get_mut(&flow)
            && conversation.hello.is_some()
            && !conversation.tunnelled
        {
            conversation.not_tls = Some(seen);
        } else if connect {
            self.connected(message, status, seen, path);
        } else {
            self.fetched(message, status, seen, path);
        }
    }

    fn connect(&mut self, message: &http::Message, seen: Seen, path: Path) {
        let name = message.target.as_ref().map(host_of).filter(|name| self.watches(name));
        if name.is_none() {
            return;
        }
        if let Some(conversation) = self.conversation(path) {
            conversation.name = name;
            conversation.tunnelled = true;
            conversation.hello = None;
            // Until the hello, what is waited for is the proxy.
            conversation.client_certificate = None;
            conversation.asked = Some(seen);
        }
    }

    fn connected(&mut self, message: &http::Message, status: u16, seen: Seen, path: Path) {
        let (flow, _) = path.flow();
        let name = message.target.as_ref().map(host_of).unwrap_or_default();
        let client = path.destination.address;
        if name.is_empty() || status < 200 {
            return;
        }
        if status < 300 {
            if let Some(service) = self.services.get_mut(&(client, name)) {
                service.works_again(seen.at, |failure| matches!(failure, Failure::Proxy(_)));
            }
            return;
        }
        let asked = self.open.remove(&flow).and_then(|conversation| conversation.asked).unwrap_or(seen);
        let instance = Instance { tunnelled: true, ..Instance::new(seen, asked, path.source) };
        self.fail(client, name, Failure::Proxy(status), instance);
    }

    /// Takes in what became of a TCP connection.
    pub(crate) fn connection(&mut self, seen: Seen, connection: &Connection, path: Path) {
        let (flow, _) = path.flow();
        if connection.opened == Some(false) {
            self.not_opened(seen, connection, path);
            return;
        }
        let Some(mut conversation) = self.open.remove(&flow) else { return };
        conversation.hidden |= connection.directions_seen != (true, true) || connection.missing > 0;
        let closed = connection.closed;
        if let Some(fetch) = conversation.fetch.and_then(|index| self.fetches.get_mut(index)) {
            fetch.undecided = conversation.hidden || !matches!(closed, Some(closed) if closed != Closing::Forgotten);
        }
        let Some(hello) = conversation.hello else { return };
        let by_client = matches!(closed, Some(Closing::ClientFin | Closing::ClientReset));
        let failure = match (conversation.chosen, conversation.not_tls) {
            (Some(_), _) if closed.is_none() || closed == Some(Closing::Forgotten) => return,
            (Some(_), _) => Failure::BrokenOff,
            (None, Some(_)) => Failure::NotTls,
            // In a tunnel, the proxy's answer to CONNECT came before.
            (None, None) if connection.bytes_to_client > 0 && !conversation.tunnelled && !conversation.spoke_tls => {
                Failure::NotTls
            }
            (None, None) if matches!(closed, Some(Closing::ServerFin | Closing::ServerReset)) => Failure::Closed,
            (None, None) => Failure::Silent,
        };
        let decisive = match failure {
            Failure::NotTls => conversation.not_tls.unwrap_or(Seen { first: seen.last, ..seen }),
            _ => Seen { first: seen.last, ..seen },
        };
        let instance = Instance {
            gave_up: by_client && failure == Failure::Silent,
            seconds_tried: seen.at.since(hello.at) / CaptureTime::SECOND,
            ..conversation.instance(decisive, hello)
        };
        let name = self.name_for(&conversation);
        self.fail(conversation.client.address, name, failure, instance);
    }

    fn not_opened(&mut self, seen: Seen, connection: &Connection, path: Path) {
        let failure = match connection.refused {
            Some(Refusal::Reset) => Failure::Refused,
            Some(Refusal::Icmp(code)) => Failure::Unreachable(code),
            None => Failure::Unanswered,
        };
        let Some(name) = self.resolved.get(&(path.source.address, path.destination.address)).cloned() else { return };
        let last_syn = connection.last_syn.unwrap_or(connection.began);
        let instance = Instance {
            syns: connection.syns,
            seconds_tried: last_syn.at.since(connection.began.at) / CaptureTime::SECOND,
            // What comes back to a capture of one direction cannot be told from nothing.
            hidden: false,
            ..Instance::new(Seen { first: seen.last, ..seen }, connection.began, path.destination)
        };
        match path.destination.port {
            HTTPS_PORT => self.fail(path.source.address, name, failure, instance),
            HTTP_PORT if self.revocation_hosts.contains(&name) || gives_out_lists(&name) => {
                self.no_connection(path.source.address, &name, failure, instance);
            }
            _ => {}
        }
    }

    /// The conversation on this path, from the client to the server; a new one if there is none. `None`: too many.
    fn conversation(&mut self, path: Path) -> Option<&mut Conversation> {
        let (flow, _) = path.flow();
        if self.open.len() >= Self::MAX_OPEN && !self.open.contains_key(&flow) {
            self.beyond = self.beyond.saturating_add(1);
            return None;
        }
        Some(self.open.entry(flow).or_insert_with(|| Conversation::new(path)))
    }

    /// A conversation has come to this.
    fn end(&mut self, flow: FlowKey, failure: Failure, seen: Seen) {
        let Some(conversation) = self.open.remove(&flow) else { return };
        let Some(hello) = conversation.hello else { return };
        let name = self.name_for(&conversation);
        self.fail(conversation.client.address, name, failure, conversation.instance(seen, hello));
    }

    /// A conversation works.
    fn works(&mut self, flow: FlowKey, seen: Seen) {
        let Some(conversation) = self.open.remove(&flow) else { return };
        let name = self.name_for(&conversation);
        let Some(service) = self.service_mut(conversation.client.address, name) else { return };
        match &mut service.worked {
            Some(tally) => tally.add(seen),
            None => service.worked = Some(Tally::new(seen)),
        }
        service.works_again(seen.at, |_| true);
    }

    fn fail(&mut self, client: IpAddr, name: String, failure: Failure, mut instance: Instance) {
        let Some(service) = self.service_mut(client, name) else { return };
        // It may be told long after, and have worked since.
        match service.worked.map(|tally| tally.last.at) {
            Some(worked) if worked >= instance.asked.at => instance.worked_after = Some(worked),
            worked => instance.worked_before = worked,
        }
        // Some servers say that there is no such name where there is only no address of one kind.
        if matches!(failure, Failure::Name(_)) {
            instance.worked_before = instance.worked_before.max(service.resolved);
        }
        service.failures.entry(failure).or_default().push(instance);
    }

    fn service_mut(&mut self, client: IpAddr, name: String) -> Option<&mut Service> {
        if !self.watches(&name) {
            return None;
        }
        let full = self.services.len() >= Self::MAX_SERVICES;
        match self.services.entry((client, name)) {
            std::collections::btree_map::Entry::Occupied(entry) => Some(entry.into_mut()),
            std::collections::btree_map::Entry::Vacant(_) if full => {
                self.beyond = self.beyond.saturating_add(1);
                None
            }
            std::collections::btree_map::Entry::Vacant(entry) => {
                let name = entry.key().1.clone();
                Some(entry.insert(Service {
                    client,
                    name,
                    resolved: None,
                    worked: None,
                    versions: BTreeMap::new(),
                    kdc_proxy: None,
                    failures: BTreeMap::new(),
                    certificates: Vec::new(),
                }))
            }
        }
    }

    fn name_of(&self, flow: &FlowKey) -> String {
        self.open.get(flow).map(|conversation| self.name_for(conversation)).unwrap_or_default()
    }

    fn name_for(&self, conversation: &Conversation) -> String {
        let (client, server) = (conversation.client.address, conversation.server.address);
        let name = conversation.name.clone();
        name.or_else(|| self.resolved.get(&(client, server)).cloned()).unwrap_or_else(|| server.to_string())
    }
}

impl Conversation {
    fn new(path: Path) -> Self {
        Self {
            client: path.source,
            server: path.destination,
            name: None,
            tunnelled: false,
            asked: None,
            hello: None,
            chosen: None,
            not_tls: None,
            client_certificate: None,
            hidden: false,
            spoke_tls: false,
            fetch: None,
        }
    }

    fn instance(&self, seen: Seen, asked: Seen) -> Instance {
        Instance {
            tunnelled: self.tunnelled,
            hidden: self.hidden,
            client_certificate: self.client_certificate,
            ..Instance::new(seen, asked, self.server)
        }
    }
}

/// A name in lower case, without the dot at its end.
fn named(name: &WireText) -> String {
    let name = name.to_unicode().to_lowercase();
    name.strip_suffix('.').map(str::to_owned).unwrap_or(name)
}

/// The host in `host:port`.
fn host_of(authority: &WireText) -> String {
    let name = named(authority);
    match name.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host.to_owned(),
        _ => name,
    }
}
