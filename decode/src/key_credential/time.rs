//! Times of a key credential, in the two forms that are found there.
//!
//! MS-ADTS 2.2.20.6 has FILETIME: 100 ns since 1601. Entra ID writes what .NET's `DateTime.ToBinary` gives: 100 ns
//! since the year 1 in the lower 62 bits, the kind of time zone in the upper two. The number tells which: as a
//! FILETIME, a DateTime of our days would be in the year 3600 or later.

use std::fmt;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// A time of a key credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyTime {
    /// The zero of its form, or the first day of the year 1.
    Never,
    /// This time, UTC.
    At(Timestamp),
}

impl KeyTime {
    /// Reads the number; `None` where it is beyond the years that can be written. Second: whether it is a DateTime.
    pub(super) fn read(value: u64) -> (Option<Self>, bool) {
        let ticks = value & TICKS;
        if value == ticks && ticks < YEAR_1601 {
            let time = if ticks == 0 { Some(Self::Never) } else { ticks.checked_add(YEAR_1601).and_then(Self::at) };
            return (time, false);
        }
        // Entra ID writes the first moment of the year 1 for "never", moved by its time zone.
        let time = if ticks <= DAY { Some(Self::Never) } else { Self::at(ticks) };
        (time, true)
    }

    /// The time of ticks since the year 1.
    fn at(ticks: u64) -> Option<Self> {
        let since_1970 = i128::from(ticks) - i128::from(YEAR_1970);
        Timestamp::from_nanosecond(since_1970 * 100).ok().map(Self::At)
    }
}

/// `never`, or RFC 3339 with as many digits as needed.
impl fmt::Display for KeyTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::At(time) => time.fmt(f),
        }
    }
}

impl Serialize for KeyTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Never => serializer.serialize_str("never"),
            Self::At(time) => crate::x509::time(time, serializer),
        }
    }
}

/// What of a DateTime is not its kind.
const TICKS: u64 = (1 << 62) - 1;
/// Ticks of a day.
const DAY: u64 = 864_000_000_000;
/// Ticks from the year 1 to 1601.
const YEAR_1601: u64 = 584_388 * DAY;
/// Ticks from the year 1 to 1970.
const YEAR_1970: u64 = 719_162 * DAY;

#[cfg(test)]
mod tests {
    use super::KeyTime;

    #[test]
    fn both_forms_are_told_apart_by_the_number() {
        for (bytes, expected, date_time) in [
            // FILETIME.
            ([0x41, 0x7b, 0xd6, 0x6e, 0x66, 0x03, 0xd4, 0x01], "2018-06-13T22:32:38.1684545Z", false),
            ([0; 8], "never", false),
            // DateTime in UTC, without a kind, and "never" as Entra ID writes it.
            ([0x7a, 0x9d, 0xba, 0xb3, 0xb3, 0x2a, 0xd5, 0x48], "2017-11-13T16:29:24.5657466Z", true),
            ([0x80, 0xb1, 0x40, 0xe1, 0xca, 0x50, 0xdd, 0x08], "2025-02-19T09:50:44.920768Z", true),
            ([0, 0x40, 0x23, 0x0e, 0x43, 0, 0, 0x40], "never", true),
            ([0, 0, 0, 0, 0, 0, 0, 0x40], "never", true),
        ] {
            let (time, form) = KeyTime::read(u64::from_le_bytes(bytes));
            assert_eq!((time.expect("a time").to_string().as_str(), form), (expected, date_time), "{bytes:?}");
        }
        assert_eq!(KeyTime::read(u64::MAX >> 2), (None, true));
    }
}
