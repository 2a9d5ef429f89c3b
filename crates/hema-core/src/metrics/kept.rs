//! How many images can be left to a model, and how often it is right about those: accuracy by the lowest
//! probability that is believed.

use serde::{Deserialize, Serialize};

use super::interval::{wilson, wilson_of_share};
use super::predictions::{Predictions, argmax};

/// Lowest probabilities by which images are kept, from none to nearly certain.
pub const THRESHOLDS: [f64; 7] = [0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99];

/// Images of at least some probability, and how often they are named rightly: the others are for a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Kept {
    /// Lowest probability of the most probable class, 0 to 1, by which an image is kept.
    pub threshold: f64,
    /// Images kept.
    pub images: u64,
    /// Share of all images that is kept, 0 to 1.
    pub share: f64,
    /// Share of the kept images that is named rightly; `None` where none is kept.
    pub accuracy: Option<f64>,
    /// 95 % interval of the accuracy (Wilson, 1927); 0 to 1 where none is kept.
    pub accuracy_interval: [f64; 2],
    /// Kept images that are named wrongly.
    pub errors: u64,
}

/// Whether the probability of an image's most probable class reaches the lowest that is believed.
pub fn is_sure(probability: f32, threshold: f64) -> bool {
    // both in 32 bits, so that what reads as the threshold reaches it
    probability >= threshold as f32
}

/// The images that are kept by each of [`THRESHOLDS`]. Predictions must pass [`Predictions::check`].
pub fn kept_by_threshold(predictions: &Predictions) -> Vec<Kept> {
    let answers: Vec<(f32, bool)> = predictions
        .rows()
        .zip(&predictions.labels)
        .map(|(row, label)| (row[argmax(row)], argmax(row) == *label))
        .collect();
    THRESHOLDS.iter().map(|threshold| kept(&answers, *threshold)).collect()
}

/// The images that are kept under several conditions together, each of whose rows stand in the order of
/// [`THRESHOLDS`]: mean shares, and intervals that take the conditions of an image for one.
pub fn kept_under_all(conditions: &[&[Kept]]) -> Vec<Kept> {
    let rows = conditions.iter().map(|rows| rows.len()).min().unwrap_or(0);
    let count = conditions.len() as u64;
    let together = |row: usize| {
        let of = || conditions.iter().map(|rows| &rows[row]);
        // a record may have been edited
        let sum = |count: fn(&Kept) -> u64| of().map(count).fold(0, u64::saturating_add);
        let (images, errors) = (sum(|kept| kept.images), sum(|kept| kept.errors));
        let right = images.saturating_sub(errors);
        Kept {
            threshold: conditions[0][row].threshold,
            images,
            share: of().map(|kept| kept.share).sum::<f64>() / count as f64,
            accuracy: (images > 0).then(|| right as f64 / images as f64),
            accuracy_interval: wilson_of_share(right, images, images.div_ceil(count)),
            errors,
        }
    };
    (0..rows).map(together).collect()
}

/// The answers, a probability and whether it is right each, that are kept by one threshold.
fn kept(answers: &[(f32, bool)], threshold: f64) -> Kept {
    let sure = || answers.iter().filter(|(probability, _)| is_sure(*probability, threshold));
    let images = sure().count() as u64;
    let right = sure().filter(|(_, right)| *right).count() as u64;
    Kept {
        threshold,
        images,
        share: images as f64 / answers.len().max(1) as f64,
        accuracy: (images > 0).then(|| right as f64 / images as f64),
        accuracy_interval: wilson(right, images),
        errors: images - right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_surer_the_images_the_fewer_are_kept_and_errors_are_counted_among_those() {
        let predictions = Predictions {
            classes: vec!["a".into(), "b".into()],
            labels: vec![0, 1, 0, 1],
            probabilities: vec![0.995, 0.005, 0.1, 0.9, 0.4, 0.6, 0.75, 0.25],
        };
        let kept = kept_by_threshold(&predictions);
        let found: Vec<(f64, u64, u64)> =
            kept.iter().map(|kept| (kept.threshold, kept.images, kept.errors)).collect();
        // 0.9 in 32 bits is a little below 0.9, and reaches it all the same
        let expected =
            [(0.0, 4, 2), (0.5, 4, 2), (0.7, 3, 1), (0.8, 2, 0), (0.9, 2, 0), (0.95, 1, 0), (0.99, 1, 0)];
        assert_eq!(found, expected);
        assert_eq!((kept[2].share, kept[2].accuracy), (0.75, Some(2.0 / 3.0)));
        assert_eq!(kept[2].accuracy_interval, wilson(2, 3));
    }

    #[test]
    fn conditions_together_have_mean_shares_and_the_interval_of_the_images_alone() {
        let [first, second] = [0.9, 0.4].map(|p| vec![kept(&[(0.95, true), (p, false)], 0.9)]);
        let together = kept_under_all(&[&first, &second]);
        assert_eq!((together[0].images, together[0].errors, together[0].share), (3, 1, 0.75));
        assert_eq!(together[0].accuracy, Some(2.0 / 3.0));
        let [low, high] = together[0].accuracy_interval;
        assert!(high - low > wilson(2, 3)[1] - wilson(2, 3)[0], "two images, not three: {low} {high}");
        assert!(kept_under_all(&[]).is_empty());
    }

    #[test]
    fn what_keeps_no_image_has_no_accuracy() {
        let kept = kept(&[(0.6, true)], 0.9);
        assert_eq!((kept.images, kept.share, kept.accuracy), (0, 0.0, None));
        assert_eq!(kept.accuracy_interval, [0.0, 1.0]);
    }
}
