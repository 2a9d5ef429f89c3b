//! One picture under two labels: at least one of them is wrong, and nothing says which.

use crate::audit::check::{Check, Evidence, Need};
use crate::audit::copies::duplicates::GroupKind;
use crate::audit::copies::groups::Copied;
use crate::audit::finding::{Action, Finding};
use crate::error::Result;

pub(crate) const CHECK: Check = Check {
    name: "label_conflict",
    about: "the same picture, or nearly the same, under different labels",
    advice: "Find out which label is right and keep that copy; as long as nobody knows, drop all of them.",
    needs: Need::Labels,
    threshold: 1.0,
    run,
};

fn run(check: &Check, evidence: &Evidence, threshold: f64) -> Result<Vec<Finding>> {
    let label = |image: usize| evidence.source.entry(image).label;
    evidence.duplicates.report(&[GroupKind::Conflict], threshold, |duplicated| {
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
