//! The scores of a suite as a whole, from those of its conditions.

use hema_core::metrics::{BALANCED_ACCURACY, ECE, interval_of_mean, interval_of_mean_difference, mean};
use hema_core::record::{ConditionScores, Scores, SuiteScores, unseen_accuracy};
use hema_core::suite::{Suite, relative_errors};

use super::journal::Judged;

/// Seed of every condition: an evaluation of the same model and images always gives the same
/// numbers.
pub(super) const SEED: u64 = 0;

/// Sums up the conditions of one suite; `None` for a suite without any.
pub(super) fn sum_up(
    suite: &Suite,
    size: usize,
    clean: &ConditionScores,
    judged: &[Judged],
) -> Option<SuiteScores> {
    let conditions: Vec<&ConditionScores> = judged.iter().map(|judged| &judged.condition).collect();
    let over = |score: fn(&Scores) -> f64| mean(conditions.iter().map(|condition| score(&condition.scores)));
    let accuracies = by_corruption(&conditions, Scores::accuracy);
    let worst = accuracies.iter().min_by(|a, b| a.1.total_cmp(&b.1))?;
    let errors = by_corruption(&conditions, |scores| 1.0 - scores.number(&BALANCED_ACCURACY));
    let of_worst: Vec<&ConditionScores> =
        conditions.iter().copied().filter(|c| c.corruption.as_deref() == Some(worst.0)).collect();
    let accuracy = over(Scores::accuracy)?;
    let shares = share_right(&conditions);
    let changes: Vec<f64> =
        shares.iter().zip(share_right(&[clean])).map(|(share, clean)| share - clean).collect();
    Some(SuiteScores {
        name: suite.name.clone(),
        size,
        conditions: conditions.len(),
        accuracy,
        accuracy_interval: interval(&conditions),
        change: Some(accuracy - clean.scores.accuracy()),
        change_interval: Some(interval_of_mean_difference(&changes)),
        balanced_accuracy: over(|scores| scores.number(&BALANCED_ACCURACY))?,
        ece: over(|scores| scores.number(&ECE))?,
        worst: worst.0.to_owned(),
        worst_accuracy: worst.1,
        worst_interval: Some(interval(&of_worst)),
        unseen_accuracy: unseen_accuracy(conditions.iter().copied()),
        relative: relative_errors(1.0 - clean.scores.number(&BALANCED_ACCURACY), &errors),
    })
}

/// The mean of a score over the severities of each corruption.
fn by_corruption<'a>(conditions: &[&'a ConditionScores], score: fn(&Scores) -> f64) -> Vec<(&'a str, f64)> {
    let name = |condition: &'a ConditionScores| condition.corruption.as_deref().unwrap_or_default();
    let groups = conditions.chunk_by(|a, b| a.corruption == b.corruption);
    groups
        .filter_map(|group| {
            Some((name(group[0]), mean(group.iter().map(|condition| score(&condition.scores)))?))
        })
        .collect()
}

/// The interval of the mean accuracy over conditions, of a single one its own. Each must keep its outcomes.
pub(crate) fn interval(conditions: &[&ConditionScores]) -> [f64; 2] {
    match conditions {
        [only] => only.scores.accuracy_interval(),
        _ => interval_of_mean(&share_right(conditions)),
    }
}

/// In how many of the conditions each image was named rightly, as a share.
fn share_right(conditions: &[&ConditionScores]) -> Vec<f64> {
    let images = conditions.first().map_or(0, |condition| condition.scores.n as usize);
    let mut shares = vec![0.0; images];
    for outcomes in conditions.iter().filter_map(|condition| condition.right.of(images)) {
        for (share, right) in shares.iter_mut().zip(outcomes) {
            *share += f64::from(u8::from(right)) / conditions.len() as f64;
        }
    }
    shares
}
