//! How far the clocks of several captures are apart, by the packets that they share.
//!
//! In: files that may have recorded the same traffic at different places. Out: for each, how far its clock is ahead of
//! the first one's. A packet takes some time from one place to the other; since that is about the same both ways, it
//! cancels out between the packets that went one way and those that went the other.
//!
//! Not all packets are kept for this, but of each file those with the smallest fingerprints: where two files hold the
//! same packets, these are the same too, so a few thousand are enough for files of any size.

use std::{collections::BTreeMap, path::Path};

use capture::{Batch, CaptureTime, Progress, Source as _};
use decode::wire::fingerprint;
use trace::{ClockOffset, percentile::median};

/// Estimates by how much the clock of each capture is ahead of the first one's; those of which it cannot be told are
/// left out. A file that cannot be read gives nothing: whoever reads it next will tell why.
pub fn clock_offsets(paths: &[&Path]) -> Vec<ClockOffset> {
    if !(2..=MAX_COMPARED).contains(&paths.len()) {
        return Vec::new();
    }
    let sketches: Vec<Sketch> = paths.iter().map(|path| sketch(path).unwrap_or_default()).collect();
    // The first has nothing to be compared with, and is what the others are compared with at last.
    let mut known: BTreeMap<usize, i64> = BTreeMap::from([(0, 0)]);
    let mut offsets = Vec::new();
    // An input may share packets with the first only by way of another, which may come behind it.
    for _ in 0..paths.len() {
        for (index, sketch) in sketches.iter().enumerate() {
            if known.contains_key(&index) {
                continue;
            }
            let compare = |(&other, &ahead): (&usize, &i64)| {
                let (apart, packets) = sketches.get(other)?.apart(sketch)?;
                Some((ahead.saturating_add(apart), packets))
            };
            let best = known.iter().filter_map(compare).max_by_key(|(_, packets)| *packets);
            if let (Some((ahead, packets)), Ok(input)) = (best, u16::try_from(index)) {
                known.insert(index, ahead);
                offsets.push(ClockOffset { input, ahead, packets });
            }
        }
    }
    offsets.sort_by_key(|offset| offset.input);
    offsets
}

/// When packets were recorded, by fingerprint.
#[derive(Debug, Default)]
struct Sketch(BTreeMap<u64, Sighting>);

#[derive(Clone, Copy, Debug)]
struct Sighting {
    /// When it was seen first.
    at: CaptureTime,
    /// Whether it went from the lower to the higher address.
    is_up: bool,
    /// Whether it came again later, so that nobody knows which is which.
    is_repeated: bool,
}

impl Sketch {
    fn add(&mut self, fingerprint: u64, at: CaptureTime, is_up: bool) {
        if let Some(before) = self.0.get_mut(&fingerprint) {
            before.is_repeated |= at.since(before.at).abs() > AT_ONCE;
            return;
        }
        let is_full = self.0.len() >= SKETCHED;
        if is_full && self.0.last_key_value().is_some_and(|(last, _)| fingerprint > *last) {
            return;
        }
        self.0.insert(fingerprint, Sighting { at, is_up, is_repeated: false });
        if is_full {
            self.0.pop_last();
        }
    }

    /// How many nanoseconds the clock of `other` is ahead of this one, and how many packets say so.
    fn apart(&self, other: &Self) -> Option<(i64, u64)> {
        let (mut up, mut down) = (Vec::new(), Vec::new());
        for (fingerprint, here) in &self.0 {
            let Some(there) = other.0.get(fingerprint).filter(|there| !there.is_repeated && !here.is_repeated) else {
                continue;
            };
            if here.is_up { &mut up } else { &mut down }.push(there.at.since(here.at));
        }
        let packets = up.len() + down.len();
        let middle = match (median(&mut up, i64::cmp), median(&mut down, i64::cmp)) {
            (Some(up), Some(down)) => up / 2 + down / 2,
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) => return None,
        };
        let agreeing = up.iter().chain(&down).filter(|apart| apart.abs_diff(middle) <= SPREAD).count();
        let is_sure = packets >= LEAST_SHARED && agreeing * 5 >= packets * 4;
        is_sure.then_some((middle, packets as u64))
    }
}

fn sketch(path: &Path) -> Option<Sketch> {
    let mut source = capture::open(&[path]).ok()?;
    let (mut sketch, mut batch) = (Sketch::default(), Batch::default());
    loop {
        let progress = source.fill(&mut batch).ok()?;
        for packet in batch.packets() {
            if let Some((fingerprint, is_up)) = fingerprint(&packet) {
                sketch.add(fingerprint, packet.at, is_up);
            }
        }
        if progress == Progress::End || source.position().read > MAX_READ {
            return Some(sketch);
        }
    }
}

/// Inputs that are compared. More are a ring of files rather than several places, and would be read twice for nothing.
const MAX_COMPARED: usize = 8;

/// Bytes of each file that are looked at: some hundred thousand packets, read in a fraction of a second.
const MAX_READ: u64 = 128 << 20;

/// Packets kept of each file.
const SKETCHED: usize = 4096;

/// Packets that two files must share, so that chance is no explanation.
const LEAST_SHARED: usize = 3;

/// How far from their median most differences may be, in nanoseconds: what a slow network makes of the time on the way.
const SPREAD: u64 = 500_000_000;

/// Copies within one file come within this many nanoseconds.
const AT_ONCE: i64 = 2_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    /// Packets every 10 ms, up and down, 3 ms on their way between two places.
    fn sketches(range: std::ops::Range<i64>, ahead: i64) -> (Sketch, Sketch) {
        let (mut here, mut there) = (Sketch::default(), Sketch::default());
        for n in range {
            let (is_up, key) = (n % 2 == 0, n.unsigned_abs().wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let at = n * 10 * MS;
            let (first, second) = if is_up { (0, 3 * MS) } else { (3 * MS, 0) };
            here.add(key, CaptureTime(at + first), is_up);
            there.add(key, CaptureTime(at + second + ahead), is_up);
        }
        (here, there)
    }

    #[test]
    fn time_on_the_way_cancels_out() {
        let (here, there) = sketches(0..100, 5_000 * MS);
        assert_eq!(here.apart(&there), Some((5_000 * MS, 100)));
        assert_eq!(there.apart(&here), Some((-5_000 * MS, 100)));
    }

    #[test]
    fn little_or_nothing_in_common_says_nothing() {
        let (here, _) = sketches(0..100, 0);
        let (_, there) = sketches(98..200, 0);
        assert_eq!(here.apart(&there), None);
        let (_, there) = sketches(100..200, 0);
        assert_eq!(here.apart(&there), None);
    }

    #[test]
    fn disagreement_says_nothing() {
        let (here, _) = sketches(0..100, 0);
        let mut there = Sketch::default();
        for (n, (key, sighting)) in (0..).zip(&here.0) {
            there.add(*key, CaptureTime(sighting.at.0 + n * 1_000 * MS), sighting.is_up);
        }
        assert_eq!(here.apart(&there), None);
    }

    #[test]
    fn large_files_share_what_is_kept_of_them() {
        let (here, there) = sketches(0..50_000, 7 * MS);
        assert_eq!(here.0.len(), SKETCHED);
        assert_eq!(here.apart(&there), Some((7 * MS, SKETCHED as u64)));
        // One of them began later, and kept other packets.
        let (_, later) = sketches(25_000..75_000, 7 * MS);
        let (ahead, packets) = here.apart(&later).unwrap();
        assert!(ahead == 7 * MS && packets > 1000, "{packets}");
    }
}
