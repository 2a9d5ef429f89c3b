//! Images that show the same picture in other pixels: compressed again, resized, flipped, turned, made
//! brighter.

use crate::audit::check::{Check, Evidence, Need};
use crate::audit::copies::duplicates::GroupKind;
use crate::audit::copies::groups::{Change, LARGEST_DIFFERENCE};
use crate::audit::finding::{Action, Finding};
use crate::audit::measurements::fingerprint::Fingerprint;
use crate::audit::measurements::measured::Measured;
use crate::audit::measurements::orientation::Orientation;
use crate::error::Result;

pub(crate) const CHECK: Check = Check {
    name: "near_duplicate",
    about: "nearly the same picture as another image under the same label, perhaps flipped or turned",
    advice: "Look at the pairs; keep one of each where they are copies.",
    needs: Need::Images,
    threshold: LARGEST_DIFFERENCE,
    run,
};

fn run(check: &Check, evidence: &Evidence, threshold: f64) -> Result<Vec<Finding>> {
    evidence.duplicates.report(&[GroupKind::SameLabel], threshold, |duplicated| {
        let group = &duplicated.group;
        let kept = Compared::read(evidence, group.kept)?;
        let mut findings = Vec::new();
        for copied in &group.copies {
            let Change::Oriented(orientation) = copied.change else { continue };
            let copy = Compared::read(evidence, copied.image)?;
            if copy.fingerprint.pixels != kept.fingerprint.pixels {
                let changes = changes(&kept, &copy, orientation);
                let detail = format!("{} (similarity {:.4})", changes.join(", "), copied.similarity);
                findings.push(Finding {
                    partner: Some(group.kept),
                    action: Action::Drop,
                    ..check.image(copied.image, 1.0 - copied.similarity, detail)
                });
            }
        }
        Ok(findings)
    })
}

/// One of two pictures that are compared.
struct Compared {
    measured: Measured,
    fingerprint: Fingerprint,
}

impl Compared {
    fn read(evidence: &Evidence, image: usize) -> Result<Self> {
        let (measured, fingerprint) = (evidence.measured.get(image)?, evidence.measured.fingerprint(image)?);
        Ok(Self { measured, fingerprint })
    }
}

/// The changes that made the copy, as far as they show.
fn changes(kept: &Compared, copy: &Compared, orientation: Orientation) -> Vec<String> {
    /// A smaller change of light, as a factor, is what compression does.
    const LIGHT: f32 = 1.04;
    let mut changes: Vec<String> = orientation.words().map(str::to_owned).into_iter().collect();
    let (own, usual) = (&copy.measured, &kept.measured);
    // a quarter turn alone swaps the sides
    let (width, height) =
        if orientation.transposed { (own.height, own.width) } else { (own.width, own.height) };
    if (width, height) != (usual.width, usual.height) {
        changes.push(format!("resized from {}x{} to {width}x{height}", usual.width, usual.height));
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
    changes
}
