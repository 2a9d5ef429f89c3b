//! Folders of several runs, such as those of `hema train --seeds`, where a model is expected.
//!
//! A series of runs is an ensemble of them. Other folders with runs inside, such as a search's, are none:
//! they are refused with the names of the runs.

use std::path::{Path, PathBuf};

use hema_core::error::{Error, ErrorKind, Result};
use hema_core::file;

use crate::builtin;

/// Name of the chosen model inside a run directory.
pub const BEST: &str = "best.safetensors";

/// Name of the last epoch's model inside a run directory.
pub const LAST: &str = "last.safetensors";

/// Name of the file that says which runs the folder of a series holds.
pub const SERIES: &str = "series.json";

/// Name of the file that says what the search in a folder was asked for.
pub const SEARCH: &str = "search.json";

/// Name of the file with the scores of all runs of a series, which is written when all are done.
pub const SUMMARY: &str = "summary.json";

/// Runs that a message names.
const NAMED: usize = 4;

/// The run directories in a folder, by name.
///
/// # Errors
/// A folder that cannot be listed.
pub fn runs_inside(folder: &Path) -> Result<Vec<PathBuf>> {
    Ok(file::list(folder)?.into_iter().filter(|path| path.join(BEST).is_file()).collect())
}

/// The models that paths mean, where each path is one or the folder of a series of runs, which stands for all
/// of them. The name of the model in the box gets its version.
///
/// # Errors
/// A series that is not finished; a folder that cannot be listed.
pub fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for path in paths {
        match series(path)? {
            Some(runs) => all.extend(runs),
            None => all.push(builtin::with_version(path)),
        }
    }
    Ok(all)
}

/// The runs of a series; nothing for a path that is none.
///
/// # Errors
/// A series that is not finished; a folder that cannot be listed.
pub fn series(path: &Path) -> Result<Option<Vec<PathBuf>>> {
    if builtin::is_name(path) || !path.join(SERIES).is_file() || path.join(BEST).is_file() {
        return Ok(None);
    }
    if path.join(SUMMARY).is_file() {
        return runs_inside(path).map(Some);
    }
    Err(Error::new("a series of runs that is not finished")
        .at(path)
        .hint(format!("go on with `hema train --resume --out {}`", path.display()))
        .with_kind(ErrorKind::NotFound))
}

/// The run directory that a path means: of a model file in one, the folder that it lies in; every other path
/// itself.
pub fn run_of(path: &Path) -> &Path {
    let is_model = path.file_name().is_some_and(|name| name == BEST || name == LAST);
    match path.parent() {
        Some(folder) if is_model && path.is_file() && folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) if is_model && path.is_file() => folder,
        _ => path,
    }
}

/// The error for a folder in which one model is expected and none lies, though runs may lie inside.
pub(super) fn no_model(folder: &Path) -> Error {
    let runs = runs_inside(folder).unwrap_or_default();
    let [first, ..] = runs.as_slice() else {
        return Error::new(format!("a folder without {BEST}, expected a model file or a run directory"))
            .at(folder)
            .hint("a run directory gets its model at the end of its first epoch")
            .with_kind(ErrorKind::NotFound);
    };
    let mut names: Vec<&str> = runs.iter().take(NAMED).map(|run| name(run)).collect();
    if runs.len() > NAMED {
        names.push("...");
    }
    Error::new(format!("a folder of {} runs ({}), expected one model", runs.len(), names.join(", ")))
        .at(folder)
        .hint(format!(
            "name one of them, as {}; `hema ensemble` or `hema soup` makes one file of several",
            first.display()
        ))
        .with_kind(ErrorKind::NotFound)
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}
