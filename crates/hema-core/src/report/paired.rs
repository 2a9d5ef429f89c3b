//! Runs that were judged on the same images, compared image by image: which of them is truly the best.

use crate::metrics::paired_p_value;
use crate::record::ConditionScores;

/// A difference that chance brings less often than this is taken for one.
const SIGNIFICANT: f64 = 0.05;

/// What bold means in tables of several runs.
pub(super) const BOLD: &str = "Bold is a best that a paired test over the images tells from every other run; the more \
                               rows, the larger a difference must be.";

/// Number of conditions under which each image is named rightly, class by class.
pub(super) type Right = Vec<i64>;

/// Adds up outcomes over conditions; `None` where there are none, or the record does not keep them.
pub(super) fn right<'a>(conditions: impl IntoIterator<Item = &'a ConditionScores>) -> Option<Right> {
    let mut sums: Option<Right> = None;
    for condition in conditions {
        let outcomes = condition.right.of(condition.scores.n as usize)?.map(i64::from);
        match &mut sums {
            None => sums = Some(outcomes.collect()),
            Some(sums) if sums.len() == outcomes.len() => {
                sums.iter_mut().zip(outcomes).for_each(|(sum, right)| *sum += right);
            }
            Some(_) => return None,
        }
    }
    sums
}

/// The best of several runs, and the other run that it is hardest to tell from.
pub(super) struct Contest {
    pub(super) best: usize,
    pub(super) rival: usize,
    /// How often chance alone would bring a difference as large as that of the two.
    pub(super) p: f64,
    /// Whether the best differs from every other run by more than chance.
    pub(super) is_clear: bool,
}

/// Compares the run with the highest value with every other; `None` where there are not two, or where they
/// cannot be paired. The more comparisons stand beside this one, `rows` of them, the stricter (Bonferroni).
pub(super) fn contest(values: &[Option<f64>], rights: &[Option<Right>], rows: usize) -> Option<Contest> {
    let scored = || values.iter().enumerate().filter_map(|(run, value)| Some((run, (*value)?)));
    let (best, _) = scored().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let others: Vec<usize> = scored().map(|(run, _)| run).filter(|run| *run != best).collect();
    let p_values: Option<Vec<(usize, f64)>> = others
        .iter()
        .map(|other| Some((*other, p_value(rights[best].as_ref()?, rights[*other].as_ref()?)?)))
        .collect();
    let (rival, p) = p_values?.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(Contest { best, rival, p, is_clear: is_significant(p, rows * others.len()) })
}

/// Whether a difference of this `p` is more than chance, as one of so many comparisons (Bonferroni).
pub(super) fn is_significant(p: f64, comparisons: usize) -> bool {
    p < SIGNIFICANT / comparisons.max(1) as f64
}

/// How often chance alone would bring a difference as large as that of two runs on the same images.
pub(super) fn p_value(a: &Right, b: &Right) -> Option<f64> {
    let differences: Vec<i64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    (a.len() == b.len()).then(|| paired_p_value(&differences))
}

/// The run that a paired test tells from every other, as the best of `values`; `None` where there is no such
/// run.
pub(super) fn clear_best(values: &[Option<f64>], rights: &[Option<Right>], rows: usize) -> Option<usize> {
    contest(values, rights, rows).filter(|contest| contest.is_clear).map(|contest| contest.best)
}

/// A probability of chance, for readers.
pub(super) fn p_text(p: f64) -> String {
    match p {
        ..0.001 => "p &lt; 0.001".into(),
        ..0.01 => format!("p = {p:.3}"),
        _ => format!("p = {p:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_is_bold_only_where_a_test_tells_it_from_every_other() {
        let run = |right: usize| Some([vec![1; right], vec![0; 48 - right]].concat());
        let values = |rights: &[Option<Right>]| -> Vec<Option<f64>> {
            rights.iter().map(|right| Some(right.as_ref()?.iter().sum::<i64>() as f64)).collect()
        };
        let best = |rights: &[Option<Right>], rows| clear_best(&values(rights), rights, rows);
        assert_eq!(best(&[run(40), run(43)], 1), None, "three images more are chance");
        assert_eq!(best(&[run(30), run(43)], 1), Some(1));
        assert_eq!(best(&[run(30), run(43), run(42)], 1), None, "the second is as good");
        assert_eq!(best(&[run(36), run(43)], 1), Some(1));
        assert_eq!(best(&[run(36), run(43)], 9), None, "one of nine such rows is chance");
        assert_eq!(best(&[None, run(43)], 1), None);
        assert_eq!(clear_best(&[Some(0.5), Some(0.9)], &[None, run(43)], 1), None);
    }
}
