//! AUROC: how well each class is told from the rest, whatever the threshold.

use super::metric::{Metric, Notation, Over, Place};
use super::tally::Tally;

/// Unweighted mean of the one-vs-rest AUROC over the classes that have images; it is not defined where only
/// one has.
pub const AUROC: Metric = Metric {
    name: "auroc",
    about: "mean over the classes that have images of the area under the one-vs-rest ROC curve",
    label: "AUROC",
    title: "AUROC",
    over: Over::Classes,
    higher_is_better: true,
    notation: Notation::Number,
    shown_in: &[Place::Evaluate],
    compute,
    interval: None,
};

fn compute(tally: &Tally) -> Option<f64> {
    tally.mean_over_classes(|class| class.auroc)
}
