//! The step of all weights in a few groups, for graphics cards: a thousand operations on small weights would
//! take the time of asking for them there, not of computing them.

use std::collections::{BTreeMap, HashMap};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use hema_core::error::Result;

use super::settings::{StepOfAll, check_norm};
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

/// Changes every weight that has a gradient, and asks the device once, at the end: for the norm. `known` has
/// the state of weights that no group of the last step has, such as the state of a run that is resumed.
///
/// # Errors
/// A gradient that is not finite; the network is then lost.
pub(super) fn step(
    step: &StepOfAll,
    network: Network,
    grads: &mut GradientsParams,
    states: &mut Vec<State>,
    known: &mut BTreeMap<String, Vec<Tensor<1>>>,
) -> Result<Network> {
    let mut collect = Collect { step, grads, groups: Vec::new(), names: Names::default() };
    network.visit(&mut collect);
    let groups = collect.groups;
    let Some(device) = groups.first().map(|group| group.grads[0].device()) else { return Ok(network) };
    let rows: Vec<Tensor<1>> = groups.iter().map(|group| join(group.grads.clone())).collect();
    let squares = rows.iter().map(|row| total(row.clone().square()));
    let norm = squares.reduce(|a, b| a + b).unwrap_or_else(|| Tensor::zeros([1], &device)).sqrt();
    // as PyTorch's clip_grad_norm_; on the device, which need not be waited for
    let clip_norm = step.settings.clip_norm;
    let scale = clip_norm.map(|limit| (norm.clone() + 1e-6).recip().mul_scalar(limit).clamp_max(1.0));

    let mut old = std::mem::take(states);
    let mut new = HashMap::new();
    for (group, row) in groups.into_iter().zip(rows) {
        let lengths: Vec<usize> = group.grads.iter().map(|grad| grad.dims()[0]).collect();
        let found = old.iter().position(|state| state.names == group.names);
        let mut state = if let Some(found) = found {
            old.swap_remove(found)
        } else {
            known.extend(old.drain(..).flat_map(|state| state.of_weights()));
            gather(known, &group, &lengths, step.settings.rule.slots().len())
        };
        let row = match &scale {
            Some(scale) => row * scale.clone(),
            None => row,
        };
        let step_of_group = step.of_weight(group.factor, group.decays, 1.0);
        let weights = step.settings.rule.update(&step_of_group, join(group.weights), row, &mut state.slots);
        new.extend(group.ids.into_iter().zip(split(&weights, &lengths)));
        states.push(state);
    }
    let network = network.map(&mut Replace { new });
    check_norm(norm.into_data().iter::<f64>().next().unwrap_or(f64::NAN))?;
    Ok(network)
}

/// The state of a group that did not exist before: the known states of its weights, zeros for the others.
fn gather(
    known: &mut BTreeMap<String, Vec<Tensor<1>>>,
    group: &Group,
    lengths: &[usize],
    slots: usize,
) -> State {
    let mut parts: Vec<Vec<Tensor<1>>> = vec![Vec::new(); slots];
    for (name, grad) in group.names.iter().zip(&group.grads) {
        let state = known.remove(name).unwrap_or_else(|| vec![grad.zeros_like(); slots]);
        parts.iter_mut().zip(state).for_each(|(slot, part)| slot.push(part));
    }
    let slots = parts.into_iter().map(join).collect();
    State { names: group.names.clone(), lengths: lengths.to_vec(), slots }
}

/// The parts in one row. Burn makes one kernel of the parts that are joined at once and of what follows, so
/// they are never many.
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

/// Collects the weights that have a gradient in groups.
struct Collect<'a> {
    step: &'a StepOfAll<'a>,
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
        let factor = self.step.factor(&name);
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
