//! Pictures that do not belong in the set: a logo, a test image or a joke, planted many times, in one class or in all.
//!
//! No look at the picture tells that it is not a cell, but its number does: two photographs of cells are never the
//! same, and an accident of filing repeats a few. So a picture is foreign when it is there more than ten times
//! as often as the pictures of its class are as a rule. Measured against the class, a set whose rare classes were
//! filled up with copies is not taken for one of foreign pictures.

use super::check::{Action, Check, Evidence, Finding, Need};
use super::copies::Group;
use super::duplicates::Kind;
use crate::data::Source;
use crate::error::Result;

pub(super) const CHECK: Check = Check {
    name: "foreign_cluster",
    about: "one picture many times over, which cannot be a cell",
    advice: "Look at one of them and drop them all.",
    needs: Need::Images,
    threshold: 0.1,
    run,
};

/// How often the pictures of each class are there: a sorted list of numbers of copies, and 1 for pictures without any.
pub(super) struct Frequencies(Vec<Vec<usize>>);

impl Frequencies {
    /// Of a source whose copies are these.
    pub(super) fn count(source: &Source, groups: &[Group]) -> Self {
        let mut single = class_counts(source, 0..source.len());
        let mut frequencies = vec![Vec::new(); single.len()];
        for group in groups {
            for (class, count) in class_counts(source, group.images()).into_iter().enumerate() {
                single[class] -= count;
                frequencies[class].extend((count > 0).then_some(count));
            }
        }
        for (frequencies, single) in frequencies.iter_mut().zip(single) {
            frequencies.extend(std::iter::repeat_n(1, single));
            frequencies.sort_unstable();
        }
        Self(frequencies)
    }

    /// How often the other pictures are there as a rule (their median) in the class that most of a group's images are in,
    /// by the number of the group's images.
    pub(super) fn rarity(&self, source: &Source, group: &Group) -> f64 {
        let counts = class_counts(source, group.images());
        let most = (0..counts.len()).rev().max_by_key(|class| counts[*class]).unwrap_or(0);
        let all = &self.0[most];
        let own = all.partition_point(|frequency| *frequency < counts[most]);
        let middle = all.len().saturating_sub(2) / 2;
        let typical = all.get(middle + usize::from(middle >= own)).map_or(1, |frequency| *frequency);
        typical as f64 / counts.iter().sum::<usize>() as f64
    }
}

/// Images of each class among some; those without a label come last.
fn class_counts(source: &Source, images: impl Iterator<Item = usize>) -> Vec<usize> {
    let unlabelled = source.classes().len();
    let mut counts = vec![0; unlabelled + 1];
    images.for_each(|image| counts[source.entry(image).label.unwrap_or(unlabelled)] += 1);
    counts
}

fn run(check: &Check, evidence: &Evidence, threshold: f64) -> Result<Vec<Finding>> {
    let counts = evidence.source.counts();
    evidence.duplicates.report(&[Kind::Foreign], threshold, |duplicated| {
        let detail = detail(evidence.source, &counts, &duplicated.group);
        let finding = |image| Finding {
            partner: Some(duplicated.group.kept).filter(|kept| *kept != image),
            action: Action::Drop,
            ..check.image(image, duplicated.rarity, detail.clone())
        };
        Ok(duplicated.group.images().map(finding).collect())
    })
}

/// How many there are, and how much of each class they make.
fn detail(source: &Source, counts: &[u64], group: &Group) -> String {
    let copies = class_counts(source, group.images());
    let in_class = |((name, copies), all): ((&String, &usize), &u64)| {
        let share = 100.0 * *copies as f64 / *all as f64;
        (*copies > 0).then(|| format!("{copies} of {all} {name} ({share:.1} %)"))
    };
    let classes: Vec<String> =
        source.classes().iter().zip(&copies).zip(counts).filter_map(in_class).collect();
    let separator = if classes.is_empty() { "" } else { ": " };
    format!("one of {} copies of one picture{separator}{}", copies.iter().sum::<usize>(), classes.join(", "))
}
