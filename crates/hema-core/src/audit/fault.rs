//! Checks of a number of each image against limits and against the rest of the set: light, sharpness, compression, size.

use super::check::{Check, Evidence, Finding};
use super::measure::Measured;
use super::robust::Limits;

/// The score below which these checks find an image: half-way between what is usual in the set and what is surely a fault.
pub(super) const HALF_WAY: f64 = 0.5;

/// One number, and from where on it is a fault.
pub(super) struct Fault {
    pub(super) value: fn(&Measured) -> Option<f64>,
    pub(super) limits: Limits,
    /// What is wrong, in words and numbers.
    pub(super) detail: fn(&Measured) -> String,
}

/// The images that score below the threshold in any of the numbers, each by its worst, worst first.
pub(super) fn find(check: &Check, evidence: &Evidence, threshold: f64, faults: &[Fault]) -> Vec<Finding> {
    let mut worst: Vec<(Option<f64>, usize)> = vec![(None, 0); evidence.measured.len()];
    for (number, fault) in faults.iter().enumerate() {
        let scores = fault.limits.scores(&evidence.values(fault.value));
        for (worst, score) in worst.iter_mut().zip(scores) {
            if score.is_some_and(|score| worst.0.is_none_or(|worst| score < worst)) {
                *worst = (score, number);
            }
        }
    }
    let scores: Vec<Option<f64>> = worst.iter().map(|(score, _)| *score).collect();
    below(check, threshold, &scores, |image| {
        let detail = faults[worst[image].1].detail;
        evidence.measured[image].as_ref().map(detail).unwrap_or_default()
    })
}

/// The images that score below the threshold, worst first.
pub(super) fn below(
    check: &Check,
    threshold: f64,
    scores: &[Option<f64>],
    detail: impl Fn(usize) -> String,
) -> Vec<Finding> {
    let scored = scores.iter().enumerate().filter_map(|(image, score)| Some((image, (*score)?)));
    let mut findings: Vec<Finding> = scored
        .filter(|(_, score)| *score < threshold)
        .map(|(image, score)| check.image(image, score, detail(image)))
        .collect();
    findings.sort_by(|a, b| a.score.total_cmp(&b.score));
    findings
}
