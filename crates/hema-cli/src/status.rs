//! How a command ends: its status, and what Ctrl-C does to it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once, OnceLock};

use crate::output::Printer;

/// How a command ended that met no error.
#[derive(Clone, Copy)]
pub(crate) enum Status {
    /// It is done.
    Done,
    /// It is done, and the data or model was found wanting.
    FoundWanting,
    /// Ctrl-C stopped it; what it had done is saved.
    Interrupted,
}

/// The flag that Ctrl-C sets once it is listened to: one for the whole program.
pub(crate) fn stop_flag() -> &'static Arc<AtomicBool> {
    static STOP: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    STOP.get_or_init(Arc::default)
}

/// Has Ctrl-C set the flag from now on. Where it cannot be caught, a warning says that it will
/// `else_it_will`.
pub(crate) fn listen_to_ctrl_c(printer: &Printer, else_it_will: &str) {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        let listening = ctrlc::set_handler(|| {
            // a second Ctrl-C does not wait
            if stop_flag().swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
        });
        if listening.is_err() {
            printer.warn(&format!("Ctrl-C cannot be caught here: it will {else_it_will}"));
        }
    });
}
