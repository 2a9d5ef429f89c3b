//! Probabilities that mean what they say: temperature scaling (Guo et al., 2017).
//!
//! Dividing the logits by one number changes no decision, only how sure the model claims to be. Fitted on the validation
//! part, it holds for images like those; under degradation it promises too much, which is why the report shows both.

use crate::metrics::Predictions;

/// Temperatures searched; a fit at either end says that the model is beyond repair by one number.
const RANGE: [f64; 2] = [0.05, 20.0];

/// Smallest probability whose logarithm is taken: what single precision rounds to 0 is not infinitely improbable.
const TINY: f64 = 1e-38;

/// The temperature that gives predictions the least negative log-likelihood; 1 leaves them as they are.
///
/// The likelihood has one optimum in the inverse temperature, in which the loss is convex; golden-section search finds it.
pub fn temperature(predictions: &Predictions) -> f64 {
    let rows: Vec<(usize, Vec<f64>)> = predictions
        .labels
        .iter()
        .zip(predictions.rows())
        .map(|(&label, row)| (label, row.iter().map(|p| f64::from(*p).max(TINY).ln()).collect()))
        .collect();
    let loss = |log_temperature: f64| -> f64 {
        let inverse = (-log_temperature).exp();
        rows.iter().map(|(label, logs)| log_sum_exp(logs, inverse) - logs[*label] * inverse).sum()
    };
    golden_section(loss, RANGE.map(f64::ln)).exp()
}

/// `ln sum exp(inverse * x)`, without overflow.
fn log_sum_exp(values: &[f64], inverse: f64) -> f64 {
    let largest = values.iter().fold(f64::NEG_INFINITY, |m, v| m.max(v * inverse));
    largest + values.iter().map(|v| (v * inverse - largest).exp()).sum::<f64>().ln()
}

/// Where a function with one minimum in the interval has it, to 1e-6.
fn golden_section(f: impl Fn(f64) -> f64, [mut low, mut high]: [f64; 2]) -> f64 {
    let ratio = (5.0_f64.sqrt() - 1.0) / 2.0;
    let (mut left, mut right) = (high - ratio * (high - low), low + ratio * (high - low));
    let (mut at_left, mut at_right) = (f(left), f(right));
    while high - low > 1e-6 {
        if at_left <= at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - ratio * (high - low);
            at_left = f(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + ratio * (high - low);
            at_right = f(right);
        }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;

    use super::*;
    use crate::rng::{Purpose, stream};

    /// Images whose labels are drawn from the probabilities of logits, claimed at another temperature.
    fn drawn(claimed: f64) -> Predictions {
        let mut rng = stream(5, Purpose::Synthetic, 0, 0);
        let (mut labels, mut probabilities) = (vec![], vec![]);
        for _ in 0..20_000 {
            let logits: [f64; 3] = std::array::from_fn(|_| 4.0 * rng.random::<f64>());
            let softmax = |t: f64| {
                let e = logits.map(|z| (z / t).exp());
                e.map(|v| v / e.iter().sum::<f64>())
            };
            let (truth, draw) = (softmax(1.0), rng.random::<f64>());
            labels.push(if draw < truth[0] { 0 } else { 1 + usize::from(draw >= truth[0] + truth[1]) });
            probabilities.extend(softmax(claimed).map(|p| p as f32));
        }
        Predictions { classes: ["a", "b", "c"].map(String::from).to_vec(), labels, probabilities }
    }

    #[test]
    fn recovers_the_temperature_that_was_applied() {
        for claimed in [0.4, 1.0, 2.5] {
            let fitted = temperature(&drawn(claimed));
            assert!((fitted * claimed - 1.0).abs() < 0.05, "{claimed}: {fitted}");
        }
    }

    #[test]
    fn a_perfect_model_stays_within_the_range() {
        let probabilities = vec![0.9, 0.1, 0.2, 0.8];
        let classes = ["a", "b"].map(String::from).to_vec();
        let fitted = temperature(&Predictions { classes, labels: vec![0, 1], probabilities });
        assert!((fitted - RANGE[0]).abs() < 1e-3, "{fitted}");
    }
}
