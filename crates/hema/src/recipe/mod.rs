//! The recipe: everything that decides a training run, as the TOML file a person writes.
//!
//! One struct per TOML table, one field per key, so that this file and `stage` are the format's reference. Reading a file and
//! `--set` is in `parse`, what values make sense in `check`, the recipes that come with Hema in `shipped`.
//!
//! Left out on purpose: paths of data and of the run (a recipe is worth sharing), and anything of the machine
//! (device, threads), which never changes a result.

use std::collections::BTreeMap;
use std::path::PathBuf;

use burn::tensor::Device;
use hema_core::augment::mixing::Area;
use hema_core::background::Background;
use hema_core::data::OnBadImage;
use hema_core::error::{Error, Result};
use hema_core::preprocess::{Crop, Filter, Preprocess};
use serde::{Deserialize, Serialize};

use crate::model::one_or_several;
use crate::nn::{self, Activation};

mod augment;
mod check;
mod parse;
mod shipped;
mod space;
mod stage;
mod suite;

pub use shipped::{SHIPPED, Shipped};
pub use space::Space;
pub use stage::{BatchNorm, Optimizer, Stage, Train};
pub use suite::read_suite;

/// Everything that decides a training run. `deny_unknown_fields` throughout: a misspelt key must not be ignored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Short name, for run folders and reports.
    pub name: String,
    /// What it is for, in one line.
    #[serde(default)]
    pub about: String,
    /// Seed of every random choice: split, initial weights, order, augmentation, dropout.
    #[serde(default)]
    pub seed: u64,
    /// What feature maps are stored in while training; validation and prediction are in 32 bits.
    #[serde(default)]
    pub precision: Precision,
    /// Views of each image that the finished model averages over, see `hema list tta`: by as many times slower, and better on damaged
    /// images. Epochs are judged without.
    #[serde(default = "one_view")]
    pub tta: String,
    /// How images are read.
    #[serde(default)]
    pub data: Data,
    /// The network.
    pub model: Model,
    /// Random changes of the training images.
    #[serde(default)]
    pub augment: Augment,
    /// What is minimised.
    #[serde(default)]
    pub loss: Loss,
    /// Models to learn from, beside the labels.
    #[serde(default)]
    pub distill: Distill,
    /// Stages of training, in order, at least one; each starts from the weights the one before selected.
    #[serde(default, rename = "stage")]
    pub stages: Vec<Stage>,
    /// Whether the mean of the weights is kept in place of the weights.
    #[serde(default)]
    pub average: Average,
    /// Which epoch's weights are kept.
    #[serde(default)]
    pub select: Select,
}

/// The image alone.
pub(crate) fn one_view() -> String {
    hema_core::tta::NONE.name.into()
}

/// What feature maps are stored in while training. Weights, statistics and sums are always of 32 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// `bf16` where the processor multiplies pairs of them or the graphics card computes in it, else `fp32`.
    #[default]
    Auto,
    /// 32 bits.
    Fp32,
    /// `bf16`: half the memory; slow on processors that have to emulate it.
    Bf16,
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

/// `[data]`: how images are read, and how a data set without a split of its own is split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// Side of the square that images are resized to, in pixels, 1 to 2,048.
    pub size: usize,
    /// Side that those squares are enlarged to for the network, up to 2,048 pixels, once they are augmented (or damaged, in an
    /// evaluation); by default they are not. Larger maps of the same pixels: slower, and better on small images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enlarge: Option<usize>,
    /// What is cut from the middle of an image before it is resized.
    pub crop: Crop,
    /// Interpolation of the resize, which antialiases.
    pub filter: Filter,
    /// Red, green and blue subtracted from pixels in 0 to 1; by default those of `ImageNet`.
    pub mean: [f32; 3],
    /// Red, green and blue that the difference is divided by; by default those of `ImageNet`.
    pub std: [f32; 3],
    /// What becomes of the background, in training and in prediction: `"keep"`, or `"remove"` to make everything brighter than a
    /// fixed threshold black, as the founding report tried.
    pub background: Background,
    /// Share of the images held out for validation when no split is given, 0 to 1.
    pub validation: f64,
    /// Share of the images held out for the final test when no split is given, 0 to 1.
    pub test: f64,
    /// How often an epoch shows the training images of each class, one of `hema list samplers`.
    pub sampler: String,
    /// What to do about an image that cannot be read.
    pub on_bad_image: OnBadImage,
}

impl Default for Data {
    fn default() -> Self {
        Self {
            size: 96,
            enlarge: None,
            crop: Crop::None,
            filter: Filter::Bicubic,
            mean: Preprocess::IMAGENET_MEAN,
            std: Preprocess::IMAGENET_STD,
            background: Background::Keep,
            validation: 0.15,
            test: 0.15,
            sampler: "natural".into(),
            on_bad_image: OnBadImage::Fail,
        }
    }
}

/// `[model]`: the network and where its weights start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Architecture, one of `hema list models`.
    pub name: String,
    /// Where the weights start.
    #[serde(default)]
    pub weights: Weights,
    /// How many stages of the backbone are kept, from the first on, for a smaller network; by default all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stages: Option<usize>,
    /// Widths of dense layers between the pooled features and the classifier; empty for the classifier alone.
    #[serde(default)]
    pub head: Vec<usize>,
    /// Activation after each dense layer of the head.
    #[serde(default)]
    pub activation: Activation,
    /// Batch normalisation after each dense layer of the head.
    #[serde(default)]
    pub head_batch_norm: bool,
    /// Probability of dropping a feature before every dense layer of the head, the classifier included; or a list of one for
    /// each.
    #[serde(default = "no_dropout", deserialize_with = "one_or_several")]
    pub dropout: Vec<f64>,
    /// Probability of skipping the last residual branch; earlier ones less, in proportion (stochastic depth).
    #[serde(default)]
    pub drop_path: f64,
}

fn no_dropout() -> Vec<f64> {
    vec![0.0]
}

/// Where weights start: `"none"`, `"imagenet"`, or the path of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Weights {
    /// Random, by the recipe's seed.
    #[default]
    None,
    /// The architecture's published `ImageNet` weights.
    Imagenet,
    /// A bundle of Hema or a `.safetensors` file of timm.
    Path(PathBuf),
}

/// `[augment]`: random changes of the training images, applied in order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augment {
    /// Operators that come first. With `loss.consistency` they alone change the first view of an image, and all three
    /// views alike.
    #[serde(default)]
    pub base: Vec<Operator>,
    /// The operators, in the order they are applied. With `loss.consistency` they change the second view and, anew, the
    /// third.
    #[serde(default)]
    pub operators: Vec<Operator>,
    /// Ways to mix another image of the batch into an image, of which at most one is chosen.
    #[serde(default)]
    pub mix: Vec<Mix>,
    /// All of `mix`, one after the other, each with its own probability, in place of at most one.
    #[serde(default, skip_serializing_if = "is_false")]
    pub mix_all: bool,
    /// What a mix, its share and its box are drawn for: each image, or the whole batch.
    #[serde(default)]
    pub mix_per: Per,
    /// In place of `operators` and `mix`: several pairs of them, of which one is drawn, all as likely.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub one_of: Vec<Way>,
    /// What one of `one_of` is drawn for: each image, or the whole batch.
    #[serde(default)]
    pub one_of_per: Per,
    /// Operators that come last, after the mixes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last: Vec<Operator>,
    /// Every epoch shows this many augmented copies of every image, always the same, as if they had been made in advance; 0 for one
    /// that is augmented anew every epoch. Copies that are mixed stay together in their batch.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub copies: u64,
}

/// One entry of `augment.one_of`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Way {
    /// As `augment.operators`.
    #[serde(default)]
    pub operators: Vec<Operator>,
    /// As `augment.mix`.
    #[serde(default)]
    pub mix: Vec<Mix>,
    /// As `augment.mix_all`.
    #[serde(default, skip_serializing_if = "is_false")]
    pub mix_all: bool,
}

/// One entry of `augment.mix`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mix {
    /// One of `hema list mixes`.
    pub name: String,
    /// Probability that it is the one chosen, 0 to 1; those of all entries sum to at most 1, unless all are done.
    #[serde(default = "one")]
    pub probability: f64,
    /// Shares are drawn from Beta(alpha, alpha), 0.01 to 100: small for shares near 0 and 1. By default 0.2 for `mixup`
    /// and 1 for `cutmix`; `resizemix` has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// Mix only images of the same class.
    #[serde(default)]
    pub within_class: bool,
    /// What counts as the share of a box in the label.
    #[serde(default)]
    pub area: Area,
}

/// What a random choice is made for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// Each image.
    #[default]
    Sample,
    /// The batch: all its images get the same; only their partners in a mix differ.
    Batch,
}

/// One entry of `augment.operators`: an operator or policy by name, or some or all of several entries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// One of `hema list augmentations` or `hema list corruptions`, or a policy such as `rand-m9-n3-mstd0.5-inc1`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Probability of applying it to an image, 0 to 1.
    #[serde(default = "one")]
    pub probability: f64,
    /// How strongly at most, 0 (no change) to 1; anything up to it is as likely. A policy has its own.
    #[serde(default = "one")]
    pub strength: f64,
    /// What is seen beyond the border: `"reflect"`, `"background"` or a colour like `"#808080"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fill: Option<String>,
    /// In place of a name: entries of which some are chosen at random, in random order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub some_of: Vec<Operator>,
    /// How many of `some_of`, at least and at most; one when left out.
    #[serde(default = "exactly_one", skip_serializing_if = "is_exactly_one")]
    pub count: [usize; 2],
    /// In place of a name: entries done one after the other, for a sequence inside `some_of`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub all_of: Vec<Operator>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_false(value: &bool) -> bool {
    !value
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_zero(value: &u64) -> bool {
    *value == 0
}

fn exactly_one() -> [usize; 2] {
    [1, 1]
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_exactly_one(count: &[usize; 2]) -> bool {
    *count == exactly_one()
}

fn one() -> f64 {
    1.0
}

/// `[loss]`: cross-entropy and its usual modifications.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Loss {
    /// Share of the target spread evenly over all classes (Szegedy et al., 2016), 0 up to 1.
    pub label_smoothing: f64,
    /// Gamma of the focal loss (Lin et al., 2017): how much less an image counts the surer its class is named, 0 for not at
    /// all. 2 is usual.
    pub focus: f64,
    /// Weight of each class in the loss, by the images of it that an epoch shows (see `data.sampler`).
    pub class_weights: ClassWeights,
    /// For `class_weights = "effective"`: how little a further image of a class adds, 0 (nothing) up to 1 (as much
    /// as the first).
    pub beta: f64,
    /// Weight of the Jensen-Shannon divergence between the predictions for three views of every image, as in `AugMix`
    /// (Hendrycks et al., 2020), which takes 12; 0 for one view and no such term.
    pub consistency: f64,
    /// With `consistency`: which views learn from the label.
    pub labelled_views: LabelledViews,
}

/// Which of the views of an image learn from its label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LabelledViews {
    /// The first, which `augment.operators` leave alone, as in the paper.
    #[default]
    First,
    /// All three, the loss being their mean.
    All,
}

impl Default for Loss {
    fn default() -> Self {
        Self {
            label_smoothing: 0.0,
            focus: 0.0,
            class_weights: ClassWeights::None,
            beta: 0.999,
            consistency: 0.0,
            labelled_views: LabelledViews::First,
        }
    }
}

/// `[distill]`: knowledge distillation (Hinton et al., 2015). Teachers see every training image as the network does, augmented and
/// mixed (Beyer et al., 2022), and the network learns to say what they say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Distill {
    /// Models of Hema for the same classes, whose probabilities are averaged; none for no distillation.
    pub teachers: Vec<PathBuf>,
    /// What the teachers' and the network's logits are divided by: above 1, classes that the teachers hold for unlikely count
    /// more.
    pub temperature: f64,
    /// Share of the loss that comes from the teachers, above 0 to 1; the rest comes from the labels.
    pub weight: f64,
}

impl Default for Distill {
    fn default() -> Self {
        Self { teachers: Vec::new(), temperature: 2.0, weight: 0.7 }
    }
}

/// Weight of each class in the loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassWeights {
    /// Every image counts the same.
    #[default]
    None,
    /// Every class counts the same: images / (classes x images of the class), as in scikit-learn.
    Balanced,
    /// One over the effective number of images of the class, (1 - beta^images) / (1 - beta) (Cui et al., 2019):
    /// between the other two, nearer `none` the smaller beta is.
    Effective,
}

/// `[average]`: the mean of the weights and running statistics over training, which is then validated, selected and
/// kept in place of the weights. Each stage has its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Average {
    /// Which mean.
    pub kind: Averaging,
    /// For `kind = "ema"`: share of the mean that a step leaves as it is, 0 up to 1; smaller in the first steps, as in
    /// timm's `ModelEmaV3`. 0.999 suits a few thousand steps, 0.9998 many.
    pub decay: f64,
    /// For `kind = "uniform"`: at the end of how many of a stage's last epochs the weights are taken.
    pub epochs: u64,
    /// Where the running statistics of the mean come from.
    pub statistics: Statistics,
}

/// Where the running statistics of batch normalisation come from in the mean of the weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Statistics {
    /// They are averaged as weights are, as timm does.
    #[default]
    Averaged,
    /// They are estimated anew before every validation, by a pass over the training images, as the SWA paper does.
    Estimated,
}

impl Default for Average {
    fn default() -> Self {
        Self { kind: Averaging::None, decay: 0.999, epochs: 5, statistics: Statistics::Averaged }
    }
}

/// Which mean of the weights is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Averaging {
    /// The weights themselves.
    #[default]
    None,
    /// Exponential, over the steps (Polyak and Juditsky, 1992).
    Ema,
    /// Of the last epochs, each counting the same (stochastic weight averaging, Izmailov et al., 2018).
    Uniform,
}

/// `[select]`: which epoch's weights are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Select {
    /// Validation metric that decides, one of `hema list metrics`.
    pub metric: String,
    /// Which validation images decide: `"clean"`, `"corrupted"`, or `"both"`, the mean of the two metrics.
    pub on: On,
    /// What corrupts a copy of the validation images, as `augment.operators`; every epoch sees the same damage. They are
    /// then judged and logged too, whatever decides.
    pub operators: Vec<Operator>,
}

impl Default for Select {
    fn default() -> Self {
        Self { metric: "accuracy".into(), on: On::Clean, operators: Vec::new() }
    }
}

/// Which validation images decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum On {
    /// As they are.
    #[default]
    Clean,
    /// The corrupted copies.
    Corrupted,
    /// The mean of the metric on either.
    Both,
}

impl Select {
    /// The metric and the images it is of, in words.
    pub fn describe(&self) -> String {
        match self.on {
            On::Clean => self.metric.clone(),
            On::Corrupted => format!("{} on corrupted images", self.metric),
            On::Both => format!("{} on clean and corrupted images", self.metric),
        }
    }

    /// The number that decides, by the metrics of a model's manifest; nothing where one is missing.
    pub fn value(&self, metrics: &BTreeMap<String, f64>) -> Option<f64> {
        let clean = metrics.get(&self.metric).copied();
        let corrupted = metrics.get(&format!("corrupted_{}", self.metric)).copied();
        match self.on {
            On::Clean => clean,
            On::Corrupted => corrupted,
            On::Both => Some(f64::midpoint(clean?, corrupted?)),
        }
    }
}

impl Recipe {
    /// The recipe as TOML, defaults written out; [`Recipe::parse`] reads it back to an equal recipe.
    ///
    /// # Errors
    /// A seed above 2^63 - 1, which TOML cannot hold; no recipe that was read has one.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|e| Error::new(format!("recipe cannot be written as TOML: {e}")))
    }

    /// Steps of all stages together over this many training images.
    pub fn total_steps(&self, images: usize) -> u64 {
        self.stages.iter().map(|stage| stage.total_steps(images)).sum()
    }
}

impl From<String> for Weights {
    fn from(text: String) -> Self {
        match text.as_str() {
            "none" => Self::None,
            "imagenet" => Self::Imagenet,
            _ => Self::Path(text.into()),
        }
    }
}

impl From<Weights> for String {
    fn from(weights: Weights) -> Self {
        match weights {
            Weights::None => "none".into(),
            Weights::Imagenet => "imagenet".into(),
            Weights::Path(path) => path.to_string_lossy().into_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
