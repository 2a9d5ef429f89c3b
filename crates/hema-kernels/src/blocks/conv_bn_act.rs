//! Convolution, batch normalisation, activation: every block is made of these.
//!
//! In the forward pass the convolution gathers the statistics of its output while that is in the cache, and
//! one pass normalises and activates. The backward pass needs the convolution's output and the statistics;
//! the input is the caller's to keep.

use crate::layers::{Conv2d, Depthwise, Norm, NormGrads, PackedConv, PackedDepthwise, Stats};
use crate::parallel::{Workspace, check_len, scratch};
use crate::simd::{Act, Element};

/// A convolution of either kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Every output channel sees every input channel.
    Dense(Conv2d),
    /// Every channel has its own filter.
    Depthwise(Depthwise),
}

impl Filter {
    /// Values in the input.
    ///
    /// # Panics
    /// If no buffer has so many.
    #[track_caller]
    pub fn in_len(&self) -> usize {
        match self {
            Self::Dense(c) => c.in_len(),
            Self::Depthwise(d) => d.in_len(),
        }
    }

    /// Values in the output.
    ///
    /// # Panics
    /// If the filter does not fit, or no buffer has so many.
    #[track_caller]
    pub fn out_len(&self) -> usize {
        match self {
            Self::Dense(c) => c.out_len(),
            Self::Depthwise(d) => d.out_len(),
        }
    }

    /// Values in the weights.
    ///
    /// # Panics
    /// If no buffer has so many.
    #[track_caller]
    pub fn weight_len(&self) -> usize {
        match self {
            Self::Dense(c) => c.weight_len(),
            Self::Depthwise(d) => d.weight_len(),
        }
    }

    /// Images.
    pub fn batch(&self) -> usize {
        match self {
            Self::Dense(c) => c.batch,
            Self::Depthwise(d) => d.batch,
        }
    }

    /// Channels of the output.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Dense(c) => c.outputs,
            Self::Depthwise(d) => d.channels,
        }
    }

    /// Images, rows, columns and channels of the input.
    pub(super) fn in_shape(&self) -> [usize; 4] {
        match self {
            Self::Dense(c) => [c.batch, c.height, c.width, c.inputs],
            Self::Depthwise(d) => [d.batch, d.height, d.width, d.channels],
        }
    }

    /// Images, rows, columns and channels of the output.
    pub(super) fn out_shape(&self) -> [usize; 4] {
        match self {
            Self::Dense(c) => [c.batch, c.out_height(), c.out_width(), c.outputs],
            Self::Depthwise(d) => [d.batch, d.out_height(), d.out_width(), d.channels],
        }
    }

    /// Checks that there is a kernel for the shape, on maps that memory can have.
    #[track_caller]
    pub(super) fn check_shape(&self) {
        match self {
            Self::Dense(c) => c.check(),
            Self::Depthwise(d) => d.check(),
        }
        // these panic where it cannot
        let _lengths = [self.in_len(), self.out_len(), self.weight_len()];
    }

    /// Checks the shape, and the input's and the weights' lengths against it.
    #[track_caller]
    fn check<E>(&self, x: &[E], weight: &[f32]) {
        self.check_shape();
        check_len("x", x.len(), self.in_len());
        check_len("weight", weight.len(), self.weight_len());
    }

    fn forward<E: Element>(&self, x: &[E], weight: &[f32], bias: Option<&[f32]>, act: Act, y: &mut [E]) {
        match self {
            Self::Dense(c) => c.forward(x, weight, bias, act, y),
            Self::Depthwise(d) => d.forward(x, weight, bias, act, y),
        }
    }

    fn forward_stats<E: Element>(&self, x: &[E], weight: &[f32], y: &mut [E]) -> Stats {
        match self {
            Self::Dense(c) => c.forward_stats(x, weight, y),
            Self::Depthwise(d) => d.forward_stats(x, weight, y),
        }
    }

    fn grad_input<E: Element>(&self, dy: &[E], weight: &[f32], dx: &mut [E]) {
        match self {
            Self::Dense(c) => c.grad_input(dy, weight, dx),
            Self::Depthwise(d) => d.grad_input(dy, weight, dx),
        }
    }

    fn grad_input_add<E: Element>(&self, dy: &[E], weight: &[f32], dx: &mut [E]) {
        match self {
            Self::Dense(c) => c.grad_input_add(dy, weight, dx),
            Self::Depthwise(d) => {
                // its tiles overlap, so they cannot add; blocks that begin with a depthwise convolution are
                // rare
                let mut own = scratch().take(dx.len());
                d.grad_input(dy, weight, &mut own);
                d.in_map().add(&own, dx);
                scratch().give(own);
            }
        }
    }

    fn grad_weight<E: Element>(&self, x: &[E], dy: &[E], dweight: &mut [f32]) {
        match self {
            Self::Dense(c) => c.grad_weight(x, dy, dweight),
            Self::Depthwise(d) => d.grad_weight(x, dy, dweight),
        }
    }
}

/// A convolution, the batch normalisation of its output, and an activation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConvBnAct {
    /// The convolution, without bias.
    pub filter: Filter,
    /// Applied to the normalised output.
    pub act: Act,
    /// Added to the variance.
    pub eps: f32,
}

/// Parameters of a [`ConvBnAct`].
#[derive(Clone, Copy, Debug)]
pub struct ConvBnActParams<'a> {
    /// Weights of the convolution.
    pub weight: &'a [f32],
    /// The normalisation's factor per channel.
    pub gamma: &'a [f32],
    /// The normalisation's offset per channel.
    pub beta: &'a [f32],
    /// Statistics to normalise by in training, where they are frozen; else those of the batch.
    pub fixed: Option<&'a Stats>,
}

/// Map and statistics that a [`ConvBnAct`]'s forward pass keeps for the backward pass.
#[derive(Debug)]
pub struct ConvBnActSaved<E> {
    /// Output of the convolution, before the normalisation.
    pub pre: Vec<E>,
    /// The statistics it is normalised by: the batch's, which the caller folds into the running ones, or the
    /// fixed ones.
    pub stats: Stats,
}

/// Gradients of a [`ConvBnAct`]'s parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvBnActGrads {
    /// Gradient of the convolution's weights.
    pub weight: Vec<f32>,
    /// Gradient of the normalisation's factor.
    pub gamma: Vec<f32>,
    /// Gradient of the normalisation's offset.
    pub beta: Vec<f32>,
}

/// Where the gradient of a convolution's input goes.
#[derive(Debug)]
pub enum InputGrad<'a, E> {
    /// Nowhere: the convolution is the network's first.
    Unwanted,
    /// Into a buffer, whatever it holds.
    Store(&'a mut [E]),
    /// Added to a buffer.
    Add(&'a mut [E]),
}

/// A [`ConvBnAct`] with constant statistics as one convolution: weights in the kernel's order, and bias.
pub(crate) struct FoldedConvBnAct<E> {
    weight: FoldedWeight<E>,
    bias: Vec<f32>,
}

enum FoldedWeight<E> {
    Dense(PackedConv<E>),
    Depthwise(PackedDepthwise),
}

impl ConvBnAct {
    /// The normalisation of the convolution's output.
    ///
    /// # Panics
    /// If it has not as many channels.
    #[track_caller]
    pub(crate) fn norm<'a>(&self, params: &ConvBnActParams<'a>) -> Norm<'a> {
        check_len("gamma", params.gamma.len(), self.filter.outputs());
        Norm {
            gamma: params.gamma,
            beta: params.beta,
            eps: self.eps,
            act: self.act,
            fixed: params.fixed.is_some(),
        }
    }

    /// First half of the training forward pass: the convolution, and the statistics of its output (or the
    /// fixed ones).
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn convolve<E: Element>(
        &self,
        x: &[E],
        params: &ConvBnActParams,
        workspace: &Workspace,
    ) -> ConvBnActSaved<E> {
        self.filter.check(x, params.weight);
        let mut pre = workspace.take(self.filter.out_len());
        let stats = match params.fixed {
            None => self.filter.forward_stats(x, params.weight, &mut pre),
            Some(stats) => {
                self.filter.forward(x, params.weight, None, Act::Identity, &mut pre);
                stats.clone()
            }
        };
        ConvBnActSaved { pre, stats }
    }

    /// Second half of the training forward pass: `y = act(norm(pre))`, from the result of the first half, as
    /// often as it is needed.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn activate<E: Element>(&self, params: &ConvBnActParams, saved: &ConvBnActSaved<E>, y: &mut [E]) {
        self.norm(params).forward(&saved.pre, &saved.stats, y);
    }

    /// First half of the backward pass: `d`, the gradient of the output, becomes that of the convolution's
    /// output.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn backward_norm<E: Element>(
        &self,
        params: &ConvBnActParams,
        saved: &ConvBnActSaved<E>,
        d: &mut [E],
    ) -> NormGrads {
        self.norm(params).backward(&saved.pre, &saved.stats, d)
    }

    /// Second half of the backward pass, with the result of the first; the gradient of `x` goes where `dx`
    /// says.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub fn backward_filter<E: Element>(
        &self,
        x: &[E],
        params: &ConvBnActParams,
        norm: NormGrads,
        d: &[E],
        dx: InputGrad<E>,
        workspace: &Workspace,
    ) -> ConvBnActGrads {
        self.filter.check(x, params.weight);
        let mut weight = workspace.take(self.filter.weight_len());
        self.filter.grad_weight(x, d, &mut weight);
        match dx {
            InputGrad::Unwanted => {}
            InputGrad::Store(dx) => self.filter.grad_input(d, params.weight, dx),
            InputGrad::Add(dx) => self.filter.grad_input_add(d, params.weight, dx),
        }
        ConvBnActGrads { weight, gamma: norm.gamma, beta: norm.beta }
    }

    /// The layers with constant statistics as one convolution with bias, for predictions.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub(crate) fn fold<E: Element>(&self, params: &ConvBnActParams, stats: &Stats) -> FoldedConvBnAct<E> {
        self.filter.check_shape();
        check_len("weight", params.weight.len(), self.filter.weight_len());
        let (scale, bias) = self.norm(params).fold(stats);
        let per_output = self.filter.weight_len() / self.filter.outputs();
        let weight: Vec<f32> =
            params.weight.iter().enumerate().map(|(i, w)| w * scale[i / per_output]).collect();
        let weight = match self.filter {
            Filter::Dense(c) => FoldedWeight::Dense(c.pack_to_predict(&weight)),
            Filter::Depthwise(d) => FoldedWeight::Depthwise(d.pack(&weight)),
        };
        FoldedConvBnAct { weight, bias }
    }

    /// Prediction: `y = act(x * weight + bias)`.
    ///
    /// # Panics
    /// If a length does not match the shape.
    pub(crate) fn infer<E: Element>(&self, x: &[E], folded: &FoldedConvBnAct<E>, y: &mut [E]) {
        let bias = Some(folded.bias.as_slice());
        match (&self.filter, &folded.weight) {
            (Filter::Dense(c), FoldedWeight::Dense(weight)) => c.forward_packed(x, weight, bias, self.act, y),
            (Filter::Depthwise(d), FoldedWeight::Depthwise(weight)) => {
                d.forward_packed(x, weight, bias, self.act, y);
            }
            _ => panic!("folded from layers with another kind of filter than expected"),
        }
    }
}
