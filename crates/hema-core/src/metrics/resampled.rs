//! Intervals of the metrics that no formula gives one, by a bootstrap over the images.

use rand::RngExt as _;
use rayon::prelude::*;

use super::metric::{Metric, Notation};
use super::predictions::Predictions;
use super::scores::Scores;
use super::table::METRICS;
use super::tally::Tally;
use crate::rng::{Purpose, stream};

const RESAMPLES: usize = 200;
/// Resamples beyond either end of a 95 % interval.
const BEYOND: usize = RESAMPLES / 40;
/// Most images that are resampled: of more the intervals are narrow, and dear.
const MOST_IMAGES: usize = 100_000;

/// Adds to the scores of predictions a 95 % interval of every metric that has none: percentiles over
/// resamples of the images of each class (Efron, 1979), moved by how far the resamples' mean lies from the
/// value itself. A value that no resample changes, as of a few images that are all right, gets no interval.
pub fn with_intervals(mut scores: Scores, predictions: &Predictions) -> Scores {
    let without: Vec<&'static Metric> = METRICS.iter().filter(|metric| metric.interval.is_none()).collect();
    if predictions.labels.len() > MOST_IMAGES {
        return scores;
    }
    let classes: Vec<Vec<usize>> = (0..predictions.classes.len())
        .map(|class| {
            (0..predictions.labels.len()).filter(|image| predictions.labels[*image] == class).collect()
        })
        .collect();
    let resample = |number: usize| -> Vec<Option<f64>> {
        let resampled = resampled(predictions, &classes, number);
        let tally = Tally::new(&resampled);
        without.iter().map(|metric| (metric.compute)(&tally)).collect()
    };
    let found: Vec<Vec<Option<f64>>> = (0..RESAMPLES).into_par_iter().map(resample).collect();
    for (at, metric) in without.into_iter().enumerate() {
        let value = scores.value(metric);
        let values: Option<Vec<f64>> = found.iter().map(|values| values[at]).collect();
        if let (Some(value), Some(values)) = (value, values) {
            scores.metrics.set(metric, Some(value), interval(metric, value, values));
        }
    }
    scores
}

/// As many images of each class, drawn with replacement.
fn resampled(predictions: &Predictions, classes: &[Vec<usize>], number: usize) -> Predictions {
    let mut rng = stream(0, Purpose::Bootstrap, 1, number as u64);
    let k = predictions.classes.len();
    let mut labels = Vec::with_capacity(predictions.labels.len());
    let mut probabilities = Vec::with_capacity(predictions.probabilities.len());
    for (class, images) in classes.iter().enumerate() {
        for _ in images {
            let image = images[rng.random_range(0..images.len())];
            labels.push(class);
            probabilities.extend_from_slice(&predictions.probabilities[image * k..(image + 1) * k]);
        }
    }
    Predictions { classes: predictions.classes.clone(), labels, probabilities }
}

/// Percentiles about the value, which is always inside.
fn interval(metric: &Metric, value: f64, mut resampled: Vec<f64>) -> Option<[f64; 2]> {
    resampled.sort_by(f64::total_cmp);
    let bias = resampled.iter().sum::<f64>() / RESAMPLES as f64 - value;
    let [low, high] = [resampled[BEYOND], resampled[RESAMPLES - 1 - BEYOND]];
    let is_share = metric.higher_is_better || metric.notation == Notation::Percent;
    let most = if is_share { 1.0 } else { f64::INFINITY };
    (low < high).then(|| [(low - bias).min(value).max(0.0), (high - bias).max(value).min(most)])
}

#[cfg(test)]
mod tests {
    use super::super::{ACCURACY, AUROC, BALANCED_ACCURACY, ECE, MACRO_F1, score};
    use super::*;

    /// Images of two classes, of which one in five is named wrongly, with a probability of 0.7 each.
    fn predictions(images: usize, wrong: usize) -> Predictions {
        let classes = ["a", "b"].map(String::from).to_vec();
        let labels: Vec<usize> = (0..images).map(|image| image % 2).collect();
        let row = |image: usize| {
            let named = if image % 10 < wrong { 1 - image % 2 } else { image % 2 };
            if named == 0 { [0.7, 0.3] } else { [0.3, 0.7] }
        };
        Predictions { classes, labels, probabilities: (0..images).flat_map(row).collect() }
    }

    #[test]
    fn every_metric_gets_an_interval_that_holds_it_and_narrows_with_more_images() {
        let of = |images| {
            let predictions = predictions(images, 2);
            with_intervals(score(&predictions).unwrap(), &predictions)
        };
        let (few, many) = (of(40), of(4000));
        for metric in METRICS {
            let widths = [&few, &many].map(|scores| {
                let [low, high] = scores.metrics.interval(metric).unwrap();
                let value = scores.value(metric).unwrap();
                assert!(low <= value && value <= high && low >= 0.0, "{}: {low} {value} {high}", metric.name);
                high - low
            });
            assert!(widths[1] < 0.3 * widths[0], "{}: {widths:?}", metric.name);
        }
        let same_as_accuracy = many.metrics.interval(&BALANCED_ACCURACY).unwrap();
        let expected = many.metrics.interval(&ACCURACY).unwrap();
        assert!((same_as_accuracy[0] - expected[0]).abs() < 0.005, "{same_as_accuracy:?} {expected:?}");
        assert_eq!(of(40), few, "the same images always give the same intervals");
    }

    #[test]
    fn a_value_that_no_resample_changes_has_no_interval() {
        let predictions = predictions(10, 0);
        let scores = with_intervals(score(&predictions).unwrap(), &predictions);
        for metric in [BALANCED_ACCURACY, MACRO_F1, AUROC, ECE] {
            assert_eq!(scores.metrics.interval(&metric), None, "{}", metric.name);
        }
    }
}
