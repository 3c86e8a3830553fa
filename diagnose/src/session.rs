//! From a source of packets to a report: one thread reads, the others decode, and the rules look at the result.

use capture::{Batch, CaptureError, CaptureTime, Losses, Position, Progress, Source};
use crossbeam_channel::{Receiver, Sender, bounded};
use trace::{ClockOffset, Facts, Governor, Logons, Settings, Tracer};

use crate::{LogonReports, Report, Thresholds, endpoints, report::Past};

/// Batches in flight between the reader and the tracer: enough that neither waits for long, few enough to stay small.
const BATCHES: usize = 3;

/// Sign-ins for which a report is made each second while a source goes on; for twice as many it is every other second.
const LOGONS_A_TICK: usize = 2000;

/// A run over one source.
pub struct Session {
    tracer: Tracer,
    inputs: Vec<String>,
    past: Past,
    /// What was lost up to the end of the last batch.
    losses: Losses,
    governor: Option<Governor>,
}

/// Why a run ended before the end of its source. What was read until then is kept.
pub type ReadError = CaptureError;

impl Session {
    /// Logons that are told in full. Beyond it the oldest are only counted, those that succeeded first.
    pub const MAX_LOGONS: usize = Past::MAX_LOGONS;

    /// Starts with nothing read.
    pub fn new(settings: Settings) -> Self {
        let mut tracer = Tracer::new(settings);
        tracer.watch(endpoints::is_of_interest);
        Self { tracer, inputs: Vec::new(), past: Past::default(), losses: Losses::default(), governor: None }
    }

    /// Tells no more than so many logons in full; by default [`Session::MAX_LOGONS`].
    pub fn keep_logons(&mut self, most: usize) {
        self.past.keep(most);
    }

    /// Keeps limits while a source goes on. To be called before anything is read.
    pub fn govern(&mut self, governor: Governor) {
        if let Some(memory) = governor.limits().memory {
            self.tracer.keep_within(memory);
        }
        self.governor = Some(governor);
    }

    /// Notes what exports of the directory say: keys are compared with it.
    pub fn note_directory(&mut self, directory: decode::directory::Directory) {
        self.tracer.note_directory(directory);
    }

    /// Notes which domains are verified with Microsoft Entra.
    pub fn note_verified_domains(&mut self, domains: Vec<String>) {
        self.tracer.note_verified_domains(domains);
    }

    /// Notes which thresholds of the rules the user set.
    pub fn note_thresholds(&mut self, thresholds: Thresholds) {
        self.tracer.note_thresholds(thresholds.into_facts());
    }

    /// Notes how the clocks of the inputs were found to differ.
    pub fn note_clocks(&mut self, clocks: Vec<ClockOffset>) {
        self.tracer.note_clocks(clocks);
    }

    /// Reads the source to its end. `progress` is told how far reading has come, now and then.
    ///
    /// # Errors
    /// When the source fails. The report of what was read until then can still be had.
    pub fn run(
        &mut self,
        source: &mut dyn Source,
        packets_per_batch: usize,
        mut progress: impl FnMut(Position),
    ) -> Result<(), ReadError> {
        self.inputs = source.inputs().to_vec();
        let (result, losses) = read_all(source, packets_per_batch, |batch, so_far| {
            let position = so_far.position;
            self.push(batch, so_far);
            progress(position);
        });
        self.inputs = source.inputs().to_vec();
        self.tracer.finish(losses);
        result
    }

    /// Reads the source to its end like [`Session::run`], and hands out a report now and then: after the first batch,
    /// whenever a quarter more has been read since the last, so that all the reports of a long run together cost no
    /// more than five times the last one, and where nothing more comes for now.
    ///
    /// # Errors
    /// When the source fails. The report of what was read until then can still be had.
    pub fn run_watched(
        &mut self,
        source: &mut dyn Source,
        packets_per_batch: usize,
        mut progress: impl FnMut(Position),
        mut publish: impl FnMut(Report<LogonReports<'_>>),
    ) -> Result<(), ReadError> {
        self.inputs = source.inputs().to_vec();
        let (mut batches, mut next, mut told) = (0_u64, 1, 0);
        let (result, losses) = read_all(source, packets_per_batch, |batch, so_far| {
            let position = so_far.position;
            self.push(batch, so_far);
            progress(position);
            let is_idle = batch.is_idle();
            batches += u64::from(!is_idle);
            if batches >= next || (is_idle && batches > told) {
                told = batches;
                next = batches + (batches / 4).max(1);
                self.tracer.account(Losses::default());
                publish(self.report());
            }
        });
        self.inputs = source.inputs().to_vec();
        self.tracer.finish(losses);
        result
    }

    /// Reads a source that goes on for long, and hands out a report as time passes: each second of capture time that
    /// brought something, and more seldom when there are so many sign-ins that reports would cost more than they tell.
    /// With it comes the capture time that has been reached.
    ///
    /// # Errors
    /// When the source fails. The report of what was read until then can still be had.
    pub fn run_live(
        &mut self,
        source: &mut dyn Source,
        packets_per_batch: usize,
        mut publish: impl FnMut(Report<LogonReports<'_>>, CaptureTime),
    ) -> Result<(), ReadError> {
        self.inputs = source.inputs().to_vec();
        let mut ticks = 0;
        let (result, losses) = read_all(source, packets_per_batch, |batch, so_far| {
            let losses = so_far.losses;
            self.push(batch, so_far);
            ticks += usize::from(batch.tick().is_some());
            if ticks > self.tracer.logons().len() / LOGONS_A_TICK {
                ticks = 0;
                self.tracer.account(losses);
                let now = self.tracer.facts().visibility.now.unwrap_or(CaptureTime(0));
                publish(self.report(), now);
            }
        });
        self.tracer.finish(losses);
        result
    }

    /// Takes in a batch, behind which things stand like this. At a tick it makes room, by what was known then.
    fn push(&mut self, batch: &Batch, so_far: SoFar) {
        let Self { tracer, inputs, past, losses, governor } = self;
        if let Some(governor) = governor.as_mut().filter(|_| batch.tick().is_some()) {
            tracer.shed(governor.tick());
        }
        inputs.extend(so_far.inputs);
        tracer.push(batch, |grouper, now| {
            grouper.account(now, *losses);
            past.make_room(grouper, now, inputs);
        });
        *losses = so_far.losses;
    }

    /// The logons that are kept.
    pub fn logons(&self) -> &Logons {
        self.tracer.logons()
    }

    /// What holds beyond them.
    pub fn facts(&self) -> &Facts {
        self.tracer.facts()
    }

    /// Runs the catalogue over what was read.
    pub fn report(&self) -> Report<LogonReports<'_>> {
        Report::new(&self.inputs, self.tracer.logons(), self.tracer.facts(), &self.past)
    }

    /// The same when nothing follows: what was found in sign-ins that were released is taken for it, so that it is not
    /// held twice, and a later report would lack it.
    pub fn last_report(&mut self) -> Report<LogonReports<'_>> {
        let known = self.past.take_known();
        Report::going_on(known, &self.inputs, self.tracer.logons(), self.tracer.facts(), &self.past)
    }
}

/// How things stand behind a batch.
#[derive(Clone, Debug, Default)]
pub struct SoFar {
    /// How far reading has come.
    pub position: Position,
    /// What was lost.
    pub losses: Losses,
    /// Names of inputs that are new since the batch before, such as files that appeared in a followed folder.
    pub inputs: Vec<String>,
}

/// Calls `take` for every batch of the source, in order, while a thread reads ahead.
pub fn read_all(
    source: &mut dyn Source,
    packets_per_batch: usize,
    mut take: impl FnMut(&Batch, SoFar),
) -> (Result<(), CaptureError>, Losses) {
    let (full_sender, full) = bounded::<(Batch, SoFar)>(BATCHES);
    let (empty, empty_receiver) = bounded::<Batch>(BATCHES);
    for _ in 0..BATCHES {
        // Cannot fail: the receiver is alive and the channel has room for all of them.
        let _ = empty.send(Batch::new(packets_per_batch));
    }
    let result = std::thread::scope(|scope| {
        let source = &mut *source;
        let reader = scope.spawn(move || read(source, &full_sender, &empty_receiver));
        for (batch, so_far) in full {
            take(&batch, so_far);
            let _ = empty.send(batch);
        }
        match reader.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    });
    let losses = source.losses();
    (result, losses)
}

/// Fills batches until the source ends, fails, or nobody wants them any more.
fn read(source: &mut dyn Source, full: &Sender<(Batch, SoFar)>, empty: &Receiver<Batch>) -> Result<(), CaptureError> {
    let mut known = source.inputs().len();
    while let Ok(mut batch) = empty.recv() {
        let progress = source.fill(&mut batch)?;
        let inputs = source.inputs().get(known..).unwrap_or_default().to_vec();
        known += inputs.len();
        let sent = full.send((batch, SoFar { position: source.position(), losses: source.losses(), inputs }));
        if sent.is_err() || progress == Progress::End {
            break;
        }
    }
    Ok(())
}
