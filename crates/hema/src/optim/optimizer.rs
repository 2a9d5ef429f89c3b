//! A rule at work on a network: which weights change, by which rates, and the state that goes from step to
//! step.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use hema_core::error::{Error, Result};

use super::settings::{Settings, StepOfAll, check_norm};
use super::{cpu, grouped, layers};
use crate::device;
use crate::model::Network;
use crate::weights::{Array, Names, StateDict};

/// A rule at work on a network.
pub struct Optimizer {
    settings: Settings,
    /// Factor of each parameter's learning rate, where layers differ; filled by the first step.
    factors: BTreeMap<String, f64>,
    steps: u64,
    /// The state of each weight: one array a slot.
    state: BTreeMap<String, Vec<Tensor<1>>>,
    /// The state on a graphics card, where weights are changed in groups.
    groups: Vec<grouped::State>,
}

impl Optimizer {
    /// An optimizer before its first step.
    pub fn new(settings: Settings) -> Self {
        Self { settings, factors: BTreeMap::new(), steps: 0, state: BTreeMap::new(), groups: Vec::new() }
    }

    /// Changes every weight that has a gradient. Biases and normalisation scales (arrays of one axis) do not
    /// decay.
    ///
    /// # Errors
    /// A gradient that is not finite; the network is then lost, its last checkpoint is not.
    pub fn step(&mut self, network: Network, grads: GradientsParams, lr: f64) -> Result<Network> {
        self.fill_factors(&network);
        if network.devices().iter().all(device::is_cpu) {
            self.step_one_by_one(network, grads, lr)
        } else {
            self.step_in_groups(network, grads, lr)
        }
    }

    fn fill_factors(&mut self, network: &Network) {
        if self.settings.layer_decay < 1.0 && self.factors.is_empty() {
            self.factors = layers::factors(network, self.settings.layer_decay);
        }
    }

    /// The step on the CPU.
    fn step_one_by_one(&mut self, network: Network, mut grads: GradientsParams, lr: f64) -> Result<Network> {
        let norm = global_norm(&network, &grads);
        check_norm(norm)?;
        // as PyTorch's clip_grad_norm_
        let scale = self.settings.clip_norm.map_or(1.0, |limit| (limit / (norm + 1e-6)).min(1.0));
        self.steps += 1;
        let step = StepOfAll { settings: &self.settings, factors: &self.factors, number: self.steps, lr };
        let state = &mut self.state;
        let mut mapper = Update { step, state, grads: &mut grads, scale, names: Names::default() };
        Ok(network.map(&mut mapper))
    }

    /// The step on graphics cards.
    fn step_in_groups(&mut self, network: Network, mut grads: GradientsParams, lr: f64) -> Result<Network> {
        self.steps += 1;
        let step = StepOfAll { settings: &self.settings, factors: &self.factors, number: self.steps, lr };
        grouped::step(&step, network, &mut grads, &mut self.groups, &mut self.state)
    }

    /// The state as named arrays, `SLOT/WEIGHT`.
    pub fn state_dict(&self) -> StateDict {
        let mut saved = StateDict::new();
        let grouped = self.groups.iter().flat_map(grouped::State::of_weights);
        for (weight, arrays) in self.state.clone().into_iter().chain(grouped) {
            for (slot, array) in self.settings.rule.slots().iter().zip(&arrays) {
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
        let slots = self.settings.rule.slots();
        let Some(first) = slots.first() else { return Ok(()) };
        let prefix = format!("{first}/");
        for weight in saved.keys().filter_map(|key| key.strip_prefix(&prefix)) {
            let load = |slot: &&str| {
                let key = format!("{slot}/{weight}");
                let array = saved
                    .get(&key)
                    .ok_or_else(|| Error::new(format!("optimizer state `{key}` is missing")))?;
                Ok(Tensor::from_data(TensorData::new(array.values.clone(), [array.values.len()]), device))
            };
            let arrays = slots.iter().map(load).collect::<Result<_>>()?;
            self.state.insert(weight.to_owned(), arrays);
        }
        Ok(())
    }
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

/// Changes the weights of a network one by one.
struct Update<'a> {
    step: StepOfAll<'a>,
    state: &'a mut BTreeMap<String, Vec<Tensor<1>>>,
    grads: &'a mut GradientsParams,
    /// Factor of the gradients.
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
        let name = self.names.current();
        let step = self.step.of_weight(self.step.factor(&name), D > 1, self.scale);
        let rule = self.step.settings.rule;
        let grad = grad.flatten::<1>(0, D - 1);
        let zeros = || vec![grad.zeros_like(); rule.slots().len()];
        let state = self.state.entry(name).or_insert_with(zeros);
        let (id, weight, mapper) = param.consume();
        let shape = weight.shape();
        let weight = weight.inner().flatten(0, D - 1);
        let weight = cpu::update(rule, &step, weight, grad, state);
        let weight = Tensor::from_inner(weight.reshape(shape)).require_grad();
        Param::from_mapped_value(id, weight, mapper)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Distribution;

    use super::*;
    use crate::model::ModelSpec;
    use crate::nn::Pass;
    use crate::optim::find;
    use crate::weights::state_dict;

    fn assert_same(found: &StateDict, expected: &StateDict) {
        assert!(found.keys().eq(expected.keys()));
        for (name, array) in expected {
            for (a, b) in found[name].values.iter().zip(&array.values) {
                assert!((a - b).abs() <= 1e-6 + 1e-4 * b.abs(), "{name}: {a}, expected {b}");
            }
        }
    }

    #[test]
    fn weights_changed_in_groups_are_those_changed_one_by_one() {
        let device = Device::flex().autodiff();
        let usual = Settings::new(find("adamw").unwrap());
        let settings = Settings { weight_decay: 0.05, clip_norm: Some(0.5), layer_decay: 0.7, ..usual };
        let mut network = Network::new(&ModelSpec::bare("mobilenetv3_small_100", 4, 32), 0, &device).unwrap();
        let (mut one_by_one, mut in_groups) = (Optimizer::new(settings), Optimizer::new(settings));
        for number in 1..=3 {
            let x = Tensor::<4>::random([4, 32, 32, 3], Distribution::Normal(0.0, 1.0), &device);
            let grads = || {
                let loss = network.forward(x.clone(), &Pass::train(0, number)).square().sum();
                GradientsParams::from_grads(loss.backward(), &network)
            };
            if number == 3 {
                // as a run that is resumed
                let saved = in_groups.state_dict();
                in_groups = Optimizer::new(settings);
                in_groups.restore(2, &saved, &Device::flex()).unwrap();
            }
            let expected = one_by_one.step(network.clone(), grads(), 1e-2).unwrap();
            in_groups.fill_factors(&network);
            let found = in_groups.step_in_groups(network.clone(), grads(), 1e-2).unwrap();
            assert_same(&state_dict(&found), &state_dict(&expected));
            assert_same(&in_groups.state_dict(), &one_by_one.state_dict());
            network = expected;
        }
        assert!(in_groups.groups.len() > 2);
    }
}
