//! Everything that can happen to the screens.

use std::sync::Arc;

use ratatui::crossterm::event::{Event, KeyEventKind, MouseButton, MouseEventKind};

use crate::{bytes::Found, keys::Action, model::Model, snapshot::Snapshot};

/// Something that happened: a key, or news from whoever reads the capture.
#[derive(Clone, Debug)]
pub enum Message {
    /// A key that means something here.
    Act(Action),
    /// A character for what is typed.
    Typed(char),
    /// Text from the clipboard for what is typed.
    Pasted(String),
    /// A click in this column and row.
    Clicked(u16, u16),
    /// The wheel, by so many lines.
    Scrolled(i16),
    /// The terminal has this many columns and rows.
    Resized(u16, u16),
    /// This many bytes have been read, of so many where that is known, at so many a second.
    Progress(u64, Option<u64>, u64),
    /// So many packets came from a device so far, and so many more were dropped.
    Live(u64, u64),
    /// Bytes that this program has in memory.
    Memory(u64),
    /// What there is to know of the device, in a sentence.
    Note(String),
    /// What came of a request, in a sentence.
    Told(String),
    /// The state of things so far.
    Report(Arc<Snapshot>),
    /// The bytes of a step of a sign-in, or why they cannot be had.
    Bytes((u64, usize), Result<Arc<Found>, String>),
    /// Reading is over; what ended it early, if anything did.
    Ended(Option<String>),
    /// Nobody will say anything about reading any more.
    Gone,
}

/// What an event of the terminal means while the model is as it is; `None` for nothing.
pub fn message_of(model: &Model, event: &Event) -> Option<Message> {
    match event {
        // Windows reports releases too.
        Event::Key(key) if key.kind != KeyEventKind::Release => model.settings.keys.message(model.place(), *key),
        Event::Paste(text) if model.place().is_typing() => Some(Message::Pasted(text.clone())),
        Event::Mouse(mouse) => match mouse.kind {
            MouseEventKind::Down(MouseButton::Left) => Some(Message::Clicked(mouse.column, mouse.row)),
            MouseEventKind::Down(MouseButton::Right) if !model.place().is_typing() => Some(Message::Act(Action::Back)),
            MouseEventKind::ScrollDown => Some(Message::Scrolled(WHEEL)),
            MouseEventKind::ScrollUp => Some(Message::Scrolled(-WHEEL)),
            _ => None,
        },
        Event::Resize(columns, rows) => Some(Message::Resized(*columns, *rows)),
        _ => None,
    }
}

/// Lines that the wheel moves by.
const WHEEL: i16 = 3;
