//! The founding report's plain convolutional networks: 3 x 3 convolutions without padding, each followed by ReLU and a
//! 2 x 2 maximum.

use burn::module::Module;
use burn::tensor::Tensor;
use hema_core::error::{Error, Result};

use super::{Architecture, ModelSpec, Network, make_head};
use crate::nn::{self, Activation, BatchNorm, Conv2d, Hidden, Init, Linear, Padding, Pass, Unit};

/// One network of the family.
struct Plan {
    /// Output channels of each convolution.
    widths: &'static [usize],
    /// Which convolutions are followed by batch normalisation.
    normalised: &'static [bool],
    /// Global average pooling, or flattening.
    average: bool,
}

const FLAT: Plan = Plan { widths: &[32, 64, 128], normalised: &[false, false, false], average: false };
const GAP: Plan = Plan { widths: &[32, 64, 128], normalised: &[false, true, false], average: true };

/// The family's table.
pub(super) const ARCHITECTURES: &[Architecture] = &[
    Architecture {
        name: "cnn",
        about: "three convolutions 32-64-128, flattened (the founding report's system 3)",
        parameters: None,
        build: |spec, init| Ok(Network::Cnn(Cnn::new(spec, &FLAT, init)?)),
    },
    Architecture {
        name: "cnn_gap",
        about: "three convolutions 32-64-128, global average pooling (system 4)",
        parameters: None,
        build: |spec, init| Ok(Network::Cnn(Cnn::new(spec, &GAP, init)?)),
    },
];

/// Convolutions, then features, then the head.
#[derive(Module, Debug)]
pub struct Cnn {
    stages: Vec<Stage>,
    hidden: Vec<Hidden>,
    classifier: Linear,
    average: bool,
    #[module(skip)]
    dropout: Vec<f64>,
}

/// One convolution with what follows it.
#[derive(Module, Debug)]
pub struct Stage {
    conv: Conv2d,
    bn: Option<BatchNorm>,
}

impl Cnn {
    fn new(spec: &ModelSpec, plan: &Plan, init: &mut Init) -> Result<Self> {
        spec.kept(0)?;
        let mut channels = 3;
        let mut side = spec.size;
        let mut stages = Vec::new();
        for (&width, &normalised) in plan.widths.iter().zip(plan.normalised) {
            // a normalisation would take the bias away again
            let conv = if normalised {
                init.conv(channels, width, 3, 1, Padding::Valid, 1)
            } else {
                init.conv_with_bias(channels, width, 3, 1, Padding::Valid)
            };
            stages.push(Stage { conv, bn: normalised.then(|| init.batch_norm(width)) });
            channels = width;
            side = side.saturating_sub(2) / 2;
        }
        if side == 0 {
            let least = "expected at least 22";
            return Err(Error::new(format!(
                "`{}` cannot take images of {} pixels: {least}",
                spec.name, spec.size
            )));
        }
        let features = if plan.average { channels } else { side * side * channels };
        let (hidden, classifier) = make_head(spec, features, init);
        Ok(Self { stages, hidden, classifier, average: plan.average, dropout: spec.dropout_rates() })
    }

    pub(super) fn features(&self, x: Tensor<4>, pass: &Pass) -> Tensor<2> {
        let mut x = x;
        for stage in &self.stages {
            x = match &stage.bn {
                Some(bn) => {
                    let unit = Unit { conv: &stage.conv, bn, act: Activation::Relu };
                    nn::block(x, &[unit], None, None, pass)
                }
                None => nn::conv_act(x, &stage.conv, Activation::Relu),
            };
            x = nn::max_pool(x, 2, 2, Padding::Valid);
        }
        if self.average { nn::global_average_pool(x) } else { nn::flatten(x) }
    }

    pub(super) fn classify(&self, features: Tensor<2>, pass: &Pass) -> Tensor<2> {
        nn::head(features, &self.hidden, &self.classifier, &self.dropout, pass)
    }
}
