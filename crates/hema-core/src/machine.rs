//! What the machine has for this process.
//!
//! Left out on purpose: how much of it is free, which changes while a command runs.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

/// Bytes of memory that this process can have at most: those of the machine, of the control groups that it is
/// in (a container's), and of its address space (`ulimit -v`), whichever are fewest. `None` where the system
/// does not say so in the way of Linux.
pub fn memory() -> Option<u64> {
    static MEMORY: OnceLock<Option<u64>> = OnceLock::new();
    *MEMORY.get_or_init(|| {
        let installed = fs::read_to_string("/proc/meminfo").ok().and_then(|text| installed(&text));
        [installed, address_space()].into_iter().flatten().chain(control_groups()).min()
    })
}

/// The total that `meminfo` says.
fn installed(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// The limit that `ulimit -v` sets.
fn address_space() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/limits").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The limits of the control groups that this process is in, of either version.
fn control_groups() -> Vec<u64> {
    let text = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut limits = Vec::new();
    for line in text.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(group)) = (fields.next(), fields.next()) else { continue };
        let (root, name) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            _ => continue,
        };
        // a container sees its own group as the root
        let groups = Path::new(group.trim_start_matches('/')).ancestors();
        let texts =
            groups.filter_map(|group| fs::read_to_string(Path::new(root).join(group).join(name)).ok());
        // `max` where there is none
        limits.extend(texts.filter_map(|text| text.trim().parse::<u64>().ok()));
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_machine_is_read() {
        assert!(memory().is_none_or(|bytes| bytes >= 64 << 20));
        assert_eq!(installed("MemFree: 1 kB\nMemTotal:       24587928 kB\n"), Some(24_587_928 * 1024));
        assert_eq!(installed("MemTotal: many"), None);
    }
}
