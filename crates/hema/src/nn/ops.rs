//! The block operators that networks are made of, on tensors, one function each. Networks reach them through
//! a pass and never ask on which device it computes.
//!
//! On the CPU one kernel computes a whole block. Elsewhere, and where the kernel cannot do it, it is the
//! composition of Burn operations that tests hold the kernel against.

use burn::tensor::ops::{ConvOptions, MaxPoolOptions};
use burn::tensor::{FloatDType, Tensor, TensorData, activation, module};

use super::activation::Activation;
use super::blocks::{ConvBnAct, ConvNextBlock, Residual};
use super::cpu;
use super::layers::{Conv2d, Hidden, LayerNorm, Linear, Padding, SqueezeExcite};
use super::pass::Pass;
use super::precision::{Precision, stored, wide};
use crate::device;

/// Images as the pass stores maps: constants, through which no gradient flows.
pub(crate) fn input(x: Tensor<4>, pass: &Pass) -> Tensor<4> {
    match pass.precision() {
        Precision::Fp32 => x,
        Precision::Bf16 => cpu::narrow(&x).unwrap_or_else(|| x.cast(FloatDType::BF16)),
    }
}

/// A chain of units, `[n, h, w, in]` to `[n, h', w', out]`: squeeze-and-excitation gates the map before the
/// last unit, and `residual` is added to the output.
pub(crate) fn block(
    x: Tensor<4>,
    units: &[ConvBnAct],
    se: Option<&SqueezeExcite>,
    residual: Option<Residual>,
    pass: &Pass,
) -> Tensor<4> {
    let drop_path_mask = residual.as_ref().and_then(|r| pass.mask(x.dims()[0], r.drop_path));
    match cpu::block(&x, units, se, residual.as_ref(), drop_path_mask.as_deref(), pass) {
        Some(y) => y,
        None => composition(fitting(x), units, se, residual, drop_path_mask, pass),
    }
}

/// The block as Burn operations: products in the type of the map, everything else in 32 bits.
pub(super) fn composition(
    x: Tensor<4>,
    units: &[ConvBnAct],
    se: Option<&SqueezeExcite>,
    residual: Option<Residual>,
    drop_path_mask: Option<Vec<f32>>,
    pass: &Pass,
) -> Tensor<4> {
    let dtype = x.dtype();
    let mut y = x.clone();
    for (i, unit) in units.iter().enumerate() {
        if let (Some(se), true) = (se, i + 1 == units.len()) {
            y = stored(squeeze_excite(wide(y), se), dtype);
        }
        let mixed = wide(convolve(y, unit.conv));
        y = stored(unit.act.apply(unit.bn.forward(mixed, pass)), dtype);
    }
    let Some(residual) = residual else { return y };
    let branch = mask_images(wide(y), drop_path_mask);
    let sum = branch + wide(residual.other.unwrap_or(x));
    stored(if residual.relu { activation::relu(sum) } else { sum }, dtype)
}

/// A `ConvNeXt` block on `[n, h, w, channels]`: the layers one after the other, added to the input; dropped
/// for whole images at a rate (stochastic depth).
pub(crate) fn convnext_block(x: Tensor<4>, layers: &ConvNextBlock, drop_path: f64, pass: &Pass) -> Tensor<4> {
    let drop_path_mask = pass.mask(x.dims()[0], drop_path);
    match cpu::convnext_block(&x, layers, drop_path_mask.as_deref(), pass) {
        Some(y) => y,
        None => convnext_composition(fitting(x), layers, drop_path_mask),
    }
}

/// The block as Burn operations: products in the type of the map, everything else in 32 bits.
pub(super) fn convnext_composition(
    x: Tensor<4>,
    layers: &ConvNextBlock,
    drop_path_mask: Option<Vec<f32>>,
) -> Tensor<4> {
    let dtype = x.dtype();
    let y = layers.norm.forward(wide(convolve(x.clone(), layers.depthwise)));
    let y = Activation::Gelu.apply(wide(layers.expand.forward(stored(y, dtype))));
    let y = match layers.response {
        Some(response) => response.forward(y),
        None => y,
    };
    let y = wide(layers.project.forward(stored(y, dtype)));
    let y = match layers.scale {
        Some(scale) => y * scale.val().unsqueeze(),
        None => y,
    };
    stored(wide(x) + mask_images(y, drop_path_mask), dtype)
}

/// The map in a type that Burn's products are quick in: on the processor, 32 bits.
fn fitting(x: Tensor<4>) -> Tensor<4> {
    if device::is_cpu(&x.device()) { wide(x) } else { x }
}

/// Convolution alone, in the type of the map: `[n, h, w, in]` to `[n, h', w', out]`.
pub(super) fn convolve(x: Tensor<4>, conv: &Conv2d) -> Tensor<4> {
    let dtype = x.dtype();
    let [n, height, width, inputs] = x.dims();
    let [outputs, _, kernel, _] = conv.weight.dims();
    if kernel == 1 && conv.stride == 1 && conv.groups == 1 {
        // a product of matrices as it lies there, with fewer kernels to compile and choose from than a
        // convolution
        let y = pointwise(x.reshape([n * height * width, inputs]), conv);
        return y.reshape([n, height, width, outputs]);
    }
    let mut options = ConvOptions::new([conv.stride; 2], [0; 2], [1; 2], conv.groups);
    options.padding = [height, width].map(|side| conv.padding.amount(side, kernel, conv.stride));
    let y = module::conv2d(
        x.permute([0, 3, 1, 2]),
        stored(conv.weight.val(), dtype),
        conv.bias.as_ref().map(|bias| stored(bias.val(), dtype)),
        options,
    );
    y.permute([0, 2, 3, 1])
}

/// Layer normalisation of a map.
pub(crate) fn layer_norm(x: Tensor<4>, layer: &LayerNorm) -> Tensor<4> {
    cpu::layer_norm(&x, layer).unwrap_or_else(|| {
        let x = fitting(x);
        let dtype = x.dtype();
        stored(layer.forward(wide(x)), dtype)
    })
}

/// Convolution with bias and activation, without normalisation.
pub(crate) fn conv_act(x: Tensor<4>, conv: &Conv2d, act: Activation) -> Tensor<4> {
    cpu::conv_act(&x, conv, act).unwrap_or_else(|| {
        let x = fitting(x);
        let dtype = x.dtype();
        stored(act.apply(wide(convolve(x, conv))), dtype)
    })
}

/// Scales every channel of every image by its squeeze-and-excitation gate.
fn squeeze_excite(x: Tensor<4>, se: &SqueezeExcite) -> Tensor<4> {
    let [n, _, _, c] = x.dims();
    let reduced = se.act.apply(pointwise(global_average_pool(x.clone()), &se.conv_reduce));
    let gate = se.gate.apply(pointwise(reduced, &se.conv_expand));
    x * gate.reshape([n, 1, 1, c])
}

/// A 1 x 1 convolution is a fully connected layer for each pixel: `[pixels, in]` to `[pixels, out]`, in the
/// type of the map.
pub(crate) fn pointwise(x: Tensor<2>, conv: &Conv2d) -> Tensor<2> {
    let [o, i, _, _] = conv.weight.dims();
    let dtype = x.dtype();
    let y = x.matmul(stored(conv.weight.val(), dtype).reshape([o, i]).transpose());
    match &conv.bias {
        Some(bias) => y + stored(bias.val(), dtype).unsqueeze(),
        None => y,
    }
}

/// Mean over the pixels: `[n, h, w, c]` to `[n, c]`.
pub(crate) fn global_average_pool(x: Tensor<4>) -> Tensor<2> {
    if let Some(y) = cpu::global_average_pool(&x) {
        return y;
    }
    let [n, h, w, c] = x.dims();
    wide(x).reshape([n, h * w, c]).mean_dim(1).reshape([n, c])
}

/// All values of each image: `[n, h, w, c]` to `[n, h * w * c]`, in 32 bits.
pub(crate) fn flatten(x: Tensor<4>) -> Tensor<2> {
    wide(x).flatten(1, 3)
}

/// Maximum over `kernel` x `kernel` pixels; an incomplete window beyond the padding is left out.
pub(crate) fn max_pool(x: Tensor<4>, kernel: usize, stride: usize, padding: Padding) -> Tensor<4> {
    if let Some(y) = cpu::max_pool(&x, kernel, stride, padding) {
        return y;
    }
    let [_, height, width, _] = x.dims();
    let mut options = MaxPoolOptions::new([kernel; 2]);
    options.stride = [stride; 2];
    options.padding = [height, width].map(|side| padding.amount(side, kernel, stride));
    module::max_pool2d(fitting(x).permute([0, 3, 1, 2]), options).permute([0, 2, 3, 1])
}

/// Multiplies every image by its number in the mask, where there is one.
fn mask_images(x: Tensor<4>, mask: Option<Vec<f32>>) -> Tensor<4> {
    let Some(mask) = mask else { return x };
    let mask = TensorData::new(mask, [x.dims()[0], 1, 1, 1]);
    let mask = Tensor::from_data(mask, &x.device());
    x * mask
}

/// A classification head: dropout before every dense layer, the hidden ones and the classifier, each with its
/// own rate.
pub(crate) fn head(
    x: Tensor<2>,
    hidden: &[Hidden],
    classifier: &Linear,
    dropout: &[f64],
    pass: &Pass,
) -> Tensor<2> {
    let mut x = x;
    for (layer, rate) in hidden.iter().zip(dropout) {
        x = layer.forward(drop(x, *rate, pass), pass);
    }
    classifier.forward(drop(x, dropout[hidden.len()], pass))
}

/// Dropout (Srivastava et al., 2014), scaled so that prediction needs no change.
fn drop<const D: usize>(x: Tensor<D>, rate: f64, pass: &Pass) -> Tensor<D> {
    let dims = x.dims();
    match pass.mask(dims.iter().product(), rate) {
        Some(mask) => {
            let device = x.device();
            x * Tensor::from_data(TensorData::new(mask, dims), &device)
        }
        None => x,
    }
}
