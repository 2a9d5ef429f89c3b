//! Brier score: squared distance of the probabilities from the truth.

use super::metric::{Metric, Notation, Over};
use super::tally::Tally;

/// Mean squared distance between the probabilities and the one-hot truth, over all classes (Brier, 1950): 0
/// to 2.
pub const BRIER: Metric = Metric {
    name: "brier",
    about: "mean squared distance between probabilities and truth, 0 to 2",
    label: "Brier score",
    title: "Brier",
    over: Over::Images,
    higher_is_better: false,
    notation: Notation::Number,
    shown_in: &[],
    compute,
    interval: None,
};

fn compute(tally: &Tally) -> Option<f64> {
    let predictions = tally.predictions;
    let squared_distance = |(row, label): (&[f32], &usize)| -> f64 {
        let truth = |class| if class == *label { 1.0 } else { 0.0 };
        row.iter().enumerate().map(|(class, p)| (f64::from(*p) - truth(class)).powi(2)).sum()
    };
    let sum: f64 = predictions.rows().zip(&predictions.labels).map(squared_distance).sum();
    Some(sum / tally.images() as f64)
}
