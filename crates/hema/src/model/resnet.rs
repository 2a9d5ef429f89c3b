//! Residual networks (He, Zhang, Ren and Sun, 2015, arXiv 1512.03385), by timm's architectures and names.
//!
//! Left out on purpose: timm's fresh weights, whose blocks start as their shortcuts (the last scale is zero),
//! which keeps the first gradient from most of the weights.

use burn::module::Module;
use hema_core::error::Result;

use super::family::{Family, Parts, Variant, up_to_number};
use super::spec::ModelSpec;
use crate::nn::{Activation, BatchNorm, Conv2d, ConvBnAct, Engine, Hidden, Init, Linear, Padding, Residual};

/// Channels of the four stages; the stem has as many as the first.
const WIDTHS: [usize; 4] = [64, 128, 256, 512];

/// The family's table; a variant is the kind of its blocks and their number in each stage.
#[rustfmt::skip]
pub(super) const ARCHITECTURES: &[Variant<ResNet>] = &[
    Variant::published("resnet18", "18 layers in residual blocks", 11_689_512, |s, i| ResNet::build(s, Kind::Basic, [2, 2, 2, 2], i)),
    Variant::published("resnet34", "34 layers in residual blocks", 21_797_672, |s, i| ResNet::build(s, Kind::Basic, [3, 4, 6, 3], i)),
    Variant::published("resnet50", "50 layers in bottleneck blocks", 25_557_032, |s, i| ResNet::build(s, Kind::Bottleneck, [3, 4, 6, 3], i)),
];

/// Blocks are numbered in `layer1` to `layer4`: `layer2.1.conv1.weight`.
pub(super) const PARTS: Parts = Parts {
    classifier: "fc",
    after_stages: &[],
    block_of: |name| if name.starts_with("layer") { up_to_number(name, 1) } else { None },
};

/// The convolutions of a block.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Two 3 x 3 convolutions.
    Basic,
    /// 1 x 1 to fewer channels, 3 x 3, 1 x 1 to four times as many.
    Bottleneck,
}

impl Kind {
    /// Channels after a block, over those inside.
    fn expansion(self) -> usize {
        if self == Self::Bottleneck { 4 } else { 1 }
    }
}

/// The network; fields in timm's order and by timm's names.
#[derive(Module, Debug)]
pub struct ResNet {
    conv1: Conv2d,
    bn1: BatchNorm,
    layer1: Vec<Block>,
    layer2: Vec<Block>,
    layer3: Vec<Block>,
    layer4: Vec<Block>,
    hidden: Vec<Hidden>,
    fc: Linear,
    #[module(skip)]
    dropout: Vec<f64>,
}

/// Convolutions, the shortcut, and an activation after their sum.
#[derive(Module, Debug)]
struct Block {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    /// The last convolution of a bottleneck.
    conv3: Option<Conv2d>,
    bn3: Option<BatchNorm>,
    /// The shortcut's 1 x 1 convolution and normalisation, where input and output differ in shape.
    downsample: Option<(Conv2d, BatchNorm)>,
    drop_path: f64,
}

impl ResNet {
    fn build(spec: &ModelSpec, kind: Kind, mut repeats: [usize; 4], init: &mut Init) -> Result<Self> {
        let kept = spec.kept(repeats.len())?;
        repeats[kept..].fill(0);
        Ok(Self::new(spec, kind, repeats, init))
    }

    fn new(spec: &ModelSpec, kind: Kind, repeats: [usize; 4], init: &mut Init) -> Self {
        let mut channels = WIDTHS[0];
        let conv1 = init.conv(3, channels, 7, 2, Padding::Symmetric, 1);
        let bn1 = init.batch_norm(channels);
        init.pool(3, 2, Padding::Symmetric);

        let last = repeats.iter().sum::<usize>() - 1;
        let mut index = 0;
        let mut stage = |stage: usize| {
            let blocks = (0..repeats[stage]).map(|i| {
                let stride = if i == 0 && stage > 0 { 2 } else { 1 };
                let drop_path = spec.drop_path * index as f64 / last as f64;
                let block = Block::new(kind, [channels, WIDTHS[stage]], stride, drop_path, init);
                channels = kind.expansion() * WIDTHS[stage];
                index += 1;
                block
            });
            blocks.collect()
        };
        let [layer1, layer2, layer3, layer4] = [stage(0), stage(1), stage(2), stage(3)];

        let (hidden, fc) = spec.make_head(channels, init);
        Self { conv1, bn1, layer1, layer2, layer3, layer4, hidden, fc, dropout: spec.dropout_rates() }
    }
}

impl Family for ResNet {
    fn features<E: Engine>(&self, x: E::Map, engine: &mut E) -> E::Rows {
        let x = engine.input(x);
        let x = engine.block(x, &[active(&self.conv1, &self.bn1)], None, None);
        let mut x = engine.max_pool(x, 3, 2, Padding::Symmetric);
        for block in [&self.layer1, &self.layer2, &self.layer3, &self.layer4].into_iter().flatten() {
            x = block.forward(x, engine);
        }
        engine.global_average_pool(x)
    }

    fn classify<E: Engine>(&self, features: E::Rows, engine: &mut E) -> E::Rows {
        engine.head(features, &self.hidden, &self.fc, &self.dropout)
    }
}

impl Block {
    fn new(kind: Kind, [input, inside]: [usize; 2], stride: usize, drop_path: f64, init: &mut Init) -> Self {
        let padding = Padding::Symmetric;
        let out = kind.expansion() * inside;
        let is_basic = kind == Kind::Basic;
        // the stride is on the first 3 x 3 convolution
        let (first, strides) = if is_basic { (3, [stride, 1]) } else { (1, [1, stride]) };
        Self {
            conv1: init.conv(input, inside, first, strides[0], padding, 1),
            bn1: init.batch_norm(inside),
            conv2: init.conv(inside, inside, 3, strides[1], padding, 1),
            bn2: init.batch_norm(inside),
            conv3: (!is_basic).then(|| init.conv(inside, out, 1, 1, padding, 1)),
            bn3: (!is_basic).then(|| init.batch_norm(out)),
            downsample: (stride > 1 || input != out)
                .then(|| (init.shortcut(input, out, stride), init.batch_norm(out))),
            drop_path,
        }
    }

    fn forward<E: Engine>(&self, x: E::Map, engine: &mut E) -> E::Map {
        let project = |(conv, bn): &(Conv2d, BatchNorm)| {
            engine.block(x.clone(), &[ConvBnAct::linear(conv, bn)], None, None)
        };
        let other = self.downsample.as_ref().map(project);
        let residual = Residual { other, drop_path: self.drop_path, relu: true };
        let first = active(&self.conv1, &self.bn1);
        if let (Some(conv3), Some(bn3)) = (&self.conv3, &self.bn3) {
            let units = [first, active(&self.conv2, &self.bn2), ConvBnAct::linear(conv3, bn3)];
            engine.block(x, &units, None, Some(residual))
        } else {
            let units = [first, ConvBnAct::linear(&self.conv2, &self.bn2)];
            engine.block(x, &units, None, Some(residual))
        }
    }
}

/// A unit with the family's activation.
fn active<'a>(conv: &'a Conv2d, bn: &'a BatchNorm) -> ConvBnAct<'a> {
    ConvBnAct { conv, bn, act: Activation::Relu }
}
