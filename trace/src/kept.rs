//! The logons that are kept: open ones, to which things happen, and packed ones.
//!
//! A logon has an index for life, its number less one. Packing changes nothing that can be seen ([`crate::pack`]), so
//! when it happens is free. Logons that were released, or were never kept, are gone: their index leads nowhere.

use std::{borrow::Cow, collections::VecDeque, net::IpAddr};

use capture::CaptureTime;
use decode::Seen;

use crate::{Exchange, Logon, LogonId, Method, pack::Packed, pair::Place};

/// The logons, in the order in which they began.
#[derive(Debug)]
pub struct Logons {
    entries: Vec<Entry>,
    /// The index of the next one.
    next: usize,
    /// When to look at each of the open ones whether it is quiet.
    open: VecDeque<(CaptureTime, usize)>,
    /// The latest tick.
    now: CaptureTime,
    /// Those that were not kept.
    beyond: u64,
}

#[derive(Debug)]
struct Entry {
    index: usize,
    /// When something happened to it last, where it is packed.
    ended: CaptureTime,
    /// Whether nothing but attempts to reach a KDC is known of it, where it is packed.
    only_attempts: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    Open(Box<Logon>),
    Packed(Packed),
}

/// A logon that was taken out, packed as it was: thousands are taken out at a time.
#[derive(Debug)]
pub struct Released(State);

impl Released {
    /// The logon.
    pub fn open(&self) -> Option<Cow<'_, Logon>> {
        self.0.open()
    }
}

impl State {
    fn open(&self) -> Option<Cow<'_, Logon>> {
        match self {
            Self::Open(logon) => Some(Cow::Borrowed(logon)),
            Self::Packed(packed) => packed.open().map(Cow::Owned),
        }
    }
}

impl Default for Logons {
    fn default() -> Self {
        Self { entries: Vec::new(), next: 0, open: VecDeque::new(), now: CaptureTime(0), beyond: 0 }
    }
}

impl Entry {
    fn ended(&self) -> CaptureTime {
        match &self.state {
            State::Open(logon) => logon.ended.at,
            State::Packed(_) => self.ended,
        }
    }
}

impl Logons {
    /// The index of a logon of which nothing is known any more.
    pub(crate) const GONE: usize = usize::MAX;
    /// Logons kept at once, whatever happens: whoever takes them out keeps far below it, unless so many come in one
    /// second of capture time. Further ones are counted.
    pub const MAX_KEPT: usize = 200_000;
    /// A logon is packed when nothing has happened to it for so long, in seconds: a client that goes on has gone on,
    /// and the time in which a KDC answers has passed twice.
    const QUIET_SECONDS: i64 = 20;
    /// What happens joins no logon that has been quiet for this many seconds, unless a ticket says so.
    pub(crate) const JOINED_SECONDS: i64 = 60;

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Logons that were not kept because [`Logons::MAX_KEPT`] of them were.
    pub fn beyond(&self) -> u64 {
        self.beyond
    }

    /// One of them, by its place among those kept.
    pub fn at(&self, place: usize) -> Option<Cow<'_, Logon>> {
        self.entries.get(place)?.state.open()
    }

    /// The one with this number, counted from 1.
    pub fn numbered(&self, number: usize) -> Option<Cow<'_, Logon>> {
        self.at(self.place(number.checked_sub(1)?)?)
    }

    /// Capture time up to which something happened to the one that has been quiet for longest.
    pub fn oldest(&self) -> Option<CaptureTime> {
        self.entries.iter().map(Entry::ended).min()
    }

    /// All of them, one after the other.
    pub fn iter(&self) -> impl Iterator<Item = Cow<'_, Logon>> {
        (0..self.len()).filter_map(|place| self.at(place))
    }

    /// Takes out up to `count` of those that began first, without those to which something happened in the `seconds`
    /// before `now`.
    pub fn release(&mut self, count: usize, now: CaptureTime, seconds: i64) -> Vec<Released> {
        let mut left = count;
        let is_old = |entry: &mut Entry| {
            let quiet = now.since(entry.ended()).abs() >= seconds * CaptureTime::SECOND;
            let goes = left > 0 && quiet;
            left -= usize::from(goes);
            goes
        };
        self.entries.extract_if(.., is_old).map(|entry| Released(entry.state)).collect()
    }

    /// Adds a logon that begins here, and says its index.
    pub(crate) fn begin(&mut self, client: IpAddr, seen: Seen) -> usize {
        let index = self.next;
        self.next += 1;
        if self.entries.len() >= Self::MAX_KEPT {
            self.beyond += 1;
            return index;
        }
        let logon = Logon {
            id: LogonId(index as u64 + 1),
            client,
            requested: None,
            canonical: None,
            method: Method::Unknown,
            exchanges: Vec::new(),
            exchanges_beyond: 0,
            attempts: Vec::new(),
            sessions: Vec::new(),
            began: seen,
            ended: seen,
            closed: false,
        };
        self.entries.push(Entry { index, ended: seen.at, only_attempts: false, state: State::Open(Box::new(logon)) });
        self.open.push_back((self.now.plus_seconds(Self::QUIET_SECONDS), index));
        index
    }

    /// Takes out one that is open. Its index leads nowhere from then on.
    pub(crate) fn remove(&mut self, index: usize) -> Option<Logon> {
        let place = self.place(index)?;
        if matches!(self.entries.get(place)?.state, State::Packed(_)) {
            return None;
        }
        match self.entries.remove(place).state {
            State::Open(logon) => Some(*logon),
            State::Packed(_) => None,
        }
    }

    /// When something happened to it last.
    pub(crate) fn ended(&self, index: usize) -> Option<CaptureTime> {
        Some(self.entries.get(self.place(index)?)?.ended())
    }

    /// Whether it is not kept, or no more.
    pub(crate) fn is_gone(&self, index: usize) -> bool {
        self.place(index).is_none()
    }

    /// One of them as long as it is open.
    pub(crate) fn get(&self, index: usize) -> Option<&Logon> {
        match &self.entries.get(self.place(index)?)?.state {
            State::Open(logon) => Some(logon),
            State::Packed(_) => None,
        }
    }

    /// One of them, which is opened for it.
    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut Logon> {
        let place = self.place(index)?;
        let entry = self.entries.get_mut(place)?;
        if let State::Packed(packed) = &entry.state {
            entry.state = State::Open(Box::new(packed.open()?));
            self.open.push_back((self.now.plus_seconds(Self::QUIET_SECONDS), index));
        }
        match &mut entry.state {
            State::Open(logon) => Some(logon),
            State::Packed(_) => None,
        }
    }

    /// One of them, unless it has been quiet for too long for what happens at `at` to join it.
    pub(crate) fn lately(&mut self, index: usize, at: CaptureTime) -> Option<&mut Logon> {
        let entry = self.entries.get(self.place(index)?)?;
        let is_late = at.since(entry.ended) > Self::JOINED_SECONDS * CaptureTime::SECOND;
        if is_late && matches!(entry.state, State::Packed(_)) { None } else { self.get_mut(index) }
    }

    /// One of them of which nothing but attempts to reach a KDC is known, opened unless it has been quiet for too long.
    pub(crate) fn with_only_attempts(&mut self, index: usize, at: CaptureTime) -> Option<&mut Logon> {
        let entry = self.entries.get(self.place(index)?)?;
        let is_one = match &entry.state {
            State::Open(logon) => logon.has_only_attempts(),
            State::Packed(_) => entry.only_attempts,
        };
        if is_one { self.lately(index, at) } else { None }
    }

    /// An exchange by its place.
    pub(crate) fn exchange(&mut self, place: Place) -> Option<&mut Exchange> {
        self.get_mut(place.logon)?.exchanges.get_mut(place.exchange)
    }

    /// Packs what has been quiet.
    pub(crate) fn tick(&mut self, now: CaptureTime) {
        self.now = now;
        let quiet = Self::QUIET_SECONDS * CaptureTime::SECOND;
        // Where the clock was put back, nothing waits for the time that was before.
        let is_due = |due: CaptureTime| due <= now || due.since(now) > quiet;
        for _ in 0..self.open.len() {
            let Some((_, index)) = self.open.pop_front_if(|(due, _)| is_due(*due)) else { break };
            let Some(entry) = self.place(index).and_then(|place| self.entries.get_mut(place)) else { continue };
            let State::Open(logon) = &entry.state else { continue };
            entry.ended = logon.ended.at;
            let since = now.since(entry.ended).abs();
            if since >= quiet {
                entry.only_attempts = logon.has_only_attempts();
                entry.state = State::Packed(Packed::of(logon));
            } else {
                // In whole seconds, as ticks come.
                let seconds = (quiet - since + CaptureTime::SECOND - 1) / CaptureTime::SECOND;
                self.open.push_back((now.plus_seconds(seconds), index));
            }
        }
    }

    /// Where it stands among those kept.
    fn place(&self, index: usize) -> Option<usize> {
        let stands_at = |place: usize| self.entries.get(place).is_some_and(|entry| entry.index == index);
        // Without gaps, which come of releasing, it is as far from the last as its index is.
        let guess = self.entries.len().saturating_add(index).checked_sub(self.next);
        guess
            .filter(|guess| stands_at(*guess))
            .or_else(|| self.entries.binary_search_by_key(&index, |entry| entry.index).ok())
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use capture::{CaptureTime, InputId, PacketId};
    use decode::Seen;

    use super::{Logons, State};

    fn at(second: u64) -> Seen {
        let packet = PacketId { arrival: second, input: InputId(0), number: second + 1 };
        Seen::in_packet(packet, CaptureTime(second.cast_signed() * CaptureTime::SECOND))
    }

    fn with(count: u64) -> Logons {
        let mut logons = Logons::default();
        for second in 0..count {
            logons.begin(IpAddr::V4(Ipv4Addr::LOCALHOST), at(second));
        }
        logons
    }

    fn packed(logons: &Logons) -> Vec<usize> {
        let packed = logons.entries.iter().filter(|entry| matches!(entry.state, State::Packed(_)));
        packed.map(|entry| entry.index).collect()
    }

    #[test]
    fn what_is_quiet_is_packed_and_opened_when_something_happens_to_it() {
        let mut logons = with(3);
        logons.tick(at(20).at);
        assert_eq!(packed(&logons), [0]);
        logons.tick(at(21).at);
        assert_eq!(packed(&logons), [0, 1]);
        assert!(logons.get(0).is_none() && logons.lately(0, at(61).at).is_none());
        assert_eq!(logons.lately(0, at(60).at).map(|logon| logon.id.0), Some(1));
        assert_eq!(packed(&logons), [1]);
        logons.tick(at(45).at);
        assert_eq!(packed(&logons), [0, 1, 2]);
        let ids: Vec<u64> = logons.iter().map(|logon| logon.id.0).collect();
        assert_eq!(ids, [1, 2, 3]);
    }

    #[test]
    fn what_was_released_is_gone_and_the_others_keep_their_index() {
        let mut logons = with(5);
        let released = logons.release(2, at(100).at, 98);
        let released: Vec<u64> = released.iter().filter_map(|one| Some(one.open()?.id.0)).collect();
        assert_eq!(released, [1, 2]);
        // Those to which something happened lately stay.
        assert!(logons.release(2, at(100).at, 99).is_empty());
        assert!(logons.is_gone(0) && logons.is_gone(Logons::GONE) && !logons.is_gone(2));
        assert_eq!(logons.get_mut(4).map(|logon| logon.id.0), Some(5));
        assert_eq!((logons.begin(IpAddr::V4(Ipv4Addr::LOCALHOST), at(5)), logons.len()), (5, 4));
        assert_eq!(logons.numbered(6).map(|logon| logon.id.0), Some(6));
    }
}
