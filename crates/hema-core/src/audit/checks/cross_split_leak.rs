//! Copies in different parts of a split: a model that was trained on one half of such a pair is judged by the
//! other.

use crate::audit::check::{Check, Evidence, Need};
use crate::audit::copies::duplicates::GroupKind;
use crate::audit::copies::groups::Copied;
use crate::audit::finding::{Action, Finding};
use crate::error::Result;

pub(crate) const CHECK: Check = Check {
    name: "cross_split_leak",
    about: "the same picture, or nearly the same, in different parts of the split",
    advice: "Drop the copies, or split again with all copies in one part.",
    needs: Need::Split,
    threshold: 1.0,
    run,
};

fn run(check: &Check, evidence: &Evidence, threshold: f64) -> Result<Vec<Finding>> {
    evidence.duplicates.report(&[GroupKind::SameLabel, GroupKind::Conflict], threshold, |duplicated| {
        let kept = duplicated.group.kept;
        let finding = |copied: &Copied| {
            let (own, other) = (evidence.parts[copied.image]?, evidence.parts[kept]?);
            let detail = format!("in {own}, but a copy (similarity {:.4}) is in {other}", copied.similarity);
            (own != other).then(|| Finding {
                partner: Some(kept),
                action: Action::Drop,
                ..check.image(copied.image, 1.0 - copied.similarity, detail)
            })
        };
        Ok(duplicated.group.copies.iter().filter_map(finding).collect())
    })
}
