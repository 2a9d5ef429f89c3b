//! Images whose pixels are the same, whatever their files look like.

use super::check::{Action, Check, Evidence, Finding, Need};
use super::copies::{Copied, Group};
use super::duplicates::Kind;

pub(super) const CHECK: Check = Check {
    name: "exact_duplicate",
    about: "the same pixels as another image under the same label",
    advice: "Keep one of them.",
    needs: Need::Images,
    threshold: 1.0,
    run,
};

fn run(check: &Check, evidence: &Evidence, threshold: f64) -> Vec<Finding> {
    evidence.duplicates.report(&[Kind::SameLabel], threshold, |duplicated| {
        let group = &duplicated.group;
        let exact = group.copies.iter().filter(|copied| has_same_pixels(evidence, group, copied));
        let finding = |copied: &Copied| Finding {
            partner: Some(group.kept),
            action: Action::Drop,
            ..check.image(copied.image, 0.0, detail(evidence, group.kept, copied.image).to_owned())
        };
        exact.map(finding).collect()
    })
}

/// Whether a copy is one to the pixel.
pub(super) fn has_same_pixels(evidence: &Evidence, group: &Group, copied: &Copied) -> bool {
    match (&evidence.measured[group.kept], &evidence.measured[copied.image]) {
        (Ok(kept), Ok(copy)) => kept.fingerprint.pixels == copy.fingerprint.pixels,
        _ => false,
    }
}

fn detail(evidence: &Evidence, kept: usize, copy: usize) -> &'static str {
    let file = |image: usize| evidence.measured[image].as_ref().ok().and_then(|m| m.fingerprint.file);
    match (file(kept), file(copy)) {
        (Some(kept), Some(copy)) if kept == copy => "the same file",
        (Some(_), Some(_)) => "the same pixels in a file of other bytes",
        _ => "the same pixels",
    }
}
