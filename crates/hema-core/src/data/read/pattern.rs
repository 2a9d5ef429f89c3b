//! Patterns of the names of shards.

use std::path::{Path, PathBuf};

/// Most shards of a pattern.
const MAX_SHARDS: usize = 100_000;

/// The shards that a pattern such as `x-{000000..000003}.tar` names; `None` when it is none.
pub(super) fn files_of(pattern: &Path) -> Option<Vec<PathBuf>> {
    let (before, rest) = pattern.to_str()?.split_once('{')?;
    let (range, after) = rest.split_once('}')?;
    let (first, last) = range.split_once("..")?;
    let width = first.len();
    let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
    let count = last.checked_sub(first)?;
    (count < MAX_SHARDS)
        .then(|| (first..=last).map(|i| PathBuf::from(format!("{before}{i:0width$}{after}"))).collect())
}
