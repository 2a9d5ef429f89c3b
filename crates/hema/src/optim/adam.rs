//! Adam (Kingma and Ba, 2015), as in PyTorch: weight decay is added to the gradient, so that it is scaled
//! like the rest of it.

use burn::tensor::Tensor;

use super::adamw::AdamW;
use super::rule::{Rule, Step};

/// Adam with weight decay in the gradient.
pub(super) struct Adam;

impl Rule for Adam {
    fn name(&self) -> &'static str {
        "adam"
    }

    fn about(&self) -> &'static str {
        "Adam (Kingma and Ba, 2015); its weight decay is a part of the gradient"
    }

    fn slots(&self) -> &'static [&'static str] {
        AdamW.slots()
    }

    fn betas(&self) -> [f64; 2] {
        AdamW.betas()
    }

    fn update(&self, step: &Step, weight: Tensor<1>, grad: Tensor<1>, state: &mut [Tensor<1>]) -> Tensor<1> {
        let grad = grad * step.scale + weight.clone() * step.weight_decay;
        AdamW.update(&without_decay(step), weight, grad, state)
    }

    fn update_in_place(&self, step: &Step, weight: &mut [f32], grad: &[f32], state: &mut [&mut [f32]]) {
        if step.weight_decay == 0.0 {
            return AdamW.update_in_place(step, weight, grad, state);
        }
        let (scale, decay) = (step.scale as f32, step.weight_decay as f32);
        let decayed: Vec<f32> =
            grad.iter().zip(weight.iter()).map(|(grad, weight)| grad * scale + weight * decay).collect();
        AdamW.update_in_place(&without_decay(step), weight, &decayed, state);
    }
}

/// The step for a gradient that is scaled and decayed already.
fn without_decay(step: &Step) -> Step {
    Step { weight_decay: 0.0, scale: 1.0, ..*step }
}
