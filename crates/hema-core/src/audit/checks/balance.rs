//! Classes with too few images, altogether or in a part of the split.

use crate::audit::check::{Check, Evidence, Need};
use crate::audit::finding::{Finding, worst_first};
use crate::error::Result;
use crate::split::Part;

pub(crate) const CLASS_IMBALANCE: Check = Check {
    name: "class_imbalance",
    about: "a class that is a small fraction of the largest",
    advice: "Judge by balanced accuracy or macro F1, and weight or sample the classes in training.",
    needs: Need::Labels,
    // the largest class is five times as large
    threshold: 0.2,
    run: find_imbalance,
};

pub(crate) const RARE_CLASS: Check = Check {
    name: "rare_class",
    about: "a class of too few images to be learned or judged",
    advice: "Collect more, or leave the class out: neither a model nor a score can be trusted on so few.",
    needs: Need::Labels,
    // 25 images: the 95 % interval of a recall is then wider than 0.3
    threshold: 0.2,
    run: find_rare,
};

pub(crate) const MISSING_PART: Check = Check {
    name: "missing_part",
    about: "a class without an image in a part of the split, or a part without any",
    advice: "Split again, stratified by class.",
    needs: Need::Split,
    threshold: 1.0,
    run: find_missing,
};

/// A class of so many images is not rare.
const ENOUGH: f64 = 125.0;

fn find_imbalance(check: &Check, evidence: &Evidence, threshold: f64) -> Result<Vec<Finding>> {
    let counts = evidence.source.counts();
    let largest = counts.iter().copied().max().unwrap_or(0);
    let finding = |(class, count): (&String, &u64)| {
        let share = *count as f64 / largest.max(1) as f64;
        (*count > 0 && share < threshold).then(|| {
            let times = 1.0 / share;
            check.data_set(
                share,
                format!("`{class}` has {count} images, the largest class {times:.1} times as many"),
            )
        })
    };
    Ok(worst_first(evidence.source.classes().iter().zip(&counts).filter_map(finding).collect()))
}

fn find_rare(check: &Check, evidence: &Evidence, threshold: f64) -> Result<Vec<Finding>> {
    let counts = evidence.source.counts();
    let finding = |(class, count): (&String, &u64)| {
        let score = (*count as f64 / ENOUGH).min(1.0);
        let images = if *count == 1 { "image" } else { "images" };
        (score < threshold).then(|| check.data_set(score, format!("`{class}` has {count} {images}")))
    };
    Ok(worst_first(evidence.source.classes().iter().zip(&counts).filter_map(finding).collect()))
}

fn find_missing(check: &Check, evidence: &Evidence, threshold: f64) -> Result<Vec<Finding>> {
    let classes = evidence.source.classes();
    let mut findings = Vec::new();
    if threshold <= 0.0 {
        return Ok(findings);
    }
    for part in Part::ALL {
        let mut present = vec![false; classes.len()];
        for (entry, own) in evidence.source.entries().iter().zip(evidence.parts) {
            if let (Some(label), true) = (entry.label, *own == Some(part)) {
                present[label] = true;
            }
        }
        if !present.contains(&true) {
            findings.push(check.data_set(0.0, format!("no class has a {part} image")));
            continue;
        }
        let absent = classes.iter().zip(present).filter(|(_, present)| !present);
        findings
            .extend(absent.map(|(class, _)| check.data_set(0.0, format!("`{class}` has no {part} image"))));
    }
    Ok(findings)
}
