//! Data sets that come as several files: the shards in a folder, or under a prefix of addresses.

use std::path::{Path, PathBuf};

use super::input::Input;
use super::leftovers::Leftovers;
use super::listing::is_ignored;
use crate::data::part::Part;
use crate::error::Result;
use crate::file;

/// Endings of the files that a folder of shards holds.
const ENDINGS: [&str; 2] = [".parquet", ".tar"];

/// The shards in a folder, or else those in its folder `data`, or those under a prefix of addresses, whose
/// names end in `ending`, by their names; hidden files do not count.
///
/// # Errors
/// A folder that cannot be listed.
pub(super) fn in_folder(input: &Input, ending: &str) -> Result<Vec<PathBuf>> {
    let is_shard = |file: &PathBuf| {
        let name = file_name(file);
        !name.starts_with('.') && ENDINGS.iter().any(|ending| name.ends_with(ending))
    };
    let shards = |folder: &Path| -> Result<Vec<PathBuf>> {
        Ok(file::list(folder)?.into_iter().filter(is_shard).collect())
    };
    let own = match input.prefixed() {
        Some(files) => files.iter().filter(|file| is_shard(file)).cloned().collect(),
        None => shards(input.path())?,
    };
    let mut files = if own.is_empty() { shards(&input.path().join("data"))? } else { own };
    files.retain(|file| file_name(file).ends_with(ending));
    Ok(files)
}

/// Whether all of these files are named as shards of one form.
pub(super) fn are_of_one_form(files: &[&PathBuf]) -> bool {
    ENDINGS.iter().any(|ending| files.iter().all(|file| file_name(file).ends_with(ending)))
}

/// The files of a folder of shards, and of its folder `data`, or those under a prefix of addresses, that are
/// no shards of this ending.
///
/// # Errors
/// A folder that cannot be listed.
pub(super) fn beside(input: &Input, ending: &str) -> Result<Leftovers> {
    let mut leftovers = Leftovers::default();
    let files = if let Some(files) = input.prefixed() {
        files.to_vec()
    } else {
        let folders = [input.path(), &input.path().join("data")];
        let files = folders.into_iter().map(file::list).collect::<Result<Vec<_>>>()?.concat();
        files.into_iter().filter(|file| file.is_file()).collect()
    };
    for file in files {
        let name = file_name(&file);
        if !is_ignored(&name) && !name.ends_with(ending) {
            leftovers.add(&name, || Ok(Vec::new()))?;
        }
    }
    Ok(leftovers)
}

/// The last part of a path, as text.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The part that a shard's name tells: `train-000000.tar`, `pbc-val-00000-of-00001.parquet`.
pub(super) fn part_of(name: &str) -> Option<Part> {
    name.split(['-', '_', '.']).find_map(|word| word.parse().ok())
}
