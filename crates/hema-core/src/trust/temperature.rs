//! A temperature for each image: probabilities that mean what they say on poor pictures too.
//!
//! Logits are divided by `exp(base + weights . marks)`, where marks are numbers of at least 0 that say how
//! far an image is from what training showed. No weight is negative, so that an answer about an image that is
//! further away is never surer. This is density-aware calibration (Tomani et al., 2023) with an exponential;
//! like it, it changes no decision. It is fitted on unchanged and damaged images together (Tomani et al.,
//! 2021).

use serde::{Deserialize, Serialize};

use super::certifying::softmax;
use super::linear::Square;
use crate::error::{Error, Result};

/// Weight of the squared norm of the weights beside the mean loss: marks that say the same share their
/// weight, and one that says nothing gets none.
const PENALTY: f64 = 1e-3;
/// Largest logarithm of a temperature, either way.
pub const MOST: f64 = 4.0;
const STEPS: usize = 40;

/// The temperature of an image, as a function of its marks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Temperature {
    pub(super) base: f64,
    weights: Vec<f64>,
}

/// An image that a temperature is fitted to.
pub(super) struct Example {
    /// Log-probabilities of the classes.
    pub(super) raw: Vec<f32>,
    pub(super) label: usize,
    /// Numbers of at least 0.
    pub(super) marks: Vec<f32>,
    /// How much it counts.
    pub(super) weight: f64,
}

impl Temperature {
    /// A temperature of 1, whatever the marks, of which there are so many.
    pub(super) fn even(marks: usize) -> Self {
        Self { base: 0.0, weights: vec![0.0; marks] }
    }

    /// The temperature with the least negative log-likelihood of the labels, and a small penalty on its
    /// weights. Examples have the same number of marks; there is at least one.
    pub(super) fn fit(examples: &[Example]) -> Self {
        let mut best = Self::even(examples[0].marks.len());
        let mut least = best.loss(examples);
        for _ in 0..STEPS {
            let step = best.newton(examples);
            let mut share = 1.0;
            let improved = loop {
                let next = best.moved(&step, share);
                let loss = next.loss(examples);
                if loss < least {
                    break Some((next, loss));
                }
                share *= 0.5;
                if share < 1e-4 {
                    break None;
                }
            };
            let Some((next, loss)) = improved else { break };
            let gain = least - loss;
            (best, least) = (next, loss);
            if gain < 1e-9 {
                break;
            }
        }
        best
    }

    /// The temperature of an image with these marks.
    pub(super) fn of(&self, marks: &[f32]) -> f64 {
        self.logarithm(marks).exp()
    }

    fn logarithm(&self, marks: &[f32]) -> f64 {
        let sum: f64 = marks.iter().zip(&self.weights).map(|(mark, weight)| f64::from(*mark) * weight).sum();
        (self.base + sum).clamp(-MOST, MOST)
    }

    /// The weight of each mark.
    pub(super) fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// # Errors
    /// Another number of weights than `marks`, or values that no fit gives.
    pub(super) fn check(&self, marks: usize) -> Result<()> {
        let sound = self.weights.len() == marks
            && self.base.abs() <= MOST
            && self.weights.iter().all(|weight| weight.is_finite() && *weight >= 0.0);
        if sound {
            return Ok(());
        }
        Err(Error::new(format!(
            "a temperature with the base {} and the weights {:?} (expected {marks} of at least 0)",
            self.base, self.weights
        )))
    }

    fn loss(&self, examples: &[Example]) -> f64 {
        let total: f64 = examples.iter().map(|example| example.weight).sum();
        let sum: f64 = examples
            .iter()
            .map(|example| {
                let inverse = (-self.logarithm(&example.marks)).exp();
                let logs = example.raw.iter().map(|log| f64::from(*log) * inverse);
                let largest = logs.clone().fold(f64::NEG_INFINITY, f64::max);
                let normaliser = largest + logs.map(|log| (log - largest).exp()).sum::<f64>().ln();
                example.weight * (normaliser - f64::from(example.raw[example.label]) * inverse)
            })
            .sum();
        sum / total + PENALTY / 2.0 * self.weights.iter().map(|weight| weight * weight).sum::<f64>()
    }

    /// The step, of the base first, that the gradient and the expected curvature ask for, with no weight
    /// below 0 at its end.
    fn newton(&self, examples: &[Example]) -> Vec<f64> {
        let side = 1 + self.weights.len();
        let total: f64 = examples.iter().map(|example| example.weight).sum();
        let mut slope = vec![0.0; side];
        let mut curve = Square { side, values: vec![0.0; side * side] };
        for example in examples {
            let logarithm = self.logarithm(&example.marks);
            let inverse = (-logarithm).exp();
            let probabilities = softmax(&example.raw, logarithm.exp() as f32);
            let moment = |power: i32| -> f64 {
                let each = probabilities.iter().zip(&example.raw);
                // classes without any probability would multiply 0 by infinity
                each.filter(|(p, _)| **p > 0.0).map(|(p, z)| f64::from(*p) * f64::from(*z).powi(power)).sum()
            };
            let mean = moment(1);
            let gradient = -inverse * (mean - f64::from(example.raw[example.label])) * example.weight / total;
            let curvature = inverse * inverse * (moment(2) - mean * mean).max(0.0) * example.weight / total;
            let marks = || std::iter::once(1.0).chain(example.marks.iter().map(|mark| f64::from(*mark)));
            for (i, a) in marks().enumerate().filter(|(_, a)| *a != 0.0) {
                slope[i] += gradient * a;
                marks().enumerate().for_each(|(j, b)| curve.values[i * side + j] += curvature * a * b);
            }
        }
        for (i, weight) in self.weights.iter().enumerate() {
            slope[i + 1] += PENALTY * weight;
            curve.values[(i + 1) * side + i + 1] += PENALTY;
        }
        curve.values[0] += 1e-9;
        self.bounded(&slope, &curve)
    }

    /// The least of a quadratic form where no weight is below 0, coordinate by coordinate.
    fn bounded(&self, slope: &[f64], curve: &Square) -> Vec<f64> {
        let side = curve.side;
        let mut step = vec![0.0; side];
        for _ in 0..200 {
            let mut moved: f64 = 0.0;
            for i in 0..side {
                let row = &curve.values[i * side..][..side];
                let gradient = slope[i] + row.iter().zip(&step).map(|(a, b)| a * b).sum::<f64>();
                let least = if i == 0 { f64::NEG_INFINITY } else { -self.weights[i - 1] };
                let next = (step[i] - gradient / row[i]).max(least);
                moved = moved.max((next - step[i]).abs());
                step[i] = next;
            }
            if moved < 1e-10 {
                break;
            }
        }
        step
    }

    fn moved(&self, step: &[f64], share: f64) -> Self {
        let weights = self.weights.iter().zip(&step[1..]);
        Self {
            base: (self.base + share * step[0]).clamp(-MOST, MOST),
            weights: weights.map(|(weight, step)| (weight + share * step).max(0.0)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;

    use super::*;
    use crate::rng::{Purpose, stream};

    /// Labels drawn from logits that are claimed too sure by `exp(0.3 + 0.5 a)`; a second mark says nothing.
    fn drawn(count: usize) -> Vec<Example> {
        let mut rng = stream(5, Purpose::Synthetic, 0, 0);
        let draw = |_| {
            let logits: [f32; 3] = std::array::from_fn(|_| 4.0 * rng.random::<f32>());
            let (a, b) = (3.0 * rng.random::<f32>(), rng.random::<f32>());
            let truth = softmax(&logits, 1.0);
            let at = rng.random::<f32>();
            let label = if at < truth[0] { 0 } else { 1 + usize::from(at >= truth[0] + truth[1]) };
            let raw = logits.map(|logit| logit * (0.3 + 0.5 * a).exp()).to_vec();
            Example { raw, label, marks: vec![a, b], weight: 1.0 }
        };
        (0..count).map(draw).collect()
    }

    #[test]
    fn recovers_how_the_temperature_depends_on_a_mark_and_ignores_one_that_says_nothing() {
        let fitted = Temperature::fit(&drawn(20_000));
        assert!((fitted.base - 0.3).abs() < 0.1, "{fitted:?}");
        assert!((fitted.weights[0] - 0.5).abs() < 0.06, "{fitted:?}");
        assert!(fitted.weights[1] < 0.08, "{fitted:?}");
        assert!((fitted.of(&[2.0, 0.0]) - 1.3_f64.exp()).abs() < 0.4);
        fitted.check(2).unwrap();
    }

    #[test]
    fn no_mark_makes_an_answer_surer() {
        // the truth is surer where the mark is large, which no weight may say
        let examples: Vec<Example> = drawn(4000)
            .into_iter()
            .map(|mut example| {
                example.marks[0] = 3.0 - example.marks[0];
                example
            })
            .collect();
        let fitted = Temperature::fit(&examples);
        assert!(fitted.weights[0] < 1e-9 && fitted.base > 0.5, "{fitted:?}");
    }

    #[test]
    fn a_model_that_is_always_right_stays_within_bounds() {
        let example = || Example { raw: vec![-0.1, -2.4], label: 0, marks: vec![1.0], weight: 1.0 };
        let fitted = Temperature::fit(&[example(), example()]);
        assert!(fitted.base >= -MOST && fitted.of(&[1.0]) > 0.0, "{fitted:?}");
        let error = fitted.check(2).unwrap_err();
        assert!(error.message().contains("expected 2 of at least 0"), "{error}");
    }
}
