//! Data sets that come as several files: a folder of `WebDataset` shards or Parquet files, or a pattern of shard names.

use std::fs;
use std::path::{Path, PathBuf};

use super::source::Source;
use super::webdataset::Shard;
use super::{Form, archive, parquet, recognise, webdataset};
use crate::error::{Error, Result};

/// Most shards of a pattern.
const MAX_SHARDS: usize = 100_000;

/// Opens the shards in a folder or in its folder `data`; `None` when there are none.
pub(super) fn open_folder(path: &Path) -> Result<Option<(Form, Source)>> {
    for folder in [path.to_path_buf(), path.join("data")] {
        let Ok(files) = fs::read_dir(&folder) else { continue };
        let mut files: Vec<PathBuf> = files.flatten().map(|file| file.path()).collect();
        files.sort();
        let ending = |end: &str| -> Vec<PathBuf> {
            let name = |file: &&PathBuf| file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files
                .iter()
                .filter(|file| !name(file).starts_with('.') && name(file).ends_with(end))
                .cloned()
                .collect()
        };
        let (parquets, tars) = (ending(".parquet"), ending(".tar"));
        if !parquets.is_empty() {
            return Ok(Some((Form::Parquet, parquet::open(path, &parquets)?)));
        }
        if !tars.is_empty() {
            return Ok(Some((Form::Shards, open_tars(path, &tars)?)));
        }
    }
    Ok(None)
}

/// Opens the shards that a pattern such as `x-{000000..000003}.tar` names; `None` when it is none.
pub(super) fn open_pattern(path: &Path) -> Result<Option<Source>> {
    let Some(shards) = path.to_str().and_then(expand) else { return Ok(None) };
    open_tars(path, &shards).map(Some)
}

fn expand(pattern: &str) -> Option<Vec<PathBuf>> {
    let (before, rest) = pattern.split_once('{')?;
    let (range, after) = rest.split_once('}')?;
    let (first, last) = range.split_once("..")?;
    let width = first.len();
    let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
    let count = last.checked_sub(first)?;
    (count < MAX_SHARDS)
        .then(|| (first..=last).map(|i| PathBuf::from(format!("{before}{i:0width$}{after}"))).collect())
}

fn open_tars(path: &Path, files: &[PathBuf]) -> Result<Source> {
    let mut shards = Vec::new();
    for file in files {
        let gzip = matches!(recognise(file)?, Form::Tar { gzip: true });
        let listing = archive::list_tar(file, gzip)?;
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        shards.push(Shard { name, listing });
    }
    let in_folder = |shard: &Shard| shard.listing.names.iter().any(|name| name.contains('/'));
    if shards.iter().any(in_folder) && !shards.iter().any(|shard| webdataset::is_shard(&shard.listing)) {
        return Err(Error::new(
            "holds archives whose images have no labels beside them (key.jpg and key.cls)",
        )
        .at(path)
        .hint("open a single archive of an image folder by its own name"));
    }
    webdataset::arrange(path, shards)
}
