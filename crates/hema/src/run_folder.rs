//! The files that a finished run leaves beside its model: which data it read, its split, its evaluation, its
//! page.
//!
//! [`crate::train`] writes the others: recipe, weights, checkpoint and log.

use std::path::{Path, PathBuf};

use hema_core::error::{Error, ErrorKind, Result};
use hema_core::file;
use hema_core::metrics::{ACCURACY, BALANCED_ACCURACY};
use hema_core::record::{EVALUATION_FORMAT, Evaluation};
use hema_core::report::{self, Curves, RunReport};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::command_line::shell_word;
use crate::model_file::{self, Bundle};
use crate::run_log::{Epoch, History, METRICS_FILE};

/// Name of the file that says which data a run reads.
const RUN_INFO: &str = "run.json";

/// Name of the split inside a run directory.
pub const SPLIT: &str = "split.csv";

/// Name of the evaluation record inside a run or evaluation directory.
pub const EVALUATION: &str = "evaluation.json";

/// Name of the record of an evaluation that is not finished.
pub const JOURNAL: &str = "evaluation.partial.jsonl";

/// Name of the record of what a run was trained on, inside its directory.
pub const TRAINING: &str = "training.json";

/// Name of the page inside a run or evaluation directory.
pub const REPORT: &str = "report.html";

/// Most bytes of a record, many times those of an evaluation under every condition there is.
const MOST_BYTES: u64 = 256 << 20;

/// Most of anything that a record counts, as images or parameters: sums of such numbers do not wrap.
const MOST_COUNTED: u64 = 1 << 40;

/// `run.json`: which data a run reads, so that it can be resumed and reported without being told.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunInfo {
    /// Path of the data set.
    pub data: PathBuf,
}

impl RunInfo {
    /// A run that reads this data set.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self { data: data.into() }
    }

    /// Writes the file with an absolute path, so that the run can be resumed from any folder.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, run: &Path) -> Result<()> {
        write_json(&run.join(RUN_INFO), &Self { data: file::absolute(&self.data)? })
    }

    /// Reads the file of a run, whether or not its data are still there.
    ///
    /// # Errors
    /// A folder without the file.
    pub fn recorded(run: &Path) -> Result<Self> {
        read_json(&run.join(RUN_INFO))
    }

    /// Reads the file of a run whose data must still be there.
    ///
    /// # Errors
    /// A folder without the file, or data that are not there any more.
    pub fn read(run: &Path) -> Result<Self> {
        let info = Self::recorded(run)?;
        if file::is_address(&info.data) || info.data.exists() {
            return Ok(info);
        }
        Err(Error::new("the data of this run is not there any more")
            .at(&info.data)
            .hint("if it has moved, say where with --data")
            .with_kind(ErrorKind::NotFound))
    }
}

/// Writes a value as indented JSON, whole or not at all.
///
/// # Errors
/// The path and the system's reason.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    file::write_atomic(path, |w| Ok(serde_json::to_writer_pretty(w, value)?))
}

/// Reads a JSON value.
///
/// # Errors
/// A file that cannot be opened or holds another kind of value.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = file::read(path, MOST_BYTES)?;
    serde_json::from_slice(&bytes).map_err(|e| no_record(&e, path))
}

fn no_record(reason: &serde_json::Error, path: &Path) -> Error {
    Error::new(format!("is no record of hema: {reason}")).at(path)
}

/// Reads the evaluation in a run directory, in an evaluation's folder, or in a file, with everything else
/// that its page shows.
///
/// # Errors
/// A path without an evaluation, or with one of a newer format.
pub fn read_report(given: &Path) -> Result<RunReport> {
    let evaluation = read_record(given)?;
    let file = record_of(given);
    let folder = file.parent().unwrap_or(Path::new("."));
    let model = PathBuf::from(&evaluation.model.path);
    report(folder, evaluation, &model)
}

/// Reads the evaluation in a run directory, in an evaluation's folder, or in a file.
///
/// # Errors
/// A path without an evaluation, or with one of a newer format.
pub fn read_record(given: &Path) -> Result<Evaluation> {
    let file = record_of(given);
    if file.exists() { read_evaluation(&file) } else { Err(no_report(given, model_file::run_of(given))) }
}

/// The error for a path at which there is no evaluation.
fn no_report(given: &Path, input: &Path) -> Error {
    if !given.exists() {
        return Error::new("is not there, expected a run or an evaluation")
            .at(given)
            .hint("check the path")
            .with_kind(ErrorKind::NotFound);
    }
    let inside: Vec<String> = file::list(input)
        .unwrap_or_default()
        .iter()
        .filter(|folder| folder.join(EVALUATION).is_file())
        .map(|folder| shell_word(folder))
        .collect();
    let error =
        Error::new(format!("no {EVALUATION} here, expected a finished run or an evaluation")).at(given);
    let error = match inside[..] {
        [] => error.hint("`hema train` writes one at its end, `hema evaluate --out DIR` any time"),
        _ => error.hint(format!("there are some inside: `hema report {}`", inside.join(" "))),
    };
    error.with_kind(ErrorKind::NotFound)
}

/// Whether a folder holds the record of this very evaluation.
pub(crate) fn holds(folder: &Path, evaluation: &Evaluation) -> bool {
    let text = serde_json::to_value(evaluation).ok();
    text.is_some() && read_json::<serde_json::Value>(&folder.join(EVALUATION)).ok() == text
}

/// The record of an evaluation that a path means: of a run, of a folder that `evaluate` wrote, or itself.
pub fn record_of(input: &Path) -> PathBuf {
    let input = model_file::run_of(input);
    if input.is_dir() { input.join(EVALUATION) } else { input.to_path_buf() }
}

/// Reads the record of an evaluation: its format first, since a newer one may have other fields.
fn read_evaluation(file: &Path) -> Result<Evaluation> {
    let hint = "give a run directory, the --out of `hema evaluate`, or its evaluation.json";
    let value: serde_json::Value = read_json(file).map_err(|e| e.hint(hint))?;
    if let Some(format) = value["format"].as_u64().filter(|format| *format > u64::from(EVALUATION_FORMAT)) {
        let found = format!("evaluation format {format}, expected at most {EVALUATION_FORMAT}");
        return Err(Error::new(found)
            .at(file)
            .hint("it was written by a newer hema; update")
            .with_kind(ErrorKind::Unsupported));
    }
    if let Some(count) = absurd_count(&value) {
        let found = format!("is no record of hema: it counts {count}, expected at most {MOST_COUNTED}");
        return Err(Error::new(found).at(file).hint(hint));
    }
    let evaluation: Evaluation = serde_json::from_value(value).map_err(|e| no_record(&e, file).hint(hint))?;
    Ok(evaluation.upgraded())
}

/// A whole number in a record that is too large to be counted with.
fn absurd_count(value: &serde_json::Value) -> Option<u64> {
    match value {
        serde_json::Value::Number(number) => number.as_u64().filter(|count| *count > MOST_COUNTED),
        serde_json::Value::Array(values) => values.iter().find_map(absurd_count),
        serde_json::Value::Object(fields) => fields.values().find_map(absurd_count),
        _ => None,
    }
}

/// Adds to an evaluation the learning curves, the recipe and the model's provenance from its run directory.
///
/// # Errors
/// A log of epochs that cannot be read, a model that the system fails to read.
pub fn report(folder: &Path, evaluation: Evaluation, model: &Path) -> Result<RunReport> {
    let run = [folder, model_file::run_of(model)].into_iter().find(|f| f.join(METRICS_FILE).is_file());
    let history = run.map(|run| History::read(&run.join(METRICS_FILE))).transpose()?;
    let training_data = run.map(|run| run.join(TRAINING)).filter(|path| path.is_file());
    let training_data = training_data.map(|path| read_json(&path)).transpose()?;
    // a model that was moved away or is another's leaves its part of the page out
    let manifest = match Bundle::read(model) {
        Ok(bundle) => Some(bundle.manifest),
        Err(e) if e.kind() == ErrorKind::Io => return Err(e),
        Err(_) => None,
    };
    let kept = manifest.as_ref().and_then(|m| m.metrics.get("nll").copied());
    let curves = history.map(|history| curves(&history, kept));
    Ok(RunReport {
        title: title(folder),
        series: None,
        evaluation,
        curves,
        recipe_toml: manifest.as_ref().map(|m| m.recipe.clone()),
        training: manifest.map(|m| m.provenance),
        training_data,
    })
}

/// The epoch that was kept, whatever metric chose it, is the one with the validation loss of the kept model.
fn curves(history: &History, kept: Option<f64>) -> Curves {
    let corrupted = |e: &Epoch| e.val_corrupted.as_ref().map_or(f64::NAN, |scores| scores.value(&ACCURACY));
    let best = history.epochs.iter().find(|epoch| Some(epoch.val.loss) == kept);
    Curves {
        epoch: history.column(|e| e.epoch as f64),
        stage: history.epochs.iter().map(|e| e.stage.clone()).collect(),
        train_loss: history.column(|e| e.train_loss),
        val_loss: history.column(|e| e.val.loss),
        val_accuracy: history.column(|e| e.val.value(&ACCURACY)),
        val_balanced_accuracy: history.column(|e| e.val.value(&BALANCED_ACCURACY)),
        val_corrupted_accuracy: history.column(corrupted),
        learning_rate: history.column(|e| e.lr),
        best_epoch: best.map(|e| e.epoch as f64),
    }
}

/// Renders and writes a page about one evaluation, or several side by side.
///
/// # Errors
/// A file that cannot be written.
pub fn write_page(path: &Path, runs: &[RunReport]) -> Result<()> {
    let page = report::render(runs);
    file::write_atomic(path, |w| w.write_all(page.as_bytes()))
}

/// Writes the record of an evaluation and its page into a folder; `model` is the path of the model that was
/// judged. Returns the path of the page.
///
/// # Errors
/// A folder that cannot be written.
pub fn write_evaluation(folder: &Path, evaluation: &Evaluation, model: &Path) -> Result<PathBuf> {
    write_json(&folder.join(EVALUATION), evaluation)?;
    let page = folder.join(REPORT);
    let drawn = report(folder, evaluation.clone(), model)?;
    write_page(&page, &[drawn]).map_err(|e| {
        let message = format!("{}; the scores are complete in {EVALUATION} beside it", e.message());
        Error::new(message)
            .at(&page)
            .with_kind(e.kind())
            .hint(format!("with more space, `hema report {}` draws the page from them", shell_word(folder)))
    })?;
    Ok(page)
}

/// Title of a page: the name of a folder, or that of a file without an extension.
pub fn title(path: &Path) -> String {
    // `.` has a name too
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let name = if whole.is_dir() { whole.file_name() } else { whole.file_stem() };
    name.unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_called_after_its_folder_even_if_that_is_called_dot() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("v2b0-lr0.5");
        std::fs::create_dir(&folder).unwrap();
        assert_eq!(title(&folder), "v2b0-lr0.5");
        assert_eq!(title(&folder.join(".")), "v2b0-lr0.5");
        assert_eq!(title(&folder.join("cells.tar")), "cells");
    }

    #[test]
    fn a_record_that_counts_more_than_there_can_be_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(EVALUATION);
        std::fs::write(&path, r#"{"format":1,"data":{"counts":[3,9223372036854775807]}}"#).unwrap();
        let error = read_report(&path).unwrap_err().to_string();
        assert!(error.contains("it counts 9223372036854775807, expected at most 1099511627776"), "{error}");
    }
}
