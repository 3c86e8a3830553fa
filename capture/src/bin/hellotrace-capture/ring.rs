//! Recording to files: one, or a ring of them, kept within the space it may take.
//!
//! A file that has grown or aged enough is closed and the next begun; the oldest are deleted beyond a total. When the
//! disk runs short, recording pauses, says so, and goes on when there is room; packets that were not recorded meanwhile
//! count in the next file as dropped, so whoever reads it does not argue from their absence.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use capture::{CaptureTime, LinkType, Losses, Recorder};

use crate::{APPLICATION, OUTPUT_BUFFER, say, system};

/// What is to be written where.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// The file, or what the names of the files begin with.
    pub(crate) path: PathBuf,
    /// Bytes after which the next file begins.
    pub(crate) size: Option<u64>,
    /// Age at which the next file begins.
    pub(crate) age: Option<Duration>,
    /// Bytes of all files together, beyond which the oldest are deleted.
    pub(crate) total: Option<u64>,
    /// Bytes that are left free on the disk.
    pub(crate) free: u64,
    /// Whether recording goes on after an earlier process: then the first file is not to have the plain name.
    pub(crate) again: bool,
}

/// The interface that is recorded.
#[derive(Clone, Debug)]
pub(crate) struct Interface {
    pub(crate) name: String,
    pub(crate) link: LinkType,
    pub(crate) snaplen: u32,
    pub(crate) filter: String,
}

/// Files being written.
#[derive(Debug)]
pub(crate) struct Ring {
    plan: Plan,
    interface: Interface,
    current: Option<Current>,
    finished: VecDeque<(PathBuf, u64)>,
    /// When the counters were last noted.
    time: Instant,
    /// The counters as the file before tells them, and those of now.
    before: (u64, Losses),
    now: (u64, Losses),
    /// Packets not recorded since the file before was closed.
    unrecorded: u64,
    files: u32,
    /// Whether it was told that the disk takes no more, and it has taken nothing since.
    is_full: bool,
}

#[derive(Debug)]
struct Current {
    recorder: Recorder<Counted>,
    path: PathBuf,
    began: Instant,
    /// Packets of which a part is not on the disk yet.
    pending: u64,
}

/// Counts what goes through.
#[derive(Debug)]
struct Counted {
    file: BufWriter<File>,
    bytes: u64,
}

impl Counted {
    /// Bytes that left this program.
    fn written_out(&self) -> u64 {
        self.bytes.saturating_sub(self.file.buffer().len() as u64)
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.bytes = self.bytes.saturating_add(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Ring {
    /// Begins the first file. The error is a sentence.
    pub(crate) fn begin(plan: Plan, interface: Interface, time: Instant) -> Result<Self, String> {
        let finished = if plan.makes_several() { earlier(&plan.path) } else { VecDeque::new() };
        let nothing = (0, Losses::default());
        let mut ring = Self {
            plan,
            interface,
            current: None,
            finished,
            time,
            before: nothing,
            now: nothing,
            unrecorded: 0,
            files: 0,
            is_full: false,
        };
        let folder = folder_of(&ring.plan.path);
        if system::free_space(folder).is_some_and(|free| free < ring.plan.free) {
            return Err(format!(
                "cannot write {}: less than {} MB are free there (--min-free)",
                ring.plan.path.display(),
                ring.plan.free >> 20
            ));
        }
        ring.open(time).map_err(|error| format!("cannot write {}: {error}", ring.plan.path.display()))?;
        Ok(ring)
    }

    /// Records a packet, if there is room for it.
    pub(crate) fn packet(&mut self, at: CaptureTime, wire_len: u32, bytes: &[u8]) {
        let Some(current) = &mut self.current else {
            self.unrecorded = self.unrecorded.saturating_add(1);
            return;
        };
        let before = current.recorder.get_ref().written_out();
        let result = current.recorder.packet(0, at, wire_len, bytes);
        // What was waiting when something went to the disk went with it, all but the end of this packet.
        let is_alone = result.is_ok() && current.recorder.get_ref().written_out() > before;
        current.pending = if is_alone { 1 } else { current.pending.saturating_add(1) };
        if let Err(error) = result {
            self.give_up(&error);
        } else if self.plan.size.is_some_and(|most| current.recorder.get_ref().bytes >= most) {
            let time = self.time;
            self.rotate(at, time);
        }
    }

    /// Takes note of the counters, once a second: writes them, looks at age and free space, and begins what is due.
    pub(crate) fn count(&mut self, at: CaptureTime, received: u64, lost: Losses, time: Instant) {
        self.now = (received, lost);
        self.time = time;
        let is_short = system::free_space(folder_of(&self.plan.path)).is_some_and(|free| free < self.plan.free);
        let is_old = |current: &Current| self.plan.age.is_some_and(|most| time.duration_since(current.began) >= most);
        if self.current.as_ref().is_some_and(is_old) {
            self.close(at);
        }
        if is_short && self.current.is_some() {
            self.close(at);
            say(&format!("recording pauses: less than {} MB are free", self.plan.free >> 20));
        }
        if self.current.is_none()
            && !is_short
            && let Err(error) = self.open(time)
        {
            self.give_up(&error);
        }
        if let Err(error) = self.statistics(at) {
            self.give_up(&error);
        }
        self.delete_oldest();
    }

    /// Begins the next file, for whoever asked for it.
    pub(crate) fn rotate(&mut self, at: CaptureTime, time: Instant) {
        self.close(at);
        if let Err(error) = self.open(time) {
            self.give_up(&error);
        }
    }

    /// Ends the last file.
    pub(crate) fn finish(&mut self, at: CaptureTime, received: u64, lost: Losses) {
        self.now = (received, lost);
        self.close(at);
    }

    fn open(&mut self, time: Instant) -> io::Result<()> {
        let is_first = self.files == 0 && !self.plan.makes_several() && !self.plan.again;
        let path = if is_first { self.plan.path.clone() } else { free_name(&self.plan.path)? };
        let mut options = OpenOptions::new();
        system::for_the_owner_only(options.write(true).create_new(true));
        let file = BufWriter::with_capacity(OUTPUT_BUFFER, options.open(&path).map_err(|error| explained(&error))?);
        let mut recorder = Recorder::new(Counted { file, bytes: 0 }, APPLICATION)?;
        let Interface { name, link, snaplen, filter } = &self.interface;
        recorder.interface(name, *link, *snaplen, filter)?;
        self.files = self.files.saturating_add(1);
        self.current = Some(Current { recorder, path, began: time, pending: 0 });
        Ok(())
    }

    /// Writes the counters since the file was begun.
    fn statistics(&mut self, at: CaptureTime) -> io::Result<()> {
        let Some(current) = &mut self.current else { return Ok(()) };
        let ((received, lost), (received_before, before)) = (self.now, self.before);
        let lost = Losses {
            by_interface: lost.by_interface.saturating_sub(before.by_interface),
            by_system: lost.by_system.saturating_sub(before.by_system).saturating_add(self.unrecorded),
            thinned: lost.thinned.saturating_sub(before.thinned),
            interruptions: lost.interruptions.saturating_sub(before.interruptions),
        };
        current.recorder.statistics(0, at, received.saturating_sub(received_before), lost)?;
        current.recorder.flush()?;
        current.pending = 0;
        self.is_full = false;
        Ok(())
    }

    /// Closes the current file. What is not recorded from here on counts in the next one.
    fn close(&mut self, at: CaptureTime) {
        if let Err(error) = self.statistics(at) {
            self.give_up(&error);
        }
        if let Some(Current { recorder, path, .. }) = self.current.take() {
            self.finished.push_back((path, recorder.get_ref().bytes));
            self.unrecorded = 0;
            self.before = self.now;
        }
    }

    /// A disk that takes no more ends the file, not the capture. Tried again with the next count; that is told once,
    /// and leaves no file in which there is nothing.
    fn give_up(&mut self, error: &io::Error) {
        let Some(Current { recorder, path, pending, .. }) = self.current.take() else { return };
        self.unrecorded = self.unrecorded.saturating_add(pending);
        let bytes = recorder.get_ref().written_out();
        // Nothing more is to be written, also not by its destructor, which cannot say what comes of it.
        let _ = recorder.into_inner().file.into_parts();
        if !self.is_full {
            say(&format!("recording pauses: cannot write {}: {error}", path.display()));
            self.is_full = true;
        }
        // The next try is told of if this one cannot be taken away.
        if bytes > 0 || fs::remove_file(&path).is_err() {
            self.finished.push_back((path, bytes));
        }
    }

    fn delete_oldest(&mut self) {
        let Some(most) = self.plan.total else { return };
        let current = self.current.as_ref().map_or(0, |current| current.recorder.get_ref().bytes);
        let sum = |finished: &VecDeque<(PathBuf, u64)>| finished.iter().map(|(_, bytes)| *bytes).sum::<u64>();
        while current.saturating_add(sum(&self.finished)) > most {
            let Some((path, _)) = self.finished.pop_front() else { return };
            if let Err(error) = fs::remove_file(&path)
                && error.kind() != io::ErrorKind::NotFound
            {
                say(&format!("cannot delete {}: {error}", path.display()));
            }
        }
    }
}

impl Plan {
    fn makes_several(&self) -> bool {
        self.size.is_some() || self.age.is_some() || self.total.is_some()
    }
}

fn explained(error: &io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::AlreadyExists => io::Error::new(error.kind(), "it exists, and no recording is overwritten"),
        kind => io::Error::new(kind, error.to_string()),
    }
}

/// The folder of a path.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// `dc1_2026-11-22T09-58-49Z.pcapng` for `dc1.pcapng`, with a number when the second has one already. Names sort by
/// time.
fn free_name(base: &Path) -> io::Result<PathBuf> {
    let (stem, extension) = parts(base);
    let time = system::wall_clock().to_string();
    let time = time.get(..19).unwrap_or(&time).replace(':', "-");
    for number in 1..=MOST_IN_A_SECOND {
        let number = if number == 1 { String::new() } else { format!("_{number:03}") };
        let mut name = stem.clone();
        name.push(format!("_{time}Z{number}"));
        name.push(&extension);
        let path = base.with_file_name(name);
        if !path.exists() {
            return Ok(path);
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "too many files in one second"))
}

/// The name without its extension, and the extension with its dot.
fn parts(base: &Path) -> (OsString, OsString) {
    let stem = base.file_stem().unwrap_or_default().to_owned();
    let extension = base.extension().map(|extension| {
        let mut dotted = OsString::from(".");
        dotted.push(extension);
        dotted
    });
    (stem, extension.unwrap_or_default())
}

/// Files that earlier runs left under the same name, oldest first: they count towards the total.
fn earlier(base: &Path) -> VecDeque<(PathBuf, u64)> {
    let (stem, extension) = parts(base);
    let (stem, extension) = (stem.to_string_lossy().into_owned(), extension.to_string_lossy().into_owned());
    let is_ours = |name: &str| {
        let middle = name.strip_prefix(&stem).and_then(|rest| rest.strip_suffix(&extension));
        let stamp = middle.and_then(|middle| middle.strip_prefix('_')).unwrap_or_default();
        // 2026-11-22T09-58-49Z, maybe with _002 behind it.
        let shape: String = stamp.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        shape == "0000-00-00T00-00-00Z" || shape == "0000-00-00T00-00-00Z_000"
    };
    let Ok(entries) = fs::read_dir(folder_of(base)) else { return VecDeque::new() };
    let mut files: Vec<(PathBuf, u64)> = entries
        .filter_map(Result::ok)
        .filter(|entry| is_ours(&entry.file_name().to_string_lossy()))
        .filter_map(|entry| Some((entry.path(), entry.metadata().ok().filter(fs::Metadata::is_file)?.len())))
        .collect();
    files.sort();
    files.into()
}

const MOST_IN_A_SECOND: u32 = 999;

#[cfg(test)]
mod tests {
    use capture::{Batch, Files, Progress, Source};

    use super::*;

    fn interface() -> Interface {
        Interface { name: "eth0".to_owned(), link: LinkType::ETHERNET, snaplen: 65_535, filter: "port 88".to_owned() }
    }

    #[expect(clippy::disallowed_methods, reason = "a file's age is not the packets' time")]
    fn now() -> Instant {
        Instant::now()
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    /// Packets in these files, and the losses they tell of.
    fn read(paths: &[PathBuf]) -> (usize, Losses) {
        let mut source: Files = capture::open(paths).unwrap();
        let mut batch = Batch::default();
        let mut packets = 0;
        loop {
            let progress = source.fill(&mut batch).unwrap();
            assert_eq!(batch.damage(), []);
            packets += batch.len();
            if progress == Progress::End {
                return (packets, source.losses());
            }
        }
    }

    fn losses(by_system: u64) -> Losses {
        Losses { by_system, ..Losses::default() }
    }

    #[test]
    fn one_file_keeps_its_name_and_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan { path: folder.path().join("a.pcapng"), ..Plan::default() };
        let mut ring = Ring::begin(plan.clone(), interface(), now()).unwrap();
        ring.packet(CaptureTime(1), 3, b"one");
        ring.finish(CaptureTime(1), 1, losses(2));
        assert_eq!(files(folder.path()), std::slice::from_ref(&plan.path));
        assert_eq!(read(&files(folder.path())), (1, losses(2)));
        let why = Ring::begin(plan.clone(), interface(), now()).unwrap_err();
        assert!(why.contains("a.pcapng: it exists"), "{why}");
        let mut ring = Ring::begin(Plan { again: true, ..plan }, interface(), now()).unwrap();
        ring.finish(CaptureTime(1), 1, losses(0));
        assert_eq!(files(folder.path()).len(), 2);
    }

    #[test]
    fn sizes_are_kept_and_every_packet_is_in_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan { path: folder.path().join("a.pcapng"), size: Some(4096), ..Plan::default() };
        let mut ring = Ring::begin(plan, interface(), now()).unwrap();
        for n in 0..100 {
            ring.packet(CaptureTime(n), 1000, &[7; 1000]);
            ring.count(CaptureTime(n), 1, losses(n.unsigned_abs() + 1), now());
        }
        ring.finish(CaptureTime(100), 100, losses(100));
        let written = files(folder.path());
        assert!(written.len() >= 20, "{written:?}");
        // The counters of each file are its own: together they are what was lost.
        assert_eq!(read(&written), (100, losses(100)));
    }

    #[test]
    fn age_and_request_begin_the_next_file() {
        let folder = tempfile::tempdir().unwrap();
        let age = Some(Duration::from_mins(1));
        let plan = Plan { path: folder.path().join("a.pcapng"), age, ..Plan::default() };
        let begin = now();
        let mut ring = Ring::begin(plan, interface(), begin).unwrap();
        ring.count(CaptureTime(0), 0, losses(0), begin + Duration::from_secs(59));
        assert_eq!(files(folder.path()).len(), 1);
        ring.count(CaptureTime(0), 0, losses(0), begin + Duration::from_mins(1));
        assert_eq!(files(folder.path()).len(), 2);
        ring.rotate(CaptureTime(0), begin);
        assert_eq!(files(folder.path()).len(), 3);
    }

    #[test]
    fn the_total_is_kept_over_runs_and_nothing_else_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("a_evidence.pcapng");
        fs::write(&other, vec![0; 50_000]).unwrap();
        let earlier = folder.path().join("a_2020-01-31T08-00-00Z.pcapng");
        fs::write(&earlier, [0; 5_000]).unwrap();
        let plan =
            Plan { path: folder.path().join("a.pcapng"), size: Some(4096), total: Some(20_000), ..Plan::default() };
        let mut ring = Ring::begin(plan, interface(), now()).unwrap();
        for n in 0..100 {
            ring.packet(CaptureTime(n), 1000, &[7; 1000]);
            ring.count(CaptureTime(n), 1, losses(0), now());
        }
        ring.finish(CaptureTime(100), 100, losses(0));
        assert!(other.exists() && !earlier.exists());
        let bytes = |path: &PathBuf| fs::metadata(path).unwrap().len();
        let kept: u64 = files(folder.path()).iter().filter(|path| **path != other).map(bytes).sum();
        assert!((10_000..=25_000).contains(&kept), "{kept}");
    }

    #[test]
    fn recording_pauses_when_the_disk_is_short_and_says_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        if system::free_space(folder.path()).is_none() {
            println!("skipped: free space is not known on this system");
            return;
        }
        let plan = Plan { path: folder.path().join("a.pcapng"), size: Some(1 << 20), ..Plan::default() };
        let why = Ring::begin(Plan { free: u64::MAX, ..plan.clone() }, interface(), now()).unwrap_err();
        assert!(why.contains("free"), "{why}");
        let mut ring = Ring::begin(plan, interface(), now()).unwrap();
        ring.packet(CaptureTime(0), 3, b"one");
        ring.plan.free = u64::MAX;
        ring.count(CaptureTime(0), 1, losses(0), now());
        ring.packet(CaptureTime(0), 3, b"two");
        ring.plan.free = 0;
        ring.count(CaptureTime(0), 2, losses(0), now());
        ring.packet(CaptureTime(0), 5, b"three");
        ring.finish(CaptureTime(0), 3, losses(0));
        assert_eq!(read(&files(folder.path())), (2, losses(1)));
    }
}
