//! Consistency: the predictions for several views of an image should agree.

use burn::tensor::{Tensor, activation};

use super::term::{Part, Term};
use crate::nn::total;

/// Views of a training image whose predictions are to be consistent: one that is barely changed, and two that
/// are.
pub(crate) const VIEWS: usize = 3;

/// The Jensen-Shannon divergence between the predictions for [`VIEWS`] views of the same images, as in
/// `AugMix` (Hendrycks et al., ICLR 2020).
#[derive(Clone, Debug)]
pub(crate) struct Consistency {
    /// Factor of the term in the loss.
    pub(crate) weight: f64,
}

impl Term for Consistency {
    fn add(&self, part: &Part) -> Tensor<1> {
        jensen_shannon(part.logits.clone()) * (self.weight * part.share())
    }

    fn views(&self) -> usize {
        VIEWS
    }
}

/// The mean divergence over the images, `[1]`: logits `[3 n, classes]`, view by view.
fn jensen_shannon(logits: Tensor<2>) -> Tensor<1> {
    let [rows, classes] = logits.dims();
    let logs = activation::log_softmax(logits, 1).reshape([VIEWS, rows / VIEWS, classes]);
    let views = logs.clone().exp();
    // the paper's bounds, which keep the logarithm finite
    let mixture = views.clone().mean_dim(0).clamp(1e-7, 1.0).log();
    total(views * (logs - mixture)) / rows as f64
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

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
}
