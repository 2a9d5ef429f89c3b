//! Area under the receiver operating characteristic of each class against the rest.

use super::predictions::Predictions;

/// The area for each class, in class order; `None` where the class or the rest is absent.
pub(super) fn areas(predictions: &Predictions) -> Vec<Option<f64>> {
    let k = predictions.classes.len();
    (0..k)
        .map(|class| {
            let scored = predictions.rows().zip(&predictions.labels);
            auroc(scored.map(|(row, label)| (row[class], *label == class)).collect())
        })
        .collect()
}

/// The share of pairs of a positive and a negative where the positive scores higher, ties counting half (Mann
/// and Whitney, 1947): exact, in O(n log n).
fn auroc(mut scored: Vec<(f32, bool)>) -> Option<f64> {
    scored.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut positives, mut twice_won) = (0_u64, 0_u64, 0_u64);
    for tied in scored.chunk_by(|a, b| a.0 == b.0) {
        let wins = tied.iter().filter(|(_, positive)| *positive).count() as u64;
        let negatives = tied.len() as u64 - wins;
        twice_won += wins * (2 * below + negatives);
        below += negatives;
        positives += wins;
    }
    let pairs = positives * below;
    (pairs > 0).then(|| twice_won as f64 / (2 * pairs) as f64)
}
