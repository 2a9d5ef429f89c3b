//! A run to report: its scores, and its training as far as it is known.

use super::curves::Curves;
use super::training_data::TrainingData;
use crate::provenance::Provenance;
use crate::record::Evaluation;

/// One run to report: an evaluation, and the training behind it as far as it is known.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// Name of the run, as readers should see it.
    pub title: String,
    /// Name of the series that it is a run of, where a series is compared with others.
    pub series: Option<String>,
    /// The scores.
    pub evaluation: Evaluation,
    /// How training went, when its log was found.
    pub curves: Option<Curves>,
    /// The training recipe as TOML text.
    pub recipe_toml: Option<String>,
    /// Where the model comes from; the evaluation has its own provenance.
    pub training: Option<Provenance>,
    /// What it was trained on, where its run kept that.
    pub training_data: Option<TrainingData>,
}
