//! What runs the layers of a network. A family says once which layers its networks are made of; a [`Pass`]
//! computes them, an export writes them down.
//!
//! Left out on purpose: the meaning of a layer, which [`ops`] has for tensors.

use burn::tensor::Tensor;

use super::activation::Activation;
use super::blocks::{ConvBnAct, ConvNextBlock, Residual};
use super::layers::{Conv2d, Hidden, LayerNorm, Linear, Padding, SqueezeExcite};
use super::ops;
use super::pass::Pass;

/// Runs the layers of a network, one call each.
pub(crate) trait Engine {
    /// Feature maps of a batch of images.
    type Map: Clone;
    /// A row of numbers for each image of a batch.
    type Rows;

    /// Takes normalised images in.
    fn input(&mut self, x: Self::Map) -> Self::Map;

    /// A chain of units: squeeze-and-excitation gates the map before the last unit, and `residual` is added
    /// to the output.
    fn block(
        &mut self,
        x: Self::Map,
        units: &[ConvBnAct],
        se: Option<&SqueezeExcite>,
        residual: Option<Residual<Self::Map>>,
    ) -> Self::Map;

    /// A `ConvNeXt` block, dropped for whole images at a rate in training.
    fn convnext_block(&mut self, x: Self::Map, layers: &ConvNextBlock, drop_path: f64) -> Self::Map;

    /// Convolution with bias and activation, without normalisation.
    fn conv_act(&mut self, x: Self::Map, conv: &Conv2d, act: Activation) -> Self::Map;

    /// Layer normalisation of every pixel.
    fn layer_norm(&mut self, x: Self::Map, layer: &LayerNorm) -> Self::Map;

    /// Maximum over `kernel` x `kernel` pixels; an incomplete window beyond the padding is left out.
    fn max_pool(&mut self, x: Self::Map, kernel: usize, stride: usize, padding: Padding) -> Self::Map;

    /// Mean over the pixels.
    fn global_average_pool(&mut self, x: Self::Map) -> Self::Rows;

    /// All values of each image, pixel by pixel.
    fn flatten(&mut self, x: Self::Map) -> Self::Rows;

    /// A 1 x 1 convolution, as a dense layer, and an activation.
    fn dense_act(&mut self, x: Self::Rows, conv: &Conv2d, act: Activation) -> Self::Rows;

    /// Layer normalisation of every row.
    fn norm_rows(&mut self, x: Self::Rows, layer: &LayerNorm) -> Self::Rows;

    /// A classification head: the hidden layers and the classifier, with dropout before each in training.
    fn head(&mut self, x: Self::Rows, hidden: &[Hidden], classifier: &Linear, dropout: &[f64]) -> Self::Rows;
}

/// Computes with tensors: maps are `[n, h, w, channels]`.
impl Engine for &Pass {
    type Map = Tensor<4>;
    type Rows = Tensor<2>;

    fn input(&mut self, x: Tensor<4>) -> Tensor<4> {
        ops::input(x, self)
    }

    fn block(
        &mut self,
        x: Tensor<4>,
        units: &[ConvBnAct],
        se: Option<&SqueezeExcite>,
        residual: Option<Residual>,
    ) -> Tensor<4> {
        ops::block(x, units, se, residual, self)
    }

    fn convnext_block(&mut self, x: Tensor<4>, layers: &ConvNextBlock, drop_path: f64) -> Tensor<4> {
        ops::convnext_block(x, layers, drop_path, self)
    }

    fn conv_act(&mut self, x: Tensor<4>, conv: &Conv2d, act: Activation) -> Tensor<4> {
        ops::conv_act(x, conv, act)
    }

    fn layer_norm(&mut self, x: Tensor<4>, layer: &LayerNorm) -> Tensor<4> {
        ops::layer_norm(x, layer)
    }

    fn max_pool(&mut self, x: Tensor<4>, kernel: usize, stride: usize, padding: Padding) -> Tensor<4> {
        ops::max_pool(x, kernel, stride, padding)
    }

    fn global_average_pool(&mut self, x: Tensor<4>) -> Tensor<2> {
        ops::global_average_pool(x)
    }

    fn flatten(&mut self, x: Tensor<4>) -> Tensor<2> {
        ops::flatten(x)
    }

    fn dense_act(&mut self, x: Tensor<2>, conv: &Conv2d, act: Activation) -> Tensor<2> {
        act.apply(ops::pointwise(x, conv))
    }

    fn norm_rows(&mut self, x: Tensor<2>, layer: &LayerNorm) -> Tensor<2> {
        layer.forward(x)
    }

    fn head(&mut self, x: Tensor<2>, hidden: &[Hidden], classifier: &Linear, dropout: &[f64]) -> Tensor<2> {
        ops::head(x, hidden, classifier, dropout, self)
    }
}
