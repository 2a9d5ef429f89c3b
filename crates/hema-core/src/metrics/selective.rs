//! How well probabilities tell right answers from wrong ones: what is left of the errors where the least sure
//! images go to a person.
//!
//! Images of equal probability are taken in the mean over their orders where a number is a mean over
//! thresholds, and together where it is one threshold's, as nobody can part them.

use serde::{Deserialize, Serialize};

use super::mean::mean;
use super::predictions::{Predictions, argmax};

/// Risk whose coverage is recorded.
pub const RISK: f64 = 0.01;

/// Shares of the images that a person looks at.
pub const REFERRED: [f64; 3] = [0.01, 0.02, 0.05];

/// How well probabilities tell right answers from wrong ones.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Selective {
    /// Area under the risk-coverage curve (Geifman and El-Yaniv, 2017): share of errors among the accepted
    /// images, in the mean over thresholds. 0 is best.
    pub aurc: f64,
    /// Area under the generalised risk-coverage curve (Traub et al., 2024): errors among the accepted images
    /// as a share of all, in the mean over thresholds. 0 is best; for probabilities that say nothing it is
    /// half the share of errors.
    pub augrc: f64,
    /// Largest share of images that can be accepted with at most [`RISK`] of those wrong, 0 to 1: what was
    /// found, no promise.
    pub coverage_at_risk: f64,
    /// Share of the errors that is among the least sure images, for each of [`REFERRED`]; `None` without an
    /// error.
    pub caught: Option<[f64; 3]>,
}

impl Selective {
    /// Measures predictions that pass [`Predictions::check`].
    pub fn new(predictions: &Predictions) -> Self {
        let mut answers: Vec<(f32, bool)> = predictions
            .rows()
            .zip(&predictions.labels)
            .map(|(row, label)| (row[argmax(row)], argmax(row) == *label))
            .collect();
        answers.sort_by(|a, b| b.0.total_cmp(&a.0));
        Self::of(&answers)
    }

    /// The mean over several conditions, of each number over those that have it; `None` of none.
    pub fn mean(conditions: &[Self]) -> Option<Self> {
        let of = |read: fn(&Self) -> f64| mean(conditions.iter().map(read));
        let with_errors: Vec<[f64; 3]> = conditions.iter().filter_map(|condition| condition.caught).collect();
        let caught = |at: usize| mean(with_errors.iter().map(|caught| caught[at])).unwrap_or_default();
        Some(Self {
            aurc: of(|one| one.aurc)?,
            augrc: of(|one| one.augrc)?,
            coverage_at_risk: of(|one| one.coverage_at_risk)?,
            caught: (!with_errors.is_empty()).then(|| std::array::from_fn(caught)),
        })
    }

    /// Answers, a probability and whether it is right each, the surest first; at least one.
    fn of(answers: &[(f32, bool)]) -> Self {
        let all = answers.len() as f64;
        let (mut aurc, mut augrc, mut coverage_at_risk) = (0.0, 0.0, 0.0);
        // errors among the images accepted so far, after each of them
        let mut errors = vec![0.0];
        for alike in answers.chunk_by(|a, b| a.0 == b.0) {
            let before = errors[errors.len() - 1];
            let wrong = alike.iter().filter(|(_, right)| !right).count() as f64;
            for number in 1..=alike.len() {
                let now = before + wrong * number as f64 / alike.len() as f64;
                aurc += now / errors.len() as f64 / all;
                augrc += f64::midpoint(now, errors[errors.len() - 1]) / all / all;
                errors.push(now);
            }
            let accepted = (errors.len() - 1) as f64;
            if before + wrong <= RISK * accepted {
                coverage_at_risk = accepted / all;
            }
        }
        let total = errors[answers.len()];
        let caught = |share: f64| {
            let referred = (share * all) as usize;
            (total - errors[answers.len() - referred]) / total
        };
        Self { aurc, augrc, coverage_at_risk, caught: (total > 0.0).then(|| REFERRED.map(caught)) }
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt as _;

    use super::*;
    use crate::rng::{Purpose, stream};

    /// Answers whose probabilities are coarse enough to have ties.
    fn drawn(images: usize, seed: u64) -> Vec<(f32, bool)> {
        let mut rng = stream(seed, Purpose::Synthetic, 0, 0);
        let mut answers: Vec<(f32, bool)> = (0..images)
            .map(|_| {
                let sure = rng.random_range(0..20);
                (sure as f32 / 20.0, rng.random_range(0..25) < sure + 4)
            })
            .collect();
        answers.sort_by(|a, b| b.0.total_cmp(&a.0));
        answers
    }

    /// Every order of a few answers that keeps the surest first.
    fn orders(answers: &[(f32, bool)]) -> Vec<Vec<(f32, bool)>> {
        if answers.is_empty() {
            return vec![Vec::new()];
        }
        let firsts = (0..answers.len()).filter(|i| answers[*i].0 == answers[0].0);
        let with_first = |first: usize| {
            let mut rest = answers.to_vec();
            let chosen = rest.remove(first);
            orders(&rest).into_iter().map(move |order| [vec![chosen], order].concat())
        };
        firsts.flat_map(with_first).collect()
    }

    #[test]
    fn the_area_under_the_curve_is_the_mean_risk_over_all_thresholds_and_orders() {
        for seed in 0..20 {
            let answers: Vec<(f32, bool)> =
                drawn(7, seed).into_iter().map(|(p, right)| ((p * 4.0).floor(), right)).collect();
            let orders = orders(&answers);
            let risk = |order: &Vec<(f32, bool)>| {
                let errors = |k: usize| order[..k].iter().filter(|(_, right)| !right).count() as f64;
                (1..=order.len()).map(|k| errors(k) / k as f64).sum::<f64>() / order.len() as f64
            };
            let expected = orders.iter().map(risk).sum::<f64>() / orders.len() as f64;
            let found = Selective::of(&answers).aurc;
            assert!((found - expected).abs() < 1e-12, "{seed}: {found} {expected}");
        }
    }

    #[test]
    fn the_generalised_area_is_what_the_paper_makes_of_accuracy_and_pairs() {
        // (1 - AUROC) accuracy (1 - accuracy) + (1 - accuracy)^2 / 2, where AUROC is over right and wrong
        for seed in 0..20 {
            let answers = drawn(200, seed);
            let of = |wanted: bool| answers.iter().filter(move |(_, right)| *right == wanted);
            let (right, wrong) = (of(true).count() as f64, of(false).count() as f64);
            let pair = |a: f32, b: f32| if a == b { 0.5 } else { f64::from(u8::from(a > b)) };
            let pairs: f64 = of(true).map(|(a, _)| of(false).map(|(b, _)| pair(*a, *b)).sum::<f64>()).sum();
            let accuracy = right / 200.0;
            let (auroc, error) = (pairs / (right * wrong), 1.0 - accuracy);
            let expected = (1.0 - auroc) * accuracy * error + error * error / 2.0;
            let found = Selective::of(&answers).augrc;
            assert!((found - expected).abs() < 1e-12, "{seed}: {found} {expected}");
        }
    }

    #[test]
    fn coverage_at_risk_is_that_of_the_most_lenient_threshold_that_keeps_it() {
        for seed in 0..20 {
            let answers: Vec<(f32, bool)> =
                drawn(300, seed).into_iter().map(|(p, right)| (p, right || p > 0.7)).collect();
            let keeps = |threshold: f32| {
                let kept = || answers.iter().filter(|(p, _)| *p >= threshold);
                let wrong = kept().filter(|(_, right)| !right).count() as f64;
                (wrong <= RISK * kept().count() as f64).then(|| kept().count() as f64 / 300.0)
            };
            let expected = answers.iter().filter_map(|(p, _)| keeps(*p)).fold(0.0, f64::max);
            assert_eq!(Selective::of(&answers).coverage_at_risk, expected, "{seed}");
            assert!(expected > 0.0);
        }
        assert_eq!(Selective::of(&[(0.9, false), (0.8, true)]).coverage_at_risk, 0.0);
    }

    #[test]
    fn errors_are_caught_among_the_least_sure() {
        // of 200 images the last ten are the least sure: errors at 2, 4, 10 and 100 from the end
        let right = |i: usize| ![198, 196, 190, 100].contains(&i);
        let answers: Vec<(f32, bool)> = (0..200).map(|i| (1.0 - i as f32 / 400.0, right(i))).collect();
        assert_eq!(Selective::of(&answers).caught, Some([0.25, 0.5, 0.75]));
        // all alike: as many as chance catches
        let alike: Vec<(f32, bool)> = (0..200).map(|i| (0.5, i % 10 > 0)).collect();
        let caught = Selective::of(&alike).caught.unwrap();
        assert!(caught.iter().zip(REFERRED).all(|(caught, share)| (caught - share).abs() < 1e-9));
    }

    #[test]
    fn a_model_without_an_error_catches_none_and_keeps_all() {
        let found = Selective::of(&[(0.9, true), (0.4, true)]);
        assert_eq!(found, Selective { aurc: 0.0, augrc: 0.0, coverage_at_risk: 1.0, caught: None });
        let one_error = Selective::of(&[(0.9, true), (0.4, false)]);
        let mean = Selective::mean(&[found, one_error]).unwrap();
        assert_eq!((mean.aurc, mean.coverage_at_risk, mean.caught), (0.125, 0.75, one_error.caught));
        assert_eq!(Selective::mean(&[]), None);
    }

    #[test]
    fn predictions_are_ranked_by_their_largest_probability() {
        let predictions = Predictions {
            classes: vec!["a".into(), "b".into()],
            labels: vec![0, 0, 1],
            probabilities: vec![0.6, 0.4, 0.2, 0.8, 0.1, 0.9],
        };
        let found = Selective::new(&predictions);
        assert_eq!(found, Selective::of(&[(0.9, true), (0.8, false), (0.6, true)]));
    }
}
