//! Photographs that overlap: two cuts of one field of view, about neighbouring cells or about one cell. They
//! are no copies, and both may be worth keeping, but what both show must not be on two sides of a split.

use crate::audit::check::{Check, Evidence, Need};
use crate::audit::copies::altered::LARGEST_DIFFERENCE;
use crate::audit::finding::{Finding, worst_first};
use crate::error::Result;

pub(crate) const CHECK: Check = Check {
    name: "overlap",
    about: "pictures that show part of what another shows, cut from the same field of view",
    advice: "Look whether they show the same cell, and keep them in one part of a split.",
    needs: Need::CloseLook,
    threshold: LARGEST_DIFFERENCE,
    run,
};

fn run(check: &Check, evidence: &Evidence, threshold: f64) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (number, pair) in evidence.duplicates.overlaps.iter().enumerate() {
        let score = 1.0 - f64::from(pair.registration.similarity);
        if score >= threshold {
            continue;
        }
        let [a, b] = pair.images;
        for (image, partner) in [(a, b), (b, a)] {
            let share = 100.0 * pair.registration.overlap;
            let differences = differences(evidence, image, partner);
            let detail = format!("shares {share:.0} % of its middle with another picture{differences}");
            findings.push(Finding {
                partner: Some(partner),
                cluster: Some(number),
                ..check.image(image, score, detail)
            });
        }
    }
    Ok(worst_first(findings))
}

/// What makes it worse that two pictures overlap, in words.
fn differences(evidence: &Evidence, image: usize, partner: usize) -> String {
    let label = |image: usize| {
        evidence.source.entry(image).label.map(|label| evidence.source.classes()[label].clone())
    };
    let part = |image: usize| evidence.parts[image].map(|part| part.to_string());
    let told = |word: &str, own: Option<String>, other: Option<String>| match (own, other) {
        (Some(own), Some(other)) if own != other => format!("; it is {word} {own} and that {word} {other}"),
        _ => String::new(),
    };
    told("under", label(image), label(partner)) + &told("in", part(image), part(partner))
}
