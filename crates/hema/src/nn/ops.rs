//! What a network is made of: one function a block operator. Model code calls these and never asks on which device.

use burn::tensor::ops::{ConvOptions, MaxPoolOptions};
use burn::tensor::{Tensor, activation, module};

use super::layers::{BatchNorm, Conv2d, Hidden, Linear, SqueezeExcite};
use super::pass::{Activation, Pass};

/// Convolution, batch normalisation and activation: `[n, h, w, in]` to `[n, h', w', out]`.
pub fn conv_bn_act(x: Tensor<4>, conv: &Conv2d, bn: &BatchNorm, act: Activation, pass: &Pass) -> Tensor<4> {
    act.apply(bn.forward(convolve(x, conv), pass))
}

/// Convolution alone: `[n, h, w, in]` to `[n, h', w', out]`.
fn convolve(x: Tensor<4>, conv: &Conv2d) -> Tensor<4> {
    let [_, height, width, _] = x.dims();
    let [_, _, kernel, _] = conv.weight.dims();
    let mut options = ConvOptions::new([conv.stride; 2], [0; 2], [1; 2], conv.groups);
    options.padding = [height, width].map(|side| conv.padding.amount(side, kernel, conv.stride));
    let y = module::conv2d(
        x.permute([0, 3, 1, 2]),
        conv.weight.val(),
        conv.bias.as_ref().map(burn::module::Param::val),
        options,
    );
    y.permute([0, 2, 3, 1])
}

/// Convolution with bias and activation, without normalisation.
pub fn conv_act(x: Tensor<4>, conv: &Conv2d, act: Activation) -> Tensor<4> {
    act.apply(convolve(x, conv))
}

/// Scales every channel of every image by its squeeze-and-excitation gate.
pub fn squeeze_excite(x: Tensor<4>, se: &SqueezeExcite) -> Tensor<4> {
    let [n, _, _, c] = x.dims();
    let reduced = se.act.apply(pointwise(global_average_pool(x.clone()), &se.conv_reduce));
    let gate = activation::sigmoid(pointwise(reduced, &se.conv_expand));
    x * gate.reshape([n, 1, 1, c])
}

/// A 1 x 1 convolution of a single pixel is a fully connected layer.
fn pointwise(x: Tensor<2>, conv: &Conv2d) -> Tensor<2> {
    let [o, i, _, _] = conv.weight.dims();
    let y = x.matmul(conv.weight.val().reshape([o, i]).transpose());
    match &conv.bias {
        Some(bias) => y + bias.val().unsqueeze(),
        None => y,
    }
}

/// Adds the block's input to its output, dropping the output of whole images at `rate` (stochastic depth, Huang et
/// al., 2016).
pub fn drop_path_add(branch: Tensor<4>, shortcut: Tensor<4>, rate: f64, pass: &Pass) -> Tensor<4> {
    let n = branch.dims()[0];
    match pass.mask(n, rate, &branch.device()) {
        Some(mask) => branch * mask.reshape([n, 1, 1, 1]) + shortcut,
        None => branch + shortcut,
    }
}

/// Mean over the pixels: `[n, h, w, c]` to `[n, c]`.
pub fn global_average_pool(x: Tensor<4>) -> Tensor<2> {
    let [n, h, w, c] = x.dims();
    x.reshape([n, h * w, c]).mean_dim(1).reshape([n, c])
}

/// Non-overlapping maximum over `k` x `k` pixels; an incomplete window at the edge is left out.
pub fn max_pool(x: Tensor<4>, k: usize) -> Tensor<4> {
    module::max_pool2d(x.permute([0, 3, 1, 2]), MaxPoolOptions::new([k; 2])).permute([0, 2, 3, 1])
}

/// A classification head: dropout before every dense layer, the hidden ones and the classifier.
pub fn head(x: Tensor<2>, hidden: &[Hidden], classifier: &Linear, dropout: f64, pass: &Pass) -> Tensor<2> {
    let mut x = x;
    for layer in hidden {
        x = layer.forward(drop(x, dropout, pass), pass);
    }
    classifier.forward(drop(x, dropout, pass))
}

/// Dropout (Srivastava et al., 2014), scaled so that prediction needs no change.
fn drop<const D: usize>(x: Tensor<D>, rate: f64, pass: &Pass) -> Tensor<D> {
    let dims = x.dims();
    match pass.mask(dims.iter().product(), rate, &x.device()) {
        Some(mask) => x * mask.reshape(dims),
        None => x,
    }
}
