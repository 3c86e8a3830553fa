//! What the screens ask others to do: nothing that reads or writes happens where keys are taken.

use std::{net::IpAddr, path::PathBuf, sync::Arc};

use decode::Event;

use crate::export::Export;

/// Something to be done behind the screens.
#[derive(Clone, Debug)]
pub enum Request {
    /// The bytes of a message, and the message where the report does not hold it. The answer is `Message::Bytes`.
    Bytes(Wanted),
    /// Write this to a file, under this name if there is one. The answer is `Message::Told`.
    Write(Export, Option<PathBuf>),
    /// Keep marks and notes: the whole session file.
    Save(String),
    /// Stop reading.
    Cancel,
    /// Put this into the clipboard of whoever sits at the terminal.
    Copy(String),
}

/// A message on the wire.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The sign-in and the place of the step in it.
    pub step: (u64, usize),
    /// Where it is.
    pub packets: Packets,
    /// The message, where it is known.
    pub event: Option<Arc<Event>>,
}

/// The packets of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packets {
    /// The input, where there are several.
    pub file: Option<String>,
    /// The first packet and the last, by Wireshark's numbers.
    pub numbers: (u64, u64),
    /// Between whom they went; packets of others between them are not meant.
    pub between: Option<(IpAddr, IpAddr)>,
}

impl Packets {
    /// Those of a step.
    pub(crate) fn of(step: &diagnose::StepReport) -> Self {
        let first = step.event.as_ref().map_or(step.packet, |event| event.seen.first.number.min(step.packet));
        Self { file: step.file.clone(), numbers: (first, step.packet), between: step.between }
    }
}
