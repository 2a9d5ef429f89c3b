//! Balanced accuracy: every class counts as much as any other.

use super::mean::mean;
use super::metric::{Metric, Notation, Place};
use super::tally::Tally;

/// Mean recall over the classes that occur.
pub const BALANCED_ACCURACY: Metric = Metric {
    name: "balanced-accuracy",
    about: "mean recall over classes, so that a rare class counts as much as a common one",
    label: "balanced accuracy",
    title: "Balanced accuracy",
    higher_is_better: true,
    terminal: Notation::Percent,
    report: Notation::Percent,
    shown_in: &[Place::Log, Place::Evaluate, Place::Series],
    compute,
    interval: None,
};

fn compute(tally: &Tally) -> Option<f64> {
    let occurring = tally.per_class.iter().filter(|class| class.support > 0);
    Some(mean(occurring.map(|class| class.recall)).unwrap_or(0.0))
}
