//! The clock of the capture, and the whole seconds at which it cuts batches.
//!
//! Whatever expires does so when the clock passes a whole second, so where that happens must follow from the packets
//! alone: not from the size of batches, nor from threads. The clock is the latest second seen so far; it never goes
//! back, since the clocks of capturing machines do and nothing may expire twice.
//!
//! One packet with a wild time stamp must not push the clock ahead of all others for good. So a step of more than
//! [`Clock::STEP`] is believed only when the packet after it, in order of arrival, confirms it: when its time is
//! within the same distance of the first. Until then the clock stands still. The first packet of all needs the same
//! confirmation, in both directions.

use crate::CaptureTime;

/// Turns the times of packets, in order of arrival, into ticks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock {
    /// The latest second that is believed.
    second: Option<i64>,
    /// The packet before, when it stood too far from the clock.
    doubted: Option<i64>,
}

impl Clock {
    /// The largest step forward believed at once, in seconds: a day, longer than any silence of a network in use.
    pub(crate) const STEP: i64 = 86_400;

    /// Notes the time of the next packet. Answers the tick to be given before it, if it is the first of its second.
    #[inline]
    pub(crate) fn observe(&mut self, at: CaptureTime) -> Option<CaptureTime> {
        let second = at.seconds();
        match self.second {
            Some(now) if second <= now => {
                self.doubted = None;
                None
            }
            Some(now) => self.forward(now, second),
            None => self.begin(second),
        }
    }

    #[cold]
    fn forward(&mut self, now: i64, second: i64) -> Option<CaptureTime> {
        let doubted = self.doubted.take();
        let to = match doubted {
            _ if second.saturating_sub(now) <= Self::STEP => second,
            Some(doubted) if is_near(doubted, second) => doubted.max(second),
            _ => {
                self.doubted = Some(second);
                return None;
            }
        };
        self.second = Some(to);
        Some(CaptureTime(0).plus_seconds(to))
    }

    /// Before any time is believed.
    #[cold]
    fn begin(&mut self, second: i64) -> Option<CaptureTime> {
        match self.doubted.replace(second) {
            Some(first) if is_near(first, second) => {
                self.doubted = None;
                self.second = Some(first.max(second));
                (second > first).then_some(CaptureTime(0).plus_seconds(second))
            }
            _ => None,
        }
    }
}

fn is_near(one: i64, other: i64) -> bool {
    one.saturating_sub(other).abs() <= Clock::STEP
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ticks that come of packets at these seconds, each with the index of the packet after it.
    fn ticks(seconds: &[i64]) -> Vec<(usize, i64)> {
        let mut clock = Clock::default();
        let observe = |(index, second): (usize, &i64)| {
            let tick = clock.observe(CaptureTime(second * CaptureTime::SECOND + 999_999_999));
            tick.map(|tick| (index, tick.seconds()))
        };
        seconds.iter().enumerate().filter_map(observe).collect()
    }

    const YEAR: i64 = 365 * 86_400;

    #[test]
    fn each_new_second_is_a_tick() {
        assert_eq!(ticks(&[5, 5, 6, 6, 9]), [(2, 6), (4, 9)]);
        assert_eq!(ticks(&[]), []);
        assert_eq!(ticks(&[-3, -2]), [(1, -2)]);
    }

    #[test]
    fn clock_never_goes_back() {
        assert_eq!(ticks(&[5, 7, 6, 7, 8]), [(1, 7), (4, 8)]);
        assert_eq!(ticks(&[9 * YEAR, 9 * YEAR, 8 * YEAR, 8 * YEAR + 1]), []);
    }

    #[test]
    fn one_wild_time_moves_nothing() {
        assert_eq!(ticks(&[5, 5, 80 * YEAR, 6, 7]), [(3, 6), (4, 7)]);
        assert_eq!(ticks(&[5, 5, 80 * YEAR, 6, 80 * YEAR, 7]), [(3, 6), (5, 7)]);
        assert_eq!(ticks(&[80 * YEAR, 5, 5, 6]), [(3, 6)]);
        assert_eq!(ticks(&[0, 50 * YEAR, 50 * YEAR, 50 * YEAR + 1]), [(3, 50 * YEAR + 1)]);
    }

    #[test]
    fn a_confirmed_step_is_believed() {
        assert_eq!(ticks(&[5, 5, YEAR, YEAR + 1, YEAR + 2]), [(3, YEAR + 1), (4, YEAR + 2)]);
        assert_eq!(ticks(&[5, 5, YEAR + 1, YEAR]), [(3, YEAR + 1)]);
    }
}
