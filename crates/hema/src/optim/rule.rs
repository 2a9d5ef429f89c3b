//! The contract of a rule: how one step changes one weight.

use burn::tensor::Tensor;

/// A rule of optimization. It has no state of its own: it says what the new weight and the new state are.
pub trait Rule: Sync {
    /// The name in recipes.
    fn name(&self) -> &'static str;
    /// One line for `hema list optimizers`.
    fn about(&self) -> &'static str;
    /// Names of the state arrays that are kept for each weight.
    fn slots(&self) -> &'static [&'static str];
    /// The usual decay rates of the running means.
    fn betas(&self) -> [f64; 2];
    /// The new value of one weight, flattened. `state` holds one array a slot, zeros before the first step,
    /// and is updated.
    fn update(&self, step: &Step, weight: Tensor<1>, grad: Tensor<1>, state: &mut [Tensor<1>]) -> Tensor<1>;
    /// Does the work of [`update`](Self::update) in one pass over the memory of tensors on the CPU.
    fn update_in_place(&self, step: &Step, weight: &mut [f32], grad: &[f32], state: &mut [&mut [f32]]);
}

/// The numbers of one step of one weight.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Learning rate.
    pub lr: f64,
    /// Weight decay.
    pub weight_decay: f64,
    /// Decay rates of the running means.
    pub betas: [f64; 2],
    /// Number of this step, from 1.
    pub number: u64,
    /// Factor of the gradient: below 1 where its norm is clipped.
    pub scale: f64,
}
