//! Reports to screens: how text is laid out for a person.
//!
//! [`wrap`] fits text to a width; [`mark`] says how a severity looks where there is no colour.

mod mark;
mod wrap;

pub use mark::{mark, outcome_word};
pub use wrap::wrap;
