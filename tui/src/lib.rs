//! Reports to screens: how text is laid out for a person, and the interactive screens.
//!
//! [`wrap`] fits text to a width; [`mark`] says how a severity looks where there is no colour. [`run`] owns the terminal:
//! keys and what the reader has to say become a [`Message`], `update` is the only writer of the [`Model`], and [`draw`]
//! shows the model and changes nothing.
//!
//! ```text
//! keys, reports ─► Message ─► update(Model) ─► draw(Model) ─► terminal
//! ```

mod fields;
mod keys;
mod mark;
mod message;
mod model;
mod terminal;
mod text;
mod theme;
mod update;
mod view;
mod wrap;

pub use keys::Action;
pub use mark::{mark, outcome_word};
pub use message::{Message, message_of};
pub use model::Model;
pub use terminal::{Faults, Left, run, within};
pub use theme::Theme;
pub use update::update;
pub use view::draw;
pub use wrap::wrap;
