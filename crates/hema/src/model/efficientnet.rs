//! EfficientNetV2 (Tan and Le, 2021, arXiv 2104.00298), by timm's architecture and names; the first EfficientNet
//! family (Tan and Le, 2019, arXiv 1905.11946) is made of the same blocks.
//!
//! A variant is one [`Plan`]: its stages read like the paper's table.

use burn::module::Module;
use burn::tensor::Tensor;

use super::{Architecture, ModelSpec, Network, make_head};
use crate::nn::{
    self, Activation, BatchNorm, Conv2d, Hidden, Init, Linear, Padding, Pass, SqueezeExcite, Unit,
};

/// One variant of the family.
struct Plan {
    /// Channels after the stem.
    stem: usize,
    /// Blocks between stem and head.
    stages: &'static [StagePlan],
    /// Channels after the head convolution: the features.
    features: usize,
    /// TensorFlow's SAME padding and batch-norm epsilon 1e-3; else symmetric padding and 1e-5.
    tensorflow: bool,
}

/// One row of a variant's table: `repeat` blocks of one kind, the first with `stride`.
struct StagePlan(Kind, usize, usize, usize, usize, usize, f64);

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Convolution, batch normalisation, activation.
    Conv,
    /// Fused-MBConv: the expansion is a k x k convolution.
    Fused,
    /// MBConv: 1 x 1 expansion, depthwise k x k, squeeze-and-excitation, 1 x 1 projection.
    Mb,
}
use Kind::{Conv, Fused, Mb};

#[rustfmt::skip]
const V2_B0: Plan = Plan {
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
    tensorflow: true,
};

/// The family's table.
pub(super) const ARCHITECTURES: &[Architecture] = &[Architecture {
    name: "tf_efficientnetv2_b0",
    about: "EfficientNetV2-B0, 5.9 M parameters without its classifier; the best small start",
    parameters: Some(7_139_704),
    pretrained: true,
    build: |spec, init| Ok(Network::EfficientNet(EfficientNet::new(spec, &V2_B0, init))),
}];

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
    /// The rate of stochastic depth, where there is a shortcut.
    fn rate(&self) -> Option<f64> {
        self.present.then_some(self.drop_path)
    }
}

const ACT: Activation = Activation::Silu;

impl EfficientNet {
    fn new(spec: &ModelSpec, plan: &Plan, init: &mut Init) -> Self {
        let padding = if plan.tensorflow { Padding::Same } else { Padding::Symmetric };
        init.batch_norm_eps = if plan.tensorflow { 1e-3 } else { 1e-5 };
        let conv_stem = init.conv(3, plan.stem, 3, 2, padding, 1);
        let bn1 = init.batch_norm(plan.stem);

        let count: usize = plan.stages.iter().map(|stage| stage.1).sum();
        let mut channels = plan.stem;
        let mut index = 0;
        let mut blocks = Vec::new();
        for &StagePlan(kind, repeat, kernel, first_stride, expand, out, se) in plan.stages {
            let stage = (0..repeat).map(|i| {
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

        let conv_head = init.conv(channels, plan.features, 1, 1, padding, 1);
        let bn2 = init.batch_norm(plan.features);
        let (hidden, classifier) = make_head(spec, plan.features, init);
        Self { conv_stem, bn1, blocks, conv_head, bn2, hidden, classifier, dropout: spec.dropout }
    }

    pub(super) fn forward(&self, x: Tensor<4>, pass: &Pass) -> Tensor<2> {
        let features = nn::global_average_pool(self.final_map(x, pass, |_, _| {}));
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
    match kind {
        Conv => Block::Conv(ConvBlock {
            conv: init.conv(input, out, kernel, stride, padding, 1),
            bn1: init.batch_norm(out),
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
            // the reduction is a share of the block's input, not of the expanded map
            se: init.squeeze_excite(wide, (input as f64 * se).round() as usize, ACT),
            conv_pwl: init.conv(wide, out, 1, 1, padding, 1),
            bn3: init.batch_norm(out),
            shortcut,
        }),
    }
}

impl Block {
    fn forward(&self, x: Tensor<4>, pass: &Pass) -> Tensor<4> {
        match self {
            Self::Conv(b) => nn::block(x, &[active(&b.conv, &b.bn1)], None, b.shortcut.rate(), pass),
            Self::Fused(b) => {
                let units = [active(&b.conv_exp, &b.bn1), linear(&b.conv_pwl, &b.bn2)];
                nn::block(x, &units, None, b.shortcut.rate(), pass)
            }
            Self::Mb(b) => {
                let units =
                    [active(&b.conv_pw, &b.bn1), active(&b.conv_dw, &b.bn2), linear(&b.conv_pwl, &b.bn3)];
                nn::block(x, &units, Some(&b.se), b.shortcut.rate(), pass)
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
