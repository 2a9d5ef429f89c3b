//! `MobileNetV3` (Howard et al., 2019, arXiv 1905.02244), by timm's architectures and names.

use burn::module::Module;

use super::family::{Family, Parts, Variant};
use super::mbconv::{self, Block, Kind, Plan, Squeeze, round_to_eight};
use super::spec::ModelSpec;
use crate::nn::{Activation, BatchNorm, Conv2d, ConvBnAct, Engine, Gate, Hidden, Init, Linear, Padding};

/// One row of the paper's table: a block with its kernel, stride, channels between and after, whether it has
/// squeeze-and-excitation, and its activation.
struct Row(Kind, usize, usize, usize, usize, bool, Activation);

use Activation::{HardSwish, Relu};
use Kind::{Conv, Mb, Separable};

/// Channels after the stem.
const STEM: usize = 16;
/// The share of a number of channels that rounding to a multiple of eight must leave.
const ROUND_LIMIT: f64 = 0.9;

#[rustfmt::skip]
const LARGE: &[&[Row]] = &[
    //    kind       kernel stride wide out  gates  activation
    &[Row(Separable, 3,     1,     16,  16,  false, Relu)],
    &[Row(Mb,        3,     2,     64,  24,  false, Relu),
      Row(Mb,        3,     1,     72,  24,  false, Relu)],
    &[Row(Mb,        5,     2,     72,  40,  true,  Relu),
      Row(Mb,        5,     1,     120, 40,  true,  Relu),
      Row(Mb,        5,     1,     120, 40,  true,  Relu)],
    &[Row(Mb,        3,     2,     240, 80,  false, HardSwish),
      Row(Mb,        3,     1,     200, 80,  false, HardSwish),
      Row(Mb,        3,     1,     184, 80,  false, HardSwish),
      Row(Mb,        3,     1,     184, 80,  false, HardSwish)],
    &[Row(Mb,        3,     1,     480, 112, true,  HardSwish),
      Row(Mb,        3,     1,     672, 112, true,  HardSwish)],
    &[Row(Mb,        5,     2,     672, 160, true,  HardSwish),
      Row(Mb,        5,     1,     960, 160, true,  HardSwish),
      Row(Mb,        5,     1,     960, 160, true,  HardSwish)],
    &[Row(Conv,      1,     1,     960, 960, false, HardSwish)],
];

#[rustfmt::skip]
const SMALL: &[&[Row]] = &[
    &[Row(Separable, 3,     2,     16,  16,  true,  Relu)],
    &[Row(Mb,        3,     2,     72,  24,  false, Relu),
      Row(Mb,        3,     1,     88,  24,  false, Relu)],
    &[Row(Mb,        5,     2,     96,  40,  true,  HardSwish),
      Row(Mb,        5,     1,     240, 40,  true,  HardSwish),
      Row(Mb,        5,     1,     240, 40,  true,  HardSwish)],
    &[Row(Mb,        5,     1,     120, 48,  true,  HardSwish),
      Row(Mb,        5,     1,     144, 48,  true,  HardSwish)],
    &[Row(Mb,        5,     2,     288, 96,  true,  HardSwish),
      Row(Mb,        5,     1,     576, 96,  true,  HardSwish),
      Row(Mb,        5,     1,     576, 96,  true,  HardSwish)],
    &[Row(Conv,      1,     1,     576, 576, false, HardSwish)],
];

/// The family's table.
pub(super) const ARCHITECTURES: &[Variant<MobileNetV3>] = &[
    Variant::published("mobilenetv3_small_100", "MobileNetV3-Small, for phones", 2_542_856, |spec, init| {
        let stages = &SMALL[..spec.kept(SMALL.len())?];
        Ok(MobileNetV3::new(spec, stages, 1024, init))
    }),
    Variant::published("mobilenetv3_large_100", "MobileNetV3-Large", 5_483_032, |spec, init| {
        let stages = &LARGE[..spec.kept(LARGE.len())?];
        Ok(MobileNetV3::new(spec, stages, 1280, init))
    }),
];

pub(super) const PARTS: Parts =
    Parts { classifier: "classifier", after_stages: &["conv_head"], block_of: mbconv::block_of };

/// The network; fields in timm's order and by timm's names.
#[derive(Module, Debug)]
pub struct MobileNetV3 {
    conv_stem: Conv2d,
    bn1: BatchNorm,
    blocks: Vec<Vec<Block>>,
    /// A dense layer on the pooled map.
    conv_head: Conv2d,
    hidden: Vec<Hidden>,
    classifier: Linear,
    #[module(skip)]
    dropout: Vec<f64>,
}

impl MobileNetV3 {
    fn new(spec: &ModelSpec, stages: &[&[Row]], features: usize, init: &mut Init) -> Self {
        let padding = Padding::Symmetric;
        let conv_stem = init.conv(3, STEM, 3, 2, padding, 1);
        let bn1 = init.batch_norm(STEM);
        let count: usize = stages.iter().map(|stage| stage.len()).sum();
        let (mut input, mut index) = (STEM, 0);
        let mut block = |&Row(kind, kernel, stride, wide, out, gates, act): &Row| {
            let reduced = round_to_eight(wide as f64 * 0.25, ROUND_LIMIT);
            let squeeze = Squeeze { reduced, act: Relu, gate: Gate::HardSigmoid };
            let plan = Plan {
                kind,
                input,
                wide,
                out,
                kernel,
                stride,
                padding,
                act,
                squeeze: gates.then_some(squeeze),
                drop_path: spec.drop_path * index as f64 / count as f64,
            };
            input = out;
            index += 1;
            Block::new(&plan, init)
        };
        let blocks = stages.iter().map(|stage| stage.iter().map(&mut block).collect()).collect();
        let conv_head = init.conv_with_bias(input, features, 1, 1, padding);
        let (hidden, classifier) = spec.make_head(features, init);
        Self { conv_stem, bn1, blocks, conv_head, hidden, classifier, dropout: spec.dropout_rates() }
    }
}

impl Family for MobileNetV3 {
    fn features<E: Engine>(&self, x: E::Map, engine: &mut E) -> E::Rows {
        let stem = ConvBnAct { conv: &self.conv_stem, bn: &self.bn1, act: HardSwish };
        let x = engine.input(x);
        let mut x = engine.block(x, &[stem], None, None);
        for block in self.blocks.iter().flatten() {
            x = block.forward(x, engine);
        }
        let pooled = engine.global_average_pool(x);
        engine.dense_act(pooled, &self.conv_head, HardSwish)
    }

    fn classify<E: Engine>(&self, features: E::Rows, engine: &mut E) -> E::Rows {
        engine.head(features, &self.hidden, &self.classifier, &self.dropout)
    }
}
