//! The newer capture format: blocks, some of which hold packets.
//!
//! Source: draft-ietf-opsawg-pcapng. A file is one section after another, each in its own byte order and with its
//! own interfaces, and each interface has its own unit of time. Read here: section headers, interface descriptions,
//! enhanced, simple and obsolete packet blocks, and the drop counters of interface statistics. All other blocks are
//! passed over by their length. Every block ends with its length once more, by which damage shows, and by which the
//! next sound block behind it is known.

use super::order::Order;
use super::{Have, Head, MAX_PACKET, Next, Wait, Window};
use crate::{Aftermath, CaptureTime, LinkType, Losses, record};

/// Walks the blocks.
#[derive(Debug)]
pub(super) struct Reader {
    order: Order,
    /// The interfaces of this section.
    interfaces: Vec<Interface>,
    /// Lost in the sections before this one.
    lost_before: Losses,
    /// Of the packet before: a simple packet block has no time of its own.
    last: CaptureTime,
    /// Whether the section says which program wrote it.
    has_application: bool,
    /// Blocks since the packet before that hold none, and that Wireshark numbers as if they did.
    others: u64,
    /// Up to when nothing is missing but what was read, by the word of our own recorder.
    complete_to: Option<CaptureTime>,
}

#[derive(Debug)]
struct Interface {
    link: LinkType,
    snaplen: u32,
    unit: Unit,
    /// Nanoseconds to add to each time.
    offset: i64,
    lost: Losses,
}

/// How to turn an interface's time stamps into nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// So many nanoseconds each.
    Nanoseconds(u64),
    /// So many of them make a nanosecond.
    PerNanosecond(u128),
    /// Two to this power of them make a second.
    PerSecond(u8),
}

/// A block whose frame is sound: its length stands at both ends.
#[derive(Clone, Copy, Debug)]
struct Block {
    kind: u32,
    order: Order,
    /// Its length with frame and padding.
    whole: usize,
}

/// Whether `first` begins a section.
pub(super) fn is_one(first: &[u8]) -> bool {
    first.starts_with(&SECTION_HEADER.to_be_bytes())
}

impl Reader {
    pub(super) fn new() -> Self {
        let (order, lost_before) = (Order::Little, Losses::default());
        let (last, has_application) = (CaptureTime(0), false);
        Self { order, interfaces: Vec::new(), lost_before, last, has_application, others: 0, complete_to: None }
    }

    /// The next packet, or what is wrong before it.
    #[inline]
    pub(super) fn next(&mut self, window: &mut Window, wait: Wait) -> Next {
        loop {
            let block = match self.block(window, wait) {
                Ok(block) => block,
                Err(next) => return next,
            };
            let whole = block.whole;
            let body = window.bytes().get(8..whole.saturating_sub(4)).unwrap_or_default();
            let complete_to = self.complete_to;
            let what = match block.kind {
                ENHANCED_PACKET => match self.enhanced(body, whole) {
                    Ok(head) => return self.deliver(head),
                    Err(what) => Err(what),
                },
                OBSOLETE_PACKET => match self.obsolete(body, whole) {
                    Ok(head) => return self.deliver(head),
                    Err(what) => Err(what),
                },
                SIMPLE_PACKET => match self.simple(body, whole) {
                    Ok(head) => return self.deliver(head),
                    Err(what) => Err(what),
                },
                SECTION_HEADER => match section(body, block.order) {
                    Ok(()) => {
                        self.begin_section(block.order);
                        let options = body.get(16..).unwrap_or_default();
                        let has_application = self.options(options).any(|(code, _)| code == SHB_USERAPPL);
                        self.has_application = has_application;
                        Ok(())
                    }
                    Err(what) => {
                        let offset = window.offset();
                        return Next::broken(offset, what, Aftermath::Stopped);
                    }
                },
                INTERFACE_DESCRIPTION => self.interface(body),
                INTERFACE_STATISTICS => self.statistics(body),
                kind => {
                    self.count_other(kind);
                    Ok(())
                }
            };
            let offset = window.offset();
            window.consume(whole);
            if let Err(what) = what {
                return Next::broken(offset, what, Aftermath::Resumed { skipped: whole as u64 });
            }
            // Time has passed without a packet: that is news, and the next block may be long in coming.
            if complete_to != self.complete_to {
                return Next::NotYet;
            }
        }
    }

    /// Up to when nothing is missing but what was read; `None` where the writer does not tell.
    pub(super) fn complete_to(&self) -> Option<CaptureTime> {
        self.complete_to
    }

    /// What the writers of all sections say was lost: of each interface the last they said.
    pub(super) fn losses(&self) -> Losses {
        self.interfaces.iter().fold(self.lost_before, |sum, interface| sum.plus(interface.lost))
    }

    /// Whether a packet may be in it more than once: recorded on several interfaces, or, by the tools of Windows, at
    /// several components. Those (`pktmon etl2pcap`, `etl2pcapng`) do not say who they are, unlike most others, and
    /// components have frames of Ethernet or 802.11; raw IP comes from elsewhere.
    pub(super) fn may_hold_copies(&self) -> bool {
        let has_frames = |interface: &Interface| matches!(interface.link, LinkType::ETHERNET | LinkType::IEEE802_11);
        self.interfaces.len() > 1 || (!self.has_application && self.interfaces.iter().any(has_frames))
    }

    /// Brings a whole block into the window and checks its frame. Blocks too large for that, none of which we
    /// read, are passed over here.
    #[inline]
    fn block(&mut self, window: &mut Window, wait: Wait) -> Result<Block, Next> {
        loop {
            match window.want(FRAME, wait) {
                Have::Enough => {}
                Have::NotYet => return Err(Next::NotYet),
                Have::TooFew => return Err(Next::ended(window, CUT)),
            }
            let Some((kind, order, length)) = self.frame(window.bytes()) else {
                return Err(self.resynchronise(window, "a section's byte order is neither of the two".to_owned()));
            };
            let Some(whole) = whole(length) else {
                let what = format!("a block claims {length} bytes, fewer than its own frame");
                return Err(self.resynchronise(window, what));
            };
            if whole > Window::MAX {
                self.pass_over(window, kind, order, length, whole)?;
                continue;
            }
            match window.want(whole, wait) {
                Have::Enough => {}
                Have::NotYet => return Err(Next::NotYet),
                Have::TooFew => return Err(Next::ended(window, CUT)),
            }
            if !ends_with(window.bytes(), whole, length, order) {
                if kind == SECTION_HEADER {
                    // The section's blocks may be sound, and their byte order is known.
                    self.begin_section(order);
                }
                let what = format!("a block of {length} bytes does not end with its length");
                return Err(self.resynchronise(window, what));
            }
            return Ok(Block { kind, order, whole });
        }
    }

    /// Type, byte order and length of the block that `bytes` begins; `None` for a section of no byte order.
    #[inline]
    fn frame(&self, bytes: &[u8]) -> Option<(u32, Order, u32)> {
        let (frame, magic) = bytes.first_chunk::<FRAME>()?.split_at(8);
        let [kind, _] = self.order.words(frame)?;
        let order = match (kind, magic) {
            (SECTION_HEADER, [0x4d, 0x3c, 0x2b, 0x1a]) => Order::Little,
            (SECTION_HEADER, [0x1a, 0x2b, 0x3c, 0x4d]) => Order::Big,
            (SECTION_HEADER, _) => return None,
            _ => self.order,
        };
        let [_, length] = order.words(frame)?;
        Some((kind, order, length))
    }

    /// Passes over a block that does not fit into the window.
    #[cold]
    fn pass_over(
        &mut self,
        window: &mut Window,
        kind: u32,
        order: Order,
        length: u32,
        whole: usize,
    ) -> Result<(), Next> {
        if is_read(kind) || whole > MAX_PASSED_OVER {
            return Err(self.resynchronise(window, format!("a block claims {length} bytes, more than any holds")));
        }
        let offset = window.offset();
        let skipped = window.skip((whole as u64).saturating_sub(4));
        if window.want(4, Wait::Yes) != Have::Enough {
            if let Next::Failed = Next::ended(window, CUT) {
                return Err(Next::Failed);
            }
            return Err(Next::broken(offset, CUT, Aftermath::Stopped));
        }
        if ends_with(window.bytes(), 4, length, order) {
            window.consume(4);
            self.count_other(kind);
            return Ok(());
        }
        // What was passed over is gone, so the search begins behind it.
        let what = format!("a block of {length} bytes does not end with its length");
        let mut next = self.resynchronise(window, what);
        if let Next::Broken(broken) = &mut next {
            broken.offset = offset;
            if let Aftermath::Resumed { skipped: further } = &mut broken.then {
                *further = further.saturating_add(skipped);
            }
        }
        Err(next)
    }

    /// Looks for the next sound block.
    #[cold]
    fn resynchronise(&mut self, window: &mut Window, what: String) -> Next {
        let offset = window.offset();
        for skipped in 1..=RESYNCHRONISE_WITHIN {
            window.consume(1);
            if window.want(FRAME, Wait::Yes) != Have::Enough {
                break;
            }
            if self.is_sound(window) {
                return Next::broken(offset, what, Aftermath::Resumed { skipped });
            }
        }
        Next::given_up(window, offset, what)
    }

    /// Whether the window begins with a block of a known type whose length stands at both ends.
    fn is_sound(&self, window: &mut Window) -> bool {
        let Some((kind, order, length)) = self.frame(window.bytes()) else { return false };
        if !is_read(kind)
            && !matches!(kind, NAME_RESOLUTION | JOURNAL | DECRYPTION_SECRETS | CUSTOM | CUSTOM_NOT_COPIED)
        {
            return false;
        }
        let Some(whole) = whole(length).filter(|whole| *whole <= Window::MAX) else { return false };
        window.want(whole, Wait::Yes) == Have::Enough && ends_with(window.bytes(), whole, length, order)
    }

    fn deliver(&mut self, mut head: Head) -> Next {
        self.last = head.at;
        head.numbers = head.numbers.saturating_add(std::mem::take(&mut self.others));
        Next::Packet(head)
    }

    /// Wireshark shows custom blocks and journal entries in its list of packets.
    fn count_other(&mut self, kind: u32) {
        if matches!(kind, CUSTOM | CUSTOM_NOT_COPIED | JOURNAL) {
            self.others = self.others.saturating_add(1);
        }
    }

    fn begin_section(&mut self, order: Order) {
        self.lost_before = self.losses();
        self.interfaces.clear();
        self.order = order;
    }

    /// An enhanced packet block: interface, time (upper half first), bytes kept, bytes on the wire, bytes, options.
    #[inline]
    fn enhanced(&self, body: &[u8], whole: usize) -> Result<Head, String> {
        let Some([interface, fixed @ ..]) = self.order.words::<5>(body) else { return Err(short(ENHANCED_PACKET)) };
        self.packet(interface, fixed, body.len(), whole)
    }

    /// An obsolete packet block: as the enhanced one, but the interface has 16 bits, and 16 bits of drops follow.
    fn obsolete(&self, body: &[u8], whole: usize) -> Result<Head, String> {
        let (Some(interface), Some([_, fixed @ ..])) = (self.order.u16_at(body, 0), self.order.words::<5>(body)) else {
            return Err(short(OBSOLETE_PACKET));
        };
        self.packet(u32::from(interface), fixed, body.len(), whole)
    }

    #[inline]
    fn packet(&self, interface: u32, fixed: [u32; 4], body: usize, whole: usize) -> Result<Head, String> {
        let [upper, lower, kept, wire_len] = fixed;
        let described = self.described(interface)?;
        let end = PACKET_AT.saturating_add(kept as usize);
        // A block's body begins at 8.
        if kept as usize > MAX_PACKET || end > body.saturating_add(8) {
            return Err(too_long(kept, body));
        }
        let at = described.time(u64::from(upper) << 32 | u64::from(lower));
        Ok(Head { at, link: described.link, wire_len: wire_len.max(kept), begin: PACKET_AT, end, whole, numbers: 1 })
    }

    /// A simple packet block: the length on the wire, and as many bytes as the first interface keeps.
    fn simple(&self, body: &[u8], whole: usize) -> Result<Head, String> {
        let Some(wire_len) = self.order.u32_at(body, 0) else { return Err(short(SIMPLE_PACKET)) };
        let described = self.described(0)?;
        let kept = if described.snaplen == 0 { wire_len } else { wire_len.min(described.snaplen) };
        let end = SIMPLE_PACKET_AT.saturating_add(kept as usize);
        if kept as usize > MAX_PACKET || end > body.len().saturating_add(8) {
            return Err(too_long(kept, body.len()));
        }
        Ok(Head { at: self.last, link: described.link, wire_len, begin: SIMPLE_PACKET_AT, end, whole, numbers: 1 })
    }

    #[inline]
    fn described(&self, interface: u32) -> Result<&Interface, String> {
        let described = usize::try_from(interface).ok().and_then(|index| self.interfaces.get(index));
        described.ok_or_else(|| format!("a packet is of interface {interface}, which was not described"))
    }

    /// An interface description block.
    #[cold]
    fn interface(&mut self, body: &[u8]) -> Result<(), String> {
        let (Some(link), Some(snaplen)) = (self.order.u16_at(body, 0), self.order.u32_at(body, 4)) else {
            return Err(short(INTERFACE_DESCRIPTION));
        };
        if self.interfaces.len() >= MAX_INTERFACES {
            return Err(format!("a section describes more than {MAX_INTERFACES} interfaces"));
        }
        let mut interface = Interface {
            link: LinkType(link),
            snaplen,
            unit: Unit::Nanoseconds(1000),
            offset: 0,
            lost: Losses::default(),
        };
        for (code, value) in self.options(body.get(8..).unwrap_or_default()) {
            match (code, value) {
                (IF_TSRESOL, [unit, ..]) => interface.unit = Unit::new(*unit),
                (IF_TSOFFSET, value) => {
                    let seconds = self.order.u64_at(value, 0).unwrap_or_default().cast_signed();
                    interface.offset = seconds.saturating_mul(CaptureTime::SECOND);
                }
                _ => {}
            }
        }
        self.interfaces.push(interface);
        Ok(())
    }

    /// An interface statistics block. A later one of the same interface replaces an earlier.
    #[cold]
    fn statistics(&mut self, body: &[u8]) -> Result<(), String> {
        let Some(id) = self.order.u32_at(body, 0) else { return Err(short(INTERFACE_STATISTICS)) };
        let Some(mut lost) = self.described(id).map(|interface| interface.lost).ok() else {
            return Err(format!("statistics are of interface {id}, which was not described"));
        };
        let mut is_ours = false;
        for (code, value) in self.options(body.get(12..).unwrap_or_default()) {
            match (code, self.order.u64_at(value, 0)) {
                (ISB_IFDROP, Some(count)) => lost.by_interface = count,
                (ISB_OSDROP, Some(count)) => lost.by_system = count,
                (COMMENT, _) => is_ours |= record::read_comment(value, &mut lost),
                _ => {}
            }
        }
        let stamp = self.order.u32_at(body, 4).zip(self.order.u32_at(body, 8));
        if let (true, Some((upper, lower)), Ok(interface)) = (is_ours, stamp, self.described(id)) {
            let at = interface.time(u64::from(upper) << 32 | u64::from(lower));
            if self.complete_to.is_none_or(|before| at.seconds() > before.seconds()) {
                self.complete_to = Some(at);
            }
        }
        if let Some(interface) = usize::try_from(id).ok().and_then(|id| self.interfaces.get_mut(id)) {
            interface.lost = lost;
        }
        Ok(())
    }

    /// Codes and values of options, up to their end or to the first that does not fit.
    fn options<'b>(&self, mut bytes: &'b [u8]) -> impl Iterator<Item = (u16, &'b [u8])> {
        let order = self.order;
        std::iter::from_fn(move || {
            let code = order.u16_at(bytes, 0).filter(|code| *code != END_OF_OPTIONS)?;
            let length = usize::from(order.u16_at(bytes, 2)?);
            let value = bytes.get(4..)?.get(..length)?;
            bytes = bytes.get(4_usize.saturating_add(length.next_multiple_of(4))..).unwrap_or_default();
            Some((code, value))
        })
    }
}

impl Interface {
    #[inline]
    fn time(&self, stamp: u64) -> CaptureTime {
        let nanoseconds = match self.unit {
            Unit::Nanoseconds(count) => u128::from(stamp) * u128::from(count),
            Unit::PerNanosecond(count) => u128::from(stamp) / count,
            // Below 2^64 times 10^9, so no overflow.
            Unit::PerSecond(power) => (u128::from(stamp) * NANOSECONDS) >> power,
        };
        // A time beyond 2262 is as good as any other that is wrong.
        let nanoseconds = i64::try_from(nanoseconds).unwrap_or(i64::MAX);
        CaptureTime(nanoseconds.saturating_add(self.offset))
    }
}

impl Unit {
    /// From `if_tsresol`: a negative power of 10, or with the highest bit set of 2.
    fn new(resolution: u8) -> Self {
        let power = resolution & 0x7f;
        if resolution & 0x80 != 0 {
            return Self::PerSecond(power);
        }
        match 9_u8.checked_sub(power) {
            Some(more) => Self::Nanoseconds(10_u64.saturating_pow(more.into())),
            // No time stamp of 64 bits holds a nanosecond in units beyond the saturated value.
            None => Self::PerNanosecond(10_u128.saturating_pow(u32::from(power).saturating_sub(9))),
        }
    }
}

/// Checks a section header: only version 1 is known.
fn section(body: &[u8], order: Order) -> Result<(), String> {
    let (Some(major), Some(minor)) = (order.u16_at(body, 4), order.u16_at(body, 6)) else {
        return Err(short(SECTION_HEADER));
    };
    if major != 1 {
        return Err(format!("a section is of version {major}.{minor}, and only version 1 is known"));
    }
    Ok(())
}

/// The length of a block with its padding, which some writers leave out of what they write; `None` if it is shorter
/// than its own frame.
#[inline]
fn whole(length: u32) -> Option<usize> {
    usize::try_from(length).ok()?.checked_next_multiple_of(4).filter(|whole| *whole >= FRAME)
}

/// Whether the block of `whole` bytes at the beginning of `bytes` ends with its `length`, padded or not.
#[inline]
fn ends_with(bytes: &[u8], whole: usize, length: u32, order: Order) -> bool {
    whole
        .checked_sub(4)
        .and_then(|at| order.u32_at(bytes, at))
        .is_some_and(|last| last == length || last == length.next_multiple_of(4))
}

/// Blocks whose contents matter here.
fn is_read(kind: u32) -> bool {
    matches!(
        kind,
        SECTION_HEADER
            | INTERFACE_DESCRIPTION
            | OBSOLETE_PACKET
            | SIMPLE_PACKET
            | INTERFACE_STATISTICS
            | ENHANCED_PACKET
    )
}

#[cold]
fn short(kind: u32) -> String {
    let name = match kind {
        SECTION_HEADER => "a section header",
        INTERFACE_DESCRIPTION => "an interface description",
        INTERFACE_STATISTICS => "an interface's statistics",
        _ => "a packet block",
    };
    format!("{name} is shorter than its fixed part")
}

#[cold]
fn too_long(kept: u32, body: usize) -> String {
    format!("a packet claims {kept} bytes in a block of {} bytes", body.saturating_add(FRAME))
}

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const NAME_RESOLUTION: u32 = 4;
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;
const JOURNAL: u32 = 9;
const DECRYPTION_SECRETS: u32 = 10;
const CUSTOM: u32 = 0x0bad;
const CUSTOM_NOT_COPIED: u32 = 0x4000_0bad;

const END_OF_OPTIONS: u16 = 0;
const SHB_USERAPPL: u16 = 4;
const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;
const COMMENT: u16 = 1;
const ISB_IFDROP: u16 = 5;
const ISB_OSDROP: u16 = 7;

/// Type, length, and the length again; no block is shorter.
const FRAME: usize = 12;
/// Where the bytes of a packet begin in its block.
const PACKET_AT: usize = 28;
const SIMPLE_PACKET_AT: usize = 12;
const NANOSECONDS: u128 = 1_000_000_000;
const CUT: &str = "the file ends in the middle of a block";

/// Interfaces in a section: more than the largest machine has, little enough memory.
const MAX_INTERFACES: usize = 1 << 16;

/// The largest block to pass over unread, in bytes; Wireshark's limit. A larger length is damage.
const MAX_PASSED_OVER: usize = 16 << 20;

/// How far to look for a sound block behind damage, in bytes. A file with more than this of something else in it is
/// not a damaged capture.
const RESYNCHRONISE_WITHIN: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_time() {
        let time = |resolution, stamp| {
            let (link, unit) = (LinkType::ETHERNET, Unit::new(resolution));
            Interface { link, snaplen: 0, unit, offset: 0, lost: Losses::default() }.time(stamp).0
        };
        assert_eq!(time(0, 3), 3_000_000_000);
        assert_eq!(time(3, 3), 3_000_000);
        assert_eq!(time(6, 3), 3_000);
        assert_eq!(time(9, 3), 3);
        assert_eq!(time(12, 3_999), 3);
        assert_eq!(time(0x7f, u64::MAX), 0);
        assert_eq!(time(0x80, 3), 3_000_000_000);
        assert_eq!(time(0x94, 3 << 19), 1_500_000_000);
        assert_eq!(time(0xff, u64::MAX), 0);
        assert_eq!(time(0, u64::MAX), i64::MAX);
    }
}
