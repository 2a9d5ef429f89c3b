//! Which split of a data set is used, and which part of it: the one place that decides.

use std::path::Path;

use hema_core::data::Source;
use hema_core::error::{Error, ErrorKind, Result};
use hema_core::split::{Part, Split};

use crate::model_file;
use crate::run_folder::SPLIT;
use crate::train::RECIPE;

/// The split that a run keeps in its folder, and when it is taken.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OfRun<'a> {
    /// There is no run.
    None,
    /// A model is judged, perhaps on other data than its run read: the run's split is taken where it fits the
    /// data.
    IfItFits(&'a Path),
    /// The run goes on: its split must be there.
    Must(&'a Path),
}

/// The split in the file that is given; else the run's own; else the data's own; else none.
///
/// # Errors
/// A file that is no split, or a run to go on with that has none.
pub(crate) fn find(source: &Source, given: Option<&Path>, run: OfRun) -> Result<Option<Split>> {
    if let Some(path) = given {
        return Split::read(path)?.fitted(source).map(Some);
    }
    let run = match run {
        OfRun::IfItFits(model) => OfRun::IfItFits(model_file::run_of(model)),
        other => other,
    };
    match run {
        OfRun::Must(run) => {
            let split = Split::read(&run.join(SPLIT))?;
            return split.fitted(source).map(Some).map_err(|e| other_data(&e, run));
        }
        OfRun::IfItFits(run) if run.join(SPLIT).is_file() => {
            let split = Split::read(&run.join(SPLIT))?;
            if split.indices(source, Part::Val).is_ok() {
                return Ok(Some(split));
            }
        }
        OfRun::IfItFits(_) | OfRun::None => {}
    }
    source.read_split_inside()
}

/// The error for a run that is to go on with other images than it began with.
fn other_data(error: &Error, run: &Path) -> Error {
    Error::new(error.message())
        .at(run.join(SPLIT))
        .hint(format!(
            "a run goes on with the images that it began with; for others begin a new run from its weights: hema train \
             --recipe {} --set model.weights={} --data NEW --out OTHER",
            run.join(RECIPE).display(),
            run.display()
        ))
        .with_kind(error.kind())
}

/// Name of the part that a model is judged on, and its images; `None` stands for all images. The split is the
/// one in the file, else that of the model's run if it fits the data, else the data's own. The part is `val`
/// by default, or `all` where there is no split.
///
/// # Errors
/// A part of a data set without a split, an unknown part, a split that does not fit the data.
pub fn choose_part(
    source: &Source,
    model: &Path,
    split: Option<&Path>,
    part: Option<&str>,
) -> Result<(String, Option<Vec<usize>>)> {
    if part == Some("all") {
        // a split that is given must fit, even where it chooses nothing
        if let Some(path) = split {
            Split::read(path)?.check_against(source)?;
        }
        return Ok(("all".into(), None));
    }
    let Some(split) = find(source, split, OfRun::IfItFits(model))? else {
        return match part {
            Some(part) => Err(Error::new(format!("there is no split to take the part `{part}` from"))
                .at(source.path())
                .hint("give one with --split, or judge all images with --part all")
                .with_kind(ErrorKind::NotFound)),
            None => Ok(("all".into(), None)),
        };
    };
    let name = part.unwrap_or("val");
    let unknown = |_| Error::new(format!("part is `{name}` (expected train, val, test or all)"));
    let part: Part = name.parse().map_err(unknown)?;
    Ok((part.to_string(), Some(split.indices(source, part)?)))
}

/// Puts every image of a source into its part, by the split in a file or else the data's own.
///
/// # Errors
/// A file that is no split, or one that does not fit the data.
pub fn with_split(source: Source, split: Option<&Path>) -> Result<Source> {
    match find(&source, split, OfRun::None)? {
        Some(split) => source.with_split(&split),
        None => Ok(source),
    }
}
