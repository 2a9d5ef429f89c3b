//! Accuracy: how often the most probable class is the true one.

use super::interval::wilson;
use super::metric::{Metric, Notation, Over, Place};
use super::tally::Tally;

/// Share of images whose most probable class is the true one.
pub const ACCURACY: Metric = Metric {
    name: "accuracy",
    about: "share of images whose most probable class is the true one",
    label: "accuracy",
    title: "Accuracy",
    over: Over::Images,
    higher_is_better: true,
    notation: Notation::Percent,
    shown_in: &[Place::Log, Place::Progress, Place::Evaluate, Place::Series],
    compute,
    interval: Some(interval),
};

fn compute(tally: &Tally) -> Option<f64> {
    Some(tally.confusion.correct() as f64 / tally.images() as f64)
}

/// Wilson's interval.
fn interval(tally: &Tally) -> [f64; 2] {
    wilson(tally.confusion.correct(), tally.images())
}
