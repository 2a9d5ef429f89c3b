//! Expected calibration error: how far confidence is from accuracy.

use super::metric::{Metric, Notation, Over, Place};
use super::tally::Tally;

/// Mean distance between confidence and accuracy over 15 bins of equal width, bins weighing by their count.
pub const ECE: Metric = Metric {
    name: "ece",
    about: "expected calibration error: mean distance between confidence and accuracy over 15 bins",
    label: "calibration error",
    title: "Calibration error",
    over: Over::Images,
    higher_is_better: false,
    notation: Notation::Percent,
    shown_in: &[Place::Evaluate, Place::Series],
    compute,
    interval: None,
};

fn compute(tally: &Tally) -> Option<f64> {
    let total: u64 = tally.reliability.iter().map(|bin| bin.count).sum();
    let gaps = tally.reliability.iter().map(|bin| bin.count as f64 * (bin.accuracy - bin.confidence).abs());
    Some(gaps.sum::<f64>() / total as f64)
}
