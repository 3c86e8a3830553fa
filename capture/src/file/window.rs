//! The stretch of an input that is in memory.
//!
//! A format reader asks for so many bytes, looks at them where they lie, and consumes them when it is done, so a
//! packet is copied once only, into its batch. The buffer is reused; it grows to hold one large record and never
//! beyond twice [`Window::MAX`], whatever lengths the input claims.

use std::io;
use std::time::Duration;

use super::origin::{Got, Origin};

/// A buffer that slides over an input.
#[derive(Debug)]
pub(super) struct Window {
    origin: Origin,
    buffer: Vec<u8>,
    /// What is in memory and not consumed lies at `start..end` of `buffer`.
    start: usize,
    end: usize,
    /// Offset of `start` in the decompressed input.
    offset: u64,
    ended: Option<Ended>,
    is_stream: bool,
    is_followed: bool,
}

/// How often to look whether a file that is still written to has grown. Short enough for people who wait, long enough
/// to cost nothing.
pub(crate) const POLL: Duration = Duration::from_millis(200);

/// Why no more bytes come.
#[derive(Debug)]
pub(super) enum Ended {
    /// The input is at its end.
    Here,
    /// Its compressed form is damaged, as the clause says.
    Damaged(&'static str),
    /// Reading failed; the error until someone took it.
    Failed(Option<io::Error>),
}

/// Whether to wait for a pipe to bring more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Read until there is enough.
    Yes,
    /// Files are read as ever, those that are still written to up to what they hold by now, but of a pipe only what is
    /// in memory already.
    No,
}

/// Answer to [`Window::want`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Have {
    /// The bytes are there.
    Enough,
    /// They may come, but not without waiting.
    NotYet,
    /// They will never come: see [`Window::ended`].
    TooFew,
}

impl Window {
    /// The most that can be asked for at once, in bytes: a pcapng block with the largest packet and a good deal of
    /// options, or two of the largest pcap records.
    pub(super) const MAX: usize = 1 << 20;
    /// Large enough that read(2) is rare, small enough to stay in a processor's second-level cache.
    const USUAL: usize = 256 << 10;

    /// Over `origin`; `is_stream` when reading it may take for ever.
    pub(super) fn new(origin: Origin, is_stream: bool) -> Self {
        let buffer = vec![0; Self::USUAL];
        Self { origin, buffer, start: 0, end: 0, offset: 0, ended: None, is_stream, is_followed: false }
    }

    /// Over a file that is still written to: where it ends is no damage.
    pub(super) fn followed(origin: Origin) -> Self {
        Self { is_followed: true, ..Self::new(origin, false) }
    }

    /// Makes sure that [`Window::bytes`] holds `length` bytes, at most [`Window::MAX`], or says why not.
    #[inline]
    pub(super) fn want(&mut self, length: usize, wait: Wait) -> Have {
        if self.len() >= length { Have::Enough } else { self.refill(length, wait) }
    }

    #[cold]
    fn refill(&mut self, length: usize, wait: Wait) -> Have {
        while self.len() < length {
            if self.ended.is_some() || length > Self::MAX {
                return Have::TooFew;
            }
            if self.is_stream && wait == Wait::No {
                return Have::NotYet;
            }
            self.make_room(length);
            match self.origin.read(self.buffer.get_mut(self.end..).unwrap_or_default()) {
                Got::Bytes(read) => self.end = self.end.saturating_add(read).min(self.buffer.len()),
                Got::End => self.ended = Some(Ended::Here),
                Got::NotYet if wait == Wait::No => return Have::NotYet,
                Got::NotYet => std::thread::sleep(POLL),
                Got::Damaged(what) => self.ended = Some(Ended::Damaged(what)),
                Got::Failed(error) => self.ended = Some(Ended::Failed(Some(error))),
            }
        }
        Have::Enough
    }

    /// Makes the buffer hold `length` bytes from `start` on, with room to read at least one more.
    fn make_room(&mut self, length: usize) {
        // Twice what is asked for: then bytes move only after as many were consumed, even if someone asks for much
        // at every single byte, as looking for a sound block in hostile input does.
        if length > self.buffer.len() / 2 {
            self.buffer.resize(length.saturating_mul(2).next_power_of_two().min(2 * Self::MAX), 0);
        }
        if self.start > self.buffer.len() / 2 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end = self.len();
            self.start = 0;
        }
    }

    /// Passes over `length` bytes of [`Window::bytes`].
    #[inline]
    pub(super) fn consume(&mut self, length: usize) {
        let length = length.min(self.len());
        self.start += length;
        self.offset = self.offset.saturating_add(length as u64);
    }

    /// Passes over `length` bytes whether they are in memory or not; waits for a pipe. Says how many there were.
    pub(super) fn skip(&mut self, length: u64) -> u64 {
        let mut left = length;
        while left > 0 {
            let step = usize::try_from(left).unwrap_or(usize::MAX).min(self.len());
            self.consume(step);
            left = left.saturating_sub(step as u64);
            if left > 0 && self.want(1, Wait::Yes) != Have::Enough {
                break;
            }
        }
        length.saturating_sub(left)
    }

    /// Takes the error with which reading failed, if it did.
    pub(super) fn take_error(&mut self) -> Option<io::Error> {
        match &mut self.ended {
            Some(Ended::Failed(error)) => error.take(),
            _ => None,
        }
    }

    /// What is in memory and not consumed.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Length of [`Window::bytes`].
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Whether the file is still written to.
    pub(super) fn is_followed(&self) -> bool {
        self.is_followed
    }

    /// Why no more bytes come; `None` while they may.
    pub(super) fn ended(&self) -> Option<&Ended> {
        self.ended.as_ref()
    }

    /// Offset of [`Window::bytes`] in the decompressed input.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes taken from the disk so far.
    pub(super) fn taken(&self) -> u64 {
        self.origin.taken()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::super::origin::Disk;
    use super::*;

    /// Hands out its bytes three at a time, as a slow pipe does.
    struct Drip(io::Cursor<Vec<u8>>);

    impl Read for Drip {
        fn read(&mut self, free: &mut [u8]) -> io::Result<usize> {
            let length = free.len().min(3);
            self.0.read(&mut free[..length])
        }
    }

    fn window(bytes: Vec<u8>, is_stream: bool) -> Window {
        Window::new(Origin::recognise(Disk::new(Box::new(Drip(io::Cursor::new(bytes))))).unwrap(), is_stream)
    }

    #[test]
    fn slides_over_more_than_it_holds() {
        let bytes: Vec<u8> = (0..700_000_u32).map(|index| (index % 251) as u8).collect();
        let mut window = window(bytes.clone(), false);
        let mut at = 0;
        for length in [1, 299_999, 300_001, 5] {
            assert_eq!(window.want(length, Wait::Yes), Have::Enough);
            assert_eq!(window.bytes()[..length], bytes[at..at + length]);
            assert_eq!(window.offset(), at as u64);
            window.consume(length);
            at += length;
        }
        assert!(window.buffer.len() <= 2 * Window::MAX);
        assert_eq!(window.want(Window::MAX, Wait::Yes), Have::TooFew);
        assert_eq!(window.bytes(), &bytes[at..]);
        assert_eq!(window.skip(1 << 40), (bytes.len() - at) as u64);
    }

    #[test]
    fn impossible_lengths_are_refused_without_memory() {
        let mut window = window(vec![0; 100], false);
        assert_eq!(window.want(usize::MAX, Wait::Yes), Have::TooFew);
        assert_eq!(window.buffer.len(), Window::USUAL);
    }

    #[test]
    fn only_a_stream_is_not_waited_for() {
        assert_eq!(window(vec![0; 10], true).want(4, Wait::No), Have::NotYet);
        assert_eq!(window(vec![0; 10], false).want(4, Wait::No), Have::Enough);
    }
}
