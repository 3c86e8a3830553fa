//! The program as its user meets it: arguments and files in, output, messages and an exit status out.
//!
//! Everything runs the binary itself over `samples/`, or over captures made from them here. The tests hold for any
//! state of the catalogue: what is found in a sample is tested in `diagnose/tests/samples.rs`; here it matters how it
//! is told.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "all of this is tests")]

#[path = "cli/support.rs"]
mod support;

#[path = "cli/catalogue.rs"]
mod catalogue;
#[path = "cli/damage.rs"]
mod damage;
#[path = "cli/hostile.rs"]
mod hostile;
#[path = "cli/interruption.rs"]
mod interruption;
#[path = "cli/keys.rs"]
mod keys;
#[path = "cli/messages.rs"]
mod messages;
#[path = "cli/notes.rs"]
mod notes;
#[path = "cli/output.rs"]
mod output;
#[path = "cli/places.rs"]
mod places;
#[path = "cli/report.rs"]
mod report;
#[path = "cli/schemas.rs"]
mod schemas;
#[path = "cli/validator.rs"]
mod validator;
