//! How far confidence can be trusted: the bins of a reliability diagram.

use serde::{Deserialize, Serialize};

use super::predictions::{Predictions, argmax};

/// One bin of a reliability diagram.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReliabilityBin {
    /// Lower edge of the confidence bin; the upper edge is included.
    pub low: f64,
    /// Upper edge of the confidence bin.
    pub high: f64,
    /// Predictions in the bin.
    pub count: u64,
    /// Mean confidence of the predictions; 0 when empty.
    pub confidence: f64,
    /// Accuracy of the predictions; 0 when empty.
    pub accuracy: f64,
}

/// Bins of a reliability diagram.
const BINS: usize = 15;

/// The predictions in 15 equal bins of confidence, each without its lower and with its upper edge (Guo et
/// al., 2017).
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
