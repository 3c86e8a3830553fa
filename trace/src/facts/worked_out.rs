//! What rules ask of all keys, or of all tickets, for one logon after another: worked out at the first such question,
//! and again after anything new came.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    sync::OnceLock,
};

use capture::CaptureTime;
use decode::{Seen, kerberos::ErrorCode};

use super::{DomainController, Facts, KeyUse};
use crate::percentile::{median, percentile};

/// Answers that hold until something new comes.
#[derive(Debug, Default)]
pub(super) struct WorkedOut {
    refused_only_by: OnceLock<BTreeMap<IpAddr, RefusedOnly>>,
    worked_last: OnceLock<HashMap<String, CaptureTime>>,
    tickets: OnceLock<HashMap<(String, IpAddr), TicketsOf>>,
    computer: OnceLock<Option<IpAddr>>,
    used: OnceLock<BTreeMap<IpAddr, Seen>>,
    usual_times: OnceLock<BTreeMap<IpAddr, UsualTimes>>,
}

/// How long one domain controller takes for an answer, in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct UsualTimes {
    /// How many answers this is from, up to [`DomainController::MAX_SAMPLES`].
    pub count: usize,
    /// The median.
    pub median: u64,
    /// Where its slowest twentieth begins.
    pub slow: u64,
}

/// Keys in self-signed certificates that one domain controller refuses with 75 and another accepts.
#[derive(Clone, Debug, Default)]
pub struct RefusedOnly {
    /// How many users have them.
    pub users: usize,
    /// Of each key the first refusal here, and where it was accepted first, and by whom.
    pub keys: Vec<(Seen, Seen, IpAddr)>,
}

/// Tickets that one client got in one name, or may have got where the capture missed it.
#[derive(Clone, Copy, Debug)]
pub struct TicketsOf {
    /// How many.
    pub count: usize,
    /// When the first was granted.
    pub first: CaptureTime,
    /// When the last was.
    pub last: CaptureTime,
}

/// What forms of one user's name have in common.
fn user(name: &str) -> &str {
    name.split('@').next().unwrap_or_default()
}

impl KeyUse {
    /// The first refusal by each domain controller of a key that the directory does not have, or not with this account
    /// (62, 75), after the last time that it was accepted, in order of arrival; empty where it never was.
    pub fn refused_since(&self) -> &[(Seen, IpAddr)] {
        self.since.get_or_init(|| {
            let Some((last, _)) = self.granted.last() else { return Vec::new() };
            let mut by = BTreeSet::new();
            let after = self.refused.iter().filter(|(seen, _, code)| {
                matches!(*code, ErrorCode::CLIENT_NOT_TRUSTED | ErrorCode::CLIENT_NAME_MISMATCH) && seen.at > last.at
            });
            after.filter(|(_, kdc, _)| by.insert(*kdc)).map(|(seen, kdc, _)| (*seen, *kdc)).collect()
        })
    }
}

impl Facts {
    /// What was worked out may hold no longer.
    pub(crate) fn changes(&mut self) {
        self.worked_out = WorkedOut::default();
    }

    /// The keys that this domain controller refuses with 75 and another machine accepts. `None`: none.
    pub fn refused_only_by(&self, kdc: IpAddr) -> Option<&RefusedOnly> {
        self.worked_out.refused_only_by.get_or_init(|| self.find_refused_only()).get(&kdc)
    }

    fn find_refused_only(&self) -> BTreeMap<IpAddr, RefusedOnly> {
        let mut found: BTreeMap<IpAddr, RefusedOnly> = BTreeMap::new();
        let mut users: BTreeMap<IpAddr, BTreeSet<&str>> = BTreeMap::new();
        for key in self.keys.values().filter(|key| key.self_signed) {
            let Some(user) = key.principals.first().map(|name| user(name)) else { continue };
            let mut here: BTreeMap<IpAddr, Seen> = BTreeMap::new();
            for (seen, kdc, _) in key.refused.iter().filter(|(.., code)| *code == ErrorCode::CLIENT_NAME_MISMATCH) {
                here.entry(*kdc).or_insert(*seen);
            }
            for (kdc, refused) in here {
                let name = self.name_of(kdc);
                let is_other = |other: IpAddr| {
                    let names = self.name_of(other).zip(name);
                    other != kdc && !names.is_some_and(|(one, two)| one.eq_ignore_ascii_case(two))
                };
                let Some((accepted, by)) = key.granted.iter().find(|(_, by)| is_other(*by)) else { continue };
                found.entry(kdc).or_default().keys.push((refused, *accepted, *by));
                users.entry(kdc).or_default().insert(user);
            }
        }
        for (kdc, users) in users {
            found.entry(kdc).or_default().users = users.len();
        }
        found
    }

    /// Whether a user of this key has one in a self-signed certificate that was accepted last after this time.
    pub fn user_has_key_after(&self, key: &KeyUse, at: CaptureTime) -> bool {
        let worked = self.worked_out.worked_last.get_or_init(|| {
            let mut worked: HashMap<String, CaptureTime> = HashMap::new();
            for key in self.keys.values().filter(|key| key.self_signed) {
                let Some((last, _)) = key.granted.last() else { continue };
                for name in &key.principals {
                    let known = worked.entry(user(name).to_owned()).or_insert(last.at);
                    *known = last.at.max(*known);
                }
            }
            worked
        });
        key.principals.iter().any(|name| worked.get(user(name)).is_some_and(|last| *last > at))
    }

    /// The tickets that this client got in this name, as in [`Facts::grants`]. `None`: none.
    pub fn tickets_of(&self, name: &str, client: IpAddr) -> Option<TicketsOf> {
        let tickets = self.worked_out.tickets.get_or_init(|| {
            let mut tickets: HashMap<(String, IpAddr), TicketsOf> = HashMap::new();
            for (name, grants) in self.granted.iter().chain(self.perhaps_granted.iter()) {
                for (at, client) in grants {
                    let none = TicketsOf { count: 0, first: *at, last: *at };
                    let known = tickets.entry((name.clone(), *client)).or_insert(none);
                    known.count += 1;
                    known.first = known.first.min(*at);
                    known.last = known.last.max(*at);
                }
            }
            tickets
        });
        tickets.get(&(name.to_lowercase(), client)).copied()
    }

    /// The first ticket that this domain controller issued in answer to PKINIT, of those kept, and that was seen in
    /// use.
    pub fn first_used(&self, kdc: IpAddr) -> Option<Seen> {
        let used = self.worked_out.used.get_or_init(|| {
            let first = |dc: &DomainController| dc.issued.iter().find(|one| one.used.is_some()).map(|one| one.seen);
            self.domain_controllers.iter().filter_map(|(kdc, dc)| Some((*kdc, first(dc)?))).collect()
        });
        used.get(&kdc).copied()
    }

    /// How long each domain controller takes for an answer, of those that gave any.
    pub fn usual_times(&self) -> &BTreeMap<IpAddr, UsualTimes> {
        self.worked_out.usual_times.get_or_init(|| {
            let usual = |dc: &DomainController| {
                let mut times = dc.response_times.clone();
                let slow = percentile(&mut times, 95, u64::cmp)?;
                Some(UsualTimes { count: times.len(), median: median(&mut times, u64::cmp)?, slow })
            };
            self.domain_controllers.iter().filter_map(|(kdc, dc)| Some((*kdc, usual(dc)?))).collect()
        })
    }

    /// A client that got tickets in the name of a computer, and used one which the capture saw issued.
    pub fn computer_with_tickets(&self) -> Option<IpAddr> {
        let clients = &self.clients_seen_from_the_start;
        let find = || clients.iter().find(|client| self.is_computer(**client)).copied();
        *self.worked_out.computer.get_or_init(find)
    }
}
