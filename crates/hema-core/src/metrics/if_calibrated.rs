//! What the calibration of a perfectly calibrated model would measure on as many images: the range that a
//! measured value must leave before it says anything.

use std::collections::BTreeMap;

use rand::RngExt as _;
use rayon::prelude::*;

use super::brier::BRIER;
use super::classwise_ece::CLASSWISE_ECE;
use super::ece::ECE;
use super::ece_mass::ECE_MASS;
use super::metric::Metric;
use super::nll::NLL;
use super::predictions::Predictions;
use super::tally::Tally;
use crate::rng::{Purpose, stream};

/// Metrics of how true probabilities are.
pub const OF_CALIBRATION: [&Metric; 5] = [&ECE, &ECE_MASS, &CLASSWISE_ECE, &NLL, &BRIER];

const DRAWS: usize = 200;
/// Draws beyond either end of the range.
const BEYOND: usize = DRAWS / 40;
/// Most images that labels are drawn for: of more the range is narrow, and dear.
const MOST_IMAGES: usize = 100_000;

/// The range, `[low, high]`, of each of [`OF_CALIBRATION`] by its name in files, in which it lies in 95 of
/// 100 draws of labels from the probabilities themselves (Bröcker and Smith, 2007): as if every probability
/// were true. The same predictions always give the same ranges; none of more than 100,000 images. Predictions
/// must pass [`Predictions::check`].
pub fn ranges_if_calibrated(predictions: &Predictions) -> BTreeMap<String, [f64; 2]> {
    if predictions.labels.len() > MOST_IMAGES {
        return BTreeMap::new();
    }
    let draw = |number: usize| {
        let drawn = drawn(predictions, number);
        let tally = Tally::new(&drawn);
        OF_CALIBRATION.map(|metric| (metric.compute)(&tally).unwrap_or(f64::NAN))
    };
    let values: Vec<[f64; 5]> = (0..DRAWS).into_par_iter().map(draw).collect();
    let range = |(i, metric): (usize, &&Metric)| {
        let mut of_metric: Vec<f64> = values.iter().map(|values| values[i]).collect();
        of_metric.sort_by(f64::total_cmp);
        (metric.key(), [of_metric[BEYOND], of_metric[DRAWS - 1 - BEYOND]])
    };
    OF_CALIBRATION.iter().enumerate().map(range).collect()
}

/// The same images with labels that are drawn from their probabilities.
fn drawn(predictions: &Predictions, number: usize) -> Predictions {
    let mut rng = stream(0, Purpose::Bootstrap, 3, number as u64);
    let label = |row: &[f32]| {
        let mut left = f64::from(rng.random::<f32>()) * row.iter().map(|p| f64::from(*p)).sum::<f64>();
        let below = |p: &f32| {
            left -= f64::from(*p);
            left < 0.0
        };
        row.iter().position(below).unwrap_or(row.len() - 1)
    };
    let labels = predictions.rows().map(label).collect();
    Predictions { labels, ..predictions.clone() }
}

#[cfg(test)]
mod tests {
    use super::super::score;
    use super::*;

    fn predictions(images: usize, claimed: f32, right: usize) -> Predictions {
        let labels = (0..images).map(|image| usize::from(image % 10 >= right)).collect();
        let probabilities = [claimed, 1.0 - claimed].repeat(images);
        Predictions { classes: ["a", "b"].map(String::from).to_vec(), labels, probabilities }
    }

    #[test]
    fn true_probabilities_lie_inside_and_others_outside_and_ranges_narrow_with_more_images() {
        let [few, many] = [200, 20_000].map(|images| ranges_if_calibrated(&predictions(images, 0.8, 8)));
        let width = |ranges: &BTreeMap<String, [f64; 2]>, key: &str| ranges[key][1] - ranges[key][0];
        for metric in OF_CALIBRATION {
            let key = metric.key();
            assert!(width(&many, &key) < 0.25 * width(&few, &key), "{key}: {few:?} {many:?}");
            let value = |right| score(&predictions(20_000, 0.8, right)).unwrap().value(metric).unwrap();
            // by bins of equal numbers the answers, all alike, are dealt by their order
            let [low, high] = many[&key];
            if metric.name != ECE_MASS.name {
                assert!(value(8) <= high + 1e-9, "{key}: {} in {low} to {high}", value(8));
            }
            assert!(value(6) > high, "{key}: {} beyond {high}", value(6));
        }
        assert_eq!(few, ranges_if_calibrated(&predictions(200, 0.8, 3)), "labels do not matter");
    }
}
