//! Images that show the same picture in other pixels: compressed again, resized, flipped, turned, made brighter.

use super::check::{Action, Check, Evidence, Finding, Need};
use super::copies::{Copied, LARGEST_DIFFERENCE};
use super::duplicates::Kind;
use super::exact_duplicate::has_same_pixels;
use super::measure::Measured;

pub(super) const CHECK: Check = Check {
    name: "near_duplicate",
    about: "nearly the same picture as another image under the same label, perhaps flipped or turned",
    advice: "Look at the pairs; keep one of each where they are copies.",
    needs: Need::Images,
    threshold: LARGEST_DIFFERENCE,
    run,
};

fn run(check: &Check, evidence: &Evidence, threshold: f64) -> Vec<Finding> {
    evidence.duplicates.report(&[Kind::SameLabel], threshold, |duplicated| {
        let group = &duplicated.group;
        let Ok(kept) = &evidence.measured[group.kept] else { return Vec::new() };
        let finding = |copied: &Copied| {
            let copy = evidence.measured[copied.image].as_ref().ok()?;
            Some(Finding {
                partner: Some(group.kept),
                action: Action::Drop,
                ..check.image(copied.image, 1.0 - copied.similarity, detail(kept, copy, copied))
            })
        };
        let near = group.copies.iter().filter(|copied| !has_same_pixels(evidence, group, copied));
        near.filter_map(finding).collect()
    })
}

/// What was done to the copy, as far as it shows, and how alike the two still are.
fn detail(kept: &Measured, copy: &Measured, copied: &Copied) -> String {
    /// A smaller change of light, as a factor, is what compression does.
    const LIGHT: f32 = 1.04;
    let mut changes: Vec<String> = copied.orientation.words().map(str::to_owned).into_iter().collect();
    // a quarter turn alone swaps the sides
    let (width, height) =
        if copied.orientation.transposed { (copy.height, copy.width) } else { (copy.width, copy.height) };
    if (width, height) != (kept.width, kept.height) {
        changes.push(format!("resized from {}x{} to {width}x{height}", kept.width, kept.height));
    }
    let (kept, copy) = (&kept.fingerprint.thumbnail, &copy.fingerprint.thumbnail);
    let light = copy.mean / kept.mean.max(1.0);
    let contrast = copy.spread() / kept.spread();
    if !(1.0 / LIGHT..LIGHT).contains(&light) {
        changes.push(if light > 1.0 { "made brighter" } else { "made darker" }.to_owned());
    } else if !(1.0 / LIGHT..LIGHT).contains(&contrast) {
        changes.push(if contrast > 1.0 { "given more contrast" } else { "given less contrast" }.to_owned());
    }
    if changes.is_empty() {
        changes.push("compressed again or slightly changed".to_owned());
    }
    format!("{} (similarity {:.4})", changes.join(", "), copied.similarity)
}
