//! Undoes gzip, member after member.
//!
//! Inflating is the library's; the members around it are walked here, because only so everything that was inflated
//! before a damaged place is handed out, and the same however the bytes arrived. The library's own reader of gzip drops
//! what it has in hand when it fails.
//!
//! Source: RFC 1952, RFC 1951.

use std::io::{self, BufRead, ErrorKind, Read};

use flate2::{Crc, Decompress, FlushDecompress, Status};

/// What a member begins with: two bytes, and method 8, the only one there is (RFC 1952 §2.3.1).
pub(super) const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];

/// Decompresses what `inner` brings.
pub(super) struct Gzip<R> {
    inner: R,
    inflate: Decompress,
    state: State,
    /// Over what came out of this member.
    sum: Crc,
    /// What was inflated, in step with the library's window.
    plain: Vec<u8>,
    /// What is still to be handed out lies at `begin..end` of `plain`.
    begin: usize,
    end: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A member begins, or the input ends.
    Between,
    Within,
    /// What follows the last byte of a member is to be read.
    Behind,
}

impl<R: BufRead> Gzip<R> {
    pub(super) fn new(inner: R) -> Self {
        let (inflate, sum, plain) = (Decompress::new(false), Crc::new(), vec![0; WINDOW]);
        Self { inner, inflate, state: State::Between, sum, plain, begin: 0, end: 0 }
    }

    pub(super) fn get_ref(&self) -> &R {
        &self.inner
    }

    /// Whether another member was begun; `false` at the end of the input.
    fn begin(&mut self) -> io::Result<bool> {
        if self.inner.fill_buf()?.is_empty() {
            return Ok(false);
        }
        let [first, second, method, flags, ..] = self.bytes::<10>()?;
        if [first, second, method] != MAGIC || flags & RESERVED != 0 {
            return Err(damaged());
        }
        if flags & EXTRA != 0 {
            let length = u64::from(u16::from_le_bytes(self.bytes()?));
            if io::copy(&mut self.inner.by_ref().take(length), &mut io::sink())? < length {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        for text in [NAME, COMMENT] {
            if flags & text != 0 {
                self.pass_text()?;
            }
        }
        if flags & HEADER_SUM != 0 {
            self.bytes::<2>()?;
        }
        self.inflate.reset(false);
        self.sum.reset();
        self.state = State::Within;
        Ok(true)
    }

    /// Passes over a name or a comment, which ends with a zero.
    fn pass_text(&mut self) -> io::Result<()> {
        for _ in 0..LONGEST_TEXT {
            let [byte] = self.bytes()?;
            if byte == 0 {
                return Ok(());
            }
        }
        Err(damaged())
    }

    /// Inflates up to the end of the library's window.
    ///
    /// It fills that from where it stopped to its end in one call, and no further; so room for just as much takes all
    /// it has, even when it fails.
    fn inflate(&mut self) -> io::Result<()> {
        let packed = self.inner.fill_buf()?;
        if packed.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let (taken, made) = (self.inflate.total_in(), self.inflate.total_out());
        self.begin = usize::try_from(made % WINDOW as u64).unwrap_or_default();
        let free = self.plain.get_mut(self.begin..).unwrap_or_default();
        let status = self.inflate.decompress(packed, free, FlushDecompress::None);
        let difference = |now: u64, before: u64| usize::try_from(now.saturating_sub(before)).unwrap_or_default();
        let taken = difference(self.inflate.total_in(), taken);
        self.end = self.begin.saturating_add(difference(self.inflate.total_out(), made));
        self.inner.consume(taken);
        self.sum.update(self.plain.get(self.begin..self.end).unwrap_or_default());
        match status {
            Ok(Status::StreamEnd) => {
                self.state = State::Behind;
                Ok(())
            }
            // Asked once more, the library fails again.
            _ if self.begin < self.end => Ok(()),
            Ok(_) if taken > 0 => Ok(()),
            _ => Err(damaged()),
        }
    }

    /// What follows the last byte of a member: a checksum and a length.
    fn end(&mut self) -> io::Result<()> {
        let told = (u32::from_le_bytes(self.bytes()?), u32::from_le_bytes(self.bytes()?));
        if told != (self.sum.sum(), self.sum.amount()) {
            return Err(damaged());
        }
        self.state = State::Between;
        Ok(())
    }

    fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.inner.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl<R: BufRead> Read for Gzip<R> {
    fn read(&mut self, free: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(ready) = self.plain.get(self.begin..self.end).filter(|ready| !ready.is_empty()) {
                let length = ready.len().min(free.len());
                if let (Some(free), Some(ready)) = (free.get_mut(..length), ready.get(..length)) {
                    free.copy_from_slice(ready);
                }
                self.begin = self.begin.saturating_add(length);
                return Ok(length);
            }
            match self.state {
                State::Between => {
                    if !self.begin()? {
                        return Ok(0);
                    }
                }
                State::Within => self.inflate()?,
                State::Behind => self.end()?,
            }
        }
    }
}

fn damaged() -> io::Error {
    ErrorKind::InvalidData.into()
}

/// How far back inflating may refer, in bytes.
const WINDOW: usize = 32 << 10;

/// The longest name or comment that is passed over, in bytes: no file system has a longer path.
const LONGEST_TEXT: usize = 64 << 10;

const HEADER_SUM: u8 = 0x02;
const EXTRA: u8 = 0x04;
const NAME: u8 = 0x08;
const COMMENT: u8 = 0x10;
const RESERVED: u8 = 0xe0;

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Cursor, Write as _};

    use flate2::{Compression, GzBuilder, write::GzEncoder};

    use super::*;

    /// What comes out, and the kind of error behind it, if the bytes arrive so many at a time.
    fn read(packed: &[u8], at_once: usize) -> (Vec<u8>, Option<ErrorKind>) {
        let mut gzip = Gzip::new(BufReader::with_capacity(at_once, Cursor::new(packed.to_vec())));
        let mut plain = Vec::new();
        let error = gzip.read_to_end(&mut plain).err();
        (plain, error.map(|error| error.kind()))
    }

    /// Bytes that pack to about half, in members of which the first fills the window several times over.
    fn packed() -> (Vec<u8>, Vec<u8>) {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0] & 0x1f
        };
        let plain: Vec<u8> = (0..100_000).map(|_| next()).collect();
        let (first, second) = plain.split_at(99_000);
        let mut packed = Vec::new();
        let builder = GzBuilder::new().filename("a.pcap").comment("two").extra([7; 300]);
        let mut member = builder.write(&mut packed, Compression::default());
        member.write_all(first).unwrap();
        member.finish().unwrap();
        let mut member = GzEncoder::new(&mut packed, Compression::fast());
        member.write_all(second).unwrap();
        member.finish().unwrap();
        (plain, packed)
    }

    #[test]
    fn members_of_all_kinds_come_out_whole() {
        let (plain, packed) = packed();
        for at_once in [1, 7, 64 << 10] {
            assert_eq!(read(&packed, at_once), (plain.clone(), None));
        }
    }

    #[test]
    fn damage_costs_nothing_before_it_however_the_bytes_arrive() {
        let (plain, packed) = packed();
        for at in (400..packed.len()).step_by(9973).chain(packed.len() - 8..packed.len()) {
            let (before, error) = read(&packed[..at], 64 << 10);
            assert_eq!(error, Some(ErrorKind::UnexpectedEof));
            assert!(plain.starts_with(&before), "cut at {at}");
            let mut damaged = packed.clone();
            damaged[at] ^= 0xff;
            let (all, error) = read(&damaged, 64 << 10);
            assert!(all.starts_with(&before), "damaged at {at}: {} of {}", all.len(), before.len());
            assert!(error.is_some(), "damaged at {at}");
            for at_once in [13, 4096] {
                assert!(read(&damaged, at_once) == (all.clone(), error), "damaged at {at}, {at_once} at once");
            }
        }
    }
}
