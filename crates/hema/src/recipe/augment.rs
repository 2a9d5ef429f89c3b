//! `[augment]` of a recipe.

use hema_core::augment::mixing::{self, Area};

use super::key::{Kind, SHARE, within};
use super::names::Named;
use super::operator::Operator;
use super::read::defaults;
use super::table::{table, words};

table! {
    /// `[augment]`: random changes of the training images, applied in order.
    pub struct Augment {
        within pipeline: Pipeline,
        /// Operators that come first. With `loss.consistency` they alone change the first view of an image,
        /// and all three views alike.
        #[key(default = "[]", before = "[]")]
        pub base: Vec<Operator>,
        /// Subject of a mix, its share and its box.
        #[key(default = "sample", before = "sample")]
        pub mix_per: Per,
        /// Several pairs of `operators` and `mix`, of which one is drawn, all as likely; in place of those
        /// that stand here.
        #[key(default = "[]", before = "[]")]
        pub one_of: Vec<Pipeline>,
        /// Subject of the draw from `one_of`.
        #[key(default = "sample", before = "sample")]
        pub one_of_per: Per,
        /// Operators that come last, after the mixes.
        #[key(default = "[]", before = "[]")]
        pub last: Vec<Operator>,
        /// Augmented copies of every image that every epoch shows, always the same, as if they had been made
        /// in advance; 0 for one that is augmented anew every epoch. Copies that are mixed stay together in
        /// their batch.
        #[key(default = "0", before = "0", in COPIES)]
        pub copies: u64,
    }
}

/// How many copies of an image there may be.
const COPIES: Kind = Kind::Whole { least: 0, most: 100, unit: "" };

table! {
    /// `[[augment.one_of]]`: operators and then mixes. Its keys stand under `[augment]` itself where there is
    /// one pipeline.
    pub struct Pipeline {
        /// The operators, in the order they are applied. With `loss.consistency` they change the second view
        /// and, anew, the third.
        #[key(default = "[]", before = "[]")]
        pub operators: Vec<Operator>,
        /// Ways to mix another image of the batch into an image, of which at most one is chosen.
        #[key(default = "[]", before = "[]")]
        pub mix: Vec<Mix>,
        /// All of `mix`, one after the other, each with its own probability, in place of at most one.
        #[key(default = "false", before = "false")]
        pub mix_all: bool,
    }
}

table! {
    /// An entry of `augment.mix`.
    pub struct Mix {
        /// Way to mix.
        #[key(required)]
        pub name: Named<mixing::Mix>,
        /// Probability that it is the one chosen; those of all entries sum to at most 1, unless all are done.
        #[key(default = "1.0", before = "1.0", in SHARE)]
        pub probability: f64,
        /// Shares are drawn from Beta(alpha, alpha): small for shares near 0 and 1. Only for mixes with such
        /// a share.
        #[key(unset = "0.2 for `mixup`, 1 for `cutmix`", in within(0.01, 100.0))]
        pub alpha: Option<f64>,
        /// Mix only images of the same class.
        #[key(default = "false", before = "false")]
        pub within_class: bool,
        /// Share of a box in the label.
        #[key(default = "exact", before = "exact")]
        pub area: Area,
    }
}

words! {
    /// Subject of a random choice.
    pub enum Per {
        /// Each image.
        Sample = "sample",
        /// The batch: all its images get the same; only their partners in a mix differ.
        Batch = "batch",
    }
}

words! {
    for Area {
        /// The share of the pixels that were replaced, as in the paper's code and in timm.
        Exact = "exact",
        /// The share of the box as it was drawn, though a part of it may lie outside the image, as `KerasCV`
        /// counts.
        Keras = "keras",
    }
}

impl Default for Augment {
    fn default() -> Self {
        defaults()
    }
}
