//! Shortcuts: properties that predict the class without a look at the cell. A model would learn them in its
//! place.

use crate::audit::check::{Check, Evidence, Need};
use crate::audit::finding::{Finding, worst_first};
use crate::audit::measurements::measured::Measured;
use crate::audit::statistics::contingency::{Contingency, describe};
use crate::error::Result;

pub(crate) const CHECK: Check = Check {
    name: "shortcut",
    about: "image size, background colour or compression predicts the class",
    advice: "A model will learn it instead of the cells: mix the sources within every class, or bring all images to one size, \
             compression and colour.",
    needs: Need::Labels,
    // Cramer's V of 0.3: a strong association for so many classes (Cohen, 1988)
    threshold: 0.7,
    run,
};

/// A property of a picture that should say nothing about its class.
struct Property {
    name: &'static str,
    value: fn(&Measured) -> Option<f64>,
}

const PROPERTIES: &[Property] = &[
    Property { name: "the size of the image", value: |m| Some(f64::from(m.width) * f64::from(m.height)) },
    Property {
        name: "the proportions of the image",
        value: |m| Some(f64::from(m.width) / f64::from(m.height)),
    },
    Property { name: "the brightness of the background", value: |m| Some(m.colour.background.iter().sum()) },
    Property { name: "the red of the background", value: |m| Some(ratio(m, 0)) },
    Property { name: "the blue of the background", value: |m| Some(ratio(m, 2)) },
    Property { name: "the JPEG compression of the file", value: |m| m.quality.jpeg_setting },
];

/// A channel of the background relative to green.
fn ratio(measured: &Measured, channel: usize) -> f64 {
    (measured.colour.background[channel] + 1.0) / (measured.colour.background[1] + 1.0)
}

/// A property is cut into so many bins at most.
const BINS: usize = 10;

fn run(check: &Check, evidence: &Evidence, threshold: f64) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for property in PROPERTIES {
        let edges = edges(evidence.values(property.value)?);
        let mut association = Contingency::new(evidence.source, edges.len() + 1);
        evidence.measured.each(|image, measured| {
            if let Some(value) = (property.value)(measured) {
                association.count(image, edges.partition_point(|edge| *edge <= value));
            }
        })?;
        let Some(association) = association.association() else { continue };
        let score = 1.0 - association.cramers_v;
        if score < threshold {
            let detail = format!("{} predicts the class: {}", property.name, describe(&association));
            findings.push(check.data_set(score, detail));
        }
    }
    Ok(worst_first(findings))
}

/// The edges of bins of about equally many values; equal values share one.
fn edges(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let mut edges: Vec<f64> =
        (1..BINS).filter_map(|bin| values.get(bin * values.len() / BINS).copied()).collect();
    edges.dedup();
    edges
}
