//! Logons that were released, as the report tells them, in some hundred bytes each: there are up to 100,000 of them.
//!
//! What comes out is what went in, but for decoded messages and findings, which are not kept with them. The bytes never
//! leave the process.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use capture::CaptureTime;

use super::{LogonReport, StepReport};

/// A released logon.
#[derive(Debug)]
pub(crate) struct Record {
    /// Its number.
    pub(super) id: u64,
    /// Capture time of its first packet.
    pub(super) began: CaptureTime,
    /// Nanoseconds from its first packet to its last.
    pub(super) lasted: i64,
    /// `succeeded`, `failed` or `undecided`.
    pub(super) outcome: &'static str,
    /// All the rest.
    rest: Box<[u8]>,
}

/// Released logons.
#[derive(Debug, Default)]
pub(crate) struct Records {
    list: Vec<Record>,
    /// Names out of tables of this program: kinds, methods, how far a logon came.
    names: Vec<&'static str>,
    /// Texts that many of them have, such as names of domain controllers.
    texts: Vec<Arc<str>>,
    /// The place of each in that list.
    by_text: HashMap<Arc<str>, usize>,
}

impl Records {
    /// Texts kept for all: domains and domain controllers are few. Further ones stand in each record.
    const MAX_TEXTS: usize = 1_000;
    /// Room is made for so many at a time: a list that doubles would hold as many again in vain.
    const ROOM: usize = 4_096;

    /// In the order of their numbers, after [`Records::sort`].
    pub(super) fn as_slice(&self) -> &[Record] {
        &self.list
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn sort(&mut self) {
        self.list.sort_by_key(|record| record.id);
    }

    pub(super) fn retain(&mut self, kept: impl FnMut(&Record) -> bool) {
        self.list.retain(kept);
    }

    /// Adds one, without its findings and decoded messages.
    pub(super) fn push(&mut self, logon: &LogonReport) {
        let mut bytes = Vec::new();
        self.write(logon, &mut bytes);
        if self.list.len() == self.list.capacity() {
            self.list.reserve_exact(Self::ROOM);
        }
        self.list.push(Record {
            id: logon.id,
            began: logon.began,
            lasted: logon.lasted,
            outcome: logon.outcome,
            rest: bytes.into_boxed_slice(),
        });
    }

    /// One by its place, with these findings.
    pub(super) fn open(&self, place: usize, findings: Vec<&'static str>) -> Option<LogonReport> {
        let record = self.list.get(place)?;
        let from = &mut Reader { bytes: &record.rest, records: self };
        Some(LogonReport {
            id: record.id,
            client: from.text()?.to_owned(),
            client_name: from.text()?.to_owned(),
            principal: from.option(|from| from.text().map(str::to_owned))?,
            method: from.name()?,
            outcome: record.outcome,
            reached: from.name()?,
            started: record.began.to_string(),
            ended: CaptureTime(record.began.0.saturating_add(record.lasted)).to_string(),
            kdc: from.option(|from| from.text().map(str::to_owned))?,
            kdc_name: from.text()?.to_owned(),
            key_id: from.text()?.to_owned(),
            steps: from.steps(record.began)?,
            exchanges_beyond: u32::try_from(from.number()?).ok()?,
            findings,
            began: record.began,
            lasted: record.lasted,
        })
    }

    fn write(&mut self, logon: &LogonReport, to: &mut Vec<u8>) {
        // Named one by one: one more does not compile until it is written, too.
        let LogonReport {
            id: _,
            client,
            client_name,
            principal,
            method,
            outcome: _,
            reached,
            started: _,
            ended: _,
            kdc,
            kdc_name,
            key_id,
            steps,
            exchanges_beyond,
            findings: _,
            began,
            lasted: _,
        } = logon;
        own(client, to);
        own(client_name, to);
        option(principal.as_ref(), to, |principal, to| own(principal, to));
        self.name(method, to);
        self.name(reached, to);
        option(kdc.as_ref(), to, |kdc, to| self.shared(kdc, to));
        self.shared(kdc_name, to);
        own(key_id, to);
        number(steps.len() as u64, to);
        let (mut packet, mut time) = (0_u64, began.0);
        for step in steps {
            let StepReport { packet: at_packet, file, at, kind, summary, inferred, between, event: _ } = step;
            difference(at_packet.wrapping_sub(packet).cast_signed(), to);
            difference(at.0.wrapping_sub(time), to);
            (packet, time) = (*at_packet, at.0);
            option(file.as_ref(), to, |file, to| self.shared(file, to));
            self.name(kind, to);
            // What is inferred is about domains and domain controllers, and alike; the rest names people.
            if *inferred {
                self.shared(summary, to);
            } else {
                own(summary, to);
            }
            to.push(u8::from(*inferred));
            option(between.as_ref(), to, |(source, destination), to| {
                address(*source, to);
                address(*destination, to);
            });
        }
        number(u64::from(*exchanges_beyond), to);
    }

    /// A name out of a table, by its place.
    fn name(&mut self, name: &'static str, to: &mut Vec<u8>) {
        let known = self.names.iter().position(|known| *known == name);
        let place = known.unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        });
        number(place as u64, to);
    }

    /// A text that others may have, too: 1 and its place, or as [`own`].
    fn shared(&mut self, text: &str, to: &mut Vec<u8>) {
        let place = self.by_text.get(text).copied().or_else(|| {
            (self.texts.len() < Self::MAX_TEXTS).then(|| {
                let shared: Arc<str> = text.into();
                self.texts.push(Arc::clone(&shared));
                self.by_text.insert(shared, self.texts.len() - 1);
                self.texts.len() - 1
            })
        });
        match place {
            Some(place) => number((place as u64) << 1 | 1, to),
            None => own(text, to),
        }
    }
}

/// A text of its own: its length, doubled, and the text.
fn own(text: &str, to: &mut Vec<u8>) {
    number((text.len() as u64) << 1, to);
    to.extend_from_slice(text.as_bytes());
}

/// Seven bits a byte, the lowest first.
fn number(mut rest: u64, to: &mut Vec<u8>) {
    while rest >= 0x80 {
        to.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    to.push(rest.to_le_bytes()[0]);
}

/// Small numbers of either sign are short.
fn difference(value: i64, to: &mut Vec<u8>) {
    number(((value << 1) ^ (value >> 63)).cast_unsigned(), to);
}

fn option<T>(value: Option<T>, to: &mut Vec<u8>, write: impl FnOnce(T, &mut Vec<u8>)) {
    to.push(u8::from(value.is_some()));
    if let Some(value) = value {
        write(value, to);
    }
}

fn address(address: IpAddr, to: &mut Vec<u8>) {
    match address {
        IpAddr::V4(address) => {
            to.push(4);
            to.extend_from_slice(&address.octets());
        }
        IpAddr::V6(address) => {
            to.push(6);
            to.extend_from_slice(&address.octets());
        }
    }
}

/// What is not read yet of a record. Nothing is `None` with what was written here.
struct Reader<'r> {
    bytes: &'r [u8],
    records: &'r Records,
}

impl<'r> Reader<'r> {
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(first)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (&first, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(first)
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn difference(&mut self) -> Option<i64> {
        let value = self.number()?;
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    #[expect(clippy::option_option, reason = "the outer one says whether it could be read")]
    fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.byte()? == 0 { Some(None) } else { read(self).map(Some) }
    }

    fn name(&mut self) -> Option<&'static str> {
        self.records.names.get(usize::try_from(self.number()?).ok()?).copied()
    }

    fn text(&mut self) -> Option<&'r str> {
        let number = self.number()?;
        let length = usize::try_from(number >> 1).ok()?;
        if number & 1 == 1 {
            return self.records.texts.get(length).map(AsRef::as_ref);
        }
        let (text, rest) = self.bytes.split_at_checked(length)?;
        self.bytes = rest;
        std::str::from_utf8(text).ok()
    }

    fn address(&mut self) -> Option<IpAddr> {
        if self.byte()? == 4 { self.take::<4>().map(IpAddr::from) } else { self.take::<16>().map(IpAddr::from) }
    }

    fn steps(&mut self, began: CaptureTime) -> Option<Vec<StepReport>> {
        let (mut packet, mut time, mut steps) = (0_u64, began.0, Vec::new());
        for _ in 0..self.number()? {
            packet = packet.wrapping_add(self.difference()?.cast_unsigned());
            time = time.wrapping_add(self.difference()?);
            steps.push(StepReport {
                packet,
                at: CaptureTime(time),
                file: self.option(|from| from.text().map(str::to_owned))?,
                kind: self.name()?,
                summary: self.text()?.to_owned(),
                inferred: self.byte()? != 0,
                between: self.option(|from| from.address().zip(from.address()))?,
                event: None,
            });
        }
        Some(steps)
    }
}

#[cfg(test)]
mod tests {
    use trace::script::play;

    use super::Records;
    use crate::report::{LogonReport, writer::Writer};

    #[test]
    fn a_record_says_what_its_logon_said() {
        let played = play(
            "
            0.0 pc > dc ping
            0.1 dc > pc pong
            1.0 pc > dc as-req alice pkinit key K1
            1.1 dc > pc as-rep alice ticket T1 pkinit
            1.2 pc > dc tgs-req host/pc ticket T1
            1.3 dc > pc tgs-rep host/pc ticket T2
            50.0 pc2 > dc as-req bob password
            ",
        );
        let writer = Writer::new(&[], played.facts());
        let mut records = Records::default();
        let written: Vec<LogonReport> = played
            .logons()
            .iter()
            .map(|logon| {
                let mut report = writer.logon(logon, logon.outcome(), vec!["KEY-01"], None);
                report.steps.iter_mut().for_each(|step| step.event = None);
                report
            })
            .collect();
        written.iter().rev().for_each(|report| records.push(report));
        records.sort();
        assert_eq!(records.len(), written.len());
        assert!(written.iter().any(|report| report.steps.len() > 5));
        for (place, report) in written.iter().enumerate() {
            let opened = records.open(place, vec!["KEY-01"]);
            assert_eq!(opened.map(|opened| format!("{opened:?}")), Some(format!("{report:?}")));
        }
    }
}
