//! hellotrace: reads captures of sign-ins and says, with packets, why one failed.

mod args;
mod commands;
mod exit;
mod output;

use std::process::ExitCode;

fn main() -> ExitCode {
    exit::end(commands::run(&args::parse()))
}
