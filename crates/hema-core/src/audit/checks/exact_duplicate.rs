//! Images whose pixels are the same, whatever their files look like.

use crate::audit::check::{Check, Evidence, Need};
use crate::audit::copies::duplicates::GroupKind;
use crate::audit::finding::{Action, Finding};
use crate::audit::measurements::fingerprint::Fingerprint;
use crate::error::Result;

/// So often no laboratory takes one cell: a person should look at the one that stays too.
const MANY: usize = 10;

pub(crate) const CHECK: Check = Check {
    name: "exact_duplicate",
    about: "the same pixels as another image under the same label",
    advice: "Keep one of them.",
    needs: Need::Images,
    threshold: 1.0,
    run,
};

fn run(check: &Check, evidence: &Evidence, threshold: f64) -> Result<Vec<Finding>> {
    evidence.duplicates.report(&[GroupKind::SameLabel], threshold, |duplicated| {
        let group = &duplicated.group;
        let kept = evidence.measured.fingerprint(group.kept)?;
        let mut findings = Vec::new();
        for copied in &group.copies {
            let copy = evidence.measured.fingerprint(copied.image)?;
            if copy.pixels == kept.pixels {
                findings.push(Finding {
                    partner: Some(group.kept),
                    action: Action::Drop,
                    ..check.image(copied.image, 0.0, detail(&kept, &copy).to_owned())
                });
            }
        }
        if findings.len() + 1 >= MANY {
            let detail = format!("there {} times, as no cell is", findings.len() + 1);
            findings.push(check.image(group.kept, 0.0, detail));
        }
        Ok(findings)
    })
}

fn detail(kept: &Fingerprint, copy: &Fingerprint) -> &'static str {
    match (kept.file, copy.file) {
        (Some(kept), Some(copy)) if kept == copy => "the same file",
        (Some(_), Some(_)) => "the same pixels in a file of other bytes",
        _ => "the same pixels",
    }
}
