//! `hellotrace events`: every decoded message, a JSON object a line.

use std::{
    io::Write as _,
    sync::atomic::{AtomicBool, Ordering},
};

use capture::{Batch, CaptureError, Losses, Position, Progress, Source};
use decode::{Event, Message};
use trace::{Decoding, Visibility};

use super::{open, settings, tell_passed_over};
use crate::{
    args::Events,
    exit::{Status, complain},
    output::{Output, json, progress::Bar, text::clock_line},
};

/// Reads and writes as it goes.
pub(crate) fn run(arguments: &Events) -> anyhow::Result<Status> {
    let settings = settings(&arguments.input)?;
    let stop = AtomicBool::new(false);
    let (source, clocks) = open(&arguments.input.files, arguments.input.follow)?;
    let mut source = Stoppable { source, stop: &stop };
    let mut inputs = source.inputs().to_vec();
    let told = source.source.passed_over().len();
    for clock in clocks {
        if let Some(input) = inputs.get(usize::from(clock.input)) {
            complain(&clock_line(input, clock.ahead / 1000, clock.packets));
        }
    }
    let mut output = Output::new(arguments.target.output.as_deref(), &arguments.input.files)?;
    let bar = Bar::new(source.position());
    let mut decoding = Decoding::new(settings);
    let mut visibility = Visibility::default();
    let mut events = Vec::new();
    let mut written = Ok(());
    let (ended, losses) = diagnose::read_all(&mut source, arguments.input.work.batch as usize, |batch, so_far| {
        if written.is_err() {
            return;
        }
        inputs.extend(so_far.inputs);
        decoding.push(batch, &mut events);
        written = write(&mut events, &inputs, &mut visibility, &mut output);
        if batch.is_idle() && written.is_ok() {
            written = output.flush().map_err(Into::into);
        }
        stop.store(written.is_err(), Ordering::Relaxed);
        bar.at(so_far.position);
    });
    bar.done();
    tell_passed_over(&source.source, told);
    written?;
    decoding.finish(&mut events);
    write(&mut events, &inputs, &mut visibility, &mut output)?;
    decoding.account(&mut visibility);
    visibility.losses = losses;
    if visibility.packets == 0 {
        // Nothing could be read: then there is nothing to sum up, and no file to write.
        ended?;
        return finish(&visibility, output);
    }
    let status = finish(&visibility, output)?;
    ended?;
    Ok(status)
}

fn finish(visibility: &Visibility, mut output: Output) -> anyhow::Result<Status> {
    json::write_line(&json::Summary::new(visibility), &mut output)?;
    output.finish()?;
    Ok(if visibility.damage > 0 { Status::Found } else { Status::Clean })
}

fn write(
    events: &mut Vec<Event>,
    inputs: &[String],
    visibility: &mut Visibility,
    output: &mut Output,
) -> anyhow::Result<()> {
    for event in events.drain(..) {
        visibility.note(&event);
        if let Message::Damage(damage) = &event.message {
            complain(&damage.to_string());
        }
        json::write_line(&json::Line::new(&event, inputs), output)?;
    }
    Ok(())
}

/// A source that ends early, when nobody can be told any more what is in it: it may be a pipe that stays open for
/// hours.
struct Stoppable<'s, S> {
    source: S,
    stop: &'s AtomicBool,
}

impl<S: Source> Source for Stoppable<'_, S> {
    fn fill(&mut self, batch: &mut Batch) -> Result<Progress, CaptureError> {
        if self.stop.load(Ordering::Relaxed) {
            batch.clear();
            return Ok(Progress::End);
        }
        self.source.fill(batch)
    }

    fn inputs(&self) -> &[String] {
        self.source.inputs()
    }

    fn position(&self) -> Position {
        self.source.position()
    }

    fn losses(&self) -> Losses {
        self.source.losses()
    }
}
