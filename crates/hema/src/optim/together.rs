//! The step of all weights at once, for graphics cards: there a thousand operations on small weights cost the time of asking for
//! them, not of computing them.

use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use hema_core::error::Result;

use super::{Optimizer, Step, check_norm};
use crate::model::Network;
use crate::nn::total;
use crate::weights::Names;

/// Weights that are changed by the same numbers, one after the other in one row.
struct Group {
    /// Factor of the learning rate.
    factor: f64,
    decays: bool,
    names: Vec<String>,
    ids: Vec<ParamId>,
    weights: Vec<Tensor<1>>,
    grads: Vec<Tensor<1>>,
}

/// The optimizer's state of a group.
pub(super) struct State {
    names: Vec<String>,
    lengths: Vec<usize>,
    /// One row a slot.
    slots: Vec<Tensor<1>>,
}

impl State {
    /// The state of each weight: its name and its part of every slot.
    pub(super) fn of_weights(&self) -> Vec<(String, Vec<Tensor<1>>)> {
        let parts: Vec<Vec<Tensor<1>>> = self.slots.iter().map(|row| split(row, &self.lengths)).collect();
        let of = |i: usize| parts.iter().map(|slot| slot[i].clone()).collect();
        self.names.iter().cloned().enumerate().map(|(i, name)| (name, of(i))).collect()
    }
}

/// Changes every weight that has a gradient, and asks the device once, at the end: for the norm.
///
/// # Errors
/// A gradient that is not finite; the network is then lost.
pub(super) fn step(
    optimizer: &mut Optimizer,
    network: Network,
    grads: &mut GradientsParams,
    lr: f64,
) -> Result<Network> {
    let mut collect = Collect { optimizer, grads, groups: Vec::new(), names: Names::default() };
    network.visit(&mut collect);
    let groups = collect.groups;
    let Some(device) = groups.first().map(|group| group.grads[0].device()) else { return Ok(network) };
    let rows: Vec<Tensor<1>> = groups.iter().map(|group| join(group.grads.clone())).collect();
    let squares = rows.iter().map(|row| total(row.clone().square()));
    let norm = squares.reduce(|a, b| a + b).unwrap_or_else(|| Tensor::zeros([1], &device)).sqrt();
    // as PyTorch's clip_grad_norm_; on the device, which need not be waited for
    let scale =
        optimizer.clip_norm.map(|limit| (norm.clone() + 1e-6).recip().mul_scalar(limit).clamp_max(1.0));

    let mut old = std::mem::take(&mut optimizer.together);
    let mut new = HashMap::new();
    for (group, row) in groups.into_iter().zip(rows) {
        let lengths: Vec<usize> = group.grads.iter().map(|grad| grad.dims()[0]).collect();
        let mut state = match old.iter().position(|state| state.names == group.names) {
            Some(found) => old.swap_remove(found),
            None => optimizer.gather(&mut old, &group, &lengths),
        };
        let step = Step {
            lr: lr * group.factor,
            weight_decay: if group.decays { optimizer.weight_decay } else { 0.0 },
            betas: optimizer.betas,
            number: optimizer.steps,
            scale: 1.0,
        };
        let row = match &scale {
            Some(scale) => row * scale.clone(),
            None => row,
        };
        let weights = optimizer.rule.update(&step, join(group.weights), row, &mut state.slots);
        new.extend(group.ids.into_iter().zip(split(&weights, &lengths)));
        optimizer.together.push(state);
    }
    let network = network.map(&mut Replace { new });
    check_norm(norm.into_data().iter::<f64>().next().unwrap_or(f64::NAN))?;
    Ok(network)
}

impl Optimizer {
    /// The state of a group that did not exist before: what is known of its weights, zeros for the others.
    fn gather(&mut self, old: &mut Vec<State>, group: &Group, lengths: &[usize]) -> State {
        for state in old.drain(..) {
            self.state.extend(state.of_weights());
        }
        let mut parts: Vec<Vec<Tensor<1>>> = vec![Vec::new(); self.rule.slots().len()];
        for (name, grad) in group.names.iter().zip(&group.grads) {
            let known = self.state.remove(name).unwrap_or_else(|| vec![grad.zeros_like(); parts.len()]);
            parts.iter_mut().zip(known).for_each(|(slot, part)| slot.push(part));
        }
        let slots = parts.into_iter().map(join).collect();
        State { names: group.names.clone(), lengths: lengths.to_vec(), slots }
    }
}

/// All of them in one row. Burn makes one kernel of what is joined at once and what follows, so that is never many.
fn join(mut parts: Vec<Tensor<1>>) -> Tensor<1> {
    const AT_ONCE: usize = 16;
    while parts.len() > 1 {
        parts = parts.chunks(AT_ONCE).map(|some| Tensor::cat(some.to_vec(), 0)).collect();
    }
    parts.remove(0)
}

/// Parts of a row, of these lengths.
fn split(row: &Tensor<1>, lengths: &[usize]) -> Vec<Tensor<1>> {
    let mut start = 0;
    let mut part = |length: &usize| {
        start += length;
        row.clone().narrow(0, start - length, *length)
    };
    lengths.iter().map(&mut part).collect()
}

struct Collect<'a> {
    optimizer: &'a Optimizer,
    grads: &'a mut GradientsParams,
    groups: Vec<Group>,
    names: Names,
}

impl ModuleVisitor for Collect<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.names.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.names.exit(container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(grad) = self.grads.remove::<D>(param.id) else { return };
        let name = self.names.current();
        let factor = self.optimizer.factors.get(&name).copied().unwrap_or(1.0);
        let decays = D > 1;
        let found = self.groups.iter().position(|group| (group.factor, group.decays) == (factor, decays));
        let at = found.unwrap_or_else(|| {
            let (names, ids, weights, grads) = Default::default();
            self.groups.push(Group { factor, decays, names, ids, weights, grads });
            self.groups.len() - 1
        });
        let group = &mut self.groups[at];
        group.names.push(name);
        group.ids.push(param.id);
        group.weights.push(param.val().inner().flatten(0, D - 1));
        group.grads.push(grad.flatten(0, D - 1));
    }
}

/// Puts the new weights where the old ones are.
struct Replace {
    new: HashMap<ParamId, Tensor<1>>,
}

impl ModuleMapper for Replace {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(new) = self.new.remove(&param.id) else { return param };
        let (id, weight, mapper) = param.consume();
        let new = Tensor::from_inner(new.reshape(weight.shape())).require_grad();
        Param::from_mapped_value(id, new, mapper)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Distribution};

    use super::*;
    use crate::model::ModelSpec;
    use crate::nn::Pass;
    use crate::recipe::Recipe;
    use crate::weights::{StateDict, state_dict};

    fn assert_same(found: &StateDict, expected: &StateDict) {
        assert!(found.keys().eq(expected.keys()));
        for (name, array) in expected {
            for (a, b) in found[name].values.iter().zip(&array.values) {
                assert!((a - b).abs() <= 1e-6 + 1e-4 * b.abs(), "{name}: {a}, expected {b}");
            }
        }
    }

    #[test]
    fn weights_changed_together_are_those_changed_one_by_one() {
        let device = Device::flex().autodiff();
        let changed = ["stage.0.layer_decay=0.7", "stage.0.clip_norm=0.5"];
        let stage = &Recipe::load("v2b0", &changed).unwrap().stages[0];
        let mut network = Network::new(&ModelSpec::bare("mobilenetv3_small_100", 4, 32), 0, &device).unwrap();
        let (mut one_by_one, mut together) = (Optimizer::new(stage), Optimizer::new(stage));
        for number in 1..=3 {
            let x = Tensor::<4>::random([4, 32, 32, 3], Distribution::Normal(0.0, 1.0), &device);
            let grads = || {
                let loss = network.forward(x.clone(), &Pass::train(0, number)).square().sum();
                GradientsParams::from_grads(loss.backward(), &network)
            };
            if number == 3 {
                // as a run that is resumed
                let saved = together.state_dict();
                together = Optimizer::new(stage);
                together.restore(2, &saved, &Device::flex()).unwrap();
                together.factors.clone_from(&one_by_one.factors);
            }
            together.steps += 1;
            let expected = one_by_one.step(network.clone(), grads(), 1e-2).unwrap();
            together.factors.clone_from(&one_by_one.factors);
            let found = step(&mut together, network.clone(), &mut grads(), 1e-2).unwrap();
            assert_same(&state_dict(&found), &state_dict(&expected));
            assert_same(&together.state_dict(), &one_by_one.state_dict());
            network = expected;
        }
        assert!(together.together.len() > 2);
    }
}
