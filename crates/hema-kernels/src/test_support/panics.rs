//! What a call that must not succeed says.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// The message that `f` panics with.
///
/// # Panics
/// If it does not, or with something other than text.
pub(crate) fn message(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("a panic");
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => (*payload.downcast::<&str>().expect("text")).to_owned(),
    }
}
