//! The mean of the weights over training, which generalises better than the weights of any one step: it lies
//! in the middle of the valley that training walks about in (Polyak and Juditsky, 1992; Izmailov et al.,
//! 2018).
//!
//! Running statistics are averaged like weights, as timm does, unless the recipe has them estimated anew
//! (`statistics`). Training itself goes on from the weights, never from their mean, until the stage ends. The
//! mean lives where the weights do: a card is not asked for them after every step.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use hema_core::error::Result;

use crate::model::Network;
use crate::nn::{Parameter, Plain, Stored};
use crate::recipe::{self, Averaging};
use crate::weights::{self, Array, Names, StateDict};

/// The mean of the networks of a stage so far.
pub(super) struct Average {
    rule: recipe::Average,
    mean: BTreeMap<String, Mean>,
    /// Networks in the mean.
    count: u64,
}

/// The mean of one parameter.
enum Mean {
    /// In the processor's memory.
    Here(Array),
    /// On a card, as one row of values.
    There { shape: Vec<usize>, values: Box<Tensor<1>> },
}

impl Average {
    /// The mean of no network.
    pub(super) fn new(rule: &recipe::Average) -> Self {
        Self { rule: rule.clone(), mean: BTreeMap::new(), count: 0 }
    }

    /// Goes on with the saved mean of so many networks.
    pub(super) fn restore(&mut self, count: u64, mean: StateDict) {
        (self.count, self.mean) = (count, here(mean));
    }

    /// Takes in the network after a step, where every step counts.
    pub(super) fn after_step(&mut self, network: &Network) {
        if self.rule.kind == Averaging::Ema {
            self.take(network, 1.0 - decay(self.rule.decay, self.count));
        }
    }

    /// Takes in the network after an epoch, the `left`-th from the stage's end, where the last epochs count.
    pub(super) fn after_epoch(&mut self, network: &Network, left: u64) {
        if self.rule.kind == Averaging::Uniform && left <= self.rule.epochs {
            self.take(network, 1.0 / (self.count + 1) as f64);
        }
    }

    /// The network to judge and keep: the mean, or the network itself while the mean is empty.
    pub(super) fn network(&self, network: &Network) -> Result<Network> {
        // a copy with running statistics of its own, which clones would share
        let copy = network.valid();
        if self.count == 0 { Ok(copy) } else { Ok(weights::load(copy, &self.state_dict())?.0) }
    }

    /// Networks in the mean.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The mean; empty when no network is in it.
    pub(super) fn state_dict(&self) -> StateDict {
        self.mean.iter().map(|(name, mean)| (name.clone(), mean.array())).collect()
    }

    /// Moves the mean by this share of the way to the network.
    fn take(&mut self, network: &Network, share: f64) {
        if self.count == 0 {
            self.mean = here(weights::state_dict(network));
        } else {
            let share = share as f32;
            network.visit(&mut Blend { mean: &mut self.mean, share, names: Names::default() });
        }
        self.count += 1;
    }
}

/// A mean that starts in the processor's memory.
fn here(state: StateDict) -> BTreeMap<String, Mean> {
    state.into_iter().map(|(name, array)| (name, Mean::Here(array))).collect()
}

impl Mean {
    /// Moves this share of the way to the parameter, and to where it is.
    fn towards<const D: usize>(&mut self, tensor: Tensor<D>, share: f32) {
        if let Self::Here(mean) = self {
            if let Some(buffer) = Plain.take(tensor.clone()) {
                return hema_kernels::lerp(&mut mean.values, f32::values(&buffer), share);
            }
            // the first of a stage on a card, or the first after a checkpoint was read
            let row = TensorData::new(std::mem::take(&mut mean.values), [tensor.shape().num_elements()]);
            let values = Box::new(Tensor::from_data(row, &tensor.device()));
            *self = Self::There { shape: std::mem::take(&mut mean.shape), values };
        }
        if let Self::There { values, .. } = self {
            let way = tensor.flatten::<1>(0, D - 1) - (**values).clone();
            **values = (**values).clone() + way * share;
        }
    }

    fn array(&self) -> Array {
        match self {
            Self::Here(array) => array.clone(),
            Self::There { shape, values } => {
                Array { shape: shape.clone(), values: values.to_data().iter::<f32>().collect() }
            }
        }
    }
}

/// The decay of an exponential mean that `count` networks are in. It warms up as in timm's `ModelEmaV3`, so
/// that the first networks, which are the worst, are soon forgotten.
fn decay(most: f64, count: u64) -> f64 {
    (1.0 - (1.0 + count as f64).powf(-2.0 / 3.0)).min(most)
}

/// Moves a mean towards the network it visits.
struct Blend<'a> {
    mean: &'a mut BTreeMap<String, Mean>,
    share: f32,
    names: Names,
}

impl ModuleVisitor for Blend<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.names.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.names.exit(container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(mean) = self.mean.get_mut(&self.names.current()) {
            mean.towards(param.val().without_autodiff(), self.share);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device;
    use crate::model::tests::spec;

    fn networks() -> Vec<Network> {
        let device = device::of_tests().autodiff();
        (0..4).map(|seed| Network::new(&spec("cnn_gap"), seed, &device).unwrap()).collect()
    }

    /// One value of every network, in order.
    fn values(networks: &[Network]) -> Vec<f64> {
        networks.iter().map(|n| f64::from(weights::state_dict(n)["stages.0.conv.weight"].values[7])).collect()
    }

    fn mean(average: &Average, network: &Network) -> f64 {
        values(&[average.network(network).unwrap()])[0]
    }

    #[test]
    fn the_exponential_mean_follows_its_definition_and_warms_up() {
        let networks = networks();
        let rule = recipe::Average { kind: Averaging::Ema, decay: 0.5, ..recipe::Average::default() };
        let mut average = Average::new(&rule);
        for network in &networks {
            average.after_step(network);
        }
        average.after_epoch(&networks[0], 1);
        // 1 - 2^(-2/3) = 0.370; the next would be 0.519
        let expected = values(&networks).into_iter().enumerate().fold(0.0, |mean, (i, value)| {
            let decay = [0.0, 0.370_039_475_052_563_4, 0.5, 0.5][i];
            decay * mean + (1.0 - decay) * value
        });
        assert_eq!(average.count(), 4);
        assert!((mean(&average, &networks[0]) - expected).abs() < 1e-6);
    }

    #[test]
    fn the_uniform_mean_is_that_of_the_last_epochs() {
        let networks = networks();
        let rule = recipe::Average { kind: Averaging::Uniform, epochs: 3, ..recipe::Average::default() };
        let mut average = Average::new(&rule);
        let values = values(&networks);
        for (left, network) in (1..=4).rev().zip(&networks) {
            average.after_step(network);
            average.after_epoch(network, left);
            if left == 4 {
                assert_eq!(mean(&average, network), values[0]);
            }
        }
        let expected = values[1..].iter().sum::<f64>() / 3.0;
        assert!((mean(&average, &networks[0]) - expected).abs() < 1e-6);
    }

    #[test]
    fn a_mean_on_a_card_moves_like_one_in_the_processors_memory() {
        let device = device::of_tests();
        let tensor = |data: [[f32; 3]; 2]| Tensor::<2>::from_data(data, &device);
        let start = Array { shape: vec![2, 3], values: vec![1.0, -2.0, 0.0, 4.0, 8.0, 0.5] };
        let row = Box::new(Tensor::from_data(&start.values[..], &device));
        let mut means = [Mean::Here(start.clone()), Mean::There { shape: start.shape, values: row }];
        for mean in &mut means {
            mean.towards(tensor([[2.0; 3]; 2]), 0.25);
            mean.towards(tensor([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]), 0.5);
        }
        let expected = vec![0.625, 0.0, 1.25, 3.25, 5.25, 2.9375];
        for mean in &means {
            assert_eq!(mean.array(), Array { shape: vec![2, 3], values: expected.clone() });
        }
    }
}
