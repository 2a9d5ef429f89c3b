//! How common each class is among images that nobody has labelled, and predictions that take it into account.
//!
//! A model's probabilities hold for a population like the one it was trained on. Where classes are otherwise
//! distributed, as in the blood of another patient or the pictures of another laboratory, Bayes' rule
//! exchanges the prior, and the prior itself follows from the predictions by expectation maximisation
//! (Saerens, Latinne and Decaestecker, "Adjusting the outputs of a classifier to new a priori probabilities",
//! Neural Computation 14, 2002).
//!
//! Left out on purpose: other differences between two populations. The method takes the images of a class to
//! look alike in both. Where they do not, as in the pictures of another laboratory, the estimate can be far
//! from how common the classes are: it is a weight by which predictions are changed, and no count of cells.

use rand::RngExt;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::metrics::wilson;
use crate::rng::{self, Purpose};

/// Number of images with the training's distribution that are counted in: a few images alone must not make
/// their own prior.
const PSEUDO_COUNT: f64 = 10.0;
/// The largest change of a weight after which the estimate is final.
const TOLERANCE: f64 = 1e-7;
/// The same for an estimate from a resample, whose spread is far wider.
const TOLERANCE_OF_RESAMPLE: f64 = 1e-4;
/// Weight above which one class takes nearly all of the images.
const NEARLY_ALL: f64 = 0.9;
const MOST_ROUNDS: usize = 1000;
/// Resamples behind an interval.
const RESAMPLES: usize = 200;
/// Resamples beyond either end of a 95 % interval.
const BEYOND: usize = RESAMPLES / 40;

/// The weight of a class, by which predictions are moved towards it or away from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassWeight {
    /// Name of the class.
    pub name: String,
    /// Share of the training images, 0 to 1: the weight without any adaptation.
    pub training: f64,
    /// Weight that the predictions themselves make likeliest; the weights of all classes sum to 1.
    pub weight: f64,
    /// 95 % interval of the weight by a bootstrap over the images (Efron, 1979), no narrower than that of a
    /// count of as many cells. It knows how few the images are, and nothing of how wrong the model is about
    /// them.
    pub interval: [f64; 2],
}

/// Changes probabilities, rows of one value a class, by the class weights that the rows themselves make
/// likeliest, and gives these weights. `training` has the shares that the probabilities were made for, all
/// above 0. A class of probability 0 keeps it.
pub fn adapt(rows: &mut [f32], training: &[f64]) -> Vec<f64> {
    let once = vec![1; rows.len() / training.len()];
    let weights = estimate(rows, &once, training, training.to_vec(), TOLERANCE);
    let factors = ratios(&weights, training);
    for row in rows.chunks_exact_mut(training.len()) {
        let total = total(row, &factors);
        for (value, factor) in row.iter_mut().zip(&factors) {
            *value = (f64::from(*value) * factor / total) as f32;
        }
    }
    weights
}

/// The weights that [`adapt`] has found for rows, which are as they were before, with their 95 % intervals.
/// `names` are the classes.
pub fn with_intervals(rows: &[f32], training: &[f64], weights: &[f64], names: &[String]) -> Vec<ClassWeight> {
    let images = rows.len() / training.len();
    let resample = |number: usize| {
        let mut rng = rng::stream(0, Purpose::Bootstrap, 0, number as u64);
        let mut times = vec![0; images];
        (0..images).for_each(|_| times[rng.random_range(0..images)] += 1);
        estimate(rows, &times, training, weights.to_vec(), TOLERANCE_OF_RESAMPLE)
    };
    let resampled: Vec<Vec<f64>> = (0..RESAMPLES).into_par_iter().map(resample).collect();
    let interval = |class: usize| {
        let mut found: Vec<f64> = resampled.iter().map(|weights| weights[class]).collect();
        found.sort_by(f64::total_cmp);
        // the estimate itself is always inside; and no method knows a share better than by counting the cells
        let [low, high] = wilson((weights[class] * images as f64).round() as u64, images as u64);
        [
            found[BEYOND].min(weights[class]).min(low),
            found[RESAMPLES - 1 - BEYOND].max(weights[class]).max(high),
        ]
    };
    let weight = |(class, name): (usize, &String)| ClassWeight {
        name: name.clone(),
        training: training[class],
        weight: weights[class],
        interval: interval(class),
    };
    names.iter().enumerate().map(weight).collect()
}

/// A sentence on weights of which one class takes nearly all, though it has not nearly all of the training
/// images: more often the model is wrong than the images are all alike.
pub fn doubt(weights: &[ClassWeight]) -> Option<String> {
    let nearly_all =
        weights.iter().find(|class| class.weight > NEARLY_ALL && class.training < 0.5 * class.weight)?;
    Some(format!(
        "the weights give {} nearly all of the images ({:.1} %; {:.1} % in training): more likely the model is wrong about \
         them than they are all alike; do not use --adapt-prevalence unless you know that they are",
        nearly_all.name,
        100.0 * nearly_all.weight,
        100.0 * nearly_all.training
    ))
}

/// The weights that rows make likeliest, each of which counts so many times, by expectation maximisation
/// that begins at `weights`.
fn estimate(
    rows: &[f32],
    times: &[u32],
    training: &[f64],
    mut weights: Vec<f64>,
    tolerance: f64,
) -> Vec<f64> {
    let images = times.len() as f64;
    for _ in 0..MOST_ROUNDS {
        let factors = ratios(&weights, training);
        let mut sums: Vec<f64> = training.iter().map(|share| PSEUDO_COUNT * share).collect();
        for (row, times) in rows.chunks_exact(training.len()).zip(times).filter(|(_, times)| **times > 0) {
            let scale = f64::from(*times) / total(row, &factors);
            for (sum, (value, factor)) in sums.iter_mut().zip(row.iter().zip(&factors)) {
                *sum += f64::from(*value) * factor * scale;
            }
        }
        let next: Vec<f64> = sums.iter().map(|sum| sum / (images + PSEUDO_COUNT)).collect();
        let change = next.iter().zip(&weights).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        weights = next;
        if change < tolerance {
            break;
        }
    }
    weights
}

/// The sum of the values of a row, each times its factor.
fn total(row: &[f32], factors: &[f64]) -> f64 {
    row.iter().zip(factors).map(|(value, factor)| f64::from(*value) * factor).sum()
}

fn ratios(weights: &[f64], training: &[f64]) -> Vec<f64> {
    weights.iter().zip(training).map(|(weight, training)| weight / training).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::argmax;

    /// Images that a number describes, normally distributed about -1 in class 0 and about 1 in class 1, so
    /// many of each, and their exact probabilities for classes that are equally common.
    fn rows(counts: [usize; 2]) -> (Vec<f32>, Vec<usize>) {
        let mut rng = rng::stream(3, Purpose::Synthetic, 0, 0);
        let mut normal = || (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
        let labels: Vec<usize> = [0, 1].iter().flat_map(|class| vec![*class; counts[*class]]).collect();
        let row = |label: &usize| {
            let first = 1.0 / (1.0 + (2.0 * (normal() + 2.0 * *label as f64 - 1.0)).exp());
            [first as f32, 1.0 - first as f32]
        };
        (labels.iter().flat_map(row).collect(), labels)
    }

    fn right(rows: &[f32], labels: &[usize]) -> usize {
        rows.chunks_exact(2).zip(labels).filter(|(row, label)| argmax(row) == **label).count()
    }

    #[test]
    fn shares_are_found_and_used() {
        let (mut rows, labels) = rows([2700, 300]);
        let before = right(&rows, &labels);
        let shares = adapt(&mut rows, &[0.5, 0.5]);
        assert!((shares[0] - 0.9).abs() < 0.02, "{shares:?}");
        // 84.1 % before and 92.2 % after, in expectation
        let after = right(&rows, &labels);
        assert!(before < 2600 && after > 2700, "{before}, {after}");
        assert!(rows.chunks_exact(2).all(|row| (row[0] + row[1] - 1.0).abs() < 1e-5));
        let mean = rows.chunks_exact(2).map(|row| f64::from(row[0])).sum::<f64>() / 3000.0;
        assert!((mean - shares[0]).abs() < 0.005, "{mean}, {shares:?}");
    }

    #[test]
    fn where_nothing_differs_little_changes() {
        let (before, labels) = rows([1500, 1500]);
        let mut after = before.clone();
        let shares = adapt(&mut after, &[0.5, 0.5]);
        assert!((shares[0] - 0.5).abs() < 0.02, "{shares:?}");
        assert!(right(&after, &labels).abs_diff(right(&before, &labels)) < 30);
    }

    #[test]
    fn few_images_do_not_make_their_own_prior() {
        let mut one = vec![0.6, 0.3, 0.1];
        adapt(&mut one, &[0.2, 0.3, 0.5]);
        assert!((one[0] - 0.6).abs() < 0.1, "{one:?}");
        assert_eq!(adapt(&mut [], &[0.5, 0.5]), [0.5, 0.5]);
    }

    #[test]
    fn what_is_impossible_stays_so() {
        let mut rows = [0.0, 0.3, 0.7, 0.0, 0.9, 0.1].repeat(50);
        let shares = adapt(&mut rows, &[0.4, 0.3, 0.3]);
        assert!(rows.chunks_exact(3).all(|row| row[0] == 0.0 && (row[1] + row[2] - 1.0).abs() < 1e-6));
        assert!(shares[0] < 0.04, "{shares:?}");
    }

    #[test]
    fn intervals_hold_the_weight_and_narrow_with_more_images() {
        let names = ["a", "b"].map(String::from);
        let found = |counts| {
            let (before, _) = rows(counts);
            let weights = adapt(&mut before.clone(), &[0.5, 0.5]);
            let weights = with_intervals(&before, &[0.5, 0.5], &weights, &names);
            let ClassWeight { weight, training, interval: [low, high], .. } = weights[0];
            assert!(low < weight && weight < high, "{weights:?}");
            assert_eq!((training, weights[0].name.as_str()), (0.5, "a"));
            [low, high]
        };
        let ([low, high], [few_low, few_high]) = (found([2700, 300]), found([90, 10]));
        assert!(low < 0.9 && 0.9 < high, "{low} {high}");
        assert!(high - low < 0.5 * (few_high - few_low) && high - low > 0.01, "{low} {high}");
        let alone = with_intervals(&[], &[0.5, 0.5], &[0.5, 0.5], &names);
        assert_eq!(alone[1].interval, [0.0, 1.0]);
    }

    #[test]
    fn weights_at_the_edge_have_an_interval_and_are_doubted() {
        let names = ["monocyte", "platelet"].map(String::from);
        let rows = [1.0, 0.0].repeat(351);
        let training = [0.125, 0.875];
        let weights = adapt(&mut rows.clone(), &training);
        let weights = with_intervals(&rows, &training, &weights, &names);
        let ClassWeight { weight, interval: [low, high], .. } = weights[0];
        assert!(weight > 0.97 && low < weight - 0.01 && high > weight + 0.005, "{weights:?}");
        let said = doubt(&weights).unwrap();
        assert!(
            said.starts_with(
                "the weights give monocyte nearly all of the images (97.6 %; 12.5 % in training)"
            ),
            "{said}"
        );
        let usual = [ClassWeight { weight: 0.6, ..weights[0].clone() }];
        assert_eq!(doubt(&usual), None);
    }
}
