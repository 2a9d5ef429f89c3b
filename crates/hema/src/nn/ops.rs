//! What a network is made of: one function a block operator. Model code calls these and never asks on which device.

use burn::module::Param;
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};
use burn::tensor::{DType, FloatDType, Tensor, TensorData, activation, module};

use super::cpu;
use super::layers::{
    BatchNorm, Conv2d, Dense, Hidden, LayerNorm, Linear, Padding, ResponseNorm, SqueezeExcite,
};
use super::pass::{Activation, Pass, Precision};
use crate::device;

/// A convolution, the normalisation of its output, and an activation.
#[derive(Clone, Copy, Debug)]
pub struct Unit<'a> {
    /// The convolution.
    pub conv: &'a Conv2d,
    /// The normalisation.
    pub bn: &'a BatchNorm,
    /// The activation.
    pub act: Activation,
}

/// What is added to the output of a chain of units, and what follows the sum.
#[derive(Clone, Debug)]
pub struct Residual {
    /// The map that is added, of the output's shape; `None` for the chain's input.
    pub other: Option<Tensor<4>>,
    /// The rate at which the chain is dropped for whole images (stochastic depth, Huang et al., 2016).
    pub drop_path: f64,
    /// Whether the sum is rectified, as in `ResNet`.
    pub relu: bool,
}

impl Residual {
    /// The plain sum with the chain's input.
    pub fn input(drop_path: f64) -> Self {
        Self { other: None, drop_path, relu: false }
    }
}

/// Images as the pass stores maps: constants, through which no gradient flows.
pub fn input(x: Tensor<4>, pass: &Pass) -> Tensor<4> {
    match pass.precision() {
        Precision::Fp32 => x,
        Precision::Bf16 => cpu::narrow(&x).unwrap_or_else(|| x.cast(FloatDType::BF16)),
    }
}

/// A chain of units, `[n, h, w, in]` to `[n, h', w', out]`: squeeze-and-excitation gates the map before the last unit, and
/// `residual` is added to the output.
///
/// On the CPU one kernel computes the whole block; elsewhere it is the composition of Burn operations that tests hold
/// the kernel against.
pub fn block(
    x: Tensor<4>,
    units: &[Unit],
    se: Option<&SqueezeExcite>,
    residual: Option<Residual>,
    pass: &Pass,
) -> Tensor<4> {
    let keep = residual.as_ref().and_then(|r| pass.mask(x.dims()[0], r.drop_path));
    match cpu::block(&x, units, se, residual.as_ref(), keep.as_deref(), pass) {
        Some(y) => y,
        None => composition(fitting(x), units, se, residual, keep, pass),
    }
}

/// The block as Burn operations: products in the type of the map, everything else in 32 bits.
pub(super) fn composition(
    x: Tensor<4>,
    units: &[Unit],
    se: Option<&SqueezeExcite>,
    residual: Option<Residual>,
    keep: Option<Vec<f32>>,
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
    let branch = match keep {
        Some(keep) => keep_images(wide(y), keep),
        None => wide(y),
    };
    let sum = branch + wide(residual.other.unwrap_or(x));
    stored(if residual.relu { activation::relu(sum) } else { sum }, dtype)
}

/// The layers of a `ConvNeXt` block.
#[derive(Clone, Copy, Debug)]
pub struct Mixer<'a> {
    /// Mixes neighbouring pixels, channel by channel.
    pub depthwise: &'a Conv2d,
    /// Over the channels of a pixel.
    pub norm: &'a LayerNorm,
    /// Mixes channels, to more of them; a GELU follows.
    pub expand: &'a Dense,
    /// What follows the GELU in the second version.
    pub response: Option<&'a ResponseNorm>,
    /// Mixes channels, back to as many.
    pub project: &'a Dense,
    /// A factor for each channel of the result, in the first version.
    pub scale: Option<&'a Param<Tensor<1>>>,
}

/// A `ConvNeXt` block on `[n, h, w, channels]`: the layers one after the other, added to the input; dropped for whole images
/// at a rate (stochastic depth).
pub fn mixer(x: Tensor<4>, layers: &Mixer, drop_path: f64, pass: &Pass) -> Tensor<4> {
    let keep = pass.mask(x.dims()[0], drop_path);
    match cpu::convnext_block(&x, layers, keep.as_deref(), pass) {
        Some(y) => y,
        None => mixer_composition(fitting(x), layers, keep),
    }
}

/// The block as Burn operations: products in the type of the map, everything else in 32 bits.
pub(super) fn mixer_composition(x: Tensor<4>, layers: &Mixer, keep: Option<Vec<f32>>) -> Tensor<4> {
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
    let branch = match keep {
        Some(keep) => keep_images(y, keep),
        None => y,
    };
    stored(wide(x) + branch, dtype)
}

/// The map in a type that Burn's products are quick in: on the processor, 32 bits.
fn fitting(x: Tensor<4>) -> Tensor<4> {
    if device::is_cpu(&x.device()) { wide(x) } else { x }
}

/// The tensor in 32 bits: what statistics, activations and sums are computed in.
pub(super) fn wide<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    stored(x, DType::F32)
}

/// The tensor in another type, if it is not of that type already.
pub(super) fn stored<const D: usize>(x: Tensor<D>, dtype: DType) -> Tensor<D> {
    if x.dtype() == dtype { x } else { x.cast(dtype) }
}

/// The sum of all values, in the same order every time: cards add the parts of Burn's own `sum` as they come, and a run that is resumed
/// ends with other weights for it.
pub(crate) fn total<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    /// What one sum adds up; a longer row would keep a single core of a card busy.
    const AT_ONCE: usize = 1024;
    let mut row = x.flatten::<1>(0, D - 1);
    loop {
        let values = row.dims()[0];
        if values <= AT_ONCE {
            return row.reshape([1, values]).sum_dim(1).flatten(0, 1);
        }
        let (rows, rest) = (values / AT_ONCE, values % AT_ONCE);
        let sums = row.clone().narrow(0, 0, values - rest).reshape([rows, AT_ONCE]).sum_dim(1).flatten(0, 1);
        row = match rest {
            0 => sums,
            _ => Tensor::cat(vec![sums, row.narrow(0, values - rest, rest)], 0),
        };
    }
}

/// Convolution alone, in the type of the map: `[n, h, w, in]` to `[n, h', w', out]`.
pub(super) fn convolve(x: Tensor<4>, conv: &Conv2d) -> Tensor<4> {
    let dtype = x.dtype();
    let [n, height, width, inputs] = x.dims();
    let [outputs, _, kernel, _] = conv.weight.dims();
    if kernel == 1 && conv.stride == 1 && conv.groups == 1 {
        // a product of matrices as it lies there, with fewer kernels to compile and choose from than a convolution
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
pub fn layer_norm(x: Tensor<4>, layer: &LayerNorm) -> Tensor<4> {
    cpu::layer_norm(&x, layer).unwrap_or_else(|| {
        let x = fitting(x);
        let dtype = x.dtype();
        stored(layer.forward(wide(x)), dtype)
    })
}

/// Convolution with bias and activation, without normalisation.
pub fn conv_act(x: Tensor<4>, conv: &Conv2d, act: Activation) -> Tensor<4> {
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

/// A 1 x 1 convolution is a fully connected layer for each pixel: `[pixels, in]` to `[pixels, out]`, in the type of the map.
pub fn pointwise(x: Tensor<2>, conv: &Conv2d) -> Tensor<2> {
    let [o, i, _, _] = conv.weight.dims();
    let dtype = x.dtype();
    let y = x.matmul(stored(conv.weight.val(), dtype).reshape([o, i]).transpose());
    match &conv.bias {
        Some(bias) => y + stored(bias.val(), dtype).unsqueeze(),
        None => y,
    }
}

/// Mean over the pixels: `[n, h, w, c]` to `[n, c]`.
pub fn global_average_pool(x: Tensor<4>) -> Tensor<2> {
    if let Some(y) = cpu::global_average_pool(&x) {
        return y;
    }
    let [n, h, w, c] = x.dims();
    wide(x).reshape([n, h * w, c]).mean_dim(1).reshape([n, c])
}

/// All values of each image: `[n, h, w, c]` to `[n, h * w * c]`, in 32 bits.
pub fn flatten(x: Tensor<4>) -> Tensor<2> {
    wide(x).flatten(1, 3)
}

/// Maximum over `kernel` x `kernel` pixels; an incomplete window beyond the padding is left out.
pub fn max_pool(x: Tensor<4>, kernel: usize, stride: usize, padding: Padding) -> Tensor<4> {
    if let Some(y) = cpu::max_pool(&x, kernel, stride, padding) {
        return y;
    }
    let [_, height, width, _] = x.dims();
    let mut options = MaxPoolOptions::new([kernel; 2]);
    options.stride = [stride; 2];
    options.padding = [height, width].map(|side| padding.amount(side, kernel, stride));
    module::max_pool2d(fitting(x).permute([0, 3, 1, 2]), options).permute([0, 2, 3, 1])
}

/// Multiplies every image by its number.
fn keep_images(x: Tensor<4>, keep: Vec<f32>) -> Tensor<4> {
    let keep = TensorData::new(keep, [x.dims()[0], 1, 1, 1]);
    let keep = Tensor::from_data(keep, &x.device());
    x * keep
}

/// A classification head: dropout before every dense layer, the hidden ones and the classifier, each with its own rate.
pub fn head(x: Tensor<2>, hidden: &[Hidden], classifier: &Linear, dropout: &[f64], pass: &Pass) -> Tensor<2> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_is_the_sum_of_all_values_and_its_gradient_is_one() {
        let device = device::of_tests().autodiff();
        for shape in [[1, 1], [1, 1023], [2, 512], [5, 205], [2, 1024], [3, 1000], [1025, 1024]] {
            let count = shape[0] * shape[1];
            let values: Vec<f32> = (0..count).map(|i| (i * 37 % 101) as f32 / 64.0).collect();
            let expected: f64 = values.iter().map(|value| f64::from(*value)).sum();
            let x = Tensor::<2>::from_data(TensorData::new(values, shape), &device).require_grad();
            let sum = total(x.clone());
            let slopes = x.grad(&sum.backward()).unwrap().into_data();
            let sum = f64::from(sum.into_scalar::<f32>());
            assert!((sum - expected).abs() <= 1e-5 * expected, "{shape:?}: {sum}, expected {expected}");
            assert!(slopes.iter::<f32>().eq(std::iter::repeat_n(1.0, count)), "{shape:?}");
        }
    }
}
