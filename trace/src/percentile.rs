//! The value in the middle of many, or at another place in their order.

use std::cmp::Ordering;

/// The value below which so many percent of these are, by this order; `None` where there are none. They change places.
pub fn percentile<T: Copy>(values: &mut [T], percent: usize, order: impl FnMut(&T, &T) -> Ordering) -> Option<T> {
    let last = values.len().checked_sub(1)?;
    let place = (values.len().saturating_mul(percent) / 100).min(last);
    Some(*values.select_nth_unstable_by(place, order).1)
}

/// The value in the middle; of two there, the larger one.
pub fn median<T: Copy>(values: &mut [T], order: impl FnMut(&T, &T) -> Ordering) -> Option<T> {
    percentile(values, 50, order)
}

#[cfg(test)]
mod tests {
    use super::{median, percentile};

    #[test]
    fn values_are_taken_by_their_order() {
        assert_eq!(median(&mut [9, 1, 5], i32::cmp), Some(5));
        assert_eq!(median(&mut [4, 1, 3, 2], i32::cmp), Some(3));
        assert_eq!(median(&mut [2.5, -1.0, 7.0], f64::total_cmp), Some(2.5));
        assert_eq!(median(&mut [], i32::cmp), None);
        let mut values: Vec<i32> = (0..100).rev().collect();
        assert_eq!(percentile(&mut values, 95, i32::cmp), Some(95));
        assert_eq!(percentile(&mut values, 100, i32::cmp), Some(99));
        assert_eq!(percentile(&mut [7], 95, i32::cmp), Some(7));
    }
}
