//! Maps and sets of what joins messages.
//!
//! Their hashes are those of the table of connections (`decode`): half as dear as the standard library's, under a key that
//! is drawn at each start, so that whoever sends packets cannot choose what meets in one place.

use foldhash::fast::RandomState;

/// As the standard library's.
pub(crate) type HashMap<K, V> = std::collections::HashMap<K, V, RandomState>;
/// As the standard library's.
pub(crate) type HashSet<K> = std::collections::HashSet<K, RandomState>;
