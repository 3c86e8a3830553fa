//! Ctrl-C and SIGTERM: they end the program as ever, but first take away the file that is not complete. Where a capture
//! is followed, the first ends the reading, and the report of what was read comes out.

use std::{
    fs,
    path::PathBuf,
    process,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

static STOP: OnceLock<Arc<AtomicBool>> = OnceLock::new();
static UNFINISHED: Mutex<Option<PathBuf>> = Mutex::new(None);

/// What the first interruption sets, instead of ending the program.
pub(crate) fn stop() -> Arc<AtomicBool> {
    let stop = STOP.get_or_init(Arc::default);
    install();
    Arc::clone(stop)
}

/// Has this file removed when the program is interrupted.
pub(crate) fn remove(unfinished: PathBuf) {
    *UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner) = Some(unfinished);
    install();
}

fn install() {
    // Where signals are ignored (nohup) they stay so, and it does without: what may be left behind then has a name of
    // its own, and no report is damaged. Asked for again, it is there already.
    let _ = ctrlc::try_set_handler(|| {
        if STOP.get().is_some_and(|stop| !stop.swap(true, Ordering::Relaxed)) {
            return;
        }
        if let Some(unfinished) = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = fs::remove_file(unfinished);
        }
        process::exit(INTERRUPTED);
    });
}

/// 128 and the number of SIGINT, as shells tell it.
const INTERRUPTED: i32 = 130;
