//! Undoes zstd, frame after frame.
//!
//! The decoder at hand reads one frame; several in a row (`cat a.zst b.zst`, `pzstd`) and the frames that carry
//! nothing for us are walked here. Where a frame breaks off, what was decompressed of it still comes out: the
//! decoder holds back as much as later blocks may refer to, and gives it up when it is told that the frame ends.
//!
//! Source: RFC 8878.

use std::io::{self, BufRead, ErrorKind, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// What a frame begins with.
pub(super) const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Decompresses what `inner` brings.
pub(super) struct Zstd<R> {
    inner: R,
    decoder: FrameDecoder,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A frame begins, or the input ends.
    Between,
    Within,
    /// What the decoder still holds is to be handed out, then this kind of error.
    Broken(ErrorKind),
}

impl<R: BufRead> Zstd<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, decoder: FrameDecoder::new(), state: State::Between }
    }

    pub(super) fn get_ref(&self) -> &R {
        &self.inner
    }

    /// Whether another frame with something in it was begun; `false` at the end of the input.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.inner.fill_buf()?.is_empty() {
            match self.decoder.init(&mut self.inner) {
                Ok(()) => {
                    self.state = State::Within;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let length = u64::from(length);
                    let skipped = io::copy(&mut self.inner.by_ref().take(length), &mut io::sink())?;
                    if skipped < length {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(_) => return Err(self.kind()?.into()),
            }
        }
        Ok(false)
    }

    /// Decodes one block.
    fn decode(&mut self) -> io::Result<()> {
        if self.decoder.decode_blocks(&mut self.inner, BlockDecodingStrategy::UptoBlocks(1)).is_ok() {
            return Ok(());
        }
        self.state = State::Broken(self.kind()?);
        // The outcome says nothing new: what can be had is asked for next.
        let _ = self.decoder.decode_blocks(LAST_BLOCK, BlockDecodingStrategy::UptoBlocks(1));
        Ok(())
    }

    /// Why the decoder failed: the input has ended, or it is damaged. An error of the input itself comes up again.
    fn kind(&mut self) -> io::Result<ErrorKind> {
        let has_ended = self.inner.fill_buf()?.is_empty();
        Ok(if has_ended { ErrorKind::UnexpectedEof } else { ErrorKind::InvalidData })
    }

    /// What to make of a frame whose bytes have all been handed out.
    fn end(&mut self) -> io::Result<()> {
        let sums = (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum());
        match (self.state, sums) {
            (State::Broken(kind), _) => Err(kind.into()),
            (_, (Some(told), Some(found))) if told != found => Err(ErrorKind::InvalidData.into()),
            _ => {
                self.state = State::Between;
                Ok(())
            }
        }
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, free: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.state == State::Between && !self.begin()? {
                return Ok(0);
            }
            if self.decoder.can_collect() > 0 {
                return self.decoder.read(free);
            }
            if self.state != State::Within || self.decoder.is_finished() {
                self.end()?;
            } else {
                self.decode()?;
            }
        }
    }
}

/// A last block of no bytes, and room for a checksum that nobody looks at.
const LAST_BLOCK: &[u8] = &[1, 0, 0, 0, 0, 0, 0];
