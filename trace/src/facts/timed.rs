//! Lists of things that happened, by whom: kept for a time, and no more than so many in all.

use std::{collections::BTreeMap, net::IpAddr, ops::Deref};

use capture::CaptureTime;
use decode::Seen;

use super::{NtlmUse, RefusedPkinit};

/// When a thing happened.
pub trait When {
    /// Capture time.
    fn when(&self) -> CaptureTime;
}

impl When for CaptureTime {
    fn when(&self) -> CaptureTime {
        *self
    }
}

impl When for (CaptureTime, IpAddr) {
    fn when(&self) -> CaptureTime {
        self.0
    }
}

impl When for Seen {
    fn when(&self) -> CaptureTime {
        self.at
    }
}

impl When for NtlmUse {
    fn when(&self) -> CaptureTime {
        self.seen.at
    }
}

impl When for RefusedPkinit {
    fn when(&self) -> CaptureTime {
        self.1.at
    }
}

/// What happened, in order of arrival, by what it is about: at most `MAX` in all. Beyond it the older half goes, since
/// what happens next is judged by what was just before it.
#[derive(Debug)]
pub struct Timed<K, T, const MAX: usize> {
    lists: BTreeMap<K, Vec<T>>,
    count: usize,
    /// How many went because there were too many.
    beyond: u64,
}

impl<K, T, const MAX: usize> Default for Timed<K, T, MAX> {
    fn default() -> Self {
        Self { lists: BTreeMap::new(), count: 0, beyond: 0 }
    }
}

impl<K, T, const MAX: usize> Deref for Timed<K, T, MAX> {
    type Target = BTreeMap<K, Vec<T>>;

    fn deref(&self) -> &Self::Target {
        &self.lists
    }
}

impl<K: Ord, T: When, const MAX: usize> Timed<K, T, MAX> {
    /// Notes that something happened.
    pub(crate) fn note(&mut self, key: K, item: T) {
        self.lists.entry(key).or_default().push(item);
        self.count += 1;
        if self.count > MAX {
            let before = self.count;
            self.halve();
            self.beyond += (before - self.count) as u64;
        }
    }

    /// As [`Timed::note`], unless the last one was in the same second.
    pub(crate) fn note_second(&mut self, key: K, item: T) {
        let list = self.lists.entry(key).or_default();
        if list.last().is_none_or(|last| last.when().seconds() != item.when().seconds()) {
            list.push(item);
            self.count += 1;
            if self.count > MAX {
                let before = self.count;
                self.halve();
                self.beyond += (before - self.count) as u64;
            }
        }
    }

    /// Forgets what happened before this time.
    pub(crate) fn forget(&mut self, before: CaptureTime) {
        let mut count = 0;
        self.lists.retain(|_, list| {
            // Times may step back a little where packets were swapped.
            let old = list.partition_point(|item| item.when() < before);
            if old > 0 {
                list.drain(..old);
                list.shrink_to(2 * list.len());
            }
            count += list.len();
            !list.is_empty()
        });
        self.count = count;
    }

    /// The same, but for the last of each: that it happened at all stays known.
    pub(crate) fn thin(&mut self, before: CaptureTime) {
        for list in self.lists.values_mut() {
            let old = list.partition_point(|item| item.when() < before).min(list.len().saturating_sub(1));
            list.drain(..old);
            list.shrink_to(2 * list.len());
            self.count -= old;
        }
    }

    /// How many went because there were too many.
    pub(crate) fn beyond(&self) -> u64 {
        self.beyond
    }

    /// Forgets the older half, and at least the oldest.
    fn halve(&mut self) {
        let mut times: Vec<CaptureTime> = self.lists.values().flatten().map(When::when).collect();
        let half = times.len() / 2;
        let (_, middle, _) = times.select_nth_unstable(half);
        let middle = *middle;
        self.forget(middle);
        if self.count > MAX {
            // All at one time: nothing tells which came first but the order of the keys.
            self.lists.clear();
            self.count = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use capture::CaptureTime;

    use super::Timed;

    #[test]
    fn beyond_its_limit_a_list_loses_its_older_half_and_says_so() {
        let mut timed: Timed<&str, CaptureTime, 100> = Timed::default();
        for second in 0..101 {
            timed.note(if second % 2 == 0 { "even" } else { "odd" }, CaptureTime(second * CaptureTime::SECOND));
        }
        assert_eq!((timed["even"].len() + timed["odd"].len(), timed.beyond()), (51, 50));
        timed.forget(CaptureTime(100 * CaptureTime::SECOND));
        assert_eq!((timed.len(), timed["even"].len(), timed.beyond()), (1, 1, 50));
        for _ in 0..101 {
            timed.note("at once", CaptureTime(200 * CaptureTime::SECOND));
        }
        assert!(timed.values().flatten().count() <= 100);
    }

    #[test]
    fn thinned_a_list_keeps_its_last() {
        let at = |second: i64| CaptureTime(second * CaptureTime::SECOND);
        let mut timed: Timed<&str, CaptureTime, 6> = Timed::default();
        for (who, second) in [("old", 1), ("old", 2), ("both", 3), ("both", 10), ("both", 12)] {
            timed.note_second(who, at(second));
        }
        timed.thin(at(10));
        assert_eq!((&timed["old"][..], &timed["both"][..]), (&[at(2)][..], &[at(10), at(12)][..]));
        // Its account is right: there is room for three more, and for no fourth.
        for second in 20..23 {
            timed.note_second("new", at(second));
        }
        assert_eq!(timed.beyond(), 0);
        timed.note_second("new", at(30));
        assert_eq!(timed.beyond(), 3);
    }
}
