//! Writes packets as pcapng, so that what was seen live can be read again, here or with Wireshark.
//!
//! One section in little-endian order, times in nanoseconds, and the drop counters where the packets of an interface
//! end. What goes out depends on what came in alone: there is no clock here.

use std::io::{self, Write};

use crate::{CaptureTime, LinkType, Losses};

/// Writes one pcapng section to `W`, which should be buffered.
///
/// ```
/// use capture::{Batch, CaptureTime, Files, LinkType, Recorder, Source};
///
/// let mut recorder = Recorder::new(Vec::new(), "an example")?;
/// let interface = recorder.interface("eth0", LinkType::ETHERNET, 65_535, "port 88")?;
/// recorder.packet(interface, CaptureTime(1_767_323_045_000_000_007), 60, b"the first bytes")?;
///
/// let mut batch = Batch::default();
/// Files::from_reader("memory", std::io::Cursor::new(recorder.into_inner())).fill(&mut batch)?;
/// let packet = batch.packets().next().expect("one was written");
/// assert_eq!((packet.at.to_string(), packet.bytes), ("2026-01-02T03:04:05.000000007Z".into(), &b"the first bytes"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Recorder<W> {
    out: W,
    interfaces: u32,
    /// The block under construction, kept for its memory.
    block: Vec<u8>,
}

impl<W: Write> Recorder<W> {
    /// Begins the section; `application` is who writes it.
    pub fn new(out: W, application: &str) -> io::Result<Self> {
        let mut recorder = Self { out, interfaces: 0, block: Vec::new() };
        recorder.begin(SECTION_HEADER);
        recorder.block.extend_from_slice(&BYTE_ORDER_MAGIC.to_le_bytes());
        recorder.block.extend_from_slice(&VERSION);
        recorder.block.extend_from_slice(&u64::MAX.to_le_bytes()); // length of the section: not said
        recorder.option(SHB_USERAPPL, application.as_bytes());
        recorder.end()?;
        Ok(recorder)
    }

    /// Describes an interface and answers its number. `filter` is what chose its packets; empty if nothing did.
    pub fn interface(&mut self, name: &str, link: LinkType, snaplen: u32, filter: &str) -> io::Result<u32> {
        self.begin(INTERFACE_DESCRIPTION);
        self.block.extend_from_slice(&u32::from(link.0).to_le_bytes());
        self.block.extend_from_slice(&snaplen.to_le_bytes());
        self.option(IF_NAME, name.as_bytes());
        self.option(IF_TSRESOL, &[9]);
        if !filter.is_empty() {
            // The first byte says that a filter expression follows.
            self.option(IF_FILTER, &[&[0], filter.as_bytes()].concat());
        }
        self.end()?;
        let number = self.interfaces;
        self.interfaces = self.interfaces.saturating_add(1);
        Ok(number)
    }

    /// Writes a packet of `interface`, `wire_len` bytes long on the wire. Times before 1970 are written as 1970.
    ///
    /// # Errors
    /// Those of writing, and `InvalidInput` for an interface that was not described or more than
    /// [`MAX_PACKET`](crate::MAX_PACKET) bytes.
    pub fn packet(&mut self, interface: u32, at: CaptureTime, wire_len: u32, bytes: &[u8]) -> io::Result<()> {
        self.check(interface)?;
        let kept = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= crate::MAX_PACKET);
        let kept = kept.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a packet larger than any"))?;
        self.begin(ENHANCED_PACKET);
        self.block.extend_from_slice(&interface.to_le_bytes());
        self.time(at);
        self.block.extend_from_slice(&kept.to_le_bytes());
        self.block.extend_from_slice(&wire_len.max(kept).to_le_bytes());
        self.block.extend_from_slice(bytes);
        self.end()
    }

    /// Writes what was received and lost at `interface` since its beginning, as of `at`: all packets up to then were
    /// written, or are among those lost. So whoever reads it knows how long nothing came.
    ///
    /// # Errors
    /// Those of writing, and `InvalidInput` for an interface that was not described.
    pub fn statistics(&mut self, interface: u32, at: CaptureTime, received: u64, lost: Losses) -> io::Result<()> {
        self.check(interface)?;
        self.begin(INTERFACE_STATISTICS);
        self.block.extend_from_slice(&interface.to_le_bytes());
        self.time(at);
        self.option(ISB_IFRECV, &received.to_le_bytes());
        self.option(ISB_IFDROP, &lost.by_interface.to_le_bytes());
        self.option(ISB_OSDROP, &lost.by_system.to_le_bytes());
        self.option(COMMENT, comment(lost).as_bytes());
        self.end()
    }

    /// Hands on what is buffered, so that a reader of a pipe sees it.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// What it writes to.
    pub fn get_ref(&self) -> &W {
        &self.out
    }

    /// What it writes to, and nothing more will be written.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn check(&self, interface: u32) -> io::Result<()> {
        if interface < self.interfaces {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::InvalidInput, format!("interface {interface} was not described")))
    }

    fn begin(&mut self, kind: u32) {
        self.block.clear();
        self.block.extend_from_slice(&kind.to_le_bytes());
        self.block.extend_from_slice(&[0; 4]); // the length, known at the end
    }

    fn time(&mut self, at: CaptureTime) {
        let stamp = u64::try_from(at.0).unwrap_or_default();
        // Upper half first, each half in the order of the section.
        self.block.extend_from_slice(&stamp.rotate_left(32).to_le_bytes());
    }

    /// Appends an option; a value that is too long for one is cut.
    fn option(&mut self, code: u16, value: &[u8]) {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.block.extend_from_slice(&code.to_le_bytes());
        self.block.extend_from_slice(&length.to_le_bytes());
        self.block.extend(value.iter().take(length.into()));
        self.pad();
    }

    fn pad(&mut self) {
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }

    fn end(&mut self) -> io::Result<()> {
        self.pad();
        // Packets and options are far below 4 GiB.
        let length = u32::try_from(self.block.len().saturating_add(4)).unwrap_or(u32::MAX).to_le_bytes();
        if let Some(place) = self.block.get_mut(4..8) {
            place.copy_from_slice(&length);
        }
        self.block.extend_from_slice(&length);
        self.out.write_all(&self.block)
    }
}

/// What the format has no counters for.
fn comment(lost: Losses) -> String {
    format!("{COMMENT_BEGINS}{}{COMMENT_GOES_ON}{}", lost.thinned, lost.interruptions)
}

/// Reads such a comment, of any other nothing. Answers whether it was one.
pub(crate) fn read_comment(value: &[u8], lost: &mut Losses) -> bool {
    let text = std::str::from_utf8(value).ok().and_then(|text| text.strip_prefix(COMMENT_BEGINS));
    let Some((thinned, interruptions)) = text.and_then(|text| text.split_once(COMMENT_GOES_ON)) else { return false };
    let (Ok(thinned), Ok(interruptions)) = (thinned.parse(), interruptions.parse()) else { return false };
    lost.thinned = thinned;
    lost.interruptions = interruptions;
    true
}

const COMMENT_BEGINS: &str = "hellotrace: packets of bulk left out ";
const COMMENT_GOES_ON: &str = ", times the interface was away ";

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
/// 1.0, two numbers of 16 bits.
const VERSION: [u8; 4] = [1, 0, 0, 0];
const INTERFACE_DESCRIPTION: u32 = 1;
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;
const SHB_USERAPPL: u16 = 4;
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const IF_FILTER: u16 = 11;
const COMMENT: u16 = 1;
const ISB_IFRECV: u16 = 4;
const ISB_IFDROP: u16 = 5;
const ISB_OSDROP: u16 = 7;

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::{Batch, Files, MAX_PACKET, Progress, Source};

    #[test]
    fn what_was_written_is_read() {
        let start = 1_767_323_045_000_000_000;
        let largest = vec![0x5a; MAX_PACKET];
        let packets: [(u32, i64, u32, &[u8]); 5] = [
            (0, start, 60, b"one"),
            (1, start - 1, 4, b"four"),
            (0, start + 1, 0, b""),
            (1, start + 2, 1, b"longer than it was on the wire"),
            (0, start + 3, 300_000, &largest),
        ];
        let mut recorder = Recorder::new(Vec::new(), "a test").unwrap();
        recorder.interface("eth0", LinkType::ETHERNET, 65_535, "port 88").unwrap();
        recorder.interface("lo\u{e9}", LinkType::LINUX_SLL2, 0, "").unwrap();
        for (interface, at, wire_len, bytes) in packets {
            recorder.packet(interface, CaptureTime(at), wire_len, bytes).unwrap();
        }
        let lost = Losses { by_interface: 3, by_system: 4, thinned: 5, interruptions: 1 };
        recorder.statistics(0, CaptureTime(start), 1, lost).unwrap();
        recorder.statistics(0, CaptureTime(start + 4), 3, lost).unwrap();
        recorder.statistics(1, CaptureTime(start + 4), 2, lost).unwrap();

        let mut source = Files::from_reader("memory", Cursor::new(recorder.into_inner()));
        let mut batch = Batch::default();
        let mut expected = packets.iter();
        loop {
            let progress = source.fill(&mut batch).unwrap();
            assert_eq!(batch.damage(), []);
            for packet in batch.packets() {
                let (interface, at, wire_len, bytes) = expected.next().unwrap();
                let link = if *interface == 0 { LinkType::ETHERNET } else { LinkType::LINUX_SLL2 };
                let length = u32::try_from(bytes.len()).unwrap();
                assert_eq!((packet.at.0, packet.link, packet.wire_len), (*at, link, *wire_len.max(&length)));
                assert_eq!(packet.bytes, *bytes);
            }
            if progress == Progress::End {
                break;
            }
        }
        assert!(expected.next().is_none());
        assert_eq!(source.losses(), lost.plus(lost));
    }

    #[test]
    fn silence_that_was_watched_is_time_that_passes() {
        let at = |second: i64| CaptureTime(second * CaptureTime::SECOND);
        let mut recorder = Recorder::new(Vec::new(), "a test").unwrap();
        recorder.interface("eth0", LinkType::ETHERNET, 0, "").unwrap();
        for (second, is_packet) in [(1, true), (2, true), (5, false), (5, false), (6, true), (9, false)] {
            if is_packet {
                recorder.packet(0, at(second), 3, b"one").unwrap();
            } else {
                recorder.statistics(0, at(second), 0, Losses::default()).unwrap();
            }
        }
        let file = recorder.into_inner();
        for most in [1, 2, 4096] {
            let mut source = Files::from_reader("memory", Cursor::new(file.clone()));
            let mut batch = Batch::new(most);
            let mut told = Vec::new();
            loop {
                let progress = source.fill(&mut batch).unwrap();
                told.extend(batch.tick().map(|tick| ("tick", tick.seconds())));
                told.extend(batch.packets().map(|packet| ("packet", packet.at.seconds())));
                if progress == Progress::End {
                    break;
                }
            }
            let expected =
                [("packet", 1), ("tick", 2), ("packet", 2), ("tick", 5), ("tick", 6), ("packet", 6), ("tick", 9)];
            assert_eq!(told, expected, "{most} packets in a batch");
        }
    }

    #[test]
    fn impossible_packets_are_refused() {
        let mut recorder = Recorder::new(Vec::new(), "a test").unwrap();
        assert!(recorder.packet(0, CaptureTime(0), 1, b"x").is_err());
        recorder.interface("eth0", LinkType::ETHERNET, 0, "").unwrap();
        assert!(recorder.packet(0, CaptureTime(0), 1, &vec![0; MAX_PACKET + 1]).is_err());
        assert!(recorder.statistics(1, CaptureTime(0), 0, Losses::default()).is_err());
        let length = recorder.into_inner().len();
        assert_eq!(length % 4, 0);
    }
}
