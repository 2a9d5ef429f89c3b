//! What training minimises: cross-entropy with smoothed, weighted and mixed labels, perhaps focal, consistency between views,
//! and distance from what teachers say.

use burn::tensor::{Device, Tensor, TensorData, activation};

use crate::nn::total;
use crate::recipe::{ClassWeights, Loss};

/// The true class of an image, or of all images of a mixture.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Classes and their shares, which sum to 1; the image's own first.
    shares: Vec<(usize, f32)>,
}

impl Target {
    /// Class of the image that others are mixed into.
    pub fn label(&self) -> usize {
        self.shares[0].0
    }

    /// Classes and shares of what is mixed into it.
    pub fn mixed(&self) -> &[(usize, f32)] {
        &self.shares[1..]
    }

    /// Mixes what another image shows into what this one shows; the other gets a share of 0 to 1.
    pub fn mix(&mut self, other: &Self, share: f32) {
        for (_, own) in &mut self.shares {
            *own *= 1.0 - share;
        }
        self.shares.extend(other.shares.iter().map(|(label, of_other)| (*label, of_other * share)));
    }
}

impl From<usize> for Target {
    fn from(label: usize) -> Self {
        Self { shares: vec![(label, 1.0)] }
    }
}

/// Cross-entropy between logits and smoothed one-hot targets (Szegedy et al., 2016), each image weighted by its class.
#[derive(Clone, Debug)]
pub struct CrossEntropy {
    smoothing: f32,
    /// Gamma of the focal loss (Lin et al., ICCV 2017); 0 for plain cross-entropy.
    focus: f32,
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
        Self { smoothing: loss.label_smoothing as f32, focus: loss.focus as f32, weights }
    }

    /// Weighted mean over a batch: logits `[n, classes]`, one target an image. A mixture counts as both its images, by
    /// their shares.
    pub fn forward(&self, logits: Tensor<2>, targets: &[Target], device: &Device) -> Tensor<1> {
        let rows = TensorData::new(self.rows(targets), [targets.len(), self.weights.len()]);
        let rows = Tensor::from_data(rows, device);
        let logs = activation::log_softmax(logits, 1);
        if self.focus == 0.0 {
            return total(logs * rows).neg();
        }
        // rounding can carry a probability past 1
        let doubt = (logs.clone().exp().neg() + 1.0).clamp_min(1e-7).powf_scalar(self.focus);
        total(doubt * logs * rows).neg()
    }

    /// What an image of each class counts beside those of the others.
    pub(crate) fn class_weights(&self) -> &[f32] {
        &self.weights
    }

    /// What these images count in the mean over a batch: the sum of their weights.
    pub fn total(&self, targets: &[Target]) -> f32 {
        let shares = targets.iter().flat_map(|target| &target.shares);
        shares.map(|(label, share)| share * self.weights[*label]).sum()
    }

    /// A row of weights of the log-probabilities an image, `[n, classes]`; all together sum to 1.
    fn rows(&self, targets: &[Target]) -> Vec<f32> {
        let k = self.weights.len();
        let total = self.total(targets);
        let rest = self.smoothing / k as f32;
        let mut rows = vec![0.0; targets.len() * k];
        for (row, target) in rows.chunks_exact_mut(k).zip(targets) {
            for (label, share) in &target.shares {
                let weight = share * self.weights[*label] / total;
                for value in &mut *row {
                    *value += rest * weight;
                }
                row[*label] += (1.0 - self.smoothing) * weight;
            }
        }
        rows
    }
}

/// Jensen-Shannon divergence between the predictions for three views of the same images, as in `AugMix` (Hendrycks et
/// al., ICLR 2020): logits `[3 n, classes]`, view by view, to a mean over the images.
pub fn jensen_shannon(logits: Tensor<2>) -> Tensor<1> {
    let [rows, classes] = logits.dims();
    let logs = activation::log_softmax(logits, 1).reshape([VIEWS, rows / VIEWS, classes]);
    let views = logs.clone().exp();
    // the paper's bounds, which keep the logarithm finite
    let mixture = views.clone().mean_dim(0).clamp(1e-7, 1.0).log();
    total(views * (logs - mixture)) / rows as f64
}

/// Softens probabilities, a row an image, as a division of their logits by `temperature` would.
pub fn soften(probabilities: &mut [f32], classes: usize, temperature: f64) {
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

/// Knowledge distillation (Hinton et al., 2015): Kullback-Leibler divergence of the network's softened predictions from the
/// teachers', `taught`, which are softened already; logits `[n, classes]` to a mean over the images. It is multiplied by the
/// temperature's square, so that its gradient does not shrink with it.
pub fn distillation(logits: Tensor<2>, taught: &[f32], temperature: f64, device: &Device) -> Tensor<1> {
    let [images, classes] = logits.dims();
    let certainty: f64 = taught.iter().filter(|p| **p > 0.0).map(|p| f64::from(p * p.ln())).sum();
    let taught = Tensor::<2>::from_data(TensorData::new(taught.to_vec(), [images, classes]), device);
    let logs = activation::log_softmax(logits / temperature, 1);
    (total(taught * logs).neg() + certainty) * (temperature * temperature / images as f64)
}

/// Views of a training image whose predictions are to be consistent: one that is barely changed, and two that are.
pub const VIEWS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn loss(label_smoothing: f64, class_weights: ClassWeights, counts: &[u64]) -> f32 {
        let device = Device::flex();
        let logits = Tensor::from_floats([[2.0, 0.5, -1.0], [0.0, 1.0, 3.0]], &device);
        let loss = Loss { label_smoothing, class_weights, beta: 0.5, ..Loss::default() };
        CrossEntropy::new(&loss, counts).forward(logits, &[0.into(), 1.into()], &device).into_scalar()
    }

    #[test]
    fn a_mixture_is_both_its_images_by_their_shares() {
        let loss = Loss { label_smoothing: 0.3, class_weights: ClassWeights::Balanced, ..Loss::default() };
        let loss = CrossEntropy::new(&loss, &[1, 2, 3]);
        let (own, other) = (loss.rows(&[0.into(), 0.into()]), loss.rows(&[2.into(), 2.into()]));
        let mixture = |own: usize, other: usize, share: f32| {
            let mut target = Target::from(own);
            target.mix(&other.into(), share);
            target
        };
        let found = loss.rows(&[mixture(0, 2, 0.25)]);
        // weights 2 and 2/3: the shares of the two losses are 1.5 and 1/6 of their sum
        for (i, value) in found.iter().enumerate() {
            let expected = 2.0 * (own[i] * 1.5 + other[i] / 6.0) / (1.5 + 1.0 / 6.0);
            assert!((value - expected).abs() < 1e-6, "{found:?}");
        }
        assert!((found.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        // nothing mixed in, and an image of the same class, change nothing
        for (other, share) in [(2, 0.0), (0, 0.6)] {
            let rows = loss.rows(&[mixture(0, other, share)]);
            assert!(rows.iter().zip(&own).all(|(a, b)| (a - 2.0 * b).abs() < 1e-6), "{rows:?}");
        }
        // a mixture of mixtures is all four images
        let mut twice = mixture(0, 1, 0.25);
        twice.mix(&mixture(2, 1, 0.5), 0.4);
        assert_eq!(twice.label(), 0);
        let found: Vec<f32> =
            std::iter::once(&(0, 0.45)).chain(twice.mixed()).map(|(_, share)| *share).collect();
        for (found, expected) in found.iter().zip([0.45, 0.15, 0.2, 0.2]) {
            assert!((found - expected).abs() < 1e-6, "{twice:?}");
        }
    }

    /// The divergence of the definition, in double precision.
    fn divergence(logits: &[f64], images: usize, k: usize) -> f64 {
        let p: Vec<Vec<f64>> = logits
            .chunks(k)
            .map(|row| {
                let sum: f64 = row.iter().map(|v| v.exp()).sum();
                row.iter().map(|v| v.exp() / sum).collect()
            })
            .collect();
        let mut total = 0.0;
        for image in 0..images {
            let rows = p[image].iter().zip(&p[images + image]).zip(&p[2 * images + image]);
            for ((first, second), third) in rows {
                let views = [*first, *second, *third];
                let mean = (views.iter().sum::<f64>() / 3.0).clamp(1e-7, 1.0);
                total += views.iter().map(|v| v * (v / mean).ln()).sum::<f64>() / 3.0;
            }
        }
        total / images as f64
    }

    #[test]
    fn jensen_shannon_and_its_gradient_follow_the_definition() {
        let device = Device::flex().autodiff();
        let (images, k) = (2, 4);
        let values: Vec<f64> = (0..3 * images * k).map(|i| (i as f64 * 1.7).sin() * 3.0).collect();
        let narrow: Vec<f32> = values.iter().map(|v| *v as f32).collect();
        let logits = Tensor::<2>::from_data(TensorData::new(narrow, [3 * images, k]), &device).require_grad();
        let loss = jensen_shannon(logits.clone());
        let found: f32 = loss.clone().into_scalar();
        assert!((f64::from(found) - divergence(&values, images, k)).abs() < 1e-6);
        let grads = logits.grad(&loss.backward()).unwrap().into_data();
        for (i, found) in grads.iter::<f64>().enumerate() {
            let at = |step: f64| {
                let mut moved = values.clone();
                moved[i] += step;
                divergence(&moved, images, k)
            };
            let expected = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((found - expected).abs() < 1e-5, "{i}: {found}, expected {expected}");
        }
        // three equal views agree, and certain ones that differ are as far apart as can be
        let equal = Tensor::<2>::from_floats([[3.0, -1.0], [3.0, -1.0], [3.0, -1.0]], &device);
        assert!(jensen_shannon(equal).into_scalar::<f32>().abs() < 1e-6);
        let far =
            Tensor::<2>::from_floats([[200.0, 0.0, 0.0], [0.0, 200.0, 0.0], [0.0, 0.0, 200.0]], &device);
        assert!((jensen_shannon(far).into_scalar::<f32>() - 3.0_f32.ln()).abs() < 1e-5);
    }

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
            let loss = distillation(logits.clone(), &taught, temperature, &device);
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
        assert!(distillation(logits, &taught, 4.0, &device).into_scalar::<f32>().abs() < 1e-6);
    }

    #[test]
    fn a_focal_loss_counts_doubt() {
        let device = Device::flex();
        let logits = || Tensor::from_floats([[2.0, 0.5, -1.0], [0.0, 1.0, 3.0]], &device);
        let of = |focus: f64| {
            let loss = CrossEntropy::new(&Loss { focus, ..Loss::default() }, &[1, 1, 1]);
            f64::from(loss.forward(logits(), &[0.into(), 1.into()], &device).into_scalar::<f32>())
        };
        let p = |row: [f64; 3], label: usize| row[label].exp() / row.iter().map(|v| v.exp()).sum::<f64>();
        let (a, b) = (p([2.0, 0.5, -1.0], 0), p([0.0, 1.0, 3.0], 1));
        for focus in [0.0, 1.0, 2.0, 0.5] {
            let expected = -((1.0 - a).powf(focus) * a.ln() + (1.0 - b).powf(focus) * b.ln()) / 2.0;
            assert!((of(focus) - expected).abs() < 1e-6, "{focus}: {}, expected {expected}", of(focus));
        }
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
