//! `hellotrace events`: every decoded message, a JSON object a line.

use std::io::Write as _;

use capture::Source as _;
use decode::{Event, Message};
use trace::{Decoding, Visibility};

use super::settings;
use crate::{
    args::Events,
    exit::{Status, complain},
    output::{Output, json, progress::Bar},
};

/// Reads and writes as it goes.
pub(crate) fn run(arguments: &Events) -> anyhow::Result<Status> {
    let settings = settings(&arguments.input)?;
    let mut source = capture::open(&arguments.input.files)?;
    let inputs = source.inputs().to_vec();
    let mut output = Output::new(arguments.target.output.as_deref())?;
    let bar = Bar::new(source.position());
    let mut decoding = Decoding::new(settings);
    let mut visibility = Visibility::default();
    let mut events = Vec::new();
    let mut failed = Ok(());
    let (ended, losses) = diagnose::read_all(&mut source, arguments.input.batch as usize, |batch, position| {
        if failed.is_err() {
            return;
        }
        decoding.push(batch, &mut events);
        failed = write(&mut events, &inputs, &mut visibility, &mut output);
        bar.at(position);
    });
    failed?;
    decoding.finish(&mut events);
    write(&mut events, &inputs, &mut visibility, &mut output)?;
    bar.done();
    decoding.account(&mut visibility);
    visibility.losses = losses;
    json::write_line(&json::Summary::new(&visibility), &mut output)?;
    output.flush()?;
    output.finish()?;
    ended?;
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
