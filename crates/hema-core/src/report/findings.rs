//! The findings of an evaluation: means over the conditions of each suite, and where the model fails most.
//!
//! Left out on purpose: means over the conditions of several suites, which ask different questions.

use super::paired::{self, Right};
use crate::metrics::{ReliabilityBin, interval_of_mean, wilson};
use crate::record::{ConditionScores, Evaluation, SuiteScores};

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
    /// The training recipe used all of its operators: the score says less about unseen trouble.
    pub(super) trained_on: bool,
    /// It draws its operators anew for every image: its name says nothing.
    pub(super) is_drawn: bool,
}

impl Corruption<'_> {
    /// Mean accuracy over the severities.
    pub(super) fn accuracy(&self) -> Option<f64> {
        mean(self.conditions.iter().map(|c| c.scores.accuracy()))
    }
}

/// The conditions of one suite, and what they come to.
pub(super) struct SuiteMeans<'a> {
    pub(super) name: &'a str,
    pub(super) conditions: Vec<&'a ConditionScores>,
    /// Its row in the record; `None` in older ones.
    pub(super) scores: Option<&'a SuiteScores>,
}

impl SuiteMeans<'_> {
    /// Mean accuracy over the conditions.
    pub(super) fn accuracy(&self) -> Option<f64> {
        self.mean(|c| c.scores.accuracy())
    }

    /// 95 % interval of the mean accuracy over the images.
    pub(super) fn interval(&self) -> Option<[f64; 2]> {
        match self.conditions.as_slice() {
            [only] => Some(only.scores.accuracy_interval()),
            _ => self.scores.map(|scores| scores.accuracy_interval),
        }
    }

    /// The mean of a score over the conditions.
    pub(super) fn mean(&self, score: impl Fn(&ConditionScores) -> f64) -> Option<f64> {
        mean(self.conditions.iter().map(|c| score(c)))
    }

    /// Mean recall of a class over the conditions in which it occurs.
    pub(super) fn recall(&self, class: usize) -> Option<f64> {
        let scores = self.conditions.iter().filter_map(|c| c.scores.per_class.get(class));
        mean(scores.filter(|s| s.support > 0).map(|s| s.recall))
    }

    /// The reliability bins of all conditions put together, by rising probability.
    pub(super) fn reliability(&self) -> Vec<ReliabilityBin> {
        let mut pooled: Vec<ReliabilityBin> = Vec::new();
        for bin in self.conditions.iter().flat_map(|c| &c.scores.reliability).filter(|b| b.count > 0) {
            match pooled.iter_mut().find(|p| p.low == bin.low && p.high == bin.high) {
                Some(known) => *known = merge(known, bin),
                None => pooled.push(bin.clone()),
            }
        }
        pooled.sort_by(|a, b| a.low.total_cmp(&b.low));
        pooled
    }
}

/// The classes found least often, and what the first of them is taken for most.
pub(super) struct WeakestClass<'a> {
    /// The classes of the lowest recall, those with the most images first: more than one where they tie.
    pub(super) names: Vec<&'a str>,
    pub(super) recall: f64,
    /// Interval of the first.
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

    /// The suites of the degraded conditions, in the record's order.
    pub(super) fn suites(&self) -> Vec<SuiteMeans<'a>> {
        let mut suites: Vec<SuiteMeans> = Vec::new();
        for condition in &self.degraded {
            match suites.iter_mut().find(|suite| suite.name == condition.suite) {
                Some(known) => known.conditions.push(condition),
                None => suites.push(SuiteMeans {
                    name: &condition.suite,
                    conditions: vec![condition],
                    scores: self.evaluation.suites.iter().find(|scores| scores.name == condition.suite),
                }),
            }
        }
        suites
    }

    /// Which unchanged images of a class are named rightly; `None` where the record does not say.
    pub(super) fn right_of_class(&self, name: &str) -> Option<Right> {
        let class = self.evaluation.data.classes.iter().position(|class| class == name)?;
        self.of_class(class, &paired::right(self.clean)?)
    }

    /// 95 % interval of the mean recall of a class under conditions, over its images.
    pub(super) fn recall_interval(&self, class: usize, conditions: &[&ConditionScores]) -> Option<[f64; 2]> {
        let right = self.of_class(class, &paired::right(conditions.iter().copied())?)?;
        let shares: Vec<f64> = right.iter().map(|right| *right as f64 / conditions.len() as f64).collect();
        (!shares.is_empty()).then(|| interval_of_mean(&shares))
    }

    /// The part of all images' outcomes, class by class, that is of one class.
    fn of_class(&self, class: usize, all: &Right) -> Option<Right> {
        let counts = &self.evaluation.data.counts;
        let before: u64 = counts.iter().take(class).sum();
        let end = before + counts.get(class)?;
        all.get(before as usize..end as usize).map(<[i64]>::to_vec)
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
                    trained_on: condition.is_trained_on(),
                    is_drawn: condition.is_drawn,
                }),
            }
        }
        for corruption in &mut corruptions {
            corruption.conditions.sort_by_key(|c| c.severity);
        }
        corruptions
    }

    /// The single condition with the lowest accuracy.
    pub(super) fn worst_condition(&self) -> Option<&'a ConditionScores> {
        let finite = self.degraded.iter().filter(|c| c.scores.accuracy().is_finite());
        finite.min_by(|a, b| a.scores.accuracy().total_cmp(&b.scores.accuracy())).copied()
    }

    /// The class with the lowest recall under the condition shown, and those that tie with it. Nothing where
    /// every class is found every time, or where its images are too few to tell it from the others.
    pub(super) fn weakest_class(&self) -> Option<WeakestClass<'a>> {
        let scores = &self.shown()?.scores;
        let occurring = || scores.per_class.iter().enumerate().filter(|(_, c)| c.support > 0);
        let lowest = occurring().map(|(_, c)| c.recall).min_by(f64::total_cmp)?;
        let (mut weakest, others): (Vec<_>, Vec<_>) = occurring().partition(|(_, c)| c.recall <= lowest);
        weakest.sort_by_key(|(_, c)| std::cmp::Reverse(c.support));
        let (truth, class) = *weakest.first()?;
        let found: f64 = others.iter().map(|(_, c)| c.recall * c.support as f64).sum();
        let images: u64 = others.iter().map(|(_, c)| c.support).sum();
        // each share lies outside the interval of the other
        let [low, _] = wilson(found.round() as u64, images);
        if images == 0 || class.recall >= low || class.recall_interval[1] >= found / images as f64 {
            return None;
        }
        let row = scores.confusion.get(truth).into_iter().flatten().enumerate();
        let wrong = row.filter(|(predicted, n)| *predicted != truth && **n > 0).max_by_key(|(_, n)| **n);
        Some(WeakestClass {
            names: weakest.into_iter().map(|(_, class)| class.name.as_str()).collect(),
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
}

/// A condition's name for readers, not escaped.
pub(super) fn condition_name(condition: &ConditionScores) -> String {
    match condition.corruption.as_deref().map(|name| name.replace('_', " ")) {
        Some(name) if condition.severity > 0 => format!("{name}, severity {}", condition.severity),
        Some(name) => name,
        None => "unchanged images".into(),
    }
}

/// Mean probability of the names given; `None` without any.
pub(super) fn mean_probability(bins: &[ReliabilityBin]) -> Option<f64> {
    let total: u64 = bins.iter().map(|b| b.count).sum();
    let sum: f64 = bins.iter().filter(|b| b.count > 0).map(|b| b.count as f64 * b.confidence).sum();
    (total > 0 && sum.is_finite()).then(|| sum / total as f64)
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
