//! The blocks of the mobile families (`EfficientNet`, `MobileNetV3`): MBConv, with its fused and its bare
//! forms, by timm's names.
//!
//! Left out on purpose: the number and the widths of a network's blocks, which its family knows.

use burn::module::Module;

use super::family::up_to_number;
use crate::nn::{
    Activation, BatchNorm, Conv2d, ConvBnAct, Engine, Gate, Init, Padding, Residual, SqueezeExcite,
};

/// The layers of a block.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// Convolution, batch normalisation, activation.
    Conv,
    /// Depthwise k x k, squeeze-and-excitation, 1 x 1 projection.
    Separable,
    /// Fused-MBConv: the expansion is a k x k convolution.
    Fused,
    /// MBConv: 1 x 1 expansion, depthwise k x k, squeeze-and-excitation, 1 x 1 projection.
    Mb,
}

/// One block, in all its sizes.
pub(super) struct Plan {
    pub(super) kind: Kind,
    /// Channels of the block's input.
    pub(super) input: usize,
    /// Channels between the block's convolutions.
    pub(super) wide: usize,
    /// Channels of its output.
    pub(super) out: usize,
    pub(super) kernel: usize,
    pub(super) stride: usize,
    pub(super) padding: Padding,
    pub(super) act: Activation,
    /// Squeeze-and-excitation, where there is one.
    pub(super) squeeze: Option<Squeeze>,
    /// Rate of stochastic depth, where the input is added to the output.
    pub(super) drop_path: f64,
}

/// Squeeze-and-excitation of a block.
#[derive(Clone, Copy)]
pub(super) struct Squeeze {
    pub(super) reduced: usize,
    pub(super) act: Activation,
    pub(super) gate: Gate,
}

/// A block of any kind.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // a few dozen blocks a network, and Burn derives no boxes
pub(super) enum Block {
    /// See [`ConvBlock`].
    Conv(ConvBlock),
    /// See [`SeparableConv`].
    Separable(SeparableConv),
    /// See [`FusedMbConv`].
    Fused(FusedMbConv),
    /// See [`MbConv`].
    Mb(MbConv),
}

/// Convolution, batch normalisation, activation.
#[derive(Module, Debug)]
pub(super) struct ConvBlock {
    conv: Conv2d,
    bn1: BatchNorm,
    traits: Traits,
}

/// Depthwise separable convolution (timm's `DepthwiseSeparableConv`): MBConv without an expansion.
#[derive(Module, Debug)]
pub(super) struct SeparableConv {
    conv_dw: Conv2d,
    bn1: BatchNorm,
    se: Option<SqueezeExcite>,
    conv_pw: Conv2d,
    bn2: BatchNorm,
    traits: Traits,
}

/// Fused-MBConv (timm's `EdgeResidual`).
#[derive(Module, Debug)]
pub(super) struct FusedMbConv {
    conv_exp: Conv2d,
    bn1: BatchNorm,
    conv_pwl: Conv2d,
    bn2: BatchNorm,
    traits: Traits,
}

/// MBConv (timm's `InvertedResidual`).
#[derive(Module, Debug)]
pub(super) struct MbConv {
    conv_pw: Conv2d,
    bn1: BatchNorm,
    conv_dw: Conv2d,
    bn2: BatchNorm,
    se: Option<SqueezeExcite>,
    conv_pwl: Conv2d,
    bn3: BatchNorm,
    traits: Traits,
}

/// Properties of a block beside its layers.
#[derive(Module, Debug)]
struct Traits {
    #[module(skip)]
    act: Activation,
    /// Whether the input is added to the output: where both have the same shape.
    shortcut: bool,
    drop_path: f64,
}

impl Traits {
    fn residual<Map>(&self) -> Option<Residual<Map>> {
        self.shortcut.then_some(Residual::input(self.drop_path))
    }
}

impl Block {
    pub(super) fn new(plan: &Plan, init: &mut Init) -> Self {
        let Plan { kind, input, wide, out, kernel, stride, padding, act, squeeze, drop_path } = *plan;
        let traits = Traits { act, shortcut: stride == 1 && input == out, drop_path };
        let excite = |channels: usize, init: &mut Init| {
            squeeze.map(|se| init.squeeze_excite(channels, se.reduced, se.act, se.gate))
        };
        match kind {
            Kind::Conv => Self::Conv(ConvBlock {
                conv: init.conv(input, out, kernel, stride, padding, 1),
                bn1: init.batch_norm(out),
                traits,
            }),
            Kind::Separable => Self::Separable(SeparableConv {
                conv_dw: init.conv(input, input, kernel, stride, padding, input),
                bn1: init.batch_norm(input),
                se: excite(input, init),
                conv_pw: init.conv(input, out, 1, 1, padding, 1),
                bn2: init.batch_norm(out),
                traits,
            }),
            Kind::Fused => Self::Fused(FusedMbConv {
                conv_exp: init.conv(input, wide, kernel, stride, padding, 1),
                bn1: init.batch_norm(wide),
                conv_pwl: init.conv(wide, out, 1, 1, padding, 1),
                bn2: init.batch_norm(out),
                traits,
            }),
            Kind::Mb => Self::Mb(MbConv {
                conv_pw: init.conv(input, wide, 1, 1, padding, 1),
                bn1: init.batch_norm(wide),
                conv_dw: init.conv(wide, wide, kernel, stride, padding, wide),
                bn2: init.batch_norm(wide),
                se: excite(wide, init),
                conv_pwl: init.conv(wide, out, 1, 1, padding, 1),
                bn3: init.batch_norm(out),
                traits,
            }),
        }
    }

    pub(super) fn forward<E: Engine>(&self, x: E::Map, engine: &mut E) -> E::Map {
        let active = |conv, bn, traits: &Traits| ConvBnAct { conv, bn, act: traits.act };
        match self {
            Self::Conv(b) => {
                engine.block(x, &[active(&b.conv, &b.bn1, &b.traits)], None, b.traits.residual())
            }
            Self::Separable(b) => {
                let units = [active(&b.conv_dw, &b.bn1, &b.traits), ConvBnAct::linear(&b.conv_pw, &b.bn2)];
                engine.block(x, &units, b.se.as_ref(), b.traits.residual())
            }
            Self::Fused(b) => {
                let units = [active(&b.conv_exp, &b.bn1, &b.traits), ConvBnAct::linear(&b.conv_pwl, &b.bn2)];
                engine.block(x, &units, None, b.traits.residual())
            }
            Self::Mb(b) => {
                let units = [
                    active(&b.conv_pw, &b.bn1, &b.traits),
                    active(&b.conv_dw, &b.bn2, &b.traits),
                    ConvBnAct::linear(&b.conv_pwl, &b.bn3),
                ];
                engine.block(x, &units, b.se.as_ref(), b.traits.residual())
            }
        }
    }
}

/// The start of a parameter's name that names its block, in both families: `blocks.3.1` of
/// `blocks.3.1.conv_pw.weight`.
pub(super) fn block_of(name: &str) -> Option<&str> {
    if name.starts_with("blocks.") { up_to_number(name, 2) } else { None }
}

/// The nearest multiple of eight, at least eight; the next one where that falls below this share of the
/// number.
pub(super) fn round_to_eight(channels: f64, limit: f64) -> usize {
    let rounded = ((channels + 4.0) as usize / 8 * 8).max(8);
    if (rounded as f64) < limit * channels { rounded + 8 } else { rounded }
}
