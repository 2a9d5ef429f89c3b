//! Judging the runs of `hema train --folds` together: only on images that none of them was trained on.

use std::path::{Path, PathBuf};

use hema::error::{Error, Result};
use hema::model_file::series;
use hema::run_folder::{RunInfo, SPLIT};

/// Refuses to judge folds together on a part of their data that some of them were trained on.
///
/// # Errors
/// It is so; a run whose split cannot be read.
pub(super) fn check(model: &Path, data: &Path, part: Option<&str>) -> Result<()> {
    let Some(runs) = series(model)? else { return Ok(()) };
    let Some(first) = runs.first() else { return Ok(()) };
    let real = |path: &Path| path.canonicalize().ok();
    let are_their_own = RunInfo::read(first).is_ok_and(|info| real(&info.data) == real(data));
    if !are_their_own || part == Some("test") || !have_other_splits(&runs)? {
        return Ok(());
    }
    Err(Error::new("its runs are folds: each was trained on what the others validate on").at(model).hint(
        format!(
            "judge them together with --part test, or one of them, as {}; what all come to stands in {}",
            first.display(),
            model.join(hema::run_folder::REPORT).display()
        ),
    ))
}

/// Whether the runs divide the data differently.
fn have_other_splits(runs: &[PathBuf]) -> Result<bool> {
    let read = |run: &PathBuf| {
        let path = run.join(SPLIT);
        std::fs::read(&path).map_err(|e| Error::io(&path, &e))
    };
    let splits: Vec<Vec<u8>> = runs.iter().map(read).collect::<Result<_>>()?;
    Ok(splits.iter().any(|split| *split != splits[0]))
}
