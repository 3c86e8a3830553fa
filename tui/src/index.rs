//! The sign-ins of a report by what stands in their columns: each different value once, in lower case, and with each
//! sign-in the number of its own.
//!
//! A filter is tried on the different values and not on every sign-in, and rows are put in order by the numbers. A key
//! is then answered at once however many sign-ins there are, for 32 bytes a sign-in besides the texts.

use std::{borrow::Cow, cmp::Reverse};

use diagnose::{LogonReport, Report, Severity};

use crate::{
    columns::Column,
    filter::{Field, Filter, Pattern, Term, Test},
    marks::{MARK, Mark, Marks, of_logon},
    model::{Group, Limits},
    snapshot::{Snapshot, place_of},
};

/// The columns of a report's sign-ins. Places are those in the report; no report has 2^32 sign-ins.
#[derive(Debug)]
pub(crate) struct Index {
    users: Values,
    /// Name and address.
    clients: Values,
    /// Name and address.
    domain_controllers: Values,
    keys: Values,
    /// Outcome, method, how far it came.
    ways: Values,
    /// Codes of findings.
    findings: Values,
    /// Places by when sign-ins began; of those at the same time the worst first.
    by_time: Vec<u32>,
    /// The longest first.
    by_duration: Vec<u32>,
}

/// What a column holds.
#[derive(Debug)]
struct Values {
    /// The number of each sign-in's value.
    of: Vec<u32>,
    /// A sign-in that has the value, by the value's number. The numbers have the order of the values.
    having: Vec<u32>,
    /// The values in lower case one after the other. Each part of one ends with [`END`].
    text: String,
    /// Where in `text` each ends.
    ends: Vec<usize>,
}

/// What ends a part of a value. Text of a report holds no line breaks: they are escaped in it.
const END: char = '\n';

impl Index {
    /// `places` are the sign-ins with the worst first.
    pub(crate) fn new(logons: &[LogonReport], places: impl Iterator<Item = usize>) -> Self {
        let mut by_time: Vec<u32> = places.map(small).collect();
        by_time.sort_by_key(|place| logons.get(large(*place)).map(|logon| logon.began.0));
        let mut by_duration = by_time.clone();
        by_duration.sort_by_key(|place| Reverse(logons.get(large(*place)).map(|logon| logon.lasted)));
        Self {
            users: Values::new(logons, user, |logon| vec![user(logon)]),
            clients: Values::new(logons, client, |logon| client(logon).to_vec()),
            domain_controllers: Values::new(logons, domain_controller, |logon| domain_controller(logon).to_vec()),
            keys: Values::new(logons, |logon| logon.key_id.as_str(), |logon| vec![&logon.key_id]),
            ways: Values::new(logons, way, |logon| way(logon).to_vec()),
            findings: Values::new(logons, |logon| logon.findings.as_slice(), |logon| logon.findings.clone()),
            by_time,
            by_duration,
        }
    }

    /// Whether each sign-in is left by the limits of a list and by its filter, in the order of the report.
    pub(crate) fn kept(&self, snapshot: &Snapshot, marks: &Marks, limits: &Limits, filter: &Filter) -> Vec<bool> {
        let logons = &snapshot.report.logons;
        let mut kept = vec![true; logons.len()];
        if limits.failures_only {
            let failed = self.ways.those(|place| logons.get(place).is_some_and(|logon| logon.outcome == "failed"));
            let grave: Vec<bool> =
                snapshot.report.findings.iter().map(|finding| finding.severity >= Severity::High).collect();
            for (place, kept) in kept.iter_mut().enumerate() {
                let worst = snapshot.worst_index(place).and_then(|worst| grave.get(worst));
                *kept = self.ways.has(place, &failed) || worst.copied().unwrap_or(false);
            }
        }
        if let Some((from, to)) = limits.window {
            for (kept, logon) in kept.iter_mut().zip(logons) {
                *kept = *kept && (from..to).contains(&logon.began.0);
            }
        }
        for term in filter.terms() {
            self.hold_to(term, &mut kept, &snapshot.report, snapshot, marks);
        }
        kept
    }

    /// Takes those out of `kept` that do not fit a term.
    fn hold_to(&self, term: &Term, kept: &mut [bool], report: &Report, snapshot: &Snapshot, marks: &Marks) {
        let wanted = !term.unwanted;
        // Of each column which values fit, and whether what is in no column does.
        let mut columns: Vec<(&Values, Vec<bool>)> = Vec::new();
        let mut others = Vec::new();
        match &term.test {
            Test::Anywhere(pattern, codes) => {
                for values in [&self.users, &self.clients, &self.domain_controllers, &self.keys, &self.ways] {
                    columns.push((values, values.fitting(pattern)));
                }
                let has = |place: usize| {
                    let logon = report.logons.get(place);
                    logon.is_some_and(|logon| logon.findings.iter().any(|code| codes.contains(code)))
                };
                columns.push((&self.findings, self.findings.those(has)));
                others = self.marked(report, marks, |mark| mark.is_some_and(|mark| pattern.fits(&mark.note)));
            }
            Test::In(field, pattern) => match field {
                Field::User => columns.push((&self.users, self.users.fitting(pattern))),
                Field::Client => columns.push((&self.clients, self.clients.fitting(pattern))),
                Field::Dc => columns.push((&self.domain_controllers, self.domain_controllers.fitting(pattern))),
                Field::Key => columns.push((&self.keys, self.keys.fitting(pattern))),
                Field::Code => columns.push((&self.findings, self.findings.fitting(pattern))),
                Field::Outcome | Field::Method => {
                    let fits = |place: usize| {
                        let value = |logon: &LogonReport| {
                            if *field == Field::Outcome { logon.outcome } else { logon.method }
                        };
                        report.logons.get(place).is_some_and(|logon| pattern.fits(value(logon)))
                    };
                    columns.push((&self.ways, self.ways.those(fits)));
                }
                Field::Note => {
                    others = self.marked(report, marks, |mark| mark.is_some_and(|mark| pattern.fits(&mark.note)));
                }
                Field::Marked => {
                    let yes = |mark: Option<&Mark>| {
                        pattern.fits(if mark.is_some_and(|mark| mark.marked) { "yes" } else { "no" })
                    };
                    others = self.marked(report, marks, yes);
                }
                Field::Severity => {
                    let fits: Vec<bool> =
                        report.findings.iter().map(|finding| pattern.fits(finding.severity.name())).collect();
                    let none = pattern.fits("");
                    let of = |place| snapshot.worst_index(place).map_or(none, |worst| fits.get(worst) == Some(&true));
                    others = (0..report.logons.len()).map(of).collect();
                }
                Field::Site | Field::Host => {}
            },
            Test::Since(time) => others = self.since(report, time, true),
            Test::Until(time) => others = self.since(report, time, false),
            Test::Longer(nanoseconds) => {
                others = report.logons.iter().map(|logon| logon.lasted > *nanoseconds).collect();
            }
        }
        // What holds no value that fits need not be looked at.
        columns.retain(|(_, fitting)| fitting.contains(&true));
        for (place, kept) in kept.iter_mut().enumerate() {
            if *kept {
                let fits = columns.iter().any(|(values, fitting)| values.has(place, fitting))
                    || others.get(place).copied().unwrap_or(false);
                *kept = fits == wanted;
            }
        }
    }

    /// Of each sign-in whether it began at a time or later, or whether it did not.
    fn since(&self, report: &Report, time: &str, wanted: bool) -> Vec<bool> {
        // Times of a report are written in one length, so that their text has their order.
        let began = |place: &u32| report.logons.get(large(*place)).map(|logon| logon.started.as_str());
        let before = self.by_time.partition_point(|place| began(place).is_some_and(|began| began < time));
        let mut flags = vec![!wanted; report.logons.len()];
        for place in self.by_time.iter().skip(before) {
            if let Some(flag) = flags.get_mut(large(*place)) {
                *flag = wanted;
            }
        }
        flags
    }

    /// Of each sign-in whether its mark fits.
    fn marked(&self, report: &Report, marks: &Marks, fits: impl Fn(Option<&Mark>) -> bool) -> Vec<bool> {
        let mut flags = vec![fits(None); report.logons.len()];
        for (of, mark) in marks.of_logons() {
            // Few are marked; they are found by the time that their mark begins with.
            let Some(started) = of.split(' ').next() else { continue };
            let began = |place: &u32| report.logons.get(large(*place)).map_or("", |logon| logon.started.as_str());
            let first = self.by_time.partition_point(|place| began(place) < started);
            for place in self.by_time.iter().skip(first).take_while(|place| began(place) == started) {
                let Some(logon) = report.logons.get(large(*place)) else { continue };
                if let Some(flag) =
                    flags.get_mut(large(*place)).filter(|_| of_logon(logon).strip_prefix(MARK) == Some(of))
                {
                    *flag = fits(Some(mark));
                }
            }
        }
        flags
    }

    /// The places that are kept, by a column; equal ones by time. The worst finding is no column here.
    pub(crate) fn in_order(&self, column: Column, kept: &[bool], logons: &[LogonReport]) -> Vec<u32> {
        let is_kept = |place: &&u32| kept.get(large(**place)).copied().unwrap_or(false);
        match column {
            Column::Took => self.by_duration.iter().filter(is_kept).copied().collect(),
            Column::Time | Column::Finding => self.by_time.iter().filter(is_kept).copied().collect(),
            Column::User => self.users.in_order(self.by_time.iter().filter(is_kept), None),
            Column::Client => self.clients.in_order(self.by_time.iter().filter(is_kept), None),
            Column::Dc => self.domain_controllers.in_order(self.by_time.iter().filter(is_kept), None),
            Column::Outcome | Column::Method => {
                // There are few ways: their own order is not that of one of their parts.
                let part = |place: &u32| {
                    logons.get(large(*place)).map(|logon| {
                        if column == Column::Outcome { (place_of(logon.outcome), "") } else { (0, logon.method) }
                    })
                };
                let mut parts: Vec<_> = self.ways.having.iter().map(part).collect();
                parts.sort_unstable();
                parts.dedup();
                let ranks: Vec<u32> = self
                    .ways
                    .having
                    .iter()
                    .map(|place| small(parts.binary_search(&part(place)).unwrap_or_default()))
                    .collect();
                self.ways.in_order(self.by_time.iter().filter(is_kept), Some(&ranks))
            }
        }
    }

    /// The sign-ins that are kept by the values in a column, in the order of these.
    pub(crate) fn groups(&self, snapshot: &Snapshot, kept: &[bool], column: Column) -> Vec<Group> {
        let logons = &snapshot.report.logons;
        // By number first: texts are compared once for each value, and not for each sign-in.
        let number = |place: usize| -> Option<i64> {
            let of = |values: &Values| values.of.get(place).map(|number| i64::from(*number));
            match column {
                Column::User => of(&self.users),
                Column::Client => of(&self.clients),
                Column::Dc => of(&self.domain_controllers),
                Column::Outcome | Column::Method => of(&self.ways),
                Column::Finding => of(&self.findings),
                Column::Time => logons.get(place).map(|logon| logon.began.0.div_euclid(MINUTE)),
                Column::Took => logons.get(place).map(|logon| column.groups(logon).first().map_or(0, |it| size(it))),
            }
        };
        let mut numbered: Vec<(i64, u32)> = (0..logons.len())
            .filter(|place| kept.get(*place).copied().unwrap_or(false))
            .filter_map(|place| Some((number(place)?, small(place))))
            .collect();
        numbered.sort_unstable();
        let mut groups: Vec<(Cow<'_, str>, [usize; 3], Option<usize>)> = Vec::new();
        for same in numbered.chunk_by(|one, other| one.0 == other.0) {
            let mut outcomes = [0; 3];
            let mut worst: Option<usize> = None;
            for (_, place) in same {
                let place = large(*place);
                let outcome = logons.get(place).map_or(0, |logon| place_of(logon.outcome));
                if let Some(count) = outcomes.get_mut(outcome) {
                    *count += 1;
                }
                worst = match (worst, snapshot.worst_index(place)) {
                    (Some(one), Some(other)) => Some(one.min(other)),
                    (one, other) => one.or(other),
                };
            }
            let values =
                same.first().and_then(|(_, place)| logons.get(large(*place))).map(|logon| column.groups(logon));
            groups.extend(values.unwrap_or_default().into_iter().map(|value| (value, outcomes, worst)));
        }
        groups.sort_by(|one, other| one.0.cmp(&other.0));
        let mut merged: Vec<Group> = Vec::with_capacity(groups.len());
        for (value, outcomes, worst) in groups {
            match merged.last_mut().filter(|last| last.value == value) {
                Some(last) => {
                    for (sum, count) in last.outcomes.iter_mut().zip(outcomes) {
                        *sum += count;
                    }
                    last.worst = match (last.worst, worst) {
                        (Some(one), Some(other)) => Some(one.min(other)),
                        (one, other) => one.or(other),
                    };
                }
                None => merged.push(Group { value: value.into_owned(), outcomes, worst }),
            }
        }
        merged
    }
}

/// Nanoseconds of the time that sign-ins are grouped by.
const MINUTE: i64 = 60_000_000_000;

/// A number for a name of a duration: there are few, and none has more than eight letters.
fn size(name: &str) -> i64 {
    name.bytes().take(8).fold(0, |number, byte| (number << 8) | i64::from(byte & 0x7f))
}

impl Values {
    /// The different values of `key`, in their order, with the parts that are searched.
    fn new<'r, K: Ord>(
        logons: &'r [LogonReport],
        key: impl Fn(&'r LogonReport) -> K,
        parts: impl Fn(&'r LogonReport) -> Vec<&'r str>,
    ) -> Self {
        let mut sorted: Vec<(K, u32)> = logons.iter().map(key).zip(0..).collect();
        sorted.sort_unstable();
        let mut values = Self { of: vec![0; logons.len()], having: Vec::new(), text: String::new(), ends: Vec::new() };
        for same in sorted.chunk_by(|one, other| one.0 == other.0) {
            let number = small(values.having.len());
            for (_, place) in same {
                if let Some(of) = values.of.get_mut(large(*place)) {
                    *of = number;
                }
            }
            let Some((_, place)) = same.first() else { continue };
            values.having.push(*place);
            for part in logons.get(large(*place)).map(&parts).unwrap_or_default() {
                values.text.push_str(&part.to_lowercase());
                values.text.push(END);
            }
            values.ends.push(values.text.len());
        }
        values.having.shrink_to_fit();
        values.text.shrink_to_fit();
        values.ends.shrink_to_fit();
        values
    }

    /// Whether the value of the sign-in in this place is among `numbers`.
    fn has(&self, place: usize, numbers: &[bool]) -> bool {
        self.of.get(place).and_then(|number| numbers.get(large(*number))).copied().unwrap_or(false)
    }

    /// Of each value whether a sign-in that has it fits.
    fn those(&self, fits: impl Fn(usize) -> bool) -> Vec<bool> {
        self.having.iter().map(|place| fits(large(*place))).collect()
    }

    /// Of each value whether a part of it fits.
    fn fitting(&self, pattern: &Pattern) -> Vec<bool> {
        let mut start = 0;
        self.ends
            .iter()
            .map(|end| {
                let value = self.text.get(start..*end).unwrap_or_default();
                start = *end;
                match pattern {
                    // No part goes on in the next: this one is not taken apart first.
                    Pattern::Contains(part) if !part.is_empty() && !part.contains(END) => value.contains(part.as_str()),
                    _ => value.split_terminator(END).any(|part| pattern.fits_lower(part)),
                }
            })
            .collect()
    }

    /// Places by number, else by rank of the number; those with the same stay as they are.
    fn in_order<'p>(&self, places: impl Iterator<Item = &'p u32> + Clone, ranks: Option<&[u32]>) -> Vec<u32> {
        let rank = |place: &u32| {
            let number = self.of.get(large(*place)).copied().unwrap_or(0);
            ranks.map_or(number, |ranks| ranks.get(large(number)).copied().unwrap_or(0))
        };
        // Counted and dealt out: the numbers are dense.
        let mut next = vec![0_u32; self.having.len() + 1];
        for place in places.clone() {
            if let Some(count) = next.get_mut(large(rank(place)) + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for count in &mut next {
            sum += *count;
            *count = sum;
        }
        let mut sorted = vec![0; large(sum)];
        for place in places {
            let Some(next) = next.get_mut(large(rank(place))) else { continue };
            if let Some(slot) = sorted.get_mut(large(*next)) {
                *slot = *place;
            }
            *next += 1;
        }
        sorted
    }
}

fn user(logon: &LogonReport) -> &str {
    logon.principal.as_deref().unwrap_or_default()
}

fn client(logon: &LogonReport) -> [&str; 2] {
    [&logon.client_name, &logon.client]
}

fn domain_controller(logon: &LogonReport) -> [&str; 2] {
    [&logon.kdc_name, logon.kdc.as_deref().unwrap_or_default()]
}

fn way(logon: &LogonReport) -> [&str; 3] {
    [logon.outcome, logon.method, logon.reached]
}

fn small(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

fn large(place: u32) -> usize {
    place as usize
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use diagnose::LogonReport;

    use super::*;
    use crate::{
        Settings, Theme, View,
        filter::{Clock, Filterable},
        model::{Model, Row},
        theme::Palette,
    };

    /// A sign-in as a filter sees it that looks at one after the other.
    struct Alone<'s>(&'s LogonReport, &'s Snapshot, &'s Marks);

    impl Filterable for Alone<'_> {
        fn any(&self, field: Field, is: &mut dyn FnMut(&str) -> bool) -> bool {
            let Self(logon, snapshot, marks) = self;
            let mark = marks.of(&of_logon(logon));
            match field {
                Field::User => is(user(logon)),
                Field::Client => is(&logon.client) || is(&logon.client_name),
                Field::Dc => is(logon.kdc.as_deref().unwrap_or_default()) || is(&logon.kdc_name),
                Field::Method => is(logon.method),
                Field::Outcome => is(logon.outcome),
                Field::Code => logon.findings.iter().any(|code| is(code)),
                Field::Key => is(&logon.key_id),
                Field::Note => mark.is_some_and(|mark| is(&mark.note)),
                Field::Marked => is(if mark.is_some_and(|mark| mark.marked) { "yes" } else { "no" }),
                Field::Severity => {
                    let worst = snapshot.worst(snapshot.place(logon.id).unwrap());
                    is(worst.map_or("", |finding| finding.severity.name()))
                }
                Field::Site | Field::Host => false,
            }
        }

        fn text(&self, is: &mut dyn FnMut(&str) -> bool, codes: &[&'static str]) -> bool {
            let logon = self.0;
            let fields =
                [Field::User, Field::Client, Field::Dc, Field::Outcome, Field::Method, Field::Key, Field::Note];
            fields.into_iter().any(|field| self.any(field, is))
                || is(logon.reached)
                || logon.findings.iter().any(|code| codes.contains(code))
        }

        fn began(&self) -> Option<&str> {
            Some(&self.0.started)
        }

        fn took(&self) -> Option<i64> {
            Some(self.0.lasted)
        }
    }

    fn snapshot() -> Snapshot {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../samples"));
        let samples = ["account-disabled", "clock-skew", "five-workstations", "key-not-in-directory", "dns-no-answer"];
        let paths: Vec<PathBuf> = samples.iter().map(|name| folder.join(name).join("capture.pcap")).collect();
        let mut source = capture::open(&paths).unwrap();
        let mut session = diagnose::Session::new(trace::Settings { shards: 1 });
        session.run_watched(&mut source, 4096, |_| {}, |_| {}).unwrap();
        let mut report = session.report().collected();
        // More of the same, with names that are not ASCII, that nobody has, and at the same time.
        let next = report.logons.iter().map(|logon| logon.id).max().unwrap() + 1;
        let more: Vec<LogonReport> = (next..)
            .zip(report.logons.clone())
            .map(|(id, mut logon)| {
                logon.id = id;
                logon.principal =
                    [None, Some("ÉLODIE@CORP.EXAMPLE".to_owned())][usize::try_from(id % 2).unwrap()].clone();
                logon.lasted += i64::try_from(id).unwrap() * 1_000_000_000;
                logon
            })
            .collect();
        report.logons.extend(more);
        Snapshot::new(report)
    }

    #[test]
    fn a_filter_keeps_the_same_as_when_it_looks_at_each_sign_in() {
        let snapshot = snapshot();
        let logons = &snapshot.report.logons;
        let mut marks = Marks::default();
        marks.change(&of_logon(&logons[1]), |mark| mark.marked = true);
        marks.change(&of_logon(logons.last().unwrap()), |mark| mark.note = "Élodie called".to_owned());
        let latest = snapshot.report.capture.last.clone();
        let clock = Clock { day: latest[..10].to_owned(), latest };
        let (mut some, mut none) = (0, 0);
        for term in [
            "",
            "a",
            "bob",
            "CORP",
            "élodie",
            "É",
            "10.99",
            "10.99.0.2*",
            "*.example",
            "=failed",
            "key",
            "certificate",
            "key-trust",
            "called",
            "user:bob",
            "user:=bob@corp.example",
            "user:*@*",
            "user:=\"\"",
            "client:ws",
            "client:=10",
            "dc:dc1",
            "dc:10.99.0.10",
            "method:key*",
            "outcome:failed",
            "outcome:=succeeded",
            "code:KEY-*",
            "code:key-02",
            "code:*",
            "severity:high",
            "severity:=\"\"",
            "key:a",
            "site:x",
            "host:x",
            "note:élo",
            "note:*",
            "marked:yes",
            "marked:no",
            "longer:5ms",
            "longer:3s",
            "since:1m",
            "until:1m",
            "since:10:20",
            "until:23:59",
            "nothing-at-all",
        ] {
            for text in [term.to_owned(), format!("!{term}"), format!("{term} !user:bob"), format!("{term} o")] {
                let filter = Filter::parse(&text, &clock).unwrap();
                let kept = snapshot.index.kept(&snapshot, &marks, &Limits::default(), &filter);
                for (logon, kept) in logons.iter().zip(kept) {
                    assert_eq!(kept, filter.shows(&Alone(logon, &snapshot, &marks)), "{text}: {}", logon.id);
                    if kept { some += 1 } else { none += 1 }
                }
            }
        }
        assert!(some > 500 && none > 500, "{some} {none}");
    }

    #[test]
    fn failures_and_a_time_are_all_that_is_kept() {
        let snapshot = snapshot();
        let logons = &snapshot.report.logons;
        let began = logons[1].began.0;
        for (failures_only, window) in [(true, None), (false, Some((began, began + 1))), (true, Some((0, i64::MAX)))] {
            let limits = Limits { failures_only, window, ..Limits::default() };
            let kept = snapshot.index.kept(&snapshot, &Marks::default(), &limits, &Filter::default());
            assert!(kept.contains(&true) && kept.contains(&false), "{limits:?}");
            for (place, (logon, kept)) in logons.iter().zip(kept).enumerate() {
                let within = window.is_none_or(|(from, to)| (from..to).contains(&logon.began.0));
                let fails = !failures_only || snapshot.is_failure(Row::Logon(place));
                assert_eq!(kept, within && fails, "{limits:?}: {place}");
            }
        }
    }

    #[test]
    fn rows_have_the_order_of_their_column() {
        let snapshot = snapshot();
        let logons = &snapshot.report.logons;
        let all = vec![true; logons.len()];
        for (name, column) in Column::ALL {
            let places = snapshot.index.in_order(column, &all, logons);
            let rank = |place: &u32| {
                let logon = &logons[large(*place)];
                let value = match column {
                    Column::Outcome => place_of(logon.outcome).to_string(),
                    Column::User => user(logon).to_owned(),
                    Column::Client => client(logon).join(" "),
                    Column::Method => logon.method.to_owned(),
                    Column::Dc => domain_controller(logon).join(" "),
                    Column::Took => format!("{:020}", i64::MAX - logon.lasted),
                    Column::Time | Column::Finding => String::new(),
                };
                (value, logon.began)
            };
            assert!(places.is_sorted_by_key(rank), "{name}");
            let mut each = places.clone();
            each.sort_unstable();
            assert!(each.iter().map(|place| large(*place)).eq(0..logons.len()), "{name}: each once");
            let some: Vec<bool> = (0..logons.len()).map(|place| place % 3 == 0).collect();
            let few: Vec<u32> = places.into_iter().filter(|place| place % 3 == 0).collect();
            assert_eq!(snapshot.index.in_order(column, &some, logons), few, "{name}");
        }
    }

    #[test]
    fn groups_hold_each_sign_in_with_their_value() {
        let snapshot = snapshot();
        let logons = &snapshot.report.logons;
        let kept: Vec<bool> = (0..logons.len()).map(|place| place % 4 != 1).collect();
        for (name, column) in Column::ALL {
            let groups = snapshot.index.groups(&snapshot, &kept, column);
            assert!(!groups.is_empty() && groups.windows(2).all(|pair| pair[0].value < pair[1].value), "{name}");
            for group in groups {
                let of = |place: &usize| {
                    kept[*place] && column.groups(&logons[*place]).iter().any(|value| *value == group.value)
                };
                let members: Vec<usize> = (0..logons.len()).filter(of).collect();
                assert_eq!(group.outcomes.iter().sum::<usize>(), members.len(), "{name} {}", group.value);
                assert_eq!(
                    group.worst,
                    members.iter().filter_map(|place| snapshot.worst_index(*place)).min(),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn a_list_that_is_reversed_shows_the_same_from_its_end() {
        let mut model =
            Model::new(80, 24).with(Settings::default(), Theme::new(Palette::Plain, true), Marks::default());
        model.shown = Some(std::sync::Arc::new(snapshot()));
        for (name, column) in Column::ALL {
            model.list_of_mut(View::Logons).sort = column;
            model.list_of_mut(View::Logons).reversed = false;
            let (rows, _) = model.rows_of(View::Logons);
            assert_eq!(rows.len(), model.all_rows(View::Logons), "{name}");
            model.list_of_mut(View::Logons).reversed = true;
            assert!(model.rows_of(View::Logons).0.iter().rev().eq(&rows), "{name}");
        }
    }
}
