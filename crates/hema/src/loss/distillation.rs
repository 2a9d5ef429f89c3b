//! Distillation: the network learns to say what its teachers say.

use burn::tensor::{Tensor, TensorData, activation};

use super::term::{Part, Term};
use crate::nn::total;

/// Knowledge distillation (Hinton et al., 2015): the Kullback-Leibler divergence of the network's softened
/// predictions from those of its teachers.
#[derive(Clone, Debug)]
pub(crate) struct Distillation {
    /// Divisor of the logits of teachers and network.
    pub(crate) temperature: f64,
    /// Factor of the term in the loss.
    pub(crate) weight: f64,
}

impl Distillation {
    /// The mean over the images, `[1]`: logits `[n, classes]` and the teachers' softened probabilities. It is
    /// multiplied by the temperature's square, so that its gradient does not shrink with it.
    fn mean(&self, logits: Tensor<2>, taught: &[f32]) -> Tensor<1> {
        let ([images, classes], device) = (logits.dims(), logits.device());
        let certainty: f64 = taught.iter().filter(|p| **p > 0.0).map(|p| f64::from(p * p.ln())).sum();
        let taught = Tensor::<2>::from_data(TensorData::new(taught.to_vec(), [images, classes]), &device);
        let logs = activation::log_softmax(logits / self.temperature, 1);
        (total(taught * logs).neg() + certainty) * (self.temperature * self.temperature / images as f64)
    }
}

impl Term for Distillation {
    fn add(&self, part: &Part) -> Tensor<1> {
        self.mean(part.logits.clone(), part.taught) * (self.weight * part.share())
    }
}

/// Softens probabilities, a row an image, as a division of their logits by `temperature` would.
pub(crate) fn soften(probabilities: &mut [f32], classes: usize, temperature: f64) {
    for row in probabilities.chunks_exact_mut(classes) {
        // relative to the largest, so that a power of small numbers does not vanish
        let largest = row.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
        for p in row.iter_mut() {
            *p = (*p / largest).powf((1.0 / temperature) as f32);
        }
        let sum: f32 = row.iter().sum();
        for p in row {
            *p /= sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn distillation_and_its_gradient_follow_the_definition() {
        let device = Device::flex().autodiff();
        let softmax = |row: &[f64]| -> Vec<f64> {
            let sum: f64 = row.iter().map(|v| v.exp()).sum();
            row.iter().map(|v| v.exp() / sum).collect()
        };
        let teacher: Vec<f64> = (0..8).map(|i| (f64::from(i) * 2.3).cos() * 4.0).collect();
        let student: Vec<f64> = (0..8).map(|i| (f64::from(i) * 1.7).sin() * 3.0).collect();
        for temperature in [1.0, 3.0] {
            let soft = |logits: &[f64]| -> Vec<f64> {
                let divided: Vec<f64> = logits.iter().map(|v| v / temperature).collect();
                divided.chunks(4).flat_map(softmax).collect()
            };
            let divergence = |logits: &[f64]| -> f64 {
                let pairs = soft(&teacher).into_iter().zip(soft(logits));
                pairs.map(|(q, p)| q * (q / p).ln()).sum::<f64>() * temperature * temperature / 2.0
            };
            let mut taught: Vec<f32> = teacher.chunks(4).flat_map(softmax).map(|p| p as f32).collect();
            soften(&mut taught, 4, temperature);
            let narrow: Vec<f32> = student.iter().map(|v| *v as f32).collect();
            let logits = Tensor::<2>::from_data(TensorData::new(narrow, [2, 4]), &device).require_grad();
            let loss = Distillation { temperature, weight: 1.0 }.mean(logits.clone(), &taught);
            let found: f32 = loss.clone().into_scalar();
            assert!((f64::from(found) - divergence(&student)).abs() < 1e-5, "{found}");
            let grads = logits.grad(&loss.backward()).unwrap().into_data();
            for (i, found) in grads.iter::<f64>().enumerate() {
                let at = |step: f64| {
                    let mut moved = student.clone();
                    moved[i] += step;
                    divergence(&moved)
                };
                let expected = (at(1e-5) - at(-1e-5)) / 2e-5;
                assert!((found - expected).abs() < 1e-5, "{i}: {found}, expected {expected}");
            }
        }
    }

    #[test]
    fn certain_teachers_stay_finite() {
        let mut taught = vec![1.0, 0.0, 0.0, f32::MIN_POSITIVE];
        soften(&mut taught, 2, 4.0);
        assert_eq!(taught, [1.0, 0.0, 0.0, 1.0]);
        let device = Device::flex();
        let logits = Tensor::from_floats([[90.0, -90.0], [-90.0, 90.0]], &device);
        let loss = Distillation { temperature: 4.0, weight: 1.0 }.mean(logits, &taught);
        assert!(loss.into_scalar::<f32>().abs() < 1e-6);
    }
}
