//! The layers of one block operator, by reference: what a network hands to [`ops`](super::ops), and `ops` to
//! the kernels.

use burn::module::Param;
use burn::tensor::Tensor;

use super::activation::Activation;
use super::layers::{BatchNorm, Conv2d, Dense, LayerNorm, ResponseNorm};

/// A convolution, the normalisation of its output, and an activation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConvBnAct<'a> {
    /// The convolution.
    pub(crate) conv: &'a Conv2d,
    /// The normalisation.
    pub(crate) bn: &'a BatchNorm,
    /// The activation.
    pub(crate) act: Activation,
}

impl<'a> ConvBnAct<'a> {
    /// A unit without activation: the last one before a sum.
    pub(crate) fn linear(conv: &'a Conv2d, bn: &'a BatchNorm) -> Self {
        Self { conv, bn, act: Activation::Identity }
    }
}

/// The map that is added to the output of a chain of units, and the activation after the sum.
#[derive(Clone, Debug)]
pub(crate) struct Residual<Map = Tensor<4>> {
    /// The map that is added, of the output's shape; `None` for the chain's input.
    pub(crate) other: Option<Map>,
    /// The rate at which the chain is dropped for whole images (stochastic depth, Huang et al., 2016).
    pub(crate) drop_path: f64,
    /// Whether the sum is rectified, as in `ResNet`.
    pub(crate) relu: bool,
}

impl<Map> Residual<Map> {
    /// The plain sum with the chain's input.
    pub(crate) fn input(drop_path: f64) -> Self {
        Self { other: None, drop_path, relu: false }
    }
}

/// The layers of a `ConvNeXt` block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConvNextBlock<'a> {
    /// Mixes neighbouring pixels, channel by channel.
    pub(crate) depthwise: &'a Conv2d,
    /// Normalises the channels of a pixel.
    pub(crate) norm: &'a LayerNorm,
    /// Mixes channels, to more of them; a GELU follows.
    pub(crate) expand: &'a Dense,
    /// Normalises responses after the GELU, in the second version.
    pub(crate) response: Option<&'a ResponseNorm>,
    /// Mixes channels, back to as many as there were.
    pub(crate) project: &'a Dense,
    /// A factor for each channel of the result, in the first version.
    pub(crate) scale: Option<&'a Param<Tensor<1>>>,
}
