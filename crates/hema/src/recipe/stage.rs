//! `[[stage]]` of a recipe.

use hema_core::error::nearest;
use toml::Value;

use super::key::{BATCH, EPOCHS, FRACTION, Kind, NOT_NEGATIVE, PART, POSITIVE, SHARE, SIDE, Word};
use super::loss::ClassWeights;
use super::names::Named;
use super::read::{Field, Keys, Place, Problem, read_table, unlike};
use super::table::{table, words};
use crate::optim::Rule;
use crate::schedule::{Schedule, Shape};

/// The name of an optimizer.
pub type Optimizer = Named<dyn Rule>;

table! {
    /// `[[stage]]`: one stretch of training with one optimizer.
    pub struct Stage {
        /// Short name, for logs; no two stages share one.
        #[key(required, in Kind::Name)]
        pub name: String,
        /// Passes over the training images.
        #[key(required, in EPOCHS)]
        pub epochs: u64,
        /// Images per step.
        #[key(default = "64", before = "64", in BATCH)]
        pub batch_size: usize,
        /// Side in pixels that training images are shrunk to once they are augmented, at most `data.size`;
        /// they are not enlarged then. Validation and the finished model have `data.size` and `data.enlarge`.
        /// Small images first train faster (Tan and Le, 2021).
        #[key(unset = "`data.size` and `data.enlarge`", in SIDE)]
        pub size: Option<usize>,
        /// Images that go through the network at once, to save memory: a step's gradients are summed over its
        /// parts. Batch normalisation sees a part at a time.
        #[key(unset = "all of a step", in BATCH)]
        pub micro_batch: Option<usize>,
        /// Keep of every block its input alone and compute the rest again in the backward pass (Chen et al.,
        /// 2016): the same result for less memory and more time.
        #[key(default = "false", before = "false")]
        pub recompute: bool,
        /// Layers that are trained; the rest is frozen.
        #[key(default = "all", before = "all")]
        pub train: Train,
        /// Which statistics the backbone's batch normalisation uses.
        #[key(default = "train", before = "train")]
        pub batch_norm: BatchNorm,
        /// The optimizer.
        #[key(default = "adamw", before = "adamw")]
        pub optimizer: Optimizer,
        /// Weight of each class in the loss, in place of `loss.class_weights`.
        #[key(unset = "`loss.class_weights`")]
        pub class_weights: Option<ClassWeights>,
        /// Highest learning rate.
        #[key(required, in POSITIVE)]
        pub lr: f64,
        /// Factor of the learning rate from each layer to the one before it, 1 for none: what lies further
        /// from the head is changed less. 0.65 to 0.9 is usual for fine-tuning.
        #[key(default = "1.0", before = "1.0", in PART)]
        pub layer_decay: f64,
        /// Weight decay: decoupled from the gradient in `adamw` and `lion` (Loshchilov and Hutter, 2019), a
        /// part of it in the others. Biases and normalisation scales do not decay.
        #[key(default = "0.0", before = "0.0", in NOT_NEGATIVE)]
        pub weight_decay: f64,
        /// Decay rates of the optimizer's two running means.
        #[key(unset = "the optimizer's own", in Kind::List { of: &FRACTION, count: Some(2) })]
        pub betas: Option<[f64; 2]>,
        /// How the learning rate moves.
        #[key(default = "cosine", before = "cosine")]
        pub schedule: Shape,
        /// Share of the stage's steps that raise the learning rate to `lr`.
        #[key(unset = "the schedule's own: 0.3 for `one-cycle`, else 0", in SHARE)]
        pub warmup: Option<f64>,
        /// Learning rate at the end as a share of `lr`; a constant one has no other.
        #[key(unset = "the schedule's own: 0, and 1 / 250,000 for `one-cycle`", in SHARE)]
        pub final_lr: Option<f64>,
        /// Largest norm of the gradient of all weights together; larger ones are scaled down to it.
        #[key(unset = "gradients are not clipped", in POSITIVE)]
        pub clip_norm: Option<f64>,
        /// Epochs without a better `select.metric` after which the stage ends early.
        #[key(unset = "all epochs are trained", in EPOCHS)]
        pub patience: Option<u64>,
    }
}

words! {
    /// Which statistics the backbone's batch normalisation uses in training.
    pub enum BatchNorm {
        /// Statistics of the batch, which also update the running ones.
        Train = "train",
        /// Running statistics, left as they are.
        Frozen = "frozen",
    }
}

words! {
    for Shape {
        /// The peak rate throughout.
        Constant = "constant",
        /// From the peak down to the final rate along half a cosine (Loshchilov and Hutter, 2017).
        Cosine = "cosine",
        /// Up to the peak and down again, both along half a cosine (Smith and Topin, 2018; torch's
        /// `OneCycleLR`).
        OneCycle = "one-cycle",
    }
}

/// What a stage trains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Train {
    /// Every weight.
    All,
    /// The layers after the pooled features.
    Head,
    /// The module of this name (as in timm) and everything after it.
    From(String),
}

table! {
    /// A value of `train` in a `[[stage]]`: a part of the network, from one of its modules on.
    struct FromModule {
        /// The first module that is trained, by its name in timm, such as `blocks.3`.
        #[key(required, in Kind::Module)]
        from: String,
    }
}

impl Field for Train {
    const KIND: Kind = Kind::AnyOf(&[
        Kind::Words {
            list: None,
            all: || {
                vec![
                    Word { name: "all", about: "every weight".into() },
                    Word { name: "head", about: "the layers after the pooled features".into() },
                ]
            },
        },
        Kind::Tables("FromModule", || vec![FromModule::TABLE]),
    ]);

    fn read(value: &Value, kind: &Kind, place: &Place) -> Result<Self, Problem> {
        match value {
            Value::String(text) => match text.as_str() {
                "all" => Ok(Self::All),
                "head" => Ok(Self::Head),
                other => Err(Self::unlike_any(other, kind, place)),
            },
            Value::Table(_) => read_table(value, place).map(|FromModule { from }| Self::From(from)),
            _ => Err(unlike(value, &kind.describe(), place)),
        }
    }

    fn write(&self) -> Option<Value> {
        match self {
            Self::All => Some("all".into()),
            Self::Head => Some("head".into()),
            Self::From(module) => FromModule { from: module.clone() }.write(),
        }
    }
}

impl Train {
    /// A word that is none, with the nearest one or else all forms.
    fn unlike_any(text: &str, kind: &Kind, place: &Place) -> Problem {
        let problem = Problem::new(&place.key, format!("unknown value `{text}`"));
        problem.hint(match nearest(text, ["all", "head"]) {
            Some(word) => format!("did you mean `{word}`?"),
            None => format!("expected {}", kind.describe()),
        })
    }
}

impl Stage {
    /// Steps of one epoch over this many training images; the last may be smaller.
    pub fn steps_per_epoch(&self, images: usize) -> u64 {
        images.div_ceil(self.batch_size) as u64
    }

    /// Epochs without a better one after which it ends before its last; nothing where it cannot.
    pub fn early_after(&self) -> Option<u64> {
        self.patience.filter(|patience| *patience < self.epochs)
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
