//! The classic capture format: a header, then one record a packet.
//!
//! Source: draft-ietf-opsawg-pcap. Read here: micro- and nanoseconds, both byte orders, files of Ixia and of AIX,
//! lengths in the order they had up to version 2.3, and four kinds of longer records: three of Alexey Kuznetzov's
//! patched libpcap (Red Hat 6.1, SuSE 6.3) and Nokia's. Two of the four have a magic number of their own for both, the
//! others that of everyone; which it is, is told by where the second record begins. Records carry no mark by which to
//! know them, so behind damage only a run of headers that make sense together is trusted.

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
    file_header: usize,
    record_header: usize,
    /// Other lengths that it may have instead, most likely first.
    variants: &'static [usize],
    /// Whether the two lengths of a record may stand the other way round.
    may_be_swapped: bool,
    magic: [u8; 4],
    link: LinkType,
    stage: Stage,
    last: Option<CaptureTime>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Header,
    /// The first record, by which variants are told from one another.
    First,
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
        let (order, unit) = match magic {
            [0xd4, 0xc3, 0xb2, 0xa1] | [0x34, 0xcd, 0xb2, 0xa1] | [0xab, 1, 0, 0x1c] => (Order::Little, 1000),
            [0xa1, 0xb2, 0xc3, 0xd4] | [0xa1, 0xb2, 0xcd, 0x34] | [0x1c, 0, 1, 0xab] => (Order::Big, 1000),
            [0x4d, 0x3c, 0xb2, 0xa1] | [0xac, 1, 0, 0x1c] => (Order::Little, 1),
            [0xa1, 0xb2, 0x3c, 0x4d] | [0x1c, 0, 1, 0xac] => (Order::Big, 1),
            _ => return None,
        };
        let (record_header, variants): (_, &[usize]) = match magic {
            [0x34, 0xcd, ..] | [.., 0xcd, 0x34] => (KUZNETZOV_HEADER, &[SUSE_HEADER]),
            [0xd4, ..] | [.., 0xd4] => (RECORD_HEADER, &[KUZNETZOV_HEADER, NOKIA_HEADER]),
            _ => (RECORD_HEADER, &[]),
        };
        // Ixia's says how many bytes follow.
        let file_header = if magic.contains(&0x1c) { FILE_HEADER + 4 } else { FILE_HEADER };
        let (link, stage) = (LinkType::NULL, Stage::Header);
        let may_be_swapped = false;
        Some(Self { order, unit, file_header, record_header, variants, may_be_swapped, magic, link, stage, last: None })
    }

    /// The next record, or what is wrong with it.
    #[inline]
    pub(super) fn next(&mut self, window: &mut Window, wait: Wait) -> Next {
        if self.stage != Stage::Records
            && let Some(end) = self.begin(window, wait)
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

    /// What comes before the first packet is handed out; `None` when it is done.
    #[cold]
    fn begin(&mut self, window: &mut Window, wait: Wait) -> Option<Next> {
        if self.stage == Stage::Header {
            match window.want(self.file_header, wait) {
                Have::Enough => {}
                Have::NotYet => return Some(Next::NotYet),
                Have::TooFew => return Some(Next::ended(window, "the file ends in the middle of its header")),
            }
            self.header(window.bytes());
            window.consume(self.file_header);
            self.stage = Stage::First;
        }
        if self.settle(window, wait) == Have::NotYet {
            return Some(Next::NotYet);
        }
        self.stage = Stage::Records;
        None
    }

    fn header(&mut self, bytes: &[u8]) {
        // The upper half says whether and how long a frame check sequence is.
        self.link = LinkType(low_half(self.order.u32_at(bytes, 20).unwrap_or_default()));
        let version = self.order.u16_at(bytes, 4).zip(self.order.u16_at(bytes, 6));
        let is_standard = self.variants.contains(&NOKIA_HEADER);
        if version != Some((2, 4)) {
            self.variants = &[];
        }
        // AIX counts nanoseconds and has numbers of RFC 1573 for links.
        let of_aix = match self.link.0 {
            6 => Some(LinkType::ETHERNET),
            9 => Some(LinkType::TOKEN_RING),
            15 => Some(LinkType::FDDI),
            24 => Some(LinkType::NULL),
            _ => None,
        };
        match (version, of_aix) {
            (Some((2, 2)), Some(link)) if is_standard => (self.link, self.unit) = (link, 1),
            // DG/UX's tcpdump says 543.0.
            (Some((2, 0..=3) | (543, 0)), _) => self.may_be_swapped = true,
            _ => {}
        }
    }

    /// Finds out how long the headers of records are, where the magic number leaves that open.
    ///
    /// Another kind than the usual is believed only if it alone has a second record where the first one ends. The usual
    /// kind of everyone's magic number is not waited for, so that a pipe shows its first packet when it comes: unless
    /// that packet does not look like one.
    fn settle(&mut self, window: &mut Window, wait: Wait) -> Have {
        let is_patched = self.record_header == KUZNETZOV_HEADER;
        if self.variants.is_empty() {
            return Have::Enough;
        }
        match window.want(RECORD_HEADER, wait) {
            Have::Enough => {}
            answer => return answer,
        }
        let kept = self.record(window.bytes(), 0).map_or(0, |first| first.kept as usize);
        match window.want(RECORD_HEADER.saturating_add(kept.min(PREFIX)), wait) {
            Have::Enough if is_patched || is_suspicious(window.bytes(), self.link) => {}
            answer => return answer,
        }
        for header in [self.record_header].iter().chain(self.variants) {
            match self.has_second(*header, window, wait) {
                (Have::NotYet, _) => return Have::NotYet,
                (_, true) => {
                    self.record_header = *header;
                    break;
                }
                _ => {}
            }
        }
        Have::Enough
    }

    /// Whether a record that makes sense, or the end of the file, stands behind the first if headers are so long.
    fn has_second(&self, header: usize, window: &mut Window, wait: Wait) -> (Have, bool) {
        let makes_sense = |record: Record| record.kept as usize <= MAX_PACKET && !self.is_odd(record);
        let Some(first) = self.record(window.bytes(), 0).filter(|first| makes_sense(*first)) else {
            return (Have::TooFew, false);
        };
        let whole = header.saturating_add(first.kept as usize);
        let have = window.want(whole.saturating_add(RECORD_HEADER), wait);
        let is_second = |second: Record| makes_sense(second) && self.time(second).since(self.time(first)).abs() <= DAY;
        let fits = match have {
            Have::Enough => self.record(window.bytes(), whole).is_some_and(is_second),
            Have::NotYet | Have::TooFew => window.len() == whole,
        };
        (have, fits)
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
        if self.may_be_swapped && record.wire_len < record.kept && record.wire_len > 0 {
            let record = Record { kept: record.wire_len, wire_len: record.kept, ..record };
            if record.kept as usize <= MAX_PACKET {
                return self.deliver(record, window, wait);
            }
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
        match window.want(self.file_header, wait) {
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
        window.consume(self.file_header);
        let then = Aftermath::Resumed { skipped: self.file_header as u64 };
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

/// Whether the first packet looks as if something stood before it, as everyone's magic number does not tell: with an
/// interface, an EtherType and a packet type it is a record of Kuznetzov's; an Ethernet frame that begins four bytes
/// later, one of Nokia's.
fn is_suspicious(bytes: &[u8], link: LinkType) -> bool {
    let Some((prefix, frame)) = bytes.get(RECORD_HEADER..).and_then(|rest| rest.split_at_checked(8)) else {
        return false;
    };
    let is_known = |kind: &[u8]| matches!(kind, [8, 0 | 6] | [0x86, 0xdd] | [0x81, 0]);
    let is_patched = match *prefix {
        // An interface below 65,536 in either order; types in that of the network or of the machine; Linux has packet
        // types up to 7.
        [ref interface @ .., high, low, kind, 0] => {
            let is_type = is_known(&[high, low]) || is_known(&[low, high]);
            matches!(interface, [0, 0, ..] | [.., 0, 0]) && is_type && kind < 8
        }
        _ => false,
    };
    let type_at = |at: usize| frame.get(at..at.saturating_add(2)).is_some_and(is_known);
    // Twelve bytes of addresses, of which eight are in what was split off, and four that do not belong to them.
    let is_nokia = link == LinkType::ETHERNET && !type_at(4) && type_at(8);
    is_patched || is_nokia
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is what is asked for")]
fn low_half(network: u32) -> u16 {
    network as u16
}

const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;
/// Interface, protocol and packet type follow the usual header.
const KUZNETZOV_HEADER: usize = 24;
/// The same, and numbers of processors (SuSE 6.3).
const SUSE_HEADER: usize = 28;
/// Four bytes of unknown meaning follow the usual header.
const NOKIA_HEADER: usize = 20;
/// Bytes of the first packet, or of what stands before it, that show a variant.
const PREFIX: usize = 18;
const NANOSECONDS: u32 = 1_000_000_000;
const DAY: i64 = 86_400 * CaptureTime::SECOND;
const CUT: &str = "the file ends in the middle of a packet";

/// How far to look for records behind damage, in bytes: some hundred packets of the largest size. A file with more
/// than this of something else in it is not a damaged capture.
const RESYNCHRONISE_WITHIN: u64 = 64 << 20;

// `makes_sense` looks at three headers and the two packets between them.
const _: () = assert!(3 * SUSE_HEADER + 2 * MAX_PACKET <= Window::MAX);
