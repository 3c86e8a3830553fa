//! Settings of the rules: windows and thresholds, which come with the catalogue's defaults and may be set in one TOML
//! file.
//!
//! [`windows`](crate::windows) is the table. A rule asks for a number with what it knows, so that it stays a pure
//! function: the facts carry what the user set. [`Thresholds::markdown`] is the page `docs/settings.md`.

use std::{collections::BTreeMap, fmt::Write as _, marker::PhantomData, ops::RangeInclusive};

use serde::Serialize;
use toml::de::{DeTable, DeValue};
use trace::Facts;

use crate::windows::{TABLE, UP_TO};

/// Bytes of a file of thresholds that is read: many times what all of them need.
pub const MAX_THRESHOLDS: u64 = 1 << 20;

/// Thresholds that a user set. All others are the catalogue's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thresholds(BTreeMap<&'static str, i64>);

impl Thresholds {
    /// Reads thresholds from TOML: names as in `docs/settings.md`, each with a whole number. Any may be left out.
    ///
    /// # Errors
    /// In one sentence with the line: no TOML, an unknown name, a number out of range, or two that contradict each
    /// other.
    pub fn read(text: &str) -> Result<Self, String> {
        let table = DeTable::parse(text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            format!("line {line}: {}", error.message().replace('\n', ", "))
        })?;
        let mut set = BTreeMap::new();
        for (name, value) in table.get_ref() {
            let line = line_of(text, name.span().start);
            let name = name.get_ref();
            let row = TABLE
                .iter()
                .find(|row| row.name() == *name)
                .ok_or_else(|| format!("line {line}: there is no threshold {name:?}; docs/settings.md lists them"))?;
            let number = match value.get_ref() {
                DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok(),
                _ => None,
            };
            let number = number.filter(|number| row.range.contains(number)).ok_or_else(|| {
                let (least, most) = (row.range.start(), row.range.end());
                format!("line {line}: {name} must be a whole number from {least} to {most}")
            })?;
            if number != row.default {
                set.insert(row.symbol, number);
            }
        }
        let set = Self(set);
        for (less, more) in UP_TO {
            let (Some(less), Some(more)) = (set.value_of(less), set.value_of(more)) else { continue };
            if less.1 > more.1 {
                return Err(format!("{} = {} must not be more than {} = {}", less.0, less.1, more.0, more.1));
            }
        }
        Ok(set)
    }

    /// The numbers that differ from the catalogue's, as the facts carry them.
    pub(crate) fn into_facts(self) -> BTreeMap<&'static str, i64> {
        self.0
    }

    /// Name and number of a threshold, set or not.
    fn value_of(&self, symbol: &str) -> Option<(String, i64)> {
        let row = TABLE.iter().find(|row| row.symbol == symbol)?;
        Some((row.name(), self.0.get(symbol).copied().unwrap_or(row.default)))
    }

    /// The page that lists them all. Ends with a newline.
    pub fn markdown() -> String {
        let mut page = String::from(
            "# Settings of the rules\n\nGenerated from `diagnose/src/windows.rs`; edit that, not this page.\n\n\
             `--thresholds FILE` takes windows and thresholds of the rules, and of the report's comparisons, from a TOML file, by\n\
             the names below, each with a whole number:\n\n```toml\nsync-seconds = 3600     # Entra Connect runs once an hour here\nexpires-days = 60\n```\n\n\
             What the file leaves out keeps its default. An unknown name and a number out of range are refused. The report says\n\
             which thresholds differ from the defaults, and so do `dcs` and `checklist`. The pages of the rules name the defaults.\n\n\
             Numbers that protocols fix, and limits of memory, are no settings. Where more sign-ins are recorded than are kept\n\
             (`--max-logons`), only the hour before the oldest that is kept is looked back on, whatever a window says.\n\n\
             | name | rules | unit | default | from | to | meaning |\n| --- | --- | --- | --- | --- | --- | --- |\n",
        );
        for row in TABLE {
            let rules: Vec<String> = row.rules.iter().map(|code| format!("[{code}](findings/{code}.md)")).collect();
            let (least, most) = (row.range.start(), row.range.end());
            let _ = writeln!(
                page,
                "| `{}` | {} | {} | {} | {least} | {most} | {} |",
                row.name(),
                if rules.is_empty() { "comparisons".to_owned() } else { rules.join(", ") },
                row.unit(),
                row.default,
                row.meaning.split_whitespace().collect::<Vec<_>>().join(" ")
            );
        }
        page
    }
}

/// A threshold that differs from the catalogue's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ThresholdReport {
    /// Its name, as in `docs/settings.md`.
    pub name: String,
    /// What it is.
    pub value: i64,
    /// What it would be.
    pub default: i64,
}

/// The thresholds that a user set to something else than the catalogue's, in the catalogue's order.
pub(crate) fn changed(facts: &Facts) -> Vec<ThresholdReport> {
    let changed = |row: &Row| {
        let value = *facts.thresholds.get(row.symbol)?;
        Some(ThresholdReport { name: row.name(), value, default: row.default })
    };
    TABLE.iter().filter_map(changed).collect()
}

/// A number that rules look at.
#[derive(Debug)]
pub(crate) struct Threshold<N> {
    pub(crate) symbol: &'static str,
    pub(crate) default: i64,
    pub(crate) number: PhantomData<fn() -> N>,
}

impl<N: Number> Threshold<N> {
    /// What the user set, or the default.
    pub(crate) fn of(&self, facts: &Facts) -> N {
        #[cfg(test)]
        asked::note(self.symbol);
        N::of(facts.thresholds.get(self.symbol).copied().unwrap_or(self.default))
    }
}

/// A kind of number that a threshold can be. None of them is negative.
pub(crate) trait Number {
    fn of(number: i64) -> Self;
}

macro_rules! number {
    ($($kind:ty),+) => {
        $(impl Number for $kind {
            fn of(number: i64) -> Self {
                Self::try_from(number).unwrap_or(Self::MAX)
            }
        })+
    };
}

number!(i64, u32, u64, usize);

impl Number for f64 {
    fn of(number: i64) -> Self {
        Self::from(i32::try_from(number).unwrap_or(i32::MAX))
    }
}

/// A line of the table.
#[derive(Debug)]
pub(crate) struct Row {
    /// Its name in the code.
    pub(crate) symbol: &'static str,
    pub(crate) default: i64,
    pub(crate) range: RangeInclusive<i64>,
    /// Codes of the rules that look at it, sorted; none where comparisons do.
    pub(crate) rules: &'static [&'static str],
    /// From its doc comment.
    pub(crate) meaning: &'static str,
}

impl Row {
    /// Its name in files and reports: `sync-seconds`.
    fn name(&self) -> String {
        self.symbol.to_lowercase().replace('_', "-")
    }

    fn unit(&self) -> &'static str {
        const UNITS: [(&str, &str); 4] =
            [("_MICROSECONDS", "microseconds"), ("_SECONDS", "seconds"), ("_DAYS", "days"), ("_BITS", "bits")];
        UNITS.iter().find(|(end, _)| self.symbol.ends_with(end)).map_or("number", |(_, unit)| unit)
    }
}

/// Declares thresholds: doc comment, name, kind of number, default, range, codes of the rules that look at it.
macro_rules! thresholds {
    ($($(#[doc = $meaning:expr])+ $name:ident: $kind:ty = $default:literal, $range:expr, $rules:expr;)+) => {
        $($(#[doc = $meaning])+
        pub(crate) static $name: $crate::thresholds::Threshold<$kind> = $crate::thresholds::Threshold {
            symbol: stringify!($name),
            default: $default,
            number: std::marker::PhantomData,
        };)+

        /// All of them, in this order.
        pub(crate) static TABLE: &[$crate::thresholds::Row] = &[$($crate::thresholds::Row {
            symbol: stringify!($name),
            default: $default,
            range: $range,
            rules: &$rules,
            meaning: concat!($($meaning),+),
        }),+];
    };
}

pub(crate) use thresholds;

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// Which thresholds a rule asked for, so that tests hold the table against it.
#[cfg(test)]
pub(crate) mod asked {
    use std::{cell::RefCell, collections::BTreeSet};

    thread_local! {
        static ASKED: RefCell<BTreeSet<&'static str>> = const { RefCell::new(BTreeSet::new()) };
    }

    pub(super) fn note(symbol: &'static str) {
        ASKED.with_borrow_mut(|asked| asked.insert(symbol));
    }

    /// Those asked for on this thread since the last time.
    pub(crate) fn take() -> BTreeSet<&'static str> {
        ASKED.take()
    }
}

#[cfg(test)]
mod tests {
    use super::Thresholds;
    use crate::{by_code, windows::TABLE};

    #[test]
    fn what_is_wrong_is_one_sentence_with_its_line() {
        for (text, why) in [
            ("sync-seconds = 60\nsynch = 1", "line 2: there is no threshold \"synch\""),
            ("\n\nsync-seconds = 0", "line 3: sync-seconds must be a whole number from 1 to 2592000"),
            ("sync-seconds = 2592001", "from 1 to 2592000"),
            ("sync-seconds = 1.5", "line 1: sync-seconds must be a whole number"),
            ("sync-seconds = \"60\"", "must be a whole number"),
            ("sync-seconds = 99999999999999999999", "must be a whole number"),
            ("sync-seconds = -60", "must be a whole number"),
            ("sync-seconds = 60\nsync-seconds = 61", "line 2: duplicate key"),
            ("sync-seconds = 60\nsync-seconds", "line 2: "),
            ("[sync-seconds]\na = 1", "must be a whole number"),
            ("expires-days = 5", "expires-soon-days = 7 must not be more than expires-days = 5"),
        ] {
            let error = Thresholds::read(text).expect_err(text);
            assert!(error.contains(why) && !error.contains('\n'), "{text}: {error}");
        }
    }

    #[test]
    fn a_part_changes_only_that_part() {
        let read =
            Thresholds::read("# hourly here\nsync-seconds = 3_600\nrepeated = 0x4\nlast-pings = 4\n").expect("valid");
        let set: Vec<_> = read.0.into_iter().collect();
        assert_eq!(set, [("REPEATED", 4), ("SYNC_SECONDS", 3600)]);
        assert_eq!(Thresholds::read("").expect("valid"), Thresholds::default());
    }

    #[test]
    fn the_table_holds_together() {
        for row in TABLE {
            assert!(row.range.contains(&row.default), "{}: its default is out of range", row.symbol);
            assert!(*row.range.start() >= 0, "{}: may be negative", row.symbol);
            assert!(row.rules.is_sorted(), "{}: {:?}", row.symbol, row.rules);
            assert_eq!(row.rules.is_empty(), row.meaning.trim_start().starts_with("In a comparison"), "{}", row.symbol);
            for code in row.rules {
                assert!(by_code(code).is_some(), "{}: no rule {code}", row.symbol);
            }
            assert_eq!(TABLE.iter().filter(|other| other.symbol == row.symbol).count(), 1, "{}", row.symbol);
        }
        let all: Vec<String> = TABLE.iter().map(|row| format!("{} = {}", row.name(), row.default)).collect();
        assert_eq!(Thresholds::read(&all.join("\n")).expect("the defaults are valid"), Thresholds::default());
    }
}
