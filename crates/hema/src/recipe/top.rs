//! The recipe itself: the keys at the top of the file, and the tables that stand below them.

use burn::tensor::Device;
use hema_core::error::{Error, Result};
use hema_core::tta::ViewSet;

use super::augment::Augment;
use super::data::Data;
use super::key::Kind;
use super::loss::{Distill, Loss};
use super::model::Model;
use super::names::Named;
use super::read::write_table;
use super::select::{Average, Select};
use super::stage::Stage;
use super::table::{table, words};
use crate::nn;

table! {
    /// Everything that decides a training run.
    pub struct Recipe {
        /// Short name, for run folders and reports.
        #[key(required, in Kind::Name)]
        pub name: String,
        /// Purpose, in one line.
        #[key(default = "", before = "")]
        pub about: String,
        /// Seed of every random choice: split, initial weights, order, augmentation, dropout.
        #[key(default = "0", before = "0")]
        pub seed: u64,
        /// Type of the numbers that feature maps are stored as while training; validation and prediction are
        /// in 32 bits.
        #[key(default = "auto", before = "fp32")]
        pub precision: Precision,
        /// Views of each image that the finished model averages over: by as many times slower, and better on
        /// damaged images. Epochs are judged without.
        #[key(default = "none", before = "none")]
        pub tta: Named<ViewSet>,
        /// How images are read.
        #[key(default = "{}", before = "{}")]
        pub data: Data,
        /// The network.
        #[key(required)]
        pub model: Model,
        /// Random changes of the training images.
        #[key(default = "{}", before = "{}")]
        pub augment: Augment,
        /// The loss that is minimised.
        #[key(default = "{}", before = "{}")]
        pub loss: Loss,
        /// Models to learn from, beside the labels.
        #[key(default = "{}", before = "{}")]
        pub distill: Distill,
        /// Stages of training, in order, at least one; each starts from the weights the one before selected.
        #[key(default = "[]", before = "[]", as "stage")]
        pub stages: Vec<Stage>,
        /// Whether the mean of the weights is kept in place of the weights.
        #[key(default = "{}", before = "{}")]
        pub average: Average,
        /// Which epoch's weights are kept.
        #[key(default = "{}", before = "{}")]
        pub select: Select,
    }
}

words! {
    /// Type of the numbers that feature maps are stored as while training. Weights, statistics and sums are
    /// always of 32 bits.
    pub enum Precision {
        /// `bf16` where the processor multiplies pairs of them or the graphics card computes in it, else
        /// `fp32`.
        Auto = "auto",
        /// 32 bits.
        Fp32 = "fp32",
        /// `bf16`: half the memory; slow on processors that have to emulate it.
        Bf16 = "bf16",
    }
}

impl Precision {
    /// The precision on a device of the machine at hand.
    pub fn on(self, device: &Device) -> nn::Precision {
        match self {
            Self::Auto => nn::Precision::fastest(device),
            Self::Fp32 => nn::Precision::Fp32,
            Self::Bf16 => nn::Precision::Bf16,
        }
    }
}

impl Recipe {
    /// The recipe as TOML, defaults written out; [`Recipe::parse`] reads it back to an equal recipe.
    ///
    /// # Errors
    /// A seed above 2^63 - 1, which TOML cannot hold; no recipe that was read has one.
    pub fn to_toml(&self) -> Result<String> {
        if i64::try_from(self.seed).is_err() {
            return Err(Error::new(format!("seed: found `{}`, expected at most 2^63 - 1", self.seed)));
        }
        toml::to_string(&write_table(self))
            .map_err(|e| Error::new(format!("recipe cannot be written as TOML: {e}")))
    }

    /// The recipe as JSON, keyed as the TOML is, defaults written out.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!(write_table(self))
    }

    /// Steps of all stages together over this many training images.
    pub fn total_steps(&self, images: usize) -> u64 {
        self.stages.iter().map(|stage| stage.total_steps(images)).sum()
    }
}
