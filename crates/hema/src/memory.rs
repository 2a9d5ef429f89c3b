//! The memory of the machine, against which sizes are held before anything is built.
//!
//! Left out on purpose: how much of it is free, which changes while a command runs; and machines that do not
//! say how much they have, where a plain limit holds.

use std::fs;
use std::sync::OnceLock;

use hema_core::error::{Error, Result};

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
    static TOTAL: OnceLock<u64> = OnceLock::new();
    *TOTAL.get_or_init(|| {
        let of_container = fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
        let of_container = of_container.and_then(|text| text.trim().parse().ok());
        let of_machine = fs::read_to_string("/proc/meminfo").ok();
        let of_machine = of_machine.and_then(|text| total_of(&text));
        of_machine.into_iter().chain(of_container).min().unwrap_or(PLAIN_LIMIT)
    })
}

/// The total that Linux's `meminfo` says.
fn total_of(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
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
        assert_eq!(total_of("MemFree: 1 kB\nMemTotal:       24587928 kB\n"), Some(24_587_928 * 1024));
        assert_eq!(total_of("MemTotal: many"), None);
    }
}
