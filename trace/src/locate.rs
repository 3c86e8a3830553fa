//! How clients look for domain controllers: locator questions to DNS and what came back. FACTS: MS-ADTS 6.3.6.1.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use capture::CaptureTime;
use decode::{Endpoint, Event, Message, Path, Seen, WireText, dns};

use crate::{hashed::HashMap, spot::Spot};

/// A resolver tries again after a second, then two, four and so on: within this time it is the same lookup.
const REPEAT_WITHIN: i64 = 10 * CaptureTime::SECOND;
/// After this time no resolver asks again, not even with packets that were swapped.
const FORGET_AFTER: i64 = 120 * CaptureTime::SECOND;
/// Room is made for so many lookups at least.
const MORE: usize = 1_024;
/// Captures by several queues swap packets: times in a list in the order of packets may run back by this much.
const SWAPPED: i64 = 60;

/// A locator question of one client to one server, with its repetitions.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// Who asked.
    pub client: IpAddr,
    /// Whom.
    pub server: IpAddr,
    /// Whether something came back that could not be read.
    pub hidden: bool,
    subject: Arc<Subject>,
    first: Spot,
    /// Repetitions.
    #[expect(clippy::box_collection, reason = "most are asked once: a third of the room")]
    again: Option<Box<Vec<Spot>>>,
    answer: Option<Answer>,
}

/// What a locator question is about: many clients ask the same.
#[derive(Debug)]
struct Subject {
    name: WireText,
    domain: String,
    site: bool,
}

/// As [`LookupAnswer`].
#[derive(Clone, Copy, Debug)]
struct Answer {
    spot: Spot,
    services: u32,
    rcode: u8,
    authoritative: bool,
}

/// What a DNS server answered to a locator question.
#[derive(Clone, Copy, Debug)]
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

    /// The name asked for.
    pub fn name(&self) -> &WireText {
        &self.subject.name
    }

    /// The domain it is about, in lower case.
    pub fn domain(&self) -> &str {
        &self.subject.domain
    }

    /// Whether the question is limited to a site.
    pub fn is_of_site(&self) -> bool {
        self.subject.site
    }

    /// Every time it was asked. At most [`Lookup::MAX_ASKED`]; never empty.
    pub fn asked(&self) -> impl Iterator<Item = Seen> {
        let again = self.again.as_deref().map(Vec::as_slice).unwrap_or_default();
        std::iter::once(self.first).chain(again.iter().copied()).map(Seen::from)
    }

    /// When it was first asked.
    pub fn first_asked(&self) -> Seen {
        self.first.into()
    }

    /// When it was last asked.
    pub fn last_asked(&self) -> Seen {
        let last = self.again.as_ref().and_then(|again| again.last()).copied();
        last.unwrap_or(self.first).into()
    }

    /// How often it was asked, as far as that is kept.
    pub fn times(&self) -> usize {
        1 + self.again.as_ref().map_or(0, |again| again.len())
    }

    /// The answer.
    pub fn answer(&self) -> Option<LookupAnswer> {
        let Answer { spot, services, rcode, authoritative } = self.answer?;
        Some(LookupAnswer { seen: spot.into(), rcode, authoritative, services: services as usize })
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
    /// The latest lookup of each name by each client at each server, as long as it may be asked again.
    latest: HashMap<(IpAddr, IpAddr, WireText), usize>,
    /// With so many of these, those that are no longer needed go.
    latest_full: usize,
    /// The lookups of each client, by index.
    of_client: BTreeSet<(IpAddr, usize)>,
    /// What was asked about, each once.
    subjects: HashMap<WireText, Arc<Subject>>,
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
    /// Names asked for that are kept once for all: a forest has a few domains and sites. Further ones stand in each
    /// lookup.
    const MAX_SUBJECTS: usize = 1_000;
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
        let old = self.lookups.partition_point(|lookup| lookup.first.at() < before);
        self.drop_first(old);
    }

    fn drop_first(&mut self, count: usize) {
        self.lookups.drain(..count);
        self.forgotten += count;
        let first = self.forgotten;
        self.open.retain(|_, index| *index >= first);
        self.latest.retain(|_, index| *index >= first);
        self.of_client.retain(|(_, index)| *index >= first);
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
        let indices = self.of_client.range((client, 0)..=(client, usize::MAX));
        indices.filter_map(|(_, index)| self.lookups.get(index.checked_sub(self.forgotten)?))
    }

    /// The last so many lookups of one client that were first asked in this time, in order.
    pub fn lookups_near(&self, client: IpAddr, time: (CaptureTime, CaptureTime), most: usize) -> Vec<&Lookup> {
        near(&self.lookups, self.forgotten, &self.of_client, client, time, most, |lookup| lookup.first.at())
    }

    /// Clients that asked a locator question, in order of address.
    pub fn clients(&self) -> impl Iterator<Item = IpAddr> {
        let mut last = None;
        self.of_client.iter().map(|(client, _)| *client).filter(move |client| last.replace(*client) != Some(*client))
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
            && seen.at.since(lookup.last_asked().at) < REPEAT_WITHIN
        {
            if lookup.times() < Lookup::MAX_ASKED {
                lookup.again.get_or_insert_default().push(seen.into());
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
        self.make_room(seen.at);
        self.latest.insert(subject, index);
        self.of_client.insert((client.address, index));
        let subject = self.subject(&question.name, &locator);
        self.lookups.push(Lookup {
            client: client.address,
            server: server.address,
            hidden: false,
            subject,
            first: seen.into(),
            again: None,
            answer: None,
        });
    }

    fn subject(&mut self, name: &WireText, locator: &dns::Locator) -> Arc<Subject> {
        if let Some(known) = self.subjects.get(name) {
            return Arc::clone(known);
        }
        let (domain, site) = (locator.domain.to_unicode(), locator.site.is_some());
        let subject = Arc::new(Subject { name: name.clone(), domain, site });
        if self.subjects.len() < Self::MAX_SUBJECTS {
            self.subjects.insert(name.clone(), Arc::clone(&subject));
        }
        subject
    }

    /// Makes room for one more, and no more room than is needed: a list that doubles would hold as much again in vain.
    fn make_room(&mut self, now: CaptureTime) {
        if self.lookups.len() == self.lookups.capacity() {
            let more = (self.lookups.len() / 4 + MORE).min(Self::MAX_LOOKUPS.saturating_sub(self.lookups.len()));
            self.lookups.reserve_exact(more);
        }
        if self.latest.len() >= self.latest_full {
            let (lookups, forgotten) = (&self.lookups, self.forgotten);
            self.latest.retain(|_, index| {
                let lookup = index.checked_sub(forgotten).and_then(|index| lookups.get(index));
                lookup.is_some_and(|lookup| lookup.answer.is_none() && now.since(lookup.last_asked().at) < FORGET_AFTER)
            });
            self.latest_full = 2 * self.latest.len() + MORE;
        }
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
            lookup.answer = Some(Answer {
                spot: seen.into(),
                services: u32::try_from(message.srv.len()).unwrap_or(u32::MAX),
                rcode: message.rcode.unwrap_or(0),
                authoritative: message.authoritative,
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

/// The last so many items of a client whose time is from `since` until `until`, of `all` in the order of packets. The
/// index of the first is `forgotten`.
pub(crate) fn near<'l, T>(
    all: &'l [T],
    forgotten: usize,
    of_client: &BTreeSet<(IpAddr, usize)>,
    client: IpAddr,
    (since, until): (CaptureTime, CaptureTime),
    most: usize,
    time: impl Fn(&T) -> CaptureTime,
) -> Vec<&'l T> {
    let from = all.partition_point(|item| time(item) < since.plus_seconds(-SWAPPED));
    let end = all.partition_point(|item| time(item) <= until.plus_seconds(SWAPPED));
    if from >= end {
        return Vec::new();
    }
    let indices = of_client.range((client, forgotten + from)..(client, forgotten + end));
    let items = indices.rev().filter_map(|(_, index)| all.get(index.checked_sub(forgotten)?));
    let mut near: Vec<&T> = items.filter(|item| (since..=until).contains(&time(item))).take(most).collect();
    near.reverse();
    near
}

/// QTYPE of addresses.
const A: u16 = 1;
const AAAA: u16 = 28;

/// Whether a domain that can be signed in to must answer this question. A forest need not name a PDC or global catalog
/// to a client, and Active Directory registers no `_kerberos-master`.
fn asks_for_a_kdc(service: dns::LocatorService) -> bool {
    matches!(service, dns::LocatorService::DomainController | dns::LocatorService::Kdc | dns::LocatorService::Kerberos)
}
