//! Where the bytes of an input come from: a file, a pipe, either of them compressed.
//!
//! Counts what was taken from the disk, undoes gzip, zstd and lz4 (several members or frames in a row, as
//! `cat a.gz b.gz` makes), and keeps a failing disk apart from a damaged stream: the first ends the run, the second
//! ends the input.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::gzip::{self, Gzip};
use super::lz4::{self, Lz4};
use super::zstd::{self, Zstd};

/// The bytes of an input after decompression.
pub(super) enum Origin {
    Plain(Disk),
    Gzip(Box<Gzip<BufReader<Disk>>>),
    Zstd(Box<Zstd<BufReader<Disk>>>),
    Lz4(Box<Lz4<BufReader<Disk>>>),
}

/// What a read brought.
pub(super) enum Got {
    /// This many bytes, at least one.
    Bytes(usize),
    /// The input ended where it should.
    End,
    /// The file is still written to, and holds no more for now.
    NotYet,
    /// The compressed stream ended early or is not what it began as any more.
    Damaged(&'static str),
    /// The disk or the pipe failed.
    Failed(io::Error),
}

impl Origin {
    /// Looks at the first bytes and undoes the compression that they tell of. A failing disk gives the error and how
    /// far it came.
    pub(super) fn recognise(mut disk: Disk) -> Result<Self, (io::Error, u64)> {
        let mut first = [0; LONGEST_MAGIC];
        let mut length = 0;
        while let Some(free) = first.get_mut(length..).filter(|free| !free.is_empty()) {
            match disk.read(free) {
                Ok(0) => break,
                Ok(read) => length += read.min(free.len()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err((error, disk.taken)),
            }
        }
        disk.again = first.get(..length).unwrap_or_default().to_vec();
        let buffered = |disk| BufReader::with_capacity(COMPRESSED_BUFFER, disk);
        Ok(match disk.again.as_slice() {
            again if again.starts_with(&gzip::MAGIC) => Self::Gzip(Box::new(Gzip::new(buffered(disk)))),
            again if again == zstd::MAGIC => Self::Zstd(Box::new(Zstd::new(buffered(disk)))),
            again if again == lz4::MAGIC => Self::Lz4(Box::new(Lz4::new(buffered(disk)))),
            _ => Self::Plain(disk),
        })
    }

    /// Fills the beginning of `free`, which must not be empty.
    pub(super) fn read(&mut self, free: &mut [u8]) -> Got {
        loop {
            let result = match self {
                Self::Plain(disk) => disk.read(free),
                Self::Gzip(decoder) => decoder.read(free),
                Self::Zstd(decoder) => decoder.read(free),
                Self::Lz4(decoder) => decoder.read(free),
            };
            return match result {
                Ok(0) => Got::End,
                Ok(read) => Got::Bytes(read),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => Got::NotYet,
                Err(_) if let Some(fate) = self.disk().fate => Got::Damaged(fate),
                Err(error) if self.disk().failed => Got::Failed(error),
                Err(error) => match error.kind() {
                    ErrorKind::UnexpectedEof => Got::Damaged("the compressed data ends too early"),
                    _ => Got::Damaged("the compressed data is damaged"),
                },
            };
        }
    }

    fn disk(&self) -> &Disk {
        match self {
            Self::Plain(disk) => disk,
            Self::Gzip(decoder) => decoder.get_ref().get_ref(),
            Self::Zstd(decoder) => decoder.get_ref().get_ref(),
            Self::Lz4(decoder) => decoder.get_ref().get_ref(),
        }
    }

    /// Bytes taken from the disk so far.
    pub(super) fn taken(&self) -> u64 {
        self.disk().taken
    }
}

/// A file that is still written to.
#[derive(Clone, Debug)]
pub(super) struct Follow {
    pub(super) path: PathBuf,
    /// Set when whoever follows it has seen enough; then its end is its end.
    pub(super) stop: Arc<AtomicBool>,
    /// Which file bore the name when it was opened, where the system tells files apart.
    file: (u64, u64),
    /// Set when its name stands for something else or nothing, if that is no damage: a ring takes its oldest files
    /// away, or writes over them.
    gone: Option<Arc<AtomicBool>>,
}

impl Follow {
    pub(super) fn new(path: &Path, metadata: &Metadata, stop: Arc<AtomicBool>) -> Self {
        Self { path: path.to_owned(), stop, file: identity(metadata), gone: None }
    }

    /// The same for one of a folder's files, which come and go.
    pub(super) fn in_folder(path: &Path, metadata: &Metadata, stop: Arc<AtomicBool>) -> Self {
        Self { gone: Some(Arc::default()), ..Self::new(path, metadata, stop) }
    }

    /// Whether it is one of a folder's files.
    pub(super) fn is_in_folder(&self) -> bool {
        self.gone.is_some()
    }

    /// Whether it is one of a folder's files, and it is not there any more, or not the same.
    pub(super) fn is_gone(&self) -> bool {
        self.gone.as_ref().is_some_and(|gone| gone.load(Ordering::Relaxed))
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// What became of the file, of which `taken` bytes were read, if that is why no more will come.
    fn fate(&self, taken: u64) -> Option<&'static str> {
        match std::fs::metadata(&self.path) {
            Ok(now) if identity(&now) != self.file => Some("another file took its name while it was followed"),
            Ok(now) if now.len() < taken => Some("the file was cut back while it was followed"),
            Err(error) if error.kind() == ErrorKind::NotFound => Some("the file was removed while it was followed"),
            Ok(_) | Err(_) => None,
        }
    }
}

/// A file that is held open only while there is something to read: a folder may get more files than a process may open.
struct Dozing {
    follow: Follow,
    offset: u64,
    file: Option<File>,
}

impl Read for Dozing {
    fn read(&mut self, free: &mut [u8]) -> io::Result<usize> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => match self.open()? {
                Some(file) => file,
                None => return Ok(0),
            },
        };
        let read = file.read(free)?;
        if read > 0 {
            self.offset = self.offset.saturating_add(read as u64);
            self.file = Some(file);
        }
        Ok(read)
    }
}

impl Dozing {
    /// `None` where there is nothing new, or the file is not the same any more; which of them is found out by who asks
    /// what the end means.
    fn open(&self) -> io::Result<Option<File>> {
        if std::fs::metadata(&self.follow.path).map_or(0, |metadata| metadata.len()) <= self.offset {
            return Ok(None);
        }
        let mut file = match File::open(&self.follow.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        if identity(&file.metadata()?) != self.follow.file {
            return Ok(None);
        }
        file.seek(SeekFrom::Start(self.offset))?;
        Ok(Some(file))
    }
}

/// What tells a file from any other that bears its name later; the same for all where the standard library cannot tell.
#[cfg(unix)]
fn identity(metadata: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> (u64, u64) {
    (0, 0)
}

/// A file or a pipe as the system hands it out.
pub(super) struct Disk {
    inner: Box<dyn Read + Send>,
    /// Bytes read ahead to recognise compression, to be read once more.
    again: Vec<u8>,
    taken: u64,
    failed: bool,
    follow: Option<Follow>,
    /// What became of a followed file, if its name stands for something else now.
    fate: Option<&'static str>,
}

impl Disk {
    pub(super) fn new(inner: Box<dyn Read + Send>) -> Self {
        Self { inner, again: Vec::new(), taken: 0, failed: false, follow: None, fate: None }
    }

    /// A file that is still written to. Its end is [`ErrorKind::WouldBlock`] until it is stopped.
    pub(super) fn followed(inner: Box<dyn Read + Send>, follow: Follow) -> Self {
        Self { follow: Some(follow), ..Self::new(inner) }
    }

    /// The same for one of a folder's files.
    pub(super) fn dozing(follow: Follow) -> Self {
        Self::followed(Box::new(Dozing { follow: follow.clone(), offset: 0, file: None }), follow)
    }

    /// What the end of the file means.
    fn end(&mut self) -> io::Result<usize> {
        match &self.follow {
            Some(follow) if !follow.is_stopped() => {
                let fate = follow.fate(self.taken);
                if let (Some(_), Some(gone)) = (fate, &follow.gone) {
                    gone.store(true, Ordering::Relaxed);
                    return Ok(0);
                }
                self.fate = fate;
                Err(if self.fate.is_some() { ErrorKind::Other } else { ErrorKind::WouldBlock }.into())
            }
            _ => Ok(0),
        }
    }

    pub(super) fn taken(&self) -> u64 {
        self.taken
    }
}

impl Read for Disk {
    fn read(&mut self, free: &mut [u8]) -> io::Result<usize> {
        if !self.again.is_empty() {
            let length = self.again.len().min(free.len());
            for (free, byte) in free.iter_mut().zip(self.again.drain(..length)) {
                *free = byte;
            }
            return Ok(length);
        }
        match self.inner.read(free) {
            Ok(0) => self.end(),
            Ok(read) => {
                self.taken = self.taken.saturating_add(read as u64);
                Ok(read)
            }
            Err(error) => {
                self.failed = error.kind() != ErrorKind::Interrupted;
                Err(error)
            }
        }
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Plain(_) => "Plain",
            Self::Gzip(_) => "Gzip",
            Self::Zstd(_) => "Zstd",
            Self::Lz4(_) => "Lz4",
        };
        write!(f, "{kind}({} bytes)", self.taken())
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Disk({} bytes)", self.taken)
    }
}

/// The most first bytes that a compression is known by.
const LONGEST_MAGIC: usize = 4;

/// Compressed bytes read from the disk at once.
const COMPRESSED_BUFFER: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    struct Fails(usize);

    impl Read for Fails {
        fn read(&mut self, free: &mut [u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(io::Error::other("bad sector"));
            }
            self.0 -= 1;
            free[..4].copy_from_slice(&[0x1f, 0x8b, 8, 0]);
            Ok(4)
        }
    }

    #[test]
    fn failing_disk_is_not_damaged_gzip() {
        let mut origin = Origin::recognise(Disk::new(Box::new(Fails(1)))).unwrap();
        assert!(matches!(origin.read(&mut [0; 8]), Got::Failed(_)));
        let mut origin = Origin::recognise(Disk::new(Box::new(&gzip::MAGIC[..]))).unwrap();
        assert!(matches!(origin.read(&mut [0; 8]), Got::Damaged(_)));
    }

    #[test]
    fn short_inputs_are_read_whole() {
        for length in 0..5 {
            let bytes = vec![0x1f_u8; length];
            let mut origin = Origin::recognise(Disk::new(Box::new(io::Cursor::new(bytes.clone())))).unwrap();
            let mut read = Vec::new();
            let mut free = [0; 2];
            while let Got::Bytes(length) = origin.read(&mut free) {
                read.extend_from_slice(&free[..length]);
            }
            assert_eq!(read, bytes);
            assert_eq!(origin.taken(), length as u64);
        }
    }
}
