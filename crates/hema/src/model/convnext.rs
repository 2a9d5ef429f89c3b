//! `ConvNeXt` (Liu et al., 2022, arXiv 2201.03545) and `ConvNeXt` V2 (Woo et al., 2023, arXiv 2301.00808), by
//! timm's architectures and names. Blocks of the second version normalise the responses of their hidden
//! channels, and have no scales.
//!
//! Left out on purpose: the variants with overlapping stems, which nobody publishes larger ones of, and
//! `convnextv2_small`, which nobody publishes weights of.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use hema_core::error::{Error, Result};

use super::family::{Family, Parts, Variant, up_to_number};
use super::spec::ModelSpec;
use crate::nn::{
    Activation, Conv2d, ConvNextBlock, Dense, Engine, Hidden, Init, LayerNorm, Linear, Padding, ResponseNorm,
};

/// One variant.
struct Plan {
    /// Blocks of each stage.
    depths: [usize; 4],
    /// Channels of each stage.
    widths: [usize; 4],
    /// Whether timm keeps the dense layers as 1 x 1 convolutions; their weights have two axes more.
    as_convolutions: bool,
    /// Whether it is one of `ConvNeXt` V2.
    is_second: bool,
}

impl Plan {
    /// A small variant, of timm's.
    const fn small(depths: [usize; 4], width: usize) -> Self {
        let widths = [width, 2 * width, 4 * width, 8 * width];
        Self { depths, widths, as_convolutions: true, is_second: false }
    }

    /// A variant of the paper.
    const fn paper(depths: [usize; 4], width: usize) -> Self {
        Self { as_convolutions: false, ..Self::small(depths, width) }
    }

    /// This variant in `ConvNeXt` V2.
    const fn v2(self) -> Self {
        Self { is_second: true, ..self }
    }

    fn build(&self, spec: &ModelSpec, init: &mut Init) -> Result<ConvNeXt> {
        if spec.size < STRIDE {
            let found =
                format!("{} takes images of at least {STRIDE} pixels, found {}", spec.name, spec.size);
            return Err(Error::new(found));
        }
        let stages = spec.kept(self.depths.len())?;
        Ok(ConvNeXt::new(spec, self, stages, init))
    }
}

/// Pixels of the image that a pixel of the last map stands for.
const STRIDE: usize = 32;

/// The family's table.
#[rustfmt::skip]
pub(super) const ARCHITECTURES: &[Variant<ConvNeXt>] = &[
    Variant::published("convnext_atto", "ConvNeXt-Atto", 3_695_520, |s, i| Plan::small([2, 2, 6, 2], 40).build(s, i)),
    Variant::published("convnext_femto", "ConvNeXt-Femto", 5_217_784, |s, i| Plan::small([2, 2, 6, 2], 48).build(s, i)),
    Variant::published("convnext_pico", "ConvNeXt-Pico", 9_045_672, |s, i| Plan::small([2, 2, 6, 2], 64).build(s, i)),
    Variant::published("convnext_nano", "ConvNeXt-Nano", 15_593_560, |s, i| Plan::small([2, 2, 8, 2], 80).build(s, i)),
    Variant::published("convnext_tiny", "ConvNeXt-T", 28_589_128, |s, i| Plan::paper([3, 3, 9, 3], 96).build(s, i)),
    Variant::published("convnext_small", "ConvNeXt-S", 50_223_688, |s, i| Plan::paper([3, 3, 27, 3], 96).build(s, i)),
    Variant::published("convnext_base", "ConvNeXt-B", 88_591_464, |s, i| Plan::paper([3, 3, 27, 3], 128).build(s, i)),
    Variant::published("convnext_large", "ConvNeXt-L", 197_767_336, |s, i| Plan::paper([3, 3, 27, 3], 192).build(s, i)),
    Variant::published("convnext_xlarge", "ConvNeXt-XL", 350_196_968, |s, i| Plan::paper([3, 3, 27, 3], 256).build(s, i)),
    Variant::published("convnextv2_atto", "ConvNeXt V2-Atto", 3_708_400, |s, i| Plan::small([2, 2, 6, 2], 40).v2().build(s, i)),
    Variant::published("convnextv2_femto", "ConvNeXt V2-Femto", 5_233_240, |s, i| Plan::small([2, 2, 6, 2], 48).v2().build(s, i)),
    Variant::published("convnextv2_pico", "ConvNeXt V2-Pico", 9_066_280, |s, i| Plan::small([2, 2, 6, 2], 64).v2().build(s, i)),
    Variant::published("convnextv2_nano", "ConvNeXt V2-Nano", 15_623_800, |s, i| Plan::small([2, 2, 8, 2], 80).v2().build(s, i)),
    Variant::published("convnextv2_tiny", "ConvNeXt V2-T", 28_635_496, |s, i| Plan::paper([3, 3, 9, 3], 96).v2().build(s, i)),
    Variant::published("convnextv2_base", "ConvNeXt V2-B", 88_717_800, |s, i| Plan::paper([3, 3, 27, 3], 128).v2().build(s, i)),
    Variant::published("convnextv2_large", "ConvNeXt V2-L", 197_956_840, |s, i| Plan::paper([3, 3, 27, 3], 192).v2().build(s, i)),
    Variant::published("convnextv2_huge", "ConvNeXt V2-H", 660_289_640, |s, i| Plan::paper([3, 3, 27, 3], 352).v2().build(s, i)),
];

/// Blocks are numbered within stages, `stages.2.blocks.0.gamma`; the way down to a stage is a block of its
/// own.
pub(super) const PARTS: Parts = Parts {
    classifier: "head.fc",
    after_stages: &["head.norm"],
    block_of: |name| if name.starts_with("stages.") { up_to_number(name, 2) } else { None },
};

/// The network; fields in timm's order and by timm's names.
#[derive(Module, Debug)]
pub struct ConvNeXt {
    stem: (Conv2d, LayerNorm),
    stages: Vec<Stage>,
    head: Head,
    hidden: Vec<Hidden>,
    #[module(skip)]
    dropout: Vec<f64>,
}

/// Blocks of one width.
#[derive(Module, Debug)]
struct Stage {
    /// Half as many pixels a side, where there is a stage before.
    downsample: Option<(LayerNorm, Conv2d)>,
    blocks: Vec<Block>,
}

/// Depthwise 7 x 7, normalisation, two dense layers, in the first version a scale for each channel, and the
/// way around them.
#[derive(Module, Debug)]
struct Block {
    gamma: Option<Param<Tensor<1>>>,
    conv_dw: Conv2d,
    norm: LayerNorm,
    mlp: Mlp,
    drop_path: f64,
}

/// The dense layers of a block, in the second version with a normalisation between them.
#[derive(Module, Debug)]
struct Mlp {
    fc1: Dense,
    grn: Option<ResponseNorm>,
    fc2: Dense,
}

/// The layers after pooling: a normalisation, which belongs to the features, and the classifier.
#[derive(Module, Debug)]
struct Head {
    norm: LayerNorm,
    fc: Linear,
}

/// Width of the hidden layer of a block, over that of the block.
const EXPANSION: usize = 4;
/// The start of a block's scales.
const FIRST_SCALE: f32 = 1e-6;

impl ConvNeXt {
    fn new(spec: &ModelSpec, plan: &Plan, kept: usize, init: &mut Init) -> Self {
        let Plan { depths, widths, as_convolutions, is_second } = *plan;
        let stem = (init.patches(3, widths[0], 4), init.layer_norm(widths[0]));
        let last = depths[..kept].iter().sum::<usize>() - 1;
        let mut index = 0;
        let mut stages = Vec::new();
        for (number, (depth, width)) in depths.into_iter().zip(widths).enumerate().take(kept) {
            let downsample = (number > 0).then(|| {
                let before = widths[number - 1];
                (init.layer_norm(before), init.patches(before, width, 2))
            });
            let blocks = (0..depth).map(|_| {
                let drop_path = spec.drop_path * index as f64 / last as f64;
                index += 1;
                Block {
                    gamma: (!is_second).then(|| init.scales(width, FIRST_SCALE)),
                    conv_dw: init.depthwise_with_bias(width, 7, Padding::Symmetric),
                    norm: init.layer_norm(width),
                    mlp: Mlp {
                        fc1: init.dense(width, EXPANSION * width, as_convolutions),
                        grn: is_second.then(|| init.response_norm(EXPANSION * width)),
                        fc2: init.dense(EXPANSION * width, width, as_convolutions),
                    },
                    drop_path,
                }
            });
            stages.push(Stage { downsample, blocks: blocks.collect() });
        }
        let features = widths[kept - 1];
        let norm = init.layer_norm(features);
        let (hidden, fc) = spec.make_head(features, init);
        Self { stem, stages, head: Head { norm, fc }, hidden, dropout: spec.dropout_rates() }
    }
}

impl Family for ConvNeXt {
    fn features<E: Engine>(&self, x: E::Map, engine: &mut E) -> E::Rows {
        let (conv, norm) = &self.stem;
        let x = engine.input(x);
        let x = engine.conv_act(x, conv, Activation::Identity);
        let mut x = engine.layer_norm(x, norm);
        for stage in &self.stages {
            if let Some((norm, conv)) = &stage.downsample {
                x = engine.layer_norm(x, norm);
                x = engine.conv_act(x, conv, Activation::Identity);
            }
            for block in &stage.blocks {
                x = block.forward(x, engine);
            }
        }
        let pooled = engine.global_average_pool(x);
        engine.norm_rows(pooled, &self.head.norm)
    }

    fn classify<E: Engine>(&self, features: E::Rows, engine: &mut E) -> E::Rows {
        engine.head(features, &self.hidden, &self.head.fc, &self.dropout)
    }
}

impl Block {
    fn forward<E: Engine>(&self, x: E::Map, engine: &mut E) -> E::Map {
        let layers = ConvNextBlock {
            depthwise: &self.conv_dw,
            norm: &self.norm,
            expand: &self.mlp.fc1,
            response: self.mlp.grn.as_ref(),
            project: &self.mlp.fc2,
            scale: self.gamma.as_ref(),
        };
        engine.convnext_block(x, &layers, self.drop_path)
    }
}
