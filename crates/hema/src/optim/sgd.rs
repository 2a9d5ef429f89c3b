//! Stochastic gradient descent with Nesterov's momentum, as in PyTorch.

use burn::tensor::Tensor;

use super::rule::{Rule, Step};

/// Stochastic gradient descent.
pub(super) struct Sgd;

impl Rule for Sgd {
    fn name(&self) -> &'static str {
        "sgd"
    }

    fn about(&self) -> &'static str {
        "stochastic gradient descent with Nesterov's momentum; wants a hundred times AdamW's learning rate"
    }

    fn slots(&self) -> &'static [&'static str] {
        &["momentum"]
    }

    /// The momentum; the second is not used.
    fn betas(&self) -> [f64; 2] {
        [0.9, 0.0]
    }

    fn update(&self, step: &Step, weight: Tensor<1>, grad: Tensor<1>, state: &mut [Tensor<1>]) -> Tensor<1> {
        let [beta, _] = step.betas;
        let [momentum] = state else { return weight };
        let grad = grad * step.scale + weight.clone() * step.weight_decay;
        *momentum = momentum.clone() * beta + grad.clone();
        weight - (grad + momentum.clone() * beta) * step.lr
    }

    fn update_in_place(&self, step: &Step, weight: &mut [f32], grad: &[f32], state: &mut [&mut [f32]]) {
        let [beta, _] = step.betas.map(|b| b as f32);
        let (lr, decay, scale) = (step.lr as f32, step.weight_decay as f32, step.scale as f32);
        let [momentum] = state else { return };
        for ((weight, momentum), grad) in weight.iter_mut().zip(momentum.iter_mut()).zip(grad) {
            let grad = grad * scale + *weight * decay;
            *momentum = *momentum * beta + grad;
            *weight -= (grad + *momentum * beta) * lr;
        }
    }
}
