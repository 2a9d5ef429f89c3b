//! Pictures that cannot be decoded: truncated, damaged, empty, or no pictures at all.

use crate::audit::check::{Check, Evidence, Need};
use crate::audit::finding::{Action, Finding};
use crate::error::Result;

pub(crate) const CHECK: Check = Check {
    name: "unreadable",
    about: "truncated, damaged or empty files",
    advice: "Copy or download them again; they cannot be used as they are.",
    needs: Need::Images,
    threshold: 1.0,
    run,
};

fn run(check: &Check, evidence: &Evidence, threshold: f64) -> Result<Vec<Finding>> {
    let unreadable = evidence.measured.unreadable().iter().filter(|_| threshold > 0.0);
    // more memory may show that nothing is wrong with it
    let too_large = evidence.measured.too_large();
    let action = |image: &usize| if too_large.contains(image) { Action::Review } else { Action::Drop };
    let finding = |(image, reason): (&usize, &String)| Finding {
        action: action(image),
        ..check.image(*image, 0.0, reason.clone())
    };
    Ok(unreadable.map(finding).collect())
}
