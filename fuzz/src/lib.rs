//! What must hold for any bytes, one module for each fuzz target.
//!
//! A target is a function of bytes that panics where something does not hold: beyond "no panic", that decoding the
//! same twice says the same, that machine output is JSON, and that nothing written can harm a terminal. None of them
//! needs a fuzzer, so `cli/tests/fuzz_targets.rs` runs them over the seeds with every test run. `docs/fuzzing.md` says
//! how to run them for long.

pub mod dcerpc;
pub mod dns;
pub mod file;
pub mod http;
pub mod kerberos;
pub mod key_credential;
pub mod kpasswd;
pub mod ldap;
pub mod ntlm;
pub mod pkinit;
pub mod seeds;
pub mod smb;
pub mod spnego;
pub mod stream;
pub mod tds;
pub mod tls;
pub mod whole;
pub mod wire;

mod check;
mod conversation;
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
pub const TARGETS: [Target; 17] = [
    ("file", file::run),
    ("wire", wire::run),
    ("stream", stream::run),
    ("kerberos", kerberos::run),
    ("pkinit", pkinit::run),
    ("ldap", ldap::run),
    ("dns", dns::run),
    ("tls", tls::run),
    ("http", http::run),
    ("spnego", spnego::run),
    ("ntlm", ntlm::run),
    ("smb", smb::run),
    ("dcerpc", dcerpc::run),
    ("tds", tds::run),
    ("kpasswd", kpasswd::run),
    ("key_credential", key_credential::run),
    ("capture", whole::run),
];
