//! Negative log-likelihood: punishes confident mistakes hardest.

use super::metric::{Metric, Notation, Over};
use super::tally::Tally;

/// Mean negative log-likelihood of the true class, in nats; the loss of a validation.
pub const NLL: Metric = Metric {
    name: "nll",
    about: "mean negative log-likelihood of the true class, in nats",
    label: "NLL",
    title: "NLL",
    over: Over::Images,
    higher_is_better: false,
    notation: Notation::Number,
    shown_in: &[],
    compute,
    interval: None,
};

/// A probability below 2.2e-16 counts as 2.2e-16, as in scikit-learn, so that one certain mistake costs 36
/// nats and not infinity.
fn compute(tally: &Tally) -> Option<f64> {
    let predictions = tally.predictions;
    let rows = predictions.rows().zip(&predictions.labels);
    let sum: f64 = rows.map(|(row, label)| -f64::from(row[*label]).clamp(f64::EPSILON, 1.0).ln()).sum();
    Some(sum / tally.images() as f64)
}
