//! Lion (Chen et al., 2023): steps of one size in the direction of a blended gradient's sign.

use burn::tensor::Tensor;

use super::rule::{Rule, Step};

/// Lion.
pub(super) struct Lion;

impl Rule for Lion {
    fn name(&self) -> &'static str {
        "lion"
    }

    fn about(&self) -> &'static str {
        "sign of the blended gradient (Chen et al., 2023); wants a third to a tenth of AdamW's learning rate"
    }

    fn slots(&self) -> &'static [&'static str] {
        &["mean"]
    }

    fn betas(&self) -> [f64; 2] {
        [0.9, 0.99]
    }

    fn update(&self, step: &Step, weight: Tensor<1>, grad: Tensor<1>, state: &mut [Tensor<1>]) -> Tensor<1> {
        let [b1, b2] = step.betas;
        let [mean] = state else { return weight };
        let grad = grad * step.scale;
        let direction = (mean.clone() * b1 + grad.clone() * (1.0 - b1)).sign();
        *mean = mean.clone() * b2 + grad * (1.0 - b2);
        weight * (1.0 - step.lr * step.weight_decay) - direction * step.lr
    }

    fn update_in_place(&self, step: &Step, weight: &mut [f32], grad: &[f32], state: &mut [&mut [f32]]) {
        let [mean] = state else { return };
        let pass = hema_kernels::Lion {
            rate: step.lr as f32,
            shrink: (1.0 - step.lr * step.weight_decay) as f32,
            betas: step.betas.map(|b| b as f32),
            scale: step.scale as f32,
        };
        pass.update(weight, grad, mean);
    }
}
