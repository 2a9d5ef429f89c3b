//! `[loss]` and `[distill]` of a recipe.

use std::path::PathBuf;

use super::key::{FRACTION, NOT_NEGATIVE, PART, POSITIVE, within};
use super::read::defaults;
use super::table::{table, words};

table! {
    /// `[loss]`: cross-entropy and its usual modifications.
    pub struct Loss {
        /// Share of the target spread evenly over all classes (Szegedy et al., 2016).
        #[key(default = "0.0", before = "0.0", in FRACTION)]
        pub label_smoothing: f64,
        /// Gamma of the focal loss (Lin et al., 2017), which lowers the weight of images that are predicted
        /// with confidence: 0 for not at all, 2 as usual, more for a lower weight.
        #[key(default = "0.0", before = "0.0", in within(0.0, 10.0))]
        pub focus: f64,
        /// Weight of each class in the loss, by the images of it that an epoch shows (see `data.sampler`).
        #[key(default = "none", before = "none")]
        pub class_weights: ClassWeights,
        /// For `class_weights = "effective"`: how little a further image of a class adds, 0 (nothing) up to 1
        /// (as much as the first).
        #[key(default = "0.999", before = "0.999", in FRACTION)]
        pub beta: f64,
        /// Weight of the Jensen-Shannon divergence between the predictions for three views of every image, as
        /// in `AugMix` (Hendrycks et al., 2020), which takes 12; 0 for one view and no such term.
        #[key(default = "0.0", before = "0.0", in NOT_NEGATIVE)]
        pub consistency: f64,
        /// Views that learn from the label, where `consistency` is above 0.
        #[key(default = "first", before = "first")]
        pub labelled_views: LabelledViews,
    }
}

table! {
    /// `[distill]`: knowledge distillation (Hinton et al., 2015). Teachers see every training image as the
    /// network does, augmented and mixed (Beyer et al., 2022), and the network learns to predict as they do.
    pub struct Distill {
        /// Models of Hema for the same classes, whose probabilities are averaged; none for no distillation.
        #[key(default = "[]", before = "[]")]
        pub teachers: Vec<PathBuf>,
        /// Number that the teachers' and the network's logits are divided by: above 1, classes that the
        /// teachers find unlikely count more.
        #[key(default = "2.0", before = "2.0", in POSITIVE)]
        pub temperature: f64,
        /// Share of the loss that comes from the teachers; the rest comes from the labels.
        #[key(default = "0.7", before = "0.7", in PART)]
        pub weight: f64,
    }
}

words! {
    /// Weight of each class in the loss.
    pub enum ClassWeights {
        /// Every image counts the same.
        None = "none",
        /// Every class counts the same: images / (classes x images of the class), as in scikit-learn.
        Balanced = "balanced",
        /// One over the effective number of images of the class, (1 - beta^images) / (1 - beta) (Cui et al.,
        /// 2019): between the other two, nearer `none` the smaller beta is.
        Effective = "effective",
    }
}

words! {
    /// Which of the views of an image learn from its label.
    pub enum LabelledViews {
        /// The first, which `augment.operators` leave alone, as in the paper.
        First = "first",
        /// All three, the loss being their mean.
        All = "all",
    }
}

impl Default for Loss {
    fn default() -> Self {
        defaults()
    }
}

impl Default for Distill {
    fn default() -> Self {
        defaults()
    }
}
