//! Bounds what signatures cost that take long to check, however many messages have one.
//!
//! A check on P-384 takes some 0.75 ms, six times as long as the next, for a message of half a kilobyte: without a
//! bound a megabyte a second would keep a processor busy. So checks are granted by the bytes of Kerberos around them.
//! What is granted must not depend on the number of shards, and a shard knows its own flows only: flows are in
//! [`GROUPS`] groups, each with an account of its own, and all of a group is in one shard whatever their number.
//!
//! Outside of shards, where somebody looks at single messages, nothing is bounded.

use std::cell::Cell;

/// Groups of flows. As many shards can have work.
pub(crate) const GROUPS: usize = 256;

/// Checks that a group starts with, and can save up: of all groups together 4,096, or 3 seconds. A request and its
/// reply take two.
const MAX_SAVED: u32 = 16;

/// Bytes of Kerberos for which a group is granted one check more: at most 12 ms a megabyte.
const BYTES_A_CHECK: usize = 64 << 10;

/// Why a signature is not checked.
pub(super) const REFUSED: &str = "signatures on this curve take long, and no more of them are checked here";

/// The accounts of all groups.
#[derive(Debug)]
pub(crate) struct Accounts(Vec<Account>);

#[derive(Clone, Copy, Debug)]
struct Account {
    /// Checks left.
    left: u32,
    /// Bytes towards the next.
    bytes: usize,
}

impl Default for Accounts {
    fn default() -> Self {
        Self(vec![Account { left: MAX_SAVED, bytes: 0 }; GROUPS])
    }
}

impl Accounts {
    /// Decodes a Kerberos message of so many bytes, in a flow of this group.
    pub(crate) fn within<R>(&mut self, group: usize, bytes: usize, decode: impl FnOnce() -> R) -> R {
        let Some(account) = self.0.get_mut(group) else { return without(decode) };
        account.bytes = account.bytes.saturating_add(bytes);
        let granted = u32::try_from(account.bytes / BYTES_A_CHECK).unwrap_or(u32::MAX);
        account.bytes %= BYTES_A_CHECK;
        account.left = account.left.saturating_add(granted).min(MAX_SAVED);
        let (left, decoded) = granting(account.left, decode);
        account.left = left;
        decoded
    }
}

/// Decodes what hardly ever has such a signature, granting none.
pub(crate) fn without<R>(decode: impl FnOnce() -> R) -> R {
    granting(0, decode).1
}

thread_local! {
    /// Checks that the message being decoded may cause.
    static LEFT: Cell<u32> = const { Cell::new(u32::MAX) };
}

/// Whether one may be made now; it counts as made.
pub(super) fn take() -> bool {
    let left = LEFT.get();
    if left != u32::MAX {
        LEFT.set(left.saturating_sub(1));
    }
    left > 0
}

/// Decodes with so many granted; answers with what is left of them.
fn granting<R>(checks: u32, decode: impl FnOnce() -> R) -> (u32, R) {
    /// Puts back what held before, even if decoding should panic.
    struct Before(u32);
    impl Drop for Before {
        fn drop(&mut self) {
            LEFT.set(self.0);
        }
    }
    let _before = Before(LEFT.replace(checks));
    let decoded = decode();
    (LEFT.get(), decoded)
}

#[cfg(test)]
mod tests {
    use super::{Accounts, BYTES_A_CHECK, GROUPS, MAX_SAVED, take, without};

    #[test]
    fn checks_are_granted_by_bytes_and_group_by_group() {
        let mut accounts = Accounts::default();
        let taken = |accounts: &mut Accounts, group: usize, bytes: usize| {
            accounts.within(group, bytes, || std::iter::repeat_with(take).take_while(|&granted| granted).count())
        };
        let all = usize::try_from(MAX_SAVED).unwrap();
        assert_eq!(taken(&mut accounts, 3, 500), all);
        assert_eq!(taken(&mut accounts, 3, BYTES_A_CHECK - 501), 0);
        assert_eq!(taken(&mut accounts, 3, 1), 1);
        assert_eq!(taken(&mut accounts, 3, 0), 0);
        assert_eq!(taken(&mut accounts, 4, 0), all);
        // No more are saved up than there were at first.
        assert_eq!(taken(&mut accounts, 3, 100 * BYTES_A_CHECK), all);
        assert_eq!(taken(&mut accounts, GROUPS, BYTES_A_CHECK), 0);
    }

    #[test]
    fn outside_nothing_is_bounded_and_that_holds_again_afterwards() {
        assert!((0..1000).all(|_| take()));
        assert!(!without(take));
        assert!(take());
        assert!(std::panic::catch_unwind(|| without(|| panic!("as a decoder might"))).is_err());
        assert!(take());
    }
}
