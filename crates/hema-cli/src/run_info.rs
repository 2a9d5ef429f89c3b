//! `run.json` of a run directory: which data a run reads, so that it can be resumed and reported without being told.

use std::path::{Path, PathBuf};

use hema::core::error::{Error, Result};
use hema::core::file;
use serde::{Deserialize, Serialize};

/// Name of the file.
const RUN_INFO: &str = "run.json";

/// Name of the split inside a run directory.
pub(crate) const SPLIT: &str = "split.csv";

/// Name of the evaluation record inside a run or evaluation directory.
pub(crate) const EVALUATION: &str = "evaluation.json";

/// Name of the record of an evaluation that is not finished.
pub(crate) const JOURNAL: &str = "evaluation.partial.jsonl";

/// Name of the page inside a run or evaluation directory.
pub(crate) const REPORT: &str = "report.html";

/// What a run reads.
#[derive(Serialize, Deserialize)]
pub(crate) struct RunInfo {
    /// The data set.
    pub(crate) data: PathBuf,
}

impl RunInfo {
    /// Writes it with an absolute path, so that the run can be resumed from any folder.
    pub(crate) fn write(&self, run: &Path) -> Result<()> {
        let data = std::path::absolute(&self.data).map_err(|e| Error::io(&self.data, &e))?;
        write_json(&run.join(RUN_INFO), &Self { data })
    }

    pub(crate) fn read(run: &Path) -> Result<Self> {
        let path = run.join(RUN_INFO);
        read_json(&path)
    }
}

/// Writes a value as indented JSON.
pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    file::write_atomic(path, |w| Ok(serde_json::to_writer_pretty(w, value)?))
}

/// Reads a JSON value.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let reader = std::io::BufReader::new(file::open(path)?);
    serde_json::from_reader(reader).map_err(|e| Error::new(format!("is no record of hema: {e}")).at(path))
}
