//! Counts that several metrics share, made once for a set of predictions.

use super::confusion::{ClassScores, Confusion};
use super::mean::mean;
use super::one_vs_rest;
use super::predictions::Predictions;
use super::reliability::{ReliabilityBin, reliability};

/// Everything that metrics are computed from.
pub(super) struct Tally<'a> {
    /// The predictions themselves, at least one.
    pub(super) predictions: &'a Predictions,
    /// How often each class was given each name.
    pub(super) confusion: Confusion,
    /// Scores of each class against the rest, in class order.
    pub(super) per_class: Vec<ClassScores>,
    /// Bins of confidence.
    pub(super) reliability: Vec<ReliabilityBin>,
}

impl<'a> Tally<'a> {
    /// Counts predictions that have passed [`Predictions::check`].
    pub(super) fn new(predictions: &'a Predictions) -> Self {
        let confusion = Confusion::new(predictions);
        let areas = one_vs_rest::areas(predictions);
        let classes = predictions.classes.iter().zip(&areas).enumerate();
        let per_class =
            classes.map(|(class, (name, area))| confusion.class_scores(class, name, *area)).collect();
        Self { predictions, confusion, per_class, reliability: reliability(predictions) }
    }

    /// Unweighted mean of a score over the classes that have images.
    pub(super) fn mean_over_classes(&self, score: impl Fn(&ClassScores) -> Option<f64>) -> Option<f64> {
        mean(self.per_class.iter().filter(|class| class.has_images()).filter_map(score))
    }

    /// Number of images.
    pub(super) fn images(&self) -> u64 {
        self.predictions.labels.len() as u64
    }
}
