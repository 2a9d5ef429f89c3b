//! What an evaluation leaves behind: the one record that `evaluate` writes, `report` draws and people compare.
//!
//! Everything here is plain data that serialises to JSON. How the numbers are computed is in [`crate::metrics`].

use serde::{Deserialize, Serialize};

use crate::provenance::Provenance;
use crate::suite::RelativeErrors;
use crate::tta;

/// Format number of [`Evaluation`]; raised when a field changes its meaning.
pub const EVALUATION_FORMAT: u32 = 1;

/// One model judged on one part of one data set, clean and under every degradation asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Evaluation {
    /// Format number, see [`EVALUATION_FORMAT`].
    pub format: u32,
    /// Who made this record, from what.
    pub provenance: Provenance,
    /// The model judged.
    pub model: ModelSummary,
    /// The images it was judged on.
    pub data: DataSummary,
    /// Scores, the clean images first, then one row per corruption and severity.
    pub conditions: Vec<Condition>,
    /// What the conditions of each suite say together.
    #[serde(default)]
    pub suites: Vec<SuiteScores>,
    /// The most confident mistakes on the clean images, most confident first.
    pub mistakes: Vec<Mistake>,
}

/// What a reader needs to know of a model.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ModelSummary {
    /// Path or paths of the model, as given.
    pub path: String,
    /// Architecture name, for example `tf_efficientnetv2_b0`.
    pub architecture: String,
    /// Trainable parameters.
    pub parameters: u64,
    /// Side of the images in pixels.
    pub size: usize,
    /// Side in pixels that they were enlarged to for the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enlarged: Option<usize>,
    /// Operators that the training recipe's augmentation used.
    pub augmentations: Vec<String>,
    /// Views of each image that were averaged over, see [`crate::tta`].
    #[serde(default = "no_tta")]
    pub tta: String,
    /// It estimated from the images how common each class is, see [`crate::prevalence`].
    #[serde(default)]
    pub adapted: bool,
    /// The classes it was told to choose among; empty where that is all it knows.
    #[serde(default)]
    pub among: Vec<String>,
}

/// Records of before there were views.
fn no_tta() -> String {
    tta::NONE.name.to_owned()
}

/// What a reader needs to know of the images.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DataSummary {
    /// Path of the data set, as given.
    pub path: String,
    /// Part judged: `train`, `val`, `test` or `all`.
    pub part: String,
    /// SHA-256 over the decoded, resized pixels and labels, in order; hexadecimal.
    pub hash: String,
    /// Class names in label order.
    pub classes: Vec<String>,
    /// Images per class.
    pub counts: Vec<u64>,
    /// Images that could not be read and were skipped.
    pub skipped: u64,
    /// The cells are drawn by a program, not photographed.
    pub synthetic: bool,
}

/// Scores under one condition of the images.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Condition {
    /// Suite the condition belongs to, for example `clean` or `degraded`.
    pub suite: String,
    /// Corruption applied, or the condition's own name; `None` for clean images.
    pub corruption: Option<String>,
    /// Severity 1 to 5; 0 for clean images and for conditions without such a scale.
    pub severity: u8,
    /// How many operators the condition is made of.
    #[serde(default)]
    pub operators: usize,
    /// Those of its operators that the training recipe also used.
    #[serde(default)]
    pub trained_on: Vec<String>,
    /// One of the images under this condition: a PNG, base64; empty for clean images.
    #[serde(default)]
    pub thumbnail: String,
    /// The scores.
    pub scores: Scores,
}

/// What the conditions of one suite say together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SuiteScores {
    /// The suite's name.
    pub name: String,
    /// Side in pixels at which the images were damaged.
    pub size: usize,
    /// Number of conditions.
    pub conditions: usize,
    /// Mean accuracy over the conditions.
    pub accuracy: f64,
    /// Its 95 % interval, by a bootstrap over the images: one image stands for itself under all conditions.
    pub accuracy_interval: [f64; 2],
    /// Mean balanced accuracy over the conditions.
    pub balanced_accuracy: f64,
    /// Mean expected calibration error over the conditions.
    pub ece: f64,
    /// The corruption with the lowest mean accuracy over its severities.
    pub worst: String,
    /// That accuracy.
    pub worst_accuracy: f64,
    /// Mean accuracy over the conditions that share no operator with the training recipe; `None` when all do.
    pub unseen_accuracy: Option<f64>,
    /// Errors relative to a published baseline, for a suite that has one.
    pub relative: Option<RelativeErrors>,
}

/// Every score of one set of predictions. Intervals are 95 % and run `[low, high]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Images scored.
    pub n: u64,
    /// Share of images whose most probable class is the true one.
    pub accuracy: f64,
    /// Percentile bootstrap interval of the accuracy.
    pub accuracy_interval: [f64; 2],
    /// Mean recall over the classes that occur.
    pub balanced_accuracy: f64,
    /// Unweighted mean of the F1 of the classes that occur in truth or prediction.
    pub macro_f1: f64,
    /// Unweighted mean of one-vs-rest AUROC over the classes where it is defined.
    pub auroc: Option<f64>,
    /// Mean negative log-likelihood of the true class, in nats.
    pub nll: f64,
    /// Mean squared distance between the probability vector and the one-hot truth (0 to 2).
    pub brier: f64,
    /// Expected calibration error over 15 equal-width confidence bins.
    pub ece: f64,
    /// Per-class scores in class order.
    pub per_class: Vec<ClassScores>,
    /// `confusion[truth][prediction]`, counts.
    pub confusion: Vec<Vec<u64>>,
    /// The 15 bins behind the calibration error.
    pub reliability: Vec<ReliabilityBin>,
}

impl Scores {
    /// Images that were given the name of a class, rightly or wrongly.
    pub fn named(&self, class: usize) -> u64 {
        self.confusion.iter().filter_map(|row| row.get(class)).sum()
    }
}

/// Scores of one class against the rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassScores {
    /// Class name.
    pub name: String,
    /// Images whose truth is this class.
    pub support: u64,
    /// Share of the predictions of this class that are right; 0 when it is never predicted.
    pub precision: f64,
    /// Wilson interval of the precision.
    pub precision_interval: [f64; 2],
    /// Share of this class's images that are found (sensitivity); 0 when it does not occur.
    pub recall: f64,
    /// Wilson interval of the recall.
    pub recall_interval: [f64; 2],
    /// Harmonic mean of precision and recall; 0 when both are.
    pub f1: f64,
    /// One-vs-rest AUROC; `None` when the class or the rest is absent.
    pub auroc: Option<f64>,
}

/// One bin of a reliability diagram.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Lower edge of the confidence bin; the upper edge is included.
    pub low: f64,
    /// Upper edge of the confidence bin.
    pub high: f64,
    /// Predictions in the bin.
    pub count: u64,
    /// Their mean confidence; 0 when empty.
    pub confidence: f64,
    /// Their accuracy; 0 when empty.
    pub accuracy: f64,
}

/// One image the model got wrong.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Mistake {
    /// Path of the image under the data set.
    pub path: String,
    /// True class.
    pub truth: usize,
    /// Predicted class.
    pub predicted: usize,
    /// Probability given to the predicted class.
    pub probability: f64,
    /// The image as the model saw it before normalisation: a PNG, base64.
    pub thumbnail: String,
}
