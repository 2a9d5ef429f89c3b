//! The memory of the machine, against which sizes are held before anything is built.

use hema_core::error::{Error, Result};
use hema_core::machine;

/// Most bytes of anything on a machine that does not tell its memory: 1 TiB.
const PLAIN_LIMIT: u64 = 1 << 40;

/// Refuses what takes more bytes than the machine has; `what` is the beginning of the message.
///
/// # Errors
/// It takes more.
pub(crate) fn check(bytes: u64, what: &str) -> Result<()> {
    if bytes <= total() {
        return Ok(());
    }
    let expected = format!("expected at most the {} of this machine", in_words(total()));
    Err(Error::new(format!("{what} would take {}, {expected}", in_words(bytes))))
}

/// Bytes in words.
fn in_words(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / (1_u64 << 30) as f64)
}

/// Bytes of memory that this process can have.
fn total() -> u64 {
    machine::memory().unwrap_or(PLAIN_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_machine_has_is_refused_in_words() {
        check(1 << 20, "a little").unwrap();
        let error = check(u64::MAX, "all of it").unwrap_err().to_string();
        assert!(
            error.starts_with("all of it would take 17179869184.0 GiB, expected at most the "),
            "{error}"
        );
    }
}
