//! Undoes lz4, frame after frame.
//!
//! The blocks are the library's; the frames around them are walked here, because only so a file that breaks off between
//! two blocks is told from one that is complete. A block that breaks off itself is undone here as far as it goes: the
//! library gives all of a block, of which `lz4` makes 4 MiB, or nothing.
//!
//! Source: LZ4 Frame Format Description 1.6.4, LZ4 Block Format Description.

use std::hash::Hasher as _;
use std::io::{self, BufRead, ErrorKind, Read};

use lz4_flex::block::decompress_into_with_dict;
use twox_hash::XxHash32;

/// What a frame begins with.
pub(super) const MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];

/// Decompresses what `inner` brings.
pub(super) struct Lz4<R> {
    inner: R,
    frame: Option<Frame>,
    packed: Vec<u8>,
    /// The last bytes handed out, to which a block may refer, and behind them the block that is being handed out.
    plain: Vec<u8>,
    /// What of `plain` was handed out.
    out: usize,
    /// What is to be said when all of `plain` was handed out.
    broken: Option<ErrorKind>,
}

/// What the header of a frame says, and what came of it so far.
struct Frame {
    blocks_are_linked: bool,
    has_block_checksums: bool,
    /// Bytes of content promised.
    size: Option<u64>,
    /// Over the content, where a checksum of it follows.
    sum: Option<XxHash32>,
    max_block: usize,
    read: u64,
}

impl<R: BufRead> Lz4<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, frame: None, packed: Vec::new(), plain: Vec::new(), out: 0, broken: None }
    }

    pub(super) fn get_ref(&self) -> &R {
        &self.inner
    }

    /// Reads the header of the next frame; `None` at the end of the input.
    fn begin(&mut self) -> io::Result<Option<Frame>> {
        while !self.inner.fill_buf()?.is_empty() {
            let magic = self.bytes::<4>()?;
            if magic == MAGIC {
                return self.header().map(Some);
            }
            // Frames for other programs, RFC 8878 §3.1.2: the same numbers in both formats.
            if !matches!(magic, [0x50..=0x5f, 0x2a, 0x4d, 0x18]) {
                return Err(damaged());
            }
            let length = u64::from(u32::from_le_bytes(self.bytes()?));
            if io::copy(&mut self.inner.by_ref().take(length), &mut io::sink())? < length {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(None)
    }

    fn header(&mut self) -> io::Result<Frame> {
        let [flags, sizes] = self.bytes()?;
        let mut summed = vec![flags, sizes];
        let mut size = None;
        if flags & CONTENT_SIZE != 0 {
            let bytes = self.bytes::<8>()?;
            summed.extend(bytes);
            size = Some(u64::from_le_bytes(bytes));
        }
        let [told] = self.bytes()?;
        let [_, found, _, _] = XxHash32::oneshot(0, &summed).to_le_bytes();
        let max_block = match sizes >> 4 & 7 {
            exponent @ 4..=7 => 1 << (2 * exponent + 8),
            _ => return Err(damaged()),
        };
        // A dictionary is a file of its own, which nobody gives us.
        if flags >> 6 != VERSION || flags & DICTIONARY != 0 || told != found {
            return Err(damaged());
        }
        self.plain.clear();
        self.out = 0;
        Ok(Frame {
            blocks_are_linked: flags & INDEPENDENT_BLOCKS == 0,
            has_block_checksums: flags & BLOCK_CHECKSUMS != 0,
            size,
            sum: (flags & CONTENT_CHECKSUM != 0).then(|| XxHash32::with_seed(0)),
            max_block,
            read: 0,
        })
    }

    /// Decompresses the next block behind what was handed out; `None` where the frame ends.
    fn block(&mut self, mut frame: Frame) -> io::Result<Option<Frame>> {
        let length = u32::from_le_bytes(self.bytes()?);
        if length == 0 {
            self.end(&frame)?;
            return Ok(None);
        }
        let is_plain = length & IS_PLAIN != 0;
        let length = usize::try_from(length & !IS_PLAIN).unwrap_or(usize::MAX);
        if length > frame.max_block {
            return Err(damaged());
        }
        self.packed.clear();
        self.inner.by_ref().take(length as u64).read_to_end(&mut self.packed)?;
        let is_cut = self.packed.len() < length;
        if !is_cut
            && frame.has_block_checksums
            && u32::from_le_bytes(self.bytes()?) != XxHash32::oneshot(0, &self.packed)
        {
            return Err(damaged());
        }
        let kept = if frame.blocks_are_linked { self.plain.len().min(REFERRED_TO) } else { 0 };
        self.plain.drain(..self.plain.len().saturating_sub(kept));
        self.out = kept;
        if is_plain {
            self.plain.extend_from_slice(&self.packed);
        } else if is_cut {
            undo_what_is_there(&self.packed, &mut self.plain, kept.saturating_add(frame.max_block));
        } else {
            self.plain.resize(kept.saturating_add(frame.max_block), 0);
            let (before, free) = self.plain.split_at_mut(kept);
            let written = decompress_into_with_dict(&self.packed, free, before);
            self.plain.truncate(kept.saturating_add(*written.as_ref().unwrap_or(&0)));
            if written.is_err() {
                undo_what_is_there(&self.packed, &mut self.plain, kept.saturating_add(frame.max_block));
                self.broken = Some(ErrorKind::InvalidData);
            }
        }
        if is_cut {
            self.broken = Some(ErrorKind::UnexpectedEof);
        }
        let fresh = self.plain.get(kept..).unwrap_or_default();
        frame.read = frame.read.saturating_add(fresh.len() as u64);
        if let Some(sum) = &mut frame.sum {
            sum.write(fresh);
        }
        Ok(Some(frame))
    }

    fn end(&mut self, frame: &Frame) -> io::Result<()> {
        if frame.size.is_some_and(|size| size != frame.read) {
            return Err(damaged());
        }
        if let Some(sum) = &frame.sum
            && u32::from_le_bytes(self.bytes()?) != sum.finish_32()
        {
            return Err(damaged());
        }
        Ok(())
    }

    fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.inner.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl<R: BufRead> Read for Lz4<R> {
    fn read(&mut self, free: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(ready) = self.plain.get(self.out..).filter(|ready| !ready.is_empty()) {
                let length = ready.len().min(free.len());
                for (free, byte) in free.iter_mut().zip(ready) {
                    *free = *byte;
                }
                self.out = self.out.saturating_add(length);
                return Ok(length);
            }
            if let Some(kind) = self.broken {
                return Err(kind.into());
            }
            let frame = match self.frame.take() {
                Some(frame) => frame,
                None => match self.begin()? {
                    Some(frame) => frame,
                    None => return Ok(0),
                },
            };
            self.frame = self.block(frame)?;
        }
    }
}

/// Appends what a block holds up to where it breaks off or makes no sense, so that `plain` has no more than `most`
/// bytes.
fn undo_what_is_there(mut packed: &[u8], plain: &mut Vec<u8>, most: usize) {
    while let Some(rest) = undo_sequence(packed, plain, most) {
        packed = rest;
    }
}

/// Undoes one sequence: bytes as they stand, then bytes that were there before. `None` where nothing follows it.
fn undo_sequence<'p>(packed: &'p [u8], plain: &mut Vec<u8>, most: usize) -> Option<&'p [u8]> {
    let (&token, rest) = packed.split_first()?;
    let (literals, rest) = length(token >> 4, rest)?;
    let room = most.saturating_sub(plain.len());
    let here = rest.get(..literals.min(room)).unwrap_or(rest);
    plain.extend_from_slice(here);
    let (offset, rest) = rest.get(literals..)?.split_first_chunk()?;
    let (repeated, rest) = length(token & 0x0f, rest)?;
    let from = plain.len().checked_sub(usize::from(u16::from_le_bytes(*offset))).filter(|from| *from < plain.len())?;
    let room = most.saturating_sub(plain.len());
    for at in from..from.saturating_add(repeated.saturating_add(SHORTEST_MATCH).min(room)) {
        // It may repeat what it has just made.
        plain.push(*plain.get(at)?);
    }
    Some(rest)
}

/// A length whose first four bits are in the token; 15 says that more is added, up to a byte that is not 255.
fn length(nibble: u8, mut rest: &[u8]) -> Option<(usize, &[u8])> {
    let mut length = usize::from(nibble);
    let mut last = if nibble == 0x0f { 0xff } else { 0 };
    while last == 0xff {
        (last, rest) = rest.split_first().map(|(byte, rest)| (*byte, rest))?;
        length = length.saturating_add(usize::from(last));
    }
    Some((length, rest))
}

fn damaged() -> io::Error {
    ErrorKind::InvalidData.into()
}

/// The only version there is.
const VERSION: u8 = 1;
const INDEPENDENT_BLOCKS: u8 = 0x20;
const BLOCK_CHECKSUMS: u8 = 0x10;
const CONTENT_SIZE: u8 = 0x08;
const CONTENT_CHECKSUM: u8 = 0x04;
const DICTIONARY: u8 = 0x01;
/// Set in the length of a block that did not become smaller.
const IS_PLAIN: u32 = 1 << 31;
/// What a match has more bytes than its length says.
const SHORTEST_MATCH: usize = 4;
/// How far back a block may refer, in bytes.
const REFERRED_TO: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use lz4_flex::block::compress;

    use super::*;

    #[test]
    fn a_block_that_breaks_off_gives_what_it_holds() {
        // Literals and matches of all lengths, one of them longer than what it repeats.
        let text: Vec<u8> = (0..3000_u32).map(|at| (at % 251).to_le_bytes()[0]).collect();
        let plain = [text.as_slice(), &[7; 900], &text[100..400], b"ab"].concat();
        let packed = compress(&plain);
        let mut whole = Vec::new();
        undo_what_is_there(&packed, &mut whole, 1 << 20);
        assert_eq!(whole, plain);
        let mut longest = 0;
        for cut in 0..packed.len() {
            let mut begun = Vec::new();
            undo_what_is_there(&packed[..cut], &mut begun, 1 << 20);
            assert!(plain.starts_with(&begun) && begun.len() >= longest, "cut at {cut}");
            longest = begun.len();
            let mut bounded = Vec::new();
            undo_what_is_there(&packed[..cut], &mut bounded, 100);
            assert!(plain.starts_with(&bounded) && bounded.len() == begun.len().min(100), "cut at {cut}");
        }
        assert!(longest + 300 >= plain.len());
        // A match before the beginning, and one of itself.
        for nonsense in [&[0x10, b'a', 2, 0, 9][..], &[0x10, b'a', 0, 0, 9]] {
            let mut begun = Vec::new();
            undo_what_is_there(nonsense, &mut begun, 100);
            assert_eq!(begun, b"a");
        }
    }

    #[test]
    fn a_frame_that_breaks_off_or_is_damaged_gives_what_was_before() {
        let plain: Vec<u8> = (0..20_000_u32).map(|at| (at * at / 1000 % 31).to_le_bytes()[0]).collect();
        // Version 1, blocks of their own, of 64 KiB at most; no sizes, no checksums.
        let header = [0x60, 0x40];
        let mut packed = [&MAGIC[..], &header, &[XxHash32::oneshot(0, &header).to_le_bytes()[1]]].concat();
        for block in plain.chunks(10_000).map(compress) {
            packed.extend(u32::try_from(block.len()).unwrap().to_le_bytes());
            packed.extend(block);
        }
        packed.extend([0; 4]);
        let read = |packed: &[u8]| {
            let mut out = Vec::new();
            let error = Lz4::new(Cursor::new(packed.to_vec())).read_to_end(&mut out).err().map(|error| error.kind());
            (out, error)
        };
        let mut longest = 0;
        for cut in (20..packed.len() - 4).step_by(17).chain([packed.len() - 4]) {
            let (out, error) = read(&packed[..cut]);
            assert_eq!(error, Some(ErrorKind::UnexpectedEof));
            assert!(plain.starts_with(&out) && out.len() >= longest, "cut at {cut}");
            longest = out.len();
            let mut damaged = packed.clone();
            damaged[cut] ^= 0xff;
            let (damaged, error) = read(&damaged);
            assert!(error.is_none() || damaged.starts_with(&out), "damaged at {cut}");
        }
        assert_eq!(longest, plain.len());
    }
}
