//! Balanced accuracy: every class counts as much as any other.

use super::metric::{Metric, Notation, Over, Place};
use super::tally::Tally;

/// Mean recall over the classes that have images.
pub const BALANCED_ACCURACY: Metric = Metric {
    name: "balanced-accuracy",
    about: "mean recall over the classes that have images, so that a rare class counts as much as a common one",
    label: "balanced accuracy",
    title: "Balanced accuracy",
    over: Over::Classes,
    higher_is_better: true,
    notation: Notation::Percent,
    shown_in: &[Place::Log, Place::Evaluate, Place::Series],
    compute,
    interval: None,
};

fn compute(tally: &Tally) -> Option<f64> {
    tally.mean_over_classes(|class| Some(class.recall))
}
