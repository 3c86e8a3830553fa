//! Reports to screens: how text is laid out for a person, and the interactive screens.
//!
//! [`wrap`] fits text to a width; [`mark`] says how a severity looks where there is no colour. [`run`] owns the
//! terminal: keys and what the reader has to say become a [`Message`], `update` is the only writer of the [`Model`],
//! and [`draw`] shows the model and changes nothing.
//!
//! ```text
//! keys, reports ─► Message ─► update(Model) ─► draw(Model) ─► terminal
//!                     ▲             │
//!                     └── others ◄──┴─ Request (bytes of a message, files, the clipboard)
//! ```

mod bytes;
mod cloud;
mod columns;
mod details;
mod export;
mod fields;
mod filter;
mod health;
mod index;
mod keys;
mod limits;
mod mark;
mod marks;
mod message;
mod model;
mod request;
mod settings;
mod snapshot;
mod tables;
mod terminal;
mod text;
mod theme;
mod update;
mod view;
mod wrap;

pub use bytes::Found;
pub use export::{Export, Format};
pub use keys::{Action, keys_as_markdown};
pub use mark::{mark, outcome_word};
pub use marks::{MAX_FILE, Mark, Marks};
pub use message::{Message, message_of};
pub use model::{Model, View};
pub use request::{Packets, Request, Wanted};
pub use settings::{MAX_SETTINGS, Settings};
pub use snapshot::Snapshot;
pub use terminal::{Faults, Left, run, within};
pub use theme::{Palette, Theme};
pub use update::update;
pub use view::draw;
pub use wrap::wrap;
