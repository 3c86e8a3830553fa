//! The capture format of Solaris' snoop: a header, then one record a packet.
//!
//! Source: RFC 1761. All numbers are big-endian. A record tells its own length besides the packet's, since it is
//! padded, and how many packets were dropped up to it; the two lengths must fit each other, so damage shows. Behind
//! damage a run of records that make sense together is trusted, as in pcap.

use super::order::Order;
use super::{Have, Head, MAX_PACKET, Next, Wait, Window};
use crate::{Aftermath, CaptureTime, LinkType, Losses};

/// What a capture begins with.
pub(super) const MAGIC: [u8; 8] = *b"snoop\0\0\0";

/// Walks the records.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// Known once the header is read.
    link: Option<LinkType>,
    last: Option<CaptureTime>,
    dropped: u64,
}

/// The header of a record.
#[derive(Clone, Copy, Debug)]
struct Record {
    wire_len: u32,
    kept: u32,
    whole: u32,
    drops: u32,
    at: CaptureTime,
}

impl Reader {
    /// The next record, or what is wrong with it.
    pub(super) fn next(&mut self, window: &mut Window, wait: Wait) -> Next {
        let link = match self.link {
            Some(link) => link,
            None => match self.header(window, wait) {
                Ok(link) => link,
                Err(next) => return next,
            },
        };
        match window.want(RECORD_HEADER, wait) {
            Have::Enough => {}
            Have::NotYet => return Next::NotYet,
            Have::TooFew => return Next::ended(window, CUT),
        }
        let Some(record) = Record::read(window.bytes()) else { return Next::ended(window, CUT) };
        let whole = match record.check() {
            Ok(whole) => whole,
            Err(what) => return self.resynchronise(window, what),
        };
        match window.want(whole, wait) {
            Have::Enough => {}
            Have::NotYet => return Next::NotYet,
            Have::TooFew => return Next::ended(window, CUT),
        }
        self.last = Some(record.at);
        self.dropped = record.drops.into();
        Next::Packet(Head {
            at: record.at,
            link,
            wire_len: record.wire_len.max(record.kept),
            begin: RECORD_HEADER,
            end: RECORD_HEADER.saturating_add(record.kept as usize),
            whole,
            numbers: 1,
        })
    }

    /// Dropped by the system, up to the last packet read.
    pub(super) fn losses(&self) -> Losses {
        Losses { by_system: self.dropped, ..Losses::default() }
    }

    /// Reads the file's header.
    fn header(&mut self, window: &mut Window, wait: Wait) -> Result<LinkType, Next> {
        match window.want(FILE_HEADER, wait) {
            Have::Enough => {}
            Have::NotYet => return Err(Next::NotYet),
            Have::TooFew => return Err(Next::ended(window, "the file ends in the middle of its header")),
        }
        let [.., version, datalink] = Order::Big.words::<4>(window.bytes()).unwrap_or_default();
        let stop = |what| Err(Next::broken(8, what, Aftermath::Stopped));
        if version != 2 {
            return stop(format!("it is of version {version} of snoop's format, and only version 2 is known"));
        }
        // Numbers of the format's own; 0 is IEEE 802.3, which differs from Ethernet in no byte.
        let link = match datalink {
            0 | 4 => LinkType::ETHERNET,
            2 => LinkType::TOKEN_RING,
            8 => LinkType::FDDI,
            other => return stop(format!("it holds packets of snoop's data link type {other}, which is not known")),
        };
        window.consume(FILE_HEADER);
        self.link = Some(link);
        Ok(link)
    }

    /// Looks for the next place where records begin again.
    #[cold]
    fn resynchronise(&self, window: &mut Window, what: String) -> Next {
        let offset = window.offset();
        for skipped in 1..=RESYNCHRONISE_WITHIN {
            window.consume(1);
            if window.want(RECORD_HEADER, Wait::Yes) != Have::Enough {
                break;
            }
            if self.makes_sense(window) {
                return Next::broken(offset, what, Aftermath::Resumed { skipped });
            }
        }
        Next::given_up(window, offset, what)
    }

    /// Whether the window begins with two records that fit together, or with the last of the file.
    fn makes_sense(&self, window: &mut Window) -> bool {
        let mut before = self.last;
        let mut at = 0_usize;
        for found in 0..2 {
            if window.want(at.saturating_add(RECORD_HEADER), Wait::Yes) != Have::Enough {
                return found > 0 && window.len() == at;
            }
            let Some(record) = window.bytes().get(at..).and_then(Record::read) else { return false };
            let Ok(whole) = record.check() else { return false };
            let is_odd = record.kept == 0 || record.wire_len as usize > MAX_PACKET;
            if is_odd || before.is_some_and(|before| record.at.since(before).abs() > DAY) {
                return false;
            }
            before = Some(record.at);
            at = at.saturating_add(whole);
        }
        true
    }
}

impl Record {
    fn read(bytes: &[u8]) -> Option<Self> {
        let [wire_len, kept, whole, drops, seconds, microseconds] = Order::Big.words(bytes)?;
        let at = CaptureTime(i64::from(seconds) * CaptureTime::SECOND + i64::from(microseconds) * 1000);
        Some(Self { wire_len, kept, whole, drops, at })
    }

    /// Its length with header and padding, if the lengths fit each other.
    fn check(self) -> Result<usize, String> {
        let (kept, whole) = (self.kept as usize, self.whole as usize);
        if kept > MAX_PACKET {
            return Err(format!("a packet claims {kept} bytes, more than the {MAX_PACKET} possible"));
        }
        let padding = whole.checked_sub(RECORD_HEADER.saturating_add(kept));
        if padding.is_none_or(|padding| padding > MAX_PADDING) || self.wire_len < self.kept {
            return Err(format!("a record of {whole} bytes claims a packet of {kept}"));
        }
        Ok(whole)
    }
}

const FILE_HEADER: usize = 16;
const RECORD_HEADER: usize = 24;
/// The format pads to four bytes; some writers to eight, and with slack.
const MAX_PADDING: usize = 64;
const DAY: i64 = 86_400 * CaptureTime::SECOND;
const CUT: &str = "the file ends in the middle of a packet";

/// How far to look for records behind damage, in bytes. A file with more than this of something else in it is not a
/// damaged capture.
const RESYNCHRONISE_WITHIN: u64 = 64 << 20;

// `makes_sense` looks at two headers and the packet between them.
const _: () = assert!(2 * RECORD_HEADER + MAX_PACKET + MAX_PADDING <= Window::MAX);
