//! What predicts the class without a look at the cell: a model would learn it in its place.

use super::check::{Check, Evidence, Finding, Need, worst_first};
use super::measure::Measured;
use crate::data::Source;
use crate::error::Result;

pub(super) const CHECK: Check = Check {
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

/// How many labelled images of each class lie in each bin.
pub(super) struct Contingency<'a> {
    source: &'a Source,
    /// A row a bin, a column a class.
    table: Vec<Vec<f64>>,
}

/// How much a property says about the class.
pub(super) struct Association {
    /// Cramer's V, corrected for chance (Bergsma, 2013): 0 for nothing, 1 for everything.
    pub(super) cramers_v: f64,
    /// Accuracy of naming each bin's most frequent class.
    rule: f64,
    /// Accuracy of naming the most frequent class of all.
    majority: f64,
}

/// An association in words.
pub(super) fn describe(association: &Association) -> String {
    let Association { cramers_v, rule, majority } = association;
    format!(
        "Cramer's V with the class is {cramers_v:.2}; guessing by it alone is right for {:.0} % of the images, the \
         most frequent class for {:.0} %",
        100.0 * rule,
        100.0 * majority
    )
}

impl<'a> Contingency<'a> {
    /// Of no image yet.
    pub(super) fn new(source: &'a Source, bins: usize) -> Self {
        Self { source, table: vec![vec![0.0; source.classes().len()]; bins] }
    }

    /// Counts an image, if it has a label.
    pub(super) fn count(&mut self, image: usize, bin: usize) {
        if let Some(label) = self.source.entry(image).label {
            self.table[bin][label] += 1.0;
        }
    }

    /// How much the bin says about the class; `None` unless there are two bins and two classes.
    pub(super) fn association(self) -> Option<Association> {
        let Self { source, table } = self;
        let in_row: Vec<f64> = table.iter().map(|row| row.iter().sum()).collect();
        let in_column: Vec<f64> =
            (0..source.classes().len()).map(|label| table.iter().map(|row| row[label]).sum()).collect();
        let total: f64 = in_row.iter().sum();
        let used = |sums: &[f64]| sums.iter().filter(|sum| **sum > 0.0).count() as f64;
        let (rows, columns) = (used(&in_row), used(&in_column));
        if rows < 2.0 || columns < 2.0 {
            return None;
        }
        let mut squared = -1.0; // chi-squared over the number of images
        for (row, row_sum) in table.iter().zip(&in_row) {
            for (count, column_sum) in row.iter().zip(&in_column).filter(|(count, _)| **count > 0.0) {
                squared += count * count / (row_sum * column_sum);
            }
        }
        let corrected = (squared - (rows - 1.0) * (columns - 1.0) / (total - 1.0)).max(0.0);
        let shrunk = |size: f64| size - (size - 1.0).powi(2) / (total - 1.0);
        let most = |counts: &[f64]| counts.iter().copied().fold(0.0, f64::max);
        Some(Association {
            cramers_v: (corrected / (shrunk(rows).min(shrunk(columns)) - 1.0).max(1e-9)).sqrt().min(1.0),
            rule: table.iter().map(|row| most(row)).sum::<f64>() / total,
            majority: most(&in_column) / total,
        })
    }
}
