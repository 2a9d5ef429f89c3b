//! Cross-entropy: the network's predictions against the labels.

use burn::tensor::{Tensor, TensorData, activation};

use super::target::Target;
use super::term::{Part, Term};
use crate::nn::total;

/// Cross-entropy between logits and smoothed one-hot targets (Szegedy et al., 2016), perhaps focal, each
/// image weighted by its class.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CrossEntropy {
    /// Share of the target that is spread evenly over all classes.
    pub smoothing: f64,
    /// Gamma of the focal loss (Lin et al., ICCV 2017); 0 for plain cross-entropy.
    pub focus: f64,
    /// How much an image of each class counts beside those of the others, see [`ClassWeights`].
    pub class_weights: Vec<f32>,
    /// How many views of an image learn from its label, from the first on.
    pub labelled_views: usize,
    /// Factor of the term in the loss.
    pub weight: f64,
}

impl CrossEntropy {
    /// Plain cross-entropy: no smoothing, no focus, all classes alike, the first view labelled.
    pub fn plain(classes: usize) -> Self {
        Self { smoothing: 0.0, focus: 0.0, class_weights: vec![1.0; classes], labelled_views: 1, weight: 1.0 }
    }

    /// The weighted mean over images, `[1]`: logits `[n, classes]`, one target an image. A mixture counts as
    /// both its images, by their shares.
    pub fn mean(&self, logits: Tensor<2>, targets: &[Target]) -> Tensor<1> {
        let rows = TensorData::new(self.rows(targets), [targets.len(), self.class_weights.len()]);
        let rows = Tensor::from_data(rows, &logits.device());
        let logs = activation::log_softmax(logits, 1);
        if self.focus == 0.0 {
            return total(logs * rows).neg();
        }
        // rounding can carry a probability past 1
        let doubt = (logs.clone().exp().neg() + 1.0).clamp_min(1e-7).powf_scalar(self.focus as f32);
        total(doubt * logs * rows).neg()
    }

    /// How much these images count in a mean: the sum of their weights.
    fn total(&self, targets: &[Target]) -> f32 {
        let shares = targets.iter().flat_map(|target| &target.shares);
        shares.map(|(label, share)| share * self.class_weights[*label]).sum()
    }

    /// Weights of the log-probabilities, `[n, classes]`, a row an image; all together sum to 1.
    fn rows(&self, targets: &[Target]) -> Vec<f32> {
        let k = self.class_weights.len();
        let total = self.total(targets);
        let smoothing = self.smoothing as f32;
        let rest = smoothing / k as f32;
        let mut rows = vec![0.0; targets.len() * k];
        for (row, target) in rows.chunks_exact_mut(k).zip(targets) {
            for (label, share) in &target.shares {
                let weight = share * self.class_weights[*label] / total;
                for value in &mut *row {
                    *value += rest * weight;
                }
                row[*label] += (1.0 - smoothing) * weight;
            }
        }
        rows
    }
}

impl Term for CrossEntropy {
    fn add(&self, part: &Part) -> Tensor<1> {
        let share = self.total(&part.targets[..part.images()]) / self.total(part.batch);
        let labelled = part.images() * self.labelled_views.min(part.views);
        let logits = if labelled < part.targets.len() {
            part.logits.clone().narrow(0, 0, labelled)
        } else {
            part.logits.clone()
        };
        self.mean(logits, &part.targets[..labelled]) * (f64::from(share) * self.weight)
    }
}

/// How the weight of a class follows from the number of its images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ClassWeights {
    /// Every image counts the same.
    None,
    /// Every class counts the same: images / (classes x images of the class), as in scikit-learn.
    Balanced,
    /// One over the effective number of images of the class, (1 - beta^images) / (1 - beta) (Cui et al.,
    /// 2019).
    Effective {
        /// How little a further image of a class adds, 0 (nothing) up to 1 (as much as the first).
        beta: f64,
    },
}

impl ClassWeights {
    /// A weight for each class, for training images of these counts.
    pub fn weigh(self, counts: &[u64]) -> Vec<f32> {
        let total: u64 = counts.iter().sum();
        let weight = |count: u64| match self {
            Self::None => 1.0,
            Self::Balanced => total as f64 / (counts.len() as f64 * count as f64),
            Self::Effective { beta } => (1.0 - beta) / (1.0 - beta.powf(count as f64)),
        };
        // a class without images never occurs; its weight is never used
        counts.iter().map(|count| weight((*count).max(1)) as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn loss(smoothing: f64, class_weights: ClassWeights, counts: &[u64]) -> f32 {
        let logits = Tensor::from_floats([[2.0, 0.5, -1.0], [0.0, 1.0, 3.0]], &Device::flex());
        let class_weights = class_weights.weigh(counts);
        let loss = CrossEntropy { smoothing, class_weights, ..CrossEntropy::plain(3) };
        loss.mean(logits, &[0.into(), 1.into()]).into_scalar()
    }

    #[test]
    fn a_mixture_is_both_its_images_by_their_shares() {
        let class_weights = ClassWeights::Balanced.weigh(&[1, 2, 3]);
        let loss = CrossEntropy { smoothing: 0.3, class_weights, ..CrossEntropy::plain(3) };
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

    #[test]
    fn a_focal_loss_counts_doubt() {
        let logits = || Tensor::from_floats([[2.0, 0.5, -1.0], [0.0, 1.0, 3.0]], &Device::flex());
        let of = |focus: f64| {
            let loss = CrossEntropy { focus, ..CrossEntropy::plain(3) };
            f64::from(loss.mean(logits(), &[0.into(), 1.into()]).into_scalar::<f32>())
        };
        let p = |row: [f64; 3], label: usize| row[label].exp() / row.iter().map(|v| v.exp()).sum::<f64>();
        let (a, b) = (p([2.0, 0.5, -1.0], 0), p([0.0, 1.0, 3.0], 1));
        for focus in [0.0, 1.0, 2.0, 0.5] {
            let expected = -((1.0 - a).powf(focus) * a.ln() + (1.0 - b).powf(focus) * b.ln()) / 2.0;
            assert!((of(focus) - expected).abs() < 1e-6, "{focus}: {}, expected {expected}", of(focus));
        }
    }

    /// Reference: `torch.nn.functional.cross_entropy(logits, [0, 1], weight, label_smoothing)` written out by
    /// hand for smoothing 0; with smoothing it differs from torch only where class weights are used too
    /// (torch also weights the smoothed share by its own class).
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
        assert!(
            (f64::from(loss(0.0, ClassWeights::Effective { beta: 0.5 }, &[1, 2, 1])) - effective).abs()
                < 1e-6
        );
    }

    #[test]
    fn parts_of_a_batch_add_up_to_its_mean_over_the_labelled_views() {
        // two views of two images, view by view
        let targets: [Target; 4] = [0, 1, 0, 1].map(Target::from);
        let logits = |rows: &[usize]| {
            let values: Vec<f32> =
                rows.iter().flat_map(|row| (0..3).map(move |i| (row * 3 + i) as f32)).collect();
            Tensor::<2>::from_data(TensorData::new(values, [rows.len(), 3]), &Device::flex()).sin()
        };
        for labelled_views in [1, 2] {
            let class_weights = ClassWeights::Balanced.weigh(&[1, 2, 3]);
            let loss = CrossEntropy { labelled_views, class_weights, weight: 0.5, ..CrossEntropy::plain(3) };
            let add = |image: usize| {
                let (logits, views) =
                    (logits(&[image, image + 2]), [targets[image].clone(), targets[image].clone()]);
                let part = Part { logits, targets: &views, taught: &[], views: 2, batch: &targets[..2] };
                loss.add(&part).into_scalar::<f32>()
            };
            let labelled = 2 * labelled_views;
            let mean: f32 = loss.mean(logits(&[0, 1, 2, 3][..labelled]), &targets[..labelled]).into_scalar();
            assert!((add(0) + add(1) - 0.5 * mean).abs() < 1e-6, "{labelled_views}");
        }
    }
}
