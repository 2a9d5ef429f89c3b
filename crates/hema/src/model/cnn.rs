//! The founding report's plain convolutional networks: 3 x 3 convolutions without padding, each followed by
//! ReLU and a 2 x 2 maximum.

use burn::module::Module;
use hema_core::error::{Error, Result};

use super::family::{Family, Parts, Variant};
use super::spec::ModelSpec;
use crate::nn::{Activation, BatchNorm, Conv2d, ConvBnAct, Engine, Hidden, Init, Linear, Padding};

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
pub(super) const ARCHITECTURES: &[Variant<Cnn>] = &[
    Variant::own(
        "cnn",
        "three convolutions 32-64-128, flattened (the founding report's system 3)",
        |spec, init| Cnn::new(spec, &FLAT, init),
    ),
    Variant::own(
        "cnn_gap",
        "three convolutions 32-64-128, global average pooling (system 4)",
        |spec, init| Cnn::new(spec, &GAP, init),
    ),
];

/// Without blocks: to training by depth, all before the head is the stem.
pub(super) const PARTS: Parts = Parts { classifier: "classifier", after_stages: &[], block_of: |_| None };

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

/// One convolution, perhaps with a normalisation.
#[derive(Module, Debug)]
struct Stage {
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
            init.pool(2, 2, Padding::Valid);
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
        let (hidden, classifier) = spec.make_head(features, init);
        Ok(Self { stages, hidden, classifier, average: plan.average, dropout: spec.dropout_rates() })
    }
}

impl Family for Cnn {
    fn features<E: Engine>(&self, x: E::Map, engine: &mut E) -> E::Rows {
        let mut x = engine.input(x);
        for stage in &self.stages {
            x = match &stage.bn {
                Some(bn) => {
                    let unit = ConvBnAct { conv: &stage.conv, bn, act: Activation::Relu };
                    engine.block(x, &[unit], None, None)
                }
                None => engine.conv_act(x, &stage.conv, Activation::Relu),
            };
            x = engine.max_pool(x, 2, 2, Padding::Valid);
        }
        if self.average { engine.global_average_pool(x) } else { engine.flatten(x) }
    }

    fn classify<E: Engine>(&self, features: E::Rows, engine: &mut E) -> E::Rows {
        engine.head(features, &self.hidden, &self.classifier, &self.dropout)
    }
}
