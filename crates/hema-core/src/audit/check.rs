//! What a check is, and the table of all of them.

use super::duplicates::Duplicates;
use super::measure::Measured;
use super::measurements::Measurements;
use super::{
    balance, cross_split_leak, domain, exact_duplicate, foreign_cluster, label_conflict, label_error, light,
    near_duplicate, outlier, sharpness, shortcut, size, unreadable,
};
use crate::data::Source;
use crate::error::{Error, Result, suggest};
use crate::split::Part;

/// One kind of fault that is looked for.
pub struct Check {
    /// Its name in tables, files and on the command line.
    pub name: &'static str,
    /// What it finds, in a line.
    pub about: &'static str,
    /// What a person should do about it, in a sentence.
    pub advice: &'static str,
    /// What it cannot do without.
    pub needs: Need,
    /// Images whose score is below it are found.
    pub threshold: f64,
    /// Finds the images that score below a threshold. Fails where what was measured cannot be read again.
    pub run: fn(&Check, &Evidence, f64) -> Result<Vec<Finding>>,
}

/// What a check cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The images alone.
    Images,
    /// A label for some of them.
    Labels,
    /// Parts that they belong to.
    Split,
    /// What a model says of them.
    Model,
}

/// Every check, in the order they are reported.
pub const CHECKS: &[Check] = &[
    unreadable::CHECK,
    foreign_cluster::CHECK,
    label_conflict::CHECK,
    cross_split_leak::CHECK,
    exact_duplicate::CHECK,
    near_duplicate::CHECK,
    size::ODD_SIZE,
    size::ODD_ASPECT,
    light::TOO_DARK,
    light::TOO_BRIGHT,
    light::LOW_INFORMATION,
    sharpness::BLURRY,
    sharpness::OVER_COMPRESSED,
    domain::ODD_COLOUR,
    domain::SECOND_DOMAIN,
    shortcut::CHECK,
    balance::CLASS_IMBALANCE,
    balance::RARE_CLASS,
    balance::MISSING_PART,
    outlier::CHECK,
    label_error::CHECK,
];

/// A threshold for one check, in place of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// Name of the check.
    pub check: String,
    /// Images whose score is below it are found.
    pub value: f64,
}

/// The check of that name.
///
/// # Errors
/// An unknown name, with the nearest one.
pub fn find_check(name: &str) -> Result<&'static Check> {
    CHECKS.iter().find(|check| check.name == name).ok_or_else(|| {
        Error::new(format!("there is no audit check called `{name}`"))
            .hint(suggest(name, CHECKS.iter().map(|check| check.name)))
    })
}

/// What checks judge by.
pub struct Evidence<'a> {
    /// The data set.
    pub source: &'a Source,
    /// The part of every entry.
    pub parts: &'a [Option<Part>],
    /// What was measured of every entry, or why it cannot be read.
    pub measured: &'a Measurements,
    /// The groups of images that show the same picture.
    pub duplicates: &'a Duplicates,
    /// What a model says of the images, where one was given.
    pub model: Option<&'a ModelEvidence>,
    /// Whether every entry stays, as far as the checks before have found.
    pub kept: Vec<bool>,
}

impl Evidence<'_> {
    /// A number of every image that can be read and has it.
    pub(super) fn values(&self, value: impl Fn(&Measured) -> Option<f64>) -> Result<Vec<f64>> {
        let mut values = Vec::with_capacity(self.measured.len());
        self.measured.each(|_, measured| values.extend(value(measured)))?;
        Ok(values)
    }
}

/// What a model says of every entry of a source.
#[derive(Clone, Debug)]
pub struct ModelEvidence {
    /// Probability of each class, in the source's class order; `None` where the image was not predicted.
    pub probabilities: Vec<Option<Vec<f32>>>,
    /// Pooled features before the classifier; `None` where the image was not predicted.
    pub embeddings: Vec<Option<Vec<f32>>>,
    /// Whether every image was predicted by a model that had not been trained on it.
    pub out_of_fold: bool,
}

/// One fault of one image, or of the data set as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Name of the check.
    pub check: &'static str,
    /// Index of the image's entry; `None` where the data set as a whole is at fault.
    pub image: Option<usize>,
    /// How sound the image or the data set is in this respect: 0 (bad) to 1 (fine).
    pub score: f64,
    /// Number, within the check, of the group of images that were found together.
    pub cluster: Option<usize>,
    /// The entry it was compared with: the copy that stays, the other label's image ...
    pub partner: Option<usize>,
    /// What is wrong, in words and numbers.
    pub detail: String,
    /// What the policy does with the image.
    pub action: Action,
}

impl Check {
    /// Why it is left out, in words; `None` when it has what it needs.
    pub(super) fn left_out(&self, evidence: &Evidence, threshold: f64) -> Option<&'static str> {
        let labelled = || evidence.source.entries().iter().any(|entry| entry.label.is_some());
        match self.needs {
            _ if threshold <= 0.0 => Some("threshold 0"),
            Need::Labels if !labelled() => Some("no labels"),
            Need::Split if evidence.parts.iter().all(Option::is_none) => Some("no split"),
            Need::Model if evidence.model.is_none() => Some("no model"),
            _ => None,
        }
    }

    /// Its threshold: the last of `own` that is for it, else the default.
    pub(super) fn threshold_among(&self, own: &[Threshold]) -> f64 {
        own.iter().rfind(|own| own.check == self.name).map_or(self.threshold, |own| own.value)
    }

    /// An image that a person should look at.
    pub(super) fn image(&self, image: usize, score: f64, detail: String) -> Finding {
        Finding { image: Some(image), ..self.data_set(score, detail) }
    }

    /// A fault of the data set as a whole that a person should know of.
    pub(super) fn data_set(&self, score: f64, detail: String) -> Finding {
        Finding {
            check: self.name,
            image: None,
            score,
            cluster: None,
            partner: None,
            detail,
            action: Action::Review,
        }
    }
}

/// The same findings, worst first; equally bad ones stay in order.
pub(super) fn worst_first(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by(|a, b| a.score.total_cmp(&b.score));
    findings
}

/// What is to be done with an image that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// It stays.
    Keep,
    /// A person should look at it; it stays until then.
    Review,
    /// It does not go into the cleaned set.
    Drop,
}

impl Action {
    /// Every action with its name in `findings.csv`.
    pub const NAMES: [(Self, &'static str); 3] =
        [(Self::Keep, "keep"), (Self::Review, "review"), (Self::Drop, "drop")];

    /// Its name in `findings.csv`.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize].1
    }
}
