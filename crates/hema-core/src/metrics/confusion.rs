//! The confusion matrix, and the scores of each class that are counted from it: precision, recall and F1.

use serde::{Deserialize, Serialize};

use super::interval::wilson;
use super::predictions::Predictions;

/// Scores of one class against the rest.
///
/// In a file, a class that does not occur has no recall and no F1: they are null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "Written", from = "Written")]
#[non_exhaustive]
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

impl ClassScores {
    /// Whether any image is of this class. One without images has no recall and no F1, and enters no mean
    /// over classes.
    pub fn has_images(&self) -> bool {
        self.support > 0
    }
}

/// Scores of one class as they stand in a file.
#[derive(Serialize, Deserialize)]
struct Written {
    name: String,
    support: u64,
    precision: f64,
    precision_interval: [f64; 2],
    recall: Option<f64>,
    recall_interval: Option<[f64; 2]>,
    f1: Option<f64>,
    auroc: Option<f64>,
}

impl From<ClassScores> for Written {
    fn from(scores: ClassScores) -> Self {
        let ClassScores { name, support, precision, precision_interval, recall, recall_interval, f1, auroc } =
            scores;
        let occurs = support > 0;
        Self {
            name,
            support,
            precision,
            precision_interval,
            recall: occurs.then_some(recall),
            recall_interval: occurs.then_some(recall_interval),
            f1: occurs.then_some(f1),
            auroc,
        }
    }
}

impl From<Written> for ClassScores {
    fn from(written: Written) -> Self {
        let Written { name, support, precision, precision_interval, recall, recall_interval, f1, auroc } =
            written;
        Self {
            name,
            support,
            precision,
            precision_interval,
            recall: recall.unwrap_or_default(),
            recall_interval: recall_interval.unwrap_or([0.0, 1.0]),
            f1: f1.unwrap_or_default(),
            auroc,
        }
    }
}

/// Counts of `[truth][prediction]`.
pub(super) struct Confusion(Vec<Vec<u64>>);

impl Confusion {
    pub(super) fn new(predictions: &Predictions) -> Self {
        let k = predictions.classes.len();
        let mut counts = vec![vec![0; k]; k];
        for (truth, predicted) in predictions.labels.iter().zip(predictions.predicted()) {
            counts[*truth][predicted] += 1;
        }
        Self(counts)
    }

    /// Images whose most probable class is the true one.
    pub(super) fn correct(&self) -> u64 {
        (0..self.0.len()).map(|class| self.0[class][class]).sum()
    }

    /// Scores of one class against the rest.
    pub(super) fn class_scores(&self, class: usize, name: &str, auroc: Option<f64>) -> ClassScores {
        let (found, support, predicted) = (self.0[class][class], self.support(class), self.predicted(class));
        ClassScores {
            name: name.into(),
            support,
            precision: share(found, predicted),
            precision_interval: wilson(found, predicted),
            recall: share(found, support),
            recall_interval: wilson(found, support),
            f1: share(2 * found, support + predicted),
            auroc,
        }
    }

    /// The counts, `[truth][prediction]`.
    pub(super) fn into_counts(self) -> Vec<Vec<u64>> {
        self.0
    }

    fn support(&self, class: usize) -> u64 {
        self.0[class].iter().sum()
    }

    fn predicted(&self, class: usize) -> u64 {
        self.0.iter().map(|row| row[class]).sum()
    }
}

/// `part / whole`, 0 when there is no whole.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
