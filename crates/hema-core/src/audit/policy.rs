//! The policy: which images stay, by the actions of the findings.

use super::finding::{Action, Finding};

/// Whether each of `images` images goes into the cleaned set: it does unless some finding drops it. That a
/// copy of every picture stays, and none of a conflict, is decided where the findings are made; a person
/// decides otherwise by editing their actions.
pub fn kept(findings: &[Finding], images: usize) -> Vec<bool> {
    let mut kept = vec![true; images];
    drop_found(&mut kept, findings);
    kept
}

/// Marks the images that findings drop.
pub(super) fn drop_found(kept: &mut [bool], findings: &[Finding]) {
    for finding in findings.iter().filter(|finding| finding.action == Action::Drop) {
        finding.image.into_iter().for_each(|image| kept[image] = false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_drop_among_many_findings_is_enough() {
        let finding = |image, action| Finding {
            check: "unreadable",
            image,
            score: 0.0,
            cluster: None,
            partner: Some(0),
            detail: String::new(),
            action,
        };
        let findings = [
            finding(Some(1), Action::Keep),
            finding(Some(1), Action::Drop),
            finding(Some(1), Action::Review),
            finding(Some(2), Action::Review),
            finding(Some(3), Action::Keep),
            finding(None, Action::Drop),
        ];
        assert_eq!(kept(&findings, 4), [true, false, true, true]);
        assert_eq!(kept(&[], 2), [true, true]);
    }
}
