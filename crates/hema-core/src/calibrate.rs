//! Probabilities that mean what they say: temperature scaling (Guo et al., 2017).
//!
//! Dividing the logits by one number changes no decision, only how sure the model claims to be. Fitted on the
//! validation part, it holds for images like those; under degradation it promises too much, which is why the
//! report shows both.

use crate::metrics::Predictions;

/// Temperatures searched; a fit at either end says that the model is beyond repair by one number.
const RANGE: [f64; 2] = [0.05, 20.0];

/// Smallest probability whose logarithm is taken: what single precision rounds to 0 is not infinitely
/// improbable.
const TINY: f64 = 1e-38;

/// The temperature that gives predictions the least negative log-likelihood; 1 leaves them as they are.
///
/// The likelihood has one optimum in the inverse temperature, in which the loss is convex; golden-section
/// search finds it.
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

/// Divides the logits behind a row of probabilities by the temperature.
pub fn apply(temperature: f64, row: &mut [f32]) {
    let logs: Vec<f64> = row.iter().map(|p| f64::from(*p).max(TINY).ln()).collect();
    let inverse = 1.0 / temperature;
    let total = log_sum_exp(&logs, inverse);
    row.iter_mut().zip(&logs).for_each(|(p, log)| *p = (log * inverse - total).exp() as f32);
}

/// The weights, none negative and summing to 1, of the mixture of predictions with the least negative
/// log-likelihood. Each component gives the probabilities of the true classes of the same images, at least
/// one.
///
/// The problem is convex. Expectation maximisation multiplies each weight by the mean of its component's
/// share; by how much the largest of these factors exceeds 1 is more than the likelihood can still gain.
pub fn mixture_weights(components: &[Vec<f32>]) -> Vec<f64> {
    /// Distance of the mean log-likelihood from its optimum that is tolerated.
    const GAP: f64 = 1e-5;
    const MOST_STEPS: usize = 20_000;
    let of_truth: Vec<Vec<f64>> =
        components.iter().map(|row| row.iter().map(|p| f64::from(*p).max(TINY)).collect()).collect();
    let images = of_truth.first().map_or(0, Vec::len);
    let mut weights = vec![1.0 / components.len() as f64; components.len()];
    for _ in 0..MOST_STEPS {
        let mut mixture = vec![0.0; images];
        for (weight, likelihoods) in weights.iter().zip(&of_truth) {
            mixture.iter_mut().zip(likelihoods).for_each(|(sum, p)| *sum += weight * p);
        }
        let mut largest: f64 = 0.0;
        for (weight, likelihoods) in weights.iter_mut().zip(&of_truth) {
            let shares = likelihoods.iter().zip(&mixture).map(|(p, mixture)| p / mixture);
            let factor = shares.sum::<f64>() / images as f64;
            *weight *= factor;
            largest = largest.max(factor);
        }
        if largest <= 1.0 + GAP {
            break;
        }
    }
    weights
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
    fn a_temperature_undoes_its_inverse_and_keeps_a_distribution() {
        let mut row = [0.7, 0.2, 0.1];
        apply(2.0, &mut row);
        assert!(row[0] < 0.6 && (row.iter().sum::<f32>() - 1.0).abs() < 1e-6, "{row:?}");
        apply(0.5, &mut row);
        assert!((row[0] - 0.7).abs() < 1e-6, "{row:?}");
    }

    #[test]
    fn mixture_weights_are_the_optimum_of_the_likelihood() {
        // p = w a + (1 - w) b of the truth: the derivative of the likelihood vanishes at w = 2/3
        let weights = mixture_weights(&[vec![0.8, 0.8, 0.2], vec![0.2, 0.2, 0.8]]);
        let loss = |w: f64| -(2.0 * (0.8 * w + 0.2 * (1.0 - w)).ln() + (0.2 * w + 0.8 * (1.0 - w)).ln());
        let best = (0..=1000).map(|i| f64::from(i) / 1000.0).min_by(|a, b| loss(*a).total_cmp(&loss(*b)));
        assert!((weights[0] - best.unwrap()).abs() < 0.01, "{weights:?}, expected {best:?}");
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        // one that is worse everywhere gets nothing, even where it is sure of what is wrong
        let weights = mixture_weights(&[vec![0.9, 0.8], vec![0.5, 0.0]]);
        assert!(weights[0] > 0.9999, "{weights:?}");
    }

    #[test]
    fn a_perfect_model_stays_within_the_range() {
        let probabilities = vec![0.9, 0.1, 0.2, 0.8];
        let classes = ["a", "b"].map(String::from).to_vec();
        let fitted = temperature(&Predictions { classes, labels: vec![0, 1], probabilities });
        assert!((fitted - RANGE[0]).abs() < 1e-3, "{fitted}");
    }
}
