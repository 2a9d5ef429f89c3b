//! What predicts the class without a look at the cell: a model would learn it in its place.

use super::check::{Check, Evidence, Finding, Need};
use super::measure::Measured;
use crate::data::Source;

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
    Property { name: "the JPEG compression of the file", value: |m| m.quality.jpeg_quality },
];

/// A channel of the background relative to green.
fn ratio(measured: &Measured, channel: usize) -> f64 {
    (measured.colour.background[channel] + 1.0) / (measured.colour.background[1] + 1.0)
}

/// A property is cut into so many bins at most.
const BINS: usize = 10;

fn run(check: &Check, evidence: &Evidence, threshold: f64) -> Vec<Finding> {
    let finding = |property: &Property| {
        let bins = bins(&evidence.values(property.value));
        let association = Association::of(evidence.source, &bins)?;
        let score = 1.0 - association.cramers_v;
        let detail = || format!("{} predicts the class: {}", property.name, describe(&association));
        (score < threshold).then(|| check.data_set(score, detail()))
    };
    let mut findings: Vec<Finding> = PROPERTIES.iter().filter_map(finding).collect();
    findings.sort_by(|a, b| a.score.total_cmp(&b.score));
    findings
}

/// Bins of about equally many images; equal values share one.
fn bins(values: &[Option<f64>]) -> Vec<Option<usize>> {
    let mut sorted: Vec<f64> = values.iter().flatten().copied().collect();
    sorted.sort_by(f64::total_cmp);
    let mut edges: Vec<f64> =
        (1..BINS).filter_map(|bin| sorted.get(bin * sorted.len() / BINS).copied()).collect();
    edges.dedup();
    values.iter().map(|value| value.map(|value| edges.partition_point(|edge| *edge <= value))).collect()
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

impl Association {
    /// Of labelled images that lie in a bin; `None` unless there are two bins and two classes.
    pub(super) fn of(source: &Source, bins: &[Option<usize>]) -> Option<Self> {
        let rows = bins.iter().flatten().max()? + 1;
        let mut table = vec![vec![0.0_f64; source.classes().len()]; rows];
        for (entry, bin) in source.entries().iter().zip(bins) {
            if let (Some(label), Some(bin)) = (entry.label, bin) {
                table[*bin][label] += 1.0;
            }
        }
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
        Some(Self {
            cramers_v: (corrected / (shrunk(rows).min(shrunk(columns)) - 1.0).max(1e-9)).sqrt().min(1.0),
            rule: table.iter().map(|row| most(row)).sum::<f64>() / total,
            majority: most(&in_column) / total,
        })
    }
}
