//! Scores of a set of predictions.
//!
//! [`score`] computes everything an evaluation records; [`METRICS`] names the single numbers among them, for
//! model selection and lists. One file per group of metrics.
//!
//! Left out on purpose: anything that needs more than labels and probabilities, and averages weighted by class
//! size, which hide the rare classes.

use std::collections::BTreeMap;

use crate::error::{Error, Result, suggest};
use crate::record::{ClassScores, Scores};

mod auroc;
mod calibration;
mod confusion;
mod interval;

pub use interval::{bootstrap_mean, wilson};

/// Predictions of one model for labelled images.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions {
    /// Class names in label order, k of them.
    pub classes: Vec<String>,
    /// True class of each of n images, below k.
    pub labels: Vec<usize>,
    /// Probability of each class for each image: n rows of k, each summing to 1.
    pub probabilities: Vec<f32>,
}

/// How far from 1 the probabilities of an image may sum: half-precision networks and averages are not exact.
const SUM_TOLERANCE: f64 = 1e-3;

impl Predictions {
    /// Checks the sizes, that labels name classes, and that every row is a probability distribution.
    ///
    /// # Errors
    /// The first thing that is wrong, with the image's number.
    pub fn check(&self) -> Result<()> {
        let (n, k) = (self.labels.len(), self.classes.len());
        if n == 0 || k < 2 {
            return Err(Error::new(format!("found {n} images and {k} classes, expected at least 1 and 2")));
        }
        if self.probabilities.len() != n * k {
            let found = self.probabilities.len();
            return Err(Error::new(format!(
                "found {found} probabilities, expected {n} images x {k} classes"
            )));
        }
        for (image, (label, row)) in self.labels.iter().zip(self.rows()).enumerate() {
            if *label >= k {
                return Err(Error::new(format!(
                    "image {image}: found label {label}, expected less than {k}"
                )));
            }
            if let Some(bad) = row.iter().find(|p| !p.is_finite() || **p < 0.0) {
                return Err(Error::new(format!("image {image}: found probability {bad}, expected 0 to 1")));
            }
            let sum: f64 = row.iter().map(|p| f64::from(*p)).sum();
            if (sum - 1.0).abs() > SUM_TOLERANCE {
                return Err(Error::new(format!("image {image}: probabilities sum to {sum}, expected 1")));
            }
        }
        Ok(())
    }

    /// The probabilities of each image, k at a time.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.probabilities.chunks_exact(self.classes.len())
    }

    /// The most probable class of each image; the lowest of several.
    pub fn predicted(&self) -> Vec<usize> {
        self.rows().map(argmax).collect()
    }
}

/// Index of the largest value; the lowest of several, as in numpy.
pub fn argmax(values: &[f32]) -> usize {
    let mut best = 0;
    for (index, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = index;
        }
    }
    best
}

/// Every score of a set of predictions. `seed` decides the resamples of the accuracy's interval.
///
/// # Errors
/// Predictions that fail [`Predictions::check`].
pub fn score(predictions: &Predictions, seed: u64) -> Result<Scores> {
    predictions.check()?;
    let n = predictions.labels.len() as u64;
    let confusion = confusion::Confusion::new(predictions);
    let areas = auroc::one_vs_rest(predictions);
    let reliability = calibration::reliability(predictions);
    let per_class: Vec<ClassScores> = predictions
        .classes
        .iter()
        .zip(&areas)
        .enumerate()
        .map(|(class, (name, area))| confusion.class_scores(class, name, *area))
        .collect();
    Ok(Scores {
        n,
        accuracy: confusion.correct() as f64 / n as f64,
        accuracy_interval: interval::bootstrap_share(confusion.correct(), n, seed),
        balanced_accuracy: mean(per_class.iter().filter(|c| c.support > 0).map(|c| c.recall)).unwrap_or(0.0),
        macro_f1: mean(confusion.seen().map(|class| per_class[class].f1)).unwrap_or(0.0),
        auroc: mean(areas.iter().flatten().copied()),
        nll: calibration::nll(predictions),
        brier: calibration::brier(predictions),
        ece: calibration::ece(&reliability),
        per_class,
        confusion: confusion.into_counts(),
        reliability,
    })
}

/// The mean of the values; `None` when there are none.
pub fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_u64), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / count as f64)
}

/// A single number among the [`Scores`].
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// What a recipe's `select.metric` says.
    pub name: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// A larger value is a better model.
    pub higher_is_better: bool,
    /// Its value, where it is defined.
    pub value: fn(&Scores) -> Option<f64>,
}

/// Every metric that is a single number.
pub const METRICS: &[Metric] = &[
    Metric {
        name: "accuracy",
        about: "share of images whose most probable class is the true one",
        higher_is_better: true,
        value: |scores| Some(scores.accuracy),
    },
    Metric {
        name: "balanced-accuracy",
        about: "mean recall over classes, so that a rare class counts as much as a common one",
        higher_is_better: true,
        value: |scores| Some(scores.balanced_accuracy),
    },
    Metric {
        name: "macro-f1",
        about: "mean over classes of the harmonic mean of precision and recall",
        higher_is_better: true,
        value: |scores| Some(scores.macro_f1),
    },
    Metric {
        name: "auroc",
        about: "mean over classes of the area under the one-vs-rest ROC curve",
        higher_is_better: true,
        value: |scores| scores.auroc,
    },
    Metric {
        name: "nll",
        about: "mean negative log-likelihood of the true class, in nats",
        higher_is_better: false,
        value: |scores| Some(scores.nll),
    },
    Metric {
        name: "brier",
        about: "mean squared distance between probabilities and truth, 0 to 2",
        higher_is_better: false,
        value: |scores| Some(scores.brier),
    },
    Metric {
        name: "ece",
        about: "expected calibration error: mean distance between confidence and accuracy over 15 bins",
        higher_is_better: false,
        value: |scores| Some(scores.ece),
    },
];

/// The metric of this name.
///
/// # Errors
/// An unknown name, with the closest known one as a hint.
pub fn find(name: &str) -> Result<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name).ok_or_else(|| {
        Error::new(format!("unknown metric `{name}`"))
            .hint(suggest(name, METRICS.iter().map(|metric| metric.name)))
    })
}

/// Every metric that the scores have a value of, by name after a prefix.
pub fn by_name(scores: &Scores, prefix: &str) -> BTreeMap<String, f64> {
    let named = |m: &Metric| Some((format!("{prefix}{}", m.name), (m.value)(scores)?));
    METRICS.iter().filter_map(named).collect()
}

impl Metric {
    /// Whether `new` is strictly better than `best`. A value that is not a number never is.
    pub fn improves(&self, new: f64, best: f64) -> bool {
        if self.higher_is_better { new > best } else { new < best }
    }
}

#[cfg(test)]
mod tests;
