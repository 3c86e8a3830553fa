//! The classic capture format: a header, then one record a packet.
//!
//! Source: draft-ietf-opsawg-pcap. Read here: micro- and nanoseconds, both byte orders, and the variant of
//! Alexey Kuznetzov's patched libpcap with eight more bytes a record. Records carry no mark by which to know
//! them, so behind damage only a run of headers that make sense together is trusted.

use super::order::Order;
use super::{Have, MAX_PACKET, Next, Wait, Window};
use crate::file::Head;
use crate::{Aftermath, CaptureTime, LinkType};

/// Walks the records.
#[derive(Debug)]
pub(super) struct Reader {
    order: Order,
    /// Nanoseconds in a unit of the fraction of a second: 1,000 or 1.
    unit: u32,
    record_header: usize,
    magic: [u8; 4],
    link: LinkType,
    stage: Stage,
    last: Option<CaptureTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Header,
    Records,
}

/// The header of a record.
#[derive(Clone, Copy, Debug)]
struct Record {
    seconds: u32,
    fraction: u32,
    kept: u32,
    wire_len: u32,
}

impl Reader {
    /// A reader for the format that `first` begins, if that is pcap. The header is still to be read.
    pub(super) fn recognise(first: &[u8]) -> Option<Self> {
        let magic = *first.first_chunk::<4>()?;
        let (order, unit, record_header) = match magic {
            [0xd4, 0xc3, 0xb2, 0xa1] => (Order::Little, 1000, RECORD_HEADER),
            [0xa1, 0xb2, 0xc3, 0xd4] => (Order::Big, 1000, RECORD_HEADER),
            [0x4d, 0x3c, 0xb2, 0xa1] => (Order::Little, 1, RECORD_HEADER),
            [0xa1, 0xb2, 0x3c, 0x4d] => (Order::Big, 1, RECORD_HEADER),
            [0x34, 0xcd, 0xb2, 0xa1] => (Order::Little, 1000, KUZNETZOV_HEADER),
            [0xa1, 0xb2, 0xcd, 0x34] => (Order::Big, 1000, KUZNETZOV_HEADER),
            _ => return None,
        };
        let link = LinkType::NULL;
        Some(Self { order, unit, record_header, magic, link, stage: Stage::Header, last: None })
    }

    /// The next record, or what is wrong with it.
    #[inline]
    pub(super) fn next(&mut self, window: &mut Window, wait: Wait) -> Next {
        if self.stage == Stage::Header
            && let Some(end) = self.header(window, wait)
        {
            return end;
        }
        match window.want(self.record_header, wait) {
            Have::Enough => {}
            Have::NotYet => return Next::NotYet,
            Have::TooFew => return Next::ended(window, CUT),
        }
        let Some(record) = self.record(window.bytes(), 0) else { return Next::ended(window, CUT) };
        let kept = record.kept as usize;
        if kept > MAX_PACKET || self.is_odd(record) {
            return self.odd(record, window, wait);
        }
        self.deliver(record, window, wait)
    }

    #[inline]
    fn deliver(&mut self, record: Record, window: &mut Window, wait: Wait) -> Next {
        let whole = self.record_header.saturating_add(record.kept as usize);
        match window.want(whole, wait) {
            Have::Enough => {}
            Have::NotYet => return Next::NotYet,
            Have::TooFew => return Next::ended(window, CUT),
        }
        let at = self.time(record);
        self.last = Some(at);
        Next::Packet(Head {
            at,
            link: self.link,
            // Some writers leave it 0; a packet is never shorter than what was kept of it.
            wire_len: record.wire_len.max(record.kept),
            begin: self.record_header,
            end: whole,
            whole,
            numbers: 1,
        })
    }

    /// Reads the file's header; `None` when it is done.
    #[cold]
    fn header(&mut self, window: &mut Window, wait: Wait) -> Option<Next> {
        match window.want(FILE_HEADER, wait) {
            Have::Enough => {}
            Have::NotYet => return Some(Next::NotYet),
            Have::TooFew => return Some(Next::ended(window, "the file ends in the middle of its header")),
        }
        // The upper half says whether and how long a frame check sequence is.
        let network = self.order.u32_at(window.bytes(), 20).unwrap_or_default();
        self.link = LinkType(low_half(network));
        window.consume(FILE_HEADER);
        self.stage = Stage::Records;
        None
    }

    /// Whether the header says what no sane writer says.
    #[inline]
    fn is_odd(&self, record: Record) -> bool {
        record.kept == 0 || record.wire_len < record.kept || record.fraction >= NANOSECONDS / self.unit
    }

    /// A record that may be damage: believed if another one follows where it ends, or the end of the file.
    #[cold]
    fn odd(&mut self, record: Record, window: &mut Window, wait: Wait) -> Next {
        if let Some(next) = self.another_file(window, wait) {
            return next;
        }
        let kept = record.kept as usize;
        if kept > MAX_PACKET {
            return self
                .resynchronise(window, format!("a packet claims {kept} bytes, more than the {MAX_PACKET} possible"));
        }
        if record.seconds == 0 && record.wire_len == 0 {
            // What a crash leaves of blocks that were allocated and never written.
            return self.resynchronise(window, "there are zeros where a packet should begin".to_owned());
        }
        let whole = self.record_header.saturating_add(kept);
        match window.want(whole.saturating_add(self.record_header), wait) {
            Have::NotYet => return Next::NotYet,
            Have::TooFew if window.len() <= whole => return self.deliver(record, window, wait),
            Have::TooFew => {}
            Have::Enough => {
                let follower = self.record(window.bytes(), whole);
                if follower.is_some_and(|follower| follower.kept as usize <= MAX_PACKET) {
                    return self.deliver(record, window, wait);
                }
            }
        }
        self.resynchronise(window, "a packet's header makes no sense".to_owned())
    }

    /// Another capture appended to this one, as `cat a.pcap b.pcap` does: its header looks like an odd record.
    fn another_file(&mut self, window: &mut Window, wait: Wait) -> Option<Next> {
        if !window.bytes().starts_with(&self.magic) {
            return None;
        }
        match window.want(FILE_HEADER, wait) {
            Have::Enough => {}
            Have::NotYet => return Some(Next::NotYet),
            Have::TooFew => return None,
        }
        let bytes = window.bytes();
        let version = (self.order.u16_at(bytes, 4)?, self.order.u16_at(bytes, 6)?);
        if version != (2, 4) || self.order.u32_at(bytes, 8)? != 0 || self.order.u32_at(bytes, 12)? != 0 {
            return None;
        }
        let offset = window.offset();
        self.link = LinkType(low_half(self.order.u32_at(bytes, 20)?));
        window.consume(FILE_HEADER);
        let then = Aftermath::Resumed { skipped: FILE_HEADER as u64 };
        Some(Next::broken(offset, "another capture was appended", then))
    }

    /// Looks for the next place where records begin again.
    fn resynchronise(&mut self, window: &mut Window, what: String) -> Next {
        let offset = window.offset();
        for skipped in 1..=RESYNCHRONISE_WITHIN {
            window.consume(1);
            if window.want(self.record_header, Wait::Yes) != Have::Enough {
                break;
            }
            if self.makes_sense(window) {
                return Next::broken(offset, what, Aftermath::Resumed { skipped });
            }
        }
        Next::given_up(window, offset, what)
    }

    /// Whether the window begins with records whose times and lengths fit together.
    ///
    /// Two in a row are enough behind a packet whose time is known; without one, three. The end of the file where
    /// a record ends is as good as another record.
    fn makes_sense(&self, window: &mut Window) -> bool {
        let mut before = self.last;
        let mut at = 0_usize;
        let needed = if before.is_some() { 2 } else { 3 };
        for found in 0..needed {
            if window.want(at.saturating_add(self.record_header), Wait::Yes) != Have::Enough {
                return found > 0 && window.len() == at;
            }
            let Some(record) = self.record(window.bytes(), at) else { return false };
            let (kept, wire_len) = (record.kept as usize, record.wire_len as usize);
            if kept > MAX_PACKET || wire_len > MAX_PACKET || self.is_odd(record) {
                return false;
            }
            let time = self.time(record);
            if before.is_some_and(|before| time.since(before).abs() > DAY) {
                return false;
            }
            before = Some(time);
            at = at.saturating_add(self.record_header).saturating_add(kept);
        }
        true
    }

    #[inline]
    fn record(&self, bytes: &[u8], at: usize) -> Option<Record> {
        let [seconds, fraction, kept, wire_len] = self.order.words(bytes.get(at..)?)?;
        Some(Record { seconds, fraction, kept, wire_len })
    }

    /// No overflow: 2^32 seconds are 4.3e18 ns and the fraction adds at most 4.3e12, of 9.2e18 possible.
    #[inline]
    fn time(&self, record: Record) -> CaptureTime {
        let fraction = i64::from(record.fraction) * i64::from(self.unit);
        CaptureTime(i64::from(record.seconds) * CaptureTime::SECOND + fraction)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is what is asked for")]
fn low_half(network: u32) -> u16 {
    network as u16
}

const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;
/// Interface, protocol and packet type follow the usual header.
const KUZNETZOV_HEADER: usize = 24;
const NANOSECONDS: u32 = 1_000_000_000;
const DAY: i64 = 86_400 * CaptureTime::SECOND;
const CUT: &str = "the file ends in the middle of a packet";

/// How far to look for records behind damage, in bytes: some hundred packets of the largest size. A file with more
/// than this of something else in it is not a damaged capture.
const RESYNCHRONISE_WITHIN: u64 = 64 << 20;

// `makes_sense` looks at three headers and the two packets between them.
const _: () = assert!(3 * KUZNETZOV_HEADER + 2 * MAX_PACKET <= Window::MAX);
