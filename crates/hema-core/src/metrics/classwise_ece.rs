//! Expected calibration error of the probability of every class, not only of the one that is named.

use super::metric::{Metric, Notation, Over};
use super::tally::Tally;

const BINS: usize = 15;

/// Mean over the classes of the distance between the probability of the class and its share, over 15 bins of
/// equal width (Kull et al., 2019).
pub const CLASSWISE_ECE: Metric = Metric {
    name: "classwise-ece",
    about: "mean over the classes of the distance between a class's probability and its share over 15 bins",
    label: "calibration error by class",
    title: "Calibration error by class",
    over: Over::Images,
    higher_is_better: false,
    notation: Notation::Percent,
    shown_in: &[],
    compute,
    interval: None,
};

fn compute(tally: &Tally) -> Option<f64> {
    let predictions = tally.predictions;
    let classes = predictions.classes.len();
    let mut gaps = vec![[0.0; BINS]; classes];
    for (row, label) in predictions.rows().zip(&predictions.labels) {
        for (class, p) in row.iter().enumerate() {
            let p = f64::from(*p);
            // an upper edge belongs to the bin below it
            let bin = ((p * BINS as f64).ceil() as usize).clamp(1, BINS) - 1;
            gaps[class][bin] += p - f64::from(u8::from(class == *label));
        }
    }
    let sum: f64 = gaps.iter().flatten().map(|gap| gap.abs()).sum();
    Some(sum / (tally.images() as f64 * classes as f64))
}

#[cfg(test)]
mod tests {
    use super::super::{Predictions, score};
    use super::*;

    #[test]
    fn a_class_that_is_promised_too_often_shows_though_names_are_right() {
        // of ten images all are `a`, whose probability is .7; `b` is promised three times and never there
        let classes = ["a", "b"].map(String::from).to_vec();
        let probabilities = [0.7, 0.3].repeat(10);
        let predictions = Predictions { classes, labels: vec![0; 10], probabilities };
        let found = score(&predictions).unwrap().value(&CLASSWISE_ECE).unwrap();
        assert!((found - 0.3).abs() < 1e-6, "{found}");
    }
}
