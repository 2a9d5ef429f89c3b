//! Every score of a set of predictions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::accuracy::ACCURACY;
use super::confusion::ClassScores;
use super::macro_f1::MACRO_F1;
use super::mean::mean;
use super::metric::{Metric, Over};
use super::predictions::Predictions;
use super::reliability::ReliabilityBin;
use super::table::METRICS;
use super::tally::Tally;
use super::values::MetricValues;
use crate::error::Result;

/// Every score of one set of predictions. Intervals are 95 % and run `[low, high]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Scores {
    /// Images scored.
    pub n: u64,
    /// The value of each metric.
    #[serde(flatten)]
    pub metrics: MetricValues,
    /// Per-class scores in class order.
    pub per_class: Vec<ClassScores>,
    /// `confusion[truth][prediction]`, counts.
    pub confusion: Vec<Vec<u64>>,
    /// The 15 bins behind the calibration error.
    pub reliability: Vec<ReliabilityBin>,
}

impl Scores {
    /// The value of a metric; `None` where it is not defined, or where the record is older than the metric.
    pub fn value(&self, metric: &Metric) -> Option<f64> {
        self.metrics.value(metric)
    }

    /// The value of a metric; NaN where it has none.
    pub fn number(&self, metric: &Metric) -> f64 {
        self.value(metric).unwrap_or(f64::NAN)
    }

    /// The accuracy, 0 to 1.
    pub fn accuracy(&self) -> f64 {
        self.number(&ACCURACY)
    }

    /// The 95 % interval of the accuracy, `[low, high]`.
    pub fn accuracy_interval(&self) -> [f64; 2] {
        self.metrics.interval(&ACCURACY).unwrap_or([f64::NAN; 2])
    }

    /// Which classes a mean over classes is taken over, `over 5 of 8 classes`, where some have no image;
    /// `None` for other metrics, and where all classes have images.
    pub fn coverage(&self, metric: &Metric) -> Option<String> {
        let (with_images, all) = (self.classes_with_images(), self.per_class.len());
        (metric.over == Over::Classes && with_images < all)
            .then(|| format!("over {with_images} of {all} classes"))
    }

    /// Computes macro F1 from the scores of the classes, for records from before it was a mean over the
    /// classes that have images.
    pub(crate) fn average_f1_anew(&mut self) {
        let of_classes = self.per_class.iter().filter(|class| class.has_images()).map(|class| class.f1);
        self.metrics.set(&MACRO_F1, mean(of_classes), None);
    }

    /// Number of classes that have images.
    pub fn classes_with_images(&self) -> usize {
        self.per_class.iter().filter(|class| class.has_images()).count()
    }

    /// Images that were given a wrong name.
    pub fn mistakes(&self) -> u64 {
        let right = |(class, row): (usize, &Vec<u64>)| row.get(class).copied().unwrap_or_default();
        let named: u64 = self.confusion.iter().flatten().sum();
        named - self.confusion.iter().enumerate().map(right).sum::<u64>()
    }

    /// Images that were predicted to be of a class, rightly or wrongly.
    pub fn named(&self, class: usize) -> u64 {
        self.confusion.iter().filter_map(|row| row.get(class)).sum()
    }
}

/// Every score of a set of predictions.
///
/// # Errors
/// Predictions that fail [`Predictions::check`].
pub fn score(predictions: &Predictions) -> Result<Scores> {
    predictions.check()?;
    let tally = Tally::new(predictions);
    Ok(Scores {
        n: tally.images(),
        metrics: MetricValues::new(&tally),
        per_class: tally.per_class,
        confusion: tally.confusion.into_counts(),
        reliability: tally.reliability,
    })
}

/// Value of every metric that is defined for the scores, by its name with a prefix.
pub fn by_name(scores: &Scores, prefix: &str) -> BTreeMap<String, f64> {
    let named = |metric: &Metric| Some((format!("{prefix}{}", metric.name), scores.value(metric)?));
    METRICS.iter().filter_map(named).collect()
}
