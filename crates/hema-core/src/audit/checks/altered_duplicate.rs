//! Images that show the same picture cropped or turned by an odd angle: their pixels match once one is laid
//! over the other.

use crate::audit::check::{Check, Evidence, Need};
use crate::audit::copies::altered::{LARGEST_DIFFERENCE, Registration};
use crate::audit::copies::duplicates::GroupKind;
use crate::audit::copies::groups::{Change, Copied};
use crate::audit::finding::{Action, Finding};
use crate::error::Result;

pub(crate) const CHECK: Check = Check {
    name: "altered_duplicate",
    about: "the same picture as another image under the same label, cropped or turned by an odd angle",
    advice: "Look at the pairs; keep one of each where they are copies.",
    needs: Need::CloseLook,
    threshold: LARGEST_DIFFERENCE,
    run,
};

fn run(check: &Check, evidence: &Evidence, threshold: f64) -> Result<Vec<Finding>> {
    evidence.duplicates.report(&[GroupKind::SameLabel], threshold, |duplicated| {
        let kept = duplicated.group.kept;
        let finding = |&Copied { image, similarity, change }: &Copied| {
            let Change::Altered(registration) = change else { return None };
            let detail = format!("{} (similarity {similarity:.4})", changes(&registration).join(", "));
            Some(Finding {
                partner: Some(kept),
                action: Action::Drop,
                ..check.image(image, 1.0 - similarity, detail)
            })
        };
        Ok(duplicated.group.copies.iter().filter_map(finding).collect())
    })
}

/// The changes that made the copy, as far as they show.
fn changes(laid: &Registration) -> Vec<String> {
    /// Smaller turns, in degrees, changes of scale, as a factor, and shifts, as a share of the side, are what
    /// the comparison may err by.
    const TURN: f32 = 0.5;
    const SCALE: f32 = 1.01;
    const SHIFT: f32 = 0.01;
    let mut changes = Vec::new();
    if laid.is_mirrored() {
        changes.push("flipped".to_owned());
    }
    if laid.degrees() >= TURN {
        changes.push(format!("turned by {:.0} degrees", laid.degrees()));
    }
    let scale = laid.scale();
    if scale * SCALE < 1.0 {
        changes.push(format!("cropped to {:.0} % of a side", 100.0 * scale));
    } else if scale > SCALE {
        changes.push(format!("of which the other shows {:.0} % of a side", 100.0 / scale));
    }
    if changes.is_empty() && laid.offset() > SHIFT {
        changes.push(format!("shifted by {:.0} % of a side", 100.0 * laid.offset()));
    }
    if changes.is_empty() {
        changes.push("slightly cropped or turned".to_owned());
    }
    changes
}
