//! Shortcuts: properties that predict the class without a look at the cell. A model would learn them in its
//! place.
//!
//! In small sets every property predicts the class by chance. One is a shortcut if it is strong, and if
//! chance would make one of all properties so strong in one set of a hundred at most.

use crate::audit::check::{Check, Evidence, Need};
use crate::audit::finding::{Finding, worst_first};
use crate::audit::measurements::measured::Measured;
use crate::audit::statistics::contingency::{Association, Contingency, describe};
use crate::audit::statistics::permutation::{between_ranks, chi_squared_tail, p_value, ranks};
use crate::error::Result;
use crate::rng::{Purpose, stream};

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
/// How likely a shortcut may be found where there is none, all properties together.
const FALSE_ALARM: f64 = 0.01;
/// Tests that a property is put to, see [`chance`].
const TESTS: f64 = 2.0;
/// Sets of more labelled images follow the laws of large samples.
const LARGE: usize = 2000;

fn run(check: &Check, evidence: &Evidence, threshold: f64) -> Result<Vec<Finding>> {
    let mut judged = Vec::new();
    for (number, property) in PROPERTIES.iter().enumerate() {
        let edges = edges(evidence.values(property.value)?);
        let mut association = Contingency::new(evidence.source, edges.len() + 1);
        evidence.measured.each(|image, measured| {
            if let Some(value) = (property.value)(measured) {
                association.count(image, edges.partition_point(|edge| *edge <= value));
            }
        })?;
        judged.extend(association.association().map(|association| (number, property, edges, association)));
    }
    // properties that all images share cannot be shortcuts, not even by chance
    let allowed = FALSE_ALARM / (TESTS * judged.len() as f64);
    let mut findings = Vec::new();
    for (number, property, edges, association) in &judged {
        let score = 1.0 - association.cramers_v;
        if score < threshold && chance(evidence, *number, property, edges, association)? < allowed {
            let detail = format!("{} predicts the class: {}", property.name, describe(association));
            findings.push(check.data_set(score, detail));
        }
    }
    Ok(worst_first(findings))
}

/// How likely chance would make a property say so much about the class: the lesser of two tests. The bins
/// tell any relation in many images; the ranks tell in a few whether a class has high or low values.
fn chance(
    evidence: &Evidence,
    number: usize,
    property: &Property,
    edges: &[f64],
    association: &Association,
) -> Result<f64> {
    let (mut values, mut labels) = (Vec::new(), Vec::new());
    evidence.measured.each(|image, measured| {
        let label = evidence.source.entry(image).label;
        if let (Some(value), Some(label), true) = ((property.value)(measured), label, values.len() <= LARGE) {
            values.push(value);
            labels.push(label as u32);
        }
    })?;
    if values.len() > LARGE {
        return Ok(chi_squared_tail(association.chi_squared, association.degrees));
    }
    let classes = evidence.source.classes().len();
    let bins: Vec<usize> = values.iter().map(|v| edges.partition_point(|edge| edge <= v)).collect();
    let ranks = ranks(&values);
    let mut rng = stream(0, Purpose::Look, 1, number as u64);
    let by_bins = p_value(&labels, |labels| between_bins(&bins, labels, classes), &mut rng);
    let by_ranks = p_value(&labels, |labels| between_ranks(&ranks, labels, classes), &mut rng);
    Ok(by_bins.min(by_ranks))
}

/// How unevenly the classes lie in the bins: chi-squared, but for what does not depend on the labels.
fn between_bins(bins: &[usize], labels: &[u32], classes: usize) -> f64 {
    let (mut counts, mut in_bin, mut of_class) = (vec![0.0; BINS * classes], [0.0; BINS], vec![0.0; classes]);
    for (bin, label) in bins.iter().zip(labels) {
        counts[bin * classes + *label as usize] += 1.0;
        in_bin[*bin] += 1.0;
        of_class[*label as usize] += 1.0;
    }
    let of = |(cell, count): (usize, &f64)| match *count {
        0.0 => 0.0,
        count => count * count / (in_bin[cell / classes] * of_class[cell % classes]),
    };
    counts.iter().enumerate().map(of).sum()
}

/// The edges of bins of about equally many values; equal values share one.
fn edges(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let mut edges: Vec<f64> =
        (1..BINS).filter_map(|bin| values.get(bin * values.len() / BINS).copied()).collect();
    edges.dedup();
    edges
}
