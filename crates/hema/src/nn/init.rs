//! Initial weights, drawn from our own generator so that a seed gives the same network on every device; or
//! none at all, to learn the size of a network before it is built.

use burn::module::{Flag, Param, RunningState};
use burn::tensor::{Device, Tensor, TensorData};
use hema_core::rng::{self, Purpose, Rng};
use rand::RngExt;

use super::activation::{Activation, Gate};
use super::layers::{
    BatchNorm, Conv2d, Dense, Hidden, LayerNorm, Linear, Padding, ResponseNorm, SqueezeExcite,
};

/// Standard deviation of weights that start small.
const NARROW: f64 = 0.02;

/// Makes layers with fresh weights, one after the other.
#[derive(Debug)]
pub(crate) struct Init<'a> {
    device: &'a Device,
    /// Draws the weights; nothing for an outline, whose parameters have shapes and take no memory.
    rng: Option<Rng>,
    /// The layers made so far, as far as an outline counts them.
    extent: Extent,
    /// Epsilon of the batch normalisations made.
    pub(crate) batch_norm_eps: f64,
    /// Momentum of the batch normalisations made: the weight of the newest batch.
    pub(crate) batch_norm_momentum: f64,
}

/// What layers hold and make, counted while an outline is made of them; a number that is too large stays the
/// largest there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Values of all parameters and running statistics.
    pub(crate) parameters: u64,
    /// Values of the feature maps of one image: the outputs of all convolutions and dense layers of pixels.
    pub(crate) maps: u64,
    /// Values of the largest of these maps.
    pub(crate) largest_map: u64,
    /// Side of the map that the next layer gets, in pixels; 0 where maps are not counted.
    side: usize,
}

/// The first value of every number of a parameter.
#[derive(Clone, Copy)]
enum Start {
    /// Normal with mean zero and this deviation.
    Normal(f64),
    /// Uniform between this number below zero and above.
    Uniform(f64),
    /// All the same.
    Same(f32),
}

impl<'a> Init<'a> {
    /// Most values of a network's parameters, three times those of the zoo's largest.
    pub(crate) const MOST_PARAMETERS: u64 = 2_000_000_000;

    /// Starts a network's initialisation.
    pub(crate) fn new(seed: u64, device: &'a Device) -> Self {
        let rng = Some(rng::stream(seed, Purpose::Init, 0, 0));
        Self { device, rng, extent: Extent::default(), batch_norm_eps: 1e-5, batch_norm_momentum: 0.1 }
    }

    /// Starts the outline of a network for images of `side` pixels: its layers can be looked at, and not
    /// computed with.
    pub(crate) fn outline(side: usize, device: &'a Device) -> Self {
        let extent = Extent { side, ..Extent::default() };
        Self { rng: None, extent, ..Self::new(0, device) }
    }

    /// What the layers made so far come to, in an outline.
    pub(crate) fn extent(&self) -> Extent {
        self.extent
    }

    /// A convolution from `i` to `o` channels with a `k` x `k` kernel, without bias; weights are normal with
    /// variance `2 / fan_out`, as timm's EfficientNets.
    pub(crate) fn conv(
        &mut self,
        i: usize,
        o: usize,
        k: usize,
        stride: usize,
        padding: Padding,
        groups: usize,
    ) -> Conv2d {
        let std = (2.0 / (k * k * o / groups) as f64).sqrt();
        let weight = self.parameter([o, i / groups, k, k], Start::Normal(std));
        self.passes(o, k, stride, padding);
        Conv2d { weight, bias: None, stride, padding, groups }
    }

    /// The 1 x 1 convolution of a shortcut, beside the layers made before it, that gives a map of their
    /// output's size; weights as [`conv`](Self::conv) makes.
    pub(crate) fn shortcut(&mut self, i: usize, o: usize, stride: usize) -> Conv2d {
        let conv = self.beside(|init| init.conv(i, o, 1, stride, Padding::Symmetric, 1));
        self.passes(o, 1, 1, Padding::Valid);
        conv
    }

    /// A convolution as [`conv`](Self::conv) makes, with a bias of zeros.
    pub(crate) fn conv_with_bias(
        &mut self,
        i: usize,
        o: usize,
        k: usize,
        stride: usize,
        padding: Padding,
    ) -> Conv2d {
        let bias = Some(self.scales(o, 0.0));
        Conv2d { bias, ..self.conv(i, o, k, stride, padding, 1) }
    }

    /// A convolution of neighbouring patches, each `k` x `k`, with bias; weights are normal with deviation
    /// 0.02, as `ConvNeXt`'s.
    pub(crate) fn patches(&mut self, i: usize, o: usize, k: usize) -> Conv2d {
        self.narrow_conv(i, o, k, k, Padding::Valid, 1)
    }

    /// A depthwise convolution with bias; weights are normal with deviation 0.02.
    pub(crate) fn depthwise_with_bias(&mut self, channels: usize, k: usize, padding: Padding) -> Conv2d {
        self.narrow_conv(channels, channels, k, 1, padding, channels)
    }

    /// A fully connected layer of every pixel; weights are normal with deviation 0.02.
    pub(crate) fn dense(&mut self, i: usize, o: usize, as_convolution: bool) -> Dense {
        if as_convolution {
            return Dense::Conv(self.narrow_conv(i, o, 1, 1, Padding::Valid, 1));
        }
        self.passes(o, 1, 1, Padding::Valid);
        Dense::Linear(Linear {
            weight: self.parameter([o, i], Start::Normal(NARROW)),
            bias: self.scales(o, 0.0),
        })
    }

    fn narrow_conv(
        &mut self,
        i: usize,
        o: usize,
        k: usize,
        stride: usize,
        padding: Padding,
        groups: usize,
    ) -> Conv2d {
        let weight = self.parameter([o, i / groups, k, k], Start::Normal(NARROW));
        self.passes(o, k, stride, padding);
        Conv2d { weight, bias: Some(self.scales(o, 0.0)), stride, padding, groups }
    }

    /// A layer normalisation that starts as the identity; epsilon 1e-6, as `ConvNeXt`'s.
    pub(crate) fn layer_norm(&mut self, channels: usize) -> LayerNorm {
        LayerNorm { weight: self.scales(channels, 1.0), bias: self.scales(channels, 0.0), eps: 1e-6 }
    }

    /// A response normalisation that starts as the identity; epsilon 1e-6, as `ConvNeXt` V2's.
    pub(crate) fn response_norm(&mut self, channels: usize) -> ResponseNorm {
        ResponseNorm { weight: self.scales(channels, 0.0), bias: self.scales(channels, 0.0), eps: 1e-6 }
    }

    /// A parameter with the same number for every channel.
    pub(crate) fn scales(&mut self, channels: usize, value: f32) -> Param<Tensor<1>> {
        self.parameter([channels], Start::Same(value))
    }

    /// A batch normalisation that starts as the identity.
    pub(crate) fn batch_norm(&mut self, channels: usize) -> BatchNorm {
        BatchNorm {
            weight: self.scales(channels, 1.0),
            bias: self.scales(channels, 0.0),
            running_mean: RunningState::new(self.tensor([channels], Start::Same(0.0))),
            running_var: RunningState::new(self.tensor([channels], Start::Same(1.0))),
            training: Param::<Flag>::from_bool(true),
            eps: self.batch_norm_eps,
            momentum: self.batch_norm_momentum,
        }
    }

    /// A fully connected layer; weights are uniform in `±sqrt(6 / (i + o))` (Glorot and Bengio, 2010), bias
    /// zero.
    pub(crate) fn linear(&mut self, i: usize, o: usize) -> Linear {
        let bound = (6.0 / (i + o) as f64).sqrt();
        Linear { weight: self.parameter([o, i], Start::Uniform(bound)), bias: self.scales(o, 0.0) }
    }

    /// The hidden layers of a classification head.
    pub(crate) fn hidden(
        &mut self,
        inputs: usize,
        widths: &[usize],
        act: Activation,
        batch_norm: bool,
    ) -> Vec<Hidden> {
        let mut inputs = inputs;
        widths
            .iter()
            .map(|&width| {
                let fc = self.linear(inputs, width);
                inputs = width;
                Hidden { fc, bn: batch_norm.then(|| self.batch_norm(width)), act }
            })
            .collect()
    }

    /// A squeeze-and-excitation layer over `channels` channels through `reduced` ones.
    pub(crate) fn squeeze_excite(
        &mut self,
        channels: usize,
        reduced: usize,
        act: Activation,
        gate: Gate,
    ) -> SqueezeExcite {
        self.beside(|init| SqueezeExcite {
            conv_reduce: init.conv_with_bias(channels, reduced, 1, 1, Padding::Symmetric),
            conv_expand: init.conv_with_bias(reduced, channels, 1, 1, Padding::Symmetric),
            act,
            gate,
        })
    }

    /// Notes that the map is pooled here, which takes no parameters.
    pub(crate) fn pool(&mut self, k: usize, stride: usize, padding: Padding) {
        self.passes(0, k, stride, padding);
    }

    /// Makes layers that the map does not go through.
    fn beside<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> T {
        let side = std::mem::take(&mut self.extent.side);
        let made = make(self);
        self.extent.side = side;
        made
    }

    /// Counts the map of so many channels that a layer makes of the one before it.
    fn passes(&mut self, channels: usize, k: usize, stride: usize, padding: Padding) {
        let extent = &mut self.extent;
        if extent.side == 0 {
            return;
        }
        let (before, after) = padding.amount(extent.side, k, stride);
        let padded = extent.side + before + after;
        extent.side = padded.checked_sub(k).map_or(0, |rest| rest / stride + 1);
        let map = values(&[extent.side, extent.side, channels]);
        extent.maps = extent.maps.saturating_add(map);
        extent.largest_map = extent.largest_map.max(map);
    }

    fn parameter<const D: usize>(&mut self, shape: [usize; D], start: Start) -> Param<Tensor<D>> {
        Param::from_tensor(self.tensor(shape, start))
    }

    fn tensor<const D: usize>(&mut self, shape: [usize; D], start: Start) -> Tensor<D> {
        let Some(rng) = &mut self.rng else { return self.outline_of(shape) };
        let count = shape.iter().product();
        let values = match start {
            Start::Normal(std) => (0..count).map(|_| normal(rng, std)).collect(),
            Start::Uniform(bound) => (0..count).map(|_| rng.random_range(-bound..bound) as f32).collect(),
            Start::Same(value) => vec![value; count],
        };
        Tensor::from_data(TensorData::new(values, shape), self.device)
    }

    /// A tensor of this shape that holds a single value, and of one value once there are too many.
    fn outline_of<const D: usize>(&mut self, shape: [usize; D]) -> Tensor<D> {
        let parameters = &mut self.extent.parameters;
        *parameters = parameters.saturating_add(values(&shape));
        let one = Tensor::zeros([1; D], self.device);
        if *parameters > Self::MOST_PARAMETERS { one } else { one.expand(shape) }
    }
}

/// A normal number with mean zero (Box and Muller, 1958).
fn normal(rng: &mut Rng, std: f64) -> f32 {
    let u = 1.0 - rng.random::<f64>();
    let angle = std::f64::consts::TAU * rng.random::<f64>();
    (std * (-2.0 * u.ln()).sqrt() * angle.cos()) as f32
}

/// Values of a tensor of this shape.
fn values(shape: &[usize]) -> u64 {
    shape.iter().fold(1, |count, side| count.saturating_mul(*side as u64))
}
