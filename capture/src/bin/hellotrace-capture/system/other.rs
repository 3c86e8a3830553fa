//! Windows: the console's Ctrl-C ends the process, the driver's owner decides who may record, and there is no sandbox.
//!
//! Compiled and linked for Windows; recording itself was not tried there.

#![expect(
    clippy::unnecessary_wraps,
    clippy::unused_self,
    reason = "the same signatures as where there is something to do"
)]

use std::fs::OpenOptions;
use std::io;
use std::path::Path;

use crate::orders::Orders;

/// Standard output.
pub(crate) fn standard_output() -> io::Result<io::Stdout> {
    Ok(io::stdout())
}

/// Signals are not to be had; a closed standard input ends recording where that was asked for.
pub(crate) fn listen(_orders: &Orders) -> io::Result<()> {
    Ok(())
}

/// Nothing is given up.
pub(crate) fn give_up_rights(_user: Option<&str>, _writes: Option<&Path>) -> Result<(), String> {
    Ok(())
}

/// Files take the rights of their folder.
pub(crate) fn for_the_owner_only(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

/// Not known.
pub(crate) fn free_space(_folder: &Path) -> Option<u64> {
    None
}

/// Which rights are missing, and how to grant them.
pub(crate) fn missing_rights() -> String {
    "Npcap was installed for administrators only: run this as administrator".to_owned()
}

/// Nobody can be asked.
pub(crate) fn forward(_process: u32, _orders: &Orders) {}

/// Not known.
pub(crate) fn input_is_closed() -> bool {
    false
}

/// Not known before it is opened.
#[derive(Debug)]
pub(crate) struct LinkState;

impl LinkState {
    /// Not known.
    pub(crate) fn of(_name: &str) -> Option<Self> {
        None
    }

    /// Not known.
    pub(crate) fn read(&mut self) -> State {
        State::Up
    }
}

/// Whether an interface carries packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It does.
    Up,
    /// It is there and does not.
    #[expect(dead_code, reason = "not told apart here")]
    Down,
    /// It is gone.
    #[expect(dead_code, reason = "not told apart here")]
    Gone,
}
