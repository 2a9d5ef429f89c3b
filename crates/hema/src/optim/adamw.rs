//! Adam with decoupled weight decay (Loshchilov and Hutter, 2019), as in PyTorch.

use burn::tensor::Tensor;

use super::rule::{Rule, Step};

/// Adam with decoupled weight decay.
pub(super) struct AdamW;

const EPSILON: f64 = 1e-8;

impl Rule for AdamW {
    fn name(&self) -> &'static str {
        "adamw"
    }

    fn about(&self) -> &'static str {
        "Adam with decoupled weight decay (Loshchilov and Hutter, 2019)"
    }

    fn slots(&self) -> &'static [&'static str] {
        &["mean", "square"]
    }

    fn betas(&self) -> [f64; 2] {
        [0.9, 0.999]
    }

    fn update(&self, step: &Step, weight: Tensor<1>, grad: Tensor<1>, state: &mut [Tensor<1>]) -> Tensor<1> {
        let [b1, b2] = step.betas;
        let [mean, square] = state else { return weight };
        let grad = grad * step.scale;
        *mean = mean.clone() * b1 + grad.clone() * (1.0 - b1);
        *square = square.clone() * b2 + grad.square() * (1.0 - b2);
        let number = step.number as i32;
        let unbiased = 1.0 / (1.0 - b2.powi(number)).sqrt();
        let rate = step.lr / (1.0 - b1.powi(number));
        let change = mean.clone() / (square.clone().sqrt() * unbiased + EPSILON) * rate;
        weight * (1.0 - step.lr * step.weight_decay) - change
    }

    fn update_in_place(&self, step: &Step, weight: &mut [f32], grad: &[f32], state: &mut [&mut [f32]]) {
        let [b1, b2] = step.betas;
        let [mean, square] = state else { return };
        let number = step.number as i32;
        let pass = hema_kernels::AdamW {
            rate: (step.lr / (1.0 - b1.powi(number))) as f32,
            shrink: (1.0 - step.lr * step.weight_decay) as f32,
            betas: step.betas.map(|b| b as f32),
            unbiased: (1.0 / (1.0 - b2.powi(number)).sqrt()) as f32,
            epsilon: EPSILON as f32,
            scale: step.scale as f32,
        };
        pass.update(weight, grad, mean, square);
    }
}
