//! The contract between the audit and its checks: a check's row, and the evidence that it is given.

use super::copies::duplicates::Duplicates;
use super::finding::{Action, Finding};
use super::measurements::Measurements;
use super::measurements::measured::Measured;
use crate::data::Source;
use crate::error::Result;
use crate::split::Part;

/// One kind of fault that is looked for.
pub struct Check {
    /// Name in tables, files and on the command line.
    pub name: &'static str,
    /// The images that it finds, in a line.
    pub about: &'static str,
    /// Advice for a person who reads the findings, in a sentence.
    pub advice: &'static str,
    /// Evidence that it cannot do without.
    pub needs: Need,
    /// Images whose score is below it are found.
    pub threshold: f64,
    /// Finds the images that score below a threshold. Fails where the measurements cannot be read again.
    pub run: fn(&Check, &Evidence, f64) -> Result<Vec<Finding>>,
}

/// Evidence that a check cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The images alone.
    Images,
    /// A label for some of them.
    Labels,
    /// Parts that they belong to.
    Split,
    /// A close look at the images, as is taken where a model is asked.
    CloseLook,
    /// A model's opinion of them.
    Model,
    /// A person who looks at them.
    Person,
}

/// A threshold for one check, in place of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// Name of the check.
    pub check: String,
    /// Images whose score is below it are found.
    pub value: f64,
}

/// The evidence that checks judge by.
pub struct Evidence<'a> {
    /// The data set.
    pub source: &'a Source,
    /// The part of every entry.
    pub parts: &'a [Option<Part>],
    /// The measurements of every entry, or why it cannot be read.
    pub measured: &'a Measurements,
    /// The groups of images that show the same picture.
    pub duplicates: &'a Duplicates,
    /// A model's opinion of the images, where one was given.
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

/// A model's opinion of every entry of a source.
#[derive(Clone, Debug)]
pub struct ModelEvidence {
    /// Probability of each class, in the source's class order; `None` where the image was not predicted.
    pub probabilities: Vec<Option<Vec<f32>>>,
    /// Pooled features before the classifier; `None` where the image was not predicted.
    pub embeddings: Vec<Option<Vec<f32>>>,
    /// Whether every image was predicted by a model that had not been trained on it.
    pub out_of_fold: bool,
    /// Images that the network of the features is known to have been trained on: it repeats their labels, and
    /// fewer are doubted.
    pub trained_on: u64,
}

impl Check {
    /// Why it is left out, in words; `None` when it has the evidence that it needs.
    pub(super) fn left_out(&self, evidence: &Evidence, threshold: f64) -> Option<&'static str> {
        let labelled = || evidence.source.entries().iter().any(|entry| entry.label.is_some());
        match self.needs {
            _ if threshold <= 0.0 => Some("threshold 0"),
            Need::Labels if !labelled() => Some("no labels"),
            Need::Split if evidence.parts.iter().all(Option::is_none) => Some("no split"),
            Need::Person => Some("by a person alone"),
            Need::CloseLook if !evidence.measured.has_squares() => Some("only with a model"),
            Need::Model if evidence.model.is_none() => Some("no model"),
            _ => None,
        }
    }

    /// The threshold: the last of `own` that is for this check, else the default.
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
