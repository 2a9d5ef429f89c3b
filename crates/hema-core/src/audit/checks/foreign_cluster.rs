//! Pictures that do not belong in the set: a logo, a test image or a joke, planted many times, in one class
//! or in all.
//!
//! No look at the picture tells that it is not a cell, but its number does: two photographs of cells are
//! never the same, and an accident of filing repeats a few. So a picture is foreign when it is there more
//! than ten times as often as the pictures of its class are as a rule. Measured against the class, a set
//! whose rare classes were filled up with copies is not taken for one of foreign pictures.

use crate::audit::check::{Check, Evidence, Need};
use crate::audit::copies::duplicates::GroupKind;
use crate::audit::copies::frequencies::class_counts;
use crate::audit::copies::groups::Group;
use crate::audit::finding::{Action, Finding};
use crate::data::Source;
use crate::error::Result;

pub(crate) const CHECK: Check = Check {
    name: "foreign_cluster",
    about: "one picture many times over, which cannot be a cell",
    advice: "Look at one of them and drop them all.",
    needs: Need::Images,
    threshold: 0.1,
    run,
};

fn run(check: &Check, evidence: &Evidence, threshold: f64) -> Result<Vec<Finding>> {
    let counts = evidence.source.counts();
    evidence.duplicates.report(&[GroupKind::Foreign], threshold, |duplicated| {
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
