//! Everything that can happen to the screens.

use std::sync::Arc;

use diagnose::Report;
use ratatui::crossterm::event::{Event, KeyEventKind};

use crate::{
    keys::{self, Action},
    model::Model,
};

/// Something that happened: a key, or news from whoever reads the capture.
#[derive(Clone, Debug)]
pub enum Message {
    /// A key that means something here.
    Act(Action),
    /// A character for the filter.
    Typed(char),
    /// The terminal has this many columns and rows.
    Resized(u16, u16),
    /// This many bytes have been read, of so many where that is known.
    Progress(u64, Option<u64>),
    /// So many packets came from a device so far, and so many more were dropped.
    Live(u64, u64),
    /// What there is to know of the device, in a sentence.
    Note(String),
    /// The state of things so far.
    Report(Arc<Report>),
    /// Reading is over; what ended it early, if anything did.
    Ended(Option<String>),
    /// Nobody will say anything about reading any more.
    Gone,
}

/// What an event of the terminal means while the model is as it is; `None` for nothing.
pub fn message_of(model: &Model, event: &Event) -> Option<Message> {
    match event {
        // Windows reports releases too.
        Event::Key(key) if key.kind != KeyEventKind::Release => keys::message(model.place(), *key),
        Event::Resize(columns, rows) => Some(Message::Resized(*columns, *rows)),
        _ => None,
    }
}
