//! EfficientNet (Tan and Le, 2019, arXiv 1905.11946), its Lite form (Liu, 2020), and EfficientNetV2 (Tan and
//! Le, 2021, arXiv
//! 2104.00298), by timm's architectures and names.
//!
//! A family is one [`Base`], its stages as in the paper's table of the smallest network; a variant is one row
//! of [`ARCHITECTURES`] with a [`Plan`], which makes the stages wider and longer. The larger V2 networks are
//! tables of their own.

use burn::module::Module;
use hema_core::error::Result;

use super::family::{Family, Parts, Variant};
use super::mbconv::{self, Block, Kind, Squeeze, round_to_eight};
use super::spec::ModelSpec;
use crate::nn::{Activation, BatchNorm, Conv2d, ConvBnAct, Engine, Gate, Hidden, Init, Linear, Padding};

/// The smallest network of a family.
struct Base {
    /// Channels after the stem.
    stem: usize,
    /// Blocks between stem and head.
    stages: &'static [StagePlan],
    act: Activation,
    /// Whether there is any squeeze-and-excitation.
    gates: bool,
    /// The share of a scaled number of channels that rounding must leave.
    round_limit: f64,
    /// Whether stem, head, first and last stage stay as they are in every variant.
    fixed_ends: bool,
}

/// Channels after the head convolution, before they are scaled: the features.
const FEATURES: usize = 1280;

/// One row of a family's table: `repeat` blocks of one kind, the first with `stride`.
struct StagePlan(Kind, usize, usize, usize, usize, usize, f64);

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
    act: Activation::Silu,
    gates: true,
    round_limit: 0.9,
    fixed_ends: false,
};

const LITE: Base = Base { act: Activation::Relu6, gates: false, fixed_ends: true, ..V1 };

/// A V2 network with these stages.
const fn v2(stem: usize, stages: &'static [StagePlan]) -> Base {
    Base { stem, stages, act: Activation::Silu, gates: true, round_limit: 0.0, fixed_ends: false }
}

#[rustfmt::skip]
const V2: Base = v2(32, &[
    //        kind   repeat kernel stride expand  out   squeeze-excite
    StagePlan(Conv,  1,     3,     1,     1,      16,   0.0),
    StagePlan(Fused, 2,     3,     2,     4,      32,   0.0),
    StagePlan(Fused, 2,     3,     2,     4,      48,   0.0),
    StagePlan(Mb,    3,     3,     2,     4,      96,   0.25),
    StagePlan(Mb,    5,     3,     1,     6,      112,  0.25),
    StagePlan(Mb,    8,     3,     2,     6,      192,  0.25),
]);

#[rustfmt::skip]
const V2_S: Base = v2(24, &[
    StagePlan(Conv,  2,     3,     1,     1,      24,   0.0),
    StagePlan(Fused, 4,     3,     2,     4,      48,   0.0),
    StagePlan(Fused, 4,     3,     2,     4,      64,   0.0),
    StagePlan(Mb,    6,     3,     2,     4,      128,  0.25),
    StagePlan(Mb,    9,     3,     1,     6,      160,  0.25),
    StagePlan(Mb,    15,    3,     2,     6,      256,  0.25),
]);

#[rustfmt::skip]
const V2_M: Base = v2(24, &[
    StagePlan(Conv,  3,     3,     1,     1,      24,   0.0),
    StagePlan(Fused, 5,     3,     2,     4,      48,   0.0),
    StagePlan(Fused, 5,     3,     2,     4,      80,   0.0),
    StagePlan(Mb,    7,     3,     2,     4,      160,  0.25),
    StagePlan(Mb,    14,    3,     1,     6,      176,  0.25),
    StagePlan(Mb,    18,    3,     2,     6,      304,  0.25),
    StagePlan(Mb,    5,     3,     1,     6,      512,  0.25),
]);

#[rustfmt::skip]
const V2_L: Base = v2(32, &[
    StagePlan(Conv,  4,     3,     1,     1,      32,   0.0),
    StagePlan(Fused, 7,     3,     2,     4,      64,   0.0),
    StagePlan(Fused, 7,     3,     2,     4,      96,   0.0),
    StagePlan(Mb,    10,    3,     2,     4,      192,  0.25),
    StagePlan(Mb,    19,    3,     1,     6,      224,  0.25),
    StagePlan(Mb,    25,    3,     2,     6,      384,  0.25),
    StagePlan(Mb,    7,     3,     1,     6,      640,  0.25),
]);

#[rustfmt::skip]
const V2_XL: Base = v2(32, &[
    StagePlan(Conv,  4,     3,     1,     1,      32,   0.0),
    StagePlan(Fused, 8,     3,     2,     4,      64,   0.0),
    StagePlan(Fused, 8,     3,     2,     4,      96,   0.0),
    StagePlan(Mb,    16,    3,     2,     4,      192,  0.25),
    StagePlan(Mb,    24,    3,     1,     6,      256,  0.25),
    StagePlan(Mb,    32,    3,     2,     6,      512,  0.25),
    StagePlan(Mb,    8,     3,     1,     6,      640,  0.25),
]);

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

    /// Channels times width, to a multiple of eight.
    fn channels(&self, channels: usize) -> usize {
        round_to_eight(channels as f64 * self.width, self.base.round_limit)
    }

    /// Channels of stem or head: times width, unless they stay as they are.
    fn end_channels(&self, channels: usize) -> usize {
        if self.base.fixed_ends { channels } else { self.channels(channels) }
    }

    /// Blocks of a stage: times depth, rounded up.
    fn repeat(&self, stage: usize) -> usize {
        let StagePlan(_, repeat, ..) = self.base.stages[stage];
        let is_end = stage == 0 || stage + 1 == self.base.stages.len();
        if self.base.fixed_ends && is_end { repeat } else { (repeat as f64 * self.depth).ceil() as usize }
    }

    fn build(&self, spec: &ModelSpec, init: &mut Init) -> Result<EfficientNet> {
        let stages = spec.kept(self.base.stages.len())?;
        Ok(EfficientNet::new(spec, self, stages, init))
    }
}

/// The families' table.
#[rustfmt::skip]
pub(super) const ARCHITECTURES: &[Variant<EfficientNet>] = &[
    Variant::published("efficientnet_b0", "EfficientNet-B0", 5_288_548, |s, i| Plan::new(&V1, 1.0, 1.0).build(s, i)),
    Variant::published("efficientnet_b1", "EfficientNet-B1", 7_794_184, |s, i| Plan::new(&V1, 1.0, 1.1).build(s, i)),
    Variant::published("efficientnet_b2", "EfficientNet-B2", 9_109_994, |s, i| Plan::new(&V1, 1.1, 1.2).build(s, i)),
    Variant::published("efficientnet_b3", "EfficientNet-B3", 12_233_232, |s, i| Plan::new(&V1, 1.2, 1.4).build(s, i)),
    Variant::published("efficientnet_b4", "EfficientNet-B4", 19_341_616, |s, i| Plan::new(&V1, 1.4, 1.8).build(s, i)),
    Variant::published("efficientnet_b5", "EfficientNet-B5", 30_389_784, |s, i| Plan::new(&V1, 1.6, 2.2).build(s, i)),
    Variant::published("efficientnet_b6", "EfficientNet-B6", 43_040_704, |s, i| Plan::new(&V1, 1.8, 2.6).build(s, i)),
    Variant::published("efficientnet_b7", "EfficientNet-B7", 66_347_960, |s, i| Plan::new(&V1, 2.0, 3.1).build(s, i)),
    Variant::published("tf_efficientnet_b0", "EfficientNet-B0 with TensorFlow's padding, for its authors' weights", 5_288_548, |s, i| Plan::tf(&V1, 1.0, 1.0).build(s, i)),
    Variant::published("tf_efficientnet_b1", "EfficientNet-B1 with TensorFlow's padding", 7_794_184, |s, i| Plan::tf(&V1, 1.0, 1.1).build(s, i)),
    Variant::published("tf_efficientnet_b2", "EfficientNet-B2 with TensorFlow's padding", 9_109_994, |s, i| Plan::tf(&V1, 1.1, 1.2).build(s, i)),
    Variant::published("tf_efficientnet_b3", "EfficientNet-B3 with TensorFlow's padding", 12_233_232, |s, i| Plan::tf(&V1, 1.2, 1.4).build(s, i)),
    Variant::published("tf_efficientnet_b4", "EfficientNet-B4 with TensorFlow's padding", 19_341_616, |s, i| Plan::tf(&V1, 1.4, 1.8).build(s, i)),
    Variant::published("tf_efficientnet_b5", "EfficientNet-B5 with TensorFlow's padding", 30_389_784, |s, i| Plan::tf(&V1, 1.6, 2.2).build(s, i)),
    Variant::published("tf_efficientnet_b6", "EfficientNet-B6 with TensorFlow's padding", 43_040_704, |s, i| Plan::tf(&V1, 1.8, 2.6).build(s, i)),
    Variant::published("tf_efficientnet_b7", "EfficientNet-B7 with TensorFlow's padding", 66_347_960, |s, i| Plan::tf(&V1, 2.0, 3.1).build(s, i)),
    Variant::published("efficientnet_lite0", "EfficientNet-Lite0 (no gates, ReLU6) for small devices", 4_652_008, |s, i| Plan::new(&LITE, 1.0, 1.0).build(s, i)),
    Variant::published("efficientnet_lite1", "EfficientNet-Lite1", 5_416_680, |s, i| Plan::new(&LITE, 1.0, 1.1).build(s, i)),
    Variant::published("efficientnet_lite2", "EfficientNet-Lite2", 6_092_072, |s, i| Plan::new(&LITE, 1.1, 1.2).build(s, i)),
    Variant::published("efficientnet_lite3", "EfficientNet-Lite3", 8_197_096, |s, i| Plan::new(&LITE, 1.2, 1.4).build(s, i)),
    Variant::published("efficientnet_lite4", "EfficientNet-Lite4", 13_006_568, |s, i| Plan::new(&LITE, 1.4, 1.8).build(s, i)),
    Variant::published("tf_efficientnetv2_b0", "EfficientNetV2-B0, the best small start", 7_139_704, |s, i| Plan::tf(&V2, 1.0, 1.0).build(s, i)),
    Variant::published("tf_efficientnetv2_b1", "EfficientNetV2-B1", 8_141_052, |s, i| Plan::tf(&V2, 1.0, 1.1).build(s, i)),
    Variant::published("tf_efficientnetv2_b2", "EfficientNetV2-B2", 10_096_086, |s, i| Plan::tf(&V2, 1.1, 1.2).build(s, i)),
    Variant::published("tf_efficientnetv2_b3", "EfficientNetV2-B3", 14_358_406, |s, i| Plan::tf(&V2, 1.2, 1.4).build(s, i)),
    Variant::published("tf_efficientnetv2_s", "EfficientNetV2-S", 21_458_488, |s, i| Plan::tf(&V2_S, 1.0, 1.0).build(s, i)),
    Variant::published("tf_efficientnetv2_m", "EfficientNetV2-M", 54_139_356, |s, i| Plan::tf(&V2_M, 1.0, 1.0).build(s, i)),
    Variant::published("tf_efficientnetv2_l", "EfficientNetV2-L", 118_515_272, |s, i| Plan::tf(&V2_L, 1.0, 1.0).build(s, i)),
    Variant::published("tf_efficientnetv2_xl", "EfficientNetV2-XL", 208_119_808, |s, i| Plan::tf(&V2_XL, 1.0, 1.0).build(s, i)),
];

pub(super) const PARTS: Parts =
    Parts { classifier: "classifier", after_stages: &["conv_head", "bn2"], block_of: mbconv::block_of };

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
    #[module(skip)]
    dropout: Vec<f64>,
    #[module(skip)]
    act: Activation,
}

impl EfficientNet {
    fn new(spec: &ModelSpec, plan: &Plan, stages: usize, init: &mut Init) -> Self {
        let Plan { base, padding, eps, .. } = *plan;
        init.batch_norm_eps = eps;
        let stem = plan.end_channels(base.stem);
        let conv_stem = init.conv(3, stem, 3, 2, padding, 1);
        let bn1 = init.batch_norm(stem);

        let count: usize = (0..stages).map(|stage| plan.repeat(stage)).sum();
        let mut input = stem;
        let mut index = 0;
        let mut blocks = Vec::new();
        for (number, &StagePlan(kind, _, kernel, first_stride, expand, out, se)) in
            base.stages.iter().enumerate().take(stages)
        {
            let out = plan.channels(out);
            let stage = (0..plan.repeat(number)).map(|i| {
                // the reduction is a share of the block's input, not of the expanded map
                let reduced = (input as f64 * se).round() as usize;
                let squeeze = Squeeze { reduced, act: base.act, gate: Gate::Sigmoid };
                let block = mbconv::Plan {
                    kind,
                    input,
                    wide: input * expand,
                    out,
                    kernel,
                    stride: if i == 0 { first_stride } else { 1 },
                    padding,
                    act: base.act,
                    squeeze: (base.gates && reduced > 0).then_some(squeeze),
                    drop_path: spec.drop_path * index as f64 / count as f64,
                };
                input = out;
                index += 1;
                Block::new(&block, init)
            });
            blocks.push(stage.collect());
        }

        let features = plan.end_channels(FEATURES);
        let conv_head = init.conv(input, features, 1, 1, padding, 1);
        let bn2 = init.batch_norm(features);
        let (hidden, classifier) = spec.make_head(features, init);
        Self {
            conv_stem,
            bn1,
            blocks,
            conv_head,
            bn2,
            hidden,
            classifier,
            dropout: spec.dropout_rates(),
            act: base.act,
        }
    }

    /// The map before pooling; `look` is shown the output of the stem (stage `None`) and of every stage.
    fn final_map<E: Engine>(
        &self,
        x: E::Map,
        engine: &mut E,
        mut look: impl FnMut(Option<usize>, &E::Map),
    ) -> E::Map {
        let active = |conv, bn| ConvBnAct { conv, bn, act: self.act };
        let mut x = engine.block(x, &[active(&self.conv_stem, &self.bn1)], None, None);
        look(None, &x);
        for (index, stage) in self.blocks.iter().enumerate() {
            for block in stage {
                x = block.forward(x, engine);
            }
            look(Some(index), &x);
        }
        engine.block(x, &[active(&self.conv_head, &self.bn2)], None, None)
    }
}

impl Family for EfficientNet {
    fn features<E: Engine>(&self, x: E::Map, engine: &mut E) -> E::Rows {
        let x = engine.input(x);
        let map = self.final_map(x, engine, |_, _| {});
        engine.global_average_pool(map)
    }

    fn classify<E: Engine>(&self, features: E::Rows, engine: &mut E) -> E::Rows {
        engine.head(features, &self.hidden, &self.classifier, &self.dropout)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor, TensorData};

    use crate::model::Network;
    use crate::model::tests::spec;
    use crate::nn::{self, Pass};
    use crate::weights::{self, Array};

    /// Keras' own outputs for the ImageNet weights: channel means after every stage, the final map, the
    /// features.
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
            let map = network.final_map(x, &mut &Pass::predict(), |stage, map: &Tensor<4>| {
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
