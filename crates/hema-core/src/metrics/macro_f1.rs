//! Macro F1: precision and recall in one number, every class counting the same.

use super::metric::{Metric, Notation, Over, Place};
use super::tally::Tally;

/// Unweighted mean of the F1 of the classes that have images: scikit-learn's `f1_score` with
/// `average="macro"` and `labels` the classes of the truth.
pub const MACRO_F1: Metric = Metric {
    name: "macro-f1",
    about: "mean over the classes that have images of the harmonic mean of precision and recall",
    label: "macro F1",
    title: "Macro F1",
    over: Over::Classes,
    higher_is_better: true,
    notation: Notation::Percent,
    shown_in: &[Place::Log, Place::Evaluate, Place::Series],
    compute,
    interval: None,
};

fn compute(tally: &Tally) -> Option<f64> {
    tally.mean_over_classes(|class| Some(class.f1))
}
