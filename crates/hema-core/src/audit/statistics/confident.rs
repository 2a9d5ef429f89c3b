//! Confident learning (Northcutt, Jiang and Chuang, 2021, arXiv 1911.00068): which labels are wrong, by how
//! often a model that did not train on an image is confident of another class than its label's.
//!
//! Counts and choices are those of cleanlab 2's `find_label_issues`. Left out on purpose: several labels an
//! image, and its guarantee that an example of every class survives, as nothing is removed here.

/// Confidence that falls short of a threshold by less than this reaches it.
const ROUNDING: f64 = 1e-6;

/// Whether a label is probably wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Suspicion {
    /// Nothing speaks against it.
    None,
    /// The image is among those of its label that speak most for another class, as many as the joint
    /// counts of labels and classes say (cleanlab's `prune_by_noise_rate`).
    ByNoiseRate,
    /// The image is also among those that speak least for the label (cleanlab's `both`).
    ByBoth,
}

/// Judges the labels of images by predicted probabilities, a row an image, all rows of one length.
pub(crate) fn judge(labels: &[usize], probabilities: &[&[f32]]) -> Vec<Suspicion> {
    let classes = probabilities.first().map_or(0, |row| row.len());
    let rows: Vec<Vec<f64>> =
        probabilities.iter().map(|row| row.iter().copied().map(f64::from).collect()).collect();
    let joint = joint(labels, &confident_guesses(labels, &rows, classes), classes);
    let mut suspicions = vec![Suspicion::None; labels.len()];
    for given in 0..classes {
        let images: Vec<usize> = (0..labels.len()).filter(|i| labels[*i] == given).collect();
        if images.len() < 2 {
            continue;
        }
        for other in (0..classes).filter(|other| *other != given) {
            let margin = |i: usize| rows[i][given] - rows[i][other];
            for image in smallest(&images, margin, joint[given][other]) {
                suspicions[image] = Suspicion::ByNoiseRate;
            }
        }
        let wrong = images.len() as i64 - joint[given][given];
        for image in smallest(&images, |i| rows[i][given], wrong) {
            if suspicions[image] == Suspicion::ByNoiseRate {
                suspicions[image] = Suspicion::ByBoth;
            }
        }
    }
    // a label that the model would choose itself, or nearly, is not suspected
    for (i, row) in rows.iter().enumerate() {
        if row.iter().all(|p| *p <= row[labels[i]] + ROUNDING) {
            suspicions[i] = Suspicion::None;
        }
    }
    suspicions
}

/// The class each image is confidently of: one whose probability reaches the mean that images labelled so
/// have; the most probable where there are several.
fn confident_guesses(labels: &[usize], rows: &[Vec<f64>], classes: usize) -> Vec<Option<usize>> {
    let threshold = |class: usize| {
        let own: Vec<f64> = labels
            .iter()
            .zip(rows)
            .filter(|(label, _)| **label == class)
            .map(|(_, row)| row[class])
            .collect();
        // nothing is confidently of a class without images
        if own.is_empty() { 2.0 } else { (own.iter().sum::<f64>() / own.len() as f64).max(2.0 * ROUNDING) }
    };
    let thresholds: Vec<f64> = (0..classes).map(threshold).collect();
    let guess = |row: &Vec<f64>| {
        let mut reached = (0..classes).filter(|class| row[*class] >= thresholds[*class] - ROUNDING);
        let first = reached.next()?;
        Some(if reached.next().is_none() { first } else { argmax(row) })
    };
    rows.iter().map(guess).collect()
}

/// Numbers of images by the class they are labelled and the class they are, estimated from the confident
/// guesses.
fn joint(labels: &[usize], guesses: &[Option<usize>], classes: usize) -> Vec<Vec<i64>> {
    let mut confident = vec![vec![0.0_f64; classes]; classes];
    let mut labelled = vec![0.0_f64; classes];
    for (label, guess) in labels.iter().zip(guesses) {
        labelled[*label] += 1.0;
        if let Some(guess) = guess {
            confident[*label][*guess] += 1.0;
        }
    }
    // calibrated: each label's row sums to its number of images
    for (class, row) in confident.iter_mut().enumerate() {
        row[class] = row[class].max(1.0);
        let sum: f64 = row.iter().sum();
        for count in row {
            *count = *count / sum * labelled[class];
        }
    }
    confident.iter().map(|row| round(row)).collect()
}

/// Rounds to whole numbers with the same sum: the largest remainders make up for what rounding lost or added.
/// Of equal remainders the last comes first when something was lost, which is cleanlab's order.
fn round(values: &[f64]) -> Vec<i64> {
    let mut rounded: Vec<f64> = values.iter().map(|value| value.round_ties_even()).collect();
    let missing = values.iter().sum::<f64>().round() - rounded.iter().sum::<f64>();
    let remainder = |i: &usize| values[*i] - rounded[*i];
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| remainder(a).total_cmp(&remainder(b)));
    if missing > 0.0 {
        order.reverse();
    }
    for i in order.into_iter().take(missing.abs() as usize) {
        rounded[i] += missing.signum();
    }
    rounded.into_iter().map(|value| value as i64).collect()
}

/// The given number of images, with the smallest values.
fn smallest(images: &[usize], value: impl Fn(usize) -> f64, count: i64) -> Vec<usize> {
    let mut order: Vec<(f64, usize)> = images.iter().map(|i| (value(*i), *i)).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    order.into_iter().take(count.max(0) as usize).map(|(_, image)| image).collect()
}

/// The first of the largest values.
fn argmax(row: &[f64]) -> usize {
    (0..row.len()).rev().max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// The findings of cleanlab for the same probabilities, see `scripts/reference/cleanlab_issues.py`.
    #[derive(Deserialize)]
    struct Case {
        labels: Vec<usize>,
        probabilities: Vec<Vec<f32>>,
        prune_by_noise_rate: Vec<usize>,
        both: Vec<usize>,
    }

    #[test]
    fn suspects_are_those_of_cleanlab() {
        let cases: Vec<Case> =
            serde_json::from_str(include_str!("../../../tests/fixtures/cleanlab_issues.json")).unwrap();
        assert!(cases.len() >= 3);
        for (number, case) in cases.iter().enumerate() {
            let rows: Vec<&[f32]> = case.probabilities.iter().map(Vec::as_slice).collect();
            let suspicions = judge(&case.labels, &rows);
            let from = |least| (0..suspicions.len()).filter(|i| suspicions[*i] >= least).collect::<Vec<_>>();
            assert_eq!(from(Suspicion::ByNoiseRate), case.prune_by_noise_rate, "case {number}");
            assert_eq!(from(Suspicion::ByBoth), case.both, "case {number}");
            assert!(!case.both.is_empty());
        }
    }

    #[test]
    fn nothing_and_one_image_are_not_suspected() {
        assert!(judge(&[], &[]).is_empty());
        assert_eq!(judge(&[1], &[&[0.9, 0.1]]), [Suspicion::None]);
    }

    #[test]
    fn rounding_keeps_the_sum() {
        assert_eq!(round(&[0.4, 0.4, 1.2]), [0, 1, 1]);
        assert_eq!(round(&[0.6, 0.6, 0.8]), [0, 1, 1]);
        assert_eq!(round(&[1.5, 2.5]), [2, 2]);
    }
}
