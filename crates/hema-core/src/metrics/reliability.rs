//! How far probabilities can be trusted: likelihood, Brier score, calibration error.

use super::{Predictions, argmax};
use crate::record::ReliabilityBin;

/// Bins of a reliability diagram.
const BINS: usize = 15;

/// Mean negative log-likelihood of the true class, in nats.
///
/// A probability below 2.2e-16 counts as 2.2e-16, as in scikit-learn, so that one certain mistake costs 36 nats
/// and not infinity.
pub(super) fn nll(predictions: &Predictions) -> f64 {
    let rows = predictions.rows().zip(&predictions.labels);
    let sum: f64 = rows.map(|(row, label)| -f64::from(row[*label]).clamp(f64::EPSILON, 1.0).ln()).sum();
    sum / predictions.labels.len() as f64
}

/// Mean squared distance between the probabilities and the one-hot truth, over all classes (Brier, 1950): 0 to 2.
pub(super) fn brier(predictions: &Predictions) -> f64 {
    let squared_distance = |(row, label): (&[f32], &usize)| -> f64 {
        let truth = |class| if class == *label { 1.0 } else { 0.0 };
        row.iter().enumerate().map(|(class, p)| (f64::from(*p) - truth(class)).powi(2)).sum()
    };
    let sum: f64 = predictions.rows().zip(&predictions.labels).map(squared_distance).sum();
    sum / predictions.labels.len() as f64
}

/// The predictions in 15 equal bins of confidence, each without its lower and with its upper edge (Guo et al.,
/// 2017).
pub(super) fn reliability(predictions: &Predictions) -> Vec<ReliabilityBin> {
    let edge = |index: usize| index as f64 / BINS as f64;
    let mut bins: Vec<ReliabilityBin> = (0..BINS)
        .map(|b| ReliabilityBin { low: edge(b), high: edge(b + 1), count: 0, confidence: 0.0, accuracy: 0.0 })
        .collect();
    for (row, label) in predictions.rows().zip(&predictions.labels) {
        let predicted = argmax(row);
        let confidence = f64::from(row[predicted]);
        // a sum slightly above 1 is allowed, so a confidence may be too
        let bin = bins.partition_point(|bin| bin.high < confidence).min(BINS - 1);
        bins[bin].count += 1;
        bins[bin].confidence += confidence;
        bins[bin].accuracy += f64::from(u8::from(predicted == *label));
    }
    for bin in bins.iter_mut().filter(|bin| bin.count > 0) {
        bin.confidence /= bin.count as f64;
        bin.accuracy /= bin.count as f64;
    }
    bins
}

/// Expected calibration error: the mean distance between confidence and accuracy, bins weighing by their count.
pub(super) fn ece(reliability: &[ReliabilityBin]) -> f64 {
    let total: u64 = reliability.iter().map(|bin| bin.count).sum();
    let gaps = reliability.iter().map(|bin| bin.count as f64 * (bin.accuracy - bin.confidence).abs());
    gaps.sum::<f64>() / total as f64
}
