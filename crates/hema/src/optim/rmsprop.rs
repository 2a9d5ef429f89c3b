//! `RMSprop` (Hinton, 2012) with momentum, as in PyTorch.

use burn::tensor::Tensor;

use super::rule::{Rule, Step};

/// `RMSprop`.
pub(super) struct RmsProp;

const EPSILON: f64 = 1e-8;

impl Rule for RmsProp {
    fn name(&self) -> &'static str {
        "rmsprop"
    }

    fn about(&self) -> &'static str {
        "the gradient over its running root mean square, with momentum (Hinton, 2012)"
    }

    fn slots(&self) -> &'static [&'static str] {
        &["momentum", "square"]
    }

    /// The momentum, and the decay of the mean square.
    fn betas(&self) -> [f64; 2] {
        [0.9, 0.99]
    }

    fn update(&self, step: &Step, weight: Tensor<1>, grad: Tensor<1>, state: &mut [Tensor<1>]) -> Tensor<1> {
        let [b1, b2] = step.betas;
        let [momentum, square] = state else { return weight };
        let grad = grad * step.scale + weight.clone() * step.weight_decay;
        *square = square.clone() * b2 + grad.clone().square() * (1.0 - b2);
        *momentum = momentum.clone() * b1 + grad / (square.clone().sqrt() + EPSILON);
        weight - momentum.clone() * step.lr
    }

    fn update_in_place(&self, step: &Step, weight: &mut [f32], grad: &[f32], state: &mut [&mut [f32]]) {
        let [b1, b2] = step.betas.map(|b| b as f32);
        let (lr, decay, scale) = (step.lr as f32, step.weight_decay as f32, step.scale as f32);
        let [momentum, square] = state else { return };
        let state = momentum.iter_mut().zip(square.iter_mut());
        for ((weight, (momentum, square)), grad) in weight.iter_mut().zip(state).zip(grad) {
            let grad = grad * scale + *weight * decay;
            *square = *square * b2 + grad * grad * (1.0 - b2);
            *momentum = *momentum * b1 + grad / (square.sqrt() + EPSILON as f32);
            *weight -= *momentum * lr;
        }
    }
}
