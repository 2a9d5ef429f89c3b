//! Expected calibration error over bins of equal numbers of images.

use super::metric::{Metric, Notation, Over};
use super::predictions::argmax;
use super::tally::Tally;

/// Bins, as many as of [`ECE`](super::ECE).
const BINS: usize = 15;

/// Mean distance between confidence and accuracy over 15 bins of equal numbers of images (Nguyen and
/// O'Connor, 2015): where a model is sure of nearly all, bins of equal width put nearly all into one.
pub const ECE_MASS: Metric = Metric {
    name: "ece-mass",
    about: "mean distance between confidence and accuracy over 15 bins of equal numbers of images",
    label: "calibration error, equal bins",
    title: "Calibration error, equal bins",
    over: Over::Images,
    higher_is_better: false,
    notation: Notation::Percent,
    shown_in: &[],
    compute,
    interval: None,
};

fn compute(tally: &Tally) -> Option<f64> {
    let predictions = tally.predictions;
    let mut answers: Vec<(f32, bool)> = predictions
        .rows()
        .zip(&predictions.labels)
        .map(|(row, label)| (row[argmax(row)], argmax(row) == *label))
        .collect();
    answers.sort_by(|a, b| a.0.total_cmp(&b.0));
    let images = answers.len();
    let edge = |bin: usize| bin * images / BINS;
    let gaps = (0..BINS).map(|bin| {
        let bin = &answers[edge(bin)..edge(bin + 1)];
        let gap: f64 = bin.iter().map(|(p, right)| f64::from(*p) - f64::from(u8::from(*right))).sum();
        gap.abs()
    });
    Some(gaps.sum::<f64>() / images as f64)
}

#[cfg(test)]
mod tests {
    use super::super::{ECE, Predictions, score};
    use super::*;

    #[test]
    fn bins_of_equal_numbers_see_what_one_bin_of_equal_width_hides() {
        // 30 answers between .94 and 1: one half claims too little, the other too much
        let rows = (0..30).map(|i| if i < 15 { (0.95, true) } else { (0.99, i % 15 != 0) });
        let (mut labels, mut probabilities) = (vec![], vec![]);
        for (p, right) in rows {
            labels.push(usize::from(!right));
            probabilities.extend([p, 1.0 - p]);
        }
        let classes = ["a", "b"].map(String::from).to_vec();
        let scores = score(&Predictions { classes, labels, probabilities }).unwrap();
        let [width, mass] = [&ECE, &ECE_MASS].map(|metric| scores.value(metric).unwrap());
        // bins of two: seven claim .05 too little each, seven .01, one holds the wrong answer
        assert!(
            width < 0.005 && (mass - (14.0 * 0.05 + 14.0 * 0.01 + 0.94) / 30.0).abs() < 1e-6,
            "{width} {mass}"
        );
    }
}
