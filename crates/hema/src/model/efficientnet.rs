//! EfficientNet (Tan and Le, 2019, arXiv 1905.11946) and EfficientNetV2 (Tan and Le, 2021, arXiv 2104.00298), by timm's
//! architectures and names.
//!
//! A family is one [`Base`], its stages as in the paper's table of the smallest network; a variant is one [`Plan`],
//! which makes the stages wider and longer.

use burn::module::Module;
use burn::tensor::Tensor;

use super::{Architecture, ModelSpec, Network, make_head};
use crate::nn::{
    self, Activation, BatchNorm, Conv2d, Hidden, Init, Linear, Padding, Pass, Residual, SqueezeExcite, Unit,
};

/// The smallest network of a family.
struct Base {
    /// Channels after the stem.
    stem: usize,
    /// Blocks between stem and head.
    stages: &'static [StagePlan],
    /// Channels after the head convolution: the features.
    features: usize,
    /// The share of a scaled number of channels that rounding must leave.
    round_limit: f64,
}

/// One row of a family's table: `repeat` blocks of one kind, the first with `stride`.
struct StagePlan(Kind, usize, usize, usize, usize, usize, f64);

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Convolution, batch normalisation, activation.
    Conv,
    /// Depthwise k x k, squeeze-and-excitation, 1 x 1 projection.
    Separable,
    /// Fused-MBConv: the expansion is a k x k convolution.
    Fused,
    /// MBConv: 1 x 1 expansion, depthwise k x k, squeeze-and-excitation, 1 x 1 projection.
    Mb,
}
use Kind::{Conv, Fused, Mb, Separable};

#[rustfmt::skip]
const V1: Base = Base {
    stem: 32,
    stages: &[
        //        kind       repeat kernel stride expand  out   squeeze-excite
        StagePlan(Separable, 1,     3,     1,     1,      16,   0.25),
        StagePlan(Mb,        2,     3,     2,     6,      24,   0.25),
        StagePlan(Mb,        2,     5,     2,     6,      40,   0.25),
        StagePlan(Mb,        3,     3,     2,     6,      80,   0.25),
        StagePlan(Mb,        3,     5,     1,     6,      112,  0.25),
        StagePlan(Mb,        4,     5,     2,     6,      192,  0.25),
        StagePlan(Mb,        1,     3,     1,     6,      320,  0.25),
    ],
    features: 1280,
    round_limit: 0.9,
};

#[rustfmt::skip]
const V2: Base = Base {
    stem: 32,
    stages: &[
        //        kind   repeat kernel stride expand  out   squeeze-excite
        StagePlan(Conv,  1,     3,     1,     1,      16,   0.0),
        StagePlan(Fused, 2,     3,     2,     4,      32,   0.0),
        StagePlan(Fused, 2,     3,     2,     4,      48,   0.0),
        StagePlan(Mb,    3,     3,     2,     4,      96,   0.25),
        StagePlan(Mb,    5,     3,     1,     6,      112,  0.25),
        StagePlan(Mb,    8,     3,     2,     6,      192,  0.25),
    ],
    features: 1280,
    round_limit: 0.0,
};

/// One variant of a family.
struct Plan {
    base: &'static Base,
    /// Multiplies the channels of stem, stages and head.
    width: f64,
    /// Multiplies the blocks of a stage.
    depth: f64,
    padding: Padding,
    /// Epsilon of the batch normalisations.
    eps: f64,
}

impl Plan {
    /// A network trained in PyTorch.
    const fn new(base: &'static Base, width: f64, depth: f64) -> Self {
        Self { base, width, depth, padding: Padding::Symmetric, eps: 1e-5 }
    }

    /// A network whose weights come from TensorFlow.
    const fn tf(base: &'static Base, width: f64, depth: f64) -> Self {
        Self { base, width, depth, padding: Padding::Same, eps: 1e-3 }
    }

    /// Channels times width, to the nearest multiple of eight; to the next one where that falls below the limit.
    fn channels(&self, channels: usize) -> usize {
        let scaled = channels as f64 * self.width;
        let rounded = ((scaled + 4.0) as usize / 8 * 8).max(8);
        if (rounded as f64) < self.base.round_limit * scaled { rounded + 8 } else { rounded }
    }

    /// Blocks times depth, rounded up.
    fn repeat(&self, repeat: usize) -> usize {
        (repeat as f64 * self.depth).ceil() as usize
    }
}

/// The families' table.
pub(super) const ARCHITECTURES: &[Architecture] = &[
    Architecture {
        name: "efficientnet_b0",
        about: "EfficientNet-B0, 4.0 M parameters without its classifier",
        parameters: Some(5_288_548),
        pretrained: true,
        build: |spec, init| {
            Ok(Network::EfficientNet(EfficientNet::new(spec, &Plan::new(&V1, 1.0, 1.0), init)))
        },
    },
    Architecture {
        name: "tf_efficientnet_b0",
        about: "EfficientNet-B0 with TensorFlow's padding, for the weights its authors published",
        parameters: Some(5_288_548),
        pretrained: true,
        build: |spec, init| {
            Ok(Network::EfficientNet(EfficientNet::new(spec, &Plan::tf(&V1, 1.0, 1.0), init)))
        },
    },
    Architecture {
        name: "tf_efficientnetv2_b0",
        about: "EfficientNetV2-B0, 5.9 M parameters without its classifier; the best small start",
        parameters: Some(7_139_704),
        pretrained: true,
        build: |spec, init| {
            Ok(Network::EfficientNet(EfficientNet::new(spec, &Plan::tf(&V2, 1.0, 1.0), init)))
        },
    },
    Architecture {
        name: "tf_efficientnetv2_b1",
        about: "EfficientNetV2-B1, 6.9 M parameters without its classifier",
        parameters: Some(8_141_052),
        pretrained: true,
        build: |spec, init| {
            Ok(Network::EfficientNet(EfficientNet::new(spec, &Plan::tf(&V2, 1.0, 1.1), init)))
        },
    },
    Architecture {
        name: "tf_efficientnetv2_b2",
        about: "EfficientNetV2-B2, 8.7 M parameters without its classifier",
        parameters: Some(10_096_086),
        pretrained: true,
        build: |spec, init| {
            Ok(Network::EfficientNet(EfficientNet::new(spec, &Plan::tf(&V2, 1.1, 1.2), init)))
        },
    },
    Architecture {
        name: "tf_efficientnetv2_b3",
        about: "EfficientNetV2-B3, 12.8 M parameters without its classifier",
        parameters: Some(14_358_406),
        pretrained: true,
        build: |spec, init| {
            Ok(Network::EfficientNet(EfficientNet::new(spec, &Plan::tf(&V2, 1.2, 1.4), init)))
        },
    },
];

/// The network; fields in timm's order and by timm's names.
#[derive(Module, Debug)]
pub struct EfficientNet {
    conv_stem: Conv2d,
    bn1: BatchNorm,
    blocks: Vec<Vec<Block>>,
    conv_head: Conv2d,
    bn2: BatchNorm,
    hidden: Vec<Hidden>,
    classifier: Linear,
    dropout: f64,
}

/// A block of any kind.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // a few dozen blocks a network, and Burn derives no boxes
pub enum Block {
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
pub struct ConvBlock {
    conv: Conv2d,
    bn1: BatchNorm,
    shortcut: Shortcut,
}

/// Depthwise separable convolution (timm's `DepthwiseSeparableConv`): MBConv without an expansion.
#[derive(Module, Debug)]
pub struct SeparableConv {
    conv_dw: Conv2d,
    bn1: BatchNorm,
    se: SqueezeExcite,
    conv_pw: Conv2d,
    bn2: BatchNorm,
    shortcut: Shortcut,
}

/// Fused-MBConv (timm's `EdgeResidual`).
#[derive(Module, Debug)]
pub struct FusedMbConv {
    conv_exp: Conv2d,
    bn1: BatchNorm,
    conv_pwl: Conv2d,
    bn2: BatchNorm,
    shortcut: Shortcut,
}

/// MBConv (timm's `InvertedResidual`).
#[derive(Module, Debug)]
pub struct MbConv {
    conv_pw: Conv2d,
    bn1: BatchNorm,
    conv_dw: Conv2d,
    bn2: BatchNorm,
    se: SqueezeExcite,
    conv_pwl: Conv2d,
    bn3: BatchNorm,
    shortcut: Shortcut,
}

/// The way around a block: there where input and output have the same shape.
#[derive(Module, Debug)]
pub struct Shortcut {
    present: bool,
    drop_path: f64,
}

impl Shortcut {
    fn residual(&self) -> Option<Residual> {
        self.present.then_some(Residual::input(self.drop_path))
    }
}

const ACT: Activation = Activation::Silu;

impl EfficientNet {
    fn new(spec: &ModelSpec, plan: &Plan, init: &mut Init) -> Self {
        let Plan { base, padding, eps, .. } = *plan;
        init.batch_norm_eps = eps;
        let stem = plan.channels(base.stem);
        let conv_stem = init.conv(3, stem, 3, 2, padding, 1);
        let bn1 = init.batch_norm(stem);

        let count: usize = base.stages.iter().map(|stage| plan.repeat(stage.1)).sum();
        let mut channels = stem;
        let mut index = 0;
        let mut blocks = Vec::new();
        for &StagePlan(kind, repeat, kernel, first_stride, expand, out, se) in base.stages {
            let out = plan.channels(out);
            let stage = (0..plan.repeat(repeat)).map(|i| {
                let stride = if i == 0 { first_stride } else { 1 };
                let shortcut = Shortcut {
                    present: stride == 1 && channels == out,
                    drop_path: spec.drop_path * index as f64 / count as f64,
                };
                let block = block(kind, [channels, out], kernel, stride, expand, se, padding, shortcut, init);
                channels = out;
                index += 1;
                block
            });
            blocks.push(stage.collect());
        }

        let features = plan.channels(base.features);
        let conv_head = init.conv(channels, features, 1, 1, padding, 1);
        let bn2 = init.batch_norm(features);
        let (hidden, classifier) = make_head(spec, features, init);
        Self { conv_stem, bn1, blocks, conv_head, bn2, hidden, classifier, dropout: spec.dropout }
    }

    pub(super) fn features(&self, x: Tensor<4>, pass: &Pass) -> Tensor<2> {
        nn::global_average_pool(self.final_map(x, pass, |_, _| {}))
    }

    pub(super) fn classify(&self, features: Tensor<2>, pass: &Pass) -> Tensor<2> {
        nn::head(features, &self.hidden, &self.classifier, self.dropout, pass)
    }

    /// The map before pooling; `look` is shown the output of the stem (stage `None`) and of every stage.
    pub(crate) fn final_map(
        &self,
        x: Tensor<4>,
        pass: &Pass,
        mut look: impl FnMut(Option<usize>, &Tensor<4>),
    ) -> Tensor<4> {
        let mut x = nn::block(x, &[active(&self.conv_stem, &self.bn1)], None, None, pass);
        look(None, &x);
        for (index, stage) in self.blocks.iter().enumerate() {
            for block in stage {
                x = block.forward(x, pass);
            }
            look(Some(index), &x);
        }
        nn::block(x, &[active(&self.conv_head, &self.bn2)], None, None, pass)
    }
}

#[allow(clippy::too_many_arguments)] // one row of the table, unfolded
fn block(
    kind: Kind,
    [input, out]: [usize; 2],
    kernel: usize,
    stride: usize,
    expand: usize,
    se: f64,
    padding: Padding,
    shortcut: Shortcut,
    init: &mut Init,
) -> Block {
    let wide = input * expand;
    // the reduction is a share of the block's input, not of the expanded map
    let reduced = (input as f64 * se).round() as usize;
    match kind {
        Conv => Block::Conv(ConvBlock {
            conv: init.conv(input, out, kernel, stride, padding, 1),
            bn1: init.batch_norm(out),
            shortcut,
        }),
        Separable => Block::Separable(SeparableConv {
            conv_dw: init.conv(input, input, kernel, stride, padding, input),
            bn1: init.batch_norm(input),
            se: init.squeeze_excite(input, reduced, ACT),
            conv_pw: init.conv(input, out, 1, 1, padding, 1),
            bn2: init.batch_norm(out),
            shortcut,
        }),
        Fused => Block::Fused(FusedMbConv {
            conv_exp: init.conv(input, wide, kernel, stride, padding, 1),
            bn1: init.batch_norm(wide),
            conv_pwl: init.conv(wide, out, 1, 1, padding, 1),
            bn2: init.batch_norm(out),
            shortcut,
        }),
        Mb => Block::Mb(MbConv {
            conv_pw: init.conv(input, wide, 1, 1, padding, 1),
            bn1: init.batch_norm(wide),
            conv_dw: init.conv(wide, wide, kernel, stride, padding, wide),
            bn2: init.batch_norm(wide),
            se: init.squeeze_excite(wide, reduced, ACT),
            conv_pwl: init.conv(wide, out, 1, 1, padding, 1),
            bn3: init.batch_norm(out),
            shortcut,
        }),
    }
}

impl Block {
    fn forward(&self, x: Tensor<4>, pass: &Pass) -> Tensor<4> {
        match self {
            Self::Conv(b) => nn::block(x, &[active(&b.conv, &b.bn1)], None, b.shortcut.residual(), pass),
            Self::Separable(b) => {
                let units = [active(&b.conv_dw, &b.bn1), linear(&b.conv_pw, &b.bn2)];
                nn::block(x, &units, Some(&b.se), b.shortcut.residual(), pass)
            }
            Self::Fused(b) => {
                let units = [active(&b.conv_exp, &b.bn1), linear(&b.conv_pwl, &b.bn2)];
                nn::block(x, &units, None, b.shortcut.residual(), pass)
            }
            Self::Mb(b) => {
                let units =
                    [active(&b.conv_pw, &b.bn1), active(&b.conv_dw, &b.bn2), linear(&b.conv_pwl, &b.bn3)];
                nn::block(x, &units, Some(&b.se), b.shortcut.residual(), pass)
            }
        }
    }
}

/// A unit with the family's activation.
fn active<'a>(conv: &'a Conv2d, bn: &'a BatchNorm) -> Unit<'a> {
    Unit { conv, bn, act: ACT }
}

/// A unit without activation: the projection at a block's end.
fn linear<'a>(conv: &'a Conv2d, bn: &'a BatchNorm) -> Unit<'a> {
    Unit { conv, bn, act: Activation::Identity }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::model::tests::spec;
    use crate::weights::{self, Array};

    /// Keras' own outputs for the ImageNet weights: channel means after every stage, the final map, the features.
    #[test]
    fn v2_b0_reproduces_the_reference_outputs() {
        let Some(folder) = std::env::var_os("HEMA_TEST_DATA") else {
            skipped();
            return;
        };
        let folder = std::path::Path::new(&folder).join("../weights");
        let device = Device::flex();
        let spec = spec("tf_efficientnetv2_b0");
        let network = Network::new(&spec, 0, &device).unwrap();
        let weights = folder.join("tf_efficientnetv2_b0.in1k.safetensors");
        let network = weights::start_from(network, &spec, &weights).unwrap();
        let Network::EfficientNet(network) = &network else { panic!("another family") };
        let reference =
            weights::read(&folder.join("tf_efficientnetv2_b0.reference_io.safetensors")).unwrap().tensors;

        let stages = [
            "block1a_project_activation",
            "block2b_add",
            "block3b_add",
            "block4c_add",
            "block5e_add",
            "block6h_add",
        ];
        for size in [96, 224] {
            let expected = |name: &str| &reference[&format!("out{size}_{name}")];
            let input = expected("normalization").values.clone();
            let x = Tensor::from_data(TensorData::new(input, [1, size, size, 3]), &device);
            let map = network.final_map(x, &Pass::predict(), |stage, map| {
                let name = stage.map_or("stem_activation", |s| stages[s]);
                let means = nn::global_average_pool(map.clone());
                assert_close(&means, expected(&format!("{name}_chanmean")), name);
            });
            assert_close(&map, expected("top_activation"), "final map");
            assert_close(&nn::global_average_pool(map), expected("pooled"), "features");
        }
    }

    #[allow(clippy::print_stderr)] // a test that did not run must say so
    fn skipped() {
        eprintln!("skipped: HEMA_TEST_DATA does not name the folder of test data");
    }

    fn assert_close<const D: usize>(found: &Tensor<D>, expected: &Array, name: &str) {
        let found: Vec<f32> = found.to_data().try_into_vec().unwrap();
        assert_eq!(found.len(), expected.values.len(), "{name}");
        for (i, (f, e)) in found.iter().zip(&expected.values).enumerate() {
            assert!((f - e).abs() < 1e-4, "{name}[{i}]: {f}, expected {e}");
        }
    }
}
