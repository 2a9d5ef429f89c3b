//! Optimizers: how a gradient changes a weight.
//!
//! One rule is one file and one row of [`RULES`]. State is kept by parameter name, so that it survives being saved and
//! read by another process.

mod adam;
mod adamw;
mod cpu;
mod layers;
mod lion;
mod rmsprop;
mod sgd;
mod together;

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use hema_core::error::{Error, Result};

use crate::device;
use crate::model::Network;
use crate::recipe;
use crate::weights::{Array, Names, StateDict};

/// A rule, stateless: it says what the new weight and the new state are.
pub trait Rule: Sync {
    /// The name in recipes.
    fn name(&self) -> &'static str;
    /// One line for `hema list optimizers`.
    fn about(&self) -> &'static str;
    /// Names of the state arrays it keeps for each weight.
    fn slots(&self) -> &'static [&'static str];
    /// The usual decay rates of its running means.
    fn betas(&self) -> [f64; 2];
    /// One step of one weight, flattened. `state` holds one array a slot, zeros before the first step.
    fn update(&self, step: &Step, weight: Tensor<1>, grad: Tensor<1>, state: &mut [Tensor<1>]) -> Tensor<1>;
    /// The same as one pass over memory, where the tensors are on the CPU.
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

/// Every optimizer.
pub const RULES: &[&dyn Rule] = &[&adamw::AdamW, &adam::Adam, &lion::Lion, &sgd::Sgd, &rmsprop::RmsProp];

/// A rule at work on a network.
pub struct Optimizer {
    rule: &'static dyn Rule,
    betas: [f64; 2],
    weight_decay: f64,
    clip_norm: Option<f64>,
    /// Factor of the learning rate from one layer to the one before.
    layer_decay: f64,
    /// Factor of each parameter's learning rate, where layers differ.
    factors: BTreeMap<String, f64>,
    steps: u64,
    state: BTreeMap<String, Vec<Tensor<1>>>,
    /// The state on a graphics card, where weights are changed together.
    together: Vec<together::State>,
}

impl Optimizer {
    /// The optimizer of a stage.
    pub fn new(stage: &recipe::Stage) -> Self {
        let rule = stage.optimizer.row();
        Self {
            rule,
            betas: stage.betas.unwrap_or(rule.betas()),
            weight_decay: stage.weight_decay,
            clip_norm: stage.clip_norm,
            layer_decay: stage.layer_decay,
            factors: BTreeMap::new(),
            steps: 0,
            state: BTreeMap::new(),
            together: Vec::new(),
        }
    }

    /// Changes every weight that has a gradient. Biases and normalisation scales (arrays of one axis) do not decay.
    ///
    /// # Errors
    /// A gradient that is not finite; the network is then lost, its last checkpoint is not.
    pub fn step(&mut self, network: Network, mut grads: GradientsParams, lr: f64) -> Result<Network> {
        if self.layer_decay < 1.0 && self.factors.is_empty() {
            self.factors = layers::factors(&network, self.layer_decay);
        }
        if !network.devices().iter().all(device::is_cpu) {
            self.steps += 1;
            return together::step(self, network, &mut grads, lr);
        }
        let norm = global_norm(&network, &grads);
        check_norm(norm)?;
        // as PyTorch's clip_grad_norm_
        let scale = self.clip_norm.map_or(1.0, |limit| (limit / (norm + 1e-6)).min(1.0));
        self.steps += 1;
        let mut mapper = Update { optimizer: self, grads: &mut grads, lr, scale, names: Names::default() };
        Ok(network.map(&mut mapper))
    }

    /// The state as named arrays, `SLOT/WEIGHT`.
    pub fn state_dict(&self) -> StateDict {
        let mut saved = StateDict::new();
        let together = self.together.iter().flat_map(together::State::of_weights);
        for (weight, arrays) in self.state.clone().into_iter().chain(together) {
            for (slot, array) in self.rule.slots().iter().zip(&arrays) {
                let values = array.to_data().try_into_vec::<f32>().unwrap_or_default();
                saved.insert(format!("{slot}/{weight}"), Array { shape: vec![values.len()], values });
            }
        }
        saved
    }

    /// Continues from a saved state after `steps` steps.
    ///
    /// # Errors
    /// A state array that is missing.
    pub fn restore(&mut self, steps: u64, saved: &StateDict, device: &Device) -> Result<()> {
        self.steps = steps;
        let Some(first) = self.rule.slots().first() else { return Ok(()) };
        let prefix = format!("{first}/");
        for weight in saved.keys().filter_map(|key| key.strip_prefix(&prefix)) {
            let load = |slot: &&str| {
                let key = format!("{slot}/{weight}");
                let array = saved
                    .get(&key)
                    .ok_or_else(|| Error::new(format!("optimizer state `{key}` is missing")))?;
                Ok(Tensor::from_data(TensorData::new(array.values.clone(), [array.values.len()]), device))
            };
            let arrays = self.rule.slots().iter().map(load).collect::<Result<_>>()?;
            self.state.insert(weight.to_owned(), arrays);
        }
        Ok(())
    }
}

/// A norm that can be stepped by.
///
/// # Errors
/// One that is not finite.
fn check_norm(norm: f64) -> Result<()> {
    if norm.is_finite() {
        return Ok(());
    }
    Err(Error::new(format!("the gradient's norm is {norm}, expected a finite number"))
        .hint("lower the learning rate, or clip with clip_norm"))
}

/// Euclidean norm of all gradients together, on the CPU.
fn global_norm(network: &Network, grads: &GradientsParams) -> f64 {
    struct SumOfSquares<'a> {
        grads: &'a GradientsParams,
        sum: f64,
    }
    impl ModuleVisitor for SumOfSquares<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let Some(grad) = self.grads.get::<D>(param.id) else { return };
            self.sum += cpu::sum_of_squares(&grad);
        }
    }
    let mut visitor = SumOfSquares { grads, sum: 0.0 };
    network.visit(&mut visitor);
    visitor.sum.sqrt()
}

struct Update<'a> {
    optimizer: &'a mut Optimizer,
    grads: &'a mut GradientsParams,
    lr: f64,
    scale: f64,
    names: Names,
}

impl ModuleMapper for Update<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.names.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.names.exit(container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(grad) = self.grads.remove::<D>(param.id) else { return param };
        let optimizer = &mut *self.optimizer;
        let name = self.names.current();
        let step = Step {
            lr: self.lr * optimizer.factors.get(&name).copied().unwrap_or(1.0),
            weight_decay: if D > 1 { optimizer.weight_decay } else { 0.0 },
            betas: optimizer.betas,
            number: optimizer.steps,
            scale: self.scale,
        };
        let grad = grad.flatten::<1>(0, D - 1);
        let zeros = || vec![grad.zeros_like(); optimizer.rule.slots().len()];
        let state = optimizer.state.entry(name).or_insert_with(zeros);
        let (id, weight, mapper) = param.consume();
        let shape = weight.shape();
        let weight = weight.inner().flatten(0, D - 1);
        let weight = cpu::update(optimizer.rule, &step, weight, grad, state);
        let weight = Tensor::from_inner(weight.reshape(shape)).require_grad();
        Param::from_mapped_value(id, weight, mapper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a rule for a few steps on one weight, against the plain formula in `f64`.
    fn assert_follows(rule: &dyn Rule, formula: impl Fn(&Step, f64, f64, &mut [f64]) -> f64) {
        let device = Device::flex();
        let mut weight = Tensor::<1>::from_floats([0.5, -1.0], &device);
        let mut state: Vec<Tensor<1>> = rule.slots().iter().map(|_| weight.zeros_like()).collect();
        let mut expected = [0.5, -1.0];
        let mut in_place = vec![vec![0.0; 2]; rule.slots().len()];
        let mut expected_state = vec![vec![0.0; rule.slots().len()]; 2];
        for number in 1..=5 {
            let grads = [0.3 * number as f64 - 0.7, 0.01 / number as f64];
            let step = Step { lr: 0.1, weight_decay: 0.05, betas: rule.betas(), number, scale: 0.5 };
            let grad = Tensor::<1>::from_floats(grads.map(|g| g as f32), &device);
            let mut values: Vec<f32> = weight.to_data().try_into_vec().unwrap();
            weight = rule.update(&step, weight, grad, &mut state);
            let mut slots: Vec<&mut [f32]> = in_place.iter_mut().map(Vec::as_mut_slice).collect();
            rule.update_in_place(&step, &mut values, &grads.map(|g| g as f32), &mut slots);
            for i in 0..2 {
                expected[i] = formula(&step, expected[i], grads[i], &mut expected_state[i]);
            }
            let found: Vec<f32> = weight.to_data().try_into_vec().unwrap();
            for (f, e) in found.iter().chain(&values).zip(expected.iter().chain(&expected)) {
                assert!((f64::from(*f) - e).abs() < 1e-5, "{} step {number}: {f}, expected {e}", rule.name());
            }
        }
    }

    #[test]
    fn adamw_follows_loshchilov_and_hutter() {
        assert_follows(&adamw::AdamW, |step, weight, grad, state| {
            let [b1, b2] = step.betas;
            let grad = grad * step.scale;
            state[0] = b1 * state[0] + (1.0 - b1) * grad;
            state[1] = b2 * state[1] + (1.0 - b2) * grad * grad;
            let mean = state[0] / (1.0 - b1.powi(step.number as i32));
            let square = state[1] / (1.0 - b2.powi(step.number as i32));
            weight - step.lr * step.weight_decay * weight - step.lr * mean / (square.sqrt() + 1e-8)
        });
    }

    #[test]
    fn adam_follows_kingma_and_ba() {
        assert_follows(&adam::Adam, |step, weight, grad, state| {
            let [b1, b2] = step.betas;
            let grad = grad * step.scale + step.weight_decay * weight;
            state[0] = b1 * state[0] + (1.0 - b1) * grad;
            state[1] = b2 * state[1] + (1.0 - b2) * grad * grad;
            let mean = state[0] / (1.0 - b1.powi(step.number as i32));
            let square = state[1] / (1.0 - b2.powi(step.number as i32));
            weight - step.lr * mean / (square.sqrt() + 1e-8)
        });
    }

    #[test]
    fn sgd_follows_nesterov_as_in_pytorch() {
        assert_follows(&sgd::Sgd, |step, weight, grad, state| {
            let grad = grad * step.scale + step.weight_decay * weight;
            state[0] = step.betas[0] * state[0] + grad;
            weight - step.lr * (grad + step.betas[0] * state[0])
        });
    }

    #[test]
    fn rmsprop_follows_hinton_as_in_pytorch() {
        assert_follows(&rmsprop::RmsProp, |step, weight, grad, state| {
            let [b1, b2] = step.betas;
            let grad = grad * step.scale + step.weight_decay * weight;
            state[1] = b2 * state[1] + (1.0 - b2) * grad * grad;
            state[0] = b1 * state[0] + grad / (state[1].sqrt() + 1e-8);
            weight - step.lr * state[0]
        });
    }

    #[test]
    fn lion_follows_chen_et_al() {
        assert_follows(&lion::Lion, |step, weight, grad, state| {
            let [b1, b2] = step.betas;
            let grad = grad * step.scale;
            let direction = (b1 * state[0] + (1.0 - b1) * grad).signum();
            state[0] = b2 * state[0] + (1.0 - b2) * grad;
            weight - step.lr * step.weight_decay * weight - step.lr * direction
        });
    }
}
