//! How clients look for domain controllers: locator questions to DNS and what came back. FACTS: MS-ADTS 6.3.6.1.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    sync::Arc,
};

use capture::CaptureTime;
use decode::{Endpoint, Event, Message, Path, Seen, WireText, dns};

/// A resolver tries again after a second, then two, four and so on: within this time it is the same lookup.
const REPEAT_WITHIN: i64 = 10 * CaptureTime::SECOND;

/// A locator question of one client to one server, with its repetitions.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// Who asked.
    pub client: IpAddr,
    /// Whom.
    pub server: IpAddr,
    /// The name asked for.
    pub name: WireText,
    /// The domain it is about, in lower case.
    pub domain: String,
    /// Whether the question is limited to a site.
    pub site: bool,
    /// Every time it was asked. At most [`Lookup::MAX_ASKED`]; never empty.
    pub asked: Vec<Seen>,
    /// The answer.
    pub answer: Option<LookupAnswer>,
    /// Whether something came back that could not be read.
    pub hidden: bool,
}

/// What a DNS server answered to a locator question.
#[derive(Clone, Debug)]
pub struct LookupAnswer {
    /// Where.
    pub seen: Seen,
    /// Response code.
    pub rcode: u8,
    /// Whether the server is authoritative for the name.
    pub authoritative: bool,
    /// SRV records returned.
    pub services: usize,
}

impl Lookup {
    /// Repetitions kept.
    pub const MAX_ASKED: usize = 16;

    /// When it was last asked.
    pub fn last_asked(&self) -> Option<Seen> {
        self.asked.last().copied()
    }
}

/// An answer that has no address for a domain controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WithoutAddress {
    /// The answer.
    pub seen: Seen,
    /// Who asked.
    pub client: IpAddr,
    /// Who answered.
    pub server: IpAddr,
    /// The response code: 3, the name does not exist; 0, it has no such record.
    pub rcode: u8,
}

/// Pairs DNS questions with answers and learns which address has which name.
#[derive(Debug, Default)]
pub struct Locator {
    lookups: Vec<Lookup>,
    /// How many were before those: what follows counts from the very first.
    forgotten: usize,
    beyond: u64,
    /// Questions without an answer, by ports and identifier.
    open: BTreeMap<(Endpoint, Endpoint, u16), usize>,
    /// The latest lookup of each name by each client at each server.
    latest: HashMap<(IpAddr, IpAddr, WireText), usize>,
    /// The lookups of each client, by index.
    of_client: BTreeMap<IpAddr, Vec<usize>>,
    names: BTreeMap<IpAddr, String>,
    /// Domain controllers that answers named, in lower case.
    targets: BTreeSet<String>,
    /// Those of them that have an address.
    resolved: BTreeSet<String>,
    /// Questions for the address of a domain controller that were answered without one: by name, the first.
    without_address: BTreeMap<String, WithoutAddress>,
}

impl Locator {
    /// Lookups kept. Beyond it the older half goes, and is counted.
    pub const MAX_LOOKUPS: usize = 100_000;
    /// Questions that wait for an answer at once; each repetition under another identifier is one of its own.
    pub const MAX_OPEN: usize = 200_000;
    /// Names learnt from answers, and as many of domain controllers.
    pub const MAX_NAMES: usize = 100_000;

    /// Takes in a DNS event.
    pub fn push(&mut self, event: &Arc<Event>) {
        let (Message::Dns(message), Some(path)) = (&event.message, event.path) else { return };
        if message.response {
            self.learn_names(message);
            self.learn_targets(message);
            self.learn_missing(message, event.seen, path.destination.address, path.source.address);
            self.answer(message, event.seen, (path.destination, path.source, message.id));
        } else {
            self.ask(message, event.seen, path.source, path.destination);
        }
    }

    /// Something on this path was not decoded: it may have been the answer to a question between the same ports.
    pub(crate) fn hole(&mut self, path: Path) {
        let key = |id| (path.destination, path.source, id);
        for (_, &index) in self.open.range(key(0)..=key(u16::MAX)) {
            if let Some(lookup) = index.checked_sub(self.forgotten).and_then(|index| self.lookups.get_mut(index)) {
                lookup.hidden = true;
            }
        }
    }

    /// Forgets what was asked before this time.
    pub(crate) fn forget(&mut self, before: CaptureTime) {
        let old = self.lookups.partition_point(|lookup| lookup.asked.first().is_some_and(|asked| asked.at < before));
        self.drop_first(old);
    }

    fn drop_first(&mut self, count: usize) {
        self.lookups.drain(..count);
        self.forgotten += count;
        let first = self.forgotten;
        self.open.retain(|_, index| *index >= first);
        self.latest.retain(|_, index| *index >= first);
        self.of_client.retain(|_, list| {
            list.drain(..list.partition_point(|index| *index < first));
            !list.is_empty()
        });
    }

    fn lookup_mut(&mut self, index: usize) -> Option<&mut Lookup> {
        self.lookups.get_mut(index.checked_sub(self.forgotten)?)
    }

    /// The locator questions, in the order in which they were first asked.
    pub fn lookups(&self) -> &[Lookup] {
        &self.lookups
    }

    /// The locator questions of one client, in the order in which they were first asked.
    pub fn lookups_of(&self, client: IpAddr) -> impl Iterator<Item = &Lookup> {
        let indices = self.of_client.get(&client).map(Vec::as_slice).unwrap_or_default();
        indices.iter().filter_map(|index| self.lookups.get(index.checked_sub(self.forgotten)?))
    }

    /// Clients that asked a locator question, in order of address.
    pub fn clients(&self) -> impl Iterator<Item = IpAddr> {
        self.of_client.keys().copied()
    }

    /// Lookups that were not kept.
    pub fn beyond(&self) -> u64 {
        self.beyond
    }

    /// The name of an address, from A and AAAA records that the capture holds. In lower case, as Unicode.
    pub fn name_of(&self, address: IpAddr) -> Option<&str> {
        self.names.get(&address).map(String::as_str)
    }

    /// Whether DNS named this host, in lower case, as a domain controller.
    pub fn is_target(&self, name: &str) -> bool {
        self.targets.contains(name.trim_end_matches('.'))
    }

    fn ask(&mut self, message: &dns::Message, seen: Seen, client: Endpoint, server: Endpoint) {
        let Some(locator) = message.locator().filter(|locator| asks_for_a_kdc(locator.service)) else { return };
        let Some(question) = message.questions.iter().find(|question| dns::Locator::of(&question.name).is_some())
        else {
            return;
        };
        let key = (client, server, message.id);
        // The same question again, from the same or another port, is a repetition while there is no answer.
        let subject = (client.address, server.address, question.name.clone());
        if let Some(&index) = self.latest.get(&subject)
            && let Some(lookup) = self.lookup_mut(index)
            && lookup.answer.is_none()
            && lookup.last_asked().is_some_and(|last| seen.at.since(last.at) < REPEAT_WITHIN)
        {
            if lookup.asked.len() < Lookup::MAX_ASKED {
                lookup.asked.push(seen);
            }
            self.wait_for(key, index);
            return;
        }
        if self.lookups.len() >= Self::MAX_LOOKUPS {
            self.beyond += Self::MAX_LOOKUPS as u64 / 2;
            self.drop_first(Self::MAX_LOOKUPS / 2);
        }
        let index = self.forgotten + self.lookups.len();
        self.wait_for(key, index);
        self.latest.insert(subject, index);
        self.of_client.entry(client.address).or_default().push(index);
        self.lookups.push(Lookup {
            client: client.address,
            server: server.address,
            name: question.name.clone(),
            domain: locator.domain.to_unicode(),
            site: locator.site.is_some(),
            asked: vec![seen],
            answer: None,
            hidden: false,
        });
    }

    /// Notes that an answer to this question may come.
    fn wait_for(&mut self, key: (Endpoint, Endpoint, u16), index: usize) {
        if self.open.len() < Self::MAX_OPEN || self.open.contains_key(&key) {
            self.open.insert(key, index);
        } else {
            self.beyond += 1;
        }
    }

    fn answer(&mut self, message: &dns::Message, seen: Seen, key: (Endpoint, Endpoint, u16)) {
        let Some(index) = self.open.remove(&key) else { return };
        if let Some(lookup) = self.lookup_mut(index)
            && lookup.answer.is_none()
        {
            lookup.answer = Some(LookupAnswer {
                seen,
                rcode: message.rcode.unwrap_or(0),
                authoritative: message.authoritative,
                services: message.srv.len(),
            });
        }
    }

    fn learn_targets(&mut self, message: &dns::Message) {
        let of_a_kdc = |service: &&dns::Service| {
            dns::Locator::of(&service.name).is_some_and(|locator| asks_for_a_kdc(locator.service))
        };
        for service in message.srv.iter().filter(of_a_kdc) {
            let target = service.target.to_unicode().trim_end_matches('.').to_lowercase();
            if self.targets.len() < Self::MAX_NAMES || self.targets.contains(&target) {
                self.targets.insert(target);
            }
        }
    }

    fn learn_missing(&mut self, message: &dns::Message, seen: Seen, client: IpAddr, server: IpAddr) {
        let rcode = message.rcode.unwrap_or(0);
        // That it has no address of version 6 is usual.
        let asked =
            message.questions.iter().find(|question| question.kind == A || (question.kind == AAAA && rcode == 3));
        let Some(question) = asked.filter(|_| matches!(rcode, 0 | 3) && message.addresses.is_empty()) else { return };
        let name = question.name.to_unicode().trim_end_matches('.').to_lowercase();
        // An alias may lead to one, and of what did not fit the client asks again.
        let others = message.other_answers > 0 || !message.cname.is_empty() || !message.ptr.is_empty();
        let whole = message.stopped.is_none() && !message.truncated && !others;
        if self.without_address.len() < Self::MAX_NAMES && whole {
            self.without_address.entry(name).or_insert(WithoutAddress { seen, client, server, rcode });
        }
    }

    /// Domain controllers that DNS named, and for which it then had no address, in order of name.
    pub fn without_address(&self) -> impl Iterator<Item = (&str, WithoutAddress)> {
        let missing = self
            .without_address
            .iter()
            .filter(|(name, _)| self.targets.contains(name.as_str()) && !self.resolved.contains(name.as_str()));
        missing.map(|(name, without)| (name.as_str(), *without))
    }

    /// Addresses that DNS has for the domain controllers it names, in order of address.
    pub fn target_addresses(&self) -> impl Iterator<Item = (IpAddr, &str)> {
        let all = self.names.iter().map(|(address, name)| (*address, name.trim_end_matches('.')));
        all.filter(|(_, name)| self.targets.contains(*name))
    }

    fn learn_names(&mut self, message: &dns::Message) {
        for record in &message.addresses {
            let name = record.name.to_unicode().trim_end_matches('.').to_lowercase();
            if self.resolved.len() < Self::MAX_NAMES {
                self.resolved.insert(name);
            }
            if self.names.len() < Self::MAX_NAMES {
                self.names.entry(record.address).or_insert_with(|| record.name.to_unicode().to_lowercase());
            }
        }
    }
}

/// QTYPE of addresses.
const A: u16 = 1;
const AAAA: u16 = 28;

/// Whether a domain that can be signed in to must answer this question. A forest need not name a PDC or global catalog
/// to a client, and Active Directory registers no `_kerberos-master`.
fn asks_for_a_kdc(service: dns::LocatorService) -> bool {
    matches!(service, dns::LocatorService::DomainController | dns::LocatorService::Kdc | dns::LocatorService::Kerberos)
}
