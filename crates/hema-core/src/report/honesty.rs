//! Whether the probabilities of a model can be believed, in a sentence that the images bear out.

use super::findings::{Findings, SuiteMeans, mean_probability};
use super::html::{counted, interval, percent, words};
use crate::metrics::{ECE, ReliabilityBin, calibration_error_by_chance};
use crate::record::ConditionScores;

/// Probability and accuracy this close are called alike, where the images show that they are.
const ALIKE: f64 = 0.01;

/// Images under one or more conditions: what the model claims of them, and what it gets right.
struct Claim {
    /// Which images, as `On unchanged images`.
    on: String,
    images: u64,
    /// Mean probability of the names given.
    probability: f64,
    /// Share of the names that is right.
    accuracy: f64,
    /// 95 % interval of that.
    interval: [f64; 2],
    /// Calibration error, the mean over the conditions.
    error: f64,
    /// What chance alone makes of it.
    by_chance: f64,
}

/// A sentence about the unchanged images and one about each suite.
pub(super) fn sentences(findings: &Findings) -> Vec<String> {
    let suites = findings.suites();
    let clean = findings.clean.and_then(|condition| {
        let on = "On unchanged images".to_owned();
        Claim::new(on, &condition.scores.reliability, &[condition], condition.scores.accuracy_interval())
    });
    let of_suite = |suite: &SuiteMeans| {
        let on = if suites.len() > 1 {
            format!("Under the suite {}", words(suite.name))
        } else {
            "On degraded images".into()
        };
        Claim::new(on, &suite.reliability(), &suite.conditions, suite.interval()?)
    };
    clean.into_iter().chain(suites.iter().filter_map(of_suite)).map(|claim| claim.sentence()).collect()
}

/// The calibration error that chance alone makes under conditions, the mean over them. The conditions of an
/// image belong together, so that their mean is no surer than one of them.
pub(super) fn error_by_chance(conditions: &[&ConditionScores]) -> f64 {
    let errors =
        conditions.iter().map(|condition| calibration_error_by_chance(&condition.scores.reliability));
    errors.sum::<f64>() / conditions.len() as f64
}

impl Claim {
    fn new(
        on: String,
        bins: &[ReliabilityBin],
        conditions: &[&ConditionScores],
        interval: [f64; 2],
    ) -> Option<Self> {
        let over = |score: fn(&ConditionScores) -> f64| {
            conditions.iter().map(|condition| score(condition)).sum::<f64>() / conditions.len() as f64
        };
        let claim = Self {
            on,
            images: conditions.first()?.scores.n,
            probability: mean_probability(bins)?,
            accuracy: over(|condition| condition.scores.accuracy()),
            interval,
            error: over(|condition| condition.scores.number(&ECE)),
            by_chance: error_by_chance(conditions),
        };
        (claim.accuracy.is_finite() && interval.iter().all(|end| end.is_finite())).then_some(claim)
    }

    fn sentence(&self) -> String {
        let [low, high] = self.interval;
        let range = interval(self.interval).unwrap_or_default();
        let measured = format!(
            "{} its probabilities average {}, and {} of the names are right (95\u{202f}% interval {range})",
            self.on,
            percent(self.probability),
            percent(self.accuracy)
        );
        if self.probability > high {
            return format!("{measured}: it <strong>claims more than it gets right</strong>.");
        }
        if self.probability < low {
            return format!("{measured}: it gets more right than it claims.");
        }
        let images = counted(self.images, "image");
        if self.error > self.by_chance {
            return format!(
                "{measured}: the averages agree as far as {images} can tell, but single probabilities do <strong>not \
                 hold</strong>: the calibration error is {}, where chance alone gives true ones up to {}.",
                percent(self.error),
                percent(self.by_chance)
            );
        }
        if high - self.probability <= ALIKE && self.probability - low <= ALIKE {
            return format!("{measured}: its probabilities match its accuracy within one percentage point.");
        }
        format!("{measured}: these {images} do not show whether its probabilities are too high or too low.")
    }
}
