//! Initial weights, drawn from our own generator so that a seed gives the same network on every device.

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
    rng: Rng,
    /// Epsilon of the batch normalisations made.
    pub(crate) batch_norm_eps: f64,
    /// Momentum of the batch normalisations made: the weight of the newest batch.
    pub(crate) batch_norm_momentum: f64,
}

impl<'a> Init<'a> {
    /// Starts a network's initialisation.
    pub(crate) fn new(seed: u64, device: &'a Device) -> Self {
        let rng = rng::stream(seed, Purpose::Init, 0, 0);
        Self { device, rng, batch_norm_eps: 1e-5, batch_norm_momentum: 0.1 }
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
        let weight = self.filters([o, i / groups, k, k], std);
        Conv2d { weight, bias: None, stride, padding, groups }
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
        Conv2d { bias: Some(self.scales(o, 0.0)), ..self.conv(i, o, k, stride, padding, 1) }
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
        let weight = self.normal(o * i, NARROW);
        Dense::Linear(Linear {
            weight: Param::from_tensor(self.tensor(weight, [o, i])),
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
        let weight = self.filters([o, i / groups, k, k], NARROW);
        Conv2d { weight, bias: Some(self.scales(o, 0.0)), stride, padding, groups }
    }

    /// Normal weights of a convolution.
    fn filters(&mut self, shape: [usize; 4], std: f64) -> Param<Tensor<4>> {
        let weight = self.normal(shape.iter().product(), std);
        Param::from_tensor(self.tensor(weight, shape))
    }

    /// A layer normalisation that starts as the identity; epsilon 1e-6, as `ConvNeXt`'s.
    pub(crate) fn layer_norm(&mut self, channels: usize) -> LayerNorm {
        LayerNorm { weight: self.scales(channels, 1.0), bias: self.scales(channels, 0.0), eps: 1e-6 }
    }

    /// A response normalisation that starts as the identity; epsilon 1e-6, as `ConvNeXt` V2's.
    pub(crate) fn response_norm(&self, channels: usize) -> ResponseNorm {
        ResponseNorm { weight: self.scales(channels, 0.0), bias: self.scales(channels, 0.0), eps: 1e-6 }
    }

    /// A parameter with the same number for every channel.
    pub(crate) fn scales(&self, channels: usize, value: f32) -> Param<Tensor<1>> {
        Param::from_tensor(self.tensor(vec![value; channels], [channels]))
    }

    /// A batch normalisation that starts as the identity.
    pub(crate) fn batch_norm(&mut self, channels: usize) -> BatchNorm {
        BatchNorm {
            weight: self.scales(channels, 1.0),
            bias: self.scales(channels, 0.0),
            running_mean: RunningState::new(self.tensor(vec![0.0; channels], [channels])),
            running_var: RunningState::new(self.tensor(vec![1.0; channels], [channels])),
            training: Param::<Flag>::from_bool(true),
            eps: self.batch_norm_eps,
            momentum: self.batch_norm_momentum,
        }
    }

    /// A fully connected layer; weights are uniform in `±sqrt(6 / (i + o))` (Glorot and Bengio, 2010), bias
    /// zero.
    pub(crate) fn linear(&mut self, i: usize, o: usize) -> Linear {
        let bound = (6.0 / (i + o) as f64).sqrt();
        let weight = (0..i * o).map(|_| self.rng.random_range(-bound..bound) as f32).collect();
        Linear { weight: Param::from_tensor(self.tensor(weight, [o, i])), bias: self.scales(o, 0.0) }
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
        SqueezeExcite {
            conv_reduce: self.conv_with_bias(channels, reduced, 1, 1, Padding::Symmetric),
            conv_expand: self.conv_with_bias(reduced, channels, 1, 1, Padding::Symmetric),
            act,
            gate,
        }
    }

    /// Box-Muller normal numbers with mean zero.
    fn normal(&mut self, len: usize, std: f64) -> Vec<f32> {
        (0..len)
            .map(|_| {
                let u = 1.0 - self.rng.random::<f64>();
                let angle = std::f64::consts::TAU * self.rng.random::<f64>();
                (std * (-2.0 * u.ln()).sqrt() * angle.cos()) as f32
            })
            .collect()
    }

    fn tensor<const D: usize>(&self, values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values, shape), self.device)
    }
}
