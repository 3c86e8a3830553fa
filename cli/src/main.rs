//! hellotrace: reads captures of sign-ins and says, with packets, why one failed.

mod args;
mod commands;
mod exit;
mod interrupt;
#[cfg(feature = "directory")]
mod ldap;
mod meter;
mod output;
mod signals;

use std::process::ExitCode;

use mimalloc::MiMalloc;

// Messages are allocated by the shards' threads and freed by another: glibc's allocator spends a fifth of a run on
// that, this one half as much.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    exit::end(commands::run(&args::parse()))
}
