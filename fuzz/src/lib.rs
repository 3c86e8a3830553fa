//! What must hold for any bytes, one module for each fuzz target.
//!
//! A target is a function of bytes that panics where something does not hold: beyond "no panic", that decoding the
//! same twice says the same, that machine output is JSON, and that nothing written can harm a terminal. None of them
//! needs a fuzzer, so `cli/tests/fuzz_targets.rs` runs them over the seeds with every test run. `docs/fuzzing.md` says
//! how to run them for long.

pub mod directory;
pub mod dns;
pub mod file;
pub mod kerberos;
pub mod ldap;
pub mod pkinit;
pub mod seeds;
pub mod stream;
pub mod whole;
pub mod wire;

mod check;
mod input;

// The program's own writers, so that what is checked is what it prints.
#[path = "../../cli/src/output/json.rs"]
mod json;
#[path = "../../cli/src/output/text.rs"]
#[allow(dead_code, reason = "lines of live sign-ins are not among what is checked")]
mod text;

/// A target's name and what it does with its input.
pub type Target = (&'static str, fn(&[u8]));

/// All targets, by name.
pub const TARGETS: [Target; 9] = [
    ("file", file::run),
    ("wire", wire::run),
    ("stream", stream::run),
    ("kerberos", kerberos::run),
    ("pkinit", pkinit::run),
    ("ldap", ldap::run),
    ("dns", dns::run),
    ("directory", directory::run),
    ("capture", whole::run),
];
