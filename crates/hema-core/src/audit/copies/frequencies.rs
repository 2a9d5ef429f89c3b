//! How often pictures are there in each class, so that one planted many times stands out.

use super::groups::Group;
use crate::data::Source;

/// How often the pictures of each class are there: a sorted list of numbers of copies, and 1 for pictures
/// without any.
pub(crate) struct Frequencies(Vec<Vec<usize>>);

impl Frequencies {
    /// The frequencies in a source whose copies are these.
    pub(crate) fn count(source: &Source, groups: &[Group]) -> Self {
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

    /// How often the other pictures are there as a rule (their median) in the class that most of a group's
    /// images are in, by the number of the group's images.
    pub(crate) fn rarity(&self, source: &Source, group: &Group) -> f64 {
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
pub(crate) fn class_counts(source: &Source, images: impl Iterator<Item = usize>) -> Vec<usize> {
    let unlabelled = source.classes().len();
    let mut counts = vec![0; unlabelled + 1];
    images.for_each(|image| counts[source.entry(image).label.unwrap_or(unlabelled)] += 1);
    counts
}
