//! Undoes lz4, frame after frame.
//!
//! The blocks are the library's; the frames around them are walked here, because only so a file that breaks off
//! between two blocks is told from one that is complete.
//!
//! Source: LZ4 Frame Format Description 1.6.4.

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
        Self { inner, frame: None, packed: Vec::new(), plain: Vec::new(), out: 0 }
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
        self.packed.resize(length, 0);
        self.inner.read_exact(&mut self.packed)?;
        if frame.has_block_checksums && u32::from_le_bytes(self.bytes()?) != XxHash32::oneshot(0, &self.packed) {
            return Err(damaged());
        }
        let kept = if frame.blocks_are_linked { self.plain.len().min(REFERRED_TO) } else { 0 };
        self.plain.drain(..self.plain.len().saturating_sub(kept));
        self.out = kept;
        if is_plain {
            self.plain.extend_from_slice(&self.packed);
        } else {
            self.plain.resize(kept.saturating_add(frame.max_block), 0);
            let (before, free) = self.plain.split_at_mut(kept);
            let written = decompress_into_with_dict(&self.packed, free, before);
            self.plain.truncate(kept.saturating_add(*written.as_ref().unwrap_or(&0)));
            written.map_err(|_| damaged())?;
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
/// How far back a block may refer, in bytes.
const REFERRED_TO: usize = 64 << 10;
