//! Goes on when an interface comes back.
//!
//! Whoever has given up all rights cannot open a device again. So the process that keeps them does nothing but start
//! another one that records, and start it anew when the interface is there again. It sees no packet.

use std::ffi::OsString;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::orders::Orders;
use crate::system::{self, LinkState, State};
use crate::{NOT_THERE, Stopped, now, say};

/// Records from the interface `name` with these arguments (of which `--wait` is taken away), until told to end.
pub(crate) fn keep_recording(name: &str, arguments: impl Iterator<Item = OsString>) -> Result<(), Stopped> {
    let arguments: Vec<OsString> = arguments.filter(|argument| argument != "--wait").collect();
    let orders = Orders::default();
    system::listen(&orders)?;
    let program = std::env::current_exe()?;
    let can_see_it = LinkState::of(name).is_some();
    let begin = now();
    let mut again = false;
    loop {
        let mut command = Command::new(&program);
        command.args(&arguments);
        if again {
            command.arg("--again").arg(now().duration_since(begin).as_secs().to_string());
        }
        let mut recording = command.spawn()?;
        let status = loop {
            if let Some(status) = recording.try_wait()? {
                break status;
            }
            system::forward(recording.id(), &orders);
            std::thread::sleep(LOOK_EVERY);
        };
        match status.code() {
            Some(0) => return Ok(()),
            Some(NOT_THERE) if can_see_it => {}
            // It has said why.
            code => return Err(Stopped::Silently(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(2))),
        }
        say(&format!("waiting for {name}"));
        if !comes_back(name, &orders) {
            return Ok(());
        }
        say(&format!("{name} is there again"));
        again = true;
    }
}

/// Waits until the interface is up, as far as that can be told. Answers whether that came before the end.
fn comes_back(name: &str, orders: &Orders) -> bool {
    loop {
        std::thread::sleep(LOOK_EVERY);
        if orders.stop.load(Ordering::Relaxed) || system::input_is_closed() {
            return false;
        }
        if LinkState::of(name).is_some_and(|mut link| link.read() == State::Up) {
            return true;
        }
    }
}

/// Short: what an interface carries before it is opened again is lost.
const LOOK_EVERY: Duration = Duration::from_millis(100);
