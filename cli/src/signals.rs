//! Signals while a device is recorded from. All that only Unix has is here.

use std::io;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// End in order, with a last report: ctrl-C, SIGTERM.
    End,
    /// Begin the next file: SIGHUP.
    #[cfg_attr(not(unix), expect(dead_code, reason = "there is no such signal"))]
    Rotate,
}

/// Calls `take` for each signal from now on, in a thread. One that asks for the end a second time ends the program.
#[cfg(unix)]
pub(crate) fn listen(mut take: impl FnMut(Signal) + Send + 'static) -> io::Result<()> {
    use signal_hook::{
        consts::{SIGHUP, SIGINT, SIGTERM},
        iterator::Signals,
    };

    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let listen = move || {
        let mut is_ending = false;
        for signal in signals.forever() {
            match signal {
                SIGHUP => take(Signal::Rotate),
                signal if is_ending => std::process::exit(128 + signal),
                _ => {
                    is_ending = true;
                    take(Signal::End);
                }
            }
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(listen)?;
    Ok(())
}

/// Calls `take` for each ctrl-C from now on. A second one ends the program.
#[cfg(not(unix))]
pub(crate) fn listen(mut take: impl FnMut(Signal) + Send + 'static) -> io::Result<()> {
    let mut is_ending = false;
    let handler = move || {
        if std::mem::replace(&mut is_ending, true) {
            std::process::exit(130);
        }
        take(Signal::End);
    };
    ctrlc::set_handler(handler).map_err(io::Error::other)
}

/// Gives up being root, as [`capture::rights::become_ordinary_user`] does.
#[cfg(unix)]
pub(crate) fn be_root_no_longer(user: Option<&str>) -> Result<(), String> {
    if !capture::rights::is_root() {
        return Ok(());
    }
    capture::rights::become_ordinary_user(user)
}

/// There is no root.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature as where there is one")]
pub(crate) fn be_root_no_longer(_user: Option<&str>) -> Result<(), String> {
    Ok(())
}
