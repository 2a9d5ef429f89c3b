//! `[average]` and `[select]` of a recipe: which weights are kept.

use std::collections::BTreeMap;

use hema_core::metrics::Metric;

use super::key::{EPOCHS, FRACTION};
use super::names::Named;
use super::operator::Operator;
use super::read::defaults;
use super::table::{table, words};

table! {
    /// `[average]`: the mean of the weights and running statistics over training, which is then validated,
    /// selected and kept in place of the weights. Each stage has its own.
    pub struct Average {
        /// Which mean.
        #[key(default = "none", before = "none")]
        pub kind: Averaging,
        /// For `kind = "ema"`: share of the mean that a step leaves as it is; smaller in the first steps, as
        /// in timm's `ModelEmaV3`. 0.999 suits a few thousand steps, 0.9998 many.
        #[key(default = "0.999", before = "0.999", in FRACTION)]
        pub decay: f64,
        /// For `kind = "uniform"`: at the end of how many of a stage's last epochs the weights are taken.
        #[key(default = "5", before = "5", in EPOCHS)]
        pub epochs: u64,
        /// Where the running statistics of the mean come from.
        #[key(default = "averaged", before = "averaged")]
        pub statistics: Statistics,
    }
}

words! {
    /// Which mean of the weights is kept.
    pub enum Averaging {
        /// Current weights, not averaged.
        None = "none",
        /// Exponential moving average over the steps (Polyak and Juditsky, 1992).
        Ema = "ema",
        /// Mean over the last epochs, each counting the same (stochastic weight averaging, Izmailov et al.,
        /// 2018).
        Uniform = "uniform",
    }
}

words! {
    /// Where the running statistics of batch normalisation come from in the mean of the weights.
    pub enum Statistics {
        /// Mean of the statistics, taken as that of the weights, as timm does.
        Averaged = "averaged",
        /// Estimated anew before every validation, by a pass over the training images, as in the SWA paper.
        Estimated = "estimated",
    }
}

table! {
    /// `[select]`: which epoch's weights are kept.
    pub struct Select {
        /// Validation metric that decides. Of epochs that are equal in it the one with the lower validation
        /// loss is kept, and of these the first.
        #[key(default = "accuracy", before = "accuracy")]
        pub metric: Named<Metric>,
        /// Which validation images decide.
        #[key(default = "clean", before = "clean")]
        pub on: On,
        /// Operators that corrupt a copy of the validation images, as `augment.operators`; every epoch sees
        /// the same damage. The copy is then judged and logged too, whatever decides.
        #[key(default = "[]", before = "[]")]
        pub operators: Vec<Operator>,
    }
}

words! {
    /// Which validation images decide.
    pub enum On {
        /// The images as they are.
        Clean = "clean",
        /// The corrupted copies.
        Corrupted = "corrupted",
        /// Both: the mean of the two metrics.
        Both = "both",
    }
}

impl Default for Average {
    fn default() -> Self {
        defaults()
    }
}

impl Default for Select {
    fn default() -> Self {
        defaults()
    }
}

impl Select {
    /// The metric and the images it is of, in words.
    pub fn describe(&self) -> String {
        match self.on {
            On::Clean => self.metric.to_string(),
            On::Corrupted => format!("{} on corrupted images", self.metric),
            On::Both => format!("{} on unchanged and corrupted images", self.metric),
        }
    }

    /// The number that decides, by the metrics of a model's manifest; nothing where one is missing.
    pub fn value(&self, metrics: &BTreeMap<String, f64>) -> Option<f64> {
        let clean = metrics.get(self.metric.as_str()).copied();
        let corrupted = metrics.get(&format!("corrupted_{}", self.metric)).copied();
        match self.on {
            On::Clean => clean,
            On::Corrupted => corrupted,
            On::Both => Some(f64::midpoint(clean?, corrupted?)),
        }
    }
}
