//! What recording may be told while it runs: to end, and to begin the next file.
//!
//! By signals, where there are any; and by whoever started it, through standard input: a byte `r` begins the next file,
//! and its end means the end. So nothing goes on recording for a program that is gone.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Orders that were given and not yet followed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Orders {
    pub(crate) stop: Arc<AtomicBool>,
    pub(crate) rotate: Arc<AtomicBool>,
}

impl Orders {
    /// Whether to end.
    pub(crate) fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Whether to begin the next file; asked again it is not so.
    pub(crate) fn take_rotate(&self) -> bool {
        self.rotate.swap(false, Ordering::Relaxed)
    }

    /// Takes orders from standard input, in a thread that ends with the process.
    pub(crate) fn take_from_standard_input(&self) -> io::Result<()> {
        let orders = self.clone();
        let listen = move || {
            for byte in io::stdin().lock().bytes() {
                match byte {
                    Ok(b'r') => orders.rotate.store(true, Ordering::Relaxed),
                    Ok(_) => {}
                    Err(_) => break,
                }
            }
            orders.stop.store(true, Ordering::Relaxed);
        };
        std::thread::Builder::new().name("orders".to_owned()).spawn(listen)?;
        Ok(())
    }
}
