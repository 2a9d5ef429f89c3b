//! Layers that hold parameters. Field names are the keys of a PyTorch state dictionary.

use burn::module::{Flag, Module, Param, RunningState};
use burn::tensor::{Tensor, module};

use super::activation::{Activation, Gate};
use super::pass::Pass;
use super::precision::stored;

/// How a convolution pads its input with zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Padding {
    /// TensorFlow's SAME: the output has `ceil(input / stride)` pixels a side; an odd pixel goes to the end.
    Same,
    /// PyTorch's usual `kernel / 2` on both sides.
    Symmetric,
    /// None.
    Valid,
}

impl Padding {
    /// Zeros before and after one axis of `input` pixels.
    pub(crate) fn amount(self, input: usize, kernel: usize, stride: usize) -> (usize, usize) {
        match self {
            Self::Same => {
                let covered = (input.div_ceil(stride) - 1) * stride + kernel;
                let total = covered.saturating_sub(input);
                (total / 2, total - total / 2)
            }
            Self::Symmetric => (kernel / 2, kernel / 2),
            Self::Valid => (0, 0),
        }
    }
}

/// A convolution: `weight` is `[out, in / groups, k, k]`.
#[derive(Module, Debug)]
pub(crate) struct Conv2d {
    /// `[out, in / groups, k, k]`.
    pub(crate) weight: Param<Tensor<4>>,
    /// `[out]`.
    pub(crate) bias: Option<Param<Tensor<1>>>,
    /// Step between two output pixels, on both axes.
    pub(crate) stride: usize,
    /// Zeros around the input.
    #[module(skip)]
    pub(crate) padding: Padding,
    /// Groups of channels that do not see each other; as many as channels for a depthwise convolution.
    pub(crate) groups: usize,
}

/// Batch normalisation over the last axis (Ioffe and Szegedy, 2015).
#[derive(Module, Debug)]
pub(crate) struct BatchNorm {
    /// Scale, `[channels]`.
    pub(crate) weight: Param<Tensor<1>>,
    /// Shift, `[channels]`.
    pub(crate) bias: Param<Tensor<1>>,
    /// Running mean, `[channels]`.
    pub(crate) running_mean: RunningState<Tensor<1>>,
    /// Running variance (unbiased, as PyTorch keeps it), `[channels]`.
    pub(crate) running_var: RunningState<Tensor<1>>,
    /// Off when the layer is frozen: running statistics are then used, and left as they are, even in
    /// training.
    pub(crate) training: Param<Flag>,
    /// Added to the variance.
    pub(crate) eps: f64,
    /// Weight of the newest batch in the running statistics.
    pub(crate) momentum: f64,
}

impl BatchNorm {
    /// Whether this pass normalises by the statistics of its batch.
    pub(crate) fn uses_batch_statistics(&self, pass: &Pass) -> bool {
        pass.is_training() && self.training.is_enabled()
    }

    /// Normalises `[..., channels]`.
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>, pass: &Pass) -> Tensor<D> {
        let dims = x.dims();
        let channels = dims[D - 1];
        // burn wants the channels on axis 1; over a matrix of pixels that is the last axis
        let x = x.reshape([-1, channels as isize]);
        let y = if self.uses_batch_statistics(pass) {
            let count = x.dims()[0];
            let out = module::batch_norm_train(x, self.weight.val(), self.bias.val(), self.eps);
            self.update(out.mean.detach(), out.variance.detach(), count, pass);
            out.output
        } else {
            module::batch_norm(
                x,
                self.weight.val(),
                self.bias.val(),
                self.running_mean.value_sync(),
                self.running_var.value_sync(),
                self.eps,
            )
        };
        y.reshape(dims)
    }

    /// Moves the running statistics towards those of a batch of `count` values a channel. The batch's
    /// variance is the biased one; the running one is unbiased.
    pub(crate) fn update(&self, mean: Tensor<1>, variance: Tensor<1>, count: usize, pass: &Pass) {
        let unbiased = if count > 1 { count as f64 / (count - 1) as f64 } else { 1.0 };
        let momentum = pass.momentum().unwrap_or(self.momentum);
        let blend = |old: Tensor<1>, new: Tensor<1>| old * (1.0 - momentum) + new * momentum;
        // Burn keeps an update apart for each thread until it is asked for, and steps run on whichever thread
        // of the pool is free
        let update = |state: &RunningState<Tensor<1>>, new| {
            state.update(blend(state.value_sync(), new));
            state.value_sync();
        };
        update(&self.running_mean, mean);
        update(&self.running_var, variance * unbiased);
    }
}

/// A fully connected layer: `x weight^T + bias`.
#[derive(Module, Debug)]
pub(crate) struct Linear {
    /// `[out, in]`.
    pub(crate) weight: Param<Tensor<2>>,
    /// `[out]`.
    pub(crate) bias: Param<Tensor<1>>,
}

impl Linear {
    /// `[batch, in]` to `[batch, out]`.
    pub(crate) fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        x.matmul(self.weight.val().transpose()) + self.bias.val().unsqueeze()
    }
}

/// One hidden layer of a classification head: dense, activation, and batch normalisation where asked for.
#[derive(Module, Debug)]
pub(crate) struct Hidden {
    /// The dense layer.
    pub(crate) fc: Linear,
    /// Batch normalisation after the activation, as in the founding report's heads.
    pub(crate) bn: Option<BatchNorm>,
    /// The activation.
    #[module(skip)]
    pub(crate) act: Activation,
}

impl Hidden {
    /// `[batch, in]` to `[batch, out]`.
    pub(crate) fn forward(&self, x: Tensor<2>, pass: &Pass) -> Tensor<2> {
        let x = self.act.apply(self.fc.forward(x));
        match &self.bn {
            Some(bn) => bn.forward(x, pass),
            None => x,
        }
    }
}

/// Layer normalisation over the last axis (Ba, Kiros and Hinton, 2016).
#[derive(Module, Debug)]
pub(crate) struct LayerNorm {
    /// Scale, `[channels]`.
    pub(crate) weight: Param<Tensor<1>>,
    /// Shift, `[channels]`.
    pub(crate) bias: Param<Tensor<1>>,
    /// Added to the variance.
    pub(crate) eps: f64,
}

impl LayerNorm {
    /// Normalises `[..., channels]`.
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let x = x.clone() - x.mean_dim(D - 1);
        let variance = x.clone().square().mean_dim(D - 1);
        x / (variance + self.eps).sqrt() * self.weight.val().unsqueeze() + self.bias.val().unsqueeze()
    }
}

/// Global response normalisation (Woo et al., 2023): every channel of an image by its share of the image's
/// response.
#[derive(Module, Debug)]
pub(crate) struct ResponseNorm {
    /// Scale of the normalised responses, `[channels]`.
    pub(crate) weight: Param<Tensor<1>>,
    /// Shift, `[channels]`.
    pub(crate) bias: Param<Tensor<1>>,
    /// Added to the mean of the channels' norms.
    pub(crate) eps: f64,
}

impl ResponseNorm {
    /// The input, `[n, h, w, channels]`, plus its scaled and shifted normalisation.
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        // a root has no slope at zero, which is the norm of a channel that shows nothing
        let norms = x.clone().square().sum_dims(&[1, 2]).clamp_min(f64::from(f32::MIN_POSITIVE)).sqrt();
        let shares = norms.clone() / (norms.mean_dim(3) + self.eps);
        x.clone() + x * shares * self.weight.val().unsqueeze() + self.bias.val().unsqueeze()
    }
}

/// A fully connected layer applied to every pixel, in one of the two shapes that timm stores it in.
#[derive(Module, Debug)]
pub(crate) enum Dense {
    /// `[out, in]`.
    Linear(Linear),
    /// `[out, in, 1, 1]`.
    Conv(Conv2d),
}

impl Dense {
    /// The weights `[out, in]` and the bias `[out]`.
    pub(crate) fn weight_and_bias(&self) -> (Tensor<2>, Option<Tensor<1>>) {
        match self {
            Self::Linear(layer) => (layer.weight.val(), Some(layer.bias.val())),
            Self::Conv(conv) => {
                let [out, input, _, _] = conv.weight.dims();
                (conv.weight.val().reshape([out, input]), conv.bias.as_ref().map(Param::val))
            }
        }
    }

    /// `[..., in]` to `[..., out]`, in the type of the map.
    pub(crate) fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let dtype = x.dtype();
        let [n, h, w, input] = x.dims();
        let (weight, bias) = self.weight_and_bias();
        let [out, _] = weight.dims();
        let y = x.reshape([n * h * w, input]).matmul(stored(weight, dtype).transpose());
        let y = match bias {
            Some(bias) => y + stored(bias, dtype).unsqueeze(),
            None => y,
        };
        y.reshape([n, h, w, out])
    }
}

/// Squeeze-and-excitation (Hu, Shen and Sun, 2018): a gate in (0, 1) for every channel of every image.
#[derive(Module, Debug)]
pub(crate) struct SqueezeExcite {
    /// 1 x 1, to the reduced channels.
    pub(crate) conv_reduce: Conv2d,
    /// 1 x 1, back.
    pub(crate) conv_expand: Conv2d,
    /// Activation between the two.
    #[module(skip)]
    pub(crate) act: Activation,
    /// Makes gates of the second one's output.
    #[module(skip)]
    pub(crate) gate: Gate,
}
