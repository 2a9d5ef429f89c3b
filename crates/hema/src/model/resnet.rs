//! Residual networks (He, Zhang, Ren and Sun, 2015, arXiv 1512.03385), by timm's architectures and names.
//!
//! Left out on purpose: bottleneck blocks, which begin at 50 layers; and timm's fresh weights, whose blocks start as
//! their shortcuts (the last scale is zero), which keeps the first gradient from most of the weights.

use burn::module::Module;
use burn::tensor::Tensor;

use super::{Architecture, ModelSpec, Network, make_head};
use crate::nn::{self, Activation, BatchNorm, Conv2d, Hidden, Init, Linear, Padding, Pass, Residual, Unit};

/// Channels of the four stages; the stem has as many as the first.
const WIDTHS: [usize; 4] = [64, 128, 256, 512];

/// The family's table; a variant is the number of blocks in each stage.
pub(super) const ARCHITECTURES: &[Architecture] = &[
    Architecture {
        name: "resnet18",
        about: "18 layers in residual blocks, 11.2 M parameters without its classifier",
        parameters: Some(11_689_512),
        pretrained: true,
        build: |spec, init| Ok(Network::ResNet(ResNet::new(spec, [2, 2, 2, 2], init))),
    },
    Architecture {
        name: "resnet34",
        about: "34 layers in residual blocks, 21.3 M parameters without its classifier",
        parameters: Some(21_797_672),
        pretrained: true,
        build: |spec, init| Ok(Network::ResNet(ResNet::new(spec, [3, 4, 6, 3], init))),
    },
];

/// The network; fields in timm's order and by timm's names.
#[derive(Module, Debug)]
pub struct ResNet {
    conv1: Conv2d,
    bn1: BatchNorm,
    layer1: Vec<BasicBlock>,
    layer2: Vec<BasicBlock>,
    layer3: Vec<BasicBlock>,
    layer4: Vec<BasicBlock>,
    hidden: Vec<Hidden>,
    fc: Linear,
    dropout: f64,
}

/// Two 3 x 3 convolutions, the shortcut, and an activation after their sum.
#[derive(Module, Debug)]
pub struct BasicBlock {
    conv1: Conv2d,
    bn1: BatchNorm,
    conv2: Conv2d,
    bn2: BatchNorm,
    /// The shortcut's 1 x 1 convolution and normalisation, where input and output differ in shape.
    downsample: Option<(Conv2d, BatchNorm)>,
    drop_path: f64,
}

impl ResNet {
    fn new(spec: &ModelSpec, repeats: [usize; 4], init: &mut Init) -> Self {
        let mut channels = WIDTHS[0];
        let conv1 = init.conv(3, channels, 7, 2, Padding::Symmetric, 1);
        let bn1 = init.batch_norm(channels);

        let last = repeats.iter().sum::<usize>() - 1;
        let mut index = 0;
        let mut stage = |stage: usize| {
            let blocks = (0..repeats[stage]).map(|i| {
                let stride = if i == 0 && stage > 0 { 2 } else { 1 };
                let drop_path = spec.drop_path * index as f64 / last as f64;
                let block = BasicBlock::new([channels, WIDTHS[stage]], stride, drop_path, init);
                channels = WIDTHS[stage];
                index += 1;
                block
            });
            blocks.collect()
        };
        let [layer1, layer2, layer3, layer4] = [stage(0), stage(1), stage(2), stage(3)];

        let (hidden, fc) = make_head(spec, channels, init);
        Self { conv1, bn1, layer1, layer2, layer3, layer4, hidden, fc, dropout: spec.dropout }
    }

    pub(super) fn features(&self, x: Tensor<4>, pass: &Pass) -> Tensor<2> {
        let x = nn::block(x, &[active(&self.conv1, &self.bn1)], None, None, pass);
        let mut x = nn::max_pool(x, 3, 2, Padding::Symmetric);
        for block in [&self.layer1, &self.layer2, &self.layer3, &self.layer4].into_iter().flatten() {
            x = block.forward(x, pass);
        }
        nn::global_average_pool(x)
    }

    pub(super) fn classify(&self, features: Tensor<2>, pass: &Pass) -> Tensor<2> {
        nn::head(features, &self.hidden, &self.fc, self.dropout, pass)
    }
}

impl BasicBlock {
    fn new([input, out]: [usize; 2], stride: usize, drop_path: f64, init: &mut Init) -> Self {
        let padding = Padding::Symmetric;
        let changes_shape = stride > 1 || input != out;
        Self {
            conv1: init.conv(input, out, 3, stride, padding, 1),
            bn1: init.batch_norm(out),
            conv2: init.conv(out, out, 3, 1, padding, 1),
            bn2: init.batch_norm(out),
            downsample: changes_shape
                .then(|| (init.conv(input, out, 1, stride, padding, 1), init.batch_norm(out))),
            drop_path,
        }
    }

    fn forward(&self, x: Tensor<4>, pass: &Pass) -> Tensor<4> {
        let units = [active(&self.conv1, &self.bn1), linear(&self.conv2, &self.bn2)];
        let project =
            |(conv, bn): &(Conv2d, BatchNorm)| nn::block(x.clone(), &[linear(conv, bn)], None, None, pass);
        let other = self.downsample.as_ref().map(project);
        let residual = Residual { other, drop_path: self.drop_path, relu: true };
        nn::block(x, &units, None, Some(residual), pass)
    }
}

/// A unit with the family's activation.
fn active<'a>(conv: &'a Conv2d, bn: &'a BatchNorm) -> Unit<'a> {
    Unit { conv, bn, act: Activation::Relu }
}

/// A unit without activation: what a sum is made of.
fn linear<'a>(conv: &'a Conv2d, bn: &'a BatchNorm) -> Unit<'a> {
    Unit { conv, bn, act: Activation::Identity }
}
