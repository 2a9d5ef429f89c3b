//! One picture under two labels: at least one of them is wrong, and nothing says which.

use super::check::{Action, Check, Evidence, Finding, Need};
use super::copies::{Copied, Group};
use super::duplicates::Kind;
use crate::data::Source;
use crate::error::Result;

pub(super) const CHECK: Check = Check {
    name: "label_conflict",
    about: "the same picture, or nearly the same, under different labels",
    advice: "Find out which label is right and keep that copy; as long as nobody knows, drop all of them.",
    needs: Need::Labels,
    threshold: 1.0,
    run,
};

/// Whether some images of a group have different labels. An image without one contradicts nothing.
pub(super) fn is_conflict(source: &Source, group: &Group) -> bool {
    let mut labels = group.images().filter_map(|image| source.entry(image).label);
    let first = labels.next();
    labels.any(|label| Some(label) != first)
}

fn run(check: &Check, evidence: &Evidence, threshold: f64) -> Result<Vec<Finding>> {
    let label = |image: usize| evidence.source.entry(image).label;
    evidence.duplicates.report(&[Kind::Conflict], threshold, |duplicated| {
        let group = &duplicated.group;
        let members: Vec<(usize, f64)> = std::iter::once((group.kept, 1.0))
            .chain(group.copies.iter().map(|Copied { image, similarity, .. }| (*image, *similarity)))
            .collect();
        let finding = |&(image, similarity): &(usize, f64)| {
            let own = label(image)?;
            let contradicts = |other: &&(usize, f64)| label(other.0).is_some_and(|label| label != own);
            let (partner, partners) = *members.iter().find(contradicts)?;
            let similarity = similarity.min(partners);
            let name = |label: usize| &evidence.source.classes()[label];
            let detail = format!(
                "is under {}, but the same picture (similarity {similarity:.4}) is under {}",
                name(own),
                name(label(partner)?)
            );
            Some(Finding {
                partner: Some(partner),
                action: Action::Drop,
                ..check.image(image, 1.0 - similarity, detail)
            })
        };
        Ok(members.iter().filter_map(finding).collect())
    })
}
