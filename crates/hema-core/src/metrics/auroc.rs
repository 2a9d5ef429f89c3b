//! AUROC: how well each class is told from the rest, whatever the threshold.

use super::mean::mean;
use super::metric::{Metric, Notation, Place};
use super::tally::Tally;

/// Unweighted mean of the one-vs-rest AUROC over the classes where it is defined.
pub const AUROC: Metric = Metric {
    name: "auroc",
    about: "mean over classes of the area under the one-vs-rest ROC curve",
    label: "AUROC",
    title: "AUROC",
    higher_is_better: true,
    terminal: Notation::Number,
    report: Notation::Number,
    shown_in: &[Place::Evaluate],
    compute,
    interval: None,
};

fn compute(tally: &Tally) -> Option<f64> {
    mean(tally.per_class.iter().filter_map(|class| class.auroc))
}
