//! How far reading has come, on a terminal, once it takes long enough that somebody wonders.

use std::{cell::Cell, io::IsTerminal as _};

use capture::Position;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Bytes between two updates: drawing must cost nothing.
const EVERY: u64 = 8 << 20;
/// Inputs below this size are read before anybody could look.
const WORTH_SHOWING: u64 = 32 << 20;

/// A progress bar on standard error, where that is a terminal and the inputs are large.
pub(crate) struct Bar {
    bar: ProgressBar,
    shown: Cell<u64>,
}

impl Bar {
    /// A bar for inputs of this size.
    pub(crate) fn new(position: Position) -> Self {
        let worth = position.total.is_none_or(|total| total >= WORTH_SHOWING);
        let bar = if worth && std::io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(position.total, ProgressDrawTarget::stderr());
            let template = if position.total.is_some() {
                "reading {bytes} of {total_bytes} {wide_bar} {eta}"
            } else {
                "reading {bytes}"
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar
        } else {
            ProgressBar::hidden()
        };
        Self { bar, shown: Cell::new(0) }
    }

    /// Reading has come this far.
    pub(crate) fn at(&self, position: Position) {
        if position.read >= self.shown.get() + EVERY {
            self.shown.set(position.read);
            self.bar.set_position(position.read);
        }
    }

    /// Takes the bar away.
    pub(crate) fn done(&self) {
        self.bar.finish_and_clear();
    }
}
