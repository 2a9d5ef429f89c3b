//! What training minimises: cross-entropy with smoothed labels and class weights.

use burn::tensor::{Device, Tensor, TensorData, activation};

use crate::recipe::{ClassWeights, Loss};

/// Cross-entropy between logits and smoothed one-hot targets (Szegedy et al., 2016), each image weighted by its class.
#[derive(Clone, Debug)]
pub struct CrossEntropy {
    smoothing: f32,
    weights: Vec<f32>,
}

impl CrossEntropy {
    /// The loss of a recipe, for training images that are distributed over the classes as `counts` says.
    pub fn new(loss: &Loss, counts: &[u64]) -> Self {
        let total: u64 = counts.iter().sum();
        // a class without images never occurs; its weight is never used
        let weight = |count: u64| match loss.class_weights {
            ClassWeights::None => 1.0,
            ClassWeights::Balanced => total as f64 / (counts.len() as f64 * count as f64),
            ClassWeights::Effective => (1.0 - loss.beta) / (1.0 - loss.beta.powf(count as f64)),
        };
        let weights = counts.iter().map(|count| weight((*count).max(1)) as f32).collect();
        Self { smoothing: loss.label_smoothing as f32, weights }
    }

    /// Weighted mean over a batch: logits `[n, classes]`, one label an image.
    pub fn forward(&self, logits: Tensor<2>, labels: &[usize], device: &Device) -> Tensor<1> {
        let k = self.weights.len();
        let total: f32 = labels.iter().map(|&label| self.weights[label]).sum();
        let rest = self.smoothing / k as f32;
        let mut targets = vec![0.0; labels.len() * k];
        for (row, &label) in targets.chunks_exact_mut(k).zip(labels) {
            let weight = self.weights[label] / total;
            row.fill(rest * weight);
            row[label] += (1.0 - self.smoothing) * weight;
        }
        let targets = Tensor::<2>::from_data(TensorData::new(targets, [labels.len(), k]), device);
        (activation::log_softmax(logits, 1) * targets).sum().neg()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loss(label_smoothing: f64, class_weights: ClassWeights, counts: &[u64]) -> f32 {
        let device = Device::flex();
        let logits = Tensor::from_floats([[2.0, 0.5, -1.0], [0.0, 1.0, 3.0]], &device);
        let loss = CrossEntropy::new(&Loss { label_smoothing, class_weights, beta: 0.5 }, counts);
        loss.forward(logits, &[0, 1], &device).into_scalar()
    }

    /// Reference: `torch.nn.functional.cross_entropy(logits, [0, 1], weight, label_smoothing)` written out by hand
    /// for smoothing 0; with smoothing it differs from torch only where class weights are used too (torch also
    /// weights the smoothed share by its own class).
    #[test]
    fn follows_the_definition() {
        let log_softmax = |row: [f64; 3]| {
            let sum: f64 = row.iter().map(|v| v.exp()).sum();
            row.map(|v| v - sum.ln())
        };
        let (a, b) = (log_softmax([2.0, 0.5, -1.0]), log_softmax([0.0, 1.0, 3.0]));
        let plain = -(a[0] + b[1]) / 2.0;
        assert!((f64::from(loss(0.0, ClassWeights::None, &[1, 1, 1])) - plain).abs() < 1e-6);
        let smooth = |row: [f64; 3], y: usize| -> f64 { -0.9 * row[y] - 0.1 / 3.0 * row.iter().sum::<f64>() };
        let smoothed = f64::midpoint(smooth(a, 0), smooth(b, 1));
        assert!((f64::from(loss(0.1, ClassWeights::None, &[1, 1, 1])) - smoothed).abs() < 1e-6);
        // weights 4/3 and 2/3 for counts 1 and 2 (out of 4, over three classes)
        let weighted = -(4.0 / 3.0 * a[0] + 2.0 / 3.0 * b[1]) / 2.0;
        assert!((f64::from(loss(0.0, ClassWeights::Balanced, &[1, 2, 1])) - weighted).abs() < 1e-6);
        // effective numbers 1 and 1.5
        let effective = -(a[0] + b[1] / 1.5) / (1.0 + 1.0 / 1.5);
        assert!((f64::from(loss(0.0, ClassWeights::Effective, &[1, 2, 1])) - effective).abs() < 1e-6);
    }
}
