//! Squeeze-and-excitation: a gate per image and channel, computed from the map's averages by two small
//! layers.
//!
//! This module is the small layers. The passes over the map, averaging, gating, and joining the map's own
//! gradient with the averages', are left to the block, which does them in the same go as the normalisation
//! before.

use super::{Conv2d, Map, PackedConv, Pad};
use crate::parallel::check_len;
use crate::simd::{Act, Element};

/// The shape of a squeeze-and-excitation layer (Hu et al., 2018).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqueezeExcite {
    /// The map that is gated.
    pub map: Map,
    /// Channels between the two layers.
    pub reduced: usize,
    /// Activation between the two layers.
    pub act: Act,
    /// The function that makes a gate of the second layer's output.
    pub gate: Gate,
}

/// A function from all numbers to gates between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Gate {
    /// `1 / (1 + e^-z)`
    #[default]
    Sigmoid,
    /// `min(max(0, z + 3), 6) / 6`
    HardSigmoid,
}

impl Gate {
    /// The part of the function that the second layer applies itself.
    fn act(self) -> Act {
        match self {
            Self::Sigmoid => Act::Sigmoid,
            Self::HardSigmoid => Act::Identity,
        }
    }

    /// Applies the rest of the function to the second layer's output.
    fn finish(self, gates: &mut [f32]) {
        if self == Self::HardSigmoid {
            for z in gates {
                *z = ((*z + 3.0) / 6.0).clamp(0.0, 1.0);
            }
        }
    }

    /// The slope of the function where its value is `gate`, over that value: the gated map's product with its
    /// gradient times this is the gradient before the function.
    fn relative_slope(self, gate: f32) -> f32 {
        match self {
            Self::Sigmoid => 1.0 - gate,
            Self::HardSigmoid if gate > 0.0 && gate < 1.0 => 1.0 / (6.0 * gate),
            Self::HardSigmoid => 0.0,
        }
    }
}

/// Parameters of a [`SqueezeExcite`].
#[derive(Clone, Copy, Debug)]
pub struct SqueezeParams<'a> {
    /// Weights of the first layer, (reduced, channels, 1, 1).
    pub reduce_weight: &'a [f32],
    /// Bias of the first layer, (reduced).
    pub reduce_bias: &'a [f32],
    /// Weights of the second layer, (channels, reduced, 1, 1).
    pub expand_weight: &'a [f32],
    /// Bias of the second layer, (channels).
    pub expand_bias: &'a [f32],
}

/// A [`SqueezeExcite`]'s parameters for predictions: weights in the kernel's order.
pub(crate) struct FoldedSqueeze {
    reduce: PackedConv<f32>,
    reduce_bias: Vec<f32>,
    expand: PackedConv<f32>,
    expand_bias: Vec<f32>,
}

/// Values that a [`SqueezeExcite`]'s forward pass keeps for the backward pass.
#[derive(Debug)]
pub struct SqueezeSaved {
    mean: Vec<f32>,
    /// Output of the first layer before and after its activation.
    pre: Vec<f32>,
    hidden: Vec<f32>,
    /// The gates (batch, channels).
    pub gate: Vec<f32>,
}

/// Gradients of a [`SqueezeExcite`]'s parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct SqueezeGrads {
    /// Gradient of the first layer's weights.
    pub reduce_weight: Vec<f32>,
    /// Gradient of the first layer's bias.
    pub reduce_bias: Vec<f32>,
    /// Gradient of the second layer's weights.
    pub expand_weight: Vec<f32>,
    /// Gradient of the second layer's bias.
    pub expand_bias: Vec<f32>,
}

/// Sum of rows of `n` values.
fn sum_rows(x: &[f32], n: usize) -> Vec<f32> {
    let mut sums = vec![0.0; n];
    for row in x.chunks_exact(n) {
        sums.iter_mut().zip(row).for_each(|(s, x)| *s += x);
    }
    sums
}

impl SqueezeExcite {
    fn layer(&self, inputs: usize, outputs: usize) -> Conv2d {
        let (batch, pad) = (self.map.batch, Pad::default());
        Conv2d { batch, height: 1, width: 1, inputs, outputs, kernel: 1, stride: 1, pad }
    }

    fn reduce(&self) -> Conv2d {
        self.layer(self.map.channels, self.reduced)
    }

    fn expand(&self) -> Conv2d {
        self.layer(self.reduced, self.map.channels)
    }

    /// Checks the shape, and the parameters' lengths against it.
    #[track_caller]
    pub(crate) fn check(&self, params: &SqueezeParams) {
        let (reduce, expand) = (self.reduce(), self.expand());
        reduce.check();
        check_len("reduce_weight", params.reduce_weight.len(), reduce.weight_len());
        check_len("reduce_bias", params.reduce_bias.len(), self.reduced);
        check_len("expand_weight", params.expand_weight.len(), expand.weight_len());
        check_len("expand_bias", params.expand_bias.len(), self.map.channels);
    }

    /// The gates, from the averages (batch, channels) of the map.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn forward(&self, mean: Vec<f32>, params: &SqueezeParams) -> SqueezeSaved {
        let (reduce, expand) = (self.reduce(), self.expand());
        self.check(params);
        check_len("mean", mean.len(), reduce.in_len());
        let mut pre = vec![0.0; reduce.out_len()];
        let mut hidden = pre.clone();
        reduce.forward(&mean, params.reduce_weight, Some(params.reduce_bias), Act::Identity, &mut pre);
        self.act.forward(&pre, &mut hidden);
        let mut gate = vec![0.0; mean.len()];
        expand.forward(&hidden, params.expand_weight, Some(params.expand_bias), self.gate.act(), &mut gate);
        self.gate.finish(&mut gate);
        SqueezeSaved { mean, pre, hidden, gate }
    }

    /// Backward pass from the gated map `y` and the gradient `d` of it. Also returns the averages'
    /// gradient per pixel (batch, channels): the gradient of the map before the gate is `d * gate` plus it.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn backward<E: Element>(
        &self,
        y: &[E],
        params: &SqueezeParams,
        saved: &SqueezeSaved,
        d: &[E],
    ) -> (SqueezeGrads, Vec<f32>) {
        let (reduce, expand) = (self.reduce(), self.expand());
        self.check(params);
        // of the gates before their function: sum(d * x) times its slope, and x * gate is y
        let mut dgate = vec![0.0; saved.gate.len()];
        self.map.dot(y, d, &mut dgate);
        dgate.iter_mut().zip(&saved.gate).for_each(|(d, g)| *d *= self.gate.relative_slope(*g));
        let mut expand_weight = vec![0.0; expand.weight_len()];
        expand.grad_weight(&saved.hidden, &dgate, &mut expand_weight);
        let mut dhidden = vec![0.0; saved.hidden.len()];
        expand.grad_input(&dgate, params.expand_weight, &mut dhidden);
        let mut dpre = vec![0.0; dhidden.len()];
        self.act.backward(&saved.pre, &dhidden, &mut dpre);
        let mut reduce_weight = vec![0.0; reduce.weight_len()];
        reduce.grad_weight(&saved.mean, &dpre, &mut reduce_weight);
        let mut dmean = vec![0.0; saved.mean.len()];
        reduce.grad_input(&dpre, params.reduce_weight, &mut dmean);
        let share = 1.0 / self.map.pixels as f32;
        for d in &mut dmean {
            *d *= share;
        }
        let grads = SqueezeGrads {
            reduce_weight,
            reduce_bias: sum_rows(&dpre, self.reduced),
            expand_weight,
            expand_bias: sum_rows(&dgate, self.map.channels),
        };
        (grads, dmean)
    }

    /// The layers for predictions.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub(crate) fn fold(&self, params: &SqueezeParams) -> FoldedSqueeze {
        self.check(params);
        FoldedSqueeze {
            reduce: self.reduce().pack(params.reduce_weight),
            reduce_bias: params.reduce_bias.to_vec(),
            expand: self.expand().pack(params.expand_weight),
            expand_bias: params.expand_bias.to_vec(),
        }
    }

    /// Gates `x`, keeping nothing.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub(crate) fn infer<E: Element>(&self, x: &mut [E], folded: &FoldedSqueeze) {
        let mut vectors = vec![0.0; self.map.batch * self.map.channels];
        self.map.mean(x, &mut vectors);
        let mut hidden = vec![0.0; self.map.batch * self.reduced];
        let bias = Some(folded.reduce_bias.as_slice());
        self.reduce().forward_packed(&vectors, &folded.reduce, bias, self.act, &mut hidden);
        let bias = Some(folded.expand_bias.as_slice());
        self.expand().forward_packed(&hidden, &folded.expand, bias, self.gate.act(), &mut vectors);
        self.gate.finish(&mut vectors);
        self.map.scale(x, &vectors);
    }
}
