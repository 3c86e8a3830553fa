//! The tables of domain controllers, keys, hosts and limits as text: for screens and for files.

use std::cmp::Reverse;

use diagnose::KeyState;

use crate::{
    health::{ASPECTS, State},
    model::View,
    snapshot::Snapshot,
};

/// A table of a report.
pub(crate) struct Table<'s> {
    view: View,
    snapshot: &'s Snapshot,
}

/// A cell, and how good what it says is.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) state: State,
}

/// A column: what stands above it, its width, and the width of the screen from which on it is shown. The last takes the
/// rest.
pub(crate) type Shape = (&'static str, usize, usize);

const DOMAIN_CONTROLLERS: &[Shape] = &[
    ("name", 20, 0),
    ("address", 16, 120),
    ("site", 14, 140),
    (ASPECTS[0], 11, 0),
    (ASPECTS[1], 14, 0),
    (ASPECTS[2], 13, 0),
    (ASPECTS[3], 10, 60),
    (ASPECTS[4], 10, 60),
    ("failed/all", 12, 110),
    ("certificate of", 0, 120),
];
const KEYS: &[Shape] = &[
    ("user", 24, 0),
    ("device", 20, 100),
    ("by", 12, 130),
    ("failed", 7, 0),
    ("ok", 7, 0),
    ("findings", 16, 60),
    ("last", 20, 150),
    ("key", 0, 0),
];
/// The same where an export of the directory was given.
const KEYS_IN_DIRECTORY: &[Shape] = &[
    ("user", 22, 0),
    ("device", 20, 100),
    ("by", 12, 140),
    ("failed", 7, 0),
    ("ok", 5, 0),
    ("directory", 14, 0),
    ("account", 16, 120),
    ("findings", 14, 70),
    ("made", 12, 130),
    ("last", 20, 160),
    ("key", 0, 0),
];
const HOSTS: &[Shape] = &[
    ("host", 34, 0),
    ("clients", 8, 60),
    ("worked", 7, 0),
    ("TLS", 8, 110),
    ("certificate until", 18, 130),
    ("proxy", 6, 120),
    ("issuer", 36, 160),
    ("what went wrong", 0, 0),
];
const LIMITS: &[Shape] = &[("kind", 9, 0), ("count", 10, 0), ("what", 52, 0), ("means", 0, 100)];

/// The table of a view; of those that are none, an empty one.
pub(crate) fn table(view: View, snapshot: &Snapshot) -> Table<'_> {
    Table { view, snapshot }
}

impl Table<'_> {
    pub(crate) fn shape(&self) -> &'static [Shape] {
        match self.view {
            View::DomainControllers => DOMAIN_CONTROLLERS,
            View::Keys if self.snapshot.directory.is_some() => KEYS_IN_DIRECTORY,
            View::Keys => KEYS,
            View::Cloud => HOSTS,
            View::Log => LIMITS,
            View::Overview | View::Logons => &[],
        }
    }

    pub(crate) fn titles(&self) -> Vec<&'static str> {
        self.shape().iter().map(|(title, ..)| *title).collect()
    }

    /// The cells of a row, one for each title.
    pub(crate) fn row(&self, index: usize) -> Vec<Cell> {
        match self.view {
            View::DomainControllers => self.domain_controller(index),
            View::Keys => self.key(index),
            View::Cloud => self.host(index),
            View::Log => self.limit(index),
            View::Overview | View::Logons => None,
        }
        .unwrap_or_default()
    }

    /// What a row sorts by in a column: what is bad first, then numbers by size and words by the alphabet.
    pub(crate) fn rank(&self, index: usize, column: usize) -> (Reverse<State>, Vec<Piece>) {
        let cell = self.row(index).into_iter().nth(column);
        let aspect = self.view == View::DomainControllers
            && self.shape().get(column).is_some_and(|(title, ..)| ASPECTS.contains(title));
        let state = cell.as_ref().filter(|_| aspect).map_or(State::Unseen, |cell| cell.state);
        (Reverse(state), cell.map(|cell| pieces(&cell.text)).unwrap_or_default())
    }

    fn domain_controller(&self, index: usize) -> Option<Vec<Cell>> {
        let dc = self.snapshot.report.domain_controllers.get(index)?;
        let health = self.snapshot.health.get(index)?;
        let failed = dc.logons.get("failed").copied().unwrap_or(0);
        let all: u64 = dc.logons.values().sum();
        let mut cells =
            vec![plain(if dc.name.is_empty() { &dc.address } else { &dc.name }), plain(&dc.address), plain(&dc.site)];
        cells.extend(health.aspects.iter().map(|aspect| {
            let word = aspect.state.word();
            let text = if aspect.why.is_empty() { word.to_owned() } else { format!("{word} {}", aspect.why) };
            Cell { text, state: aspect.state }
        }));
        let certificate = dc.certificate.as_ref().map(|certificate| {
            decode::WireText::from(format!("{}, by {}", certificate.subject, certificate.issuer).as_str()).to_string()
        });
        cells.push(plain(&format!("{failed}/{all}")));
        cells.push(plain(&certificate.unwrap_or_default()));
        Some(cells)
    }

    fn key(&self, index: usize) -> Option<Vec<Cell>> {
        let key = self.snapshot.keys.get(index)?;
        let [failed, _, succeeded] = key.outcomes;
        let names = |names: &[String]| match names {
            [] => String::new(),
            [one] => one.clone(),
            [first, rest @ ..] => format!("{first} +{}", rest.len()),
        };
        let state = if failed > 0 { State::Bad } else { State::Good };
        let known = key.known.as_deref();
        let owners: Vec<String> =
            known.iter().flat_map(|known| &known.owners).map(|owner| owner.account.clone()).collect();
        let device = known.map(|known| &known.device).filter(|device| !device.is_empty());
        let mut cells = vec![
            plain(&names(if key.users.is_empty() { &owners } else { &key.users })),
            plain(&if key.devices.is_empty() { device.cloned().unwrap_or_default() } else { names(&key.devices) }),
            plain(key.method),
            Cell { text: failed.to_string(), state: if failed > 0 { State::Bad } else { State::Unseen } },
            Cell { text: succeeded.to_string(), state: if succeeded > 0 { State::Good } else { State::Unseen } },
        ];
        let codes = Cell { text: key.codes.join(" "), state };
        if self.snapshot.directory.is_some() {
            let fits = match known {
                Some(known) if known.is_fault() => State::Bad,
                Some(known) if known.state == KeyState::ThisUser => State::Good,
                _ => State::Unseen,
            };
            cells.push(Cell { text: known.map_or("-", |known| known.state.words()).to_owned(), state: fits });
            cells.push(plain(&names(&owners)));
            cells.push(codes);
            cells.push(plain(known.and_then(|known| known.created.get(..10)).unwrap_or_default()));
        } else {
            cells.push(codes);
        }
        cells.push(plain(key.last.get(..19).unwrap_or(&key.last)));
        cells.push(plain(&key.id));
        Some(cells)
    }

    fn host(&self, index: usize) -> Option<Vec<Cell>> {
        let host = self.snapshot.report.hosts.get(index)?;
        let wrong: Vec<String> = host.failures.iter().map(|(what, count)| format!("{what} ({count})")).collect();
        let state = match (host.failures.is_empty(), host.worked) {
            (true, 0) => State::Unseen,
            (true, _) => State::Good,
            (false, 0) => State::Bad,
            (false, _) => State::Doubtful,
        };
        let proxy = match (host.by_proxy, host.kdc_proxy) {
            (_, Some(status)) => status.to_string(),
            (true, None) => "yes".to_owned(),
            (false, None) => String::new(),
        };
        Some(vec![
            Cell { text: host.name.clone(), state },
            plain(&host.client_count.to_string()),
            plain(&host.worked.to_string()),
            plain(&host.versions.join(" ")),
            plain(host.not_after.get(..10).unwrap_or(&host.not_after)),
            plain(&proxy),
            plain(&host.issuer),
            Cell { text: wrong.join(", "), state },
        ])
    }

    fn limit(&self, index: usize) -> Option<Vec<Cell>> {
        let limit = self.snapshot.limits.get(index)?;
        let state = if limit.kind == "program" { State::Bad } else { State::Unseen };
        Some(vec![
            Cell { text: limit.kind.to_owned(), state },
            plain(&limit.count.to_string()),
            plain(&limit.what),
            plain(limit.means),
        ])
    }
}

/// A part of a text as it sorts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Piece {
    Number(u64),
    Text(String),
}

/// Digits as the number that they are, what is between them in lower case: `dc9` comes before `dc10`.
fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for part in text.as_bytes().chunk_by(|one, other| one.is_ascii_digit() == other.is_ascii_digit()) {
        let part = String::from_utf8_lossy(part);
        pieces.push(match part.parse() {
            Ok(number) => Piece::Number(number),
            // Words, and numbers beyond all that is counted.
            Err(_) => Piece::Text(part.to_lowercase()),
        });
    }
    pieces
}

fn plain(text: &str) -> Cell {
    Cell { text: text.to_owned(), state: State::Unseen }
}

#[cfg(test)]
mod tests {
    use super::pieces;

    #[test]
    fn numbers_in_text_sort_by_their_size() {
        let mut texts = ["dc10", "10.99.0.10", "DC9", "10.99.0.9", "", "120 ms", "12 ms", "99999999999999999999999"];
        texts.sort_by_key(|text| pieces(text));
        assert_eq!(texts, ["", "10.99.0.9", "10.99.0.10", "12 ms", "120 ms", "99999999999999999999999", "DC9", "dc10"]);
    }
}
