//! Several inputs in one order of arrival.
//!
//! Captures of one network taken at several places belong together, so their packets are merged by time; of equal
//! times the input named first goes first. The order within each input is kept even where its clock steps back.
//! One packet of each input is looked at, where it lies in that input's buffer, so memory does not grow with the
//! inputs' sizes.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::file::{Input, POLL, Peeked, Wait, printable};
use crate::tick::Clock;
use crate::{Batch, CaptureError, CaptureTime, InputId, Losses, Position, Progress, Source};

/// Capture files and pipes as one [`Source`].
#[derive(Debug)]
pub struct Files {
    inputs: Vec<Input>,
    names: Vec<String>,
    /// Inputs whose next packet is not known yet, to be asked from the end.
    unknown: Vec<usize>,
    /// The other inputs that are not at their end, by the time of their next packet.
    known: BinaryHeap<Reverse<(CaptureTime, usize)>>,
    /// Set while the next packet has met the clock and not yet a batch.
    met: Option<Met>,
    clock: Clock,
    /// Up to when the clock was told that nothing came.
    passed: Option<CaptureTime>,
    arrival: u64,
    error: Option<CaptureError>,
    passed_over: Vec<CaptureError>,
    watched: Vec<Watched>,
    /// Looks in vain since folders were last looked into.
    vain: u32,
}

/// A folder whose files are followed.
#[derive(Debug)]
struct Watched {
    folder: PathBuf,
    stop: Arc<AtomicBool>,
    /// Its files, by the input that reads them; none for what is no capture.
    files: HashMap<PathBuf, Option<usize>>,
}

/// What the clock said of the next packet.
#[derive(Clone, Copy, Debug)]
struct Met {
    tick: Option<CaptureTime>,
}

/// How looking at inputs ended.
enum Looked {
    /// The next packet of each is known.
    AtAll,
    /// The batch is to be handed out first.
    HandOut,
}

/// Opens capture files, to be read as one; `-` is standard input, and a folder stands for the files in it.
///
/// Each file is read up to its first packet, so a file that is of no use is told now. Pipes are left alone until
/// the first [`Source::fill`], which may wait for them. In a folder, what is no capture is passed over, see
/// [`Files::passed_over`]; folders in it and hidden files are not looked at.
///
/// # Errors
/// [`CaptureError`] for the first input that cannot be opened, is no capture, or has nothing readable in it, and for a
/// folder without a capture.
pub fn open<P: AsRef<Path>>(inputs: &[P]) -> Result<Files, CaptureError> {
    let mut opening = Opening::default();
    for path in inputs.iter().map(AsRef::as_ref) {
        if path != Path::new("-") && path.is_dir() {
            opening.folder(path)?;
        } else {
            opening.check(path)?;
            let input = Input::open(opening.next_id(path)?, path)?;
            opening.push(input);
        }
    }
    Ok(Files { passed_over: opening.passed_over, ..Files::new(opening.inputs) })
}

/// Opens capture files that are still written to, to be read as one, until `stop` is set. What comes is handed out as
/// it comes; where nothing does, [`Source::fill`] answers [`Progress::Idle`] now and then.
///
/// That a file ends in the middle of a packet is no damage here. A file that is cut back, removed, or whose name
/// another file takes, ends there, and that is told as damage. Pipes and standard input are read as ever.
///
/// A folder stands for the files in it and for those that appear there later. Those that were last written to ten
/// minutes before the newest one count as complete. What is taken away or written over, as rings of files are, is no
/// damage; what is written over is read anew. What is no capture, or is compressed and not complete, is passed over,
/// see [`Files::passed_over`].
///
/// # Errors
/// [`CaptureError::Open`] for the first input that cannot be opened. Whether it is a capture is found when there is
/// something in it.
pub fn follow<P: AsRef<Path>>(inputs: &[P], stop: &Arc<AtomicBool>) -> Result<Files, CaptureError> {
    let mut opening = Opening::default();
    let mut watched = Vec::new();
    for path in inputs.iter().map(AsRef::as_ref) {
        if path != Path::new("-") && path.is_dir() {
            watched.push(opening.watch(path, stop)?);
            continue;
        }
        opening.check(path)?;
        let input = Input::follow(opening.next_id(path)?, path, Arc::clone(stop))?;
        opening.push(input);
    }
    Ok(Files { passed_over: opening.passed_over, watched, ..Files::new(opening.inputs) })
}

/// Inputs while they are opened.
#[derive(Debug, Default)]
struct Opening {
    inputs: Vec<Input>,
    passed_over: Vec<CaptureError>,
    standard_input_taken: bool,
}

impl Opening {
    fn check(&mut self, path: &Path) -> Result<(), CaptureError> {
        let is_standard_input = path == Path::new("-");
        if is_standard_input && self.standard_input_taken {
            return Err(refused("standard input", "it can be read only once, so name - only once"));
        }
        self.standard_input_taken |= is_standard_input;
        Ok(())
    }

    fn next_id(&self, path: &Path) -> Result<InputId, CaptureError> {
        u16::try_from(self.inputs.len())
            .map(InputId)
            .map_err(|_| refused(&printable(path), "65536 inputs are the most, merge some of them before"))
    }

    fn push(&mut self, mut input: Input) {
        if self.inputs.len() >= OPEN_AT_ONCE {
            input.park();
        }
        self.inputs.push(input);
    }

    /// Opens the files of a folder that is followed, in the order of their names. There may be none yet.
    fn watch(&mut self, folder: &Path, stop: &Arc<AtomicBool>) -> Result<Watched, CaptureError> {
        let paths = files_of(folder)?;
        let written = |path: &PathBuf| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
        let newest = paths.iter().filter_map(written).max();
        let mut files = HashMap::new();
        for path in paths {
            let age = newest.zip(written(&path)).and_then(|(newest, written)| newest.duration_since(written).ok());
            let id = self.next_id(&path)?;
            let opened = if age.is_some_and(|age| age >= COMPLETE_AFTER) {
                Input::open(id, &path)
            } else {
                Input::follow_in_folder(id, &path, Arc::clone(stop))
            };
            let index = match opened {
                Ok(input) => {
                    self.push(input);
                    Some(usize::from(id.0))
                }
                Err(error) => {
                    self.passed_over.push(error);
                    None
                }
            };
            files.insert(path, index);
        }
        Ok(Watched { folder: folder.to_owned(), stop: Arc::clone(stop), files })
    }

    /// Opens the files of a folder, in the order of their names.
    fn folder(&mut self, folder: &Path) -> Result<(), CaptureError> {
        let paths = files_of(folder)?;
        let before = self.inputs.len();
        for path in paths {
            match Input::open(self.next_id(&path)?, &path) {
                Ok(input) => self.push(input),
                Err(error) => self.passed_over.push(error),
            }
        }
        if self.inputs.len() == before {
            return Err(refused(&printable(folder), "there is no capture in this folder"));
        }
        Ok(())
    }
}

/// The files in a folder that are not hidden, in the order of their names.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>, CaptureError> {
    let cannot = |why| CaptureError::Open { name: printable(folder), why };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        // A link is what it leads to; a pipe in a folder may never bring anything.
        if !is_hidden && entry.path().is_file() {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

fn refused(name: &str, why: &'static str) -> CaptureError {
    CaptureError::Open { name: name.to_owned(), why: io::Error::new(ErrorKind::InvalidInput, why) }
}

impl Files {
    /// Reads a capture from `reader`, such as a pipe or bytes in memory, under `name`.
    ///
    /// Reading starts with the first [`Source::fill`], so that is where an unusable input is told.
    pub fn from_reader(name: &str, reader: impl Read + Send + 'static) -> Self {
        Self::from_readers([(name, Box::new(reader) as Box<dyn Read + Send>)])
    }

    /// Says by how many nanoseconds the clock of each input is ahead of a common one, by which packets are then ordered
    /// and timed. To be said before the first [`Source::fill`].
    pub fn align_clocks(&mut self, ahead: impl IntoIterator<Item = i64>) {
        for (input, ahead) in self.inputs.iter_mut().zip(ahead) {
            input.put_back(ahead);
        }
    }

    /// The paths of the inputs, if all are files that can be read once more.
    pub fn paths(&self) -> Option<Vec<&Path>> {
        self.inputs.iter().map(Input::file).collect()
    }

    /// Why files in the folders that were opened are not among the inputs.
    pub fn passed_over(&self) -> &[CaptureError] {
        &self.passed_over
    }

    /// As [`Files::from_reader`], for several inputs merged into one. Of more than 65,536 the rest is left out.
    pub fn from_readers<'n>(readers: impl IntoIterator<Item = (&'n str, Box<dyn Read + Send>)>) -> Self {
        let input = |((name, reader), id)| Input::from_reader(InputId(id), name, reader);
        Self::new(readers.into_iter().zip(0_u16..).map(input).collect())
    }

    fn new(inputs: Vec<Input>) -> Self {
        Self {
            names: inputs.iter().map(|input| input.name().to_owned()).collect(),
            unknown: (0..inputs.len()).rev().collect(),
            known: BinaryHeap::with_capacity(inputs.len()),
            inputs,
            met: None,
            clock: Clock::default(),
            passed: None,
            arrival: 0,
            error: None,
            passed_over: Vec::new(),
            watched: Vec::new(),
            vain: 0,
        }
    }

    /// Takes up files that appeared in the folders that are followed, and those that were written over.
    fn look_for_files(&mut self) -> Result<(), CaptureError> {
        let mut watched = std::mem::take(&mut self.watched);
        let looked = watched.iter_mut().try_for_each(|folder| self.look_into(folder));
        self.watched = watched;
        looked
    }

    fn look_into(&mut self, watched: &mut Watched) -> Result<(), CaptureError> {
        if watched.stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        let is_gone = |index: &Option<usize>| index.and_then(|at| self.inputs.get(at)).is_some_and(Input::is_gone);
        watched.files.retain(|_, index| !is_gone(index));
        for path in files_of(&watched.folder)? {
            if watched.files.contains_key(&path) {
                continue;
            }
            let index = self.inputs.len();
            let Ok(id) = u16::try_from(index) else {
                let why = "65536 files of it were read, which are the most: start again";
                return Err(refused(&printable(&watched.folder), why));
            };
            match Input::follow_in_folder(InputId(id), &path, Arc::clone(&watched.stop)) {
                Ok(input) => {
                    self.names.push(input.name().to_owned());
                    self.inputs.push(input);
                    self.unknown.push(index);
                    watched.files.insert(path, Some(index));
                }
                // It went as quickly as it came.
                Err(CaptureError::Open { why, .. }) if why.kind() == ErrorKind::NotFound => {}
                Err(error) => {
                    self.passed_over.push(error);
                    watched.files.insert(path, None);
                }
            }
        }
        Ok(())
    }

    /// Finds the next packet of every input, so that the earliest is known.
    fn look(&mut self, batch: &mut Batch) -> Result<Looked, CaptureError> {
        let mut silent = Vec::new();
        let mut looked = Looked::AtAll;
        while let Some(index) = self.unknown.pop() {
            let Some(input) = self.inputs.get_mut(index) else { continue };
            // What is ready goes out before a pipe is waited for: a live capture may be silent for long.
            let wait = if is_fresh(batch) && !input.is_followed() { Wait::Yes } else { Wait::No };
            match input.peek(wait) {
                // The others go on without it: nobody knows when its next packet comes.
                Peeked::NotYet if input.is_followed() => silent.push(index),
                peeked => {
                    looked = self.note(index, peeked, batch)?;
                    if let Looked::HandOut = looked {
                        break;
                    }
                }
            }
        }
        self.unknown.extend(silent);
        Ok(looked)
    }

    /// Puts the input `index` where it belongs by what comes next in it.
    fn note(&mut self, index: usize, peeked: Peeked, batch: &mut Batch) -> Result<Looked, CaptureError> {
        match peeked {
            Peeked::Packet(at) => self.known.push(Reverse((at, index))),
            Peeked::End => {}
            Peeked::NotYet => {
                self.unknown.push(index);
                return Ok(Looked::HandOut);
            }
            Peeked::Damage(damage) => {
                self.unknown.push(index);
                // Nothing follows damage in a batch, so that its place among the packets is plain.
                batch.push_damage(damage);
                return Ok(Looked::HandOut);
            }
            Peeked::Failed if self.inputs.get(index).is_some_and(Input::is_new_in_folder) => {
                self.passed_over.extend(self.inputs.get_mut(index).and_then(Input::take_error));
            }
            Peeked::Failed => {
                self.unknown.clear();
                self.known.clear();
                self.error = self.inputs.get_mut(index).and_then(Input::take_error);
                if is_fresh(batch) {
                    return self.error.take().map_or(Ok(Looked::AtAll), Err);
                }
                return Ok(Looked::HandOut);
            }
        }
        Ok(Looked::AtAll)
    }

    /// Moves packets of the input `index`, the next one captured `at`, into `batch` while they are the earliest.
    fn run(&mut self, mut at: CaptureTime, index: usize, batch: &mut Batch) -> Result<Looked, CaptureError> {
        if let Some(failed) = self.inputs.get_mut(index).and_then(Input::wake) {
            return self.note(index, failed, batch);
        }
        loop {
            if batch.is_full() || !self.may_enter(at, batch) {
                self.known.push(Reverse((at, index)));
                return Ok(Looked::HandOut);
            }
            let Some(input) = self.inputs.get_mut(index) else { return Ok(Looked::AtAll) };
            if let Some(packet) = input.packet(self.arrival) {
                batch.push(&packet);
            }
            input.advance(self.arrival);
            self.arrival = self.arrival.saturating_add(1);
            match input.peek(Wait::No) {
                Peeked::Packet(next) if self.known.peek().is_none_or(|Reverse(other)| (next, index) < *other) => {
                    at = next;
                }
                peeked => return self.note(index, peeked, batch),
            }
        }
    }

    /// Gives the tick of time that passed without a packet, if it did and nothing that is known comes before it.
    ///
    /// Our own recorder tells of it, so that silence counts live as it does when the recording is read. Of several
    /// inputs none can speak for the others before the end of all.
    fn pass_time(&mut self, batch: &mut Batch) -> bool {
        let is_open = self.met.is_some() || !self.known.is_empty();
        if is_open || self.error.is_some() || (self.inputs.len() > 1 && !self.unknown.is_empty()) {
            return false;
        }
        let Some(at) = self.complete_to().filter(|at| Some(*at) > self.passed) else { return false };
        self.passed = Some(at);
        let Some(tick) = self.clock.observe(at) else { return false };
        batch.set_tick(tick);
        true
    }

    /// Whether files may yet appear.
    fn is_watching(&self) -> bool {
        self.watched.iter().any(|watched| !watched.stop.load(Ordering::Relaxed))
    }

    fn complete_to(&self) -> Option<CaptureTime> {
        self.inputs.iter().filter_map(Input::complete_to).max()
    }

    /// Whether the next packet, captured `at`, may go into `batch`: not if a tick must come before it there.
    #[inline]
    fn may_enter(&mut self, at: CaptureTime, batch: &mut Batch) -> bool {
        let met = self.met.take().unwrap_or_else(|| Met { tick: self.clock.observe(at) });
        match met.tick {
            Some(_) if !is_fresh(batch) => {
                self.met = Some(met);
                return false;
            }
            Some(tick) => batch.set_tick(tick),
            None => {}
        }
        true
    }
}

impl Files {
    fn fill_one(&mut self, batch: &mut Batch) -> Result<Progress, CaptureError> {
        batch.clear();
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        if self.pass_time(batch) {
            return Ok(Progress::More);
        }
        loop {
            if let Looked::HandOut = self.look(batch)? {
                return Ok(Progress::More);
            }
            let Some(Reverse((at, index))) = self.known.pop() else {
                let has_any = !is_fresh(batch);
                // What is left are files that are still written to, or will be.
                if !self.unknown.is_empty() || self.is_watching() {
                    self.vain += 1;
                    if self.vain >= LOOK_INTO_FOLDERS {
                        self.vain = 0;
                        self.look_for_files()?;
                    }
                    if has_any {
                        return Ok(Progress::More);
                    }
                    std::thread::sleep(POLL);
                    return Ok(Progress::Idle);
                }
                // Time that passed behind the last packet comes in a batch of its own.
                let is_due = has_any && self.complete_to() > self.passed;
                if !has_any {
                    self.pass_time(batch);
                }
                return Ok(if is_due { Progress::More } else { Progress::End });
            };
            if let Looked::HandOut = self.run(at, index, batch)? {
                return Ok(Progress::More);
            }
        }
    }
}

impl Source for Files {
    fn fill(&mut self, batch: &mut Batch) -> Result<Progress, CaptureError> {
        let progress = self.fill_one(batch);
        batch.set_may_hold_copies(self.inputs.len() > 1 || self.inputs.iter().any(Input::may_hold_copies));
        progress
    }

    fn inputs(&self) -> &[String] {
        &self.names
    }

    fn position(&self) -> Position {
        let read = self.inputs.iter().fold(0_u64, |sum, input| sum.saturating_add(input.taken()));
        // A file that is still written to can give more than it had when it was opened.
        let total = self.inputs.iter().try_fold(0_u64, |sum, input| Some(sum.saturating_add(input.size()?)));
        Position { read, total: total.map(|total| total.max(read)) }
    }

    fn losses(&self) -> Losses {
        self.inputs.iter().map(Input::losses).fold(Losses::default(), Losses::plus)
    }
}

/// How long before the newest file of a followed folder one must have been written to last to count as complete.
/// Writers that hold back what fills no buffer seldom do so for longer.
const COMPLETE_AFTER: Duration = Duration::from_mins(10);

/// Looks at followed files in vain between two looks into their folders: about a second.
const LOOK_INTO_FOLDERS: u32 = 5;

/// Files held open between the first look at them and their turn. Systems allow 256 or more, and a ring of files has
/// thousands, one of which is in use at a time.
const OPEN_AT_ONCE: usize = 64;

fn is_fresh(batch: &Batch) -> bool {
    batch.is_empty() && batch.damage().is_empty()
}
