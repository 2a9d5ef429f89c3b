//! Macro F1: precision and recall in one number, every class counting the same.

use super::mean::mean;
use super::metric::{Metric, Notation, Place};
use super::tally::Tally;

/// Unweighted mean of the F1 of the classes that occur in truth or prediction.
pub const MACRO_F1: Metric = Metric {
    name: "macro-f1",
    about: "mean over classes of the harmonic mean of precision and recall",
    label: "macro F1",
    title: "Macro F1",
    higher_is_better: true,
    terminal: Notation::Percent,
    report: Notation::Number,
    shown_in: &[Place::Log, Place::Evaluate, Place::Series],
    compute,
    interval: None,
};

fn compute(tally: &Tally) -> Option<f64> {
    let seen = tally.confusion.seen();
    Some(mean(seen.map(|class| tally.per_class[class].f1)).unwrap_or(0.0))
}
