//! How common each class is among images that nobody has labelled, and predictions that take it into account.
//!
//! A model's probabilities hold for a population like the one it was trained on. Where classes are otherwise
//! distributed, as in the blood of another patient or the pictures of another laboratory, Bayes' rule
//! exchanges the prior, and the prior itself follows from the predictions by expectation maximisation
//! (Saerens, Latinne and Decaestecker, "Adjusting the outputs of a classifier to new a priori probabilities",
//! Neural Computation 14, 2002).
//!
//! Left out on purpose: other differences between two populations. The method takes the images of a class to
//! look alike in both.

/// Number of images with the training's distribution that are counted in: a few images alone must not make
/// their own prior.
const PSEUDO_COUNT: f64 = 10.0;
/// The largest change of a share after which the estimate is final.
const TOLERANCE: f64 = 1e-7;
const MOST_ROUNDS: usize = 1000;

/// Changes probabilities, rows of one value a class, to those for the class shares that the rows themselves
/// make likeliest, and gives these shares. `training` has the shares that the probabilities were made for,
/// all above 0. A class of probability 0 keeps it.
pub fn adapt(rows: &mut [f32], training: &[f64]) -> Vec<f64> {
    let classes = training.len();
    let images = (rows.len() / classes) as f64;
    let mut shares = training.to_vec();
    for _ in 0..MOST_ROUNDS {
        let factors = ratios(&shares, training);
        let mut sums: Vec<f64> = training.iter().map(|share| PSEUDO_COUNT * share).collect();
        for row in rows.chunks_exact(classes) {
            let total = total(row, &factors);
            for (sum, (value, factor)) in sums.iter_mut().zip(row.iter().zip(&factors)) {
                *sum += f64::from(*value) * factor / total;
            }
        }
        let next: Vec<f64> = sums.iter().map(|sum| sum / (images + PSEUDO_COUNT)).collect();
        let change = next.iter().zip(&shares).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        shares = next;
        if change < TOLERANCE {
            break;
        }
    }
    let factors = ratios(&shares, training);
    for row in rows.chunks_exact_mut(classes) {
        let total = total(row, &factors);
        for (value, factor) in row.iter_mut().zip(&factors) {
            *value = (f64::from(*value) * factor / total) as f32;
        }
    }
    shares
}

/// The sum of the values of a row, each times its factor.
fn total(row: &[f32], factors: &[f64]) -> f64 {
    row.iter().zip(factors).map(|(value, factor)| f64::from(*value) * factor).sum()
}

fn ratios(shares: &[f64], training: &[f64]) -> Vec<f64> {
    shares.iter().zip(training).map(|(share, training)| share / training).collect()
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::metrics::argmax;
    use crate::rng::{self, Purpose};

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
}
