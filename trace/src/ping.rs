//! Netlogon pings: whether a domain controller is there, asked over CLDAP, and what it says about itself.
//! MS-ADTS 6.3.3, 6.3.5.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use capture::CaptureTime;
use decode::{
    Endpoint, Path, Seen,
    ldap::{self, Netlogon, Operation, SearchRequest},
};

use crate::{hashed::HashMap, locate::near, spot::Spot};

/// A client asks again within this time when nothing comes back: it is the same ping.
const REPEAT_WITHIN: i64 = 10 * CaptureTime::SECOND;
/// After this time no client waits for an answer any more.
const FORGET_AFTER: i64 = 120 * CaptureTime::SECOND;
/// Room is made for so many pings at least.
const MORE: usize = 1_024;

/// A netlogon ping of one client to one domain controller, with its repetitions.
#[derive(Clone, Debug)]
pub struct Ping {
    /// Who asked.
    pub client: IpAddr,
    /// Whom.
    pub server: IpAddr,
    /// The domain asked about, in lower case; empty where the filter names none.
    pub domain: Arc<str>,
    /// Whether an account was asked about, too.
    pub names_user: bool,
    /// How often it was asked.
    pub times: u32,
    /// An ICMP message which says that the question did not arrive.
    pub unreachable: Option<Box<Seen>>,
    /// Whether something came back that could not be read.
    pub hidden: bool,
    first: Spot,
    /// The last time, where it was asked again.
    again: Option<Box<Spot>>,
    answer: Option<Answer>,
}

/// As [`PingAnswer`].
#[derive(Clone, Debug)]
struct Answer {
    spot: Spot,
    opcode: Option<u16>,
    flags: Option<u32>,
    user: Option<Box<str>>,
}

impl Ping {
    /// The first time that it was asked.
    pub fn first(&self) -> Seen {
        self.first.into()
    }

    /// The last.
    pub fn last(&self) -> Seen {
        self.again.as_deref().copied().unwrap_or(self.first).into()
    }

    /// The answer.
    pub fn answer(&self) -> Option<PingAnswer<'_>> {
        let answer = self.answer.as_ref()?;
        let user = answer.user.as_deref();
        Some(PingAnswer { seen: answer.spot.into(), opcode: answer.opcode, flags: answer.flags, user })
    }
}

/// What a domain controller answered to a ping.
#[derive(Clone, Copy, Debug)]
pub struct PingAnswer<'p> {
    /// Where.
    pub seen: Seen,
    /// MS-ADTS 6.3.1.3: 19 or 23 it serves, 20 or 24 it is paused, 21 or 25 it does not know the account. `None`: it
    /// says nothing about itself, as when it does not hold the domain.
    pub opcode: Option<u16>,
    /// What it is: the flags of MS-ADTS 6.3.1.2.
    pub flags: Option<u32>,
    /// The account that it repeats.
    pub user: Option<&'p str>,
}

impl PingAnswer<'_> {
    /// Whether it says that the domain controller is paused: clients are to go elsewhere.
    pub fn is_paused(&self) -> bool {
        matches!(self.opcode, Some(20 | 24))
    }

    /// Whether it says that the domain controller does not know the account.
    pub fn user_unknown(&self) -> bool {
        matches!(self.opcode, Some(21 | 25))
    }

    /// Whether it says that the domain controller serves.
    pub fn serves(&self) -> bool {
        matches!(self.opcode, Some(19 | 23))
    }
}

/// Pairs pings with their answers.
#[derive(Debug, Default)]
pub struct Pings {
    all: Vec<Ping>,
    /// How many were before those: what follows counts from the very first.
    forgotten: usize,
    beyond: u64,
    /// Pings that may be answered yet, by ports and message number.
    open: BTreeMap<(Endpoint, Endpoint, i64), (usize, CaptureTime)>,
    /// The latest ping of each client to each server, as long as it may be asked again.
    latest: HashMap<(IpAddr, IpAddr), usize>,
    /// With so many of these, those that are no longer needed go.
    latest_full: usize,
    /// The pings of each client, by index.
    of_client: BTreeSet<(IpAddr, usize)>,
    /// The domains that were asked about, each once.
    domains: BTreeSet<Arc<str>>,
}

/// What a message was in the way of pings.
pub(crate) enum Noted<'m> {
    /// Nothing to do with them.
    Nothing,
    /// A ping, first or again.
    Asked,
    /// A domain controller answered; what it says about itself, if it does.
    Answered(Option<&'m Netlogon>),
}

impl Pings {
    /// Pings kept. Beyond it the older half goes, and is counted.
    pub const MAX_PINGS: usize = 100_000;
    /// Pings that wait for an answer at once; each repetition under another number is one of its own.
    pub const MAX_OPEN: usize = 100_000;
    /// Domains kept: a forest has a few, and whoever asks for more makes them up.
    pub const MAX_DOMAINS: usize = 1_000;
    /// Bytes of a name kept, which DNS limits to 255.
    const MAX_NAME: usize = 255;

    /// Takes in a message over CLDAP.
    pub(crate) fn push<'m>(&mut self, message: &'m ldap::Message, path: Path, seen: Seen) -> Noted<'m> {
        let Some(id) = message.message_id else { return Noted::Nothing };
        match &message.operation {
            Operation::SearchRequest(search) if search.attributes.contains("netlogon") => {
                self.ask(search, (path.source, path.destination, id), seen);
                Noted::Asked
            }
            Operation::SearchResultEntry(entry) if entry.netlogon.is_some() => {
                self.answer((path.destination, path.source, id), seen, entry.netlogon.as_deref());
                Noted::Answered(entry.netlogon.as_deref())
            }
            Operation::SearchResultDone(_) => {
                let key = (path.destination, path.source, id);
                self.answer(key, seen, None);
                if self.open.remove(&key).is_some() { Noted::Answered(None) } else { Noted::Nothing }
            }
            _ => Noted::Nothing,
        }
    }

    /// Something on this path was not decoded: it may have been the answer to a ping between the same ports.
    pub(crate) fn hole(&mut self, path: Path) {
        self.between(path.destination, path.source, |ping| ping.hidden = true);
    }

    /// What was sent on this path did not arrive. Returns whether it was a ping.
    pub(crate) fn unreachable(&mut self, path: Path, seen: Seen) -> bool {
        let mut concerned = false;
        self.between(path.source, path.destination, |ping| {
            ping.unreachable.get_or_insert_with(|| Box::new(seen));
            concerned = true;
        });
        concerned
    }

    /// Capture time has passed to `now`.
    pub(crate) fn tick(&mut self, now: CaptureTime) {
        self.open.retain(|_, (_, asked)| now.since(*asked) < FORGET_AFTER);
    }

    /// Forgets what was asked before this time.
    pub(crate) fn forget(&mut self, before: CaptureTime) {
        let old = self.all.partition_point(|ping| ping.first.at() < before);
        self.drop_first(old);
    }

    fn drop_first(&mut self, count: usize) {
        self.all.drain(..count);
        self.forgotten += count;
        let first = self.forgotten;
        self.open.retain(|_, (index, _)| *index >= first);
        self.latest.retain(|_, index| *index >= first);
        self.of_client.retain(|(_, index)| *index >= first);
    }

    fn ping_mut(&mut self, index: usize) -> Option<&mut Ping> {
        self.all.get_mut(index.checked_sub(self.forgotten)?)
    }

    /// The pings, in the order in which they were first asked.
    pub fn pings(&self) -> &[Ping] {
        &self.all
    }

    /// The pings of one client, in the order in which they were first asked.
    pub fn pings_of(&self, client: IpAddr) -> impl DoubleEndedIterator<Item = &Ping> {
        let indices = self.of_client.range((client, 0)..=(client, usize::MAX));
        indices.filter_map(|(_, index)| self.all.get(index.checked_sub(self.forgotten)?))
    }

    /// The last so many pings of one client that were first asked in this time, in order.
    pub fn pings_near(&self, client: IpAddr, time: (CaptureTime, CaptureTime), most: usize) -> Vec<&Ping> {
        near(&self.all, self.forgotten, &self.of_client, client, time, most, |ping| ping.first.at())
    }

    /// Clients that pinged, in order of address.
    pub fn clients(&self) -> impl Iterator<Item = IpAddr> {
        let mut last = None;
        self.of_client.iter().map(|(client, _)| *client).filter(move |client| last.replace(*client) != Some(*client))
    }

    /// Pings that were not kept.
    pub fn beyond(&self) -> u64 {
        self.beyond
    }

    fn between(&mut self, client: Endpoint, server: Endpoint, mut change: impl FnMut(&mut Ping)) {
        let key = |id| (client, server, id);
        for (_, &(index, _)) in self.open.range(key(i64::MIN)..=key(i64::MAX)) {
            if let Some(ping) = index.checked_sub(self.forgotten).and_then(|index| self.all.get_mut(index)) {
                change(ping);
            }
        }
    }

    fn ask(&mut self, search: &SearchRequest, key: (Endpoint, Endpoint, i64), seen: Seen) {
        let (client, server) = (key.0.address, key.1.address);
        let filter = search.filter.as_deref().unwrap_or_default();
        let domain = self.domain(filter);
        if let Some(&index) = self.latest.get(&(client, server))
            && let Some(ping) = self.ping_mut(index)
            && ping.answer.is_none()
            && ping.domain == domain
            && seen.at.since(ping.last().at) < REPEAT_WITHIN
        {
            if seen > ping.last() {
                ping.again = Some(Box::new(seen.into()));
            }
            ping.times = ping.times.saturating_add(1);
            self.wait_for(key, index, seen.at);
            return;
        }
        if self.all.len() >= Self::MAX_PINGS {
            self.beyond += Self::MAX_PINGS as u64 / 2;
            self.drop_first(Self::MAX_PINGS / 2);
        }
        let index = self.forgotten + self.all.len();
        self.wait_for(key, index, seen.at);
        self.make_room(seen.at);
        self.latest.insert((client, server), index);
        self.of_client.insert((client, index));
        self.all.push(Ping {
            client,
            server,
            domain,
            names_user: value_in(filter, "User").is_some_and(|user| !user.is_empty()),
            times: 1,
            unreachable: None,
            hidden: false,
            first: seen.into(),
            again: None,
            answer: None,
        });
    }

    /// Makes room for one more, and no more room than is needed: a list that doubles would hold as much again in vain.
    fn make_room(&mut self, now: CaptureTime) {
        if self.all.len() == self.all.capacity() {
            let more = (self.all.len() / 4 + MORE).min(Self::MAX_PINGS.saturating_sub(self.all.len()));
            self.all.reserve_exact(more);
        }
        if self.latest.len() >= self.latest_full {
            let (all, forgotten) = (&self.all, self.forgotten);
            self.latest.retain(|_, index| {
                let ping = index.checked_sub(forgotten).and_then(|index| all.get(index));
                ping.is_some_and(|ping| ping.answer.is_none() && now.since(ping.last().at) < FORGET_AFTER)
            });
            self.latest_full = 2 * self.latest.len() + MORE;
        }
    }

    /// The domain that a filter names, in lower case.
    fn domain(&mut self, filter: &str) -> Arc<str> {
        let named = value_in(filter, "DnsDomain").unwrap_or_default().trim_end_matches('.').to_lowercase();
        if named.len() > Self::MAX_NAME {
            return Arc::default();
        }
        if let Some(known) = self.domains.get(named.as_str()) {
            return Arc::clone(known);
        }
        let domain: Arc<str> = named.into();
        if self.domains.len() < Self::MAX_DOMAINS {
            self.domains.insert(Arc::clone(&domain));
        }
        domain
    }

    /// Notes that an answer to this ping may come.
    fn wait_for(&mut self, key: (Endpoint, Endpoint, i64), index: usize, at: CaptureTime) {
        if self.open.len() < Self::MAX_OPEN || self.open.contains_key(&key) {
            self.open.insert(key, (index, at));
        } else {
            self.beyond += 1;
        }
    }

    fn answer(&mut self, key: (Endpoint, Endpoint, i64), seen: Seen, netlogon: Option<&Netlogon>) {
        let Some(&(index, _)) = self.open.get(&key) else { return };
        let Some(ping) = self.ping_mut(index).filter(|ping| ping.answer.is_none()) else { return };
        let user = netlogon.and_then(|netlogon| netlogon.user.as_ref()).filter(|user| !user.is_empty());
        ping.answer = Some(Answer {
            spot: seen.into(),
            opcode: netlogon.map(|netlogon| netlogon.opcode),
            flags: netlogon.and_then(|netlogon| netlogon.flags),
            user: user.map(decode::WireText::to_unicode).filter(|user| user.len() <= Self::MAX_NAME).map(Into::into),
        });
    }
}

/// The value that a filter wants of an attribute, as in `(&(DnsDomain=corp.example)(NtVer=\16\00\00\00))`.
fn value_in<'f>(filter: &'f str, attribute: &str) -> Option<&'f str> {
    filter.split('(').find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.eq_ignore_ascii_case(attribute).then(|| value.split(')').next().unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::value_in;

    #[test]
    fn values_are_found_in_a_filter_by_the_whole_name() {
        let filter = "(&(DnsDomain=corp.example)(Host=PC)(User=PC$)(NtVer=\\16\\00\\00\\00))";
        assert_eq!(value_in(filter, "dnsdomain"), Some("corp.example"));
        assert_eq!(value_in(filter, "User"), Some("PC$"));
        assert_eq!((value_in(filter, "Dns"), value_in("", "User")), (None, None));
    }
}
