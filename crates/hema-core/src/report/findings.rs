//! The findings of an evaluation: means over conditions, and where the model fails most.
//!
//! No interval is given for a mean over the conditions of several suites; each suite has its own.

use super::paired;
use crate::metrics::ReliabilityBin;
use crate::record::{ConditionScores, Evaluation};

/// Reads an evaluation; every number is `None` where the record has nothing finite to say.
pub(super) struct Findings<'a> {
    pub(super) evaluation: &'a Evaluation,
    /// The condition of unchanged images.
    pub(super) clean: Option<&'a ConditionScores>,
    /// Every condition with a corruption.
    pub(super) degraded: Vec<&'a ConditionScores>,
}

/// One corruption at all its severities.
pub(super) struct Corruption<'a> {
    pub(super) suite: &'a str,
    pub(super) name: &'a str,
    /// Scores by rising severity.
    pub(super) conditions: Vec<&'a ConditionScores>,
    /// The training recipe used one of its operators: the score says less about unseen trouble.
    pub(super) trained_on: bool,
}

impl Corruption<'_> {
    /// Mean accuracy over the severities.
    pub(super) fn accuracy(&self) -> Option<f64> {
        mean(self.conditions.iter().map(|c| c.scores.accuracy()))
    }
}

/// The class found least often, and the one it is taken for most.
pub(super) struct WeakestClass<'a> {
    pub(super) name: &'a str,
    pub(super) recall: f64,
    pub(super) interval: [f64; 2],
    /// The wrong class given most often, with its count.
    pub(super) taken_for: Option<(&'a str, u64)>,
}

impl<'a> Findings<'a> {
    pub(super) fn of(evaluation: &'a Evaluation) -> Self {
        let conditions = &evaluation.conditions;
        Self {
            evaluation,
            clean: conditions.iter().find(|c| c.corruption.is_none()),
            degraded: conditions.iter().filter(|c| c.corruption.is_some()).collect(),
        }
    }

    /// The condition whose classes, confusion and mistakes are shown: that of unchanged images when there is
    /// one.
    pub(super) fn shown(&self) -> Option<&'a ConditionScores> {
        self.clean.or(self.degraded.first().copied())
    }

    pub(super) fn clean_accuracy(&self) -> Option<f64> {
        self.clean.map(|c| c.scores.accuracy()).filter(|a| a.is_finite())
    }

    /// The headline: mean accuracy over all degraded conditions.
    pub(super) fn degraded_accuracy(&self) -> Option<f64> {
        self.degraded_mean(|c| c.scores.accuracy())
    }

    /// 95 % interval of the mean accuracy over all degraded conditions, where they are of one suite.
    pub(super) fn degraded_interval(&self) -> Option<[f64; 2]> {
        match self.evaluation.suites.as_slice() {
            [only] => Some(only.accuracy_interval),
            _ => None,
        }
    }

    /// The mean of a score over all degraded conditions.
    pub(super) fn degraded_mean(&self, score: impl Fn(&ConditionScores) -> f64) -> Option<f64> {
        mean(self.degraded.iter().map(|c| score(c)))
    }

    /// Mean recall of a class over the degraded conditions in which it occurs.
    pub(super) fn degraded_recall(&self, class: usize) -> Option<f64> {
        let scores = self.degraded.iter().filter_map(|c| c.scores.per_class.get(class));
        mean(scores.filter(|s| s.support > 0).map(|s| s.recall))
    }

    /// Which unchanged images of a class are named rightly; `None` where the record does not say.
    pub(super) fn right_of_class(&self, name: &str) -> Option<Vec<i64>> {
        let data = &self.evaluation.data;
        let class = data.classes.iter().position(|class| class == name)?;
        let before: u64 = data.counts.iter().take(class).sum();
        let end = before + data.counts.get(class)?;
        paired::right(self.clean)?.get(before as usize..end as usize).map(<[i64]>::to_vec)
    }

    /// The corruptions, in the record's order.
    pub(super) fn corruptions(&self) -> Vec<Corruption<'a>> {
        let mut corruptions: Vec<Corruption> = Vec::new();
        for condition in &self.degraded {
            let Some(name) = condition.corruption.as_deref() else { continue };
            let suite = condition.suite.as_str();
            match corruptions.iter_mut().find(|c| c.suite == suite && c.name == name) {
                Some(known) => known.conditions.push(condition),
                None => corruptions.push(Corruption {
                    suite,
                    name,
                    conditions: vec![condition],
                    trained_on: !condition.trained_on.is_empty(),
                }),
            }
        }
        for corruption in &mut corruptions {
            corruption.conditions.sort_by_key(|c| c.severity);
        }
        corruptions
    }

    /// The suites of the degraded conditions, in the record's order.
    pub(super) fn suites(&self) -> Vec<&'a str> {
        let mut suites = Vec::new();
        for condition in &self.degraded {
            if !suites.contains(&condition.suite.as_str()) {
                suites.push(condition.suite.as_str());
            }
        }
        suites
    }

    /// The corruption with the lowest mean accuracy.
    pub(super) fn worst_corruption(&self) -> Option<Corruption<'a>> {
        let scored = self.corruptions().into_iter().filter_map(|c| Some((c.accuracy()?, c)));
        scored.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, c)| c)
    }

    /// The single condition with the lowest accuracy.
    pub(super) fn worst_condition(&self) -> Option<&'a ConditionScores> {
        let finite = self.degraded.iter().filter(|c| c.scores.accuracy().is_finite());
        finite.min_by(|a, b| a.scores.accuracy().total_cmp(&b.scores.accuracy())).copied()
    }

    /// The class with the lowest recall under the condition shown; nothing when every class is found every
    /// time.
    pub(super) fn weakest_class(&self) -> Option<WeakestClass<'a>> {
        let scores = &self.shown()?.scores;
        let occurring = scores.per_class.iter().enumerate().filter(|(_, c)| c.support > 0 && c.recall < 1.0);
        let (truth, class) = occurring.min_by(|a, b| a.1.recall.total_cmp(&b.1.recall))?;
        let row = scores.confusion.get(truth).into_iter().flatten().enumerate();
        let wrong = row.filter(|(predicted, n)| *predicted != truth && **n > 0).max_by_key(|(_, n)| **n);
        Some(WeakestClass {
            name: &class.name,
            recall: class.recall,
            interval: class.recall_interval,
            taken_for: wrong.map(|(predicted, n)| (self.class_name(predicted), *n)),
        })
    }

    /// The name of a class, or a dash for an index without one.
    pub(super) fn class_name(&self, class: usize) -> &'a str {
        self.evaluation.data.classes.get(class).map_or(super::html::UNKNOWN, String::as_str)
    }

    /// The confusion counts of all degraded conditions added up.
    pub(super) fn degraded_confusion(&self) -> Vec<Vec<u64>> {
        let classes = self.evaluation.data.classes.len();
        let mut sum = vec![vec![0; classes]; classes];
        for condition in &self.degraded {
            for (sum_row, row) in sum.iter_mut().zip(&condition.scores.confusion) {
                for (total, n) in sum_row.iter_mut().zip(row) {
                    *total += n;
                }
            }
        }
        sum
    }

    /// The reliability bins of all degraded conditions put together.
    pub(super) fn degraded_reliability(&self) -> Vec<ReliabilityBin> {
        let mut pooled: Vec<ReliabilityBin> = Vec::new();
        for bin in self.degraded.iter().flat_map(|c| &c.scores.reliability).filter(|b| b.count > 0) {
            match pooled.iter_mut().find(|p| p.low == bin.low && p.high == bin.high) {
                Some(known) => *known = merge(known, bin),
                None => pooled.push(bin.clone()),
            }
        }
        pooled
    }
}

/// A condition's name for readers, not escaped.
pub(super) fn condition_name(condition: &ConditionScores) -> String {
    match condition.corruption.as_deref().map(|name| name.replace('_', " ")) {
        Some(name) if condition.severity > 0 => format!("{name}, severity {}", condition.severity),
        Some(name) => name,
        None => "unchanged images".into(),
    }
}

/// Mean confidence minus accuracy over the bins: above zero, the model claims more than it delivers.
pub(super) fn overconfidence(bins: &[ReliabilityBin]) -> Option<f64> {
    let total: u64 = bins.iter().map(|b| b.count).sum();
    let excess: f64 =
        bins.iter().filter(|b| b.count > 0).map(|b| b.count as f64 * (b.confidence - b.accuracy)).sum();
    (total > 0 && excess.is_finite()).then(|| excess / total as f64)
}

fn merge(a: &ReliabilityBin, b: &ReliabilityBin) -> ReliabilityBin {
    let count = a.count + b.count;
    let weigh = |x: f64, y: f64| (x * a.count as f64 + y * b.count as f64) / count.max(1) as f64;
    ReliabilityBin {
        low: a.low,
        high: a.high,
        count,
        confidence: weigh(a.confidence, b.confidence),
        accuracy: weigh(a.accuracy, b.accuracy),
    }
}

/// The mean of the finite values; `None` without any.
pub(super) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.filter(|v| v.is_finite()).fold((0.0, 0u32), |(sum, n), v| (sum + v, n + 1));
    (n > 0).then(|| sum / f64::from(n))
}
