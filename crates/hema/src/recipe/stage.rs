//! `[[stage]]` of a recipe.

use serde::{Deserialize, Serialize};

use super::ClassWeights;
use crate::schedule::{Schedule, Shape};

/// `[[stage]]`: one stretch of training with one optimizer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Short name, for logs; no two stages share one.
    pub name: String,
    /// Passes over the training images.
    pub epochs: u64,
    /// Images per step.
    #[serde(default = "default_batch_size")]
    pub batch_size: usize,
    /// Side in pixels that training images are shrunk to once they are augmented, at most `data.size`, which is the default;
    /// they are not enlarged then. Validation and the finished model have `data.size` and `data.enlarge`. Small images first
    /// train faster (Tan and Le, 2021).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<usize>,
    /// Images that go through the network at once, to save memory: a step's gradients are summed over its parts. By default
    /// all of a step. Batch normalisation sees a part at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micro_batch: Option<usize>,
    /// Keep of every block its input alone and compute the rest again in the backward pass (Chen et al., 2016): the same
    /// result for less memory and more time.
    #[serde(default)]
    pub recompute: bool,
    /// What is trained; the rest is frozen.
    #[serde(default)]
    pub train: Train,
    /// Which statistics the backbone's batch normalisation uses.
    #[serde(default)]
    pub batch_norm: BatchNorm,
    /// The optimizer.
    #[serde(default)]
    pub optimizer: Optimizer,
    /// In place of `loss.class_weights`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_weights: Option<ClassWeights>,
    /// Highest learning rate.
    pub lr: f64,
    /// Factor of the learning rate from each layer to the one before it, 1 for none: what lies further from the head is
    /// changed less. 0.65 to 0.9 is usual for fine-tuning.
    #[serde(default = "super::one")]
    pub layer_decay: f64,
    /// Weight decay: decoupled from the gradient in `adamw` and `lion` (Loshchilov and Hutter, 2019), a part of it in the
    /// others. Biases and normalisation scales do not decay.
    #[serde(default)]
    pub weight_decay: f64,
    /// Decay rates of the optimizer's two running means; by default the optimizer's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub betas: Option<[f64; 2]>,
    /// How the learning rate moves.
    #[serde(default)]
    pub schedule: Shape,
    /// Share of the stage's steps that raise the learning rate to `lr`; by default the schedule's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup: Option<f64>,
    /// Learning rate at the end as a share of `lr`; by default the schedule's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub final_lr: Option<f64>,
    /// Largest norm of the gradient of all weights together; larger ones are scaled down to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// Epochs without a better `select.metric` after which the stage ends early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<u64>,
}

fn default_batch_size() -> usize {
    64
}

/// What a stage trains: `"all"`, `"head"`, or `{ from = "blocks.3" }`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Train {
    /// Every weight.
    #[default]
    All,
    /// The layers after the pooled features.
    Head,
    /// The module of this name (as in timm) and everything after it.
    From(String),
}

/// Which statistics the backbone's batch normalisation uses in training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BatchNorm {
    /// Those of the batch, and the running ones learn from them.
    #[default]
    Train,
    /// The running ones, left as they are.
    Frozen,
}

/// The optimizer of a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimizer {
    /// Loshchilov and Hutter, 2019.
    #[default]
    Adamw,
    /// Kingma and Ba, 2015.
    Adam,
    /// Chen et al., 2023; wants a learning rate three to ten times smaller than Adam's.
    Lion,
    /// With Nesterov's momentum.
    Sgd,
    /// Hinton, 2012, with momentum.
    Rmsprop,
}

impl Stage {
    /// Steps of one epoch over this many training images; the last may be smaller.
    pub fn steps_per_epoch(&self, images: usize) -> u64 {
        images.div_ceil(self.batch_size) as u64
    }

    /// Steps of the whole stage over this many training images.
    pub fn total_steps(&self, images: usize) -> u64 {
        self.epochs * self.steps_per_epoch(images)
    }

    /// The stage's learning rates, to be asked for each step.
    pub fn lr_schedule(&self) -> Schedule {
        Schedule { shape: self.schedule, peak: self.lr, warmup: self.warmup, final_share: self.final_lr }
    }
}
